//! Files, blocks and versions: iSCSI (RFC 7143), AFP, rsync, Git, Subversion, AJP, CORBA, Lotus Notes,
//! Z39.50.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer};

use super::{
    shape::{B, begins, big, client_first, either, magic, server_first, uses_any},
    text::{self, Fit},
};

pub(super) const ISCSI: Probe = Probe { name: "iscsi", tcp: true, udp: false, probe: iscsi, decoder: None };
pub(super) const AFP: Probe = Probe { name: "afp", tcp: true, udp: false, probe: afp, decoder: None };
pub(super) const RSYNC: Probe = Probe { name: "rsync", tcp: true, udp: false, probe: rsync, decoder: None };
pub(super) const GIT: Probe = Probe { name: "git", tcp: true, udp: false, probe: git, decoder: None };
pub(super) const SUBVERSION: Probe =
    Probe { name: "subversion", tcp: true, udp: false, probe: subversion, decoder: None };
pub(super) const AJP: Probe = Probe { name: "ajp", tcp: true, udp: false, probe: ajp, decoder: None };
pub(super) const CORBA: Probe = Probe { name: "corba", tcp: true, udp: false, probe: corba, decoder: None };
pub(super) const NOTES: Probe =
    Probe { name: "lotus-notes", tcp: true, udp: false, probe: notes, decoder: None };
pub(super) const Z39_50: Probe =
    Probe { name: "z39.50", tcp: true, udp: false, probe: z39_50, decoder: None };

/// A login with the initiator's name among its texts, or its answer at home.
fn iscsi(evidence: &Evidence<'_>) -> ProbeAnswer {
    let login = |bytes: &[u8]| {
        begins(bytes, &[B::Of(&[0x03, 0x43]), B::Any, B::Is(0), B::Is(0), B::Is(0)]).and(|| {
            let texts = bytes.get(48..).unwrap_or_default();
            if text::contains(texts, b"InitiatorName=") {
                Fit::Yes
            } else if bytes.len() > 600 {
                Fit::No
            } else {
                Fit::Open
            }
        })
    };
    client_first(evidence, app::ISCSI, login, |bytes| {
        begins(bytes, &[B::Of(&[0x23, 0x3f]), B::Any, B::Any, B::Any, B::Is(0)]).and(|| Fit::Open)
    })
}

/// Data stream interface: flags, command, number, error, length, four zeros.
fn afp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = uses_any(evidence, &[548]);
    let block = |flags: u8| {
        move |bytes: &[u8]| {
            let shape = [
                B::Is(flags),
                B::In(1, 8),
                B::Any,
                B::Any,
                B::Any,
                B::Any,
                B::Any,
                B::Any,
                B::Is(0),
                B::In(0, 15),
                B::Any,
                B::Any,
                B::Is(0),
                B::Is(0),
                B::Is(0),
                B::Is(0),
            ];
            begins(bytes, &shape).and(|| {
                let whole = big(bytes, 8, 4).map(|length| length + 16) == Some(bytes.len());
                Fit::of(at_home || whole && matches!(bytes.get(1), Some(3 | 4)))
            })
        }
    };
    if !at_home {
        return ProbeAnswer::NotMine;
    }
    either(evidence, app::AFP, block(0), block(1))
}

fn rsync(evidence: &Evidence<'_>) -> ProbeAnswer {
    let greeting = |bytes: &[u8]| magic(bytes, b"@RSYNCD: ");
    either(evidence, app::RSYNC, greeting, greeting)
}

/// A line that gives its own length in four digits and names the service.
fn git(evidence: &Evidence<'_>) -> ProbeAnswer {
    let request = |bytes: &[u8]| {
        let digit = B::Of(b"0123456789abcdef");
        begins(bytes, &[B::Is(b'0'), B::Is(b'0'), digit, digit]).and(|| {
            let rest = bytes.get(4..).unwrap_or_default();
            magic(rest, b"git-upload-pack ")
                .or(magic(rest, b"git-receive-pack "))
                .or(magic(rest, b"git-upload-archive "))
        })
    };
    client_first(evidence, app::GIT_BASE, request, |_| Fit::Open)
}

fn subversion(evidence: &Evidence<'_>) -> ProbeAnswer {
    let quiet = |bytes: &[u8]| magic(bytes, b"(").and(|| Fit::Open);
    server_first(evidence, app::SUBVERSION_BASE, quiet, |bytes| magic(bytes, b"( success ( "))
}

