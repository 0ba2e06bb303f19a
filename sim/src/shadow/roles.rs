//! Which of two devices leads, when that has to change and when it must not.
//!
//! ```text
//!  states of the devices ──┐                    ┌─► judgement
//!  what goes wrong, orders ┼─► what must follow ┤
//!  frames, announcements ──┘                    └─► which talks need not survive it
//! ```

pub(super) mod addresses;

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use bifrons_ha::HaState;
use bifrons_model::Timestamp;

use super::{Judged, What};
use crate::{
    frame::View,
    pair::Profile,
    plan::{PairPlan, Plan},
};

/// How long everything has to be well for a pair to count as calm.
const CALM: Duration = Duration::from_secs(1);

/// How long talks are not safe after something that has upset the pair.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Links that lose more of a million frames may take a living device for dead.
const LOSS_BORNE: u32 = 10_000;

/// How long both devices may lead in a planned change without anybody's noticing.
const OVERLAP: Duration = Duration::from_millis(200);

/// How long a device that is to step back may wait for the other one.
const STEP_BACK: Duration = Duration::from_secs(3);

/// How long a device that leads bears the loss of a link: hold-up and additional hold-up.
const HOLD_UP: Duration = Duration::from_millis(1_500);

/// How long links may settle after a start or a change.
const SETTLE: Duration = Duration::from_secs(6);

/// Announcements of an address at once, and those of the next eight seconds with them.
const ANNOUNCED: [(Duration, u32); 2] = [(Duration::from_millis(300), 2), (Duration::from_secs(9), 10)];

/// What talks have to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// None that goes on need survive.
    Disturb,
    /// Only those that stand need survive.
    DisturbYounger,
    /// Whether those that begin from now on need not survive.
    Trouble(bool),
}

/// Something that happens to a device, or between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device does nothing for longer than it may.
    Sleeps(usize, Duration),
    /// A device is gone for so long.
    Dies(usize, Duration),
    /// A device is to take no part.
    Suspended(usize),
    /// A device is to take part again.
    Functional(usize),
    /// A device's cable in a zone is pulled or plugged.
    Cable(usize, usize, bool),
    /// A link between them does not carry everything for so long.
    Breach(Duration),
    /// A device is ordered to run other rules.
    Commit,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// From the loss of the device that leads until the other one does.
    pub detect: Duration,
    /// From the moment that two that lead hear each other until one does.
    pub heal: Duration,
    /// From the start of two devices that hear each other until one leads.
    pub begin: Duration,
    /// Until a device that hears the other one runs its configuration.
    pub configure: Duration,
    /// Until a device that is well is ready to take over.
    pub join: Duration,
}

impl Bounds {
    /// Those of a pair with these timers.
    pub const fn of(profile: Profile) -> Self {
        let [detect, heal, begin, configure, join] = match profile {
            Profile::Fast => [500, 1_000, 4_000, 5_000, 12_000],
            Profile::Aggressive => [5_000, 6_000, 8_000, 12_000, 30_000],
            Profile::Recommended => [10_000, 12_000, 10_000, 20_000, 30_000],
        };
        let ms = Duration::from_millis;
        Self {
            detect: ms(detect),
            heal: ms(heal),
            begin: ms(begin),
            configure: ms(configure),
            join: ms(join),
        }
    }
}

/// A device that says that it has the addresses now.
#[derive(Clone, Debug, Default)]
struct Announcing {
    since: Timestamp,
    /// By when it knows that it has them.
    knows: Timestamp,
    counts: HashMap<usize, u32>,
    /// How many of the expectations have been judged.
    judged: usize,
}

/// What is known of the two.
pub struct Roles {
    /// How long things may take here.
    pub bounds: Bounds,
    begin: Timestamp,
    zones: usize,
    /// What the device that leads is, and the other one.
    roles: [HaState; 2],
    monitors: bool,
    is_lossy: bool,
    states: [Option<HaState>; 2],
    /// What they were before their last changes, and when these were.
    before: [(Option<HaState>, Timestamp); 2],
    /// Until when a device is not well of itself.
    unrest: [Timestamp; 2],
    /// Until when a link between them does not carry everything.
    breach: Timestamp,
    suspended: [Option<Timestamp>; 2],
    /// Cables that are pulled, and when any was pulled or plugged last.
    pulled: HashSet<(usize, usize)>,
    cables: [Timestamp; 2],
    /// Since when both lead, or none does.
    both: Option<Timestamp>,
    nobody: Option<Timestamp>,
    /// Until when a change of roles is as it has to be.
    planned: Timestamp,
    trouble: Timestamp,
    is_troubled: bool,
    differ: Option<Timestamp>,
    /// Since when the copies have followed; `None` where they do not.
    complete: Option<Timestamp>,
    announcing: [Option<Announcing>; 2],
    upset: Timestamp,
    leads: u32,
    were_two: bool,
    /// Where both forward: sessions may have gone from one to the other.
    has_moved: bool,
    has_lost: bool,
    mistake: Option<(What, String)>,
    /// The present moment, as far as it was told.
    now: Timestamp,
}

