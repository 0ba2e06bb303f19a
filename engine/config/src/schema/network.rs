//! `network virtual-wire` and `zone`: what interfaces belong to.

use super::{Kind, Section, entry};

pub(super) const WIRES: Section = Section {
    title: "Virtual wires",
    text: "What one of the two interfaces receives and rules allow, the other sends out as it is.",
    leaves: &[
        entry(
            "network virtual-wire <virtual-wire> interface1|interface2",
            Kind::Interface,
            "",
            "An end of the wire: a `virtual-wire` interface, or a unit of one.",
        ),
        entry(
            "network virtual-wire <virtual-wire> tag-allowed",
            Kind::VlanTags,
            "0",
            "The IEEE 802.1Q tags of frames that pass, 0 for frames without one; others are dropped.",
        ),
        entry(
            "network virtual-wire <virtual-wire> multicast-firewalling enable",
            Kind::YesNo,
            "no",
            "Whether rules judge multicast; otherwise it passes.",
        ),
        entry(
            "network virtual-wire <virtual-wire> link-state-pass-through enable",
            Kind::YesNo,
            "yes",
            "Whether one end goes down with the other.",
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
            Kind::NameOf { places: &["<profile>"], what: "a zone protection profile" },
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
