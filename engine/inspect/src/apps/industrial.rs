//! Protocols of plants and buildings: Modbus/TCP, DNP3 (IEEE 1815), S7 communication over ISO transport
//! (RFC 1006), IEC 60870-5-104, BACnet/IP (ASHRAE 135 annex J), EtherNet/IP (CIP encapsulation), OPC UA
//! (part 6), synchrophasors (IEEE C37.118.2), KNXnet/IP.

use bifrons_catalog::app;

use crate::{Evidence, Probe, ProbeAnswer, Transport};

use super::{
    shape::{B, begins, big, both, datagrams, either, little, magic, uses_any},
    text::Fit,
};

pub(super) const MODBUS: Probe =
    Probe { name: "modbus", tcp: true, udp: false, probe: modbus, decoder: None };
pub(super) const DNP3: Probe = Probe { name: "dnp3", tcp: true, udp: true, probe: dnp3, decoder: None };
pub(super) const S7: Probe = Probe { name: "s7", tcp: true, udp: false, probe: s7, decoder: None };
pub(super) const IEC_104: Probe =
    Probe { name: "iec-104", tcp: true, udp: false, probe: iec_104, decoder: None };
pub(super) const BACNET: Probe =
    Probe { name: "bacnet", tcp: false, udp: true, probe: bacnet, decoder: None };
pub(super) const ETHERNET_IP: Probe =
    Probe { name: "ethernet-ip", tcp: true, udp: true, probe: ethernet_ip, decoder: None };
pub(super) const OPC_UA: Probe =
    Probe { name: "opc-ua", tcp: true, udp: false, probe: opc_ua, decoder: None };
pub(super) const SYNCHROPHASOR: Probe =
    Probe { name: "synchrophasor", tcp: true, udp: true, probe: synchrophasor, decoder: None };
pub(super) const KNX: Probe = Probe { name: "knx", tcp: false, udp: true, probe: knx, decoder: None };

const PORT_MODBUS: u16 = 502;
const PORT_IEC_104: u16 = 2404;
const PORT_ETHERNET_IP: u16 = 44_818;

/// Functions in use, UMAS (90) among them.
const MODBUS_FUNCTIONS: [u8; 21] =
    [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 15, 16, 17, 20, 21, 22, 23, 24, 43, 90, 100];

fn modbus(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = evidence.uses_port(PORT_MODBUS);
    // Behind a gateway the connection may be opened by the device.
    let is_turned = evidence.client_port == PORT_MODBUS && evidence.server_port != PORT_MODBUS;
    let evidence = &if is_turned { evidence.turned() } else { *evidence };
    // A server answers with the transaction, the unit and the function that it was asked for.
    let same = |place: usize, mask: u8| match (evidence.sent.get(place), evidence.received.get(place)) {
        (Some(one), Some(other)) => one & mask == other & mask,
        _ => true,
    };
    let answers = same(0, 0xff) && same(1, 0xff) && same(6, 0xff) && same(7, 0x7f);
    if !at_home && !answers {
        return ProbeAnswer::NotMine;
    }
    // A refusal of what was asked, whatever that was.
    let refuses = matches!(evidence.received, [_, _, 0, 0, 0, 3, _, 0x80..=0xff, 1..=11, ..])
        && matches!(evidence.sent, [_, _, 0, 0, 0, 2..=254, _, function, ..] if *function < 0x80);
    if at_home && answers && refuses {
        return ProbeAnswer::Certain(app::MODBUS_BASE);
    }
    both(
        evidence,
        app::MODBUS_BASE,
        at_home,
        |bytes| modbus_frame(bytes, false, at_home),
        |bytes| modbus_frame(bytes, true, at_home),
    )
}

/// At home a function that is not known waits for what the device says to it.
fn modbus_frame(bytes: &[u8], is_answer: bool, at_home: bool) -> Fit {
    let shape = [B::Any, B::Any, B::Is(0), B::Is(0), B::Is(0), B::In(2, 254), B::Any, B::Any];
    begins(bytes, &shape).and(|| {
        let function = bytes.get(7).copied().unwrap_or_default();
        let plain = if is_answer { function & 0x7f } else { function };
        match MODBUS_FUNCTIONS.contains(&plain) {
            true => Fit::Yes,
            false if at_home && plain < 0x80 => Fit::Open,
            false => Fit::No,
        }
    })
}

fn dnp3(evidence: &Evidence<'_>) -> ProbeAnswer {
    match evidence.transport {
        Transport::Tcp => either(evidence, app::DNP3_BASE, dnp3_frame, dnp3_frame),
        Transport::Udp => {
            datagrams(evidence, app::DNP3_BASE, 1, |_, datagram| dnp3_frame(datagram) == Fit::Yes)
        }
    }
}

