//! What goes into the firewall and what comes out of it.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::BuildHasher,
    net::IpAddr,
    time::Duration,
};

use bifrons_model::Timestamp;
use foldhash::quality::FixedState;

use super::{
    Flow, Judged, Network, Opening, Rules, What, allows,
    pieces::{Pieces, Whole},
    translations::Translations,
};
use crate::{
    frame::{Body, Content, Packet, View, flag, is_echo},
    host::file_transfer,
    plan::{Rule, Verdict},
    switch::Mac,
};

/// How long the firewall may keep a packet: until a neighbor is known, or the rest of a packet has come.
const KEPT: Duration = Duration::from_secs(20);

/// How long an IPv6 address of the firewall is tentative (RFC 4862, section 5.4): a second, and what a freeze
/// may add to it.
const TENTATIVE: Duration = Duration::from_secs(6);

/// The length of an Ethernet header.
const ETHERNET: usize = 14;

/// The devices that a firewall may consist of.
pub(super) const DEVICES: usize = 2;

/// Where something is seen: at a device, in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Spot {
    pub device: usize,
    pub zone: usize,
}

/// Packets in flight inside the firewall, and what passed.
#[derive(Default)]
pub(super) struct Border {
    /// Packets that went in and may come out, by what does not change on the way.
    inside: HashMap<u64, Inside>,
    /// When which packets went in, to forget them.
    order: VecDeque<(Timestamp, u64)>,
    /// Who began what.
    begun: HashSet<Flow>,
    /// What an address and port in front of the firewall stands for behind it, at each device.
    hidden: [HashMap<Flow, (IpAddr, u16)>; DEVICES],
    /// What arrived, by direction.
    pub arrived: HashMap<Flow, Volume>,
    /// What left, by the direction in which it arrived.
    pub left: HashMap<Flow, Volume>,
    /// Questions about the firewall's own addresses that were not answered yet.
    owed: Vec<Owed>,
    /// When each device began.
    woke: [Option<Timestamp>; DEVICES],
    /// Since when the links of devices in zones that were pulled have been as they are, and whether they are
    /// pulled.
    pulled: HashMap<(usize, usize), (Timestamp, bool)>,
    /// Segment sizes that it lowered.
    lowered: u64,
    /// Packets in parts that go in, and that come out.
    parts: [Pieces; 2],
    /// Packets that left in parts.
    parted: u64,
    /// Frames that each device has forwarded since it began.
    pub forwarded: [u64; DEVICES],
    /// As what sessions that are hidden and not over go out, of two devices: all by the first one's, but for
    /// what the second one lets out while they are apart.
    going: Option<[Translations; DEVICES]>,
    /// Only one is to forward, and both do, for neither hears the other: each gives all ports.
    are_apart: bool,
    /// Both devices forward: what the one receives leaves by the other one too.
    is_shared: bool,
}

/// A question for a neighbor's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owed {
    device: usize,
    port: usize,
    target: IpAddr,
    asked_by: Mac,
}

struct Inside {
    flow: Flow,
    /// The frames that each of them came in.
    frames: u64,
    segment_size: Option<u16>,
    hop_limit: u8,
    at: Spot,
    count: u32,
    since: Timestamp,
    /// The rules that were in force when it came, of each device that may judge it: it may wait for a
    /// neighbor while others are committed.
    rules: [usize; DEVICES],
}

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Volume {
    pub packets: u64,
    pub bytes: u64,
}

impl Volume {
    pub fn add(&mut self, packets: u64, bytes: u64) {
        self.packets += packets;
        self.bytes += bytes;
    }
}

impl Border {
    /// The border of a firewall that begins at `woke`.
    pub fn new(woke: Timestamp) -> Self {
        Self { woke: [Some(woke); DEVICES], ..Self::default() }
    }

    /// The border of two devices that begin at `woke`, which translate as one.
    pub fn of_pair(woke: Timestamp, is_shared: bool) -> Self {
        Self { going: Some(Default::default()), is_shared, ..Self::new(woke) }
    }

    /// The firewall began anew.
    pub fn forget(&mut self, woke: Timestamp) {
        let pulled = std::mem::take(&mut self.pulled);
        *self = Self { pulled, lowered: self.lowered, parted: self.parted, ..Self::new(woke) };
    }

