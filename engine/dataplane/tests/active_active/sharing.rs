//! The pair and what is sent through it.

use std::time::Duration;

use bifrons_config::typed::{ActiveActive, SessionOwner, SessionSetup};
use bifrons_dataplane::{ActiveActiveView, Compiled, MirrorItem, Ownership, PairView, PeerFrame, Verdict};
use bifrons_model::{DeviceId, DropReason, InterfaceId, Timestamp, TrafficRecord};
use bifrons_wire::{FrameInfo, Ha3Kind, LinkType, Packet, Reading, parse};

use crate::{
    device::{Device, INSIDE, OUTSIDE, START},
    packets::{Header, Way, tcp},
};

pub use DeviceId::{One, Zero};

pub const BOTH: [DeviceId; 2] = [Zero, One];
pub const PRIMARY: SessionOwner = SessionOwner::PrimaryDevice;
pub const FIRST: SessionOwner = SessionOwner::FirstPacket(SessionSetup::FirstPacket);
pub const MODULO: SessionOwner = SessionOwner::FirstPacket(SessionSetup::IpModulo);
pub const ADMITTED: [SessionOwner; 5] = SessionOwner::admitted(true, 7);

/// What becomes of a frame in the end.
#[derive(Debug)]
pub struct Fate {
    /// Where that was decided.
    pub at: DeviceId,
    pub verdict: Verdict,
    /// The frame that leaves, where one does.
    pub left: Vec<u8>,
    /// What went over HA3, in order.
    pub crossed: Vec<(Ha3Kind, u64)>,
}

impl Fate {
    /// Between which ends it leaves.
    pub fn way(&self) -> Way {
        assert!(matches!(self.verdict, Verdict::Transmit(_)), "{self:?}");
        let info = FrameInfo { link: LinkType::Ethernet, wire_length: self.left.len() as u32 };
        let packet: Packet = parse(&self.left, info, Reading::Strict).expect("a packet");
        let addresses = packet.addresses;
        Way {
            source: (addresses.source(), packet.source_port),
            destination: (addresses.destination(), packet.destination_port),
        }
    }
}

/// Two devices that both forward.
pub struct Pair {
    pub devices: [Device; 2],
    pub now: Timestamp,
    pub owner: SessionOwner,
    /// Whether what is told of sessions arrives after each frame.
    pub is_told: bool,
    /// What HA3 loses.
    pub loses: Option<Ha3Kind>,
    /// Whether a device that is alone knows the other one to be dead.
    pub is_peer_dead: bool,
    /// How much time lies between two frames.
    pub pace: Duration,
    /// Whether they put packets together whose fragments come to both.
    pub gathers: bool,
}

impl Pair {
    /// Zero is the active-primary device.
    pub fn new(compiled: &Compiled, owner: SessionOwner) -> Self {
        let devices = [1, 2].map(|seed| Device::new(compiled, seed, PairView::ALONE));
        let mut pair = Self {
            devices,
            now: START,
            owner,
            is_told: false,
            loses: None,
            is_peer_dead: false,
            pace: Duration::from_millis(7),
            gathers: true,
        };
        BOTH.into_iter().for_each(|device| pair.device(device).worker.set_device(Some(device)));
        pair.set_views([true, true], Some(Zero));
        pair
    }

    pub fn device(&mut self, device: DeviceId) -> &mut Device {
        &mut self.devices[usize::from(device.number())]
    }

    /// What both know of the pair.
    pub fn set_views(&mut self, can_work: [bool; 2], primary: Option<DeviceId>) {
        BOTH.into_iter().for_each(|device| self.set_view(device, can_work, primary, true));
    }

    pub fn set_view(
        &mut self,
        device: DeviceId,
        can_work: [bool; 2],
        primary: Option<DeviceId>,
        packet_forwarding: bool,
    ) {
        let mode = ActiveActive { session_owner: self.owner, packet_forwarding, ..ActiveActive::default() };
        let is_alone = !device.peer().of_two(can_work);
        let view = ActiveActiveView {
            device,
            ownership: Ownership::new(&mode),
            primary,
            can_work,
            has_peer_share: is_alone && self.is_peer_dead,
            gathers: self.gathers,
        };
        self.device(device).worker.set_pair_view(PairView::sharing(view));
    }

