//! Lines of logs: whatever the bytes are, a line is a record whose values can be had, or it is not, and says
//! why; a stream gives the same in any portions.
#![no_main]

use std::io::Read;

use bifrons_fuzz::Input;
use bifrons_logs::{
    read::{Framing, Parser, Reader, RejectFile},
    record::Column,
};
use libfuzzer_sys::fuzz_target;

const LINE_MAX: usize = 4_096;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mode = input.byte();
    let text = input.0;
    line(text);
    let framing = if mode & 1 == 0 { Framing::Lines } else { Framing::Syslog };
    let whole = stream(text, framing, usize::MAX);
    let portions = stream(text, framing, usize::from(mode >> 1) + 1);
    // Of damaged compression, how much comes out depends on the portions.
    assert_eq!(portions.is_some(), whole.is_some());
    assert!(whole.is_none() || portions == whole);
});

fn line(text: &[u8]) {
    let mut parser = Parser::new();
    match parser.parse(text) {
        Ok(record) => {
            for (column, value) in record.values() {
                assert_eq!(record.get(column), Some(value));
                let _ = (record.number(column), record.address(column), record.time(column));
            }
            for place in 0..record.columns() {
                assert!(record.at(place).is_some());
            }
            let _ = (record.release(), record.generated(), record.unnamed().count());
            assert!(record.line().starts_with(record.header()));
            assert!(record.get(Column::TYPE).is_some_and(|kind| !kind.is_empty()));
            let body = &record.line()[record.header().len()..];
            if record.columns() > 0
                && !body.contains(['"', '{'])
                && record.get(Column::FUTURE_USE_1) != Some("")
            {
                assert_eq!(record.columns(), body.split(',').count());
            }
        }
        Err(reject) => assert!(!reject.to_string().is_empty()),
    }
}

/// What a stream holds, read in portions of at most so many bytes; `None` if it is damaged.
fn stream(text: &[u8], framing: Framing, portion: usize) -> Option<Vec<u8>> {
    let reader = Reader::new(Portions(text, portion)).ok()?;
    let mut reader = reader.with_framing(framing).with_line_max(LINE_MAX);
    let mut out = Vec::new();
    while let Some(next) = reader.next().ok()? {
        match next {
            Ok(record) => out.extend_from_slice(record.line().as_bytes()),
            Err(rejected) => {
                assert!(rejected.line.len() <= LINE_MAX);
                let mut file = RejectFile::new(&mut out);
                file.add("fuzz", &rejected).expect("memory");
            }
        }
    }
    let counts = reader.counts();
    assert_eq!(counts.lines, counts.records + counts.rejected + counts.blank + counts.headings);
    Some(out)
}

struct Portions<'a>(&'a [u8], usize);

impl Read for Portions<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.1.min(self.0.len()).min(buffer.len());
        let (now, later) = self.0.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.0 = later;
        Ok(length)
    }
}
