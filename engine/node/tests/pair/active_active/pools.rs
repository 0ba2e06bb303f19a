//! Whose ports and session numbers a device gives.

use bifrons_ha::StateRequest;
use bifrons_session::nat::PortShare;

use super::*;

impl Pair {
    /// Whether each device that is there may give the other one's ports.
    fn other_halves(&self) -> [bool; 2] {
        [0, 1].map(|device| {
            let workers = self.nodes[device].iter().flat_map(|node| node.workers());
            let mut known = workers.map(|worker| worker.nat().has_other_half());
            let first = known.next().unwrap_or_default();
            assert!(known.all(|other| other == first));
            first
        })
    }

    fn runs(&mut self, device: usize, text: &str) {
        self.commit(device, text).unwrap();
        self.drain(device);
    }
}

/// The survivor has both halves until it hears of the other device again, which is before that one works.
#[test]
fn a_dead_devices_ports_are_the_survivors_until_it_is_heard_again() {
    let mut pair = Pair::sharing(2, COMBINATIONS[3], NAT);
    assert_eq!(pair.other_halves(), [false, false]);
    pair.nodes[0] = None;
    pair.run(Duration::from_millis(100));
    assert_eq!(pair.other_halves(), [false, true]);

    pair.nodes[0] = Some(node_with(0, pair.now, 2, &(config(0, COMBINATIONS[3]) + NAT)));
    let mut gave_back = None;
    for _ in 0..20_000 {
        pair.run(MILLISECOND);
        let works = pair.state(0).forwards();
        gave_back = gave_back.or((pair.other_halves() == [false, false]).then_some(works));
        assert!(!works || gave_back == Some(false), "it works before the survivor has given its half back");
        if works {
            break;
        }
    }
    assert_eq!([pair.state(0), pair.state(1)], [HaState::ActiveSecondary, HaState::ActivePrimary]);
}

#[test]
fn a_suspended_devices_ports_are_the_other_ones_until_it_is_tentative() {
    let mut pair = Pair::sharing(1, COMBINATIONS[3], NAT);
    pair.command(1, Command::PairState(StateRequest::Suspend));
    pair.run(Duration::from_secs(2));
    assert_eq!((pair.state(1), pair.other_halves()), (HaState::Suspended, [true, false]));
    pair.command(1, Command::PairState(StateRequest::Functional));
    pair.run(Duration::from_secs(1));
    assert_eq!((pair.state(1), pair.other_halves()), (HaState::Tentative, [false, false]));
    pair.run(Duration::from_secs(15));
    assert_eq!([pair.state(0), pair.state(1)], BOTH_WORK);
    assert_eq!(pair.other_halves(), [false, false]);
}

/// Without HA2 nobody knows what the other one's sessions hold.
#[test]
fn who_is_told_nothing_takes_nothing() {
    let without = |device: usize| {
        let text = config(device, COMBINATIONS[3]) + NAT;
        text + "set deviceconfig high-availability group state-synchronization enabled no\n"
    };
    let mut pair = Pair::with(1, without);
    pair.nodes[0] = None;
    pair.run(Duration::from_secs(2));
    assert_eq!((pair.state(1), pair.other_halves()), (HaState::ActivePrimary, [false, false]));
}

/// A device divides its pools and numbers as long as the configuration says that two forward.
#[test]
fn shares_follow_the_configuration() {
    let mut pair = Pair::sharing(2, COMBINATIONS[3], NAT);
    let shares = |pair: &Pair, device: usize| -> Vec<PortShare> {
        let workers = pair.nodes[device].iter().flat_map(|node| node.workers());
        workers.map(|worker| worker.nat().share()).collect()
    };
    let parts = |share: PortShare| [0, 1].map(|worker| share.of_worker(worker, 2)).to_vec();
    assert_eq!(shares(&pair, 0), parts(PortShare::half(0)));
    assert_eq!(shares(&pair, 1), parts(PortShare::half(1)));
    pair.nodes[1] = None;
    let text = config(0, COMBINATIONS[3]) + NAT;
    pair.runs(0, &text.replace("high-availability enabled yes", "high-availability enabled no"));
    assert_eq!(shares(&pair, 0), parts(PortShare::WHOLE), "alone");
    pair.runs(0, &text);
    assert_eq!(shares(&pair, 0), parts(PortShare::half(0)), "one of two");
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("active-active")).collect();
    pair.runs(0, &lines.join("\n"));
    assert_eq!(shares(&pair, 0), parts(PortShare::WHOLE), "only one of two forwards");
    pair.runs(0, &text.replace("device-id 0", "device-id 1"));
    assert_eq!(shares(&pair, 0), parts(PortShare::half(1)), "the other one of two");
}

/// Session numbers lie as close again, and beyond all that were given.
#[test]
fn session_numbers_are_all_the_devices_own_again() {
    let mut pair = Pair::sharing(1, COMBINATIONS[2], "");
    let mut port = 0;
    let mut numbers = |pair: &mut Pair| -> Vec<u32> {
        let ids = |pair: &Pair| {
            let sessions = pair.nodes[0].as_ref().unwrap().workers()[0].sessions();
            sessions.slots().map(|slot| sessions.get(slot).id.0).collect::<Vec<_>>()
        };
        let before = ids(pair);
        for _ in 0..3 {
            port += 1;
            let syn = segment(client(20), (SERVER_IP, port), own_mac(0, INSIDE), ("S", 9, 0), b"");
            assert_eq!(pair.through(0, INSIDE, syn).len(), 1);
        }
        let mut new = ids(pair);
        new.retain(|id| !before.contains(id));
        new.sort_unstable();
        new
    };
    let shared = numbers(&mut pair);
    assert!(shared.windows(2).all(|pair| pair[1] - pair[0] == 2), "{shared:?}");
    pair.nodes[1] = None;
    let text = config(0, COMBINATIONS[2]);
    pair.runs(0, &text.replace("high-availability enabled yes", "high-availability enabled no"));
    let alone = numbers(&mut pair);
    assert!(alone.windows(2).all(|pair| pair[1] - pair[0] == 1), "{alone:?}");
    assert!(alone[0] > shared[2], "{shared:?} {alone:?}");
}
