use super::*;
use std::path::Path;

fn parse(text: &str) -> Template {
    Template::parse(Path::new("t.toml"), text).unwrap_or_else(|e| panic!("{e}"))
}

fn printed(lines: &[&str]) -> Printed {
    Printed { lines: lines.iter().map(|l| (*l).to_owned()).collect(), ..Printed::default() }
}

fn receipt(template: &Template, lines: &[&str]) -> Receipt {
    match template.read(&printed(lines)) {
        Reading::Receipt(r) => *r,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_paid_on_one_receipt_is_tendered_on_another_as_the_template_says() {
    let tendered = parse("currency = 'CNY'\nfields.total = '应收:(.+)'\nfields.tendered = '实收:(.+)'");
    let paid = parse("currency = 'CNY'\nfields.total = '实收:(.+)'");
    let lines = ["应收:80.00", "实收:１００．００"];
    let r = receipt(&tendered, &lines);
    assert_eq!((r.total, r.tendered, r.flags.unbalanced), (Some(8_000), Some(10_000), true));
    assert_eq!(receipt(&paid, &lines).total, Some(10_000));
}

#[test]
fn rules_are_tried_in_order_first_or_last_line_or_over_two_lines() {
    let t = parse(
        "currency = 'CNY'\nfields.number = ['NO:(\\d+)', 'No (\\d+)']\n\
         fields.total = { match = ['^SUM (.+)'], pick = 'last' }\nfields.till = 'TILL\\n(\\w+)'",
    );
    let r = receipt(&t, &["no 7", "SUM 1.00", "TILL", "K3", "SUM 2.00"]);
    assert_eq!((r.number.as_deref(), r.total, r.till.as_deref()), (Some("7"), Some(200), Some("K3")));
}

#[test]
fn every_problem_of_a_template_is_told_at_once() {
    let text = "dialect = 'epsom'\nencoding = 'gbk2'\ncolumns = 4\ncurrency = 'yuan'\ntimezone = 'Peking'\n\
                date_order = 'yyy'\nidle_s = 0\nskip_if = []\npages.x = 'cp437'\nflags.gift = 'a'\n\
                [fields]\ntotal = '(['\nsum = 'a'\nnumber = '\\d*'";
    let e = Template::parse(Path::new("t.toml"), text).unwrap_err();
    let keys: Vec<_> = e.problems.iter().map(|p| p.key.as_str()).collect();
    for key in [
        "dialect",
        "encoding",
        "columns",
        "currency",
        "timezone",
        "date_order",
        "idle_s",
        "skip_if",
        "pages.x",
        "flags.gift",
        "fields.total",
        "fields.sum",
        "fields.number",
    ] {
        assert!(keys.contains(&key), "{key} is not among {keys:?}");
    }
    let e = Template::parse(Path::new("t.toml"), "name = 'x'\n[field]\ntotal = 'a'").unwrap_err();
    assert!(e.to_string().contains("line 2") && e.to_string().contains("field"), "{e}");
}

#[test]
fn a_paper_without_number_and_total_is_unreadable_and_told_apart_by_its_print() {
    let t = parse("fields.total = '合计(.+)'");
    let image = Printed { raster: true, image_hash: 7, ..Printed::default() };
    let Reading::Receipt(r) = t.read(&image) else { panic!("no receipt") };
    assert!(r.flags.unreadable && r.doubts[0].to_string().contains("images"));
    let other = Printed { image_hash: 8, ..image };
    let Reading::Receipt(o) = t.read(&other) else { panic!("no receipt") };
    assert_ne!(crate::pos::content::of(&r), crate::pos::content::of(&o));
}

#[test]
fn a_member_number_shows_nowhere() {
    let t = parse("fields.member = '会员:(\\w+)'");
    let explained = t.explain(&printed(&["会员:13812345678"]));
    assert!(!format!("{:?} {:?}", explained.fields, explained.reading).contains("1381234"));
    let (field, found) = &explained.fields[0];
    assert_eq!(found.as_ref().unwrap().shown(*field), "*******5678");
}

proptest::proptest! {
    #[test]
    fn nothing_that_is_printed_panics(lines in proptest::collection::vec(".{0,80}", 0..20)) {
        let t = Template::parse(
            Path::new("zh"),
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/zh-generic.toml")),
        )
        .unwrap();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let _ = t.explain(&printed(&lines));
    }
}
