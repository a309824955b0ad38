use super::Recorder;
use crate::config::{PrivacySettings, parse_site};
use crate::demo::site::TOML;
use crate::privacy::Privacy;
use gateway::counts::Counts;
use gateway::log::Parser;
use gateway::names::Names;
use gateway::observation::{Observation, Receipt};
use visit_core::event::PrivacyMode;
use visit_core::observation::{CountedPlace, Currency, DayTotals, DoorCount, Marks, ReceiptKind, SaleRef};
use visit_core::site::{Site, TillIx};
use visit_core::time::Timestamp;

const AT: Timestamp = Timestamp::from_micros(1_763_688_600_000_000);

fn site() -> Site {
    parse_site("site.toml", TOML).unwrap().value
}

fn receipt() -> Observation {
    Observation::Receipt(Receipt {
        at: AT,
        till: TillIx(1),
        store: "Bakery".into(),
        number: Some("0042".into()),
        kind: ReceiptKind::Refund,
        amount_minor: Some(-1_250),
        currency: Currency::new("CNY"),
        member: Some("13800000500".into()),
        refers_to: Some(SaleRef { till: Some(TillIx(0)), number: "41".into(), business_date: Some(20_412) }),
        business_date: Some(20_413),
        printed_at: Some(AT),
        content: 0xfeed,
        marks: Marks { reprint: true, partial: false, unbalanced: true },
    })
}

fn papers() -> Vec<Observation> {
    let totals = DayTotals {
        at: AT,
        store: "Bakery".into(),
        till: None,
        business_date: 20_413,
        currency: None,
        receipts: Some(212),
        net_minor: Some(91_250),
        ticket: None,
    };
    let count = |place| DoorCount { at: AT, place, counter: 7, entered: 3, left: 1, inside: Some(40) };
    let shop = site().zone_named("F1-03").unwrap();
    vec![
        receipt(),
        Observation::DayTotals(totals),
        Observation::DoorCount(count(CountedPlace::Site)),
        Observation::DoorCount(count(CountedPlace::Zone(shop))),
    ]
}

fn recorded(privacy: Option<Privacy>, observations: &[Observation]) -> String {
    let mut recorder = Recorder::new(Vec::new(), privacy, &[], &site(), 1 << 20);
    for observation in observations {
        assert!(recorder.record(observation).unwrap());
    }
    String::from_utf8(recorder.into_inner()).unwrap()
}

fn replayed(log: &str) -> Vec<Observation> {
    let names = Names::from(&site());
    let parse = |line: &str| Parser::default().parse(line.as_bytes(), &names, &mut Counts::default());
    log.lines().map(|line| parse(line).unwrap_or_else(|e| panic!("{line}: {e}"))).collect()
}

fn privacy(mode: PrivacyMode, consent: Option<&str>) -> (Privacy, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let consent_list = consent.map(|list| {
        let path = dir.path().join("consent.txt");
        std::fs::write(&path, list).unwrap();
        path
    });
    let settings = PrivacySettings { consent_list, ..PrivacySettings::new(mode, dir.path().join("key")) };
    (Privacy::in_memory(&settings, &[], &site(), [7; 32]).unwrap(), dir)
}

#[test]
fn raw_receipts_totals_and_door_counts_are_replayed_as_they_came() {
    let papers = papers();
    let mut again = replayed(&recorded(None, &papers));
    // A counter is known by a hash of its name: another hash, but one for each counter.
    for (paper, before) in again.iter_mut().zip(&papers) {
        if let (Observation::DoorCount(now), Observation::DoorCount(then)) = (paper, before) {
            assert_ne!(now.counter, 0);
            now.counter = then.counter;
        }
    }
    assert_eq!(again, papers);
}

#[test]
fn a_member_number_is_in_no_recording_that_is_not_raw() {
    for (mode, consent, kept) in [
        (PrivacyMode::Pseudonymous, None, false),
        (PrivacyMode::Consented, None, false),
        (PrivacyMode::Consented, Some("13800000500\n"), true),
    ] {
        let (privacy, _dir) = privacy(mode, consent);
        let log = recorded(Some(privacy), &papers());
        assert!(!log.contains("13800000500") && !log.contains("0000500"), "{log}");
        let Some(Observation::Receipt(r)) = replayed(&log).into_iter().next() else { panic!("{log}") };
        assert_eq!(r.member.is_some(), kept, "{log}");
        assert_eq!((r.amount_minor, r.content, r.number.as_deref()), (Some(-1_250), 0xfeed, Some("0042")));
    }
}

#[test]
fn a_card_number_is_cut_before_it_is_written() {
    let Observation::Receipt(r) = receipt() else { unreachable!() };
    let card = "4111111111111111";
    let receipt = Observation::Receipt(Receipt { number: Some(card.into()), ..r });
    let Observation::DayTotals(t) = papers().swap_remove(1) else { unreachable!() };
    let totals = Observation::DayTotals(DayTotals { store: card.into(), ..t });
    let (privacy, _dir) = privacy(PrivacyMode::Pseudonymous, None);
    let log = recorded(Some(privacy), &[receipt, totals]);
    assert_eq!(log.lines().count(), 2);
    assert!(!log.contains(card) && log.contains("1111#"), "{log}");
}

#[test]
fn what_has_no_room_is_not_written_in_part() {
    let mut recorder = Recorder::new(Vec::new(), None, &[], &site(), 100);
    assert!(!recorder.record(&receipt()).unwrap());
    assert!(recorder.into_inner().is_empty());
}
