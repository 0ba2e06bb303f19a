//! What has to happen, given all that is known.

use alloc::format;

use bifrons_config::typed::HaMode;
use bifrons_model::Timestamp;

use super::Member;
use crate::{
    HaLinkId, HaState, Mismatch,
    control::CONTROL_LINKS,
    election::{Event, Mode, StateReason, Verdict, is_better, judge, next},
    flaps::{Failure, Loop},
    hello::Hello,
    log::{HaEvent, Severity},
    mismatch::Consequence,
    timers::{HAND_OVER, JOIN_WITHOUT_HA2, LINGER, MISMATCH_PATIENCE, Timer},
};

/// More changes than the longest chain of states has, at one moment.
const MOST_CHANGES: usize = 8;

impl Member {
    /// Lets the state follow from what is known, and tells the peer.
    pub(super) fn settle(&mut self, now: Timestamp) {
        self.mark(now);
        for _ in 0..MOST_CHANGES {
            let Some((to, reason)) = self.change(now) else { break };
            self.enter(now, to, reason);
            self.mark(now);
        }
        self.announce(now);
    }

    /// When a timer is due. The one place that knows why the device would wake.
    pub(super) fn deadline(&self, timer: Timer) -> Option<Timestamp> {
        let at = match timer {
            Timer::Heartbeat => return Some(self.exchange.next_beat),
            Timer::Hello => return Some(self.exchange.next_hello),
            Timer::Silence => {
                return self.peer.is_alive.then(|| self.peer.last_heard + self.times.silence);
            }
            Timer::ControlDown => {
                let down =
                    self.marks.control_down.filter(|_| self.peer.is_alive && !self.times.counts_ha2)?;
                return Some(down + self.times.control_hold);
            }
            Timer::Alone => return self.alone_at().filter(|_| !self.peer.is_given_up),
            Timer::Order => return self.exchange.order.map(|order| order.next_try),
            Timer::Ping => return self.monitoring.poll_timeout(),
            Timer::Preemption => self.marks.preempt? + self.times.preemption,
            Timer::MonitorHoldUp => self.marks.monitor_failed? + self.hold_up(),
            Timer::MonitorHoldDown => self.may_recover_at()?,
            Timer::Settle => self.marks.settled,
            Timer::TentativeHold => self.marks.tentative_well? + self.times.tentative,
            Timer::JoinWithoutHa2 => self.marks.ha2_down?.max(self.entered) + JOIN_WITHOUT_HA2,
            Timer::Linger => self.marks.both_lead? + LINGER,
            Timer::OneWay => self.marks.both_lead?.max(self.peer.last_reply) + self.times.silence,
            Timer::HandOver => self.leaving?.0 + HAND_OVER,
            Timer::Mismatch => self.marks.mismatch? + MISMATCH_PATIENCE,
        };
        // What was due is done: each of these is judged whenever anything happens.
        (at > self.now).then_some(at)
    }

    /// When a device without a peer may lead. Nobody waits where it could not.
    fn alone_at(&self) -> Option<Timestamp> {
        if self.peer.is_alive {
            return None;
        }
        let lost = self.peer.lost_at.map(|at| at + self.times.promotion);
        match self.state {
            HaState::Initial => Some((self.entered + self.times.hello).max(lost.unwrap_or_default())),
            HaState::Passive | HaState::ActiveSecondary | HaState::Tentative => {
                Some(lost.unwrap_or(self.entered + self.times.promotion))
            }
            HaState::Active | HaState::ActivePrimary | HaState::NonFunctional | HaState::Suspended => None,
        }
    }

    /// The state to go to and why, if it is another one.
    fn change(&self, now: Timestamp) -> Option<(HaState, StateReason)> {
        let candidates = [
            self.unfit(now),
            self.left(now),
            self.monitor_failed(now),
            self.ha3_lost(),
            self.recovered(now),
            self.tentative_over(now),
            self.elected(now),
        ];
        let (event, to, reason) = candidates.into_iter().flatten().find_map(|(event, reason)| {
            let to = next(self.mode, self.state, event).filter(|to| *to != self.state)?;
            Some((event, to, reason))
        })?;
        if let Some((_, asked)) = self.leaving {
            // What fails meanwhile only hastens it: who is to take no part does not come back by itself.
            return Some((HaState::Suspended, asked));
        }
        if event == Event::Suspend || !self.state.is_functional() {
            return Some((to, reason));
        }
        Some(self.looped(now, reason).unwrap_or((to, reason)))
    }

