//! What the machine says of itself: processor, memory, disk, clock, temperature, throttling.
//!
//! Read from `/proc` and `/sys`, a few small files a look. What is not there (temperature in a virtual machine, throttling
//! anywhere but on a Raspberry Pi) is absent: a zero would be a lie.

use super::Stamp;
use nix::sys::statvfs::statvfs;
use nix::unistd::{SysconfVar, sysconf};
use schemars::JsonSchema;
use serde::Serialize;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use visit_core::time::Timestamp;

/// How the machine is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct MachineHealth {
    /// Processor time of the daemon since its start, seconds.
    pub cpu_s: Option<f64>,
    /// The same, of one core, over the last look: 0.01 is one per cent.
    pub cpu_share: Option<f64>,
    /// Memory of the daemon, bytes.
    pub rss_bytes: Option<u64>,
    /// Files and sockets it has open.
    pub open_fds: Option<u64>,
    /// Bytes free on the disk of the store.
    pub disk_free_bytes: Option<u64>,
    /// Its size.
    pub disk_size_bytes: Option<u64>,
    /// The processor's temperature, °C.
    pub temperature_c: Option<f64>,
    /// What a Raspberry Pi says of its supply and its heat.
    pub throttling: Option<Throttling>,
}

/// What slows a Raspberry Pi down: now, and at any time since it was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Throttling {
    /// The supply is too weak.
    pub under_voltage: bool,
    /// The clock rate is limited.
    pub frequency_capped: bool,
    /// It is slowed down.
    pub throttled: bool,
    /// It is warmer than it likes.
    pub too_warm: bool,
    /// The supply was too weak since it was switched on.
    pub had_under_voltage: bool,
    /// It was slowed down since it was switched on.
    pub had_throttling: bool,
}

/// The clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClockHealth {
    /// It follows a time server; absent where that cannot be told.
    pub synchronised: Option<bool>,
    /// When it was set by one last.
    pub synchronised_at: Option<Stamp>,
}

/// Looks at the machine.
#[derive(Debug)]
pub struct Machine {
    root: PathBuf,
    store: PathBuf,
    last_cpu: Option<(Instant, f64)>,
    asked: Option<(Instant, Option<bool>)>,
}

impl Machine {
    /// This machine, with the store in this folder.
    pub fn new(store: &Path) -> Self {
        Self::under(Path::new("/"), store)
    }

    /// One whose `/proc`, `/sys` and `/run` are below `root`.
    pub fn under(root: &Path, store: &Path) -> Self {
        Self { root: root.to_owned(), store: store.to_owned(), last_cpu: None, asked: None }
    }

    /// How it is.
    pub fn look(&mut self) -> MachineHealth {
        let (cpu_s, rss_bytes) = self.process().unzip();
        let disk = statvfs(&self.store).ok();
        #[allow(clippy::unnecessary_cast)] // on 32-bit machines both are narrower
        let bytes = |blocks: u64, size: u64| blocks.saturating_mul(size);
        #[allow(clippy::unnecessary_cast)]
        let (free, size) = disk.map_or((None, None), |s| {
            let fragment = s.fragment_size() as u64;
            (Some(bytes(s.blocks_available() as u64, fragment)), Some(bytes(s.blocks() as u64, fragment)))
        });
        MachineHealth {
            cpu_share: self.share(cpu_s),
            cpu_s,
            rss_bytes,
            open_fds: self.open_fds(),
            disk_free_bytes: free,
            disk_size_bytes: size,
            temperature_c: self.temperature(),
            throttling: self.throttling(),
        }
    }

    /// Seconds of processor time and bytes of memory. Fields 14, 15 and 24 of `/proc/self/stat`: ticks of a hundredth of a
    /// second (USER_HZ, the same on every Linux), and pages.
    fn process(&self) -> Option<(f64, u64)> {
        let mut buffer = [0; 1024];
        let read = fs::File::open(self.root.join("proc/self/stat")).ok()?.read(&mut buffer).ok()?;
        let text = std::str::from_utf8(&buffer[..read]).ok()?;
        // The second field is the program's name, which may hold blanks.
        let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
        let mut field = |skip| fields.nth(skip)?.parse::<u64>().ok();
        let (user, system, pages) = (field(0)?, field(0)?, field(8)?);
        let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
        Some(((user + system) as f64 / 100.0, pages * u64::try_from(page).ok()?))
    }

    /// Linux 6.2 and later say their number as the folder's size; others have them counted.
    fn open_fds(&self) -> Option<u64> {
        let folder = self.root.join("proc/self/fd");
        match fs::metadata(&folder).ok()?.len() {
            0 => Some(fs::read_dir(folder).ok()?.count() as u64),
            files => Some(files),
        }
    }

    fn share(&mut self, cpu: Option<f64>) -> Option<f64> {
        let cpu = cpu?;
        let now = Instant::now();
        let last = self.last_cpu.replace((now, cpu));
        let (then, before) = last?;
        let passed = now.duration_since(then).as_secs_f64();
        (passed > 0.1).then(|| ((cpu - before) / passed * 1000.0).round().max(0.0) / 1000.0)
    }

    /// The zone that is the processor's by its name, else the warmest there is.
    fn temperature(&self) -> Option<f64> {
        let zones = fs::read_dir(self.root.join("sys/class/thermal")).ok()?;
        let mut warmest = None;
        for zone in zones.flatten().map(|e| e.path()) {
            let Some(milli) = number(&zone.join("temp")) else { continue };
            let celsius = milli as f64 / 1000.0;
            if !(-40.0..=150.0).contains(&celsius) {
                continue;
            }
            let kind = fs::read_to_string(zone.join("type")).unwrap_or_default();
            if kind.trim().starts_with("cpu") {
                return Some(celsius);
            }
            warmest = warmest.filter(|w| *w > celsius).or(Some(celsius));
        }
        warmest
    }

