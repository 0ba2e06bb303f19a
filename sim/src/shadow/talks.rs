//! What hosts tell, held against what the rules promise.

use bifrons_model::Timestamp;

use super::{Judged, Opening, Rules, What};
use crate::{
    host::Report,
    plan::{Plan, Talk, TalkKind, Topology},
};

/// What came of a talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It has not begun.
    Ahead,
    /// It goes on.
    Open,
    /// It came through.
    Finished,
    /// It did not.
    Failed,
}

pub(super) struct Talks {
    talks: Vec<Expected>,
    /// Whether questions may be lost or answered twice by the network itself.
    is_lossy: bool,
    doubles: bool,
    /// Whoever comes now need not survive either.
    is_troubled: bool,
    /// Somebody fills the session table; who comes later may find no room.
    is_flooded: bool,
    flooded_transfers: u64,
}

struct Expected {
    talk: Talk,
    opening: Opening,
    outcome: Outcome,
    /// Rules allowed it at each moment since it began.
    always: bool,
    /// Rules allowed it at some moment since it began.
    ever: bool,
    /// What else must be allowed for it: on a wire neighbors find each other through the firewall, by ICMPv6
    /// both ways.
    besides: Vec<Opening>,
    /// Something happened that it need not survive.
    is_disturbed: bool,
    /// The server has heard of it.
    is_heard: bool,
    /// When it did.
    heard_at: Option<Timestamp>,
}

impl Talks {
    pub fn new(plan: &Plan) -> Self {
        let talks = plan.talks().map(|(_, talk)| Expected {
            talk: *talk,
            opening: Opening {
                from: talk.client.0,
                to: talk.server.0,
                protocol: talk.kind.protocol(talk.is_v6),
                port: talk.port,
            },
            outcome: Outcome::Ahead,
            always: false,
            ever: false,
            besides: besides(plan, talk),
            is_disturbed: false,
            is_heard: false,
            heard_at: None,
        });
        let mut talks: Vec<Expected> = talks.collect();
        talks.sort_by_key(|expected| expected.talk.number);
        let lossy = |zone: &crate::plan::ZonePlan| zone.quality.loss > 0 || zone.quality.bandwidth > 0;
        let faulty = plan.pair.is_some()
            || plan.lines.iter().any(|line| matches!(line.action, crate::plan::Action::Fault(_)));
        Self {
            talks,
            is_lossy: faulty || plan.zones.iter().any(lossy),
            // Two devices that both lead for a moment send twice what a switch brings to both.
            doubles: plan.pair.is_some() || plan.zones.iter().any(|zone| zone.quality.duplicate > 0),
            is_troubled: false,
            is_flooded: false,
            flooded_transfers: 0,
        }
    }

