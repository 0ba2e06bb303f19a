//! Parquet's `DELTA_BINARY_PACKED`: whole numbers as bit-packed differences.

use super::{Damaged, varint};

const BLOCK: usize = 128;
const MINIBLOCKS: usize = 4;
const MINIBLOCK: usize = BLOCK / MINIBLOCKS;

/// Appends `values`.
pub(super) fn encode(values: &[i64], out: &mut Vec<u8>) {
    varint::write(BLOCK as u64, out);
    varint::write(MINIBLOCKS as u64, out);
    varint::write(values.len() as u64, out);
    let Some((&first, rest)) = values.split_first() else {
        varint::write(0, out);
        return;
    };
    varint::write(varint::zigzag(first), out);
    let mut before = first;
    for block in rest.chunks(BLOCK) {
        let mut deltas = [0_i64; BLOCK];
        for (delta, value) in deltas.iter_mut().zip(block) {
            *delta = value.wrapping_sub(before);
            before = *value;
        }
        let deltas = &mut deltas[..block.len()];
        let least = deltas.iter().copied().min().unwrap_or(0);
        varint::write(varint::zigzag(least), out);
        let above = |delta: &i64| delta.wrapping_sub(least) as u64;
        let mut widths = [0_u8; MINIBLOCKS];
        for (width, miniblock) in widths.iter_mut().zip(deltas.chunks(MINIBLOCK)) {
            let all = miniblock.iter().map(above).fold(0, |all, value| all | value);
            *width = (64 - all.leading_zeros()) as u8;
        }
        out.extend_from_slice(&widths);
        for (width, miniblock) in widths.iter().zip(deltas.chunks(MINIBLOCK)) {
            pack(miniblock.iter().map(above), *width, out);
        }
    }
}

/// Appends the values of one miniblock; places without a value are zero.
fn pack(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    let end = out.len() + MINIBLOCK * usize::from(width) / 8;
    let mut buffer = 0_u128;
    let mut held = 0_u32;
    for value in values {
        buffer |= u128::from(value) << held;
        held += u32::from(width);
        while held >= 8 {
            out.push(buffer as u8);
            buffer >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        out.push(buffer as u8);
    }
    out.resize(end, 0);
}

/// Appends `count` values from `bytes` to `out`.
pub(super) fn decode(mut bytes: &[u8], count: usize, out: &mut Vec<i64>) -> Result<(), Damaged> {
    let bytes = &mut bytes;
    let block = size(bytes)?;
    let miniblocks = size(bytes)?;
    let total = size(bytes)?;
    let mut value = varint::unzigzag(varint::read(bytes)?);
    if total != count {
        return Err(Damaged("the page holds another number of values than it says"));
    }
    if count == 0 {
        return Ok(());
    }
    let miniblock = block.checked_div(miniblocks).filter(|size| *size > 0 && size % 8 == 0);
    let miniblock = miniblock.ok_or(Damaged("a block has no size"))?;
    out.reserve(count);
    out.push(value);
    let mut left = count - 1;
    while left > 0 {
        let least = varint::unzigzag(varint::read(bytes)?);
        let (widths, rest) = bytes.split_at_checked(miniblocks).ok_or(Damaged("a block ends early"))?;
        *bytes = rest;
        for width in widths {
            if left == 0 {
                break;
            }
            let taken = left.min(miniblock);
            let (packed, rest) = bytes.split_at((miniblock * usize::from(*width) / 8).min(bytes.len()));
            *bytes = rest;
            unpack(packed, *width, taken, |above| {
                value = value.wrapping_add(least).wrapping_add(above as i64);
                out.push(value);
            })?;
            left -= taken;
        }
    }
    Ok(())
}

fn unpack(packed: &[u8], width: u8, count: usize, mut each: impl FnMut(u64)) -> Result<(), Damaged> {
    if width > 64 || packed.len() < (count * usize::from(width)).div_ceil(8) {
        return Err(Damaged("packed values end early"));
    }
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    let mut buffer = 0_u128;
    let mut held = 0_u32;
    let (words, tail) = packed.as_chunks::<4>();
    let words = words.iter().map(|word| (u64::from(u32::from_le_bytes(*word)), 32));
    let mut next = words.chain(tail.iter().map(|byte| (u64::from(*byte), 8)));
    for _ in 0..count {
        while held < u32::from(width) {
            let (bits, size) = next.next().unwrap_or((0, 8));
            buffer |= u128::from(bits) << held;
            held += size;
        }
        each(buffer as u64 & mask);
        buffer >>= width;
        held -= u32::from(width);
    }
    Ok(())
}

fn size(bytes: &mut &[u8]) -> Result<usize, Damaged> {
    // No page of ours comes near this; it keeps products of sizes from overflowing.
    let size = varint::read(bytes)?;
    usize::try_from(size).ok().filter(|size| *size < 1 << 31).ok_or(Damaged("a size is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(values in prop::collection::vec(
            prop_oneof![any::<i64>(), 0_i64..100, Just(7_i64)], 0..400
        )) {
            let mut bytes = Vec::new();
            encode(&values, &mut bytes);
            let mut found = Vec::new();
            decode(&bytes, values.len(), &mut found).unwrap();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn any_bytes_are_refused_or_decoded(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            count in 0_usize..300,
        ) {
            let mut found = Vec::new();
            if decode(&bytes, count, &mut found).is_ok() {
                prop_assert_eq!(found.len(), count);
            }
        }
    }

    #[test]
    fn rising_numbers_take_little_room() {
        let values: Vec<i64> = (0..10_000).map(|number| 1_000_000 + number * 3).collect();
        let mut bytes = Vec::new();
        encode(&values, &mut bytes);
        assert!(bytes.len() < 500, "{}", bytes.len());
    }
}
