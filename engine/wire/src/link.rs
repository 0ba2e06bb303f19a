//! What a frame begins with.

use bifrons_model::DropReason;

use crate::{be16, be32};

/// The link layers that the engine reads. The numbers in captures are those of the LINKTYPE registry
/// (tcpdump.org).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// IEEE 802.3 Ethernet: DLT 1.
    Ethernet,
    /// An IPv4 or IPv6 packet without link header: 12, 14, 101, 228, 229.
    RawIp,
    /// Linux cooked capture v1: 113.
    LinuxCooked,
    /// Linux cooked capture v2: 276.
    LinuxCooked2,
    /// BSD loopback, a four-byte address family in the byte order of the capturing host (0), or in network
    /// order (108).
    BsdLoopback,
    /// PPP, with or without HDLC-like framing: 9, 50. On such lines Cisco HDLC is captured too.
    Ppp,
    /// Cisco HDLC: 104.
    CiscoHdlc,
}

impl LinkType {
    /// From the number in a capture file's header.
    pub const fn from_capture(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Ethernet,
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            113 => Self::LinuxCooked,
            276 => Self::LinuxCooked2,
            0 | 108 => Self::BsdLoopback,
            9 | 50 => Self::Ppp,
            104 => Self::CiscoHdlc,
            _ => return None,
        })
    }
}

/// What lies behind the link header: where the IP header begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    /// An IPv4 header.
    V4(usize),
    /// An IPv6 header.
    V6(usize),
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const ETHERTYPE_VLAN: u16 = 0x8100;
const ETHERTYPE_QINQ: u16 = 0x88a8;
const ETHERTYPE_QINQ_OLD: u16 = 0x9100;
const ETHERTYPE_QINQ_OLDER: u16 = 0x9200;
const ETHERTYPE_MPLS: u16 = 0x8847;
const ETHERTYPE_MPLS_MULTICAST: u16 = 0x8848;
const ETHERTYPE_PPPOE_SESSION: u16 = 0x8864;

const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MPLS: u16 = 0x0281;

/// Tags and labels before the IP header; more are not read.
const NESTING_MAX: usize = 16;

/// Finds the IP header of a frame.
#[inline(always)]
pub(crate) fn network(link: LinkType, frame: &[u8]) -> Result<Network, DropReason> {
    match link {
        LinkType::Ethernet => {
            let ethertype = be16(frame, 12).ok_or(DropReason::TruncatedHeader)?;
            match ethertype {
                ETHERTYPE_IPV4 => Ok(Network::V4(14)),
                ETHERTYPE_IPV6 => Ok(Network::V6(14)),
                other => by_ethertype(frame, other, 14),
            }
        }
        LinkType::RawIp => by_version(frame, 0),
        LinkType::LinuxCooked => {
            let ethertype = be16(frame, 14).ok_or(DropReason::TruncatedHeader)?;
            by_ethertype(frame, ethertype, 16)
        }
        LinkType::LinuxCooked2 => {
            let ethertype = be16(frame, 0).ok_or(DropReason::TruncatedHeader)?;
            by_ethertype(frame, ethertype, 20)
        }
        LinkType::BsdLoopback => loopback(frame),
        // The address of Cisco HDLC, unicast or broadcast, is none that PPP begins with.
        LinkType::Ppp if matches!(frame, [0x0f | 0x8f, 0, ..]) => {
            let ethertype = be16(frame, 2).ok_or(DropReason::TruncatedHeader)?;
            by_ethertype(frame, ethertype, 4)
        }
        LinkType::Ppp => {
            let start = if frame.starts_with(&[0xff, 0x03]) { 2 } else { 0 };
            ppp(frame, start)
        }
        LinkType::CiscoHdlc => {
            let ethertype = be16(frame, 2).ok_or(DropReason::TruncatedHeader)?;
            by_ethertype(frame, ethertype, 4)
        }
    }
}

/// Walks tags and labels from an EtherType to the IP header that begins at or after `at`.
fn by_ethertype(frame: &[u8], ethertype: u16, at: usize) -> Result<Network, DropReason> {
    let (mut ethertype, mut at) = (ethertype, at);
    for _ in 0..NESTING_MAX {
        match ethertype {
            ETHERTYPE_IPV4 => return Ok(Network::V4(at)),
            ETHERTYPE_IPV6 => return Ok(Network::V6(at)),
            ETHERTYPE_VLAN | ETHERTYPE_QINQ | ETHERTYPE_QINQ_OLD | ETHERTYPE_QINQ_OLDER => {
                ethertype = be16(frame, at + 2).ok_or(DropReason::TruncatedHeader)?;
                at += 4;
            }
            ETHERTYPE_MPLS | ETHERTYPE_MPLS_MULTICAST => return mpls(frame, at),
            ETHERTYPE_PPPOE_SESSION => return ppp(frame, at + 6),
            length if length <= 1500 => {
                // 802.2 LLC with SNAP and the organisation code of encapsulated Ethernet (RFC 1042).
                let header = frame.get(at..at + 6).ok_or(DropReason::TruncatedHeader)?;
                if header != [0xaa, 0xaa, 0x03, 0, 0, 0] {
                    return Err(DropReason::NotIp);
                }
                ethertype = be16(frame, at + 6).ok_or(DropReason::TruncatedHeader)?;
                at += 8;
            }
            _ => return Err(DropReason::NotIp),
        }
    }
    Err(DropReason::NotIp)
}

