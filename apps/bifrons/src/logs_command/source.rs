//! Records out of log files.

use std::{
    fs::File,
    io::{self, BufWriter, Read},
    path::Path,
};

use anyhow::Context as _;
use bifrons_logs::{
    read::{Counts, Reader, RejectFile, Rejected},
    record::LogRecord,
};

/// Where lines go that could not be read, if anywhere.
pub struct Rejects(Option<RejectFile<BufWriter<File>>>);

impl Rejects {
    /// The file at `path`, made anew.
    pub fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let create = |path: &Path| {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            anyhow::Ok(RejectFile::new(BufWriter::new(file)))
        };
        Ok(Self(path.map(create).transpose()?))
    }

    /// Keeps a line that came from `source`.
    pub fn add(&mut self, source: &str, rejected: &Rejected<'_>) -> anyhow::Result<()> {
        self.0.as_mut().map_or(Ok(()), |file| file.add(source, rejected)).context("cannot write the rejects")
    }

    /// Writes out what is held back.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.0.as_mut().map_or(Ok(()), RejectFile::flush).context("cannot write the rejects")
    }
}

/// Hands out the records of a log file, `-` being standard input, and says how many there were.
pub fn each_record(
    path: &Path,
    rejects: &mut Rejects,
    mut each: impl FnMut(&LogRecord<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Counts> {
    let source: Box<dyn Read + Send> =
        if path.as_os_str() == "-" { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    let mut reader = Reader::new(source)?;
    while let Some(line) = reader.next()? {
        match line {
            Ok(record) => each(&record)?,
            Err(rejected) => rejects.add(&path.display().to_string(), &rejected)?,
        }
    }
    Ok(reader.counts())
}
