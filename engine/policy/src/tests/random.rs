//! Random rule bases of any size, dense enough that most of their rules overlap, and random questions about
//! them: the same from the same seed.

use super::*;

/// Sebastiano Vigna's splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn list<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = self.below(most + 1);
        (0..count).map(|_| make(self)).collect()
    }
}

/// Few enough for a bit each in what the search compares at a glance, or too many.
const ZONES: [usize; 2] = [5, 12];
const APPS: [AppId; 9] = [
    app::SSL,
    app::WEB_BROWSING,
    app::PING,
    app::DNS_BASE,
    app::UNKNOWN_TCP,
    app::MS_DS_SMB_BASE,
    app::MS_DS_SMBV2,
    CUSTOM_CHILD,
    CUSTOM_GRANDCHILD,
];
/// A custom application within ssl, and one within that.
pub const CUSTOM_CHILD: AppId = AppId(CUSTOM_FIRST);
pub const CUSTOM_GRANDCHILD: AppId = AppId(CUSTOM_FIRST + 1);
const USERS: [&str; 4] = ["alice", "bob", "staff", "all"];
const PORTS: [u16; 6] = [0, 53, 80, 443, 8443, 65_535];

pub fn users() -> UserMap {
    let mut map = UserMap::default();
    map.map(range("10.0.0.0", "10.0.0.255"), "alice");
    map.map(range("10.0.0.32", "10.0.0.63"), "bob");
    map.add_member("staff", "alice");
    map.add_member("all", "staff");
    map
}

/// `spread` bits of the addresses differ.
pub fn rule_base(random: &mut Random, rules: usize, spread: u32) -> Config {
    let custom = |name: &str, parent, ports| CustomApplication {
        name: name.into(),
        parent: Some(parent),
        ports,
        ..CustomApplication::default()
    };
    let hosts = |host: &str| UrlCategory { name: host.into(), hosts: vec![host.into()] };
    let zones = random.pick(&ZONES);
    Config {
        zones: (0..zones).map(|number| zone(&format!("zone{number}"), &[])).collect(),
        applications: vec![
            custom("child", app::SSL, vec![PortPattern::Tcp(8000, 9000)]),
            custom("grandchild", CUSTOM_CHILD, vec![]),
        ],
        categories: vec![hosts("a.example"), hosts("b.example")],
        rules: (0..rules).map(|_| any_rule(random, zones, spread)).collect(),
        ..config(vec![])
    }
}

fn any_rule(random: &mut Random, zones: usize, spread: u32) -> SecurityRule {
    let zones = |random: &mut Random| match random.below(3) {
        0 => vec![],
        _ => random.list(2, |random| random.below(zones)),
    };
    SecurityRule {
        from: zones(random),
        to: zones(random),
        source: ranges(random, spread),
        destination: ranges(random, spread),
        negate_source: random.one_in(20),
        negate_destination: random.one_in(20),
        source_user: if random.one_in(4) { random.list(2, user_match) } else { vec![] },
        application: if random.one_in(2) { random.list(3, |random| random.pick(&APPS)) } else { vec![] },
        service: service_match(random),
        category: if random.one_in(6) { random.list(2, |random| random.below(2)) } else { vec![] },
        schedule: random.one_in(10).then(|| Schedule {
            name: String::from("hours"),
            spans: vec![TimeSpan::Once { from: 100, until: 200 }],
        }),
        rule_type: random.pick(&ALL_RULE_TYPES),
        disabled: random.one_in(30),
        ..rule(random.pick(&Action::ALL))
    }
}

fn ranges(random: &mut Random, spread: u32) -> Vec<AddressRange> {
    match random.below(8) {
        0..3 => vec![],
        3..6 => vec![address_range(random, spread)],
        6 => random.list(5, |random| address_range(random, spread)),
        _ => random.list(40, |random| address_range(random, spread)),
    }
}

