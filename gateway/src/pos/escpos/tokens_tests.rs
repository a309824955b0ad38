use super::*;

/// Tokens in words, text joined: what must not depend on the chunking.
fn tokens(dialect: Dialect, chunks: &[&[u8]]) -> (Vec<String>, Tokeniser) {
    let mut out: Vec<String> = Vec::new();
    let mut tokeniser = Tokeniser::new(dialect);
    for chunk in chunks {
        tokeniser.received(chunk);
        while let Some(token) = tokeniser.next() {
            match (token, out.last_mut()) {
                (Token::Text(more), Some(text)) if text.starts_with('"') => {
                    text.pop();
                    *text += &format!("{}\"", more.escape_ascii());
                }
                (Token::Text(text), _) => out.push(format!("\"{}\"", text.escape_ascii())),
                (Token::Symbol { kind, data }, _) => out.push(format!("{kind:?} {}", data.escape_ascii())),
                (Token::Image(image), _) => out.push(format!("Image {} {}", image.printed, image.bytes)),
                (Token::Op(op), _) => out.push(format!("{op:?}")),
                (Token::Junk(junk), _) => out.push(format!("junk {junk:?}")),
            }
        }
    }
    (out, tokeniser)
}

fn epson(bytes: &[u8]) -> Vec<String> {
    tokens(Dialect::Epson, &[bytes]).0
}

#[test]
fn every_command_of_the_table_has_its_length() {
    let raster = [b"\x1dv0\x00\x02\x00\x03\x00".as_slice(), b"\x10\x04\x01\x1b@\x0a"].concat();
    let graphics8 = [b"\x1d8L\x06\x00\x00\x000p".as_slice(), &[9; 4]].concat();
    let columns24 = [b"\x1b*\x21\x02\x00".as_slice(), &[0x1b; 6]].concat();
    let cases: &[(&[u8], &str)] = &[
        (&raster, "Image true 6"),
        (&graphics8, "Image true 4"),
        (&columns24, "Image true 6"),
        (b"\x1b*\x01\x02\x00\x1b\x1b", "Image true 2"),
        (b"\x1d(L\x06\x000p1234", "Image true 4"),
        (b"\x1d(L\x02\x0002", "Other"),
        (b"\x1b(A\x02\x00\x1b@", "Other"),
        (b"\x1c(E\x01\x00\x1b", "Other"),
        (b"\x1b&\x02AB\x01xy\x02wxyz", "Image false 8"),
        (b"\x1d*\x01\x0112345678", "Image false 8"),
        (b"\x1cq\x01\x01\x00\x01\x0012345678", "Image false 12"),
        (&[b"\x1c2\xfe\xa1".as_slice(), &[0x1b; 72]].concat(), "Image false 72"),
        (&[b"\x1c(A\x02\x000\x02\x1c2\xfe\xa1".as_slice(), &[0x1b; 32]].concat(), "Other Image false 32"),
        (b"\x1cg1\x00\x00\x00\x00\x00\x02\x00\x1b@", "Other"),
        (b"\x1dk\x0412345\x00", "Barcode 12345"),
        (b"\x1dkI\x04{B12", "Barcode {B12"),
        (b"\x1dka\x00\x03\x02\x00hi", "Qr hi"),
        (b"\x1bZ\x00\x03\x06\x02\x00hi", "Qr hi"),
        (b"\x1d(k\x05\x001P0hi", "Qr hi"),
        (b"\x1d(k\x03\x001Q0", "Other"),
        (b"\x1dVB\x03\x1dV\x00\x1bi\x1bm", "Cut Cut Cut Cut"),
        (b"\x1bp\x00\x3c\x78\x10\x14\x01\x00\x01", "Drawer Drawer"),
        (b"\x1b$\x34\x12\x1b\\\xff\xff", "Absolute(4660) Relative(-1)"),
        (
            b"\x1bW12345678\x1bc5\x00\x1d^\x01\x02\x03\x1d:\x1dL\x01\x00",
            "Other Other Other Other LeftMargin(1)",
        ),
        (b"\x10\x04\x01\x10\x05\x01\x10\x04\x07\x01", "Asks(Now(1)) Other Other"),
        (b"\x1c(C\x02\x0002\x1c(C\x02\x00\x30\x01\x1c(C\x03\x00<ab", "Utf8(true) Utf8(false) Other"),
        (b"\x1dr\x01\x1bv", "Asks(State(1)) Asks(Paper)"),
        (b"\x1dVA\x00\x1dVa\x00\x1dVb\x00\x1dVg\x00\x1dVh\x00\x1dV1\x1dV0", "Cut Cut Cut Cut Cut Cut Cut"),
        (b"\x1d(Z\x02\x00\x1b@\x1b(Z\x01\x00\x0a\x1c(Z\x00\x00", "Other Other Other"),
        (
            b"\x1cS\x01\x02\x1cp\x01\x00\x1c?\x81\x40\x1cC\x01\x1c-\x01",
            "Other FeedDots Other ShiftJis(true) Other",
        ),
        (
            b"\x1dW\x00\x01\x1dP\x01\x02\x1d$\x01\x02\x1d\\\x01\x02\x1dz0\x01\x02",
            "AreaWidth(256) Other Vertical Vertical Other",
        ),
        (b"\x1bL\x1bS\x1b@", "PageMode(true) PageMode(false) Init"),
        (
            b"\x1b3\x18\x1bE\x01\x1b-\x01\x1bG\x01\x1bJ\x05\x1bd\x02\x1bM\x01\x1b!\x20",
            "Other Other Other Other FeedDots Feed(2) Font(1) PrintMode(32)",
        ),
        (
            b"\x1dH\x02\x1dh\x50\x1dw\x03\x1df\x00\x1db\x01\x1dB\x01\x1da\xff",
            "Other Other Other Other Other Other Other",
        ),
        (b"\x1c&\x1c.\x1c!\x04\x1cS\x01\x02", "Chinese(true) Chinese(false) ChineseWide(true) Other"),
        (b"\x1b2\x1bt\x10\x1bR\x0f\x1d!\x11", "Other CodePage(16) International(15) Width(2)"),
    ];
    for (bytes, wanted) in cases {
        let followed = [bytes, b"|".as_slice()].concat();
        let got = epson(&followed);
        assert_eq!(got.join(" "), format!("{wanted} \"|\""), "{}", bytes.escape_ascii());
    }
}

