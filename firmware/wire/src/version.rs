//! Layouts of the frames.

/// The oldest layout that is still read.
pub const MIN: u8 = 1;
/// The layout nodes are built with.
pub const CURRENT: u8 = 1;

/// Whether frames of this layout can be read.
pub const fn is_known(version: u8) -> bool {
    MIN <= version && version <= CURRENT
}

/// The newest layout that both we and another side with layouts `oldest` to `newest` know.
pub const fn common(oldest: u8, newest: u8) -> Option<u8> {
    let best = if newest < CURRENT { newest } else { CURRENT };
    if best >= oldest && best >= MIN { Some(best) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_reads_what_its_own_nodes_send_and_nothing_newer() {
        assert!(is_known(MIN) && is_known(CURRENT));
        assert!(!is_known(0) && !is_known(CURRENT + 1));
    }

    #[test]
    fn two_sides_agree_on_the_newest_layout_of_both_or_on_none() {
        assert_eq!(common(MIN, CURRENT + 3), Some(CURRENT));
        assert_eq!(common(MIN, MIN), Some(MIN));
        assert_eq!(common(CURRENT + 1, CURRENT + 3), None);
        assert_eq!(common(0, MIN - 1), None);
        assert_eq!(common(3, 2), None, "what makes no sense is no layout");
    }
}
