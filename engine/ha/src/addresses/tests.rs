use alloc::{format, string::String, vec};

use bifrons_dataplane::neighbor::Hearers;

use super::*;
use HaState::{Active, ActivePrimary, ActiveSecondary, NonFunctional, Passive, Suspended, Tentative};

const FLOATING_0: &str = "192.0.2.4";
const FLOATING_1: &str = "192.0.2.5";
const STAYS: &str = "192.0.2.6";
const BOUND: &str = "192.0.2.7";
const MODULO: &str = "198.51.100.1";
const HASH: &str = "2001:db8::1";
const ALL: [&str; 6] = [FLOATING_0, FLOATING_1, STAYS, BOUND, MODULO, HASH];

fn config(lines: &str) -> Config {
    let text = format!(
        "set network interface ethernet ethernet1/1 layer3 ip 192.0.2.2/24\n\
         set network interface ethernet ethernet1/2 layer3 units ethernet1/2.7 tag 7 ip 198.51.100.2/25\n\
         set network interface ethernet ethernet1/2 layer3 units ethernet1/2.7 ipv6 address 2001:db8::2/64\n\
         set network interface loopback units loopback.1 ip 203.0.113.1/32\n\
         set deviceconfig high-availability enabled yes\n\
         set deviceconfig high-availability interface ha1 ip-address 10.255.0.1 netmask 30 port ha1-a\n\
         set deviceconfig high-availability group group-id 7 peer-ip 10.255.0.2\n{lines}"
    );
    match bifrons_config::parse(&text, "x.set") {
        Ok(config) => config,
        Err(errors) => panic!("{}", errors[0]),
    }
}

fn active_active(device: u8) -> AddressPlan {
    let mode = "set deviceconfig high-availability group mode active-active";
    let floating = format!("{mode} virtual-address ethernet1/1 ip");
    let shared = format!("{mode} virtual-address ethernet1/2.7");
    AddressPlan::new(&config(&format!(
        "{mode} device-id {device}\n\
         {floating} {FLOATING_0} floating device-priority device-0 10 device-1 20\n\
         {floating} {FLOATING_1} floating device-priority device-0 20 device-1 10\n\
         {floating} {STAYS} floating device-priority failover-on-link-down no\n\
         {floating} {BOUND} floating bind-to-active-primary yes\n\
         {shared} ip {MODULO} arp-load-sharing ip-modulo\n\
         {shared} ipv6 {HASH} arp-load-sharing ip-hash hash-seed 5\n"
    )))
}

fn at(state: HaState, down: &[usize]) -> Standing {
    Standing { state, down: down.iter().copied().collect() }
}

/// Who has each of [`ALL`]: of the shared ones the holders of share 0 and share 1.
fn holders(devices: [Option<&Standing>; 2]) -> [String; 6] {
    let tables = [0, 1].map(|device| {
        let own = devices[usize::from(device)].cloned();
        let peer = devices[usize::from(1 - device)];
        own.map(|own| active_active(device).table(&own, peer))
    });
    ALL.map(|address| {
        let address: IpAddr = address.parse().unwrap();
        let mut found = String::new();
        let row = |device: usize| {
            tables[device]
                .as_ref()
                .map(|table| *table.addresses.iter().find(|own| own.prefix.address == address).unwrap())
        };
        for share in 0..2 {
            let has = |device: usize| {
                row(device).is_some_and(|row| match row.holding {
                    Holding::Whole { is_here, .. } => is_here && share == 0,
                    Holding::Shared { has, .. } => has[share],
                })
            };
            let is_shared =
                [0, 1].into_iter().filter_map(row).any(|row| matches!(row.holding, Holding::Shared { .. }));
            if share == 0 || is_shared {
                found.push(match (has(0), has(1)) {
                    (true, false) => '0',
                    (false, true) => '1',
                    (false, false) => '-',
                    (true, true) => 'x',
                });
            }
        }
        found
    })
}

/// What it is about, both devices, and who has each of [`ALL`].
type Row = (&'static str, Option<Standing>, Option<Standing>, [&'static str; 6]);

