//! A packet cut into fragments, and one put together from them made a frame again.

use alloc::vec::Vec;

use crate::{
    be16,
    build::{DONT_FRAGMENT, IPV4_HEADER, IPV6_HEADER, MORE_FRAGMENTS},
    difference::Difference,
    extensions::{Extension, extensions},
    internet_checksum, link,
    packet::{Addresses, Packet, protocol},
};

/// Whether the IPv4 header lets routers fragment the packet; IPv6 never does.
pub fn may_fragment(frame: &[u8], packet: &Packet) -> bool {
    let flags = be16(frame, usize::from(packet.network) + 6).unwrap_or(DONT_FRAGMENT);
    matches!(packet.addresses, Addresses::V4 { .. }) && flags & DONT_FRAGMENT == 0
}

/// Cuts a packet, or a fragment, into frames whose IP packets are at most `mtu` bytes long; one frame if it
/// fits (RFC 791, section 3.2; RFC 8200, section 4.5). Each has the link header of the frame. Fragments of
/// IPv6, and of IPv4 that only its sender may fragment, get the identification, for the packet may have none
/// (RFC 6864, section 4); others keep theirs, and so does a fragment. Whether the packet may be fragmented is
/// the caller's to judge ([`may_fragment`]).
///
/// `None` when the capture cut the packet, it came in several frames, or the MTU does not hold a header and
/// eight bytes.
pub fn fragment(frame: &[u8], packet: &Packet, mtu: usize, identification: u32) -> Option<Vec<Vec<u8>>> {
    if packet.is_cut() && packet.fragment.is_none() || packet.frames != 1 {
        return None;
    }
    let end = (u32::from(packet.payload) + packet.payload_captured) as usize;
    let packet_bytes = frame.get(usize::from(packet.network)..end)?;
    if packet_bytes.len() <= mtu {
        return Some(alloc::vec![frame.get(..end)?.to_vec()]);
    }
    let link = frame.get(..usize::from(packet.network))?;
    match packet.addresses {
        Addresses::V4 { .. } => {
            let header = packet_bytes.get(..usize::from(packet.transport - packet.network))?;
            let mut first = header.to_vec();
            if packet.fragment.is_none() && !may_fragment(frame, packet) {
                first.get_mut(4..6)?.copy_from_slice(&(identification as u16).to_be_bytes());
            }
            Pieces {
                link,
                old: packet_bytes.len(),
                later: with_copied_options(&first),
                first,
                data: packet_bytes.get(header.len()..)?,
                base: packet.fragment.map_or(0, |fragment| fragment.offset),
                more: packet.fragment.is_some_and(|fragment| fragment.more),
            }
            .cut(mtu, finish_v4)
        }
        Addresses::V6 { .. } => {
            let (header, data_at) = fragment_head(packet_bytes, packet, identification)?;
            Pieces {
                link,
                old: packet_bytes.len(),
                later: header.clone(),
                first: header,
                data: packet_bytes.get(data_at..)?,
                base: packet.fragment.map_or(0, |fragment| fragment.offset),
                more: packet.fragment.is_some_and(|fragment| fragment.more),
            }
            .cut(mtu, finish_v6)
        }
    }
}

/// Makes a frame of a packet that was put together: the headers of its first fragment, whose frame and
/// parsed packet are given, and the data that all fragments carried.
///
/// `None` when `first` is not the first fragment or all is longer than an IP packet can be.
pub fn unfragment(frame: &[u8], first: &Packet, data: &[u8]) -> Option<Vec<u8>> {
    first.fragment.filter(|fragment| fragment.offset == 0)?;
    let network = usize::from(first.network);
    let head = frame.get(..usize::from(first.transport))?;
    let old = head.len() - network + first.payload_captured as usize;
    let mut whole = match first.addresses {
        Addresses::V4 { .. } => {
            let mut whole = head.to_vec();
            let header = whole.get_mut(network..)?;
            set_word(header, 6, be16(header, 6)? & DONT_FRAGMENT)?;
            whole
        }
        Addresses::V6 { .. } => {
            let found = extensions(frame, network, head.len()).find(is_fragment_header)?;
            let mut whole = head.get(..found.at)?.to_vec();
            *whole.get_mut(found.named_at)? = *frame.get(found.at)?;
            whole.extend(head.get(found.at + found.length..)?);
            whole
        }
    };
    whole.extend(data);
    set_length(&mut whole, first)?;
    let new = whole.len() - network;
    link::refit(whole.get_mut(..network)?, matches!(first.addresses, Addresses::V6 { .. }), old, new);
    Some(whole)
}

