//! Where packets come from and go to: capture files for now.
//!
//! [`Capture`] reads pcap and pcapng, plain or in gzip, from a file or a pipe, in constant memory, and
//! lends its packets in batches. [`CaptureWriter`] writes pcap files.

mod capture;
mod error;
mod writer;

pub use capture::{
    Batch, Capture, CaptureInterface, CaptureLink, CapturedPacket, LinkProblem, PACKET_LENGTH_MAX,
};
pub use error::{CaptureError, CaptureProblem};
pub use writer::CaptureWriter;
