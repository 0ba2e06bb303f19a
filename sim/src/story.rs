//! Small runs told step by step: what each host sent and got, what the firewall did, and what it logged.

mod pair;
mod scenes;

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use bifrons_model::Timestamp;

use crate::{
    device::{Blueprint, Figures},
    frame::{Body, Content, View},
    host::Host,
    link::{Endpoint, Place, Quality},
    plan::ZONES,
    run::{BEGIN, Build},
    world::{News, Watch, World},
};

/// The stories there are, each with what it is about.
pub const STORIES: [(&str, &str); 17] = [
    ("handshake", "a TCP connection from its SYN to its line in the log"),
    ("syn-ack-rst", "a client that refuses the answer it asked for"),
    ("reuse", "a port that is used again at once"),
    ("asymmetric", "the firewall sees one direction of a connection only"),
    ("nat", "sources behind one address, and a server behind another one"),
    ("flood", "SYNs upon a table that is full"),
    ("icmp-unreachable", "an error about a session finds its way back"),
    ("ap-crash", "active/passive: the active device dies"),
    ("ap-link-down", "active/passive: the active one loses a link that it watches"),
    ("split-brain", "active/passive: HA1 is cut, both lead, and heal"),
    ("upgrade", "active/passive: other software, and no packet is lost"),
    ("aa-asymmetric", "active/active: requests to one device, answers to the other"),
    ("aa-combinations", "active/active: the combinations of owner and setup device"),
    ("aa-owner-dies", "active/active: the owner of a session dies and comes back"),
    ("floating-ip", "active/active: a router learns addresses, and one moves"),
    ("arp-load-sharing", "active/active: two devices answer for one address"),
    ("aa-no-ha3", "active/active: without HA3, and one that fails"),
];

/// How long a story may take: longer than the timeouts of its sessions.
const PATIENCE: Duration = Duration::from_secs(7_200);

/// A story before it is told.
pub(crate) struct Scene {
    /// What it is about.
    title: &'static str,
    /// The firewall's configuration.
    configuration: String,
    /// Each host: what it is called, its zone, and what it does.
    cast: Vec<(&'static str, usize, Box<dyn Host>)>,
    /// Steps of a kind beyond so many are only counted.
    most_alike: usize,
}

/// Tells a story.
///
/// # Errors
/// When there is none of this name, or the firewall refuses its configuration.
pub fn tell(name: &str, build: Build<'_>) -> Result<String, String> {
    if let Some(told) = pair::tell(name, build) {
        return told;
    }
    let scene = scenes::scene(name)
        .ok_or_else(|| format!("no story {name}; there are {}", STORIES.map(|(name, _)| name).join(", ")))?;
    let mut teller = Teller::new(&scene);
    let mut world = World::new(BEGIN, 1, Watch::Everything);
    let zones = 1 + scene.cast.iter().map(|(_, zone, _)| *zone).max().unwrap_or_default();
    let blueprint = Blueprint { configuration: &scene.configuration, ports: zones, workers: 1, seat: None };
    let device = world.add_device(build(&blueprint, BEGIN)?);
    for zone in 0..zones {
        let switch = world.add_switch(scene.cast.len() + 1);
        let ends = [
            Endpoint { place: Place::Switch(switch), port: 0 },
            Endpoint { place: Place::Device(device), port: zone },
        ];
        world.connect(ends, QUALITY);
    }
    for (number, (_, zone, host)) in scene.cast.into_iter().enumerate() {
        let host = world.add_host(host);
        let ends = [
            Endpoint { place: Place::Switch(zone), port: number + 1 },
            Endpoint { place: Place::Host(host), port: 0 },
        ];
        world.connect(ends, QUALITY);
    }
    loop {
        let figures = world.devices[device].device.figures();
        let is_over = teller.has_begun && figures.sessions == 0 && !teller.waits(&world);
        if is_over || !world.step(BEGIN + PATIENCE) {
            break;
        }
        for news in world.take_news() {
            teller.tell(world.now(), &news, &world);
        }
    }
    Ok(teller.finish(&world.devices[device].device.figures()))
}

/// Links take half a millisecond, so that each step has its own time.
const QUALITY: Quality = Quality {
    latency: Duration::from_micros(500),
    jitter: Duration::ZERO,
    loss: 0,
    duplicate: 0,
    reorder: 0,
    mtu: 1_500,
    bandwidth: 0,
};

struct Teller {
    text: String,
    cast: Vec<&'static str>,
    most_alike: usize,
    told: BTreeMap<String, usize>,
    has_begun: bool,
    /// What the firewall was given and has not answered with anything.
    given: Option<(Timestamp, String)>,
    before: Figures,
    drops: Vec<(&'static str, u64)>,
}

impl Teller {
    fn new(scene: &Scene) -> Self {
        let mut text = format!("{}\n\n", scene.title);
        for line in scene.configuration.lines().filter(|line| !line.contains("ipv6")) {
            let _ = writeln!(text, "  {line}");
        }
        text.push('\n');
        Self {
            text,
            cast: scene.cast.iter().map(|(name, ..)| *name).collect(),
            most_alike: scene.most_alike,
            told: BTreeMap::new(),
            has_begun: false,
            given: None,
            before: Figures::default(),
            drops: Vec::new(),
        }
    }

