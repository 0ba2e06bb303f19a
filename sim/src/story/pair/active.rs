//! Both devices forward.

use std::{fmt::Write as _, net::Ipv4Addr, time::Duration};

use bifrons_ha::HaLinkId;

use super::{
    passive::{millis, seconds},
    stage::{Figure, GROUP, Scenery, Stage, call_to},
};
use crate::{
    host::resident::{Call, Residence},
    run::Build,
};

const ROUTER: Ipv4Addr = Ipv4Addr::new(172, 17, 1, 1);

/// Where the hosts of a story send what is for other networks, and what more the devices are told.
pub(super) struct Pair {
    /// Of the router.
    pub outside: Ipv4Addr,
    /// Of the hosts inside, who are at these addresses.
    pub inside: Vec<(&'static str, Ipv4Addr, Ipv4Addr)>,
    pub links: Vec<HaLinkId>,
    /// More lines of both.
    pub more: String,
    pub picture: &'static str,
}

/// An address inside, and outside.
pub(super) const fn inside(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, 0, last)
}

pub(super) const fn outside(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(172, 17, 1, last)
}

pub(super) const LINKS: [HaLinkId; 3] = [HaLinkId::Ha1, HaLinkId::Ha2, HaLinkId::Ha3];

pub(super) const PICTURE: &str = "
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

pub(super) const MODE: &str = "set deviceconfig high-availability group mode active-active";

