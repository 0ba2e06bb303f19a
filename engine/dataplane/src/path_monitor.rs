//! Routes and forwarding rules that depend on whether hosts behind them answer.
//!
//! ```text
//!        too many destinations do not answer
//!   UP ──────────────────────────────────────► DOWN
//!    ▲                                          │ ▲
//!    │ hold time                enough answer   ▼ │ too many do not
//!    └──────────────────────────────────────── HELD
//! ```
//!
//! [`PathMonitors`] belongs to a device's Controller. It sends echo requests over the path's own next
//! station, be the path in use or not, and says when what depends on it is to go or to come back:
//! `Rib::set_path` takes that of a route, `Policy::with_failed_rules` that of forwarding rules. A destination
//! has failed when so many requests in a row stayed unanswered, each for as long as the next one was due; any
//! answer makes it well.
//!
//! After each call take all outputs (`poll_output`), then wait for the time of `poll_timeout` or an answer.
//! Workers are told what answers to take for the device: `Worker::handle_awaited`.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::String,
    vec,
    vec::Vec,
};
use core::{net::IpAddr, time::Duration};

use bifrons_config::{
    Config,
    typed::{FailureCondition, ForwardingAction, ForwardingRule, Prefix, Route, RouteTarget},
};
use bifrons_model::{InterfaceId, Timestamp};
use bifrons_policy::Forward;
use bifrons_wire::{Addresses, Echo};

use crate::AwaitedEcho;

/// What the requests carry.
const CONTENT: &[u8] = b"bifrons path monitor";

/// What depends on a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependent {
    /// The route at this place in `Config::routes`.
    Route(usize),
    /// The rule at this place in `Config::forwarding_rules`.
    Rule(usize),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathOutput {
    /// An echo request to be sent.
    Probe {
        /// The station that it is sent to.
        forward: Forward,
        /// Where it comes from and goes to.
        addresses: Addresses,
        /// From the IP header on.
        packet: Vec<u8>,
    },
    /// A path has gone down or come back.
    Path {
        /// What depends on it.
        dependent: Dependent,
        /// Whether that is to be used.
        is_up: bool,
    },
}

/// The monitored paths of a device.
#[derive(Clone, Debug, Default)]
pub struct PathMonitors {
    paths: BTreeMap<Dependent, Path>,
    /// The path and the destination of its that each identifier stands for.
    identifiers: BTreeMap<u16, (Dependent, usize)>,
    timers: BTreeSet<(Timestamp, Timer)>,
    outputs: VecDeque<PathOutput>,
    is_suspended: bool,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The next request to a destination of a path.
    Probe(Dependent, usize),
    /// The end of a path's hold time.
    Hold(Dependent),
}

/// Whether a path can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Down,
    /// It could be, once this time has come.
    Held(Timestamp),
}

/// A monitored path.
#[derive(Clone, Debug)]
struct Path {
    name: Name,
    forward: Forward,
    failure_condition: FailureCondition,
    hold_time: Duration,
    destinations: Vec<Destination>,
    state: State,
}

/// What a path is known by over commits.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Route {
        router: Option<String>,
        route: String,
        /// Routes of both families may have one name.
        is_v6: bool,
    },
    Rule(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Destination {
    settings: Settings,
    identifier: u16,
    /// Of the last request.
    sequence: u16,
    /// When the next one is due.
    due: Timestamp,
    unanswered: u8,
    has_failed: bool,
}

/// How a destination is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    /// Where requests come from and go to; `None` where the interface has no address to send from.
    addresses: Option<Addresses>,
    interval: Duration,
    /// Unanswered requests with which it has failed.
    limit: u8,
}

