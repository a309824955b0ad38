//! From counters to what is told.

use super::agenda::{Kept, Told};
use super::counters::Said;
use super::tally::{Dwells, Place, Tally};
use super::withhold::{self, Parts};
use super::{Flow, SAMPLE};
use crate::event::{Confidence, CrossShopping, Estimate, FlowBasis, FlowInterval, FlowPeriod, FlowScope};
use crate::observation::CountedPlace;
use crate::site::{FloorIx, SensorIx, Site, ZoneIx, ZoneKind};
use crate::time::{Span, Timestamp};
use crate::visit::Device;

/// Width of a 90 % interval, standard deviations to each side.
const NINETY: f32 = 1.645;

/// A stretch of time that is told.
struct About {
    period: FlowPeriod,
    from: Timestamp,
    until: Timestamp,
}

impl Flow {
    /// It is `now`, a moment that was a deadline: looks, and tells what is to be told.
    pub fn advance<'a>(
        &mut self,
        site: &Site,
        step: Span,
        k: u32,
        now: Timestamp,
        devices: impl Iterator<Item = &'a Device>,
        down: &[SensorIx],
    ) -> Vec<FlowInterval> {
        let mut all = Vec::new();
        // Corrections first: the newest figures are what a topic retains.
        while let Some((_, from)) = self.agenda.due(now, true) {
            self.correct(site, k, from, &mut all);
        }
        if let Some(running) = self.running.as_mut().filter(|r| r.sample <= now) {
            running.sample = running.sample + SAMPLE;
            let ends = running.from + step;
            let from = running.from;
            self.sample(site, now, devices, down);
            if ends <= now {
                self.running = None;
                self.close(site, k, from, ends, &mut all);
            }
        }
        while let Some((period, from)) = self.agenda.due(now, false) {
            self.tell_stretch(site, k, period, from, &mut all);
            self.let_go(period, from);
        }
        all
    }

    /// Ends the running interval.
    fn close(&mut self, site: &Site, k: u32, from: Timestamp, until: Timestamp, all: &mut Vec<FlowInterval>) {
        let mut tally = core::mem::replace(&mut self.tally, Tally::new(site));
        let said = self.counters.close(
            from,
            until,
            |zone, place| lies_in(site, ZoneIx(zone), place),
            |place| tally.place(place).entered,
        );
        for (place, said) in said {
            tally.place_mut(place).said(&said);
        }
        tally.ended();
        let mut told = Told::default();
        let about = About { period: FlowPeriod::Interval, from, until };
        tell(site, k, &about, &tally, &[], &mut told, all);
        self.keep(Kept { from, until, tally, told });
    }

    /// Tells an interval again, if it is not as it was told.
    fn correct(&mut self, site: &Site, k: u32, from: Timestamp, all: &mut Vec<FlowInterval>) {
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.from == from) else { return };
        let about = About { period: FlowPeriod::Interval, from, until: kept.until };
        tell(site, k, &about, &kept.tally, &[], &mut kept.told, all);
    }

    /// Tells an hour or a day, or what of it has changed since it was told.
    fn tell_stretch(
        &mut self,
        site: &Site,
        k: u32,
        period: FlowPeriod,
        from: Timestamp,
        all: &mut Vec<FlowInterval>,
    ) {
        let Some(i) = self.stretches.iter().position(|s| s.period == period && s.from == from) else {
            return;
        };
        let s = &self.stretches[i];
        let whole = self.whole(s, site);
        let mut intervals = s.told_before.clone();
        for kept in self.kept.iter().filter(|kept| s.holds(kept.from)) {
            Parts::add_all(&mut intervals, kept.told.places.iter().map(|(_, parts)| *parts));
        }
        let mut hours = s.told_hours.clone();
        for hour in self.stretches.iter().filter(|h| h.period == FlowPeriod::Hour && s.is_day_of(h.from)) {
            Parts::add_all(&mut hours, hour.told.places.iter().map(|(_, parts)| *parts));
        }
        let about = About { period, from, until: s.until };
        let mut told = s.told.clone();
        tell(site, k, &about, &whole, &[intervals, hours], &mut told, all);
        self.stretches[i].told = told;
    }
}

