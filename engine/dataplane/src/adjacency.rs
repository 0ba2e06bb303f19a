//! The next stations that a worker sends to, and the packets that wait for a station's address.
//!
//! The device's controller resolves addresses; a worker asks it once and is told. A session keeps the number
//! of its next station in each direction, so that a packet needs no lookup; a number is good as long as
//! the routes are those that it was found by, which the epoch tells.

use alloc::{collections::BTreeMap, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bifrons_model::{InterfaceId, MacAddress};
use bifrons_wire::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, EthernetHeader, take_hop};

use crate::links::Links;

/// Stations that a worker knows at a time; at the limit it forgets all and learns again.
const STATIONS_MAX: usize = 32_768;
/// Packets that wait for one station.
const WAITING_PER_STATION: usize = 16;
/// Packets that wait in all.
const WAITING_MAX: usize = 1024;

/// The length of an Ethernet header without a tag, in bytes.
const UNTAGGED: usize = 14;

/// The stations.
#[derive(Debug, Default)]
pub(crate) struct Adjacencies {
    stations: Vec<Station>,
    places: BTreeMap<(InterfaceId, Next), u16>,
    waiting: BTreeMap<u16, Vec<Waiting>>,
    waiting_packets: usize,
    waiting_frames: u64,
    epoch: u16,
}

/// How a next station is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Next {
    /// By its address.
    Router(IpAddr),
    /// By its station address alone, for packets of IPv6 or of IPv4.
    Station(MacAddress, bool),
}

/// A next station.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Station {
    /// The interface that leads to it.
    pub interface: InterfaceId,
    /// Its address; unspecified where only its station address is known.
    pub address: IpAddr,
    /// The longest packet that its link takes.
    pub mtu: u16,
    /// The largest segment that a SYN through its interface may announce.
    pub segment_size: Option<u16>,
    /// The Ethernet header of frames to it; the first `length` bytes count. Not yet known when 0.
    pub header: [u8; 18],
    pub length: u8,
    /// Whether its next use is to be told.
    pub is_stale: bool,
    /// Whether the device was asked for it and has not answered yet.
    is_asked: bool,
}

/// A packet that waits for its station's address.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// From the IP header on: one, or its fragments.
    pub packets: Vec<Vec<u8>>,
    /// The frames that it came in, 0 for a packet of the firewall's own.
    pub frames: u32,
    /// The interface that its sender is to be told by when the station does not answer.
    pub report_to: Option<InterfaceId>,
}

impl Station {
    pub const fn is_known(&self) -> bool {
        self.length != 0
    }

    /// Its station address, where that is known.
    pub fn mac(&self) -> Option<MacAddress> {
        self.header.first_chunk().copied().map(MacAddress).filter(|_| self.is_known())
    }

    fn set_mac(&mut self, mac: Option<MacAddress>, links: &Links) {
        let header = mac.zip(links.link(self.interface)).map(|(mac, link)| EthernetHeader {
            destination: mac,
            source: link.mac,
            tag: link.tag,
            ethertype: if self.address.is_ipv6() { ETHERTYPE_IPV6 } else { ETHERTYPE_IPV4 },
        });
        (self.header, self.length) =
            header.map_or(([0; 18], 0), |header| (header.bytes(), header.length() as u8));
    }

    /// Sends a frame on where it lies: takes a hop from its packet and puts the header in the place of the
    /// frame's, which has the same length. False when no hop is left; then nothing has changed.
    #[inline(always)]
    pub fn replace_header(&self, frame: &mut [u8]) -> bool {
        match self.header.first_chunk::<UNTAGGED>() {
            Some(header) if usize::from(self.length) == UNTAGGED => send_on(frame, header),
            Some(_) | None => send_on(frame, &self.header),
        }
    }

    /// A packet as a frame to the station.
    pub fn frame(&self, packet: &[u8]) -> Vec<u8> {
        let header = self.header.get(..usize::from(self.length)).unwrap_or_default();
        let mut frame = Vec::with_capacity(header.len() + packet.len());
        frame.extend_from_slice(header);
        frame.extend_from_slice(packet);
        frame
    }
}

#[inline(always)]
fn send_on<const LENGTH: usize>(frame: &mut [u8], header: &[u8; LENGTH]) -> bool {
    let Some((place, ip)) = frame.split_first_chunk_mut() else { return false };
    let is_sent = take_hop(ip);
    if is_sent {
        *place = *header;
    }
    is_sent
}

