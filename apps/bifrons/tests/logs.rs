//! `bifrons logs` as it is used: received, kept, found.
#![allow(clippy::unwrap_used, reason = "a test may end where something is wrong")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpStream, UdpSocket},
    process::{Command, Stdio},
};

/// A PAN-OS TRAFFIC record of 10.1 with this source and end reason.
fn record(source: &str, reason: &str) -> String {
    let mut fields = vec![String::new(); 115];
    let known: [(usize, &str); 16] = [
        (0, "1"),
        (1, "2026/01/31 10:00:00"),
        (2, "0123456789"),
        (3, "TRAFFIC"),
        (4, "end"),
        (5, "2561"),
        (6, "2026/01/31 10:00:00"),
        (7, source),
        (8, "192.0.2.80"),
        (14, "web-browsing"),
        (25, "443"),
        (29, "tcp"),
        (30, "allow"),
        (31, "1234"),
        (35, "2026/01/31 09:59:00"),
        (46, reason),
    ];
    for (place, value) in known {
        fields[place] = value.to_owned();
    }
    format!("<14>Jan 31 10:00:00 gate {}", fields.join(","))
}

#[test]
fn what_devices_send_is_kept_and_found() {
    let folder = std::env::temp_dir().join(format!("bifrons-receive-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let mut receiver = Command::new(env!("CARGO_BIN_EXE_bifrons"))
        .args(["logs", "receive", "--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--messages", "3"])
        .arg(&folder)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(receiver.stderr.take().unwrap()).lines();
    let mut address = || {
        let line = lines.next().unwrap().unwrap();
        let after = line.strip_prefix("listening at ").unwrap_or_else(|| panic!("{line}"));
        after.split_once(' ').unwrap().0.to_owned()
    };
    let (udp, tcp) = (address(), address());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(record("10.0.0.1", "tcp-fin").as_bytes(), &udp).unwrap();
    let mut stream = TcpStream::connect(tcp).unwrap();
    let line = record("10.0.0.2", "aged-out");
    // Counted in octets (RFC 6587, section 3.4.1).
    write!(stream, "{} {line}", line.len()).unwrap();
    drop(stream);
    socket.send_to(b"no record", &udp).unwrap();
    assert!(receiver.wait().unwrap().success());
    let found = Command::new(env!("CARGO_BIN_EXE_bifrons"))
        .args(["logs", "query", "--format", "csv", "--columns", "src,session_end_reason"])
        .args(["--filter", "( session_end_reason eq aged-out )"])
        .arg(&folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(text.contains("10.0.0.2") && !text.contains("10.0.0.1"), "{text}");
    std::fs::remove_dir_all(&folder).unwrap();
}