/// Tells the figures of all places, as far as they are not as they were told before.
fn tell(
    site: &Site,
    k: u32,
    about: &About,
    tally: &Tally,
    parts: &[Vec<Parts>],
    told: &mut Told,
    all: &mut Vec<FlowInterval>,
) {
    let figures = figures(site, k, about, tally, parts, told.times);
    told.times += 1;
    let samples = tally.site.samples;
    let mut before = core::mem::take(&mut told.places).into_iter();
    for f in figures {
        let print = fingerprint(&f);
        told.places.push((print, Parts::of(&f, samples)));
        if before.next().is_none_or(|(was, _)| was != print) {
            all.push(f);
        }
    }
}

/// A hash of the figures, whichever revision they are of.
fn fingerprint(f: &FlowInterval) -> u64 {
    let text = format!("{:?}", FlowInterval { revision: 0, ..f.clone() });
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes()[..8].iter().fold(0, |n, b| n << 8 | u64::from(*b))
}

/// Figures of the site, its floors and its zones, in this order.
fn figures(
    site: &Site,
    k: u32,
    about: &About,
    tally: &Tally,
    parts: &[Vec<Parts>],
    revision: u32,
) -> Vec<FlowInterval> {
    let mut all = Vec::with_capacity(1 + site.floors.len() + site.zones.len());
    let mut report = |scope, id: &str, place: &Place, dwells: &Dwells| {
        let mut f = place.report(about, revision);
        (f.scope, f.place) = (scope, id.to_owned());
        f.dwell_s = dwells.quantiles();
        all.push(f);
    };
    let dwells_of = |is: &dyn Fn(FloorIx) -> bool| {
        let mut dwells = Dwells::default();
        let zones = site.zones.iter().zip(&tally.zones).filter(|(zone, _)| is(zone.floor));
        zones.for_each(|(_, place)| dwells.add(&place.dwells));
        dwells
    };
    report(FlowScope::Site, &site.id, &tally.site, &dwells_of(&|_| true));
    for (i, (floor, place)) in site.floors.iter().zip(&tally.floors).enumerate() {
        report(FlowScope::Floor, &floor.id, place, &dwells_of(&|f| usize::from(f.0) == i));
    }
    for (zone, place) in site.zones.iter().zip(&tally.zones) {
        report(FlowScope::Zone, &zone.id, place, &place.dwells);
    }
    let whole = &mut all[0];
    let entered = tally.site.entered as f32;
    // Shares of fewer than k people tell of persons.
    let share = |part, of: f32| share(part, of).filter(|_| of >= k as f32);
    whole.capture_rate = share(entered, entered + tally.passed_by);
    whole.bag_rate = share(tally.exits_with_bag as f32, tally.exits as f32);
    withhold_all(site, k, parts, &mut all);
    if about.period == FlowPeriod::Day {
        let zones = &mut all[1 + site.floors.len()..];
        for (i, f) in zones.iter_mut().enumerate() {
            let others = tally.shared.with(ZoneIx(i as u16), k);
            f.cross_shopping = others
                .into_iter()
                .map(|(zone, share)| CrossShopping {
                    zone: site.zone(zone).id.clone(),
                    brand: site.zone(zone).brand.clone(),
                    share: Confidence::new(share),
                })
                .collect();
        }
    }
    all
}

/// Withholds what is small, and what gives it away.
fn withhold_all(site: &Site, k: u32, parts: &[Vec<Parts>], all: &mut [FlowInterval]) {
    all.iter_mut().for_each(|f| withhold::small(f, k));
    for of_time in parts {
        for (f, parts) in all.iter_mut().zip(of_time) {
            withhold::blur_times(f, parts, k);
        }
    }
    let (whole, rest) = all.split_at_mut(1);
    let (floors, zones) = rest.split_at_mut(site.floors.len());
    for (i, floor) in floors.iter_mut().enumerate() {
        let own = site.zones.iter().zip(&*zones).filter(|(zone, _)| usize::from(zone.floor.0) == i);
        withhold::blur_places(floor, own.map(|(_, f)| f), k);
    }
    withhold::blur_places(&mut whole[0], floors.iter(), k);
}

