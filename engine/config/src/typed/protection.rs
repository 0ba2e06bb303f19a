//! Zone protection: what is refused before any rule is asked.

use alloc::{string::String, vec::Vec};

use super::AddressRange;

/// `network profiles zone-protection-profile`: what holds for packets that come in from the zones that name
/// it. What the profile says of `tcp-reject-non-syn` and `asymmetric-path` stands with each `Zone`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneProtection {
    /// The profile's name.
    pub name: String,
    /// Limits for new sessions.
    pub flood: FloodProtection,
    /// Which scans are looked for; each kind at most once.
    pub scans: Vec<ScanProtection>,
    /// Sources that no scan is seen in.
    pub scan_exempt: Vec<AddressRange>,
    /// Packets dropped for their IP header.
    pub ip: IpDrops,
    /// Segments dropped, and options removed.
    pub tcp: TcpDrops,
    /// ICMP messages dropped, or not sent.
    pub icmp: IcmpDrops,
    /// Packets dropped for their IPv6 headers.
    pub ipv6: Ipv6Drops,
}

/// `flood`: limits for packets that would open a session, over the whole zone; `None` sets no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloodProtection {
    /// TCP SYNs.
    pub tcp_syn: Option<SynFlood>,
    /// UDP.
    pub udp: Option<FloodRates>,
    /// ICMP.
    pub icmp: Option<FloodRates>,
    /// ICMPv6.
    pub icmpv6: Option<FloodRates>,
    /// Any other protocol.
    pub other_ip: Option<FloodRates>,
}

/// What happens to SYNs above the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SynFlood {
    /// They are dropped at random (`red`).
    RandomEarlyDrop(FloodRates),
    /// From the activate rate on, the firewall answers them itself and opens a session only when the client
    /// sends back what it was told (`syn-cookies`).
    SynCookies(FloodRates),
}

impl SynFlood {
    /// The limits.
    pub const fn rates(self) -> FloodRates {
        match self {
            Self::RandomEarlyDrop(rates) | Self::SynCookies(rates) => rates,
        }
    }
}

/// Limits in packets per second, 0 to 2,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodRates {
    /// Above this rate the flood is told of.
    pub alarm: u32,
    /// Above this one the protection begins: drops grow from none to all at `maximal`.
    pub activate: u32,
    /// Above this one everything is dropped; not below `activate`.
    pub maximal: u32,
}

impl FloodRates {
    /// What holds without a line for `red`.
    pub const RANDOM_EARLY_DROP: Self = Self { alarm: 10_000, activate: 10_000, maximal: 40_000 };
    /// What holds without a line for `syn-cookies`.
    pub const SYN_COOKIES: Self = Self { alarm: 10_000, activate: 0, maximal: 1_000_000 };
}

impl Default for FloodRates {
    fn default() -> Self {
        Self::RANDOM_EARLY_DROP
    }
}

/// A scan that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanProtection {
    /// What is counted.
    pub scan: Scan,
    /// What happens when a source reaches the threshold.
    pub action: ScanAction,
    /// Seconds in which they are counted, 2 to 65,535.
    pub interval: u16,
    /// How many there must be, 2 to 65,535.
    pub threshold: u16,
}

/// What is counted of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// TCP ports of one host (8001).
    TcpPorts,
    /// Hosts (8002).
    Hosts,
    /// UDP ports of one host (8003).
    UdpPorts,
    /// IP protocols of one host (8006).
    Protocols,
}

/// What happens to a source that scans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScanAction {
    /// Nothing.
    Allow,
    /// It is told of.
    #[default]
    Alert,
    /// Its further packets are dropped for the rest of the interval.
    Block,
    /// All its packets are dropped for a time.
    BlockIp {
        /// Whose packets.
        track_by: TrackBy,
        /// Seconds, 1 to 3,600.
        duration: u16,
    },
}

/// Whose packets are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrackBy {
    /// Those of the source.
    #[default]
    Source,
    /// Those of the source to that destination.
    SourceAndDestination,
}

/// Packets dropped for their IP header. All are off without a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpDrops {
    /// `discard-ip-spoof`: the route back to the source leads to another zone.
    pub spoofed: bool,
    /// `strict-ip-check`: source or destination is a broadcast, reserved or loopback address, or both are
    /// equal.
    pub strict_check: bool,
    /// `discard-ip-frag`
    pub fragments: bool,
    /// `discard-strict-source-routing` (RFC 791 option 137)
    pub strict_source_route: bool,
    /// `discard-loose-source-routing` (RFC 791 option 131)
    pub loose_source_route: bool,
    /// `discard-timestamp` (RFC 791 option 68)
    pub timestamp: bool,
    /// `discard-record-route` (RFC 791 option 7)
    pub record_route: bool,
    /// `discard-security` (RFC 1108 option 130)
    pub security: bool,
    /// `discard-stream-id` (RFC 791 option 136)
    pub stream_id: bool,
    /// `discard-unknown-option`: an option of a class and number that no standard knows.
    pub unknown_option: bool,
    /// `discard-malformed-option`: an option whose class, number and length do not fit.
    pub malformed_option: bool,
}

