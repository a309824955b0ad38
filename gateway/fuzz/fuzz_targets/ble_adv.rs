#![no_main]
use gateway::ble::adv::Structures;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut structures = Structures::new(data);
    let mut out = Vec::new();
    structures.by_ref().for_each(|s| s.emit(&mut out));
    assert!(data.starts_with(&out));
    gateway::ble::frame(data);
});
