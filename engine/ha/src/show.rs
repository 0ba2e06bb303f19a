//! What an operator sees: `show high-availability …`.
//!
//! Order and words are those of PAN-OS. What this device does not have (a URL database, a speed of its ports)
//! has no line.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    fmt::{self, Write},
    time::Duration,
};

use bifrons_config::typed::{
    FailureCondition, Ha2Transport, HaMode, PathThrough, SessionOwner, SessionSetup,
};

use crate::{
    HaLinkId, HaState, Hello, LinkGroupState, PathGroupState, Status,
    election::{Mode, StateReason},
    timers::PING_DELAY,
};

mod peer;
#[cfg(test)]
mod tests;

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

    /// The text.
    pub fn text(self, status: &Status) -> String {
        let mut page = Page::default();
        match self {
            Self::All => all(&mut page, status),
            Self::State => state(&mut page, status),
            Self::Transitions => transitions(&mut page, status),
            Self::FlapStatistics => flap_statistics(&mut page, status),
            Self::LinkMonitoring => link_monitoring(&mut page, status),
            Self::PathMonitoring => path_table(&mut page, status),
            Self::Interface(link) => interface(&mut page, status, link),
        }
        page.text
    }
}

/// Lines with their depth.
#[derive(Default)]
struct Page {
    text: String,
    depth: usize,
}

impl Page {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{:width$}{line}", "", width = self.depth * 2);
    }

    fn value(&mut self, label: &str, value: impl fmt::Display) {
        self.line(format_args!("{label}: {value}"));
    }

    fn block(&mut self, label: &str, content: impl FnOnce(&mut Self)) {
        self.line(format_args!("{label}:"));
        self.depth += 1;
        content(self);
        self.depth -= 1;
    }
}

fn all(page: &mut Page, status: &Status) {
    page.block(&group(status), |page| {
        page.value("Mode", status.own.mode.name());
        page.block("Local Information", |page| {
            local_state(page, status);
            page.block("Device Information", |page| page.value("Model", &status.own.model));
            page.block("HA1 Control Links Joint Configuration", |page| {
                let interval = status.settings.config.links.ha1_monitor_hold_ms;
                page.line(format_args!("Link Monitor Interval: {interval} ms"));
                page.value("Encryption Enabled", "yes");
            });
            links(page, status);
            election(page, status);
            mode(page, status);
            page.block("Version Information", |page| versions(page, &status.own));
            page.block("Version Compatibility", |page| compatibility(page, status));
            synchronization(page, status);
        });
        peer::all(page, status);
        let word = if status.settles_at.is_some() { "active" } else { "inactive" };
        page.block(&format!("Initial Monitor Hold {word}; Allow Network/Links to Settle"), |page| {
            let honored = if status.settles_at.is_some() { "ignored" } else { "honored" };
            page.line(format_args!("Link and path monitoring failures {honored}"));
        });
        link_monitoring(page, status);
        path_monitoring(page, status);
        configuration(page, status);
    });
}

fn state(page: &mut Page, status: &Status) {
    page.block(&group(status), |page| {
        page.value("Mode", status.own.mode.name());
        page.block("Local Information", |page| {
            local_state(page, status);
            page.block("Device Information", |page| page.value("Model", &status.own.model));
            page.block("HA1 Control Links Joint Configuration", |page| {
                page.value("Encryption Enabled", "yes");
            });
            page.block("Election Option Information", |page| priority(page, &status.own));
            page.block("Version Compatibility", |page| compatibility(page, status));
            synchronization(page, status);
        });
        peer::state(page, status);
        configuration(page, status);
    });
}

fn transitions(page: &mut Page, status: &Status) {
    page.block("Transition Statistics", |page| {
        let is_known = |state: HaState| match state {
            HaState::Active | HaState::Passive => status.own.mode == Mode::ActivePassive,
            HaState::ActivePrimary | HaState::ActiveSecondary | HaState::Tentative => {
                status.own.mode == Mode::ActiveActive
            }
            HaState::Initial | HaState::NonFunctional | HaState::Suspended => true,
        };
        page.value("Unknown", 0);
        for state in [
            HaState::Suspended,
            HaState::Initial,
            HaState::NonFunctional,
            HaState::Tentative,
            HaState::Passive,
            HaState::Active,
            HaState::ActiveSecondary,
            HaState::ActivePrimary,
        ] {
            let count = status.transitions.iter().find(|(it, _)| *it == state).map_or(0, |(_, count)| *count);
            if is_known(state) || count > 0 {
                page.value(&capitalised(state.name()), count);
            }
        }
    });
}

