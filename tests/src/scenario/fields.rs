//! The words of a packet line, each read into what it stands for.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bifrons_model::DropReason;

use super::{Fate, Mistake, packet::Number, words::Words};
use crate::bindings::{address, port};
use crate::frame::{Body, Extension, Faults, Fragment, Packet, Tag, Tcp};

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;
const FLAGS: [(&str, u8); 8] = [
    ("fin", FIN),
    ("syn", SYN),
    ("rst", RST),
    ("psh", PSH),
    ("ack", ACK),
    ("urg", 0x20),
    ("ece", 0x40),
    ("cwr", 0x80),
];

/// `A > B`, with ports or without.
pub(super) fn ends(words: &mut Words, has_ports: bool) -> Result<(SocketAddr, SocketAddr), Mistake> {
    let expected = if has_ports {
        "an address with its port, such as `10.0.0.1:1000` or `[2001:db8::1]:53`"
    } else {
        "an address, such as `10.0.0.1`"
    };
    let end = |word: &str| if has_ports { socket(word) } else { Some(SocketAddr::new(address(word)?, 0)) };
    let source = words.known(expected, end)?;
    if !words.take(">") {
        return Err(words.mistake("`>` between sender and receiver"));
    }
    let destination = words.known(expected, end)?;
    if source.is_ipv4() != destination.is_ipv4() {
        return Err(words.mistake("two addresses of one family"));
    }
    Ok((source, destination))
}

/// An address with its port; either may be a variable.
pub(super) fn socket(word: &str) -> Option<SocketAddr> {
    let (host, number) = word.rsplit_once(':')?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<Ipv6Addr>().ok()?.into(),
        None => address(host).filter(IpAddr::is_ipv4)?,
    };
    Some(SocketAddr::new(host, port(number)?))
}

pub(super) fn tcp_ends(packet: &Packet) -> Option<(SocketAddr, SocketAddr)> {
    match &packet.body {
        Body::Tcp(tcp) => Some((
            SocketAddr::new(packet.source, tcp.source),
            SocketAddr::new(packet.destination, tcp.destination),
        )),
        Body::Udp(..) | Body::Icmp(..) | Body::Sctp(..) | Body::Other(_) => None,
    }
}

pub(super) fn tag(words: &mut Words) -> Result<Option<Tag>, Mistake> {
    Ok(Some(if words.take("vlan") {
        Tag::Vlan(words.value("a VLAN's number")?)
    } else if words.take("service-vlan") {
        Tag::Service(words.value("a VLAN's number")?)
    } else if words.take("mpls") {
        Tag::Mpls(words.value("a label")?)
    } else if words.take("pppoe") {
        Tag::Pppoe(words.value("a session's number")?)
    } else {
        return Ok(None);
    }))
}

/// `syn,ack`, or `none`.
pub(super) fn flags(word: &str) -> Option<u8> {
    if word == "none" {
        return Some(0);
    }
    let flag = |name: &str| FLAGS.iter().find(|(known, _)| *known == name).map(|(_, bit)| *bit);
    word.split(',').try_fold(0, |flags, name| Some(flags | flag(name)?))
}

pub(super) fn number(word: &str) -> Option<Number> {
    if word.starts_with(['+', '-']) {
        word.parse().ok().map(Number::Off)
    } else {
        word.parse().ok().map(Number::At)
    }
}

