use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::{
    device::Cable,
    host::{
        Addresses,
        crowd::{CrowdClient, CrowdServer, Throng},
        file_transfer::{FtpClient, FtpServer},
        ping::Ping,
        stack::{Stack, Task},
        transfer::{Load, TransferClient, TransferServer},
        udp::{Questions, UdpClient, UdpServer},
    },
};

const BEGIN: Timestamp = Timestamp::from_secs(1_700_000_000);

fn addresses(number: u8) -> Addresses {
    Addresses {
        mac: [2, 0, 0, 0, 0, number],
        v4: Ipv4Addr::new(10, 1, 0, number),
        v6: Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, number.into()),
        gateway: None,
    }
}

fn end(place: Place, port: usize) -> Endpoint {
    Endpoint { place, port }
}

/// Two hosts, a switch and a cable that is called a firewall.
fn world(seed: u64, quality: Quality, clients: Vec<Box<dyn Host>>) -> World {
    let servers: Vec<Box<dyn Task>> = vec![
        Box::new(TransferServer::new(8_000)),
        Box::new(UdpServer::new(9_000)),
        Box::new(FtpServer::default()),
    ];
    let mut world = World::new(BEGIN, seed, Watch::Border);
    let server = world.add_host(Box::new(Stack::new(BEGIN, addresses(2), 1500, seed ^ 1, servers)));
    let switch = world.add_switch(clients.len() + 1);
    let device = world.add_device(Box::new(Cable::default()));
    let host = |number| Place::Host(number);
    world.connect([end(host(server), 0), end(Place::Device(device), 1)], quality);
    world.connect([end(Place::Device(device), 0), end(Place::Switch(switch), 0)], quality);
    for (place, client) in clients.into_iter().enumerate() {
        let number = world.add_host(client);
        world.connect([end(Place::Switch(switch), place + 1), end(host(number), 0)], quality);
    }
    world
}

fn stack(seed: u64, tasks: Vec<Box<dyn Task>>) -> Box<dyn Host> {
    Box::new(Stack::new(BEGIN, addresses(3), 1500, seed, tasks))
}

fn reports(world: &mut World, span: Duration) -> Vec<Report> {
    let mut reports = Vec::new();
    while world.step(BEGIN + span) {
        reports.extend(world.take_news().into_iter().filter_map(|news| match news {
            News::Reported { report, .. } => Some(report),
            News::Enters { .. }
            | News::Leaves { .. }
            | News::Logged { .. }
            | News::Settled { .. }
            | News::HostSent { .. }
            | News::HostGot { .. } => None,
        }));
    }
    reports
}

fn everything(seed: u64) -> Box<dyn Host> {
    let v4 = IpAddr::V4(addresses(2).v4);
    let v6 = IpAddr::V6(addresses(2).v6);
    let load = Load { up: 20_000, down: 50_000, pause: Duration::ZERO };
    let slow = Load { up: 10_000, down: 10_000, pause: Duration::from_millis(300) };
    let questions = Questions { count: 5, interval: Duration::from_millis(200), length: 400 };
    stack(
        seed,
        vec![
            Box::new(TransferClient::new(0, BEGIN, (v4, 8_000), load)),
            Box::new(TransferClient::new(1, BEGIN + Duration::from_secs(1), (v6, 8_000), slow)),
            Box::new(UdpClient::new(2, BEGIN, (v4, 9_000), questions)),
            Box::new(Ping::new(3, BEGIN, v4, questions)),
            Box::new(Ping::new(4, BEGIN, v6, questions)),
            Box::new(FtpClient::new(5, BEGIN, v4, true, 30_000)),
            Box::new(FtpClient::new(6, BEGIN, v4, false, 30_000)),
            Box::new(FtpClient::new(7, BEGIN, v6, true, 30_000)),
            Box::new(FtpClient::new(8, BEGIN, v6, false, 30_000)),
        ],
    )
}

const TRANSFERS: [usize; 6] = [0, 1, 5, 6, 7, 8];

#[test]
fn hosts_talk_over_a_good_network() {
    let mut world = world(1, Quality::default(), vec![everything(7)]);
    let reports = reports(&mut world, Duration::from_secs(60));
    for talk in TRANSFERS {
        assert!(reports.contains(&Report::Finished { talk }), "{talk}: {reports:?}");
        assert!(reports.contains(&Report::Heard { talk }), "{talk}: {reports:?}");
    }
    for talk in 2..5 {
        assert!(reports.contains(&Report::Answered { talk, sent: 5, answered: 5 }), "{reports:?}");
    }
}

#[test]
fn transfers_come_through_a_bad_one() {
    let quality = Quality {
        latency: Duration::from_millis(5),
        jitter: Duration::from_millis(3),
        loss: 50_000,
        duplicate: 20_000,
        reorder: 50_000,
        ..Quality::default()
    };
    for seed in 0..40 {
        let mut world = world(seed, quality, vec![everything(seed)]);
        let reports = reports(&mut world, Duration::from_secs(4_000));
        for talk in TRANSFERS {
            assert!(reports.contains(&Report::Finished { talk }), "seed {seed} {talk}: {reports:?}");
        }
        assert!(world.links.iter().any(|link| link.counters.lost > 0), "nothing was lost");
    }
}

#[test]
fn a_seed_is_a_world() {
    let quality = Quality { loss: 50_000, jitter: Duration::from_millis(1), ..Quality::default() };
    let digest = |seed| {
        let mut world = world(seed, quality, vec![everything(seed)]);
        reports(&mut world, Duration::from_secs(20));
        (world.digest(), world.events(), world.frames())
    };
    assert_eq!(digest(3), digest(3));
    assert_ne!(digest(3), digest(4));
}

#[test]
fn a_crowd_is_served() {
    let throng = Throng { count: 200, interval: Duration::from_millis(10), requests: (2, 6) };
    let client = CrowdClient::new(0, BEGIN, &addresses(3), (addresses(4).v4, 80), throng, 1);
    let mut world =
        world(1, Quality::default(), vec![Box::new(client), Box::new(CrowdServer::new(&addresses(4)))]);
    let reports = reports(&mut world, Duration::from_secs(60));
    assert!(reports.contains(&Report::Answered { talk: 0, sent: 200, answered: 200 }), "{reports:?}");
}

#[test]
fn a_frozen_device_goes_on_where_it_stopped() {
    let mut world = world(1, Quality::default(), vec![everything(7)]);
    world.step(BEGIN + Duration::from_millis(5));
    world.freeze(0, Duration::from_secs(2));
    let reports = reports(&mut world, Duration::from_secs(100));
    for talk in TRANSFERS {
        assert!(reports.contains(&Report::Finished { talk }), "{talk}: {reports:?}");
    }
    assert_eq!(world.devices[0].missed, 0);
}
