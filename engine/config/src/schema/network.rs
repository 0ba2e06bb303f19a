//! `network` and `zone`: where packets come in and go out.

use super::{Kind, Section, entry};

pub(super) const INTERFACES: Section = Section {
    title: "Interfaces",
    text: "A line that ends after `layer3`, `tap` or `virtual-wire` makes the interface without addresses.",
    leaves: &[
        entry(
            "network interface ethernet <interface> layer3 ip",
            Kind::InterfaceAddresses,
            "",
            "IPv4 addresses with their prefix lengths; each prefix is a connected route.",
        ),
        entry(
            "network interface ethernet <interface> layer3 ipv6 address",
            Kind::InterfaceAddresses,
            "",
            "IPv6 addresses with their prefix lengths; each prefix is a connected route.",
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
    ],
};

pub(super) const ROUTES: Section = Section {
    title: "Routes",
    text: "The longest prefix that holds the destination decides; of equal ones a connected one, then the \
           first. There is one \
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
    ],
};
