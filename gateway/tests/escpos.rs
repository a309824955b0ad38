//! ESC/POS streams, our own and real ones: what they print, over any chunking, and that nothing is lost.
//!
//! The real ones are under `$EDGE_AGENT_DATA`, or `shared/data` beside the repository; without them these tests
//! say so and pass. The seeds of the fuzz targets are our own streams: `WRITE_SEEDS=1` writes them.
#![allow(clippy::unwrap_used)] // helpers of a test are a test, too

#[path = "escpos/samples.rs"]
mod samples;

use gateway::pos::escpos::end::{Limits, Printed, Receipts};
use gateway::pos::escpos::{Dialect, Op, Printer, Token, Tokeniser};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// All receipts of a stream that arrives in these chunks, and the feed at its end.
fn receipts<'a>(printer: &Printer, chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Printed>, Receipts) {
    let mut feed = Receipts::new(printer.clone(), Limits::default());
    let mut out = Vec::new();
    for chunk in chunks {
        feed.received(chunk);
        out.extend(core::iter::from_fn(|| feed.next()));
    }
    feed.closed();
    out.extend(core::iter::from_fn(|| feed.next()));
    (out, feed)
}

/// Every byte is in one receipt or outside all, and is text, control, command, payload or junk.
fn assert_accounted(printed: &[Printed], feed: &Receipts, len: usize) {
    assert_eq!(feed.counts().bytes(), len as u64);
    assert_eq!(printed.iter().map(|p| p.bytes).sum::<u64>() + feed.outside().bytes, len as u64);
    assert!(!feed.is_open());
}

fn data() -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    // A worktree lies one folder deeper than the repository.
    let beside = [repository.join("../shared/data"), repository.join("../../shared/data")];
    let given = std::env::var_os("EDGE_AGENT_DATA").map(PathBuf::from);
    let found = given.into_iter().chain(beside).map(|p| p.join("pos/escpos")).find(|p| p.is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: no real streams (pos/escpos under $EDGE_AGENT_DATA or shared/data)");
    }
    found
}

