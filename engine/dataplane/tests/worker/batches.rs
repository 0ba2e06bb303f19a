//! The size of a batch and the seed of the hash show in nothing that comes out.

use std::{net::Ipv4Addr, time::Duration};

use bifrons_dataplane::Compiled;
use bifrons_model::Timestamp;
use proptest::prelude::*;

use crate::{
    Event, Output, Packet, START,
    packets::{self, Way},
    play, policy, policy_after,
    traffic::{Network, acts},
};

/// A small table under a strict configuration, and another rule base to commit in between.
fn policies(capacity: u32, settings: &str) -> Vec<Compiled> {
    let common = format!("set deviceconfig setting session capacity {capacity}\n{settings}\n");
    let first = format!(
        "{common}
         set service telnet protocol tcp port 23
         set rulebase security rules no-telnet from trust to untrust source any destination any
         set rulebase security rules no-telnet application any service telnet action drop log-end yes
         set rulebase security rules no-ssh from any to any source any destination any application ssh
         set rulebase security rules no-ssh service any action deny log-start yes
         set rulebase security rules rest from any to any source any destination any application any
         set rulebase security rules rest service any action allow log-start yes log-end yes"
    );
    let second = format!(
        "{common}
         set rulebase security rules no-web from any to any source any destination any
         set rulebase security rules no-web application web-browsing service any action deny log-end yes
         set rulebase security rules rest from trust to any source any destination any application any
         set rulebase security rules rest service any action allow log-end yes"
    );
    let first = policy(&first, 1);
    let second = policy_after(&first, &second, 2);
    vec![first, second]
}

const LAX: &str = "
set deviceconfig setting session tcp-reject-non-syn no
set deviceconfig setting session tcp-strict-rst no
set deviceconfig setting session icmp-error-own-session yes
set deviceconfig setting session resource-limit-behavior bypass
set deviceconfig setting tcp asymmetric-path bypass
set deviceconfig setting tcp allow-challenge-ack yes
set deviceconfig setting tcp drop-zero-flag no
set deviceconfig setting tcp bypass-exceed-oo-queue yes
";

/// The first difference between two outputs, for people; empty when there is none.
fn difference(one: &Output, other: &Output) -> String {
    let pair = |what: &str, place: usize, a: String, b: String| format!("{what} {place}:\n  {a}\n  {b}");
    if let Some(place) = one.verdicts.iter().zip(&other.verdicts).position(|(a, b)| a != b) {
        let (a, b) = (one.verdicts.get(place), other.verdicts.get(place));
        return pair("verdict", place, format!("{a:?}"), format!("{b:?}"));
    }
    let length = one.records.len().max(other.records.len());
    if let Some(place) = (0..length).find(|place| one.records.get(*place) != other.records.get(*place)) {
        let (a, b) = (one.records.get(place), other.records.get(place));
        return pair("record", place, format!("{a:?}"), format!("{b:?}"));
    }
    if one != other { format!("{:?}\n{:?}", one.counters, other.counters) } else { String::new() }
}

/// Plays the events in batches of every size and with two seeds.
fn compare(policies: &[Compiled], events: &[Event]) -> Result<(), String> {
    let one = play(policies, events, 1, 1);
    for (batch, seed) in [(1, u128::MAX / 3), (7, 1), (32, 2), (33, 3), (256, u128::MAX / 3)] {
        let other = play(policies, events, batch, seed);
        let difference = difference(&one, &other);
        if !difference.is_empty() {
            return Err(format!("batch {batch}, seed {seed}: {difference}"));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn strict(acts in acts(500)) {
        let outcome = compare(&policies(1_000, ""), &Network::new().play(&acts));
        prop_assert_eq!(outcome, Ok(()));
    }

    #[test]
    fn lax(acts in acts(500)) {
        let outcome = compare(&policies(1_000, LAX), &Network::new().play(&acts));
        prop_assert_eq!(outcome, Ok(()));
    }

    /// The table is full most of the time, and timeouts shrink.
    #[test]
    fn full(acts in acts(500)) {
        let outcome = compare(&policies(9, ""), &Network::new().play(&acts));
        prop_assert_eq!(outcome, Ok(()));
    }

    #[test]
    fn full_and_lax(acts in acts(500)) {
        let outcome = compare(&policies(9, LAX), &Network::new().play(&acts));
        prop_assert_eq!(outcome, Ok(()));
    }
}

/// A datagram of the client number `client` to this port.
fn datagram(client: u32, port: u16, after: Duration) -> Event {
    let address = Ipv4Addr::from_bits(0x0a00_0100 + client);
    let server = Ipv4Addr::new(192, 0, 2, 7);
    let bytes =
        packets::udp(Way { source: (address.into(), 5_000), destination: (server.into(), port) }, b"?");
    Event::Packet(Packet { wire_length: bytes.len() as u32, bytes, arrival: START + after })
}

/// More sessions end at once than a frame has time to close, while others are refused or denied.
#[test]
fn many_sessions_end_at_once() {
    let rules = "
        set deviceconfig setting session capacity 2000
        set service blocked protocol udp port 7
        set rulebase security rules blocked from any to any source any destination any application any
        set rulebase security rules blocked service blocked action drop log-end yes
        set rulebase security rules rest from any to any source any destination any application any
        set rulebase security rules rest service any action allow log-end yes";
    let policies = [policy(rules, 1)];
    let first = (0..2_000).map(|client| datagram(client, 9_999, Duration::from_millis(client.into())));
    let later = (0..40).map(|client| datagram(client, 7, Duration::from_secs(33)));
    let events: Vec<Event> = first.chain(later).collect();
    assert_eq!(compare(&policies, &events), Ok(()));
}

/// The same while timeouts shrink: what is closed sooner or later moves the use of the table across the
/// threshold.
#[test]
fn many_sessions_end_at_once_under_pressure() {
    let rules = "
        set deviceconfig setting session capacity 2000
        set rulebase security rules rest from any to any source any destination any application any
        set rulebase security rules rest service any action allow log-end yes";
    let policies = [policy(rules, 1)];
    let mut events = Vec::new();
    for round in 0..12_u64 {
        let first = round as u32 * 700;
        let after = Duration::from_secs(round * 4);
        events.extend((first..first + 700).map(|client| {
            datagram(client, 9_999, after + Duration::from_millis(u64::from(client - first) * 2))
        }));
    }
    assert_eq!(compare(&policies, &events), Ok(()));
}

/// A capture may begin at time zero and go on half a century later: sessions end when their time is up all
/// the same, before what comes later is logged.
#[test]
fn time_may_leap() {
    let rules = "
        set rulebase security rules rest from any to any source any destination any application any
        set rulebase security rules rest service any action allow log-start yes log-end yes";
    let policies = [policy(rules, 1)];
    let mut events =
        vec![Event::Packet(Packet { bytes: Vec::new(), wire_length: 0, arrival: Timestamp::ZERO })];
    events.extend((0..20).map(|client| datagram(client, 9_999, Duration::from_secs(u64::from(client) * 31))));
    assert_eq!(compare(&policies, &events), Ok(()));
    let records = play(&policies, &events, 256, 1).records;
    let times: Vec<u64> = records.iter().map(|record| record.generated.as_secs() - START.as_secs()).collect();
    assert_eq!(times.len(), 40);
    assert!(times.is_sorted(), "{times:?}");
}
