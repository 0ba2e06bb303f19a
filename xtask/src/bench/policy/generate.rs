//! Rule bases in the manner of ClassBench (Taylor and Turner, 2007), with what an application firewall
//! adds: zones, applications, users. Prefix lengths and ports are skewed, prefixes nest, wildcards are
//! common.

use std::net::{IpAddr, Ipv4Addr};

use bifrons_catalog::{app, application};
use bifrons_config::{
    Config,
    typed::{AddressRange, RuleType, SecurityRule, Service, ServiceMatch, UserMatch, Zone},
};
use bifrons_model::{Action, AppId, CategoryId, Timestamp, ZoneId};
use bifrons_policy::{Policy, Query, UserMap};

/// Sebastiano Vigna's splitmix64: the same from the same seed everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn within(&mut self, first: u32, last: u32) -> u32 {
        first + self.below(u64::from(last - first) + 1) as u32
    }
}

/// What kind of rule base: shares in percent.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    /// Rules for any source, for any destination.
    any_source: u64,
    any_destination: u64,
    /// Rules for any service.
    any_service: u64,
    /// Rules between any zones.
    any_zones: u64,
    /// How long a prefix is, where the rule has one.
    lengths: &'static [u32],
}

/// Access lists, firewalls with many wildcards, and chains between sites.
pub const KINDS: [Kind; 3] = [
    Kind {
        name: "acl",
        any_source: 15,
        any_destination: 4,
        any_service: 20,
        any_zones: 10,
        lengths: &[16, 20, 22, 24, 24, 24, 26, 27, 28, 30, 31, 32, 32, 32],
    },
    Kind {
        name: "fw",
        any_source: 35,
        any_destination: 25,
        any_service: 35,
        any_zones: 10,
        lengths: &[8, 16, 16, 20, 24, 24, 24, 28, 32, 32, 32],
    },
    Kind {
        name: "ipc",
        any_source: 10,
        any_destination: 10,
        any_service: 30,
        any_zones: 10,
        lengths: &[8, 12, 16, 16, 18, 24, 24, 24, 25, 28, 32, 32],
    },
];

const ZONES: usize = 6;
const USERS: usize = 64;
const APPLICATIONS: [AppId; 12] = [
    app::SSL,
    app::WEB_BROWSING,
    app::SSH,
    app::DNS_BASE,
    app::NTP_BASE,
    app::SMTP_BASE,
    app::MS_RDP,
    app::MS_DS_SMB_BASE,
    app::MYSQL,
    app::LDAP,
    app::KERBEROS,
    app::SIP,
];
const WELL_KNOWN: [u16; 16] = [22, 25, 53, 80, 80, 110, 123, 139, 389, 443, 443, 445, 1433, 3306, 3389, 8080];

/// A rule base of this many rules.
pub fn rule_base(random: &mut Random, kind: Kind, rules: usize) -> Config {
    // A handful of sites, each with networks inside: what makes prefixes nest.
    let sites: Vec<u32> = (0..(rules / 50).max(20)).map(|_| random.next() as u32).collect();
    let zone = |number| Zone { name: format!("zone{number}"), ..Zone::default() };
    Config {
        zones: (0..ZONES).map(zone).collect(),
        rules: (0..rules).map(|number| rule(random, kind, &sites, number)).collect(),
        ..Config::default()
    }
}

fn rule(random: &mut Random, kind: Kind, sites: &[u32], number: usize) -> SecurityRule {
    let zones = |random: &mut Random| match random.percent(kind.any_zones) {
        true => vec![],
        false => vec![random.below(ZONES as u64) as usize],
    };
    let addresses = |random: &mut Random, any: u64| match random.percent(any) {
        true => vec![],
        false => (0..if random.percent(90) { 1 } else { 1 + random.below(4) })
            .map(|_| prefix(random, kind.lengths, sites))
            .collect(),
    };
    let has_applications = random.percent(40);
    let source = addresses(random, kind.any_source);
    // A rule for any source and any destination would end the rule base where it stands.
    let any_destination = if source.is_empty() { 0 } else { kind.any_destination };
    SecurityRule {
        name: format!("rule {number}"),
        from: zones(random),
        to: zones(random),
        destination: addresses(random, any_destination),
        source,
        application: if has_applications {
            (0..1 + random.below(3)).map(|_| random.pick(&APPLICATIONS)).collect()
        } else {
            vec![]
        },
        source_user: if random.percent(15) {
            vec![UserMatch::Name(format!("user{}", random.below(USERS as u64)))]
        } else {
            vec![]
        },
        service: if has_applications && random.percent(60) {
            ServiceMatch::ApplicationDefault
        } else if random.percent(kind.any_service) {
            ServiceMatch::Any
        } else {
            ServiceMatch::Services(vec![service(random)])
        },
        rule_type: RuleType::Universal,
        action: if random.percent(75) { Action::Allow } else { Action::Drop },
        ..SecurityRule::default()
    }
}

