//! Two firewalls as one in the world.
//!
//! ```text
//!             ┌── device 0 ──┐
//!  hosts ── switch  ║ HA  switch ── hosts
//!             └── device 1 ──┘
//! ```
//!
//! Each device has a port in every zone, on the same switch as the other's, and behind these a port for each
//! link to the other device. One of them forwards, or both do: then each has addresses of its own, and hosts
//! may send by one device what is answered by the other. What HA1 carries through TLS and TCP in a product is
//! carried by a link as it is here: it may be lost and come twice.

pub mod history;
pub mod mode;

use std::{fmt::Write as _, time::Duration};

use bifrons_ha::{HaLinkId, HaState, sync::SyncStatus};

use self::{
    history::History,
    mode::{ActiveActive, Mode},
};
use crate::{
    device::{Blueprint, Order, Seat},
    host::Host,
    link::{Endpoint, Place, Quality},
    plan::{Hidden, Plan, Rule, interface},
    run::{self, BEGIN, Build},
    world::{Watch, World},
};

/// What the settings of an active/passive pair begin with.
const PASSIVE: &str = "set deviceconfig high-availability group mode active-passive";

/// The timers of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// The peer is lost after 45 ms.
    #[default]
    Fast,
    /// Three heartbeats of two seconds and a hold of two.
    Recommended,
    /// Three heartbeats of a second and a hold of half a second.
    Aggressive,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Fast, Self::Recommended, Self::Aggressive];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Recommended => "recommended",
            Self::Aggressive => "aggressive",
        }
    }

    /// The profile of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// By when a pair that begins has an active and a passive device.
    pub const fn stands_after(self) -> Duration {
        match self {
            Self::Fast => Duration::from_secs(15),
            Self::Recommended | Self::Aggressive => Duration::from_secs(60),
        }
    }
}

/// A pair before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Hosts, zones, rules and talks; its faults and commits are not played. Routed, without tags.
    pub plan: Plan,
    /// The timers.
    pub profile: Profile,
    /// Whether one device forwards or both.
    pub mode: Mode,
    /// The links between the devices: HA1, HA2 and their backups, HA3.
    pub links: Vec<HaLinkId>,
    /// How good these are.
    pub quality: Quality,
    /// Further lines of both devices' configuration; rules in them come before the plan's.
    pub lines: String,
    /// Whether the loss of any zone's port takes a device out.
    pub monitors: bool,
    /// Active/passive: whether the ports of a device that does not forward have no power.
    pub is_dark: bool,
    /// How much is told of what happens.
    pub watch: Watch,
}

impl Setup {
    /// A pair with HA1 and HA2 on good links.
    pub fn new(plan: Plan, profile: Profile) -> Self {
        let links = vec![HaLinkId::Ha1, HaLinkId::Ha2];
        // HA2 is a network of its own, with longer frames than those of hosts.
        let quality = Quality { mtu: 9_000, ..Quality::default() };
        let (mode, lines) = (Mode::ActivePassive, String::new());
        Self {
            plan,
            profile,
            mode,
            links,
            quality,
            lines,
            monitors: false,
            is_dark: false,
            watch: Watch::Border,
        }
    }

    /// A pair in which both devices forward as is recommended, with HA1, HA2 and HA3 on good links.
    pub fn active_active(plan: Plan, profile: Profile) -> Self {
        let usual = Self::new(plan, profile);
        let links = vec![HaLinkId::Ha1, HaLinkId::Ha2, HaLinkId::Ha3];
        Self { mode: Mode::ActiveActive(ActiveActive::default()), links, ..usual }
    }

    /// The configuration of a device, as `set` lines.
    pub fn configuration(&self, device: u8) -> String {
        self.configuration_with(device, &self.plan.rules)
    }

    /// The configuration of a device with other rules.
    pub fn configuration_with(&self, device: u8, rules: &[Rule]) -> String {
        let mut text = self.lines.clone();
        text.push_str(&self.zone_lines(device, rules));
        self.mode.write(&self.plan, device, &mut text);
        if self.mode == Mode::ActivePassive {
            let state = if self.is_dark { "shutdown" } else { "auto" };
            let _ = writeln!(text, "{PASSIVE} passive-link-state {state}");
        }
        let base = "set deviceconfig high-availability";
        let group = "set deviceconfig high-availability group";
        let (own, peer) = (device + 1, 2 - device);
        let mut line = |words: String| {
            let _ = writeln!(text, "{words}");
        };
        line(format!("{base} enabled yes"));
        line(format!("{group} group-id 1"));
        line(format!("{group} peer-ip 10.255.0.{peer}"));
        for link in &self.links {
            let name = link.name();
            let network = match link {
                HaLinkId::Ha1 => 0,
                HaLinkId::Ha1Backup => 1,
                HaLinkId::HeartbeatBackup => {
                    line(format!("{group} election-option heartbeat-backup yes"));
                    continue;
                }
                HaLinkId::Ha3 => {
                    line(format!("{base} interface {name} port {name} mtu {}", self.quality.mtu));
                    continue;
                }
                HaLinkId::Ha2 | HaLinkId::Ha2Backup => {
                    line(format!("{base} interface {name} port {name}"));
                    continue;
                }
            };
            let address = format!("ip-address 10.255.{network}.{own} netmask 255.255.255.252");
            line(format!("{base} interface {name} port {name} {address}"));
        }
        if self.links.contains(&HaLinkId::Ha1Backup) {
            line(format!("{group} peer-ip-backup 10.255.1.{peer}"));
        }
        line(format!("{group} election-option device-priority {}", 100 + u16::from(device)));
        line(format!("{group} election-option timers {}", self.profile.name()));
        for zone in (0..self.plan.zones.len()).filter(|_| self.monitors) {
            let port = interface(zone);
            line(format!("{group} monitoring link-monitoring link-group all interface {port}"));
        }
        text
    }

