//! The packets are those of RFC 9001 appendix A.2 and RFC 9369 appendix A.2: made here from the published
//! header, frames and keys, checked against the published sample, and opened with keys that the code
//! derives.

use alloc::{vec, vec::Vec};

use aes::{
    Aes128,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use aes_gcm::{Aes128Gcm, aead::AeadInOut};
use bifrons_model::Direction::{self, ClientToServer, ServerToClient};

use super::*;
use crate::{Finding, Findings, Keep, Transport};

/// Published keys of one version.
struct Keys {
    version: u32,
    initial_bits: u8,
    key: u128,
    iv: u128,
    header: u128,
}

const VERSION_1: Keys = Keys {
    version: 1,
    initial_bits: 0xc0,
    key: 0x1f369613dd76d5467730efcbe3b1a22d,
    iv: 0xfa044b2f42a3fd3b46fb255c,
    header: 0x9f50449e04a0e810283a1e9933adedd2,
};
const VERSION_2: Keys = Keys {
    version: 0x6b3343cf,
    initial_bits: 0xd0,
    key: 0x8b1a0bc121284290a29e0971b5cd045d,
    iv: 0x91f73e2351d8fa91660e909f,
    header: 0x45b95e15235d6f45a6b19cbcb0294ba9,
};
const SAMPLE_1: u128 = 0xd1b1c98dd7689fb8ec11d242b123dc9b;
const SAMPLE_2: u128 = 0xffe67b6abcdb4298b485dd04de806071;

const CONNECTION_ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];
const CLIENT_HELLO: &str = "\
    010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000\
    c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c70\
    6e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994\
    ec74d748002b0003020304000d0010000e0403050306030203080408050806002d00020101001c000240010039003204\
    08ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ff\
    ff";

fn hello() -> Vec<u8> {
    let digits: Vec<u32> = CLIENT_HELLO.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

fn crypto_frame(offset: usize, piece: &[u8]) -> Vec<u8> {
    let mut frame = vec![6];
    for number in [offset, piece.len()] {
        if number < 64 {
            frame.push(number as u8)
        } else {
            frame.extend((number as u16 | 0x4000).to_be_bytes())
        }
    }
    frame.extend(piece);
    frame
}

/// A protected Initial packet with a 4-byte packet number, padded to `length` bytes.
fn initial(keys: &Keys, number: u32, frames: &[u8], length: usize) -> Vec<u8> {
    let mut packet = vec![keys.initial_bits | 3];
    packet.extend(keys.version.to_be_bytes());
    packet.push(8);
    packet.extend(CONNECTION_ID);
    packet.extend([0, 0]);
    packet.extend(((length - 18) as u16 | 0x4000).to_be_bytes());
    packet.extend(number.to_be_bytes());
    let mut protected = frames.to_vec();
    protected.resize(length - 22 - 16, 0);
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&(keys.iv ^ u128::from(number)).to_be_bytes()[4..]);
    let tag = Aes128Gcm::new(&keys.key.to_be_bytes().into())
        .encrypt_inout_detached(&nonce.into(), &packet, protected.as_mut_slice().into())
        .unwrap();
    packet.extend(protected);
    packet.extend(tag);
    let mut mask = packet[22..38].first_chunk::<16>().copied().unwrap().into();
    Aes128::new(&keys.header.to_be_bytes().into()).encrypt_block(&mut mask);
    packet[0] ^= mask[0] & 0x0f;
    for place in 0..4 {
        packet[18 + place] ^= mask[1 + place];
    }
    packet
}

fn whole(keys: &Keys) -> Vec<u8> {
    initial(keys, 2, &crypto_frame(0, &hello()), 1200)
}

fn read(datagrams: &[(Direction, &[u8])]) -> (Vec<Finding>, Keep) {
    let mut decoder = decoder();
    let mut findings = Findings::default();
    let mut keep = Keep::Reading;
    for (direction, datagram) in datagrams {
        assert_eq!(keep, Keep::Reading, "called after the end");
        keep = decoder.data(*direction, datagram, &mut findings);
    }
    let mut found = findings.take();
    found.retain(|finding| !matches!(finding, Finding::Ja4(_)));
    (found, keep)
}

