//! A cable between two ports, with everything that can go wrong on one.

use std::time::Duration;

use bifrons_model::Timestamp;

use crate::random::{Random, nanos};

/// A port of something in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// What has the port.
    pub place: Place,
    /// The port's number there.
    pub port: usize,
}

/// Something that has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A host.
    Host(usize),
    /// A switch.
    Switch(usize),
    /// A firewall.
    Device(usize),
}

/// How good a link is. Chances are parts of a million, for each frame and direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// How long a frame takes at least.
    pub latency: Duration,
    /// How much longer it may take; frames keep their order.
    pub jitter: Duration,
    /// Frames that are lost.
    pub loss: u32,
    /// Frames that arrive twice.
    pub duplicate: u32,
    /// Frames that others overtake.
    pub reorder: u32,
    /// The longest IP packet that fits, in bytes; longer ones are lost.
    pub mtu: usize,
    /// Bits per second; 0 for no limit. What would wait longer than [`QUEUE_MAX`] is lost.
    pub bandwidth: u64,
}

impl Default for Quality {
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(50),
            jitter: Duration::ZERO,
            loss: 0,
            duplicate: 0,
            reorder: 0,
            mtu: 1500,
            bandwidth: 0,
        }
    }
}

/// How long a frame waits for a slow link before it is lost.
pub const QUEUE_MAX: Duration = Duration::from_millis(200);

/// The length of an Ethernet header; the MTU counts from behind it.
const ETHERNET_HEADER: usize = 14;

/// What happened on a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Frames that arrived.
    pub carried: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Arrived twice.
    pub duplicated: u64,
    /// Overtaken.
    pub reordered: u64,
    /// Lost because the direction was cut.
    pub cut: u64,
    /// Lost because they did not fit.
    pub oversize: u64,
    /// Lost because the queue was full.
    pub congested: u64,
}

/// A link and its state.
#[derive(Debug)]
pub struct Link {
    /// Its two ends; side 0 sends to side 1 and the reverse.
    pub ends: [Endpoint; 2],
    /// How good it is at the moment.
    pub quality: Quality,
    /// Whether frames sent by this side are lost.
    pub cut: [bool; 2],
    /// Whether the cable is pulled: nothing is carried, what is on its way is lost.
    pub is_pulled: bool,
    /// What happened so far.
    pub counters: LinkCounters,
    random: Random,
    /// When the sender's side is free again.
    free_at: [Timestamp; 2],
    /// Frames that keep their order arrive after this.
    last_arrival: [Timestamp; 2],
}

/// When copies of a frame arrive: none, one or two.
pub type Arrivals = [Option<Timestamp>; 2];

impl Link {
    /// A link whose mishaps are drawn from `random`.
    pub const fn new(ends: [Endpoint; 2], quality: Quality, random: Random) -> Self {
        Self {
            ends,
            quality,
            cut: [false; 2],
            is_pulled: false,
            counters: LinkCounters {
                carried: 0,
                lost: 0,
                duplicated: 0,
                reordered: 0,
                cut: 0,
                oversize: 0,
                congested: 0,
            },
            random,
            free_at: [Timestamp::ZERO; 2],
            last_arrival: [Timestamp::ZERO; 2],
        }
    }

    /// Sends a frame of `length` bytes from `side`.
    pub fn transmit(&mut self, now: Timestamp, side: usize, length: usize) -> Arrivals {
        let quality = self.quality;
        if self.cut[side] || self.is_pulled {
            self.counters.cut += 1;
            return [None; 2];
        }
        if length > quality.mtu + ETHERNET_HEADER {
            self.counters.oversize += 1;
            return [None; 2];
        }
        if self.random.chance(quality.loss) {
            self.counters.lost += 1;
            return [None; 2];
        }
        let Some(sent) = self.queue(now, side, length) else {
            self.counters.congested += 1;
            return [None; 2];
        };
        self.counters.carried += 1;
        let first = self.arrival(sent, side);
        if !self.random.chance(quality.duplicate) {
            return [Some(first), None];
        }
        self.counters.duplicated += 1;
        [Some(first), Some(self.arrival(sent, side))]
    }

