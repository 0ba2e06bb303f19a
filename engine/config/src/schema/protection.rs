//! `network profiles zone-protection-profile`: what is refused before any rule is asked.

use super::{Kind, Section, entry};

const FLAG: Kind = Kind::YesNo;
const RATE: Kind = Kind::Integer { min: 0, max: 2_000_000, unit: "packets per second" };
const ALARM: &str = "Above this rate the flood is told of.";
const ACTIVATE: &str =
    "Above this rate packets are dropped at random, the more the nearer the rate is to `maximal-rate`.";
const MAXIMAL: &str = "Above this rate all are dropped.";

pub(super) const PROFILES: Section = Section {
    title: "Zone protection",
    text: "A profile holds for packets that come in from the zones that name it, and before any rule.",
    leaves: &[
        entry(
            "network profiles zone-protection-profile <profile> description",
            Kind::Text { max: 255 },
            "",
            "Free text.",
        ),
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

pub(super) const FLOODS: Section = Section {
    title: "Protection from floods",
    text: "Rates are of packets that would open a session, from all sources of the zone together.",
    leaves: &[
        entry(
            "network profiles zone-protection-profile <profile> flood tcp-syn|udp|icmp|icmpv6|other-ip \
             enable",
            FLAG,
            "no",
            "Whether such packets are limited.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> flood tcp-syn|udp|icmp|icmpv6|other-ip \
             red alarm-rate",
            RATE,
            "10000",
            ALARM,
        ),
        entry(
            "network profiles zone-protection-profile <profile> flood tcp-syn|udp|icmp|icmpv6|other-ip \
             red activate-rate",
            RATE,
            "10000",
            ACTIVATE,
        ),
        entry(
            "network profiles zone-protection-profile <profile> flood tcp-syn|udp|icmp|icmpv6|other-ip \
             red maximal-rate",
            RATE,
            "40000",
            MAXIMAL,
        ),
        entry(
            "network profiles zone-protection-profile <profile> flood tcp-syn syn-cookies",
            Kind::Presence,
            "",
            "The firewall answers SYNs itself, and a session opens only when the client's ACK brings back \
             what it was told.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> flood tcp-syn syn-cookies alarm-rate",
            RATE,
            "10000",
            ALARM,
        ),
        entry(
            "network profiles zone-protection-profile <profile> flood tcp-syn syn-cookies activate-rate",
            RATE,
            "0",
            "Above this rate the firewall answers SYNs itself.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> flood tcp-syn syn-cookies maximal-rate",
            RATE,
            "1000000",
            MAXIMAL,
        ),
    ],
};

pub(super) const SCANS: Section = Section {
    title: "Protection from scans",
    text: "8001 counts the TCP ports of one host that a source tries, 8002 the hosts that it tries, 8003 the \
           UDP ports and 8006 the IP protocols of one host.",
    leaves: &[
        entry(
            "network profiles zone-protection-profile <profile> scan <scan> action allow",
            Kind::Presence,
            "",
            "Nothing happens.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> scan <scan> action alert",
            Kind::Presence,
            "",
            "The scan is told of; holds without a line.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> scan <scan> action block",
            Kind::Presence,
            "",
            "Further packets of the scan are dropped for the rest of the interval.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> scan <scan> action block-ip",
            Kind::Presence,
            "",
            "All packets of the source are dropped for a time.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> scan <scan> action block-ip track-by",
            Kind::Words(&["source", "source-and-destination"]),
            "source",
            "Whether all its packets are dropped, or those to the one destination.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> scan <scan> action block-ip duration",
            Kind::Integer { min: 1, max: 3600, unit: "seconds" },
            "300",
            "For how long.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> scan <scan> interval",
            Kind::Integer { min: 2, max: 65_535, unit: "seconds" },
            "",
            "The time in which tries are counted; without the line 2, and 10 for hosts.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> scan <scan> threshold",
            Kind::Integer { min: 2, max: 65_535, unit: "" },
            "100",
            "How many tries are a scan.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> scan-white-list <exempt-source> ipv4|ipv6",
            Kind::NextHop,
            "",
            "A source that no scan is seen in.",
        ),
    ],
};

pub(super) const DROPS: Section = Section {
    title: "Protection from packets",
    text: "What is wrong with a packet of itself.",
    leaves: &[
        entry(
            "network profiles zone-protection-profile <profile> discard-ip-spoof",
            FLAG,
            "no",
            "Drops packets that would open a session and whose source the routes see behind another zone.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> strict-ip-check",
            FLAG,
            "no",
            "Drops packets from or to addresses that no host has, or from an address to itself.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-ip-frag",
            FLAG,
            "no",
            "Drops fragments.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-strict-source-routing|\
             discard-loose-source-routing|discard-timestamp|discard-record-route|discard-security|\
             discard-stream-id",
            FLAG,
            "no",
            "Drops packets with this IPv4 option (RFC 791, RFC 1108).",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-unknown-option",
            FLAG,
            "no",
            "Drops packets with an IPv4 option that no standard knows.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-malformed-option",
            FLAG,
            "no",
            "Drops packets with an IPv4 option whose number and length do not fit.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-overlapping-tcp-segment-mismatch",
            FLAG,
            "no",
            "Drops segments that repeat bytes with other content; without effect, as they are always dropped \
             while the application is told, and no bytes are kept after that.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-tcp-split-handshake",
            FLAG,
            "no",
            "Drops what a server answers a SYN with that is neither a SYN-ACK nor a reset.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> \
             discard-tcp-syn-with-data|discard-tcp-synack-with-data",
            FLAG,
            "yes",
            "Drops such segments with data.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> remove-tcp-timestamp",
            FLAG,
            "no",
            "Removes the timestamp option (RFC 7323).",
        ),
        entry(
            "network profiles zone-protection-profile <profile> strip-tcp-fast-open-and-data",
            FLAG,
            "no",
            "Removes the fast open option (RFC 7413); data of its SYN stays, unless SYNs with data are \
             dropped.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> strip-mptcp-option",
            Kind::Words(&["global", "yes", "no"]),
            "global",
            "Whether multipath options (RFC 8684) are removed, or as the global setting says.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-icmp-ping-zero-id",
            FLAG,
            "no",
            "Drops echo requests whose identifier is 0.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-icmp-frag",
            FLAG,
            "no",
            "Drops fragments of ICMP messages.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-icmp-large-packet",
            FLAG,
            "no",
            "Drops ICMP messages longer than 1,024 bytes.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> discard-icmp-error",
            FLAG,
            "no",
            "Drops ICMP messages that report on another packet.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> suppress-icmp-timeexceeded",
            FLAG,
            "no",
            "The device does not say that a packet's TTL was used up.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> suppress-icmp-needfrag",
            FLAG,
            "no",
            "The device does not say that a packet was too long.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> ipv6 \
             routing-header-0|routing-header-1|routing-header-4-252|routing-header-255",
            FLAG,
            "yes",
            "Drops packets with an IPv6 routing header of such a type.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> ipv6 \
             routing-header-3|routing-header-253|routing-header-254",
            FLAG,
            "no",
            "Drops packets with an IPv6 routing header of this type.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> ipv6 ipv4-compatible-address",
            FLAG,
            "no",
            "Drops packets from or to an address of ::/96.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> ipv6 anycast-source",
            FLAG,
            "no",
            "Drops packets from a subnet-router anycast address.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> ipv6 needless-fragment-hdr",
            FLAG,
            "no",
            "Drops whole packets with a fragment header.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> ipv6 icmpv6-too-big-small-mtu-discard",
            FLAG,
            "no",
            "Drops packet-too-big messages with an MTU below 1,280.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> ipv6 filter-ext-hdr \
             hop-by-hop-hdr|routing-hdr|dest-option-hdr",
            FLAG,
            "no",
            "Drops packets with this extension header.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> ipv6 options-invalid-ipv6-discard",
            FLAG,
            "no",
            "Drops packets with invalid options in an extension header.",
        ),
        entry(
            "network profiles zone-protection-profile <profile> ipv6 reserved-field-set-discard",
            FLAG,
            "no",
            "Drops packets with a reserved field that is not zero.",
        ),
    ],
};
