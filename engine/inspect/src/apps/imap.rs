//! IMAP4.

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "imap", tcp: true, udp: false, probe, decoder: None };

fn probe(_evidence: &Evidence<'_>) -> ProbeAnswer {
    ProbeAnswer::NotMine
}
