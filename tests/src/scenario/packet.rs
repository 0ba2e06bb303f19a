//! Packet lines: what is sent, and what must become of it.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bifrons_model::Timestamp;

use super::{
    Emits, Fate, Mistake, Sendable, Sent, ZERO,
    fields::{
        ACK, FIN, PSH, SYN, chunk, ends, fault, flags, fragment, icmp, icmp_field, number, plain_fate, tag,
        tcp_ends, tcp_field,
    },
    words::Words,
};
use crate::frame::{Body, Bytes, Faults, Packet, Quoted, Tcp};

const PROTOCOLS: [&str; 6] = ["tcp", "udp", "icmp", "icmp6", "sctp", "ip"];

/// A client's and a server's first sequence number where a scenario gives none.
const FIRST_SEQUENCES: [u32; 2] = [1000, 5000];

/// What `length N` is filled with: no application's first byte.
const FILLER: u8 = 0xee;

/// How long fragments wait for each other.
const FRAGMENTS_WAIT: Duration = Duration::from_secs(4);

/// What the lines so far have sent: it fills in sequence numbers, the packets that ICMP errors quote, and the
/// fragments that leave with the last of their packet.
pub(super) struct Conversations {
    flows: HashMap<(SocketAddr, SocketAddr), Flow>,
    /// Every packet in order, as it came and as it left, for `quoting N` and `quoting leaving N`.
    sent: Vec<(Quoted, Option<Packet>)>,
    payloads: HashMap<String, Vec<u8>>,
    waiting: HashMap<FragmentsOf, (Timestamp, Vec<Packet>)>,
    now: Timestamp,
}

/// Sender, receiver, protocol and identification.
type FragmentsOf = (IpAddr, IpAddr, u8, u32);

impl Default for Conversations {
    fn default() -> Self {
        Self {
            flows: HashMap::new(),
            sent: Vec::new(),
            payloads: HashMap::new(),
            waiting: HashMap::new(),
            now: ZERO,
        }
    }
}

#[derive(Clone, Copy)]
struct Flow {
    initial: u32,
    next: u32,
    /// The window that it announced last.
    window: u16,
}

/// A sequence or acknowledgement number as a line gives it.
#[derive(Clone, Copy)]
pub(super) enum Number {
    At(u32),
    /// This far from the one that would come next.
    Off(i64),
}

/// A packet line while it is read.
#[derive(Clone)]
struct Line {
    packet: Packet,
    interface: Option<String>,
    sequence: Number,
    acknowledgement: Number,
    has_flags: bool,
}

impl Conversations {
    /// One line of a section `payload NAME`: `text "…"` or `hex …`.
    pub fn add_payload(&mut self, name: &str, words: &mut Words) -> Result<(), Mistake> {
        let bytes = self.payload(words)?.ok_or_else(|| words.mistake("`text \"…\"` or `hex …`"))?;
        self.payloads.entry(name.into()).or_default().extend(bytes);
        words.end("the end of the line")
    }

    /// The frames of one line.
    pub fn packets(&mut self, at: Timestamp, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        self.now = at;
        let count = if words.take("repeat") { words.value("how often")? } else { 1 };
        let mut sent = Vec::new();
        for _ in 0..count {
            let mut again = words.clone();
            sent.extend(self.once(&mut again)?);
        }
        Ok(sent)
    }

    /// The rest of a line `emits …`.
    pub fn emits(&mut self, words: &mut Words) -> Result<Emits, Mistake> {
        let interface = if words.take("to") { Some(words.word("an interface's name")?) } else { None };
        let protocol = words.word("a protocol (tcp, icmp, icmp6)")?;
        let mut line = self.line(&protocol, words)?;
        while self.field(&mut line, words)? {}
        if let Body::Tcp(tcp) = &mut line.packet.body {
            let Number::At(sequence) = line.sequence else {
                return Err(
                    words.mistake("`seq NUMBER`: what the firewall sends is not counted from anything")
                );
            };
            tcp.sequence = sequence;
            tcp.acknowledgement = line.acknowledgement.from(0);
        }
        words.end("the end of the line")?;
        Ok(Emits { line: words.line(), interface, packet: line.packet })
    }

