//! Receipts as data: documents through their parsers, and the book that tells copies from revisions.
//!
//! `cargo bench -p gateway --bench poslog`. Items are transactions, documents, rows or receipts.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use gateway::pos::content;
use gateway::pos::poslog::{self, PosLog};
use gateway::pos::receipt::Receipt;
use gateway::pos::table::{Mapping, Table};
use gateway::pos::{money::Decimal, push};
use jiff::tz::TimeZone;
use std::fmt::Write as _;
use std::hint::black_box;
use visit_core::observation::Currency;

fn main() {
    divan::main();
}

const RECEIPTS: usize = 1_000;

/// A day of one till, each sale of `lines` lines.
fn document(lines: usize) -> String {
    let mut out = format!("<POSLog xmlns=\"{}\">", poslog::NAMESPACE);
    for n in 0..RECEIPTS {
        let _ = write!(
            out,
            "<Transaction><RetailStoreID>9</RetailStoreID><WorkstationID>3</WorkstationID>\
             <SequenceNumber>{n}</SequenceNumber><BusinessDayDate>2025-11-21</BusinessDayDate>\
             <EndDateTime>2025-11-21T10:{:02}:{:02}</EndDateTime><CurrencyCode>CNY</CurrencyCode><RetailTransaction>",
            n / 60 % 60,
            n % 60
        );
        for line in 0..lines {
            let _ = write!(
                out,
                "<LineItem EntryMethod=\"Scanned\"><SequenceNumber>{line}</SequenceNumber><Sale ItemType=\"Stock\">\
                 <ItemID>{n:014}</ItemID><Description>APPLE HONEYCRISP ORG</Description>\
                 <ExtendedAmount>2.00</ExtendedAmount><Quantity>1</Quantity></Sale></LineItem>"
            );
        }
        let total = lines * 2;
        let _ = write!(
            out,
            "<LineItem><Tender TenderType=\"Cash\"><Amount>{total}.00</Amount></Tender></LineItem>\
             <Total TotalType=\"TransactionGrandAmount\">{total}.00</Total></RetailTransaction></Transaction>"
        );
    }
    out + "</POSLog>"
}

fn settings() -> poslog::Settings {
    poslog::Settings { zone: TimeZone::get("Asia/Shanghai").ok(), currency: None }
}

#[divan::bench(args = [3, 30])]
fn poslog_document(bencher: Bencher<'_, '_>, lines: usize) {
    let text = document(lines);
    bencher.counter(ItemsCount::new(RECEIPTS)).counter(BytesCount::new(text.len())).bench_local(|| {
        let Ok(mut log) = PosLog::new(text.as_bytes(), settings()) else { return };
        while let Ok(Some(receipt)) = log.next() {
            black_box(receipt);
        }
    });
}

const MALL: &str = r#"{"salestotal":{"mallid":"1","storecode":"L1","tillid":"01","txdocno":"17","txdate_yyyymmdd":"20251121","txtime_hhmmss":"093000","salestype":"SA","vipcode":"V","netamount":258.00,"changeamount":0},"salesitems":[{"itemcode":"a","qty":1,"netamount":"129.00"},{"itemcode":"b","qty":1,"netamount":"129.00"}],"salestenders":[{"tendercode":"CH","payamount":258.00}]}"#;

#[divan::bench]
fn push_document(bencher: Bencher<'_, '_>) {
    let settings = push::Settings {
        zone: TimeZone::get("Asia/Shanghai").ok(),
        currency: Currency::new("CNY"),
        till_known: false,
    };
    bencher
        .counter(ItemsCount::new(1usize))
        .counter(BytesCount::new(MALL.len()))
        .bench_local(|| push::parse(black_box(MALL.as_bytes()), &settings));
}

#[divan::bench]
fn csv_table(bencher: Bencher<'_, '_>) {
    let mut text = String::from("店铺,收银机,小票号,交易时间,金额\n");
    for n in 0..RECEIPTS {
        let _ = writeln!(text, "A1,02,{n},2025-11-21 10:{:02}:{:02},129.00", n / 60 % 60, n % 60);
    }
    let mapping = Mapping {
        zone: TimeZone::get("Asia/Shanghai").ok(),
        currency: Currency::new("CNY"),
        ..Mapping::default()
    };
    bencher.counter(ItemsCount::new(RECEIPTS)).counter(BytesCount::new(text.len())).bench_local(|| {
        let Ok(mut table) = Table::new(text.as_bytes(), mapping.clone()) else { return };
        while let Ok(Some(row)) = table.next() {
            black_box(row.receipt.is_ok());
        }
    });
}

#[divan::bench(args = ["1234.50", "￥１，２３４．５０"])]
fn amount(bencher: Bencher<'_, '_>, text: &str) {
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| Decimal::parse(black_box(text)));
}

/// What a receipt says was sold and paid, hashed.
#[divan::bench]
fn content_hash(bencher: Bencher<'_, '_>) {
    let receipt = Receipt { total: Some(12_900), number: Some("17".into()), ..Receipt::default() };
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| content::of(black_box(&receipt)));
}
