//! A plan with two devices played from beginning to end, with the shadow beside it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use bifrons_dataplane::ClearFilter;
use bifrons_ha::{HaLinkId, HaState, StateRequest, sync::SyncStatus};

use super::{BEGIN, Build, Course, EVENTS_MAX, Tell, talk_name, workers_name};
use crate::{
    device::Order,
    firewall,
    pair::{Couple, Setup},
    plan::{Action, Breach, Deed, Fault, PairPlan, Plan, Rule, Talk, TalkKind},
    shadow::{Failure, Outcome, What, entry::Entry, pair::PairShadow, roles::Event},
    world::{News, Watch},
};

/// How long after its last line talks may go on.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long talks go on at least that may fail.
const SETTLES: Duration = Duration::from_secs(20);
/// How long a device may do nothing without the other one's taking it for dead.
const STALL: Duration = Duration::from_millis(25);
/// Between two looks at what both devices know.
const COMPARED: Duration = Duration::from_secs(2);
/// How long a device keeps what it has set up for the other one without hearing of it: ten seconds of an HA2
/// that works, of which it learns every two seconds, and a little more.
const LENT: Duration = Duration::from_secs(15);
/// How long a device that has lost a monitored link keeps out of it, and the time to come back.
const HOLD_DOWN: Duration = Duration::from_secs(62);
/// How long the follower may take to hear that all sessions are over.
const CLEARED: Duration = Duration::from_secs(2);
/// ICMP for IPv4 and for IPv6: their sessions stay with the device that began them, and age there.
const UNTOLD: [u8; 2] = [1, 58];

/// Something that the stage does at a moment.
#[derive(Clone, Debug)]
enum Step {
    Deed(usize, Deed),
    Cut { device: usize, zone: usize, ways: [bool; 2], is_cut: bool },
    Cable { device: usize, zone: usize, is_pulled: bool },
    Breach { link: HaLinkId, breach: Breach, is_broken: bool, span: Duration },
    Compare,
}

/// Plays a plan with two devices.
pub(super) fn play<'a>(
    plan: &'a Plan,
    pair: &PairPlan,
    build: Build<'_>,
    tell: Option<Tell<'a>>,
) -> Result<Course, String> {
    let mut stage = Stage::new(plan, pair, build, tell)?;
    let mut agenda = stage.agenda();
    let mut failure = None;
    while let Some(((at, _), step)) = agenda.pop_first() {
        failure = stage.play_until(at);
        if failure.is_some() {
            break;
        }
        stage.act(&step)?;
    }
    let failure = match failure {
        Some(failure) => Some(failure),
        None => stage.conclude()?,
    };
    Ok(stage.course(failure))
}

/// A world with two devices, and their shadow.
struct Stage<'a> {
    plan: &'a Plan,
    setup: Setup,
    couple: Couple,
    shadow: PairShadow,
    tell: Option<Tell<'a>>,
    done: BTreeMap<&'static str, u64>,
    /// The rules that a device may say that it runs.
    known: HashMap<u64, Vec<Rule>>,
    running: [Option<u64>; 2],
    /// Frames that came in from zones since a device began.
    given: [u64; 2],
    /// Until when a device is asleep.
    asleep: [Duration; 2],
    /// What both knew when it was last looked at.
    compared: Option<(Duration, [BTreeSet<String>; 2])>,
    /// What both knew shortly before the end.
    last: Option<[BTreeSet<String>; 2]>,
    has_unplugged: bool,
    /// Whether the beginning was looked at.
    has_begun: bool,
    most_sessions: u64,
}

impl<'a> Stage<'a> {
    fn new(
        plan: &'a Plan,
        pair: &PairPlan,
        build: Build<'_>,
        tell: Option<Tell<'a>>,
    ) -> Result<Self, String> {
        let watch = if tell.is_some() { Watch::Everything } else { Watch::Border };
        let setup = pair.setup(plan, watch);
        let mut couple = Couple::new(&setup, build)?;
        couple.world.tell_of_ports_below(plan.zones.len());
        let mut stage = Self {
            plan,
            setup,
            couple,
            shadow: PairShadow::new(BEGIN, plan),
            tell,
            done: BTreeMap::new(),
            known: HashMap::new(),
            running: [None; 2],
            given: [0; 2],
            asleep: [Duration::ZERO; 2],
            compared: None,
            last: None,
            has_unplugged: false,
            has_begun: false,
            most_sessions: 0,
        };
        let key = stage.enter_rules(&plan.rules)?;
        stage.running = [Some(key); 2];
        Ok(stage)
    }

