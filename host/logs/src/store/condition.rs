//! A filter as it is evaluated on columns: each test once for every different value, then rows by their codes.

use crate::{
    record::Column,
    store::{StoreError, column::Values, group::Group, selection::Selection, table::push_number},
};

/// Which rows are meant.
pub(crate) enum Condition<'f> {
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Test(Test<'f>),
}

/// What one column's value has to be.
pub(crate) struct Test<'f> {
    pub(crate) column: Column,
    /// Whether a value, written as logs write it, passes. Absent values are empty ones.
    pub(crate) text: Box<dyn Fn(&str) -> bool + 'f>,
    /// Where the numbers that pass are those from one to another: these.
    pub(crate) numbers: Option<(i64, i64)>,
}

impl Condition<'_> {
    /// Appends the columns that it is about.
    pub(crate) fn columns(&self, columns: &mut Vec<Column>) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.columns(columns)),
            Self::Not(part) => part.columns(columns),
            Self::Test(test) => columns.push(test.column),
        }
    }

    /// Whether it can be seen without reading any column that no row passes.
    pub(crate) fn passes_nothing(&self, group: &Group<'_>) -> bool {
        match self {
            Self::And(parts) => parts.iter().any(|part| part.passes_nothing(group)),
            Self::Or(parts) => parts.iter().all(|part| part.passes_nothing(group)),
            Self::Not(_) => false,
            Self::Test(test) => test.passes_nothing(group),
        }
    }

    /// The rows that pass. Columns are loaded as far as they are needed: what follows a part of a conjunction
    /// that nothing passes is not.
    pub(crate) fn select(&self, group: &mut Group<'_>) -> Result<Selection, StoreError> {
        match self {
            Self::And(parts) => {
                let mut selection = Selection::all(group.rows());
                for part in parts {
                    if selection.is_empty() {
                        break;
                    }
                    selection = selection.and(&part.select(group)?);
                }
                Ok(selection)
            }
            Self::Or(parts) => {
                let mut selection = Selection::none(group.rows());
                for part in parts {
                    selection = selection.or(&part.select(group)?);
                }
                Ok(selection)
            }
            Self::Not(part) => Ok(part.select(group)?.not()),
            Self::Test(test) => test.select(group),
        }
    }
}

impl Test<'_> {
    fn passes_nothing(&self, group: &Group<'_>) -> bool {
        if group.has_misfits() || (self.text)("") {
            return false;
        }
        match (self.numbers, group.number_bounds(self.column)) {
            (Some((from, to)), Some((least, greatest))) => greatest < from || to < least,
            (None, _) | (_, None) => false,
        }
    }

    fn select(&self, group: &mut Group<'_>) -> Result<Selection, StoreError> {
        group.load([self.column])?;
        let rows = group.rows();
        let absent = (self.text)("");
        Ok(match group.table.values(self.column) {
            None if absent => Selection::all(rows),
            None => Selection::none(rows),
            Some(Values::Text(values)) => {
                let mut passes = vec![absent];
                passes.extend(values.dictionary.iter().map(|text| (self.text)(text)));
                let passes = |code: u32| passes.get(code as usize).copied().unwrap_or(false);
                if values.codes.len() == rows {
                    Selection::of_values(&values.codes, passes)
                } else {
                    Selection::of(rows, |row| passes(values.code(row)))
                }
            }
            Some(Values::Number(values)) => match self.numbers {
                Some((from, to)) if values.values.len() == rows && !absent => {
                    // What stands for no value lies below all numbers but one.
                    Selection::of_values(&values.values, |value| {
                        from <= value && value <= to && value != crate::store::column::NO_NUMBER
                    })
                }
                Some((from, to)) => Selection::of(rows, |row| match values.get(row) {
                    Some(value) => from <= value && value <= to,
                    None => absent,
                }),
                None => {
                    let mut last = (None, absent);
                    let mut text = String::new();
                    Selection::of(rows, |row| {
                        let value = values.get(row);
                        if value != last.0 {
                            text.clear();
                            value.iter().for_each(|value| push_number(self.column, *value, &mut text));
                            last = (value, (self.text)(&text));
                        }
                        last.1
                    })
                }
            },
        })
    }
}
