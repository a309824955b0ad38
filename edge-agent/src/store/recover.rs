//! Opens a store whatever state it is in.
//!
//! A full scan at each start is what it costs to notice damage: sled opens truncated files without a word.

use super::db::{Changes, Db, DbError};
use super::error::OpenError;
use super::folder::Folder;
use super::highwater::{HighWater, HighWaterFile};
use super::record::Meta;
use super::salvage;
use super::scan::{self, Scan};
use super::state::State;
use super::types::{OutboxSeq, Quarantined, Recovered, StoreOptions};
use std::path::{Path, PathBuf};

/// Openings begun and not finished after which the database is not trusted to open any more: it kills us.
const MAX_UNFINISHED: u32 = 3;

/// An open store, ready for its thread.
pub(super) struct Opened {
    pub folder: Folder,
    /// Number of the live database.
    pub number: u64,
    pub db: Db,
    pub state: State,
    pub high_water: HighWaterFile,
    /// Sequences before this were queued by earlier sessions.
    pub first_seq: OutboxSeq,
}

/// Why a database cannot be used as it is.
struct Damage {
    reason: String,
    /// sled may be tried on it once more.
    may_open: bool,
}

/// Opens, verifies, repairs.
pub(super) fn open(root: &Path, options: &StoreOptions) -> Result<(Opened, Recovered), OpenError> {
    let folder = match Folder::open(root) {
        // The lock file may be what does not fit any more.
        Err(OpenError::NoSpace { .. }) if root.join("ballast").exists() => {
            let _ = std::fs::remove_file(root.join("ballast"));
            Folder::open(root)?
        }
        other => other?,
    };
    let opened = open_locked(&folder, options);
    let (number, db, scan, quarantined, mut high_water, mark) = match opened {
        Err(OpenError::NoSpace { .. }) if folder.has_ballast(1) => {
            tracing::warn!("no space left for the store {}: giving up its ballast", root.display());
            folder.drop_ballast();
            open_locked(&folder, options)
        }
        other => other,
    }
    .inspect_err(|_| {
        // An error is an answer; only an opening that never came back counts as unfinished.
        let _ = folder.finish_opening();
    })?;
    if let Some(q) = &quarantined {
        tracing::error!(
            "the store was damaged ({}) and is kept in {}; {} records were salvaged, {} of them carved{}",
            q.reason,
            q.path.display(),
            q.salvaged,
            q.carved,
            if q.ledger_lost { "; the visit ledger is lost" } else { "" }
        );
    }
    let failed = |e| OpenError::db(root, e);
    let (mut db, Scan { mut state, ledger, book, pending, checkpoint, strays, links, .. }) = (db, scan);
    match begin_session(&db, &mut state, mark, &strays) {
        Err(DbError::NoSpace) if folder.has_ballast(1) => {
            tracing::warn!("no space left for the store {}: giving up its ballast", root.display());
            drop(db);
            folder.drop_ballast();
            db = Db::open(&folder.live(number)).map_err(failed)?;
            state = scan::scan(&db).map_err(failed)?.state;
            begin_session(&db, &mut state, mark, &strays)
        }
        other => other,
    }
    .inspect_err(|_| {
        let _ = folder.finish_opening();
    })
    .map_err(failed)?;
    high_water
        .write(mark_of(&state.meta))
        .and_then(|()| high_water.sync())
        .and_then(|()| folder.finish_opening())
        .map_err(|e| OpenError::io("cannot write into", root, e))?;
    if !folder.lay_ballast(options.ballast_bytes) {
        tracing::warn!("too little space for the ballast of the store {}", root.display());
    }
    let recovered = Recovered {
        checkpoint,
        ledger,
        book,
        pending,
        links,
        session: state.meta.session,
        outbox_depth: state.depth.total(),
        quarantined,
    };
    let first_seq = OutboxSeq(state.meta.next_seq);
    Ok((Opened { folder, number, db, state, high_water, first_seq }, recovered))
}

