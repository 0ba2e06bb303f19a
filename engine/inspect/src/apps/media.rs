//! Voice, video and games: RTSP (RFC 7826), RTMP, H.225 and RAS (H.323), MGCP (RFC 3435), Skinny, IAX2 (RFC
//! 5456), Discord's voice, Zoom, TeamSpeak, Mumble, Viber, Source engine, Minecraft, Nintendo.

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::{
    shape::{B, begins, both, client_first, datagrams, either, little, magic, uses_any},
    text::{self, Fit},
};

pub(super) const RTSP: Probe = Probe { name: "rtsp", tcp: true, udp: false, probe: rtsp, decoder: None };
pub(super) const RTMP: Probe = Probe { name: "rtmp", tcp: true, udp: false, probe: rtmp, decoder: None };
pub(super) const H_225: Probe = Probe { name: "h225", tcp: true, udp: false, probe: h_225, decoder: None };
pub(super) const RAS: Probe = Probe { name: "ras", tcp: false, udp: true, probe: ras, decoder: None };
pub(super) const MGCP: Probe = Probe { name: "mgcp", tcp: false, udp: true, probe: mgcp, decoder: None };
pub(super) const SKINNY: Probe =
    Probe { name: "skinny", tcp: true, udp: false, probe: skinny, decoder: None };
pub(super) const IAX: Probe = Probe { name: "iax", tcp: false, udp: true, probe: iax, decoder: None };
pub(super) const DISCORD: Probe =
    Probe { name: "discord", tcp: false, udp: true, probe: discord, decoder: None };
pub(super) const ZOOM: Probe = Probe { name: "zoom", tcp: false, udp: true, probe: zoom, decoder: None };
pub(super) const NINTENDO: Probe =
    Probe { name: "nintendo", tcp: false, udp: true, probe: nintendo, decoder: None };
pub(super) const TEAMSPEAK: Probe =
    Probe { name: "teamspeak", tcp: false, udp: true, probe: teamspeak, decoder: None };
pub(super) const MUMBLE: Probe =
    Probe { name: "mumble", tcp: false, udp: true, probe: mumble, decoder: None };
pub(super) const VIBER: Probe = Probe { name: "viber", tcp: true, udp: true, probe: viber, decoder: None };
pub(super) const SOURCE_ENGINE: Probe =
    Probe { name: "source-engine", tcp: false, udp: true, probe: source_engine, decoder: None };
pub(super) const MINECRAFT: Probe =
    Probe { name: "minecraft", tcp: true, udp: false, probe: minecraft, decoder: None };

/// The protocol at the end of a request's line, or at the beginning of an answer's.
fn rtsp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let side = |bytes: &[u8]| {
        let answer = magic(bytes, b"RTSP/1.0 ").or(magic(bytes, b"RTSP/2.0 "));
        let request =
            begins(bytes, &[B::In(b'A', b'Z'), B::In(b'A', b'Z')]).and(|| match text::first_line(bytes) {
                Some(line) => Fit::of(line.ends_with(b" RTSP/1.0") || line.ends_with(b" RTSP/2.0")),
                None if text::is_text(bytes) => Fit::Open,
                None => Fit::No,
            });
        answer.or(request)
    };
    either(evidence, app::RTSP, side, side)
}

/// Version 3, the time, four zeros; then noise.
fn rtmp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[1935]);
    let hello = |bytes: &[u8]| {
        begins(bytes, &[B::Is(3), B::Any, B::Any, B::Any, B::Any, B::Is(0), B::Is(0), B::Is(0), B::Is(0)])
    };
    both(
        evidence,
        app::RTMP,
        at_home,
        |bytes| {
            // What follows the zeros comes in one piece of 1,528 bytes.
            hello(bytes).and(|| if bytes.len() >= 1200 || at_home { Fit::Yes } else { Fit::Open })
        },
        |bytes| begins(bytes, &[B::Is(3)]),
    )
}

/// A call's message (Q.931) in a packet of ISO transport.
fn h_225(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &[u8]| {
        let shape = [
            B::Is(3),
            B::Is(0),
            B::Any,
            B::Any,
            B::Is(8),
            B::Is(2),
            B::Any,
            B::Any,
            B::Of(&[0x01, 0x02, 0x03, 0x05, 0x07, 0x0d, 0x5a, 0x62, 0x6e, 0x7b, 0x7d]),
        ];
        begins(bytes, &shape)
    };
    either(evidence, app::H_225, message, message)
}

