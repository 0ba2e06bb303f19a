//! A flood of SYNs upon a full session table, and transfers that stood before it.
//!
//! ```text
//!  0 s            10 s     12 s                  about 45 s
//!  ├── transfers open ──┼──────┼── SYNs ──┤ … ──────┤ all transfers are whole
//! ```
//!
//! The SYNs come from addresses of nobody to a server that answers all of them, so each session that there is
//! room for stays half open until its timeout; those behind find the table full. All refusals are counted,
//! the first thousand of each second are logged.

use std::time::Duration;

use super::{Figure, Findings, Laboratory};
use crate::{
    host::{flood::Torrent, transfer::Load},
    plan::{Action, Line, Plan, Rule, Service, TRANSFER_PORTS, Talk, TalkKind, Verdict, ZonePlan},
    run::{Course, run},
    shadow::ledger::REFUSALS_LOGGED,
};

/// The span in which the transfers open.
const OPENING: Duration = Duration::from_secs(10);
/// When the flood begins: all transfers stand by then.
const FLOOD_AT: Duration = Duration::from_secs(12);
/// What each transfer sends each way, and how long it waits after every two thousand bytes: it is still at it
/// when the flood is over.
const LOAD: Load = Load { up: 30_000, down: 30_000, pause: Duration::from_millis(1_000) };
/// Hosts in each zone.
const HOSTS: usize = 20;

/// How large the experiment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Siege {
    /// Transfers that stand.
    pub transfers: usize,
    /// Sessions that the firewall has room for.
    pub capacity: u32,
    /// SYNs in a second.
    pub syns_per_second: u32,
    /// Seconds of them.
    pub seconds: u32,
}

impl Default for Siege {
    fn default() -> Self {
        Self { transfers: 1_000, capacity: 4_000, syns_per_second: 1_000_000, seconds: 1 }
    }
}

impl Siege {
    /// Makes the experiment.
    ///
    /// # Errors
    /// When the firewall refuses its configuration.
    pub fn conduct(&self, laboratory: &Laboratory<'_>) -> Result<Findings, String> {
        let course = run(&self.plan(), laboratory.build)?;
        Ok(self.findings(&course))
    }

    fn plan(&self) -> Plan {
        let zone = ZonePlan { hosts: HOSTS, ..ZonePlan::default() };
        let mut plan = Plan {
            seed: 1,
            capacity: self.capacity,
            zones: vec![zone; 2],
            rules: vec![Rule { from: None, to: None, service: Service::Any, verdict: Verdict::Allow }],
            ..Plan::default()
        };
        for number in 0..self.transfers {
            let at = OPENING * number as u32 / self.transfers.max(1) as u32;
            let talk = Talk {
                number,
                client: (0, number % HOSTS),
                server: (1, number / HOSTS % HOSTS),
                is_v6: false,
                port: TRANSFER_PORTS[number % TRANSFER_PORTS.len()],
                kind: TalkKind::Transfer(LOAD),
            };
            plan.lines.push(Line { at, action: Action::Talk(talk) });
        }
        let rate = self.syns_per_second.max(1);
        let torrent = Torrent { count: rate * self.seconds, interval: Duration::from_secs(1) / rate };
        let mut talk = Talk {
            number: self.transfers,
            client: (1, 0),
            server: (0, 0),
            is_v6: false,
            port: TRANSFER_PORTS[0],
            kind: TalkKind::Flood(torrent),
        };
        talk.client.1 = Plan::own_host(&talk, false);
        talk.server.1 = Plan::own_host(&talk, true);
        plan.lines.push(Line { at: FLOOD_AT, action: Action::Talk(talk) });
        plan
    }

    fn findings(&self, course: &Course) -> Findings {
        let counted = |what| course.coverage.get(what).copied().unwrap_or_default();
        let transfers = self.transfers as u64;
        let (standing, finished) = (counted("transfer-in-flood"), counted("transfer-finished"));
        let (refused, logged) = (counted("session-refused"), counted("refusal-logged"));
        let broken = transfers.saturating_sub(finished);
        let capacity = u64::from(self.capacity);
        let mut unmet = Vec::new();
        let mut expect = |is_met: bool, text: String| {
            if !is_met {
                unmet.push(text);
            }
        };
        expect(standing == transfers, format!("{standing} of {transfers} transfers stood before the flood"));
        expect(broken == 0, format!("{broken} of {transfers} transfers broke"));
        expect(
            course.most_sessions == capacity,
            format!("{} sessions of {capacity}: the table was never full", course.most_sessions),
        );
        expect(refused > 0, "no session was refused".to_owned());
        // The firewall writes so many of these records in a second and counts the rest.
        let is_logged = (refused.min(REFUSALS_LOGGED)..=refused).contains(&logged);
        expect(is_logged, format!("{refused} sessions were refused, {logged} are in the log"));
        let figure = |name, value: u64, unit| Figure { name, value: value as f64, unit };
        Findings {
            figures: vec![
                figure("syns_per_second", self.syns_per_second.into(), "1/s"),
                figure("flood_seconds", self.seconds.into(), "s"),
                figure("capacity", capacity, "sessions"),
                figure("sessions_most", course.most_sessions, "sessions"),
                figure("transfers", transfers, ""),
                figure("transfers_standing", standing, ""),
                figure("transfers_broken", broken, ""),
                figure("sessions_refused", refused, "sessions"),
                figure("refusals_logged", logged, "records"),
                figure("frames", course.frames, "frames"),
                Figure { name: "simulated", value: course.simulated.as_secs_f64(), unit: "s" },
            ],
            unmet,
            failure: course.failure.clone(),
        }
    }
}
