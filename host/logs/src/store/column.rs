//! One column of a group of rows in memory: as it is built, and as it is read back.

use std::{hash::BuildHasher as _, sync::LazyLock};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// A column's values, a row each. Rows after the last that is held repeat `rest`, so a column that never
/// changes takes no room.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Text(TextValues),
    Number(NumberValues),
}

/// Texts as numbers into a dictionary.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextValues {
    pub(crate) dictionary: Dictionary,
    /// For each row 0 for no value, or the place in the dictionary plus 1.
    pub(crate) codes: Vec<u32>,
    pub(crate) rest: u32,
}

/// Numbers; [`NO_NUMBER`] stands for no value.
#[derive(Clone, Debug)]
pub(crate) struct NumberValues {
    pub(crate) values: Vec<i64>,
    pub(crate) rest: i64,
}

/// No number. The flags with these bits, and no others, cannot be held as a number.
pub(crate) const NO_NUMBER: i64 = i64::MIN + 1;

/// Different texts, numbered in the order of their arrival.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dictionary {
    text: String,
    ends: Vec<usize>,
}

/// A [`TextValues`] in the making.
#[derive(Default)]
pub(crate) struct TextBuilder {
    values: TextValues,
    places: HashTable<u32>,
}

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl Values {
    /// As many numbers or texts as a page says, all absent.
    pub(crate) fn absent(is_number: bool) -> Self {
        if is_number { Self::Number(NumberValues::default()) } else { Self::Text(TextValues::default()) }
    }
}

impl TextValues {
    pub(crate) fn code(&self, row: usize) -> u32 {
        self.codes.get(row).copied().unwrap_or(self.rest)
    }

    /// The row's text; `None` without a value.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        self.dictionary.get(self.code(row).checked_sub(1)?)
    }
}

impl NumberValues {
    /// The row's number; `None` without a value.
    pub(crate) fn get(&self, row: usize) -> Option<i64> {
        Some(self.values.get(row).copied().unwrap_or(self.rest)).filter(|value| *value != NO_NUMBER)
    }

    /// Gives `row`, and those after it until the next change, a value. Rows come in rising order.
    pub(crate) fn set(&mut self, row: usize, value: Option<i64>) {
        self.values.resize(row, self.rest);
        self.rest = value.unwrap_or(NO_NUMBER);
    }
}

impl Default for NumberValues {
    fn default() -> Self {
        Self { values: Vec::new(), rest: NO_NUMBER }
    }
}

impl Dictionary {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all texts together.
    pub(crate) fn size(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn get(&self, place: u32) -> Option<&str> {
        let place = usize::try_from(place).ok()?;
        let begin = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(begin..*self.ends.get(place)?)
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| self.text.get(begin..*end).unwrap_or_default())
    }
}

impl TextBuilder {
    /// Gives `row`, and those after it until the next change, a text; an empty one is no value. Rows come in
    /// rising order.
    pub(crate) fn set(&mut self, row: usize, text: &str) {
        let code = if text.is_empty() { 0 } else { self.code_of(text) };
        self.values.codes.resize(row, self.values.rest);
        self.values.rest = code;
    }

    /// Gives the rows from `at` on the values of others.
    pub(crate) fn extend(&mut self, at: usize, values: &TextValues, rows: std::ops::Range<usize>) {
        // Most texts of a dictionary are in use.
        let mut codes: Vec<Option<u32>> = vec![None; values.dictionary.len()];
        for (row, from) in (at..).zip(rows) {
            let code = match values.code(from).checked_sub(1) {
                None => 0,
                Some(place) => match codes.get(place as usize).copied().flatten() {
                    Some(code) => code,
                    None => {
                        let code = self.code_of(values.dictionary.get(place).unwrap_or_default());
                        if let Some(known) = codes.get_mut(place as usize) {
                            *known = Some(code);
                        }
                        code
                    }
                },
            };
            if code != self.values.rest {
                self.values.codes.resize(row, self.values.rest);
                self.values.rest = code;
            }
        }
    }

    /// The number that stands for `text` from now on.
    pub(crate) fn code_of(&mut self, text: &str) -> u32 {
        let dictionary = &mut self.values.dictionary;
        let hash = HASHER.hash_one(text);
        let known = self.places.find(hash, |place| dictionary.get(*place) == Some(text));
        if let Some(place) = known {
            return place + 1;
        }
        let place = dictionary.len() as u32;
        dictionary.push(text);
        let of_place = |place: &u32| HASHER.hash_one(dictionary.get(*place).unwrap_or_default());
        self.places.insert_unique(hash, place, of_place);
        place + 1
    }

    pub(crate) fn values(&self) -> &TextValues {
        &self.values
    }

    pub(crate) fn finish(self) -> TextValues {
        self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_a_value_until_it_changes() {
        let mut builder = TextBuilder::default();
        builder.set(1, "web");
        builder.set(3, "ssl");
        builder.set(4, "web");
        builder.set(5, "");
        let values = builder.finish();
        let found: Vec<Option<&str>> = (0..7).map(|row| values.get(row)).collect();
        assert_eq!(found, [None, Some("web"), Some("web"), Some("ssl"), Some("web"), None, None]);
        assert_eq!(values.dictionary.iter().collect::<Vec<_>>(), ["web", "ssl"]);

        let mut numbers = NumberValues::default();
        numbers.set(0, Some(5));
        numbers.set(2, None);
        assert_eq!([0, 1, 2, 9].map(|row| numbers.get(row)), [Some(5), Some(5), None, None]);
    }
}
