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
    let skipped = (offset % WORD as u64) as usize;
    let (begun, rest) = bytes.split_at_mut(((WORD - skipped) % WORD).min(bytes.len()));
    begun.copy_from_slice(&word(stream, way, offset / WORD as u64)[skipped..][..begun.len()]);
    let mut number = offset.div_ceil(WORD as u64);
    let mut whole = rest.chunks_exact_mut(WORD);
    for place in &mut whole {
        place.copy_from_slice(&word(stream, way, number));
        number += 1;
    }
    let last = whole.into_remainder();
    last.copy_from_slice(&word(stream, way, number)[..last.len()]);
}

/// Where the bytes of a stream from `offset` on are not what they must be; `None` where all are right.
pub fn first_wrong(stream: u64, way: Way, offset: u64, bytes: &[u8]) -> Option<u64> {
    let mut right = [0; PIECE];
    (offset..).step_by(PIECE).zip(bytes.chunks(PIECE)).find_map(|(from, found)| {
        let right = &mut right[..found.len()];
        fill(stream, way, from, right);
        let is_wrong = found != right;
        let place = is_wrong.then(|| std::iter::zip(found, right).position(|(found, right)| found != right));
        place.flatten().map(|place| from + place as u64)
    })
}

/// The bytes of a stream are made so many at a time.
const WORD: usize = 8;
/// So many are compared at a time.
const PIECE: usize = 512;

/// Eight bytes of the stream: the mixing function of SplitMix64.
fn word(stream: u64, way: Way, number: u64) -> [u8; WORD] {
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
            for length in 0..20 {
                fill(7, Way::Up, from as u64, &mut part[..length]);
                assert_eq!(part[..length], whole[from..from + length]);
            }
        }
    }

    #[test]
    fn any_other_byte_is_found() {
        let mut bytes = [0; 1_500];
        fill(7, Way::Down, 10, &mut bytes);
        assert!(first_wrong(7, Way::Up, 10, &bytes).is_some());
        assert!(first_wrong(8, Way::Down, 10, &bytes).is_some());
        assert!(first_wrong(7, Way::Down, 11, &bytes).is_some());
        bytes[1_200] ^= 1;
        assert_eq!(first_wrong(7, Way::Down, 10, &bytes), Some(1_210));
    }
}
