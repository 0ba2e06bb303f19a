//! The security rules, and the first that matches.

use alloc::{boxed::Box, vec::Vec};
use core::iter;

use bifrons_config::{
    Config,
    typed::{DefaultRule, RuleType, TimeoutOverride},
};
use bifrons_model::{Action, AppId, CustomName, RuleId};

use crate::{
    applications::{ApplicationSet, Applications},
    index::{Checks, Index},
    policy::Numbers,
    query::{Decision, Query},
    rule::{ANY, Ends, Fit, Mismatch, Outcome, Rule},
    sets::{APPLICATION_DEFAULT, Collector, Sets},
    users::Users,
    zones::ZonePlaces,
};

/// All rules in order.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) rules: Box<[Rule]>,
    /// By place of the rule.
    pub(crate) ends: Box<[Ends]>,
    pub(crate) sets: Sets,
    index: Index,
    pub(crate) zone_places: ZonePlaces,
    pub(crate) applications: Applications,
    pub(crate) intrazone_default: Outcome,
    pub(crate) interzone_default: Outcome,
}

/// A query, with what is looked up once for all rules.
pub(crate) struct Subject<'a> {
    pub(crate) query: &'a Query,
    pub(crate) users: &'a Users,
    /// The zones' places in the configuration.
    pub(crate) from: u32,
    pub(crate) to: u32,
    /// Whether the application may still change, so that one may be let through for what it carries.
    pub(crate) may_carry: bool,
}

impl Rules {
    pub(crate) fn new(config: &Config, numbers: &Numbers, names: &[CustomName]) -> Self {
        let applications = Applications::new(&config.applications, &numbers.applications, names);
        let mut collector = Collector::new(numbers);
        let mut rules = Vec::with_capacity(config.rules.len());
        let mut ends = Vec::with_capacity(config.rules.len());
        for (rule, number) in iter::zip(&config.rules, &numbers.rules) {
            let Some(number) = *number else { continue };
            let logs = (rule.log_start, rule.log_end);
            rules.push(collector.rule(rule, Outcome::new(number, rule.action, rule.icmp_unreachable, logs)));
            ends.push(Ends::new(rule, config.zones.len()));
        }
        let default = |place: usize, own: Action, rule: &DefaultRule| {
            let number = numbers.rules.get(config.rules.len() + place).copied().flatten();
            let logs = (rule.log_start, rule.log_end);
            Outcome::new(number.unwrap_or(RuleId(u32::MAX)), rule.action.unwrap_or(own), false, logs)
        };
        let sets = collector.finish(&applications);
        Self {
            index: Index::new(&rules, &ends, &sets, config.zones.len()),
            rules: rules.into_boxed_slice(),
            ends: ends.into_boxed_slice(),
            sets,
            zone_places: ZonePlaces::new(&numbers.zones),
            applications,
            intrazone_default: default(0, Action::Allow, &config.intrazone_default),
            interzone_default: default(1, Action::Deny, &config.interzone_default),
        }
    }