/// Sets the IP header's length to what the frame holds from there on, with the IPv4 checksum; `None` when
/// that is too much for it.
pub(crate) fn set_length(frame: &mut [u8], packet: &Packet) -> Option<()> {
    let ip = frame.get_mut(usize::from(packet.network)..)?;
    match packet.addresses {
        Addresses::V4 { .. } => {
            let length = u16::try_from(ip.len()).ok()?;
            set_word(ip, 2, length)
        }
        Addresses::V6 { .. } => {
            let length = u16::try_from(ip.len().checked_sub(IPV6_HEADER)?).ok()?;
            *ip.get_mut(4..)?.first_chunk_mut()? = length.to_be_bytes();
            Some(())
        }
    }
}

/// Changes one word of an IPv4 header, its checksum with it.
fn set_word(header: &mut [u8], at: usize, new: u16) -> Option<()> {
    let place = header.get_mut(at..)?.first_chunk_mut::<2>()?;
    let old = u16::from_be_bytes(*place);
    *place = new.to_be_bytes();
    let checksum = header.get_mut(10..)?.first_chunk_mut::<2>()?;
    *checksum = Difference::word(old, new).applied(u16::from_be_bytes(*checksum)).to_be_bytes();
    Some(())
}

/// What fragments are made of.
struct Pieces<'a> {
    link: &'a [u8],
    /// The packet's length, which a link header may repeat.
    old: usize,
    /// The IP header of the fragment that begins the packet.
    first: Vec<u8>,
    /// That of all others.
    later: Vec<u8>,
    data: &'a [u8],
    /// Where `data` begins in the packet.
    base: usize,
    /// Whether more comes after `data`.
    more: bool,
}

impl Pieces<'_> {
    /// `finish` is given an IP packet, its offset, and whether more follow.
    fn cut(&self, mtu: usize, finish: impl Fn(&mut [u8], usize, bool) -> Option<()>) -> Option<Vec<Vec<u8>>> {
        let is_v6 = self.first.first()? >> 4 == 6;
        let mut frames = Vec::new();
        let (mut rest, mut offset) = (self.data, self.base);
        while !rest.is_empty() {
            let header = if offset == 0 { &self.first } else { &self.later };
            let room = mtu.checked_sub(header.len())?;
            let length = if rest.len() <= room { rest.len() } else { room / 8 * 8 };
            let (now, after) = rest.split_at_checked(length).filter(|_| length > 0)?;
            let mut frame = Vec::with_capacity(self.link.len() + header.len() + now.len());
            frame.extend(self.link);
            frame.extend(header);
            frame.extend(now);
            let (link, ip) = frame.split_at_mut_checked(self.link.len())?;
            finish(ip, offset, self.more || !after.is_empty())?;
            link::refit(link, is_v6, self.old, ip.len());
            frames.push(frame);
            (rest, offset) = (after, offset + length);
        }
        Some(frames)
    }
}

fn finish_v4(ip: &mut [u8], offset: usize, more: bool) -> Option<()> {
    let header = usize::from(ip.first()? & 15) * 4;
    let length = u16::try_from(ip.len()).ok()?;
    let field = u16::try_from(offset / 8).ok()? | if more { MORE_FRAGMENTS } else { 0 };
    let header = ip.get_mut(..header)?;
    header.get_mut(2..4)?.copy_from_slice(&length.to_be_bytes());
    header.get_mut(6..8)?.copy_from_slice(&field.to_be_bytes());
    header.get_mut(10..12)?.fill(0);
    let checksum = internet_checksum(&[header]);
    header.get_mut(10..12)?.copy_from_slice(&checksum.to_be_bytes());
    Some(())
}

