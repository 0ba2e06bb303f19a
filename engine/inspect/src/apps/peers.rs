//! Between equals and on the local link: SSDP, WS-Discovery, SLP (RFC 2608), BJNP, the lookouts of Dropbox,
//! Spotify, TiVo and Syncthing; Bitcoin, Ethereum, Stratum, Gnutella, eDonkey, QQ, WhatsApp,
//! Telegram.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::{
    shape::{B, begins, big, both, client_first, datagrams, either, little, magic, uses_any},
    text::{self, Fit},
};

pub(super) const SSDP: Probe = Probe { name: "ssdp", tcp: false, udp: true, probe: ssdp, decoder: None };
pub(super) const WS_DISCOVERY: Probe =
    Probe { name: "ws-discovery", tcp: false, udp: true, probe: ws_discovery, decoder: None };
pub(super) const SLP: Probe = Probe { name: "slp", tcp: true, udp: true, probe: slp, decoder: None };
pub(super) const BJNP: Probe = Probe { name: "bjnp", tcp: false, udp: true, probe: bjnp, decoder: None };
pub(super) const LOOKOUT: Probe =
    Probe { name: "lookout", tcp: true, udp: true, probe: lookout, decoder: None };
pub(super) const BITCOIN: Probe =
    Probe { name: "bitcoin", tcp: true, udp: false, probe: bitcoin, decoder: None };
pub(super) const STRATUM: Probe =
    Probe { name: "stratum", tcp: true, udp: false, probe: stratum, decoder: None };
pub(super) const ETHEREUM: Probe =
    Probe { name: "ethereum", tcp: true, udp: true, probe: ethereum, decoder: None };
pub(super) const GNUTELLA: Probe =
    Probe { name: "gnutella", tcp: true, udp: true, probe: gnutella, decoder: None };
pub(super) const EDONKEY: Probe =
    Probe { name: "edonkey", tcp: true, udp: false, probe: edonkey, decoder: None };
pub(super) const QQ: Probe = Probe { name: "qq", tcp: false, udp: true, probe: qq, decoder: None };
pub(super) const MESSENGERS: Probe =
    Probe { name: "messengers", tcp: true, udp: true, probe: messengers, decoder: None };

fn ssdp(evidence: &Evidence<'_>) -> ProbeAnswer {
    const LINES: [&[u8]; 2] = [b"M-SEARCH * HTTP/1.", b"NOTIFY * HTTP/1."];
    const FIELDS: [&[u8]; 2] = [b"\nst:", b"\nusn:"];
    let at_home = uses_any(evidence, &[1900]);
    datagrams(evidence, app::SSDP, 1, |_, datagram| {
        let asks = LINES.iter().any(|line| text::starts_with(datagram, line) == Fit::Yes);
        let answers = magic(datagram, b"HTTP/1.1 200 OK") == Fit::Yes
            && (at_home || FIELDS.iter().any(|field| text::contains(datagram, field)));
        asks || answers
    })
}

fn ws_discovery(evidence: &Evidence<'_>) -> ProbeAnswer {
    const NAMESPACES: [&[u8]; 2] = [b"/ws/2005/04/discovery", b"/ws-dd/ns/discovery"];
    datagrams(evidence, app::WS_DISCOVERY, 1, |_, datagram| {
        magic(datagram, b"<") == Fit::Yes && NAMESPACES.iter().any(|name| text::contains(datagram, name))
    })
}

/// Version, function, length.
fn slp(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[427]) {
        return ProbeAnswer::NotMine;
    }
    let message = |bytes: &[u8]| {
        let newer = begins(bytes, &[B::Is(2), B::In(1, 11), B::Is(0), B::Any, B::Any]);
        let older = begins(bytes, &[B::Is(1), B::In(1, 10), B::Any, B::Any]);
        newer.or(older)
    };
    let length = |bytes: &[u8]| match bytes.first() {
        Some(2) => big(bytes, 2, 3),
        _ => big(bytes, 2, 2),
    };
    match evidence.transport {
        Transport::Tcp => either(evidence, app::SLP, message, message),
        Transport::Udp => datagrams(evidence, app::SLP, 1, |_, datagram| {
            message(datagram) == Fit::Yes && length(datagram) == Some(datagram.len())
        }),
    }
}

/// Magic, kind of device (its high bit marks an answer), operation.
fn bjnp(evidence: &Evidence<'_>) -> ProbeAnswer {
    datagrams(evidence, app::CANON_BJNP, 1, |_, datagram| {
        let shape = [B::Is(b'B'), B::Is(b'J'), B::Is(b'N'), B::Of(b"PB"), B::Of(&[1, 2, 0x81, 0x82])];
        begins(datagram, &shape) == Fit::Yes
            && big(datagram, 12, 4).map(|length| length + 16) == Some(datagram.len())
    })
}

