//! Batches, windows, files, and bytes that were turned.

use super::*;

fn numbered(packets: u32, data: &[u8]) -> Vec<u8> {
    let mut file = Builder::pcap(false, 0xa1b2_3c4d, 1);
    for number in 0..packets {
        file = file.record(number, number, number + data.len() as u32, data);
    }
    file.bytes
}

/// Fails where its bytes end.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::Error::other("the disk is gone")),
            count => Ok(count),
        }
    }
}

#[test]
fn packets_are_the_same_however_they_come() {
    // More than the window holds, and no divisor of it.
    let file = numbered(4001, &[0x5a; 777]);
    let expected = read(&file).good();
    assert_eq!(expected.len(), 4001);
    for (number, packet) in (0..).zip(&expected) {
        assert_eq!(packet.time.as_nanos(), u64::from(number) * 1_000_000_001);
        assert_eq!((packet.original_length, packet.data.as_slice()), (number + 777, &[0x5a; 777][..]));
    }
    for (step, packets_max) in [(13, 256), (1000, 1), (100_003, 7), (usize::MAX, 0), (usize::MAX, 100_000)] {
        let packets = read_from(Trickle::boxed(&file, step), packets_max).good();
        assert!(packets == expected, "{step} bytes at a time, {packets_max} packets at most");
    }
}

#[test]
fn a_batch_is_as_large_as_asked_for() {
    let mut capture = Capture::from_reader(Box::new(Cursor::new(numbered(600, b"x"))), "test").expect("open");
    let mut lengths = Vec::new();
    while let Some(batch) = capture.next_batch(256).expect("good") {
        assert_eq!(batch.get(0), batch.iter().next());
        assert_eq!(batch.get(batch.len()), None);
        lengths.push(batch.len());
    }
    assert_eq!(lengths, [256, 256, 88]);
}

#[test]
fn a_read_error_comes_after_the_packets() {
    let reader = Box::new(Failing(Cursor::new(numbered(10, b"x"))));
    let (packets, _, problem) = read_from(reader, 256).bad();
    assert_eq!((packets, problem.to_string().as_str()), (10, "cannot read: the disk is gone"));
}

#[test]
fn files_tell_their_length() {
    let path = std::env::temp_dir().join(format!("bifrons-drivers-{}.pcap", std::process::id()));
    let bytes = numbered(10, b"x");
    std::fs::write(&path, &bytes).expect("temporary file");
    let mut capture = Capture::open(&path).expect("open");
    assert_eq!(capture.total_bytes(), Some(bytes.len() as u64));
    assert_eq!(capture.name(), path.display().to_string());
    while capture.next_batch(3).expect("good").is_some() {}
    assert_eq!(capture.bytes_read(), bytes.len() as u64);
    std::fs::remove_file(&path).expect("temporary file");

    let error = Capture::open(&path).map(|_| ()).expect_err("gone");
    assert!(matches!(error.problem(), CaptureProblem::Open(_)));
    assert!(error.to_string().contains(": cannot open: "), "{error}");
    assert_eq!(error.file(), path.display().to_string());
    let error = Capture::open(std::env::temp_dir()).map(|_| ()).expect_err("a directory");
    assert!(matches!(error.problem(), CaptureProblem::Read(_)));
}

/// Reads every file that differs from a good one in one byte, or ends early; the outcome may be anything
/// that ends.
#[test]
fn turned_bytes_do_no_harm() {
    let second = Builder::new(true).section().interface(113).enhanced(0, 0, 1, b"c");
    let pcapng = Builder::new(false)
        .section()
        .block(1, |body| body.u16(1).u16(0).u32(0).option(2, b"eth0").option(9, &[9]).option(14, &[1; 8]))
        .enhanced(0, 5, 1, b"a")
        .block(5, |body| body.u32(0))
        .block(3, |body| body.u32(2).padded(b"xy"))
        .block(2, |body| body.u32(0).u32(0).u32(0).u32(2).u32(2).padded(b"xy").option(2, &[0; 4]))
        .bytes(&second.bytes);
    for good in [pcapng.bytes, numbered(3, b"abcdefgh")] {
        let packets_max = read(&good).good().len();
        for at in 0..good.len() {
            assert!(read(&good[..at]).packets.len() < packets_max);
            for turned in [0x00, 0xff, good[at] ^ 0x01, good[at] ^ 0x80] {
                let mut file = good.clone();
                file[at] = turned;
                // A record is never shorter than 12 bytes.
                assert!(read(&file).packets.len() <= file.len() / 12);
            }
        }
    }
}
