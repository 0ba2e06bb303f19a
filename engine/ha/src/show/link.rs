//! One link between the devices.

use alloc::{format, string::String};

use bifrons_config::typed::Prefix;
use bifrons_model::MacAddress;
use serde::{Serialize, Serializer};

use super::{Lines, elapsed};
use crate::{HaLinkId, Status};

/// `show high-availability interface …`, and a link in `all`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkReport {
    /// Which one.
    pub link: HaLinkId,
    /// Whether the configuration has it.
    pub configured: bool,
    /// This device's address on it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "serialize_address")]
    pub address: Option<Prefix>,
    /// This device's Ethernet address on HA1, which breaks a tie.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "serialize_optional_mac")]
    pub mac: Option<MacAddress>,
    /// The port; nothing where the link has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Whether it is up.
    pub up: bool,
    /// Since when it is up or down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_seconds: Option<u64>,
}

impl LinkReport {
    pub(super) fn new(status: &Status, id: HaLinkId) -> Self {
        let link = status.links.iter().find(|link| link.link == id);
        let config = &status.settings.config.links;
        let configured = match id {
            HaLinkId::Ha1 => config.ha1.as_ref(),
            HaLinkId::Ha1Backup => config.ha1_backup.as_ref(),
            HaLinkId::Ha2 => config.ha2.as_ref(),
            HaLinkId::Ha2Backup => config.ha2_backup.as_ref(),
            HaLinkId::HeartbeatBackup | HaLinkId::Ha3 => None,
        };
        let ha3 = config.ha3.as_ref().filter(|_| id == HaLinkId::Ha3);
        Self {
            link: id,
            configured: link.is_some(),
            address: configured.and_then(|link| link.address),
            mac: (id == HaLinkId::Ha1 && link.is_some()).then_some(status.own.ha1_mac),
            port: configured.map(|link| &link.port).or(ha3).filter(|port| !port.is_empty()).cloned(),
            up: link.is_some_and(|link| link.is_up),
            since_seconds: link.map(|link| status.now.since(link.since).as_secs()),
        }
    }

    /// The title of its block; none for a link that has no block.
    pub(super) const fn title(&self) -> Option<&'static str> {
        match self.link {
            HaLinkId::Ha1 => Some("HA1 Control Link Information"),
            HaLinkId::Ha1Backup => Some("HA1 Backup Control Link Information"),
            HaLinkId::Ha2 => Some("HA2 Data Link Information"),
            HaLinkId::Ha2Backup => Some("HA2 Backup Data Link Information"),
            HaLinkId::Ha3 => Some("HA3 Packet-Forwarding Link Information"),
            HaLinkId::HeartbeatBackup => None,
        }
    }

    /// Its lines in `all`.
    pub(super) fn write(&self, lines: &mut Lines) {
        self.write_address(lines);
        lines.value("Link State", self.word());
    }

    /// The page of its own.
    pub(super) fn write_page(&self, lines: &mut Lines) {
        let name = self.link.name();
        let Some(seconds) = self.since_seconds else {
            return lines.line(format_args!("Interface {name}: not configured"));
        };
        lines.block(&format!("Interface {name}"), |lines| {
            self.write_address(lines);
            lines.line(format_args!("Link State: {} (last {})", self.word(), elapsed(seconds)));
        });
    }

    fn write_address(&self, lines: &mut Lines) {
        if let Some(Prefix { address, length }) = &self.address {
            lines.line(format_args!("IP Address: {address}/{length}"));
        }
        lines.some("MAC Address", self.mac);
        lines.some("Interface", self.port.as_ref());
    }

    const fn word(&self) -> &'static str {
        if self.up { "Up" } else { "Down" }
    }
}

fn serialize_address<S: Serializer>(address: &Option<Prefix>, serializer: S) -> Result<S::Ok, S::Error> {
    match address {
        Some(Prefix { address, length }) => serializer.collect_str(&format_args!("{address}/{length}")),
        None => serializer.serialize_none(),
    }
}

pub(super) fn serialize_mac<S: Serializer>(mac: &MacAddress, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(mac)
}

pub(super) fn serialize_optional_mac<S: Serializer>(
    mac: &Option<MacAddress>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match mac {
        Some(mac) => serializer.collect_str(mac),
        None => serializer.serialize_none(),
    }
}
