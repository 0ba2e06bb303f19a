//! Sources that try many ports, hosts or protocols: what each has tried lately.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;

use bifrons_config::typed::{Scan, ScanProtection};
use bifrons_model::{Timestamp, ZoneId};
use bifrons_wire::{Packet, protocol};

/// Sources, or pairs of source and host, that are watched at a time.
const WATCHED_MAX: usize = 16_384;
/// Things that are remembered of all of them together.
const REMEMBERED_MAX: usize = 131_072;

/// Who is watched for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Watched {
    zone: ZoneId,
    scan: u8,
    source: IpAddr,
    /// The host whose ports or protocols are counted.
    host: Option<IpAddr>,
}

impl Watched {
    /// Who a packet belongs to, and the thing that it tries: a port, a host or a protocol. `None` where the
    /// packet cannot be of such a scan.
    pub fn of(scan: Scan, zone: ZoneId, packet: &Packet) -> Option<(Self, u128)> {
        let (source, destination) = (packet.addresses.source(), packet.addresses.destination());
        let port = u128::from(packet.destination_port);
        let (host, thing) = match (scan, packet.protocol) {
            (Scan::TcpPorts, protocol::TCP) | (Scan::UdpPorts, protocol::UDP) => (Some(destination), port),
            (Scan::TcpPorts | Scan::UdpPorts, _) => return None,
            (Scan::Hosts, _) => (None, bits(destination)),
            (Scan::Protocols, number) => (Some(destination), number.into()),
        };
        Some((Self { zone, scan: scan as u8, source, host }, thing))
    }
}

/// All that are watched. What is known of one is forgotten when its interval is over, or before that when
/// memory is used up: then of the one whose interval ends first.
#[derive(Default)]
pub(super) struct Watch {
    by_watched: BTreeMap<Watched, Tried>,
    by_end: BTreeSet<(Timestamp, Watched)>,
    remembered: usize,
}

#[derive(Default)]
struct Tried {
    end: Timestamp,
    things: BTreeSet<u128>,
    is_scan: bool,
}

impl Watch {
    /// Takes note of a thing that was tried; the end of the interval when the threshold is reached with it,
    /// once in an interval. `threshold` is the worker's share of the profile's.
    pub fn note(
        &mut self,
        now: Timestamp,
        (watched, thing): (Watched, u128),
        protection: &ScanProtection,
        threshold: usize,
    ) -> Option<Timestamp> {
        self.forget_until(now);
        if !self.by_watched.contains_key(&watched) {
            self.make_room();
            let end = now.after_secs(protection.interval.into());
            self.by_end.insert((end, watched));
            self.by_watched.insert(watched, Tried { end, ..Tried::default() });
        }
        let tried = self.by_watched.get_mut(&watched)?;
        if tried.is_scan {
            return None;
        }
        self.remembered += usize::from(tried.things.insert(thing));
        if tried.things.len() < threshold {
            return None;
        }
        tried.is_scan = true;
        self.remembered -= core::mem::take(&mut tried.things).len();
        Some(tried.end)
    }

    /// How many are watched, and how many things are remembered of them.
    #[cfg(test)]
    pub fn size(&self) -> (usize, usize) {
        (self.by_watched.len(), self.remembered)
    }

    fn forget_until(&mut self, now: Timestamp) {
        while self.by_end.first().is_some_and(|(end, _)| *end <= now) {
            self.forget_first();
        }
    }

    fn make_room(&mut self) {
        while self.by_watched.len() >= WATCHED_MAX || self.remembered >= REMEMBERED_MAX {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        let first = self.by_end.pop_first();
        if let Some(tried) = first.and_then(|(_, watched)| self.by_watched.remove(&watched)) {
            self.remembered -= tried.things.len();
        }
    }
}

const fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bifrons_config::typed::ScanAction;
    use bifrons_wire::Addresses;
    use proptest::prelude::*;

    fn protection(scan: Scan, interval: u16, threshold: u16) -> ScanProtection {
        ScanProtection { scan, action: ScanAction::Alert, interval, threshold }
    }

