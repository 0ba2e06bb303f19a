//! What HA2 and HA3 messages are sealed with: agreed on over HA1, anew for every connection.
//!
//! ```text
//!           peer heard                offer with our answer
//!   Apart ─────────────► Offering ─────────────────────────► Agreed
//!     ▲                     │  ▲    peer offers another            │
//!     └──── peer lost ──────┘  └───────────────────────────────────┘
//! ```
//!
//! Each device offers a secret and the number that the connection is to have; the higher number counts. Both
//! derive the same keys from both secrets (HKDF, RFC 5869). An offer says which offer of the peer it answers;
//! it is repeated until the peer answers, and every offer that wants an answer gets one. HA1 carries
//! the messages decrypted and authenticated, so what comes is the peer's, but it may come late or twice.

use alloc::{collections::VecDeque, vec::Vec};
use core::time::Duration;

use bifrons_model::Timestamp;
use hkdf::Hkdf;
use sha2::Sha256;

use crate::{DeviceId, sync::Keys};

/// How long an offer waits for its answer before it is repeated.
const REPEAT: Duration = Duration::from_millis(100);

/// The version of the messages.
const VERSION: u8 = 1;
const LENGTH: usize = 1 + 8 + 8 + 4 + 4 + 1 + 32;

/// What tells the keys of the links apart.
const HA2: u8 = 0;
const HA3: u8 = 1;

/// The machine.
#[derive(Clone)]
pub struct Keying {
    /// The device's start, and what it alone knows.
    own_start: u64,
    secret: [u8; 32],
    /// Raised with every connection.
    last_number: u32,
    connection: Option<Connection>,
    outputs: VecDeque<KeyingOutput>,
}

/// What is agreed on with one start of the peer.
#[derive(Clone)]
struct Connection {
    peer_start: u64,
    /// The number that this device offers.
    number: u32,
    /// The peer's last offer.
    offer: Option<Offer>,
    /// The number of the keys that were handed out.
    agreed: Option<u32>,
    /// The peer has answered this device's offer.
    is_answered: bool,
    repeat_at: Timestamp,
}

/// An offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Offer {
    /// The sender's start.
    start: u64,
    /// The receiver's start, as the sender knows it.
    peer_start: u64,
    /// The number that the connection is to have at least.
    number: u32,
    /// The number of the peer's offer that the sender has; 0 for none.
    answers: u32,
    /// Whether the sender's offer has no answer yet.
    wants_answer: bool,
    secret: [u8; 32],
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyingOutput {
    /// Send this over HA1 and its backup.
    Message(Vec<u8>),
    /// Seal with these from now on; what was sealed with others counts no more.
    Agreed(LinkKeys),
}

/// The keys of one connection, by link. All have its epoch; no two are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkKeys {
    /// HA2 and its backup.
    pub ha2: Keys,
    /// HA3.
    pub ha3: Keys,
}

impl LinkKeys {
    /// The peer's view of the same keys.
    #[must_use]
    pub const fn for_peer(&self) -> Self {
        Self { ha2: self.ha2.for_peer(), ha3: self.ha3.for_peer() }
    }
}

impl Keying {
    /// For a device that started then (`Member::epoch`), with a secret that nobody else knows and that is
    /// another one at each start.
    pub const fn new(own_start: u64, secret: [u8; 32]) -> Self {
        Self { own_start, secret, last_number: 0, connection: None, outputs: VecDeque::new() }
    }

    /// The peer is heard, with its start, or heard no more.
    pub fn handle_peer(&mut self, now: Timestamp, peer_start: Option<u64>) {
        let known = self.connection.as_ref().map(|connection| connection.peer_start);
        if known == peer_start {
            return;
        }
        self.connection = None;
        if let Some(peer_start) = peer_start {
            self.connect(now, peer_start);
        }
    }

