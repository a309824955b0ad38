//! Our reading of public captures against Wireshark's: frames, frames per address and kind, sums of signal
//! strength and of sequence numbers.
//!
//! Needs `tshark` and the captures: under `$EDGE_AGENT_DATA`, or `shared/data` beside the repository.
#![allow(clippy::unwrap_used)] // helpers of a test are a test, too

use gateway::capture::pcap::write;
use gateway::names::Names;
use gateway::observation::{Frame, Observation};
use gateway::source::{Replay, ReplayInput};
use gateway::wifi::radiotap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use visit_core::site::SensorIx;
use visit_core::time::Timestamp;

/// Of one address and kind of frame.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    frames: u64,
    rssi_sum: i64,
    without_rssi: u64,
    seq_sum: u64,
    first_us: i64,
    last_us: i64,
}

impl Seen {
    fn add(&mut self, at_us: i64, rssi: Option<i64>, seq: Option<u64>) {
        if self.frames == 0 {
            self.first_us = at_us;
        }
        self.last_us = at_us;
        self.frames += 1;
        self.rssi_sum += rssi.unwrap_or(0);
        self.without_rssi += u64::from(rssi.is_none());
        self.seq_sum += seq.unwrap_or(0);
    }
}

type Table = BTreeMap<(String, &'static str), Seen>;

fn captures() -> Option<Vec<PathBuf>> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    // A worktree lies one folder deeper than the repository.
    let beside = [repository.join("../shared/data"), repository.join("../../shared/data")];
    let given = std::env::var_os("EDGE_AGENT_DATA").map(PathBuf::from);
    let data = given.into_iter().chain(beside).find(|p| p.is_dir())?;
    let mut found = vec![data.join("derand-pcap/day.pcap")];
    let brno = std::fs::read_dir(data.join("probes-brno")).ok()?;
    found.extend(brno.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "pcap")));
    found.sort();
    Some(found)
}

/// Wireshark's client frames. Its own rules are applied here in words of 802.11, apart from our parser.
fn wireshark(path: &Path) -> Table {
    let fields = [
        "frame.time_epoch",
        "wlan.fc.type_subtype",
        "wlan.ta",
        "radiotap.dbm_antsignal",
        "wlan.seq",
        "wlan.fc.ds",
        "wlan.bssid",
        "radiotap.flags.badfcs",
    ];
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).args(["-n", "-T", "fields", "-E", "occurrence=f"]);
    fields.iter().for_each(|f| {
        command.args(["-e", f]);
    });
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut table = Table::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let f: Vec<_> = line.split('\t').collect();
        // Frames it does not take apart (control wrappers, wrong check sequences) have no such fields.
        let hex = |s: &str| u32::from_str_radix(s.trim_start_matches("0x"), 16).ok();
        let Some((subtype, ds)) = hex(f[1]).zip(hex(f[5])) else { continue };
        let frame = match subtype {
            4 => "probe",
            0 | 2 => "association",
            11 if f[2] != f[6] => "association",
            0x20..0x30 if ds == 1 && subtype != 0x2d => "data",
            _ => continue,
        };
        if f[7] == "1" || f[7] == "True" {
            continue;
        }
        let qos = subtype & 0x28 == 0x28;
        let rssi = f[3].parse::<i64>().ok().filter(|dbm| (-127..0).contains(dbm));
        let (seconds, fraction) = f[0].split_once('.').unwrap();
        let us = seconds.parse::<i64>().unwrap() * 1_000_000 + fraction[..6].parse::<i64>().unwrap();
        let seen = table.entry((f[2].to_owned(), frame)).or_default();
        seen.add(us, rssi, f[4].parse().ok().filter(|_| !qos));
    }
    table
}

fn ours(path: &Path) -> Table {
    let input = ReplayInput { path: path.to_owned(), sensor: Some(SensorIx(0)), ..ReplayInput::default() };
    let mut replay = Replay::open(vec![input], Arc::new(Names::default())).unwrap();
    let mut table = Table::new();
    while let Some(observation) = replay.next().unwrap() {
        let Observation::Sighting(s) = observation else { panic!("{observation:?}") };
        let frame = match s.frame {
            Frame::ProbeRequest => "probe",
            Frame::Association => "association",
            Frame::Data => "data",
            other => panic!("{other:?}"),
        };
        let seen = table.entry((s.addr.reveal(), frame)).or_default();
        seen.add(s.at.as_micros(), s.rssi.map(i64::from), s.seq.map(u64::from));
    }
    let counts: Vec<_> = replay.counts().iter().filter(|(_, n)| *n > 0).collect();
    eprintln!("{}: {counts:?}", path.file_name().unwrap_or_default().display());
    assert!(replay.problems().kept().is_empty());
    table
}

/// Frames of every type and subtype, in every direction, heard well or with a wrong check sequence.
fn one_of_everything() -> Vec<u8> {
    let mut out = Vec::new();
    write::header(127, &mut out);
    for n in 0..512u16 {
        let (control, direction, bad_fcs) = ((n & 0x3f) as u8 * 4, (n >> 6) as u8 & 3, n & 0x100 != 0);
        let data = control >> 2 & 3 == 2;
        let access_point = [8, 0, 0, 0, 0, 1];
        let phone = [2, 0, 0, 0, control, direction];
        // Half of the management frames come from the access point itself.
        let sender = if !data && direction & 1 == 1 { access_point } else { phone };
        let mut packet = Vec::new();
        radiotap::Repr { rssi: Some(-40), bad_fcs, ..Default::default() }.emit(&mut packet);
        packet.extend_from_slice(&[control, if data { direction } else { 0 }, 0, 0]);
        [access_point, sender, access_point].iter().for_each(|a| packet.extend_from_slice(a));
        packet.extend_from_slice(&(n << 4).to_le_bytes());
        packet.extend_from_slice(&[0; 40]);
        write::packet(Timestamp::from_micros(1_700_000_000_000_000 + i64::from(n)), &packet, &mut out);
    }
    out
}

#[test]
fn wireshark_sees_the_same_clients_among_frames_of_every_type() {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("SKIPPED: tshark is not installed");
        return;
    }
    let file = tempfile::NamedTempFile::with_suffix(".pcap").unwrap();
    std::fs::write(file.path(), one_of_everything()).unwrap();
    let (theirs, ours) = (wireshark(file.path()), ours(file.path()));
    assert_eq!(theirs, ours);
    let kinds: std::collections::BTreeSet<_> = ours.keys().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, ["association", "data", "probe"].into());
}

#[test]
fn wireshark_sees_the_same_clients() {
    let Some(captures) = captures() else {
        eprintln!(
            "SKIPPED: no captures; set EDGE_AGENT_DATA to the folder that has derand-pcap and probes-brno"
        );
        return;
    };
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("SKIPPED: tshark is not installed");
        return;
    }
    let mut frames = 0;
    for path in captures {
        let (theirs, ours) = (wireshark(&path), ours(&path));
        for (key, seen) in &theirs {
            assert_eq!(ours.get(key), Some(seen), "{}", path.display());
        }
        assert_eq!(theirs.len(), ours.len(), "{}", path.display());
        frames += ours.values().map(|s| s.frames).sum::<u64>();
    }
    assert!(frames > 10_000, "{frames}");
}
