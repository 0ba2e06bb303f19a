//! The device that owns sessions dies, and the log is compared with that of the same world in which it lives:
//! the same applications, the same rules, each session once.
//!
//! ```text
//!                       ┌─ the owner dies ─ survivor ─► log ┐
//!  seed ─► connections ─┤                                   ├─ equal?
//!                       └─ it lives ──────────────────► log ┘
//! ```
//!
//! The connections are transfers, FTP with its data connections, UDP, and dialogues in a few applications,
//! whose words come in pieces, so that the death falls into the identification of some. Rules name
//! applications: one of them is reset as soon as it is known. One scenario in six has an active/passive pair,
//! the others the five combinations of owner and setup.
//!
//! What was on its way between the devices when one died is excepted and counted: a session whose end was
//! logged just before may be logged again by the survivor, one that had just begun may begin anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bifrons_model::Timestamp;

use super::{Figure, Findings, Laboratory, transfers};
use crate::{
    host::{
        dialogue::{DialogueClient, DialogueServer, Language},
        stack::{Stack, Task},
        transfer::Load,
        udp::Questions,
    },
    pair::{
        Couple, Guest, Profile, Setup,
        history::{History, Judgement},
        mode::{ActiveActive, COMBINATIONS, Choice, Gateway, Mode},
    },
    plan::{Action, Line, Plan, TRANSFER_PORTS, Talk, TalkKind, UDP_PORT},
    random::Random,
    run::{BEGIN, Build},
};

/// The span in which the connections open.
const OPENING: Duration = Duration::from_millis(600);
/// The span in which the owner dies, from the first connection on: until most of them are over.
const DEATH: Duration = Duration::from_millis(1_600);
/// What one device told the other within this before it died may have been on its way.
const ON_THE_WAY: Duration = Duration::from_millis(20);
/// How long hosts may take to repeat what was lost, and sessions to be over.
const PATIENCE: Duration = Duration::from_secs(500);
/// Hosts that hold dialogues in each zone, and their places.
const SPEAKERS: usize = 2;
const FIRST_SPEAKER: usize = 50;
/// Dialogues of each client and language.
const DIALOGUES: usize = 2;
/// Turns of a dialogue, which take 18 ms each or somewhat more.
const TURNS: (u64, u64) = (2, 40);
/// Rules about applications, before the one that allows all.
const RULES: &str = "\
    set rulebase security rules web from trust to untrust source any destination any service any\n\
    set rulebase security rules web application web-browsing action allow log-end yes\n\
    set rulebase security rules shell from trust to untrust source any destination any service any\n\
    set rulebase security rules shell application ssh action reset-both log-end yes\n\
    set rulebase security rules mail from trust to untrust source any destination any service any\n\
    set rulebase security rules mail application smtp action allow log-end yes\n\
    set rulebase security rules tls from trust to untrust source any destination any service any\n\
    set rulebase security rules tls application ssl action allow log-end yes\n";

/// How large the experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerDeath {
    /// How often an owner dies.
    pub scenarios: u32,
    /// What the first scenario is drawn from; the others from the numbers behind.
    pub first_seed: u64,
}

impl Default for OwnerDeath {
    fn default() -> Self {
        Self { scenarios: 240, first_seed: 1 }
    }
}

/// What came of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Scenario {
    sessions: usize,
    applications: BTreeSet<&'static str>,
    /// Sessions that had begun and were not over.
    orphans: usize,
    different: Vec<String>,
    logged_twice: Vec<String>,
    logged_never: Vec<String>,
    /// Sessions excepted because their end was on its way.
    ends_on_the_way: usize,
    /// Sessions excepted because their beginning was on its way.
    beginnings_on_the_way: usize,
    broken: Vec<String>,
}

