//! The worker: its state, its clock and the life of a packet.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::net::IpAddr;

use bifrons_config::typed::TimeoutOverride;
use bifrons_inspect::{Inspections, Limits, Signatures};
use bifrons_model::{
    DeviceId, DropReason, Generation, InterfaceId, MacAddress, RuleId, Timestamp, Volume, ZoneId,
};
use bifrons_policy::{NatOwner, Policy, RuleHits};
use bifrons_session::{
    Candidate, FlowKey, FragmentFrame, HashSeed, Hit, Reassembler, SessionFlags, SessionTable,
    nat::{Nat, PortShare},
    tcp,
};
use bifrons_wire::{LinkType, Packet, Reading};
use slab::Slab;

use crate::{
    AwaitedEcho, Compiled, Counters, Emitted, Frame, Links, Outbox, PairView, Place, Step, Verdict,
    adjacency::{Adjacencies, Station},
    close::Notes,
    gateway::Foretold,
    handover::Claims,
    mirror::Mirroring,
    protection::Protection,
    stage::{Exit, FromPeer},
    timeouts::UsualTimeouts,
};

/// One core's work. Sessions, fragments and identification state are its own.
pub struct Worker {
    pub(crate) policy: Arc<Policy>,
    pub(crate) signatures: Arc<Signatures>,
    pub(crate) generation: Generation,
    pub(crate) knobs: Vec<tcp::Knobs>,
    pub(crate) limits: Limits,
    pub(crate) reading: Reading,
    pub(crate) table: SessionTable,
    pub(crate) inspections: Inspections,
    pub(crate) notes: Slab<Notes>,
    pub(crate) overrides: Vec<TimeoutOverride>,
    pub(crate) usual_timeouts: UsualTimeouts,
    pub(crate) reopenings: BTreeMap<u32, Reopening>,
    pub(crate) fragments: Reassembler,
    pub(crate) counters: Counters,
    pub(crate) now: Timestamp,
    pub(crate) sequence_number: u64,
    pub(crate) nat: Nat,
    pub(crate) nat_owner: NatOwner,
    pub(crate) foretold: Foretold,
    pub(crate) last_identification: u16,
    pub(crate) links: Arc<Links>,
    pub(crate) adjacencies: Adjacencies,
    pub(crate) awaited: Arc<[AwaitedEcho]>,
    pub(crate) protection: Protection,
    pub(crate) place: Place,
    pub(crate) claims: Claims,
    pub(crate) pair: PairView,
    pub(crate) device: Option<DeviceId>,
    /// What the other device says of the frame at hand, where that came from it.
    pub(crate) from_peer: Option<FromPeer>,
    pub(crate) mirroring: Mirroring,
    /// By `RuleId`.
    hits: Vec<RuleHits>,
    /// Records of refused sessions.
    pub(crate) refusals: Rate,
    /// ICMP unreachables.
    pub(crate) unreachables: Rate,
    /// Nothing is due before this.
    next_look: Timestamp,
    lanes: Vec<Lane>,
    expired: Vec<u32>,
}

/// A SYN that passed on a live session and may begin another connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reopening {
    pub segment: tcp::Segment,
    pub arrival: Timestamp,
    /// The SYN and its repetitions: they were counted in the old session.
    pub volume: Volume,
}

/// A packet's place in a batch: what the early stages found for the later ones.
pub(crate) struct Lane {
    pub packet: Packet,
    /// The fate of a frame that is no packet to forward; the packet may mean nothing then.
    pub fate: Option<Verdict>,
    pub link: LinkType,
    pub wiring: Wiring,
    pub interface: InterfaceId,
    pub zone: ZoneId,
    pub hash: u64,
    pub candidate: Option<Candidate>,
    /// By routes alone: the interface that they lead to, where it was looked for already.
    pub way_ahead: Option<InterfaceId>,
}

/// How the interface that a packet came in by is joined with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wiring {
    /// By routes only: it has no link.
    Capture,
    /// By routes and links.
    Routed,
    /// By a wire to this one.
    Wire(InterfaceId),
    /// Not at all.
    Tap,
}

/// A packet's bytes.
pub(crate) struct Body<'a> {
    /// What the packet's offsets count in: its frame, or what lay behind the IP headers of its fragments.
    pub bytes: &'a mut [u8],
    /// The fragments it came in; none for a packet in one frame.
    pub fragments: &'a mut [FragmentFrame],
}

impl Lane {
    pub const fn empty() -> Self {
        Self {
            packet: Packet::BLANK,
            fate: None,
            link: LinkType::Ethernet,
            wiring: Wiring::Capture,
            interface: InterfaceId(0),
            zone: ZoneId(0),
            hash: 0,
            candidate: None,
            way_ahead: None,
        }
    }
}

