//! One session's record: what every packet of it touches, in three cache lines.

use bifrons_model::{
    Action, ActionSource, AppId, Direction, Generation, Handshake, InterfaceId, RuleId, SessionId, Timestamp,
    Tracker, Volume, ZoneId,
};

use bifrons_wire::protocol;

use crate::{Timer, key::FlowKey, tcp};

/// "No such thing" in a handle.
pub const NONE: u32 = u32::MAX;
/// "No such thing" in a short number.
pub const NO_NUMBER: u16 = u16::MAX;

/// A session's state as the operator sees it (knowledge base, "Session states"). OPENING, CLOSING and
/// CLOSED pass within one call, so a stored session is in one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum State {
    /// The slot is free.
    #[default]
    Init = 0,
    /// Packets pass.
    Active = 1,
    /// Packets are dropped without another policy lookup.
    Discard = 2,
}

impl State {
    /// The display's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "INIT",
            Self::Active => "ACTIVE",
            Self::Discard => "DISCARD",
        }
    }
}

/// What happened in a session's life that can be the reason for its end: one bit for each tracker stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes(u16);

impl Causes {
    /// All of them as bits, for the other device of a pair.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// From `bits`; those that no stage has are left out.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & ((1 << Tracker::ALL.len()) - 1))
    }

    /// Adds a cause.
    pub const fn add(&mut self, stage: Tracker) {
        self.0 |= 1 << stage as u16;
    }

    /// Takes a cause back: what looked like it was none.
    pub const fn withdraw(&mut self, stage: Tracker) {
        self.0 &= !(1 << stage as u16);
    }

    /// Whether `stage` is among them.
    pub const fn has(self, stage: Tracker) -> bool {
        self.0 & 1 << stage as u16 != 0
    }

    /// The cause that is logged: the one whose end reason has the highest priority. A connection on the
    /// same ports comes only after a FIN, a reset or nothing, so behind these by the published list it
    /// would never be logged; where it ended the session it outranks them (knowledge base,
    /// "tcp-reuse").
    pub fn decisive(self) -> Tracker {
        if self.has(Tracker::TcpReuse)
            && !self.has(Tracker::MitigationTdb)
            && !self.has(Tracker::AppidPolicyLookupDeny)
        {
            return Tracker::TcpReuse;
        }
        Tracker::ALL
            .into_iter()
            .filter(|stage| *stage != Tracker::None && self.has(*stage))
            .min_by_key(|stage| stage.end_reason())
            .unwrap_or(Tracker::None)
    }
}

/// Facts of a session that are either so or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionFlags(u16);

impl SessionFlags {
    /// Its addresses are IPv6 and stand in the side table.
    pub const IPV6: Self = Self(1);
    /// Identification is over: payload passes uninspected.
    pub const INSPECTED: Self = Self(2);
    /// Payload was seen.
    pub const PAYLOAD: Self = Self(4);
    /// Its end is logged.
    pub const LOG_END: Self = Self(8);
    /// Its start and each change of application are logged.
    pub const LOG_START: Self = Self(16);
    /// The record that closes it was written: the rest of its life is silent.
    pub const LOGGED: Self = Self(32);
    /// A record of subtype start was written.
    pub const STARTED: Self = Self(64);

    /// No application could lead to another rule: the rules need not be asked when it is known.
    pub const CERTAIN: Self = Self(128);
    /// Its packets leave with other addresses or ports than they come with.
    pub const TRANSLATED: Self = Self(256);
    /// Its payload changed in length on the way, so sequence numbers shift.
    pub const SHIFTED: Self = Self(512);
    /// It has taken something from a NAT rule's pool, or is counted there.
    pub const NAT_TAKEN: Self = Self(2048);
    /// Let through as what an allowed application is carried by.
    pub const IMPLICIT: Self = Self(1024);
    /// Its server is the device itself.
    pub const HOST: Self = Self(4096);
    /// The firewall has answered its client, and its server has not answered yet.
    pub const JOINING: Self = Self(8192);
    /// The other device of the pair owns it: it is silent here and does not age while that one lives.
    pub const COPY: Self = Self(16_384);
    /// The other device has told of it: it is, or once was, a copy.
    pub const PEER: Self = Self(32_768);

    /// Those that hold on either device of a pair, as one byte; see `with_portable`.
    pub const fn portable(self) -> u8 {
        (self.0 >> 1) as u8 & 0x7f | ((self.0 >> 10) as u8 & 1) << 7
    }

