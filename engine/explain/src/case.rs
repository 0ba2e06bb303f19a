//! A record's facts with its words decoded once, so that judging it compares numbers.

use bifrons_model::{Action, EndReason, Flags, HandshakeOutcome};

use crate::{facts::Facts, payload::Payload, time::seconds_of};

/// The idle timeouts of the device that wrote the records, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Of TCP sessions whose application sets none: `timeout-tcp`.
    pub tcp: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { tcp: 3600 }
    }
}

/// The kind of log a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Traffic,
    Threat,
    Other,
}

/// When in a session's life a traffic record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Start,
    End,
    Drop,
    Deny,
    Unsaid,
}

/// What the application field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    Incomplete,
    InsufficientData,
    UnknownTcp,
    UnknownUdp,
    UnknownP2p,
    NotApplicable,
    Identified,
    Unsaid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Udp,
    Icmp,
    Other,
    Unsaid,
}

/// The facts of one record and their meaning.
pub struct Case<'a> {
    pub facts: &'a Facts<'a>,
    pub timeouts: &'a Timeouts,
    pub kind: Kind,
    pub moment: Moment,
    pub action: Option<Action>,
    pub app: App,
    pub reason: Option<EndReason>,
    pub transport: Transport,
    pub handshake: HandshakeOutcome,
    pub flags: Flags,
    pub server_payload: Payload,
    pub client_payload: Payload,
}

impl<'a> Case<'a> {
    pub fn new(facts: &'a Facts<'a>, timeouts: &'a Timeouts) -> Self {
        let transport = transport(facts.proto);
        let is_v6 = facts.src.contains(':');
        let payload = |packets, bytes| match transport {
            Transport::Tcp => Payload::of_tcp(packets, bytes, is_v6),
            Transport::Udp | Transport::Icmp | Transport::Other | Transport::Unsaid => {
                Payload::of_datagrams(packets)
            }
        };
        Self {
            facts,
            timeouts,
            kind: kind(facts.kind),
            moment: moment(facts.subtype),
            action: action(facts.action),
            app: app(facts.app),
            reason: EndReason::from_name(facts.session_end_reason),
            transport,
            handshake: handshake(facts.handshake_outcome),
            flags: Flags(hexadecimal(facts.flags)),
            server_payload: payload(facts.pkts_received, facts.bytes_received),
            client_payload: payload(facts.pkts_sent, facts.bytes_sent),
        }
    }

    pub fn is_traffic(&self) -> bool {
        self.kind == Kind::Traffic
    }

    /// A record of a session's end that policy let live.
    pub fn is_allowed_end(&self) -> bool {
        self.is_traffic()
            && matches!(self.moment, Moment::End | Moment::Unsaid)
            && self.action == Some(Action::Allow)
            && self.app != App::NotApplicable
    }

    pub fn is_tcp(&self) -> bool {
        self.transport == Transport::Tcp
    }

    pub fn is_udp(&self) -> bool {
        self.transport == Transport::Udp
    }

    pub fn ended(&self, reason: EndReason) -> bool {
        self.reason == Some(reason)
    }

    /// An allowed TCP session whose application stayed unknown for want of a handshake or of data.
    pub fn is_incomplete(&self) -> bool {
        self.is_allowed_end() && self.is_tcp() && self.app == App::Incomplete
    }

    /// Whether policy ended or refused the traffic: a blocking action, or one of the two resets that the
    /// table counts as allowed.
    pub fn is_cut_by_action(&self) -> bool {
        self.action.is_some_and(|action| !action.passes())
            || matches!(self.moment, Moment::Drop | Moment::Deny)
    }

    /// Packets from the server, where counted: by packets, else by bytes.
    pub fn received(&self) -> Option<u64> {
        self.facts.pkts_received.or(self.facts.bytes_received)
    }

    pub fn is_unanswered(&self) -> bool {
        self.received() == Some(0)
    }

    pub fn is_answered(&self) -> bool {
        self.received().is_some_and(|received| received > 0)
    }

    /// Whether the counter lies within `from..=to`; an absent one does not.
    pub fn within(counter: Option<u64>, from: u64, to: u64) -> bool {
        counter.is_some_and(|value| (from..=to).contains(&value))
    }

    /// Whether the last packet came within `seconds` of the first.
    pub fn lasted_at_most(&self, seconds: u64) -> bool {
        self.facts.elapsed.is_some_and(|elapsed| elapsed <= seconds)
    }