    /// Sends a frame to a device and lets it go where it leads; the fate of the last frame.
    pub fn send(&mut self, to: DeviceId, interface: InterfaceId, frame: &[u8]) -> Fate {
        self.now += self.pace;
        let now = self.now;
        let (verdict, left) = self.device(to).send(now, interface, frame);
        let mut fate = Fate { at: to, verdict, left, crossed: Vec::new() };
        self.carry(to, &mut fate);
        if self.is_told {
            self.tell();
        }
        fate
    }

    /// Carries what lies in the outboxes until nothing does.
    fn carry(&mut self, from: DeviceId, fate: &mut Fate) {
        let (now, to) = (self.now, from.peer());
        let frames = std::mem::take(&mut self.device(from).outbox.to_peer);
        for mut frame in frames {
            fate.crossed.push((frame.kind, frame.session));
            assert!(fate.crossed.len() < 40, "a frame runs in a circle: {fate:?}");
            if self.loses == Some(frame.kind) {
                continue;
            }
            self.check_description(from, &frame);
            let device = self.device(to);
            fate.verdict = device.worker.handle_peer_frame(now, &mut frame, &mut device.outbox);
            fate.at = to;
            let replaced = device.outbox.replaced.drain(..).next_back();
            fate.left = replaced.map_or(frame.frame, |replaced| replaced.bytes);
            device.collect();
            self.carry(to, fate);
        }
    }

    fn check_description(&mut self, from: DeviceId, frame: &PeerFrame) {
        let has_one = frame.kind == Ha3Kind::SetupReply && frame.session != 0;
        assert_eq!(!frame.description.is_empty(), has_one, "of device {from:?}");
    }

    /// Delivers what each has to tell of its sessions.
    pub fn tell(&mut self) {
        let now = self.now;
        for from in BOTH {
            let items = self.device(from).items();
            let to = self.device(from.peer());
            for (id, payload) in &items {
                match payload {
                    None => drop(to.worker.handle_mirrored_end(*id)),
                    Some(payload) => {
                        let item = MirrorItem::decode(*id, payload, now).expect("an item");
                        let _ = to.worker.handle_mirrored(now, &item);
                    }
                }
            }
            to.worker.handle_heard(now);
            to.collect();
        }
    }

    /// One tells of all that it owns, and the other one forgets what that leaves out.
    pub fn join(&mut self, from: DeviceId) {
        let now = self.now;
        let items = self.device(from).join();
        let to = self.device(from.peer());
        to.worker.handle_join_begin(now);
        for (id, payload) in &items {
            let payload = payload.as_ref().expect("it is there");
            let item = MirrorItem::decode(*id, payload, now).expect("an item");
            let _ = to.worker.handle_mirrored(now, &item);
        }
        to.worker.handle_join_end(now);
        to.worker.handle_timeout(now, &mut to.outbox);
        to.collect();
    }

    /// One is dead, and the other knows.
    pub fn kill(&mut self, dead: DeviceId) {
        self.now += Duration::from_millis(45);
        let (now, alive) = (self.now, dead.peer());
        self.device(alive).worker.handle_take_over(now);
        let can_work = if alive == Zero { [true, false] } else { [false, true] };
        self.is_peer_dead = true;
        self.set_view(alive, can_work, Some(alive), true);
    }

    /// A device comes back and takes no sessions yet.
    pub fn become_tentative(&mut self, device: DeviceId) {
        let now = self.now;
        self.is_peer_dead = false;
        self.device(device).worker.handle_stand_down(now);
        self.device(device.peer()).worker.handle_take_over(now);
        let can_work = if device == Zero { [false, true] } else { [true, false] };
        self.set_views(can_work, Some(device.peer()));
        self.tell();
        self.join(device.peer());
    }

    pub fn sessions(&self) -> [usize; 2] {
        [0, 1].map(|at| self.devices[at].worker.sessions().len())
    }

