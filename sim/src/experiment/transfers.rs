//! Transfers that a pair of devices is tried with.

use std::time::Duration;

use crate::{
    host::transfer::Load,
    plan::{Action, Line, Plan, Rule, Service, TRANSFER_PORTS, Talk, TalkKind, Verdict, ZonePlan},
    random::Random,
};

/// Hosts in each zone at least.
const HOSTS: usize = 4;
/// Transfers of a host at most: its stack looks at all of them each time.
const CROWDED: usize = 6;
/// What a transfer sends one way. With the pauses it takes seven tenths of a second.
const LONG: u64 = 200_000;
/// What it sends the other way.
const SHORT: u64 = 20_000;
/// Between two pieces of two thousand bytes: a sender's buffer takes 56 ms of them without an answer.
const PAUSE: Duration = Duration::from_millis(7);

/// Two zones with transfers between them, which open in a span from `begin` on. Half of the plans hide the
/// clients behind the firewall's address.
pub(super) fn plan(seed: u64, transfers: usize, begin: Duration, opening: Duration) -> Plan {
    let hosts = HOSTS.max(transfers / CROWDED);
    let zone = ZonePlan { hosts, ..ZonePlan::default() };
    let mut random = Random::new(seed, "transfers", 0);
    let mut plan = Plan {
        seed,
        hides: seed.is_multiple_of(2),
        workers: 1 + (seed / 2 % 2) as usize,
        zones: vec![zone; 2],
        rules: vec![Rule { from: None, to: None, service: Service::Any, verdict: Verdict::Allow }],
        ..Plan::default()
    };
    for number in 0..transfers {
        let (up, down) = if random.coin() { (LONG, SHORT) } else { (SHORT / 10, LONG) };
        let talk = Talk {
            number,
            client: (0, number % hosts),
            server: (1, number / hosts % hosts),
            is_v6: false,
            port: TRANSFER_PORTS[number % TRANSFER_PORTS.len()],
            kind: TalkKind::Transfer(Load { up, down, pause: PAUSE }),
        };
        plan.lines.push(Line { at: begin + random.up_to(opening), action: Action::Talk(talk) });
    }
    plan
}
