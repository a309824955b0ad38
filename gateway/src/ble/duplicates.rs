//! Does a Bluetooth chip report every advertisement, or each device once a scan? Pure: time comes from the caller.
//!
//! What advertises does so several times a second; a chip that filters duplicates reports it when the scan begins anew, some
//! ten seconds later. So the time between two reports of a device tells.

use crate::observation::MacAddr;
use std::collections::HashMap;
use std::time::Duration;

/// Two reports of a device within this time: nothing is filtered.
const QUICK: Duration = Duration::from_secs(4);
/// Later, a device left and came back.
const LONG: Duration = Duration::from_secs(60);
/// Reports that followed another of the same device, before there is a verdict.
const ENOUGH: u32 = 20;
/// Devices remembered; beyond, all are forgotten.
const REMEMBERED: usize = 4_096;

/// Watches reports.
#[derive(Clone, Debug, Default)]
pub struct Duplicates {
    last: HashMap<MacAddr, Duration>,
    followed: u32,
    quick: u32,
    filtered: Option<bool>,
}

impl Duplicates {
    /// Whether duplicates are filtered; `None`: not known yet.
    pub fn filtered(&self) -> Option<bool> {
        self.filtered
    }

    /// A report of a device, at `now` on a clock that only goes forward. Whether it repeats an earlier one.
    pub fn report(&mut self, addr: MacAddr, now: Duration) -> bool {
        if self.last.len() >= REMEMBERED && !self.last.contains_key(&addr) {
            self.last.clear();
        }
        let Some(before) = self.last.insert(addr, now) else { return false };
        let gap = now.saturating_sub(before);
        if gap <= LONG {
            self.followed += 1;
            self.quick += u32::from(gap <= QUICK);
        }
        if self.followed >= ENOUGH {
            // What changes its data is reported anew by some chips: a few quick ones do not speak for all.
            self.filtered = Some(self.quick * 4 < self.followed);
            (self.followed, self.quick) = (0, 0);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reports(every_ms: u64, seconds: u64, devices: u8) -> Duplicates {
        let mut watch = Duplicates::default();
        for ms in (0..seconds * 1_000).step_by(every_ms as usize) {
            for device in 0..devices {
                watch.report(MacAddr([2, 0, 0, 0, 0, device]), Duration::from_millis(ms));
            }
        }
        watch
    }

    #[test]
    fn a_report_a_scan_is_a_filter_and_several_a_second_are_none() {
        assert_eq!(reports(100, 10, 1).filtered(), Some(false));
        assert_eq!(reports(2_000, 60, 2).filtered(), Some(false));
        assert_eq!(reports(10_240, 60, 6).filtered(), Some(true));
        assert_eq!(reports(10_240, 240, 1).filtered(), Some(true));
    }

    #[test]
    fn few_reports_and_people_who_pass_by_say_nothing() {
        assert_eq!(reports(10_240, 60, 1).filtered(), None);
        let mut watch = Duplicates::default();
        for n in 0..10_000_u32 {
            let [_, _, a, b] = n.to_be_bytes();
            assert!(!watch.report(MacAddr([2, 0, 0, 0, a, b]), Duration::from_secs(n.into())));
        }
        assert_eq!(watch.filtered(), None);
    }

    #[test]
    fn a_filter_that_is_switched_off_is_noticed() {
        let mut watch = reports(10_240, 60, 6);
        for n in 0..100 {
            watch.report(MacAddr([2, 0, 0, 0, 0, 0]), Duration::from_millis(60_000 + n * 100));
        }
        assert_eq!(watch.filtered(), Some(false));
    }
}