#[test]
fn dialects_differ_where_they_differ() {
    let cases: &[(Dialect, &[u8], &str)] = &[
        (Dialect::Bematech, b"\x1d\xf950\x1bvx\x1bE\x1bF\x1bw", "Other Drawer Other Other Cut"),
        (Dialect::Bematech, b"\x1d\xf951\x1bE1\x1bp\x00<x", "Other Other Drawer"),
        (Dialect::Bematech, b"\x1dkQ\x02\x08\x00\x01\x03\x00hi\x00", "Qr hi\\x00"),
        (Dialect::Daruma, b"\x1bj1\x0e\x1bw1\x14\x1bp", "Other Width(2) Other Width(1) Drawer"),
        (Dialect::Daruma, b"\x1b\x81\x04\x00\x04Mhi\x1b*m\x01\x00\x1b\x1b\x1b", "Qr hi Image true 3"),
        (Dialect::Sweda, b"\x1bvx\x1bW\x01\x1bd\x01\x1bw\x1b&0<A", "Drawer Width(2) Other Cut Drawer"),
        (Dialect::Sweda, b"\x1do\x00\x04\x00\x02\x1dk\x0bMA,hi\x00", "Other Qr hi"),
        (
            Dialect::Star,
            b"\x07\x1bd\x02\x1bi\x00\x01\x1b\x1dt\x20\x1ba\x03",
            "Drawer Cut Width(2) CodePage(32) Feed(3)",
        ),
        (Dialect::Star, b"\x1b\x1dyD1\x00\x02\x00hi\x1b\x1dyP\x1bb1234no\x1e", "Qr hi Other Barcode no"),
        (Dialect::Star, b"\x1b*rA\x1b*rP0\x00b\x02\x00\x1b@\x1b*rB", "Other Other Image true 2 Other"),
    ];
    for (dialect, bytes, wanted) in cases {
        let followed = [bytes, b"|".as_slice()].concat();
        assert_eq!(
            tokens(*dialect, &[&followed]).0.join(" "),
            format!("{wanted} \"|\""),
            "{dialect:?} {wanted}"
        );
    }
}

