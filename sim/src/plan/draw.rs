//! A plan from a seed. Each seed draws first which kinds of mishap it has at all: runs with few kinds reach
//! states that runs with all of them never do.

use std::time::Duration;

use super::{
    Action, CROWD_PORT, Fault, Line, Plan, Rule, Service, TRANSFER_PORTS, Talk, TalkKind, Topology, UDP_PORT,
    Verdict, ZonePlan,
};
use crate::{
    host::{crowd::Throng, file_transfer, flood::Torrent, transfer::Load, udp::Questions},
    link::Quality,
    random::Random,
};

/// The span in which talks begin and things go wrong.
const SPAN: Duration = Duration::from_secs(30);

/// Chances, of a million, that a seed has a kind of mishap.
pub(super) const OFTEN: u32 = 400_000;
pub(super) const AT_TIMES: u32 = 250_000;
pub(super) const SELDOM: u32 = 120_000;

impl Plan {
    /// The plan of a seed with everything in it.
    pub(super) fn draw_everything(seed: u64, topology: Option<Topology>) -> Self {
        let mut random = Random::new(seed, "plan", 0);
        let wire = random.chance(AT_TIMES);
        let drawn = if wire { Topology::VirtualWire } else { Topology::Routed };
        let topology = topology.unwrap_or(drawn);
        let zones = match topology {
            Topology::Routed => random.between(2, 3) as usize,
            Topology::VirtualWire => 2,
        };
        let mut plan = Self {
            seed,
            topology,
            workers: draw_workers(&mut random),
            adjusts: topology == Topology::Routed && random.chance(AT_TIMES),
            hides: topology == Topology::Routed && random.chance(AT_TIMES),
            zones: draw_zones(&mut random, zones),
            ..Self::default()
        };
        if topology == Topology::Routed && random.chance(AT_TIMES) {
            draw_tags(&mut random, &mut plan.zones);
        }
        plan.rules = plan.draw_rules(&mut random);
        plan.draw_talks(&mut random);
        plan.draw_faults(&mut random);
        plan.draw_orders(&mut random);
        plan.lines.sort_by_key(|line| line.at);
        plan
    }

    pub(super) fn push(&mut self, at: Duration, action: Action) {
        self.lines.push(Line { at, action });
    }

    /// Half of the plans allow everything, so that most transfers have to come through.
    pub(super) fn draw_rules(&self, random: &mut Random) -> Vec<Rule> {
        let all = Rule { from: None, to: None, service: Service::Any, verdict: Verdict::Allow };
        if random.coin() {
            return vec![all];
        }
        let zones = self.zones.len() as u64;
        let count = random.between(1, 5);
        let mut rules: Vec<Rule> = (0..count)
            .map(|_| {
                let zone = |random: &mut Random| random.coin().then(|| random.below(zones) as usize);
                let last = TRANSFER_PORTS[random.below(3) as usize];
                let service = match random.below(6) {
                    0 | 1 => Service::Any,
                    2 => Service::Udp(UDP_PORT, UDP_PORT),
                    3 => Service::Tcp(file_transfer::CONTROL, file_transfer::CONTROL),
                    4 => Service::Tcp(CROWD_PORT, CROWD_PORT),
                    _ => Service::Tcp(TRANSFER_PORTS[0], last),
                };
                let verdict = match random.below(4) {
                    0 => Verdict::Drop,
                    1 => Verdict::ResetBoth,
                    _ => Verdict::Allow,
                };
                Rule { from: zone(random), to: zone(random), service, verdict }
            })
            .collect();
        if random.coin() {
            rules.push(all);
        }
        rules
    }

