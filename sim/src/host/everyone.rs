//! A host that is everybody: it answers for each address that is asked for, and says nothing else of itself.

use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv6Addr},
};

use bifrons_model::Timestamp;
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Packet,
        Ipv6Repr, NdiscNeighborFlags, NdiscRepr, RawHardwareAddress,
    },
};

use super::{Host, HostOutput};
use crate::{
    frame::{Body, Content, View, build},
    switch::Mac,
};

const ETHERNET: usize = 14;
const IPV6: usize = 40;

/// Everybody on a link.
pub struct Everyone {
    mac: Mac,
    out: VecDeque<Vec<u8>>,
}

impl Everyone {
    /// Everybody, behind one Ethernet address.
    pub const fn new(mac: Mac) -> Self {
        Self { mac, out: VecDeque::new() }
    }

    /// A neighbor advertisement (RFC 4861, section 4.4) for `target`.
    fn advertise(&self, to: Mac, asker: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
        let message = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
            flags: NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE,
            target_addr: target,
            lladdr: Some(RawHardwareAddress::from_bytes(&self.mac)),
        });
        let header = Ipv6Repr {
            src_addr: target,
            dst_addr: asker,
            next_header: IpProtocol::Icmpv6,
            payload_len: message.buffer_len(),
            hop_limit: 255,
        };
        let mut frame = vec![0; ETHERNET + IPV6 + message.buffer_len()];
        let mut ethernet = EthernetFrame::new_unchecked(&mut frame);
        ethernet.set_src_addr(EthernetAddress(self.mac));
        ethernet.set_dst_addr(EthernetAddress(to));
        ethernet.set_ethertype(EthernetProtocol::Ipv6);
        let mut packet = Ipv6Packet::new_unchecked(ethernet.payload_mut());
        header.emit(&mut packet);
        let mut payload = Icmpv6Packet::new_unchecked(packet.payload_mut());
        message.emit(&target, &asker, &mut payload, &ChecksumCapabilities::default());
        frame
    }
}

impl Host for Everyone {
    fn handle_frame(&mut self, _: Timestamp, frame: &[u8]) {
        let view = View::of(frame);
        match view.content {
            // Who asks for its own address looks for somebody who has it too.
            Content::Arp { is_request: true, sender, sender_mac, target }
                if sender != target && !sender.is_unspecified() =>
            {
                self.out.push_back(build::arp((self.mac, target), sender, Some(sender_mac)));
            }
            Content::Ip(packet) => {
                if let (Body::Neighbor { is_question: true, target }, IpAddr::V6(asker)) =
                    (packet.body, packet.source)
                    && !asker.is_unspecified()
                {
                    self.out.push_back(self.advertise(view.source, asker, target));
                }
            }
            Content::Arp { .. } | Content::Other(_) | Content::Broken => {}
        }
    }

    fn handle_timeout(&mut self, _: Timestamp) {}

    fn poll_timeout(&mut self, _: Timestamp) -> Option<Timestamp> {
        None
    }

    fn poll_output(&mut self) -> Option<HostOutput> {
        self.out.pop_front().map(HostOutput::Frame)
    }
}
