//! Two devices on HA1, with noise, changed and repeated messages between theirs, cut links and time that
//! jumps. What is malformed or replayed changes nothing; whatever comes, a device goes on, wants to be called
//! later than now and says a bounded number of things.
#![no_main]

use std::{sync::Arc, time::Duration};

use bifrons_config::typed::{ActiveActive, HaLink, HaMode, HighAvailability};
use bifrons_fuzz::Input;
use bifrons_ha::{
    Envelope, HaLinkId, Identity, Member, MemberOutput, Settings, StateRequest, Status, VERSIONS,
};
use bifrons_model::{MacAddress, Timestamp};
use libfuzzer_sys::fuzz_target;

/// More than a device ever says at once.
const MOST_SAID: usize = 60;

/// A message that has arrived.
struct Arrived {
    to: usize,
    link: HaLinkId,
    bytes: Vec<u8>,
}

struct Pair {
    members: [Member; 2],
    now: Timestamp,
    arrived: Vec<Arrived>,
    /// Whether messages that nobody sent may be readable: HA1 keeps those away, but a peer may be wrong.
    is_trusting: bool,
    loses: bool,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let control = input.byte();
    let mut pair = Pair::new(control);
    while !input.is_empty() {
        let control = input.byte();
        let device = usize::from(control >> 7);
        let link = HaLinkId::ALL[usize::from(control >> 4 & 7) % HaLinkId::ALL.len()];
        match control & 15 {
            0..=4 => pair.pass(Duration::from_millis(u64::from(input.byte()) * 8)),
            5 => pair.pass(Duration::from_millis(u64::from(input.u16()))),
            6 | 7 => {
                let length = usize::from(input.byte());
                pair.strange(device, link, input.bytes(length));
            }
            8 | 9 => {
                let (place, changes) = (input.u16(), input.byte() & 3);
                let Some(mut bytes) = pair.pick(place).map(|arrived| arrived.bytes.clone()) else { continue };
                for _ in 0..=changes {
                    let at = usize::from(input.byte()) % bytes.len();
                    bytes[at] ^= input.byte();
                }
                bytes.truncate(bytes.len() - usize::from(input.byte() & 1));
                pair.strange(device, link, &bytes);
            }
            10 => pair.replay(input.u16()),
            11 => pair.loses = control & 16 != 0,
            12 => pair.link(device, link, input.byte() & 1 == 0),
            13 => pair.members[device].handle_dataplane(pair.now, control & 16 == 0),
            14 => pair.members[device].handle_synchronized(pair.now, control & 16 == 0),
            _ => {
                let requests = [
                    StateRequest::Suspend,
                    StateRequest::Functional,
                    StateRequest::SuspendPeer,
                    StateRequest::FunctionalPeer,
                ];
                let request = requests[usize::from(control >> 4 & 3)];
                // Whatever it cannot do now it refuses.
                let _ = pair.members[device].handle_request(pair.now, request);
            }
        }
        pair.exchange();
    }
});

impl Pair {
    fn new(control: u8) -> Self {
        let now = Timestamp::from_secs(1_000);
        let is_active_active = control & 1 != 0;
        let members = [0, 1].map(|device| {
            let mut member = Member::new(now, settings(device, is_active_active, control));
            HaLinkId::ALL.into_iter().for_each(|link| member.handle_link(now, link, true));
            member
        });
        let mut pair =
            Self { members, now, arrived: Vec::new(), is_trusting: control & 2 != 0, loses: false };
        pair.exchange();
        pair
    }

