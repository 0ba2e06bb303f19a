//! The messages of HA1, its backup and the heartbeat backup.
//!
//! ```text
//!  0         2      3   4                  12                 20                  22
//! ├─────────┼──────┼───┼──────────────────┼──────────────────┼───────────────────┼──────────┐
//! │ version │ kind │ 0 │ epoch            │ sequence         │ length of fields  │ fields   │
//! └─────────┴──────┴───┴──────────────────┴──────────────────┴───────────────────┴──────────┘
//!  field: tag (1), length (2), value
//! ```
//!
//! Numbers are big-endian. The head and the kinds of this file are the same in every version, and so is what
//! a tag stands for. A reader skips tags that it does not know and takes a default for those that are not
//! there; so devices of two versions understand each other as far as the older one knows words, and a pair
//! can be upgraded one device at a time. Both write the highest version that both know.
//!
//! Bytes arrive decrypted and authenticated. What cannot be read is [`Unreadable`] and changes nothing.

use alloc::{boxed::Box, string::String, vec::Vec};

use bifrons_model::MacAddress;

use crate::{DeviceId, HaState, InterfaceNumber, Pairing, election::Mode};

mod fields;
#[cfg(test)]
pub(crate) mod tests;

use fields::{Fields, Writer};

/// The versions that this program speaks.
pub const VERSIONS: Versions = Versions { lowest: 1, highest: 1 };

/// A capability (`Hello::offered`): it sends keep-alives on HA3, and expects them from a peer that does so
/// too.
pub const HA3_KEEP_ALIVE: u64 = 1;
/// A capability: it puts packets together whose fragments come to both devices.
pub const HA3_FRAGMENTS: u64 = 1 << 1;
/// What this program can do.
pub const CAPABILITIES: u64 = HA3_KEEP_ALIVE | HA3_FRAGMENTS;

/// A range of versions of the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The oldest one.
    pub lowest: u16,
    /// The newest one.
    pub highest: u16,
}

impl Versions {
    /// The highest version that both know; `None` where there is none.
    pub fn agree(self, other: Self) -> Option<u16> {
        let version = self.highest.min(other.highest);
        (version >= self.lowest && version >= other.lowest).then_some(version)
    }
}

/// The version of a device's software.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SoftwareVersion {
    /// Of the feature release.
    pub major: u16,
    /// Of the feature release.
    pub minor: u16,
    /// Of the maintenance release.
    pub maintenance: u16,
}

impl core::fmt::Display for SoftwareVersion {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.maintenance)
    }
}

/// Which running configuration a device has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConfigurationMark {
    /// Its number.
    pub generation: u32,
    /// A digest of the part that both devices have in common.
    pub digest: u64,
}

/// One message with what every message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// In which version it is written.
    pub version: u16,
    /// The sender's start: a later one has a greater number.
    pub epoch: u64,
    /// Raised with every message of the epoch, over all links.
    pub sequence: u64,
    /// What it says.
    pub message: Message,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// What the sender is.
    Hello(Box<Hello>),
    /// Are you there?
    HeartbeatRequest(Heartbeat),
    /// I am.
    HeartbeatReply(Heartbeat),
    /// Be suspended, or functional.
    Order(Order),
    /// What became of an order.
    OrderReply(OrderReply),
}

/// What a device is, told at an interval and at every change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The sender's start; travels in the head.
    pub epoch: u64,
    /// Serial number, at most 64 bytes.
    pub serial: String,
    /// Model, at most 64 bytes.
    pub model: String,
    /// Version of the software.
    pub software: SoftwareVersion,
    /// Version of the application content, at most 64 bytes.
    pub content: String,
    /// The messages' versions that it knows.
    pub versions: Versions,
    /// What it can do: one bit for each capability.
    pub offered: u64,
    /// What its peer must be able to do.
    pub required: u64,
    /// Group id.
    pub group: u8,
    /// Whether one device forwards or both.
    pub mode: Mode,
    /// Which device of an active/active pair it is.
    pub device_id: DeviceId,
    /// 0 to 255; the lower one leads.
    pub priority: u8,
    /// Whether it wants the better device to lead.
    pub preemptive: bool,
    /// Its state.
    pub state: HaState,
    /// Why: `StateReason::number`.
    pub reason: u8,
    /// Whether it could lead, or go on to.
    pub can_lead: bool,
    /// Whether its sessions are in step with the peer's.
    pub is_synchronized: bool,
    /// The address that breaks a tie.
    pub ha1_mac: MacAddress,
    /// Its running configuration.
    pub configuration: ConfigurationMark,
    /// What must be the same on both devices.
    pub pairing: Pairing,
    /// Under which number its HA2 messages travel; the cookie of PAN-OS.
    pub ha2_epoch: u64,
    /// Its ports that are down, in an active/active pair: addresses may move for that. At most 256 of them,
    /// ascending.
    pub down: Vec<InterfaceNumber>,
}

