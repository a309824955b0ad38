//! What a commissioning walk taught: for each zone a few places ("references") and how each sensor hears there.
//!
//! Made by [`Calibration::from_scans`]: every scan is blended with its neighbours in time (a phone walks slowly, and
//! one scan misses sensors by chance), then within each zone the most alike are merged until few are left, so that
//! the cost of reading the model is bounded however long the walk was.

use super::MAX_SENSORS;
use crate::identity::EARS;
use crate::site::{SensorIx, Site, ZoneIx};
use crate::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Format of the file; another one is refused.
pub const FORMAT: &str = "edge-agent-calibration/1";

/// References kept for a zone: as many as this …
const PER_ZONE: usize = 12;
/// … but for the whole map hardly more than this; and never fewer for a zone than three.
const IN_ALL: usize = 2400;
/// Scans of a zone that are merged pair by pair; of more, neighbours in time are merged first.
const PAIRED: usize = 400;
/// Time within which scans of a walk are alike, seconds.
const ALIKE_S: f32 = 2.0;
/// A walk that pauses for this long is another walk.
pub(super) const PAUSE: Span = Span::from_secs(100);
/// Nothing is heard below this, dBm: what a sensor that did not hear is taken for when scans are compared.
pub(super) const INAUDIBLE: f32 = -95.0;

/// One scan of the walk: who heard the phone at one moment, in a known zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub zone: ZoneIx,
    /// Who heard it, and how strongly, dBm.
    pub heard: Vec<(SensorIx, i8)>,
}

/// What a commissioning walk taught.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// [`FORMAT`].
    pub format: String,
    /// Site it was made for.
    pub site: String,
    /// Scans it was made from.
    pub scans: u64,
    /// Zones of which a stay in one is now and then taken for one in the other.
    #[serde(default)]
    pub confusions: Vec<Confusion>,
    /// The references, by zone.
    pub references: Vec<Reference>,
}

/// A stay in one zone that is taken for one in another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confusion {
    /// The zone.
    pub zone: String,
    /// The other one.
    pub taken_for: String,
    /// Share of stays.
    pub share: f32,
}

/// A place within a zone, and how it is heard from there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The zone.
    pub zone: String,
    /// Scans it stands for.
    pub scans: f32,
    /// Weight of all scans blended into it.
    pub weight: f32,
    /// Sensors that heard the phone there.
    pub heard: Vec<Hearing>,
}

/// How one sensor hears a place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hearing {
    /// The sensor.
    pub sensor: String,
    /// Weight of the scans it heard, out of the reference's `weight`.
    pub weight: f32,
    /// Mean RSSI of those, dBm.
    pub rssi: f32,
}

/// Why a calibration is not for this site map.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Unfit {
    /// Another format.
    #[error("its format is {0:?}; this version reads {FORMAT:?}")]
    Format(String),
    /// Another site.
    #[error("it was made for site {0:?}, the site map is of {1:?}")]
    Site(String, String),
    /// A zone the map does not have.
    #[error(
        "it knows a zone {0:?} that the site map does not have; survey again, or name the zone as before"
    )]
    Zone(String),
    /// A sensor the map does not have.
    #[error(
        "it knows a sensor {0:?} that the site map does not have; survey again, or name the sensor as before"
    )]
    Sensor(String),
    /// A number out of its range.
    #[error(
        "reference {0} (zone {1:?}) has a number out of range: weights are above 0, RSSI lies in -127…20 dBm"
    )]
    Number(usize, String),
    /// A share out of its range.
    #[error("the share of stays in {0:?} that are taken for {1:?} is out of range: 0…1")]
    Share(String, String),
    /// Nothing in it.
    #[error("it has no references")]
    Empty,
}

/// What the running system would take in of a scan: the sensors that heard it most strongly, strongest first. More do not
/// fit into an emission, and a sensor that is left out looks as if it had not heard.
pub(super) fn strongest(scan: &Scan) -> Vec<(SensorIx, i8)> {
    let mut heard = scan.heard.clone();
    heard.sort_by_key(|(sensor, rssi)| (core::cmp::Reverse(*rssi), *sensor));
    heard.truncate(EARS);
    heard
}

/// A scan or several of them, blended or merged.
#[derive(Clone, Debug)]
struct Blend {
    scans: f32,
    weight: f32,
    /// By sensor: weight of the scans that heard it, and the sum of weight × RSSI.
    heard: Vec<(SensorIx, f32, f32)>,
}

