//! Address objects, address groups, services.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, vec, vec::Vec};

use super::{Value, View};
use crate::{
    Problem,
    parse::Report,
    schema::{parse_ports, parse_prefix, parse_range, range_of},
    typed::{AddressRange, Prefix, Service, TimeoutOverride},
};

/// What rules, interfaces and routes may name.
pub(super) struct Objects {
    /// What each address object and each group stands for.
    addresses: BTreeMap<String, Vec<AddressRange>>,
    /// The objects that are one address or network.
    netmasks: BTreeMap<String, Prefix>,
    services: BTreeMap<String, Service>,
}

/// Groups may stand in groups this deep.
const MOST_LEVELS: usize = 32;

impl Objects {
    pub(super) fn read(root: &View<'_>, report: &mut Report<'_>) -> Self {
        let mut objects =
            Self { addresses: BTreeMap::new(), netmasks: BTreeMap::new(), services: BTreeMap::new() };
        for (name, entry) in root.below("address").entries() {
            objects.address(name, &entry, report);
        }
        objects.groups(root, report);
        for (name, ports) in
            [("service-http", vec![(80, 80), (8080, 8080)]), ("service-https", vec![(443, 443)])]
        {
            let service = Service {
                name: name.into(),
                protocol: 6,
                ports,
                source_ports: Vec::new(),
                timeouts: TimeoutOverride::default(),
            };
            objects.services.insert(name.into(), service);
        }
        for (name, entry) in root.below("service").entries() {
            if let Some(service) = service(name, &entry, report) {
                objects.services.insert(name.into(), service);
            }
        }
        objects
    }

    /// Adds what `text` stands for: an object, a group, or the address, prefix or range itself; false where
    /// it is none of these.
    pub(super) fn add_addresses(&self, text: &str, ranges: &mut Vec<AddressRange>) -> bool {
        if let Some(known) = self.addresses.get(text) {
            ranges.extend_from_slice(known);
            return true;
        }
        let literal = parse_prefix(text).map(range_of).or_else(|| parse_range(text));
        ranges.extend(literal);
        literal.is_some()
    }

    pub(super) fn unknown_address(&self, view: &View<'_>, value: Value<'_>, report: &mut Report<'_>) {
        view.unknown(report, "address", value, self.address_names());
    }

