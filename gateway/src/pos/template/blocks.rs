//! Building blocks of rules: `{amount}`, `{id}`, `{date}`, `{time}`, `{datetime}`, `{sep}` and `{frame}`, so that a rule reads
//! `应收{sep}{amount}` and not like a page of symbols. In regular expressions braces hold numbers only.

use crate::pos::money::Mark;

/// Names of the blocks with what they are for.
pub(super) const BLOCKS: [&str; 7] = ["amount", "id", "date", "time", "datetime", "sep", "frame"];

/// The expression with its blocks written out.
pub(super) fn expand(expression: &str, mark: Mark) -> String {
    if !expression.contains('{') {
        return expression.to_owned();
    }
    let mut out = expression.to_owned();
    for block in BLOCKS {
        let name = format!("{{{block}}}");
        if out.contains(&name) {
            out = out.replace(&name, &written_out(block, mark));
        }
    }
    out
}

fn written_out(block: &str, mark: Mark) -> String {
    match block {
        "amount" => amount(mark),
        "id" => ID.to_owned(),
        "date" => format!("({DATE})"),
        "time" => format!("({TIME})"),
        "datetime" => format!(r"((?:{DATE}){BETWEEN}(?:{TIME})|(?:{TIME})[\s,]{{1,3}}(?:{DATE}))"),
        "frame" => FRAME.to_owned(),
        _ => SEP.to_owned(),
    }
}

/// An amount with its sign, and before it the currency, by its sign or code.
fn amount(mark: Mark) -> String {
    let number = match mark {
        Mark::Any | Mark::Whole => r"(?:\d{1,3}(?:[,.']\d{3})+|\d+)(?:[.,]\d{1,3})?",
        Mark::Point => r"(?:\d{1,3}(?:[,']\d{3})+|\d+)(?:\.\d{1,3})?",
        Mark::Comma => r"(?:\d{1,3}(?:[. ']\d{3})+|\d+)(?:,\d{1,3})?",
    };
    let sign = r"(?:[¥$€£₩￦฿\\]|R\$)";
    let code =
        "(?:RMB|CNY|HKD|NTD|TWD|NT|HK|MOP|JPY|KRW|USD|US|EUR|GBP|BRL|CHF|SGD|AUD|CAD|NZD|THB|MYR|RM|A|S|C)";
    let signed = format!(r"[-+]?\s?(?:{code}\s?)?{sign}?\s?{number}-?");
    // A printer whose page has no euro prints a question mark or nothing known.
    let lost = r"[?\x{fffd}]";
    format!(r"(?:{code}\s*)?(?:{sign}|{lost}{{1,3}})?\s*({signed}|\({sign}?{number}\))(?:\s?{lost})?")
}

/// What stands between a name and its value: a unit in brackets, colons, dots, blanks.
const SEP: &str = r"\s*(?:[(\[][^)\]]{1,10}[)\]]\s*)?[:.=…·]*\s*";
/// What stands around a title. Not `\W`, which is everything but ASCII letters and digits, all of Chinese included.
const FRAME: &str = r"[\s*=#~_.:|/<>()\[\]{}\-\u2014\u2500-\u257f\u25a0-\u25ff\u2605\u2606\u3008-\u3011]*";
/// A number of a receipt, a till, a member: letters and digits, with single signs between. A word without a digit is
/// none: `No cash refunds`.
const ID: &str = r"((?:[A-Za-z]+[_\-/.#]?)*[0-9*][A-Za-z0-9*]*(?:[_\-/.#][A-Za-z0-9*]+)*)";
/// Three numbers with signs between, a month by its name, or eight digits that are not part of more.
const DATE: &str = concat!(
    r"(?:民國|民国|令和|平成)?\d{1,4}\s?[-/.年년]\s?\d{1,2}\s?[-/.月월]\s?\d{1,4}\s?[日일]?",
    r"|\d{1,2}(?:st|nd|rd|th|\.)?[\s-]?(?:of|de)?[\s-]?[a-zÀ-ÿ]{3,9}\.?,?[\s-]?(?:de)?[\s-]?\d{2,4}",
    r"|[a-zÀ-ÿ]{3,9}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4}",
    r"|\b20\d{2}[01]\d[0-3]\d\b",
);
/// Between a date and its time: the day of the week, `at`, `um`, `à`.
const BETWEEN: &str =
    r"[\s,T]{0,3}(?:\([^)\s]{1,5}\)|星期.|周.|[a-zÀ-ÿ]{3,9}\.?,?\s)?[\s,]{0,2}(?:at|um|à|a|às|-)?\s{0,3}";
/// Hours and minutes, and what goes with them.
const TIME: &str = concat!(
    r"(?:上午|下午|早上|晚上|中午|午前|午後|오전|오후)?\s?\d{1,2}\s?[:时時點点시h]\s?\d{2}",
    r"(?:\s?[:分분]\s?\d{2})?\s?[分秒초분]?(?:\s?[ap]\.?m\b\.?)?",
    r"|\b[012]\d[0-5]\d[0-5]\d\b",
);

