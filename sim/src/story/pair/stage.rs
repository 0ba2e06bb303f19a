//! A small network with a pair, and the hand that plays with it.

use std::{net::Ipv4Addr, time::Duration};

use bifrons_ha::{DeviceId, HaLinkId, HaState, InterfaceNumber, SoftwareVersion, StateRequest, VirtualMac};

use super::{
    teller::{Teller, WIDTH, wrap},
    words::{self, Names, Person},
};
use crate::{
    device::{Blueprint, Order, Seat},
    host::resident::{Call, Residence, Resident},
    link::{Endpoint, Place, Quality},
    plan::interface,
    run::{BEGIN, Build},
    story::QUALITY,
    world::{Watch, World},
};

/// Longer than any story lasts.
const FOR_GOOD: Duration = Duration::from_secs(365 * 24 * 3_600);
/// The pair's number in all stories.
pub(super) const GROUP: u8 = 1;

/// A connection to a server's port 80, with requests at these times.
pub(super) fn call_to(
    server: Ipv4Addr,
    (port, opens): (u16, Duration),
    requests: &[Duration],
    closes: Option<Duration>,
) -> Call {
    Call {
        port,
        server: (server, 80),
        opens: BEGIN + opens,
        requests: requests.iter().map(|at| BEGIN + *at).collect(),
        closes: closes.map(|at| BEGIN + at),
    }
}

/// Links between the devices.
const BETWEEN: Quality = Quality { latency: Duration::from_micros(100), mtu: 9_000, ..QUALITY };

/// A host of a story.
pub(super) struct Figure {
    pub name: &'static str,
    pub zone: usize,
    pub residence: Residence,
    pub calls: Vec<Call>,
    /// When it asks for which neighbor without having anything for it.
    pub questions: Vec<(Duration, Ipv4Addr)>,
}

/// What a story is made of.
pub(super) struct Scenery {
    pub title: &'static str,
    pub picture: &'static str,
    /// The lines of both devices, then those of each.
    pub common: String,
    pub own: [String; 2],
    pub links: Vec<HaLinkId>,
    pub zones: Vec<&'static str>,
    pub cast: Vec<Figure>,
    pub is_active_active: bool,
    /// Ports of connections whose segments are only counted.
    pub background: Vec<u16>,
}

/// The network while the story is played.
pub(super) struct Stage {
    world: World,
    teller: Teller,
    zones: usize,
    hosts: usize,
    /// The cables of zones' ports, by zone and device.
    cables: Vec<[usize; 2]>,
    between: Vec<(HaLinkId, usize)>,
    /// What was committed on each device.
    configurations: [String; 2],
}

impl Stage {
    /// Everything is wired and switched on.
    ///
    /// # Errors
    /// When a device refuses its configuration.
    pub fn new(scenery: Scenery, build: Build<'_>) -> Result<Self, String> {
        let Scenery { title, picture, common, own, links, zones, cast, .. } = scenery;
        let (is_active_active, background) = (scenery.is_active_active, scenery.background);
        let people = cast.iter().map(|figure| Person {
            name: figure.name,
            mac: figure.residence.mac,
            address: figure.residence.address,
        });
        let calls = cast.iter().flat_map(|figure| &figure.calls).map(|call| call.port).collect();
        let names = Names {
            people: people.collect(),
            zones: zones.clone(),
            calls,
            background: background.into_iter().collect(),
            is_active_active,
        };
        let mut teller = Teller::new(names, &links);
        teller.write(&opening(title, picture, &common, &own));
        let mut world = World::new(BEGIN, 1, Watch::Everything);
        let configurations = own.map(|own| format!("{common}{own}"));
        for (device, configuration) in (0..).zip(&configurations) {
            let seat = Some(Seat { device, links: &links });
            let blueprint = Blueprint { configuration, ports: zones.len(), workers: 1, seat };
            world.add_device(build(&blueprint, BEGIN)?);
        }
        let hosts = cast.len();
        let end = |place, port| Endpoint { place, port };
        let cables = (0..zones.len()).map(|zone| {
            let switch = Place::Switch(world.add_switch(hosts + 2));
            [0, 1]
                .map(|device| world.connect([end(switch, device), end(Place::Device(device), zone)], QUALITY))
        });
        let cables = cables.collect();
        for (number, figure) in cast.into_iter().enumerate() {
            let questions = figure.questions.iter().map(|(at, address)| (BEGIN + *at, *address)).collect();
            let resident = Resident::new(figure.residence, figure.calls, questions);
            let host = world.add_host(Box::new(resident));
            let switch = Place::Switch(figure.zone);
            world.connect([end(switch, number + 2), end(Place::Host(host), 0)], QUALITY);
        }
        let between = (zones.len()..).zip(&links).map(|(port, link)| {
            let ends = [0, 1].map(|device| end(Place::Device(device), port));
            (*link, world.connect(ends, BETWEEN))
        });
        let between = between.collect();
        Ok(Self { teller, zones: zones.len(), hosts, cables, between, configurations, world })
    }