    /// A device of two began anew; what the other one knows stays.
    pub fn forget_device(&mut self, device: usize, woke: Timestamp) {
        self.inside.retain(|_, inside| inside.at.device != device || self.is_shared);
        self.owed.retain(|owed| owed.device != device);
        self.woke[device] = Some(woke);
        self.forwarded[device] = 0;
    }

    /// Whether only one is to forward, and both do, for neither hears the other.
    pub const fn set_apart(&mut self, are_apart: bool) {
        self.are_apart = are_apart;
    }

    /// A session is over, by the log: its translation is free.
    pub fn closed(&mut self, flow: &Flow) {
        self.going.iter_mut().flatten().for_each(|going| going.end(flow));
    }

    /// In a span one device does not hear of the other's sessions.
    pub fn untold(&mut self, from: Timestamp, until: Timestamp) {
        self.going.iter_mut().flatten().for_each(|going| going.untold(from, until));
    }

    /// From now on sessions may be translated otherwise than before; those older than `since` may not.
    pub fn forget_translations(&mut self, since: Option<Timestamp>) {
        self.going.iter_mut().flatten().for_each(|going| going.forget(since));
    }

    pub fn pulled(&mut self, now: Timestamp, at: Spot, is_pulled: bool) {
        self.pulled.insert((at.device, at.zone), (now, is_pulled));
    }

    pub fn sights(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        [("segment-size-lowered", self.lowered), ("packet-in-parts", self.parted)].into_iter()
    }

    pub fn enters(&mut self, now: Timestamp, at: Spot, view: &View, network: &Network, rules: &[&Rules]) {
        let Spot { device, zone: port } = at;
        self.age(now);
        if let Some(target) = asked_for(view).filter(|target| network.own.contains(target)) {
            let (link, is_pulled) = self.pulled.get(&(device, port)).copied().unwrap_or_default();
            let is_young = self.woke[device].is_none_or(|woke| now.since(woke.max(link)) < TENTATIVE);
            if (target.is_ipv4() || !is_young) && !is_pulled {
                self.owed.push(Owed { device, port, target, asked_by: view.source });
            }
        }
        let Some(packet) = view.packet().filter(|packet| travels(packet)) else { return };
        match packet.piece {
            None => {
                let whole = Whole { packet: *packet, frames: 1, bytes: view.length as u64 };
                self.take_in(now, at, &whole, network, rules);
            }
            Some(piece) => {
                let spot = self.place(at);
                if let Some(whole) = self.parts[0].add(now, spot, packet, piece, view.length) {
                    self.take_in(now, at, &whole, network, rules);
                }
            }
        }
    }

    /// A packet is in the firewall, whole.
    fn take_in(&mut self, now: Timestamp, at: Spot, whole: &Whole, network: &Network, rules: &[&Rules]) {
        let packet = &whole.packet;
        let flow = Flow::of(packet);
        let to = if network.hides_behind(packet.destination) { 0 } else { network.zone(packet.destination) };
        let print = fingerprint(packet, self.place(Spot { zone: to, ..at }));
        let inside = self.inside.entry(print).or_insert(Inside {
            flow,
            frames: whole.frames,
            segment_size: segment_size(packet),
            hop_limit: packet.hop_limit,
            at,
            count: 0,
            since: now,
            rules: [0; DEVICES],
        });
        if inside.count == 0 {
            inside.rules.iter_mut().zip(rules).for_each(|(number, rules)| *number = rules.number());
        }
        inside.count += 1;
        inside.since = now;
        self.order.push_back((now, print));
        inside.frames = whole.frames;
        self.arrived.entry(flow).or_default().add(whole.frames, whole.bytes);
        let opens = match packet.body {
            Body::Tcp(segment) => segment.has(flag::SYN) && !segment.has(flag::ACK),
            Body::Udp(..) => !self.begun.contains(&flow.reversed()),
            Body::Icmp { kind, .. } => matches!(kind, 8 | 128),
            Body::Neighbor { .. } | Body::Other => false,
        };
        // What comes back to a hidden address answers.
        if opens && self.behind(at, &flow).is_none() {
            self.begun.insert(flow);
        }
    }

