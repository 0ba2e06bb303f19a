//! The ways that messages go: a file, datagrams, a stream, a web server.

mod file;
mod http;
mod stream;

use std::{
    io,
    net::{ToSocketAddrs as _, UdpSocket},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};

pub(crate) use file::FileWriter;

/// Where messages go. Addresses are `host:port`; names are looked up at each new connection.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A file, a line for each message.
    File {
        /// The file. When it is full it is renamed: `traffic.log.1` is the one before.
        path: PathBuf,
        /// Bytes after which another file is begun.
        bytes_max: u64,
        /// How many files are kept besides the current one.
        keep: u32,
    },
    /// A datagram for each message (RFC 5426).
    Udp {
        /// The server.
        address: String,
    },
    /// A stream of messages, each with its length in front of it (RFC 6587, octet counting).
    Tcp {
        /// The server.
        address: String,
        /// With TLS (RFC 5425).
        tls: Option<Tls>,
    },
    /// Batches of messages in requests of the method POST, a line for each message.
    Http {
        /// The server.
        address: String,
        /// What the request asks for, such as `/ingest?index=firewall`.
        path: String,
        /// The type of the content: `application/x-ndjson` for JSON.
        content_type: String,
        /// Further lines of the request's head, such as `Authorization` and its value.
        headers: Vec<(String, String)>,
        /// With TLS.
        tls: Option<Tls>,
    },
}

/// How a server proves itself.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Certificates or a key cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: rustls::pki_types::pem::Error,
    },
    /// A file has no certificate of an authority.
    #[error("{}: there is no authority's certificate in it (PEM)", path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not go together, or are of no use.
    #[error(transparent)]
    Certificate(#[from] rustls::Error),
    /// No server can have this name.
    #[error("{name} is no server's name")]
    Name {
        /// The name.
        name: String,
    },
}

impl Tls {
    /// TLS 1.2 and 1.3 to the server called `name`, whose certificate one of the authorities in the PEM file
    /// has to vouch for. `own` are PEM files of certificates, the own one first, and their key, for servers
    /// that want to know who sends.
    ///
    /// # Errors
    /// When a file or the name is of no use.
    pub fn new(authorities: &Path, name: &str, own: Option<(&Path, &Path)>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        // A system's collection has authorities that nobody can use, such as expired ones.
        let (added, _) = roots.add_parsable_certificates(read_certificates(authorities)?);
        if added == 0 {
            return Err(TlsError::NoAuthority { path: authorities.to_owned() });
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((certificates, key)) => {
                let private_key = PrivateKeyDer::from_pem_file(key)
                    .map_err(|error| TlsError::File { path: key.to_owned(), error })?;
                builder.with_client_auth_cert(read_certificates(certificates)?, private_key)?
            }
        };
        let name =
            ServerName::try_from(name.to_owned()).map_err(|_| TlsError::Name { name: name.to_owned() })?;
        Ok(Self { config: Arc::new(config), name })
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    certificates.map_err(|error| TlsError::File { path: path.to_owned(), error })
}

/// No server is waited for longer than this at a time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Delivers messages.
pub(crate) trait Transport: Send {
    /// Delivers some of the messages, from the first on, and says how many.
    fn deliver(&mut self, messages: &[Vec<u8>]) -> io::Result<usize>;
}

impl Destination {
    pub(crate) fn transport(self) -> Box<dyn Transport> {
        match self {
            Self::File { path, bytes_max, keep } => Box::new(FileWriter::new(path, bytes_max, keep)),
            Self::Udp { address } => Box::new(Datagrams { address, socket: None }),
            Self::Tcp { address, tls } => Box::new(stream::Messages::new(address, tls)),
            Self::Http { address, path, content_type, headers, tls } => {
                let mut head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
                head.push_str(&format!("Content-Type: {content_type}\r\n"));
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                Box::new(http::Requests::new(address, head, tls))
            }
        }
    }
}

struct Datagrams {
    address: String,
    socket: Option<UdpSocket>,
}

/// The longest payload of a datagram over IPv4; what is longer is cut off (RFC 5426, 3.2).
const DATAGRAM_MAX: usize = 65_507;

impl Transport for Datagrams {
    fn deliver(&mut self, messages: &[Vec<u8>]) -> io::Result<usize> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => {
                let address = self.address.to_socket_addrs()?.next();
                let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
                let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                none.insert(socket)
            }
        };
        for (sent, message) in messages.iter().enumerate() {
            let message = message.get(..DATAGRAM_MAX).unwrap_or(message);
            if let Err(error) = socket.send(message) {
                self.socket = None;
                return if sent > 0 { Ok(sent) } else { Err(error) };
            }
        }
        Ok(messages.len())
    }
}
