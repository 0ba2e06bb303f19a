//! Every timer of a session: one name each, one table for how long it runs.

use bifrons_config::typed::{SessionSettings, TimeoutOverride};

/// Which timer a session runs on. Names and defaults: PAN-OS help, "Session Timeouts".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Timer {
    /// From a SYN until the SYN-ACK.
    TcpInit,
    /// From the SYN-ACK until the ACK.
    TcpHandshake,
    /// Established TCP.
    Tcp,
    /// From the first FIN until the second or a reset.
    TcpHalfClosed,
    /// After the second FIN or a verified reset.
    TcpTimeWait,
    /// After a reset that could not be verified.
    TcpUnverifiedReset,
    /// UDP.
    Udp,
    /// ICMP and ICMPv6.
    Icmp,
    /// SCTP from INIT until INIT-ACK.
    SctpInit,
    /// SCTP from INIT-ACK until COOKIE-ECHO.
    SctpCookie,
    /// An SCTP association.
    Sctp,
    /// SCTP from SHUTDOWN until its end.
    SctpShutdown,
    /// Any other protocol.
    Other,
    /// TCP in state DISCARD.
    DiscardTcp,
    /// UDP in state DISCARD.
    DiscardUdp,
    /// SCTP in state DISCARD.
    DiscardSctp,
    /// Any other protocol in state DISCARD.
    DiscardOther,
}

impl Timer {
    /// Every timer, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::TcpInit,
        Self::TcpHandshake,
        Self::Tcp,
        Self::TcpHalfClosed,
        Self::TcpTimeWait,
        Self::TcpUnverifiedReset,
        Self::Udp,
        Self::Icmp,
        Self::SctpInit,
        Self::SctpCookie,
        Self::Sctp,
        Self::SctpShutdown,
        Self::Other,
        Self::DiscardTcp,
        Self::DiscardUdp,
        Self::DiscardSctp,
        Self::DiscardOther,
    ];

    /// How long it runs, in seconds, where neither service nor application has a timeout of its own for it.
    pub const fn device_seconds(self, settings: &SessionSettings) -> u32 {
        match self {
            Self::TcpInit => settings.timeout_tcpinit,
            Self::TcpHandshake => settings.timeout_tcphandshake,
            Self::Tcp => settings.timeout_tcp,
            Self::TcpHalfClosed => settings.timeout_tcp_half_closed,
            // A larger time-wait is accepted at commit and capped at run time.
            Self::TcpTimeWait if settings.timeout_tcp_time_wait > settings.timeout_tcp_half_closed => {
                settings.timeout_tcp_half_closed
            }
            Self::TcpTimeWait => settings.timeout_tcp_time_wait,
            Self::TcpUnverifiedReset => settings.timeout_tcp_unverified_rst,
            Self::Udp => settings.timeout_udp,
            Self::Icmp => settings.timeout_icmp,
            Self::SctpInit => settings.timeout_sctp_init,
            Self::SctpCookie => settings.timeout_sctp_cookie,
            Self::Sctp => settings.timeout_sctp,
            Self::SctpShutdown => settings.timeout_sctp_shutdown,
            Self::Other => settings.timeout_default,
            Self::DiscardTcp => settings.timeout_discard_tcp,
            Self::DiscardUdp => settings.timeout_discard_udp,
            Self::DiscardSctp => settings.timeout_discard_sctp,
            Self::DiscardOther => settings.timeout_discard_default,
        }
    }
}

/// Where a session's timeouts come from, most specific first: the service that its rule names, its
/// application once that is known, the device's settings ("Service-based session timeouts").
#[derive(Clone, Copy, Debug)]
pub struct Timeouts<'a> {
    /// The device's.
    pub settings: &'a SessionSettings,
    /// The application's.
    pub application: ApplicationTimeouts,
    /// The service's.
    pub service: TimeoutOverride,
}

/// What an application says of its sessions, in seconds; `None` and 0 leave it to the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ApplicationTimeouts {
    /// Established TCP.
    pub tcp: Option<u32>,
    /// TCP after the first FIN.
    pub tcp_half_closed: Option<u32>,
    /// TCP after the second FIN or a reset.
    pub tcp_time_wait: Option<u32>,
    /// UDP.
    pub udp: Option<u32>,
}

