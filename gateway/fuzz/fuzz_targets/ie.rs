#![no_main]
use gateway::wifi::ie::{Elements, fingerprint};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut elements = Elements::new(data);
    let read: usize = elements.by_ref().map(|e| e.body.len() + 2).sum();
    assert!(read <= data.len());
    assert_eq!(fingerprint(data).malformed, elements.malformed());
});
