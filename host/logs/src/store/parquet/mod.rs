//! Columns as Parquet column chunks and back.
//!
//! The files are plain Parquet and any engine reads them; the `parquet` crate writes and reads their
//! metadata,
//! page headers and statistics. The pages' content is encoded here, because what a store of log records needs
//! is narrow and can then be fast: every text is a place in a dictionary already when a record arrives, most
//! of the 130 columns hold one value throughout, and a query wants the dictionary and the places, not texts.
//!
//! A column chunk is at most one dictionary page and one data page (version 1). Texts are always
//! dictionary-encoded, numbers are where it pays and `DELTA_BINARY_PACKED` otherwise.

mod chunk;
mod delta;
mod hybrid;
pub(crate) mod varint;

pub(crate) use chunk::{EncodedColumn, Encoder, ReadError, decode};

/// What makes bytes unreadable that this program, or another, has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub(crate) &'static str);