    fn once(&mut self, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        let interface = if words.take("on") { Some(words.word("an interface's name")?) } else { None };
        if words.take("frame") {
            return Ok(vec![self.raw(interface, words)?]);
        }
        let mut tags = Vec::new();
        while let Some(tag) = tag(words)? {
            tags.push(tag);
        }
        let protocol =
            words.word("a protocol (tcp, udp, icmp, icmp6, sctp, ip), `handshake`, `close` or `frame`")?;
        match protocol.as_str() {
            "handshake" => self.handshake(words),
            "close" => self.close(words),
            _ => {
                let mut line = self.line(&protocol, words)?;
                line.packet.tags = tags;
                line.interface = interface;
                while self.field(&mut line, words)? {}
                self.settle(&mut line);
                let expected = self.fate(&line, words)?;
                Ok(vec![self.send(line, expected)])
            }
        }
    }

    fn raw(&mut self, interface: Option<String>, words: &mut Words) -> Result<Sent, Mistake> {
        if !words.take("hex") {
            return Err(words.mistake("`hex …`"));
        }
        let bytes = words.hex()?;
        let wire_length = if words.take("wire-length") { words.value("a length")? } else { bytes.len() };
        let expected = plain_fate(words)?;
        words.end("the end of the line")?;
        self.sent.push((Quoted::Bytes(bytes.get(14..).unwrap_or_default().to_vec()), None));
        let frame = Sendable::Bytes(Bytes { bytes, wire_length });
        Ok(Sent { frame, interface, source: None, expected, emits: Vec::new() })
    }

    fn line(&mut self, protocol: &str, words: &mut Words) -> Result<Line, Mistake> {
        if !PROTOCOLS.contains(&protocol) {
            let text = format!("expected a protocol ({}), found `{protocol}`", PROTOCOLS.join(", "));
            return Err(Mistake { line: words.line(), text });
        }
        let has_ports = matches!(protocol, "tcp" | "udp" | "sctp");
        let (source, destination) = ends(words, has_ports)?;
        let (from, to) = (source.port(), destination.port());
        let body = match protocol {
            "tcp" => Body::Tcp(Tcp {
                source: from,
                destination: to,
                window: self.flow(source, destination).window,
                ..Tcp::default()
            }),
            "udp" => Body::Udp(from, to),
            "sctp" => Body::Sctp(from, to),
            "icmp" | "icmp6" => {
                if (protocol == "icmp") != source.is_ipv4() {
                    return Err(words.mistake("IPv4 addresses with `icmp`, IPv6 addresses with `icmp6`"));
                }
                icmp(words, source.is_ipv4())?
            }
            _ => {
                if !words.take("protocol") {
                    return Err(words.mistake("`protocol NUMBER`"));
                }
                Body::Other(words.value("a protocol's number")?)
            }
        };
        let packet = Packet {
            tags: Vec::new(),
            source: source.ip(),
            destination: destination.ip(),
            body,
            payload: Vec::new(),
            quoted: None,
            fragment: None,
            faults: Faults::default(),
        };
        Ok(Line {
            packet,
            interface: None,
            sequence: Number::Off(0),
            acknowledgement: Number::Off(0),
            has_flags: false,
        })
    }

    /// Reads one more field; false where the line's fate begins.
    fn field(&mut self, line: &mut Line, words: &mut Words) -> Result<bool, Mistake> {
        if let Some(payload) = self.payload(words)? {
            line.packet.payload = payload;
            return Ok(true);
        }
        if words.take("quoting") {
            line.packet.quoted = Some(self.quoted(words)?);
            return Ok(true);
        }
        if matches!(words.peek(), Some("pass" | "drop" | "held") | None) {
            return Ok(false);
        }
        if let Body::Icmp(_, _, rest) = &mut line.packet.body
            && icmp_field(rest, words)?
        {
            return Ok(true);
        }
        if let Body::Tcp(tcp) = &mut line.packet.body {
            // `ack` is a flag, `ack 901` an acknowledgement number.
            if words.peek() == Some("ack") && words.peek_second().and_then(number).is_some() {
                words.take("ack");
                line.acknowledgement = words.known("an acknowledgement number", number)?;
                return Ok(true);
            }
            if let Some(flags) = words.peek().and_then(flags) {
                tcp.flags = flags;
                line.has_flags = true;
                let _ = words.word("flags");
                return Ok(true);
            }
            if tcp_field(tcp, words)? {
                return Ok(true);
            }
            if words.take("seq") {
                line.sequence = words.known("a sequence number, or `+N` or `-N` from the next", number)?;
                return Ok(true);
            }
        }
        if matches!(line.packet.body, Body::Sctp(..)) && words.take("chunk") {
            line.packet.payload = words.known("a chunk's name, such as `init-ack`", chunk)?;
            return Ok(true);
        }
        if words.take("fragment") {
            line.packet.fragment = Some(fragment(words)?);
            return Ok(true);
        }
        fault(&mut line.packet.faults, words)?;
        Ok(true)
    }

