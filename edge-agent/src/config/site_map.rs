//! Reads the site map file into a [`SiteDraft`].

use super::reader::{Document, Located, Table};
use super::{ConfigErrors, Loaded};
use jiff::tz::TimeZone;
use std::collections::{BTreeSet, HashSet};
use visit_core::site::{
    BeaconDraft, FloorDraft, SensorDraft, Site, SiteDraft, TillDraft, ZoneDraft, closest,
};

/// Reads a site map. `file` names it in messages.
pub(super) fn parse(file: &str, text: &str) -> Result<Loaded<Site>, ConfigErrors> {
    let document = Document::parse(file, text).map_err(ConfigErrors::from)?;
    let draft = draft(&document.root());
    let (places, mut errors, _) = document.finish();
    if let Some(message) = unknown_timezone(&draft.timezone) {
        errors.push(places.at("site.timezone", message));
    }
    // A value that could not be read has a stand-in in the draft; what is wrong with that is no news.
    let known: HashSet<String> = errors.iter().map(|e| e.path.clone()).collect();
    let news = |path: &str| !known.contains(path);
    let locate = |p: visit_core::site::Problem| places.at(&p.path, p.message);
    let (site, warnings) = match Site::build(draft) {
        Ok((site, warnings)) => (Some(site), warnings.into_iter().map(locate).collect()),
        Err(problems) => {
            errors.extend(problems.into_iter().filter(|p| news(&p.path)).map(locate));
            (None, Vec::new())
        }
    };
    match site {
        Some(value) if errors.is_empty() => Ok(Loaded { value, warnings, text: text.to_owned() }),
        _ => Err(ConfigErrors::new(errors, warnings)),
    }
}

/// Every key the reader asks for, such as `zone.floor`.
pub(super) fn keys() -> BTreeSet<String> {
    let document = Document::parse(
        "",
        "site = {}\nfloor = [{}]\nzone = [{}]\nsensor = [{}]\ntill = [{}]\nbeacon = [{}]",
    )
    .unwrap_or_else(|errors| unreachable!("a constant that parses: {errors:?}"));
    draft(&document.root());
    document.finish().2
}

fn draft(root: &Table<'_>) -> SiteDraft {
    let site = root.table("site");
    let draft = SiteDraft {
        id: site.required_string("id", "\"mall-1\""),
        name: site.string("name", "\"Mall One\""),
        timezone: site.required_string("timezone", "\"Asia/Shanghai\""),
        business_day_starts: site.string("business_day_starts", "\"04:00\""),
        floors: read(root, "floor", floor),
        zones: read(root, "zone", zone),
        sensors: read(root, "sensor", sensor),
        tills: read(root, "till", till),
        beacons: read(root, "beacon", beacon),
    };
    site.done();
    root.done();
    draft
}

fn read<T>(root: &Table<'_>, key: &'static str, one: impl Fn(&Table<'_>) -> T) -> Vec<T> {
    let tables = root.tables(key);
    tables
        .into_iter()
        .map(|table| {
            let value = one(&table);
            table.done();
            value
        })
        .collect()
}

fn floor(t: &Table<'_>) -> FloorDraft {
    FloorDraft {
        id: t.required_string("id", "\"F1\""),
        level: required(t, "level", "0", |t| t.integer("level", i64::MIN..=i64::MAX, "0")),
        name: t.string("name", "\"Ground floor\""),
    }
}

fn zone(t: &Table<'_>) -> ZoneDraft {
    ZoneDraft {
        id: t.required_string("id", "\"F1-Z01\""),
        floor: t.required_string("floor", "\"F1\""),
        kind: t.required_string("kind", "\"shop\""),
        name: t.string("name", "\"South hall\""),
        brand: t.string("brand", "\"Brand\""),
        position: required(t, "position", "[12.5, 30.0]", |t| t.pair("position")),
        neighbours: t.strings("neighbours", "[\"F1-Z02\"]").unwrap_or_default(),
    }
}

fn sensor(t: &Table<'_>) -> SensorDraft {
    SensorDraft {
        id: t.required_string("id", "\"F1-S01\""),
        zone: t.required_string("zone", "\"F1-Z01\""),
        position: t.pair("position"),
        radio_offset: t.float("radio_offset", f64::NEG_INFINITY..=f64::INFINITY, "-3.0"),
    }
}

fn till(t: &Table<'_>) -> TillDraft {
    TillDraft {
        id: t.required_string("id", "\"till-F1-Z03\""),
        zone: t.required_string("zone", "\"F1-Z03\""),
        store: t.string("store", "\"L1-023\""),
        feed: t.string("feed", "\"pos-push\""),
    }
}

fn beacon(t: &Table<'_>) -> BeaconDraft {
    let number = |key| required(t, key, "1", |t| t.integer(key, i64::MIN..=i64::MAX, "1"));
    BeaconDraft {
        id: t.required_string("id", "\"F1-B01\""),
        zone: t.required_string("zone", "\"F1-Z01\""),
        uuid: t.required_string("uuid", "\"e2c56db5-dffb-48d2-b060-d0f5a71096e0\""),
        major: number("major"),
        minor: number("minor"),
    }
}

fn required<T: Default>(
    t: &Table<'_>,
    key: &'static str,
    example: &str,
    read: impl Fn(&Table<'_>) -> Option<T>,
) -> T {
    t.present_or_missing(key, example);
    read(t).unwrap_or_default()
}

/// Why this zone is not in the time zone database, or nothing. Names that are no names are found later.
fn unknown_timezone(name: &str) -> Option<String> {
    if name.is_empty() || TimeZone::get(name).is_ok() {
        return None;
    }
    let database = jiff::tz::db();
    let names: Vec<String> = database.available().map(|n| n.as_str().to_owned()).collect();
    Some(match closest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("no time zone {name:?}; did you mean {near:?}?"),
        None => format!("no time zone {name:?}; give its IANA name, such as \"Asia/Shanghai\""),
    })
}

impl From<Vec<Located>> for ConfigErrors {
    fn from(errors: Vec<Located>) -> Self {
        Self::new(errors, Vec::new())
    }
}
