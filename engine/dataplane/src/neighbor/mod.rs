//! Neighbors: which Ethernet address has an IP address on a link (ARP, RFC 826; neighbor discovery, RFC
//! 4861), and who we are to them.
//!
//! [`Neighbors`] belongs to a device's Controller, workers have copies of what it knows. A worker that
//! must send to an address which its copy does not have keeps the packet, says so, and the Controller calls
//! [`Neighbors::resolve`]. The answer comes as a [`NeighborUpdate`], or as
//! [`NeighborOutput::Unreachable`] after three questions without one, which are a second apart however
//! often it is called.
//!
//! An update that says `is_stale` names an address that is likely still right. It is to be used, and its
//! next use to be told with `resolve`; then it is made sure of while packets go on. One that nobody uses is
//! forgotten after twenty minutes.
//!
//! # What is believed
//!
//! Nobody becomes known by talking, except who asks for an address of ours and lies in one of our networks.
//! An address that is known already may tell its new place (RFC 826 merges; RFC 4861, section 7.2.5), and
//! is then made sure of at its next use. Configured neighbors never change. Who claims an address of ours
//! is not believed but told of: [`NeighborOutput::Conflict`].
//!
//! # The driver's duty
//!
//! After each call take all outputs (`poll_output`) before the next; then wait for a frame, a question, or
//! the time of `poll_timeout`, at which `handle_timeout` is due. Frames of other kinds are ignored.

mod entry;
mod link;
mod messages;
mod own;
mod pair;
mod table;

#[cfg(test)]
mod pair_tests;
#[cfg(test)]
mod tests;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_model::{InterfaceId, MacAddress, Timestamp};

pub use entry::NeighborState;
pub use link::LinkSettings;
pub use own::OwnAddress;
pub use pair::{Answers, Sharing, VirtualAddress};

use entry::{Entry, Event, Reaction};
use link::Link;
use own::{Own, OwnReaction};

/// What happened at neighbors, for the rest of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeighborOutput {
    /// An Ethernet frame, without VLAN tag and padding, to be sent.
    Frame {
        /// The interface that it leaves by.
        interface: InterfaceId,
        /// From the Ethernet header on.
        bytes: Vec<u8>,
    },
    /// What workers are to know.
    Update(NeighborUpdate),
    /// An address that was asked for does not answer: packets that wait for it are to be given up.
    Unreachable {
        /// The interface that it was looked for on.
        interface: InterfaceId,
        /// The address.
        address: IpAddr,
    },
    /// Someone else has an address of ours. It is told again after ten seconds at the earliest.
    Conflict {
        /// The interface that it was heard on.
        interface: InterfaceId,
        /// The address.
        address: IpAddr,
        /// Where the other one is.
        mac: MacAddress,
        /// Whether we use it nevertheless; otherwise the other one was there first.
        is_used: bool,
    },
}

/// A change of what is known of a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborUpdate {
    /// The interface that it is on.
    pub interface: InterfaceId,
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address; `None` to forget it.
    pub mac: Option<MacAddress>,
    /// Whether its next use is to be told.
    pub is_stale: bool,
}

/// What is known of an address when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It is there.
    Known(MacAddress),
    /// The link was asked; an output will tell.
    Pending,
    /// No answer, or an address that can be nobody's on this link.
    Unreachable,
}

/// A neighbor as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// Its address.
    pub address: IpAddr,
    /// Its Ethernet address, where it is known.
    pub mac: Option<MacAddress>,
    /// Its state.
    pub state: NeighborState,
    /// When the state will change by itself.
    pub deadline: Option<Timestamp>,
}

/// Whom the announcement of an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hearers {
    /// Everyone: a gratuitous ARP request or an unsolicited neighbor advertisement. Hosts that know the
    /// address put the announced Ethernet address in place of what they know.
    Hosts,
    /// Switches, which learn from any frame where its sender is: a search for duplicates, of which hosts
    /// take no notice (RFC 5227, section 1.1; RFC 4862, section 5.4.3). It is for a share of an address,
    /// whose other share must not come along.
    Switches,
}

/// The neighbors of a device, on all its interfaces.
#[derive(Clone, Debug, Default)]
pub struct Neighbors {
    links: BTreeMap<InterfaceId, Link>,
    timers: BTreeSet<(Timestamp, InterfaceId, Timer)>,
    outputs: VecDeque<NeighborOutput>,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The next probe or announcement of an address of ours.
    Own(IpAddr),
    /// The next state of a neighbor.
    Neighbor(IpAddr),
}

