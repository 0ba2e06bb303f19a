//! Tags.

use alloc::{collections::BTreeSet, format, vec::Vec};
use core::cell::Cell;

use super::View;
use crate::{Accepted, Problem, parse::Report};

/// The tags that are defined.
pub(super) struct Tags<'a> {
    known: BTreeSet<&'a str>,
    /// How often one that is not defined was named.
    unknown: Cell<usize>,
}

/// So many uses of tags that are not defined are named.
const MOST_WARNINGS: usize = 20;

impl<'a> Tags<'a> {
    pub(super) fn read(root: &View<'a>) -> Self {
        let known = root.below("tag").entries().into_iter().map(|(name, _)| name).collect();
        Self { known, unknown: Cell::new(0) }
    }

    /// The tags at this place. One that is not defined counts all the same, but may be misspelled.
    pub(super) fn check<'v>(&self, view: &View<'v>, report: &mut Report<'_>) -> Vec<&'v str> {
        let values = view.values();
        for value in values.iter().filter(|value| !self.known.contains(value.text)) {
            self.unknown.set(self.unknown.get().saturating_add(1));
            if self.unknown.get() <= MOST_WARNINGS {
                let accepted = Accepted::near(value.text, self.known.iter().copied());
                let problem = Problem::UnknownName { kind: "tag", name: value.text.into(), accepted };
                report.warn(value.line, view.path(), problem);
            }
        }
        values.into_iter().map(|value| value.text).collect()
    }

    /// Says how many more there were.
    pub(super) fn finish(&self, root: &View<'_>, report: &mut Report<'_>) {
        if let Some(more) = self.unknown.get().checked_sub(MOST_WARNINGS).filter(|more| *more > 0) {
            let view = root.below("tag");
            let what = format!("{more} more uses of tags that are not defined");
            report.warn(view.line(), view.path(), Problem::Conflict { what });
        }
    }
}