/// The high-water mark that belongs to these counters.
pub(super) fn mark_of(meta: &Meta) -> HighWater {
    HighWater { commit: meta.commit, next_seq: meta.next_seq, session: meta.session }
}

/// Writes a complete database with what `fill` puts into it, as number `n`, and opens it.
pub(super) fn build<T>(
    folder: &Folder,
    n: u64,
    fill: impl FnOnce(&Db) -> Result<T, OpenError>,
) -> Result<(Db, T), OpenError> {
    let path = folder.building(n);
    if path.exists() {
        std::fs::remove_dir_all(&path).map_err(|e| OpenError::io("cannot remove", &path, e))?;
    }
    let db = Db::open(&path).map_err(|e| OpenError::db(&path, e))?;
    let told = fill(&db)?;
    db.close().map_err(|e| OpenError::db(&path, e))?;
    folder.promote(n).map_err(|e| OpenError::io("cannot rename", &path, e))?;
    let path = folder.live(n);
    Ok((Db::open(&path).map_err(|e| OpenError::db(&path, e))?, told))
}

type Usable = (u64, Db, Scan, Option<Quarantined>, HighWaterFile, Option<HighWater>);

fn open_locked(folder: &Folder, options: &StoreOptions) -> Result<Usable, OpenError> {
    let root = folder.root();
    let failed = |e| OpenError::io("cannot prepare", root, e);
    let seconds = options.now.as_micros() / 1_000_000;
    folder.tidy(seconds).map_err(failed)?;
    let unfinished = folder.begin_opening().map_err(failed)?;
    let (high_water, mark) = HighWaterFile::open(&folder.high_water()).map_err(failed)?;
    folder.sync().map_err(failed)?;
    let (number, found) = match folder.newest_live().map_err(failed)? {
        Some(n) => (n, look(folder, n, mark, unfinished)?),
        None => match folder.newest_quarantine().map_err(failed)? {
            // Only a rescue that was cut short leaves a quarantine and nothing else.
            Some(path) => {
                let damage = Damage {
                    reason: "its rescue was interrupted, and done again".into(),
                    may_open: unfinished < MAX_UNFINISHED,
                };
                let (db, scan, told) = rescue(folder, 1, path, mark, damage, options)?;
                return Ok((1, db, scan, Some(told), high_water, mark));
            }
            None => {
                let (db, ()) = build(folder, 1, |_| Ok(()))?;
                let lost = mark.filter(|m| m.commit > 0).map(|m| Damage {
                    reason: format!("the database is gone; it had {} batches", m.commit),
                    may_open: false,
                });
                (1, lost.map_or_else(|| fresh(db, folder), Err))
            }
        },
    };
    match found {
        Ok((db, scan)) => {
            folder.forget_pristine().map_err(failed)?;
            Ok((number, db, scan, None, high_water, mark))
        }
        Err(damage) => {
            let path = folder
                .quarantine(number, seconds)
                .map_err(|e| OpenError::io("cannot move the damaged database of", root, e))?;
            let (db, scan, told) = rescue(folder, number + 1, path, mark, damage, options)?;
            Ok((number + 1, db, scan, Some(told), high_water, mark))
        }
    }
}

fn fresh(db: Db, folder: &Folder) -> Result<(Db, Scan), Damage> {
    scan::scan(&db)
        .map(|scan| (db, scan))
        .map_err(|e| Damage { reason: format!("{}: {e}", folder.root().display()), may_open: false })
}