    /// Whether the rule is one of the two that take what no other matched.
    pub fn is_default_rule(&self) -> bool {
        matches!(self.facts.rule, "interzone-default" | "intrazone-default")
    }

    /// Whether the application runs on a port that is not its own. Devices set the flag for protocols
    /// without ports too, where it says nothing.
    pub fn is_on_foreign_port(&self) -> bool {
        matches!(self.transport, Transport::Tcp | Transport::Udp)
            && self.app == App::Identified
            && self.flags.has(Flags::NON_STANDARD_PORT)
    }

    /// Whether the addresses or ports were translated, as far as the record tells.
    pub fn is_translated(&self) -> bool {
        self.flags.has(Flags::NAT)
    }

    /// Whether the server's own address differs from the one the client used.
    pub fn has_translated_server(&self) -> bool {
        let facts = self.facts;
        !matches!(facts.natdst, "" | "0.0.0.0" | "::") && facts.natdst != facts.dst
    }

    /// Whether nobody answers such datagrams: multicast, broadcast, and services that only send.
    pub fn is_one_way(&self) -> bool {
        const SENDERS: [&str; 12] = [
            "syslog",
            "snmp-trap",
            "snmpv1-trap",
            "snmpv2-trap",
            "netflow",
            "sflow",
            "ipfix",
            "statsd",
            "rtp",
            "rtp-base",
            "rtcp",
            "netbios-dg",
        ];
        let destination = self.facts.dst;
        let is_group = destination.starts_with("ff")
            || destination.ends_with(".255")
            || destination
                .split('.')
                .next()
                .is_some_and(|first| first.parse::<u8>().is_ok_and(|first| (224..=239).contains(&first)));
        !self.is_tcp() && (is_group || SENDERS.contains(&self.facts.app))
    }

    /// Seconds between the last packet and the record: how long the session stood idle before it ended.
    /// `None` where the record lacks a time or its times contradict each other.
    pub fn idle(&self) -> Option<u64> {
        let facts = self.facts;
        let written = seconds_of(facts.time_generated).or_else(|| seconds_of(facts.receive_time))?;
        written.checked_sub(seconds_of(facts.start)?.checked_add(facts.elapsed?)?)
    }

    /// Whether the session ended when the TCP idle timeout had passed since its last packet. Devices look
    /// for expired sessions in rounds, so the record may come a little later than the timeout. A device
    /// that counts the wait into `elapsed` shows it there.
    pub fn met_tcp_timeout(&self) -> bool {
        const ROUND: u64 = 15;
        let timeout = self.timeouts.tcp;
        let is_timeout =
            |seconds: u64| (timeout.saturating_sub(1)..=timeout.saturating_add(ROUND)).contains(&seconds);
        match self.idle() {
            Some(idle) if idle > ROUND => is_timeout(idle),
            Some(_) | None => self.facts.elapsed.is_some_and(is_timeout),
        }
    }

    /// Whether the handshake field, or the counters where a log has none, show that the three segments of
    /// the handshake passed: the client sent more than its SYN, the server answered, and nobody reset.
    pub fn opened(&self) -> bool {
        match self.handshake {
            HandshakeOutcome::Complete | HandshakeOutcome::Simultaneous => true,
            HandshakeOutcome::None => {
                self.is_answered()
                    && self.facts.pkts_sent.is_some_and(|sent| sent >= 2)
                    && !self.ended(EndReason::TcpRstFromServer)
                    && !self.ended(EndReason::TcpRstFromClient)
            }
            HandshakeOutcome::NoAnswer
            | HandshakeOutcome::Refused
            | HandshakeOutcome::Abandoned
            | HandshakeOutcome::ChallengeAck
            | HandshakeOutcome::HalfOpen
            | HandshakeOutcome::Asymmetric
            | HandshakeOutcome::Midstream => false,
        }
    }
}

fn kind(text: &str) -> Kind {
    match text {
        "" | "TRAFFIC" | "traffic" => Kind::Traffic,
        "THREAT" | "threat" => Kind::Threat,
        _ => Kind::Other,
    }
}

fn moment(text: &str) -> Moment {
    match text {
        "start" => Moment::Start,
        "end" => Moment::End,
        "drop" => Moment::Drop,
        "deny" => Moment::Deny,
        _ => Moment::Unsaid,
    }
}

