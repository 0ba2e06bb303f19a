//! Where records stand: `type=traffic/date=2026-01-31/hour=10/0000000012.parquet`.
//!
//! A file is named after the generation of the write-ahead file that it replaces, a merged one after the
//! first
//! and the last of them, `0000000012-0000000017.parquet`. So it can be told for each generation whether its
//! records stand in a file already, and a file whose generations another covers is one that a merge was about
//! to delete.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::store::{
    frame::Key,
    schema::{KINDS, word_of},
};

/// A file of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentPath {
    pub(crate) key: Key,
    pub(crate) generations: (u64, u64),
    pub(crate) path: PathBuf,
}

impl SegmentPath {
    pub(crate) fn new(store: &Path, key: Key, generations: (u64, u64)) -> Self {
        let (first, last) = generations;
        let name = if first == last {
            format!("{first:010}.parquet")
        } else {
            format!("{first:010}-{last:010}.parquet")
        };
        Self { key, generations, path: folder_of(store, key).join(name) }
    }

    /// Whether the file holds what was acknowledged in `generation` of its kind and hour.
    pub(crate) fn covers(&self, generation: u64) -> bool {
        (self.generations.0..=self.generations.1).contains(&generation)
    }

    fn replaces(&self, other: &Self) -> bool {
        self.key == other.key
            && self.generations != other.generations
            && self.covers(other.generations.0)
            && self.covers(other.generations.1)
    }
}

/// The folder of a kind and an hour.
pub(crate) fn folder_of(store: &Path, key: Key) -> PathBuf {
    let time = bifrons_model::Timestamp::from_secs(u64::from(key.hour) * 3600);
    let (year, month, day, hour, ..) = time.civil();
    store
        .join(format!("type={}", word_of(key.kind)))
        .join(format!("date={year:04}-{month:02}-{day:02}"))
        .join(format!("hour={hour:02}"))
}

/// All files of the store, the oldest hour first, and those that a merge has replaced but not yet deleted.
pub(crate) fn segments(store: &Path) -> io::Result<(Vec<SegmentPath>, Vec<SegmentPath>)> {
    let mut found = Vec::new();
    for kind in KINDS {
        for (date, folder) in folders(&store.join(format!("type={}", word_of(kind))), "date=")? {
            for (hour, folder) in folders(&folder, "hour=")? {
                let text = format!("{date}T{hour}:00:00Z");
                let Some(time) = crate::record::parse_time(&text) else { continue };
                let Ok(hour) = u32::try_from(time.as_nanos() / 3_600_000_000_000) else { continue };
                let key = Key { kind, hour };
                for entry in std::fs::read_dir(&folder)? {
                    let path = entry?.path();
                    let generations = generations_of(&path);
                    found.extend(generations.map(|generations| SegmentPath { key, generations, path }));
                }
            }
        }
    }
    found.sort_by_key(|segment| (segment.key.hour, segment.generations));
    let (replaced, current) = found
        .iter()
        .cloned()
        .partition(|segment| found.iter().any(|other| other.key == segment.key && other.replaces(segment)));
    Ok((current, replaced))
}

fn folders(folder: &Path, prefix: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let value = path.file_name().and_then(|name| name.to_str()?.strip_prefix(prefix));
        found.extend(value.map(|value| (value.to_owned(), path.clone())));
    }
    Ok(found)
}

fn generations_of(path: &Path) -> Option<(u64, u64)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".parquet")?;
    let (first, last) = name.split_once('-').unwrap_or((name, name));
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::LogKind;

    #[test]
    fn a_path_says_what_a_file_holds() {
        let key = Key { kind: LogKind::Traffic, hour: 491_770 };
        let one = SegmentPath::new(Path::new("s"), key, (12, 12));
        assert_eq!(one.path, Path::new("s/type=traffic/date=2026-02-06/hour=10/0000000012.parquet"));
        let merged = SegmentPath::new(Path::new("s"), key, (12, 17));
        assert_eq!(generations_of(&merged.path), Some((12, 17)));
        assert!(merged.replaces(&one) && !one.replaces(&merged) && !one.replaces(&one));
        assert!(merged.covers(13) && !merged.covers(18));
        for name in ["_x.parquet", ".0000000012.parquet", "part-1.parquet", "0000000012.log"] {
            assert_eq!(generations_of(Path::new(name)), None, "{name}");
        }
    }
}