    pub fn leaves(
        &mut self,
        now: Timestamp,
        at: Spot,
        view: &View,
        network: &Network,
        rules: &[&Rules],
    ) -> Judged {
        let Spot { device, zone: port } = at;
        if self.pulled.get(&(device, port)).is_some_and(|(_, is_pulled)| *is_pulled) {
            return Err((What::Delivered, format!("it sends {view} to zone {port}, whose cable is pulled")));
        }
        self.settle_answer(at, view);
        let is_long = network.mtus.get(port).is_some_and(|mtu| view.untagged_length() > mtu + ETHERNET);
        if is_long && !network.is_wire() {
            return Err((What::Delivered, format!("it sends {view}, too long for the link of zone {port}")));
        }
        let Some(packet) = view.packet().filter(|packet| travels(packet)) else {
            // What neighbors say to each other passes a wire only.
            self.forwarded[device] += u64::from(network.is_wire());
            return Ok(());
        };
        let bytes = view.untagged_length();
        let whole = match packet.piece {
            None => Whole { packet: *packet, frames: 1, bytes: bytes as u64 },
            Some(piece) => match self.parts[1].add(now, self.place(at), packet, piece, bytes) {
                Some(whole) => {
                    self.parted += 1;
                    whole
                }
                None => return Ok(()),
            },
        };
        self.judge((now, at), view, &whole, network, rules)
    }

    /// A packet has left, whole.
    fn judge(
        &mut self,
        (now, at): (Timestamp, Spot),
        view: &View,
        whole: &Whole,
        network: &Network,
        rules: &[&Rules],
    ) -> Judged {
        let (packet, port) = (&whole.packet, at.zone);
        if !packet.is_sound {
            return Err((What::Faithful, format!("it sends {view}")));
        }
        let print = fingerprint(packet, self.place(at));
        let is_known = self.inside.get(&print).is_some_and(|inside| inside.count > 0);
        if !is_known {
            return self.judge_own(at, view, packet, network, rules);
        }
        let Some(inside) = self.inside.get_mut(&print) else { return Ok(()) };
        inside.count -= 1;
        self.forwarded[at.device] += inside.frames;
        let (flow, came_on, hops, then) = (inside.flow, inside.at.zone, inside.hop_limit, inside.rules);
        let expected = if network.is_wire() { hops } else { hops.saturating_sub(1) };
        if packet.hop_limit != expected {
            let text = format!("it sends {view} with {} hops left, it came with {hops}", packet.hop_limit);
            return Err((What::Faithful, text));
        }
        let told = inside.segment_size;
        // Parts may be cut again on their way out.
        let frames = whole.frames.min(inside.frames);
        self.left.entry(flow).or_default().add(frames, if whole.frames > frames { 0 } else { whole.bytes });
        self.judge_segment_size(told, [came_on, port], view, packet, network)?;
        let origin = self.translate((now, at), (flow, came_on), packet, network)?;
        self.judge_way(port, view, packet, network)?;
        let mut sets = rules.iter().zip(then).flat_map(|(rules, then)| [rules.current(), rules.of(then)]);
        if !sets.any(|rules| self.is_allowed(&origin, packet, network, rules)) {
            return Err((What::Allowed, format!("it forwards {view}, and no rule allows it")));
        }
        Ok(())
    }

    /// All questions to a device must have been answered, for addresses that it answers for.
    pub fn settled(&mut self, device: usize, answers: impl Fn(IpAddr) -> bool) -> Judged {
        let owed = self.owed.extract_if(.., |owed| owed.device == device);
        let owed = owed.filter(|owed| answers(owed.target)).reduce(|first, _| first);
        if self.parts[1].are_open() {
            return Err((What::Faithful, "it sends a part of a packet and not the rest".to_owned()));
        }
        match owed {
            Some(owed) => Err((What::Neighbor, format!("{} was asked for and is not told", owed.target))),
            None => Ok(()),
        }
    }

    /// A packet that did not come in: a reset of a connection that is not allowed, or a control connection
    /// whose words are changed.
    fn judge_own(
        &mut self,
        at: Spot,
        view: &View,
        packet: &Packet,
        network: &Network,
        rules: &[&Rules],
    ) -> Judged {
        let flow = Flow::of(packet);
        let origin = self.origin(at, flow);
        let openings = [origin, origin.reversed()].map(|flow| flow.opening(network));
        let resets = |opening: &Opening| {
            rules.iter().any(|rules| super::judge(rules.current(), opening) == Verdict::ResetBoth)
        };
        // What was announced is refused together with the control connection.
        let mut controls =
            self.begun.iter().filter(|control| control.destination.1 == file_transfer::CONTROL);
        let is_refused =
            openings.iter().any(resets) || controls.any(|control| resets(&control.opening(network)));
        if packet.has(flag::RST) && is_refused {
            return Ok(());
        }
        let is_control = [flow.source.1, flow.destination.1].contains(&file_transfer::CONTROL);
        if !network.hidden.is_empty() && is_control {
            self.forwarded[at.device] += 1;
            return Ok(());
        }
        // Hidden hosts speak with an address of the firewall too, so what came in was looked for first.
        if network.is_own(packet.source) {
            return Ok(());
        }
        Err((What::Faithful, format!("it sends {view}, which did not come or has left already")))
    }

