//! Receipts as rows: CSV as tills export it, and JSON lines.
//!
//! CSV (RFC 4180, `\n` or `\r\n`): the first row names the columns; one row is one receipt. The delimiter is
//! the one of `,` `;` and tab that the first row has most of, unless it is given. Columns are found by the names
//! that systems give them, Chinese and English ([`Column::known_names`]), or by those of a [`Mapping`]. Others
//! are passed over. Encoding: see [`super::encoding`].
//!
//! JSON lines: each line is a document of [`super::push`].
//!
//! A row or a line is used as a whole or not at all; what is wrong with it is told with its number, and the next
//! is read. A row longer than [`MAX_ROW`] bytes ends the table: it is one quote that was never closed.

use super::encoding::{AnyBytes, Utf8};
use super::money::Decimal;
use super::push::{self, Problem};
use super::receipt::{Feed, Link, Member, Receipt};
use super::when;
use crate::log::{Line, Lines};
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::io::{self, BufRead, Read};
use visit_core::observation::{Currency, ReceiptKind};

/// The longest row, bytes.
pub const MAX_ROW: u64 = 1 << 20;
/// Columns of a table.
pub const MAX_COLUMNS: usize = 256;

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident: $($known:literal)+,)+) => {
        /// What a column holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Column {
            $($(#[$doc])* $name,)+
        }

        impl Column {
            /// Every column.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The names it is found by: lower case, without blanks, hyphens and underscores.
            pub fn known_names(self) -> &'static [&'static str] {
                match self {
                    $(Self::$name => &[$($known,)+],)+
                }
            }
        }
    };
}

columns! {
    /// The store.
    Store: "store" "storecode" "storeid" "shop" "shopcode" "storeno" "storenumber" "shopid" "shopno" "店铺"
        "店铺号" "店铺编码" "门店号" "门店编码" "店号" "店铺编号" "门店" "门店编号" "商铺号",
    /// The till.
    Till: "till" "tillid" "register" "terminal" "workstation" "pos" "收银机" "收银机号" "机号" "机台号" "款台" "款台号" "收银台"
        "pos号" "pos机号" "posid" "posno",
    /// Number of the receipt.
    Number: "number" "no" "receipt" "receiptno" "receiptnumber" "txdocno" "docno" "billno" "小票号" "小票编号"
        "小票号码" "单号" "单据号" "单据编号" "流水号" "交易流水号" "销售单号" "订单号" "订单编号" "交易号" "交易编号" "transaction"
        "transactionid" "transactionno" "orderno" "receiptid" "ticketno" "invoiceno",
    /// Date and time, or a date where there is a column of times.
    Date: "at" "date" "datetime" "txdate" "txdateyyyymmdd" "saledate" "日期" "交易日期" "销售日期" "交易时间" "销售时间",
    /// Time of day.
    Time: "time" "txtime" "txtimehhmmss" "saletime" "时间",
    /// Business date.
    BusinessDate: "businessdate" "businessdaydate" "bizdate" "营业日" "营业日期",
    /// Sale, refund or void.
    Type: "type" "kind" "salestype" "类型" "单据类型" "交易类型",
    /// Total, decimal.
    Amount: "amount" "total" "netamount" "grandtotal" "totalamount" "金额" "合计" "总金额" "总额" "合计金额" "交易金额"
        "实付金额" "应付金额" "实收金额" "应收金额" "销售金额" "净金额",
    /// ISO 4217 code.
    Currency: "currency" "currencycode" "币种",
    /// Member number.
    Member: "member" "memberno" "membernumber" "vipcode" "vip" "会员" "会员号" "会员卡号",
    /// Number of the sale that is taken back.
    RefersTo: "refersto" "orgtxdocno" "originalnumber" "原单号" "原销售单号" "原小票号",
}

/// How a table is to be read.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// Names of columns that are not among the known ones.
    pub columns: HashMap<String, Column>,
    /// `,`, `;` or a tab; told by the first row when left out.
    pub delimiter: Option<u8>,
    /// A label of the WHATWG encoding standard; told by the first bytes when left out.
    pub encoding: Option<String>,
    /// For times without an offset.
    pub zone: Option<TimeZone>,
    /// For rows without a currency.
    pub currency: Option<Currency>,
    /// The feed has a till: rows need not name one.
    pub till_known: bool,
}

/// Why a table cannot be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The bytes cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The first row lacks what no receipt can do without.
    #[error("the first row names no column for {missing}; known names are {known}")]
    Header {
        /// Which.
        missing: &'static str,
        /// What it may be called.
        known: String,
    },
    /// More columns than a table of receipts has.
    #[error("more than {MAX_COLUMNS} columns")]
    TooWide,
    /// A row without end.
    #[error("line {line}: a row is longer than 1 MiB; probably a quote is not closed")]
    RowTooLong {
        /// Where it begins.
        line: u64,
    },
}

