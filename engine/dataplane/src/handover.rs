//! Workers side by side: a session has one owner, and what of it comes to another worker is handed over.
//!
//! Frames are steered by their addresses alone ([`steer`](crate::steer())), the same both ways. Translation
//! makes the answers of a session come between other addresses, which may lead to another worker: then the
//! owner claims the flow there, by a value that the device carries, and the other worker hands its frames
//! over. So it is with announced connections. What cannot be divided among workers, a pool of whole
//! addresses and ports that are a client's for all its sessions, is the first worker's.

use alloc::{collections::BTreeMap, vec::Vec};

use bifrons_model::{DeviceId, Timestamp};
use bifrons_session::{FlowKey, nat::PortShare};
use bifrons_wire::Addresses;

use crate::{Event, Worker, gateway::PredictionKey, steer::steer_addresses};

/// A worker's place among those of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// 0 to `workers - 1`.
    pub worker: u16,
    /// How many there are.
    pub workers: u16,
}

impl Place {
    /// One worker that has all.
    pub const ALONE: Self = Self { worker: 0, workers: 1 };
}

/// A flow that its owner claims where its frames arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(crate) flow: ClaimedFlow,
    /// The worker that owns it.
    pub owner: u16,
    /// The worker that its frames arrive at.
    pub at: u16,
    /// Until when; the epoch's beginning takes the claim back.
    pub(crate) until: Timestamp,
}

/// What is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClaimedFlow {
    Session(FlowKey),
    Foretold(PredictionKey),
}

/// The flows that other workers own.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    owners: BTreeMap<ClaimedFlow, (u16, Timestamp)>,
    /// What is to be told to other workers.
    told: Vec<Event>,
}

impl Claims {
    fn owner(&self, flow: &ClaimedFlow, now: Timestamp) -> Option<u16> {
        self.owners.get(flow).filter(|(_, until)| *until > now).map(|(owner, _)| *owner)
    }
}

impl Worker {
    /// Gives the worker its place and with it its share of session numbers, capacity and ports, before its
    /// first frame.
    pub fn set_place(&mut self, place: Place) {
        self.place = place;
        self.table.share(place.worker, place.workers);
        self.divide();
    }

    /// Makes the worker one of a device of an active/active pair: its session numbers and its shares of NAT
    /// pools are none of the other device's. With `None` there is no such pair, and all are its device's.
    /// Sessions keep what they have.
    pub fn set_device(&mut self, device: Option<DeviceId>) {
        if self.device != device {
            self.device = device;
            self.divide();
        }
    }

    /// Takes the part of numbers and pools that is this worker's of this device's.
    fn divide(&mut self) {
        let Place { worker, workers } = self.place;
        let (first, devices) = self.device.map_or((0, 1), |device| (device.number(), 2));
        let place = u32::from(first) * u32::from(workers) + u32::from(worker);
        self.table.interleave(place, devices * u32::from(workers));
        let share = self.device.map_or(PortShare::WHOLE, |device| PortShare::half(device.number()));
        self.nat.set_share(share.of_worker(worker, workers));
    }

    /// Takes note of another worker's claim.
    pub fn handle_claim(&mut self, claim: &Claim) {
        let now = self.now;
        if claim.until == Timestamp::ZERO {
            self.claims.owners.remove(&claim.flow);
            return;
        }
        // Announced connections that never came go when they are as many as there may be.
        if self.claims.owners.len() > 2 * self.table.capacity() {
            self.claims.owners.retain(|_, (_, until)| *until > now);
        }
        self.claims.owners.insert(claim.flow, (claim.owner, claim.until));
    }

    /// The worker that owns a flow of which nothing is known here.
    pub(crate) fn owner_of(&self, key: &FlowKey) -> Option<u16> {
        if self.claims.owners.is_empty() {
            return None;
        }
        let session = ClaimedFlow::Session(*key);
        let foretold = ClaimedFlow::Foretold(PredictionKey::of(key));
        self.claims.owner(&session, self.now).or_else(|| self.claims.owner(&foretold, self.now))
    }

    /// Claims the flows of a new session that arrive at other workers, or gives them up at its end.
    pub(crate) fn claim_session(&mut self, slot: u32, is_new: bool) {
        if self.place.workers < 2 {
            return;
        }
        let until = if is_new { Timestamp::MAX } else { Timestamp::ZERO };
        for key in self.table.keys(slot) {
            self.claim(ClaimedFlow::Session(key), key.addresses(), until);
        }
    }

    /// Claims an announced connection until a time.
    pub(crate) fn claim_foretold(&mut self, key: PredictionKey, until: Timestamp) {
        if self.place.workers > 1
            && let Some(addresses) = key.addresses()
        {
            self.claim(ClaimedFlow::Foretold(key), addresses, until);
        }
    }

    fn claim(&mut self, flow: ClaimedFlow, addresses: Addresses, until: Timestamp) {
        let at = steer_addresses(addresses, usize::from(self.place.workers)) as u16;
        if at != self.place.worker {
            self.claims.told.push(Event::Claim(Claim { flow, owner: self.place.worker, at, until }));
        }
    }

    /// What other workers are to know; `process` and `handle_timeout` leave it in the outbox.
    pub fn take_told(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.claims.told)
    }
}
