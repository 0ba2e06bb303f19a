//! Messages that are not the peer's change nothing.

use proptest::prelude::*;

use super::*;

type Copy = BTreeMap<(Space, u64), u64>;

/// What a message may not change.
fn state(device: &Device) -> (Copy, Backlog, SyncStatus, Option<Timestamp>, u64) {
    let machine = &device.machine;
    let received = MessageKind::ALL.iter().map(|kind| machine.counters().messages(*kind).received).sum();
    (device.copy.clone(), machine.backlog(), machine.status(), machine.heard_at(), received)
}

fn calm() -> World {
    let mut world = World::connected(21, &Settings::default());
    world.traffic(0, 20 * MILLISECOND, 200);
    world.run(100 * MILLISECOND);
    world.assert_equal_copies();
    world
}

#[test]
fn forged_and_truncated_messages_change_nothing() {
    let mut world = calm();
    let before = state(&world.devices[1]);
    let recorded: Vec<Vec<u8>> =
        world.recorded.iter().filter(|(to, ..)| *to == 1).map(|(.., bytes)| bytes.clone()).collect();
    for (place, bytes) in recorded.iter().enumerate() {
        let mut forged = bytes.clone();
        let at = world.random(forged.len() as u64 * 8) as usize;
        forged[at / 8] ^= 1 << (at % 8);
        let length = world.random(bytes.len() as u64) as usize;
        for message in [forged.as_slice(), &bytes[..length]] {
            let refusal = world.devices[1].machine.handle_message(world.now, HaLinkId::Ha2, message);
            assert!(refusal.is_err(), "message {place}");
        }
    }
    assert!(world.devices[1].drain().is_empty());
    assert_eq!(state(&world.devices[1]), before);
}

#[test]
fn replayed_messages_change_nothing_and_are_no_sign_of_life() {
    let mut world = calm();
    let before = state(&world.devices[1]);
    let recorded = world.recorded.clone();
    for (to, link, bytes) in &recorded {
        let refusal = world.devices[*to].machine.handle_message(world.now.after_secs(5), *link, bytes);
        assert!(matches!(refusal, Err(Refusal::Repeated(_) | Refusal::Replayed(_))), "{refusal:?}");
    }
    world.devices[1].drain();
    assert_eq!(state(&world.devices[1]), before);
}

#[test]
fn messages_of_an_old_epoch_change_nothing() {
    let mut world = calm();
    let recorded = world.recorded.clone();
    world.connect();
    world.run(100 * MILLISECOND);
    let before = state(&world.devices[1]);
    for (to, link, bytes) in recorded.iter().filter(|(to, ..)| *to == 1) {
        let refusal = world.devices[*to].machine.handle_message(world.now, *link, bytes);
        assert_eq!(refusal, Err(Refusal::Epoch { expected: 2, found: 1 }));
    }
    world.devices[1].drain();
    assert_eq!(state(&world.devices[1]), before);
    let stale = world.devices[1].machine.handle_peer(world.now, PeerEvent::Connected(world.keys()));
    assert_eq!(stale, Err(StaleKeys { last: 2, found: 2 }));
}

#[test]
fn without_a_peer_or_on_another_link_nothing_is_taken() {
    let mut world = calm();
    let (.., bytes) = world.recorded.iter().find(|(to, ..)| *to == 1).cloned().unwrap();
    let refusal = world.devices[1].machine.handle_message(world.now, HaLinkId::Ha1, &bytes);
    assert_eq!(refusal, Err(Refusal::Link(HaLinkId::Ha1)));
    let mut alone = Synchronizer::new(Settings::default());
    assert_eq!(alone.handle_message(world.now, HaLinkId::Ha2, &bytes), Err(Refusal::NoPeer));
    alone.mark(world.now, ItemKind::SessionCreate, 1);
    assert_eq!((alone.backlog().dirty, alone.poll_timeout()), (0, None));
}

#[test]
fn what_a_newer_peer_says_beside_is_skipped() {
    let mut world = calm();
    let before = world.devices[1].copy.clone();
    let sequence = world.devices[0].machine.counters().messages(MessageKind::Batch).sent;
    let newer = Seal::new(&world.keys());
    let mut batch = vec![0; HEADER];
    batch.extend_from_slice(&[0x7e, 2, 3, 1, 2, 3]);
    item::append_record(&mut batch, Record::Item(ItemKind::Neighbor), 1, 800, &9u64.to_be_bytes());
    newer.batch(sequence, &mut batch);
    world.devices[1].machine.handle_message(world.now, HaLinkId::Ha2, &batch).unwrap();
    world.devices[1].drain();
    assert_eq!(world.devices[1].copy.len(), before.len() + 1);
    assert_eq!(world.devices[1].machine.counters().unknown, 1);
}

proptest! {
    #[test]
    fn any_bytes_from_the_peer_itself_do_no_harm(
        bodies in proptest::collection::vec((0..8u8, proptest::collection::vec(any::<u8>(), 0..80)), 1..40),
    ) {
        let mut world = calm();
        let mut sequence = 0;
        world.connect();
        let mut peer = Seal::new(&world.keys());
        for (kind, body) in bodies {
            let mut message = vec![0; HEADER];
            message.extend_from_slice(&body);
            match MessageKind::ALL.get(usize::from(kind)) {
                Some(MessageKind::Batch) | None => {
                    peer.batch(sequence, &mut message);
                    sequence += 1;
                }
                Some(kind) => peer.control(*kind, &mut message),
            }
            let _ = world.devices[1].machine.handle_message(world.now, HaLinkId::Ha2, &message);
            while let Some(output) = world.devices[1].machine.poll_output() {
                let known = match output {
                    SyncOutput::Message { bytes, .. } => bytes.len() <= 1_440,
                    SyncOutput::Item { payload, .. } => payload.len() <= 80,
                    SyncOutput::JoinBegins(_)
                    | SyncOutput::Joined(_)
                    | SyncOutput::Told(_)
                    | SyncOutput::Lost(_)
                    | SyncOutput::Resumed
                    | SyncOutput::Log(_) => true,
                };
                prop_assert!(known);
            }
        }
        world.assert_bounds(&Settings::default());
    }
}
