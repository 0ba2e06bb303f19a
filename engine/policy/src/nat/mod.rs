//! The NAT rules, and the first that matches.
//!
//! Conditions are on the packet as it arrives; `zone_to` and `interface_out` are where the route to its
//! original destination leads. The first rule that matches decides, also when it translates nothing: its
//! traffic is exempt. Traffic that no rule matches is not translated. A rule of another device than the
//! session's owner is passed over.
//!
//! A static-ip rule that is bidirectional stands for two: directly behind it comes its reverse, which has
//! the same number. It is for traffic from any zone to the translated addresses, from the sources that the
//! rule has as its destinations, with the rule's own service and destination zones, and gives the
//! destination the address that the rule translates from.

mod conditions;
mod proxy_arp;
mod warnings;

pub use proxy_arp::{ProxyArp, proxied_addresses};
pub use warnings::NatWarning;

use alloc::{boxed::Box, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bifrons_config::{
    Config,
    typed::{AddressRange, DeviceBinding, NatKind, NatRule, NatSettings, SecurityRule, SourceTranslation},
};
use bifrons_model::{Action, InterfaceId, NatRuleId, RuleId, Timestamp, UserId, ZoneId};

use self::conditions::{Conditions, Dimension};
use crate::{
    Policy,
    applications::Applications,
    index::{Checks, Index},
    policy::Numbers,
    query::Query,
    rule::{ANY, Ends, Outcome, Rule},
    rules::Subject,
    sets::Collector,
};

/// What a new session is asked about; everything is as it was before translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatQuery {
    /// The zone that the first packet came from.
    pub zone_from: ZoneId,
    /// The zone that the route to the original destination leads to.
    pub zone_to: ZoneId,
    /// The interface that the route to the original destination leads to.
    pub interface_out: InterfaceId,
    /// The client's address.
    pub source: IpAddr,
    /// The original destination.
    pub destination: IpAddr,
    /// The client's port, 0 where the protocol has none.
    pub source_port: u16,
    /// The original destination port, 0 where the protocol has none.
    pub destination_port: u16,
    /// The IP protocol number.
    pub protocol: u8,
}

/// The device that owns the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NatOwner {
    /// Its id in an active/active pair, 0 or 1.
    pub device_id: u8,
    /// Whether it is active-primary; a device without a peer is.
    pub is_primary: bool,
}

impl NatOwner {
    /// A device without a peer: it uses the rules of device 0.
    pub const ALONE: Self = Self { device_id: 0, is_primary: true };

    pub(crate) fn uses(self, binding: DeviceBinding) -> bool {
        match binding {
            DeviceBinding::Both => true,
            DeviceBinding::Device(id) => id == self.device_id,
            DeviceBinding::Primary => self.is_primary,
        }
    }
}

/// The rule that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatDecision {
    /// Its number.
    pub rule: NatRuleId,
    /// Whether it is the reverse of a bidirectional rule.
    pub is_reverse: bool,
    /// Whether anything is translated; a rule that does not exempts its traffic.
    pub translates: bool,
}

/// Why a NAT rule is not for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NatMismatch {
    /// It is disabled.
    Disabled,
    /// It is bound to another device.
    Binding,
    /// Its kind is for the other address family.
    Family,
    /// The packet comes from another zone.
    FromZone,
    /// The original destination lies in another zone.
    ToZone,
    /// The original destination lies behind another interface.
    ToInterface,
    /// The source address is not among its sources.
    Source,
    /// The destination address is not among its destinations.
    Destination,
    /// Protocol or ports are not its service.
    Service,
}

impl NatMismatch {
    /// One sentence for the operator.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Disabled => "The rule is disabled.",
            Self::Binding => "The rule is bound to another device.",
            Self::Family => "The rule is for the other address family.",
            Self::FromZone => "The packet comes from another zone.",
            Self::ToZone => "The destination before translation lies in another zone.",
            Self::ToInterface => "The destination before translation lies behind another interface.",
            Self::Source => "The source address is not among the rule's.",
            Self::Destination => "The destination address before translation is not among the rule's.",
            Self::Service => "Protocol or ports are not those of the rule's service.",
        }
    }
}

/// A NAT decision with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatExplanation {
    /// The rules before the deciding one, in order, and why each is not for the session; true for the
    /// reverse of a bidirectional rule.
    pub earlier: Vec<(NatRuleId, bool, NatMismatch)>,
    /// What `Policy::nat` answers.
    pub decision: Option<NatDecision>,
}

impl NatQuery {
    /// What the index of rules is asked.
    pub(crate) const fn as_query(&self) -> Query {
        Query {
            zone_from: self.zone_from,
            zone_to: self.zone_to,
            source: self.source,
            destination: self.destination,
            source_port: self.source_port,
            destination_port: self.destination_port,
            protocol: self.protocol,
            app: None,
            user: UserId(0),
            category: None,
            time: Timestamp::ZERO,
        }
    }
}