    /// What happens when; what stands first in the plan comes first.
    fn agenda(&self) -> BTreeMap<(Duration, usize), Step> {
        let mut steps = Vec::new();
        for line in &self.plan.lines {
            let at = line.at;
            match &line.action {
                Action::Talk(_) => {}
                Action::Device(device, Deed::Fault(Fault::Unplug(zone, span))) => {
                    let step = |is_pulled| Step::Cable { device: *device, zone: *zone, is_pulled };
                    steps.extend([(at, step(true)), (at + *span, step(false))]);
                }
                Action::Device(device, Deed::Fault(Fault::Cut { zone, inward, outward, span })) => {
                    let ways = [*inward, *outward];
                    let step = |is_cut| Step::Cut { device: *device, zone: *zone, ways, is_cut };
                    steps.extend([(at, step(true)), (at + *span, step(false))]);
                }
                Action::Device(device, deed) => steps.push((at, Step::Deed(*device, deed.clone()))),
                Action::Between(link, breach, span) => {
                    steps.extend(breached(at, *link, *breach, *span));
                }
                Action::Partition(span) => {
                    let links = self.setup.links.iter();
                    steps.extend(links.flat_map(|link| breached(at, *link, Breach::Cut([true; 2]), *span)));
                }
                // A pair's lines say which device is meant; those of a single one are for the first.
                Action::Commit(rules) => steps.push((at, Step::Deed(0, Deed::Commit(rules.clone())))),
                Action::Clear => steps.push((at, Step::Deed(0, Deed::Clear))),
                Action::Fault(fault) => steps.push((at, Step::Deed(0, Deed::Fault(*fault)))),
                Action::Commits(_) => {}
            }
        }
        let last = steps.iter().map(|(at, _)| *at).max().unwrap_or_default().max(self.plan.last_line());
        let mut at = COMPARED;
        while at < last {
            steps.push((at, Step::Compare));
            at += COMPARED;
        }
        (0..).zip(steps).map(|(number, (at, step))| ((at, number), step)).collect()
    }

    fn play_until(&mut self, at: Duration) -> Option<Failure> {
        while self.couple.world.step(BEGIN + at) {
            self.watch();
            if let Some(failure) = self.failure() {
                return Some(failure);
            }
        }
        self.shadow.judge(self.couple.world.now());
        self.failure()
    }

    fn failure(&self) -> Option<Failure> {
        if self.couple.world.events() > EVENTS_MAX {
            let text = format!("{EVENTS_MAX} events and no end");
            return Some(Failure { at: self.couple.elapsed(), what: What::Rest, text });
        }
        self.shadow.failure().cloned()
    }

    /// After the last line: until all talks are over, the pair is whole again and no session is left.
    fn conclude(&mut self) -> Result<Option<Failure>, String> {
        for device in 0..2 {
            self.act(&Step::Deed(device, Deed::Functional))?;
        }
        let last = self.couple.elapsed().max(lasts(self.plan)) + SETTLES;
        let limit = last + PATIENCE;
        while !self.shadow.is_quiet() && self.couple.elapsed() < limit {
            if self.couple.elapsed() > last && self.shadow.is_settled() {
                break;
            }
            if let Some(failure) = self.play_until(self.couple.elapsed() + COMPARED) {
                return Ok(Some(failure));
            }
            self.act(&Step::Compare)?;
        }
        let now = self.couple.world.now();
        self.shadow.talked(now);
        // Then nothing happens any more.
        let whole = self.shadow.roles.bounds.join + if self.has_unplugged { HOLD_DOWN } else { CLEARED };
        let ready = now.max(self.shadow.roles.rests_from()) + whole;
        if let Some(failure) = self.play_until(ready.since(BEGIN)) {
            return Ok(Some(failure));
        }
        self.last = Some(self.knowledge());
        let lasting = self.lent_for().max(COMPARED);
        if let Some(failure) = self.play_until(self.couple.elapsed() + lasting) {
            return Ok(Some(failure));
        }
        self.judge_rest();
        // A host that still tries begins another session after the first time, and may be done by the second.
        // One that has given up says so late, which begins a session, too, after a take-over.
        for is_last in [false, true] {
            let is_quiet = self.shadow.is_quiet();
            self.clear()?;
            if let Some(failure) = self.play_until(self.couple.elapsed() + CLEARED) {
                return Ok(Some(failure));
            }
            if is_quiet && (is_last || self.couple.sessions() == [0, 0]) {
                self.shadow.finished(self.couple.world.now(), self.couple.sessions());
                break;
            }
        }
        Ok(self.failure())
    }

