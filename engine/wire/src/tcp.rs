//! TCP headers changed in place: what the firewall takes out, and sequence numbers that move when payload
//! grows or shrinks on its way.

use crate::{
    difference::Difference,
    packet::{Packet, TcpFlags, protocol},
    rewrite::segment_mut,
};

const HEADER: usize = 20;
const FLAGS: usize = 13;
const CHECKSUM: usize = 16;
const URGENT: usize = 18;

const OPTION_END: u8 = 0;
const OPTION_NO_OPERATION: u8 = 1;
const OPTION_SACK: u8 = 5;
const OPTION_TIMESTAMPS: u8 = 8;
const OPTION_MULTIPATH: u8 = 30;
const OPTION_FAST_OPEN: u8 = 34;

/// Takes the urgent flag and pointer out. True when the frame changed; `packet` is what `parse` read from it.
pub fn clear_urgent(frame: &mut [u8], packet: &Packet) -> bool {
    change_header(frame, packet, |header, _| {
        header[FLAGS] &= !TcpFlags::URG.0;
        header[URGENT..].fill(0);
    })
}

/// Overwrites multipath options (RFC 8684) with no-operation ones. True when the frame changed; `packet` is
/// what `parse` read from it.
pub fn blank_multipath(frame: &mut [u8], packet: &Packet) -> bool {
    blank(frame, packet, OPTION_MULTIPATH)
}

/// The same for timestamps (RFC 7323).
pub fn blank_timestamps(frame: &mut [u8], packet: &Packet) -> bool {
    blank(frame, packet, OPTION_TIMESTAMPS)
}

/// The same for cookies of TCP Fast Open (RFC 7413).
pub fn blank_fast_open(frame: &mut [u8], packet: &Packet) -> bool {
    blank(frame, packet, OPTION_FAST_OPEN)
}

fn blank(frame: &mut [u8], packet: &Packet, unwanted: u8) -> bool {
    change_header(frame, packet, |_, options| {
        each_option(options, |kind, option| {
            if kind == unwanted {
                option.fill(OPTION_NO_OPERATION);
            }
        });
    })
}

/// Adds to the sequence number, and to the acknowledgement number and the edges of selective
/// acknowledgements (RFC 2018), all modulo 2^32. True when the frame changed; `packet` is what `parse` read
/// from it.
pub fn shift_sequence(frame: &mut [u8], packet: &Packet, sequence: u32, acknowledgement: u32) -> bool {
    change_header(frame, packet, |header, options| {
        add(&mut header[4..], sequence);
        if !packet.tcp.flags.has(TcpFlags::ACK) {
            return;
        }
        add(&mut header[8..], acknowledgement);
        each_option(options, |kind, option| {
            if let (OPTION_SACK, Some(edges)) = (kind, option.get_mut(2..)) {
                edges.chunks_exact_mut(4).for_each(|edge| add(edge, acknowledgement));
            }
        });
    })
}

/// Lets `change` at the header and its options and brings the checksum after it.
fn change_header(
    frame: &mut [u8],
    packet: &Packet,
    change: impl FnOnce(&mut [u8; HEADER], &mut [u8]),
) -> bool {
    const LONGEST: usize = 60;
    let length = HEADER + usize::from(packet.tcp.options_length);
    if packet.protocol != protocol::TCP || packet.fragment.is_some() || packet.frames != 1 {
        return false;
    }
    let Some(area) = segment_mut(frame, packet).and_then(|segment| segment.get_mut(..length)) else {
        return false;
    };
    let mut copy = [0; LONGEST];
    let Some(before) = copy.get_mut(..area.len()) else {
        return false;
    };
    before.copy_from_slice(area);
    let Some((header, options)) = area.split_first_chunk_mut::<HEADER>() else {
        return false;
    };
    change(header, options);
    if *before == *area {
        return false;
    }
    let difference = Difference::bytes(before, area);
    if let Some(checksum) = area.get_mut(CHECKSUM..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *checksum = difference.applied(u16::from_be_bytes(*checksum)).to_be_bytes();
    }
    true
}