impl Neighbors {
    /// Without any interface.
    pub fn new() -> Self {
        Self::default()
    }

    /// An interface begins, or is another one from now on. Addresses that it had already, with the same
    /// Ethernet address, go on; new ones are looked for or announced. Neighbors stay known.
    pub fn set_link(&mut self, now: Timestamp, interface: InterfaceId, settings: LinkSettings) {
        let mut link = Link::new(now, settings);
        if let Some(old) = self.links.remove(&interface) {
            for own in &old.own {
                self.move_timer(interface, Timer::Own(own.ip()), own.deadline, None);
                let is_silent = link.settings.is_silent;
                let same = |new: &&mut Own| new.address == own.address && !is_silent;
                if let Some(new) = link.own_mut(own.ip()).filter(same) {
                    *new = *own;
                }
            }
            for own in &old.virtuals {
                if let Some(new) = link.virtual_mut(own.ip()).filter(|new| new.address == own.address) {
                    *new = *own;
                }
            }
            link.is_up = old.is_up;
            link.table = old.table;
            link.table.set_capacity(link.settings.capacity);
        }
        let own: Vec<Own> = if link.is_up { link.own.clone() } else { Vec::new() };
        let fixed = link.settings.fixed.clone();
        let keeps = |address: IpAddr| link.may_be_neighbor(address);
        let is_listed = |address: IpAddr| fixed.iter().any(|own| own.address == address);
        let gone: Vec<IpAddr> = link
            .table
            .iter()
            .filter(|(address, entry)| {
                !keeps(*address) || entry.state == NeighborState::Static && !is_listed(*address)
            })
            .map(|(address, _)| address)
            .collect();
        self.links.insert(interface, link);
        for address in gone {
            self.forget(interface, address);
        }
        for own in own {
            self.move_timer(interface, Timer::Own(own.ip()), None, own.deadline);
        }
        for neighbor in fixed {
            self.put(now, interface, neighbor.address, Entry::fixed(neighbor.mac));
        }
        self.handle_timeout(now);
    }

    /// The interface is no more.
    pub fn remove_link(&mut self, interface: InterfaceId) {
        self.silence(interface, true);
        self.links.remove(&interface);
    }

    /// An interface has gone up or down. One that goes down forgets its neighbors
    /// except for configured ones; one that comes up begins anew with its addresses.
    pub fn set_up(&mut self, now: Timestamp, interface: InterfaceId, is_up: bool) {
        let Some(link) = self.links.get_mut(&interface).filter(|link| link.is_up != is_up) else { return };
        link.is_up = is_up;
        if is_up {
            self.announce(now, interface);
        } else {
            self.silence(interface, false);
        }
    }

    /// Looks for duplicates of an interface's addresses and announces them as at the start, and its virtual
    /// ones once: its place in the network is another one.
    pub fn announce(&mut self, now: Timestamp, interface: InterfaceId) {
        let speaks = |link: &&mut Link| link.is_up && !link.settings.is_silent;
        let Some(link) = self.links.get_mut(&interface).filter(speaks) else { return };
        let mut moved = Vec::new();
        for own in &mut link.own {
            let new = Own::new(now, own.address);
            moved.push((Timer::Own(own.ip()), own.deadline, new.deadline));
            *own = new;
        }
        for (timer, from, to) in moved {
            self.move_timer(interface, timer, from, to);
        }
        self.announce_virtual(interface);
        self.handle_timeout(now);
    }

    /// Announces one address of ours once, at this Ethernet address: the device has just taken it over from
    /// the other one of a pair. Nothing happens where it is none of ours, nor answered for for the pair.
    pub fn announce_address(
        &mut self,
        interface: InterfaceId,
        address: IpAddr,
        mac: MacAddress,
        hearers: Hearers,
    ) {
        let is_proxied = |link: &Link| link.proxied_for_pair(address).is_some();
        if !self.is_own(interface, address) && !self.links.get(&interface).is_some_and(is_proxied) {
            return;
        }
        match hearers {
            Hearers::Hosts => self.send_announcement(interface, address, mac),
            Hearers::Switches => self.send_search(interface, address, mac),
        }
    }

