//! Handshakes that the firewall completes in place of both ends, when it answers SYNs with cookies.
//!
//! ```text
//! client              firewall               server
//!   │ SYN ───────────────►│                     │     nothing is kept
//!   │◄── SYN-ACK, window 0│                     │     its number is the cookie
//!   │ ACK ───────────────►│ SYN ───────────────►│     a session begins
//!   │                     │◄─────────── SYN-ACK │
//!   │◄─────── ACK, window │ ACK ───────────────►│     from here on the server's numbers are shifted
//! ```
//!
//! The closed window keeps the client from sending before the server listens. Neither end is offered scaled
//! windows, timestamps or selective acknowledgements: what the other would say to that is not known yet. The
//! client's next packet repeats a SYN that was lost on its way to the server.

use alloc::boxed::Box;

use bifrons_inspect::StreamEdits;
use bifrons_model::{Direction, DropReason, Tracker};
use bifrons_session::{FlowKey, Hit, SessionFlags, State, tcp};
use bifrons_wire::{
    Addresses, FrameInfo, Packet, Reading, Tcp, TcpControl, TcpFlags, TcpOption, parse, tcp_control,
    tcp_options,
};

use super::is_acknowledgement;
use crate::{
    EventKind, Outbox, Replaced, Verdict, Worker,
    stage::Exit,
    worker::{Body, Lane},
};

/// What is known of a handshake that the server has no part in yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Joining {
    /// The number that the client has for the server's first.
    cookie: u32,
    /// The client's own.
    client: u32,
    /// The client's window.
    window: u16,
    /// The largest segment that the client takes.
    segment_size: u16,
}

/// A SYN as the acknowledgement of its cookie tells it.
pub(crate) struct Recalled {
    /// The acknowledgement with the header of the SYN.
    pub syn: Packet,
    joining: Joining,
}

/// What the packets of a handshake come to that the firewall makes itself.
const ANSWERED: Verdict = Verdict::Drop(DropReason::SynCookie);

const USUAL_SEGMENT_V4: u16 = 1460;
const USUAL_SEGMENT_V6: u16 = 1440;
/// What a host takes that does not say (RFC 9293, section 3.7.1).
const LEAST_SEGMENT_V4: u16 = 536;
const LEAST_SEGMENT_V6: u16 = 1220;

impl Worker {
    /// Answers a SYN in the name of its receiver.
    pub(super) fn answer_syn(&mut self, bytes: &[u8], lane: &Lane, packet: &Packet, outbox: &mut Outbox) {
        let (usual, least, is_v6) = match packet.addresses {
            Addresses::V4 { .. } => (USUAL_SEGMENT_V4, LEAST_SEGMENT_V4, false),
            Addresses::V6 { .. } => (USUAL_SEGMENT_V6, LEAST_SEGMENT_V6, true),
        };
        let told = tcp_options(packet.tcp_options_of(bytes)).find_map(|option| match option {
            TcpOption::MaximumSegmentSize(size) => Some(size),
            TcpOption::WindowScale(_)
            | TcpOption::SackPermitted
            | TcpOption::Timestamps { .. }
            | TcpOption::Multipath
            | TcpOption::Other(_) => None,
        });
        let key = FlowKey::of(packet, lane.zone);
        let client = packet.tcp.sequence;
        let cookie = self.protection.cookies.make(self.now, &key, client, told.unwrap_or(least));
        let of_link = self.links.link(lane.interface).and_then(|link| link.segment_size(is_v6));
        let answer = TcpControl {
            sequence: cookie,
            acknowledgement: Some(client.wrapping_add(1)),
            flags: TcpFlags::SYN,
            segment_size: Some(of_link.map_or(usual, |size| size.min(usual))),
            ..TcpControl::answer(packet)
        };
        self.send_back(bytes, lane, packet, tcp_control(&answer), outbox);
    }

    /// Whether a segment acknowledges a cookie that this device has answered a SYN with.
    pub(crate) fn acknowledges_cookie(&self, lane: &Lane, packet: &Packet) -> bool {
        self.protection.has_profiles && is_acknowledgement(packet) && self.recall(lane, packet).is_some()
    }

