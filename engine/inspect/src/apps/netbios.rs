//! NetBIOS name and datagram service.

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "netbios", tcp: false, udp: true, probe, decoder: None };

fn probe(_evidence: &Evidence<'_>) -> ProbeAnswer {
    ProbeAnswer::NotMine
}
