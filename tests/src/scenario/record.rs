//! Expected records, and found ones in the same words.

use std::{fmt::Write as _, net::SocketAddr};

use bifrons_model::{
    Action, ActionSource, AppId, EndReason, Flags, Names, Subtype, Timestamp, Tracker, TrafficRecord, Volume,
};

use super::{
    Mistake, ZERO,
    fields::ends,
    words::{Words, show_time},
};
use crate::bindings::Bindings;

/// A record that must be written. What it does not name is not compared.
#[derive(Clone, Debug)]
pub struct ExpectedRecord {
    /// The line that says so.
    pub line: usize,
    /// When it is written.
    pub at: Timestamp,
    /// What kind it is of.
    pub subtype: Subtype,
    /// The protocol's number.
    pub protocol: u8,
    /// Client and server; port 0 where there is none.
    pub ends: (SocketAddr, SocketAddr),
    /// What else is compared.
    pub fields: Vec<Field>,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are the record's own fields")]
pub enum Field {
    App(String),
    Reason(EndReason),
    Tracker(Tracker),
    Sent(Volume),
    Received(Volume),
    Handshake(String),
    Outcome(String),
    Rule(String),
    Action(Action),
    ActionSource(ActionSource),
    From(String),
    To(String),
    In(String),
    Out(String),
    Started(Timestamp),
    LastPacket(Timestamp),
    Session(u32),
    Server(String),
    NonStandardPort(bool),
    Nat(Option<(SocketAddr, SocketAddr)>),
    NatRule(String),
    User(String),
    Category(String),
    Parent(u32),
    Implicit,
    Explicit,
}

const FIELDS: &str = "a field: app, reason, tracker, sent, received, handshake, outcome, rule, action, \
                      action-source, from, to, in, out, started, last, session, server, nat, nat-rule, user, \
                      category, parent, implicit, explicit, standard-port or non-standard-port";

impl ExpectedRecord {
    pub(super) fn parse(words: &mut Words) -> Result<Self, Mistake> {
        let at = moment(words)?;
        let subtype = words.known("`start`, `end`, `drop` or `deny`", |word| {
            [Subtype::Start, Subtype::End, Subtype::Drop, Subtype::Deny]
                .into_iter()
                .find(|kind| kind.name() == word)
        })?;
        let name = words.word("a protocol: tcp, udp, icmp, icmp6, sctp or ip")?;
        let mut protocol = match name.as_str() {
            "tcp" => 6,
            "udp" => 17,
            "icmp" => 1,
            "icmp6" => 58,
            "sctp" => 132,
            "ip" => 0,
            other => {
                let text =
                    format!("expected a protocol (tcp, udp, icmp, icmp6, sctp or ip), found `{other}`");
                return Err(Mistake { line: words.line(), text });
            }
        };
        let ends = ends(words, matches!(name.as_str(), "tcp" | "udp" | "sctp"))?;
        if name == "ip" {
            if !words.take("protocol") {
                return Err(words.mistake("`protocol NUMBER`"));
            }
            protocol = words.value("a protocol's number")?;
        }
        let mut fields = Vec::new();
        while !words.is_empty() {
            fields.push(field(words)?);
        }
        for name in ["app", "reason"] {
            if !fields.iter().any(|field: &Field| field.name() == name) {
                return Err(words.mistake(&format!("`{name} …`, which every record must state")));
            }
        }
        Ok(Self { line: words.line(), at, subtype, protocol, ends, fields })
    }

    /// What of `record` is otherwise, as "expected …, found …"; empty when it is as expected.
    pub fn differences(&self, record: &TrafficRecord, names: &Names, bindings: &Bindings) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, expected: String, found: String| {
            if expected != found {
                differences.push(format!("{what}: expected {expected}, found {found}"));
            }
        };
        compare("time", show_time(ZERO, self.at), show_time(ZERO, record.generated));
        compare("kind", self.subtype.name().into(), record.subtype.name().into());
        let found = (record.protocol, source(record), destination(record));
        let (client, server) = (bound(self.ends.0, bindings), bound(self.ends.1, bindings));
        compare("session", show_ends((self.protocol, client, server)), show_ends(found));
        for field in &self.fields {
            let expected = if let Field::Nat(Some((client, server))) = field {
                &Field::Nat(Some((bound(*client, bindings), bound(*server, bindings))))
            } else {
                field
            };
            compare(field.name(), expected.show(), field.of(record, names).show());
        }
        differences
    }
}

