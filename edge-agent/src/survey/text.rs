//! The report for people, as the terminal shows it.

use super::report::{FloorReport, Report, SensorReport, Share, ZoneReport};
use super::words::list;
use std::fmt::{self, Display, Formatter, Write as _};

/// Zones that go wrong, pairs, and sensors that are listed.
const ZONES: usize = 8;
const PAIRS: usize = 8;
const SENSORS: usize = 5;
/// Steps that are listed.
const STEPS: usize = 12;
/// A zone of which more stays are given to it does not go wrong.
const RIGHT: f32 = 0.9;
/// A table of more floors is no table any more.
const COLUMNS: usize = 10;
/// Lines are broken here, characters.
const WIDTH: usize = 100;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.walk(f)?;
        self.expect(f)?;
        self.floors(f)?;
        self.zones(f)?;
        self.alike(f)?;
        self.sensors(f)?;
        self.one_more(f)?;
        let verdict = if self.verdict == "cannot_tell" { "cannot tell" } else { self.verdict };
        writeln!(f, "\nVerdict: {verdict}")?;
        paragraph(f, "  ", &sentence(&self.summary))?;
        self.next(f)
    }
}

impl Report {
    fn walk(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let w = &self.walk;
        writeln!(f, "Survey of {}", self.site)?;
        writeln!(
            f,
            "\nThe walk\n  {}, {}; {}, {}; {} to {}",
            count(w.scans, "scan"),
            count(w.readings, "reading"),
            count(w.walks.into(), "walk"),
            count(w.laps.into(), "lap"),
            w.from,
            w.until
        )?;
        let walked = w.zones as usize - w.not_walked.len();
        writeln!(
            f,
            "  {} on the map, {walked} walked, {} can be judged",
            count(w.zones.into(), "zone"),
            w.judged
        )?;
        for (what, zones) in [("not walked", &w.not_walked), ("walked in one lap only", &w.walked_once)] {
            if !zones.is_empty() {
                paragraph(f, "  ", &format!("{what}: {}", list(zones.iter().cloned())))?;
            }
        }
        if w.skipped > 0 {
            writeln!(f, "  {} skipped: they say why on standard error", count(w.skipped, "line"))?;
        }
        Ok(())
    }

    fn expect(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (Some(zone), Some(floor)) = (self.right_zone, self.right_floor) else { return Ok(()) };
        writeln!(f, "\nWhat to expect              stays   single scans")?;
        for (what, Share { stays, scans }) in [("the right zone", zone), ("the right floor", floor)] {
            writeln!(f, "  {what:<20}  {}        {}", percent(stays), percent(scans))?;
        }
        paragraph(
            f,
            "  ",
            "A stay is six scans from all over a zone, as of somebody who is there for some minutes; a single scan is \
             somebody who walks by. Each lap is judged by the other laps; the mean is over zones.",
        )
    }

    fn floors(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let judged: Vec<&FloorReport> = self.floors.iter().filter(|r| !r.taken_for.is_empty()).collect();
        if judged.is_empty() {
            return Ok(());
        }
        if self.floors.len() > COLUMNS {
            writeln!(f, "\nFloors, and what they are taken for, % of stays (of single scans)")?;
            for r in &judged {
                let others = r.taken_for.iter().filter(|t| t.scans >= 0.01 || t.floor == r.floor);
                let others = others.map(|t| format!("{} {} ({})", t.floor, tenths(t.stays), tenths(t.scans)));
                paragraph(f, "  ", &format!("{}: {}", r.floor, others.collect::<Vec<_>>().join(", ")))?;
            }
            return Ok(());
        }
        let wide = self.floors.iter().map(|r| r.floor.chars().count()).max().unwrap_or(0).max(5);
        for what in ["stays", "single scans"] {
            let of = |stays, scans| if what == "stays" { stays } else { scans };
            writeln!(f, "\nFloors, % of {what}; rows: where it was, columns: what it is taken for")?;
            write!(f, "  {:wide$}", "")?;
            for r in &self.floors {
                write!(f, "  {:>wide$}", r.floor)?;
            }
            writeln!(f, "    right zone")?;
            for r in &judged {
                write!(f, "  {:wide$}", r.floor)?;
                for t in &r.taken_for {
                    write!(f, "  {:>wide$}", tenths(of(t.stays, t.scans)))?;
                }
                let right = r.right_zone.map_or(0.0, |s| of(s.stays, s.scans));
                writeln!(f, "    {:>10}", tenths(right))?;
            }
        }
        Ok(())
    }

    fn zones(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let right = |z: &ZoneReport| z.right.map_or(1.0, |r| r.stays);
        let mut wrong: Vec<&ZoneReport> = self.zones.iter().filter(|z| right(z) < RIGHT).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        wrong.sort_by(|a, b| right(a).total_cmp(&right(b)));
        writeln!(f, "\nZones that go wrong most often, % of stays that are right")?;
        for z in wrong.iter().take(ZONES) {
            let name = z.name.as_ref().map_or_else(String::new, |n| format!(" {n}"));
            let others = z.taken_for.iter().take(3).map(|t| format!("{} {}", t.zone, tenths(t.share)));
            let others = others.collect::<Vec<_>>().join(", ");
            let for_others = if others.is_empty() { "many others".to_owned() } else { others };
            let from = format!("{} in {}", count(z.scans.into(), "scan"), count(z.laps.into(), "lap"));
            let line = format!("{:>5}  {}{name}: taken for {for_others} ({from})", tenths(right(z)), z.zone);
            paragraph(f, "  ", &line)?;
        }
        more(f, wrong.len(), ZONES)
    }

