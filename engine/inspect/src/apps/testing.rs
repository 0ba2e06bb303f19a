//! What the tests of every probe share.

use alloc::{sync::Arc, vec::Vec};

use bifrons_model::{AppId, Direction};

use crate::{Evidence, Finding, Findings, Keep, Probe, ProbeAnswer, Signatures, Transport};

/// Asks a probe about a TCP session on ports that no application is known by.
pub(super) fn ask_tcp(probe: Probe, sent: &[u8], received: &[u8]) -> ProbeAnswer {
    ask_tcp_port(probe, 40_001, sent, received)
}

/// Asks a probe about a TCP session to `server_port`.
pub(super) fn ask_tcp_port(probe: Probe, server_port: u16, sent: &[u8], received: &[u8]) -> ProbeAnswer {
    (probe.probe)(&Evidence {
        transport: Transport::Tcp,
        client_port: 40_000,
        server_port,
        sent,
        received,
        datagrams: &[],
    })
}

/// The probe comes to this application and says nothing else on the way, however the bytes are cut.
pub(super) fn assert_recognised(probe: Probe, app: AppId, sent: &[u8], received: &[u8]) {
    assert_eq!(ask_tcp(probe, sent, received), ProbeAnswer::Certain(app), "{sent:?} {received:?}");
    for length in 0..sent.len().max(received.len()) {
        let sent = sent.get(..length).unwrap_or(sent);
        let received = received.get(..length).unwrap_or(received);
        let answer = ask_tcp(probe, sent, received);
        let fits = matches!(answer, ProbeAnswer::Unsure) || answer == ProbeAnswer::Certain(app);
        assert!(fits, "{answer:?} after {length} bytes of {sent:?} {received:?}");
    }
}

/// The probe is certain of nothing, however the bytes are cut.
pub(super) fn assert_never_certain(probe: Probe, sent: &[u8], received: &[u8]) {
    for length in 0..=sent.len().max(received.len()) {
        let sent = sent.get(..length).unwrap_or(sent);
        let received = received.get(..length).unwrap_or(received);
        let answer = ask_tcp(probe, sent, received);
        assert!(!matches!(answer, ProbeAnswer::Certain(_)), "{answer:?} from {sent:?} {received:?}");
    }
}

/// What the probe's decoder finds in pieces of `size` bytes, first all that was sent, then all that was
/// received; fingerprints are left out.
pub(super) fn findings(probe: Probe, sent: &[u8], received: &[u8], size: usize) -> Vec<Finding> {
    let mut findings = Findings::default();
    read(probe, sent, received, size, &mut findings);
    let mut found = findings.take();
    found.retain(|finding| !matches!(finding, Finding::Ja4(_)));
    found
}

/// Shows the probe's decoder all that was sent, then all that was received, in pieces of `size` bytes.
pub(super) fn read(probe: Probe, sent: &[u8], received: &[u8], size: usize, findings: &mut Findings) {
    let Some(make) = probe.decoder else {
        return;
    };
    let mut decoder = make();
    for (direction, bytes) in [(Direction::ClientToServer, sent), (Direction::ServerToClient, received)] {
        for piece in bytes.chunks(size) {
            if decoder.data(direction, piece, findings) == Keep::Done {
                return;
            }
        }
    }
}

/// The application that the catalogue's signatures name in what the decoder reads.
pub(super) fn named(probe: Probe, sent: &[u8], received: &[u8], size: usize) -> Option<AppId> {
    let mut findings = Findings::new(Some(Arc::new(Signatures::builtin())));
    read(probe, sent, received, size, &mut findings);
    findings.named()
}

fn ask_udp(probe: Probe, port: u16, datagrams: &[(Direction, &[u8])]) -> ProbeAnswer {
    let side = |wanted: Direction| {
        let own = datagrams.iter().filter(|(direction, _)| *direction == wanted);
        own.flat_map(|(_, bytes)| bytes.iter().copied()).collect::<Vec<u8>>()
    };
    let lengths: Vec<_> = datagrams.iter().map(|(direction, bytes)| (*direction, bytes.len())).collect();
    (probe.probe)(&Evidence {
        transport: Transport::Udp,
        client_port: 40_000,
        server_port: port,
        sent: &side(Direction::ClientToServer),
        received: &side(Direction::ServerToClient),
        datagrams: &lengths,
    })
}

/// The probe is certain of this application at these datagrams, the first from the client and then in turn;
/// and it never panics or names another when the last is cut.
pub(super) fn assert_datagrams(probe: Probe, app: AppId, port: u16, datagrams: &[&[u8]]) {
    let ways = [Direction::ClientToServer, Direction::ServerToClient].into_iter().cycle();
    let turns: Vec<_> = ways.zip(datagrams.iter().copied()).collect();
    assert_eq!(ask_udp(probe, port, &turns), ProbeAnswer::Certain(app), "{datagrams:?}");
    let mut cut = turns;
    for length in 0..datagrams.last().map_or(0, |last| last.len()) {
        if let (Some(last), Some(whole)) = (cut.last_mut(), datagrams.last()) {
            last.1 = &whole[..length];
        }
        let answer = ask_udp(probe, port, &cut);
        let fits = !matches!(answer, ProbeAnswer::Certain(other) if other != app);
        assert!(fits, "{answer:?} from {length} bytes of {datagrams:?}");
    }
}

/// The probe is not certain of anything at this datagram, either way.
pub(super) fn assert_no_datagram(probe: Probe, port: u16, datagram: &[u8]) {
    for direction in [Direction::ClientToServer, Direction::ServerToClient] {
        let answer = ask_udp(probe, port, &[(direction, datagram)]);
        assert!(!matches!(answer, ProbeAnswer::Certain(_)), "{answer:?} from {datagram:?}");
    }
}

/// As [`assert_recognised`], on a port.
pub(super) fn assert_recognised_at(probe: Probe, app: AppId, port: u16, sent: &[u8], received: &[u8]) {
    assert_eq!(ask_tcp_port(probe, port, sent, received), ProbeAnswer::Certain(app), "{sent:?} {received:?}");
    for length in 0..sent.len().max(received.len()) {
        let sent = sent.get(..length).unwrap_or(sent);
        let received = received.get(..length).unwrap_or(received);
        let answer = ask_tcp_port(probe, port, sent, received);
        let fits = matches!(answer, ProbeAnswer::Unsure) || answer == ProbeAnswer::Certain(app);
        assert!(fits, "{answer:?} after {length} bytes of {sent:?} {received:?}");
    }
}
