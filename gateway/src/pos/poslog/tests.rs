use super::*;
use crate::pos::receipt::Member;
use proptest::prelude::*;
use visit_core::observation::ReceiptKind;

fn read(xml: &str) -> Result<Vec<Receipt>, PosLogError> {
    let settings = Settings { zone: TimeZone::get("Asia/Shanghai").ok(), currency: Currency::new("CNY") };
    let mut log = PosLog::new(xml.as_bytes(), settings).unwrap();
    let mut receipts = Vec::new();
    while let Some(receipt) = log.next()? {
        receipts.push(receipt);
    }
    Ok(receipts)
}

/// A transaction of one sale, with more inside.
fn sale(inside: &str) -> String {
    format!(
        "<POSLog xmlns='{NAMESPACE}'><Transaction><SequenceNumber>7</SequenceNumber><RetailTransaction>{inside}\
         <Total TotalType='TransactionGrandAmount'>1.00</Total></RetailTransaction></Transaction></POSLog>"
    )
}

#[test]
fn entities_and_document_types_are_refused() {
    let bomb = format!("<!DOCTYPE POSLog [<!ENTITY a 'aaaa'>]>{}", sale(""));
    assert!(matches!(read(&bomb), Err(PosLogError::DocumentType)));
    let entity = sale("<LineItem><Sale><Description>&a;</Description></Sale></LineItem>");
    assert!(matches!(read(&entity), Err(PosLogError::Entity { .. })));
    let fine =
        sale("<LineItem><Sale><Description>M&amp;M &#20013;<![CDATA[<x>]]></Description></Sale></LineItem>");
    assert_eq!(read(&fine).unwrap()[0].items[0].name.as_deref(), Some("M&M 中<x>"));
}

#[test]
fn nesting_and_length_are_bounded() {
    let deep = sale(&("<a>".repeat(100) + &"</a>".repeat(100)));
    assert!(matches!(read(&deep), Err(PosLogError::TooDeep { .. })));
    let wide = format!("<a b='{}'>", "x".repeat(MAX_EVENT / 2));
    assert!(matches!(read(&sale(&wide.repeat(3))), Err(PosLogError::TooDeep { .. })));
    assert_eq!(read(&sale(&(wide + "</a>").repeat(3))).unwrap().len(), 1, "they are not open together");
    let long = sale(&format!("<!--{}-->", "x".repeat(MAX_EVENT + 1)));
    assert!(matches!(read(&long), Err(PosLogError::Io(_))));
}

#[test]
fn other_documents_are_told_apart_and_cut_ones_keep_what_was_whole() {
    assert!(matches!(read("<html/>"), Err(PosLogError::NotPosLog)));
    assert!(matches!(read("<POSLog xmlns='http://example.org/'/>"), Err(PosLogError::NotPosLog)));
    assert!(matches!(read(""), Err(PosLogError::NotPosLog)));
    let whole = sale("");
    let two = whole.replace("</POSLog>", "<Transaction><Seq");
    let mut log = PosLog::new(two.as_bytes(), Settings::default()).unwrap();
    assert_eq!(log.next().unwrap().and_then(|r| r.number), Some("7".to_owned()));
    assert!(log.next().is_err());
    assert!(matches!(log.next(), Ok(None)));
    assert_eq!(log.tally().retail, 1);
}

#[test]
fn namespaces_decide_and_prefixes_do_not() {
    let prefixed = sale("").replace("xmlns=", "xmlns:p=").replace("</", "</p:");
    let prefixed = regex_free_prefix(&prefixed);
    assert_eq!(read(&prefixed).unwrap()[0].total, Some(100));
    let none = sale("").replace(&format!(" xmlns='{NAMESPACE}'"), "");
    assert_eq!(read(&none).unwrap()[0].total, Some(100));
    let foreign = sale("<LineItem><x:Sale xmlns:x='urn:x'><Description>no</Description></x:Sale></LineItem>");
    assert!(read(&foreign).unwrap()[0].items.is_empty());
}

/// `<name` to `<p:name`.
fn regex_free_prefix(xml: &str) -> String {
    let mut out = String::new();
    for (i, part) in xml.split('<').enumerate() {
        if i > 0 {
            out.push('<');
        }
        out.push_str(if part.is_empty() || part.starts_with('/') || part.starts_with('!') {
            ""
        } else {
            "p:"
        });
        out.push_str(part);
    }
    out
}

