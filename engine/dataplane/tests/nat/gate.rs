//! A firewall between an inside and an outside network.

use std::{net::IpAddr, time::Duration};

use bifrons_config::{
    Config,
    typed::{
        AddressRange, DefaultRule, DestinationTranslation, Interface, NatRule, Prefix, SecurityRule,
        SourceTranslation, Zone,
    },
};
use bifrons_dataplane::{Compiled, Emitted, Frame, Outbox, Verdict, Worker};
use bifrons_model::{Action, Generation, InterfaceId, Timestamp, TrafficRecord};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use bifrons_wire::{FrameInfo, LinkType, Packet, Reading, parse, verify};

use crate::packets::Way;

pub const INSIDE: InterfaceId = InterfaceId(0);
pub const OUTSIDE: InterfaceId = InterfaceId(1);

/// Places in `Config::zones`.
pub const TRUST: usize = 0;
pub const UNTRUST: usize = 1;

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub fn way(source: (&str, u16), destination: (&str, u16)) -> Way {
    Way { source: (ip(source.0), source.1), destination: (ip(destination.0), destination.1) }
}

pub fn range(first: &str, last: &str) -> AddressRange {
    AddressRange { first: ip(first), last: ip(last) }
}

/// Everything from inside to outside gets a port of these addresses.
pub fn ports(first: &str, last: &str, persistent: bool) -> NatRule {
    let pool = vec![range(first, last)];
    NatRule {
        name: "ports".into(),
        from: vec![TRUST],
        to: vec![UNTRUST],
        source_translation: Some(SourceTranslation::DynamicIpAndPort { pool, persistent }),
        ..NatRule::default()
    }
}

/// A server inside under a public address, from both sides; from inside the client is translated too.
pub fn published(public: &str, server: &str) -> [NatRule; 2] {
    let to_server = Some(DestinationTranslation::Static { translated: range(server, server), port: None });
    let rule = NatRule {
        name: "published".into(),
        destination: vec![range(public, public)],
        destination_translation: to_server,
        ..NatRule::default()
    };
    let source_translation = ports("192.0.2.10", "192.0.2.10", false).source_translation;
    [
        NatRule { name: "u-turn".into(), from: vec![TRUST], source_translation, ..rule.clone() },
        NatRule { from: vec![UNTRUST], ..rule },
    ]
}

/// A worker between 10.0.0.0/8 and everything else. What comes from inside may pass, and what goes to
/// 10.0.0.80.
pub struct Gate {
    worker: Worker,
    outbox: Outbox,
    pub now: Timestamp,
}

/// What became of a frame.
#[derive(Debug)]
pub struct Sent {
    pub verdict: Verdict,
    /// The frames that left for it.
    pub frames: Vec<Vec<u8>>,
    /// What the firewall itself sent.
    pub emitted: Vec<Emitted>,
}

impl Gate {
    pub fn new(nat_rules: impl IntoIterator<Item = NatRule>) -> Self {
        Self::with(nat_rules, |_| {})
    }

    pub fn with(nat_rules: impl IntoIterator<Item = NatRule>, change: impl FnOnce(&mut Config)) -> Self {
        let interface = |name: &str, addresses: [(&str, u8); 2]| Interface {
            name: name.into(),
            addresses: addresses.map(|(address, length)| Prefix { address: ip(address), length }).to_vec(),
            ..Interface::default()
        };
        let zone = |name: &str, interface| Zone {
            name: name.into(),
            interfaces: vec![interface],
            ..Zone::default()
        };
        let allow = |rule: SecurityRule| SecurityRule { name: "allow".into(), action: Action::Allow, ..rule };
        let published = vec![range("192.0.2.80", "192.0.2.80")];
        let mut config = Config {
            interfaces: vec![
                interface("ethernet1/1", [("10.0.0.1", 8), ("fd00::1", 16)]),
                interface("ethernet1/2", [("192.0.2.1", 0), ("2001:db8::1", 0)]),
            ],
            zones: vec![zone("trust", 0), zone("untrust", 1)],
            rules: vec![
                allow(SecurityRule { from: vec![TRUST], ..SecurityRule::default() }),
                allow(SecurityRule { destination: published, ..SecurityRule::default() }),
            ],
            nat_rules: nat_rules.into_iter().collect(),
            // What nobody inside asked for is not sent back to where it came from.
            intrazone_default: DefaultRule { action: Some(Action::Drop), ..DefaultRule::default() },
            ..Config::default()
        };
        change(&mut config);
        let compiled = Compiled::new(Policy::compile(&config, Generation(1))).expect("no signatures");
        Self {
            worker: Worker::new(&compiled, HashSeed::new(1)),
            outbox: Outbox::default(),
            now: Timestamp::from_secs(1_700_000_000),
        }
    }

    pub fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.worker.handle_timeout(self.now, &mut self.outbox);
    }

    pub fn sessions(&self) -> usize {
        self.worker.sessions().len()
    }

    pub fn records(&mut self) -> Vec<TrafficRecord> {
        std::mem::take(&mut self.outbox.records)
    }

    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    pub fn send(&mut self, interface: InterfaceId, frame: &[u8]) -> Sent {
        let mut bytes = frame.to_vec();
        let mut frames = [Frame {
            wire_length: bytes.len() as u32,
            bytes: &mut bytes,
            link: Some(LinkType::Ethernet),
            interface: Some(interface),
            arrival: self.now,
            verdict: Verdict::Pending,
        }];
        self.worker.process(self.now, &mut frames, &mut self.outbox);
        let [Frame { verdict, .. }] = frames;
        assert!(self.worker.counters().is_conserved());
        let mut left: Vec<Vec<u8>> = self.outbox.replaced.drain(..).map(|replaced| replaced.bytes).collect();
        if left.is_empty() && matches!(verdict, Verdict::Transmit(_)) {
            left.push(bytes);
        }
        Sent { verdict, frames: left, emitted: self.outbox.emitted.drain(..).collect() }
    }

    /// Sends a frame that passes whole, and tells what it looks like on the other side.
    pub fn pass(&mut self, interface: InterfaceId, frame: &[u8]) -> Seen {
        let sent = self.send(interface, frame);
        assert!(matches!(sent.verdict, Verdict::Transmit(_)), "{:?}", sent.verdict);
        let [frame] = sent.frames.as_slice() else { panic!("{} frames", sent.frames.len()) };
        let Verdict::Transmit(interface) = sent.verdict else { unreachable!() };
        Seen::new(interface, frame)
    }
}

impl Sent {
    /// That it went no further, and nobody was told.
    pub fn is_silently_dropped(&self) -> bool {
        matches!(self.verdict, Verdict::Drop(_)) && self.emitted.is_empty()
    }
}

/// A frame that left, with right checksums.
#[derive(Clone, Debug)]
pub struct Seen {
    pub interface: InterfaceId,
    pub way: Way,
    pub packet: Packet,
    pub frame: Vec<u8>,
}

impl Seen {
    pub fn new(interface: InterfaceId, frame: &[u8]) -> Self {
        let info = FrameInfo { link: LinkType::Ethernet, wire_length: frame.len() as u32 };
        let packet = parse(frame, info, Reading::Strict).expect("a packet");
        if packet.fragment.is_none() {
            assert_eq!(verify(&packet, frame), Ok(()));
        }
        let addresses = packet.addresses;
        let way = Way {
            source: (addresses.source(), packet.source_port),
            destination: (addresses.destination(), packet.destination_port),
        };
        Self { interface, way, packet, frame: frame.to_vec() }
    }

    pub fn payload(&self) -> &[u8] {
        self.packet.payload_of(&self.frame)
    }
}
