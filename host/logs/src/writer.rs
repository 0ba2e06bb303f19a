//! Records to an output: the one thing that a program needs from this crate.

use std::io;

use bifrons_model::{Names, Timestamp, TrafficRecord};

use crate::{
    canonical::CanonicalSorter,
    formats::{csv::CsvFormat, json::JsonFormat, table::TableFormat},
    row::Row,
    summary::Summary,
    version::LogVersion,
};

/// The form of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PAN-OS CSV.
    Csv,
    /// One JSON object a line.
    Json,
    /// A table and a summary for people.
    Table,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Csv, Self::Json, Self::Table];

    /// The word on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Table => "table",
        }
    }

    /// The format called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// What there is to choose beside the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What errors call the output: a path, or `standard output`.
    pub output_name: String,
    /// Leave out what may differ between two runs of the same packets, and sort.
    pub canonical: bool,
    /// CSV: whose columns.
    pub version: LogVersion,
    /// CSV and table: begin with the names of the columns.
    pub header: bool,
    /// Table: the terminal's width in columns.
    pub width: usize,
    /// Table: whether the output understands colour.
    pub colour: bool,
    /// Table: end with a summary.
    pub summary: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            output_name: "standard output".to_owned(),
            canonical: false,
            version: LogVersion::default(),
            header: true,
            width: TableFormat::WIDTH_MIN,
            colour: false,
            summary: true,
        }
    }
}

/// The output took no more. It comes as the inside of an [`io::Error`] of the same kind as `source`, so
/// that a program can still tell a closed pipe from a full disk.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write the traffic log to {output_name}: {source} \
     ({bytes} bytes, {lines} whole lines, were written)"
)]
pub struct WriteError {
    /// What the output is called.
    pub output_name: String,
    /// The bytes that the output took before.
    pub bytes: u64,
    /// The whole lines among them, column names included.
    pub lines: u64,
    /// What the output said.
    pub source: io::Error,
}

/// Writes records in one of the formats. [`RecordWriter::finish`] must close it: what was not yet handed to
/// the output is lost otherwise.
#[must_use = "`finish` hands the last lines to the output"]
pub struct RecordWriter<W> {
    encoder: Encoder,
    output: Output<W>,
    sorter: Option<CanonicalSorter>,
    summary: Option<(Summary, usize)>,
    line: Vec<u8>,
}

enum Encoder {
    Csv(CsvFormat),
    Json(JsonFormat),
    Table(TableFormat),
}

impl<W: io::Write> RecordWriter<W> {
    /// A writer to `output`. Nothing is written yet.
    pub fn new(output: W, format: Format, options: Options) -> Self {
        let encoder = match format {
            Format::Csv => Encoder::Csv(CsvFormat::new(options.version, options.canonical)),
            Format::Json => Encoder::Json(JsonFormat::new(options.canonical)),
            Format::Table => Encoder::Table(TableFormat::new(options.width, options.colour)),
        };
        let mut output = Output::new(output, options.output_name);
        if options.header {
            match &encoder {
                Encoder::Csv(csv) => output.pending.extend_from_slice(csv.header().as_bytes()),
                Encoder::Json(_) => {}
                Encoder::Table(table) => table.header(&mut output.pending),
            }
        }
        let has_summary = options.summary && format == Format::Table;
        Self {
            encoder,
            output,
            sorter: options.canonical.then(CanonicalSorter::default),
            summary: has_summary.then(|| (Summary::default(), options.width)),
            line: Vec::new(),
        }
    }

    /// Writes a record. `context` names its origin (the capture's path as the user gave it); only JSON has
    /// a place for it, and none where it is empty.
    ///
    /// # Errors
    /// What the output reports, as [`WriteError`] says; every later call fails too.
    pub fn write(&mut self, record: &TrafficRecord, names: &Names, context: &str) -> io::Result<()> {
        let Self { encoder, output, sorter, summary, line } = self;
        if let Some((summary, _)) = summary {
            summary.add(record, names);
        }
        let row = Row::new(record, names, context);
        if let Some(sorter) = sorter {
            line.clear();
            encoder.encode(&row, line);
            sorter.add(record.start, line);
            return Ok(());
        }
        encoder.before(record.start, &mut output.pending);
        encoder.encode(&row, &mut output.pending);
        output.write_if_large()
    }

    /// Hands everything written so far to the output and flushes it; lines that wait to be sorted stay.
    ///
    /// # Errors
    /// As for [`RecordWriter::write`].
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// Writes what is left: sorted lines, the summary.
    ///
    /// # Errors
    /// As for [`RecordWriter::write`].
    pub fn finish(mut self) -> io::Result<()> {
        let Self { encoder, output, sorter, summary, .. } = &mut self;
        if let Some(sorter) = sorter {
            sorter.drain(|start, line| {
                encoder.before(start, &mut output.pending);
                output.pending.extend_from_slice(line);
                output.write_if_large()
            })?;
        }
        if let Some((summary, width)) = summary {
            output.pending.push(b'\n');
            output.pending.extend_from_slice(summary.text(*width).as_bytes());
        }
        output.flush()
    }
}

impl Encoder {
    /// What stands between the line before and that of a session that began at `start`.
    fn before(&mut self, start: Timestamp, out: &mut Vec<u8>) {
        match self {
            Self::Csv(_) | Self::Json(_) => {}
            Self::Table(table) => table.day_line(start, out),
        }
    }

    fn encode(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Csv(csv) => csv.write_row(row, out),
            Self::Json(json) => json.write_row(row, out),
            Self::Table(table) => table.write_row(row, out),
        }
    }
}

