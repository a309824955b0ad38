//! Events for people: what an event says in plain words ([`Told`]), and one line of text for each ([`View`]).
//!
//! Input is JSON that anybody who may publish could have written: nothing in it is trusted, control characters
//! are left out, and a line is never wider than [`WIDTH`] columns. The demo, `tail` and `watch` share it.

mod kind;
mod names;
pub mod text;

pub use kind::{EVERY_DAY, GATEWAY, KINDS, Kind};
pub use names::Names;

use serde_json::Value;
use text::{clean, cut, pad};

/// Columns of a terminal that a line may take.
pub const WIDTH: usize = 100;

const PLACE_WIDTH: usize = 24;
const DETAIL_WIDTH: usize = 18;

/// In which language kinds are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// English.
    En,
    /// 中文.
    Zh,
    /// Both.
    #[default]
    Both,
}

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours.
    pub colour: bool,
    /// Also flow of floors and zones.
    pub verbose: bool,
    /// Names of kinds.
    pub lang: Lang,
    /// Ids of visits and tokens of members, the first eight characters of each.
    pub ids: bool,
}

impl Style {
    /// Colour if the output is a terminal and `NO_COLOR` (<https://no-color.org>) is unset or empty.
    pub fn for_output(is_terminal: bool, no_color: Option<&std::ffi::OsStr>) -> Self {
        let colour = is_terminal && no_color.is_none_or(std::ffi::OsStr::is_empty);
        Self { colour, ..Self::default() }
    }
}

/// What an event says, in words. Everything is clean: no control characters, bounded.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its kind.
    pub kind: &'static Kind,
    /// Local time of day at which it happened.
    pub time: String,
    /// The floor it happened on, where that is known.
    pub floor: Option<String>,
    /// Where.
    pub place: String,
    /// What else.
    pub detail: String,
    /// Whose visit it is, how well the device is known, how sure we are.
    pub whose: String,
    /// Sent again or late after an outage.
    pub resent: bool,
    /// Of flow: `site`, `floor` or `zone`.
    pub scope: Option<String>,
}

impl Told {
    /// What `event` says; `None` for JSON that is no event of ours.
    pub fn of(event: &Value, names: &Names, ids: bool) -> Option<Self> {
        let kind = Kind::of(event.get("type")?.as_str()?)?;
        let data = event.get("data")?;
        let time = names.time_of_day(event.get("time")?.as_str()?)?;
        let zone = || names.zone(text(data, "zone"));
        let mut scope = None;
        let (place, detail) = match kind.event_type {
            "mall.flow.interval" => {
                scope = Some(clean(text(data, "scope")));
                (flow_place(data, names), flow(data))
            }
            "mall.receipt.recorded" => (zone(), receipt(data)),
            "mall.receipt.reconciled" => (clean(text(data, "till")), reconciled(data)),
            "mall.visit.floor_changed" => (climb(data), String::new()),
            "mall.visit.dwell_started" | "mall.visit.dwell_ended" => (zone(), duration(data)),
            "mall.visit.bag_carried" => (zone(), amount(data.get("receipt").unwrap_or(&Value::Null))),
            "mall.visit.exited" => (zone(), exit(data)),
            "mall.visit.merged" => (String::new(), merged(data)),
            "mall.visit.linked" if ids => (String::new(), format!("member {}", short(text(data, "member")))),
            "mall.visit.linked" => (String::new(), "a member".to_owned()),
            "mall.visit.resumed" => (zone(), "exit taken back".to_owned()),
            "mall.privacy.changed" => (gateway(data), privacy_changed(data)),
            "mall.privacy.degraded" => (gateway(data), degraded(data)),
            "mall.privacy.erased" => (gateway(data), format!("{} facts erased", count(data, "removed"))),
            _ => (zone(), String::new()),
        };
        let whose = match kind.group() {
            "visit" => visit(data, ids),
            "receipt" if kind.event_type == "mall.receipt.recorded" => attribution(data, ids),
            _ => String::new(),
        };
        let resent = data.get("resent").and_then(Value::as_bool) == Some(true);
        Some(Self { kind, time, floor: floor(data, names), place, detail, whose, resent, scope })
    }
}

impl Told {
    /// That a gateway is there, or not, or deaf; `at` in RFC 3339.
    pub fn of_gateway(gateway: &str, words: &str, at: &str, names: &Names) -> Self {
        Self {
            kind: &GATEWAY,
            time: names.time_of_day(at).unwrap_or_default(),
            floor: None,
            place: clean(gateway),
            detail: clean(words),
            whose: String::new(),
            resent: false,
            scope: None,
        }
    }
}

/// Writes events as lines.
pub struct View {
    names: Names,
    style: Style,
}

impl View {
    /// A view that names places and times by `names`.
    pub fn new(names: Names, style: Style) -> Self {
        Self { names, style }
    }

    /// What places are called here.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The line of an event, without line end. `None` for what is not shown: flow of floors and zones unless
    /// verbose, and JSON that is no event of ours.
    ///
    /// Columns: local time, kind, place, detail, and whose visit it is.
    pub fn line(&self, event: &Value) -> Option<String> {
        let told = Told::of(event, &self.names, self.style.ids)?;
        let of_a_part = told.scope.as_deref().is_some_and(|scope| scope != "site");
        (self.style.verbose || !of_a_part).then(|| self.told(&told))
    }

