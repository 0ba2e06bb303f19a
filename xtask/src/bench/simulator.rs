//! How fast the simulated world is, with its shadow beside it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bifrons_sim::{
    firewall,
    host::crowd::Throng,
    plan::{Action, CROWD_PORT, Line, Plan, Rule, Service, Talk, TalkKind, Verdict, ZonePlan},
    run::run,
};

/// Ten sessions a second of twelve to eighteen packets, for an hour.
const THRONG: Throng = Throng { count: 36_000, interval: Duration::from_millis(100), requests: (3, 6) };

/// Simulated hours of one device in an hour, on one core.
pub fn measure() -> Result<f64> {
    let plan = plan();
    let began = Instant::now();
    let course = match run(&plan, &firewall::build) {
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

fn plan() -> Plan {
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
        lines: vec![Line { at: Duration::ZERO, action: Action::Talk(talk) }],
        ..Plan::default()
    }
}
