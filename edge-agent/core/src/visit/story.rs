//! What is told of a visit while it is being decided, where its story is wanted.

use super::climb::Climb;
use super::{Device, LIKELY, Stay, patience, quantile, sure};
use crate::engine::Desk;
use crate::explain::{DwellStep, Dwelling, Note, SilenceStep};

pub(super) fn silent(d: &Device, so: SilenceStep, desk: &mut Desk<'_>) {
    if !desk.explains(d) {
        return;
    }
    let silence = desk.now.since(d.last_heard());
    let (waited, quantile) = (patience(d, desk), quantile(d, desk));
    let outside = 1.0 - desk.locator.inside(&d.track);
    let (gap_s, still_here) = (d.gaps.mean(), d.gaps.still_here(silence));
    desk.tell(d, || Note::Silent { silence, waited, quantile, gap_s, still_here, outside, so });
}

pub(super) fn climbed(d: &Device, climb: &Climb, desk: &mut Desk<'_>) {
    if !desk.explains(d) {
        return;
    }
    let since = d.moment(climb.since);
    let (floor, p) = desk.locator.floor(&d.track);
    desk.tell(d, || Note::Climbed {
        from: climb.from,
        to: climb.to,
        since,
        weight: climb.sure,
        kept: d.last_heard().since(since),
        gap_s: d.gaps.mean(),
        still: if floor == climb.to { p } else { 0.0 },
        said: d.is_inside(),
    });
}

pub(super) fn stayed(d: &Device, stay: &Stay, so: DwellStep, desk: &mut Desk<'_>) {
    if !desk.explains(d) {
        return;
    }
    let made_of = Dwelling {
        length: (stay.length(), desk.config.dwell_threshold),
        stayed: stay.stayed,
        gap_s: d.gaps.mean(),
        sure: (sure(d, stay, desk), LIKELY),
    };
    let (since, until) = (d.moment(stay.since), d.moment(stay.until));
    desk.tell(d, || Note::Stayed { zone: stay.zone, since, until, made_of, so });
}

pub(super) fn not_a_visitor(d: &Device, desk: &mut Desk<'_>) {
    let at_most = desk.config.staff_presence;
    desk.tell(d, || Note::NotAVisitor {
        presence: d.last_heard().since(d.first_heard),
        at_most,
        in_staff_zones: (d.in_staff_zones, d.emissions),
    });
}
