//! Addresses and ports of two devices that share the NAT rules.

use std::{collections::BTreeSet, net::IpAddr};

use bifrons_config::parse;
use bifrons_dataplane::{Compiled, PairView, Verdict};
use bifrons_model::{DeviceId, DropReason, Generation};
use bifrons_policy::Policy;

use crate::{
    device::{Device, INSIDE, NETWORK, compiled},
    packets::udp,
    sharing::{ADMITTED, BOTH, Connection, FIRST, MODULO, One, PRIMARY, Pair, SYN, Zero, way},
};

/// Two rules with an address each, of which the one that is bound to the owner translates, whoever sets up.
fn bound(first: &str, second: &str) -> Compiled {
    let lines: Vec<&str> = NETWORK.lines().filter(|line| !line.contains("rulebase nat")).collect();
    let mut text = lines.join("\n");
    for (name, binding, address) in [("a", first, "192.0.2.20"), ("b", second, "192.0.2.21")] {
        text += &format!(
            "
            set rulebase nat rules {name} from trust to untrust source any destination any service any
            set rulebase nat rules {name} source-translation dynamic-ip-and-port translated-address {address}
            set rulebase nat rules {name} active-active-device-binding {binding}
            "
        );
    }
    let config = parse(&text, "test").unwrap_or_else(|errors| panic!("{errors:?}"));
    Compiled::new(Policy::compile(&config, Generation(1))).expect("no signatures of its own")
}

/// The address that a session gets which begins at a device and whose setup device depends on the server.
fn address(pair: &mut Pair, at: DeviceId, server: u8) -> IpAddr {
    let mut talk = Connection::new(way(40_000, server), [at, at]);
    talk.client_sends(pair, SYN, b"").way().source.0
}

#[test]
fn the_rules_of_the_owner_translate_whoever_sets_up() {
    let [a, b]: [IpAddr; 2] = ["192.0.2.20", "192.0.2.21"].map(|text| text.parse().expect("an address"));
    // The rules' bindings, and what sessions get that Zero and that One owns; Zero is primary.
    let cases = [
        ("0", "1", [a, b]),
        ("1", "0", [b, a]),
        ("both", "0", [a, a]),
        ("primary", "both", [a, b]),
        ("1", "primary", [b, a]),
    ];
    for (first, second, wanted) in cases {
        let compiled = bound(first, second);
        for (owner, server) in ADMITTED.into_iter().flat_map(|owner| [(owner, 6), (owner, 7)]) {
            for at in BOTH {
                let mut pair = Pair::new(&compiled, owner);
                let owned_by = if owner == PRIMARY { Zero } else { at };
                let found = address(&mut pair, at, server);
                assert_eq!(found, owned_by.of_two(wanted), "{first} {second} {owner:?} {server} {at:?}");
            }
        }
    }
}

/// A survivor uses its own rules for what is new.
#[test]
fn a_survivor_keeps_to_its_own_rules() {
    let mut pair = Pair::new(&bound("0", "1"), FIRST);
    pair.kill(Zero);
    assert_eq!(address(&mut pair, One, 7).to_string(), "192.0.2.21");
    let mut pair = Pair::new(&bound("primary", "0"), FIRST);
    pair.kill(Zero);
    assert_eq!(address(&mut pair, One, 7).to_string(), "192.0.2.20", "it is primary now");
}

/// Both devices take ports of one address until there is none: no two sessions have the same, and each
/// device has had half of them.
#[test]
fn ports_of_two_devices_never_collide() {
    for owner in [FIRST, MODULO] {
        let mut pair = Pair::new(&compiled(""), owner);
        let mut ports = BTreeSet::new();
        let mut counts = [0_u32; 2];
        let mut is_exhausted = [false; 2];
        let mut client = 0;
        while is_exhausted != [true; 2] {
            for at in BOTH {
                if at.of_two(is_exhausted) {
                    continue;
                }
                client += 1;
                let port = take(&mut pair, at, client);
                match port {
                    Ok(port) => {
                        assert!(ports.insert(port), "{owner:?}: port {port} twice");
                        counts[usize::from(at.number())] += 1;
                    }
                    Err(reason) => {
                        assert_eq!(reason, DropReason::NatPoolExhausted);
                        is_exhausted[usize::from(at.number())] = true;
                    }
                }
            }
        }
        assert_eq!(ports.len(), 65_536 - 1_024, "{owner:?}");
        assert_eq!(counts.iter().sum::<u32>(), 65_536 - 1_024);
        if owner == FIRST {
            assert_eq!(counts, [32_256; 2]);
        }
    }
}

