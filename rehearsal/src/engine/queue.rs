//! What is to happen, by time; at the same time in the order in which it was planned.

use crate::Millis;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A queue of things that are due.
#[derive(Debug)]
pub(super) struct Queue<T> {
    heap: BinaryHeap<Reverse<Item<T>>>,
    planned: u64,
}

#[derive(Debug)]
struct Item<T> {
    at: Millis,
    order: u64,
    what: T,
}

impl<T> PartialEq for Item<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl<T> Eq for Item<T> {}

impl<T> PartialOrd for Item<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Item<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), planned: 0 }
    }

    pub(super) fn push(&mut self, at: Millis, what: T) {
        self.planned += 1;
        self.heap.push(Reverse(Item { at, order: self.planned, what }));
    }

    /// The next thing, if it is due by `until`.
    pub(super) fn pop(&mut self, until: Millis) -> Option<(Millis, T)> {
        if self.heap.peek().is_none_or(|Reverse(item)| item.at > until) {
            return None;
        }
        self.heap.pop().map(|Reverse(item)| (item.at, item.what))
    }
}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn by_time_then_by_order() {
        let mut queue = Queue::new();
        for (at, what) in [(5, "c"), (3, "a"), (5, "d"), (3, "b"), (9, "e")] {
            queue.push(at, what);
        }
        let popped: Vec<_> = std::iter::from_fn(|| queue.pop(5)).collect();
        assert_eq!(popped, [(3, "a"), (3, "b"), (5, "c"), (5, "d")]);
    }
}