impl Timeouts<'_> {
    /// How long `timer` runs, in seconds.
    pub fn seconds(&self, timer: Timer) -> u32 {
        let settings = self.settings;
        match timer {
            Timer::TcpHalfClosed => self.half_closed(),
            // A larger time-wait is accepted at commit and capped at run time.
            Timer::TcpTimeWait => self
                .specific(
                    self.service.time_wait,
                    self.application.tcp_time_wait,
                    settings.timeout_tcp_time_wait,
                )
                .min(self.half_closed()),
            Timer::Udp => self.specific(self.service.timeout, self.application.udp, settings.timeout_udp),
            Timer::Tcp => self.specific(self.service.timeout, self.application.tcp, settings.timeout_tcp),
            Timer::TcpInit
            | Timer::TcpHandshake
            | Timer::TcpUnverifiedReset
            | Timer::Icmp
            | Timer::SctpInit
            | Timer::SctpCookie
            | Timer::Sctp
            | Timer::SctpShutdown
            | Timer::Other
            | Timer::DiscardTcp
            | Timer::DiscardUdp
            | Timer::DiscardSctp
            | Timer::DiscardOther => timer.device_seconds(settings),
        }
    }

    fn half_closed(&self) -> u32 {
        self.specific(
            self.service.half_closed,
            self.application.tcp_half_closed,
            self.settings.timeout_tcp_half_closed,
        )
    }

    /// A zero in the catalogue means the device's value.
    fn specific(&self, service: Option<u32>, application: Option<u32>, device: u32) -> u32 {
        service.or(application.filter(|seconds| *seconds > 0)).unwrap_or(device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(udp: Option<u32>, service: TimeoutOverride, timer: Timer) -> u32 {
        let application = ApplicationTimeouts { udp, ..ApplicationTimeouts::default() };
        Timeouts { settings: &SessionSettings::default(), application, service }.seconds(timer)
    }

    #[test]
    fn the_device_s_defaults() {
        for (timer, seconds) in [
            (Timer::TcpInit, 5),
            (Timer::TcpHandshake, 10),
            (Timer::Tcp, 3600),
            (Timer::TcpHalfClosed, 120),
            (Timer::TcpTimeWait, 15),
            (Timer::TcpUnverifiedReset, 30),
            (Timer::Udp, 30),
            (Timer::Icmp, 6),
            (Timer::SctpInit, 5),
            (Timer::SctpCookie, 60),
            (Timer::Sctp, 3600),
            (Timer::SctpShutdown, 30),
            (Timer::Other, 30),
            (Timer::DiscardTcp, 90),
            (Timer::DiscardUdp, 60),
            (Timer::DiscardSctp, 30),
            (Timer::DiscardOther, 60),
        ] {
            assert_eq!(of(None, TimeoutOverride::default(), timer), seconds, "{timer:?}");
            assert_eq!(timer.device_seconds(&SessionSettings::default()), seconds, "{timer:?}");
            assert_eq!(Timer::ALL[timer as usize], timer);
        }
    }

    #[test]
    fn service_before_application_before_device() {
        let quic = Some(120);
        let service = TimeoutOverride { timeout: Some(7), ..TimeoutOverride::default() };
        assert_eq!(of(quic, TimeoutOverride::default(), Timer::Udp), 120);
        assert_eq!(of(Some(0), TimeoutOverride::default(), Timer::Udp), 30);
        assert_eq!(of(quic, service, Timer::Udp), 7);
        assert_eq!(of(None, service, Timer::Tcp), 7);
    }

    #[test]
    fn time_wait_never_exceeds_half_closed() {
        let service = TimeoutOverride { half_closed: Some(9), time_wait: Some(500), timeout: None };
        assert_eq!(of(None, service, Timer::TcpTimeWait), 9);
        let settings = SessionSettings {
            timeout_tcp_half_closed: 9,
            timeout_tcp_time_wait: 500,
            ..SessionSettings::default()
        };
        assert_eq!(Timer::TcpTimeWait.device_seconds(&settings), 9);
    }
}
