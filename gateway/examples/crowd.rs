//! A crowd that scans, as captures to measure with: `crowd FRAMES DEVICES OUT.pcap…`, one output for each sensor.
//!
//! `DEVICES` phones are there at any time. Each scans every 20 to 100 s with 1 to 4 probe requests 20 ms apart (2.5 on
//! average, as many as in recordings of streets and halls), stays for 30 to 60 min and is then followed by another.
//! With several outputs a phone wanders from sensor to sensor and is heard by its neighbours too. `FRAMES` is the sum
//! over all outputs. The same arguments give the same bytes.

use gateway::capture::pcap;
use gateway::observation::MacAddr;
use gateway::wifi::{frame, radiotap};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use visit_core::time::Timestamp;

const USAGE: &str = "usage: crowd FRAMES DEVICES OUT.pcap…";
/// 2025-11-21T01:00:00Z.
const START_US: i64 = 1_763_686_800_000_000;
const BETWEEN_FRAMES_US: i64 = 20_000;
const LINKTYPE_RADIOTAP: u16 = 127;
/// Kinds of phones: as many different sets of information elements.
const MODELS: u64 = 64;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [frames, devices, outputs @ ..] = &args[..] else { return failed(USAGE) };
    let (Ok(frames), Ok(devices @ 1..)) = (frames.parse(), devices.parse()) else { return failed(USAGE) };
    if outputs.is_empty() {
        return failed(USAGE);
    }
    match write(frames, devices, outputs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => failed(&e.to_string()),
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("crowd: {why}");
    ExitCode::FAILURE
}

fn write(frames: u64, devices: u32, outputs: &[String]) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    pcap::write::header(LINKTYPE_RADIOTAP, &mut bytes);
    let mut sensors = Vec::new();
    for path in outputs {
        let mut file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        file.write_all(&bytes)?;
        sensors.push(file);
    }
    let elements: Vec<Vec<u8>> = (0..MODELS).map(elements).collect();
    let mut random = Random(1);
    let mut phones: Vec<Phone> =
        (0..devices).map(|_| Phone::new(START_US, sensors.len(), &mut random)).collect();
    let mut next: BinaryHeap<Reverse<(i64, u32)>> =
        (0..devices).map(|i| Reverse((START_US + random.below(60_000_000), i))).collect();
    let mut written = 0;
    while let Some(Reverse((at, i))) = next.pop() {
        let phone = &mut phones[i as usize];
        if phone.frames_left == 0 {
            if at >= phone.leaves_at {
                *phone = Phone::new(at, sensors.len(), &mut random);
            }
            phone.scan(sensors.len(), &mut random);
        }
        phone.sequence = (phone.sequence + 1) % 4096;
        for (sensor, rssi) in phone.heard_by(sensors.len()) {
            bytes.clear();
            phone.emit(rssi, &elements, &mut bytes);
            let mut record = Vec::with_capacity(bytes.len() + 16);
            pcap::write::packet(Timestamp::from_micros(at), &bytes, &mut record);
            sensors[sensor].write_all(&record)?;
            written += 1;
            if written == frames {
                return sensors.iter_mut().try_for_each(Write::flush);
            }
        }
        phone.frames_left -= 1;
        let wait =
            if phone.frames_left > 0 { BETWEEN_FRAMES_US } else { 20_000_000 + random.below(80_000_000) };
        next.push(Reverse((at + wait, i)));
    }
    Ok(())
}

struct Phone {
    addr: MacAddr,
    model: usize,
    sequence: u16,
    /// Index of the sensor it is nearest to.
    near: usize,
    rssi: i8,
    leaves_at: i64,
    frames_left: u8,
}

impl Phone {
    fn new(at: i64, sensors: usize, random: &mut Random) -> Self {
        let [a, b, c, d, e, ..] = random.next().to_le_bytes();
        Self {
            addr: MacAddr([2, a, b, c, d, e]),
            model: random.below(MODELS as i64) as usize,
            sequence: random.below(4096) as u16,
            near: random.below(sensors as i64) as usize,
            rssi: -60,
            leaves_at: at + 1_800_000_000 + random.below(1_800_000_000),
            frames_left: 0,
        }
    }

    fn scan(&mut self, sensors: usize, random: &mut Random) {
        self.frames_left = 1 + random.below(4) as u8;
        self.rssi = -75 + random.below(25) as i8;
        if random.below(4) == 0 {
            self.near = (self.near + 1) % sensors;
        }
    }

    fn heard_by(&self, sensors: usize) -> impl Iterator<Item = (usize, i8)> + use<> {
        let near = self.near;
        let rssi = self.rssi;
        (0..sensors.min(3)).map(move |k| ((near + k) % sensors, rssi - 8 * k as i8))
    }

    fn emit(&self, rssi: i8, elements: &[Vec<u8>], out: &mut Vec<u8>) {
        radiotap::Repr { rssi: Some(rssi), frequency: Some(2437), ..radiotap::Repr::default() }.emit(out);
        frame::Repr {
            kind: frame::Kind::ProbeRequest,
            transmitter: self.addr,
            sequence: self.sequence,
            fragment: 0,
            retry: false,
            protected: false,
            qos: false,
            elements: Some(&elements[self.model]),
        }
        .emit(MacAddr([255; 6]), out);
    }
}

/// Elements of an ordinary phone, about 90 bytes; the supported rates tell the models apart.
fn elements(model: u64) -> Vec<u8> {
    let mut out = vec![0, 0, 1, 4, 2, 4, 11, model as u8, 50, 8, 12, 18, 24, 36, 48, 72, 96, 108, 3, 1, 6];
    out.extend_from_slice(&[45, 26]);
    out.extend_from_slice(&[0x2d; 26]);
    out.extend_from_slice(&[127, 8, 0, 0, 8, 4, 0, 0, 0, 64, 255, 28]);
    out.extend_from_slice(&[35; 28]);
    out
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1; the bias of the remainder does not matter here.
    fn below(&mut self, n: i64) -> i64 {
        (self.next() % n.unsigned_abs()) as i64
    }
}
