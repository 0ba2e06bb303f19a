//! Messages one after the other over TCP, plain or with TLS.

use std::{
    io::{self, Write},
    net::{TcpStream, ToSocketAddrs as _},
    sync::Arc,
};

use rustls::{ClientConnection, StreamOwned};

use super::{PATIENCE, Tls, Transport};

/// A connection, plain or with TLS.
pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    pub(super) fn open(address: &str, tls: Option<&Tls>) -> io::Result<Self> {
        let mut last = io::Error::other("the name has no address");
        for address in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(stream) => {
                    stream.set_write_timeout(Some(PATIENCE))?;
                    stream.set_read_timeout(Some(PATIENCE))?;
                    let Some(tls) = tls else { return Ok(Self::Plain(stream)) };
                    let session = ClientConnection::new(Arc::clone(&tls.config), tls.name.clone());
                    let mut stream = StreamOwned::new(session.map_err(io::Error::other)?, stream);
                    // Whom one speaks to is to be known before anything is said.
                    stream.conn.complete_io(&mut stream.sock)?;
                    return Ok(Self::Tls(Box::new(stream)));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Whether the server has closed. What is written then would be lost without an error.
    fn is_closed(&self) -> bool {
        let socket = self.socket();
        if socket.set_nonblocking(true).is_err() {
            return true;
        }
        let closed = match socket.peek(&mut [0]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        closed || socket.set_nonblocking(false).is_err()
    }
}

impl io::Read for Connection {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(bytes),
            Self::Tls(stream) => stream.read(bytes),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

pub(super) struct Messages {
    address: String,
    tls: Option<Tls>,
    connection: Option<Connection>,
    bytes: Vec<u8>,
}

impl Messages {
    pub(super) fn new(address: String, tls: Option<Tls>) -> Self {
        Self { address, tls, connection: None, bytes: Vec::new() }
    }
}

impl Transport for Messages {
    /// Syslog has no acknowledgement: what the server's host has taken counts as delivered. After an error
    /// all
    /// messages of the call are sent again over the next connection, some perhaps for the second time.
    fn deliver(&mut self, messages: &[Vec<u8>]) -> io::Result<usize> {
        if self.connection.as_ref().is_some_and(Connection::is_closed) {
            self.connection = None;
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(&self.address, self.tls.as_ref())?),
        };
        self.bytes.clear();
        for message in messages {
            self.bytes.extend_from_slice(message.len().to_string().as_bytes());
            self.bytes.push(b' ');
            self.bytes.extend_from_slice(message);
        }
        let written = connection.write_all(&self.bytes).and_then(|()| connection.flush());
        match written {
            Ok(()) => Ok(messages.len()),
            Err(error) => {
                self.connection = None;
                Err(error)
            }
        }
    }
}
