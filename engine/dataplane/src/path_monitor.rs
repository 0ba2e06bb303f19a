//! Routes that depend on whether hosts behind them answer.
//!
//! ```text
//!        too many destinations do not answer
//!   UP ──────────────────────────────────────► DOWN
//!    ▲                                          │ ▲
//!    │ hold time                enough answer   ▼ │ too many do not
//!    └──────────────────────────────────────── HELD
//! ```
//!
//! [`PathMonitors`] belongs to a device's Controller. It sends echo requests over the route's own next
//! station, be the route in use or not, and says when the route is to go or to come back:
//! `Rib::set_path` takes that. A destination has failed when so many requests in a row stayed unanswered,
//! each for as long as the next one was due; any answer makes it well.
//!
//! After each call take all outputs (`poll_output`), then wait for the time of `poll_timeout` or an answer.

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::String,
    vec::Vec,
};
use core::{net::IpAddr, time::Duration};

use bifrons_config::{
    Config,
    typed::{FailureCondition, Route, RouteMonitor, RouteTarget},
};
use bifrons_model::{InterfaceId, Timestamp};
use bifrons_policy::Forward;
use bifrons_wire::{Addresses, Echo};

/// What the requests carry.
const CONTENT: &[u8] = b"bifrons path monitor";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathOutput {
    /// An echo request to be sent.
    Probe {
        /// The station that it is sent to.
        forward: Forward,
        /// From the IP header on.
        packet: Vec<u8>,
    },
    /// The path of a route has gone down or come back.
    Path {
        /// The route's place in `Config::routes`.
        route: usize,
        /// Whether it is to be used.
        is_up: bool,
    },
}

/// The monitored routes of a device.
#[derive(Clone, Debug, Default)]
pub struct PathMonitors {
    /// By the route's place in `Config::routes`.
    paths: BTreeMap<usize, Path>,
    /// The route and the destination of its that each identifier stands for.
    identifiers: BTreeMap<u16, (usize, usize)>,
    timers: BTreeSet<(Timestamp, Timer)>,
    outputs: VecDeque<PathOutput>,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The next request to a destination of a route.
    Probe(usize, usize),
    /// The end of a route's hold time.
    Hold(usize),
}

/// Whether a route can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Down,
    /// It could be, once this time has come.
    Held(Timestamp),
}

/// A monitored route.
#[derive(Clone, Debug)]
struct Path {
    /// What it is known by over commits: virtual router, name, IPv6 or not.
    name: (Option<String>, String, bool),
    forward: Forward,
    monitor: RouteMonitor,
    destinations: Vec<Destination>,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Destination {
    /// Where requests come from and go to; `None` where the interface has no address to send from.
    addresses: Option<Addresses>,
    interval: Duration,
    /// Unanswered requests with which it has failed.
    limit: u8,
    identifier: u16,
    /// Of the last request.
    sequence: u16,
    unanswered: u8,
    has_failed: bool,
}

impl PathMonitors {
    /// Takes a configuration's monitored routes in place of those of the one before; `interfaces` are the
    /// numbers of its interfaces by their places. Routes whose monitors are the same go on as they are;
    /// others are up until they fail.
    pub fn apply(&mut self, now: Timestamp, config: &Config, interfaces: &[Option<InterfaceId>]) {
        let mut old: Vec<Path> = core::mem::take(&mut self.paths).into_values().collect();
        self.timers.clear();
        self.identifiers.clear();
        for (place, route) in config.routes.iter().enumerate() {
            let Some(mut path) = Path::new(config, route, interfaces) else { continue };
            let before = old.iter().position(|other| other.name == path.name);
            if let Some(before) = before.map(|at| old.swap_remove(at)) {
                if before.is_alike(&path) {
                    path.state = before.state;
                    path.destinations = before.destinations;
                } else if before.state != State::Up {
                    self.outputs.push_back(PathOutput::Path { route: place, is_up: true });
                }
            }
            for (at, destination) in path.destinations.iter_mut().enumerate() {
                let Some(identifier) = self.free_identifier(destination.identifier) else { break };
                destination.identifier = identifier;
                self.identifiers.insert(identifier, (place, at));
                self.timers.insert((now, Timer::Probe(place, at)));
            }
            if let State::Held(until) = path.state {
                self.timers.insert((until, Timer::Hold(place)));
            }
            self.paths.insert(place, path);
        }
        self.handle_timeout(now);
    }

    /// A packet for an address of ours, from its IP header on. False where it is no answer to a request.
    pub fn handle_packet(&mut self, now: Timestamp, packet: &[u8]) -> bool {
        let Some(echo) = Echo::read(packet).filter(|echo| echo.is_reply) else { return false };
        let Some((route, at)) = self.identifiers.get(&echo.identifier).copied() else { return false };
        let Some(path) = self.paths.get_mut(&route) else { return false };
        let Some(destination) = path.destinations.get_mut(at) else { return false };
        let age = destination.sequence.wrapping_sub(echo.sequence);
        let is_ours = destination.addresses == Some(echo.addresses.reversed());
        if !is_ours || age >= u16::from(destination.limit) {
            return false;
        }
        (destination.unanswered, destination.has_failed) = (0, false);
        self.judge(now, route);
        true
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((at, timer)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, timer));
            match timer {
                Timer::Probe(route, destination) => self.probe(now, route, destination),
                Timer::Hold(route) => {
                    if let Some(path) = self.paths.get_mut(&route) {
                        path.state = State::Up;
                        self.outputs.push_back(PathOutput::Path { route, is_up: true });
                    }
                }
            }
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The next output, until there is none.
    pub fn poll_output(&mut self) -> Option<PathOutput> {
        self.outputs.pop_front()
    }

