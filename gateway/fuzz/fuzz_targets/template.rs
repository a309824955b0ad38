#![no_main]
//! A till's bytes read with the templates that ship: nothing panics, and no kept text holds a card number.
use gateway::pos::digits;
use gateway::pos::escpos::Receipts;
use gateway::pos::template::{Reading, Template};
use libfuzzer_sys::fuzz_target;
use std::path::Path;
use std::sync::LazyLock;

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
    let files = std::fs::read_dir(folder).expect("templates ship").map(|entry| entry.expect("a file").path());
    let templates = files.filter(|path| path.extension().is_some_and(|e| e == "toml"));
    templates.map(|path| Template::load(&path).expect("it ships")).collect()
});

fuzz_target!(|bytes: &[u8]| {
    for template in TEMPLATES.iter() {
        let mut receipts = Receipts::new(template.printer.clone(), template.limits);
        receipts.received(bytes);
        receipts.closed();
        while let Some(printed) = receipts.next() {
            for reading in template.read(&printed) {
                match reading {
                    Reading::Receipt(receipt) => assert!(receipt.items.is_empty()),
                    Reading::Skipped(line) => assert_eq!(digits::truncate_cards(&line), line),
                    Reading::Totals(_) => {}
                }
            }
        }
    }
});
