//! Waiting for facts, with a deadline and a name for what is awaited.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a fact is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Returns as soon as `fact` holds; panics with `what` when it does not within `limit`.
pub fn wait_until(what: &str, limit: Duration, mut fact: impl FnMut() -> bool) {
    let start = Instant::now();
    while !fact() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        sleep(LOOK);
    }
}

/// Watches that `fact` holds for all of `length`; panics with `what` at the first moment it does not.
pub fn holds_for(what: &str, length: Duration, mut fact: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < length {
        assert!(fact(), "ceased to hold after {:?}: {what}", start.elapsed());
        sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_ends_the_wait() {
        let mut looks = 0;
        wait_until("third look", Duration::from_secs(5), || {
            looks += 1;
            looks == 3
        });
        assert_eq!(looks, 3);
    }

    #[test]
    #[should_panic(expected = "not within 30ms: pigs fly")]
    fn a_missing_fact_is_named() {
        wait_until("pigs fly", Duration::from_millis(30), || false);
    }
}
