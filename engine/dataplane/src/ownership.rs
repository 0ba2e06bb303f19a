//! Which device of an active/active pair owns a session, and which one sets it up.
//!
//! The owner does application work, writes the log and transmits; the setup device looks up routes, NAT and
//! security rules. Five combinations are admitted (PAN-OS, "Session Owner" and "Session Setup"):
//!
//! | owner | setup | who sets up |
//! |---|---|---|
//! | primary device | primary device | the active-primary device, which owns too |
//! | first packet | primary device | the active-primary device |
//! | first packet | first packet | the device that got the packet, which owns too |
//! | first packet | ip-modulo | the lowest bit of source XOR destination address names it |
//! | first packet | ip-hash | the lowest bit of a seeded hash of the source, or of both addresses, names it |
//!
//! ```text
//!      packet ──► receiver ──► owner == receiver? ──no──► forward to the owner, which does all the rest
//!                                    │ yes
//!                                    ▼
//!                              setup == receiver? ──no──► ask the peer to set up; the packet comes back
//!                                    │ yes
//!                                    ▼
//!                              set up and own it here
//! ```
//!
//! All functions depend on the addresses of the client-to-server tuple as it arrived, on configured values
//! that are the same on both devices, and on what the devices know of each other: both compute the same.
//! XOR and the hash of both addresses do not depend on the packet's direction either, so that an answer that
//! is not translated and comes first to the other device leads to the same device.

use core::net::IpAddr;

use bifrons_config::typed::{ActiveActive, SessionOwner, SessionSetup};
use bifrons_model::{DeviceId, SeededHash};
use bifrons_policy::NatOwner;
use bifrons_wire::Addresses;

/// What a device of an active/active pair knows when it must choose who does what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveActiveView {
    /// The device itself.
    pub device: DeviceId,
    /// How owner and setup device are chosen.
    pub ownership: Ownership,
    /// The active-primary device; `None` while there is none.
    pub primary: Option<DeviceId>,
    /// Whether device 0 and device 1 can own and set up what arrives here: they forward, and HA3 leads to
    /// them. A tentative device says no of itself.
    pub can_work: [bool; 2],
    /// Whether the peer gives no ports and addresses of NAT pools, and will give none before it knows the
    /// sessions here: those of its share are this device's where the own ones are used up.
    pub has_peer_share: bool,
    /// Whether the other device puts packets together whose fragments come to both.
    pub gathers: bool,
}

/// How owner and setup device are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ownership {
    owner: SessionOwner,
    /// Whether packets may go to the other device (`packet-forwarding`).
    forwards: bool,
}

/// Who does what for a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duties {
    /// Application work, log, transmission.
    pub owner: DeviceId,
    /// Routes, NAT, rules.
    pub setup: DeviceId,
}

/// What the receiver of a packet that belongs to no session does first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstStep {
    /// It sets the session up and owns it.
    Here,
    /// It owns the session and asks its peer over HA3 to set it up (setup request, setup reply).
    AskPeer,
    /// It gives the packet to its peer over HA3, which owns the session and sets it up.
    ForwardToOwner,
}

impl Ownership {
    /// What the configuration says.
    pub const fn new(mode: &ActiveActive) -> Self {
        Self { owner: mode.session_owner, forwards: mode.packet_forwarding }
    }
}

impl ActiveActiveView {
    /// Who owns a session whose first packet came to `receiver`, and who sets it up. `client_to_server` are
    /// the addresses of the packet as it arrived.
    pub fn duties(&self, client_to_server: Addresses, receiver: DeviceId) -> Duties {
        Duties { owner: self.owner(receiver), setup: self.setup(client_to_server, receiver) }
    }

    /// Whether the other device puts a packet together whose fragments come to both: the one that the lowest
    /// bit of source XOR destination address names, while it can work. A fragment has no ports.
    pub fn is_whole_at_peer(&self, addresses: Addresses) -> bool {
        let gatherer = self.able(by_modulo(addresses), self.device);
        self.gathers && self.gives_to_peer() && gatherer != self.device
    }

    /// As whom the NAT rules know a device.
    pub(crate) fn nat_owner(&self, device: DeviceId) -> NatOwner {
        NatOwner { device_id: device.number(), is_primary: self.primary == Some(device) }
    }

    /// Whether this device may give packets to its peer.
    pub const fn gives_to_peer(&self) -> bool {
        self.ownership.forwards && self.device.peer().of_two(self.can_work)
    }

