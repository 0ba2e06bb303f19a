//! The first packet of a session: route, rule, a place in the table.

use bifrons_catalog::{Port, app, applications};
use bifrons_model::{AppId, Direction, DropReason, InterfaceId, Subtype, Tracker, ZoneId};
use bifrons_policy::{Decision, Query};
use bifrons_session::{FlowKey, Hit, NONE, SessionFlags, State, Timer, tcp};
use bifrons_wire::{Packet, TcpFlags, TcpOption, protocol, tcp_options};

use crate::{Outbox, Verdict, Worker, worker::Lane};

/// Where a new session comes from and goes to.
struct Way {
    c2s: FlowKey,
    interface_in: InterfaceId,
    interface_out: InterfaceId,
    zone_to: ZoneId,
    /// The way of the packet at hand: a SYN-ACK that comes first goes to the client.
    direction: Direction,
}

impl Worker {
    /// Makes a session for a packet that has none. `Err` holds the verdict of a packet that gets none.
    pub(crate) fn admit(
        &mut self,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        self.counters.slow += 1;
        if packet.protocol == protocol::TCP
            && let Err(reason) = self.may_open(lane.zone, packet)
        {
            return Err(Verdict::Drop(reason));
        }
        self.open_session(lane, packet, outbox)
    }

    /// Makes a session, whatever TCP says of the packet.
    pub(crate) fn open_session(
        &mut self,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        let way = self.way_of(lane, packet).map_err(Verdict::Drop)?;
        let s2c = way.c2s.reversed(way.zone_to);
        let app = app_of_protocol(packet);
        let decision = self.policy.lookup(&Query {
            zone_from: way.c2s.zone(),
            zone_to: way.zone_to,
            source: way.c2s.addresses().source(),
            destination: way.c2s.addresses().destination(),
            source_port: way.c2s.source_port(),
            destination_port: way.c2s.destination_port(),
            protocol: packet.protocol,
            app: (app != app::UNDECIDED).then_some(app),
        });
        let Ok(slot) = self.insert(&way, &s2c, &decision) else {
            return Err(self.refuse(&way, packet, &decision, outbox));
        };
        self.describe(slot, &way, &decision, app);
        if decision.action.passes() {
            return Ok(Hit { slot, direction: way.direction });
        }
        self.deny(slot, packet, &decision, Subtype::Drop, outbox);
        Err(Verdict::Drop(DropReason::PolicyDeny))
    }

    /// Whether a TCP segment may begin a session.
    fn may_open(&mut self, zone: ZoneId, packet: &Packet) -> Result<(), DropReason> {
        if let Some(noticed) = tcp::Tracking::admits(&packet.tcp, &self.knobs_of(zone))? {
            self.counters.notice(noticed);
        }
        Ok(())
    }

    fn way_of(&self, lane: &Lane, packet: &Packet) -> Result<Way, DropReason> {
        let other = self.policy.egress(packet.addresses.destination()).ok_or(DropReason::NoRoute)?;
        let other_zone = self.policy.zone_of(other).ok_or(DropReason::NoZone)?;
        let direction = if packet.protocol == protocol::TCP {
            tcp::Tracking::direction_of_first(&packet.tcp)
        } else {
            Direction::ClientToServer
        };
        Ok(match direction {
            Direction::ClientToServer => Way {
                c2s: FlowKey::of(packet, lane.zone),
                interface_in: lane.interface,
                interface_out: other,
                zone_to: other_zone,
                direction,
            },
            Direction::ServerToClient => Way {
                c2s: FlowKey::of(packet, lane.zone).reversed(other_zone),
                interface_in: other,
                interface_out: lane.interface,
                zone_to: lane.zone,
                direction,
            },
        })
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

    fn describe(&mut self, slot: u32, way: &Way, decision: &Decision, app: AppId) {
        let generation = self.policy.generation();
        let session = self.table.get_mut(slot);
        session.generation = generation;
        session.rule = decision.rule;
        session.action = decision.action;
        session.action_source = decision.action_source;
        session.interface_in = way.interface_in;
        session.interface_out = way.interface_out;
        session.zone_to = way.zone_to;
        session.app = app;
        session.flags.set(SessionFlags::LOG_END, decision.log_end);
        session.flags.set(SessionFlags::LOG_START, decision.log_start);
        session.flags.set(SessionFlags::INSPECTED, app != app::UNDECIDED);
        session.flags.set(SessionFlags::CERTAIN, decision.certain);
    }

    /// Blocks a session: its one record is written now, the rest of its life in state DISCARD is silent.
    pub(crate) fn deny(
        &mut self,
        slot: u32,
        packet: &Packet,
        decision: &Decision,
        subtype: Subtype,
        outbox: &mut Outbox,
    ) {
        let timer = first_timer(packet.protocol, false);
        let timeout = self.timeout(timer, app::UNDECIDED, NONE);
        let now = self.now;
        self.free_inspection(slot);
        let session = self.table.get_mut(slot);
        session.state = State::Discard;
        session.rule = decision.rule;
        session.action = decision.action;
        session.action_source = decision.action_source;
        session.causes.add(Tracker::AppidPolicyLookupDeny);
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
    }

    /// The timeout that `timer` has for a session of this application and service.
    pub(crate) fn timeout(&self, timer: Timer, app: AppId, service: u32) -> u32 {
        bifrons_session::Timeouts {
            settings: self.policy.session(),
            application: (app != app::UNDECIDED).then(|| bifrons_catalog::application(app)),
            service: self.overrides.get(service as usize).copied().unwrap_or_default(),
        }
        .seconds(timer)
    }

    /// The number of a service's timeouts; equal ones share it, so there are no more than services.
    pub(crate) fn intern(&mut self, timeouts: bifrons_config::typed::TimeoutOverride) -> u32 {
        if timeouts == Default::default() {
            return NONE;
        }
        let known = self.overrides.iter().position(|known| *known == timeouts);
        known.unwrap_or_else(|| {
            self.overrides.push(timeouts);
            self.overrides.len() - 1
        }) as u32
    }

    /// The table is full: the packet is dropped, or passes without a session, as configured.
    fn refuse(&mut self, way: &Way, packet: &Packet, decision: &Decision, outbox: &mut Outbox) -> Verdict {
        use bifrons_config::typed::LimitBehavior;
        self.counters.sessions_refused += 1;
        if !decision.action.passes() {
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
                if decision.log_end && self.refusals.admit(self.now) {
                    let record = self.refusal_record(
                        &way.c2s,
                        (way.interface_in, way.interface_out),
                        way.zone_to,
                        packet,
                        decision,
                    );
                    outbox.records.push(record);
                }
                Verdict::Drop(DropReason::SessionTableFull)
            }
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

/// The application of a protocol without a stream to look into; undecided for TCP and UDP.
fn app_of_protocol(packet: &Packet) -> AppId {
    match packet.protocol {
        protocol::TCP | protocol::UDP => app::UNDECIDED,
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
