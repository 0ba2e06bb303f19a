//! A plan played from beginning to end, with the shadow beside it.

use std::{collections::BTreeMap, time::Duration};

use bifrons_model::Timestamp;

use crate::{
    device::{Device, Order},
    host::{
        Host,
        crowd::{CrowdClient, CrowdServer},
        file_transfer::{FtpClient, FtpServer},
        flood::Flood,
        ping::Ping,
        stack::{Stack, Task},
        transfer::{TransferClient, TransferServer},
        udp::{UdpClient, UdpServer},
    },
    link::{Endpoint, Place, Quality},
    plan::{Action, Fault, Plan, Rule, TRANSFER_PORTS, Talk, TalkKind, UDP_PORT},
    shadow::{Failure, Outcome, Shadow, What, entry::Entry},
    world::{News, Watch, World},
};

/// The moment at which every world begins.
pub const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_000);

/// How long after its last line a plan may go on: longer than the longest timeout, several times.
const PATIENCE: Duration = Duration::from_secs(6 * 3_600);

/// Events after which a run is taken for endless.
const EVENTS_MAX: u64 = 50_000_000;

/// Makes the firewall of a plan, with this configuration, at a moment.
pub type Build<'a> = &'a (dyn Fn(&str, usize, Timestamp) -> Result<Box<dyn Device>, String> + Sync);

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// A number over everything that happened.
    pub digest: u64,
    /// What must not be, if it was.
    pub failure: Option<Failure>,
    /// How much time passed in the world.
    pub simulated: Duration,
    /// Frames that arrived at a host or a firewall.
    pub frames: u64,
    /// Events.
    pub events: u64,
    /// Records that the firewall wrote.
    pub records: u64,
    /// What happened how often, by name.
    pub coverage: BTreeMap<&'static str, u64>,
}

/// Plays a plan.
///
/// # Errors
/// When its configuration is refused.
pub fn run(plan: &Plan, build: Build<'_>) -> Result<Course, String> {
    play(plan, build, None)
}

/// Plays a plan and tells everything that happens, a line each.
///
/// # Errors
/// When its configuration is refused.
pub fn trace(plan: &Plan, build: Build<'_>, tell: &mut dyn FnMut(&str)) -> Result<Course, String> {
    play(plan, build, Some(tell))
}

fn play<'a>(plan: &'a Plan, build: Build<'_>, tell: Option<Tell<'a>>) -> Result<Course, String> {
    let mut stage = Stage::new(plan, build, tell)?;
    let mut actions: Vec<(Duration, Step)> = steps(plan);
    actions.sort_by_key(|(at, _)| *at);
    let mut failure = None;
    for (at, step) in actions {
        failure = stage.play_until(BEGIN + at);
        if failure.is_some() {
            break;
        }
        if let Err(why) = stage.act(&step) {
            return Err(format!("{step:?}: {why}"));
        }
    }
    let failure = match failure {
        Some(failure) => Some(failure),
        None => stage.conclude(BEGIN + plan.last_line() + PATIENCE),
    };
    Ok(stage.course(failure))
}

/// Takes a line about something that happened.
type Tell<'a> = &'a mut dyn FnMut(&str);

/// Something that the stage does at a moment.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Rule>),
    Clear,
    Fault(Fault),
    /// A cut heals.
    Mend {
        zone: usize,
        inward: bool,
        outward: bool,
    },
}

fn steps(plan: &Plan) -> Vec<(Duration, Step)> {
    let mut steps = Vec::new();
    for line in &plan.lines {
        match &line.action {
            Action::Talk(_) => {}
            Action::Commit(rules) => steps.push((line.at, Step::Commit(rules.clone()))),
            Action::Clear => steps.push((line.at, Step::Clear)),
            Action::Fault(fault) => {
                steps.push((line.at, Step::Fault(*fault)));
                if let Fault::Cut { zone, inward, outward, span } = *fault {
                    steps.push((line.at + span, Step::Mend { zone, inward, outward }));
                }
            }
        }
    }
    steps
}

/// A world with one firewall, and its shadow.
struct Stage<'a> {
    plan: &'a Plan,
    world: World,
    shadow: Shadow,
    /// The cable of each zone; its first end is the switch.
    cables: Vec<usize>,
    tell: Option<Tell<'a>>,
    done: BTreeMap<&'static str, u64>,
}

impl<'a> Stage<'a> {
    fn new(plan: &'a Plan, build: Build<'_>, tell: Option<Tell<'a>>) -> Result<Self, String> {
        let watch = if tell.is_some() { Watch::Everything } else { Watch::Border };
        let mut world = World::new(BEGIN, plan.seed, watch);
        let device = world.add_device(build(&plan.configuration(&plan.rules), plan.zones.len(), BEGIN)?);
        let mut cables = Vec::new();
        for (zone, zone_plan) in plan.zones.iter().enumerate() {
            let hosts = hosts(plan, zone);
            let switch = world.add_switch(hosts.len() + 1);
            let up = Endpoint { place: Place::Switch(switch), port: 0 };
            let port = Endpoint { place: Place::Device(device), port: zone };
            cables.push(world.connect([up, port], zone_plan.quality));
            for (place, host) in hosts.into_iter().enumerate() {
                let number = world.add_host(host);
                let end = Endpoint { place: Place::Host(number), port: 0 };
                let up = Endpoint { place: Place::Switch(switch), port: place + 1 };
                world.connect([up, end], Quality::default());
            }
        }
        Ok(Self { plan, world, shadow: Shadow::new(BEGIN, plan), cables, tell, done: BTreeMap::new() })
    }

