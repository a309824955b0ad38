use super::*;
use proptest::prelude::*;

fn mapping() -> Mapping {
    Mapping {
        zone: TimeZone::get("Asia/Shanghai").ok(),
        currency: Currency::new("CNY"),
        ..Mapping::default()
    }
}

fn read(bytes: &[u8]) -> Vec<Row> {
    let mut table = Table::new(bytes, mapping()).unwrap();
    let mut rows = Vec::new();
    while let Some(row) = table.next().unwrap() {
        rows.push(row);
    }
    rows
}

const CHINESE: &str = "店铺号;收银机号;小票号;交易时间;类型;金额;会员号;备注\r\n\
    A1;02;0001;2025-11-21 09:30:00;销售;\"1.234,50\";13800000500;\"a;b\"\r\n\r\n\
    A1;02;0002;2025/11/21 9:31;退货;-￥20.00;;\r\n";

#[test]
fn a_chinese_export_is_read_whatever_its_encoding_and_delimiter() {
    let utf8 = read(CHINESE.as_bytes());
    let sale = utf8[0].receipt.as_ref().unwrap();
    assert_eq!(
        (sale.store.as_deref(), sale.till.as_deref(), sale.number.as_deref()),
        (Some("A1"), Some("02"), Some("0001"))
    );
    assert_eq!(
        (sale.total, sale.end.unwrap().to_string().as_str()),
        (Some(123_450), "2025-11-21T01:30:00.000Z")
    );
    let refund = utf8[1].receipt.as_ref().unwrap();
    assert_eq!((refund.kind, refund.total, utf8[1].line), (ReceiptKind::Refund, Some(2_000), 4));
    assert_eq!(read(&encoding_rs::GB18030.encode(CHINESE).0), utf8);
    assert_eq!(read(&[b"\xef\xbb\xbf", CHINESE.as_bytes()].concat()), utf8);
    assert_eq!(read(CHINESE.replace(';', "\t").as_bytes()), utf8);
}

#[test]
fn columns_may_be_mapped_and_times_stand_apart() {
    let mut mapping = mapping();
    mapping.columns.insert("Kasse".to_owned(), Column::Till);
    let text = "Kasse,no,date,time,total,currency\n7,1,20251121,093000,12,JPY\n";
    let mut table = Table::new(text.as_bytes(), mapping).unwrap();
    let receipt = table.next().unwrap().unwrap().receipt.unwrap();
    assert_eq!((receipt.till.as_deref(), receipt.total), (Some("7"), Some(12)));
    assert_eq!(receipt.end.unwrap().to_string(), "2025-11-21T01:30:00.000Z");
}

#[test]
fn dates_and_times_are_found_whatever_their_columns_are_called() {
    for text in [
        "单号,时间,合计\n1,2025-11-21 09:30:00,12\n",
        "单号,交易日期,交易时间,合计\n1,2025-11-21,09:30:00,12\n",
        "单号,交易时间,交易日期,合计\n1,09:30:00,2025/11/21,12\n",
        "单号,销售日期,销售时间,合计\n1,2025-11-21,2025-11-21 09:30:00,12\n",
        "no,datetime,total\n1,2025-11-21 09:30:00,12\n",
    ] {
        let mapping = Mapping { till_known: true, ..mapping() };
        let mut table = Table::new(text.as_bytes(), mapping).unwrap_or_else(|e| panic!("{text}: {e}"));
        let receipt = table.next().unwrap().unwrap().receipt.unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(receipt.end.unwrap().to_string(), "2025-11-21T01:30:00.000Z", "{text}");
    }
}

#[test]
fn a_bad_row_tells_all_that_is_wrong_and_the_next_is_read() {
    let text = "till,number,date,amount,type,currency\n1,1,soon,ten,gift,yuan\n1,2,2025-11-21 09:30,1,,\n1\n";
    let rows = read(text.as_bytes());
    let problems = rows[0].receipt.as_ref().unwrap_err();
    let paths: Vec<_> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!((rows[0].line, paths), (2, vec!["type", "currency", "date", "amount"]));
    assert!(rows[1].receipt.is_ok());
    assert!(rows[2].receipt.is_err(), "a short row lacks its date");
}

#[test]
fn a_table_of_something_else_and_a_row_without_end_are_refused() {
    let Err(TableError::Header { missing, .. }) = Table::new(&b"name,age\n"[..], mapping()) else {
        panic!("read as a table of receipts");
    };
    assert_eq!(missing, "the date");
    let endless = format!("till,number,date\n1,\"{}", "x".repeat(3 << 20));
    let mut table = Table::new(endless.as_bytes(), mapping()).unwrap();
    assert!(matches!(table.next(), Err(TableError::RowTooLong { line: 2 })));
    assert!(matches!(table.next(), Ok(None)));
}

#[test]
fn json_lines_are_documents_and_bad_ones_are_passed_over() {
    let text = "{\"at\":\"2025-11-21T01:30:00Z\",\"till\":\"t\",\"amount\":1.5}\n\nnonsense\n";
    let settings = push::Settings { currency: Currency::new("CNY"), ..push::Settings::default() };
    let mut lines = JsonLines::new(text.as_bytes(), settings);
    assert_eq!(lines.next().unwrap().unwrap().receipt.unwrap().total, Some(150));
    let bad = lines.next().unwrap().unwrap();
    assert_eq!((bad.line, bad.receipt.is_err()), (3, true));
    assert_eq!(lines.next().unwrap(), None);
}

proptest! {
    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..200, byte in any::<u8>()) {
        let _ = Table::new(&bytes[..], mapping());
        let mut near = CHINESE.as_bytes().to_vec();
        let len = near.len();
        near[at % len] = byte;
        if let Ok(mut table) = Table::new(&near[..], mapping()) {
            while let Ok(Some(_)) = table.next() {}
        }
    }
}