/// A floating address for each device in each network.
pub(super) fn floating() -> String {
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

pub(super) fn scenery(title: &'static str, pair: Pair, calls: Vec<(usize, Call)>) -> Scenery {
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
pub(super) fn call(port: u16, opens: Duration, requests: &[Duration], closes: Option<Duration>) -> Call {
    call_to(ROUTER, (port, opens), requests, closes)
}

/// Places in the cast.
pub(super) const ANN: usize = 1;
pub(super) const BOB: usize = 2;

/// What the network is in which a router answers by device 1 whoever asks.
fn crossed(more: String) -> Pair {
    Pair {
        outside: outside(5),
        inside: vec![("ann", inside(20), inside(4)), ("bob", inside(21), inside(4))],
        links: LINKS.to_vec(),
        more,
        picture: PICTURE,
    }
}

/// Who owns and who sets up, as recommended, with a floating address for each device in each network.
pub(super) fn recommended() -> String {
    format!("{MODE} session-owner-selection first-packet session-setup ip-modulo\n{}", floating())
}

/// Answers come to the other device than requests.
pub(super) fn asymmetric(build: Build<'_>) -> Result<String, String> {
    let (first, second) = (seconds(30), seconds(40));
    let calls = vec![
        (BOB, call(40_000, first, &[first], Some(first + millis(100)))),
        (ANN, call(40_001, second, &[second], Some(second + millis(100)))),
    ];
    let title = "Requests come to device 0 and answers to device 1: HA3 brings them together.";
    let mut stage = Stage::new(scenery(title, crossed(recommended()), calls), build)?;
    stage.chapter("Two devices are switched on");
    stage.remark(
        "Both forward. Device 0 leads, and holds all floating addresses until device 1 is there to have its \
         own. The names of zones, interfaces and rules go over HA2 first.",
    );
    stage.run_until(first);
    stage.tables();
    stage.chapter("A connection that device 0 owns and sets up");
    stage.remark(
        "The device that gets the first packet owns the session. Source XOR destination is even (21 and 1), \
         so device 0 sets it up, too. What comes to device 1 goes to the owner over HA3.",
    );
    stage.run_until(second);
    stage.tables();
    stage.chapter("A connection that device 0 owns and device 1 sets up");
    stage.remark(
        "Source XOR destination is odd (20 and 1): device 1 looks up route, translation and rule. Only the \
         first packet goes that way. The owner writes the log.",
    );
    stage.run_until(seconds(70));
    Ok(stage.finish())
}

/// The owner of a session dies and comes back.
pub(super) fn owner_dies(build: Build<'_>) -> Result<String, String> {
    let (opens, dies, returns, again) = (seconds(30), seconds(40), seconds(60), seconds(80));
    let requests = [opens, seconds(41), again];
    let calls = vec![
        (BOB, call(40_000, opens, &requests, Some(again + millis(100)))),
        (ANN, call(40_001, again + seconds(1), &[again + seconds(1)], Some(again + seconds(1)))),
    ];
    let title = "The owner of a session dies: the other device works on, and keeps the session for good.";
    let mut stage = Stage::new(scenery(title, crossed(recommended()), calls), build)?;
    stage.stand_until(opens);
    stage.chapter("A connection that device 0 owns");
    stage.run_until(dies);
    stage.tables();
    stage.chapter("Device 0 dies");
    stage.remark(
        "Device 1 has a copy of the session. Once the peer counts as lost it takes over what that one had: \
         sessions, and the floating addresses with their Ethernet addresses.",
    );
    stage.crash(0, Some(returns.saturating_sub(dies)));
    stage.run_until(returns);
    stage.tables();
    stage.chapter("Device 0 comes back");
    stage.remark("Its addresses come home. Device 1 still leads: nobody preempts unless told to.");
    stage.run_until(again);
    stage.tables();
    stage.chapter("The connection goes on, and another one begins");
    stage.remark(
        "What comes to device 0 of the old connection goes to its owner, device 1. Of a new one device 0 is \
         the owner.",
    );
    stage.run_until(seconds(120));
    Ok(stage.finish())
}

/// Without HA3 both directions have to take the same way.
pub(super) fn no_ha3(build: Build<'_>) -> Result<String, String> {
    let mut text = without_forwarding(build)?;
    text.push_str(&link_lost(build)?);
    Ok(text)
}

fn without_forwarding(build: Build<'_>) -> Result<String, String> {
    let (first, second) = (seconds(30), seconds(40));
    let calls = vec![
        (ANN, call(40_000, first, &[first], Some(first + millis(100)))),
        (BOB, call(40_001, second, &[second], Some(second + millis(100)))),
    ];
    let more = format!("{MODE} packet-forwarding no\n{}", recommended());
    let inside = vec![("ann", inside(20), inside(5)), ("bob", inside(21), inside(4))];
    let pair = Pair { links: vec![HaLinkId::Ha1, HaLinkId::Ha2], inside, ..crossed(more) };
    let title = "An active/active pair without HA3: both directions have to take the same way.";
    let mut stage = Stage::new(scenery(title, pair, calls), build)?;
    stage.stand_until(first);
    stage.chapter("Both directions by device 1");
    stage.remark("With packet-forwarding no the receiver owns and sets up whatever comes to it.");
    stage.run_until(second);
    stage.tables();
    stage.chapter("Requests by device 0, answers by device 1");
    stage.remark(
        "Answers pass by what device 1 was told of the session over HA2, but now each device sees one \
         direction only: neither can say what application it is, and the log knows half of it.",
    );
    stage.run_until(seconds(70));
    stage.tables();
    Ok(stage.finish())
}

fn link_lost(build: Build<'_>) -> Result<String, String> {
    let (opens, lost, back) = (seconds(30), seconds(40), seconds(60));
    let requests = [opens, lost + seconds(1), back + seconds(20)];
    let calls = vec![(BOB, call(40_000, opens, &requests, Some(requests[2])))];
    let title = "HA3 fails while both devices work";
    let mut scenery = scenery(title, crossed(recommended()), calls);
    scenery.picture = "";
    let mut stage = Stage::new(scenery, build)?;
    stage.stand_until(opens);
    stage.chapter("A connection whose answers come to device 1");
    stage.run_until(lost);
    stage.chapter("The cable of HA3 is pulled");
    stage.remark(
        "The active-secondary device cannot work without HA3. When that has lasted for 2 s it gives its \
         addresses to the other one, and the network brings everything there.",
    );
    stage.pull_between(HaLinkId::Ha3, true)?;
    stage.run_until(back);
    stage.tables();
    stage.chapter("HA3 is back");
    stage.remark(
        "The device comes back by way of tentative: for as long as tentative-hold-time says, what comes to \
         it goes to the peer.",
    );
    stage.pull_between(HaLinkId::Ha3, false)?;
    stage.run_until(seconds(110));
    stage.tables();
    Ok(stage.finish())
}
