//! Putting records into the store.

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use crate::store::{
    Batch, StoreError,
    frame::{Frame, Key},
    parquet::Encoder,
    path::{SegmentPath, segments},
    schema::Schema,
    segment::{self, EncodedGroup},
    table::TableBuilder,
    wal::{self, Entries, WriteAhead},
};

/// How a store is written.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The write-ahead file may grow to about this many bytes; then its records are put into Parquet files.
    /// This bounds the memory that the writer takes and the time that it needs after an interruption.
    pub write_ahead_bytes_max: u64,
    /// Whether an acknowledged batch survives a loss of power. Without, it survives the end of the process.
    pub sync: bool,
    /// Rows of a group in a Parquet file: what is read and encoded at once.
    pub group_rows_max: usize,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { write_ahead_bytes_max: 128 << 20, sync: true, group_rows_max: 1 << 18 }
    }
}

/// The one writer of a store: nobody else can open it for writing meanwhile.
///
/// A batch is acknowledged when [`StoreWriter::append`] returns. It is found by queries from then on, and
/// survives an end of the process at any moment. [`StoreWriter::checkpoint`] puts what was acknowledged into
/// Parquet files, which happens by itself when the write-ahead file is full and when the writer is closed.
pub struct StoreWriter {
    folder: PathBuf,
    options: WriterOptions,
    encoder: Encoder,
    write_ahead: Option<WriteAhead>,
    generation: u64,
    open: HashMap<Key, Open>,
    entries: Vec<u8>,
    /// A Parquet file could not be written: what is open in memory is incomplete, the write-ahead file is
    /// not.
    is_broken: bool,
    _lock: File,
}

/// What is open of one kind and one hour.
struct Open {
    table: TableBuilder,
    full: Vec<EncodedGroup>,
}

