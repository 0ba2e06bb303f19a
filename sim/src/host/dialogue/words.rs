//! What is said in the dialogues of a few applications.

use crate::host::content::{Way, fill};

/// An application that a dialogue is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// HTTP/1.1 (RFC 9112): requests and answers on one connection.
    Http,
    /// TLS 1.3 (RFC 8446): both hellos, then records that nobody can read.
    Tls,
    /// SSH (RFC 4253): both identification strings, then packets.
    Ssh,
    /// SMTP (RFC 5321): greeting, EHLO, then NOOP.
    Smtp,
    /// Nothing that anybody knows.
    Unknown,
}

/// Bytes that a turn has where its content is of no matter.
const FILLED: usize = 240;

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Http, Self::Tls, Self::Ssh, Self::Smtp, Self::Unknown];

    /// What the firewall calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "web-browsing",
            Self::Tls => "ssl",
            Self::Ssh => "ssh",
            Self::Smtp => "smtp",
            Self::Unknown => "unknown-tcp",
        }
    }

    /// The port of its servers.
    pub const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Tls => 443,
            Self::Ssh => 22,
            Self::Smtp => 25,
            Self::Unknown => 7_777,
        }
    }

    /// Who speaks in a turn.
    pub(super) const fn speaker(self, turn: u32) -> Way {
        let server_begins = match self {
            Self::Ssh | Self::Smtp => true,
            Self::Http | Self::Tls | Self::Unknown => false,
        };
        if turn.is_multiple_of(2) == server_begins { Way::Down } else { Way::Up }
    }

    /// What is said in a turn.
    pub(super) fn turn(self, turn: u32) -> Vec<u8> {
        match (self, turn) {
            (Self::Http, _) if turn.is_multiple_of(2) => request(turn),
            (Self::Http, _) => answer(turn),
            (Self::Tls, 0) => client_hello(),
            (Self::Tls, 1) => server_hello(),
            (Self::Tls, _) => record(23, &filled(turn)),
            (Self::Ssh, 0) => b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
            (Self::Ssh, 1) => b"SSH-2.0-simulated_1.0 a client\r\n".to_vec(),
            (Self::Smtp, 0) => b"220 mail.example.org ESMTP ready\r\n".to_vec(),
            (Self::Smtp, 1) => b"EHLO client.example.org\r\n".to_vec(),
            (Self::Smtp, 2) => b"250 mail.example.org\r\n".to_vec(),
            (Self::Smtp, _) if turn.is_multiple_of(2) => b"250 2.0.0 Ok\r\n".to_vec(),
            (Self::Smtp, _) => b"NOOP\r\n".to_vec(),
            (Self::Ssh | Self::Unknown, _) => filled(turn),
        }
    }
}

fn filled(turn: u32) -> Vec<u8> {
    let mut bytes = vec![0; FILLED];
    fill(u64::from(turn), Way::Up, 0, &mut bytes);
    bytes
}

fn request(turn: u32) -> Vec<u8> {
    format!("GET /page-{turn} HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: simulated\r\n\r\n")
        .into_bytes()
}

fn answer(turn: u32) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {FILLED}\r\n\r\n");
    [head.into_bytes(), filled(turn)].concat()
}

/// A record (RFC 8446, section 5.1).
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &two(content.len()), content].concat()
}

fn two(length: usize) -> [u8; 2] {
    (length as u16).to_be_bytes()
}

/// A handshake message with its length (RFC 8446, section 4).
fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let [_, high, middle, low] = (content.len() as u32).to_be_bytes();
    [&[kind, high, middle, low][..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &two(content.len()), content].concat()
}

/// What both hellos begin with: version, random, an empty session id.
fn head(random: u8) -> Vec<u8> {
    [&[3, 3][..], &[random; 32], &[0]].concat()
}

fn client_hello() -> Vec<u8> {
    const NAME: &[u8] = b"www.example.org";
    let name = [&two(NAME.len() + 3)[..], &[0], &two(NAME.len()), NAME].concat();
    let extensions = [extension(0, &name), extension(43, &[2, 3, 4])].concat();
    // One cipher suite, no compression.
    let suites: &[u8] = &[0, 2, 0x13, 0x01, 1, 0];
    let content = [&head(0x5a)[..], suites, &two(extensions.len()), &extensions].concat();
    record(22, &message(1, &content))
}

fn server_hello() -> Vec<u8> {
    let version = extension(43, &[3, 4]);
    let content = [&head(0xa5)[..], &[0x13, 0x01, 0], &two(version.len()), &version].concat();
    record(22, &message(2, &content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_turn_says_something_and_turns_alternate() {
        for language in Language::ALL {
            for turn in 0..20 {
                assert!(!language.turn(turn).is_empty(), "{language:?} {turn}");
                assert_ne!(language.speaker(turn), language.speaker(turn + 1), "{language:?} {turn}");
            }
        }
    }

    #[test]
    fn hellos_have_the_lengths_that_they_say() {
        for hello in [client_hello(), server_hello()] {
            assert_eq!(usize::from(hello[3]) << 8 | usize::from(hello[4]), hello.len() - 5);
            assert_eq!(usize::from(hello[7]) << 8 | usize::from(hello[8]), hello.len() - 9);
        }
    }
}
