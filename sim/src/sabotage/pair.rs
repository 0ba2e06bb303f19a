//! Bugs that are planted in devices that stand in for each other. Each shows at the border of a device: in
//! its frames, in what it says to the other one and takes from it, in its records, in what it is ordered.
#![allow(clippy::wildcard_enum_match_arm, reason = "a bug concerns one place and no other one")]

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use bifrons_ha::{HaLinkId, HaState, StateRequest, SystemRecord, sync::SyncStatus};
use bifrons_model::Timestamp;
use smoltcp::wire::{IpAddress, IpProtocol, Ipv4Packet, TcpPacket, UdpPacket};

use crate::{
    device::{Blueprint, Device, DeviceOutput, Figures, Order},
    frame::{Body, Content, View, build},
    random::Random,
};

mod bug;

pub use bug::PairBug;

/// How long a device that has stood down goes on.
const LINGERS: Duration = Duration::from_secs(5);
/// How long a device is deaf that ignores heartbeats.
const DEAF: Duration = Duration::from_millis(400);
/// By how much a take-over is too late.
const LATE: Duration = Duration::from_secs(4);
/// How long after its time an order is carried out again.
const AGAIN: Duration = Duration::from_secs(2);

/// Behind which addresses hosts are hidden, where one device forwards and where both do.
const HIDDEN: [Ipv4Addr; 3] =
    [Ipv4Addr::new(10, 2, 0, 1), Ipv4Addr::new(10, 2, 0, 4), Ipv4Addr::new(10, 2, 0, 5)];

/// The first byte of what HA1 carries about configurations, and of what the devices tell of themselves.
const CONFIGURATION: u8 = 3;
const MEMBER: u8 = 1;

/// A device of a pair with a bug.
pub struct Sabotaged {
    inner: Box<dyn Device>,
    bug: PairBug,
    device: u8,
    zones: usize,
    links: Vec<HaLinkId>,
    random: Random,
    /// What the device has let out, and what the bug has.
    extra: VecDeque<DeviceOutput>,
    spoilt: VecDeque<DeviceOutput>,
    state: Option<HaState>,
    /// When the device was to lead or to follow last.
    took_over: Option<Timestamp>,
    stood_down: Option<Timestamp>,
    /// When the bug begins to show, and until when it does.
    from: Timestamp,
    until: Timestamp,
    /// Something to be ordered without anybody's having asked for it.
    order: Option<(Timestamp, Order)>,
    /// Where connections were when they were first seen.
    begun: HashMap<(IpAddr, u16, IpAddr, u16), u32>,
    /// The ports that were there before they were changed.
    ports: HashMap<u16, u16>,
    /// Frames that the device has not seen, and that it should have dropped.
    swallowed: u64,
    passed: u64,
    /// Records that were written more than there were, or fewer.
    records: i64,
}

impl Sabotaged {
    /// Plants a bug in a device that `build` makes.
    ///
    /// # Errors
    /// When the configuration is refused.
    pub fn build(
        blueprint: &Blueprint<'_>,
        now: Timestamp,
        build: crate::run::Build<'_>,
        (bug, seed): (PairBug, u64),
    ) -> Result<Box<dyn Device>, String> {
        let device = blueprint.seat.map_or(0, |seat| seat.device);
        let configuration = bug.misread(blueprint.configuration);
        let inner = build(&Blueprint { configuration: &configuration, ..*blueprint }, now)?;
        let mut random = Random::new(seed, "pair-bug", bug as u64 * 2 + u64::from(device));
        let from = now + Duration::from_secs(6) + random.up_to(Duration::from_secs(20));
        Ok(Box::new(Self {
            inner,
            bug,
            device,
            zones: blueprint.ports,
            links: blueprint.seat.map(|seat| seat.links.to_vec()).unwrap_or_default(),
            random,
            extra: VecDeque::new(),
            spoilt: VecDeque::new(),
            state: None,
            took_over: None,
            stood_down: None,
            from,
            until: now,
            order: None,
            begun: HashMap::new(),
            ports: HashMap::new(),
            swallowed: 0,
            passed: 0,
            records: 0,
        }))
    }

    fn is(&self, bug: PairBug) -> bool {
        self.bug == bug
    }

    fn leads(&self) -> bool {
        self.state == Some(HaState::Active)
    }