fn answer(port: u16, datagrams: &[&[u8]]) -> ProbeAnswer {
    let sent = datagrams.concat();
    let lengths: Vec<_> = datagrams.iter().map(|datagram| (ClientToServer, datagram.len())).collect();
    probe(&Evidence {
        transport: Transport::Udp,
        client_port: 40000,
        server_port: port,
        sent: &sent,
        received: &[],
        datagrams: &lengths,
    })
}

fn example() -> Finding {
    Finding::ServerName("example.com".into())
}

#[test]
fn the_published_packets_are_made_and_opened() {
    for (keys, sample) in [(VERSION_1, SAMPLE_1), (VERSION_2, SAMPLE_2)] {
        let packet = whole(&keys);
        assert_eq!(packet[22..38], sample.to_be_bytes());
        assert_eq!(answer(5000, &[&packet]), ProbeAnswer::Certain(app::QUIC_BASE));
        assert_eq!(read(&[(ClientToServer, &packet)]), (vec![example()], Keep::Done));
    }
}

#[test]
fn a_hello_in_pieces_and_out_of_order_is_put_together() {
    let hello = hello();
    let (one, rest) = hello.split_at(40);
    let (two, three) = rest.split_at(30);
    let first =
        initial(&VERSION_1, 0, &[crypto_frame(70, three), vec![0, 1], crypto_frame(0, one)].concat(), 1200);
    let second = initial(&VERSION_1, 1, &[vec![2, 0, 0, 0, 0], crypto_frame(40, two)].concat(), 1200);
    for order in [[&first, &second], [&second, &first]] {
        let both =
            [(ClientToServer, &order[0][..]), (ServerToClient, &[0x40][..]), (ClientToServer, &order[1][..])];
        assert_eq!(read(&both), (vec![example()], Keep::Done));
    }
    let in_one_datagram = [&first[..], &second].concat();
    assert_eq!(read(&[(ClientToServer, &in_one_datagram)]), (vec![example()], Keep::Done));
}

#[test]
fn what_cannot_be_opened_has_no_name_and_ends() {
    let mut changed = whole(&VERSION_1);
    changed[600] ^= 1;
    assert_eq!(answer(5000, &[&changed]), ProbeAnswer::Certain(app::QUIC_BASE));
    let datagram = (ClientToServer, &changed[..]);
    assert_eq!(read(&[datagram]), (vec![], Keep::Reading));
    assert_eq!(read(&[datagram, datagram, datagram]), (vec![], Keep::Done));
    let other_message = initial(&VERSION_1, 0, &crypto_frame(0, &[2, 0, 0, 4, 3, 3, 0, 0]), 1200);
    assert_eq!(read(&[(ClientToServer, &other_message)]), (vec![], Keep::Done));
    let silence = [(ServerToClient, &[0x40][..]); 16];
    assert_eq!(read(&silence), (vec![], Keep::Done));
}

#[test]
fn a_stream_that_outgrows_its_bounds_ends() {
    let far = initial(&VERSION_1, 0, &crypto_frame(8190, b"abc"), 1200);
    assert_eq!(read(&[(ClientToServer, &far)]), (vec![], Keep::Done));
    let scattered: Vec<u8> = (0..100).flat_map(|place| crypto_frame(place * 4 + 1, b"ab")).collect();
    let scattered = initial(&VERSION_1, 0, &scattered, 1200);
    assert_eq!(read(&[(ClientToServer, &scattered)]), (vec![], Keep::Done));
}

#[test]
fn truncations_never_panic_and_give_no_name() {
    let packet = whole(&VERSION_1);
    for length in 0..packet.len() {
        let cut = &packet[..length];
        assert_eq!(read(&[(ClientToServer, cut)]).0, vec![], "{length} bytes");
        if length < 18 {
            assert_eq!(answer(5000, &[cut]), ProbeAnswer::NotMine, "{length} bytes");
        }
    }
}

