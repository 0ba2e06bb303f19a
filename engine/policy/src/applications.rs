//! Applications of the catalogue and of the configuration alike, and the sets of them that rules name.

use alloc::{boxed::Box, collections::BTreeSet, string::String, vec, vec::Vec};

use bifrons_catalog::{Application, CUSTOM_FIRST, Port, application};
use bifrons_config::typed::{CustomApplication, PortPattern};
use bifrons_model::{Action, AppId, CustomName};

use crate::services::PortSet;

/// What is known of one application, be it of the catalogue or of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct ApplicationFacts<'a> {
    /// Its number.
    pub id: AppId,
    /// Its name in rules and logs.
    pub name: &'a str,
    /// The log's `category_of_app`.
    pub category: &'a str,
    /// The log's `subcategory_of_app`.
    pub subcategory: &'a str,
    /// The log's `technology_of_app`.
    pub technology: &'a str,
    /// The log's `risk_of_app`, 1 to 5.
    pub risk: u8,
    /// The application that this one is a part of, or whose traffic carries it.
    pub parent: Option<AppId>,
    /// Further applications as which its sessions begin.
    pub implicit: &'a [AppId],
    /// What a rule's `deny` does to it: `Drop` or one of the resets. A custom application's is its
    /// parent's, without one `Drop`.
    pub deny_action: Action,
    /// Idle timeout of its UDP sessions in seconds, where it is not the global one.
    pub udp_timeout: Option<u32>,
    /// Idle timeout of its TCP sessions in seconds, where it is not the global one.
    pub tcp_timeout: Option<u32>,
    /// Half-closed timeout of its TCP sessions in seconds, where it is not the global one.
    pub tcp_half_closed_timeout: Option<u32>,
    /// Time-wait timeout of its TCP sessions in seconds, where it is not the global one.
    pub tcp_time_wait_timeout: Option<u32>,
    home: Home<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Home<'a> {
    Catalogue(&'static Application),
    Custom(&'a [PortPattern]),
}

impl ApplicationFacts<'_> {
    /// Whether `protocol` and `port` are among its default ports; an application without any is at home
    /// everywhere. Of ICMP it says nothing of types, which are not ports.
    pub fn is_default_port(&self, protocol: u8, port: u16) -> bool {
        match self.home {
            Home::Catalogue(application) => application.is_default_port(protocol, port),
            Home::Custom(patterns) => {
                patterns.is_empty()
                    || patterns.iter().any(|pattern| {
                        let (own, first, last) = ports_of(*pattern);
                        own == protocol && (first..=last).contains(&port)
                    })
            }
        }
    }

    /// Its default ports; `None` where it is at home everywhere.
    pub(crate) fn home(&self) -> Option<PortSet> {
        let mut ports = PortSet::default();
        match self.home {
            Home::Catalogue(application) => {
                for port in application.ports {
                    let (protocol, first, last) = ports_of_catalogue(*port);
                    ports.insert(protocol, first, last);
                }
            }
            Home::Custom(patterns) => {
                for pattern in patterns {
                    let (protocol, first, last) = ports_of(*pattern);
                    ports.insert(protocol, first, last);
                }
            }
        }
        let is_empty = ports.ranges().next().is_none();
        (!is_empty).then_some(ports)
    }
}

fn ports_of_catalogue(port: Port) -> (u8, u16, u16) {
    match port {
        Port::Tcp(port) => (6, port, port),
        Port::Udp(port) => (17, port, port),
        Port::TcpDynamic => (6, 0, u16::MAX),
        Port::UdpDynamic => (17, 0, u16::MAX),
        Port::Protocol(protocol) => (protocol, 0, u16::MAX),
    }
}

fn ports_of(pattern: PortPattern) -> (u8, u16, u16) {
    match pattern {
        PortPattern::Tcp(first, last) => (6, first, last),
        PortPattern::Udp(first, last) => (17, first, last),
        PortPattern::Protocol(protocol) => (protocol, 0, u16::MAX),
        PortPattern::Icmp(..) => (1, 0, u16::MAX),
        PortPattern::Icmp6(..) => (58, 0, u16::MAX),
    }
}