    /// Suspended instead, where a failure is one too many.
    fn looped(&self, now: Timestamp, reason: StateReason) -> Option<(HaState, StateReason)> {
        if !reason.is_failure() {
            return None;
        }
        let limit = self.settings.config.election.timers.flap_max;
        let why = match self.flaps.with(&self.failure(now, reason)).limit_reached(limit)? {
            Loop::Preemption => StateReason::PreemptionLoop,
            Loop::NonFunctional if self.mode == Mode::ActiveActive => StateReason::TentativeLoop,
            Loop::NonFunctional => StateReason::NonFunctionalLoop,
        };
        Some((HaState::Suspended, why))
    }

    fn failure(&self, now: Timestamp, reason: StateReason) -> Failure {
        Failure {
            now,
            is_monitored: reason.is_monitored_failure(),
            leads_since: self.leads_since.filter(|_| self.settings.config.election.preemptive),
            functional_since: self.functional_since,
        }
    }

    /// Notes the flap that a failure is, before the state changes.
    pub(super) fn note_failure(&mut self, now: Timestamp, reason: StateReason) {
        let is_loop = matches!(
            reason,
            StateReason::PreemptionLoop | StateReason::TentativeLoop | StateReason::NonFunctionalLoop
        );
        if self.state.is_functional() && (reason.is_failure() || is_loop) {
            // A loop is only told apart from its last failure by the limit.
            let cause = if is_loop { StateReason::LinkDown } else { reason };
            self.flaps = self.flaps.with(&self.failure(now, cause));
        }
    }

    /// What makes the device give way: it cannot forward, or does not fit the peer.
    fn unfit(&self, now: Timestamp) -> Option<(Event, StateReason)> {
        if !self.dataplane_is_well {
            return Some((Event::Unfit, StateReason::DataplaneDown));
        }
        let mismatch = self.yielding_mismatch()?;
        self.marks.mismatch.filter(|since| now >= *since + MISMATCH_PATIENCE)?;
        let event = match mismatch.consequence() {
            Consequence::NonFunctional => Event::Unfit,
            Consequence::Suspended => Event::Suspend,
        };
        Some((event, StateReason::Mismatch(mismatch)))
    }

    /// What does not fit, where this device is the one to give way: one that leads goes on, else the better
    /// one does, as long as the peer could lead.
    fn yielding_mismatch(&self) -> Option<Mismatch> {
        let peer = self.peer()?;
        let mismatch = Mismatch::between(&self.own, peer)?;
        let leads = |hello: &Hello| hello.state == hello.mode.leader();
        let yields = match (leads(&self.own), leads(peer)) {
            (true, false) => false,
            (false, true) => true,
            (true, true) | (false, false) => !is_better(&self.own, peer),
        };
        (yields && peer.can_lead).then_some(mismatch)
    }

    /// A device that was told to step back has done so.
    fn left(&self, now: Timestamp) -> Option<(Event, StateReason)> {
        let (since, reason) = self.leaving?;
        let is_replaced = self.marks.both_lead.is_some_and(|since| now >= since + LINGER);
        let is_over = is_replaced || now >= since + HAND_OVER || !self.peer_can_take_over();
        is_over.then_some((Event::Suspend, reason))
    }

    fn monitor_failed(&self, now: Timestamp) -> Option<(Event, StateReason)> {
        let reason = self.monitored_failure()?;
        let is_due = self.marks.monitor_failed.is_some_and(|since| now >= since + self.hold_up());
        (is_due && self.peer_can_take_over()).then_some((Event::MonitorFailed, reason))
    }

    /// What has failed of that which this device watches in its state.
    fn monitored_failure(&self) -> Option<StateReason> {
        let watches_links = match self.state {
            HaState::Active | HaState::ActivePrimary | HaState::ActiveSecondary | HaState::Tentative => true,
            HaState::Initial | HaState::Passive | HaState::NonFunctional | HaState::Suspended => {
                self.passive_links_are_up()
            }
        };
        if watches_links && self.monitoring.links_have_failed() {
            return Some(StateReason::LinkDown);
        }
        self.monitoring.paths_have_failed().then_some(StateReason::PathDown)
    }

    fn hold_up(&self) -> core::time::Duration {
        let added =
            if self.state == self.mode.leader() { self.times.leader_hold_up } else { Default::default() };
        self.times.hold_up + added
    }

