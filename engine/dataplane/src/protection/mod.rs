//! Zone protection: what is refused of a zone's packets before any rule is asked, and the block table.
//!
//! ```text
//! frame ─► screen_frame: block table, IP header ─► screen: what it carries ─► lookup ─miss─► guard_opening:
//!                                                                             source, floods, scans
//! ```
//!
//! Without a profile and with an empty block table a packet is asked one question, whether anything is on.

mod alarm;
mod blocks;
mod cookies;
mod flood;
mod headers;
mod joining;
mod scan;

use core::net::IpAddr;

use bifrons_config::typed::{Scan, ScanAction, SynFlood, TrackBy, ZoneProtection};
use bifrons_model::{Direction, DropReason, Tracker, ZoneId};
use bifrons_session::{FlowKey, HashSeed, Session, State, tcp::Connection};
use bifrons_wire::{
    IcmpError, Packet, TcpFlags, blank_fast_open, blank_multipath, blank_timestamps, protocol,
};

pub use alarm::{Alarm, AlarmCause};
pub use blocks::Block;
use blocks::Blocks;
use cookies::Cookies;
pub use flood::FloodKind;
use flood::Meters;
pub(crate) use joining::{Joining, Recalled};
use scan::{Watch, Watched};

use crate::{
    Event, Outbox, Worker,
    worker::{Body, Lane, Rate, Wiring},
};

/// Scans told of in one second of time.
const SCANS_TOLD_PER_SECOND: u32 = 100;

/// A worker's part of the device's protection.
///
/// The limits of a profile are the device's. Each of several workers sees a part of the packets, and takes
/// that for as much as the others see: floods are judged by the rate times the number of workers, and of
/// the hosts that a source may try each worker allows its share and as many more as chance may give it.
/// Ports and protocols of one host are tried before one worker only.
pub(crate) struct Protection {
    /// Whether anything is to be looked at.
    is_on: bool,
    has_profiles: bool,
    blocks: Blocks,
    watch: Watch,
    meters: Meters,
    cookies: Cookies,
    scans_told: Rate,
    /// Numbers drawn for the dice.
    drawn: u64,
}

impl Protection {
    pub(crate) fn new(seed: &HashSeed) -> Self {
        Self {
            is_on: false,
            has_profiles: false,
            blocks: Blocks::default(),
            watch: Watch::default(),
            meters: Meters::default(),
            cookies: Cookies::new(seed),
            scans_told: Rate::default(),
            drawn: 0,
        }
    }
}

impl Worker {
    /// Adds an entry to the block table, or lets the one that is there end later. Sessions of the sender end
    /// with its next packet.
    pub fn block(&mut self, block: Block) {
        self.protection.blocks.insert(block);
        self.protection.is_on = true;
        self.look_at(block.end);
    }

    /// Takes every entry of a sender out of the block table; how many there were.
    pub fn unblock(&mut self, source: IpAddr) -> usize {
        let count = self.protection.blocks.remove(source);
        self.protection.settle();
        count
    }

    /// The block table, by sender.
    pub fn blocks(&self) -> impl Iterator<Item = Block> {
        self.protection.blocks.iter()
    }

    /// Takes over whether the configuration has profiles in use.
    pub(crate) fn take_protection(&mut self) {
        let zones = 0..self.policy.names().zones.len() as u16;
        let has_profiles = zones.into_iter().any(|zone| self.policy.zone_protection(ZoneId(zone)).is_some());
        self.protection.has_profiles = has_profiles;
        self.protection.settle();
    }

    /// Judges a frame by its sender and its IP header, be it a whole packet or a fragment.
    #[inline(always)]
    pub(crate) fn screen_frame(
        &mut self,
        frame: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        if !self.protection.is_on {
            return Ok(());
        }
        if !self.protection.blocks.is_empty() {
            let (source, destination) = (packet.addresses.source(), packet.addresses.destination());
            // A session that is another worker's ends there.
            if self.protection.blocks.has(self.now, source, lane.zone, destination)
                && self.owner_of(&FlowKey::of(packet, lane.zone)).is_none()
            {
                self.end_blocked(lane, packet, outbox);
                return Err(DropReason::SourceBlocked);
            }
        }
        match self.policy.zone_protection(lane.zone) {
            Some(profile) => headers::check_ip(profile, frame, packet),
            None => Ok(()),
        }
    }

