//! Door counters: how many people came in and went out.
//!
//! Counters of all makes can say this much, so there is one form, in JSON over MQTT, as columns of a CSV file and as a line
//! of an observation log:
//!
//! | field | what |
//! |-------|------|
//! | `at` | when; over MQTT the time of arrival if it is missing |
//! | `zone`, `floor` | the place whose doors it watches; an entrance or perimeter zone, or neither: the whole site |
//! | `counter` | which, where a place has several: their counts add up |
//! | `entered`, `left` | people since it last said something |
//! | `inside` | people inside, where it knows |

use crate::log::{LineError, unknown};
use crate::names::Names;
use serde::Deserialize;
use visit_core::observation::{CountedPlace, DoorCount};
use visit_core::time::Timestamp;

/// Most people a counter can mean.
const MOST: i64 = 1_000_000;

/// What a counter said, in its own words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// Id of a zone.
    pub zone: Option<&'a str>,
    /// Id of a floor.
    pub floor: Option<&'a str>,
    /// Its name.
    pub counter: Option<&'a str>,
    /// Came in.
    pub entered: Option<i64>,
    /// Went out.
    pub left: Option<i64>,
    /// Are inside.
    pub inside: Option<i64>,
}

impl Said<'_> {
    /// What that means on the map.
    pub fn observe(&self, at: Timestamp, names: &Names) -> Result<DoorCount, LineError> {
        let place = match (self.zone.filter(|z| !z.is_empty()), self.floor.filter(|f| !f.is_empty())) {
            (Some(zone), _) => {
                let ix = *names.zones.get(zone).ok_or_else(|| unknown("zone", zone))?;
                if names.doors.contains(&ix) { CountedPlace::Site } else { CountedPlace::Zone(ix) }
            }
            (None, Some(floor)) => {
                CountedPlace::Floor(*names.floors.get(floor).ok_or_else(|| unknown("floor", floor))?)
            }
            (None, None) => CountedPlace::Site,
        };
        if self.entered.is_none() && self.left.is_none() && self.inside.is_none() {
            return Err(LineError::Missing("entered"));
        }
        let people = |n: Option<i64>, field| match n {
            Some(n) if !(0..=MOST).contains(&n) => {
                Err(LineError::Bad { field, wanted: "a number of people (0…1000000)" })
            }
            n => Ok(n.map(|n| n as u32)),
        };
        Ok(DoorCount {
            at,
            place,
            counter: name_hash(self.counter.or(self.zone).unwrap_or("")),
            entered: people(self.entered, "entered")?.unwrap_or(0),
            left: people(self.left, "left")?.unwrap_or(0),
            inside: people(self.inside, "inside")?,
        })
    }
}

/// FNV-1a.
fn name_hash(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// What a counter sends: one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Message {
    kind: Option<String>,
    at: Option<String>,
    zone: Option<String>,
    floor: Option<String>,
    counter: Option<String>,
    entered: Option<i64>,
    left: Option<i64>,
    inside: Option<i64>,
}

/// The message of a counter: an object whose `kind` is `count`; nothing where it is something else.
pub fn message(bytes: &[u8]) -> Option<Message> {
    let message: Message = serde_json::from_slice(bytes).ok()?;
    (message.kind.as_deref() == Some("count")).then_some(message)
}

impl Message {
    /// What that means on the map; `received` where it says no time.
    pub fn observe(&self, received: Timestamp, names: &Names) -> Result<DoorCount, LineError> {
        let at = match &self.at {
            Some(text) => time(text)?,
            None => received,
        };
        let said = Said {
            zone: self.zone.as_deref(),
            floor: self.floor.as_deref(),
            counter: self.counter.as_deref(),
            entered: self.entered,
            left: self.left,
            inside: self.inside,
        };
        said.observe(at, names)
    }
}

fn time(text: &str) -> Result<Timestamp, LineError> {
    let wanted = "a time as in RFC 3339 (2025-11-21T01:30:00.000Z)";
    Timestamp::parse_rfc3339(text).ok_or(LineError::Bad { field: "at", wanted })
}

/// Whether a table is one of counts: a column is named `entered` or `inside`.
pub fn is_table(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let mut columns = line.split(|b| matches!(b, b',' | b';' | b'\t'));
    columns.any(|c| matches!(c.trim_ascii(), b"entered" | b"inside"))
}

/// The messages of a CSV file with a line of column names, each with its line; or why a line is none. `at` and the names
/// of [`Said`]; other columns are passed over.
pub fn parse_csv(bytes: &[u8]) -> impl Iterator<Item = (u64, Result<Message, LineError>)> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = text.split(|b| *b == b'\n').next().unwrap_or_default();
    let delimiter = [b';', b'\t'].into_iter().find(|d| first.contains(d)).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.flexible(true).trim(csv::Trim::All).delimiter(delimiter).from_reader(text);
    let mut records = reader.into_byte_records();
    let head = records.reader_mut().byte_headers().cloned().unwrap_or_default();
    let column = |name: &str| head.iter().position(|c| c.eq_ignore_ascii_case(name.as_bytes()));
    let columns = ["at", "zone", "floor", "counter", "entered", "left", "inside"].map(column);
    records.map(move |record| match record {
        Ok(record) => (record.position().map_or(0, csv::Position::line), of_record(&record, columns)),
        Err(e) => {
            let why = LineError::Bad { field: "line", wanted: "CSV" };
            (e.position().map_or(0, csv::Position::line), Err(why))
        }
    })
}

