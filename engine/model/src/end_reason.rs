//! Why a session ended: the log's end reason, and the tracker's operational word for the same moment.

use crate::FinalAction;

/// The log's `session_end_reason`.
///
/// The order of the variants is the order of priority (traffic log fields, "Session End Reason"): when
/// several causes occurred in the life of a session, the one named first here is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EndReason {
    /// A threat was found and its action ended the session.
    Threat = 0,
    /// A rule with a blocking action matched.
    PolicyDeny = 1,
    /// Decryption refused the certificate.
    DecryptCertValidation = 2,
    /// Decryption met an unsupported version, cipher or algorithm.
    DecryptUnsupportParam = 3,
    /// Decryption failed otherwise.
    DecryptError = 4,
    /// The client sent a TCP reset.
    TcpRstFromClient = 5,
    /// The server sent a TCP reset.
    TcpRstFromServer = 6,
    /// A resource limit was met.
    ResourcesUnavailable = 7,
    /// One host or both sent a FIN.
    TcpFin = 8,
    /// A new connection took the same addresses and ports.
    TcpReuse = 9,
    /// The decoder found a new connection inside the protocol.
    Decoder = 10,
    /// The timer ran out.
    AgedOut = 11,
    /// None of the others: an administrator cleared it, for example.
    Unknown = 12,
    /// The record is not about an end.
    NotApplicable = 13,
}

impl EndReason {
    /// Every reason, highest priority first; `n/a` last.
    pub const ALL: [Self; 14] = [
        Self::Threat,
        Self::PolicyDeny,
        Self::DecryptCertValidation,
        Self::DecryptUnsupportParam,
        Self::DecryptError,
        Self::TcpRstFromClient,
        Self::TcpRstFromServer,
        Self::ResourcesUnavailable,
        Self::TcpFin,
        Self::TcpReuse,
        Self::Decoder,
        Self::AgedOut,
        Self::Unknown,
        Self::NotApplicable,
    ];

    /// The log's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Threat => "threat",
            Self::PolicyDeny => "policy-deny",
            Self::DecryptCertValidation => "decrypt-cert-validation",
            Self::DecryptUnsupportParam => "decrypt-unsupport-param",
            Self::DecryptError => "decrypt-error",
            Self::TcpRstFromClient => "tcp-rst-from-client",
            Self::TcpRstFromServer => "tcp-rst-from-server",
            Self::ResourcesUnavailable => "resources-unavailable",
            Self::TcpFin => "tcp-fin",
            Self::TcpReuse => "tcp-reuse",
            Self::Decoder => "decoder",
            Self::AgedOut => "aged-out",
            Self::Unknown => "unknown",
            Self::NotApplicable => "n/a",
        }
    }

    /// The reason spelled `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// How the project's table counts this reason; `None` for `n/a`.
    pub const fn final_action(self) -> Option<FinalAction> {
        match self {
            Self::Threat
            | Self::PolicyDeny
            | Self::DecryptCertValidation
            | Self::DecryptUnsupportParam
            | Self::DecryptError
            | Self::ResourcesUnavailable => Some(FinalAction::Blocked),
            Self::TcpRstFromClient
            | Self::TcpRstFromServer
            | Self::TcpFin
            | Self::TcpReuse
            | Self::Decoder
            | Self::AgedOut
            | Self::Unknown => Some(FinalAction::Allowed),
            Self::NotApplicable => None,
        }
    }
}

/// The session tracker's stage: what the engine saw at the moment that decided the session's end.
///
/// The texts are those of `show session id`, line `tracker stage firewall` (PAN-OS 6.0 and later). Where
/// that list has no word (`tcp reuse`, `decoder`, `cleared`, `forwarding`), ours stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Tracker {
    /// Nothing has ended the session yet.
    #[default]
    None = 0,
    /// The timer ran out.
    AgedOut = 1,
    /// A FIN closed half or both directions.
    TcpFin = 2,
    /// The client sent a reset.
    TcpRstClient = 3,
    /// The server sent a reset.
    TcpRstServer = 4,
    /// A policy lookup, the first or one after an application shift, said no.
    AppidPolicyLookupDeny = 5,
    /// Threat mitigation ended it.
    MitigationTdb = 6,
    /// A resource limit.
    ResourceLimit = 7,
    /// Traffic to the firewall itself that no service takes.
    HostService = 8,
    /// A new connection on the same addresses and ports.
    TcpReuse = 9,
    /// A new connection inside the protocol.
    Decoder = 10,
    /// An administrator cleared the session.
    Cleared = 11,
}

impl Tracker {
    /// Every stage, in the order of its number.
    pub const ALL: [Self; 12] = [
        Self::None,
        Self::AgedOut,
        Self::TcpFin,
        Self::TcpRstClient,
        Self::TcpRstServer,
        Self::AppidPolicyLookupDeny,
        Self::MitigationTdb,
        Self::ResourceLimit,
        Self::HostService,
        Self::TcpReuse,
        Self::Decoder,
        Self::Cleared,
    ];

    /// The text that the session display shows; empty while nothing has ended the session.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::AgedOut => "Aged out",
            Self::TcpFin => "TCP FIN",
            Self::TcpRstClient => "TCP RST - client",
            Self::TcpRstServer => "TCP RST - server",
            Self::AppidPolicyLookupDeny => "appid policy lookup deny",
            Self::MitigationTdb => "mitigation tdb",
            Self::ResourceLimit => "resource limit",
            Self::HostService => "host service",
            Self::TcpReuse => "tcp reuse",
            Self::Decoder => "decoder",
            Self::Cleared => "cleared",
        }
    }

    /// The stage that shows `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }

    /// The end reason that this stage stands for.
    pub const fn end_reason(self) -> EndReason {
        match self {
            Self::None | Self::Cleared => EndReason::Unknown,
            Self::AgedOut => EndReason::AgedOut,
            Self::TcpFin => EndReason::TcpFin,
            Self::TcpRstClient => EndReason::TcpRstFromClient,
            Self::TcpRstServer => EndReason::TcpRstFromServer,
            Self::AppidPolicyLookupDeny | Self::HostService => EndReason::PolicyDeny,
            Self::MitigationTdb => EndReason::Threat,
            Self::ResourceLimit => EndReason::ResourcesUnavailable,
            Self::TcpReuse => EndReason::TcpReuse,
            Self::Decoder => EndReason::Decoder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for reason in EndReason::ALL {
            assert_eq!(EndReason::from_name(reason.name()), Some(reason));
        }
        for stage in Tracker::ALL {
            assert_eq!(Tracker::from_name(stage.name()), Some(stage));
        }
    }

    #[test]
    fn the_order_of_variants_is_the_published_priority() {
        let names: [&str; 13] = core::array::from_fn(|place| EndReason::ALL[place].name());
        assert_eq!(
            names,
            [
                "threat",
                "policy-deny",
                "decrypt-cert-validation",
                "decrypt-unsupport-param",
                "decrypt-error",
                "tcp-rst-from-client",
                "tcp-rst-from-server",
                "resources-unavailable",
                "tcp-fin",
                "tcp-reuse",
                "decoder",
                "aged-out",
                "unknown"
            ]
        );
        assert!(EndReason::ALL.is_sorted());
    }
}
