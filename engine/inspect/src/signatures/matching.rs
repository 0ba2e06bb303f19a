//! What one session's texts have met so far.

use alloc::{sync::Arc, vec::Vec};

use bifrons_catalog::application;
use bifrons_model::AppId;

use super::{Context, Number, Signatures, TestKind, Use};

/// The signatures a session is matched with, and how far that has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matching {
    signatures: Option<Arc<Signatures>>,
    /// The application whose protocol is read.
    base: Option<AppId>,
    best: Option<Best>,
    /// Conditions met of custom signatures, for those of which any is.
    met: Vec<Met>,
}

/// The application that the texts name, and how well they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Best {
    /// Custom ones are above all others, earlier ones above later ones.
    weight: (u32, u8, usize),
    app: AppId,
}

#[derive(Clone, Copy, Debug)]
struct Met {
    signature: u32,
    /// One bit for each condition.
    conditions: u32,
}

impl Matching {
    pub(crate) fn new(signatures: Option<Arc<Signatures>>) -> Self {
        Self { signatures, ..Self::default() }
    }

    /// Forgets what was met; the signatures stay.
    pub(crate) fn clear(&mut self) {
        self.base = None;
        self.best = None;
        self.met = Vec::new();
    }

    /// Begins anew with these signatures, after `clear`. Counting references is dear where cores share
    /// them, so those that are there stay.
    pub(crate) fn restart(&mut self, signatures: &Arc<Signatures>) {
        let is_same = self.signatures.as_ref().is_some_and(|own| Arc::ptr_eq(own, signatures));
        if !is_same {
            self.signatures = Some(Arc::clone(signatures));
        }
    }

    pub(crate) fn forget_signatures(&mut self) {
        self.signatures = None;
    }

    pub(crate) fn signatures(&self) -> Option<&Signatures> {
        self.signatures.as_deref()
    }

    /// The protocol is known: from here on texts come from it.
    pub(crate) fn set_base(&mut self, base: AppId) {
        self.base = Some(base);
    }

    /// Whether a signature asks for this context.
    pub(crate) fn wants(&self, context: Context) -> bool {
        self.signatures().is_some_and(|signatures| signatures.wants(context))
    }

    /// The application that the texts name.
    pub(crate) fn app(&self) -> Option<AppId> {
        self.best.map(|best| best.app)
    }

    /// Another message begins: what one message alone must meet begins anew.
    pub(crate) fn next_message(&mut self) {
        let Self { signatures: Some(signatures), met, .. } = self else {
            return;
        };
        met.retain(|met| {
            signatures.custom.get(met.signature as usize).is_some_and(|signature| signature.is_session_wide)
        });
    }

    /// Compares a text with all signatures.
    pub(crate) fn text(&mut self, context: Context, text: &[u8]) {
        if !self.wants(context) {
            return;
        }
        if let Some(signatures) = self.signatures.take() {
            self.compare(&signatures, context, text);
            self.signatures = Some(signatures);
        }
    }

    fn compare(&mut self, signatures: &Signatures, context: Context, text: &[u8]) {
        let Some(literals) = &signatures.literals else {
            return;
        };
        // Tests of the custom applications: those tried, and those that hold.
        let mut tried = Vec::new();
        let mut held = Vec::new();
        for hit in literals.find_overlapping_iter(text) {
            for one in signatures.uses.get(hit.pattern().as_usize()).into_iter().flatten() {
                match *one {
                    Use::Catalogue { place, length, app } => {
                        if place.context() == context && place.fits(text, hit.start(), hit.end()) {
                            self.improve(Best { weight: (0, place.weight(), length), app });
                        }
                    }
                    Use::Test(test) if !tried.contains(&test) => {
                        tried.push(test);
                        if signatures.holds(test, context, text) {
                            held.push(test);
                        }
                    }
                    Use::Test(_) => (),
                }
            }
        }
        held.extend(signatures.direct.iter().filter(|test| signatures.holds(**test, context, text)));
        self.meet(signatures, held);
    }

    /// Compares a number with all signatures.
    pub(crate) fn number(&mut self, number: Number, value: u32) {
        if !self.wants(number.context()) {
            return;
        }
        let Some(signatures) = self.signatures.take() else {
            return;
        };
        let holds = |test: &&u32| match signatures.tests.get(**test as usize).map(|test| &test.kind) {
            Some(TestKind::Number { number: own, range }) => {
                *own == number && (range.0..=range.1).contains(&value)
            }
            _ => false,
        };
        let held = signatures.direct.iter().filter(holds).copied().collect();
        self.meet(&signatures, held);
        self.signatures = Some(signatures);
    }

    /// Conditions in their order, then the signatures that are complete.
    fn meet(&mut self, signatures: &Signatures, mut held: Vec<u32>) {
        let condition = |test: &u32| signatures.tests.get(*test as usize).map(|test| test.condition);
        held.sort_by_key(condition);
        for test in held {
            let Some(test) = signatures.tests.get(test as usize) else { continue };
            let Some(signature) = signatures.custom.get(test.signature as usize) else { continue };
            if !self.is_carried_by(signature.parent) {
                continue;
            }
            let met = match self.met.iter_mut().find(|met| met.signature == test.signature) {
                Some(met) => met,
                None => {
                    self.met.push(Met { signature: test.signature, conditions: 0 });
                    let Some(met) = self.met.last_mut() else { continue };
                    met
                }
            };
            if !signature.is_ordered || met.conditions.trailing_ones() == test.condition {
                met.conditions |= 1 << test.condition;
            }
            if met.conditions.count_ones() == signature.conditions {
                let weight = (u32::MAX - test.signature, 0, 0);
                let app = signature.app;
                self.improve(Best { weight, app });
            }
        }
    }

    /// Whether the session is the parent's, or of an application that is part of it.
    fn is_carried_by(&self, parent: Option<AppId>) -> bool {
        let Some(parent) = parent else {
            return true;
        };
        let mut current = self.app().or(self.base);
        if self.base == Some(parent) {
            return true;
        }
        while let Some(app) = current {
            if app == parent {
                return true;
            }
            current = application(app).parent;
        }
        false
    }

    fn improve(&mut self, best: Best) {
        if self.best.is_none_or(|known| known.weight < best.weight) {
            self.best = Some(best);
        }
    }
}

impl Signatures {
    /// Whether a test of a custom application holds for the text.
    fn holds(&self, test: u32, context: Context, text: &[u8]) -> bool {
        match self.tests.get(test as usize).map(|test| &test.kind) {
            Some(TestKind::Pattern { context: own, pattern }) => *own == context && pattern.is_match(text),
            Some(TestKind::Equal { context: own, position, mask, value }) => {
                let word = position.checked_add(4).and_then(|end| text.get(*position..end));
                *own == context
                    && word.is_some_and(|word| {
                        let word = word.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
                        word & mask == value & mask
                    })
            }
            Some(TestKind::Number { .. }) | None => false,
        }
    }
}