    /// These with the portable ones (`INSPECTED` to `CERTAIN`, `IMPLICIT`) replaced by those in `byte`.
    #[must_use]
    pub const fn with_portable(self, byte: u8) -> Self {
        let others = self.0 & !(0xfe | 1024);
        Self(others | (byte as u16 & 0x7f) << 1 | ((byte as u16 >> 7) & 1) << 10)
    }

    /// Whether `flag` is set.
    #[inline]
    pub const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Sets or clears `flag`.
    #[inline]
    pub const fn set(&mut self, flag: Self, on: bool) {
        if on { self.0 |= flag.0 } else { self.0 &= !flag.0 }
    }
}

/// Where a session's packets go next, by direction: numbers of the worker's, good in one epoch of its routes.
#[derive(Clone, Copy, Debug)]
pub struct Hops {
    stations: [u16; 2],
    epoch: u16,
}

impl Default for Hops {
    fn default() -> Self {
        Self { stations: [NO_NUMBER; 2], epoch: 0 }
    }
}

impl Hops {
    /// The station that packets of a direction go to, if it was found in this epoch.
    #[inline]
    pub const fn get(self, direction: Direction, epoch: u16) -> Option<u16> {
        let station = self.stations[direction.index()];
        if self.epoch == epoch && station != NO_NUMBER { Some(station) } else { None }
    }

    /// Notes a station; what was found in another epoch is forgotten.
    pub const fn set(&mut self, direction: Direction, station: u16, epoch: u16) {
        if self.epoch != epoch {
            *self = Self { stations: [NO_NUMBER; 2], epoch };
        }
        self.stations[direction.index()] = station;
    }
}

/// A session. 192 bytes; IPv6 addresses stand in a side table of the `SessionTable`.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub struct Session {
    // The first line: who it is and when it was last seen.
    /// Client to server as it arrives, server to client as it arrives: the IPv4 half of two flow keys.
    pub(crate) keys: [[u64; 2]; 2],
    /// When its latest packet came.
    pub last_packet: Timestamp,
    /// How long it lives from there, in seconds.
    pub timeout: u32,
    /// Its number.
    pub id: SessionId,
    /// The configuration that it was last judged by.
    pub generation: Generation,
    /// The rule that admitted or denied it.
    pub rule: RuleId,
    /// The application, or the word for why none is known.
    pub app: AppId,
    /// Its state.
    pub state: State,
    /// The timer that `timeout` is of.
    pub timer: Timer,
    /// Facts.
    pub flags: SessionFlags,
    /// What the rule said.
    pub action: Action,
    /// Where the action came from.
    pub action_source: ActionSource,

    // The second line: TCP.
    /// The TCP tracker; unused by other protocols.
    pub tcp: tcp::Tracking,
    /// How it opened.
    pub handshake: Handshake,
    /// Its identification while that works: a handle of the worker's.
    pub inspection: u32,
    /// Its IPv6 addresses: a place in the side table.
    pub(crate) v6: u32,
    /// Of a copy: how long it was idle when it was last told of, in milliseconds. Of an own session: the low
    /// bits of the tick of its latest packet when the other device was last told of it.
    pub(crate) told: u32,

    // The third line: what is counted.
    /// Client to server, server to client.
    pub volume: [Volume; 2],
    /// When its first packet came.
    pub start: Timestamp,
    /// What may be the reason for its end.
    pub causes: Causes,
    /// The interface that its first packet came in on.
    pub interface_in: InterfaceId,
    /// The interface that it leaves by.
    pub interface_out: InterfaceId,
    /// The next stations.
    pub hops: Hops,
    /// Words that its log record needs, such as the server's name: a handle of the worker's.
    pub notes: u32,
    /// The service whose timeouts it has: a number of the worker's, `NO_NUMBER` without.
    pub service: u16,
    /// The NAT rule that matched: a `NatRuleId`'s number, `NO_NUMBER` without.
    pub nat_rule: u16,
    /// Of a copy: how many owners had died before it was told of.
    pub(crate) epoch: u16,
    /// Of a copy: the number of the join in which it was last told of.
    pub(crate) join: u16,
}

const _: () = assert!(size_of::<Session>() == 192, "a session is three cache lines");

