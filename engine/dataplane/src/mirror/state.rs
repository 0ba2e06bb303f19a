//! Everything of a session that another device needs to go on with it.

use alloc::boxed::Box;

use bifrons_config::typed::TimeoutOverride;
use bifrons_inspect::{Ja4, StreamEdits};
use bifrons_model::{
    Action, ActionSource, AppId, CategoryId, Generation, Handshake, NatRuleId, RuleId, SessionId, Timestamp,
    UserId, Volume,
};
use bifrons_session::{Causes, NO_NUMBER, SessionFlags, State, Timer, nat::Translated, tcp::Image};
use bifrons_wire::protocol;

use super::{MirrorItem, Who};
use crate::Worker;

/// A session as the other device is to know it. Its numbers are those of the configuration that both devices
/// run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionState {
    /// Its number at both devices.
    pub id: SessionId,
    /// What never changes.
    pub who: Who,
    /// What changes.
    pub life: Life,
    /// What few sessions have and its log record needs.
    pub notes: NoteState,
}

/// What changes in a session's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The configuration that it was last judged by: where that is not the one in force it is judged again.
    pub generation: Generation,
    /// The rule that it is under.
    pub rule: RuleId,
    /// The application, or the word for why none is known.
    pub app: AppId,
    /// Whether it passes; never `State::Init`.
    pub state: State,
    /// What the rule says.
    pub action: Action,
    /// Where that came from.
    pub action_source: ActionSource,
    /// `SessionFlags::portable`
    pub flags: u8,
    /// What may be the reason for its end.
    pub causes: Causes,
    /// How it opened.
    pub handshake: Handshake,
    /// The timer that it is on.
    pub timer: Timer,
    /// How long that runs, in seconds, where it is not what the configuration says of timer, application and
    /// service.
    pub timeout: Option<u32>,
    /// How long ago its latest packet came, in milliseconds, rounded down to tenths of a second.
    pub idle: u32,
    /// What was counted, by direction.
    pub volume: [Volume; 2],
    /// The IP protocol number.
    pub protocol: u8,
    /// Its connection; `None` for other protocols than TCP.
    pub tcp: Option<Image>,
    /// The timeouts of the service that its rule names.
    pub service: TimeoutOverride,
}

/// What few sessions have, or only their records need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteState {
    /// The client's user; 0 for nobody known.
    pub user: UserId,
    /// The server's name, at most 255 bytes.
    pub server_name: Option<Box<str>>,
    /// The custom URL category of that name; `None` while it may still be learnt.
    pub category: Option<CategoryId>,
    /// The client's TLS fingerprint.
    pub ja4: Option<Ja4>,
    /// The session that announced it.
    pub parent: Option<ParentState>,
    /// What was taken from a pool when it was announced.
    pub taken: Option<Translated>,
    /// What was replaced in its payload, by direction, as far as it may be sent again.
    pub edits: Option<Box<[StreamEdits; 2]>>,
}

/// The session that announced another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentState {
    /// Its number.
    pub id: SessionId,
    /// When it began.
    pub start: Timestamp,
    /// The NAT rule that it is under, `NO_NUMBER` without.
    pub nat_rule: u16,
}

/// Replaced bytes of one direction that are told at most; older ones count by their shift only.
const EDITED_BYTES: usize = 1_024;

/// What times of idleness are rounded down to, in milliseconds.
pub(super) const IDLE_STEP: u32 = 100;

impl Life {
    /// The timer that is most likely in this state.
    pub(super) fn usual_timer(&self) -> Timer {
        match (self.state, &self.tcp, self.protocol) {
            (State::Discard, Some(_), _) => Timer::DiscardTcp,
            (State::Discard, None, protocol::UDP) => Timer::DiscardUdp,
            (_, Some(tcp), _) => tcp.connection.timer(),
            (_, None, protocol::UDP) => Timer::Udp,
            (_, None, _) => Timer::Other,
        }
    }
}

impl NoteState {
    /// Whether there is nothing to note.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Worker {
    pub(super) fn read_state(&self, slot: u32) -> SessionState {
        SessionState {
            id: self.table.get(slot).id,
            who: self.read_who(slot),
            life: self.read_life(slot),
            notes: self.read_notes(slot),
        }
    }

    /// What is told of a session: its life, and the rest as wanted.
    pub(super) fn read_item(&self, slot: u32, with_who: bool, with_notes: bool) -> MirrorItem {
        let session = self.table.get(slot);
        let is_given = self.pair.shared.is_some() && self.table.is_copy(slot);
        let mut life = self.read_life(slot);
        if is_given {
            // A copy keeps what it was told; who passes its packets knows when the last one came.
            let idle = u32::try_from(self.now.since(session.last_packet).as_millis()).unwrap_or(u32::MAX);
            life.idle = idle / IDLE_STEP * IDLE_STEP;
        }
        MirrorItem {
            id: session.id,
            is_inherited: session.flags.has(SessionFlags::COPY) && !self.table.is_copy(slot),
            is_given,
            counted_there: self.counted_there(slot),
            who: with_who.then(|| self.read_who(slot)),
            life,
            notes: with_notes.then(|| Box::new(self.read_notes(slot))),
            shown: None,
        }
    }

    fn read_who(&self, slot: u32) -> Who {
        let session = self.table.get(slot);
        Who {
            keys: self.table.keys(slot),
            interface_in: session.interface_in,
            interface_out: session.interface_out,
            start: session.start,
            nat_rule: (session.nat_rule != NO_NUMBER).then_some(NatRuleId(session.nat_rule.into())),
            has_taken: session.flags.has(SessionFlags::NAT_TAKEN),
        }
    }

    fn read_life(&self, slot: u32) -> Life {
        let session = self.table.get(slot);
        let usual = self.timeout(session.timer, session.app, session.service);
        Life {
            generation: session.generation,
            rule: session.rule,
            app: session.app,
            state: session.state,
            action: session.action,
            action_source: session.action_source,
            flags: session.flags.portable(),
            causes: session.causes,
            handshake: session.handshake,
            timer: session.timer,
            timeout: (usual != session.timeout).then_some(session.timeout),
            idle: self.table.idle(slot, self.now) / IDLE_STEP * IDLE_STEP,
            volume: session.volume,
            protocol: session.protocol(),
            tcp: (session.protocol() == protocol::TCP).then(|| session.tcp.image()),
            service: self.overrides.get(usize::from(session.service)).copied().unwrap_or_default(),
        }
    }

    fn read_notes(&self, slot: u32) -> NoteState {
        let Some(notes) = self.notes_of(slot) else { return NoteState::default() };
        let recent = |edits: &[StreamEdits; 2]| {
            let [client, server] = edits;
            Box::new([client.recent(EDITED_BYTES), server.recent(EDITED_BYTES)])
        };
        NoteState {
            user: notes.user,
            server_name: notes.server_name.clone(),
            category: notes.category,
            ja4: notes.ja4,
            parent: notes.parent.map(|parent| ParentState {
                id: parent.id,
                start: parent.start,
                nat_rule: parent.nat_rule,
            }),
            taken: notes.taken,
            edits: notes.edits.as_deref().map(recent),
        }
    }
}
