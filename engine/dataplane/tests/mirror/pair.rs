//! A pair of devices between an inside and an outside network, of which one forwards.

use std::{collections::BTreeMap, time::Duration};

use bifrons_config::parse;
use bifrons_dataplane::{
    Compiled, EventKind, Frame, MirrorItem, Outbox, PairView, Telling, Told, Verdict, Worker,
};
use bifrons_model::{Generation, InterfaceId, SessionId, Timestamp, TrafficRecord};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use bifrons_wire::{FrameInfo, LinkType, Packet, Reading, parse as parse_frame};

use crate::packets::Way;

pub const START: Timestamp = Timestamp::from_secs(1_700_000_000);
pub const INSIDE: InterfaceId = InterfaceId(0);
pub const OUTSIDE: InterfaceId = InterfaceId(1);

/// What an item may have at most.
pub const ROOM: usize = 1_400;

/// What comes from inside may pass, under two rules, and gets a port of one address.
pub const NETWORK: &str = "
set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/8
set network interface ethernet ethernet1/2 layer3 ip 192.0.2.1/0
set zone trust network layer3 ethernet1/1
set zone untrust network layer3 ethernet1/2
set rulebase security rules no-ssh from trust to untrust source any destination any application ssh
set rulebase security rules no-ssh service any action deny log-end yes
set rulebase security rules web from trust to untrust source any destination any application web-browsing
set rulebase security rules web service any action allow log-end yes
set rulebase security rules out from trust to untrust source any destination any application any
set rulebase security rules out service any action allow log-end yes
set rulebase nat rules ports from trust to untrust source any destination any service any
set rulebase nat rules ports source-translation dynamic-ip-and-port translated-address 192.0.2.10
";

pub fn compiled(lines: &str) -> Compiled {
    let config = parse(&format!("{NETWORK}{lines}"), "test").unwrap_or_else(|errors| panic!("{errors:?}"));
    Compiled::new(Policy::compile(&config, Generation(1))).expect("no signatures of its own")
}

/// The same without address translation.
pub fn compiled_without_nat(lines: &str) -> Compiled {
    let all = NETWORK.lines().filter(|line| !line.contains("rulebase nat")).chain(lines.lines());
    let config =
        parse(&all.collect::<Vec<_>>().join("\n"), "test").unwrap_or_else(|errors| panic!("{errors:?}"));
    Compiled::new(Policy::compile(&config, Generation(1))).expect("no signatures of its own")
}

/// One device.
pub struct Device {
    pub worker: Worker,
    pub outbox: Outbox,
    pub records: Vec<TrafficRecord>,
}

impl Device {
    pub fn new(compiled: &Compiled, seed: u128, view: PairView) -> Self {
        let mut worker = Worker::new(compiled, HashSeed::new(seed));
        worker.set_pair_view(view);
        Self { worker, outbox: Outbox::default(), records: Vec::new() }
    }

    pub fn send(&mut self, now: Timestamp, interface: InterfaceId, frame: &[u8]) -> (Verdict, Vec<u8>) {
        let mut bytes = frame.to_vec();
        let mut frames = [Frame {
            wire_length: bytes.len() as u32,
            bytes: &mut bytes,
            link: Some(LinkType::Ethernet),
            interface: Some(interface),
            arrival: now,
            verdict: Verdict::Pending,
        }];
        self.worker.process(now, &mut frames, &mut self.outbox);
        let [Frame { verdict, .. }] = frames;
        self.collect();
        let left = self.outbox.replaced.drain(..).next_back().map_or(bytes, |replaced| replaced.bytes);
        (verdict, left)
    }

    pub fn collect(&mut self) {
        self.records.append(&mut self.outbox.records);
        let counters = self.worker.counters();
        assert!(counters.is_conserved(), "{counters:?}");
        let sessions = self.worker.sessions().len() as u64;
        assert_eq!(counters.sessions_created - counters.sessions_ended, sessions);
    }

    /// Items for everything that it has to tell, as HA2 makes them: the newest state of each session once.
    pub fn items(&mut self) -> Vec<(SessionId, Option<Vec<u8>>)> {
        let mut kinds: BTreeMap<SessionId, EventKind> = BTreeMap::new();
        for event in std::mem::take(&mut self.outbox.session_events) {
            let kind = kinds.entry(event.id).or_insert(event.kind);
            if event.kind != EventKind::Changed {
                *kind = event.kind;
            }
        }
        let mut items = Vec::new();
        for (id, kind) in kinds {
            match kind {
                EventKind::Created => self.tell(id, Telling::Whole, &mut items),
                EventKind::Changed => self.tell(id, Telling::News, &mut items),
                EventKind::Ended => items.push((id, None)),
            }
        }
        items
    }

