use super::*;
use crate::capture::pcap::write;
use crate::counts::Problem;
use crate::observation::{Frame, MacAddr};
use crate::wifi::{frame, radiotap};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tempfile::TempDir;

const DOOR: SensorIx = SensorIx(0);

fn names() -> Arc<Names> {
    Arc::new(Names { sensors: [("door".to_owned(), DOOR)].into(), ..Names::default() })
}

fn line(second: i64, last: u8) -> String {
    let at = Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000_000);
    format!(
        "{{\"at\":\"{at}\",\"kind\":\"wifi\",\"sensor\":\"door\",\"addr\":\"02:00:00:00:00:{last:02x}\"}}\n"
    )
}

fn pcap(frames: &[(i64, u8)]) -> Vec<u8> {
    let mut out = Vec::new();
    write::header(127, &mut out);
    for (second, last) in frames {
        let mut data = Vec::new();
        radiotap::Repr { rssi: Some(-40), ..Default::default() }.emit(&mut data);
        frame::Repr {
            kind: frame::Kind::ProbeRequest,
            transmitter: MacAddr([2, 0, 0, 0, 0, *last]),
            sequence: 5,
            fragment: 0,
            retry: false,
            protected: false,
            qos: false,
            elements: Some(&[1, 1, 2]),
        }
        .emit(MacAddr([255; 6]), &mut data);
        write::packet(Timestamp::from_micros(1_700_000_000_000_000 + second * 1_000_000), &data, &mut out);
    }
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Files of one replay.
struct Files {
    dir: TempDir,
    inputs: Vec<ReplayInput>,
}

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let dir = TempDir::new().unwrap();
        let inputs = files
            .iter()
            .map(|(name, bytes)| {
                let path = dir.path().join(name);
                std::fs::write(&path, bytes).unwrap();
                ReplayInput { path, sensor: Some(DOOR), ..ReplayInput::default() }
            })
            .collect();
        Self { dir, inputs }
    }

    fn open(&self) -> Result<Replay, OpenError> {
        Replay::open(self.inputs.clone(), names())
    }
}

/// The last byte of each address that is yielded.
fn drain(replay: &mut Replay) -> Vec<u8> {
    let mut heard = Vec::new();
    while let Some(o) = replay.next().unwrap() {
        let Observation::Sighting(s) = o else { panic!("{o:?}") };
        heard.push(s.addr.0[5]);
    }
    heard
}

fn said(replay: &Replay) -> Vec<String> {
    let without_path = |p: &Problem| p.to_string().rsplit('/').next().unwrap_or_default().to_owned();
    replay.problems().kept().iter().map(without_path).collect()
}

#[test]
fn inputs_are_merged_by_time_and_ties_by_their_order() {
    let log = line(1, 1) + &line(3, 3) + &line(5, 5);
    let files = Files::new(&[("a.pcap", &pcap(&[(2, 2), (3, 30), (9, 9)])), ("b.jsonl", log.as_bytes())]);
    let mut replay = files.open().unwrap();
    assert_eq!(drain(&mut replay), [1, 2, 30, 3, 5, 9]);
    assert_eq!((replay.counts().frames, replay.counts().lines, replay.counts().yielded), (3, 3, 6));
    assert!(replay.next().unwrap().is_none());
}

#[test]
fn the_content_tells_the_format_not_the_name() {
    let log = line(1, 1);
    let files = Files::new(&[("x.bin", &gzip(&pcap(&[(1, 7)]))), ("y.pcap", log.as_bytes()), ("empty", b"")]);
    assert_eq!(drain(&mut files.open().unwrap()), [7, 1]);
}

#[test]
fn gzip_of_several_members_is_one_log() {
    let bytes = [gzip(line(1, 1).as_bytes()), gzip(line(2, 2).as_bytes())].concat();
    assert_eq!(drain(&mut Files::new(&[("a.jsonl.gz", &bytes)]).open().unwrap()), [1, 2]);
}

#[test]
fn what_cannot_be_played_is_said_before_it_starts() {
    let error = |name: &str, bytes: &[u8]| Files::new(&[(name, bytes)]).open().err().unwrap().to_string();
    assert!(
        error("a", b"hello world")
            .contains("neither pcap, pcapng, POSLog (XML), CSV (.csv) nor an observation log")
    );
    let mut ethernet = Vec::new();
    write::header(1, &mut ethernet);
    assert!(error("a", &ethernet).contains("link type 1; wanted 127"));
    let mut files = Files::new(&[("a.pcap", &pcap(&[]))]);
    files.inputs[0].sensor = None;
    assert!(files.open().err().unwrap().to_string().contains("--sensor"));
    files.inputs[0].path = files.dir.path().join("missing");
    assert!(matches!(files.open(), Err(OpenError::Io { .. })));
}

