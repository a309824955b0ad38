//! From an inspection, which knows indices, to the report, which knows names.

use super::report::{
    AirReport, AlikeReport, FloorReport, FloorShare, Gain, OneMorePlace, OneMoreReport, REPORT_FORMAT,
    Report, SensorReport, Share, WalkFacts, ZoneReport, ZoneShare,
};
use super::words;
use visit_core::position::{FloorFigures, Inspection, OneMore, Rate, Scan, SensorWorth, Verdict};
use visit_core::site::{SensorIx, Site, ZoneIx};
use visit_core::time::Timestamp;

/// Zones that a zone is taken for, and that are named: those with at least this share of its stays.
const NAMED: f32 = 0.02;
/// A smaller gain is none.
const NOTICED: f32 = 0.000_5;
/// Places for one more sensor that are reported.
const PLACES: usize = 5;

impl Report {
    /// Of an inspection of these scans.
    pub fn of(site: &Site, scans: &[Scan], i: &Inspection, readings: u64, skipped: u64) -> Self {
        let a = &i.assessment;
        let zones = || (0..site.zones.len() as u16).map(ZoneIx);
        let mut counts = vec![0; site.zones.len()];
        scans.iter().for_each(|s| counts[usize::from(s.zone.0)] += 1);
        let (from, until) = scans.iter().fold((None, None), |(from, until), s| {
            (Some(s.at).min(from.or(Some(s.at))), Some(s.at).max(until))
        });
        let moment = |t: Option<Timestamp>| t.map_or_else(String::new, |t| t.to_string());
        let ids = |wanted: &dyn Fn(ZoneIx) -> bool| -> Vec<String> {
            zones().filter(|z| wanted(*z)).map(|z| site.zone(z).id.clone()).collect()
        };
        Self {
            format: REPORT_FORMAT,
            site: site.id.clone(),
            verdict: match i.verdict(site) {
                Verdict::Good => "good",
                Verdict::Fair => "fair",
                Verdict::Poor => "poor",
                Verdict::CannotTell => "cannot_tell",
            },
            summary: words::verdict(site, i),
            next: i.advice(site).iter().map(|advice| words::next_step(site, i, advice)).collect(),
            walk: WalkFacts {
                scans: scans.len() as u64,
                readings,
                walks: a.walks,
                laps: a.laps,
                from: moment(from),
                until: moment(until),
                zones: site.zones.len() as u32,
                not_walked: ids(&|z| a.passes(z) == 0),
                walked_once: ids(&|z| a.passes(z) > 0 && a.placed(z) == 0),
                judged: a.judged().count() as u32,
                skipped,
            },
            right_zone: a.right_zone().map(Share::of),
            right_floor: a.right_floor(site).map(Share::of),
            floors: floors(site, i),
            zones: zones().map(|z| zone(site, i, z, counts[usize::from(z.0)])).collect(),
            alike: a
                .alike()
                .iter()
                .map(|p| AlikeReport {
                    zones: p.zones.map(|z| site.zone(z).id.clone()),
                    mistaken: tidy(p.mistaken),
                })
                .collect(),
            sensors: i
                .sensors
                .iter()
                .enumerate()
                .map(|(s, w)| sensor(site, i, SensorIx(s as u16), w))
                .collect(),
            air: AirReport {
                at_one_metre_dbm: tidy(i.air.at_one_metre),
                exponent: tidy(i.air.exponent),
                floor_loss_db: tidy(i.air.floor_loss),
                scatter_db: tidy(i.air.scatter),
                spread_db: tidy(i.air.spread),
                pairs: i.air.pairs,
            },
            one_more_sensor: one_more(site, i),
        }
    }
}

impl Share {
    fn of(rate: Rate) -> Self {
        Self { stays: tidy(rate.stays), scans: tidy(rate.scans) }
    }
}

fn floors(site: &Site, i: &Inspection) -> Vec<FloorReport> {
    let id = |floor| site.floor(floor).id.clone();
    let figures = i.assessment.floors(site);
    let report = |f: &FloorFigures| FloorReport {
        floor: id(f.floor),
        judged: f.judged,
        right_zone: f.right.map(Share::of),
        taken_for: match f.right {
            Some(_) => figures
                .iter()
                .zip(&f.taken_for)
                .map(|(other, rate)| FloorShare {
                    floor: id(other.floor),
                    stays: tidy(rate.stays),
                    scans: tidy(rate.scans),
                })
                .collect(),
            None => Vec::new(),
        },
    };
    figures.iter().map(report).collect()
}

fn zone(site: &Site, i: &Inspection, zone: ZoneIx, scans: u32) -> ZoneReport {
    let a = &i.assessment;
    let others = (0..site.zones.len() as u16).map(ZoneIx).filter(|z| *z != zone);
    let mut taken_for: Vec<(ZoneIx, f32)> =
        others.map(|z| (z, a.stay(zone, z))).filter(|(_, p)| *p >= NAMED).collect();
    taken_for.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.cmp(&y.0)));
    let z = site.zone(zone);
    ZoneReport {
        zone: z.id.clone(),
        floor: site.floor(z.floor).id.clone(),
        name: z.name.clone().or_else(|| z.brand.clone()),
        scans,
        laps: a.passes(zone),
        right: a.right(zone).map(Share::of),
        taken_for: taken_for.into_iter().map(|share| zone_share(site, share)).collect(),
    }
}

fn sensor(site: &Site, i: &Inspection, ix: SensorIx, w: &SensorWorth) -> SensorReport {
    let s = site.sensor(ix);
    SensorReport {
        sensor: s.id.clone(),
        zone: site.zone(s.zone).id.clone(),
        scans: w.scans,
        zones_heard: w.zones,
        adds: tidy(w.loss),
        adds_floor: tidy(w.floor_loss),
        most: w.most.map(|share| zone_share(site, share)),
        spare: i.is_spare(ix),
        excess_db: w.excess.map(|(db, _)| tidy(db)),
        excess_zones: w.excess.map_or(0, |(_, zones)| zones),
        hears_best: w.elsewhere.map(|(z, _)| site.zone(z).id.clone()),
    }
}

fn one_more(site: &Site, i: &Inspection) -> OneMoreReport {
    let f = &i.foresight;
    let place = |m: &OneMore| OneMorePlace {
        zone: site.zone(m.zone).id.clone(),
        sensors: site.sensors.iter().filter(|s| s.zone == m.zone).map(|s| s.id.clone()).collect(),
        gain: tidy(m.gain * f.scale()),
        most: m
            .most
            .iter()
            .map(|(z, now, then)| Gain { zone: site.zone(*z).id.clone(), now: tidy(*now), then: tidy(*then) })
            .collect(),
    };
    OneMoreReport {
        tried_on: f.sensors,
        they_add: tidy(f.adds),
        foreseen: tidy(f.foreseen),
        rank_correlation: f.ranks.map(tidy),
        scale: tidy(f.scale()),
        places: i.one_more.iter().take(PLACES).map(place).filter(|p| p.gain >= NOTICED).collect(),
    }
}

fn zone_share(site: &Site, (zone, share): (ZoneIx, f32)) -> ZoneShare {
    ZoneShare { zone: site.zone(zone).id.clone(), share: tidy(share) }
}

/// Four decimals, and no minus before a zero.
fn tidy(x: f32) -> f32 {
    let tidy = (f64::from(x) * 1e4).round() / 1e4 + 0.0;
    if tidy.is_finite() { tidy as f32 } else { 0.0 }
}
