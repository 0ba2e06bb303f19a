//! Simulated worlds with two devices, each from a seed. A failure tells the seed; `bifrons sim --mix pair
//! --seeds A..B` plays it alone and shortens it.

use std::collections::BTreeSet;

use bifrons_sim::{
    device::Blueprint,
    firewall,
    plan::{Mix, Plan},
    run::{Course, run},
    shadow::{Failure, What},
    shrink::shrink,
};

/// Seeds of each run of the tests.
const SEEDS: u64 = 40;

fn play(seed: u64) -> Course {
    let plan = Plan::draw(seed, None, Mix::Pair);
    run(&plan, &firewall::build).unwrap_or_else(|why| panic!("seed {seed}: {why}\n{plan}"))
}

fn tell(seed: u64, failure: &Failure) -> ! {
    let (short, _) = shrink(&Plan::draw(seed, None, Mix::Pair), failure.what, &firewall::build);
    panic!("seed {seed} after {:?}: {}: {}\n{short}", failure.at, failure.what.text(), failure.text);
}

#[test]
fn two_devices_keep_the_promises_of_one() {
    let halves = [0..SEEDS / 2, SEEDS / 2..SEEDS];
    let mut seen = BTreeSet::new();
    std::thread::scope(|scope| {
        let workers = halves.map(|half| {
            scope.spawn(move || {
                let mut seen = BTreeSet::new();
                for seed in half {
                    let course = play(seed);
                    if let Some(failure) = &course.failure {
                        tell(seed, failure);
                    }
                    seen.extend(course.coverage.into_keys());
                }
                seen
            })
        });
        for worker in workers {
            seen.extend(worker.join().expect("all seeds of a half are clean"));
        }
    });
    for kind in
        ["crash", "take-over", "suspend", "transfer-finished", "message-lost", "commit", "passive-ports-down"]
    {
        assert!(seen.contains(kind), "{kind} is not in {seen:?}");
    }
}

/// Each device makes a session of its own for the same packets while they do not hear each other. Whoever
/// goes on leading had told of its own, and the other one had refused it.
#[test]
fn what_was_refused_while_both_led_is_told_again() {
    let script = "
        seed 60
        workers 2
        hide
        adjust
        pair fast mode active-passive monitors false links ha1,ha2 latency 50000 jitter 0 loss 50000 \
        duplicate 0 reorder 0 mtu 9000 bandwidth 0
        zone hosts 3 mtu 1500 latency 3149000 jitter 0 loss 0 duplicate 45401 reorder 42869 bandwidth 2977096
        zone hosts 1 mtu 1500 latency 4583000 jitter 0 loss 0 duplicate 40724 reorder 16856 bandwidth 1880909
        rule allow any any any
        11277397020 between ha1 cut-both 3903522646
        14020925759 talk 1 1 0 0 0 ipv4 9000 udp 11 985000000 1859
        18603434641 between ha1 pull 6236234105
        23397623376 between ha2 cut-from-0 4535138794
        30350537157 talk 4 0 108 1 109 ipv4 8080 crowd 65 220469000 0 6";
    let plan = Plan::parse(script).expect("a script");
    let course = run(&plan, &firewall::build).expect("a configuration");
    assert_eq!(course.failure, None);
    assert!(course.coverage.get("split-brain").is_some_and(|times| *times > 0), "{:?}", course.coverage);
}

/// The firewall drops a client's attempts for as long as the session of the first one stands. The client
/// waits for a minute until its next one, which comes after all sessions were cleared: it begins another one.
#[test]
fn a_host_that_tries_again_after_the_end_is_let_to_finish() {
    let script = "
        seed 425
        workers 2
        pair aggressive mode active-passive monitors false links ha1,ha2,ha1-backup,heartbeat-backup \
        latency 50000 jitter 0 loss 0 duplicate 0 reorder 0 mtu 9000 bandwidth 0
        zone hosts 1 mtu 1500 latency 16333000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        zone hosts 3 mtu 1500 latency 19380000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        zone hosts 3 mtu 1500 latency 17815000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        rule allow any any any
        26375960422 device 0 commit drop any 0 tcp 21 21
        27103555560 talk 3 1 2 2 0 ipv4 21 ftp true 32749
        28950319024 device 0 commit allow any any any
        34607967641 talk 6 1 0 2 2 ipv4 21 ftp false 56105";
    let plan = Plan::parse(script).expect("a script");
    let course = run(&plan, &firewall::build).expect("a configuration");
    assert_eq!(course.failure, None);
    assert_eq!(course.coverage.get("ftp-finished"), Some(&2));
    assert_eq!(course.coverage.get("clear"), Some(&2), "the attempt was under way the first time");
}

/// While both lead, device 1 announces the addresses, and dies: its announcement reaches device 0 when that
/// leads alone. It asks for nothing.
#[test]
fn the_last_announcement_of_a_dead_device_is_no_question() {
    let script = "
        seed 1245
        workers 2
        pair fast mode active-passive monitors false links ha1,ha2,ha1-backup latency 50000 jitter 0 loss 0 \
        duplicate 0 reorder 0 mtu 9000 bandwidth 0
        zone hosts 3 mtu 1500 latency 17373000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        zone hosts 2 mtu 1500 latency 13197000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        zone hosts 2 mtu 1500 latency 6973000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        25396317594 partition 5790609882
        26460209163 device 1 restart 2796565989";
    let plan = Plan::parse(script).expect("a script");
    let course = run(&plan, &firewall::build).expect("a configuration");
    assert_eq!(course.failure, None);
    assert!(course.coverage.get("split-brain").is_some_and(|times| *times > 0), "{:?}", course.coverage);
}

