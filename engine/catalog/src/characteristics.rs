//! What application filters ask for.

/// A set of characteristics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Characteristics(pub(crate) u16);

impl Characteristics {
    /// `evasive`: uses ports or protocols that are not its own to get through.
    pub const EVASIVE: Self = Self(1);
    /// `excessive-bandwidth`: at least 1 Mbit/s in ordinary use.
    pub const EXCESSIVE_BANDWIDTH: Self = Self(1 << 1);
    /// `used-by-malware`: malware spreads or talks through it.
    pub const USED_BY_MALWARE: Self = Self(1 << 2);
    /// `able-to-transfer-file`: carries files between systems.
    pub const ABLE_TO_TRANSFER_FILE: Self = Self(1 << 3);
    /// `has-known-vulnerability`: vulnerabilities of it were published.
    pub const HAS_KNOWN_VULNERABILITY: Self = Self(1 << 4);
    /// `tunnels-other-application`: carries other applications inside.
    pub const TUNNELS_OTHER_APPLICATION: Self = Self(1 << 5);
    /// `prone-to-misuse`: is often used for what it was not meant for.
    pub const PRONE_TO_MISUSE: Self = Self(1 << 6);
    /// `pervasive-use`: has more than a million users.
    pub const PERVASIVE_USE: Self = Self(1 << 7);
    /// `is-saas`: a service rather than software.
    pub const SAAS: Self = Self(1 << 8);

    /// Each with its name in the configuration.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::EVASIVE, "evasive"),
        (Self::EXCESSIVE_BANDWIDTH, "excessive-bandwidth"),
        (Self::USED_BY_MALWARE, "used-by-malware"),
        (Self::ABLE_TO_TRANSFER_FILE, "able-to-transfer-file"),
        (Self::HAS_KNOWN_VULNERABILITY, "has-known-vulnerability"),
        (Self::TUNNELS_OTHER_APPLICATION, "tunnels-other-application"),
        (Self::PRONE_TO_MISUSE, "prone-to-misuse"),
        (Self::PERVASIVE_USE, "pervasive-use"),
        (Self::SAAS, "is-saas"),
    ];

    /// Whether all of `other` are in the set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_bit_of_its_own() {
        let all = Characteristics::ALL.iter().fold(0, |all, (one, _)| all | one.0);
        assert_eq!(all, 0x1ff);
        assert!(Characteristics(3).has(Characteristics::EVASIVE));
        assert!(!Characteristics(2).has(Characteristics::EVASIVE));
    }
}
