//! What a service manager hears: the datagrams that come in at `$NOTIFY_SOCKET`.

use anyhow::Result;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// A service manager with a watchdog.
pub struct Manager {
    dir: TempDir,
    heard: Arc<Mutex<Vec<String>>>,
    patience: Duration,
}

impl Manager {
    /// One whose watchdog waits for so long.
    pub fn new(patience: Duration) -> Result<Self> {
        let dir = TempDir::new()?;
        let socket = UnixDatagram::bind(dir.path().join("notify"))?;
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let hears = Arc::clone(&heard);
        // Ends with the process: nobody else holds the socket.
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = socket.recv(&mut bytes) {
                let word = String::from_utf8_lossy(&bytes[..n]).into_owned();
                hears.lock().unwrap_or_else(PoisonError::into_inner).push(word);
            }
        });
        Ok(Self { dir, heard, patience })
    }

    /// Lets a command be its service.
    pub fn adopts<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("NOTIFY_SOCKET", self.socket());
        command.env("WATCHDOG_USEC", self.patience.as_micros().to_string()).env_remove("WATCHDOG_PID")
    }

    /// Everything it heard.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often it heard a word.
    pub fn count(&self, word: &str) -> usize {
        self.heard().iter().filter(|heard| *heard == word).count()
    }

    /// The last status line.
    pub fn status(&self) -> String {
        let heard = self.heard();
        let last = heard.iter().rev().find_map(|word| word.strip_prefix("STATUS="));
        last.unwrap_or_default().to_owned()
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("notify")
    }
}
