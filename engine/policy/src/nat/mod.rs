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
mod tree;
mod warnings;

pub use proxy_arp::ProxyArp;
pub use warnings::NatWarning;

use alloc::{boxed::Box, vec::Vec};
use core::net::IpAddr;

use bifrons_config::{
    Config,
    typed::{DeviceBinding, NatRule, NatSettings, SourceTranslation},
};
use bifrons_model::{InterfaceId, NatRuleId, ZoneId};

use self::{
    conditions::{Conditions, DIMENSIONS, Dimension},
    tree::Tree,
};
use crate::policy::Numbers;

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

    fn uses(self, binding: DeviceBinding) -> bool {
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

/// All NAT rules in order, reverse rules included.
#[derive(Clone, Debug, Default)]
pub(crate) struct NatRules {
    entries: Box<[Entry]>,
    /// IPv4 and IPv6.
    trees: [Tree; 2],
    /// The enabled rules as they were configured.
    rules: Box<[(NatRuleId, NatRule)]>,
    settings: NatSettings,
    proxy_arp: Box<[Box<[ProxyArp]>]>,
    warnings: Box<[NatWarning]>,
}

/// One rule, or the reverse of one.
#[derive(Clone, Debug)]
struct Entry {
    decision: NatDecision,
    is_disabled: bool,
    binding: DeviceBinding,
    interface_out: Option<InterfaceId>,
    /// For IPv4 and IPv6; `None` where the kind excludes the family.
    conditions: [Option<Conditions>; 2],
}

impl NatRules {
    pub(crate) fn new(config: &Config, numbers: &Numbers) -> Self {
        let mut entries = Vec::new();
        let mut rules = Vec::new();
        for (rule, id) in config.nat_rules.iter().zip(&numbers.nat_rules) {
            let Some(id) = *id else { continue };
            entries.push(Entry::new(rule, id, false, numbers));
            if let Some(reverse) = reverse_of(rule) {
                entries.push(Entry::new(&reverse, id, true, numbers));
            }
            if !rule.disabled {
                rules.push((id, rule.clone()));
            }
        }
        let trees = [false, true].map(|is_v6| {
            let conditions = entries.iter().map(|entry: &Entry| {
                let own = entry.conditions[usize::from(is_v6)].as_ref().filter(|_| !entry.is_disabled)?;
                Some((own, entry.is_plain()))
            });
            Tree::new(&conditions.collect::<Vec<_>>(), is_v6)
        });
        let mut compiled = Self {
            entries: entries.into_boxed_slice(),
            trees,
            rules: rules.into_boxed_slice(),
            settings: config.nat.clone(),
            proxy_arp: proxy_arp::of(config, numbers),
            warnings: Box::default(),
        };
        compiled.warnings = warnings::of(config, numbers, &compiled);
        compiled
    }

    pub(crate) fn lookup(&self, query: &NatQuery, owner: NatOwner) -> Option<NatDecision> {
        let point = Conditions::point(query);
        let family = usize::from(query.destination.is_ipv6());
        let candidates = self.trees[family].candidates(&point).iter();
        candidates
            .filter_map(|place| self.entries.get(*place as usize))
            .find(|entry| entry.mismatch(query, &point, owner).is_none())
            .map(|entry| entry.decision)
    }

    pub(crate) fn explain(&self, query: &NatQuery, owner: NatOwner) -> NatExplanation {
        let point = Conditions::point(query);
        let mut earlier = Vec::new();
        for entry in &self.entries {
            match entry.mismatch(query, &point, owner) {
                Some(mismatch) => earlier.push((entry.decision.rule, entry.decision.is_reverse, mismatch)),
                None => return NatExplanation { earlier, decision: Some(entry.decision) },
            }
        }
        NatExplanation { earlier, decision: None }
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

    pub(crate) fn warnings(&self) -> &[NatWarning] {
        &self.warnings
    }
}

impl Entry {
    fn new(rule: &NatRule, id: NatRuleId, is_reverse: bool, numbers: &Numbers) -> Self {
        let translates = rule.source_translation.is_some()
            || rule.destination_translation.is_some()
            || is_reverse
            || rule.kind == bifrons_config::typed::NatKind::Nat64;
        Self {
            decision: NatDecision { rule: id, is_reverse, translates },
            is_disabled: rule.disabled,
            binding: rule.binding,
            // An interface whose number ran out is on no route.
            interface_out: rule
                .to_interface
                .map(|place| numbers.interfaces.get(place).copied().flatten().unwrap_or(NO_INTERFACE)),
            conditions: [false, true].map(|is_v6| Conditions::new(rule, is_v6, numbers)),
        }
    }

    /// Whether the conditions are all that it asks.
    fn is_plain(&self) -> bool {
        self.binding == DeviceBinding::Both
            && self.interface_out.is_none()
            && self.conditions.iter().flatten().all(Conditions::is_plain)
    }

    fn mismatch(&self, query: &NatQuery, point: &[u128; DIMENSIONS], owner: NatOwner) -> Option<NatMismatch> {
        if self.is_disabled {
            return Some(NatMismatch::Disabled);
        }
        if !owner.uses(self.binding) {
            return Some(NatMismatch::Binding);
        }
        let Some(conditions) = &self.conditions[usize::from(query.destination.is_ipv6())] else {
            return Some(NatMismatch::Family);
        };
        if self.interface_out.is_some_and(|interface| interface != query.interface_out) {
            return Some(NatMismatch::ToInterface);
        }
        conditions.mismatch(query, point).map(|dimension| match dimension {
            Dimension::ZoneFrom => NatMismatch::FromZone,
            Dimension::ZoneTo => NatMismatch::ToZone,
            Dimension::Source => NatMismatch::Source,
            Dimension::Destination => NatMismatch::Destination,
            Dimension::Service => NatMismatch::Service,
        })
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
