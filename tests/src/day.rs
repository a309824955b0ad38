//! A small day of a mall with two floors, as an observation log: deterministic, and full of canaries.
//!
//! The site has a perimeter, a door, a hall, a tea shop and a lift below; a lift, a hall and a shoe shop
//! above; one sensor in each zone and a till in each shop. Visitors walk in, dwell, some buy, and leave.
//! Signal: log-distance path loss (exponent 3 from −40 dBm at 1 m), 18 dB a floor, ±3 dB of noise; a frame
//! below −88 dBm is not heard.
//!
//! It stands for no real mall and nothing is tuned on it: it makes events of most kinds, with addresses,
//! SSIDs, member and card numbers that are known and can be hunted for.

use crate::canary::Hunt;
use crate::random::Random;
use anyhow::Result;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use visit_core::time::{Span, Timestamp};

/// What was put into a day.
#[derive(Clone, Debug, Default)]
pub struct DayFacts {
    /// Transmitter addresses, Wi-Fi and BLE.
    pub addresses: BTreeSet<[u8; 6]>,
    /// Names of networks that phones asked for.
    pub ssids: BTreeSet<String>,
    /// Member numbers on receipts.
    pub members: BTreeSet<String>,
    /// Payment card numbers (Luhn-valid) that some tills print into the receipt number.
    pub cards: BTreeSet<String>,
    /// Lines written.
    pub lines: usize,
    /// Receipts among them.
    pub receipts: usize,
}

impl Hunt {
    /// For everything that was put into a day.
    pub fn for_day(facts: &DayFacts) -> Self {
        let mut hunt = Self::default();
        for address in &facts.addresses {
            hunt.address(*address);
        }
        for text in facts.ssids.iter().chain(&facts.members).chain(&facts.cards) {
            hunt.text(text);
        }
        hunt
    }
}

/// Length of the day from its first to about its last line.
pub const DAY_SECONDS: f64 = 4.0 * 3600.0;

struct Place {
    id: &'static str,
    floor: &'static str,
    kind: &'static str,
    at: [f64; 2],
    neighbours: &'static [&'static str],
}

const PLACES: [Place; 8] = [
    Place { id: "F1-OUT", floor: "F1", kind: "perimeter", at: [0.0, 0.0], neighbours: &["F1-DOOR"] },
    Place {
        id: "F1-DOOR",
        floor: "F1",
        kind: "entrance",
        at: [20.0, 0.0],
        neighbours: &["F1-OUT", "F1-HALL"],
    },
    Place {
        id: "F1-HALL",
        floor: "F1",
        kind: "concourse",
        at: [45.0, 0.0],
        neighbours: &["F1-DOOR", "F1-TEA", "F1-LIFT"],
    },
    Place { id: "F1-TEA", floor: "F1", kind: "shop", at: [45.0, 25.0], neighbours: &["F1-HALL"] },
    Place {
        id: "F1-LIFT",
        floor: "F1",
        kind: "vertical",
        at: [75.0, 0.0],
        neighbours: &["F1-HALL", "F2-LIFT"],
    },
    Place {
        id: "F2-LIFT",
        floor: "F2",
        kind: "vertical",
        at: [75.0, 0.0],
        neighbours: &["F1-LIFT", "F2-HALL"],
    },
    Place {
        id: "F2-HALL",
        floor: "F2",
        kind: "concourse",
        at: [45.0, 0.0],
        neighbours: &["F2-LIFT", "F2-SHOE"],
    },
    Place { id: "F2-SHOE", floor: "F2", kind: "shop", at: [15.0, 0.0], neighbours: &["F2-HALL"] },
];

const OUT: usize = 0;
const DOOR: usize = 1;
const HALL: usize = 2;
const TEA: usize = 3;
const LIFT: usize = 4;
const LIFT_ABOVE: usize = 5;
const HALL_ABOVE: usize = 6;
const SHOE: usize = 7;

