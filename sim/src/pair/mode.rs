//! Whether one device of a pair forwards or both, and where hosts send what is for other networks.
//!
//! ```text
//!  active/passive                 active/active
//!
//!  .1  of both, the active one    .2  .3  interface addresses of device 0 and 1
//!      answers                    .4  .5  floating, of device 0 and 1 while these work
//!                                 .1      shared: either device answers, by who asks
//! ```

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
};

use bifrons_config::typed::{SessionOwner, SessionSetup};

use crate::{
    host::Addresses,
    plan::{Plan, interface},
    random::Random,
};

/// Whether one device forwards or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One does; both have the same addresses.
    #[default]
    ActivePassive,
    /// Both do.
    ActiveActive(ActiveActive),
}

/// A pair in which both devices forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveActive {
    /// Who owns sessions, and who sets them up.
    pub owner: SessionOwner,
    /// Whether packets may go to the other device over HA3.
    pub packet_forwarding: bool,
    /// How long a device that comes back forwards nothing of its own, in seconds, 10 to 600; `None` for not
    /// at all.
    pub tentative_hold_seconds: Option<u16>,
    /// Where the hosts of each zone send what is for other networks.
    pub gateways: [Gateway; 3],
}

/// Where hosts send what is for other networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gateway {
    /// To the interface address of a device. Nobody has it when the device is gone.
    Interface(Choice),
    /// To the floating address of a device, which the other one takes over.
    Floating(Choice),
    /// To an address of both; the parity of the host's address says which device answers for it.
    SharedByModulo,
    /// To an address of both; a hash of the host's address says which device answers for it.
    SharedByHash {
        /// What the hash begins with.
        seed: u32,
    },
}

/// Which device's address a host uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All hosts that of this one.
    Device(u8),
    /// Each host one that its place and the plan's seed draw.
    Drawn,
}

/// The last byte of a shared address.
const SHARED: u8 = 1;
/// The last bytes of the interface addresses of device 0 and 1.
const INTERFACE: [u8; 2] = [2, 3];
/// The last bytes of the floating addresses that are at device 0 and 1 while these work.
const FLOATING: [u8; 2] = [4, 5];

/// The five combinations of owner and setup that there may be, by name.
pub const COMBINATIONS: [(&str, SessionOwner); 5] = [
    ("primary-device", SessionOwner::PrimaryDevice),
    ("first-packet/primary-device", SessionOwner::FirstPacket(SessionSetup::PrimaryDevice)),
    ("first-packet/first-packet", SessionOwner::FirstPacket(SessionSetup::FirstPacket)),
    ("first-packet/ip-modulo", SessionOwner::FirstPacket(SessionSetup::IpModulo)),
    (
        "first-packet/ip-hash",
        SessionOwner::FirstPacket(SessionSetup::IpHash { with_destination: true, seed: 7 }),
    ),
];

impl Default for ActiveActive {
    /// As recommended: the device that gets the first packet owns, the addresses say who sets up. Packets of
    /// the first zone come to device 0, those of the others to device 1, so that no session has both
    /// directions at one device.
    fn default() -> Self {
        let [first, second] = [0, 1].map(|device| Gateway::Floating(Choice::Device(device)));
        Self {
            owner: SessionOwner::FirstPacket(SessionSetup::IpModulo),
            packet_forwarding: true,
            tentative_hold_seconds: None,
            gateways: [first, second, second],
        }
    }
}

impl Gateway {
    /// The last byte of the address that the host at a place uses.
    fn last_byte(self, plan: &Plan, zone: usize, place: usize) -> u8 {
        match self {
            Self::Interface(choice) => INTERFACE[choice.device(plan, zone, place)],
            Self::Floating(choice) => FLOATING[choice.device(plan, zone, place)],
            Self::SharedByModulo | Self::SharedByHash { .. } => SHARED,
        }
    }
}

impl Choice {
    fn device(self, plan: &Plan, zone: usize, place: usize) -> usize {
        match self {
            Self::Device(device) => usize::from(device.min(1)),
            Self::Drawn => {
                let number = (zone as u64) << 32 | place as u64;
                usize::from(Random::new(plan.seed, "gateway", number).coin())
            }
        }
    }
}

impl Mode {
    /// The addresses of a device's interface in a zone.
    pub fn interface_address(&self, plan: &Plan, zone: usize, device: u8) -> (Ipv4Addr, Ipv6Addr) {
        let shared = plan.gateway(zone);
        match self {
            Self::ActivePassive => shared,
            Self::ActiveActive(_) => with_last(shared, INTERFACE[usize::from(device.min(1))]),
        }
    }

    /// The floating addresses in a zone that a device has while it works.
    pub fn floating_address(plan: &Plan, zone: usize, device: u8) -> (Ipv4Addr, Ipv6Addr) {
        with_last(plan.gateway(zone), FLOATING[usize::from(device.min(1))])
    }

    /// The addresses that are at a device of an active/active pair in a zone while both work.
    pub(crate) fn addresses_of(plan: &Plan, zone: usize, device: u8) -> [(Ipv4Addr, Ipv6Addr); 2] {
        let own = with_last(plan.gateway(zone), INTERFACE[usize::from(device.min(1))]);
        [own, Self::floating_address(plan, zone, device)]
    }

