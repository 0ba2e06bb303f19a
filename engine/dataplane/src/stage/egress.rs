//! The way out: the interface, and what the firewall takes out of a packet that passes.

use bifrons_model::InterfaceId;
use bifrons_session::Hit;
use bifrons_wire::{Packet, TcpFlags, blank_multipath, clear_urgent, protocol};

use crate::Worker;

impl Worker {
    #[inline]
    pub(crate) fn egress(&mut self, hit: Hit, bytes: &mut [u8], packet: &Packet) -> InterfaceId {
        // The headers of a packet that came in fragments stay as they are.
        if packet.protocol == protocol::TCP && packet.frames == 1 {
            let knobs = self.policy.tcp();
            if knobs.clear_urgent && packet.tcp.flags.has(TcpFlags::URG) {
                clear_urgent(bytes, packet);
            }
            // The shortest multipath option has three bytes (RFC 8684, section 3).
            if knobs.strip_mptcp_option && packet.tcp.options_length >= 3 {
                blank_multipath(bytes, packet);
            }
        }
        self.interface_towards(hit)
    }
}