/// Programs that look for others of their kind on the link, each with a word of its own.
fn lookout(evidence: &Evidence<'_>) -> ProbeAnswer {
    let words: [(&[u8], _); 4] = [
        (b"{\"host_int\":", app::DROPBOX_LANSYNC_DISCOVERY),
        (b"SpotUdp0", app::SPOTIFY),
        (b"TiVoConnect=", app::TIVOCONNECT),
        (&[0x2e, 0xa7, 0xd9, 0x0b], app::SYNCTHING),
    ];
    let judge = |bytes: &[u8]| {
        let fit = |(word, app)| (text::starts_with(bytes, word), app);
        let fits = words.map(fit);
        match fits.iter().find(|(fit, _)| *fit == Fit::Yes) {
            Some((_, app)) => ProbeAnswer::Certain(*app),
            None if fits.iter().any(|(fit, _)| *fit == Fit::Open) => ProbeAnswer::Unsure,
            None => ProbeAnswer::NotMine,
        }
    };
    // The order in which Dropbox names what it tells differs.
    let is_dropbox = |datagram: &[u8]| {
        evidence.uses_port(17_500)
            && datagram.first() == Some(&b'{')
            && text::contains(datagram, b"\"host_int\":")
    };
    match evidence.transport {
        Transport::Tcp => match spotify(evidence.sent) {
            Fit::Yes => ProbeAnswer::Certain(app::SPOTIFY),
            Fit::Open if evidence.received.is_empty() => ProbeAnswer::Unsure,
            Fit::Open | Fit::No => evidence.judge(judge),
        },
        Transport::Udp => match evidence.each_datagram().next() {
            Some((_, datagram)) if is_dropbox(datagram) => {
                ProbeAnswer::Certain(app::DROPBOX_LANSYNC_DISCOVERY)
            }
            Some((_, datagram)) if datagram.len() >= 12 => judge(datagram),
            Some(_) => ProbeAnswer::NotMine,
            None => ProbeAnswer::Unsure,
        },
    }
}

/// A client's hello to an access point: version, length, the field that describes its build.
fn spotify(bytes: &[u8]) -> Fit {
    let shape =
        [B::Is(0), B::Is(4), B::Is(0), B::Is(0), B::In(0, 7), B::Any, B::Is(0x52), B::Any, B::Is(0x50)];
    begins(bytes, &shape)
}

/// Looking for nodes (Node Discovery, version 4), and the handshake of the streams between them (RLPx).
fn ethereum(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[30_301, 30_303, 30_304, 30_305]);
    match evidence.transport {
        Transport::Udp => datagrams(evidence, app::ETHEREUM, if at_home { 1 } else { 2 }, |_, datagram| {
            ethereum_packet(datagram, at_home)
        }),
        Transport::Tcp if at_home => {
            // A length, an uncompressed point, what is encrypted with it, and noise (EIP-8).
            let handshake = |bytes: &[u8]| {
                begins(bytes, &[B::In(0, 3), B::Any, B::Is(4)]).and(|| match big(bytes, 0, 2) {
                    Some(length @ 150..) if bytes.len() >= length + 2 => Fit::Yes,
                    Some(150..) => Fit::Open,
                    Some(_) | None => Fit::No,
                })
            };
            both(evidence, app::ETHEREUM, at_home, handshake, handshake)
        }
        Transport::Tcp => ProbeAnswer::NotMine,
    }
}

/// A hash, a signature with its recovery number, the kind, a list. More may follow the list (EIP-8).
fn ethereum_packet(datagram: &[u8], may_go_on: bool) -> bool {
    const HEAD: usize = 32 + 65 + 1;
    let Some((head, data)) = datagram.split_at_checked(HEAD) else {
        return false;
    };
    let length = match data.first() {
        Some(short @ 0xc0..=0xf7) => Some(1 + usize::from(short - 0xc0)),
        Some(0xf8) => big(data, 1, 1).map(|length| 2 + length),
        Some(0xf9) => big(data, 1, 2).map(|length| 3 + length),
        Some(_) | None => None,
    };
    let fits = length.is_some_and(|length| length == data.len() || (may_go_on && length < data.len()));
    fits && matches!(head, [.., 0 | 1, 1..=6])
}

