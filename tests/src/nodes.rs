//! An emulated sensor node: the firmware in QEMU, and the line between it and the agent, on which things happen.
//!
//! ```text
//!  QEMU (riscv32 virt, UART) ── unix socket ── this process ── pty ── agent
//! ```
//!
//! The agent opens the pty through a symbolic link, as udev's `/dev/serial/by-id/…` is one; pulling the node out closes
//! the pty and takes the link away. What this process does to the bytes it keeps account of, frame by frame.

use crate::random::Random;
use crate::wait::wait_until;
use anyhow::{Context, Result};
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use sensor_wire::{Bench, Command, ROOM, encode};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// QEMU, as Debian's `qemu-system-misc` has it.
pub const QEMU: &str = "qemu-system-riscv32";

/// The firmware for it, as `firmware/build virt` makes it.
pub fn firmware() -> PathBuf {
    crate::data::repository().join("firmware/images/virt-riscv.elf")
}

/// What happens to the bytes on the line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// Once in so many bytes noise comes in; 0: never.
    pub noise: u64,
    /// Once in so many bytes some are lost; 0: never.
    pub cuts: u64,
}

/// What happened on the line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    /// Frames that the node sent.
    pub frames: u64,
    /// Of these, frames that something happened to.
    pub hit: u64,
    /// Pieces of noise.
    pub noises: u64,
    /// Cuts.
    pub cuts: u64,
    inside: bool,
    hit_this: bool,
    to_lose: u64,
}

impl Account {
    /// A byte that the node sent; a frame has a delimiter on both sides.
    fn byte(&mut self, byte: u8) {
        match (byte, self.inside) {
            (0, true) => self.inside = false,
            (0, false) => {
                self.inside = true;
                self.hit_this = false;
                self.frames += 1;
            }
            _ => {}
        }
    }

    fn hit(&mut self) {
        self.hit += u64::from(!std::mem::replace(&mut self.hit_this, true));
    }
}

#[derive(Default)]
struct Shared {
    weather: Mutex<Weather>,
    account: Mutex<Account>,
    master: Mutex<Option<Arc<PtyMaster>>>,
    stop: AtomicBool,
}

/// A node in QEMU, ended with its value.
pub struct EmulatedNode {
    qemu: Child,
    link: PathBuf,
    socket: Mutex<UnixStream>,
    shared: Arc<Shared>,
}

impl EmulatedNode {
    /// Starts one, plugged in under this name in `dir`.
    pub fn start(dir: &Path, name: &str) -> Result<Self> {
        let path = dir.join(format!("{name}.sock"));
        let chardev = format!("socket,id=line,path={},server=on,wait=on", path.display());
        let qemu = std::process::Command::new(QEMU)
            .args([
                "-M", "virt", "-bios", "none", "-display", "none", "-monitor", "none", "-chardev", &chardev,
            ])
            .args(["-serial", "chardev:line", "-kernel"])
            .arg(firmware())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start QEMU")?;
        let mut socket = None;
        wait_until("QEMU's serial line", Duration::from_secs(20), || {
            socket = UnixStream::connect(&path).ok();
            socket.is_some()
        });
        let socket = socket.context("no line")?;
        let shared = Arc::new(Shared::default());
        let (from, to) = (socket.try_clone()?, socket.try_clone()?);
        let (ours, theirs) = (shared.clone(), shared.clone());
        thread::spawn(move || to_agent(from, &ours));
        thread::spawn(move || to_node(to, &theirs));
        let node = Self { qemu, link: dir.join(name), socket: Mutex::new(socket), shared };
        node.plug_in()?;
        Ok(node)
    }

    /// The device to write into a configuration.
    pub fn device(&self) -> &Path {
        &self.link
    }