/// One row or line: the receipt, or all that is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Line of the file, from 1.
    pub line: u64,
    /// What it holds.
    pub receipt: Result<Receipt, Vec<Problem>>,
}

/// The receipts of a CSV table.
pub struct Table<'a> {
    rows: csv::Reader<Rationed<Utf8<AnyBytes<'a>>>>,
    record: csv::StringRecord,
    at: Vec<(Column, usize)>,
    mapping: Mapping,
    ended: bool,
}

impl<'a> Table<'a> {
    /// Reads the first row.
    pub fn new(bytes: impl BufRead + Send + 'a, mapping: Mapping) -> Result<Self, TableError> {
        let mut bytes = Utf8::new(Box::new(bytes) as AnyBytes<'a>, mapping.encoding.as_deref())?;
        let delimiter = mapping.delimiter.unwrap_or(guess_delimiter(bytes.fill_buf()?));
        let rationed = Rationed { inner: bytes, left: MAX_ROW };
        // The reader asks for whole buffers: with small ones a row cannot hide in what was read ahead.
        let mut rows = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            // A carriage return before it is a blank at the end of a cell. So lines are counted right.
            .terminator(csv::Terminator::Any(b'\n'))
            .flexible(true)
            .has_headers(false)
            .buffer_capacity(8 << 10)
            .from_reader(rationed);
        let mut record = csv::StringRecord::new();
        read_row(&mut rows, &mut record, 1)?;
        if record.len() > MAX_COLUMNS {
            return Err(TableError::TooWide);
        }
        let at = columns(&record, &mapping)?;
        Ok(Self { rows, record, at, mapping, ended: false })
    }

    /// The next row; `None` at the end. After an error there is no more.
    #[allow(clippy::should_implement_trait)] // an error is not an item
    pub fn next(&mut self) -> Result<Option<Row>, TableError> {
        while !self.ended {
            let line = self.rows.position().line();
            match read_row(&mut self.rows, &mut self.record, line) {
                Ok(true) if self.record.iter().all(|cell| cell.trim().is_empty()) => {}
                Ok(true) => {
                    let line = self.record.position().map_or(line, csv::Position::line);
                    return Ok(Some(Row { line, receipt: self.receipt() }));
                }
                Ok(false) => self.ended = true,
                Err(e) => {
                    self.ended = true;
                    return Err(e);
                }
            }
        }
        Ok(None)
    }

    fn cell(&self, column: Column) -> Option<&str> {
        let (_, index) = self.at.iter().find(|(c, _)| *c == column)?;
        self.record.get(*index).map(str::trim).filter(|cell| !cell.is_empty())
    }

    fn receipt(&self) -> Result<Receipt, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |column: Column, what: &str| {
            problems.push(Problem { path: format!("{column:?}").to_lowercase(), what: what.to_owned() });
        };
        let mut r = Receipt { feed: Feed::Table, ..Receipt::default() };
        r.store = self.cell(Column::Store).and_then(|t| r.text(t));
        r.till = self.cell(Column::Till).and_then(|t| r.text(t));
        r.number = self.cell(Column::Number).and_then(|t| r.text(t));
        r.member = self.cell(Column::Member).and_then(Member::new);
        r.refers_to = self
            .cell(Column::RefersTo)
            .and_then(|t| r.text(t))
            .map(|number| Link { number: Some(number), ..Link::default() });
        r.kind = kind(self.cell(Column::Type)).unwrap_or_else(|| {
            wrong(Column::Type, "is unknown; wanted sale, refund or void (SA, SR; 销售, 退货, 作废)");
            ReceiptKind::Sale
        });
        r.currency = match self.cell(Column::Currency) {
            None => self.mapping.currency,
            Some(code) => Currency::new(code).or_else(|| {
                wrong(Column::Currency, "is no ISO 4217 code; wanted three capital letters");
                None
            }),
        };
        let zone = self.mapping.zone.as_ref();
        let day = self.cell(Column::Date);
        r.end = day.and_then(|day| match self.cell(Column::Time) {
            Some(time) => when::date_and_time(day, time, zone).or_else(|| when::moment(time, zone)),
            None => when::moment(day, zone),
        });
        if r.end.is_none() {
            wrong(
                Column::Date,
                "is no date with a time; wanted 2025-11-21 09:30:00, or a column of times beside",
            );
        }
        if let Some(day) = self.cell(Column::BusinessDate) {
            r.business_date = when::date(day);
            if r.business_date.is_none() {
                wrong(Column::BusinessDate, "is no date; wanted one like 2025-11-21");
            }
        }
        if let Some(text) = self.cell(Column::Amount) {
            match Decimal::parse(text) {
                Ok(amount) => r.total = r.minor("amount", amount),
                Err(e) => wrong(Column::Amount, &e.to_string()),
            }
        } else if r.number.is_none() {
            wrong(Column::Amount, "is empty, and so is the number");
        }
        problems.extend(r.doubts.drain(..).map(|d| Problem { path: d.field, what: d.what }));
        if !problems.is_empty() {
            return Err(problems);
        }
        r.settle();
        Ok(r)
    }
}

