//! Log lines from anywhere: PAN-OS CSV inside syslog headers or bare, CEF, LEEF and JSON.
//!
//! [`Parser`] reads one line, [`Reader`] a whole file or stream of them.

mod csv;
mod header;
mod parser;
mod reject;

pub use parser::Parser;
pub use reject::Reject;
