//! Policy-based forwarding rules.

use alloc::{collections::BTreeMap, format, vec::Vec};
use core::net::IpAddr;

use super::{Value, View, addresses::Addresses, interfaces::routed, lists::Names};
use crate::{
    Problem,
    parse::Report,
    typed::{
        DeviceBinding, ForwardingAction, ForwardingMonitor, ForwardingRule, ForwardingSource, SymmetricReturn,
    },
};

/// More routers than this are not kept of one rule for answers.
const MOST_RETURNS: usize = 8;

pub(super) fn rules(root: &View<'_>, names: Names<'_>, report: &mut Report<'_>) -> Vec<ForwardingRule> {
    let monitors = root.at(&["network", "profiles", "monitor-profile"]).entries().into_iter().collect();
    let reader = Reader { names, monitors };
    let rules = root.at(&["rulebase", "pbf", "rules"]).entries();
    rules.into_iter().map(|(name, entry)| reader.rule(name, &entry, report)).collect()
}

struct Reader<'a> {
    names: Names<'a>,
    monitors: BTreeMap<&'a str, View<'a>>,
}

/// A mistake that has been reported.
struct Refused;

impl Reader<'_> {
    fn rule(&self, name: &str, entry: &View<'_>, report: &mut Report<'_>) -> ForwardingRule {
        let names = self.names;
        names.tags.check(&entry.below("tag"), report);
        let from = self.from(&entry.below("from"), report);
        let (source, negate_source) = names.negatable(entry, "source", "negate-source", report);
        let (destination, negate_destination) =
            names.negatable(entry, "destination", "negate-destination", report);
        let source_user = names.users(&entry.below("source-user"), report);
        let application = names.applications(&entry.below("application"), report);
        let service = names.services_only(&entry.below("service"), report);
        let schedule = names.schedule(&entry.below("schedule"), report);
        let action = self.action(entry, report);
        let symmetric_return = symmetric_return(&entry.below("enforce-symmetric-return"), report);
        let usable = from.is_ok()
            && action.is_ok()
            && source.usable
            && destination.usable
            && source_user.usable
            && application.usable
            && service.usable
            && schedule.usable;
        ForwardingRule {
            name: name.into(),
            from: from.unwrap_or_default(),
            negate_source,
            negate_destination,
            source: source.values,
            destination: destination.values,
            source_user: source_user.values,
            application: application.values,
            service: service.values,
            schedule: schedule.values,
            action: action.unwrap_or_default(),
            symmetric_return,
            binding: match entry.below("active-active-device-binding").word().as_str() {
                "0" => DeviceBinding::Device(0),
                "1" => DeviceBinding::Device(1),
                _ => DeviceBinding::Both,
            },
            disabled: entry.below("disabled").is_yes() || entry.is_unread() || !usable,
            description: entry.below("description").text(),
        }
    }

    fn from(&self, view: &View<'_>, report: &mut Report<'_>) -> Result<ForwardingSource, Refused> {
        let (zones, interfaces) = (view.below("zone"), view.below("interface"));
        if zones.exists() && interfaces.exists() {
            let what = "traffic comes from zones or by interfaces".into();
            interfaces.gap(report, interfaces.line(), Problem::Conflict { what });
            return Err(Refused);
        }
        if !interfaces.exists() {
            let zones = self.names.zones(&zones, report);
            return if zones.usable { Ok(ForwardingSource::Zones(zones.values)) } else { Err(Refused) };
        }
        let mut places = Vec::new();
        for value in interfaces.values() {
            places.extend(routed(&interfaces, value, self.names.interfaces, report));
        }
        if places.is_empty() {
            let what = "the list is empty: the rule is for nothing";
            interfaces.gap(report, interfaces.line(), Problem::Incomplete { what });
            return Err(Refused);
        }
        Ok(ForwardingSource::Interfaces(places))
    }

    fn action(&self, entry: &View<'_>, report: &mut Report<'_>) -> Result<ForwardingAction, Refused> {
        let actions = ["forward", "discard", "no-pbf"].map(|action| entry.at(&["action", action]));
        let mut used = actions.iter().filter(|view| view.exists());
        let (first, second) = (used.next(), used.next());
        if let Some(second) = second {
            let what = "a rule has one of the actions `forward`, `discard` and `no-pbf`".into();
            second.gap(report, second.line(), Problem::Conflict { what });
            return Err(Refused);
        }
        let [forward, discard, _] = &actions;
        match first {
            None => {
                let what = "a forwarding rule needs an `action`";
                entry.gap(report, entry.line(), Problem::Incomplete { what });
                Err(Refused)
            }
            Some(_) if forward.exists() => self.forward(forward, report),
            Some(_) if discard.exists() => Ok(ForwardingAction::Discard),
            Some(_) => Ok(ForwardingAction::NoPbf),
        }
    }

    fn forward(&self, view: &View<'_>, report: &mut Report<'_>) -> Result<ForwardingAction, Refused> {
        let egress = view.below("egress-interface");
        let Some(value) = egress.value() else {
            let what = "`forward` needs an `egress-interface`";
            view.gap(report, view.line(), Problem::Incomplete { what });
            return Err(Refused);
        };
        let interface = routed(&egress, value, self.names.interfaces, report).ok_or(Refused)?;
        let hop = view.at(&["nexthop", "ip-address"]);
        let next_hop = match hop.value() {
            None => None,
            Some(value) => Some(one_address(self.names.addresses, &hop, value, report).ok_or(Refused)?),
        };
        if let (Some(address), Some(value), Some(out)) =
            (next_hop, hop.value(), self.names.interfaces.get(interface))
        {
            let mut networks =
                out.addresses.iter().filter(|own| own.address.is_ipv6() == address.is_ipv6()).peekable();
            if networks.peek().is_some() && !networks.any(|own| own.contains(address)) {
                let what = format!("no network of `{}` holds the next hop `{}`", out.name, value.text);
                hop.gap(report, value.line, Problem::Conflict { what });
                return Err(Refused);
            }
        }
        let monitor = self.monitor(&view.below("monitor"), next_hop, report)?;
        Ok(ForwardingAction::Forward { interface, next_hop, monitor })
    }

    fn monitor(
        &self,
        view: &View<'_>,
        next_hop: Option<IpAddr>,
        report: &mut Report<'_>,
    ) -> Result<Option<ForwardingMonitor>, Refused> {
        if !view.exists() {
            return Ok(None);
        }
        let own = view.below("ip-address");
        let address = match own.value() {
            None => next_hop,
            Some(value) => Some(one_address(self.names.addresses, &own, value, report).ok_or(Refused)?),
        };
        let Some(address) = address else {
            let what = "`monitor` needs an `ip-address` where the rule has no `nexthop`";
            view.gap(report, view.line(), Problem::Incomplete { what });
            return Err(Refused);
        };
        let named = view.below("profile");
        let profile = match named.value() {
            None => None,
            Some(value) => match self.monitors.get(value.text) {
                Some(profile) => Some(profile),
                None => {
                    named.unknown(report, "monitor profile", value, self.monitors.keys().copied());
                    return Err(Refused);
                }
            },
        };
        let number = |word: &'static str, usual: u8| {
            let number = profile.and_then(|profile| profile.below(word).number());
            number.and_then(|number| u8::try_from(number).ok()).unwrap_or(usual)
        };
        Ok(Some(ForwardingMonitor {
            address,
            interval: number("interval", 3),
            threshold: number("threshold", 5),
            fail_over: profile.is_some_and(|profile| profile.below("action").word() == "fail-over"),
            disable_if_unreachable: view.below("disable-if-unreachable").is_yes(),
        }))
    }
}

fn symmetric_return(view: &View<'_>, report: &mut Report<'_>) -> Option<SymmetricReturn> {
    let list = view.below("nexthop-address-list");
    let next_hops: Vec<IpAddr> = list.values().iter().filter_map(|value| value.text.parse().ok()).collect();
    if next_hops.len() > MOST_RETURNS {
        let what = format!("answers go to at most {MOST_RETURNS} routers");
        list.gap(report, list.line(), Problem::Conflict { what });
    }
    view.below("enabled").is_yes().then_some(SymmetricReturn { next_hops })
}

fn one_address(
    addresses: &Addresses,
    view: &View<'_>,
    value: Value<'_>,
    report: &mut Report<'_>,
) -> Option<IpAddr> {
    let prefix = addresses.prefix(value.text);
    if prefix.is_none() {
        addresses.unknown(view, value, report);
    }
    prefix.map(|prefix| prefix.address)
}
