//! Which state follows which.
//!
//! ```text
//! active/passive
//!                    lead                     follow
//!            ┌───────────────► ACTIVE ◄──────────────► PASSIVE ◄──┐
//!         INITIAL              │  ▲        lead         │  ▲      │ recovered
//!            └──── follow ─────┼──┼────────────────────►│  │      │
//!                  unfit, monitor failed                ▼  │      │
//!                              └──┴──────────────► NON-FUNCTIONAL ┘
//!
//! active/active
//!                    lead                        follow
//!            ┌────────────► ACTIVE-PRIMARY ◄───────────────► ACTIVE-SECONDARY ◄──┐
//!         INITIAL           │            ▲       lead        │  │                │
//!            └── follow ────┼────────────┼──────────────────►│  │ HA3 lost       │ tentative over
//!                    monitor failed      │ lead              ▼  │                │
//!                           └────────────┴────────────── TENTATIVE ──────────────┘
//!                           unfit (from all)                 ▲  │ unfit, HA3 lost
//!                           └──────────────────► NON-FUNCTIONAL ┘ recovered: back to TENTATIVE
//!
//! both: suspend leads from every state to SUSPENDED, from where only functional leads on: to INITIAL in
//! active/passive, to TENTATIVE in active/active.
//! ```
//!
//! The states are those of PAN-OS ("HA Firewall States"). [`next`] is the whole machine; what makes an event
//! happen (times, health, the peer's hellos) is judged by `Member`, and who is to lead by [`judge`].

use alloc::string::{String, ToString};
use core::fmt;

use bifrons_config::typed::HaMode;
use serde::Serialize;

use crate::{HaState, Mismatch};

mod judge;
#[cfg(test)]
mod tests;

pub use judge::{Verdict, is_better, judge};

/// Whether one device forwards or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// One does.
    #[default]
    ActivePassive,
    /// Both do.
    ActiveActive,
}

impl Mode {
    /// The mode of a configuration.
    pub const fn of(mode: &HaMode) -> Self {
        match mode {
            HaMode::ActivePassive { .. } => Self::ActivePassive,
            HaMode::ActiveActive(_) => Self::ActiveActive,
        }
    }

    /// The words that the operator knows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ActivePassive => "Active-Passive",
            Self::ActiveActive => "Active-Active",
        }
    }

    /// The state of the device that leads.
    pub const fn leader(self) -> HaState {
        match self {
            Self::ActivePassive => HaState::Active,
            Self::ActiveActive => HaState::ActivePrimary,
        }
    }

    /// The state of the other one.
    pub const fn follower(self) -> HaState {
        match self {
            Self::ActivePassive => HaState::Passive,
            Self::ActiveActive => HaState::ActiveSecondary,
        }
    }
}

/// What happens to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// It is to lead.
    Lead,
    /// The peer leads.
    Follow,
    /// A monitored link or path has failed, for as long as it may, and the peer can take over.
    MonitorFailed,
    /// It cannot forward at all, or does not fit the peer and has to give way.
    Unfit,
    /// HA3 has failed while the peer leads.
    Ha3Lost,
    /// Nothing is wrong any more, for as long as that has to last.
    Recovered,
    /// The tentative hold is over and the sessions are here.
    TentativeOver,
    /// An operator or a limit takes it out.
    Suspend,
    /// An operator takes it in again.
    Functional,
    /// A commit has changed the mode to the one that is handed in.
    ModeChanged,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Lead,
        Self::Follow,
        Self::MonitorFailed,
        Self::Unfit,
        Self::Ha3Lost,
        Self::Recovered,
        Self::TentativeOver,
        Self::Suspend,
        Self::Functional,
        Self::ModeChanged,
    ];
}

/// The state after an event; `None` where the event changes nothing. States of the other mode only know
/// [`Event::ModeChanged`].
pub const fn next(mode: Mode, state: HaState, event: Event) -> Option<HaState> {
    match mode {
        Mode::ActivePassive => next_active_passive(state, event),
        Mode::ActiveActive => next_active_active(state, event),
    }
}

