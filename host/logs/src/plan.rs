//! A line's recipe: fixed text and field writers in turn, with neighboring fixed text joined when it is
//! made.

use crate::row::Row;

/// Writes a value that needs neither quoting nor escaping.
pub(crate) type Plain = fn(&Row<'_>, &mut Vec<u8>);
/// Gives a value that somebody named and that may therefore hold any character.
pub(crate) type Named = for<'a> fn(&Row<'a>) -> &'a str;
/// Whether a field is there at all.
pub(crate) type Guard = fn(&Row<'_>) -> bool;

#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// `length` bytes of the plan's text.
    Text {
        start: usize,
        length: usize,
    },
    Plain(Plain),
    Named(Named),
    /// The next `steps` are left out unless the guard says yes.
    When {
        guard: Guard,
        steps: usize,
    },
}

pub(crate) struct Plan {
    text: Vec<u8>,
    steps: Vec<Step>,
    /// Writes a named value in the format's own quoting.
    quote: fn(&str, &mut Vec<u8>),
    /// Text is not joined to steps before this one: a guard has counted them.
    barrier: usize,
}

impl Plan {
    pub(crate) fn new(quote: fn(&str, &mut Vec<u8>)) -> Self {
        Self { text: Vec::new(), steps: Vec::new(), quote, barrier: 0 }
    }

    pub(crate) fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let joins = self.steps.len() > self.barrier;
        match self.steps.last_mut() {
            Some(Step::Text { length, .. }) if joins => *length += text.len(),
            _ => self.steps.push(Step::Text { start: self.text.len(), length: text.len() }),
        }
        self.text.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn plain(&mut self, plain: Plain) {
        self.steps.push(Step::Plain(plain));
    }

    pub(crate) fn named(&mut self, named: Named) {
        self.steps.push(Step::Named(named));
    }

    /// What `part` adds is written only where the guard says yes.
    pub(crate) fn when(&mut self, guard: Guard, part: impl FnOnce(&mut Self)) {
        let place = self.steps.len();
        self.steps.push(Step::When { guard, steps: 0 });
        self.barrier = self.steps.len();
        part(self);
        let steps = self.steps.len() - place - 1;
        self.steps[place] = Step::When { guard, steps };
        self.barrier = self.steps.len();
    }

    pub(crate) fn run(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        let mut steps = self.steps.iter();
        while let Some(step) = steps.next() {
            match *step {
                Step::Text { start, length } => out.extend_from_slice(&self.text[start..start + length]),
                Step::Plain(plain) => plain(row, out),
                Step::Named(named) => (self.quote)(named(row), out),
                Step::When { guard, steps: skipped } => {
                    if !guard(row) {
                        steps = steps.as_slice().get(skipped..).unwrap_or_default().iter();
                    }
                }
            }
        }
    }
}
