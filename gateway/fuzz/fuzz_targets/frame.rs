#![no_main]
use gateway::observation::MacAddr;
use gateway::wifi::frame::Repr;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(repr) = Repr::parse(data) else { return };
    let mut out = Vec::new();
    repr.emit(MacAddr([8, 0, 0, 0, 0, 1]), &mut out);
    let again = Repr::parse(&out).map(|r| (r.kind, r.transmitter, r.sequence, r.fragment));
    // Emitted as a client sends it; only a transmitter equal to that access point may be read otherwise.
    if repr.transmitter != MacAddr([8, 0, 0, 0, 0, 1]) {
        assert_eq!(again, Ok((repr.kind, repr.transmitter, repr.sequence, repr.fragment)));
    }
});
