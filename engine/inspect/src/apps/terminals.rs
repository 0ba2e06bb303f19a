//! Screens, terminals and printers of other machines: VNC (RFC 6143), X11, ICA, TeamViewer, Radmin, VMware's
//! console, rlogin (RFC 1282), rsh, Whois (RFC 3912), Finger (RFC 1288), JetDirect.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::{
    shape::{B, begins, big, both, client_first, datagrams, either, little, magic, server_first, uses_any},
    text::{self, Fit},
};

pub(super) const VNC: Probe = Probe { name: "vnc", tcp: true, udp: false, probe: vnc, decoder: None };
pub(super) const X11: Probe = Probe { name: "x11", tcp: true, udp: false, probe: x11, decoder: None };
pub(super) const ICA: Probe = Probe { name: "ica", tcp: true, udp: false, probe: ica, decoder: None };
pub(super) const TEAMVIEWER: Probe =
    Probe { name: "teamviewer", tcp: true, udp: true, probe: teamviewer, decoder: None };
pub(super) const RADMIN: Probe =
    Probe { name: "radmin", tcp: true, udp: false, probe: radmin, decoder: None };
pub(super) const VMWARE: Probe =
    Probe { name: "vmware", tcp: true, udp: false, probe: vmware, decoder: None };
pub(super) const OLD_SERVICES: Probe =
    Probe { name: "old-services", tcp: true, udp: false, probe: old_services, decoder: None };
pub(super) const JETDIRECT: Probe =
    Probe { name: "jetdirect", tcp: true, udp: false, probe: jetdirect, decoder: None };

/// Both sides open with the version.
fn vnc(evidence: &Evidence<'_>) -> ProbeAnswer {
    let version = |bytes: &[u8]| {
        magic(bytes, b"RFB ").and(|| {
            let digit = B::In(b'0', b'9');
            begins(
                bytes.get(4..).unwrap_or_default(),
                &[digit, digit, digit, B::Is(b'.'), digit, digit, digit],
            )
        })
    };
    either(evidence, app::VNC_BASE, version, version)
}

/// Byte order, version 11.0, lengths of the authorization's name and data.
fn x11(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = evidence.server_port >> 6 == 6000 >> 6;
    let opening = |bytes: &[u8]| {
        let first = begins(bytes, &[B::Of(b"Bl"), B::Is(0), B::Of(&[0, 11]), B::Of(&[0, 11])]);
        first.and(|| {
            let number = |place: usize| match bytes.first() {
                Some(b'B') => big(bytes, place, 2),
                _ => little(bytes, place, 2),
            };
            let (Some(11), Some(0), Some(name), Some(data)) = (number(2), number(4), number(6), number(8))
            else {
                return if bytes.len() < 10 { Fit::Open } else { Fit::No };
            };
            let padded = |length: usize| length.div_ceil(4) * 4;
            let plausible = (at_home || name == 18) && name <= 64 && data <= 256;
            let whole = 12 + padded(name) + padded(data);
            Fit::of(plausible && bytes.len() <= whole)
                .and(|| if bytes.len() == whole { Fit::Yes } else { Fit::Open })
        })
    };
    client_first(evidence, app::X11, opening, |_| Fit::Open)
}

fn ica(evidence: &Evidence<'_>) -> ProbeAnswer {
    let marker = |bytes: &[u8]| magic(bytes, b"\x7f\x7fICA\0").or(magic(bytes, b"\x1aCGP/01"));
    either(evidence, app::CITRIX, marker, marker)
}

/// A command's header, from either side; over UDP it stands behind eleven bytes.
fn teamviewer(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Tcp => {
            let at_home = uses_any(evidence, &[5938]);
            let command = |bytes: &[u8]| {
                begins(bytes, &[B::Is(0x17), B::Is(0x24), B::In(0x0a, 0x60)])
                    .or(begins(bytes, &[B::Is(0x11), B::Is(0x30), B::In(0x0a, 0x60)]))
            };
            both(evidence, app::TEAMVIEWER_BASE, at_home, command, command)
        }
        Transport::Udp => datagrams(evidence, app::TEAMVIEWER_BASE, 2, |_, datagram| {
            datagram.get(11..13) == Some(&[0x17, 0x24]) && datagram.first() == Some(&0)
        }),
    }
}

fn radmin(evidence: &Evidence<'_>) -> ProbeAnswer {
    let greeting = [1, 0, 0, 0, 1, 0, 0, 0, 8, 8];
    client_first(
        evidence,
        app::RADMIN,
        |bytes| magic(bytes, &greeting),
        |bytes| begins(bytes, &[B::Is(1), B::Is(0), B::Is(0), B::Is(0)]).at_most_open(),
    )
}

fn vmware(evidence: &Evidence<'_>) -> ProbeAnswer {
    let quiet = |bytes: &[u8]| Fit::of(text::is_text(bytes)).and(|| Fit::Open);
    server_first(evidence, app::VMWARE, quiet, |bytes| magic(bytes, b"220 VMware Authentication Daemon"))
}