fn flap_statistics(page: &mut Page, status: &Status) {
    page.block(&group(status), |page| {
        page.value("Mode", status.own.mode.name());
        page.block("Flap Statistics", |page| {
            page.value("Preemptions since flap counter reset", status.flaps.preemptions);
            page.value("Non-functional states since flap counter reset", status.flaps.non_functional);
            page.value("Maximum flaps allowed before suspending device", most_flaps(status));
        });
    });
}

fn link_monitoring(page: &mut Page, status: &Status) {
    let monitoring = &status.settings.config.link_monitoring;
    page.block("Link Monitoring Information", |page| {
        page.value("Enabled", yes(monitoring.enabled));
        page.value("Failure condition", condition(monitoring.condition));
        for group in &status.link_groups {
            link_group(page, status, group);
        }
        if status.link_groups.is_empty() {
            page.line(format_args!("No link monitoring groups"));
        }
    });
}

fn link_group(page: &mut Page, status: &Status, group: &LinkGroupState) {
    page.block(&format!("Group {}", group.name), |page| {
        page.value("Enabled", yes(group.enabled));
        page.value("Failure condition", condition(group.condition));
        for (place, is_up) in &group.interfaces {
            let name = status.settings.interfaces.get(*place).map_or("unknown", String::as_str);
            page.value(&format!("Interface {name}"), up(*is_up));
        }
    });
}

const PATH_KINDS: [(PathThrough, &str); 4] = [
    (PathThrough::VirtualWire, "Virtual-Wire"),
    (PathThrough::Vlan, "VLAN"),
    (PathThrough::VirtualRouter, "Virtual-Router"),
    (PathThrough::LogicalRouter, "Logical-Router"),
];

fn path_monitoring(page: &mut Page, status: &Status) {
    let monitoring = &status.settings.config.path_monitoring;
    page.block("Path Monitoring Information", |page| {
        page.value("Enabled", yes(monitoring.enabled));
        page.value("Failure condition", condition(monitoring.condition));
        for (through, word) in PATH_KINDS {
            let groups = status.path_groups.iter().filter(|group| group.through == through);
            let groups: Vec<&PathGroupState> = groups.collect();
            if groups.is_empty() {
                page.line(format_args!("No {word} path monitoring groups"));
                continue;
            }
            page.block(&format!("{word} Groups"), |page| groups.iter().for_each(|it| path_group(page, it)));
        }
    });
}

fn path_group(page: &mut Page, group: &PathGroupState) {
    page.block(&format!("Group {}", group.name), |page| {
        page.value("Enabled", yes(group.enabled));
        page.value("Failure condition", condition(group.condition));
        for destinations in &group.destinations {
            page.block(&format!("Destination Group {}", destinations.name), |page| {
                page.value("Enabled", yes(destinations.enabled));
                page.value("Failure condition", condition(destinations.condition));
                for path in &destinations.paths {
                    page.value(&format!("Destination {}", path.address), up(!path.has_failed));
                }
            });
        }
    });
}

/// One row for each destination.
fn path_table(page: &mut Page, status: &Status) {
    let rows: Vec<[String; 5]> = status.path_groups.iter().flat_map(path_rows).collect();
    let heads =
        ["grp/name/type", "destination", "suc/total", "rtt min/max/avg (ms)", "probe cnt/interval(ms)"];
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(column, head)| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(String::len).chain([head.len()]).max().unwrap_or_default()
        })
        .collect();
    let dashes = "-".repeat(widths.iter().sum::<usize>() + 2 * (heads.len() - 1));
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width)).collect();
        padded.join("  ").trim_end().to_string()
    };
    page.line(format_args!("{dashes}"));
    page.line(format_args!("total paths monitored : {}", rows.len()));
    let hold = PING_DELAY.as_millis();
    page.line(format_args!("hold time to send probe packets : {hold} ms (after device becomes active)"));
    page.line(format_args!("{dashes}"));
    page.line(format_args!("{}", line(&mut heads.into_iter())));
    page.line(format_args!("{dashes}"));
    for row in &rows {
        page.line(format_args!("{}", line(&mut row.iter().map(String::as_str))));
    }
}