#[test]
fn who_has_which_address() {
    let table: [Row; 11] = [
        (
            "calm",
            Some(at(ActivePrimary, &[])),
            Some(at(ActiveSecondary, &[])),
            ["0", "1", "0", "0", "01", "01"],
        ),
        (
            "calm",
            Some(at(ActiveSecondary, &[])),
            Some(at(ActivePrimary, &[])),
            ["0", "1", "0", "1", "01", "01"],
        ),
        ("0 gone", None, Some(at(ActivePrimary, &[])), ["1", "1", "1", "1", "11", "11"]),
        ("1 gone", Some(at(ActivePrimary, &[])), None, ["0", "0", "0", "0", "00", "00"]),
        (
            "a survivor that is not primary yet",
            Some(at(ActiveSecondary, &[])),
            None,
            ["0", "0", "0", "0", "00", "00"],
        ),
        (
            "1 failed",
            Some(at(ActivePrimary, &[])),
            Some(at(NonFunctional, &[])),
            ["0", "0", "0", "0", "00", "00"],
        ),
        (
            "0 comes back",
            Some(at(Tentative, &[])),
            Some(at(ActivePrimary, &[])),
            ["1", "1", "1", "1", "11", "11"],
        ),
        (
            "0 has lost ethernet1/1",
            Some(at(ActivePrimary, &[0])),
            Some(at(ActiveSecondary, &[])),
            ["1", "1", "0", "0", "01", "01"],
        ),
        (
            "1 has lost the port of ethernet1/2.7",
            Some(at(ActivePrimary, &[])),
            Some(at(ActiveSecondary, &[1])),
            ["0", "1", "0", "0", "00", "00"],
        ),
        (
            "both have lost ethernet1/1",
            Some(at(ActivePrimary, &[0])),
            Some(at(ActiveSecondary, &[0])),
            ["0", "1", "0", "0", "01", "01"],
        ),
        ("nobody can", Some(at(Suspended, &[])), Some(at(Tentative, &[])), ["-", "-", "-", "-", "--", "--"]),
    ];
    for (what, zero, one, wanted) in table {
        assert_eq!(holders([zero.as_ref(), one.as_ref()]), wanted, "{what}");
    }
}

/// Over all states of both devices and their links, as long as both know the same: exactly one has each
/// address and each share, unless neither forwards.
#[test]
fn every_address_has_one_holder() {
    let standings = HaState::ALL
        .into_iter()
        .flat_map(|state| [at(state, &[]), at(state, &[0]), at(state, &[1]), at(state, &[0, 2])]);
    let standings: Vec<Standing> = standings.collect();
    for zero in &standings {
        for one in &standings {
            let somebody = zero.state.forwards() || one.state.forwards();
            let is_primary = |standing: &Standing| standing.state == ActivePrimary;
            for (address, holders) in ALL.into_iter().zip(holders([Some(zero), Some(one)])) {
                let between_roles = address == BOUND
                    && zero.state.forwards()
                    && one.state.forwards()
                    && !is_primary(zero)
                    && !is_primary(one);
                let is_one = |holder: char| matches!(holder, '0' | '1');
                assert_eq!(
                    holders.chars().all(is_one),
                    somebody && !between_roles,
                    "{zero:?} {one:?} {address}"
                );
                assert!(!holders.contains('x'));
            }
        }
    }
}