    pub(super) fn draw_talks(&mut self, random: &mut Random) {
        // A kind of talk that a seed does not have weighs nothing.
        let weights: Vec<usize> =
            (0..TALK_KINDS).filter(|kind| *kind == 0 || random.chance(600_000)).collect();
        let count = random.between(2, 10) as usize;
        for number in 0..count {
            let kind = random.pick(&weights).copied().unwrap_or_default();
            let at = random.up_to(SPAN);
            let talk = self.draw_talk(random, number, kind);
            self.push(at, Action::Talk(talk));
        }
        if random.chance(SELDOM) && self.topology == Topology::Routed {
            self.draw_flood(random, count);
        }
    }

    fn draw_talk(&self, random: &mut Random, number: usize, kind: usize) -> Talk {
        let zones = self.zones.len();
        let from = random.below(zones as u64) as usize;
        let to = (from + random.between(1, zones as u64 - 1) as usize) % zones;
        let questions = Questions {
            count: random.between(1, 20) as u32,
            interval: Duration::from_millis(random.between(10, 1_000)),
            length: random.below(1_200) as usize,
        };
        let (kind, port) = match kind {
            0 => (draw_transfer(random), TRANSFER_PORTS[random.below(3) as usize]),
            1 => (TalkKind::Udp(questions), UDP_PORT),
            2 => (TalkKind::Ping(questions), 0),
            3 => (TalkKind::Ftp(random.coin(), random.between(1, 60_000)), file_transfer::CONTROL),
            _ => (draw_crowd(random), CROWD_PORT),
        };
        let mut talk = Talk {
            number,
            client: (from, random.below(self.zones[from].hosts as u64) as usize),
            server: (to, random.below(self.zones[to].hosts as u64) as usize),
            is_v6: random.chance(300_000) && !kind.has_own_hosts(),
            port,
            kind,
        };
        if let TalkKind::Udp(asked) = &mut talk.kind
            && !talk.is_v6
            && self.may_part()
            && random.chance(OFTEN)
        {
            asked.length = random.between(1_500, 3_400) as usize;
        }
        if kind.has_own_hosts() {
            talk.client.1 = Self::own_host(&talk, false);
            talk.server.1 = Self::own_host(&talk, true);
        }
        talk
    }

    /// Whether packets in parts come through: a wire does not cut what the next link is too narrow for.
    fn may_part(&self) -> bool {
        let is_equal = |pair: &[ZonePlan]| pair[0].mtu == pair[1].mtu;
        self.topology == Topology::Routed || self.zones.windows(2).all(is_equal)
    }

    /// A flood and a table that it fills.
    fn draw_flood(&mut self, random: &mut Random, number: usize) {
        self.capacity = random.between(64, 2_000) as u32;
        let torrent = Torrent {
            count: random.between(500, 20_000) as u32,
            interval: Duration::from_micros(random.between(1, 500)),
        };
        let mut talk = Talk {
            number,
            client: (1, 0),
            server: (0, 0),
            is_v6: false,
            port: TRANSFER_PORTS[0],
            kind: TalkKind::Flood(torrent),
        };
        talk.client.1 = Self::own_host(&talk, false);
        let at = random.up_to(SPAN);
        self.push(at, Action::Talk(talk));
    }

    fn draw_faults(&mut self, random: &mut Random) {
        self.draw_some(random, OFTEN, 40, |random, _| Fault::Stall(random.up_to(Duration::from_millis(40))));
        self.draw_some(random, AT_TIMES, 3, |random, _| Fault::Freeze(random.up_to(Duration::from_secs(4))));
        self.draw_some(random, SELDOM, 1, |random, _| Fault::Restart(random.up_to(Duration::from_secs(20))));
        self.draw_some(random, AT_TIMES, 4, |random, _| {
            let ppm = random.between(0, 1_000) as i32 - 500;
            Fault::Drift(ppm)
        });
        self.draw_some(random, SELDOM, 1, |random, _| Fault::Leap(random.up_to(Duration::from_secs(7_200))));
        self.draw_some(random, SELDOM, 3, |random, zones| {
            Fault::Unplug(random.below(zones as u64) as usize, random.up_to(Duration::from_secs(5)))
        });
        self.draw_some(random, AT_TIMES, 4, |random, zones| {
            let (inward, outward) = [(true, false), (false, true), (true, true)][random.below(3) as usize];
            let zone = random.below(zones as u64) as usize;
            Fault::Cut { zone, inward, outward, span: random.up_to(Duration::from_secs(3)) }
        });
    }

