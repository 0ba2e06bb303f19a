//! Captures in gzip.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use super::*;

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Packets that do not compress well, so that the gzip stream is about as long as the file.
fn noisy(packets: u32) -> Vec<u8> {
    let mut file = Builder::pcap(false, 0xa1b2_c3d4, 1);
    let mut state = 1_u32;
    for number in 0..packets {
        let mut data = Vec::new();
        for _ in 0..100 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            data.extend(state.to_be_bytes());
        }
        file = file.record(number, 0, 400, &data);
    }
    file.bytes
}

#[test]
fn one_member_or_several() {
    let plain = noisy(1000);
    let expected = read(&plain).good();
    let one = compress(&plain);
    let (head, tail) = plain.split_at(12_345);
    let two = [compress(head), compress(tail)].concat();
    for file in [one, two] {
        for step in [usize::MAX, 1000, 7] {
            let outcome = read_from(Trickle::boxed(&file, step), 256);
            assert_eq!(outcome.capture.as_ref().expect("open").bytes_read(), file.len() as u64);
            assert_eq!(outcome.good(), expected);
        }
    }
    let pcapng = Builder::new(true).section().interface(1).enhanced(0, 0, 1, b"a").bytes;
    assert_eq!(read(&compress(&pcapng)).good().len(), 1);
}

#[test]
fn a_cut_stream_gives_the_packets_before_the_cut() {
    let plain = noisy(1000);
    let whole = compress(&plain);
    let outcome = read(&whole[..whole.len() / 2]);
    assert!(outcome.error.as_ref().expect("an error").is_truncation());
    let (packets, offset, problem) = outcome.bad();
    assert!(matches!(problem, CaptureProblem::GzipTruncated), "{problem}");
    assert_eq!(offset, 24 + packets as u64 * 416);
    assert!((400..600).contains(&packets), "{packets}");

    // All packets are there, the end mark is not.
    let (packets, _, problem) = read(&whole[..whole.len() - 1]).bad();
    assert_eq!(packets, 1000);
    assert!(matches!(problem, CaptureProblem::GzipTruncated));
    assert!(matches!(read(&whole[..6]).bad(), (0, 0, CaptureProblem::GzipTruncated)));
}

#[test]
fn a_damaged_stream_is_told() {
    let mut damaged = compress(&noisy(1000));
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    let (packets, _, problem) = read(&damaged).bad();
    assert_eq!(packets, 1000);
    assert!(matches!(problem, CaptureProblem::GzipDamaged(_)), "{problem}");

    let trailing = [compress(&noisy(3)), b"garbage garbage".to_vec()].concat();
    let (packets, _, problem) = read(&trailing).bad();
    assert_eq!(packets, 3);
    assert!(matches!(problem, CaptureProblem::GzipDamaged(_)), "{problem}");
}

#[test]
fn gzip_of_something_else() {
    assert!(matches!(read(&compress(b"")).bad().2, CaptureProblem::Empty));
    assert!(matches!(read(&compress(b"text")).bad().2, CaptureProblem::UnknownFormat { .. }));
    // gzip inside gzip is not undone.
    let twice = compress(&compress(&noisy(1)));
    assert!(matches!(read(&twice).bad().2, CaptureProblem::UnknownFormat { found: [0x1f, 0x8b, _, _] }));
}