    fn link(&self, port: usize) -> Option<HaLinkId> {
        self.links.get(port.checked_sub(self.zones)?).copied()
    }

    /// Takes note of what the device is, and does what the bug does then.
    fn follow(&mut self, now: Timestamp) {
        let state = self.inner.pair().map(|(state, _)| state);
        let before = std::mem::replace(&mut self.state, state);
        if before == state {
            return;
        }
        match state {
            Some(HaState::Active) if before == Some(HaState::Passive) => {
                self.took_over = Some(now);
                if self.is(PairBug::SessionsDropped) {
                    self.order = Some((now + Duration::from_millis(600), Order::Clear(Box::default())));
                }
            }
            Some(HaState::ActivePrimary) if before == Some(HaState::ActiveSecondary) => {
                self.took_over = Some(now);
            }
            Some(HaState::Passive) if self.is(PairBug::PreemptsUnasked) && self.device == 0 => {
                self.order = Some((now + Duration::from_secs(5), Order::Pair(StateRequest::SuspendPeer)));
            }
            Some(HaState::Suspended) if self.is(PairBug::SuspendedTakesPart) => {
                self.order = Some((now + AGAIN, Order::Pair(StateRequest::Functional)));
            }
            _ => {}
        }
        if before == Some(HaState::Active) {
            self.stood_down = Some(now);
        }
    }

    /// What nobody has asked for.
    fn misbehave(&mut self, now: Timestamp) {
        let Some((_, order)) = self.order.take_if(|(at, _)| *at <= now) else { return };
        let _ = self.inner.handle_order(now, &order);
        if matches!(order, Order::Pair(StateRequest::SuspendPeer)) {
            self.order = Some((now + AGAIN, Order::Pair(StateRequest::FunctionalPeer)));
        }
    }

    /// Whether a message of the peer's is lost.
    fn ignores(&mut self, now: Timestamp, link: HaLinkId, message: &[u8]) -> bool {
        let is_data = matches!(link, HaLinkId::Ha2 | HaLinkId::Ha2Backup);
        match self.bug {
            PairBug::ToldNotTaken => is_data && now >= self.from,
            PairBug::ConfigurationOnOne => {
                self.device == 1 && !is_data && message.first() == Some(&CONFIGURATION)
            }
            PairBug::HeartbeatIgnored => {
                if now >= self.until && now >= self.from && self.random.chance(200) {
                    self.until = now + DEAF;
                }
                now < self.until
            }
            PairBug::SplitBrainStays => {
                let has_taken = self.took_over.is_some_and(|at| now >= at);
                self.leads() && has_taken && !is_data && message.first() == Some(&MEMBER)
            }
            _ => false,
        }
    }

    /// Takes a frame of a zone; `None` where the device never sees it.
    fn take(&mut self, now: Timestamp, port: usize, mut frame: Vec<u8>) -> Option<Vec<u8>> {
        let (view, bug) = (View::of(&frame), self.bug);
        match bug {
            PairBug::StandsDownForwards
                if !self.leads() && self.stood_down.is_some_and(|at| now < at + LINGERS) =>
            {
                let port = (port + 1) % self.zones;
                self.spoilt.push_back(DeviceOutput::Frame { port, bytes: frame.clone() });
            }
            PairBug::PassiveAnswers if self.state == Some(HaState::Passive) => {
                if let Content::Arp { is_request: true, sender, sender_mac, target } = view.content
                    && target.octets()[2..] == [0, 1]
                    && sender != target
                {
                    let own = [0x02, 0xb1, 0xf0, 0xff, self.device, port as u8 + 1];
                    let bytes = build::arp((own, target), sender, Some(sender_mac));
                    self.spoilt.push_back(DeviceOutput::Frame { port, bytes });
                }
            }
            PairBug::StaleWindow if self.took_over.is_some() && self.is_beyond(&view) => {
                self.swallowed += 1;
                return None;
            }
            PairBug::PortOverlap | PairBug::TranslationChanged if port == 1 => {
                if let Some((_, to)) = ports(&view)
                    && let Some(port) = self.ports.get(&to)
                {
                    set_port(&mut frame, *port, false);
                }
            }
            _ => {}
        }
        Some(frame)
    }

