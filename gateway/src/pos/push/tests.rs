use super::*;
use crate::pos::receipt::Feed;
use proptest::prelude::*;
use visit_core::observation::ReceiptKind;

fn settings() -> Settings {
    Settings { zone: TimeZone::get("Asia/Shanghai").ok(), currency: Currency::new("CNY"), till_known: false }
}

fn read(document: &str) -> Result<Receipt, Vec<String>> {
    parse(document.as_bytes(), &settings()).map_err(|e| e.iter().map(ToString::to_string).collect())
}

const NESTED: &str = r#"{"astr_request":{"header":{"licensekey":"x"},
 "salestotal":{"mallid":"02000","storecode":"120756","tillid":"02","txdocno":"17021300021",
  "txdate_yyyymmdd":"20170213","txtime_hhmmss":"152234","salestype":"SA","vipcode":"13800000500",
  "netamount":129.0000,"paidamount":"130","changeamount":1.00,"ttltaxamount1":0},
 "salesitems":{"salesitem":[{"itemcode":"1022750301","qty":2,"netamount":"129.00"}]},
 "salestenders":{"salestender":[{"tendercode":"CH","payamount":130}]}}}"#;

#[test]
fn a_mall_document_is_read_with_numbers_and_strings_alike() {
    let r = read(NESTED).unwrap();
    assert_eq!(r.feed, Feed::PostSales);
    assert_eq!((r.store.as_deref(), r.till.as_deref()), (Some("120756"), Some("02")));
    assert_eq!(
        (r.number.as_deref(), r.kind, r.total),
        (Some("17021300021"), ReceiptKind::Sale, Some(12_900))
    );
    assert_eq!((r.tendered, r.change, r.flags.unbalanced), (Some(13_000), Some(100), false));
    assert_eq!(r.end.unwrap().to_string(), "2017-02-13T07:22:34.000Z");
    assert_eq!(r.items[0].amount, Some(12_900));
    assert_eq!(r.member.as_ref().map(super::super::receipt::Member::reveal), Some("13800000500"));
    assert!(!format!("{r:?}").contains("13800000500"));
}

#[test]
fn the_names_of_dotnet_and_a_refund_are_understood() {
    let r = read(
        r#"{"salestotalField":{"storecodeField":"L1","tillidField":1,"txdocnoField":17021300022,
        "txdate_yyyymmddField":20170213,"txtime_hhmmssField":93000,"salestypeField":"SR","netamountField":-0.01,
        "orgtxdocnoField":"17021300021","orgtxdate_yyyymmddField":"20170212"},
        "salestendersField":[{"tendercodeField":"CH","payamountField":-0.01}]}"#,
    )
    .unwrap();
    assert_eq!((r.kind, r.total, r.number.as_deref()), (ReceiptKind::Refund, Some(1), Some("17021300022")));
    let link = r.refers_to.unwrap();
    assert_eq!((link.number.as_deref(), link.business_date), (Some("17021300021"), Some(17_209)));
    assert!(!r.flags.unbalanced);
    assert_eq!(r.end.unwrap().to_string(), "2017-02-13T01:30:00.000Z");
}

#[test]
fn what_senders_leave_out_or_call_otherwise_is_no_error() {
    let r = read(
        r#"{"salesTotal":{"storeCode":"L1","txDocNo":"7","txDate_yyyymmdd":"20251121","salesType":"SA","netAmount":-12.5,
        "paidAmount":-12.5,"txOrgDocNo":"5","mallItemCode":"X","unknown":{"deep":[1]}},"salesItems":[]}"#,
    )
    .unwrap();
    // Below zero it is a refund, whatever it calls itself.
    assert_eq!((r.kind, r.total, r.tendered), (ReceiptKind::Refund, Some(1_250), Some(-1_250)));
    assert_eq!((r.till, r.end, r.business_date), (None, None, Some(20_413)));
    assert_eq!(r.refers_to.unwrap().number.as_deref(), Some("5"));
    assert!(!r.flags.unbalanced);
}

#[test]
fn our_own_shape_is_that_of_the_observation_log_with_items() {
    let r = read(
        r#"{"at":"2025-11-21T01:30:00Z","kind":"receipt","till":"till-1","number":"7","amount_minor":12900,
        "currency":"CNY","items":[{"name":"tea 4111111111111111","quantity":0.42,"amount":"129.00"}],
        "tenders":[{"kind":"cash","amount":129.00}],"business_date":"2025-11-20"}"#,
    )
    .unwrap();
    assert_eq!((r.total, r.items[0].amount, r.tendered), (Some(12_900), Some(12_900), Some(12_900)));
    assert_eq!(r.items[0].name.as_deref(), Some("tea ****1111"));
    assert_eq!(r.items[0].quantity.unwrap().to_string(), "0.42");
    assert_eq!(r.business_date, Some(20_412));
}