    /// A new chapter begins.
    pub fn chapter(&mut self, heading: &str) {
        self.teller.chapter(self.world.now(), heading);
    }

    /// What a newcomer should know.
    pub fn remark(&mut self, text: &str) {
        self.teller.remark(self.world.now(), text);
    }

    /// Lets everything happen that comes before so long after the beginning.
    pub fn run_until(&mut self, at: Duration) {
        while self.world.step(BEGIN + at.saturating_sub(Duration::from_nanos(1))) {
            self.watch();
        }
    }

    /// The same, of which nothing is told but what came of it.
    pub fn stand_until(&mut self, at: Duration) {
        self.run_until(at);
        self.teller.forget();
        let lines = wrap_states(&self.teller.states(), at);
        self.teller.write(&lines);
    }

    /// When a device became something, from a time on: both after the beginning.
    pub fn became(&self, device: usize, state: HaState, since: Duration) -> Option<Duration> {
        self.teller.became(device, state, BEGIN + since).map(|at| at.since(BEGIN))
    }

    /// Segments that arrived nowhere. The chapter is over with this.
    pub fn lost(&mut self) -> usize {
        self.teller.lost()
    }

    /// A device loses its power, and begins anew after a time where there is one.
    pub fn crash(&mut self, device: usize, away: Option<Duration>) {
        let text = away.map_or_else(
            || "loses its power".to_owned(),
            |away| format!("loses its power, and begins anew in {}", words::span(away)),
        );
        self.teller.step(self.world.now(), &format!("✕ {}", words::device(device)), &text);
        self.world.restart(device, away.unwrap_or(FOR_GOOD));
        self.teller.gone(self.world.now(), device);
    }

    /// The operator suspends a device, or takes it in again.
    ///
    /// # Errors
    /// Why the device does not.
    pub fn request(&mut self, device: usize, request: StateRequest) -> Result<(), String> {
        let word = match request {
            StateRequest::Suspend => "suspend",
            StateRequest::Functional => "functional",
            StateRequest::SuspendPeer => "peer suspend",
            StateRequest::FunctionalPeer => "peer functional",
        };
        self.order(device, &format!("request high-availability state {word}"), &Order::Pair(request))
    }

    /// The operator installs software that runs from the next start on.
    ///
    /// # Errors
    /// Why the device does not.
    pub fn install(&mut self, device: usize, software: SoftwareVersion) -> Result<(), String> {
        let command = format!("request system software install version {software}");
        self.order(device, &command, &Order::Install(software))
    }

    /// The operator adds lines to the configuration of a device and commits.
    ///
    /// # Errors
    /// Why the device does not.
    pub fn commit(&mut self, device: usize, lines: &str) -> Result<(), String> {
        let text = format!("{}{lines}", self.configurations[device]);
        let order = Order::Commit(text.clone());
        self.order(device, &format!("{}; commit", lines.trim_end()), &order)?;
        self.configurations[device] = text;
        Ok(())
    }

    fn order(&mut self, device: usize, command: &str, order: &Order) -> Result<(), String> {
        let subject = format!("> {}", words::device(device));
        self.teller.step(self.world.now(), &subject, command);
        self.world.order(device, order)?;
        self.watch();
        Ok(())
    }