impl PathMonitors {
    /// Takes a configuration's monitored paths in place of those of the one before; `interfaces` are the
    /// numbers of its interfaces by their places. Paths whose monitors are the same go on as they are;
    /// others are up until they fail.
    pub fn apply(&mut self, now: Timestamp, config: &Config, interfaces: &[Option<InterfaceId>]) {
        let mut old: Vec<Path> = core::mem::take(&mut self.paths).into_values().collect();
        self.timers.clear();
        self.identifiers.clear();
        let reader = Reader { now, config, interfaces };
        for (dependent, mut path) in reader.paths() {
            let before = old.iter().position(|other| other.name == path.name);
            if let Some(before) = before.map(|at| old.swap_remove(at)) {
                if before.is_alike(&path) {
                    path.state = before.state;
                    path.destinations = before.destinations;
                } else if before.state != State::Up {
                    self.outputs.push_back(PathOutput::Path { dependent, is_up: true });
                }
            }
            for (at, destination) in path.destinations.iter_mut().enumerate() {
                let Some(identifier) = self.free_identifier(destination.identifier) else { break };
                destination.identifier = identifier;
                self.identifiers.insert(identifier, (dependent, at));
                self.timers.insert((destination.due, Timer::Probe(dependent, at)));
            }
            if let State::Held(until) = path.state {
                self.timers.insert((until, Timer::Hold(dependent)));
            }
            self.paths.insert(dependent, path);
        }
        self.handle_timeout(now);
    }

    /// A device that is not to send, such as the passive one of a pair, asks nobody: all stays as it is until
    /// it may again. Then nothing counts as unanswered.
    pub fn set_suspended(&mut self, now: Timestamp, is_suspended: bool) {
        if core::mem::replace(&mut self.is_suspended, is_suspended) == is_suspended || is_suspended {
            return;
        }
        self.timers.retain(|(_, timer)| matches!(timer, Timer::Hold(_)));
        for (dependent, path) in &mut self.paths {
            for (at, destination) in path.destinations.iter_mut().enumerate() {
                (destination.unanswered, destination.due) = (0, now);
                self.timers.insert((now, Timer::Probe(*dependent, at)));
            }
        }
        self.handle_timeout(now);
    }

    /// A packet for an address of ours, from its IP header on. False where it is no answer to a request.
    pub fn handle_packet(&mut self, now: Timestamp, packet: &[u8]) -> bool {
        let Some(echo) = Echo::read(packet).filter(|echo| echo.is_reply) else { return false };
        let Some((dependent, at)) = self.identifiers.get(&echo.identifier).copied() else { return false };
        let Some(path) = self.paths.get_mut(&dependent) else { return false };
        let Some(destination) = path.destinations.get_mut(at) else { return false };
        let age = destination.sequence.wrapping_sub(echo.sequence);
        let is_ours = destination.settings.addresses == Some(echo.addresses.reversed());
        if !is_ours || age >= u16::from(destination.settings.limit) {
            return false;
        }
        (destination.unanswered, destination.has_failed) = (0, false);
        self.judge(now, dependent);
        true
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.is_suspended {
            return;
        }
        while let Some((at, timer)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, timer));
            match timer {
                Timer::Probe(dependent, destination) => self.probe(now, dependent, destination),
                Timer::Hold(dependent) => {
                    if let Some(path) = self.paths.get_mut(&dependent) {
                        path.state = State::Up;
                        self.outputs.push_back(PathOutput::Path { dependent, is_up: true });
                    }
                }
            }
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at).filter(|_| !self.is_suspended)
    }

    /// The next output, until there is none.
    pub fn poll_output(&mut self) -> Option<PathOutput> {
        self.outputs.pop_front()
    }

    /// Whether this is to be used as far as its path is concerned; so is what depends on none.
    pub fn is_up(&self, dependent: Dependent) -> bool {
        self.paths.get(&dependent).is_none_or(|path| path.state == State::Up)
    }

    /// The places in `Config::forwarding_rules` of the rules whose paths are down.
    pub fn failed_rules(&self) -> impl Iterator<Item = usize> {
        let down = self.paths.iter().filter(|(_, path)| path.state != State::Up);
        down.filter_map(|(dependent, _)| match dependent {
            Dependent::Rule(rule) => Some(*rule),
            Dependent::Route(_) => None,
        })
    }

    /// The answers that are waited for, in order of identifiers. They are the same until the next `apply`.
    pub fn awaited(&self) -> impl Iterator<Item = AwaitedEcho> {
        self.identifiers.iter().filter_map(|(identifier, (dependent, at))| {
            let path = self.paths.get(dependent)?;
            let addresses = path.destinations.get(*at)?.settings.addresses?.reversed();
            Some(AwaitedEcho { identifier: *identifier, addresses, interface: path.forward.interface })
        })
    }

    /// The identifier that a destination had, or the next that is free. They are low, for translation gives
    /// high ones to those of others that leave with an address of ours.
    fn free_identifier(&self, wanted: u16) -> Option<u16> {
        let mut all = (wanted..=u16::MAX).chain(1..wanted);
        all.find(|identifier| !self.identifiers.contains_key(identifier))
    }

    fn probe(&mut self, now: Timestamp, dependent: Dependent, at: usize) {
        let Some(path) = self.paths.get_mut(&dependent) else { return };
        let Some(destination) = path.destinations.get_mut(at) else { return };
        destination.has_failed |= destination.unanswered >= destination.settings.limit;
        destination.unanswered = destination.unanswered.saturating_add(1);
        destination.sequence = destination.sequence.wrapping_add(1);
        destination.due = now + destination.settings.interval;
        self.timers.insert((destination.due, Timer::Probe(dependent, at)));
        if let Some(addresses) = destination.settings.addresses {
            let Destination { identifier, sequence, .. } = *destination;
            let packet = Echo { addresses, is_reply: false, identifier, sequence }.packet(CONTENT);
            self.outputs.push_back(PathOutput::Probe { forward: path.forward, addresses, packet });
        }
        self.judge(now, dependent);
    }

    /// Draws from the destinations whether the path can be used.
    fn judge(&mut self, now: Timestamp, dependent: Dependent) {
        let Some(path) = self.paths.get_mut(&dependent) else { return };
        let before = path.state;
        path.state = match (before, path.has_failed()) {
            (State::Up | State::Down | State::Held(_), true) => State::Down,
            (State::Down, false) if path.hold_time.is_zero() => State::Up,
            (State::Down, false) => State::Held(now + path.hold_time),
            (State::Up | State::Held(_), false) => before,
        };
        let after = path.state;
        if let State::Held(until) = before
            && after != before
        {
            self.timers.remove(&(until, Timer::Hold(dependent)));
        }
        if let State::Held(until) = after {
            self.timers.insert((until, Timer::Hold(dependent)));
        }
        let is_up = after == State::Up;
        if (before == State::Up) != is_up {
            self.outputs.push_back(PathOutput::Path { dependent, is_up });
        }
    }
}