#[test]
fn decimals_never_pass_a_float() {
    let with = |amount: &str| format!(r#"{{"at":"2025-11-21T01:30:00Z","till":"t","amount":{amount}}}"#);
    assert_eq!(read(&with("9007199254740993.01")).unwrap().total, Some(900_719_925_474_099_301));
    assert_eq!(read(&with("0.29")).unwrap().total, Some(29));
    assert_eq!(read(&with("1E+3")).unwrap().total, Some(100_000));
    assert_eq!(
        read(&with("0.295")).unwrap_err(),
        ["amount: has 3 decimals, but CNY has 2; part of the smallest unit would be lost"]
    );
}

#[test]
fn all_problems_are_told_at_once_and_no_value_is_repeated() {
    let problems = read(
        r#"{"storecode":"1","txdocno":"4111111111111111","txdate":"2017-13-45","salestype":"QQ",
        "netamount":"secret","items":[{"qty":"x","netamount":{}}],"tenders":7}"#,
    )
    .unwrap_err();
    let paths: Vec<_> = problems.iter().map(|p| p.split(':').next().unwrap()).collect();
    assert_eq!(paths, ["txdate", "salestype", "netamount", "items[0].qty", "items[0].netamount", "tenders"]);
    assert!(problems.iter().all(|p| !p.contains("secret") && !p.contains("4111")));
}

#[test]
fn other_documents_are_refused_with_what_was_wanted() {
    for document in ["", "[]", "{}", "7", "{\"a\":1}", "{\"salestotal\":7}", "\u{feff}{}", "{\"till\":[]}"] {
        assert!(!read(document).unwrap_err().is_empty(), "{document}");
    }
    assert!(read(&" ".repeat(MAX_DOCUMENT + 1)).unwrap_err()[0].contains("longer"));
    assert!(read(&"[".repeat(100_000)).is_err());
}

proptest! {
    #[test]
    fn nothing_panics_and_problems_are_bounded(at in 0usize..900, with in "\\PC{0,3}", cut in 0usize..900) {
        let mut text: Vec<char> = NESTED.chars().collect();
        let at = at % text.len();
        text.splice(at..at, with.chars());
        text.truncate(text.len() - cut % text.len() / 4);
        if let Err(problems) = read(&text.iter().collect::<String>()) {
            prop_assert!(!problems.is_empty() && problems.len() <= MAX_PROBLEMS);
        }
    }
}

#[test]
fn totals_of_a_day_in_both_shapes() {
    let settings = Settings { zone: None, currency: Currency::new("CNY"), till_known: false };
    let wanted = DayTotals {
        store: Some("S1".into()),
        till: Some("T1".into()),
        business_date: Some(20_413),
        currency: Currency::new("CNY"),
        receipts: Some(87),
        net: Some(4_218_600),
    };
    for text in [
        r#"{"postdailysalessummary":{"storecode":"S1","tillid":"T1","salesdate":"20251121","transactioncount":87,"netamount":"42186.00"}}"#,
        r#"{"type":"day_totals","store":"S1","till":"T1","business_date":"2025-11-21","receipts":87,"net_minor":4218600}"#,
        r#"{"storecode":"S1","tillid":"T1","txdate_yyyymmdd":20251121,"TxCount":"87","netamount":42186}"#,
        r#"{"astr_request":{"header":{"username":"x"},"salessummary":{"localstorecode":"","txdate_yyyymmdd":"20251121",
            "txtime_hhmmss":"100000","mallid":"M","storecode":"S1","tillid":"T1","txdocno":"D1","ttlsalesqty":90,
            "ttlrefundqty":2,"ttlsalesamt":42386,"ttlrefundamt":-200.00,"ttldoccount":87}}}"#,
    ] {
        assert_eq!(parse_any(text.as_bytes(), &settings), Ok(Document::Totals(wanted.clone())), "{text}");
        assert!(parse(text.as_bytes(), &settings).is_err());
    }
    let uncounted = r#"{"salessummary":{"storecode":"S1","tillid":"T1","txdate_yyyymmdd":"20251121","ttlsalesamt":42186,
        "ttlrefundamt":0,"ttldoccount":0}}"#;
    let wanted = DayTotals { receipts: None, ..wanted };
    assert_eq!(parse_any(uncounted.as_bytes(), &settings), Ok(Document::Totals(wanted)), "0 is no count");
    let none =
        parse_any(br#"{"type":"day_totals","store":"S1","business_date":"x"}"#, &settings).unwrap_err();
    assert_eq!(none.len(), 2, "{none:?}");
}
