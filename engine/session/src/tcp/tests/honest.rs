//! Two honest hosts talk through the tracker: whatever they send passes in strict mode, and once both have
//! sent their FIN the connection is closed. Segments are reordered before the tracker as networks do, lost
//! and reordered behind it.

use super::*;
use alloc::{collections::VecDeque, vec::Vec};
use proptest::prelude::*;

/// What the hosts are like and how much they have to say.
#[derive(Clone, Debug)]
struct Plan {
    isn: [u32; 2],
    /// Bytes that each side sends.
    to_send: [u64; 2],
    segment_max: u64,
    /// Receive buffers.
    buffer: [u64; 2],
    /// Window scale options; they count when both sides offer one.
    scale: [Option<u8>; 2],
}

/// A segment between the hosts. Places count from the SYN, which is at 0, so that they never wrap.
#[derive(Clone, Debug)]
struct Sent {
    from: Direction,
    flags: TcpFlags,
    place: u64,
    length: u64,
    acknowledged: u64,
    window: u16,
    /// One that was sent later has passed it already.
    is_overtaken: bool,
}

impl Sent {
    fn end(&self) -> u64 {
        self.place + self.length + u64::from(self.flags.has(SYN)) + u64::from(self.flags.has(TcpFlags::FIN))
    }
}

#[derive(Clone, Debug, Default)]
struct Host {
    /// What the peer has acknowledged, and how far it takes more.
    acknowledged: u64,
    allowed: u64,
    /// The next place to send at, and the place behind the FIN.
    next: u64,
    end: u64,
    /// The next place expected from the peer; 0 until its SYN came.
    expected: u64,
    /// Ranges that came behind a gap.
    waiting: Vec<(u64, u64)>,
    /// Bytes that its application has not read.
    unread: u64,
    buffer: u64,
    shift: u8,
}

struct World {
    plan: Plan,
    hosts: [Host; 2],
    /// Before the tracker, and behind it.
    before: [VecDeque<Sent>; 2],
    behind: [VecDeque<Sent>; 2],
    scene: Scene,
}

impl World {
    fn new(plan: Plan) -> Self {
        let is_scaled = plan.scale[0].is_some() && plan.scale[1].is_some();
        let hosts = [0, 1].map(|side: usize| {
            let shift = plan.scale[side].filter(|_| is_scaled).unwrap_or(0);
            // A buffer below one step of the window would never be offered.
            let buffer = plan.buffer[side].clamp(1 << shift, 0xffff << shift);
            // SYN, payload, FIN.
            Host { end: plan.to_send[side] + 2, buffer, shift, ..Host::default() }
        });
        Self { plan, hosts, before: Default::default(), behind: Default::default(), scene: Scene::default() }
    }

    /// What `direction`'s host sends next: its SYN, data, FIN, or else a bare acknowledgement.
    fn emit(&mut self, direction: Direction) {
        let segment_max = self.plan.segment_max;
        let host = &mut self.hosts[direction.index()];
        if host.next == 0 && direction == ServerToClient && host.expected == 0 {
            return;
        }
        if host.next == 0 || host.acknowledged == 0 {
            return self.put(direction, 0, 0);
        }
        let payload_left = (host.end - 1).saturating_sub(host.next);
        let room = host.allowed.saturating_sub(host.next);
        let length = payload_left.min(room).min(segment_max);
        let (place, end) = (host.next, host.next + length);
        let has_fin = end == host.end - 1 && room > length;
        host.next = if has_fin { host.end } else { end };
        self.put(direction, place, length);
    }

    /// Sends again what the peer has not acknowledged, the first segment of it.
    fn repeat(&mut self, direction: Direction) {
        let host = &self.hosts[direction.index()];
        let place = host.acknowledged;
        if host.next == 0 || place == host.next {
            return self.emit(direction);
        }
        let payload_end = host.next.min(host.end - 1);
        let length =
            if place == 0 { 0 } else { (payload_end - place.min(payload_end)).min(self.plan.segment_max) };
        self.put(direction, place, length);
    }

    fn put(&mut self, from: Direction, place: u64, length: u64) {
        let host = &mut self.hosts[from.index()];
        let is_syn = place == 0;
        host.next = host.next.max(u64::from(is_syn));
        let has_fin = !is_syn && host.next == host.end && place + length == host.end - 1;
        let mut flags = if is_syn { SYN } else { TcpFlags(0) };
        if host.expected > 0 {
            flags = flags.with(ACK);
        }
        if has_fin {
            flags = flags.with(TcpFlags::FIN);
        }
        let room = host.buffer - host.unread;
        let window = if is_syn { room.min(0xffff) } else { room >> host.shift } as u16;
        let acknowledged = host.expected;
        self.before[from.index()].push_back(Sent {
            from,
            flags,
            place,
            length,
            acknowledged,
            window,
            is_overtaken: false,
        });
    }