    /// Judges a whole packet by what it carries, and takes out of it what the profile says.
    #[inline(always)]
    pub(crate) fn screen(&self, body: &mut Body<'_>, lane: &Lane, packet: &Packet) -> Result<(), DropReason> {
        if !self.protection.is_on {
            return Ok(());
        }
        let Some(profile) = self.policy.zone_protection(lane.zone) else {
            return Ok(());
        };
        headers::check_transport(profile, body.bytes, packet)?;
        if packet.protocol == protocol::TCP && packet.tcp.options_length > 0 && packet.frames == 1 {
            strip(profile, body.bytes, packet);
        }
        Ok(())
    }

    /// Judges a packet that would open a session. The SYN comes back that an acknowledgement opens it for.
    pub(crate) fn guard_opening(
        &mut self,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Option<Recalled>, DropReason> {
        if !self.protection.has_profiles {
            return Ok(None);
        }
        let Some(profile) = self.policy.zone_protection(lane.zone) else {
            return Ok(None);
        };
        if profile.ip.strict_check && self.is_strictly_wrong(lane, packet) {
            return Err(DropReason::StrictAddress);
        }
        if profile.ip.spoofed && self.is_spoofed(lane, packet) {
            return Err(DropReason::SpoofedAddress);
        }
        let can_answer = self.can_answer(profile, lane, packet);
        let Self { policy, protection, now, place, .. } = self;
        let Some(profile) = policy.zone_protection(lane.zone) else {
            return Ok(None);
        };
        let opening = Opening { now: *now, workers: place.workers.into(), lane, packet };
        if let Err(reason) = protection.look_for_scans(profile, &opening, outbox) {
            let end = protection.blocks.next_end();
            self.look_at(end.unwrap_or(self.now));
            return Err(reason);
        }
        match protection.limit(profile, &opening, can_answer, outbox)? {
            Limited::Passes if can_answer && is_acknowledgement(packet) => Ok(self.recall(lane, packet)),
            Limited::Passes => Ok(None),
            Limited::IsAnswered => {
                self.answer_syn(bytes, lane, packet, outbox);
                Err(DropReason::SynCookie)
            }
        }
    }

    /// Whether a server's segment is refused because a handshake has three segments (split handshake, or
    /// simultaneous open; RFC 9293, section 3.5).
    #[inline]
    pub(crate) fn splits_handshake(&self, session: &Session, direction: Direction, packet: &Packet) -> bool {
        if session.tcp.connection() != Connection::Opening || direction == Direction::ClientToServer {
            return false;
        }
        let flags = packet.tcp.flags;
        let is_answer = flags.has(TcpFlags::RST) || (flags.has(TcpFlags::SYN) && flags.has(TcpFlags::ACK));
        let profile = || self.policy.zone_protection(session.zone_from());
        !is_answer && profile().is_some_and(|profile| profile.tcp.split_handshake)
    }

    /// Whether the zone of the interface that a packet came in by keeps the device from reporting on it.
    pub(crate) fn suppresses(&self, interface: bifrons_model::InterfaceId, error: IcmpError) -> bool {
        let zone = self.policy.zone_of(interface);
        let Some(profile) = zone.and_then(|zone| self.policy.zone_protection(zone)) else {
            return false;
        };
        match error {
            IcmpError::HopLimitExceeded => profile.icmp.suppress_time_exceeded,
            IcmpError::TooBig(_) => profile.icmp.suppress_fragmentation_needed,
            IcmpError::Prohibited
            | IcmpError::NoRoute
            | IcmpError::HostUnreachable
            | IcmpError::PortUnreachable
            | IcmpError::Other { .. } => false,
        }
    }

    /// Whether multipath options of packets from the zone are to be taken out.
    #[inline]
    pub(crate) fn strips_multipath(&self, zone: ZoneId) -> bool {
        let own = if self.protection.has_profiles {
            self.policy.zone_protection(zone).and_then(|profile| profile.tcp.strip_mptcp)
        } else {
            None
        };
        own.unwrap_or(self.policy.tcp().strip_mptcp_option)
    }

    /// Whether the firewall may make the handshake of a connection in place of both ends: not where it only
    /// listens, and not where it is the server itself.
    fn can_answer(&self, profile: &ZoneProtection, lane: &Lane, packet: &Packet) -> bool {
        matches!(profile.flood.tcp_syn, Some(SynFlood::SynCookies(_)))
            && lane.wiring != Wiring::Tap
            && packet.frames == 1
            && self.own_interface(lane, packet.addresses.destination()).is_none()
    }

    /// Ends the session of a blocked sender's packet.
    fn end_blocked(&mut self, lane: &Lane, packet: &Packet, outbox: &mut Outbox) {
        // A fragment has no ports to find a session by.
        if packet.fragment.is_none()
            && let Some(hit) = self.lookup(lane, packet, outbox)
            && self.table.get(hit.slot).state != State::Discard
        {
            self.close_now(hit.slot, Tracker::MitigationTdb, outbox);
        }
    }

    /// Whether the routes lead from a packet's zone back to its source.
    fn is_spoofed(&self, lane: &Lane, packet: &Packet) -> bool {
        let source = packet.addresses.source();
        let back = match lane.wiring {
            Wiring::Capture => self.policy.ingress_of(source),
            Wiring::Routed => {
                let answer = FlowKey::of(packet, lane.zone).reversed(lane.zone);
                self.way_to(lane.interface, &answer, source).ok().map(|way| way.interface)
            }
            // No routes lead over them.
            Wiring::Wire(_) | Wiring::Tap => return false,
        };
        back.and_then(|interface| self.policy.zone_of(interface)) != Some(lane.zone)
    }

    fn is_strictly_wrong(&self, lane: &Lane, packet: &Packet) -> bool {
        let (source, destination) = (packet.addresses.source(), packet.addresses.destination());
        source == destination
            || self.check_addresses(lane, packet).is_err_and(|reason| reason != DropReason::Multicast)
    }
}

/// A packet that would open a session.
struct Opening<'a> {
    now: bifrons_model::Timestamp,
    /// How many workers the device has.
    workers: u32,
    lane: &'a Lane,
    packet: &'a Packet,
}