#[test]
fn an_address_takes_its_ethernet_address_along() {
    let alone = |device: u8| {
        let table = active_active(device).table(&at(ActivePrimary, &[]), None);
        table.addresses.iter().map(|own| own.answers().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(alone(0), alone(1));
    let mac = |text: &str| MacAddress::from_text(text).unwrap();
    let plan = active_active(1);
    assert_eq!((plan.virtual_mac(0), plan.station(0)), (Some(mac("02:b1:f0:87:01:01")), None));
    let table = plan.table(&at(ActiveSecondary, &[]), Some(&at(ActivePrimary, &[])));
    assert_eq!(table.macs(0), BTreeSet::from([mac("02:b1:f0:87:01:01")]));
    assert!(!table.is_silent);
    let [floating] = table.virtual_addresses(0).try_into().unwrap();
    assert_eq!(floating.prefix, Prefix { address: FLOATING_1.parse().unwrap(), length: 24 });
    let [four, six] = table.virtual_addresses(2).try_into().unwrap();
    assert_eq!((four.prefix.length, six.prefix.length), (25, 64));
    let macs = [mac("02:b1:f0:07:01:02"), mac("02:b1:f0:87:01:02")];
    let has = [false, true];
    assert_eq!(four.answers, Answers::Requesters { by: Sharing::Modulo, macs, has });
    assert_eq!(six.answers, Answers::Requesters { by: Sharing::Hash { seed: 5 }, macs, has });
}

#[test]
fn what_comes_is_announced_and_what_goes_is_not() {
    let plan = active_active(0);
    let calm = plan.table(&at(ActivePrimary, &[]), Some(&at(ActiveSecondary, &[])));
    let alone = plan.table(&at(ActivePrimary, &[]), None);
    let named = |list: &[Announcement]| -> Vec<(String, bool, bool)> {
        let one = |own: &Announcement| {
            (format!("{}", own.address), own.hearers == Hearers::Hosts, own.mac.0[3] == 0x87)
        };
        list.iter().map(one).collect()
    };
    let changes = alone.changes_from(&calm);
    // Of the shared ones only share 1 comes, and only switches hear of it.
    let wanted = [(FLOATING_1, true, true), (MODULO, false, true), (HASH, false, true)];
    assert_eq!(named(&changes.gained), wanted.map(|(address, hosts, one)| (address.into(), hosts, one)));
    assert_eq!(changes.lost, []);
    let back = calm.changes_from(&alone);
    assert_eq!((back.gained, back.lost), (vec![], changes.gained));
    assert_eq!(calm.changes_from(&calm), AddressChanges::default());
}

#[test]
fn one_device_answers_for_what_rules_translate_to() {
    let mode = "set deviceconfig high-availability group mode active-active";
    let rule = |binding: &str, translation: &str| {
        let rule = format!("set rulebase nat rules of-{binding}");
        format!(
            "{rule} from any to any destination any service any {translation}\n\
             {rule} active-active-device-binding {binding}\n"
        )
    };
    let dynamic = "source any source-translation dynamic-ip-and-port translated-address 192.0.2.100";
    // A virtual address is held, or not, as such.
    let floating =
        format!("source any source-translation dynamic-ip-and-port translated-address {FLOATING_1}");
    let fixed = "source 10.0.0.1 source-translation static-ip translated-address 192.0.2.101";
    let rules = [rule("0", dynamic), rule("1", &floating), rule("primary", fixed)].concat();
    let plan = AddressPlan::new(&config(&format!(
        "{mode} device-id 1\n{mode} virtual-address ethernet1/1 ip {FLOATING_1} floating\n\
         set zone z network layer3 ethernet1/1\n{rules}"
    )));
    let mac = |text: &str| MacAddress::from_text(text).unwrap();
    let zero = mac("02:b1:f0:07:01:01");
    let held = |table: &AddressTable| -> Vec<_> {
        table.proxied_at(0).map(|(range, mac)| (format!("{}", range.first), mac)).collect()
    };
    let calm = plan.table(&at(ActiveSecondary, &[]), Some(&at(ActivePrimary, &[])));
    assert_eq!(held(&calm), []);
    let down = plan.table(&at(ActiveSecondary, &[]), Some(&at(ActivePrimary, &[0])));
    assert_eq!(held(&down), [("192.0.2.100".into(), zero)], "it moves with the interface");
    let alone = plan.table(&at(ActivePrimary, &[]), None);
    assert_eq!(held(&alone), [("192.0.2.100".into(), zero), ("192.0.2.101".into(), zero)]);
    assert!(alone.macs(0).contains(&zero) && !calm.macs(0).contains(&zero));
    let gained = alone.changes_from(&calm).gained;
    let searched = gained.iter().filter(|own| own.hearers == Hearers::Switches && own.mac == zero);
    assert_eq!(searched.count(), 2);
}

#[test]
fn a_device_that_takes_no_part_in_an_active_active_pair_is_silent() {
    for state in HaState::ALL {
        let table = active_active(1).table(&at(state, &[]), Some(&at(ActivePrimary, &[])));
        let takes_no_part = matches!(state, HaState::NonFunctional | HaState::Suspended);
        assert_eq!(table.is_silent, takes_no_part, "{state:?}");
    }
}

#[test]
fn in_an_active_passive_pair_all_interface_addresses_go_with_the_role() {
    let plan = AddressPlan::new(&config(""));
    let mac = MacAddress::from_text("02:b1:f0:07:01:02").unwrap();
    assert_eq!((plan.station(2), plan.station(3)), (Some(mac), None));
    for state in HaState::ALL {
        let table = plan.table(&at(state, &[0]), Some(&at(Active, &[])));
        assert_eq!(table.is_silent, !state.forwards(), "{state:?}");
        // The loopback's address is on no link.
        assert_eq!(
            table.addresses.iter().filter(|own| own.is_here()).count(),
            if table.is_silent { 0 } else { 3 }
        );
        assert_eq!(table.virtual_addresses(2), []);
    }
    let [passive, active] = [Passive, Active].map(|state| plan.table(&at(state, &[]), None));
    let gained = active.changes_from(&passive).gained;
    let found: Vec<_> =
        gained.iter().map(|own| (own.interface, format!("{}", own.address), own.hearers)).collect();
    let hosts = Hearers::Hosts;
    assert_eq!(
        found,
        [(0, "192.0.2.2".into(), hosts), (2, "198.51.100.2".into(), hosts), (2, "2001:db8::2".into(), hosts)]
    );
    assert_eq!(gained[1].mac, mac);
}

#[test]
fn without_a_pair_there_are_no_addresses_of_one() {
    let mut config = config("");
    config.high_availability.enabled = false;
    let plan = AddressPlan::new(&config);
    assert_eq!(plan.table(&at(HaState::Initial, &[]), None), AddressTable::default());
    assert_eq!(plan.station(0), None);
}
