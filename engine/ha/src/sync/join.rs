//! A join: every entry is told once to a peer that has come anew, while changes are told beside it.
//!
//! ```text
//!   Begins ──► Names ──► Neighbors ──► SecurityAssociations ──► Sessions ──► Ends ──► Acknowledged
//! ```
//!
//! What has changed waits until the names are told: it refers to them.

use alloc::{collections::VecDeque, vec::Vec};

use super::{Source, Space};

/// Ids fetched at once.
const FETCH: usize = 64;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begins,
    Entries(Space),
    Ends,
    /// All is told; the marker travels in the batch of this sequence.
    Told(u64),
}

/// What goes into the batch next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Begins,
    Entry(Space, u64),
    Ends,
}

/// A join on its way.
pub(super) struct Join {
    /// 1 for the first of an epoch.
    pub number: u32,
    stage: Stage,
    /// The last id of the current table that has gone into a batch.
    cursor: Option<u64>,
    /// The next ones; they may have gone meanwhile.
    fetched: VecDeque<u64>,
}

impl Join {
    pub const fn new(number: u32) -> Self {
        Self { number, stage: Stage::Begins, cursor: None, fetched: VecDeque::new() }
    }

    /// Whether anything is left to tell.
    pub const fn is_telling(&self) -> bool {
        match self.stage {
            Stage::Begins | Stage::Entries(_) | Stage::Ends => true,
            Stage::Told(_) => false,
        }
    }

    /// Whether it has names to tell, without which nothing else means anything.
    pub const fn is_naming(&self) -> bool {
        match self.stage {
            Stage::Begins | Stage::Entries(Space::Names) => true,
            Stage::Entries(Space::Neighbors | Space::SecurityAssociations | Space::Sessions)
            | Stage::Ends
            | Stage::Told(_) => false,
        }
    }

    /// Whether all is told and the peer has everything before the sequence `acknowledged`.
    pub const fn is_complete(&self, acknowledged: u64) -> bool {
        match self.stage {
            Stage::Told(sequence) => sequence < acknowledged,
            Stage::Begins | Stage::Entries(_) | Stage::Ends => false,
        }
    }

    /// Whether the peer may not yet hold this entry, because the join has still to come to it.
    pub fn has_before_it(&self, space: Space, id: u64) -> bool {
        match self.stage {
            Stage::Begins => true,
            Stage::Entries(current) => {
                space > current || (space == current && self.cursor.is_none_or(|cursor| id > cursor))
            }
            Stage::Ends | Stage::Told(_) => false,
        }
    }

    /// What comes next; the same again until it is [`Self::placed`].
    pub fn peek(&mut self, source: &mut impl Source, scratch: &mut Vec<u64>) -> Option<Step> {
        loop {
            match self.stage {
                Stage::Begins => return Some(Step::Begins),
                Stage::Ends => return Some(Step::Ends),
                Stage::Told(_) => return None,
                Stage::Entries(space) => {
                    if self.fetched.is_empty() {
                        self.fetch(space, source, scratch);
                    }
                    if let Some(id) = self.fetched.front() {
                        return Some(Step::Entry(space, *id));
                    }
                    self.cursor = None;
                    self.stage = after(space);
                }
            }
        }
    }

    /// What [`Self::peek`] gave has gone into the batch of this sequence, or is no more.
    pub fn placed(&mut self, sequence: u64) {
        match self.stage {
            Stage::Begins => self.stage = Stage::Entries(Space::Names),
            Stage::Entries(_) => self.cursor = self.fetched.pop_front().or(self.cursor),
            Stage::Ends => self.stage = Stage::Told(sequence),
            Stage::Told(_) => {}
        }
    }

    /// Ids that do not ascend are left out: they would make the join endless.
    fn fetch(&mut self, space: Space, source: &mut impl Source, scratch: &mut Vec<u64>) {
        scratch.clear();
        source.next_ids(space, self.cursor, FETCH, scratch);
        let mut last = self.cursor;
        for id in scratch.drain(..) {
            if last.is_none_or(|last| id > last) {
                self.fetched.push_back(id);
                last = Some(id);
            }
        }
    }
}

const fn after(space: Space) -> Stage {
    match space {
        Space::Names => Stage::Entries(Space::Neighbors),
        Space::Neighbors => Stage::Entries(Space::SecurityAssociations),
        Space::SecurityAssociations => Stage::Entries(Space::Sessions),
        Space::Sessions => Stage::Ends,
    }
}