    /// HA3 is down, or passes nothing, while the peer leads and lives: something has come from it a heartbeat
    /// later.
    fn ha3_lost(&self) -> Option<(Event, StateReason)> {
        let HaMode::ActiveActive(settings) = &self.settings.config.mode else { return None };
        let link = self.link(HaLinkId::Ha3).filter(|_| settings.packet_forwarding)?;
        let since = if link.is_up { self.marks.ha3_silent? } else { link.since };
        let peer_leads = self.peer().is_some_and(|peer| peer.state == HaState::ActivePrimary);
        let is_lost = peer_leads && self.peer.last_heard >= since + self.times.heartbeat;
        is_lost.then_some((Event::Ha3Lost, StateReason::Ha3Down))
    }

    fn recovered(&self, now: Timestamp) -> Option<(Event, StateReason)> {
        let is_well = self.state == HaState::NonFunctional
            && self.unfit(now).is_none()
            && self.ha3_lost().is_none()
            && self.monitored_failure().is_none()
            && self.may_recover_at().is_none_or(|at| now >= at);
        is_well.then_some((Event::Recovered, StateReason::Recovered))
    }

    /// Until when a device that a monitored failure took out stays so.
    fn may_recover_at(&self) -> Option<Timestamp> {
        let is_held = self.state == HaState::NonFunctional && self.reason.is_monitored_failure();
        is_held.then(|| self.entered + self.times.hold_down)
    }

    fn tentative_over(&self, now: Timestamp) -> Option<(Event, StateReason)> {
        let since = self.marks.tentative_well?;
        let is_over = now >= since + self.times.tentative && self.has_joined(now);
        is_over.then_some((Event::TentativeOver, StateReason::TentativeOver))
    }

    /// Whether the sessions are here, or nobody tells of them.
    fn has_joined(&self, now: Timestamp) -> bool {
        let config = &self.settings.config;
        let is_told = config.state_sync.enabled
            && (self.is_configured(HaLinkId::Ha2) || self.is_configured(HaLinkId::Ha2Backup));
        let is_hopeless =
            self.marks.ha2_down.is_some_and(|down| now >= down.max(self.entered) + JOIN_WITHOUT_HA2);
        self.is_synchronized || !is_told || is_hopeless
    }

    /// Who is to lead.
    fn elected(&self, now: Timestamp) -> Option<(Event, StateReason)> {
        let is_about_to_yield = self.state == HaState::Initial && self.marks.mismatch.is_some();
        if self.leaving.is_some() || is_about_to_yield {
            return None;
        }
        if !self.peer.is_alive {
            let reason =
                if self.peer.lost_at.is_some() { StateReason::PeerLost } else { StateReason::NoPeer };
            return (self.own.can_lead && self.peer.is_given_up).then_some((Event::Lead, reason));
        }
        let since = |mark: Option<Timestamp>, span| mark.is_some_and(|since| now >= since + span);
        match judge(&self.own, self.peer()?) {
            Verdict::PeerCannot => Some((Event::Lead, StateReason::PeerNotFunctional)),
            Verdict::Better => Some((Event::Lead, StateReason::Elected)),
            Verdict::Preempt if since(self.marks.preempt, self.times.preemption) => {
                Some((Event::Lead, StateReason::Preempting))
            }
            Verdict::Preempt | Verdict::Peer => {
                self.has_joined(now).then_some((Event::Follow, StateReason::PeerLeads))
            }
            Verdict::BothYield if since(self.marks.both_lead, LINGER) => {
                Some((Event::Follow, StateReason::PeerIsBetter))
            }
            Verdict::BothStay
                if self.peer_is_deaf(now) && since(self.marks.both_lead, self.times.silence) =>
            {
                Some((Event::Follow, StateReason::PeerIsDeaf))
            }
            Verdict::Stay | Verdict::BothStay | Verdict::BothYield | Verdict::Wait => None,
        }
    }

    /// Whether the peer lives and has long not answered.
    fn peer_is_deaf(&self, now: Timestamp) -> bool {
        now >= self.peer.last_reply + self.times.silence
    }

    /// Whether the peer would know that it is to lead, and could.
    pub(super) fn peer_can_take_over(&self) -> bool {
        let can = self.peer().is_some_and(|peer| peer.state.is_functional() && peer.can_lead);
        can && !self.peer_is_deaf(self.now)
    }

