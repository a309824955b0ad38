//! The generated day of the demo: repeatable, in order, bounded, and with every situation in it.

// The configuration allows it in test functions, not in what they call.
#![allow(clippy::unwrap_used)]

mod log;
mod places;
mod radio;

use edge_agent::demo::day::{
    Day, DayOptions, Entry, Fact, Plan, PlanError, PlanSensor, PlanTill, PlanZone, Truth, to_log_line,
    truth_line,
};
use edge_agent::demo::{CONSENTED, site};
use gateway::observation::{Frame, MacAddr, Observation, Sighting};
use places::built_in_plan;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use visit_core::observation::{ReceiptKind, SensorHealth};
use visit_core::site::{SensorIx, ZoneKind};
use visit_core::time::{Span, Timestamp};

pub(crate) const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

/// The first three hours after opening.
pub(crate) fn morning(seed: u64) -> (Plan, Vec<Entry>) {
    let plan = built_in_plan();
    let options = DayOptions { seed, length: Span::from_secs(3 * 3600 + 1800), ..DayOptions::default() };
    let mut day = Day::new(&plan, options).unwrap();
    let entries = std::iter::from_fn(|| day.next_entry()).collect();
    (plan, entries)
}

pub(crate) fn sightings(entries: &[Entry]) -> impl Iterator<Item = &Sighting> {
    entries.iter().filter_map(|e| match e {
        Entry::Observed(Observation::Sighting(s)) => Some(s),
        _ => None,
    })
}

pub(crate) fn truths(entries: &[Entry]) -> impl Iterator<Item = &Truth> {
    entries.iter().filter_map(|e| match e {
        Entry::True(t) => Some(t),
        Entry::Observed(_) => None,
    })
}

/// address → visitor
pub(crate) fn owners(entries: &[Entry]) -> HashMap<MacAddr, u32> {
    truths(entries)
        .filter_map(|t| match t.fact {
            Fact::Address { addr } => Some((addr, t.visitor)),
            _ => None,
        })
        .collect()
}