/// What becomes of a packet that would open a session, but is not dropped.
enum Limited {
    Passes,
    /// The firewall answers it itself.
    IsAnswered,
}

/// Whether a segment can be the third of a handshake.
fn is_acknowledgement(packet: &Packet) -> bool {
    let flags = packet.tcp.flags;
    flags.has(TcpFlags::ACK) && !flags.has(TcpFlags::SYN.with(TcpFlags::RST))
}

impl Protection {
    /// When something is to be forgotten next.
    pub(crate) fn next_deadline(&self) -> Option<bifrons_model::Timestamp> {
        self.blocks.next_end()
    }

    /// Forgets what has ended.
    pub(crate) fn expire(&mut self, now: bifrons_model::Timestamp) {
        if !self.blocks.is_empty() {
            self.blocks.expire(now);
            self.settle();
        }
    }

    fn settle(&mut self) {
        self.is_on = self.has_profiles || !self.blocks.is_empty();
    }

    /// Counts a packet and drops it when there are too many of its kind.
    fn limit(
        &mut self,
        profile: &ZoneProtection,
        opening: &Opening<'_>,
        can_answer: bool,
        outbox: &mut Outbox,
    ) -> Result<Limited, DropReason> {
        let zone = opening.lane.zone;
        let Some(kind) = FloodKind::of(opening.packet) else { return Ok(Limited::Passes) };
        let Some(rates) = kind.rates(&profile.flood) else { return Ok(Limited::Passes) };
        let meter = self.meters.meter(zone, kind);
        let rate = meter.count(opening.now).saturating_mul(opening.workers);
        if rate > rates.alarm && meter.tells() {
            let cause = AlarmCause::Flood { kind, rate };
            outbox.events.push(Event::Alarm(Alarm { zone, cause }));
        }
        if kind == FloodKind::TcpSyn && can_answer && (rates.activate..rates.maximal).contains(&(rate - 1)) {
            return Ok(Limited::IsAnswered);
        }
        self.drawn = self.drawn.wrapping_add(1);
        // The hash is keyed with a secret: nobody outside can tell which packets will pass.
        let draw = (mix(opening.lane.hash ^ mix(self.drawn)) >> 32) as u32;
        if flood::is_excess(rate, rates, draw) { Err(kind.reason()) } else { Ok(Limited::Passes) }
    }

