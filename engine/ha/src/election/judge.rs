//! Who is to lead.

use core::cmp::Ordering;

use crate::{HaState, election::Mode, hello::Hello};

/// What two devices' words say about who is to lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This device, because the peer cannot.
    PeerCannot,
    /// This device, being the better one.
    Better,
    /// This device, once the preemption hold is over.
    Preempt,
    /// It does already.
    Stay,
    /// The peer does.
    Peer,
    /// Both do, and this device is the better one.
    BothStay,
    /// Both do, and the peer is the better one.
    BothYield,
    /// The peer is expected to.
    Wait,
}

/// How near a device is to leading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Cannot,
    Tentative,
    Initial,
    Follows,
    Leads,
}

impl Strength {
    const fn of(hello: &Hello) -> Self {
        if !hello.can_lead {
            return Self::Cannot;
        }
        match hello.state {
            HaState::Active | HaState::ActivePrimary => Self::Leads,
            HaState::Passive | HaState::ActiveSecondary => Self::Follows,
            HaState::Initial => Self::Initial,
            HaState::Tentative => Self::Tentative,
            HaState::NonFunctional | HaState::Suspended => Self::Cannot,
        }
    }
}

/// Compares two devices' words. The rule is the same on both, so that they agree once each has heard the
/// other: of two that could lead, the one that is nearer to it; of two alike, the better one.
pub fn judge(own: &Hello, peer: &Hello) -> Verdict {
    let (mine, yours) = (Strength::of(own), Strength::of(peer));
    let own_is_better = is_better(own, peer);
    let is_preemption = own_is_better && own.preemptive && peer.preemptive;
    match (mine, yours) {
        (Strength::Leads, Strength::Leads) if own_is_better => Verdict::BothStay,
        (Strength::Leads, Strength::Leads) => Verdict::BothYield,
        (Strength::Leads, _) => Verdict::Stay,
        (Strength::Follows, Strength::Leads) if is_preemption => Verdict::Preempt,
        (_, Strength::Leads) => Verdict::Peer,
        (Strength::Cannot, _) => Verdict::Wait,
        (_, Strength::Cannot) => Verdict::PeerCannot,
        _ => match mine.cmp(&yours) {
            Ordering::Greater => Verdict::Better,
            Ordering::Equal if own_is_better => Verdict::Better,
            Ordering::Equal | Ordering::Less => Verdict::Wait,
        },
    }
}

/// Whether this device is preferred: active/active by the lower device id, active/passive by the lower
/// priority, then by the lower HA1 MAC address. What follows only tells apart devices that do not fit each
/// other, so that one of the two goes on.
pub fn is_better(own: &Hello, peer: &Hello) -> bool {
    let by_id = match (own.mode, peer.mode) {
        (Mode::ActiveActive, Mode::ActiveActive) => own.device_id.cmp(&peer.device_id),
        (Mode::ActivePassive, _) | (_, Mode::ActivePassive) => Ordering::Equal,
    };
    by_id
        .then_with(|| own.priority.cmp(&peer.priority))
        .then_with(|| own.ha1_mac.cmp(&peer.ha1_mac))
        .then_with(|| own.serial.cmp(&peer.serial))
        .then_with(|| own.epoch.cmp(&peer.epoch))
        .is_lt()
}