/// All NAT rules in order, reverse rules included.
#[derive(Clone, Debug, Default)]
pub(crate) struct NatRules {
    entries: Box<[Entry]>,
    /// By place of the entry: for IPv4 and IPv6; `None` where the kind excludes the family.
    conditions: Box<[[Option<Conditions>; 2]]>,
    index: Index,
    /// The enabled rules as they were configured.
    rules: Box<[(NatRuleId, NatRule)]>,
    settings: NatSettings,
    proxy_arp: Box<[Box<[ProxyArp]>]>,
}

/// One rule, or the reverse of one: what a lookup asks of it when its addresses, zones and ports fit.
#[derive(Clone, Copy, Debug)]
struct Entry {
    decision: NatDecision,
    is_disabled: bool,
    kind: NatKind,
    binding: DeviceBinding,
    interface_out: Option<InterfaceId>,
}

impl NatRules {
    pub(crate) fn new(config: &Config, numbers: &Numbers, applications: &Applications) -> Self {
        let reverses: Vec<Option<NatRule>> = config.nat_rules.iter().map(reverse_of).collect();
        let mut all = Vec::with_capacity(config.nat_rules.len());
        for ((rule, reverse), id) in config.nat_rules.iter().zip(&reverses).zip(&numbers.nat_rules) {
            let Some(id) = *id else { continue };
            all.push((rule, id, false));
            all.extend(reverse.as_ref().map(|reverse| (reverse, id, true)));
        }
        let own = all.iter().filter(|(rule, _, is_reverse)| !is_reverse && !rule.disabled);
        Self {
            entries: all.iter().map(|(rule, id, reverse)| Entry::new(rule, *id, *reverse, numbers)).collect(),
            conditions: all
                .iter()
                .map(|(rule, ..)| [false, true].map(|is_v6| Conditions::new(rule, is_v6, numbers)))
                .collect(),
            index: index_of(&all, config.zones.len(), numbers, applications),
            rules: own.map(|(rule, id, _)| (*id, (*rule).clone())).collect(),
            settings: config.nat.clone(),
            proxy_arp: proxy_arp::of(config, numbers),
        }
    }

    /// `subject` is the query as the index of rules wants it.
    pub(crate) fn lookup(
        &self,
        query: &NatQuery,
        subject: &Subject<'_>,
        owner: NatOwner,
    ) -> Option<NatDecision> {
        let mut first = u32::MAX;
        self.index.search(subject, |place, checks| {
            let fits = || {
                let entry = self.entries.get(place as usize)?;
                let is_open = entry.mismatch(query, owner).is_none();
                (is_open && (checks == Checks::NONE || self.unmet(place as usize, query).is_none()))
                    .then_some(())
            };
            if place < first && fits().is_some() {
                first = place;
            }
            first
        });
        self.entries.get(first as usize).map(|entry| entry.decision)
    }

    /// `is_known` is false where the configuration has no longer the zones that the query names: nothing
    /// matches then.
    pub(crate) fn explain(&self, query: &NatQuery, is_known: bool, owner: NatOwner) -> NatExplanation {
        let mut earlier = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            let unknown = (!is_known).then_some(NatMismatch::FromZone);
            let mismatch = entry.mismatch(query, owner).or(unknown).or_else(|| self.unmet(place, query));
            match mismatch {
                Some(mismatch) => earlier.push((entry.decision.rule, entry.decision.is_reverse, mismatch)),
                None => return NatExplanation { earlier, decision: Some(entry.decision) },
            }
        }
        NatExplanation { earlier, decision: None }
    }

    /// The first of a rule's zones, addresses and services that the packet does not meet.
    fn unmet(&self, place: usize, query: &NatQuery) -> Option<NatMismatch> {
        let conditions = self.conditions.get(place)?;
        let Some(conditions) = &conditions[usize::from(query.destination.is_ipv6())] else {
            return Some(NatMismatch::Family);
        };
        conditions.mismatch(query, &Conditions::point(query)).map(|dimension| match dimension {
            Dimension::ZoneFrom => NatMismatch::FromZone,
            Dimension::ZoneTo => NatMismatch::ToZone,
            Dimension::Source => NatMismatch::Source,
            Dimension::Destination => NatMismatch::Destination,
            Dimension::Service => NatMismatch::Service,
        })
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = (NatRuleId, &NatRule)> {
        self.rules.iter().map(|(id, rule)| (*id, rule))
    }

    pub(crate) fn settings(&self) -> &NatSettings {
        &self.settings
    }

    pub(crate) fn proxy_arp(&self, interface: InterfaceId) -> &[ProxyArp] {
        self.proxy_arp.get(interface.index()).map_or(&[], |addresses| addresses)
    }

    pub(crate) fn warnings(&self, policy: &Policy) -> Vec<NatWarning> {
        warnings::of(self, policy)
    }

    /// Calls `visit` for the places of rules that may be for the packet, as `Index::search` does.
    pub(crate) fn search(&self, subject: &Subject<'_>, mut visit: impl FnMut(u32) -> u32) {
        self.index.search(subject, |place, _| visit(place));
    }
}