/// Keeps what answers a flood from becoming a flood of its own: so many in one second of time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    second: u64,
    admitted: u32,
}

impl Rate {
    /// Whether one more may happen, of `max` in a second.
    pub fn admit(&mut self, now: Timestamp, max: u32) -> bool {
        if self.second != now.as_secs() {
            *self = Self { second: now.as_secs(), admitted: 0 };
        }
        let is_within = self.admitted < max;
        self.admitted += u32::from(is_within);
        is_within
    }
}

/// Frames that go through the early stages together: enough to hide memory, few enough to stay in the
/// first-level cache.
const BATCH: usize = 32;

/// How many frames ahead the bytes of a frame are fetched.
const FRAMES_AHEAD: usize = 6;

/// How many frames a stage lies behind the one before: the time that memory needs to answer, and no more
/// requests at a time than a core keeps track of.
const STAGE_LAG: usize = 8;

/// Sessions that the ager looks at for one frame; what is left is looked at with the next.
pub(crate) const AGER_BUDGET: usize = 64;

impl Worker {
    /// A worker without sessions. Its capacity is that of the configuration it begins with.
    pub fn new(compiled: &Compiled, seed: HashSeed) -> Self {
        let Compiled { policy, signatures } = compiled.clone();
        let capacity = policy.session().capacity;
        let mut worker = Self {
            generation: policy.generation(),
            knobs: Vec::new(),
            limits: Limits { packets: 0, bytes: 0, out_of_order_segments: 0 },
            reading: Reading::Strict,
            table: SessionTable::new(capacity, seed),
            inspections: Inspections::default(),
            notes: Slab::new(),
            overrides: Vec::new(),
            usual_timeouts: UsualTimeouts::default(),
            reopenings: BTreeMap::new(),
            fragments: Reassembler::new(),
            counters: Counters::default(),
            now: Timestamp::ZERO,
            sequence_number: 0,
            nat: Nat::new(PortShare::WHOLE, 0),
            nat_owner: NatOwner::ALONE,
            foretold: Foretold::default(),
            last_identification: 0,
            links: Arc::default(),
            adjacencies: Adjacencies::default(),
            awaited: Arc::default(),
            protection: Protection::new(&seed),
            place: Place::ALONE,
            claims: Claims::default(),
            pair: PairView::ALONE,
            device: None,
            from_peer: None,
            mirroring: Mirroring::default(),
            hits: Vec::new(),
            refusals: Rate::default(),
            unreachables: Rate::default(),
            next_look: Timestamp::ZERO,
            lanes: (0..BATCH).map(|_| Lane::empty()).collect(),
            expired: Vec::new(),
            policy,
            signatures,
        };
        worker.take_settings();
        worker
    }

    /// Swaps in a new configuration. Sessions are judged by it at their next packet; its signatures are for
    /// those whose payload begins from now on. The capacity stays.
    pub fn handle_commit(&mut self, compiled: &Compiled) {
        let Compiled { policy, signatures } = compiled.clone();
        self.policy = policy;
        self.signatures = signatures;
        self.inspections.forget_signatures();
        self.adjacencies.outdate();
        self.take_settings();
    }