fn google_hello() -> Vec<u8> {
    let mut message = b"CHLO\x02\x00\x00\x00PAD\x00\x02\x00\x00\x00SNI\x00\x0d\x00\x00\x00".to_vec();
    message.extend(b"--Example.com");
    message
}

#[test]
fn googles_own_versions_are_known_and_read() {
    let public = [
        &b"\x0d\x01\x02\x03\x04\x05\x06\x07\x08Q039\x01\0\0\0\0\0\0\0\0\0\0\0\0\xa0\x01\0"[..],
        &google_hello(),
    ]
    .concat();
    let long = [
        &b"\xc3Q046\x50\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0"[..],
        &google_hello(),
    ]
    .concat();
    for packet in [public, long] {
        assert_eq!(answer(5000, &[&packet]), ProbeAnswer::Certain(app::QUIC_BASE));
        assert_eq!(
            read(&[(ClientToServer, &packet)]),
            (vec![Finding::ServerName("example.com".into())], Keep::Done)
        );
        for length in 0..packet.len() {
            assert_eq!(read(&[(ClientToServer, &packet[..length])]).0, vec![], "{length} bytes");
        }
    }
}

#[test]
fn version_negotiation_is_known() {
    let negotiation = b"\x80\0\0\0\0\x04abcd\x04efgh\x0a\x1a\x2a\x3a\0\0\0\x01";
    assert_eq!(answer(5000, &[negotiation]), ProbeAnswer::Certain(app::QUIC_BASE));
    assert_eq!(answer(5000, &[&negotiation[..18]]), ProbeAnswer::NotMine);
    let mut reserved = whole(&VERSION_1);
    reserved[1..5].copy_from_slice(&[0x0a, 0x1a, 0x2a, 0x3a]);
    assert_eq!(answer(5000, &[&reserved]), ProbeAnswer::Unsure);
}

#[test]
fn short_headers_alone_are_nothing() {
    let one = b"\x4dABCDEFGH0123456789012345";
    let other = b"\x53ABCDEFGH9876543210987654";
    assert_eq!(answer(443, &[one]), ProbeAnswer::Unsure);
    assert_eq!(answer(443, &[one, other]), ProbeAnswer::Certain(app::QUIC_BASE));
    assert_eq!(answer(5000, &[one, other]), ProbeAnswer::NotMine);
    assert_eq!(answer(443, &[one, b"\x53ABCDEFGX9876543210987654"]), ProbeAnswer::Unsure);
    assert_eq!(answer(443, &[one, b"\x4dABCDEFGH9876543210987654"]), ProbeAnswer::Unsure);
}

#[test]
fn an_exchange_of_short_headers_is_under_way() {
    let ask = |port: u16, bytes: &[u8]| {
        let ways = [ClientToServer, ServerToClient, ServerToClient, ClientToServer];
        let packets: Vec<Vec<u8>> = (0..4).map(|number| vec![bytes[number]; 30]).collect();
        let datagrams: Vec<_> = ways.iter().map(|way| (*way, 30)).collect();
        probe(&Evidence {
            transport: Transport::Udp,
            client_port: 40_000,
            server_port: port,
            sent: &[&packets[0][..], &packets[3]].concat(),
            received: &[&packets[1][..], &packets[2]].concat(),
            datagrams: &datagrams,
        })
    };
    assert_eq!(ask(443, &[0x40, 0x51, 0x62, 0x73]), ProbeAnswer::Certain(app::QUIC_BASE));
    assert_eq!(ask(443, &[0x40, 0x51, 0x82, 0x73]), ProbeAnswer::Unsure);
    assert_eq!(ask(5000, &[0x40, 0x51, 0x62, 0x73]), ProbeAnswer::NotMine);
}

#[test]
fn look_alikes_are_left_alone() {
    assert_eq!(answer(443, &[&[0xff; 1200]]), ProbeAnswer::Unsure);
    assert_eq!(answer(5000, &[&[0xff; 1200]]), ProbeAnswer::NotMine);
    let rtp = b"\x80\x60\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    assert_eq!(answer(5000, &[rtp]), ProbeAnswer::NotMine);
}
