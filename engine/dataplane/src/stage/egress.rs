//! The way out: the interface, and what the firewall changes in a packet that passes.

use bifrons_session::Hit;
use bifrons_wire::{Packet, TcpFlags, internet_checksum, protocol};

use crate::{Verdict, Worker};

/// Where the checksum lies in a TCP header.
const TCP_CHECKSUM: usize = 16;
const TCP_FLAGS: usize = 13;
const TCP_URGENT: usize = 18;
const TCP_HEADER: usize = 20;
const OPTION_MULTIPATH: u8 = 30;
const OPTION_NO_OPERATION: u8 = 1;

impl Worker {
    #[inline]
    pub(crate) fn egress(&mut self, hit: Hit, bytes: &mut [u8], packet: &Packet) -> Verdict {
        // Fragments leave as they came: the frames of a packet put together are not rewritten.
        if packet.protocol == protocol::TCP && packet.frames == 1 {
            let knobs = self.policy.tcp();
            let clears_urgent = knobs.clear_urgent && packet.tcp.flags.has(TcpFlags::URG);
            let strips_multipath = knobs.strip_mptcp_option && packet.tcp.options_length >= 3;
            if clears_urgent || strips_multipath {
                rewrite(bytes, packet, clears_urgent, strips_multipath);
            }
        }
        Verdict::Transmit(self.interface_towards(hit))
    }
}

/// Takes out the urgent flag and pointer, or blanks multipath options (RFC 8684); `None` when nothing changes. The
/// checksum follows by the difference (RFC 1624).
fn rewrite(frame: &mut [u8], packet: &Packet, clear_urgent: bool, strip_multipath: bool) -> Option<()> {
    let start = usize::from(packet.transport);
    let options = TCP_HEADER + usize::from(packet.tcp.options_length);
    let before = frame.get(start..start + options)?;
    let mut header = before.to_vec();
    if clear_urgent {
        *header.get_mut(TCP_FLAGS)? &= !TcpFlags::URG.0;
        header.get_mut(TCP_URGENT..TCP_URGENT + 2)?.fill(0);
    }
    if strip_multipath {
        blank_multipath(header.get_mut(TCP_HEADER..)?);
    }
    if header == before {
        return None;
    }
    let checksum = header.get(TCP_CHECKSUM..TCP_CHECKSUM + 2)?;
    let old_checksum = u16::from_be_bytes([checksum[0], checksum[1]]);
    header.get_mut(TCP_CHECKSUM..TCP_CHECKSUM + 2)?.fill(0);
    let mut old = before.to_vec();
    old.get_mut(TCP_CHECKSUM..TCP_CHECKSUM + 2)?.fill(0);
    let adjusted = adjust(old_checksum, internet_checksum(&[&old]), internet_checksum(&[&header]));
    header.get_mut(TCP_CHECKSUM..TCP_CHECKSUM + 2)?.copy_from_slice(&adjusted.to_be_bytes());
    frame.get_mut(start..start + options)?.copy_from_slice(&header);
    Some(())
}

/// A checksum over a part whose own complemented sum went from `old` to `new`.
fn adjust(checksum: u16, old: u16, new: u16) -> u16 {
    let mut sum = u32::from(!checksum) + u32::from(old) + u32::from(!new);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn blank_multipath(options: &mut [u8]) {
    let mut at = 0;
    while let Some(kind) = options.get(at).copied() {
        match kind {
            0 => return,
            OPTION_NO_OPERATION => at += 1,
            _ => {
                let Some(length) =
                    options.get(at + 1).map(|length| usize::from(*length)).filter(|length| *length >= 2)
                else {
                    return;
                };
                if kind == OPTION_MULTIPATH
                    && let Some(option) = options.get_mut(at..at + length)
                {
                    option.fill(OPTION_NO_OPERATION);
                }
                at += length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use bifrons_wire::{FrameInfo, LinkType, Reading, parse, verify};

    fn frame(flags: u8, options: &[u8]) -> Vec<u8> {
        let length = 40 + options.len();
        let mut frame =
            alloc::vec![0x45, 0, 0, length as u8, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        frame.extend([
            0,
            80,
            0,
            81,
            0,
            0,
            0,
            1,
            0,
            0,
            0,
            2,
            ((5 + options.len() / 4) << 4) as u8,
            flags,
            1,
            0,
            0,
            0,
            0,
            9,
        ]);
        frame.extend(options);
        let sum = internet_checksum(&[&frame[..20]]);
        frame[10..12].copy_from_slice(&sum.to_be_bytes());
        let segment = frame[20..].to_vec();
        let pseudo = [10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0, segment.len() as u8];
        let sum = internet_checksum(&[&pseudo, &segment]);
        frame[36..38].copy_from_slice(&sum.to_be_bytes());
        frame
    }

    fn read(frame: &[u8]) -> Packet {
        let info = FrameInfo { link: LinkType::RawIp, wire_length: frame.len() as u32 };
        let packet = parse(frame, info, Reading::Strict).unwrap();
        assert_eq!(verify(&packet, frame), Ok(()));
        packet
    }

    #[test]
    fn the_urgent_flag_goes_and_the_checksum_follows() {
        let before = frame(0x38, &[]);
        let mut after = before.clone();
        rewrite(&mut after, &read(&before), true, true).unwrap();
        assert_eq!(read(&after).tcp.flags, TcpFlags::PSH.with(TcpFlags::ACK));
        assert_eq!(after[38..40], [0, 0]);
    }

    #[test]
    fn multipath_options_become_padding() {
        let before = frame(0x02, &[2, 4, 5, 180, 30, 4, 0, 129]);
        let mut after = before.clone();
        rewrite(&mut after, &read(&before), false, true).unwrap();
        assert_eq!(after[40..], [2, 4, 5, 180, 1, 1, 1, 1]);
        read(&after);
        let mut without = frame(0x02, &[2, 4, 5, 180]);
        let packet = read(&without);
        assert_eq!(rewrite(&mut without, &packet, false, true), None);
    }
}
