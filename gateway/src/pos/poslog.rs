//! POSLog 2.x and 6: the point of sale log of ARTS, now OMG.
//!
//! ```text
//! POSLog > Transaction* > RetailStoreID (2.x) | BusinessUnit > UnitID (6), WorkstationID, SequenceNumber,
//!   BusinessDayDate, BeginDateTime, EndDateTime, ReceiptDateTime, CurrencyCode, and one of
//!   RetailTransaction > LineItem* > Sale | Return | Tender | Tax | LoyaltyAccount …, Total*, TransactionLink*
//!   ControlTransaction, TenderControlTransaction, …: counted; they consume numbers, so a gap is no lost sale
//! ```
//!
//! What differs in version 6, as far as receipts go: the store is a `BusinessUnit/UnitID`; amounts carry their
//! currency as an attribute (`Currency`, `CurrencyCode`), where 2.x has one `CurrencyCode` for the transaction; the
//! printed number may stand in `ReceiptNumber` beside the `SequenceNumber`, and a `TransactionID` beside both; the time
//! may be a `ReceiptDateTime` or a `POSLogDateTime`; an order that was paid is a `CustomerOrderTransaction`. All of both
//! is understood wherever it stands, so that documents which mix them are read, too, and so is the `DigitalReceipt` of
//! the same family. Vendors' own elements are passed over, but for the loyalty number of NCR's.
//!
//! A void takes back what it links to; a transaction whose status is `Voided` or `PostVoided` and that links to nothing,
//! what was logged under its own number. What was broken off (`CancelFlag`, `Canceled`), suspended or made in training
//! was not sold.
//!
//! Elements are matched by namespace and local name: that of ARTS ([`NAMESPACE`]) in any of its spellings, which name
//! nrf-arts.org, omg.org or IXRetail; a document without any namespace counts as in it. Invariants: one transaction is
//! in memory at a time; an element, a comment or a text longer than [`MAX_EVENT`] bytes and a nesting deeper than
//! [`MAX_DEPTH`] (or open tags of more bytes than that together) end the document with an error, as do a document type
//! declaration and entities other than the five of XML; card numbers of tenders are never read.

mod builder;
mod limit;
mod names;
mod payment;

use self::builder::Builder;
use self::limit::Limited;
use self::names::Name;
use super::encoding::{AnyBytes, Utf8};
use super::receipt::Receipt;
use jiff::tz::TimeZone;
use quick_xml::NsReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use std::io::{self, BufRead};
use visit_core::observation::Currency;

/// The namespace of ARTS, as it is usually written.
pub const NAMESPACE: &str = "http://www.nrf-arts.org/IXRetail/namespace/";
/// The longest tag, comment or text, bytes.
pub const MAX_EVENT: usize = 1 << 20;
/// The deepest nesting of elements.
pub const MAX_DEPTH: usize = 64;

/// What a document does not say.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// For times without an offset.
    pub zone: Option<TimeZone>,
    /// For documents without a currency.
    pub currency: Option<Currency>,
}

/// What became of the transactions of a document. All retail transactions are yielded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Transactions that ended.
    pub transactions: u64,
    /// Retail transactions: receipts.
    pub retail: u64,
    /// Control transactions: signing on and off, no sale.
    pub control: u64,
    /// Other transactions: tender control, inventory, …
    pub other: u64,
    /// Lines the cashier voided, in receipts.
    pub voided_lines: u64,
}

/// Why a document cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum PosLogError {
    /// The bytes cannot be read, or an element is too long.
    #[error(transparent)]
    Io(io::Error),
    /// Not well-formed XML.
    #[error("no well-formed XML at byte {at} ({what}); the transactions before it were read")]
    Xml {
        /// Byte of the document, after decoding to UTF-8.
        at: u64,
        /// What is wrong.
        what: String,
    },
    /// Another kind of document.
    #[error(
        "no POSLog: the outermost element is not POSLog in the namespace {NAMESPACE}, another of nrf-arts.org or omg.org, or none"
    )]
    NotPosLog,
    /// A document type declaration.
    #[error("a document type declaration, which is refused: POSLog needs none, and entities can do harm")]
    DocumentType,
    /// An entity that XML does not define by itself.
    #[error("at byte {at} an entity that XML does not define by itself; such are refused")]
    Entity {
        /// Byte of the document.
        at: u64,
    },
    /// Elements too deep within each other.
    #[error(
        "at byte {at} elements nest deeper than {MAX_DEPTH}, or their tags are longer than 1 MiB together"
    )]
    TooDeep {
        /// Byte of the document.
        at: u64,
    },
    /// The document ends before its elements do.
    #[error("the document ends within an element; the transactions before it were read")]
    Cut,
}

