//! Announcing addresses that a device has taken over.
//!
//! ```text
//!  gained ─► sends 2 ─► 1 s ─► sends 1 ─► 1 s ─► … eight times ─► (done)
//!                        │                        │
//!                        └──────── lost ──────────┴──────────────► (nothing more)
//! ```
//!
//! Twice at once and eight times more at intervals of a second is PAN-OS's rule; links may need four seconds
//! to come up. Each address of each interface runs for itself. One that is gained again begins anew, and so
//! does one that the other device had as well (both led) and has given up. A time that comes late puts off
//! what follows it, so that announcements never come in a heap.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::{net::IpAddr, time::Duration};

use bifrons_dataplane::neighbor::Hearers;
use bifrons_model::{MacAddress, Timestamp};

use crate::AddressChanges;

const AT_ONCE: u8 = 2;
const LATER: u8 = 8;
const INTERVAL: Duration = Duration::from_secs(1);

/// That an address is here now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Announcement {
    /// The interface: a place in `Config::interfaces`.
    pub interface: usize,
    /// The address.
    pub address: IpAddr,
    /// Its Ethernet address.
    pub mac: MacAddress,
    /// Who is to hear it.
    pub hearers: Hearers,
}

/// The announcements that a device has to make.
///
/// After each call take all outputs (`poll_output`) and send each (`Neighbors::announce_address`, which
/// drops it where the link is down); then wait for the next change or the time of `poll_timeout`. There are
/// never more of them under way than there are addresses.
#[derive(Clone, Debug, Default)]
pub struct Announcer {
    /// What is here.
    held: BTreeSet<Announcement>,
    /// How many are to come, and when the next one is.
    running: BTreeMap<Announcement, (u8, Timestamp)>,
    timers: BTreeSet<(Timestamp, Announcement)>,
    outputs: VecDeque<Announcement>,
}

impl Announcer {
    /// Nothing to announce.
    pub fn new() -> Self {
        Self::default()
    }

    /// Addresses have come or gone.
    pub fn handle_changes(&mut self, now: Timestamp, changes: &AddressChanges) {
        for lost in &changes.lost {
            self.held.remove(lost);
            self.stop(lost);
            self.outputs.retain(|output| output != lost);
        }
        for gained in &changes.gained {
            self.held.insert(*gained);
            self.stop(gained);
            self.begin(now, *gained);
        }
    }

    /// Announces once more what has come lately: a frame of the device that had it before may have been heard
    /// behind the first announcements.
    pub fn repeat(&mut self) {
        self.outputs.extend(self.running.keys());
    }

