//! Zone protection where scenarios do not reach: drops at random, alarms, SYN cookies, the block table.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use bifrons_config::typed::{Scan, ScanAction, TrackBy};
use bifrons_dataplane::{Alarm, AlarmCause, Block, Emitted, Event, FloodKind, Frame, Place, Verdict};
use bifrons_model::{DropReason, EndReason, Timestamp, Tracker};
use bifrons_wire::{FrameInfo, LinkType, Packet, Reading, TcpOption, parse, tcp_options, verify};

use crate::{
    Bench, START,
    packets::{self, Header, Way},
    policy,
};

const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

const RULE: &str = "
set rulebase security rules all from any to any source any destination any application any
set rulebase security rules all service any action allow log-end yes
set network profiles zone-protection-profile shield description own
set zone trust network zone-protection-profile shield
";
const COOKIES: &str = "
set network profiles zone-protection-profile shield flood tcp-syn enable yes
set network profiles zone-protection-profile shield flood tcp-syn syn-cookies activate-rate 0
";
const NAT: &str = "
set rulebase nat rules out from trust to untrust source any destination any service any
set rulebase nat rules out source-translation dynamic-ip-and-port translated-address 192.0.2.100
";

fn bench(lines: &str) -> Bench {
    Bench::new(&policy(&format!("{RULE}{lines}"), 1), 7)
}

fn way(client: u32, port: u16) -> Way {
    let client = Ipv4Addr::from_bits(0x0a00_0100 + client);
    Way { source: (client.into(), port), destination: (Ipv4Addr::new(192, 0, 2, 7).into(), 443) }
}

/// What came of one frame.
struct Came {
    verdict: Verdict,
    /// What left in its place, or itself as it left.
    frames: Vec<Vec<u8>>,
    emitted: Vec<Emitted>,
    events: Vec<Event>,
}

fn send(bench: &mut Bench, at: Timestamp, mut bytes: Vec<u8>) -> Came {
    let mut frames = [Frame {
        wire_length: bytes.len() as u32,
        bytes: &mut bytes,
        link: Some(LinkType::Ethernet),
        interface: None,
        arrival: at,
        verdict: Verdict::Pending,
    }];
    bench.worker.process(at, &mut frames, &mut bench.outbox);
    let verdict = frames[0].verdict;
    let outbox = &mut bench.outbox;
    let mut frames: Vec<Vec<u8>> = outbox.replaced.drain(..).map(|replaced| replaced.bytes).collect();
    if frames.is_empty() && matches!(verdict, Verdict::Transmit(_)) {
        frames.push(bytes);
    }
    let came = Came {
        verdict,
        frames,
        emitted: outbox.emitted.drain(..).collect(),
        events: outbox.events.drain(..).collect(),
    };
    bench.collect();
    came
}

fn segment(way: Way, flags: u8, numbers: (u32, u32), options: &[u8], payload: &[u8]) -> Vec<u8> {
    packets::tcp(way, Header { sequence: numbers.0, acknowledgement: numbers.1, flags, options }, payload)
}

/// Reads a packet that must be right in every checksum.
fn read(bytes: &[u8], link: LinkType) -> Packet {
    let info = FrameInfo { link, wire_length: bytes.len() as u32 };
    let packet = parse(bytes, info, Reading::Strict).expect("a packet");
    assert_eq!(verify(&packet, bytes), Ok(()));
    packet
}

fn read_only(frames: &[Vec<u8>]) -> Packet {
    let [frame] = frames else { panic!("{} frames", frames.len()) };
    read(frame, LinkType::Ethernet)
}

fn numbers(packet: &Packet) -> (u8, u32, u32) {
    (packet.tcp.flags.0, packet.tcp.sequence, packet.tcp.acknowledgement)
}

fn segment_size(packet: &Packet, bytes: &[u8]) -> Option<u16> {
    tcp_options(packet.tcp_options_of(bytes))
        .find_map(|option| if let TcpOption::MaximumSegmentSize(size) = option { Some(size) } else { None })
}

