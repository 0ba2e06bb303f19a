//! What happened around a pair: what became of its transfers, who forwarded what, what was logged.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Duration,
};

use bifrons_ha::{HaState, SystemRecord};
use bifrons_model::Timestamp;

use crate::{
    device::{Figures, Written},
    frame::{Body, Packet, Tcp, View, flag},
    host::Report,
    plan::{Plan, Talk},
    run::BEGIN,
    shadow::entry::Entry,
    switch::Mac,
    world::News,
};

/// One end of a connection.
type End = (IpAddr, u16);

/// What became of a talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// When the client began.
    pub begun: Option<Timestamp>,
    /// When the server heard of it.
    pub heard: Option<Timestamp>,
    /// When everything had come through.
    pub finished: Option<Timestamp>,
    /// Whether it was given up, or something else came than was sent.
    pub is_broken: bool,
    /// Closing records of its sessions.
    pub records: u32,
    /// When a device last forwarded something of it for the first time since it leads, by device.
    pub first_passed: [Option<Timestamp>; 2],
}

impl Fate {
    /// Whether it came through or was given up.
    pub const fn is_over(&self) -> bool {
        self.finished.is_some() || self.is_broken
    }
}

/// What a device has logged of a session that is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// When it was logged.
    pub at: Timestamp,
    /// The device that logged it.
    pub device: usize,
    /// The talk whose client opened the session, where one did.
    pub talk: Option<usize>,
    /// The session's number, the same at both devices.
    pub session: u32,
    /// When the session began.
    pub start: Timestamp,
    /// The number of the session that announced this one; 0 where none did.
    pub parent: u32,
    /// The application.
    pub application: &'static str,
    /// The rule.
    pub rule: String,
    /// What the rule said.
    pub action: &'static str,
}

/// A device is something else now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Duration,
    /// Which device.
    pub device: usize,
    /// What it is; `None` where it is gone.
    pub state: Option<HaState>,
}

/// What happened.
#[derive(Debug, Default)]
pub struct History {
    /// By talk.
    pub fates: BTreeMap<usize, Fate>,
    /// How many of them are over.
    pub over: usize,
    /// What the devices were, from the beginning.
    pub changes: Vec<Change>,
    /// The system logs of the devices: how long after the beginning, and whose.
    pub system_log: Vec<(Duration, usize, SystemRecord)>,
    /// Closing records: which device wrote them.
    pub records: Vec<(usize, Entry)>,
    /// The same records: what became of the sessions.
    pub judgements: Vec<Judgement>,
    /// The first device whose counters did not account for every frame.
    pub unaccounted: Option<usize>,
    /// The clients' addresses, by talk.
    clients: HashMap<usize, IpAddr>,
    /// Who speaks from an end, as the client's side knows it.
    inside: HashMap<End, usize>,
    /// Who speaks from an end, as the server's side knows it.
    outside: HashMap<End, usize>,
    /// Openings on their way through a device: the server and the sequence number.
    openings: HashMap<(End, u32), usize>,
    /// The addresses of hosts whose segments are counted, by their numbers in the world.
    macs: Vec<Option<Mac>>,
    /// TCP segments that hosts sent, less those that arrived.
    on_the_way: HashMap<Segment, i64>,
    states: [Option<HaState>; 2],
}

/// What stays of a segment whatever is translated: its numbers, flags and payload.
type Segment = (u32, u32, u8, usize, u64);

impl History {
    pub(super) fn new(plan: &Plan, macs: Vec<Option<Mac>>) -> Self {
        let client = |talk: &Talk| {
            let addresses = plan.addresses(talk.client.0, talk.client.1);
            if talk.is_v6 { IpAddr::V6(addresses.v6) } else { IpAddr::V4(addresses.v4) }
        };
        let clients = plan.talks().map(|(_, talk)| (talk.number, client(talk))).collect();
        Self { clients, macs, ..Self::default() }
    }

    /// A talk that the plan does not have begins with a client that has this address.
    pub fn expect(&mut self, talk: usize, client: IpAddr) {
        self.clients.insert(talk, client);
    }

    /// Talks that have come through.
    pub fn finished(&self) -> usize {
        self.fates.values().filter(|fate| fate.finished.is_some() && !fate.is_broken).count()
    }

    /// When a device first was `state` from `since` on.
    pub fn first(&self, device: usize, state: HaState, since: Duration) -> Option<Duration> {
        let mut changes = self.changes.iter().filter(|change| change.at >= since && change.device == device);
        changes.find(|change| change.state == Some(state)).map(|change| change.at)
    }

    /// Segments that hosts sent and that arrived nowhere. Only where everything is told.
    pub fn segments_lost(&self) -> u64 {
        self.on_the_way.values().filter_map(|balance| u64::try_from(*balance).ok()).sum()
    }

    /// From now on what a device forwards counts as first.
    pub fn watch_for_first(&mut self, device: usize) {
        for fate in self.fates.values_mut() {
            fate.first_passed[device] = None;
        }
    }

    pub(super) fn gone(&mut self, now: Timestamp, device: usize) {
        self.change(now, device, None);
    }

