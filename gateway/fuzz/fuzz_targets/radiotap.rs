#![no_main]
//! A radiotap header with an 802.11 frame behind it, through the whole way to a sighting.
use gateway::capture::{Link, Packet};
use gateway::counts::Counts;
use gateway::wifi::{Rules, radiotap, sighting};
use libfuzzer_sys::fuzz_target;
use visit_core::site::SensorIx;
use visit_core::time::Timestamp;

fuzz_target!(|data: &[u8]| {
    if let Ok(repr) = radiotap::Repr::parse(data) {
        assert!(usize::from(repr.header_len) <= data.len());
    }
    for rules in [Rules::LIVE, Rules::RECORDED] {
        let mut counts = Counts::default();
        let packet = Packet { at: None, link: Link::Radiotap, data, original_len: data.len() as u32 };
        sighting(&packet, Timestamp::from_micros(0), SensorIx(0), rules, &mut counts);
    }
});
