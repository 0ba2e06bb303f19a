//! The next-generation format.

use super::*;
use crate::PACKET_LENGTH_MAX;

fn begin(big: bool) -> Builder {
    Builder::new(big).section().interface(1)
}

#[test]
fn all_packet_blocks_in_both_byte_orders() {
    for big in [false, true] {
        let file = begin(big)
            .enhanced(0, 1_700_000_000_123_456, 1500, b"abc")
            .block(3, |body| body.u32(5).padded(b"hello"))
            .block(2, |body| {
                body.u16(0).u16(99).u32(1).u32(0).u32(2).u32(60).padded(b"xy").option(2, &[0; 4])
            })
            .enhanced(0, 0, 0, b"");
        let packets = read(&file.bytes).good();
        let told: Vec<_> =
            packets.iter().map(|p| (p.time.as_nanos(), p.original_length, p.data.as_slice())).collect();
        let first = 1_700_000_000_123_456_000;
        let expected: [(u64, u32, &[u8]); 4] =
            [(first, 1500, b"abc"), (first, 5, b"hello"), ((1 << 32) * 1000, 60, b"xy"), (0, 0, b"")];
        assert_eq!(told, expected);
        assert!(packets.iter().all(|packet| packet.link == ETHERNET && packet.interface == 0));
    }
}

#[test]
fn simple_packets_are_cut_by_the_snapshot_length() {
    let file = Builder::new(false).section().block(1, |body| body.u16(1).u16(0).u32(3));
    let packets = read(&file.block(3, |body| body.u32(90).padded(b"abc")).bytes).good();
    assert_eq!((packets[0].original_length, packets[0].data.as_slice()), (90, &b"abc"[..]));
    assert_eq!(packets[0].time, Timestamp::ZERO);
}

#[test]
fn interfaces_have_their_own_link_name_and_clock() {
    for big in [false, true] {
        let offset = if big { 100_i64.to_be_bytes() } else { 100_i64.to_le_bytes() };
        let file = Builder::new(big).section().interface(1).block(1, |body| {
            let body = body.u16(113).u16(0).u32(0);
            body.option(2, b"eth\xff").option(9, &[9]).option(14, &offset).option(0, b"").bytes(&[0xff; 4])
        });
        let file = file.block(1, |body| body.u16(127).u16(0).u32(0).option(9, &[0x80 | 1]));
        let file = file.enhanced(1, 5, 1, b"a").enhanced(2, 5, 1, b"b").enhanced(0, 5, 1, b"c");
        let outcome = read(&file.bytes);
        let capture = outcome.capture.as_ref().expect("open");
        let names: Vec<_> = capture.interfaces().iter().map(|i| i.name.as_deref()).collect();
        assert_eq!(names, [None, Some("eth\u{fffd}"), None]);
        assert!(capture.link_problem().is_none());
        let told: Vec<_> = outcome.good().iter().map(|p| (p.interface, p.time.as_nanos(), p.link)).collect();
        let cooked = CaptureLink::Supported(LinkType::LinuxCooked);
        let expected = [
            (1, 100_000_000_005, cooked),
            (2, 2_500_000_000, CaptureLink::Unsupported(127)),
            (0, 5_000, ETHERNET),
        ];
        assert_eq!(told, expected);
    }
}

#[test]
fn sections_start_over_and_like_interfaces_are_one() {
    let second = Builder::new(true).section().interface(1).interface(113);
    let second = second.enhanced(1, 0, 1, b"c").enhanced(0, 0, 1, b"d");
    let file =
        begin(false).interface(127).enhanced(0, 0, 1, b"a").enhanced(1, 0, 1, b"b").bytes(&second.bytes);
    let outcome = read(&file.bytes);
    let links: Vec<_> =
        outcome.capture.as_ref().expect("open").interfaces().iter().map(|i| i.link.supported()).collect();
    assert_eq!(links, [Some(LinkType::Ethernet), None, Some(LinkType::LinuxCooked)]);
    let numbers: Vec<_> = outcome.good().iter().map(|packet| packet.interface).collect();
    assert_eq!(numbers, [0, 1, 2, 0]);

    // The interfaces of the section before are gone.
    let file = begin(false).section().enhanced(0, 0, 1, b"a");
    let (_, offset, problem) = read(&file.bytes).bad();
    assert_eq!(offset, 28 + 20 + 28);
    assert!(matches!(problem, CaptureProblem::UnknownInterface { interface: 0, described: 0 }));
}