    /// When the last bit is on the wire; `None` if the queue is full.
    fn queue(&mut self, now: Timestamp, side: usize, length: usize) -> Option<Timestamp> {
        if self.quality.bandwidth == 0 {
            return Some(now);
        }
        let begin = self.free_at[side].max(now);
        if begin.since(now) > QUEUE_MAX {
            return None;
        }
        let bits = length as u64 * 8;
        self.free_at[side] = begin + Duration::from_nanos(bits * 1_000_000_000 / self.quality.bandwidth);
        Some(self.free_at[side])
    }

    fn arrival(&mut self, sent: Timestamp, side: usize) -> Timestamp {
        let quality = self.quality;
        let usual = sent + quality.latency + self.random.up_to(quality.jitter);
        if self.random.chance(quality.reorder) {
            self.counters.reordered += 1;
            let late = quality.latency * 2 + quality.jitter + Duration::from_millis(1);
            return usual + Duration::from_nanos(1 + self.random.below(nanos(late)));
        }
        let arrival = usual.max(self.last_arrival[side]);
        self.last_arrival[side] = arrival;
        arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::MILLION;

    fn link(quality: Quality) -> Link {
        let end = |host| Endpoint { place: Place::Host(host), port: 0 };
        Link::new([end(0), end(1)], quality, Random::new(1, "test", 0))
    }

    const NOW: Timestamp = Timestamp::from_secs(100);

    #[test]
    fn a_good_link_delivers_once_after_its_latency() {
        let mut link = link(Quality::default());
        assert_eq!(link.transmit(NOW, 0, 100), [Some(NOW + Duration::from_micros(50)), None]);
        assert_eq!(link.counters, LinkCounters { carried: 1, ..LinkCounters::default() });
    }

    #[test]
    fn one_direction_can_be_cut_alone() {
        let mut link = link(Quality::default());
        link.cut = [true, false];
        assert_eq!(link.transmit(NOW, 0, 100), [None; 2]);
        assert!(link.transmit(NOW, 1, 100)[0].is_some());
        assert_eq!(link.counters.cut, 1);
    }

    #[test]
    fn loss_duplication_and_size_are_counted() {
        let mut lossy = link(Quality { loss: MILLION, ..Quality::default() });
        assert_eq!(lossy.transmit(NOW, 0, 100), [None; 2]);
        let mut twice = link(Quality { duplicate: MILLION, ..Quality::default() });
        assert!(twice.transmit(NOW, 0, 100).iter().all(Option::is_some));
        let mut narrow = link(Quality { mtu: 1400, ..Quality::default() });
        assert!(narrow.transmit(NOW, 0, 1414)[0].is_some());
        assert_eq!(narrow.transmit(NOW, 0, 1415), [None; 2]);
        assert_eq!((lossy.counters.lost, twice.counters.duplicated, narrow.counters.oversize), (1, 1, 1));
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let jitter = Duration::from_millis(5);
        let ordered = |quality| {
            let mut link = link(quality);
            let times: Vec<_> = (0..200)
                .filter_map(|step| link.transmit(NOW + Duration::from_micros(step * 10), 0, 100)[0])
                .collect();
            times.is_sorted()
        };
        assert!(ordered(Quality { jitter, ..Quality::default() }));
        assert!(!ordered(Quality { jitter, reorder: 100_000, ..Quality::default() }));
    }

    #[test]
    fn a_slow_link_queues_and_then_drops() {
        // 1000 bytes take 8 ms at 1 Mbit/s.
        let mut link = link(Quality { bandwidth: 1_000_000, ..Quality::default() });
        let first = link.transmit(NOW, 0, 1000)[0];
        assert_eq!(first, Some(NOW + Duration::from_micros(8_050)));
        let carried = (0..100).filter(|_| link.transmit(NOW, 0, 1000)[0].is_some()).count();
        assert_eq!((carried, link.counters.congested), (25, 75));
    }
}
