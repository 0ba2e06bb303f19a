//! `network virtual-router` and `rulebase pbf`: which way packets go.

use super::{Kind, Section, entry};

const FLAG: Kind = Kind::YesNo;
const DISTANCE: Kind = Kind::Integer { min: 10, max: 240, unit: "" };
const ROUTER: Kind = Kind::NameOf { places: &["<virtual-router>"], what: "a virtual router" };
const MONITOR: Kind = Kind::NameOf { places: &["<monitor-profile>"], what: "a monitor profile" };

pub(super) const ROUTERS: Section = Section {
    title: "Virtual routers",
    text: "An interface and its networks belong to one virtual router; those that none names belong to the \
           first.",
    leaves: &[
        entry(
            "network virtual-router <virtual-router> interface",
            Kind::Interfaces,
            "",
            "The virtual router's interfaces.",
        ),
        entry(
            "network virtual-router <virtual-router> admin-dists static|static-ipv6",
            DISTANCE,
            "10",
            "The distance of static routes that name none.",
        ),
        entry(
            "network virtual-router <virtual-router> admin-dists \
             ospf-int|ospf-ext|ospfv3-int|ospfv3-ext|ibgp|ebgp|rip",
            DISTANCE,
            "",
            "The distance of routes learned from other routers; none is learned.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp enable",
            FLAG,
            "no",
            "Whether routes of one network, distance and metric share its sessions; otherwise the first \
             carries them all.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp max-path",
            Kind::Integer { min: 2, max: 4, unit: "" },
            "2",
            "How many of them share.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp symmetric-return",
            FLAG,
            "no",
            "Whether answers leave by the interface that the session came in by, where one of the routes \
             does.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp strict-source-path",
            FLAG,
            "no",
            "Whether packets of the device itself leave by the interface of their source address, where one \
             of the routes does.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp algorithm ip-modulo",
            Kind::Presence,
            "",
            "Source and destination address decide, modulo the number of routes; holds without a line.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp algorithm ip-hash",
            Kind::Presence,
            "",
            "A hash of source and destination address decides.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp algorithm ip-hash src-only",
            FLAG,
            "no",
            "Whether the source address alone decides.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp algorithm ip-hash use-port",
            FLAG,
            "no",
            "Whether the ports count too.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp algorithm ip-hash hash-seed",
            Kind::Integer { min: 0, max: u32::MAX, unit: "" },
            "0",
            "Makes the hash another one.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp algorithm weighted-round-robin",
            Kind::Presence,
            "",
            "One route after the other, each as often as the weight of its interface says.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp algorithm weighted-round-robin \
             interface <weighted-interface> weight",
            Kind::Integer { min: 1, max: 255, unit: "" },
            "100",
            "The interface's weight.",
        ),
        entry(
            "network virtual-router <virtual-router> ecmp algorithm balanced-round-robin",
            Kind::Presence,
            "",
            "The route with the fewest sessions.",
        ),
    ],
};

pub(super) const ROUTES: Section = Section {
    title: "Routes",
    text: "The longest prefix that holds the destination decides; of equal ones a connected one, then the \
           one of the lowest `admin-dist`, then of the lowest `metric`, then the first. A next router must \
           lie in a network of an interface of the virtual router.",
    leaves: &[
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
            "The next router; without `interface`, the connected prefix that holds it gives the interface. \
             A link-local one needs `interface`.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             nexthop discard",
            Kind::Presence,
            "",
            "Packets are dropped.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             nexthop next-vr",
            ROUTER,
            "",
            "The routes of this virtual router decide.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> metric",
            Kind::Integer { min: 1, max: 65_535, unit: "" },
            "10",
            "Of routes to one network and of one distance, the lowest counts.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> admin-dist",
            DISTANCE,
            "",
            "Of routes to one network, those of the lowest distance count; without the line, it is that of \
             `admin-dists`.",
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
             route-table no-install",
            Kind::Presence,
            "",
            "The route is written down and not used.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             option no-install",
            Kind::Presence,
            "",
            "The route is written down and not used.",
        ),
    ],
};

pub(super) const PATH_MONITORS: Section = Section {
    title: "Monitored routes",
    text: "A monitored route goes while destinations do not answer echo requests. It has at most 8 \
           destinations, which are asked from an address of the route's own interface.",
    leaves: &[
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             path-monitor enable",
            FLAG,
            "no",
            "Whether the route depends on its destinations.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             path-monitor failure-condition",
            Kind::Words(&["any", "all"]),
            "any",
            "Whether one failed destination is enough, or all must fail.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             path-monitor hold-time",
            Kind::Integer { min: 0, max: 1440, unit: "minutes" },
            "2",
            "How long destinations must answer again before the route comes back.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             path-monitor monitor-destinations <monitor-destination> enable",
            FLAG,
            "yes",
            "Whether the destination is asked.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             path-monitor monitor-destinations <monitor-destination> source",
            Kind::NextHop,
            "",
            "Which of the interface's addresses echo requests come from; without the line, its first.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             path-monitor monitor-destinations <monitor-destination> destination",
            Kind::NextHop,
            "",
            "Where they go.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             path-monitor monitor-destinations <monitor-destination> interval",
            Kind::Integer { min: 1, max: 60, unit: "seconds" },
            "3",
            "The time between two of them.",
        ),
        entry(
            "network virtual-router <virtual-router> routing-table ip|ipv6 static-route <route> \
             path-monitor monitor-destinations <monitor-destination> count",
            Kind::Integer { min: 3, max: 10, unit: "" },
            "5",
            "How many must stay unanswered in a row before the destination counts as failed.",
        ),
    ],
};

