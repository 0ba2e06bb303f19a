//! `deviceconfig`: the device itself. Ranges and defaults are those of the PAN-OS 11.1 configuration
//! command hierarchy and of its help pages "Session Timeouts", "Session Settings" and "TCP Settings".

use super::{Field, Home, Kind, Leaf, Section, either, entry, number, yes_no};

const LONG: (u32, u32) = (1, 15_999_999);
const WEEK: (u32, u32) = (1, 604_800);
const MINUTE: (u32, u32) = (1, 60);
const TEN_MINUTES: (u32, u32) = (1, 600);
const TABLE_USE: (u32, u32) = (50, 99);
const FACTOR: (u32, u32) = (2, 16);
const NAME: Kind = Kind::Text { max: 255 };
const SECONDS: &str = "seconds";
const PERCENT: &str = "percent";

pub(super) const SYSTEM: Section = Section {
    title: "System",
    text: "",
    leaves: &[
        Leaf {
            path: "deviceconfig system hostname",
            kind: Kind::Hostname,
            home: Home::Field(Field::Text(|config| &mut config.hostname)),
            help: "The device's name, logged as `device_name`.",
        },
        entry("deviceconfig system domain", NAME, "", "The domain of the device; without effect yet."),
        entry("deviceconfig system timezone", NAME, "UTC", "Like `Europe/Berlin`; without effect yet."),
        entry(
            "deviceconfig system login-banner",
            Kind::Text { max: 3200 },
            "",
            "What people read before they log in; without effect yet.",
        ),
        entry(
            "deviceconfig system type static",
            Kind::Presence,
            "",
            "The management port has the address below; without effect yet.",
        ),
        entry(
            "deviceconfig system ip-address",
            Kind::IpAddress,
            "",
            "The management port's address; without effect yet.",
        ),
        entry("deviceconfig system netmask", Kind::Mask, "", "Its network; without effect yet."),
        entry(
            "deviceconfig system default-gateway",
            Kind::IpAddress,
            "",
            "The management port's router; without effect yet.",
        ),
        entry(
            "deviceconfig system ipv6-address",
            Kind::Netmask,
            "",
            "The management port's IPv6 address; without effect yet.",
        ),
        entry(
            "deviceconfig system ipv6-default-gateway",
            Kind::IpAddress,
            "",
            "The management port's IPv6 router; without effect yet.",
        ),
        entry(
            "deviceconfig system dns-setting servers primary|secondary",
            NAME,
            "",
            "Where the device looks names up; without effect yet.",
        ),
        entry(
            "deviceconfig system ntp-servers primary-ntp-server|secondary-ntp-server ntp-server-address",
            NAME,
            "",
            "Where the device gets the time; without effect yet.",
        ),
    ],
};

