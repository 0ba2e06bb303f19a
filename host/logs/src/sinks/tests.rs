//! Sinks and their destinations, on the loopback address.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::*;
use crate::{read::Parser, record::Column};

const SOON: Duration = Duration::from_secs(20);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bifrons-sink-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn options(destination: Destination) -> SinkOptions {
    SinkOptions {
        format: RecordFormat::Csv(vec![Column::SEQNO]),
        retry: Duration::from_millis(5),
        retry_max: Duration::from_millis(20),
        ..SinkOptions::new(destination)
    }
}

fn syslog() -> Envelope {
    Envelope::Syslog(SyslogHeader { form: SyslogForm::Ietf, facility: 1, host: "gate".into() })
}

/// Hands in records with these numbers.
fn send(sink: &mut Sink, numbers: std::ops::Range<u32>) {
    let mut parser = Parser::new();
    for number in numbers {
        let line = format!(
            "1,2026/01/31 10:00:00,0042,SYSTEM,general,2049,2026/01/31 10:00:01,,boot,,0,0,general,high,\
             up,{number},0x0"
        );
        sink.send(&parser.parse(line.as_bytes()).unwrap());
    }
}

/// The messages of an octet-counted stream.
fn messages(mut bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let blank = bytes.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..blank]).unwrap().parse().unwrap();
        found.push(String::from_utf8(bytes[blank + 1..blank + 1 + length].to_vec()).unwrap());
        bytes = &bytes[blank + 1 + length..];
    }
    found
}

fn expected(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("<12>1 2026-01-31T10:00:00Z gate - - - - {number}")).collect()
}

fn read_all(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn a_file_is_changed_when_it_is_full() {
    let folder = Folder::new("file");
    let path = folder.0.join("system.log");
    let destination = Destination::File { path: path.clone(), bytes_max: 20, keep: 2 };
    let mut sink = Sink::start(options(destination)).unwrap();
    send(&mut sink, 10..35);
    let counters = sink.close(SOON);
    assert_eq!(counters, SinkCounters { accepted: 25, delivered: 25, ..SinkCounters::default() });
    let lines = |path: &PathBuf| std::fs::read_to_string(path).unwrap().replace('\n', " ");
    assert_eq!(lines(&path), "34 ");
    assert_eq!(lines(&folder.0.join("system.log.1")), "28 29 30 31 32 33 ");
    assert_eq!(lines(&folder.0.join("system.log.2")), "22 23 24 25 26 27 ");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 3);
}

#[test]
fn datagrams() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(SOON)).unwrap();
    let destination = Destination::Udp { address: server.local_addr().unwrap().to_string() };
    let mut sink = Sink::start(SinkOptions { envelope: syslog(), ..options(destination) }).unwrap();
    send(&mut sink, 0..5);
    let mut found = Vec::new();
    for _ in 0..5 {
        let mut bytes = [0; 200];
        let length = server.recv(&mut bytes).unwrap();
        found.push(String::from_utf8(bytes[..length].to_vec()).unwrap());
    }
    assert_eq!(found, expected(0..5));
    assert_eq!(sink.close(SOON).delivered, 5);
}