pub(super) fn tcp_field(tcp: &mut Tcp, words: &mut Words) -> Result<bool, Mistake> {
    if words.take("win") {
        tcp.window = words.value("a window, 0 to 65535")?;
    } else if words.take("urgent") {
        tcp.urgent = words.value("an urgent pointer")?;
    } else if words.take("mss") {
        let size: u16 = words.value("a segment size")?;
        tcp.options.extend([2, 4]);
        tcp.options.extend(size.to_be_bytes());
    } else if words.take("wscale") {
        let shift: u8 = words.value("a window's shift")?;
        tcp.options.extend([1, 3, 3, shift]);
    } else if words.take("timestamp") {
        let value: u32 = words.value("a timestamp")?;
        let echo: u32 = words.value("the echoed timestamp")?;
        tcp.options.extend([1, 1, 8, 10]);
        tcp.options.extend(value.to_be_bytes());
        tcp.options.extend(echo.to_be_bytes());
    } else if words.take("option") {
        tcp.options.extend(words.hex()?);
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// A chunk with the length that its type has at least (RFC 9260, section 3.3).
pub(super) fn chunk(name: &str) -> Option<Vec<u8>> {
    let (kind, length) = match name {
        "data" => (0, 20),
        "init" => (1, 20),
        "init-ack" => (2, 20),
        "sack" => (3, 16),
        "heartbeat" => (4, 12),
        "heartbeat-ack" => (5, 12),
        "abort" => (6, 4),
        "shutdown" => (7, 8),
        "shutdown-ack" => (8, 4),
        "error" => (9, 4),
        "cookie-echo" => (10, 8),
        "cookie-ack" => (11, 4),
        "shutdown-complete" => (14, 4),
        _ => return None,
    };
    let mut bytes = vec![0; usize::from(length)];
    bytes[0] = kind;
    bytes[3] = length;
    Some(bytes)
}

pub(super) fn fragment(words: &mut Words) -> Result<Fragment, Mistake> {
    let mut part = Fragment { identification: 1, offset: 0, size: usize::MAX / 2, more: None };
    if words.take("id") {
        part.identification = words.value("an identification")?;
    }
    if words.take("offset") {
        part.offset = words.value("an offset in bytes")?;
    }
    if words.take("size") {
        part.size = words.value("a size in bytes")?;
    }
    if words.take("more") {
        part.more = Some(true);
    } else if words.take("last") {
        part.more = Some(false);
    }
    Ok(part)
}

pub(super) fn fault(faults: &mut Faults, words: &mut Words) -> Result<(), Mistake> {
    const FIELDS: &str = "a field of the packet (see the README), or `pass`, `drop REASON` or `held`";
    match words.word(FIELDS)?.as_str() {
        "bad-checksum" => faults.checksum = true,
        "no-checksum" => faults.no_checksum = true,
        "bad-ip-checksum" => faults.ip_checksum = true,
        "ip-length" => faults.ip_length = Some(words.value("a length")?),
        "ip-header" => faults.ip_header = Some(words.value("a length in words of four bytes")?),
        "ip-version" => faults.ip_version = Some(words.value("a version")?),
        "udp-length" => faults.udp_length = Some(words.value("a length")?),
        "tcp-header" => faults.tcp_header = Some(words.value("a length in words of four bytes")?),
        "cut" => faults.cut = Some(words.value("how many bytes the capture kept")?),
        "short" => faults.short = Some(words.value("how long the frame is")?),
        "padding" => faults.padding = words.value("a number of bytes")?,
        "ttl" => faults.hop_limit = Some(words.value("a number of hops")?),
        "ip-options" => faults.ip_options = words.hex()?,
        "ip-flag" => {
            faults.ip_flags |= words.known("`reserved` or `dont-fragment`", |word| match word {
                "reserved" => Some(4),
                "dont-fragment" => Some(2),
                _ => None,
            })?;
        }
        "inner" => faults.inner_extensions.push(words.known(EXTENSIONS, extension)?),
        other if extension(other).is_some() => faults.extensions.extend(extension(other)),
        other => {
            return Err(Mistake { line: words.line(), text: format!("expected {FIELDS}, found `{other}`") });
        }
    }
    Ok(())
}

const EXTENSIONS: &str = "`hop-by-hop`, `destination-options`, `routing` or `atomic-fragment`";

fn extension(word: &str) -> Option<Extension> {
    Some(match word {
        "hop-by-hop" => Extension::HopByHop,
        "destination-options" => Extension::DestinationOptions,
        "routing" => Extension::Routing,
        "atomic-fragment" => Extension::AtomicFragment,
        _ => return None,
    })
}

pub(super) fn icmp(words: &mut Words, is_v4: bool) -> Result<Body, Mistake> {
    const KINDS: &str =
        "`echo request`, `echo reply`, `unreachable WHAT`, `time-exceeded`, `too-big MTU` or `type N code N`";
    let (kind, code) = if words.take("echo") {
        let is_request = words.known("`request` or `reply`", |word| match word {
            "request" => Some(true),
            "reply" => Some(false),
            _ => None,
        })?;
        let kind = match (is_v4, is_request) {
            (true, true) => 8,
            (true, false) => 0,
            (false, true) => 128,
            (false, false) => 129,
        };
        (kind, 0)
    } else if words.take("unreachable") {
        let code = words.known("`net`, `host`, `port` or `prohibited`", |word| match (word, is_v4) {
            ("net", _) => Some(0),
            ("host", true) => Some(1),
            ("host", false) => Some(3),
            ("port", true) => Some(3),
            ("port", false) => Some(4),
            ("prohibited", true) => Some(13),
            ("prohibited", false) => Some(1),
            _ => None,
        })?;
        (if is_v4 { 3 } else { 1 }, code)
    } else if words.take("time-exceeded") {
        (if is_v4 { 11 } else { 3 }, 0)
    } else if words.take("too-big") {
        let mtu: u32 = words.value("a size")?;
        let (kind, code) = if is_v4 { (3, 4) } else { (2, 0) };
        return Ok(Body::Icmp(kind, code, mtu.to_be_bytes()));
    } else if words.take("type") {
        let kind = words.value("a type")?;
        if !words.take("code") {
            return Err(words.mistake("`code NUMBER`"));
        }
        (kind, words.value("a code")?)
    } else {
        return Err(words.mistake(KINDS));
    };
    let mut rest = [0; 4];
    while icmp_field(&mut rest, words)? {}
    Ok(Body::Icmp(kind, code, rest))
}

/// What may follow the message of an ICMP line.
pub(super) fn icmp_field(rest: &mut [u8; 4], words: &mut Words) -> Result<bool, Mistake> {
    let place = if words.take("id") {
        0..2
    } else if words.take("seq") {
        2..4
    } else {
        return Ok(false);
    };
    let value = words.known("an identifier or a sequence number", port)?;
    rest[place].copy_from_slice(&value.to_be_bytes());
    Ok(true)
}

pub(super) fn plain_fate(words: &mut Words) -> Result<Fate, Mistake> {
    const FATES: &str = "what must become of the packet: `pass`, `drop REASON` or `held`";
    Ok(match words.word(FATES)?.as_str() {
        "pass" => {
            let interface = if words.take("to") { Some(words.word("an interface's name")?) } else { None };
            Fate::Pass { interface, leaves: Vec::new() }
        }
        "drop" => {
            Fate::Drop(words.known("a drop reason, such as `tcp-out-of-window`", DropReason::from_name)?)
        }
        "held" => Fate::Held,
        other => {
            return Err(Mistake { line: words.line(), text: format!("expected {FATES}, found `{other}`") });
        }
    })
}
