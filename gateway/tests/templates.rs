//! The templates that ship read the samples that ship, field by field, in any chunks.
//!
//! The samples and what a person reads on each (`truths.json`) are made by `templates/make/make.py`.
#![allow(missing_docs, clippy::unwrap_used)]

use gateway::pos::escpos::end::{Printed, Receipts};
use gateway::pos::money::Decimal;
use gateway::pos::receipt::{Flags, Receipt};
use gateway::pos::template::{Reading, Template};
use gateway::pos::totals::DayTotals;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
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
    std::iter::from_fn(|| receipts.next()).flat_map(|printed| template.read(&printed)).collect()
}

/// What was read, as `truths.json` says it.
fn told(template: &Template, reading: &Reading) -> Map<String, Value> {
    let mut told = Map::new();
    let money = |minor: i64| {
        let exponent = gateway::pos::money::exponent(template.currency.unwrap());
        Decimal::new(minor, exponent).to_string()
    };
    match reading {
        Reading::Skipped(_) => {
            told.insert("skipped".into(), true.into());
        }
        Reading::Totals(DayTotals { business_date, receipts, net, .. }) => {
            told.insert("day".into(), business_date.map(date).into());
            told.insert("receipts".into(), (*receipts).into());
            told.insert("net".into(), net.map(money).into());
        }
        Reading::Receipt(r) => {
            let Receipt { flags, .. } = &**r;
            told.insert("kind".into(), r.kind.as_str().into());
            let end = r.end.map(|at| {
                let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap();
                at.to_zoned(template.zone.clone().unwrap()).strftime("%Y-%m-%d %H:%M:%S").to_string()
            });
            for (name, value) in [
                ("number", r.number.clone()),
                ("total", r.total.map(money)),
                ("tendered", r.tendered.map(money)),
                ("change", r.change.map(money)),
                ("tax", r.tax.map(money)),
                ("at", end),
                ("business_date", r.business_date.map(date)),
                ("member", r.member.as_ref().map(|m| m.reveal().to_owned())),
                ("store", r.store.clone()),
                ("till", r.till.clone()),
                ("original", r.refers_to.as_ref().and_then(|link| link.number.clone())),
            ] {
                if let Some(value) = value {
                    told.insert(name.into(), value.into());
                }
            }
            let Flags { reprint, training, unreadable, unbalanced, cut, suspended, cancelled } = *flags;
            for (name, is) in [
                ("reprint", reprint),
                ("training", training),
                ("unreadable", unreadable),
                ("unbalanced", unbalanced),
                ("partial", cut),
                ("suspended", suspended),
                ("cancelled", cancelled),
            ] {
                if is {
                    told.insert(name.into(), true.into());
                }
            }
            let doubts: Vec<_> =
                r.doubts.iter().filter(|d| d.field != "paper").map(ToString::to_string).collect();
            if !doubts.is_empty() {
                told.insert("doubts".into(), doubts.into());
            }
        }
    }
    told
}

fn date(day: i32) -> String {
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    epoch.checked_add(jiff::Span::new().days(day)).unwrap().to_string()
}

fn truths() -> Vec<Value> {
    let text = std::fs::read_to_string(templates().join("samples/truths.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_field_of_every_sample_is_what_a_person_reads() {
    let mut wrong = Vec::new();
    for truth in truths() {
        let file = truth["file"].as_str().unwrap();
        let template = template(truth["template"].as_str().unwrap());
        let bytes = std::fs::read(templates().join("samples").join(file)).unwrap();
        let read = if file.ends_with(".txt") {
            let lines = std::str::from_utf8(&bytes).unwrap().lines().map(str::to_owned).collect();
            template.read(&Printed { lines, ..Printed::default() })
        } else {
            let read = readings(&template, &bytes, bytes.len());
            for chunk in [1, 2, 3, 7, 64, 1460] {
                assert_eq!(readings(&template, &bytes, chunk), read, "{file} in chunks of {chunk}");
            }
            read
        };
        let told: Vec<Map<String, Value>> = read.iter().map(|reading| told(&template, reading)).collect();
        let wanted: Vec<Map<String, Value>> = serde_json::from_value(truth["papers"].clone()).unwrap();
        if told.len() != wanted.len() {
            wrong.push(format!("{file}: {} papers, not {}: {told:?}", told.len(), wanted.len()));
        }
        for (n, (told, wanted)) in (1..).zip(told.iter().zip(&wanted)) {
            let keys: BTreeSet<&String> = told.keys().chain(wanted.keys()).collect();
            for key in keys.into_iter().filter(|key| told.get(*key) != wanted.get(*key)) {
                wrong.push(format!(
                    "{file} paper {n}: {key} is {:?}, not {:?}",
                    told.get(key),
                    wanted.get(key)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_template_that_ships_has_samples_and_every_sample_a_truth() {
    let names = |folder: &Path, ending: &str| -> BTreeSet<String> {
        let entries =
            std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        entries.filter(|name| name.ends_with(ending)).collect()
    };
    let of = |key: &str| -> BTreeSet<String> {
        truths().iter().map(|t| t[key].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&templates(), ".toml"), of("template"));
    let [bin, txt] = [".bin", ".txt"].map(|ending| names(&templates().join("samples"), ending));
    assert_eq!(&bin | &txt, of("file"));
}

#[test]
fn the_samples_are_those_that_the_program_makes() {
    let program = templates().join("make/make.py");
    match std::process::Command::new("python3").arg(program).arg("--check").output() {
        Err(e) => eprintln!("SKIPPED: python3 cannot be run: {e}"),
        Ok(ended) => assert!(ended.status.success(), "{ended:?}"),
    }
}

#[test]
fn a_reprint_has_the_content_of_its_sale_and_a_refund_none_of_it() {
    let t = template("zh-generic.toml");
    let content = |sample: &str| {
        let bytes = std::fs::read(templates().join("samples").join(sample)).unwrap();
        match &readings(&t, &bytes, 512)[..] {
            [Reading::Receipt(r)] => (gateway::pos::content::of(r), r.kind, r.print_hash),
            other => panic!("{other:?}"),
        }
    };
    let (sale, copy) = (content("zh-retail.bin"), content("zh-retail-reprint.bin"));
    assert_eq!(sale.0, copy.0, "other bytes, the same sale");
    assert_ne!(sale.0, content("zh-refund.bin").0);
    assert_eq!(content("zh-refund.bin").1, ReceiptKind::Refund);
}

#[test]
fn real_streams_are_read_as_their_truths_say() {
    let data = std::env::var_os("EDGE_AGENT_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
    let folder = data.join("pos/escpos");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there; set EDGE_AGENT_DATA", folder.display());
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
    assert_eq!(
        (r.total, r.end.map(|t| t.to_string())),
        (Some(1_425), Some("2015-04-06T06:56:25.000Z".into()))
    );
    assert_eq!(r.number, None, "it prints none: the shop's is not the receipt's");
    let all = read("preview-tools/receipt.bin", &en);
    let [Reading::Receipt(r)] = &all[..] else { panic!("{all:?}") };
    assert_eq!((r.number.as_deref(), r.total), (Some("12345"), Some(4_149)));
}
