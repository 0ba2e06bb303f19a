//! The first packet of a session: route, address translation, rule, a place in the table.

use core::net::IpAddr;

use bifrons_catalog::{Port, app, applications};
use bifrons_model::{
    Action, AppId, CategoryId, Direction, DropReason, InterfaceId, Subtype, Tracker, UserId, ZoneId,
};
use bifrons_policy::{Decision, Query};
use bifrons_session::{FlowKey, Hit, NO_NUMBER, SessionFlags, State, Timer, tcp};
use bifrons_wire::{Packet, TcpFlags, TcpOption, protocol, tcp_options};

use crate::{
    EventKind, Outbox, Step, Verdict, Worker,
    answer::Blocked,
    gateway::Prediction,
    nat::Plan,
    stage::peer::ECHO_REPLIES,
    worker::{Lane, Wiring},
};

/// Records of refused sessions in one second of time.
const REFUSALS_LOGGED_PER_SECOND: u32 = 1000;

/// Where a new session comes from and goes to.
struct Way {
    /// Client to server as it arrives.
    c2s: FlowKey,
    interface_in: InterfaceId,
    interface_out: InterfaceId,
    zone_to: ZoneId,
    /// Whether the server is the device itself.
    is_host: bool,
    /// The way of the packet at hand: a SYN-ACK that comes first goes to the client.
    direction: Direction,
}

/// Where an address lies.
#[derive(Clone, Copy)]
struct Place {
    interface: InterfaceId,
    zone: ZoneId,
    is_host: bool,
}

/// What the rules say of a new session.
struct Judgement {
    app: AppId,
    user: UserId,
    decision: Decision,
}

impl Worker {
    /// Makes a session for a packet that has none. `Err` holds the verdict of a packet that gets none.
    pub(crate) fn admit(
        &mut self,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        self.counters.slow += 1;
        outbox.note(|| Step::Miss);
        if let Some(owner) = self.owner_of(&FlowKey::of(packet, lane.zone)) {
            return Err(Verdict::HandOver(owner));
        }
        match self.guard_opening(bytes, lane, packet, outbox) {
            Ok(None) => self.admit_opening(bytes, lane, packet, outbox),
            Ok(Some(recalled)) => self.open_recalled(&recalled, bytes, lane, outbox),
            Err(reason) => Err(Verdict::Drop(reason)),
        }
    }

    /// The same for one that the zone's protection lets through.
    pub(crate) fn admit_opening(
        &mut self,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        if packet.protocol == protocol::TCP
            && let Err(reason) = self.may_open(lane.zone, packet)
        {
            return Err(Verdict::Drop(reason));
        }
        if let Some(prediction) = self.take_prediction(&FlowKey::of(packet, lane.zone)) {
            return self.open_foretold(prediction, lane, packet, outbox).map_err(Verdict::Drop);
        }
        if self.is_pick_up(lane, packet) {
            return self.pick_up(bytes, lane, packet, outbox);
        }
        self.open_session(bytes, lane, packet, outbox)
    }

    /// Whether a segment begins in mid-connection what only a take-over lets begin there.
    fn is_pick_up(&self, lane: &Lane, packet: &Packet) -> bool {
        const OPENING: TcpFlags = TcpFlags::SYN.with(TcpFlags::ACK);
        self.picks_up()
            && packet.protocol == protocol::TCP
            && packet.tcp.flags.0 & OPENING.0 != TcpFlags::SYN.0
            && self.policy.zone_settings(lane.zone).tcp_reject_non_syn
    }

