//! Scenario files: text to steps, expected records and expected counters.

mod fields;
mod packet;
mod record;
mod words;

use std::net::IpAddr;

use bifrons_config::typed::{AddressRange, Prefix};
use bifrons_dataplane::ClearFilter;
use bifrons_model::{AppId, DropReason, SessionId, Timestamp};
use bifrons_policy::UserMap;
use bifrons_session::State;

use crate::{
    bindings::{self, Bindings},
    frame::{Bytes, Packet},
};
use packet::Conversations;
pub use record::{ExpectedRecord, Field, show_record};
use words::Words;
pub use words::{Mistake, show_time};

/// The configuration that every scenario begins with, unless its section says `config alone`.
pub const DEFAULT_CONFIG: &str = include_str!("../../scenarios/default.set");

/// The moment that scenarios count from.
pub const ZERO: Timestamp = Timestamp::from_secs(1_700_000_000);

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name without its ending.
    pub name: String,
    /// Its first comment line.
    pub purpose: String,
    /// The whole configuration.
    pub config: String,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// The records that come of it, in order.
    pub records: Vec<ExpectedRecord>,
    /// The counters that are compared.
    pub counters: Vec<(usize, Counter, u64)>,
    /// Who is behind which address.
    pub users: UserMap,
    /// What the variables must be.
    pub variables: Vec<(usize, Variable)>,
}

/// What a port variable must be, by its placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// In this range.
    In(u16, u16, u16),
    /// Even or, with false, odd.
    Even(u16, bool),
    /// The same as, or with false, another than the second.
    Same(u16, u16, bool),
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line that says so.
    pub line: usize,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// A frame comes in.
    Frame(Sent),
    /// The operator clears sessions; the number that must be met.
    Clear(Box<Clear>),
    /// Another configuration is committed: the whole of it.
    Commit(String),
}

/// A frame and what must become of it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The frame.
    pub frame: Sendable,
    /// The interface that it comes in on; `None` for the one that leads back to its sender.
    pub interface: Option<String>,
    /// Its sender, where that is known.
    pub source: Option<IpAddr>,
    /// What must become of it.
    pub expected: Fate,
    /// What the firewall must send on its account, in this order.
    pub emits: Vec<Emits>,
}

/// What a line sends.
#[derive(Clone, Debug)]
pub enum Sendable {
    /// Any bytes.
    Bytes(Bytes),
    /// A packet that it describes.
    Packet(Box<Packet>),
}

/// A packet that the firewall must send.
#[derive(Clone, Debug)]
pub struct Emits {
    /// The line that says so.
    pub line: usize,
    /// The interface, if it is compared.
    pub interface: Option<String>,
    /// The packet; its IP header's identification, hop limit and the like are not compared.
    pub packet: Packet,
}

/// What must become of a frame.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It leaves, by this interface if one is named.
    Pass {
        /// The interface.
        interface: Option<String>,
        /// As what it leaves: nothing if it is unchanged, several if it is the last fragment of its packet.
        leaves: Vec<Packet>,
    },
    /// It is dropped.
    Drop(DropReason),
    /// It waits for the rest of its packet.
    Held,
}

/// A clear command; names are resolved when it is given.
#[derive(Clone, Debug, Default)]
pub struct Clear {
    /// Everything that needs no name.
    pub filter: ClearFilter,
    /// The rule's name.
    pub rule: Option<String>,
    /// The name of the zone it came from.
    pub zone_from: Option<String>,
    /// The name of the zone it goes to.
    pub zone_to: Option<String>,
    /// How many sessions it must end.
    pub count: Option<usize>,
}

/// A counter of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Frames that a stricter configuration would have dropped.
    Noticed(DropReason),
    /// Frames that were dropped.
    Dropped(DropReason),
    /// Frames that left.
    Transmitted,
    /// Sessions made.
    SessionsCreated,
    /// Sessions that a full table refused.
    SessionsRefused,
    /// Frames that passed without a session.
    Bypassed,
    /// Packets put together from fragments.
    Reassembled,
    /// ICMP errors that were matched with a session.
    IcmpErrorsMatched,
    /// Packets of the firewall's own.
    Emitted,
    /// Frames that left with other addresses or ports.
    Translated,
    /// Sessions that a NAT pool refused.
    NatExhausted,
}

