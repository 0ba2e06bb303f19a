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
