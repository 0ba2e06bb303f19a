//! DNS (RFC 1035), multicast DNS (RFC 6762) and LLMNR (RFC 4795).
//!
//! The three share one format and are told apart by their ports. On a port of theirs a tidy header is
//! enough, for captures cut short and for servers asked nonsense; elsewhere the first message must be sound
//! to its last byte. NetBIOS name service has the same header and is recognised by its 32-letter names.

use bifrons_catalog::app;
use bifrons_model::{AppId, Direction};

use crate::{Evidence, Probe, ProbeAnswer, Transport};

pub(super) const PROBE: Probe = Probe { name: "dns", tcp: true, udp: true, probe, decoder: None };

const PORT_DNS: u16 = 53;
const PORT_MDNS: u16 = 5353;
const PORT_LLMNR: u16 = 5355;
const PORT_NETBIOS: u16 = 137;

const HEADER_LENGTH: usize = 12;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    if evidence.uses_port(PORT_NETBIOS) {
        return ProbeAnswer::NotMine;
    }
    match evidence.transport {
        Transport::Udp => datagrams(evidence),
        Transport::Tcp => stream(evidence),
    }
}

/// The application whose port this is, and DNS elsewhere.
fn application(evidence: &Evidence<'_>) -> AppId {
    if evidence.uses_port(PORT_MDNS) {
        app::MDNS
    } else if evidence.uses_port(PORT_LLMNR) {
        app::LLMNR
    } else {
        app::DNS_BASE
    }
}

fn at_home(evidence: &Evidence<'_>) -> bool {
    [PORT_DNS, PORT_MDNS, PORT_LLMNR].iter().any(|port| evidence.uses_port(*port))
}

fn datagrams(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !at_home(evidence) {
        let first = evidence.each_datagram().map(|(_, datagram)| judge(datagram)).next();
        return match first {
            Some(Form::Whole) => ProbeAnswer::Certain(application(evidence)),
            Some(Form::BeginsWell | Form::Short | Form::Header | Form::Other) => ProbeAnswer::NotMine,
            None => ProbeAnswer::Unsure,
        };
    }
    let found = evidence.each_datagram().any(|(_, datagram)| match judge(datagram) {
        Form::Whole | Form::BeginsWell | Form::Header => true,
        Form::Short | Form::Other => is_error_response(datagram),
    });
    if found { ProbeAnswer::Certain(application(evidence)) } else { ProbeAnswer::Unsure }
}

/// Over TCP each message has its length in two bytes before it (RFC 1035 section 4.2.2).
fn stream(evidence: &Evidence<'_>) -> ProbeAnswer {
    let mut answer = ProbeAnswer::NotMine;
    for direction in [Direction::ClientToServer, Direction::ServerToClient] {
        let Some((length, rest)) = evidence.bytes(direction).split_first_chunk() else {
            answer = ProbeAnswer::Unsure;
            continue;
        };
        let length = usize::from(u16::from_be_bytes(*length));
        let arrived = rest.len() >= length;
        match judge(rest.get(..length).unwrap_or(rest)) {
            Form::Whole if arrived => return ProbeAnswer::Certain(application(evidence)),
            Form::Whole | Form::BeginsWell if at_home(evidence) => {
                return ProbeAnswer::Certain(application(evidence));
            }
            Form::Whole | Form::BeginsWell | Form::Short => {
                if arrived || length < HEADER_LENGTH {
                    return ProbeAnswer::NotMine;
                }
                answer = ProbeAnswer::Unsure;
            }
            Form::Header | Form::Other => return ProbeAnswer::NotMine,
        }
    }
    answer
}

/// How much of a message is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// All of it, with nothing after it.
    Whole,
    /// The header and the first question or record.
    BeginsWell,
    /// A header with one question that cannot be read.
    Header,
    /// Whatever is there, but it ends before the first question or record does.
    Short,
    /// Not this format.
    Other,
}

fn judge(message: &[u8]) -> Form {
    let Some((header, _)) = message.split_first_chunk::<HEADER_LENGTH>() else {
        return Form::Short;
    };
    let number = |high: usize| u16::from_be_bytes([header[high], header[high + 1]]);
    let [flags, questions, answers, authorities, additionals] = [2, 4, 6, 8, 10].map(number);
    if !plausible_header(flags, questions, answers, message.len()) {
        return Form::Other;
    }
    let mut reading = Reading { message, at: HEADER_LENGTH };
    let records = u32::from(answers) + u32::from(authorities) + u32::from(additionals);
    let entries = (0..u32::from(questions)).map(|_| true).chain((0..records).map(|_| false));
    for (place, is_question) in entries.enumerate() {
        let entry = if is_question { reading.question() } else { reading.record() };
        match entry {
            Ok(()) => {}
            Err(_) if place > 0 => return Form::BeginsWell,
            Err(Broken::Short) => return Form::Short,
            Err(Broken::Wrong) if questions == 1 && records <= 32 => return Form::Header,
            Err(Broken::Wrong) => return Form::Other,
        }
    }
    match (questions, records) {
        (0, 0) => Form::Other,
        _ if reading.at == message.len() => Form::Whole,
        _ => Form::BeginsWell,
    }
}

