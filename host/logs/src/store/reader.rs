//! Reading what a store holds: files, and what waits in write-ahead files.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use crate::store::{
    StoreError,
    frame::Key,
    group::Group,
    path::{SegmentPath, segments},
    schema::Schema,
    segment::Segment,
    table::{Table, TableBuilder},
    wal::{self, Entries},
};

/// A store as it is read. It may be written to meanwhile.
pub struct StoreReader {
    folder: PathBuf,
}

/// How far a store has been read: rows are only ever added to the end of a kind and an hour.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    pub(crate) rows: HashMap<Key, u64>,
}

/// What a store holds at one moment.
pub(crate) struct Snapshot {
    /// The oldest hour first.
    parts: Vec<Part>,
}

enum Part {
    File(SegmentPath),
    Open(Key, Table),
}

impl StoreReader {
    /// The store in `folder`.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::read_dir(folder).map_err(|source| StoreError::io(folder, source))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The store's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What there is now. Write-ahead files are read before the folders are: what becomes a file in between
    /// is
    /// found as both, and the file counts.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let io_error = |source| StoreError::io(&self.folder, source);
        let mut waiting = Vec::new();
        for (generation, path) in wal::files(&self.folder).map_err(io_error)? {
            match Entries::read(&path) {
                Ok(entries) => waiting.push((generation, path, entries)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(StoreError::io(&path, source)),
            }
        }
        let (files, _) = segments(&self.folder).map_err(io_error)?;
        let mut tables: HashMap<Key, TableBuilder> = HashMap::new();
        for (generation, path, entries) in &waiting {
            for frame in entries.frames() {
                let damaged = |source| StoreError::Damaged { path: path.clone(), source };
                let frame = frame.map_err(damaged)?;
                let stands = |file: &SegmentPath| file.key == frame.key && file.covers(*generation);
                if !files.iter().any(stands) {
                    let table = tables.entry(frame.key).or_insert_with(|| TableBuilder::new(frame.key.kind));
                    table.add(&frame).map_err(damaged)?;
                }
            }
        }
        let mut parts: Vec<Part> = files.into_iter().map(Part::File).collect();
        parts.extend(tables.into_iter().map(|(key, table)| Part::Open(key, table.finish())));
        // Stable: what stands in no file yet is the newest of its hour.
        parts.sort_by_key(|part| (part.key().hour, matches!(part, Part::Open(..))));
        Ok(Snapshot { parts })
    }
}

impl Part {
    fn key(&self) -> Key {
        match self {
            Self::File(file) => file.key,
            Self::Open(key, _) => *key,
        }
    }
}

impl Snapshot {
    /// Goes through the groups whose kind and hour `wanted` names, until `each` breaks.
    pub(crate) fn visit(
        self,
        newest_first: bool,
        wanted: impl Fn(Key) -> bool,
        mut each: impl FnMut(Key, Group<'_>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut parts = self.parts;
        if newest_first {
            parts.reverse();
        }
        for part in parts.into_iter().filter(|part| wanted(part.key())) {
            let went_on = match part {
                Part::Open(key, table) => each(key, Group::open(table))?,
                Part::File(file) => visit_file(&file, newest_first, &mut each)?,
            };
            if went_on.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn visit_file(
    file: &SegmentPath,
    newest_first: bool,
    each: &mut impl FnMut(Key, Group<'_>) -> Result<ControlFlow<()>, StoreError>,
) -> Result<ControlFlow<()>, StoreError> {
    let segment = Segment::open(&file.path, Schema::of(file.key.kind))?;
    let groups = segment.groups();
    for number in 0..groups {
        let number = if newest_first { groups - 1 - number } else { number };
        if each(file.key, Group::of(&segment, &file.path, number))?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}
