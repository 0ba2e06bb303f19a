//! `cargo xtask bench [NAME…]`: how fast the engine is and how much memory it takes, one line a figure:
//! `name value unit`.
//!
//! Values are medians of five runs on one core of a generic x86-64 build; the spread goes to standard
//! error. Frames are synthetic and lie in the second-level cache when the worker gets them, as they do
//! behind a network card that writes into the cache; making them is not timed. The worker runs the default
//! (strict) configuration with one rule: checksums are verified, TCP is tracked with windows, volumes are
//! counted. What is said of logs and of a join counts the time for which the thread had a processor.
#![allow(clippy::disallowed_types, reason = "a bench reads the clock")]

mod established;
mod fib;
mod frames;
mod log_explain;
mod log_lines;
mod log_store;
mod memory;
mod new_sessions;
mod pair;
mod policy;
mod replay;
mod simulator;
mod streams;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bifrons_sim::pair::Profile;

use frames::Network;
use log_explain::Output;

/// How often each figure is measured.
const RUNS: usize = 5;

/// One figure.
struct Bench {
    name: &'static str,
    unit: &'static str,
    run: fn(&Path) -> Result<f64>,
    /// Filled memory and large files are measured once: they do not vary.
    runs: usize,
}

const BENCHES: &[Bench] = &[
    timed("established_10k_b32_ns_per_packet", "ns", |_| established::measure(10_000, 32, Network::Plain)),
    timed("established_10k_b1_ns_per_packet", "ns", |_| established::measure(10_000, 1, Network::Plain)),
    timed("established_1m_b32_ns_per_packet", "ns", |_| established::measure(1_000_000, 32, Network::Plain)),
    timed("established_ha_1m_b32_ns_per_packet", "ns", |_| established::measure_mirrored(1_000_000, 32)),
    timed("established_1m_b1_ns_per_packet", "ns", |_| established::measure(1_000_000, 1, Network::Plain)),
    timed("established_10m_b32_ns_per_packet", "ns", |_| {
        established::measure(10_000_000, 32, Network::Plain)
    }),
    timed("established_10m_b1_ns_per_packet", "ns", |_| established::measure(10_000_000, 1, Network::Plain)),
    timed("established_routed_1m_b32_ns_per_packet", "ns", |_| {
        established::measure(1_000_000, 32, Network::Routed)
    }),
    timed("established_nat_1m_b32_ns_per_packet", "ns", |_| {
        established::measure(1_000_000, 32, Network::Translated)
    }),
    timed("new_sessions_per_second", "1/s", |_| new_sessions::measure(new_sessions::Kind::Tcp)),
    timed("new_udp_sessions_per_second", "1/s", |_| new_sessions::measure(new_sessions::Kind::Udp)),
    timed("sync_events_per_second", "1/s", |_| Ok(pair::events()?.at_both)),
    timed("sync_send_events_per_second", "1/s", |_| Ok(pair::events()?.at_sender)),
    once("sync_bytes_per_session", "B", |_| pair::bytes_per_session()),
    timed("sync_join_1m_ms", "ms", |_| pair::join(1_000_000)),
    once("bytes_per_session_1m", "B", |_| memory::measure(1_000_000)),
    once("bytes_per_session_10m", "B", |_| memory::measure(10_000_000)),
    timed("reassembly_inspect_megabytes_per_second", "MB/s", |_| streams::measure()),
    timed("replay_packets_per_second", "1/s", |root| Ok(replay::measure(root)?.packets_per_second)),
    timed("replay_megabytes_per_second", "MB/s", |root| Ok(replay::measure(root)?.megabytes_per_second)),
    once("replay_resident_megabytes", "MB", |root| Ok(replay::measure(root)?.resident_megabytes)),
    timed("sim_device_hours_per_hour", "h", |_| simulator::measure()),
    timed("sim_pair_hours_per_hour", "h", |_| simulator::measure_pair(Profile::Recommended)),
    timed("sim_fast_pair_hours_per_hour", "h", |_| simulator::measure_pair(Profile::Fast)),
    timed("policy_lookup_10k_ns", "ns", |_| policy::lookup(10_000)),
    timed("policy_lookup_100k_ns", "ns", |_| policy::lookup(100_000)),
    timed("fib_lookup_1m_ns", "ns", |_| fib::lookup()),
    timed("log_parse_records_per_second", "1/s", |_| log_lines::parse()),
    timed("log_parse_explain_records_per_second", "1/s", |_| log_explain::measure(Output::Explanation)),
    timed("log_parse_explain_json_records_per_second", "1/s", |_| log_explain::measure(Output::Json)),
    timed("log_parse_explain_summary_records_per_second", "1/s", |_| log_explain::measure(Output::Pile)),
    timed("policy_compile_swap_100k_ms", "ms", |_| policy::compile_and_swap()),
    timed("log_write_records_per_second", "1/s", |root| Ok(log_store::write(root)?.records_per_second)),
    once("log_bytes_per_record", "B", |root| Ok(log_store::write(root)?.bytes_per_record)),
    timed("log_query_rows_per_second", "1/s", |root| log_store::query(root, true)),
    timed("log_count_rows_per_second", "1/s", |root| log_store::query(root, false)),
];

const fn timed(name: &'static str, unit: &'static str, run: fn(&Path) -> Result<f64>) -> Bench {
    Bench { name, unit, run, runs: RUNS }
}

const fn once(name: &'static str, unit: &'static str, run: fn(&Path) -> Result<f64>) -> Bench {
    Bench { name, unit, run, runs: 1 }
}

/// Runs the figures called `names`, or all.
pub fn run(root: &Path, names: &[&str]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| BENCHES.iter().all(|bench| bench.name != **name)) {
        let known: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
        bail!("no figure is called {unknown}; there are:\n  {}", known.join("\n  "));
    }
    for bench in BENCHES.iter().filter(|bench| names.is_empty() || names.contains(&bench.name)) {
        let mut values = Vec::new();
        for _ in 0..bench.runs {
            values.push(measure_apart(root, bench)?);
        }
        values.sort_by(f64::total_cmp);
        let median = values[values.len() / 2];
        println!("{} {} {}", bench.name, decimal(median), bench.unit);
        if let [first, .., last] = values.as_slice() {
            eprintln!("  {}: {} to {}", bench.name, decimal(*first), decimal(*last));
        }
    }
    Ok(())
}

/// Each run has a process of its own: memory starts empty, and no run profits from the one before.
fn measure_apart(root: &Path, bench: &Bench) -> Result<f64> {
    const ALONE: &str = "BIFRONS_BENCH_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return (bench.run)(root);
    }
    let output = std::process::Command::new(std::env::current_exe()?)
        .args(["bench-once", bench.name])
        .env(ALONE, "1")
        .stderr(std::process::Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().parse() {
        Ok(value) if output.status.success() => Ok(value),
        _ => bail!("{}: the run failed: {text}", bench.name),
    }
}

/// One run of one figure, for `measure_apart`.
pub fn run_once(root: &Path, name: &str) -> Result<()> {
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        bail!("no figure is called {name}");
    };
    println!("{}", (bench.run)(root)?);
    Ok(())
}

/// Nanoseconds for which this thread has had a processor.
fn processor_nanos() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = text.split_whitespace().next().context("no scheduler statistics")?;
    Ok(nanos.parse()?)
}

/// A plain decimal: no exponent, one digit where it says something.
fn decimal(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