/// Lets a client come as far as the firewall alone takes it: the cookie, and what went to the server.
fn knock(bench: &mut Bench, way: Way) -> (u32, Came) {
    let came = send(bench, START, segment(way, SYN, (100, 0), &[2, 4, 5, 120], &[]));
    assert_eq!(came.verdict, Verdict::Drop(DropReason::SynCookie));
    assert!(bench.worker.sessions().is_empty());
    let [answer] = &came.emitted[..] else { panic!("{} packets", came.emitted.len()) };
    let packet = read(&answer.packet, answer.link);
    let cookie = packet.tcp.sequence;
    assert_eq!(numbers(&packet), (SYN | ACK, cookie, 101));
    assert_eq!((packet.addresses.source(), packet.source_port), way.destination);
    assert_eq!((packet.addresses.destination(), packet.destination_port), way.source);
    assert_eq!((packet.tcp.window, segment_size(&packet, &answer.packet)), (0, Some(1460)));
    (cookie, send(bench, START, segment(way, ACK, (101, cookie + 1), &[], &[])))
}

#[test]
fn above_the_activate_rate_a_share_is_dropped() {
    let mut bench = bench(
        "set network profiles zone-protection-profile shield flood tcp-syn enable yes
         set network profiles zone-protection-profile shield flood tcp-syn red alarm-rate 5000
         set network profiles zone-protection-profile shield flood tcp-syn red activate-rate 5000
         set network profiles zone-protection-profile shield flood tcp-syn red maximal-rate 15000
         set deviceconfig setting session capacity 100000",
    );
    let mut dropped: BTreeMap<u64, u32> = BTreeMap::new();
    let mut alarms = Vec::new();
    for number in 0..30_000_u32 {
        let at = START + Duration::from_micros(100) * number;
        let came = send(&mut bench, at, segment(way(number, 5_000), SYN, (1, 0), &[], &[]));
        if !matches!(came.verdict, Verdict::Transmit(_)) {
            assert_eq!(came.verdict, Verdict::Drop(DropReason::SynFlood));
            *dropped.entry(at.as_secs() - START.as_secs()).or_default() += 1;
        }
        alarms.extend(came.events);
        bench.output.verdicts.clear();
    }
    // 10,000 a second are half way from the one limit to the other.
    for second in [1, 2] {
        assert!((4_700..5_300).contains(&dropped[&second]), "{dropped:?}");
    }
    assert_eq!(alarms.len(), 3);
    for alarm in alarms {
        let Event::Alarm(Alarm { cause: AlarmCause::Flood { kind, rate }, .. }) = alarm else {
            panic!("{alarm:?}");
        };
        assert!(kind == FloodKind::TcpSyn && (5_000..=10_100).contains(&rate), "{rate}");
    }
    bench.run_on();
}

#[test]
fn several_workers_share_the_limits() {
    let lines = "set network profiles zone-protection-profile shield flood udp enable yes
         set network profiles zone-protection-profile shield flood udp red activate-rate 8 maximal-rate 8";
    for (workers, passed) in [(1, 8), (2, 4), (8, 1)] {
        let mut bench = bench(lines);
        bench.worker.set_place(Place { worker: 0, workers });
        let passes = (0..20)
            .filter(|number| {
                let came = send(&mut bench, START, packets::udp(way(1, 2_000 + number), b"x"));
                matches!(came.verdict, Verdict::Transmit(_))
            })
            .count();
        assert_eq!(passes, passed, "{workers}");
    }
}