/// Segments dropped, and options removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpDrops {
    /// `discard-overlapping-tcp-segment-mismatch`: repeated bytes differ from those sent before.
    pub mismatched_overlap: bool,
    /// `discard-tcp-split-handshake`: a server answers a SYN with neither a SYN-ACK nor a reset.
    pub split_handshake: bool,
    /// `discard-tcp-syn-with-data`; on without a line.
    pub syn_with_data: bool,
    /// `discard-tcp-synack-with-data`; on without a line.
    pub syn_ack_with_data: bool,
    /// `remove-tcp-timestamp`: the timestamp option is removed.
    pub strip_timestamp: bool,
    /// `strip-tcp-fast-open-and-data`: the option is removed.
    pub strip_fast_open: bool,
    /// `strip-mptcp-option`: `None` as `TcpSettings::strip_mptcp_option` says.
    pub strip_mptcp: Option<bool>,
}

impl Default for TcpDrops {
    fn default() -> Self {
        Self {
            mismatched_overlap: false,
            split_handshake: false,
            syn_with_data: true,
            syn_ack_with_data: true,
            strip_timestamp: false,
            strip_fast_open: false,
            strip_mptcp: None,
        }
    }
}

/// ICMP messages dropped, or not sent. All are off without a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IcmpDrops {
    /// `discard-icmp-ping-zero-id`: an echo request whose identifier is 0.
    pub ping_zero_id: bool,
    /// `discard-icmp-frag`
    pub fragments: bool,
    /// `discard-icmp-large-packet`: longer than 1,024 bytes.
    pub large: bool,
    /// `discard-icmp-error`: messages that report on another packet.
    pub errors: bool,
    /// `suppress-icmp-timeexceeded`: the device does not say that the TTL is used up.
    pub suppress_time_exceeded: bool,
    /// `suppress-icmp-needfrag`: the device does not say that a packet is too long.
    pub suppress_fragmentation_needed: bool,
}

/// Packets dropped for their IPv6 headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Drops {
    /// `routing-header-0`, deprecated by RFC 5095; on without a line.
    pub routing_header_0: bool,
    /// `routing-header-1`; on without a line.
    pub routing_header_1: bool,
    /// `routing-header-3` (RFC 6554)
    pub routing_header_3: bool,
    /// `routing-header-4-252`; on without a line.
    pub routing_header_4_to_252: bool,
    /// `routing-header-253` (RFC 4727)
    pub routing_header_253: bool,
    /// `routing-header-254` (RFC 4727)
    pub routing_header_254: bool,
    /// `routing-header-255`; on without a line.
    pub routing_header_255: bool,
    /// `ipv4-compatible-address`: an address of `::/96` (RFC 4291 §2.5.5.1).
    pub ipv4_compatible: bool,
    /// `anycast-source`: the source is a subnet-router anycast address.
    pub anycast_source: bool,
    /// `needless-fragment-hdr`: a fragment header of a whole packet (RFC 6946).
    pub needless_fragment_header: bool,
    /// `icmpv6-too-big-small-mtu-discard`: a packet-too-big message with an MTU below 1,280.
    pub small_too_big: bool,
    /// `filter-ext-hdr hop-by-hop-hdr`
    pub hop_by_hop: bool,
    /// `filter-ext-hdr routing-hdr`
    pub routing_header: bool,
    /// `filter-ext-hdr dest-option-hdr`
    pub destination_options: bool,
    /// `options-invalid-ipv6-discard`: an extension header whose options are not valid.
    pub invalid_options: bool,
    /// `reserved-field-set-discard`: a header whose reserved field is not zero.
    pub reserved_field: bool,
}

impl Default for Ipv6Drops {
    fn default() -> Self {
        Self {
            routing_header_0: true,
            routing_header_1: true,
            routing_header_3: false,
            routing_header_4_to_252: true,
            routing_header_253: false,
            routing_header_254: false,
            routing_header_255: true,
            ipv4_compatible: false,
            anycast_source: false,
            needless_fragment_header: false,
            small_too_big: false,
            hop_by_hop: false,
            routing_header: false,
            destination_options: false,
            invalid_options: false,
            reserved_field: false,
        }
    }
}
