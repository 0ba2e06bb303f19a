//! Bytes that prove where they belong: each is a function of who speaks, in which direction, and where in the
//! stream it stands.

/// The direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Client to server.
    Up,
    /// Server to client.
    Down,
}

/// Writes the bytes of a stream from `offset` on.
pub fn fill(stream: u64, way: Way, offset: u64, bytes: &mut [u8]) {
    let mut at = offset;
    let mut rest = bytes;
    while !rest.is_empty() {
        let word = word(stream, way, at / 8);
        let skipped = (at % 8) as usize;
        let taken = (8 - skipped).min(rest.len());
        let (now, later) = rest.split_at_mut(taken);
        now.copy_from_slice(&word[skipped..skipped + taken]);
        at += taken as u64;
        rest = later;
    }
}

/// Where the bytes of a stream from `offset` on are not what they must be; `None` where all are right.
pub fn first_wrong(stream: u64, way: Way, offset: u64, bytes: &[u8]) -> Option<u64> {
    let mut right = vec![0; bytes.len()];
    fill(stream, way, offset, &mut right);
    let place = std::iter::zip(bytes, &right).position(|(found, right)| found != right)?;
    Some(offset + place as u64)
}

/// Eight bytes of the stream: the mixing function of SplitMix64.
fn word(stream: u64, way: Way, number: u64) -> [u8; 8] {
    let start = stream.rotate_left(17) ^ if way == Way::Up { 0 } else { 0x5851_f42d_4c95_7f2d };
    let mut mixed = start.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_parts_of_the_whole() {
        let mut whole = [0; 100];
        fill(7, Way::Up, 0, &mut whole);
        for from in 0..20 {
            let mut part = vec![0; 37];
            fill(7, Way::Up, from as u64, &mut part);
            assert_eq!(part, &whole[from..from + 37]);
            assert_eq!(first_wrong(7, Way::Up, from as u64, &part), None);
        }
    }

    #[test]
    fn any_other_byte_is_found() {
        let mut bytes = [0; 64];
        fill(7, Way::Down, 10, &mut bytes);
        assert!(first_wrong(7, Way::Up, 10, &bytes).is_some());
        assert!(first_wrong(8, Way::Down, 10, &bytes).is_some());
        assert!(first_wrong(7, Way::Down, 11, &bytes).is_some());
        bytes[40] ^= 1;
        assert_eq!(first_wrong(7, Way::Down, 10, &bytes), Some(50));
    }
}
