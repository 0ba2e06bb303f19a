//! What travels inside a batch: items of the pair's state, one behind the other.
//!
//! ```text
//! | kind: 1 byte | id: zigzag varint, difference to the item before | length: varint | payload |
//! ```
//!
//! The length stands before every payload, so that kinds which a newer peer knows can be skipped. Ids of one
//! table lie near each other; their difference is mostly shorter than they are.

use alloc::vec::Vec;
use core::ops::Range;

/// What an item says about an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ItemKind {
    /// A session with all that the peer needs; replaces whatever the peer holds under this id.
    SessionCreate,
    /// What has changed in a session that the peer holds.
    SessionUpdate,
    /// A session has ended. The payload is empty when its last state is no longer known.
    SessionEnd,
    /// An entry of the ARP or neighbor table.
    Neighbor,
    /// Such an entry has gone.
    NeighborGone,
    /// An IPsec security association, opaque.
    SecurityAssociation,
    /// Such an association has gone.
    SecurityAssociationGone,
    /// What a number is called that items of this kind's sender refer to. Told before all that refer to it.
    Name,
    /// A number is nobody's any more.
    NameGone,
}

/// The tables that are kept equal. Each has ids of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Space {
    /// What the numbers in other tables' entries are called.
    Names,
    /// ARP and neighbor entries.
    Neighbors,
    /// IPsec security associations.
    SecurityAssociations,
    /// Sessions.
    Sessions,
}

impl Space {
    /// All tables: first what the others refer to, then the small ones; a join goes through them in this
    /// order.
    pub const ALL: [Self; 4] = [Self::Names, Self::Neighbors, Self::SecurityAssociations, Self::Sessions];

    /// The kind that tells of a whole entry of this table.
    pub const fn whole(self) -> ItemKind {
        match self {
            Self::Names => ItemKind::Name,
            Self::Neighbors => ItemKind::Neighbor,
            Self::SecurityAssociations => ItemKind::SecurityAssociation,
            Self::Sessions => ItemKind::SessionCreate,
        }
    }

    /// The kind that tells that an entry of this table is no more.
    pub const fn gone(self) -> ItemKind {
        match self {
            Self::Names => ItemKind::NameGone,
            Self::Neighbors => ItemKind::NeighborGone,
            Self::SecurityAssociations => ItemKind::SecurityAssociationGone,
            Self::Sessions => ItemKind::SessionEnd,
        }
    }
}

impl ItemKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::SessionCreate,
        Self::SessionUpdate,
        Self::SessionEnd,
        Self::Neighbor,
        Self::NeighborGone,
        Self::SecurityAssociation,
        Self::SecurityAssociationGone,
        Self::Name,
        Self::NameGone,
    ];

    /// The table that an item of this kind belongs to.
    pub const fn space(self) -> Space {
        match self {
            Self::SessionCreate | Self::SessionUpdate | Self::SessionEnd => Space::Sessions,
            Self::Neighbor | Self::NeighborGone => Space::Neighbors,
            Self::SecurityAssociation | Self::SecurityAssociationGone => Space::SecurityAssociations,
            Self::Name | Self::NameGone => Space::Names,
        }
    }

    /// The name that the operator sees.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionCreate => "session create",
            Self::SessionUpdate => "session update",
            Self::SessionEnd => "session end",
            Self::Neighbor => "neighbor",
            Self::NeighborGone => "neighbor gone",
            Self::SecurityAssociation => "ipsec sa",
            Self::SecurityAssociationGone => "ipsec sa gone",
            Self::Name => "name",
            Self::NameGone => "name gone",
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::SessionCreate => 1,
            Self::SessionUpdate => 2,
            Self::SessionEnd => 3,
            Self::Neighbor => 4,
            Self::NeighborGone => 5,
            Self::SecurityAssociation => 6,
            Self::SecurityAssociationGone => 7,
            Self::Name => 8,
            Self::NameGone => 9,
        }
    }
}

/// Where the state that is told to the peer comes from: the driver's tables. Asked only when a batch is
/// built, so that the peer gets the newest state and nothing is kept for it meanwhile.
pub trait Source {
    /// Append the payload of an item to `out`. `false` when the entry no longer exists; the peer is then told
    /// that it has gone. For [`ItemKind::SessionEnd`] the payload is what the last record needs.
    fn encode(&mut self, kind: ItemKind, id: u64, out: &mut Vec<u8>) -> bool;

    /// Append up to `limit` ids of a table to `out`, ascending, all above `after` (from the lowest when
    /// there is none). None appended means that the table has no more.
    fn next_ids(&mut self, space: Space, after: Option<u64>, limit: usize, out: &mut Vec<u64>);
}

/// One record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    Item(ItemKind),
    /// All entries are going to be told; the id is the join's number.
    JoinBegins,
    /// They have been.
    JoinEnds,
    /// Of a newer peer.
    Unknown,
}

const JOIN_BEGINS: u8 = 0x40;
const JOIN_ENDS: u8 = 0x41;

impl Record {
    const fn code(self) -> u8 {
        match self {
            Self::Item(kind) => kind.code(),
            Self::JoinBegins => JOIN_BEGINS,
            Self::JoinEnds => JOIN_ENDS,
            Self::Unknown => 0,
        }
    }