/// A question whether the peer is there, or the answer to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// Which one.
    pub beat: u64,
    /// Differs between any two questions of any two starts; the answer repeats it, and so shows that it is
    /// not an old one.
    pub nonce: u64,
    /// The sequence number of the last hello that the sender has had from the receiver, 0 for none.
    pub hello_seen: u64,
}

/// What the peer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Raised with every order of the epoch.
    pub number: u64,
    /// What it is.
    pub kind: OrderKind,
}

/// What a device can tell its peer to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Take no part in the election.
    Suspend,
    /// Take part again.
    Functional,
}

impl OrderKind {
    /// The word of the command.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Functional => "functional",
        }
    }
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderReply {
    /// Which one.
    pub number: u64,
    /// Whether it is carried out; else it did not apply to the device's state.
    pub is_done: bool,
}

/// Why bytes are no message. It changes nothing; a counter keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// They end too early.
    #[error("the message ends after {length} bytes, within its {part}")]
    Short {
        /// How many there are.
        length: usize,
        /// Where they end.
        part: &'static str,
    },
    /// A kind that only a newer device knows.
    #[error("message kind {0} is not known")]
    Kind(u8),
    /// A field whose value means nothing.
    #[error("field {0} has a value that means nothing")]
    Value(u8),
    /// A version outside those that this device knows.
    #[error("message version {0} is not known")]
    Version(u16),
}

const HEAD: usize = 22;
const MAX_TEXT: usize = 64;
/// More ports than these are not told of.
pub(crate) const MOST_DOWN: usize = 256;

mod kind {
    pub const HELLO: u8 = 1;
    pub const HEARTBEAT_REQUEST: u8 = 2;
    pub const HEARTBEAT_REPLY: u8 = 3;
    pub const ORDER: u8 = 4;
    pub const ORDER_REPLY: u8 = 5;
}

mod tag {
    pub const SERIAL: u8 = 1;
    pub const MODEL: u8 = 2;
    pub const SOFTWARE: u8 = 3;
    pub const CONTENT: u8 = 4;
    pub const VERSIONS: u8 = 5;
    pub const OFFERED: u8 = 6;
    pub const REQUIRED: u8 = 7;
    pub const GROUP: u8 = 8;
    pub const MODE: u8 = 9;
    pub const DEVICE_ID: u8 = 10;
    pub const PRIORITY: u8 = 11;
    pub const PREEMPTIVE: u8 = 12;
    pub const STATE: u8 = 13;
    pub const REASON: u8 = 14;
    pub const CAN_LEAD: u8 = 15;
    pub const IS_SYNCHRONIZED: u8 = 16;
    pub const HA1_MAC: u8 = 17;
    pub const CONFIGURATION: u8 = 18;
    pub const PAIRING: u8 = 19;
    pub const HA2_EPOCH: u8 = 20;
    pub const DOWN: u8 = 21;
    pub const NUMBER: u8 = 32;
    pub const NONCE: u8 = 33;
    pub const HELLO_SEEN: u8 = 34;
    pub const ORDER_KIND: u8 = 35;
    pub const IS_DONE: u8 = 36;
}

