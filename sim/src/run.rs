//! A plan played from beginning to end, with the shadow beside it.

mod pair;

use std::{collections::BTreeMap, time::Duration};

use bifrons_model::Timestamp;

use crate::{
    device::{Blueprint, Device, Order},
    host::{
        Addresses, Host,
        crowd::{CrowdClient, CrowdServer},
        file_transfer::{FtpClient, FtpServer},
        flood::Flood,
        ping::Ping,
        stack::{Stack, Task},
        transfer::{TransferClient, TransferServer},
        udp::{UdpClient, UdpServer},
    },
    link::{Endpoint, Place, Quality},
    plan::{
        Action, Fault, IDLE_PORTS, Plan, Rule, Service, TRANSFER_PORTS, Talk, TalkKind, UDP_PORT, Verdict,
    },
    shadow::{Failure, Outcome, Shadow, What, entry::Entry},
    world::{News, Watch, World},
};

/// The moment at which every world begins.
pub const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_000);

/// How long after its last line a plan may go on: longer than the longest timeout, several times.
const PATIENCE: Duration = Duration::from_secs(6 * 3_600);

/// Events after which a run is taken for endless.
const EVENTS_MAX: u64 = 50_000_000;

/// Makes the firewall of a plan at a moment.
pub type Build<'a> = &'a (dyn Fn(&Blueprint<'_>, Timestamp) -> Result<Box<dyn Device>, String> + Sync);

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
    /// Sessions that there were at most at a time.
    pub most_sessions: u64,
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
    if let Some(two) = &plan.pair {
        return pair::play(plan, two, build, tell);
    }
    let mut stage = Stage::new(plan, build, tell)?;
    let limit = plan.last_line() + PATIENCE;
    let mut agenda = Agenda::of(plan);
    let mut failure = None;
    while let Some((at, step)) = agenda.pop() {
        failure = stage.play_until(BEGIN + at);
        if failure.is_some() {
            break;
        }
        if let Err(why) = stage.act(&step) {
            return Err(format!("{step:?}: {why}"));
        }
        if let Step::CommitAgain(interval) = step
            && !stage.shadow.is_quiet()
            && at < limit
        {
            agenda.push(at + interval, step);
        }
    }
    let failure = match failure {
        Some(failure) => Some(failure),
        None => stage.conclude(BEGIN + limit),
    };
    Ok(stage.course(failure))
}

/// What the stage does, by time; what stands first in the plan comes first.
#[derive(Default)]
struct Agenda {
    steps: BTreeMap<(Duration, usize), Step>,
    entered: usize,
}

impl Agenda {
    fn of(plan: &Plan) -> Self {
        let mut agenda = Self::default();
        for line in &plan.lines {
            match &line.action {
                // What is said of pairs means nothing to a device alone.
                Action::Talk(_) | Action::Device(..) | Action::Between(..) | Action::Partition(_) => {}
                Action::Commit(rules) => agenda.push(line.at, Step::Commit(rules.clone())),
                Action::Commits(interval) => agenda.push(line.at, Step::CommitAgain(*interval)),
                Action::Clear => agenda.push(line.at, Step::Clear),
                Action::Fault(Fault::Unplug(zone, span)) => {
                    agenda.push(line.at, Step::Pull { zone: *zone, is_pulled: true });
                    agenda.push(line.at + *span, Step::Pull { zone: *zone, is_pulled: false });
                }
                Action::Fault(fault) => {
                    agenda.push(line.at, Step::Fault(*fault));
                    if let Fault::Cut { zone, inward, outward, span } = *fault {
                        agenda.push(line.at + span, Step::Mend { zone, inward, outward });
                    }
                }
            }
        }
        agenda
    }

    fn push(&mut self, at: Duration, step: Step) {
        self.steps.insert((at, self.entered), step);
        self.entered += 1;
    }

    fn pop(&mut self) -> Option<(Duration, Step)> {
        self.steps.pop_first().map(|((at, _), step)| (at, step))
    }
}

/// Takes a line about something that happened.
type Tell<'a> = &'a mut dyn FnMut(&str);

/// Something that the stage does at a moment.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Rule>),
    /// The rules in force and one more that concerns nobody, in each interval.
    CommitAgain(Duration),
    Clear,
    Fault(Fault),
    /// A cable is pulled or plugged.
    Pull {
        zone: usize,
        is_pulled: bool,
    },
    /// A cut heals.
    Mend {
        zone: usize,
        inward: bool,
        outward: bool,
    },
}