impl Calibration {
    /// From the scans of one or several walks, in the order they were made.
    pub fn from_scans(site: &Site, scans: &[Scan]) -> Self {
        let blends = blended(scans);
        let mut by_zone = vec![Vec::new(); site.zones.len()];
        for (scan, blend) in scans.iter().zip(blends) {
            by_zone[usize::from(scan.zone.0)].push(blend);
        }
        let per_zone = places_per_zone(site.zones.len());
        let mut references = Vec::new();
        for (zone, blends) in site.zones.iter().zip(by_zone) {
            let merged = merged(thinned(blends), per_zone);
            references.extend(merged.into_iter().map(|b| b.into_reference(site, &zone.id)));
        }
        Self {
            format: FORMAT.into(),
            site: site.id.clone(),
            scans: scans.len() as u64,
            confusions: Vec::new(),
            references,
        }
    }

    /// With what an assessment of the same walk found to be confused.
    pub fn with_confusions(mut self, site: &Site, assessment: &super::Assessment) -> Self {
        let name = |z: ZoneIx| site.zone(z).id.clone();
        let confusion = |(is, other, share): (ZoneIx, ZoneIx, f32)| Confusion {
            zone: name(is),
            taken_for: name(other),
            share: (share * 1000.0).round() / 1000.0,
        };
        self.confusions = assessment.confused().into_iter().map(confusion).collect();
        self
    }

    /// Whether it is fit for a map; says what is not.
    pub fn check(&self, site: &Site) -> Result<(), Unfit> {
        if self.format != FORMAT {
            return Err(Unfit::Format(self.format.clone()));
        }
        if self.site != site.id {
            return Err(Unfit::Site(self.site.clone(), site.id.clone()));
        }
        if self.references.is_empty() {
            return Err(Unfit::Empty);
        }
        for (i, r) in self.references.iter().enumerate() {
            site.zone_named(&r.zone).ok_or_else(|| Unfit::Zone(r.zone.clone()))?;
            let mut sane = positive(r.scans) && positive(r.weight) && r.heard.len() <= MAX_SENSORS;
            for h in &r.heard {
                site.sensor_named(&h.sensor).ok_or_else(|| Unfit::Sensor(h.sensor.clone()))?;
                sane &= positive(h.weight) && (-127.0..=20.0).contains(&h.rssi);
            }
            if !sane {
                return Err(Unfit::Number(i, r.zone.clone()));
            }
        }
        for c in &self.confusions {
            for zone in [&c.zone, &c.taken_for] {
                site.zone_named(zone).ok_or_else(|| Unfit::Zone(zone.clone()))?;
            }
            if !(0.0..=1.0).contains(&c.share) {
                return Err(Unfit::Share(c.zone.clone(), c.taken_for.clone()));
            }
        }
        Ok(())
    }

    /// Zones of the map it knows nothing of.
    pub fn unvisited<'a>(&self, site: &'a Site) -> Vec<&'a str> {
        let known = |id: &str| self.references.iter().any(|r| r.zone == id);
        site.zones.iter().map(|z| z.id.as_str()).filter(|id| !known(id)).collect()
    }
}

/// How many places a zone has at most.
pub(super) fn places_per_zone(zones: usize) -> usize {
    (IN_ALL / zones.max(1)).clamp(3, PER_ZONE)
}

fn positive(x: f32) -> bool {
    x > 0.0 && x < 1e9
}

/// The walk each scan belongs to.
pub(super) fn walks(scans: &[Scan]) -> Vec<usize> {
    let mut walk = 0;
    let mut walks = Vec::with_capacity(scans.len());
    for (i, scan) in scans.iter().enumerate() {
        if let Some(before) = i.checked_sub(1).map(|b| &scans[b])
            && !(Span::from_secs(0)..PAUSE).contains(&scan.at.since(before.at))
        {
            walk += 1;
        }
        walks.push(walk);
    }
    walks
}

/// Each scan blended with those around it in the same walk, by distance in time.
fn blended(scans: &[Scan]) -> Vec<Blend> {
    let walks = walks(scans);
    let far = 6.0 * ALIKE_S;
    let mut out = Vec::with_capacity(scans.len());
    for (i, scan) in scans.iter().enumerate() {
        let mut blend = Blend { scans: 1.0, weight: 0.0, heard: Vec::new() };
        let apart = |j: usize| (scans[j].at.since(scan.at).as_secs_f32()).abs();
        let near = |j: &usize| walks[*j] == walks[i] && apart(*j) <= far;
        let before = (0..i).rev().take_while(near);
        let after = (i..scans.len()).take_while(near);
        // Sums of floats depend on their order: always oldest first.
        let mut around: Vec<usize> = before.chain(after).collect();
        around.sort_unstable();
        for j in around {
            blend.add(libm::expf(-apart(j) / ALIKE_S), &scans[j].heard);
        }
        out.push(blend);
    }
    out
}