#[test]
fn a_scan_is_told_of_and_blocks_in_every_worker() {
    let lines = "
        set network profiles zone-protection-profile shield scan 8001 interval 10 threshold 3
        set network profiles zone-protection-profile shield scan 8001 action block-ip track-by source
        set network profiles zone-protection-profile shield scan 8001 action block-ip duration 60";
    let (mut one, mut other) = (bench(lines), bench(lines));
    let mut events = Vec::new();
    for port in 1..=4 {
        let to = Way { destination: (way(1, 0).destination.0, port), ..way(1, 5_000) };
        events.extend(send(&mut one, START, segment(to, SYN, (1, 0), &[], &[])).events);
    }
    let [Event::Alarm(alarm), Event::Blocked(block)] = events[..] else { panic!("{events:?}") };
    let way = way(1, 6_000);
    let action = ScanAction::BlockIp { track_by: TrackBy::Source, duration: 60 };
    let (source, destination) = (way.source.0, Some(way.destination.0));
    assert_eq!(alarm.cause, AlarmCause::Scan { scan: Scan::TcpPorts, action, source, destination });
    assert_eq!((block.source, block.destination, block.end), (source, None, START.after_secs(60)));
    assert_eq!(one.worker.blocks().collect::<Vec<_>>(), [block]);

    let syn = || segment(way, SYN, (1, 0), &[], &[]);
    assert!(matches!(send(&mut other, START, syn()).verdict, Verdict::Transmit(_)));
    other.worker.block(block);
    assert_eq!(send(&mut other, START, syn()).verdict, Verdict::Drop(DropReason::SourceBlocked));
    let ended = &other.output.records[..];
    assert_eq!((ended[0].tracker, ended[0].end_reason), (Tracker::MitigationTdb, EndReason::Threat));
    assert_eq!((other.worker.unblock(source), other.worker.unblock(source)), (1, 0));
    assert!(matches!(send(&mut other, START, syn()).verdict, Verdict::Transmit(_)));
    one.run_on();
    other.run_on();
}

#[test]
fn a_block_ends_by_itself() {
    let mut bench = bench("");
    let source = way(1, 0).source.0;
    let end = START.after_secs(5);
    bench.worker.block(Block { source, zone: None, destination: None, end });
    let blocked = send(&mut bench, START, packets::udp(way(1, 2_000), b"x")).verdict;
    assert_eq!(blocked, Verdict::Drop(DropReason::SourceBlocked));
    assert_eq!(bench.worker.poll_timeout(), Some(end));
    bench.worker.handle_timeout(end, &mut bench.outbox);
    assert_eq!((bench.worker.blocks().count(), bench.worker.poll_timeout()), (0, None));
    assert!(matches!(send(&mut bench, end, packets::udp(way(1, 2_000), b"x")).verdict, Verdict::Transmit(_)));
}

#[test]
fn a_client_with_a_cookie_reaches_its_server() {
    for nat in ["", NAT] {
        let mut bench = bench(&format!("{COOKIES}{nat}"));
        let way = way(1, 5_000);
        let (cookie, came) = knock(&mut bench, way);
        let syn = read_only(&came.frames);
        assert_eq!((numbers(&syn), syn.tcp.window), ((SYN, 100, 0), 0xffff));
        assert_eq!(segment_size(&syn, &came.frames[0]), Some(1_400), "of the cookie's sizes");
        let outside = (syn.addresses.source(), syn.source_port);
        assert_eq!(outside == way.source, nat.is_empty());
        let back = Way { source: way.destination, destination: outside };

        // A probe of the closed window repeats the SYN, which may have been lost.
        let probe = send(&mut bench, START, segment(way, ACK, (100, cookie + 1), &[], &[]));
        assert_eq!(numbers(&read_only(&probe.frames)), (SYN, 100, 0));
        let early = send(&mut bench, START, segment(way, ACK, (101, cookie + 1), &[], b"early"));
        assert_eq!(numbers(&read_only(&early.frames)), (SYN, 100, 0));

        let answered = send(&mut bench, START, segment(back, SYN | ACK, (9_000, 101), &[], &[]));
        let update = read_only(&answered.frames);
        assert_eq!((numbers(&update), update.tcp.window), ((ACK, cookie + 1, 101), 0xffff));
        assert_eq!((update.addresses.source(), update.source_port), way.destination);
        assert_eq!((update.addresses.destination(), update.destination_port), way.source);
        let [third] = &answered.emitted[..] else { panic!("{}", answered.emitted.len()) };
        let third = read(&third.packet, third.link);
        assert_eq!(numbers(&third), (ACK, 101, 9_001));
        assert_eq!((third.addresses.source(), third.source_port), outside);

        let there = send(&mut bench, START, segment(way, ACK, (101, cookie + 1), &[], b"SSH-2.0-x\r\n"));
        let there = read_only(&there.frames);
        assert_eq!((numbers(&there), there.payload_length), ((ACK, 101, 9_001), 11));
        let here = send(&mut bench, START, segment(back, ACK, (9_001, 112), &[], b"SSH-2.0-y\r\n"));
        let here = read_only(&here.frames);
        assert_eq!((numbers(&here), here.payload_length), ((ACK, cookie + 1, 112), 11));
        // The server may not have got the third segment, and says its part again.
        let again = send(&mut bench, START, segment(back, ACK | RST, (9_012, 112), &[], &[]));
        assert_eq!(numbers(&read_only(&again.frames)), (ACK | RST, cookie + 12, 112));
        bench.run_on();
        let [record] = &bench.output.records[..] else { panic!("{:?}", bench.output.records) };
        assert_eq!(record.end_reason, EndReason::TcpRstFromServer);
        assert_eq!(record.translation.is_some(), !nat.is_empty());
        assert!(record.sent.packets >= 2 && record.received.packets == 3);
    }
}