    /// What the query asks, for rules that look at zones by place; `None` where a zone is not in the
    /// configuration, so that no rule is for it.
    pub(crate) fn subject<'a>(
        &self,
        query: &'a Query,
        users: &'a Users,
        may_carry: bool,
    ) -> Option<Subject<'a>> {
        let (from, to) =
            (self.zone_places.place_of(query.zone_from)?, self.zone_places.place_of(query.zone_to)?);
        Some(Subject { query, users, from, to, may_carry })
    }

    pub(crate) fn lookup(&self, query: &Query, users: &Users, may_carry: bool) -> Decision {
        let Some(subject) = self.subject(query, users, may_carry) else {
            return self.default_of(query).decide(
                query,
                &self.applications,
                TimeoutOverride::default(),
                true,
            );
        };
        let mut verdict = Verdict::default();
        self.index.search(&subject, |place, checks| {
            verdict.hear(place, self.fit_in_box(place, checks, &subject), || self.allows(place));
            verdict.decided.unwrap_or(u32::MAX)
        });
        self.decide(&verdict, query)
    }

    /// The decision that the rules heard lead to.
    pub(crate) fn decide(&self, verdict: &Verdict, query: &Query) -> Decision {
        let decided = verdict.decided.and_then(|place| self.rules.get(place as usize));
        let default = self.default_of(query);
        let outcome = decided.map_or(default, |rule| &rule.outcome);
        let carried = verdict
            .carried
            .filter(|carried| !outcome.allows() && verdict.decided.is_none_or(|decided| *carried < decided));
        if let Some(rule) = carried.and_then(|place| self.rules.get(place as usize)) {
            let decision = rule.outcome.decide(query, &self.applications, self.timeouts(rule, query), false);
            return Decision { implicit: true, ..decision };
        }
        let timeouts = decided.map_or_else(TimeoutOverride::default, |rule| self.timeouts(rule, query));
        outcome.decide(query, &self.applications, timeouts, verdict.is_certain())
    }

    /// What is said of traffic that no rule matches.
    pub(crate) fn default_of(&self, query: &Query) -> &Outcome {
        if query.zone_from == query.zone_to { &self.intrazone_default } else { &self.interzone_default }
    }

    #[inline]
    pub(crate) fn allows(&self, place: u32) -> bool {
        self.rules.get(place as usize).is_some_and(|rule| rule.outcome.allows())
    }

    /// How far a rule is for the session whose box holds it.
    #[inline]
    fn fit_in_box(&self, place: u32, checks: Checks, subject: &Subject<'_>) -> Fit {
        let is_within = subject.from == subject.to;
        if checks.has(Checks::INTRAZONE) && !is_within || checks.has(Checks::INTERZONE) && is_within {
            return Fit::No(Mismatch::RuleType);
        }
        let ends = self.ends.get(place as usize);
        if checks.has(Checks::ZONES) {
            let is_zone = |ends: &Ends| ends.from.contains(subject.from) && ends.to.contains(subject.to);
            if !ends.is_some_and(is_zone) {
                return Fit::No(Mismatch::FromZone);
            }
        }
        if checks.has(Checks::ENDS)
            && let Some(mismatch) = ends.and_then(|ends| ends_mismatch(ends, subject))
        {
            return Fit::No(mismatch);
        }
        let rule = self.rules.get(place as usize);
        if checks.has(Checks::SERVICE) && !rule.is_some_and(|rule| self.is_service(rule, subject.query)) {
            return Fit::No(Mismatch::Service);
        }
        match rule {
            Some(rule) if checks.has(Checks::CONDITIONS) => self.conditions(rule, subject),
            Some(_) | None => Fit::Surely,
        }
    }

    /// How far the rule is for the session, every condition asked in turn.
    pub(crate) fn fit(&self, place: u32, subject: &Subject<'_>) -> Fit {
        let (Some(rule), Some(ends)) = (self.rules.get(place as usize), self.ends.get(place as usize)) else {
            return Fit::No(Mismatch::Disabled);
        };
        if rule.is_disabled {
            return Fit::No(Mismatch::Disabled);
        }
        match ends_mismatch(ends, subject) {
            Some(mismatch) => Fit::No(mismatch),
            None if !self.is_service(rule, subject.query) => Fit::No(Mismatch::Service),
            None => self.conditions(rule, subject),
        }
    }

    /// Whether protocol and ports are those of a service, where the rule lists any.
    fn is_service(&self, rule: &Rule, query: &Query) -> bool {
        let services = self.sets.services.get(rule.services as usize);
        services.is_some_and(|services| services.timeouts(query).is_some())
    }

    /// How far a rule whose zones, addresses and listed services fit is for the session.
    #[inline]
    pub(crate) fn conditions(&self, rule: &Rule, subject: &Subject<'_>) -> Fit {
        let query = subject.query;
        if rule.users != ANY {
            let users = self.sets.users.get(rule.users as usize);
            if !users.is_some_and(|own| own.contains(query.user, subject.users)) {
                return Fit::No(Mismatch::User);
            }
        }
        if !self.sets.is_active(rule, query.time) {
            return Fit::No(Mismatch::Schedule);
        }
        let by_application = match query.app {
            Some(app) => self.of_application(rule, subject, app),
            None => self.before_application(rule, query),
        };
        if matches!(by_application, Fit::No(_)) || rule.categories == ANY {
            return by_application;
        }
        let categories = self.sets.categories.get(rule.categories as usize);
        match (query.category, by_application) {
            (None, Fit::Surely) => Fit::Possibly,
            (None, fit) => fit,
            (Some(category), fit) => {
                let is_listed = categories.is_some_and(|own| own.binary_search(&category).is_ok());
                if is_listed { fit } else { Fit::No(Mismatch::Category) }
            }
        }
    }

    /// The application, which is known, and its default ports.
    fn of_application(&self, rule: &Rule, subject: &Subject<'_>, app: AppId) -> Fit {
        let query = subject.query;
        let is_home = |app: AppId| {
            rule.services != APPLICATION_DEFAULT
                || self.applications.is_home(app, query.protocol, query.destination_port)
        };
        let set = (rule.applications != ANY).then(|| self.sets.applications.get(rule.applications as usize));
        let is_listed = |set: Option<&ApplicationSet>| set.is_some_and(|set| set.contains(app));
        if set.is_none_or(is_listed) {
            return if is_home(app) { Fit::Surely } else { Fit::No(Mismatch::Service) };
        }
        let may_carry = subject.may_carry && rule.outcome.allows();
        let carried = set.flatten().filter(|_| may_carry).is_some_and(|set| set.carried_by(app).any(is_home));
        if carried { Fit::Carried } else { Fit::No(Mismatch::Application) }
    }

    /// The application, which may still turn out to be anything, and its default ports.
    fn before_application(&self, rule: &Rule, query: &Query) -> Fit {
        let is_any = rule.applications == ANY;
        if rule.services != APPLICATION_DEFAULT {
            return if is_any { Fit::Surely } else { Fit::Possibly };
        }
        // With `any`, the words for "not identified" are at home on every port, so each port may match.
        let set = self.sets.applications.get(rule.applications as usize);
        if is_any || set.is_some_and(|set| set.is_home(query.protocol, query.destination_port)) {
            Fit::Possibly
        } else {
            Fit::No(Mismatch::Service)
        }
    }

    fn timeouts(&self, rule: &Rule, query: &Query) -> TimeoutOverride {
        if !rule.has_timeouts {
            return TimeoutOverride::default();
        }
        let services = self.sets.services.get(rule.services as usize);
        services.and_then(|services| services.timeouts(query)).unwrap_or_default()
    }
}

