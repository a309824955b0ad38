//! A folder as mall IT would have it: site map, configuration, store, key; and a day to replay.

use crate::agent::{self, Agent, Finished};
use crate::day::{DayFacts, site_map, write_day};
use anyhow::Result;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// An installation in a temporary folder.
pub struct Installation {
    dir: TempDir,
    /// What was put into its day; empty when the day came from outside.
    pub facts: DayFacts,
}

/// What differs from test to test.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Port of the broker on the loopback interface.
    pub broker_port: u16,
    /// How much faster than life the day is replayed; 0 is as fast as possible.
    pub speed: f64,
    /// Seconds between snapshots of the engine.
    pub checkpoint_s: u32,
    /// `count`, `pseudonymous` or `consented`.
    pub privacy_mode: &'static str,
    /// Where the store is, when not in the installation's folder.
    pub store: Option<PathBuf>,
}

impl Settings {
    /// As fast as possible, pseudonymous, with the broker on this port.
    pub fn new(broker_port: u16) -> Self {
        Self { broker_port, speed: 0.0, checkpoint_s: 1, privacy_mode: "pseudonymous", store: None }
    }
}

impl Installation {
    /// With a generated day of this many visitors.
    pub fn new(visitors: u32, seed: u64, settings: &Settings) -> Result<Self> {
        let dir = TempDir::new()?;
        let facts = write_day(&dir.path().join("day.jsonl"), visitors, seed)?;
        fs::write(dir.path().join("site.toml"), site_map())?;
        let consented: Vec<&str> = facts.members.iter().map(String::as_str).collect();
        fs::write(dir.path().join("consent.txt"), consented.join("\n") + "\n")?;
        let installation = Self { dir, facts };
        installation.configure(settings)?;
        Ok(installation)
    }

    /// With a day and a site map from elsewhere.
    pub fn of_day(folder: &Path, settings: &Settings) -> Result<Self> {
        let dir = TempDir::new()?;
        fs::copy(folder.join("site.toml"), dir.path().join("site.toml"))?;
        std::os::unix::fs::symlink(
            fs::canonicalize(folder.join("day.jsonl.gz"))?,
            dir.path().join("day.jsonl.gz"),
        )?;
        let installation = Self { dir, facts: DayFacts::default() };
        installation.configure(settings)?;
        Ok(installation)
    }

    /// Writes `agent.toml` anew.
    pub fn configure(&self, settings: &Settings) -> Result<()> {
        let Settings { broker_port, speed, checkpoint_s, privacy_mode, store } = settings;
        let store = store.clone().unwrap_or_else(|| self.store());
        let day = if self.path("day.jsonl").exists() { "day.jsonl" } else { "day.jsonl.gz" };
        let mut toml = format!(
            "site_map = \"site.toml\"\ngateway = \"gw-1\"\n\n\
             [store]\ndir = {store:?}\ncheckpoint_s = {checkpoint_s}\n\n\
             [[source]]\nkind = \"replay\"\npaths = [\"{day}\"]\nspeed = {speed:.3}\n\n\
             [mqtt]\nhost = \"127.0.0.1\"\nport = {broker_port}\n\n\
             [privacy]\nmode = \"{privacy_mode}\"\nkey_file = \"key\"\n"
        );
        if *privacy_mode == "consented" {
            let _ = writeln!(toml, "consent_list = \"consent.txt\"");
        }
        Ok(fs::write(self.config(), toml)?)
    }

    /// Takes over the pseudonym key of another installation, so that both give the same visits the same ids.
    pub fn share_key_of(&self, other: &Self) -> Result<()> {
        // `fs::copy` keeps the permissions, which the agent insists on.
        fs::copy(other.path("key"), self.path("key"))?;
        Ok(())
    }

    /// A file of the installation.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// `agent.toml`.
    pub fn config(&self) -> PathBuf {
        self.path("agent.toml")
    }

    /// The folder of the store.
    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// The command `edge-agent run` of this installation.
    pub fn command(&self) -> Result<Command> {
        let mut command = agent::command(["run", "--config"])?;
        command.arg(self.config());
        Ok(command)
    }

    /// Starts `edge-agent run`.
    pub fn start(&self) -> Result<Agent> {
        Agent::start(&mut self.command()?)
    }

    /// Runs the day to its end. An agent all of whose sources have ended publishes what is left and exits.
    pub fn run_to_end(&self, limit: Duration) -> Result<Finished> {
        self.start()?.finish(limit)
    }

    /// `edge-agent outbox <verb> --store …`.
    pub fn outbox(&self, verb: &str) -> Result<Finished> {
        let store = self.store();
        let args = ["outbox".as_ref(), verb.as_ref(), "--store".as_ref(), store.as_os_str()];
        agent::run(args, Duration::from_secs(60))
    }
}
