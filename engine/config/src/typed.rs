//! The typed configuration: every value checked and every name resolved to an entry of the same `Config`.

mod high_availability;
mod logging;
mod nat;
mod network;
mod objects;
mod protection;
mod routing;
mod rules;

pub use high_availability::{
    ActiveActive, AddressHolder, DestinationGroup, Election, FailureCondition, Ha2KeepAlive, Ha2Transport,
    HaLink, HaLinks, HaMode, HaTimers, HighAvailability, KeepAliveAction, LinkGroup, LinkMonitoring,
    PathGroup, PathMonitoring, PathThrough, SessionOwner, SessionSetup, StateSync, VirtualAddress,
};
pub use logging::{LogMatch, LogProfile, LogSettings, SyslogProfile, SyslogServer, SyslogTransport};
pub use nat::{
    DestinationTranslation, DeviceBinding, Distribution, Fallback, NatKind, NatRule, NatSettings,
    Oversubscription, SourceTranslation,
};
pub use network::{
    AdjustMss, Interface, InterfaceKind, Ipv6Settings, ManagementProfile, ManagementServices, NdProxy,
    Prefix, StaticNeighbor, VirtualWire, Zone,
};
pub use objects::{
    AddressRange, CustomApplication, PortPattern, Schedule, Service, Signature, SignatureCondition,
    SignatureTest, TimeSpan, TimeoutOverride, UrlCategory,
};
pub use protection::{
    FloodProtection, FloodRates, IcmpDrops, IpDrops, Ipv6Drops, Scan, ScanAction, ScanProtection, SynFlood,
    TcpDrops, TrackBy, ZoneProtection,
};
pub use routing::{
    Ecmp, EcmpAlgorithm, ForwardingAction, ForwardingMonitor, ForwardingRule, ForwardingSource,
    InterfaceWeight, MonitoredDestination, Route, RouteMonitor, RouteTarget, SymmetricReturn, VirtualRouter,
};
pub use rules::{
    ApplicationOverride, DecryptionKind, DecryptionRule, DefaultRule, RuleType, SecurityRule, ServiceMatch,
    UserMatch,
};

use alloc::{string::String, vec::Vec};

use crate::Document;

/// A whole device configuration. `Config::default()` is what a device has before anyone typed a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `deviceconfig system hostname`; the log's `device_name`.
    pub hostname: String,
    /// `log-settings …`; without effect yet.
    pub log_settings: LogSettings,
    /// `deviceconfig high-availability …`; without effect yet.
    pub high_availability: HighAvailability,
    /// `deviceconfig setting session …`
    pub session: SessionSettings,
    /// `deviceconfig setting tcp …`
    pub tcp: TcpSettings,
    /// `deviceconfig setting application …`
    pub application: ApplicationSettings,
    /// `network interface …`: Ethernet interfaces in the order of their first line, each before its
    /// subinterfaces, then the others.
    pub interfaces: Vec<Interface>,
    /// `network virtual-wire NAME …`
    pub virtual_wires: Vec<VirtualWire>,
    /// `network virtual-router NAME …`, in the order of their first line.
    pub virtual_routers: Vec<VirtualRouter>,
    /// `network virtual-router NAME routing-table ip|ipv6 static-route NAME …` of all virtual routers. Of
    /// one virtual router and network the better ones stand first: by distance, metric, order of the lines.
    pub routes: Vec<Route>,
    /// `network profiles interface-management-profile NAME …`
    pub management_profiles: Vec<ManagementProfile>,
    /// `network profiles zone-protection-profile NAME …`
    pub zone_protection_profiles: Vec<ZoneProtection>,
    /// `zone NAME network …`, in the order of their first line.
    pub zones: Vec<Zone>,
    /// `application NAME …`: custom applications. An `AppId` of `bifrons_catalog::CUSTOM_FIRST` and above
    /// in this configuration is a place in this list.
    pub applications: Vec<CustomApplication>,
    /// `profiles custom-url-category NAME …`
    pub categories: Vec<UrlCategory>,
    /// `rulebase security rules NAME …`, in order of evaluation.
    pub rules: Vec<SecurityRule>,
    /// `rulebase nat rules NAME …`, in order of evaluation.
    pub nat_rules: Vec<NatRule>,
    /// `deviceconfig setting nat …`
    pub nat: NatSettings,
    /// `rulebase pbf rules NAME …`: policy-based forwarding, in order of evaluation.
    pub forwarding_rules: Vec<ForwardingRule>,
    /// `rulebase application-override rules NAME …`, in order of evaluation.
    pub application_overrides: Vec<ApplicationOverride>,
    /// `rulebase decryption rules NAME …`, in order of evaluation; without effect yet.
    pub decryption_rules: Vec<DecryptionRule>,
    /// `rulebase default-security-rules rules intrazone-default …`
    pub intrazone_default: DefaultRule,
    /// `rulebase default-security-rules rules interzone-default …`
    pub interzone_default: DefaultRule,
}

