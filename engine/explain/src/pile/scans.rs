//! Sources that try many hosts or ports and get nowhere.

use alloc::{boxed::Box, vec::Vec};

use foldhash::fast::FixedState;

use super::{
    Entry,
    bounded::{Bounded, Weighed},
    hash_of,
};
use crate::outcome::Outcome;

/// What a scanner varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanKind {
    /// Many hosts.
    Hosts,
    /// Many ports.
    Ports,
    /// Many of both.
    HostsAndPorts,
}

/// A source that looks like a scanner.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The source.
    pub src: Box<str>,
    /// What it varies.
    pub kind: ScanKind,
    /// Attempts that were not delivered.
    pub attempts: u64,
    /// At least so many different hosts; at most 512 are told apart.
    pub hosts: u32,
    /// At least so many different ports; at most 512 are told apart.
    pub ports: u32,
    /// The most attempts in one minute.
    pub most_in_a_minute: u64,
    /// When the first attempt was, in seconds since 1970.
    pub first: Option<u64>,
}

/// Different values seen: one bit for each by its hash, so their number is a lower bound.
#[derive(Clone, Copy, Default)]
struct Seen([u64; 8]);

impl Seen {
    fn add(&mut self, hash: u64) {
        if let Some(word) = self.0.get_mut((hash >> 6 & 7) as usize) {
            *word |= 1 << (hash & 63);
        }
    }

    fn count(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

struct Source {
    src: Box<str>,
    attempts: u64,
    others: u64,
    hosts: Seen,
    ports: Seen,
    minute: u64,
    in_minute: u64,
    most_in_a_minute: u64,
    first: Option<u64>,
}

impl Weighed for Source {
    fn weight(&self) -> u64 {
        self.attempts
    }
}

impl Source {
    fn new(src: &str) -> Self {
        Self {
            src: src.into(),
            attempts: 0,
            others: 0,
            hosts: Seen::default(),
            ports: Seen::default(),
            minute: 0,
            in_minute: 0,
            most_in_a_minute: 0,
            first: None,
        }
    }

    fn count(&mut self, entry: &Entry<'_>, state: &FixedState) {
        if entry.outcome != Outcome::NotDelivered {
            self.others += 1;
            return;
        }
        self.attempts += 1;
        self.hosts.add(hash_of(state, entry.dst));
        self.ports.add(hash_of(state, entry.dport));
        let Some(seconds) = entry.seconds else { return };
        self.first = Some(self.first.map_or(seconds, |first| first.min(seconds)));
        if self.minute != seconds / 60 {
            self.minute = seconds / 60;
            self.in_minute = 0;
        }
        self.in_minute += 1;
        self.most_in_a_minute = self.most_in_a_minute.max(self.in_minute);
    }

    /// A scanner meets many targets and is refused by nearly all.
    fn scan(&self) -> Option<Scan> {
        const MANY: u32 = 15;
        let (hosts, ports) = (self.hosts.count(), self.ports.count());
        let kind = match (hosts >= MANY, ports >= MANY) {
            (true, true) => ScanKind::HostsAndPorts,
            (true, false) => ScanKind::Hosts,
            (false, true) => ScanKind::Ports,
            (false, false) => return None,
        };
        (self.attempts >= self.others.saturating_mul(9)).then(|| Scan {
            src: self.src.clone(),
            kind,
            attempts: self.attempts,
            hosts,
            ports,
            most_in_a_minute: self.most_in_a_minute,
            first: self.first,
        })
    }
}

pub struct Sources(Bounded<Source>);

impl Sources {
    pub const fn new(capacity: usize) -> Self {
        Self(Bounded::new(capacity))
    }

    pub fn add(&mut self, entry: &Entry<'_>, state: &FixedState) {
        let hash = hash_of(state, entry.src);
        let source = self.0.entry(hash, |source| *source.src == *entry.src, || Source::new(entry.src));
        source.count(entry, state);
    }

    pub fn scans(&self, count: usize) -> Vec<Scan> {
        let mut scans: Vec<Scan> = self.0.iter().filter_map(Source::scan).collect();
        scans.sort_by(|one, other| other.attempts.cmp(&one.attempts).then(one.src.cmp(&other.src)));
        scans.truncate(count);
        scans
    }

    pub const fn forgotten(&self) -> u64 {
        self.0.forgotten()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::super::tests::{add, pile};
    use super::*;
    use crate::{facts::Facts, samples};

    #[test]
    fn a_scan_of_ports_and_one_of_hosts() {
        let mut pile = pile();
        for number in 0..100 {
            add(
                &mut pile,
                &Facts { src: "10.6.6.6", dport: Some(1_000 + number), ..samples::blocked_probe() },
            );
            let dst = format!("192.0.2.{number}");
            add(&mut pile, &Facts { src: "10.7.7.7", dst: &dst, ..samples::unanswered_syn() });
            add(&mut pile, &Facts { dst: &dst, ..samples::web() });
        }
        let scans = pile.scans(10);
        let told: Vec<_> = scans.iter().map(|scan| (&*scan.src, scan.kind, scan.attempts)).collect();
        assert_eq!(told, [("10.6.6.6", ScanKind::Ports, 100), ("10.7.7.7", ScanKind::Hosts, 100)]);
        assert!((70..=100).contains(&scans[0].ports), "{}", scans[0].ports);
        assert_eq!(scans[0].most_in_a_minute, 100);
    }

    #[test]
    fn one_target_is_no_scan() {
        let mut pile = pile();
        for _ in 0..100 {
            add(&mut pile, &samples::unanswered_syn());
        }
        assert!(pile.scans(10).is_empty());
    }
}