/// The site map of the day.
pub fn site_map() -> String {
    let mut toml = String::from(
        "[site]\nid = \"testmall\"\nname = \"Test mall\"\ntimezone = \"Asia/Shanghai\"\n\
         business_day_starts = \"04:00\"\n",
    );
    for (level, id) in ["F1", "F2"].into_iter().enumerate() {
        let _ = write!(toml, "\n[[floor]]\nid = \"{id}\"\nlevel = {level}\n");
    }
    for Place { id, floor, kind, at: [x, y], neighbours } in &PLACES {
        let _ = write!(
            toml,
            "\n[[zone]]\nid = \"{id}\"\nfloor = \"{floor}\"\nkind = \"{kind}\"\nposition = [{x:.1}, {y:.1}]\n\
             neighbours = {neighbours:?}\n\n[[sensor]]\nid = \"{id}-S\"\nzone = \"{id}\"\nposition = [{x:.1}, {y:.1}]\n"
        );
    }
    for zone in [TEA, SHOE].map(|ix| PLACES[ix].id) {
        let _ =
            write!(toml, "\n[[till]]\nid = \"till-{zone}\"\nzone = \"{zone}\"\nstore = \"store-{zone}\"\n");
    }
    toml
}

/// Writes the observation log of a day with this many visitors; the same seed gives the same bytes.
pub fn write_day(path: &Path, visitors: u32, seed: u64) -> Result<DayFacts> {
    let mut day = Day { random: Random::new(seed), lines: Vec::new(), facts: DayFacts::default() };
    for n in 0..visitors {
        day.visitor(n, visitors);
    }
    day.lines.sort();
    let mut text = String::new();
    for (_, line) in &day.lines {
        text.push_str(line);
        text.push('\n');
    }
    std::fs::write(path, text)?;
    day.facts.lines = day.lines.len();
    Ok(day.facts)
}

struct Day {
    random: Random,
    lines: Vec<(Timestamp, String)>,
    facts: DayFacts,
}

struct Phone {
    address: String,
    /// Information elements of its probe requests, hexadecimal.
    elements: String,
    sequence: u16,
    ble: bool,
}

impl Day {
    fn visitor(&mut self, n: u32, of: u32) {
        let mut phone = self.phone(n);
        // 10:00 in Shanghai; arrivals over the first three hours, so that all have left within four.
        let ten = Timestamp::from_micros(1_763_690_400_000_000);
        let mut now = ten + Span::from_secs(i64::from(n) * 10_800 / i64::from(of.max(1)));
        // One in five walks past.
        if n % 5 == 4 {
            self.stay(&mut phone, &mut now, OUT, 150);
            return;
        }
        let up = !n.is_multiple_of(3);
        self.stay(&mut phone, &mut now, OUT, 60);
        self.stay(&mut phone, &mut now, DOOR, 40);
        self.stay(&mut phone, &mut now, HALL, 120);
        if !up || n.is_multiple_of(2) {
            let length = self.random.between(400, 700);
            self.stay(&mut phone, &mut now, TEA, length);
            self.receipt(n, now - Span::from_secs(20), TEA);
            self.stay(&mut phone, &mut now, HALL, 90);
        }
        if up {
            self.stay(&mut phone, &mut now, LIFT, 40);
            self.stay(&mut phone, &mut now, LIFT_ABOVE, 40);
            self.stay(&mut phone, &mut now, HALL_ABOVE, 150);
            let length = self.random.between(300, 600);
            self.stay(&mut phone, &mut now, SHOE, length);
            if n % 4 == 1 {
                self.receipt(n, now - Span::from_secs(15), SHOE);
            }
            for (place, length) in [(HALL_ABOVE, 80), (LIFT_ABOVE, 40), (LIFT, 40), (HALL, 90)] {
                self.stay(&mut phone, &mut now, place, length);
            }
        }
        self.stay(&mut phone, &mut now, DOOR, 50);
        self.stay(&mut phone, &mut now, OUT, 40);
    }

    fn phone(&mut self, n: u32) -> Phone {
        let random = self.random.bits().to_be_bytes();
        let mut address: [u8; 6] = [random[0], random[1], random[2], random[3], random[4], random[5]];
        // Locally administered, not a group.
        address[0] = address[0] & 0xFC | 0x02;
        self.facts.addresses.insert(address);
        let ssid = format!("canary-network-{n:03}");
        let elements = elements(&ssid, n);
        self.facts.ssids.insert(ssid);
        let address = address.map(|b| format!("{b:02x}")).join(":");
        Phone { address, elements, sequence: u16::from(random[6]) << 4, ble: n % 6 == 5 }
    }

    /// Spends `length` seconds in one place and moves the clock on.
    fn stay(&mut self, phone: &mut Phone, now: &mut Timestamp, place: usize, length: u64) {
        let end = *now + Span::from_secs(i64::try_from(length).unwrap_or(i64::MAX));
        let mut at = *now + Span::from_millis(self.random.between(500, 8_000).cast_signed());
        while at < end {
            self.emission(phone, at, place);
            at = at + Span::from_millis(self.random.between(12_000, 30_000).cast_signed());
        }
        *now = end;
    }

