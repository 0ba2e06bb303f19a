//! The lines of `show high-availability all` and `state`.

use alloc::format;

use super::{Lines, elapsed, limit, yes};
use crate::HaLinkId;

use super::report::{
    Alike, ConfigurationReport, Election, KnownPeer, LocalReport, ModeSettings, PairReport, PeerAddress,
    PeerReport, Running, StateSynchronization, Timers, VersionReport,
};

impl PairReport {
    pub(super) fn write(&self, lines: &mut Lines) {
        lines.block(&format!("Group {}", self.group), |lines| {
            lines.value("Mode", self.mode.name());
            lines.block("Local Information", |lines| self.local.write(lines));
            lines.block("Peer Information", |lines| self.peer.write(lines, self.group, self.has_data_link()));
            if let Some(is_held) = self.initial_monitor_hold {
                let word = if is_held { "active" } else { "inactive" };
                let title = format!("Initial Monitor Hold {word}; Allow Network/Links to Settle");
                lines.block(&title, |lines| {
                    let word = if is_held { "ignored" } else { "honored" };
                    lines.line(format_args!("Link and path monitoring failures {word}"));
                });
            }
            self.link_monitoring.iter().for_each(|it| it.write(lines));
            self.path_monitoring.iter().for_each(|it| it.write(lines));
            self.configuration.write(lines);
        });
    }

    /// Whether the page is one that shows HA2, and there is one.
    fn has_data_link(&self) -> bool {
        let is_data = |link| matches!(link, HaLinkId::Ha2 | HaLinkId::Ha2Backup);
        self.local.links.as_ref().is_some_and(|links| links.iter().any(|it| is_data(it.link)))
    }
}

impl LocalReport {
    fn write(&self, lines: &mut Lines) {
        lines.value("Version", self.version);
        lines.value("Mode", self.mode.name());
        lines.line(format_args!("State: {} (last {})", self.state.name(), elapsed(self.state_seconds)));
        lines.some("State Reason", self.state_reason.as_ref());
        lines.some("Last non-functional state reason", self.last_failure_reason.as_ref());
        lines.block("Device Information", |lines| lines.value("Model", &self.model));
        lines.block("HA1 Control Links Joint Configuration", |lines| {
            if let Some(interval) = self.control_links.monitor_hold_ms {
                lines.line(format_args!("Link Monitor Interval: {interval} ms"));
            }
            lines.value("Encryption Enabled", yes(self.control_links.encrypted));
        });
        for link in self.links.iter().flatten() {
            if let Some(title) = link.title() {
                lines.block(title, |lines| link.write(lines));
            }
        }
        lines.block("Election Option Information", |lines| self.election.write(lines));
        self.settings.iter().for_each(|settings| settings.write(lines));
        self.versions.iter().for_each(|versions| versions.write(lines));
        lines.block("Version Compatibility", |lines| {
            lines.value("Software Version", self.compatibility.software.word());
            lines.value("Application Content Compatibility", self.compatibility.application_content.word());
        });
        self.synchronization.write(lines);
    }
}

impl PeerReport {
    fn write(&self, lines: &mut Lines, group: u8, has_data_link: bool) {
        lines.value("Connection status", super::up(self.connected));
        lines.some("Connection down reason", self.down_reason);
        let Some(known) = &self.known else {
            lines.value("State", "unknown");
            return;
        };
        known.write(lines, group, has_data_link);
    }
}

impl KnownPeer {
    fn write(&self, lines: &mut Lines, group: u8, has_data_link: bool) {
        lines.value("Version", self.version);
        lines.value("Mode", self.mode.name());
        lines.some("Group", Some(self.group).filter(|own| *own != group));
        lines.line(format_args!("State: {} (last {})", self.state.name(), elapsed(self.state_seconds)));
        lines.some("State Reason", self.state_reason.as_ref());
        lines.block("Device Information", |lines| lines.value("Model", &self.model));
        if let Some(control) = &self.control_link {
            lines.block("HA1 Control Link Information", |lines| control.write(lines));
        }
        if has_data_link {
            lines.block("HA2 Data Link Information", |lines| connection(lines, self.data_link));
        }
        lines.block("Election Option Information", |lines| self.election.write(lines));
        self.versions.iter().for_each(|versions| versions.write(lines));
    }
}

impl PeerAddress {
    fn write(&self, lines: &mut Lines) {
        lines.some("IP Address", self.address);
        lines.value("MAC Address", self.mac);
        connection(lines, self.link);
    }
}

