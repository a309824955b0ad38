//! The list of members who agreed to be linked: a text file, one member number a line.

use std::io::{self, Read as _};
use std::path::Path;
use zeroize::Zeroizing;

/// Reads the file of members who agreed; the text is wiped when dropped.
pub(crate) fn read_consent_list(path: &Path) -> io::Result<Zeroizing<String>> {
    let file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    if size > MAX_CONSENT_LIST {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("larger than {} MiB", MAX_CONSENT_LIST >> 20),
        ));
    }
    let mut text = Zeroizing::new(String::with_capacity(size as usize + 1));
    file.take(MAX_CONSENT_LIST).read_to_string(&mut text)?;
    Ok(text)
}

/// The numbers of a consent list: one a line; blank lines and those that begin with `#` are skipped.
pub(crate) fn member_numbers(list: &str) -> impl Iterator<Item = &str> {
    list.trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
}

/// Three million members.
const MAX_CONSENT_LIST: u64 = 64 << 20;
