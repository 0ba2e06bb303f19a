//! How often the device has entered each state, and how often it has flapped.

use alloc::{format, vec::Vec};

use serde::Serialize;

use super::{Lines, capitalised, limit};
use crate::{HaState, Status, election::Mode};

/// `show high-availability transitions`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transitions {
    /// The states of the device's mode, and of the other one those that it was in.
    pub transitions: Vec<StateCount>,
}

/// A state and how often it was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StateCount {
    /// The state.
    pub state: HaState,
    /// How often since the device started.
    pub entered: u32,
}

impl Transitions {
    pub(super) fn new(status: &Status) -> Self {
        let is_known = |state: HaState| match state {
            HaState::Active | HaState::Passive => status.own.mode == Mode::ActivePassive,
            HaState::ActivePrimary | HaState::ActiveSecondary | HaState::Tentative => {
                status.own.mode == Mode::ActiveActive
            }
            HaState::Initial | HaState::NonFunctional | HaState::Suspended => true,
        };
        let order = [
            HaState::Suspended,
            HaState::Initial,
            HaState::NonFunctional,
            HaState::Tentative,
            HaState::Passive,
            HaState::Active,
            HaState::ActiveSecondary,
            HaState::ActivePrimary,
        ];
        let transitions = order.into_iter().map(|state| {
            let entered =
                status.transitions.iter().find(|(it, _)| *it == state).map_or(0, |(_, count)| *count);
            StateCount { state, entered }
        });
        Self { transitions: transitions.filter(|it| it.entered > 0 || is_known(it.state)).collect() }
    }

    pub(super) fn write(&self, lines: &mut Lines) {
        lines.block("Transition Statistics", |lines| {
            // A device of this program always knows its state.
            lines.value("Unknown", 0);
            for StateCount { state, entered } in &self.transitions {
                lines.value(&capitalised(state.name()), entered);
            }
        });
    }
}

/// `show high-availability flap-statistics`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FlapStatistics {
    /// Group id.
    pub group: u8,
    /// Whether one device forwards or both.
    pub mode: Mode,
    /// Failures of a device that preempts, soon after it began to lead.
    pub preemptions: u8,
    /// Monitored failures soon after it became functional.
    pub non_functional: u8,
    /// With how many of either the device is suspended; `None` for never.
    pub flap_max: Option<u8>,
}

impl FlapStatistics {
    pub(super) fn new(status: &Status) -> Self {
        Self {
            group: status.settings.config.group_id,
            mode: status.own.mode,
            preemptions: status.flaps.preemptions,
            non_functional: status.flaps.non_functional,
            flap_max: flap_max(status),
        }
    }

    pub(super) fn write(&self, lines: &mut Lines) {
        lines.block(&format!("Group {}", self.group), |lines| {
            lines.value("Mode", self.mode.name());
            lines.block("Flap Statistics", |lines| {
                lines.value("Preemptions since flap counter reset", self.preemptions);
                lines.value("Non-functional states since flap counter reset", self.non_functional);
                lines.value("Maximum flaps allowed before suspending device", limit(self.flap_max));
            });
        });
    }
}

/// 0 is another word for never.
pub(super) fn flap_max(status: &Status) -> Option<u8> {
    status.settings.config.election.timers.flap_max.filter(|limit| *limit > 0)
}