#[cfg(test)]
mod tests {
    use super::*;
    use regex_lite::{Regex, RegexBuilder};

    fn rule(text: &str, mark: Mark) -> Regex {
        RegexBuilder::new(&expand(text, mark)).case_insensitive(true).build().unwrap()
    }

    fn found(rule: &Regex, line: &str) -> Option<String> {
        let captures = rule.captures(line)?;
        Some(captures.iter().skip(1).flatten().map(|m| m.as_str().trim()).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn amounts_are_found_with_their_sign_and_without_their_currency() {
        let total = rule("^total{sep}{amount}$", Mark::Any);
        for (line, amount) in [
            ("Total 12.50", "12.50"),
            ("TOTAL:......12.50", "12.50"),
            ("Total (EUR) 1.234,50", "1.234,50"),
            ("Total: HK$1,234.50", "1,234.50"),
            ("Total R$ 12,50", "12,50"),
            ("Total: ¥-12.50", "-12.50"),
            ("Total: -HK$12.50", "-HK$12.50"),
            ("Total: (12.50)", "(12.50)"),
            ("Total ($12.50)", "($12.50)"),
            ("Total ? 12.50", "12.50"),
            ("Total 12.50 ?", "12.50"),
            ("Total \u{fffd}12.50", "12.50"),
            ("Total -¥12.50", "-¥12.50"),
            ("total 12.50-", "12.50-"),
            ("Total RMB 18", "18"),
            ("Total USD 1'234.50", "1'234.50"),
        ] {
            assert_eq!(found(&total, line).as_deref(), Some(amount), "{line}");
        }
        for line in ["Total", "Total items 3", "Total 3 12.50", "Total 12:50"] {
            assert_eq!(found(&total, line), None, "{line}");
        }
        let comma = rule("^total{sep}{amount}", Mark::Comma);
        assert_eq!(found(&comma, "TOTAL TTC".to_lowercase().as_str()), None);
        assert_eq!(found(&comma, "Total 1 234,50 €").as_deref(), Some("1 234,50"));
        assert_eq!(found(&comma, "Total 12.000").as_deref(), Some("12.000"));
    }

    #[test]
    fn dates_and_times_are_found_wherever_they_stand() {
        let both = rule("{datetime}", Mark::Any);
        for (line, wanted) in [
            ("日期:2025-11-21 18:42:07 收银:3", "2025-11-21 18:42:07"),
            ("2025年11月21日 星期五 18时42分07秒", "2025年11月21日 星期五 18时42分07秒"),
            ("2025/11/21(五) 18:42 ", "2025/11/21(五) 18:42"),
            ("Date: 21/11/2025 at 06:42 PM", "21/11/2025 at 06:42 PM"),
            ("21.11.25, 18:42:07", "21.11.25, 18:42:07"),
            ("Fri 21-Nov-2025 18:42", "21-Nov-2025 18:42"),
            ("Nov 21, 2025 6:42 p.m.", "Nov 21, 2025 6:42 p.m."),
            ("21 de novembro de 2025 18:42", "21 de novembro de 2025 18:42"),
            ("am 21 März 2025 um 18:42 Uhr", "21 März 2025 um 18:42"),
            ("18:42:07 21/11/2025", "18:42:07 21/11/2025"),
            ("20251121 184207", "20251121 184207"),
            ("2025-11-21T18:42:07", "2025-11-21T18:42:07"),
            ("2025년 11월 21일 오후 6:42", "2025년 11월 21일 오후 6:42"),
            ("114/11/21 18:42:07", "114/11/21 18:42:07"),
        ] {
            assert_eq!(found(&both, line).as_deref(), Some(wanted), "{line}");
        }
        assert_eq!(found(&both, "电话 0571-8888 8888"), None);
        assert_eq!(found(&both, "11.00 12.00 13.00"), None);
        assert_eq!(found(&both, "订单号:20251121184207331"), None, "a number that begins like a date");
        assert_eq!(found(&both, "订单号:20251121184207"), None);
    }

    #[test]
    fn a_title_may_have_a_frame_and_nothing_else_around_it() {
        let title = rule("^{frame}退货{frame}$", Mark::Any);
        for line in ["退货", "*** 退货 ***", "【退货】", "=== <退货> ===", "———退货———"]
        {
            assert!(title.is_match(line), "{line}");
        }
        for line in ["退货须知", "凭小票退货", "退货 1"] {
            assert!(!title.is_match(line), "{line}");
        }
    }

    #[test]
    fn numbers_keep_their_signs_and_what_is_no_block_stays() {
        let number = rule("单号{sep}{id}", Mark::Any);
        assert_eq!(found(&number, "单号: YJ-2025/0057#1 x").as_deref(), Some("YJ-2025/0057#1"));
        assert_eq!(expand(r"\d{4}{x}", Mark::Any), r"\d{4}{x}");
    }
}
