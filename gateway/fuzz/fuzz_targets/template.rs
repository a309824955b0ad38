#![no_main]
//! A till's bytes read with the templates that ship: nothing panics, and no kept text holds a card number.
use gateway::pos::digits;
use gateway::pos::escpos::Receipts;
use gateway::pos::template::{Reading, Template};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;

static TEMPLATES: LazyLock<[Template; 2]> = LazyLock::new(|| {
    let read = |text| Template::parse(Path::new("t"), text).expect("it ships");
    [
        read(include_str!("../../../templates/zh-generic.toml")),
        read(include_str!("../../../templates/en-generic.toml")),
    ]
});

fuzz_target!(|bytes: &[u8]| {
    for template in &*TEMPLATES {
        let mut receipts = Receipts::new(template.printer.clone(), template.limits);
        receipts.received(bytes);
        receipts.closed();
        while let Some(printed) = receipts.next() {
            match template.read(&printed) {
                Reading::Receipt(receipt) => assert!(receipt.items.is_empty()),
                Reading::Skipped(line) => assert_eq!(digits::truncate_cards(&line), line),
                Reading::Totals(_) => {}
            }
        }
    }
});
