//! What counts of that which arrives.

use proptest::prelude::*;

use super::*;
use crate::{
    control::nonce,
    hello::{Envelope, Heartbeat, Message, Order, OrderKind, tests::any_message},
};

const A: usize = 0;
const B: usize = 1;
const UP: [Option<HaState>; 2] = [Some(HaState::Active), Some(HaState::Passive)];

fn running() -> Pair {
    Pair::running(configuration(10), configuration(20))
}

/// Everything a member would show or do, but for its counts of bad messages.
fn picture(member: &Member) -> (Status, Option<Timestamp>) {
    let mut status = member.status();
    status.now = Timestamp::ZERO;
    status.unreadable_messages = 0;
    status.replayed_messages = 0;
    (status, member.poll_timeout())
}

#[test]
fn old_messages_and_noise_change_nothing() {
    let mut pair = running();
    pair.record = Some(Vec::new());
    pair.seconds(20);
    pair.with(A, |member, now| member.handle_request(now, StateRequest::Suspend)).expect("it leads");
    pair.seconds(20);
    let sent = pair.record.take().unwrap_or_default();
    let kept: Vec<(HaLinkId, Vec<u8>)> =
        sent.into_iter().filter(|(to, ..)| *to == B).map(|(_, link, bytes)| (link, bytes)).collect();
    assert!(kept.len() > 40);
    let before = picture(pair.member(B));
    for (link, bytes) in &kept {
        for end in [bytes.len(), bytes.len() / 2, 3] {
            pair.with(B, |member, now| member.handle_message(now, *link, &bytes[..end]));
        }
    }
    pair.with(B, |member, now| member.handle_message(now, HaLinkId::Ha2, &kept[0].1));
    assert_eq!(picture(pair.member(B)), before);
    let status = pair.member(B).status();
    assert_eq!(status.replayed_messages, kept.len() as u64);
    assert_eq!(status.unreadable_messages, 2 * kept.len() as u64 + 1);
}

proptest! {
    #[test]
    fn random_bytes_change_nothing(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        link in proptest::sample::select(HaLinkId::ALL.to_vec()),
    ) {
        let mut member = Member::new(Timestamp::from_secs(START), settings(1, configuration(10)));
        let before = picture(&member);
        member.handle_message(Timestamp::from_secs(START), link, &bytes);
        prop_assert_eq!(picture(&member), before);
    }

    /// A peer may be wrong about anything; the device goes on, and says a bounded number of things.
    #[test]
    fn any_authentic_words_are_survived(
        words in proptest::collection::vec((any_message(), 0_u64..9_000, any::<u64>()), 1..40),
        is_active_active in any::<bool>(),
    ) {
        let config = if is_active_active { active_active(0) } else { configuration(10) };
        let mut now = Timestamp::from_secs(START);
        let mut member = Member::new(now, settings(1, config));
        HaLinkId::ALL.into_iter().for_each(|link| member.handle_link(now, link, true));
        for (place, (message, span, epoch)) in words.into_iter().enumerate() {
            now += Duration::from_millis(span);
            let sequence = place as u64 + 1;
            let epoch = if epoch.is_multiple_of(2) { 9 } else { epoch };
            let bytes = Envelope { version: 1, epoch, sequence, message }.to_bytes();
            member.handle_message(now, HaLinkId::Ha1, &bytes);
            member.handle_timeout(now);
            prop_assert!(member.poll_timeout().is_some_and(|at| at > now));
            let said = core::iter::from_fn(|| member.poll_output()).count();
            prop_assert!(said < 40, "{} outputs", said);
        }
    }
}

#[test]
fn messages_of_an_earlier_start_change_nothing_but_an_answer_does() {
    let mut pair = running();
    pair.crash(A);
    pair.seconds(20);
    let earlier = Timestamp::from_secs(5).as_nanos();
    let now = pair.now;
    let old = |message, sequence| Envelope { version: 1, epoch: earlier, sequence, message }.to_bytes();
    let guess = Heartbeat { beat: 1, nonce: 1, hello_seen: 0 };
    pair.with(B, |member, now| {
        member.handle_message(now, HaLinkId::Ha1, &old(Message::HeartbeatReply(guess), 1));
        member.handle_message(now, HaLinkId::Ha1, &old(Message::HeartbeatRequest(guess), 2));
    });
    assert!(!pair.member(B).peer_is_alive());
    let beat = pair.member(B).exchange.beat;
    let own_mac = MacAddress([2, 0, 0, 0, 0, 2]);
    let nonce = nonce(own_mac, pair.member(B).epoch(), beat);
    let answer = Heartbeat { beat, nonce, hello_seen: 0 };
    pair.member(B).handle_message(now, HaLinkId::Ha1, &old(Message::HeartbeatReply(answer), 3));
    assert!(pair.member(B).peer_is_alive(), "its clock went back while it was off");
}

#[test]
fn the_peer_obeys_once_and_says_so() {
    let mut pair = running();
    pair.with(B, |member, now| member.handle_request(now, StateRequest::SuspendPeer)).expect("connected");
    let again = pair.with(B, |member, now| member.handle_request(now, StateRequest::FunctionalPeer));
    assert_eq!(again, Err(RequestError::OrderPending));
    pair.seconds(2);
    assert_eq!(pair.states(), [Some(HaState::Suspended), Some(HaState::Active)]);
    assert_eq!(pair.member(A).reason(), StateReason::PeerRequested);
    assert_eq!(pair.logged(B, "Peer obeys the request to be suspend"), 1);
    pair.with(B, |member, now| member.handle_request(now, StateRequest::SuspendPeer)).expect("connected");
    pair.seconds(2);
    assert_eq!(pair.logged(B, "Peer refuses the request to be suspend"), 1);
    pair.with(B, |member, now| member.handle_request(now, StateRequest::FunctionalPeer)).expect("connected");
    pair.seconds(5);
    assert_eq!(pair.states(), [Some(HaState::Passive), Some(HaState::Active)]);
}