fn prefix(random: &mut Random, lengths: &[u32], sites: &[u32]) -> AddressRange {
    let length = random.pick(lengths);
    // The lower half varies by little within a site, so that networks repeat and nest.
    let detail = random.next() as u32 & random.next() as u32 & 0xffff;
    let bits = random.pick(sites) & 0xffff_0000 | detail;
    range_of(bits, length)
}

/// The addresses of a prefix.
pub fn range_of(bits: u32, length: u32) -> AddressRange {
    let host = 1u32.checked_shl(32 - length).map_or(u32::MAX, |size| size - 1);
    let address = |bits: u32| IpAddr::V4(Ipv4Addr::from_bits(bits));
    AddressRange { first: address(bits & !host), last: address(bits | host) }
}

fn service(random: &mut Random) -> Service {
    let ports = match random.below(10) {
        0..6 => (random.pick(&WELL_KNOWN), 0),
        6 => (1024, 65_535),
        7 => (0, 1023),
        8 => (random.within(1024, 60_000) as u16, 0),
        _ => {
            let first = random.within(1024, 60_000) as u16;
            (first, first + random.within(1, 5_000) as u16)
        }
    };
    let ports = (ports.0, ports.1.max(ports.0));
    let protocol = if random.percent(75) { 6 } else { 17 };
    Service {
        name: format!("{protocol}-{}-{}", ports.0, ports.1),
        protocol,
        ports: vec![ports],
        source_ports: if random.percent(4) { vec![(1024, 65_535)] } else { vec![] },
        timeouts: bifrons_config::typed::TimeoutOverride::default(),
    }
}

/// Users behind some of the addresses that no query asks about: queries bring their user along.
pub fn users() -> UserMap {
    let mut map = UserMap::default();
    for number in 0..USERS as u32 {
        map.map(range_of(number << 8, 32), &format!("user{number}"));
    }
    map
}

/// A header inside a rule that is drawn among all: each of its conditions is met, what it leaves open is
/// anything. One in three is of a session whose application is not known yet.
pub fn header(random: &mut Random, config: &Config, policy: &Policy) -> Query {
    let rule = &config.rules[random.below(config.rules.len() as u64) as usize];
    let zone = |random: &mut Random, zones: &[usize]| {
        let any = random.below(config.zones.len() as u64) as usize;
        ZoneId(if zones.is_empty() { any } else { random.pick(zones) } as u16)
    };
    let address = |random: &mut Random, ranges: &[AddressRange]| {
        let all = range_of(0, 0);
        let range = if ranges.is_empty() { all } else { random.pick(ranges) };
        match (range.first, range.last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                IpAddr::V4(Ipv4Addr::from_bits(random.within(first.to_bits(), last.to_bits())))
            }
            (first, _) => first,
        }
    };
    let app = if rule.application.is_empty() { APPLICATIONS.to_vec() } else { rule.application.clone() };
    let app = random.pick(&app);
    let (protocol, source_port, destination_port) = ports(random, rule, app);
    let user = match rule.source_user.first() {
        Some(UserMatch::Name(name)) => policy.names().users.iter().position(|user| user == name),
        Some(UserMatch::Known | UserMatch::Unknown) | None => None,
    };
    Query {
        zone_from: zone(random, &rule.from),
        zone_to: zone(random, &rule.to),
        source: address(random, &rule.source),
        destination: address(random, &rule.destination),
        source_port,
        destination_port,
        protocol,
        app: random.percent(67).then_some(app),
        user: bifrons_model::UserId(user.unwrap_or_else(|| random.below(USERS as u64) as usize) as u32),
        category: Some(CategoryId(0)),
        time: Timestamp::ZERO,
    }
}

/// Protocol, source port, destination port that the rule and, where it says so, the application take.
fn ports(random: &mut Random, rule: &SecurityRule, app: AppId) -> (u8, u16, u16) {
    let any = random.within(1024, 65_535) as u16;
    let port = random.pick(&WELL_KNOWN);
    match &rule.service {
        ServiceMatch::Any => (random.pick(&[6, 6, 6, 17]), any, port),
        ServiceMatch::ApplicationDefault => match application(app).ports.first() {
            Some(bifrons_catalog::Port::Tcp(port)) => (6, any, *port),
            Some(bifrons_catalog::Port::Udp(port)) => (17, any, *port),
            Some(_) | None => (6, any, port),
        },
        ServiceMatch::Services(services) => {
            let Some(service) = services.first() else { return (6, any, port) };
            let within = |random: &mut Random, ranges: &[(u16, u16)], other: u16| match ranges.first() {
                Some((first, last)) => random.within(u32::from(*first), u32::from(*last)) as u16,
                None => other,
            };
            let source = within(random, &service.source_ports, any);
            (service.protocol, source, within(random, &service.ports, port))
        }
    }
}