    /// A packet is to be sent to an address on an interface.
    pub fn resolve(&mut self, now: Timestamp, interface: InterfaceId, address: IpAddr) -> Resolution {
        let Some(link) = self.links.get(&interface).filter(|link| link.is_up) else {
            return Resolution::Unreachable;
        };
        if link.table.get(address).is_some() {
            self.apply(now, interface, address, Event::Wanted);
            return self.resolution(interface, address);
        }
        if link.settings.is_silent {
            return Resolution::Unreachable;
        }
        let has_family = link.own.iter().any(|own| own.ip().is_ipv4() == address.is_ipv4());
        if !has_family || !link.may_be_neighbor(address) {
            return Resolution::Unreachable;
        }
        let entry = Entry::incomplete(now, &link.times(address));
        if !self.put(now, interface, address, entry) {
            return Resolution::Unreachable;
        }
        self.ask(interface, address, None);
        Resolution::Pending
    }

    /// Packets are known to arrive at the neighbor, for one because it answers them (RFC 4861, section
    /// 7.3.1).
    pub fn confirm(&mut self, now: Timestamp, interface: InterfaceId, address: IpAddr) {
        self.apply(now, interface, address, Event::Confirmed);
    }

    /// What the other device of a pair knows of a neighbor; `None` when it has forgotten it. A device that
    /// is not silent knows better and forgets nothing for that. A neighbor that is new from here is made sure
    /// of at its next use.
    pub fn handle_peer_entry(
        &mut self,
        now: Timestamp,
        interface: InterfaceId,
        address: IpAddr,
        mac: Option<MacAddress>,
    ) {
        let Some(link) = self.links.get(&interface).filter(|link| link.is_up) else { return };
        let state = link.table.get(address).map(|entry| entry.state);
        match (mac, state) {
            // Who is silent hears of it from the peer alone.
            (Some(mac), Some(state)) if link.settings.is_silent && state != NeighborState::Static => {
                self.put(now, interface, address, Entry::heard(now, mac));
            }
            (Some(mac), Some(_)) => self.apply(now, interface, address, Event::Heard(mac)),
            (Some(mac), None) if link.may_be_neighbor(address) && !mac.is_multicast() => {
                self.put(now, interface, address, Entry::heard(now, mac));
            }
            (None, Some(state)) if link.settings.is_silent && state != NeighborState::Static => {
                self.forget(interface, address);
            }
            (Some(_) | None, Some(_) | None) => {}
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((_, interface, timer)) = self.timers.first().copied().filter(|(at, ..)| *at <= now) {
            self.timers.pop_first();
            match timer {
                Timer::Own(address) => {
                    let Some(link) = self.links.get_mut(&interface) else { continue };
                    let retransmission = link.times(address).retransmission;
                    let Some(own) = link.own_mut(address) else { continue };
                    let reaction = own.handle_timeout(now, retransmission);
                    let deadline = own.deadline;
                    self.move_timer(interface, timer, None, deadline);
                    self.react_own(interface, address, reaction, None);
                }
                Timer::Neighbor(address) => self.apply(now, interface, address, Event::Timeout),
            }
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, ..)| *at)
    }

    /// The next output, until there is none.
    pub fn poll_output(&mut self) -> Option<NeighborOutput> {
        self.outputs.pop_front()
    }

    /// The neighbors on an interface, in order of their addresses.
    pub fn neighbors(&self, interface: InterfaceId) -> impl Iterator<Item = Neighbor> {
        let entries = self.links.get(&interface).into_iter().flat_map(|link| link.table.iter());
        entries.map(|(address, entry)| Neighbor {
            address,
            mac: entry.mac,
            state: entry.state,
            deadline: entry.deadline,
        })
    }

    /// Whether an address is ours on the interface and in use, be it for a pair of devices.
    pub fn is_own(&self, interface: InterfaceId, address: IpAddr) -> bool {
        self.links.get(&interface).is_some_and(|link| {
            link.own(address).is_some_and(Own::is_usable) || link.virtual_of(address).is_some()
        })
    }

    fn resolution(&self, interface: InterfaceId, address: IpAddr) -> Resolution {
        let entry = self.links.get(&interface).and_then(|link| link.table.get(address));
        match entry.map(|entry| (entry.state, entry.mac)) {
            Some((_, Some(mac))) => Resolution::Known(mac),
            Some((NeighborState::Incomplete, None)) => Resolution::Pending,
            Some((_, None)) | None => Resolution::Unreachable,
        }
    }

