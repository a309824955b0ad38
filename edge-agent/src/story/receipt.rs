//! How the buyer of a receipt was sought.

use super::{Story, clock};
use std::fmt::Write as _;
use visit_core::explain::ReceiptStory;

/// Candidates, and other sales, that are listed.
const LISTED: usize = 8;
/// Lines below the first begin here, under its words.
const INDENT: &str = "                  ";

impl Story<'_> {
    pub(super) fn receipt(&self, r: &ReceiptStory) -> String {
        let number = r.receipt.number.as_deref().unwrap_or("without a number");
        let till = &self.site.till(r.receipt.till).id;
        let zone = self.zone(r.zone);
        let at = clock(r.receipt.at);
        let mut text = format!(
            "receipt {number} of till {till}, {at}: who of those in {zone} bought? This visit was there just then with {:.2}",
            r.there
        );
        let total = r.candidates.iter().map(|c| c.weight).sum::<f32>() + r.nobody.0 + r.nobody.1;
        // Nobody there, and every buyer heard: nothing weighs anything.
        let share = |weight: f32| if total > 0.0 { weight / total } else { 0.0 };
        if !r.candidates.is_empty() {
            let _ =
                write!(text, "\n{INDENT}share  there  weight (alone)   came in       to the zone   visit");
        }
        let own = |c: &&visit_core::explain::Weighed| c.visit == self.visit;
        let listed = r.candidates.iter().take(LISTED);
        let beyond = r.candidates.iter().skip(LISTED).filter(own);
        for c in listed.chain(beyond) {
            let who = if own(&c) { "this one".to_owned() } else { c.visit.to_string() };
            let weight = format!("{:.2} ({:.2})", c.weight, c.alone);
            let _ = write!(
                text,
                "\n{INDENT}{:5.3}  {:5.2}  {weight:<15}  {}  {}  {who}",
                share(c.weight),
                c.there,
                clock(c.came_in),
                clock(c.came_to_zone)
            );
        }
        if r.candidates.len() > LISTED {
            let _ = write!(text, "\n{INDENT}… of {} candidates in all", r.candidates.len());
        }
        let _ = write!(
            text,
            "\n{INDENT}{:5.3}  nobody we heard (of buyers {:.2} are heard)\n{INDENT}{:5.3}  somebody who was heard \
             elsewhere",
            share(r.nobody.0),
            r.heard,
            share(r.nobody.1)
        );
        self.others(r, &mut text);
        let verdict = match r.best {
            Some((visit, sure)) => {
                let who = if visit == self.visit { "this visit".to_owned() } else { visit.to_string() };
                let so = match () {
                    () if sure < r.least => "too little: no bag_carried",
                    () if sure < r.none => "but nobody is likelier: no bag_carried",
                    () => "a bag_carried, unless the receipt has one already",
                };
                format!("likeliest: {who} or its party, {sure:.3} as calibrated (needs {:.2}): {so}", r.least)
            }
            None => "nobody may have bought it".to_owned(),
        };
        let _ = write!(text, "\n{INDENT}{verdict}");
        text
    }

    /// Other sales of the zone, which have buyers of their own.
    fn others(&self, r: &ReceiptStory, text: &mut String) {
        for other in r.waiting.iter().take(LISTED) {
            let number = other.number.as_deref().unwrap_or("without a number");
            let till = &self.site.till(other.till).id;
            let _ = write!(
                text,
                "\n{INDENT}has another buyer: receipt {number} of till {till}, {}, {} candidates",
                clock(other.at),
                other.candidates
            );
        }
        for (at, visit, sure) in r.decided.iter().take(LISTED) {
            let who = if *visit == self.visit { "this visit".to_owned() } else { visit.to_string() };
            let _ =
                write!(text, "\n{INDENT}has its buyer: a receipt of {}, {who} with {sure:.2}", clock(*at));
        }
    }
}