    /// The segment size that a SYN announces must be what its sender said, or what fits where that is less.
    fn judge_segment_size(
        &mut self,
        told: Option<u16>,
        zones: [usize; 2],
        view: &View,
        packet: &Packet,
        network: &Network,
    ) -> Judged {
        let fits = network.segment_size(zones, packet.source.is_ipv6()).filter(|_| network.adjusts);
        let expected = told.map(|told| fits.map_or(told, |fits| told.min(fits)));
        self.lowered += u64::from(expected != told);
        if segment_size(packet) == expected {
            return Ok(());
        }
        let found = segment_size(packet);
        Err((
            What::Faithful,
            format!("it sends {view} with segment size {found:?}, {expected:?} is expected"),
        ))
    }

    /// Checks what addresses became; the flow as its sender called it.
    fn translate(
        &mut self,
        (now, at): (Timestamp, Spot),
        (flow, came_on): (Flow, usize),
        packet: &Packet,
        network: &Network,
    ) -> Result<Flow, (What, String)> {
        let out = Flow::of(packet);
        let wrong = |expected: String| {
            let text = format!("{:?} came, {:?} leaves, {expected} is expected", flow, out);
            Err((What::Faithful, text))
        };
        let is_hidden = !network.hidden.is_empty() && came_on == 0 && at.zone == 1 && flow.source.0.is_ipv4();
        if is_hidden && self.begun.contains(&flow) {
            // What was announced fares as the session that did so, which was not hidden if others opened it.
            if out == flow && flow.source.1 == file_transfer::DATA {
                return Ok(flow);
            }
            if !network.hides_behind(out.source.0) || out.destination.0 != flow.destination.0 {
                return wrong(format!("a source of {:?}", network.hidden));
            }
            let (own, apart) = (self.place(at).device, self.are_apart);
            for (_, hidden) in self.hidden.iter_mut().enumerate().filter(|(of, _)| *of == own || !apart) {
                hidden.insert(out.reversed(), flow.source);
            }
            let going = self.going.as_mut().map(|going| &mut going[if apart { own } else { 0 }]);
            if let Some(Err(text)) = going.map(|going| going.note(now, flow, out)) {
                return Err((What::Faithful, text));
            }
            return Ok(flow);
        }
        if let Some(origin) = self.behind(at, &flow) {
            if out.source.0 != flow.source.0 || out.destination != origin {
                return wrong(format!("destination {origin:?}"));
            }
            // An echo has one identifier, which stands for both ports.
            let is_echo = !matches!(flow.protocol, 6 | 17);
            let source = if is_echo { (flow.source.0, origin.1) } else { flow.source };
            return Ok(Flow { source, destination: origin, ..flow });
        }
        // Announced connections to a hidden client are translated back without having been seen.
        if [flow.destination.0, out.source.0].into_iter().any(|address| network.hides_behind(address)) {
            return Ok(Flow { source: flow.source, destination: out.destination, ..flow });
        }
        if out != flow { wrong("no change".into()) } else { Ok(flow) }
    }

    /// Who is behind the address and port that a flow goes to, at a device; what that one never let out it
    /// may know of the other one.
    fn behind(&self, at: Spot, flow: &Flow) -> Option<(IpAddr, u16)> {
        let own = self.place(at).device;
        [own, 1 - own].into_iter().find_map(|device| self.hidden[device].get(flow)).copied()
    }

    /// A flow towards a hidden address as its receiver knows it.
    fn origin(&self, at: Spot, flow: Flow) -> Flow {
        let back = |flow: Flow| self.behind(at, &flow).map(|origin| Flow { destination: origin, ..flow });
        back(flow).or_else(|| back(flow.reversed()).map(Flow::reversed)).unwrap_or(flow)
    }

    /// The neighbor to whom a packet goes must be its receiver.
    fn judge_way(&self, port: usize, view: &View, packet: &Packet, network: &Network) -> Judged {
        let Some((zone, mac)) = network.places.get(&packet.destination) else { return Ok(()) };
        if *zone == port && *mac == view.destination {
            return Ok(());
        }
        let text = format!("it sends {view} on port {port} to {:02x?}", view.destination);
        Err((What::Delivered, text))
    }

