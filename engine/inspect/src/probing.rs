//! The bytes held while no probe is certain, and the probes that are still asked.

use alloc::vec::Vec;

use bifrons_model::{AppId, Direction};

use crate::{Evidence, Opening, PROBES, Probe, ProbeAnswer, Transport, stream::Stream};

/// Bytes of one direction that probes are shown at most, however large the budget is.
const HELD_BYTES: usize = 16 * 1024;

const TCP_PROBES: u128 = probes_over(Transport::Tcp);
const UDP_PROBES: u128 = probes_over(Transport::Udp);

/// What is held while nobody is certain.
pub(crate) struct Probing {
    /// The probes that may still be right, by their place in `PROBES`.
    asked: u128,
    held: [Vec<u8>; 2],
    /// What is held, piece by piece in the order it came.
    arrivals: Vec<(Direction, usize)>,
    /// Directions whose further bytes are not shown: after a hole, or because enough is held.
    closed: [bool; 2],
    /// Whether the bytes that were just asked about are in `held` already.
    current_is_held: bool,
    /// Once nobody asks any more: what no probe has claimed.
    unclaimed: [Vec<u8>; 2],
}

impl Probing {
    /// Every probe of this transport is asked.
    pub(crate) const fn new(transport: Transport) -> Self {
        Self {
            asked: match transport {
                Transport::Tcp => TCP_PROBES,
                Transport::Udp => UDP_PROBES,
            },
            held: [Vec::new(), Vec::new()],
            arrivals: Vec::new(),
            closed: [false; 2],
            current_is_held: false,
            unclaimed: [Vec::new(), Vec::new()],
        }
    }

    /// Asks with these bytes added to what is held. Holds them if nobody is certain and somebody is unsure.
    pub(crate) fn weigh(
        &mut self,
        opening: &Opening,
        direction: Direction,
        bytes: &[u8],
    ) -> Option<(usize, AppId)> {
        let index = direction.index();
        if self.asked == 0 || self.closed[index] {
            self.current_is_held = false;
            return None;
        }
        let first = self.arrivals.is_empty();
        let alone = [(direction, bytes.len())];
        if !first {
            self.arrivals.push(alone[0]);
        }
        self.current_is_held = !self.held[index].is_empty();
        if self.current_is_held {
            self.held[index].extend_from_slice(bytes);
        }
        let mut sides = [&*self.held[0], &*self.held[1]];
        if !self.current_is_held {
            sides[index] = bytes;
        }
        let datagrams = if first { &alone[..] } else { &self.arrivals };
        let evidence = evidence(opening, sides, datagrams);
        let certain = ask(&mut self.asked, &evidence, opening.is_client_guessed());
        if certain.is_some() {
            if !first && !self.current_is_held {
                self.arrivals.pop();
            }
            return certain;
        }
        self.hold(direction, bytes, first);
        None
    }

    /// What is held, piece by piece in the order it came.
    pub(crate) fn each_held(&self) -> impl Iterator<Item = (Direction, &[u8])> {
        let mut rest = [&*self.held[0], &*self.held[1]];
        self.arrivals.iter().map(move |(direction, length)| {
            let side = &mut rest[direction.index()];
            let (now, later) = side.split_at((*length).min(side.len()));
            *side = later;
            (*direction, now)
        })
    }

    /// Whether the bytes that were just asked about are among those held.
    pub(crate) const fn is_current_held(&self) -> bool {
        self.current_is_held
    }

    /// Whether any probe is still unsure.
    pub(crate) const fn is_anybody_asked(&self) -> bool {
        self.asked != 0
    }

    /// Keeps a stream's bytes that no probe asks for, because somebody else does.
    pub(crate) fn keep_unclaimed(&mut self, direction: Direction, bytes: &[u8]) {
        let index = direction.index();
        if self.asked == 0 && !self.current_is_held && !self.closed[index] {
            let room = HELD_BYTES.saturating_sub(self.unclaimed[index].len());
            self.unclaimed[index].extend(bytes.iter().take(room));
        }
    }

    /// Nobody wants what no probe has claimed.
    pub(crate) fn forget_unclaimed(&mut self) {
        self.unclaimed = [Vec::new(), Vec::new()];
    }

    /// The bytes of one direction that no probe has claimed.
    pub(crate) fn unclaimed(&self, direction: Direction) -> &[u8] {
        let index = direction.index();
        if self.asked == 0 { &self.unclaimed[index] } else { &self.held[index] }
    }

    fn hold(&mut self, direction: Direction, bytes: &[u8], first: bool) {
        let index = direction.index();
        if self.asked == 0 {
            self.unclaimed = core::mem::take(&mut self.held);
            self.arrivals = Vec::new();
            return;
        }
        if first {
            self.arrivals.push((direction, bytes.len()));
        }
        if !self.current_is_held {
            self.held[index].extend_from_slice(bytes);
        }
        self.closed[index] = self.held[index].len() >= HELD_BYTES;
    }

    /// No more bytes of this direction belong to those held; if none are held yet, the next ones are the
    /// first.
    pub(crate) fn close(&mut self, direction: Direction) {
        let index = direction.index();
        self.closed[index] |= !self.held[index].is_empty();
    }

