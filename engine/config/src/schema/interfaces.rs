//! `network interface` and `network profiles interface-management-profile`: where packets come in and go
//! out, and what the device itself offers there.

use super::{Kind, Section, entry};

const TAG: Kind = Kind::Integer { min: 1, max: 4094, unit: "" };
const MTU: Kind = Kind::Integer { min: 576, max: 9216, unit: "bytes" };
const COMMENT: Kind = Kind::Text { max: 1023 };
const PROFILE: Kind =
    Kind::NameOf { places: &["<management-profile>"], what: "an interface management profile" };

/// The settings of an interface with addresses, whose path begins with `$base`, and those of `$more`.
macro_rules! addressed {
    ($base:literal, $mtu:literal $(, $more:expr)* $(,)?) => {
        &[
            entry(
                concat!($base, " ip"),
                Kind::InterfaceAddresses,
                "",
                "IPv4 addresses with their prefix lengths; each prefix is a connected route.",
            ),
            entry(
                concat!($base, " ipv6 address"),
                Kind::InterfaceAddresses,
                "",
                "IPv6 addresses with their prefix lengths; each prefix is a connected route.",
            ),
            entry(
                concat!($base, " ipv6 enabled"),
                Kind::YesNo,
                "yes",
                "Whether the interface takes part in IPv6 and its IPv6 addresses count.",
            ),
            entry(
                concat!($base, " mtu"),
                MTU,
                $mtu,
                "The longest packet that leaves in one piece, from the IP header on; at least 1,280 with \
                 IPv6. A unit without the line has that of its interface.",
            ),
            entry(
                concat!($base, " adjust-tcp-mss enable"),
                Kind::YesNo,
                "no",
                "Whether the MSS of TCP handshakes is lowered to the MTU less the adjustment.",
            ),
            entry(
                concat!($base, " adjust-tcp-mss ipv4-mss-adjustment"),
                Kind::Integer { min: 40, max: 300, unit: "bytes" },
                "40",
                "The adjustment for TCP over IPv4.",
            ),
            entry(
                concat!($base, " adjust-tcp-mss ipv6-mss-adjustment"),
                Kind::Integer { min: 60, max: 300, unit: "bytes" },
                "60",
                "The adjustment for TCP over IPv6.",
            ),
            entry(
                concat!($base, " interface-management-profile"),
                PROFILE,
                "",
                "Which services of the device the interface offers; without the line, none.",
            ),
            $($more,)*
        ]
    };
}

/// The settings of an interface with addresses and neighbors.
macro_rules! routed {
    ($base:literal, $mtu:literal $(, $more:expr)* $(,)?) => {
        addressed!(
            $base,
            $mtu,
            entry(
                concat!($base, " arp <neighbor> hw-address"),
                Kind::Mac,
                "",
                "The Ethernet address of an IPv4 neighbor that is not asked for it.",
            ),
            entry(
                concat!($base, " ipv6 neighbor-discovery neighbor <neighbor> hw-address"),
                Kind::Mac,
                "",
                "The Ethernet address of an IPv6 neighbor that is not asked for it.",
            ),
            entry(
                concat!($base, " ipv6 neighbor-discovery enable-dad"),
                Kind::YesNo,
                "yes",
                "Whether other stations are asked before an own address is used (RFC 4862).",
            ),
            entry(
                concat!($base, " ipv6 neighbor-discovery dad-attempts"),
                Kind::Integer { min: 0, max: 10, unit: "" },
                "1",
                "How often they are asked; 0 uses the address at once.",
            ),
            entry(
                concat!($base, " ipv6 neighbor-discovery ns-interval"),
                Kind::Integer { min: 1, max: 3600, unit: "seconds" },
                "1",
                "The time between two neighbor solicitations.",
            ),
            entry(
                concat!($base, " ipv6 neighbor-discovery reachable-time"),
                Kind::Integer { min: 10, max: 36_000, unit: "seconds" },
                "30",
                "How long a neighbor counts as reachable after it was heard.",
            ),
            entry(
                concat!($base, " ipv6 neighbor-discovery router-advertisement enable"),
                Kind::Only("no"),
                "no",
                "Whether the interface sends router advertisements; it cannot.",
            ),
            entry(
                concat!($base, " ndp-proxy enabled"),
                Kind::YesNo,
                "no",
                "Whether the interface answers neighbor solicitations for other addresses.",
            ),
            entry(
                concat!($base, " ndp-proxy address <proxied-address> negate"),
                Kind::YesNo,
                "no",
                "Whether this address, prefix, range or object is left out of those it answers for.",
            ),
            entry(
                concat!($base, " lldp enable"),
                Kind::Only("no"),
                "no",
                "Whether neighbors are told of the device (IEEE 802.1AB); they are not.",
            ),
            $($more,)*
        )
    };
}

