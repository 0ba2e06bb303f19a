//! The world: one clock, one queue of events, and everything that is wired together.
//!
//! ```text
//! Queue ─► Arrival ─► host │ switch │ firewall ─► frames ─► Link ─► Arrival …
//!       └► Wake ────► host │ firewall ─┘
//! ```
//!
//! Everything happens in the order of (time, order of entry), so two worlds that are built and driven alike
//! are alike in every event; [`World::digest`] is a number over all of them.

use std::{collections::HashMap, net::Ipv4Addr, time::Duration};

use bifrons_model::Timestamp;
use foldhash::fast::FixedState;

use crate::{
    chassis::Chassis,
    device::{Device, DeviceOutput, Order, Written},
    frame::View,
    host::{Host, HostOutput, Report},
    link::{Endpoint, Link, Place, Quality},
    queue::Queue,
    random::{Random, digest},
    switch::{Forward, Mac, Switch},
};

/// Who was to be called at a moment that has passed is called this much later.
const BREATH: Duration = Duration::from_micros(1);

/// How much is told of what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Records and reports.
    Results,
    /// Also every frame at the border of a firewall, taken apart.
    Border,
    /// Also every frame at every host, as it is.
    Everything,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum News {
    /// A firewall takes a frame.
    Enters {
        /// The firewall.
        device: usize,
        /// Its port.
        port: usize,
        /// The frame.
        view: View,
        /// Its bytes, where everything is told.
        bytes: Vec<u8>,
    },
    /// A firewall has sent a frame.
    Leaves {
        /// The firewall.
        device: usize,
        /// Its port.
        port: usize,
        /// The frame.
        view: View,
        /// Its bytes, where everything is told.
        bytes: Vec<u8>,
    },
    /// A firewall has written a record.
    Logged {
        /// The firewall.
        device: usize,
        /// The record.
        written: Box<Written>,
    },
    /// A firewall has done all that it had to do at the moment.
    Settled {
        /// The firewall.
        device: usize,
    },
    /// A host has something to tell.
    Reported {
        /// The host.
        host: usize,
        /// What.
        report: Report,
    },
    /// A host has sent a frame.
    HostSent {
        /// The host.
        host: usize,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A host has got a frame.
    HostGot {
        /// The host.
        host: usize,
        /// The frame.
        bytes: Vec<u8>,
    },
}

impl News {
    /// In words; `None` for what only counts.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Enters { device, port, view, .. } => {
                Some(format!("firewall {device} gets on {port}: {view}"))
            }
            Self::Leaves { device, port, view, .. } => {
                Some(format!("firewall {device} sends on {port}: {view}"))
            }
            Self::Logged { device, written } => Some(format!("firewall {device} logs {}", written.text())),
            Self::Settled { .. } => None,
            Self::Reported { host, report } => Some(format!("host {host} tells {report:?}")),
            Self::HostSent { host, bytes } => Some(format!("host {host} sends {}", View::of(bytes))),
            Self::HostGot { host, bytes } => Some(format!("host {host} gets {}", View::of(bytes))),
        }
    }
}

enum Event {
    /// A frame is at a cable's end.
    Arrival {
        link: usize,
        side: usize,
        frame: Vec<u8>,
    },
    Wake(Place),
}

struct Station {
    host: Box<dyn Host>,
    wake: Option<Timestamp>,
}

/// Takes the side that sends and the frame.
pub type Tap = Box<dyn FnMut(usize, &[u8])>;

/// Everything that there is.
pub struct World {
    now: Timestamp,
    queue: Queue<Event>,
    /// The cables.
    pub links: Vec<Link>,
    switches: Vec<Switch>,
    stations: Vec<Station>,
    /// The firewalls.
    pub devices: Vec<Chassis>,
    wiring: HashMap<Endpoint, (usize, usize), FixedState>,
    /// Who is told what is sent on a cable, by its number.
    taps: Vec<(usize, Tap)>,
    watch: Watch,
    /// Frames at ports of firewalls from here on are not told.
    told_ports: usize,
    news: Vec<News>,
    digest: u64,
    events: u64,
    frames: u64,
    seed: u64,
}

