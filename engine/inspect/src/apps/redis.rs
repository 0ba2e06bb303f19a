//! Redis.

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "redis", tcp: true, udp: false, probe, decoder: None };

fn probe(_evidence: &Evidence<'_>) -> ProbeAnswer {
    ProbeAnswer::NotMine
}
