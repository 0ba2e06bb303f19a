//! Addresses that move between two devices, and addresses that both have.

use super::{
    active::{ANN, BOB, LINKS, MODE, PICTURE, Pair, call, floating, inside, outside, recommended, scenery},
    passive::{millis, seconds},
    stage::Stage,
};
use crate::run::Build;

/// A router learns addresses of which two are at home with one device each.
pub(super) fn floating_ip(build: Build<'_>) -> Result<String, String> {
    let (asks, dies, returns) = (seconds(30), seconds(40), seconds(70));
    let requests = [seconds(31), seconds(50), seconds(90)];
    let calls = vec![(BOB, call(40_000, requests[0], &requests, Some(requests[2] + millis(100))))];
    let pair = Pair {
        outside: outside(4),
        inside: vec![("ann", inside(20), inside(5)), ("bob", inside(21), inside(4))],
        links: LINKS.to_vec(),
        more: recommended(),
        picture: PICTURE,
    };
    let title = "A router learns floating addresses. Device 0 dies, and its address moves to device 1.";
    let mut scenery = scenery(title, pair, calls);
    if let Some(router) = scenery.cast.first_mut() {
        router.questions =
            (2..6_u8).map(|last| (asks + millis(10 * u64::from(last)), outside(last))).collect();
    }
    let mut stage = Stage::new(scenery, build)?;
    stage.stand_until(asks);
    stage.chapter("The router asks for four addresses");
    stage.remark(
        ".2 and .3 are the devices' own, with the Ethernet addresses of their ports. .4 and .5 float: their \
         Ethernet addresses are virtual, and say with which device they are at home.",
    );
    stage.run_until(dies);
    stage.tables();
    stage.show(0, "virtual-address", &[]);
    stage.show(1, "virtual-address", &[]);
    stage.chapter("Device 0 dies");
    stage.remark(
        "Device 1 announces .4 with the Ethernet address that it had. The router's table stays as it is; the \
         switch sends to another port. The device's own address, .2, is gone.",
    );
    stage.crash(0, Some(returns.saturating_sub(dies)));
    stage.run_until(seconds(60));
    stage.tables();
    stage.show(1, "virtual-address", &[]);
    stage.chapter("Device 0 comes back");
    stage.remark("A floating address goes home: the device with the lower priority number has it again.");
    stage.run_until(seconds(89));
    stage.tables();
    stage.show(0, "virtual-address", &[]);
    stage.chapter("The connection ends");
    stage.remark("Its session has stayed with device 1.");
    stage.run_until(seconds(120));
    Ok(stage.finish())
}

const SHARED: &str = "
                      router 172.17.1.1
                           │
   ──────┬─────────────────┴────────────────┬────── 172.17.1.0/24, untrust, ethernet1/1
      .2 │ .4                            .5 │ .3
     ┌───┴────┐      HA1, HA2, HA3      ┌───┴────┐
     │device 0├─────────────────────────┤device 1│
     └───┬────┘                         └───┬────┘
      .2 │ .1                            .1 │ .3     10.1.0.1 is shared
   ──────┴─────────┬────────────────┬───────┴────── 10.1.0.0/16, trust, ethernet1/2
                   │                │
              ann .20            bob .21
";

/// Both devices have one address, and each answers some of those who ask.
pub(super) fn arp_load_sharing(build: Build<'_>) -> Result<String, String> {
    let (opens, dies, returns) = (seconds(30), seconds(40), seconds(70));
    let late = seconds(90);
    let calls = vec![
        (ANN, call(40_000, opens, &[opens, late], Some(late + millis(100)))),
        (BOB, call(40_001, opens + seconds(1), &[opens + seconds(1), seconds(50), late], Some(late))),
    ];
    let floating: String = floating().lines().take(2).map(|line| format!("{line}\n")).collect();
    let pair = Pair {
        outside: outside(5),
        inside: vec![("ann", inside(20), inside(1)), ("bob", inside(21), inside(1))],
        links: LINKS.to_vec(),
        more: format!(
            "{MODE} session-owner-selection first-packet session-setup ip-modulo\n{floating}\
             {MODE} virtual-address ethernet1/2 ip 10.1.0.1 arp-load-sharing ip-modulo\n"
        ),
        picture: SHARED,
    };
    let title = "Two devices share one address: who asks for it gets the Ethernet address of one of them.";
    let mut stage = Stage::new(scenery(title, pair, calls), build)?;
    stage.stand_until(opens);
    stage.chapter("Two hosts ask for their gateway");
    stage.remark(
        "Both devices hear both questions. Device 0 answers askers with even addresses, device 1 those with \
         odd ones.",
    );
    stage.run_until(dies);
    stage.tables();
    stage.show(0, "virtual-address", &[]);
    stage.chapter("Device 1 dies");
    stage.remark(
        "Device 0 takes frames to both Ethernet addresses. It shows the switches where the other one is now \
         by searching for duplicates, which changes no host's mind.",
    );
    stage.crash(1, Some(returns.saturating_sub(dies)));
    stage.run_until(seconds(60));
    stage.tables();
    stage.chapter("Device 1 comes back");
    stage.remark("It has its share again. Sessions that device 0 took over stay with that one.");
    stage.run_until(seconds(89));
    stage.tables();
    stage.chapter("The connections end");
    stage.run_until(seconds(120));
    Ok(stage.finish())
}