/// Registration with a gatekeeper: packed as ASN.1 says, so little of it is fixed.
fn ras(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[1719, 1718]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::H_323, 1, |_, datagram| {
        let identifier = b"\x06\0\x08\x91\x4a\0";
        datagram.len() >= 3
            && datagram.first().is_some_and(|first| *first < 0x80)
            && (datagram.windows(identifier.len()).any(|own| own == identifier) || datagram.len() < 64)
    })
}

/// A verb, a number, an end point, the version; or a code and the number.
fn mgcp(evidence: &Evidence<'_>) -> ProbeAnswer {
    const VERBS: [&[u8]; 9] =
        [b"AUEP", b"AUCX", b"CRCX", b"DLCX", b"EPCF", b"MDCX", b"NTFY", b"RQNT", b"RSIP"];
    let at_home = uses_any(evidence, &[2427, 2727]);
    datagrams(evidence, app::MGCP, 1, |_, datagram| {
        let line = datagram.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        let asks = text::command(line, &VERBS) == Fit::Yes && text::contains(line, b" MGCP ");
        let digit = B::In(b'0', b'9');
        let answers = begins(line, &[B::In(b'1', b'5'), digit, digit, B::Is(b' '), digit]) == Fit::Yes;
        asks || (at_home && answers)
    })
}

/// Length, version, message; a length fits what follows it.
fn skinny(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[2000]);
    let message = |bytes: &[u8]| {
        let shape = [
            B::Any,
            B::In(0, 7),
            B::Is(0),
            B::Is(0),
            B::In(0, 0x20),
            B::Is(0),
            B::Is(0),
            B::Is(0),
            B::Any,
            B::In(0, 1),
            B::Is(0),
            B::Is(0),
        ];
        begins(bytes, &shape)
            .and(|| Fit::of(little(bytes, 0, 4).is_some_and(|length| (4..=2000).contains(&length))))
    };
    if !at_home {
        return ProbeAnswer::NotMine;
    }
    either(evidence, app::SCCP, message, message)
}

/// A full frame: calls, time, sequences, a type in use.
fn iax(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[4569]);
    datagrams(evidence, app::ASTERISK_IAX, 1, |_, datagram| {
        at_home && matches!(datagram, [0x80..=0xff, _, _, _, _, _, _, _, _, _, 1..=10, _, ..])
    })
}

/// Asked and answered: the client's own address and port.
fn discord(evidence: &Evidence<'_>) -> ProbeAnswer {
    let discovery =
        |kind: u8, datagram: &[u8]| datagram.len() == 74 && magic(datagram, &[0, kind, 0, 70]) == Fit::Yes;
    // Sent while nobody speaks: a magic and a count.
    let keeps_alive =
        |datagram: &[u8]| datagram.len() == 8 && magic(datagram, &[0x13, 0x37, 0xca, 0xfe]) == Fit::Yes;
    let mut asked = false;
    for (_, datagram) in evidence.each_datagram() {
        if keeps_alive(datagram) || (asked && discovery(2, datagram)) {
            return ProbeAnswer::Certain(app::DISCORD);
        }
        // Media of a call that was not seen to begin.
        if datagram.first().is_some_and(|first| first >> 6 == 2) {
            continue;
        }
        if !discovery(1, datagram)
            || datagram.get(8..72).is_none_or(|rest| rest.iter().any(|byte| *byte != 0))
        {
            return ProbeAnswer::NotMine;
        }
        asked = true;
    }
    ProbeAnswer::Unsure
}

/// The server gives back the sixteen bytes that the client named itself by; two clients name the call that
/// they meet in.
fn zoom(evidence: &Evidence<'_>) -> ProbeAnswer {
    let mut named = None;
    for (_, datagram) in evidence.each_datagram() {
        if names_call(datagram) {
            return ProbeAnswer::Certain(app::ZOOM);
        }
        let identity = datagram.get(3..19);
        match (named, datagram) {
            (None, [1, 0, ..]) if identity.is_some_and(|own| own.iter().any(|byte| *byte != 0)) => {
                named = identity
            }
            (Some(_), [1, 0, ..]) if named == identity => (),
            (Some(_), [2, 0, ..]) if named == identity => return ProbeAnswer::Certain(app::ZOOM),
            _ => return ProbeAnswer::NotMine,
        }
    }
    ProbeAnswer::Unsure
}

