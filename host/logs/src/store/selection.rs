//! Which rows of a group are meant: a bit for each.

/// A set of the rows of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    words: Vec<u64>,
    rows: usize,
}

impl Selection {
    pub(crate) fn none(rows: usize) -> Self {
        Self { words: vec![0; rows.div_ceil(64)], rows }
    }

    pub(crate) fn all(rows: usize) -> Self {
        Self::none(rows).not()
    }

    /// The rows of which `is_meant` says so; it is asked once for each, in their order.
    pub(crate) fn of(rows: usize, mut is_meant: impl FnMut(usize) -> bool) -> Self {
        let mut selection = Self::none(rows);
        for (number, word) in selection.words.iter_mut().enumerate() {
            let from = number * 64;
            for row in from..rows.min(from + 64) {
                *word |= u64::from(is_meant(row)) << (row - from);
            }
        }
        selection
    }

    /// As [`Selection::of`] from a value for each row.
    pub(crate) fn of_values<T: Copy>(values: &[T], mut is_meant: impl FnMut(T) -> bool) -> Self {
        let word = |values: &[T]| {
            values.iter().rev().fold(0_u64, |word, value| word << 1 | u64::from(is_meant(*value)))
        };
        Self { words: values.chunks(64).map(word).collect(), rows: values.len() }
    }

    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
        self
    }

    pub(crate) fn or(mut self, other: &Self) -> Self {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
        self
    }

    pub(crate) fn not(mut self) -> Self {
        self.words.iter_mut().for_each(|word| *word = !*word);
        if let (Some(last), used @ 1..) = (self.words.last_mut(), self.rows % 64) {
            *last &= (1 << used) - 1;
        }
        self
    }

    pub(crate) fn set(&mut self, row: usize, is_meant: bool) {
        if let Some(word) = self.words.get_mut(row / 64) {
            *word = *word & !(1 << (row % 64)) | u64::from(is_meant) << (row % 64);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The rows in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(number, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                (bit < 64).then_some(number * 64 + bit as usize)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sets_behave_as_sets(pairs in prop::collection::vec((any::<bool>(), any::<bool>()), 0..300)) {
            let rows = pairs.len();
            let [a, b]: [Vec<bool>; 2] =
                [pairs.iter().map(|p| p.0).collect(), pairs.iter().map(|p| p.1).collect()];
            let set = |bits: &[bool]| Selection::of_values(bits, |bit| bit);
            let each = |f: fn(bool, bool) -> bool| Selection::of(rows, |row| f(a[row], b[row]));
            prop_assert_eq!(set(&a).and(&set(&b)), each(|a, b| a && b));
            prop_assert_eq!(set(&a).or(&set(&b)), each(|a, b| a || b));
            prop_assert_eq!(set(&a).not(), each(|a, _| !a));
            let rows_of_a: Vec<usize> = (0..rows).filter(|row| a[*row]).collect();
            prop_assert_eq!(set(&a).count(), rows_of_a.len());
            prop_assert_eq!(set(&a).iter().collect::<Vec<_>>(), rows_of_a);
            prop_assert_eq!(Selection::all(rows).count(), rows);
            let mut changed = set(&a);
            b.iter().enumerate().for_each(|(row, bit)| changed.set(row, *bit));
            prop_assert_eq!(changed, set(&b));
        }
    }
}
