//! `deviceconfig high-availability`: the pair. Ranges and defaults are those of the PAN-OS 11.1
//! configuration command hierarchy and of its help pages on high availability.

use super::{Kind, Section, entry};

const PRIORITY: Kind = Kind::Integer { min: 0, max: 255, unit: "" };
const SEED: Kind = Kind::Integer { min: 0, max: u32::MAX, unit: "" };
const MINUTES: Kind = Kind::Integer { min: 1, max: 60, unit: "minutes" };
const CONDITION: Kind = Kind::Words(&["any", "all"]);
const SPEED: Kind = Kind::Words(&["auto", "10", "100", "1000", "10000", "25000", "40000", "100000"]);
const DUPLEX: Kind = Kind::Words(&["auto", "full", "half"]);

const fn milliseconds(min: u32, max: u32) -> Kind {
    Kind::Integer { min, max, unit: "milliseconds" }
}

pub(super) const PAIR: Section = Section {
    title: "High availability",
    text: "Carried out for `active-passive`, in the engine and in the simulated world. `group N …` of PAN-OS \
           before 8.1 is read as `group group-id N …`.",
    leaves: &[
        entry(
            "deviceconfig high-availability enabled",
            Kind::YesNo,
            "no",
            "Whether the device is one of a pair.",
        ),
        entry(
            "deviceconfig high-availability group group-id",
            Kind::Integer { min: 1, max: 63, unit: "" },
            "",
            "The number of the pair, the same on both devices; part of virtual MAC addresses.",
        ),
        entry("deviceconfig high-availability group description", Kind::Text { max: 255 }, "", "Free text."),
        entry(
            "deviceconfig high-availability group peer-ip",
            Kind::IpAddress,
            "",
            "The address of the other device on HA1.",
        ),
        entry(
            "deviceconfig high-availability group peer-ip-backup",
            Kind::IpAddress,
            "",
            "The address of the other device on the HA1 backup link.",
        ),
        entry(
            "deviceconfig high-availability group election-option device-priority",
            PRIORITY,
            "100",
            "The device with the lower number leads; of equal ones the lower HA1 MAC address.",
        ),
        entry(
            "deviceconfig high-availability group election-option preemptive",
            Kind::YesNo,
            "no",
            "Whether the better device takes over again once it has recovered; both must say so.",
        ),
        entry(
            "deviceconfig high-availability group election-option heartbeat-backup",
            Kind::YesNo,
            "no",
            "Whether heartbeats travel over the management ports too.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers recommended",
            Kind::Presence,
            "",
            "Promotion after 2,000 ms, a heartbeat every 2,000 ms; what holds without a line.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers aggressive",
            Kind::Presence,
            "",
            "Promotion after 500 ms, a heartbeat every 1,000 ms.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers fast",
            Kind::Presence,
            "",
            "The peer is lost when nothing has come on any link for 45 ms; PAN-OS does not have it.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers advanced promotion-hold-time",
            milliseconds(0, 60_000),
            "2000",
            "From the loss of the peer to taking over.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers advanced hello-interval",
            milliseconds(8_000, 60_000),
            "8000",
            "Between two hellos.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers advanced heartbeat-interval",
            milliseconds(1_000, 60_000),
            "2000",
            "Between two heartbeats; three lost ones are the loss of the peer.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers advanced flap-max",
            Kind::IntegerOr { word: "infinite", min: 0, max: 16, unit: "" },
            "3",
            "After how many flaps the device is suspended; 0 is `infinite`.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers advanced preemption-hold-time",
            MINUTES,
            "1",
            "How long a recovered device waits before it preempts.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers advanced \
             monitor-fail-hold-up-time",
            milliseconds(0, 60_000),
            "0",
            "How long the device stays active after a monitored failure.",
        ),
        entry(
            "deviceconfig high-availability group election-option timers advanced \
             additional-master-hold-up-time",
            milliseconds(0, 60_000),
            "500",
            "What the active device adds to that.",
        ),
        entry(
            "deviceconfig high-availability group configuration-synchronization enabled",
            Kind::YesNo,
            "yes",
            "Whether a commit is made on both devices.",
        ),
        entry(
            "deviceconfig high-availability group state-synchronization enabled",
            Kind::YesNo,
            "yes",
            "Whether the devices tell each other of sessions.",
        ),
        entry(
            "deviceconfig high-availability group state-synchronization transport",
            Kind::Words(&["ethernet", "ip", "udp"]),
            "ethernet",
            "What HA2 messages travel in.",
        ),
        entry(
            "deviceconfig high-availability group state-synchronization ha2-keep-alive enabled",
            Kind::YesNo,
            "no",
            "Whether HA2 is watched by messages of its own.",
        ),
        entry(
            "deviceconfig high-availability group state-synchronization ha2-keep-alive action",
            Kind::Words(&["log-only", "split-datapath"]),
            "log-only",
            "What happens when they stay away; `split-datapath` is for active/active.",
        ),
        entry(
            "deviceconfig high-availability group state-synchronization ha2-keep-alive threshold",
            milliseconds(5_000, 60_000),
            "10000",
            "How long they may stay away.",
        ),
    ],
};

