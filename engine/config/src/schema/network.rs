//! `network` and `zone`: where packets come in and go out.

use super::{Kind, Section, entry};

const INTERFACE_LIST: &str = "IPv4 addresses with their prefix lengths; each prefix is a connected route.";
const INTERFACE_LIST_6: &str = "IPv6 addresses with their prefix lengths; each prefix is a connected route.";
const TAG: Kind = Kind::Integer { min: 1, max: 4094, unit: "" };
const MTU: Kind = Kind::Integer { min: 576, max: 9216, unit: "bytes" };
const MTU_HELP: &str = "The longest packet that leaves in one piece; without effect yet.";
const COMMENT: Kind = Kind::Text { max: 1023 };
const PROFILE: Kind = Kind::Name { max: 31 };
const PROFILE_HELP: &str =
    "Which services of the device the interface offers; there are none yet, so it offers none.";

pub(super) const INTERFACES: Section = Section {
    title: "Interfaces",
    text: "A line that ends after `layer3`, `tap` or `virtual-wire` makes the interface without addresses. A \
           unit's name is that of its interface, a point and a number: `ethernet1/1.100`, `ae1.7`, \
           `loopback.1`, `vlan.1`, `tunnel.1`; units of Ethernet interfaces know \
           their frames by a `tag` of their own.",
    leaves: &[
        entry(
            "network interface ethernet <interface> layer3 ip",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST,
        ),
        entry(
            "network interface ethernet <interface> layer3 ipv6 address",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST_6,
        ),
        entry(
            "network interface ethernet <interface> layer3 ipv6 enabled",
            Kind::YesNo,
            "yes",
            "Whether its IPv6 addresses count.",
        ),
        entry("network interface ethernet <interface> layer3 mtu", MTU, "", MTU_HELP),
        entry(
            "network interface ethernet <interface> layer3 interface-management-profile",
            PROFILE,
            "",
            PROFILE_HELP,
        ),
        entry(
            "network interface ethernet <interface> layer3 units <unit> tag",
            TAG,
            "",
            "The IEEE 802.1Q tag of its frames.",
        ),
        entry(
            "network interface ethernet <interface> layer3 units <unit> ip",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST,
        ),
        entry(
            "network interface ethernet <interface> layer3 units <unit> ipv6 address",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST_6,
        ),
        entry(
            "network interface ethernet <interface> layer3 units <unit> ipv6 enabled",
            Kind::YesNo,
            "yes",
            "Whether its IPv6 addresses count.",
        ),
        entry("network interface ethernet <interface> layer3 units <unit> mtu", MTU, "", MTU_HELP),
        entry(
            "network interface ethernet <interface> layer3 units <unit> interface-management-profile",
            PROFILE,
            "",
            PROFILE_HELP,
        ),
        entry(
            "network interface ethernet <interface> layer3 units <unit> comment",
            COMMENT,
            "",
            "Free text.",
        ),
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
            "network interface ethernet <interface> ha",
            Kind::Presence,
            "",
            "The interface is for the other device of a pair and carries no traffic.",
        ),
        entry(
            "network interface ethernet <interface> link-state",
            Kind::Words(&["auto", "up", "down"]),
            "auto",
            "Whether the interface is up; `down` is not supported.",
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
    ],
};

pub(super) const MORE_INTERFACES: Section = Section {
    title: "Other interfaces",
    text: "",
    leaves: &[
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 ip",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST,
        ),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 ipv6 address",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST_6,
        ),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 ipv6 enabled",
            Kind::YesNo,
            "yes",
            "Whether its IPv6 addresses count.",
        ),
        entry("network interface aggregate-ethernet <aggregate> layer3 mtu", MTU, "", MTU_HELP),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 interface-management-profile",
            PROFILE,
            "",
            PROFILE_HELP,
        ),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 units <unit> tag",
            TAG,
            "",
            "The IEEE 802.1Q tag of its frames.",
        ),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 units <unit> ip",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST,
        ),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 units <unit> ipv6 address",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST_6,
        ),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 units <unit> ipv6 enabled",
            Kind::YesNo,
            "yes",
            "Whether its IPv6 addresses count.",
        ),
        entry("network interface aggregate-ethernet <aggregate> layer3 units <unit> mtu", MTU, "", MTU_HELP),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 units <unit> \
             interface-management-profile",
            PROFILE,
            "",
            PROFILE_HELP,
        ),
        entry(
            "network interface aggregate-ethernet <aggregate> layer3 units <unit> comment",
            COMMENT,
            "",
            "Free text.",
        ),
        entry("network interface aggregate-ethernet <aggregate> comment", COMMENT, "", "Free text."),
        entry(
            "network interface loopback|vlan|tunnel ip",
            Kind::InterfaceAddresses,
            "",
            "The IPv4 addresses of the interface of that name, without a unit.",
        ),
        entry("network interface loopback|vlan|tunnel mtu", MTU, "", MTU_HELP),
        entry("network interface loopback|vlan|tunnel comment", COMMENT, "", "Free text."),
        entry(
            "network interface loopback|vlan|tunnel interface-management-profile",
            PROFILE,
            "",
            PROFILE_HELP,
        ),
        entry(
            "network interface loopback|vlan|tunnel units <unit> ip",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST,
        ),
        entry(
            "network interface loopback|vlan|tunnel units <unit> ipv6 address",
            Kind::InterfaceAddresses,
            "",
            INTERFACE_LIST_6,
        ),
        entry(
            "network interface loopback|vlan|tunnel units <unit> ipv6 enabled",
            Kind::YesNo,
            "yes",
            "Whether its IPv6 addresses count.",
        ),
        entry("network interface loopback|vlan|tunnel units <unit> mtu", MTU, "", MTU_HELP),
        entry(
            "network interface loopback|vlan|tunnel units <unit> interface-management-profile",
            PROFILE,
            "",
            PROFILE_HELP,
        ),
        entry("network interface loopback|vlan|tunnel units <unit> comment", COMMENT, "", "Free text."),
        entry(
            "network profiles interface-management-profile <management-profile> \
             http|https|ssh|telnet|ping|snmp|http-ocsp|response-pages|userid-service|\
             userid-syslog-listener-ssl|userid-syslog-listener-udp",
            Kind::YesNo,
            "no",
            "Whether this service of the device would be offered; there are none yet.",
        ),
        entry(
            "network profiles interface-management-profile <management-profile> permitted-ip",
            Kind::Pool,
            "",
            "Who may use them; without effect, as none is offered.",
        ),
        entry(
            "import network interface",
            Kind::Interfaces,
            "",
            "The interfaces of the virtual system; every interface belongs to it.",
        ),
        entry(
            "import network virtual-router",
            Kind::Labels,
            "",
            "The virtual routers of the virtual system; without effect.",
        ),
    ],
};