    /// Takes note; a device that has done all that it had to do is to be asked how it is.
    pub(super) fn take(&mut self, now: Timestamp, news: &News, zones: usize) -> Option<usize> {
        match news {
            News::Reported { report, .. } => self.reported(now, report),
            News::Enters { port: 0, view, .. } => self.enters(view),
            News::Leaves { device, port, view, .. } if *port < zones => {
                self.leaves(now, *device, *port, view);
            }
            News::Enters { .. } | News::Leaves { .. } => {}
            News::Logged { device, written } => self.logged(now, *device, written),
            News::Settled { device } => return Some(*device),
            News::HostSent { host, bytes } => {
                let view = View::of(bytes);
                self.count(&view, (*host, view.source), 1);
            }
            News::HostGot { host, bytes } => {
                let view = View::of(bytes);
                self.count(&view, (*host, view.destination), -1);
            }
        }
        None
    }

    pub(super) fn settled(
        &mut self,
        now: Timestamp,
        device: usize,
        state: Option<HaState>,
        figures: &Figures,
        log: Vec<SystemRecord>,
    ) {
        if !figures.is_conserved() {
            self.unaccounted.get_or_insert(device);
        }
        self.change(now, device, state);
        self.system_log.extend(log.into_iter().map(|record| (now.since(BEGIN), device, record)));
    }

    fn change(&mut self, now: Timestamp, device: usize, state: Option<HaState>) {
        if let Some(known) = self.states.get_mut(device).filter(|known| **known != state) {
            *known = state;
            self.changes.push(Change { at: now.since(BEGIN), device, state });
        }
    }

    fn reported(&mut self, now: Timestamp, report: &Report) {
        let (talk, note): (_, fn(&mut Fate, Timestamp)) = match report {
            Report::Begun { talk, port } => {
                if let Some(address) = self.clients.get(talk) {
                    self.inside.insert((*address, *port), *talk);
                }
                (talk, |fate, now| fate.begun = Some(now))
            }
            Report::Heard { talk } => (talk, |fate, now| fate.heard = Some(now)),
            Report::Finished { talk } | Report::Answered { talk, .. } => {
                (talk, |fate, now| fate.finished = Some(now))
            }
            Report::Failed { talk, .. } | Report::Wrong { talk, .. } => {
                (talk, |fate, _| fate.is_broken = true)
            }
        };
        let fate = self.fates.entry(*talk).or_default();
        let was_over = fate.is_over();
        note(fate, now);
        self.over += usize::from(fate.is_over() && !was_over);
    }

    /// A frame comes from the clients' zone.
    fn enters(&mut self, view: &View) {
        let Some((packet, segment)) = tcp(view).filter(|(_, segment)| is_opening(segment)) else { return };
        if let Some(talk) = self.inside.get(&(packet.source, segment.source)) {
            let server = (packet.destination, segment.destination);
            self.openings.insert((server, segment.sequence), *talk);
        }
    }

    /// A device forwards a frame, or sends one of its own.
    fn leaves(&mut self, now: Timestamp, device: usize, port: usize, view: &View) {
        let Some((packet, segment)) = tcp(view) else { return };
        let from = (packet.source, segment.source);
        let to = (packet.destination, segment.destination);
        if port != 0
            && is_opening(segment)
            && let Some(talk) = self.openings.get(&(to, segment.sequence))
        {
            self.outside.insert(from, *talk);
        }
        let talk = if port == 0 { self.inside.get(&to) } else { self.outside.get(&from) };
        if let Some(fate) = talk.and_then(|talk| self.fates.get_mut(talk)) {
            fate.first_passed[device].get_or_insert(now);
        }
    }

    fn logged(&mut self, now: Timestamp, device: usize, written: &Written) {
        let entry = Entry::of(written);
        if !entry.is_closing {
            return;
        }
        let talk = self.inside.get(&entry.source).copied();
        if let Some(fate) = talk.and_then(|talk| self.fates.get_mut(&talk)) {
            fate.records += 1;
        }
        let Written { record, names } = written;
        self.judgements.push(Judgement {
            at: now,
            device,
            talk,
            session: record.session_id.0,
            start: record.start,
            parent: record.parent_session.0,
            application: bifrons_catalog::name(record.app),
            rule: names.rule(record.rule).to_owned(),
            action: record.action.name(),
        });
        self.records.push((device, entry));
    }

    /// Counts a segment of a host; one that a switch brought to somebody else too counts there.
    fn count(&mut self, view: &View, (host, mac): (usize, Mac), change: i64) {
        if self.macs.get(host) == Some(&Some(mac))
            && let Some((packet, segment)) = tcp(view)
        {
            let Tcp { sequence, acknowledgement, flags, .. } = *segment;
            let key = (sequence, acknowledgement, flags, packet.payload_length, packet.payload);
            *self.on_the_way.entry(key).or_default() += change;
        }
    }
}

fn tcp(view: &View) -> Option<(&Packet, &Tcp)> {
    let packet = view.packet()?;
    match &packet.body {
        Body::Tcp(segment) => Some((packet, segment)),
        Body::Udp(..) | Body::Icmp { .. } | Body::Neighbor { .. } | Body::Other => None,
    }
}

const fn is_opening(segment: &Tcp) -> bool {
    segment.flags & (flag::SYN | flag::ACK) == flag::SYN
}
