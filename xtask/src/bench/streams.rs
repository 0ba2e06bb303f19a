//! Payload put in order and read: HTTP requests and answers whose segments come in disorder.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use bifrons_inspect::{Inspection, Limits, Opening, Payload, Signatures, Transport};
use bifrons_model::Direction;

/// Sessions that a run times.
const SESSIONS: usize = 20_000;

/// Bytes of a segment.
const SEGMENT: usize = 1400;

/// The device's default budget and out-of-order limit.
const LIMITS: Limits = Limits { packets: 4, bytes: 2000, out_of_order_segments: 64 };

/// Megabytes of payload a second, from a session's first payload to the end of its inspection: what
/// identification no longer reads is not counted. Every second pair of segments comes in the wrong order,
/// every eighth segment twice.
pub fn measure() -> Result<f64> {
    let signatures = Arc::new(Signatures::builtin());
    let request = request();
    let answer = answer();
    let (mut spent, mut bytes, mut identified) = (Duration::ZERO, 0_usize, 0_usize);
    for number in 0..SESSIONS {
        let began = Instant::now();
        let opening = Opening {
            transport: Transport::Tcp,
            client_port: 40_000,
            server_port: 80,
            first_sequence: [Some(1), Some(1)],
        };
        let mut inspection = Inspection::with_signatures(opening, &signatures);
        let mut app = None;
        let sides = [(Direction::ClientToServer, &request), (Direction::ServerToClient, &answer)];
        'session: for (direction, stream) in sides {
            for place in order(stream.len().div_ceil(SEGMENT), number) {
                let start = place * SEGMENT;
                let part = &stream[start..stream.len().min(start + SEGMENT)];
                let payload = Payload { direction, sequence: 1 + start as u32, bytes: part, cut: 0 };
                let progress = inspection.payload(payload, &LIMITS);
                bytes += part.len();
                app = progress.app.or(app);
                if progress.finished {
                    break 'session;
                }
            }
        }
        spent += began.elapsed();
        identified += usize::from(app.is_some());
    }
    ensure!(identified == SESSIONS, "{identified} of {SESSIONS} sessions were identified");
    Ok(bytes as f64 / 1e6 / spent.as_secs_f64())
}

/// The places of a stream's segments in the order of their arrival.
fn order(count: usize, number: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    for pair in places.chunks_exact_mut(2).skip(number % 2).step_by(2) {
        pair.swap(0, 1);
    }
    let repeated = places.iter().copied().skip(7).step_by(8).collect::<Vec<_>>();
    places.extend(repeated);
    places
}

fn request() -> Vec<u8> {
    let mut request = b"POST /upload HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: bench/1.0\r\n".to_vec();
    request.extend(b"Content-Type: application/octet-stream\r\nContent-Length: 16384\r\n\r\n");
    request.extend((0..16_384_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8));
    request
}

fn answer() -> Vec<u8> {
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12000\r\n\r\n".to_vec();
    answer.extend(b"<p>nothing to see</p>".iter().copied().cycle().take(12_000));
    answer
}
