//! Where a packet goes next, and whether it may: looked at before the packet is changed, so that its sender
//! can be told why not.

use alloc::{sync::Arc, vec::Vec};
use core::net::IpAddr;

use bifrons_catalog::app;
use bifrons_model::{AppId, Direction, DropReason, InterfaceId, MacAddress, ZoneId};
use bifrons_policy::{Flow, Forward, Forwarding, Preference, Query};
use bifrons_session::{FlowKey, Hit, SessionFlags, State};
use bifrons_wire::{Addresses, IcmpError, Packet, ip_length, may_fragment, protocol};

use super::returns::sender_of;
use crate::{
    Event, Outbox, Step, Verdict, Worker,
    adjacency::{Next, Waiting},
    worker::{Body, Lane, Wiring},
};

/// How much longer a packet gets when it becomes one of IPv6: the difference of the headers.
const IPV6_EXTRA: u32 = 20;

/// Where a packet leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By this interface, with the link header that it came with.
    Plain(InterfaceId),
    /// Not at all: the device itself takes it.
    Host,
    /// To a station.
    Station {
        /// Its number.
        place: u16,
        /// Whether the packet leaves with the ends that its sender knows, so that the sender can be told
        /// what became of it.
        is_told: bool,
    },
    /// By the other device of an active/active pair, into this zone.
    Peer(ZoneId),
}

/// What a policy-based forwarding rule says of a session, as far as that can be done.
#[derive(Debug, Default)]
pub(crate) struct ForcedWay {
    /// `None` as routes say.
    pub way: Option<Forward>,
    /// Whether the rule depends on a monitored path.
    pub is_monitored: bool,
    /// The routers that answers go back to; `None` where they go as routes say.
    pub symmetric_return: Option<Arc<[IpAddr]>>,
}

