//! Files dropped in a folder: POSLog (`.xml`), CSV, JSON lines and JSON documents.
//!
//! The folder is looked through every few seconds. Nothing is asked of the kernel (inotify): it does not tell of what
//! other machines write on a network drive, and a few seconds matter to nobody here. A file is taken once its size and
//! time have not changed for a while; names that begin with a dot or end like a file under way are left alone.
//!
//! All papers of a file are durable before the file is moved: to `done/`, or, where something of it could not be used,
//! to `failed/` with a `.why.txt` beside it. A crash in between reads the file again, and everything in it is a copy.

use super::{Arrival, Intake, NotKept, Paper, Reporter, documents};
use crate::config::FolderSettings;
use crate::pipeline::wall_clock;
use gateway::door;
use gateway::pos::poslog::{self, PosLog};
use gateway::pos::push;
use gateway::pos::table::{Mapping, Table};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use visit_core::site::TillIx;

/// Files looked at in one round.
const FILES: usize = 10_000;
/// Problems of a file that are written down.
const PROBLEMS: usize = 100;
/// Papers delivered at once.
const TOGETHER: usize = 256;
/// Between attempts to deliver.
const AGAIN: Duration = Duration::from_secs(2);

/// The feed.
pub struct Folder {
    /// Its settings.
    pub settings: FolderSettings,
    /// For documents that do not say.
    pub defaults: push::Settings,
    /// For receipts whose own till is not in the site map.
    pub till: Option<TillIx>,
    /// Where papers go.
    pub intake: Intake,
    /// Its hand on the board.
    pub report: Reporter,
}

/// What a file looked like, and since when.
type Seen = HashMap<PathBuf, (u64, SystemTime, Instant)>;