    /// Items for everything that it has.
    pub fn join(&mut self) -> Vec<(SessionId, Option<Vec<u8>>)> {
        let mut items = Vec::new();
        let (mut after, mut ids) = (None, Vec::new());
        loop {
            self.worker.next_session_ids(after, 3, &mut ids);
            let Some(last) = ids.last().copied() else { return items };
            after = Some(last);
            ids.drain(..).for_each(|id| self.tell(id, Telling::Whole, &mut items));
        }
    }

    fn tell(&mut self, id: SessionId, telling: Telling, items: &mut Vec<(SessionId, Option<Vec<u8>>)>) {
        let mut telling = telling;
        loop {
            let mut payload = Vec::new();
            let told = self.worker.encode_mirrored(id, telling, ROOM, &mut payload);
            assert!(payload.len() <= ROOM);
            items.push((id, (told != Told::Gone).then_some(payload)));
            if told != Told::Part {
                return;
            }
            telling = Telling::News;
        }
    }

    /// Takes what the other device tells.
    pub fn take(&mut self, now: Timestamp, items: &[(SessionId, Option<Vec<u8>>)]) {
        for (id, payload) in items {
            let Some(payload) = payload else {
                self.worker.handle_mirrored_end(*id);
                continue;
            };
            let item = MirrorItem::decode(*id, payload, now).expect("an item");
            assert_eq!(self.worker.handle_mirrored(now, &item), Ok(true), "{item:?}");
        }
        self.collect();
    }

    /// Lets time run until no session is left.
    pub fn run_on(&mut self) {
        for _ in 0..100_000 {
            let Some(deadline) = self.worker.poll_timeout() else { break };
            self.worker.handle_timeout(deadline, &mut self.outbox);
            self.collect();
        }
        let sessions = self.worker.sessions();
        let left: Vec<_> =
            sessions.slots().map(|slot| (sessions.get(slot), sessions.deadline(slot))).collect();
        assert!(left.is_empty(), "{:?} {:?} {left:#?}", self.worker.now(), self.worker.poll_timeout());
    }
}

/// What happens between two devices of which the first one forwards until it dies.
pub struct Pair {
    pub devices: [Device; 2],
    pub now: Timestamp,
    /// Before which packet the first one dies.
    kill_at: usize,
    /// The last batches before that are lost.
    lost_batches: usize,
    pub sent: usize,
    pub verdicts: Vec<Verdict>,
}

impl Pair {
    pub fn new(lines: &str, kill_at: usize, lost_batches: usize) -> Self {
        let compiled = compiled(lines);
        let devices =
            [Device::new(&compiled, 1, PairView::ACTIVE), Device::new(&compiled, 2, PairView::PASSIVE)];
        Self { devices, now: START, kill_at, lost_batches, sent: 0, verdicts: Vec::new() }
    }

    pub fn is_killed(&self) -> bool {
        self.sent >= self.kill_at
    }

    /// Sends a frame to the device that forwards; how it leaves.
    pub fn send(&mut self, interface: InterfaceId, frame: &[u8]) -> (Verdict, Vec<u8>) {
        self.now += Duration::from_millis(7);
        if self.sent == self.kill_at {
            self.take_over();
        }
        let at = usize::from(self.is_killed());
        let (verdict, left) = self.devices[at].send(self.now, interface, frame);
        self.sent += 1;
        self.verdicts.push(verdict);
        if at == 0 {
            let items = self.devices[0].items();
            if self.sent + self.lost_batches <= self.kill_at {
                self.devices[1].take(self.now, &items);
            }
        }
        (verdict, left)
    }

    fn take_over(&mut self) {
        self.now += Duration::from_millis(45);
        self.devices[1].worker.handle_take_over(self.now);
        self.devices[1].worker.set_pair_view(PairView::ALONE);
    }

    /// Sends a frame that passes; between which ends it leaves.
    pub fn pass(&mut self, interface: InterfaceId, frame: &[u8]) -> Way {
        let (verdict, left) = self.send(interface, frame);
        assert!(matches!(verdict, Verdict::Transmit(_)), "packet {}: {verdict:?}", self.sent - 1);
        let info = FrameInfo { link: LinkType::Ethernet, wire_length: left.len() as u32 };
        let packet: Packet = parse_frame(&left, info, Reading::Strict).expect("a packet");
        Way {
            source: (packet.addresses.source(), packet.source_port),
            destination: (packet.addresses.destination(), packet.destination_port),
        }
    }

    /// The records of both, at the end of all sessions.
    pub fn records(mut self) -> Vec<TrafficRecord> {
        let at = usize::from(self.is_killed());
        if self.sent == self.kill_at {
            self.take_over();
        }
        self.devices[at].run_on();
        let [first, second] = self.devices;
        assert!(at == 1 || second.records.is_empty(), "who follows logs nothing");
        let mut records = first.records;
        records.extend(second.records);
        records.sort_by_key(|record| record.session_id);
        records
    }
}