/// The link header with its checksum.
fn dnp3_frame(bytes: &[u8]) -> Fit {
    magic(bytes, &[0x05, 0x64]).and(|| match (bytes.get(..8), little(bytes, 8, 2)) {
        (Some(header), Some(checksum)) => {
            let length_fits = header.get(2).is_some_and(|length| *length >= 5);
            Fit::of(length_fits && usize::from(dnp3_checksum(header)) == checksum)
        }
        _ => Fit::Open,
    })
}

fn dnp3_checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u16;
    for byte in bytes {
        sum ^= u16::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xa6bc } else { sum >> 1 };
        }
    }
    !sum
}

fn s7(evidence: &Evidence<'_>) -> ProbeAnswer {
    either(evidence, app::SIEMENS_S7_BASE, s7_stream, s7_stream)
}

/// Packets of ISO transport: a connection request or its confirmation may come first, then data whose first
/// byte is that of S7.
fn s7_stream(bytes: &[u8]) -> Fit {
    let shape = [B::Is(3), B::Is(0), B::Any, B::Any, B::Any, B::Of(&[0xd0, 0xe0, 0xf0])];
    let head = begins(bytes, &shape);
    if head != Fit::Yes || bytes.get(5) == Some(&0xf0) {
        return head.and(|| s7_data(bytes));
    }
    match big(bytes, 2, 2).and_then(|length| bytes.get(length.max(7)..)) {
        Some([]) | None => Fit::Open,
        Some(rest) => s7_data(rest),
    }
}

fn s7_data(bytes: &[u8]) -> Fit {
    let shape = [
        B::Is(3),
        B::Is(0),
        B::Any,
        B::Any,
        B::Is(2),
        B::Is(0xf0),
        B::Any,
        B::Is(0x32),
        B::Of(&[1, 2, 3, 7]),
        B::Is(0),
        B::Is(0),
    ];
    begins(bytes, &shape)
}

fn iec_104(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = evidence.uses_port(PORT_IEC_104);
    both(evidence, app::IEC_60870_5_104_BASE, at_home, iec_104_frame, iec_104_frame)
}

fn iec_104_frame(bytes: &[u8]) -> Fit {
    begins(bytes, &[B::Is(0x68), B::In(4, 253), B::Any, B::Any, B::Any, B::Any]).and(|| match bytes {
        [_, 4, 0x07 | 0x0b | 0x13 | 0x23 | 0x43 | 0x83, 0, 0, 0, ..] => Fit::Yes,
        [_, 4, 1, 0, low, _, ..] => Fit::of(low & 1 == 0),
        [_, length, low, _, back, _, kind, ..] => {
            Fit::of(*length >= 10 && low & 1 == 0 && back & 1 == 0 && (1..=127).contains(kind))
        }
        [_, 4, ..] => Fit::No,
        _ => Fit::Open,
    })
}

fn bacnet(evidence: &Evidence<'_>) -> ProbeAnswer {
    datagrams(evidence, app::BACNET_BASE, 1, |_, datagram| {
        let network_layer = match datagram.get(1) {
            Some(0x04) => 10,
            Some(0x09..=0x0b) => 4,
            // Table and registration messages have none.
            Some(0x00..=0x03 | 0x05..=0x08) => {
                return datagram.first() == Some(&0x81)
                    && big(datagram, 2, 2) == Some(datagram.len())
                    && datagram.len() <= 512;
            }
            _ => return false,
        };
        datagram.first() == Some(&0x81)
            && big(datagram, 2, 2) == Some(datagram.len())
            && datagram.get(network_layer) == Some(&1)
    })
}

fn ethernet_ip(evidence: &Evidence<'_>) -> ProbeAnswer {
    let at_home = evidence.uses_port(PORT_ETHERNET_IP);
    match evidence.transport {
        Transport::Tcp => both(evidence, app::CIP_ETHERNET_IP, at_home, encapsulation, encapsulation),
        Transport::Udp if at_home => datagrams(evidence, app::CIP_ETHERNET_IP, 1, |_, datagram| {
            encapsulation(datagram) == Fit::Yes && little(datagram, 2, 2) == Some(datagram.len() - 24)
        }),
        Transport::Udp => ProbeAnswer::NotMine,
    }
}

/// Command, length, session, status, the sender's context, options (always zero).
fn encapsulation(bytes: &[u8]) -> Fit {
    const COMMANDS: &[u8] = &[0x01, 0x04, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70, 0x72, 0x73];
    let shape = [
        B::Of(COMMANDS),
        B::Is(0),
        B::Any,
        B::In(0, 8),
        B::Any,
        B::Any,
        B::Any,
        B::Any,
        B::In(0, 0x69),
        B::Is(0),
        B::Is(0),
        B::Is(0),
        B::Any,
        B::Any,
        B::Any,
        B::Any,
        B::Any,
        B::Any,
        B::Any,
        B::Any,
        B::Is(0),
        B::Is(0),
        B::Is(0),
        B::Is(0),
    ];
    begins(bytes, &shape)
}

