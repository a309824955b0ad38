use super::*;
use crate::pos::escpos::tokens::Tokeniser;

fn print(printer: Printer, stream: &[u8]) -> (Vec<String>, Renderer) {
    let mut tokeniser = Tokeniser::new(printer.dialect);
    let mut renderer = Renderer::new(printer);
    tokeniser.received(stream);
    while let Some(token) = tokeniser.next() {
        renderer.put(token);
    }
    (renderer.take(), renderer)
}

fn lines(stream: &[u8]) -> Vec<String> {
    print(Printer::default(), stream).0
}

fn western(stream: &[u8]) -> Vec<String> {
    print(Printer { multi_byte: None, ..Printer::default() }, stream).0
}

fn encoded(multi: MultiByte, name: &str, text: &str) -> (Printer, Vec<u8>) {
    let encoding = encoding_rs::Encoding::for_label(name.as_bytes()).unwrap();
    let (bytes, _, bad) = encoding.encode(text);
    assert!(!bad);
    (Printer { multi_byte: Some(multi), ..Printer::default() }, bytes.into_owned())
}

#[test]
fn double_byte_text_reads_as_it_was_written() {
    let cases = [
        (MultiByte::Gb18030, "gb18030", "合计：￥２４２．００ 㐀𠀀 ok"),
        (MultiByte::Big5, "big5", "總計：NT$ 1,280 謝謝光臨"),
        (MultiByte::EucKr, "euc-kr", "합계: 12,900원 감사합니다"),
        (MultiByte::ShiftJis, "shift_jis", "合計 ￥1,280 ｱﾘｶﾞﾄｳ"),
        (MultiByte::Utf8, "utf-8", "合计 € 12 ñ"),
    ];
    for (multi, name, text) in cases {
        let (printer, bytes) = encoded(multi, name, text);
        let (got, renderer) = print(printer, &bytes);
        assert_eq!(got, [text], "{name}");
        assert_eq!(renderer.losses().undecodable, 0);
    }
}

#[test]
fn chinese_mode_is_switched_and_reset() {
    // D0 A1 is 小 in GBK and ╨í in CP437
    assert_eq!(
        lines(b"\xd0\xa1\n\x1c.\xd0\xa1\n\x1c&\xd0\xa1\n\x1c.\x1b@\xd0\xa1"),
        ["小", "╨í", "小", "小"]
    );
    let off = Printer { multi_byte_at_power_up: false, ..Printer::default() };
    assert_eq!(print(off, b"\xd0\xa1\x1c&\xd0\xa1").0, ["╨í小"]);
    assert_eq!(western(b"\x1c&\xd0\xa1"), ["╨í"], "a printer without such fonts ignores FS &");
}

#[test]
fn japanese_printers_are_told_which_code_the_text_is_in() {
    let printer = Printer { multi_byte: Some(MultiByte::ShiftJis), ..Printer::default() };
    // 合計 in Shift_JIS and in JIS
    let (sjis, jis) = (b"\x8d\x87\x8cv", b"9g7W");
    let stream = [
        // page 1 draws lines where double-byte characters are off; in Shift_JIS they never are
        b"\x1cC0\x1c.\x1bt\x01\x98\x95\x99\xb1\n\x1cC1\x1c.".as_slice(),
        sjis,
        b"\xb1\n\x1cC0",
        jis,
        b"\x1c&",
        jis,
        b"\x1c.",
        jis,
        b"\n\x1b@",
        sjis,
    ]
    .concat();
    let (got, renderer) = print(printer, &stream);
    assert_eq!(got, ["┌─┐ｱ", "合計ｱ", "9g7W合計9g7W", "合計"]);
    assert_eq!(renderer.losses().undecodable, 0);
    // Other printers know no such command.
    assert_eq!(lines(b"\x1cC0\xba\xcf\xbc\xc6"), ["合计"]);
}

#[test]
fn a_till_may_switch_its_printer_to_utf_8_and_back() {
    let text = "合计 café €".as_bytes();
    let gbk = b"\xba\xcf\xbc\xc6";
    let stream =
        [b"\x1c(C\x02\x0002", text, b"\n\x1c(C\x02\x0001", gbk, b"\n\x1c(C\x02\x0002\x1b@", gbk].concat();
    assert_eq!(lines(&stream), ["合计 café €", "合计", "合计"]);
}