    /// Makes a session for a connection of which the dead device could not tell any more, if a rule allows it
    /// in the direction that its ports tell, or else in either. One that none allows is not blocked for
    /// longer than this packet: it may go the other way.
    fn pick_up(
        &mut self,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        let refused = Err(Verdict::Drop(DropReason::TcpNonSyn));
        if packet.tcp.flags.has(TcpFlags::RST) {
            return refused;
        }
        let told = tcp::Tracking::direction_of_first(&packet.tcp);
        // Services have the lower ports.
        let likely = if packet.source_port < packet.destination_port { told.reverse() } else { told };
        let ways = [likely, likely.reverse()];
        let is_syn = packet.tcp.flags.has(TcpFlags::SYN);
        let known = if is_syn { Some(told) } else { direction_by_ports(packet) };
        for direction in ways.into_iter().filter(|way| known.is_none_or(|known| *way == known)) {
            // Who is the client is a guess. The other one's next segment may tell.
            if direction != told && self.is_translated_from_here(lane, packet, outbox) {
                return refused;
            }
            let Ok(mut way) = self.way_in(direction, lane, packet, outbox) else { continue };
            let Ok(plan) = self.plan(lane, &mut way, outbox) else { continue };
            let judged = self.judge(&way, packet, outbox);
            if !way.is_host && judged.decision.action.passes() {
                self.mirroring.counters.picked_up += 1;
                let opened = (plan, way, judged, Tracker::AppidPolicyLookupDeny);
                return self.install(bytes, lane, packet, opened, outbox);
            }
        }
        refused
    }

    /// Whether a rule translates what this sender begins: then it must not leave as it came.
    fn is_translated_from_here(&self, lane: &Lane, packet: &Packet, outbox: &mut Outbox) -> bool {
        let way = self.way_in(Direction::ClientToServer, lane, packet, outbox);
        way.is_ok_and(|mut way| !self.plan(lane, &mut way, outbox).is_ok_and(|plan| !plan.translates()))
    }