impl Sendable {
    /// The frame.
    pub fn bytes(&self, bindings: &Bindings) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Packet(packet) => packet.bound(bindings).frame(),
        }
    }
}

impl Scenario {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The first line that cannot be read, and what was expected there.
    pub fn parse(name: &str, text: &str) -> Result<Self, Mistake> {
        let lines = joined(text);
        let purpose = text.lines().find_map(|line| line.strip_prefix('#')).unwrap_or_default().trim().into();
        let config = DEFAULT_CONFIG.into();
        let mut reader = Reader {
            scenario: Self {
                name: name.into(),
                purpose,
                config,
                steps: Vec::new(),
                records: Vec::new(),
                counters: Vec::new(),
                users: UserMap::default(),
                variables: Vec::new(),
            },
            section: Section::None,
            conversations: Conversations::default(),
        };
        for (number, line) in &lines {
            reader.line(*number, line)?;
        }
        if reader.scenario.steps.is_empty() {
            return Err(Mistake { line: lines.len().max(1), text: "expected a section `packets`".into() });
        }
        reader.scenario.check_applications()?;
        Ok(reader.scenario)
    }

    /// Every application of a record is in the catalogue or in a configuration of the scenario.
    fn check_applications(&self) -> Result<(), Mistake> {
        let is_custom = |name: &str| {
            let wanted = format!("set application {name} ");
            let committed = self.steps.iter().filter_map(|step| match &step.event {
                Event::Commit(config) => Some(config),
                Event::Frame(_) | Event::Clear(_) => None,
            });
            std::iter::once(&self.config).chain(committed).any(|config| config.contains(&wanted))
        };
        for record in &self.records {
            for field in &record.fields {
                if let Field::App(name) = field
                    && bifrons_catalog::by_name(name).is_none()
                    && !is_custom(name)
                {
                    let text = format!("expected an application's name, found `{name}`");
                    return Err(Mistake { line: record.line, text });
                }
            }
        }
        Ok(())
    }
}

enum Section {
    None,
    Config,
    Payload(String),
    Packets,
    Records,
    Counters,
    Users,
    Variables,
}

const SECTIONS: &str = "`config`, `payload NAME`, `users`, `packets`, `records`, `counters` or `variables`";

struct Reader {
    scenario: Scenario,
    section: Section,
    conversations: Conversations,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Mistake> {
        let mut words = Words::split(number, line)?;
        if words.is_empty() {
            return Ok(());
        }
        if !line.starts_with(char::is_whitespace) {
            return self.begin_section(&mut words);
        }
        match &self.section {
            Section::None => Err(words.mistake(&format!("a section ({SECTIONS})"))),
            Section::Config => {
                add_line(&mut self.scenario.config, line);
                Ok(())
            }
            Section::Payload(name) => {
                let name = name.clone();
                self.conversations.add_payload(&name, &mut words)
            }
            Section::Packets => self.step(line, &mut words),
            Section::Records => self.record(&mut words),
            Section::Counters => {
                let counter = counter(&mut words)?;
                let value = words.value("a number")?;
                self.scenario.counters.push((number, counter, value));
                words.end("the end of the line")
            }
            Section::Users => self.user(&mut words),
            Section::Variables => {
                self.scenario.variables.push((number, variable(&mut words)?));
                words.end("the end of the line")
            }
        }
    }

    fn record(&mut self, words: &mut Words) -> Result<(), Mistake> {
        let record = ExpectedRecord::parse(words)?;
        if self.scenario.records.last().is_some_and(|last| last.at > record.at) {
            let text = "expected records in the order of their times".into();
            return Err(Mistake { line: words.line(), text });
        }
        self.scenario.records.push(record);
        Ok(())
    }

