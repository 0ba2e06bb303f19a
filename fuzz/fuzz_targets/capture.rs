//! Capture files, plain and in gzip: reading ends, and packets are within bounds.
#![no_main]

use std::io::{Cursor, Write};

use bifrons_drivers::{Capture, PACKET_LENGTH_MAX};
use bifrons_fuzz::Input;
use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mode = input.byte();
    let file = input.0.to_vec();
    let plain = read(file.clone(), usize::from(mode >> 2) + 1);
    if mode & 3 == 1 {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&file).expect("memory");
        let zipped = encoder.finish().expect("memory");
        // A file that is gzip itself would be unpacked once more.
        if !file.starts_with(&[0x1f, 0x8b]) {
            assert_eq!(read(zipped, 3), plain);
        }
    }
});

/// How many packets and bytes a file has.
fn read(file: Vec<u8>, batch: usize) -> (usize, usize) {
    let length = file.len();
    let mut sum = (0, 0);
    let Ok(mut capture) = Capture::from_reader(Box::new(Cursor::new(file)), "fuzz") else { return sum };
    while let Ok(Some(batch)) = capture.next_batch(batch) {
        for packet in batch.iter() {
            assert!(packet.data.len() <= packet.original_length as usize);
            assert!(packet.data.len() <= PACKET_LENGTH_MAX as usize);
            sum = (sum.0 + 1, sum.1 + packet.data.len());
        }
    }
    assert!(capture.bytes_read() <= length as u64);
    let _ = capture.link_problem();
    sum
}
