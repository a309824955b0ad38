use super::*;
use std::path::Path;
use visit_core::observation::ReceiptKind;

fn parse(text: &str) -> Template {
    Template::parse(Path::new("t.toml"), text).unwrap_or_else(|e| panic!("{e}"))
}

fn printed(lines: &[&str]) -> Printed {
    Printed { lines: lines.iter().map(|l| (*l).to_owned()).collect(), ..Printed::default() }
}

fn receipt(template: &Template, lines: &[&str]) -> Receipt {
    match template.read(&printed(lines)).remove(0) {
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
fn lines_that_not_fits_are_left_out() {
    let t = parse(
        "currency = 'CNY'\nfields.total = { match = '合计{sep}{amount}', not = ['优惠', '件数'] }\n\
         flags.refund = { match = ['退货'], not = '凭' }",
    );
    let r = receipt(&t, &["优惠合计:5.00", "合计:80.00", "退货凭此小票"]);
    assert_eq!((r.total, r.kind), (Some(8_000), ReceiptKind::Sale));
    assert_eq!(receipt(&t, &["合计:80.00", "退货"]).kind, ReceiptKind::Refund);
}

#[test]
fn of_a_line_what_stands_before_a_value_tells_whose_it_is() {
    let t = parse(
        "currency = 'CNY'\nfields.number = { match = '小票号{sep}{id}', not = '原' }\n\
         fields.total = { match = '合计{sep}{amount}', not = '\\d件$' }",
    );
    let r = receipt(&t, &["原小票号:1 小票号:2", "合计:3件 5.00", "合计:5.00"]);
    assert_eq!((r.number.as_deref(), r.total), (Some("2"), Some(500)));
    assert_eq!(receipt(&t, &["小票号:2 原小票号:1"]).number.as_deref(), Some("2"));
    assert_eq!(receipt(&t, &["原小票号:1"]).number, None);
}

#[test]
fn ways_of_payment_are_added_up() {
    let t = parse(
        "currency = 'CNY'\nfields.total = '合计{sep}{amount}'\n\
         fields.tendered = ['实收{sep}{amount}', { match = '^(?:现金|微信){sep}{amount}', pick = 'sum' }]",
    );
    let r = receipt(&t, &["合计 9.00", "现金 4.00", "微信 5.00"]);
    assert_eq!((r.tendered, r.flags.unbalanced), (Some(900), false));
    let r = receipt(&t, &["合计 9.00", "现金 4.00", "微信 5.00", "实收 9.00"]);
    assert_eq!(r.tendered, Some(900), "one that says it all is enough");
}

#[test]
fn a_value_below_its_name_may_stand_under_an_empty_line() {
    let t = parse("currency = 'CNY'\nfields.total = '应收\\n{amount}'");
    assert_eq!(receipt(&t, &["应收", "", "￥80.00"]).total, Some(8_000));
    assert_eq!(receipt(&t, &["应收"]).total, None);
}

#[test]
fn tables_are_read_through_their_lines() {
    let template =
        parse("currency = 'CNY'\n[fields]\nnumber = '^No{sep}{id}'\ntotal = '^total{sep}{amount}$'\n");
    let r = receipt(&template, &["┌────┬──────┐", "│No  │ A-12 │", "├────┼──────┤", "|TOTAL |  7.75|"]);
    assert_eq!((r.number.as_deref(), r.total), (Some("A-12"), Some(775)));
}

#[test]
fn what_was_paid_is_the_total_less_what_was_taken_off_it_if_the_payment_says_so() {
    let t = parse(
        "currency = 'CNY'\nfields.total = '应收:(.+)'\nfields.discount = '优惠:(.+)'\n\
         fields.tendered = '实收:(.+)'\nfields.change = '找零:(.+)'",
    );
    let paid = |lines: &[&str]| {
        let r = receipt(&t, lines);
        (r.total, r.flags.unbalanced)
    };
    assert_eq!(paid(&["应收:100.00", "优惠:10.00", "实收:90.00"]), (Some(9_000), false));
    assert_eq!(paid(&["应收:100.00", "优惠:-10.00", "实收:110.00", "找零:20.00"]), (Some(9_000), false));
    // 实收 is told without the change that was handed back: what fits the total as it stands is not doubted.
    assert_eq!(paid(&["应收:161.92", "抹零 优惠:0.92", "实收:161.00", "找零:39.00"]), (Some(16_100), false));
    assert_eq!(paid(&["应收:90.00", "优惠:10.00", "实收:90.00", "找零:10.00"]), (Some(9_000), false));
    assert_eq!(paid(&["应收:90.00", "优惠:10.00", "实收:100.00", "找零:10.00"]), (Some(9_000), false));
    assert_eq!(paid(&["应收:100.00", "优惠:5.00", "实收:90.00"]), (Some(10_000), true));
    assert_eq!(paid(&["实收:100.00", "找零:10.00"]), (Some(9_000), false), "no total is printed");
}

#[test]
fn amounts_are_written_as_the_template_or_the_currency_says() {
    let total = |text: &str, line: &str| receipt(&parse(text), &[line]).total;
    let rule = "fields.total = 'total{sep}{amount}'\n";
    assert_eq!(total(&format!("currency = 'EUR'\ndecimal = ','\n{rule}"), "Total 1.234"), Some(123_400));
    assert_eq!(total(&format!("currency = 'EUR'\ndecimal = ','\n{rule}"), "Total 1 234,50"), Some(123_450));
    assert_eq!(total(&format!("currency = 'USD'\ndecimal = '.'\n{rule}"), "Total 1,234"), Some(123_400));
    assert_eq!(total(&format!("currency = 'KRW'\n{rule}"), "Total 12.000"), Some(12_000));
    assert_eq!(total(&format!("currency = 'JPY'\n{rule}"), "Total ￥1,080"), Some(1_080));
}

#[test]
fn sales_without_a_number_are_told_apart_by_their_text_and_a_copy_is_not() {
    let t = parse(
        "currency = 'CNY'\ntimezone = 'Asia/Shanghai'\nfields.total = '合计:(.+)'\nfields.datetime = '{datetime}'\n\
         flags.reprint = '补打'",
    );
    let content = |lines: &[&str]| crate::pos::content::of(&receipt(&t, lines));
    let latte = content(&["2025-11-21 18:42", "拿铁", "合计:18.00"]);
    assert_ne!(
        latte,
        content(&["2025-11-21 18:42", "摩卡", "合计:18.00"]),
        "another sale of the same minute"
    );
    assert_eq!(latte, content(&["补打", "2025-11-21 18:42", "", "拿铁", "合计:18.00"]));
    assert_eq!(
        latte,
        content(&["2025-11-21 18:43", "拿铁", "合计:18.00"]),
        "the minute is the key's, not the text's"
    );
}

#[test]
fn receipts_that_come_out_in_one_piece_are_parted_by_their_heads() {
    let t = parse("currency = 'CNY'\nfields.number = '单号:(\\d+)'\nfields.total = '合计:(.+)'");
    let read = |lines: &[&str]| {
        let all = t.read(&printed(lines));
        let of = |reading: &Reading| match reading {
            Reading::Receipt(r) => (r.number.clone().unwrap_or_default(), r.total),
            other => panic!("{other:?}"),
        };
        all.iter().map(of).collect::<Vec<_>>()
    };
    let two = ["茶铺", "单号:1", "合计:5.00", "谢谢", "茶铺", "单号:2", "合计:6.00", "谢谢"];
    assert_eq!(read(&two), [("1".into(), Some(500)), ("2".into(), Some(600))]);
    let copy = ["茶铺", "单号:1", "合计:5.00", "茶铺", "单号:1", "合计:5.00"];
    assert_eq!(read(&copy), [("1".into(), Some(500))], "two copies of one");
    let name_below = ["茶铺", "单号:1", "合计:5.00", "茶铺", "欢迎光临"];
    assert_eq!(read(&name_below), [("1".into(), Some(500))]);
    let order = ["茶铺", "单号:1", "单号:2", "合计:5.00"];
    assert_eq!(read(&order), [("1".into(), Some(500))]);
}

#[test]
fn a_template_extends_another_key_by_key() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "base.toml",
        "currency = 'CNY'\ncolumns = 32\n[fields]\ntotal = '合计:(.+)'\nnumber = 'NO(\\d+)'\n[z_report]\nif = '日结'\nnet = '净额:(.+)'",
    );
    write(
        "tenant.toml",
        "extends = 'base.toml'\ncolumns = 42\n[fields]\ntotal = '实付:(.+)'\n[z_report]\nnet = '总额:(.+)'",
    );
    let t = Template::load(&dir.path().join("tenant.toml")).unwrap();
    let r = receipt(&t, &["NO7", "合计:9.00", "实付:8.00"]);
    assert_eq!((r.total, r.number.as_deref(), t.printer.columns), (Some(800), Some("7"), 42));
    assert_eq!(t.name, "tenant");
    let Reading::Totals(z) = t.read(&printed(&["日结", "总额:5.00"])).remove(0) else {
        panic!("no totals")
    };
    assert_eq!(z.net, Some(500));
    for (name, text, told) in [
        ("lost.toml", "extends = 'nowhere.toml'", "nowhere.toml"),
        ("loop.toml", "extends = 'loop.toml'", "extend itself"),
    ] {
        write(name, text);
        let e = Template::load(&dir.path().join(name)).unwrap_err();
        assert!(e.to_string().contains(told), "{e}");
    }
}

