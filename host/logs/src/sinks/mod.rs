//! Where records go when they leave: files, syslog servers, HTTP collectors; and the text that they become.
//!
//! A [`Sink`] takes records without making the caller wait for a destination. Behind it one thread moves what
//! comes into a spool, in memory and then on the disk, and another one delivers it, again and again until it
//! succeeds.

mod envelope;
mod format;
mod sink;
mod spool;
mod template;
#[cfg(test)]
mod tests;
mod transport;

pub use envelope::{Envelope, SyslogForm, SyslogHeader};
pub use format::RecordFormat;
pub use sink::{Sink, SinkCounters, SinkOptions, WhenFull};
pub use spool::SpoolOptions;
pub use template::{Escaping, Template, TemplateError};
pub use transport::{Destination, Tls, TlsError};

/// The English name of a month, in three letters, as syslog (RFC 3164) and CEF have it.
fn month_name(month: u8) -> &'static str {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let place = month.checked_sub(1).map(usize::from);
    place.and_then(|place| NAMES.get(place)).copied().unwrap_or_default()
}