/// Packets to the container begin with 12 34, those from it with `AB`.
fn ajp(evidence: &Evidence<'_>) -> ProbeAnswer {
    let request = |bytes: &[u8]| {
        begins(bytes, &[B::Is(0x12), B::Is(0x34), B::Any, B::Any, B::Of(&[2, 7, 8, 10])]).and(|| {
            match (bytes.get(4), bytes.get(5), big(bytes, 2, 2)) {
                // A forwarded request names its method and protocol.
                (Some(2), Some(method), _) => {
                    Fit::of((1..=27).contains(method)).and(|| match bytes.get(8..) {
                        Some(rest) => magic(rest, b"HTTP/1."),
                        None => Fit::Open,
                    })
                }
                (Some(2), None, _) => Fit::Open,
                (_, _, Some(length)) => Fit::of(length == 1),
                _ => Fit::Open,
            }
        })
    };
    client_first(evidence, app::APACHE_JSERV, request, |bytes| magic(bytes, b"AB").and(|| Fit::Open))
}

fn corba(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |bytes: &[u8]| {
        magic(bytes, b"GIOP").and(|| {
            let shape = [B::Is(1), B::In(0, 2), B::In(0, 3), B::In(0, 7)];
            begins(bytes.get(4..).unwrap_or_default(), &shape)
        })
    };
    either(evidence, app::CORBA, message, message)
}

/// The opening of a session, behind its length and number.
fn notes(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[1352]) {
        return ProbeAnswer::NotMine;
    }
    let opening = |bytes: &[u8]| match bytes.get(6..) {
        Some(rest) => magic(rest, b"\0\0\x02\0\0\x40\x02\x0f"),
        None => Fit::Open,
    };
    client_first(evidence, app::LOTUS_NOTES_BASE, opening, |_| Fit::Open)
}

/// An initialisation: tag 20 or 21, the protocol's version as bits, options as bits.
fn z39_50(evidence: &Evidence<'_>) -> ProbeAnswer {
    let unit = |tag: u8| {
        move |bytes: &[u8]| {
            begins(bytes, &[B::Is(tag), B::Any]).and(|| {
                let length = match bytes.get(1) {
                    Some(short) if *short < 0x80 => 2,
                    Some(0x81) => 3,
                    Some(0x82) => 4,
                    _ => return Fit::No,
                };
                begins(
                    bytes.get(length..).unwrap_or_default(),
                    &[B::Is(0x83), B::Is(2), B::In(0, 7), B::Any, B::Is(0x84)],
                )
            })
        }
    };
    either(evidence, app::Z39_50, unit(0xb4), unit(0xb5))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::apps::testing::{assert_never_certain, assert_recognised, assert_recognised_at};

    #[test]
    fn blocks_and_files() {
        let mut login = Vec::from(*b"\x43\x87\0\0\0\0\0\x40");
        login.resize(48, 0);
        login.extend(b"InitiatorName=iqn.2024-01.test:x\0");
        assert_recognised(ISCSI, app::ISCSI, &login, b"");
        assert_never_certain(ISCSI, &login[..60], b"");
        let status = b"\0\x03\0\x01\0\0\0\0\0\0\0\0\0\0\0\0";
        assert_recognised_at(AFP, app::AFP, 548, status, b"");
        assert_never_certain(AFP, status, b"");
        assert_recognised(RSYNC, app::RSYNC, b"", b"@RSYNCD: 31.0\n");
        assert_never_certain(RSYNC, b"", b"@RSYNC 31.0\n");
    }

    #[test]
    fn versions() {
        assert_recognised(GIT, app::GIT_BASE, b"0033git-upload-pack /x.git\0host=a.test\0", b"");
        assert_never_certain(GIT, b"0033git-fetch-pack /x.git\0", b"");
        assert_recognised(
            SUBVERSION,
            app::SUBVERSION_BASE,
            b"",
            b"( success ( 2 2 ( ) ( edit-pipeline ) ) )",
        );
        assert_never_certain(SUBVERSION, b"", b"( failure ( ) )");
    }

    #[test]
    fn calls_between_programs() {
        assert_recognised(AJP, app::APACHE_JSERV, b"\x12\x34\0\x40\x02\x02\0\x08HTTP/1.1\0", b"");
        assert_recognised(AJP, app::APACHE_JSERV, b"\x12\x34\0\x01\x0a", b"");
        assert_never_certain(AJP, b"\x12\x34\0\x40\x02\x02\0\x08HTPP/1.1\0", b"");
        assert_recognised(CORBA, app::CORBA, b"GIOP\x01\x02\x01\0\0\0", b"");
        assert_never_certain(CORBA, b"GIOP\x02\0\0\0", b"");
        assert_recognised_at(
            NOTES,
            app::LOTUS_NOTES_BASE,
            1352,
            b"\x7e\0\0\0\x2e\0\0\0\x02\0\0\x40\x02\x0f\0",
            b"",
        );
        assert_never_certain(NOTES, b"\x7e\0\0\0\x2e\0\0\0\x02\0\0\x40\x02\x0e", b"");
        assert_recognised(Z39_50, app::Z39_50, b"\xb4\x58\x83\x02\0\xe0\x84\x03\0\xc1\xa2", b"");
        assert_never_certain(Z39_50, b"\xb4\x58\x83\x03\0\xe0\x84\x03", b"");
    }
}
