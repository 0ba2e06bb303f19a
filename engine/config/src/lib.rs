//! What the operator writes, and what it means.
//!
//! Text becomes a `Document`, the tree of `set` lines as they were written; that becomes a typed `Config`,
//! and `engine/policy` compiles that. Each step is a type of its own: a half-built configuration cannot
//! exist.
//!
//! A line is a path and a value, as in a PAN-OS configuration in set format: `set zone trust network layer3
//! ethernet1/1`. The word `set` may be left out, several settings of one entry may stand on one line, a
//! name with spaces stands in quotation marks, a list in brackets. `delete PATH` takes back what lines
//! before it said, `move` changes the order of rules, `rename` and `copy` do what they say. Lines that begin
//! with `#` are comments and belong to the line that follows.
#![no_std]

extern crate alloc;

mod build;
mod commit;
mod complete;
mod diff;
mod document;
mod edit;
mod error;
mod import;
mod manual;
mod parse;
mod references;
mod schema;
mod scopes;
mod sources;
mod tree;
pub mod typed;
mod words;

pub use commit::{
    Cause, CommitError, CommitRequest, Committed, ConfigStore, HistoryLimits, MOST_MINUTES, Output, Running,
    State, UnknownVersion, Validated, Version,
};
pub use complete::{Candidate, CandidateKind, Completion};
pub use diff::{Change, Diff, diff};
pub use document::Document;
pub use error::{Accepted, ConfigError, Problem};
pub use import::{
    Changed, Count, Effect, Form, Import, ImportError, ImportOptions, LeftOut, MOST_IMPORT_BYTES, Note,
    Reason, import, is_foreign,
};
pub use manual::manual;
pub use parse::{Lenient, MOST_BYTES, MOST_WORDS, parse, parse_lenient};
pub use sources::{SourceWanted, Sources, parse_with};
pub use tree::Position;
pub use typed::Config;

#[cfg(test)]
mod tests;
