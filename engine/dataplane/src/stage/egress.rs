//! The way out: what the firewall takes out of a packet that passes, and the header of the link that it
//! leaves by.

use alloc::{vec, vec::Vec};

use bifrons_model::DropReason;
use bifrons_wire::{
    Addresses, FrameInfo, Packet, Reading, TcpFlags, blank_multipath, clear_urgent, fragment, ip_length,
    lower_segment_size, may_fragment, parse, protocol, take_hop,
};

use super::{Exit, peer::returned};
use crate::{
    Event, Outbox, Replaced, Verdict, Worker,
    adjacency::{Station, Waiting},
    worker::{Body, Lane},
};

impl Worker {
    /// Takes out what does not pass.
    #[inline]
    pub(crate) fn clean(&mut self, bytes: &mut [u8], lane: &Lane, packet: &Packet) {
        // The headers of a packet that came in fragments stay as they are.
        if packet.protocol == protocol::TCP && packet.frames == 1 {
            if self.policy.tcp().clear_urgent && packet.tcp.flags.has(TcpFlags::URG) {
                clear_urgent(bytes, packet);
            }
            // The shortest multipath option has three bytes (RFC 8684, section 3).
            if packet.tcp.options_length >= 3 && self.strips_multipath(lane.zone) {
                blank_multipath(bytes, packet);
            }
        }
    }

    /// Lets a packet leave. What stands in the outbox from `mark` on leaves in its place.
    #[inline(always)]
    pub(crate) fn egress(
        &mut self,
        exit: Exit,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        mark: usize,
        outbox: &mut Outbox,
    ) -> Verdict {
        match exit {
            Exit::Plain(interface) => Verdict::Transmit(interface),
            Exit::Host => Verdict::Host(lane.interface),
            Exit::Station { place, is_told } => {
                self.egress_to((place, is_told), body, lane, packet, mark, outbox)
            }
            Exit::Peer(zone) => {
                let frames = frames_of(body, packet, mark, outbox).into_iter();
                outbox.to_peer.extend(frames.map(|bytes| returned((lane.interface, zone), bytes)));
                Verdict::ToPeer
            }
        }
    }

    /// The same by way of a station.
    #[inline(always)]
    fn egress_to(
        &mut self,
        (place, is_told): (u16, bool),
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        mark: usize,
        outbox: &mut Outbox,
    ) -> Verdict {
        let Some(station) = self.adjacencies.station(place) else {
            return Verdict::Drop(DropReason::NeighborUnreachable);
        };
        let is_in_place = packet.frames == 1
            && outbox.replaced.len() == mark
            && packet.network == u16::from(station.length)
            && ip_length(packet) <= u32::from(station.mtu)
            && !station.is_stale;
        if is_in_place {
            if packet.tcp.flags.has(TcpFlags::SYN)
                && let Some(size) = self.segment_size(station, lane, packet)
            {
                lower_segment_size(body.bytes, packet, size);
            }
            if station.replace_header(body.bytes) {
                return Verdict::Transmit(station.interface);
            }
        }
        let station = *station;
        self.egress_anew((place, is_told), &station, body, lane, packet, mark, outbox)
    }

    /// The same for a packet that cannot be changed where it lies: another link header, fragments, a station
    /// that is not known or whose use is to be told.
    #[cold]
    #[expect(clippy::too_many_arguments, reason = "the other half of the method before")]
    fn egress_anew(
        &mut self,
        (place, is_told): (u16, bool),
        station: &Station,
        body: &mut Body<'_>,
        lane: &Lane,
        packet: &Packet,
        mark: usize,
        outbox: &mut Outbox,
    ) -> Verdict {
        let told = self.adjacencies.take_stale(place).or_else(|| self.adjacencies.take_unasked(place));
        if let Some(address) = told {
            outbox.events.push(Event::Resolve { interface: station.interface, address });
        }
        let segment_size = self.segment_size(station, lane, packet);
        let frames = frames_of(body, packet, mark, outbox);
        let mut packets = Vec::with_capacity(frames.len());
        for frame in frames {
            if let Err(reason) = take_out(frame, lane, station, segment_size, &mut packets) {
                return Verdict::Drop(reason);
            }
        }
        if station.is_known() {
            let frames = packets.iter().map(|packet| Replaced { frame: 0, bytes: station.frame(packet) });
            outbox.replaced.extend(frames);
            return Verdict::Transmit(station.interface);
        }
        let report_to = is_told.then_some(lane.interface);
        if self.adjacencies.wait(place, Waiting { packets, frames: packet.frames, report_to }) {
            Verdict::Held
        } else {
            Verdict::Drop(DropReason::NeighborQueueFull)
        }
    }

    /// The largest segment that a SYN may announce on its way from one interface to the other.
    #[inline]
    fn segment_size(&self, station: &Station, lane: &Lane, packet: &Packet) -> Option<u16> {
        if !packet.tcp.flags.has(TcpFlags::SYN) {
            return None;
        }
        let is_v6 = matches!(packet.addresses, Addresses::V6 { .. });
        let sizes =
            [self.links.link(lane.interface).and_then(|link| link.segment_size(is_v6)), station.segment_size];
        sizes.into_iter().flatten().min()
    }
}

/// The frames that a packet leaves as, with the link headers that they came with.
fn frames_of(body: &mut Body<'_>, packet: &Packet, mark: usize, outbox: &mut Outbox) -> Vec<Vec<u8>> {
    if outbox.replaced.len() > mark {
        outbox.replaced.drain(mark..).map(|replaced| replaced.bytes).collect()
    } else if packet.frames == 1 {
        vec![body.bytes.to_vec()]
    } else {
        body.fragments.iter_mut().map(|fragment| core::mem::take(&mut fragment.bytes)).collect()
    }
}

/// A frame's IP packet after one hop, in as many pieces as the station's link asks for.
fn take_out(
    mut frame: Vec<u8>,
    lane: &Lane,
    station: &Station,
    segment_size: Option<u16>,
    packets: &mut Vec<Vec<u8>>,
) -> Result<(), DropReason> {
    let info = FrameInfo { link: lane.link, wire_length: frame.len() as u32 };
    let packet = parse(&frame, info, Reading::Lenient)?;
    if let Some(size) = segment_size {
        lower_segment_size(&mut frame, &packet, size);
    }
    let (start, end) =
        (usize::from(packet.network), (u32::from(packet.payload) + packet.payload_captured) as usize);
    let ip = frame.get_mut(start..end).ok_or(DropReason::TruncatedHeader)?;
    if !take_hop(ip) {
        return Err(DropReason::HopLimitExceeded);
    }
    if ip.len() <= usize::from(station.mtu) {
        packets.push(ip.to_vec());
        return Ok(());
    }
    if !may_fragment(&frame, &packet) && packet.fragment.is_none() {
        return Err(DropReason::PacketTooBig);
    }
    let pieces = fragment(&frame, &packet, usize::from(station.mtu), 0).ok_or(DropReason::PacketTooBig)?;
    packets.extend(pieces.into_iter().map(|mut piece| piece.split_off(start)));
    Ok(())
}