#[test]
fn every_problem_of_a_template_is_told_at_once() {
    let text = "dialect = 'epsom'\nencoding = 'gbk2'\ncolumns = 4\ncurrency = 'yuan'\ntimezone = 'Peking'\n\
                date_order = 'yyy'\ndecimal = ';'\nidle_s = 0\nskip_if = []\npages.x = 'cp437'\nz_report.net = 'a'\nflags.gift = 'a'\n\
                [fields]\ntotal = '(['\nsum = 'a'\nnumber = '\\d*'\nchange = 'c {amont}'";
    let e = Template::parse(Path::new("t.toml"), text).unwrap_err();
    let keys: Vec<_> = e.problems.iter().map(|p| p.key.as_str()).collect();
    for key in [
        "dialect",
        "encoding",
        "columns",
        "currency",
        "timezone",
        "date_order",
        "decimal",
        "idle_s",
        "skip_if",
        "pages.x",
        "flags.gift",
        "fields.total",
        "fields.sum",
        "fields.number",
        "fields.change",
        "z_report.if",
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
    let Reading::Receipt(r) = t.read(&image).remove(0) else { panic!("no receipt") };
    assert!(r.flags.unreadable && r.doubts[0].to_string().contains("images"));
    let other = Printed { image_hash: 8, ..image };
    let Reading::Receipt(o) = t.read(&other).remove(0) else { panic!("no receipt") };
    assert_ne!(crate::pos::content::of(&r), crate::pos::content::of(&o));
}

#[test]
fn a_member_number_shows_nowhere() {
    let t = parse("fields.member = '会员:(\\w+)'");
    let explained = t.explain(&printed(&["会员:13812345678"])).remove(0);
    assert!(!format!("{:?} {:?}", explained.fields, explained.reading).contains("1381234"));
    let (Asked::Field(field), found) = &explained.fields[0] else { panic!("{:?}", explained.fields) };
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
