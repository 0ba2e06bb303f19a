//! Calls, and messages that are none.

use alloc::{format, string::String, vec::Vec};
use core::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;
use crate::alg::rewrite_message;

const CLIENT: Direction = Direction::ClientToServer;

fn invite(body: &str) -> String {
    format!(
        "INVITE sip:bob@198.51.100.9 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK776\r\n\
         f: <sip:alice@10.0.0.5>;tag=1\r\n\
         Call-ID: 77@10.0.0.5\r\n\
         Contact: <sip:alice@10.0.0.5:5060>\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const BODY: &str = "v=0\r\no=alice 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\n\
                    m=audio 49170 RTP/AVP 0\r\nm=video 0 RTP/AVP 31\r\n";

fn ports(announced: &Announced) -> Vec<u16> {
    announced.expectations.iter().filter_map(|expectation| expectation.port).collect()
}

#[test]
fn media_are_expected_where_the_description_says() {
    let mut announced = Announced::default();
    let message = invite(BODY);
    assert_eq!(Messages::default().data(CLIENT, message.as_bytes(), &mut announced), Keep::Following);
    assert_eq!(ports(&announced), [49170, 49171]);
    let own = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));
    assert!(announced.expectations.iter().all(|one| one.address == Some(own) && one.is_rewritable));
    let texts: Vec<&str> = announced.texts.iter().map(|text| &message[text.place.clone()]).collect();
    assert_eq!(
        texts,
        [
            "198.51.100.9",
            "10.0.0.5:5060",
            "10.0.0.5",
            "10.0.0.5:5060",
            "IP4 10.0.0.5",
            "IP4 10.0.0.5",
            "49170",
            "112"
        ]
    );
}

#[test]
fn a_translated_call_names_the_other_side() {
    let message = invite(BODY);
    let mut announced = Announced::default();
    Messages::default().data(CLIENT, message.as_bytes(), &mut announced);
    let outside = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77));
    let made = rewrite_message(message.as_bytes(), &announced.texts, |text| {
        let own = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 5));
        (text.address == Some(own)).then(|| (outside, text.port.map(|port| port + 1000)))
    });
    let made = String::from_utf8(made.unwrap()).unwrap();
    let expected = message
        .replace("10.0.0.5:5060", "203.0.113.77:6060")
        .replace("alice@10.0.0.5>", "alice@203.0.113.77>")
        .replace("IP4 10.0.0.5", "IP4 203.0.113.77")
        .replace("49170", "50170")
        .replace("Content-Length: 112", "Content-Length: 120");
    assert_eq!(made, expected);
    let mut again = Announced::default();
    Messages::default().data(CLIENT, made.as_bytes(), &mut again);
    assert_eq!(ports(&again), [50170, 50171]);
}

#[test]
fn sections_have_addresses_and_control_ports_of_their_own() {
    let body = "v=0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::5\r\na=rtcp:4999 IN IP6 2001:db8::5\r\n\
                m=video 5000 RTP/AVP 31\r\nc=IN IP4 10.0.0.6/127\r\na=rtcp-mux\r\n\
                m=audio 6000 RTP/AVP 0\r\nc=IN IP4 0.0.0.0\r\nm=message 7000 TCP/MSRP *\r\n";
    let mut announced = Announced::default();
    Messages::default().data(CLIENT, invite(body).as_bytes(), &mut announced);
    assert_eq!(ports(&announced), [4000, 4999, 5000]);
    assert!(announced.expectations[0].address.unwrap().is_ipv6());
}

#[test]
fn messages_in_pieces_over_tcp() {
    let message = invite(BODY);
    let twice = format!("{message}\r\n\r\n{message}");
    let mut whole = Announced::default();
    Messages::default().data(CLIENT, twice.as_bytes(), &mut whole);
    assert_eq!(ports(&whole), [49170, 49171, 49170, 49171]);
    for cut in 11..message.len() {
        let mut messages = Messages::default();
        let mut announced = Announced::default();
        messages.data(CLIENT, &message.as_bytes()[..cut], &mut announced);
        assert_eq!(announced, Announced::default(), "{cut}");
        messages.data(CLIENT, &message.as_bytes()[cut..], &mut announced);
        assert_eq!(ports(&announced), [49170, 49171], "{cut}");
        assert!(announced.texts.is_empty() && !announced.expectations[0].is_rewritable);
    }
}

#[test]
fn a_datagram_that_was_cut_does_not_spoil_the_next() {
    let message = invite(BODY);
    let mut messages = Messages::default();
    let mut announced = Announced::default();
    messages.data(CLIENT, &message.as_bytes()[..100], &mut announced);
    messages.data(CLIENT, message.as_bytes(), &mut announced);
    assert_eq!(ports(&announced), [49170, 49171]);
    assert!(announced.expectations[0].is_rewritable);
}

#[test]
fn a_message_without_length_ends_with_its_datagram() {
    let message = invite(BODY);
    let without = message.replace("Content-Length: 112\r\n", "");
    let mut announced = Announced::default();
    Messages::default().data(CLIENT, without.as_bytes(), &mut announced);
    assert_eq!(ports(&announced), [49170, 49171]);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut messages = Messages::default();
    let mut announced = Announced::default();
    messages.data(CLIENT, b"INVITE sip:a@b SIP/2.0\r\n", &mut announced);
    for _ in 0..1000 {
        messages.data(CLIENT, &[b'x'; 1400], &mut announced);
        assert!(messages.kept[0].len() <= LONGEST_MESSAGE);
    }
    let many = invite(&"c=IN IP4 10.0.0.5\r\nm=audio 5000 RTP/AVP 0\r\n".repeat(2000));
    messages.data(CLIENT, many.as_bytes(), &mut announced);
    assert!(announced.texts.len() <= MOST_TEXTS && announced.expectations.len() <= MOST_EXPECTATIONS);
}

proptest! {
    #[test]
    fn noise_never_panics(
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
        at in 0_usize..700,
        cut in 0_usize..700,
    ) {
        let mut message = invite(BODY).into_bytes();
        let at = at.min(message.len());
        message.splice(at..(at + 5).min(message.len()), bytes);
        let cut = cut.min(message.len());
        let mut messages = Messages::default();
        for piece in [&message[..cut], &message[cut..]] {
            let mut announced = Announced::default();
            messages.data(CLIENT, piece, &mut announced);
            for text in &announced.texts {
                prop_assert!(piece.get(text.place.clone()).is_some());
            }
            let _ = rewrite_message(piece, &announced.texts, |text| Some((text.address?, text.port)));
        }
    }
}