impl OwnerDeath {
    /// Makes the experiment.
    ///
    /// # Errors
    /// When a device refuses its configuration, or a pair does not come to stand.
    pub fn conduct(&self, laboratory: &Laboratory<'_>) -> Result<Findings, String> {
        let scenarios = laboratory.trials(self.scenarios, |number| {
            scenario(self.first_seed + u64::from(number), number, laboratory.build)
        });
        Ok(findings(&scenarios?))
    }
}

fn scenario(seed: u64, number: u32, build: Build<'_>) -> Result<Scenario, String> {
    let mut random = Random::new(seed, "death", 0);
    let begin = Profile::Fast.stands_after() + random.up_to(Duration::from_secs(1));
    let setup = setup(seed, number, begin, &mut random);
    let death = begin + random.up_to(DEATH);
    // In active/passive and where the primary device owns all it is device 0.
    let victim = match &setup.mode {
        Mode::ActiveActive(mode) if mode.owner != COMBINATIONS[0].1 => usize::from(random.coin()),
        Mode::ActiveActive(_) | Mode::ActivePassive => 0,
    };
    let calm = play(&setup, begin, None, build).map_err(|why| format!("seed {seed}: {why}"))?;
    let killed =
        play(&setup, begin, Some((victim, death)), build).map_err(|why| format!("seed {seed}: {why}"))?;
    let label = format!("seed {seed}, device {victim} died after {death:?}");
    Ok(compare(&label, &calm, &killed, (victim, BEGIN + death)))
}

fn setup(seed: u64, number: u32, begin: Duration, random: &mut Random) -> Setup {
    let plan = plan(seed, begin);
    let place = number as usize % (COMBINATIONS.len() + 1);
    let setup = match COMBINATIONS.get(place) {
        None => Setup::new(plan, Profile::Fast),
        Some((_, owner)) => {
            // By one device in, by the other out; or as it comes.
            let usual = ActiveActive { owner: *owner, ..ActiveActive::default() };
            let gateways = [
                usual.gateways,
                [Gateway::Floating(Choice::Drawn); 3],
                [Gateway::SharedByModulo, Gateway::Floating(Choice::Drawn), Gateway::SharedByModulo],
            ];
            let gateways = random.pick(&gateways).copied().unwrap_or(usual.gateways);
            let mode = Mode::ActiveActive(ActiveActive { gateways, ..usual });
            Setup { mode, ..Setup::active_active(plan, Profile::Fast) }
        }
    };
    Setup { lines: RULES.to_owned(), ..setup }
}

/// Transfers, FTP and UDP between hosts of the plan.
fn plan(seed: u64, begin: Duration) -> Plan {
    let mut plan = transfers::plan(seed, 0, begin, OPENING);
    let mut random = Random::new(seed, "connections", 0);
    let hosts = plan.zones[0].hosts;
    // One FTP client on each host: its data connections are known by the hosts between which they are.
    for number in 0..3 * hosts {
        let place = number % hosts;
        let server = random.below(hosts as u64) as usize;
        let (port, kind) = match number / hosts {
            0 => (21, TalkKind::Ftp(random.coin(), random.between(10_000, 100_000))),
            1 => {
                // Nobody repeats what is lost in the take-over: enough is left to tell that it is unknown.
                let count = random.between(6, 12) as u32;
                let interval = Duration::from_millis(random.between(50, 250));
                (UDP_PORT, TalkKind::Udp(Questions { count, interval, length: 200 }))
            }
            _ => {
                let load = Load { up: 60_000, down: 60_000, pause: Duration::from_millis(7) };
                (TRANSFER_PORTS[place % TRANSFER_PORTS.len()], TalkKind::Transfer(load))
            }
        };
        let talk = Talk { number, client: (0, place), server: (1, server), is_v6: false, port, kind };
        plan.lines.push(Line { at: begin + random.up_to(OPENING), action: Action::Talk(talk) });
    }
    plan
}

