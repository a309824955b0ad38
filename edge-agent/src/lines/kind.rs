//! The kinds of events, by their names.

/// A kind of event as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// CloudEvents type.
    pub event_type: &'static str,
    /// 中文.
    pub chinese: &'static str,
    /// In English, for the eye.
    pub name: &'static str,
    /// SGR parameter.
    pub colour: &'static str,
}

const fn kind(
    event_type: &'static str,
    chinese: &'static str,
    name: &'static str,
    colour: &'static str,
) -> Kind {
    Kind { event_type, chinese, name, colour }
}

/// All kinds, in the order of a visit.
pub static KINDS: [Kind; 17] = [
    kind("mall.visit.approached", "临场", "approached", "2"),
    kind("mall.visit.passed_by", "路过", "passed by", "2"),
    kind("mall.visit.arrived", "进场", "arrived", "32"),
    kind("mall.visit.floor_changed", "爬楼", "floor changed", "36"),
    kind("mall.visit.dwell_started", "驻留", "dwell started", "34"),
    kind("mall.visit.dwell_ended", "驻留", "dwell ended", "34"),
    kind("mall.visit.bag_carried", "提袋", "bag carried", "1;33"),
    kind("mall.visit.exited", "离店", "exited", "31"),
    kind("mall.visit.resumed", "返回", "resumed", "35"),
    kind("mall.visit.merged", "合并", "merged", "35"),
    kind("mall.visit.linked", "识别", "linked", "1;35"),
    kind("mall.receipt.recorded", "小票", "receipt", "33"),
    kind("mall.flow.interval", "客流", "flow", "1"),
    kind("mall.receipt.reconciled", "对账", "reconciled", "33"),
    kind("mall.privacy.changed", "隐私", "privacy changed", "1;31"),
    kind("mall.privacy.degraded", "降级", "degraded", "1;31"),
    kind("mall.privacy.erased", "删除", "erased", "1;31"),
];

/// A gateway came, went, or says how it is: no event of the contract, but told among them.
pub static GATEWAY: Kind = kind("gateway", "网关", "gateway", "1");

/// How many of [`KINDS`] every day of a mall with tills and members brings.
pub const EVERY_DAY: usize = 13;

impl Kind {
    /// The kind of a CloudEvents type.
    pub fn of(event_type: &str) -> Option<&'static Self> {
        KINDS.iter().find(|k| k.event_type == event_type)
    }

    /// What it is called on the command line: `floor_changed`, `receipt`.
    pub fn key(&self) -> String {
        self.name.replace(' ', "_")
    }

    /// Which of `visit`, `receipt`, `flow` and `privacy` it is.
    pub fn group(&self) -> &'static str {
        self.event_type.split('.').nth(1).unwrap_or(self.event_type)
    }

    /// The kinds somebody means: a kind (`arrived`, `floor-changed`, `进场`), its type, or a group (`visit`); the error
    /// says what would be right.
    pub fn meant(text: &str) -> Result<Vec<&'static Self>, String> {
        let wanted = text.trim().to_lowercase().replace(['-', ' '], "_");
        let meant: Vec<_> = KINDS
            .iter()
            .chain([&GATEWAY])
            .filter(|k| {
                let full = k.event_type;
                wanted == k.key()
                    || wanted == full
                    || full.strip_prefix("mall.") == Some(wanted.as_str())
                    || full.rsplit('.').next() == Some(wanted.as_str())
                    || wanted == k.group()
                    || wanted == k.chinese
                    || (wanted == "dwell" && full.starts_with("mall.visit.dwell"))
            })
            .collect();
        if meant.is_empty() {
            let keys: Vec<String> = KINDS.iter().map(Self::key).collect();
            return Err(format!(
                "{text:?} is no kind of event; write visit, receipt, flow, privacy or gateway, or one of {}",
                keys.join(", ")
            ));
        }
        Ok(meant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(text: &str) -> Vec<String> {
        Kind::meant(text).unwrap().iter().map(|k| k.key()).collect()
    }

    #[test]
    fn a_kind_has_many_names_and_a_group_means_all_of_it() {
        for text in ["floor_changed", "floor-changed", "Floor changed", "爬楼", "visit.floor_changed"] {
            assert_eq!(meant(text), ["floor_changed"], "{text}");
        }
        assert_eq!(meant("dwell"), ["dwell_started", "dwell_ended"]);
        assert_eq!(meant("驻留").len(), 2);
        assert_eq!(meant("visit").len(), 11);
        // The topic of receipts ends in `recorded`.
        assert_eq!(meant("recorded"), ["receipt"]);
        assert_eq!(meant("interval"), ["flow"]);
        assert!(Kind::meant("arived").unwrap_err().contains("one of approached, passed_by, arrived"));
    }
}