    /// Takes a batch of frames, in the order of their arrival, and writes a verdict into each. Then
    /// everything that is due by `now` happens. Batches of any size give the same verdicts and records.
    pub fn process(&mut self, now: Timestamp, frames: &mut [Frame<'_>], outbox: &mut Outbox) {
        if !self.pair.forwards {
            return self.refuse_all(now, frames, outbox);
        }
        let mut lanes = core::mem::take(&mut self.lanes);
        for (place, chunk) in frames.chunks_mut(BATCH).enumerate() {
            let lanes = lanes.get_mut(..chunk.len()).unwrap_or_default();
            self.process_batch(place * BATCH, chunk, lanes, outbox);
        }
        self.lanes = lanes;
        self.count_held();
        // The last frame has moved the clock already; once more would make small batches age faster.
        if now > self.now {
            self.advance(now, AGER_BUDGET, outbox);
        }
        outbox.events.extend(self.take_told());
    }

    /// The stages run side by side, each some frames behind the one before: memory is asked for evenly, and
    /// answers while other frames are worked on. `first` is the number of the first frame.
    #[inline]
    fn process_batch(
        &mut self,
        first: usize,
        frames: &mut [Frame<'_>],
        lanes: &mut [Lane],
        outbox: &mut Outbox,
    ) {
        let lag = STAGE_LAG.min(frames.len().saturating_sub(1));
        for step in 0..frames.len() + 2 * lag {
            if let (Some(frame), Some(lane)) = (frames.get(step), lanes.get_mut(step)) {
                if let Some(byte) = frames.get(step + FRAMES_AHEAD).and_then(|ahead| ahead.bytes.first()) {
                    bifrons_session::prefetch(byte);
                }
                self.ingress(frame, lane);
            }
            if let Some(lane) = step.checked_sub(lag).and_then(|at| lanes.get_mut(at)) {
                self.suggest(lane);
            }
            let Some(at) = step.checked_sub(2 * lag) else { continue };
            let (Some(frame), Some(lane)) = (frames.get_mut(at), lanes.get(at)) else { break };
            self.advance(frame.arrival, AGER_BUDGET, outbox);
            let replaced = outbox.replaced.len();
            frame.verdict = self.live(frame, lane, outbox);
            for replaced in outbox.replaced.iter_mut().skip(replaced) {
                replaced.frame = first + at;
            }
            self.account(frame.wire_length, frame.verdict);
        }
    }

    /// The other device of the pair forwards.
    #[cold]
    fn refuse_all(&mut self, now: Timestamp, frames: &mut [Frame<'_>], outbox: &mut Outbox) {
        for frame in frames {
            frame.verdict = Verdict::Drop(DropReason::HaNotActive);
            self.account(frame.wire_length, frame.verdict);
        }
        self.advance(now, AGER_BUDGET, outbox);
        outbox.events.extend(self.take_told());
    }

    /// The life of a packet.
    #[inline(always)]
    pub(crate) fn live(&mut self, frame: &mut Frame<'_>, lane: &Lane, outbox: &mut Outbox) -> Verdict {
        if let Some(fate) = lane.fate {
            if let Verdict::Drop(reason) = fate {
                outbox.note(|| Step::Unreadable(reason));
            }
            return fate;
        }
        let packet = &lane.packet;
        outbox.note(|| Step::Read { key: FlowKey::of(packet, lane.zone), interface: lane.interface });
        if let Err(reason) = self.screen_frame(frame.bytes, lane, packet, outbox) {
            return Verdict::Drop(reason);
        }
        if packet.fragment.is_some() {
            return self.reassemble(frame, lane, packet, outbox);
        }
        let mut body = Body { bytes: frame.bytes, fragments: &mut [] };
        self.pass(&mut body, lane, packet, outbox)
    }

    /// A whole packet.
    #[inline(always)]
    pub(crate) fn pass(
        &mut self,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        if let Err(reason) = self.screen(body, lane, packet) {
            return Verdict::Drop(reason);
        }
        if packet.icmp.is_error | packet.icmp.is_echo
            && let Some(verdict) = self.match_icmp(body, lane, packet, outbox)
        {
            return verdict;
        }
        if self.has_null_timestamp(body.bytes, packet) {
            return Verdict::Drop(DropReason::TcpNullTimestamp);
        }
        let hit = match self.lookup(lane, packet, outbox) {
            Some(hit) => hit,
            None => match self.begin(body, lane, packet, outbox) {
                Ok(hit) => hit,
                Err(Verdict::Transmit(_)) if lane.wiring == Wiring::Routed => {
                    return self.bypass(body, lane, packet, outbox);
                }
                Err(verdict) => return verdict,
            },
        };
        let unshifted;
        let flags = self.table.get(hit.slot).flags;
        let packet = if flags.has(SessionFlags::SHIFTED) {
            if flags.has(SessionFlags::JOINING) {
                return self.join(hit, body, lane, packet, outbox);
            }
            unshifted = self.unshifted(hit.slot, hit.direction, packet);
            &unshifted
        } else {
            packet
        };
        let exit = match self.forward(hit, body, lane, packet, outbox) {
            Ok(exit) => exit,
            Err(verdict) => return verdict,
        };
        match self.track(hit, body.bytes, lane, packet, outbox) {
            Ok(hit) => self.go_on(hit, exit, body, lane, packet, outbox),
            Err(verdict) => verdict,
        }
    }

    /// An ICMP message that reports on a session, or that the device waits for.
    fn match_icmp(
        &mut self,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Option<Verdict> {
        if packet.icmp.is_error {
            return self.match_icmp_error(body, lane, packet, outbox);
        }
        let is_awaited = !self.awaited.is_empty() && self.is_awaited(lane, packet);
        is_awaited.then_some(Verdict::Host(lane.interface))
    }

    /// A packet that is in order: what it carries, what it is called outside, where it leaves.
    #[inline(always)]
    fn go_on(
        &mut self,
        hit: Hit,
        exit: Exit,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        let mark = outbox.replaced.len();
        let is_changed = match self.inspect(hit, body.bytes, lane, packet, outbox) {
            Ok(payload) if !matches!(exit, Exit::Host) => self.translate(hit, body, packet, payload, outbox),
            Ok(_) => return self.deliver(hit, body, lane, packet, outbox),
            Err(reason) => Err(reason),
        };
        match is_changed {
            Ok(()) => {
                self.clean(body.bytes, lane, packet);
                self.egress(exit, body, lane, packet, mark, outbox)
            }
            Err(reason) => {
                // What was made of a packet that goes no further leaves neither.
                outbox.replaced.truncate(mark);
                Verdict::Drop(reason)
            }
        }
    }

    /// Swaps in the device's links. What waited for a neighbor is lost.
    pub fn handle_links(&mut self, links: Arc<Links>, outbox: &mut Outbox) {
        self.links = links;
        let waiting = self.adjacencies.forget();
        self.give_up(waiting, DropReason::NeighborUnreachable, outbox);
    }

    /// Swaps in the same configuration with other routes (`Policy::with_fib`). Sessions look for their way
    /// anew at their next packet.
    pub fn handle_routes(&mut self, policy: Arc<Policy>) {
        self.policy = policy;
        self.adjacencies.outdate();
    }

    /// Swaps in the same configuration with more names (`Policy::with_reserved`).
    pub fn handle_names(&mut self, policy: Arc<Policy>) {
        self.hits.resize(policy.names().rules.len(), RuleHits::default());
        self.policy = policy;
        self.take_knobs();
    }

    /// Takes note of the station address of a neighbor on an interface; `None` says that it does not answer.
    /// What has waited for it leaves, or is lost. The next use of one that is stale is told by an event.
    pub fn handle_neighbor(
        &mut self,
        (interface, address): (InterfaceId, IpAddr),
        mac: Option<MacAddress>,
        is_stale: bool,
        outbox: &mut Outbox,
    ) {
        let learnt = self.adjacencies.learn((interface, address), mac, is_stale, &self.links);
        let Some((place, waiting)) = learnt else {
            return;
        };
        let Some(station) = self.adjacencies.station(place).copied().filter(Station::is_known) else {
            return self.give_up(waiting, DropReason::NeighborUnreachable, outbox);
        };
        for waited in waiting {
            self.counters.transmitted += u64::from(waited.frames);
            for packet in waited.packets {
                outbox.emitted.push(Emitted {
                    interface,
                    link: LinkType::Ethernet,
                    packet: station.frame(&packet),
                });
            }
        }
        self.count_held();
    }

    /// Lets everything happen that is due by `now`.
    pub fn handle_timeout(&mut self, now: Timestamp, outbox: &mut Outbox) {
        // The wheel may ask to be turned before the first session is due.
        self.next_look = Timestamp::ZERO;
        self.advance(now, usize::MAX, outbox);
        outbox.events.extend(self.take_told());
    }

    /// When `handle_timeout` has something to do next; `None` when no session, no fragment, no announced
    /// connection and no entry of the block table waits.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.table.is_sweeping() || self.table.is_forgetting() || self.mirroring.has_news() {
            return Some(self.now);
        }
        let deadlines = [
            self.table.next_deadline(),
            self.fragments.poll_timeout(),
            self.fragments.late_at(),
            self.foretold.next_deadline(),
            self.protection.next_deadline(),
            self.mirroring.has_loose_knobs.then_some(self.mirroring.pick_up_until),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// What was counted.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The worker's time: the latest it has been told of.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The sessions.
    pub const fn sessions(&self) -> &SessionTable {
        &self.table
    }

    /// The policy in force.
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// How often each rule was used, by its number; rules without a hit may be missing at the end.
    pub fn rule_hits(&self) -> &[RuleHits] {
        &self.hits
    }

    /// What the address translation has given out.
    pub const fn nat(&self) -> &Nat {
        &self.nat
    }

    /// Notes that a session has come under a rule.
    pub(crate) fn hit_rule(&mut self, rule: RuleId) {
        let now = self.now;
        if let Some(hits) = self.hits.get_mut(rule.index()) {
            hits.add(now);
        }
    }

    fn take_settings(&mut self) {
        let policy = &self.policy;
        self.generation = policy.generation();
        self.hits.resize(policy.names().rules.len(), RuleHits::default());
        self.nat.commit(policy.nat_rules(), policy.nat_settings());
        self.usual_timeouts = UsualTimeouts::new(policy);
        self.limits = Limits {
            packets: policy.identification().identification_packets,
            bytes: policy.identification().identification_bytes,
            out_of_order_segments: policy.tcp().out_of_order_limit,
        };
        self.reading = if policy.session().strict_checksum { Reading::Strict } else { Reading::Lenient };
        self.take_knobs();
        self.take_protection();
    }

    /// What the operator chose about TCP, zone by zone.
    pub(crate) fn take_knobs(&mut self) {
        let picks_up = self.picks_up();
        self.mirroring.has_loose_knobs = picks_up;
        let policy = &self.policy;
        let zones = policy.names().zones.len().max(1);
        self.knobs = (0..zones)
            .map(|zone| {
                let zone = policy.zone_settings(ZoneId(zone as u16));
                tcp::Knobs::new(
                    policy.session(),
                    policy.tcp(),
                    Some(zone.tcp_reject_non_syn && !picks_up),
                    Some(zone.asymmetric_path_bypass),
                )
            })
            .collect();
    }

    /// Moves the clock and ends what is over, at most about `budget` sessions.
    #[inline(always)]
    pub(crate) fn advance(&mut self, arrival: Timestamp, budget: usize, outbox: &mut Outbox) {
        self.now = self.now.max(arrival);
        if self.now >= self.next_look {
            self.look(budget, outbox);
        }
    }

    #[inline(never)]
    fn look(&mut self, budget: usize, outbox: &mut Outbox) {
        if self.mirroring.has_loose_knobs && !self.picks_up() {
            self.take_knobs();
        }
        outbox.records.append(&mut self.mirroring.records);
        self.forget_copies(budget);
        self.give_late(outbox);
        let late = self.fragments.handle_timeout(self.now);
        self.counters.drop(DropReason::FragmentTimeout, u64::from(late));
        self.count_held();
        self.forget_late_predictions();
        self.protection.expire(self.now);
        self.table.sweep(budget);
        let is_complete = self.age(budget, outbox) && !self.table.is_forgetting();
        self.tell_refreshed(outbox);
        self.next_look = if is_complete && !self.table.pressure().is_on() {
            self.poll_timeout().unwrap_or(Timestamp::MAX)
        } else {
            self.now
        };
    }

    /// Ends sessions whose time is up; true when none is left.
    pub(crate) fn age(&mut self, budget: usize, outbox: &mut Outbox) -> bool {
        let mut expired = core::mem::take(&mut self.expired);
        let is_complete = self.table.expired(self.now, budget, &mut expired);
        for slot in expired.drain(..) {
            // The end of one session may take the pressure from the next.
            if self.table.is_expired(slot, self.now) {
                self.close_aged(slot, outbox);
                self.table.finish(slot);
                self.follow_pressure();
            } else {
                self.table.put_back(slot);
            }
        }
        self.expired = expired;
        is_complete
    }

    /// Takes note that something may be due at `deadline`.
    pub(crate) fn look_at(&mut self, deadline: Timestamp) {
        self.next_look = self.next_look.min(deadline);
    }

    /// Follows the table's use with the pressure on timeouts.
    pub(crate) fn follow_pressure(&mut self) {
        let settings = self.policy.session();
        if !settings.accelerated_aging_enable {
            return;
        }
        let before = self.table.pressure();
        let after = before.next(self.now, self.table.len(), settings);
        if after != before {
            self.table.set_pressure(after);
            self.next_look = self.now;
        }
    }

    pub(crate) fn account(&mut self, wire_length: u32, verdict: Verdict) {
        self.counters.received += 1;
        self.counters.received_bytes += u64::from(wire_length);
        match verdict {
            Verdict::Transmit(_) => self.counters.transmitted += 1,
            Verdict::Drop(reason) => self.counters.drop(reason, 1),
            Verdict::Host(_) => self.counters.to_host += 1,
            Verdict::HandOver(_) => self.counters.handed_over += 1,
            Verdict::ToPeer => self.counters.to_peer += 1,
            Verdict::Held | Verdict::Pending => {}
        }
    }

    pub(crate) fn count_held(&mut self) {
        self.counters.held = self.fragments.held() + self.adjacencies.waiting_frames();
    }

    /// The TCP knobs of a zone.
    pub(crate) fn knobs_of(&self, zone: ZoneId) -> tcp::Knobs {
        self.knobs
            .get(zone.index())
            .or(self.knobs.first())
            .copied()
            .unwrap_or_else(|| tcp::Knobs::new(self.policy.session(), self.policy.tcp(), None, None))
    }

    /// Where a packet of `direction` leaves.
    pub(crate) fn interface_towards(&self, hit: Hit) -> InterfaceId {
        let session = self.table.get(hit.slot);
        [session.interface_out, session.interface_in][hit.direction.index()]
    }
}