/// The receipts of JSON lines.
pub struct JsonLines<R: BufRead> {
    lines: Lines<R>,
    settings: push::Settings,
}

impl<R: BufRead> JsonLines<R> {
    /// The lines of `bytes`, UTF-8.
    pub fn new(bytes: R, settings: push::Settings) -> Self {
        Self { lines: Lines::new(bytes), settings }
    }

    /// The next line that is not blank; `None` at the end.
    #[allow(clippy::should_implement_trait)] // an error is not an item
    pub fn next(&mut self) -> io::Result<Option<Row>> {
        loop {
            let line = self.lines.number() + 1;
            let receipt = match self.lines.next()? {
                None => return Ok(None),
                Some(Line::Text(b"")) => continue,
                Some(Line::Text(text)) => push::parse(text, &self.settings),
                Some(Line::TooLong) => {
                    let what = "is longer than 1 MiB".to_owned();
                    Err(vec![Problem { path: "document".to_owned(), what }])
                }
            };
            return Ok(Some(Row { line, receipt }));
        }
    }
}

fn columns(names: &csv::StringRecord, mapping: &Mapping) -> Result<Vec<(Column, usize)>, TableError> {
    let mut at: Vec<(Column, usize)> = Vec::new();
    let own: HashMap<String, Column> = mapping.columns.iter().map(|(n, c)| (plain(n), *c)).collect();
    for (index, name) in names.iter().enumerate() {
        let name = plain(name);
        let known = || Column::ALL.iter().copied().find(|c| c.known_names().contains(&name.as_str()));
        let Some(mut column) = own.get(&name).copied().or_else(known) else { continue };
        let place = |at: &[(Column, usize)], column| at.iter().position(|(there, _)| *there == column);
        if let (Column::Date, Some(date), None) = (column, place(&at, Column::Date), place(&at, Column::Time))
        {
            // 交易日期 and 交易时间: each may hold both where it stands alone.
            if name.ends_with("时间") || name.ends_with("time") {
                column = Column::Time;
            } else {
                at[date].0 = Column::Time;
            }
        }
        if place(&at, column).is_none() {
            at.push((column, index));
        }
    }
    if !at.iter().any(|(there, _)| *there == Column::Date)
        && let Some(time) = at.iter_mut().find(|(there, _)| *there == Column::Time)
    {
        time.0 = Column::Date;
    }
    let has = |column| at.iter().any(|(there, _)| *there == column);
    for (missing, one_of) in [
        ("the date", &[Column::Date][..]),
        ("the till or the store", &[Column::Till, Column::Store]),
        ("the number or the amount", &[Column::Number, Column::Amount]),
    ] {
        let given = mapping.till_known && one_of.contains(&Column::Till);
        if !given && !one_of.iter().any(|c| has(*c)) {
            let known = one_of.iter().flat_map(|c| c.known_names()).copied().collect::<Vec<_>>().join(", ");
            return Err(TableError::Header { missing, known });
        }
    }
    Ok(at)
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !(c.is_whitespace() || matches!(c, '-' | '_' | '\u{feff}')))
        .collect::<String>()
        .to_lowercase()
}

fn kind(text: Option<&str>) -> Option<ReceiptKind> {
    Some(match text.unwrap_or("sale").to_lowercase().as_str() {
        "sale" | "sales" | "sa" | "s" | "销售" | "消费" | "正常" => ReceiptKind::Sale,
        "refund" | "return" | "returns" | "sr" | "r" | "退货" | "退款" | "退单" => ReceiptKind::Refund,
        "void" | "voided" | "cancelled" | "sv" | "v" | "作废" | "撤销" | "取消" => ReceiptKind::Void,
        _ => return None,
    })
}

/// Of the delimiters, the one the first line has most of outside quotes.
fn guess_delimiter(start: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in start.iter().take_while(|b| !matches!(b, b'\n' | b'\r')) {
        quoted ^= *byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += u32::from(*byte == *delimiter && !quoted);
        }
    }
    // Of equals the first: a table of one column has none.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

fn read_row<R: Read>(
    rows: &mut csv::Reader<Rationed<R>>,
    record: &mut csv::StringRecord,
    line: u64,
) -> Result<bool, TableError> {
    rows.get_mut().left = MAX_ROW;
    rows.read_record(record).map_err(|e| match e.into_kind() {
        csv::ErrorKind::Io(e) if e.kind() == io::ErrorKind::FileTooLarge => TableError::RowTooLong { line },
        csv::ErrorKind::Io(e) => TableError::Io(e),
        // The bytes are UTF-8, rows may differ in length, and nothing is deserialised.
        other => TableError::Io(io::Error::new(io::ErrorKind::InvalidData, format!("{other:?}"))),
    })
}

/// Fails when one row takes more bytes than it may.
struct Rationed<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.inner.read(out)?;
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
