//! What a packet met on its way: the record that an explanation is made of. The stages that judge live
//! traffic write it, nobody else.

use core::net::IpAddr;

use bifrons_model::{AppId, Direction, DropReason, InterfaceId, SessionId, ZoneId};
use bifrons_policy::{Decision, Forward, NatQuery, Query};
use bifrons_session::FlowKey;

/// One thing that happened to a packet, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The frame could not be read.
    Unreadable(DropReason),
    /// It was read: a packet with this key, from this interface.
    Read {
        /// Its key; the ingress zone is part of it.
        key: FlowKey,
        /// Where it came in.
        interface: InterfaceId,
    },
    /// It belongs to a session.
    Hit {
        /// The session.
        session: SessionId,
        /// The packet's way in it.
        direction: Direction,
    },
    /// It belongs to none.
    Miss,
    /// It matches what a session of an application-level gateway foretold.
    Foretold {
        /// That session.
        parent: SessionId,
    },
    /// A route was looked up.
    Route {
        /// The address.
        destination: IpAddr,
        /// Where it leads and to which zone; `None` without a route, or where the interface has no zone.
        to: Option<(InterfaceId, ZoneId)>,
    },
    /// The next station was looked for.
    NextHop(Forward),
    /// The NAT rules were asked.
    Nat(NatQuery),
    /// An application override rule fixed the application.
    Overridden(AppId),
    /// The security rules were asked.
    Security {
        /// What they were asked.
        query: Query,
        /// What they said.
        decision: Decision,
    },
    /// A session was made, with these keys.
    Admitted {
        /// The session.
        session: SessionId,
        /// Client to server as it arrives, server to client as it arrives.
        keys: [FlowKey; 2],
    },
    /// The application is known, or is another than it was.
    Identified(AppId),
    /// The packet left with the addresses and ports that this key has.
    Translated(FlowKey),
    /// The firewall sent a packet of its own.
    Emitted,
}
