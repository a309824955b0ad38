use super::*;
use crate::event::Identity;

fn at(s: i64) -> Timestamp {
    Timestamp::from_micros(s * 1_000_000)
}

#[test]
fn a_flood_of_addresses_leaves_no_timers_behind() {
    let mut table = Table::new(8);
    for i in 0..10_000u32 {
        if table.is_full() {
            let victim = table.victim().unwrap();
            table.remove(victim).unwrap();
        }
        let now = at(i64::from(i));
        let key = table.insert(Device::new(Pseudonym(u128::from(i)), Identity::Session, now));
        table.get_mut(key).unwrap().decide_at(now + Span::from_secs(900));
        table.reschedule(key);
    }
    assert_eq!(table.len(), 8);
    assert!(table.timers.len() <= 2 * 8 + 64, "{} timers", table.timers.len());
    assert!(table.by_address.len() <= 2 * 8 + 64, "{} addresses", table.by_address.len());
}

#[test]
fn each_device_is_due_once_and_in_order() {
    let mut table = Table::new(100);
    for i in 0..100u32 {
        let mut d = Device::new(Pseudonym(u128::from(i)), Identity::Session, at(0));
        d.decide_at(at(i64::from(i * 37 % 100)));
        table.insert(d);
    }
    // A due that moves away is found when its time has come; one that comes nearer is found at once.
    let key = table.find(Pseudonym(0)).unwrap();
    table.get_mut(key).unwrap().decide_at(at(1000));
    table.reschedule(key);
    let mut due = Vec::new();
    while let Some(now) = table.next_deadline() {
        while let Some(key) = table.due(now) {
            due.push(table.remove(key).unwrap().due());
        }
    }
    assert_eq!(due.len(), 100);
    assert!(due.is_sorted());
    assert_eq!(due.last(), Some(&at(1000)));
}