#[test]
fn a_server_that_comes_late_gets_everything() {
    let folder = Folder::new("late");
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    drop(server);
    let destination = Destination::Tcp { address: address.to_string(), tls: None };
    let spool = SpoolOptions { folder: Some(folder.0.clone()), memory_max: 200, disk_max: 1 << 20 };
    let mut sink = Sink::start(SinkOptions { envelope: syslog(), spool, ..options(destination) }).unwrap();
    send(&mut sink, 0..500);
    while sink.counters().failures < 3 {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!((sink.counters().delivered, sink.counters().dropped), (0, 0));
    assert!(sink.last_failure().is_some());
    let server = TcpListener::bind(address).unwrap();
    let reader = std::thread::spawn(move || read_all(server.accept().unwrap().0));
    send(&mut sink, 500..600);
    let counters = sink.close(SOON);
    assert_eq!((counters.accepted, counters.delivered, counters.dropped), (600, 600, 0));
    assert_eq!(messages(&reader.join().unwrap()), expected(0..600));
}

#[test]
fn a_server_that_does_not_read_stalls_nobody_and_a_full_spool_drops() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let destination = Destination::Tcp { address: server.local_addr().unwrap().to_string(), tls: None };
    let spool = SpoolOptions { folder: None, memory_max: 100_000, disk_max: 0 };
    let mut sink = Sink::start(SinkOptions { envelope: syslog(), spool, ..options(destination) }).unwrap();
    // Far more than the sockets' buffers, the spool and the entrance take.
    for round in 0..200 {
        send(&mut sink, round * 1_000..(round + 1) * 1_000);
    }
    let before = sink.counters();
    assert_eq!(before.accepted, 200_000);
    assert!(before.dropped > 0);
    // Now it reads. Each message was delivered or dropped, once.
    let reader = std::thread::spawn(move || read_all(server.accept().unwrap().0));
    let counters = sink.close(SOON);
    assert_eq!(counters.delivered + counters.dropped, 200_000);
    assert_eq!(messages(&reader.join().unwrap()).len() as u64, counters.delivered);
}

#[test]
fn who_waits_for_room_loses_nothing_while_the_server_reads() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let destination = Destination::Tcp { address: server.local_addr().unwrap().to_string(), tls: None };
    let spool = SpoolOptions { folder: None, memory_max: 1_000, disk_max: 0 };
    let when_full = WhenFull::Wait(SOON);
    let options = SinkOptions { envelope: syslog(), spool, when_full, ..options(destination) };
    let reader = std::thread::spawn(move || read_all(server.accept().unwrap().0));
    let mut sink = Sink::start(options).unwrap();
    send(&mut sink, 0..30_000);
    let counters = sink.close(SOON);
    let expected_counters = SinkCounters { accepted: 30_000, delivered: 30_000, ..SinkCounters::default() };
    assert_eq!(counters, expected_counters);
    assert_eq!(messages(&reader.join().unwrap()), expected(0..30_000));
}

#[test]
fn who_waits_for_room_gives_up_on_a_dead_server() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    drop(server);
    let destination = Destination::Tcp { address: address.to_string(), tls: None };
    let spool = SpoolOptions { folder: None, memory_max: 100, disk_max: 0 };
    let when_full = WhenFull::Wait(Duration::from_millis(20));
    let options = SinkOptions { spool, when_full, ..options(destination) };
    let mut sink = Sink::start(options).unwrap();
    send(&mut sink, 0..40_000);
    let counters = sink.close(Duration::from_millis(20));
    assert_eq!((counters.accepted, counters.dropped, counters.waiting), (40_000, 40_000, 0));
}

#[test]
fn what_waits_at_the_end_is_delivered_by_the_next_sink() {
    let folder = Folder::new("next");
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    drop(server);
    let destination = Destination::Tcp { address: address.to_string(), tls: None };
    let spool = SpoolOptions { folder: Some(folder.0.clone()), memory_max: 150, disk_max: 1 << 20 };
    let options = SinkOptions { envelope: syslog(), spool, ..options(destination) };
    let mut sink = Sink::start(options.clone()).unwrap();
    send(&mut sink, 0..20);
    let counters = sink.close(Duration::from_millis(30));
    assert_eq!((counters.delivered, counters.dropped, counters.waiting), (0, 0, 20));
    let server = TcpListener::bind(address).unwrap();
    let reader = std::thread::spawn(move || read_all(server.accept().unwrap().0));
    let mut sink = Sink::start(options).unwrap();
    send(&mut sink, 20..25);
    assert_eq!(sink.close(SOON).delivered, 25);
    assert_eq!(messages(&reader.join().unwrap()), expected(0..25));
}

/// A certificate for `collector.example` in a file, and a server's configuration with it.
fn certificate(folder: &Folder) -> (PathBuf, Arc<rustls::ServerConfig>) {
    let made = rcgen::generate_simple_self_signed(["collector.example".to_owned()]).unwrap();
    let path = folder.0.join("authority.pem");
    std::fs::write(&path, made.cert.pem()).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
    (path, Arc::new(config))
}