    /// Lets everything happen that is due before `limit`.
    fn play_until(&mut self, limit: Timestamp) -> Option<Failure> {
        while self.world.step(limit) {
            self.watch();
            if let Some(failure) = self.failure() {
                return Some(failure);
            }
        }
        None
    }

    /// After the last line: until all talks are over and the firewall has come to rest.
    fn conclude(&mut self, limit: Timestamp) -> Option<Failure> {
        loop {
            let at_rest = self.shadow.is_quiet() && self.world.devices[0].device.figures().sessions == 0;
            if at_rest || !self.world.step(limit) {
                break;
            }
            self.watch();
            if let Some(failure) = self.failure() {
                return Some(failure);
            }
        }
        let figures = self.world.devices[0].device.figures();
        self.shadow.finished(self.world.now(), &figures);
        self.failure()
    }

    fn failure(&self) -> Option<Failure> {
        if self.world.events() > EVENTS_MAX {
            let at = self.world.now().since(BEGIN);
            let text = format!("{EVENTS_MAX} events and no end");
            return Some(Failure { at, what: What::Rest, text });
        }
        self.shadow.failure().cloned()
    }

    /// Shows the shadow what happened.
    fn watch(&mut self) {
        let now = self.world.now();
        let mut list = self.world.take_news();
        for news in list.drain(..) {
            if let (Some(tell), Some(text)) = (&mut self.tell, news.text()) {
                tell(&format!("{:12.6} {text}", now.since(BEGIN).as_secs_f64()));
            }
            match news {
                News::Enters { port, view, .. } => self.shadow.enters(now, port, &view),
                News::Leaves { port, view, .. } => self.shadow.leaves(now, port, &view),
                News::Logged { written, .. } => self.shadow.logged(now, &Entry::of(&written)),
                News::Settled { device } => {
                    let chassis = &self.world.devices[device];
                    self.shadow.settled(now, chassis.given, &chassis.device.figures());
                }
                News::Reported { report, .. } => self.shadow.reported(now, &report),
                News::HostSent { .. } | News::HostGot { .. } => {}
            }
        }
        self.world.return_news(list);
    }

    fn act(&mut self, step: &Step) -> Result<(), String> {
        if let Some(tell) = &mut self.tell {
            tell(&format!("{:12.6} {step:?}", self.world.now().since(BEGIN).as_secs_f64()));
        }
        match step {
            Step::Commit(rules) => {
                let order = Order::Commit(self.plan.configuration(rules));
                // What the firewall does while it commits is judged by the new rules.
                self.shadow.committed(rules);
                self.world.order(0, &order)?;
                self.count("commit");
            }
            Step::Clear => {
                self.shadow.disturbed();
                self.world.order(0, &Order::Clear(Box::default()))?;
                self.count("clear");
            }
            Step::Fault(fault) => self.fail(*fault),
            Step::Mend { zone, inward, outward } => self.cut(*zone, *inward, *outward, false),
        }
        self.watch();
        Ok(())
    }

    fn fail(&mut self, fault: Fault) {
        match fault {
            Fault::Freeze(span) => {
                self.world.freeze(0, span);
                self.count("freeze");
            }
            Fault::Stall(span) => {
                self.world.freeze(0, span);
                self.count("stall");
            }
            Fault::Restart(boot) => {
                self.world.restart(0, boot);
                self.shadow.restarted(self.world.now() + boot);
                self.count("restart");
            }
            Fault::Drift(ppm) => {
                self.world.set_clock(0, ppm, Duration::ZERO);
                self.count("drift");
            }
            Fault::Leap(span) => {
                self.world.set_clock(0, 0, span);
                self.shadow.disturbed();
                self.count("leap");
            }
            Fault::Cut { zone, inward, outward, .. } => {
                self.cut(zone, inward, outward, true);
                self.count(if inward && outward { "cut" } else { "one-way-cut" });
            }
        }
    }

