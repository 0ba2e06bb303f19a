//! FTP's control connection: where the data connections go (RFC 959, RFC 2428).

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use bifrons_catalog::app;
use bifrons_model::Direction;

use super::{Announced, Expectation, Text, TextForm, address, number};
use crate::{Keep, Transport};

/// Seconds in which a data connection has to come.
const LIFETIME: u32 = 60;

/// Bytes of a line that are kept until its end comes; longer ones are passed over.
const LONGEST_LINE: usize = 512;

/// Follows the commands and replies of one control connection.
#[derive(Debug, Default)]
pub(crate) struct Control {
    lines: [Lines; 2],
    /// What the client asked for that the server has not answered yet.
    asked: Option<Asked>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// `PASV`.
    Passive,
    /// `EPSV`.
    ExtendedPassive,
    /// `AUTH`.
    Security,
}

/// The start of a line whose end has not come.
#[derive(Debug, Default)]
struct Lines {
    kept: Vec<u8>,
    is_too_long: bool,
}

impl Control {
    /// Takes the next bytes of one direction.
    pub(crate) fn data(&mut self, direction: Direction, bytes: &[u8], announced: &mut Announced) -> Keep {
        let mut at = 0;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let mut lines = core::mem::take(&mut self.lines[direction.index()]);
            let before = lines.kept.len();
            let keep = match lines.add(piece) {
                Some(line) => self.line(direction, line, (at, before), announced),
                None => Keep::Following,
            };
            if piece.ends_with(b"\n") {
                lines = Lines::default();
            }
            self.lines[direction.index()] = lines;
            if keep == Keep::Done {
                return keep;
            }
            at += piece.len();
        }
        Keep::Following
    }

    /// Takes a whole line; `place` is where in the payload its part of this packet begins, and how many
    /// bytes of it came before.
    fn line(
        &mut self,
        direction: Direction,
        line: &[u8],
        place: (usize, usize),
        announced: &mut Announced,
    ) -> Keep {
        let named = match direction {
            Direction::ClientToServer => self.command(line),
            Direction::ServerToClient => match self.reply(line) {
                Reply::Secured => return Keep::Done,
                Reply::Named(named) => Some(named),
                Reply::Other => None,
            },
        };
        let Some(named) = named else {
            return Keep::Following;
        };
        let (start, before) = place;
        let is_rewritable = named.start >= before;
        announced.expectations.push(Expectation {
            app: app::FTP_DATA,
            transport: Transport::Tcp,
            speaker: direction,
            address: named.address,
            port: Some(named.port),
            lifetime: LIFETIME,
            is_rewritable,
        });
        if is_rewritable {
            announced.texts.push(Text {
                place: start + named.start - before..start + named.end - before,
                form: named.form,
                address: named.address,
                port: Some(named.port),
            });
        }
        Keep::Following
    }

    fn command(&mut self, line: &[u8]) -> Option<Named> {
        let end = line.iter().position(|byte| matches!(byte, b' ' | b'\r' | b'\n')).unwrap_or(line.len());
        let (word, rest) = line.split_at_checked(end)?;
        let skipped = rest.iter().take_while(|byte| **byte == b' ').count();
        let argument = rest.get(skipped..)?.trim_ascii_end();
        let is = |command: &[u8]| word.eq_ignore_ascii_case(command);
        self.asked = if is(b"PASV") {
            Some(Asked::Passive)
        } else if is(b"EPSV") {
            Some(Asked::ExtendedPassive)
        } else if is(b"AUTH") {
            Some(Asked::Security)
        } else {
            self.asked
        };
        let named = if is(b"PORT") {
            host_port(argument)
        } else if is(b"EPRT") {
            extended(argument)
        } else {
            None
        };
        named.map(|named| named.after(end + skipped))
    }

    fn reply(&mut self, line: &[u8]) -> Reply {
        const CODE: usize = 4;
        let (Some(code), Some(text)) = (line.get(..CODE), line.get(CODE..)) else {
            return Reply::Other;
        };
        let named = match (self.asked, code) {
            (Some(Asked::Security), b"234 ") => return Reply::Secured,
            (Some(Asked::Passive), b"227 ") => first_host_port(text),
            (Some(Asked::ExtendedPassive), b"229 ") => extended_port(text),
            _ => return Reply::Other,
        };
        self.asked = None;
        named.map_or(Reply::Other, |named| Reply::Named(named.after(CODE)))
    }
}

