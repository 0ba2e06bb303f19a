//! `rulebase nat` and `rulebase application-override`: what is changed or fixed before rules judge.

use super::{Field, Home, Kind, Leaf, Section, entry, number, yes_no};

const FLAG: Kind = Kind::YesNo;
const UUID: &str = "The number that another device gave the rule; without effect.";

pub(super) const NAT: Section = Section {
    title: "Address translation rules",
    text: "Rules are tried in the order of their first line, which `move` changes; the first that matches \
           decides, and one that translates nothing exempts its traffic from the later ones. Addresses and \
           ports are those of the packet as it arrives, `to` and `to-interface` are where the original \
           destination lies. In a pair of active devices, rules with a dynamic source translation need the \
           binding `0` or `1`.",
    leaves: &[
        entry(
            "rulebase nat rules <rule> nat-type",
            Kind::Words(&["ipv4", "nat64", "nptv6"]),
            "ipv4",
            "Between which families: IPv4 and IPv4, IPv6 and IPv4 (RFC 6146), or two IPv6 prefixes \
             (RFC 6296).",
        ),
        entry("rulebase nat rules <rule> from", Kind::Zones, "any", "Zones that the traffic comes from."),
        entry(
            "rulebase nat rules <rule> to",
            Kind::Zones,
            "any",
            "Zones in which the original destination lies.",
        ),
        entry(
            "rulebase nat rules <rule> to-interface",
            Kind::AnyInterface,
            "any",
            "The interface that leads to the original destination.",
        ),
        entry("rulebase nat rules <rule> source", Kind::Addresses, "any", "The client's address."),
        entry("rulebase nat rules <rule> destination", Kind::Addresses, "any", "The original destination."),
        entry("rulebase nat rules <rule> service", Kind::Service, "any", "The service or service group."),
        entry(
            "rulebase nat rules <rule> source-translation dynamic-ip-and-port|persistent-dynamic-ip-and-port \
             translated-address",
            Kind::Pool,
            "",
            "The pool for address and port, at most 256 addresses; `persistent-…` gives one source address \
             and port the same translated ones whatever the destination.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation dynamic-ip-and-port|persistent-dynamic-ip-and-port \
             interface-address interface",
            Kind::Interface,
            "",
            "The interface whose address is the pool.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation dynamic-ip-and-port|persistent-dynamic-ip-and-port \
             interface-address ip",
            Kind::NextHop,
            "",
            "Which of the interface's addresses; without the line, its first.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation dynamic-ip-and-port|persistent-dynamic-ip-and-port \
             interface-address floating-ip",
            Kind::NextHop,
            "",
            "The floating address of a pair of devices that is used instead.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation dynamic-ip translated-address",
            Kind::Pool,
            "",
            "The pool for the address alone, at most 32,768 addresses.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation dynamic-ip fallback translated-address",
            Kind::Pool,
            "",
            "The pool for address and port when the first one is used up.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation dynamic-ip fallback interface-address interface",
            Kind::Interface,
            "",
            "The interface whose address and ports are used then.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation dynamic-ip fallback interface-address ip",
            Kind::NextHop,
            "",
            "Which of the interface's addresses; without the line, its first.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation dynamic-ip fallback interface-address floating-ip",
            Kind::NextHop,
            "",
            "The floating address of a pair of devices that is used instead.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation static-ip translated-address",
            Kind::Address,
            "",
            "As many addresses as the rule's source has; with `nptv6` a prefix of the same length.",
        ),
        entry(
            "rulebase nat rules <rule> source-translation static-ip bi-directional",
            FLAG,
            "no",
            "Whether the other way is translated too.",
        ),
        entry(
            "rulebase nat rules <rule> destination-translation translated-address",
            Kind::Address,
            "",
            "One address for all, or as many as the rule's destination has.",
        ),
        entry(
            "rulebase nat rules <rule> destination-translation translated-port",
            Kind::Integer { min: 1, max: 65_535, unit: "" },
            "",
            "The port, or where a range of ports begins; without the line, the original one.",
        ),
        entry(
            "rulebase nat rules <rule> dynamic-destination-translation translated-address",
            Kind::Address,
            "",
            "The servers that share the sessions, at most 32.",
        ),
        entry(
            "rulebase nat rules <rule> dynamic-destination-translation translated-port",
            Kind::Integer { min: 1, max: 65_535, unit: "" },
            "",
            "The port; without the line, the original one.",
        ),
        entry(
            "rulebase nat rules <rule> dynamic-destination-translation distribution",
            Kind::Words(&["round-robin", "source-ip-hash", "ip-modulo", "ip-hash", "least-sessions"]),
            "round-robin",
            "How a server is chosen.",
        ),
        entry(
            "rulebase nat rules <rule> active-active-device-binding",
            Kind::Words(&["both", "primary", "0", "1"]),
            "both",
            "Sessions of which device of a pair use the rule.",
        ),
        entry("rulebase nat rules <rule> disabled", FLAG, "no", "Whether the rule is skipped."),
        entry("rulebase nat rules <rule> description", Kind::Text { max: 1023 }, "", "Free text."),
        entry("rulebase nat rules <rule> tag", Kind::Tags, "", "Tags, for people."),
        entry(
            "rulebase nat rules <rule> group-tag",
            Kind::Text { max: 127 },
            "",
            "A tag to group rules by, for people.",
        ),
        entry("rulebase nat rules <rule> uuid", Kind::Text { max: 36 }, "", UUID),
    ],
};

