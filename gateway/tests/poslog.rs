//! POSLog documents as a whole: our own samples of 2.2 and 6, and the large sample of a real till where it is.
#![allow(clippy::unwrap_used)] // helpers of a test are a test, too

use gateway::pos::money::Decimal;
use gateway::pos::poslog::{PosLog, Settings, Tally};
use gateway::pos::receipt::{Link, Member, Receipt};
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use visit_core::observation::{Currency, ReceiptKind};
use visit_core::time::Timestamp;

const V2: &[u8] = include_bytes!("samples/poslog-2.2.xml");
const V6: &[u8] = include_bytes!("samples/poslog-6.xml");

fn read(bytes: &[u8], zone: &str) -> (Vec<Receipt>, Tally) {
    let settings = Settings { zone: TimeZone::get(zone).ok(), currency: None };
    let mut log = PosLog::new(bytes, settings).unwrap();
    let mut receipts = Vec::new();
    while let Some(receipt) = log.next().unwrap() {
        receipts.push(receipt);
    }
    (receipts, log.tally())
}

fn t(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text)
}

#[test]
fn version_2_is_read_in_full() {
    let (receipts, tally) = read(V2, "Asia/Shanghai");
    assert_eq!(tally, Tally { transactions: 4, retail: 3, control: 1, other: 0, voided_lines: 1 });
    let sale = &receipts[0];
    assert_eq!(
        (sale.store.as_deref(), sale.till.as_deref(), sale.number.as_deref()),
        (Some("S12"), Some("3"), Some("501"))
    );
    assert_eq!(
        (sale.total, sale.tax, sale.tendered, sale.change),
        (Some(35_800), Some(4_119), Some(36_000), Some(200))
    );
    assert_eq!(sale.currency, Currency::new("CNY"));
    assert_eq!((sale.items.len(), sale.tenders.len(), sale.flags.unbalanced), (2, 2, false));
    assert_eq!(sale.items[0].name.as_deref(), Some("羊毛围巾 Scarf & gloves"));
    assert_eq!(sale.member, Member::new("M-0042"));
    // The business date is that of the evening; both times are the till's.
    assert_eq!((sale.business_date, sale.end), (Some(20_413), t("2025-11-21T17:02:30Z")));
    assert!(receipts[1].flags.training);
    let refund = &receipts[2];
    assert_eq!(
        (refund.kind, refund.total, refund.items[0].amount),
        (ReceiptKind::Refund, Some(12_900), Some(-12_900))
    );
    let link = refund.refers_to.as_ref().unwrap();
    assert_eq!((link.number.as_deref(), link.business_date), (Some("501"), Some(20_413)));
    assert!(receipts.iter().all(|r| r.doubts.is_empty()), "{receipts:?}");
}

#[test]
fn version_6_is_read_in_full() {
    let (receipts, tally) = read(V6, "Asia/Shanghai");
    assert_eq!(tally, Tally { transactions: 4, retail: 3, control: 0, other: 1, voided_lines: 0 });
    let sale = &receipts[0];
    assert_eq!(
        (sale.store.as_deref(), sale.number.as_deref(), sale.total),
        (Some("S12"), Some("A-77"), Some(1_200))
    );
    assert_eq!((sale.currency, sale.change, sale.flags.unbalanced), (Currency::new("JPY"), Some(800), false));
    assert_eq!(
        (sale.items[0].code.as_deref(), sale.items[0].quantity),
        (Some("4900001"), Some(Decimal::new(15, 1)))
    );
    assert_eq!((sale.member.clone(), sale.end), (Member::new("C-9"), t("2025-11-21T04:01:05.250Z")));
    let void = &receipts[1];
    let link = |n: &str| Link {
        store: Some("S12".into()),
        till: Some("4".into()),
        business_date: Some(20_413),
        number: Some(n.into()),
        by_alias: true,
    };
    assert_eq!((void.kind, void.refers_to.clone()), (ReceiptKind::Void, Some(link("9001"))));
    assert!(receipts[2].flags.suspended);
}

