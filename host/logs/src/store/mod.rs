//! A store of log records: Parquet files in folders by kind and hour, which any engine can read.
//!
//! ```text
//! STORE/type=traffic/date=2026-01-31/hour=10/0000000012.parquet
//! STORE/_wal/0000000013.log
//! ```
//!
//! [`Batch`]es of records go into a [`StoreWriter`]. It first appends them to the write-ahead file, which
//! acknowledges them, and gathers them in memory, a table for each hour; when the write-ahead file is full
//! the
//! tables become Parquet files and it is deleted.

mod batch;
mod column;
mod frame;
mod group;
mod parquet;
mod path;
mod query;
mod reader;
mod schema;
mod segment;
mod select;
mod selection;
mod table;
mod upkeep;
mod wal;
mod writer;

use std::path::{Path, PathBuf};

pub use batch::Batch;
pub use group::RowBuffer;
pub use parquet::Damaged;
pub use query::{Figures, Query, Share, Weight};
pub use reader::{Cursor, StoreReader};
pub(crate) use schema::layout_of;
pub use upkeep::{Retention, Upkeep};
pub use writer::{StoreWriter, WriterOptions};

/// Why a store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder cannot be read or written.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A Parquet file cannot be read or written.
    #[error("{}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ::parquet::errors::ParquetError,
    },
    /// A file holds what no writer of this store has put there.
    #[error("{}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Damaged,
    },
    /// Another writer has the store open.
    #[error("{}: another process writes to this store", folder.display())]
    Busy {
        /// The store.
        folder: PathBuf,
    },
    /// Parquet files could not be written for so long that the write-ahead file has reached its bound.
    #[error("{}: {bytes} bytes wait in the write-ahead file, more are not taken", folder.display())]
    Full {
        /// The store.
        folder: PathBuf,
        /// How much waits.
        bytes: u64,
    },
}

impl StoreError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    fn parquet(path: &Path, source: ::parquet::errors::ParquetError) -> Self {
        Self::Parquet { path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod select_tests;
#[cfg(test)]
mod tests;