/// A world with one firewall, and its shadow.
struct Stage<'a> {
    plan: &'a Plan,
    world: World,
    shadow: Shadow,
    /// The cable of each zone's port; its first end is the switch.
    cables: Vec<usize>,
    tell: Option<Tell<'a>>,
    done: BTreeMap<&'static str, u64>,
    /// The rules in force, without those that concern nobody.
    rules: Vec<Rule>,
    repeated_commits: u16,
    most_sessions: u64,
}

impl<'a> Stage<'a> {
    fn new(plan: &'a Plan, build: Build<'_>, tell: Option<Tell<'a>>) -> Result<Self, String> {
        let watch = if tell.is_some() { Watch::Everything } else { Watch::Border };
        let mut world = World::new(BEGIN, plan.seed, watch);
        let configuration = plan.configuration(&plan.rules);
        let blueprint = Blueprint {
            configuration: &configuration,
            ports: plan.zones.len(),
            workers: plan.workers,
            seat: None,
        };
        let device = world.add_device(build(&blueprint, BEGIN)?);
        let mut cables = BTreeMap::new();
        for port in 0..plan.zones.len() {
            lay_cable(plan, &mut world, device, port, &mut cables);
        }
        let cables = (0..plan.zones.len()).filter_map(|zone| cables.get(&plan.port(zone)).copied()).collect();
        Ok(Self {
            plan,
            world,
            shadow: Shadow::new(BEGIN, plan),
            cables,
            tell,
            done: BTreeMap::new(),
            rules: plan.rules.clone(),
            repeated_commits: 0,
            most_sessions: 0,
        })
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
            let at_rest = self.shadow.is_quiet() && self.world.devices[0].figures().sessions == 0;
            if at_rest || !self.world.step(limit) {
                break;
            }
            self.watch();
            if let Some(failure) = self.failure() {
                return Some(failure);
            }
        }
        let figures = self.world.devices[0].figures();
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
        let list = self.world.take_news();
        for news in &list {
            if let Some(tell) = &mut self.tell
                && let Some(text) = news.text()
            {
                tell(&format!("{:12.6} {text}", now.since(BEGIN).as_secs_f64()));
            }
            match news {
                News::Enters { port, view, .. } => {
                    if let Some(zone) = self.plan.zone_at(*port, view.tag) {
                        self.shadow.enters(now, zone, view);
                    }
                }
                News::Leaves { port, view, .. } => match self.plan.zone_at(*port, view.tag) {
                    Some(zone) => self.shadow.leaves(now, zone, view),
                    None => self.shadow.strays(now, *port, view),
                },
                News::Logged { written, .. } => self.shadow.logged(now, &Entry::of(written)),
                News::Settled { device } => {
                    let chassis = &self.world.devices[*device];
                    let figures = chassis.figures();
                    self.most_sessions = self.most_sessions.max(figures.sessions);
                    self.shadow.settled(now, chassis.given, &figures);
                }
                News::Reported { report, .. } => self.shadow.reported(now, report),
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
                self.rules.clone_from(rules);
                self.commit(rules)?;
            }
            Step::CommitAgain(_) => {
                self.repeated_commits = self.repeated_commits % IDLE_PORTS + 1;
                let service = Service::Udp(IDLE_PORTS, IDLE_PORTS + self.repeated_commits);
                let idle = Rule { from: None, to: None, service, verdict: Verdict::Drop };
                let rules: Vec<Rule> = std::iter::once(idle).chain(self.rules.iter().copied()).collect();
                self.commit(&rules)?;
            }
            Step::Clear => {
                self.shadow.disturbed();
                self.world.order(0, &Order::Clear(Box::default()))?;
                self.count("clear");
            }
            Step::Fault(fault) => self.fail(*fault),
            Step::Mend { zone, inward, outward } => self.cut(*zone, *inward, *outward, false),
            Step::Pull { zone, is_pulled } => self.pull(*zone, *is_pulled)?,
        }
        self.watch();
        Ok(())
    }

    fn commit(&mut self, rules: &[Rule]) -> Result<(), String> {
        let order = Order::Commit(self.plan.configuration(rules));
        // What the firewall does while it commits is judged by the new rules.
        self.shadow.committed(rules);
        self.world.order(0, &order)?;
        self.count("commit");
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
            // It has steps of its own.
            Fault::Unplug(..) => {}
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

    fn pull(&mut self, zone: usize, is_pulled: bool) -> Result<(), String> {
        let Some(cable) = self.cables.get(zone).copied() else { return Ok(()) };
        let now = self.world.now();
        let port = self.plan.port(zone);
        for other in (0..self.plan.zones.len()).filter(|zone| self.plan.port(*zone) == port) {
            self.shadow.pulled(now, other, is_pulled);
        }
        self.world.pull(cable, is_pulled)?;
        if is_pulled {
            self.count("unplug");
        }
        Ok(())
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
        add("session-refused", self.world.devices[0].figures().refused);
        add("refusal-logged", self.shadow.refusals());
        add("transfer-in-flood", self.shadow.flooded_transfers());
        add(workers_name(self.plan.workers), 1);
        add("vlan-zone", self.plan.zones.iter().filter(|zone| zone.tag.is_some()).count() as u64);
        for (what, count) in self.shadow.sights() {
            add(what, count);
        }
        let kinds: BTreeMap<usize, &Talk> = self.plan.talks().map(|(_, talk)| (talk.number, talk)).collect();
        for (number, outcome) in self.shadow.outcomes() {
            let Some(talk) = kinds.get(&number) else { continue };
            add(talk_name(talk, outcome), 1);
            let is_finished = outcome == Outcome::Finished;
            add("over-ipv6", u64::from(is_finished && talk.is_v6));
            let is_hidden = self.plan.hides && (talk.client.0, talk.server.0) == (0, 1) && !talk.is_v6;
            let is_ftp = matches!(talk.kind, TalkKind::Ftp(..));
            add("ftp-through-nat", u64::from(is_finished && is_hidden && is_ftp));
        }
        Course {
            digest: self.world.digest(),
            failure,
            simulated: self.world.now().since(BEGIN),
            frames: self.world.frames(),
            events: self.world.events(),
            records: self.shadow.records(),
            most_sessions: self.most_sessions,
            coverage: self.done,
        }
    }
}