fn opc_ua(evidence: &Evidence<'_>) -> ProbeAnswer {
    let message = |kinds: [&'static [u8]; 2]| {
        move |bytes: &[u8]| {
            magic(bytes, kinds[0]).or(magic(bytes, kinds[1])).and(|| match little(bytes, 4, 4) {
                Some(length) => Fit::of((16..0x1_0000).contains(&length)),
                None => Fit::Open,
            })
        }
    };
    either(evidence, app::OPC_UA, message([b"HELF", b"OPNF"]), message([b"ACKF", b"ERRF"]))
}

fn synchrophasor(evidence: &Evidence<'_>) -> ProbeAnswer {
    let app = app::IEEE_C37_118_SYNCHROPHASOR;
    match evidence.transport {
        Transport::Tcp => either(evidence, app, phasor_frame, phasor_frame),
        Transport::Udp => datagrams(evidence, app, 1, |_, datagram| {
            big(datagram, 2, 2) == Some(datagram.len()) && phasor_frame(datagram) == Fit::Yes
        }),
    }
}

/// Sync word, length, and a checksum at the end.
fn phasor_frame(bytes: &[u8]) -> Fit {
    begins(bytes, &[B::Is(0xaa), B::In(0x01, 0x5f), B::Any, B::Any]).and(|| {
        let length = big(bytes, 2, 2).unwrap_or_default();
        if length < 16 || bytes.get(1).is_some_and(|kind| !matches!(kind & 0xf, 1..=3)) {
            return Fit::No;
        }
        match (bytes.get(..length - 2), big(bytes, length - 2, 2)) {
            (Some(frame), Some(checksum)) => Fit::of(usize::from(ccitt(frame)) == checksum),
            _ => Fit::Open,
        }
    })
}

fn ccitt(bytes: &[u8]) -> u16 {
    let mut sum = 0xffff_u16;
    for byte in bytes {
        sum ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            sum = if sum & 0x8000 == 0 { sum << 1 } else { sum << 1 ^ 0x1021 };
        }
    }
    sum
}

