//! How long things take, and why a device wakes.

use core::time::Duration;

use bifrons_config::typed::{HaMode, HighAvailability};

/// Unanswered heartbeats with which the peer is lost (PAN-OS, "HA Heartbeat Polling and Hello messages").
pub const HEARTBEATS: u32 = 3;
/// How long monitored links may take to come up after a start, or after a take-over by a device that kept
/// them down. A link needs up to four seconds.
pub const SETTLE: Duration = Duration::from_secs(5);
/// From becoming active to the first ping of path monitoring.
pub const PING_DELAY: Duration = Duration::from_secs(1);
/// How long a leading device goes on after the peer has taken over from it, for frames on their way to it.
pub const LINGER: Duration = Duration::from_millis(50);
/// How long a leading device that was told to step back waits for the peer to take over.
pub const HAND_OVER: Duration = Duration::from_secs(1);
/// Between two tries to tell the peer an order, and how many there are.
pub const ORDER_RETRY: Duration = Duration::from_secs(1);
/// See [`ORDER_RETRY`].
pub const ORDER_TRIES: u8 = 5;
/// How long devices may not fit each other before one gives way: a commit reaches both, not at one moment.
pub const MISMATCH_PATIENCE: Duration = Duration::from_secs(1);
/// How long a joining device waits for HA2 to come up before it goes on without sessions.
pub const JOIN_WITHOUT_HA2: Duration = Duration::from_secs(3);

/// Why a device wakes. Each has one deadline or none; `Member` says which in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// The next heartbeat is due.
    Heartbeat,
    /// The next hello is due.
    Hello,
    /// The peer has been silent for too long.
    Silence,
    /// All control links have been down for too long.
    ControlDown,
    /// Nobody else will lead: the wait for a first hello, or the promotion hold after a loss, is over.
    Alone,
    /// The preemption hold is over.
    Preemption,
    /// A monitored failure has lasted longer than the hold-up times.
    MonitorHoldUp,
    /// A device that a monitored failure took out may come back.
    MonitorHoldDown,
    /// Monitored links have had their time to come up.
    Settle,
    /// The tentative hold is over.
    TentativeHold,
    /// HA2 does not come up, so nobody waits for sessions.
    JoinWithoutHa2,
    /// Frames that were on their way to this device have arrived.
    Linger,
    /// The peer leads, does not hear this device, and will not step back.
    OneWay,
    /// The peer does not take over from a device that was told to step back.
    HandOver,
    /// The devices have not fitted each other for too long.
    Mismatch,
    /// An order to the peer is unanswered.
    Order,
    /// A ping of path monitoring is due.
    Ping,
}

impl Timer {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Heartbeat,
        Self::Hello,
        Self::Silence,
        Self::ControlDown,
        Self::Alone,
        Self::Preemption,
        Self::MonitorHoldUp,
        Self::MonitorHoldDown,
        Self::Settle,
        Self::TentativeHold,
        Self::JoinWithoutHa2,
        Self::Linger,
        Self::OneWay,
        Self::HandOver,
        Self::Mismatch,
        Self::Order,
        Self::Ping,
    ];
}

/// The configured times as spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub heartbeat: Duration,
    pub hello: Duration,
    /// Without a sign of life for so long the peer is lost.
    pub silence: Duration,
    /// Whether HA2 gives signs of life too, as in the profile `fast`.
    pub counts_ha2: bool,
    /// How long all control links may be down.
    pub control_hold: Duration,
    pub promotion: Duration,
    pub preemption: Duration,
    pub hold_up: Duration,
    /// What a leading device adds to that.
    pub leader_hold_up: Duration,
    pub hold_down: Duration,
    pub tentative: Duration,
}

impl Times {
    pub fn of(config: &HighAvailability) -> Self {
        let timers = &config.election.timers;
        let milliseconds = |value: u32| Duration::from_millis(u64::from(value));
        let heartbeat = milliseconds(timers.heartbeat_interval_ms.max(1));
        let (hold_down, tentative) = match &config.mode {
            HaMode::ActivePassive { monitor_fail_hold_down_minutes: minutes, .. } => {
                (Duration::from_secs(u64::from(*minutes) * 60), Duration::ZERO)
            }
            HaMode::ActiveActive(settings) => {
                let seconds = settings.tentative_hold_seconds.unwrap_or(0);
                (Duration::ZERO, Duration::from_secs(u64::from(seconds)))
            }
        };
        Self {
            heartbeat,
            hello: milliseconds(timers.hello_interval_ms.max(1)),
            silence: timers.silence_ms.map_or(heartbeat * HEARTBEATS, milliseconds),
            counts_ha2: timers.silence_ms.is_some(),
            control_hold: milliseconds(config.links.ha1_monitor_hold_ms),
            promotion: milliseconds(timers.promotion_hold_ms),
            preemption: Duration::from_secs(u64::from(timers.preemption_hold_minutes) * 60),
            hold_up: milliseconds(timers.monitor_fail_hold_up_ms),
            leader_hold_up: milliseconds(timers.additional_master_hold_up_ms),
            hold_down,
            tentative,
        }
    }
}

#[cfg(test)]
mod tests {
    use bifrons_config::typed::HaTimers;

    use super::*;

    #[test]
    fn the_profiles_judge_the_peer_after_the_documented_times() {
        let silence = |timers: HaTimers| {
            let mut config = HighAvailability::default();
            config.election.timers = timers;
            let times = Times::of(&config);
            (times.silence.as_millis(), times.promotion.as_millis(), times.counts_ha2)
        };
        assert_eq!(silence(HaTimers::recommended()), (6_000, 2_000, false));
        assert_eq!(silence(HaTimers::aggressive()), (3_000, 500, false));
        assert_eq!(silence(HaTimers::fast()), (45, 0, true));
    }
}
