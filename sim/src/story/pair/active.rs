//! Both devices forward.

use std::{fmt::Write as _, net::Ipv4Addr, time::Duration};

use bifrons_ha::HaLinkId;

use super::{
    passive::{millis, seconds},
    stage::{Figure, GROUP, Scenery, Stage},
};
use crate::{
    host::resident::{Call, Residence},
    run::{BEGIN, Build},
};

const ROUTER: Ipv4Addr = Ipv4Addr::new(172, 17, 1, 1);

/// Where the hosts of a story send what is for other networks, and what more the devices are told.
struct Pair {
    /// Of the router.
    outside: Ipv4Addr,
    /// Of the hosts inside, who are at these addresses.
    inside: Vec<(&'static str, Ipv4Addr, Ipv4Addr)>,
    links: Vec<HaLinkId>,
    more: String,
    picture: &'static str,
}

/// An address inside, and outside.
const fn inside(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, 0, last)
}

const fn outside(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(172, 17, 1, last)
}

const LINKS: [HaLinkId; 3] = [HaLinkId::Ha1, HaLinkId::Ha2, HaLinkId::Ha3];

const PICTURE: &str = "
                      router 172.17.1.1
                           │
   ──────┬─────────────────┴────────────────┬────── 172.17.1.0/24, untrust, ethernet1/1
      .2 │ .4                            .5 │ .3
     ┌───┴────┐      HA1, HA2, HA3      ┌───┴────┐
     │device 0├─────────────────────────┤device 1│   .4 floats, at home with device 0
     └───┬────┘                         └───┬────┘   .5 floats, at home with device 1
      .2 │ .4                            .5 │ .3
   ──────┴─────────┬────────────────┬───────┴────── 10.1.0.0/16, trust, ethernet1/2
                   │                │
              ann .20            bob .21
";

const MODE: &str = "set deviceconfig high-availability group mode active-active";

/// A floating address for each device in each network.
fn floating() -> String {
    let mut text = String::new();
    for (interface, network) in [("ethernet1/1", "172.17.1"), ("ethernet1/2", "10.1.0")] {
        for (last, [zero, one]) in [(4, [10, 20]), (5, [20, 10])] {
            let _ = writeln!(
                text,
                "{MODE} virtual-address {interface} ip {network}.{last} floating \
                 device-priority device-0 {zero} device-1 {one}"
            );
        }
    }
    text
}

fn scenery(title: &'static str, pair: Pair, calls: Vec<(usize, Call)>) -> Scenery {
    let base = "set deviceconfig high-availability";
    let mut common = String::from(
        "set network virtual-router default interface [ ethernet1/1 ethernet1/2 ]\n\
         set zone untrust network layer3 ethernet1/1\n\
         set zone trust network layer3 ethernet1/2\n\
         set rulebase security rules out from trust to untrust source any destination any\n\
         set rulebase security rules out application any service any action allow log-end yes\n",
    );
    let _ = writeln!(common, "{base} enabled yes group group-id {GROUP}");
    let _ = writeln!(common, "{base} group election-option timers recommended");
    for link in [HaLinkId::Ha2, HaLinkId::Ha3].iter().filter(|link| pair.links.contains(link)) {
        let mtu = if *link == HaLinkId::Ha3 { " mtu 9000" } else { "" };
        let _ = writeln!(common, "{base} interface {0} port {0}{mtu}", link.name());
    }
    let _ = writeln!(common, "{MODE} tentative-hold-time 10");
    common.push_str(&pair.more);
    let own = [0, 1].map(|device| {
        let (own, number, peer) = (device + 2, device + 1, 2 - device);
        format!(
            "set network interface ethernet ethernet1/1 layer3 ip 172.17.1.{own}/24\n\
             set network interface ethernet ethernet1/2 layer3 ip 10.1.0.{own}/16\n\
             {MODE} device-id {device}\n\
             {base} group peer-ip 10.255.0.{peer}\n\
             {base} interface ha1 port ha1 ip-address 10.255.0.{number} netmask 255.255.255.252\n"
        )
    });
    let host = |name, zone, address: Ipv4Addr, length, gateway| {
        let [.., network, last] = address.octets();
        let mac = [0x02, 0, 0, 0, network, last];
        let residence = Residence { mac, address, length, gateway: Some(gateway) };
        Figure { name, zone, residence, calls: Vec::new(), questions: Vec::new() }
    };
    let mut cast = vec![host("router", 0, ROUTER, 24, pair.outside)];
    cast.extend(pair.inside.iter().map(|(name, address, gateway)| host(*name, 1, *address, 16, *gateway)));
    for (place, call) in calls {
        if let Some(figure) = cast.get_mut(place) {
            figure.calls.push(call);
        }
    }
    Scenery {
        title,
        picture: pair.picture,
        common,
        own,
        links: pair.links,
        zones: vec!["untrust", "trust"],
        cast,
        is_active_active: true,
        background: Vec::new(),
    }
}

/// A connection to the router.
fn call(port: u16, opens: Duration, requests: &[Duration], closes: Option<Duration>) -> Call {
    Call {
        port,
        server: (ROUTER, 80),
        opens: BEGIN + opens,
        requests: requests.iter().map(|at| BEGIN + *at).collect(),
        closes: closes.map(|at| BEGIN + at),
    }
}

/// What a host inside is called, where it is, and its gateway.
const ANN: usize = 1;
const BOB: usize = 2;

/// Answers come to the other device than requests.
pub(super) fn asymmetric(build: Build<'_>) -> Result<String, String> {
    let (first, second) = (seconds(30), seconds(40));
    let floating = floating();
    let more = format!("{MODE} session-owner-selection first-packet session-setup ip-modulo\n{floating}");
    let pair = Pair {
        outside: outside(5),
        inside: vec![("ann", inside(20), inside(4)), ("bob", inside(21), inside(4))],
        links: LINKS.to_vec(),
        more,
        picture: PICTURE,
    };
    let calls = vec![
        (BOB, call(40_000, first, &[first], Some(first + millis(100)))),
        (ANN, call(40_001, second, &[second], Some(second + millis(100)))),
    ];
    let title = "Requests come to device 0 and answers to device 1: HA3 brings them together.";
    let mut stage = Stage::new(scenery(title, pair, calls), build)?;
    stage.chapter("Two devices are switched on");
    stage.run_until(first);
    stage.tables();
    stage.chapter("A connection that device 0 owns and sets up");
    stage.run_until(second);
    stage.tables();
    stage.chapter("A connection that device 0 owns and device 1 sets up");
    stage.run_until(seconds(70));
    Ok(stage.finish())
}