fn address_range(random: &mut Random, spread: u32) -> AddressRange {
    let (one, other) = (random.next() as u32, random.next() as u32);
    let mask = 1u32.checked_shl(spread).map_or(u32::MAX, |size| size - 1);
    let length = random.below(spread as usize + 1) as u32;
    let host = 1u32.checked_shl(length).map_or(u32::MAX, |size| size - 1);
    let (first, last) = match random.below(3) {
        0 => ((one & mask).min(other & mask), (one & mask).max(other & mask)),
        _ => (one & mask & !host, (one & mask | host) & mask),
    };
    let base = if spread < 32 { 10 << 24 } else { 0 };
    let address = |low: u32, is_v6: bool| {
        if is_v6 {
            IpAddr::from(((0x2001_0db8u128 << 96) | u128::from(low)).to_be_bytes())
        } else {
            IpAddr::from((base | low).to_be_bytes())
        }
    };
    let is_v6 = random.one_in(4);
    AddressRange { first: address(first, is_v6), last: address(last, is_v6) }
}

fn user_match(random: &mut Random) -> UserMatch {
    match random.below(6) {
        0 => UserMatch::Known,
        1 => UserMatch::Unknown,
        _ => UserMatch::Name(random.pick(&USERS).into()),
    }
}

fn service_match(random: &mut Random) -> ServiceMatch {
    match random.below(4) {
        0 => ServiceMatch::Any,
        1 => ServiceMatch::ApplicationDefault,
        _ => ServiceMatch::Services(random.list(3, |random| {
            let ports = |random: &mut Random| {
                random.list(2, |random| {
                    let (one, other) = (random.pick(&PORTS), random.pick(&PORTS));
                    (one.min(other), one.max(other))
                })
            };
            let sources = if random.one_in(3) { ports(random) } else { vec![] };
            service(random.pick(&[6, 17]), &ports(random), &sources)
        })),
    }
}

/// A question whose addresses are often where a rule's range begins or ends.
pub fn question(random: &mut Random, config: &Config, policy: &Policy) -> Query {
    let is_v6 = random.one_in(4);
    let near = &config.rules[random.below(config.rules.len())];
    let source = address(random, &near.source, is_v6);
    let zone = |random: &mut Random, near: &[usize]| match near {
        [first, ..] if random.one_in(2) => *first,
        _ => random.below(config.zones.len()),
    };
    let is_gone = random.one_in(32);
    Query {
        zone_from: ZoneId(if is_gone { config.zones.len() } else { zone(random, &near.from) } as u16),
        zone_to: ZoneId(zone(random, &near.to) as u16),
        source,
        destination: address(random, &near.destination, is_v6),
        source_port: random.pick(&PORTS),
        destination_port: random.pick(&PORTS),
        protocol: random.pick(&[6, 6, 17, 1]),
        app: (!random.one_in(3)).then(|| random.pick(&APPS)),
        user: policy.user_of(source),
        category: (!random.one_in(3)).then(|| CategoryId(random.below(3) as u16)),
        time: Timestamp::from_secs(random.pick(&[0, 150])),
    }
}

fn address(random: &mut Random, ranges: &[AddressRange], is_v6: bool) -> IpAddr {
    let own: Vec<&AddressRange> = ranges.iter().filter(|range| range.first.is_ipv6() == is_v6).collect();
    if own.is_empty() || random.one_in(4) {
        let low = random.next() as u32 & 0xff;
        return if is_v6 {
            IpAddr::from(((0x2001_0db8u128 << 96) | u128::from(low)).to_be_bytes())
        } else {
            IpAddr::from((10 << 24 | low).to_be_bytes())
        };
    }
    let range = own[random.below(own.len())];
    let end = if random.one_in(2) { range.first } else { range.last };
    let step = random.below(3) as u32;
    match end {
        IpAddr::V4(end) => IpAddr::from((end.to_bits().wrapping_add(step).wrapping_sub(1)).to_be_bytes()),
        IpAddr::V6(end) => {
            IpAddr::from((end.to_bits().wrapping_add(step.into()).wrapping_sub(1)).to_be_bytes())
        }
    }
}
