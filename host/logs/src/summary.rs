//! What many records say together.

use std::{collections::BTreeMap, fmt::Write as _};

use bifrons_catalog::applications;
use bifrons_model::{
    EndReason, FinalAction, Handshake, HandshakeOutcome, Names, Subtype, Timestamp, TrafficRecord, Verdicts,
};

use crate::{human, row::ApplicationWords};

/// Counts by application, end reason and final action, and how TCP sessions failed to open. Its size does
/// not grow with the number of records.
pub struct Summary {
    total: Tally,
    starts: u64,
    by_app: Vec<Tally>,
    /// Those of the configuration, by name.
    by_custom_app: BTreeMap<String, Tally>,
    by_reason: [Tally; EndReason::ALL.len()],
    allowed: Tally,
    blocked: Tally,
    openings: BTreeMap<u32, u64>,
    other_openings: u64,
    first: Timestamp,
    last: Timestamp,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    sessions: u64,
    packets: u64,
    sent: u64,
    received: u64,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            total: Tally::default(),
            starts: 0,
            by_app: vec![Tally::default(); applications().len()],
            by_custom_app: BTreeMap::new(),
            by_reason: [Tally::default(); EndReason::ALL.len()],
            allowed: Tally::default(),
            blocked: Tally::default(),
            openings: BTreeMap::new(),
            other_openings: 0,
            first: Timestamp::MAX,
            last: Timestamp::ZERO,
        }
    }
}

impl Summary {
    /// How many different ways of opening are told apart; hostile traffic can make many.
    const OPENINGS_MAX: usize = 256;
    const APPS_SHOWN: usize = 20;
    const OPENINGS_SHOWN: usize = 8;

    /// Counts a record. Those of subtype `start` are counted apart: their session has another record to
    /// come.
    pub fn add(&mut self, record: &TrafficRecord, names: &Names) {
        if record.subtype == Subtype::Start {
            self.starts += 1;
            return;
        }
        self.first = self.first.min(record.start);
        self.last = self.last.max(record.last_packet);
        self.total.add(record);
        let app = ApplicationWords::of(record.app, names);
        match self.by_app.get_mut(record.app.index()) {
            Some(tally) => tally.add(record),
            None => self.by_custom_app.entry(app.name.to_owned()).or_default().add(record),
        }
        if let Some(tally) = self.by_reason.get_mut(record.end_reason as usize) {
            tally.add(record);
        }
        match Verdicts::of(record.action, app.name, record.end_reason).overall() {
            FinalAction::Allowed => {
                self.allowed.add(record);
                self.add_opening(record.handshake);
            }
            // What the firewall stopped says nothing about the server's answer.
            FinalAction::Blocked => self.blocked.add(record),
        }
    }

    /// The sessions counted so far.
    pub const fn sessions(&self) -> u64 {
        self.total.sessions
    }

    /// The summary as text, lines of at most `width` columns (at least 80).
    pub fn text(&self, width: usize) -> String {
        let width = width.max(80);
        let mut out = self.headline();
        if self.total.sessions == 0 {
            return out;
        }
        let mut apps: Vec<(&str, Tally)> =
            applications().iter().map(|app| app.name).zip(self.by_app.iter().copied()).collect();
        apps.extend(self.by_custom_app.iter().map(|(name, tally)| (name.as_str(), *tally)));
        apps.sort_by_key(|(_, tally)| {
            std::cmp::Reverse((tally.sent.saturating_add(tally.received), tally.sessions))
        });
        section(&mut out, "application", &apps, Self::APPS_SHOWN);
        let mut reasons: Vec<(&str, Tally)> =
            EndReason::ALL.iter().map(|reason| reason.name()).zip(self.by_reason).collect();
        reasons.sort_by_key(|(_, tally)| std::cmp::Reverse(tally.sessions));
        section(&mut out, "end reason", &reasons, usize::MAX);
        let actions = [FinalAction::Allowed.name(), FinalAction::Blocked.name()];
        section(
            &mut out,
            "final action",
            &[(actions[0], self.allowed), (actions[1], self.blocked)],
            usize::MAX,
        );
        self.openings(&mut out, width);
        out
    }

