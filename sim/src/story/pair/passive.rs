//! One device forwards, the other is ready.

use std::{fmt::Write as _, net::Ipv4Addr, time::Duration};

use bifrons_ha::{HaLinkId, HaState};

use super::{
    stage::{Figure, GROUP, Scenery, Stage, call_to},
    words,
};
use crate::{
    host::resident::{Call, Residence},
    pair::Profile,
    run::Build,
};

/// Hosts and the ports between which they talk.
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 10);
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 2, 0, 10);

const PICTURE: &str = "
                     ┌────────────┐
                  ┌──┤  device 0  ├──┐
   client ── switch  └─┬──┬───────┘  switch ── server
  10.1.0.10       │   HA1 HA2        │       10.2.0.10
                  │  ┌─┴──┴───────┐  │
                  └──┤  device 1  ├──┘
       10.1.0.1      └────────────┘      10.2.0.1
       ethernet1/1   (trust, untrust)    ethernet1/2
";

/// How a pair is set up.
pub(super) struct Pair {
    pub profile: Profile,
    pub links: Vec<HaLinkId>,
    /// More lines of both.
    pub more: &'static str,
}

impl Default for Pair {
    fn default() -> Self {
        Self { profile: Profile::Recommended, links: vec![HaLinkId::Ha1, HaLinkId::Ha2], more: "" }
    }
}

/// So many seconds after the beginning.
pub(super) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(super) const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A connection of the client to the server, with requests at these times.
pub(super) fn call(port: u16, opens: Duration, requests: &[Duration], closes: Option<Duration>) -> Call {
    call_to(SERVER, (port, opens), requests, closes)
}

fn configuration(pair: &Pair) -> (String, [String; 2]) {
    let base = "set deviceconfig high-availability";
    let mut common = String::from(
        "set network interface ethernet ethernet1/1 layer3 ip 10.1.0.1/16\n\
         set network interface ethernet ethernet1/2 layer3 ip 10.2.0.1/16\n\
         set network virtual-router default interface [ ethernet1/1 ethernet1/2 ]\n\
         set zone trust network layer3 ethernet1/1\n\
         set zone untrust network layer3 ethernet1/2\n\
         set rulebase security rules out from trust to untrust source any destination any\n\
         set rulebase security rules out application any service any action allow log-end yes\n",
    );
    let timers = pair.profile.name();
    let _ = writeln!(common, "{base} enabled yes group group-id {GROUP}");
    let _ = writeln!(common, "{base} group mode active-passive passive-link-state auto");
    let _ = writeln!(common, "{base} group election-option timers {timers}");
    common.push_str(pair.more);
    let mut own = [String::new(), String::new()];
    for (device, text) in own.iter_mut().enumerate() {
        let (number, peer) = (device + 1, 2 - device);
        let priority = 100 + device;
        let _ = writeln!(text, "{base} group election-option device-priority {priority}");
        let _ = writeln!(text, "{base} group peer-ip 10.255.0.{peer}");
        for link in &pair.links {
            let name = link.name();
            let _ = match link {
                HaLinkId::Ha1 => writeln!(
                    text,
                    "{base} interface ha1 port ha1 ip-address 10.255.0.{number} netmask 255.255.255.252"
                ),
                HaLinkId::HeartbeatBackup => {
                    writeln!(text, "{base} group election-option heartbeat-backup yes")
                }
                HaLinkId::Ha1Backup | HaLinkId::Ha2 | HaLinkId::Ha2Backup | HaLinkId::Ha3 => {
                    writeln!(text, "{base} interface {name} port {name}")
                }
            };
        }
    }
    (common, own)
}

/// The network of all stories with an active and a passive device.
pub(super) fn scenery(title: &'static str, pair: &Pair, calls: Vec<Call>) -> Scenery {
    let (common, own) = configuration(pair);
    let host = |name, zone, address: Ipv4Addr, calls| {
        let [_, network, ..] = address.octets();
        let residence = Residence {
            mac: [0x02, 0, 0, 0, network, 10],
            address,
            length: 16,
            gateway: Some(Ipv4Addr::new(10, network, 0, 1)),
        };
        Figure { name, zone, residence, calls, questions: Vec::new() }
    };
    Scenery {
        title,
        picture: PICTURE,
        common,
        own,
        links: pair.links.clone(),
        zones: vec!["trust", "untrust"],
        cast: vec![host("client", 0, CLIENT, calls), host("server", 1, SERVER, Vec::new())],
        is_active_active: false,
        background: Vec::new(),
    }
}

