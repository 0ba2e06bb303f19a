//! What is still to happen, in one order that never depends on anything but time and sequence.

use std::{cmp::Reverse, collections::BinaryHeap};

use bifrons_model::Timestamp;

/// Events by time; those of one moment in the order in which they were entered.
#[derive(Debug)]
pub struct Queue<T> {
    heap: BinaryHeap<Reverse<Key>>,
    /// The events themselves, by slot: the heap moves small keys only.
    events: Vec<Option<T>>,
    free: Vec<u32>,
    entered: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    at: Timestamp,
    sequence: u64,
    slot: u32,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), entered: 0 }
    }
}

impl<T> Queue<T> {
    /// Enters an event.
    pub fn push(&mut self, at: Timestamp, event: T) {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.events.push(None);
                (self.events.len() - 1) as u32
            }
        };
        self.events[slot as usize] = Some(event);
        self.heap.push(Reverse(Key { at, sequence: self.entered, slot }));
        self.entered += 1;
    }

    /// Takes the next event if it is due by `limit`.
    pub fn pop(&mut self, limit: Timestamp) -> Option<(Timestamp, T)> {
        let Reverse(key) = *self.heap.peek().filter(|Reverse(key)| key.at <= limit)?;
        self.heap.pop();
        self.free.push(key.slot);
        self.events[key.slot as usize].take().map(|event| (key.at, event))
    }

    /// When the next event is due.
    pub fn next(&self) -> Option<Timestamp> {
        self.heap.peek().map(|Reverse(key)| key.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_by_order_of_entry() {
        let mut queue = Queue::default();
        for (at, name) in [(5, 'a'), (3, 'b'), (5, 'c'), (3, 'd'), (9, 'e')] {
            queue.push(Timestamp::from_secs(at), name);
        }
        let mut order = String::new();
        while let Some((_, name)) = queue.pop(Timestamp::from_secs(5)) {
            order.push(name);
        }
        assert_eq!(order, "bdac");
        assert_eq!(queue.next(), Some(Timestamp::from_secs(9)));
    }
}