/// Folder/name and bytes of the real streams, and the printer each is for.
fn real() -> Vec<(String, Printer, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in data().iter().flat_map(|d| std::fs::read_dir(d).unwrap()) {
        let folder = folder.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            let model = path.file_name().unwrap().to_string_lossy();
            let name = format!("{}/{model}", folder.file_name().to_string_lossy());
            let dialect = samples::dialect_of(&model);
            let printer = Printer { dialect, multi_byte: None, ..Printer::default() };
            found.push((name, printer, std::fs::read(&path).unwrap()));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn real_one(wanted: &str) -> Option<(Vec<Printed>, Receipts, Vec<u8>)> {
    let (_, printer, bytes) = real().into_iter().find(|(name, ..)| name == wanted)?;
    let (printed, feed) = receipts(&printer, [&bytes[..]]);
    Some((printed, feed, bytes))
}

#[test]
fn our_streams_print_what_a_person_reads() {
    for sample in samples::all() {
        let (printed, feed) = receipts(&sample.printer, [&sample.bytes[..]]);
        let lines: Vec<&[String]> = printed.iter().map(|p| &p.lines[..]).collect();
        assert_eq!(lines, sample.receipts, "{}", sample.name);
        assert_accounted(&printed, &feed, sample.bytes.len());
        let damaged = sample.name == "damaged_length";
        assert_eq!(printed.iter().any(|p| p.partial), damaged, "{}", sample.name);
        assert_eq!(feed.counts().junk > 0, damaged, "{}: {:?}", sample.name, feed.counts());
        assert_eq!(feed.losses().undecodable, 0, "{}", sample.name);
    }
}

#[test]
fn kicks_and_rasters_are_told() {
    let of = |name: &str| {
        let sample = samples::all().into_iter().find(|s| s.name == name).unwrap();
        receipts(&sample.printer, [&sample.bytes[..]]).0
    };
    let kicks = |name| of(name).iter().map(|p| p.kicked_drawer).collect::<Vec<_>>();
    assert_eq!((kicks("gbk_sale"), kicks("big5_two_cuts")), (vec![true], vec![true, false]));
    assert_eq!((kicks("star"), kicks("bematech")), (vec![true], vec![true]));
    let raster: Vec<bool> = of("raster_then_logo").iter().map(|p| p.raster).collect();
    assert_eq!(raster, [true, false]);
}

#[test]
fn every_real_stream_is_accounted_for_and_understood() {
    for (name, printer, bytes) in real() {
        let (printed, feed) = receipts(&printer, [&bytes[..]]);
        assert_accounted(&printed, &feed, bytes.len());
        // bitmaps without commands; and the end of a driver's stream that is in no manual
        let strange = name.contains("_filter") || name.contains("raster");
        assert!(strange || feed.counts().junk == 0, "{name}: {:?}", feed.counts());
    }
}

#[test]
fn the_two_raster_prints_are_recognised_and_their_false_commands_are_none() {
    for (name, images, width, rows, false_dle) in
        [("npos/raster.bin", 24, 58, 576, 2), ("npos/raster-2.bin", 52, 72, 1248, 8)]
    {
        let Some((printed, feed, bytes)) = real_one(name) else { return };
        let [receipt] = &printed[..] else { panic!("{name}: {} receipts", printed.len()) };
        assert!(receipt.raster && receipt.lines.is_empty() && !receipt.partial, "{name}");
        assert_eq!((receipt.images, receipt.image_bytes), (images, width * rows), "{name}");
        assert_eq!((receipt.cuts, receipt.kicked_drawer), (0, false), "{name}");
        // the pairs are there, and all within the payload: outside it there is no DLE
        assert_eq!(bytes.windows(2).filter(|w| *w == [0x10, 4]).count(), false_dle, "{name}");
        assert_eq!(feed.counts().payload, width * rows);
        let mut tokens = Tokeniser::new(Dialect::Epson);
        tokens.received(&bytes);
        while let Some((token, span)) = tokens.next_at() {
            let header = &bytes[span.start as usize..];
            assert!(header[0] != 0x10, "{name}: {token:?} at {}", span.start);
        }
    }
}

#[test]
fn the_receipt_with_a_logo_has_its_text_and_the_kick_after_the_cut() {
    let Some((printed, ..)) = real_one("escpos-tools/receipt-with-logo.bin") else { return };
    let [receipt] = &printed[..] else { panic!("{} receipts", printed.len()) };
    let wanted = [
        "ExampleMart Ltd.",
        "Shop No. 42.",
        "",
        "SALES INVOICE",
        "                                               $",
        "Example item #1                             4.00",
        "Another thing                               3.50",
        "Something else                              1.00",
        "A final item                                4.45",
        "Subtotal                                   12.95",
        "",
        "A local tax                                 1.30",
        "Total            $ 14.25",
        "",
        "Thank you for shopping at ExampleMart",
        "For trading hours, please visit example.com",
        "",
        "Monday 6th of April 2015 02:56:25 PM",
    ];
    assert_eq!(receipt.lines, wanted);
    assert_eq!((receipt.images, receipt.cuts, receipt.kicked_drawer), (1, 1, true));
    assert!(!receipt.raster);
}

#[test]
fn the_real_text_streams_read_as_printed() {
    let Some((printed, ..)) = real_one("npos/receipt.bin") else { return };
    assert_eq!(printed.iter().map(|p| (p.cuts, p.partial)).collect::<Vec<_>>(), [(1, false), (0, false)]);
    assert_eq!(printed[0].lines[2..], ["Hello world!", "Hello world! (bold)", "Hello world! (NOT bold)"]);
    assert_eq!(printed[1].lines[5], "   hello world!!!!!!!! 32", "GS L moves the margin");

    let Some((printed, feed, bytes)) = real_one("npos/escposbin_ESCtn_commands.bin") else { return };
    let mut tokens = Tokeniser::new(Dialect::Epson);
    tokens.received(&bytes);
    let mut switches = 0;
    while let Some(token) = tokens.next() {
        switches += u32::from(matches!(token, Token::Op(Op::CodePage(_))));
    }
    assert_eq!(switches, 124);
    assert!(feed.losses().unknown_pages > 0);
    let line = |title: &str, row: usize| {
        let at = printed[0].lines.iter().position(|l| l.starts_with(title)).unwrap();
        printed[0].lines[at..].iter().find(|l| l.starts_with(&format!("{row:X} "))).unwrap().clone()
    };
    assert_eq!(line("Table 0: CP437", 8), "8 ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ");
    assert_eq!(line("Table 17: CP866", 8), "8 АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ");
    assert_eq!(line("Table 46: CP1251", 12), "C АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ");

    let Some((printed, ..)) = real_one("preview-tools/receipt.bin") else { return };
    for wanted in ["Order #12345", "Item 2 with a long name         $25.50", "TOTAL: $41.49"] {
        assert!(printed[0].lines.iter().any(|l| l == wanted), "{wanted}");
    }
}

#[test]
fn the_dialects_kick_cut_and_print_as_their_files_are_named() {
    for (name, printer, bytes) in real().into_iter().filter(|(name, ..)| name.starts_with("escpos-buffer/")) {
        let (printed, feed) = receipts(&printer, [&bytes[..]]);
        let text = printed.iter().flat_map(|p| p.lines.clone()).collect::<Vec<_>>().join("|");
        let cuts = feed.outside().cuts + printed.iter().map(|p| u64::from(p.cuts)).sum::<u64>();
        let stem = name.rsplit('/').next().unwrap();
        assert_eq!(feed.outside().kicks, u64::from(stem.contains("drawer")), "{name}");
        assert_eq!(cuts, u64::from(stem.contains("cut")), "{name}");
        let images = printed.iter().any(|p| p.raster);
        match stem {
            _ if stem.contains("qrcode") && !images => {
                assert_eq!(text, "[QR https://github.com/grandchef/escpos-buffer]", "{name}");
            }
            _ if stem.contains("draw_") || stem.contains("qrcode") => {
                assert!(images && text.is_empty(), "{name}");
            }
            "mp-4200_th_bold_text_font_changed.bin" => assert_eq!(text, "Bold text|Bold text"),
            _ if stem.contains("bold_text") => assert_eq!(text, "Bold text", "{name}"),
            // its sender wrote a feed of 255 lines as UTF-8: C3h lines and one byte of text
            "tm-t20_large_text_font.bin" => assert_eq!(text, "Large Text||┐"),
            _ if stem.contains("large_text") => assert_eq!(text, "Large Text", "{name}"),
            _ if stem.contains("buzzer") => assert_eq!(text, "", "{name}"),
            "mp-4200_th_utf8_text.bin" => assert_eq!(text, "Açênts"),
            _ => {}
        }
    }
}

/// A small generator (xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    /// Cuts into chunks: single bytes, TCP segments and all between.
    fn chunks<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let largest = [1, 7, 64, 512, 4096][self.below(5)].max(bytes.len() / 2_000);
        let mut out = Vec::new();
        while !bytes.is_empty() {
            let (chunk, rest) = bytes.split_at((1 + self.below(largest)).min(bytes.len()));
            out.push(chunk);
            bytes = rest;
        }
        out
    }
}

