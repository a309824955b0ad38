//! The built-in mall: its site map, its members and the beacons they carry. All of it is invented.

/// The site map, as `site.toml` would hold it.
pub const TOML: &str = include_str!("site.toml");

/// IANA time zone of the built-in mall, as in its site map.
pub const TIMEZONE: &str = "Asia/Shanghai";

/// Member numbers of those who agreed to be linked: the consent list of the demo.
///
/// Members of the generated day who are not on it exist as well; nothing may link those.
pub const CONSENTED: &[&str] = &[
    "M100017", "M100023", "M100038", "M100041", "M100056", "M100064", "M100079", "M100085", "M100092",
    "M100108", "M100113", "M100127", "M100134", "M100146", "M100151", "M100169",
];

/// Proximity UUID of the beacons that members carry. Major is 1, minor the member's place in [`CONSENTED`].
pub const MEMBER_TAG_UUID: [u8; 16] =
    [0x4c, 0x43, 0x0d, 0x3e, 0x6a, 0x51, 0x4f, 0x0b, 0x9b, 0x7e, 0x21, 0xc8, 0x5d, 0x90, 0x3f, 0x17];
