//! The timing wheel: which sessions to look at, and when.
//!
//! Four wheels of 256 places; a place of the first is one tick (a millisecond), of the next 256 ticks, and
//! so on: 49 days in all, longer deadlines wait at the far end. Each place heads a ring of slots linked by
//! number. A packet never touches the wheel: a slot that comes up is compared with its session's real
//! deadline by the caller and put back if it is early.

use alloc::{vec, vec::Vec};

const PLACES: usize = 256;
const LEVELS: usize = 4;
const BITMAP_WORDS: usize = PLACES / 64;

/// The longest wait that can be told from now.
const HORIZON: u64 = (1 << 32) - (1 << 24) - 1;

#[derive(Clone, Copy)]
struct Links {
    previous: u32,
    next: u32,
}

pub(crate) struct Wheel {
    /// For each slot, then for each place's head: its neighbors in the ring. `[previous, next]`.
    links: Vec<[u32; 2]>,
    /// For each slot the low half of the tick it waits for.
    armed: Vec<u32>,
    capacity: usize,
    /// Everything due before this tick was handed out.
    tick: u64,
    /// Which places may have slots; a bit may outlive the last slot of its place.
    occupied: [[u64; BITMAP_WORDS]; LEVELS],
    is_started: bool,
}

impl Wheel {
    pub fn with_capacity(capacity: usize) -> Self {
        let mut links = vec![[0_u32; 2]; capacity + LEVELS * PLACES];
        for (head, ring) in links.iter_mut().enumerate().skip(capacity) {
            *ring = [head as u32; 2];
        }
        Self {
            links,
            armed: vec![0; capacity],
            capacity,
            tick: 0,
            occupied: [[0; BITMAP_WORDS]; LEVELS],
            is_started: false,
        }
    }

    /// Puts a slot that is on no ring on the one for `tick`; a tick that has passed comes up at the next
    /// call.
    pub fn insert(&mut self, slot: u32, tick: u64) {
        let tick = tick.clamp(self.tick, self.tick + HORIZON);
        self.armed[slot as usize] = tick as u32;
        let (level, place) = self.place_of(tick);
        self.occupied[level][place / 64] |= 1 << (place % 64);
        let head = self.head(level, place);
        let last = self.at(head).previous;
        self.link(last, slot);
        self.link(slot, head);
    }

    /// Takes a slot off its ring.
    pub fn remove(&mut self, slot: u32) {
        let Links { previous, next } = self.at(slot);
        self.link(previous, next);
    }

    /// The tick that a slot on a ring waits for.
    pub fn armed(&self, slot: u32) -> u64 {
        let low = self.armed[slot as usize];
        self.tick + u64::from(low.wrapping_sub(self.tick as u32))
    }

    /// Moves every slot of the earliest due place into `out`, at most one tick's worth; `None` when nothing
    /// is due by `now`.
    pub fn take_due(&mut self, now: u64, out: &mut Vec<u32>) -> Option<u64> {
        if !self.is_started {
            // The first call sets the clock: nothing was armed before it.
            self.is_started = true;
            self.tick = self.tick.max(now.saturating_sub(1));
        }
        loop {
            let (level, place, tick) = self.earliest()?;
            if tick > now {
                return None;
            }
            self.tick = self.tick.max(tick);
            self.occupied[level][place / 64] &= !(1 << (place % 64));
            let before = out.len();
            self.drain(level, place, out);
            if level == 0 {
                if out.len() > before {
                    return Some(tick);
                }
            } else {
                for slot in out.split_off(before) {
                    let tick = self.armed(slot);
                    self.insert(slot, tick);
                }
            }
        }
    }

    /// Sets the wheel's clock once everything due by `now` was taken, so that later insertions find their
    /// place.
    pub fn settle(&mut self, now: u64) {
        self.tick = self.tick.max(now);
        self.is_started = true;
    }

    /// The earliest tick at which something may be due.
    pub fn next_tick(&self) -> Option<u64> {
        self.earliest().map(|(_, _, tick)| tick)
    }

    /// The occupied place that comes up first, and its first tick; of two at one tick the higher level,
    /// whose slots may belong there.
    fn earliest(&self) -> Option<(usize, usize, u64)> {
        let mut best: Option<(usize, usize, u64)> = None;
        for level in 0..LEVELS {
            let shift = level as u32 * 8;
            let current = (self.tick >> shift) as usize % PLACES;
            let Some(place) = first_set_from(&self.occupied[level], current) else {
                continue;
            };
            let distance = (place + PLACES - current) % PLACES;
            let tick = ((self.tick >> shift) + distance as u64) << shift;
            let tick = tick.max(self.tick);
            if best.is_none_or(|(_, _, other)| tick <= other) {
                best = Some((level, place, tick));
            }
        }
        best
    }