    fn is_allowed(&self, flow: &Flow, packet: &Packet, network: &Network, rules: &[Rule]) -> bool {
        let is_error = matches!(packet.body, Body::Icmp { kind, .. } if !is_echo(kind));
        if is_error {
            return true;
        }
        let allowed = |flow: &Flow| self.begun.contains(flow) && allows(rules, &flow.opening(network));
        allowed(flow) || allowed(&flow.reversed()) || self.is_announced(flow, network, rules)
    }

    /// Whether a data connection belongs to a control connection between the same hosts that is allowed.
    fn is_announced(&self, flow: &Flow, network: &Network, rules: &[Rule]) -> bool {
        let (a, b) = (flow.source.0, flow.destination.0);
        flow.protocol == 6
            && self.begun.iter().any(|control| {
                let same = [(a, b), (b, a)].contains(&(control.source.0, control.destination.0));
                let is_hidden = [a, b].into_iter().any(|address| network.hides_behind(address));
                control.destination.1 == file_transfer::CONTROL
                    && (same || is_hidden)
                    && allows(rules, &control.opening(network))
            })
    }

    /// Where a packet is looked for that was seen somewhere.
    const fn place(&self, at: Spot) -> Spot {
        Spot { device: if self.is_shared { 0 } else { at.device }, zone: at.zone }
    }

    fn settle_answer(&mut self, at: Spot, view: &View) {
        let told = match view.content {
            Content::Arp { is_request: false, sender, .. } => IpAddr::V4(sender),
            Content::Ip(Packet { body: Body::Neighbor { is_question: false, target }, .. }) => target.into(),
            Content::Arp { .. } | Content::Ip(_) | Content::Other(_) | Content::Broken => return,
        };
        let is_this = |owed: &Owed| {
            Spot { device: owed.device, zone: owed.port } == at
                && owed.target == told
                && owed.asked_by == view.destination
        };
        if let Some(place) = self.owed.iter().position(is_this) {
            self.owed.remove(place);
        }
    }

    fn age(&mut self, now: Timestamp) {
        while let Some((_, print)) = self.order.pop_front_if(|(since, _)| now.since(*since) > KEPT) {
            if self.inside.get(&print).is_some_and(|inside| now.since(inside.since) > KEPT) {
                self.inside.remove(&print);
            }
        }
    }
}

/// Whether a packet goes beyond its link: what neighbors say to each other does not.
fn travels(packet: &Packet) -> bool {
    !matches!(packet.body, Body::Neighbor { .. })
        && !packet.destination.is_multicast()
        && !matches!(packet.body, Body::Icmp { kind: 133 | 134 | 137 | 143, .. })
}

/// The address that a frame asks its owner to tell. Who asks for its own address announces it and expects no
/// answer (RFC 5227, section 2.3).
fn asked_for(view: &View) -> Option<IpAddr> {
    match view.content {
        Content::Arp { is_request: true, sender, target, .. } if sender != target => Some(target.into()),
        Content::Ip(Packet { body: Body::Neighbor { is_question: true, target }, .. }) => Some(target.into()),
        Content::Arp { .. } | Content::Ip(_) | Content::Other(_) | Content::Broken => None,
    }
}

/// The segment size that a SYN announces.
const fn segment_size(packet: &Packet) -> Option<u16> {
    match packet.body {
        Body::Tcp(segment) => segment.segment_size,
        Body::Udp(..) | Body::Icmp { .. } | Body::Neighbor { .. } | Body::Other => None,
    }
}

/// What no router and no address translation changes in a packet, and where it leaves.
fn fingerprint(packet: &Packet, to: Spot) -> u64 {
    let transport = match packet.body {
        Body::Tcp(segment) => (
            u64::from(segment.sequence) << 32 | u64::from(segment.acknowledgement),
            u64::from(segment.flags) << 16 | u64::from(segment.window),
            segment.options,
        ),
        Body::Icmp { kind, code, number, .. } => (u64::from(kind) << 8 | u64::from(code), number.into(), 0),
        Body::Udp(..) | Body::Neighbor { .. } | Body::Other => (0, 0, 0),
    };
    FixedState::with_seed(1).hash_one((to, packet.protocol, transport, packet.payload_length, packet.payload))
}
