//! What was found, in words: what to expect, and what to do next.

use super::report::NextStep;
use visit_core::position::{Advice, Inspection, Verdict};
use visit_core::site::{SensorIx, Site, ZoneIx};

/// Names that are listed in a sentence; the rest is counted.
const LISTED: usize = 8;

/// What to expect.
pub(super) fn verdict(site: &Site, i: &Inspection) -> String {
    let a = &i.assessment;
    let (Some(zone), Some(floor)) = (a.right_zone(), a.right_floor(site)) else {
        return "no zone was walked in two laps, so nothing can be said of how well it works; a calibration can be made \
                all the same"
            .to_owned();
    };
    let expect = format!(
        "of 100 stays about {:.0} are given to the right zone and {:.0} to the right floor; of 100 single scans, of \
         somebody walking by, {:.0} and {:.0}",
        zone.stays * 100.0,
        floor.stays * 100.0,
        zone.scans * 100.0,
        floor.scans * 100.0
    );
    let judged = a.judged().count();
    let so = match i.verdict(site) {
        Verdict::Good => "dwells, floors and buyers can be trusted as far as their confidence says",
        Verdict::Fair => {
            "floors can mostly be trusted, and dwells but for the zones that go wrong; some receipts will not find their buyer"
        }
        Verdict::Poor => "do not build on single zones yet: see what to do next",
        Verdict::CannotTell => {
            return format!(
                "only {judged} of {} zones could be judged. Of these: {expect}",
                site.zones.len()
            );
        }
    };
    format!("{expect}. So {so}")
}

/// What to do about a finding.
pub(super) fn next_step(site: &Site, i: &Inspection, advice: &Advice) -> NextStep {
    let zone = |z: &ZoneIx| site.zone(*z).id.clone();
    let sensor = |s: &SensorIx| site.sensor(*s).id.clone();
    let (kind, text) = match advice {
        Advice::Jumps(n) => (
            "labels",
            format!(
                "the walk is on another floor and back within 10 s, {n} times: two people's walks in one file (give each a file of its \
                 own), or zones that were marked wrongly"
            ),
        ),
        Advice::NotWalked(zones) => (
            "walk",
            format!(
                "walk {}: nobody was there, so visitors there will be taken to be elsewhere",
                list(zones.iter().map(zone))
            ),
        ),
        Advice::WalkedOnce(zones) => (
            "walk_again",
            format!("walk {} again: one lap cannot be judged by another", list(zones.iter().map(zone))),
        ),
        Advice::WalkedBriefly(zones) => (
            "walk_longer",
            format!(
                "stay longer in {}: fewer than twelve scans were heard there. Two minutes a lap are enough; where even those \
                 are heard seldom, a sensor is too far away",
                list(zones.iter().map(zone))
            ),
        ),
        Advice::Silent(sensors) => (
            "silent_sensor",
            format!(
                "see to {}: nothing of the walk was heard there. Powered, on the channels of the phone, named as in the \
                 site map? Then walk again",
                list(sensors.iter().map(sensor))
            ),
        ),
        Advice::Misfit(odd) => {
            let weaker = odd.iter().any(|(_, db, _)| *db < 0.0);
            let why = if weaker { "antenna, metal in front of it, its" } else { "its" };
            (
                "sensor_misfit",
                format!(
                    "look at {}: they do not hear as a sensor would where the map has them. For each: {why} place on the \
                     map, `radio_offset`",
                    list(odd.iter().map(|(s, db, _)| format!("{} ({db:+.0} dB)", sensor(s))))
                ),
            )
        }
        Advice::Elsewhere(s, z, db) => (
            "sensor_elsewhere",
            format!(
                "look at {}: by the map it hangs in {}, but it hears {} best, by {db:.0} dB: exchanged with another one, or \
                 its place on the map is wrong",
                sensor(s),
                zone(&site.sensor(*s).zone),
                zone(z)
            ),
        ),
        Advice::OneMore(z, gain) => ("one_more_sensor", one_more(site, i, *z, *gain)),
        Advice::Alike(pairs) => (
            "alike",
            format!(
                "nobody can tell apart {}. For each pair: a sensor in one of the two, away from the other; or make them one \
                 zone if nobody needs to know which",
                list(pairs.iter().map(|p| format!("{} and {}", zone(&p.zones[0]), zone(&p.zones[1]))))
            ),
        ),
        Advice::Misleading(s, gain) => (
            "misleading_sensor",
            format!(
                "without {} {:.1} of 100 stays more would be right, by this walk: was it moved, or switched off for a time? \
                 Walk again near it before you take it away",
                sensor(s),
                gain * 100.0
            ),
        ),
        Advice::Spare(sensors) => (
            "spare_sensor",
            format!(
                "{}: any one of these could fail without being missed, one at a time. Survey again before you take away \
                 more than one",
                list(sensors.iter().map(sensor))
            ),
        ),
    };
    let (zones, sensors) = about(advice);
    NextStep {
        kind,
        text,
        zones: zones.iter().map(zone).collect(),
        sensors: sensors.iter().map(sensor).collect(),
    }
}

fn one_more(site: &Site, i: &Inspection, zone: ZoneIx, gain: f32) -> String {
    let id = &site.zone(zone).id;
    let gain = format!("about {:.1} of 100 stays more would be right", gain * 100.0);
    // Where one hangs that hears too little, another one is not the answer.
    let deaf = site.sensors.iter().zip(&i.sensors).find(|(s, w)| {
        s.zone == zone && (w.scans == 0 || w.excess.is_some_and(|(db, _)| db < 0.0 && i.is_misfit(db)))
    });
    match deaf {
        Some((s, _)) => format!(
            "put {} in order, or another sensor into {id}: {gain} if one hears there as others do",
            s.id
        ),
        None => format!("one more sensor would help in {id}: {gain}, if it is the only one added"),
    }
}

fn about(advice: &Advice) -> (Vec<ZoneIx>, Vec<SensorIx>) {
    match advice {
        Advice::Jumps(_) => (Vec::new(), Vec::new()),
        Advice::NotWalked(zones) | Advice::WalkedOnce(zones) | Advice::WalkedBriefly(zones) => {
            (zones.clone(), Vec::new())
        }
        Advice::Silent(sensors) | Advice::Spare(sensors) => (Vec::new(), sensors.clone()),
        Advice::Misfit(odd) => (Vec::new(), odd.iter().map(|(s, ..)| *s).collect()),
        Advice::Misleading(s, _) => (Vec::new(), vec![*s]),
        Advice::Elsewhere(s, z, _) => (vec![*z], vec![*s]),
        Advice::OneMore(z, _) => (vec![*z], Vec::new()),
        Advice::Alike(pairs) => (pairs.iter().flat_map(|p| p.zones).collect(), Vec::new()),
    }
}

/// `a, b, c and 4 more`.
pub(super) fn list(names: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = names.collect();
    let shown = all.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    match all.len() - all.len().min(LISTED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