    /// Interfaces, zones and translation of a device, and rules.
    fn zone_lines(&self, device: u8, rules: &[Rule]) -> String {
        let plan = &self.plan;
        let hidden: Vec<Hidden> = match self.mode {
            Mode::ActivePassive => vec![Hidden { behind: plan.gateway(1).0, binding: None }],
            // An address of its own for the sessions of each device, which the other one takes over too.
            Mode::ActiveActive(_) => [0, 1]
                .map(|owner| Hidden {
                    behind: Mode::floating_address(plan, 1, owner).0,
                    binding: Some(owner),
                })
                .into(),
        };
        let own = |zone| self.mode.interface_address(plan, zone, device);
        plan.configuration_at(rules, &own, &hidden)
    }

    /// What the devices of the pair are when all is well.
    pub const fn calm_states(&self) -> [Option<HaState>; 2] {
        match self.mode {
            Mode::ActivePassive => [Some(HaState::Active), Some(HaState::Passive)],
            Mode::ActiveActive(_) => [Some(HaState::ActivePrimary), Some(HaState::ActiveSecondary)],
        }
    }
}

/// Longer than any world lasts.
const FOR_GOOD: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// A host that is no part of the plan, and its zone.
pub type Guest = (usize, Box<dyn Host>);

/// A pair in its world.
pub struct Couple {
    /// The world; the devices are 0 and 1 in it.
    pub world: World,
    /// What happened.
    pub history: History,
    zones: usize,
    /// The cables of zones' ports, by zone and device.
    cables: Vec<[usize; 2]>,
    /// The cables between the devices.
    between: Vec<(HaLinkId, usize)>,
}

impl Couple {
    /// Two devices that begin.
    ///
    /// # Errors
    /// When a device refuses its configuration.
    pub fn new(setup: &Setup, build: Build<'_>) -> Result<Self, String> {
        Self::with_guests(setup, Vec::new(), build)
    }

    /// Two devices that begin, and hosts that are no part of the plan behind those that are.
    ///
    /// # Errors
    /// When a device refuses its configuration.
    pub fn with_guests(setup: &Setup, mut guests: Vec<Guest>, build: Build<'_>) -> Result<Self, String> {
        let plan = &setup.plan;
        let zones = plan.zones.len();
        let mut world = World::new(BEGIN, plan.seed, setup.watch);
        for device in 0..2 {
            let configuration = setup.configuration(device);
            let seat = Some(Seat { device, links: &setup.links });
            let blueprint =
                Blueprint { configuration: &configuration, ports: zones, workers: plan.workers, seat };
            world.add_device(build(&blueprint, BEGIN)?);
        }
        let end = |place, port| Endpoint { place, port };
        let mut cables = Vec::new();
        let mut macs = Vec::new();
        for (zone, zone_plan) in plan.zones.iter().enumerate() {
            let mut hosts = run::hosts(plan, zone, &|zone, place| setup.mode.addresses(plan, zone, place));
            hosts.extend(guests.extract_if(.., |(of, _)| *of == zone).map(|(_, guest)| guest));
            let switch = Place::Switch(world.add_switch(hosts.len() + 2));
            cables.push([0, 1].map(|device| {
                world.connect([end(switch, device), end(Place::Device(device), zone)], zone_plan.quality)
            }));
            for (place, host) in hosts.into_iter().enumerate() {
                let number = world.add_host(host);
                macs.push((place < zone_plan.hosts).then(|| plan.mac(zone, place)));
                world.connect([end(switch, 2 + place), end(Place::Host(number), 0)], Quality::default());
            }
        }
        let between = (zones..)
            .zip(&setup.links)
            .map(|(port, link)| {
                let ends = [0, 1].map(|device| end(Place::Device(device), port));
                (*link, world.connect(ends, setup.quality))
            })
            .collect();
        let history = History::new(plan, macs);
        Ok(Self { world, history, zones, cables, between })
    }

