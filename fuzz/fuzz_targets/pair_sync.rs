//! What comes over HA2. A message that is not the peer's, changed, cut or repeated, is refused and nothing is
//! applied because of it. What the peer itself says may be wrong in any way: its items are read or refused,
//! the worker that they are applied to keeps its bounds, and after a take-over its sessions come to an end.
#![no_main]

use std::{collections::VecDeque, sync::LazyLock, time::Duration};

use bifrons_config::parse;
use bifrons_dataplane::{Compiled, Frame, MirrorItem, Outbox, PairView, Telling, Verdict, Worker};
use bifrons_fuzz::Input;
use bifrons_ha::{
    DeviceId, HaLinkId,
    sync::{
        ItemKind, Keys, MessageKind, PeerEvent, Settings, Source, Space, SyncOutput, SyncStatus, Synchronizer,
    },
};
use bifrons_model::{Generation, InterfaceId, SessionId, Timestamp};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use bifrons_wire::{LinkType, internet_checksum};
use libfuzzer_sys::fuzz_target;

const CAPACITY: usize = 6;
const START: Timestamp = Timestamp::from_secs(1_700_000_000);

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let config = format!(
        "set deviceconfig setting session capacity {CAPACITY}
         set deviceconfig setting session strict-checksum no
         set network interface ethernet ethernet1/1 layer3 ip 10.255.255.254/8
         set network interface ethernet ethernet1/2 layer3 ip 192.0.2.254/24
         set zone trust network layer3 ethernet1/1
         set zone untrust network layer3 ethernet1/2
         set rulebase security rules out from trust to untrust source any destination any
         set rulebase security rules out application any service any action allow log-end yes
         set rulebase nat rules hide from trust to untrust source 10.0.0.0/24 destination any service any
         set rulebase nat rules hide source-translation dynamic-ip-and-port translated-address 192.0.2.10"
    );
    let config = parse(&config, "pair").expect("a configuration");
    Compiled::new(Policy::compile(&config, Generation(1))).expect("no signatures of its own")
});

/// What a real worker tells of TCP and UDP sessions, with and without translation.
static ITEMS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut worker = worker(1, PairView::ACTIVE);
    let mut outbox = Outbox::default();
    for (client, protocol) in [(0_u8, 6_u8), (1, 6), (0, 17), (1, 17)] {
        let mut bytes = frame(client, protocol);
        let mut frames = [Frame {
            wire_length: bytes.len() as u32,
            bytes: &mut bytes,
            link: Some(LinkType::Ethernet),
            interface: Some(InterfaceId(0)),
            arrival: START,
            verdict: Verdict::Pending,
        }];
        worker.process(START, &mut frames, &mut outbox);
    }
    let ids: Vec<SessionId> = outbox.session_events.drain(..).map(|event| event.id).collect();
    assert!(ids.len() >= 4, "{ids:?}");
    let mut items = Vec::new();
    for (id, telling) in ids.iter().flat_map(|id| [(*id, Telling::Whole), (*id, Telling::News)]) {
        let mut item = Vec::new();
        worker.encode_mirrored(id, telling, 1_000, &mut item);
        items.push(item);
    }
    items
});

/// A table whose entries are whatever the fuzzer says.
#[derive(Default)]
struct Claims {
    payloads: VecDeque<Vec<u8>>,
    /// What a join tells of.
    ids: Vec<u64>,
}

impl Source for Claims {
    fn encode(&mut self, _: ItemKind, _: u64, out: &mut Vec<u8>) -> bool {
        let Some(payload) = self.payloads.pop_front() else { return false };
        out.extend(payload);
        true
    }

    fn next_ids(&mut self, space: Space, after: Option<u64>, limit: usize, out: &mut Vec<u64>) {
        if space == Space::Sessions {
            out.extend(self.ids.iter().filter(|id| after.is_none_or(|after| **id > after)).take(limit));
        }
    }
}

