//! Records for tests.

use std::net::IpAddr;

use bifrons_catalog::app;
use bifrons_model::{
    Action, ActionSource, AppId, CategoryId, EndReason, Flags, Handshake, HandshakeStep, InterfaceId, Names,
    RuleId, SessionId, Subtype, Timestamp, Tracker, TrafficRecord, Translation, UserId, Volume, ZoneId,
};

pub(crate) fn names() -> Names {
    Names {
        zones: vec!["trust".into(), "untrust".into()],
        interfaces: vec!["ethernet1/1".into(), "ethernet1/2".into()],
        rules: vec!["outbound".into(), "deny, \"all\"".into()],
        device: "gate".into(),
        serial: "0042".into(),
        ..Names::default()
    }
}

pub(crate) fn handshake(steps: &[HandshakeStep]) -> Handshake {
    let mut handshake = Handshake::default();
    steps.iter().for_each(|step| handshake.push(*step));
    handshake
}

/// A TLS session of 1.25 seconds that closed as it should.
pub(crate) fn ended() -> TrafficRecord {
    use HandshakeStep::{Ack, Syn, SynAck};
    TrafficRecord {
        subtype: Subtype::End,
        session_id: SessionId(7),
        sequence_number: 1_001,
        generated: Timestamp::from_nanos(1_700_000_036_270_000_000),
        start: Timestamp::from_nanos(1_700_000_020_020_000_000),
        last_packet: Timestamp::from_nanos(1_700_000_021_270_000_001),
        source: address("192.168.1.10"),
        destination: address("203.0.113.80"),
        source_port: 51_000,
        destination_port: 443,
        protocol: 6,
        translation: None,
        nat_rule: None,
        source_user: UserId(0),
        category: CategoryId(0),
        parent_session: SessionId(0),
        parent_start: None,
        app: app::SSL,
        rule: RuleId(0),
        zone_from: ZoneId(0),
        zone_to: ZoneId(1),
        interface_in: InterfaceId(0),
        interface_out: InterfaceId(1),
        action: Action::Allow,
        action_source: ActionSource::Policy,
        sent: Volume { packets: 9, bytes: 1_234 },
        received: Volume { packets: 11, bytes: 9_876_543 },
        end_reason: EndReason::TcpFin,
        tracker: Tracker::TcpFin,
        handshake: handshake(&[Syn, SynAck, Ack]),
        flags: Flags::default(),
        server_name: Some("example.com".into()),
        ja4: None,
    }
}

/// The same session at its first application data.
pub(crate) fn started() -> TrafficRecord {
    TrafficRecord {
        subtype: Subtype::Start,
        sequence_number: 1_000,
        generated: Timestamp::from_nanos(1_700_000_020_040_000_000),
        last_packet: Timestamp::from_nanos(1_700_000_020_040_000_000),
        sent: Volume { packets: 3, bytes: 711 },
        received: Volume { packets: 1, bytes: 74 },
        end_reason: EndReason::NotApplicable,
        tracker: Tracker::None,
        ..ended()
    }
}

/// The same addresses, dropped at the first packet by a rule whose name needs quotes.
pub(crate) fn dropped() -> TrafficRecord {
    TrafficRecord {
        subtype: Subtype::Drop,
        last_packet: ended().start,
        generated: ended().start,
        app: app::NOT_APPLICABLE,
        rule: RuleId(1),
        action: Action::Drop,
        sent: Volume { packets: 1, bytes: 74 },
        received: Volume::default(),
        end_reason: EndReason::PolicyDeny,
        tracker: Tracker::AppidPolicyLookupDeny,
        handshake: handshake(&[HandshakeStep::Syn]),
        server_name: None,
        ja4: None,
        ..ended()
    }
}

/// The same session, denied by the application's own action once that was known.
pub(crate) fn denied() -> TrafficRecord {
    TrafficRecord {
        subtype: Subtype::Deny,
        action: Action::ResetBoth,
        action_source: ActionSource::Application,
        end_reason: EndReason::PolicyDeny,
        tracker: Tracker::AppidPolicyLookupDeny,
        ..ended()
    }
}

/// A DNS question over IPv6 and its answer.
pub(crate) fn ipv6() -> TrafficRecord {
    TrafficRecord {
        source: address("2001:db8:0:1:2:3:4:5"),
        destination: address("2001:db8::53"),
        source_port: 65_535,
        destination_port: 53,
        protocol: 17,
        ..aged(app::DNS_BASE)
    }
}

/// A ping; its addresses are translated, it has no ports.
pub(crate) fn ping() -> TrafficRecord {
    TrafficRecord { protocol: 1, source_port: 0, destination_port: 0, ..translated(aged(app::PING)) }
}

/// `record` with the source translated.
pub(crate) fn translated(record: TrafficRecord) -> TrafficRecord {
    let translation = Translation {
        source: address("198.51.100.1"),
        source_port: 1_024,
        destination: record.destination,
        destination_port: record.destination_port,
    };
    TrafficRecord { translation: Some(translation), flags: record.flags.with(Flags::NAT), ..record }
}

fn aged(app: AppId) -> TrafficRecord {
    TrafficRecord {
        app,
        sent: Volume { packets: 1, bytes: 98 },
        received: Volume { packets: 1, bytes: 98 },
        last_packet: Timestamp::from_nanos(1_700_000_020_040_500_000),
        end_reason: EndReason::AgedOut,
        tracker: Tracker::AgedOut,
        handshake: Handshake::default(),
        flags: Flags::default(),
        server_name: None,
        ja4: None,
        ..ended()
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}
