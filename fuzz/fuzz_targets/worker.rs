//! A worker with a small table, strict or lax, takes any frames at any times: every frame is accounted for,
//! the table keeps its bound, each session is closed once, and the size of the batch does not matter.
#![no_main]

use std::sync::LazyLock;

use bifrons_config::{Config, parse};
use bifrons_dataplane::{Compiled, Counters, Frame, Outbox, Verdict, Worker};
use bifrons_fuzz::{Input, LINKS};
use bifrons_model::{Generation, Subtype, Timestamp, TrafficRecord};
use bifrons_policy::Policy;
use bifrons_session::HashSeed;
use libfuzzer_sys::fuzz_target;

const CAPACITY: usize = 6;

static POLICIES: LazyLock<[Compiled; 2]> = LazyLock::new(|| {
    let strict = format!(
        "set deviceconfig setting session capacity {CAPACITY}
         set deviceconfig setting session strict-checksum no
         set network interface ethernet ethernet1/1 layer3 ip 192.0.2.1/24
         set network interface ethernet ethernet1/1 layer3 ipv6 address 2001:db8:1::1/64
         set network interface ethernet ethernet1/2 layer3
         set network virtual-router default routing-table ip static-route all destination 0.0.0.0/0
         set network virtual-router default routing-table ip static-route all interface ethernet1/2
         set network virtual-router default routing-table ipv6 static-route all destination ::/0
         set network virtual-router default routing-table ipv6 static-route all interface ethernet1/2
         set zone trust network layer3 ethernet1/1
         set zone untrust network layer3 ethernet1/2
         set rulebase security rules no-ssh from any to any source any destination any application ssh
         set rulebase security rules no-ssh service any action deny log-end yes
         set rulebase security rules rest from any to any source any destination any application any
         set rulebase security rules rest service any action allow log-start yes log-end yes"
    );
    let strict = parse(&strict, "strict").expect("a configuration");
    let mut tap = Config::tap();
    tap.session.capacity = CAPACITY as u32;
    [&strict, &tap].map(|config| {
        Compiled::new(Policy::compile(config, Generation(1))).expect("no signatures of its own")
    })
});

struct Taken<'a> {
    bytes: &'a [u8],
    beyond: u32,
    link: u8,
    arrival: Timestamp,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let control = input.byte();
    let policy = &POLICIES[usize::from(control & 1)];
    let mut time = u64::from(input.u16()) * 1_000_000_000;
    let mut frames = Vec::new();
    while !input.is_empty() && frames.len() < 200 {
        let control = input.byte();
        let step = u64::from(input.u16());
        time = match control >> 6 {
            0 => time + step * 1_000,
            1 => time + step * 1_000_000,
            2 => time + step * 100_000_000,
            _ => time.saturating_sub(step * 1_000_000),
        };
        let beyond = if control & 0x20 == 0 { 0 } else { u32::from(input.byte()) };
        let length = usize::from(input.byte()) + usize::from(control & 0x10) * 16;
        let bytes = input.bytes(length);
        let link = if control & 0x08 == 0 { 0 } else { control & 7 };
        frames.push(Taken { bytes, beyond, link, arrival: Timestamp::from_nanos(time) });
    }
    let one = run(policy, &frames, 1, 1);
    let other = run(policy, &frames, usize::from(control >> 1) + 2, 2);
    assert!(one == other, "batches differ: {one:?}\n{other:?}");
});

#[derive(Debug, PartialEq)]
struct Ran {
    verdicts: Vec<Verdict>,
    records: Vec<TrafficRecord>,
    counters: Counters,
}

fn run(policy: &Compiled, frames: &[Taken<'_>], batch: usize, seed: u128) -> Ran {
    let mut worker = Worker::new(policy, HashSeed::new(seed));
    let mut outbox = Outbox::default();
    let mut verdicts = Vec::new();
    for chunk in frames.chunks(batch) {
        let mut bytes: Vec<Vec<u8>> = chunk.iter().map(|taken| taken.bytes.to_vec()).collect();
        let mut frames: Vec<Frame<'_>> = std::iter::zip(chunk, &mut bytes)
            .map(|(taken, bytes)| Frame {
                bytes,
                wire_length: taken.bytes.len() as u32 + taken.beyond,
                link: LINKS.get(usize::from(taken.link)).copied(),
                interface: None,
                arrival: taken.arrival,
                verdict: Verdict::Pending,
            })
            .collect();
        let latest = frames.last().map_or(Timestamp::ZERO, |frame| frame.arrival);
        worker.process(latest, &mut frames, &mut outbox);
        verdicts.extend(frames.iter().map(|frame| frame.verdict));
        check(&worker);
    }
    let mut turns = 0;
    while let Some(deadline) = worker.poll_timeout() {
        worker.handle_timeout(deadline, &mut outbox);
        check(&worker);
        turns += 1;
        assert!(turns < 100_000, "time runs on for ever");
    }
    assert!(worker.sessions().is_empty());
    let mut closed: Vec<_> =
        outbox.records.iter().filter(|record| record.subtype != Subtype::Start).collect();
    closed.retain(|record| record.session_id.0 != 0);
    closed.sort_unstable_by_key(|record| record.session_id);
    assert!(closed.windows(2).all(|pair| pair[0].session_id < pair[1].session_id), "closed twice");
    assert!(closed.iter().all(|record| record.start <= record.generated));
    Ran { verdicts, records: outbox.records, counters: worker.counters().clone() }
}

fn check(worker: &Worker) {
    assert!(worker.sessions().len() <= CAPACITY);
    assert!(worker.counters().is_conserved(), "{:?}", worker.counters());
}
