//! Events for people: one line of text for each event as it comes from MQTT, and a summary at the end.
//!
//! Input is JSON that anybody who may publish could have written: nothing in it is trusted, control characters
//! are left out, and a line is never wider than [`WIDTH`] columns.

mod summary;

pub use summary::Summary;

use super::day::Plan;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::HashMap;
use visit_core::time::Timestamp;

/// Columns of a terminal that a line may take.
pub const WIDTH: usize = 100;

const PLACE_WIDTH: usize = 24;
const DETAIL_WIDTH: usize = 18;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours.
    pub colour: bool,
    /// Also flow of floors and zones.
    pub verbose: bool,
}

impl Style {
    /// Colour if the output is a terminal and `NO_COLOR` (<https://no-color.org>) is unset or empty.
    pub fn for_output(is_terminal: bool, no_color: Option<&std::ffi::OsStr>) -> Self {
        Self { colour: is_terminal && no_color.is_none_or(std::ffi::OsStr::is_empty), verbose: false }
    }
}

/// Writes events as lines.
pub struct View {
    tz: TimeZone,
    style: Style,
    /// Zone id → floor and name.
    places: HashMap<String, String>,
}

impl View {
    /// A view that shows times of day in `tz`, and places by their ids.
    pub fn new(tz: TimeZone, style: Style) -> Self {
        Self { tz, style, places: HashMap::new() }
    }

    /// Shows places by floor and name.
    pub fn with_places(mut self, plan: &Plan) -> Self {
        self.places = plan.zones.iter().map(|z| (z.id.clone(), format!("{} {}", z.floor, z.name))).collect();
        self
    }

    /// The line of an event, without line end. `None` for what is not shown: flow of floors and zones unless
    /// verbose, and JSON that is no event of ours.
    ///
    /// Columns: local time, kind, place, detail, and whose visit it is.
    pub fn line(&self, event: &Value) -> Option<String> {
        let kind = Kind::of(event.get("type")?.as_str()?)?;
        let data = event.get("data")?;
        let time = self.time_of_day(event.get("time")?.as_str()?)?;
        let (place, detail) = match kind.name {
            "flow" if !self.style.verbose && text(data, "scope") != "site" => return None,
            "flow" => return Some(self.paint(&kind, &time, &self.flow(data))),
            "receipt" => (self.place(data, "zone"), receipt(data)),
            "floor changed" => (climb(data), String::new()),
            "dwell started" | "dwell ended" => (self.place(data, "zone"), duration(data)),
            "bag carried" => (self.place(data, "zone"), amount(data.get("receipt").unwrap_or(&Value::Null))),
            "exited" => (self.place(data, "zone"), exit(data)),
            "merged" => (String::new(), merged(data)),
            "linked" => (String::new(), format!("member {}", short(text(data, "member")))),
            "passed by" | "approached" | "arrived" => (self.place(data, "zone"), String::new()),
            _ => (self.place(data, "zone"), "exit taken back".to_owned()),
        };
        let whose = if kind.name == "receipt" { attribution(data) } else { visit(data) };
        let rest = format!("{} {} {whose}", pad(&place, PLACE_WIDTH - 1), pad(&detail, DETAIL_WIDTH - 1));
        Some(self.paint(&kind, &time, &rest))
    }

    fn paint(&self, kind: &Kind, time: &str, rest: &str) -> String {
        let head = format!("{time}  {} {:<13}  ", kind.chinese, kind.name);
        let plain = cut(&format!("{head}{rest}"), WIDTH);
        let plain = plain.trim_end();
        if !self.style.colour {
            return plain.to_owned();
        }
        // Only the kind is coloured: places and numbers stay readable on any background.
        let (before, after) = plain.split_once(kind.chinese).unwrap_or((plain, ""));
        let (name, after) = after.split_at(after.len().min(1 + kind.name.len()));
        format!("\x1b[2m{before}\x1b[0m\x1b[{}m{}{name}\x1b[0m{after}", kind.colour, kind.chinese)
    }

    fn time_of_day(&self, rfc3339: &str) -> Option<String> {
        let at = Timestamp::parse_rfc3339(rfc3339)?;
        let local = jiff::Timestamp::from_microsecond(at.as_micros()).ok()?.to_zoned(self.tz.clone());
        Some(format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second()))
    }

    fn place(&self, data: &Value, key: &str) -> String {
        let id = text(data, key);
        self.places.get(id).map_or_else(|| clean(id), |name| clean(name))
    }

    fn flow(&self, data: &Value) -> String {
        let place = match text(data, "scope") {
            // Not padded: the site has the most to say.
            "site" => "whole mall ".to_owned(),
            "zone" => pad(&self.place(data, "id"), PLACE_WIDTH - 1),
            _ => pad(&clean(text(data, "id")), PLACE_WIDTH - 1),
        };
        if data.get("suppressed").and_then(Value::as_bool) == Some(true) {
            return format!("{place} too few people: withheld");
        }
        let mut parts = Vec::new();
        if let Some(n) = data.get("footfall").and_then(Value::as_u64) {
            parts.push(format!("came in {n}"));
        }
        if let Some(o) = data.get("occupancy").filter(|o| o.is_object()) {
            let n = |key| o.get(key).and_then(Value::as_f64).unwrap_or(0.0);
            parts.push(format!("inside {:.0} ({:.0}–{:.0})", n("estimate"), n("low"), n("high")));
        }
        for (key, label) in [("capture_rate", "capture"), ("bag_rate", "bags")] {
            if let Some(rate) = data.get(key).and_then(Value::as_f64) {
                parts.push(format!("{label} {:.0} %", rate * 100.0));
            }
        }
        format!("{place} {}", parts.join("  "))
    }
}