fn path_rows(group: &PathGroupState) -> impl Iterator<Item = [String; 5]> + '_ {
    let kind = PATH_KINDS.iter().find(|(through, _)| *through == group.through).map_or("", |(_, word)| word);
    let cells = move |name: &str, path: &crate::PathState| {
        let average = path.total.checked_div(u32::try_from(path.answered).unwrap_or(u32::MAX));
        let [min, max, average] =
            [path.shortest, path.longest, average.unwrap_or_default()].map(milliseconds);
        [
            format!("{}/{name}/{kind}", group.name),
            path.address.to_string(),
            format!("{}/{}", path.answered, path.sent),
            format!("{min}/{max}/{average}"),
            format!("{}/{}", group.count, group.interval.as_millis()),
        ]
    };
    group.destinations.iter().flat_map(move |it| it.paths.iter().map(move |path| cells(&it.name, path)))
}

/// With two decimals.
fn milliseconds(span: Duration) -> String {
    let hundredths = span.as_micros() / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn group(status: &Status) -> String {
    format!("Group {}", status.settings.config.group_id)
}

fn local_state(page: &mut Page, status: &Status) {
    let agreed = status.peer.hello.as_ref().and_then(|peer| status.own.versions.agree(peer.versions));
    page.value("Version", agreed.unwrap_or(status.own.versions.highest));
    page.value("Mode", status.own.mode.name());
    let span = elapsed(status.now.since(status.since));
    page.line(format_args!("State: {} (last {span})", status.state.name()));
    if !status.state.is_functional() {
        page.value("State Reason", status.reason);
    }
    if let Some(reason) = status.last_failure.filter(|reason| *reason != StateReason::Started) {
        page.value("Last non-functional state reason", reason);
    }
}

fn links(page: &mut Page, status: &Status) {
    for (title, id) in [
        ("HA1 Control Link Information", HaLinkId::Ha1),
        ("HA1 Backup Control Link Information", HaLinkId::Ha1Backup),
        ("HA2 Data Link Information", HaLinkId::Ha2),
        ("HA2 Backup Data Link Information", HaLinkId::Ha2Backup),
        ("HA3 Packet-Forwarding Link Information", HaLinkId::Ha3),
    ] {
        if status.links.iter().any(|link| link.link == id) {
            page.block(title, |page| {
                link_address(page, status, id);
                link_state(page, status, id);
            });
        }
    }
}

fn interface(page: &mut Page, status: &Status, id: HaLinkId) {
    let Some(link) = status.links.iter().find(|link| link.link == id) else {
        page.line(format_args!("Interface {}: not configured", id.name()));
        return;
    };
    page.block(&format!("Interface {}", id.name()), |page| {
        link_address(page, status, id);
        let word = if link.is_up { "Up" } else { "Down" };
        page.line(format_args!("Link State: {word} (last {})", elapsed(status.now.since(link.since))));
    });
}

fn link_address(page: &mut Page, status: &Status, id: HaLinkId) {
    let config = &status.settings.config.links;
    let link = match id {
        HaLinkId::Ha1 => config.ha1.as_ref(),
        HaLinkId::Ha1Backup => config.ha1_backup.as_ref(),
        HaLinkId::Ha2 => config.ha2.as_ref(),
        HaLinkId::Ha2Backup => config.ha2_backup.as_ref(),
        HaLinkId::HeartbeatBackup | HaLinkId::Ha3 => None,
    };
    if let Some(address) = link.and_then(|link| link.address.as_ref()) {
        page.line(format_args!("IP Address: {}/{}", address.address, address.length));
    }
    if id == HaLinkId::Ha1 {
        page.value("MAC Address", status.own.ha1_mac);
    }
    let ha3 = config.ha3.as_ref().filter(|_| id == HaLinkId::Ha3);
    if let Some(port) = link.map(|link| &link.port).or(ha3).filter(|port| !port.is_empty()) {
        page.value("Interface", port);
    }
}

fn link_state(page: &mut Page, status: &Status, id: HaLinkId) {
    let is_up = status.links.iter().any(|link| link.link == id && link.is_up);
    page.value("Link State", if is_up { "Up" } else { "Down" });
}

fn priority(page: &mut Page, hello: &Hello) {
    page.value("Priority", hello.priority);
    page.value("Preemptive", yes(hello.preemptive));
}

fn election(page: &mut Page, status: &Status) {
    let timers = &status.settings.config.election.timers;
    page.block("Election Option Information", |page| {
        priority(page, &status.own);
        page.line(format_args!("Promotion Hold Interval: {} ms", timers.promotion_hold_ms));
        page.line(format_args!("Hello Message Interval: {} ms", timers.hello_interval_ms));
        page.line(format_args!("Heartbeat Ping Interval: {} ms", timers.heartbeat_interval_ms));
        page.value("Max # of Flaps", most_flaps(status));
        page.line(format_args!("Preemption Hold Interval: {} min", timers.preemption_hold_minutes));
        page.line(format_args!("Monitor Fail Hold Up Interval: {} ms", timers.monitor_fail_hold_up_ms));
        page.line(format_args!("Addon Master Hold Up Interval: {} ms", timers.additional_master_hold_up_ms));
    });
}

fn mode(page: &mut Page, status: &Status) {
    match &status.settings.config.mode {
        HaMode::ActivePassive { passive_links_up, monitor_fail_hold_down_minutes } => {
            page.block("Active-Passive Mode", |page| {
                page.value("Passive Link State", if *passive_links_up { "auto" } else { "shutdown" });
                let minutes = monitor_fail_hold_down_minutes;
                page.line(format_args!("Monitor Fail Hold Down Interval: {minutes} min"));
            });
        }
        HaMode::ActiveActive(settings) => page.block("Active-Active Mode", |page| {
            page.value("Device-id", settings.device_id);
            match settings.tentative_hold_seconds {
                Some(seconds) => page.line(format_args!("Tentative Hold Interval: {seconds} sec")),
                None => page.value("Tentative Hold Interval", "disabled"),
            }
            page.value("Network Config Sync Virtual-Router", yes(settings.sync_virtual_router));
            page.value("Network Config Sync QOS", yes(settings.sync_qos));
            let (owner, setup) = match settings.session_owner {
                SessionOwner::PrimaryDevice => ("primary-device", "primary-device"),
                SessionOwner::FirstPacket(setup) => ("first-packet", setup_rule(setup)),
            };
            page.value("Session Owner Selection Session Processing Rule", owner);
            page.value("Session Owner Selection Session Setup Rule", setup);
        }),
    }
}

const fn setup_rule(setup: SessionSetup) -> &'static str {
    match setup {
        SessionSetup::PrimaryDevice => "primary-device",
        SessionSetup::FirstPacket => "first-packet",
        SessionSetup::IpModulo => "ip-modulo",
        SessionSetup::IpHash { with_destination: false, .. } => "ip-hash (source)",
        SessionSetup::IpHash { with_destination: true, .. } => "ip-hash (source and destination)",
    }
}

