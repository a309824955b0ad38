//! A full disk: the agent lives on, and what it could not store it stores when there is room again.

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
    let reference = Installation::new(40, 9, &Settings::new(broker.port()))?;
    let listening = Subscriber::start(broker.port(), "mall/#")?;
    reference.run_to_end(Duration::from_secs(120))?.succeeded();
    let expected = listening.ids();
    drop(listening);
    assert!(expected.len() > 100, "only {} events", expected.len());

    let other = Broker::start()?.context("mosquitto was there a moment ago")?;
    let speed = day::DAY_SECONDS / 25.0;
    let store = Some(disk.path().join("store"));
    let installation = Installation::new(40, 9, &Settings { speed, store, ..Settings::new(other.port()) })?;
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