    /// The SYN that a segment acknowledges the cookie of. A probe of the closed window does so, too, and has
    /// the number before (RFC 9293, section 3.8.6.1).
    pub(super) fn recall(&self, lane: &Lane, packet: &Packet) -> Option<Recalled> {
        let key = FlowKey::of(packet, lane.zone);
        let cookie = packet.tcp.acknowledgement.wrapping_sub(1);
        let numbers = [packet.tcp.sequence.wrapping_sub(1), packet.tcp.sequence];
        let (client, segment_size) = numbers.into_iter().find_map(|client| {
            let size = self.protection.cookies.check(self.now, &key, client, cookie)?;
            Some((client, size))
        })?;
        let window = packet.tcp.window;
        let tcp =
            Tcp { sequence: client, acknowledgement: 0, window, flags: TcpFlags::SYN, options_length: 0 };
        let syn = Packet { tcp, payload_length: 0, payload_captured: 0, ..*packet };
        Some(Recalled { syn, joining: Joining { cookie, client, window, segment_size } })
    }

    /// Makes a session for a SYN that was answered with a cookie; the acknowledgement counts as its first
    /// packet.
    pub(crate) fn open_recalled(
        &mut self,
        recalled: &Recalled,
        bytes: &[u8],
        lane: &Lane,
        outbox: &mut Outbox,
    ) -> Result<Hit, Verdict> {
        let packet = &recalled.syn;
        let hit = match self.admit_opening(bytes, lane, packet, outbox) {
            Ok(hit) => hit,
            // Without a session nobody can shift the numbers.
            Err(Verdict::Transmit(_)) => return Err(Verdict::Drop(DropReason::SessionTableFull)),
            Err(verdict) => return Err(verdict),
        };
        self.notes_of_mut(hit.slot).joining = Some(recalled.joining);
        let knobs = self.knobs_of(lane.zone);
        let session = self.table.get_mut(hit.slot);
        let segment = segment(hit.direction, packet.tcp);
        session.tcp.open(&segment, &knobs, &mut session.causes, &mut session.handshake);
        session.flags.set(SessionFlags::SHIFTED, true);
        session.flags.set(SessionFlags::JOINING, true);
        self.count(hit, packet);
        Ok(hit)
    }

    /// A packet of a session whose two ends do not know each other yet.
    #[cold]
    pub(crate) fn join(
        &mut self,
        hit: Hit,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        if self.table.get(hit.slot).state == State::Discard {
            return Verdict::Drop(DropReason::SessionDiscard);
        }
        let Some(joining) = self.notes_of(hit.slot).and_then(|notes| notes.joining) else {
            return ANSWERED;
        };
        match hit.direction {
            // The first of its packets is not whole at hand.
            _ if packet.frames != 1 => ANSWERED,
            Direction::ClientToServer => self.join_server(hit, joining, body, lane, packet, outbox),
            Direction::ServerToClient => self.join_client(hit, joining, body, lane, packet, outbox),
        }
    }

    /// Sends the client's SYN to the server, in place of what the client sends while it waits.
    fn join_server(
        &mut self,
        hit: Hit,
        joining: Joining,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        if packet.tcp.flags.has(TcpFlags::RST) {
            // RFC 5961, section 3.2: no other number is believed.
            if packet.tcp.sequence == joining.client.wrapping_add(1) {
                self.close_now(hit.slot, Tracker::TcpRstClient, outbox);
            }
            return ANSWERED;
        }
        if packet.tcp.flags.has(TcpFlags::SYN) {
            return ANSWERED;
        }
        let syn = TcpControl {
            sequence: joining.client,
            flags: TcpFlags::SYN,
            window: joining.window,
            segment_size: Some(joining.segment_size),
            ..TcpControl::like(packet)
        };
        self.send_instead(hit, &syn, body, lane, packet, outbox)
    }

