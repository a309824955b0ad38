//! From draft to site: everything that makes a map unusable, all of it at once.

use super::draft::{Problem, SiteDraft, ZoneDraft};
use super::review::review;
use super::{
    Beacon, Floor, FloorIx, Sensor, SensorIx, Site, Till, TillIx, Zone, ZoneIx, ZoneKind, closest, id_problem,
};
use std::collections::{BTreeSet, HashMap};

impl Site {
    /// Checks a draft. On success the site and what deserves a second look; otherwise everything that must
    /// change before the map can be used.
    pub fn build(draft: SiteDraft) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let mut check = Check::default();
        check.site(&draft);
        let by_level = floors_by_level(&draft);
        let floor_ids = check.ids("floor", draft.floors.iter().map(|f| f.id.as_str()));
        let zone_ids = check.ids("zone", draft.zones.iter().map(|z| z.id.as_str()));
        let sensor_ids = check.ids("sensor", draft.sensors.iter().map(|s| s.id.as_str()));
        let till_ids = check.ids("till", draft.tills.iter().map(|t| t.id.as_str()));
        check.ids("beacon", draft.beacons.iter().map(|b| b.id.as_str()));

        let floors = by_level.iter().map(|&i| check.floor(&draft, i)).collect();
        // Position of each floor of the draft among the sorted ones.
        let mut rank = vec![0u16; by_level.len()];
        for (new, &old) in by_level.iter().enumerate() {
            rank[old] = index(new);
        }
        let floor_by_id: HashMap<_, _> =
            floor_ids.into_iter().map(|(id, i)| (id, FloorIx(rank[usize::from(i)]))).collect();

        let adjacency = check.adjacency(&draft, &zone_ids);
        let zones = (draft.zones.iter().zip(adjacency).enumerate())
            .map(|(i, (z, neighbours))| check.zone(i, z, neighbours, &floor_by_id))
            .collect();
        let sensors = check.sensors(&draft, &zone_ids);
        let tills = check.tills(&draft, &zone_ids);
        let beacons = check.beacons(&draft, &zone_ids);
        let business_day_starts = check.business_day_starts(draft.business_day_starts.as_deref());

        let Check { errors, mut warnings } = check;
        if !errors.is_empty() {
            return Err(errors);
        }
        let site = Self {
            id: draft.id,
            name: draft.name,
            timezone: draft.timezone,
            business_day_starts,
            floors,
            zones,
            sensors,
            tills,
            beacons,
            sensor_by_id: sensor_ids.into_iter().map(|(id, i)| (id, SensorIx(i))).collect(),
            till_by_id: till_ids.into_iter().map(|(id, i)| (id, TillIx(i))).collect(),
            zone_by_id: zone_ids.into_iter().map(|(id, i)| (id, ZoneIx(i))).collect(),
            floor_by_id,
        };
        review(&site, &by_level, &mut warnings);
        Ok((site, warnings))
    }
}

/// Collects what is found on the way. Where a value is wrong a harmless one stands in, so that checking goes
/// on; with any error there is no site.
#[derive(Default)]
struct Check {
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Check {
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.errors.push(Problem::new(path, message));
    }

    fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(Problem::new(path, message));
    }

    fn site(&mut self, draft: &SiteDraft) {
        if let Some(why) = id_problem(&draft.id) {
            self.error("site.id", why);
        }
        if !looks_like_timezone(&draft.timezone) {
            self.error(
                "site.timezone",
                format!(
                    "{:?} is no time zone; give its IANA name, such as \"Asia/Shanghai\"",
                    draft.timezone
                ),
            );
        }
        for (kind, none, example) in [
            ("floor", draft.floors.is_empty(), "id = \"F1\", level = 0"),
            ("zone", draft.zones.is_empty(), "id = \"F1-Z01\", floor = \"F1\", kind = \"entrance\""),
            ("sensor", draft.sensors.is_empty(), "id = \"F1-S01\", zone = \"F1-Z01\""),
        ] {
            if none {
                self.error(kind, format!("there is none; add at least one [[{kind}]] with {example}"));
            }
        }
    }

    fn business_day_starts(&mut self, text: Option<&str>) -> u16 {
        let Some(text) = text else { return DEFAULT_BUSINESS_DAY_STARTS };
        minutes(text).unwrap_or_else(|| {
            let message = format!("{text:?} is no time of day; write \"HH:MM\", such as \"04:00\"");
            self.error("site.business_day_starts", message);
            DEFAULT_BUSINESS_DAY_STARTS
        })
    }

    /// Ids of one kind with their places in the draft.
    fn ids<'a>(&mut self, kind: &str, ids: impl Iterator<Item = &'a str>) -> HashMap<String, u16> {
        let mut found: HashMap<String, u16> = HashMap::new();
        for (i, id) in ids.enumerate() {
            if i > usize::from(MAX_INDEX) {
                self.error(kind, format!("there are more than {} of them", u32::from(MAX_INDEX) + 1));
                break;
            }
            if let Some(why) = id_problem(id) {
                self.error(format!("{kind}[{i}].id"), why);
            } else if let Some(first) = found.get(id) {
                let message = format!("{id:?} is already the id of {kind}[{first}]; ids are unique");
                self.error(format!("{kind}[{i}].id"), message);
            } else {
                found.insert(id.to_owned(), index(i));
            }
        }
        found
    }

    fn floor(&mut self, draft: &SiteDraft, i: usize) -> Floor {
        let f = &draft.floors[i];
        let level = i16::try_from(f.level).ok().filter(|l| LEVELS.contains(l)).unwrap_or_else(|| {
            let message = format!(
                "{} is no storey; 0 is the ground floor, -1 the first below it ({}…{})",
                f.level,
                LEVELS.start(),
                LEVELS.end()
            );
            self.error(format!("floor[{i}].level"), message);
            0
        });
        Floor { id: f.id.clone(), level, name: f.name.clone() }
    }

    fn zone(
        &mut self,
        i: usize,
        z: &ZoneDraft,
        neighbours: BTreeSet<ZoneIx>,
        floors: &HashMap<String, FloorIx>,
    ) -> Zone {
        let floor = floors.get(&z.floor).copied().unwrap_or_else(|| {
            self.unknown(format!("zone[{i}].floor"), "floor", &z.floor, floors.keys());
            FloorIx(0)
        });
        let kind = ZoneKind::NAMES.iter().find(|(name, _)| *name == z.kind).map(|&(_, kind)| kind);
        let kind = kind.unwrap_or_else(|| {
            let names = ZoneKind::NAMES.map(|(name, _)| name);
            let message = match closest(&z.kind, names) {
                Some(name) => format!("no kind {:?}; did you mean {name:?}?", z.kind),
                None => format!("no kind {:?}; there are {}", z.kind, names.join(", ")),
            };
            self.error(format!("zone[{i}].kind"), message);
            ZoneKind::Concourse
        });
        Zone {
            id: z.id.clone(),
            floor,
            kind,
            name: z.name.clone(),
            brand: z.brand.clone(),
            position: self.position(format!("zone[{i}].position"), z.position),
            neighbours: neighbours.into_iter().collect(),
        }
    }

    /// The neighbours of every zone, both ways.
    fn adjacency(&mut self, draft: &SiteDraft, ids: &HashMap<String, u16>) -> Vec<BTreeSet<ZoneIx>> {
        let mut written = vec![BTreeSet::new(); draft.zones.len()];
        let mut places = Vec::new();
        for (i, zone) in draft.zones.iter().enumerate().take(usize::from(MAX_INDEX) + 1) {
            for (j, id) in zone.neighbours.iter().enumerate() {
                let path = format!("zone[{i}].neighbours[{j}]");
                match ids.get(id).map(|&n| usize::from(n)) {
                    None => self.unknown(path, "zone", id, ids.keys()),
                    Some(n) if n == i => self.warn(path, format!("{id:?} is the zone itself; leave it out")),
                    Some(n) if !written[i].insert(n) => self.warn(path, format!("{id:?} is listed twice")),
                    Some(n) => places.push((i, n, path)),
                }
            }
        }
        let mut both: Vec<BTreeSet<ZoneIx>> = vec![BTreeSet::new(); draft.zones.len()];
        for (from, to, path) in places {
            both[from].insert(ZoneIx(index(to)));
            both[to].insert(ZoneIx(index(from)));
            if !written[to].contains(&from) {
                let (here, there) = (&draft.zones[from].id, &draft.zones[to].id);
                let message =
                    format!("one way: zone {there:?} does not list {here:?}; taken as adjoining both ways");
                self.warn(path, message);
            }
        }
        both
    }

    fn sensors(&mut self, draft: &SiteDraft, zones: &HashMap<String, u16>) -> Vec<Sensor> {
        let mut sensors = Vec::with_capacity(draft.sensors.len());
        for (i, s) in draft.sensors.iter().enumerate() {
            let zone = self.zone_reference(format!("sensor[{i}].zone"), &s.zone, zones);
            let centre = draft.zones.get(usize::from(zone.0)).map_or([0.0; 2], |z| z.position);
            let position = match s.position {
                Some(p) => self.position(format!("sensor[{i}].position"), p),
                // Checked with its zone.
                None => centre.map(|x| x as f32),
            };
            let offset = s.radio_offset.unwrap_or(0.0);
            if !offset.is_finite() || offset.abs() > MAX_OFFSET_DB {
                let message =
                    format!("{offset} dB is no offset of a radio; expected −{MAX_OFFSET_DB}…{MAX_OFFSET_DB}");
                self.error(format!("sensor[{i}].radio_offset"), message);
            }
            sensors.push(Sensor { id: s.id.clone(), zone, position, radio_offset: offset as f32 });
        }
        sensors
    }

    fn tills(&mut self, draft: &SiteDraft, zones: &HashMap<String, u16>) -> Vec<Till> {
        let mut tills = Vec::with_capacity(draft.tills.len());
        for (i, t) in draft.tills.iter().enumerate() {
            let zone = self.zone_reference(format!("till[{i}].zone"), &t.zone, zones);
            let place = draft.zones.get(usize::from(zone.0));
            let store = t.store.clone().or_else(|| place?.brand.clone()).unwrap_or_else(|| t.zone.clone());
            if store.trim().is_empty() {
                self.error(format!("till[{i}].store"), "is empty; name the store, or leave the key out");
            }
            tills.push(Till { id: t.id.clone(), zone, store, feed: t.feed.clone() });
        }
        tills
    }

    fn beacons(&mut self, draft: &SiteDraft, zones: &HashMap<String, u16>) -> Vec<Beacon> {
        let mut beacons: Vec<Beacon> = Vec::with_capacity(draft.beacons.len());
        for (i, b) in draft.beacons.iter().enumerate() {
            let zone = self.zone_reference(format!("beacon[{i}].zone"), &b.zone, zones);
            let uuid = uuid(&b.uuid).unwrap_or_else(|| {
                let message =
                    format!("{:?} is no UUID; write it as e2c56db5-dffb-48d2-b060-d0f5a71096e0", b.uuid);
                self.error(format!("beacon[{i}].uuid"), message);
                [0; 16]
            });
            let mut number = |key: &str, n: i64| {
                u16::try_from(n).unwrap_or_else(|_| {
                    self.error(
                        format!("beacon[{i}].{key}"),
                        format!("{n} is no {key} number of a beacon; expected 0…65535"),
                    );
                    0
                })
            };
            let (major, minor) = (number("major", b.major), number("minor", b.minor));
            let same = |o: &Beacon| (o.uuid, o.major, o.minor) == (uuid, major, minor);
            if let Some(first) = beacons.iter().position(same) {
                let message = format!(
                    "has the numbers of beacon[{first}]: which of the two is heard cannot be told; give one of them others"
                );
                self.error(format!("beacon[{i}]"), message);
            }
            beacons.push(Beacon { id: b.id.clone(), zone, uuid, major, minor });
        }
        beacons
    }

    fn zone_reference(&mut self, path: String, id: &str, zones: &HashMap<String, u16>) -> ZoneIx {
        ZoneIx(zones.get(id).copied().unwrap_or_else(|| {
            self.unknown(path, "zone", id, zones.keys());
            0
        }))
    }

    fn position(&mut self, path: String, p: [f64; 2]) -> [f32; 2] {
        if !p.iter().all(|x| x.abs() <= MAX_METRES) {
            let message = format!(
                "[{}, {}] is no place on a plan; metres from the plan's origin, at most {MAX_METRES}",
                p[0], p[1]
            );
            self.error(path, message);
        }
        p.map(|x| x as f32)
    }

    fn unknown<'a>(&mut self, path: String, kind: &str, id: &str, known: impl Iterator<Item = &'a String>) {
        let message = match closest(id, known.map(String::as_str)) {
            Some(near) => format!("no {kind} {id:?}; did you mean {near:?}?"),
            None => format!("no {kind} {id:?}; every {kind} has its own [[{kind}]]"),
        };
        self.error(path, message);
    }
}