impl Field {
    /// The same field of a record.
    fn of(&self, record: &TrafficRecord, names: &Names) -> Self {
        match self {
            Self::App(_) => Self::App(app_name(record.app, names).into()),
            Self::Reason(_) => Self::Reason(record.end_reason),
            Self::Tracker(_) => Self::Tracker(record.tracker),
            Self::Sent(_) => Self::Sent(record.sent),
            Self::Received(_) => Self::Received(record.received),
            Self::Handshake(_) => Self::Handshake(record.handshake.to_string()),
            Self::Outcome(_) => Self::Outcome(record.handshake.outcome().name().into()),
            Self::Rule(_) => Self::Rule(names.rule(record.rule).into()),
            Self::Action(_) => Self::Action(record.action),
            Self::ActionSource(_) => Self::ActionSource(record.action_source),
            Self::From(_) => Self::From(names.zone(record.zone_from).into()),
            Self::To(_) => Self::To(names.zone(record.zone_to).into()),
            Self::In(_) => Self::In(names.interface(record.interface_in).into()),
            Self::Out(_) => Self::Out(names.interface(record.interface_out).into()),
            Self::Started(_) => Self::Started(record.start),
            Self::LastPacket(_) => Self::LastPacket(record.last_packet),
            Self::Session(_) => Self::Session(record.session_id.0),
            Self::Server(_) => Self::Server(record.server_name.as_deref().unwrap_or_default().into()),
            Self::NonStandardPort(_) => Self::NonStandardPort(record.flags.has(Flags::NON_STANDARD_PORT)),
            Self::Nat(_) => Self::Nat(record.translation.map(|to| {
                let client = SocketAddr::new(to.source, to.source_port);
                (client, SocketAddr::new(to.destination, to.destination_port))
            })),
            Self::NatRule(_) => Self::NatRule(record.nat_rule.map_or("", |rule| names.nat_rule(rule)).into()),
            Self::User(_) => Self::User(names.user(record.source_user).into()),
            Self::Category(_) => Self::Category(names.category(record.category).into()),
            Self::Parent(_) => Self::Parent(record.parent_session.0),
            Self::Implicit | Self::Explicit => {
                if record.flags.has(Flags::IMPLICIT_DEPENDENCY) {
                    Self::Implicit
                } else {
                    Self::Explicit
                }
            }
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::App(_) => "app",
            Self::Reason(_) => "reason",
            Self::Tracker(_) => "tracker",
            Self::Sent(_) => "sent",
            Self::Received(_) => "received",
            Self::Handshake(_) => "handshake",
            Self::Outcome(_) => "outcome",
            Self::Rule(_) => "rule",
            Self::Action(_) => "action",
            Self::ActionSource(_) => "action-source",
            Self::From(_) => "from",
            Self::To(_) => "to",
            Self::In(_) => "in",
            Self::Out(_) => "out",
            Self::Started(_) => "started",
            Self::LastPacket(_) => "last",
            Self::Session(_) => "session",
            Self::Server(_) => "server",
            Self::NonStandardPort(_) => "port",
            Self::Nat(_) => "nat",
            Self::NatRule(_) => "nat-rule",
            Self::User(_) => "user",
            Self::Category(_) => "category",
            Self::Parent(_) => "parent",
            Self::Implicit | Self::Explicit => "dependency",
        }
    }

    fn show(&self) -> String {
        match self {
            Self::App(name) => name.clone(),
            Self::Nat(None) => "none".into(),
            Self::Nat(Some((client, server))) => format!("{} > {}", show_end(*client), show_end(*server)),
            Self::NatRule(name) | Self::User(name) | Self::Category(name) => format!("\"{name}\""),
            Self::Implicit => "implicit".into(),
            Self::Explicit => "explicit".into(),
            Self::Reason(reason) => reason.name().into(),
            Self::Tracker(tracker) => format!("\"{}\"", tracker.name()),
            Self::Sent(volume) | Self::Received(volume) => format!("{}/{}", volume.packets, volume.bytes),
            Self::Handshake(text) | Self::Outcome(text) | Self::Server(text) => format!("\"{text}\""),
            Self::Rule(name) | Self::From(name) | Self::To(name) | Self::In(name) | Self::Out(name) => {
                name.clone()
            }
            Self::Action(action) => action.name().into(),
            Self::ActionSource(source) => source.name().into(),
            Self::Started(at) | Self::LastPacket(at) => show_time(ZERO, *at),
            Self::Session(number) | Self::Parent(number) => number.to_string(),
            Self::NonStandardPort(other) => if *other { "non-standard-port" } else { "standard-port" }.into(),
        }
    }
}

/// A record in the words of a scenario, with everything that it says.
pub fn show_record(record: &TrafficRecord, names: &Names) -> String {
    let mut text = format!("{}  {}  ", show_time(ZERO, record.generated), record.subtype.name());
    text.push_str(&show_ends((record.protocol, source(record), destination(record))));
    let all = [
        Field::App(String::new()),
        Field::Reason(record.end_reason),
        Field::Tracker(record.tracker),
        Field::Sent(record.sent),
        Field::Received(record.received),
        Field::Handshake(String::new()),
        Field::Outcome(String::new()),
        Field::Rule(String::new()),
        Field::Action(record.action),
        Field::ActionSource(record.action_source),
        Field::From(String::new()),
        Field::To(String::new()),
        Field::Started(record.start),
        Field::LastPacket(record.last_packet),
        Field::Session(record.session_id.0),
        Field::Server(String::new()),
        Field::Nat(None),
        Field::NatRule(String::new()),
        Field::User(String::new()),
        Field::Category(String::new()),
        Field::Parent(0),
    ];
    for field in all {
        let _ = write!(text, " {} {}", field.name(), field.of(record, names).show());
    }
    for field in [Field::Explicit, Field::NonStandardPort(false)] {
        let _ = write!(text, " {}", field.of(record, names).show());
    }
    text
}

