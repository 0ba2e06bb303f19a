//! SYNs from addresses that do not exist, as many as the network carries.

use std::{collections::VecDeque, net::Ipv4Addr, time::Duration};

use bifrons_model::Timestamp;

use super::{Addresses, Host, HostOutput, Report, crowd::Footing};
use crate::{
    frame::{
        View,
        build::{self, Ends},
        flag,
    },
    random::Random,
};

/// How many SYNs, how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torrent {
    /// How many in all.
    pub count: u32,
    /// The time between two.
    pub interval: Duration,
}

/// The SYNs that leave in one moment at most: time between two may be less than is worth a wake.
const AT_ONCE: u32 = 64;

/// Floods a server.
pub struct Flood {
    talk: usize,
    target: (Ipv4Addr, u16),
    torrent: Torrent,
    footing: Footing,
    random: Random,
    next: Timestamp,
    sent: u32,
    reports: VecDeque<Report>,
    is_over: bool,
}

impl Flood {
    /// A flood that begins at `begin`.
    pub fn new(
        talk: usize,
        begin: Timestamp,
        addresses: &Addresses,
        target: (Ipv4Addr, u16),
        torrent: Torrent,
        seed: u64,
    ) -> Self {
        Self {
            talk,
            target,
            torrent,
            footing: Footing::new(addresses, target.0),
            random: Random::new(seed, "flood", talk as u64),
            next: begin,
            sent: 0,
            reports: VecDeque::new(),
            is_over: false,
        }
    }

    /// An address of the network for benchmarks (RFC 2544: 198.18.0.0/15), where nobody is.
    fn stranger(&mut self) -> Ipv4Addr {
        Ipv4Addr::from_bits(0xc612_0000 | self.random.below(1 << 17) as u32)
    }
}

impl Host for Flood {
    fn handle_frame(&mut self, _: Timestamp, frame: &[u8]) {
        self.footing.handle_arp(&View::of(frame));
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        if self.is_over || now < self.next {
            return;
        }
        if self.sent == 0 {
            self.reports.push_back(Report::Begun { talk: self.talk, port: 0 });
        }
        let Some(to) = self.footing.neighbor(now) else {
            self.next = now + Duration::from_millis(10);
            return;
        };
        for _ in 0..AT_ONCE.min(self.torrent.count - self.sent) {
            let ends =
                Ends { from: self.footing.mac, to, source: self.stranger(), destination: self.target.0 };
            let port = self.random.between(1_024, 65_535) as u16;
            let sequence = self.random.number() as u32;
            let header = build::header((port, self.target.1), (sequence, 0), flag::SYN);
            self.footing.out.push_back(build::tcp(&ends, &header, 0));
            self.sent += 1;
        }
        self.next = now + self.torrent.interval * AT_ONCE;
        if self.sent == self.torrent.count {
            self.is_over = true;
            self.reports.push_back(Report::Answered { talk: self.talk, sent: self.sent, answered: 0 });
        }
    }

    fn poll_timeout(&mut self, _: Timestamp) -> Option<Timestamp> {
        (!self.is_over).then_some(self.next)
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        let frame = self.footing.out.pop_front().map(HostOutput::Frame);
        frame.or_else(|| self.reports.pop_front().map(HostOutput::Report))
    }
}