impl World {
    /// An empty world at a moment.
    pub fn new(now: Timestamp, seed: u64, watch: Watch) -> Self {
        Self {
            now,
            queue: Queue::default(),
            links: Vec::new(),
            switches: Vec::new(),
            stations: Vec::new(),
            devices: Vec::new(),
            wiring: HashMap::default(),
            taps: Vec::new(),
            watch,
            told_ports: usize::MAX,
            news: Vec::new(),
            digest: seed,
            events: 0,
            frames: 0,
            seed,
        }
    }

    /// From now on frames at a firewall's port are told where the port's number is below `ports`.
    pub const fn tell_of_ports_below(&mut self, ports: usize) {
        self.told_ports = ports;
    }

    /// Adds a switch.
    pub fn add_switch(&mut self, ports: usize) -> usize {
        self.switches.push(Switch::new(ports));
        self.switches.len() - 1
    }

    /// A port of a switch is of a VLAN: frames of its hosts have no tags, those of ports without one do.
    pub fn set_access(&mut self, switch: usize, port: usize, tag: u16) {
        self.switches[switch].set_access(port, tag);
    }

    /// Adds a host; it gets its first call at the present moment.
    pub fn add_host(&mut self, host: Box<dyn Host>) -> usize {
        let number = self.stations.len();
        self.stations.push(Station { host, wake: Some(self.now) });
        self.queue.push(self.now, Event::Wake(Place::Host(number)));
        number
    }

    /// Adds a firewall; it gets its first call at the present moment.
    pub fn add_device(&mut self, device: Box<dyn Device>) -> usize {
        let number = self.devices.len();
        let mut chassis = Chassis::new(device);
        chassis.wake = Some(self.now);
        self.devices.push(chassis);
        self.queue.push(self.now, Event::Wake(Place::Device(number)));
        number
    }

    /// Lays a cable between two ports.
    pub fn connect(&mut self, ends: [Endpoint; 2], quality: Quality) -> usize {
        let number = self.links.len();
        let random = Random::new(self.seed, "link", number as u64);
        for (side, end) in ends.iter().enumerate() {
            self.wiring.insert(*end, (number, side));
        }
        self.links.push(Link::new(ends, quality, random));
        number
    }

    /// From now on somebody is told of every frame that is sent on a cable, also of those that get lost.
    pub fn listen(&mut self, link: usize, tap: Tap) {
        self.taps.push((link, tap));
    }

    /// The ARP table of a host, where it has one that can be looked at.
    pub fn neighbors(&self, host: usize) -> Vec<(Ipv4Addr, Mac)> {
        self.stations.get(host).map(|station| station.host.neighbors()).unwrap_or_default()
    }

    /// The port of a switch behind which a station was last heard.
    pub fn port_of(&self, switch: usize, station: Mac) -> Option<usize> {
        self.switches.get(switch)?.port_of(station)
    }

