//! The two ways to the peer, HA2 and its backup, and the keep-alives that watch them.
//!
//! ```text
//!              carrier lost, or no answer for the threshold,
//!              or the peer says that it gets none
//!      HA2 ────────────────────────────────────────────────► HA2 backup
//!          ◄────────────────────────────────────────────────
//!              HA2 is usable again: at once
//! ```
//!
//! Only a device whose keep-alive is enabled asks; the other answers on the link on which it was asked. What
//! the asking device finds travels in its questions, so that both stop using a link that works in one
//! direction only (PAN-OS, "HA2 keep-alive").

use alloc::vec::Vec;
use core::time::Duration;

use bifrons_config::typed::Ha2KeepAlive;
use bifrons_model::Timestamp;

use crate::HaLinkId;

/// Questions per threshold.
const QUESTIONS: u32 = 5;

struct Path {
    link: HaLinkId,
    /// It has a carrier.
    up: bool,
    /// When the last answer to a keep-alive came, or the link came up.
    answered: Timestamp,
    /// Keep-alives stay unanswered.
    failed: bool,
    /// The peer's do.
    failed_for_peer: bool,
}

/// What can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The peer, over this link.
    Usable(HaLinkId),
    /// Nothing: no link has a carrier.
    Down,
    /// A link has a carrier, but keep-alives stay unanswered.
    Failed,
}

/// What has changed about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathEvent {
    Failed(HaLinkId),
    Recovered(HaLinkId),
}

pub(super) struct Paths {
    paths: [Path; 2],
    keep_alive: Option<Ha2KeepAlive>,
    asked: Timestamp,
    watching: bool,
}

impl Paths {
    pub const fn new(keep_alive: Option<Ha2KeepAlive>) -> Self {
        Self {
            paths: [Path::new(HaLinkId::Ha2), Path::new(HaLinkId::Ha2Backup)],
            keep_alive,
            asked: Timestamp::ZERO,
            watching: false,
        }
    }

    /// The setting has changed.
    pub fn set_keep_alive(&mut self, now: Timestamp, keep_alive: Option<Ha2KeepAlive>) {
        self.keep_alive = keep_alive;
        self.begin(now);
    }

    /// Whether this machine's messages travel on the link.
    pub fn carries(&self, link: HaLinkId) -> bool {
        self.paths.iter().any(|path| path.link == link)
    }

    /// There is a peer from now on: it gets the whole threshold for its first answer.
    pub fn begin(&mut self, now: Timestamp) {
        self.watching = true;
        self.asked = Timestamp::ZERO;
        for path in &mut self.paths {
            path.answered = now;
            path.failed = false;
            path.failed_for_peer = false;
        }
    }

    /// There is no peer any more.
    pub const fn end(&mut self) {
        self.watching = false;
    }

    /// The link has a carrier or not. Whether that is news.
    pub fn handle_link(&mut self, now: Timestamp, link: HaLinkId, up: bool) -> bool {
        let Some(path) = self.paths.iter_mut().find(|path| path.link == link) else { return false };
        let news = path.up != up;
        if news {
            path.up = up;
            path.answered = now;
            path.failed = false;
        }
        news
    }

    pub fn reach(&self) -> Reach {
        let mut up = self.paths.iter().filter(|path| path.up).peekable();
        if up.peek().is_none() {
            return Reach::Down;
        }
        up.find(|path| path.is_usable()).map_or(Reach::Failed, |path| Reach::Usable(path.link))
    }

    /// Whether messages can be sent on the link at all.
    pub fn is_up(&self, link: HaLinkId) -> bool {
        self.paths.iter().any(|path| path.link == link && path.up)
    }

    /// The links on which keep-alives are to be sent now.
    pub fn questions(&mut self, now: Timestamp) -> Vec<HaLinkId> {
        if self.ask_at().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.asked = now;
        self.paths.iter().filter(|path| path.up).map(|path| path.link).collect()
    }

    /// What a question says of the asking device's view: bit 0 that HA2 has failed, bit 1 that its backup
    /// has.
    pub fn view(&self) -> u8 {
        self.paths.iter().zip(0..).map(|(path, bit)| u8::from(path.failed) << bit).sum()
    }

    /// The peer's view has come.
    pub fn handle_view(&mut self, view: u8) {
        for (path, bit) in self.paths.iter_mut().zip(0..) {
            path.failed_for_peer = view >> bit & 1 == 1;
        }
    }