#[test]
fn bad_lines_are_counted_numbered_and_skipped() {
    let mut log = line(1, 1) + "nonsense\n\n" + &line(2, 2).replace("door", "attic");
    (0..20).for_each(|_| log.push_str("{}\n"));
    log += &line(3, 3);
    let mut replay = Files::new(&[("a.jsonl", log.as_bytes())]).open().unwrap();
    assert_eq!(drain(&mut replay), [1, 3]);
    assert_eq!((replay.counts().lines, replay.counts().bad_lines), (24, 22));
    assert_eq!((replay.problems().total(), said(&replay).len()), (22, 10));
    assert_eq!(said(&replay)[1], "a.jsonl: line 4: sensor \"attic\" is not in the site map");
}

#[test]
fn a_cut_recording_loses_its_last_record_and_says_so() {
    let whole = pcap(&[(1, 1), (2, 2)]);
    let mut replay = Files::new(&[("a.pcap", &whole[..whole.len() - 1])]).open().unwrap();
    assert_eq!(drain(&mut replay), [1]);
    assert_eq!(replay.counts().damaged_inputs, 1);
    assert!(said(&replay)[0].starts_with("a.pcap: record 2: the capture ends within a record"));

    let many: String = (0..2000).map(|n| line(n, n as u8)).collect();
    let packed = gzip(many.as_bytes());
    let mut replay = Files::new(&[("a.jsonl.gz", &packed[..packed.len() / 2])]).open().unwrap();
    assert!(drain(&mut replay).len() > 100);
    assert_eq!(replay.counts().damaged_inputs, 1);
    assert!(said(&replay)[0].contains("compressed data ends early"));
}

#[test]
fn damage_within_the_first_bytes_is_not_taken_for_the_end() {
    let log = line(1, 1) + &line(2, 2);
    let mut packed = gzip(log.as_bytes());
    let crc = packed.len() - 8;
    packed[crc] ^= 1;
    let mut replay = Files::new(&[("a.jsonl.gz", &packed)]).open().unwrap();
    assert_eq!(drain(&mut replay), [1, 2]);
    assert_eq!((replay.counts().damaged_inputs, replay.problems().total()), (1, 1));
}

#[test]
fn after_a_rewind_the_rest_and_the_counts_are_the_same() {
    let log = line(1, 1) + "bad\n" + &line(3, 3) + &line(5, 5);
    let files = Files::new(&[("a.jsonl", log.as_bytes()), ("b.pcap", &pcap(&[(2, 2), (4, 4)]))]);
    for position in 0..=5 {
        let mut straight = files.open().unwrap();
        for _ in 0..position {
            straight.next().unwrap();
        }
        let mut rewound = files.open().unwrap();
        drain(&mut rewound);
        rewound.rewind_to(position).unwrap();
        assert_eq!(rewound.position(), position);
        assert_eq!(rewound.counts(), straight.counts());
        assert_eq!(drain(&mut rewound), drain(&mut straight));
        assert_eq!(said(&rewound), said(&straight));
    }
    let mut replay = files.open().unwrap();
    assert!(matches!(replay.rewind_to(6), Err(ReadError::TooShort { wanted: 6, there: 5 })));
}

#[test]
fn a_probe_request_of_a_capture_carries_everything_it_said() {
    let mut replay = Files::new(&[("a.pcap", &pcap(&[(1, 7)]))]).open().unwrap();
    let Some(Observation::Sighting(s)) = replay.next().unwrap() else { panic!("no sighting") };
    assert_eq!((s.rssi, s.seq, s.frame, s.sensor), (Some(-40), Some(5), Frame::ProbeRequest, DOOR));
    assert_eq!(s.fingerprint, wifi::ie::fingerprint(&[1, 1, 2]).hash);
}

const POSLOG: &[u8] = include_bytes!("../../tests/samples/poslog-2.2.xml");

fn names_with_tills() -> Arc<Names> {
    let tills = [("S12/3".to_owned(), (TillIx(1), "Scarves".to_owned()))].into();
    Arc::new(Names { tills, timezone: Some("Asia/Shanghai".to_owned()), ..Names::default() })
}

fn receipts(
    bytes: &[u8],
    till: Option<TillIx>,
    names: Arc<Names>,
) -> (Vec<crate::observation::Receipt>, Replay) {
    let mut files = Files::new(&[("export.dat", bytes)]);
    files.inputs[0].till = till;
    let mut replay = Replay::open(files.inputs.clone(), names).unwrap();
    let mut found = Vec::new();
    while let Some(observation) = replay.next().unwrap() {
        if let Observation::Receipt(receipt) = observation {
            found.push(receipt);
        }
    }
    (found, replay)
}

#[test]
fn a_poslog_document_is_known_by_its_content_and_yields_its_receipts() {
    for bytes in [POSLOG.to_vec(), gzip(POSLOG)] {
        let (found, replay) = receipts(&bytes, None, names_with_tills());
        let seen: Vec<_> = found.iter().map(|r| (r.number.as_deref(), r.amount_minor, r.till)).collect();
        assert_eq!(seen, [(Some("501"), Some(35_800), TillIx(1)), (Some("503"), Some(12_900), TillIx(1))]);
        assert_eq!((found[0].store.as_str(), found[0].business_date), ("Scarves", Some(20_413)));
        assert_eq!(found[1].refers_to.as_ref().map(|r| r.number.as_str()), Some("501"));
        let counts = replay.counts();
        assert_eq!((counts.transactions, counts.no_receipts, counts.yielded), (4, 2, 2));
        assert_eq!(replay.problems().total(), 0);
    }
}

