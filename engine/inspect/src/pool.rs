//! Many sessions' inspections, each at a number; the next session takes over what an ended one leaves.

use alloc::{sync::Arc, vec::Vec};

use crate::{Inspection, Opening, Signatures};

/// The inspections of one worker. None is moved, and as good as none allocates: a place that is free keeps
/// its small buffers, at most some KiB, for the next session.
#[derive(Default)]
pub struct Inspections {
    places: Vec<Inspection>,
    free: Vec<u32>,
}

impl Inspections {
    /// Begins the inspection of a session that opened like this; its number comes back, which is below
    /// `u32::MAX`.
    pub fn begin(&mut self, opening: Opening, signatures: &Arc<Signatures>) -> u32 {
        match self.free.pop() {
            Some(number) => {
                if let Some(place) = self.places.get_mut(number as usize) {
                    place.restart(opening, signatures);
                }
                number
            }
            None => {
                self.places.push(Inspection::with_signatures(opening, signatures));
                self.places.len() as u32 - 1
            }
        }
    }

    /// The inspection that `begin` gave this number, until it ends; `None` for a number never given.
    #[inline]
    pub fn get(&self, number: u32) -> Option<&Inspection> {
        self.places.get(number as usize)
    }

    /// The same, to be changed.
    #[inline]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Inspection> {
        self.places.get_mut(number as usize)
    }

    /// Ends an inspection: its number may be given again. Does nothing for a number never given; one that
    /// has ended must not end again.
    pub fn end(&mut self, number: u32) {
        if let Some(place) = self.places.get_mut(number as usize) {
            place.clear();
            debug_assert!(!self.free.contains(&number), "inspection {number} has ended already");
            self.free.push(number);
        }
    }

    /// Lets go of the signatures that ended inspections have used.
    pub fn forget_signatures(&mut self) {
        for number in &self.free {
            if let Some(place) = self.places.get_mut(*number as usize) {
                place.forget_signatures();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bifrons_catalog::app;
    use bifrons_model::Direction;

    use super::*;
    use crate::{Limits, Payload, Transport};

    const OPENING: Opening = Opening {
        transport: Transport::Tcp,
        client_port: 40_000,
        server_port: 22,
        first_sequence: [Some(0), Some(0)],
    };
    const LIMITS: Limits = Limits { packets: 20, bytes: 10_000, out_of_order_segments: 4 };

    fn send(all: &mut Inspections, number: u32, sequence: u32, bytes: &[u8]) -> crate::Progress {
        let payload = Payload { direction: Direction::ServerToClient, sequence, bytes, cut: 0 };
        all.get_mut(number).unwrap().payload(payload, &LIMITS)
    }

    #[test]
    fn a_new_session_knows_nothing_of_the_last() {
        let signatures = Arc::new(Signatures::builtin());
        let mut all = Inspections::default();
        let first = all.begin(OPENING, &signatures);
        // Bytes that wait for a gap, bytes that no probe is sure of, bytes that decide.
        for (sequence, bytes) in [(4000, &[0xee; 3000][..]), (0, b"SSH"), (3, b"-2.0-x\r\n")] {
            send(&mut all, first, sequence, bytes);
        }
        assert_eq!(all.get(first).unwrap().app_at_end(), app::SSH);
        all.end(first);
        let second = all.begin(Opening { first_sequence: [Some(7), Some(7)], ..OPENING }, &signatures);
        assert_eq!(second, first);
        let mut fresh = Inspections::default();
        let other = fresh.begin(Opening { first_sequence: [Some(7), Some(7)], ..OPENING }, &signatures);
        for (sequence, bytes) in [(4000, &b"HTTP"[..]), (0, b"junk"), (7, b"220 x ESMTP y\r\n")] {
            let progress = send(&mut all, second, sequence, bytes);
            assert_eq!(progress, send(&mut fresh, other, sequence, bytes), "{sequence}");
            assert!(!progress.contradiction);
        }
        assert_eq!(all.get(second).unwrap().app_at_end(), fresh.get(other).unwrap().app_at_end());
    }

    #[test]
    fn signatures_are_not_kept_by_what_has_ended() {
        let old = Arc::new(Signatures::builtin());
        let mut all = Inspections::default();
        let (ended, live) = (all.begin(OPENING, &old), all.begin(OPENING, &old));
        all.end(ended);
        assert_eq!(Arc::strong_count(&old), 3);
        all.forget_signatures();
        assert_eq!(Arc::strong_count(&old), 2);
        let new = Arc::new(Signatures::default());
        assert_eq!(all.begin(OPENING, &new), ended);
        assert_eq!((Arc::strong_count(&old), Arc::strong_count(&new)), (2, 2));
        all.end(live);
        assert_eq!(all.begin(OPENING, &new), live);
        assert_eq!((Arc::strong_count(&old), Arc::strong_count(&new)), (1, 3));
    }
}