#[test]
fn a_voided_line_goes_however_it_is_told() {
    let line = |void: &str, amount: &str| {
        format!(
            "<LineItem {void}><Sale><ItemID>9</ItemID><ExtendedAmount>{amount}</ExtendedAmount></Sale></LineItem>"
        )
    };
    let marked = read(&sale(&(line("", "1.00") + &line("VoidFlag='true'", "5.00")))).unwrap();
    assert_eq!((marked[0].items.len(), marked[0].voided_items), (1, 1));
    let reversed =
        read(&sale(&(line("", "1.00") + &line("", "5.00") + &line("VoidFlag='true'", "-5.00")))).unwrap();
    assert_eq!((reversed[0].items.len(), reversed[0].items[0].amount), (1, Some(100)));
}

#[test]
fn gb18030_is_read_as_declared() {
    let xml = format!(
        "<?xml version='1.0' encoding='GB18030'?>{}",
        sale("<LineItem><Sale><Description>苹果 手机 13800000500</Description></Sale></LineItem>")
    );
    let (bytes, ..) = encoding_rs::GB18030.encode(&xml);
    let mut log = PosLog::new(&*bytes, Settings::default()).unwrap();
    let receipt = log.next().unwrap().unwrap();
    assert_eq!(receipt.items[0].name.as_deref(), Some("苹果 手机 138****0500"));
}

#[test]
fn an_amount_without_currency_or_sense_is_a_doubt_and_the_receipt_stays() {
    let mut log = PosLog::new(Box::leak(sale("").into_boxed_str()).as_bytes(), Settings::default()).unwrap();
    let receipt = log.next().unwrap().unwrap();
    assert_eq!((receipt.total, receipt.doubts.len()), (None, 1));
    let odd = sale("").replace("1.00", "one");
    let receipt = &read(&odd).unwrap()[0];
    assert_eq!(receipt.doubts[0].field, "Total TransactionGrandAmount");
    assert_eq!(receipt.number.as_deref(), Some("7"));
}

/// A document of one transaction in this namespace.
fn document(namespace: &str, inside: &str) -> String {
    format!("<POSLog xmlns='{namespace}'><Transaction>{inside}</Transaction></POSLog>")
}