    /// Who leads ends all sessions, but for those that it is not told of: these are the other one's to end.
    fn clear(&mut self) -> Result<(), String> {
        if let Some(device) = self.shadow.roles.leader() {
            self.act(&Step::Deed(device, Deed::Clear))?;
            for protocol in UNTOLD {
                let filter = ClearFilter { protocol: Some(protocol), ..ClearFilter::default() };
                self.couple.world.order(1 - device, &Order::Clear(Box::new(filter)))?;
            }
            self.watch();
        }
        if self.shadow.roles.both_forward() {
            self.act(&Step::Deed(0, Deed::Clear))?;
            self.act(&Step::Deed(1, Deed::Clear))?;
        }
        Ok(())
    }

    /// One leads, the other one follows and knows what it does.
    fn judge_rest(&mut self) {
        let now = self.couple.world.now();
        if let Err(text) = self.shadow.roles.judge_rest() {
            return self.shadow.fails(now, What::TakesOver, format!("at the end {text}"));
        }
        if self.running[0] != self.running[1] {
            let text = "at the end the devices run different rules".to_owned();
            return self.shadow.fails(now, What::OneConfiguration, text);
        }
        let known = self.knowledge();
        if let Some(text) = self.last.as_ref().and_then(|before| lasting_difference(before, &known)) {
            self.shadow.fails(now, What::Mirrored, format!("at the end {text}"));
        }
    }

    /// How long a device may know of a session alone.
    fn lent_for(&self) -> Duration {
        if self.shadow.roles.both_forward() { LENT } else { Duration::ZERO }
    }

    fn knowledge(&self) -> [BTreeSet<String>; 2] {
        [0, 1].map(|device| self.couple.world.devices[device].device.shared_sessions())
    }

    /// What has not changed since the last look must be known to both.
    fn compare(&mut self) {
        let now = self.couple.world.now();
        let is_complete = self
            .shadow
            .roles
            .leader()
            .and_then(|device| self.couple.pair_of(device))
            .is_some_and(|(_, sync)| sync == SyncStatus::Complete);
        self.shadow.roles.told(now, is_complete);
        if !self.has_begun && self.couple.elapsed() >= self.shadow.roles.bounds.begin {
            self.has_begun = true;
            if let Err(text) = self.shadow.roles.judge_begin() {
                self.shadow.fails(now, What::TakesOver, format!("at the beginning {text}"));
            }
        }
        if !self.shadow.roles.is_ready(now) {
            self.compared = None;
            return;
        }
        // What one device has set up for the other one is not that one's before the answer is there.
        let is_early = |at: Duration| self.couple.elapsed() < at + self.lent_for();
        if self.compared.as_ref().is_some_and(|(at, _)| is_early(*at)) {
            return;
        }
        let known = self.knowledge();
        if let Some((at, before)) = self.compared.take()
            && self.shadow.roles.calm_since(now).is_some_and(|since| since <= BEGIN + at)
            && let Some(text) = lasting_difference(&before, &known)
        {
            self.shadow.fails(now, What::Mirrored, text);
        }
        self.compared = Some((self.couple.elapsed(), known));
    }