/// The active device dies.
pub(super) fn crash(build: Build<'_>) -> Result<String, String> {
    let opens = seconds(30);
    let calls = vec![call(40_000, opens, &[opens, seconds(41), seconds(50)], Some(seconds(50)))];
    let title = "The active device of a pair dies in the middle of a connection, and nobody opens it anew.";
    let mut stage = Stage::new(scenery(title, &Pair::default(), calls), build)?;
    stage.chapter("Two devices are switched on");
    stage.remark(
        "Both look for the other one. The one with the lower priority number becomes active; it answers for \
         the pair's addresses, and tells everybody so. The other one is silent.",
    );
    stage.run_until(opens);
    stage.chapter("A connection opens");
    stage.remark(
        "The client knows its gateway by an Ethernet address that belongs to the pair. What the active \
         device learns of the connection it tells the passive one over HA2.",
    );
    stage.run_until(seconds(40));
    stage.tables();
    stage.chapter("Device 0 dies");
    stage.remark(
        "Heartbeats go every 2 s. When three are missing the peer is lost, and when the promotion hold of \
         2 s is over as well, the passive device takes over. Meanwhile the client repeats what is lost.",
    );
    stage.crash(0, None);
    stage.run_until(seconds(49));
    stage.tables();
    stage.remark(
        "The hosts' tables are as before: address and Ethernet address stay together. Only the switches have \
         learnt something, from the announcements.",
    );
    stage.chapter("The connection goes on and ends");
    stage.remark("The survivor has the session with its counters, so the log has one line with all of it.");
    stage.run_until(seconds(80));
    let mut text = stage.finish();
    text.push_str("\nThe same with other timers: from the loss of power until device 1 is active\n\n");
    for profile in Profile::ALL {
        let span = take_over(profile, build)?;
        let _ = writeln!(text, "    timers {:<12} {:>10}", profile.name(), words::span(span));
    }
    Ok(text)
}

/// How long a take-over takes.
fn take_over(profile: Profile, build: Build<'_>) -> Result<Duration, String> {
    let dies = seconds(40);
    let pair = Pair { profile, ..Pair::default() };
    let mut stage = Stage::new(scenery("", &pair, Vec::new()), build)?;
    stage.run_until(dies);
    stage.crash(0, None);
    stage.run_until(dies + seconds(20));
    let at = stage.became(1, HaState::Active, dies).ok_or("device 1 did not take over")?;
    Ok(at.saturating_sub(dies))
}

/// Both ports of a device are watched.
const MONITORS: &str = "\
set deviceconfig high-availability group monitoring link-monitoring link-group all \
interface [ ethernet1/1 ethernet1/2 ]
";

/// The active device loses a link.
pub(super) fn link_down(build: Build<'_>) -> Result<String, String> {
    let (opens, fails, returns) = (seconds(30), seconds(35), seconds(60));
    let requests = [opens, fails + millis(5), returns + seconds(70)];
    let calls = vec![call(40_000, opens, &requests, Some(requests[2]))];
    let pair = Pair { more: MONITORS, ..Pair::default() };
    let title = "The active device of a pair loses a link that it watches: the other one takes over at once.";
    let mut stage = Stage::new(scenery(title, &pair, calls), build)?;
    stage.stand_until(opens);
    stage.chapter("A connection passes by device 0");
    stage.run_until(fails);
    stage.tables();
    stage.chapter("Device 0 loses its link to the clients");
    stage.remark(
        "Nobody waits for a silence: the device says what is wrong with it. The active device may wait for \
         the link for 500 ms first (additional-master-hold-up-time).",
    );
    stage.pull(0, 0, true)?;
    stage.run_until(seconds(45));
    stage.tables();
    stage.chapter("The link is back");
    stage.remark(
        "A device that was taken out by a monitored link stays out for a minute \
         (monitor-fail-hold-down-time). Then it is passive: without preemption the active device stays.",
    );
    stage.pull(0, 0, false)?;
    stage.run_until(requests[2]);
    stage.chapter("The connection ends");
    stage.run_until(requests[2] + seconds(20));
    stage.show(0, "transitions", &[]);
    Ok(stage.finish())
}