    /// Fills in what the line leaves to the conversation.
    fn settle(&mut self, line: &mut Line) {
        let Some((from, to)) = tcp_ends(&line.packet) else { return };
        let has_payload = !line.packet.payload.is_empty();
        let flow = self.flow(from, to);
        let peer_next = self.flows.get(&(to, from)).map(|peer| peer.next);
        let Body::Tcp(tcp) = &mut line.packet.body else { return };
        if !line.has_flags {
            tcp.flags = if has_payload { PSH | ACK } else { ACK };
        }
        let usual = if tcp.flags & SYN != 0 { flow.initial } else { flow.next };
        tcp.sequence = line.sequence.from(usual);
        let is_given = matches!(line.acknowledgement, Number::At(_));
        if tcp.flags & ACK != 0 || is_given {
            tcp.acknowledgement = line.acknowledgement.from(peer_next.unwrap_or(0));
        }
    }

    /// What the sender has sent so far; a flow that has sent nothing begins behind a SYN of its own.
    fn flow(&self, from: SocketAddr, to: SocketAddr) -> Flow {
        self.flows.get(&(from, to)).copied().unwrap_or_else(|| {
            let initial = FIRST_SEQUENCES[usize::from(self.flows.contains_key(&(to, from)))];
            Flow { initial, next: initial.wrapping_add(1), window: u16::MAX }
        })
    }

    fn send(&mut self, line: Line, mut expected: Fate) -> Sent {
        let left = match &expected {
            Fate::Pass { leaves, .. } => Some(leaves.last().unwrap_or(&line.packet).clone()),
            Fate::Held => Some(line.packet.clone()),
            Fate::Drop(_) => None,
        };
        self.gather_fragments(&line.packet, &mut expected);
        if let Some(left) = &left {
            self.advance(&line.packet);
            if tcp_ends(left) != tcp_ends(&line.packet) {
                self.advance(left);
            }
        }
        self.sent.push((Quoted::Packet(Box::new(line.packet.clone())), left));
        Sent {
            interface: line.interface,
            source: Some(line.packet.source),
            frame: Sendable::Packet(Box::new(line.packet)),
            expected,
            emits: Vec::new(),
        }
    }

    /// A fragment that is held waits; with the one that passes leave all that waited, in the order of their
    /// data and addressed like it.
    fn gather_fragments(&mut self, packet: &Packet, expected: &mut Fate) {
        let Some(fragment) = packet.fragment.filter(|_| packet.is_part()) else { return };
        let key = (packet.source, packet.destination, packet.protocol(), fragment.identification);
        self.waiting.retain(|_, (since, _)| *since + FRAGMENTS_WAIT > self.now);
        match expected {
            Fate::Held => {
                let (_, waiting) = self.waiting.entry(key).or_insert((self.now, Vec::new()));
                waiting.push(packet.clone());
            }
            Fate::Drop(_) => {
                self.waiting.remove(&key);
            }
            Fate::Pass { leaves, .. } => {
                let Some((_, mut waiting)) = self.waiting.remove(&key) else { return };
                let last = leaves.pop().unwrap_or_else(|| packet.clone());
                let (from, to) = last.ports();
                for part in &mut waiting {
                    part.readdress((last.source, from), (last.destination, to));
                }
                waiting.push(last);
                let offset = |part: &Packet| part.fragment.map_or(0, |fragment| fragment.offset);
                waiting.sort_by_key(offset);
                waiting.dedup_by_key(|part| offset(part));
                *leaves = waiting;
            }
        }
    }