pub(super) const OVERRIDES: Section = Section {
    title: "Application override rules",
    text: "The first rule that matches fixes a session's application before any payload is seen; its payload \
           is not inspected. The security rules then judge that application.",
    leaves: &[
        entry(
            "rulebase application-override rules <rule> from",
            Kind::Zones,
            "any",
            "Zones that the traffic comes from.",
        ),
        entry("rulebase application-override rules <rule> to", Kind::Zones, "any", "Zones that it goes to."),
        entry(
            "rulebase application-override rules <rule> source",
            Kind::Addresses,
            "any",
            "The client's address.",
        ),
        entry(
            "rulebase application-override rules <rule> destination",
            Kind::Addresses,
            "any",
            "The server's address.",
        ),
        entry(
            "rulebase application-override rules <rule> negate-source",
            FLAG,
            "no",
            "Whether the rule is for all sources except the listed ones.",
        ),
        entry(
            "rulebase application-override rules <rule> negate-destination",
            FLAG,
            "no",
            "Whether the rule is for all destinations except the listed ones.",
        ),
        entry("rulebase application-override rules <rule> source-user", Kind::OnlyAny, "any", "Users."),
        entry(
            "rulebase application-override rules <rule> protocol",
            Kind::Words(&["tcp", "udp"]),
            "",
            "The protocol.",
        ),
        entry("rulebase application-override rules <rule> port", Kind::Ports, "", "Destination ports."),
        entry(
            "rulebase application-override rules <rule> application",
            Kind::Application,
            "",
            "The application that the session is taken for.",
        ),
        entry(
            "rulebase application-override rules <rule> disabled",
            FLAG,
            "no",
            "Whether the rule is skipped.",
        ),
        entry(
            "rulebase application-override rules <rule> description",
            Kind::Text { max: 1023 },
            "",
            "Free text.",
        ),
        entry("rulebase application-override rules <rule> tag", Kind::Tags, "", "Tags, for people."),
        entry(
            "rulebase application-override rules <rule> group-tag",
            Kind::Text { max: 127 },
            "",
            "A tag to group rules by, for people.",
        ),
        entry("rulebase application-override rules <rule> uuid", Kind::Text { max: 36 }, "", UUID),
    ],
};

pub(super) const SETTINGS: Section = Section {
    title: "Address translation",
    text: "",
    leaves: &[
        Leaf {
            path: "deviceconfig setting nat dipp-oversub",
            kind: Kind::Words(&["1x", "2x", "4x", "8x"]),
            home: Home::Field(Field::Oversubscription(|config| &mut config.nat.oversubscription)),
            help: "How many sessions to different destinations may share one translated address and port.",
        },
        yes_no(
            "deviceconfig setting nat reserve-ip",
            |config| &mut config.nat.reserve_ip,
            "Whether a dynamic-ip address stays reserved for its source after the last session.",
        ),
        number(
            "deviceconfig setting nat reserve-time",
            (1, 604_800),
            "seconds",
            |config| &mut config.nat.reserve_time,
            "How long it stays reserved.",
        ),
    ],
};
