//! Faults of the disk: full, and rotten. The agent lives on and loses no event it can still infer.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use system_tests::{
    Broker, Installation, Settings, Subscriber, day, holds_for, is_root, skipped, wait_until,
};

/// A small file system in memory, unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        let size = format!("size={megabytes}m");
        let went =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).status()?;
        Ok(went.success().then_some(Self(dir)))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it to the last byte with one file.
    fn fill(&self) -> Result<PathBuf> {
        let path = self.path().join("filler");
        let mut file = File::create(&path)?;
        let mut block = vec![0xA5; 64 << 10];
        while !block.is_empty() {
            match file.write(&block) {
                Ok(0) => block.clear(),
                Ok(_) => {}
                // Full for a block of this size: try smaller ones.
                Err(e) if e.kind() == std::io::ErrorKind::StorageFull => block.truncate(block.len() / 2),
                Err(e) => return Err(e.into()),
            }
        }
        Ok(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// Enough that the store must grow while the disk is full: sled takes room by half megabytes.
const VISITORS: u32 = 600;

#[test]
fn a_full_disk_stops_nothing_for_good() -> Result<()> {
    if !is_root() {
        skipped("mounting a small disk needs root");
        return Ok(());
    }
    let Some(broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    let Some(disk) = SmallDisk::mount(48)? else {
        skipped("mounting a tmpfs is not allowed here, although this is root");
        return Ok(());
    };

    // What is expected: the same day on a disk with room.
    let reference = Installation::new(VISITORS, 9, &Settings::new(broker.port()))?;
    let listening = Subscriber::start(broker.port(), "mall/#")?;
    reference.run_to_end(Duration::from_secs(120))?.succeeded();
    let expected = listening.ids();
    drop(listening);
    assert!(expected.len() > 100, "only {} events", expected.len());

    let other = Broker::start()?.context("mosquitto was there a moment ago")?;
    let speed = day::DAY_SECONDS / 25.0;
    let store = Some(disk.path().join("store"));
    let installation =
        Installation::new(VISITORS, 9, &Settings { speed, store, ..Settings::new(other.port()) })?;
    installation.share_key_of(&reference)?;
    let subscriber = Subscriber::start(other.port(), "mall/#")?;
    let mut agent = installation.start()?;
    wait_until("the day has begun", Duration::from_secs(20), || subscriber.ids().len() > 20);

    let filler = disk.fill()?;
    // Eight seconds of a day of twenty-five: events fall due, and cannot be stored.
    holds_for("the agent runs on a full disk", Duration::from_secs(8), || {
        agent.is_running().unwrap_or(false)
    });
    fs::remove_file(filler)?;

    let log = agent.finish(Duration::from_secs(180))?.succeeded();
    wait_until("every event has arrived", Duration::from_secs(30), || {
        subscriber.ids().is_superset(&expected)
    });
    assert_eq!(subscriber.ids(), expected);
    assert!(log.to_lowercase().contains("space"), "the log does not mention the full disk:\n{log}");
    Ok(())
}

/// Overwrites bytes of the largest database file below a folder, as a worn SD card would.
fn rot(folder: &Path) -> Result<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                // sled's data; the store's own files beside it have other names.
                false if entry.file_name() == "db" => files.push((entry.metadata()?.len(), entry.path())),
                false => {}
            }
        }
    }
    let (length, path) = files.into_iter().max().context("the store holds no file named db")?;
    let mut bytes = fs::read(&path)?;
    // The first pages, which are in use whatever the size, and some of the middle.
    let middle = usize::try_from(length / 2)?;
    for at in (64..bytes.len().min(4_096)).step_by(97).chain((middle..bytes.len()).step_by(509).take(50)) {
        bytes[at] ^= 0x5A;
    }
    fs::write(&path, bytes)?;
    Ok(path)
}

#[test]
fn a_rotten_store_is_set_aside_and_the_day_goes_on() -> Result<()> {
    let Some(mut broker) = Broker::start()? else {
        skipped("mosquitto is not installed");
        return Ok(());
    };
    broker.stop()?;
    let settings = Settings { speed: day::DAY_SECONDS / 8.0, ..Settings::new(broker.port()) };
    let installation = Installation::new(20, 13, &settings)?;
    let mut agent = installation.start()?;
    assert!(agent.wait(Duration::from_secs(4))?.is_none(), "ended early:\n{}", agent.output()?);
    agent.kill()?;
    let rotten = rot(&installation.store())?;

    broker.resume()?;
    let subscriber = Subscriber::start(broker.port(), "mall/#")?;
    installation.configure(&Settings::new(broker.port()))?;
    let end = installation.run_to_end(Duration::from_secs(120))?;
    assert_eq!(end.code, Some(0), "{} was rotten:\n{}", rotten.display(), end.output);
    assert!(end.output.contains("quarantine"), "nobody was told:\n{}", end.output);
    let beside = fs::read_dir(installation.path(""))?.chain(fs::read_dir(installation.store())?);
    let mut names = beside.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    assert!(names.any(|name| name.contains("quarantine-")), "the evidence is gone");
    wait_until("visits end", Duration::from_secs(30), || subscriber.record().of_kind("visit.exited") > 0);
    installation.outbox("verify")?.succeeded();
    Ok(())
}