impl Session {
    /// A session that begins now; the caller sets what its rule and protocol say.
    pub fn new(id: SessionId, start: Timestamp) -> Self {
        Self {
            keys: [[0; 2]; 2],
            last_packet: start,
            timeout: 0,
            id,
            generation: Generation(0),
            rule: RuleId(0),
            app: AppId(0),
            state: State::Active,
            timer: Timer::Other,
            flags: SessionFlags::default(),
            action: Action::Allow,
            action_source: ActionSource::Policy,
            tcp: tcp::Tracking::default(),
            handshake: Handshake::default(),
            inspection: NONE,
            v6: NONE,
            told: 0,
            volume: [Volume::default(); 2],
            start,
            causes: Causes::default(),
            interface_in: InterfaceId(0),
            interface_out: InterfaceId(0),
            hops: Hops::default(),
            notes: NONE,
            service: NO_NUMBER,
            nat_rule: NO_NUMBER,
            epoch: 0,
            join: 0,
        }
    }

    /// The IP protocol number.
    #[inline]
    pub const fn protocol(&self) -> u8 {
        self.keys[0][1] as u8
    }

    /// The zone that its first packet came from.
    pub const fn zone_from(&self) -> ZoneId {
        ZoneId((self.keys[0][1] >> 16) as u16)
    }

    /// The zone that it goes to.
    pub const fn zone_to(&self) -> ZoneId {
        ZoneId((self.keys[1][1] >> 16) as u16)
    }

    /// The client's and the server's port as the client knows them.
    pub const fn ports(&self) -> (u16, u16) {
        let rest = self.keys[0][1];
        ((rest >> 48) as u16, (rest >> 32) as u16)
    }

    /// Whether the other device of a pair keeps a copy: not of ICMP, not of sessions of the device itself
    /// (PAN-OS, "HA Synchronization"), and of a handshake that the firewall makes itself only when it is
    /// done.
    pub const fn is_mirrorable(&self) -> bool {
        !matches!(self.protocol(), protocol::ICMP | protocol::ICMPV6)
            && !self.flags.has(SessionFlags::HOST)
            && !self.flags.has(SessionFlags::JOINING)
    }

    /// Fetches the record's three lines.
    #[inline]
    pub(crate) fn prefetch(&self) {
        crate::prefetch(&self.keys);
        crate::prefetch(&self.tcp);
        crate::prefetch(&self.volume);
    }

    /// Whether the flow of `direction` has this key, as far as the record itself tells.
    #[inline]
    pub(crate) fn matches(&self, direction: usize, key: &FlowKey) -> bool {
        let own = &self.keys[direction];
        own[1] == key.rest && own[0] == key.v4
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bifrons_model::EndReason;

    #[test]
    fn the_highest_cause_decides() {
        let mut causes = Causes::default();
        assert_eq!(causes.decisive(), Tracker::None);
        causes.add(Tracker::AgedOut);
        causes.add(Tracker::TcpFin);
        assert_eq!(causes.decisive().end_reason(), EndReason::TcpFin);
        causes.add(Tracker::TcpRstServer);
        causes.add(Tracker::TcpRstClient);
        assert_eq!(causes.decisive(), Tracker::TcpRstClient);
        causes.withdraw(Tracker::TcpRstClient);
        assert_eq!(causes.decisive(), Tracker::TcpRstServer);
        causes.add(Tracker::TcpReuse);
        assert_eq!(causes.decisive(), Tracker::TcpReuse);
        causes.add(Tracker::AppidPolicyLookupDeny);
        assert_eq!(causes.decisive().end_reason(), EndReason::PolicyDeny);
    }

    #[test]
    fn portable_flags_come_back() {
        let flags = [
            SessionFlags::INSPECTED,
            SessionFlags::PAYLOAD,
            SessionFlags::LOG_END,
            SessionFlags::LOG_START,
            SessionFlags::LOGGED,
            SessionFlags::STARTED,
            SessionFlags::CERTAIN,
            SessionFlags::IMPLICIT,
        ];
        for (place, flag) in flags.into_iter().enumerate() {
            assert_eq!(flag.portable(), 1 << place);
            assert_eq!(SessionFlags::COPY.with_portable(flag.portable()), SessionFlags(16_384 | flag.0));
            assert_eq!(flag.with_portable(0), SessionFlags::default());
        }
        assert_eq!(SessionFlags::TRANSLATED.with_portable(0), SessionFlags::TRANSLATED);
    }

    #[test]
    fn the_lines_begin_where_the_comments_say() {
        assert_eq!(core::mem::offset_of!(Session, tcp), 64);
        assert_eq!(core::mem::offset_of!(Session, volume), 128);
    }
}