enum Reply {
    /// From here on the connection is encrypted (RFC 4217, section 4).
    Secured,
    Named(Named),
    Other,
}

impl Lines {
    /// The whole line, if its end has come and it is not too long.
    fn add<'a>(&'a mut self, piece: &'a [u8]) -> Option<&'a [u8]> {
        self.is_too_long |= self.kept.len() + piece.len() > LONGEST_LINE;
        if self.is_too_long {
            self.kept = Vec::new();
            return None;
        }
        if !piece.ends_with(b"\n") {
            self.kept.extend(piece);
            return None;
        }
        if self.kept.is_empty() {
            return Some(piece);
        }
        self.kept.extend(piece);
        Some(&self.kept)
    }
}

/// An address and port in words, and where they stand.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    start: usize,
    end: usize,
    form: TextForm,
    address: Option<IpAddr>,
    port: u16,
}

impl Named {
    fn after(self, offset: usize) -> Self {
        Self { start: self.start + offset, end: self.end + offset, ..self }
    }
}

/// `h1,h2,h3,h4,p1,p2` at the start.
fn host_port(text: &[u8]) -> Option<Named> {
    let mut fields = [0; 6];
    let mut at = 0;
    for (place, field) in fields.iter_mut().enumerate() {
        if place > 0 {
            at += usize::from(text.get(at) == Some(&b','));
        }
        let (value, length) = number(text.get(at..)?)?;
        *field = u8::try_from(value).ok()?;
        at += length;
        if place < 5 && text.get(at) != Some(&b',') {
            return None;
        }
    }
    let [a, b, c, d, high, low] = fields;
    Some(Named {
        start: 0,
        end: at,
        form: TextForm::FtpPort,
        address: Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        port: u16::from_be_bytes([high, low]),
    })
}

/// The same anywhere in a reply: nothing says where it stands in the text (RFC 1123, section 4.1.2.6).
fn first_host_port(text: &[u8]) -> Option<Named> {
    let mut before = b' ';
    for (place, byte) in text.iter().enumerate() {
        let begins = byte.is_ascii_digit() && !before.is_ascii_digit();
        before = *byte;
        if begins && let Some(named) = text.get(place..).and_then(host_port) {
            return Some(named.after(place));
        }
    }
    None
}

/// `|1|192.0.2.1|5000|` or `|2|2001:db8::1|5000|` (RFC 2428, section 2).
fn extended(text: &[u8]) -> Option<Named> {
    let delimiter = *text.first().filter(|delimiter| delimiter.is_ascii_graphic())?;
    let mut fields = text.get(1..)?.split(|byte| *byte == delimiter);
    let (family, host, digits) = (fields.next()?, fields.next()?, fields.next()?);
    let end = fields.next()?;
    let address = address(host)?;
    let (port, length) = number(digits)?;
    let fits = match family {
        b"1" => address.is_ipv4(),
        b"2" => address.is_ipv6(),
        _ => false,
    };
    (fits && length == digits.len()).then_some(Named {
        start: 0,
        end: text.len() - end.len() - fields.map(|field| field.len() + 1).sum::<usize>(),
        form: TextForm::FtpExtended { delimiter },
        address: Some(address),
        port,
    })
}

