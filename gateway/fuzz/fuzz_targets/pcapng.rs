#![no_main]
use gateway::capture::pcapng::Reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(mut reader) = Reader::new(data) else { return };
    let mut read = 0;
    while let Ok(Some(packet)) = reader.next() {
        read += packet.data.len();
    }
    assert!(read <= data.len());
    assert!(matches!(reader.next(), Ok(None)));
});
