//! `--stats`: what was counted, as JSON.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use bifrons_dataplane::Counters;
use bifrons_model::{DropReason, Timestamp};
use bifrons_policy::{Policy, RuleHits};
use serde_json::{Value, json};

/// Totals over all captures of a run.
#[derive(Default)]
pub struct Stats {
    total: Counters,
    files: Vec<Value>,
    elapsed: Duration,
    /// By rule number, those of all captures together.
    hits: Vec<RuleHits>,
}

impl Stats {
    /// Adds how often rules were used in one capture.
    pub fn add_hits(&mut self, hits: &[RuleHits]) {
        self.hits.resize(self.hits.len().max(hits.len()), RuleHits::default());
        for (total, one) in self.hits.iter_mut().zip(hits) {
            total.merge(one);
        }
    }

    /// Adds one capture's counters.
    pub fn add(&mut self, name: &str, counters: &Counters, elapsed: Duration, error: Option<&str>) {
        sum(&mut self.total, counters);
        self.elapsed += elapsed;
        self.files.push(json!({
            "pcap": name,
            "packets": counters.received,
            "sessions": counters.sessions_created,
            "seconds": elapsed.as_secs_f64(),
            "error": error,
        }));
    }

    /// Writes the file.
    pub fn write(&self, path: &Path, policy: &Policy) -> anyhow::Result<()> {
        let text = format!("{:#}\n", self.to_json(policy));
        std::fs::write(path, text)
            .with_context(|| format!("cannot write the statistics to {}", path.display()))
    }

    fn to_json(&self, policy: &Policy) -> Value {
        let counters = &self.total;
        let seconds = self.elapsed.as_secs_f64();
        let rate = |amount: u64| if seconds > 0.0 { amount as f64 / seconds } else { 0.0 };
        let unused: Vec<&str> =
            policy.unused_rules(&self.hits).map(|rule| policy.names().rule(rule)).collect();
        json!({
            "packets": counters.received,
            "bytes": counters.received_bytes,
            "sessions": counters.sessions_created,
            "seconds": seconds,
            "packets_per_second": rate(counters.received),
            "bytes_per_second": rate(counters.received_bytes),
            "sessions_ended": counters.sessions_ended,
            "sessions_refused": counters.sessions_refused,
            "bypassed": counters.bypassed,
            "reassembled": counters.reassembled,
            "icmp_errors_matched": counters.icmp_errors_matched,
            "path": {"fast": counters.fast, "inspect": counters.inspected, "slow": counters.slow},
            "dropped": by_reason(&counters.dropped),
            "noticed": by_reason(&counters.noticed),
            "conservation": {
                "received": counters.received,
                "transmitted": counters.transmitted,
                "dropped": counters.dropped_total(),
                "held": counters.held,
                "holds": counters.is_conserved(),
            },
            "translated": counters.translated,
            "emitted": counters.emitted,
            "nat_exhausted": counters.nat_exhausted,
            "rules": self.rules(policy),
            "unused_rules": unused,
            "files": self.files,
        })
    }

    /// Sessions by rule, with the times of the first and the latest, in seconds since 1970.
    fn rules(&self, policy: &Policy) -> Value {
        let seconds = |time: Option<Timestamp>| time.map(|time| time.as_nanos() as f64 / 1e9);
        let used = policy.names().rules.iter().zip(&self.hits).filter(|(_, hits)| hits.count > 0);
        let row = |(name, hits): (&String, &RuleHits)| {
            let (first, last) = (seconds(hits.first), seconds(hits.last));
            (name.clone(), json!({ "hits": hits.count, "first": first, "last": last }))
        };
        Value::Object(used.map(row).collect())
    }
}

fn by_reason(table: &[u64]) -> Value {
    let row = |reason: &DropReason| (reason.name().to_owned(), json!(table.get(*reason as usize)));
    Value::Object(DropReason::ALL.iter().map(row).collect())
}

fn sum(total: &mut Counters, one: &Counters) {
    let pairs = [
        (&mut total.received, one.received),
        (&mut total.received_bytes, one.received_bytes),
        (&mut total.transmitted, one.transmitted),
        (&mut total.held, one.held),
        (&mut total.sessions_created, one.sessions_created),
        (&mut total.sessions_ended, one.sessions_ended),
        (&mut total.sessions_refused, one.sessions_refused),
        (&mut total.bypassed, one.bypassed),
        (&mut total.reassembled, one.reassembled),
        (&mut total.emitted, one.emitted),
        (&mut total.translated, one.translated),
        (&mut total.nat_exhausted, one.nat_exhausted),
        (&mut total.icmp_errors_matched, one.icmp_errors_matched),
        (&mut total.fast, one.fast),
        (&mut total.inspected, one.inspected),
        (&mut total.slow, one.slow),
    ];
    pairs.into_iter().for_each(|(sum, part)| *sum += part);
    let tables = [(&mut total.dropped, &one.dropped), (&mut total.noticed, &one.noticed)];
    for (sums, parts) in tables {
        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
    }
}