const fn next_active_passive(state: HaState, event: Event) -> Option<HaState> {
    use Event as E;
    use HaState as S;
    match (state, event) {
        (S::Initial | S::Passive, E::Lead) => Some(S::Active),
        (S::Initial | S::Active, E::Follow) => Some(S::Passive),
        (S::Initial | S::Active | S::Passive, E::MonitorFailed | E::Unfit) => Some(S::NonFunctional),
        (S::NonFunctional, E::Recovered) => Some(S::Passive),
        (S::Initial | S::Active | S::Passive | S::NonFunctional, E::Suspend) => Some(S::Suspended),
        (S::Suspended, E::Functional) => Some(S::Initial),
        (S::ActivePrimary, E::ModeChanged) => Some(S::Active),
        (S::ActiveSecondary | S::Tentative, E::ModeChanged) => Some(S::Initial),

        (S::Active, E::Lead)
        | (S::Passive, E::Follow)
        | (S::NonFunctional, E::Lead | E::Follow | E::MonitorFailed | E::Unfit)
        | (S::Initial | S::Active | S::Passive, E::Recovered)
        | (
            S::Initial | S::Active | S::Passive | S::NonFunctional,
            E::Ha3Lost | E::TentativeOver | E::Functional | E::ModeChanged,
        )
        | (
            S::Suspended,
            E::Lead
            | E::Follow
            | E::MonitorFailed
            | E::Unfit
            | E::Ha3Lost
            | E::Recovered
            | E::TentativeOver
            | E::Suspend
            | E::ModeChanged,
        )
        | (
            S::ActivePrimary | S::ActiveSecondary | S::Tentative,
            E::Lead
            | E::Follow
            | E::MonitorFailed
            | E::Unfit
            | E::Ha3Lost
            | E::Recovered
            | E::TentativeOver
            | E::Suspend
            | E::Functional,
        ) => None,
    }
}

const fn next_active_active(state: HaState, event: Event) -> Option<HaState> {
    use Event as E;
    use HaState as S;
    match (state, event) {
        (S::Initial | S::ActiveSecondary | S::Tentative, E::Lead) => Some(S::ActivePrimary),
        (S::Initial | S::ActivePrimary, E::Follow) => Some(S::ActiveSecondary),
        (S::Initial | S::ActivePrimary | S::ActiveSecondary, E::MonitorFailed) => Some(S::Tentative),
        (S::Initial | S::ActivePrimary | S::ActiveSecondary | S::Tentative, E::Unfit) => {
            Some(S::NonFunctional)
        }
        (S::ActiveSecondary | S::Tentative, E::Ha3Lost) => Some(S::NonFunctional),
        (S::NonFunctional, E::Recovered) => Some(S::Tentative),
        (S::Tentative, E::TentativeOver) => Some(S::ActiveSecondary),
        (
            S::Initial | S::ActivePrimary | S::ActiveSecondary | S::Tentative | S::NonFunctional,
            E::Suspend,
        ) => Some(S::Suspended),
        (S::Suspended, E::Functional) => Some(S::Tentative),
        (S::Active, E::ModeChanged) => Some(S::ActivePrimary),
        (S::Passive, E::ModeChanged) => Some(S::Initial),

        (S::ActivePrimary, E::Lead | E::Ha3Lost)
        | (S::ActiveSecondary, E::Follow)
        | (S::Initial, E::Ha3Lost)
        | (S::Tentative, E::Follow | E::MonitorFailed)
        | (S::NonFunctional, E::Lead | E::Follow | E::MonitorFailed | E::Unfit | E::Ha3Lost)
        | (S::Initial | S::ActivePrimary | S::ActiveSecondary | S::Tentative, E::Recovered)
        | (S::Initial | S::ActivePrimary | S::ActiveSecondary | S::NonFunctional, E::TentativeOver)
        | (
            S::Initial | S::ActivePrimary | S::ActiveSecondary | S::Tentative | S::NonFunctional,
            E::Functional | E::ModeChanged,
        )
        | (
            S::Suspended,
            E::Lead
            | E::Follow
            | E::MonitorFailed
            | E::Unfit
            | E::Ha3Lost
            | E::Recovered
            | E::TentativeOver
            | E::Suspend
            | E::ModeChanged,
        )
        | (
            S::Active | S::Passive,
            E::Lead
            | E::Follow
            | E::MonitorFailed
            | E::Unfit
            | E::Ha3Lost
            | E::Recovered
            | E::TentativeOver
            | E::Suspend
            | E::Functional,
        ) => None,
    }
}