impl Envelope {
    /// The bytes that travel.
    pub fn to_bytes(&self) -> Vec<u8> {
        let kind = match &self.message {
            Message::Hello(_) => kind::HELLO,
            Message::HeartbeatRequest(_) => kind::HEARTBEAT_REQUEST,
            Message::HeartbeatReply(_) => kind::HEARTBEAT_REPLY,
            Message::Order(_) => kind::ORDER,
            Message::OrderReply(_) => kind::ORDER_REPLY,
        };
        let mut writer = Writer::new(self.version, kind, self.epoch, self.sequence);
        match &self.message {
            Message::Hello(hello) => hello.write(&mut writer),
            Message::HeartbeatRequest(beat) | Message::HeartbeatReply(beat) => {
                writer.u64(tag::NUMBER, beat.beat);
                writer.u64(tag::NONCE, beat.nonce);
                writer.u64(tag::HELLO_SEEN, beat.hello_seen);
            }
            Message::Order(order) => {
                writer.u64(tag::NUMBER, order.number);
                writer.u8(tag::ORDER_KIND, order.kind as u8);
            }
            Message::OrderReply(reply) => {
                writer.u64(tag::NUMBER, reply.number);
                writer.u8(tag::IS_DONE, u8::from(reply.is_done));
            }
        }
        writer.finish()
    }

    /// Reads a message in one of the versions that `versions` names. Hellos and heartbeats are read in any:
    /// they say that the peer is there, and which versions it knows.
    ///
    /// # Errors
    /// Why the bytes are no message.
    pub fn read(bytes: &[u8], versions: Versions) -> Result<Self, Unreadable> {
        let length = bytes.len();
        let short = |part| Unreadable::Short { length, part };
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(short("head"))?;
        let [v0, v1, kind, _, e0, e1, e2, e3, e4, e5, e6, e7, numbers @ ..] = *head;
        let [s0, s1, s2, s3, s4, s5, s6, s7, l0, l1] = numbers;
        let version = u16::from_be_bytes([v0, v1]);
        let epoch = u64::from_be_bytes([e0, e1, e2, e3, e4, e5, e6, e7]);
        let sequence = u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]);
        let body = rest.get(..usize::from(u16::from_be_bytes([l0, l1]))).ok_or(short("fields"))?;
        let is_known = (versions.lowest..=versions.highest).contains(&version);
        if !is_known && matches!(kind, kind::ORDER | kind::ORDER_REPLY) {
            return Err(Unreadable::Version(version));
        }
        let fields = Fields::new(body)?;
        let message = match kind {
            kind::HELLO => Message::Hello(Box::new(Hello::read(&fields, epoch)?)),
            kind::HEARTBEAT_REQUEST => Message::HeartbeatRequest(read_heartbeat(&fields)?),
            kind::HEARTBEAT_REPLY => Message::HeartbeatReply(read_heartbeat(&fields)?),
            kind::ORDER => Message::Order(Order {
                number: fields.u64(tag::NUMBER, 0)?,
                kind: match fields.u8(tag::ORDER_KIND, u8::MAX)? {
                    0 => OrderKind::Suspend,
                    1 => OrderKind::Functional,
                    _ => return Err(Unreadable::Value(tag::ORDER_KIND)),
                },
            }),
            kind::ORDER_REPLY => Message::OrderReply(OrderReply {
                number: fields.u64(tag::NUMBER, 0)?,
                is_done: fields.bool(tag::IS_DONE, false)?,
            }),
            other => return Err(Unreadable::Kind(other)),
        };
        Ok(Self { version, epoch, sequence, message })
    }
}

fn read_heartbeat(fields: &Fields<'_>) -> Result<Heartbeat, Unreadable> {
    Ok(Heartbeat {
        beat: fields.u64(tag::NUMBER, 0)?,
        nonce: fields.u64(tag::NONCE, 0)?,
        hello_seen: fields.u64(tag::HELLO_SEEN, 0)?,
    })
}

