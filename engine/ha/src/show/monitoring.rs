//! What is watched, and how it is.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::typed::{FailureCondition, PathThrough};
use serde::{Serialize, Serializer};

use super::{Lines, RULE, condition, micros, serialize_condition, up, yes};
use crate::{DestinationGroupState, LinkGroupState, PathGroupState, PathState, Status, timers::PING_DELAY};

/// `show high-availability link-monitoring`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkMonitoringReport {
    /// Whether links are watched.
    pub enabled: bool,
    /// How many of the groups must fail.
    #[serde(serialize_with = "serialize_condition")]
    pub failure_condition: FailureCondition,
    /// Whether so many have failed that the device cannot lead.
    pub failed: bool,
    /// The groups.
    pub groups: Vec<LinkGroupReport>,
}

/// Interfaces that are watched together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkGroupReport {
    /// Its name.
    pub name: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// How many of its interfaces must fail.
    #[serde(serialize_with = "serialize_condition")]
    pub failure_condition: FailureCondition,
    /// Its interfaces.
    pub interfaces: Vec<WatchedLink>,
}

/// An interface of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WatchedLink {
    /// Its name.
    pub interface: String,
    /// Whether it is up.
    pub up: bool,
}

/// `show high-availability path-monitoring`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathMonitoringReport {
    /// Whether paths are watched.
    pub enabled: bool,
    /// How many of the groups must fail.
    #[serde(serialize_with = "serialize_condition")]
    pub failure_condition: FailureCondition,
    /// Whether so many have failed that the device cannot lead.
    pub failed: bool,
    /// From becoming active to the first ping.
    pub ping_hold_ms: u64,
    /// The groups.
    pub groups: Vec<PathGroupReport>,
}

/// Destinations that are pinged through one part of the device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathGroupReport {
    /// What the pings go through: `virtual-wire`, `vlan`, `virtual-router` or `logical-router`.
    #[serde(serialize_with = "serialize_through")]
    pub through: PathThrough,
    /// The name of that.
    pub name: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// How many of its destination groups must fail.
    #[serde(serialize_with = "serialize_condition")]
    pub failure_condition: FailureCondition,
    /// Between two pings.
    pub ping_interval_ms: u64,
    /// With how many lost pings in a row a destination has failed.
    pub ping_count: u8,
    /// Its destination groups.
    pub destination_groups: Vec<DestinationsReport>,
}

/// Destinations that are watched together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationsReport {
    /// Its name.
    pub name: String,
    /// Whether it is watched.
    pub enabled: bool,
    /// How many of its destinations must fail.
    #[serde(serialize_with = "serialize_condition")]
    pub failure_condition: FailureCondition,
    /// The destinations.
    pub destinations: Vec<DestinationReport>,
}

/// A destination and its pings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DestinationReport {
    /// Where pings go.
    pub address: IpAddr,
    /// Whether it counts as reached.
    pub up: bool,
    /// Pings sent.
    pub sent: u64,
    /// Pings answered.
    pub answered: u64,
    /// The shortest time to an answer; 0 without one, as the two that follow.
    pub rtt_min_us: u64,
    /// The longest time to an answer.
    pub rtt_max_us: u64,
    /// The average time to an answer.
    pub rtt_average_us: u64,
}

impl LinkMonitoringReport {
    pub(super) fn new(status: &Status) -> Self {
        let monitoring = &status.settings.config.link_monitoring;
        let name = |place: usize| status.settings.interfaces.get(place).map_or("unknown", String::as_str);
        let group = |group: &LinkGroupState| LinkGroupReport {
            name: group.name.clone(),
            enabled: group.enabled,
            failure_condition: group.condition,
            interfaces: (group.interfaces.iter())
                .map(|(place, up)| WatchedLink { interface: name(*place).to_string(), up: *up })
                .collect(),
        };
        Self {
            enabled: monitoring.enabled,
            failure_condition: monitoring.condition,
            failed: status.links_have_failed,
            groups: status.link_groups.iter().map(group).collect(),
        }
    }

    pub(super) fn write(&self, lines: &mut Lines) {
        lines.block("Link Monitoring Information", |lines| {
            lines.value("Enabled", yes(self.enabled));
            lines.value("Failure condition", condition(self.failure_condition));
            self.groups.iter().for_each(|group| group.write(lines));
            if self.groups.is_empty() {
                lines.line("No link monitoring groups");
            }
        });
    }
}

impl LinkGroupReport {
    fn write(&self, lines: &mut Lines) {
        lines.block(&format!("Group {}", self.name), |lines| {
            lines.value("Enabled", yes(self.enabled));
            lines.value("Failure condition", condition(self.failure_condition));
            for link in &self.interfaces {
                lines.line(format_args!("Interface {}: {}", link.interface, up(link.up)));
            }
        });
    }
}

impl PathMonitoringReport {
    pub(super) fn new(status: &Status) -> Self {
        let monitoring = &status.settings.config.path_monitoring;
        Self {
            enabled: monitoring.enabled,
            failure_condition: monitoring.condition,
            failed: status.paths_have_failed,
            ping_hold_ms: u64::try_from(PING_DELAY.as_millis()).unwrap_or(u64::MAX),
            groups: status.path_groups.iter().map(PathGroupReport::new).collect(),
        }
    }