    /// Whether a segment lies far behind the first one of its connection that this device has seen.
    fn is_beyond(&mut self, view: &View) -> bool {
        let Some(packet) = view.packet() else { return false };
        let Body::Tcp(segment) = packet.body else { return false };
        let key = (packet.source, segment.source, packet.destination, segment.destination);
        let first = *self.begun.entry(key).or_insert(segment.sequence);
        let ahead = segment.sequence.wrapping_sub(first);
        (4_000..1 << 31).contains(&ahead)
    }

    /// Spoils an output; `None` swallows it.
    fn spoil(&mut self, output: DeviceOutput) -> Option<DeviceOutput> {
        match output {
            DeviceOutput::Frame { port, bytes } if port >= self.zones => {
                let is_data = matches!(self.link(port), Some(HaLinkId::Ha2 | HaLinkId::Ha2Backup));
                let is_lost = self.is(PairBug::AcknowledgementLost) && is_data && !self.leads();
                (!is_lost).then_some(DeviceOutput::Frame { port, bytes })
            }
            DeviceOutput::Frame { port, bytes } => self.spoil_frame(port, bytes),
            DeviceOutput::Record(mut written) => {
                if self.took_over.is_some() && self.is(PairBug::LogLost) && self.random.chance(100_000) {
                    self.records -= 1;
                    return None;
                }
                let number = written.record.sequence_number as i64 + self.records;
                written.record.sequence_number = u64::try_from(number).unwrap_or_default();
                if self.took_over.is_some() && self.is(PairBug::LoggedTwice) && self.random.chance(100_000) {
                    let mut again = written.clone();
                    again.record.sequence_number += 1;
                    self.records += 1;
                    self.spoilt.push_back(DeviceOutput::Record(again));
                }
                Some(DeviceOutput::Record(written))
            }
        }
    }

    fn spoil_frame(&mut self, port: usize, mut bytes: Vec<u8>) -> Option<DeviceOutput> {
        let view = View::of(&bytes);
        match self.bug {
            PairBug::AnnouncementMissing => {
                let is_own = matches!(view.content, Content::Arp { sender, target, .. } if sender == target);
                if is_own && self.took_over.is_some() {
                    return None;
                }
            }
            PairBug::PortOverlap | PairBug::TranslationChanged if port == 1 && self.took_over.is_some() => {
                if view.packet().is_some_and(|packet| HIDDEN.iter().any(|address| packet.source == *address))
                    && let Some((from, _)) = ports(&view)
                {
                    let other = match self.bug {
                        PairBug::PortOverlap => 64_000 + from % 2,
                        _ => from ^ 0x0400,
                    };
                    self.ports.insert(other, from);
                    set_port(&mut bytes, other, true);
                }
            }
            _ => {}
        }
        Some(DeviceOutput::Frame { port, bytes })
    }
}

impl Device for Sabotaged {
    fn handle_frame(&mut self, now: Timestamp, port: usize, frame: Vec<u8>) {
        self.misbehave(now);
        match self.link(port) {
            Some(link) => {
                if !self.ignores(now, link, &frame) {
                    self.inner.handle_frame(now, port, frame);
                }
            }
            None => {
                if let Some(frame) = self.take(now, port, frame) {
                    let passed = (self.is(PairBug::RulesForgotten) && self.took_over.is_some())
                        .then(|| pass(&frame))
                        .flatten();
                    self.inner.handle_frame(now, port, frame);
                    self.extra.extend(std::iter::from_fn(|| self.inner.poll_output()));
                    let passed = passed.filter(|_| self.extra.is_empty());
                    self.passed += u64::from(passed.is_some());
                    self.extra.extend(passed);
                }
            }
        }
        self.follow(now);
    }

