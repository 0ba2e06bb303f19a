//! Tells what happens around a pair: packets on their way, states, what the devices say to each other, logs.
//!
//! ```text
//!  host sends ─► [device takes] ─► device sends ─► host gets       one journey, told in one line
//! ```

use std::{collections::BTreeMap, fmt::Write as _, net::Ipv4Addr};

use bifrons_ha::{HaEvent, HaLinkId, HaState, Severity, SystemRecord};
use bifrons_model::Timestamp;

use super::words::{self, Names, Said};
use crate::{
    chassis::Chassis,
    device::Figures,
    frame::{Content, Packet, Tcp, View},
    run::BEGIN,
    switch::Mac,
    world::News,
};

/// Columns of a page.
pub(super) const WIDTH: usize = 98;
/// Columns of what stands in front: the time, then what it is about.
const TIME: usize = 14;
const SUBJECT: usize = 22;

/// What a TCP segment keeps through a firewall.
type Segment = (u32, u32, u8, usize, u64);

/// A line of a chapter, or a block of several.
#[derive(Clone, Debug)]
struct Line {
    at: Timestamp,
    subject: String,
    /// The rest, then lines below it.
    text: Vec<String>,
    /// Whether others that say the same are counted here.
    gathers: bool,
    times: usize,
    last: Timestamp,
    /// Of what happens at one moment, what is decided stands before what is sent.
    is_sent: bool,
}

/// A packet between hosts.
#[derive(Clone, Debug)]
struct Journey {
    /// Its place among the lines of the chapter.
    line: usize,
    segment: Segment,
    path: String,
    /// Where it is.
    place: String,
    /// Whether it goes on over HA3.
    is_between: bool,
    /// What the devices asked each other for with it.
    asked: Vec<&'static str>,
    /// Who took it and let it go, and why.
    dropped: Vec<(usize, &'static str)>,
}

impl Journey {
    /// It is somewhere else now.
    fn reach(&mut self, place: &str) {
        if self.place != place {
            self.path.push_str(if self.is_between { " ═► " } else { " ─► " });
            self.path.push_str(place);
            self.place = place.to_owned();
        }
        self.is_between = false;
    }

