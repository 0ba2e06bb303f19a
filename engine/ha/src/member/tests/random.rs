//! Random faults, then calm.

use super::*;

const STEPS: u64 = 40;
/// Longer than every hold time.
const CALM: u64 = 400;
/// Long enough to hear each other, and for a promotion.
const SOON: u64 = 20;

fn config(pair: &mut Pair, device: u8, is_active_active: bool) -> HighAvailability {
    let mut config = if is_active_active { active_active(device) } else { configuration(10 + device) };
    config.election.timers.flap_max = None;
    config.election.heartbeat_backup = pair.coin();
    config.link_monitoring.groups = [bifrons_config::typed::LinkGroup {
        name: String::from("data"),
        enabled: true,
        condition: bifrons_config::typed::FailureCondition::Any,
        interfaces: [0].into(),
    }]
    .into();
    if let HaMode::ActivePassive { passive_links_up, .. } = &mut config.mode {
        *passive_links_up = pair.coin();
    }
    config
}

fn pair_of(seed: u64) -> Pair {
    let mut pair = Pair::new(configuration(1), configuration(2));
    pair.random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..8 {
        pair.random();
    }
    let is_active_active = pair.coin();
    let preemptive = pair.coin();
    let timers = match pair.random() % 3 {
        0 => HaTimers::recommended(),
        1 => HaTimers::aggressive(),
        _ => HaTimers::fast(),
    };
    let timers = HaTimers { flap_max: None, ..timers };
    let mut configs = [0, 1].map(|device| config(&mut pair, device, is_active_active));
    let backup = configs[0].election.heartbeat_backup;
    for config in &mut configs {
        config.election.preemptive = preemptive;
        config.election.heartbeat_backup = backup;
        config.election.timers = timers.clone();
    }
    let [a, b] = configs;
    pair.devices[0].settings = settings(1, a);
    pair.devices[1].settings = settings(2, b);
    pair
}

/// Something happens to one device or its links.
fn disturb(pair: &mut Pair) {
    let device = (pair.random() % 2) as usize;
    let link = HaLinkId::ALL[(pair.random() % 6) as usize];
    let is_on = pair.devices[device].member.is_some();
    match pair.random() % 12 {
        0 if is_on => pair.crash(device),
        0 | 1 if !is_on => pair.boot(device),
        1 | 2 => pair.cut(&[link]),
        3 => pair.cut(&HaLinkId::ALL),
        4 => pair.silent[device].push(link),
        5 | 6 => pair.heal(),
        7 => pair.loss = pair.random() % 400,
        8 if is_on => {
            let is_up = pair.coin();
            pair.with(device, |member, now| member.handle_link(now, link, is_up));
        }
        9 if is_on => {
            let is_up = pair.coin();
            pair.with(device, |member, now| member.handle_interface(now, 0, is_up));
        }
        10 if is_on => {
            let is_well = pair.coin();
            pair.with(device, |member, now| member.handle_dataplane(now, is_well));
        }
        11 if is_on => {
            let request = match pair.random() % 4 {
                0 => StateRequest::Suspend,
                1 => StateRequest::Functional,
                2 => StateRequest::SuspendPeer,
                _ => StateRequest::FunctionalPeer,
            };
            let _ = pair.with(device, |member, now| member.handle_request(now, request));
        }
        _ => {}
    }
}

fn calm(pair: &mut Pair) {
    pair.heal();
    pair.loss = 0;
    for device in 0..2 {
        if pair.devices[device].member.is_none() {
            continue;
        }
        for link in HaLinkId::ALL {
            pair.with(device, |member, now| member.handle_link(now, link, true));
        }
        pair.with(device, |member, now| member.handle_interface(now, 0, true));
        pair.with(device, |member, now| member.handle_dataplane(now, true));
        pair.with(device, |member, now| member.handle_synchronized(now, true));
    }
}

fn play(seed: u64) -> Pair {
    let mut pair = pair_of(seed);
    pair.boot(0);
    pair.boot(1);
    for _ in 0..STEPS {
        disturb(&mut pair);
        let span = pair.random() % 8_000;
        pair.run(Duration::from_millis(if span.is_multiple_of(3) { span / 100 } else { span }));
    }
    calm(&mut pair);
    pair.seconds(SOON);
    let soon = standing(&pair);
    // One that alone serves its time in non-functional is not there to lead.
    if soon.followers + soon.leaders > 0 {
        assert_eq!(soon.leaders, 1, "seed {seed}: {:?}", pair.states());
    }
    pair.seconds(CALM);
    pair
}

/// What the devices are that are on and not suspended.
struct Standing {
    leaders: usize,
    followers: usize,
    all: usize,
}

fn standing(pair: &Pair) -> Standing {
    let states = pair.states().into_iter().flatten().filter(|state| *state != HaState::Suspended);
    let alive: Vec<HaState> = states.collect();
    let mode = Mode::of(&pair.devices[0].settings.config.mode);
    let count = |state| alive.iter().filter(|it| **it == state).count();
    Standing { leaders: count(mode.leader()), followers: count(mode.follower()), all: alive.len() }
}

#[test]
fn after_any_faults_exactly_one_device_leads_once_it_is_calm() {
    for seed in 0..100 {
        let pair = play(seed);
        let Standing { leaders, followers, all } = standing(&pair);
        let expected = (usize::from(all > 0), all.saturating_sub(1));
        assert_eq!((leaders, followers), expected, "seed {seed}: {:?}", pair.states());
    }
}

#[test]
fn two_runs_are_equal() {
    for seed in [3, 17, 101] {
        let (one, two) = (play(seed), play(seed));
        for device in 0..2 {
            assert_eq!(one.devices[device].story, two.devices[device].story, "seed {seed}");
            let statuses = [&one, &two].map(|it| it.devices[device].member.as_ref().map(Member::status));
            let [first, second] = statuses;
            assert_eq!(first, second, "seed {seed}");
        }
    }
}

#[test]
fn stalls_and_lost_messages_are_no_failures_even_for_the_fast_profile() {
    let mut pair = Pair::with_timers(&HaTimers::fast());
    pair.loss = 10;
    let changes = pair.devices.each_ref().map(|device| device.story.len());
    for _ in 0..4_000 {
        let device = usize::from(pair.coin());
        let stall = Duration::from_micros(pair.random() % 25_001);
        pair.stalled[device] = pair.now + stall;
        let span = 26 + pair.random() % 100;
        pair.run(Duration::from_millis(span));
    }
    assert_eq!(pair.devices.each_ref().map(|device| device.story.len()), changes);
    pair.crash(0);
    pair.seconds(1);
    assert_eq!(pair.state(1), Some(HaState::Active));
}