    /// Whether the route at this place in `Config::routes` is to be used as far as its path is concerned.
    pub fn is_up(&self, route: usize) -> bool {
        self.paths.get(&route).is_none_or(|path| path.state == State::Up)
    }

    /// The identifier that a destination had, or the next that is free.
    fn free_identifier(&self, wanted: u16) -> Option<u16> {
        let mut all = (wanted..=u16::MAX).chain(0..wanted);
        all.find(|identifier| !self.identifiers.contains_key(identifier))
    }

    fn probe(&mut self, now: Timestamp, route: usize, at: usize) {
        let Some(path) = self.paths.get_mut(&route) else { return };
        let Some(destination) = path.destinations.get_mut(at) else { return };
        destination.has_failed |= destination.unanswered >= destination.limit;
        destination.unanswered = destination.unanswered.saturating_add(1);
        destination.sequence = destination.sequence.wrapping_add(1);
        self.timers.insert((now + destination.interval, Timer::Probe(route, at)));
        if let Some(addresses) = destination.addresses {
            let Destination { identifier, sequence, .. } = *destination;
            let packet = Echo { addresses, is_reply: false, identifier, sequence }.packet(CONTENT);
            self.outputs.push_back(PathOutput::Probe { forward: path.forward, packet });
        }
        self.judge(now, route);
    }

    /// Draws from the destinations whether the route can be used.
    fn judge(&mut self, now: Timestamp, route: usize) {
        let Some(path) = self.paths.get_mut(&route) else { return };
        let hold_time = Duration::from_secs(path.monitor.hold_time.into());
        let before = path.state;
        path.state = match (before, path.has_failed()) {
            (State::Up | State::Down | State::Held(_), true) => State::Down,
            (State::Down, false) if hold_time.is_zero() => State::Up,
            (State::Down, false) => State::Held(now + hold_time),
            (State::Up | State::Held(_), false) => before,
        };
        let after = path.state;
        if let State::Held(until) = before
            && after != before
        {
            self.timers.remove(&(until, Timer::Hold(route)));
        }
        if let State::Held(until) = after {
            self.timers.insert((until, Timer::Hold(route)));
        }
        let is_up = after == State::Up;
        if (before == State::Up) != is_up {
            self.outputs.push_back(PathOutput::Path { route, is_up });
        }
    }
}

impl Path {
    /// `None` for a route without a monitor, and for one that leads to no interface.
    fn new(config: &Config, route: &Route, interfaces: &[Option<InterfaceId>]) -> Option<Self> {
        let monitor = route.path_monitor.clone()?;
        let (place, gateway) = match route.next_hop {
            RouteTarget::Gateway { address, interface } => (interface, Some(address)),
            RouteTarget::Interface(interface) => (interface, None),
            RouteTarget::Router(_) | RouteTarget::Discard => return None,
        };
        let forward = Forward { interface: interfaces.get(place).copied().flatten()?, gateway };
        let own = &config.interfaces.get(place)?.addresses;
        let source_of = |destination: IpAddr| {
            let mut own = own.iter().filter(|own| own.address.is_ipv4() == destination.is_ipv4());
            let next = gateway.unwrap_or(destination);
            let nearest = own.clone().find(|own| own.contains(next));
            nearest.or_else(|| own.next()).map(|own| own.address)
        };
        let destinations = monitor.destinations.iter().map(|monitored| {
            let source = monitored.source.or_else(|| source_of(monitored.destination));
            Destination {
                addresses: source.and_then(|source| between(source, monitored.destination)),
                interval: Duration::from_secs(monitored.interval.max(1).into()),
                limit: monitored.count.max(1),
                identifier: 1,
                sequence: 0,
                unanswered: 0,
                has_failed: false,
            }
        });
        let destinations = destinations.collect();
        let router = config.virtual_routers.get(route.virtual_router).map(|router| router.name.clone());
        let name = (router, route.name.clone(), route.destination.address.is_ipv6());
        Some(Self { name, forward, monitor, destinations, state: State::Up })
    }

    /// Whether both watch the same in the same way.
    fn is_alike(&self, other: &Self) -> bool {
        let ends = |path: &Self| path.destinations.iter().map(|one| one.addresses).collect::<Vec<_>>();
        self.monitor == other.monitor && self.forward == other.forward && ends(self) == ends(other)
    }

    fn has_failed(&self) -> bool {
        let mut failed = self.destinations.iter().map(|destination| destination.has_failed);
        match self.monitor.failure_condition {
            FailureCondition::Any => failed.any(|has_failed| has_failed),
            FailureCondition::All => failed.len() > 0 && failed.all(|has_failed| has_failed),
        }
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
    use bifrons_config::typed::{Interface, MonitoredDestination, Prefix};
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
                        PathOutput::Probe { forward, packet } => self.answer(now, forward, &packet),
                        PathOutput::Path { route, is_up } => {
                            assert_eq!((route, self.monitors.is_up(0)), (0, is_up));
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
        assert!(!network.monitors.is_up(0));
        let other = config(FailureCondition::All, 30, &["8.8.8.8"]);
        network.monitors.apply(after(100), &other, &[Some(InterfaceId(4))]);
        assert_eq!(network.run(103), [(0, true)]);
        network.monitors.apply(after(104), &Config::default(), &[]);
        assert_eq!((network.monitors.poll_timeout(), network.monitors.is_up(0)), (None, true));
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
