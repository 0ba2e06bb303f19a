//! How fast new sessions come in from a zone, and which of them are too many.

use alloc::vec::Vec;

use bifrons_config::typed::{FloodProtection, FloodRates, SynFlood};
use bifrons_model::{DropReason, Timestamp, ZoneId};
use bifrons_wire::{Packet, TcpFlags, protocol};

/// What is counted of a zone, each for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FloodKind {
    /// TCP SYNs.
    TcpSyn,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmpv6,
    /// Any other protocol.
    OtherIp,
}

impl FloodKind {
    const COUNT: usize = Self::OtherIp as usize + 1;

    /// What a packet counts as that would open a session; TCP segments that open none count nowhere.
    pub(super) fn of(packet: &Packet) -> Option<Self> {
        match packet.protocol {
            protocol::TCP => {
                let (syn, other) = (TcpFlags::SYN, TcpFlags::ACK.with(TcpFlags::RST));
                let is_opening = packet.tcp.flags.has(syn) && !packet.tcp.flags.has(other);
                is_opening.then_some(Self::TcpSyn)
            }
            protocol::UDP => Some(Self::Udp),
            protocol::ICMP => Some(Self::Icmp),
            protocol::ICMPV6 => Some(Self::Icmpv6),
            _ => Some(Self::OtherIp),
        }
    }

    /// The limits that a profile sets.
    pub(super) fn rates(self, flood: &FloodProtection) -> Option<FloodRates> {
        match self {
            Self::TcpSyn => flood.tcp_syn.map(SynFlood::rates),
            Self::Udp => flood.udp,
            Self::Icmp => flood.icmp,
            Self::Icmpv6 => flood.icmpv6,
            Self::OtherIp => flood.other_ip,
        }
    }

    pub(super) const fn reason(self) -> DropReason {
        match self {
            Self::TcpSyn => DropReason::SynFlood,
            Self::Udp => DropReason::UdpFlood,
            Self::Icmp => DropReason::IcmpFlood,
            Self::Icmpv6 => DropReason::Icmpv6Flood,
            Self::OtherIp => DropReason::OtherIpFlood,
        }
    }
}

/// The meters of all zones.
#[derive(Default)]
pub(super) struct Meters {
    by_zone: Vec<[Meter; FloodKind::COUNT]>,
}

impl Meters {
    pub fn meter(&mut self, zone: ZoneId, kind: FloodKind) -> &mut Meter {
        if self.by_zone.len() <= zone.index() {
            self.by_zone.resize(zone.index() + 1, [Meter::default(); FloodKind::COUNT]);
        }
        &mut self.by_zone[zone.index()][kind as usize]
    }
}

/// Packets in the second that ends now: those of the running second of time, and of the one before it the
/// share that still belongs to that second. Two counters are enough, and the rate does not fall to nothing
/// when a second begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    second: u64,
    current: u32,
    previous: u32,
    /// The second of time in which the flood was last told of, and one more.
    told: u64,
}

impl Meter {
    /// Counts a packet; the rate with it, per second.
    pub fn count(&mut self, now: Timestamp) -> u32 {
        const SECOND: u64 = 1_000_000_000;
        let second = now.as_secs();
        if second != self.second {
            self.previous = if second == self.second + 1 { self.current } else { 0 };
            (self.second, self.current) = (second, 0);
        }
        self.current = self.current.saturating_add(1);
        let left = SECOND - u64::from(now.subsec_nanos());
        self.current.saturating_add((u64::from(self.previous) * left / SECOND) as u32)
    }

    /// Whether the flood is to be told of now: once in a second of time.
    pub fn tells(&mut self) -> bool {
        let is_first = self.told != self.second + 1;
        self.told = self.second + 1;
        is_first
    }
}

/// Whether a packet is one too many: none at the activate rate, all above the maximal one, between them the
/// more the higher the rate is. `draw` is any number, even over all packets.
pub(super) fn is_excess(rate: u32, rates: FloodRates, draw: u32) -> bool {
    if rate > rates.maximal {
        return true;
    }
    let over = u64::from(rate.saturating_sub(rates.activate));
    let span = u64::from(rates.maximal.saturating_sub(rates.activate));
    u64::from(draw) * span < over << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use proptest::prelude::*;

    const RATES: FloodRates = FloodRates { alarm: 10, activate: 100, maximal: 300 };

    #[test]
    fn a_steady_rate_is_measured_as_it_is() {
        for rate in [1_u32, 10, 1_000, 50_000] {
            let mut meter = Meter::default();
            let mut now = Timestamp::from_secs(5);
            let mut measured = 0;
            for _ in 0..rate * 3 + rate / 2 {
                measured = meter.count(now);
                now += Duration::from_secs(1) / rate;
            }
            assert!(measured.abs_diff(rate) <= 1 + rate / 100, "{measured} of {rate}");
        }
    }

    #[test]
    fn a_rate_is_forgotten_after_two_seconds() {
        let mut meter = Meter::default();
        for _ in 0..1_000 {
            meter.count(Timestamp::from_secs(5));
        }
        assert_eq!(meter.count(Timestamp::from_secs(6)), 1_001);
        assert_eq!(meter.count(Timestamp::from_secs(8)), 1);
    }

    #[test]
    fn a_flood_is_told_of_once_a_second() {
        let mut meter = Meter::default();
        meter.count(Timestamp::ZERO);
        assert!(meter.tells() && !meter.tells());
        meter.count(Timestamp::from_secs(1));
        assert!(meter.tells() && !meter.tells());
    }

    #[test]
    fn drops_grow_from_none_to_all() {
        assert!(!is_excess(100, RATES, 0));
        assert!(!is_excess(200, RATES, u32::MAX / 2 + 1) && is_excess(200, RATES, u32::MAX / 2));
        assert!(is_excess(300, RATES, u32::MAX) && is_excess(301, RATES, u32::MAX));
        let none = FloodRates { alarm: 0, activate: 0, maximal: 0 };
        assert!(is_excess(1, none, u32::MAX));
    }

    proptest! {
        #[test]
        fn a_higher_rate_drops_no_less(
            rate in 0_u32..1_000, draw: u32, activate in 0_u32..500, span in 0_u32..500,
        ) {
            let rates = FloodRates { alarm: 0, activate, maximal: activate + span };
            prop_assert!(!is_excess(rate, rates, draw) || is_excess(rate + 1, rates, draw));
            prop_assert_eq!(is_excess(activate, rates, draw), false);
        }
    }
}
