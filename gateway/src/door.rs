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
/// Most counts in one message.
const MESSAGE: usize = 10_000;

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

#[derive(Deserialize)]
struct Message {
    at: Option<String>,
    zone: Option<String>,
    floor: Option<String>,
    counter: Option<String>,
    entered: Option<i64>,
    left: Option<i64>,
    inside: Option<i64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Messages {
    One(Box<Message>),
    Many(Vec<Message>),
}

/// The counts of a message: one JSON object, or an array of them. Of several the first that is wrong is told, and none
/// is taken.
pub fn parse_json(bytes: &[u8], received: Timestamp, names: &Names) -> Result<Vec<DoorCount>, LineError> {
    let messages: Messages =
        serde_json::from_slice(bytes).map_err(|e| LineError::NotJson { column: e.column() })?;
    let messages = match messages {
        Messages::One(message) => vec![*message],
        Messages::Many(messages) => messages,
    };
    if messages.len() > MESSAGE {
        return Err(LineError::Bad { field: "message", wanted: "at most 10000 counts" });
    }
    messages.iter().map(|m| m.observe(received, names)).collect()
}

impl Message {
    fn observe(&self, received: Timestamp, names: &Names) -> Result<DoorCount, LineError> {
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

/// A line of a CSV file that could not be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct CsvProblem {
    /// From 1.
    pub line: u64,
    /// Why.
    pub why: LineError,
}

/// The counts of a CSV file with a line of column names: `at` and those of [`Said`]; other columns are passed over.
/// Lines that are wrong are told, and the others taken.
pub fn parse_csv(bytes: &[u8], names: &Names) -> (Vec<DoorCount>, Vec<CsvProblem>) {
    let (mut counts, mut problems) = (Vec::new(), Vec::new());
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let Ok(head) = reader.byte_headers().cloned() else { return (counts, problems) };
    let column = |name: &str| {
        head.iter()
            .position(|c| c.strip_prefix(b"\xef\xbb\xbf").unwrap_or(c).eq_ignore_ascii_case(name.as_bytes()))
    };
    let columns = ["at", "zone", "floor", "counter", "entered", "left", "inside"].map(column);
    if columns[0].is_none() {
        problems.push(CsvProblem { line: 1, why: LineError::Missing("at") });
        return (counts, problems);
    }
    for record in reader.byte_records() {
        let record = match record {
            Ok(record) => record,
            Err(e) => {
                let line = e.position().map_or(0, csv::Position::line);
                problems.push(CsvProblem { line, why: LineError::Bad { field: "line", wanted: "CSV" } });
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        match of_record(&record, columns, names) {
            Ok(count) => counts.push(count),
            Err(why) => problems.push(CsvProblem { line, why }),
        }
    }
    (counts, problems)
}

fn of_record(
    record: &csv::ByteRecord,
    columns: [Option<usize>; 7],
    names: &Names,
) -> Result<DoorCount, LineError> {
    let text = |i: usize| {
        let bytes = columns[i].and_then(|c| record.get(c)).filter(|bytes| !bytes.is_empty());
        bytes
            .map(|b| std::str::from_utf8(b).map_err(|_| LineError::Bad { field: "line", wanted: "UTF-8" }))
            .transpose()
    };
    let number = |i: usize, field| {
        let wanted = "a number of people (0…1000000)";
        text(i)?.map(|t| t.parse::<i64>().map_err(|_| LineError::Bad { field, wanted })).transpose()
    };
    let at = time(text(0)?.ok_or(LineError::Missing("at"))?)?;
    let said = Said {
        zone: text(1)?,
        floor: text(2)?,
        counter: text(3)?,
        entered: number(4, "entered")?,
        left: number(5, "left")?,
        inside: number(6, "inside")?,
    };
    said.observe(at, names)
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
        let one = |text: &str| parse_json(text.as_bytes(), now, &names()).unwrap()[0];
        let site = one(r#"{"zone":"F1-E1","entered":3,"left":1}"#);
        assert_eq!((site.at, site.place, site.entered, site.left), (now, CountedPlace::Site, 3, 1));
        assert_ne!(site.counter, one(r#"{"counter":"north","entered":3}"#).counter);
        let shop = one(r#"{"at":"2025-11-21T09:59:00Z","zone":"F1-Z1","inside":12}"#);
        assert_eq!(
            (shop.at, shop.place, shop.inside),
            (at("2025-11-21T09:59:00Z"), CountedPlace::Zone(ZoneIx(1)), Some(12))
        );
        assert_eq!(one(r#"[{"floor":"F1","inside":0}]"#).place, CountedPlace::Floor(FloorIx(0)));
    }

    #[test]
    fn what_is_wrong_is_said_and_nothing_is_taken() {
        let no = |text: &str| parse_json(text.as_bytes(), Timestamp::MIN, &names()).unwrap_err().to_string();
        assert_eq!(no(r#"{"zone":"F9","entered":3}"#), "zone \"F9\" is not in the site map");
        assert_eq!(no(r#"{"zone":"F1-Z1"}"#), "`entered` is missing");
        assert_eq!(no(r#"{"entered":-1}"#), "`entered` is not a number of people (0…1000000)");
        assert_eq!(no(r#"[{"entered":1},{"entered":1,"at":"noon"}]"#).get(..12), Some("`at` is not a"));
        assert!(no("{\"entered\":").starts_with("no JSON"));
    }

    #[test]
    fn a_table_is_read_line_by_line_and_a_wrong_line_costs_no_other() {
        let table = "\u{feff}at,zone,in what room,entered,left\n2025-11-21T10:00:00Z,F1-E1,hall,3,1\nnoon,,,1,1\n\n2025-11-21T10:05:00+08:00,F1-Z1,,2,\n";
        let (counts, problems) = parse_csv(table.as_bytes(), &names());
        assert_eq!(counts.iter().map(|c| (c.entered, c.left)).collect::<Vec<_>>(), [(3, 1), (2, 0)]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().starts_with("line 3: `at` is not"), "{}", problems[0]);
        let (none, problems) = parse_csv(b"zeit,entered\n1,2\n", &names());
        assert_eq!((none.len(), problems[0].to_string().as_str()), (0, "line 1: `at` is missing"));
    }
}