#[test]
fn a_server_that_refuses_resets_the_client() {
    let mut bench = bench(COOKIES);
    let way = way(1, 5_000);
    let (cookie, _) = knock(&mut bench, way);
    let refused = send(&mut bench, START, segment(way.back(), RST | ACK, (0, 101), &[], &[]));
    assert_eq!(numbers(&read_only(&refused.frames)), (RST | ACK, cookie + 1, 101));
    assert!(bench.worker.sessions().is_empty());
    assert_eq!(bench.output.records[0].tracker, Tracker::TcpRstServer);

    let (_, _) = knock(&mut bench, way);
    let gone = send(&mut bench, START, segment(way, RST, (101, 0), &[], &[]));
    assert_eq!((gone.verdict, gone.frames.len()), (Verdict::Drop(DropReason::SynCookie), 0));
    assert!(bench.worker.sessions().is_empty());
    assert_eq!(bench.output.records[1].tracker, Tracker::TcpRstClient);
}

#[test]
fn forged_and_late_cookies_open_nothing() {
    let mut bench = bench(COOKIES);
    let way = way(1, 5_000);
    let refused = Verdict::Drop(DropReason::TcpNonSyn);
    for guess in 0..2_000_u32 {
        let numbers = (101, guess.wrapping_mul(0x9e37_79b9));
        assert_eq!(send(&mut bench, START, segment(way, ACK, numbers, &[], &[])).verdict, refused);
    }
    let came = send(&mut bench, START, segment(way, SYN, (100, 0), &[], &[]));
    let cookie = read(&came.emitted[0].packet, came.emitted[0].link).tcp.sequence;
    let late = START.after_secs(200);
    let ack = segment(way, ACK, (101, cookie.wrapping_add(1)), &[], &[]);
    assert_eq!(send(&mut bench, late, ack).verdict, refused);
    assert!(bench.worker.sessions().is_empty());
}

#[test]
fn a_flood_of_syns_takes_no_memory_and_above_the_maximum_all_are_dropped() {
    let lines = format!(
        "{COOKIES}
         set network profiles zone-protection-profile shield flood tcp-syn syn-cookies maximal-rate 900"
    );
    let mut bench = bench(&lines);
    let mut verdicts: BTreeMap<&str, u32> = BTreeMap::new();
    for number in 0..1_000 {
        let came = send(&mut bench, START, segment(way(number, 5_000), SYN, (1, 0), &[], &[]));
        let Verdict::Drop(reason) = came.verdict else { panic!("{:?}", came.verdict) };
        assert_eq!(came.emitted.len(), usize::from(reason == DropReason::SynCookie));
        *verdicts.entry(reason.name()).or_default() += 1;
    }
    assert_eq!(verdicts, BTreeMap::from([("syn-cookie", 900), ("syn-flood", 100)]));
    assert!(bench.worker.sessions().is_empty());
}
