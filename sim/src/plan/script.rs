//! A plan written down, a line for each thing, and read again.

use std::{fmt, str::FromStr, time::Duration};

use super::{
    Action, Breach, Deed, Fault, Line, PairPlan, Plan, Rule, Service, Talk, TalkKind, Topology, Verdict,
    ZonePlan, pair,
};
use crate::{
    host::{crowd::Throng, flood::Torrent, transfer::Load, udp::Questions},
    link::Quality,
    pair::Profile,
    random::nanos,
};

/// Why a script cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text}: expected {expected}")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What could stand there.
    pub expected: &'static str,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        writeln!(f, "topology {}", self.topology.name())?;
        writeln!(f, "capacity {}", self.capacity)?;
        if self.workers != 1 {
            writeln!(f, "workers {}", self.workers)?;
        }
        if self.hides {
            writeln!(f, "hide")?;
        }
        if self.adjusts {
            writeln!(f, "adjust")?;
        }
        if let Some(pair) = &self.pair {
            writeln!(f, "{pair}")?;
        }
        for zone in &self.zones {
            let quality = zone.quality;
            write!(
                f,
                "zone hosts {} mtu {} latency {} jitter {} loss {} duplicate {} reorder {} bandwidth {}",
                zone.hosts,
                zone.mtu,
                nanos(quality.latency),
                nanos(quality.jitter),
                quality.loss,
                quality.duplicate,
                quality.reorder,
                quality.bandwidth
            )?;
            match zone.tag {
                Some(tag) => writeln!(f, " tag {tag}")?,
                None => writeln!(f)?,
            }
        }
        for rule in &self.rules {
            writeln!(f, "rule {rule}")?;
        }
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Topology {
    /// As scripts and the command line spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Routed => "routed",
            Self::VirtualWire => "virtual-wire",
        }
    }

    /// The topology of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Routed, Self::VirtualWire].into_iter().find(|topology| topology.name() == name)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = |zone: Option<usize>| zone.map_or("any".to_owned(), |zone| zone.to_string());
        let verdict = match self.verdict {
            Verdict::Allow => "allow",
            Verdict::Drop => "drop",
            Verdict::ResetBoth => "reset-both",
        };
        write!(f, "{verdict} {} {} ", zone(self.from), zone(self.to))?;
        match self.service {
            Service::Any => f.write_str("any"),
            Service::Tcp(first, last) => write!(f, "tcp {first} {last}"),
            Service::Udp(first, last) => write!(f, "udp {first} {last}"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", nanos(self.at))?;
        match &self.action {
            Action::Talk(talk) => talk.fmt(f),
            Action::Commit(rules) => {
                let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
                write!(f, "commit {}", rules.join(" ; "))
            }
            Action::Commits(interval) => write!(f, "commits {}", nanos(*interval)),
            Action::Clear => f.write_str("clear"),
            Action::Fault(fault) => fault.fmt(f),
            Action::Device(device, deed) => write!(f, "device {device} {deed}"),
            Action::Between(link, breach, span) => {
                write!(f, "between {} {} {}", link.name(), breach.name(), nanos(*span))
            }
            Action::Partition(span) => write!(f, "partition {}", nanos(*span)),
        }
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Commit(rules) => {
                let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
                write!(f, "commit {}", rules.join(" ; "))
            }
            Self::Clear => f.write_str("clear"),
            Self::Suspend => f.write_str("suspend"),
            Self::Functional => f.write_str("functional"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Freeze(span) => write!(f, "freeze {}", nanos(*span)),
            Self::Stall(span) => write!(f, "stall {}", nanos(*span)),
            Self::Restart(span) => write!(f, "restart {}", nanos(*span)),
            Self::Drift(ppm) => write!(f, "drift {ppm}"),
            Self::Leap(span) => write!(f, "leap {}", nanos(*span)),
            Self::Unplug(zone, span) => write!(f, "unplug {zone} {}", nanos(*span)),
            Self::Cut { zone, inward, outward, span } => {
                write!(f, "cut {zone} {inward} {outward} {}", nanos(*span))
            }
        }
    }
}