/// Kinds of events as they are shown.
struct Kind {
    chinese: &'static str,
    name: &'static str,
    /// SGR parameter.
    colour: &'static str,
}

/// CloudEvents type, 中文, English, colour.
const KINDS: [(&str, &str, &str, &str); 13] = [
    ("mall.visit.approached", "临场", "approached", "2"),
    ("mall.visit.passed_by", "路过", "passed by", "2"),
    ("mall.visit.arrived", "进场", "arrived", "32"),
    ("mall.visit.floor_changed", "爬楼", "floor changed", "36"),
    ("mall.visit.dwell_started", "驻留", "dwell started", "34"),
    ("mall.visit.dwell_ended", "驻留", "dwell ended", "34"),
    ("mall.visit.bag_carried", "提袋", "bag carried", "1;33"),
    ("mall.visit.exited", "离店", "exited", "31"),
    ("mall.visit.resumed", "返回", "resumed", "35"),
    ("mall.visit.merged", "合并", "merged", "35"),
    ("mall.visit.linked", "识别", "linked", "1;35"),
    ("mall.receipt.recorded", "小票", "receipt", "33"),
    ("mall.flow.interval", "客流", "flow", "1"),
];

impl Kind {
    fn of(event_type: &str) -> Option<Self> {
        let &(_, chinese, name, colour) = KINDS.iter().find(|k| k.0 == event_type)?;
        Some(Self { chinese, name, colour })
    }
}

fn text<'a>(data: &'a Value, key: &str) -> &'a str {
    data.get(key).and_then(Value::as_str).unwrap_or("")
}

/// The first eight characters of an id are enough for the eye.
fn short(id: &str) -> String {
    clean(id).chars().take(8).collect()
}

fn visit(data: &Value) -> String {
    let confidence = data.get("confidence").and_then(Value::as_f64);
    let confidence = confidence.map_or(String::new(), |c| format!(" {c:.2}"));
    let identity: String = clean(text(data, "identity")).chars().take(7).collect();
    format!("visit {} {identity}{confidence}", short(text(data, "visit_id")))
}

fn attribution(data: &Value) -> String {
    let attribution = data.get("attribution").unwrap_or(&Value::Null);
    let confidence = attribution.get("confidence").and_then(Value::as_f64).unwrap_or(0.0);
    match attribution.get("visit_id").and_then(Value::as_str) {
        Some(visit) => format!("visit {} {confidence:.2}", short(visit)),
        None => format!("nobody we heard {confidence:.2}"),
    }
}

fn climb(data: &Value) -> String {
    let arrow = match text(data, "direction") {
        "up" => "↑",
        "down" => "↓",
        _ => "→",
    };
    format!("{} {arrow} {}", clean(text(data, "from_floor")), clean(text(data, "floor")))
}

fn duration(data: &Value) -> String {
    let seconds = data.get("duration_s").and_then(Value::as_f64).unwrap_or(0.0).clamp(0.0, 1e9);
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        0 => format!("{seconds:.0} s"),
        1..100 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

fn exit(data: &Value) -> String {
    if text(data, "reason") == "not_a_visitor" {
        return "staff, not visitor".to_owned();
    }
    match data.get("purchases").and_then(Value::as_u64).unwrap_or(0) {
        0 => duration(data),
        1 => format!("{}, 1 bag", duration(data)),
        n => format!("{}, {} bags", duration(data), n.min(99)),
    }
}

fn merged(data: &Value) -> String {
    let n = data.get("merged").and_then(Value::as_array).map_or(0, Vec::len);
    format!("{n} visits are one")
}

fn receipt(data: &Value) -> String {
    match text(data, "type") {
        _ if data.get("unreadable").and_then(Value::as_bool) == Some(true) => "unreadable".to_owned(),
        "refund" => format!("refund {}", amount(data)),
        "void" => format!("void {}", amount(data)),
        _ => amount(data),
    }
}

/// Minor units are hundredths in every currency shown here; others are left in minor units and said so.
fn amount(data: &Value) -> String {
    let Some(minor) = data.get("amount_minor").and_then(Value::as_i64) else { return String::new() };
    let (sign, hundredths) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
    let decimal = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    match text(data, "currency") {
        "CNY" => format!("{sign}¥{decimal}"),
        code @ ("EUR" | "USD" | "GBP" | "HKD" | "SGD" | "MOP" | "TWD") => format!("{sign}{decimal} {code}"),
        code => format!("{minor} {} (minor)", short(code)),
    }
}

/// Without control characters: an escape sequence in a name must not reach the terminal.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !is_invisible(*c)).take(WIDTH).collect()
}

/// Marks that reorder or hide text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Columns a character takes: East Asian wide and full-width ones take two.
fn columns(c: char) -> usize {
    let wide = matches!(c as u32, 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd);
    if wide { 2 } else { 1 }
}

fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The text, ending in `…` if it would take more than so many columns.
fn cut(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut taken = 0;
    let mut out: String = text
        .chars()
        .take_while(|&c| {
            taken += columns(c);
            taken < most
        })
        .collect();
    out.push('…');
    out
}

/// The text cut and filled with blanks to exactly so many columns.
fn pad(text: &str, to: usize) -> String {
    let text = cut(text, to);
    let blanks = to.saturating_sub(width(&text));
    text + &" ".repeat(blanks)
}

#[cfg(test)]
mod tests;