    /// A message of the peer's `Keying`. One that is malformed or of another start changes nothing.
    pub fn handle_message(&mut self, now: Timestamp, bytes: &[u8]) {
        let Some(offer) = Offer::read(bytes).filter(|offer| offer.peer_start == self.own_start) else {
            return;
        };
        let Some(connection) = self.connection.as_mut().filter(|it| it.peer_start == offer.start) else {
            return;
        };
        if connection.offer.is_some_and(|known| offer.number < known.number) {
            return;
        }
        if connection.agreed.is_some_and(|agreed| offer.number > agreed) {
            // The peer has lost this device meanwhile, and begins anew.
            let peer_start = connection.peer_start;
            self.last_number = self.last_number.max(offer.number.saturating_sub(1));
            self.connect(now, peer_start);
        }
        let Some(connection) = &mut self.connection else { return };
        connection.offer = Some(offer);
        connection.is_answered |= offer.answers == connection.number;
        if offer.wants_answer {
            self.offer(now);
        }
        self.agree();
    }

    /// Repeats what was not answered.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.offer(now);
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let connection = self.connection.as_ref().filter(|connection| !connection.is_answered)?;
        Some(connection.repeat_at)
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<KeyingOutput> {
        self.outputs.pop_front()
    }

    fn connect(&mut self, now: Timestamp, peer_start: u64) {
        self.last_number = self.last_number.saturating_add(1);
        self.connection = Some(Connection {
            peer_start,
            number: self.last_number,
            offer: None,
            agreed: None,
            is_answered: false,
            repeat_at: now,
        });
        self.offer(now);
    }

    fn offer(&mut self, now: Timestamp) {
        let Some(connection) = &mut self.connection else { return };
        connection.repeat_at = now + REPEAT;
        let offer = Offer {
            start: self.own_start,
            peer_start: connection.peer_start,
            number: connection.number,
            answers: connection.offer.map_or(0, |offer| offer.number),
            wants_answer: !connection.is_answered,
            secret: self.secret,
        };
        self.outputs.push_back(KeyingOutput::Message(offer.bytes()));
    }

    /// Hands out keys once both offers are known.
    fn agree(&mut self) {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.agreed.is_none())
        else {
            return;
        };
        let Some(offer) = connection.offer else { return };
        let number = connection.number.max(offer.number);
        connection.agreed = Some(number);
        self.last_number = self.last_number.max(number);
        let keys = keys((self.own_start, &self.secret), (offer.start, &offer.secret), number);
        self.outputs.push_back(KeyingOutput::Agreed(keys));
    }
}

/// Keys of a connection, seen from the first device.
fn keys(own: (u64, &[u8; 32]), peer: (u64, &[u8; 32]), number: u32) -> LinkKeys {
    let is_first = own < peer;
    let [first, second] = if is_first { [own, peer] } else { [peer, own] };
    let hkdf = Hkdf::<Sha256>::new(Some(b"bifrons ha"), &[&first.1[..], &second.1[..]].concat());
    let derive = |from_first: bool, link: u8| {
        let mut key = [0; 16];
        let info = [
            &first.0.to_be_bytes()[..],
            &second.0.to_be_bytes(),
            &number.to_be_bytes(),
            &[link << 1 | u8::from(from_first)],
        ];
        // The only error is a length beyond 8,160 bytes.
        let _ = hkdf.expand(&info.concat(), &mut key);
        key
    };
    let of_link = |link| Keys {
        epoch: number,
        side: DeviceId::of(u8::from(!is_first)),
        send: derive(is_first, link),
        receive: derive(!is_first, link),
    };
    LinkKeys { ha2: of_link(HA2), ha3: of_link(HA3) }
}