/// Opens and verifies a database: usable, damaged, or (outer error) neither.
fn look(
    folder: &Folder,
    number: u64,
    mark: Option<HighWater>,
    unfinished: u32,
) -> Result<Result<(Db, Scan), Damage>, OpenError> {
    if unfinished >= MAX_UNFINISHED {
        let reason = format!("opening it was begun {unfinished} times and never finished");
        return Ok(Err(Damage { reason, may_open: false }));
    }
    let path = &folder.live(number);
    folder.keep_pristine(number).map_err(|e| OpenError::io("cannot copy, before opening it,", path, e))?;
    let (db, scan) = match Db::open(path).and_then(|db| scan::scan(&db).map(|scan| (db, scan))) {
        Ok(both) => both,
        Err(e) => return curable(path, e).map(Err),
    };
    if scan.fault_count > 0 {
        let first = &scan.faults[0];
        let reason =
            format!("{} damaged records, the first: {} {}", scan.fault_count, first.key, first.reason);
        return Ok(Err(Damage { reason, may_open: true }));
    }
    let commit = scan.state.meta.commit;
    match mark {
        Some(mark) if mark.commit > commit => {
            let reason = format!("it ends with batch {commit}, but batch {} was durable", mark.commit);
            Ok(Err(Damage { reason, may_open: true }))
        }
        None if commit > 0 => {
            tracing::warn!("the high-water file beside {} was lost: made anew", path.display());
            Ok(Ok((db, scan)))
        }
        _ => Ok(Ok((db, scan))),
    }
}

/// Whether moving the database aside cures this.
fn curable(path: &Path, error: DbError) -> Result<Damage, OpenError> {
    match error {
        DbError::Damaged(_) | DbError::Panicked(_) => {
            Ok(Damage { reason: format!("it does not open: {error}"), may_open: false })
        }
        DbError::NoSpace | DbError::Locked => Err(OpenError::db(path, error)),
        DbError::Io { kind, ref message } => match OpenError::db(path, error.clone()) {
            e @ (OpenError::NotWritable { .. } | OpenError::NoSpace { .. }) => Err(e),
            // A device that cannot read a sector will not read it the next time either.
            _ => Ok(Damage { reason: format!("it does not open: {message} ({kind})"), may_open: false }),
        },
    }
}

/// Salvages a quarantined database into a fresh one.
fn rescue(
    folder: &Folder,
    number: u64,
    path: PathBuf,
    mark: Option<HighWater>,
    damage: Damage,
    options: &StoreOptions,
) -> Result<(Db, Scan, Quarantined), OpenError> {
    // Sequences and batch numbers go on from the last that were durable.
    let mark = mark.unwrap_or_default();
    let meta = Meta {
        commit: mark.commit,
        next_seq: mark.next_seq.max(1),
        session: mark.session,
        ..Meta::default()
    };
    let durable = Some(mark.commit).filter(|c| *c > 0);
    let failed = |e| OpenError::io("cannot copy the damaged database", &path, e);
    let for_sled = match damage.may_open {
        true => Some(folder.copy_for_sled(&path).map_err(failed)?),
        false => None,
    };
    let (db, saved) =
        build(folder, number, |db| salvage::salvage(&path, for_sled.as_deref(), db, durable, options, meta))?;
    folder.forget_copy_for_sled().map_err(failed)?;
    let scan = scan::scan(&db).map_err(|e| OpenError::db(db.path(), e))?;
    let told = Quarantined {
        path,
        reason: damage.reason,
        salvaged: saved.records,
        carved: saved.carved,
        ledger_lost: saved.ledger_lost,
    };
    Ok((db, scan, told))
}

/// Counts the session, and removes what belongs to nothing.
fn begin_session(
    db: &Db,
    state: &mut State,
    mark: Option<HighWater>,
    strays: &[super::record::Key],
) -> Result<(), DbError> {
    let mark = mark.unwrap_or_default();
    state.meta.session = state.meta.session.max(mark.session) + 1;
    state.meta.next_seq = state.meta.next_seq.max(mark.next_seq).max(1);
    state.meta.commit = state.meta.commit.max(mark.commit) + 1;
    let mut changes = Changes::default();
    for key in strays {
        changes.remove(key.bytes());
    }
    state.put_meta(&mut changes);
    db.apply(changes)?;
    db.make_durable()
}