    /// Lets both run until no session is left, and tell each other; all records, by device.
    pub fn records(&mut self) -> [Vec<TrafficRecord>; 2] {
        for _ in 0..100_000 {
            if self.sessions() == [0, 0] {
                break;
            }
            let deadlines = self.devices.iter().filter_map(|device| device.worker.poll_timeout());
            // The devices hear each other at least so often.
            let heard = self.now.after_secs(2);
            self.now = deadlines.min().map_or(heard, |due| self.now.max(due.min(heard)));
            let now = self.now;
            for device in &mut self.devices {
                device.worker.handle_timeout(now, &mut device.outbox);
                device.collect();
            }
            self.tell();
        }
        assert_eq!(self.sessions(), [0, 0]);
        assert!(self.devices.iter().all(|device| device.worker.nat().is_idle()), "ports are left");
        [0, 1].map(|at| std::mem::take(&mut self.devices[at].records))
    }
}

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const ACK: u8 = 16;
const OPTIONS: &[u8] = &[2, 4, 5, 180, 3, 3, 7, 1];

/// From a host inside to one outside whose last bits differ or not.
pub fn way(client_port: u16, server: u8) -> Way {
    Way { source: ([10, 0, 0, 2].into(), client_port), destination: ([203, 0, 113, server].into(), 80) }
}

/// A connection whose two directions come to a device each.
pub struct Connection {
    pub client: Way,
    /// As the server knows it, turned round.
    pub server: Way,
    next: [u32; 2],
    /// Where the client's and the server's packets come.
    pub at: [DeviceId; 2],
    pub sent: u64,
}

impl Connection {
    pub fn new(client: Way, at: [DeviceId; 2]) -> Self {
        Self { client, server: client.back(), next: [1_000, 70_000], at, sent: 0 }
    }

    pub fn segment(&mut self, side: usize, flags: u8, payload: &[u8]) -> Vec<u8> {
        let options = if flags & SYN != 0 { OPTIONS } else { &[] };
        let acknowledgement = if flags & ACK != 0 { self.next[1 - side] } else { 0 };
        let header = Header { sequence: self.next[side], acknowledgement, flags, options };
        let controls = u32::from(flags & (SYN | FIN) != 0);
        self.next[side] = self.next[side].wrapping_add(payload.len() as u32 + controls);
        self.sent += 1;
        tcp(if side == 0 { self.client } else { self.server }, header, payload)
    }

    pub fn client_sends(&mut self, pair: &mut Pair, flags: u8, payload: &[u8]) -> Fate {
        let frame = self.segment(0, flags, payload);
        let fate = pair.send(self.at[0], INSIDE, &frame);
        self.server = fate.way().back();
        fate
    }

    pub fn server_sends(&mut self, pair: &mut Pair, flags: u8, payload: &[u8]) -> Fate {
        let frame = self.segment(1, flags, payload);
        let fate = pair.send(self.at[1], OUTSIDE, &frame);
        let seen = fate.way();
        assert_eq!((seen.source, seen.destination), (self.client.destination, self.client.source));
        fate
    }

    pub fn open(&mut self, pair: &mut Pair) -> [Fate; 3] {
        let syn = self.client_sends(pair, SYN, b"");
        let answer = self.server_sends(pair, SYN | ACK, b"");
        [syn, answer, self.client_sends(pair, ACK, b"")]
    }

    /// A request in two parts and its answer.
    pub fn talk(&mut self, pair: &mut Pair) {
        self.client_sends(pair, ACK, b"GE");
        self.client_sends(pair, ACK, b"T / HTTP/1.1\r\nHost: www.example.com\r\n\r\n");
        self.server_sends(pair, ACK, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        self.client_sends(pair, ACK, b"");
    }

    pub fn close(&mut self, pair: &mut Pair) {
        self.client_sends(pair, FIN | ACK, b"");
        self.server_sends(pair, FIN | ACK, b"");
        self.client_sends(pair, ACK, b"");
    }
}

/// The packets that records count.
pub fn packets(records: &[TrafficRecord]) -> u64 {
    records.iter().map(|record| record.sent.packets + record.received.packets).sum()
}

/// How often a device has dropped for a reason.
pub fn dropped(pair: &Pair, reason: DropReason) -> [u64; 2] {
    [0, 1].map(|at| pair.devices[at].worker.counters().dropped_for(reason))
}