    pub(super) fn address_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.addresses.keys().map(String::as_str)
    }

    /// The address with its prefix length that `text` stands for.
    pub(super) fn prefix(&self, text: &str) -> Option<Prefix> {
        self.netmasks.get(text).copied().or_else(|| parse_prefix(text))
    }

    pub(super) fn service(&self, name: &str) -> Option<&Service> {
        self.services.get(name)
    }

    pub(super) fn service_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.services.keys().map(String::as_str)
    }

    fn address(&mut self, name: &str, entry: &View<'_>, report: &mut Report<'_>) {
        if entry.is_reserved(name, report) {
            return;
        }
        let (netmask, range) = (entry.below("ip-netmask").value(), entry.below("ip-range").value());
        match (netmask, range) {
            (Some(netmask), None) => {
                if let Some(prefix) = parse_prefix(netmask.text) {
                    self.netmasks.insert(name.into(), prefix);
                    self.addresses.insert(name.into(), vec![range_of(prefix)]);
                }
            }
            (None, Some(range)) => {
                if let Some(range) = parse_range(range.text) {
                    self.addresses.insert(name.into(), vec![range]);
                }
            }
            (Some(_), Some(range)) => {
                let what = "an address is either an `ip-netmask` or an `ip-range`".into();
                entry.gap(report, range.line, Problem::Conflict { what });
            }
            (None, None) => {
                let what = "an address needs an `ip-netmask` or an `ip-range`";
                entry.gap(report, entry.line(), Problem::Incomplete { what });
            }
        }
    }

    fn groups(&mut self, root: &View<'_>, report: &mut Report<'_>) {
        let mut groups = BTreeMap::new();
        for (name, entry) in root.below("address-group").entries() {
            if entry.is_reserved(name, report) {
                continue;
            }
            if self.addresses.contains_key(name) {
                let what = format!("an address object is called `{name}` too");
                entry.gap(report, entry.line(), Problem::Conflict { what });
            } else {
                groups.insert(name, entry.below("static"));
            }
        }
        let mut resolved = BTreeMap::new();
        for name in groups.keys() {
            self.group(name, &groups, &mut Vec::new(), &mut resolved, report);
        }
        self.addresses.append(&mut resolved);
    }

    /// Resolves one group and, before it, the groups in it. A loop is broken where it closes.
    fn group<'a>(
        &self,
        name: &'a str,
        groups: &BTreeMap<&'a str, View<'a>>,
        enclosing: &mut Vec<&'a str>,
        resolved: &mut BTreeMap<String, Vec<AddressRange>>,
        report: &mut Report<'_>,
    ) {
        let Some(members) = groups.get(name).filter(|_| !resolved.contains_key(name)) else { return };
        enclosing.push(name);
        let mut ranges: Vec<AddressRange> = Vec::new();
        for member in members.values() {
            if enclosing.contains(&member.text) || enclosing.len() >= MOST_LEVELS {
                let what = if enclosing.contains(&member.text) {
                    format!("the group `{}` holds itself", member.text)
                } else {
                    format!("groups stand in groups more than {MOST_LEVELS} deep")
                };
                members.gap(report, member.line, Problem::Conflict { what });
                continue;
            }
            self.group(member.text, groups, enclosing, resolved, report);
            if let Some(known) = self.addresses.get(member.text).or_else(|| resolved.get(member.text)) {
                ranges.extend(known);
            } else {
                let known = self.address_names().chain(groups.keys().copied());
                members.unknown(report, "address object or group", member, known);
            }
        }
        ranges.sort_unstable_by_key(|range| (range.first, range.last));
        ranges.dedup();
        enclosing.pop();
        resolved.insert(name.to_owned(), ranges);
    }
}

fn service(name: &str, entry: &View<'_>, report: &mut Report<'_>) -> Option<Service> {
    if entry.is_reserved(name, report) {
        return None;
    }
    let (tcp, udp) = (entry.at(&["protocol", "tcp"]), entry.at(&["protocol", "udp"]));
    let (protocol, view) = match (tcp.exists(), udp.exists()) {
        (true, false) => (6, tcp),
        (false, true) => (17, udp),
        (true, true) => {
            let what = "a service is either `tcp` or `udp`".into();
            entry.gap(report, udp.line(), Problem::Conflict { what });
            return None;
        }
        (false, false) => {
            let what = "a service needs `protocol tcp port` or `protocol udp port`";
            entry.gap(report, entry.line(), Problem::Incomplete { what });
            return None;
        }
    };
    let ports = |word| view.below(word).value().and_then(|value| parse_ports(value.text));
    let Some(destination) = ports("port") else {
        view.gap(report, view.line(), Problem::Incomplete { what: "a service needs a `port`" });
        return None;
    };
    Some(Service {
        name: name.into(),
        protocol,
        ports: destination,
        source_ports: ports("source-port").unwrap_or_default(),
        timeouts: timeouts(&view.below("override"), protocol, report),
    })
}

fn timeouts(view: &View<'_>, protocol: u8, report: &mut Report<'_>) -> TimeoutOverride {
    let (yes, no) = (view.below("yes"), view.below("no"));
    if yes.exists() && no.exists() {
        let what = "`override` is either `yes` or `no`".into();
        view.gap(report, no.line(), Problem::Conflict { what });
    }
    if !yes.exists() {
        return TimeoutOverride::default();
    }
    let tcp = |word| if protocol == 6 { yes.below(word).number() } else { None };
    TimeoutOverride {
        timeout: yes.below("timeout").number(),
        half_closed: tcp("halfclose-timeout"),
        time_wait: tcp("timewait-timeout"),
    }
}