    const fn of(code: u8) -> Self {
        match code {
            1 => Self::Item(ItemKind::SessionCreate),
            2 => Self::Item(ItemKind::SessionUpdate),
            3 => Self::Item(ItemKind::SessionEnd),
            4 => Self::Item(ItemKind::Neighbor),
            5 => Self::Item(ItemKind::NeighborGone),
            6 => Self::Item(ItemKind::SecurityAssociation),
            7 => Self::Item(ItemKind::SecurityAssociationGone),
            8 => Self::Item(ItemKind::Name),
            9 => Self::Item(ItemKind::NameGone),
            JOIN_BEGINS => Self::JoinBegins,
            JOIN_ENDS => Self::JoinEnds,
            _ => Self::Unknown,
        }
    }
}

/// The most bytes that a record takes besides its payload: kind, difference of ids, length.
pub(super) const RECORD_OVERHEAD: usize = 1 + 10 + 3;

/// Append a record; `previous` is the id of the one before it in the batch, 0 at its start.
pub(super) fn append_record(out: &mut Vec<u8>, record: Record, previous: u64, id: u64, payload: &[u8]) {
    out.push(record.code());
    append_varint(out, zigzag(id.wrapping_sub(previous)));
    append_varint(out, payload.len() as u64);
    out.extend_from_slice(payload);
}

/// A record as it stands in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub record: Record,
    pub id: u64,
    /// Where the payload stands; its end is the next record's start.
    pub payload: Range<usize>,
}

/// The record at `at`; `None` when what stands there is not one.
pub(super) fn parse_record(batch: &[u8], at: usize, previous: u64) -> Option<Parsed> {
    let rest = batch.get(at..)?;
    let (code, rest) = rest.split_first()?;
    let (difference, rest) = split_varint(rest)?;
    let (length, rest) = split_varint(rest)?;
    let start = batch.len() - rest.len();
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    (end <= batch.len()).then(|| Parsed {
        record: Record::of(*code),
        id: previous.wrapping_add(unzigzag(difference)),
        payload: start..end,
    })
}

/// Seven bits per byte, the lowest first; the top bit says that more follow.
pub(super) fn append_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The number at the start and what follows it; `None` when it is cut off or has more than 64 bits.
pub(super) fn split_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (place, byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        if place == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

/// Small numbers of either sign become small numbers.
const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ ((difference as i64) >> 63) as u64
}

const fn unzigzag(value: u64) -> u64 {
    (value >> 1) ^ (value & 1).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_written() {
        let ids = [0, 1, u64::MAX, 1 << 63, 77, 76, 0x0100_0000_0000_0007, 5 << 32, 3];
        let mut batch = Vec::new();
        let mut previous = 0;
        for (kind, id) in ItemKind::ALL.into_iter().zip(ids) {
            append_record(
                &mut batch,
                Record::Item(kind),
                previous,
                id,
                &[id as u8; 200][..(id % 200) as usize],
            );
            previous = id;
        }
        let (mut at, mut previous) = (0, 0);
        for (kind, id) in ItemKind::ALL.into_iter().zip(ids) {
            let parsed = parse_record(&batch, at, previous).unwrap();
            assert_eq!((parsed.record, parsed.id), (Record::Item(kind), id));
            assert_eq!(parsed.payload.len() as u64, id % 200);
            (at, previous) = (parsed.payload.end, id);
        }
        assert_eq!(at, batch.len());
    }

    #[test]
    fn a_neighboring_id_takes_one_byte() {
        let mut batch = Vec::new();
        append_record(&mut batch, Record::Item(ItemKind::SessionCreate), 1 << 40, (1 << 40) + 3, &[0; 40]);
        assert_eq!(batch.len(), 43);
    }

    #[test]
    fn what_is_cut_off_or_too_large_is_not_a_record() {
        let mut batch = Vec::new();
        append_record(&mut batch, Record::JoinEnds, 0, 300, b"abc");
        for length in 0..batch.len() {
            assert_eq!(parse_record(&batch[..length], 0, 0), None);
        }
        assert_eq!(split_varint(&[0xff; 12]), None);
        assert_eq!(
            parse_record(&[1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], 0, 0),
            None
        );
        assert_eq!(parse_record(&batch, usize::MAX, 0), None);
    }

    #[test]
    fn an_unknown_kind_is_skipped_by_its_length() {
        let batch = [0x33, 4, 2, 9, 9, 3, 1, 0];
        let unknown = parse_record(&batch, 0, 0).unwrap();
        assert_eq!(unknown.record, Record::Unknown);
        let end = parse_record(&batch, unknown.payload.end, unknown.id).unwrap();
        assert_eq!((end.record, end.id), (Record::Item(ItemKind::SessionEnd), 1));
    }

    #[test]
    fn every_kind_has_a_code_of_its_own() {
        for kind in ItemKind::ALL {
            assert_eq!(Record::of(Record::Item(kind).code()), Record::Item(kind));
            let space = kind.space();
            assert!(space.whole().space() == space && space.gone().space() == space);
        }
    }
}