/// A world from its beginning to its end, with or without a death.
fn play(
    setup: &Setup,
    begin: Duration,
    death: Option<(usize, Duration)>,
    build: Build<'_>,
) -> Result<History, String> {
    let (guests, clients) = speakers(setup, begin);
    let talks = setup.plan.lines.len() + clients.len();
    let mut pair = Couple::standing_with(setup, guests, build)?;
    for (talk, place) in clients {
        pair.history.expect(talk, setup.plan.addresses(0, place).v4.into());
    }
    if let Some((victim, at)) = death {
        pair.run_until(at);
        pair.crash(victim, None);
    }
    pair.run_while(begin + PATIENCE, |pair| {
        let sessions = [0, 1].map(|device| pair.world.devices[device].figures().sessions);
        pair.history.over < talks || sessions != [0, 0]
    });
    if let Some(device) = pair.history.unaccounted {
        return Err(format!("device {device} does not account for every frame"));
    }
    Ok(pair.history)
}

/// Hosts that hold dialogues; and the talks with the places of their clients.
fn speakers(setup: &Setup, begin: Duration) -> (Vec<Guest>, Vec<(usize, usize)>) {
    let plan = &setup.plan;
    let mut random = Random::new(plan.seed, "dialogues", 0);
    let mut talk = plan.lines.len();
    let (mut guests, mut clients): (Vec<Guest>, _) = (Vec::new(), Vec::new());
    for place in FIRST_SPEAKER..FIRST_SPEAKER + SPEAKERS {
        let mut tasks: Vec<Box<dyn Task>> = Vec::new();
        for language in Language::ALL.iter().cycle().take(DIALOGUES * Language::ALL.len()) {
            let server = FIRST_SPEAKER + random.below(SPEAKERS as u64) as usize;
            let server = plan.addresses(1, server).v4.into();
            let at = BEGIN + begin + random.up_to(OPENING);
            let turns = random.between(TURNS.0, TURNS.1) as u32;
            tasks.push(Box::new(DialogueClient::new(talk, at, server, *language, turns)));
            clients.push((talk, place));
            talk += 1;
        }
        guests.push((0, stack(setup, 0, place, tasks)));
        let servers =
            Language::ALL.map(|language| -> Box<dyn Task> { Box::new(DialogueServer::new(language)) });
        guests.push((1, stack(setup, 1, place, servers.into())));
    }
    (guests, clients)
}

fn stack(setup: &Setup, zone: usize, place: usize, tasks: Vec<Box<dyn Task>>) -> Box<Stack> {
    let plan = &setup.plan;
    let seed = plan.seed.wrapping_mul(37).wrapping_add(zone as u64 * 1_000 + place as u64);
    let addresses = setup.mode.addresses(plan, zone, place);
    Box::new(Stack::new(BEGIN, addresses, plan.zones[zone].mtu, seed, tasks))
}

/// What the log says of a session, whoever wrote it.
type Verdict<'a> = (bool, &'static str, &'a str, &'static str);

/// The judgements by the talk to which they belong: that of its client, or of the session that announced it.
fn by_talk(history: &History) -> BTreeMap<usize, Vec<&Judgement>> {
    let known = history.judgements.iter().filter_map(|judgement| Some((judgement.session, judgement.talk?)));
    let talks: BTreeMap<u32, usize> = known.collect();
    let mut all: BTreeMap<usize, Vec<&Judgement>> = BTreeMap::new();
    for judgement in &history.judgements {
        if let Some(talk) = judgement.talk.or_else(|| talks.get(&judgement.parent).copied()) {
            all.entry(talk).or_default().push(judgement);
        }
    }
    all
}

fn verdict(judgement: &Judgement) -> Verdict<'_> {
    (judgement.parent != 0, judgement.application, &judgement.rule, judgement.action)
}