fn knx(evidence: &Evidence<'_>) -> ProbeAnswer {
    if !uses_any(evidence, &[3671]) {
        return ProbeAnswer::NotMine;
    }
    datagrams(evidence, app::KNXNET_IP, 1, |_, datagram| {
        begins(datagram, &[B::Is(6), B::Is(0x10), B::Of(&[2, 3, 4, 5])]) == Fit::Yes
            && big(datagram, 4, 2) == Some(datagram.len())
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::apps::testing::{
        assert_datagrams, assert_never_certain, assert_no_datagram, assert_recognised, assert_recognised_at,
    };

    #[test]
    fn modbus_at_home_or_asked_and_answered() {
        let (question, answer) = (
            b"\0\x01\0\0\0\x06\x11\x03\0\x6b\0\x03",
            b"\0\x01\0\0\0\x09\x11\x03\x06\xae\x41\x56\x52\x43\x40",
        );
        assert_recognised_at(MODBUS, app::MODBUS_BASE, 502, question, b"");
        assert_recognised(MODBUS, app::MODBUS_BASE, question, answer);
        assert_recognised(MODBUS, app::MODBUS_BASE, question, b"\0\x01\0\0\0\x03\x11\x83\x02");
        assert_never_certain(MODBUS, question, b"");
        assert_never_certain(MODBUS, question, b"\0\x02\0\0\0\x09\x11\x03\x06");
        let (strange, refusal) = (b"\0\x01\0\0\0\x06\x11\0\0\0\0\0", b"\0\x01\0\0\0\x03\x11\x80\x01");
        assert_recognised_at(MODBUS, app::MODBUS_BASE, 502, strange, refusal);
        assert_never_certain(MODBUS, strange, refusal);
        assert_never_certain(MODBUS, b"\0\x01\0\0\0\x06\x11\x7f", b"\0\x01\0\0\0\x06\x11\x7f");
    }

    #[test]
    fn dnp3_by_its_checksum() {
        let frame = b"\x05\x64\x05\xc0\x01\x00\x00\x04\xe9\x21";
        assert_recognised(DNP3, app::DNP3_BASE, frame, b"");
        assert_recognised(DNP3, app::DNP3_BASE, b"", frame);
        assert_datagrams(DNP3, app::DNP3_BASE, 40_001, &[frame]);
        assert_never_certain(DNP3, b"\x05\x64\x05\xc0\x01\x00\x00\x04\xe9\x22", b"");
    }

    #[test]
    fn s7_behind_the_transport_s_connection() {
        let request = b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\x01\x0a";
        let setup = b"\x03\0\0\x19\x02\xf0\x80\x32\x01\0\0\0\0\0\x08\0\0\xf0\0\0\x01\0\x01\x01\xe0";
        assert_recognised(S7, app::SIEMENS_S7_BASE, &[&request[..], setup].concat(), b"");
        assert_recognised(S7, app::SIEMENS_S7_BASE, setup, b"");
        assert_never_certain(S7, request, b"");
        assert_never_certain(S7, b"\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x03\0\0\0", b"");
    }

    #[test]
    fn iec_104_frames() {
        let (start, confirm) = (b"\x68\x04\x07\0\0\0", b"\x68\x04\x0b\0\0\0");
        assert_recognised_at(IEC_104, app::IEC_60870_5_104_BASE, 2404, start, b"");
        assert_recognised(IEC_104, app::IEC_60870_5_104_BASE, start, confirm);
        let interrogation = b"\x68\x0e\0\0\0\0\x64\x01\x06\0\x01\0\0\0\0\x14";
        assert_recognised_at(IEC_104, app::IEC_60870_5_104_BASE, 2404, interrogation, b"");
        assert_never_certain(IEC_104, start, b"");
        assert_never_certain(IEC_104, b"\x68\x04\x06\0\0\0", b"\x68\x04\x0b\0\0\0");
    }

    #[test]
    fn bacnet_and_knx_lengths() {
        let who_is = b"\x81\x0b\0\x0c\x01\x20\xff\xff\0\xff\x10\x08";
        assert_datagrams(BACNET, app::BACNET_BASE, 40_001, &[who_is]);
        assert_datagrams(BACNET, app::BACNET_BASE, 47_808, &[b"\x81\x05\0\x06\0\x3c"]);
        assert_no_datagram(BACNET, 47_808, b"\x81\x0b\0\x0d\x01\x20\xff\xff\0\xff\x10\x08");
        assert_no_datagram(BACNET, 47_808, b"\x80\x0b\0\x0c\x01\x20\xff\xff\0\xff\x10\x08");
        let search = b"\x06\x10\x02\x01\0\x0e\x08\x01\x0a\0\0\x01\x0e\x57";
        assert_datagrams(KNX, app::KNXNET_IP, 3671, &[search]);
        assert_no_datagram(KNX, 40_001, search);
        assert_no_datagram(KNX, 3671, &search[..13]);
    }

    #[test]
    fn ethernet_ip_encapsulation() {
        let mut register = Vec::from(*b"\x65\0\x04\0\0\0\0\0\0\0\0\0abcdefgh\0\0\0\0\x01\0\0\0");
        assert_recognised_at(ETHERNET_IP, app::CIP_ETHERNET_IP, 44_818, &register, b"");
        assert_recognised(ETHERNET_IP, app::CIP_ETHERNET_IP, &register, &register);
        assert_datagrams(ETHERNET_IP, app::CIP_ETHERNET_IP, 44_818, &[&register]);
        assert_never_certain(ETHERNET_IP, &register, b"");
        assert_no_datagram(ETHERNET_IP, 40_001, &register);
        register[23] = 1;
        assert_never_certain(ETHERNET_IP, &register, &register);
    }

    #[test]
    fn opc_ua_hello() {
        let hello = b"HELF\x30\0\0\0\0\0\0\0\0\0\x01\0";
        assert_recognised(OPC_UA, app::OPC_UA, hello, b"");
        assert_recognised(OPC_UA, app::OPC_UA, b"", b"ACKF\x1c\0\0\0\0\0\0\0");
        assert_never_certain(OPC_UA, b"HELP\r\n", b"");
        assert_never_certain(OPC_UA, b"HELF\x01\0\0\0", b"");
    }

    #[test]
    fn synchrophasor_frames() {
        let mut frame = Vec::from(*b"\xaa\x41\0\x12\0\x01abcd\0\0\0\0\0\x02");
        let sum = ccitt(&frame).to_be_bytes();
        frame.extend(sum);
        assert_recognised(SYNCHROPHASOR, app::IEEE_C37_118_SYNCHROPHASOR, &frame, b"");
        assert_datagrams(SYNCHROPHASOR, app::IEEE_C37_118_SYNCHROPHASOR, 40_001, &[&frame]);
        frame[17] ^= 1;
        assert_never_certain(SYNCHROPHASOR, &frame, b"");
        assert_eq!(ccitt(b"123456789"), 0x29b1);
    }
}