/// `(|||5000|)` in a reply (RFC 2428, section 3).
fn extended_port(text: &[u8]) -> Option<Named> {
    let start = text.iter().position(|byte| *byte == b'(')? + 1;
    let (delimiter, digits) = match text.get(start..)? {
        [first, second, third, rest @ ..] if first == second && second == third => (*first, rest),
        _ => return None,
    };
    let (port, length) = number(digits)?;
    (digits.get(length) == Some(&delimiter) && delimiter.is_ascii_graphic()).then_some(Named {
        start,
        end: start + 3 + length + 1,
        form: TextForm::FtpExtendedPort { delimiter },
        address: None,
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv6Addr;

    const CLIENT: Direction = Direction::ClientToServer;
    const SERVER: Direction = Direction::ServerToClient;

    /// What is announced, each with the text as it stands in the payload.
    fn follow(pieces: &[(Direction, &[u8])]) -> Vec<(Direction, Option<IpAddr>, u16, Vec<u8>)> {
        let mut control = Control::default();
        let mut found = Vec::new();
        for (direction, bytes) in pieces {
            let mut announced = Announced::default();
            let keep = control.data(*direction, bytes, &mut announced);
            let mut texts = announced.texts.iter();
            for expectation in &announced.expectations {
                let text = if expectation.is_rewritable { texts.next() } else { None };
                let text = text.map(|text| bytes[text.place.clone()].to_vec()).unwrap_or_default();
                found.push((expectation.speaker, expectation.address, expectation.port.unwrap(), text));
            }
            assert_eq!(texts.next(), None);
            if keep == Keep::Done {
                break;
            }
        }
        found
    }

    const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn active_connections() {
        assert_eq!(
            follow(&[(CLIENT, b"TYPE I\r\nport  192,0,2,1,19,137\r\n")]),
            [(CLIENT, Some(ADDRESS), 5001, b"192,0,2,1,19,137".to_vec())]
        );
        let v6 = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
        assert_eq!(
            follow(&[(CLIENT, b"EPRT |2|2001:db8::1|5282|\r\nEPRT !1!192.0.2.1!6!\r\n")]),
            [
                (CLIENT, Some(v6), 5282, b"|2|2001:db8::1|5282|".to_vec()),
                (CLIENT, Some(ADDRESS), 6, b"!1!192.0.2.1!6!".to_vec())
            ]
        );
    }

    #[test]
    fn passive_connections_are_answers() {
        let reply = b"227 Entering Passive Mode (192,0,2,1,19,137).\r\n";
        assert_eq!(follow(&[(SERVER, reply)]), [], "nobody asked");
        let expected = (SERVER, Some(ADDRESS), 5001, b"192,0,2,1,19,137".to_vec());
        assert_eq!(
            follow(&[(CLIENT, b"PASV\r\n"), (SERVER, reply), (SERVER, reply)]),
            core::slice::from_ref(&expected)
        );
        let bare = b"227 at 192,0,2,1,19,137\r\n";
        assert_eq!(follow(&[(CLIENT, b"PASV\r\n"), (SERVER, bare)]), [expected]);
        let extended = b"229 Entering Extended Passive Mode (|||6446|)\r\n";
        assert_eq!(
            follow(&[(CLIENT, b"EPSV\r\n"), (SERVER, b"220-x\r\n"), (SERVER, extended)]),
            [(SERVER, None, 6446, b"|||6446|".to_vec())]
        );
    }

    #[test]
    fn lines_in_pieces() {
        let line = b"PORT 192,0,2,1,19,137\r\n";
        for cut in 1..line.len() {
            let found = follow(&[(CLIENT, &line[..cut]), (CLIENT, &line[cut..])]);
            let text = if cut <= 5 { b"192,0,2,1,19,137".to_vec() } else { Vec::new() };
            assert_eq!(found, [(CLIENT, Some(ADDRESS), 5001, text)], "{cut}");
        }
    }

    #[test]
    fn an_encrypted_connection_is_left_alone() {
        let pieces: [(Direction, &[u8]); 3] =
            [(CLIENT, b"AUTH TLS\r\n"), (SERVER, b"234 go\r\n"), (CLIENT, b"PORT 192,0,2,1,19,137\r\n")];
        assert_eq!(follow(&pieces), []);
    }

    #[test]
    fn nonsense_announces_nothing_and_is_not_kept() {
        for line in [
            &b"PORT 192,0,2,1,19\r\n"[..],
            b"PORT 192,0,2,256,1,1\r\n",
            b"PORT\r\n",
            b"PORT 1.2.3.4,5,6\r\n",
            b"EPRT |2|192.0.2.1|5|\r\n",
            b"EPRT |1|192.0.2.1|70000|\r\n",
            b"EPRT |1|192.0.2.1|5\r\n",
            b"\xff\x00\n\n\r\n",
        ] {
            assert_eq!(follow(&[(CLIENT, line)]), []);
        }
        let mut control = Control::default();
        for _ in 0..1000 {
            control.data(CLIENT, &[b'A'; 100], &mut Announced::default());
            assert!(control.lines[0].kept.len() <= LONGEST_LINE);
        }
        let mut announced = Announced::default();
        control.data(CLIENT, b"\r\nPORT 192,0,2,1,19,137\r\n", &mut announced);
        assert_eq!(announced.expectations.len(), 1, "the next line counts again");
    }
}