    /// Takes the server's answer: the handshake is completed on both sides.
    fn join_client(
        &mut self,
        hit: Hit,
        joining: Joining,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        let flags = packet.tcp.flags;
        let next = joining.client.wrapping_add(1);
        if !flags.has(TcpFlags::ACK) || packet.tcp.acknowledgement != next {
            return ANSWERED;
        }
        self.count(hit, packet);
        let to_client = TcpControl {
            sequence: packet.tcp.sequence.wrapping_add(1),
            acknowledgement: Some(next),
            window: packet.tcp.window,
            ..TcpControl::like(packet)
        };
        if flags.has(TcpFlags::RST) {
            let sequence = joining.cookie.wrapping_add(1);
            let reset = TcpControl { sequence, flags: TcpFlags::RST, ..to_client };
            let verdict = self.send_instead(hit, &reset, body, lane, packet, outbox);
            self.close_now(hit.slot, Tracker::TcpRstServer, outbox);
            return verdict;
        }
        if !flags.has(TcpFlags::SYN) {
            return ANSWERED;
        }
        if let Err(reason) = self.complete(hit, joining, lane, packet) {
            return Verdict::Drop(reason);
        }
        self.tell(hit.slot, EventKind::Created, outbox);
        let to_server = TcpControl {
            sequence: next,
            acknowledgement: Some(packet.tcp.sequence.wrapping_add(1)),
            window: joining.window,
            ..TcpControl::answer(packet)
        };
        self.send_back(body.bytes, lane, packet, tcp_control(&to_server), outbox);
        self.send_instead(hit, &to_client, body, lane, packet, outbox)
    }

    /// Takes the session through its handshake, and notes how far the server's numbers are from the cookie.
    fn complete(
        &mut self,
        hit: Hit,
        joining: Joining,
        lane: &Lane,
        answer: &Packet,
    ) -> Result<(), DropReason> {
        let knobs = self.knobs_of(lane.zone);
        let acknowledgement = Tcp {
            sequence: joining.client.wrapping_add(1),
            acknowledgement: answer.tcp.sequence.wrapping_add(1),
            window: joining.window,
            flags: TcpFlags::ACK,
            options_length: 0,
        };
        let steps = [
            segment(Direction::ServerToClient, answer.tcp),
            segment(Direction::ClientToServer, acknowledgement),
        ];
        let session = self.table.get_mut(hit.slot);
        for step in steps {
            let outcome = session.tcp.track(&step, &knobs, &mut session.causes, &mut session.handshake);
            if let tcp::Outcome::Drop(reason) = outcome {
                return Err(reason);
            }
        }
        session.flags.set(SessionFlags::JOINING, false);
        let timer = session.tcp.connection().timer();
        self.run_timer(hit.slot, timer);
        let shift = joining.cookie.wrapping_sub(answer.tcp.sequence);
        let notes = self.notes_of_mut(hit.slot);
        notes.joining = None;
        notes.edits = Some(Box::new([StreamEdits::default(), StreamEdits::shifted(shift)]));
        Ok(())
    }

    /// Lets a segment of the firewall's own leave in place of the packet at hand, on its way and with its
    /// translation.
    fn send_instead(
        &mut self,
        hit: Hit,
        control: &TcpControl,
        body: &Body<'_>,
        lane: &Lane,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Verdict {
        let header = body.bytes.get(..usize::from(packet.network)).unwrap_or_default();
        let mut frame = [header, &tcp_control(control)].concat();
        let info = FrameInfo { link: lane.link, wire_length: frame.len() as u32 };
        let Ok(packet) = parse(&frame, info, Reading::Lenient) else { return ANSWERED };
        let mut body = Body { bytes: &mut frame, fragments: &mut [] };
        let exit = match self.forward(hit, &body, lane, &packet, outbox) {
            Ok(Exit::Host) => return ANSWERED,
            Ok(exit) => exit,
            Err(verdict) => return verdict,
        };
        let mark = outbox.replaced.len();
        if let Err(reason) = self.translate(hit, &mut body, &packet, None, outbox) {
            outbox.replaced.truncate(mark);
            return Verdict::Drop(reason);
        }
        let verdict = self.egress(exit, &mut body, lane, &packet, mark, outbox);
        if matches!(verdict, Verdict::Transmit(_)) && outbox.replaced.len() == mark {
            outbox.replaced.push(Replaced { frame: 0, bytes: frame });
        }
        verdict
    }
}

/// What the tracker is told of a segment without data.
const fn segment(direction: Direction, tcp: Tcp) -> tcp::Segment {
    tcp::Segment { direction, tcp, payload_length: 0, window_scale: None }
}
