//! Traffic-log records as text: PAN-OS CSV, JSON lines, and a table with a summary for people.
//!
//! [`RecordWriter`] is the way in: it is given records one by one and an output, and does the rest. What a
//! record's fields are called and how each is written stands once, in `columns.rs`; the CSV header, the CSV
//! and JSON lines, the canonical form and the manual's page all derive from that table.

mod canonical;
mod columns;
pub mod filter;
mod formats;
mod human;
pub mod listen;
pub mod manual;
mod plan;
mod protocol;
pub mod read;
pub mod record;
mod row;
pub mod store;
mod summary;
mod text;
mod version;
mod writer;

#[cfg(test)]
mod samples;

pub use canonical::CanonicalSorter;
pub use formats::{csv::CsvFormat, json::JsonFormat, table::TableFormat};
pub use protocol::protocol_name;
pub use summary::Summary;
pub use version::LogVersion;
pub use writer::{Format, Options, RecordWriter, WriteError};