impl fmt::Display for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((from, client), (to, server)) = (self.client, self.server);
        let family = if self.is_v6 { "ipv6" } else { "ipv4" };
        write!(f, "talk {} {from} {client} {to} {server} {family} {} ", self.number, self.port)?;
        match self.kind {
            TalkKind::Transfer(load) => {
                write!(f, "transfer {} {} {}", load.up, load.down, nanos(load.pause))
            }
            TalkKind::Ftp(is_passive, length) => write!(f, "ftp {is_passive} {length}"),
            TalkKind::Udp(asked) => {
                write!(f, "udp {} {} {}", asked.count, nanos(asked.interval), asked.length)
            }
            TalkKind::Ping(asked) => {
                write!(f, "ping {} {} {}", asked.count, nanos(asked.interval), asked.length)
            }
            TalkKind::Crowd(throng) => {
                let (least, most) = throng.requests;
                write!(f, "crowd {} {} {least} {most}", throng.count, nanos(throng.interval))
            }
            TalkKind::Flood(torrent) => write!(f, "flood {} {}", torrent.count, nanos(torrent.interval)),
        }
    }
}

/// The words of a line, one after the other.
struct Words<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn read<T: FromStr>(&mut self) -> Option<T> {
        self.word()?.parse().ok()
    }

    fn span(&mut self) -> Option<Duration> {
        self.read().map(Duration::from_nanos)
    }

    /// A number behind its name.
    fn named<T: FromStr>(&mut self, name: &str) -> Option<T> {
        if self.word()? == name { self.read() } else { None }
    }

    fn zone(&mut self) -> Option<Option<usize>> {
        match self.word()? {
            "any" => Some(None),
            number => number.parse().ok().map(Some),
        }
    }
}

impl Plan {
    /// Reads a script.
    ///
    /// # Errors
    /// The first line that means nothing.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut plan = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mistake = |expected| ScriptError { line: number, text: line.to_owned(), expected };
            plan.read_line(line).map_err(mistake)?;
        }
        let error = |text: &str, expected| ScriptError { line: 0, text: text.to_owned(), expected };
        if !(2..=super::ZONES.len()).contains(&plan.zones.len()) {
            return Err(error("zones", "two or three lines `zone …`"));
        }
        let is_known = |(zone, _): (usize, usize)| zone < plan.zones.len();
        if plan.talks().any(|(_, talk)| !is_known(talk.client) || !is_known(talk.server)) {
            return Err(error("talk", "zones that there are"));
        }
        Ok(plan)
    }

    fn read_line(&mut self, line: &str) -> Result<(), &'static str> {
        let mut words = Words(line.split_whitespace());
        let first = words.word().unwrap_or_default();
        match first {
            "seed" => self.seed = words.read().ok_or("seed NUMBER")?,
            "topology" => {
                let name = words.word().unwrap_or_default();
                self.topology = Topology::from_name(name).ok_or("topology routed|virtual-wire")?;
            }
            "capacity" => self.capacity = words.read().ok_or("capacity NUMBER")?,
            "workers" => self.workers = words.read().ok_or("workers NUMBER")?,
            "hide" => self.hides = true,
            "adjust" => self.adjusts = true,
            "pair" => self.pair = Some(read_pair(&mut words).ok_or(PAIR)?),
            "zone" => self.zones.push(read_zone(&mut words).ok_or(
                "zone hosts N mtu N latency NS jitter NS loss N duplicate N reorder N bandwidth N [tag N]",
            )?),
            "rule" => self.rules.push(read_rule(&mut words).ok_or(RULE)?),
            time => {
                let at = time.parse().map(Duration::from_nanos).map_err(|_| "a time in nanoseconds")?;
                let action = read_action(&mut words)?;
                self.lines.push(Line { at, action });
            }
        }
        if words.word().is_some() { Err("the end of the line") } else { Ok(()) }
    }
}