    /// A segment that gets through moves its sender's next sequence number.
    fn advance(&mut self, packet: &Packet) {
        let (Some((from, to)), Body::Tcp(tcp)) = (tcp_ends(packet), &packet.body) else { return };
        let controls = u32::from(tcp.flags & SYN != 0) + u32::from(tcp.flags & FIN != 0);
        let end = tcp.sequence.wrapping_add(packet.payload.len() as u32).wrapping_add(controls);
        let known = self.flows.get(&(from, to)).copied();
        let window = tcp.window;
        let flow = match known {
            Some(flow) if tcp.flags & SYN == 0 => {
                let is_later = (end.wrapping_sub(flow.next) as i32) > 0;
                Flow { next: if is_later { end } else { flow.next }, window, ..flow }
            }
            _ if tcp.flags & SYN != 0 => Flow { initial: tcp.sequence, next: end, window },
            _ => Flow { initial: tcp.sequence.wrapping_sub(1), next: end, window },
        };
        self.flows.insert((from, to), flow);
    }

    /// SYN, SYN-ACK and ACK at once. Fields hold for both SYNs, `seq` and `peer-seq` for one each.
    fn handshake(&mut self, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        let (mut client, mut server) = self.both_ways(words)?;
        loop {
            if words.take("seq") {
                client.sequence = Number::At(words.value("a sequence number")?);
            } else if words.take("peer-seq") {
                server.sequence = Number::At(words.value("a sequence number")?);
            } else if let (Body::Tcp(one), Body::Tcp(other)) =
                (&mut client.packet.body, &mut server.packet.body)
                && tcp_field(one, words)?
            {
                other.options.clone_from(&one.options);
                other.window = one.window;
            } else {
                break;
            }
        }
        let way = all_pass(words)?;
        let mut ack = client.clone();
        ack.sequence = Number::Off(0);
        if let Body::Tcp(tcp) = &mut ack.packet.body {
            tcp.options.clear();
        }
        Ok(self.exchange([(client, SYN), (server, SYN | ACK), (ack, ACK)], way))
    }

    /// FIN, FIN of the other side and ACK at once.
    fn close(&mut self, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        let (client, server) = self.both_ways(words)?;
        let way = all_pass(words)?;
        Ok(self.exchange([(client.clone(), FIN | ACK), (server, FIN | ACK), (client, ACK)], way))
    }

    fn both_ways(&mut self, words: &mut Words) -> Result<(Line, Line), Mistake> {
        let (source, destination) = ends(&mut words.clone(), true)?;
        let there = self.line("tcp", words)?;
        let mut back = there.clone();
        back.packet.source = destination.ip();
        back.packet.destination = source.ip();
        if let Body::Tcp(tcp) = &mut back.packet.body {
            tcp.source = destination.port();
            tcp.destination = source.port();
        }
        Ok((there, back))
    }

    /// Client, server, client. With a translation the client's packets leave with these ends, and the server
    /// answers them.
    fn exchange(
        &mut self,
        lines: [(Line, u8); 3],
        (interface, translation): (Option<String>, Option<Ends>),
    ) -> Vec<Sent> {
        let own = tcp_ends(&lines[0].0.packet);
        let mut sent = Vec::new();
        for (place, (mut line, flags)) in lines.into_iter().enumerate() {
            let mut leaves = Vec::new();
            let comes_and_leaves = translation.zip(own).map(|((from, to), (client, server))| {
                if place == 1 { ((to, from), (server, client)) } else { ((client, server), (from, to)) }
            });
            if let Some((comes, _)) = comes_and_leaves {
                readdress(&mut line.packet, comes);
            }
            if let Body::Tcp(tcp) = &mut line.packet.body {
                tcp.flags = flags;
            }
            line.has_flags = true;
            self.settle(&mut line);
            if let Some((_, as_it_leaves)) = comes_and_leaves {
                let mut left = line.packet.clone();
                readdress(&mut left, as_it_leaves);
                leaves.push(left);
            }
            let interface = interface.clone().filter(|_| place != 1);
            sent.push(self.send(line, Fate::Pass { interface, leaves }));
        }
        sent
    }

