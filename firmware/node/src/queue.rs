//! What waits for the line, in order.

/// At most `N` things. A full queue takes no more: what waits already is older, and the gateway wants it in order.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T, const N: usize> {
    places: [Option<T>; N],
    first: usize,
    len: usize,
    peak: usize,
}

impl<T: Copy, const N: usize> Queue<T, N> {
    pub(crate) const fn new() -> Self {
        Self { places: [None; N], first: 0, len: 0, peak: 0 }
    }

    /// Whether there was room.
    pub(crate) fn push(&mut self, item: T) -> bool {
        if self.len == N {
            return false;
        }
        self.places[(self.first + self.len) % N] = Some(item);
        self.len += 1;
        self.peak = self.peak.max(self.len);
        true
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let item = self.places[self.first].take();
        self.first = (self.first + 1) % N;
        self.len -= 1;
        item
    }

    #[cfg(feature = "bench")]
    pub(crate) fn is_full(&self) -> bool {
        self.len == N
    }

    /// How many waited at once, at most.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn it_is_a_queue_that_refuses_what_does_not_fit(pushes in proptest::collection::vec(any::<bool>(), 0..99)) {
            let (mut queue, mut model) = (Queue::<u32, 5>::new(), VecDeque::new());
            let mut peak = 0;
            for (i, push) in (0..).zip(pushes) {
                if push {
                    let room = model.len() < 5;
                    if room {
                        model.push_back(i);
                    }
                    prop_assert_eq!(queue.push(i), room);
                } else {
                    prop_assert_eq!(queue.pop(), model.pop_front());
                }
                peak = peak.max(model.len());
                prop_assert_eq!(queue.peak(), peak);
            }
        }
    }
}