/// The documentation spells one action with a blank and capitals, and some devices all of two words.
fn action(text: &str) -> Option<Action> {
    match text {
        "drop ICMP" | "drop icmp" => Some(Action::DropIcmp),
        "reset client" => Some(Action::ResetClient),
        "reset server" => Some(Action::ResetServer),
        "reset both" => Some(Action::ResetBoth),
        _ => Action::from_name(text),
    }
}

fn app(text: &str) -> App {
    match text {
        "" => App::Unsaid,
        "incomplete" => App::Incomplete,
        "insufficient-data" => App::InsufficientData,
        "unknown-tcp" => App::UnknownTcp,
        "unknown-udp" => App::UnknownUdp,
        "unknown-p2p" => App::UnknownP2p,
        "not-applicable" => App::NotApplicable,
        _ => App::Identified,
    }
}

fn transport(text: &str) -> Transport {
    match text {
        "tcp" | "6" | "TCP" => Transport::Tcp,
        "udp" | "17" | "UDP" => Transport::Udp,
        "icmp" | "1" | "ICMP" | "ipv6-icmp" | "58" | "icmp6" => Transport::Icmp,
        "" => Transport::Unsaid,
        _ => Transport::Other,
    }
}

fn handshake(text: &str) -> HandshakeOutcome {
    const OUTCOMES: [HandshakeOutcome; 9] = [
        HandshakeOutcome::Complete,
        HandshakeOutcome::Simultaneous,
        HandshakeOutcome::NoAnswer,
        HandshakeOutcome::Refused,
        HandshakeOutcome::Abandoned,
        HandshakeOutcome::ChallengeAck,
        HandshakeOutcome::HalfOpen,
        HandshakeOutcome::Asymmetric,
        HandshakeOutcome::Midstream,
    ];
    if text.is_empty() {
        return HandshakeOutcome::None;
    }
    OUTCOMES.into_iter().find(|outcome| outcome.name() == text).unwrap_or(HandshakeOutcome::None)
}

/// `0x2400000`, also without its prefix; 0 for anything else.
fn hexadecimal(text: &str) -> u32 {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u32::from_str_radix(digits, 16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_is_what_lies_between_the_last_packet_and_the_record() {
        let timeouts = Timeouts::default();
        let mut facts = Facts {
            time_generated: "2026/11/22 12:00:20",
            start: "2026/11/22 11:00:00",
            elapsed: Some(15),
            ..Facts::default()
        };
        assert_eq!(Case::new(&facts, &timeouts).idle(), Some(3605));
        assert!(Case::new(&facts, &timeouts).met_tcp_timeout());
        assert!(!Case::new(&facts, &Timeouts { tcp: 1800 }).met_tcp_timeout());
        facts.elapsed = Some(4000);
        assert_eq!(Case::new(&facts, &timeouts).idle(), None);
        assert!(!Case::new(&facts, &timeouts).met_tcp_timeout());
        facts = Facts { elapsed: Some(3600), ..Facts::default() };
        assert!(Case::new(&facts, &timeouts).met_tcp_timeout(), "without times, elapsed tells");
    }

    #[test]
    fn words_of_other_logs_are_understood() {
        let timeouts = Timeouts::default();
        let facts = Facts {
            action: "drop ICMP",
            proto: "6",
            flags: "0x400000",
            natdst: "10.0.0.9",
            dst: "192.0.2.1",
            ..Facts::default()
        };
        let case = Case::new(&facts, &timeouts);
        assert_eq!((case.action, case.transport), (Some(Action::DropIcmp), Transport::Tcp));
        assert!(case.is_translated() && case.has_translated_server() && case.is_traffic());
    }

    #[test]
    fn groups_and_senders_get_no_answer() {
        let timeouts = Timeouts::default();
        for (dst, app, expected) in [
            ("239.1.1.1", "unknown-udp", true),
            ("ff02::fb", "mdns", true),
            ("10.0.0.255", "insufficient-data", true),
            ("10.0.0.9", "syslog", true),
            ("10.0.0.9", "dns-base", false),
        ] {
            let facts = Facts { dst, app, proto: "udp", ..Facts::default() };
            assert_eq!(Case::new(&facts, &timeouts).is_one_way(), expected, "{dst} {app}");
        }
    }
}
