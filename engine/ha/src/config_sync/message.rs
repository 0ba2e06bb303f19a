//! The messages of configuration synchronisation. HA1 keeps them whole, in order and secret.
//!
//! ```text
//! | version: 1 byte | kind: 1 byte | fields, big endian, the text or the piece last |
//! ```

use alloc::{string::String, vec::Vec};

use bifrons_model::Timestamp;

use super::{Compatibility, ConfigMark};

/// The version of the messages that this program writes; newer ones may carry more behind the fields.
pub(super) const VERSION: u8 = 1;
/// Bytes of configuration text in one message.
pub(super) const PIECE: usize = 16 * 1024;
/// Bytes of a reason.
const LONGEST_REASON: usize = 512;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// What runs here, after connecting and after each change.
    Status { mark: ConfigMark, compatibility: Compatibility, enabled: bool },
    /// A configuration is to become the one of both.
    Propose { transaction: u64, mark: ConfigMark, base: Option<u64>, length: u32 },
    /// A part of its text.
    Piece { transaction: u64, bytes: Vec<u8> },
    /// Whether the other device can apply it; the reason when it cannot.
    Vote { transaction: u64, refused: Option<String> },
    /// Both can: apply it.
    Apply { transaction: u64 },
    /// Forget it.
    Abort { transaction: u64 },
}

const STATUS: u8 = 1;
const PROPOSE: u8 = 2;
const PIECE_OF: u8 = 3;
const VOTE: u8 = 4;
const APPLY: u8 = 5;
const ABORT: u8 = 6;

/// What a message's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Known(Message),
    /// Of a newer peer.
    Unknown,
    Malformed,
}

impl Message {
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(VERSION);
        match self {
            Self::Status { mark, compatibility, enabled } => {
                out.push(STATUS);
                write_mark(&mut out, mark);
                for part in compatibility.software {
                    out.extend_from_slice(&part.to_be_bytes());
                }
                for word in [
                    compatibility.features,
                    compatibility.url_database,
                    compatibility.licences,
                    compatibility.plugins,
                ] {
                    out.extend_from_slice(&word.to_be_bytes());
                }
                out.push(u8::from(compatibility.dataplane_ready) | u8::from(*enabled) << 1);
            }
            Self::Propose { transaction, mark, base, length } => {
                out.push(PROPOSE);
                out.extend_from_slice(&transaction.to_be_bytes());
                write_mark(&mut out, mark);
                out.push(u8::from(base.is_some()));
                out.extend_from_slice(&base.unwrap_or_default().to_be_bytes());
                out.extend_from_slice(&length.to_be_bytes());
            }
            Self::Piece { transaction, bytes } => {
                out.push(PIECE_OF);
                out.extend_from_slice(&transaction.to_be_bytes());
                out.extend_from_slice(bytes);
            }
            Self::Vote { transaction, refused } => {
                out.push(VOTE);
                out.extend_from_slice(&transaction.to_be_bytes());
                out.push(u8::from(refused.is_none()));
                let reason = refused.as_deref().unwrap_or_default();
                let end =
                    (0..=LONGEST_REASON.min(reason.len())).rev().find(|end| reason.is_char_boundary(*end));
                out.extend_from_slice(reason.get(..end.unwrap_or(0)).unwrap_or_default().as_bytes());
            }
            Self::Apply { transaction } => {
                out.push(APPLY);
                out.extend_from_slice(&transaction.to_be_bytes());
            }
            Self::Abort { transaction } => {
                out.push(ABORT);
                out.extend_from_slice(&transaction.to_be_bytes());
            }
        }
        out
    }

    pub fn read(bytes: &[u8]) -> Read {
        let Some(([version, kind], fields)) = bytes.split_first_chunk() else { return Read::Malformed };
        if *version == 0 {
            return Read::Malformed;
        }
        let message = match *kind {
            STATUS => read_status(fields),
            PROPOSE => read_proposal(fields),
            PIECE_OF => transaction(fields)
                .filter(|(_, bytes)| bytes.len() <= PIECE)
                .map(|(transaction, bytes)| Self::Piece { transaction, bytes: Vec::from(bytes) }),
            VOTE => read_vote(fields),
            APPLY => transaction(fields).map(|(transaction, _)| Self::Apply { transaction }),
            ABORT => transaction(fields).map(|(transaction, _)| Self::Abort { transaction }),
            _ => return Read::Unknown,
        };
        message.map_or(Read::Malformed, Read::Known)
    }
}

fn write_mark(out: &mut Vec<u8>, mark: &ConfigMark) {
    out.extend_from_slice(&mark.generation.to_be_bytes());
    out.extend_from_slice(&mark.committed_at.as_nanos().to_be_bytes());
    out.extend_from_slice(&mark.digest.to_be_bytes());
}