    pub fn outcomes(&self) -> impl Iterator<Item = (usize, Outcome)> + '_ {
        self.talks.iter().map(|expected| (expected.talk.number, expected.outcome))
    }

    pub fn are_over(&self) -> bool {
        self.talks.iter().all(|talk| matches!(talk.outcome, Outcome::Finished | Outcome::Failed))
    }

    /// Whether nothing is open that has to come to an end: who is dropped in silence may try for ever.
    pub fn are_settled(&self) -> bool {
        let is_over = |talk: &Expected| match talk.outcome {
            Outcome::Finished | Outcome::Failed => true,
            Outcome::Open => talk.may_fail("").is_ok(),
            Outcome::Ahead => false,
        };
        self.talks.iter().all(is_over)
    }

    pub const fn flooded_transfers(&self) -> u64 {
        self.flooded_transfers
    }

    pub fn disturb(&mut self) {
        for talk in self.talks.iter_mut().filter(|talk| talk.outcome == Outcome::Open) {
            talk.is_disturbed = true;
        }
    }

    /// Also who comes now need not survive, or must again.
    pub const fn set_troubled(&mut self, is_troubled: bool) {
        self.is_troubled = is_troubled;
    }

    /// Only transfers that have stood since `since` need survive what happens now.
    pub fn disturb_younger(&mut self, since: Timestamp) {
        for talk in self.talks.iter_mut().filter(|talk| talk.outcome == Outcome::Open) {
            let is_transfer = matches!(talk.talk.kind, TalkKind::Transfer(_));
            talk.is_disturbed |= !is_transfer || talk.heard_at.is_none_or(|at| at > since);
        }
    }

    /// Only connections that stand are safe from a full table.
    fn flooded(&mut self) {
        self.is_flooded = true;
        for talk in &mut self.talks {
            let stands = talk.is_heard && matches!(talk.talk.kind, TalkKind::Transfer(_));
            self.flooded_transfers += u64::from(stands && talk.outcome == Outcome::Open);
            talk.is_disturbed |= !stands;
        }
    }

    /// Each device runs its rules.
    pub fn committed(&mut self, rules: &[&Rules]) {
        for talk in self.talks.iter_mut().filter(|talk| talk.outcome == Outcome::Open) {
            talk.always &= rules.iter().all(|rules| talk.can_work(rules));
            talk.ever |= rules.iter().any(|rules| rules.allow(&talk.opening));
        }
    }

    pub fn reported(&mut self, now: Timestamp, report: &Report, rules: &[&Rules]) -> Judged {
        let number = match report {
            Report::Begun { talk, .. }
            | Report::Finished { talk }
            | Report::Failed { talk, .. }
            | Report::Heard { talk }
            | Report::Wrong { talk, .. }
            | Report::Answered { talk, .. } => *talk,
        };
        let (is_lossy, doubles) = (self.is_lossy, self.doubles);
        let Ok(place) = self.talks.binary_search_by_key(&number, |expected| expected.talk.number) else {
            return Err((What::Whole, format!("a talk {number} that nobody began is told of: {report:?}")));
        };
        if matches!((report, self.talks[place].talk.kind), (Report::Begun { .. }, TalkKind::Flood(_))) {
            self.flooded();
        }
        let is_unsafe = self.is_flooded || self.is_troubled;
        let talk = &mut self.talks[place];
        match report {
            Report::Begun { .. } => {
                talk.is_disturbed |= is_unsafe;
                talk.outcome = Outcome::Open;
                talk.always = rules.iter().all(|rules| talk.can_work(rules));
                talk.ever = rules.iter().any(|rules| rules.allow(&talk.opening));
                Ok(())
            }
            Report::Heard { .. } => {
                talk.is_heard = true;
                talk.heard_at.get_or_insert(now);
                talk.must_be_allowed("reached its server")
            }
            Report::Finished { .. } => {
                talk.outcome = Outcome::Finished;
                talk.must_be_allowed("came through")
            }
            Report::Failed { why, .. } => {
                talk.outcome = Outcome::Failed;
                talk.may_fail(why)
            }
            Report::Wrong { text, .. } => Err((What::Whole, format!("talk {number}: {text}"))),
            Report::Answered { sent, answered, .. } => {
                talk.outcome = if answered > &0 { Outcome::Finished } else { Outcome::Failed };
                if *answered > 0 {
                    talk.must_be_allowed("was answered")?;
                }
                if answered > sent && !doubles {
                    return Err((What::Whole, format!("talk {number}: {answered} answers to {sent}")));
                }
                // Repeated parts fill the room that hosts have for packets that are not whole.
                let is_crammed = doubles && talk.is_in_parts();
                let has_to = !is_lossy && !is_crammed && !matches!(talk.talk.kind, TalkKind::Flood(_));
                if has_to && answered < sent { talk.may_fail("questions were not answered") } else { Ok(()) }
            }
        }
    }

    pub fn finished(&self) -> Judged {
        let open = self.talks.iter().find(|talk| matches!(talk.outcome, Outcome::Open | Outcome::Ahead));
        open.map_or(Ok(()), |talk| talk.may_fail("it never ended"))
    }
}

fn besides(plan: &Plan, talk: &Talk) -> Vec<Opening> {
    if plan.topology == Topology::Routed || !talk.is_v6 {
        return Vec::new();
    }
    let (from, to) = (talk.client.0, talk.server.0);
    [(from, to), (to, from)].map(|(from, to)| Opening { from, to, protocol: 58, port: 0 }).into()
}

impl Expected {
    fn can_work(&self, rules: &Rules) -> bool {
        rules.allow(&self.opening) && self.besides.iter().all(|opening| rules.allow(opening))
    }

    /// Whether its packets may be longer than a link takes.
    const fn is_in_parts(&self) -> bool {
        matches!(self.talk.kind, TalkKind::Udp(asked) if asked.length > 1_200)
    }

    fn must_be_allowed(&self, what: &str) -> Judged {
        if self.ever {
            return Ok(());
        }
        Err((What::Allowed, format!("talk {} {what}, and no rule allows it", self.talk)))
    }

    fn may_fail(&self, why: &str) -> Judged {
        if !self.always || self.is_disturbed {
            return Ok(());
        }
        Err((What::Whole, format!("talk {} is allowed and failed: {why}", self.talk)))
    }
}
