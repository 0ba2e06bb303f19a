//! Frames of every link layer: reading never panics, and what a packet says of itself lies within its frame.
#![no_main]

use bifrons_fuzz::{Input, LINKS};
use bifrons_wire::{FrameInfo, Reading, parse, parse_ip_payload, tcp_options, verify};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let link = LINKS[usize::from(input.byte()) % LINKS.len()];
    let beyond = u32::from(input.u16());
    let frame = input.0;
    for reading in [Reading::Strict, Reading::Lenient] {
        let info = FrameInfo { link, wire_length: frame.len() as u32 + beyond };
        let Ok(packet) = parse(frame, info, reading) else { continue };
        let _ = verify(&packet, frame);
        assert!(packet.payload_captured <= packet.payload_length);
        assert!(packet.payload_of(frame).len() <= frame.len());
        let _ = packet.embedded(frame);
        let _ = tcp_options(packet.tcp_options_of(frame)).count();
        if packet.fragment.is_none() {
            assert_eq!(packet.payload_of(frame).len(), packet.payload_captured as usize);
            let transport = packet.transport_of(frame).to_vec();
            let _ = parse_ip_payload(&packet, &transport, (2, info.wire_length), reading);
        }
    }
});
