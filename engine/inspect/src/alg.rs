//! Application-level gateways: connections that a control protocol announces, and the texts in which it
//! names addresses and ports.
//!
//! A decoder that follows a control protocol (FTP, SIP, TFTP) reports each announced connection as an
//! [`Expectation`], in the words of the end that announced it, the speaker; and each place where an address
//! stands as a [`Text`]. Who knows the session's addresses makes a [`Predicted`] connection of the first
//! ([`Expectation::resolve`]) and, if the session is translated, new payload of the second
//! ([`rewrite_message`]). Payload of another length moves all later sequence numbers ([`StreamEdits`]).

use alloc::vec::Vec;
use core::{fmt::Write, net::IpAddr, ops::Range};

use bifrons_catalog::app;
use bifrons_model::{AppId, Direction};

use crate::Transport;

pub(crate) mod ftp;
pub(crate) mod sip;
mod stream_edits;
pub(crate) mod tftp;

pub use stream_edits::StreamEdits;

/// A connection that a control protocol announces: the speaker's peer is going to open it to the speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The application that it will carry.
    pub app: AppId,
    /// What carries it.
    pub transport: Transport,
    /// The way of the message that announced it: its sender is the speaker.
    pub speaker: Direction,
    /// The address that the speaker named; `None`: the one it speaks from.
    pub address: Option<IpAddr>,
    /// The port that the speaker named; `None`: the one it speaks from.
    pub port: Option<u16>,
    /// For how many seconds it is waited for.
    pub lifetime: u32,
    /// Whether what was named stands whole in this packet's payload, or was not named in words at all: a
    /// translated session's connection can be announced otherwise only then.
    pub is_rewritable: bool,
}

/// A connection that may come without a rule of its own, as the speaker sees it: from any port of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicted {
    /// The application that it will carry.
    pub app: AppId,
    /// What carries it.
    pub transport: Transport,
    /// The end that opens it.
    pub source: IpAddr,
    /// The end that it is opened to: the speaker.
    pub destination: IpAddr,
    /// The port that it is opened to.
    pub destination_port: u16,
    /// For how many seconds it is waited for.
    pub lifetime: u32,
}

/// Why an announced connection is not predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The speaker named an address that is not its own: as in an FTP bounce (RFC 2577, section 3).
    #[error("{named} was named by {own}: connections are predicted to who announces them only")]
    ForeignAddress {
        /// What it named.
        named: IpAddr,
        /// What it speaks from.
        own: IpAddr,
    },
    /// The port is one of the well-known ones (RFC 2577, section 3).
    #[error("port {0} was named: connections are predicted to ports from 1024 only")]
    WellKnownPort(u16),
}

impl Expectation {
    /// The connection between these ends: the address and port that the message came from, and the address
    /// that it went to, as they were in the frame that carried it.
    ///
    /// An end of FTP behind a translator that does not read FTP names an address that is unknown here. Peers
    /// that expect as much take the address that the control connection comes from instead, so that is where
    /// the connection is predicted; a bounce to the address that was named is not.
    ///
    /// # Errors
    /// Why it is not predicted.
    pub fn resolve(&self, speaker: (IpAddr, u16), peer: IpAddr) -> Result<Predicted, Refusal> {
        const FIRST_UNRESERVED: u16 = 1024;
        let (own, own_port) = speaker;
        let is_told_by_connection = self.app == app::FTP_DATA;
        if let Some(named) = self.address.filter(|named| *named != own && !is_told_by_connection) {
            return Err(Refusal::ForeignAddress { named, own });
        }
        if let Some(port) = self.port.filter(|port| *port < FIRST_UNRESERVED) {
            return Err(Refusal::WellKnownPort(port));
        }
        Ok(Predicted {
            app: self.app,
            transport: self.transport,
            source: peer,
            destination: own,
            destination_port: self.port.unwrap_or(own_port),
            lifetime: self.lifetime,
        })
    }
}

/// A place in the payload of a packet where an address or port stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Which bytes of the payload.
    pub place: Range<usize>,
    /// How it is written.
    pub form: TextForm,
    /// The address meant; `None`: the speaker's own, not in words.
    pub address: Option<IpAddr>,
    /// The port meant, where there is one.
    pub port: Option<u16>,
}

impl Text {
    /// The same, found in bytes that begin at `start` of the payload.
    pub(crate) fn moved(self, start: usize) -> Self {
        let mut form = self.form;
        if let TextForm::ContentLength { body, .. } = &mut form {
            *body += start;
        }
        Self { place: self.place.start + start..self.place.end + start, form, ..self }
    }
}

