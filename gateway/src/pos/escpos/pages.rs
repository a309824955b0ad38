//! Code pages: what the bytes 0x20…0xFF of a printer's text mean.
//!
//! `ESC t n` selects one of the printer's single-byte pages, and every maker numbers them differently
//! ([`Page::numbered`]; a till's settings override single numbers). Double-byte characters are a mode of their
//! own, on or off ([`MultiByte`]). Tables: encoding_rs (WHATWG) and oem_cp (IBM/Microsoft OEM pages).

use super::table::Dialect;
use encoding_rs::Encoding;
use oem_cp::code_table as oem;

/// The upper half of a single-byte page, or an encoding of several bytes a character.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Page {
    /// An OEM page.
    Oem(&'static [char; 128]),
    /// An OEM page with holes.
    OemPartial(&'static [Option<char>; 128]),
    /// A single-byte page of the WHATWG's.
    Ansi(&'static Encoding),
    /// Japanese printers' page 1: half-width katakana (JIS X 0201) among lines, blocks and signs.
    Katakana,
    /// Star's page 0, "Normal".
    Star,
    /// Star's page 2: the same with half-width katakana for letters.
    StarKatakana,
    /// Several bytes a character.
    Multi(MultiByte),
}

/// Encodings of Chinese, Japanese and Korean text, and UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MultiByte {
    /// Mainland China; covers GBK and GB 2312.
    Gb18030,
    /// Taiwan and Hong Kong, with the HKSCS characters.
    Big5,
    /// Korea: EUC-KR and its superset CP949.
    EucKr,
    /// Japan.
    ShiftJis,
    /// Japan: two bytes of seven bits (JIS X 0208), in the mode that `FS &` begins.
    Jis,
    /// Android printers, and Bematech's page 8.
    Utf8,
}

impl Page {
    /// A page by its name: `cp437`, `cp850`, `katakana`, `windows-1252`, `iso-8859-2`, `gb18030`, `big5`, …
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        match &*name {
            "katakana" => return Some(Self::Katakana),
            "jis" => return Some(Self::Multi(MultiByte::Jis)),
            _ => {}
        }
        if let Some(number) = name.strip_prefix("cp").and_then(|n| n.parse().ok()) {
            return Self::code_page(number);
        }
        let encoding = Encoding::for_label(name.as_bytes())?;
        match MultiByte::of(encoding) {
            Some(multi) => Some(Self::Multi(multi)),
            None => encoding.is_single_byte().then_some(Self::Ansi(encoding)),
        }
    }

    /// A page by IBM's or Microsoft's number.
    pub fn code_page(number: u16) -> Option<Self> {
        Some(match number {
            437 => Self::Oem(&oem::DECODING_TABLE_CP437),
            720 => Self::Oem(&oem::DECODING_TABLE_CP720),
            737 => Self::Oem(&oem::DECODING_TABLE_CP737),
            775 => Self::Oem(&oem::DECODING_TABLE_CP775),
            850 => Self::Oem(&oem::DECODING_TABLE_CP850),
            852 => Self::Oem(&oem::DECODING_TABLE_CP852),
            855 => Self::Oem(&oem::DECODING_TABLE_CP855),
            857 => Self::OemPartial(&oem::DECODING_TABLE_CP857),
            858 => Self::Oem(&oem::DECODING_TABLE_CP858),
            860 => Self::Oem(&oem::DECODING_TABLE_CP860),
            861 => Self::Oem(&oem::DECODING_TABLE_CP861),
            862 => Self::Oem(&oem::DECODING_TABLE_CP862),
            863 => Self::Oem(&oem::DECODING_TABLE_CP863),
            864 => Self::OemPartial(&oem::DECODING_TABLE_CP864),
            865 => Self::Oem(&oem::DECODING_TABLE_CP865),
            866 => Self::Oem(&oem::DECODING_TABLE_CP866),
            869 => Self::Oem(&oem::DECODING_TABLE_CP869),
            874 => Self::OemPartial(&oem::DECODING_TABLE_CP874),
            932 => Self::Multi(MultiByte::ShiftJis),
            936 => Self::Multi(MultiByte::Gb18030),
            949 => Self::Multi(MultiByte::EucKr),
            950 => Self::Multi(MultiByte::Big5),
            1250..=1258 => Self::Ansi(Encoding::for_label(format!("windows-{number}").as_bytes())?),
            65001 => Self::Multi(MultiByte::Utf8),
            _ => return None,
        })
    }

    /// What `ESC t n` (Star: `ESC GS t n`) selects on a printer of this dialect; `None` when the page is not
    /// known, or is one we have no table of (Thai, Vietnamese, Farsi, user-defined).
    pub fn numbered(dialect: Dialect, n: u8) -> Option<Self> {
        match dialect {
            Dialect::Epson => epson(n),
            Dialect::Bematech => match n {
                9 => Some(Self::Multi(MultiByte::Big5)),
                _ => numbered_from(2, &[850, 437, 860, 858, 866, 864, 65001, 0, 0, 932, 936], n),
            },
            Dialect::Daruma if n == 1 => Some(Self::Ansi(encoding_rs::WINDOWS_1252)),
            Dialect::Daruma => numbered_from(2, &[850, 1252, 437], n),
            Dialect::Sweda => numbered_from(0, &[437, 1252, 850, 437, 860, 858], n),
            Dialect::Star if n == 0 => Some(Self::Star),
            Dialect::Star if n == 2 => Some(Self::StarKatakana),
            Dialect::Star if n >= 32 => numbered_from(32, &[1252, 1250, 1251], n),
            Dialect::Star => numbered_from(
                0,
                &[
                    0, 437, 0, 437, 858, 852, 860, 861, 863, 865, 866, 855, 857, 862, 864, 737, 0, 869, 0, 0,
                    0, 874,
                ],
                n,
            ),
        }
    }

    /// The characters of 0x80…0xFF; U+FFFD where there is none. Of a multi-byte page: all U+FFFD.
    pub fn table(self) -> [char; 128] {
        let missing = char::REPLACEMENT_CHARACTER;
        match self {
            Self::Oem(table) => table.map(|c| if c.is_control() { missing } else { c }),
            // The euro came later, where PC857 had nothing.
            Self::OemPartial(table) if core::ptr::eq(table, &oem::DECODING_TABLE_CP857) => {
                let mut page = table.map(|c| c.unwrap_or(missing));
                page[0x55] = '€';
                page
            }
            Self::OemPartial(table) => table.map(|c| c.filter(|c| !c.is_control()).unwrap_or(missing)),
            Self::Multi(_) => [missing; 128],
            Self::Katakana => listed(KATAKANA),
            Self::Star => listed(STAR),
            Self::StarKatakana => {
                let (star, katakana) = (listed(STAR), listed(KATAKANA));
                core::array::from_fn(|i| if (0x21..=0x5f).contains(&i) { katakana[i] } else { star[i] })
            }
            Self::Ansi(encoding) => core::array::from_fn(|i| {
                let byte = [i as u8 | 0x80];
                let (text, _) = encoding.decode_without_bom_handling(&byte);
                text.chars().next().filter(|c| !c.is_control()).unwrap_or(missing)
            }),
        }
    }
}

