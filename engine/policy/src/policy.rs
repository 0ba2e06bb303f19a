//! One committed configuration, compiled.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec,
    vec::Vec,
};
use core::{iter, net::IpAddr};

use bifrons_catalog::CUSTOM_FIRST;
use bifrons_config::{
    Config,
    typed::{
        ApplicationSettings, CustomApplication, InterfaceKind, NatRule, NatSettings, Prefix, SessionSettings,
        TcpSettings, ZoneProtection,
    },
};
use bifrons_model::{AppId, CategoryId, Generation, InterfaceId, Names, NatRuleId, RuleId, UserId, ZoneId};

use crate::{
    applications::{ApplicationFacts, custom_name},
    categories::Categories,
    explain::Explanation,
    fib::{Fib, Forward, Rib},
    forwarding::{Forced, ForwardingRules},
    hits::RuleHits,
    interfaces::Interfaces,
    nat::{NatDecision, NatExplanation, NatOwner, NatQuery, NatRules, NatWarning, ProxyArp},
    numbers::{CUSTOM_APPLICATIONS_MAX, NAT_RULES_MAX, RULES_MAX, Retired, ZONES_OR_INTERFACES_MAX},
    overrides::Overrides,
    query::{Decision, Query},
    rules::Rules,
    users::{UserMap, Users},
    warnings::{self, Warning},
    zones::ZonePlaces,
};

mod reserve;