    /// One frame, as every sensor in reach hears it.
    fn emission(&mut self, phone: &mut Phone, at: Timestamp, place: usize) {
        phone.sequence = (phone.sequence + 1) % 4096;
        let from = &PLACES[place];
        for sensor in &PLACES {
            let metres = (from.at[0] - sensor.at[0]).hypot(from.at[1] - sensor.at[1]).max(2.0);
            let floors = if from.floor == sensor.floor { 0.0 } else { 18.0 };
            let noise = self.random.between(0, 7) as f64 - 3.0;
            let rssi = (-40.0 - 30.0 * metres.log10() - floors + noise).round();
            if rssi < -88.0 {
                continue;
            }
            let heard = at + Span::from_millis(self.random.between(0, 15).cast_signed());
            let (Phone { address, elements, sequence, ble }, id) = (&*phone, sensor.id);
            self.lines.push((
                heard,
                if *ble {
                    // AD structures: flags, 16-bit service UUID.
                    format!(
                        r#"{{"at":"{heard}","kind":"ble","sensor":"{id}-S","addr":"{address}","rssi":{rssi},"adv":"02011a03036ffd"}}"#
                    )
                } else {
                    format!(
                        r#"{{"at":"{heard}","kind":"wifi","sensor":"{id}-S","addr":"{address}","rssi":{rssi},"channel":6,"seq":{sequence},"frame":"probe_request","ies":"{elements}"}}"#
                    )
                },
            ));
        }
    }

    fn receipt(&mut self, n: u32, at: Timestamp, place: usize) {
        let zone = PLACES[place].id;
        let amount = self.random.between(900, 90_000);
        let number = if n % 10 == 6 {
            let card = luhn(&format!("62170000{n:07}"));
            self.facts.cards.insert(card.clone());
            card
        } else {
            format!("{zone}-{n}")
        };
        let member = if n.is_multiple_of(3) {
            let member = format!("VIP8800{n:05}");
            let field = format!(r#","member":"{member}""#);
            self.facts.members.insert(member);
            field
        } else {
            String::new()
        };
        self.facts.receipts += 1;
        self.lines.push((
            at,
            format!(
                r#"{{"at":"{at}","kind":"receipt","till":"till-{zone}","store":"store-{zone}","number":"{number}","type":"sale","amount_minor":{amount},"currency":"CNY"{member}}}"#
            ),
        ));
    }
}

/// Ordered information elements (IEEE 802.11-2020 §9.4.2): SSID, rates, channel, and HT capabilities that
/// differ from model to model.
fn elements(ssid: &str, model: u32) -> String {
    let mut bytes = vec![0, ssid.len() as u8];
    bytes.extend_from_slice(ssid.as_bytes());
    bytes.extend_from_slice(&[1, 8, 0x82, 0x84, 0x8b, 0x96, 0x0c, 0x12, 0x18, 0x24, 3, 1, 6]);
    bytes.extend_from_slice(&[45, 4, 0x2d, (model % 7) as u8, 0x1b, 0xff]);
    bytes.iter().fold(String::new(), |mut hex, b| {
        let _ = write!(hex, "{b:02x}");
        hex
    })
}

/// Appends the check digit of ISO/IEC 7812-1 annex B.
fn luhn(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, c)| {
            let d = u32::from(c - b'0') * if i % 2 == 0 { 2 } else { 1 };
            d / 10 + d % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_day_in_order_of_time() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b, c) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("c"));
        let facts = write_day(&a, 30, 7).unwrap();
        write_day(&b, 30, 7).unwrap();
        write_day(&c, 30, 8).unwrap();
        let text = std::fs::read_to_string(&a).unwrap();
        assert_eq!(text, std::fs::read_to_string(&b).unwrap());
        assert_ne!(text, std::fs::read_to_string(&c).unwrap());
        let times: Vec<String> = text
            .lines()
            .map(|l| {
                let line: serde_json::Value = serde_json::from_str(l).unwrap();
                line["at"].as_str().unwrap().to_owned()
            })
            .collect();
        assert!(times.is_sorted());
        assert_eq!(times.len(), facts.lines);
        assert_eq!(facts.addresses.len(), 30);
        assert!(facts.receipts > 10 && !facts.members.is_empty() && !facts.cards.is_empty(), "{facts:?}");
    }

    #[test]
    fn check_digits_are_those_of_the_standard() {
        assert_eq!(luhn("7992739871"), "79927398713");
    }
}