fn of_record(record: &csv::ByteRecord, columns: [Option<usize>; 7]) -> Result<Message, LineError> {
    let text = |i: usize| {
        let bytes = columns[i].and_then(|c| record.get(c)).filter(|bytes| !bytes.is_empty());
        let wanted = LineError::Bad { field: "line", wanted: "UTF-8" };
        bytes.map(|b| std::str::from_utf8(b).map(str::to_owned).map_err(|_| wanted)).transpose()
    };
    let number = |i: usize, field| {
        let wanted = "a number of people (0…1000000)";
        text(i)?.map(|t| t.parse::<i64>().map_err(|_| LineError::Bad { field, wanted })).transpose()
    };
    let at = text(0)?.ok_or(LineError::Missing("at"))?;
    time(&at)?;
    Ok(Message {
        kind: None,
        at: Some(at),
        zone: text(1)?,
        floor: text(2)?,
        counter: text(3)?,
        entered: number(4, "entered")?,
        left: number(5, "left")?,
        inside: number(6, "inside")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use visit_core::site::{FloorIx, ZoneIx};

    fn names() -> Names {
        Names {
            zones: [("F1-E1".to_owned(), ZoneIx(0)), ("F1-Z1".to_owned(), ZoneIx(1))].into(),
            floors: [("F1".to_owned(), FloorIx(0))].into(),
            doors: [ZoneIx(0)].into(),
            ..Names::default()
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_counter_at_an_entrance_counts_the_site_and_one_in_a_shop_the_shop() {
        let now = at("2025-11-21T10:00:00Z");
        let one = |text: &str| message(text.as_bytes()).unwrap().observe(now, &names()).unwrap();
        let site = one(r#"{"kind":"count","zone":"F1-E1","entered":3,"left":1}"#);
        assert_eq!((site.at, site.place, site.entered, site.left), (now, CountedPlace::Site, 3, 1));
        assert_ne!(site.counter, one(r#"{"kind":"count","counter":"north","entered":3}"#).counter);
        let shop = one(r#"{"kind":"count","at":"2025-11-21T09:59:00Z","zone":"F1-Z1","inside":12}"#);
        assert_eq!(
            (shop.at, shop.place, shop.inside),
            (at("2025-11-21T09:59:00Z"), CountedPlace::Zone(ZoneIx(1)), Some(12))
        );
        assert_eq!(one(r#"{"kind":"count","floor":"F1","inside":0}"#).place, CountedPlace::Floor(FloorIx(0)));
    }

    #[test]
    fn what_is_wrong_is_said_and_what_is_no_count_is_none() {
        let wrong = |fields: &str| {
            let text = format!("{{\"kind\":\"count\",{fields}}}");
            message(text.as_bytes()).unwrap().observe(Timestamp::MIN, &names()).unwrap_err().to_string()
        };
        assert_eq!(wrong(r#""zone":"F9","entered":3"#), "zone \"F9\" is not in the site map");
        assert_eq!(wrong(r#""zone":"F1-Z1""#), "`entered` is missing");
        assert_eq!(wrong(r#""entered":-1"#), "`entered` is not a number of people (0…1000000)");
        assert!(wrong(r#""entered":1,"at":"noon""#).starts_with("`at` is not a time"));
        for other in [
            r#"{"entered":3}"#,
            r#"{"kind":"receipt","entered":3}"#,
            "[]",
            "",
            "{",
            r#"{"kind":"count","entered":"3"}"#,
        ] {
            assert_eq!(message(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_table_is_read_line_by_line_and_a_wrong_line_costs_no_other() {
        let table = "\u{feff}at,zone,in what room,entered,left\n2025-11-21T10:00:00Z,F1-E1,hall,3,1\nnoon,,,1,1\n2025-11-21T10:05:00+08:00,F1-Z1,,2,\n";
        assert!(is_table(table.as_bytes()) && !is_table(b"at,store,amount\n"));
        let rows: Vec<_> = parse_csv(table.as_bytes()).collect();
        let told: Vec<_> = rows
            .iter()
            .filter_map(|(n, r)| Some((*n, r.as_ref().ok()?.entered, r.as_ref().ok()?.left)))
            .collect();
        assert_eq!(told, [(2, Some(3), Some(1)), (4, Some(2), None)]);
        let (line, wrong) = &rows[1];
        assert_eq!((*line, wrong.as_ref().unwrap_err().to_string().get(..13)), (3, Some("`at` is not a")));
        let (_, none) = parse_csv(b"zeit;entered\n1;2\n").next().unwrap();
        assert_eq!(none.unwrap_err().to_string(), "`at` is missing");
    }
}