    /// The present moment.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// A number over all that happened: equal for equal worlds.
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// Events so far.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Frames that arrived at a host or a firewall so far.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Timestamp> {
        self.queue.next()
    }

    /// Lets the next event happen if it is due by `limit`; false if there is none, and then it is `limit`.
    pub fn step(&mut self, limit: Timestamp) -> bool {
        let Some((at, event)) = self.queue.pop(limit) else {
            self.now = self.now.max(limit);
            return false;
        };
        self.now = at;
        self.events += 1;
        match event {
            Event::Arrival { link, side, frame } => self.arrive(link, side, frame),
            Event::Wake(Place::Host(host)) => {
                if self.stations[host].wake == Some(at) {
                    self.stations[host].host.handle_timeout(at);
                    self.settle_host(host);
                }
            }
            Event::Wake(Place::Device(device)) => {
                if self.devices[device].wake == Some(at) {
                    self.run_device(device);
                }
            }
            Event::Wake(Place::Switch(_)) => {}
        }
        true
    }

    /// Takes what happened since it was last asked for.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Gives back an emptied list, to spare memory work.
    pub fn return_news(&mut self, mut list: Vec<News>) {
        list.clear();
        if self.news.is_empty() {
            self.news = list;
        }
    }

    /// Lets a host send a frame at the present moment, besides what it sends of itself.
    pub fn send_as(&mut self, host: usize, frame: Vec<u8>) {
        self.send(Endpoint { place: Place::Host(host), port: 0 }, frame);
    }

    /// An operator's order to a firewall.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn order(&mut self, device: usize, order: &Order) -> Result<(), String> {
        let chassis = &mut self.devices[device];
        chassis.boot(self.now);
        let done = chassis.device.handle_order(chassis.clock.read(self.now), order);
        self.settle_device(device);
        done
    }

    /// Pulls a cable, or plugs it again; firewalls at its ends notice.
    ///
    /// # Errors
    /// Why a firewall did not take note of it.
    pub fn pull(&mut self, link: usize, is_pulled: bool) -> Result<(), String> {
        let cable = &mut self.links[link];
        cable.is_pulled = is_pulled;
        let ends = cable.ends;
        for end in ends {
            if let Place::Device(device) = end.place {
                self.order(device, &Order::Link { port: end.port, up: !is_pulled })?;
            }
        }
        Ok(())
    }

    /// A firewall does nothing for a while.
    pub fn freeze(&mut self, device: usize, span: Duration) {
        self.devices[device].freeze(self.now, span);
        self.schedule_device(device);
    }

    /// A firewall begins anew.
    pub fn restart(&mut self, device: usize, boot: Duration) {
        self.devices[device].restart(self.now, boot);
        self.schedule_device(device);
    }

    /// A firewall's clock runs otherwise from now on.
    pub fn set_clock(&mut self, device: usize, ppm: i32, forward: Duration) {
        self.devices[device].clock.set(self.now, ppm, forward);
        self.schedule_device(device);
    }

    fn arrive(&mut self, link: usize, side: usize, frame: Vec<u8>) {
        let cable = &mut self.links[link];
        if cable.is_pulled {
            cable.counters.cut += 1;
            return;
        }
        let to = cable.ends[side];
        let place = match to.place {
            Place::Host(host) => host as u64,
            Place::Switch(switch) => 1_000_000 + switch as u64,
            Place::Device(device) => 2_000_000 + device as u64,
        };
        self.mix(place << 8 | to.port as u64);
        self.mix(digest(&frame));
        match to.place {
            Place::Switch(switch) => self.switch(switch, to.port, frame),
            Place::Host(host) => {
                self.frames += 1;
                self.stations[host].host.handle_frame(self.now, &frame);
                if self.watch == Watch::Everything {
                    self.news.push(News::HostGot { host, bytes: frame });
                }
                self.settle_host(host);
            }
            Place::Device(device) => {
                self.frames += 1;
                self.devices[device].boot(self.now);
                if self.devices[device].busy_until(self.now).is_some() {
                    self.devices[device].put_aside(self.now, to.port, frame);
                    self.schedule_device(device);
                } else {
                    self.give(device, to.port, frame);
                    self.settle_device(device);
                }
            }
        }
    }

    fn switch(&mut self, number: usize, port: usize, frame: Vec<u8>) {
        let place = Place::Switch(number);
        let switch = &mut self.switches[number];
        let frame = switch.take_in(port, frame);
        match switch.handle_frame(self.now, port, &frame) {
            Forward::To(out) => {
                if let Some(frame) = switch.let_out(out, frame) {
                    self.send(Endpoint { place, port: out }, frame);
                }
            }
            Forward::Flood => {
                for out in (0..switch.ports).filter(|out| *out != port) {
                    if let Some(frame) = self.switches[number].let_out(out, frame.clone()) {
                        self.send(Endpoint { place, port: out }, frame);
                    }
                }
            }
            Forward::Drop => {}
        }
    }

    fn send(&mut self, from: Endpoint, frame: Vec<u8>) {
        let Some((number, side)) = self.wiring.get(&from).copied() else { return };
        for (_, tap) in self.taps.iter_mut().filter(|(link, _)| *link == number) {
            tap(side, &frame);
        }
        let [first, second] = self.links[number].transmit(self.now, side, frame.len());
        let (link, side) = (number, 1 - side);
        if let Some(at) = second {
            self.queue.push(at, Event::Arrival { link, side, frame: frame.clone() });
        }
        if let Some(at) = first {
            self.queue.push(at, Event::Arrival { link, side, frame });
        }
    }

    fn settle_host(&mut self, host: usize) {
        while let Some(output) = self.stations[host].host.poll_output() {
            match output {
                HostOutput::Frame(bytes) => {
                    if self.watch == Watch::Everything {
                        self.news.push(News::HostSent { host, bytes: bytes.clone() });
                    }
                    self.send(Endpoint { place: Place::Host(host), port: 0 }, bytes);
                }
                HostOutput::Report(report) => self.news.push(News::Reported { host, report }),
            }
        }
        let station = &mut self.stations[host];
        let wake = station.host.poll_timeout(self.now).map(|due| due.max(self.now + BREATH));
        if wake != station.wake {
            station.wake = wake;
            if let Some(at) = wake {
                self.queue.push(at, Event::Wake(Place::Host(host)));
            }
        }
    }

    /// A frame goes into a firewall, unless its port there has no power.
    fn give(&mut self, device: usize, port: usize, frame: Vec<u8>) {
        if self.devices[device].device.is_dark(port) {
            return;
        }
        if self.watch != Watch::Results && port < self.told_ports {
            let bytes = if self.watch == Watch::Everything { frame.clone() } else { Vec::new() };
            self.news.push(News::Enters { device, port, view: View::of(&frame), bytes });
        }
        let chassis = &mut self.devices[device];
        chassis.given += 1;
        chassis.device.handle_frame(chassis.clock.read(self.now), port, frame);
    }

    fn run_device(&mut self, device: usize) {
        if self.devices[device].busy_until(self.now).is_some() {
            self.schedule_device(device);
            return;
        }
        self.devices[device].boot(self.now);
        while let Some((port, frame)) = self.devices[device].waiting.pop_front() {
            self.give(device, port, frame);
            self.drain_device(device);
        }
        let chassis = &mut self.devices[device];
        let shown = chassis.clock.read(self.now);
        if chassis.device.poll_timeout().is_some_and(|due| due <= shown) {
            chassis.device.handle_timeout(shown);
        }
        self.settle_device(device);
    }

    fn settle_device(&mut self, device: usize) {
        self.drain_device(device);
        if !self.devices[device].is_gone() {
            self.news.push(News::Settled { device });
        }
        self.schedule_device(device);
    }

    fn drain_device(&mut self, device: usize) {
        while let Some(output) = self.devices[device].device.poll_output() {
            if self.devices[device].is_gone() {
                continue;
            }
            match output {
                DeviceOutput::Frame { port, bytes } => {
                    if self.watch != Watch::Results && port < self.told_ports {
                        let view = View::of(&bytes);
                        let copy = if self.watch == Watch::Everything { bytes.clone() } else { Vec::new() };
                        self.news.push(News::Leaves { device, port, view, bytes: copy });
                    }
                    self.send(Endpoint { place: Place::Device(device), port }, bytes);
                }
                DeviceOutput::Record(written) => {
                    self.mix(written.record.session_id.0.into());
                    self.news.push(News::Logged { device, written });
                }
            }
        }
    }

    fn schedule_device(&mut self, device: usize) {
        let chassis = &mut self.devices[device];
        let busy = chassis.busy_until(self.now);
        let deadline = chassis.deadline().map(|due| due.max(self.now + BREATH));
        let wake = match busy {
            Some(until) if chassis.waiting.is_empty() && !chassis.is_gone() => {
                deadline.map(|due| due.max(until))
            }
            Some(until) => Some(until),
            None => deadline,
        };
        if wake != chassis.wake {
            chassis.wake = wake;
            if let Some(at) = wake {
                self.queue.push(at, Event::Wake(Place::Device(device)));
            }
        }
    }

    fn mix(&mut self, number: u64) {
        let mixed = self.digest ^ number ^ self.now.as_nanos().rotate_left(32);
        self.digest = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

#[cfg(test)]
mod tests;
