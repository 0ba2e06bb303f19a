//! Simulated worlds, each from a seed, with everything in them that can go wrong. A failure tells the seed;
//! `bifrons sim --seeds A..B` plays it alone and shortens it.

use bifrons_sim::{
    firewall,
    plan::{Mix, Plan, Talk, TalkKind, Topology},
    run::{Course, run},
    shadow::Failure,
    shrink::shrink,
};

/// Seeds of each run of the tests.
const SEEDS: u64 = 256;

/// Seeds of transfers over bad links.
const TRANSFER_SEEDS: u64 = 24;

fn play(seed: u64) -> Course {
    let plan = Plan::draw(seed, None, Mix::Everything);
    run(&plan, &firewall::build).unwrap_or_else(|why| panic!("seed {seed}: {why}\n{plan}"))
}

fn tell(seed: u64, failure: &Failure) -> ! {
    let (short, _) = shrink(&Plan::draw(seed, None, Mix::Everything), failure.what, &firewall::build);
    panic!("seed {seed} after {:?}: {}: {}\n{short}", failure.at, failure.what.text(), failure.text);
}

#[test]
fn worlds_keep_their_promises() {
    let halves = [0..SEEDS / 2, SEEDS / 2..SEEDS];
    std::thread::scope(|scope| {
        for half in halves {
            scope.spawn(move || {
                for seed in half {
                    if let Some(failure) = play(seed).failure {
                        tell(seed, &failure);
                    }
                }
            });
        }
    });
}

/// Lossy links and a commit in every second do no harm to what the rules allow. In the last seed an old
/// acknowledgement arrives late.
#[test]
fn transfers_come_through_bad_links_and_commits() {
    for seed in (0..TRANSFER_SEEDS).chain([5_002]) {
        let plan = Plan::draw(seed, None, Mix::Transfers);
        let course = run(&plan, &firewall::build).unwrap_or_else(|why| panic!("seed {seed}: {why}\n{plan}"));
        let count = |what| course.coverage.get(what).copied().unwrap_or_default();
        assert_eq!(course.failure, None, "seed {seed}\n{plan}");
        assert_eq!(count("transfer-finished"), plan.talks().count() as u64, "seed {seed}\n{plan}");
        assert!(count("commit") > 0 && count("frame-lost") > 0, "seed {seed}: {:?}", course.coverage);
    }
}

/// Packets in parts whose first part comes twice arrive at another worker than that of their session, which
/// takes each frame once.
#[test]
fn parts_that_come_twice_are_handed_over() {
    const WORLD: &str = "seed 1\n\
        topology routed\n\
        capacity 10000\n\
        workers 8\n\
        hide\n\
        zone hosts 2 mtu 1500 latency 1000000 jitter 0 loss 0 duplicate 0 reorder 0 bandwidth 0\n\
        zone hosts 3 mtu 1500 latency 1000000 jitter 0 loss 0 duplicate 300000 reorder 0 bandwidth 0\n\
        rule allow any any any\n\
        100000000 talk 0 0 0 1 1 ipv4 9000 udp 20 122000000 2441\n";
    let plan = Plan::parse(WORLD).unwrap();
    let course = run(&plan, &firewall::build).unwrap();
    assert_eq!(course.failure, None);
    assert!(course.coverage["frame-duplicated"] > 0 && course.coverage["packet-in-parts"] > 0);
}

#[test]
fn two_runs_of_a_seed_are_equal() {
    for seed in [1, 17, 40, 99] {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
    assert_ne!(play(1).digest, play(2).digest);
}

#[test]
fn the_seeds_have_something_of_everything() {
    let mut kinds = std::collections::BTreeSet::new();
    let mut topologies = std::collections::HashSet::new();
    for seed in 0..SEEDS {
        let plan = Plan::draw(seed, None, Mix::Everything);
        topologies.insert(plan.topology == Topology::Routed);
        kinds.extend(plan.to_string().lines().filter_map(word).map(str::to_owned));
        let is_long = |talk: &Talk| matches!(talk.kind, TalkKind::Udp(asked) if asked.length > 1_500);
        kinds.extend(plan.talks().filter(|(_, talk)| is_long(talk)).map(|_| "parts".to_owned()));
        kinds.extend(plan.zones.iter().filter_map(|zone| zone.tag).map(|_| "tag".to_owned()));
    }
    assert_eq!(topologies.len(), 2);
    for kind in [
        "transfer", "ftp", "udp", "ping", "crowd", "flood", "commit", "clear", "freeze", "stall", "restart",
        "drift", "leap", "cut", "hide", "unplug", "adjust", "workers", "tag", "parts",
    ] {
        assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
    }
}

/// What a line of a script speaks of.
fn word(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let first = words.next()?;
    match words.next() {
        Some("talk") => words.nth(7),
        Some(second) if first.parse::<u64>().is_ok() => Some(second),
        _ => Some(first),
    }
}