#[test]
fn half_a_character_is_shown_as_lost_and_eats_no_command() {
    let (got, renderer) = print(Printer::default(), b"\xd0\nA\xd0");
    assert_eq!(got, ["\u{fffd}", "A\u{fffd}"]);
    assert_eq!(renderer.losses().undecodable, 2);
}

#[test]
fn code_pages_are_the_printers_and_can_be_overridden() {
    assert_eq!(western(b"\x9b \x1bt\x02\x9b \x1bt\x10\x80 \x1bt\x11\x80"), ["¢ ø € А"]);
    let printer =
        Printer { multi_byte: None, pages: vec![(16, Page::named("cp858").unwrap())], ..Printer::default() };
    assert_eq!(print(printer, b"\x1bt\x10\xd5").0, ["€"]);
    let bematech = Printer { dialect: Dialect::Bematech, multi_byte: None, ..Printer::default() };
    assert_eq!(print(bematech, "\x1bt\x08Açênts \x1bt\x03".as_bytes()).0, ["Açênts"]);
    let (got, renderer) = print(Printer { multi_byte: None, ..Printer::default() }, b"\x1bt\xffa\x80");
    assert_eq!((got, renderer.losses().unknown_pages), (vec!["a\u{fffd}".to_owned()], 1));
    assert_eq!(western(b"\x1bR\x0f$5 \x1bR\x00$5"), ["¥5 $5"]);
}

#[test]
fn the_printer_wraps_at_its_width() {
    let narrow = || Printer { columns: 8, ..Printer::default() };
    assert_eq!(print(narrow(), b"12345678\n90\n").0, ["12345678", "90"], "a full line and LF is one line");
    assert_eq!(print(narrow(), b"123456789").0, ["12345678", "9"]);
    assert_eq!(print(narrow(), b"\x1d!\x1012345").0, ["1234", "5"], "double width takes two columns");
    let seven = [b"1234567".as_slice(), &[0xd0, 0xa1]].concat();
    assert_eq!(print(narrow(), &seven).0, ["1234567", "小"], "a wide character does not fit into one column");
    assert_eq!(print(narrow(), b"\x1bM\x011234567890ab").0, ["1234567890", "ab"], "font B has 9 dots");
}

#[test]
fn positions_and_tabs_are_columns() {
    assert_eq!(lines(b"A\x1b$\x78\x00B\x1b\\\x18\x00C"), ["A         B  C"]);
    assert_eq!(lines(b"a\tb\tc\n\x1bD\x04\x0c\x00a\tb\tc\td"), ["a       b       c", "a   b       cd"]);
    assert_eq!(lines(b"\x1dL\x18\x00x"), ["  x"]);
    assert_eq!(lines(b"\x1dW\x30\x00abcdef"), ["abcd", "ef"]);
}

#[test]
fn overprinting_leaves_what_is_seen() {
    assert_eq!(lines(b"Total\x1b$\x00\x00Total 5"), ["Total 5"], "bold by printing twice");
    assert_eq!(lines(b"Total\x1b$\x00\x00      x"), ["Total x"], "blanks hide nothing");
    let wide = [&[0xd0, 0xa1, 0xd0, 0xa1][..], b"\x1b$\x0c\x00xy"].concat();
    assert_eq!(lines(&wide), [" xy"], "a wide character overprinted in half is gone");
}

#[test]
fn lines_end_at_feeds_and_gaps_are_one_empty_line() {
    assert_eq!(lines(b"\n\na\x1bd\x01b\x1bd\x05c\n\n\n\nd\x1bJ\x40e\n\n"), ["a", "b", "", "c", "", "d", "e"]);
    assert_eq!(lines(b"a\rb\r\nc"), ["ab", "c"], "CR does nothing");
    let cr = Printer { cr_is_line_feed: true, ..Printer::default() };
    assert_eq!(print(cr, b"a\rb\r\nc\n\nd").0, ["a", "b", "c", "", "d"]);
}

#[test]
fn codes_are_lines_and_images_are_none() {
    let stream = b"No:\x1dk\x0412345\x00\x1dv0\x00\x01\x00\x01\x00\xff\x1d(k\x0c\x001P0http:\x07//\x00end";
    assert_eq!(lines(stream), ["No:", "[BARCODE 12345]", "[QR http:.//]", "end"]);
    assert_eq!(
        lines(b"\x1bL\x1d$\x10\x00one\x1d$\x20\x00two\x0cthree\x1d$\x20\x00"),
        ["one", "two", "three"]
    );
}