#[test]
fn no_card_phone_or_member_number_is_in_what_can_be_printed() {
    let (receipts, _) = read(V2, "Asia/Shanghai");
    let shown = format!("{receipts:?}");
    for secret in ["4111 1111", "41111111", "5500000000000004", "13800000500", "M-0042"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    assert!(shown.contains("****1111") && shown.contains("138****0500"));
}

#[test]
fn results_do_not_depend_on_how_the_bytes_arrive() {
    let whole = read(V2, "Asia/Shanghai").0;
    for size in [1, 2, 3, 7, 64, 1_000] {
        // A reader's first buffer must hold the XML declaration; only then may it be small.
        let (head, rest) = V2.split_at(300);
        let bytes = std::io::Read::chain(head, std::io::BufReader::with_capacity(size, rest));
        let settings = Settings { zone: TimeZone::get("Asia/Shanghai").ok(), currency: None };
        let mut log = PosLog::new(bytes, settings).unwrap();
        let mut receipts = Vec::new();
        while let Some(receipt) = log.next().unwrap() {
            receipts.push(receipt);
        }
        assert_eq!(receipts, whole, "{size}");
    }
}

/// In `$EDGE_AGENT_DATA/pos/poslog`, or in `shared/data` beside the repository or the folder of its worktrees.
fn sample(name: &str) -> Option<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = [here.join("../../shared/data"), here.join("../../../shared/data")];
    let given = std::env::var_os("EDGE_AGENT_DATA").map(PathBuf::from);
    given.into_iter().chain(beside).find_map(|data| std::fs::read(data.join("pos/poslog").join(name)).ok())
}

#[test]
fn a_real_tills_day_has_the_counts_and_totals_it_is_known_to_have() {
    let Some(bytes) = sample("ncr_acs_poslog21_full.xml") else {
        eprintln!("skipped: no ncr_acs_poslog21_full.xml; set EDGE_AGENT_DATA");
        return;
    };
    let (receipts, tally) = read(&bytes, "America/Los_Angeles");
    assert_eq!((tally.transactions, tally.retail, tally.control, tally.other), (51, 42, 9, 0));
    assert_eq!(tally.voided_lines, 4);
    let text = String::from_utf8(bytes).unwrap();
    let totals: Vec<i64> = text
        .split("<Total TotalType=\"TransactionGrandAmount\">")
        .skip(1)
        .map(|rest| rest.split('<').next().unwrap().replace('.', "").parse().unwrap())
        .collect();
    for (receipt, total) in receipts.iter().zip(totals) {
        // Every total of the file has two decimals: without the point it is the minor units.
        assert_eq!(receipt.total, Some(total.abs()), "{:?}", receipt.number);
        let paid = receipt.tendered.unwrap_or(0) - receipt.change.unwrap_or(0);
        assert_eq!(paid, total, "{:?}", receipt.number);
        assert!(!receipt.flags.unbalanced && receipt.doubts.is_empty());
        assert!(receipt.end.is_some() && receipt.business_date.is_some());
        assert!(receipt.refers_to.is_none(), "a resumed transaction takes nothing back");
    }
    let tills: std::collections::HashSet<_> = receipts.iter().map(|r| r.till.clone()).collect();
    assert!(tills.len() <= 7, "{tills:?}");
    assert_eq!(receipts.iter().filter(|r| r.member.is_some()).count(), 4);
}

#[test]
fn a_real_sale_after_midnight_keeps_its_business_date() {
    let Some(bytes) = sample("ncr_acs_poslog21_small.xml") else {
        eprintln!("skipped: no ncr_acs_poslog21_small.xml; set EDGE_AGENT_DATA");
        return;
    };
    let (receipts, tally) = read(&bytes, "America/Los_Angeles");
    assert_eq!((tally.retail, tally.control), (1, 1));
    assert_eq!((receipts[0].business_date, receipts[0].total), (Some(17_439), Some(107)));
    assert_eq!(receipts[0].end, t("2017-10-01T02:02:54-07:00"));
}
