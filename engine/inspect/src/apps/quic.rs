//! QUIC: versions 1 (RFC 9000) and 2 (RFC 9369), the drafts before them, and Google's own versions.
//!
//! A long header that names a known version is enough to be certain. A short header says nothing; only on
//! the port of HTTP/3 do two with the same connection ID stand for a connection whose beginning was not
//! seen (it was idle for longer than its session), or an exchange of nothing but short headers. The client's
//! first packets are protected with keys that follow from the header alone (RFC 9001 section 5.2), so that
//! the server's name in the ClientHello can be read.

mod client_names;
mod header;
mod initial;

use alloc::boxed::Box;

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{Decoder, Evidence, Probe, ProbeAnswer};

use client_names::ClientNames;

pub(super) const PROBE: Probe = Probe { name: "quic", tcp: false, udp: true, probe, decoder: Some(decoder) };

const PORT_HTTP_3: u16 = 443;
const PORT_HTTP: u16 = 80;

fn probe(evidence: &Evidence<'_>) -> ProbeAnswer {
    let mut datagrams = evidence.each_datagram().map(|(_, datagram)| datagram);
    let at_home = evidence.uses_port(PORT_HTTP_3);
    if datagrams.any(header::names_known_version) || (at_home && is_under_way(evidence)) {
        return ProbeAnswer::Certain(app::QUIC_BASE);
    }
    // Only a client that starts with a version of no meaning, to see what the server knows, can still turn
    // out to be QUIC.
    let begins_with_reserved =
        evidence.each_datagram().next().is_none_or(|(_, first)| header::names_reserved_version(first));
    if begins_with_reserved || at_home || evidence.uses_port(PORT_HTTP) {
        ProbeAnswer::Unsure
    } else {
        ProbeAnswer::NotMine
    }
}

fn is_under_way(evidence: &Evidence<'_>) -> bool {
    const EXCHANGED: usize = 4;
    let both_speak = !evidence.sent.is_empty() && !evidence.received.is_empty();
    if both_speak
        && evidence.datagrams.len() >= EXCHANGED
        && evidence.each_datagram().all(|(_, datagram)| header::may_be_short(datagram))
    {
        return true;
    }
    let mut latest: [Option<&[u8]>; 2] = [None, None];
    for (direction, datagram) in evidence.each_datagram() {
        let [sent, received] = &mut latest;
        let latest = match direction {
            Direction::ClientToServer => sent,
            Direction::ServerToClient => received,
        };
        if latest.is_some_and(|latest| header::share_connection_id(latest, datagram)) {
            return true;
        }
        *latest = Some(datagram);
    }
    false
}

fn decoder() -> Box<dyn Decoder> {
    Box::new(ClientNames::default())
}

#[cfg(test)]
mod tests;