pub(crate) fn is_fixed(entries: &[Entry]) -> HashSet<u32> {
    truths(entries).filter(|t| matches!(t.fact, Fact::NotAVisitor { .. })).map(|t| t.visitor).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_another_day() {
    let text = |seed| {
        let (plan, entries) = morning(seed);
        let lines = entries.iter().map(|e| match e {
            Entry::Observed(o) => to_log_line(o, &plan).unwrap(),
            Entry::True(t) => truth_line(t, &plan),
        });
        lines.collect::<Vec<_>>()
    };
    let first = text(1);
    assert!(first.len() > 20_000, "{}", first.len());
    assert!(first == text(1));
    assert!(first != text(2));
}

#[test]
fn a_whole_day_comes_in_time_order_at_whole_milliseconds_and_in_bounded_memory() {
    let plan = built_in_plan();
    let options = DayOptions::default();
    let ends = options.start + options.length;
    let mut day = Day::new(&plan, options.clone()).unwrap();
    let (mut last, mut n, mut most_queued, mut most_present) = (options.start, 0u64, 0, 0);
    while let Some(entry) = day.next_entry() {
        let at = match &entry {
            Entry::Observed(o) => o.at(),
            Entry::True(t) => t.at,
        };
        assert!(at >= last && at < ends, "{at} after {last}");
        assert_eq!(at.as_micros() % 1000, 0);
        last = at;
        n += 1;
        most_queued = most_queued.max(day.queued());
        most_present = most_present.max(day.present());
    }
    println!("{n} entries, at most {most_queued} tasks queued, {most_present} people present");
    assert!(n > 100_000, "{n}");
    // About a thousand people in a day, a tenth of them at a time.
    assert!(most_present < 200, "{most_present}");
    assert!(most_queued < 3_000, "{most_queued}");
    assert!(last > ends - Span::from_secs(60), "still alive at the end: {last}");
    assert_eq!(day.next_entry(), None);
}

#[test]
fn every_true_event_happens_within_three_hours() {
    for seed in SEEDS {
        let (plan, entries) = morning(seed);
        let mut seen = BTreeMap::new();
        for t in truths(&entries) {
            let line: serde_json::Value = serde_json::from_str(&truth_line(t, &plan)).unwrap();
            *seen.entry(line["event"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        println!("seed {seed}: {seen:?}, {} sightings", sightings(&entries).count());
        for (kind, least) in [
            ("arrived", 80),
            ("exited", 60),
            ("passed_by", 40),
            ("floor_changed", 80),
            ("dwell", 80),
            ("bag_carried", 40),
            ("refunded", 3),
            ("unmatched_receipt", 5),
            ("not_a_visitor", 20),
        ] {
            assert!(seen.get(kind).copied().unwrap_or(0) >= least, "seed {seed}: {kind} in {seen:?}");
        }
    }
}

#[test]
fn staff_and_equipment_are_heard_before_the_doors_open() {
    for seed in SEEDS {
        let (_, entries) = morning(seed);
        let owner = owners(&entries);
        let fixed = is_fixed(&entries);
        let opens = DayOptions::default().start + DayOptions::default().opens_after;
        let early: HashSet<u32> =
            sightings(&entries).filter(|s| s.at < opens).map(|s| owner[&s.addr]).collect();
        assert!(early.intersection(&fixed).count() > fixed.len() * 3 / 4, "seed {seed}");
        let visitors = truths(&entries).filter(|t| matches!(t.fact, Fact::Arrived { .. }));
        assert!(visitors.into_iter().all(|t| t.at >= opens), "seed {seed}");
    }
}

#[test]
fn phones_fall_silent_for_long_enough_to_be_taken_for_gone_and_speak_again() {
    for seed in SEEDS {
        let (_, entries) = morning(seed);
        let fixed = is_fixed(&entries);
        let owner = owners(&entries);
        let mut heard: HashMap<MacAddr, (Timestamp, usize)> = HashMap::new();
        let mut silences = 0;
        for s in sightings(&entries).filter(|s| !fixed.contains(&owner[&s.addr])) {
            let (last, times) = heard.get(&s.addr).copied().unwrap_or((s.at, 0));
            let gap = s.at.since(last);
            silences += usize::from(times > 20 && gap > Span::from_secs(700) && gap < Span::from_secs(1500));
            heard.insert(s.addr, (s.at, times + 1));
        }
        assert!(silences >= 3, "seed {seed}: {silences}");
    }
}

/// Two phones of one model, both heard under a new address within seconds, with sequence numbers that fit
/// either; later one of them is heard under its former address, right between two frames under its new one.
#[test]
fn two_phones_change_addresses_together_and_one_gives_itself_away() {
    for seed in SEEDS {
        let (_, entries) = morning(seed);
        let mut changes: BTreeMap<u32, Vec<(Timestamp, MacAddr)>> = BTreeMap::new();
        for t in truths(&entries) {
            if let Fact::Address { addr } = t.fact {
                changes.entry(t.visitor).or_default().push((t.at, addr));
            }
        }
        let mut by_addr: HashMap<MacAddr, Vec<&Sighting>> = HashMap::new();
        for s in sightings(&entries) {
            by_addr.entry(s.addr).or_default().push(s);
        }
        let mut found = 0;
        for (who, a) in &changes {
            let Some(b) = changes.get(&(who + 1)) else { continue };
            let ([(_, a_old), (a_at, a_new)], [(_, b_old), (b_at, b_new)]) = (&a[..], &b[..]) else {
                continue;
            };
            if b_at.since(*a_at) > Span::from_secs(2) || a_at.since(*b_at) > Span::from_secs(2) {
                continue;
            }
            let near = |addr: &MacAddr, later: bool| {
                let heard = by_addr.get(addr)?.iter();
                let mut heard = heard.filter(|s| (s.at > *a_at) == later);
                if later { heard.next() } else { heard.next_back() }
            };
            let ambiguous = [a_old, b_old].iter().all(|old| {
                [a_new, b_new].iter().all(|new| match (near(old, false), near(new, true)) {
                    (Some(o), Some(n)) => {
                        let step = (4096 + n.seq.unwrap() - o.seq.unwrap()) % 4096;
                        o.fingerprint == n.fingerprint && n.at.since(o.at) < Span::from_secs(60) && step <= 64
                    }
                    _ => false,
                })
            });
            let heard_again = by_addr
                .get(a_old)
                .is_some_and(|h| h.iter().any(|s| s.at.since(*a_at) > Span::from_secs(180)));
            found += usize::from(ambiguous && heard_again);
        }
        println!("seed {seed}: {found} pairs");
        assert!(found >= 1, "seed {seed}");
    }
}

#[test]
fn receipts_add_up() {
    for seed in SEEDS {
        let (plan, entries) = morning(seed);
        let (mut sales, mut consented, mut other_members) = (HashMap::new(), HashSet::new(), 0);
        for e in &entries {
            let Entry::Observed(Observation::Receipt(r)) = e else { continue };
            let till = &plan.tills[usize::from(r.till.0)];
            assert_eq!(r.store, till.store);
            let number = r.number.clone().unwrap();
            let amount = r.amount_minor.unwrap();
            assert!(amount >= 500 && amount % 10 == 0, "{amount}");
            assert_eq!(r.currency.unwrap().as_str(), "CNY");
            match r.kind {
                ReceiptKind::Sale => {
                    assert_eq!(r.refers_to, None);
                    assert_eq!(
                        sales.insert(number, (till.id.clone(), amount)),
                        None,
                        "numbers are given once"
                    );
                }
                ReceiptKind::Refund => {
                    let sale = sales.get(r.refers_to.as_ref().unwrap().number.as_str());
                    assert_eq!(sale, Some(&(till.id.clone(), amount)), "a refund takes back an earlier sale");
                }
                ReceiptKind::Void => panic!("no till voids here"),
            }
            match r.member.as_deref() {
                Some(m) if CONSENTED.contains(&m) => {
                    consented.insert(m.to_owned());
                }
                Some(_) => other_members += 1,
                None => {}
            }
        }
        assert!(consented.len() >= 8, "seed {seed}: {consented:?}");
        assert!(other_members >= 3, "seed {seed}: {other_members}");
    }
}

#[test]
fn buyers_pay_shortly_before_they_leave_the_shop() {
    let (plan, entries) = morning(3);
    let mut checked = 0;
    for t in truths(&entries) {
        let Fact::Bag { till, .. } = &t.fact else { continue };
        let zone = plan.tills[*till].zone;
        let stay = truths(&entries).find_map(|d| match d.fact {
            Fact::Dwell { zone: z, until }
                if d.visitor == t.visitor && z == zone && d.at <= t.at && t.at <= until =>
            {
                Some(until.since(t.at))
            }
            _ => None,
        });
        let before_leaving = stay.expect("a buyer dwells where they buy");
        assert!(before_leaving >= Span::from_secs(4), "{before_leaving:?}");
        checked += usize::from(before_leaving < Span::from_secs(120));
    }
    assert!(checked > 30, "{checked}");
}
