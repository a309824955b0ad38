//! A real mosquitto on a free loopback port, with its own folder, that can be stopped and started again.
//!
//! It keeps its sessions on disk and bounds no queue: what it has acknowledged it must deliver, so that a
//! missing event is the agent's doing and not the broker's. For the same reason it is stopped with SIGTERM,
//! on which mosquitto writes its database; SIGKILL would lose what it has acknowledged.

use crate::ports::free_port;
use crate::wait::wait_until;
use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running or stopped mosquitto.
pub struct Broker {
    dir: TempDir,
    port: u16,
    process: Option<Child>,
    /// What else stands in its configuration.
    rules: String,
}

impl Broker {
    /// Starts one; `None` where mosquitto is not installed.
    pub fn start() -> Result<Option<Self>> {
        Self::start_with(|_| Ok("allow_anonymous true\n".into()))
    }

    /// Starts one that lets in whom `rules` say: lines of its configuration, for which files may be put into the folder.
    pub fn start_with(rules: impl FnOnce(&Path) -> Result<String>) -> Result<Option<Self>> {
        let Some(_) = program() else { return Ok(None) };
        let dir = TempDir::new()?;
        let rules = rules(dir.path())?;
        let mut broker = Self { dir, port: free_port()?, process: None, rules };
        broker.resume()?;
        Ok(Some(broker))
    }

    /// The port it listens on, the same after every restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it and keeps its sessions and queues.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            kill(Pid::from_raw(i32::try_from(process.id())?), Signal::SIGTERM)?;
            process.wait()?;
        }
        Ok(())
    }

    /// Starts it again where it was stopped, and waits until it accepts connections.
    pub fn resume(&mut self) -> Result<()> {
        ensure!(self.process.is_none(), "the broker runs already");
        let folder = self.dir.path();
        let config = folder.join("mosquitto.conf");
        fs::write(&config, self.configuration())?;
        let log = fs::File::options().create(true).append(true).open(folder.join("log"))?;
        let program = program().context("mosquitto is not installed")?;
        let child = Command::new(program)
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.process = Some(child);
        wait_until("mosquitto accepts connections", Duration::from_secs(10), || accepts(self.port));
        Ok(())
    }

    /// Stops and starts it.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.resume()
    }

    fn configuration(&self) -> String {
        let user = if crate::is_root() { "user root\n" } else { "" };
        format!(
            "listener {} 127.0.0.1\n{user}{}persistence true\n\
             persistence_location {}/\nmax_queued_messages 0\nmax_queued_bytes 0\n\
             max_inflight_messages 100\nset_tcp_nodelay true\n",
            self.port,
            self.rules,
            self.dir.path().display()
        )
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Whether somebody accepts connections on a loopback port.
pub fn accepts(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1)).is_ok()
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/local/bin/mosquitto"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file())
}