    /// Asks once more with what waits in the streams, whatever is missing before it.
    pub(crate) fn ask_with(&self, opening: &Opening, streams: &[Stream; 2]) -> Option<AppId> {
        let side = |index: usize| {
            let mut side = self.held[index].clone();
            if side.is_empty() {
                side.extend(streams[index].waiting().flatten().take(HELD_BYTES));
            }
            side
        };
        let sides = [side(0), side(1)];
        let mut asked = self.asked;
        let evidence = evidence(opening, [&sides[0], &sides[1]], &[]);
        ask(&mut asked, &evidence, opening.is_client_guessed()).map(|(_, app)| app)
    }
}

fn evidence<'a>(
    opening: &Opening,
    sides: [&'a [u8]; 2],
    datagrams: &'a [(Direction, usize)],
) -> Evidence<'a> {
    let [sent, received] = sides;
    Evidence {
        transport: opening.transport,
        client_port: opening.client_port,
        server_port: opening.server_port,
        sent,
        received,
        datagrams: match opening.transport {
            Transport::Tcp => &[],
            Transport::Udp => datagrams,
        },
    }
}

/// Asks the probes of the set, strikes those that say no, and stops at the first that is certain.
fn ask(asked: &mut u128, evidence: &Evidence<'_>, either_way: bool) -> Option<(usize, AppId)> {
    let (mut left, mut rest) = (*asked, *asked);
    let mut certain = None;
    while rest != 0 {
        let place = rest.trailing_zeros() as usize;
        let bit = rest & rest.wrapping_neg();
        rest ^= bit;
        match PROBES.get(place).map(|probe| ask_one(probe, evidence, either_way)) {
            Some(ProbeAnswer::Certain(app)) => {
                certain = Some((place, app));
                break;
            }
            Some(ProbeAnswer::NotMine) | None => left ^= bit,
            Some(ProbeAnswer::Unsure) => (),
        }
    }
    *asked = left;
    certain
}

/// Without a SYN it is a guess who the client is: then the question is put from both ends.
fn ask_one(probe: &Probe, evidence: &Evidence<'_>, either_way: bool) -> ProbeAnswer {
    let answer = (probe.probe)(evidence);
    if !either_way {
        return answer;
    }
    match (answer, (probe.probe)(&evidence.turned())) {
        (ProbeAnswer::Certain(app), _) | (_, ProbeAnswer::Certain(app)) => ProbeAnswer::Certain(app),
        (ProbeAnswer::Unsure, _) | (_, ProbeAnswer::Unsure) => ProbeAnswer::Unsure,
        (ProbeAnswer::NotMine, ProbeAnswer::NotMine) => ProbeAnswer::NotMine,
    }
}

const fn probes_over(transport: Transport) -> u128 {
    let mut set = 0;
    let mut place = 0;
    while place < PROBES.len() {
        let fits = match transport {
            Transport::Tcp => PROBES[place].tcp,
            Transport::Udp => PROBES[place].udp,
        };
        if fits {
            set |= 1 << place;
        }
        place += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const C: Direction = Direction::ClientToServer;
    const S: Direction = Direction::ServerToClient;

    const OPENING: Opening = Opening {
        transport: Transport::Udp,
        client_port: 40_000,
        server_port: 40_001,
        first_sequence: [None, None],
    };

    #[test]
    fn pieces_keep_their_bounds_and_order() {
        let mut probing = Probing::new(Transport::Udp);
        for (direction, bytes) in [(C, &b"abc"[..]), (S, b"xy"), (C, b"d")] {
            let first = probing.arrivals.is_empty();
            if !first {
                probing.arrivals.push((direction, bytes.len()));
            }
            probing.current_is_held = false;
            probing.hold(direction, bytes, first);
        }
        let pieces = [(C, &b"abc"[..]), (S, b"xy"), (C, b"d")];
        assert!(probing.each_held().eq(pieces));
        let evidence = evidence(&OPENING, [&probing.held[0], &probing.held[1]], &probing.arrivals);
        assert!(evidence.each_datagram().eq(pieces));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let opening = Opening { transport: Transport::Tcp, ..OPENING };
        let mut probing = Probing::new(Transport::Tcp);
        let line = vec![b'A'; 1000];
        for _ in 0..100 {
            // Somebody always wants more: only the bound stops the growth.
            probing.asked = TCP_PROBES;
            probing.weigh(&opening, C, &line);
        }
        assert!(probing.held[0].len() <= HELD_BYTES + line.len());
        assert!(probing.arrivals.len() <= HELD_BYTES / line.len() + 1);
    }

    #[test]
    fn what_nobody_asks_for_is_not_held() {
        let opening = Opening { transport: Transport::Tcp, ..OPENING };
        let mut probing = Probing::new(Transport::Tcp);
        let tls = PROBES.iter().position(|probe| probe.name == "tls").unwrap();
        probing.asked = 1 << tls;
        assert_eq!(probing.weigh(&opening, C, &[0xee; 50]), None);
        assert_eq!((probing.asked, probing.held[0].capacity()), (0, 0));
        probing.forget_unclaimed();
        assert_eq!(probing.unclaimed(C), b"");
    }
}