/// Skips the label stack (RFC 3032); what follows tells its kind by the version nibble (RFC 4928).
fn mpls(frame: &[u8], at: usize) -> Result<Network, DropReason> {
    const BOTTOM_OF_STACK: u32 = 0x100;
    let mut at = at;
    for _ in 0..NESTING_MAX {
        let label = be32(frame, at).ok_or(DropReason::TruncatedHeader)?;
        at += 4;
        if label & BOTTOM_OF_STACK != 0 {
            return by_version(frame, at).map_err(|_| DropReason::NotIp);
        }
    }
    Err(DropReason::NotIp)
}

/// A PPP protocol field, of one byte when it is compressed (RFC 1661, section 2).
fn ppp(frame: &[u8], at: usize) -> Result<Network, DropReason> {
    let first = *frame.get(at).ok_or(DropReason::TruncatedHeader)?;
    let (protocol, at) = if first & 1 == 1 {
        (u16::from(first), at + 1)
    } else {
        (be16(frame, at).ok_or(DropReason::TruncatedHeader)?, at + 2)
    };
    match protocol {
        PPP_IPV4 => Ok(Network::V4(at)),
        PPP_IPV6 => Ok(Network::V6(at)),
        PPP_MPLS => mpls(frame, at),
        _ => Err(DropReason::NotIp),
    }
}

/// The address family numbers of the systems that write this link type; IPv6 has three of them.
fn loopback(frame: &[u8]) -> Result<Network, DropReason> {
    let family = be32(frame, 0).ok_or(DropReason::TruncatedHeader)?;
    let family = if family > 0xffff { family.swap_bytes() } else { family };
    match family {
        2 => Ok(Network::V4(4)),
        10 | 24 | 28 | 30 => Ok(Network::V6(4)),
        _ => Err(DropReason::NotIp),
    }
}

fn by_version(frame: &[u8], at: usize) -> Result<Network, DropReason> {
    match frame.get(at).ok_or(DropReason::TruncatedHeader)? >> 4 {
        4 => Ok(Network::V4(at)),
        6 => Ok(Network::V6(at)),
        _ => Err(DropReason::BadIpVersion),
    }
}

/// Makes a link header fit an IP packet that was replaced: the type of the family, and the lengths that
/// PPPoE and 802.2 headers hold. `link` is what stood before the old packet of `old` bytes.
pub(crate) fn refit(link: &mut [u8], is_v6: bool, old: usize, new: usize) {
    let (ethertype, ppp) = if is_v6 { (ETHERTYPE_IPV6, PPP_IPV6) } else { (ETHERTYPE_IPV4, PPP_IPV4) };
    let length = link.len();
    match link {
        [.., 0x88, 0x64, 0x11, 0, _, _, high, low, 0, last] => {
            refit_length(high, low, old + 2, new + 2);
            *last = ppp as u8;
        }
        [.., 0x88, 0x64, 0x11, 0, _, _, high, low, last @ (0x21 | 0x57)] => {
            refit_length(high, low, old + 1, new + 1);
            *last = ppp as u8;
        }
        [.., high, low, 0xaa, 0xaa, 3, 0, 0, 0, first, last] => {
            refit_length(high, low, old + 8, new + 8);
            [*first, *last] = ethertype.to_be_bytes();
        }
        // Linux cooked capture v2 has its type in front.
        [first @ (0x08 | 0x86), last @ (0x00 | 0xdd), 0, 0, ..] if length == 20 => {
            [*first, *last] = ethertype.to_be_bytes();
        }
        [.., first @ 0x08, last @ 0x00] | [.., first @ 0x86, last @ 0xdd] => {
            [*first, *last] = ethertype.to_be_bytes();
        }
        [.., 0, last @ (0x21 | 0x57)] | [last @ (0x21 | 0x57)] => *last = ppp as u8,
        [0, 0, 0, family] | [family, 0, 0, 0] => *family = if is_v6 { 24 } else { 2 },
        _ => {}
    }
}