/// A fixed head, and the call's name: 36 hexadecimal digits and hyphens behind their length.
fn names_call(datagram: &[u8]) -> bool {
    const LENGTH: [u8; 4] = [0, 0, 0, 36];
    magic(datagram, &[0x1f, 2, 1, 0]) == Fit::Yes
        && datagram.windows(LENGTH.len() + 36).any(|window| {
            window.strip_prefix(&LENGTH).is_some_and(|name| {
                name.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
                    && name.get(8) == Some(&b'-')
            })
        })
}

/// The magic of the console's peer protocol, a version or flags, a connection.
fn nintendo(evidence: &Evidence<'_>) -> ProbeAnswer {
    let shape = [B::Is(0x32), B::Is(0xab), B::Is(0x98), B::Is(0x64), B::Of(&[1, 2, 3, 4, 0x82, 0x83, 0x84])];
    datagrams(evidence, app::NINTENDO_WFC, 1, |_, datagram| {
        begins(datagram, &shape) == Fit::Yes && datagram.len() >= 32
    })
}

fn teamspeak(evidence: &Evidence<'_>) -> ProbeAnswer {
    let mut found = false;
    for (_, datagram) in evidence.each_datagram() {
        found |= magic(datagram, b"TS3INIT1") == Fit::Yes;
        let older = matches!(datagram, [0xf0 | 0xf1 | 0xf4, 0xbe, 0..=8, 0, ..]);
        if !found && !older {
            return ProbeAnswer::NotMine;
        }
        found |= older && datagram.len() >= 16;
    }
    if found { ProbeAnswer::Certain(app::TEAMSPEAK) } else { ProbeAnswer::Unsure }
}

/// A ping, and an answer with the same number: version, number, users, room, bandwidth.
fn mumble(evidence: &Evidence<'_>) -> ProbeAnswer {
    let mut asked = None;
    for (direction, datagram) in evidence.each_datagram() {
        let number = datagram.get(4..12);
        match (direction, datagram) {
            (Direction::ClientToServer, [0, 0, 0, 0, ..]) if datagram.len() == 12 => asked = number,
            (Direction::ServerToClient, [0, 1, ..]) if datagram.len() == 24 && asked == number => {
                return ProbeAnswer::Certain(app::MUMBLE);
            }
            _ => return ProbeAnswer::NotMine,
        }
    }
    ProbeAnswer::Unsure
}

/// Over UDP the server gives back the client's number and its token. Over TCP a message of the client has its
/// length and a session's number in front of a fixed head.
fn viber(evidence: &Evidence<'_>) -> ProbeAnswer {
    if evidence.transport == Transport::Tcp {
        let hello = |bytes: &[u8]| {
            let shape = [
                B::Any,
                B::In(0, 3),
                B::Any,
                B::Any,
                B::Any,
                B::Any,
                B::Is(0xfc),
                B::Is(0xff),
                B::In(1, 15),
                B::Is(0x80),
            ];
            let length = little(bytes, 0, 2);
            begins(bytes, &shape).and(|| match length {
                Some(length @ 10..) if bytes.len() >= length => Fit::Yes,
                Some(10..) => Fit::Open,
                Some(_) | None => Fit::No,
            })
        };
        return client_first(evidence, app::VIBER_BASE, hello, |_| Fit::Open);
    }
    let mut asked = None;
    for (direction, datagram) in evidence.each_datagram() {
        let token = |place: usize| datagram.get(place..place + 8);
        let number = datagram.get(..2);
        let told = match (direction, datagram) {
            (Direction::ClientToServer, [_, _, 0x19, 0, ..]) => (number, token(4)),
            (Direction::ClientToServer, [_, _, 1, 0, 5, 0, ..]) => (number, token(6)),
            (Direction::ClientToServer, [_, _, kind, 0, ..]) if asked.is_some() && *kind < 0x20 => continue,
            (Direction::ServerToClient, [_, _, 0x1a, 0, ..]) if asked == Some((number, token(4))) => {
                return ProbeAnswer::Certain(app::VIBER_BASE);
            }
            (Direction::ServerToClient, [_, _, 0x0c, 0, 1, 0, ..]) if asked == Some((number, token(6))) => {
                return ProbeAnswer::Certain(app::VIBER_BASE);
            }
            _ => return ProbeAnswer::NotMine,
        };
        if told.1.is_none() {
            return ProbeAnswer::NotMine;
        }
        asked = Some(told);
    }
    ProbeAnswer::Unsure
}

