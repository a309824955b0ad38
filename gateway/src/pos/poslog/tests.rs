use super::*;
use proptest::prelude::*;

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
