//! What can be wrong with a capture.

use std::io;

/// A capture that cannot be read or written: which file, where in it, and why.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {}{problem}", place(*.offset))]
pub struct CaptureError {
    file: String,
    offset: u64,
    #[source]
    pub(crate) problem: CaptureProblem,
}

impl CaptureError {
    pub(crate) fn new(file: &str, offset: u64, problem: CaptureProblem) -> Self {
        Self { file: file.to_owned(), offset, problem }
    }

    /// The name of the file as it was given.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where the record begins that is at fault, in bytes from the start of the (decompressed) stream.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// What is wrong there.
    pub const fn problem(&self) -> &CaptureProblem {
        &self.problem
    }

    /// Whether the capture merely ends too early: everything before was good and has been delivered. So
    /// ends a file whose writer was interrupted.
    pub const fn is_truncation(&self) -> bool {
        matches!(self.problem, CaptureProblem::Truncated { .. } | CaptureProblem::GzipTruncated)
    }
}

/// The ways in which a capture can be wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureProblem {
    /// The file cannot be opened.
    #[error("cannot open: {0}")]
    Open(#[source] io::Error),
    /// The operating system reports an error while the file is read.
    #[error("cannot read: {0}")]
    Read(#[source] io::Error),
    /// The file cannot be created for writing.
    #[error("cannot create: {0}")]
    Create(#[source] io::Error),
    /// The operating system reports an error while the file is written.
    #[error("cannot write: {0}")]
    Write(#[source] io::Error),
    /// There is not a single byte.
    #[error("the file is empty, expected a pcap or pcapng capture")]
    Empty,
    /// The first four bytes are those of no format that is read here.
    #[error(
        "not a capture: begins with the bytes {}, expected pcap or pcapng, plain or in gzip",
        hexadecimal(.found)
    )]
    UnknownFormat {
        /// The first bytes of the file, in file order.
        found: [u8; 4],
    },
    /// A format version that nobody has defined, or that is older than the formats in use.
    #[error("{format} version {major}.{minor} is not supported, expected {expected}")]
    UnsupportedVersion {
        /// `pcap` or `pcapng`.
        format: &'static str,
        /// The major version in the file.
        major: u16,
        /// The minor version in the file.
        minor: u16,
        /// The versions that are read.
        expected: &'static str,
    },
    /// The file ends inside a header or record.
    #[error("the file ends inside a {record}, at least {missing} more bytes expected")]
    Truncated {
        /// What is incomplete.
        record: &'static str,
        /// How many bytes are known to be missing.
        missing: u64,
    },
    /// The gzip stream ends before its end mark.
    #[error("the gzip stream ends before its end mark")]
    GzipTruncated,
    /// The gzip stream is damaged, or followed by something that is not gzip.
    #[error("the gzip stream is damaged: {0}")]
    GzipDamaged(#[source] io::Error),
    /// A packet longer than any real one: the file is damaged at or before this place.
    #[error("captured length {length} is impossible, expected at most {maximum}")]
    PacketLength {
        /// The captured length that the record claims.
        length: u32,
        /// The longest packet that is accepted.
        maximum: u32,
    },
    /// A pcapng block whose length cannot be.
    #[error("pcapng block of type {kind:#010x} claims a length of {length}, expected {expected}")]
    BlockLength {
        /// The type number of the block.
        kind: u32,
        /// The total length in the head of the block.
        length: u32,
        /// Which lengths are possible.
        expected: &'static str,
    },
    /// The two lengths of a pcapng block differ.
    #[error("pcapng block ends with length {tail}, expected {head} as at its beginning")]
    BlockTrailer {
        /// The length in the head of the block.
        head: u32,
        /// The length behind its body.
        tail: u32,
    },
    /// A pcapng section begins with neither of the two byte-order magics.
    #[error(
        "pcapng section has the byte-order magic {}, expected 1a 2b 3c 4d or 4d 3c 2b 1a",
        hexadecimal(.found)
    )]
    ByteOrder {
        /// The four bytes found.
        found: [u8; 4],
    },
    /// A packet that does not fit into its own pcapng block.
    #[error("captured length {length} does not fit the pcapng block, expected at most {available}")]
    PacketOutsideBlock {
        /// The captured length that the block claims.
        length: u32,
        /// The bytes in the block that can hold it.
        available: u32,
    },
    /// A packet of an interface that the section has not described.
    #[error(
        "packet of interface {interface}, expected one of the {described} interfaces described before it"
    )]
    UnknownInterface {
        /// The interface number in the packet block.
        interface: u32,
        /// How many interfaces the section has described so far.
        described: u32,
    },
    /// An option of an interface description that contradicts its own length.
    #[error("option {code} of the interface description is malformed")]
    InterfaceOption {
        /// The option's code.
        code: u16,
    },
    /// More interfaces than any real capture has.
    #[error("more than {maximum} interfaces")]
    TooManyInterfaces {
        /// The most that are kept.
        maximum: u32,
    },
    /// A time that pcap cannot hold, it ends in February 2106.
    #[error("time {seconds} s cannot be written, expected at most 4294967295 s since 1970")]
    TimeRange {
        /// Seconds since the epoch.
        seconds: u64,
    },
}

/// Errors before the first byte need no place.
fn place(offset: u64) -> String {
    if offset == 0 { String::new() } else { format!("byte {offset}: ") }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
