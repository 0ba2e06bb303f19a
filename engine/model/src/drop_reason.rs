//! Every reason for which a packet can be dropped: one closed list for counters, logs, command line and
//! manual.

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $text:literal;)*) => {
        /// Why a packet was dropped. Numbers are stable and never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum DropReason {
            $($(#[$doc])* #[doc = $text] $variant = $number,)*
        }

        impl DropReason {
            /// Every reason, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word that counters, `--stats` and scenario files use.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// One sentence for the operator.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

drop_reasons! {
    TruncatedHeader = 1, "truncated-header", "The frame ends inside a header.";
    NotIp = 2, "not-ip", "The frame carries neither IPv4 nor IPv6.";
    UnsupportedLinkType = 3, "unsupported-link-type", "The capture's link type is not one that the engine reads.";
    BadIpVersion = 4, "bad-ip-version", "The IP version field contradicts the frame's type.";
    BadIpHeaderLength = 5, "bad-ip-header-length", "The IPv4 header length is below 20 bytes or beyond the packet.";
    BadIpTotalLength = 6, "bad-ip-total-length", "The IP length is shorter than the headers or longer than the frame.";
    BadIpChecksum = 7, "bad-ip-checksum", "The IPv4 header checksum is wrong.";
    BadIpv6Extension = 8, "bad-ipv6-extension", "An IPv6 extension header is malformed or the chain is too long.";
    Ipv6Disabled = 9, "ipv6-disabled", "IPv6 firewalling is off.";
    BadTcpHeader = 10, "bad-tcp-header", "The TCP header length is below 20 bytes or beyond the segment.";
    BadTcpChecksum = 11, "bad-tcp-checksum", "The TCP checksum is wrong.";
    BadUdpLength = 12, "bad-udp-length", "The UDP length is below 8 bytes or beyond the packet.";
    BadUdpChecksum = 13, "bad-udp-checksum", "The UDP checksum is wrong.";
    BadIcmpChecksum = 14, "bad-icmp-checksum", "The ICMP checksum is wrong.";
    FragmentTimeout = 20, "fragment-timeout", "The rest of the fragmented packet did not come in time.";
    FragmentOverlap = 21, "fragment-overlap", "The fragment overlaps another one.";
    FragmentLimit = 22, "fragment-limit", "Fragment memory or the number of fragments of one packet is used up.";
    FragmentMalformed = 23, "fragment-malformed", "The fragment's offset or length is impossible.";
    TcpNonSyn = 30, "tcp-non-syn", "The first packet of a TCP session is not a SYN.";
    TcpZeroFlags = 31, "tcp-zero-flags", "The TCP segment has no flags.";
    TcpOutOfWindow = 32, "tcp-out-of-window", "The TCP sequence number lies outside the window.";
    TcpOutOfSync = 33, "tcp-out-of-sync", "The TCP acknowledgement number fits nothing that was sent.";
    TcpRstOutOfWindow = 34, "tcp-rst-out-of-window", "The TCP reset lies outside the window.";
    TcpNullTimestamp = 35, "tcp-null-timestamp", "The TCP timestamp option is zero.";
    TcpChallengeAck = 36, "tcp-challenge-ack", "An ACK came in answer to the SYN instead of a SYN-ACK.";
    TcpOutOfOrderLimit = 37, "tcp-out-of-order-limit", "Too many TCP segments of one session wait for a gap to close.";
    TcpDifferentSyn = 38, "tcp-different-syn", "A second SYN of a session has another sequence number or other options.";
    TcpSmallWindow = 39, "tcp-small-initial-window", "The SYN announces a window below the configured threshold.";
    TcpContradiction = 40, "tcp-contradiction", "The TCP segment has other bytes than came before at the same sequence numbers.";
    SessionDiscard = 50, "session-discard", "The session is in state DISCARD.";
    SessionTableFull = 51, "session-table-full", "The session table is full.";
    PolicyDeny = 52, "policy-deny", "A security rule blocks the traffic.";
    IcmpErrorWithoutSession = 53, "icmp-error-without-session", "The ICMP error reports on no session that is known.";
    NoRoute = 54, "no-route", "No route leads to the destination.";
    NoZone = 55, "no-zone", "The interface belongs to no security zone.";
    ResourceLimit = 56, "resource-limit", "The session was ended because a resource limit was met.";
    NatPoolExhausted = 57, "nat-pool-exhausted", "The NAT rule's pool has no address or port left.";
    NatUntranslatable = 58, "nat-untranslatable", "The packet cannot be expressed in the addresses it would leave with.";
    NatConflict = 59, "nat-conflict", "Another session already has the translated addresses and ports.";
    AlgOutOfOrder = 60, "alg-out-of-order", "A segment of a translated control connection came ahead of its turn.";
    OtherStation = 70, "other-station", "The frame's Ethernet address is that of another station.";
    InterfaceDown = 71, "interface-down", "The interface is down, carries no traffic or does not exist.";
    UnknownVlan = 72, "unknown-vlan", "No subinterface of the interface has the frame's VLAN tag.";
    Listening = 73, "listening", "The interface only listens: the packet was seen and goes nowhere.";
    Multicast = 74, "multicast", "The destination is a group of hosts, which is not forwarded.";
    Broadcast = 75, "broadcast", "The destination is all hosts of a network, which is not forwarded.";
    MartianAddress = 76, "martian-address", "The source or destination is an address that no packet on a network may have.";
    HopLimitExceeded = 77, "hop-limit-exceeded", "The packet's hops were used up.";
    PacketTooBig = 78, "packet-too-big", "The packet does not fit into the next link and may not be fragmented.";
    BlackholeRoute = 79, "blackhole-route", "The route to the destination is to discard.";
    NeighborUnreachable = 80, "neighbor-unreachable", "The next station does not answer.";
    NeighborQueueFull = 81, "neighbor-queue-full", "Too many packets wait for the next station's address.";
    EgressZoneChanged = 82, "egress-zone-changed", "The route to the destination now leads to another zone than the session was allowed for.";
    HostService = 83, "host-service", "The interface's management profile does not offer the service to the sender.";
    ForwardingDiscard = 84, "forwarding-discard", "A policy-based forwarding rule discards the traffic.";
    SourceBlocked = 100, "source-blocked", "The sender is in the block table.";
    SynFlood = 101, "syn-flood", "More TCP SYNs come in from the zone than its protection profile allows.";
    UdpFlood = 102, "udp-flood", "More new UDP sessions come in from the zone than its protection profile allows.";
    IcmpFlood = 103, "icmp-flood", "More new ICMP sessions come in from the zone than its protection profile allows.";
    Icmpv6Flood = 104, "icmpv6-flood", "More new ICMPv6 sessions come in from the zone than its protection profile allows.";
    OtherIpFlood = 105, "other-ip-flood", "More new sessions of other protocols come in from the zone than its protection profile allows.";
    SynCookie = 106, "syn-cookie", "The firewall has answered the SYN itself, or takes the packet for a handshake that it completes itself.";
    SpoofedAddress = 110, "spoofed-address", "The route back to the source leads to another zone.";
    StrictAddress = 111, "strict-address", "The source or destination is a broadcast, reserved or loopback address, or both are equal.";
    IpFragment = 112, "ip-fragment", "The zone's protection profile forbids fragments.";
    StrictSourceRoute = 113, "strict-source-route", "The IPv4 header has the option for strict source routing.";
    LooseSourceRoute = 114, "loose-source-route", "The IPv4 header has the option for loose source routing.";
    IpTimestampOption = 115, "ip-timestamp-option", "The IPv4 header has the timestamp option.";
    RecordRoute = 116, "record-route", "The IPv4 header has the option that records the route.";
    IpSecurityOption = 117, "ip-security-option", "The IPv4 header has the security option.";
    StreamIdOption = 118, "stream-id-option", "The IPv4 header has the stream identifier option.";
    UnknownIpOption = 119, "unknown-ip-option", "The IPv4 header has an option that no standard knows.";
    MalformedIpOption = 120, "malformed-ip-option", "The IPv4 header has an option of impossible length or content.";
    TcpSplitHandshake = 121, "tcp-split-handshake", "The server answers the SYN with something else than a SYN-ACK.";
    TcpSynWithData = 122, "tcp-syn-with-data", "The TCP SYN carries data.";
    TcpSynAckWithData = 123, "tcp-syn-ack-with-data", "The TCP SYN-ACK carries data.";
    IcmpPingZeroId = 130, "icmp-ping-zero-id", "The ICMP echo request has the identifier 0.";
    IcmpFragment = 131, "icmp-fragment", "The ICMP message is a fragment.";
    IcmpLarge = 132, "icmp-large", "The ICMP packet is longer than 1,024 bytes.";
    IcmpError = 133, "icmp-error", "The zone's protection profile forbids ICMP messages that report on another packet.";
    Ipv6RoutingHeader = 140, "ipv6-routing-header", "The packet has an IPv6 routing header of a forbidden type.";
    Ipv4CompatibleAddress = 141, "ipv4-compatible-address", "An IPv6 address of the packet is an IPv4-compatible one.";
    AnycastSource = 142, "anycast-source", "The source is an anycast address of a network's routers.";
    NeedlessFragmentHeader = 143, "needless-fragment-header", "The packet has an IPv6 fragment header and is whole.";
    PacketTooBigSmallMtu = 144, "packet-too-big-small-mtu", "The ICMPv6 message demands packets below 1,280 bytes.";
    Ipv6HopByHop = 145, "ipv6-hop-by-hop", "The packet has IPv6 hop-by-hop options.";
    Ipv6DestinationOptions = 146, "ipv6-destination-options", "The packet has IPv6 destination options.";
    Ipv6InvalidOption = 147, "ipv6-invalid-option", "The packet has IPv6 options that are not well formed.";
    Ipv6ReservedField = 148, "ipv6-reserved-field", "A reserved field of an IPv6 extension header is not zero.";
    HaNotActive = 150, "ha-not-active", "The other device of the pair forwards, this one does not.";
    HaOtherConfiguration = 151, "ha-other-configuration", "The other device of the pair gave a frame of an interface or zone that this device does not have.";
}

impl DropReason {
    /// The length of an array indexed by the reason's number.
    pub const TABLE_LEN: usize = Self::ALL[Self::ALL.len() - 1] as usize + 1;

    /// The reason called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_names_are_unique() {
        assert!(DropReason::ALL.windows(2).all(|pair| (pair[0] as u8) < pair[1] as u8));
        for reason in DropReason::ALL {
            assert_eq!(DropReason::from_name(reason.name()), Some(*reason));
            assert!(reason.text().ends_with('.'), "{reason:?}");
        }
    }
}
