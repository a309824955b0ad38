//! What the machine itself is like: its clock, what the store lies on, whether the service may read its files.

use super::Report;
use nix::sys::statfs::{self, FsType, statfs};
use nix::unistd::{Group, User};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether the clock is synchronised: `None` where nobody here knows.
pub(super) fn is_synchronised() -> Option<bool> {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Some(true);
    }
    // chrony and ntpd leave no mark; systemd asks the kernel, which they tell.
    let asked = Command::new("timedatectl")
        .args(["show", "-p", "NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match asked.ok()?.stdout.trim_ascii() {
        b"yes" => Some(true),
        b"no" => Some(false),
        _ => None,
    }
}

/// What the store lies on.
pub(super) fn file_system(folder: &Path, shown: &str, report: &mut Report) {
    // Where it cannot be asked, free space has been told to be unknown.
    let Ok(kind) = statfs(folder).map(|s| s.filesystem_type()) else { return };
    let kinds: [(FsType, &str, &str); 6] = [
        (
            statfs::TMPFS_MAGIC,
            "tmpfs, in memory",
            "what waits there is lost with every restart of the machine",
        ),
        (
            magic(0x8584_58f6),
            "ramfs, in memory",
            "what waits there is lost with every restart of the machine",
        ),
        (
            statfs::OVERLAYFS_SUPER_MAGIC,
            "an overlay (a read-only system, or a container)",
            "what waits there may be lost with every restart",
        ),
        (statfs::NFS_SUPER_MAGIC, "NFS", "a store needs a local disk: a network that stops stops everything"),
        (magic(0xff53_4d42), "a network share", "a store needs a local disk"),
        (statfs::MSDOS_SUPER_MAGIC, "FAT", "it knows no permissions: the keys would be everybody's to read"),
    ];
    if let Some((_, name, costs)) = kinds.iter().find(|(k, ..)| *k == kind) {
        report.warn(
            format!("store {shown}: lies on {name}: {costs}"),
            "set store.dir to a folder on a disk (ext4), such as /var/lib/edge-agent/store",
        );
    }
}

/// What the kernel marks a file system with: 32 bits, in a type that is as narrow on armv7 and has a sign.
#[allow(clippy::cast_lossless, reason = "on armv7 it is another cast, which `From` does not know")]
const fn magic(bits: u32) -> FsType {
    FsType(bits as _)
}

/// The user the service runs as, where the package has made it.
const SERVICE: &str = "edge-agent";

/// Whether the service may read a file that root can read. Told only where that is a question: checked as root, with the
/// service's user there, and no credential that systemd reads for it.
pub(super) fn readable_by_service(path: &Path, report: &mut Report) {
    if !nix::unistd::geteuid().is_root() || super::service::is_handed_over(Path::new("/"), path) {
        return;
    }
    let (Ok(Some(user)), Ok(metadata)) = (User::from_name(SERVICE), fs::metadata(path)) else { return };
    let mode = metadata.mode();
    let owns = metadata.uid() == user.uid.as_raw();
    let group = metadata.gid();
    let in_group = group == user.gid.as_raw()
        || Group::from_gid(group.into()).ok().flatten().is_some_and(|g| g.mem.iter().any(|m| m == SERVICE));
    let may = if owns {
        mode & 0o400 != 0
    } else if in_group {
        mode & 0o040 != 0
    } else {
        mode & 0o004 != 0
    };
    if !may {
        let shown = path.display();
        report.error(
            format!("{shown} cannot be read by the user {SERVICE}, whom the service runs as"),
            format!("sudo chgrp {SERVICE} {shown}; sudo chmod 640 {shown}"),
        );
    }
}

/// Radios that are switched off: `wlan` or `bluetooth`.
pub(super) fn switched_off(kind: &str, report: &mut Report) {
    for entry in fs::read_dir("/sys/class/rfkill").into_iter().flatten().flatten() {
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        if read("type").trim() != kind {
            continue;
        }
        let name = read("name").trim().to_owned();
        if read("hard").trim() == "1" {
            report.error(
                format!("{kind} {name} is switched off by a switch or key of the machine"),
                "rfkill list",
            );
        } else if read("soft").trim() == "1" {
            let word = if kind == "wlan" { "wifi" } else { kind };
            report.error(
                format!("{kind} {name} is switched off (rfkill)"),
                format!("sudo rfkill unblock {word}"),
            );
        }
    }
}
