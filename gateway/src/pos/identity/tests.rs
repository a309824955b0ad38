use super::*;
use crate::pos::receipt::{Item, Link, Tender};
use proptest::prelude::*;
use visit_core::time::Timestamp;

const DAY: i32 = 20_413;

fn sale(number: &str, total: i64) -> Receipt {
    Receipt {
        number: Some(number.to_owned()),
        total: Some(total),
        end: Some(Timestamp::from_micros(1_700_000_000_000_000)),
        ..Receipt::default()
    }
}

fn refund(number: &str, of: Link) -> Receipt {
    Receipt { kind: ReceiptKind::Refund, refers_to: Some(of), ..sale(number, 500) }
}

fn link(number: &str, day: Option<i32>) -> Link {
    Link { number: Some(number.to_owned()), business_date: day, ..Link::default() }
}

#[test]
fn a_reprint_with_another_time_is_a_copy_and_other_content_a_revision() {
    let mut book = Book::new(100);
    let first = book.enter(&sale("1", 500), "s", "t", DAY);
    assert_eq!((first.verdict, first.confidence), (Verdict::New, Confidence::High));
    let mut reprint = sale("1", 500);
    reprint.end = Some(Timestamp::from_micros(1_700_000_900_000_000));
    let again = book.enter(&reprint, "s", "t", DAY);
    assert_eq!((again.verdict, again.id), (Verdict::Copy, first.id));
    assert_eq!(book.enter(&sale("1", 700), "s", "t", DAY).verdict, Verdict::Revision { number: 1 });
    assert_eq!(book.enter(&sale("1", 500), "s", "t", DAY).verdict, Verdict::Revision { number: 2 });
}

#[test]
fn a_marked_reprint_is_a_copy_even_when_it_lacks_lines() {
    let mut book = Book::new(100);
    let mut full = sale("1", 500);
    full.tenders.push(Tender { kind: "cash".into(), amount: 500 });
    book.enter(&full, "s", "t", DAY);
    let mut marked = sale("1", 500);
    marked.flags.reprint = true;
    assert_eq!(book.enter(&marked, "s", "t", DAY).verdict, Verdict::Copy);
}

#[test]
fn number_day_till_store_and_type_part_receipts() {
    let mut book = Book::new(100);
    let void = Receipt { kind: ReceiptKind::Void, ..sale("1", 500) };
    for (receipt, store, till, day) in [
        (sale("1", 500), "s", "t", DAY),
        (sale("2", 500), "s", "t", DAY),
        (sale("1", 500), "s", "t", DAY + 1),
        (sale("1", 500), "s", "u", DAY),
        (sale("1", 500), "st", "", DAY),
        (void, "s", "t", DAY),
    ] {
        assert_eq!(book.enter(&receipt, store, till, day).verdict, Verdict::New);
    }
    let mut dated = sale("1", 500);
    dated.business_date = Some(DAY);
    assert_eq!(book.enter(&dated, "s", "t", DAY + 9).verdict, Verdict::Copy, "its own date counts");
}

#[test]
fn without_a_number_the_minute_and_the_goods_stand_for_it() {
    let mut book = Book::new(100);
    let mut coffee = Receipt { number: None, ..sale("", 500) };
    coffee.items.push(Item { name: Some("coffee".into()), code: None, quantity: None, amount: Some(500) });
    let first = book.enter(&coffee, "s", "t", DAY);
    assert_eq!((first.verdict, first.confidence), (Verdict::New, Confidence::Low));
    assert_eq!(book.enter(&coffee, "s", "t", DAY).verdict, Verdict::Copy);
    coffee.items[0].name = Some("tea".into());
    assert_eq!(book.enter(&coffee, "s", "t", DAY).verdict, Verdict::New);
    coffee.end = Some(Timestamp::from_micros(1_700_000_060_000_000));
    assert_eq!(book.enter(&coffee, "s", "t", DAY).verdict, Verdict::New);
}

#[test]
fn refunds_and_voids_find_their_sale() {
    let mut book = Book::new(100);
    let yesterday = book.enter(&sale("7", 500), "s", "t", DAY - 1);
    let today = book.enter(&sale("8", 500), "s", "t", DAY);
    let dated = book.enter(&refund("9", link("7", Some(DAY - 1))), "s", "t", DAY);
    assert_eq!(dated.takes_back, Some(yesterday.id));
    let undated = book.enter(&refund("10", link("7", None)), "s", "t", DAY);
    assert_eq!(undated.takes_back, Some(yesterday.id), "the latest of that number");
    let wrong_day = book.enter(&refund("11", link("8", Some(DAY - 1))), "s", "t", DAY);
    assert_eq!(wrong_day.takes_back, None);
    let void = Receipt { kind: ReceiptKind::Void, ..sale("8", 500) };
    assert_eq!(book.enter(&void, "s", "t", DAY).takes_back, Some(today.id));
    assert_eq!((book.counts().linked, book.counts().unlinked), (3, 1));
}

#[test]
fn a_link_in_the_feeds_names_means_the_same_till() {
    let mut book = Book::new(100);
    let named = |mut r: Receipt| {
        (r.store, r.till) = (Some("120756".into()), Some("02".into()));
        r
    };
    let sold = book.enter(&named(sale("7", 500)), "Bakery", "till-1", DAY);
    let of = Link { store: Some("120756".into()), till: Some("02".into()), ..link("7", Some(DAY)) };
    assert_eq!(book.enter(&named(refund("8", of)), "Bakery", "till-1", DAY).takes_back, Some(sold.id));
}

#[test]
fn memory_is_bounded_and_what_is_forgotten_is_counted() {
    let mut book = Book::new(10);
    for n in 0..100 {
        book.enter(&sale(&n.to_string(), n), "s", "t", DAY);
    }
    assert_eq!((book.len(), book.order.len(), book.latest.len()), (10, 10, 10));
    assert_eq!(book.counts().forgotten, 90);
    assert_eq!(book.enter(&sale("95", 95), "s", "t", DAY).verdict, Verdict::Copy);
    assert_eq!(book.enter(&sale("5", 5), "s", "t", DAY).verdict, Verdict::New);
}

proptest! {
    #[test]
    fn receipts_sent_twice_in_any_order_are_entered_once(
        numbers in prop::collection::vec(0u8..30, 0..60), at in 0usize..60
    ) {
        let mut book = Book::new(1_000);
        let distinct: std::collections::HashSet<_> = numbers.iter().collect();
        let rotated = numbers.iter().cycle().skip(at).take(numbers.len());
        for n in numbers.iter().chain(rotated) {
            book.enter(&sale(&n.to_string(), i64::from(*n)), "s", "t", DAY);
        }
        prop_assert_eq!(book.counts().new as usize, distinct.len());
        prop_assert_eq!(book.counts().copies as usize, 2 * numbers.len() - distinct.len());
        prop_assert_eq!(book.counts().revisions, 0);
    }
}