impl Roles {
    pub(super) fn new(begin: Timestamp, plan: &Plan) -> Self {
        let pair = plan.pair.clone().unwrap_or(PairPlan::new(Profile::Fast));
        Self {
            bounds: Bounds::of(pair.profile),
            begin,
            zones: plan.zones.len(),
            roles: match pair.combination {
                None => [HaState::Active, HaState::Passive],
                Some(_) => [HaState::ActivePrimary, HaState::ActiveSecondary],
            },
            monitors: pair.monitors,
            is_lossy: pair.quality.loss > LOSS_BORNE,
            states: [None; 2],
            before: [(None, begin); 2],
            unrest: [begin; 2],
            breach: begin,
            suspended: [None; 2],
            pulled: HashSet::new(),
            cables: [begin; 2],
            both: None,
            nobody: Some(begin),
            planned: begin,
            trouble: begin,
            is_troubled: false,
            differ: None,
            complete: None,
            announcing: [None, None],
            upset: begin,
            leads: 0,
            were_two: false,
            has_moved: false,
            has_lost: false,
            mistake: None,
            now: begin,
        }
    }

    /// Since when nothing has been wrong with the pair; `None` where something is.
    pub fn calm_since(&self, now: Timestamp) -> Option<Timestamp> {
        let is_open = self.suspended.iter().any(Option::is_some) || !self.pulled.is_empty();
        let last = [self.unrest[0], self.unrest[1], self.breach, self.cables[0], self.cables[1]];
        let last = last.into_iter().chain(self.before.map(|(_, at)| at)).max()?;
        (!is_open && last <= now).then_some(last)
    }

    /// Whether one leads and the other one can take its place.
    pub fn is_ready(&self, now: Timestamp) -> bool {
        let [first, second] = self.roles.map(Some);
        let stands = self.states == [first, second] || self.states == [second, first];
        let is_old = |since: Timestamp| now >= since + CALM;
        stands && self.calm_since(now).is_some_and(is_old) && self.complete.is_some_and(is_old)
    }

    /// What a device was last seen as.
    pub fn state(&self, device: usize) -> Option<HaState> {
        self.states[device]
    }

    /// How often a device has begun to lead, but for the first time.
    pub fn take_overs(&self) -> u64 {
        u64::from(self.leads.saturating_sub(1))
    }

    /// Whether both have led at a time without having agreed on it.
    pub const fn have_both_led(&self) -> bool {
        self.were_two
    }

    /// From when on nothing is wrong of itself: faults are over by then.
    pub fn rests_from(&self) -> Timestamp {
        self.breach.max(self.unrest[0]).max(self.unrest[1]).max(self.cables[0]).max(self.cables[1])
    }

    /// Whether the copies follow, by what the device that leads says.
    pub fn told(&mut self, now: Timestamp, is_complete: bool) {
        self.complete = is_complete.then(|| self.complete.unwrap_or(now));
    }

    /// The device that leads, where one does.
    pub fn leader(&self) -> Option<usize> {
        match self.states.map(|state| state == Some(self.roles[0])) {
            [true, false] => Some(0),
            [false, true] => Some(1),
            [true, true] | [false, false] => None,
        }
    }

    /// Whether both lead, where one is to, and not because one is about to take the other one's place.
    pub(super) fn are_apart(&self, now: Timestamp) -> bool {
        self.both.is_some() && !self.both_forward() && now > self.planned
    }

    /// Whether anything was wrong with the pair since so long before a moment.
    pub(super) fn was_upset_since(&self, at: Timestamp, before: Duration) -> bool {
        self.upset + before >= at
    }

    /// Whether both forwarded at some time, so that what they have counted is not the sum.
    pub(super) const fn were_two(&self) -> bool {
        self.were_two
    }

