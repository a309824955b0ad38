//! Goes through what waits and takes out what may no longer be kept: one page of it after the other, each an atomic
//! batch with the count of what it took.

use super::db::{Changes, Db, DbError};
use super::error::StoreError;
use super::policy::{Policy, Tally};
use super::record::{self, DeadRecord, Kind, QueuedRecord, Table};
use super::state::State;
use visit_core::event::Event;
use visit_core::purchase::{BookEntry, BookRecord};
use visit_core::time::Timestamp;

/// Where events wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// For the broker.
    Outbox,
    /// For a person to look at.
    Dead,
}

/// What becomes of an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// It stays as it is.
    Keep,
    /// It goes.
    Remove,
    /// It stays in its place, and says this.
    Replace(Box<Event>),
    /// It was queued at a moment that is yet to come: now it was queued now.
    Restamp(Timestamp),
}

/// Records changed at once.
const PAGE: usize = 1_024;

impl State {
    /// Plans one page: what `rule` says of the events from `from` on, given when each was queued. Counts what was
    /// taken out. Gives where the next page begins, or nothing when this was the last.
    pub(super) fn purge_page(
        &mut self,
        db: &Db,
        place: Place,
        from: Option<Vec<u8>>,
        rule: &mut dyn FnMut(Timestamp, &Event) -> Fate,
        tally: &mut Tally,
    ) -> Result<(Changes, Option<Vec<u8>>), StoreError> {
        let prefix = [match place {
            Place::Outbox => Table::Outbox,
            Place::Dead => Table::Dead,
        } as u8];
        let mut changes = Changes::default();
        let mut changed = 0;
        let mut next = None;
        for entry in db.scan(&prefix, &from.unwrap_or_else(|| prefix.to_vec())) {
            let (key, value) = entry?;
            if changed >= PAGE {
                next = Some(key);
                break;
            }
            // What cannot be read is for the next opening to salvage.
            let Ok(mut record) = read(place, &value) else { continue };
            if place == Place::Outbox && self.is_acknowledged(record.seq) {
                continue;
            }
            match rule(record.queued_at, &record.event) {
                Fate::Keep => continue,
                Fate::Remove => {
                    tally.count(&record.event);
                    self.removed(record.queued_at);
                    match place {
                        Place::Outbox => drop(self.take_queued(&value)),
                        Place::Dead => self.dead = self.dead.saturating_sub(1),
                    }
                    changes.remove(key);
                }
                Fate::Replace(event) => {
                    tally.count(&record.event);
                    self.removed(record.queued_at);
                    record.event = *event;
                    self.put_again(place, key, &value, record, &mut changes);
                }
                Fate::Restamp(now) => {
                    record.queued_at = now;
                    self.put_again(place, key, &value, record, &mut changes);
                }
            }
            changed += 1;
        }
        if changed > 0 {
            if let Some(policy) = &mut self.policy {
                policy.unreported = Some(tally.clone()).filter(|t| !t.is_empty());
            }
            self.policy_changed = true;
            self.meta.commit += 1;
            self.put_meta(&mut changes);
        }
        Ok((changes, next))
    }

    /// Something that had been queued then is removed: its bytes stay in the file until that is written anew.
    pub(super) fn removed(&mut self, queued_at: Timestamp) {
        if let Some(Policy { oldest_removed, .. }) = &mut self.policy
            && oldest_removed.is_none_or(|oldest| queued_at < oldest)
        {
            *oldest_removed = Some(queued_at);
            self.policy_changed = true;
        }
    }

    /// Forgets the visits of the ledger and the book, the checkpoint and what belongs to it: a run in another mode, or so much
    /// later, begins anew.
    pub(super) fn forget_visits(&mut self, db: &Db, changes: &mut Changes) -> Result<(), DbError> {
        for table in [Table::Ledger, Table::Link, Table::Head, Table::Chunk] {
            for entry in db.scan(&[table as u8], &[table as u8]) {
                changes.remove(entry?.0);
            }
        }
        for entry in db.scan(&[Table::Book as u8], &[Table::Book as u8]) {
            let (key, value) = entry?;
            let Ok(mut kept) = record::read::<BookRecord>(Kind::Book, "the book", &value) else { continue };
            if let BookEntry::Receipt(receipt) = &mut kept.entry
                && receipt.forget_buyer()
                && let Some(value) = record::seal(Kind::Book, &kept)
            {
                changes.put(key, value);
            }
        }
        while self.forget_recent(changes) {}
        self.head = None;
        self.meta.visits = 0;
        Ok(())
    }

    fn put_again(&mut self, place: Place, key: Vec<u8>, old: &[u8], record: Waiting, changes: &mut Changes) {
        let Waiting { seq, queued_at, event, reason } = record;
        let sealed = match place {
            Place::Outbox => {
                self.take_queued(old);
                let (kind, id) = (Kind::of(&event), event.id);
                let sealed = record::seal(kind, &QueuedRecord { seq, queued_at, event });
                if let Some(value) = &sealed {
                    self.add_queued(seq, kind, id, value, queued_at);
                }
                sealed
            }
            Place::Dead => record::seal(Kind::Dead, &DeadRecord { seq, queued_at, reason, event }),
        };
        match sealed {
            Some(value) => changes.put(key, value),
            // It says less than before, so it fits; if ever not, it goes.
            None => changes.remove(key),
        }
    }
}

/// An event in either place.
struct Waiting {
    seq: u64,
    queued_at: Timestamp,
    event: Event,
    reason: String,
}

fn read(place: Place, value: &[u8]) -> Result<Waiting, record::BadRecord> {
    match place {
        Place::Outbox => record::read_queued(value).map(|(_, r)| Waiting {
            seq: r.seq,
            queued_at: r.queued_at,
            event: r.event,
            reason: String::new(),
        }),
        Place::Dead => record::read_dead(value).map(|r| Waiting {
            seq: r.seq,
            queued_at: r.queued_at,
            event: r.event,
            reason: r.reason,
        }),
    }
}
