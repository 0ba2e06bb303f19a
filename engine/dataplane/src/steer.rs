//! Which worker a frame goes to.

use bifrons_wire::{Addresses, FrameInfo, LinkType, Reading, parse};

/// The place, below `workers`, of the worker that takes this Ethernet frame. Both ways between two hosts lead
/// to one worker, and so do all their protocols: fragments, which have no ports, an FTP session's data, an
/// ICMP error, which is judged by the packet that it quotes. What is no IP packet goes to the first.
pub fn steer(frame: &[u8], workers: usize) -> usize {
    if workers < 2 {
        return 0;
    }
    let info = FrameInfo { link: LinkType::Ethernet, wire_length: frame.len() as u32 };
    let Ok(packet) = parse(frame, info, Reading::Lenient) else { return 0 };
    let addresses = packet.embedded(frame).map_or(packet.addresses, |quoted| quoted.addresses);
    steer_addresses(addresses, workers)
}

/// The same for a packet between two addresses.
pub fn steer_addresses(addresses: Addresses, workers: usize) -> usize {
    // The sum is the same both ways.
    let pair = match addresses {
        Addresses::V4 { source, destination } => u64::from(source) + u64::from(destination),
        Addresses::V6 { source, destination } => {
            let sum = source.wrapping_add(destination);
            (sum >> 64) as u64 ^ sum as u64
        }
    };
    // Neighboring addresses are to go to different workers: the product's middle bits depend on all.
    let spread = pair.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    ((spread * workers as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn frame(source: [u8; 4], destination: [u8; 4], protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = alloc::vec![0; 12];
        frame.extend([8, 0, 0x45, 0, 0, 20 + payload.len() as u8, 0, 0, 0, 0, 64, protocol, 0, 0]);
        frame.extend(source);
        frame.extend(destination);
        frame.extend(payload);
        frame
    }

    #[test]
    fn both_ways_and_errors_about_them_lead_to_one_worker() {
        for last in 0..=255 {
            let (one, other) = ([10, 0, 0, last], [192, 0, 2, 7]);
            let udp = [0, 80, 0, 90, 0, 8, 0, 0];
            let there = frame(one, other, 17, &udp);
            let worker = steer(&there, 8);
            assert!(worker < 8);
            assert_eq!(steer(&frame(other, one, 17, &udp), 8), worker);
            let quoted = [&[3, 1, 0, 0, 0, 0, 0, 0][..], &there[14..]].concat();
            assert_eq!(steer(&frame([198, 51, 100, 1], one, 1, &quoted), 8), worker);
        }
    }

    #[test]
    fn hosts_spread_over_all_workers() {
        let mut counts = [0; 8];
        for last in 0..=255 {
            counts[steer(&frame([10, 0, 0, last], [192, 0, 2, 7], 17, &[0; 8]), 8)] += 1;
        }
        assert!(counts.iter().all(|count| (16..64).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_is_no_packet_goes_to_the_first() {
        assert_eq!(steer(&[], 8), 0);
        assert_eq!(steer(&[0; 60], 8), 0);
    }
}