fn numbered_from(first: u8, pages: &[u16], n: u8) -> Option<Page> {
    pages.get(usize::from(n.checked_sub(first)?)).and_then(|number| Page::code_page(*number))
}

/// Epson's numbers ("ESC t"), which nearly all Chinese printers follow as far as they go.
fn epson(n: u8) -> Option<Page> {
    Page::code_page(match n {
        0 => 437,
        1 => return Some(Page::Katakana),
        2 => 850,
        3 => 860,
        4 => 863,
        5 => 865,
        13 => 857,
        14 => 737,
        15 => return Some(Page::Ansi(encoding_rs::ISO_8859_7)),
        16 => 1252,
        17 => 866,
        18 => 852,
        19 => 858,
        21 => 874,
        32 => 720,
        33 => 775,
        34 => 855,
        35 => 861,
        36 => 862,
        37 => 864,
        38 => 869,
        39 => return Some(Page::Ansi(encoding_rs::ISO_8859_2)),
        40 => return Some(Page::Ansi(encoding_rs::ISO_8859_15)),
        45..=52 => 1250 + u16::from(n - 45),
        _ => return None,
    })
}

impl MultiByte {
    fn of(encoding: &'static Encoding) -> Option<Self> {
        [Self::Gb18030, Self::Big5, Self::EucKr, Self::ShiftJis, Self::Utf8]
            .into_iter()
            .find(|m| m.encoding() == encoding || (*m == Self::Gb18030 && encoding == encoding_rs::GBK))
    }

    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Gb18030 => encoding_rs::GB18030,
            Self::Big5 => encoding_rs::BIG5,
            Self::EucKr => encoding_rs::EUC_KR,
            Self::ShiftJis => encoding_rs::SHIFT_JIS,
            Self::Jis => encoding_rs::EUC_JP,
            Self::Utf8 => encoding_rs::UTF_8,
        }
    }

    /// Bytes of the character that `bytes` begin with, or `None` when more are needed to know. Decided from
    /// the bytes alone, so that the same stream is cut the same way however it arrives. `bytes` is not empty.
    pub(super) fn char_len(self, bytes: &[u8]) -> Option<usize> {
        let lead = *bytes.first()?;
        let trail = |range: core::ops::RangeInclusive<u8>| {
            let second = bytes.get(1)?;
            Some(1 + usize::from(range.contains(second)))
        };
        match self {
            Self::Gb18030 if (0x81..=0xfe).contains(&lead) => match *bytes.get(1)? {
                b'0'..=b'9' => Some(match (bytes.get(2)?, bytes.get(3)) {
                    (0x81..=0xfe, Some(b'0'..=b'9')) => 4,
                    (0x81..=0xfe, None) => return None,
                    _ => 1,
                }),
                0x40..=0xfe => Some(2),
                _ => Some(1),
            },
            Self::Big5 | Self::EucKr if (0x81..=0xfe).contains(&lead) => trail(0x40..=0xfe),
            Self::ShiftJis if matches!(lead, 0x81..=0x9f | 0xe0..=0xfc) => trail(0x40..=0xfc),
            Self::Jis if (0x21..=0x7e).contains(&lead) => trail(0x21..=0x7e),
            Self::Utf8 => utf8_len(bytes),
            _ => Some(1),
        }
    }

    /// Decodes one character as cut by [`char_len`](Self::char_len); `None` when it is none.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<char> {
        let euc;
        let bytes = match (self, bytes) {
            (Self::Jis, &[a, b]) => {
                euc = [a | 0x80, b | 0x80];
                &euc[..]
            }
            _ => bytes,
        };
        let text = self.encoding().decode_without_bom_handling_and_without_replacement(bytes)?;
        let mut chars = text.chars();
        chars.next().filter(|c| !c.is_control())
    }

    /// Columns a character of so many bytes takes: the character cells of double-byte modes are two wide,
    /// whatever they hold; UTF-8 firmware goes by the character.
    pub(super) fn columns(self, bytes: usize, c: char) -> usize {
        let wide = match self {
            Self::Utf8 => is_wide(c),
            _ => bytes > 1,
        };
        1 + usize::from(wide)
    }
}

