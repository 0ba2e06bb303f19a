use alloc::{string::ToString, vec};

use proptest::prelude::*;

use super::*;
use crate::{Mismatch, StateReason};

fn any_hello() -> impl Strategy<Value = Hello> {
    let texts = (".{0,16}", "[ -~]{0,64}", "[0-9-]{0,16}");
    let device = (any::<[u16; 5]>(), any::<[u64; 4]>(), any::<[u8; 6]>(), any::<[bool; 7]>());
    let state = (proptest::sample::select(HaState::ALL.to_vec()), any::<[u8; 4]>(), any::<[u32; 2]>());
    let down = proptest::collection::vec(any::<u16>().prop_map(InterfaceNumber::from_bits), 0..4);
    (texts, device, state, down).prop_map(
        |((serial, model, content), (words, longs, mac, flags), state, down)| {
            let (state, [group, priority, reason, rule], [generation, seed]) = state;
            let [major, minor, maintenance, lowest, highest] = words;
            let [offered, required, digest, ha2_epoch] = longs;
            let [mode, id, preemptive, can_lead, is_synchronized, forwarding, qos] = flags;
            Hello {
                epoch: 9,
                serial,
                model,
                software: SoftwareVersion { major, minor, maintenance },
                content,
                versions: Versions { lowest, highest },
                offered,
                required,
                group,
                mode: if mode { Mode::ActiveActive } else { Mode::ActivePassive },
                device_id: DeviceId::of(u8::from(id)),
                priority,
                preemptive,
                state,
                reason,
                can_lead,
                is_synchronized,
                ha1_mac: MacAddress(mac),
                configuration: ConfigurationMark { generation, digest },
                pairing: Pairing {
                    state_sync: rule % 4,
                    forwarding,
                    session_devices: (rule, seed),
                    routers: group % 4,
                    qos,
                },
                ha2_epoch,
                down,
            }
        },
    )
}

/// Any that can be written.
pub(crate) fn any_message() -> impl Strategy<Value = Message> {
    let beat = any::<[u64; 3]>().prop_map(|[beat, nonce, hello_seen]| Heartbeat { beat, nonce, hello_seen });
    prop_oneof![
        any_hello().prop_map(|hello| Message::Hello(Box::new(hello))),
        beat.clone().prop_map(Message::HeartbeatRequest),
        beat.prop_map(Message::HeartbeatReply),
        (any::<u64>(), any::<bool>()).prop_map(|(number, suspend)| {
            let kind = if suspend { OrderKind::Suspend } else { OrderKind::Functional };
            Message::Order(Order { number, kind })
        }),
        (any::<u64>(), any::<bool>())
            .prop_map(|(number, is_done)| Message::OrderReply(OrderReply { number, is_done })),
    ]
}

fn envelope(message: Message) -> Envelope {
    Envelope { version: 1, epoch: 9, sequence: 77, message }
}

proptest! {
    #[test]
    fn what_is_written_is_read(message in any_message()) {
        let envelope = envelope(message);
        prop_assert_eq!(Envelope::read(&envelope.to_bytes(), VERSIONS), Ok(envelope));
    }

    #[test]
    fn a_message_cut_short_is_none(message in any_message(), end in any::<prop::sample::Index>()) {
        let bytes = envelope(message).to_bytes();
        let cut = &bytes[..end.index(bytes.len())];
        let result = Envelope::read(cut, VERSIONS);
        let is_short = matches!(result, Err(Unreadable::Short { .. }));
        prop_assert!(is_short, "{:?}", result);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Envelope::read(&bytes, VERSIONS);
    }

    #[test]
    fn a_changed_byte_is_read_or_refused(
        message in any_message(),
        at in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut bytes = envelope(message).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = Envelope::read(&bytes, VERSIONS);
    }
}

/// A message of a device that knows more.
fn with_fields(version: u16, kind: u8, fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut writer = Writer::new(version, kind, 9, 77);
    for (tag, value) in fields {
        writer.bytes(*tag, value);
    }
    writer.finish()
}

#[test]
fn fields_of_newer_devices_are_skipped_and_longer_values_are_cut() {
    let fields: [(u8, &[u8]); 4] =
        [(200, &[1; 300]), (tag::STATE, &[1, 99, 99]), (tag::CAN_LEAD, &[1]), (201, &[])];
    let read = Envelope::read(&with_fields(7, kind::HELLO, &fields), VERSIONS).expect("a hello");
    let Message::Hello(hello) = read.message else { panic!("a hello") };
    assert_eq!((hello.state, hello.can_lead), (HaState::Active, true));
}

#[test]
fn missing_fields_have_defaults_that_do_not_lead() {
    let read = Envelope::read(&with_fields(1, kind::HELLO, &[]), VERSIONS).expect("a hello");
    let Message::Hello(hello) = read.message else { panic!("a hello") };
    assert_eq!((hello.state, hello.can_lead, hello.preemptive), (HaState::Initial, false, false));
    assert_eq!((hello.priority, hello.versions), (u8::MAX, Versions { lowest: 1, highest: 1 }));
}

