//! Zone protection and the block table of a whole device.

use bifrons_dataplane::{AlarmCause, Block};
use bifrons_model::DropReason;
use bifrons_node::{Command, Notice, Output, Reply};

use crate::{Bench, CONFIG, INSIDE, OWN, udp};

const PROFILE: &str = "
set network profiles zone-protection-profile shield description own
set zone inside network zone-protection-profile shield
";

fn bench(lines: &str, workers: usize) -> Bench {
    let lines: String = lines
        .lines()
        .map(|line| format!("set network profiles zone-protection-profile shield {}\n", line.trim()))
        .collect();
    Bench::with(&format!("{CONFIG}{PROFILE}{lines}"), workers)
}

#[test]
fn a_source_that_the_routes_see_elsewhere_is_spoofed() {
    let mut bench = bench("discard-ip-spoof yes", 1);
    bench.give(INSIDE, udp(OWN[0], "192.0.2.77", "203.0.113.9", 64, 30));
    // Elsewhere are the other zone, and no route at all.
    bench.give(INSIDE, udp(OWN[0], "172.16.0.1", "203.0.113.9", 64, 30));
    bench.give(INSIDE, udp(OWN[0], "10.0.0.1", "203.0.113.9", 64, 30));
    assert_eq!(bench.dropped(DropReason::SpoofedAddress), 2);
    assert_eq!(bench.node.workers()[0].sessions().len(), 1);
}

#[test]
fn what_is_suppressed_is_not_reported() {
    for (line, reports) in [("discard-ip-spoof no", 1), ("suppress-icmp-timeexceeded yes", 0)] {
        let mut bench = bench(line, 1);
        let left = bench.give(INSIDE, udp(OWN[0], "10.0.0.1", "203.0.113.9", 1, 30));
        // The report waits for its receiver's address, which is asked for.
        assert_eq!(left.iter().filter(|(port, _)| *port == INSIDE).count(), reports, "{line}");
        assert_eq!(bench.dropped(DropReason::HopLimitExceeded), 1);
    }
}

#[test]
fn an_address_is_blocked_in_every_worker() {
    let mut bench = bench("discard-ip-spoof no", 4);
    let source = "10.0.0.1".parse().expect("an address");
    let block = Block { source, zone: None, destination: None, end: bench.now.after_secs(60) };
    assert_eq!(bench.node.handle_command(bench.now, Command::Block(block)), Ok(Reply::Done));
    let speak = |bench: &mut Bench| {
        for host in 0..20 {
            bench.give(INSIDE, udp(OWN[0], "10.0.0.1", &format!("203.0.113.{host}"), 64, 30));
        }
        bench.dropped(DropReason::SourceBlocked)
    };
    assert_eq!(speak(&mut bench), 20);
    let reply = bench.node.handle_command(bench.now, Command::Unblock(source));
    assert_eq!(reply, Ok(Reply::Unblocked(1)));
    assert_eq!(speak(&mut bench), 20);
}

#[test]
fn a_sweep_that_one_worker_sees_blocks_in_all_and_is_told() {
    let mut bench = bench(
        "scan 8002 interval 10 threshold 20
         scan 8002 action block-ip track-by source duration 60",
        4,
    );
    let mut alarms = Vec::new();
    for host in 0..60 {
        let packet = udp(OWN[0], "10.0.0.1", &format!("203.0.113.{host}"), 64, 30);
        bench.node.handle_frame(bench.now, INSIDE, packet);
        while let Some(output) = bench.node.poll_output() {
            if let Output::Notice(Notice::Alarm(alarm)) = output {
                alarms.push((host, alarm));
            }
        }
    }
    let [(host, alarm)] = alarms[..] else { panic!("{alarms:?}") };
    assert!((10..40).contains(&host), "{host}");
    assert!(matches!(alarm.cause, AlarmCause::Scan { .. }));
    assert_eq!(bench.dropped(DropReason::SourceBlocked), 60 - host);
    assert!(bench.node.workers().iter().all(|worker| worker.blocks().count() == 1));
}
