//! IPsec security associations, which mean nothing here: they are kept for whoever serves the tunnels.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};

/// How many are kept.
const MOST: usize = 1 << 16;

/// The associations by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Associations {
    all: BTreeMap<u64, Association>,
    /// Whether the peer is telling all of its own.
    is_joining: bool,
}

#[derive(Debug)]
struct Association {
    state: Box<[u8]>,
    /// Whether the peer has told it; otherwise this device tells the peer.
    is_peers: bool,
    /// Whether the peer has told it since its join began.
    is_told: bool,
}

impl Associations {
    /// This device's association with this number is this, or is no more; false where there is no room.
    pub fn set(&mut self, number: u64, state: Option<Vec<u8>>) -> bool {
        self.put(number, state, false)
    }

    /// The peer's is.
    pub fn learn(&mut self, number: u64, state: Option<&[u8]>) -> bool {
        self.put(number, state.map(<[u8]>::to_vec), true)
    }

    /// All are this device's from now on.
    pub fn adopt(&mut self) {
        self.all.values_mut().for_each(|association| association.is_peers = false);
    }

    /// All are the peer's from now on.
    pub fn give_up(&mut self) {
        self.all.values_mut().for_each(|association| association.is_peers = true);
    }

    /// The peer begins to tell all of its own.
    pub fn begin_join(&mut self) {
        self.is_joining = true;
        self.all.values_mut().for_each(|association| association.is_told = false);
    }

    /// It has told all: others that were the peer's are no more.
    pub fn end_join(&mut self) {
        if core::mem::take(&mut self.is_joining) {
            self.all.retain(|_, association| !association.is_peers || association.is_told);
        }
    }

    /// All, by their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.all.iter().map(|(number, association)| (*number, &*association.state))
    }

    /// Appends what the peer is to know of one; false where it is gone.
    pub fn encode(&self, number: u64, out: &mut Vec<u8>) -> bool {
        let association = self.all.get(&number).filter(|association| !association.is_peers);
        out.extend(association.map(|association| &*association.state).unwrap_or_default());
        association.is_some()
    }

    /// The numbers of this device's after `after`, in order, at most `limit`.
    pub fn next_numbers(&self, after: Option<u64>, limit: usize, out: &mut Vec<u64>) {
        let from = after.map(|after| after.saturating_add(1)).unwrap_or(0);
        let own = self.all.range(from..).filter(|(_, association)| !association.is_peers);
        out.extend(own.map(|(number, _)| *number).take(limit));
    }

    fn put(&mut self, number: u64, state: Option<Vec<u8>>, is_peers: bool) -> bool {
        let Some(state) = state else { return self.all.remove(&number).is_some() };
        if self.all.len() >= MOST && !self.all.contains_key(&number) {
            return false;
        }
        let association = Association { state: state.into_boxed_slice(), is_peers, is_told: true };
        self.all.insert(number, association);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_takes_away_what_it_does_not_tell() {
        let mut kept = Associations::default();
        assert!(kept.learn(1, Some(b"one")) && kept.learn(2, Some(b"two")));
        assert!(kept.set(3, Some(b"own".to_vec())));
        kept.begin_join();
        assert!(kept.learn(2, Some(b"new")));
        kept.end_join();
        assert_eq!(kept.iter().collect::<Vec<_>>(), [(2, &b"new"[..]), (3, b"own")]);
        let mut numbers = Vec::new();
        kept.next_numbers(None, 9, &mut numbers);
        assert_eq!(numbers, [3]);
        kept.adopt();
        numbers.clear();
        kept.next_numbers(None, 9, &mut numbers);
        assert_eq!(numbers, [2, 3]);
        assert!(kept.set(2, None) && !kept.set(2, None));
    }
}