fn utf8_len(bytes: &[u8]) -> Option<usize> {
    let wanted = match bytes.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some(1),
    };
    for i in 1..wanted {
        if !(0x80..=0xbf).contains(bytes.get(i)?) {
            return Some(1);
        }
    }
    Some(wanted)
}

/// East Asian wide and full-width characters (Unicode Annex 11), by their blocks.
fn is_wide(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd)
}

/// 0x80…0xFF of the page "Katakana" of Epson's character code tables.
const KATAKANA: &str = concat!(
    "▁▂▃▄▅▆▇█▏▎▍▌▋▊▉┼┴┬┤├▔─│▕┌┐└┘╭╮╰╯",
    "\u{a0}｡｢｣､･ｦｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ",
    "═╞╪╡◢◣◥◤♠♥♦♣●○╱╲╳円年月日時分秒〒市区町村人▒\u{a0}",
);

/// 0x80…0xFF of Star's page "Normal"; U+FFFD where it has signs that no receipt needs.
const STAR: &str = concat!(
    " �����������├�����▘▗▖▝╱╲◥◤┌┴┬┤�╳",
    "ÄÖÜß�ªº�¢½��¥¼Āëéèēêïíìīîöóòōôüúùūûç¿��Ēↄ¡ÅøØäáàāâ°℃℉ΩµΣσ��χ∞±÷π",
    "▌▄▀▐┼┘└┐█▒�����╭���▁▍��▚▞◢◣��╰╯╮",
);

fn listed(characters: &str) -> [char; 128] {
    let mut page = [char::REPLACEMENT_CHARACTER; 128];
    page.iter_mut().zip(characters.chars()).for_each(|(place, c)| *place = c);
    page
}