/// The network's magic, a command padded with zeros.
fn bitcoin(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &[u8]| {
        magic(bytes, &[0xf9, 0xbe, 0xb4, 0xd9]).or(magic(bytes, &[0x0b, 0x11, 0x09, 0x07])).and(
            || match bytes.get(4..16) {
                Some(command) => {
                    let name = command.iter().take_while(|byte| **byte != 0).count();
                    let (name, padding) = command.split_at(name);
                    let letters = name.len() >= 2 && name.iter().all(u8::is_ascii_alphanumeric);
                    Fit::of(letters && padding.iter().all(|byte| *byte == 0))
                }
                None => Fit::Open,
            },
        )
    };
    either(evidence, app::BITCOIN, message, message)
}

/// A miner's first call, as JSON.
fn stratum(evidence: &Evidence<'_>) -> ProbeAnswer {
    const CALLS: [&[u8]; 5] =
        [b"mining.subscribe", b"mining.authorize", b"mining.configure", b"eth_submitLogin", b"\"algo\":"];
    let call = |bytes: &[u8]| {
        begins(bytes, &[B::Is(b'{'), B::Any]).and(|| {
            let login = text::contains(bytes, b"\"login\"") && text::contains(bytes, b"\"pass\"");
            let whole = bytes.contains(&b'\n') || bytes.len() > 600;
            match (login || CALLS.iter().any(|word| text::contains(bytes, word)), whole) {
                (true, _) => Fit::Yes,
                (false, true) => Fit::No,
                (false, false) => Fit::Open,
            }
        })
    };
    let answer = |bytes: &[u8]| {
        begins(bytes, &[B::Is(b'{')])
            .and(|| if text::contains(bytes, b"mining.notify") { Fit::Yes } else { Fit::Open })
    };
    client_first(evidence, app::STRATUM_MINING_PROTOCOL, call, answer)
}

/// The line that opens a connection; messages over UDP: sixteen bytes of a name, the kind, hops left and
/// made, the length of the rest. Those that want an answer may have a head before them.
fn gnutella(evidence: &Evidence<'_>) -> ProbeAnswer {
    const KINDS: [u8; 9] = [0x00, 0x01, 0x02, 0x30, 0x31, 0x32, 0x40, 0x80, 0x81];
    const HEAD: usize = 23;
    const MOST_HOPS: u8 = 15;
    if evidence.transport == Transport::Udp {
        return datagrams(evidence, app::GNUTELLA, 1, |_, datagram| {
            let is_reliable = matches!(datagram, [b'G', b'N' | b'T', b'D' | b'A', 0..=3, _, 0..=2, ..]);
            let is_message = matches!(datagram.get(16..19), Some([kind, left, made])
                if KINDS.contains(kind) && left.saturating_add(*made) <= MOST_HOPS);
            is_reliable
                || (is_message && little(datagram, 19, 4).map(|length| length + HEAD) == Some(datagram.len()))
        });
    }
    let line = |bytes: &[u8]| magic(bytes, b"GNUTELLA CONNECT/0.").or(magic(bytes, b"GNUTELLA/0."));
    either(evidence, app::GNUTELLA, line, line)
}

/// A marker, the length, a hello with a hash of sixteen bytes.
fn edonkey(evidence: &Evidence<'_>) -> ProbeAnswer {
    let hello = |bytes: &[u8]| {
        let shape = [B::Of(&[0xe3, 0xc5]), B::Any, B::Any, B::Is(0), B::Is(0), B::Is(1)];
        begins(bytes, &shape).and(|| match (little(bytes, 1, 4), bytes.get(6)) {
            // Between clients the hash's length comes first; a login's length must fill the packet.
            (Some(length), Some(size)) => Fit::of(length >= 20 && (*size == 16 || length + 5 == bytes.len())),
            _ => Fit::Open,
        })
    };
    let answer = |bytes: &[u8]| {
        begins(bytes, &[B::Of(&[0xe3, 0xc5, 0xd4]), B::Any, B::Any, B::Any, B::Is(0)]).and(|| Fit::Open)
    };
    client_first(evidence, app::EMULE, hello, answer)
}

/// Framed by 2 and 3, with the client's version behind the 2.
fn qq(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[8000]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::QQ_BASE, 1, |_, datagram| {
        datagram.len() >= 12 && matches!(datagram, [2, 1..=0x40, _, 0, _, .., 3])
    })
}