    fn packet(number: u8, source: u32, destination: u32, port: u16) -> Packet {
        Packet {
            addresses: Addresses::V4 { source, destination },
            protocol: number,
            destination_port: port,
            ..Packet::BLANK
        }
    }

    /// Notes a packet at a second.
    fn note(watch: &mut Watch, second: u64, packet: &Packet, protection: &ScanProtection) -> Option<u64> {
        let now = Timestamp::from_secs(second);
        let tried = Watched::of(protection.scan, ZoneId(1), packet)?;
        watch.note(now, tried, protection, protection.threshold.into()).map(Timestamp::as_secs)
    }

    #[test]
    fn ports_of_one_host_are_counted_once_each() {
        let mut watch = Watch::default();
        let rule = protection(Scan::TcpPorts, 10, 3);
        for port in [1, 1, 1, 2, 2] {
            assert_eq!(note(&mut watch, 0, &packet(6, 1, 2, port), &rule), None);
        }
        assert_eq!(note(&mut watch, 0, &packet(6, 1, 3, 3), &rule), None, "another host");
        assert_eq!(note(&mut watch, 0, &packet(6, 9, 2, 3), &rule), None, "another source");
        assert_eq!(note(&mut watch, 0, &packet(17, 1, 2, 3), &rule), None, "another protocol");
        assert_eq!(note(&mut watch, 9, &packet(6, 1, 2, 3), &rule), Some(10));
        assert_eq!(note(&mut watch, 9, &packet(6, 1, 2, 4), &rule), None, "told already");
    }

    #[test]
    fn an_interval_begins_anew() {
        let mut watch = Watch::default();
        let rule = protection(Scan::Hosts, 2, 2);
        assert_eq!(note(&mut watch, 0, &packet(1, 1, 2, 0), &rule), None);
        assert_eq!(note(&mut watch, 2, &packet(1, 1, 3, 0), &rule), None);
        assert_eq!(note(&mut watch, 3, &packet(1, 1, 4, 0), &rule), Some(4));
    }

    #[test]
    fn protocols_of_one_host_are_counted() {
        let mut watch = Watch::default();
        let rule = protection(Scan::Protocols, 2, 3);
        let found = [1, 6, 6, 47].map(|number| note(&mut watch, 0, &packet(number, 1, 2, 0), &rule));
        assert_eq!(found, [None, None, None, Some(2)]);
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut watch = Watch::default();
        let rule = protection(Scan::UdpPorts, 1_000, 65_535);
        for number in 0..400_000_u32 {
            note(&mut watch, 0, &packet(17, number / 3_000, number % 2, number as u16), &rule);
            let (watched, remembered) = watch.size();
            assert!(watched <= WATCHED_MAX && remembered <= REMEMBERED_MAX + 65_535);
        }
        for source in 0..50_000 {
            note(&mut watch, 1, &packet(17, source, 1, 1), &rule);
        }
        assert_eq!(watch.size().0, WATCHED_MAX);
        note(&mut watch, 5_000, &packet(17, 1, 1, 1), &rule);
        assert_eq!(watch.size(), (1, 1));
    }

    proptest! {
        #[test]
        fn what_is_remembered_adds_up(
            tries in proptest::collection::vec((0_u64..20, 0_u32..4, 0_u32..4, 0_u16..6), 0..300),
        ) {
            let mut watch = Watch::default();
            let rule = protection(Scan::TcpPorts, 3, 4);
            let mut second = 0;
            for (step, source, host, port) in tries {
                second += step / 18;
                note(&mut watch, second, &packet(6, source, host, port), &rule);
                let (watched, remembered) = watch.size();
                let counted: usize = watch.by_watched.values().map(|tried| tried.things.len()).sum();
                prop_assert_eq!(counted, remembered);
                prop_assert_eq!(watched, watch.by_end.len());
                prop_assert!(watch.by_watched.values().all(|tried| tried.things.len() < 4));
            }
        }
    }
}