#[test]
fn frame_check_sequence_is_left_out() {
    for (length, expected) in [(0, 64), (4, 60), (32, 60), (16, 62), (255, 48)] {
        let file = Builder::new(false)
            .section()
            .block(1, |body| body.u16(1).u16(0).u32(0).option(13, &[length]))
            .enhanced(0, 0, 64, &[7; 64])
            .block(6, |body| {
                // The flags of a packet say 2 bytes, whatever its interface says.
                let body = body.u32(0).u32(0).u32(0).u32(64).u32(64).bytes(&[7; 64]);
                body.option(1, b"note").option(2, &[0x40, 0, 0, 0])
            });
        let packets = read(&file.bytes).good();
        assert_eq!((packets[0].data.len(), packets[0].original_length), (expected, expected as u32));
        assert_eq!((packets[1].data.len(), packets[1].original_length), (62, 62));
    }
}

#[test]
fn malformed_options_of_a_packet_do_not_cost_it() {
    for options in [&[2, 0, 200, 0][..], &[2, 0, 1, 0, 9, 0, 0, 0], &[1, 2]] {
        let length = options.len().next_multiple_of(4);
        let file = begin(false)
            .block(6, |body| body.u32(0).u32(0).u32(0).u32(4).u32(4).bytes(b"abcd").padded(options));
        assert_eq!(read(&file.bytes).good()[0].data, b"abcd", "{length}");
    }
}

#[test]
fn other_blocks_are_skipped_whatever_their_size() {
    let large = vec![0xee; 3 * 1024 * 1024];
    let file = Builder::new(false)
        .section()
        .block(0x8000_0001, |body| body.bytes(&large))
        .interface(1)
        .block(5, |body| body.u32(0))
        .enhanced(0, 0, 1, b"a")
        .block(4, |body| body)
        .enhanced(0, 0, 1, b"b")
        .block(0x0bad, |body| body.bytes(&large));
    for step in [usize::MAX, 999] {
        let packets = read_from(Trickle::boxed(&file.bytes, step), 256).good();
        assert_eq!(packets.len(), 2);
    }
    let end = file.bytes.len();
    for cut in [1, 4, 5, 2 * 1024 * 1024] {
        let (packets, _, problem) = read(&file.bytes[..end - cut]).bad();
        assert_eq!(packets, 2);
        assert!(
            matches!(problem, CaptureProblem::Truncated { missing, .. } if missing == cut as u64),
            "{cut}: {problem}"
        );
    }
}

#[test]
fn a_capture_without_packets_is_good() {
    let outcome = read(&Builder::new(true).section().bytes);
    assert!(outcome.capture.as_ref().expect("open").link_problem().is_none());
    assert!(outcome.good().is_empty());
}

#[test]
fn wrong_section_headers() {
    let file = Builder::new(false).block(0x0a0d_0d0a, |body| body.u32(0x1a2b_3c4e).u32(1).u32(0).u32(0));
    assert!(matches!(
        read(&file.bytes).bad().2,
        CaptureProblem::ByteOrder { found: [0x4e, 0x3c, 0x2b, 0x1a] }
    ));
    let file =
        Builder::new(true).block(0x0a0d_0d0a, |body| body.u32(0x1a2b_3c4d).u16(2).u16(0).u32(0).u32(0));
    assert!(matches!(
        read(&file.bytes).bad().2,
        CaptureProblem::UnsupportedVersion { major: 2, minor: 0, .. }
    ));
    let file = Builder::new(true).section().bytes;
    for cut in 4..24 {
        let outcome = read(&file[..cut]);
        assert!(outcome.error.expect("an error").is_truncation(), "{cut}");
    }
    let mut short = file.clone();
    short[7] = 24;
    assert!(matches!(read(&short).bad().2, CaptureProblem::BlockLength { length: 24, .. }));
}