/// A buffer before the output that knows how much the output took.
struct Output<W> {
    output: W,
    name: String,
    pending: Vec<u8>,
    bytes: u64,
    lines: u64,
    /// The kind of the error that ended it.
    failed: Option<io::ErrorKind>,
}

impl<W: io::Write> Output<W> {
    const CHUNK: usize = 64 * 1024;

    fn new(output: W, name: String) -> Self {
        Self { output, name, pending: Vec::with_capacity(2 * Self::CHUNK), bytes: 0, lines: 0, failed: None }
    }

    fn write_if_large(&mut self) -> io::Result<()> {
        if self.pending.len() < Self::CHUNK { Ok(()) } else { self.write_out() }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        match self.output.flush() {
            Ok(()) => Ok(()),
            Err(error) => Err(self.fail(error)),
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        if let Some(kind) = self.failed {
            return Err(self.fail(kind.into()));
        }
        let mut rest = self.pending.as_slice();
        let outcome = loop {
            if rest.is_empty() {
                break Ok(());
            }
            match self.output.write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    let (done, left) = rest.split_at(taken.min(rest.len()));
                    self.bytes += done.len() as u64;
                    self.lines += done.iter().filter(|byte| **byte == b'\n').count() as u64;
                    rest = left;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.pending.clear();
        outcome.map_err(|error| self.fail(error))
    }

    fn fail(&mut self, source: io::Error) -> io::Error {
        let kind = source.kind();
        self.failed = Some(kind);
        self.pending.clear();
        let Self { name, bytes, lines, .. } = self;
        io::Error::new(kind, WriteError { output_name: name.clone(), bytes: *bytes, lines: *lines, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn written(format: Format, options: Options, records: &[TrafficRecord]) -> String {
        let mut out = Vec::new();
        let mut writer = RecordWriter::new(&mut out, format, options);
        for record in records {
            writer.write(record, &samples::names(), "one.pcap").unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn order_of_arrival_without_canonical_order_of_start_with_it() {
        let later = TrafficRecord { start: Timestamp::from_secs(1_800_000_000), ..samples::ended() };
        let records = [later, samples::ended()];
        for format in Format::ALL {
            let options =
                |canonical| Options { canonical, header: false, summary: false, ..Options::default() };
            let plain = written(format, options(false), &records);
            let sorted = written(format, options(true), &records);
            let reversed = written(format, options(true), &[records[1].clone(), records[0].clone()]);
            assert_eq!(sorted, reversed, "{format:?}");
            let place = |text: &str, part: &str| text.find(part).unwrap();
            let (first, second) = match format {
                Format::Csv => ("2023/11/14 22:13:40", "2027/01/15 08:00:00"),
                Format::Json => ("\"start\":1700000020.020000000", "\"start\":1800000000.000000000"),
                Format::Table => ("2023-11-14 UTC", "2027-01-15 UTC"),
            };
            assert!(place(&plain, second) < place(&plain, first), "{format:?}");
            assert!(place(&sorted, first) < place(&sorted, second), "{format:?}");
        }
    }

    #[test]
    fn the_first_line_names_columns_where_there_are_any() {
        let first = |format, header| {
            let text = written(format, Options { header, ..Options::default() }, &[samples::ended()]);
            text.lines().next().map(str::to_owned).unwrap()
        };
        assert!(first(Format::Csv, true).starts_with("future_use_1,receive_time,serial,type,"));
        assert!(first(Format::Csv, false).starts_with("1,2023/11/14 "));
        assert!(first(Format::Json, true).starts_with("{\"type\""));
        assert!(first(Format::Table, true).starts_with("start "));
        assert_eq!(first(Format::Table, false), "2023-11-14 UTC");
    }

    #[test]
    fn json_carries_the_context_and_the_table_ends_with_the_summary() {
        let json = written(Format::Json, Options::default(), &[samples::ended()]);
        assert!(json.ends_with("\"pcap\":\"one.pcap\"}\n"), "{json}");
        let table = written(Format::Table, Options::default(), &[samples::ended()]);
        assert!(table.contains("\n\n1 session, 20 packets, "), "{table}");
    }

    /// Takes `room` bytes, at most ten a call, interrupted before each; then fails.
    struct Narrow {
        room: usize,
        interrupted: bool,
        kind: io::ErrorKind,
    }

    impl io::Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.interrupted = !self.interrupted;
            if self.interrupted {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if self.room == 0 {
                return Err(self.kind.into());
            }
            let taken = bytes.len().min(self.room).min(10);
            self.room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told_with_name_and_amount() {
        let output = Narrow { room: 1_000, interrupted: false, kind: io::ErrorKind::StorageFull };
        let version = crate::version::LogVersion::V10_1;
        let options = Options { output_name: "log.csv".into(), header: false, version, ..Options::default() };
        let mut writer = RecordWriter::new(output, Format::Csv, options);
        for _ in 0..5 {
            writer.write(&samples::ended(), &samples::names(), "").unwrap();
        }
        let error = writer.flush().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let text = error.to_string();
        assert!(text.starts_with("cannot write the traffic log to log.csv: "), "{text}");
        assert!(text.ends_with("(1000 bytes, 2 whole lines, were written)"), "{text}");
        assert_eq!(writer.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_closed_pipe_keeps_its_kind() {
        let output = Narrow { room: 0, interrupted: false, kind: io::ErrorKind::BrokenPipe };
        let mut writer = RecordWriter::new(output, Format::Json, Options::default());
        let mut outcome = Ok(());
        while outcome.is_ok() {
            outcome = writer.write(&samples::ended(), &samples::names(), "");
        }
        assert_eq!(outcome.map_err(|error| error.kind()), Err(io::ErrorKind::BrokenPipe));
    }

    #[test]
    fn names_read_back() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(format));
        }
        assert_eq!(Format::from_name("xml"), None);
    }
}