fn connection(lines: &mut Lines, link: Option<HaLinkId>) {
    let word = match link {
        None => {
            lines.line("Connection down");
            return;
        }
        Some(HaLinkId::Ha1) => "Primary HA1 link",
        Some(HaLinkId::Ha1Backup) => "Backup HA1 link",
        Some(HaLinkId::HeartbeatBackup) => "Heartbeat backup",
        Some(HaLinkId::Ha2) => "Primary HA2 link",
        Some(HaLinkId::Ha2Backup) => "Backup HA2 link",
        Some(HaLinkId::Ha3) => "HA3 link",
    };
    lines.line(format_args!("Connection up; {word}"));
}

impl Election {
    fn write(&self, lines: &mut Lines) {
        lines.value("Priority", self.priority);
        lines.value("Preemptive", yes(self.preemptive));
        self.timers.iter().for_each(|timers| timers.write(lines));
    }
}

impl Timers {
    fn write(&self, lines: &mut Lines) {
        lines.line(format_args!("Promotion Hold Interval: {} ms", self.promotion_hold_ms));
        lines.line(format_args!("Hello Message Interval: {} ms", self.hello_interval_ms));
        lines.line(format_args!("Heartbeat Ping Interval: {} ms", self.heartbeat_interval_ms));
        lines.value("Max # of Flaps", limit(self.flap_max));
        lines.line(format_args!("Preemption Hold Interval: {} min", self.preemption_hold_minutes));
        lines.line(format_args!("Monitor Fail Hold Up Interval: {} ms", self.monitor_fail_hold_up_ms));
        lines.line(format_args!("Addon Master Hold Up Interval: {} ms", self.additional_master_hold_up_ms));
    }
}

impl ModeSettings {
    fn write(&self, lines: &mut Lines) {
        match self {
            Self::ActivePassive { passive_link_state, monitor_fail_hold_down_minutes } => {
                lines.block("Active-Passive Mode", |lines| {
                    lines.value("Passive Link State", passive_link_state);
                    let minutes = monitor_fail_hold_down_minutes;
                    lines.line(format_args!("Monitor Fail Hold Down Interval: {minutes} min"));
                });
            }
            Self::ActiveActive { .. } => {
                lines.block("Active-Active Mode", |lines| self.write_active_active(lines));
            }
        }
    }

    fn write_active_active(&self, lines: &mut Lines) {
        let Self::ActiveActive {
            device_id,
            tentative_hold_seconds,
            sync_virtual_router,
            sync_qos,
            session_owner,
            session_setup,
            hash_key,
            ..
        } = self
        else {
            return;
        };
        lines.value("Device-id", device_id);
        match tentative_hold_seconds {
            Some(seconds) => lines.line(format_args!("Tentative Hold Interval: {seconds} sec")),
            None => lines.value("Tentative Hold Interval", "disabled"),
        }
        lines.value("Network Config Sync Virtual-Router", yes(*sync_virtual_router));
        lines.value("Network Config Sync QOS", yes(*sync_qos));
        lines.value("Session Owner Selection Session Processing Rule", session_owner);
        let setup =
            hash_key.map_or_else(|| (*session_setup).into(), |key| format!("{session_setup} ({key})"));
        lines.value("Session Owner Selection Session Setup Rule", setup);
    }
}

impl VersionReport {
    fn write(&self, lines: &mut Lines) {
        lines.block("Version Information", |lines| {
            lines.value("Build Release", &self.build_release);
            lines.some("Application Content", self.application_content.as_ref());
        });
    }
}

impl Alike {
    const fn word(self) -> &'static str {
        match self {
            Self::Match => "Match",
            Self::Mismatch => "Mismatch",
            Self::Unknown => "Unknown",
        }
    }
}

impl StateSynchronization {
    fn write(&self, lines: &mut Lines) {
        if self.enabled {
            let word = if self.complete { "Complete" } else { "Incomplete" };
            lines.line(format_args!("State Synchronization: {word}; type: {}", self.transport));
        } else {
            lines.value("State Synchronization", "Disabled");
        }
    }
}

impl ConfigurationReport {
    fn write(&self, lines: &mut Lines) {
        lines.block("Configuration Synchronization", |lines| {
            lines.value("Enabled", yes(self.enabled));
            let word = match self.running {
                Running::Synchronized => "synchronized",
                Running::NotSynchronized => "not synchronized",
                Running::Unknown => "unknown",
            };
            lines.value("Running Configuration", word);
        });
    }
}