impl Path {
    /// Whether both watch the same in the same way.
    fn is_alike(&self, other: &Self) -> bool {
        let settings = |path: &Self| path.destinations.iter().map(|one| one.settings).collect::<Vec<_>>();
        self.failure_condition == other.failure_condition
            && self.hold_time == other.hold_time
            && self.forward == other.forward
            && settings(self) == settings(other)
    }

    fn has_failed(&self) -> bool {
        let mut failed = self.destinations.iter().map(|destination| destination.has_failed);
        match self.failure_condition {
            FailureCondition::Any => failed.any(|has_failed| has_failed),
            FailureCondition::All => failed.len() > 0 && failed.all(|has_failed| has_failed),
        }
    }
}

/// A configuration with the numbers of its interfaces.
struct Reader<'a> {
    now: Timestamp,
    config: &'a Config,
    interfaces: &'a [Option<InterfaceId>],
}

impl Reader<'_> {
    fn paths(&self) -> impl Iterator<Item = (Dependent, Path)> {
        let routes = self.config.routes.iter().enumerate();
        let routes = routes.filter_map(|(at, route)| Some((Dependent::Route(at), self.route(route)?)));
        let rules = self.config.forwarding_rules.iter().enumerate().filter(|(_, rule)| !rule.disabled);
        let rules = rules.filter_map(|(at, rule)| Some((Dependent::Rule(at), self.rule(rule)?)));
        routes.chain(rules)
    }

    /// `None` for a route without a monitor, and for one that leads to no interface.
    fn route(&self, route: &Route) -> Option<Path> {
        let monitor = route.path_monitor.as_ref()?;
        let (place, gateway) = match route.next_hop {
            RouteTarget::Gateway { address, interface } => (interface, Some(address)),
            RouteTarget::Interface(interface) => (interface, None),
            RouteTarget::Router(_) | RouteTarget::Discard => return None,
        };
        let destinations = monitor.destinations.iter().map(|monitored| {
            let ends = (monitored.source, monitored.destination);
            self.destination((place, gateway), ends, monitored.interval, monitored.count)
        });
        Some(Path {
            name: Name::Route {
                router: self.config.virtual_routers.get(route.virtual_router).map(|own| own.name.clone()),
                route: route.name.clone(),
                is_v6: route.destination.address.is_ipv6(),
            },
            forward: self.forward(place, gateway)?,
            failure_condition: monitor.failure_condition,
            hold_time: Duration::from_secs(monitor.hold_time.into()),
            destinations: destinations.collect(),
            state: State::Up,
        })
    }

    /// The same for a forwarding rule.
    fn rule(&self, rule: &ForwardingRule) -> Option<Path> {
        let ForwardingAction::Forward { interface, next_hop, monitor: Some(monitor) } = rule.action else {
            return None;
        };
        let ends = (None, monitor.address);
        let destination = self.destination((interface, next_hop), ends, monitor.interval, monitor.threshold);
        Some(Path {
            name: Name::Rule(rule.name.clone()),
            forward: self.forward(interface, next_hop)?,
            failure_condition: FailureCondition::Any,
            hold_time: Duration::ZERO,
            destinations: vec![destination],
            state: State::Up,
        })
    }

    fn forward(&self, place: usize, gateway: Option<IpAddr>) -> Option<Forward> {
        Some(Forward { interface: self.interfaces.get(place).copied().flatten()?, gateway })
    }

    fn destination(
        &self,
        (place, gateway): (usize, Option<IpAddr>),
        (source, destination): (Option<IpAddr>, IpAddr),
        interval: u8,
        limit: u8,
    ) -> Destination {
        let next = gateway.unwrap_or(destination);
        let source = source.or_else(|| self.source(place, next, destination.is_ipv6()));
        let settings = Settings {
            addresses: source.and_then(|source| between(source, destination)),
            interval: Duration::from_secs(interval.max(1).into()),
            limit: limit.max(1),
        };
        Destination { settings, identifier: 1, sequence: 0, due: self.now, unanswered: 0, has_failed: false }
    }

    /// The address of an interface that speaks to the next station, else its first.
    fn source(&self, place: usize, next: IpAddr, is_v6: bool) -> Option<IpAddr> {
        let own = &self.config.interfaces.get(place)?.addresses;
        let mut own = own.iter().filter(|own| own.address.is_ipv6() == is_v6);
        let nearest = own.clone().find(|own: &&Prefix| own.contains(next));
        nearest.or_else(|| own.next()).map(|own| own.address)
    }
}