impl Config {
    /// What `replay` reads a capture with when no configuration is given: it judges nothing and loses
    /// nothing.
    pub fn tap() -> Self {
        // The text is part of the program; a test reads it.
        Document::tap().build().unwrap_or_default()
    }
}

/// `deviceconfig setting session`. Timeouts are in seconds; ranges and defaults are those of the PAN-OS
/// 11.1 configuration command hierarchy and of the help page "Session Timeouts".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// Established TCP, restarted by each packet.
    pub timeout_tcp: u32,
    /// From a SYN until the SYN-ACK.
    pub timeout_tcpinit: u32,
    /// From the SYN-ACK until the ACK.
    pub timeout_tcphandshake: u32,
    /// From the first FIN until the second or a reset.
    pub timeout_tcp_half_closed: u32,
    /// After the second FIN or an accepted reset; at run time at most the half-closed value.
    pub timeout_tcp_time_wait: u32,
    /// After a reset that could not be verified.
    pub timeout_tcp_unverified_rst: u32,
    /// UDP.
    pub timeout_udp: u32,
    /// ICMP and ICMPv6.
    pub timeout_icmp: u32,
    /// Any other protocol.
    pub timeout_default: u32,
    /// TCP sessions in state DISCARD.
    pub timeout_discard_tcp: u32,
    /// UDP sessions in state DISCARD.
    pub timeout_discard_udp: u32,
    /// Other sessions in state DISCARD.
    pub timeout_discard_default: u32,
    /// Idle time after which a trickling application ages faster while the table is above `scan_threshold`.
    pub timeout_scan: u32,
    /// Captive-portal web form; read and shown, there is no portal.
    pub timeout_captive_portal: u32,
    /// Idle SCTP association.
    pub timeout_sctp: u32,
    /// SCTP INIT until INIT-ACK.
    pub timeout_sctp_init: u32,
    /// SCTP INIT-ACK until COOKIE-ECHO.
    pub timeout_sctp_cookie: u32,
    /// SCTP SHUTDOWN until SHUTDOWN-ACK.
    pub timeout_sctp_shutdown: u32,
    /// SCTP sessions in state DISCARD.
    pub timeout_discard_sctp: u32,
    /// Whether timeouts shrink while the table is nearly full.
    pub accelerated_aging_enable: bool,
    /// Table use in percent from which they shrink, 50 to 99.
    pub accelerated_aging_threshold: u32,
    /// Timeouts are divided by this, 2 to 16.
    pub accelerated_aging_scaling_factor: u32,
    /// Table use in percent from which trickling applications age faster, 50 to 99.
    pub scan_threshold: u32,
    /// How much faster, 2 to 16.
    pub scan_scaling_factor: u32,
    /// Whether the first packet of a TCP session must be a SYN.
    pub tcp_reject_non_syn: bool,
    /// Whether a second SYN with another sequence number is refused on a live session.
    pub tcp_reject_diff_syn: bool,
    /// Whether a reset must carry the exact next sequence number to be verified.
    pub tcp_strict_rst: bool,
    /// Whether bad IP, TCP, UDP and ICMP checksums are dropped; false leaves them to offload.
    pub strict_checksum: bool,
    /// Whether a SYN below `tcp_reject_small_initial_window_threshold` is refused.
    pub tcp_reject_small_initial_window_enable: bool,
    /// The threshold, 0 to 1024.
    pub tcp_reject_small_initial_window_threshold: u32,
    /// Whether a retransmission that differs from the original is dropped also after identification;
    /// without effect yet.
    pub tcp_retransmit_scan: bool,
    /// Whether IPv6 is forwarded at all.
    pub ipv6_firewalling: bool,
    /// What happens when the session table is full.
    pub resource_limit_behavior: LimitBehavior,
    /// ICMP unreachables that the device may send, per second, 1 to 65,535.
    pub icmp_unreachable_rate: u32,
    /// Whether an ICMP error that reports on no known session opens one of its own instead of being
    /// dropped.
    pub icmp_error_own_session: bool,
    /// How many sessions the table holds, 1 to 2^31 - 1.
    pub capacity: u32,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            timeout_tcp: 3600,
            timeout_tcpinit: 5,
            timeout_tcphandshake: 10,
            timeout_tcp_half_closed: 120,
            timeout_tcp_time_wait: 15,
            timeout_tcp_unverified_rst: 30,
            timeout_udp: 30,
            timeout_icmp: 6,
            timeout_default: 30,
            timeout_discard_tcp: 90,
            timeout_discard_udp: 60,
            timeout_discard_default: 60,
            timeout_scan: 10,
            timeout_captive_portal: 30,
            timeout_sctp: 3600,
            timeout_sctp_init: 5,
            timeout_sctp_cookie: 60,
            timeout_sctp_shutdown: 30,
            timeout_discard_sctp: 30,
            accelerated_aging_enable: true,
            accelerated_aging_threshold: 80,
            accelerated_aging_scaling_factor: 2,
            scan_threshold: 80,
            scan_scaling_factor: 8,
            tcp_reject_non_syn: true,
            tcp_reject_diff_syn: false,
            tcp_strict_rst: true,
            strict_checksum: true,
            tcp_reject_small_initial_window_enable: false,
            tcp_reject_small_initial_window_threshold: 4,
            tcp_retransmit_scan: false,
            ipv6_firewalling: true,
            resource_limit_behavior: LimitBehavior::Drop,
            icmp_unreachable_rate: 200,
            icmp_error_own_session: false,
            capacity: 1 << 18,
        }
    }
}

