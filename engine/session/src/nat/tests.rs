//! Pools under load, over commits and shared by two devices.

use alloc::{collections::BTreeSet, vec, vec::Vec};
use core::net::IpAddr;

use bifrons_config::typed::{
    AddressRange, NatRule, NatSettings, Oversubscription, Prefix, SourceTranslation,
};
use bifrons_model::{NatRuleId, Timestamp, Translation};
use bifrons_wire::protocol::{ICMP, ICMPV6, TCP, UDP};

use super::{Mapped, Nat, NatRefusal, NatRequest, PortShare, Translated};

mod randomly;
mod rules;
mod shares;

const NOW: Timestamp = Timestamp::from_secs(1_000);
const RULE: NatRuleId = NatRuleId(0);
/// A protocol without ports.
const GRE: u8 = 47;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn range(first: &str, last: &str) -> AddressRange {
    AddressRange { first: ip(first), last: ip(last) }
}

fn one(address: &str) -> AddressRange {
    range(address, address)
}

fn ports(pool: &[AddressRange]) -> NatRule {
    let pool = pool.to_vec();
    let translation = SourceTranslation::DynamicIpAndPort { pool, persistent: false };
    NatRule { source_translation: Some(translation), ..NatRule::default() }
}

fn persistent(pool: &[AddressRange]) -> NatRule {
    let translation = SourceTranslation::DynamicIpAndPort { pool: pool.to_vec(), persistent: true };
    NatRule { source_translation: Some(translation), ..NatRule::default() }
}

fn oversubscribed(times: Oversubscription) -> NatSettings {
    NatSettings { oversubscription: times, ..NatSettings::default() }
}

/// A `Nat` and the sessions that are in the table.
struct World {
    nat: Nat,
    table: BTreeSet<(u8, IpAddr, u16, IpAddr, u16)>,
}

impl World {
    fn new(rules: &[NatRule]) -> Self {
        Self::with(PortShare::WHOLE, rules, &NatSettings::default())
    }

    fn with(share: PortShare, rules: &[NatRule], settings: &NatSettings) -> Self {
        let mut world = Self { nat: Nat::new(share, 7), table: BTreeSet::new() };
        world.commit(rules, settings);
        world
    }

    fn commit(&mut self, rules: &[NatRule], settings: &NatSettings) {
        self.nat.commit((0..).map(NatRuleId).zip(rules), settings);
    }

    fn open(&mut self, request: &NatRequest) -> Result<Translated, NatRefusal> {
        self.open_at(NOW, request)
    }

    fn open_at(&mut self, now: Timestamp, request: &NatRequest) -> Result<Translated, NatRefusal> {
        let server = self.nat.destination(request)?;
        let table = &self.table;
        let translation = self
            .nat
            .allocate(now, request, server, |tuple| !table.contains(&tuple_of(request.protocol, tuple)))?;
        assert!(self.table.insert(tuple_of(request.protocol, &translation)), "two sessions clash");
        Ok(Translated {
            rule: request.rule,
            protocol: request.protocol,
            source: request.source,
            source_port: request.source_port,
            translation,
        })
    }

    fn close(&mut self, session: &Translated) {
        self.close_at(NOW, session);
    }

    fn close_at(&mut self, now: Timestamp, session: &Translated) {
        assert!(self.table.remove(&tuple_of(session.protocol, &session.translation)));
        self.nat.release(now, session);
    }
}

fn tuple_of(protocol: u8, tuple: &Translation) -> (u8, IpAddr, u16, IpAddr, u16) {
    (protocol, tuple.source, tuple.source_port, tuple.destination, tuple.destination_port)
}

/// TCP to 203.0.113.1, port 443.
fn tcp(source: &str, port: u16) -> NatRequest {
    NatRequest {
        rule: RULE,
        is_reverse: false,
        protocol: TCP,
        source: ip(source),
        source_port: port,
        destination: ip("203.0.113.1"),
        destination_port: 443,
    }
}