pub(super) const ROUTES: Section = Section {
    title: "Routes",
    text: "The longest prefix that holds the destination decides; of equal ones a connected one, then the \
           one of the lowest `admin-dist`, then of the lowest `metric`, then the first. There is one \
           virtual router, whatever its name.",
    leaves: &[
        entry(
            "network virtual-router <virtual-router> interface",
            Kind::Interfaces,
            "",
            "The virtual router's interfaces; every interface belongs to it.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> destination",
            Kind::Prefix,
            "",
            "The network that the route leads to.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> interface",
            Kind::Interface,
            "",
            "The interface that packets go out on.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip static-route <route> \
             nexthop ip-address",
            Kind::NextHop,
            "",
            "The next router; without `interface`, the connected prefix that holds it gives the interface.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ipv6 static-route <route> \
             nexthop ipv6-address",
            Kind::NextHop,
            "",
            "The next router; without `interface`, the connected prefix that holds it gives the interface.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> metric",
            Kind::Integer { min: 1, max: 65_535, unit: "" },
            "10",
            "Of routes to one network and of one distance, the lowest counts.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> admin-dist",
            Kind::Integer { min: 10, max: 240, unit: "" },
            "10",
            "Of routes to one network, those of the lowest distance count.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> bfd profile",
            Kind::Only("None"),
            "None",
            "How a failure of the next router is noticed; it is not.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             route-table unicast",
            Kind::Presence,
            "",
            "The route is for packets to one receiver, as every route is.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             path-monitor enable",
            Kind::Only("no"),
            "no",
            "Whether the route depends on answers of other hosts; it cannot.",
        ),
    ],
};

pub(super) const ZONE_PROTECTION: Section = Section {
    title: "Zone protection",
    text: "A profile holds for packets that come in from the zones that name it.",
    leaves: &[
        entry(
            "network profiles zone-protection-profile <profile> tcp-reject-non-syn",
            Kind::Words(&["global", "yes", "no"]),
            "global",
            "Whether a TCP session must begin with a SYN, or as the global setting says.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> asymmetric-path",
            Kind::Words(&["global", "drop", "bypass"]),
            "global",
            "What happens to segments outside window or sync, or as the global setting says.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> description",
            Kind::Text { max: 255 },
            "",
            "Free text.",
        ),
    ],
};

pub(super) const ZONES: Section = Section {
    title: "Zones",
    text: "An interface belongs to at most one zone, a zone has interfaces of one kind.",
    leaves: &[
        entry("zone <zone> network layer3", Kind::Interfaces, "", "The zone's routed interfaces."),
        entry("zone <zone> network tap", Kind::Interfaces, "", "The zone's listening interfaces."),
        entry("zone <zone> network virtual-wire", Kind::Interfaces, "", "The zone's ends of wires."),
        entry(
            "zone <zone> network zone-protection-profile",
            Kind::Profile,
            "",
            "The profile that holds for packets that come in from the zone.",
        ),
        entry(
            "zone <zone> network log-setting",
            Kind::Text { max: 63 },
            "",
            "Where logs of zone protection go; there are none.",
        ),
        entry(
            "zone <zone> enable-user-identification",
            Kind::YesNo,
            "",
            "Whether rules with users hold for traffic from the zone; without the line they do.",
        ),
    ],
};