#[test]
fn what_cannot_be_is_refused_with_a_word() {
    for (bytes, expected) in [
        (vec![0; 5], Unreadable::Short { length: 5, part: "head" }),
        (with_fields(1, 99, &[]), Unreadable::Kind(99)),
        (with_fields(2, kind::ORDER, &[]), Unreadable::Version(2)),
        (with_fields(1, kind::ORDER, &[]), Unreadable::Value(tag::ORDER_KIND)),
        (with_fields(1, kind::HELLO, &[(tag::STATE, &[8])]), Unreadable::Value(tag::STATE)),
        (with_fields(1, kind::HELLO, &[(tag::CAN_LEAD, &[2])]), Unreadable::Value(tag::CAN_LEAD)),
        (with_fields(1, kind::HELLO, &[(tag::HA1_MAC, &[1; 5])]), Unreadable::Value(tag::HA1_MAC)),
        (with_fields(1, kind::HELLO, &[(tag::SERIAL, &[0xff])]), Unreadable::Value(tag::SERIAL)),
        (with_fields(1, kind::HELLO, &[(tag::SERIAL, &[b'1'; 65])]), Unreadable::Value(tag::SERIAL)),
    ] {
        assert_eq!(Envelope::read(&bytes, VERSIONS), Err(expected));
    }
}

#[test]
fn both_take_the_highest_version_that_both_know() {
    let versions = |lowest, highest| Versions { lowest, highest };
    assert_eq!(versions(1, 3).agree(versions(2, 5)), Some(3));
    assert_eq!(versions(2, 5).agree(versions(1, 3)), Some(3));
    assert_eq!(versions(1, 1).agree(versions(2, 5)), None);
    assert_eq!(versions(4, 5).agree(versions(1, 3)), None);
}

#[test]
fn long_texts_are_cut_between_characters() {
    let mut writer = Writer::new(1, kind::HELLO, 9, 77);
    writer.text(tag::SERIAL, &"ä".repeat(40));
    writer.text(tag::MODEL, &("x".to_string() + &"ä".repeat(40)));
    let read = Envelope::read(&writer.finish(), VERSIONS).expect("a hello");
    let Message::Hello(hello) = read.message else { panic!("a hello") };
    assert_eq!((hello.serial.len(), hello.model.len()), (64, 63));
}

#[test]
fn each_mismatch_is_found_and_none_between_twins() {
    let (own, _) = pair();
    type Change = fn(&mut Hello);
    let changes: [(Change, Mismatch); 12] = [
        (|it| it.serial = String::from("1"), Mismatch::Serial),
        (|it| it.versions = Versions { lowest: 0, highest: 0 }, Mismatch::PeerTooOld),
        (|it| it.versions = Versions { lowest: 2, highest: 2 }, Mismatch::Version),
        (|it| it.model = String::from("other"), Mismatch::Model),
        (|it| it.required = 4, Mismatch::Capability),
        (|it| it.group = 2, Mismatch::Group),
        (|it| it.mode = Mode::ActivePassive, Mismatch::Mode),
        (|it| it.device_id = DeviceId::Zero, Mismatch::DeviceId),
        (|it| it.pairing.state_sync = 0, Mismatch::StateSynchronization),
        (|it| it.pairing.forwarding = false, Mismatch::PacketForwarding),
        (|it| it.pairing.session_devices.1 = 5, Mismatch::SessionLoadShare),
        (|it| it.pairing.routers = 1, Mismatch::RouterSync),
    ];
    for (change, expected) in changes {
        let (own, mut peer) = pair();
        assert_eq!(Mismatch::between(&own, &peer), None);
        change(&mut peer);
        assert_eq!(Mismatch::between(&own, &peer), Some(expected));
        let number = StateReason::Mismatch(expected).number();
        assert!(StateReason::text_of(number).is_some());
    }
    let (_, mut peer) = pair();
    peer.pairing.qos = true;
    assert_eq!(Mismatch::between(&own, &peer), Some(Mismatch::QosSync));
    assert_eq!(peer.software.to_string(), "0.0.0");
}

/// Two active/active devices that fit.
fn pair() -> (Hello, Hello) {
    let read = Envelope::read(&with_fields(1, kind::HELLO, &[]), VERSIONS).expect("a hello");
    let Message::Hello(hello) = read.message else { panic!("a hello") };
    let own = Hello {
        serial: String::from("1"),
        mode: Mode::ActiveActive,
        group: 1,
        pairing: Pairing { state_sync: 1, forwarding: true, ..Pairing::default() },
        ..*hello
    };
    let peer = Hello { serial: String::from("2"), device_id: DeviceId::One, ..own.clone() };
    (own, peer)
}