fn accept_tls(server: &TcpListener, config: &Arc<rustls::ServerConfig>) -> impl Read + Write + use<> {
    let (stream, _) = server.accept().unwrap();
    rustls::StreamOwned::new(rustls::ServerConnection::new(Arc::clone(config)).unwrap(), stream)
}

#[test]
fn syslog_with_tls_and_a_server_that_is_another() {
    let folder = Folder::new("tls");
    let (authority, config) = certificate(&folder);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let reader = std::thread::spawn(move || {
        // The first client expects another name and goes away.
        let _ = read_all(accept_tls(&server, &config));
        read_all(accept_tls(&server, &config))
    });
    let to = |name: &str| {
        let tls = Some(Tls::new(&authority, name, None).unwrap());
        let destination = Destination::Tcp { address: address.clone(), tls };
        let retry = Duration::from_secs(60);
        SinkOptions { envelope: syslog(), retry, retry_max: retry, ..options(destination) }
    };
    let mut sink = Sink::start(to("other.example")).unwrap();
    send(&mut sink, 0..1);
    while sink.counters().failures == 0 {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(sink.last_failure().unwrap().contains("certificate"), "{:?}", sink.last_failure());
    assert_eq!(sink.close(Duration::ZERO).dropped, 1);
    let mut sink = Sink::start(to("collector.example")).unwrap();
    send(&mut sink, 0..50);
    assert_eq!(sink.close(SOON).delivered, 50);
    assert_eq!(messages(&reader.join().unwrap()), expected(0..50));
}

/// Reads one request and answers it.
fn answer(stream: &mut (impl Read + Write), status: &str) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1);
        request.push(byte[0]);
    }
    let head = String::from_utf8(request).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
    stream.flush().unwrap();
    head + &String::from_utf8(body).unwrap()
}

#[test]
fn batches_over_http_are_sent_until_they_are_taken() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let reader = std::thread::spawn(move || {
        let mut bodies = Vec::new();
        for status in ["503 Later", "200 OK", "204 No Content"] {
            let mut stream: TcpStream = server.accept().unwrap().0;
            bodies.push(answer(&mut stream, status));
        }
        bodies
    });
    let destination = Destination::Http {
        address,
        path: "/logs".into(),
        content_type: "application/x-ndjson".into(),
        headers: vec![("Authorization".into(), "Bearer secret".into())],
        tls: None,
    };
    let options = SinkOptions {
        format: RecordFormat::JsonColumns(vec![Column::SEQNO]),
        batch: 3,
        ..options(destination)
    };
    let mut sink = Sink::start(options).unwrap();
    send(&mut sink, 0..1);
    while sink.counters().delivered == 0 {
        std::thread::sleep(Duration::from_millis(2));
    }
    send(&mut sink, 1..2);
    let counters = sink.close(SOON);
    assert_eq!((counters.delivered, counters.failures), (2, 1));
    let bodies = reader.join().unwrap();
    assert!(bodies[0].starts_with("POST /logs HTTP/1.1\r\n") && bodies[0].contains("Bearer secret\r\n"));
    assert_eq!(bodies[0], bodies[1]);
    assert!(bodies[1].ends_with("\r\n\r\n{\"seqno\":0}\n") && bodies[2].ends_with("\r\n\r\n{\"seqno\":1}\n"));
}

#[test]
fn https() {
    let folder = Folder::new("https");
    let (authority, config) = certificate(&folder);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    let reader = std::thread::spawn(move || answer(&mut accept_tls(&server, &config), "200 OK"));
    let destination = Destination::Http {
        address,
        path: "/".into(),
        content_type: "text/plain".into(),
        headers: Vec::new(),
        tls: Some(Tls::new(&authority, "collector.example", None).unwrap()),
    };
    let mut sink = Sink::start(options(destination)).unwrap();
    send(&mut sink, 7..8);
    assert_eq!(sink.close(SOON).delivered, 1);
    assert!(reader.join().unwrap().ends_with("\r\n\r\n7\n"));
}
