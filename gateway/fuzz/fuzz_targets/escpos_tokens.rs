#![no_main]
//! A printer line: dialect, chunk size, bytes. Every byte is counted once, whatever the chunks.
use gateway::pos::escpos::tokens::{Counts, MAX_HEADER, MAX_SYMBOL};
use gateway::pos::escpos::{Dialect, Token, Tokeniser};
use libfuzzer_sys::fuzz_target;

fn run(dialect: Dialect, chunk: usize, bytes: &[u8]) -> (Counts, u64) {
    let mut tokens = Tokeniser::new(dialect);
    for piece in bytes.chunks(chunk) {
        tokens.received(piece);
        let mut end = None;
        while let Some((token, span)) = tokens.next_at() {
            assert!(span.start < span.end && end.is_none_or(|end| end <= span.start));
            end = Some(span.end);
            if let Token::Symbol { data, .. } = token {
                assert!(data.len() <= MAX_SYMBOL);
            }
        }
        assert!(tokens.pending() <= MAX_HEADER as u64);
    }
    (*tokens.counts(), tokens.pending())
}

fuzz_target!(|data: &[u8]| {
    let [dialect, chunk, bytes @ ..] = data else { return };
    let dialect = Dialect::ALL[usize::from(*dialect) % Dialect::ALL.len()];
    let (counts, pending) = run(dialect, usize::MAX, bytes);
    assert_eq!(counts.bytes() + pending, bytes.len() as u64);
    assert_eq!(run(dialect, usize::from(*chunk).max(1), bytes), (counts, pending));
});
