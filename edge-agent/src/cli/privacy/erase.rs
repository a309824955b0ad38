//! `privacy erase`: takes a visit, or a member with their visits, out of a stopped gateway, and tells the recipients.

use super::Who;
use crate::cli::exit::{Exit, Failure};
use crate::cli::run::{privacy_failure, store_failure, store_options};
use crate::config::Config;
use crate::pipeline::{Without, forget_in_snapshot, wall_clock};
use crate::privacy::Privacy;
use crate::store::{Checkpoint, Forget, Forgotten, OpenError, Recovered, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use visit_core::engine::LedgerChange;
use visit_core::event::{Body, Event, VisitFact, VisitId};
use visit_core::observation::{MemberToken, Observation, Pseudonym};
use visit_core::purchase::BookEntry;
use visit_core::time::Timestamp;

/// Erases, and says what was erased and what had left.
pub(super) fn run(config: &Config, who: &Who) -> Result<String, Failure> {
    let now = wall_clock();
    let folder = &config.agent.store.dir;
    let owner = std::fs::metadata(folder).map_err(|e| Failure::io("there is no store in", folder, &e))?;
    same_user(folder, owner.uid())?;
    let live = config.agent.is_live();
    // The store first: it is locked while a daemon runs, and then nothing may be touched.
    let options = store_options(&config.agent, &config.site, config.version, now);
    let (store, recovered) = Store::open(folder, &options).map_err(|e| match e {
        OpenError::Locked { .. } => Failure::new(
            Exit::Unavailable,
            format!(
                "the store {} is in use: stop the daemon first (sudo systemctl stop edge-agent), erase, start it again",
                folder.display()
            ),
        ),
        e => store_failure(&e),
    })?;
    let open = if live { Privacy::open } else { Privacy::for_recording };
    let mut privacy = open(&config.agent.privacy, &config.agent.inference.tags, &config.site, now)
        .map_err(|e| privacy_failure(&e))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|e| Failure::new(Exit::Unavailable, format!("cannot start the runtime: {e}")))?;
    let done = runtime.block_on(async {
        let done = match (who.visit, who.member) {
            (None, None) => Ok(staff(&mut privacy)),
            (visit, member) => {
                let case = Case { config, visit, member, now };
                case.erase(&store, recovered, &mut privacy).await
            }
        };
        let closed = store.close().await.map_err(|e| failed(&e));
        done.and_then(|text| closed.map(|()| text))
    })?;
    Ok(done + &quarantines(folder))
}

/// Files that another user makes here the daemon could not replace.
fn same_user(folder: &Path, owner: u32) -> Result<(), Failure> {
    if nix::unistd::geteuid().as_raw() == owner {
        return Ok(());
    }
    let message = format!(
        "the store {} belongs to another user: run this as the daemon's, sudo -u edge-agent edge-agent privacy erase …",
        folder.display()
    );
    Err(Failure::new(Exit::NoPermission, message))
}

fn staff(privacy: &mut Privacy) -> String {
    format!("erased: {} devices of staff and equipment that were remembered\n", privacy.forget_staff())
}

/// What is asked.
struct Case<'a> {
    config: &'a Config,
    visit: Option<VisitId>,
    member: Option<MemberToken>,
    now: Timestamp,
}

/// What is known of a visit.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    in_ledger: bool,
    /// The highest number of its facts that is known.
    last_seq: u32,
    /// Of these, how many wait.
    waiting: u32,
}