pub(super) const MONITOR_PROFILES: Section = Section {
    title: "Monitor profiles",
    text: "How forwarding rules notice that their next router is gone.",
    leaves: &[
        entry(
            "network profiles monitor-profile <monitor-profile> interval",
            Kind::Integer { min: 2, max: 100, unit: "seconds" },
            "3",
            "The time between two echo requests.",
        ),
        entry(
            "network profiles monitor-profile <monitor-profile> threshold",
            Kind::Integer { min: 2, max: 100, unit: "" },
            "5",
            "How many must stay unanswered in a row before the next router counts as gone.",
        ),
        entry(
            "network profiles monitor-profile <monitor-profile> action",
            Kind::Words(&["wait-recover", "fail-over"]),
            "wait-recover",
            "Whether forwarded sessions wait for it, or go as routes say.",
        ),
    ],
};

pub(super) const FORWARDING: Section = Section {
    title: "Forwarding rules",
    text: "Policy-based forwarding: the first rule that matches a session's first packet says which way the \
           session goes, before any route is asked.",
    leaves: &[
        entry(
            "rulebase pbf rules <rule> from zone",
            Kind::Zones,
            "any",
            "Zones that the traffic comes from.",
        ),
        entry(
            "rulebase pbf rules <rule> from interface",
            Kind::Interfaces,
            "",
            "Interfaces that it comes in by, in place of zones.",
        ),
        entry("rulebase pbf rules <rule> source", Kind::Addresses, "any", "The client's address."),
        entry("rulebase pbf rules <rule> destination", Kind::Addresses, "any", "The server's address."),
        entry(
            "rulebase pbf rules <rule> negate-source",
            FLAG,
            "no",
            "Whether the rule is for all sources except the listed ones.",
        ),
        entry(
            "rulebase pbf rules <rule> negate-destination",
            FLAG,
            "no",
            "Whether the rule is for all destinations except the listed ones.",
        ),
        entry(
            "rulebase pbf rules <rule> source-user",
            Kind::Users,
            "any",
            "The client's user: anyone known, anyone unknown, or users and groups by name.",
        ),
        entry(
            "rulebase pbf rules <rule> application",
            Kind::Applications,
            "any",
            "Applications, as far as a session's first packet shows them: by the IP protocol or the kind of \
             ICMP message. No application is remembered from earlier sessions; a commit warns of those that \
             a first packet cannot show.",
        ),
        entry("rulebase pbf rules <rule> service", Kind::Services, "any", "Services and service groups."),
        entry("rulebase pbf rules <rule> schedule", Kind::Schedule, "", "When the rule holds."),
        entry(
            "rulebase pbf rules <rule> action forward egress-interface",
            Kind::Interface,
            "",
            "The interface that sessions go out by.",
        ),
        entry(
            "rulebase pbf rules <rule> action forward nexthop ip-address",
            Kind::NextHop,
            "",
            "The next router; without the line, hosts are directly behind the interface.",
        ),
        entry(
            "rulebase pbf rules <rule> action forward monitor profile",
            MONITOR,
            "",
            "How it is noticed that the next router is gone: how often it is asked, and what sessions do.",
        ),
        entry(
            "rulebase pbf rules <rule> action forward monitor disable-if-unreachable",
            FLAG,
            "no",
            "Whether new sessions skip the rule while it is gone, so that the rules behind it decide; \
             otherwise they go as routes say.",
        ),
        entry(
            "rulebase pbf rules <rule> action forward monitor ip-address",
            Kind::NextHop,
            "",
            "What is asked in place of the next router.",
        ),
        entry("rulebase pbf rules <rule> action discard", Kind::Presence, "", "Sessions are dropped."),
        entry("rulebase pbf rules <rule> action no-pbf", Kind::Presence, "", "Sessions go as routes say."),
        entry(
            "rulebase pbf rules <rule> enforce-symmetric-return enabled",
            FLAG,
            "no",
            "Whether answers go back to the station that the session's packets came from, whatever routes \
             say.",
        ),
        entry(
            "rulebase pbf rules <rule> enforce-symmetric-return nexthop-address-list",
            Kind::IpAddresses,
            "",
            "Routers on that side that answers go to, at most 8: the one that the session's packets \
             came from, else the first.",
        ),
        entry(
            "rulebase pbf rules <rule> active-active-device-binding",
            Kind::Words(&["both", "0", "1"]),
            "both",
            "Which device of a pair uses the rule.",
        ),
        entry("rulebase pbf rules <rule> disabled", FLAG, "no", "Whether the rule is skipped."),
        entry("rulebase pbf rules <rule> description", Kind::Text { max: 1023 }, "", "Free text."),
        entry("rulebase pbf rules <rule> tag", Kind::Tags, "", "Tags, for people."),
        entry(
            "rulebase pbf rules <rule> group-tag",
            Kind::Text { max: 127 },
            "",
            "A tag to group rules by, for people.",
        ),
        entry(
            "rulebase pbf rules <rule> uuid",
            Kind::Text { max: 36 },
            "",
            "The number that another device gave the rule; without effect.",
        ),
    ],
};
