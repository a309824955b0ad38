//! A real terminal (tmux), as somebody over ssh has one: keys go in, and what is on it can be read.

use anyhow::{Result, ensure};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A terminal with a program in it. Ends with its value.
pub struct Terminal {
    /// The socket of a tmux of its own.
    dir: TempDir,
}

impl Terminal {
    /// Runs `command` (words of a shell) in a terminal of this size; `None` where tmux is not installed.
    pub fn start(columns: u16, rows: u16, command: &str) -> Result<Option<Self>> {
        if !crate::has_program("tmux") {
            return Ok(None);
        }
        let terminal = Self { dir: TempDir::new()? };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        // The shell stays when the program has ended, so that the terminal can be looked at.
        let words =
            ["new-session", "-d", "-s", "t", "-x", &columns, "-y", &rows, "env", "-u", "NO_COLOR", "sh"];
        terminal.tmux(&words)?;
        // What is typed is seen once the shell reads it.
        terminal.keys(&[command, "Enter"])?;
        Ok(Some(terminal))
    }

    /// What is on it.
    pub fn screen(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p", "-t", "t"])?.stdout).into_owned())
    }

    /// The same, with its colours as escape sequences.
    pub fn colours(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p", "-e", "-t", "t"])?.stdout).into_owned())
    }

    /// Types.
    pub fn keys(&self, keys: &[&str]) -> Result<()> {
        let mut words = vec!["send-keys", "-t", "t"];
        words.extend(keys);
        self.tmux(&words).map(drop)
    }

    /// Another size, as when somebody pulls at the window.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-t", "t", "-x", &columns, "-y", &rows]).map(drop)
    }

    /// Whether a program has the whole screen (the alternate one).
    pub fn is_taken(&self) -> Result<bool> {
        let out = self.tmux(&["display-message", "-p", "-t", "t", "#{alternate_on}"])?;
        Ok(out.stdout.trim_ascii() == b"1")
    }

    /// Waits until the screen shows `text`.
    ///
    /// # Panics
    /// With the screen, when it does not within half a minute.
    #[track_caller]
    pub fn until(&self, text: &str) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen().unwrap_or_default();
            if screen.contains(text) {
                return screen;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "no {text:?} on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn tmux(&self, words: &[&str]) -> Result<Output> {
        let socket = self.dir.path().join("tmux");
        let out = tmux(&socket).args(words).output()?;
        ensure!(out.status.success(), "tmux {words:?}: {}", String::from_utf8_lossy(&out.stderr));
        Ok(out)
    }
}

fn tmux(socket: &Path) -> Command {
    let mut command = Command::new("tmux");
    // Nobody's own settings, and a locale that knows wide characters.
    command
        .arg("-u")
        .arg("-S")
        .arg(socket)
        .args(["-f", "/dev/null"])
        .env("LC_ALL", "C.UTF-8")
        .env_remove("TMUX");
    command
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = tmux(&self.dir.path().join("tmux")).arg("kill-server").output();
    }
}