    fn owner(&self, receiver: DeviceId) -> DeviceId {
        let wanted = match self.ownership.owner {
            SessionOwner::FirstPacket(_) => receiver,
            SessionOwner::PrimaryDevice => self.primary.unwrap_or(receiver),
        };
        self.able(wanted, receiver)
    }

    fn setup(&self, client_to_server: Addresses, receiver: DeviceId) -> DeviceId {
        let primary = self.primary.unwrap_or(receiver);
        let wanted = match self.ownership.owner {
            SessionOwner::PrimaryDevice | SessionOwner::FirstPacket(SessionSetup::PrimaryDevice) => primary,
            SessionOwner::FirstPacket(SessionSetup::FirstPacket) => receiver,
            SessionOwner::FirstPacket(SessionSetup::IpModulo) => by_modulo(client_to_server),
            SessionOwner::FirstPacket(SessionSetup::IpHash { with_destination, seed }) => {
                by_hash(client_to_server, with_destination, seed)
            }
        };
        self.able(wanted, receiver)
    }

    /// The wanted device if it can work, else the other one if that can, else the receiver; that, too, where
    /// nothing may go to the other device.
    fn able(&self, wanted: DeviceId, receiver: DeviceId) -> DeviceId {
        let can = |device: DeviceId| device.of_two(self.can_work);
        if !self.ownership.forwards {
            receiver
        } else if can(wanted) {
            wanted
        } else if can(wanted.peer()) {
            wanted.peer()
        } else {
            receiver
        }
    }
}

impl Duties {
    /// What the device that got the session's first packet does first.
    pub fn first_step(self, receiver: DeviceId) -> FirstStep {
        if self.owner != receiver {
            FirstStep::ForwardToOwner
        } else if self.setup != receiver {
            FirstStep::AskPeer
        } else {
            FirstStep::Here
        }
    }
}

/// The lowest bit of source XOR destination. PAN-OS says of `ip-modulo` both "parity of the source" and
/// "XOR of source and destination"; this is the second, which spreads the sessions of one client too.
fn by_modulo(addresses: Addresses) -> DeviceId {
    DeviceId::of(((bits(addresses.source()) ^ bits(addresses.destination())) & 1) as u8)
}

