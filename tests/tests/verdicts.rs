//! How many packets with payload it takes to name an application, over real captures.
//!
//! Runs where `BIFRONS_CORPUS` names a folder with captures below `pcap`; says so and passes where it does
//! not.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bifrons_catalog::is_unidentified;
use bifrons_drivers::Capture;
use bifrons_inspect::{Inspection, Limits, Opening, Payload, Signatures, Transport};
use bifrons_model::{AppId, Direction};
use bifrons_wire::{FrameInfo, Packet, Reading, TcpFlags, parse, protocol};

const LIMITS: Limits = Limits { packets: 4, bytes: 2000, out_of_order_segments: 64 };
/// The most packets that half of the sessions may need.
const MEDIAN: usize = 2;

/// A session's ends, the lower one first.
type Ends = (u8, (IpAddr, u16), (IpAddr, u16));

struct Session {
    client: (IpAddr, u16),
    first_sequence: [Option<u32>; 2],
    inspection: Option<Inspection>,
    packets: usize,
    verdict: Option<(AppId, usize)>,
}

#[test]
fn half_of_the_sessions_are_named_within_two_packets() {
    let Some(corpus) = std::env::var_os("BIFRONS_CORPUS") else {
        println!("skipped: BIFRONS_CORPUS names no folder with captures");
        return;
    };
    let mut files = Vec::new();
    captures(&Path::new(&corpus).join("pcap"), &mut files);
    let signatures = Arc::new(Signatures::builtin());
    let mut counts = Vec::new();
    for file in files {
        let sessions = read(&file, &signatures);
        let verdicts = sessions.values().filter_map(|session| session.verdict);
        counts.extend(verdicts.filter(|(app, _)| !is_unidentified(*app)).map(|(_, packets)| packets));
    }
    counts.sort_unstable();
    assert!(!counts.is_empty(), "no session was named");
    let median = counts[counts.len() / 2];
    let mean = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    let share = |most: usize| counts.iter().filter(|count| **count <= most).count() * 1000 / counts.len();
    println!(
        "{} sessions named; packets with payload until the last word: median {median}, mean {mean:.2}, \
         within one {} ‰, within two {} ‰, within four {} ‰",
        counts.len(),
        share(1),
        share(2),
        share(4)
    );
    assert!(median <= MEDIAN, "median {median}");
}

fn captures(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            captures(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The sessions of one capture, told by their addresses and ports; what cannot be read is left out.
fn read(file: &Path, signatures: &Arc<Signatures>) -> BTreeMap<Ends, Session> {
    let mut sessions = BTreeMap::new();
    let Ok(mut capture) = Capture::open(file) else {
        return sessions;
    };
    while let Ok(Some(batch)) = capture.next_batch(256) {
        for captured in batch.iter() {
            let Some(link) = captured.link.supported() else { continue };
            let info = FrameInfo { link, wire_length: captured.original_length };
            if let Ok(packet) = parse(captured.data, info, Reading::Lenient) {
                take(&mut sessions, &packet, captured.data, signatures);
            }
        }
    }
    sessions
}

fn take(sessions: &mut BTreeMap<Ends, Session>, packet: &Packet, frame: &[u8], signatures: &Arc<Signatures>) {
    let transport = match packet.protocol {
        protocol::TCP => Transport::Tcp,
        protocol::UDP => Transport::Udp,
        _ => return,
    };
    if packet.fragment.is_some() {
        return;
    }
    let source = (packet.addresses.source(), packet.source_port);
    let destination = (packet.addresses.destination(), packet.destination_port);
    let ends = (packet.protocol, source.min(destination), source.max(destination));
    let flags = packet.tcp.flags;
    let is_syn = transport == Transport::Tcp && flags.has(TcpFlags::SYN);
    let is_answer = is_syn && flags.has(TcpFlags::ACK);
    let session = sessions.entry(ends).or_insert_with(|| Session {
        client: if is_answer { destination } else { source },
        first_sequence: [None, None],
        inspection: None,
        packets: 0,
        verdict: None,
    });
    let direction =
        if session.client == source { Direction::ClientToServer } else { Direction::ServerToClient };
    if is_syn {
        session.first_sequence[direction.index()].get_or_insert(packet.tcp.sequence.wrapping_add(1));
    }
    if packet.payload_captured == 0 {
        return;
    }
    let server_port = if session.client == ends.1 { ends.2.1 } else { ends.1.1 };
    let opening = Opening {
        transport,
        client_port: session.client.1,
        server_port,
        first_sequence: session.first_sequence,
    };
    session.packets += 1;
    let inspection =
        session.inspection.get_or_insert_with(|| Inspection::with_signatures(opening, signatures));
    let payload = Payload {
        direction,
        sequence: packet.tcp.sequence.wrapping_add(u32::from(is_syn)),
        bytes: packet.payload_of(frame),
        cut: packet.payload_length - packet.payload_captured,
    };
    if let Some(app) = inspection.payload(payload, &LIMITS).app {
        session.verdict = Some((app, session.packets));
    }
}