/// The port that the session of a client gets which begins at a device, and whose setup device is any.
fn take(pair: &mut Pair, at: DeviceId, client: u32) -> Result<u16, DropReason> {
    let mut way = way(2_000 + (client % 60_000) as u16, 6 + (client / 7 % 2) as u8);
    way.source.0 = [10, 0, 1, (client / 60_000) as u8].into();
    // Nothing is to run out meanwhile.
    let now = pair.now;
    let fate = pair.send(at, INSIDE, &udp(way, b"hello"));
    pair.now = now;
    match fate.verdict {
        Verdict::Transmit(_) => Ok(fate.way().source.1),
        Verdict::Drop(reason) => Err(reason),
        Verdict::Pending | Verdict::Held | Verdict::Host(_) | Verdict::HandOver(_) | Verdict::ToPeer => {
            panic!("{fate:?}")
        }
    }
}

/// The survivor's own ports first, then the dead device's, but for those that sessions hold. Once that one is
/// back, both keep apart again, and what is held of its half it does not give.
#[test]
fn a_survivor_gives_the_ports_of_the_dead_device() {
    let compiled = compiled("");
    let mut pair = Pair::new(&compiled, FIRST);
    let mut client = 0;
    let mut take_some = |pair: &mut Pair, at, most: usize| {
        let ports = core::iter::repeat_with(|| {
            client += 1;
            take(pair, at, client).ok()
        });
        ports.take(most).map_while(|port| port).collect::<Vec<u16>>()
    };
    let inherited = take_some(&mut pair, Zero, 50);
    pair.tell();
    pair.kill(Zero);
    let own = take_some(&mut pair, One, 32_256);
    assert!(own.iter().all(|port| *port >= 33_280), "its own half comes first");
    let more = take_some(&mut pair, One, 100);
    assert!(more.len() == 100 && more.iter().all(|port| (1_024..33_280).contains(port)));

    pair.devices[0] = Device::new(&compiled, 3, PairView::ALONE);
    pair.device(Zero).worker.set_device(Some(Zero));
    pair.become_tentative(Zero);
    assert_eq!(take(&mut pair, One, 70_000), Err(DropReason::NatPoolExhausted), "it is not dead any more");
    pair.set_views([true, true], Some(One));
    let again = take_some(&mut pair, Zero, usize::MAX);
    assert_eq!(again.len(), 32_256 - 150);
    let all: BTreeSet<u16> = [inherited, own, more, again].concat().into_iter().collect();
    assert_eq!(all.len(), 64_512, "no port twice");
}

/// A device that only cannot reach its peer gives nothing of its.
#[test]
fn ports_of_a_living_device_are_left_alone() {
    let mut pair = Pair::new(&compiled(""), FIRST);
    pair.set_view(One, [false, true], Some(One), true);
    let given = (0..).map_while(|client| take(&mut pair, One, client).ok()).count();
    assert_eq!(given, 32_256);
}

/// When the setup device has no port left, the owner takes one of its own.
#[test]
fn the_owner_helps_itself_when_the_setup_device_has_none() {
    let mut pair = Pair::new(&compiled(""), FIRST);
    let mut client = 0;
    while take(&mut pair, One, client).is_ok() {
        client += 1;
    }
    assert_eq!(client, 32_256);
    pair.owner = MODULO;
    pair.set_views([true, true], Some(Zero));
    let fate = pair.send(Zero, INSIDE, &udp(way(1_500, 7), b"hello"));
    assert_eq!((fate.at, fate.crossed.len()), (Zero, 2));
    let port = fate.way().source.1;
    assert!((1_024..33_280).contains(&port), "{port} is of device 0's half");
}
