//! ARP and neighbor discovery messages: what they change, and what is answered.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bifrons_model::{InterfaceId, MacAddress, Timestamp};
use bifrons_wire::{
    ALL_NODES, Arp, ETHERTYPE_ARP, ETHERTYPE_IPV6, EthernetHeader, NeighborMessage, NeighborMessageKind,
    solicited_node,
};

use super::{
    NeighborOutput, NeighborState, Neighbors, Timer,
    entry::{Entry, Event},
    link::Link,
};

impl Neighbors {
    /// A frame that came in by an interface, with or without a VLAN tag. False where it is neither ARP nor a
    /// neighbor solicitation or advertisement.
    pub fn handle_frame(&mut self, now: Timestamp, interface: InterfaceId, frame: &[u8]) -> bool {
        let Some((header, length)) = EthernetHeader::read(frame) else { return false };
        let body = frame.get(length..).unwrap_or(&[]);
        match header.ethertype {
            ETHERTYPE_ARP => {
                if let Some(arp) = Arp::read(body) {
                    self.handle_arp(now, interface, &arp);
                }
                true
            }
            ETHERTYPE_IPV6 => match NeighborMessage::read(body) {
                Some(message) => {
                    self.handle_nd(now, interface, header.source, &message);
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    /// An ARP message that came in by an interface.
    pub fn handle_arp(&mut self, now: Timestamp, interface: InterfaceId, arp: &Arp) {
        let Some(link) = self.links.get(&interface).filter(|link| link.is_up) else { return };
        let (sender, target) = (IpAddr::V4(arp.sender), IpAddr::V4(arp.target));
        if link.own(sender).is_some() {
            self.handle_claim(now, interface, sender, arp.sender_mac);
            return;
        }
        if link.virtual_of(sender).is_some() {
            self.handle_virtual_claim(now, interface, sender, arp.sender_mac);
            return;
        }
        if is_of_pair(link, target, arp.sender_mac) {
            return;
        }
        let is_probe = arp.sender.is_unspecified();
        if is_probe && arp.is_request && link.own(target).is_some_and(|own| own.is_tentative()) {
            self.handle_claim(now, interface, target, arp.sender_mac);
            return;
        }
        let answer = link.answers_for(target, sender).filter(|_| arp.is_request && sender != target);
        let known = link.table.get(sender).map(|entry| entry.state);
        let is_for_us = link.own(target).is_some();
        let may_learn = answer.is_some() && link.is_on_link(sender);
        match known {
            Some(state) if !arp.is_request && is_for_us && is_asked(state) => {
                let told = Event::Told { mac: Some(arp.sender_mac), is_solicited: true, is_override: true };
                self.apply(now, interface, sender, told);
            }
            Some(_) => self.apply(now, interface, sender, Event::Heard(arp.sender_mac)),
            None if may_learn => {
                self.put(now, interface, sender, Entry::heard(now, arp.sender_mac));
            }
            None => {}
        }
        if let Some((mac, _)) = answer {
            let reply = Arp {
                is_request: false,
                sender_mac: mac,
                sender: arp.target,
                target_mac: arp.sender_mac,
                target: arp.sender,
            };
            self.send(interface, reply.frame(arp.sender_mac));
        }
    }

    /// A neighbor solicitation or advertisement that came in by an interface, from the Ethernet address
    /// `from`.
    pub fn handle_nd(
        &mut self,
        now: Timestamp,
        interface: InterfaceId,
        from: MacAddress,
        message: &NeighborMessage,
    ) {
        if self.links.get(&interface).is_none_or(|link| !link.is_up) || from.is_multicast() {
            return;
        }
        match message.kind {
            NeighborMessageKind::Solicitation => self.handle_solicitation(now, interface, from, message),
            NeighborMessageKind::Advertisement { is_solicited, is_override, .. } => {
                let target = IpAddr::V6(message.target);
                let is_own = self.links.get(&interface).is_some_and(|link| link.own(target).is_some());
                if is_own {
                    self.handle_claim(now, interface, target, message.mac.unwrap_or(from));
                    return;
                }
                if self.links.get(&interface).is_some_and(|link| link.virtual_of(target).is_some()) {
                    self.handle_virtual_claim(now, interface, target, message.mac.unwrap_or(from));
                    return;
                }
                let told = Event::Told { mac: message.mac, is_solicited, is_override };
                self.apply(now, interface, target, told);
            }
        }
    }

    fn handle_solicitation(
        &mut self,
        now: Timestamp,
        interface: InterfaceId,
        from: MacAddress,
        message: &NeighborMessage,
    ) {
        let Some(link) = self.links.get(&interface) else { return };
        let (source, target) = (IpAddr::V6(message.source), IpAddr::V6(message.target));
        let is_search = message.source.is_unspecified();
        if is_search && link.own(target).is_some_and(|own| own.is_tentative()) {
            self.handle_claim(now, interface, target, from);
            return;
        }
        if link.own(source).is_some() {
            self.handle_claim(now, interface, source, message.mac.unwrap_or(from));
            return;
        }
        if link.virtual_of(source).is_some() {
            self.handle_virtual_claim(now, interface, source, message.mac.unwrap_or(from));
            return;
        }
        if is_of_pair(link, target, from) {
            return;
        }
        let answer = link.answers_for(target, source).filter(|_| source != target);
        let is_known = link.table.get(source).is_some();
        let may_learn = answer.is_some() && link.is_on_link(source);
        match message.mac {
            Some(mac) if is_known => self.apply(now, interface, source, Event::Heard(mac)),
            Some(mac) if may_learn => {
                self.put(now, interface, source, Entry::heard(now, mac));
            }
            Some(_) | None => {}
        }
        if let Some((mac, is_own)) = answer {
            let kind = NeighborMessageKind::Advertisement {
                is_router: true,
                is_solicited: !is_search,
                is_override: is_own,
            };
            // Who searches for duplicates has no address yet (RFC 4861, section 7.2.4).
            let (destination, to) = if is_search {
                (ALL_NODES, MacAddress::of_ipv6_multicast(ALL_NODES))
            } else {
                (message.source, message.mac.unwrap_or(from))
            };
            let source = if is_own { message.target } else { self.speaker(interface, message) };
            let target = message.target;
            let reply = NeighborMessage { source, destination, target, mac: Some(mac), kind };
            self.send(interface, reply.frame(mac, to));
        }
    }

    /// The source of an answer for an address that is not our own.
    fn speaker(&self, interface: InterfaceId, message: &NeighborMessage) -> Ipv6Addr {
        let link = self.links.get(&interface);
        let own = link.and_then(|link| link.asker_of(IpAddr::V6(message.target))).map(|own| own.ip());
        match own {
            Some(IpAddr::V6(own)) => own,
            Some(IpAddr::V4(_)) | None => message.target,
        }
    }

    /// Someone says that he has an address of ours; it may be an echo of our own words.
    fn handle_claim(&mut self, now: Timestamp, interface: InterfaceId, address: IpAddr, mac: MacAddress) {
        let own = self.links.get_mut(&interface).and_then(|link| link.own_mut(address));
        let Some(own) = own.filter(|own| own.address.mac != mac) else { return };
        let before = own.deadline;
        let reaction = own.handle_conflict(now);
        let after = own.deadline;
        self.move_timer(interface, Timer::Own(address), before, after);
        self.react_own(interface, address, reaction, Some(mac));
    }

    /// Someone says that he has an address of the pair; it may be the other device, or an echo.
    fn handle_virtual_claim(
        &mut self,
        now: Timestamp,
        interface: InterfaceId,
        address: IpAddr,
        mac: MacAddress,
    ) {
        let own = self.links.get_mut(&interface).and_then(|link| link.virtual_mut(address));
        let Some(own) = own.filter(|own| !own.address.answers.is_at(mac)) else { return };
        if !own.handle_conflict(now) {
            return;
        }
        // Hosts that believed the stranger come to one device of the pair, also where they had another share.
        if let Some((mac, _)) = own.address.answers.held().next() {
            self.send_announcement(interface, address, mac);
        }
        self.outputs.push_back(NeighborOutput::Conflict { interface, address, mac, is_used: true });
    }

    /// Announces the virtual addresses of an interface once.
    pub(super) fn announce_virtual(&mut self, interface: InterfaceId) {
        let Some(link) = self.links.get(&interface) else { return };
        let held: Vec<_> = link
            .virtuals
            .iter()
            .flat_map(|own| own.address.answers.held().map(|(mac, hearers)| (own.ip(), mac, hearers)))
            .collect();
        for (address, mac, hearers) in held {
            self.announce_address(interface, address, mac, hearers);
        }
    }

    /// Asks for a neighbor, all on the link or it alone. Before we have an address to ask with, nothing is
    /// sent; it is tried again like a question that was lost.
    pub(super) fn ask(&mut self, interface: InterfaceId, address: IpAddr, at: Option<MacAddress>) {
        let Some(own) = self.links.get(&interface).and_then(|link| link.asker_of(address)) else { return };
        let mac = own.address.mac;
        let frame = match (own.ip(), address) {
            (IpAddr::V4(sender), IpAddr::V4(target)) => {
                question(mac, sender, target).frame(at.unwrap_or(MacAddress::BROADCAST))
            }
            (IpAddr::V6(source), IpAddr::V6(target)) => {
                let destination = if at.is_some() { target } else { solicited_node(target) };
                let kind = NeighborMessageKind::Solicitation;
                let to = at.unwrap_or(MacAddress::of_ipv6_multicast(destination));
                NeighborMessage { source, destination, target, mac: Some(mac), kind }.frame(mac, to)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return,
        };
        self.send(interface, frame);
    }

    /// Asks whether someone has an address of ours (RFC 5227, section 2.1.1; RFC 4862, section 5.4.2).
    pub(super) fn probe(&mut self, interface: InterfaceId, address: IpAddr) {
        let Some(own) = self.links.get(&interface).and_then(|link| link.own(address)) else { return };
        self.send_search(interface, address, own.address.mac);
    }

    pub(super) fn send_search(&mut self, interface: InterfaceId, address: IpAddr, mac: MacAddress) {
        let frame = match address {
            IpAddr::V4(target) => question(mac, Ipv4Addr::UNSPECIFIED, target).frame(MacAddress::BROADCAST),
            IpAddr::V6(target) => {
                let (source, destination) = (Ipv6Addr::UNSPECIFIED, solicited_node(target));
                let kind = NeighborMessageKind::Solicitation;
                let to = MacAddress::of_ipv6_multicast(destination);
                NeighborMessage { source, destination, target, mac: None, kind }.frame(mac, to)
            }
        };
        self.send(interface, frame);
    }

    /// Announces an address of ours (RFC 5227, section 2.3; RFC 4861, section 7.2.6).
    pub(super) fn announce_own(&mut self, interface: InterfaceId, address: IpAddr) {
        let Some(own) = self.links.get(&interface).and_then(|link| link.own(address)) else { return };
        self.send_announcement(interface, address, own.address.mac);
    }

    pub(super) fn send_announcement(&mut self, interface: InterfaceId, address: IpAddr, mac: MacAddress) {
        let frame = match address {
            IpAddr::V4(own) => question(mac, own, own).frame(MacAddress::BROADCAST),
            IpAddr::V6(target) => {
                let kind = NeighborMessageKind::Advertisement {
                    is_router: true,
                    is_solicited: false,
                    is_override: true,
                };
                let to = MacAddress::of_ipv6_multicast(ALL_NODES);
                let (source, destination) = (target, ALL_NODES);
                NeighborMessage { source, destination, target, mac: Some(mac), kind }.frame(mac, to)
            }
        };
        self.send(interface, frame);
    }

    fn send(&mut self, interface: InterfaceId, bytes: Vec<u8>) {
        if self.links.get(&interface).is_some_and(|link| link.settings.is_silent || !link.is_up) {
            return;
        }
        self.outputs.push_back(NeighborOutput::Frame { interface, bytes });
    }
}

/// Whether a message about an address of the pair comes from the pair itself.
fn is_of_pair(link: &Link, target: IpAddr, mac: MacAddress) -> bool {
    link.virtual_of(target).is_some_and(|own| own.address.answers.is_at(mac))
}

fn question(sender_mac: MacAddress, sender: Ipv4Addr, target: Ipv4Addr) -> Arp {
    Arp { is_request: true, sender_mac, sender, target_mac: MacAddress::default(), target }
}

/// Whether we wait for the neighbor's answer. ARP answers say not whether they were asked for.
const fn is_asked(state: NeighborState) -> bool {
    match state {
        NeighborState::Incomplete | NeighborState::Failed | NeighborState::Delay | NeighborState::Probe => {
            true
        }
        NeighborState::Reachable | NeighborState::Stale | NeighborState::Static => false,
    }
}