/// WhatsApp over TCP, Telegram over both.
fn messengers(evidence: &Evidence<'_>) -> ProbeAnswer {
    if evidence.transport == Transport::Udp {
        // Who is called, then ones. The silence of a voice is ones as well, behind RTP's version.
        return datagrams(evidence, app::TELEGRAM, 1, |_, datagram| {
            datagram.get(16..28) == Some(&[0xff; 12])
                && matches!(datagram.first(), Some(0..=0x7f | 0xc0..=0xfe))
        });
    }
    match evidence.sent.first() {
        Some(0xdd..=0xef) => client_first(evidence, app::TELEGRAM, telegram, |_| Fit::Open),
        _ => whatsapp(evidence),
    }
}

/// MTProto over TCP: a mark of how lengths are written, the first length, and of a client that has no key yet
/// its eight zeros.
fn telegram(bytes: &[u8]) -> Fit {
    const NO_KEY: [u8; 8] = [0; 8];
    let after = |place: usize| match bytes.get(place..) {
        Some(rest) => magic(rest, &NO_KEY),
        None => Fit::Open,
    };
    match bytes {
        [0xef, 10..=0x7e, ..] => after(2),
        [0xee, 0xee, 0xee, 0xee, 40..=255, 0..=3, 0, 0, ..]
        | [0xdd, 0xdd, 0xdd, 0xdd, 40..=255, 0..=3, 0, 0, ..] => after(8),
        [mark @ (0xdd | 0xee), rest @ ..]
            if rest.iter().take(3).all(|byte| byte == mark) && rest.len() < 7 =>
        {
            Fit::Open
        }
        [0xef] => Fit::Open,
        _ => Fit::No,
    }
}

