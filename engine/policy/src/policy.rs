//! One committed configuration, compiled.

use alloc::{string::String, vec, vec::Vec};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{ApplicationSettings, SessionSettings, TcpSettings},
};
use bifrons_model::{Generation, InterfaceId, Names, RuleId, ZoneId};

use crate::{
    lookup::{Decision, Query, Rules},
    routes::Routes,
};

/// A configuration compiled for lookup. Immutable; every id is an index into the lists of the `Config` it was
/// made from.
#[derive(Clone, Debug)]
pub struct Policy {
    generation: Generation,
    names: Names,
    zone_of_interface: Vec<Option<ZoneId>>,
    zones: Vec<ZoneSettings>,
    routes: Routes,
    rules: Rules,
    session: SessionSettings,
    tcp: TcpSettings,
    application: ApplicationSettings,
}

/// What holds for packets that come in from one zone: its zone protection profile over the global settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneSettings {
    /// Whether the first packet of a TCP session must be a SYN.
    pub tcp_reject_non_syn: bool,
    /// Whether segments outside window or sync pass unscanned instead of being dropped.
    pub asymmetric_path_bypass: bool,
}

impl Policy {
    /// The name of the rule for traffic within one zone that no other rule matched.
    pub const INTRAZONE_DEFAULT: &'static str = "intrazone-default";
    /// The name of the rule for traffic between two zones that no other rule matched.
    pub const INTERZONE_DEFAULT: &'static str = "interzone-default";

    /// Compiles `config`. It cannot fail: what could be wrong was refused when the `Config` was made.
    pub fn compile(config: &Config, generation: Generation) -> Self {
        let mut zone_of_interface = vec![None; config.interfaces.len()];
        for (zone, id) in config.zones.iter().zip(0..=u16::MAX) {
            for interface in &zone.interfaces {
                if let Some(place) = zone_of_interface.get_mut(*interface) {
                    *place = Some(ZoneId(id));
                }
            }
        }
        let zones = config.zones.iter().map(|zone| ZoneSettings {
            tcp_reject_non_syn: zone.tcp_reject_non_syn.unwrap_or(config.session.tcp_reject_non_syn),
            asymmetric_path_bypass: zone.asymmetric_path_bypass.unwrap_or(config.tcp.asymmetric_path_bypass),
        });
        Self {
            generation,
            names: names(config),
            zone_of_interface,
            zones: zones.collect(),
            routes: Routes::new(config),
            rules: Rules::new(config),
            session: config.session.clone(),
            tcp: config.tcp.clone(),
            application: config.application.clone(),
        }
    }

    /// The same policy on a device with this serial number, which no configuration holds; without it
    /// `Names::serial` is empty.
    pub fn with_serial(mut self, serial: String) -> Self {
        self.names.serial = serial;
        self
    }

    /// Which commit this is.
    #[inline]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The words behind the ids. The last two rules are `intrazone-default` and `interzone-default`.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The interface that the longest matching prefix, connected or routed, leads to; `None` without one.
    #[inline]
    pub fn egress(&self, destination: IpAddr) -> Option<InterfaceId> {
        self.routes.lookup(destination)
    }

    /// The interface on which packets from `source` are taken to arrive where nothing else tells, as in a
    /// capture: the one that leads back to it.
    #[inline]
    pub fn ingress_of(&self, source: IpAddr) -> Option<InterfaceId> {
        self.routes.lookup(source)
    }

    /// The zone that the interface belongs to.
    #[inline]
    pub fn zone_of(&self, interface: InterfaceId) -> Option<ZoneId> {
        self.zone_of_interface.get(interface.index()).copied().flatten()
    }

    /// What holds for packets that come in from `zone`; the global settings for a number that was never
    /// given.
    #[inline]
    pub fn zone_settings(&self, zone: ZoneId) -> ZoneSettings {
        self.zones.get(zone.index()).copied().unwrap_or(ZoneSettings {
            tcp_reject_non_syn: self.session.tcp_reject_non_syn,
            asymmetric_path_bypass: self.tcp.asymmetric_path_bypass,
        })
    }

    /// `deviceconfig setting session`.
    #[inline]
    pub fn session(&self) -> &SessionSettings {
        &self.session
    }

    /// `deviceconfig setting tcp`.
    #[inline]
    pub fn tcp(&self) -> &TcpSettings {
        &self.tcp
    }

    /// `deviceconfig setting application`.
    #[inline]
    pub fn application(&self) -> &ApplicationSettings {
        &self.application
    }

    /// The number of `intrazone-default`.
    pub fn intrazone_default(&self) -> RuleId {
        self.rules.intrazone_default.decision.rule
    }

    /// The number of `interzone-default`.
    pub fn interzone_default(&self) -> RuleId {
        self.rules.interzone_default.decision.rule
    }

    /// What the security rules say; the crate's documentation tells how.
    #[inline]
    pub fn lookup(&self, query: &Query) -> Decision {
        self.rules.lookup(query)
    }
}

fn names(config: &Config) -> Names {
    let rules = config.rules.iter().map(|rule| rule.name.as_str());
    let defaults = [Policy::INTRAZONE_DEFAULT, Policy::INTERZONE_DEFAULT];
    Names {
        zones: config.zones.iter().map(|zone| zone.name.clone()).collect(),
        interfaces: config.interfaces.iter().map(|interface| interface.name.clone()).collect(),
        rules: rules.chain(defaults).map(String::from).collect(),
        device: config.hostname.clone(),
        serial: String::new(),
    }
}
