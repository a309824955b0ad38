//! The templates that ship read the samples that ship, in any chunks.
#![allow(missing_docs, clippy::unwrap_used)]

use gateway::pos::escpos::end::Receipts;
use gateway::pos::receipt::Receipt;
use gateway::pos::template::{Reading, Template};
use gateway::pos::totals::DayTotals;
use std::path::{Path, PathBuf};
use visit_core::observation::{Currency, ReceiptKind};

fn templates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates")
}

fn template(name: &str) -> Template {
    let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
    let template = Template::load(&templates().join(name)).unwrap_or_else(|e| panic!("{e}"));
    template.with_defaults(Some(zone), Currency::new("USD"))
}

fn readings(template: &Template, bytes: &[u8], chunk: usize) -> Vec<Reading> {
    let mut receipts = Receipts::new(template.printer.clone(), template.limits);
    bytes.chunks(chunk).for_each(|chunk| receipts.received(chunk));
    receipts.closed();
    std::iter::from_fn(|| receipts.next()).map(|printed| template.read(&printed)).collect()
}

fn read(template: &Template, sample: &str) -> Vec<Reading> {
    let bytes = std::fs::read(templates().join("samples").join(sample)).unwrap();
    let whole = readings(template, &bytes, bytes.len());
    for chunk in [1, 2, 3, 7, 64] {
        assert_eq!(readings(template, &bytes, chunk), whole, "{sample} in chunks of {chunk}");
    }
    whole
}

fn only(template: &Template, sample: &str) -> Receipt {
    let mut all = read(template, sample);
    assert_eq!(all.len(), 1, "{sample}: {all:?}");
    match all.remove(0) {
        Reading::Receipt(r) => *r,
        other => panic!("{sample}: {other:?}"),
    }
}

/// Number, total, tendered, change, time.
type Expected<'a> = (&'a str, i64, Option<i64>, Option<i64>, &'a str);

fn is(r: &Receipt, (number, total, tendered, change, end): Expected<'_>) {
    assert_eq!(r.number.as_deref(), Some(number));
    assert_eq!((r.total, r.tendered, r.change), (Some(total), tendered, change));
    assert_eq!(r.end.unwrap().to_string(), end);
    assert!(!r.flags.unbalanced && !r.flags.unreadable);
    assert!(r.doubts.is_empty(), "{:?}", r.doubts);
}

#[test]
fn chinese_receipts() {
    let t = template("zh-generic.toml");
    let retail = only(&t, "zh-retail.bin");
    is(&retail, ("YJ20251121-0057", 49_700, Some(50_000), Some(300), "2025-11-21T10:42:07.000Z"));
    assert_eq!(
        (retail.till.as_deref(), retail.member.as_ref().unwrap().reveal()),
        (Some("03"), "88006612345")
    );
    let copy = only(&t, "zh-retail-reprint.bin");
    assert!(copy.flags.reprint && !retail.flags.reprint);
    assert_eq!(
        gateway::pos::content::of(&copy),
        gateway::pos::content::of(&retail),
        "other bytes, the same sale"
    );
    is(&only(&t, "zh-fashion.bin"), ("SZ0008812", 300_000, Some(300_000), None, "2025-11-21T07:08:00.000Z"));
    let market = only(&t, "zh-supermarket.bin");
    is(&market, ("0031-002219", 2_570, Some(3_000), Some(430), "2025-11-21T12:15:33.000Z"));
    let refund = only(&t, "zh-refund.bin");
    is(&refund, ("YJ20251122-0003", 5_900, None, None, "2025-11-22T03:05:00.000Z"));
    assert_eq!(refund.kind, ReceiptKind::Refund);
    assert_eq!(refund.refers_to.unwrap().number.as_deref(), Some("YJ20251121-0057"));
}

#[test]
fn kitchen_slips_and_bills_before_payment_are_no_receipts() {
    let all = read(&template("zh-generic.toml"), "zh-restaurant.bin");
    let [Reading::Skipped(_), Reading::Skipped(_), Reading::Receipt(r)] = &all[..] else { panic!("{all:?}") };
    is(r, ("B1121-031", 8_000, None, None, "2025-11-21T04:31:44.000Z"));
    let all = read(&template("en-generic.toml"), "en-restaurant.bin");
    let [Reading::Skipped(_), Reading::Receipt(r)] = &all[..] else { panic!("{all:?}") };
    is(r, ("3391", 5_136, None, None, "2025-11-21T12:14:00.000Z"));
}

#[test]
fn english_receipts() {
    let r = only(&template("en-generic.toml"), "en-retail.bin");
    is(&r, ("100482", 5_690, Some(6_000), Some(310), "2025-11-21T09:20:11.000Z"));
    assert_eq!((r.tax, r.till.as_deref()), (Some(948), Some("2")));
}

#[test]
fn reports_of_a_day_are_totals() {
    for (name, sample, receipts, net, currency) in [
        ("zh-generic.toml", "zh-z-report.bin", 87, 4_218_600, "CNY"),
        ("en-generic.toml", "en-z-report.bin", 64, 391_240, "USD"),
    ] {
        let all = read(&template(name), sample);
        let totals = DayTotals {
            business_date: Some(20_413),
            currency: Currency::new(currency),
            receipts: Some(receipts),
            net: Some(net),
            ..DayTotals::default()
        };
        assert_eq!(all, [Reading::Totals(totals)]);
    }
}

#[test]
fn real_streams_are_read_as_their_truths_say() {
    let data = std::env::var_os("EDGE_AGENT_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let folder = data.join("pos/escpos");
    if !folder.is_dir() {
        eprintln!("skipped: {} is not there; set EDGE_AGENT_DATA", folder.display());
        return;
    }
    let read =
        |name: &str, template: &Template| readings(template, &std::fs::read(folder.join(name)).unwrap(), 512);
    // Two prints of one sale as pictures: nothing can be read, and they are two.
    let zh = template("zh-generic.toml");
    for raster in ["npos/raster.bin", "npos/raster-2.bin"] {
        let all = read(raster, &zh);
        let [Reading::Receipt(r)] = &all[..] else { panic!("{raster}: {all:?}") };
        assert!(r.flags.unreadable && r.number.is_none() && r.total.is_none(), "{raster}");
    }
    let en = template("en-generic.toml");
    let all = read("escpos-tools/receipt-with-logo.bin", &en);
    let [Reading::Receipt(r)] = &all[..] else { panic!("{all:?}") };
    assert_eq!(r.total, Some(1_425), "{r:?}");
}
