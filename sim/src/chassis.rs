//! What a firewall runs on: its clock, its power, and the processor that others use too.

use std::{collections::VecDeque, time::Duration};

use bifrons_model::Timestamp;

use crate::{
    device::{Device, Figures},
    random::nanos,
};

/// Frames that wait for a firewall that does not look; those behind are lost, as a network card loses them.
pub const RING: usize = 4_096;

/// A firewall with what surrounds it.
pub struct Chassis {
    /// The firewall.
    pub device: Box<dyn Device>,
    /// Its idea of time.
    pub clock: Clock,
    /// Frames that were lost because nobody looked.
    pub missed: u64,
    /// Frames that the firewall was given since it began.
    pub given: u64,
    /// How often it began anew.
    pub restarts: u32,
    pub(crate) waiting: VecDeque<(usize, Vec<u8>)>,
    pub(crate) wake: Option<Timestamp>,
    /// Nothing is done before this.
    asleep_until: Timestamp,
    /// No power before this.
    down_until: Timestamp,
    /// It begins anew when the power is back.
    boots: bool,
}

impl Chassis {
    /// A firewall that runs well.
    pub fn new(device: Box<dyn Device>) -> Self {
        Self {
            device,
            clock: Clock::default(),
            missed: 0,
            given: 0,
            restarts: 0,
            waiting: VecDeque::new(),
            wake: None,
            asleep_until: Timestamp::ZERO,
            down_until: Timestamp::ZERO,
            boots: false,
        }
    }

    /// Nothing is done for a while; frames wait.
    pub fn freeze(&mut self, now: Timestamp, span: Duration) {
        self.asleep_until = self.asleep_until.max(now + span);
    }

    /// Begins anew and takes `boot` for it; frames of that time are lost.
    pub fn restart(&mut self, now: Timestamp, boot: Duration) {
        self.missed += self.waiting.len() as u64;
        self.waiting.clear();
        self.given = 0;
        self.restarts += 1;
        self.down_until = now + boot;
        self.boots = true;
    }

    /// Begins anew if it was to and the time for it is over.
    pub fn boot(&mut self, now: Timestamp) {
        if self.boots && now >= self.down_until {
            self.boots = false;
            self.device.restart(self.clock.read(now));
        }
    }

    /// Whether the firewall that stands there is the one before a restart: nothing of it counts any more.
    pub const fn is_gone(&self) -> bool {
        self.boots
    }

    /// What the firewall counts; nothing while it begins anew.
    pub fn figures(&self) -> Figures {
        if self.boots { Figures::default() } else { self.device.figures() }
    }

    /// When it can do something again; `None` where it can now.
    pub fn busy_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.asleep_until.max(self.down_until);
        (until > now).then_some(until)
    }

    /// Takes a frame that has to wait, or loses it.
    pub fn put_aside(&mut self, now: Timestamp, port: usize, frame: Vec<u8>) {
        if now < self.down_until || self.waiting.len() >= RING {
            self.missed += 1;
        } else {
            self.waiting.push_back((port, frame));
        }
    }

    /// When the firewall wants to be called, by the world's clock.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.device.poll_timeout().map(|due| self.clock.when(due))
    }
}

/// A clock that may be wrong and may run wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// How much faster than right it runs, in parts of a million.
    ppm: i32,
    /// Since when it has run like this.
    since: Timestamp,
    /// What it showed then.
    shown: Timestamp,
}

impl Clock {
    /// What the clock shows.
    pub fn read(&self, now: Timestamp) -> Timestamp {
        if self.shown == Timestamp::ZERO {
            return now;
        }
        let passed = nanos(now.since(self.since));
        let drift = i128::from(passed) * i128::from(self.ppm) / 1_000_000;
        self.shown + Duration::from_nanos(u64::try_from(i128::from(passed) + drift).unwrap_or_default())
    }

    /// The first moment at which the clock shows at least `shown`.
    pub fn when(&self, shown: Timestamp) -> Timestamp {
        if self.shown == Timestamp::ZERO {
            return shown;
        }
        let ahead = i128::from(nanos(shown.since(self.shown)));
        let rate = 1_000_000 + i128::from(self.ppm);
        let passed = (ahead * 1_000_000 + rate - 1) / rate;
        // Rounding of `read` may leave it one nanosecond short.
        self.since + Duration::from_nanos(u64::try_from(passed + 1).unwrap_or(u64::MAX))
    }

    /// From now on the clock runs `ppm` parts of a million fast, after a leap of `forward`.
    pub fn set(&mut self, now: Timestamp, ppm: i32, forward: Duration) {
        let shown = self.read(now) + forward;
        *self = Self { ppm: ppm.clamp(-500_000, 500_000), since: now, shown };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Cable;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    #[test]
    fn a_clock_drifts_and_leaps() {
        let mut clock = Clock::default();
        assert_eq!((clock.read(NOW), clock.when(NOW)), (NOW, NOW));
        clock.set(NOW, 100, Duration::from_secs(3));
        let later = NOW + Duration::from_secs(10_000);
        assert_eq!(clock.read(later), later + Duration::from_secs(4));
        clock.set(later, -100, Duration::ZERO);
        assert_eq!(clock.read(later), later + Duration::from_secs(4));
    }

    #[test]
    fn a_deadline_is_met_and_not_much_later() {
        for ppm in [-300, -1, 1, 77, 500] {
            let mut clock = Clock::default();
            clock.set(NOW, ppm, Duration::from_millis(5));
            for ahead in [1, 1_000, 1_234_567_891, 3_600_000_000_000] {
                let due = clock.read(NOW) + Duration::from_nanos(ahead);
                let when = clock.when(due);
                assert!(clock.read(when) >= due, "{ppm} {ahead}");
                assert!(clock.read(when).since(due) <= Duration::from_nanos(3), "{ppm} {ahead}");
            }
        }
    }

    #[test]
    fn a_frozen_firewall_keeps_frames_and_a_restarting_one_loses_them() {
        let mut chassis = Chassis::new(Box::new(Cable::default()));
        chassis.freeze(NOW, Duration::from_secs(1));
        assert_eq!(chassis.busy_until(NOW), Some(NOW + Duration::from_secs(1)));
        for _ in 0..RING + 10 {
            chassis.put_aside(NOW, 0, vec![0; 60]);
        }
        assert_eq!((chassis.waiting.len(), chassis.missed), (RING, 10));
        chassis.restart(NOW, Duration::from_secs(2));
        chassis.put_aside(NOW, 0, vec![0; 60]);
        assert_eq!((chassis.waiting.len(), chassis.missed), (0, RING as u64 + 11));
        assert_eq!(chassis.busy_until(NOW + Duration::from_secs(2)), None);
    }
}
