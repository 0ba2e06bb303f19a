//! A host without a mind: sends given frames at given times, whatever comes.

use std::collections::VecDeque;

use bifrons_model::Timestamp;

use super::{Host, HostOutput};

/// Plays a script.
#[derive(Debug, Default)]
pub struct Script {
    /// What is still to be sent, in the order of time.
    frames: VecDeque<(Timestamp, Vec<u8>)>,
    out: VecDeque<Vec<u8>>,
}

impl Script {
    /// A host that sends these frames; those of one moment in the order given.
    pub fn new(mut frames: Vec<(Timestamp, Vec<u8>)>) -> Self {
        frames.sort_by_key(|(at, _)| *at);
        Self { frames: frames.into(), out: VecDeque::new() }
    }
}

impl Host for Script {
    fn handle_frame(&mut self, _: Timestamp, _: &[u8]) {}

    fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((_, frame)) = self.frames.pop_front_if(|(at, _)| *at <= now) {
            self.out.push_back(frame);
        }
    }

    fn poll_timeout(&mut self, _: Timestamp) -> Option<Timestamp> {
        self.frames.front().map(|(at, _)| *at)
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        self.out.pop_front().map(HostOutput::Frame)
    }
}