/// The device that steps back keeps the session of a ping that it has refused while both led: ICMP is not
/// told of, so it ages where it is, or an operator of that device ends it.
#[test]
fn the_session_of_a_ping_stays_where_it_began() {
    let script = "
        seed 6114
        workers 2
        pair fast mode active-passive monitors false links ha1,ha2,ha1-backup,ha2-backup latency 50000 \
        jitter 0 loss 0 duplicate 0 reorder 0 mtu 9000 bandwidth 0
        zone hosts 1 mtu 1500 latency 15005000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        zone hosts 3 mtu 1500 latency 19659000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        20076060453 talk 0 0 0 1 1 ipv4 0 ping 15 975000000 387
        28098763806 device 0 commit drop any any any
        29194982314 partition 2977813894";
    let plan = Plan::parse(script).expect("a script");
    let course = run(&plan, &firewall::build).expect("a configuration");
    assert_eq!(course.failure, None);
    assert_eq!(course.records, 2, "both devices have refused it");
}

/// The first packet of a ping comes to the device that then steps back, the others to the one that goes on
/// leading: each logs what it has seen.
#[test]
fn a_ping_across_a_partition_is_logged_by_each_device_for_its_part() {
    let script = "
        seed 7010
        adjust
        pair fast mode active-passive monitors false links ha1,ha2,ha1-backup,heartbeat-backup latency 50000 \
        jitter 0 loss 0 duplicate 0 reorder 0 mtu 9000 bandwidth 0
        zone hosts 3 mtu 1500 latency 12582000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        zone hosts 2 mtu 1500 latency 12919000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0
        rule allow any any any
        10466691107 partition 2035061269
        12059950346 talk 1 1 1 0 1 ipv6 0 ping 18 626000000 644";
    let plan = Plan::parse(script).expect("a script");
    let course = run(&plan, &firewall::build).expect("a configuration");
    assert_eq!(course.failure, None);
    assert_eq!(course.records, 2);
}

/// With `passive-link-state shutdown` ports are down at the passive device, and come up when it takes over:
/// devices with the opposite setting are found out.
#[test]
fn ports_of_the_passive_device_are_as_the_plan_says() {
    let calm = |end: &str| {
        let pair =
            "pair fast mode active-passive monitors false links ha1,ha2 latency 100000 jitter 0 loss 0";
        let zone = "zone hosts 2 mtu 1500 latency 1000000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0";
        let script = format!(
            "seed 1\nworkers 1\n{pair} duplicate 0 reorder 0 mtu 9000 bandwidth 0{end}\n{zone}\n{zone}\n\
             rule allow any any any\n30000000000 device 0 restart 60000000000\n"
        );
        Plan::parse(&script).unwrap_or_else(|why| panic!("{why}\n{script}"))
    };
    let (down, up) = (calm(" passive-ports down"), calm(""));
    for plan in [&down, &up] {
        let course = run(plan, &firewall::build).expect("a configuration");
        assert_eq!(course.failure, None);
        assert!(course.coverage.contains_key("take-over"), "{:?}", course.coverage);
    }
    for (plan, [as_planned, otherwise]) in [(&down, ["shutdown", "auto"]), (&up, ["auto", "shutdown"])] {
        let build = |blueprint: &Blueprint<'_>, now| {
            let line = |state| format!("passive-link-state {state}");
            let configuration = blueprint.configuration.replace(&line(as_planned), &line(otherwise));
            firewall::build(&Blueprint { configuration: &configuration, ..*blueprint }, now)
        };
        let failure = run(plan, &build).expect("a configuration").failure.expect("it is seen");
        assert_eq!(failure.what, What::OneLeads, "{}", failure.text);
        assert!(failure.text.contains("its ports are"), "{}", failure.text);
    }
}

#[test]
fn two_runs_of_a_seed_are_equal() {
    for seed in [3, 8] {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
    assert_ne!(play(3).digest, play(8).digest);
}

#[test]
fn the_seeds_have_something_of_everything() {
    let mut kinds = BTreeSet::new();
    for seed in 0..256 {
        let plan = Plan::draw(seed, None, Mix::Pair).to_string();
        let words = plan.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        kinds.extend(words.filter_map(|words| match words.as_slice() {
            [_, "device", _, deed, ..] => Some((*deed).to_owned()),
            [_, "between", _, breach, ..] => Some((*breach).to_owned()),
            [_, "talk", _, _, _, _, _, _, _, kind, ..] => Some((*kind).to_owned()),
            [_, other, ..] => Some((*other).to_owned()),
            _ => None,
        }));
    }
    for kind in [
        "restart",
        "freeze",
        "stall",
        "drift",
        "cut",
        "unplug",
        "suspend",
        "functional",
        "commit",
        "clear",
        "cut-both",
        "cut-from-0",
        "cut-from-1",
        "pull",
        "partition",
        "transfer",
        "ftp",
        "udp",
        "ping",
        "crowd",
    ] {
        assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
    }
}