    /// The cable of a device in a zone is pulled or plugged.
    ///
    /// # Errors
    /// Why the device did not take note of it.
    pub fn pull(&mut self, device: usize, zone: usize, is_pulled: bool) -> Result<(), String> {
        let Some(cable) = self.cables.get(zone).map(|cables| cables[device]) else { return Ok(()) };
        let word = if is_pulled { "is pulled" } else { "is plugged again" };
        let text = format!("the cable of {} {word}", interface(zone));
        self.teller.step(self.world.now(), &format!("✕ {}", words::device(device)), &text);
        self.world.pull(cable, is_pulled)?;
        self.watch();
        Ok(())
    }

    /// A link between the devices carries nothing any more, or carries again; both ports keep their carrier.
    pub fn cut_between(&mut self, link: HaLinkId, is_cut: bool) {
        let Some((_, cable)) = self.between.iter().find(|(known, _)| *known == link) else { return };
        let text = if is_cut { "carries nothing any more" } else { "carries again" };
        self.teller.step(self.world.now(), &format!("✕ {}", words::link(link)), text);
        if let Some(link) = self.world.links.get_mut(*cable) {
            link.cut = [is_cut; 2];
        }
    }

    /// The cable between the devices is pulled or plugged.
    ///
    /// # Errors
    /// Why a device did not take note of it.
    pub fn pull_between(&mut self, link: HaLinkId, is_pulled: bool) -> Result<(), String> {
        let Some((_, cable)) = self.between.iter().find(|(known, _)| *known == link) else { return Ok(()) };
        let text = if is_pulled { "the cable is pulled" } else { "the cable is plugged again" };
        self.teller.step(self.world.now(), &format!("✕ {}", words::link(link)), text);
        self.world.pull(*cable, is_pulled)?;
        self.watch();
        Ok(())
    }

    /// Shows who has learnt which Ethernet address.
    pub fn tables(&mut self) {
        let hosts: Vec<_> = (0..self.hosts).map(|host| self.world.neighbors(host)).collect();
        let mut behind = Vec::new();
        for zone in 0..self.zones {
            let Some(number) = InterfaceNumber::of(&interface(zone)) else { continue };
            for device in [DeviceId::Zero, DeviceId::One] {
                let mac = VirtualMac::new(device, GROUP, number).mac().0;
                // The first two ports of a switch are the devices'.
                if let Some(port) = self.world.port_of(zone, mac).filter(|port| *port < 2) {
                    behind.push((zone, mac, port));
                }
            }
        }
        self.teller.tables(self.world.now(), &hosts, &behind);
    }

    /// The operator looks at a device: `show high-availability` with these words. Only lines that one of
    /// `parts` is in are shown, all where there is none.
    pub fn show(&mut self, device: usize, words: &str, parts: &[&str]) {
        let now = self.world.now();
        let Some(chassis) = self.world.devices.get(device) else { return };
        let text = chassis.device.show_pair(chassis.clock.read(now), words).unwrap_or_default();
        let is_wanted = |line: &&str| parts.is_empty() || parts.iter().any(|part| line.contains(part));
        let lines = text.lines().filter(is_wanted).map(|line| format!("      {line}"));
        let head = format!("\n    {}> show high-availability {words}", words::device(device));
        let lines = std::iter::once(head).chain(lines).chain(std::iter::once(String::new())).collect();
        self.teller.block(now, lines);
    }

    /// The story.
    pub fn finish(self) -> String {
        self.teller.finish()
    }

    fn watch(&mut self) {
        let now = self.world.now();
        let mut list = self.world.take_news();
        for news in list.drain(..) {
            self.teller.tell(now, &news, &mut self.world.devices);
        }
        self.world.return_news(list);
    }
}

fn wrap_states(states: &str, at: Duration) -> String {
    format!("\nBoth have been on for {} s; {states}.\n", at.as_secs())
}

/// What stands in front of the chapters; of a story's second part only what it is about.
fn opening(title: &str, picture: &str, common: &str, own: &[String; 2]) -> String {
    if picture.is_empty() {
        return format!("\n\n════ {title}\n");
    }
    let mut text = format!("{title}\n{picture}\n");
    for (heading, lines) in [("Both devices:", common), ("Device 0:", &own[0]), ("Device 1:", &own[1])] {
        text.push_str(heading);
        text.push('\n');
        for line in lines.lines() {
            text.push_str("  ");
            text.push_str(&wrap(line, WIDTH - 8).join(" \\\n      "));
            text.push('\n');
        }
    }
    text
}
