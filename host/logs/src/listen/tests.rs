use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
    sync::mpsc::{Receiver, sync_channel},
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, crypto::ring, pki_types::ServerName};

use super::*;

const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn start(transport: Transport) -> (Listener, Receiver<Messages>) {
    let (sender, receiver) = sync_channel(16);
    (Listener::start(transport, HERE, sender).unwrap(), receiver)
}

/// So many messages, as text.
fn take(receiver: &Receiver<Messages>, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < count {
        let messages = receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        found.extend(messages.iter().map(|message| String::from_utf8_lossy(message).into_owned()));
    }
    found
}

const STREAM: &[u8] = b"<14>one\n8 <14>two\n<14>three\r\n\n9 <14>four\n<14>five";

#[test]
fn datagrams_hold_a_message_or_a_few() {
    let (listener, receiver) = start(Transport::Udp);
    let socket = UdpSocket::bind(HERE).unwrap();
    socket.send_to(b"<14>one", listener.address()).unwrap();
    socket.send_to(b"<14>two\n<14>three\n", listener.address()).unwrap();
    assert_eq!(take(&receiver, 3), ["<14>one", "<14>two", "<14>three"]);
    assert_eq!(listener.counts(), ListenerCounts { messages: 3, ..ListenerCounts::default() });
}

#[test]
fn streams_have_counts_and_line_breaks() {
    let (listener, receiver) = start(Transport::Tcp);
    let mut stream = TcpStream::connect(listener.address()).unwrap();
    for part in STREAM.chunks(7) {
        stream.write_all(part).unwrap();
    }
    // The last message ends with the stream, and no line break.
    assert_eq!(take(&receiver, 4), ["<14>one", "<14>two", "<14>three", "<14>four"]);
    drop(stream);
    assert_eq!(take(&receiver, 1), ["<14>five"]);
    let mut other = TcpStream::connect(listener.address()).unwrap();
    other.write_all(&vec![b'x'; LINE_MAX + 1]).unwrap();
    other.write_all(b"\n<14>after\n").unwrap();
    assert_eq!(take(&receiver, 1), ["<14>after"]);
    let expected = ListenerCounts { messages: 6, too_long: 1, connections: 2, ..ListenerCounts::default() };
    assert_eq!(listener.counts(), expected);
}

#[test]
fn a_listener_ends_with_connections_open() {
    let (listener, receiver) = start(Transport::Tcp);
    let mut stream = TcpStream::connect(listener.address()).unwrap();
    stream.write_all(b"<14>one\n").unwrap();
    assert_eq!(take(&receiver, 1), ["<14>one"]);
    drop(listener);
    assert!(receiver.recv().is_err(), "all threads have ended");
}

#[test]
fn streams_in_tls() {
    let made = rcgen::generate_simple_self_signed(["fw.example".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("bifrons-listen-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let config = server_config(&certificate, &key, None).unwrap();
    let missing = server_config(&folder.join("none.pem"), &key, None).unwrap_err();
    assert!(missing.to_string().contains("none.pem"), "{missing}");
    std::fs::remove_dir_all(&folder).unwrap();

    let (listener, receiver) = start(Transport::Tls(config));
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("fw.example").unwrap();
    let session = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut stream = StreamOwned::new(session, TcpStream::connect(listener.address()).unwrap());
    stream.write_all(STREAM).unwrap();
    assert_eq!(take(&receiver, 4), ["<14>one", "<14>two", "<14>three", "<14>four"]);
    drop(stream);
    assert_eq!(take(&receiver, 1), ["<14>five"]);

    // What does not speak TLS is turned away and counted.
    let mut plain = TcpStream::connect(listener.address()).unwrap();
    plain.write_all(b"<14>not TLS at all\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    while listener.counts().failed == 0 {
        thread::sleep(PATIENCE / 10);
    }
    assert_eq!(listener.counts().connections, 2);
}