    /// The addresses of the host at a place, with the gateway that it uses.
    pub fn addresses(&self, plan: &Plan, zone: usize, place: usize) -> Addresses {
        let own = plan.addresses(zone, place);
        match self {
            Self::ActivePassive => own,
            Self::ActiveActive(mode) => {
                let gateway = mode.gateways.get(zone).copied().unwrap_or(Gateway::SharedByModulo);
                let last = gateway.last_byte(plan, zone, place);
                Addresses { gateway: Some(with_last(plan.gateway(zone), last)), ..own }
            }
        }
    }

    /// The lines of a device's configuration about its mode, addresses of its own and translation.
    pub(super) fn write(&self, plan: &Plan, device: u8, text: &mut String) {
        match self {
            Self::ActivePassive => {}
            Self::ActiveActive(mode) => mode.write(plan, device, text),
        }
    }
}

impl ActiveActive {
    fn write(&self, plan: &Plan, device: u8, text: &mut String) {
        const BASE: &str = "set deviceconfig high-availability group mode active-active";
        let mut line = |words: &str| {
            let _ = writeln!(text, "{BASE} {words}");
        };
        line(&format!("device-id {device}"));
        line(&self.tentative_hold_seconds.map_or_else(
            || "tentative-hold-time disabled".to_owned(),
            |seconds| format!("tentative-hold-time {seconds}"),
        ));
        line(if self.packet_forwarding { "packet-forwarding yes" } else { "packet-forwarding no" });
        line(&format!("session-owner-selection {}", owner_words(self.owner)));
        for (zone, gateway) in (0..plan.zones.len()).zip(self.gateways) {
            let base = format!("virtual-address {}", interface(zone));
            for (holder, other) in [(0, 1), (1, 0)] {
                let (v4, v6) = Mode::floating_address(plan, zone, holder);
                let priority = format!("device-priority device-{holder} 10 device-{other} 20");
                line(&format!("{base} ip {v4} floating {priority}"));
                line(&format!("{base} ipv6 {v6} floating {priority}"));
            }
            let sharing = match gateway {
                Gateway::Interface(_) | Gateway::Floating(_) => continue,
                Gateway::SharedByModulo => "ip-modulo".to_owned(),
                Gateway::SharedByHash { seed } => format!("ip-hash hash-seed {seed}"),
            };
            let (v4, v6) = plan.gateway(zone);
            line(&format!("{base} ip {v4} arp-load-sharing {sharing}"));
            line(&format!("{base} ipv6 {v6} arp-load-sharing {sharing}"));
        }
    }
}

/// The words of the configuration for owner and setup.
fn owner_words(owner: SessionOwner) -> String {
    let setup = match owner {
        SessionOwner::PrimaryDevice => return "primary-device".to_owned(),
        SessionOwner::FirstPacket(setup) => setup,
    };
    let words = match setup {
        SessionSetup::PrimaryDevice => "primary-device".to_owned(),
        SessionSetup::FirstPacket => "first-packet".to_owned(),
        SessionSetup::IpModulo => "ip-modulo".to_owned(),
        SessionSetup::IpHash { with_destination, seed } => {
            let key = if with_destination { "source-and-destination" } else { "source" };
            format!("ip-hash hash-key {key} hash-seed {seed}")
        }
    };
    format!("first-packet session-setup {words}")
}

/// The same addresses with another last byte.
fn with_last((v4, v6): (Ipv4Addr, Ipv6Addr), last: u8) -> (Ipv4Addr, Ipv6Addr) {
    let [a, b, c, _] = v4.octets();
    let mut bytes = v6.octets();
    bytes[15] = last;
    (Ipv4Addr::new(a, b, c, last), Ipv6Addr::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{pair::Profile, pair::Setup, plan::ZonePlan};

    fn plan() -> Plan {
        Plan {
            seed: 3,
            hides: true,
            zones: vec![ZonePlan { hosts: 40, ..ZonePlan::default() }; 2],
            ..Plan::default()
        }
    }

    #[test]
    fn every_combination_is_a_configuration() {
        for (name, owner) in COMBINATIONS {
            for gateway in [Gateway::SharedByHash { seed: 5 }, Gateway::SharedByModulo] {
                let usual = ActiveActive::default();
                let gateways = [gateway, usual.gateways[1], usual.gateways[2]];
                let mode = Mode::ActiveActive(ActiveActive { owner, gateways, ..usual });
                let setup = Setup { mode, ..Setup::active_active(plan(), Profile::Fast) };
                for device in 0..2 {
                    let text = setup.configuration(device);
                    let parsed = bifrons_config::Document::parse(&text, "pair");
                    let document = parsed.unwrap_or_else(|errors| panic!("{name}: {}", errors[0]));
                    if let Err(errors) = document.build() {
                        panic!("{name}, device {device}: {}", errors[0]);
                    }
                }
            }
        }
    }

    #[test]
    fn hosts_use_the_addresses_of_their_zone_s_gateway() {
        let plan = plan();
        let usual = ActiveActive::default();
        let gateway = |mode: &Mode, zone, place| {
            mode.addresses(&plan, zone, place).gateway.map(|(v4, _)| v4.octets()[3]).unwrap_or_default()
        };
        assert_eq!(gateway(&Mode::ActivePassive, 0, 0), 1);
        let mode = Mode::ActiveActive(usual.clone());
        assert_eq!([gateway(&mode, 0, 7), gateway(&mode, 1, 7)], [4, 5]);
        let drawn = [Gateway::Interface(Choice::Drawn); 3];
        let mode = Mode::ActiveActive(ActiveActive { gateways: drawn, ..usual });
        let of_first = (0..40).filter(|place| gateway(&mode, 0, *place) == 2).count();
        assert!((8..=32).contains(&of_first), "{of_first}");
    }
}