    /// Notes since when conditions hold, and what the peer is told.
    fn mark(&mut self, now: Timestamp) {
        let keep = |mark: &mut Option<Timestamp>, holds: bool| {
            *mark = holds.then(|| mark.unwrap_or(now));
        };
        let failure = self.monitored_failure().filter(|_| now >= self.marks.settled);
        keep(&mut self.marks.monitor_failed, failure.is_some());
        let is_well = self.state == HaState::Tentative && self.monitored_failure().is_none();
        keep(&mut self.marks.tentative_well, is_well);
        self.refresh();
        let yields = self.yielding_mismatch().is_some();
        let keep_since = self.marks.mismatch.unwrap_or(now);
        self.marks.mismatch = yields.then_some(keep_since);
        let verdict = self.peer().map(|peer| judge(&self.own, peer));
        let can_preempt =
            verdict == Some(Verdict::Preempt) && self.has_joined(now) && !self.peer_is_deaf(now);
        keep(&mut self.marks.preempt, can_preempt);
        let leads = self.state == self.mode.leader();
        let both = leads && self.peer().is_some_and(|peer| peer.state == peer.mode.leader());
        if both && self.marks.both_lead.is_none() {
            self.tell_split_brain(now, verdict);
        }
        keep(&mut self.marks.both_lead, both);
        self.tell_mismatch(now);
        let stays = leads && failure.is_some() && !self.peer_can_take_over();
        if stays && !self.marks.said_last {
            let text = "Monitored failure ignored, the peer cannot take over";
            self.log(now, Severity::High, HaEvent::Monitoring, text);
        }
        self.marks.said_last = stays;
    }

    /// What this device tells the peer follows from its state.
    fn refresh(&mut self) {
        let can_lead = self.leaving.is_none()
            && match self.state {
                HaState::Initial
                | HaState::Active
                | HaState::Passive
                | HaState::ActivePrimary
                | HaState::ActiveSecondary => true,
                HaState::Tentative => self.marks.tentative_well.is_some(),
                HaState::NonFunctional | HaState::Suspended => false,
            };
        let reason = self.reason.number();
        let is_synchronized = self.is_synchronized;
        let own = &mut self.own;
        let before = (own.state, own.reason, own.can_lead, own.is_synchronized);
        self.exchange.is_news |= before != (self.state, reason, can_lead, is_synchronized);
        (own.state, own.reason, own.can_lead, own.is_synchronized) =
            (self.state, reason, can_lead, is_synchronized);
    }

    /// Two leaders are an accident, unless one of them takes over on purpose.
    fn tell_split_brain(&mut self, now: Timestamp, verdict: Option<Verdict>) {
        let preempting = StateReason::Preempting;
        let peer_preempts = self.peer().is_some_and(|peer| peer.reason == preempting.number());
        let steps_back = self.leaving.is_some() || self.peer().is_some_and(|peer| !peer.can_lead);
        let is_planned = steps_back || self.reason == preempting || peer_preempts;
        if is_planned {
            return;
        }
        let who = match verdict {
            Some(Verdict::BothStay) => "this device stays",
            Some(_) | None => "the peer stays",
        };
        let text = format!("Split brain: both devices are {}, {who}", self.state.name());
        self.log(now, Severity::Critical, HaEvent::PeerSplitBrain, &text);
    }

    fn tell_mismatch(&mut self, now: Timestamp) {
        if !self.peer.is_alive || self.peer.hello.is_none() {
            return;
        }
        let mismatch = self.peer().and_then(|peer| Mismatch::between(&self.own, peer));
        if core::mem::replace(&mut self.marks.said_mismatch, mismatch) == mismatch {
            return;
        }
        match mismatch {
            Some(mismatch) => {
                self.log(now, Severity::Critical, HaEvent::Mismatch, &format!("{mismatch}"));
            }
            None => self.log(now, Severity::Informational, HaEvent::Mismatch, "Mismatch is over"),
        }
    }

    /// Notes since when all links of a kind have been down.
    pub(super) fn mark_links(&mut self, now: Timestamp) {
        let all_down = |links: &[HaLinkId]| !links.iter().any(|link| self.is_usable(*link));
        let control = all_down(&CONTROL_LINKS);
        let ha2 = all_down(&[HaLinkId::Ha2, HaLinkId::Ha2Backup]);
        self.marks.control_down = control.then(|| self.marks.control_down.unwrap_or(now));
        let was_up = self.marks.ha2_down.is_none();
        self.marks.ha2_down = ha2.then(|| self.marks.ha2_down.unwrap_or(now));
        if ha2 && was_up && self.peer.is_alive && self.settings.config.state_sync.enabled {
            let text = "Ignoring session synchronization due to HA2-unavailable";
            self.log(now, Severity::High, HaEvent::SessionSynch, text);
        }
    }
}