pub(super) const MODE: Section = Section {
    title: "High availability: modes",
    text: "A pair is `active-passive`, which holds without a line, or `active-active`.",
    leaves: &[
        entry(
            "deviceconfig high-availability group mode active-passive",
            Kind::Presence,
            "",
            "One device forwards, the other is ready.",
        ),
        entry(
            "deviceconfig high-availability group mode active-passive passive-link-state",
            Kind::Words(&["shutdown", "auto"]),
            "shutdown",
            "Whether the passive device keeps its links down or up.",
        ),
        entry(
            "deviceconfig high-availability group mode active-passive monitor-fail-hold-down-time",
            MINUTES,
            "1",
            "How long a device that lost a monitored link or path stays non-functional.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active",
            Kind::Presence,
            "",
            "Both devices forward.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active device-id",
            Kind::Words(&["0", "1"]),
            "",
            "Which of the two this device is.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active tentative-hold-time",
            Kind::IntegerOr { word: "disabled", min: 10, max: 600, unit: "seconds" },
            "60",
            "How long a recovered device forwards nothing of its own.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active network-configuration sync \
             virtual-router",
            Kind::YesNo,
            "no",
            "Whether the routing configuration is the same on both devices.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active network-configuration sync \
             logical-router",
            Kind::YesNo,
            "no",
            "The same for logical routers.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active network-configuration sync qos",
            Kind::YesNo,
            "no",
            "Whether the interfaces' traffic classes are the same on both devices.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active packet-forwarding",
            Kind::YesNo,
            "yes",
            "Whether packets may go to the other device over HA3.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active session-owner-selection \
             primary-device",
            Kind::Presence,
            "",
            "The active-primary device owns and sets up every session.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active session-owner-selection first-packet",
            Kind::Presence,
            "",
            "The device that got the first packet owns the session; what holds without a line.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active session-owner-selection \
             first-packet session-setup primary-device",
            Kind::Presence,
            "",
            "The active-primary device sets it up.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active session-owner-selection \
             first-packet session-setup first-packet",
            Kind::Presence,
            "",
            "The device that got the first packet sets it up.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active session-owner-selection \
             first-packet session-setup ip-modulo",
            Kind::Presence,
            "",
            "The parity of the addresses says which device does; what holds without a line.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active session-owner-selection \
             first-packet session-setup ip-hash",
            Kind::Presence,
            "",
            "A hash of the addresses says which device does.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active session-owner-selection \
             first-packet session-setup ip-hash hash-key",
            Kind::Words(&["source", "source-and-destination"]),
            "source",
            "Of which addresses.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active session-owner-selection \
             first-packet session-setup ip-hash hash-seed",
            SEED,
            "0",
            "What the hash begins with, the same on both devices.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active virtual-address \
             <shared-interface> ip|ipv6 <virtual-address> floating",
            Kind::Presence,
            "",
            "The address is at one device at a time.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active virtual-address \
             <shared-interface> ip|ipv6 <virtual-address> floating device-priority device-0",
            PRIORITY,
            "0",
            "The functional device with the lower number has the address.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active virtual-address \
             <shared-interface> ip|ipv6 <virtual-address> floating device-priority device-1",
            PRIORITY,
            "0",
            "The number of the other one.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active virtual-address \
             <shared-interface> ip|ipv6 <virtual-address> floating device-priority \
             failover-on-link-down",
            Kind::YesNo,
            "yes",
            "Whether it moves when the interface goes down.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active virtual-address \
             <shared-interface> ip|ipv6 <virtual-address> floating bind-to-active-primary",
            Kind::YesNo,
            "no",
            "Whether the active-primary device has it, whatever the numbers.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active virtual-address \
             <shared-interface> ip|ipv6 <virtual-address> arp-load-sharing ip-modulo",
            Kind::Presence,
            "",
            "Both devices have the address; the parity of the asking address says who answers.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active virtual-address \
             <shared-interface> ip|ipv6 <virtual-address> arp-load-sharing ip-hash",
            Kind::Presence,
            "",
            "Both devices have the address; a hash of the asking address says who answers.",
        ),
        entry(
            "deviceconfig high-availability group mode active-active virtual-address \
             <shared-interface> ip|ipv6 <virtual-address> arp-load-sharing ip-hash hash-seed",
            SEED,
            "0",
            "What the hash begins with.",
        ),
    ],
};

