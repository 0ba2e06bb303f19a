//! How long sessions live: by timer, application and service.

use alloc::vec::Vec;

use bifrons_catalog::{app, applications};
use bifrons_config::typed::TimeoutOverride;
use bifrons_model::AppId;
use bifrons_policy::{ApplicationFacts, Policy};
use bifrons_session::{ApplicationTimeouts, NO_NUMBER, Timeouts, Timer};

use crate::Worker;

/// What most sessions need to know of a configuration's timeouts.
#[derive(Default)]
pub(crate) struct UsualTimeouts {
    /// The device's, in seconds, by timer.
    device: [u32; Timer::ALL.len()],
    /// Applications with timeouts of their own: a bit for each number.
    exceptions: Vec<u64>,
}

impl UsualTimeouts {
    pub(crate) fn new(policy: &Policy) -> Self {
        let settings = policy.session();
        let mut exceptions = Vec::new();
        let catalogue = applications().iter().map(|application| application.id);
        for id in catalogue.chain(policy.custom_applications().map(|(id, _)| id)) {
            if of_application(&policy.application(id)) == ApplicationTimeouts::default() {
                continue;
            }
            let (word, bit) = (id.index() / 64, id.index() % 64);
            if exceptions.len() <= word {
                exceptions.resize(word + 1, 0);
            }
            if let Some(word) = exceptions.get_mut(word) {
                *word |= 1 << bit;
            }
        }
        Self { device: Timer::ALL.map(|timer| timer.device_seconds(settings)), exceptions }
    }

    #[inline]
    fn is_exception(&self, app: AppId) -> bool {
        let (word, bit) = (app.index() / 64, app.index() % 64);
        self.exceptions.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }
}

impl Worker {
    /// The timeout, in seconds, that `timer` has for a session of this application and service.
    #[inline]
    pub(crate) fn timeout(&self, timer: Timer, app: AppId, service: u16) -> u32 {
        if service == NO_NUMBER && !self.usual_timeouts.is_exception(app) {
            return self.usual_timeouts.device[timer as usize];
        }
        self.unusual_timeout(timer, app, service)
    }

    #[inline(never)]
    fn unusual_timeout(&self, timer: Timer, app: AppId, service: u16) -> u32 {
        let application = match app {
            app::UNDECIDED => ApplicationTimeouts::default(),
            app => of_application(&self.policy.application(app)),
        };
        let service = self.overrides.get(usize::from(service)).copied().unwrap_or_default();
        Timeouts { settings: self.policy.session(), application, service }.seconds(timer)
    }

    /// The number of a service's timeouts; equal ones share it, so there are no more than services.
    #[inline]
    pub(crate) fn intern(&mut self, timeouts: TimeoutOverride) -> u16 {
        if timeouts == TimeoutOverride::default() {
            return NO_NUMBER;
        }
        let known = self.overrides.iter().position(|known| *known == timeouts);
        let place = known.unwrap_or_else(|| {
            self.overrides.push(timeouts);
            self.overrides.len() - 1
        });
        u16::try_from(place).unwrap_or(NO_NUMBER)
    }
}

const fn of_application(facts: &ApplicationFacts<'_>) -> ApplicationTimeouts {
    ApplicationTimeouts {
        tcp: facts.tcp_timeout,
        tcp_half_closed: facts.tcp_half_closed_timeout,
        tcp_time_wait: facts.tcp_time_wait_timeout,
        udp: facts.udp_timeout,
    }
}
