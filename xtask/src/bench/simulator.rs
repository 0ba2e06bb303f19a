//! How fast the simulated world is, with its shadow beside it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bifrons_sim::{
    firewall,
    host::crowd::Throng,
    pair::Profile,
    plan::{Action, CROWD_PORT, Line, PairPlan, Plan, Rule, Service, Talk, TalkKind, Verdict, ZonePlan},
    run::run,
};

/// Ten sessions a second of twelve to eighteen packets, for an hour.
const THRONG: Throng = Throng { count: 36_000, interval: Duration::from_millis(100), requests: (3, 6) };

/// By then a pair stands.
const PAIR_STANDS: Duration = Duration::from_secs(12);

/// Simulated hours of one device in an hour, on one core.
pub fn measure() -> Result<f64> {
    play(&plan(Duration::ZERO))
}

/// Simulated hours of two devices as one in an hour, on one core.
pub fn measure_pair(profile: Profile) -> Result<f64> {
    play(&Plan { pair: Some(PairPlan::new(profile)), ..plan(PAIR_STANDS) })
}

fn play(plan: &Plan) -> Result<f64> {
    let began = Instant::now();
    let course = match run(plan, &firewall::build) {
        Ok(course) => course,
        Err(why) => bail!("the firewall refused its configuration: {why}"),
    };
    let seconds = began.elapsed().as_secs_f64();
    if let Some(failure) = course.failure {
        bail!("{}: {}", failure.what.text(), failure.text);
    }
    if course.records != u64::from(THRONG.count) {
        bail!("{} sessions were logged of {}", course.records, THRONG.count);
    }
    Ok(course.simulated.as_secs_f64() / seconds)
}

fn plan(at: Duration) -> Plan {
    let zone = ZonePlan::default();
    let mut talk = Talk {
        number: 0,
        client: (0, 0),
        server: (1, 0),
        is_v6: false,
        port: CROWD_PORT,
        kind: TalkKind::Crowd(THRONG),
    };
    talk.client.1 = Plan::own_host(&talk, false);
    talk.server.1 = Plan::own_host(&talk, true);
    Plan {
        seed: 1,
        zones: vec![zone; 2],
        rules: vec![Rule { from: None, to: None, service: Service::Any, verdict: Verdict::Allow }],
        lines: vec![Line { at, action: Action::Talk(talk) }],
        ..Plan::default()
    }
}
