//! What an operator sees: `show high-availability …`.
//!
//! Each show is a [`PairPage`], a value with names and units. Its text and its JSON are made from it, so that
//! they say the same. Order and words of the text are those of PAN-OS. What this device does not have (a URL
//! database, a speed of its ports) has no line.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, time::Duration};

use bifrons_config::typed::FailureCondition;
use serde::{Serialize, Serializer};

use crate::{HaLinkId, Status};

mod counts;
mod link;
mod monitoring;
mod report;
mod report_text;
mod synchronization;
#[cfg(test)]
mod tests;
mod virtual_addresses;

pub use counts::{FlapStatistics, StateCount, Transitions};
pub use link::LinkReport;
pub use monitoring::{
    DestinationReport, DestinationsReport, LinkGroupReport, LinkMonitoringReport, PathGroupReport,
    PathMonitoringReport, WatchedLink,
};
pub use report::{
    Alike, ConfigurationReport, ControlLinks, Election, KnownPeer, LocalReport, ModeSettings, PairReport,
    PeerAddress, PeerReport, Running, StateSynchronization, Timers, VersionReport, VersionsAlike,
};
pub use synchronization::{SynchronizationReport, SynchronizationRow};
pub use virtual_addresses::{VirtualAddressReport, VirtualAddresses, VirtualInterface};

/// Which of the shows that a [`Status`] is enough for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShowHighAvailability {
    /// `all`
    All,
    /// `state`
    State,
    /// `transitions`
    Transitions,
    /// `flap-statistics`
    FlapStatistics,
    /// `link-monitoring`
    LinkMonitoring,
    /// `path-monitoring`
    PathMonitoring,
    /// `interface ha1|ha1-backup|ha2|ha2-backup|ha3`
    Interface(HaLinkId),
}

impl ShowHighAvailability {
    /// All that are about the pair as a whole.
    pub const ALL: [Self; 6] = [
        Self::All,
        Self::State,
        Self::Transitions,
        Self::FlapStatistics,
        Self::LinkMonitoring,
        Self::PathMonitoring,
    ];

    /// The word of the command.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::State => "state",
            Self::Transitions => "transitions",
            Self::FlapStatistics => "flap-statistics",
            Self::LinkMonitoring => "link-monitoring",
            Self::PathMonitoring => "path-monitoring",
            Self::Interface(_) => "interface",
        }
    }

    /// What it shows.
    pub fn page(self, status: &Status) -> PairPage {
        match self {
            Self::All => PairPage::Report(Box::new(PairReport::all(status))),
            Self::State => PairPage::Report(Box::new(PairReport::state(status))),
            Self::Transitions => PairPage::Transitions(Transitions::new(status)),
            Self::FlapStatistics => PairPage::FlapStatistics(FlapStatistics::new(status)),
            Self::LinkMonitoring => PairPage::LinkMonitoring(LinkMonitoringReport::new(status)),
            Self::PathMonitoring => PairPage::PathMonitoring(PathMonitoringReport::new(status)),
            Self::Interface(link) => PairPage::Interface(LinkReport::new(status, link)),
        }
    }
}

/// What one of the shows has to say. `Display` gives the text for a terminal, `Serialize` the fields by their
/// names: an object without the name of the show. A field that says nothing is left out; one that has a unit
/// ends with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PairPage {
    /// `all` and `state`
    Report(Box<PairReport>),
    /// `transitions`
    Transitions(Transitions),
    /// `flap-statistics`
    FlapStatistics(FlapStatistics),
    /// `link-monitoring`
    LinkMonitoring(LinkMonitoringReport),
    /// `path-monitoring`
    PathMonitoring(PathMonitoringReport),
    /// `interface …`
    Interface(LinkReport),
    /// `virtual-address`
    VirtualAddresses(VirtualAddresses),
    /// `state-synchronization`
    Synchronization(SynchronizationReport),
}

impl fmt::Display for PairPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Lines::default();
        match self {
            Self::Report(report) => report.write(&mut lines),
            Self::Transitions(transitions) => transitions.write(&mut lines),
            Self::FlapStatistics(statistics) => statistics.write(&mut lines),
            Self::LinkMonitoring(monitoring) => monitoring.write(&mut lines),
            Self::PathMonitoring(monitoring) => monitoring.write_table(&mut lines),
            Self::Interface(link) => link.write_page(&mut lines),
            Self::VirtualAddresses(addresses) => addresses.write(&mut lines),
            Self::Synchronization(report) => report.write(&mut lines),
        }
        f.write_str(&lines.text)
    }
}

/// The dashes between the parts of a table, as wide as a terminal.
const RULE: &str = "--------------------------------------------------------------------------------";

/// Lines with their depth.
#[derive(Default)]
struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    /// One line, without blanks at its end.
    fn line(&mut self, line: impl fmt::Display) {
        let line = format!("{:width$}{line}", "", width = self.depth * 2);
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn value(&mut self, label: &str, value: impl fmt::Display) {
        self.line(format_args!("{label}: {value}"));
    }

    /// A value that not every device has.
    fn some(&mut self, label: &str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.value(label, value);
        }
    }

    fn block(&mut self, label: &str, content: impl FnOnce(&mut Self)) {
        self.line(format_args!("{label}:"));
        self.depth += 1;
        content(self);
        self.depth -= 1;
    }
}

const fn yes(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

const fn up(is_up: bool) -> &'static str {
    if is_up { "up" } else { "down" }
}

const fn condition(condition: FailureCondition) -> &'static str {
    match condition {
        FailureCondition::Any => "any",
        FailureCondition::All => "all",
    }
}

fn serialize_condition<S: Serializer>(value: &FailureCondition, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(condition(*value))
}

/// In the greatest unit of which there is at least one.
fn elapsed(seconds: u64) -> String {
    let (count, unit) = [(86_400, "day"), (3_600, "hour"), (60, "minute")]
        .into_iter()
        .find_map(|(length, unit)| (seconds >= length).then_some((seconds / length, unit)))
        .unwrap_or((seconds, "second"));
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// `active-primary` as `Active-Primary`.
fn capitalised(word: &str) -> String {
    let parts = word.split('-').map(|part| {
        let (first, rest) = part.split_at_checked(1).unwrap_or((part, ""));
        first.to_uppercase() + rest
    });
    parts.collect::<Vec<String>>().join("-")
}

/// Whole microseconds.
fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// A number of flaps after which a device is suspended; none is never.
fn limit(flaps: Option<u8>) -> String {
    flaps.map_or_else(|| String::from("infinite"), |limit| limit.to_string())
}