/// Opcodes in use (RFC 1035, 1996, 2136, 8490), the reserved bit zero, a query with a question (an inverse
/// one with an answer), no more questions than can be there.
fn plausible_header(flags: u16, questions: u16, answers: u16, length: usize) -> bool {
    let is_response = flags & 0x8000 != 0;
    let opcode_known = matches!(flags >> 11 & 0xf, 0 | 1 | 2 | 4 | 5 | 6);
    let reserved_zero = flags & 0x0040 == 0;
    let is_inverse = flags >> 11 & 0xf == 1;
    let smallest = usize::from(questions) * 5;
    opcode_known
        && reserved_zero
        && (is_response || (questions > 0 && flags & 0xf == 0) || (is_inverse && answers > 0))
        && (questions <= 1 || smallest <= length)
}

/// A server may answer what it could not read with a bare header.
fn is_error_response(datagram: &[u8]) -> bool {
    match datagram {
        [_, _, high, low, counts @ ..] if counts.len() == 8 => {
            high & 0xf8 == 0x80 && low & 0x40 == 0 && low & 0xf != 0 && counts.iter().all(|byte| *byte == 0)
        }
        _ => false,
    }
}

enum Broken {
    Short,
    Wrong,
}

struct Reading<'a> {
    message: &'a [u8],
    at: usize,
}

