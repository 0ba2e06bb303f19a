//! The scenes that stories are made of.

use std::time::Duration;

use bifrons_model::Timestamp;

use super::Scene;
use crate::{
    frame::{build::header, flag},
    host::{
        Addresses, Host,
        actor::{Actor, Cue},
        crowd::{CrowdClient, CrowdServer, Throng},
        flood::{Flood, Torrent},
        stack::Stack,
        udp::{Questions, UdpClient},
    },
    plan::{Action, Line, Plan, Rule, Service, Talk, TalkKind, Verdict, ZonePlan},
    run::BEGIN,
};

const CLIENT: u16 = 40_000;
const SERVER: u16 = 8_080;
/// The first numbers of client and server; a crowd's server answers with its own.
const NUMBERS: (u32, u32) = (1_000, 5_000);

pub(super) fn scene(name: &str) -> Option<Scene> {
    match name {
        "handshake" => {
            Some(handshake("A connection opens, carries a request and its answer, and closes.", false))
        }
        "nat" => Some(handshake(
            "A connection to a network where the client is known by the firewall's address.",
            true,
        )),
        "syn-ack-rst" => Some(syn_ack_rst()),
        "reuse" => Some(reuse()),
        "asymmetric" => Some(asymmetric()),
        "flood" => Some(flood()),
        "icmp-unreachable" => Some(icmp_unreachable()),
        _ => None,
    }
}

fn plan(hides: bool) -> Plan {
    let zone = ZonePlan { hosts: 2, ..ZonePlan::default() };
    Plan {
        seed: 1,
        capacity: 1_000,
        hides,
        zones: vec![zone; 2],
        rules: vec![Rule { from: Some(0), to: Some(1), service: Service::Any, verdict: Verdict::Allow }],
        ..Plan::default()
    }
}

fn addresses(plan: &Plan) -> (Addresses, Addresses) {
    (plan.addresses(0, 0), plan.addresses(1, 0))
}

fn scene_of(title: &'static str, plan: &Plan, client: Box<dyn Host>, server: Box<dyn Host>) -> Scene {
    Scene {
        title,
        configuration: plan.configuration(&plan.rules),
        cast: vec![("client", 0, client), ("server", 1, server)],
        most_alike: usize::MAX,
    }
}

fn at(millis: u64) -> Timestamp {
    BEGIN + Duration::from_millis(millis)
}

fn handshake(title: &'static str, hides: bool) -> Scene {
    let plan = plan(hides);
    let (client, server) = addresses(&plan);
    let throng = Throng { count: 1, interval: Duration::from_secs(1), requests: (1, 1) };
    let crowd = CrowdClient::new(0, at(100), &client, (server.v4, SERVER), throng, 1);
    scene_of(title, &plan, Box::new(crowd), Box::new(CrowdServer::new(&server)))
}

/// A client's line: when, flags, its numbers.
fn cue(millis: u64, flags: u8, numbers: (u32, u32), payload: usize) -> Cue {
    Cue { at: at(millis), header: header((CLIENT, SERVER), numbers, flags), payload }
}

/// A server's line.
fn reply(millis: u64, flags: u8, numbers: (u32, u32)) -> Cue {
    Cue { at: at(millis), header: header((SERVER, CLIENT), numbers, flags), payload: 0 }
}

fn play(title: &'static str, client_says: Vec<Cue>, server_says: Vec<Cue>) -> Scene {
    let plan = plan(false);
    let (client, server) = addresses(&plan);
    scene_of(
        title,
        &plan,
        Box::new(Actor::new(&client, server.v4, client_says)),
        Box::new(Actor::new(&server, client.v4, server_says)),
    )
}

fn syn_ack_rst() -> Scene {
    let (mine, yours) = NUMBERS;
    play(
        "The client resets a connection as soon as it is answered, as port scanners do.",
        vec![cue(100, flag::SYN, (mine, 0), 0), cue(110, flag::RST, (mine + 1, 0), 0)],
        vec![reply(105, flag::SYN | flag::ACK, (yours, mine + 1))],
    )
}

fn reuse() -> Scene {
    let (mine, yours) = NUMBERS;
    let (ack, both) = (flag::ACK, flag::SYN | flag::ACK);
    play(
        "A client opens a connection on the ports of one that has just been closed.",
        vec![
            cue(100, flag::SYN, (mine, 0), 0),
            cue(120, ack, (mine + 1, yours + 1), 0),
            cue(130, flag::FIN | ack, (mine + 1, yours + 1), 0),
            cue(150, ack, (mine + 2, yours + 2), 0),
            cue(3_000, flag::SYN, (mine + 900_000, 0), 0),
            cue(3_020, flag::RST, (mine + 900_001, 0), 0),
        ],
        vec![
            reply(110, both, (yours, mine + 1)),
            reply(140, flag::FIN | ack, (yours + 1, mine + 2)),
            reply(3_010, both, (yours + 700_000, mine + 900_001)),
        ],
    )
}

fn asymmetric() -> Scene {
    let (mine, yours) = NUMBERS;
    play(
        "The client's packets take another way: the firewall sees answers to what it never saw, and later \
         packets of a connection that it does not know.",
        vec![cue(200, flag::PSH | flag::ACK, (mine + 1, yours + 1), 100)],
        vec![reply(100, flag::SYN | flag::ACK, (yours, mine + 1))],
    )
}

fn flood() -> Scene {
    let mut plan = plan(false);
    plan.capacity = 8;
    plan.rules.push(Rule { from: Some(1), to: Some(0), service: Service::Any, verdict: Verdict::Allow });
    let (client, server) = addresses(&plan);
    let throng = Throng { count: 1, interval: Duration::from_secs(1), requests: (3, 3) };
    let crowd = CrowdClient::new(0, at(100), &client, (server.v4, SERVER), throng, 1);
    let torrent = Torrent { count: 40, interval: Duration::from_micros(10) };
    let attacker = plan.addresses(1, 1);
    let talk = Talk {
        number: 1,
        client: (1, 1),
        server: (0, 0),
        is_v6: false,
        port: SERVER,
        kind: TalkKind::Flood(torrent),
    };
    plan.lines.push(Line { at: Duration::from_millis(103), action: Action::Talk(talk) });
    let flood = Flood::new(1, at(103), &attacker, (client.v4, SERVER), torrent, 1);
    let title = "SYNs from nobody fill the session table: who stands stays, who comes finds no room.";
    let mut scene = scene_of(title, &plan, Box::new(crowd), Box::new(CrowdServer::new(&server)));
    scene.cast.push(("attacker", 1, Box::new(flood)));
    scene.most_alike = 16;
    scene
}

fn icmp_unreachable() -> Scene {
    let plan = plan(false);
    let (client, server) = addresses(&plan);
    let questions = Questions { count: 1, interval: Duration::from_secs(1), length: 20 };
    let ask = UdpClient::new(0, at(100), (server.v4.into(), 9_999), questions);
    let asking = Stack::new(BEGIN, client, 1_500, 1, vec![Box::new(ask)]);
    let silent = Stack::new(BEGIN, server, 1_500, 2, Vec::new());
    scene_of(
        "A question to a port that nobody serves: the error comes back on behalf of the session.",
        &plan,
        Box::new(asking),
        Box::new(silent),
    )
}