/// The lowest bit of [`SeededHash`]: of the source, or of both addresses, the smaller number first.
fn by_hash(addresses: Addresses, with_destination: bool, seed: u32) -> DeviceId {
    let (source, destination) = (bits(addresses.source()), bits(addresses.destination()));
    let hash = if with_destination {
        SeededHash::new(seed).with(source.min(destination)).with(source.max(destination))
    } else {
        SeededHash::new(seed).with(source)
    };
    DeviceId::of((hash.value() & 1) as u8)
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeviceId::{One, Zero};

    const ADMITTED: [SessionOwner; 5] = SessionOwner::admitted(true, 7);

    /// A calm pair of which Zero is primary.
    fn view(owner: SessionOwner, forwards: bool) -> ActiveActiveView {
        let mode =
            ActiveActive { session_owner: owner, packet_forwarding: forwards, ..ActiveActive::default() };
        let ownership = Ownership::new(&mode);
        ActiveActiveView {
            device: Zero,
            ownership,
            primary: Some(Zero),
            can_work: [true; 2],
            has_peer_share: false,
            gathers: true,
        }
    }

    fn addresses(source: u32, destination: u32) -> Addresses {
        Addresses::V4 { source, destination }
    }

    /// Pairs of addresses of both families that nothing connects.
    fn any_addresses() -> impl Iterator<Item = Addresses> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..200_000).map(move |number| {
            if number % 2 == 0 {
                addresses((next() >> 20) as u32, (next() >> 20) as u32)
            } else {
                let (source, destination) =
                    (u128::from(next()) << 64 | u128::from(next()), u128::from(next()));
                Addresses::V6 { source, destination }
            }
        })
    }

    #[test]
    fn the_five_combinations_of_a_calm_pair() {
        // Zero is primary; the addresses differ in the lowest bit, so that ip-modulo names One.
        let odd = addresses(0x0a00_0001, 0xc633_6402);
        let hashed = by_hash(odd, true, 7);
        // Owner and setup when Zero and when One gets the packet.
        let wanted = [
            [(Zero, Zero), (Zero, Zero)],
            [(Zero, Zero), (One, Zero)],
            [(Zero, Zero), (One, One)],
            [(Zero, One), (One, One)],
            [(Zero, hashed), (One, hashed)],
        ];
        for (combination, wanted) in ADMITTED.into_iter().zip(wanted) {
            for (receiver, wanted) in [Zero, One].into_iter().zip(wanted) {
                let found = view(combination, true).duties(odd, receiver);
                assert_eq!((found.owner, found.setup), wanted, "{combination:?} {receiver:?}");
                let steps = match (found.owner == receiver, found.setup == receiver) {
                    (true, true) => FirstStep::Here,
                    (true, false) => FirstStep::AskPeer,
                    (false, _) => FirstStep::ForwardToOwner,
                };
                assert_eq!(found.first_step(receiver), steps);
                let alone = view(combination, false).duties(odd, receiver);
                assert_eq!(alone, Duties { owner: receiver, setup: receiver }, "no packet forwarding");
            }
        }
    }

    #[test]
    fn choices_are_even_and_the_same_in_both_directions() {
        let hash = |with_destination, seed| SessionSetup::IpHash { with_destination, seed };
        for (setup, is_symmetric) in [
            (SessionSetup::IpModulo, true),
            (hash(true, 0), true),
            (hash(true, u32::MAX), true),
            (hash(false, 1), false),
        ] {
            let view = view(SessionOwner::FirstPacket(setup), true);
            let (mut count, mut at_one, mut turned) = (0_u32, 0_u32, 0_u32);
            for addresses in any_addresses() {
                let found = view.setup(addresses, Zero);
                assert_eq!(found, view.setup(addresses, One), "the receiver does not matter");
                count += 1;
                at_one += u32::from(found == One);
                turned += u32::from(found != view.setup(addresses.reversed(), Zero));
            }
            let share = f64::from(at_one) / f64::from(count);
            assert!((0.49..=0.51).contains(&share), "{setup:?}: {share}");
            assert_eq!(turned == 0, is_symmetric, "{setup:?}");
        }
    }

    #[test]
    fn one_device_puts_a_packet_together() {
        let zero = view(ADMITTED[2], true);
        let one = ActiveActiveView { device: One, ..zero };
        for addresses in any_addresses().take(1_000) {
            let at_peer = [zero, one].map(|view| view.is_whole_at_peer(addresses));
            assert_ne!(at_peer[0], at_peer[1], "one of them");
            // A device that cannot work is not it, and gives all.
            let works = [true, false];
            let views = [zero, one].map(|view| ActiveActiveView { can_work: works, ..view });
            assert_eq!(views.map(|view| view.is_whole_at_peer(addresses)), [false, true]);
            let older = ActiveActiveView { gathers: false, ..one };
            assert!(!older.is_whole_at_peer(addresses));
        }
    }

    #[test]
    fn the_seed_and_the_key_of_the_hash_matter() {
        let differ = |one: &dyn Fn(u32) -> DeviceId| (0..64).any(|number| one(number) != one(0));
        assert!(differ(&|seed| by_hash(addresses(1, 2), false, seed)));
        assert!(differ(&|destination| by_hash(addresses(1, destination), true, 0)));
        assert!(!differ(&|destination| by_hash(addresses(1, destination), false, 0)));
        // IPv6 addresses whose halves differ only above the lowest 64 bits are told apart.
        let six = |high: u32| Addresses::V6 { source: u128::from(high) << 96, destination: 1 };
        assert!(differ(&|high| by_hash(six(high), false, 0)));
    }

    #[test]
    fn who_cannot_work_is_stood_in_for_until_it_can() {
        let odd = addresses(0x0a00_0001, 0xc633_6402);
        let calm = view(ADMITTED[3], true);
        let alone = ActiveActiveView { can_work: [true, false], ..calm };
        assert_eq!(alone.duties(odd, Zero), Duties { owner: Zero, setup: Zero });
        assert_eq!(calm.duties(odd, Zero), Duties { owner: Zero, setup: One });
        let tentative = ActiveActiveView { can_work: [false, true], ..calm };
        assert_eq!(tentative.duties(odd, Zero), Duties { owner: One, setup: One });
        assert!(calm.gives_to_peer() && !alone.gives_to_peer());
        assert!(!view(ADMITTED[3], false).gives_to_peer(), "packet-forwarding no");
    }
}
