//! Two devices with floating addresses and a router that learns them from their words on the link.
#![allow(clippy::unwrap_used, reason = "a test may end where something is wrong")]

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bifrons_config::{Config, parse};
use bifrons_dataplane::neighbor::{LinkSettings, NeighborOutput, Neighbors};
use bifrons_ha::{
    AddressPlan, AddressTable, Announcer, DeviceId, HaState, PairPage, Standing, VirtualAddresses,
};
use bifrons_model::{InterfaceId, MacAddress, Timestamp};
use bifrons_wire::Arp;

const WAN: InterfaceId = InterfaceId(0);
const START: Timestamp = Timestamp::from_secs(1_000);
const ROUTER: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 0xee]);
const ROUTER_ADDRESS: &str = "172.17.1.1";
const SECOND: Duration = Duration::from_secs(1);

fn config(device: u8, own: &str) -> Config {
    let ha = "set deviceconfig high-availability";
    let floating = format!("{ha} group mode active-active virtual-address ethernet1/1 ip");
    let text = format!(
        "set network interface ethernet ethernet1/1 layer3 ip {own}/24\n\
         {ha} enabled yes\n\
         {ha} interface ha1 ip-address 10.255.0.{} netmask 24 port ha1-a\n\
         {ha} group group-id 1 peer-ip 10.255.0.{}\n\
         {ha} group mode active-active device-id {device}\n\
         {floating} 172.17.1.4 floating device-priority device-0 100 device-1 200\n\
         {floating} 172.17.1.5 floating device-priority device-0 200 device-1 100\n",
        device + 1,
        2 - device,
    );
    parse(&text, "pair.set").unwrap_or_else(|errors| panic!("{}", errors[0]))
}

/// A device as its driver joins the machines.
struct Device {
    config: Config,
    plan: AddressPlan,
    table: AddressTable,
    announcer: Announcer,
    neighbors: Neighbors,
    mac: MacAddress,
}

impl Device {
    fn new(id: u8, own: &str) -> Self {
        let config = config(id, own);
        Self {
            plan: AddressPlan::new(&config),
            config,
            table: AddressTable::default(),
            announcer: Announcer::new(),
            neighbors: Neighbors::new(),
            mac: MacAddress([0x02, 0, 0, 0, 0, id]),
        }
    }

    /// The pair stands like this now.
    fn stand(&mut self, now: Timestamp, own: HaState, peer: Option<HaState>) {
        let standing = |state| Standing { state, ..Standing::default() };
        let table = self.plan.table(&standing(own), peer.map(standing).as_ref());
        let changes = table.changes_from(&self.table);
        let settings = LinkSettings {
            virtual_addresses: table.virtual_addresses(0),
            ..LinkSettings::new(self.mac, &self.config.interfaces[0], &[])
        };
        self.neighbors.set_link(now, WAN, settings);
        self.announcer.handle_changes(now, &changes);
        self.table = table;
    }

    /// The frames that it sends now.
    fn frames(&mut self, now: Timestamp) -> Vec<Vec<u8>> {
        self.announcer.handle_timeout(now);
        self.neighbors.handle_timeout(now);
        while let Some(output) = self.announcer.poll_output() {
            self.neighbors.announce_address(WAN, output.address, output.mac, output.hearers);
        }
        let outputs = std::iter::from_fn(|| self.neighbors.poll_output());
        outputs
            .filter_map(|output| match output {
                NeighborOutput::Frame { bytes, .. } => Some(bytes),
                NeighborOutput::Update(_)
                | NeighborOutput::Unreachable { .. }
                | NeighborOutput::Conflict { .. } => None,
            })
            .collect()
    }

    fn show(&self) -> String {
        let addresses = VirtualAddresses::new(&self.plan, &self.table, &self.config.interfaces);
        PairPage::VirtualAddresses(addresses).to_string()
    }
}

/// The router's ARP table and its switch's: which device a frame to an Ethernet address goes to.
#[derive(Default)]
struct Link {
    known: BTreeMap<IpAddr, MacAddress>,
    ports: BTreeMap<MacAddress, u8>,
    announced: Vec<(IpAddr, u8)>,
}

impl Link {
    fn hear(&mut self, device: u8, frame: &[u8]) {
        let source = MacAddress(*frame[6..].first_chunk().unwrap());
        self.ports.insert(source, device);
        let arp = Arp::read(&frame[14..]).expect("an ARP message");
        let sender = IpAddr::V4(arp.sender);
        if arp.sender == arp.target {
            self.announced.push((sender, device));
        }
        if !arp.is_request || self.known.contains_key(&sender) {
            self.known.insert(sender, arp.sender_mac);
        }
    }