/// Goes over the options of an option area, each with its kind and length; up to the end mark or the first
/// malformed one.
fn each_option(options: &mut [u8], mut visit: impl FnMut(u8, &mut [u8])) {
    let mut rest = options;
    loop {
        let length = match *rest {
            [] | [OPTION_END, ..] | [_] => return,
            [OPTION_NO_OPERATION, ..] => 1,
            [_, length, ..] => usize::from(length),
        };
        let kind = rest.first().copied().unwrap_or_default();
        if kind != OPTION_NO_OPERATION && length < 2 {
            return;
        }
        let Some((option, after)) = rest.split_at_mut_checked(length) else {
            return;
        };
        if kind != OPTION_NO_OPERATION {
            visit(kind, option);
        }
        rest = after;
    }
}

fn add(place: &mut [u8], value: u32) {
    if let Some(number) = place.first_chunk_mut::<4>() {
        *number = u32::from_be_bytes(*number).wrapping_add(value).to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    use crate::testing::{read, tcp};

    #[test]
    fn the_urgent_flag_goes_and_the_checksum_follows() {
        let mut frame = tcp(0x38, &[], b"text");
        frame[39] = 9;
        let frame = &mut crate::testing::corrected(frame)[..];
        let packet = read(frame);
        assert!(clear_urgent(frame, &packet));
        assert_eq!(read(frame).tcp.flags, TcpFlags::PSH.with(TcpFlags::ACK));
        assert_eq!(frame[38..40], [0, 0]);
        let packet = read(frame);
        assert!(!clear_urgent(frame, &packet));
    }

    #[test]
    fn multipath_options_become_padding() {
        let mut frame = tcp(0x02, &[2, 4, 5, 180, 30, 4, 0, 129], b"");
        let packet = read(&frame);
        assert!(blank_multipath(&mut frame, &packet));
        assert_eq!(frame[40..], [2, 4, 5, 180, 1, 1, 1, 1]);
        read(&frame);
        assert!(!blank_multipath(&mut frame, &packet));
    }

    #[test]
    fn timestamps_and_fast_open_cookies_become_padding() {
        let timestamps = [8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 34, 2];
        let mut frame = tcp(0x02, &timestamps, b"");
        let packet = read(&frame);
        assert!(blank_timestamps(&mut frame, &packet));
        assert_eq!(frame[40..], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 34, 2]);
        assert!(blank_fast_open(&mut frame, &packet));
        assert_eq!(frame[40..], [1; 12]);
        read(&frame);
    }

    #[test]
    fn selective_acknowledgements_move_along() {
        let mut frame = tcp(0x10, &[1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 12], b"x");
        let packet = read(&frame);
        assert!(shift_sequence(&mut frame, &packet, 5, 0_u32.wrapping_sub(10)));
        let shifted = read(&frame);
        assert_eq!(shifted.tcp.sequence, packet.tcp.sequence + 5);
        assert_eq!(shifted.tcp.acknowledgement, packet.tcp.acknowledgement.wrapping_sub(10));
        assert_eq!(frame[44..52], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2]);
    }

    proptest! {
        #[test]
        fn shifting_back_restores_the_frame(
            flags: u8,
            options in proptest::collection::vec(any::<u8>(), 0..10),
            payload in proptest::collection::vec(any::<u8>(), 0..50),
            sequence: u32,
            acknowledgement: u32,
        ) {
            let options: Vec<u8> = options.iter().flat_map(|byte| [5, 4, *byte, 1]).collect();
            let before = tcp(flags, &options, &payload);
            let mut frame = before.clone();
            let packet = read(&frame);
            shift_sequence(&mut frame, &packet, sequence, acknowledgement);
            prop_assert_eq!(read(&frame).tcp.sequence, packet.tcp.sequence.wrapping_add(sequence));
            let (back, ack_back) = (0_u32.wrapping_sub(sequence), 0_u32.wrapping_sub(acknowledgement));
            shift_sequence(&mut frame, &packet, back, ack_back);
            prop_assert_eq!(frame, before);
        }
    }
}