fn versions(page: &mut Page, hello: &Hello) {
    page.value("Build Release", hello.software);
    page.value("Application Content", &hello.content);
}

fn compatibility(page: &mut Page, status: &Status) {
    let word = |is_alike: Option<bool>| match is_alike {
        None => "Unknown",
        Some(true) => "Match",
        Some(false) => "Mismatch",
    };
    let peer = status.peer.hello.as_ref();
    page.value("Software Version", word(peer.map(|peer| peer.software == status.own.software)));
    page.value("Application Content", word(peer.map(|peer| peer.content == status.own.content)));
}

fn synchronization(page: &mut Page, status: &Status) {
    let sync = &status.settings.config.state_sync;
    if !sync.enabled {
        page.value("State Synchronization", "Disabled");
        return;
    }
    let word = if status.own.is_synchronized { "Complete" } else { "Incomplete" };
    let transport = match sync.transport {
        Ha2Transport::Ethernet => "ethernet",
        Ha2Transport::Ip => "ip",
        Ha2Transport::Udp => "udp",
    };
    page.line(format_args!("State Synchronization: {word}; type: {transport}"));
}

fn configuration(page: &mut Page, status: &Status) {
    page.block("Configuration Synchronization", |page| {
        page.value("Enabled", yes(status.settings.config.configuration_sync));
        let own = status.own.configuration.digest;
        let word = match &status.peer.hello {
            None => "unknown",
            Some(peer) if peer.configuration.digest == own => "synchronized",
            Some(_) => "not synchronized",
        };
        page.value("Running Configuration", word);
    });
}

fn most_flaps(status: &Status) -> String {
    let limit = status.settings.config.election.timers.flap_max.filter(|limit| *limit > 0);
    limit.map_or_else(|| String::from("infinite"), |limit| limit.to_string())
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

/// In the greatest unit of which there is at least one.
fn elapsed(span: Duration) -> String {
    let seconds = span.as_secs();
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
