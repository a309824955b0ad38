//! What the engine is told to forget is gone from everything it gives away and everything it keeps; and whom the shell
//! knows from earlier days as staff is no visitor for a moment.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use support::{Played, Script, at, config, member, sale, site};
use visit_core::engine::{Engine, EngineConfig, LedgerChange, Output};
use visit_core::event::{Body, PrivacyMode};
use visit_core::observation::{Heard, Pseudonym, Receipt, Sighting};
use visit_core::purchase::{BookEntry, ReceiptEntry};

/// A pseudonym no other number looks like.
const WHO: u128 = 0x6b1e_55a1_9c3d_7f02_e4d8_0b96_2f57_c1aa;

/// Somebody who shops, and buys at second 500; played until second 700.
fn shopper() -> Played {
    let script = Script::default().come_in(WHO, 0).stay(WHO, "S1", 180, 520).stay(WHO, "C1", 520, 700);
    script.receipt(Receipt { member: member(77), consented: true, ..sale(500, "S1", "7") }).play_until(700)
}

fn state(engine: &Engine) -> Vec<u8> {
    bincode::serialize(engine.state()).unwrap()
}

fn holds(bytes: &[u8], number: u128) -> bool {
    bytes.windows(16).any(|w| w == number.to_le_bytes() || w == number.to_be_bytes())
}

fn buyers(out: &[Output]) -> Vec<ReceiptEntry> {
    out.iter()
        .filter_map(|o| match o {
            Output::Ledger(LedgerChange::Keep(r)) => match &r.entry {
                BookEntry::Receipt(entry) => Some(*entry),
                BookEntry::Totals(_) => None,
            },
            _ => None,
        })
        .collect()
}

#[test]
fn a_forgotten_visit_is_in_no_part_of_the_state_and_leaves_ledger_and_book() {
    let mut p = shopper();
    let visit = p.of(WHO).next().unwrap().1.visit;
    assert_eq!(p.ledger().len(), 1);
    assert!(buyers(&p.out).iter().any(|entry| entry.buyer.visit == Some(visit) && entry.bag.is_some()));
    // The search would find them.
    assert!(holds(&state(&p.engine), WHO) && holds(&state(&p.engine), visit.0));
    let said = p.out.len();
    assert_eq!(p.engine.forget_visit(visit), Some(Pseudonym(WHO)));
    p.drain();
    assert!(!holds(&state(&p.engine), WHO) && !holds(&state(&p.engine), visit.0));
    assert!(
        p.out[said..].iter().all(|o| matches!(o, Output::Ledger(_))),
        "nothing is said: {:?}",
        &p.out[said..]
    );
    assert_eq!(p.ledger(), []);
    let last = *buyers(&p.out).last().unwrap();
    assert_eq!((last.buyer.visit, last.bag), (None, None));
    assert_eq!(p.engine.forget_visit(visit), None);
    // It goes on without: nothing is said of that visit any more.
    let before = p.of(WHO).count();
    p.run_out();
    assert_eq!(p.of(WHO).count(), before);
}

#[test]
fn a_visit_is_forgotten_in_a_snapshot_as_in_the_engine() {
    let p = shopper();
    let visit = p.of(WHO).next().unwrap().1.visit;
    let mut state = p.engine.state().clone();
    let mut changes = Vec::new();
    assert_eq!(state.forget_visit("mall", visit, &mut changes), Some(Pseudonym(WHO)));
    assert!(changes.contains(&LedgerChange::Remove(visit)));
    let bytes = bincode::serialize(&state).unwrap();
    assert!(!holds(&bytes, WHO) && !holds(&bytes, visit.0));
    let mut engine = Engine::restore(site(), config(), state).unwrap();
    engine.advance(at(3600));
    assert!(
        engine.poll().is_none_or(|o| !matches!(&o, Output::Event(e) if matches!(e.body, Body::Visit(_))))
    );
}

#[test]
fn a_receipt_that_waits_forgets_its_member() {
    let receipt = Receipt { member: member(77), consented: true, ..sale(500, "S1", "7") };
    let config = EngineConfig { privacy_mode: PrivacyMode::Consented, ..config() };
    let play = |forget: bool| {
        let mut p = Played::new(config.clone());
        let script = Script::default().come_in(WHO, 0).stay(WHO, "S1", 180, 520).receipt(receipt.clone());
        p.observe_all(script.in_order());
        if forget {
            p.engine.forget_member(member(77).unwrap());
        }
        p.run_out();
        (p.kinds(WHO).contains(&"linked"), p.receipts()[0].member)
    };
    assert_eq!(play(false), (true, member(77)));
    assert_eq!(play(true), (false, None));
}

#[test]
fn buyers_of_past_days_are_forgotten_and_those_of_today_are_not() {
    let mut p = shopper();
    let said = p.out.len();
    p.engine.forget_buyers(20_413);
    p.drain();
    assert_eq!(p.out.len(), said, "the receipt is of that day");
    p.engine.forget_buyers(20_414);
    p.drain();
    let last = *buyers(&p.out[said..]).last().unwrap();
    assert_eq!((last.buyer.visit, last.bag), (None, None));
    assert_eq!(last.buyer.confidence, last.buyer.none);
    p.engine.forget_buyers(20_414);
    assert_eq!(p.engine.poll(), None, "said once");
}

#[test]
fn staff_are_told_to_the_shell_once_and_those_it_knows_are_nobody_from_the_first_frame() {
    let shift = |known: bool| {
        let heard = move |s: &mut Sighting| s.heard = if known { Heard::Fixture } else { Heard::Associated };
        Script::default()
            .stay_as(WHO, "P1", 0, 60, heard)
            .stay_as(WHO, "E1", 60, 120, heard)
            .stay_as(WHO, "S1", 120, 5 * 3600, heard)
            .play_with(EngineConfig { k: 1, ..config() })
    };
    let told = |p: &Played| p.out.iter().filter(|o| **o == Output::NotAVisitor(Pseudonym(WHO))).count();
    let first_day = shift(false);
    assert_eq!(told(&first_day), 1);
    assert!(
        first_day.kinds(WHO).contains(&"arrived"),
        "hours pass before it is known: {:?}",
        first_day.kinds(WHO)
    );
    let later = shift(true);
    assert_eq!(later.kinds(WHO), [""; 0]);
    assert_eq!(told(&later), 0, "what the shell said itself is no news to it");
    assert_eq!(later.engine.counts().not_visitors, 1);
    let visitors = |p: &Played| p.flow().iter().filter_map(|f| f.footfall).sum::<u32>();
    assert_eq!((visitors(&first_day) > 0, visitors(&later)), (true, 0));
}
