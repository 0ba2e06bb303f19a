//! Services and service groups.

use alloc::{borrow::ToOwned, collections::BTreeMap, format, string::String, vec, vec::Vec};
use core::cell::Cell;

use super::{View, groups, tags::Tags};
use crate::{
    Problem,
    parse::Report,
    schema::parse_ports,
    typed::{Service, TimeoutOverride},
};

/// The services that rules may name, each group as its members.
pub(super) struct Services {
    known: BTreeMap<String, Vec<Service>>,
    /// How many more services groups and rules may stand for.
    room: Cell<usize>,
}

/// Groups and rules together may stand for so many services, however they name them.
const MOST_SERVICES: usize = 1_000_000;

impl Services {
    pub(super) fn read(root: &View<'_>, tags: &Tags<'_>, report: &mut Report<'_>) -> Self {
        let mut services = Self { known: BTreeMap::new(), room: Cell::new(MOST_SERVICES) };
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
            services.known.insert(name.into(), vec![service]);
        }
        for (name, entry) in root.below("service").entries() {
            tags.check(&entry.below("tag"), report);
            // A line about a service that exists without one takes its place, even if it cannot be read.
            services.known.remove(name);
            if let Some(service) = service(name, &entry, report) {
                services.known.insert(name.into(), vec![service]);
            }
        }
        services.groups(root, tags, report);
        services
    }

    /// The services that `name` stands for.
    pub(super) fn get(&self, name: &str) -> Option<&[Service]> {
        self.known.get(name).map(Vec::as_slice)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.known.keys().map(String::as_str)
    }

    /// Whether there is room for so many services; the lack is reported.
    pub(super) fn take(&self, count: usize, view: &View<'_>, report: &mut Report<'_>) -> bool {
        match self.room.get().checked_sub(count) {
            Some(rest) => {
                self.room.set(rest);
                true
            }
            None => {
                let what = format!(
                    "groups and rules name more than {MOST_SERVICES} services in all, each counted wherever \
                     it is named"
                );
                report.error(view.line(), view.path(), Problem::Conflict { what });
                false
            }
        }
    }

    fn groups(&mut self, root: &View<'_>, tags: &Tags<'_>, report: &mut Report<'_>) {
        let mut groups = BTreeMap::new();
        for (name, entry) in root.below("service-group").entries() {
            tags.check(&entry.below("tag"), report);
            let twice = self.known.contains_key(name);
            if twice {
                let what = format!("a service is called `{name}` too");
                entry.gap(report, entry.line(), Problem::Conflict { what });
            }
            if !twice && !entry.is_reserved(name, report) {
                groups.insert(name, entry.below("members"));
            }
        }
        for name in groups::in_order(&groups, "holds", report) {
            let Some(members) = groups.get(name) else { continue };
            let mut services: Vec<Service> = Vec::new();
            for member in members.values() {
                match self.known.get(member.text) {
                    Some(known) if self.take(known.len(), members, report) => {
                        services.extend_from_slice(known);
                    }
                    Some(_) => {}
                    None if groups.contains_key(member.text) => {}
                    None => {
                        let known = self.names().chain(groups.keys().copied());
                        members.unknown(report, "service or service group", member, known);
                    }
                }
            }
            services.sort_by(|one, other| one.name.cmp(&other.name));
            services.dedup_by(|one, other| one.name == other.name);
            self.known.insert(name.to_owned(), services);
        }
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
