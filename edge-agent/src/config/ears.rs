//! What `agent.toml` says of sources that hear radios as it happens: `[[source]]` of the kind `node`.

use super::agent::{Reader, number};
use super::reader::Table;
use std::path::PathBuf;

/// `kind = "node"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// Id of the sensor in the site map that this node is.
    pub sensor: String,
    /// The line, best by a name that stays: `/dev/serial/by-id/…`.
    pub device: PathBuf,
    /// Bits a second once node and gateway know each other.
    pub baud: u32,
    /// The node that belongs on this line; `None`: whichever is there.
    pub node: Option<[u8; 6]>,
    /// Wi-Fi channels to listen on, 1…14; none: not to Wi-Fi.
    pub channels: Vec<u8>,
    /// Milliseconds on a channel before the next.
    pub dwell_ms: u16,
    /// Listen to Bluetooth LE.
    pub ble: bool,
}

/// Reads a `[[source]]` of the kind `node`.
pub(super) fn node(r: &Reader<'_>, t: &Table<'_>) -> NodeSettings {
    t.present_or_missing("device", DEVICE);
    let id = t.string("node", NODE);
    let node = id.as_deref().and_then(node_id);
    if let (Some(text), None) = (&id, node) {
        let message =
            format!("{text:?} is no id of a node, which has 12 hexadecimal digits; write node = {NODE}");
        t.problem("node", message);
    }
    let channels = t.integers("channels", 1..=14, CHANNELS);
    let settings = NodeSettings {
        sensor: t.required_string("sensor", "\"F1-S01\""),
        device: r.path(t, "device", DEVICE).unwrap_or_default(),
        baud: number(t, "baud", 9_600..=3_000_000, 921_600),
        node,
        channels: channels.map_or_else(
            || vec![1, 6, 11],
            |listed| listed.into_iter().filter_map(|c| u8::try_from(c).ok()).collect(),
        ),
        dwell_ms: number(t, "dwell_ms", 20..=10_000, 200),
        ble: t.boolean("ble", "true").unwrap_or(true),
    };
    if settings.channels.is_empty() && !settings.ble {
        t.problem(
            "channels",
            "lists none, and ble = false: this node would hear nothing; leave one of them out",
        );
    }
    t.done();
    settings
}

fn node_id(text: &str) -> Option<[u8; 6]> {
    if text.len() != 12 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let [_, _, id @ ..] = u64::from_str_radix(text, 16).ok()?.to_be_bytes();
    Some(id)
}

const DEVICE: &str = "\"/dev/serial/by-id/usb-node-1\"";
const NODE: &str = "\"6055f9010203\"";
const CHANNELS: &str = "[1, 6, 11]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_id_is_twelve_digits() {
        assert_eq!(node_id("6055f901020A"), Some([0x60, 0x55, 0xf9, 1, 2, 0x0a]));
        for wrong in ["", "6055f90102", "60:55:f9:01:02:03", "+055f9010203", "6055f901020g"] {
            assert_eq!(node_id(wrong), None, "{wrong}");
        }
    }
}
