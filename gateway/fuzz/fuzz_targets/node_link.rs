#![no_main]
//! A node's line: whatever comes on it, at whatever time. Every other byte pair is a wait.
use gateway::node::{Link, Output, Settings, Wanted, sighting};
use libfuzzer_sys::fuzz_target;
use visit_core::site::SensorIx;
use visit_core::time::Timestamp;

fuzz_target!(|data: &[u8]| {
    let mut link = Link::new(Wanted { node: None, settings: Settings::DEFAULT, baud: 921_600 });
    let mut now = 0;
    link.opened(now);
    for piece in data.split(|b| *b == 0xfe) {
        let (wait, bytes) = piece.split_first().unwrap_or((&0, &[]));
        link.received(bytes, now);
        now += u64::from(*wait) * 100_000;
        link.advance(now);
        while let Some(output) = link.poll() {
            if let Output::Heard { at_us, body } = output {
                assert!(at_us <= now);
                sighting(&body, Timestamp::from_micros(0), SensorIx(0));
            }
        }
    }
});