    /// Shows the shadow what happened.
    fn watch(&mut self) {
        let now = self.couple.world.now();
        self.shadow.set_now(now);
        self.look();
        let list = self.couple.world.take_news();
        for news in &list {
            if let Some(tell) = &mut self.tell
                && let Some(text) = news.text()
            {
                tell(&format!("{:12.6} {text}", now.since(BEGIN).as_secs_f64()));
            }
            match news {
                News::Enters { device, port, view, .. } => {
                    self.given[*device] += 1;
                    self.shadow.enters(now, *device, *port, view);
                }
                News::Leaves { device, port, view, .. } => self.shadow.leaves(now, *device, *port, view),
                News::Logged { device, written } => self.shadow.logged(now, *device, &Entry::of(written)),
                News::Settled { device } => {
                    let figures = self.couple.world.devices[*device].figures();
                    self.most_sessions = self.most_sessions.max(figures.sessions);
                    self.shadow.settled(now, *device, self.given[*device], &figures);
                }
                News::Reported { report, .. } => self.shadow.reported(now, report),
                News::HostSent { .. } | News::HostGot { .. } => {}
            }
        }
        self.couple.world.return_news(list);
        self.shadow.judge(now);
    }

    /// What the devices are now and what they run.
    fn look(&mut self) {
        let now = self.couple.world.now();
        for device in 0..2 {
            let state = self.couple.pair_of(device).map(|(state, _)| state);
            let before = self.shadow.roles.state(device);
            if before != state {
                if let Some(tell) = &mut self.tell {
                    let seconds = now.since(BEGIN).as_secs_f64();
                    tell(&format!("{seconds:12.6} device {device}: {before:?} to {state:?}"));
                }
                self.shadow.changed(now, device, state);
                self.count("change-of-state");
            }
            if let Some(state) = state {
                self.look_at_ports(device, state);
            }
            let running = self.couple.world.devices[device].device.running();
            if state.is_some() && running.is_some() && running != self.running[device] {
                self.running[device] = running;
                match running.and_then(|key| self.known.get(&key)) {
                    Some(rules) => self.shadow.runs(now, device, rules),
                    None => {
                        let text = format!("device {device} runs rules that nobody has committed");
                        self.shadow.fails(now, What::OneConfiguration, text);
                    }
                }
            }
        }
    }

    /// Ports have power where a device forwards, and elsewhere as it is configured. One that has just started
    /// may not have said so yet.
    fn look_at_ports(&mut self, device: usize, state: HaState) {
        if state == HaState::Initial {
            return;
        }
        let is_dark = self.couple.world.devices[device].device.is_dark(0);
        if is_dark != (self.setup.is_dark && !state.forwards()) {
            let word = if is_dark { "down" } else { "up" };
            let text = format!("device {device} is {}, and its ports are {word}", state.name());
            self.shadow.fails(self.couple.world.now(), What::OneLeads, text);
        }
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        if let Some(tell) = self.tell.as_mut().filter(|_| !matches!(step, Step::Compare)) {
            tell(&format!("{:12.6} {step:?}", self.couple.elapsed().as_secs_f64()));
        }
        match step {
            Step::Deed(device, deed) => self.do_deed(*device, deed)?,
            Step::Cut { device, zone, ways, is_cut } => {
                let cable = self.couple.cable(*device, *zone);
                if let Some(link) = cable.and_then(|cable| self.couple.world.links.get_mut(cable)) {
                    for (side, concerned) in ways.iter().enumerate() {
                        link.cut[side] = if *concerned { *is_cut } else { link.cut[side] };
                    }
                }
                self.count(if !is_cut {
                    "cut-mended"
                } else if ways[0] && ways[1] {
                    "cut"
                } else {
                    "one-way-cut"
                });
            }
            Step::Cable { device, zone, is_pulled } => {
                let now = self.couple.world.now();
                self.has_unplugged = true;
                self.shadow.happens(now, Event::Cable(*device, *zone, *is_pulled));
                self.shadow.pulled(now, *device, *zone, *is_pulled);
                if let Some(cable) = self.couple.cable(*device, *zone) {
                    self.couple.world.pull(cable, *is_pulled)?;
                }
                self.count(if *is_pulled { "unplug" } else { "plug" });
            }
            Step::Breach { link, breach, is_broken, span } => {
                self.breach(*link, *breach, *is_broken, *span)?;
            }
            Step::Compare => self.compare(),
        }
        self.watch();
        Ok(())
    }

