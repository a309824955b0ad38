//! The story of a visit says why each of its events is said, and changes none.

mod support;

use support::{Played, Script, config, sale};
use visit_core::engine::{EngineConfig, Output};
use visit_core::event::{Body, VisitId};
use visit_core::explain::{Arrival, DwellStep, Note, ReceiptStory, SilenceStep};
use visit_core::observation::Pseudonym;

/// Comes in, buys something in S1, goes up to S3, and leaves; another one is in S1 for a part of that time.
fn day() -> Script {
    Script::default()
        .come_in(1, 0)
        .stay(1, "S1", 180, 520)
        .stay(1, "V1", 520, 560)
        .stay(1, "V2", 560, 600)
        .stay(1, "S3", 600, 900)
        .come_in(2, 70)
        .stay(2, "S1", 250, 420)
        .stay(2, "C1", 420, 700)
        .receipt(sale(500, "S1", "7"))
}

fn visit(p: &Played, who: u128) -> VisitId {
    p.of(who).next().expect("it is a visitor").1.visit
}

fn explained(script: &Script, who: u128) -> Played {
    let explain = Some(visit(&script.clone().play(), who));
    script.clone().play_with(EngineConfig { explain, ..config() })
}

fn notes(p: &Played) -> Vec<&Note> {
    let note = |o: &'_ Output| matches!(o, Output::Told(_));
    p.out
        .iter()
        .filter(|o| note(o))
        .map(|o| if let Output::Told(t) = o { &t.note } else { unreachable!() })
        .collect()
}

#[test]
fn events_are_the_same_with_and_without_and_nothing_is_told_unasked() {
    let plain = day().play();
    let told = explained(&day(), 1);
    assert_eq!(plain.events().collect::<Vec<_>>(), told.events().collect::<Vec<_>>());
    assert!(notes(&plain).is_empty());
    assert!(notes(&told).len() > 40, "{}", notes(&told).len());
    let of_another = |o: &Output| matches!(o, Output::Told(t) if t.device != Pseudonym(1));
    assert!(!told.out.iter().any(of_another), "a story is about one visit");
}

/// Whether a note says why an event of this kind is said.
fn is_why(kind: &str, note: &Note) -> bool {
    match kind {
        "approached" => matches!(note, Note::Approached { outside: (p, least) } if p >= least),
        "arrived" => matches!(note, Note::Arrived { why: Arrival::Inside { in_a_row, presence }, .. }
            if in_a_row.0 >= in_a_row.1 && presence.0 >= presence.1),
        "floor_changed" => matches!(note, Note::Climbed { said: true, .. }),
        "dwell_started" => matches!(note, Note::Stayed { so: DwellStep::Begins, made_of, .. }
            if made_of.length.0 >= made_of.length.1 && made_of.sure.0 >= made_of.sure.1),
        "dwell_ended" => matches!(note, Note::Stayed { so: DwellStep::Ends, .. }),
        "bag_carried" => matches!(note, Note::Receipt(r) if r.best.is_some_and(|(_, sure)| sure >= r.least)),
        "exited" => {
            matches!(note, Note::Silent { so: SilenceStep::Exit, silence, waited, .. } if silence >= waited)
        }
        _ => false,
    }
}

#[test]
fn before_each_event_stands_why_it_is_said() {
    let p = explained(&day(), 1);
    let mut since: Vec<&Note> = Vec::new();
    let mut kinds = Vec::new();
    for o in &p.out {
        match o {
            Output::Told(t) => since.push(&t.note),
            Output::Event(e) => {
                let Body::Visit(v) = &e.body else { continue };
                if v.device == Pseudonym(1) {
                    let kind = v.fact.kind();
                    assert!(since.iter().any(|n| is_why(kind, n)), "{kind} without a reason: {since:?}");
                    // The end of the last dwell follows from the silence that the exit follows from.
                    since.retain(|n| matches!(n, Note::Silent { .. }));
                    kinds.push(kind);
                }
            }
            _ => {}
        }
    }
    for kind in
        ["approached", "arrived", "dwell_started", "bag_carried", "dwell_ended", "floor_changed", "exited"]
    {
        assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
    }
}

fn receipt_story(p: &Played) -> &ReceiptStory {
    let all: Vec<_> = notes(p)
        .into_iter()
        .filter_map(|n| if let Note::Receipt(r) = n { Some(&**r) } else { None })
        .collect();
    let [story] = all[..] else { panic!("{} receipts are told", all.len()) };
    story
}

#[test]
fn of_a_receipt_all_candidates_are_told_with_what_speaks_for_them_whoever_asks() {
    let buyer = explained(&day(), 1);
    let other = explained(&day(), 2);
    let [one, two] = [&buyer, &other].map(receipt_story);
    assert_eq!(one.candidates, two.candidates);
    assert_eq!(one.best.map(|(v, _)| v), Some(visit(&buyer, 1)));
    assert!(one.there > 0.9 && two.there < 0.1, "{} {}", one.there, two.there);
    // What is told adds up to what the event says.
    let total = one.candidates.iter().map(|c| c.weight).sum::<f32>() + one.nobody.0 + one.nobody.1;
    assert!((one.nobody.0 / total - one.none).abs() < 1e-4, "{one:?}");
    let heaviest = &one.candidates[0];
    assert_eq!(heaviest.visit, visit(&buyer, 1));
    let recorded = buyer.receipts()[0];
    assert_eq!(recorded.attribution.candidates as usize, one.candidates.len());
    let sure = one.best.map_or(0.0, |(_, sure)| sure);
    assert!((recorded.attribution.confidence.get() - sure).abs() < 0.001);
}

#[test]
fn what_was_heard_is_told_with_the_belief_it_led_to() {
    let p = explained(&day(), 1);
    let heard: Vec<_> =
        notes(&p).into_iter().filter_map(|n| if let Note::Heard(e) = n { Some(e) } else { None }).collect();
    assert_eq!(heard.len(), 45, "one for each time it was heard");
    assert!(heard[0].first && heard[1..].iter().all(|e| !e.first));
    for e in &heard {
        let sum: f32 = e.belief.iter().map(|(_, p)| p).sum();
        assert!((sum - 1.0).abs() < 0.01, "{e:?}");
        assert!(e.belief.is_sorted_by(|a, b| a.1 >= b.1), "likeliest first: {e:?}");
        let (_, alone) = e.alone.expect("there are zones");
        assert!((0.0..=1.0).contains(&alone) && !e.by.is_empty());
    }
    assert!(heard[0].inside < 0.2 && heard[20].inside > 0.8);
}
