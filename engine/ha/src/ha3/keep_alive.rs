//! Whether frames pass HA3: its carrier does not tell.
//!
//! ```text
//!             peer connected, carrier there, it speaks of it
//!  unwatched ─────────────────────────────────────────────► passes ◄──────────────────┐
//!      ▲                                                      │  nothing heard for     │ heard again, and
//!      │  carrier gone, peer lost, another version            │  the threshold, or the │ the peer hears
//!      └──────────────────────────────────────────────────────┤  peer hears nothing    │
//!                                                             ▼                        │
//!                                                           lost ──────────────────────┘
//! ```
//!
//! Both devices send keep-alives, ten in a threshold, and each says whether it has heard from the other one:
//! so both know of a link that works in one direction only. Any authentic frame is a sign of life. The
//! threshold is how long the election bears silence, but a second at least: frames on HA3 may be lost one by
//! one.

use core::time::Duration;

use bifrons_config::typed::HighAvailability;
use bifrons_model::Timestamp;

use crate::timers::Times;

/// Keep-alives per threshold.
const KEEP_ALIVES: u32 = 10;
const LEAST: Duration = Duration::from_secs(1);

/// The keep-alives of HA3.
///
/// After each `handle_…` the driver looks at [`is_lost`](Self::is_lost).
#[derive(Clone, Debug)]
pub struct Ha3KeepAlive {
    threshold: Duration,
    watched: Option<Watched>,
}

#[derive(Clone, Copy, Debug)]
struct Watched {
    /// When something last came from the peer, or watching began.
    heard: Timestamp,
    /// When the next keep-alive is due.
    next: Timestamp,
    /// Whether that is within the threshold.
    hears: bool,
    /// What the peer says of itself.
    is_heard: bool,
}

impl Ha3KeepAlive {
    /// Nothing is watched.
    pub fn new(config: &HighAvailability) -> Self {
        Self { threshold: threshold(config), watched: None }
    }

    /// Other values, after a commit.
    pub fn handle_settings(&mut self, config: &HighAvailability) {
        self.threshold = threshold(config);
    }

    /// Whether there is anything to watch: a carrier, keys, and a peer that speaks of it. What begins has the
    /// whole threshold.
    pub fn watch(&mut self, now: Timestamp, is_watched: bool) {
        let new = Watched { heard: now, next: now, hears: true, is_heard: true };
        self.watched = is_watched.then(|| self.watched.unwrap_or(new));
    }

    /// An authentic frame has come.
    pub const fn handle_heard(&mut self, now: Timestamp) {
        if let Some(watched) = &mut self.watched {
            watched.heard = now;
            if !watched.hears {
                watched.hears = true;
                // The peer is to know.
                watched.next = now;
            }
        }
    }

    /// A keep-alive has come, which says whether the peer hears this device.
    pub const fn handle_view(&mut self, is_heard: bool) {
        if let Some(watched) = &mut self.watched {
            watched.is_heard = is_heard;
        }
    }

    /// Time has passed. What a keep-alive that is to be sent now says: whether the peer is heard.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Option<bool> {
        let watched = self.watched.as_mut()?;
        if watched.hears && watched.heard + self.threshold <= now {
            (watched.hears, watched.next) = (false, now);
        }
        if watched.next > now {
            return None;
        }
        watched.next = now + self.threshold / KEEP_ALIVES;
        Some(watched.hears)
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let watched = self.watched?;
        let fails = watched.hears.then(|| watched.heard + self.threshold);
        Some(fails.map_or(watched.next, |at| at.min(watched.next)))
    }

    /// Whether frames pass in one direction at most, though there is a carrier.
    pub fn is_lost(&self) -> bool {
        self.watched.is_some_and(|watched| !watched.hears || !watched.is_heard)
    }
}