struct Devices {
    claims: Claims,
    own: Synchronizer,
    peer: Synchronizer,
    worker: Worker,
    now: Timestamp,
    /// Messages to the peer that it has taken.
    taken: Vec<Vec<u8>>,
    loses: bool,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut devices = Devices::new();
    while !input.is_empty() {
        let control = input.byte();
        let link = HaLinkId::ALL[usize::from(control >> 4 & 7) % HaLinkId::ALL.len()];
        match control & 15 {
            0..=3 => {
                let kind = ItemKind::ALL[usize::from(input.byte()) % ItemKind::ALL.len()];
                let id = u64::from(input.byte());
                let payload = payload(&mut input, control);
                devices.claims.payloads.push_back(payload);
                devices.own.mark(devices.now, kind, id);
            }
            4 => {
                let id = SessionId(u32::from(input.byte()));
                if let Ok(item) = MirrorItem::decode(id, &payload(&mut input, control), devices.now) {
                    devices.apply(&item);
                }
            }
            5 => {
                let length = usize::from(input.byte());
                devices.strange(link, input.bytes(length));
            }
            6 | 7 => {
                let place = usize::from(input.byte()) % devices.taken.len().max(1);
                let Some(mut message) = devices.taken.iter().rev().nth(place).cloned() else { continue };
                let (at, change) = (usize::from(input.u16()) % message.len(), input.byte());
                match (control & 128, change) {
                    (0, 0) => message.truncate(at),
                    (0, change) => message[at] ^= change,
                    // As it was: it is replayed.
                    _ => {}
                }
                devices.strange(link, &message);
            }
            8 => devices.loses = control & 16 != 0,
            9 => devices.claims.ids = (0..u64::from(input.byte() & 15)).collect(),
            10 => devices.own.handle_sending(devices.now, control & 16 == 0),
            11 => devices.connect(),
            12 => devices.pass(Duration::from_secs(u64::from(input.u16()))),
            _ => devices.pass(Duration::from_millis(u64::from(input.byte()))),
        }
        devices.check();
    }
    devices.take_over();
});

impl Devices {
    fn new() -> Self {
        let settings = Settings { largest_message: 1_000, window: 8, capacity: 32, ..Settings::default() };
        let mut devices = Self {
            claims: Claims::default(),
            own: Synchronizer::new(settings.clone()),
            peer: Synchronizer::new(settings),
            worker: worker(2, PairView::PASSIVE),
            now: START,
            taken: Vec::new(),
            loses: false,
        };
        for machine in [&mut devices.own, &mut devices.peer] {
            machine.handle_link(START, HaLinkId::Ha2, true);
        }
        devices.own.handle_sending(START, true);
        devices.connect();
        devices
    }

    /// Both get the keys of another connection.
    fn connect(&mut self) {
        let epoch = self.own.counters().messages(MessageKind::Batch).sent as u32;
        let epoch = epoch.wrapping_add(self.taken.len() as u32) + 1;
        let keys = Keys { epoch, side: DeviceId::Zero, send: [epoch as u8; 16], receive: [0x22; 16] };
        // Keys that are not newer are refused, and the old ones stay.
        let _ = self.own.handle_peer(self.now, PeerEvent::Connected(keys.clone()));
        let _ = self.peer.handle_peer(self.now, PeerEvent::Connected(keys.for_peer()));
        self.taken.clear();
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..200 {
            let timers = [self.own.poll_timeout(), self.peer.poll_timeout()];
            let Some(due) = timers.into_iter().flatten().min().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.talk();
        }
        self.now = self.now.max(end);
        self.worker.handle_timeout(self.now, &mut Outbox::default());
    }

    fn talk(&mut self) {
        self.own.handle_timeout(self.now, &mut self.claims);
        let mut messages = Vec::new();
        while let Some(output) = self.own.poll_output() {
            if let SyncOutput::Message { bytes, .. } = output {
                messages.push(bytes.to_vec());
            }
        }
        for message in messages {
            if self.loses {
                continue;
            }
            if self.peer.handle_message(self.now, HaLinkId::Ha2, &message).is_ok() {
                self.taken.push(message);
            }
        }
        self.peer.handle_timeout(self.now, &mut Claims::default());
        for answer in self.drain() {
            let answered = self.own.handle_message(self.now, HaLinkId::Ha2, &answer);
            assert_eq!(answered, Ok(()), "an answer of the peer");
        }
    }

