//! Whatever comes in whatever order, over links that lose: nothing runs in a circle, is counted twice or is
//! left over.

use std::collections::{BTreeMap, BTreeSet};

use bifrons_dataplane::Verdict;
use bifrons_model::{DeviceId, SessionId, TrafficRecord};
use bifrons_wire::Ha3Kind;
use proptest::prelude::*;

use crate::{
    device::{INSIDE, OUTSIDE, compiled},
    packets::udp,
    sharing::{ACK, ADMITTED, BOTH, Connection, FIN, One, Pair, SYN, Zero, packets, way},
};

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The next segment of a connection comes, to one device or the other.
    Segment { connection: usize, at: DeviceId },
    /// A segment that was lost behind the devices comes again.
    Repeat { connection: usize, at: DeviceId },
    /// A datagram of a conversation, to the server or back.
    Datagram { conversation: u8, at: DeviceId, is_answer: bool },
    /// HA2 delivers what there is.
    Tell,
    /// So many milliseconds pass, and what is due happens.
    Wait(u16),
    /// From now on HA3 loses these, or nothing.
    Lose(Option<Ha3Kind>),
    /// HA3 goes down or comes up.
    Link(bool),
    /// A device can work no more, or can again.
    Work { device: DeviceId, can: bool },
}

const CONNECTIONS: usize = 4;

fn device() -> impl Strategy<Value = DeviceId> {
    prop_oneof![Just(Zero), Just(One)]
}

fn event() -> impl Strategy<Value = Event> {
    let kinds = [Ha3Kind::SetupRequest, Ha3Kind::SetupReply, Ha3Kind::ForwardToOwner].map(Some);
    prop_oneof![
        12 => (0..CONNECTIONS, device()).prop_map(|(connection, at)| Event::Segment { connection, at }),
        3 => (0..CONNECTIONS, device()).prop_map(|(connection, at)| Event::Repeat { connection, at }),
        5 => (0..3_u8, device(), any::<bool>())
            .prop_map(|(conversation, at, is_answer)| Event::Datagram { conversation, at, is_answer }),
        4 => Just(Event::Tell),
        2 => (0..4_000_u16).prop_map(Event::Wait),
        1 => prop::sample::select(kinds.to_vec()).prop_map(Event::Lose),
        2 => Just(Event::Lose(None)),
        1 => any::<bool>().prop_map(Event::Link),
        1 => (device(), any::<bool>()).prop_map(|(device, can)| Event::Work { device, can }),
    ]
}

/// A pair under way.
struct Course {
    pair: Pair,
    connections: Vec<Connection>,
    /// The last segment of each, and its side.
    last: BTreeMap<usize, (usize, Vec<u8>)>,
    progress: [usize; CONNECTIONS],
    /// As what the servers know the clients of the conversations.
    known: BTreeMap<u8, crate::packets::Way>,
    has_link: bool,
    can_work: [bool; 2],
    /// Packets that have left.
    passed: u64,
}

const SEGMENTS: [(usize, u8, &[u8]); 8] = [
    (0, SYN, b""),
    (1, SYN | ACK, b""),
    (0, ACK, b""),
    (0, ACK, b"GET / HTTP/1.0\r\n\r\n"),
    (1, ACK, b"HTTP/1.0 200 OK\r\n\r\nabc"),
    (0, FIN | ACK, b""),
    (1, FIN | ACK, b""),
    (0, ACK, b""),
];

impl Course {
    fn new(owner: usize) -> Self {
        let connections = (0..CONNECTIONS as u16)
            .map(|place| Connection::new(way(40_000 + place, 6 + (place % 2) as u8), BOTH))
            .collect();
        Self {
            pair: Pair::new(&compiled(""), ADMITTED[owner]),
            connections,
            last: BTreeMap::new(),
            progress: [0; CONNECTIONS],
            known: BTreeMap::new(),
            has_link: true,
            can_work: [true; 2],
            passed: 0,
        }
    }

