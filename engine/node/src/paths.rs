//! Monitored paths: echo requests out, answers in, routes and forwarding rules that follow.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

use bifrons_config::Config;
use bifrons_dataplane::{
    AwaitedEcho,
    neighbor::Resolution,
    path_monitor::{Dependent, PathMonitors, PathOutput},
};
use bifrons_model::{InterfaceId, MacAddress, Timestamp};
use bifrons_policy::Forward;
use bifrons_wire::{
    Addresses, ETHERTYPE_IPV4, ETHERTYPE_IPV6, Echo, EthernetHeader, FrameInfo, LinkType, Packet, Reading,
    parse, protocol,
};

use crate::{
    MonitoredPath, Notice,
    controller::{Controller, Order},
};

/// The monitors, and the requests that wait for a neighbor's station address: of each source and destination
/// the latest.
#[derive(Default)]
pub(crate) struct Paths {
    monitors: PathMonitors,
    waiting: BTreeMap<(InterfaceId, IpAddr), Vec<Probe>>,
}

/// A request that waits.
struct Probe {
    addresses: Addresses,
    /// From the IP header on.
    packet: Vec<u8>,
}

impl Paths {
    /// The places in `Config::forwarding_rules` of the rules whose paths are down.
    pub fn failed_rules(&self) -> impl Iterator<Item = usize> {
        self.monitors.failed_rules()
    }

    /// The answers that are waited for, in order of identifiers.
    pub fn awaited(&self) -> impl Iterator<Item = AwaitedEcho> {
        self.monitors.awaited()
    }

    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.monitors.poll_timeout()
    }

    fn wait(&mut self, place: (InterfaceId, IpAddr), addresses: Addresses, packet: Vec<u8>) {
        let queue = self.waiting.entry(place).or_default();
        queue.retain(|other| other.addresses != addresses);
        queue.push(Probe { addresses, packet });
    }
}

impl Controller {
    /// Takes another configuration's monitors; `follow_paths` is to be called when routes and links are the
    /// configuration's as well.
    pub fn watch_paths(&mut self, now: Timestamp) {
        self.paths.waiting.clear();
        self.paths.monitors.apply(now, &self.config, &self.numbers);
        let last = self.paths.awaited().last();
        self.group_paths.begin(last.map_or(1, |last| last.identifier.saturating_add(1)));
        self.await_echoes();
    }

    /// A silent device asks nobody.
    pub fn suspend_paths(&mut self, now: Timestamp, is_suspended: bool) {
        self.paths.monitors.set_suspended(now, is_suspended);
        self.follow_paths(now);
    }

    /// Lets the monitors do what is due.
    pub fn handle_path_timeout(&mut self, now: Timestamp) {
        self.paths.monitors.handle_timeout(now);
        self.follow_paths(now);
    }

    /// Takes a frame for an address of the device's own, without VLAN tag; false where it is no echo message,
    /// of which none is for a service of the device: workers answer the requests.
    pub fn handle_echo(&mut self, now: Timestamp, frame: &[u8]) -> bool {
        let info = FrameInfo { link: LinkType::Ethernet, wire_length: frame.len() as u32 };
        let Some(packet) = parse(frame, info, Reading::Lenient).ok().filter(is_echo) else { return false };
        if let Some(ip) = frame.get(usize::from(packet.network)..)
            && let Some(echo) = Echo::read(ip).filter(|echo| echo.is_reply)
            && !self.group_paths.handle_echo(&echo)
        {
            self.paths.monitors.handle_packet(now, ip);
            self.follow_paths(now);
        }
        true
    }

    /// Sends the requests that have waited for a neighbor; gives them up where it has no station address.
    pub fn release_probes(&mut self, interface: InterfaceId, address: IpAddr, mac: Option<MacAddress>) {
        let waiting = self.paths.waiting.remove(&(interface, address)).unwrap_or_default();
        for Probe { packet, .. } in waiting {
            if let Some(mac) = mac {
                self.send_probe(interface, mac, &packet);
            }
        }
    }

    /// Does what the monitors say.
    pub fn follow_paths(&mut self, now: Timestamp) {
        let mut has_changed = false;
        while let Some(output) = self.paths.monitors.poll_output() {
            match output {
                PathOutput::Probe { forward, addresses, packet } => {
                    self.probe(now, forward, addresses, packet);
                }
                PathOutput::Path { dependent, is_up } => {
                    has_changed = true;
                    if let Dependent::Route(route) = dependent {
                        self.rib.set_path(route, is_up);
                    }
                    let path = monitored_path(&self.config, dependent);
                    self.notices.extend(path.map(|path| Notice::Path { path, is_up }));
                }
            }
        }
        if has_changed {
            self.follow_routes();
        }
    }

    pub fn probe(&mut self, now: Timestamp, forward: Forward, addresses: Addresses, packet: Vec<u8>) {
        let Forward { interface, gateway } = forward;
        // An address that may be another's yet is not spoken from (RFC 4862, section 5.4).
        if !self.neighbors.is_own(interface, addresses.source()) {
            return;
        }
        let address = gateway.unwrap_or(addresses.destination());
        match self.neighbors.resolve(now, interface, address) {
            Resolution::Known(mac) => self.send_probe(interface, mac, &packet),
            Resolution::Pending => self.paths.wait((interface, address), addresses, packet),
            Resolution::Unreachable => {}
        }
        self.follow_neighbors();
    }

    fn send_probe(&mut self, interface: InterfaceId, mac: MacAddress, packet: &[u8]) {
        let Some(link) = self.links().link(interface) else { return };
        let is_v6 = packet.first().is_some_and(|first| first >> 4 == 6);
        let header = EthernetHeader {
            destination: mac,
            source: link.mac,
            tag: None,
            ethertype: if is_v6 { ETHERTYPE_IPV6 } else { ETHERTYPE_IPV4 },
        };
        let bytes = [header.bytes().get(..header.length()).unwrap_or_default(), packet].concat();
        self.orders.push(Order::Frame { interface, bytes });
    }
}

fn is_echo(packet: &Packet) -> bool {
    let is_icmp = matches!(packet.protocol, protocol::ICMP | protocol::ICMPV6);
    packet.icmp.is_echo || is_icmp && packet.fragment.is_some()
}

fn monitored_path(config: &Config, dependent: Dependent) -> Option<MonitoredPath> {
    Some(match dependent {
        Dependent::Route(place) => {
            let route = config.routes.get(place)?;
            let router = config.virtual_routers.get(route.virtual_router);
            let virtual_router = router.map_or(String::new(), |router| router.name.to_string());
            MonitoredPath::Route { virtual_router, route: route.name.clone() }
        }
        Dependent::Rule(place) => {
            MonitoredPath::ForwardingRule(config.forwarding_rules.get(place)?.name.clone())
        }
    })
}