const PAIR: &str = "pair PROFILE mode MODE monitors BOOL links LINK,… latency NS jitter NS loss N \
                    duplicate N reorder N mtu N bandwidth N [passive-ports down]";
const RULE: &str = "allow|drop|reset-both FROM TO any|tcp FIRST LAST|udp FIRST LAST";

fn read_zone(words: &mut Words<'_>) -> Option<ZonePlan> {
    let hosts = words.named("hosts")?;
    let mtu = words.named("mtu")?;
    let latency = words.named("latency").map(Duration::from_nanos)?;
    let jitter = words.named("jitter").map(Duration::from_nanos)?;
    let loss = words.named("loss")?;
    let duplicate = words.named("duplicate")?;
    let reorder = words.named("reorder")?;
    let bandwidth = words.named("bandwidth")?;
    let quality = Quality { latency, jitter, loss, duplicate, reorder, mtu, bandwidth };
    let tag = match words.word() {
        Some("tag") => Some(words.read()?),
        Some(_) => return None,
        None => None,
    };
    Some(ZonePlan { hosts, quality, mtu, tag })
}

fn read_rule(words: &mut Words<'_>) -> Option<Rule> {
    let verdict = match words.word()? {
        "allow" => Verdict::Allow,
        "drop" => Verdict::Drop,
        "reset-both" => Verdict::ResetBoth,
        _ => return None,
    };
    let (from, to) = (words.zone()?, words.zone()?);
    let service = match words.word()? {
        "any" => Service::Any,
        "tcp" => Service::Tcp(words.read()?, words.read()?),
        "udp" => Service::Udp(words.read()?, words.read()?),
        _ => return None,
    };
    Some(Rule { from, to, service, verdict })
}