/// `WA` and the version, perhaps behind a hint for the way.
fn whatsapp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let hello = |bytes: &[u8]| {
        let at = |bytes: &[u8]| {
            begins(bytes, &[B::Is(b'W'), B::Is(b'A'), B::In(1, 9), B::In(0, 9), B::Is(0), B::Is(0)])
        };
        let hinted = magic(bytes, b"ED\0\x01").and(|| match big(bytes, 4, 3) {
            Some(length) if length <= 64 => at(bytes.get(7 + length..).unwrap_or_default()),
            Some(_) => Fit::No,
            None => Fit::Open,
        });
        at(bytes).or(hinted)
    };
    client_first(evidence, app::WHATSAPP_BASE, hello, |_| Fit::Open)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::apps::testing::{
        assert_datagrams, assert_never_certain, assert_no_datagram, assert_recognised, assert_recognised_at,
    };

    #[test]
    fn searches() {
        assert_datagrams(SSDP, app::SSDP, 1900, &[b"M-SEARCH * HTTP/1.1\r\nMX: 1\r\n\r\n"]);
        assert_datagrams(SSDP, app::SSDP, 40_001, &[b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"]);
        assert_no_datagram(SSDP, 40_001, b"HTTP/1.1 200 OK\r\nHost: a\r\n\r\n");
        let probe = b"<?xml version=\"1.0\"?><e x=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\"/>";
        assert_datagrams(WS_DISCOVERY, app::WS_DISCOVERY, 3702, &[probe]);
        assert_no_datagram(WS_DISCOVERY, 3702, b"<?xml version=\"1.0\"?>");
        assert_datagrams(SLP, app::SLP, 427, &[b"\x02\x01\0\0\x0e\0\0\0\0\0\0\x01\0\0"]);
        assert_recognised_at(SLP, app::SLP, 427, b"\x02\x01\0\0\x0e\0\0\0\0\0\0\x01\0\0", b"");
        assert_no_datagram(SLP, 427, b"\x02\x01\0\0\x0f\0\0\0\0\0\0\x01\0\0");
        assert_datagrams(BJNP, app::CANON_BJNP, 8612, &[b"BJNP\x01\x01\0\0\0\x01\0\0\0\0\0\0"]);
        assert_no_datagram(BJNP, 8612, b"BJNP\x01\x01\0\0\0\x01\0\0\0\0\0\x01");
        assert_datagrams(LOOKOUT, app::DROPBOX_LANSYNC_DISCOVERY, 17_500, &[b"{\"host_int\": 1234}"]);
        assert_datagrams(LOOKOUT, app::SPOTIFY, 57_621, &[b"SpotUdp0abcdefgh"]);
        assert_datagrams(LOOKOUT, app::SYNCTHING, 21_027, &[b"\x2e\xa7\xd9\x0b\x0a\x20abcdefgh"]);
        assert_recognised(LOOKOUT, app::TIVOCONNECT, b"tivoconnect=1\nmethod=x\n", b"");
        assert_no_datagram(LOOKOUT, 17_500, b"{\"host\": 1234}");
        let other = b"{\"version\": [2, 0], \"port\": 17500, \"host_int\": 1234}";
        assert_datagrams(LOOKOUT, app::DROPBOX_LANSYNC_DISCOVERY, 17_500, &[other]);
        assert_no_datagram(LOOKOUT, 40_001, other);
        assert_recognised(LOOKOUT, app::SPOTIFY, b"\0\x04\0\0\x01\x49\x52\x0f\x50\x02", b"");
        assert_never_certain(LOOKOUT, b"\0\x04\0\0\x01\x49\x52\x0f\x51\x02", b"");
    }

    #[test]
    fn coins() {
        let version = b"\xf9\xbe\xb4\xd9version\0\0\0\0\0\x66\0\0\0";
        assert_recognised(BITCOIN, app::BITCOIN, version, b"");
        assert_never_certain(BITCOIN, b"\xf9\xbe\xb4\xd9ver\0ion\0\0\0\0\0", b"");
        let mut ping = alloc::vec![7; 97];
        ping.extend(b"\x01\xc4abcd");
        ping[96] = 1;
        assert_datagrams(ETHEREUM, app::ETHEREUM, 30_303, &[&ping]);
        assert_datagrams(ETHEREUM, app::ETHEREUM, 40_001, &[&ping, &ping]);
        assert_no_datagram(ETHEREUM, 40_001, &ping);
        assert_no_datagram(ETHEREUM, 30_303, &ping[..ping.len() - 1]);
        ping[97] = 7;
        assert_no_datagram(ETHEREUM, 30_303, &ping);
        let mut hello = alloc::vec![1, 0x40, 4];
        hello.resize(0x142, 9);
        assert_recognised_at(ETHEREUM, app::ETHEREUM, 30_303, &hello, b"");
        assert_never_certain(ETHEREUM, &hello, &hello);
        let call = b"{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}\n";
        assert_recognised(STRATUM, app::STRATUM_MINING_PROTOCOL, call, b"");
        assert_never_certain(STRATUM, b"{\"id\":1,\"method\":\"ping\"}\n", b"");
    }

    #[test]
    fn sharers_and_talkers() {
        assert_recognised(GNUTELLA, app::GNUTELLA, b"GNUTELLA CONNECT/0.6\r\n", b"");
        assert_never_certain(GNUTELLA, b"GNUTELLA HELLO\r\n", b"");
        assert_datagrams(GNUTELLA, app::GNUTELLA, 6346, &[b"abcdefghijklmnop\0\x01\0\x02\0\0\0ab"]);
        assert_no_datagram(GNUTELLA, 6346, b"abcdefghijklmnop\0\x01\0\x03\0\0\0ab");
        assert_no_datagram(GNUTELLA, 6346, b"abcdefghijklmnop\x03\x01\0\x02\0\0\0ab");
        let mut hello = Vec::from(*b"\xe3\x29\0\0\0\x01\x10");
        hello.extend([7; 37]);
        assert_recognised(EDONKEY, app::EMULE, &hello, b"");
        assert_never_certain(EDONKEY, b"\xe3\x29\0\0\0\x02\x10", b"");
        assert_datagrams(QQ, app::QQ_BASE, 8000, &[b"\x02\x3b\x0b\0\x01\0\x17\x56\x1f\x0c\x7b\x03"]);
        assert_no_datagram(QQ, 40_001, b"\x02\x3b\x0b\0\x01\0\x17\x56\x1f\x0c\x7b\x03");
        assert_recognised(MESSENGERS, app::WHATSAPP_BASE, b"WA\x05\x02\0\0\x24\x12", b"");
        assert_recognised(MESSENGERS, app::WHATSAPP_BASE, b"ED\0\x01\0\0\x02\x08\x05WA\x05\x02\0\0", b"");
        assert_never_certain(MESSENGERS, b"WATCH OUT", b"");
        assert_recognised(MESSENGERS, app::TELEGRAM, b"\xef\x0a\0\0\0\0\0\0\0\0abc", b"");
        assert_recognised(MESSENGERS, app::TELEGRAM, b"\xee\xee\xee\xee\x28\0\0\0\0\0\0\0\0\0\0\0", b"");
        assert_never_certain(MESSENGERS, b"\xef\x0a\0\0\0\0\0\0\0\x01abc", b"");
        let call = [&[7; 16][..], &[0xff; 12], &[1, 2, 3, 4]].concat();
        assert_datagrams(MESSENGERS, app::TELEGRAM, 40_001, &[&call]);
        assert_no_datagram(MESSENGERS, 40_001, &[0xff; 32]);
        let silence = [&[0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 7][..], &[0xff; 160]].concat();
        assert_no_datagram(MESSENGERS, 40_001, &silence);
    }
}
