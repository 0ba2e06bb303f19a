//! The chain of IPv6 extension headers, one by one, for those who change it.

use crate::packet::protocol;

/// One extension header of a packet that was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extension {
    pub kind: u8,
    /// Where it begins.
    pub at: usize,
    pub length: usize,
    /// Where the byte lies that names it: in the header before it.
    pub named_at: usize,
}

/// The extension headers of the IPv6 packet at `network`, up to `end`; none behind a fragment header.
pub(crate) fn extensions(frame: &[u8], network: usize, end: usize) -> impl Iterator<Item = Extension> {
    const NEXT_HEADER: usize = 6;
    const HEADER: usize = 40;
    let mut named_at = network + NEXT_HEADER;
    let mut at = network + HEADER;
    let mut ended = false;
    core::iter::from_fn(move || {
        if ended || at >= end {
            return None;
        }
        let kind = *frame.get(named_at)?;
        let length = match kind {
            protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::DESTINATION_OPTIONS
            | protocol::MOBILITY
            | protocol::HIP
            | protocol::SHIM6 => (usize::from(*frame.get(at + 1)?) + 1) * 8,
            protocol::FRAGMENT => {
                ended = true;
                8
            }
            _ => return None,
        };
        let extension = Extension { kind, at, length, named_at };
        (named_at, at) = (at, at + length);
        Some(extension)
    })
}