#[test]
fn orders_survive_loss_and_end_without_an_answer() {
    let mut pair = running();
    pair.loss = 500;
    pair.with(B, |member, now| member.handle_request(now, StateRequest::SuspendPeer)).expect("connected");
    pair.seconds(10);
    pair.loss = 0;
    pair.seconds(10);
    assert_eq!(pair.state(A), Some(HaState::Suspended));
    pair.cut(&crate::CONTROL_LINKS);
    pair.with(B, |member, now| member.handle_request(now, StateRequest::FunctionalPeer))
        .expect("still heard");
    pair.seconds(10);
    assert_eq!(pair.logged(B, "Peer does not answer the request"), 1);
    let now = pair.now;
    let refused = pair.member(B).handle_request(now, StateRequest::SuspendPeer);
    assert_eq!(refused, Err(RequestError::PeerNotConnected));
}

#[test]
fn the_heartbeat_backup_carries_no_orders() {
    let mut configs = [configuration(10), configuration(20)];
    configs.iter_mut().for_each(|config| config.election.heartbeat_backup = true);
    let [a, b] = configs;
    let mut pair = Pair::running(a, b);
    let (epoch, sequence) = (pair.member(B).epoch(), pair.member(B).exchange.sequence + 1);
    let order = Message::Order(Order { number: 1, kind: OrderKind::Suspend });
    let bytes = Envelope { version: 1, epoch, sequence, message: order }.to_bytes();
    pair.with(A, |member, now| member.handle_message(now, HaLinkId::HeartbeatBackup, &bytes));
    assert_eq!(pair.states(), UP);
    assert_eq!(pair.member(A).status().unreadable_messages, 1);
}

#[test]
fn a_hello_that_was_lost_is_said_again_at_the_next_heartbeat() {
    let mut pair = running();
    pair.silent[A].extend(crate::CONTROL_LINKS);
    pair.with(A, |member, now| member.handle_dataplane(now, false));
    pair.heal();
    pair.run(Duration::from_millis(2_100));
    assert_eq!(pair.states(), [Some(HaState::NonFunctional), Some(HaState::Active)]);
}

#[test]
fn two_versions_agree_on_the_older_words() {
    let mut pair = Pair::new(configuration(10), configuration(20));
    pair.devices[B].settings.identity.versions = Versions { lowest: 1, highest: 2 };
    pair.boot(A);
    pair.boot(B);
    pair.seconds(30);
    assert_eq!(pair.states(), UP);
    pair.run(Duration::from_millis(10));
    pair.with(B, |member, now| member.handle_timeout(now + Duration::from_secs(2)));
    let versions: Vec<u8> = pair
        .queue
        .values()
        .filter_map(|(_, item)| match item {
            Item::Message(_, bytes) => bytes.get(1).copied(),
            Item::Heard | Item::Synchronized | Item::Answer(_) => None,
        })
        .collect();
    assert!(!versions.is_empty() && versions.iter().all(|version| *version == 1));
}

#[test]
fn a_device_that_is_too_old_gives_way_without_an_interruption() {
    let mut pair = Pair::new(configuration(10), configuration(20));
    pair.devices[A].settings.identity.versions = Versions { lowest: 2, highest: 3 };
    pair.boot(A);
    pair.boot(B);
    pair.seconds(30);
    assert_eq!(pair.states(), [Some(HaState::Active), Some(HaState::NonFunctional)]);
    assert_eq!(pair.member(B).reason(), StateReason::Mismatch(crate::Mismatch::Version));
    // The newer one is the worse: it finds the peer too old, and only an operator can mend that.
    let mut pair = Pair::new(configuration(20), configuration(10));
    pair.devices[A].settings.identity.versions = Versions { lowest: 2, highest: 3 };
    pair.boot(A);
    pair.boot(B);
    pair.seconds(30);
    assert_eq!(pair.states(), [Some(HaState::Suspended), Some(HaState::Active)]);
}

#[test]
fn a_mismatch_does_not_stop_the_device_that_leads() {
    let mut pair = running();
    let mut other = configuration(1);
    other.group_id = 8;
    let new = settings(2, other);
    pair.with(B, |member, now| member.handle_settings(now, new));
    pair.seconds(1);
    assert_eq!(pair.states(), [Some(HaState::Active), Some(HaState::NonFunctional)]);
    let new = settings(2, configuration(20));
    pair.with(B, |member, now| member.handle_settings(now, new));
    pair.seconds(1);
    assert_eq!(pair.states(), UP);
    assert_eq!(pair.logged(B, "Mismatch is over"), 1);
}

#[test]
fn a_commit_of_another_mode_keeps_the_leader() {
    let mut pair = running();
    for device in [A, B] {
        let id = device as u8;
        let new = settings(id + 1, active_active(id));
        pair.with(device, |member, now| member.handle_settings(now, new));
    }
    assert_eq!(pair.state(A), Some(HaState::ActivePrimary));
    pair.seconds(5);
    assert_eq!(pair.states(), [Some(HaState::ActivePrimary), Some(HaState::ActiveSecondary)]);
}