    /// Makes a session that another has foretold: it goes where that one said, under its rule.
    fn open_foretold(
        &mut self,
        prediction: Prediction,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, DropReason> {
        let hit = self.try_foretold(&prediction, lane, packet, outbox);
        let Ok(hit) = hit else {
            self.release_taken(prediction.taken);
            return hit;
        };
        let notes = self.notes_of_mut(hit.slot);
        notes.parent = Some(prediction.parent);
        notes.taken = prediction.taken;
        Ok(hit)
    }

    fn try_foretold(
        &mut self,
        prediction: &Prediction,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, DropReason> {
        let parent = &prediction.parent;
        outbox.note(|| Step::Foretold { parent: parent.id });
        if !self.is_alive(parent) || self.table.get(parent.slot).state == State::Discard {
            return Err(DropReason::PolicyDeny);
        }
        let c2s = FlowKey::of(packet, lane.zone);
        let place = self.locate(lane, &c2s, prediction.destination.0, outbox)?;
        let zone_to = place.zone;
        let way = Way {
            c2s,
            interface_in: lane.interface,
            interface_out: place.interface,
            zone_to,
            is_host: place.is_host,
            direction: Direction::ClientToServer,
        };
        let (plan, is_taken) = self.plan_foretold(&way.c2s, zone_to, prediction)?;
        let s2c = plan.leaving.reversed(zone_to);
        if self.table.find(&s2c, self.table.hash(&s2c)).is_some() {
            return Err(DropReason::NatConflict);
        }
        let decision = self.decision_of(parent.slot, outbox)?;
        let slot = self.insert(&way, &s2c, &decision).map_err(|()| DropReason::SessionTableFull)?;
        let user = self.policy.user_of(way.c2s.addresses().source());
        self.describe(slot, &way, &Judgement { app: prediction.app, user, decision });
        self.describe_translation(slot, &plan, is_taken);
        self.hit_rule(decision.rule);
        self.claim_session(slot, true);
        self.tell(slot, EventKind::Created, outbox);
        outbox.note(|| Step::Admitted { session: self.table.get(slot).id, keys: self.table.keys(slot) });
        Ok(Hit { slot, direction: way.direction })
    }

    /// What is decided of a session that may not have seen the latest commit yet.
    fn decision_of(&self, slot: u32, outbox: &mut Outbox) -> Result<Decision, DropReason> {
        if self.table.get(slot).generation == self.generation {
            return Ok(self.standing(slot));
        }
        let decision = self.ask(slot, outbox);
        if decision.action.passes() { Ok(decision) } else { Err(DropReason::PolicyDeny) }
    }

    /// Makes a session, whatever TCP says of the packet: route, address translation, rule, a place in the
    /// table.
    pub(crate) fn open_session(
        &mut self,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        let way = self.way_of(lane, packet, outbox).map_err(Verdict::Drop);
        let planned = way.and_then(|mut way| {
            let plan = self.plan(lane, &mut way, outbox)?;
            // Only queries are mapped (RFC 5508, section 3.1): who waits for the answer waits for another
            // sender.
            let is_answer = packet.icmp.is_echo && ECHO_REPLIES.contains(&packet.icmp.kind);
            if is_answer && plan.translates() {
                return Err(Verdict::Drop(DropReason::NatUntranslatable));
            }
            Ok((plan, way))
        });
        let (plan, way) = planned.inspect_err(|verdict| {
            if let Verdict::Drop(reason) = verdict {
                self.tell_no_way(bytes, lane, packet, *reason, outbox);
            }
        })?;
        let mut judged = self.judge(&way, packet, outbox);
        let cause = self.judge_service(&way, packet, &mut judged);
        self.install(bytes, lane, packet, (plan, way, judged, cause), outbox)
    }

    /// Makes a session for the other device of a pair, which owns it: route, address translation by that
    /// one's rules, rule, a place in the table. `Err` says why there is none; nothing is logged or answered.
    pub(crate) fn open_for_peer(
        &mut self,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<u32, Verdict> {
        let drop = Verdict::Drop;
        let mut way = self.way_of(lane, packet, outbox).map_err(drop)?;
        let mut plan = self.plan(lane, &mut way, outbox)?;
        let judged = self.judge(&way, packet, outbox);
        if way.is_host {
            return Err(drop(DropReason::HostService));
        }
        if !judged.decision.action.passes() {
            return Err(drop(DropReason::PolicyDeny));
        }
        if self.table.len() >= self.table.capacity() {
            return Err(drop(DropReason::SessionTableFull));
        }
        self.translate_source(&way.c2s, way.zone_to, &mut plan).map_err(drop)?;
        let s2c = plan.leaving.reversed(way.zone_to);
        if plan.translates() {
            self.displace_blocked(&s2c, outbox);
        }
        let inserted = self.insert(&way, &s2c, &judged.decision);
        let slot = inserted.map_err(|()| drop(DropReason::SessionTableFull))?;
        self.describe(slot, &way, &judged);
        self.describe_translation(slot, &plan, plan.translates());
        self.hit_rule(judged.decision.rule);
        self.claim_session(slot, true);
        outbox.note(|| Step::Admitted { session: self.table.get(slot).id, keys: self.table.keys(slot) });
        Ok(slot)
    }

    /// Makes a session that is judged: its translation, and a place in the table.
    fn install(
        &mut self,
        bytes: &[u8],
        lane: &Lane,
        packet: &Packet,
        (mut plan, way, judged, cause): (Plan, Way, Judgement, Tracker),
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        let decision = &judged.decision;
        if self.table.len() >= self.table.capacity() {
            return Err(self.refuse(&way, packet, decision, outbox));
        }
        let is_passing = decision.action.passes();
        let zones = (way.c2s.zone(), way.zone_to);
        if !way.is_host
            && let Some(verdict) = self.ask_before_admission((bytes, is_passing), zones, lane, packet, outbox)
        {
            return Err(verdict);
        }
        if is_passing && let Err(reason) = self.translate_source(&way.c2s, way.zone_to, &mut plan) {
            return Err(self.refuse_translation(&way, packet, decision, reason, outbox));
        }
        let s2c = plan.leaving.reversed(way.zone_to);
        if plan.translates() {
            self.displace_blocked(&s2c, outbox);
        }
        let Ok(slot) = self.insert(&way, &s2c, decision) else {
            return Err(self.refuse(&way, packet, decision, outbox));
        };
        self.describe(slot, &way, &judged);
        self.describe_translation(slot, &plan, is_passing && plan.translates());
        self.hit_rule(decision.rule);
        let hit = Hit { slot, direction: way.direction };
        self.claim_session(slot, true);
        self.tell(slot, EventKind::Created, outbox);
        outbox.note(|| Step::Admitted { session: self.table.get(slot).id, keys: self.table.keys(slot) });
        if is_passing {
            return Ok(hit);
        }
        self.table.get_mut(slot).causes.add(cause);
        self.deny(&Blocked { hit, bytes, lane, packet }, decision, Subtype::Drop, outbox);
        let is_host_service = cause == Tracker::HostService;
        Err(Verdict::Drop(if is_host_service { DropReason::HostService } else { DropReason::PolicyDeny }))
    }

    /// What the rules allow to reach the device itself must be a service that the interface offers to the
    /// sender.
    fn judge_service(&self, way: &Way, packet: &Packet, judged: &mut Judgement) -> Tracker {
        if !way.is_host || !judged.decision.action.passes() || self.offers(way.interface_out, packet) {
            return Tracker::AppidPolicyLookupDeny;
        }
        judged.decision.action = Action::Drop;
        judged.decision.icmp_unreachable = false;
        Tracker::HostService
    }

    /// Ends a blocked session of the other end's making that has the key of a new session's answers.
    fn displace_blocked(&mut self, s2c: &FlowKey, outbox: &mut Outbox) {
        if let Some(hit) = self.table.find(s2c, self.table.hash(s2c))
            && self.table.get(hit.slot).state == State::Discard
        {
            self.close_now(hit.slot, Tracker::AgedOut, outbox);
        }
    }

    /// The session's translation, and its way to where that sends it.
    fn plan(&self, lane: &Lane, way: &mut Way, outbox: &mut Outbox) -> Result<Plan, Verdict> {
        if way.direction == Direction::ServerToClient {
            // What the client called the server is not known.
            return Ok(Plan::none(way.c2s));
        }
        let plan = self.plan_translation(&way.c2s, (way.interface_out, way.zone_to), outbox)?;
        let (before, after) = (way.c2s.addresses().destination(), plan.leaving.addresses().destination());
        if before != after {
            let place = self.locate(lane, &plan.leaving, after, outbox).map_err(Verdict::Drop)?;
            (way.interface_out, way.zone_to, way.is_host) = (place.interface, place.zone, place.is_host);
        }
        Ok(plan)
    }

    /// The first look into the rules: the application is that of the protocol, or an override's, or not
    /// known.
    fn judge(&self, way: &Way, packet: &Packet, outbox: &mut Outbox) -> Judgement {
        let addresses = way.c2s.addresses();
        let user = self.policy.user_of(addresses.source());
        let app = self.app_of_protocol(packet);
        let mut query = Query {
            zone_from: way.c2s.zone(),
            zone_to: way.zone_to,
            source: addresses.source(),
            destination: addresses.destination(),
            source_port: way.c2s.source_port(),
            destination_port: way.c2s.destination_port(),
            protocol: packet.protocol,
            app: (app != app::UNDECIDED).then_some(app),
            user,
            category: (app != app::UNDECIDED || !self.policy.has_categories()).then_some(CategoryId(0)),
            time: self.now,
        };
        if let Some(app) = self.policy.application_override(&query) {
            outbox.note(|| Step::Overridden(app));
            query.app = Some(app);
            query.category = Some(CategoryId(0));
        }
        let decision =
            if query.app.is_some() { self.policy.lookup_settled(&query) } else { self.policy.lookup(&query) };
        outbox.note(|| Step::Security { query, decision });
        Judgement { app: query.app.unwrap_or(app), user, decision }
    }

    /// Whether a TCP segment may begin a session.
    pub(super) fn may_open(&mut self, zone: ZoneId, packet: &Packet) -> Result<(), DropReason> {
        if let Some(noticed) = tcp::Tracking::admits(&packet.tcp, &self.knobs_of(zone))? {
            self.counters.notice(noticed);
        }
        Ok(())
    }

    fn way_of(&self, lane: &Lane, packet: &Packet, outbox: &mut Outbox) -> Result<Way, DropReason> {
        let direction = if packet.protocol == protocol::TCP {
            tcp::Tracking::direction_of_first(&packet.tcp)
        } else {
            Direction::ClientToServer
        };
        self.way_in(direction, lane, packet, outbox)
    }

    /// The way of a session whose first packet goes in this direction.
    fn way_in(
        &self,
        direction: Direction,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Way, DropReason> {
        if lane.wiring == Wiring::Routed {
            self.check_addresses(lane, packet)?;
        }
        let key = FlowKey::of(packet, lane.zone);
        let other = self.locate(lane, &key, packet.addresses.destination(), outbox)?;
        Ok(match direction {
            Direction::ClientToServer => Way {
                c2s: key,
                interface_in: lane.interface,
                interface_out: other.interface,
                zone_to: other.zone,
                is_host: other.is_host,
                direction,
            },
            // The device opens nothing that could be answered to it.
            Direction::ServerToClient if other.is_host => return Err(DropReason::HostService),
            Direction::ServerToClient => Way {
                c2s: key.reversed(other.zone),
                interface_in: other.interface,
                interface_out: lane.interface,
                zone_to: lane.zone,
                is_host: false,
                direction,
            },
        })
    }

    /// Where a packet goes whose destination is `address`; `leaving` has its other end and ports.
    fn locate(
        &self,
        lane: &Lane,
        leaving: &FlowKey,
        address: IpAddr,
        outbox: &mut Outbox,
    ) -> Result<Place, DropReason> {
        let own = self.own_interface(lane, address);
        let interface = match (own, lane.wiring) {
            (Some(own), _) => Ok(own),
            (None, Wiring::Capture) => match lane.way_ahead {
                Some(way) if address == lane.packet.addresses.destination() => Ok(way),
                _ => self.policy.egress(address).ok_or(DropReason::NoRoute),
            },
            (None, Wiring::Wire(peer)) => Ok(peer),
            (None, Wiring::Tap) => Ok(lane.interface),
            (None, Wiring::Routed) => self.routed_interface(lane, leaving, address),
        };
        let zone = interface.ok().and_then(|interface| self.policy.zone_of(interface));
        let to = interface.ok().zip(zone);
        outbox.note(|| Step::Route { destination: address, to });
        let interface = interface?;
        Ok(Place { interface, zone: zone.ok_or(DropReason::NoZone)?, is_host: own.is_some() })
    }

    /// Where a routed packet leaves: by a forwarding rule, else by a route.
    fn routed_interface(
        &self,
        lane: &Lane,
        leaving: &FlowKey,
        address: IpAddr,
    ) -> Result<InterfaceId, DropReason> {
        let arriving = FlowKey::of(&lane.packet, lane.zone);
        let app = self.app_of_protocol(&lane.packet);
        match self.forced_way(lane.interface, (&arriving, app), None)?.way {
            Some(way) => Ok(way.interface),
            None => self.way_to(lane.interface, leaving, address).map(|way| way.interface),
        }
    }

    fn insert(&mut self, way: &Way, s2c: &FlowKey, decision: &Decision) -> Result<u32, ()> {
        let timer = first_timer(way.c2s.protocol(), decision.action.passes());
        let service = self.intern(decision.timeouts);
        let timeout = self.timeout(timer, app::UNDECIDED, service);
        if self.table.len() >= self.table.capacity() {
            return Err(());
        }
        let slot = self.table.insert(&way.c2s, s2c, self.now, timeout).map_err(|_| ())?;
        let session = self.table.get_mut(slot);
        session.timer = timer;
        session.service = service;
        self.look_at(self.now.after_secs(timeout));
        self.counters.sessions_created += 1;
        self.follow_pressure();
        Ok(slot)
    }

    fn describe(&mut self, slot: u32, way: &Way, judged: &Judgement) {
        let Judgement { app, user, decision } = judged;
        if *user != UserId(0) {
            self.notes_of_mut(slot).user = *user;
        }
        let generation = self.policy.generation();
        let session = self.table.get_mut(slot);
        session.generation = generation;
        session.rule = decision.rule;
        session.action = decision.action;
        session.action_source = decision.action_source;
        session.interface_in = way.interface_in;
        session.interface_out = way.interface_out;
        session.app = *app;
        session.flags.set(SessionFlags::LOG_END, decision.log_end);
        session.flags.set(SessionFlags::LOG_START, decision.log_start);
        session.flags.set(SessionFlags::INSPECTED, *app != app::UNDECIDED);
        session.flags.set(SessionFlags::CERTAIN, decision.certain && *app == app::UNDECIDED);
        session.flags.set(SessionFlags::IMPLICIT, decision.implicit);
        session.flags.set(SessionFlags::HOST, way.is_host);
    }

    /// Blocks a session: its one record is written now, the rest of its life in state DISCARD is silent.
    pub(crate) fn deny(
        &mut self,
        blocked: &Blocked<'_>,
        decision: &Decision,
        subtype: Subtype,
        outbox: &mut Outbox,
    ) {
        let Blocked { hit: Hit { slot, .. }, packet, .. } = *blocked;
        self.answer(blocked, decision, outbox);
        let timer = first_timer(packet.protocol, false);
        let timeout = self.timeout(timer, app::UNDECIDED, NO_NUMBER);
        let now = self.now;
        self.free_inspection(slot);
        let session = self.table.get_mut(slot);
        session.state = State::Discard;
        session.rule = decision.rule;
        session.action = decision.action;
        session.action_source = decision.action_source;
        if !session.causes.has(Tracker::HostService) {
            session.causes.add(Tracker::AppidPolicyLookupDeny);
        }
        session.timer = timer;
        session.timeout = timeout;
        if subtype == Subtype::Drop {
            session.app = app::NOT_APPLICABLE;
            session.last_packet = now;
            session.volume[0].packets += u64::from(packet.frames);
            session.volume[0].bytes += u64::from(packet.wire_length);
        }
        let is_logged = decision.log_end || decision.log_start;
        session.flags.set(SessionFlags::LOG_END, is_logged);
        self.table.rearm(slot);
        self.look_at(now.after_secs(timeout));
        if is_logged {
            self.write_record(slot, subtype, now, outbox);
        }
        self.table.get_mut(slot).flags.set(SessionFlags::LOGGED, true);
        if subtype != Subtype::Drop {
            self.tell(slot, EventKind::Changed, outbox);
        }
    }

    /// The table is full: the packet is dropped, or passes without a session, as configured.
    fn refuse(&mut self, way: &Way, packet: &Packet, decision: &Decision, outbox: &mut Outbox) -> Verdict {
        use bifrons_config::typed::LimitBehavior;
        self.counters.sessions_refused += 1;
        if !decision.action.passes() {
            self.log_refusal(way, packet, decision, Tracker::AppidPolicyLookupDeny, outbox);
            return Verdict::Drop(DropReason::PolicyDeny);
        }
        match self.policy.session().resource_limit_behavior {
            LimitBehavior::Bypass => {
                self.counters.bypassed += 1;
                Verdict::Transmit(match way.direction {
                    Direction::ClientToServer => way.interface_out,
                    Direction::ServerToClient => way.interface_in,
                })
            }
            LimitBehavior::Drop => {
                self.log_refusal(way, packet, decision, Tracker::ResourceLimit, outbox);
                Verdict::Drop(DropReason::SessionTableFull)
            }
        }
    }

    /// No pool has an address or port left.
    fn refuse_translation(
        &mut self,
        way: &Way,
        packet: &Packet,
        decision: &Decision,
        reason: DropReason,
        outbox: &mut Outbox,
    ) -> Verdict {
        self.counters.nat_exhausted += 1;
        self.log_refusal(way, packet, decision, Tracker::ResourceLimit, outbox);
        Verdict::Drop(reason)
    }

    fn log_refusal(
        &mut self,
        way: &Way,
        packet: &Packet,
        decision: &Decision,
        cause: Tracker,
        outbox: &mut Outbox,
    ) {
        // What is denied is logged at once, whichever end of it the rule logs.
        let is_logged = decision.log_end || decision.log_start && !decision.action.passes();
        if is_logged && self.refusals.admit(self.now, REFUSALS_LOGGED_PER_SECOND) {
            let interfaces = (way.interface_in, way.interface_out);
            let record = self.refusal_record(&way.c2s, interfaces, (way.zone_to, cause), packet, decision);
            outbox.records.push(record);
        }
    }
}

/// What the tracker needs to know of a packet.
pub(crate) fn segment_of(packet: &Packet, bytes: &[u8], direction: Direction) -> tcp::Segment {
    let window_scale = if packet.tcp.flags.has(TcpFlags::SYN) {
        tcp_options(packet.tcp_options_of(bytes)).find_map(|option| match option {
            TcpOption::WindowScale(shift) => Some(shift),
            TcpOption::MaximumSegmentSize(_)
            | TcpOption::SackPermitted
            | TcpOption::Timestamps { .. }
            | TcpOption::Multipath
            | TcpOption::Other(_) => None,
        })
    } else {
        None
    };
    tcp::Segment { direction, tcp: packet.tcp, payload_length: packet.payload_length, window_scale }
}

/// The way of a segment in mid-connection, where its ports tell: the dynamic ones (RFC 6335, section 6) are
/// assigned to no service, so of two ports the one that is none of them is the server's.
fn direction_by_ports(packet: &Packet) -> Option<Direction> {
    const DYNAMIC: u16 = 49_152;
    match [packet.source_port, packet.destination_port].map(|port| port >= DYNAMIC) {
        [true, false] => Some(Direction::ClientToServer),
        [false, true] => Some(Direction::ServerToClient),
        [true, true] | [false, false] => None,
    }
}

fn first_timer(protocol_number: u8, passes: bool) -> Timer {
    match (protocol_number, passes) {
        (protocol::TCP, true) => Timer::TcpInit,
        (protocol::TCP, false) => Timer::DiscardTcp,
        (protocol::UDP, true) => Timer::Udp,
        (protocol::UDP, false) => Timer::DiscardUdp,
        (protocol::ICMP | protocol::ICMPV6, true) => Timer::Icmp,
        (protocol::SCTP, true) => Timer::SctpInit,
        (protocol::SCTP, false) => Timer::DiscardSctp,
        (_, true) => Timer::Other,
        (_, false) => Timer::DiscardOther,
    }
}

impl Worker {
    /// The application of a protocol without a stream to look into; undecided for TCP and UDP. Custom
    /// applications that are told by protocol or message come before the catalogue's.
    fn app_of_protocol(&self, packet: &Packet) -> AppId {
        let number = packet.protocol;
        let custom = match number {
            protocol::TCP | protocol::UDP => return app::UNDECIDED,
            protocol::ICMP | protocol::ICMPV6 => {
                self.signatures.by_icmp(number, packet.icmp.kind, packet.icmp.code)
            }
            _ => None,
        };
        if let Some(app) = custom.or_else(|| self.signatures.by_protocol(number)) {
            return app;
        }
        match number {
            protocol::ICMP if packet.icmp.is_echo => app::PING,
            protocol::ICMP => app::ICMP,
            protocol::ICMPV6 if packet.icmp.is_echo => app::PING6,
            protocol::ICMPV6 => app::IPV6_ICMP,
            other => applications()
                .iter()
                .find(|application| application.ports == [Port::Protocol(other)])
                .map_or(app::UNKNOWN_IP, |application| application.id),
        }
    }
}
