//! Keeping a store in shape: small files are merged, old ones deleted.

use std::{collections::HashMap, path::Path};

use bifrons_model::Timestamp;

use crate::store::{
    StoreError, StoreWriter,
    frame::Key,
    group::Group,
    path::{SegmentPath, segments},
    schema::Schema,
    segment::{self, EncodedGroup, Segment},
    table::TableBuilder,
};

/// Until when records are kept. Without either bound they are kept for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// Hours that ended longer ago than this are deleted.
    pub age: Option<std::time::Duration>,
    /// While all files together are larger, the oldest one is deleted.
    pub bytes_max: Option<u64>,
}

/// What upkeep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Files that were read, or deleted.
    pub files_before: usize,
    /// Files that were written in their place.
    pub files_after: usize,
    /// Rows that were moved, or deleted.
    pub rows: u64,
}

impl StoreWriter {
    /// Merges the files of an hour until none but the last has fewer than half of `rows_max` rows. Each
    /// merged
    /// file is there before those that it replaces are deleted; another engine that reads in between, or
    /// after
    /// an interruption until the store is opened again, finds both. Readers of this program do not.
    ///
    /// # Errors
    /// When files cannot be read or written; nothing is lost then.
    pub fn compact(&mut self, rows_max: usize) -> Result<Upkeep, StoreError> {
        self.checkpoint()?;
        let io_error = |source| StoreError::io(self.folder(), source);
        let (files, _) = segments(self.folder()).map_err(io_error)?;
        let mut done = Upkeep::default();
        let mut hours: HashMap<Key, Vec<&SegmentPath>> = HashMap::new();
        for file in &files {
            hours.entry(file.key).or_default().push(file);
        }
        for files in hours.values() {
            self.compact_hour(files, rows_max, &mut done)?;
        }
        Ok(done)
    }

    fn compact_hour(
        &mut self,
        files: &[&SegmentPath],
        rows_max: usize,
        done: &mut Upkeep,
    ) -> Result<(), StoreError> {
        let mut waiting: Vec<&SegmentPath> = Vec::new();
        let mut rows = 0;
        for file in files {
            let count = Segment::open(&file.path, Schema::of(file.key.kind))?.all_rows();
            if rows + count > rows_max || count >= rows_max / 2 {
                self.merge(&std::mem::take(&mut waiting), done)?;
                rows = 0;
            }
            if count < rows_max / 2 {
                waiting.push(file);
                rows += count;
            }
        }
        self.merge(&waiting, done)
    }

    fn merge(&mut self, files: &[&SegmentPath], done: &mut Upkeep) -> Result<(), StoreError> {
        let [first, .., last] = files else { return Ok(()) };
        let key = first.key;
        let schema = Schema::of(key.kind);
        let merged = SegmentPath::new(self.folder(), key, (first.generations.0, last.generations.1));
        let mut table = TableBuilder::new(key.kind);
        let mut groups = Vec::new();
        let rows_max = self.group_rows_max();
        for file in files {
            let segment = Segment::open(&file.path, schema)?;
            for number in 0..segment.groups() {
                let mut group = Group::of(&segment, &file.path, number);
                group.load_all()?;
                let mut from = 0;
                while from < group.rows() {
                    let count = (group.rows() - from).min(rows_max.saturating_sub(table.rows()).max(1));
                    table.add_rows(&group.table, from..from + count);
                    from += count;
                    if table.rows() >= rows_max {
                        let full = std::mem::replace(&mut table, TableBuilder::new(key.kind));
                        groups.push(self.encoded(full, &merged.path)?);
                    }
                }
                done.rows += group.rows() as u64;
            }
        }
        if table.rows() > 0 {
            groups.push(self.encoded(table, &merged.path)?);
        }
        segment::write(&merged.path, schema, groups)?;
        for file in files {
            std::fs::remove_file(&file.path).map_err(|source| StoreError::io(&file.path, source))?;
        }
        done.files_before += files.len();
        done.files_after += 1;
        Ok(())
    }

    fn encoded(&mut self, table: TableBuilder, path: &Path) -> Result<EncodedGroup, StoreError> {
        let group = EncodedGroup::new(&table.finish(), self.encoder());
        group.map_err(|source| StoreError::parquet(path, source))
    }

    /// Deletes what need no longer be kept at the time `now`.
    ///
    /// # Errors
    /// When files cannot be deleted.
    pub fn retain(&mut self, retention: Retention, now: Timestamp) -> Result<Upkeep, StoreError> {
        let io_error = |source| StoreError::io(self.folder(), source);
        let (files, _) = segments(self.folder()).map_err(io_error)?;
        let mut sized = Vec::new();
        for file in files {
            let size = std::fs::metadata(&file.path).map_err(|source| StoreError::io(&file.path, source))?;
            sized.push((file, size.len()));
        }
        let mut left: u64 = sized.iter().map(|(_, size)| size).sum();
        let mut done = Upkeep::default();
        for (file, size) in sized {
            let end = Timestamp::from_secs((u64::from(file.key.hour) + 1) * 3_600);
            let age = std::time::Duration::from_nanos(now.as_nanos().saturating_sub(end.as_nanos()));
            let is_old = retention.age.is_some_and(|limit| age > limit);
            let is_too_much = retention.bytes_max.is_some_and(|limit| left > limit);
            if is_old || is_too_much {
                done.rows += Segment::open(&file.path, Schema::of(file.key.kind))?.all_rows() as u64;
                std::fs::remove_file(&file.path).map_err(|source| StoreError::io(&file.path, source))?;
                left -= size;
                done.files_before += 1;
                // The hour's folder and the day's, where they are empty now.
                for folder in file.path.ancestors().skip(1).take(2) {
                    let _ = std::fs::remove_dir(folder);
                }
            }
        }
        Ok(done)
    }
}