    /// Whether another device has led than the first one.
    pub(super) const fn has_changed(&self) -> bool {
        self.leads > 1 || self.has_moved
    }

    /// Whether sessions may be gone that nobody has logged.
    pub(super) const fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// Whether a device has to answer for the pair's addresses: one that leads alone, and did so before.
    pub(super) fn answers(&self, device: usize) -> bool {
        let is_new = self.before.iter().any(|(_, at)| *at == self.now);
        self.leader() == Some(device) && !is_new && !self.both_forward()
    }

    /// Whether both devices forward when all is well.
    pub fn both_forward(&self) -> bool {
        self.roles[1].forwards()
    }

    /// Whether a device of an active/passive pair takes frames, or did until just now.
    pub(super) fn takes(&self, device: usize) -> bool {
        let leads = |state: Option<HaState>| state == Some(HaState::Active);
        let (before, changed) = self.before[device];
        leads(self.states[device]) || (leads(before) && changed == self.now)
    }

    /// A device has sent a frame into a zone: it must lead, or have done so until just now.
    pub(super) fn spoke(&self, device: usize, view: &View) -> Judged {
        // Where both forward, a device that cannot work has addresses of its own.
        if self.both_forward() || self.takes(device) {
            return Ok(());
        }
        let state = self.states[device].map_or("gone", HaState::name);
        Err((What::OneLeads, format!("device {device} is {state} and sends {view}")))
    }

    /// What is said now is said of this moment.
    pub(super) const fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    pub(super) fn announced(&mut self, device: usize, zone: usize) {
        if let Some(announcing) = &mut self.announcing[device] {
            *announcing.counts.entry(zone).or_default() += 1;
        }
    }

    /// Both devices run the same rules now, or no longer do.
    pub(super) fn configured(&mut self, now: Timestamp, is_equal: bool) {
        self.differ = (!is_equal).then_some(now);
    }

    pub(super) fn happens(&mut self, now: Timestamp, event: Event) -> Vec<Act> {
        let is_ready = self.is_ready(now);
        // Where both forward, each has sessions that it alone works on.
        let (leader, both) = (self.roles[0], self.both_forward());
        let states = self.states;
        let leads = |device: usize| both || states[device] == Some(leader);
        match event {
            Event::Sleeps(device, span) => {
                let leads = leads(device);
                self.unrest[device] = self.unrest[device].max(now + span);
                if leads { self.shake(now, span) } else { self.hurt(now + span) }
            }
            Event::Dies(device, boot) => {
                let leads = leads(device);
                self.unrest[device] = self.unrest[device].max(now + boot);
                self.suspended[device] = None;
                self.has_lost |= leads;
                match (leads, is_ready) {
                    (false, _) => self.hurt(now),
                    (true, false) => self.shake(now, Duration::ZERO),
                    (true, true) => {
                        self.hurt(now);
                        self.planned = now + self.bounds.detect;
                        vec![Act::DisturbYounger]
                    }
                }
            }
            Event::Suspended(device) => {
                self.suspended[device] = Some(now);
                if leads(device) && is_ready {
                    self.planned = now + STEP_BACK;
                }
                // Addresses move, and what is on its way to the device that had them is late.
                if both { vec![Act::DisturbYounger] } else { Vec::new() }
            }
            Event::Functional(device) => {
                self.suspended[device] = None;
                self.unrest[device] = self.unrest[device].max(now);
                Vec::new()
            }
            Event::Cable(device, zone, is_pulled) => {
                if is_pulled && leads(device) && is_ready {
                    self.planned = now + HOLD_UP + self.bounds.detect;
                }
                self.cables[device] = now;
                if is_pulled {
                    self.pulled.insert((device, zone));
                } else {
                    self.pulled.remove(&(device, zone));
                }
                Vec::new()
            }
            Event::Breach(span) => {
                self.breach = self.breach.max(now + span);
                self.hurt(now + span)
            }
            Event::Commit => Vec::new(),
        }
    }

    /// Sessions may be known to one device only until `until`.
    fn hurt(&mut self, until: Timestamp) -> Vec<Act> {
        self.upset = self.upset.max(until);
        Vec::new()
    }

    /// Nothing is safe for a while.
    fn shake(&mut self, now: Timestamp, span: Duration) -> Vec<Act> {
        self.upset = self.upset.max(now + span + AFTERMATH);
        self.trouble = self.trouble.max(now + span + AFTERMATH);
        self.is_troubled = true;
        self.has_lost = true;
        vec![Act::Disturb, Act::Trouble(true)]
    }