    fn handle_order(&mut self, now: Timestamp, order: &Order) -> Result<(), String> {
        let done = match order {
            Order::Link { port, up: false }
                if self.is(PairBug::LinkLossIgnored) && self.leads() && *port < self.zones =>
            {
                Ok(())
            }
            Order::Commit(text) => self.inner.handle_order(now, &Order::Commit(self.bug.misread(text))),
            Order::Pair(StateRequest::Functional) if self.is(PairBug::OrderReplayed) => {
                self.order = Some((now + AGAIN, Order::Pair(StateRequest::Suspend)));
                self.inner.handle_order(now, order)
            }
            _ => self.inner.handle_order(now, order),
        };
        self.follow(now);
        done
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        self.misbehave(now);
        self.inner.handle_timeout(now);
        self.until = self.until.max(now);
        self.follow(now);
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        let due = self.inner.poll_timeout();
        let is_late = self.is(PairBug::TakeOverLate) && self.state == Some(HaState::Passive);
        let due = if is_late { due.map(|due| due.max(self.until + LATE)) } else { due };
        [due, self.order.as_ref().map(|(at, _)| *at)].into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<DeviceOutput> {
        if let Some(spoilt) = self.spoilt.pop_front() {
            return Some(spoilt);
        }
        while let Some(output) = self.extra.pop_front().or_else(|| self.inner.poll_output()) {
            if let Some(spoilt) = self.spoil(output) {
                return Some(spoilt);
            }
        }
        None
    }

    fn figures(&self) -> Figures {
        // The bug is in the engine: what it does is counted.
        let mut figures = self.inner.figures();
        figures.received += self.swallowed;
        figures.dropped = (figures.dropped + self.swallowed).saturating_sub(self.passed);
        figures.transmitted += self.passed;
        figures
    }

    fn drops(&self) -> Vec<(&'static str, u64)> {
        self.inner.drops()
    }

    fn restart(&mut self, now: Timestamp) {
        self.inner.restart(now);
        (self.took_over, self.stood_down, self.order) = (None, None, None);
        (self.records, self.swallowed, self.passed) = (0, 0, 0);
        self.follow(now);
    }

    fn pair(&self) -> Option<(HaState, SyncStatus)> {
        self.inner.pair()
    }

    fn running(&self) -> Option<u64> {
        self.inner.running()
    }

    fn is_dark(&self, port: usize) -> bool {
        self.inner.is_dark(port)
    }

    fn take_system_log(&mut self) -> Vec<SystemRecord> {
        self.inner.take_system_log()
    }

    fn shared_sessions(&self) -> std::collections::BTreeSet<String> {
        self.inner.shared_sessions()
    }
}

/// The ports of a TCP or UDP packet.
fn ports(view: &View) -> Option<(u16, u16)> {
    match view.packet()?.body {
        Body::Tcp(segment) => Some((segment.source, segment.destination)),
        Body::Udp(from, to) => Some((from, to)),
        Body::Icmp { .. } | Body::Neighbor { .. } | Body::Other => None,
    }
}

const ETHERNET: usize = 14;

/// Gives an IPv4 packet another source or destination port.
fn set_port(frame: &mut [u8], port: u16, is_source: bool) {
    let Some(ip) = frame.get_mut(ETHERNET..) else { return };
    let Ok(packet) = Ipv4Packet::new_checked(&*ip) else { return };
    let ends = [IpAddress::Ipv4(packet.src_addr()), IpAddress::Ipv4(packet.dst_addr())];
    let protocol = packet.next_header();
    let (from, to) = (usize::from(packet.header_len()), usize::from(packet.total_len()));
    let Some(segment) = ip.get_mut(from..to) else { return };
    if protocol == IpProtocol::Tcp
        && let Ok(mut tcp) = TcpPacket::new_checked(&mut *segment)
    {
        if is_source {
            tcp.set_src_port(port)
        } else {
            tcp.set_dst_port(port)
        }
        tcp.fill_checksum(&ends[0], &ends[1]);
    } else if protocol == IpProtocol::Udp
        && let Ok(mut udp) = UdpPacket::new_checked(segment)
    {
        if is_source {
            udp.set_src_port(port)
        } else {
            udp.set_dst_port(port)
        }
        udp.fill_checksum(&ends[0], &ends[1]);
    }
}

/// A TCP segment to a host as a router without rules sends it on.
fn pass(frame: &[u8]) -> Option<DeviceOutput> {
    let mut bytes = frame.to_vec();
    let mut packet = Ipv4Packet::new_checked(bytes.get_mut(ETHERNET..)?).ok()?;
    let [_, network, high, low] = packet.dst_addr().octets();
    if packet.next_header() != IpProtocol::Tcp || packet.version() != 4 {
        return None;
    }
    packet.set_hop_limit(packet.hop_limit().saturating_sub(1));
    packet.fill_checksum();
    let zone = network.checked_sub(1)?;
    let [high, low] = u16::from_be_bytes([high, low]).checked_sub(10)?.to_be_bytes();
    bytes.get_mut(..6)?.copy_from_slice(&[0x02, 0xb1, 0xf0, zone, high, low]);
    Some(DeviceOutput::Frame { port: usize::from(zone), bytes })
}