    fn user(&mut self, words: &mut Words) -> Result<(), Mistake> {
        let address = words.known("an address", bindings::address)?;
        let user = words.word("a user's name")?;
        self.scenario.users.map(AddressRange { first: address, last: address }, &user);
        while !words.is_empty() {
            self.scenario.users.add_member(&words.word("a group's name")?, &user);
        }
        Ok(())
    }

    fn begin_section(&mut self, words: &mut Words) -> Result<(), Mistake> {
        self.section = match words.word(SECTIONS)?.as_str() {
            "config" => {
                if words.take("alone") {
                    self.scenario.config.clear();
                }
                Section::Config
            }
            "payload" => Section::Payload(words.word("the payload's name")?),
            "packets" => Section::Packets,
            "records" => Section::Records,
            "counters" => Section::Counters,
            "users" => Section::Users,
            "variables" => Section::Variables,
            other => {
                let text = format!("expected {SECTIONS} in the first column, found `{other}`");
                return Err(Mistake { line: words.line(), text });
            }
        };
        words.end("the end of the line")
    }

    fn step(&mut self, line: &str, words: &mut Words) -> Result<(), Mistake> {
        if matches!(words.peek(), Some("set" | "delete" | "move")) {
            return match self.scenario.steps.last_mut() {
                Some(Step { event: Event::Commit(config), .. }) => {
                    add_line(config, line);
                    Ok(())
                }
                _ => Err(words.mistake("a time in seconds; `set` lines follow a `commit`")),
            };
        }
        if words.take("emits") {
            let emits = self.conversations.emits(words)?;
            return match self.scenario.steps.last_mut() {
                Some(Step { event: Event::Frame(sent), .. }) => {
                    sent.emits.push(emits);
                    Ok(())
                }
                _ => Err(words.mistake("a packet before what it makes the firewall send")),
            };
        }
        let at = Timestamp::from_nanos(ZERO.as_nanos() + words.time("a time in seconds, such as `0.010`")?);
        if self.scenario.steps.last().is_some_and(|last| last.at > at) {
            return Err(Mistake {
                line: words.line(),
                text: "expected a time not before the line above".into(),
            });
        }
        let number = words.line();
        if words.take("commit") {
            words.end("the end of the line, then lines with `set` or `delete`")?;
            let config = self.scenario.steps.iter().rev().find_map(|step| match &step.event {
                Event::Commit(config) => Some(config.clone()),
                Event::Frame(_) | Event::Clear(_) => None,
            });
            let config = config.unwrap_or_else(|| self.scenario.config.clone());
            self.scenario.steps.push(Step { line: number, at, event: Event::Commit(config) });
        } else if words.take("clear") {
            let clear = Box::new(clear(words)?);
            self.scenario.steps.push(Step { line: number, at, event: Event::Clear(clear) });
        } else {
            for sent in self.conversations.packets(at, words)? {
                self.scenario.steps.push(Step { line: number, at, event: Event::Frame(sent) });
            }
        }
        Ok(())
    }
}

/// Lines with their numbers; one that ends with a backslash goes on with the next.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        let (part, more) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut() {
            Some((_, last)) if goes_on => last.push_str(part),
            _ => lines.push((number, part.into())),
        }
        goes_on = more;
    }
    lines
}

fn add_line(config: &mut String, line: &str) {
    config.push_str(line.trim());
    config.push('\n');
}

fn counter(words: &mut Words) -> Result<Counter, Mistake> {
    const REASON: &str = "a drop reason, such as `tcp-out-of-window`";
    const COUNTERS: &str = "`noticed REASON`, `dropped REASON`, `transmitted`, `sessions-created`, \
                            `sessions-refused`, `bypassed`, `reassembled`, `icmp-errors-matched`, `emitted`, \
                            `translated` or `nat-exhausted`";
    Ok(match words.word(COUNTERS)?.as_str() {
        "noticed" => Counter::Noticed(words.known(REASON, DropReason::from_name)?),
        "dropped" => Counter::Dropped(words.known(REASON, DropReason::from_name)?),
        "transmitted" => Counter::Transmitted,
        "sessions-created" => Counter::SessionsCreated,
        "sessions-refused" => Counter::SessionsRefused,
        "bypassed" => Counter::Bypassed,
        "reassembled" => Counter::Reassembled,
        "icmp-errors-matched" => Counter::IcmpErrorsMatched,
        "emitted" => Counter::Emitted,
        "translated" => Counter::Translated,
        "nat-exhausted" => Counter::NatExhausted,
        other => {
            return Err(Mistake {
                line: words.line(),
                text: format!("expected {COUNTERS}, found `{other}`"),
            });
        }
    })
}

