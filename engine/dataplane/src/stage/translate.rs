//! Other addresses and ports on the way out: what a session's two keys say, written into the packet.

use alloc::vec::Vec;

use bifrons_model::{Direction, DropReason};
use bifrons_session::{FlowKey, Hit, SessionFlags};
use bifrons_wire::{self as wire, Addresses, Packet, Rewrite, protocol};

use crate::{EventKind, Outbox, Replaced, Step, Worker, worker::Body};

/// Where the acknowledgement number lies in a TCP header.
const ACKNOWLEDGEMENT: usize = 8;

impl Worker {
    /// Writes into the packet what the receiver's side of the session calls its ends. An error drops the
    /// packet.
    #[inline(always)]
    pub(crate) fn translate(
        &mut self,
        hit: Hit,
        body: &mut Body<'_>,
        packet: &Packet,
        payload: Option<Vec<u8>>,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let flags = self.table.get(hit.slot).flags;
        if payload.is_some() || flags.has(SessionFlags::SHIFTED) {
            return self.translate_changed(hit, body, packet, payload, outbox);
        }
        if flags.has(SessionFlags::TRANSLATED) {
            return self.translate_ends(hit, body, packet, outbox);
        }
        Ok(())
    }

    /// The same for a session whose payload leaves as it came.
    #[inline(never)]
    fn translate_ends(
        &mut self,
        hit: Hit,
        body: &mut Body<'_>,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        // Packets of one direction leave as the answers of the other arrive, turned round.
        let answers = self.table.keys(hit.slot)[hit.direction.reverse().index()];
        let to = leaving_as(&answers);
        self.counters.translated += u64::from(packet.frames);
        outbox.note(|| Step::Translated(answers.reversed(answers.zone())));
        let is_written = match (is_same_family(packet.addresses, to.addresses), packet.frames) {
            (true, 1) => wire::rewrite(body.bytes, packet, &to),
            (true, _) => body
                .fragments
                .iter_mut()
                .all(|fragment| wire::rewrite_fragment(&mut fragment.bytes, &fragment.packet, packet, &to)),
            (false, 1) => wire::translate(body.bytes, packet, &to, self.identification())
                .map(|bytes| outbox.replaced.push(Replaced { frame: 0, bytes }))
                .is_ok(),
            (false, _) => body.fragments.iter_mut().all(|fragment| {
                wire::translate_fragment(&fragment.bytes, &fragment.packet, packet, &to)
                    .map(|bytes| fragment.bytes = bytes)
                    .is_ok()
            }),
        };
        if is_written { Ok(()) } else { Err(DropReason::NatUntranslatable) }
    }

    /// The same for a session whose payload changes: it leaves with other words, and the numbers of what
    /// follows move.
    #[inline(never)]
    fn translate_changed(
        &mut self,
        hit: Hit,
        body: &mut Body<'_>,
        packet: &Packet,
        payload: Option<Vec<u8>>,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let untranslatable = DropReason::NatUntranslatable;
        let is_tcp = packet.protocol == protocol::TCP;
        if let Some(payload) = payload.as_deref().filter(|_| is_tcp)
            && !self.edit(hit.slot, hit.direction, packet, payload)
        {
            return Err(untranslatable);
        }
        if is_tcp && payload.is_some() {
            self.tell(hit.slot, EventKind::Changed, outbox);
        }
        let own = packet.payload_of(body.bytes);
        let (sequence, payload) = match self.edits(hit.slot).filter(|_| is_tcp) {
            Some(edits) => edits[hit.direction.index()].outgoing(packet.tcp.sequence, own),
            None => (packet.tcp.sequence, payload),
        };
        let mut made = match &payload {
            Some(payload) => wire::replace_payload(body.bytes, packet, payload).ok_or(untranslatable)?,
            None => body.bytes.to_vec(),
        };
        let length = payload.map_or(packet.payload_length, |payload| payload.len() as u32);
        let packet =
            Packet { payload_length: length, payload_captured: length.min(made.len() as u32), ..*packet };
        if is_tcp {
            // The frame has the acknowledgement still as it came.
            let field = made.get(usize::from(packet.transport) + ACKNOWLEDGEMENT..);
            let arrived = field.and_then(|field| field.first_chunk()).map(|bytes| u32::from_be_bytes(*bytes));
            let back = arrived.map_or(0, |arrived| packet.tcp.acknowledgement.wrapping_sub(arrived));
            wire::shift_sequence(&mut made, &packet, sequence.wrapping_sub(packet.tcp.sequence), back);
        }
        let answers = self.table.keys(hit.slot)[hit.direction.reverse().index()];
        let to = leaving_as(&answers);
        self.counters.translated += u64::from(packet.frames);
        outbox.note(|| Step::Translated(answers.reversed(answers.zone())));
        let bytes = if is_same_family(packet.addresses, to.addresses) {
            wire::rewrite(&mut made, &packet, &to).then_some(made)
        } else {
            wire::translate(&made, &packet, &to, self.identification()).ok()
        };
        outbox.replaced.push(Replaced { frame: 0, bytes: bytes.ok_or(untranslatable)? });
        Ok(())
    }