    fn place_of(&self, tick: u64) -> (usize, usize) {
        for level in 0..LEVELS {
            let shift = level as u32 * 8;
            if (tick >> shift) - (self.tick >> shift) < PLACES as u64 {
                return (level, (tick >> shift) as usize % PLACES);
            }
        }
        (LEVELS - 1, ((self.tick >> 24) as usize + PLACES - 1) % PLACES)
    }

    fn drain(&mut self, level: usize, place: usize, out: &mut Vec<u32>) {
        let head = self.head(level, place);
        let mut slot = self.at(head).next;
        while slot != head {
            out.push(slot);
            slot = self.at(slot).next;
        }
        self.link(head, head);
    }

    fn head(&self, level: usize, place: usize) -> u32 {
        (self.capacity + level * PLACES + place) as u32
    }

    fn at(&self, node: u32) -> Links {
        let [previous, next] = self.links[node as usize];
        Links { previous, next }
    }

    fn link(&mut self, before: u32, after: u32) {
        self.links[before as usize][1] = after;
        self.links[after as usize][0] = before;
    }
}

/// The first set bit at or cyclically after `from`.
fn first_set_from(bitmap: &[u64; BITMAP_WORDS], from: usize) -> Option<usize> {
    for step in 0..=BITMAP_WORDS {
        let word = (from / 64 + step) % BITMAP_WORDS;
        let bits = match step {
            0 => bitmap[word] & (u64::MAX << (from % 64)),
            BITMAP_WORDS => bitmap[word] & !(u64::MAX << (from % 64)),
            _ => bitmap[word],
        };
        if bits != 0 {
            return Some(word * 64 + bits.trailing_zeros() as usize);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain_until(wheel: &mut Wheel, now: u64) -> Vec<(u64, u32)> {
        let mut all = Vec::new();
        let mut due = Vec::new();
        while let Some(tick) = wheel.take_due(now, &mut due) {
            all.extend(due.drain(..).map(|slot| (tick, slot)));
        }
        wheel.settle(now);
        all
    }

    #[test]
    fn nothing_comes_early_and_nothing_late() {
        let mut wheel = Wheel::with_capacity(8);
        wheel.settle(1_000_000);
        for (slot, wait) in [1_u64, 255, 256, 65_536, 3_600_000, 15_000, 0].into_iter().enumerate() {
            wheel.insert(slot as u32, 1_000_000 + wait);
        }
        wheel.remove(5);
        assert_eq!(drain_until(&mut wheel, 1_000_255), [(1_000_000, 6), (1_000_001, 0), (1_000_255, 1)]);
        assert_eq!(drain_until(&mut wheel, 1_065_536), [(1_000_256, 2), (1_065_536, 3)]);
        assert_eq!(drain_until(&mut wheel, 4_599_999), []);
        assert_eq!(drain_until(&mut wheel, u64::MAX / 2), [(4_600_000, 4)]);
    }

    #[test]
    fn waits_beyond_the_horizon_come_up_at_its_end() {
        let mut wheel = Wheel::with_capacity(1);
        wheel.settle(5);
        wheel.insert(0, u64::MAX / 2);
        assert_eq!(drain_until(&mut wheel, u64::MAX / 4), [(5 + HORIZON, 0)]);
    }

    proptest! {
        #[test]
        fn behaves_like_a_sorted_list(
            start in 0_u64..1 << 40,
            steps in proptest::collection::vec((0_u64..5_000_000, 0_u64..70_000, any::<bool>()), 1..60),
        ) {
            let mut wheel = Wheel::with_capacity(64);
            wheel.settle(start);
            let mut now = start;
            let mut model: Vec<(u64, u32)> = Vec::new();
            for (slot, (wait, pass, cancel)) in steps.into_iter().enumerate() {
                wheel.insert(slot as u32, now + wait);
                model.push((now + wait, slot as u32));
                if cancel {
                    wheel.remove(slot as u32);
                    model.pop();
                }
                now += pass;
                let due = model.iter().copied().filter(|timer| timer.0 <= now);
                let mut expected: Vec<(u64, u32)> = due.collect();
                model.retain(|timer| timer.0 > now);
                expected.sort_unstable();
                let mut found = drain_until(&mut wheel, now);
                prop_assert!(found.is_sorted_by_key(|timer| timer.0));
                found.sort_unstable();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