    /// Whether hosts have something ahead of them.
    fn waits(&self, world: &World) -> bool {
        world.next().is_some_and(|next| next.since(world.now()) < Duration::from_secs(10))
    }

    fn tell(&mut self, now: Timestamp, news: &News, world: &World) {
        match news {
            News::HostSent { host, bytes } => self.line(now, self.cast[*host], "sends", &View::of(bytes)),
            News::HostGot { host, bytes } => self.line(now, self.cast[*host], "gets", &View::of(bytes)),
            News::Enters { view, .. } => {
                self.given = view.packet().map(|_| (now, view.to_string()));
            }
            News::Leaves { port, view, .. } => {
                self.given = None;
                let zone = ZONES.get(*port).copied().unwrap_or_default();
                self.line(now, "firewall", &format!("to {zone}"), view);
            }
            News::Logged { written, .. } => {
                self.plain(now, "firewall", "logs", &written.text());
            }
            News::Settled { device } => {
                let figures = world.devices[*device].device.figures();
                self.has_begun |= figures.sessions > 0;
                let dropped = figures.dropped > self.before.dropped;
                let drops = world.devices[*device].device.drops();
                if let Some((_, text)) = self.given.take().filter(|_| dropped) {
                    let is_new = |(reason, count): &&(&str, u64)| {
                        self.drops.iter().all(|(known, before)| known != reason || before < count)
                    };
                    let why = drops.iter().find(is_new).map_or("", |(reason, _)| *reason);
                    self.plain(now, "firewall", "drops", &format!("{text} ({why})"));
                }
                (self.before, self.drops) = (figures, drops);
            }
            News::Reported { .. } => {}
        }
    }

    fn line(&mut self, now: Timestamp, who: &str, what: &str, view: &View) {
        // That the firewall announces its addresses is the same in all stories.
        let announces = match view.content {
            Content::Arp { sender, target, .. } => sender == target,
            Content::Ip(packet) => matches!(packet.body, Body::Neighbor { .. }),
            Content::Other(_) | Content::Broken => false,
        };
        if announces {
            return;
        }
        self.plain(now, who, what, &view.to_string());
    }

    fn plain(&mut self, now: Timestamp, who: &str, what: &str, text: &str) {
        // Floods differ in addresses and numbers; what is alike is the kind of thing.
        let kind = format!("{who} {what} {}", text.split(' ').next().unwrap_or_default());
        let count = self.told.entry(kind).or_default();
        *count += 1;
        if *count <= self.most_alike {
            let at = now.since(BEGIN);
            let (seconds, micros) = (at.as_secs(), at.subsec_micros());
            let _ = writeln!(self.text, "{seconds:5}.{micros:06}  {who:<8}  {what:<10} {text}");
        }
    }

    fn finish(mut self, figures: &Figures) -> String {
        let more: Vec<(String, usize)> = self
            .told
            .iter()
            .filter(|(_, count)| **count > self.most_alike)
            .map(|(kind, count)| (kind.clone(), count - self.most_alike))
            .collect();
        for (kind, count) in more {
            let _ = writeln!(self.text, "{:>12}  {kind}, {count} times more", "");
        }
        let _ = writeln!(
            self.text,
            "\n{} frames came in, {} were forwarded, {} dropped, {} for the firewall itself; {} sessions \
             refused",
            figures.received, figures.transmitted, figures.dropped, figures.own, figures.refused
        );
        self.text
    }
}