/// The custom applications by their numbers over commits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Applications {
    /// By number less `CUSTOM_FIRST`; `None` for one that the configuration has no longer.
    custom: Vec<Option<CustomApplication>>,
    /// By number less `CUSTOM_FIRST`, those of the past too.
    names: Vec<CustomName>,
}

impl Applications {
    /// `numbers` are those of the configuration's applications by place.
    pub(crate) fn new(
        applications: &[CustomApplication],
        numbers: &[Option<AppId>],
        names: &[CustomName],
    ) -> Self {
        let mut custom: Vec<Option<CustomApplication>> = Vec::new();
        custom.resize_with(names.len(), || None);
        for (application, number) in core::iter::zip(applications, numbers) {
            let place = number.and_then(|number| number.0.checked_sub(CUSTOM_FIRST));
            let Some(entry) = place.and_then(|place| custom.get_mut(usize::from(place))) else { continue };
            let parent = application.parent.and_then(|parent| renumber(parent, numbers));
            *entry = Some(CustomApplication { parent, ..application.clone() });
        }
        Self { custom, names: names.to_vec() }
    }

    /// What is known of the application; of a custom one of the past its name alone.
    #[inline]
    pub(crate) fn facts(&self, id: AppId) -> ApplicationFacts<'_> {
        match id.0.checked_sub(CUSTOM_FIRST) {
            None => of_catalogue(application(id)),
            Some(place) => self.of_place(id, usize::from(place)),
        }
    }

    /// Whether protocol and port are among the application's default ones, if it has any.
    #[inline]
    pub(crate) fn is_home(&self, id: AppId, protocol: u8, port: u16) -> bool {
        if id.0 < CUSTOM_FIRST {
            return application(id).is_default_port(protocol, port);
        }
        self.facts(id).is_default_port(protocol, port)
    }

    /// The custom applications in force.
    pub(crate) fn custom(&self) -> impl Iterator<Item = (AppId, &CustomApplication)> {
        (CUSTOM_FIRST..=u16::MAX)
            .zip(&self.custom)
            .filter_map(|(number, custom)| Some((AppId(number), custom.as_ref()?)))
    }

    /// The applications as which sessions of this one may pass before they are known: its parent, those as
    /// which its sessions begin, and theirs in turn.
    pub(crate) fn carriers(&self, id: AppId) -> BTreeSet<AppId> {
        let mut carriers = BTreeSet::new();
        let mut pending = vec![id];
        while let Some(carried) = pending.pop() {
            let facts = self.facts(carried);
            let own = facts.parent.into_iter().chain(facts.implicit.iter().copied());
            pending.extend(own.filter(|carrier| *carrier != id && carriers.insert(*carrier)));
        }
        carriers
    }

    fn of_place(&self, id: AppId, place: usize) -> ApplicationFacts<'_> {
        match self.custom.get(place) {
            Some(Some(custom)) => self.of_custom(id, custom),
            Some(None) | None => match self.names.get(place) {
                Some(past) => ApplicationFacts {
                    id,
                    name: &past.name,
                    category: &past.category,
                    subcategory: &past.subcategory,
                    technology: &past.technology,
                    risk: past.risk,
                    ..of_catalogue(application(AppId(u16::MAX)))
                },
                None => of_catalogue(application(id)),
            },
        }
    }

    fn of_custom<'a>(&self, id: AppId, custom: &'a CustomApplication) -> ApplicationFacts<'a> {
        let nonzero = |timeout: Option<u32>| timeout.filter(|timeout| *timeout > 0);
        let mut facts = ApplicationFacts {
            id,
            name: &custom.name,
            category: &custom.category,
            subcategory: &custom.subcategory,
            technology: &custom.technology,
            risk: custom.risk,
            parent: custom.parent,
            implicit: &[],
            deny_action: Action::Drop,
            udp_timeout: nonzero(custom.udp_timeout),
            tcp_timeout: nonzero(custom.tcp_timeout),
            tcp_half_closed_timeout: nonzero(custom.tcp_half_closed_timeout),
            tcp_time_wait_timeout: nonzero(custom.tcp_time_wait_timeout),
            home: Home::Custom(&custom.ports),
        };
        // Custom parents are looked through: only the catalogue says what a deny does.
        let mut parent = custom.parent;
        for _ in 0..=self.custom.len() {
            let Some(carrier) = parent else { break };
            let Some(place) = carrier.0.checked_sub(CUSTOM_FIRST) else {
                facts.deny_action = application(carrier).deny_action;
                break;
            };
            let custom = self.custom.get(usize::from(place)).and_then(Option::as_ref);
            parent = custom.and_then(|custom| custom.parent);
        }
        facts
    }
}

