//! Asking a store.

use std::{collections::HashMap, ops::ControlFlow};

use crate::{
    filter::Filter,
    record::{Column, LogKind, LogRecord},
    store::{
        Cursor, RowBuffer, StoreError, StoreReader,
        column::Values,
        frame::Key,
        group::Group,
        select::{rules_out_group, rules_out_hour, select},
        selection::Selection,
    },
};

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which records; all without one.
    pub filter: Option<Filter>,
    /// The kinds of log; all without any.
    pub kinds: Vec<LogKind>,
    /// Whether the newest records come first. Records of one hour come in the order of their arrival,
    /// hours in theirs.
    pub newest_first: bool,
}

/// What answering took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Rows of the hours and kinds that could match.
    pub rows: u64,
    /// Of these, rows that statistics ruled out unread.
    pub skipped: u64,
    /// Rows that matched.
    pub matched: u64,
}

/// What the values of a column are counted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// Each record is one.
    #[default]
    Records,
    /// Each record is the number in this column.
    Column(Column),
}

/// A value and how often it was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The value, as logs write it.
    pub value: String,
    /// Records.
    pub records: u64,
    /// The sum by which the values were ordered.
    pub weight: u64,
}

impl Query {
    /// Whether anything of a kind and an hour can match.
    fn wants(&self, key: Key) -> bool {
        let can_match = |filter: &Filter| !rules_out_hour(filter.expression(), key);
        (self.kinds.is_empty() || self.kinds.contains(&key.kind))
            && self.filter.as_ref().is_none_or(can_match)
    }
}