    /// The other device had what is here, too, and has it no more: the network may have heard it last. What
    /// has come lately is announced once more; what has been here for longer is announced as if it came now.
    pub fn renew(&mut self, now: Timestamp) {
        for here in self.held.clone() {
            if self.running.contains_key(&here) {
                self.outputs.push_back(here);
            } else {
                self.begin(now, here);
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((_, due)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            let left = self.stop(&due);
            self.outputs.push_back(due);
            if left > 1 {
                self.wait(now, due, left - 1);
            }
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The next announcement to be made, until there is none.
    pub fn poll_output(&mut self) -> Option<Announcement> {
        self.outputs.pop_front()
    }

    /// How many were still to come.
    fn stop(&mut self, announcement: &Announcement) -> u8 {
        let Some((left, at)) = self.running.remove(announcement) else { return 0 };
        self.timers.remove(&(at, *announcement));
        left
    }

    fn begin(&mut self, now: Timestamp, announcement: Announcement) {
        self.outputs.extend([announcement; AT_ONCE as usize]);
        self.wait(now, announcement, LATER);
    }

    fn wait(&mut self, now: Timestamp, announcement: Announcement, left: u8) {
        let at = now + INTERVAL;
        self.running.insert(announcement, (left, at));
        self.timers.insert((at, announcement));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    const NOW: Timestamp = Timestamp::from_secs(100);

    fn one(interface: usize) -> Announcement {
        Announcement {
            interface,
            address: "10.0.0.1".parse().unwrap(),
            mac: MacAddress([2; 6]),
            hearers: Hearers::Hosts,
        }
    }

    fn gained(list: &[Announcement]) -> AddressChanges {
        AddressChanges { gained: list.to_vec(), lost: vec![] }
    }

    fn lost(list: &[Announcement]) -> AddressChanges {
        AddressChanges { gained: vec![], lost: list.to_vec() }
    }

    /// The seconds since the start of all announcements until `end`.
    fn run(announcer: &mut Announcer, end: u64) -> Vec<(u64, usize)> {
        let mut found = Vec::new();
        let mut now = NOW;
        loop {
            while let Some(output) = announcer.poll_output() {
                found.push((now.since(NOW).as_secs(), output.interface));
            }
            match announcer.poll_timeout().filter(|at| at.since(NOW).as_secs() <= end) {
                Some(at) => now = at,
                None => return found,
            }
            announcer.handle_timeout(now);
        }
    }

    #[test]
    fn two_at_once_and_eight_more() {
        let mut announcer = Announcer::new();
        announcer.handle_changes(NOW, &gained(&[one(1), one(2)]));
        let wanted: Vec<_> = [0, 0]
            .into_iter()
            .map(|_| (0, 1))
            .chain([(0, 2), (0, 2)])
            .chain((1..=8).flat_map(|second| [(second, 1), (second, 2)]))
            .collect();
        assert_eq!(run(&mut announcer, 1_000), wanted);
        assert_eq!(announcer.poll_timeout(), None);
    }

    #[test]
    fn an_address_that_is_lost_is_not_announced_any_more() {
        let mut announcer = Announcer::new();
        announcer.handle_changes(NOW, &gained(&[one(1), one(2)]));
        assert_eq!(run(&mut announcer, 3).len(), 4 + 6);
        announcer.handle_changes(NOW + 3 * INTERVAL, &lost(&[one(1), one(7)]));
        assert!(run(&mut announcer, 1_000).iter().all(|(_, interface)| *interface == 2));
        // Not even what had not been fetched.
        announcer.handle_changes(NOW, &gained(&[one(1)]));
        announcer.handle_changes(NOW, &lost(&[one(1)]));
        assert_eq!((announcer.poll_output(), announcer.poll_timeout()), (None, None));
    }

    #[test]
    fn an_address_that_comes_again_begins_anew_and_late_times_make_no_heap() {
        let mut announcer = Announcer::new();
        announcer.handle_changes(NOW, &gained(&[one(1)]));
        run(&mut announcer, 5);
        announcer.handle_changes(NOW + 5 * INTERVAL, &gained(&[one(1)]));
        assert_eq!(announcer.running.len(), 1);
        for _ in 0..2 {
            assert_eq!(announcer.poll_output(), Some(one(1)));
        }
        announcer.handle_timeout(NOW + 60 * INTERVAL);
        assert_eq!((announcer.poll_output(), announcer.poll_output()), (Some(one(1)), None));
        assert_eq!(announcer.poll_timeout(), Some(NOW + 61 * INTERVAL));
        assert_eq!(run(&mut announcer, 1_000).len(), 7);
    }

    #[test]
    fn what_the_other_device_had_too_is_said_again() {
        let mut announcer = Announcer::new();
        announcer.repeat();
        announcer.renew(NOW);
        assert_eq!(run(&mut announcer, 0), []);
        announcer.handle_changes(NOW, &gained(&[one(1), one(2)]));
        run(&mut announcer, 0);
        announcer.repeat();
        assert_eq!(run(&mut announcer, 1), [(0, 1), (0, 2), (1, 1), (1, 2)]);
        announcer.handle_changes(NOW, &lost(&[one(1)]));
        announcer.renew(NOW);
        assert_eq!(run(&mut announcer, 0), [(0, 2)]);
        // Its announcements are long over.
        run(&mut announcer, 1_000);
        announcer.repeat();
        assert_eq!(run(&mut announcer, 1_000), []);
        announcer.renew(NOW);
        assert_eq!(run(&mut announcer, 1_000).len(), 10);
    }
}