impl Case<'_> {
    async fn erase(
        &self,
        store: &Store,
        recovered: Recovered,
        privacy: &mut Privacy,
    ) -> Result<String, Failure> {
        let waiting = outbox(store).await.map_err(|e| failed(&e))?;
        let mut visits: BTreeMap<VisitId, Known> =
            self.visit.map(|v| (v, Known::default())).into_iter().collect();
        if let Some(member) = self.member {
            let linked = recovered.links.iter().filter(|l| l.member == member).map(|l| l.visit);
            let waiting = waiting.iter().filter_map(|event| linked_visit(event, member));
            visits.extend(linked.chain(waiting).map(|visit| (visit, Known::default())));
        }
        let devices = look(&waiting, &recovered, &mut visits);
        let ids: Vec<VisitId> = visits.keys().copied().collect();
        let (book, receipts_in_book) = book(&recovered, &visits);
        let papers = recovered.pending.iter().filter(|(_, p)| self.is_of_member(p)).count();
        let (checkpoint, followed) = self.snapshot(recovered.checkpoint.as_ref(), &ids, privacy)?;
        let mut ledger = book;
        ledger.extend(ids.iter().filter(|id| visits[*id].in_ledger).map(|id| LedgerChange::Remove(*id)));
        let about = |event: &&Event| {
            let (visits, members) = (ids.iter().copied().collect(), self.member.into_iter().collect());
            crate::privacy::degrade::without(event, &visits, &members).as_ref() != Some(*event)
        };
        let remembered = self.member.is_some_and(|member| privacy.forget_history(member));
        let nothing = ledger.is_empty()
            && !remembered
            && checkpoint.is_none()
            && papers == 0
            && !recovered
                .links
                .iter()
                .any(|l| Some(l.member) == self.member || visits.contains_key(&l.visit))
            && !waiting.iter().any(|event| about(&event));
        if nothing {
            return Err(Failure::new(Exit::NoInput, self.unknown()));
        }
        let who = Forget {
            visits: ids,
            members: self.member.into_iter().collect(),
            ledger,
            checkpoint,
            asked: true,
            at: self.now,
        };
        // Not heard again today, and that first: cut short here, it can be asked again.
        for device in devices {
            privacy.refuse(device);
        }
        let told = store.forget(who).await.map_err(|e| failed(&e))?;
        Ok(self.words(&visits, &told, [receipts_in_book, followed, remembered.into()]))
    }

    /// The checkpoint without them, where it held them; and how many of them were followed in it.
    fn snapshot(
        &self,
        checkpoint: Option<&Checkpoint>,
        visits: &[VisitId],
        privacy: &mut Privacy,
    ) -> Result<(Option<Checkpoint>, usize), Failure> {
        let Some(Checkpoint { snapshot, position }) = checkpoint else { return Ok((None, 0)) };
        let mut refuse = |remembered, devices: &[Pseudonym]| {
            privacy.restore(remembered);
            devices.iter().for_each(|device| privacy.refuse(*device));
            privacy.remembered()
        };
        let site = &self.config.site.id;
        match forget_in_snapshot(snapshot, site, visits, self.member, &mut refuse) {
            Ok(Some(Without { snapshot, found })) => {
                Ok((Some(Checkpoint { snapshot, position: *position }), found.len()))
            }
            Ok(None) => Ok((None, 0)),
            Err(e) => Err(Failure::new(
                Exit::BadData,
                format!("the checkpoint in the store cannot be read, and nothing was erased: {e}"),
            )),
        }
    }

    fn is_of_member(&self, paper: &Observation) -> bool {
        matches!(paper, Observation::Receipt(r) if r.member.is_some() && r.member == self.member)
    }

    fn unknown(&self) -> String {
        let what = match (self.visit, self.member) {
            (Some(visit), _) => format!("visit {visit}"),
            (None, member) => format!("member {}", member.map(|m| m.to_string()).unwrap_or_default()),
        };
        format!(
            "{what}: nothing of it is kept here, and nothing was erased. Either it was never of this gateway, or all of \
             it has been published or is too old to be kept: ask for it where the events go (the CRM)"
        )
    }

    fn words(
        &self,
        visits: &BTreeMap<VisitId, Known>,
        told: &Forgotten,
        [receipts_in_book, followed, remembered]: [usize; 3],
    ) -> String {
        let mut text = String::from("erased here:\n");
        for (kind, n) in &told.events {
            let _ = writeln!(text, "  {n} waiting {kind}");
        }
        let in_ledger = visits.values().filter(|v| v.in_ledger).count();
        for (n, what) in [
            (told.receipts as usize, "waiting receipts no longer say whose they are"),
            (told.waiting_papers as usize, "receipts that wait to be recorded no longer say whose they are"),
            (told.links as usize, "links of a visit to a member"),
            (in_ledger, "visits of the ledger"),
            (receipts_in_book, "receipts of the book no longer say whose they are"),
            (followed, "visits of the snapshot"),
            (remembered, "record of how often they come"),
        ] {
            if n > 0 {
                let _ = writeln!(text, "  {n} {what}");
            }
        }
        text.push_str(match told.scrubbed {
            true => "  the store's file was written anew without them\n",
            false => "  the store's file still holds remains: it could not be written anew; the daemon tries again\n",
        });
        text.push_str("had left before, and is for the recipients to erase:\n");
        for (id, known) in visits {
            let _ = match known.last_seq {
                0 => writeln!(text, "  visit {id}: what was published of it is not known here any more"),
                last => writeln!(text, "  visit {id}: {} facts", last.saturating_sub(known.waiting)),
            };
        }
        if self.member.is_some() {
            text.push_str("  receipts with the member's token that were published before\n");
        }
        text.push_str("the recipients are told with the next connection: mall.privacy.erased\n");
        if self.config.agent.privacy.consent_list.is_some() && self.member.is_some() {
            text.push_str(
                "take the member off the consent list as well, or the next receipt links them again\n",
            );
        }
        text
    }
}

