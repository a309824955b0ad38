#![no_main]
use gateway::ble::adv::Structures;
use gateway::ble::ibeacon::{COMPANY, IBeacon};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(beacon) = IBeacon::parse(COMPANY, data) else { return };
    let mut out = Vec::new();
    beacon.emit(&mut out);
    let again = Structures::new(&out).next().and_then(|s| s.manufacturer());
    assert_eq!(again, Some((COMPANY, data)));
});
