//! Why an observation goes no further, and why keys or lists cannot be used.

use std::io;
use std::path::PathBuf;

/// Why an observation went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Weaker than `privacy.rssi_floor`.
    RssiFloor,
    /// There is a floor and the radio gave no strength.
    NoRssi,
    /// Heard in one of `privacy.excluded_zones`.
    ExcludedZone,
    /// Outside of `privacy.opening_hours`.
    Closed,
    /// Its owner is on an opt-out list.
    OptedOut,
    /// Of somebody who was erased, or withdrew their consent, earlier today.
    Erased,
    /// From before the current business day, whose key is all there is.
    BeforeKey,
    /// Of a later day than the wall clock's, by more than an hour: the clock of the source is wrong.
    AfterKey,
    /// A tag of somebody who works here.
    StaffTag,
    /// A tag on a thing, or a fixed beacon of the site map.
    AssetTag,
    /// Of a sensor or till the site map does not have.
    Unknown,
}

impl Dropped {
    /// All reasons with their names in metrics.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::RssiFloor, "rssi_floor"),
        (Self::NoRssi, "no_rssi"),
        (Self::ExcludedZone, "excluded_zone"),
        (Self::Closed, "outside_opening_hours"),
        (Self::OptedOut, "opted_out"),
        (Self::Erased, "erased"),
        (Self::BeforeKey, "before_key"),
        (Self::AfterKey, "after_key"),
        (Self::StaffTag, "staff_tag"),
        (Self::AssetTag, "asset_tag"),
        (Self::Unknown, "unknown_sensor_or_till"),
    ];
}

/// The keys or lists cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// The key file cannot be read or written.
    #[error("key file {}: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key file is not what we wrote.
    #[error(
        "key file {} is damaged or cut short; copy it from another gateway of this group, or remove it to start \
         with a new key (pseudonyms of today change)",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Others could read the key.
    #[error("key file {} can be read by others (mode {mode:04o}); run: chmod 600 {}", path.display(), path.display())]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The key is too old for the clock to be believed.
    #[error(
        "key file {} is {days} days behind the clock; set the clock, or, if it is right, copy the file from another \
         gateway of this group or remove it to start with a new key",
        path.display()
    )]
    Leap {
        /// The file.
        path: PathBuf,
        /// How far behind.
        days: i32,
    },
    /// A first key needs a date.
    #[error("the clock is before 2025, so no key can be made for {}; set the clock, or wait for NTP", path.display())]
    Clock {
        /// The file.
        path: PathBuf,
    },
    /// A list cannot be used.
    #[error("privacy.{name} {}: {source}", path.display())]
    List {
        /// Its key in the configuration.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The site's time zone is not in the database.
    #[error("no time zone {0:?}; is the tzdata package installed?")]
    TimeZone(String),
}