/// A query outside a connection: four bytes of ones, the kind.
fn source_engine(evidence: &Evidence<'_>) -> ProbeAnswer {
    let mut answer = ProbeAnswer::Unsure;
    for (_, datagram) in evidence.each_datagram() {
        let asks = magic(datagram, b"\xff\xff\xff\xffTSource Engine Query\0") == Fit::Yes;
        let steam = magic(datagram, b"\xff\xff\xff\xff\x21\x4c\x5f\xa0") == Fit::Yes;
        if asks {
            answer = ProbeAnswer::Certain(app::SOURCE_ENGINE);
        } else if steam {
            answer = ProbeAnswer::Certain(app::STEAM);
        } else if !matches!(answer, ProbeAnswer::Certain(_)) {
            return ProbeAnswer::NotMine;
        }
    }
    answer
}

/// A handshake: its length, packet zero, the version, the server's name and port, what comes next.
fn minecraft(evidence: &Evidence<'_>) -> ProbeAnswer {
    let hello = |bytes: &[u8]| {
        begins(bytes, &[B::In(7, 127), B::Is(0), B::Any]).and(|| {
            let version = bytes.iter().skip(2).take(5).take_while(|byte| **byte & 0x80 != 0).count() + 1;
            let Some(length) = bytes.get(2 + version).copied().map(usize::from) else {
                return Fit::Open;
            };
            let start = 3 + version;
            let Some(rest) = bytes.get(start..start + length + 3) else {
                return if (1..=100).contains(&length) { Fit::Open } else { Fit::No };
            };
            let (name, rest) = rest.split_at(length);
            let whole = bytes.first().copied().map(usize::from) == Some(start + length + 2);
            let name_fits = length >= 3 && name.iter().all(|byte| byte.is_ascii_graphic());
            Fit::of(whole && name_fits && matches!(rest, [_, _, 1..=3]))
        })
    };
    client_first(evidence, app::MINECRAFT, hello, |_| Fit::Open)
}

#[cfg(test)]
mod tests {
    use alloc::{vec, vec::Vec};

    use super::*;
    use crate::apps::testing::{
        assert_datagrams, assert_never_certain, assert_no_datagram, assert_recognised, assert_recognised_at,
    };

    #[test]
    fn streams() {
        assert_recognised(RTSP, app::RTSP, b"OPTIONS rtsp://a.test/x RTSP/1.0\r\nCSeq: 1\r\n\r\n", b"");
        assert_recognised(RTSP, app::RTSP, b"", b"RTSP/1.0 200 OK\r\n");
        assert_never_certain(RTSP, b"OPTIONS /x HTTP/1.1\r\n", b"");
        let hello = b"\x03\0\0\0\x07\0\0\0\0abc";
        assert_recognised(RTMP, app::RTMP, &[&hello[..], &[7; 1525]].concat(), b"\x03\0\0\0\0");
        assert_recognised_at(RTMP, app::RTMP, 1935, hello, b"");
        assert_never_certain(RTMP, hello, b"");
        assert_never_certain(RTMP, b"\x03\0\0\0\x07\0\0\0\x01", b"\x03");
    }

    #[test]
    fn calls() {
        assert_recognised(H_225, app::H_225, b"\x03\0\0\xd0\x08\x02\0\x01\x05\x04", b"");
        assert_never_certain(H_225, b"\x03\0\0\xd0\x08\x02\0\x01\x06", b"");
        assert_datagrams(RAS, app::H_323, 1719, &[b"\x0e\xc0\0\x01\x06\0\x08\x91\x4a\0\x02"]);
        assert_no_datagram(RAS, 40_001, b"\x0e\xc0\0\x01\x06\0\x08\x91\x4a\0\x02");
        assert_datagrams(MGCP, app::MGCP, 40_001, &[b"RSIP 1 *@a.test MGCP 1.0\r\nRM: restart\r\n"]);
        assert_datagrams(MGCP, app::MGCP, 2427, &[b"200 1 OK\r\n"]);
        assert_no_datagram(MGCP, 2427, b"hello");
        let register = b"\x04\0\0\0\0\0\0\0\0\0\0\0";
        assert_recognised_at(SKINNY, app::SCCP, 2000, register, b"");
        assert_never_certain(SKINNY, register, b"");
        assert_datagrams(
            IAX,
            app::ASTERISK_IAX,
            4569,
            &[b"\x80\x01\0\0\0\0\0\x03\0\0\x06\x01\x0b\x02\0\x02"],
        );
        assert_no_datagram(IAX, 40_001, b"\x80\x01\0\0\0\0\0\x03\0\0\x06\x01\x0b\x02\0\x02");
    }