    /// Looks whether a packet makes its source one that scans, and does what is to be done then.
    fn look_for_scans(
        &mut self,
        profile: &ZoneProtection,
        opening: &Opening<'_>,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        if profile.scans.is_empty() {
            return Ok(());
        }
        let Opening { now, workers, lane: Lane { zone, .. }, packet } = *opening;
        let (source, host) = (packet.addresses.source(), packet.addresses.destination());
        if profile.scan_exempt.iter().any(|range| (range.first..=range.last).contains(&source)) {
            return Ok(());
        }
        let mut is_blocked = false;
        for protection in &profile.scans {
            if protection.action == ScanAction::Allow {
                continue;
            }
            let Some(tried) = Watched::of(protection.scan, *zone, packet) else { continue };
            let threshold = usize::from(protection.threshold);
            let (share, destination) = match protection.scan {
                Scan::Hosts => (share_of(threshold, workers as usize), None),
                Scan::TcpPorts | Scan::UdpPorts | Scan::Protocols => (threshold, Some(host)),
            };
            let Some(interval_end) = self.watch.note(now, tried, protection, share) else { continue };
            if self.scans_told.admit(now, SCANS_TOLD_PER_SECOND) {
                let cause = AlarmCause::Scan {
                    scan: protection.scan,
                    action: protection.action,
                    source,
                    destination,
                };
                outbox.events.push(Event::Alarm(Alarm { zone: *zone, cause }));
            }
            let (destination, end) = match protection.action {
                ScanAction::Allow | ScanAction::Alert => continue,
                ScanAction::Block => (destination, interval_end),
                ScanAction::BlockIp { track_by, duration } => {
                    let destination = (track_by == TrackBy::SourceAndDestination).then_some(host);
                    (destination, now.after_secs(duration.into()))
                }
            };
            let block = Block { source, zone: Some(*zone), destination, end };
            self.blocks.insert(block);
            self.is_on = true;
            outbox.events.push(Event::Blocked(block));
            is_blocked = true;
        }
        if is_blocked { Err(DropReason::SourceBlocked) } else { Ok(()) }
    }
}

/// How many of a number of hosts one of several workers sees at most, as a rule: hosts fall to workers by
/// chance, and twice the deviation is seldom exceeded.
fn share_of(threshold: usize, workers: usize) -> usize {
    if workers < 2 {
        return threshold;
    }
    let mean = threshold.div_ceil(workers);
    threshold.min(mean + 2 * mean.isqrt())
}

/// Takes TCP options out.
fn strip(profile: &ZoneProtection, bytes: &mut [u8], packet: &Packet) {
    // The shortest options have two, three and ten bytes (RFC 7413; RFC 8684, section 3; RFC 7323).
    if profile.tcp.strip_timestamp && packet.tcp.options_length >= 10 {
        blank_timestamps(bytes, packet);
    }
    if profile.tcp.strip_fast_open && packet.tcp.flags.has(TcpFlags::SYN) {
        blank_fast_open(bytes, packet);
    }
    if profile.tcp.strip_mptcp == Some(true) && packet.tcp.options_length >= 3 {
        blank_multipath(bytes, packet);
    }
}

/// Spreads a number's bits over all of its result's (the finishing step of SplitMix64).
const fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_all_of_it_for_one_worker_and_never_more_than_all() {
        for threshold in [2, 3, 100, 65_535] {
            assert_eq!(share_of(threshold, 1), threshold);
            for workers in [2, 8, 64] {
                let share = share_of(threshold, workers);
                assert!(share <= threshold && share * workers >= threshold && share >= 2);
            }
        }
        assert_eq!(share_of(100, 8), 19);
    }
}