/// What the coverage calls a number of workers.
const fn workers_name(workers: usize) -> &'static str {
    match workers {
        0 | 1 => "one-worker",
        2 => "two-workers",
        _ => "many-workers",
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

/// Wires a port of the firewall with the hosts of its zones.
fn lay_cable(
    plan: &Plan,
    world: &mut World,
    device: usize,
    port: usize,
    cables: &mut BTreeMap<usize, usize>,
) {
    let zones: Vec<usize> = (0..plan.zones.len()).filter(|zone| plan.port(*zone) == port).collect();
    let Some(first) = zones.first().and_then(|zone| plan.zones.get(*zone)) else { return };
    let mut quality = first.quality;
    if first.tag.is_some() {
        // The tag's four bytes come on top of the longest packet of all.
        quality.mtu = 4 + zones.iter().map(|zone| plan.zones[*zone].mtu).max().unwrap_or_default();
    }
    let hosts: Vec<(Option<u16>, Box<dyn Host>)> = zones
        .iter()
        .flat_map(|zone| {
            hosts(plan, *zone, &|zone, place| plan.addresses(zone, place))
                .into_iter()
                .map(|host| (plan.zones[*zone].tag, host))
        })
        .collect();
    let switch = world.add_switch(hosts.len() + 1);
    let up = Endpoint { place: Place::Switch(switch), port: 0 };
    cables.insert(port, world.connect([up, Endpoint { place: Place::Device(device), port }], quality));
    for (place, (tag, host)) in (1..).zip(hosts) {
        let number = world.add_host(host);
        if let Some(tag) = tag {
            world.set_access(switch, place, tag);
        }
        let end = Endpoint { place: Place::Host(number), port: 0 };
        world.connect([Endpoint { place: Place::Switch(switch), port: place }, end], Quality::default());
    }
}

/// The addresses of the host at a place of a zone.
pub(crate) type AddressesOf<'a> = &'a dyn Fn(usize, usize) -> Addresses;

/// The hosts of a zone: those with stacks, then those that talks have for themselves.
pub(crate) fn hosts(plan: &Plan, zone: usize, addresses: AddressesOf<'_>) -> Vec<Box<dyn Host>> {
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
        let own = addresses(zone, place);
        hosts.push(Box::new(Stack::new(BEGIN, own, plan.zones[zone].mtu, seed, tasks)));
    }
    for (at, talk) in plan.talks().filter(|(_, talk)| talk.kind.has_own_hosts()) {
        hosts.extend(own_hosts(plan, BEGIN + at, talk, zone, addresses));
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

fn own_hosts(
    plan: &Plan,
    at: Timestamp,
    talk: &Talk,
    zone: usize,
    addresses: AddressesOf<'_>,
) -> Vec<Box<dyn Host>> {
    let mut hosts: Vec<Box<dyn Host>> = Vec::new();
    let own = addresses(talk.client.0, talk.client.1);
    let target = addresses(talk.server.0, talk.server.1);
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
            // It may be at a host that answers all of them.
            if talk.server == (zone, Plan::own_host(talk, true)) {
                hosts.push(Box::new(CrowdServer::new(&target)));
            }
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