    #[test]
    fn voices_and_games() {
        let mut ask = vec![0, 1, 0, 70, 0, 2, 0x4b, 0x18];
        ask.resize(74, 0);
        let mut answer = ask.clone();
        answer[1] = 2;
        answer[8..17].copy_from_slice(b"192.0.2.1");
        assert_datagrams(DISCORD, app::DISCORD, 40_001, &[&ask, &answer]);
        assert_no_datagram(DISCORD, 50_001, &ask);
        assert_datagrams(DISCORD, app::DISCORD, 50_001, &[b"\x13\x37\xca\xfe\x0a\0\0\0"]);
        assert_no_datagram(DISCORD, 50_001, b"\x81\xc9\0\x07abcd");
        let meeting =
            [&b"\x1f\x02\x01\0\x08\0"[..], b"\0\0\0\x24C5EADFA1-E2D0-417E-87F2-7B0BFF439362"].concat();
        assert_datagrams(ZOOM, app::ZOOM, 40_001, &[&meeting]);
        assert_no_datagram(ZOOM, 40_001, &meeting[..40]);
        let (ping, pong) = (b"\0\0\0\0abcdefgh", b"\0\x01\x02\x03abcdefgh\0\0\0\x01\0\0\0\x0a\0\x01\0\0");
        assert_datagrams(MUMBLE, app::MUMBLE, 64_738, &[ping, pong]);
        assert_no_datagram(MUMBLE, 64_738, ping);
        let (ask, answer) = (b"\x05\xb8\x19\0abcdefgh\0\0", b"\x05\xb8\x1a\0abcdefgh\x32");
        assert_datagrams(VIBER, app::VIBER_BASE, 7987, &[ask, answer]);
        assert_no_datagram(VIBER, 7987, ask);
        let hello = b"\x0c\0\0\0\0\0\xfc\xff\x05\x80ab";
        assert_recognised(VIBER, app::VIBER_BASE, hello, b"");
        assert_never_certain(VIBER, b"\x09\0\0\0\0\0\xfc\xff\x05\x80ab", b"");
        let (hello, welcome) = ([&[1, 0, 2][..], &[7; 60]].concat(), [&[2, 0, 1][..], &[7; 32]].concat());
        assert_datagrams(ZOOM, app::ZOOM, 8801, &[&hello, &welcome]);
        assert_no_datagram(ZOOM, 8801, &hello);
        let play = [&[0x32, 0xab, 0x98, 0x64, 2][..], &[5; 40]].concat();
        assert_datagrams(NINTENDO, app::NINTENDO_WFC, 40_001, &[&play]);
        assert_no_datagram(NINTENDO, 40_001, &play[..20]);
        assert_datagrams(TEAMSPEAK, app::TEAMSPEAK, 9987, &[b"TS3INIT1\0\x65\0\0\x88\x0d\xd0"]);
        assert_no_datagram(TEAMSPEAK, 9987, b"TS2INIT1");
        assert_datagrams(
            SOURCE_ENGINE,
            app::SOURCE_ENGINE,
            40_001,
            &[b"\xff\xff\xff\xffTSource Engine Query\0"],
        );
        assert_datagrams(SOURCE_ENGINE, app::STEAM, 27_036, &[b"\xff\xff\xff\xff\x21\x4c\x5f\xa0\x01"]);
        assert_no_datagram(SOURCE_ENGINE, 27_015, b"\xff\xff\xff\xffTSource Engine Queri\0");
        let mut hello = Vec::from(*b"\x0d\0\xff\x05\x06a.test");
        hello.extend([0x63, 0xdd, 1]);
        assert_recognised(MINECRAFT, app::MINECRAFT, &hello, b"");
        hello[13] = 9;
        assert_never_certain(MINECRAFT, &hello, b"");
    }
}