/// How addresses and ports are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// `h1,h2,h3,h4,p1,p2`: FTP's `PORT` and reply 227 (RFC 959, section 4.1.2). IPv4 only.
    FtpPort,
    /// `|1|192.0.2.1|5000|` with any delimiter: FTP's `EPRT` (RFC 2428, section 2).
    FtpExtended {
        /// The delimiter.
        delimiter: u8,
    },
    /// `|||5000|` with any delimiter: reply 229 (RFC 2428, section 3).
    FtpExtendedPort {
        /// The delimiter.
        delimiter: u8,
    },
    /// `192.0.2.1` or `192.0.2.1:5060`, IPv6 in brackets: SIP's `host [":" port]` (RFC 3261, section 25.1).
    HostPort,
    /// `IP4 192.0.2.1`: address type and address of SDP (RFC 8866, section 5.7).
    SdpAddress,
    /// `5000`.
    Port,
    /// The length in bytes of a body that begins at `body`; it follows the changes there.
    ContentLength {
        /// Where the body begins in the payload.
        body: usize,
        /// The length as it stands.
        length: usize,
    },
}

/// An address and port in this form; `None` where the form has no room for the address or is none of them.
pub fn rewrite_text(form: TextForm, address: IpAddr, port: Option<u16>) -> Option<Vec<u8>> {
    let mut text = Line(Vec::new());
    let number = port.unwrap_or(0);
    let written = match (form, address) {
        (TextForm::FtpPort, IpAddr::V4(address)) => {
            let ([a, b, c, d], [high, low]) = (address.octets(), number.to_be_bytes());
            write!(text, "{a},{b},{c},{d},{high},{low}")
        }
        (TextForm::FtpPort, IpAddr::V6(_)) | (TextForm::ContentLength { .. }, _) => return None,
        (TextForm::FtpExtended { delimiter }, address) => {
            let delimiter = char::from(delimiter);
            let family = if address.is_ipv4() { 1 } else { 2 };
            write!(text, "{delimiter}{family}{delimiter}{address}{delimiter}{number}{delimiter}")
        }
        (TextForm::FtpExtendedPort { delimiter }, _) => {
            let delimiter = char::from(delimiter);
            write!(text, "{delimiter}{delimiter}{delimiter}{number}{delimiter}")
        }
        (TextForm::HostPort, address) => {
            let host = match address {
                IpAddr::V4(address) => write!(text, "{address}"),
                IpAddr::V6(address) => write!(text, "[{address}]"),
            };
            host.and_then(|()| port.map_or(Ok(()), |port| write!(text, ":{port}")))
        }
        (TextForm::SdpAddress, IpAddr::V4(address)) => write!(text, "IP4 {address}"),
        (TextForm::SdpAddress, IpAddr::V6(address)) => write!(text, "IP6 {address}"),
        (TextForm::Port, _) => write!(text, "{number}"),
    };
    written.ok().map(|()| text.0)
}

/// The payload with other addresses and ports in its texts. `translate` is asked for each text and answers
/// what to write; `None` leaves it. Lengths of bodies follow. `None` when nothing changes.
pub fn rewrite_message(
    payload: &[u8],
    texts: &[Text],
    mut translate: impl FnMut(&Text) -> Option<(IpAddr, Option<u16>)>,
) -> Option<Vec<u8>> {
    let mut changes: Vec<(Range<usize>, Vec<u8>)> = texts
        .iter()
        .filter_map(|text| {
            let (address, port) = translate(text)?;
            let new = rewrite_text(text.form, address, port)?;
            (payload.get(text.place.clone())? != new).then(|| (text.place.clone(), new))
        })
        .collect();
    for text in texts {
        if let TextForm::ContentLength { body, length } = text.form {
            let in_body = changes.iter().filter(|(place, _)| place.start >= body);
            let (gone, come) =
                in_body.fold((0, 0), |(gone, come), (place, new)| (gone + place.len(), come + new.len()));
            let mut number = Line(Vec::new());
            write!(number, "{}", (length + come).saturating_sub(gone)).ok()?;
            changes.push((text.place.clone(), number.0));
        }
    }
    changes.sort_by_key(|(place, _)| place.start);
    let mut made = Vec::with_capacity(payload.len() + 32);
    let mut at = 0;
    for (place, new) in changes {
        // Texts that overlap: the first one counts.
        let Some(between) = payload.get(at..place.start) else {
            continue;
        };
        made.extend(between);
        made.extend(new);
        at = place.end;
    }
    made.extend(payload.get(at..)?);
    (made != payload).then_some(made)
}