impl Reading<'_> {
    fn number(&mut self) -> Result<u16, Broken> {
        let bytes = self.message.get(self.at..).and_then(<[u8]>::first_chunk).ok_or(Broken::Short)?;
        self.at += 2;
        Ok(u16::from_be_bytes(*bytes))
    }

    fn skip(&mut self, count: usize) -> Result<(), Broken> {
        self.at += count;
        if self.at > self.message.len() { Err(Broken::Short) } else { Ok(()) }
    }

    /// Labels up to the root or up to a pointer to something before it.
    fn name(&mut self) -> Result<(), Broken> {
        let start = self.at;
        loop {
            let length = *self.message.get(self.at).ok_or(Broken::Short)?;
            match length {
                0 => return self.skip(1),
                1..=63 => self.skip(1 + usize::from(length))?,
                64..=191 => return Err(Broken::Wrong),
                192.. => {
                    let target = usize::from(self.number()? & 0x3fff);
                    return if target < start { Ok(()) } else { Err(Broken::Wrong) };
                }
            }
            if self.at - start > 255 {
                return Err(Broken::Wrong);
            }
        }
    }

    fn question(&mut self) -> Result<(), Broken> {
        let start = self.at;
        self.name()?;
        let is_netbios = self.message.get(start..self.at).is_some_and(super::netbios::is_encoded_name);
        let kind = self.number()?;
        if kind == 0 || (is_netbios && matches!(kind, 0x20 | 0x21)) {
            return Err(Broken::Wrong);
        }
        self.class()
    }

    /// Multicast DNS uses the highest bit of the class (RFC 6762 sections 5.4 and 10.2).
    fn class(&mut self) -> Result<(), Broken> {
        match self.number()? & 0x7fff {
            1 | 3 | 4 | 254 | 255 => Ok(()),
            _ => Err(Broken::Wrong),
        }
    }

    fn record(&mut self) -> Result<(), Broken> {
        const TYPE_OPT: u16 = 41;
        let start = self.at;
        self.name()?;
        let is_netbios = self.message.get(start..self.at).is_some_and(super::netbios::is_encoded_name);
        match self.number()? {
            0 => return Err(Broken::Wrong),
            0x20 | 0x21 if is_netbios => return Err(Broken::Wrong),
            TYPE_OPT => self.skip(2)?,
            _ => self.class()?,
        }
        self.skip(4)?;
        let length = self.number()?;
        self.skip(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;

    fn message(flags: u16, questions: u16, answers: u16, rest: &[u8]) -> Vec<u8> {
        let mut message = vec![0x12, 0x34];
        for number in [flags, questions, answers, 0, 0] {
            message.extend(number.to_be_bytes());
        }
        message.extend(rest);
        message
    }

    fn query() -> Vec<u8> {
        message(0x0100, 1, 0, b"\x03www\x07example\x03com\x00\x00\x01\x00\x01")
    }

    fn response() -> Vec<u8> {
        message(
            0x8180,
            1,
            1,
            b"\x03www\x07example\x03com\x00\x00\x01\x00\x01\
              \xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01",
        )
    }

    fn udp(server_port: u16, direction: Direction, datagram: &[u8]) -> ProbeAnswer {
        let (sent, received) = match direction {
            Direction::ClientToServer => (datagram, &[][..]),
            Direction::ServerToClient => (&[][..], datagram),
        };
        probe(&Evidence {
            transport: Transport::Udp,
            client_port: 40000,
            server_port,
            sent,
            received,
            datagrams: &[(direction, datagram.len())],
        })
    }

    fn tcp(server_port: u16, sent: &[u8], received: &[u8]) -> ProbeAnswer {
        probe(&Evidence {
            transport: Transport::Tcp,
            client_port: 40000,
            server_port,
            sent,
            received,
            datagrams: &[],
        })
    }

    fn with_length(message: &[u8]) -> Vec<u8> {
        [&(message.len() as u16).to_be_bytes()[..], message].concat()
    }

    #[test]
    fn queries_and_responses_are_known_either_way_and_on_any_port() {
        for (port, expected) in
            [(53, app::DNS_BASE), (9953, app::DNS_BASE), (5353, app::MDNS), (5355, app::LLMNR)]
        {
            for datagram in [query(), response()] {
                for direction in [Direction::ClientToServer, Direction::ServerToClient] {
                    assert_eq!(
                        udp(port, direction, &datagram),
                        ProbeAnswer::Certain(expected),
                        "port {port}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_cut_message_counts_only_at_home() {
        let message = response();
        for length in 0..message.len() {
            let home = udp(53, Direction::ServerToClient, &message[..length]);
            let expected =
                if length >= 33 { ProbeAnswer::Certain(app::DNS_BASE) } else { ProbeAnswer::Unsure };
            assert_eq!(home, expected, "{length} bytes");
            assert_eq!(
                udp(9953, Direction::ServerToClient, &message[..length]),
                ProbeAnswer::NotMine,
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_bare_error_counts_only_at_home() {
        let refused = message(0x8005, 0, 0, &[]);
        assert_eq!(udp(53, Direction::ServerToClient, &refused), ProbeAnswer::Certain(app::DNS_BASE));
        assert_eq!(udp(9953, Direction::ServerToClient, &refused), ProbeAnswer::NotMine);
    }

    #[test]
    fn over_tcp_the_length_comes_first() {
        let (sent, received) = (with_length(&query()), with_length(&response()));
        for port in [53, 9953] {
            assert_eq!(tcp(port, &sent, &[]), ProbeAnswer::Certain(app::DNS_BASE));
            assert_eq!(tcp(port, &[], &received), ProbeAnswer::Certain(app::DNS_BASE));
            for length in 0..sent.len() {
                assert_ne!(
                    tcp(port, &sent[..length], &[]),
                    ProbeAnswer::NotMine,
                    "port {port}, {length} bytes"
                );
            }
        }
        for length in 0..sent.len() {
            assert_eq!(tcp(9953, &sent[..length], &[]), ProbeAnswer::Unsure, "{length} bytes");
        }
        assert_eq!(tcp(53, b"GET / HTTP/1.1\r\n\r\n", &[]), ProbeAnswer::NotMine);
    }

    #[test]
    fn look_alikes_are_left_alone() {
        let mut netbios = message(0x0110, 1, 0, b"\x20");
        netbios.extend(b"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\x00\x00\x21\x00\x01");
        assert_eq!(udp(137, Direction::ClientToServer, &netbios), ProbeAnswer::NotMine);
        assert_eq!(udp(1370, Direction::ClientToServer, &netbios), ProbeAnswer::NotMine);
        assert_eq!(udp(53, Direction::ClientToServer, &[0; 48]), ProbeAnswer::Unsure);
        let class_unknown = message(0x0100, 1, 0, b"\x01a\x00\x00\x01\x12\x34");
        assert_eq!(udp(9953, Direction::ClientToServer, &class_unknown), ProbeAnswer::NotMine);
        let forward_pointer = message(0x0100, 1, 0, b"\xc0\x20\x00\x01\x00\x01");
        assert_eq!(udp(9953, Direction::ClientToServer, &forward_pointer), ProbeAnswer::NotMine);
        assert_eq!(udp(53, Direction::ClientToServer, &[0xff; 48]), ProbeAnswer::Unsure);
    }
}
