//! One committed configuration, compiled.

use alloc::{string::String, vec, vec::Vec};
use core::{iter, net::IpAddr};

use bifrons_config::{
    Config,
    typed::{ApplicationSettings, SessionSettings, TcpSettings},
};
use bifrons_model::{Generation, InterfaceId, Names, RuleId, ZoneId};

use crate::{
    lookup::{Decision, Query, Rules},
    numbers::{RULES_MAX, Retired, ZONES_OR_INTERFACES_MAX},
    routes::Routes,
};

/// A configuration compiled for lookup. Immutable; every id is an index into the lists of `Policy::names`.
#[derive(Clone, Debug)]
pub struct Policy {
    generation: Generation,
    numbering: Numbering,
    zone_of_interface: Vec<Option<ZoneId>>,
    zones: Vec<Option<ZoneSettings>>,
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

    /// Compiles the first configuration since the start: numbers are places in its lists, and the default
    /// rules have the last two. It cannot fail: what could be wrong was refused when the `Config` was made.
    pub fn compile(config: &Config, generation: Generation) -> Self {
        Self::build(Numbering::default(), config, generation)
    }

    /// Compiles the configuration that takes the place of `previous`, under which sessions may still be
    /// alive: every zone, interface and rule whose name was ever known keeps its number; the crate's
    /// documentation tells more. The serial number is the previous one.
    pub fn compile_after(previous: &Self, config: &Config, generation: Generation) -> Self {
        Self::build(previous.numbering.clone(), config, generation)
    }

    fn build(mut numbering: Numbering, config: &Config, generation: Generation) -> Self {
        let numbers = numbering.assign(config);
        let Names { zones, interfaces, .. } = &numbering.names;
        Self {
            generation,
            zone_of_interface: zones_of_interfaces(config, &numbers, interfaces.len()),
            zones: zone_settings(config, &numbers, zones.len()),
            routes: Routes::new(config, &numbers.interfaces),
            rules: Rules::new(config, &numbers),
            session: config.session.clone(),
            tcp: config.tcp.clone(),
            application: config.application.clone(),
            numbering,
        }
    }

    /// The same policy on a device with this serial number, which no configuration holds; without it
    /// `Names::serial` is empty.
    pub fn with_serial(mut self, serial: String) -> Self {
        self.numbering.names.serial = serial;
        self
    }

    /// Which commit this is.
    #[inline]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The words behind the ids, those of entries that earlier configurations had included.
    pub fn names(&self) -> &Names {
        &self.numbering.names
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

    /// What holds for packets that come in from `zone`; the global settings for a zone that the
    /// configuration has no longer, or a number that was never given.
    #[inline]
    pub fn zone_settings(&self, zone: ZoneId) -> ZoneSettings {
        self.zones.get(zone.index()).copied().flatten().unwrap_or(ZoneSettings {
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

/// The names of a chain of policies by their numbers.
#[derive(Clone, Debug, Default)]
struct Numbering {
    names: Names,
    retired_zones: Retired,
    retired_interfaces: Retired,
    retired_rules: Retired,
}

impl Numbering {
    fn assign(&mut self, config: &Config) -> Numbers {
        let zones = config.zones.iter().map(|zone| zone.name.as_str());
        let interfaces = config.interfaces.iter().map(|interface| interface.name.as_str());
        let rules = config.rules.iter().map(|rule| rule.name.as_str());
        let rules = rules.chain([Policy::INTRAZONE_DEFAULT, Policy::INTERZONE_DEFAULT]);
        self.names.device.clone_from(&config.hostname);
        let narrow =
            |numbers: Vec<Option<u32>>| numbers.into_iter().map(|number| u16::try_from(number?).ok());
        let names = &mut self.names;
        let zones = self.retired_zones.assign(&mut names.zones, zones, ZONES_OR_INTERFACES_MAX);
        let interfaces =
            self.retired_interfaces.assign(&mut names.interfaces, interfaces, ZONES_OR_INTERFACES_MAX);
        let rules = self.retired_rules.assign(&mut names.rules, rules, RULES_MAX);
        Numbers {
            zones: narrow(zones).map(|number| number.map(ZoneId)).collect(),
            interfaces: narrow(interfaces).map(|number| number.map(InterfaceId)).collect(),
            rules: rules.into_iter().map(|number| number.map(RuleId)).collect(),
        }
    }
}

/// The numbers of a configuration's entries by their places; `None` where numbers ran out.
pub(crate) struct Numbers {
    pub(crate) zones: Vec<Option<ZoneId>>,
    pub(crate) interfaces: Vec<Option<InterfaceId>>,
    /// The last two are the default rules.
    pub(crate) rules: Vec<Option<RuleId>>,
}

/// By interface number.
fn zones_of_interfaces(config: &Config, numbers: &Numbers, count: usize) -> Vec<Option<ZoneId>> {
    let mut zone_of_interface = vec![None; count];
    for (zone, id) in iter::zip(&config.zones, &numbers.zones) {
        for place in &zone.interfaces {
            let interface = numbers.interfaces.get(*place).copied().flatten();
            if let Some(zone) = interface.and_then(|id| zone_of_interface.get_mut(id.index())) {
                *zone = *id;
            }
        }
    }
    zone_of_interface
}

/// By zone number.
fn zone_settings(config: &Config, numbers: &Numbers, count: usize) -> Vec<Option<ZoneSettings>> {
    let mut settings = vec![None; count];
    for (zone, id) in iter::zip(&config.zones, &numbers.zones) {
        if let Some(settings) = id.and_then(|id| settings.get_mut(id.index())) {
            *settings = Some(ZoneSettings {
                tcp_reject_non_syn: zone.tcp_reject_non_syn.unwrap_or(config.session.tcp_reject_non_syn),
                asymmetric_path_bypass: zone
                    .asymmetric_path_bypass
                    .unwrap_or(config.tcp.asymmetric_path_bypass),
            });
        }
    }
    settings
}
