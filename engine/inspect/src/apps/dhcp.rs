//! DHCP and DHCPv6.

use crate::{Evidence, Probe, ProbeAnswer};

pub(super) const PROBE: Probe = Probe { name: "dhcp", tcp: false, udp: true, probe, decoder: None };

fn probe(_evidence: &Evidence<'_>) -> ProbeAnswer {
    ProbeAnswer::NotMine
}