/// The fragment header is the last of those that [`fragment_head`] made.
fn finish_v6(ip: &mut [u8], offset: usize, more: bool) -> Option<()> {
    let length = u16::try_from(ip.len().checked_sub(IPV6_HEADER)?).ok()?;
    let found = extensions(ip, 0, ip.len()).find(is_fragment_header)?;
    ip.get_mut(4..6)?.copy_from_slice(&length.to_be_bytes());
    let field = u16::try_from(offset).ok()? | u16::from(more);
    ip.get_mut(found.at + 2..found.at + 4)?.copy_from_slice(&field.to_be_bytes());
    Some(())
}

/// The headers that each IPv6 fragment has, the fragment header last, and where the fragmentable part begins.
fn fragment_head(ip: &[u8], packet: &Packet, identification: u32) -> Option<(Vec<u8>, usize)> {
    let transport = usize::from(packet.transport - packet.network);
    if let Some(found) = extensions(ip, 0, transport).find(is_fragment_header) {
        let data_at = found.at + found.length;
        return Some((ip.get(..data_at)?.to_vec(), data_at));
    }
    // What routers on the way read stays in front (RFC 8200, section 4.5).
    let (end, named_at) = extensions(ip, 0, transport)
        .filter(|extension| matches!(extension.kind, protocol::HOP_BY_HOP | protocol::ROUTING))
        .last()
        .map_or((IPV6_HEADER, 6), |extension| (extension.at + extension.length, extension.at));
    let mut head = ip.get(..end)?.to_vec();
    let next = core::mem::replace(head.get_mut(named_at)?, protocol::FRAGMENT);
    head.extend([next, 0, 0, 0]);
    head.extend(identification.to_be_bytes());
    Some((head, end))
}

pub(crate) const fn is_fragment_header(extension: &Extension) -> bool {
    extension.kind == protocol::FRAGMENT
}