impl Worker {
    /// The way out for a packet of a session. `Err` holds the fate of one that does not leave.
    #[inline(always)]
    pub(crate) fn forward(
        &mut self,
        hit: Hit,
        body: &Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Exit, Verdict> {
        match lane.wiring {
            Wiring::Capture => Ok(Exit::Plain(self.interface_towards(hit))),
            Wiring::Wire(peer) => Ok(Exit::Plain(peer)),
            Wiring::Tap => Err(Verdict::Drop(DropReason::Listening)),
            Wiring::Routed => self.forward_routed(hit, body, lane, packet, outbox),
        }
    }

    /// A packet to a station that was found before and takes it as it is, with the least work.
    #[inline(always)]
    fn forward_routed(
        &mut self,
        hit: Hit,
        body: &Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Exit, Verdict> {
        let session = self.table.get(hit.slot);
        if session.state == State::Active
            && packet.hop_limit > 1
            && let Some(place) = session.hops.get(hit.direction, self.adjacencies.epoch())
            && let Some(station) = self.adjacencies.station(place)
            // Of a packet that came in fragments the header is not at hand.
            && packet.frames == 1
            && ip_length(packet) + IPV6_EXTRA <= u32::from(station.mtu)
        {
            return Ok(Exit::Station { place, is_told: !session.flags.has(SessionFlags::TRANSLATED) });
        }
        self.forward_anew(hit, body, lane, packet, outbox)
    }

    /// The same for any packet.
    #[inline(never)]
    fn forward_anew(
        &mut self,
        hit: Hit,
        body: &Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Exit, Verdict> {
        let session = self.table.get(hit.slot);
        if session.flags.has(SessionFlags::HOST) {
            return Ok(Exit::Host);
        }
        if session.state == State::Discard {
            return Err(Verdict::Drop(DropReason::SessionDiscard));
        }
        let is_told = !session.flags.has(SessionFlags::TRANSLATED);
        let known = session.hops.get(hit.direction, self.adjacencies.epoch());
        let place = match known {
            Some(place) => place,
            None => match self.find_hop(hit, lane.interface, sender_of(body, lane, packet), outbox) {
                Ok(place) => place,
                Err(reason) => {
                    if let Some(zone) = self.leaves_by_peer(hit, lane, packet, reason) {
                        return Ok(Exit::Peer(zone));
                    }
                    self.tell_no_way(body.bytes, lane, packet, reason, outbox);
                    return Err(Verdict::Drop(reason));
                }
            },
        };
        if packet.hop_limit <= 1 {
            self.report(lane, body.bytes, packet, IcmpError::HopLimitExceeded, outbox);
            return Err(Verdict::Drop(DropReason::HopLimitExceeded));
        }
        let mtu = self.adjacencies.station(place).map_or(u16::MAX, |station| station.mtu);
        // Of a packet that came in fragments the header is not at hand.
        if packet.frames == 1 && ip_length(packet) + IPV6_EXTRA > u32::from(mtu) {
            self.fits(hit, body, lane, packet, mtu, outbox)?;
        }
        Ok(Exit::Station { place, is_told })
    }

    /// Refuses a packet that is too long for the next link and may not be fragmented (RFC 1191; RFC 8201;
    /// over families, RFC 7915, sections 4 and 5).
    fn fits(
        &mut self,
        hit: Hit,
        body: &Body<'_>,
        lane: &Lane,
        packet: &Packet,
        mtu: u16,
        outbox: &mut Outbox,
    ) -> Result<(), Verdict> {
        let is_v6 = |addresses| matches!(addresses, Addresses::V6 { .. });
        let leaves_as_v6 = is_v6(self.table.keys(hit.slot)[hit.direction.reverse().index()].addresses());
        let room = match (is_v6(packet.addresses), leaves_as_v6) {
            (false, true) => u32::from(mtu) - IPV6_EXTRA,
            (true, false) => u32::from(mtu) + IPV6_EXTRA,
            (true, true) | (false, false) => u32::from(mtu),
        };
        if ip_length(packet) <= room || may_fragment(body.bytes, packet) {
            return Ok(());
        }
        self.report(lane, body.bytes, packet, IcmpError::TooBig(room), outbox);
        Err(Verdict::Drop(DropReason::PacketTooBig))
    }

    /// Finds the next station for a session's direction, by the routes as they are now. `from` is the
    /// interface that its packets come in by, `sender` the station there, where a packet is at hand.
    pub(crate) fn find_hop(
        &mut self,
        hit: Hit,
        from: InterfaceId,
        sender: Option<MacAddress>,
        outbox: &mut Outbox,
    ) -> Result<u16, DropReason> {
        let [c2s, s2c] = self.table.keys(hit.slot);
        // Packets of one direction go to where the answers of the other come from.
        let (leaving, zone) = match hit.direction {
            Direction::ClientToServer => (s2c.reversed(s2c.zone()), s2c.zone()),
            Direction::ServerToClient => (c2s.reversed(c2s.zone()), c2s.zone()),
        };
        let back = self.notes_of(hit.slot).and_then(|notes| notes.returns);
        let way = match hit.direction {
            Direction::ClientToServer => {
                match self.keep_forced_way(hit.slot, (from, sender), &c2s, outbox)? {
                    Some(way) => way,
                    None => self.way_towards(from, &leaving)?,
                }
            }
            Direction::ServerToClient => {
                if let Some(place) = back.and_then(|back| self.return_station(back, zone, outbox)) {
                    self.table.get_mut(hit.slot).hops.set(hit.direction, place, self.adjacencies.epoch());
                    return Ok(place);
                }
                let came_by = Some(self.table.get(hit.slot).interface_in);
                self.way_preferring(from, &leaving, &Preference { came_by, source: None })?
            }
        };
        outbox.note(|| Step::NextHop(way));
        if self.policy.zone_of(way.interface) != Some(zone) {
            return Err(DropReason::EgressZoneChanged);
        }
        let place = self.station(way, leaving.addresses().destination(), outbox);
        let epoch = self.adjacencies.epoch();
        let session = self.table.get_mut(hit.slot);
        session.hops.set(hit.direction, place, epoch);
        if hit.direction == Direction::ClientToServer {
            session.interface_out = way.interface;
        }
        Ok(place)
    }

    /// What a policy-based forwarding rule says of a session that came in by `interface`. Its application
    /// counts where the first packet shows it; a session does not change its way when it shows later. `going`
    /// is the way that a rule with a monitored path gave it before.
    pub(crate) fn forced_way(
        &self,
        interface: InterfaceId,
        (c2s, app): (&FlowKey, AppId),
        going: Option<Forward>,
    ) -> Result<ForcedWay, DropReason> {
        let addresses = c2s.addresses();
        let is_stream = matches!(c2s.protocol(), protocol::TCP | protocol::UDP);
        let query = Query {
            zone_from: c2s.zone(),
            zone_to: c2s.zone(),
            source: addresses.source(),
            destination: addresses.destination(),
            source_port: c2s.source_port(),
            destination_port: c2s.destination_port(),
            protocol: c2s.protocol(),
            app: (!is_stream && app != app::UNDECIDED).then_some(app),
            user: self.policy.user_of(addresses.source()),
            category: None,
            time: self.now,
        };
        let Some(forced) = self.policy.forwarding(&query, interface, self.nat_owner, going) else {
            return Ok(ForcedWay::default());
        };
        let way = match forced.way {
            Some(Forwarding::Discard) => return Err(DropReason::ForwardingDiscard),
            // A way that is down leaves the session to the routes.
            Some(Forwarding::Via(way)) => Some(way).filter(|way| self.links.is_up(way.interface)),
            None => None,
        };
        Ok(ForcedWay { way, is_monitored: forced.is_monitored, symmetric_return: forced.symmetric_return })
    }

    /// The same for a session that is there: what it does while a path is down depends on the way it went.
    /// Where its answers go is noted.
    fn keep_forced_way(
        &mut self,
        slot: u32,
        (interface, sender): (InterfaceId, Option<MacAddress>),
        c2s: &FlowKey,
        outbox: &mut Outbox,
    ) -> Result<Option<Forward>, DropReason> {
        let notes = self.notes_of(slot);
        let (going, before) = notes.map_or((None, None), |notes| (notes.forced, notes.returns));
        let app = self.table.get(slot).app;
        let forced = self.forced_way(interface, (c2s, app), going)?;
        let noted = forced.way.map_or(going, |way| forced.is_monitored.then_some(way));
        let returns = match (forced.symmetric_return, sender) {
            (None, _) => None,
            (Some(_), None) => before,
            (Some(listed), Some(sender)) => {
                Some(self.return_to(interface, sender, (&listed, c2s.is_v6()), outbox))
            }
        };
        if (noted, returns) != (going, before) {
            let notes = self.notes_of_mut(slot);
            (notes.forced, notes.returns) = (noted, returns);
        }
        Ok(forced.way)
    }

    /// Where packets go that came in by a routed `interface` and leave with these ends.
    pub(crate) fn way_towards(
        &self,
        interface: InterfaceId,
        leaving: &FlowKey,
    ) -> Result<Forward, DropReason> {
        self.way_to(interface, leaving, leaving.addresses().destination())
    }

    /// The same where an interface may come before others.
    pub(crate) fn way_preferring(
        &self,
        interface: InterfaceId,
        leaving: &FlowKey,
        preference: &Preference,
    ) -> Result<Forward, DropReason> {
        self.way(interface, leaving, leaving.addresses().destination(), preference)
    }

    /// The same for another destination.
    pub(crate) fn way_to(
        &self,
        interface: InterfaceId,
        leaving: &FlowKey,
        destination: IpAddr,
    ) -> Result<Forward, DropReason> {
        self.way(interface, leaving, destination, &Preference::default())
    }

    fn way(
        &self,
        interface: InterfaceId,
        leaving: &FlowKey,
        destination: IpAddr,
        preference: &Preference,
    ) -> Result<Forward, DropReason> {
        let link = self.links.link(interface).ok_or(DropReason::InterfaceDown)?;
        let flow = Flow {
            source: leaving.addresses().source(),
            destination,
            source_port: leaving.source_port(),
            destination_port: leaving.destination_port(),
        };
        match self.policy.fib().lookup_preferring(link.router, flow.destination, &flow, preference) {
            None => Err(DropReason::NoRoute),
            Some(Forwarding::Discard) => Err(DropReason::BlackholeRoute),
            Some(Forwarding::Via(way)) if self.links.is_up(way.interface) => Ok(way),
            Some(Forwarding::Via(_)) => Err(DropReason::InterfaceDown),
        }
    }

    /// The number of the next station on the way to `destination`; one that is new is asked for.
    pub(crate) fn station(&mut self, way: Forward, destination: IpAddr, outbox: &mut Outbox) -> u16 {
        self.place(way.interface, Next::Router(way.gateway.unwrap_or(destination)), outbox)
    }

    pub(crate) fn place(&mut self, interface: InterfaceId, next: Next, outbox: &mut Outbox) -> u16 {
        let placed = self.adjacencies.place(interface, next, &self.links);
        self.give_up(placed.forgotten, DropReason::NeighborQueueFull, outbox);
        if let (Next::Router(address), true) = (next, placed.asks) {
            outbox.events.push(Event::Resolve { interface, address });
        }
        placed.place
    }

    /// Sends a packet on its way that gets no session.
    pub(crate) fn bypass(
        &mut self,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        let leaving = FlowKey::of(packet, lane.zone);
        let way = match self.way_towards(lane.interface, &leaving) {
            Ok(way) if packet.hop_limit > 1 => way,
            Ok(_) => return Verdict::Drop(DropReason::HopLimitExceeded),
            Err(reason) => return Verdict::Drop(reason),
        };
        let place = self.station(way, packet.addresses.destination(), outbox);
        let mark = outbox.replaced.len();
        self.egress(Exit::Station { place, is_told: true }, body, lane, packet, mark, outbox)
    }

    /// Tells the sender of a packet that has no way why.
    pub(crate) fn tell_no_way(
        &mut self,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        reason: DropReason,
        outbox: &mut Outbox,
    ) {
        if matches!(reason, DropReason::NoRoute | DropReason::InterfaceDown) {
            self.report(lane, bytes, packet, IcmpError::NoRoute, outbox);
        }
    }

    /// Drops packets that have waited for a station in vain.
    pub(crate) fn give_up(&mut self, waiting: Vec<Waiting>, reason: DropReason, outbox: &mut Outbox) {
        for packet in waiting {
            self.counters.drop(reason, u64::from(packet.frames));
            if let (Some(interface), Some(first)) = (packet.report_to, packet.packets.first()) {
                self.report_packet(interface, first, IcmpError::HostUnreachable, outbox);
            }
        }
        self.count_held();
    }
}
