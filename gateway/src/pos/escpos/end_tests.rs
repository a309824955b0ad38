use super::*;

fn printed(limits: Limits, steps: &[&[u8]]) -> (Vec<Printed>, Receipts) {
    let mut receipts = Receipts::new(Printer::default(), limits);
    let mut out = Vec::new();
    for step in steps {
        match *step {
            b"idle" => receipts.idle(),
            bytes => receipts.received(bytes),
        }
        out.extend(core::iter::from_fn(|| receipts.next()));
    }
    (out, receipts)
}

fn texts(steps: &[&[u8]]) -> Vec<String> {
    printed(Limits::default(), steps).0.iter().map(|p| p.lines.join("|")).collect()
}

const BAND: &[u8] = b"\x1dv0\x00\x01\x00\x02\x00ab";

#[test]
fn a_cut_ends_a_receipt_and_the_kick_after_it_belongs_to_it() {
    let (got, _) = printed(Limits::default(), &[b"\x1b@A\n\x1dV\x00\x1bp\x00<x\x1b@B\n\x1dVB\x00", b"idle"]);
    assert_eq!(got.len(), 2);
    assert_eq!((&got[0].lines[..], got[0].cuts, got[0].kicked_drawer), (&["A".to_owned()][..], 1, true));
    assert_eq!((&got[1].lines[..], got[1].cuts, got[1].kicked_drawer), (&["B".to_owned()][..], 1, false));
    assert_eq!(got[0].bytes + got[1].bytes, 20);
}

#[test]
fn a_receipt_comes_out_with_the_next_ink_or_with_silence_only() {
    assert_eq!(texts(&[b"A\x1dV\x00"]), Vec::<String>::new());
    assert_eq!(texts(&[b"A\x1dV\x00", b"B"]), ["A"]);
    assert_eq!(texts(&[b"A\n", b"idle", b"idle"]), ["A"]);
}

#[test]
fn a_reset_after_text_ends_and_after_a_logo_does_not() {
    assert_eq!(texts(&[b"A\n\x1b@B\n", b"idle"]), ["A", "B"]);
    assert_eq!(texts(&[BAND, b"\x1b@B\n", b"idle"]), ["B"]);
    let (got, _) = printed(Limits::default(), &[BAND, BAND, b"\x1b@", BAND, b"idle"]);
    assert_eq!(got.iter().map(|p| (p.raster, p.images)).collect::<Vec<_>>(), [(true, 2), (true, 1)]);
    assert_eq!(got[1].image_bytes, 2);
}

#[test]
fn resets_within_a_receipt_can_be_told_to_be_none() {
    let whole = Limits { reset_ends: false, ..Limits::default() };
    let (got, _) = printed(whole, &[b"A\n\x1b@B\n\x1dV\x00C", b"idle"]);
    assert_eq!(got.iter().map(|p| p.lines.join("|")).collect::<Vec<_>>(), ["A|B", "C"]);
}

#[test]
fn cuts_within_a_receipt_can_be_told_to_be_none() {
    let whole = Limits { cut_ends: false, ..Limits::default() };
    let (got, _) = printed(whole, &[b"A\n\x1dV\x00B\n\x1dV\x00", b"idle"]);
    assert_eq!((got.len(), got[0].cuts, got[0].lines.join("|")), (1, 2, "A|B".to_owned()));
}

#[test]
fn what_belongs_to_no_receipt_is_counted() {
    let (got, receipts) = printed(Limits::default(), &[b"\x1b@\x1bp\x00<x\x1dV\x00  \n", b"idle"]);
    assert!(got.is_empty() && !receipts.is_open());
    let outside = receipts.outside();
    assert_eq!((outside.bytes, outside.kicks, outside.cuts), (13, 1, 1));
}

#[test]
fn the_size_limit_makes_parts_and_says_so() {
    let limits = Limits { text: 1024, ..Limits::default() };
    let (got, _) = printed(limits, &[&[b'x'; 1500], b"idle", b"whole\n", b"idle"]);
    assert_eq!(
        got.iter().map(|p| (p.bytes, p.partial)).collect::<Vec<_>>(),
        [(1024, true), (476, true), (6, false)]
    );
}

#[test]
fn a_cut_off_or_damaged_payload_makes_a_receipt_partial() {
    let (got, _) = printed(Limits::default(), &[b"A\n\x1dv0\x00\x09\x00\x09\x00ab", b"idle", b"B", b"idle"]);
    assert_eq!(got.iter().map(|p| p.partial).collect::<Vec<_>>(), [true, false]);
    let (got, _) = printed(Limits::default(), &[b"A\n\x1dv0\x00\xff\xff\xff\xffab\x1b@B", b"idle"]);
    assert_eq!(got.iter().map(|p| p.partial).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn copies_have_one_text_hash_whatever_their_bytes() {
    let (got, _) = printed(
        Limits::default(),
        &[b"No 1\n\x1dV\x00\x1bE\x01No 1\x1bd\x01\x1dV\x00No 2\n\x1dV\x00", b"idle"],
    );
    assert_eq!(got[0].text_hash, got[1].text_hash);
    assert_ne!(got[0].text_hash, got[2].text_hash);
}

#[test]
fn lines_and_edges_alone_are_no_receipt() {
    let stream = "\x1b@No 1\n---\n\x1dV\0- - - >< - - -\n";
    let (got, receipts) = printed(Limits::default(), &[stream.as_bytes(), b"idle", b"\xff\xff", b"idle"]);
    assert_eq!(got.iter().map(|p| &*p.lines[0]).collect::<Vec<_>>(), ["No 1", "\u{fffd}\u{fffd}"]);
    assert_eq!(receipts.outside().bytes, 15);
}