pub(super) const INTERFACES: Section = Section {
    title: "Interfaces",
    text: "A line that ends after `layer3`, `tap`, `virtual-wire` or `ha` makes the interface without \
           addresses. Two interfaces of one virtual router cannot have the same address.",
    leaves: routed!(
        "network interface ethernet <interface> layer3",
        "1500",
        entry(
            "network interface ethernet <interface> tap",
            Kind::Presence,
            "",
            "The interface listens to copies of packets.",
        ),
        entry(
            "network interface ethernet <interface> virtual-wire",
            Kind::Presence,
            "",
            "The interface is one end of a wire.",
        ),
        entry(
            "network interface ethernet <interface> virtual-wire units <unit> tag",
            TAG,
            "",
            "The IEEE 802.1Q tag of the frames of a part of the wire, with a zone of its own.",
        ),
        entry(
            "network interface ethernet <interface> virtual-wire units <unit> comment",
            COMMENT,
            "",
            "Free text.",
        ),
        entry(
            "network interface ethernet <interface> virtual-wire lldp enable",
            Kind::Only("no"),
            "no",
            "Whether neighbors are told of the device (IEEE 802.1AB); they are not.",
        ),
        entry(
            "network interface ethernet <interface> ha",
            Kind::Presence,
            "",
            "The interface is for the other device of a pair and carries no traffic.",
        ),
        entry(
            "network interface ethernet <interface> link-state",
            Kind::Words(&["auto", "up", "down"]),
            "auto",
            "Whether the interface is up; `down` keeps it and its units down.",
        ),
        entry(
            "network interface ethernet <interface> link-speed",
            Kind::Words(&["auto", "10", "100", "1000", "10000", "25000", "40000", "100000"]),
            "auto",
            "The speed in Mbit/s; without effect.",
        ),
        entry(
            "network interface ethernet <interface> link-duplex",
            Kind::Words(&["auto", "full", "half"]),
            "auto",
            "Whether both sides may send at once; without effect.",
        ),
        entry("network interface ethernet <interface> comment", COMMENT, "", "Free text."),
    ),
};

pub(super) const UNITS: Section = Section {
    title: "Subinterfaces",
    text: "A unit's name is that of its interface, a point and a number: `ethernet1/1.100`, `ae1.7`, \
           `loopback.1`, `vlan.1`, `tunnel.1`; units of Ethernet interfaces know their frames by a `tag` of \
           their own.",
    leaves: routed!(
        "network interface ethernet <interface> layer3 units <unit>",
        "",
        entry(
            "network interface ethernet <interface> layer3 units <unit> tag",
            TAG,
            "",
            "The IEEE 802.1Q tag of its frames.",
        ),
        entry(
            "network interface ethernet <interface> layer3 units <unit> comment",
            COMMENT,
            "",
            "Free text.",
        ),
    ),
};

pub(super) const AGGREGATES: Section = Section {
    title: "Aggregated interfaces",
    text: "",
    leaves: routed!(
        "network interface aggregate-ethernet <aggregate> layer3",
        "1500",
        entry("network interface aggregate-ethernet <aggregate> comment", COMMENT, "", "Free text."),
    ),
};

pub(super) const AGGREGATE_UNITS: Section = Section {
    title: "Subinterfaces of aggregated interfaces",
    text: "",
    leaves: routed!(
        "network interface aggregate-ethernet <aggregate> layer3 units <unit>",
        "",
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 units <unit> tag",
            TAG,
            "",
            "The IEEE 802.1Q tag of its frames.",
        ),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 units <unit> comment",
            COMMENT,
            "",
            "Free text.",
        ),
    ),
};

pub(super) const MORE_INTERFACES: Section = Section {
    title: "Interfaces without a wire",
    text: "The interface of the name itself, without a unit, has addresses only if it has a line for them.",
    leaves: addressed!(
        "network interface loopback|vlan|tunnel",
        "1500",
        entry("network interface loopback|vlan|tunnel comment", COMMENT, "", "Free text."),
    ),
};

pub(super) const MORE_UNITS: Section = Section {
    title: "Units of interfaces without a wire",
    text: "",
    leaves: addressed!(
        "network interface loopback|vlan|tunnel units <unit>",
        "",
        entry("network interface loopback|vlan|tunnel units <unit> comment", COMMENT, "", "Free text."),
    ),
};

pub(super) const MANAGEMENT: Section = Section {
    title: "Services of the device",
    text: "A packet to an address of the device is answered only if the interface it came in by has a \
           management profile that offers the service to its source; anything else is refused.",
    leaves: &[
        entry(
            "network profiles interface-management-profile <management-profile> \
             http|https|ssh|telnet|ping|snmp|http-ocsp|response-pages|userid-service|\
             userid-syslog-listener-ssl|userid-syslog-listener-udp",
            Kind::YesNo,
            "no",
            "Whether the service is offered.",
        ),
        entry(
            "network profiles interface-management-profile <management-profile> permitted-ip",
            Kind::InterfaceAddresses,
            "",
            "Who may use the services; without a line, everyone.",
        ),
        entry(
            "import network interface",
            Kind::Interfaces,
            "",
            "The interfaces of the virtual system; every interface belongs to it.",
        ),
        entry(
            "import network virtual-wire|virtual-router",
            Kind::Labels,
            "",
            "The wires and virtual routers of the virtual system; all belong to it.",
        ),
    ],
};
