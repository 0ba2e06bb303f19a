//! The worker between two hosts with a real TCP stack: what it sends of its own must be accepted by both.

mod cookies;
mod gateway;
mod host;
mod resets;

use std::{net::IpAddr, time::Duration};

use bifrons_config::parse;
use bifrons_dataplane::{Compiled, Frame, Outbox, Verdict, Worker};
use bifrons_model::{Generation, InterfaceId, Timestamp, TrafficRecord};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use bifrons_wire::LinkType;

use host::Host;

/// A client on `ethernet1/1`, a server on `ethernet1/2`.
const NETWORK: &str = "
set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/8
set network interface ethernet ethernet1/1 layer3 ipv6 address fd00::1/16
set network interface ethernet ethernet1/2 layer3 ip 192.0.2.1/24
set network interface ethernet ethernet1/2 layer3 ipv6 address 2001:db8::1/32
set zone trust network layer3 ethernet1/1
set zone untrust network layer3 ethernet1/2
";

const INSIDE: InterfaceId = InterfaceId(0);
const OUTSIDE: InterfaceId = InterfaceId(1);

/// One step of simulated time; packets cross the gate once in each.
const STEP: Duration = Duration::from_millis(1);

fn compiled(lines: &str, previous: Option<&Policy>, generation: u32) -> Compiled {
    let text = format!("{NETWORK}{lines}");
    let config = parse(&text, "test").unwrap_or_else(|errors| panic!("{errors:?}"));
    let generation = Generation(generation);
    let policy = match previous {
        Some(previous) => Policy::compile_after(previous, &config, generation),
        None => Policy::compile(&config, generation),
    };
    Compiled::new(policy).expect("no signatures of its own")
}

/// Two hosts and the gate between them.
struct Gate {
    worker: Worker,
    outbox: Outbox,
    now: Timestamp,
    client: Host,
    server: Host,
    records: Vec<TrafficRecord>,
    /// Packets of the firewall's own.
    emitted: usize,
}

impl Gate {
    fn new(lines: &str, client: &str, server: &str) -> Self {
        let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
        Self {
            worker: Worker::new(&compiled(lines, None, 1), HashSeed::new(1)),
            outbox: Outbox::default(),
            now: Timestamp::from_secs(1_700_000_000),
            client: Host::new(address(client)),
            server: Host::new(address(server)),
            records: Vec::new(),
            emitted: 0,
        }
    }

    fn commit(&mut self, lines: &str) {
        let next = compiled(lines, Some(self.worker.policy()), self.worker.policy().generation().0 + 1);
        self.worker.handle_commit(&next);
    }

    /// Lets time run: both hosts speak, the gate judges.
    fn run(&mut self, steps: u32) {
        for _ in 0..steps {
            self.now += STEP;
            self.client.poll(self.now);
            self.server.poll(self.now);
            for packet in self.client.take_sent() {
                self.pass(INSIDE, packet);
            }
            for packet in self.server.take_sent() {
                self.pass(OUTSIDE, packet);
            }
        }
    }

    fn pass(&mut self, interface: InterfaceId, mut packet: Vec<u8>) {
        let wire_length = packet.len() as u32;
        let mut frames = [Frame {
            bytes: &mut packet,
            wire_length,
            link: Some(LinkType::RawIp),
            interface: Some(interface),
            arrival: self.now,
            verdict: Verdict::Pending,
        }];
        self.worker.process(self.now, &mut frames, &mut self.outbox);
        let [Frame { verdict, .. }] = frames;
        if let Verdict::Transmit(interface) = verdict {
            let replaced = core::mem::take(&mut self.outbox.replaced);
            if replaced.is_empty() {
                self.deliver(interface, packet);
            }
            replaced.into_iter().for_each(|replaced| self.deliver(interface, replaced.bytes));
        }
        self.emitted += self.outbox.emitted.len();
        for emitted in core::mem::take(&mut self.outbox.emitted) {
            self.deliver(emitted.interface, emitted.packet);
        }
        self.records.append(&mut self.outbox.records);
        self.outbox.clear();
    }

    fn deliver(&mut self, interface: InterfaceId, packet: Vec<u8>) {
        if interface == INSIDE { self.client.receive(packet) } else { self.server.receive(packet) }
    }
}
