//! Frames of every link layer: reading never panics, what a packet says of itself lies within its frame, and
//! what is changed in a frame leaves one that reads as it was asked.
#![no_main]

use bifrons_fuzz::{Input, LINKS};
use bifrons_wire::{
    Addresses, FrameInfo, IcmpError, Packet, Reading, Rewrite, blank_multipath, clear_urgent, echo_reply,
    fragment, icmp_error, parse, parse_ip_payload, replace_payload, rewrite, rewrite_error, rewrite_fragment,
    shift_sequence, tcp_options, translate, translate_error, translate_fragment, unfragment, verify,
};
use libfuzzer_sys::fuzz_target;

const V4: Addresses = Addresses::V4 { source: 0xc0a8_0001, destination: 0xcb00_7109 };
const V6: Addresses = Addresses::V6 { source: 0x2001 << 112 | 1, destination: 0x2001 << 112 | 2 };

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
        change(frame, &packet, info, reading);
        build(frame, &packet);
    }
});

/// Changes in place keep the length, and the verdict on the checksums.
fn change(frame: &[u8], packet: &Packet, info: FrameInfo, reading: Reading) {
    for addresses in [V4, V6] {
        let to = Rewrite { addresses, source_port: 1025, destination_port: 53 };
        let mut changed = frame.to_vec();
        if rewrite(&mut changed, packet, &to) {
            let again = parse(&changed, info, reading).expect("a packet that was rewritten");
            assert_eq!(again.addresses, addresses);
            assert_eq!(again.payload_length, packet.payload_length);
        }
        let _ = rewrite_fragment(&mut frame.to_vec(), packet, packet, &to);
        let mut changed = frame.to_vec();
        if rewrite_error(&mut changed, packet, addresses, &to) {
            let again = parse(&changed, info, reading).expect("an error that was rewritten");
            assert_eq!(again.addresses, addresses);
        }
        let _ = translate(frame, packet, &to, 7);
        let _ = translate_error(frame, packet, addresses, &to, 7);
        let _ = translate_fragment(frame, packet, packet, &to);
    }
    let mut changed = frame.to_vec();
    clear_urgent(&mut changed, packet);
    blank_multipath(&mut changed, packet);
    shift_sequence(&mut changed, packet, 5, 7);
    assert!(parse(&changed, info, reading).is_ok());
}

fn build(frame: &[u8], packet: &Packet) {
    let _ = replace_payload(frame, packet, b"payload of another length");
    if let Some(pieces) = fragment(frame, packet, 100, 7) {
        assert!(pieces.iter().all(|piece| piece.len() <= usize::from(packet.network) + 100));
    }
    let _ = unfragment(frame, packet, &[0; 40]);
    let ip = frame.get(usize::from(packet.network)..).unwrap_or(&[]);
    let _ = echo_reply(ip);
    let _ = icmp_error(IcmpError::Prohibited, packet.addresses.destination(), ip);
}