fn variable(words: &mut Words) -> Result<Variable, Mistake> {
    const WHAT: &str = "`in LOW-HIGH`, `even`, `odd`, `is PORT` or `differs PORT`";
    let name = words.known("a port, such as `?a`", bindings::port)?;
    Ok(match words.word(WHAT)?.as_str() {
        "in" => words.known("two ports, such as `1024-65535`", |word| {
            let (low, high) = word.split_once('-')?;
            Some(Variable::In(name, low.parse().ok()?, high.parse().ok()?))
        })?,
        "even" => Variable::Even(name, true),
        "odd" => Variable::Even(name, false),
        "is" => Variable::Same(name, words.known("a port", bindings::port)?, true),
        "differs" => Variable::Same(name, words.known("a port", bindings::port)?, false),
        other => {
            return Err(Mistake { line: words.line(), text: format!("expected {WHAT}, found `{other}`") });
        }
    })
}

fn clear(words: &mut Words) -> Result<Clear, Mistake> {
    let mut clear = Clear::default();
    let filter = &mut clear.filter;
    while let Some(word) = words.peek().map(String::from) {
        words.take(&word);
        match word.as_str() {
            "id" => filter.id = Some(SessionId(words.value("a session's number")?)),
            "source" => filter.source = Some(words.known("a network, such as `10.0.0.0/8`", prefix)?),
            "destination" => {
                filter.destination = Some(words.known("a network, such as `10.0.0.0/8`", prefix)?)
            }
            "source-port" => filter.source_port = Some(words.value("a port")?),
            "destination-port" => filter.destination_port = Some(words.value("a port")?),
            "protocol" => filter.protocol = Some(words.value("a protocol's number")?),
            "application" => filter.application = Some(application(words)?),
            "state" => {
                filter.state = Some(words.known("`active` or `discard`", |word| match word {
                    "active" => Some(State::Active),
                    "discard" => Some(State::Discard),
                    _ => None,
                })?);
            }
            "rule" => clear.rule = Some(words.word("a rule's name")?),
            "from" => clear.zone_from = Some(words.word("a zone's name")?),
            "to" => clear.zone_to = Some(words.word("a zone's name")?),
            "count" => clear.count = Some(words.value("how many sessions end")?),
            other => {
                let text =
                    format!("expected a filter of `clear session all filter` or `count N`, found `{other}`");
                return Err(Mistake { line: words.line(), text });
            }
        }
    }
    Ok(clear)
}

fn prefix(word: &str) -> Option<Prefix> {
    let (address, length) = word.split_once('/')?;
    Some(Prefix { address: address.parse().ok()?, length: length.parse().ok()? })
}

