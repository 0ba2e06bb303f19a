//! Log lines from anywhere: PAN-OS CSV inside syslog headers or bare, CEF, LEEF and JSON.
//!
//! [`Parser`] reads one line, [`Reader`] a whole file or stream of them.

mod csv;
mod frame;
mod header;
mod json;
mod keyed;
mod names;
mod pairs;
mod parser;
mod reject;
mod rejects;
mod stream;
mod utf16;
mod window;

pub use frame::{Frame, Framing, datagram};
pub use parser::Parser;
pub use reject::Reject;
pub use rejects::RejectFile;
pub use stream::{Counts, LINE_MAX, Reader, Rejected};

pub(crate) use window::{Next, Window};
