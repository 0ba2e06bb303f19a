//! What a session costs in memory.

use anyhow::{Context as _, Result, ensure};
use bifrons_dataplane::Outbox;

use super::{established, frames, frames::Network};

/// Resident bytes a session: the growth from before the worker exists to after `sessions` established,
/// identified IPv4 sessions are in it, divided by their number. Records, index, wheel and all side tables
/// are in it.
pub fn measure(sessions: u32) -> Result<f64> {
    let before = resident_bytes()?;
    let mut worker = frames::worker(sessions, Network::Plain)?;
    let mut now = frames::START;
    established::fill(&mut worker, sessions, Network::Plain, &mut now, &mut Outbox::default());
    let after = resident_bytes()?;
    ensure!(
        worker.sessions().len() == sessions as usize,
        "only {} sessions were made",
        worker.sessions().len()
    );
    Ok((after - before) as f64 / f64::from(sessions))
}

fn resident_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS in /proc/self/status")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).context("VmRSS has no value")?.parse()?;
    Ok(kilobytes * 1024)
}