impl StoreReader {
    /// Counts what matches.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn count(&self, query: &Query) -> Result<Figures, StoreError> {
        self.select(query, |_, _| Ok(ControlFlow::Continue(())))
    }

    /// Hands out what matches until `each` breaks: with `columns` of these columns only, which takes less
    /// time.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn each(
        &self,
        query: &Query,
        columns: Option<&[Column]>,
        mut each: impl FnMut(&LogRecord<'_>) -> ControlFlow<()>,
    ) -> Result<Figures, StoreError> {
        let mut buffer = RowBuffer::default();
        self.select(query, |group, selection| {
            match columns {
                Some(columns) => group.load(columns.iter().copied())?,
                None => group.load_all()?,
            }
            group.load_misfits()?;
            let mut rows: Vec<usize> = selection.iter().collect();
            if query.newest_first {
                rows.reverse();
            }
            Ok(rows.into_iter().try_for_each(|row| each(&buffer.record(&group.table, row))))
        })
    }

    /// Hands out what matches among the records that came since `cursor`, and moves it behind them.
    ///
    /// # Errors
    /// When files cannot be read. The cursor then stands where reading ended.
    pub fn each_since(
        &self,
        cursor: &mut Cursor,
        query: &Query,
        mut each: impl FnMut(&LogRecord<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut buffer = RowBuffer::default();
        let mut begins: HashMap<Key, u64> = HashMap::new();
        self.snapshot()?.visit(
            false,
            |key| query.wants(key),
            |key, mut group| {
                let begin = begins.entry(key).or_default();
                let seen = cursor.rows.entry(key).or_default();
                let end = *begin + group.rows() as u64;
                let known = usize::try_from(seen.saturating_sub(*begin)).unwrap_or(usize::MAX);
                *begin = end;
                if end <= *seen {
                    return Ok(ControlFlow::Continue(()));
                }
                *seen = end;
                let selection = match &query.filter {
                    Some(filter) => select(filter, &mut group)?,
                    None => Selection::all(group.rows()),
                };
                group.load_all()?;
                let mut rows = selection.iter().filter(|row| *row >= known);
                Ok(rows.try_for_each(|row| each(&buffer.record(&group.table, row))))
            },
        )
    }

    /// A cursor behind all records that there are now.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn end(&self) -> Result<Cursor, StoreError> {
        let mut cursor = Cursor::default();
        self.snapshot()?.visit(
            false,
            |_| true,
            |key, group| {
                *cursor.rows.entry(key).or_default() += group.rows() as u64;
                Ok(ControlFlow::Continue(()))
            },
        )?;
        Ok(cursor)
    }

    /// The values of `column` with the most weight, the heaviest first, at most `limit`; those of equal
    /// weight in their own order.
    ///
    /// # Errors
    /// When files cannot be read.
    pub fn top(
        &self,
        query: &Query,
        column: Column,
        weight: Weight,
        limit: usize,
    ) -> Result<(Vec<Share>, Figures), StoreError> {
        let mut shares: HashMap<String, (u64, u64)> = HashMap::new();
        let figures = self.select(query, |group, selection| {
            group.load([column])?;
            if let Weight::Column(weight) = weight {
                group.load([weight])?;
            }
            for (value, (records, sum)) in shares_of(group, selection, column, weight) {
                let share = shares.entry(value).or_default();
                *share = (share.0 + records, share.1.saturating_add(sum));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let share = |(value, (records, weight))| Share { value, records, weight };
        let mut shares: Vec<Share> = shares.into_iter().map(share).collect();
        shares.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.value.cmp(&b.value)));
        shares.truncate(limit);
        Ok((shares, figures))
    }

    /// Hands out each group in which something matches, and what does.
    fn select(
        &self,
        query: &Query,
        mut each: impl FnMut(&mut Group<'_>, &Selection) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<Figures, StoreError> {
        let mut figures = Figures::default();
        let filter = query.filter.as_ref();
        let wanted = |key: Key| query.wants(key);
        self.snapshot()?.visit(query.newest_first, wanted, |_, mut group| {
            figures.rows += group.rows() as u64;
            let selection = match filter {
                None => Selection::all(group.rows()),
                Some(filter) if rules_out_group(filter.expression(), &group) => {
                    figures.skipped += group.rows() as u64;
                    return Ok(ControlFlow::Continue(()));
                }
                Some(filter) => select(filter, &mut group)?,
            };
            figures.matched += selection.count() as u64;
            if selection.is_empty() { Ok(ControlFlow::Continue(())) } else { each(&mut group, &selection) }
        })?;
        Ok(figures)
    }
}

/// How often each value of a column is among the selected rows of a group, and their weight.
fn shares_of(
    group: &Group<'_>,
    selection: &Selection,
    column: Column,
    weight: Weight,
) -> HashMap<String, (u64, u64)> {
    let weights = match weight {
        Weight::Records => None,
        Weight::Column(column) => group.table.values(column),
    };
    let weight_of = |row: usize| match (weight, weights) {
        (Weight::Records, _) => 1,
        (Weight::Column(_), Some(Values::Number(values))) => {
            values.get(row).and_then(|value| u64::try_from(value).ok()).unwrap_or(0)
        }
        (Weight::Column(_), Some(Values::Text(_)) | None) => 0,
    };
    let mut shares = HashMap::new();
    match group.table.values(column) {
        Some(Values::Text(values)) => {
            let mut sums = vec![(0_u64, 0_u64); values.dictionary.len() + 1];
            for row in selection.iter() {
                if let Some(sum) = sums.get_mut(values.code(row) as usize) {
                    *sum = (sum.0 + 1, sum.1.saturating_add(weight_of(row)));
                }
            }
            let texts = std::iter::once("").chain(values.dictionary.iter());
            let found = texts.zip(sums).filter(|(_, sum)| sum.0 > 0);
            shares.extend(found.map(|(text, sum)| (text.to_owned(), sum)));
        }
        Some(Values::Number(values)) => {
            let mut sums: HashMap<Option<i64>, (u64, u64)> = HashMap::new();
            for row in selection.iter() {
                let sum = sums.entry(values.get(row)).or_default();
                *sum = (sum.0 + 1, sum.1.saturating_add(weight_of(row)));
            }
            for (value, sum) in sums {
                let mut text = String::new();
                value.iter().for_each(|value| crate::store::table::push_number(column, *value, &mut text));
                shares.insert(text, sum);
            }
        }
        None => {
            let sum = selection.iter().fold(0_u64, |sum, row| sum.saturating_add(weight_of(row)));
            shares.insert(String::new(), (selection.count() as u64, sum));
        }
    }
    shares
}
