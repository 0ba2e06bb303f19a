//! HTTP/1.

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "http", tcp: true, udp: false, probe, decoder: None };

fn probe(_evidence: &Evidence<'_>) -> ProbeAnswer {
    ProbeAnswer::NotMine
}