    fn add_opening(&mut self, handshake: Handshake) {
        if explanation(handshake.outcome()).is_none() {
            return;
        }
        if let Some(count) = self.openings.get_mut(&handshake.0) {
            *count += 1;
        } else if self.openings.len() < Self::OPENINGS_MAX {
            self.openings.insert(handshake.0, 1);
        } else {
            self.other_openings += 1;
        }
    }

    fn headline(&self) -> String {
        let Tally { sessions, packets, sent, received } = self.total;
        let mut out = format!("{}, {}", plural(sessions, "session"), plural(packets, "packet"));
        let _ = write!(out, ", {} sent, {} received", human::bytes(sent), human::bytes(received));
        if sessions > 0 {
            let span = self.last.as_nanos().saturating_sub(self.first.as_nanos());
            let _ = write!(out, ", within {}", human::duration(span));
        }
        if self.starts > 0 {
            let _ = write!(out, "; {}", plural(self.starts, "start record"));
        }
        out.push('\n');
        out
    }

    fn openings(&self, out: &mut String, width: usize) {
        let mut openings: Vec<(Handshake, u64)> =
            self.openings.iter().map(|(steps, count)| (Handshake(*steps), *count)).collect();
        if openings.is_empty() {
            return;
        }
        openings.sort_by_key(|(steps, count)| (std::cmp::Reverse(*count), steps.0));
        out.push_str("\nTCP sessions that did not open as they should\n");
        for (handshake, count) in openings.iter().take(Self::OPENINGS_SHOWN) {
            let steps = human::shorten(&handshake.to_string(), width - 12);
            let _ = writeln!(out, "{count:>10}  {steps}");
            wrap(out, explanation(handshake.outcome()).unwrap_or_default(), 12, width);
        }
        let rest: u64 = openings.iter().skip(Self::OPENINGS_SHOWN).map(|(_, count)| count).sum();
        let rest = rest.saturating_add(self.other_openings);
        if rest > 0 {
            let _ = writeln!(out, "{rest:>10}  in other ways");
        }
    }
}

impl Tally {
    fn add(&mut self, record: &TrafficRecord) {
        self.sessions += 1;
        self.sent = self.sent.saturating_add(record.sent.bytes);
        self.received = self.received.saturating_add(record.received.bytes);
        let packets = record.sent.packets.saturating_add(record.received.packets);
        self.packets = self.packets.saturating_add(packets);
    }

    fn merge(&mut self, other: &Self) {
        self.sessions = self.sessions.saturating_add(other.sessions);
        self.packets = self.packets.saturating_add(other.packets);
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
    }
}

/// What a way of opening means to the one who has to repair it; `None` where nothing is wrong.
const fn explanation(outcome: HandshakeOutcome) -> Option<&'static str> {
    Some(match outcome {
        HandshakeOutcome::None | HandshakeOutcome::Complete | HandshakeOutcome::Simultaneous => return None,
        HandshakeOutcome::NoAnswer => {
            "The server never answered the SYN: it is down or filtered, or its answer takes another way."
        }
        HandshakeOutcome::Refused => "The server answered the SYN with a reset: nothing listens on the port.",
        HandshakeOutcome::Abandoned => "The client took its SYN back before the server answered.",
        HandshakeOutcome::ChallengeAck => {
            "The server answered the SYN with a challenge ACK: it still holds an older session on these \
             addresses and ports."
        }
        HandshakeOutcome::HalfOpen => {
            "The client never acknowledged the SYN-ACK: it did not arrive, or this is a scan or a SYN flood."
        }
        HandshakeOutcome::Asymmetric => {
            "The client went on, but no SYN-ACK was seen: the server's packets take another way."
        }
        HandshakeOutcome::Midstream => {
            "The opening was not seen: the session is older than the capture, or its ways through the \
             network differ."
        }
    })
}

fn section(out: &mut String, title: &str, rows: &[(&str, Tally)], shown: usize) {
    let present: Vec<&(&str, Tally)> = rows.iter().filter(|(_, tally)| tally.sessions > 0).collect();
    let _ =
        writeln!(out, "\n{title:<24} {:>10} {:>10} {:>8} {:>8}", "sessions", "packets", "sent", "received");
    for (name, tally) in present.iter().take(shown) {
        line(out, name, tally);
    }
    let mut rest = Tally::default();
    present.iter().skip(shown).for_each(|(_, tally)| rest.merge(tally));
    if rest.sessions > 0 {
        line(out, &format!("{} others", present.len() - shown), &rest);
    }
}

