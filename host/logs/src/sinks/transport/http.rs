//! Batches of messages to a web server.

use std::io::{self, Read as _, Write as _};

use super::{Tls, Transport, stream::Connection};

pub(super) struct Requests {
    address: String,
    head: String,
    tls: Option<Tls>,
}

/// More of an answer is not read.
const ANSWER_MAX: u64 = 64 << 10;

impl Requests {
    /// Requests to `address`, whose head begins with `head`.
    pub(super) fn new(address: String, head: String, tls: Option<Tls>) -> Self {
        Self { address, head, tls }
    }
}

impl Transport for Requests {
    /// One request, on a connection of its own. Only an answer of success counts as delivered.
    fn deliver(&mut self, messages: &[Vec<u8>]) -> io::Result<usize> {
        let mut connection = Connection::open(&self.address, self.tls.as_ref())?;
        let length: usize = messages.iter().map(|message| message.len() + 1).sum();
        let mut request = format!("{}Content-Length: {length}\r\n\r\n", self.head).into_bytes();
        for message in messages {
            request.extend_from_slice(message);
            request.push(b'\n');
        }
        connection.write_all(&request)?;
        connection.flush()?;
        let mut answer = Vec::new();
        let read = connection.take(ANSWER_MAX).read_to_end(&mut answer);
        match (status(&answer), read) {
            (Some(200..=299), _) => Ok(messages.len()),
            (Some(status), _) => Err(io::Error::other(format!("the server answers {status}"))),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(io::Error::other("the server's answer is not HTTP")),
        }
    }
}

/// The status of an answer: `HTTP/1.1 200 OK`. Interim ones (RFC 9110, 15.2) are passed over.
fn status(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answer);
    let mut rest = text.as_ref();
    loop {
        let status: u16 = rest.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
        if status >= 200 {
            return Some(status);
        }
        rest = rest.split_once("\r\n\r\n")?.1;
    }
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn answers() {
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Some(200)),
            ("HTTP/1.0 503 x\r\n", Some(503)),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n", Some(201)),
            ("HTTP/1.1 100 Continue\r\n\r\n", None),
            ("SSH-2.0-x", None),
            ("", None),
        ] {
            assert_eq!(status(answer.as_bytes()), expected, "{answer}");
        }
    }
}