#[inline]
fn of_catalogue(application: &'static Application) -> ApplicationFacts<'static> {
    ApplicationFacts {
        id: application.id,
        name: application.name,
        category: application.category,
        subcategory: application.subcategory,
        technology: application.technology,
        risk: application.risk,
        parent: application.parent,
        implicit: application.implicit,
        deny_action: application.deny_action,
        udp_timeout: application.udp_timeout,
        tcp_timeout: application.tcp_timeout,
        tcp_half_closed_timeout: application.tcp_half_closed_timeout,
        tcp_time_wait_timeout: application.tcp_time_wait_timeout,
        home: Home::Catalogue(application),
    }
}

/// The number over commits of an application that a configuration names; `None` where numbers ran out.
pub(crate) fn renumber(id: AppId, numbers: &[Option<AppId>]) -> Option<AppId> {
    match id.0.checked_sub(CUSTOM_FIRST) {
        Some(place) => numbers.get(usize::from(place)).copied().flatten(),
        None => Some(id),
    }
}

/// What records say of a custom application.
pub(crate) fn custom_name(application: &CustomApplication, all: &[CustomApplication]) -> CustomName {
    let parent = application.parent.map(|parent| match parent.0.checked_sub(CUSTOM_FIRST) {
        Some(place) => all.get(usize::from(place)).map_or("", |parent| parent.name.as_str()),
        None => bifrons_catalog::name(parent),
    });
    CustomName {
        name: application.name.clone(),
        category: application.category.clone(),
        subcategory: application.subcategory.clone(),
        technology: application.technology.clone(),
        risk: application.risk,
        parent: String::from(parent.unwrap_or_default()),
    }
}

/// Applications that a rule names, and what follows from their ports and parents.
#[derive(Clone, Debug)]
pub(crate) struct ApplicationSet {
    /// Sorted.
    pub(crate) listed: Box<[AppId]>,
    /// (carrier, listed application that it carries), sorted; carriers that are listed themselves are not
    /// there.
    carried: Box<[(AppId, AppId)]>,
    /// Where any of them is at home; `None` for everywhere.
    pub(crate) home: Option<PortSet>,
}

impl ApplicationSet {
    /// `listed` is sorted.
    pub(crate) fn new(listed: Box<[AppId]>, applications: &Applications) -> Self {
        let mut home = Some(PortSet::default());
        let mut carried = Vec::new();
        for id in &listed {
            home = home.zip(applications.facts(*id).home()).map(|(mut home, own)| {
                home.extend(&own);
                home
            });
            let carriers = applications.carriers(*id).into_iter();
            let unlisted = carriers.filter(|carrier| listed.binary_search(carrier).is_err());
            carried.extend(unlisted.map(|carrier| (carrier, *id)));
        }
        if let Some(home) = &mut home {
            home.normalize();
        }
        carried.sort_unstable();
        carried.dedup();
        Self { listed, carried: carried.into_boxed_slice(), home }
    }

    #[inline]
    pub(crate) fn contains(&self, id: AppId) -> bool {
        self.listed.binary_search(&id).is_ok()
    }

    /// The listed applications that `carrier`, which is not listed, carries.
    pub(crate) fn carried_by(&self, carrier: AppId) -> impl Iterator<Item = AppId> {
        let from = self.carried.partition_point(|(own, _)| *own < carrier);
        let rest = self.carried.get(from..).unwrap_or(&[]).iter();
        rest.take_while(move |(own, _)| *own == carrier).map(|(_, id)| *id)
    }

    /// The carriers of listed applications that are not listed themselves, with repeats.
    pub(crate) fn carriers(&self) -> impl Iterator<Item = AppId> {
        self.carried.iter().map(|(carrier, _)| *carrier)
    }

    /// Whether any of them is at home there.
    pub(crate) fn is_home(&self, protocol: u8, port: u16) -> bool {
        self.home.as_ref().is_none_or(|home| home.contains(protocol, port))
    }
}