    /// Puts it into the gateway again.
    pub fn plug_in(&self) -> Result<()> {
        // Not for the processes that tests start: a line that one of them holds cannot be pulled out.
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ptsname_r(&master)?;
        // Raw from the beginning: a terminal would send back what it reads.
        let line =
            OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NOCTTY).open(&slave)?;
        let mut how = tcgetattr(&line)?;
        cfmakeraw(&mut how);
        tcsetattr(&line, SetArg::TCSANOW, &how)?;
        *lock(&self.shared.master) = Some(Arc::new(master));
        Ok(symlink(slave, &self.link)?)
    }

    /// Pulls it out.
    pub fn pull_out(&self) -> Result<()> {
        fs::remove_file(&self.link)?;
        lock(&self.shared.master).take();
        Ok(())
    }

    /// Gives it a test command, beside what the agent says.
    pub fn bench(&self, bench: Bench) -> Result<()> {
        let mut room = [0; ROOM];
        let frame = encode(&Command::Bench(bench), &mut room).map_err(|_| anyhow::anyhow!("too long"))?;
        Ok(lock(&self.socket).write_all(frame)?)
    }

    /// What happens to its bytes from now on.
    pub fn weather(&self, weather: Weather) {
        *lock(&self.shared.weather) = weather;
    }

    /// What happened on its line.
    pub fn account(&self) -> Account {
        *lock(&self.shared.account)
    }
}

impl Drop for EmulatedNode {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// From the node to the agent, through the weather. What comes while the node is pulled out is lost.
fn to_agent(mut from: UnixStream, shared: &Shared) {
    let mut random = Random::new(7);
    let mut chunk = vec![0; 4 << 10];
    while let Ok(n @ 1..) = from.read(&mut chunk) {
        let mut out = Vec::with_capacity(n);
        {
            let weather = *lock(&shared.weather);
            let mut account = lock(&shared.account);
            for byte in &chunk[..n] {
                spoil(*byte, weather, &mut account, &mut random, &mut out);
            }
        }
        let master = lock(&shared.master).clone();
        if let Some(master) = master {
            let _ = (&*master).write_all(&out);
        }
    }
}

fn spoil(byte: u8, weather: Weather, account: &mut Account, random: &mut Random, out: &mut Vec<u8>) {
    let happens = |random: &mut Random, once_in: u64| once_in > 0 && random.between(0, once_in) == 0;
    if happens(random, weather.noise) {
        account.noises += 1;
        if account.inside {
            account.hit();
        }
        let length = random.between(1, 41);
        out.extend((0..length).map(|_| random.between(0, 256) as u8));
    }
    account.byte(byte);
    if happens(random, weather.cuts) {
        account.cuts += 1;
        account.to_lose = random.between(1, 61);
    }
    if account.to_lose > 0 {
        account.to_lose -= 1;
        account.hit();
    } else {
        out.push(byte);
    }
}

/// From the agent to the node.
fn to_node(mut to: UnixStream, shared: &Shared) {
    let mut chunk = vec![0; 1 << 10];
    while !shared.stop.load(Ordering::Relaxed) {
        let master = lock(&shared.master).clone();
        let Some(master) = master else {
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        let mut ready =
            [nix::poll::PollFd::new(std::os::fd::AsFd::as_fd(&*master), nix::poll::PollFlags::POLLIN)];
        // A pulled-out line is closed only when nobody reads it.
        if !matches!(nix::poll::poll(&mut ready, 20u16), Ok(1)) {
            continue;
        }
        match (&*master).read(&mut chunk) {
            Ok(n @ 1..) => drop(to.write_all(&chunk[..n])),
            // Nobody has it open.
            _ => thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why no node can be emulated here; nothing when one can.
pub fn missing() -> Option<&'static str> {
    if !crate::has_program(QEMU) {
        Some("qemu-system-riscv32 is not installed (Debian: qemu-system-misc)")
    } else if File::open(firmware()).is_err() {
        Some(
            "the firmware of the emulated node was not built: rustup target add riscv32imc-unknown-none-elf, tests/run",
        )
    } else {
        None
    }
}
