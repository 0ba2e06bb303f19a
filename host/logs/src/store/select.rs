//! A filter on columns: each test is asked once for every different value, rows then follow by their codes.

use crate::{
    filter::{Expression, Filter, Test},
    record::Column,
    store::{
        RowBuffer, StoreError,
        column::{NO_NUMBER, NumberValues, Values},
        frame::Key,
        group::Group,
        schema::type_of,
        selection::Selection,
        table::push_number,
    },
};

/// Whether nothing of a kind and an hour can match, as far as their folder tells.
pub(crate) fn rules_out_hour(expression: &Expression, key: Key) -> bool {
    const HOUR: i64 = 3_600_000_000;
    let begin = i64::from(key.hour) * HOUR;
    rules_out(expression, &|test| match test.numbers() {
        Some((from, to)) if test.column() == Column::TIME_GENERATED => begin + HOUR <= from || to < begin,
        Some(_) | None => test.column() == Column::TYPE && !type_passes(test, key.kind),
    })
}

/// Whether nothing of a group can match, as far as can be seen without reading a column.
pub(crate) fn rules_out_group(expression: &Expression, group: &Group<'_>) -> bool {
    !group.has_misfits()
        && rules_out(expression, &|test| match (test.numbers(), group.number_bounds(test.column())) {
            (Some((from, to)), Some((least, greatest))) => greatest < from || to < least,
            (None, _) | (_, None) => false,
        })
}

fn rules_out(expression: &Expression, no_value_passes: &dyn Fn(&Test) -> bool) -> bool {
    match expression {
        Expression::And(parts) => parts.iter().any(|part| rules_out(part, no_value_passes)),
        Expression::Or(parts) => parts.iter().all(|part| rules_out(part, no_value_passes)),
        Expression::Not(_) => false,
        Expression::Test(test) => no_value_passes(test),
    }
}

/// The rows that match.
pub(crate) fn select(filter: &Filter, group: &mut Group<'_>) -> Result<Selection, StoreError> {
    let mut selection = evaluate(filter.expression(), group)?;
    if group.has_misfits() {
        // What these columns cannot hold is asked of as the record had it.
        group.load(filter.expression().tests().iter().map(|test| test.column()))?;
        group.load_misfits()?;
        let mut buffer = RowBuffer::default();
        for row in group.table.rows_with_misfits() {
            let matches = filter.matches(&buffer.record(&group.table, row));
            selection.set(row, matches);
        }
    }
    Ok(selection)
}

/// Columns are read as far as they are needed: not those of a conjunction's part behind one that nothing
/// passes.
fn evaluate(expression: &Expression, group: &mut Group<'_>) -> Result<Selection, StoreError> {
    match expression {
        Expression::And(parts) => {
            let mut selection = Selection::all(group.rows());
            for part in parts {
                if selection.is_empty() {
                    break;
                }
                selection = selection.and(&evaluate(part, group)?);
            }
            Ok(selection)
        }
        Expression::Or(parts) => {
            let mut selection = Selection::none(group.rows());
            for part in parts {
                selection = selection.or(&evaluate(part, group)?);
            }
            Ok(selection)
        }
        Expression::Not(part) => Ok(evaluate(part, group)?.not()),
        Expression::Test(test) => {
            group.load([test.column()])?;
            Ok(passing(test, group))
        }
    }
}

fn passing(test: &Test, group: &Group<'_>) -> Selection {
    let rows = group.rows();
    match group.table.values(test.column()) {
        None => {
            let is_type = test.column() == Column::TYPE;
            let passes = if is_type { type_passes(test, group.kind()) } else { test.passes("") };
            if passes { Selection::all(rows) } else { Selection::none(rows) }
        }
        Some(Values::Text(values)) => {
            let mut passes = vec![test.passes("")];
            passes.extend(values.dictionary.iter().map(|text| test.passes(text)));
            let passes = |code: u32| passes.get(code as usize).copied().unwrap_or(false);
            if values.codes.len() == rows {
                Selection::of_values(&values.codes, passes)
            } else {
                Selection::of(rows, |row| passes(values.code(row)))
            }
        }
        Some(Values::Number(values)) => match test.numbers() {
            // Absent numbers pass no test for numbers.
            Some((from, to)) if values.values.len() == rows => {
                Selection::of_values(&values.values, |value| {
                    from <= value && value <= to && value != NO_NUMBER
                })
            }
            Some((from, to)) => {
                Selection::of(rows, |row| values.get(row).is_some_and(|value| from <= value && value <= to))
            }
            None => passing_as_text(test, values, rows),
        },
    }
}

fn passing_as_text(test: &Test, values: &NumberValues, rows: usize) -> Selection {
    let mut last = (None, test.passes(""));
    let mut text = String::new();
    Selection::of(rows, |row| {
        let value = values.get(row);
        if value != last.0 {
            text.clear();
            value.iter().for_each(|value| push_number(test.column(), *value, &mut text));
            last = (value, test.passes(&text));
        }
        last.1
    })
}

/// Records of no known kind say theirs among the values that no column can hold.
fn type_passes(test: &Test, kind: crate::record::LogKind) -> bool {
    let word = type_of(kind);
    word.is_empty() || test.passes(word)
}