fn same_over_chunkings(name: &str, printer: &Printer, bytes: &[u8], random: &mut Random) {
    let (whole, feed) = receipts(printer, [bytes]);
    for round in 0..1_000 {
        let (got, other) = receipts(printer, random.chunks(bytes));
        assert_eq!(got, whole, "{name}, chunking {round}");
        assert_eq!(other.counts(), feed.counts(), "{name}, chunking {round}");
        assert_eq!((other.losses(), other.outside()), (feed.losses(), feed.outside()), "{name}");
    }
}

#[test]
fn a_thousand_chunkings_of_our_streams_print_the_same() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for sample in samples::all() {
        same_over_chunkings(sample.name, &sample.printer, &sample.bytes, &mut random);
    }
}

#[test]
fn a_thousand_chunkings_of_every_real_stream_print_the_same() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for (name, printer, bytes) in real() {
        same_over_chunkings(&name, &printer, &bytes, &mut random);
    }
}

#[test]
fn the_committed_seeds_are_our_streams() {
    for target in ["escpos_tokens", "escpos_render"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        for sample in samples::all() {
            // the targets read the dialect (and the encoding) from the first byte, the chunk size from the second
            let dialect = Dialect::ALL.iter().position(|d| *d == sample.printer.dialect).unwrap() as u8;
            let bytes = [&[dialect, 16], &sample.bytes[..]].concat();
            let path = folder.join(sample.name);
            if std::env::var_os("WRITE_SEEDS").is_some() {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &bytes).unwrap();
            }
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{}: WRITE_SEEDS=1 writes it", path.display());
        }
    }
}

/// Bytes as a till with a bad cable sends them: commands, text and noise.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 0..12),
        2 => "[ -~]{0,20}".prop_map(String::into_bytes),
        4 => (prop::sample::select(b"\x1b\x1c\x1d\x10".to_vec()), any::<u8>(), prop::collection::vec(0u8..4, 0..9))
            .prop_map(|(first, second, rest)| [&[first, second], &rest[..]].concat()),
        1 => Just(b"\x1b@".to_vec()),
        1 => Just(b"\n\x1dV\x00".to_vec()),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn noise_is_bounded_and_accounted_for(
        bytes in noise(),
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
        columns in 0u8..80,
        cr_is_line_feed: bool,
        seed in 1u64..,
    ) {
        let printer = Printer { dialect, columns, cr_is_line_feed, ..Printer::default() };
        let (whole, feed) = receipts(&printer, [&bytes[..]]);
        assert_accounted(&whole, &feed, bytes.len());
        for line in whole.iter().flat_map(|p| &p.lines) {
            // a code has 512 bytes, and a character lost is three
            prop_assert!(line.chars().count() <= 600 && !line.contains(char::is_control), "{line:?}");
        }
        let (chunked, other) = receipts(&printer, Random(seed).chunks(&bytes));
        prop_assert_eq!(&chunked, &whole);
        prop_assert_eq!(other.counts(), feed.counts());
    }
}