    /// Lets the first segment of a direction through the tracker, or the second if the first was not
    /// overtaken yet. What was overtaken comes before anything else passes: a network does not hold back a
    /// segment while a whole window goes by.
    fn track(&mut self, direction: Direction, overtakes: bool) {
        let other = direction.reverse();
        if self.before[other.index()].front().is_some_and(|first| first.is_overtaken) {
            self.track(other, false);
        }
        let queue = &mut self.before[direction.index()];
        let may_overtake = queue.front().is_some_and(|first| !first.is_overtaken) && queue.len() > 1;
        let sent = if overtakes && may_overtake {
            queue[0].is_overtaken = true;
            queue.remove(1)
        } else {
            queue.pop_front()
        };
        let Some(sent) = sent else { return };
        let side = direction.index();
        let acknowledgement = if sent.flags.has(ACK) {
            self.plan.isn[1 - side].wrapping_add(sent.acknowledged as u32)
        } else {
            0
        };
        let tcp = Tcp {
            sequence: self.plan.isn[side].wrapping_add(sent.place as u32),
            acknowledgement,
            window: sent.window,
            flags: sent.flags,
            options_length: 0,
        };
        let window_scale = self.plan.scale[side].filter(|_| sent.flags.has(SYN));
        let segment = Segment { direction, tcp, payload_length: sent.length as u32, window_scale };
        let before = self.scene.clone();
        let outcome = self.scene.pass(&STRICT, segment);
        assert_eq!(outcome, Outcome::Pass, "{sent:?}\n{segment:?}\n{before:?}\n{:?}", self.plan);
        self.behind[side].push_back(sent);
    }

    fn deliver(&mut self, direction: Direction, place: usize) {
        let queue = &mut self.behind[direction.index()];
        if let Some(sent) = queue.remove(place % queue.len().max(1)) {
            self.receive(&sent);
        }
    }

    fn receive(&mut self, sent: &Sent) {
        let sender_shift = self.hosts[sent.from.index()].shift;
        let host = &mut self.hosts[1 - sent.from.index()];
        if sent.flags.has(ACK) {
            let shift = if sent.flags.has(SYN) { 0 } else { sender_shift };
            host.acknowledged = host.acknowledged.max(sent.acknowledged);
            host.allowed = host.allowed.max(sent.acknowledged + (u64::from(sent.window) << shift));
            self.take(sent);
            return;
        }
        // Only a first SYN carries no acknowledgement.
        if host.expected == 0 {
            host.expected = 1;
        }
    }

    fn take(&mut self, sent: &Sent) {
        let host = &mut self.hosts[1 - sent.from.index()];
        if sent.end() > sent.place {
            host.waiting.push((sent.place, sent.end()));
        }
        while let Some(place) = host.waiting.iter().position(|(start, _)| *start <= host.expected) {
            let (_, end) = host.waiting.swap_remove(place);
            if end > host.expected {
                host.unread = (host.unread + end - host.expected).min(host.buffer);
                host.expected = end;
            }
        }
    }

    fn act(&mut self, action: u8, choice: u8) {
        let direction = if choice & 1 == 0 { ClientToServer } else { ServerToClient };
        let place = usize::from(choice >> 1);
        match action % 8 {
            0 | 1 => self.emit(direction),
            2 => self.track(direction, false),
            3 => self.track(direction, true),
            4 | 5 => self.deliver(direction, place % 3),
            6 => drop(self.behind[direction.index()].pop_front()),
            _ => {
                self.hosts[direction.index()].unread = 0;
                self.repeat(direction);
            }
        }
    }

    fn is_over(&self) -> bool {
        [0, 1].into_iter().all(|side| self.hosts[side].acknowledged == self.hosts[side].end)
    }

    /// The network gets well: everything arrives, what is missing is sent again.
    fn finish(&mut self) {
        for _ in 0..20_000 {
            for direction in [ClientToServer, ServerToClient] {
                self.hosts[direction.index()].unread = 0;
                while !self.before[direction.index()].is_empty() {
                    self.track(direction, false);
                }
                while !self.behind[direction.index()].is_empty() {
                    self.deliver(direction, 0);
                }
                self.repeat(direction);
            }
            if self.is_over() {
                return;
            }
        }
        panic!("the conversation does not end: {:?} {:?}", self.plan, self.hosts);
    }
}

fn plans() -> impl Strategy<Value = Plan> {
    let near_the_wrap = prop_oneof![any::<u32>(), (0..200_000_u32).prop_map(|back| u32::MAX - back)];
    let buffer = || prop_oneof![1..2_000_u64, 2_000..70_000_u64, 70_000..4_000_000_u64];
    let scale = || prop_oneof![Just(None), (0..=14_u8).prop_map(Some)];
    (
        [near_the_wrap.clone(), near_the_wrap],
        [0..300_000_u64, 0..300_000_u64],
        prop_oneof![100..1_461_u64, 1_000..60_000_u64],
        [buffer(), buffer()],
        [scale(), scale()],
    )
        .prop_map(|(isn, to_send, segment_max, buffer, scale)| Plan {
            isn,
            to_send,
            segment_max,
            buffer,
            scale,
        })
}

proptest! {
    #[test]
    fn honest_hosts_are_never_hindered(
        plan in plans(),
        actions in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..600),
    ) {
        let small = plan.buffer[0].min(plan.buffer[1]).min(plan.segment_max);
        // Tiny windows make long conversations.
        let plan = Plan { to_send: plan.to_send.map(|bytes| bytes.min(small * 200)), ..plan };
        let mut world = World::new(plan);
        world.emit(ClientToServer);
        world.track(ClientToServer, false);
        for (action, choice) in actions {
            world.act(action, choice);
        }
        world.finish();
        prop_assert_eq!(world.scene.connection(), Connection::Closed);
        prop_assert!(world.scene.tracking.is_handshake_complete());
        prop_assert_eq!(world.scene.causes.decisive(), Tracker::TcpFin);
    }
}