/// The draft's floors from the lowest to the highest; of two at one level the first written comes first.
fn floors_by_level(draft: &SiteDraft) -> Vec<usize> {
    let mut order: Vec<usize> = (0..draft.floors.len()).collect();
    order.sort_by_key(|&i| draft.floors[i].level);
    order
}

/// Beyond the limit there is an error already, and no site comes of it.
fn index(i: usize) -> u16 {
    u16::try_from(i).unwrap_or(u16::MAX)
}

/// The shape of an IANA name; whether it exists only a time zone database knows.
fn looks_like_timezone(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.ends_with('/')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-' | b'/'))
}

/// `8-4-4-4-12` hexadecimal digits, either case (RFC 9562 §4).
fn uuid(text: &str) -> Option<[u8; 16]> {
    let groups: Vec<&str> = text.split('-').collect();
    if !groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12])
        || groups.concat().contains(|c: char| !c.is_ascii_hexdigit())
    {
        return None;
    }
    u128::from_str_radix(&groups.concat(), 16).ok().map(u128::to_be_bytes)
}

/// "HH:MM" as minutes after midnight.
fn minutes(text: &str) -> Option<u16> {
    let [h1, h2, b':', m1, m2] = text.as_bytes() else { return None };
    let digit = |c: &u8| c.is_ascii_digit().then(|| u16::from(c - b'0'));
    let (h, m) = (digit(h1)? * 10 + digit(h2)?, digit(m1)? * 10 + digit(m2)?);
    (h < 24 && m < 60).then_some(h * 60 + m)
}

/// 04:00: after the last late shift, before the first cleaner.
const DEFAULT_BUSINESS_DAY_STARTS: u16 = 4 * 60;
/// Indices are `u16`; the last value stays free as a marker.
const MAX_INDEX: u16 = u16::MAX - 1;
/// Storeys. The deepest building has some 15 below ground, the highest 163 above.
const LEVELS: core::ops::RangeInclusive<i16> = -30..=200;
/// Plan coordinates, m: generous for a campus, too small for projected map coordinates, which would eat the
/// precision of an `f32`.
const MAX_METRES: f64 = 20_000.0;
/// Radios differ by some 20 dB.
const MAX_OFFSET_DB: f64 = 60.0;

#[cfg(test)]
mod tests;