fn line(out: &mut String, name: &str, tally: &Tally) {
    let Tally { sessions, packets, sent, received } = *tally;
    let (sent, received) = (human::bytes(sent), human::bytes(received));
    let _ = writeln!(out, "{name:<24} {sessions:>10} {packets:>10} {sent:>8} {received:>8}");
}

fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Adds `text` in lines of at most `width` columns, each after `indent` blanks.
fn wrap(out: &mut String, text: &str, indent: usize, width: usize) {
    let mut column = 0;
    for word in text.split(' ') {
        if column == 0 || column + 1 + word.len() > width {
            if column > 0 {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use bifrons_model::HandshakeStep;

    use super::*;
    use crate::samples;

    fn opened(steps: &[HandshakeStep]) -> TrafficRecord {
        TrafficRecord { handshake: samples::handshake(steps), ..samples::ended() }
    }

    #[test]
    fn it_counts_and_explains() {
        use HandshakeStep::{Rst, ServerAck, Syn};
        let mut summary = Summary::default();
        for record in [
            samples::started(),
            samples::ended(),
            samples::dropped(),
            samples::ipv6(),
            opened(&[Syn, ServerAck, Rst]),
            opened(&[Syn, ServerAck, Rst]),
            opened(&[Syn]),
        ] {
            summary.add(&record, &samples::names());
        }
        // The model owns the words of the steps.
        let challenged = samples::handshake(&[Syn, ServerAck, Rst]).to_string();
        let expected = "\
6 sessions, 83 packets, 5.1kB sent, 40MB received, within 1.25s; 1 start record

application                sessions    packets     sent received
ssl                               4         80    4.9kB     40MB
dns-base                          1          2      98B      98B
not-applicable                    1          1      74B       0B

end reason                 sessions    packets     sent received
tcp-fin                           4         80    4.9kB     40MB
policy-deny                       1          1      74B       0B
aged-out                          1          2      98B      98B

final action               sessions    packets     sent received
Allowed                           5         82    5.0kB     40MB
Blocked                           1          1      74B       0B

TCP sessions that did not open as they should
         2  CHALLENGED
            The server answered the SYN with a challenge ACK: it still holds an
            older session on these addresses and ports.
         1  syn
            The server never answered the SYN: it is down or filtered, or its
            answer takes another way.
";
        assert_eq!(summary.text(80), expected.replace("CHALLENGED", &challenged));
        assert_eq!(summary.sessions(), 6);
    }

    #[test]
    fn nothing_is_a_summary_too() {
        let text = Summary::default().text(80);
        assert_eq!(text, "0 sessions, 0 packets, 0B sent, 0B received\n");
    }

    #[test]
    fn hostile_openings_do_not_make_it_grow() {
        use HandshakeStep::{ServerSyn, Syn};
        let mut summary = Summary::default();
        for code in 0..5_000_u32 {
            // SYN, then any four steps; none of them completes the handshake.
            let digit =
                |place: u32| [3, 7, 9, 5, 8][(code / 5_u32.pow(place) % 5) as usize] << (4 * (place + 1));
            let steps = 1 | (0..5).map(digit).fold(0, |all, step| all | step);
            summary
                .add(&TrafficRecord { handshake: Handshake(steps), ..samples::ended() }, &samples::names());
        }
        assert_eq!(summary.openings.len(), Summary::OPENINGS_MAX);
        let told: u64 = summary.openings.values().sum();
        assert!(summary.other_openings > 0 && told + summary.other_openings <= 5_000);
        let longest = samples::handshake(&[Syn, ServerSyn, Syn, ServerSyn, Syn, ServerSyn, Syn, ServerSyn]);
        let mut summary = Summary::default();
        summary.add(&TrafficRecord { handshake: longest, ..samples::ended() }, &samples::names());
        let text = summary.text(80);
        assert!(text.contains('…') && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
