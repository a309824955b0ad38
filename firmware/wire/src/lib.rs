//! The frames a sensor node and its gateway exchange over a serial line, shared by both sides.
//!
//! Every frame carries the version of its layout; a side accepts the versions it knows and says so in its hello. The
//! frames themselves come with the first sensor node.

#![no_std]

/// Layouts of the frames.
pub mod version {
    /// The oldest layout a gateway still reads.
    pub const MIN: u8 = 1;
    /// The layout nodes are built with.
    pub const CURRENT: u8 = 1;

    /// Whether frames of this layout can be read.
    pub const fn is_known(version: u8) -> bool {
        MIN <= version && version <= CURRENT
    }
}

#[cfg(test)]
mod tests {
    use super::version::{CURRENT, MIN, is_known};

    #[test]
    fn a_gateway_reads_what_its_own_nodes_send_and_nothing_newer() {
        assert!(is_known(MIN) && is_known(CURRENT));
        assert!(!is_known(0) && !is_known(CURRENT + 1));
    }
}