/// rlogin, rsh, Whois and Finger: each counts on its own port only.
fn old_services(evidence: &Evidence<'_>) -> ProbeAnswer {
    let each: [fn(&Evidence<'_>) -> ProbeAnswer; 4] = [rlogin, rsh, whois, finger];
    let mut answers = each.into_iter().map(|probe| probe(evidence));
    answers.find(|answer| *answer != ProbeAnswer::NotMine).unwrap_or(ProbeAnswer::NotMine)
}

/// Zero, the user here, the user there, the terminal and its speed, each ended by zero.
fn rlogin(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[513]) {
        return ProbeAnswer::NotMine;
    }
    let opening = |bytes: &[u8]| {
        begins(bytes, &[B::Is(0)]).and(|| {
            let parts = bytes.iter().skip(1).filter(|byte| **byte == 0).count();
            let text = bytes.iter().skip(1).all(|byte| *byte == 0 || byte.is_ascii_graphic());
            match (text, parts) {
                (false, _) => Fit::No,
                (true, 3) => Fit::Yes,
                (true, _) => Fit::Open,
            }
        })
    };
    either(evidence, app::RLOGIN, opening, |bytes| begins(bytes, &[B::Is(0)]).and(|| Fit::Open))
}

/// The port for errors in digits, a zero, users and the command.
fn rsh(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[514]) {
        return ProbeAnswer::NotMine;
    }
    let opening = |bytes: &[u8]| {
        let digits = bytes.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        match bytes.get(digits) {
            Some(0) if digits <= 5 => Fit::Yes,
            None if digits <= 5 => Fit::Open,
            _ => Fit::No,
        }
    };
    either(evidence, app::RSH, opening, |bytes| begins(bytes, &[B::In(0, 1)]).and(|| Fit::Open))
}

/// One line asked, text answered.
fn whois(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[43, 4343]) {
        return ProbeAnswer::NotMine;
    }
    line_and_text(evidence, app::WHOIS)
}

fn finger(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[79]) {
        return ProbeAnswer::NotMine;
    }
    line_and_text(evidence, app::FINGER)
}

fn line_and_text(evidence: &Evidence<'_>, app: bifrons_model::AppId) -> ProbeAnswer {
    let line = |bytes: &[u8]| match text::first_line(bytes) {
        _ if !text::is_text(bytes) => Fit::No,
        Some(_) => Fit::Yes,
        None => Fit::Open,
    };
    either(evidence, app, line, |bytes| Fit::of(text::is_text(bytes)).and(|| Fit::Open))
}

/// The printer's job language, announced or used.
fn jetdirect(evidence: &Evidence<'_>) -> ProbeAnswer {
    let quiet = |_: &[u8]| Fit::Open;
    client_first(
        evidence,
        app::HP_JETDIRECT,
        |bytes| magic(bytes, b"\x1b%-12345X").or(magic(bytes, b"@PJL ")),
        quiet,
    )
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::apps::testing::{
        assert_datagrams, assert_never_certain, assert_no_datagram, assert_recognised, assert_recognised_at,
    };

    #[test]
    fn screens() {
        assert_recognised(VNC, app::VNC_BASE, b"", b"RFB 003.008\n");
        assert_recognised(VNC, app::VNC_BASE, b"RFB 004.001\n", b"");
        assert_never_certain(VNC, b"", b"RFB 3.8\n");
        let opening = b"l\0\x0b\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-1\0\0abcdefghijklmnop";
        assert_recognised(X11, app::X11, opening, b"");
        assert_never_certain(
            X11,
            b"l\0\x0a\0\0\0\x12\0\x10\0\0\0MIT-MAGIC-COOKIE-1\0\0abcdefghijklmnop",
            b"",
        );
        assert_recognised_at(X11, app::X11, 6001, b"B\0\0\x0b\0\0\0\0\0\0\0\0", b"");
        assert_recognised(ICA, app::CITRIX, b"", b"\x7f\x7fICA\0");
        assert_never_certain(ICA, b"\x7f\x7fICB\0", b"");
        assert_recognised(RADMIN, app::RADMIN, b"\x01\0\0\0\x01\0\0\0\x08\x08", b"");
        assert_never_certain(RADMIN, b"\x01\0\0\0\x01\0\0\0\x08\x09", b"");
        assert_recognised(VMWARE, app::VMWARE, b"", b"220 VMware Authentication Daemon Version 1.10");
        assert_never_certain(VMWARE, b"", b"220 ready\r\n");
    }

    #[test]
    fn teamviewer_both_ways() {
        let command = b"\x17\x24\x0a\x20\0\0";
        assert_recognised(TEAMVIEWER, app::TEAMVIEWER_BASE, command, command);
        assert_recognised_at(TEAMVIEWER, app::TEAMVIEWER_BASE, 5938, command, b"");
        assert_never_certain(TEAMVIEWER, command, b"");
        let mut datagram = vec![0; 11];
        datagram.extend([0x17, 0x24, 0x47, 0x50]);
        assert_datagrams(TEAMVIEWER, app::TEAMVIEWER_BASE, 40_001, &[&datagram, &datagram]);
        assert_no_datagram(TEAMVIEWER, 5938, &datagram);
    }

    #[test]
    fn terminals_at_home() {
        assert_recognised_at(OLD_SERVICES, app::RLOGIN, 513, b"\0me\0root\0xterm/38400\0", b"");
        assert_recognised_at(OLD_SERVICES, app::RSH, 514, b"1022\0me\0root\0ls\0", b"");
        assert_recognised_at(OLD_SERVICES, app::WHOIS, 43, b"example.com\r\n", b"");
        assert_recognised_at(OLD_SERVICES, app::FINGER, 79, b"me\r\n", b"");
        assert_never_certain(OLD_SERVICES, b"\0me\0root\0xterm/38400\0", b"");
        assert_never_certain(OLD_SERVICES, b"example.com\r\n", b"");
        assert_recognised(JETDIRECT, app::HP_JETDIRECT, b"\x1b%-12345X@PJL", b"");
        assert_never_certain(JETDIRECT, b"\x1b[2J", b"");
    }
}