impl Offer {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend(self.start.to_be_bytes());
        bytes.extend(self.peer_start.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.answers.to_be_bytes());
        bytes.push(u8::from(self.wants_answer));
        bytes.extend(self.secret);
        bytes
    }

    /// What a newer version adds stands behind and is not looked at.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (start, rest) = rest.split_first_chunk()?;
        let (peer_start, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (answers, rest) = rest.split_first_chunk()?;
        let (wants_answer, rest) = rest.split_first()?;
        let secret = rest.first_chunk()?;
        let offer = Self {
            start: u64::from_be_bytes(*start),
            peer_start: u64::from_be_bytes(*peer_start),
            number: u32::from_be_bytes(*number),
            answers: u32::from_be_bytes(*answers),
            wants_answer: *wants_answer != 0,
            secret: *secret,
        };
        (*version >= VERSION && offer.number > 0).then_some(offer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    /// Lets both talk, each message through `passes`, until nobody has more to say; the keys of each.
    fn talk(
        devices: &mut [Keying; 2],
        now: Timestamp,
        passes: &mut dyn FnMut() -> bool,
    ) -> [Option<LinkKeys>; 2] {
        let mut agreed = [None, None];
        for round in 0..40 {
            let now = now + REPEAT * round;
            for from in [0, 1] {
                devices[from].handle_timeout(now);
                while let Some(output) = devices[from].poll_output() {
                    match output {
                        KeyingOutput::Message(bytes) if passes() => {
                            devices[1 - from].handle_message(now, &bytes);
                        }
                        KeyingOutput::Message(_) => {}
                        KeyingOutput::Agreed(keys) => agreed[from] = Some(keys),
                    }
                }
            }
        }
        assert_eq!(devices.each_ref().map(Keying::poll_timeout), [None, None]);
        agreed
    }

    fn pair() -> [Keying; 2] {
        let mut devices = [Keying::new(5, [1; 32]), Keying::new(9, [2; 32])];
        devices[0].handle_peer(NOW, Some(9));
        devices[1].handle_peer(NOW, Some(5));
        devices
    }

    fn same(agreed: [Option<LinkKeys>; 2]) -> LinkKeys {
        let [Some(one), Some(other)] = agreed else { panic!("both have keys") };
        assert_eq!(one.for_peer(), other);
        let all = [one.ha2.send, one.ha2.receive, one.ha3.send, one.ha3.receive];
        for (place, key) in all.iter().enumerate() {
            assert!(!all[..place].contains(key), "a key for each link and direction");
        }
        assert_eq!(one.ha2.epoch, one.ha3.epoch);
        one
    }

    #[test]
    fn both_have_the_same_keys_whatever_is_lost() {
        let mut all = Vec::new();
        for pattern in 0_u32..256 {
            let mut devices = pair();
            let mut sent = 0;
            let mut passes = || {
                sent += 1;
                sent > 8 || pattern >> (sent - 1) & 1 == 1
            };
            all.push(same(talk(&mut devices, NOW, &mut passes)));
        }
        assert!(all.iter().all(|keys| *keys == all[0]), "the keys follow from secrets and starts alone");
    }

    #[test]
    fn a_device_that_lost_the_other_gets_new_keys_with_it() {
        let mut devices = pair();
        let before = same(talk(&mut devices, NOW, &mut || true));
        devices[0].handle_peer(NOW, None);
        devices[0].handle_peer(NOW, Some(9));
        let after = same(talk(&mut devices, NOW, &mut || true));
        assert!(after.ha2.epoch > before.ha2.epoch);
        assert_ne!(after.ha2.send, before.ha2.send);
        assert_ne!(after.ha3.send, before.ha3.send);
    }

    #[test]
    fn a_device_that_starts_anew_gets_new_keys() {
        let mut devices = pair();
        let before = same(talk(&mut devices, NOW, &mut || true));
        devices[1] = Keying::new(10, [3; 32]);
        devices[1].handle_peer(NOW, Some(5));
        devices[0].handle_peer(NOW, Some(10));
        let after = same(talk(&mut devices, NOW, &mut || true));
        assert!(after.ha2.epoch > before.ha2.epoch, "epochs grow for the one that stayed");
        assert_ne!(after.ha2.send, before.ha2.send);
        assert_ne!(after.ha3.send, before.ha3.send);
    }

    #[test]
    fn old_cut_and_strange_messages_change_nothing() {
        let mut devices = pair();
        let Some(KeyingOutput::Message(old)) = devices[0].poll_output() else { panic!("an offer") };
        let keys = same(talk(&mut devices, NOW, &mut || true));
        devices[1].handle_message(NOW, &old);
        for length in 0..old.len() {
            devices[1].handle_message(NOW, &old[..length]);
        }
        for place in 1..17 {
            let mut strange = old.clone();
            strange[place] ^= 1;
            devices[1].handle_message(NOW, &strange);
        }
        // The old offer has no answer, so it is answered; nothing is agreed on anew.
        while let Some(output) = devices[1].poll_output() {
            assert!(matches!(output, KeyingOutput::Message(_)), "{output:?} after {keys:?}");
        }
        assert_eq!(devices[1].poll_timeout(), None);
    }
}