    /// An answer has come on this link.
    pub fn handle_answer(&mut self, now: Timestamp, link: HaLinkId) -> Option<PathEvent> {
        let path = self.paths.iter_mut().find(|path| path.link == link)?;
        path.answered = now;
        let was_failed = core::mem::replace(&mut path.failed, false);
        was_failed.then_some(PathEvent::Recovered(link))
    }

    /// Links whose answers have stayed away for the threshold.
    pub fn expire(&mut self, now: Timestamp) -> Vec<PathEvent> {
        let Some(threshold) = self.threshold() else { return Vec::new() };
        let silent = self.paths.iter_mut().filter(|path| path.up && !path.failed);
        silent
            .filter(|path| path.answered + threshold <= now)
            .map(|path| {
                path.failed = true;
                PathEvent::Failed(path.link)
            })
            .collect()
    }

    /// When the next question is due.
    pub fn ask_at(&self) -> Option<Timestamp> {
        let threshold = self.threshold()?;
        self.paths.iter().any(|path| path.up).then(|| self.asked + threshold / QUESTIONS)
    }

    /// When the next link fails if no answer comes.
    pub fn fail_at(&self) -> Option<Timestamp> {
        let threshold = self.threshold()?;
        let watched = self.paths.iter().filter(|path| path.up && !path.failed);
        watched.map(|path| path.answered + threshold).min()
    }

    fn threshold(&self) -> Option<Duration> {
        let keep_alive = self.keep_alive.filter(|_| self.watching)?;
        Some(Duration::from_millis(u64::from(keep_alive.threshold_ms)))
    }
}

impl Path {
    const fn new(link: HaLinkId) -> Self {
        Self { link, up: false, answered: Timestamp::ZERO, failed: false, failed_for_peer: false }
    }

    const fn is_usable(&self) -> bool {
        self.up && !self.failed && !self.failed_for_peer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bifrons_config::typed::KeepAliveAction;

    #[test]
    fn the_backup_is_used_while_ha2_is_not() {
        let mut paths = Paths::new(None);
        assert_eq!(paths.reach(), Reach::Down);
        paths.begin(Timestamp::ZERO);
        let steps = [
            (HaLinkId::Ha2Backup, true, Reach::Usable(HaLinkId::Ha2Backup)),
            (HaLinkId::Ha2, true, Reach::Usable(HaLinkId::Ha2)),
            (HaLinkId::Ha2, false, Reach::Usable(HaLinkId::Ha2Backup)),
            (HaLinkId::Ha2Backup, false, Reach::Down),
        ];
        for (link, up, reach) in steps {
            assert!(paths.handle_link(Timestamp::ZERO, link, up));
            assert!(!paths.handle_link(Timestamp::ZERO, link, up), "told twice");
            assert_eq!(paths.reach(), reach);
        }
        assert!(!paths.handle_link(Timestamp::ZERO, HaLinkId::Ha1, true));
    }

    #[test]
    fn a_link_without_answers_fails_after_the_threshold_and_comes_back() {
        let keep_alive = Ha2KeepAlive { action: KeepAliveAction::LogOnly, threshold_ms: 10_000 };
        let mut paths = Paths::new(Some(keep_alive));
        paths.handle_link(Timestamp::ZERO, HaLinkId::Ha2, true);
        let start = Timestamp::from_secs(100);
        assert_eq!(paths.ask_at(), None, "nobody to ask");
        paths.begin(start);
        assert_eq!(paths.questions(start), [HaLinkId::Ha2]);
        assert_eq!(paths.ask_at(), Some(start.after_secs(2)));
        assert_eq!(paths.fail_at(), Some(start.after_secs(10)));
        assert!(paths.expire(start.after_secs(9)).is_empty());
        assert_eq!(paths.expire(start.after_secs(10)), [PathEvent::Failed(HaLinkId::Ha2)]);
        assert_eq!((paths.reach(), paths.view()), (Reach::Failed, 1));
        let recovered = paths.handle_answer(start.after_secs(11), HaLinkId::Ha2);
        assert_eq!(recovered, Some(PathEvent::Recovered(HaLinkId::Ha2)));
        assert_eq!(paths.reach(), Reach::Usable(HaLinkId::Ha2));
        paths.handle_view(1);
        assert_eq!(paths.reach(), Reach::Failed, "the peer gets no answers");
    }
}
