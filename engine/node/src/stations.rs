//! The neighbors that the other device of a pair is told of, and those that it has told.
//!
//! ```text
//! | interface: 2 | station address: 6 | IP address: 4 or 16 |
//! ```
//!
//! The survivor of a pair sends to the stations at once: it needs not ask for them first.

use alloc::{collections::BTreeMap, vec::Vec};
use core::net::IpAddr;

use bifrons_ha::sync::ItemKind;
use bifrons_model::{InterfaceId, MacAddress};

/// How many of the peer's neighbors are known by number.
const MOST: usize = 1 << 16;

type Place = (InterfaceId, IpAddr);

/// The neighbors by the numbers under which they are told.
#[derive(Debug, Default)]
pub(crate) struct Stations {
    own: BTreeMap<u64, (Place, MacAddress)>,
    numbers: BTreeMap<Place, u64>,
    last: u64,
    news: Vec<(ItemKind, u64)>,
    /// The peer's.
    peer: BTreeMap<u64, Place>,
}

impl Stations {
    /// What is known of a neighbor from now on.
    pub fn note(&mut self, interface: InterfaceId, address: IpAddr, mac: Option<MacAddress>) {
        let place = (interface, address);
        let Some(mac) = mac else {
            if let Some(number) = self.numbers.remove(&place) {
                self.own.remove(&number);
                self.news.push((ItemKind::NeighborGone, number));
            }
            return;
        };
        let number = *self.numbers.entry(place).or_insert_with(|| {
            self.last += 1;
            self.last
        });
        self.own.insert(number, (place, mac));
        self.news.push((ItemKind::Neighbor, number));
    }

    /// What is to be told.
    pub fn take_news(&mut self) -> Vec<(ItemKind, u64)> {
        core::mem::take(&mut self.news)
    }

    /// Appends what an item says; false where the neighbor is gone.
    pub fn encode(&self, number: u64, out: &mut Vec<u8>) -> bool {
        let Some(((interface, address), mac)) = self.own.get(&number) else { return false };
        out.extend(interface.0.to_be_bytes());
        out.extend(mac.0);
        match address {
            IpAddr::V4(address) => out.extend(address.octets()),
            IpAddr::V6(address) => out.extend(address.octets()),
        }
        true
    }

    /// The numbers after `after`, in order, at most `limit`.
    pub fn next_numbers(&self, after: Option<u64>, limit: usize, out: &mut Vec<u64>) {
        let from = after.map_or(0, |after| after.saturating_add(1));
        out.extend(self.own.range(from..).map(|(number, _)| *number).take(limit));
    }

    /// The peer numbers its neighbors anew.
    pub fn begin(&mut self) {
        self.peer.clear();
    }

    /// The peer's interface, which is not this device's number, and the neighbor on it.
    pub fn read(payload: &[u8]) -> Option<(InterfaceId, IpAddr, MacAddress)> {
        let (interface, rest) = payload.split_first_chunk()?;
        let (mac, address) = rest.split_first_chunk()?;
        let address = match (<[u8; 4]>::try_from(address), <[u8; 16]>::try_from(address)) {
            (Ok(address), _) => IpAddr::from(address),
            (_, Ok(address)) => IpAddr::from(address),
            (Err(_), Err(_)) => return None,
        };
        Some((InterfaceId(u16::from_be_bytes(*interface)), address, MacAddress(*mac)))
    }

    /// The peer has told of a neighbor, on an interface by this device's number.
    pub fn learn(&mut self, number: u64, interface: InterfaceId, address: IpAddr) {
        if self.peer.len() < MOST || self.peer.contains_key(&number) {
            self.peer.insert(number, (interface, address));
        }
    }

    /// It has forgotten one.
    pub fn forget(&mut self, number: u64) -> Option<Place> {
        self.peer.remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbors_are_told_and_read() {
        let mut stations = Stations::default();
        let addresses = [IpAddr::from([192, 0, 2, 1]), "2001:db8::1".parse().unwrap()];
        let mac = MacAddress([2, 0, 0, 0, 0, 9]);
        for address in addresses {
            stations.note(InterfaceId(7), address, Some(mac));
        }
        stations.note(InterfaceId(7), addresses[0], Some(mac));
        stations.note(InterfaceId(8), addresses[0], None);
        assert_eq!(stations.take_news().len(), 3);
        let mut numbers = Vec::new();
        stations.next_numbers(None, 9, &mut numbers);
        assert_eq!(numbers, [1, 2]);
        for (number, address) in numbers.into_iter().zip(addresses) {
            let mut payload = Vec::new();
            assert!(stations.encode(number, &mut payload));
            assert_eq!(Stations::read(&payload), Some((InterfaceId(7), address, mac)));
            payload.push(0);
            assert_eq!(Stations::read(&payload), None);
        }
        stations.note(InterfaceId(7), addresses[0], None);
        assert_eq!(stations.take_news(), [(ItemKind::NeighborGone, 1)]);
        assert!(!stations.encode(1, &mut Vec::new()));
    }
}