/// The receipts of a document, one at a time.
pub struct PosLog<'a> {
    reader: NsReader<Limited<Utf8<AnyBytes<'a>>>>,
    settings: Settings,
    buffer: Vec<u8>,
    /// Elements that are open, outermost first.
    path: Vec<Name>,
    /// Bytes of the tags that are open, each and all: the reader keeps them.
    tags: Vec<usize>,
    tag_bytes: usize,
    text: String,
    builder: Option<Builder>,
    /// Whether the outermost element was in no namespace.
    bare: bool,
    begun: bool,
    ended: bool,
    tally: Tally,
}

impl<'a> PosLog<'a> {
    /// A document. Its encoding is told by its byte order mark or its XML declaration.
    pub fn new(bytes: impl BufRead + Send + 'a, settings: Settings) -> io::Result<Self> {
        let mut bytes: AnyBytes<'a> = Box::new(bytes);
        let label = declared_encoding(bytes.fill_buf()?);
        let mut reader = NsReader::from_reader(Limited::new(Utf8::new(bytes, Some(&label))?, MAX_EVENT));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        Ok(Self {
            reader,
            settings,
            buffer: Vec::new(),
            path: Vec::new(),
            tags: Vec::new(),
            tag_bytes: 0,
            text: String::new(),
            builder: None,
            bare: false,
            begun: false,
            ended: false,
            tally: Tally::default(),
        })
    }

    /// The next receipt; `None` at the end. After an error there is no more.
    #[allow(clippy::should_implement_trait)] // an error is not an item
    pub fn next(&mut self) -> Result<Option<Receipt>, PosLogError> {
        while !self.ended {
            match self.step() {
                Ok(Some(receipt)) => return Ok(Some(receipt)),
                Ok(None) => {}
                Err(e) => {
                    self.ended = true;
                    return Err(e);
                }
            }
        }
        Ok(None)
    }