    /// Time passes for both, timer by timer.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        for _ in 0..2_000 {
            let due = self.members.iter().filter_map(Member::poll_timeout).min();
            let Some(due) = due.filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.fire();
        }
        self.now = self.now.max(end);
        self.fire();
    }

    fn fire(&mut self) {
        for member in &mut self.members {
            member.handle_timeout(self.now);
            assert!(member.poll_timeout().is_some_and(|due| due > self.now));
        }
        self.exchange();
    }

    /// What they have to say to each other, until both are silent.
    fn exchange(&mut self) {
        let mut rounds = 0;
        loop {
            let mut messages = Vec::new();
            for (device, member) in self.members.iter_mut().enumerate() {
                let outputs: Vec<_> = std::iter::from_fn(|| member.poll_output()).collect();
                assert!(outputs.len() < MOST_SAID, "{} outputs", outputs.len());
                for output in outputs {
                    match output {
                        MemberOutput::Message { link, bytes } => {
                            messages.push(Arrived { to: 1 - device, link, bytes });
                        }
                        MemberOutput::Ping { path, .. } => member.handle_path(self.now, path, true),
                        MemberOutput::State { .. } | MemberOutput::Peer { .. } | MemberOutput::Log(_) => {}
                    }
                }
            }
            messages.retain(|_| !self.loses);
            if messages.is_empty() {
                return;
            }
            rounds += 1;
            assert!(rounds < 100, "they talk for ever");
            for message in messages {
                self.members[message.to].handle_message(self.now, message.link, &message.bytes);
                self.arrived.push(message);
            }
        }
    }

    /// A message that nobody sent.
    fn strange(&mut self, device: usize, link: HaLinkId, bytes: &[u8]) {
        let is_readable = Envelope::read(bytes, VERSIONS).is_ok();
        if !is_readable {
            self.without_effect(device, link, bytes);
        } else if self.is_trusting {
            self.members[device].handle_message(self.now, link, bytes);
        }
    }

    fn pick(&self, place: u16) -> Option<&Arrived> {
        let back = usize::from(place) % self.arrived.len().max(1);
        self.arrived.iter().rev().nth(back)
    }

    fn replay(&mut self, place: u16) {
        let Some(Arrived { to, link, bytes }) = self.pick(place) else { return };
        let (to, link, bytes) = (*to, *link, bytes.clone());
        // One that believed in another start of its peer may believe in this one again.
        if !self.is_trusting {
            self.without_effect(to, link, &bytes);
        }
    }

    fn without_effect(&mut self, device: usize, link: HaLinkId, bytes: &[u8]) {
        let member = &mut self.members[device];
        // Nothing but the time.
        member.handle_heard(self.now, HaLinkId::Ha1);
        let before = picture(member);
        member.handle_message(self.now, link, bytes);
        assert_eq!(picture(member), before);
        assert_eq!(member.poll_output(), None);
    }

    fn link(&mut self, device: usize, link: HaLinkId, is_up: bool) {
        self.members[device].handle_link(self.now, link, is_up);
    }
}

/// Everything that a member would show or do, but for its counts of bad messages.
fn picture(member: &Member) -> (Status, Option<Timestamp>) {
    let mut status = member.status();
    status.unreadable_messages = 0;
    status.replayed_messages = 0;
    (status, member.poll_timeout())
}

fn settings(device: u8, is_active_active: bool, control: u8) -> Settings {
    let link = || Some(HaLink::default());
    let mut config = HighAvailability { enabled: true, group_id: 7, ..HighAvailability::default() };
    config.election.device_priority = 10 + device * (control >> 2 & 3);
    config.election.preemptive = control & 16 != 0;
    config.election.heartbeat_backup = control & 32 != 0;
    config.links.ha1 = link();
    config.links.ha1_backup = link().filter(|_| control & 64 != 0);
    config.links.ha2 = link();
    if is_active_active {
        config.mode = HaMode::ActiveActive(ActiveActive { device_id: device, ..ActiveActive::default() });
        config.links.ha3 = Some("ethernet1/8".to_owned());
    }
    let identity = Identity {
        serial: format!("00{device}"),
        ha1_mac: MacAddress([2, 0, 0, 0, 0, device]),
        ..Identity::default()
    };
    Settings { config: Arc::new(config), identity, interfaces: Vec::new() }
}