    fn text(self) -> Vec<String> {
        let asked = self.asked.join(", ");
        let over = (!asked.is_empty()).then(|| format!("over HA3: {asked}"));
        std::iter::once(self.path).chain(over).collect()
    }
}

/// What is known of a device.
#[derive(Default)]
struct Known {
    state: Option<HaState>,
    figures: Figures,
    drops: Vec<(&'static str, u64)>,
    told: Vec<(&'static str, u64)>,
    /// What it said that it is.
    hello: Option<HaState>,
    /// The segment that it took last.
    given: Option<Segment>,
}

/// The teller.
pub(super) struct Teller {
    text: String,
    names: Names,
    /// The links behind the ports of zones.
    links: Vec<HaLinkId>,
    begin: Timestamp,
    chapters: usize,
    lines: Vec<Line>,
    on_the_way: Vec<Journey>,
    devices: [Known; 2],
    /// By device, link and kind.
    said: BTreeMap<(usize, HaLinkId, Said), u64>,
    tables: BTreeMap<String, String>,
    /// Segments that arrived nowhere.
    lost: usize,
    /// When a device last became something.
    changes: Vec<(Timestamp, usize, Option<HaState>)>,
}

impl Teller {
    pub fn new(names: Names, links: &[HaLinkId]) -> Self {
        Self {
            text: String::new(),
            names,
            links: links.to_vec(),
            begin: BEGIN,
            chapters: 0,
            lines: Vec::new(),
            on_the_way: Vec::new(),
            devices: [Known::default(), Known::default()],
            said: BTreeMap::new(),
            tables: BTreeMap::new(),
            lost: 0,
            changes: Vec::new(),
        }
    }

    /// Lines as they are, outside of chapters.
    pub fn write(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// A new chapter begins now.
    pub fn chapter(&mut self, now: Timestamp, heading: &str) {
        self.close_chapter();
        self.begin = now;
        self.chapters += 1;
        let head = format!("── {}  {heading} ", self.chapters);
        let tail = format!(" {:.3} s ──", now.since(BEGIN).as_secs_f64());
        let fill = WIDTH.saturating_sub(head.chars().count() + tail.chars().count());
        let _ = writeln!(self.text, "\n{head}{}{tail}\n", "─".repeat(fill));
    }

    /// What a newcomer should know, in a few words.
    pub fn remark(&mut self, now: Timestamp, text: &str) {
        let lines = wrap(text, WIDTH - 4).into_iter().map(|line| format!("    {line}"));
        let lines = lines.chain(std::iter::once(String::new())).collect();
        self.block(now, lines);
    }

    /// Lines that stand together.
    pub fn block(&mut self, now: Timestamp, lines: Vec<String>) {
        self.push(now, "", lines);
    }

    /// A step that somebody takes.
    pub fn step(&mut self, now: Timestamp, subject: &str, text: &str) {
        self.push(now, subject, wrap(text, WIDTH - TIME - SUBJECT));
    }

    /// A device is gone: it says nothing of it.
    pub fn gone(&mut self, now: Timestamp, device: usize) {
        self.devices[device] = Known::default();
        let now_are = self.states();
        self.push(now, &format!("▶ {}", words::device(device)), vec!["is gone".into(), now_are]);
    }

    /// Takes what happened.
    pub fn tell(&mut self, now: Timestamp, news: &News, devices: &mut [Chassis]) {
        match news {
            News::HostSent { host, bytes } => self.host_sent(now, *host, &View::of(bytes)),
            News::HostGot { host, bytes } => self.host_got(*host, &View::of(bytes)),
            News::Enters { device, port, view, .. } => {
                let packet = view.packet().filter(|_| *port < self.names.zones.len());
                self.devices[*device].given = packet.and_then(segment_of).map(|(segment, _)| segment);
            }
            News::Leaves { device, port, view, bytes } => {
                match port.checked_sub(self.names.zones.len()).and_then(|place| self.links.get(place)) {
                    Some(link) => self.says(now, *device, *link, bytes),
                    None => self.device_sent(now, *device, *port, view),
                }
            }
            News::Logged { device, written } => {
                let text = self.names.record(written).to_vec();
                self.push(now, &format!("log of {}", words::device(*device)), text);
            }
            News::Settled { device } => {
                if let Some(chassis) = devices.get_mut(*device) {
                    self.settled(now, *device, chassis);
                }
            }
            News::Reported { .. } => {}
        }
    }

    /// The hosts' ARP tables, and where the switches look for the devices' addresses. An entry that has
    /// changed since they were last shown is marked.
    pub fn tables(&mut self, now: Timestamp, hosts: &[Vec<(Ipv4Addr, Mac)>], behind: &[(usize, Mac, usize)]) {
        let mut lines = vec![String::new()];
        let mut title = "ARP tables";
        for (person, table) in self.names.people.iter().zip(hosts) {
            for (address, mac) in table {
                let entry = format!("{:<9} {:<12} {}", person.name, address.to_string(), words::mac(*mac));
                let key = format!("{} {address}", person.name);
                let mark = mark(self.tables.insert(key, words::mac(*mac)), &words::mac(*mac));
                lines.push(format!("    {title:<12} {entry}  {:<22}{mark}", self.names.owner(*mac)));
                title = "";
            }
        }
        title = "switches";
        for (zone, mac, device) in behind {
            let zone = self.names.zones.get(*zone).copied().unwrap_or_default();
            let place = format!("behind {}", words::device(*device));
            let entry = format!("{zone:<9} {:<12} {}", "", words::mac(*mac));
            let mark = mark(self.tables.insert(format!("{zone} {mac:?}"), place.clone()), &place);
            lines.push(format!("    {title:<12} {entry}  {place:<22}{mark}"));
            title = "";
        }
        lines.push(String::new());
        self.block(now, lines);
    }

    /// Everything that was told.
    pub fn finish(mut self) -> String {
        self.close_chapter();
        self.text
    }

    /// What was told so far is left out; what is known stays known.
    pub fn forget(&mut self) {
        self.lines.clear();
        self.said.clear();
        self.on_the_way.clear();
    }

    /// Segments that arrived nowhere. The chapter is over with this.
    pub fn lost(&mut self) -> usize {
        self.close_chapter();
        self.lost
    }

    /// When a device became something, at the earliest at `since`.
    pub fn became(&self, device: usize, state: HaState, since: Timestamp) -> Option<Timestamp> {
        let is_it = |change: &&(Timestamp, usize, Option<HaState>)| {
            change.0 >= since && (change.1, change.2) == (device, Some(state))
        };
        self.changes.iter().find(is_it).map(|(at, ..)| *at)
    }

    /// Whether connections pass of which only the number of segments is told.
    fn is_in_background(&self) -> bool {
        !self.names.background.is_empty()
    }

    /// What both devices are.
    pub fn states(&self) -> String {
        let [zero, one] = [0, 1].map(|device| words::state(self.devices[device].state));
        format!("now: device 0 {zero}, device 1 {one}")
    }

    fn push(&mut self, at: Timestamp, subject: &str, text: Vec<String>) {
        let (subject, gathers, is_sent) = (subject.into(), false, false);
        self.lines.push(Line { at, subject, text, gathers, times: 1, last: at, is_sent });
    }

    fn push_sent(&mut self, at: Timestamp, subject: String, text: Vec<String>, gathers: bool) {
        self.lines.push(Line { at, subject, text, gathers, times: 1, last: at, is_sent: true });
    }

    fn host_sent(&mut self, now: Timestamp, host: usize, view: &View) {
        let Some(name) = self.names.people.get(host).map(|person| person.name) else { return };
        match &view.content {
            Content::Arp { .. } => self.arp(now, name, None, view),
            Content::Ip(packet) => {
                if let Some((segment, header)) = segment_of(packet) {
                    self.depart(now, name.to_owned(), packet, segment, header);
                }
            }
            Content::Other(_) | Content::Broken => {}
        }
    }

    fn depart(&mut self, now: Timestamp, from: String, packet: &Packet, segment: Segment, header: &Tcp) {
        let subject = self.names.segment(packet, header);
        self.on_the_way.push(Journey {
            line: self.lines.len(),
            segment,
            place: from.clone(),
            path: from,
            is_between: false,
            asked: Vec::new(),
            dropped: Vec::new(),
        });
        let is_background = self.names.is_background(header);
        let subject = if is_background { self.names.connection(header) } else { subject };
        self.push_sent(now, subject, Vec::new(), is_background);
    }

    fn host_got(&mut self, host: usize, view: &View) {
        let Some(person) = self.names.people.get(host).filter(|person| person.mac == view.destination) else {
            return;
        };
        let name = person.name;
        let Some((segment, _)) = view.packet().and_then(segment_of) else { return };
        let Some(place) = self.on_the_way.iter().rposition(|journey| journey.segment == segment) else {
            return;
        };
        let mut journey = self.on_the_way.remove(place);
        journey.reach(name);
        if let Some(line) = self.lines.get_mut(journey.line) {
            line.text = journey.text();
        }
    }

    fn device_sent(&mut self, now: Timestamp, device: usize, port: usize, view: &View) {
        let name = words::device(device);
        match &view.content {
            Content::Arp { .. } => self.arp(now, &name, Some(port), view),
            Content::Ip(packet) => {
                let Some((segment, header)) = segment_of(packet) else { return };
                match self.on_the_way.iter_mut().rfind(|journey| journey.segment == segment) {
                    Some(journey) => journey.reach(&name),
                    None => self.depart(now, name, packet, segment, header),
                }
            }
            Content::Other(_) | Content::Broken => {}
        }
    }

    /// An ARP message of a host, or of a device by a port.
    fn arp(&mut self, now: Timestamp, from: &str, port: Option<usize>, view: &View) {
        let Content::Arp { is_request, sender, sender_mac, target } = view.content else { return };
        let (to_all, zone) = (view.destination == crate::frame::build::BROADCAST, port);
        let zone = zone.and_then(|port| self.names.zones.get(port)).copied();
        let everybody = zone.map_or_else(|| "all".to_owned(), |zone| format!("all in {zone}"));
        let to = if to_all { everybody } else { self.names.station(view.destination) };
        let mac = words::mac(sender_mac);
        let (subject, text, gathers) = if sender == target {
            ("ARP announcement", format!("{from} ─► {to}: {sender} is {mac}"), true)
        } else if sender.is_unspecified() {
            ("ARP probe", format!("{from} ─► {to}: does anybody have {target}?"), true)
        } else if is_request {
            ("ARP question", format!("{from} ─► {to}: who has {target}?"), true)
        } else {
            ("ARP answer", format!("{from} ─► {to}: {sender} is {mac}"), false)
        };
        self.push_sent(now, subject.to_owned(), vec![text], gathers);
    }

    /// A device says something to the other one.
    fn says(&mut self, now: Timestamp, device: usize, link: HaLinkId, bytes: &[u8]) {
        if link == HaLinkId::Ha3 {
            self.carries(device, bytes);
        }
        let (said, state) = Said::of(link, bytes);
        *self.said.entry((device, link, said)).or_default() += 1;
        if state.is_some() && self.devices[device].hello != state {
            self.devices[device].hello = state;
            let text = format!("{}: hello, I am {}", way(device), words::state(state));
            self.push_sent(now, words::link(link).to_owned(), vec![text], false);
        }
    }

    /// A device gives a packet to the other one.
    fn carries(&mut self, device: usize, bytes: &[u8]) {
        let Some((kind, view)) = words::carried(bytes) else { return };
        let Some((segment, _)) = view.packet().and_then(segment_of) else { return };
        if let Some(journey) = self.on_the_way.iter_mut().rfind(|journey| journey.segment == segment) {
            journey.reach(&words::device(device));
            (journey.is_between, journey.asked) = (true, [&journey.asked[..], &[kind]].concat());
        }
    }

    fn settled(&mut self, now: Timestamp, device: usize, chassis: &mut Chassis) {
        for record in chassis.device.take_system_log() {
            self.system_log(now, device, &record, chassis);
        }
        let state = chassis.device.pair().map(|(state, _)| state);
        if std::mem::replace(&mut self.devices[device].state, state) != state {
            self.changes.push((now, device, state));
        }
        let told = chassis.device.told();
        let before = std::mem::replace(&mut self.devices[device].told, told.clone());
        let count = |kind| before.iter().find(|(known, _)| *known == kind).map_or(0, |(_, count)| *count);
        let news: Vec<String> = told
            .iter()
            .filter_map(|(kind, count_now)| {
                let more = count_now.saturating_sub(count(*kind));
                (more > 0).then(|| words::items(kind, more))
            })
            .collect();
        if !news.is_empty() {
            let text = format!("{}: {}", way(device), news.join(", "));
            self.push_sent(now, "HA2".to_owned(), vec![text], self.is_in_background());
        }
        let figures = chassis.device.figures();
        let drops = chassis.device.drops();
        let known = &mut self.devices[device];
        let is_drop = figures.dropped > known.figures.dropped;
        if let Some(segment) = known.given.take().filter(|_| is_drop) {
            let is_new = |(reason, count): &&(&str, u64)| {
                known.drops.iter().all(|(known, before)| known != reason || before < count)
            };
            let why = drops.iter().find(is_new).map_or("", |(reason, _)| *reason);
            if let Some(journey) = self.on_the_way.iter_mut().rfind(|journey| journey.segment == segment) {
                journey.dropped.push((device, why));
            }
        }
        (known.figures, known.drops) = (figures, drops);
    }

    fn system_log(&mut self, now: Timestamp, device: usize, record: &SystemRecord, chassis: &Chassis) {
        // The group's number is the same everywhere.
        let text = record.text.split_once(": ").map_or(record.text.as_str(), |(_, text)| text);
        let width = WIDTH - TIME - SUBJECT;
        if record.event == HaEvent::StateChange {
            let state = chassis.device.pair().map(|(state, _)| state);
            self.devices[device].state = state;
            self.changes.push((now, device, state));
            let text = text.trim_start_matches("Moved from state ").replace(" to state ", " → ");
            let mut lines = wrap(&text, width);
            lines.push(self.states());
            return self.push(now, &format!("▶ {}", words::device(device)), lines);
        }
        let severity = match record.severity {
            Severity::Informational | Severity::Low => String::new(),
            Severity::Medium | Severity::High | Severity::Critical => format!("{} ", record.severity.name()),
        };
        let text = format!("{severity}{}: {text}", record.event.name());
        self.push(now, &format!("log of {}", words::device(device)), wrap(&text, width));
    }

    fn close_chapter(&mut self) {
        for journey in std::mem::take(&mut self.on_the_way) {
            let Some(line) = self.lines.get_mut(journey.line) else { continue };
            // A frame that a switch brings to both devices is dropped by each for a reason of its own.
            let why = journey.dropped.iter().map(|(device, why)| format!("{why} at device {device}"));
            let why = why.collect::<Vec<_>>().join(", ");
            let why = if why.is_empty() { "lost".to_owned() } else { why };
            let mut journey = journey;
            journey.reach(&format!("✕ {why}"));
            line.text = journey.text();
            line.gathers = true;
            self.lost += 1;
        }
        let mut lines = std::mem::take(&mut self.lines);
        lines.sort_by_key(|line| (line.at, line.is_sent));
        for line in gather(lines) {
            self.write_line(&line);
        }
        self.write_said();
    }

    fn write_line(&mut self, line: &Line) {
        if line.subject.is_empty() {
            line.text.iter().for_each(|text| {
                let _ = writeln!(self.text, "{}", text.trim_end());
            });
            return;
        }
        let at = format!("+{}", words::span(line.at.since(self.begin)));
        let mut text = line.text.iter();
        let first = text.next().map_or("", String::as_str);
        let _ = writeln!(self.text, "{at:>width$}  {:<SUBJECT$}{first}", line.subject, width = TIME - 2);
        for more in text {
            let _ = writeln!(self.text, "{:indent$}{more}", "", indent = TIME + SUBJECT);
        }
        if line.times > 1 {
            let (times, last) = (line.times - 1, words::span(line.last.since(self.begin)));
            let again = if times == 1 { "once".to_owned() } else { format!("{times} times") };
            let _ = writeln!(self.text, "{:indent$}{again} more, until +{last}", "", indent = TIME + SUBJECT);
        }
    }

    fn write_said(&mut self) {
        let said = std::mem::take(&mut self.said);
        let mut heading = "sent meanwhile by";
        let mut written: Option<(usize, HaLinkId)> = None;
        for (device, link, _) in said.keys() {
            if written == Some((*device, *link)) {
                continue;
            }
            if written.is_none() {
                self.text.push('\n');
            }
            let is_new_device = written.is_none_or(|(known, _)| known != *device);
            let mut who = if is_new_device { words::device(*device) } else { String::new() };
            written = Some((*device, *link));
            let counts = said.iter().filter(|((from, by, _), _)| (from, by) == (device, link));
            let counts: Vec<String> = counts.map(|((_, _, said), count)| said.count(*count)).collect();
            let mut name = words::link(*link);
            for line in wrap(&counts.join(", "), WIDTH - 49) {
                let _ = writeln!(self.text, "    {heading:<18} {who:<9} {name:<16} {line}");
                (heading, name) = ("", "");
                who.clear();
            }
        }
    }
}

/// Lines that say the same become one that counts them.
fn gather(lines: Vec<Line>) -> Vec<Line> {
    let mut gathered: Vec<Line> = Vec::new();
    for line in lines {
        let is_same =
            |known: &&mut Line| known.gathers && known.subject == line.subject && known.text == line.text;
        match gathered.iter_mut().find(is_same).filter(|_| line.gathers) {
            Some(known) => (known.times, known.last) = (known.times + line.times, line.last),
            None => gathered.push(line),
        }
    }
    gathered
}

/// From a device to the other one.
fn way(device: usize) -> String {
    format!("{} ═► {}", words::device(device), words::device(1 - device))
}

fn mark(before: Option<String>, now: &str) -> &'static str {
    match before {
        Some(before) if before == now => "as before",
        Some(_) => "◄ changed",
        None => "",
    }
}

fn segment_of(packet: &Packet) -> Option<(Segment, &Tcp)> {
    let header = words::tcp(packet)?;
    let Tcp { sequence, acknowledgement, flags, .. } = *header;
    Some(((sequence, acknowledgement, flags, packet.payload_length, packet.payload), header))
}

/// Text in lines of at most so many columns.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