    /// The line of what was told.
    pub fn told(&self, told: &Told) -> String {
        let rest = match told.scope.as_deref() {
            None if *told.kind == GATEWAY => format!("{} {}", pad(&told.place, PLACE_WIDTH - 1), told.detail),
            // Not padded: the site has the most to say.
            Some("site") => format!("{}  {}", told.place, told.detail),
            Some(_) => format!("{} {}", pad(&told.place, PLACE_WIDTH - 1), told.detail),
            None => {
                let (place, detail) =
                    (pad(&told.place, PLACE_WIDTH - 1), pad(&told.detail, DETAIL_WIDTH - 1));
                format!("{place} {detail} {}{}", told.whose, if told.resent { " late" } else { "" })
            }
        };
        self.paint(told.kind, &told.time, &rest)
    }

    fn paint(&self, kind: &Kind, time: &str, rest: &str) -> String {
        let (first, second) = match self.style.lang {
            Lang::Both => (kind.chinese, format!(" {:<13}  ", kind.name)),
            Lang::Zh => (kind.chinese, "  ".to_owned()),
            Lang::En => (kind.name, " ".repeat(15_usize.saturating_sub(kind.name.len()))),
        };
        let plain = cut(&format!("{time}  {first}{second}{rest}"), WIDTH);
        let plain = plain.trim_end();
        if !self.style.colour {
            return plain.to_owned();
        }
        // Only the kind is coloured: places and numbers stay readable on any background.
        let (before, after) = plain.split_once(first).unwrap_or((plain, ""));
        let english = if self.style.lang == Lang::Both { 1 + kind.name.len() } else { 0 };
        let (name, after) = after.split_at(after.len().min(english));
        format!("\x1b[2m{before}\x1b[0m\x1b[{}m{first}{name}\x1b[0m{after}", kind.colour)
    }
}

fn text<'a>(data: &'a Value, key: &str) -> &'a str {
    data.get(key).and_then(Value::as_str).unwrap_or("")
}

fn count(data: &Value, key: &str) -> u64 {
    data.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// The first eight characters of an id are enough for the eye.
fn short(id: &str) -> String {
    clean(id).chars().take(8).collect()
}

fn floor(data: &Value, names: &Names) -> Option<String> {
    let zone = |key| names.floor_of(text(data, key)).map(str::to_owned);
    match (text(data, "floor"), text(data, "scope")) {
        ("", "floor") => Some(clean(text(data, "id"))),
        ("", "zone") => zone("id"),
        ("", _) => zone("zone"),
        (floor, _) => Some(clean(floor)),
    }
}

fn visit(data: &Value, ids: bool) -> String {
    let confidence = data.get("confidence").and_then(Value::as_f64);
    let confidence = confidence.map_or(String::new(), |c| format!(" {c:.2}"));
    let identity: String = clean(text(data, "identity")).chars().take(7).collect();
    let whose = if ids { format!("visit {} ", short(text(data, "visit_id"))) } else { String::new() };
    format!("{whose}{identity}{confidence}")
}

fn attribution(data: &Value, ids: bool) -> String {
    let attribution = data.get("attribution").unwrap_or(&Value::Null);
    let confidence = attribution.get("confidence").and_then(Value::as_f64).unwrap_or(0.0);
    match attribution.get("visit_id").and_then(Value::as_str) {
        Some(visit) if ids => format!("visit {} {confidence:.2}", short(visit)),
        Some(_) => format!("a visitor {confidence:.2}"),
        None if ids => format!("nobody we heard {confidence:.2}"),
        None => format!("no visitor {confidence:.2}"),
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
    match count(data, "purchases") {
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

fn reconciled(data: &Value) -> String {
    match data.get("complete").and_then(Value::as_bool) {
        Some(true) => "the day is complete".to_owned(),
        _ => format!("{} receipts missing", count(data, "missing")),
    }
}

fn gateway(data: &Value) -> String {
    clean(text(data, "gateway"))
}

fn privacy_changed(data: &Value) -> String {
    let settings = data.get("settings").and_then(Value::as_object);
    let names: Vec<String> = settings.into_iter().flatten().take(9).map(|(name, _)| clean(name)).collect();
    names.join(", ")
}

fn degraded(data: &Value) -> String {
    format!("too old to tell ({})", clean(text(data, "reason")))
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

fn flow_place(data: &Value, names: &Names) -> String {
    match text(data, "scope") {
        "site" => "whole mall".to_owned(),
        "zone" => names.zone(text(data, "id")),
        _ => names.floor(text(data, "id")),
    }
}

fn flow(data: &Value) -> String {
    if data.get("suppressed").and_then(Value::as_bool) == Some(true) {
        return "too few people: withheld".to_owned();
    }
    if data.get("observed").and_then(Value::as_f64) == Some(0.0) {
        return "not observed: deaf, not empty".to_owned();
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
    match text(data, "period") {
        "hour" => parts.push("(the hour)".to_owned()),
        "day" => parts.push("(the day)".to_owned()),
        _ => {}
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests;