    fn throttling(&self) -> Option<Throttling> {
        let text = fs::read_to_string(self.root.join(GET_THROTTLED)).ok()?;
        let text = text.trim();
        let bits = u32::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok()?;
        let bit = |n: u32| bits & 1 << n != 0;
        Some(Throttling {
            under_voltage: bit(0),
            frequency_capped: bit(1),
            throttled: bit(2),
            too_warm: bit(3),
            had_under_voltage: bit(16),
            had_throttling: bit(18),
        })
    }

    /// Whether the clock follows a time server. systemd-timesyncd leaves a file that it touches each time it has set the
    /// clock; others (chrony, ntpd) have to be asked through timedated, which asks the kernel. We may not ask the kernel
    /// ourselves: the call belongs to those that set the clock, and the unit forbids them.
    pub fn clock(&mut self) -> ClockHealth {
        let mark = fs::metadata(self.root.join(TIMESYNC)).and_then(|m| m.modified());
        if let Ok(at) = mark {
            let age = SystemTime::now().duration_since(at).unwrap_or_default();
            let us = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_micros());
            let at = Timestamp::from_micros(i64::try_from(us).unwrap_or(0));
            return ClockHealth {
                synchronised: Some(age <= TIMESYNC_SILENT),
                synchronised_at: Some(Stamp(at)),
            };
        }
        if self.asked.is_none_or(|(when, _)| when.elapsed() >= ASK) {
            self.asked = Some((Instant::now(), ask_timedated()));
        }
        ClockHealth { synchronised: self.asked.and_then(|(_, answer)| answer), synchronised_at: None }
    }
}

/// `timedatectl show -p NTPSynchronized --value`. Waits for it, not long; called from a thread that may.
fn ask_timedated() -> Option<bool> {
    use std::process::{Command, Stdio};
    let mut asked = Command::new("timedatectl")
        .args(["show", "-p", "NTPSynchronized", "--value"])
        // It would tell our service manager how it ended.
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let began = Instant::now();
    // It says one word: no pipe is filled by that.
    while asked.try_wait().ok()?.is_none() {
        if began.elapsed() >= ANSWER {
            let _ = asked.kill();
            let _ = asked.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut said = String::new();
    std::io::Read::read_to_string(&mut asked.stdout?, &mut said).ok()?;
    match said.trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

/// A whole number alone in a file.
fn number(path: &Path) -> Option<i64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Bits of the firmware of a Raspberry Pi: 0…3 now, 16…19 since it was switched on.
const GET_THROTTLED: &str = "sys/devices/platform/soc/soc:firmware/get_throttled";
const TIMESYNC: &str = "run/systemd/timesync/synchronized";
/// It asks its server every 34 minutes at the latest: after several missed answers the clock drifts.
const TIMESYNC_SILENT: Duration = Duration::from_secs(3 * 3600);
/// A bus that does not answer is not waited for.
const ANSWER: Duration = Duration::from_secs(2);
/// Asking starts a process and a service.
const ASK: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_raspberry_pi_tells_its_heat_and_what_slows_it_down() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        write(root, "sys/class/thermal/thermal_zone0/temp", "91000\n");
        write(root, "sys/class/thermal/thermal_zone0/type", "gpu-thermal\n");
        write(root, "sys/class/thermal/thermal_zone1/temp", "61234\n");
        write(root, "sys/class/thermal/thermal_zone1/type", "cpu-thermal\n");
        write(root, GET_THROTTLED, "50005\n");
        write(
            root,
            "proc/self/stat",
            "7 (a b) c) S 1 7 7 0 -1 4194304 1 0 0 0 250 150 0 0 20 0 1 0 9 9 512 9\n",
        );
        let page = u64::try_from(sysconf(SysconfVar::PAGE_SIZE).unwrap().unwrap()).unwrap();
        let mut machine = Machine::under(root, root);
        let health = machine.look();
        assert_eq!(health.temperature_c, Some(61.234));
        let expected = Throttling {
            under_voltage: true,
            throttled: true,
            had_under_voltage: true,
            had_throttling: true,
            ..Throttling::default()
        };
        assert_eq!(health.throttling, Some(expected));
        assert_eq!((health.cpu_s, health.rss_bytes), (Some(4.0), Some(512 * page)));
        assert!(health.disk_free_bytes.unwrap() <= health.disk_size_bytes.unwrap());
    }

    #[test]
    fn what_a_machine_cannot_tell_is_absent() {
        let dir = tempfile::tempdir().unwrap();
        let health = Machine::under(dir.path(), dir.path()).look();
        assert_eq!((health.temperature_c, health.throttling, health.cpu_s), (None, None, None));
        let json = serde_json::to_value(&health).unwrap();
        assert!(json["temperature_c"].is_null());
    }

    #[test]
    fn a_mark_of_timesyncd_says_that_the_clock_is_right_until_it_is_old() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), TIMESYNC, "");
        let mut machine = Machine::under(dir.path(), dir.path());
        assert_eq!(machine.clock().synchronised, Some(true));
        let file = fs::File::open(dir.path().join(TIMESYNC)).unwrap();
        file.set_modified(SystemTime::now() - TIMESYNC_SILENT - Duration::from_secs(60)).unwrap();
        assert_eq!(machine.clock().synchronised, Some(false));
        assert!(machine.clock().synchronised_at.is_some());
    }
}