fn read_mark(fields: &[u8]) -> Option<(ConfigMark, &[u8])> {
    let (generation, fields) = fields.split_first_chunk()?;
    let (committed_at, fields) = word(fields)?;
    let (digest, fields) = word(fields)?;
    let generation = u32::from_be_bytes(*generation);
    Some((ConfigMark { generation, committed_at: Timestamp::from_nanos(committed_at), digest }, fields))
}

fn read_status(fields: &[u8]) -> Option<Message> {
    let (mark, fields) = read_mark(fields)?;
    let ([a, b, c, d, e, f], fields) = fields.split_first_chunk()?;
    let software = [[*a, *b], [*c, *d], [*e, *f]].map(u16::from_be_bytes);
    let (features, fields) = fields.split_first_chunk()?;
    let (url_database, fields) = fields.split_first_chunk()?;
    let (licences, fields) = fields.split_first_chunk()?;
    let (plugins, fields) = fields.split_first_chunk()?;
    let flags = fields.first()?;
    let compatibility = Compatibility {
        software,
        features: u32::from_be_bytes(*features),
        url_database: u32::from_be_bytes(*url_database),
        licences: u32::from_be_bytes(*licences),
        plugins: u32::from_be_bytes(*plugins),
        dataplane_ready: flags & 1 == 1,
    };
    Some(Message::Status { mark, compatibility, enabled: flags & 2 == 2 })
}

fn read_proposal(fields: &[u8]) -> Option<Message> {
    let (transaction, fields) = transaction(fields)?;
    let (mark, fields) = read_mark(fields)?;
    let (based, fields) = fields.split_first()?;
    let (base, fields) = word(fields)?;
    let (length, _) = fields.split_first_chunk()?;
    let base = (*based == 1).then_some(base);
    Some(Message::Propose { transaction, mark, base, length: u32::from_be_bytes(*length) })
}

fn read_vote(fields: &[u8]) -> Option<Message> {
    let (transaction, fields) = transaction(fields)?;
    let (accepted, reason) = fields.split_first()?;
    let reason = reason.get(..reason.len().min(LONGEST_REASON))?;
    let refused = (*accepted != 1).then(|| String::from_utf8_lossy(reason).into_owned());
    Some(Message::Vote { transaction, refused })
}

fn transaction(fields: &[u8]) -> Option<(u64, &[u8])> {
    word(fields)
}

fn word(fields: &[u8]) -> Option<(u64, &[u8])> {
    let (word, rest) = fields.split_first_chunk()?;
    Some((u64::from_be_bytes(*word), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn messages_come_back_and_cut_ones_are_malformed() {
        let mark = ConfigMark { generation: 7, committed_at: Timestamp::from_secs(9), digest: 0xfeed };
        let compatibility = Compatibility {
            software: [11, 1, 2],
            features: 1,
            url_database: 2,
            licences: 3,
            plugins: 4,
            dataplane_ready: true,
        };
        let messages = [
            Message::Status { mark, compatibility, enabled: false },
            Message::Propose { transaction: 3, mark, base: Some(5), length: 100 },
            Message::Propose { transaction: 3, mark, base: None, length: 100 },
            Message::Vote { transaction: 3, refused: Some("zone ünknown".into()) },
            Message::Vote { transaction: 3, refused: None },
            Message::Apply { transaction: 4 },
            Message::Abort { transaction: 5 },
        ];
        for message in messages {
            let bytes = message.write();
            assert_eq!(Message::read(&bytes), Read::Known(message.clone()));
            let fixed = if matches!(message, Message::Vote { .. }) { 11 } else { bytes.len() };
            for length in 0..fixed {
                assert_eq!(Message::read(&bytes[..length]), Read::Malformed, "{message:?} {length}");
            }
            let mut newer = bytes.clone();
            newer[0] = VERSION + 1;
            assert_eq!(Message::read(&newer), Read::Known(message), "a newer peer keeps the older words");
        }
        let piece = Message::Piece { transaction: 1, bytes: vec![b'x'; PIECE] };
        assert_eq!(Message::read(&piece.write()), Read::Known(piece));
        let longer = Message::Piece { transaction: 1, bytes: vec![b'x'; PIECE + 1] };
        assert_eq!(Message::read(&longer.write()), Read::Malformed);
        assert_eq!(Message::read(&[VERSION, 99]), Read::Unknown);
        let reason = Message::Vote { transaction: 1, refused: Some("ü".repeat(1_000)) };
        assert!(matches!(Message::read(&reason.write()), Read::Known(Message::Vote { .. })));
        assert!(reason.write().len() <= 11 + LONGEST_REASON);
    }
}
