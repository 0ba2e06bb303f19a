//! What both devices must have in common before one takes the other's configuration (PAN-OS, "Reasons That
//! Synchronization Doesn't Happen").

/// What a device is, as far as a configuration depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// Major, minor and maintenance release of the program.
    pub software: [u16; 3],
    /// Capabilities that are switched on, one bit each: several virtual systems, GTP, SCTP, VPN.
    pub features: u32,
    /// Version of the database of URL categories.
    pub url_database: u32,
    /// Licences, one bit each.
    pub licences: u32,
    /// Digest of the plugins' names and versions.
    pub plugins: u32,
    /// Whether the data path can take a configuration.
    pub dataplane_ready: bool,
}

/// Why configurations are not exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Block {
    /// Another release.
    Software,
    /// Other capabilities.
    Features,
    /// Another database of URL categories.
    UrlDatabase,
    /// Other licences.
    Licences,
    /// Other plugins.
    Plugins,
    /// A data path is not ready.
    DataplaneNotReady,
    /// It is switched off on one device.
    Disabled,
}

impl Block {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::Software,
        Self::Features,
        Self::UrlDatabase,
        Self::Licences,
        Self::Plugins,
        Self::DataplaneNotReady,
        Self::Disabled,
    ];

    /// The words that the operator sees.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Software => "software version mismatch",
            Self::Features => "feature mismatch",
            Self::UrlDatabase => "URL database mismatch",
            Self::Licences => "licence mismatch",
            Self::Plugins => "plugin mismatch",
            Self::DataplaneNotReady => "dataplane not ready",
            Self::Disabled => "configuration synchronization disabled",
        }
    }
}

impl Compatibility {
    /// The first reason why the two devices do not exchange configurations; both find the same one.
    pub fn block(&self, peer: &Self) -> Option<Block> {
        Block::ALL.into_iter().find(|block| match block {
            Block::Software => self.software != peer.software,
            Block::Features => self.features != peer.features,
            Block::UrlDatabase => self.url_database != peer.url_database,
            Block::Licences => self.licences != peer.licences,
            Block::Plugins => self.plugins != peer.plugins,
            Block::DataplaneNotReady => !(self.dataplane_ready && peer.dataplane_ready),
            Block::Disabled => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named_the_same_on_both_devices() {
        let same = Compatibility { dataplane_ready: true, ..Compatibility::default() };
        assert_eq!(same.block(&same), None);
        let others = [
            (Compatibility { software: [1, 2, 3], ..same }, Block::Software),
            (Compatibility { features: 4, ..same }, Block::Features),
            (Compatibility { url_database: 4, ..same }, Block::UrlDatabase),
            (Compatibility { licences: 4, ..same }, Block::Licences),
            (Compatibility { plugins: 4, ..same }, Block::Plugins),
            (Compatibility { dataplane_ready: false, ..same }, Block::DataplaneNotReady),
        ];
        for (other, block) in others {
            assert_eq!(same.block(&other), Some(block));
            assert_eq!(other.block(&same), Some(block));
        }
    }
}