    /// In so many of a million seeds up to `most` faults of a kind.
    fn draw_some(
        &mut self,
        random: &mut Random,
        of_million: u32,
        most: u64,
        fault: fn(&mut Random, usize) -> Fault,
    ) {
        if !random.chance(of_million) {
            return;
        }
        for _ in 0..random.between(1, most) {
            let at = random.up_to(SPAN);
            let fault = fault(random, self.zones.len());
            self.push(at, Action::Fault(fault));
        }
    }

    fn draw_orders(&mut self, random: &mut Random) {
        if random.chance(OFTEN) {
            // A commit every second: half of these plans only repeat the rules that they have.
            let changes = random.coin();
            for second in 1..SPAN.as_secs() {
                let rules = if changes && random.chance(200_000) {
                    self.draw_rules(random)
                } else {
                    self.rules.clone()
                };
                self.push(Duration::from_secs(second), Action::Commit(rules));
            }
        }
        if random.chance(SELDOM) {
            let at = random.up_to(SPAN);
            self.push(at, Action::Clear);
        }
    }
}

/// The kinds of talk that are drawn by weight: all but floods.
const TALK_KINDS: usize = 5;

/// The numbers of workers that results must be equal with.
pub(super) fn draw_workers(random: &mut Random) -> usize {
    random.pick(&[1, 1, 2, 8]).copied().unwrap_or(1)
}

pub(super) fn draw_transfer(random: &mut Random) -> TalkKind {
    let is_slow = random.chance(300_000);
    let most = if is_slow { 20_000 } else { 150_000 };
    let pause = if is_slow { random.between(20, 2_000) } else { 0 };
    TalkKind::Transfer(Load {
        up: random.below(most),
        down: random.between(1, most),
        pause: Duration::from_millis(pause),
    })
}

/// Some zones are VLANs of one port.
fn draw_tags(random: &mut Random, zones: &mut [ZonePlan]) {
    for (hundred, zone) in (1..).zip(zones) {
        if random.chance(700_000) {
            zone.tag = Some(hundred * 100 + random.below(100) as u16);
        }
    }
}

fn draw_crowd(random: &mut Random) -> TalkKind {
    TalkKind::Crowd(Throng {
        count: random.between(1, 100) as u32,
        interval: Duration::from_micros(random.between(500, 300_000)),
        requests: (0, random.between(1, 6) as u32),
    })
}

pub(super) fn draw_zones(random: &mut Random, count: usize) -> Vec<ZonePlan> {
    let has = |random: &mut Random| random.chance(OFTEN);
    let (loses, doubles, reorders, jitters, narrow, slow) =
        (has(random), has(random), has(random), has(random), random.chance(SELDOM), random.chance(SELDOM));
    (0..count)
        .map(|_| {
            let mtu = if narrow { random.between(1_280, 1_500) as usize } else { 1_500 };
            let jitter = if jitters { random.up_to(Duration::from_millis(10)) } else { Duration::ZERO };
            ZonePlan {
                hosts: random.between(1, 3) as usize,
                mtu,
                quality: Quality {
                    latency: Duration::from_micros(random.between(20, 20_000)),
                    jitter,
                    loss: if loses { random.below(50_001) as u32 } else { 0 },
                    duplicate: if doubles { random.below(50_001) as u32 } else { 0 },
                    reorder: if reorders { random.below(50_001) as u32 } else { 0 },
                    mtu,
                    bandwidth: if slow { random.between(500_000, 20_000_000) } else { 0 },
                },
                tag: None,
            }
        })
        .collect()
}
