//! The binary under test as a process: started, watched, killed, read.

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running agent. Killed when dropped, so that a failed test leaves none behind.
pub struct Agent {
    process: Child,
    output: File,
}

/// An agent that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Everything it wrote to stdout and stderr, in order.
    pub output: String,
}

/// The binary: `$EDGE_AGENT_BIN`, else the newer of the release and debug builds in the target folder this
/// test was built in.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("EDGE_AGENT_BIN") {
        return Ok(PathBuf::from(path));
    }
    let me = std::env::current_exe()?;
    let target = me.ancestors().nth(3).context("the test binary lies in <target>/<profile>/deps")?;
    let built = |profile: &str| {
        let path = target.join(profile).join("edge-agent");
        let when = path.metadata().and_then(|m| m.modified()).ok()?;
        Some((when, path))
    };
    match ["release", "debug"].into_iter().filter_map(built).max() {
        Some((_, path)) => Ok(path),
        None => bail!(
            "no edge-agent in {}/{{release,debug}}: run tests/run, or `cargo build --release --bin edge-agent`",
            target.display()
        ),
    }
}

/// The binary with these arguments, and an environment that does not depend on who runs the tests.
pub fn command<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command.args(args).env_remove("RUST_LOG").env("NO_COLOR", "1").env("RUST_BACKTRACE", "0");
    Ok(command)
}

/// Runs the binary to its end; fails when it is still running after `limit`.
pub fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>, limit: Duration) -> Result<Finished> {
    Agent::start(&mut command(args)?)?.finish(limit)
}

impl Agent {
    /// Starts a command; its output goes to an unnamed file, so that it never blocks on a full pipe.
    pub fn start(command: &mut Command) -> Result<Self> {
        let output = tempfile::tempfile()?;
        // One file, one offset for both streams: their order is kept.
        let process = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot start {}", Path::new(command.get_program()).display()))?;
        Ok(Self { process, output })
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What it has written up to now.
    pub fn output(&self) -> Result<String> {
        read(&self.output)
    }

    /// Reads what it has written, whenever asked, while it is waited for.
    pub fn log(&self) -> impl Fn() -> String + use<> {
        let file = self.output.try_clone();
        move || file.as_ref().map_or_else(|_| String::new(), |file| read(file).unwrap_or_default())
    }

    /// Waits at most `limit`; the exit status when it has ended by then.
    pub fn wait(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(Some(status));
            }
            if start.elapsed() >= limit {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for a fact that it brings about; panics, with what it wrote, when it ends instead or takes longer.
    #[track_caller]
    pub fn until(&mut self, what: &str, limit: Duration, mut fact: impl FnMut() -> bool) {
        let start = Instant::now();
        while !fact() {
            let ended = self.process.try_wait().ok().flatten();
            let why = match ended {
                Some(status) => format!("it ended ({status})"),
                None if start.elapsed() >= limit => format!("not within {limit:?}"),
                None => {
                    std::thread::sleep(Duration::from_millis(10));
                    continue;
                }
            };
            panic!("{why}: {what}; it wrote:\n{}", self.output().unwrap_or_default());
        }
    }

    /// Asks it to stop, as systemd does.
    pub fn terminate(&self) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.process.id())?), Signal::SIGTERM)?)
    }

    /// Asks it to read its configuration again.
    pub fn hang_up(&self) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.process.id())?), Signal::SIGHUP)?)
    }

    /// `kill -9`.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Waits for its end; fails, with its output, when it is still running after `limit`.
    pub fn finish(mut self, limit: Duration) -> Result<Finished> {
        let Some(status) = self.wait(limit)? else {
            bail!("still running after {limit:?}; it wrote:\n{}", self.output()?);
        };
        Ok(Finished { code: status.code(), output: self.output()? })
    }
}

fn read(file: &File) -> Result<String> {
    // The offset is shared with the writer: read by position, do not seek.
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len())?];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64)? {
            0 => break,
            n => filled += n,
        }
    }
    bytes.truncate(filled);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Finished {
    /// The output of a command that succeeded.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.output);
        assert!(!self.output.contains("panicked"), "{}", self.output);
        self.output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_both_streams_is_kept_in_order() {
        let mut sh = Command::new("sh");
        sh.args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let end = Agent::start(&mut sh).unwrap().finish(Duration::from_secs(10)).unwrap();
        assert_eq!((end.code, end.output.as_str()), (Some(3), "one\ntwo\nthree\n"));
    }

    #[test]
    fn who_waits_for_a_process_that_has_ended_is_told_at_once_what_it_said() {
        let mut agent = Agent::start(Command::new("sh").args(["-c", "echo wrong; exit 64"])).unwrap();
        let waiting =
            std::panic::AssertUnwindSafe(|| agent.until("a port", Duration::from_secs(60), || false));
        let why = std::panic::catch_unwind(waiting).unwrap_err();
        let why = why.downcast_ref::<String>().unwrap();
        assert!(why.contains("it ended (exit status: 64): a port; it wrote:\nwrong"), "{why}");
    }

    #[test]
    fn a_killed_process_has_no_exit_code() {
        let mut agent = Agent::start(Command::new("sleep").arg("600")).unwrap();
        assert!(agent.is_running().unwrap());
        assert_eq!(agent.wait(Duration::from_millis(20)).unwrap(), None);
        agent.kill().unwrap();
        assert_eq!(agent.finish(Duration::from_secs(10)).unwrap().code, None);
    }
}
