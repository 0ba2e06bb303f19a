//! What the world knows of a firewall: frames, orders and time in; frames and records out.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bifrons_dataplane::ClearFilter;
use bifrons_ha::{HaLinkId, HaState, SoftwareVersion, StateRequest, SystemRecord, sync::SyncStatus};
use bifrons_model::{Names, Timestamp, TrafficRecord};

/// A firewall in the world. It is driven as hosts are: after each `handle_…` everything is taken from
/// `poll_output`, then `poll_timeout` says when `handle_timeout` is due.
pub trait Device: Send {
    /// Takes a frame from a port.
    fn handle_frame(&mut self, now: Timestamp, port: usize, frame: Vec<u8>);
    /// Does what an operator orders.
    ///
    /// # Errors
    /// Why it was not done.
    fn handle_order(&mut self, now: Timestamp, order: &Order) -> Result<(), String>;
    /// Does what is due.
    fn handle_timeout(&mut self, now: Timestamp);
    /// When something is due next.
    fn poll_timeout(&self) -> Option<Timestamp>;
    /// What came of it, in order.
    fn poll_output(&mut self) -> Option<DeviceOutput>;
    /// What it counts.
    fn figures(&self) -> Figures;
    /// What it dropped for which reason.
    fn drops(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
    /// Begins anew with the configuration committed last; everything else is forgotten.
    fn restart(&mut self, now: Timestamp);
    /// What it is in its pair, and how well the other device's copies follow; `None` without a pair.
    fn pair(&self) -> Option<(HaState, SyncStatus)> {
        None
    }
    /// A number over the rules that it runs, by [`crate::firewall::rules_key`]; `None` where it tells none.
    fn running(&self) -> Option<u64> {
        None
    }
    /// What it wrote to the system log of its pair since this was last asked for.
    fn take_system_log(&mut self) -> Vec<SystemRecord> {
        Vec::new()
    }
    /// How many entries of each kind it told the other device over HA2 since it began.
    fn told(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
    /// `show high-availability …`, where it knows these words.
    fn show_pair(&self, _now: Timestamp, _words: &str) -> Option<String> {
        None
    }
    /// Whether a port has no power: it sends nothing, and nothing arrives at it.
    fn is_dark(&self, _port: usize) -> bool {
        false
    }
    /// What both devices of a pair must know alike, a line for each session.
    fn shared_sessions(&self) -> BTreeSet<String> {
        BTreeSet::new()
    }
    /// What is counted of the sessions that both devices of a pair know, by their numbers.
    fn shared_counts(&self) -> BTreeMap<u32, SharedCount> {
        BTreeMap::new()
    }
}

/// What is counted of a session that both devices of a pair know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedCount {
    /// Whether the other device owns it.
    pub is_copy: bool,
    /// Packets and bytes from client to server, then from server to client.
    pub counted: [u64; 4],
}

/// What a firewall is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blueprint<'a> {
    /// Its configuration, as `set` lines.
    pub configuration: &'a str,
    /// How many ports it has.
    pub ports: usize,
    /// How many workers share its traffic.
    pub workers: usize,
    /// Its place in a pair, where it is one of two.
    pub seat: Option<Seat<'a>>,
}

/// A device's place in a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat<'a> {
    /// Which device it is: 0 or 1.
    pub device: u8,
    /// The links to the other device: its ports behind the others, in this order.
    pub links: &'a [HaLinkId],
}

/// What an operator orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// A configuration, as `set` lines, takes the place of the running one.
    Commit(String),
    /// Sessions end: those that the filter matches.
    Clear(Box<ClearFilter>),
    /// The cable of a port is pulled or plugged.
    Link {
        /// The port.
        port: usize,
        /// Whether there is a carrier.
        up: bool,
    },
    /// `request high-availability state …`
    Pair(StateRequest),
    /// Software of another version is installed: it runs from the next start on.
    Install(SoftwareVersion),
}

/// What a firewall lets out.
#[derive(Clone, Debug)]
pub enum DeviceOutput {
    /// A frame onto a port's link.
    Frame {
        /// The port.
        port: usize,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A line for the traffic log.
    Record(Box<Written>),
}

/// A record and the words of the configuration under which it was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The record.
    pub record: TrafficRecord,
    /// What its numbers are called.
    pub names: Arc<Names>,
}

impl Written {
    /// The record in one line.
    pub fn text(&self) -> String {
        let Self { record, names } = self;
        let mut text = format!(
            "{} {} > {} protocol {} rule {} action {} reason {} tracker \"{}\" sent {}/{} received {}/{}",
            record.subtype.name(),
            end(record.source, record.source_port),
            end(record.destination, record.destination_port),
            record.protocol,
            names.rule(record.rule),
            record.action.name(),
            record.end_reason.name(),
            record.tracker.name(),
            record.sent.packets,
            record.sent.bytes,
            record.received.packets,
            record.received.bytes,
        );
        if let Some(translation) = &record.translation {
            let from = end(translation.source, translation.source_port);
            let to = end(translation.destination, translation.destination_port);
            let _ = write!(text, " nat {from} > {to}");
        }
        text
    }
}

fn end(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address, port)
}

/// What a firewall counts, as its operator would see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Frames that came in.
    pub received: u64,
    /// Frames that were forwarded.
    pub transmitted: u64,
    /// Frames that were dropped, for any reason.
    pub dropped: u64,
    /// Frames that wait: fragments, packets whose next hop is not known yet.
    pub held: u64,
    /// Frames for the firewall itself.
    pub own: u64,
    /// Frames that went to the other device of a pair.
    pub to_peer: u64,
    /// Frames that it made itself.
    pub emitted: u64,
    /// Sessions at the moment.
    pub sessions: u64,
    /// Sessions that there may be.
    pub capacity: u64,
    /// Sessions that there was no room for.
    pub refused: u64,
}

impl Figures {
    /// Whether every frame has one fate.
    pub const fn is_conserved(&self) -> bool {
        self.received == self.transmitted + self.dropped + self.held + self.own + self.to_peer
    }
}

/// The simplest device: a cable between each even port and the next.
#[derive(Debug, Default)]
pub struct Cable {
    out: VecDeque<(usize, Vec<u8>)>,
    passed: u64,
}

impl Device for Cable {
    fn handle_frame(&mut self, _: Timestamp, port: usize, frame: Vec<u8>) {
        self.out.push_back((port ^ 1, frame));
        self.passed += 1;
    }

    fn handle_order(&mut self, _: Timestamp, order: &Order) -> Result<(), String> {
        Err(format!("a cable takes no orders: {order:?}"))
    }

    fn handle_timeout(&mut self, _: Timestamp) {}

    fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    fn poll_output(&mut self) -> Option<DeviceOutput> {
        self.out.pop_front().map(|(port, bytes)| DeviceOutput::Frame { port, bytes })
    }

    fn figures(&self) -> Figures {
        Figures { received: self.passed, transmitted: self.passed, ..Figures::default() }
    }

    fn restart(&mut self, _: Timestamp) {
        *self = Self::default();
    }
}