    /// The router asks both devices.
    fn ask(&mut self, now: Timestamp, devices: &mut [&mut Device], address: &str) -> usize {
        let question = Arp {
            is_request: true,
            sender_mac: ROUTER,
            sender: ROUTER_ADDRESS.parse().unwrap(),
            target_mac: MacAddress::default(),
            target: address.parse().unwrap(),
        };
        let frame = question.frame(MacAddress::BROADCAST);
        let mut answers = 0;
        for device in devices {
            device.neighbors.handle_frame(now, WAN, &frame);
            for frame in device.frames(now) {
                answers += 1;
                self.hear(device.plan_device(), &frame);
            }
        }
        answers
    }
}

impl Device {
    fn plan_device(&self) -> u8 {
        self.plan.device().number()
    }
}

/// Both devices for twelve seconds, and what the link has heard of them.
fn calm() -> (Device, Device, Link, Timestamp) {
    let (mut zero, mut one) = (Device::new(0, "172.17.1.2"), Device::new(1, "172.17.1.3"));
    let mut link = Link::default();
    zero.stand(START, HaState::ActivePrimary, Some(HaState::ActiveSecondary));
    one.stand(START, HaState::ActiveSecondary, Some(HaState::ActivePrimary));
    let mut now = START;
    for _ in 0..12 {
        for device in [&mut zero, &mut one] {
            for frame in device.frames(now) {
                link.hear(device.plan_device(), &frame);
            }
        }
        now += SECOND;
    }
    (zero, one, link, now)
}

#[test]
fn a_router_learns_four_addresses_and_keeps_them_through_a_failure() {
    let (mut zero, mut one, mut link, mut now) = calm();
    for address in ["172.17.1.2", "172.17.1.3", "172.17.1.4", "172.17.1.5"] {
        assert_eq!(link.ask(now, &mut [&mut zero, &mut one], address), 1, "{address}");
    }
    let mac = |text: &str| MacAddress::from_text(text).unwrap();
    let [virtual_0, virtual_1] = [mac("02:b1:f0:01:01:01"), mac("02:b1:f0:81:01:01")];
    let learnt: Vec<(String, MacAddress)> =
        link.known.iter().map(|(address, mac)| (address.to_string(), *mac)).collect();
    let wanted = [
        ("172.17.1.2".to_string(), zero.mac),
        ("172.17.1.3".to_string(), one.mac),
        ("172.17.1.4".to_string(), virtual_0),
        ("172.17.1.5".to_string(), virtual_1),
    ];
    assert_eq!(learnt, wanted);
    assert_eq!((link.ports.get(&virtual_0), link.ports.get(&virtual_1)), (Some(&0), Some(&1)));
    assert_eq!(zero.show(), SHOWN_AT_ZERO);
    assert_eq!(one.plan.device(), DeviceId::One);

    // Device 1 dies: device 0 announces its address ten times, at its Ethernet address.
    link.announced.clear();
    let failed = now;
    zero.stand(now, HaState::ActivePrimary, None);
    let mut times = Vec::new();
    while now.since(failed) < 30 * SECOND {
        for frame in zero.frames(now) {
            link.hear(0, &frame);
            times.push(now.since(failed).as_secs());
        }
        now += SECOND;
    }
    assert_eq!(times, [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(link.announced.iter().all(|told| *told == ("172.17.1.5".parse().unwrap(), 0)));
    assert_eq!(link.ports.get(&virtual_1), Some(&0), "the switch has learnt where it is");
    assert_eq!(
        link.known.values().copied().collect::<Vec<_>>(),
        wanted.map(|(_, mac)| mac),
        "the router nothing"
    );
    assert_eq!(
        zero.show(),
        SHOWN_AT_ZERO.replace(
            "172.17.1.5                              Active:no ",
            "172.17.1.5                              Active:yes"
        )
    );

    // It returns, and so does its address.
    one.stand(now, HaState::Tentative, Some(HaState::ActivePrimary));
    assert!(one.frames(now).is_empty());
    zero.stand(now, HaState::ActivePrimary, Some(HaState::ActiveSecondary));
    one.stand(now, HaState::ActiveSecondary, Some(HaState::ActivePrimary));
    for frame in one.frames(now) {
        link.hear(1, &frame);
    }
    assert!(zero.frames(now).is_empty());
    assert_eq!((link.ports.get(&virtual_0), link.ports.get(&virtual_1)), (Some(&0), Some(&1)));
    assert_eq!(link.ask(now, &mut [&mut zero, &mut one], "172.17.1.5"), 1);
}

const SHOWN_AT_ZERO: &str = "
Total interfaces with virtual address configured:   1
Total virtual addresses configured:                 2
--------------------------------------------------------------------------------
Interface: ethernet1/1
  Virtual MAC:               02:b1:f0:01:01:01
  172.17.1.4                              Active:yes Type:floating         Pri-Bind:no
  172.17.1.5                              Active:no  Type:floating         Pri-Bind:no
--------------------------------------------------------------------------------
";
