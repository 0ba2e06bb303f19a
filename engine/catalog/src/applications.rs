//! The catalogue's data. Append only: a line's place is its number.

use bifrons_model::{Action, AppId};

use crate::{
    Application,
    Port::{self, Protocol, Tcp, TcpDynamic, Udp, UdpDynamic},
};

const PSEUDO: Application = Application {
    id: AppId(0),
    name: "",
    category: "unknown",
    subcategory: "unknown",
    technology: "unknown",
    risk: 1,
    ports: &[],
    parent: None,
    deny_action: Action::Drop,
    udp_timeout: None,
    tcp_timeout: None,
    tcp_half_closed_timeout: None,
    tcp_time_wait_timeout: None,
};

const fn entry(
    name: &'static str,
    place: (&'static str, &'static str, &'static str),
    risk: u8,
    ports: &'static [Port],
    deny_action: Action,
) -> Application {
    Application {
        name,
        category: place.0,
        subcategory: place.1,
        technology: place.2,
        risk,
        ports,
        deny_action,
        ..PSEUDO
    }
}

macro_rules! catalogue {
    ($($constant:ident = $entry:expr;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "the constants' own names")]
        #[repr(u16)]
        enum Place { $($constant,)* }

        /// The numbers by name.
        pub mod app {
            use super::{AppId, Place};
            $(#[doc = concat!("The application constant `", stringify!($constant), "`.")]
            pub const $constant: AppId = AppId(Place::$constant as u16);)*
            /// The last value that means "not identified".
            pub const LAST_PSEUDO: AppId = NON_SYN_TCP;
        }

        const TABLE: &[Application] = &[$(Application { id: app::$constant, ..$entry },)*];
    };
}

/// Every application; an application's number is its place.
pub fn applications() -> &'static [Application] {
    TABLE
}

const INFRASTRUCTURE: (&str, &str, &str) = ("networking", "infrastructure", "network-protocol");
const IP_PROTOCOL: (&str, &str, &str) = ("networking", "ip-protocol", "network-protocol");
const MAIL: (&str, &str, &str) = ("collaboration", "email", "client-server");
const DATABASE: (&str, &str, &str) = ("business-systems", "database", "client-server");