    /// Lets something happen to a neighbor that is known; to one that is not it does nothing.
    fn apply(&mut self, now: Timestamp, interface: InterfaceId, address: IpAddr, event: Event) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let times = link.times(address);
        let Some(old) = link.table.get(address).copied() else { return };
        let mut new = old;
        let reaction = new.handle(now, event, &times);
        if reaction == Reaction::Forget {
            self.forget(interface, address);
            return;
        }
        link.table.set(now, address, new);
        let before = if event == Event::Timeout { None } else { old.deadline };
        self.move_timer(interface, Timer::Neighbor(address), before, new.deadline);
        self.tell(interface, address, old.known(), new.known());
        match reaction {
            Reaction::AskAll => self.ask(interface, address, None),
            Reaction::Ask(mac) => self.ask(interface, address, Some(mac)),
            Reaction::GiveUp => self.outputs.push_back(NeighborOutput::Unreachable { interface, address }),
            Reaction::Nothing | Reaction::Forget => {}
        }
    }

    /// Makes an entry for a neighbor, in place of what was known of it; false where there is no room.
    fn put(&mut self, now: Timestamp, interface: InterfaceId, address: IpAddr, entry: Entry) -> bool {
        let Some(link) = self.links.get(&interface) else { return false };
        let old = link.table.get(address).copied();
        if old.is_none() {
            match link.table.room_for(entry.state) {
                Ok(None) => {}
                Ok(Some(other)) => self.forget(interface, other),
                Err(table::Full) => return false,
            }
        }
        if let Some(link) = self.links.get_mut(&interface) {
            link.table.set(now, address, entry);
        }
        let deadline = old.and_then(|old| old.deadline);
        self.move_timer(interface, Timer::Neighbor(address), deadline, entry.deadline);
        self.tell(interface, address, old.and_then(|old| old.known()), entry.known());
        true
    }

    fn forget(&mut self, interface: InterfaceId, address: IpAddr) {
        let removed = self.links.get_mut(&interface).and_then(|link| link.table.remove(address));
        let Some(entry) = removed else { return };
        self.move_timer(interface, Timer::Neighbor(address), entry.deadline, None);
        self.tell(interface, address, entry.known(), None);
        if entry.state == NeighborState::Incomplete {
            self.outputs.push_back(NeighborOutput::Unreachable { interface, address });
        }
    }

    /// Stops all that an interface does, and forgets its neighbors; configured ones only with `all`.
    fn silence(&mut self, interface: InterfaceId, all: bool) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let deadlines: Vec<_> =
            link.own.iter_mut().map(|own| (Timer::Own(own.ip()), own.deadline.take())).collect();
        let is_gone = |entry: &Entry| all || entry.state != NeighborState::Static;
        let gone: Vec<IpAddr> =
            link.table.iter().filter(|(_, entry)| is_gone(entry)).map(|(address, _)| address).collect();
        for (timer, deadline) in deadlines {
            self.move_timer(interface, timer, deadline, None);
        }
        for address in gone {
            self.forget(interface, address);
        }
    }

    fn tell(
        &mut self,
        interface: InterfaceId,
        address: IpAddr,
        before: Option<(MacAddress, bool)>,
        after: Option<(MacAddress, bool)>,
    ) {
        if before != after {
            let mac = after.map(|(mac, _)| mac);
            let is_stale = after.is_some_and(|(_, is_stale)| is_stale);
            let update = NeighborUpdate { interface, address, mac, is_stale };
            self.outputs.push_back(NeighborOutput::Update(update));
        }
    }

    fn move_timer(
        &mut self,
        interface: InterfaceId,
        timer: Timer,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) {
        if let Some(at) = from {
            self.timers.remove(&(at, interface, timer));
        }
        if let Some(at) = to {
            self.timers.insert((at, interface, timer));
        }
    }

    fn react_own(
        &mut self,
        interface: InterfaceId,
        address: IpAddr,
        reaction: OwnReaction,
        other: Option<MacAddress>,
    ) {
        match reaction {
            OwnReaction::Nothing => return,
            OwnReaction::Probe => self.probe(interface, address),
            OwnReaction::Announce | OwnReaction::Defend => self.announce_own(interface, address),
            OwnReaction::Complain => {}
        }
        if let Some(mac) = other {
            let is_used = self.is_own(interface, address);
            self.outputs.push_back(NeighborOutput::Conflict { interface, address, mac, is_used });
        }
    }
}