/// At most [`PAIRED`] of them: of more, neighbours are merged.
fn thinned(mut blends: Vec<Blend>) -> Vec<Blend> {
    while blends.len() > PAIRED {
        let mut half = Vec::with_capacity(blends.len().div_ceil(2));
        let mut rest = blends.into_iter();
        while let Some(mut first) = rest.next() {
            if let Some(second) = rest.next() {
                first.merge(&second);
            }
            half.push(first);
        }
        blends = half;
    }
    blends
}

/// Merges the two most alike, by the growth of the sum of squares (Ward, J. Am. Stat. Assoc. 58, 1963), until `left` are left.
fn merged(mut blends: Vec<Blend>, left: usize) -> Vec<Blend> {
    let mut apart: Vec<Vec<f32>> =
        blends.iter().enumerate().map(|(i, a)| blends[..i].iter().map(|b| a.apart(b)).collect()).collect();
    while blends.len() > left {
        let mut nearest = (f32::INFINITY, 0, 0);
        for (i, row) in apart.iter().enumerate() {
            for (j, d) in row.iter().enumerate() {
                if *d < nearest.0 {
                    nearest = (*d, i, j);
                }
            }
        }
        let (_, i, j) = nearest;
        let gone = blends.remove(i);
        apart.remove(i);
        for row in &mut apart[i..] {
            row.remove(i);
        }
        blends[j].merge(&gone);
        for k in 0..blends.len() {
            let d = if k == j { continue } else { blends[k].apart(&blends[j]) };
            if k < j { apart[j][k] = d } else { apart[k][j] = d }
        }
    }
    blends
}

impl Blend {
    fn add(&mut self, w: f32, heard: &[(SensorIx, i8)]) {
        self.weight += w;
        for (sensor, rssi) in heard {
            self.hear(*sensor, w, w * f32::from(*rssi));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.scans += other.scans;
        self.weight += other.weight;
        for (sensor, w, s) in &other.heard {
            self.hear(*sensor, *w, *s);
        }
    }

    fn hear(&mut self, sensor: SensorIx, w: f32, s: f32) {
        match self.heard.binary_search_by_key(&sensor, |(s, ..)| *s) {
            Ok(at) => {
                let (_, weight, sum) = &mut self.heard[at];
                *weight += w;
                *sum += s;
            }
            Err(at) => self.heard.insert(at, (sensor, w, s)),
        }
    }

    /// Growth of the sum of squares if the two became one: of how many dB above inaudible each sensor hears them, silence
    /// included.
    fn apart(&self, other: &Self) -> f32 {
        let level = |blend: &Self, w: f32, s: f32| (s - INAUDIBLE * w) / blend.weight;
        let mut square = 0.0;
        let mut theirs = other.heard.iter().peekable();
        for (sensor, w, s) in &self.heard {
            while theirs.next_if(|(o, ..)| o < sensor).is_some() {}
            let same = theirs.next_if(|(o, ..)| o == sensor);
            let d = level(self, *w, *s) - same.map_or(0.0, |(_, w, s)| level(other, *w, *s));
            square += d * d;
        }
        let mut ours = self.heard.iter().peekable();
        for (sensor, w, s) in &other.heard {
            while ours.next_if(|(o, ..)| o < sensor).is_some() {}
            if ours.next_if(|(o, ..)| o == sensor).is_none() {
                let d = level(other, *w, *s);
                square += d * d;
            }
        }
        square * self.scans * other.scans / (self.scans + other.scans)
    }

    fn into_reference(self, site: &Site, zone: &str) -> Reference {
        let tidy = |x: f32| (x * 1000.0).round() / 1000.0;
        let heard = self
            .heard
            .iter()
            .filter(|(_, w, _)| *w >= 0.001)
            .map(|(sensor, w, sum)| Hearing {
                sensor: site.sensor(*sensor).id.clone(),
                weight: tidy(*w),
                rssi: tidy(sum / w),
            })
            .collect();
        Reference { zone: zone.to_owned(), scans: self.scans, weight: tidy(self.weight), heard }
    }
}