/// The header with only those options that each fragment has (RFC 791, section 3.1).
fn with_copied_options(header: &[u8]) -> Vec<u8> {
    const COPIED: u8 = 0x80;
    let (fixed, mut rest) = header.split_at_checked(IPV4_HEADER).unwrap_or((header, &[]));
    let mut kept = fixed.to_vec();
    loop {
        let length = match *rest {
            [] | [0, ..] => break,
            [1, ..] => 1,
            [_] => break,
            [_, length, ..] => usize::from(length).max(2),
        };
        let Some((option, after)) = rest.split_at_checked(length) else {
            break;
        };
        if option.first().is_some_and(|kind| kind & COPIED != 0) {
            kept.extend(option);
        }
        rest = after;
    }
    kept.resize(kept.len().next_multiple_of(4), 0);
    if let [first, ..] = &mut *kept.as_mut_slice() {
        *first &= 0xf0;
    }
    let words = (kept.len() / 4) as u8;
    if let Some(first) = kept.first_mut() {
        *first |= words;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    use crate::testing::{V4, V6, corrected, ip_packet, read, read_unverified, udp_over};

    /// Puts fragments together by their offsets.
    fn joined(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut data = Vec::new();
        for frame in frames {
            let packet = read(frame);
            let fragment = packet.fragment.unwrap();
            assert_eq!(fragment.offset, data.len());
            data.extend(packet.transport_of(frame));
        }
        data
    }

    proptest! {
        #[test]
        fn fragments_make_the_packet_again(length in 0_usize..4000, mtu in 68_usize..1500, is_v4: bool) {
            let payload: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let frame = udp_over(if is_v4 { V4 } else { V6 }, protocol::UDP, &payload);
            let packet = read(&frame);
            let frames = fragment(&frame, &packet, mtu, 0xabcd_0123).unwrap();
            prop_assert!(frames.iter().all(|frame| frame.len() <= mtu));
            if frames.len() == 1 {
                prop_assert_eq!(&frames[0], &frame);
                return Ok(());
            }
            let first = read(&frames[0]);
            let data = joined(&frames);
            prop_assert_eq!(&data[..], packet.transport_of(&frame));
            prop_assert!(!read(frames.last().unwrap()).fragment.unwrap().more);
            prop_assert_eq!(unfragment(&frames[0], &first, &data).unwrap(), frame);
        }

        #[test]
        fn fragments_are_cut_again(mtu in 68_usize..400, is_v4: bool) {
            let frame = udp_over(if is_v4 { V4 } else { V6 }, protocol::UDP, &[9; 3000]);
            let packet = read(&frame);
            let pieces: Vec<Vec<u8>> = fragment(&frame, &packet, 600, 5)
                .unwrap()
                .iter()
                .flat_map(|piece| fragment(piece, &read(piece), mtu, 6).unwrap())
                .collect();
            prop_assert!(pieces.iter().all(|frame| frame.len() <= mtu));
            prop_assert_eq!(&joined(&pieces)[..], packet.transport_of(&frame));
            let names: Vec<u32> =
                pieces.iter().map(|frame| read(frame).fragment.unwrap().identification).collect();
            prop_assert!(names.iter().all(|name| *name == names[0]));
        }

        #[test]
        fn noise_never_panics(
            mut bytes in proptest::collection::vec(any::<u8>(), 1..200),
            is_v4: bool,
            mtu in 0_usize..100,
        ) {
            bytes[0] = if is_v4 { 0x47 } else { 0x60 };
            if let Some(packet) = crate::build::read(&bytes) {
                let _ = fragment(&bytes, &packet, mtu, 1);
                let _ = unfragment(&bytes, &packet, &[1; 30]);
            }
        }
    }

    #[test]
    fn headers_for_routers_stay_in_front() {
        let mut segment = alloc::vec![protocol::DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0];
        segment.extend([protocol::UDP, 0, 1, 4, 0, 0, 0, 0]);
        segment.extend([0, 1, 0, 2, 0, 108, 0, 0]);
        segment.extend([3; 100]);
        let mut frame = ip_packet(V6, protocol::NO_NEXT_HEADER, &segment);
        frame[6] = protocol::HOP_BY_HOP;
        let frame = corrected(frame);
        let packet = read(&frame);
        let frames = fragment(&frame, &packet, 100, 7).unwrap();
        let first = &frames[0];
        assert_eq!((first[6], first[40], first[48]), (0, protocol::FRAGMENT, protocol::DESTINATION_OPTIONS));
        assert!(frames.len() > 2 && frames.iter().all(|frame| frame.len() <= 100));
        // The destination options are a part of what the fragments carry.
        let (first, data) = (read(first), joined(&frames));
        assert_eq!((first.transport, data.len()), (56, 116));
        assert_eq!(unfragment(&frames[0], &first, &data).unwrap(), frame);
    }

    #[test]
    fn only_some_options_are_in_every_fragment() {
        let options = [0x94, 4, 0, 0, 7, 3, 4, 0];
        let mut frame = udp_over(V4, protocol::UDP, &[1; 200]);
        frame.splice(20..20, options);
        frame[0] = 0x47;
        frame[3] += 8;
        let frame = corrected(frame);
        let frames = fragment(&frame, &read(&frame), 100, 0).unwrap();
        assert_eq!(frames[0][20..28], options);
        assert_eq!((frames[1][0], &frames[1][20..24]), (0x46, &options[..4]));
        assert_eq!(joined(&frames).len(), 208);
    }

    #[test]
    fn the_flag_tells_who_may_be_cut() {
        let mut frame = udp_over(V4, protocol::UDP, b"");
        assert!(may_fragment(&frame, &read(&frame)));
        frame[6] = 0x40;
        assert!(!may_fragment(&frame, &read_unverified(&frame)));
        let frame = udp_over(V6, protocol::UDP, b"");
        assert!(!may_fragment(&frame, &read(&frame)));
    }
}