    pub(super) fn changed(&mut self, now: Timestamp, device: usize, state: Option<HaState>) -> Vec<Act> {
        let before = self.states[device];
        if before == state {
            return Vec::new();
        }
        self.before[device] = (before, now);
        self.states[device] = state;
        self.has_moved |= self.both_forward() && before.is_some_and(HaState::forwards);
        let leader = self.roles[0];
        let leads = |state: Option<HaState>| state == Some(leader);
        if self.both_forward() {
            self.follow_addresses(now, device, before);
        } else {
            self.announcing[device] = (leads(state) && before == Some(HaState::Passive))
                .then(|| Announcing { since: now, knows: now, ..Announcing::default() });
        }
        if leads(state) {
            self.leads += 1;
            let peer_leads = leads(self.states[1 - device]);
            if peer_leads && !self.has_cause(now) {
                let text = format!("device {device} takes over, and nothing is wrong");
                self.mistake.get_or_insert((What::TakesOver, text));
            }
        }
        let count = self.states.iter().filter(|state| leads(**state)).count();
        self.both = (count == 2).then(|| self.both.unwrap_or(now));
        self.nobody = (count == 0).then(|| self.nobody.unwrap_or(now));
        let is_role = leads(before) || leads(state);
        if is_role && self.leads > 1 && now > self.planned {
            return self.shake(now, Duration::ZERO);
        }
        Vec::new()
    }

    /// Whether something has happened lately for which roles may change.
    fn has_cause(&self, now: Timestamp) -> bool {
        let last = [self.unrest[0], self.unrest[1], self.breach, self.cables[0], self.cables[1]];
        let is_open = self.suspended.iter().any(Option::is_some) || !self.pulled.is_empty();
        let last = last.into_iter().max().unwrap_or(self.begin);
        self.is_lossy || is_open || now <= last + self.bounds.heal + CALM
    }

    /// What has to be so by now.
    pub(super) fn judge(&mut self, now: Timestamp) -> (Vec<Act>, Judged) {
        let acts = self.follow_trouble(now);
        let judged = self
            .mistake
            .clone()
            .map_or(Ok(()), Err)
            .and_then(|()| self.judge_two(now))
            .and_then(|()| self.judge_none(now))
            .and_then(|()| self.judge_orders(now))
            .and_then(|()| self.judge_links(now))
            .and_then(|()| self.judge_announcements(now))
            .and_then(|()| self.judge_configurations(now));
        (acts, judged)
    }

    fn follow_trouble(&mut self, now: Timestamp) -> Vec<Act> {
        let are_two = self.both.is_some_and(|since| now > since + OVERLAP);
        let patience = self.bounds.detect.max(Duration::from_secs(2));
        let is_none = self.leads > 0 && self.nobody.is_some_and(|since| now > since + patience);
        self.were_two |= are_two || self.both.is_some_and(|_| now > self.planned);
        if are_two || is_none {
            self.trouble = self.trouble.max(now + AFTERMATH);
            self.upset = self.upset.max(now);
        }
        let is_troubled = now < self.trouble;
        if is_troubled == self.is_troubled {
            return Vec::new();
        }
        self.is_troubled = is_troubled;
        self.has_lost |= is_troubled;
        vec![Act::Disturb, Act::Trouble(is_troubled)]
    }

    fn judge_two(&self, now: Timestamp) -> Judged {
        let Some(since) = self.both else { return Ok(()) };
        let since = since.max(self.breach).max(self.unrest[0]).max(self.unrest[1]);
        if now <= since + self.bounds.heal {
            return Ok(());
        }
        Err((What::OneLeads, format!("both devices have led for {:?}", now.since(since))))
    }

    fn judge_none(&self, now: Timestamp) -> Judged {
        let Some(since) = self.nobody else { return Ok(()) };
        for device in 0..2 {
            let patience = match self.states[device] {
                Some(HaState::Passive | HaState::ActiveSecondary) => self.bounds.detect,
                Some(HaState::Initial) => self.bounds.begin + self.bounds.join,
                Some(
                    HaState::Active
                    | HaState::ActivePrimary
                    | HaState::Tentative
                    | HaState::NonFunctional
                    | HaState::Suspended,
                )
                | None => continue,
            };
            let is_able = self.suspended[device].is_none() && self.pulled.is_empty();
            let ready = [since, self.unrest[device], self.breach, self.before[device].1, self.cables[0]];
            let since = ready.into_iter().max().unwrap_or(since).max(self.cables[1]);
            if is_able && now > since + patience {
                let text = format!("nobody has led for {:?}, and device {device} could", now.since(since));
                return Err((What::TakesOver, text));
            }
        }
        Ok(())
    }