    fn breach(
        &mut self,
        link: HaLinkId,
        breach: Breach,
        is_broken: bool,
        span: Duration,
    ) -> Result<(), String> {
        let now = self.couple.world.now();
        let Some(cable) = self.couple.cable_between(link) else { return Ok(()) };
        self.shadow.happens(now, Event::Breach(span));
        if matches!(link, HaLinkId::Ha2 | HaLinkId::Ha2Backup) && is_broken {
            self.shadow.untold(now, span);
        }
        match breach {
            Breach::Cut(ways) => {
                let link = &mut self.couple.world.links[cable];
                for (side, concerned) in ways.into_iter().enumerate() {
                    link.cut[side] = if concerned { is_broken } else { link.cut[side] };
                }
            }
            Breach::Pull => self.couple.world.pull(cable, is_broken)?,
        }
        if is_broken {
            self.count(match breach {
                Breach::Cut([true, true]) => "pair-link-cut",
                Breach::Cut(_) => "pair-link-cut-one-way",
                Breach::Pull => "pair-link-pulled",
            });
        }
        Ok(())
    }

    fn do_deed(&mut self, device: usize, deed: &Deed) -> Result<(), String> {
        let now = self.couple.world.now();
        let chassis = &self.couple.world.devices[device];
        // Nobody listens to orders where nobody is, or is awake.
        let is_away = chassis.is_gone() || chassis.busy_until(now).is_some();
        match deed {
            Deed::Fault(fault) => self.fail(device, *fault),
            Deed::Commit(_) | Deed::Clear | Deed::Suspend | Deed::Functional if is_away => {
                self.count("order-to-nobody");
            }
            Deed::Commit(rules) => {
                self.enter_rules(rules)?;
                self.shadow.happens(now, Event::Commit);
                let order = Order::Commit(self.setup.configuration_with(device as u8, rules));
                let done = self.couple.world.order(device, &order);
                self.count(if done.is_ok() { "commit" } else { "commit-refused" });
            }
            Deed::Clear => {
                let is_leader = self.shadow.roles.state(device).is_some_and(|state| state.forwards());
                if is_leader {
                    self.shadow.cleared();
                }
                self.couple.world.order(device, &Order::Clear(Box::default()))?;
                self.count("clear");
            }
            Deed::Suspend => {
                self.shadow.happens(now, Event::Suspended(device));
                if self.couple.world.order(device, &Order::Pair(StateRequest::Suspend)).is_ok() {
                    self.count("suspend");
                }
            }
            Deed::Functional => {
                self.shadow.happens(now, Event::Functional(device));
                if self.couple.world.order(device, &Order::Pair(StateRequest::Functional)).is_ok() {
                    self.count("functional");
                }
            }
        }
        Ok(())
    }

    fn fail(&mut self, device: usize, fault: Fault) {
        let now = self.couple.world.now();
        let at = self.couple.elapsed();
        match fault {
            Fault::Freeze(span) | Fault::Stall(span) => {
                // Stalls that follow each other are one to the other device.
                let is_long = span > STALL || at < self.asleep[device] + STALL + STALL;
                if is_long {
                    let until = self.asleep[device].max(at + span);
                    self.shadow.happens(now, Event::Sleeps(device, until.saturating_sub(at)));
                }
                self.asleep[device] = self.asleep[device].max(at + span);
                self.couple.world.freeze(device, span);
                self.count(if span > STALL { "freeze" } else { "stall" });
            }
            Fault::Restart(boot) => {
                self.shadow.happens(now, Event::Dies(device, boot));
                self.couple.world.restart(device, boot);
                self.given[device] = 0;
                self.shadow.restarted(device, now + boot);
                self.count("crash");
            }
            Fault::Drift(ppm) => {
                self.couple.world.set_clock(device, ppm, Duration::ZERO);
                self.count("drift");
            }
            Fault::Leap(span) => {
                self.couple.world.set_clock(device, 0, span);
                self.shadow.happens(now, Event::Sleeps(device, span));
                self.count("leap");
            }
            // They have steps of their own.
            Fault::Unplug(..) | Fault::Cut { .. } => {}
        }
    }

