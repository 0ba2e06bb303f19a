//! The write-ahead file: what was acknowledged and stands in no Parquet file yet.
//!
//! ```text
//! file   "BIFWAL1\n"  entry (names of the columns, a line each)  entry (a frame)…
//! entry  length (u32)  CRC-32 of the bytes (u32)  bytes         little endian
//! ```
//!
//! A file that ends in the middle of an entry was interrupted there; what was acknowledged stands before.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    record::Column,
    store::{frame::Frame, parquet::Damaged},
};

const MAGIC: &[u8; 8] = b"BIFWAL1\n";

/// The folder of write-ahead files below the store. Other engines ignore names that begin with `_`.
pub(crate) const FOLDER: &str = "_wal";

/// A write-ahead file being written.
pub(crate) struct WriteAhead {
    file: File,
    path: PathBuf,
    pub(crate) bytes: u64,
}

/// What a write-ahead file holds.
pub(crate) struct Entries {
    bytes: Vec<u8>,
    columns: Vec<Option<Column>>,
    begin: usize,
}

impl WriteAhead {
    pub(crate) fn create(store: &Path, generation: u64) -> io::Result<Self> {
        let path = path_of(store, generation);
        let mut file = File::create_new(&path)?;
        let names: Vec<&str> = Column::ALL.iter().map(|column| column.name()).collect();
        let mut head = MAGIC.to_vec();
        push_entry(&mut head, |out| out.extend_from_slice(names.join("\n").as_bytes()));
        file.write_all(&head)?;
        file.sync_all()?;
        sync_folder(&store.join(FOLDER))?;
        Ok(Self { file, path, bytes: head.len() as u64 })
    }

    /// Writes whole entries; with `sync` they are on the disk when this returns.
    pub(crate) fn append(&mut self, entries: &[u8], sync: bool) -> io::Result<()> {
        if let Err(error) = self.file.write_all(entries) {
            // What follows half an entry would be lost with it.
            self.file.set_len(self.bytes)?;
            io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.bytes))?;
            return Err(error);
        }
        self.bytes += entries.len() as u64;
        if sync { self.file.sync_data() } else { Ok(()) }
    }

    pub(crate) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}

impl Entries {
    /// Reads a file. One without a readable head holds nothing: it was interrupted before it began.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(path)?;
        let empty = Self { bytes: Vec::new(), columns: Vec::new(), begin: 0 };
        let Some(rest) = bytes.strip_prefix(MAGIC) else { return Ok(empty) };
        let Some((names, _)) = split_entry(rest) else { return Ok(empty) };
        let begin = MAGIC.len() + 8 + names.len();
        let names = String::from_utf8_lossy(names);
        let columns = names.lines().map(Column::from_name).collect();
        Ok(Self { columns, begin, bytes })
    }

    /// The frames in their order, up to the first that is not whole.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Result<Frame<'_>, Damaged>> {
        let mut rest = self.bytes.get(self.begin..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (entry, after) = split_entry(rest)?;
            rest = after;
            Some(Frame::read(entry, &self.columns))
        })
    }
}

/// The frames among entries that this program has just made.
pub(crate) fn own_frames(mut entries: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, Damaged>> {
    static COLUMNS: std::sync::LazyLock<Vec<Option<Column>>> =
        std::sync::LazyLock::new(|| Column::ALL.map(Some).to_vec());
    std::iter::from_fn(move || {
        let (length, rest) = entries.split_first_chunk::<4>()?;
        let (entry, after) = rest.get(4..)?.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        entries = after;
        Some(Frame::read(entry, &COLUMNS))
    })
}

/// Appends an entry of what `write` appends.
pub(crate) fn push_entry(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&[0; 8]);
    write(out);
    if let Some((head, content)) = out.get_mut(begin..).and_then(<[u8]>::split_first_chunk_mut::<8>) {
        let check = crc32fast::hash(content);
        *head = (u64::from(check) << 32 | content.len() as u64 & 0xffff_ffff).to_le_bytes();
    }
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<4>()?;
    let (content, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    (crc32fast::hash(content) == u32::from_le_bytes(*check)).then_some((content, rest))
}

/// All write-ahead files of a store and their generations, the oldest first.
pub(crate) fn files(store: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(store.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|extension| extension == "log");
        let generation = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let (true, Some(generation)) = (is_ours, generation) {
            found.push((generation, path));
        }
    }
    found.sort();
    Ok(found)
}

fn path_of(store: &Path, generation: u64) -> PathBuf {
    store.join(FOLDER).join(format!("{generation:010}.log"))
}

/// Makes renames and new files in a folder survive a loss of power.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