    /// What became of the transactions so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// One event of the document.
    fn step(&mut self) -> Result<Option<Receipt>, PosLogError> {
        self.buffer.clear();
        self.reader.get_mut().begin();
        let at = self.reader.buffer_position();
        let (namespace, event) =
            self.reader.read_resolved_event_into(&mut self.buffer).map_err(|e| failure(e, at))?;
        match event {
            Event::Start(tag) => {
                let name = name(&namespace, &tag, self.bare);
                if !self.begun {
                    self.begun = true;
                    self.bare = matches!(namespace, ResolveResult::Unbound);
                    let known = if self.bare { Name::of(tag.local_name().as_ref()) } else { name };
                    if !matches!(known, Name::PosLog | Name::Transaction) {
                        return Err(PosLogError::NotPosLog);
                    }
                    open(&mut self.path, &mut self.builder, known, &tag);
                } else {
                    open(&mut self.path, &mut self.builder, name, &tag);
                }
                self.tags.push(tag.len());
                self.tag_bytes += tag.len();
                if self.path.len() > MAX_DEPTH || self.tag_bytes > MAX_EVENT {
                    return Err(PosLogError::TooDeep { at });
                }
                self.text.clear();
            }
            Event::End(_) => {
                let receipt = self.close();
                self.text.clear();
                self.path.pop();
                self.tag_bytes -= self.tags.pop().unwrap_or(0);
                return Ok(receipt);
            }
            Event::Text(text) if self.builder.is_some() => {
                // A stream of UTF-8 was promised; what is not was replaced before.
                let text = text.xml10_content().map_err(|e| failure(e.into(), at))?;
                append(&mut self.text, &text);
            }
            Event::CData(text) if self.builder.is_some() => {
                let text = text.xml10_content().map_err(|e| failure(e.into(), at))?;
                append(&mut self.text, &text);
            }
            Event::GeneralRef(entity) => {
                let c = character(&entity).ok_or(PosLogError::Entity { at })?;
                append(&mut self.text, c.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(PosLogError::DocumentType),
            Event::Eof => {
                self.ended = true;
                if !self.begun {
                    return Err(PosLogError::NotPosLog);
                }
                if !self.path.is_empty() {
                    return Err(PosLogError::Cut);
                }
            }
            _ => {}
        }
        Ok(None)
    }

    /// The innermost element has ended.
    fn close(&mut self) -> Option<Receipt> {
        let builder = self.builder.as_mut()?;
        if self.path.last() != Some(&Name::Transaction) {
            builder.element(&self.path, &self.text);
            return None;
        }
        let builder = self.builder.take()?;
        self.tally.transactions += 1;
        match builder.what() {
            builder::What::Retail => {
                let receipt = builder.finish(&self.settings);
                self.tally.retail += 1;
                self.tally.voided_lines += u64::from(receipt.voided_items);
                Some(receipt)
            }
            builder::What::Control => {
                self.tally.control += 1;
                None
            }
            builder::What::Other => {
                self.tally.other += 1;
                None
            }
        }
    }
}

fn open(path: &mut Vec<Name>, builder: &mut Option<Builder>, name: Name, tag: &BytesStart<'_>) {
    path.push(name);
    if name == Name::Transaction && builder.is_none() {
        *builder = Some(Builder::default());
    }
    if let Some(builder) = builder {
        builder.open(path, tag);
    }
}

fn name(namespace: &ResolveResult<'_>, tag: &BytesStart<'_>, bare: bool) -> Name {
    let local = tag.local_name();
    match namespace {
        ResolveResult::Bound(ns) if is_arts(ns.0) => Name::of(local.as_ref()),
        ResolveResult::Bound(ns) if ns.0.starts_with(NCR.as_bytes()) => Name::of_ncr(local.as_ref()),
        ResolveResult::Unbound if bare => Name::of(local.as_ref()),
        _ => Name::Foreign,
    }
}

/// The vendor's namespace begins with this, whatever its version.
const NCR: &str = "http://www.ncr.com/rsd/acs/tlog/markup/poslog/";

/// `http://www.nrf-arts.org/IXRetail/namespace/`, `…/IXRetail/v6.0.0/poslog`, and what they became at OMG.
fn is_arts(namespace: &[u8]) -> bool {
    let lower = namespace.to_ascii_lowercase();
    let has = |part: &[u8]| lower.windows(part.len()).any(|w| w == part);
    has(b"nrf-arts.org") || has(b"omg.org") || has(b"ixretail")
}

/// No field is longer than this; the rest of a text is passed over.
const MAX_TEXT: usize = 4 << 10;

fn append(text: &mut String, more: &str) {
    let room = MAX_TEXT.saturating_sub(text.len());
    text.push_str(&more[..more.floor_char_boundary(room.min(more.len()))]);
}

fn character(entity: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(c)) = entity.resolve_char_ref() {
        return Some(c);
    }
    match &**entity {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => None,
    }
}

fn failure(e: quick_xml::Error, at: u64) -> PosLogError {
    match e {
        quick_xml::Error::Io(e) => PosLogError::Io(io::Error::new(e.kind(), e.to_string())),
        // Messages repeat names of elements, which are of no one.
        other => PosLogError::Xml { at, what: other.to_string().chars().take(120).collect() },
    }
}

/// What the XML declaration says, or UTF-8 (XML 1.0 §4.3.3). The declaration is ASCII in every encoding that is
/// not UTF-16, which has a byte order mark.
fn declared_encoding(start: &[u8]) -> String {
    let start = &start[..start.len().min(256)];
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let declaration = String::from_utf8_lossy(start);
    let label = declaration
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
        .and_then(|(inside, _)| inside.split_once("encoding"))
        .map(|(_, rest)| rest.trim_start().trim_start_matches('=').trim_start())
        .and_then(|rest| rest.strip_prefix(['"', '\'']))
        .and_then(|rest| rest.split(['"', '\'']).next());
    match label {
        // Without its mark it cannot be UTF-16: the declaration was read byte by byte.
        Some(label) if !label.to_ascii_lowercase().starts_with("utf-16") => label.to_owned(),
        _ => "utf-8".to_owned(),
    }
}

#[cfg(test)]
mod tests;