/// A configuration compiled for lookup. Immutable; every id is an index into the lists of `Policy::names`.
#[derive(Clone, Debug)]
pub struct Policy {
    generation: Generation,
    numbering: Numbering,
    zone_of_interface: Vec<Option<ZoneId>>,
    zones: Vec<Option<ZoneSettings>>,
    /// By zone number: the place of its profile.
    protections: Vec<Option<usize>>,
    protection_profiles: Arc<[ZoneProtection]>,
    interfaces: Interfaces,
    fib: Arc<Fib>,
    forwarding: Arc<ForwardingRules>,
    /// The forwarding rules whose monitored paths are down, by their places in the configuration, in order.
    failed_rules: Arc<[usize]>,
    rules: Arc<Rules>,
    users: Arc<Users>,
    categories: Arc<Categories>,
    overrides: Arc<Overrides>,
    nat: Arc<NatRules>,
    session: SessionSettings,
    tcp: TcpSettings,
    identification: ApplicationSettings,
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
        Self::build(Numbering::default(), &Arc::default(), config, generation)
    }

    /// Compiles the configuration that takes the place of `previous`, under which sessions may still be
    /// alive: every zone, interface and rule whose name was ever known keeps its number; the crate's
    /// documentation tells more. The serial number and the users are the previous ones.
    pub fn compile_after(previous: &Self, config: &Config, generation: Generation) -> Self {
        Self::build(previous.numbering.clone(), previous.users.map(), config, generation)
    }

    fn build(
        mut numbering: Numbering,
        users: &Arc<UserMap>,
        config: &Config,
        generation: Generation,
    ) -> Self {
        let numbers = numbering.assign(config);
        let Names { zones, interfaces, applications, users: known, .. } = &numbering.names;
        let mut rules = Rules::new(config, &numbers, applications);
        let forwarding = ForwardingRules::new(config, &numbers, &mut rules.sets.vocabulary);
        Self {
            generation,
            zone_of_interface: zones_of_interfaces(config, &numbers, interfaces.len()),
            zones: zone_settings(config, &numbers, zones.len()),
            protections: protections(config, &numbers, zones.len()),
            protection_profiles: config.zone_protection_profiles.as_slice().into(),
            interfaces: Interfaces::new(config, &numbers.interfaces, interfaces.len()),
            forwarding: Arc::new(forwarding),
            failed_rules: Arc::default(),
            fib: Rib::from_config(config, &numbers.interfaces).fib(),
            users: Arc::new(Users::new(Arc::clone(users), known, &rules.sets.vocabulary)),
            categories: Arc::new(Categories::new(&config.categories, &numbers.categories)),
            overrides: Arc::new(Overrides::new(config, &numbers)),
            nat: Arc::new(NatRules::new(config, &numbers, &rules.applications)),
            rules: Arc::new(rules),
            session: config.session.clone(),
            tcp: config.tcp.clone(),
            identification: config.application.clone(),
            numbering,
        }
    }

    /// The same policy on a device with this serial number, which no configuration holds; without it
    /// `Names::serial` is empty.
    pub fn with_serial(mut self, serial: String) -> Self {
        self.numbering.names.serial = serial;
        self
    }

    /// The same policy with these users behind the addresses. A user keeps the number that his name ever
    /// had.
    pub fn with_users(mut self, map: &UserMap) -> Self {
        let listed = iter::once("").chain(Users::names_in(map));
        self.numbering.retired_users.assign(&mut self.numbering.names.users, listed, USERS_MAX);
        let map = Arc::new(map.clone());
        self.users = Arc::new(Users::new(map, &self.numbering.names.users, &self.rules.sets.vocabulary));
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

    /// The same policy with this forwarding table in place of the one of the configuration alone, in which
    /// every interface is up and no route is dynamic.
    pub fn with_fib(mut self, fib: Arc<Fib>) -> Self {
        self.fib = fib;
        self
    }

    /// The same policy while the monitored paths of these forwarding rules are down: places in
    /// `Config::forwarding_rules`.
    pub fn with_failed_rules(mut self, rules: impl Iterator<Item = usize>) -> Self {
        let rules: BTreeSet<usize> = rules.collect();
        self.failed_rules = rules.into_iter().collect();
        self
    }

    /// The forwarding table.
    #[inline]
    pub fn fib(&self) -> &Arc<Fib> {
        &self.fib
    }

    /// The numbers of a configuration's interfaces by their places there; `None` for one that this policy
    /// does not know.
    pub fn interface_numbers(&self, config: &Config) -> Vec<Option<InterfaceId>> {
        let names = (0..).map_while(|number| u16::try_from(number).ok()).zip(&self.names().interfaces);
        let numbers: BTreeMap<&str, InterfaceId> =
            names.map(|(number, name)| (name.as_str(), InterfaceId(number))).collect();
        config.interfaces.iter().map(|own| numbers.get(own.name.as_str()).copied()).collect()
    }

    /// The interface that the routes to `destination` lead to: those of the first virtual router that has
    /// one; `None` where none has, and where they discard.
    #[inline]
    pub fn egress(&self, destination: IpAddr) -> Option<InterfaceId> {
        self.fib.interface_towards(destination)
    }

    /// The interface on which packets from `source` are taken to arrive where nothing else tells, as in a
    /// capture: the one that leads back to it.
    #[inline]
    pub fn ingress_of(&self, source: IpAddr) -> Option<InterfaceId> {
        self.fib.interface_towards(source)
    }

    /// What the interface does with packets; `None` for one that the configuration has no longer.
    pub fn interface_kind(&self, interface: InterfaceId) -> Option<InterfaceKind> {
        self.interfaces.kind(interface)
    }

    /// The interface's addresses with their networks.
    pub fn interface_addresses(&self, interface: InterfaceId) -> &[Prefix] {
        self.interfaces.addresses(interface)
    }

    /// The interface's own address that speaks to `peer`.
    pub fn interface_address(&self, interface: InterfaceId, peer: IpAddr) -> Option<IpAddr> {
        self.interfaces.address_towards(interface, peer)
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

    /// The zone protection profile for packets that come in from `zone`.
    #[inline]
    pub fn zone_protection(&self, zone: ZoneId) -> Option<&ZoneProtection> {
        let place = self.protections.get(zone.index()).copied().flatten()?;
        self.protection_profiles.get(place)
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
    pub fn identification(&self) -> &ApplicationSettings {
        &self.identification
    }

    /// What is known of the application, be it of the catalogue or of the configuration.
    #[inline]
    pub fn application(&self, id: AppId) -> ApplicationFacts<'_> {
        self.rules.applications.facts(id)
    }

    /// The configuration's own applications by their numbers over commits, parents included.
    pub fn custom_applications(&self) -> impl Iterator<Item = (AppId, &CustomApplication)> {
        self.rules.applications.custom()
    }

    /// The user behind the address; 0 where none is known.
    #[inline]
    pub fn user_of(&self, address: IpAddr) -> UserId {
        self.users.user_of(address)
    }

    /// Whether the configuration has URL categories; without them every name's is 0.
    #[inline]
    pub fn has_categories(&self) -> bool {
        !self.categories.is_empty()
    }

    /// The custom URL category of a server's name in lower case: the first in the order of the
    /// configuration that has a pattern for it, 0 for none. `*` in a pattern stands for one or more whole
    /// labels.
    pub fn category_of(&self, host: &str) -> CategoryId {
        self.categories.lookup(host)
    }

    /// The application that an override rule fixes for the session, before anything looks into it; what the
    /// query says of the application does not matter.
    pub fn application_override(&self, query: &Query) -> Option<AppId> {
        let from = self.rules.zone_places.place_of(query.zone_from)?;
        self.overrides.lookup(query, from, self.rules.zone_places.place_of(query.zone_to)?)
    }

    /// The way that a policy-based forwarding rule gives to a session whose first packet comes in by
    /// `interface`; `None` where routes decide. Where the session goes, the query need not know. `going` is
    /// the way that a rule has given it already, if one has.
    pub fn forwarding(
        &self,
        query: &Query,
        interface: InterfaceId,
        owner: NatOwner,
        going: Option<Forward>,
    ) -> Option<Forced> {
        if self.forwarding.is_empty() {
            return None;
        }
        let from = self.rules.zone_places.place_of(query.zone_from)?;
        self.forwarding.lookup(query, (interface, from), &self.users, owner, (&self.failed_rules, going))
    }

    /// The number of `intrazone-default`.
    pub fn intrazone_default(&self) -> RuleId {
        self.rules.intrazone_default.rule
    }

    /// The number of `interzone-default`.
    pub fn interzone_default(&self) -> RuleId {
        self.rules.interzone_default.rule
    }

    /// What the security rules say; the crate's documentation tells how.
    #[inline]
    pub fn lookup(&self, query: &Query) -> Decision {
        self.rules.lookup(query, &self.users, true)
    }

    /// As `lookup`, for a session whose application will not change any more: none is let through for what
    /// it carries.
    #[inline]
    pub fn lookup_settled(&self, query: &Query) -> Decision {
        self.rules.lookup(query, &self.users, false)
    }

    /// The NAT rule for a new session, which its owner may use; `None` where nothing is translated.
    #[inline]
    pub fn nat(&self, query: &NatQuery, owner: NatOwner) -> Option<NatDecision> {
        let plain = query.as_query();
        self.nat.lookup(query, &self.rules.subject(&plain, &self.users, false)?, owner)
    }

    /// What `nat` answers, and why none of the rules before the deciding one did. The work grows with the
    /// number of rules.
    pub fn explain_nat(&self, query: &NatQuery, owner: NatOwner) -> NatExplanation {
        let is_known = self.rules.subject(&query.as_query(), &self.users, false).is_some();
        self.nat.explain(query, is_known, owner)
    }

    /// The enabled NAT rules in order, for a worker's pools.
    pub fn nat_rules(&self) -> impl Iterator<Item = (NatRuleId, &NatRule)> {
        self.nat.rules()
    }

    /// `deviceconfig setting nat`.
    pub fn nat_settings(&self) -> &NatSettings {
        self.nat.settings()
    }

    /// For which addresses of translation rules the device answers on the interface.
    pub fn proxy_arp_addresses(&self, interface: InterfaceId) -> &[ProxyArp] {
        self.nat.proxy_arp(interface)
    }

    /// What in the NAT rules is likely not meant. The work grows with the number of rules.
    pub fn nat_warnings(&self) -> Vec<NatWarning> {
        self.nat.warnings(self)
    }

    /// Calls `visit` for the places of NAT rules that may be for the packet, as `Index::search` does.
    pub(crate) fn nat_search(&self, query: &NatQuery, visit: impl FnMut(u32) -> u32) {
        let plain = query.as_query();
        if let Some(subject) = self.rules.subject(&plain, &self.users, false) {
            self.nat.search(&subject, visit);
        }
    }

    pub(crate) fn zone_places(&self) -> &ZonePlaces {
        &self.rules.zone_places
    }

    /// What a commit should tell of rules that never decide or that lack another rule. The work is bounded;
    /// with ten thousand rules it takes some tenths of a second.
    pub fn warnings(&self) -> Vec<Warning> {
        warnings::warnings(&self.rules)
    }

    /// The security rules that are not disabled, in the order of evaluation, but for the default rules.
    pub fn enabled_rules(&self) -> impl Iterator<Item = RuleId> {
        self.rules.rules.iter().filter(|rule| !rule.is_disabled).map(|rule| rule.outcome.rule)
    }

    /// The enabled rules, in order, that decided nothing by these counts, which are by `RuleId`; one beyond
    /// their end has not been counted.
    pub fn unused_rules(&self, hits: &[RuleHits]) -> impl Iterator<Item = RuleId> {
        self.enabled_rules().filter(|rule| hits.get(rule.index()).is_none_or(|hits| hits.count == 0))
    }

    /// What the rules say, and why none of the rules before the deciding one did. The work grows with the
    /// number of rules; the decision is the one of `lookup`.
    pub fn explain(&self, query: &Query) -> Explanation {
        Explanation::new(&self.rules, query, &self.users)
    }
}

/// The names of a chain of policies by their numbers.
#[derive(Clone, Debug, Default)]
struct Numbering {
    names: Names,
    retired_zones: Retired,
    retired_interfaces: Retired,
    retired_rules: Retired,
    retired_nat_rules: Retired,
    application_names: Vec<String>,
    retired_applications: Retired,
    retired_categories: Retired,
    retired_users: Retired,
}

/// Users are not numbered beyond this: `UserId` is 32 bits wide.
const USERS_MAX: usize = u32::MAX as usize;

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
        let nat_rules = config.nat_rules.iter().map(|rule| rule.name.as_str());
        let nat_rules = self.retired_nat_rules.assign(&mut names.nat_rules, nat_rules, NAT_RULES_MAX);
        // The first category is none, so it needs no name and keeps its number.
        let categories = iter::once("").chain(config.categories.iter().map(|own| own.name.as_str()));
        let categories =
            self.retired_categories.assign(&mut names.categories, categories, ZONES_OR_INTERFACES_MAX);
        let applications = self.assign_applications(&config.applications);
        Numbers {
            applications,
            categories: narrow(categories).skip(1).map(|number| number.map(CategoryId)).collect(),
            zones: narrow(zones).map(|number| number.map(ZoneId)).collect(),
            interfaces: narrow(interfaces).map(|number| number.map(InterfaceId)).collect(),
            rules: rules.into_iter().map(|number| number.map(RuleId)).collect(),
            nat_rules: nat_rules.into_iter().map(|number| number.map(NatRuleId)).collect(),
        }
    }

    fn assign_applications(&mut self, applications: &[CustomApplication]) -> Vec<Option<AppId>> {
        let entries = applications.iter().map(|application| application.name.as_str());
        let names = &mut self.application_names;
        let places = self.retired_applications.assign(names, entries, CUSTOM_APPLICATIONS_MAX);
        self.names.applications.resize_with(names.len(), Default::default);
        for (application, place) in iter::zip(applications, &places) {
            let place = place.and_then(|place| self.names.applications.get_mut(place as usize));
            if let Some(name) = place {
                *name = custom_name(application, applications);
            }
        }
        let number = |place: Option<u32>| CUSTOM_FIRST.checked_add(u16::try_from(place?).ok()?).map(AppId);
        places.into_iter().map(number).collect()
    }
}

/// The numbers of a configuration's entries by their places; `None` where numbers ran out.
pub(crate) struct Numbers {
    pub(crate) applications: Vec<Option<AppId>>,
    pub(crate) categories: Vec<Option<CategoryId>>,
    pub(crate) zones: Vec<Option<ZoneId>>,
    pub(crate) interfaces: Vec<Option<InterfaceId>>,
    /// The last two are the default rules.
    pub(crate) rules: Vec<Option<RuleId>>,
    pub(crate) nat_rules: Vec<Option<NatRuleId>>,
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

/// By zone number.
fn protections(config: &Config, numbers: &Numbers, count: usize) -> Vec<Option<usize>> {
    let mut protections = vec![None; count];
    for (zone, id) in iter::zip(&config.zones, &numbers.zones) {
        if let Some(protection) = id.and_then(|id| protections.get_mut(id.index())) {
            *protection = zone.protection;
        }
    }
    protections
}
