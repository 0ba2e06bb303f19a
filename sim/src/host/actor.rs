//! A light host that says given lines at given times: TCP segments whose numbers somebody chose.

use std::{collections::VecDeque, net::Ipv4Addr, time::Duration};

use bifrons_model::Timestamp;

use super::{Addresses, Host, HostOutput, crowd::Footing};
use crate::frame::{
    Tcp, View,
    build::{self, Ends},
};

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it is sent.
    pub at: Timestamp,
    /// Its header.
    pub header: Tcp,
    /// How many bytes it carries.
    pub payload: usize,
}

/// How long an answer of a neighbor is waited for.
const PATIENCE: Duration = Duration::from_millis(10);

/// Plays a part.
pub struct Actor {
    footing: Footing,
    peer: Ipv4Addr,
    cues: VecDeque<Cue>,
}

impl Actor {
    /// Says `cues` to `peer`, in the order of their times. It asks for its neighbor
    /// when it is first called.
    pub fn new(addresses: &Addresses, peer: Ipv4Addr, mut cues: Vec<Cue>) -> Self {
        cues.sort_by_key(|cue| cue.at);
        Self { footing: Footing::new(addresses, peer), peer, cues: cues.into() }
    }
}

impl Host for Actor {
    fn handle_frame(&mut self, _: Timestamp, frame: &[u8]) {
        self.footing.handle_arp(&View::of(frame));
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        if self.cues.is_empty() {
            return;
        }
        let Some(to) = self.footing.neighbor(now) else { return };
        while let Some(cue) = self.cues.pop_front_if(|cue| cue.at <= now) {
            let ends =
                Ends { from: self.footing.mac, to, source: self.footing.address, destination: self.peer };
            self.footing.out.push_back(build::tcp(&ends, &cue.header, cue.payload));
        }
    }

    fn poll_timeout(&mut self, now: Timestamp) -> Option<Timestamp> {
        // A line that is late waits for the neighbor's answer.
        self.cues.front().map(|cue| if cue.at > now { cue.at } else { now + PATIENCE })
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        self.footing.out.pop_front().map(HostOutput::Frame)
    }
}
