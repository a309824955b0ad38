//! Which business day a moment belongs to.
//!
//! A business day runs from `business_day_starts` on one local date to the same time on the next, and is
//! numbered by the first date: days since 1970-01-01. It lasts 23 or 25 hours when summer time changes within
//! it. A start that a change skips is moved later by the gap; of a start that happens twice the first counts
//! (RFC 5545 §3.3.5, and what jiff calls "compatible").

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp as Moment, ToSpan};
use visit_core::site::Site;
use visit_core::time::Timestamp;

/// Answers from the boundaries of the day last asked for; the time zone is looked up once a day.
#[derive(Clone, Debug)]
pub struct BusinessCalendar {
    zone: TimeZone,
    /// Minutes after local midnight.
    starts: i64,
    day: i32,
    start: Timestamp,
    end: Timestamp,
}

impl BusinessCalendar {
    /// The calendar of a site; nothing when its time zone is not in the database.
    pub fn new(site: &Site) -> Option<Self> {
        let zone = TimeZone::get(&site.timezone).ok()?;
        let nothing = Timestamp::from_micros(0);
        // An empty span of time: the first question looks it up.
        Some(Self { zone, starts: site.business_day_starts.into(), day: 0, start: nothing, end: nothing })
    }

    /// The site's time zone.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The business day of `at`, days since 1970-01-01.
    pub fn day(&mut self, at: Timestamp) -> i32 {
        if at < self.start || at >= self.end {
            self.look_up(at);
        }
        self.day
    }

    /// When the business day after that of `at` begins.
    pub fn next_start(&mut self, at: Timestamp) -> Timestamp {
        self.day(at);
        self.end
    }

    /// When the business day of `at` began.
    pub fn start(&mut self, at: Timestamp) -> Timestamp {
        self.day(at);
        self.start
    }

    fn look_up(&mut self, at: Timestamp) {
        let at = Timestamp::from_micros(at.as_micros().clamp(FIRST_US, LAST_US));
        let moment = Moment::from_microsecond(at.as_micros()).unwrap_or(Moment::UNIX_EPOCH);
        let local = self.zone.to_datetime(moment);
        // Near a change of summer time the date is off by one at most.
        let mut day = number(local.date());
        while self.start_of(day) > at {
            day -= 1;
        }
        while self.start_of(day + 1) <= at {
            day += 1;
        }
        self.day = day;
        self.start = self.start_of(day);
        self.end = self.start_of(day + 1);
    }

    fn start_of(&self, day: i32) -> Timestamp {
        let local = EPOCH.saturating_add(day.days()).at(0, 0, 0, 0).saturating_add(self.starts.minutes());
        match self.zone.to_timestamp(local) {
            Ok(moment) => Timestamp::from_micros(moment.as_microsecond()),
            // Beyond the year 9999: days of UTC will do.
            Err(_) => Timestamp::from_micros(i64::from(day) * 86_400_000_000),
        }
    }
}

fn number(date: Date) -> i32 {
    EPOCH.until(date).map_or(0, |span| span.get_days())
}

const EPOCH: Date = Date::constant(1970, 1, 1);
/// 1900-01-01 and 9000-01-01: far from the ends of what a calendar date can be.
const FIRST_US: i64 = -2_208_988_800_000_000;
const LAST_US: i64 = 221_845_392_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use visit_core::site::{FloorDraft, SensorDraft, SiteDraft, ZoneDraft};

    fn calendar(timezone: &str, starts: &str) -> BusinessCalendar {
        let draft = SiteDraft {
            id: "m".into(),
            timezone: timezone.into(),
            business_day_starts: Some(starts.into()),
            floors: vec![FloorDraft { id: "f".into(), ..Default::default() }],
            zones: vec![ZoneDraft {
                id: "z".into(),
                floor: "f".into(),
                kind: "entrance".into(),
                ..Default::default()
            }],
            sensors: vec![SensorDraft { id: "s".into(), zone: "z".into(), ..Default::default() }],
            ..Default::default()
        };
        BusinessCalendar::new(&Site::build(draft).unwrap().0).unwrap()
    }

    fn t(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    /// Days since 1970-01-01 of 2025-11-21.
    const NOV_21: i32 = 20_413;

    #[test]
    fn a_day_in_shanghai_starts_at_four_in_the_morning_there() {
        let mut c = calendar("Asia/Shanghai", "04:00");
        assert_eq!(c.day(t("2025-11-21T04:00:00+08:00")), NOV_21);
        assert_eq!(c.day(t("2025-11-21T03:59:59.999999+08:00")), NOV_21 - 1);
        assert_eq!(c.day(t("2025-11-22T03:59:59.999999+08:00")), NOV_21);
        assert_eq!(c.next_start(t("2025-11-21T12:00:00+08:00")), t("2025-11-22T04:00:00+08:00"));
    }

    #[test]
    fn days_in_berlin_have_23_and_25_hours_when_summer_time_changes() {
        let mut c = calendar("Europe/Berlin", "00:00");
        let spring = t("2025-03-30T00:00:00+01:00");
        assert_eq!(c.next_start(spring).since(spring).as_micros(), 23 * 3_600_000_000);
        let autumn = t("2025-10-26T00:00:00+02:00");
        assert_eq!(c.next_start(autumn).since(autumn).as_micros(), 25 * 3_600_000_000);
    }

    #[test]
    fn a_start_inside_the_gap_or_the_fold_is_one_boundary_only() {
        let mut c = calendar("Europe/Berlin", "02:30");
        // 02:30 does not exist on this day; the business day starts at 03:30 summer time.
        let gap = c.day(t("2025-03-30T12:00:00+02:00"));
        assert_eq!(c.day(t("2025-03-30T03:29:59+02:00")), gap - 1);
        assert_eq!(c.day(t("2025-03-30T03:30:00+02:00")), gap);
        // 02:30 exists twice on this one; the first is the start.
        let fold = c.day(t("2025-10-26T12:00:00+01:00"));
        assert_eq!(c.day(t("2025-10-26T02:29:59+02:00")), fold - 1);
        assert_eq!(c.day(t("2025-10-26T02:30:00+02:00")), fold);
        assert_eq!(c.day(t("2025-10-26T02:10:00+01:00")), fold);
    }

    #[test]
    fn moments_beyond_every_calendar_have_a_day_too() {
        let mut c = calendar("Asia/Shanghai", "04:00");
        assert!(c.day(Timestamp::MIN) < c.day(Timestamp::from_micros(0)));
        assert!(c.day(Timestamp::MAX) > NOV_21);
    }

    proptest! {
        #[test]
        fn days_follow_one_another(hour in 1_700_000i64 / 4..2_000_000i64 / 4, starts in 0u16..1440) {
            let text = format!("{:02}:{:02}", starts / 60, starts % 60);
            let mut c = calendar("Europe/Berlin", &text);
            let at = Timestamp::from_micros(hour * 3_600_000_000);
            let (day, next) = (c.day(at), c.next_start(at));
            prop_assert!(next > at);
            prop_assert_eq!(c.day(next), day + 1);
            prop_assert_eq!(c.day(Timestamp::from_micros(next.as_micros() - 1)), day);
        }
    }
}
