//! Local hours and business days for the engine, from the time zone database.

use jiff::Timestamp as Moment;
use jiff::tz::TimeZone;
use visit_core::calendar::Calendar;
use visit_core::site::Site;
use visit_core::time::Timestamp;

/// Offsets are written down until then: the engine needs no more, and knows no rules.
const UNTIL_S: i64 = 4_102_444_800; // 2100-01-01

/// The calendar of a site; UTC where the database does not have its time zone, which `check` says.
pub fn of(site: &Site) -> Calendar {
    let day_starts_s = u32::from(site.business_day_starts) * 60;
    let Ok(zone) = TimeZone::get(&site.timezone) else { return Calendar::new(Vec::new(), day_starts_s) };
    let first = (Timestamp::MIN, zone.to_offset(Moment::UNIX_EPOCH).seconds());
    let changes = zone
        .following(Moment::UNIX_EPOCH)
        .map(|t| (t.timestamp().as_second(), t.offset().seconds()))
        .take_while(|(at, _)| *at < UNTIL_S)
        .map(|(at, offset)| (Timestamp::from_micros(at * 1_000_000), offset));
    Calendar::new(std::iter::once(first).chain(changes).collect(), day_starts_s)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::BusinessCalendar;
    use visit_core::site::{FloorDraft, SensorDraft, SiteDraft, ZoneDraft};

    /// Every hour of three years, in zones with summer time, half hours and changes of half an hour.
    #[test]
    fn the_days_of_flow_are_the_business_days_of_receipts() {
        for zone in
            ["Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/New_York"]
        {
            for starts in ["00:00", "06:00", "02:30"] {
                let site = site(zone, starts);
                let (calendar, mut business) = (of(&site), BusinessCalendar::new(&site).unwrap());
                let mut at = Timestamp::parse_rfc3339("2024-01-01T00:07:00Z").unwrap();
                for _ in 0..3 * 366 * 24 {
                    let (from, until) = calendar.day(at);
                    assert_eq!(until, business.next_start(at), "{zone} {starts} {at}");
                    assert!(from <= at, "{zone} {starts} {at} {from}");
                    let (from, until) = calendar.hour(at);
                    assert!(
                        from <= at && at < until && until.since(from).as_secs_f32() <= 7200.0,
                        "{zone} {at} {from} {until}"
                    );
                    at = at + visit_core::time::Span::from_secs(3600);
                }
            }
        }
    }

    fn site(timezone: &str, starts: &str) -> Site {
        let zone = ZoneDraft { id: "Z".into(), floor: "F".into(), kind: "shop".into(), ..Default::default() };
        let draft = SiteDraft {
            id: "mall".into(),
            timezone: timezone.into(),
            business_day_starts: Some(starts.into()),
            floors: vec![FloorDraft { id: "F".into(), ..Default::default() }],
            zones: vec![zone],
            sensors: vec![SensorDraft { id: "S".into(), zone: "Z".into(), ..Default::default() }],
            ..Default::default()
        };
        Site::build(draft).unwrap().0
    }
}