/// What happens to new traffic at a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitBehavior {
    /// It is dropped.
    #[default]
    Drop,
    /// It passes without a session, uninspected.
    Bypass,
}

/// `deviceconfig setting tcp`; help page "TCP Settings".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpSettings {
    /// Whether segments outside window or sync pass unscanned (`bypass`) instead of being dropped.
    pub asymmetric_path_bypass: bool,
    /// Whether the urgent flag is cleared (`clear`) or left (`oobinline`).
    pub clear_urgent: bool,
    /// Whether a segment without flags is dropped.
    pub drop_zero_flag: bool,
    /// Whether segments over the out-of-order limit pass unscanned instead of being dropped.
    pub bypass_exceed_oo_queue: bool,
    /// Out-of-order segments that one session may have waiting, 1 to 1024.
    pub out_of_order_limit: u32,
    /// Whether an ACK is accepted in answer to a SYN.
    pub allow_challenge_ack: bool,
    /// Whether a zero timestamp option is dropped.
    pub check_timestamp_option: bool,
    /// Whether multipath options are removed.
    pub strip_mptcp_option: bool,
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self {
            asymmetric_path_bypass: false,
            clear_urgent: true,
            drop_zero_flag: true,
            bypass_exceed_oo_queue: false,
            out_of_order_limit: 64,
            allow_challenge_ack: false,
            check_timestamp_option: true,
            strip_mptcp_option: true,
        }
    }
}

/// `deviceconfig setting application`: how long identification may look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationSettings {
    /// Packets with payload after which an unidentified session is unknown, 1 to 64.
    pub identification_packets: u32,
    /// Payload bytes after which it is, 64 to 65,535.
    pub identification_bytes: u32,
}

impl Default for ApplicationSettings {
    fn default() -> Self {
        Self { identification_packets: 4, identification_bytes: 2000 }
    }
}