impl Entry {
    fn new(rule: &NatRule, id: NatRuleId, is_reverse: bool, numbers: &Numbers) -> Self {
        let translates = rule.source_translation.is_some()
            || rule.destination_translation.is_some()
            || is_reverse
            || rule.kind == NatKind::Nat64;
        Self {
            decision: NatDecision { rule: id, is_reverse, translates },
            is_disabled: rule.disabled,
            kind: rule.kind,
            binding: rule.binding,
            // An interface whose number ran out is on no route.
            interface_out: rule
                .to_interface
                .map(|place| numbers.interfaces.get(place).copied().flatten().unwrap_or(NO_INTERFACE)),
        }
    }

    /// The first of the conditions that are not of zones, addresses and ports which the packet does not
    /// meet.
    fn mismatch(&self, query: &NatQuery, owner: NatOwner) -> Option<NatMismatch> {
        let is_of_family = match self.kind {
            NatKind::Ipv4 => query.destination.is_ipv4(),
            NatKind::Nptv6 => query.destination.is_ipv6(),
            NatKind::Nat64 => true,
        };
        let leads_there = self.interface_out.is_none_or(|interface| interface == query.interface_out);
        [
            (self.is_disabled, NatMismatch::Disabled),
            (!owner.uses(self.binding), NatMismatch::Binding),
            (!is_of_family, NatMismatch::Family),
            (!leads_there, NatMismatch::ToInterface),
        ]
        .into_iter()
        .find_map(|(is_unmet, mismatch)| is_unmet.then_some(mismatch))
    }
}

/// The index of security rules, of rules with the same zones, addresses and services.
fn index_of(
    all: &[(&NatRule, NatRuleId, bool)],
    zones: usize,
    numbers: &Numbers,
    applications: &Applications,
) -> Index {
    let alike: Vec<SecurityRule> = all.iter().map(|(rule, ..)| alike(rule)).collect();
    let mut collector = Collector::new(numbers);
    let outcome = Outcome::new(RuleId(0), Action::Allow, false, (false, false));
    let rule = |(alike, (rule, ..)): (_, &(&NatRule, _, _))| {
        let is_open = rule.binding == DeviceBinding::Both && rule.to_interface.is_none();
        // A schedule says that the rule may leave to a later one what its box holds.
        let schedule = if is_open { ANY } else { ANY + 1 };
        Rule { schedule, ..collector.rule(alike, outcome) }
    };
    let rules: Vec<Rule> = alike.iter().zip(all).map(rule).collect();
    let ends: Vec<Ends> = alike.iter().map(|rule| Ends::new(rule, zones)).collect();
    Index::new(&rules, &ends, &collector.finish(applications), zones)
}

/// A security rule with the same zones, addresses and services: of the families that the rule is for.
fn alike(rule: &NatRule) -> SecurityRule {
    let [v4, v6] = [
        [Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST].map(IpAddr::V4),
        [0, u128::MAX].map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
    .map(|[first, last]| AddressRange { first, last });
    let families = match rule.kind {
        NatKind::Ipv4 => &[v4][..],
        NatKind::Nptv6 => &[v6],
        NatKind::Nat64 => &[v4, v6],
    };
    let listed = |listed: &[AddressRange]| -> Vec<AddressRange> {
        let is_of = |range: &&AddressRange| {
            families.iter().any(|family| family.first.is_ipv6() == range.first.is_ipv6())
        };
        let listed = if listed.is_empty() { families } else { listed };
        listed.iter().filter(is_of).copied().collect()
    };
    let (source, destination) = (listed(&rule.source), listed(&rule.destination));
    SecurityRule {
        from: rule.from.clone(),
        to: rule.to.clone(),
        // Without an address of its families it is for nobody; an empty list would mean any.
        disabled: rule.disabled || source.is_empty() || destination.is_empty(),
        source,
        destination,
        service: rule.service.clone(),
        ..SecurityRule::default()
    }
}

const NO_INTERFACE: InterfaceId = InterfaceId(u16::MAX);

/// The reverse of a bidirectional rule.
fn reverse_of(rule: &NatRule) -> Option<NatRule> {
    let Some(SourceTranslation::StaticIp { translated, bidirectional: true }) = rule.source_translation
    else {
        return None;
    };
    Some(NatRule {
        from: Vec::new(),
        source: rule.destination.clone(),
        destination: Vec::from([translated]),
        source_translation: None,
        destination_translation: None,
        ..rule.clone()
    })
}

#[cfg(test)]
mod tests;
