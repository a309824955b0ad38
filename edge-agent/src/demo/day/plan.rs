//! The map as the generator needs it: where things are, and the way from one zone to another.

use visit_core::site::{Site, ZoneKind};

/// A zone of the [`Plan`].
#[derive(Clone, Debug, PartialEq)]
pub struct PlanZone {
    /// Its id in the site map.
    pub id: String,
    /// What people call it; its id where the map gives no name.
    pub name: String,
    /// What it is for.
    pub kind: ZoneKind,
    /// Id of its floor.
    pub floor: String,
    /// Storeys above the ground floor.
    pub level: i16,
    /// Centre, metres. All floors share one origin.
    pub position: [f32; 2],
    /// Indices of the adjoining zones.
    pub neighbours: Vec<usize>,
}

/// A sensor of the [`Plan`].
#[derive(Clone, Debug, PartialEq)]
pub struct PlanSensor {
    /// Its id in the site map.
    pub id: String,
    /// Index of the zone it hangs in.
    pub zone: usize,
    /// Metres.
    pub position: [f32; 2],
    /// How much stronger it reports than the reference, dB.
    pub radio_offset: f32,
}

/// A till of the [`Plan`].
#[derive(Clone, Debug, PartialEq)]
pub struct PlanTill {
    /// Its id in the site map.
    pub id: String,
    /// Index of the zone it stands in.
    pub zone: usize,
    /// The store it belongs to.
    pub store: String,
}

/// What the generator knows of a mall. Positions in the vectors are the `ZoneIx`, `SensorIx` and `TillIx` of
/// the [`Site`] it was made from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Zones.
    pub zones: Vec<PlanZone>,
    /// Sensors.
    pub sensors: Vec<PlanSensor>,
    /// Tills.
    pub tills: Vec<PlanTill>,
}

impl From<&Site> for Plan {
    fn from(site: &Site) -> Self {
        let zone = |z: &visit_core::site::Zone| PlanZone {
            id: z.id.clone(),
            name: z.name.clone().unwrap_or_else(|| z.id.clone()),
            kind: z.kind,
            floor: site.floor(z.floor).id.clone(),
            level: site.floor(z.floor).level,
            position: z.position,
            neighbours: z.neighbours.iter().map(|n| usize::from(n.0)).collect(),
        };
        Self {
            zones: site.zones.iter().map(zone).collect(),
            sensors: site
                .sensors
                .iter()
                .map(|s| PlanSensor {
                    id: s.id.clone(),
                    zone: usize::from(s.zone.0),
                    position: s.position,
                    radio_offset: s.radio_offset,
                })
                .collect(),
            tills: site
                .tills
                .iter()
                .map(|t| PlanTill { id: t.id.clone(), zone: usize::from(t.zone.0), store: t.store.clone() })
                .collect(),
        }
    }
}

impl Plan {
    /// Indices of the zones of a kind.
    pub fn zones_of(&self, kind: ZoneKind) -> impl Iterator<Item = usize> + '_ {
        self.zones.iter().enumerate().filter(move |(_, z)| z.kind == kind).map(|(i, _)| i)
    }

    /// The zones a visitor walks through from one zone to another, the first left out; `None` when there is
    /// no way. Through shops only where nothing else leads on, through staff zones hardly ever.
    pub(super) fn route(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        // Dijkstra in O(n²): a mall has tens of zones, and a person asks a few times in an hour.
        let n = self.zones.len();
        let mut cost = vec![f32::INFINITY; n];
        let mut before = vec![usize::MAX; n];
        let mut settled = vec![false; n];
        *cost.get_mut(from)? = 0.0;
        loop {
            let here = (0..n)
                .filter(|&z| !settled[z] && cost[z].is_finite())
                .min_by(|&a, &b| cost[a].total_cmp(&cost[b]))?;
            if here == to {
                break;
            }
            settled[here] = true;
            for &next in &self.zones[here].neighbours {
                let through = if next == to { 1.0 } else { reluctance(self.zones[next].kind) };
                let step = cost[here] + self.metres(here, next) * through;
                if step < cost[next] {
                    (cost[next], before[next]) = (step, here);
                }
            }
        }
        let mut way: Vec<usize> = core::iter::successors(Some(to), |&z| Some(before[z]))
            .take_while(|&z| z != from)
            .take(n)
            .collect();
        way.reverse();
        Some(way)
    }

    /// Walking distance between the centres of two adjoining zones; a storey counts as 20 m.
    fn metres(&self, a: usize, b: usize) -> f32 {
        let (a, b) = (&self.zones[a], &self.zones[b]);
        let (dx, dy) = (a.position[0] - b.position[0], a.position[1] - b.position[1]);
        libm::hypotf(dx, dy) + 20.0 * f32::from(a.level.abs_diff(b.level)) + 0.1
    }
}

/// How many times longer people would rather walk than go through such a zone.
fn reluctance(kind: ZoneKind) -> f32 {
    match kind {
        ZoneKind::Concourse | ZoneKind::Vertical | ZoneKind::Entrance => 1.0,
        ZoneKind::Shop => 6.0,
        ZoneKind::Perimeter => 12.0,
        ZoneKind::Staff => 50.0,
    }
}
