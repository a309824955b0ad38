//! Netlink messages (netlink(7)): a header, for generic netlink a second one, and attributes that may nest.
//!
//! ```text
//! message    0 u32 length  4 u16 type  6 u16 flags  8 u32 sequence  12 u32 port  16 …
//! generic    0 u8 command  1 u8 version  2 u16 zero  4 …
//! attribute  0 u16 length, header included  2 u16 type (upper two bits are flags)  4 …     each padded to 4
//! ```
//!
//! In the byte order of the machine. Reading is total: what runs past its end is left out.

/// Length of a message's header.
pub const HEADER: usize = 16;
/// Length of the header of generic netlink.
pub const GENERIC: usize = 4;

/// A message being written.
#[derive(Clone, Debug)]
pub struct Builder {
    bytes: Vec<u8>,
}

impl Builder {
    /// A message of a type with these flags; `fixed` is what stands before the attributes.
    pub fn new(kind: u16, flags: u16, sequence: u32, fixed: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(fixed);
        Self { bytes }
    }

    /// Adds an attribute; data longer than its length field can say is left out.
    #[must_use]
    pub fn attribute(mut self, kind: u16, data: &[u8]) -> Self {
        if let Ok(length) = u16::try_from(data.len() + 4) {
            self.bytes.extend_from_slice(&length.to_ne_bytes());
            self.bytes.extend_from_slice(&kind.to_ne_bytes());
            self.bytes.extend_from_slice(data);
            self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        }
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, kind: u16, value: u32) -> Self {
        self.attribute(kind, &value.to_ne_bytes())
    }

    /// Adds a string with the zero the kernel wants at its end.
    #[must_use]
    pub fn string(self, kind: u16, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    /// The message.
    pub fn finish(mut self) -> Vec<u8> {
        let length = self.bytes.len() as u32;
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes
    }
}

/// A message that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Its type.
    pub kind: u16,
    /// The number of the request it answers.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// The messages of a datagram.
#[derive(Clone, Debug)]
pub struct Messages<'a>(pub &'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let bytes = self.0;
        let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
        let body = bytes.get(HEADER..length)?;
        self.0 = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
        let sequence = u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        Some(Message { kind, sequence, body })
    }
}

/// An attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type, without flags.
    pub kind: u16,
    /// What it holds.
    pub data: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// As a number of 32 bits.
    pub fn u32(&self) -> Option<u32> {
        self.data.first_chunk().map(|b| u32::from_ne_bytes(*b))
    }

    /// As a number of 16 bits.
    pub fn u16(&self) -> Option<u16> {
        self.data.first_chunk().map(|b| u16::from_ne_bytes(*b))
    }

    /// As a string, up to its zero; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        let end = self.data.iter().position(|b| *b == 0).unwrap_or(self.data.len());
        String::from_utf8_lossy(&self.data[..end]).into_owned()
    }

    /// As attributes.
    pub fn nested(&self) -> Attributes<'a> {
        Attributes(self.data)
    }
}

/// Attributes in a row.
#[derive(Clone, Debug)]
pub struct Attributes<'a>(pub &'a [u8]);

impl<'a> Attributes<'a> {
    /// The first of a type.
    pub fn find(mut self, kind: u16) -> Option<Attribute<'a>> {
        Iterator::find(&mut self, |a| a.kind == kind)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let bytes = self.0;
        let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
        let data = bytes.get(4..length)?;
        self.0 = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Attribute { kind: u16::from_ne_bytes([bytes[2], bytes[3]]) & 0x3fff, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_built_reads_back(
            kind: u16, sequence: u32, text in "[a-z]{0,15}", number: u32,
            blob in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let bytes = Builder::new(kind, 5, sequence, &[7, 1, 0, 0])
                .string(4, &text).number(0x8000 | 3, number).attribute(9, &blob).finish();
            let twice = [bytes.clone(), bytes].concat();
            let messages: Vec<_> = Messages(&twice).collect();
            prop_assert_eq!(messages.len(), 2);
            prop_assert_eq!((messages[1].kind, messages[1].sequence), (kind, sequence));
            let attributes = Attributes(&messages[1].body[GENERIC..]);
            prop_assert_eq!(attributes.clone().find(4).unwrap().text(), text);
            prop_assert_eq!(attributes.clone().find(3).unwrap().u32(), Some(number));
            prop_assert_eq!(attributes.find(9).unwrap().data, &blob[..]);
        }

        #[test]
        fn no_bytes_make_it_panic_or_go_on_for_ever(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let nested: usize = Messages(&bytes).flat_map(|m| Attributes(m.body)).map(|a| a.nested().count()).sum();
            prop_assert!(nested <= bytes.len());
            prop_assert!(Attributes(&bytes).count() <= bytes.len());
        }
    }
}