    fn enter_rules(&mut self, rules: &[Rule]) -> Result<u64, String> {
        let key = firewall::rules_key(&self.setup.configuration_with(0, rules))?;
        self.known.insert(key, rules.to_vec());
        Ok(key)
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    fn course(mut self, failure: Option<Failure>) -> Course {
        let mut add = |what, count| {
            if count > 0 {
                *self.done.entry(what).or_default() += count;
            }
        };
        let between: Vec<usize> =
            self.setup.links.iter().filter_map(|link| self.couple.cable_between(*link)).collect();
        for (number, link) in self.couple.world.links.iter().enumerate() {
            let name = |own, pair| if between.contains(&number) { pair } else { own };
            add(name("frame-lost", "message-lost"), link.counters.lost);
            add(name("frame-duplicated", "message-duplicated"), link.counters.duplicated);
            add(name("frame-reordered", "message-reordered"), link.counters.reordered);
            add(name("frame-cut", "message-cut"), link.counters.cut);
            add("frame-congested", link.counters.congested);
            add("frame-oversize", link.counters.oversize);
        }
        add("logged-by-both", self.shadow.logged_twice());
        add("take-over", self.shadow.roles.take_overs());
        add("passive-ports-down", u64::from(self.setup.is_dark));
        add(if self.shadow.roles.both_forward() { "active-active" } else { "active-passive" }, 1);
        add("split-brain", u64::from(self.shadow.roles.have_both_led()));
        add(workers_name(self.plan.workers), 1);
        for (what, count) in self.shadow.sights() {
            add(what, count);
        }
        let kinds: BTreeMap<usize, &Talk> = self.plan.talks().map(|(_, talk)| (talk.number, talk)).collect();
        for (number, outcome) in self.shadow.outcomes() {
            if let Some(talk) = kinds.get(&number) {
                add(talk_name(talk, outcome), 1);
                add("over-ipv6", u64::from(outcome == Outcome::Finished && talk.is_v6));
            }
        }
        let world = &self.couple.world;
        Course {
            digest: world.digest(),
            failure,
            simulated: self.couple.elapsed(),
            frames: world.frames(),
            events: world.events(),
            records: self.shadow.records(),
            most_sessions: self.most_sessions,
            coverage: self.done,
        }
    }
}

fn breached(at: Duration, link: HaLinkId, breach: Breach, span: Duration) -> [(Duration, Step); 2] {
    let step = |is_broken, span| Step::Breach { link, breach, is_broken, span };
    [(at, step(true, span)), (at + span, step(false, Duration::ZERO))]
}

/// When the talks are over that do not wait for answers.
fn lasts(plan: &Plan) -> Duration {
    let ends = plan.talks().map(|(at, talk)| match talk.kind {
        TalkKind::Crowd(throng) => at + throng.interval * throng.count,
        TalkKind::Udp(asked) | TalkKind::Ping(asked) => at + asked.interval * asked.count,
        TalkKind::Transfer(_) | TalkKind::Ftp(..) | TalkKind::Flood(_) => at,
    });
    ends.max().unwrap_or_default().max(plan.last_line())
}

/// What one device knows and the other one does not, then and now.
fn lasting_difference(then: &[BTreeSet<String>; 2], now: &[BTreeSet<String>; 2]) -> Option<String> {
    (0..2).find_map(|device| {
        let mut lasting = now[device].intersection(&then[device]);
        let is_alone = |line: &&String| !now[1 - device].contains(*line) && !then[1 - device].contains(*line);
        lasting.find(is_alone).map(|line| difference(device, line, now))
    })
}

/// What a device alone knows, and what the other one knows of the same session or the same ends.
fn difference(device: usize, line: &str, known: &[BTreeSet<String>; 2]) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ends = |line: &str| line.split_whitespace().skip(4).take(3).map(str::to_owned).collect::<Vec<_>>();
    let is_like = |other: &&String| {
        other.split_whitespace().next() == words.first().copied() || ends(other) == ends(line)
    };
    let likes: Vec<&String> = known[1 - device].iter().filter(is_like).collect();
    format!("device {device} alone has {line}; the other one has {likes:?}")
}
