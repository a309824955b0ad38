//! The log in the journal, with fields: `journalctl -u edge-agent F_FEED="printer till-1"`.
//!
//! systemd says with `$JOURNAL_STREAM` which file of ours is its journal. Where that is standard error, records go to
//! the journal's own socket, level and fields apart; text of several lines stays one record. What is in them is what
//! would be in the text.

use std::os::fd::AsFd;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

/// The layer, where `file` (standard error) is the journal and its socket can be had.
pub fn layer<S>(file: impl AsFd) -> Option<Box<dyn Layer<S> + Send + Sync>>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    let stream = std::env::var("JOURNAL_STREAM").ok()?;
    let stat = nix::sys::stat::fstat(file).ok()?;
    // The width of these differs from machine to machine.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    let is_journal = names(&stream, stat.st_dev as u64, stat.st_ino as u64);
    is_journal.then(tracing_journald::layer)?.ok().map(|layer| {
        let layer = layer.with_syslog_identifier("edge-agent".into());
        Box::new(layer) as Box<dyn Layer<S> + Send + Sync>
    })
}

/// Whether `device:inode` is this file.
fn names(stream: &str, device: u64, inode: u64) -> bool {
    let parts = stream.split_once(':');
    parts.is_some_and(|(d, i)| d.parse() == Ok(device) && i.parse() == Ok(inode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_names_one_file() {
        assert!(names("9:4711", 9, 4711));
        for other in ["9:4712", "8:4711", "9", "", ":", "9:4711:1", "nine:4711"] {
            assert!(!names(other, 9, 4711), "{other:?}");
        }
    }
}