impl Place {
    /// Somebody is here with so much probability.
    pub(super) fn add_person(&mut self, p: f32) {
        self.people += p;
        self.variance += p * (1.0 - p);
    }

    /// A look is over, in which so much of the place was heard.
    pub(super) fn sampled(&mut self, heard: f32) {
        self.heard += heard;
        self.samples += 1;
    }

    fn report(&self, about: &About, revision: u32) -> FlowInterval {
        let observed = self.heard / self.samples.max(1) as f32;
        let heard = observed > 0.0;
        let (footfall, basis) = self.footfall();
        let (occupancy, occupancy_basis) = self.occupancy();
        FlowInterval {
            scope: FlowScope::Site,
            place: String::new(),
            period: about.period,
            from: about.from,
            until: about.until,
            revision,
            basis,
            occupancy_basis,
            observed: Confidence::new(observed),
            suppressed: false,
            rounded_to: None,
            footfall: Some(footfall).filter(|_| heard),
            occupancy: Some(occupancy).filter(|_| heard),
            capture_rate: None,
            bag_rate: None,
            sales: Some(self.sales),
            conversion: (footfall > 0 && self.sales > 0)
                .then(|| round(self.sales as f32 / footfall as f32, 1000.0)),
            dwell_s: None,
            cross_shopping: Vec::new(),
        }
    }

    fn footfall(&self) -> (u32, FlowBasis) {
        let s = &self.said;
        match s.entered_of {
            n if n == 0 || n < s.intervals => (self.entered, FlowBasis::Index),
            _ => {
                (s.entered, if s.counted == s.intervals { FlowBasis::Counted } else { FlowBasis::Calibrated })
            }
        }
    }

    fn occupancy(&self) -> (Estimate, FlowBasis) {
        let s = &self.said;
        if s.people_of > 0 && s.people_of == s.intervals {
            let basis = if s.counted == s.intervals { FlowBasis::Counted } else { FlowBasis::Calibrated };
            let of = |sum: f32| round(sum / s.people_of as f32, 10.0);
            return (Estimate { estimate: of(s.people), low: of(s.low), high: of(s.high) }, basis);
        }
        let n = self.samples.max(1) as f32;
        let (people, variance) = (self.people / n, self.variance / n);
        let half = NINETY * (variance + UNSEEN * people).sqrt();
        let estimate = round(people, 10.0);
        let low = round((people - half).max(0.0), 10.0);
        (Estimate { estimate, low, high: round(people + half, 10.0) }, FlowBasis::Index)
    }

    pub(super) fn said(&mut self, said: &Said) {
        let s = &mut self.said;
        s.counted += u32::from(said.counted);
        if let Some(entered) = said.entered {
            s.entered = s.entered.saturating_add(entered);
            s.entered_of += 1;
        }
        if let Some(o) = said.occupancy {
            s.people += o.estimate;
            s.low += o.low;
            s.high += o.high;
            s.people_of += 1;
        }
    }
}

/// Of everybody who is followed, so much variance more: who came and is not established yet, who was taken for two.
const UNSEEN: f32 = 0.25;

fn lies_in(site: &Site, zone: ZoneIx, place: CountedPlace) -> bool {
    match place {
        CountedPlace::Site => site.zone(zone).kind != ZoneKind::Perimeter,
        CountedPlace::Floor(floor) => site.floor_of(zone) == floor,
        CountedPlace::Zone(z) => z == zone,
    }
}

fn share(part: f32, whole: f32) -> Option<Confidence> {
    (whole > 0.0).then(|| Confidence::new(part / whole))
}

fn round(x: f32, parts: f32) -> f32 {
    (x * parts).round() / parts
}