impl Adjacencies {
    /// What the numbers are good for: others of another epoch.
    pub const fn epoch(&self) -> u16 {
        self.epoch
    }

    /// Routes have changed: sessions look for their stations again. The epoch comes round after 65,536
    /// changes; the device gathers changes, so that no session sleeps that long.
    pub fn outdate(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// Packets in frames that wait.
    pub const fn waiting_frames(&self) -> u64 {
        self.waiting_frames
    }

    #[inline]
    pub fn station(&self, place: u16) -> Option<&Station> {
        self.stations.get(usize::from(place))
    }

    /// The address of a station whose use is to be told, once.
    pub fn take_stale(&mut self, place: u16) -> Option<IpAddr> {
        let station = self.stations.get_mut(usize::from(place))?;
        core::mem::take(&mut station.is_stale).then_some(station.address)
    }

    /// The address of a station that is not known and that nobody has asked for since it did not answer; it
    /// counts as asked for from now on.
    pub fn take_unasked(&mut self, place: u16) -> Option<IpAddr> {
        let station = self.stations.get_mut(usize::from(place))?;
        if station.is_known() || station.is_asked {
            return None;
        }
        station.is_asked = true;
        Some(station.address)
    }

    /// The number of a station behind the interface, and whether it is new: its station address is then to be
    /// asked for. What waited is returned when the table was full and begins anew.
    pub fn place(&mut self, interface: InterfaceId, next: Next, links: &Links) -> Placed {
        if let Some(place) = self.places.get(&(interface, next)).copied() {
            let asks = self.take_unasked(place).is_some();
            return Placed { place, asks, forgotten: Vec::new() };
        }
        let forgotten = if self.stations.len() >= STATIONS_MAX { self.forget() } else { Vec::new() };
        let place = self.stations.len() as u16;
        let link = links.link(interface);
        let (address, mac) = match next {
            Next::Router(address) => (address, None),
            Next::Station(mac, true) => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), Some(mac)),
            Next::Station(mac, false) => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), Some(mac)),
        };
        let mut station = Station {
            interface,
            address,
            mtu: link.map_or(u16::MAX, |link| link.mtu),
            segment_size: link.and_then(|link| link.segment_size(address.is_ipv6())),
            header: [0; 18],
            length: 0,
            is_stale: false,
            is_asked: true,
        };
        station.set_mac(mac, links);
        self.stations.push(station);
        self.places.insert((interface, next), place);
        Placed { place, asks: mac.is_none(), forgotten }
    }

    /// Lets a packet wait; false when too many do.
    pub fn wait(&mut self, place: u16, waiting: Waiting) -> bool {
        let queue = self.waiting.entry(place).or_default();
        if queue.len() >= WAITING_PER_STATION || self.waiting_packets >= WAITING_MAX {
            return false;
        }
        self.waiting_packets += 1;
        self.waiting_frames += u64::from(waiting.frames);
        queue.push(waiting);
        true
    }

    /// Notes what is known of a station's address; returns its number and what has waited for it.
    pub fn learn(
        &mut self,
        (interface, address): (InterfaceId, IpAddr),
        mac: Option<MacAddress>,
        is_stale: bool,
        links: &Links,
    ) -> Option<(u16, Vec<Waiting>)> {
        let place = *self.places.get(&(interface, Next::Router(address)))?;
        let station = self.stations.get_mut(usize::from(place))?;
        station.set_mac(mac, links);
        station.is_stale = is_stale;
        station.is_asked = false;
        Some((place, self.take_waiting(place)))
    }

    /// Forgets all stations, as when the links have changed; returns what has waited.
    pub fn forget(&mut self) -> Vec<Waiting> {
        self.outdate();
        self.stations.clear();
        self.places.clear();
        let places: Vec<u16> = self.waiting.keys().copied().collect();
        places.into_iter().flat_map(|place| self.take_waiting(place)).collect()
    }

    fn take_waiting(&mut self, place: u16) -> Vec<Waiting> {
        let queue = self.waiting.remove(&place).unwrap_or_default();
        self.waiting_packets -= queue.len();
        self.waiting_frames -= queue.iter().map(|waiting| u64::from(waiting.frames)).sum::<u64>();
        queue
    }
}

/// A station's number.
#[derive(Debug)]
pub(crate) struct Placed {
    pub place: u16,
    /// Whether the controller is to be asked for its address.
    pub asks: bool,
    pub forgotten: Vec<Waiting>,
}
