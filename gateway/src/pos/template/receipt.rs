//! From what the rules found to a receipt.

use super::date;
use super::rules::{Field, Lines};
use super::{FoundFields, Template};
use crate::pos::escpos::end::Printed;
use crate::pos::money::{self, Decimal, Mark};
use crate::pos::receipt::{Feed, Link, Member, Receipt};
use visit_core::observation::ReceiptKind;
use visit_core::time::Timestamp;

impl Template {
    /// What is on a paper; `flags` are those that were found, with their lines.
    pub(super) fn receipt(
        &self,
        printed: &Printed,
        lines: &Lines,
        fields: &FoundFields,
        flags: &[(&str, usize)],
    ) -> Receipt {
        let mut r = Receipt { feed: Feed::EscPos, currency: self.currency, ..Receipt::default() };
        let value = |field: Field| {
            let found = fields.iter().find(|(f, _)| *f == field)?;
            found.1.as_ref().ok().map(|found| found.value.as_str())
        };
        r.number = value(Field::Number).and_then(|t| r.text(t));
        r.store = value(Field::Store).and_then(|t| r.text(t));
        r.till = value(Field::Till).and_then(|t| r.text(t));
        // 138****0500 is many people's.
        r.member = value(Field::Member).filter(|text| !text.contains('*')).and_then(Member::new);
        let mut amount = |field: Field| {
            let found = fields.iter().find(|(f, _)| *f == field)?.1.as_ref().ok()?;
            let texts = [&found.value].into_iter().chain(&found.more);
            texts.map(|text| self.amount(text, field, &mut r)).sum::<Option<i64>>()
        };
        let (total, tax) = (amount(Field::Total), amount(Field::Tax));
        let (tendered, change) = (amount(Field::Tendered), amount(Field::Change).map(i64::saturating_abs));
        let found = |field: Field| fields.iter().find(|(f, _)| *f == field)?.1.as_ref().ok();
        let place = |field: Field| found(field).map(|found| (found.line, found.value.as_str()));
        // 实付 is what was paid or what was handed over; where it is all there is, the change says which.
        let total = total.filter(|_| place(Field::Total) != place(Field::Tendered));
        // Of several ways of payment some may not be known.
        let all_of_it = !found(Field::Tendered).is_some_and(|found| found.summed);
        r.total = paid(total, &self.discounts(lines), tendered, change, all_of_it);
        (r.tax, r.tendered, r.change) = (tax, tendered, change);
        r.end = self.time(value(Field::Datetime), value(Field::Date), value(Field::Time), &mut r);
        if let Some(text) = value(Field::BusinessDate) {
            r.business_date = date::day(text, self.order);
            if r.business_date.is_none() {
                r.doubt(Field::BusinessDate.name(), "is no date");
            }
        } else if r.end.is_none() {
            // A day without a time is a business date all the same.
            r.business_date = value(Field::Date).and_then(|text| date::day(text, self.order));
        }
        if let Some(number) = value(Field::OriginalNumber) {
            r.refers_to = Some(Link { number: Some(number.to_owned()), ..Link::default() });
        }
        let is = |flag| flags.iter().any(|(name, _)| *name == flag);
        r.kind = match (is("void"), is("refund")) {
            (true, _) => ReceiptKind::Void,
            (_, true) => ReceiptKind::Refund,
            _ => ReceiptKind::Sale,
        };
        r.flags.reprint = is("reprint");
        r.flags.training = is("training");
        r.flags.cut |= printed.partial;
        if printed.raster {
            r.doubt("paper", "holds images and no text: the till's driver prints pictures");
        }
        r.settle();
        r
    }

    /// An amount in minor units; a doubt where it is none.
    fn amount(&self, text: &str, field: Field, r: &mut Receipt) -> Option<i64> {
        // ￥5,500- is no debt: where there are no decimals, a dash stands for their end.
        let text = if self.mark() == Mark::Whole { text.trim_end_matches('-') } else { text };
        match Decimal::parse_marked(text, self.mark()) {
            Ok(amount) => r.minor(field.name(), amount),
            Err(e) => {
                r.doubt(field.name(), e);
                None
            }
        }
    }

    /// Everything that says it was taken off, without its sign; of what is no amount nothing is said.
    fn discounts(&self, lines: &Lines) -> Vec<i64> {
        let rules = Field::ALL.iter().position(|f| *f == Field::Discount).and_then(|i| self.fields.get(i));
        let minor = |text: &String| Decimal::parse_marked(text, self.mark()).ok()?.minor(self.currency?).ok();
        rules
            .map(|rules| rules.all(lines))
            .unwrap_or_default()
            .iter()
            .filter_map(minor)
            .map(i64::saturating_abs)
            .collect()
    }

    /// How amounts are written: as the template says, or as the currency does.
    pub(super) fn mark(&self) -> Mark {
        let whole = self.currency.is_some_and(|currency| money::exponent(currency) == 0);
        if whole && self.mark == Mark::Any { Mark::Whole } else { self.mark }
    }

    /// When the till was done, by its own clock.
    fn time(
        &self,
        both: Option<&str>,
        date: Option<&str>,
        time: Option<&str>,
        r: &mut Receipt,
    ) -> Option<Timestamp> {
        let text = match (both, date, time) {
            (Some(both), ..) => both.to_owned(),
            (None, Some(date), Some(time)) => format!("{date} {time}"),
            _ => return None,
        };
        let Some(zone) = &self.zone else {
            r.doubt(Field::Datetime.name(), "has no time zone; write timezone = \"Asia/Shanghai\"");
            return None;
        };
        let at = date::moment(&text, self.order, zone);
        if at.is_none() {
            r.doubt(Field::Datetime.name(), "is no date and time");
        }
        at
    }
}

/// What the customer paid. Where that is not what the total says, because something was taken off it after, the
/// discounts tell, one of them or all; where no total is printed, what was handed over, less the change, is it.
fn paid(
    total: Option<i64>,
    off: &[i64],
    tendered: Option<i64>,
    change: Option<i64>,
    all_of_it: bool,
) -> Option<i64> {
    let kept = tendered.map(|t| t.saturating_sub(change.unwrap_or(0)));
    let Some(total) = total else { return kept.filter(|_| all_of_it) };
    let all = off.iter().fold(0i64, |sum, off| sum.saturating_add(*off));
    let explained = |paid: &i64| off.iter().chain([&all]).any(|off| total.saturating_sub(*off) == *paid);
    // 实收 is told with and without the change in it.
    let told = [kept, tendered].into_iter().flatten();
    if told.clone().any(|paid| paid == total) {
        return Some(total);
    }
    Some(told.into_iter().find(explained).unwrap_or(total))
}

/// What a receipt without a number is told by: its text, but for what a reprint has its own of (times, and the line
/// that says so).
pub(super) fn sense(lines: &Lines, fields: &FoundFields, flags: &[(&str, usize)]) -> u64 {
    let when = [Field::Datetime, Field::Date, Field::Time];
    let of_a_print = |n: usize| {
        flags.iter().any(|(name, line)| *name == "reprint" && *line == n)
            || fields
                .iter()
                .any(|(f, found)| when.contains(f) && found.as_ref().is_ok_and(|found| found.line == n))
    };
    let mut hash = blake3::Hasher::new();
    for (i, text) in lines.texts.iter().enumerate() {
        if !text.is_empty() && !of_a_print(i + 1) {
            hash.update(text.as_bytes()).update(b"\n");
        }
    }
    u64::from_le_bytes(*hash.finalize().as_bytes().first_chunk().expect("32 bytes hold 8"))
}
