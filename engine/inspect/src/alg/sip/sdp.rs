//! The description of media (RFC 8866): to which address and port they are to be sent.

use core::{net::IpAddr, ops::Range};

use bifrons_catalog::app;
use bifrons_model::Direction;

use crate::{
    Transport,
    alg::{Announced, Expectation, Text, TextForm, address, number},
};

/// Seconds in which media have to come: longer than a telephone may ring (RFC 3261, section 16.6, timer C).
const LIFETIME: u32 = 240;

/// One `m=` section as far as it was read.
#[derive(Default)]
struct Media {
    port: Option<(Range<usize>, u16)>,
    address: Option<IpAddr>,
    /// `a=rtcp:`, where it is not the port after.
    control: Option<(Range<usize>, u16)>,
    /// `a=rtcp-mux`: one port for both (RFC 5761).
    shares_port: bool,
}

/// Reads a body that begins at `start` of what places count in.
pub(super) fn read(direction: Direction, body: &[u8], start: usize, announced: &mut Announced) {
    let mut session_address = None;
    let mut media: Option<Media> = None;
    let mut at = start;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let value = (at + 2, line.get(2..).unwrap_or(&[]).trim_ascii_end());
        at += line.len();
        match line {
            [b'm', b'=', ..] => {
                if let Some(media) = media.take() {
                    media.announce(direction, session_address, announced);
                }
                media = Some(Media { port: port(value), ..Media::default() });
            }
            [b'c', b'=', ..] => {
                let named = connection(value, announced);
                match &mut media {
                    Some(media) => media.address = named,
                    None => session_address = named,
                }
            }
            [b'o', b'=', ..] => {
                connection(value, announced);
            }
            [b'a', b'=', ..] => {
                if let Some(media) = &mut media {
                    media.attribute(value, announced);
                }
            }
            _ => {}
        }
    }
    if let Some(media) = media {
        media.announce(direction, session_address, announced);
    }
}

impl Media {
    fn attribute(&mut self, (at, text): (usize, &[u8]), announced: &mut Announced) {
        const CONTROL: &[u8] = b"rtcp:";
        self.shares_port |= text == b"rtcp-mux";
        if let Some(rest) = text.strip_prefix(CONTROL)
            && let Some((port, length)) = number(rest)
        {
            let start = at + CONTROL.len();
            self.control = Some((start..start + length, port));
            connection((start, rest), announced);
        }
    }

    fn announce(self, direction: Direction, session_address: Option<IpAddr>, announced: &mut Announced) {
        let address = self.address.or(session_address);
        let (Some((place, port)), Some(address)) = (self.port, address) else {
            return;
        };
        let mut expect = |port| {
            announced.expectations.push(Expectation {
                app: app::RTP_BASE,
                transport: Transport::Udp,
                speaker: direction,
                address: Some(address),
                port: Some(port),
                lifetime: LIFETIME,
                is_rewritable: true,
            });
        };
        // Port 0 declines the media, the address 0.0.0.0 holds them (RFC 3264, section 6 and 8.4).
        if port == 0 || address.is_unspecified() {
            return;
        }
        expect(port);
        let control = self.control.as_ref().map_or(port.checked_add(1), |(_, port)| Some(*port));
        if let Some(control) = control.filter(|_| !self.shares_port) {
            expect(control);
        }
        for (place, port) in [Some((place, port)), self.control].into_iter().flatten() {
            let text = Text { place, form: TextForm::Port, address: Some(address), port: Some(port) };
            announced.texts.push(text);
        }
    }
}

/// The port of `audio 49170 RTP/AVP 0`, where the media go over UDP.
fn port((at, text): (usize, &[u8])) -> Option<(Range<usize>, u16)> {
    let start = text.iter().position(|byte| *byte == b' ')? + 1;
    let (port, length) = number(text.get(start..)?)?;
    let protocol = text.get(start + length..)?.split(|byte| *byte == b' ').nth(1)?;
    let is_over_udp =
        [&b"RTP/"[..], b"UDP/", b"udp", b"UDPTL"].iter().any(|start| protocol.starts_with(start));
    is_over_udp.then_some((at + start..at + start + length, port))
}

/// The address of `… IN IP4 192.0.2.1`, which becomes a text.
fn connection((at, text): (usize, &[u8]), announced: &mut Announced) -> Option<IpAddr> {
    const NETWORK: &[u8] = b"IN ";
    const TYPE: usize = 4;
    let start = text.windows(NETWORK.len()).position(|window| window == NETWORK)? + NETWORK.len();
    let words = text.get(start..)?;
    let host = words.get(TYPE..)?;
    let length = host.iter().position(|byte| matches!(byte, b' ' | b'/')).unwrap_or(host.len());
    let address = address(host.get(..length)?)?;
    let fits = match words.get(..TYPE)? {
        b"IP4 " => address.is_ipv4(),
        b"IP6 " => address.is_ipv6(),
        _ => false,
    };
    if !fits {
        return None;
    }
    announced.texts.push(Text {
        place: at + start..at + start + TYPE + length,
        form: TextForm::SdpAddress,
        address: Some(address),
        port: None,
    });
    Some(address)
}