catalogue! {
    UNDECIDED = Application { name: "undecided", ..PSEUDO };
    INCOMPLETE = Application { name: "incomplete", ..PSEUDO };
    INSUFFICIENT_DATA = Application { name: "insufficient-data", ..PSEUDO };
    UNKNOWN_TCP = Application { name: "unknown-tcp", ..PSEUDO };
    UNKNOWN_UDP = Application { name: "unknown-udp", ..PSEUDO };
    UNKNOWN_P2P = Application { name: "unknown-p2p", ..PSEUDO };
    NOT_APPLICABLE = Application { name: "not-applicable", ..PSEUDO };
    NON_SYN_TCP = Application { name: "non-syn-tcp", ..PSEUDO };
    PING = entry("ping", IP_PROTOCOL, 2, &[Protocol(1)], Action::Drop);
    ICMP = entry("icmp", IP_PROTOCOL, 4, &[Protocol(1)], Action::Drop);
    PING6 = entry("ping6", IP_PROTOCOL, 2, &[Protocol(58)], Action::Drop);
    IPV6_ICMP = entry("ipv6-icmp", IP_PROTOCOL, 2, &[Protocol(58)], Action::Drop);
    DNS_BASE = entry("dns-base", INFRASTRUCTURE, 3, &[Tcp(53), Udp(53), Udp(5353)], Action::Drop);
    MDNS = entry("mdns", INFRASTRUCTURE, 1, &[Udp(5353)], Action::Drop);
    LLMNR = entry("llmnr", INFRASTRUCTURE, 1, &[Udp(5355), Tcp(5355)], Action::Drop);
    DHCP = entry("dhcp", INFRASTRUCTURE, 2, &[Udp(67), Udp(68)], Action::Drop);
    DHCPV6 = entry("dhcpv6", INFRASTRUCTURE, 2, &[Udp(546), Udp(547)], Action::Drop);
    NTP_BASE = entry("ntp-base", INFRASTRUCTURE, 2, &[Udp(123)], Action::Drop);
    SNMP_BASE = entry("snmp-base", ("business-systems", "management", "client-server"), 3, &[Udp(161), Udp(162), Tcp(161)], Action::Drop);
    SYSLOG = entry("syslog", ("business-systems", "management", "client-server"), 1, &[Udp(514), Tcp(514), Tcp(1468)], Action::Drop);
    TFTP = entry("tftp", ("general-internet", "file-sharing", "client-server"), 4, &[Udp(69)], Action::Drop);
    WEB_BROWSING = entry("web-browsing", ("general-internet", "internet-utility", "browser-based"), 4, &[Tcp(80)], Action::ResetBoth);
    SSL = entry("ssl", ("networking", "encrypted-tunnel", "browser-based"), 4, &[Tcp(443)], Action::ResetBoth);
    QUIC_BASE = Application { udp_timeout: Some(120), ..entry("quic-base", ("networking", "encrypted-tunnel", "browser-based"), 1, &[Udp(443), Udp(80)], Action::Drop) };
    SSH = entry("ssh", ("networking", "encrypted-tunnel", "client-server"), 4, &[Tcp(22)], Action::ResetBoth);
    FTP = entry("ftp", ("general-internet", "file-sharing", "client-server"), 5, &[Tcp(21)], Action::ResetBoth);
    SMTP_BASE = entry("smtp-base", MAIL, 5, &[Tcp(25), Tcp(587)], Action::ResetBoth);
    POP3 = entry("pop3", MAIL, 4, &[Tcp(110)], Action::ResetBoth);
    IMAP = entry("imap", MAIL, 4, &[Tcp(143)], Action::ResetBoth);
    TELNET = entry("telnet", ("networking", "remote-access", "client-server"), 2, &[Tcp(23)], Action::ResetBoth);
    SIP = entry("sip", ("collaboration", "voip-video", "peer-to-peer"), 4, &[Tcp(5060), Udp(5060)], Action::Drop);
    RTP_BASE = entry("rtp-base", ("collaboration", "voip-video", "peer-to-peer"), 1, &[UdpDynamic], Action::Drop);
    MS_RDP = entry("ms-rdp", ("networking", "remote-access", "client-server"), 4, &[Tcp(3389), Udp(3389)], Action::ResetBoth);
    MS_DS_SMB_BASE = entry("ms-ds-smb-base", ("business-systems", "storage-backup", "client-server"), 2, &[Tcp(445), Udp(445)], Action::ResetBoth);
    MS_DS_SMBV1 = Application { parent: Some(app::MS_DS_SMB_BASE), ..entry("ms-ds-smbv1", ("business-systems", "storage-backup", "client-server"), 3, &[Tcp(139), Tcp(445)], Action::ResetBoth) };
    MS_DS_SMBV2 = Application { parent: Some(app::MS_DS_SMB_BASE), ..entry("ms-ds-smbv2", ("business-systems", "storage-backup", "client-server"), 2, &[Tcp(139), Tcp(445)], Action::ResetBoth) };
    MS_DS_SMBV3 = Application { parent: Some(app::MS_DS_SMB_BASE), ..entry("ms-ds-smbv3", ("business-systems", "storage-backup", "client-server"), 2, &[Tcp(139), Tcp(445)], Action::ResetBoth) };
    NETBIOS_NS = entry("netbios-ns", INFRASTRUCTURE, 2, &[Udp(137), Tcp(137)], Action::Drop);
    NETBIOS_DG = entry("netbios-dg", INFRASTRUCTURE, 1, &[Udp(138)], Action::Drop);
    NETBIOS_SS = entry("netbios-ss", INFRASTRUCTURE, 1, &[Tcp(139)], Action::ResetBoth);
    LDAP = entry("ldap", ("business-systems", "auth-service", "client-server"), 2, &[Tcp(389), Tcp(3268), Udp(389)], Action::ResetBoth);
    KERBEROS = entry("kerberos", ("business-systems", "auth-service", "client-server"), 2, &[Tcp(88), Udp(88)], Action::ResetBoth);
    MYSQL = entry("mysql", DATABASE, 2, &[Tcp(3306)], Action::ResetBoth);
    POSTGRES = entry("postgres", DATABASE, 2, &[Tcp(5432)], Action::ResetBoth);
    REDIS = entry("redis", DATABASE, 2, &[Tcp(6379)], Action::ResetBoth);
    BITTORRENT = entry("bittorrent", ("general-internet", "file-sharing", "peer-to-peer"), 5, &[TcpDynamic, UdpDynamic], Action::Drop);
    IKE = entry("ike", ("networking", "encrypted-tunnel", "client-server"), 2, &[Udp(500), Udp(4500)], Action::Drop);
    IPSEC_ESP_UDP = entry("ipsec-esp-udp", ("networking", "encrypted-tunnel", "network-protocol"), 2, &[Udp(4500)], Action::Drop);
    IPSEC_ESP = entry("ipsec-esp", ("networking", "encrypted-tunnel", "network-protocol"), 2, &[Protocol(50)], Action::Drop);
    IPSEC_AH = entry("ipsec-ah", ("networking", "encrypted-tunnel", "network-protocol"), 2, &[Protocol(51)], Action::Drop);
    GRE = entry("gre", IP_PROTOCOL, 1, &[Protocol(47)], Action::Drop);
    STUN = entry("stun", ("networking", "infrastructure", "client-server"), 3, &[Udp(3478), Tcp(3478)], Action::Drop);
    IGMP = entry("igmp", IP_PROTOCOL, 1, &[Protocol(2)], Action::Drop);
    OSPF = entry("ospfigp", ("networking", "routing", "network-protocol"), 2, &[Protocol(89)], Action::Drop);
    PIM = entry("pim", ("networking", "routing", "network-protocol"), 2, &[Protocol(103)], Action::Drop);
    SCTP = entry("sctp", IP_PROTOCOL, 1, &[Protocol(132)], Action::Drop);
    IPIP = entry("ip-in-ip", IP_PROTOCOL, 1, &[Protocol(4)], Action::Drop);
    IPV6_IN_IP = entry("ipv6", IP_PROTOCOL, 1, &[Protocol(41)], Action::Drop);
    VRRP = entry("vrrp", ("networking", "routing", "network-protocol"), 1, &[Protocol(112)], Action::Drop);
    EIGRP = entry("eigrp", ("networking", "routing", "network-protocol"), 2, &[Protocol(88)], Action::Drop);
    UNKNOWN_IP = entry("non-tcp-udp", IP_PROTOCOL, 1, &[], Action::Drop);
    DTLS = entry("dtls", ("networking", "encrypted-tunnel", "client-server"), 1, &[UdpDynamic], Action::Drop);
}
