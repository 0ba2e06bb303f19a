//! The fast path: packets of established, identified TCP sessions, visited at random.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bifrons_dataplane::{Frame, Outbox, PairView, Worker};
use bifrons_model::Timestamp;

use super::frames::{self, Made, Network, Step};

/// Frames that are made, then timed, at a time.
const ROUND: usize = 1024;

/// Packets that a run times.
const PACKETS: usize = 4_000_000;

/// Simulated time between two frames.
const GAP: Duration = Duration::from_nanos(100);

/// Nanoseconds a packet with `sessions` established sessions and batches of `batch`: from the frame's bytes
/// to its verdict, half of the frames in each direction.
pub fn measure(sessions: u32, batch: usize, network: Network) -> Result<f64> {
    measure_with(frames::worker(sessions, network)?, sessions, batch, network)
}

/// The same of a worker that tells another device of its sessions.
pub fn measure_mirrored(sessions: u32, batch: usize) -> Result<f64> {
    let mut worker = frames::worker(sessions, Network::Plain)?;
    worker.set_pair_view(PairView::ACTIVE);
    measure_with(worker, sessions, batch, Network::Plain)
}

fn measure_with(mut worker: Worker, sessions: u32, batch: usize, network: Network) -> Result<f64> {
    let mut outbox = Outbox::default();
    let mut now = frames::START;
    fill(&mut worker, sessions, network, &mut now, &mut outbox);
    ensure!(
        worker.sessions().len() == sessions as usize,
        "only {} sessions were made",
        worker.sessions().len()
    );
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut round: Vec<Made> = vec![Made::empty(network); ROUND];
    let mut spent = Duration::ZERO;
    for _ in 0..PACKETS / ROUND {
        for made in &mut round {
            let pick = random.next();
            let step = if pick & 1 == 0 { Step::ClientData } else { Step::ServerData };
            let number = (((pick >> 32) * u64::from(sessions)) >> 32) as u32;
            now += GAP;
            frames::write(made, number, step, now);
        }
        let mut batch_frames: Vec<Frame<'_>> = round.iter_mut().map(Made::frame).collect();
        let began = Instant::now();
        for frames in batch_frames.chunks_mut(batch) {
            let latest = frames.last().map_or(now, |frame| frame.arrival);
            worker.process(latest, frames, &mut outbox);
        }
        spent += began.elapsed();
        outbox.clear();
    }
    let counters = worker.counters();
    ensure!(counters.dropped_total() == 0, "packets were dropped: {:?}", counters.dropped);
    let is_translated = counters.translated == counters.transmitted;
    ensure!(is_translated == (network == Network::Translated), "{} were translated", counters.translated);
    Ok(spent.as_nanos() as f64 / (PACKETS / ROUND * ROUND) as f64)
}

/// Opens sessions 0 to `sessions - 1` and lets their application be identified.
pub fn fill(worker: &mut Worker, sessions: u32, network: Network, now: &mut Timestamp, outbox: &mut Outbox) {
    const TOGETHER: u32 = 256;
    let mut round: Vec<Made> = vec![Made::empty(network); TOGETHER as usize];
    for first in (0..sessions).step_by(TOGETHER as usize) {
        let count = TOGETHER.min(sessions - first);
        for step in Step::OPENING {
            for place in 0..count {
                *now += GAP;
                frames::write(&mut round[place as usize], first + place, step, *now);
            }
            let mut together: Vec<Frame<'_>> =
                round.iter_mut().take(count as usize).map(Made::frame).collect();
            // Few enough packets that those for one new neighbor all find a place to wait.
            for few in together.chunks_mut(8) {
                worker.process(*now, few, outbox);
                frames::resolve(worker, outbox);
                outbox.clear();
            }
        }
    }
}

/// A small generator, the same numbers in each run (Marsaglia's xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
