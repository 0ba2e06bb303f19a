//! The classic format.

use super::*;
use crate::PACKET_LENGTH_MAX;

const MICROS: u32 = 0xa1b2_c3d4;
const NANOS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

fn ethernet() -> Builder {
    Builder::pcap(false, MICROS, 1)
}

#[test]
fn both_byte_orders_and_both_resolutions() {
    for (magic, fraction) in [(MICROS, 123_456), (NANOS, 123_456_000)] {
        for big in [false, true] {
            let file = Builder::pcap(big, magic, 1).record(1_700_000_000, fraction, 1500, b"abc").record(
                u32::MAX,
                fraction,
                0,
                b"",
            );
            let packets = read(&file.bytes).good();
            let nanos = 1_700_000_000_123_456_000;
            let first = Owned {
                time: Timestamp::from_nanos(nanos),
                interface: 0,
                link: ETHERNET,
                original_length: 1500,
                data: b"abc".to_vec(),
            };
            assert_eq!(packets.len(), 2, "{magic:x} {big}");
            assert_eq!(packets[0], first, "{magic:x} {big}");
            assert_eq!(packets[1].time.as_nanos(), 4_294_967_295_123_456_000);
            assert_eq!((packets[1].original_length, packets[1].data.len()), (0, 0));
        }
    }
}

#[test]
fn modified_format_has_longer_record_headers() {
    for big in [false, true] {
        let extra = [9; 8];
        let file = Builder::pcap(big, MODIFIED, 113).u32(7).u32(8).u32(3).u32(4).bytes(&extra).bytes(b"abc");
        let file = file.u32(8).u32(0).u32(1).u32(1).bytes(&extra).bytes(b"x");
        let packets = read(&file.bytes).good();
        assert_eq!(packets.len(), 2);
        assert_eq!((packets[0].data.as_slice(), packets[0].original_length), (&b"abc"[..], 4));
        assert_eq!(packets[0].time.as_nanos(), 7_000_008_000);
        assert_eq!(packets[0].link, CaptureLink::Supported(LinkType::LinuxCooked));
        assert_eq!(packets[1].data, b"x");
    }
}

#[test]
fn old_versions_order_the_lengths_otherwise() {
    for (minor, first, second) in [(2, 9, 2), (3, 9, 2), (3, 2, 9), (4, 2, 9)] {
        let file = Builder::new(true).u32(MICROS).u16(2).u16(minor).u32(0).u32(0).u32(0).u32(1);
        let file = file.u32(1).u32(0).u32(first).u32(second).bytes(b"ab");
        let packets = read(&file.bytes).good();
        assert_eq!((packets[0].data.as_slice(), packets[0].original_length), (&b"ab"[..], 9), "2.{minor}");
    }
}

#[test]
fn other_versions_are_refused() {
    for (major, minor) in [(1, 4), (2, 5), (3, 0), (543, 0)] {
        let file = Builder::new(false).u32(MICROS).u16(major).u16(minor).u32(0).u32(0).u32(0).u32(1);
        let (_, _, problem) = read(&file.bytes).bad();
        let text = format!("pcap version {major}.{minor} is not supported, expected 2.0 to 2.4");
        assert_eq!(problem.to_string(), text);
    }
}

#[test]
fn frame_check_sequence_is_left_out() {
    // Two 16-bit words, and all reserved bits set.
    let file = Builder::pcap(false, MICROS, 0x2fff_0001).record(1, 0, 64, &[7; 64]);
    // Cut by the snapshot length: inside the check sequence, before it, and a runt shorter than it.
    let file = file.record(1, 0, 64, &[7; 62]).record(1, 0, 64, &[7; 40]).record(1, 0, 3, &[7; 3]);
    let outcome = read(&file.bytes);
    assert_eq!(outcome.capture.as_ref().expect("open").interfaces()[0].fcs_length, 4);
    let packets = outcome.good();
    let lengths: Vec<_> = packets.iter().map(|packet| (packet.data.len(), packet.original_length)).collect();
    assert_eq!(lengths, [(60, 60), (60, 60), (40, 60), (0, 0)]);
    assert_eq!(packets[0].link, ETHERNET);

    let unmarked = Builder::pcap(false, MICROS, 0x2000_0001).record(1, 0, 64, &[7; 64]);
    assert_eq!(read(&unmarked.bytes).good()[0].data.len(), 64);
}

#[test]
fn unsupported_link_types_are_delivered_and_told() {
    let file = Builder::pcap(false, MICROS, 127).record(1, 0, 2, b"ab");
    let outcome = read(&file.bytes);
    let problem = outcome.capture.as_ref().and_then(Capture::link_problem).expect("a link problem");
    assert_eq!(problem.numbers(), [127]);
    assert_eq!(
        problem.to_string(),
        "test: link type 127 is not supported, no packet of it becomes a session"
    );
    let packets = outcome.good();
    assert_eq!((packets[0].link, packets[0].data.as_slice()), (CaptureLink::Unsupported(127), &b"ab"[..]));
    assert!(read(&ethernet().bytes).capture.expect("open").link_problem().is_none());
}

#[test]
fn original_length_is_never_below_the_captured_one() {
    let packets = read(&ethernet().record(1, 0, 0, b"abcd").bytes).good();
    assert_eq!((packets[0].data.len(), packets[0].original_length), (4, 4));
}

#[test]
fn length_limit_is_exact() {
    let longest = vec![1; PACKET_LENGTH_MAX as usize];
    let packets = read(&ethernet().record(1, 0, 0, &longest).record(2, 0, 1, b"x").bytes).good();
    assert_eq!((packets[0].data.len(), packets.len()), (longest.len(), 2));

    let file = ethernet().record(1, 0, 1, b"x").u32(2).u32(0).u32(PACKET_LENGTH_MAX + 1).u32(0);
    let (packets, offset, problem) = read(&file.bytes).bad();
    assert_eq!((packets, offset), (1, 24 + 17));
    let text = "captured length 262145 is impossible, expected at most 262144";
    assert_eq!(problem.to_string(), text);
}

#[test]
fn truncation_comes_after_the_packets_before_it() {
    let whole = ethernet().record(1, 0, 3, b"abc").record(2, 0, 4, b"defg").bytes;
    let second = 24 + 19;
    for cut in second + 1..whole.len() {
        let outcome = read(&whole[..cut]);
        assert!(outcome.error.as_ref().expect("an error").is_truncation());
        let (packets, offset, problem) = outcome.bad();
        assert_eq!((packets, offset), (1, second as u64));
        let end = if cut < second + 16 { second + 16 } else { whole.len() };
        assert!(
            matches!(problem, CaptureProblem::Truncated { missing, .. } if missing == (end - cut) as u64),
            "cut at {cut}: {problem}"
        );
    }
    assert_eq!(read(&whole[..second]).good().len(), 1);
}

#[test]
fn files_that_are_no_captures() {
    assert!(matches!(read(b"").bad(), (0, 0, CaptureProblem::Empty)));
    assert!(matches!(read(b"abc").bad(), (0, 0, CaptureProblem::Truncated { missing: 1, .. })));
    let header = ethernet().bytes;
    assert!(matches!(read(&header[..23]).bad(), (0, 0, CaptureProblem::Truncated { missing: 1, .. })));
    let error = read(b"\x7fELF and more").error.expect("an error");
    let text =
        "test: not a capture: begins with the bytes 7f 45 4c 46, expected pcap or pcapng, plain or in gzip";
    assert_eq!(error.to_string(), text);
}
