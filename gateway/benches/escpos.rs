//! ESC/POS: bytes to tokens, and bytes to receipts. `cargo bench -p gateway --bench escpos`.
//!
//! A text receipt is 1 to 3 kB, a raster one 30 to 500 kB; the printer lines themselves carry at most 11 kB/s
//! (serial) or some MB/s (network).

use divan::Bencher;
use divan::counter::BytesCount;
use gateway::pos::escpos::end::Limits;
use gateway::pos::escpos::{Dialect, Printer, Receipts, Tokeniser};
use gateway::pos::template::Template;
use std::hint::black_box;

fn main() {
    divan::main();
}

/// What one read of a socket or a serial port yields.
const CHUNK: usize = 1_460;

/// A day of receipts in GBK, ~1.2 MB.
fn text() -> Vec<u8> {
    let items = "连衣裙\x1b$\x78\x00   1\x1b$\x60\x01 242.00\nCotton T-shirt (white, L)         2    98.00\n";
    let receipt = format!(
        "\x1b@\x1ba\x01\x1d!\x11星河服饰\x1d!\x00\n\x1ba\x00单号：10002\n日期：2026-03-25 14:11\n{}\
         \x1bE\x01合计：\x1bE\x00￥242.00\n实收：300.00  找零：58.00\n谢谢惠顾\n\x1bd\x04\x1dVB\x01\x1bp\x01\x19\x20",
        items.repeat(10)
    );
    let (bytes, _, _) = encoding_rs::GB18030.encode(&receipt);
    bytes.repeat(1_000)
}

/// Receipts as a Windows driver prints them: 50 bands each, ~2 MB.
fn raster() -> Vec<u8> {
    let band: Vec<u8> = [b"\x1dv0\x00\x48\x00\x18\x00".as_slice(), &[0x0f; 72 * 24]].concat();
    [b"\x1b@".as_slice(), &band.repeat(50), b"\x1bJ\xb4\x1dV\x01"].concat().repeat(24)
}

fn tokenise(bencher: Bencher, bytes: &[u8]) {
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
        let mut tokens = Tokeniser::new(Dialect::Epson);
        for chunk in bytes.chunks(CHUNK) {
            tokens.received(chunk);
            while let Some(token) = tokens.next() {
                black_box(token);
            }
        }
        tokens.counts().bytes()
    });
}

fn print(bencher: Bencher, bytes: &[u8]) {
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
        let mut feed = Receipts::new(Printer::default(), Limits::default());
        let mut lines = 0;
        for chunk in bytes.chunks(CHUNK) {
            feed.received(chunk);
            while let Some(printed) = feed.next() {
                lines += printed.lines.len();
            }
        }
        lines
    });
}

#[divan::bench]
fn tokens_of_text(bencher: Bencher) {
    tokenise(bencher, &text());
}

#[divan::bench]
fn tokens_of_raster(bencher: Bencher) {
    tokenise(bencher, &raster());
}

#[divan::bench]
fn receipts_of_text(bencher: Bencher) {
    print(bencher, &text());
}

#[divan::bench]
fn receipts_of_raster(bencher: Bencher) {
    print(bencher, &raster());
}

#[divan::bench]
fn fields_of_text(bencher: Bencher) {
    let bytes = text();
    let zh = include_str!("../../templates/zh-generic.toml");
    let Ok(template) = Template::parse(std::path::Path::new("zh-generic.toml"), zh) else { return };
    bencher.counter(BytesCount::new(bytes.len())).bench_local(|| {
        let mut receipts = Receipts::new(template.printer.clone(), template.limits);
        for chunk in bytes.chunks(CHUNK) {
            receipts.received(chunk);
            while let Some(printed) = receipts.next() {
                black_box(template.read(&printed));
            }
        }
    });
}
