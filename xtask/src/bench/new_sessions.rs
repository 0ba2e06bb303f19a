//! The slow path in its steady state: a million sessions live, and as many end as begin.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bifrons_dataplane::{Frame, Outbox};

use super::frames::{self, Made, Network, Step};

/// Which sessions come and go.
#[derive(Clone, Copy)]
pub enum Kind {
    /// SYN, SYN-ACK, ACK, the server's banner (which identifies the application), FIN, FIN, ACK; then
    /// time-wait runs out.
    Tcp,
    /// A DNS query and its answer; then the idle timeout runs out.
    Udp,
}

/// Sessions that live at a time in the steady state.
const LIVE: u32 = 1_000_000;

/// Sessions whose frames are interleaved: the first frame of each, then the second of each, and so on.
const TOGETHER: u32 = 256;

/// Sessions that are timed, after as many as fill the table.
const TIMED: u32 = 2_000_000;

/// Sessions a second that are created, used, closed, recorded and freed.
pub fn measure(kind: Kind) -> Result<f64> {
    let (steps, seconds_live): (&[Step], u64) = match kind {
        Kind::Tcp => (&Step::TCP_LIFE, 15),
        Kind::Udp => (&[Step::Query, Step::Answer], 30),
    };
    // The simulated pace at which the closing timer keeps `LIVE` sessions in the table.
    let gap = Duration::from_nanos(seconds_live * 1_000_000_000 / u64::from(LIVE) / steps.len() as u64);
    let mut worker = frames::worker(LIVE + LIVE / 8, Network::Plain)?;
    let mut outbox = Outbox::default();
    let mut now = frames::START;
    let mut round: Vec<Made> = vec![Made::empty(Network::Plain); TOGETHER as usize];
    let (mut spent, mut records) = (Duration::ZERO, 0);
    let (warm_up, all) = (LIVE + LIVE / 4, LIVE + LIVE / 4 + TIMED);
    for first in (0..all).step_by(TOGETHER as usize) {
        for step in steps {
            for place in 0..TOGETHER {
                now += gap;
                frames::write(&mut round[place as usize], first + place, *step, now);
            }
            let mut frames: Vec<Frame<'_>> = round.iter_mut().map(Made::frame).collect();
            let began = Instant::now();
            worker.process(now, &mut frames, &mut outbox);
            let took = began.elapsed();
            if first >= warm_up {
                spent += took;
                records += outbox.records.len();
            }
            outbox.clear();
        }
    }
    let counters = worker.counters();
    ensure!(counters.dropped_total() == 0, "packets were dropped: {:?}", counters.dropped);
    let share = records as f64 / f64::from(TIMED);
    ensure!((0.98..1.02).contains(&share), "{records} records for {TIMED} sessions: not a steady state");
    Ok(f64::from(TIMED) / spent.as_secs_f64())
}