    fn payload(&mut self, words: &mut Words) -> Result<Option<Vec<u8>>, Mistake> {
        Ok(Some(if words.take("text") {
            words.text("a text in quotation marks")?
        } else if words.take("hex") {
            words.hex()?
        } else if words.take("length") {
            vec![FILLER; words.value("a number of bytes")?]
        } else if words.take("payload") {
            let expected = "the name of a section `payload NAME` above";
            words.known(expected, |name| self.payloads.get(name).cloned())?
        } else {
            return Ok(None);
        }))
    }

    /// What stands behind `quoting`: the number of a packet, as it came or as it left.
    fn quoted(&mut self, words: &mut Words) -> Result<Quoted, Mistake> {
        let is_leaving = words.take("leaving");
        let sent = &self.sent;
        words.known("the number of a packet above, from 1", |word| {
            let (came, left) = sent.get(word.parse::<usize>().ok()?.checked_sub(1)?)?;
            if is_leaving {
                left.clone().map(|left| Quoted::Packet(Box::new(left)))
            } else {
                Some(came.clone())
            }
        })
    }

    fn fate(&mut self, line: &Line, words: &mut Words) -> Result<Fate, Mistake> {
        let mut fate = plain_fate(words)?;
        if words.take("as") {
            let left = self.leaving(line, words)?;
            if let Fate::Pass { leaves, .. } = &mut fate {
                leaves.push(left);
            }
        }
        words.end("the end of the line")?;
        Ok(fate)
    }

    /// What stands behind `as`: other ends, other fields, or both.
    fn leaving(&mut self, line: &Line, words: &mut Words) -> Result<Packet, Mistake> {
        let mut changed = line.clone();
        if words.peek_second() == Some(">") {
            let has_ports = words.peek().is_some_and(|word| super::fields::socket(word).is_some());
            let (source, destination) = ends(words, has_ports)?;
            let (from, to) = changed.packet.ports();
            let port = |end: SocketAddr, own: u16| if has_ports { end.port() } else { own };
            let (from, to) = (port(source, from), port(destination, to));
            changed.packet.readdress((source.ip(), from), (destination.ip(), to));
        }
        let Body::Tcp(before) = &mut changed.packet.body else {
            while !words.is_empty() {
                self.field(&mut changed, words)?;
            }
            return Ok(changed.packet);
        };
        let (sequence, acknowledgement) = (before.sequence, before.acknowledgement);
        if !words.is_empty() {
            before.options.clear();
            before.urgent = 0;
        }
        (changed.sequence, changed.acknowledgement) = (Number::Off(0), Number::Off(0));
        while !words.is_empty() {
            self.field(&mut changed, words)?;
        }
        if let Body::Tcp(tcp) = &mut changed.packet.body {
            tcp.sequence = changed.sequence.from(sequence);
            tcp.acknowledgement = changed.acknowledgement.from(acknowledgement);
        }
        Ok(changed.packet)
    }
}

/// Sender and receiver.
type Ends = (SocketAddr, SocketAddr);

fn readdress(packet: &mut Packet, (source, destination): Ends) {
    packet.readdress((source.ip(), source.port()), (destination.ip(), destination.port()));
}

/// What becomes of the packets of a phrase, and the interface and the ends with which the client's leave.
fn all_pass(words: &mut Words) -> Result<(Option<String>, Option<Ends>), Mistake> {
    if !words.take("pass") {
        return Err(words.mistake("`pass`: all packets of a phrase pass; write others one by one"));
    }
    let interface = if words.take("to") { Some(words.word("an interface's name")?) } else { None };
    let translation = if words.take("as") { Some(ends(words, true)?) } else { None };
    words.end("the end of the line")?;
    Ok((interface, translation))
}

impl Number {
    fn from(self, usual: u32) -> u32 {
        match self {
            Self::At(number) => number,
            Self::Off(distance) => usual.wrapping_add(distance as u32),
        }
    }
}