fn compare(label: &str, calm: &History, killed: &History, (victim, death): (usize, Timestamp)) -> Scenario {
    let mut scenario = Scenario::default();
    let (expected, found) = (by_talk(calm), by_talk(killed));
    let was_on_the_way = |at: Timestamp| at <= death && at + ON_THE_WAY >= death;
    for (talk, expected) in &expected {
        scenario.sessions += expected.len();
        scenario.applications.extend(expected.iter().map(|judgement| judgement.application));
        scenario.orphans +=
            expected.iter().filter(|session| session.start < death && session.at > death).count();
        let found = found.get(talk).map(Vec::as_slice).unwrap_or_default();
        let mut sessions: BTreeMap<(u32, Timestamp), Vec<&Judgement>> = BTreeMap::new();
        for judgement in found {
            sessions.entry((judgement.session, judgement.start)).or_default().push(judgement);
        }
        for records in sessions.values().filter(|records| records.len() > 1) {
            if records.iter().any(|record| record.device == victim && was_on_the_way(record.at)) {
                scenario.ends_on_the_way += 1;
            } else {
                scenario.logged_twice.push(format!("{label}: talk {talk}: {records:?}"));
            }
        }
        let wanted: BTreeSet<Verdict<'_>> = expected.iter().map(|judgement| verdict(judgement)).collect();
        let given: BTreeSet<Verdict<'_>> = found.iter().map(|judgement| verdict(judgement)).collect();
        let began_late = expected.iter().any(|judgement| was_on_the_way(judgement.start));
        let is_main = |judgement: &&&Judgement| judgement.parent == 0;
        if wanted != given && began_late {
            scenario.beginnings_on_the_way += 1;
        } else if !found.iter().any(|judgement| is_main(&judgement)) {
            scenario.logged_never.push(format!("{label}: talk {talk}: {expected:?}"));
        } else if wanted != given {
            scenario.different.push(format!("{label}: talk {talk}: {expected:?} became {found:?}"));
        }
    }
    for (talk, fate) in &calm.fates {
        let has_come = |history: &History| {
            history.fates.get(talk).is_some_and(|fate| fate.finished.is_some() && !fate.is_broken)
        };
        if has_come(calm) && !has_come(killed) {
            scenario.broken.push(format!("{label}: talk {talk}: {fate:?}"));
        }
    }
    scenario
}

/// The accidents of a kind in a scenario.
type Accidents = fn(&Scenario) -> &Vec<String>;

/// Accidents of a kind that are told; the others are only counted.
const TOLD: usize = 3;

fn findings(scenarios: &[Scenario]) -> Findings {
    let total = |count: fn(&Scenario) -> usize| scenarios.iter().map(count).sum::<usize>();
    let applications: BTreeSet<&str> =
        scenarios.iter().flat_map(|scenario| scenario.applications.iter().copied()).collect();
    let mut unmet = Vec::new();
    let mut figures = vec![
        ("scenarios", scenarios.len()),
        ("sessions", total(|scenario| scenario.sessions)),
        ("applications", applications.len()),
        ("sessions_of_the_dead", total(|scenario| scenario.orphans)),
    ];
    let accidents: [(&str, &str, Accidents); 4] = [
        ("verdicts_different", "judged otherwise", |scenario| &scenario.different),
        ("logged_twice", "logged more than once", |scenario| &scenario.logged_twice),
        ("logged_never", "never logged", |scenario| &scenario.logged_never),
        ("transfers_broken", "broken", |scenario| &scenario.broken),
    ];
    for (name, what, list) in accidents {
        let count = scenarios.iter().map(|scenario| list(scenario).len()).sum::<usize>();
        figures.push((name, count));
        if count > 0 {
            unmet.push(format!("{count} {what}"));
            unmet.extend(scenarios.iter().flat_map(list).take(TOLD).cloned());
        }
    }
    figures.push(("in_flight_ends", total(|scenario| scenario.ends_on_the_way)));
    figures.push(("in_flight_beginnings", total(|scenario| scenario.beginnings_on_the_way)));
    if total(|scenario| scenario.orphans) == 0 {
        unmet.push("nobody left a session behind".to_owned());
    }
    let figures =
        figures.into_iter().map(|(name, value)| Figure { name, value: value as f64, unit: "" }).collect();
    Findings { figures, unmet, failure: None }
}