    /// Writes an ICMP error that passes on behalf of a session: the quoted packet as its sender sent it,
    /// and the error's own ends (RFC 5508, section 4.2). `direction` is the error's way.
    pub(crate) fn translate_error(
        &mut self,
        slot: u32,
        direction: Direction,
        body: &mut Body<'_>,
        packet: &Packet,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        if !self.table.get(slot).flags.has(SessionFlags::TRANSLATED) {
            return Ok(());
        }
        let keys = self.table.keys(slot);
        let arriving = keys[direction.index()];
        let quoted = leaving_as(&keys[direction.reverse().index()]).reversed();
        let (own, foreign) = (packet.addresses.source(), arriving.addresses().source());
        // The session's own end reports under the name that the receiver knows; a router that has no other
        // name to the receiver's side than the session's does so as well, one on the outside keeps
        // its own.
        let is_hidden = own == foreign || direction == Direction::ClientToServer;
        let outer = Outer { quoted: &quoted, is_hidden, packet };
        let outer = outer.addresses().ok_or(DropReason::NatUntranslatable)?;
        self.counters.translated += u64::from(packet.frames);
        if is_same_family(packet.addresses, quoted.addresses) {
            let is_written = wire::rewrite_error(body.bytes, packet, outer, &quoted);
            return if is_written { Ok(()) } else { Err(DropReason::NatUntranslatable) };
        }
        let identification = self.identification();
        let bytes = wire::translate_error(body.bytes, packet, outer, &quoted, identification)
            .map_err(|_| DropReason::NatUntranslatable)?;
        outbox.replaced.push(Replaced { frame: 0, bytes });
        Ok(())
    }

    /// The identification of a packet that the firewall makes.
    pub(crate) fn identification(&mut self) -> u16 {
        self.last_identification = self.last_identification.wrapping_add(1);
        self.last_identification
    }
}

/// The ends of an ICMP error on the receiver's side.
struct Outer<'a> {
    /// The quoted packet as the receiver sent it.
    quoted: &'a Rewrite,
    is_hidden: bool,
    packet: &'a Packet,
}

impl Outer<'_> {
    fn addresses(&self) -> Option<Addresses> {
        Some(match (self.quoted.addresses, self.packet.addresses) {
            (Addresses::V4 { source, destination }, Addresses::V4 { source: own, .. }) => {
                Addresses::V4 { source: if self.is_hidden { destination } else { own }, destination: source }
            }
            (Addresses::V6 { source, destination }, Addresses::V6 { source: own, .. }) => {
                Addresses::V6 { source: if self.is_hidden { destination } else { own }, destination: source }
            }
            // In the other family a router has no name of its own: it reports as the session's end.
            (Addresses::V4 { .. }, Addresses::V6 { .. }) | (Addresses::V6 { .. }, Addresses::V4 { .. }) => {
                self.quoted.addresses.reversed()
            }
        })
    }
}

/// How a packet leaves whose answers arrive with this key.
#[inline]
fn leaving_as(answers: &FlowKey) -> Rewrite {
    Rewrite {
        addresses: answers.addresses().reversed(),
        source_port: answers.destination_port(),
        destination_port: answers.source_port(),
    }
}

#[inline]
const fn is_same_family(one: Addresses, other: Addresses) -> bool {
    matches!(one, Addresses::V4 { .. }) == matches!(other, Addresses::V4 { .. })
}
