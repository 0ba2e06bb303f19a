//! Parquet's run-length / bit-packed hybrid: definition levels and dictionary indices.
//!
//! Widths are chosen by [`width_for`] so that indices fill whole bytes or divide them. That is allowed (a
//! page
//! says its width), decodes fast, and leaves the byte-wise patterns for zstd to find: indices of 1.3 bits of
//! information take 8 bits before compression and fewer than packed ones after it.

use super::{Damaged, varint};

/// From this many equal values on a run is written, where it also fills up a group.
const RUN_MIN: usize = 64;

/// The bits that each index into a dictionary of `entries` is written with.
pub(super) fn width_for(entries: usize) -> u8 {
    match entries {
        0..=2 => 1,
        3..=4 => 2,
        5..=16 => 4,
        17..=256 => 8,
        257..=65_536 => 16,
        65_537..=16_777_216 => 24,
        _ => 32,
    }
}

/// Appends `values`, each below 2 to the power of `width`, which is one of [`width_for`]'s.
pub(super) fn encode(values: &[u32], width: u8, out: &mut Vec<u8>) {
    let mut packed_from = 0;
    let mut place = 0;
    while let Some(&value) = values.get(place) {
        let run = values[place..].iter().take_while(|next| **next == value).count();
        // Packed values come in groups of eight; a run first lends what fills the group before it.
        let lent = (place - packed_from).wrapping_neg() % 8;
        if run >= RUN_MIN {
            pack(&values[packed_from..place + lent], width, out);
            repeat(value, run - lent, width, out);
            packed_from = place + run;
        }
        place += run;
    }
    pack(&values[packed_from..], width, out);
}

/// Appends `count` times `value`.
pub(super) fn repeat(value: u32, count: usize, width: u8, out: &mut Vec<u8>) {
    if count > 0 {
        varint::write((count as u64) << 1, out);
        out.extend_from_slice(&value.to_le_bytes()[..usize::from(width.div_ceil(8))]);
    }
}

fn pack(values: &[u32], width: u8, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(8);
    varint::write((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * usize::from(width);
    match width {
        8 => out.extend(values.iter().map(|value| *value as u8)),
        16 => values.iter().for_each(|value| out.extend_from_slice(&(*value as u16).to_le_bytes())),
        24 => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()[..3])),
        32 => values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes())),
        _ => {
            let per_byte = usize::from(8 / width);
            let byte =
                |values: &[u32]| values.iter().rev().fold(0_u32, |byte, value| byte << width | value) as u8;
            out.extend(values.chunks(per_byte).map(byte));
        }
    }
    out.resize(end, 0);
}

/// Appends `count` values from `bytes` to `out`, `offset` added to each.
pub(super) fn decode(
    mut bytes: &[u8],
    width: u8,
    count: usize,
    offset: u32,
    out: &mut Vec<u32>,
) -> Result<(), Damaged> {
    if width > 32 {
        return Err(Damaged("indices of more than 32 bits"));
    }
    let mut left = count;
    out.reserve(count);
    while left > 0 {
        if width == 0 && bytes.is_empty() {
            out.extend(std::iter::repeat_n(offset, left));
            return Ok(());
        }
        let header = varint::read(&mut bytes)?;
        let length = usize::try_from(header >> 1).map_err(|_| Damaged("a run is too long"))?;
        if header & 1 == 0 {
            let (value, rest) = bytes
                .split_at_checked(usize::from(width.div_ceil(8)))
                .ok_or(Damaged("a run has no value"))?;
            bytes = rest;
            let value = value.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
            let run = length.min(left);
            out.extend(std::iter::repeat_n(value.wrapping_add(offset), run));
            left -= run;
            if length == 0 {
                return Err(Damaged("a run is empty"));
            }
        } else {
            let size = length.checked_mul(usize::from(width)).ok_or(Damaged("a run is too long"))?;
            let (packed, rest) = bytes.split_at(size.min(bytes.len()));
            bytes = rest;
            let taken = length.saturating_mul(8).min(left);
            unpack(packed, width, taken, offset, out)?;
            left -= taken;
            if length == 0 {
                return Err(Damaged("a run is empty"));
            }
        }
    }
    Ok(())
}

fn unpack(packed: &[u8], width: u8, count: usize, offset: u32, out: &mut Vec<u32>) -> Result<(), Damaged> {
    if packed.len() < (count * usize::from(width)).div_ceil(8) {
        return Err(Damaged("packed values end early"));
    }
    match width {
        8 => out.extend(packed.iter().take(count).map(|byte| u32::from(*byte).wrapping_add(offset))),
        16 => {
            let (pairs, _) = packed.as_chunks::<2>();
            out.extend(
                pairs
                    .iter()
                    .take(count)
                    .map(|pair| u32::from(u16::from_le_bytes(*pair)).wrapping_add(offset)),
            );
        }
        _ => {
            let mask = (1_u64 << width) - 1;
            let mut buffer = 0_u64;
            let mut held = 0;
            let mut next = packed.iter();
            for _ in 0..count {
                while held < u32::from(width) {
                    buffer |= u64::from(*next.next().unwrap_or(&0)) << held;
                    held += 8;
                }
                out.push(((buffer & mask) as u32).wrapping_add(offset));
                buffer >>= width;
                held -= u32::from(width);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Lists with runs and without.
    fn values() -> impl Strategy<Value = (u8, Vec<u32>)> {
        let widths = prop::sample::select(vec![1_u8, 2, 4, 8, 16, 24, 32]);
        widths.prop_flat_map(|width| {
            let run = (any::<u32>(), prop_oneof![1_usize..4, 60..200_usize]);
            let runs = prop::collection::vec(run, 0..40);
            (Just(width), runs).prop_map(|(width, runs)| {
                let mask = u32::MAX >> (32 - u32::from(width));
                let values =
                    runs.into_iter().flat_map(|(value, count)| std::iter::repeat_n(value & mask, count));
                (width, values.collect())
            })
        })
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded((width, values) in values()) {
            let mut bytes = Vec::new();
            encode(&values, width, &mut bytes);
            let mut found = Vec::new();
            decode(&bytes, width, values.len(), 0, &mut found).unwrap();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn any_bytes_are_refused_or_decoded(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            width in 0_u8..40,
        ) {
            let mut found = Vec::new();
            if decode(&bytes, width, 1000, 1, &mut found).is_ok() {
                prop_assert_eq!(found.len(), 1000);
            }
        }
    }

    #[test]
    fn long_runs_take_a_few_bytes() {
        let mut values = vec![3; 100_000];
        values[5] = 1;
        let mut bytes = Vec::new();
        encode(&values, 8, &mut bytes);
        assert!(bytes.len() < 20, "{}", bytes.len());
    }
}
