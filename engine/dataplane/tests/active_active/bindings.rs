//! Which of two devices uses a rule that is bound, and what becomes of it when one fails.

use std::net::IpAddr;

use bifrons_config::parse;
use bifrons_dataplane::{Compiled, Verdict};
use bifrons_model::{DeviceId, Generation, InterfaceId};
use bifrons_policy::Policy;

use crate::{
    device::{INSIDE, NETWORK, OUTSIDE},
    packets::{Way, udp},
    sharing::{ADMITTED, BOTH, FIRST, One, PRIMARY, Pair, Zero},
};

const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
const PUBLIC: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 40));

/// A kind of rule, and the session that uses it.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A host inside is seen under an address of its own.
    Static,
    /// It is reached by that address.
    Published,
}

const KINDS: [Kind; 2] = [Kind::Static, Kind::Published];

impl Kind {
    fn compiled(self, binding: &str) -> Compiled {
        let lines: Vec<&str> = NETWORK.lines().filter(|line| !line.contains("rulebase nat")).collect();
        let rule = "set rulebase nat rules r";
        let (zones, translation) = match self {
            Self::Static => (
                "from trust to untrust source 10.0.0.2 destination any",
                "source-translation static-ip translated-address 192.0.2.40",
            ),
            Self::Published => (
                "from untrust to untrust source any destination 192.0.2.40",
                "destination-translation translated-address 10.0.0.2",
            ),
        };
        let text = format!(
            "{}
            set rulebase security rules in from untrust to any source any destination any application any
            set rulebase security rules in service any action allow
            {rule} {zones} service any
            {rule} {translation}
            {rule} active-active-device-binding {binding}",
            lines.join("\n")
        );
        let config = parse(&text, "test").unwrap_or_else(|errors| panic!("{errors:?}"));
        Compiled::new(Policy::compile(&config, Generation(1))).expect("no signatures of its own")
    }

    /// The first packet of a session, and where it comes in.
    fn first(self, port: u16, server: u8) -> (InterfaceId, Way) {
        let outside = [203, 0, 113, server].into();
        match self {
            Self::Static => (INSIDE, Way { source: (HOST, port), destination: (outside, 53) }),
            Self::Published => (OUTSIDE, Way { source: (outside, port), destination: (PUBLIC, 53) }),
        }
    }

    fn is_translated(self, way: Way) -> bool {
        match self {
            Self::Static => way.source.0 == PUBLIC,
            Self::Published => way.destination.0 == HOST,
        }
    }

    /// Whether a session that begins at a device is translated.
    fn uses(self, pair: &mut Pair, at: DeviceId, port: u16) -> bool {
        let mut found = [6, 7].map(|server| {
            let (interface, way) = self.first(port, server);
            let fate = pair.send(at, interface, &udp(way, b"query"));
            matches!(fate.verdict, Verdict::Transmit(_)) && self.is_translated(fate.way())
        });
        found.sort_unstable();
        assert_eq!(found[0], found[1], "whoever sets up");
        found[0]
    }
}

/// Whether sessions of Zero and of One use a rule while both work and Zero is primary, and those of each when
/// it is left alone.
const BINDINGS: [(&str, [bool; 2], [bool; 2]); 4] = [
    ("0", [true, false], [true, false]),
    ("1", [false, true], [false, true]),
    ("both", [true, true], [true, true]),
    ("primary", [true, false], [true, true]),
];

/// Live sessions keep their translation; for new ones a survivor has its own rules, those for both, and those
/// for the primary device, which it is now.
#[test]
fn what_a_survivor_does_with_each_binding() {
    for (kind, owner) in KINDS.into_iter().flat_map(|kind| ADMITTED.map(|owner| (kind, owner))) {
        for (binding, both_work, alone) in BINDINGS {
            for survivor in BOTH {
                let mut pair = Pair::new(&kind.compiled(binding), owner);
                pair.is_told = true;
                let context = format!("{kind:?} {binding} {owner:?} {survivor:?}");
                for at in BOTH {
                    let owned_by = if owner == PRIMARY { Zero } else { at };
                    let port = 1_000 + u16::from(at.number());
                    assert_eq!(kind.uses(&mut pair, at, port), owned_by.of_two(both_work), "{context}");
                }
                pair.kill(survivor.peer());
                for at in BOTH {
                    // What goes on is what began.
                    let owned_by = if owner == PRIMARY { Zero } else { at };
                    let port = 1_000 + u16::from(at.number());
                    assert_eq!(kind.uses(&mut pair, survivor, port), owned_by.of_two(both_work), "{context}");
                }
                assert_eq!(kind.uses(&mut pair, survivor, 2_000), survivor.of_two(alone), "{context}");
            }
        }
    }
}

/// The role moves while both devices work: new sessions follow it, live ones stay as they are.
#[test]
fn a_primary_binding_follows_the_primary() {
    for (kind, owner) in KINDS.into_iter().flat_map(|kind| ADMITTED.map(|owner| (kind, owner))) {
        let mut pair = Pair::new(&kind.compiled("primary"), owner);
        pair.is_told = true;
        let of_primary = owner == PRIMARY;
        let began = BOTH.map(|at| kind.uses(&mut pair, at, 1_000 + u16::from(at.number())));
        assert_eq!(began, [true, of_primary], "{kind:?} {owner:?}");
        pair.set_views([true, true], Some(One));
        let still = BOTH.map(|at| kind.uses(&mut pair, at, 1_000 + u16::from(at.number())));
        assert_eq!(still, began, "{kind:?} {owner:?}");
        let new = BOTH.map(|at| kind.uses(&mut pair, at, 2_000 + u16::from(at.number())));
        assert_eq!(new, [of_primary, true], "{kind:?} {owner:?}");
        // Nobody is primary for a moment.
        pair.set_views([true, true], None);
        let nobody = BOTH.map(|at| kind.uses(&mut pair, at, 3_000 + u16::from(at.number())));
        assert_eq!(nobody, [false, false], "{kind:?} {owner:?}");
    }
}

/// A device that is back does not get sessions back whose rule is bound to it, and they keep its translation.
#[test]
fn sessions_that_were_taken_over_keep_the_dead_devices_translation() {
    for kind in KINDS {
        let mut pair = Pair::new(&kind.compiled("0"), FIRST);
        pair.is_told = true;
        assert!(kind.uses(&mut pair, Zero, 1_000));
        pair.kill(Zero);
        assert!(kind.uses(&mut pair, One, 1_000));
        pair.become_tentative(Zero);
        pair.set_views([true, true], Some(One));
        for at in BOTH {
            assert!(kind.uses(&mut pair, at, 1_000), "{kind:?} {at:?}");
        }
        assert!(kind.uses(&mut pair, Zero, 2_000));
        assert!(!kind.uses(&mut pair, One, 3_000));
    }
}
