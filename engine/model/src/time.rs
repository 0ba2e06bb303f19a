//! Points in time as the engine sees them.

use core::{
    fmt,
    ops::{Add, AddAssign, Sub},
    time::Duration,
};

/// Nanoseconds since the Unix epoch (UTC). Time reaches the engine only as an argument of this type; nobody
/// in the engine asks for it. Arithmetic saturates, so hostile capture times cannot overflow.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

const NANOS_PER_SECOND: u64 = 1_000_000_000;

impl Timestamp {
    /// The epoch itself; also what a capture without times carries.
    pub const ZERO: Self = Self(0);
    /// Later than any packet.
    pub const MAX: Self = Self(u64::MAX);

    /// From nanoseconds since the epoch.
    #[inline]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / NANOS_PER_SECOND
    }

    /// The nanoseconds within the second, 0 to 999,999,999.
    pub const fn subsec_nanos(self) -> u32 {
        (self.0 % NANOS_PER_SECOND) as u32
    }

    /// This many whole seconds later.
    #[inline]
    pub const fn after_secs(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds as u64 * NANOS_PER_SECOND))
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    #[inline]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The UTC calendar date and time of day: (year, month 1-12, day 1-31, hour, minute, second).
    pub const fn civil(self) -> (u32, u8, u8, u8, u8, u8) {
        // Days to year-month-day after Howard Hinnant's "chrono-compatible low-level date algorithms".
        let seconds = self.as_secs();
        let (days, rest) = (seconds / 86_400, (seconds % 86_400) as u32);
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * month_index + 2) / 5 + 1) as u8;
        let month = (if month_index < 10 { month_index + 3 } else { month_index - 9 }) as u8;
        let year = (year_of_era + era * 400) as u32 + (month <= 2) as u32;
        (year, month, day, (rest / 3_600) as u8, (rest / 60 % 60) as u8, (rest % 60) as u8)
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    #[inline]
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Timestamp {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Seconds with nine decimals: `1700000020.020000000`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.as_secs(), self.subsec_nanos())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_at_known_points() {
        assert_eq!(Timestamp::ZERO.civil(), (1970, 1, 1, 0, 0, 0));
        assert_eq!(Timestamp::from_secs(951_782_400).civil(), (2000, 2, 29, 0, 0, 0));
        assert_eq!(Timestamp::from_secs(1_700_000_020).civil(), (2023, 11, 14, 22, 13, 40));
        assert_eq!(Timestamp::from_secs(4_107_542_399).civil(), (2100, 2, 28, 23, 59, 59));
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::ZERO - Duration::from_secs(1), Timestamp::ZERO);
        assert_eq!(Timestamp::ZERO.since(Timestamp::MAX), Duration::ZERO);
    }
}
