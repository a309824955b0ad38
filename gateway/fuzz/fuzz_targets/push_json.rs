#![no_main]
//! Pushed documents of both shapes. Whatever the bytes: a receipt within its bounds, or problems in words.
use gateway::pos::push::{MAX_PROBLEMS, Settings, parse};
use gateway::pos::receipt::{MAX_ITEMS, MAX_TENDERS, MAX_TEXT};
use libfuzzer_sys::fuzz_target;
use visit_core::observation::Currency;

fuzz_target!(|data: &[u8]| {
    let settings = Settings { zone: None, currency: Currency::new("CNY"), till_known: false };
    match parse(data, &settings) {
        Ok(r) => {
            assert!(r.items.len() <= MAX_ITEMS && r.tenders.len() <= MAX_TENDERS && r.doubts.is_empty());
            assert!(r.number.iter().chain(&r.store).all(|t| t.len() <= MAX_TEXT));
        }
        Err(problems) => assert!(!problems.is_empty() && problems.len() <= MAX_PROBLEMS),
    }
});