    /// Two devices of which the first is active or active-primary, the other passive or active-secondary and
    /// in the know.
    ///
    /// # Errors
    /// When a device refuses its configuration, or the pair does not come to stand in time.
    pub fn standing(setup: &Setup, build: Build<'_>) -> Result<Self, String> {
        Self::standing_with(setup, Vec::new(), build)
    }

    /// The same with hosts that are no part of the plan.
    ///
    /// # Errors
    /// When a device refuses its configuration, or the pair does not come to stand in time.
    pub fn standing_with(setup: &Setup, guests: Vec<Guest>, build: Build<'_>) -> Result<Self, String> {
        let mut pair = Self::with_guests(setup, guests, build)?;
        pair.run_until(setup.profile.stands_after());
        let states = pair.states();
        let has_told = |device| pair.pair_of(device).is_some_and(|(_, sync)| sync == SyncStatus::Complete);
        let is_told = match setup.mode {
            Mode::ActivePassive => has_told(0),
            Mode::ActiveActive(_) => has_told(0) && has_told(1),
        };
        if states == setup.calm_states() && is_told {
            return Ok(pair);
        }
        let after = setup.profile.stands_after();
        Err(format!("after {after:?} the devices are {states:?} and those that forward told all: {is_told}"))
    }

    /// How much time has passed.
    pub fn elapsed(&self) -> Duration {
        self.world.now().since(BEGIN)
    }

    /// Lets everything happen until so long after the beginning.
    pub fn run_until(&mut self, at: Duration) {
        self.run_while(at, |_| true);
    }

    /// Lets everything happen until so long after the beginning, or until `goes_on` says no.
    pub fn run_while(&mut self, at: Duration, goes_on: impl Fn(&Self) -> bool) {
        while goes_on(self) && self.world.step(BEGIN + at) {
            self.watch();
        }
    }

    /// What the devices are; `None` for one that is not there.
    pub fn states(&self) -> [Option<HaState>; 2] {
        [0, 1].map(|device| self.pair_of(device).map(|(state, _)| state))
    }

    /// Sessions that each device has.
    pub fn sessions(&self) -> [u64; 2] {
        [0, 1].map(|device| self.world.devices[device].figures().sessions)
    }

    /// A device dies, and begins anew after a time where there is one.
    pub fn crash(&mut self, device: usize, away: Option<Duration>) {
        self.world.restart(device, away.unwrap_or(FOR_GOOD));
        self.history.gone(self.world.now(), device);
    }

    /// An operator's order to a device.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn order(&mut self, device: usize, order: &Order) -> Result<(), String> {
        let done = self.world.order(device, order);
        self.watch();
        done
    }

    /// The cable of a device in a zone is pulled or plugged.
    ///
    /// # Errors
    /// Why the device did not take note of it.
    pub fn pull(&mut self, device: usize, zone: usize, is_pulled: bool) -> Result<(), String> {
        let cable = self.cables.get(zone).and_then(|cables| cables.get(device)).copied();
        let done = cable.map_or(Ok(()), |cable| self.world.pull(cable, is_pulled));
        self.watch();
        done
    }

    /// A cable between the devices is pulled or plugged.
    ///
    /// # Errors
    /// Why a device did not take note of it.
    pub fn pull_between(&mut self, link: HaLinkId, is_pulled: bool) -> Result<(), String> {
        let cable = self.between.iter().find(|(known, _)| *known == link);
        let done = cable.map_or(Ok(()), |(_, cable)| self.world.pull(*cable, is_pulled));
        self.watch();
        done
    }

    /// From now on no frame of the zones reaches a device, or leaves one. None of them notices.
    pub fn silence(&mut self) {
        for cable in self.cables.iter().flatten() {
            self.world.links[*cable].cut = [true; 2];
        }
    }

    /// The number of a cable between the devices in `world.links`.
    pub fn cable_between(&self, link: HaLinkId) -> Option<usize> {
        self.between.iter().find(|(known, _)| *known == link).map(|(_, cable)| *cable)
    }

    /// The number of a device's cable in a zone in `world.links`; its first end is the switch.
    pub fn cable(&self, device: usize, zone: usize) -> Option<usize> {
        self.cables.get(zone)?.get(device).copied()
    }

    /// What a device is and how well the other's copies follow; `None` for one that is not there.
    pub fn pair_of(&self, device: usize) -> Option<(HaState, SyncStatus)> {
        let chassis = self.world.devices.get(device).filter(|chassis| !chassis.is_gone())?;
        chassis.device.pair()
    }

    /// Takes note of what happened.
    fn watch(&mut self) {
        let now = self.world.now();
        let list = self.world.take_news();
        for news in &list {
            if let Some(device) = self.history.take(now, news, self.zones) {
                let chassis = &mut self.world.devices[device];
                let log = chassis.device.take_system_log();
                let state = chassis.device.pair().map(|(state, _)| state);
                self.history.settled(now, device, state, &chassis.device.figures(), log);
            }
        }
        self.world.return_news(list);
    }
}