fn read_action(words: &mut Words<'_>) -> Result<Action, &'static str> {
    let expected = "talk, commit, clear, a fault, or what happens to a pair";
    match words.word().unwrap_or_default() {
        "talk" => {
            read_talk(words).map(Action::Talk).ok_or("talk NUMBER FROM HOST TO HOST FAMILY PORT KIND …")
        }
        "commit" => read_rules(words).map(Action::Commit).ok_or(RULE),
        "commits" => {
            let interval = words.span().filter(|interval| !interval.is_zero());
            interval.map(Action::Commits).ok_or("commits INTERVAL")
        }
        "clear" => Ok(Action::Clear),
        "device" => read_deed(words).ok_or("device 0|1 FAULT …|commit RULES|clear|suspend|functional"),
        "between" => read_breach(words).ok_or("between LINK cut-both|cut-from-0|cut-from-1|pull SPAN"),
        "partition" => words.span().map(Action::Partition).ok_or("partition SPAN"),
        fault => match read_fault(fault, words) {
            Some(fault) => fault.map(Action::Fault).ok_or("a fault and its numbers"),
            None => Err(expected),
        },
    }
}

/// A fault of this name; `None` where there is no such name.
fn read_fault(name: &str, words: &mut Words<'_>) -> Option<Option<Fault>> {
    match name {
        "freeze" => Some(words.span().map(Fault::Freeze)),
        "stall" => Some(words.span().map(Fault::Stall)),
        "restart" => Some(words.span().map(Fault::Restart)),
        "drift" => Some(words.read().map(Fault::Drift)),
        "leap" => Some(words.span().map(Fault::Leap)),
        "unplug" => Some(words.read().and_then(|zone| Some(Fault::Unplug(zone, words.span()?)))),
        "cut" => Some(read_cut(words)),
        _ => None,
    }
}

/// Rules to the end of the line.
fn read_rules(words: &mut Words<'_>) -> Option<Vec<Rule>> {
    let rest: Vec<&str> = words.0.by_ref().collect();
    let rules = rest.split(|word| *word == ";").filter(|words| !words.is_empty());
    rules.map(|words| read_rule(&mut Words(words.join(" ").split_whitespace()))).collect()
}

fn read_deed(words: &mut Words<'_>) -> Option<Action> {
    let device = words.read().filter(|device| *device < 2)?;
    let deed = match words.word()? {
        "commit" => Deed::Commit(read_rules(words)?),
        "clear" => Deed::Clear,
        "suspend" => Deed::Suspend,
        "functional" => Deed::Functional,
        fault => Deed::Fault(read_fault(fault, words)??),
    };
    Some(Action::Device(device, deed))
}

fn read_breach(words: &mut Words<'_>) -> Option<Action> {
    let link = pair::link(words.word()?)?;
    Some(Action::Between(link, Breach::from_name(words.word()?)?, words.span()?))
}

fn read_pair(words: &mut Words<'_>) -> Option<PairPlan> {
    let profile = Profile::from_name(words.word()?)?;
    let mode: String = words.named("mode")?;
    let combination = PairPlan::combination(&mode)?;
    let monitors = words.named("monitors")?;
    let links: String = words.named("links")?;
    let links = links.split(',').map(pair::link).collect::<Option<Vec<_>>>()?;
    let latency = words.named("latency").map(Duration::from_nanos)?;
    let jitter = words.named("jitter").map(Duration::from_nanos)?;
    let loss = words.named("loss")?;
    let duplicate = words.named("duplicate")?;
    let reorder = words.named("reorder")?;
    let mtu = words.named("mtu")?;
    let bandwidth = words.named("bandwidth")?;
    let quality = Quality { latency, jitter, loss, duplicate, reorder, mtu, bandwidth };
    let is_dark = match words.word() {
        Some("passive-ports") => words.word()? == "down",
        Some(_) => return None,
        None => false,
    };
    Some(PairPlan { profile, combination, links, quality, monitors, is_dark })
}

fn read_cut(words: &mut Words<'_>) -> Option<Fault> {
    let (zone, inward, outward) = (words.read()?, words.read()?, words.read()?);
    Some(Fault::Cut { zone, inward, outward, span: words.span()? })
}

fn read_talk(words: &mut Words<'_>) -> Option<Talk> {
    let number = words.read()?;
    let client = (words.read()?, words.read()?);
    let server = (words.read()?, words.read()?);
    let is_v6 = words.word()? == "ipv6";
    let port = words.read()?;
    let kind = match words.word()? {
        "transfer" => {
            TalkKind::Transfer(Load { up: words.read()?, down: words.read()?, pause: words.span()? })
        }
        "ftp" => TalkKind::Ftp(words.read()?, words.read()?),
        "udp" => TalkKind::Udp(read_questions(words)?),
        "ping" => TalkKind::Ping(read_questions(words)?),
        "crowd" => TalkKind::Crowd(Throng {
            count: words.read()?,
            interval: words.span()?,
            requests: (words.read()?, words.read()?),
        }),
        "flood" => TalkKind::Flood(Torrent { count: words.read()?, interval: words.span()? }),
        _ => return None,
    };
    Some(Talk { number, client, server, is_v6, port, kind })
}

fn read_questions(words: &mut Words<'_>) -> Option<Questions> {
    Some(Questions { count: words.read()?, interval: words.span()?, length: words.read()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Mix;

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        for seed in 0..300 {
            let mix = Mix::ALL[seed as usize % Mix::ALL.len()];
            let plan = Plan::draw(seed, None, mix);
            assert_eq!(Plan::parse(&plan.to_string()), Ok(plan.clone()), "{plan}");
        }
    }

    #[test]
    fn what_means_nothing_is_told() {
        let zones = "zone hosts 1 mtu 1500 latency 0 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0\n";
        let told =
            |line: &str| Plan::parse(&format!("{zones}{zones}{line}")).map_err(|error| error.to_string());
        assert_eq!(told("1 freeze"), Err("line 3: 1 freeze: expected a fault and its numbers".into()));
        assert_eq!(told("soon clear"), Err("line 3: soon clear: expected a time in nanoseconds".into()));
        assert_eq!(told("1 clear all"), Err("line 3: 1 clear all: expected the end of the line".into()));
        assert!(told("1 talk 0 0 0 9 0 ipv4 80 ftp true 9").is_err());
        assert!(Plan::parse("seed 1").is_err());
    }
}