    fn live(&mut self, event: Event) {
        match event {
            Event::Segment { connection, at } => {
                let step = self.progress[connection] % SEGMENTS.len();
                let (side, flags, payload) = SEGMENTS[step];
                if step == 0 {
                    // Another one on other ports.
                    let port = 40_000 + (connection + self.progress[connection] * 10) as u16;
                    self.connections[connection] = Connection::new(way(port, 7), BOTH);
                }
                let frame = self.connections[connection].segment(side, flags, payload);
                self.last.insert(connection, (side, frame));
                if self.repeat(connection, at) {
                    self.progress[connection] += 1;
                } else {
                    // It never arrived: what follows is another connection.
                    self.progress[connection] = self.progress[connection].next_multiple_of(SEGMENTS.len());
                }
            }
            Event::Repeat { connection, at } => drop(self.repeat(connection, at)),
            Event::Datagram { conversation, at, is_answer } => self.talk(conversation, at, is_answer),
            Event::Tell => self.pair.tell(),
            Event::Wait(millis) => self.wait(millis),
            Event::Lose(kind) => self.pair.loses = kind,
            Event::Link(is_up) => {
                self.has_link = is_up;
                self.look();
            }
            Event::Work { device, can } => {
                // One of them works.
                if can || device.peer().of_two(self.can_work) {
                    let now = self.pair.now;
                    let place = usize::from(device.number());
                    let stands_down = self.can_work[place] && !can;
                    if stands_down {
                        self.pair.device(device).worker.handle_stand_down(now);
                        self.pair.device(device.peer()).worker.handle_take_over(now);
                    }
                    self.can_work[place] = can;
                    self.look();
                    if stands_down {
                        self.pair.tell();
                        self.pair.join(device.peer());
                    }
                }
            }
        }
        self.check_owners();
    }

    /// Both devices know what is.
    fn look(&mut self) {
        let primary = if self.can_work[0] { Zero } else { One };
        for device in BOTH {
            let mut can_work = self.can_work;
            can_work[usize::from(device.peer().number())] &= self.has_link;
            self.pair.set_view(device, can_work, Some(primary), true);
        }
    }

    fn repeat(&mut self, connection: usize, at: DeviceId) -> bool {
        let Some((side, frame)) = self.last.get(&connection) else { return false };
        let fate = self.pair.send(at, [INSIDE, OUTSIDE][*side], frame);
        let passes = matches!(fate.verdict, Verdict::Transmit(_));
        self.passed += u64::from(passes);
        if passes && *side == 0 {
            self.connections[connection].server = fate.way().back();
        }
        passes
    }

    fn talk(&mut self, conversation: u8, at: DeviceId, is_answer: bool) {
        let there = way(5_000 + u16::from(conversation), 6 + conversation);
        if !is_answer {
            let fate = self.pair.send(at, INSIDE, &udp(there, b"question"));
            if matches!(fate.verdict, Verdict::Transmit(_)) {
                self.passed += 1;
                self.known.insert(conversation, fate.way().back());
            }
        } else if let Some(back) = self.known.get(&conversation) {
            let fate = self.pair.send(at, OUTSIDE, &udp(*back, b"answer"));
            // A device that does not know the conversation may send it back to where it came from, by the
            // rule within the zone, which logs nothing.
            self.passed += u64::from(matches!(fate.verdict, Verdict::Transmit(INSIDE)));
        }
    }

    fn wait(&mut self, millis: u16) {
        self.pair.tell();
        self.pair.now += std::time::Duration::from_millis(millis.into());
        let now = self.pair.now;
        for device in &mut self.pair.devices {
            device.worker.handle_timeout(now, &mut device.outbox);
            device.collect();
        }
        self.pair.tell();
    }

    /// The numbers of the sessions that a device owns.
    fn owned(&self, at: usize) -> BTreeSet<SessionId> {
        let sessions = self.pair.devices[at].worker.sessions();
        sessions.slots().filter(|slot| !sessions.is_copy(*slot)).map(|slot| sessions.get(slot).id).collect()
    }

    /// While they can reach each other no session is both devices' for longer than it takes to tell.
    fn check_owners(&mut self) {
        if self.has_link && self.can_work == [true; 2] {
            (0..2).for_each(|_| self.wait(0));
        }
    }
}

/// Who, and when it began.
fn identity(record: &TrafficRecord) -> (SessionId, bifrons_model::Timestamp) {
    (record.session_id, record.start)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn whatever_happens(owner in 0..5_usize, events in prop::collection::vec(event(), 0..160)) {
        let mut course = Course::new(owner);
        let mut is_calm = true;
        for event in events {
            is_calm &= !matches!(event, Event::Work { .. });
            course.live(event);
            if is_calm && course.has_link {
                let both: Vec<_> = course.owned(0).intersection(&course.owned(1)).copied().collect();
                prop_assert!(both.is_empty(), "{both:?} after {event:?}");
            }
        }
        course.pair.loses = None;
        let [zero, one] = course.pair.records();
        if is_calm {
            let mut logged = BTreeSet::new();
            let counted = packets(&zero) + packets(&one);
            prop_assert!(counted >= course.passed, "{} of {} are logged", counted, course.passed);
            for record in zero.iter().chain(&one) {
                prop_assert!(logged.insert(identity(record)), "{record:#?} was logged before");
            }
        }
    }
}