fn refit_length(high: &mut u8, low: &mut u8, old: usize, new: usize) {
    if usize::from(u16::from_be_bytes([*high, *low])) == old {
        [*high, *low] = (new as u16).to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn ethernet(rest: &[u8]) -> Vec<u8> {
        let mut frame = alloc::vec![0; 12];
        frame.extend_from_slice(rest);
        frame
    }

    #[test]
    fn tags_labels_and_sessions_lead_to_the_ip_header() {
        for (rest, place) in [
            (&[0x08, 0x00][..], Network::V4(14)),
            (&[0x86, 0xdd], Network::V6(14)),
            (&[0x81, 0x00, 0, 5, 0x08, 0x00], Network::V4(18)),
            (&[0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 6, 0x86, 0xdd], Network::V6(22)),
            (&[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64, 0x45], Network::V4(22)),
            (&[0x88, 0x64, 0x11, 0, 0, 1, 0, 30, 0x00, 0x57, 0x60], Network::V6(22)),
            (&[0x88, 0x64, 0x11, 0, 0, 1, 0, 30, 0x21, 0x45], Network::V4(21)),
            (&[0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 0x08, 0x00], Network::V4(22)),
        ] {
            assert_eq!(network(LinkType::Ethernet, &ethernet(rest)), Ok(place), "{rest:x?}");
        }
    }

    #[test]
    fn other_links() {
        let mut cooked = alloc::vec![0; 14];
        cooked.extend([0x08, 0x00]);
        assert_eq!(network(LinkType::LinuxCooked, &cooked), Ok(Network::V4(16)));
        assert_eq!(network(LinkType::LinuxCooked2, &[0x86, 0xdd, 0, 0]), Ok(Network::V6(20)));
        assert_eq!(network(LinkType::BsdLoopback, &[2, 0, 0, 0]), Ok(Network::V4(4)));
        assert_eq!(network(LinkType::BsdLoopback, &[0, 0, 0, 30]), Ok(Network::V6(4)));
        assert_eq!(network(LinkType::Ppp, &[0xff, 3, 0, 0x21]), Ok(Network::V4(4)));
        assert_eq!(network(LinkType::CiscoHdlc, &[0x0f, 0, 8, 0]), Ok(Network::V4(4)));
        assert_eq!(network(LinkType::Ppp, &[0x8f, 0, 0x86, 0xdd]), Ok(Network::V6(4)));
        assert_eq!(network(LinkType::RawIp, &[0x60]), Ok(Network::V6(0)));
        assert_eq!(network(LinkType::RawIp, &[0x10]), Err(DropReason::BadIpVersion));
    }

    #[test]
    fn what_is_not_ip_says_so() {
        assert_eq!(network(LinkType::Ethernet, &ethernet(&[0x08, 0x06])), Err(DropReason::NotIp));
        assert_eq!(network(LinkType::Ethernet, &[0; 13]), Err(DropReason::TruncatedHeader));
        let endless: Vec<u8> = [0x81, 0x00, 0, 1].repeat(40);
        assert_eq!(network(LinkType::Ethernet, &ethernet(&endless)), Err(DropReason::NotIp));
    }

    #[test]
    fn a_header_fits_the_packet_that_was_put_behind_it() {
        for (before, after) in [
            (&[0x08, 0x00][..], &[0x86, 0xdd][..]),
            (&[0x81, 0, 0, 5, 0x08, 0x00], &[0x81, 0, 0, 5, 0x86, 0xdd]),
            (
                &[0x88, 0x64, 0x11, 0, 0, 1, 0, 30, 0x00, 0x21],
                &[0x88, 0x64, 0x11, 0, 0, 1, 0, 50, 0x00, 0x57],
            ),
            (&[0x88, 0x64, 0x11, 0, 0, 1, 0, 29, 0x21], &[0x88, 0x64, 0x11, 0, 0, 1, 0, 49, 0x57]),
            (&[0, 36, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &[0, 56, 0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd]),
            (&[0x88, 0x47, 0, 2, 1, 64], &[0x88, 0x47, 0, 2, 1, 64]),
        ] {
            let (before, after) = (ethernet(before), ethernet(after));
            let mut header = before.clone();
            refit(&mut header, true, 28, 48);
            assert_eq!(header, after);
            refit(&mut header, false, 48, 28);
            assert_eq!(header, before);
        }
        for (before, after) in [
            (&[2, 0, 0, 0][..], &[24, 0, 0, 0][..]),
            (&[0, 0, 0, 2], &[0, 0, 0, 24]),
            (&[0xff, 3, 0, 0x21], &[0xff, 3, 0, 0x57]),
            (&[0x0f, 0, 8, 0], &[0x0f, 0, 0x86, 0xdd]),
            (&[], &[]),
        ] {
            let mut header = before.to_vec();
            refit(&mut header, true, 28, 48);
            assert_eq!(header, after);
            refit(&mut header, false, 48, 28);
            assert_eq!(header, before);
        }
        let mut cooked = alloc::vec![0; 20];
        cooked[0] = 8;
        refit(&mut cooked, true, 28, 48);
        assert_eq!(cooked[..3], [0x86, 0xdd, 0]);
    }
}