pub(super) const SESSION: Section = Section {
    title: "Sessions",
    text: "A service object's timeouts come before an application's, and those before these.",
    leaves: &[
        number(
            "deviceconfig setting session timeout-tcp",
            LONG,
            SECONDS,
            |c| &mut c.session.timeout_tcp,
            "How long an established TCP session may be idle.",
        ),
        number(
            "deviceconfig setting session timeout-tcpinit",
            MINUTE,
            SECONDS,
            |c| &mut c.session.timeout_tcpinit,
            "How long a SYN waits for its SYN-ACK.",
        ),
        number(
            "deviceconfig setting session timeout-tcphandshake",
            MINUTE,
            SECONDS,
            |c| &mut c.session.timeout_tcphandshake,
            "How long a SYN-ACK waits for its ACK.",
        ),
        number(
            "deviceconfig setting session timeout-tcp-half-closed",
            WEEK,
            SECONDS,
            |c| &mut c.session.timeout_tcp_half_closed,
            "How long a TCP session lives after the first FIN.",
        ),
        number(
            "deviceconfig setting session timeout-tcp-time-wait",
            TEN_MINUTES,
            SECONDS,
            |c| &mut c.session.timeout_tcp_time_wait,
            "How long a TCP session lives after the second FIN or an accepted reset; at most the \
             half-closed timeout counts.",
        ),
        number(
            "deviceconfig setting session timeout-tcp-unverified-rst",
            TEN_MINUTES,
            SECONDS,
            |c| &mut c.session.timeout_tcp_unverified_rst,
            "How long a TCP session lives after a reset that could not be verified.",
        ),
        number(
            "deviceconfig setting session timeout-udp",
            LONG,
            SECONDS,
            |c| &mut c.session.timeout_udp,
            "How long a UDP session may be idle.",
        ),
        number(
            "deviceconfig setting session timeout-icmp",
            LONG,
            SECONDS,
            |c| &mut c.session.timeout_icmp,
            "How long an ICMP or ICMPv6 session may be idle.",
        ),
        number(
            "deviceconfig setting session timeout-default",
            LONG,
            SECONDS,
            |c| &mut c.session.timeout_default,
            "How long a session of any other protocol may be idle.",
        ),
        number(
            "deviceconfig setting session timeout-discard-tcp",
            LONG,
            SECONDS,
            |c| &mut c.session.timeout_discard_tcp,
            "How long a blocked TCP session is remembered.",
        ),
        number(
            "deviceconfig setting session timeout-discard-udp",
            LONG,
            SECONDS,
            |c| &mut c.session.timeout_discard_udp,
            "How long a blocked UDP session is remembered.",
        ),
        number(
            "deviceconfig setting session timeout-discard-default",
            LONG,
            SECONDS,
            |c| &mut c.session.timeout_discard_default,
            "How long a blocked session of any other protocol is remembered.",
        ),
        number(
            "deviceconfig setting session timeout-scan",
            (5, 30),
            SECONDS,
            |c| &mut c.session.timeout_scan,
            "Idle time after which a trickling application ages faster while the table is above \
             `scan-threshold`.",
        ),
        number(
            "deviceconfig setting session timeout-captive-portal",
            LONG,
            SECONDS,
            |c| &mut c.session.timeout_captive_portal,
            "How long a captive-portal web form waits; read and shown, there is no portal.",
        ),
        number(
            "deviceconfig setting session timeout-sctp",
            WEEK,
            SECONDS,
            |c| &mut c.session.timeout_sctp,
            "How long an SCTP association may be idle.",
        ),
        number(
            "deviceconfig setting session timeout-sctp-init",
            MINUTE,
            SECONDS,
            |c| &mut c.session.timeout_sctp_init,
            "How long an SCTP INIT waits for its INIT-ACK.",
        ),
        number(
            "deviceconfig setting session timeout-sctp-cookie",
            TEN_MINUTES,
            SECONDS,
            |c| &mut c.session.timeout_sctp_cookie,
            "How long an SCTP INIT-ACK waits for its COOKIE-ECHO.",
        ),
        number(
            "deviceconfig setting session timeout-sctp-shutdown",
            TEN_MINUTES,
            SECONDS,
            |c| &mut c.session.timeout_sctp_shutdown,
            "How long an SCTP SHUTDOWN waits for its SHUTDOWN-ACK.",
        ),
        number(
            "deviceconfig setting session timeout-discard-sctp",
            WEEK,
            SECONDS,
            |c| &mut c.session.timeout_discard_sctp,
            "How long a blocked SCTP session is remembered.",
        ),
        yes_no(
            "deviceconfig setting session accelerated-aging-enable",
            |c| &mut c.session.accelerated_aging_enable,
            "Whether timeouts shrink while the session table is nearly full.",
        ),
        number(
            "deviceconfig setting session accelerated-aging-threshold",
            TABLE_USE,
            PERCENT,
            |c| &mut c.session.accelerated_aging_threshold,
            "Use of the session table from which they shrink.",
        ),
        number(
            "deviceconfig setting session accelerated-aging-scaling-factor",
            FACTOR,
            "",
            |c| &mut c.session.accelerated_aging_scaling_factor,
            "What they are divided by.",
        ),
        number(
            "deviceconfig setting session scan-threshold",
            TABLE_USE,
            PERCENT,
            |c| &mut c.session.scan_threshold,
            "Use of the session table from which trickling applications age faster.",
        ),
        number(
            "deviceconfig setting session scan-scaling-factor",
            FACTOR,
            "",
            |c| &mut c.session.scan_scaling_factor,
            "How much faster they age.",
        ),
        yes_no(
            "deviceconfig setting session tcp-reject-non-syn",
            |c| &mut c.session.tcp_reject_non_syn,
            "Whether a TCP session must begin with a SYN.",
        ),
        yes_no(
            "deviceconfig setting session tcp-reject-diff-syn",
            |c| &mut c.session.tcp_reject_diff_syn,
            "Whether a second SYN with another sequence number is refused on a live session.",
        ),
        yes_no(
            "deviceconfig setting session tcp-strict-rst",
            |c| &mut c.session.tcp_strict_rst,
            "Whether a reset must carry exactly the next sequence number to be verified.",
        ),
        yes_no(
            "deviceconfig setting session strict-checksum",
            |c| &mut c.session.strict_checksum,
            "Whether packets with a wrong IP, TCP, UDP or ICMP checksum are dropped.",
        ),
        yes_no(
            "deviceconfig setting session tcp-reject-small-initial-window-enable",
            |c| &mut c.session.tcp_reject_small_initial_window_enable,
            "Whether a SYN that announces a window below the threshold is refused.",
        ),
        number(
            "deviceconfig setting session tcp-reject-small-initial-window-threshold",
            (0, 1024),
            "bytes",
            |c| &mut c.session.tcp_reject_small_initial_window_threshold,
            "That threshold.",
        ),
        yes_no(
            "deviceconfig setting session tcp-retransmit-scan",
            |c| &mut c.session.tcp_retransmit_scan,
            "Whether a retransmission that differs from the original is dropped even when identification is \
             over; without effect yet.",
        ),
        yes_no(
            "deviceconfig setting session ipv6-firewalling",
            |c| &mut c.session.ipv6_firewalling,
            "Whether IPv6 is forwarded at all.",
        ),
        Leaf {
            path: "deviceconfig setting session resource-limit-behavior",
            kind: Kind::Words(&["drop", "bypass"]),
            home: Home::Field(Field::Limit(|c| &mut c.session.resource_limit_behavior)),
            help: "Whether new sessions are dropped or pass uninspected when the session table is full.",
        },
        number(
            "deviceconfig setting session icmp-unreachable-rate",
            (1, 65_535),
            "packets per second",
            |c| &mut c.session.icmp_unreachable_rate,
            "How many ICMP unreachables the device may send.",
        ),
        yes_no(
            "deviceconfig setting session icmp-error-own-session",
            |c| &mut c.session.icmp_error_own_session,
            "Whether an ICMP error that reports on no known session opens one of its own instead of \
             being dropped.",
        ),
        number(
            "deviceconfig setting session capacity",
            (1, i32::MAX as u32),
            "sessions",
            |c| &mut c.session.capacity,
            "How many sessions the table holds.",
        ),
    ],
};

