//! Logs as text: traffic records written as PAN-OS CSV, JSON lines and tables; logs of any PAN-OS device
//! read, filtered, received and stored.
//!
//! [`RecordWriter`] writes: it is given records one by one and an output, and does the rest. [`read`] turns
//! lines, files and streams into [`record::LogRecord`]s, [`listen`] takes them off the network, [`filter`]
//! says which are meant. What columns are called and what they mean stands once, in [`record::Column`]; CSV
//! header, JSON names, layouts, filter fields and the manual's pages all derive from that list.

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
pub mod sinks;
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
