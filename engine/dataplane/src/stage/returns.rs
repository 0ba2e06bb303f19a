//! The way of answers: back to where the session came from, where a forwarding rule wants that
//! ("Enforce Symmetric Return").

use core::net::IpAddr;

use bifrons_model::{InterfaceId, MacAddress, ZoneId};
use bifrons_policy::Forward;
use bifrons_wire::{EthernetHeader, LinkType, Packet};

use crate::{
    Outbox, Worker,
    adjacency::Next,
    worker::{Body, Lane, Wiring},
};

/// Where a session's answers go, whatever routes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Return {
    /// The interface that the session came in by.
    pub interface: InterfaceId,
    /// The station there.
    pub next: Next,
}

/// The station on a link that a packet came from; `None` for one that did not come over a link of its own.
pub(crate) fn sender_of(body: &Body<'_>, lane: &Lane, packet: &Packet) -> Option<MacAddress> {
    let frame = if packet.frames == 1 { &*body.bytes } else { &body.fragments.first()?.bytes };
    if lane.wiring != Wiring::Routed || lane.link != LinkType::Ethernet {
        return None;
    }
    let (header, _) = EthernetHeader::read(frame)?;
    (!header.source.is_multicast()).then_some(header.source)
}

impl Worker {
    /// Where answers go to a client whose packets `sender` hands over. Of the routers that a rule lists it is
    /// the one that has this station address, else the first; as long as one of them is not known, and where
    /// none is listed, the sender itself.
    pub(crate) fn return_to(
        &mut self,
        interface: InterfaceId,
        sender: MacAddress,
        (listed, is_v6): (&[IpAddr], bool),
        outbox: &mut Outbox,
    ) -> Return {
        let direct = Next::Station(sender, is_v6);
        let routers = listed.iter().copied().filter(|router| router.is_ipv6() == is_v6);
        let mut next = routers.clone().next().map_or(direct, Next::Router);
        for router in routers {
            let way = Forward { interface, gateway: Some(router) };
            let place = self.station(way, router, outbox);
            let mac = self.adjacencies.station(place).and_then(|station| station.mac());
            match mac {
                Some(mac) if mac == sender => {
                    next = Next::Router(router);
                    break;
                }
                Some(_) => {}
                None => next = direct,
            }
        }
        Return { interface, next }
    }

    /// The number of the station that answers go back to; `None` where its interface cannot send, or is in
    /// the session's zone no more.
    pub(crate) fn return_station(&mut self, back: Return, zone: ZoneId, outbox: &mut Outbox) -> Option<u16> {
        let is_usable = self.links.is_up(back.interface) && self.policy.zone_of(back.interface) == Some(zone);
        is_usable.then(|| self.place(back.interface, back.next, outbox))
    }
}