pub(super) const TCP: Section = Section {
    title: "TCP",
    text: "",
    leaves: &[
        either(
            "deviceconfig setting tcp asymmetric-path",
            &["drop", "bypass"],
            |c| &mut c.tcp.asymmetric_path_bypass,
            "What happens to segments outside window or sync: dropped, or passed unscanned.",
        ),
        either(
            "deviceconfig setting tcp urgent-data",
            &["oobinline", "clear"],
            |c| &mut c.tcp.clear_urgent,
            "Whether the urgent flag is left or cleared.",
        ),
        yes_no(
            "deviceconfig setting tcp drop-zero-flag",
            |c| &mut c.tcp.drop_zero_flag,
            "Whether a segment without flags is dropped.",
        ),
        yes_no(
            "deviceconfig setting tcp bypass-exceed-oo-queue",
            |c| &mut c.tcp.bypass_exceed_oo_queue,
            "Whether segments over the out-of-order limit pass unscanned instead of being dropped.",
        ),
        number(
            "deviceconfig setting tcp out-of-order-limit",
            (1, 1024),
            "segments",
            |c| &mut c.tcp.out_of_order_limit,
            "How many segments of one session may wait for a gap to close.",
        ),
        yes_no(
            "deviceconfig setting tcp allow-challenge-ack",
            |c| &mut c.tcp.allow_challenge_ack,
            "Whether an ACK is accepted in answer to a SYN.",
        ),
        yes_no(
            "deviceconfig setting tcp check-timestamp-option",
            |c| &mut c.tcp.check_timestamp_option,
            "Whether a segment whose timestamp option is zero is dropped.",
        ),
        yes_no(
            "deviceconfig setting tcp strip-mptcp-option",
            |c| &mut c.tcp.strip_mptcp_option,
            "Whether multipath options are removed.",
        ),
    ],
};

pub(super) const APPLICATION: Section = Section {
    title: "Application identification",
    text: "",
    leaves: &[
        number(
            "deviceconfig setting application identification-packets",
            (1, 64),
            "packets",
            |c| &mut c.application.identification_packets,
            "Packets with payload after which a session that nothing matched is unknown.",
        ),
        number(
            "deviceconfig setting application identification-bytes",
            (64, 65_535),
            "bytes",
            |c| &mut c.application.identification_bytes,
            "Payload after which it is.",
        ),
    ],
};
