#![no_main]
//! A till: dialect and encoding, chunk size, bytes. The same receipts over any chunking, and every byte in one.
use gateway::pos::escpos::end::Limits;
use gateway::pos::escpos::pages::MultiByte;
use gateway::pos::escpos::{Dialect, Printed, Printer, Receipts};
use libfuzzer_sys::fuzz_target;

const MULTI: [Option<MultiByte>; 6] = [
    Some(MultiByte::Gb18030),
    Some(MultiByte::Big5),
    Some(MultiByte::EucKr),
    Some(MultiByte::ShiftJis),
    Some(MultiByte::Utf8),
    None,
];

fn run(settings: u8, chunk: usize, bytes: &[u8]) -> Vec<Printed> {
    let settings = usize::from(settings);
    let printer = Printer {
        dialect: Dialect::ALL[settings % Dialect::ALL.len()],
        multi_byte: MULTI[settings / Dialect::ALL.len() % MULTI.len()],
        columns: 20,
        cr_is_line_feed: settings & 0x80 != 0,
        ..Printer::default()
    };
    let mut feed = Receipts::new(printer, Limits { text: 1024, ..Limits::default() });
    let mut out = Vec::new();
    for piece in bytes.chunks(chunk) {
        feed.received(piece);
        out.extend(std::iter::from_fn(|| feed.next()));
    }
    feed.closed();
    out.extend(std::iter::from_fn(|| feed.next()));
    assert!(!feed.is_open());
    let printed: u64 = out.iter().map(|p| p.bytes).sum();
    assert_eq!(printed + feed.outside().bytes, bytes.len() as u64);
    assert!(out.iter().flat_map(|p| &p.lines).all(|l| !l.contains(char::is_control)));
    out
}

fuzz_target!(|data: &[u8]| {
    let [settings, chunk, bytes @ ..] = data else { return };
    assert_eq!(run(*settings, usize::MAX, bytes), run(*settings, usize::from(*chunk).max(1), bytes));
});
