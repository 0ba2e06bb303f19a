//! Two devices with other versions of the program: a pair is upgraded one device at a time.

use std::time::Duration;

use bifrons_ha::{HaLinkId, HaState, VERSIONS};
use bifrons_node::{Command, Notice};

use super::{Pair, open};

/// The byte on HA1 that says that a hello, a heartbeat or an order follows.
const MEMBER: u8 = 1;
const HEAD: usize = 22;

/// The fields of a message between head and end: tag and value.
fn fields(message: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut rest = &message[HEAD..];
    let mut fields = Vec::new();
    while let [tag, high, low, behind @ ..] = rest {
        let (value, others) = behind.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        fields.push((*tag, value.to_vec()));
        rest = others;
    }
    fields
}

fn message(head: &[u8], fields: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let body: Vec<u8> = fields
        .iter()
        .flat_map(|(tag, value)| [&[*tag], &(value.len() as u16).to_be_bytes()[..], value].concat())
        .collect();
    [&head[..HEAD - 2], &(body.len() as u16).to_be_bytes(), &body].concat()
}

/// What another version would have said instead of this message of HA1.
type Rewrite = fn(Vec<(u8, Vec<u8>)>) -> Vec<(u8, Vec<u8>)>;

impl Pair {
    /// Lets time pass with a device whose hellos are another version's.
    fn run_with(&mut self, device: usize, span: Duration, rewrite: Rewrite) {
        let end = self.now + span;
        while self.now < end {
            for (to, link, bytes) in &mut self.wire {
                let is_hello = *link == HaLinkId::Ha1 && bytes.first() == Some(&MEMBER);
                if *to != device && is_hello && bytes.get(3) == Some(&1) {
                    let rewritten = message(&bytes[1..], &rewrite(fields(&bytes[1..])));
                    *bytes = [&[MEMBER], &rewritten[..]].concat();
                }
            }
            self.run(Duration::from_millis(1));
        }
    }

    fn begin_with(device: usize, rewrite: Rewrite) -> Self {
        let mut pair = Pair::new(1);
        pair.wire.clear();
        pair.nodes = [0, 1].map(|device| Some(super::node(device, pair.now, 1)));
        pair.run_with(device, Duration::from_secs(12), rewrite);
        pair
    }
}

/// The version that devices write: the highest that both know.
fn written(pair: &Pair) -> Vec<u16> {
    let members =
        pair.wire.iter().filter(|(_, link, bytes)| *link == HaLinkId::Ha1 && bytes.first() == Some(&MEMBER));
    members.map(|(.., bytes)| u16::from_be_bytes([bytes[1], bytes[2]])).collect()
}

#[test]
fn a_device_that_knows_fewer_words_is_a_peer() {
    // Before ports that are down, epochs of HA2 and marks of configurations were told.
    let rewrite: Rewrite = |fields| fields.into_iter().filter(|(tag, _)| !(18..=21).contains(tag)).collect();
    let mut pair = Pair::begin_with(1, rewrite);
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
    open(&mut pair, 0);
    pair.run_with(1, Duration::from_millis(20), rewrite);
    assert_eq!([pair.sessions(0), pair.sessions(1)], [1, 1]);
}

#[test]
fn a_device_of_the_next_version_is_a_peer() {
    let rewrite: Rewrite = |fields| {
        let next = |(tag, value): (u8, Vec<u8>)| match tag {
            // Its software, and the versions of messages that it knows.
            3 => (3, [0, 99, 0, 1, 0, 0].to_vec()),
            5 => {
                let range = [VERSIONS.lowest, VERSIONS.highest + 1];
                (5, range.iter().flat_map(|version| version.to_be_bytes()).collect())
            }
            _ => (tag, value),
        };
        fields.into_iter().map(next).chain([(200, b"a word of the next version".to_vec())]).collect()
    };
    let mut pair = Pair::begin_with(1, rewrite);
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::Passive]);
    let port = open(&mut pair, 0);
    pair.run_with(1, Duration::from_millis(20), rewrite);
    assert_eq!([pair.sessions(0), pair.sessions(1)], [1, 1]);
    assert!(written(&pair).iter().all(|version| *version == VERSIONS.highest));
    let status = pair.node(0).pair_status().unwrap();
    assert_eq!(status.peer.hello.unwrap().software.major, 99);
    // The survivor goes on, whichever version it is.
    let suspend = Command::PairState(bifrons_ha::StateRequest::Suspend);
    pair.order(0, suspend).unwrap();
    pair.run_with(1, Duration::from_secs(2), rewrite);
    assert_eq!(pair.state(1), HaState::Active);
    let ack = super::segment(false, port, "A", 501, 106, b"");
    assert_eq!(pair.passes(1, super::OUTSIDE, ack), 1);
}

#[test]
fn devices_without_a_common_version_do_not_work_together() {
    let rewrite: Rewrite = |fields| {
        let far = VERSIONS.highest + 1;
        let far = [far, far].iter().flat_map(|version| version.to_be_bytes()).collect::<Vec<_>>();
        fields
            .into_iter()
            .map(|(tag, value)| if tag == 5 { (5, far.clone()) } else { (tag, value) })
            .collect()
    };
    let pair = Pair::begin_with(0, rewrite);
    // The one that would follow gives way.
    assert_eq!([pair.state(0), pair.state(1)], [HaState::Active, HaState::NonFunctional]);
    let said = pair.notices[1].iter().any(
        |notice| matches!(notice, Notice::Pair(record) if record.text.to_lowercase().contains("version")),
    );
    assert!(said, "the operator is told why");
}