    fn judge_orders(&self, now: Timestamp) -> Judged {
        for device in 0..2 {
            let is_suspended = self.states[device] == Some(HaState::Suspended);
            let is_there = self.states[device].is_some();
            let text = match self.suspended[device] {
                None if is_suspended && now > self.unrest[device] + STEP_BACK => "is suspended by nobody",
                Some(at)
                    if is_there
                        && !is_suspended
                        && now > at.max(self.unrest[device]).max(self.breach) + STEP_BACK =>
                {
                    "was suspended and is not"
                }
                Some(_) | None => continue,
            };
            return Err((What::TakesOver, format!("device {device} {text}")));
        }
        Ok(())
    }

    /// A device that leads and has lost a link steps back where the other one is well.
    fn judge_links(&self, now: Timestamp) -> Judged {
        let Some(device) = self.leader().filter(|_| self.monitors) else { return Ok(()) };
        let has_lost = |device: usize| self.pulled.iter().any(|(of, _)| *of == device);
        let peer = 1 - device;
        let is_able = self.states[peer] == Some(HaState::Passive)
            && self.suspended.iter().all(Option::is_none)
            && !has_lost(peer);
        if !has_lost(device) || !is_able {
            return Ok(());
        }
        let last = [self.cables[0], self.cables[1], self.unrest[0], self.unrest[1], self.breach];
        let settled = self.before.map(|(_, at)| at + SETTLE);
        let since = last.into_iter().chain(settled).max().unwrap_or(now);
        if now <= since + HOLD_UP + self.bounds.detect {
            return Ok(());
        }
        Err((What::TakesOver, format!("device {device} leads without a link that the other one has")))
    }

    fn judge_announcements(&mut self, now: Timestamp) -> Judged {
        let is_shared = self.both_forward();
        for device in 0..2 {
            let Some(announcing) = &mut self.announcing[device] else { continue };
            let Some((span, least)) = ANNOUNCED.get(announcing.judged).copied() else { continue };
            if now < announcing.knows + span {
                continue;
            }
            announcing.judged += 1;
            let was_hindered = self.unrest[device] >= announcing.since
                || self.cables[device] >= announcing.since
                || self.suspended[device].is_some()
                || self.both.is_some()
                || is_shared && (self.breach >= announcing.since || self.is_lossy);
            let silent = (0..self.zones)
                .filter(|zone| !self.pulled.contains(&(device, *zone)))
                .find(|zone| announcing.counts.get(zone).copied().unwrap_or_default() < least);
            if let Some(zone) = silent.filter(|_| !was_hindered) {
                let count = announcing.counts.get(&zone).copied().unwrap_or_default();
                let text = format!("device {device} has announced its address {count} times in zone {zone}");
                return Err((What::Announced, text));
            }
        }
        Ok(())
    }

    fn judge_configurations(&self, now: Timestamp) -> Judged {
        let Some(since) = self.differ.filter(|_| self.states.iter().all(Option::is_some)) else {
            return Ok(());
        };
        let since = since.max(self.breach).max(self.unrest[0]).max(self.unrest[1]);
        if now <= since + self.bounds.configure {
            return Ok(());
        }
        let text = format!("the devices have run different rules for {:?}", now.since(since));
        Err((What::OneConfiguration, text))
    }

    /// How it is when nothing has happened yet: the better device leads.
    ///
    /// # Errors
    /// What is otherwise.
    pub fn judge_begin(&self) -> Result<(), String> {
        let is_calm = self.rests_from() <= self.begin && self.suspended.iter().all(Option::is_none);
        if !is_calm || self.states == self.roles.map(Some) {
            return Ok(());
        }
        Err(self.describe())
    }

    /// How it is at the end: one leads and the other one is ready.
    ///
    /// # Errors
    /// What is otherwise.
    pub fn judge_rest(&self) -> Result<(), String> {
        let [first, second] = self.roles.map(Some);
        let stands = self.states == [first, second] || self.states == [second, first];
        if stands { Ok(()) } else { Err(self.describe()) }
    }

    fn describe(&self) -> String {
        let [first, second] = self.states.map(|state| state.map_or("gone", HaState::name));
        format!("the devices are {first} and {second}")
    }
}
