//! How much each radio usually hears, by hour of the day, over a restart: a gateway that starts in the evening is not to
//! take the quiet of the night for deafness again. Counts of frames of any sort, of nobody.
//!
//! The file `heard-usually` in the store's folder: a line for each radio, its name, a tab, and 25 numbers: frames a second
//! lately, and in each hour of the local day (`-` where that is not known). What is usual of a fixed beacon has a line of its own,
//! named after radio and beacon. Written hourly and when stopped. A line that is
//! not one is left out, and learnt anew.

use gateway::deafness::{Deafness, Usual};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::warn;

/// What is usual for all radios of a gateway.
#[derive(Clone, Debug, Default)]
pub struct UsualRates {
    /// `None`: it is not kept.
    file: Option<PathBuf>,
    known: Arc<Mutex<BTreeMap<String, Usual>>>,
}

impl UsualRates {
    /// As far as it is known from earlier runs; kept in the folder of a store.
    pub fn open(store: &Path) -> Self {
        let file = store.join("heard-usually");
        let mut text = String::new();
        let read = File::open(&file).and_then(|f| f.take(MAX_BYTES).read_to_string(&mut text));
        match read {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                warn!(file = %file.display(), "what radios usually hear cannot be read, and is learnt anew: {e}");
            }
            _ => {}
        }
        let known: BTreeMap<_, _> = text.lines().filter_map(line).collect();
        Self { file: Some(file), known: Arc::new(Mutex::new(known)) }
    }

    /// A watch over the radio of this name.
    pub(super) fn watch(&self, radio: &str) -> Deafness {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(radio).map_or_else(Deafness::default, |usual| Deafness::knowing(*usual))
    }

    /// How often the radio of this name usually hears a beacon, a second; 0 where that is not known.
    pub(super) fn beacon(&self, radio: &str, beacon: &str) -> f32 {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&of_beacon(radio, beacon)).map_or(0.0, |usual| usual.latest)
    }

    /// Notes how often a radio hears its beacons; written when what the radio hears is.
    pub(super) fn note_beacons<'a>(&self, radio: &str, rates: impl Iterator<Item = (&'a str, f32)>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let prefix = of_beacon(radio, "");
        known.retain(|name, _| !name.starts_with(&prefix));
        known.extend(
            rates.map(|(beacon, rate)| {
                (of_beacon(radio, beacon), Usual { latest: rate, by_hour: [None; 24] })
            }),
        );
    }

    /// Keeps what a radio has learnt.
    pub(super) fn keep(&self, radio: &str, watch: &Deafness) {
        let Some(file) = &self.file else { return };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(radio.to_owned(), watch.usual());
        if let Err(e) = write(file, &known) {
            warn!(file = %file.display(), "what radios usually hear cannot be written: {e}");
        }
    }
}

fn of_beacon(radio: &str, beacon: &str) -> String {
    format!("{radio} beacon {beacon}")
}

/// The file is whole, or as it was.
fn write(path: &Path, known: &BTreeMap<String, Usual>) -> io::Result<()> {
    let mut text = String::new();
    for (radio, usual) in known {
        let _ = write!(text, "{}\t{}", radio.replace(['\t', '\n'], " "), usual.latest);
        for rate in usual.by_hour {
            let _ = match rate {
                Some(rate) => write!(text, " {rate}"),
                None => write!(text, " -"),
            };
        }
        text.push('\n');
    }
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

fn line(line: &str) -> Option<(String, Usual)> {
    let (radio, numbers) = line.split_once('\t')?;
    let rate = |text: &str| text.parse().ok().filter(|rate: &f32| (0.0..=MAX_RATE).contains(rate));
    let mut numbers = numbers.split(' ');
    let mut usual = Usual { latest: rate(numbers.next()?)?, by_hour: [None; 24] };
    for hour in &mut usual.by_hour {
        *hour = match numbers.next()? {
            "-" => None,
            text => Some(rate(text)?),
        };
    }
    numbers.next().is_none().then(|| (radio.to_owned(), usual))
}

/// Frames a second; no channel carries more.
const MAX_RATE: f32 = 100_000.0;
const MAX_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_usual_is_known_after_a_restart_and_nonsense_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let rates = UsualRates::open(folder.path());
        let mut watch = rates.watch("wlan1");
        assert_eq!(watch.usual(), Deafness::default().usual());
        for s in 0..7_200 {
            watch.heard(u64::from(s % 10 == 0), Duration::from_secs(1), 3);
        }
        rates.keep("wlan1", &watch);
        rates.note_beacons("wlan1", [("b 1", 9.5), ("gone", 0.0)].into_iter());
        rates.note_beacons("wlan1", [("b 1", 9.5)].into_iter());
        rates.keep("hci\t0", &Deafness::default());
        let again = UsualRates::open(folder.path());
        assert_eq!(again.watch("wlan1").usual(), watch.usual());
        assert_eq!((again.beacon("wlan1", "b 1"), again.beacon("wlan1", "gone")), (9.5, 0.0));
        assert!(watch.usual().by_hour[3].is_some_and(|rate| rate < 0.2), "{:?}", watch.usual());
        assert_eq!(again.watch("hci 0").usual(), Deafness::default().usual());

        let path = folder.path().join("heard-usually");
        let text = fs::read_to_string(&path).unwrap();
        let wrong = "wlan2\t1 2 3\nwlan3\tNaN -\nwlan4\n\t\nwlan5\t-1 - -\n";
        fs::write(&path, format!("{wrong}{text}")).unwrap();
        let again = UsualRates::open(folder.path());
        assert_eq!(again.known.lock().unwrap().len(), 3);
        fs::write(&path, [0xff; 100]).unwrap();
        assert_eq!(UsualRates::open(folder.path()).watch("wlan1").usual(), Deafness::default().usual());
    }
}