/// What the rules heard so far come to, whatever the order in which they are heard.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verdict {
    /// The first that decides.
    pub(crate) decided: Option<u32>,
    /// Whether it does so only for some applications or categories.
    is_possible: bool,
    /// The first that blocks some applications or categories.
    pub(crate) passed_over: Option<u32>,
    /// The first that allows what the application carries.
    pub(crate) carried: Option<u32>,
}

impl Verdict {
    /// Hears how far the rule at `place` fits; true when it decides, so that no later one matters.
    #[inline]
    pub(crate) fn hear(&mut self, place: u32, fit: Fit, allows: impl FnOnce() -> bool) -> bool {
        match fit {
            Fit::No(_) => false,
            Fit::Carried => {
                self.carried = Some(self.carried.map_or(place, |first| first.min(place)));
                false
            }
            Fit::Possibly if !allows() => {
                self.passed_over = Some(self.passed_over.map_or(place, |first| first.min(place)));
                false
            }
            Fit::Possibly | Fit::Surely => {
                if self.decided.is_none_or(|first| place < first) {
                    (self.decided, self.is_possible) = (Some(place), fit == Fit::Possibly);
                }
                true
            }
        }
    }

    fn is_certain(&self) -> bool {
        let before = |place: Option<u32>| match (place, self.decided) {
            (Some(place), Some(decided)) => place < decided,
            (Some(_), None) => true,
            (None, _) => false,
        };
        !self.is_possible && !before(self.passed_over)
    }
}

fn ends_mismatch(ends: &Ends, subject: &Subject<'_>) -> Option<Mismatch> {
    let query = subject.query;
    let is_type = match ends.rule_type {
        RuleType::Universal => true,
        RuleType::Intrazone => query.zone_from == query.zone_to,
        RuleType::Interzone => query.zone_from != query.zone_to,
    };
    if !is_type {
        Some(Mismatch::RuleType)
    } else if !ends.from.contains(subject.from) {
        Some(Mismatch::FromZone)
    } else if !ends.to.contains(subject.to) {
        Some(Mismatch::ToZone)
    } else if !ends.source.contains(query.source) {
        Some(Mismatch::Source)
    } else if !ends.destination.contains(query.destination) {
        Some(Mismatch::Destination)
    } else {
        None
    }
}