/// Watches the folder until `cancel`.
pub async fn watch(folder: Folder, cancel: CancellationToken) {
    let mut seen = Seen::new();
    loop {
        match ripe(&folder.settings, &mut seen) {
            Ok(files) => {
                folder.report.up();
                for file in files {
                    let taken = tokio::select! {
                        taken = take(&folder, &file) => taken,
                        () = cancel.cancelled() => return,
                    };
                    if let Err(e) = taken {
                        let why = format!(
                            "{}: {e}",
                            gateway::pos::digits::cut_free_text(&file.display().to_string())
                        );
                        warn!(feed = %folder.report.name(), "{why}");
                        folder.report.change(|state| state.problem = Some(why));
                    }
                    seen.remove(&file);
                }
                sweep(&folder.settings);
            }
            Err(e) => folder.report.down(format!("{}: {e}", folder.settings.path.display())),
        }
        tokio::select! {
            () = tokio::time::sleep(folder.settings.poll) => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// The files that are complete, the oldest first.
fn ripe(settings: &FolderSettings, seen: &mut Seen) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut there = Seen::new();
    for entry in fs::read_dir(&settings.path)?.take(FILES) {
        let entry = entry?;
        let name = entry.file_name();
        let (path, name) = (entry.path(), name.to_string_lossy().into_owned());
        // A link may lead out of the folder; a pipe would never end.
        let Ok(meta) = entry.metadata() else { continue };
        if !meta.is_file() || is_under_way(&name) {
            continue;
        }
        let (size, time) = (meta.len(), meta.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        let since = match seen.get(&path) {
            Some((s, t, since)) if (*s, *t) == (size, time) => *since,
            _ => Instant::now(),
        };
        if since.elapsed() >= settings.settle {
            files.push((time, path.clone()));
        }
        there.insert(path, (size, time, since));
    }
    *seen = there;
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

fn is_under_way(name: &str) -> bool {
    let lower = name.to_lowercase();
    let endings = [".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~"];
    name.starts_with('.') || endings.iter().any(|end| lower.ends_with(end))
}

/// Takes a file in, and moves it.
async fn take(folder: &Folder, path: &Path) -> io::Result<()> {
    let mut batch = Batch { folder, waiting: Vec::new(), problems: Vec::new(), wrong: 0, kept: 0 };
    batch.folder.report.change(|state| state.bytes += fs::metadata(path).map_or(0, |m| m.len()));
    read(path, &mut batch).await?;
    batch.flush().await;
    let Batch { problems, wrong, kept, .. } = batch;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // A file may be named after a member.
    let shown = gateway::pos::digits::cut_free_text(&name);
    info!(feed = %folder.report.name(), file = shown, kept, wrong, "a file was taken in");
    if wrong == 0 {
        return done(&folder.settings, path, &name);
    }
    folder.report.change(|state| state.bad += 1);
    let to = free(&folder.settings.path.join("failed"), &name)?;
    let mut why = format!("{kept} papers of this file were taken in, {wrong} could not be used:\n");
    for problem in &problems {
        why += problem;
        why.push('\n');
    }
    fs::write(
        to.with_file_name(format!("{}.why.txt", to.file_name().unwrap_or_default().to_string_lossy())),
        why,
    )?;
    fs::rename(path, &to)
}

struct Batch<'a> {
    folder: &'a Folder,
    waiting: Vec<(u64, Paper)>,
    problems: Vec<String>,
    wrong: u64,
    kept: u64,
}

impl Batch<'_> {
    fn problem(&mut self, place: u64, what: impl std::fmt::Display) {
        self.wrong += 1;
        if self.problems.len() < PROBLEMS {
            self.problems.push(format!("{place}: {what}"));
        }
    }

    async fn add(&mut self, place: u64, paper: Paper) {
        self.waiting.push((place, paper));
        if self.waiting.len() >= TOGETHER {
            self.flush().await;
        }
    }

    /// Returns when everything so far is durable, or nothing to record.
    async fn flush(&mut self) {
        let captured = wall_clock();
        let (places, papers): (Vec<u64>, Vec<Paper>) = self.waiting.drain(..).unzip();
        let arrival = |paper| Arrival { paper, till: self.folder.till, captured, prompt: false };
        let arrivals: Vec<Arrival> = papers.into_iter().map(arrival).collect();
        loop {
            match self.folder.intake.deliver(self.folder.report.name(), arrivals.clone()).await {
                Ok(verdicts) => {
                    for (place, verdict) in places.into_iter().zip(verdicts) {
                        use gateway::pos::receipt::NotObserved::{NoCount, NoTime, UnknownTill};
                        match verdict {
                            Err(why @ (UnknownTill | NoTime | NoCount)) => self.problem(place, why),
                            Ok(()) => self.kept += 1,
                            Err(_) => {}
                        }
                    }
                    return;
                }
                Err(NotKept) => tokio::time::sleep(AGAIN).await,
            }
        }
    }
}

/// Reads a file by what is in it: XML, JSON, or else a table.
async fn read(path: &Path, batch: &mut Batch<'_>) -> io::Result<()> {
    let mut file = BufReader::with_capacity(64 << 10, File::open(path)?);
    let start = file.fill_buf()?;
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let first = start.first().copied();
    let defaults = batch.folder.defaults.clone();
    match first {
        None => batch.problem(1, "the file is empty"),
        Some(b'<') | Some(0xff | 0xfe) => {
            let settings = poslog::Settings { zone: defaults.zone, currency: defaults.currency };
            let mut log = PosLog::new(file, settings)?;
            loop {
                match log.next() {
                    Ok(Some(receipt)) => {
                        let place = log.tally().transactions;
                        batch.add(place, Paper::Receipt(Box::new(receipt))).await;
                    }
                    Ok(None) => break,
                    Err(e) => {
                        batch.problem(log.tally().transactions + 1, e);
                        break;
                    }
                }
            }
        }
        Some(b'{' | b'[') => json(file, &defaults, batch).await?,
        Some(_) if door::is_table(start) => counts(file, batch).await?,
        Some(_) => {
            let columns = batch.folder.settings.columns.iter().cloned().collect();
            let mapping = Mapping {
                columns,
                delimiter: None,
                encoding: batch.folder.settings.encoding.clone(),
                zone: defaults.zone,
                currency: defaults.currency,
                till_known: batch.folder.till.is_some(),
            };
            let mut table = match Table::new(file, mapping) {
                Ok(table) => table,
                Err(e) => {
                    batch.problem(1, e);
                    return Ok(());
                }
            };
            loop {
                match table.next() {
                    Ok(Some(row)) => match row.receipt {
                        Ok(receipt) => batch.add(row.line, Paper::Receipt(Box::new(receipt))).await,
                        Err(problems) => problems.iter().for_each(|p| batch.problem(row.line, p)),
                    },
                    Ok(None) => break,
                    Err(e) => {
                        batch.problem(0, e);
                        break;
                    }
                }
            }
        }
    }
    Ok(())
}

/// A table of door counts.
async fn counts(file: impl BufRead, batch: &mut Batch<'_>) -> io::Result<()> {
    let mut whole = Vec::new();
    if file.take(TABLE + 1).read_to_end(&mut whole)? as u64 > TABLE {
        batch.problem(1, "a table of counts is at most 16 MiB");
        return Ok(());
    }
    for (line, message) in door::parse_csv(&whole) {
        match message {
            Ok(message) => batch.add(line, Paper::Door(Box::new(message))).await,
            Err(why) => batch.problem(line, why),
        }
    }
    Ok(())
}

/// Bytes of a table of counts.
const TABLE: u64 = 16 << 20;

/// JSON lines; a file that is one document or list is read as a whole, if it is no larger than such may be.
async fn json(mut file: impl BufRead, defaults: &push::Settings, batch: &mut Batch<'_>) -> io::Result<()> {
    const WHOLE: u64 = 4 << 20;
    let mut whole = Vec::new();
    file.by_ref().take(WHOLE).read_to_end(&mut whole)?;
    let is_whole = serde_json::from_slice::<&serde_json::value::RawValue>(whole.trim_ascii()).is_ok();
    if is_whole {
        match documents::read(&whole, defaults) {
            Ok(papers) => {
                for (n, paper) in (1..).zip(papers) {
                    batch.add(n, paper).await;
                }
            }
            Err(problems) => problems.iter().for_each(|(n, p)| batch.problem(*n as u64, p)),
        }
        return Ok(());
    }
    let mut lines = io::Cursor::new(whole).chain(file);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let n = (&mut lines).take(push::MAX_DOCUMENT as u64 + 1).read_until(b'\n', &mut line)?;
        if n == 0 {
            break;
        }
        if n > push::MAX_DOCUMENT {
            batch.problem(number, "a line is longer than 1 MiB; the rest of the file was not read");
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match documents::read(&line, defaults) {
            Ok(papers) => {
                for paper in papers {
                    batch.add(number, paper).await;
                }
            }
            Err(problems) => problems.iter().for_each(|(_, p)| batch.problem(number, p)),
        }
    }
    Ok(())
}

/// The file was taken in whole.
fn done(settings: &FolderSettings, path: &Path, name: &str) -> io::Result<()> {
    if settings.keep_days == 0 {
        return fs::remove_file(path);
    }
    let to = free(&settings.path.join("done"), name)?;
    fs::rename(path, &to)?;
    // From now on its age counts.
    File::options().append(true).open(&to)?.set_modified(SystemTime::now())
}

/// A name in `folder` that is not taken; the folder is made.
fn free(folder: &Path, name: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let mut to = folder.join(name);
    let mut n = 1;
    while to.exists() {
        n += 1;
        to = folder.join(format!("{name}.{n}"));
    }
    Ok(to)
}

/// Deletes what has been in `done/` for long enough.
fn sweep(settings: &FolderSettings) {
    let oldest = SystemTime::now() - Duration::from_secs(86_400 * u64::from(settings.keep_days));
    let Ok(entries) = fs::read_dir(settings.path.join("done")) else { return };
    for entry in entries.flatten().take(FILES) {
        let old = entry.metadata().and_then(|m| m.modified()).is_ok_and(|time| time < oldest);
        if old && let Err(e) = fs::remove_file(entry.path()) {
            warn!("cannot delete {}: {e}", entry.path().display());
        }
    }
}
