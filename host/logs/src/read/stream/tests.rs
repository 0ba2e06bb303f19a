use std::io::Write as _;

use super::*;
use crate::record::Column;

fn record(number: u32) -> String {
    format!(
        "1,2026/01/31 10:00:00,{number},SYSTEM,general,0,2026/01/31 10:00:00,,general,,0,0,general,low,\
         \"a, b\",{number},0x0"
    )
}

/// Serial numbers of the records and reasons of the rejects, in their order.
fn read(reader: &mut Reader<'_>) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(next) = reader.next().unwrap() {
        found.push(match next {
            Ok(record) => record.get(Column::SERIAL).unwrap().to_owned(),
            Err(rejected) => format!("{}: {}", rejected.number, rejected.reason),
        });
    }
    found
}

/// Gives a few bytes at a time.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(self.0.len()).min(buffer.len());
        buffer[..length].copy_from_slice(&self.0[..length]);
        self.0 = &self.0[length..];
        Ok(length)
    }
}

fn mixed() -> Vec<u8> {
    let mut text = b"future_use_1,receive_time,serial,type,subtype\n\n".to_vec();
    for number in 0..50 {
        text.extend_from_slice(record(number).as_bytes());
        text.extend_from_slice(if number % 2 == 0 { b"\r\n" } else { b"\n" });
    }
    text.extend_from_slice(b"noise \xff\n");
    text.extend_from_slice(&vec![b'x'; 5_000]);
    text.push(b'\n');
    text.extend_from_slice(record(50).as_bytes());
    text
}

fn expected() -> Vec<String> {
    let mut expected: Vec<String> = (0..50).map(|number: u32| number.to_string()).collect();
    expected.push("53: byte 7 is not UTF-8: another encoding, or no text at all".to_owned());
    expected.push("54: the line is longer than 1000 bytes".to_owned());
    expected.push("50".to_owned());
    expected
}

#[test]
fn lines_in_any_portions() {
    let text = mixed();
    for portion in [1, 2, 7, 64, 1_000, 100_000] {
        let mut reader = Reader::new(Slow(&text, portion)).unwrap().with_line_max(1_000);
        assert_eq!(read(&mut reader), expected(), "{portion} bytes at a time");
        let counts = Counts { lines: 55, records: 51, blank: 1, headings: 1, rejected: 2 };
        assert_eq!(reader.counts(), counts);
    }
}

#[test]
fn compressed_lines() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&mixed()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(&mixed()[..], 1).unwrap();
    for source in [gzip.clone(), zstd] {
        let mut reader = Reader::new(&source[..]).unwrap().with_line_max(1_000);
        assert_eq!(read(&mut reader), expected());
    }
    // What stands before the damage is read, then the damage is told.
    let mut reader = Reader::new(&gzip[..gzip.len() - 8]).unwrap().with_line_max(1_000);
    let mut records = 0;
    let error = loop {
        match reader.next() {
            Ok(Some(_)) => records += 1,
            Ok(None) => panic!("the damage was not noticed"),
            Err(error) => break error,
        }
    };
    assert!(records > 0 && error.kind() == io::ErrorKind::UnexpectedEof, "{records} {error}");
}

#[test]
fn lines_in_utf_16() {
    let text = format!("\u{feff}{}\r\n{}\r\n", record(1), record(2));
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for portion in [1, 3, 1_000] {
        assert_eq!(read(&mut Reader::new(Slow(&bytes, portion)).unwrap()), ["1", "2"]);
    }
}

#[test]
fn counted_messages_of_a_stream() {
    let mut text = Vec::new();
    for number in 0..20 {
        let message = format!("<14>1 2026-01-31T10:00:00Z fw - - - - {}", record(number));
        let framed = match number % 3 {
            0 => format!("{} {message}", message.len()),
            1 => format!("{message}\n"),
            _ => format!("{} {message}\n", message.len() + 1),
        };
        text.extend_from_slice(framed.as_bytes());
    }
    text.extend_from_slice(format!("5000 <14>{}", "x".repeat(4_996)).as_bytes());
    text.extend_from_slice(record(20).as_bytes());
    for portion in [1, 13, 100_000] {
        let reader = Reader::new(Slow(&text, portion)).unwrap();
        let mut reader = reader.with_line_max(1_000).with_framing(Framing::Syslog);
        let mut expected: Vec<String> = (0..20).map(|number: u32| number.to_string()).collect();
        expected.push("21: the line is longer than 1000 bytes".to_owned());
        expected.push("20".to_owned());
        assert_eq!(read(&mut reader), expected, "{portion} bytes at a time");
    }
}

#[test]
fn memory_stays_bounded() {
    // 10 MB without a line break, twice, then a record.
    let text =
        [vec![b'a'; 10 << 20], b"\n".to_vec(), vec![0xff; 10 << 20], b"\n".to_vec(), record(1).into_bytes()];
    let text = text.concat();
    let mut reader = Reader::new(&text[..]).unwrap();
    let found = read(&mut reader);
    assert_eq!(
        found,
        ["1: the line is longer than 1048576 bytes", "2: the line is longer than 1048576 bytes", "1"]
    );
    assert!(reader.window.capacity() <= 4 * LINE_MAX, "{} bytes", reader.window.capacity());
}

#[test]
fn the_begin_does_not_depend_on_the_portions() {
    let text = b"175555555 <14>C:E0F|a|b|c|d";
    for portion in [1, 4, 100] {
        let mut reader = Reader::new(Slow(text, portion)).unwrap().with_framing(Framing::Syslog);
        let Some(Err(rejected)) = reader.next().unwrap() else { panic!("a reject") };
        assert_eq!(rejected.line, text, "{portion} bytes at a time");
    }
}

#[test]
fn the_begin_of_a_long_line_is_kept() {
    let text = [b"begin ".to_vec(), vec![b'a'; 1 << 20], b" end\nlast".to_vec()].concat();
    let mut reader = Reader::new(Slow(&text, 1_000)).unwrap().with_line_max(10_000);
    let Some(Err(rejected)) = reader.next().unwrap() else { panic!("a reject") };
    assert!(rejected.line.starts_with(b"begin aaa") && rejected.line.len() == crate::read::window::KEPT);
}