pub(super) const LINKS: Section = Section {
    title: "High availability: links",
    text: "HA1 carries hellos, heartbeats and the configuration, HA2 carries sessions, HA3 packets that \
           the other device is to handle. A port is `management`, a port of its own like `ha1-a`, or a \
           data port like `ethernet1/5`.",
    leaves: &[
        entry(
            "deviceconfig high-availability interface ha1|ha1-backup|ha2|ha2-backup",
            Kind::Presence,
            "",
            "The link is there, with what it has without a line.",
        ),
        entry(
            "deviceconfig high-availability interface ha1|ha1-backup|ha2|ha2-backup port",
            Kind::HaPort,
            "",
            "The port.",
        ),
        entry(
            "deviceconfig high-availability interface ha1|ha1-backup|ha2|ha2-backup ip-address",
            Kind::IpAddress,
            "",
            "The address of this device.",
        ),
        entry(
            "deviceconfig high-availability interface ha1|ha1-backup|ha2|ha2-backup netmask",
            Kind::Mask,
            "",
            "Its network.",
        ),
        entry(
            "deviceconfig high-availability interface ha1|ha1-backup|ha2|ha2-backup gateway",
            Kind::IpAddress,
            "",
            "The router to the other device, if that is in another network.",
        ),
        entry(
            "deviceconfig high-availability interface ha1|ha1-backup|ha2|ha2-backup link-speed",
            SPEED,
            "auto",
            "The speed of the port in Mbit/s.",
        ),
        entry(
            "deviceconfig high-availability interface ha1|ha1-backup|ha2|ha2-backup link-duplex",
            DUPLEX,
            "auto",
            "Whether the port sends and receives at once.",
        ),
        entry(
            "deviceconfig high-availability interface ha1 encryption enabled",
            Kind::YesNo,
            "no",
            "Whether HA1 is encrypted; here it always is.",
        ),
        entry(
            "deviceconfig high-availability interface ha1 monitor-hold-time",
            milliseconds(1_000, 60_000),
            "3000",
            "How long the link may be down before that counts.",
        ),
        entry(
            "deviceconfig high-availability interface ha3",
            Kind::Presence,
            "",
            "The link is there, with what it has without a line.",
        ),
        entry("deviceconfig high-availability interface ha3 port", Kind::HaPort, "", "The port."),
        entry(
            "deviceconfig high-availability interface ha3 mtu",
            Kind::Integer { min: 576, max: 9_216, unit: "bytes" },
            "1500",
            "The longest packet that the link carries; what is longer goes in pieces. PAN-OS has no such \
             line and needs jumbo frames.",
        ),
    ],
};

pub(super) const MONITORING: Section = Section {
    title: "High availability: monitoring",
    text: "A device that loses what it watches steps back: it becomes non-functional, or tentative in \
           an active/active pair. Path groups of virtual routers are pinged by the routes of these; those of \
           virtual wires and VLANs are not pinged.",
    leaves: &[
        entry(
            "deviceconfig high-availability group monitoring link-monitoring enabled",
            Kind::YesNo,
            "yes",
            "Whether links are watched.",
        ),
        entry(
            "deviceconfig high-availability group monitoring link-monitoring failure-condition",
            CONDITION,
            "any",
            "How many of the groups must fail.",
        ),
        entry(
            "deviceconfig high-availability group monitoring link-monitoring link-group <link-group> \
             enabled",
            Kind::YesNo,
            "yes",
            "Whether the group is watched.",
        ),
        entry(
            "deviceconfig high-availability group monitoring link-monitoring link-group <link-group> \
             failure-condition",
            CONDITION,
            "any",
            "How many of its interfaces must fail.",
        ),
        entry(
            "deviceconfig high-availability group monitoring link-monitoring link-group <link-group> \
             interface",
            Kind::Interfaces,
            "",
            "The interfaces.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring enabled",
            Kind::YesNo,
            "yes",
            "Whether paths are watched.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring failure-condition",
            CONDITION,
            "any",
            "How many of the groups must fail.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring path-group \
             virtual-wire|vlan|virtual-router|logical-router <path-group> enabled",
            Kind::YesNo,
            "yes",
            "Whether the group, which has the name of what its pings go through, is watched.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring path-group \
             virtual-wire|vlan|virtual-router|logical-router <path-group> failure-condition",
            CONDITION,
            "any",
            "How many of its destination groups must fail.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring path-group \
             virtual-wire|vlan <path-group> source-ip",
            Kind::IpAddress,
            "",
            "Where the pings come from.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring path-group \
             virtual-wire|vlan|virtual-router|logical-router <path-group> ping-interval",
            milliseconds(200, 60_000),
            "200",
            "Between two pings.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring path-group \
             virtual-wire|vlan|virtual-router|logical-router <path-group> ping-count",
            Kind::Integer { min: 3, max: 10, unit: "pings" },
            "10",
            "After how many lost pings in a row a destination has failed.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring path-group \
             virtual-wire|vlan|virtual-router|logical-router <path-group> destination-ip-group \
             <destination-group> enabled",
            Kind::YesNo,
            "yes",
            "Whether the destinations are watched.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring path-group \
             virtual-wire|vlan|virtual-router|logical-router <path-group> destination-ip-group \
             <destination-group> failure-condition",
            CONDITION,
            "any",
            "How many of them must fail.",
        ),
        entry(
            "deviceconfig high-availability group monitoring path-monitoring path-group \
             virtual-wire|vlan|virtual-router|logical-router <path-group> destination-ip-group \
             <destination-group> destination-ip",
            Kind::IpAddresses,
            "",
            "The destinations.",
        ),
    ],
};