fn bound(end: SocketAddr, bindings: &Bindings) -> SocketAddr {
    SocketAddr::new(bindings.address(end.ip()), bindings.port(end.port()))
}

fn app_name(id: AppId, names: &Names) -> &str {
    let custom = id.0.checked_sub(bifrons_catalog::CUSTOM_FIRST).map(usize::from);
    match custom.map(|place| names.applications.get(place)) {
        None => bifrons_catalog::name(id),
        Some(known) => known.map_or("", |known| &known.name),
    }
}

fn source(record: &TrafficRecord) -> SocketAddr {
    SocketAddr::new(record.source, record.source_port)
}

fn destination(record: &TrafficRecord) -> SocketAddr {
    SocketAddr::new(record.destination, record.destination_port)
}

fn show_ends((protocol, source, destination): (u8, SocketAddr, SocketAddr)) -> String {
    let show = show_end;
    let name = match protocol {
        1 => "icmp",
        6 => "tcp",
        17 => "udp",
        58 => "icmp6",
        132 => "sctp",
        other => return format!("ip {} > {} protocol {other}", show(source), show(destination)),
    };
    format!("{name} {} > {}", show(source), show(destination))
}

fn show_end(end: SocketAddr) -> String {
    if end.port() == 0 { end.ip().to_string() } else { end.to_string() }
}

fn field(words: &mut Words) -> Result<Field, Mistake> {
    let name = words.word(FIELDS)?;
    Ok(match name.as_str() {
        "app" => Field::App(words.word("an application's name")?),
        "reason" => Field::Reason(words.known("an end reason, such as `aged-out`", EndReason::from_name)?),
        "tracker" => {
            let text = string(words)?;
            let tracker = Tracker::from_name(&text).ok_or_else(|| Mistake {
                line: words.line(),
                text: format!("expected a tracker stage, such as \"Aged out\", found \"{text}\""),
            })?;
            Field::Tracker(tracker)
        }
        "sent" => Field::Sent(volume(words)?),
        "received" => Field::Received(volume(words)?),
        "handshake" => Field::Handshake(string(words)?),
        "outcome" => Field::Outcome(string(words)?),
        "rule" => Field::Rule(words.word("a rule's name")?),
        "action" => Field::Action(words.known("an action, such as `allow`", Action::from_name)?),
        "action-source" => {
            Field::ActionSource(words.known("`from-policy` or `from-application`", |word| {
                [ActionSource::Policy, ActionSource::Application]
                    .into_iter()
                    .find(|source| source.name() == word)
            })?)
        }
        "from" => Field::From(words.word("a zone's name")?),
        "to" => Field::To(words.word("a zone's name")?),
        "in" => Field::In(words.word("an interface's name")?),
        "out" => Field::Out(words.word("an interface's name")?),
        "started" => Field::Started(moment(words)?),
        "last" => Field::LastPacket(moment(words)?),
        "session" => Field::Session(words.value("a session's number")?),
        "server" => Field::Server(string(words)?),
        "standard-port" => Field::NonStandardPort(false),
        "non-standard-port" => Field::NonStandardPort(true),
        "nat" if words.take("none") => Field::Nat(None),
        "nat" => {
            let has_ports = words.peek().is_some_and(|word| super::fields::socket(word).is_some());
            Field::Nat(Some(ends(words, has_ports)?))
        }
        "nat-rule" => Field::NatRule(if words.take("none") {
            String::new()
        } else {
            words.word("a NAT rule's name")?
        }),
        "user" => Field::User(string(words)?),
        "category" => Field::Category(string(words)?),
        "parent" => Field::Parent(words.value("a session's number")?),
        "implicit" => Field::Implicit,
        "explicit" => Field::Explicit,
        other => {
            return Err(Mistake { line: words.line(), text: format!("expected {FIELDS}, found `{other}`") });
        }
    })
}

fn moment(words: &mut Words) -> Result<Timestamp, Mistake> {
    Ok(Timestamp::from_nanos(ZERO.as_nanos() + words.time("a time in seconds, such as `5.000`")?))
}

fn string(words: &mut Words) -> Result<String, Mistake> {
    Ok(String::from_utf8_lossy(&words.text("a text in quotation marks")?).into_owned())
}

fn volume(words: &mut Words) -> Result<Volume, Mistake> {
    words.known("packets and bytes, such as `2/108`", |word| {
        let (packets, bytes) = word.split_once('/')?;
        Some(Volume { packets: packets.parse().ok()?, bytes: bytes.parse().ok()? })
    })
}