    /// Applies what the peer was told; what it answers.
    fn drain(&mut self) -> Vec<Vec<u8>> {
        let mut answers = Vec::new();
        let mut items = Vec::new();
        while let Some(output) = self.peer.poll_output() {
            match output {
                SyncOutput::Message { bytes, .. } => answers.push(bytes.to_vec()),
                SyncOutput::Item { kind, id, payload, .. } => items.push((kind, id, payload.to_vec())),
                SyncOutput::JoinBegins(_) => self.worker.handle_join_begin(self.now),
                SyncOutput::Joined(_) => self.worker.handle_join_end(self.now),
                SyncOutput::Told(_) | SyncOutput::Lost(_) | SyncOutput::Resumed | SyncOutput::Log(_) => {}
            }
        }
        for (kind, id, payload) in items {
            let id = SessionId(id as u32);
            match kind {
                ItemKind::SessionCreate | ItemKind::SessionUpdate => {
                    if let Ok(item) = MirrorItem::decode(id, &payload, self.now) {
                        self.apply(&item);
                    }
                }
                ItemKind::SessionEnd => drop(self.worker.handle_mirrored_end(id)),
                ItemKind::Neighbor
                | ItemKind::NeighborGone
                | ItemKind::SecurityAssociation
                | ItemKind::SecurityAssociationGone
                | ItemKind::Name
                | ItemKind::NameGone => {}
            }
        }
        answers
    }

    fn apply(&mut self, item: &MirrorItem) {
        let mut bytes = Vec::new();
        item.encode(self.now, &mut bytes);
        assert!(MirrorItem::decode(item.id, &bytes, self.now).is_ok(), "it reads what it writes: {item:?}");
        // A refusal is the worker's right.
        let _ = self.worker.handle_mirrored(self.now, item);
    }

    /// A message that is not from the peer, or was here before.
    fn strange(&mut self, link: HaLinkId, message: &[u8]) {
        let before = picture(&self.peer);
        let refused = self.peer.handle_message(self.now, link, message);
        assert!(refused.is_err());
        assert_eq!(picture(&self.peer), before);
        while let Some(output) = self.peer.poll_output() {
            // A batch that comes again is answered again.
            assert!(matches!(output, SyncOutput::Message { .. } | SyncOutput::Log(_)), "{output:?}");
        }
    }

    fn check(&self) {
        assert!(self.worker.sessions().len() <= CAPACITY);
        assert!(self.worker.counters().is_conserved(), "{:?}", self.worker.counters());
    }

    /// The peer dies; what it said of its sessions is this device's to end.
    fn take_over(&mut self) {
        self.peer.handle_peer(self.now, PeerEvent::Lost).expect("no keys");
        self.drain();
        self.worker.set_pair_view(PairView::ACTIVE);
        self.worker.handle_take_over(self.now);
        let mut outbox = Outbox::default();
        for _ in 0..100_000 {
            let Some(due) = self.worker.poll_timeout() else { break };
            self.worker.handle_timeout(due, &mut outbox);
            outbox.clear();
            self.check();
        }
        assert!(self.worker.sessions().is_empty(), "sessions live for ever");
    }
}

/// What a message that is refused may not change.
fn picture(machine: &Synchronizer) -> (SyncStatus, Option<Timestamp>, u64, bool) {
    let counters = machine.counters();
    let received = MessageKind::ALL.iter().map(|kind| counters.messages(*kind).received).sum();
    (machine.status(), machine.heard_at(), received, machine.peer_has_joined())
}

/// Any bytes, or a real item with a few of its bytes changed.
fn payload(input: &mut Input<'_>, control: u8) -> Vec<u8> {
    if control & 16 == 0 {
        let length = usize::from(input.byte());
        return input.bytes(length).to_vec();
    }
    let mut item = ITEMS[usize::from(input.byte()) % ITEMS.len()].clone();
    for _ in 0..input.byte() & 3 {
        let at = usize::from(input.byte()) % item.len().max(1);
        item.get_mut(at).into_iter().for_each(|byte| *byte ^= input.byte());
    }
    item
}

fn worker(seed: u128, view: PairView) -> Worker {
    let mut worker = Worker::new(&COMPILED, HashSeed::new(seed));
    worker.set_pair_view(view);
    worker
}

/// A SYN to port 22 or a datagram to port 53; clients with an even number are translated.
fn frame(client: u8, protocol: u8) -> Vec<u8> {
    let transport: &[u8] = match protocol {
        6 => &[0x80, 0, 0, 22, 0, 0, 3, 0xe8, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0],
        _ => &[0x80, 0, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4],
    };
    let total = 20 + transport.len() as u8;
    let mut ip = [0x45, 0, 0, total, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, client & 1, 9, 192, 0, 2, 1];
    let sum = internet_checksum(&[&ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    let ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    [&ethernet, &ip[..], transport].concat()
}