    /// The block of `show high-availability all`.
    pub(super) fn write(&self, lines: &mut Lines) {
        lines.block("Path Monitoring Information", |lines| {
            lines.value("Enabled", yes(self.enabled));
            lines.value("Failure condition", condition(self.failure_condition));
            for (through, word) in [
                (PathThrough::VirtualWire, "Virtual-Wire"),
                (PathThrough::Vlan, "VLAN"),
                (PathThrough::VirtualRouter, "Virtual-Router"),
                (PathThrough::LogicalRouter, "Logical-Router"),
            ] {
                lines.block(&format!("{word} Groups"), |lines| {
                    let groups = self.groups.iter().filter(|group| group.through == through);
                    groups.clone().for_each(|group| group.write(lines));
                    if groups.count() == 0 {
                        lines.line(format_args!("No {word} path monitoring groups"));
                    }
                });
            }
        });
    }

    /// The page of its own: a row for each destination.
    pub(super) fn write_table(&self, lines: &mut Lines) {
        const HEADS: [&str; 5] =
            ["grp/name/type", "destination", "suc/total", "rtt min/max/avg (ms)", "probe cnt/interval(ms)"];
        const NARROWEST: [usize; 5] = [25, 15, 9, 20, 22];
        let rows: Vec<[String; 5]> = self.groups.iter().flat_map(PathGroupReport::rows).collect();
        let mut widths = NARROWEST;
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.len().max(*width);
            }
        }
        let line = |cells: [&str; 5]| {
            let cells = cells.into_iter().zip(widths);
            cells.map(|(cell, width)| format!("{cell:width$}")).collect::<Vec<_>>().join(" ")
        };
        lines.line(RULE);
        lines.line(format_args!("{:<47} {}", "total paths monitored :", rows.len()));
        lines.line(format_args!("{:<47} {} ms", "hold time to send probe packets :", self.ping_hold_ms));
        lines.line("  (after device becomes active)");
        lines.line(RULE);
        lines.line(line(HEADS));
        lines.line(RULE);
        for row in &rows {
            lines.line(line(row.each_ref().map(String::as_str)));
        }
        lines.line(RULE);
    }
}

impl PathGroupReport {
    fn new(group: &PathGroupState) -> Self {
        Self {
            through: group.through,
            name: group.name.clone(),
            enabled: group.enabled,
            failure_condition: group.condition,
            ping_interval_ms: u64::try_from(group.interval.as_millis()).unwrap_or(u64::MAX),
            ping_count: group.count,
            destination_groups: group.destinations.iter().map(DestinationsReport::new).collect(),
        }
    }

    fn write(&self, lines: &mut Lines) {
        lines.block(&format!("Group {}", self.name), |lines| {
            lines.value("Enabled", yes(self.enabled));
            lines.value("Failure condition", condition(self.failure_condition));
            for group in &self.destination_groups {
                lines.block(&format!("Destination Group {}", group.name), |lines| {
                    lines.value("Enabled", yes(group.enabled));
                    lines.value("Failure condition", condition(group.failure_condition));
                    for DestinationReport { address, up: is_up, .. } in &group.destinations {
                        lines.line(format_args!("Destination {address}: {}", up(*is_up)));
                    }
                });
            }
        });
    }

    fn rows(&self) -> impl Iterator<Item = [String; 5]> + '_ {
        let Self { name, ping_count, ping_interval_ms, .. } = self;
        let row = move |group: &str, it: &DestinationReport| {
            let [min, max, average] = [it.rtt_min_us, it.rtt_max_us, it.rtt_average_us].map(milliseconds);
            [
                format!("{group}/{name}/{}", through(self.through)),
                it.address.to_string(),
                format!("{}/{}", it.answered, it.sent),
                format!("{min}/{max}/{average}"),
                format!("{ping_count}/{ping_interval_ms}"),
            ]
        };
        self.destination_groups
            .iter()
            .flat_map(move |group| group.destinations.iter().map(move |it| row(&group.name, it)))
    }
}

impl DestinationsReport {
    fn new(group: &DestinationGroupState) -> Self {
        let destination = |path: &PathState| {
            let average = path.total.checked_div(u32::try_from(path.answered).unwrap_or(u32::MAX));
            DestinationReport {
                address: path.address,
                up: !path.has_failed,
                sent: path.sent,
                answered: path.answered,
                rtt_min_us: micros(path.shortest),
                rtt_max_us: micros(path.longest),
                rtt_average_us: micros(average.unwrap_or_default()),
            }
        };
        Self {
            name: group.name.clone(),
            enabled: group.enabled,
            failure_condition: group.condition,
            destinations: group.paths.iter().map(destination).collect(),
        }
    }
}

/// With two decimals.
fn milliseconds(micros: u64) -> String {
    let hundredths = micros / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

const fn through(through: PathThrough) -> &'static str {
    match through {
        PathThrough::VirtualWire => "virtual-wire",
        PathThrough::Vlan => "vlan",
        PathThrough::VirtualRouter => "virtual-router",
        PathThrough::LogicalRouter => "logical-router",
    }
}

fn serialize_through<S: Serializer>(value: &PathThrough, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(through(*value))
}