#[test]
fn a_till_that_the_map_does_not_know_is_a_problem_unless_one_is_named() {
    let (found, replay) = receipts(
        POSLOG,
        None,
        Arc::new(Names { timezone: Some("Asia/Shanghai".to_owned()), ..Names::default() }),
    );
    assert!(found.is_empty());
    assert_eq!(replay.counts().bad_lines, 2);
    assert!(replay.problems().kept().iter().any(|p| p.to_string().contains("transaction 2: its till")));
    let (found, _) = receipts(POSLOG, Some(TillIx(1)), names_with_tills());
    assert_eq!(found.len(), 2);
}

#[test]
fn a_damaged_poslog_keeps_what_came_before_and_other_xml_is_told() {
    let cut = &POSLOG[..POSLOG.len() - 200];
    let (found, replay) = receipts(cut, None, names_with_tills());
    assert_eq!((found.len(), replay.counts().damaged_inputs), (1, 1));
    let (found, replay) = receipts(b"<html><body/></html>", None, names_with_tills());
    assert!(found.is_empty());
    assert!(replay.problems().kept()[0].to_string().contains("no POSLog"));
}

#[test]
fn what_a_till_printed_and_tables_are_receipts() {
    let names = || {
        let tills = [("t1".to_owned(), (TillIx(0), "s1".to_owned()))].into();
        Names { tills, timezone: Some("Asia/Shanghai".into()), ..Names::default() }
    };
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates");
    let template = Template::load(&templates.join("zh-generic.toml")).unwrap();
    let csv = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    std::fs::write(csv.path(), "小票号,日期,金额\nC1,2025-11-21 10:00:00,88.00\nC2,never,1\n").unwrap();
    let input = |path: PathBuf| ReplayInput {
        path,
        till: Some(TillIx(0)),
        template: Some(Arc::new(template.clone())),
        currency: Currency::new("CNY"),
        ..ReplayInput::default()
    };
    let inputs = vec![input(templates.join("samples/zh-restaurant.bin")), input(csv.path().to_owned())];
    let mut replay = Replay::open(inputs, Arc::new(names())).unwrap();
    let mut numbers = Vec::new();
    while let Some(observation) = replay.next().unwrap() {
        let Observation::Receipt(receipt) = observation else { panic!("no receipt") };
        numbers.push((receipt.number.unwrap(), receipt.amount_minor.unwrap(), receipt.at.to_string()));
    }
    let expected =
        [("C1", 8_800, "2025-11-21T02:00:00.000Z"), ("B1121-031", 8_000, "2025-11-21T04:31:44.000Z")];
    assert_eq!(numbers, expected.map(|(n, a, t)| (n.to_owned(), a, t.to_owned())));
    assert_eq!((replay.counts().no_receipts, replay.counts().bad_lines), (2, 1));
}

#[test]
fn a_print_that_shows_no_time_is_of_the_one_before_it_or_of_its_file_and_reports_of_a_day_count() {
    let tills = [("t1".to_owned(), (TillIx(0), "s1".to_owned()))].into();
    let names = Names { tills, timezone: Some("Asia/Shanghai".into()), ..Names::default() };
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../templates");
    let template = Arc::new(Template::load(&templates.join("zh-generic.toml")).unwrap());
    let sample = |name: &str| std::fs::read(templates.join("samples").join(name)).unwrap();
    let played = |bytes: &[u8], at: Option<Timestamp>| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let written = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        File::options().append(true).open(file.path()).unwrap().set_modified(written).unwrap();
        let (path, template) = (file.path().to_owned(), Some(Arc::clone(&template)));
        let input = ReplayInput { path, till: Some(TillIx(0)), template, at, ..ReplayInput::default() };
        let mut replay = Replay::open(vec![input], Arc::new(names.clone())).unwrap();
        let mut seen = Vec::new();
        while let Some(observation) = replay.next().unwrap() {
            seen.push(observation);
        }
        seen
    };
    let raster = sample("zh-raster.bin");
    let times = |seen: &[Observation]| seen.iter().map(|o| o.at().to_string()).collect::<Vec<_>>();
    assert_eq!(times(&played(&raster, None)), ["2023-11-14T22:13:20.000Z"], "the file's");
    let given = Timestamp::parse_rfc3339("2025-11-21T12:00:00Z");
    assert_eq!(times(&played(&raster, given)), ["2025-11-21T12:00:00.000Z"]);
    let day =
        [sample("zh-restaurant.bin"), raster, b"\x1dV\x00".to_vec(), sample("zh-z-report.bin")].concat();
    let seen = played(&day, given);
    assert_eq!(times(&seen), ["2025-11-21T04:31:44.000Z"; 3]);
    let Observation::DayTotals(totals) = &seen[2] else { panic!("{:?}", seen[2]) };
    assert_eq!((totals.receipts, totals.business_date, totals.till), (Some(87), 20_413, Some(TillIx(0))));
}
