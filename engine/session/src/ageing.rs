//! When a session's time is up: its timer, shortened while the table is under pressure.

use core::time::Duration;

use bifrons_config::typed::SessionSettings;
use bifrons_model::Timestamp;

use crate::Session;

/// How the table's use shortens timeouts at the moment (help page "Session Settings", accelerated ageing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pressure {
    /// Since when every timeout is divided, and by what.
    pub accelerated: Option<(Timestamp, u32)>,
    /// Since when sessions that are idle for the given time age faster, and by how much.
    pub scan: Option<(Timestamp, Duration, u32)>,
}

impl Pressure {
    /// The pressure at `in_use` of `capacity` sessions, given what it was.
    #[must_use]
    pub fn next(self, now: Timestamp, in_use: usize, settings: &SessionSettings) -> Self {
        if !settings.accelerated_aging_enable {
            return Self::default();
        }
        let is_above =
            |percent: u32| in_use as u64 * 100 >= u64::from(settings.capacity) * u64::from(percent);
        Self {
            accelerated: is_above(settings.accelerated_aging_threshold).then(|| {
                let since = self.accelerated.map_or(now, |(since, _)| since);
                (since, settings.accelerated_aging_scaling_factor)
            }),
            scan: is_above(settings.scan_threshold).then(|| {
                let since = self.scan.map_or(now, |(since, ..)| since);
                let idle = Duration::from_secs(u64::from(settings.timeout_scan));
                (since, idle, settings.scan_scaling_factor)
            }),
        }
    }

    /// Whether any timeout is shortened.
    pub const fn is_on(&self) -> bool {
        self.accelerated.is_some() || self.scan.is_some()
    }

    /// The moment at which `session` ends unless another packet comes. A shortened deadline never lies
    /// before the pressure began: nothing ends in the past.
    #[inline]
    pub fn deadline(&self, session: &Session) -> Timestamp {
        self.deadline_after(session.last_packet, session.timeout)
    }

    /// The same for a session that was last seen then and lives for so many seconds from there.
    #[inline]
    pub(crate) fn deadline_after(&self, last_packet: Timestamp, timeout: u32) -> Timestamp {
        let full = last_packet.after_secs(timeout);
        if self.is_on() { self.shortened(last_packet, timeout, full) } else { full }
    }

    fn shortened(&self, last_packet: Timestamp, timeout: u32, full: Timestamp) -> Timestamp {
        let timeout = Duration::from_secs(u64::from(timeout));
        let accelerated = self
            .accelerated
            .map(|(since, factor)| (last_packet + timeout / factor.max(1)).max(since).min(full));
        let scanned = self.scan.map(|(since, idle, factor)| {
            (last_packet + idle.max(timeout / factor.max(1))).max(since).min(full)
        });
        full.min(accelerated.unwrap_or(full)).min(scanned.unwrap_or(full))
    }
}
