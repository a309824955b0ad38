//! What a receipt says was sold and paid, as 64 bits of BLAKE3: under one number, other content is a revision.
//!
//! Times do not count, which a reprint has its own of, nor do the marks. A paper that could not be read has nothing
//! but its print to tell it by.

use super::receipt::Receipt;

/// The content of a receipt; 0 where nothing of it is known.
pub fn of(receipt: &Receipt) -> u64 {
    let mut hash = Hash::new("content of a receipt");
    hash.option(receipt.total).text(receipt.currency.as_ref().map_or("", |c| c.as_str()));
    hash.number(receipt.items.len() as i64);
    for item in &receipt.items {
        let quantity = item.quantity.map(|q| q.to_string());
        hash.text(item.code.as_deref().or(item.name.as_deref()).unwrap_or(""));
        hash.text(quantity.as_deref().unwrap_or("")).option(item.amount);
    }
    hash.number(receipt.tenders.len() as i64);
    for tender in &receipt.tenders {
        hash.text(&tender.kind).number(tender.amount);
    }
    let link = receipt.refers_to.as_ref().and_then(|l| l.number.as_deref());
    hash.text(link.unwrap_or(""));
    // The print of one that was read says less than its fields: two prints of one sale differ. Where there is no
    // number, what is printed is all that tells two sales of one price in one minute apart.
    if receipt.flags.unreadable || receipt.number.is_none() {
        hash.option(receipt.print_hash.map(u64::cast_signed));
    }
    hash.end().max(1)
}

/// BLAKE3 over fields that cannot run into each other: each with its length before it.
struct Hash(blake3::Hasher);

impl Hash {
    fn new(domain: &str) -> Self {
        let mut hash = Self(blake3::Hasher::new());
        hash.text(domain);
        hash
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.0.update(&(text.len() as u64).to_le_bytes());
        self.0.update(text.as_bytes());
        self
    }

    fn number(&mut self, number: i64) -> &mut Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    fn option(&mut self, number: Option<i64>) -> &mut Self {
        self.0.update(&[u8::from(number.is_some())]);
        self.number(number.unwrap_or(0))
    }

    fn end(&self) -> u64 {
        u64::from_le_bytes(*self.0.finalize().as_bytes().first_chunk().expect("32 bytes hold 8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pos::receipt::{Item, Tender};

    fn sale() -> Receipt {
        let item = Item { name: Some("shirt".into()), code: None, quantity: None, amount: Some(500) };
        Receipt { total: Some(500), number: Some("1".into()), items: vec![item], ..Receipt::default() }
    }

    #[test]
    fn a_reprint_has_the_same_content_and_a_correction_another() {
        let copy = Receipt { print_hash: Some(7), ..sale() };
        assert_eq!(of(&sale()), of(&copy));
        let tender = Tender { kind: "cash".into(), amount: 500 };
        for other in [
            Receipt { total: Some(501), ..sale() },
            Receipt { tenders: vec![tender], ..sale() },
            Receipt { items: Vec::new(), ..sale() },
        ] {
            assert_ne!(of(&sale()), of(&other));
        }
    }

    #[test]
    fn papers_that_cannot_be_read_are_told_apart_by_their_print() {
        let paper = |hash| {
            let mut paper = Receipt { print_hash: Some(hash), ..Receipt::default() };
            paper.settle();
            of(&paper)
        };
        assert_eq!(paper(1), paper(1));
        assert_ne!(paper(1), paper(2));
    }
}
