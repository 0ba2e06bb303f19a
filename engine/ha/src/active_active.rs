//! From the states of both devices to what the workers of one know of the pair.

use bifrons_dataplane::{ActiveActiveView, Ownership};
use bifrons_model::DeviceId;

use crate::HaState;

/// What `device` knows: its own state, its peer's while it hears from it, whether HA3 works, and whether the
/// peer puts packets together whose fragments come to both devices.
pub fn active_active_view(
    device: DeviceId,
    ownership: Ownership,
    (state, peer): (HaState, Option<HaState>),
    (is_ha3_up, gathers): (bool, bool),
) -> ActiveActiveView {
    let is_primary = |state: HaState| state == HaState::ActivePrimary;
    let primary = match (is_primary(state), peer.is_some_and(is_primary)) {
        (true, _) => Some(device),
        (false, true) => Some(device.peer()),
        (false, false) => None,
    };
    let peer_works = is_ha3_up && peer.is_some_and(HaState::forwards);
    let can_work = match device {
        DeviceId::Zero => [state.forwards(), peer_works],
        DeviceId::One => [peer_works, state.forwards()],
    };
    ActiveActiveView { device, ownership, primary, can_work, has_peer_share: false, gathers }
}

/// Whether a device in a state may use its peer's share of NAT pools, by the peer's state while it hears from
/// it. A peer that is dead, or was taken out, comes back by `initial` or `tentative`, where it learns of all
/// sessions before it gives ports again. From the first word of it on its share is left alone.
pub const fn takes_peer_share(state: HaState, peer: Option<HaState>) -> bool {
    let is_out = match peer {
        None | Some(HaState::NonFunctional | HaState::Suspended) => true,
        Some(
            HaState::Initial
            | HaState::Active
            | HaState::Passive
            | HaState::ActivePrimary
            | HaState::ActiveSecondary
            | HaState::Tentative,
        ) => false,
    };
    is_out && state.forwards()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::election::{Event, Mode, next};
    use DeviceId::{One, Zero};
    use bifrons_config::typed::{ActiveActive, SessionOwner};
    use bifrons_dataplane::{Duties, FirstStep};
    use bifrons_wire::Addresses;

    const ADMITTED: [SessionOwner; 5] = SessionOwner::admitted(true, 7);

    fn ownership(owner: SessionOwner) -> Ownership {
        Ownership::new(&ActiveActive { session_owner: owner, ..ActiveActive::default() })
    }

    /// Over all states of both devices, HA3 up and down: whoever works is one that can, and who owns what he
    /// did not get sets it up too.
    #[test]
    fn nobody_is_chosen_who_cannot() {
        let mut seen = 0;
        for (own, state) in [Zero, One].into_iter().flat_map(|own| HaState::ALL.map(|state| (own, state))) {
            for peer in HaState::ALL.into_iter().map(Some).chain([None]) {
                for (is_ha3_up, owner) in
                    [true, false].into_iter().flat_map(|up| ADMITTED.map(|one| (up, one)))
                {
                    let view = active_active_view(own, ownership(owner), (state, peer), (is_ha3_up, true));
                    for low in 0..16 {
                        let addresses = Addresses::V4 { source: 0x0a00_0000 | low, destination: low / 4 };
                        let duties = view.duties(addresses, own);
                        for device in [duties.owner, duties.setup] {
                            let nobody_can = view.can_work == [false; 2];
                            assert!(device.of_two(view.can_work) || nobody_can && device == own);
                        }
                        assert!(duties.owner == own || duties.setup == duties.owner);
                        if peer.is_none_or(|peer| !peer.forwards()) || !is_ha3_up {
                            assert_eq!(duties, Duties { owner: own, setup: own });
                            assert!(!view.gives_to_peer());
                        }
                        seen += 1;
                    }
                }
            }
        }
        assert_eq!(seen, 2 * 8 * 9 * 2 * 5 * 16);
    }

    #[test]
    fn a_tentative_device_gives_its_packets_to_the_peer() {
        for owner in ADMITTED {
            let states = (HaState::Tentative, Some(HaState::ActivePrimary));
            let view = active_active_view(One, ownership(owner), states, (true, true));
            let duties = view.duties(Addresses::V4 { source: 1, destination: 2 }, One);
            assert_eq!(duties, Duties { owner: Zero, setup: Zero });
            assert_eq!(duties.first_step(One), FirstStep::ForwardToOwner);
        }
    }

    #[test]
    fn who_may_come_back_at_once_keeps_its_share() {
        let out = [None, Some(HaState::NonFunctional), Some(HaState::Suspended)];
        for own in HaState::ALL {
            for peer in HaState::ALL.into_iter().map(Some).chain([None]) {
                let wanted = own.forwards() && out.contains(&peer);
                assert_eq!(takes_peer_share(own, peer), wanted, "{own:?} {peer:?}");
            }
        }
        let back = [HaState::NonFunctional, HaState::Suspended].map(|state| {
            let working = |event| next(Mode::ActiveActive, state, event).is_some_and(HaState::forwards);
            Event::ALL.into_iter().any(working)
        });
        assert_eq!(back, [false; 2], "none of them works before it was tentative");
    }

    #[test]
    fn both_devices_compute_the_same() {
        let (primary, secondary) = (HaState::ActivePrimary, HaState::ActiveSecondary);
        let views = [
            active_active_view(Zero, ownership(ADMITTED[3]), (secondary, Some(primary)), (true, true)),
            active_active_view(One, ownership(ADMITTED[3]), (primary, Some(secondary)), (true, true)),
        ];
        assert_eq!(views[0], ActiveActiveView { device: Zero, ..views[1] });
        assert_eq!((views[0].primary, views[0].can_work), (Some(One), [true, true]));
    }
}