#[test]
fn wrong_blocks() {
    let at = (28 + 20) as u64;
    let fields = |body: Builder, captured| body.u32(0).u32(0).u32(0).u32(captured).u32(0);
    type Expected = fn(&CaptureProblem) -> bool;
    let cases: [(Builder, Expected); 9] = [
        (begin(true).u32(6).u32(8).u32(8), |p| matches!(p, CaptureProblem::BlockLength { length: 8, .. })),
        (begin(true).u32(9).u32(14).bytes(&[0; 6]), |p| {
            matches!(p, CaptureProblem::BlockLength { kind: 9, length: 14, .. })
        }),
        (begin(true).u32(6).u32(0x0010_0004), |p| matches!(p, CaptureProblem::BlockLength { kind: 6, .. })),
        (begin(true).block(6, |body| body.u32(0)), |p| {
            matches!(p, CaptureProblem::BlockLength { kind: 6, length: 16, .. })
        }),
        (begin(true).u32(3).u32(16).u32(0).u32(20), |p| {
            matches!(p, CaptureProblem::BlockTrailer { head: 16, tail: 20 })
        }),
        (begin(true).block(6, |body| fields(body, 5).bytes(b"abcd")), |p| {
            matches!(p, CaptureProblem::PacketOutsideBlock { length: 5, available: 4 })
        }),
        (begin(true).block(6, |body| fields(body, PACKET_LENGTH_MAX + 1)), |p| {
            matches!(p, CaptureProblem::PacketLength { .. })
        }),
        (begin(true).enhanced(1, 0, 0, b""), |p| {
            matches!(p, CaptureProblem::UnknownInterface { interface: 1, described: 1 })
        }),
        (begin(true).block(1, |body| body.u32(0).u32(0).option(9, &[1, 2])), |p| {
            matches!(p, CaptureProblem::InterfaceOption { code: 9 })
        }),
    ];
    for (number, (file, expected)) in cases.into_iter().enumerate() {
        let (packets, offset, problem) = read(&file.bytes).bad();
        assert_eq!((packets, offset), (0, at), "case {number}: {problem}");
        assert!(expected(&problem), "case {number}: {problem}");
    }
}

#[test]
fn a_wrong_end_of_a_skipped_block_is_an_error() {
    let file = begin(false).enhanced(0, 0, 1, b"a").u32(77).u32(12).u32(16);
    assert!(matches!(read(&file.bytes).bad(), (1, _, CaptureProblem::BlockTrailer { head: 12, tail: 16 })));
}

#[test]
fn interfaces_are_bounded() {
    let mut file = Builder::new(false).section();
    for _ in 0..=super::super::pcapng::INTERFACES_MAX {
        file = file.interface(1);
    }
    assert!(matches!(read(&file.bytes).bad().2, CaptureProblem::TooManyInterfaces { .. }));
    // Over many sections a file may describe the same interface as often as it likes, new ones not.
    let (mut same, mut new) = (Builder::new(false), Builder::new(false));
    for number in 0..=super::super::pcapng::INTERFACES_MAX {
        same = same.section().interface(1);
        let name = number.to_string();
        new = new.section().block(1, |body| body.u16(1).u16(0).u32(0).option(2, name.as_bytes()));
    }
    assert_eq!(read(&same.bytes).capture.expect("open").interfaces().len(), 1);
    assert!(read(&same.bytes).good().is_empty());
    assert!(matches!(read(&new.bytes).bad().2, CaptureProblem::TooManyInterfaces { .. }));
}
