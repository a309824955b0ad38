#![no_main]
//! POSLog documents. Whatever the bytes: it ends, and receipts keep their bounds.
use gateway::pos::poslog::{PosLog, Settings};
use gateway::pos::receipt::{MAX_DOUBTS, MAX_ITEMS, MAX_TENDERS, MAX_TEXT};
use libfuzzer_sys::fuzz_target;
use visit_core::observation::Currency;

fuzz_target!(|data: &[u8]| {
    let settings = Settings { zone: None, currency: Currency::new("CNY") };
    let Ok(mut log) = PosLog::new(data, settings) else { return };
    loop {
        match log.next() {
            Ok(Some(r)) => {
                assert!(r.items.len() <= MAX_ITEMS && r.tenders.len() <= MAX_TENDERS);
                assert!(r.doubts.len() <= MAX_DOUBTS);
                let names = r.items.iter().filter_map(|i| i.name.as_ref());
                assert!(names.chain(&r.number).chain(&r.store).all(|t| t.len() <= MAX_TEXT));
            }
            Ok(None) => break,
            Err(e) => {
                assert!(e.to_string().len() < 1024);
                assert!(matches!(log.next(), Ok(None)));
                break;
            }
        }
    }
    let tally = log.tally();
    assert_eq!(tally.transactions, tally.retail + tally.control + tally.other);
});
