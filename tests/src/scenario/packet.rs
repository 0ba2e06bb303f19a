//! Packet lines: what is sent, and what must become of it.

use std::{collections::HashMap, net::SocketAddr};

use super::{
    Fate, Mistake, Sent,
    fields::{
        ACK, FIN, PSH, SYN, all_pass, chunk, ends, fault, flags, fragment, icmp, number, plain_fate, quote,
        tag, tcp_ends, tcp_field,
    },
    words::Words,
};
use crate::frame::{Body, Bytes, Faults, Packet, Tcp};

const PROTOCOLS: [&str; 6] = ["tcp", "udp", "icmp", "icmp6", "sctp", "ip"];

/// A client's and a server's first sequence number where a scenario gives none.
const FIRST_SEQUENCES: [u32; 2] = [1000, 5000];

/// What `length N` is filled with: no application's first byte.
const FILLER: u8 = 0xee;

/// What the lines so far have sent: it fills in sequence numbers and the packets that ICMP errors quote.
#[derive(Default)]
pub(super) struct Conversations {
    flows: HashMap<(SocketAddr, SocketAddr), Flow>,
    /// Every IP packet in order, for `quoting N`.
    sent: Vec<Vec<u8>>,
    payloads: HashMap<String, Vec<u8>>,
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
    pub fn packets(&mut self, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        let count = if words.take("repeat") { words.value("how often")? } else { 1 };
        let mut sent = Vec::new();
        for _ in 0..count {
            let mut again = words.clone();
            sent.extend(self.once(&mut again)?);
        }
        Ok(sent)
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
        self.sent.push(bytes.get(14..).unwrap_or_default().to_vec());
        Ok(Sent { frame: Bytes { bytes, wire_length }, interface, source: None, expected })
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
        if matches!(words.peek(), Some("pass" | "drop" | "held") | None) {
            return Ok(false);
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

    fn send(&mut self, line: Line, expected: Fate) -> Sent {
        if !matches!(expected, Fate::Drop(_)) {
            self.advance(&line.packet);
        }
        self.sent.push(line.packet.ip());
        Sent {
            frame: line.packet.frame(),
            interface: line.interface,
            source: Some(line.packet.source),
            expected,
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
        all_pass(words)?;
        let mut ack = client.clone();
        ack.sequence = Number::Off(0);
        if let Body::Tcp(tcp) = &mut ack.packet.body {
            tcp.options.clear();
        }
        Ok(self.exchange([(client, SYN), (server, SYN | ACK), (ack, ACK)]))
    }

    /// FIN, FIN of the other side and ACK at once.
    fn close(&mut self, words: &mut Words) -> Result<Vec<Sent>, Mistake> {
        let (client, server) = self.both_ways(words)?;
        all_pass(words)?;
        Ok(self.exchange([(client.clone(), FIN | ACK), (server, FIN | ACK), (client, ACK)]))
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

    fn exchange(&mut self, lines: [(Line, u8); 3]) -> Vec<Sent> {
        let sent = lines.map(|(mut line, flags)| {
            if let Body::Tcp(tcp) = &mut line.packet.body {
                tcp.flags = flags;
            }
            line.has_flags = true;
            self.settle(&mut line);
            self.send(line, Fate::Pass { interface: None, rewritten: None })
        });
        sent.into()
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
        } else if words.take("quoting") {
            let sent = &self.sent;
            let packet = words.known("the number of a packet above, from 1", |word| {
                sent.get(word.parse::<usize>().ok()?.checked_sub(1)?).cloned()
            })?;
            quote(packet)
        } else {
            return Ok(None);
        }))
    }

    fn fate(&mut self, line: &Line, words: &mut Words) -> Result<Fate, Mistake> {
        let mut fate = plain_fate(words)?;
        if words.take("as") {
            let mut changed = line.clone();
            if let Body::Tcp(tcp) = &mut changed.packet.body {
                tcp.options.clear();
                tcp.urgent = 0;
            }
            changed.has_flags = true;
            while !words.is_empty() {
                self.field(&mut changed, words)?;
            }
            if let Fate::Pass { rewritten, .. } = &mut fate {
                *rewritten = Some(changed.packet.frame().bytes);
            }
        }
        words.end("the end of the line")?;
        Ok(fate)
    }
}

impl Number {
    fn from(self, usual: u32) -> u32 {
        match self {
            Self::At(number) => number,
            Self::Off(distance) => usual.wrapping_add(distance as u32),
        }
    }
}