    fn cut(&mut self, zone: usize, inward: bool, outward: bool, is_cut: bool) {
        let Some(cable) = self.cables.get(zone) else { return };
        let link = &mut self.world.links[*cable];
        for (side, concerned) in [inward, outward].into_iter().enumerate() {
            if concerned {
                link.cut[side] = is_cut;
            }
        }
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
        for link in &self.world.links {
            add("frame-lost", link.counters.lost);
            add("frame-duplicated", link.counters.duplicated);
            add("frame-reordered", link.counters.reordered);
            add("frame-cut", link.counters.cut);
            add("frame-congested", link.counters.congested);
            add("frame-oversize", link.counters.oversize);
        }
        add("frame-missed", self.world.devices[0].missed);
        add("session-refused", self.world.devices[0].device.figures().refused);
        let kinds: BTreeMap<usize, &Talk> = self.plan.talks().map(|(_, talk)| (talk.number, talk)).collect();
        for (number, outcome) in self.shadow.outcomes() {
            let Some(talk) = kinds.get(&number) else { continue };
            add(talk_name(talk, outcome), 1);
        }
        Course {
            digest: self.world.digest(),
            failure,
            simulated: self.world.now().since(BEGIN),
            frames: self.world.frames(),
            events: self.world.events(),
            records: self.shadow.records(),
            coverage: self.done,
        }
    }
}

fn talk_name(talk: &Talk, outcome: Outcome) -> &'static str {
    let is_finished = outcome == Outcome::Finished;
    match (talk.kind, is_finished) {
        (TalkKind::Transfer(_), true) => "transfer-finished",
        (TalkKind::Transfer(_), false) => "transfer-failed",
        (TalkKind::Ftp(..), true) => "ftp-finished",
        (TalkKind::Ftp(..), false) => "ftp-failed",
        (TalkKind::Udp(_), true) => "udp-answered",
        (TalkKind::Udp(_), false) => "udp-unanswered",
        (TalkKind::Ping(_), true) => "ping-answered",
        (TalkKind::Ping(_), false) => "ping-unanswered",
        (TalkKind::Crowd(_), true) => "crowd-served",
        (TalkKind::Crowd(_), false) => "crowd-unserved",
        (TalkKind::Flood(_), _) => "flood",
    }
}

/// The hosts of a zone: those with stacks, then those that talks have for themselves.
fn hosts(plan: &Plan, zone: usize) -> Vec<Box<dyn Host>> {
    let mut hosts: Vec<Box<dyn Host>> = Vec::new();
    for place in 0..plan.zones[zone].hosts {
        let mut tasks: Vec<Box<dyn Task>> =
            vec![Box::new(UdpServer::new(UDP_PORT)), Box::<FtpServer>::default()];
        for port in TRANSFER_PORTS {
            tasks.push(Box::new(TransferServer::new(port)));
        }
        for (at, talk) in plan.talks().filter(|(_, talk)| talk.client == (zone, place)) {
            tasks.extend(client(plan, BEGIN + at, talk));
        }
        let seed = plan.seed.wrapping_mul(31).wrapping_add(zone as u64 * 1_000 + place as u64);
        let addresses = plan.addresses(zone, place);
        hosts.push(Box::new(Stack::new(BEGIN, addresses, plan.zones[zone].mtu, seed, tasks)));
    }
    for (at, talk) in plan.talks().filter(|(_, talk)| talk.kind.has_own_hosts()) {
        hosts.extend(own_hosts(plan, BEGIN + at, talk, zone));
    }
    hosts
}

fn client(plan: &Plan, at: Timestamp, talk: &Talk) -> Option<Box<dyn Task>> {
    let (address, port) = plan.server(talk);
    let number = talk.number;
    match talk.kind {
        TalkKind::Transfer(load) => Some(Box::new(TransferClient::new(number, at, (address, port), load))),
        TalkKind::Ftp(is_passive, length) => {
            Some(Box::new(FtpClient::new(number, at, address, is_passive, length)))
        }
        TalkKind::Udp(questions) => Some(Box::new(UdpClient::new(number, at, (address, port), questions))),
        TalkKind::Ping(questions) => Some(Box::new(Ping::new(number, at, address, questions))),
        TalkKind::Crowd(_) | TalkKind::Flood(_) => None,
    }
}

fn own_hosts(plan: &Plan, at: Timestamp, talk: &Talk, zone: usize) -> Vec<Box<dyn Host>> {
    let mut hosts: Vec<Box<dyn Host>> = Vec::new();
    let own = plan.addresses(talk.client.0, talk.client.1);
    let target = plan.addresses(talk.server.0, talk.server.1);
    match talk.kind {
        TalkKind::Crowd(throng) => {
            if talk.client.0 == zone {
                let server = (target.v4, talk.port);
                hosts.push(Box::new(CrowdClient::new(talk.number, at, &own, server, throng, plan.seed)));
            }
            if talk.server.0 == zone {
                hosts.push(Box::new(CrowdServer::new(&target)));
            }
        }
        TalkKind::Flood(torrent) => {
            if talk.client.0 == zone {
                let server = (target.v4, talk.port);
                hosts.push(Box::new(Flood::new(talk.number, at, &own, server, torrent, plan.seed)));
            }
        }
        TalkKind::Transfer(_) | TalkKind::Ftp(..) | TalkKind::Udp(_) | TalkKind::Ping(_) => {}
    }
    hosts
}

#[cfg(test)]
mod tests;