fn threshold(config: &HighAvailability) -> Duration {
    Times::of(config).silence.max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    const START: Timestamp = Timestamp::from_secs(100);
    const MILLISECOND: Duration = Duration::from_millis(1);

    /// With the recommended times silence is six seconds.
    const THRESHOLD: Duration = Duration::from_secs(6);

    /// Two devices and the directions in which HA3 passes frames; when each has lost it or found it again, in
    /// milliseconds.
    fn run(passes: impl Fn(u64) -> [bool; 2], span: u64) -> [Vec<(u64, bool)>; 2] {
        let config = HighAvailability::default();
        let mut ends = [Ha3KeepAlive::new(&config), Ha3KeepAlive::new(&config)];
        ends.iter_mut().for_each(|end| end.watch(START, true));
        let (mut changes, mut on_the_way) = ([vec![], vec![]], Vec::new());
        for millis in 0..span {
            let now = START + MILLISECOND * millis as u32;
            for (to, view) in core::mem::take(&mut on_the_way) {
                let end: &mut Ha3KeepAlive = &mut ends[to];
                end.handle_heard(now);
                end.handle_view(view);
            }
            for (from, end) in ends.iter_mut().enumerate() {
                let is_due = end.poll_timeout().is_some_and(|at| at <= now);
                let sent = end.handle_timeout(now);
                assert_eq!(is_due, sent.is_some(), "what is due is a keep-alive");
                if let Some(view) = sent.filter(|_| passes(millis)[from]) {
                    on_the_way.push((1 - from, view));
                }
                let was_lost = changes[from].last().is_some_and(|(_, is_lost)| *is_lost);
                if was_lost != end.is_lost() {
                    changes[from].push((millis, end.is_lost()));
                }
            }
        }
        changes
    }

    #[test]
    fn a_link_that_passes_frames_is_not_lost() {
        assert_eq!(run(|_| [true; 2], 60_000), [vec![], vec![]]);
        // Nine of ten are lost, in bursts.
        assert_eq!(run(|millis| [millis % 6_000 < 700; 2], 60_000), [vec![], vec![]]);
    }

    #[test]
    fn both_notice_a_link_that_loses_everything_in_a_direction_and_that_it_is_back() {
        for passes in [[false, false], [true, false], [false, true]] {
            let changes =
                run(|millis| if (10_000..40_000).contains(&millis) { passes } else { [true; 2] }, 60_000);
            for (device, changes) in changes.iter().enumerate() {
                let [(lost, true), (found, false)] = changes[..] else { panic!("{passes:?} {changes:?}") };
                assert!((15_000..16_010).contains(&lost), "{device} {passes:?}: {lost}");
                assert!((40_000..40_610).contains(&found), "{device} {passes:?}: {found}");
            }
        }
    }

    #[test]
    fn only_what_is_watched_is_lost() {
        let mut end = Ha3KeepAlive::new(&HighAvailability::default());
        assert_eq!((end.poll_timeout(), end.handle_timeout(START), end.is_lost()), (None, None, false));
        end.handle_heard(START);
        end.handle_view(false);
        assert!(!end.is_lost());
        end.watch(START, true);
        assert_eq!((end.poll_timeout(), end.handle_timeout(START)), (Some(START), Some(true)));
        assert_eq!(end.handle_timeout(START + THRESHOLD), Some(false));
        assert!(end.is_lost());
        // A carrier that is gone is another matter; one that comes back has its time.
        end.watch(START + THRESHOLD, false);
        assert!(!end.is_lost() && end.poll_timeout().is_none());
        end.watch(START + THRESHOLD, true);
        assert!(!end.is_lost());
        end.watch(START + THRESHOLD * 2, true);
        end.handle_timeout(START + THRESHOLD * 2);
        assert!(end.is_lost(), "watching goes on");
    }

    #[test]
    fn the_threshold_is_the_silence_that_the_election_bears() {
        let of = |timers| {
            let mut config = HighAvailability::default();
            config.election.timers = timers;
            threshold(&config).as_millis()
        };
        use bifrons_config::typed::HaTimers;
        let profiles = [HaTimers::recommended(), HaTimers::aggressive(), HaTimers::fast()];
        assert_eq!(profiles.map(of), [6_000, 3_000, 1_000]);
    }
}