fn one(inside: &str) -> Receipt {
    let mut all = read(&document(NAMESPACE, inside)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(all.len(), 1, "{inside}");
    all.remove(0)
}

const HEAD: &str = "<BusinessUnit><UnitID>0610</UnitID></BusinessUnit><WorkstationID>140</WorkstationID>\
                    <SequenceNumber>451</SequenceNumber><BusinessDayDate>2025-11-21</BusinessDayDate>";

#[test]
fn the_namespace_of_arts_is_known_in_all_its_spellings_and_no_other() {
    let inside = format!(
        "{HEAD}<RetailTransaction><Total TotalType='TransactionGrandAmount'>6.57</Total></RetailTransaction>"
    );
    for namespace in [
        "http://www.nrf-arts.org/IXRetail/namespace/",
        "http://www.nrf-arts.org/IXRetail/namespace",
        "http://www.nrf-arts.org/IXRetail/v6.0.0/poslog",
        "https://www.omg.org/spec/POSLog/6.0/",
        "",
    ] {
        let all = read(&document(namespace, &inside)).unwrap_or_else(|e| panic!("{namespace}: {e}"));
        assert_eq!(all[0].total, Some(657), "{namespace}");
    }
    let other = document("http://www.example.org/poslog", &inside);
    assert!(matches!(read(&other), Err(PosLogError::NotPosLog)));
    let digital = document(NAMESPACE, &inside).replace("POSLog", "DigitalReceipt");
    assert_eq!(read(&digital).unwrap()[0].total, Some(657));
}

#[test]
fn a_supermarkets_log_of_version_6_with_vendors_elements_rounding_and_change() {
    let r = one(&format!(
        "{HEAD}<TransactionID>119EK</TransactionID><RetailTransaction xmlns:v='http://vendor.example/Extensions'>\
         <LineItem><Sale><ItemID>48</ItemID><Description>RICE</Description><ExtendedAmount Currency='THB'>699.97</ExtendedAmount>\
         <Quantity Units='1'>1</Quantity><v:NetAmount Currency='THB'>1</v:NetAmount></Sale></LineItem>\
         <LineItem><Tender TenderType='Cash'><Amount Currency='THB'>1000.00</Amount></Tender></LineItem>\
         <LineItem><Tender TenderType='Cash'><Amount Currency='THB'>0</Amount><TenderChange><Amount Currency='THB'>300.00</Amount></TenderChange></Tender></LineItem>\
         <LineItem><Tender TenderType='X:Rounding'><Amount Currency='THB'>0.03</Amount><Rounding RoundingDirection='Up'>0.03</Rounding></Tender></LineItem>\
         <Total CurrencyCode='THB'>789.97</Total><Total TotalType='TransactionNetAmount' CurrencyCode='THB'>699.97</Total>\
         <Total TotalType='TransactionPurchaseQuantity' TypeCode='Return'>0</Total>\
         <Total TotalType='TransactionGrandAmount' CurrencyCode='THB'>699.97</Total>\
         <Customer><CustomerID>C1</CustomerID></Customer><LoyaltyAccount><CustomerID>H1</CustomerID>\
         <LoyaltyProgram><LoyaltyAccountID>points</LoyaltyAccountID></LoyaltyProgram></LoyaltyAccount></RetailTransaction>\
         <EndDateTime>2025-11-21T15:21:54.4833703+07:00</EndDateTime>"
    ));
    assert_eq!(
        (r.total, r.tendered, r.change, r.flags.unbalanced),
        (Some(69_997), Some(99_997), Some(30_000), false)
    );
    assert_eq!((r.currency, r.member), (Currency::new("THB"), Member::new("H1")));
    assert_eq!((r.number.as_deref(), &r.aliases[..]), (Some("451"), &["119EK".to_owned()][..]));
    assert_eq!(r.end.unwrap().to_string(), "2025-11-21T08:21:54.483Z");
    assert!(r.doubts.is_empty(), "{:?}", r.doubts);
}

#[test]
fn a_store_among_other_units_times_by_their_codes_and_an_order_that_was_paid() {
    let r = one("<BusinessUnit><UnitID TypeCode='RetailStore'>7-240</UnitID></BusinessUnit>\
         <BusinessUnit><UnitID TypeCode='X:Country'>DE</UnitID></BusinessUnit><WorkstationID>101</WorkstationID>\
         <SequenceNumber>1966</SequenceNumber><POSLogDateTime TypeCode='Transaction'>2025-11-21T10:00:00+08:00</POSLogDateTime>\
         <POSLogDateTime TypeCode='Message'>2025-11-22T10:00:00+08:00</POSLogDateTime><CurrencyCode>EUR</CurrencyCode>\
         <ReceiptNumber>R-1</ReceiptNumber><RetailTransaction TransactionStatus='Finished'>\
         <Total TotalType='TransactionGrandAmount' TypeCode='Sale'>12.50</Total></RetailTransaction>");
    assert_eq!((r.store.as_deref(), r.number.as_deref()), (Some("7-240"), Some("R-1")));
    assert_eq!(
        (r.end.unwrap().to_string(), &r.aliases[..]),
        ("2025-11-21T02:00:00.000Z".into(), &["1966".to_owned()][..])
    );
    let order = |status: &str| {
        let total = "<Total TotalType='TransactionGrandAmount'>5.00</Total>";
        document(
            NAMESPACE,
            &format!(
                "{HEAD}<CustomerOrderTransaction TransactionStatus='{status}'>{total}</CustomerOrderTransaction>"
            ),
        )
    };
    assert_eq!(read(&order("Tendered")).unwrap()[0].total, Some(500));
    assert!(read(&order("New")).unwrap().is_empty(), "an order is no sale before it is paid");
}

#[test]
fn voids_and_returns_are_told_in_many_ways() {
    let of = |attributes: &str, inside: &str| {
        one(&format!(
            "{HEAD}<RetailTransaction {attributes}>{inside}<Total TotalType='TransactionGrandAmount'>-5.00</Total></RetailTransaction>"
        ))
    };
    let link = |reason: &str| {
        format!(
            "<TransactionLink ReasonCode='{reason}'><WorkstationID>140</WorkstationID>\
             <BusinessDayDate>2025-11-20</BusinessDayDate><SequenceNumber>400</SequenceNumber></TransactionLink>"
        )
    };
    let void = of("TransactionStatus='PostVoided'", &link("Voided"));
    let number = |r: &Receipt| r.refers_to.as_ref().and_then(|l| l.number.clone());
    assert_eq!(
        (void.kind, void.total, number(&void).as_deref()),
        (ReceiptKind::Void, Some(500), Some("400"))
    );
    let again = of("TransactionStatus='Voided'", "");
    assert_eq!((again.kind, again.flags.cancelled, number(&again)), (ReceiptKind::Void, false, None));
    assert!(of("TransactionStatus='Canceled'", "").flags.cancelled);
    let returned = of(
        "",
        &format!("<LineItem><Return><ExtendedAmount>5.00</ExtendedAmount>{}</Return></LineItem>", link("x")),
    );
    assert_eq!((returned.kind, number(&returned).as_deref()), (ReceiptKind::Refund, Some("400")));
    assert_eq!(of("TypeCode='ReturnTransaction'", "").kind, ReceiptKind::Refund);
    let by_element = one(&format!("{HEAD}<PostVoidTransaction>{}</PostVoidTransaction>", link("any")));
    assert_eq!((by_element.kind, number(&by_element).as_deref()), (ReceiptKind::Void, Some("400")));
    let suspended = of("", &link("Resume"));
    assert_eq!(
        (suspended.refers_to, suspended.kind),
        (None, ReceiptKind::Refund),
        "what goes on takes nothing back"
    );
}

#[test]
fn without_a_grand_total_what_is_nearest_stands_for_it_and_says_so() {
    let of = |inside: &str| {
        let r = one(&format!("{HEAD}<RetailTransaction>{inside}</RetailTransaction>"));
        (r.total, r.doubts.first().map(ToString::to_string).unwrap_or_default())
    };
    let cash = "<LineItem><Tender><Amount>20.00</Amount><TenderChange><Amount>7.50</Amount></TenderChange></Tender></LineItem>";
    let (total, doubt) = of(&format!("{cash}<Total TotalType='TransactionNetAmount'>11.00</Total>"));
    assert_eq!(total, Some(1_250));
    assert!(doubt.contains("TransactionGrandAmount is missing; what was tendered"), "{doubt}");
    let net = "<Total TotalType='TransactionNetAmount'>11.00</Total><Total TotalType='TransactionTaxAmount'>1.50</Total>";
    assert_eq!(of(net).0, Some(1_250));
    assert_eq!(of("<Total>12.50</Total>").0, Some(1_250));
    assert_eq!(of("").0, None);
}

#[test]
fn a_tender_in_another_currency_is_not_added_and_makes_no_imbalance() {
    let r = one(&format!(
        "{HEAD}<CurrencyCode>HKD</CurrencyCode><RetailTransaction><LineItem><Tender TenderType='Cash'>\
         <Amount Currency='CNY'>100.00</Amount></Tender></LineItem>\
         <Total TotalType='TransactionGrandAmount'>110.00</Total></RetailTransaction>"
    ));
    assert_eq!((r.total, r.tendered, r.flags.unbalanced), (Some(11_000), None, false));
    assert!(r.doubts[0].to_string().contains("is in CNY"), "{:?}", r.doubts);
}

#[test]
fn a_refund_that_means_its_sale_by_the_tills_own_sequence_finds_the_printed_number() {
    use crate::names::Names;
    use crate::pos::aliases::Aliases;
    use visit_core::site::TillIx;
    let sale = one(&format!(
        "{HEAD}<EndDateTime>2025-11-21T10:00:00Z</EndDateTime><ReceiptNumber>A-77</ReceiptNumber>\
         <RetailTransaction><Total TotalType='TransactionGrandAmount'>5.00</Total></RetailTransaction>"
    ));
    let refund = |by: &str| {
        one(&format!(
            "<SequenceNumber>460</SequenceNumber><EndDateTime>2025-11-22T10:00:00Z</EndDateTime><RetailTransaction>\
             <LineItem><Return><ExtendedAmount>5.00</ExtendedAmount><TransactionLink>{by}</TransactionLink></Return></LineItem>\
             <Total TotalType='TransactionGrandAmount'>-5.00</Total></RetailTransaction>"
        ))
    };
    let (names, mut aliases) = (Names::default(), Aliases::default());
    let mut observe = |r: &Receipt| r.observe(&names, Some(TillIx(0)), None, &mut aliases).unwrap();
    // The till of the feed stands for workstation 140: its name goes before the number.
    assert_eq!(observe(&sale).number.as_deref(), Some("140/A-77"));
    for (by, number) in [
        ("<WorkstationID>140</WorkstationID><SequenceNumber>451</SequenceNumber>", "140/A-77"),
        ("<WorkstationID>140</WorkstationID><ReceiptNumber>451</ReceiptNumber>", "140/451"),
        ("<WorkstationID>140</WorkstationID><SequenceNumber>452</SequenceNumber>", "140/452"),
    ] {
        assert_eq!(observe(&refund(by)).refers_to.unwrap().number, number, "{by}");
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_anything(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut log = PosLog::new(&bytes[..], Settings::default()).unwrap();
        while let Ok(Some(_)) = log.next() {}
    }

    #[test]
    fn nothing_panics_on_what_is_nearly_right(at in 0usize..2_000, byte in any::<u8>(), cut in 0usize..2_000) {
        let mut xml = sale("<LineItem VoidFlag='true'><Sale><ExtendedAmount>-1</ExtendedAmount></Sale></LineItem>\
            <LineItem><Tender TenderType='Cash'><Amount>2</Amount></Tender></LineItem>").into_bytes();
        let len = xml.len();
        xml[at % len] = byte;
        xml.truncate(cut.max(1));
        if let Ok(mut log) = PosLog::new(&xml[..], Settings::default()) {
            while let Ok(Some(_)) = log.next() {}
        }
    }
}