impl StoreWriter {
    /// Opens the store in `folder`, which is made if it is not there, and puts into files what an interrupted
    /// writer left.
    ///
    /// # Errors
    /// When another writer has it open, or files cannot be read or written.
    pub fn open(folder: &Path, options: WriterOptions) -> Result<Self, StoreError> {
        let waiting = folder.join(wal::FOLDER);
        std::fs::create_dir_all(&waiting).map_err(|source| StoreError::io(&waiting, source))?;
        let path = waiting.join("lock");
        let lock = File::create(&path).map_err(|source| StoreError::io(&path, source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::Busy { folder: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(StoreError::io(&path, source)),
        }
        let encoder = Encoder::new().map_err(|source| StoreError::io(folder, source))?;
        let mut writer = Self {
            folder: folder.to_owned(),
            options,
            encoder,
            write_ahead: None,
            generation: 0,
            open: HashMap::new(),
            entries: Vec::new(),
            is_broken: false,
            _lock: lock,
        };
        writer.recover()?;
        Ok(writer)
    }

    /// The store's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Puts a batch into the store and empties it. Where this fails, the batch still holds what was not
    /// acknowledged.
    ///
    /// # Errors
    /// When files cannot be written.
    pub fn append(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.mend()?;
        let mut entries = std::mem::take(&mut self.entries);
        entries.clear();
        batch.frames().iter().for_each(|frame| wal::push_entry(&mut entries, |out| frame.write(out)));
        let written = self.write_ahead(&entries);
        self.entries = entries;
        written?;
        batch.clear();
        let entries = std::mem::take(&mut self.entries);
        let taken = wal::own_frames(&entries).try_for_each(|frame| match frame {
            Ok(frame) => self.take(&frame),
            Err(source) => Err(StoreError::Damaged { path: self.folder.join(wal::FOLDER), source }),
        });
        self.entries = entries;
        self.is_broken |= taken.is_err();
        taken?;
        let waiting = self.write_ahead.as_ref().map_or(0, |file| file.bytes);
        if waiting >= self.options.write_ahead_bytes_max { self.checkpoint() } else { Ok(()) }
    }

    /// Puts what was acknowledged into Parquet files.
    ///
    /// # Errors
    /// When files cannot be written; what was acknowledged stays in the write-ahead file and is tried again.
    pub fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.mend()?;
        let written = self.write_segments();
        self.is_broken = written.is_err();
        written
    }

    pub(crate) fn encoder(&mut self) -> &mut Encoder {
        &mut self.encoder
    }

    pub(crate) fn group_rows_max(&self) -> usize {
        self.options.group_rows_max.max(1)
    }

    fn write_segments(&mut self) -> Result<(), StoreError> {
        let mut keys: Vec<Key> = self.open.keys().copied().collect();
        keys.sort_by_key(|key| key.hour);
        for key in keys {
            self.write_segment(key)?;
        }
        if let Some(file) = self.write_ahead.take() {
            file.remove().map_err(|source| StoreError::io(&self.folder, source))?;
            self.generation += 1;
        }
        Ok(())
    }

    /// Closes the store with everything in Parquet files.
    ///
    /// # Errors
    /// As [`StoreWriter::checkpoint`].
    pub fn close(mut self) -> Result<(), StoreError> {
        self.checkpoint()
    }

    /// After a failure, begins again with what the write-ahead file holds.
    fn mend(&mut self) -> Result<(), StoreError> {
        if self.is_broken {
            self.open.clear();
            self.write_ahead = None;
            self.recover()?;
            self.is_broken = false;
        }
        Ok(())
    }

    fn write_ahead(&mut self, entries: &[u8]) -> Result<(), StoreError> {
        let io_error = |source| StoreError::io(&self.folder, source);
        let file = match &mut self.write_ahead {
            Some(file) => file,
            none => none.insert(WriteAhead::create(&self.folder, self.generation).map_err(io_error)?),
        };
        // Files that cannot be written must not let this one grow without bound.
        if file.bytes > self.options.write_ahead_bytes_max.saturating_mul(2) {
            return Err(StoreError::Full { folder: self.folder.clone(), bytes: file.bytes });
        }
        file.append(entries, self.options.sync).map_err(io_error)
    }

    fn take(&mut self, frame: &Frame<'_>) -> Result<(), StoreError> {
        let new = || Open { table: TableBuilder::new(frame.key.kind), full: Vec::new() };
        let open = self.open.entry(frame.key).or_insert_with(new);
        let added = open.table.add(frame);
        added.map_err(|source| StoreError::Damaged { path: self.folder.join(wal::FOLDER), source })?;
        if open.table.rows() >= self.options.group_rows_max {
            self.encode(frame.key)?;
        }
        Ok(())
    }

    /// Turns the open rows of a kind and an hour into a group of a Parquet file.
    fn encode(&mut self, key: Key) -> Result<(), StoreError> {
        let Some(open) = self.open.get_mut(&key) else { return Ok(()) };
        let table = std::mem::replace(&mut open.table, TableBuilder::new(key.kind)).finish();
        if table.rows > 0 {
            let group = EncodedGroup::new(&table, &mut self.encoder);
            open.full.push(group.map_err(|source| StoreError::parquet(&self.folder, source))?);
        }
        Ok(())
    }

    fn write_segment(&mut self, key: Key) -> Result<(), StoreError> {
        self.encode(key)?;
        let Some(open) = self.open.remove(&key) else { return Ok(()) };
        let generations = (self.generation, self.generation);
        let path = SegmentPath::new(&self.folder, key, generations).path;
        segment::write(&path, Schema::of(key.kind), open.full)
    }

    /// Takes up what an interrupted writer left: deletes what a merge was about to delete, and puts the
    /// records of write-ahead files into Parquet files, unless they stand there already.
    fn recover(&mut self) -> Result<(), StoreError> {
        let io_error = |source| StoreError::io(&self.folder, source);
        let (current, replaced) = segments(&self.folder).map_err(io_error)?;
        for segment in replaced {
            std::fs::remove_file(&segment.path).map_err(io_error)?;
        }
        let newest = current.iter().map(|segment| segment.generations.1 + 1).max();
        let files = wal::files(&self.folder).map_err(io_error)?;
        for (generation, path) in &files {
            let entries = Entries::read(path).map_err(|source| StoreError::io(path, source))?;
            self.generation = *generation;
            for frame in entries.frames() {
                let frame = frame.map_err(|source| StoreError::Damaged { path: path.clone(), source })?;
                let stands = |segment: &SegmentPath| segment.key == frame.key && segment.covers(*generation);
                if !current.iter().any(stands) {
                    self.take(&frame)?;
                }
            }
            self.write_segments()?;
            std::fs::remove_file(path).map_err(|source| StoreError::io(path, source))?;
        }
        let after = files.last().map(|(generation, _)| generation + 1);
        self.generation = newest.max(after).unwrap_or(1);
        Ok(())
    }
}

impl Drop for StoreWriter {
    /// What could not be put into files is found in the write-ahead file by the next writer.
    fn drop(&mut self) {
        let _ = self.checkpoint();
    }
}