fn between(source: IpAddr, destination: IpAddr) -> Option<Addresses> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Some(Addresses::V4 { source: source.to_bits(), destination: destination.to_bits() })
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            Some(Addresses::V6 { source: source.to_bits(), destination: destination.to_bits() })
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::ToString, vec};
    use bifrons_config::typed::{ForwardingMonitor, Interface, MonitoredDestination, Prefix, RouteMonitor};
    use bifrons_wire::echo_reply;

    const START: Timestamp = Timestamp::from_secs(1000);

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn after(seconds: u64) -> Timestamp {
        START + Duration::from_secs(seconds)
    }

    /// One route over 10.0.0.2 that depends on these, asked every two seconds, failed after three.
    fn config(failure_condition: FailureCondition, hold_time: u32, destinations: &[&str]) -> Config {
        let destinations = destinations.iter().map(|destination| MonitoredDestination {
            name: (*destination).into(),
            source: None,
            destination: ip(destination),
            interval: 2,
            count: 3,
        });
        let monitor = RouteMonitor { failure_condition, hold_time, destinations: destinations.collect() };
        let own = |text: &str, length| Prefix { address: ip(text), length };
        Config {
            interfaces: vec![Interface {
                addresses: vec![own("192.0.2.1", 24), own("10.0.0.1", 24), own("2001:db8::1", 64)],
                ..Interface::default()
            }],
            routes: vec![Route {
                name: "watched".to_string(),
                next_hop: RouteTarget::Gateway { address: ip("10.0.0.2"), interface: 0 },
                path_monitor: Some(monitor),
                ..Route::default()
            }],
            ..Config::default()
        }
    }

    /// A network in which hosts answer or not.
    struct Network {
        monitors: PathMonitors,
        silent: Vec<IpAddr>,
        asked: usize,
    }

    impl Network {
        fn new(config: &Config) -> Self {
            let mut monitors = PathMonitors::default();
            monitors.apply(START, config, &[Some(InterfaceId(4))]);
            Self { monitors, silent: Vec::new(), asked: 0 }
        }

        /// Runs until this second, and tells when the route came and went.
        fn run(&mut self, until: u64) -> Vec<(u64, bool)> {
            let mut changes = Vec::new();
            let mut now = START;
            loop {
                while let Some(output) = self.monitors.poll_output() {
                    match output {
                        PathOutput::Probe { forward, packet, .. } => self.answer(now, forward, &packet),
                        PathOutput::Path { dependent, is_up } => {
                            assert_eq!(self.monitors.is_up(dependent), is_up);
                            changes.push((now.since(START).as_secs(), is_up));
                        }
                    }
                }
                let Some(at) = self.monitors.poll_timeout().filter(|at| *at <= after(until)) else { break };
                now = at;
                self.monitors.handle_timeout(now);
            }
            changes
        }

        fn answer(&mut self, now: Timestamp, forward: Forward, packet: &[u8]) {
            assert_eq!(forward, Forward { interface: InterfaceId(4), gateway: Some(ip("10.0.0.2")) });
            self.asked += 1;
            let asked = Echo::read(packet).unwrap().addresses;
            assert!([ip("10.0.0.1"), ip("2001:db8::1")].contains(&asked.source()));
            if !self.silent.contains(&asked.destination()) {
                assert!(self.monitors.handle_packet(now, &echo_reply(packet).unwrap()));
            }
        }
    }

    #[test]
    fn a_route_goes_after_three_requests_and_comes_back_after_the_hold_time() {
        let mut network = Network::new(&config(FailureCondition::Any, 30, &["8.8.8.8", "2001:db8:9::9"]));
        assert_eq!(network.run(9), []);
        assert_eq!(network.asked, 10);
        network.silent = vec![ip("8.8.8.8")];
        assert_eq!(network.run(20), [(16, false)], "asked at 10, 12 and 14");
        network.silent.clear();
        assert_eq!(network.run(60), [(52, true)], "it answered at 22");
    }

    #[test]
    fn a_failure_within_the_hold_time_begins_it_anew() {
        let mut network = Network::new(&config(FailureCondition::Any, 10, &["8.8.8.8"]));
        network.silent = vec![ip("8.8.8.8")];
        assert_eq!(network.run(7), [(6, false)]);
        network.silent.clear();
        assert_eq!(network.run(9), []);
        network.silent = vec![ip("8.8.8.8")];
        assert_eq!(network.run(17), [], "failed again at 16, before 18");
        network.silent.clear();
        assert_eq!(network.run(40), [(28, true)]);
    }

    #[test]
    fn any_or_all_and_no_hold_time() {
        let hosts = ["8.8.8.8", "8.8.4.4"];
        for (condition, silent, wanted) in [
            (FailureCondition::Any, 1, vec![(6, false)]),
            (FailureCondition::All, 1, vec![]),
            (FailureCondition::All, 2, vec![(6, false)]),
        ] {
            let mut network = Network::new(&config(condition, 0, &hosts));
            network.silent = hosts.iter().take(silent).map(|host| ip(host)).collect();
            assert_eq!(network.run(9), wanted);
            network.silent.clear();
            let back: Vec<(u64, bool)> = wanted.iter().map(|_| (10, true)).collect();
            assert_eq!(network.run(20), back);
        }
        assert_eq!(Network::new(&config(FailureCondition::All, 0, &[])).run(100), []);
        let mut mute = config(FailureCondition::Any, 0, &["8.8.8.8"]);
        mute.interfaces[0].addresses.clear();
        assert_eq!(Network::new(&mute).run(9), [(6, false)], "there is no address to ask from");
    }

    #[test]
    fn a_commit_leaves_what_stays_the_same() {
        let same = config(FailureCondition::Any, 30, &["8.8.8.8"]);
        let mut network = Network::new(&same);
        network.silent = vec![ip("8.8.8.8")];
        assert_eq!(network.run(7), [(6, false)]);
        network.monitors.apply(after(7), &same, &[Some(InterfaceId(4))]);
        assert_eq!(network.run(100), []);
        assert!(!network.monitors.is_up(Dependent::Route(0)));
        let other = config(FailureCondition::All, 30, &["8.8.8.8"]);
        network.monitors.apply(after(100), &other, &[Some(InterfaceId(4))]);
        assert_eq!(network.run(103), [(0, true)]);
        network.monitors.apply(after(104), &Config::default(), &[]);
        assert_eq!(
            (network.monitors.poll_timeout(), network.monitors.is_up(Dependent::Route(0))),
            (None, true)
        );
    }

    #[test]
    fn commits_do_not_make_requests_fail() {
        let same = config(FailureCondition::Any, 30, &["8.8.8.8"]);
        let mut network = Network::new(&same);
        network.silent = vec![ip("8.8.8.8")];
        for _ in 0..10 {
            network.monitors.apply(after(1), &same, &[Some(InterfaceId(4))]);
        }
        assert_eq!(network.run(7), [(6, false)]);
        assert_eq!(network.asked, 4);
    }

    #[test]
    fn a_suspended_device_asks_nobody_and_loses_nothing() {
        let mut network = Network::new(&config(FailureCondition::Any, 30, &["8.8.8.8"]));
        network.silent = vec![ip("8.8.8.8")];
        assert_eq!(network.run(5), []);
        network.monitors.set_suspended(after(5), true);
        assert_eq!((network.run(100), network.monitors.poll_timeout()), (vec![], None));
        let asked = network.asked;
        network.monitors.set_suspended(after(100), false);
        assert_eq!(network.run(105), []);
        assert_eq!(network.asked - asked, 3, "at 100, 102 and 104");
        assert_eq!(network.run(107), [(106, false)]);
    }

    #[test]
    fn a_forwarding_rule_depends_on_its_own_path() {
        let monitor = ForwardingMonitor {
            address: ip("8.8.8.8"),
            interval: 2,
            threshold: 3,
            fail_over: false,
            disable_if_unreachable: false,
        };
        let next_hop = Some(ip("10.0.0.2"));
        let action = ForwardingAction::Forward { interface: 0, next_hop, monitor: Some(monitor) };
        let rule = |name: &str, action| ForwardingRule { name: name.into(), action, ..Default::default() };
        let rules = vec![rule("first", ForwardingAction::NoPbf), rule("watched", action)];
        let mut config = config(FailureCondition::Any, 30, &["10.0.0.2"]);
        config.forwarding_rules = rules;
        let mut network = Network::new(&config);
        assert_eq!(network.monitors.awaited().count(), 2);
        network.silent = vec![ip("8.8.8.8")];
        assert_eq!(network.run(7), [(6, false)]);
        assert_eq!(network.monitors.failed_rules().collect::<Vec<_>>(), [1]);
        assert!(network.monitors.is_up(Dependent::Route(0)));
        // It keeps its state where it moves to another place.
        config.forwarding_rules.swap(0, 1);
        network.monitors.apply(after(7), &config, &[Some(InterfaceId(4))]);
        assert_eq!(network.monitors.failed_rules().collect::<Vec<_>>(), [0]);
        network.silent.clear();
        assert_eq!(network.run(20), [(8, true)], "without a hold time");
    }

    #[test]
    fn answers_of_others_do_not_count() {
        let config = config(FailureCondition::Any, 0, &["8.8.8.8"]);
        let mut monitors = PathMonitors::default();
        monitors.apply(START, &config, &[Some(InterfaceId(4))]);
        let Some(PathOutput::Probe { packet, .. }) = monitors.poll_output() else { panic!() };
        let echo = Echo::read(&packet).unwrap();
        let reply = Echo { is_reply: true, addresses: echo.addresses.reversed(), ..echo };
        let elsewhere = between(ip("8.8.4.4"), ip("10.0.0.1")).unwrap();
        for wrong in [
            echo,
            Echo { identifier: echo.identifier + 1, ..reply },
            Echo { sequence: echo.sequence + 1, ..reply },
            Echo { sequence: echo.sequence.wrapping_sub(3), ..reply },
            Echo { addresses: elsewhere, ..reply },
        ] {
            assert!(!monitors.handle_packet(START, &wrong.packet(b"")), "{wrong:?}");
        }
        assert!(!monitors.handle_packet(START, b"no packet"));
        assert!(monitors.handle_packet(START, &reply.packet(b"")));
    }
}
