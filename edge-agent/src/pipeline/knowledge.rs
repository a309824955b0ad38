//! What the engine has learnt of the place, in a file of its own in the store's folder, so that a restart does not begin
//! from the survey again.
//!
//! Only live sources keep one: recordings come with a snapshot. It holds statistics of sensors, zones and doors, nothing
//! of a device or person, so it stays in count mode too. Deleting it while the daemon is stopped forgets what was learnt;
//! so does a change of what `config_version` stands for (settings, calibration, site map).

use bincode::Options;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};
use visit_core::engine::{Engine, Knowledge};

/// Time between two writes. What was learnt since the last is lost in a crash.
const EVERY: Duration = Duration::from_secs(3600);
/// `EAk`, and the version of the layout.
const MAGIC: [u8; 4] = *b"EAk\x01";
/// Magic, configuration, checksum of what follows.
const HEADER: usize = 12;
/// A larger one is damaged.
const MAX_BYTES: u64 = 64 << 20;

/// The file.
#[derive(Debug)]
pub struct KnowledgeFile {
    path: PathBuf,
    /// `config_version`
    version: u32,
    written: Instant,
}

impl KnowledgeFile {
    /// In the folder of a store, for a configuration.
    pub fn new(store: &Path, version: u32) -> Self {
        Self { path: store.join("learnt"), version, written: Instant::now() }
    }

    /// Gives an engine what is there.
    pub(super) fn teach(&self, engine: &mut Engine) {
        let shown = self.path.display();
        match self.read() {
            Ok(Some(known)) => match engine.know(known) {
                Ok(()) => info!(file = %shown, "goes on with what was learnt before"),
                Err(why) => info!(file = %shown, "what was learnt before is of no use: {why}"),
            },
            Ok(None) => {}
            Err(why) => {
                warn!(file = %shown, "what was learnt before cannot be read, and is learnt anew: {why}");
            }
        }
    }

    /// Keeps what an engine has learnt, if it is time, or `now` whatever the time.
    pub(super) fn keep(&mut self, engine: &Engine, now: bool) {
        if !now && self.written.elapsed() < EVERY {
            return;
        }
        self.written = Instant::now();
        if let Err(why) = self.write(&engine.knowledge()) {
            warn!(file = %self.path.display(), "what was learnt cannot be written: {why}");
        }
    }

    fn read(&self) -> io::Result<Option<Knowledge>> {
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        match fs::metadata(&self.path) {
            Ok(meta) if meta.len() > MAX_BYTES => return Err(damaged("it is too large")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            _ => {}
        }
        let bytes = fs::read(&self.path)?;
        let (head, payload) = bytes.split_at_checked(HEADER).ok_or_else(|| damaged("it is too short"))?;
        if head[..4] != MAGIC {
            return Err(damaged("it has another layout"));
        }
        if head[8..] != crc32c::crc32c(payload).to_le_bytes() {
            return Err(damaged("its checksum is wrong"));
        }
        if head[4..8] != self.version.to_le_bytes() {
            info!(file = %self.path.display(), "what was learnt under another configuration is forgotten");
            return Ok(None);
        }
        layout().deserialize(payload).map(Some).map_err(|e| damaged(&e.to_string()))
    }

    /// The file is whole, or as it was.
    fn write(&self, known: &Knowledge) -> io::Result<()> {
        let payload = layout().serialize(known).map_err(io::Error::other)?;
        let partial = self.path.with_extension("partial");
        let mut file = File::create(&partial)?;
        file.write_all(&MAGIC)?;
        file.write_all(&self.version.to_le_bytes())?;
        file.write_all(&crc32c::crc32c(&payload).to_le_bytes())?;
        file.write_all(&payload)?;
        file.sync_all()?;
        fs::rename(&partial, &self.path)
    }
}

fn layout() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(MAX_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use visit_core::engine::EngineConfig;
    use visit_core::observation::{CountedPlace, DoorCount, Observation};
    use visit_core::time::Timestamp;

    const SITE: &str = "[site]\nid = \"m\"\ntimezone = \"UTC\"\n[[floor]]\nid = \"F1\"\nlevel = 0\n[[zone]]\nid = \"z\"\n\
        floor = \"F1\"\nkind = \"entrance\"\nposition = [0.0, 0.0]\nneighbours = []\n\
        [[sensor]]\nid = \"s\"\nzone = \"z\"\nposition = [0.0, 0.0]\n";

    fn engine() -> Engine {
        let site = crate::config::parse_site("site.toml", SITE).unwrap_or_else(|e| panic!("{e}")).value;
        Engine::new(Arc::new(site), EngineConfig::default())
    }

    #[test]
    fn what_was_learnt_is_known_after_a_restart_and_what_is_damaged_or_of_another_configuration_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut taught = engine();
        for minute in 0..90 {
            let at = Timestamp::from_micros(1_763_690_400_000_000 + minute * 60_000_000);
            let place = CountedPlace::Site;
            let count = DoorCount { at, place, counter: 1, entered: 2, left: 1, inside: None };
            taught.observe(Observation::DoorCount(count));
            taught.advance(at);
        }
        assert_ne!(taught.knowledge(), engine().knowledge(), "the counter teaches");
        let mut file = KnowledgeFile::new(folder.path(), 7);
        file.teach(&mut taught);
        file.keep(&taught, false);
        assert!(!folder.path().join("learnt").exists(), "an hour has not passed");
        file.keep(&taught, true);

        let mut next = engine();
        KnowledgeFile::new(folder.path(), 7).teach(&mut next);
        assert_eq!(next.knowledge(), taught.knowledge());
        let mut other = engine();
        KnowledgeFile::new(folder.path(), 8).teach(&mut other);
        assert_eq!(other.knowledge(), engine().knowledge());

        let path = folder.path().join("learnt");
        let good = fs::read(&path).unwrap();
        for (i, cut) in [(20, good.len()), (good.len() - 1, good.len()), (0, good.len()), (0, 5), (0, 0)] {
            let mut bytes = good[..cut].to_vec();
            if let Some(byte) = bytes.get_mut(i) {
                *byte ^= 1;
            }
            fs::write(&path, bytes).unwrap();
            let mut fresh = engine();
            KnowledgeFile::new(folder.path(), 7).teach(&mut fresh);
            assert_eq!(fresh.knowledge(), engine().knowledge());
        }
    }
}