/// What `ESC R n` puts in the place of `#$@[\]^`{|}~` (Epson, "ESC R"); ASCII where n is not listed.
pub(super) fn international(n: u8, c: char) -> char {
    let variant = match n {
        1 => "#$à°ç§^`éùè¨",
        2 => "#$§ÄÖÜ^`äöüß",
        3 => "£$@[\\]^`{|}~",
        4 => "#$@ÆØÅ^`æøå~",
        5 => "#¤ÉÄÖÅÜéäöåü",
        6 => "#$@°\\é^ùàòèì",
        7 => "₧$@¡Ñ¿^`¨ñ}~",
        8 => "#$@[¥]^`{|}~",
        9 => "#¤ÉÆØÅÜéæøåü",
        10 => "#$ÉÆØÅÜéæøåü",
        11 => "#$á¡Ñ¿é`íñóú",
        12 => "#$á¡Ñ¿éüíñóú",
        13 => "#$@[₩]^`{|}~",
        15 => "#¥@[\\]^`{|}~",
        _ => return c,
    };
    match "#$@[\\]^`{|}~".find(c) {
        Some(at) => variant.chars().nth(at).unwrap_or(c),
        None => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_by_name_and_by_each_makers_number() {
        assert_eq!(Page::named("CP437").unwrap().table()[0x1b], '¢'); // 0x9B
        assert_eq!(Page::named("windows-1252").unwrap().table()[0], '€');
        assert_eq!(Page::named("gbk"), Some(Page::Multi(MultiByte::Gb18030)));
        let katakana = Page::named("katakana").unwrap().table();
        assert_eq!((katakana[0x31], katakana[0x15], katakana[0x5f], katakana[0x71]), ('ｱ', '─', 'ﾟ', '円'));
        assert_eq!((KATAKANA.chars().count(), STAR.chars().count()), (128, 128));
        let star = Page::numbered(Dialect::Star, 0).unwrap().table();
        assert_eq!((star[0x30], star[0x51], star[0x4d]), ('é', 'â', 'ä'));
        let star = Page::numbered(Dialect::Star, 2).unwrap().table();
        assert_eq!((star[0x31], star[0x64]), ('ｱ', '┼'));
        assert_eq!(Page::numbered(Dialect::Epson, 13).unwrap().table()[0x55], '€');
        assert_eq!(Page::named("cp1"), None);
        let page = |dialect, n| Page::numbered(dialect, n);
        assert_eq!(page(Dialect::Epson, 16), page(Dialect::Daruma, 3));
        assert_eq!(page(Dialect::Epson, 0), page(Dialect::Bematech, 3));
        assert_eq!(page(Dialect::Bematech, 8), Some(Page::Multi(MultiByte::Utf8)));
        assert_eq!(page(Dialect::Sweda, 1), page(Dialect::Star, 32));
        assert_eq!(page(Dialect::Epson, 255), None);
    }

    #[test]
    fn no_page_yields_a_control_character() {
        let pages =
            Dialect::ALL.into_iter().flat_map(|d| (0..=255).filter_map(move |n| Page::numbered(d, n)));
        for page in pages {
            assert!(page.table().iter().all(|c| !c.is_control()), "{page:?}");
        }
    }

    #[test]
    fn characters_are_cut_by_their_bytes() {
        let len = |m: MultiByte, bytes: &[u8]| m.char_len(bytes);
        assert_eq!(len(MultiByte::Gb18030, &[0xd0]), None);
        assert_eq!(len(MultiByte::Gb18030, &[0xd0, 0xa1]), Some(2));
        assert_eq!(len(MultiByte::Gb18030, &[0x82, 0x35, 0x8f]), None);
        assert_eq!(len(MultiByte::Gb18030, &[0x82, 0x35, 0x8f, 0x33]), Some(4));
        assert_eq!(len(MultiByte::Gb18030, &[0x82, 0x35, b'A']), Some(1));
        assert_eq!(len(MultiByte::Utf8, &[0xe4, 0xb8]), None);
        assert_eq!(len(MultiByte::Utf8, &[0xe4, b'x']), Some(1));
        assert_eq!(len(MultiByte::ShiftJis, &[0xb1]), Some(1));
        assert_eq!((len(MultiByte::Jis, b" "), len(MultiByte::Jis, b"9g")), (Some(1), Some(2)));
        assert_eq!(MultiByte::Jis.decode(b"9g"), Some('合'));
        assert_eq!(MultiByte::Gb18030.decode(&[0x82, 0x35, 0x8f, 0x33]), Some('\u{9fa6}'));
        assert_eq!(MultiByte::Gb18030.decode(&[0xd0]), None);
    }

    #[test]
    fn national_variants_replace_twelve_characters() {
        assert_eq!((international(15, '$'), international(3, '#'), international(12, '|')), ('¥', '£', 'ñ'));
        assert_eq!((international(0, '$'), international(15, 'A')), ('$', 'A'));
    }
}