/// What is written piece by piece.
struct Line(Vec<u8>);

impl Write for Line {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0.extend(text.as_bytes());
        Ok(())
    }
}

/// What a control protocol's message announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Announced {
    pub expectations: Vec<Expectation>,
    pub texts: Vec<Text>,
}

/// A decimal number of 1 to 5 digits at the start of the bytes, and its length.
fn number(bytes: &[u8]) -> Option<(u16, usize)> {
    let length = bytes.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    let digits = core::str::from_utf8(bytes.get(..length)?).ok()?;
    Some((digits.parse().ok()?, length))
}

/// An address in words.
fn address(bytes: &[u8]) -> Option<IpAddr> {
    core::str::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 9));
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

    fn expectation(address: Option<IpAddr>, port: Option<u16>) -> Expectation {
        Expectation {
            app: app::FTP,
            transport: Transport::Tcp,
            speaker: Direction::ClientToServer,
            address,
            port,
            lifetime: 60,
            is_rewritable: true,
        }
    }

    #[test]
    fn connections_are_predicted_to_the_speaker_only() {
        let resolved = |address, port| expectation(address, port).resolve((OWN, 40_000), PEER);
        let predicted = resolved(Some(OWN), Some(5000)).unwrap();
        assert_eq!((predicted.source, predicted.destination, predicted.destination_port), (PEER, OWN, 5000));
        assert_eq!(resolved(None, None).unwrap().destination_port, 40_000);
        assert_eq!(resolved(Some(PEER), Some(5000)), Err(Refusal::ForeignAddress { named: PEER, own: OWN }));
        let data = Expectation { app: app::FTP_DATA, ..expectation(Some(PEER), Some(5000)) };
        assert_eq!(data.resolve((OWN, 40_000), PEER).unwrap().destination, OWN);
        assert_eq!(resolved(Some(OWN), Some(25)), Err(Refusal::WellKnownPort(25)));
        assert_eq!(resolved(None, Some(0)), Err(Refusal::WellKnownPort(0)));
    }

    #[test]
    fn each_form_is_written_its_way() {
        let text = |form, address, port| rewrite_text(form, address, port);
        let extended = TextForm::FtpExtended { delimiter: b'|' };
        assert_eq!(text(TextForm::FtpPort, OWN, Some(5001)).unwrap(), b"192,0,2,1,19,137");
        assert_eq!(text(TextForm::FtpPort, V6, Some(5001)), None);
        assert_eq!(text(extended, OWN, Some(7)).unwrap(), b"|1|192.0.2.1|7|");
        assert_eq!(text(extended, V6, Some(7)).unwrap(), b"|2|2001:db8::1|7|");
        let passive = TextForm::FtpExtendedPort { delimiter: b'!' };
        assert_eq!(text(passive, V6, Some(7)).unwrap(), b"!!!7!");
        assert_eq!(text(TextForm::HostPort, OWN, None).unwrap(), b"192.0.2.1");
        assert_eq!(text(TextForm::HostPort, V6, Some(5060)).unwrap(), b"[2001:db8::1]:5060");
        assert_eq!(text(TextForm::SdpAddress, OWN, None).unwrap(), b"IP4 192.0.2.1");
        assert_eq!(text(TextForm::SdpAddress, V6, None).unwrap(), b"IP6 2001:db8::1");
        assert_eq!(text(TextForm::Port, OWN, Some(9)).unwrap(), b"9");
    }

    #[test]
    fn a_message_is_rewritten_with_its_length() {
        let payload = b"l: 9\r\n\r\nIP4 1.1.1 m=5";
        let texts = [
            Text { place: 20..21, form: TextForm::Port, address: Some(OWN), port: Some(5) },
            Text {
                place: 3..4,
                form: TextForm::ContentLength { body: 8, length: 9 },
                address: None,
                port: None,
            },
            Text { place: 8..17, form: TextForm::SdpAddress, address: Some(OWN), port: None },
        ];
        let made = rewrite_message(payload, &texts, |text| Some((PEER, text.port.map(|port| port + 5000))));
        assert_eq!(made.unwrap(), b"l: 19\r\n\r\nIP4 198.51.100.9 m=5005");
        assert_eq!(rewrite_message(payload, &texts, |_| None), None);
        let outside = [Text { place: 30..40, form: TextForm::Port, address: None, port: None }];
        assert_eq!(rewrite_message(payload, &outside, |_| Some((OWN, None))), None);
    }
}