    fn alike(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.alike.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nZones that cannot be told apart, % of stays in either that go to the wrong one of the two"
        )?;
        for p in self.alike.iter().take(PAIRS) {
            writeln!(f, "  {:>5}  {} and {}", tenths(p.mistaken), p.zones[0], p.zones[1])?;
        }
        more(f, self.alike.len(), PAIRS)
    }

    fn sensors(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let heard = self.sensors.iter().filter(|s| s.scans > 0).count();
        writeln!(f, "\nSensors: {} on the map, {heard} heard the walk", self.sensors.len())?;
        let ids = |wanted: &dyn Fn(&&SensorReport) -> bool| -> Vec<String> {
            self.sensors.iter().filter(wanted).map(|s| s.sensor.clone()).collect()
        };
        let mut needed: Vec<&SensorReport> =
            self.sensors.iter().filter(|s| s.adds > 0.0 && !s.spare).collect();
        needed.sort_by(|a, b| b.adds.total_cmp(&a.adds));
        if !needed.is_empty() {
            writeln!(f, "  needed most; so many stays of 100 would go wrong without it:")?;
        }
        for s in needed.iter().take(SENSORS) {
            let most = s
                .most
                .as_ref()
                .map_or_else(String::new, |m| format!(", most in {}: {}", m.zone, tenths(m.share)));
            writeln!(f, "  {:>5}  {}{most}", tenths(s.adds), s.sensor)?;
        }
        let spare = ids(&|s| s.spare);
        if !spare.is_empty() {
            let line = format!(
                "add nothing that others do not, each by itself ({}): {}",
                spare.len(),
                list(spare.into_iter())
            );
            paragraph(f, "  ", &line)?;
        }
        let silent = ids(&|s| s.scans == 0);
        if !silent.is_empty() {
            paragraph(f, "  ", &format!("heard nothing: {}", list(silent.into_iter())))?;
        }
        let air = &self.air;
        let known = if air.pairs > 0 {
            format!("by {} pairs of sensor and zone", air.pairs)
        } else {
            "usual values; the walk does not tell".to_owned()
        };
        let line = format!(
            "signals fade with exponent {:.1} and {:.0} dB a floor ({known}; give or take {:.0} dB)",
            air.exponent, air.floor_loss_db, air.scatter_db
        );
        paragraph(f, "  ", &line)
    }

    fn one_more(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let o = &self.one_more_sensor;
        if self.right_zone.is_none() {
            return Ok(());
        }
        if o.places.is_empty() {
            return writeln!(f, "\nOne more sensor would help nowhere");
        }
        writeln!(f, "\nWhere one more sensor would help most; so many stays of 100 more would be right")?;
        for p in &o.places {
            let gains = p.most.iter().map(|g| format!("{} {} → {} %", g.zone, whole(g.now), whole(g.then)));
            let gains = gains.collect::<Vec<_>>().join(", ");
            let there = match &p.sensors[..] {
                [] => String::new(),
                sensors => format!(", beside {}", list(sensors.iter().cloned())),
            };
            let of = if gains.is_empty() { String::new() } else { format!(": {gains}") };
            paragraph(f, "  ", &format!("{:>5}  {}{there}{of}", tenths(p.gain), p.zone))?;
        }
        let mut how =
            "A sensor is put into the middle of each zone in thought, and hears as the fading above says."
                .to_owned();
        if o.tried_on > 0 {
            let _ = write!(
                how,
                " Tried on the {} that are there: foreseen {:.2} of 100 each, and they add {:.2}",
                o.tried_on,
                o.foreseen * 100.0,
                o.they_add * 100.0
            );
            if let Some(r) = o.rank_correlation {
                let _ = write!(how, " (rank correlation {r:.2})");
            }
            let _ = write!(how, "; so the gains on the left are foreseen ones times {:.2}.", o.scale);
        }
        paragraph(f, "  ", &how)
    }

    fn next(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.next.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nNext")?;
        for (n, step) in self.next.iter().take(STEPS).enumerate() {
            paragraph(f, "  ", &format!("{:>2}. {}", n + 1, sentence(&step.text)))?;
        }
        more(f, self.next.len(), STEPS)
    }
}

fn more(f: &mut Formatter<'_>, all: usize, shown: usize) -> fmt::Result {
    if all > shown { writeln!(f, "  … and {} more (--json has all)", all - shown) } else { Ok(()) }
}

/// Breaks a text into lines; what follows the first is indented as far as the first word after a number.
fn paragraph(f: &mut Formatter<'_>, indent: &str, text: &str) -> fmt::Result {
    let start = text.trim_start();
    let lead = text.len() - start.len();
    let number = start.find(' ').filter(|i| start[..*i].ends_with(|c: char| c == '.' || c.is_ascii_digit()));
    let hang = number.map_or(0, |i| lead + i + start[i..].len() - start[i..].trim_start().len());
    let mut line = format!("{indent}{}", &text[..text.len() - start.len()]);
    let mut empty = true;
    for word in start.split_inclusive(' ') {
        if !empty && line.chars().count() + word.trim_end().chars().count() > WIDTH {
            writeln!(f, "{}", line.trim_end())?;
            line = format!("{indent}{:hang$}", "");
        }
        line.push_str(word);
        empty = false;
    }
    writeln!(f, "{}", line.trim_end())
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

fn count(n: u64, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

fn percent(share: f32) -> String {
    format!("{:>5} %", tenths(share))
}

fn tenths(share: f32) -> String {
    format!("{:.1}", f64::from(share) * 100.0 + 0.0)
}

fn whole(share: f32) -> String {
    format!("{:.0}", f64::from(share) * 100.0 + 0.0)
}