/// What ledger and outbox know of the visits; gives their devices.
fn look(
    waiting: &[Event],
    recovered: &Recovered,
    visits: &mut BTreeMap<VisitId, Known>,
) -> BTreeSet<Pseudonym> {
    let mut devices: BTreeSet<Pseudonym> =
        recovered.links.iter().filter(|l| visits.contains_key(&l.visit)).map(|l| l.device).collect();
    for record in &recovered.ledger {
        if let Some(known) = visits.get_mut(&record.visit) {
            known.in_ledger = true;
            known.last_seq = known.last_seq.max(record.device.seq);
            devices.insert(record.device.name);
        }
    }
    for event in waiting {
        if let Body::Visit(v) = &event.body
            && let Some(known) = visits.get_mut(&v.visit)
        {
            known.waiting += 1;
            known.last_seq = known.last_seq.max(v.seq);
            devices.insert(v.device);
        }
    }
    devices
}

/// What follows for the book of receipts, and how many of them.
fn book(recovered: &Recovered, visits: &BTreeMap<VisitId, Known>) -> (Vec<LedgerChange>, usize) {
    let mut changes = Vec::new();
    for record in &recovered.book {
        let mut record = record.clone();
        if let BookEntry::Receipt(entry) = &mut record.entry
            && entry.buyer.visit.is_some_and(|visit| visits.contains_key(&visit))
            && entry.forget_buyer()
        {
            changes.push(LedgerChange::Keep(record));
        }
    }
    let count = changes.len();
    (changes, count)
}

fn linked_visit(event: &Event, member: MemberToken) -> Option<VisitId> {
    match &event.body {
        Body::Visit(v) => match &v.fact {
            VisitFact::Linked(l) if l.member == member.to_string() => Some(v.visit),
            _ => None,
        },
        _ => None,
    }
}

async fn outbox(store: &Store) -> Result<Vec<Event>, StoreError> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let some = store.read_outbox(after, PAGE).await?;
        let Some(last) = some.last() else { return Ok(all) };
        after = Some(last.seq);
        let about_somebody = |e: &Event| matches!(e.body, Body::Visit(_) | Body::Receipt(_));
        all.extend(some.into_iter().map(|queued| queued.event).filter(about_somebody));
    }
}

/// Damaged stores that were moved aside hold what they held.
fn quarantines(folder: &Path) -> String {
    let found: Vec<PathBuf> = super::report::quarantines(folder);
    let lines = found.iter().map(|path| format!("  {}\n", path.display()));
    match found.is_empty() {
        true => String::new(),
        false => {
            "damaged stores that were moved aside are not searched; delete them:\n".to_owned()
                + &lines.collect::<String>()
        }
    }
}

fn failed(e: &StoreError) -> Failure {
    Failure::new(Exit::Io, format!("the store failed, ask again: {e}"))
}

/// Events read at once.
const PAGE: usize = 1_000;