impl Hello {
    fn write(&self, to: &mut Writer) {
        to.text(tag::SERIAL, &self.serial);
        to.text(tag::MODEL, &self.model);
        let SoftwareVersion { major, minor, maintenance } = self.software;
        to.u16s(tag::SOFTWARE, &[major, minor, maintenance]);
        to.text(tag::CONTENT, &self.content);
        to.u16s(tag::VERSIONS, &[self.versions.lowest, self.versions.highest]);
        to.u64(tag::OFFERED, self.offered);
        to.u64(tag::REQUIRED, self.required);
        to.u8(tag::GROUP, self.group);
        to.u8(tag::MODE, u8::from(self.mode == Mode::ActiveActive));
        to.u8(tag::DEVICE_ID, self.device_id.number());
        to.u8(tag::PRIORITY, self.priority);
        to.u8(tag::PREEMPTIVE, u8::from(self.preemptive));
        to.u8(tag::STATE, number_of(self.state));
        to.u8(tag::REASON, self.reason);
        to.u8(tag::CAN_LEAD, u8::from(self.can_lead));
        to.u8(tag::IS_SYNCHRONIZED, u8::from(self.is_synchronized));
        to.bytes(tag::HA1_MAC, &self.ha1_mac.0);
        let mut mark = [0; 12];
        let (generation, digest) = mark.split_at_mut(4);
        generation.copy_from_slice(&self.configuration.generation.to_be_bytes());
        digest.copy_from_slice(&self.configuration.digest.to_be_bytes());
        to.bytes(tag::CONFIGURATION, &mark);
        let Pairing { state_sync, forwarding, session_devices: (rule, seed), routers, qos } = self.pairing;
        let [a, b, c, d] = seed.to_be_bytes();
        let pairing = [state_sync, u8::from(forwarding), rule, a, b, c, d, routers, u8::from(qos)];
        to.bytes(tag::PAIRING, &pairing);
        to.u64(tag::HA2_EPOCH, self.ha2_epoch);
        if !self.down.is_empty() {
            let down: Vec<u16> = self.down.iter().take(MOST_DOWN).map(|port| port.bits()).collect();
            to.u16s(tag::DOWN, &down);
        }
    }

    fn read(fields: &Fields<'_>, epoch: u64) -> Result<Self, Unreadable> {
        let [major, minor, maintenance] = fields.u16s(tag::SOFTWARE, [0; 3])?;
        let [lowest, highest] = fields.u16s(tag::VERSIONS, [1; 2])?;
        let [g0, g1, g2, g3, digest @ ..] = fields.array(tag::CONFIGURATION, [0; 12])?;
        let configuration = ConfigurationMark {
            generation: u32::from_be_bytes([g0, g1, g2, g3]),
            digest: u64::from_be_bytes(digest),
        };
        let [state_sync, forwarding, rule, a, b, c, d, routers, qos] = fields.array(tag::PAIRING, [0; 9])?;
        let pairing = Pairing {
            state_sync,
            forwarding: forwarding != 0,
            session_devices: (rule, u32::from_be_bytes([a, b, c, d])),
            routers,
            qos: qos != 0,
        };
        let state = state_of(fields.u8(tag::STATE, 0)?).ok_or(Unreadable::Value(tag::STATE))?;
        Ok(Self {
            epoch,
            serial: fields.text(tag::SERIAL, MAX_TEXT)?,
            model: fields.text(tag::MODEL, MAX_TEXT)?,
            software: SoftwareVersion { major, minor, maintenance },
            content: fields.text(tag::CONTENT, MAX_TEXT)?,
            versions: Versions { lowest, highest },
            offered: fields.u64(tag::OFFERED, 0)?,
            required: fields.u64(tag::REQUIRED, 0)?,
            group: fields.u8(tag::GROUP, 0)?,
            mode: if fields.bool(tag::MODE, false)? { Mode::ActiveActive } else { Mode::ActivePassive },
            device_id: DeviceId::of(fields.u8(tag::DEVICE_ID, 0)?),
            priority: fields.u8(tag::PRIORITY, u8::MAX)?,
            preemptive: fields.bool(tag::PREEMPTIVE, false)?,
            state,
            reason: fields.u8(tag::REASON, 0)?,
            can_lead: fields.bool(tag::CAN_LEAD, false)?,
            is_synchronized: fields.bool(tag::IS_SYNCHRONIZED, false)?,
            ha1_mac: MacAddress(fields.array(tag::HA1_MAC, [0xff; 6])?),
            configuration,
            pairing,
            ha2_epoch: fields.u64(tag::HA2_EPOCH, 0)?,
            down: fields.words(tag::DOWN, MOST_DOWN).map(InterfaceNumber::from_bits).collect(),
        })
    }
}

/// The number of a state on HA1; never reused.
const fn number_of(state: HaState) -> u8 {
    match state {
        HaState::Initial => 0,
        HaState::Active => 1,
        HaState::Passive => 2,
        HaState::ActivePrimary => 3,
        HaState::ActiveSecondary => 4,
        HaState::Tentative => 5,
        HaState::NonFunctional => 6,
        HaState::Suspended => 7,
    }
}

fn state_of(number: u8) -> Option<HaState> {
    HaState::ALL.into_iter().find(|state| number_of(*state) == number)
}
