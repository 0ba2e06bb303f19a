//! `show high-availability …`

use bifrons_ha::{HaLinkId, PairPage, ShowHighAvailability, VirtualAddresses, sync::SyncStatus};
use bifrons_model::Timestamp;

use super::Node;

/// Which of the shows of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShowPair {
    /// States, links, what is watched.
    Page(ShowHighAvailability),
    /// `virtual-address`: the addresses that both devices have, and who has them now.
    VirtualAddress,
    /// `state-synchronization`: what was told over HA2.
    StateSynchronization,
}

impl ShowPair {
    /// The show that an operator names behind `show high-availability`; `None` for words that name none.
    pub fn of(words: &str) -> Option<Self> {
        let mut words = words.split_whitespace();
        let (first, second) = (words.next()?, words.next());
        if words.next().is_some() || second.is_some() != (first == "interface") {
            return None;
        }
        Some(match first {
            "virtual-address" => Self::VirtualAddress,
            "state-synchronization" => Self::StateSynchronization,
            "interface" => {
                let mut links = HaLinkId::ALL.into_iter().filter(|link| *link != HaLinkId::HeartbeatBackup);
                let link = links.find(|link| Some(link.name()) == second)?;
                Self::Page(ShowHighAvailability::Interface(link))
            }
            _ => Self::Page(ShowHighAvailability::ALL.into_iter().find(|page| page.name() == first)?),
        })
    }
}

impl Node {
    /// What an operator sees of the pair at `now`, as text by `Display` and as JSON by `Serialize`; `None`
    /// without a pair.
    pub fn show_pair(&self, now: Timestamp, show: ShowPair) -> Option<PairPage> {
        let pair = self.pair.as_ref()?;
        Some(match show {
            ShowPair::Page(page) => {
                let mut status = pair.status();
                status.now = status.now.max(now);
                // The leader's own sessions are complete anyway; what counts is whether the peer has them.
                status.own.is_synchronized = pair.sync().status() == SyncStatus::Complete;
                status.peer.data_link = pair.sync().link();
                page.page(&status)
            }
            ShowPair::VirtualAddress => {
                let (plan, table) = pair.addresses();
                let interfaces = &self.controller.config().interfaces;
                PairPage::VirtualAddresses(VirtualAddresses::new(plan, table, interfaces))
            }
            ShowPair::StateSynchronization => PairPage::Synchronization(pair.sync().report()),
        })
    }
}