fn application(words: &mut Words) -> Result<AppId, Mistake> {
    words.known("an application's name", bifrons_catalog::by_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_say_where_and_what_was_expected() {
        for (text, expected) in [
            ("", "line 1: expected a section `packets`"),
            (" 0 tcp", "line 1: expected a section ("),
            ("pakets\n", "line 1: expected `config`"),
            ("packets\n x", "line 2: expected a time in seconds"),
            ("packets\n 0 tpc 10.0.0.1:1 > 10.0.0.2:2 pass", "found `tpc`"),
            ("packets\n 0 tcp 10.0.0.1 > 10.0.0.2:2 pass", "line 2: expected an address with its port"),
            ("packets\n 0 tcp 10.0.0.1:1 10.0.0.2:2 pass", "line 2: expected `>`"),
            ("packets\n 0 tcp 10.0.0.1:1 > [::1]:2 pass", "line 2: expected two addresses of one family"),
            ("packets\n 0 tcp 10.0.0.1:1 > 10.0.0.2:2 sin pass", "found `sin`"),
            (
                "packets\n 0 tcp 10.0.0.1:1 > 10.0.0.2:2 syn",
                "line 2: expected what must become of the packet",
            ),
            ("packets\n 0 tcp 10.0.0.1:1 > 10.0.0.2:2 syn drop it", "line 2: expected a drop reason"),
            ("packets\n 0 tcp 10.0.0.1:1 > 10.0.0.2:2 syn pass away", "found `away`"),
            ("packets\n 0 handshake 10.0.0.1:1 > 10.0.0.2:2 drop no-route", "line 2: expected `pass`"),
            (
                "packets\n 0 udp 10.0.0.1:1 > 10.0.0.2:2 payload x pass",
                "line 2: expected the name of a section",
            ),
            ("packets\n 0 icmp ::1 > ::2 echo request pass", "line 2: expected IPv4 addresses with `icmp`"),
            (
                "packets\n 0 icmp 10.0.0.1 > 10.0.0.2 unreachable port quoting 1 pass",
                "number of a packet above",
            ),
            ("packets\n 0 frame hex 0 pass", "line 2: expected bytes in hexadecimal"),
            ("packets\n set zone", "line 2: expected a time in seconds; `set` lines follow a `commit`"),
            ("packets\n 0 clear everything", "found `everything`"),
            ("packets\n 1 clear\n 0 clear", "line 3: expected a time not before the line above"),
            ("records\n 5 over", "line 2: expected `start`, `end`, `drop` or `deny`"),
            (
                "packets\n 0 frame hex 00 pass\nrecords\n 5 end tcp 1.1.1.1:1 > 1.1.1.1:2 app x reason aged-out",
                "line 4: expected an application's name, found `x`",
            ),
            ("packets\n emits tcp 10.0.0.1:1 > 10.0.0.2:2 rst seq 1", "line 2: expected a packet before"),
            (
                "packets\n 0 frame hex 00 pass\n emits tcp 10.0.0.1:1 > 10.0.0.2:2 rst",
                "line 3: expected `seq",
            ),
            ("users\n alice", "line 2: expected an address"),
            ("variables\n ?a big", "found `big`"),
            ("records\n 5 end tcp 1.1.1.1:1 > 1.1.1.1:2 app ssl", "line 2: expected `reason …`"),
            ("records\n 5 end tcp 1.1.1.1:1 > 1.1.1.1:2 tracker \"x\"", "line 2: expected a tracker stage"),
            (
                "records\n 5 end ip ::1 > ::2 protocol 47 app gre reason aged-out\n \
                 4 end ip ::1 > ::2 protocol 47 app gre reason aged-out",
                "line 3: expected records in the order of their times",
            ),
            ("counters\n noticed x 1", "line 2: expected a drop reason"),
            ("counters\n seen 1", "found `seen`"),
        ] {
            let mistake = Scenario::parse("test", text).unwrap_err().to_string();
            assert!(mistake.contains(expected), "{text:?}: {mistake}");
        }
    }

    #[test]
    fn sequence_numbers_come_from_the_conversation() {
        let text = "packets\n 0 handshake 10.0.0.1:1 > 192.0.2.1:80 pass\n \
                    1 tcp 10.0.0.1:1 > 192.0.2.1:80 length 10 pass\n \
                    2 tcp 192.0.2.1:80 > 10.0.0.1:1 fin,ack ack -4 pass\n";
        let scenario = Scenario::parse("test", text).unwrap();
        let numbers: Vec<[u32; 2]> = scenario
            .steps
            .iter()
            .map(|step| match &step.event {
                Event::Frame(sent) => {
                    let frame = sent.frame.bytes(&Bindings::default());
                    let number = |at: usize| u32::from_be_bytes(*frame.bytes[at..].first_chunk().unwrap());
                    [number(38), number(42)]
                }
                Event::Clear(_) | Event::Commit(_) => panic!("no frame"),
            })
            .collect();
        assert_eq!(numbers, [[1000, 0], [5000, 1001], [1001, 5001], [1001, 5001], [5001, 1007]]);
    }
}