#[test]
fn an_incomplete_command_waits_and_any_chunking_gives_the_same() {
    let stream = b"ab\x1bD\x08\x10\x00\xd0\xa1\x1dv0\x00\x01\x00\x02\x00\x10\x04\x1dk\x04123\x00\x1bp\x00<xend\x1d(k\x05\x001P0hi\n";
    let (whole, tokeniser) = tokens(Dialect::Epson, &[stream]);
    assert_eq!(tokeniser.pending(), 0);
    for at in 0..stream.len() {
        let (a, b) = stream.split_at(at);
        assert_eq!(tokens(Dialect::Epson, &[a, b]).0, whole, "split at {at}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    let (single, tokeniser) = tokens(Dialect::Epson, &bytes);
    assert_eq!(single, whole);
    assert_eq!(tokeniser.counts().bytes(), stream.len() as u64);
}

#[test]
fn a_length_that_cannot_be_is_skipped_up_to_the_next_reset() {
    let (got, tokeniser) =
        tokens(Dialect::Epson, &[b"\x1dv0\x00\xff\xff\xff\xffTotal 1\n\x1b", b"@Total 2\n"]);
    assert_eq!(got.join(" "), "junk BadLength Init \"Total 2\" LineFeed");
    let counts = tokeniser.counts();
    assert_eq!((counts.resyncs, counts.command, counts.junk), (1, 10, 8));
}

#[test]
fn a_command_sent_without_its_parameter_does_not_eat_the_next_one() {
    // the end of a real Windows driver's stream, and the beginning of the next
    assert_eq!(
        epson(b"\x1dS\x1br\x1dT\x1b@A").join(" "),
        "junk Unknown junk Malformed junk Malformed Init \"A\""
    );
}

#[test]
fn unknown_commands_are_counted_and_never_text() {
    let (got, tokeniser) = tokens(Dialect::Epson, &[b"\x1d\xf9\x01\x1b\x01\x1fA\x00"]);
    assert_eq!(
        got.join(" "),
        "junk Unknown \"\\xf9\" junk Control junk Unknown junk Control junk Control \"A\" Other"
    );
    assert_eq!((tokeniser.counts().unknown_commands, tokeniser.counts().unknown_controls), (2, 3));
    assert_eq!(epson(b"\x1by7A\x1by\nA").join(" "), "junk Unknown \"A\" junk Unknown LineFeed \"A\"");
}

#[test]
fn a_barcode_that_never_ends_is_given_up() {
    let long = [b"\x1dk\x04".as_slice(), &[b'1'; 300], b"\x00"].concat();
    assert_eq!(epson(&long)[0], "junk Malformed");
    assert_eq!(epson(b"\x1dk\x0412\x1b@A").join(" "), "junk Malformed Init \"A\"");
}

#[test]
fn a_long_code_keeps_its_beginning_and_counts_the_rest() {
    let data = vec![b'x'; 2_000];
    let size = (data.len() as u16 + 3).to_le_bytes();
    let stream = [b"\x1d(k".as_slice(), &size, b"1P0", &data].concat();
    let (got, tokeniser) = tokens(Dialect::Epson, &[&stream]);
    assert_eq!(got[0].len(), "Qr ".len() + MAX_SYMBOL);
    assert_eq!(tokeniser.counts().payload, 2_000);
}

#[test]
fn silence_in_the_middle_forgets_what_was_unfinished() {
    let mut tokeniser = Tokeniser::new(Dialect::Epson);
    tokeniser.received(b"\x1dv0\x00\x01\x00\x09\x00123");
    assert_eq!(tokeniser.next(), None);
    assert!(tokeniser.abandon(), "an image is missing");
    tokeniser.received(b"A\x1bp");
    assert_eq!(tokeniser.next(), Some(Token::Text(b"A")));
    assert_eq!(tokeniser.next(), None);
    assert!(!tokeniser.abandon(), "half a command shows nothing");
    assert_eq!(tokeniser.counts().abandoned, 2);
    assert_eq!(tokeniser.counts().bytes(), 14);
}