/// Why a device is in its state. The words after those of PAN-OS ("State Reason") where it has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum StateReason {
    /// It has started.
    #[default]
    Started,
    /// No peer answered.
    NoPeer,
    /// The peer is silent.
    PeerLost,
    /// The peer lives and cannot lead.
    PeerNotFunctional,
    /// It is the better one of two that could lead.
    Elected,
    /// It is the better one, and both devices want the better one to lead.
    Preempting,
    /// The peer leads.
    PeerLeads,
    /// The peer is the better one of two that led.
    PeerIsBetter,
    /// The peer leads and does not hear this device.
    PeerIsDeaf,
    /// Its data plane does not work.
    DataplaneDown,
    /// Monitored links have failed.
    LinkDown,
    /// Monitored paths have failed.
    PathDown,
    /// HA3 has failed.
    Ha3Down,
    /// It does not fit the peer.
    Mismatch(Mismatch),
    /// What was wrong is over.
    Recovered,
    /// It is in step again.
    TentativeOver,
    /// An operator said so.
    UserRequested,
    /// The peer's operator said so.
    PeerRequested,
    /// It became non-functional too often.
    NonFunctionalLoop,
    /// It became tentative too often.
    TentativeLoop,
    /// It preempted and failed too often.
    PreemptionLoop,
    /// A commit changed the mode.
    ModeChanged,
}

impl StateReason {
    /// The number that stands for it on HA1; never reused.
    pub const fn number(self) -> u8 {
        match self {
            Self::Started => 0,
            Self::NoPeer => 1,
            Self::PeerLost => 2,
            Self::PeerNotFunctional => 3,
            Self::Elected => 4,
            Self::Preempting => 5,
            Self::PeerLeads => 6,
            Self::PeerIsBetter => 7,
            Self::PeerIsDeaf => 8,
            Self::DataplaneDown => 9,
            Self::LinkDown => 10,
            Self::PathDown => 11,
            Self::Ha3Down => 12,
            Self::Recovered => 13,
            Self::TentativeOver => 14,
            Self::UserRequested => 15,
            Self::PeerRequested => 16,
            Self::NonFunctionalLoop => 17,
            Self::TentativeLoop => 18,
            Self::PreemptionLoop => 19,
            Self::ModeChanged => 20,
            Self::Mismatch(mismatch) => 64 + mismatch as u8,
        }
    }

    /// The words for a number that came over HA1; none for one that a newer device may send.
    pub fn text_of(number: u8) -> Option<String> {
        let plain = [
            Self::Started,
            Self::NoPeer,
            Self::PeerLost,
            Self::PeerNotFunctional,
            Self::Elected,
            Self::Preempting,
            Self::PeerLeads,
            Self::PeerIsBetter,
            Self::PeerIsDeaf,
            Self::DataplaneDown,
            Self::LinkDown,
            Self::PathDown,
            Self::Ha3Down,
            Self::Recovered,
            Self::TentativeOver,
            Self::UserRequested,
            Self::PeerRequested,
            Self::NonFunctionalLoop,
            Self::TentativeLoop,
            Self::PreemptionLoop,
            Self::ModeChanged,
        ];
        let mismatches = Mismatch::ALL.into_iter().map(Self::Mismatch);
        plain.into_iter().chain(mismatches).find(|reason| reason.number() == number).map(|it| it.to_string())
    }

    /// Whether a monitored failure is the reason.
    pub const fn is_monitored_failure(self) -> bool {
        matches!(self, Self::LinkDown | Self::PathDown)
    }

    /// Whether the device left its place because something failed.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::LinkDown | Self::PathDown | Self::DataplaneDown | Self::Ha3Down)
    }
}

impl fmt::Display for StateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "Device started",
            Self::NoPeer => "No peer found",
            Self::PeerLost => "Peer is down",
            Self::PeerNotFunctional => "Peer is not functional",
            Self::Elected => "Election won",
            Self::Preempting => "Preempting the peer",
            Self::PeerLeads => "Peer leads",
            Self::PeerIsBetter => "Peer is preferred",
            Self::PeerIsDeaf => "Peer leads and does not hear this device",
            Self::DataplaneDown => "Dataplane down",
            Self::LinkDown => "Link down",
            Self::PathDown => "Path down",
            Self::Ha3Down => "HA3 link is down",
            Self::Mismatch(mismatch) => return mismatch.fmt(f),
            Self::Recovered => "Recovered",
            Self::TentativeOver => "Tentative hold time over",
            Self::UserRequested => "User requested",
            Self::PeerRequested => "Peer requested",
            Self::NonFunctionalLoop => "Non-functional loop",
            Self::TentativeLoop => "Tentative loop",
            Self::PreemptionLoop => "Preemption loop",
            Self::ModeChanged => "Mode changed",
        })
    }
}
