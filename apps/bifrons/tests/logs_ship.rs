//! `bifrons logs ship`, and `receive` with `--to`: records reach collectors, whatever these do.
#![allow(clippy::unwrap_used, reason = "a test may end where something is wrong")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
    sync::mpsc::{self, Sender},
    thread::JoinHandle,
    time::Duration,
};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bifrons-ship-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A log file with these records.
    fn log(&self, name: &str, numbers: std::ops::Range<u32>) -> String {
        let text: String = numbers.map(|number| line(number) + "\n").collect();
        std::fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A line of 8.1; `number` is its sequence number, and that of its source's last octet.
fn line(number: u32) -> String {
    let time = "2026/01/31 10:00:00";
    let octet = number % 250;
    format!(
        "1,{time},0042,TRAFFIC,end,2049,{time},10.0.0.{octet},198.51.100.2,,,out,,,ssl,vsys1,trust,untrust,\
         ethernet1/1,ethernet1/2,,{time},7,1,50000,443,0,0,0x0,tcp,allow,100,60,40,2,\
         {time},1,any,,{number},0x0,,,,1,1,tcp-fin,0,0,0,0,,gate,from-policy,,,0,,0,,N/A,0,0,0,0"
    )
}

/// What such a line is behind a syslog header.
fn expected(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("<14>Jan 31 10:00:00 gate {}", line(number))).collect()
}

struct Ran {
    code: Option<i32>,
    output: String,
    errors: String,
}

fn bifrons(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_bifrons")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
}

/// An address at which nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The messages of an octet-counted stream, read until it ends.
fn read_messages(mut stream: TcpStream) -> Vec<String> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&rest[..blank]).unwrap().parse().unwrap();
        let (message, after) = rest[blank + 1..].split_at(length);
        found.push(String::from_utf8(message.to_vec()).unwrap());
        rest = after;
    }
    found
}

/// A collector that takes one stream, from when it is told to on.
fn collector(address: SocketAddr) -> (SocketAddr, Sender<()>, JoinHandle<Vec<String>>) {
    let server = TcpListener::bind(address).unwrap();
    let (begin, told) = mpsc::channel();
    let address = server.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (stream, _) = server.accept().unwrap();
        told.recv().unwrap();
        read_messages(stream)
    });
    (address, begin, thread)
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

#[test]
fn files_and_stores_go_to_a_syslog_server() {
    let folder = Folder::new("syslog");
    let (log, store) = (folder.log("a.log", 0..300), folder.path("store"));
    bifrons(&["logs", "import", &store, &folder.log("b.log", 300..350)]);
    let (address, begin, collected) = collector(anywhere());
    begin.send(()).unwrap();
    std::fs::write(folder.path("noise"), "noise\n").unwrap();
    let to = format!("syslog+tcp://{address}");
    let ran = bifrons(&["logs", "ship", &log, &store, &folder.path("noise"), "--to", &to]);
    let said =
        format!("350 records, 1 lines could not be read\n{to}: 350 sent, 0 left in the spool, 0 dropped\n");
    assert_eq!((ran.code, ran.errors), (Some(0), said));
    assert_eq!(collected.join().unwrap(), expected(0..350));
}

#[test]
fn datagrams_with_a_filter_and_a_template() {
    let folder = Folder::new("udp");
    let log = folder.log("a.log", 0..10);
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let to = format!("syslog+udp://{}", server.local_addr().unwrap());
    let ran = bifrons(&[
        "logs",
        "ship",
        &log,
        "--to",
        &to,
        "--filter",
        "( addr.src eq 10.0.0.7 )",
        "--template",
        "src=$src end=$session_end_reason",
        "--syslog-header",
        "ietf",
        "--facility",
        "16",
        "--host",
        "fw7",
    ]);
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    let mut bytes = [0; 200];
    let length = server.recv(&mut bytes).unwrap();
    let found = String::from_utf8_lossy(&bytes[..length]);
    assert_eq!(found, "<134>1 2026-01-31T10:00:00Z fw7 - - - - src=10.0.0.7 end=tcp-fin");
}

#[test]
fn a_file_is_written_and_changed_when_it_is_full() {
    let folder = Folder::new("file");
    let log = folder.log("a.log", 0..10);
    let to = format!("file:{}", folder.path("out.log"));
    let ran = bifrons(&["logs", "ship", &log, "--to", &to, "--rotate-size", "1k", "--rotate-keep", "20"]);
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    let mut found = String::new();
    for number in (0..20).rev() {
        let name = if number == 0 { "out.log".to_owned() } else { format!("out.log.{number}") };
        found.push_str(&std::fs::read_to_string(folder.path(&name)).unwrap_or_default());
    }
    assert_eq!(found, std::fs::read_to_string(&log).unwrap());
    assert!(std::fs::metadata(folder.path("out.log.1")).unwrap().len() <= 1_000);
}

/// Takes a request, answers it, and returns it.
fn answer(server: &TcpListener, status: &str) -> String {
    let (mut stream, _) = server.accept().unwrap();
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while !request.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut request).unwrap() > 0);
    }
    let length = request.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").unwrap();
    request + &String::from_utf8(body).unwrap()
}

#[test]
fn a_web_server_that_fails_is_asked_again() {
    let folder = Folder::new("http");
    let log = folder.log("a.log", 5..6);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}/in?index=fw", server.local_addr().unwrap());
    let thread = std::thread::spawn(move || [answer(&server, "503 Later"), answer(&server, "200 OK")]);
    let header = "Authorization: Bearer secret";
    let columns = ["--columns", "src,bytes", "--format", "json"];
    let arguments = [&["logs", "ship", &log, "--to", &to, "--http-header", header][..], &columns].concat();
    let ran = bifrons(&arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    assert!(
        ran.errors.ends_with(&format!("{to}: 1 sent, 0 left in the spool, 0 dropped\n")),
        "{}",
        ran.errors
    );
    let [first, second] = thread.join().unwrap();
    assert_eq!(first, second);
    assert!(first.starts_with("POST /in?index=fw HTTP/1.1\r\n") && first.contains(header), "{first}");
    assert!(first.ends_with("\r\n\r\n{\"src\":\"10.0.0.5\",\"bytes\":100}\n"), "{first}");
}

#[test]
fn what_a_dead_server_does_not_take_stays_in_the_spool() {
    let folder = Folder::new("spool");
    let (log, spool) = (folder.log("a.log", 0..2_000), folder.path("spool"));
    let address = nobody();
    let to = format!("syslog+tcp://{address}");
    let ship = |log: &str| bifrons(&["logs", "ship", log, "--to", &to, "--spool", &spool, "--patience", "1"]);
    let ran = ship(&log);
    let said = format!("{to}: 0 sent, 2000 left in the spool, 0 dropped\n");
    assert!(ran.code == Some(0) && ran.errors.ends_with(&said), "{}", ran.errors);
    assert!(ran.errors.contains(" takes no records: "), "{}", ran.errors);
    // The next run sends that first.
    let (_, begin, collected) = collector(address);
    begin.send(()).unwrap();
    let ran = ship(&folder.log("b.log", 2_000..2_010));
    let said = format!("{to}: 2010 sent, 0 left in the spool, 0 dropped\n");
    assert!(ran.code == Some(0) && ran.errors.ends_with(&said), "{}", ran.errors);
    assert_eq!(collected.join().unwrap(), expected(0..2_010));
}

#[test]
fn a_full_spool_drops_and_says_so() {
    let folder = Folder::new("full");
    let log = folder.log("a.log", 0..2_000);
    let to = format!("syslog+tcp://{}", nobody());
    let spool = folder.path("spool");
    let ran = bifrons(&[
        "logs",
        "ship",
        &log,
        "--to",
        &to,
        "--patience",
        "1",
        "--spool",
        &spool,
        "--spool-size",
        "100k",
    ]);
    let (_, counts) = ran.errors.trim_end().rsplit_once("0 sent, ").unwrap();
    let (waiting, dropped) = counts.split_once(" left in the spool, ").unwrap();
    let waiting: u32 = waiting.parse().unwrap();
    let dropped: u32 = dropped.strip_suffix(" dropped").unwrap().parse().unwrap();
    assert_eq!((ran.code, waiting + dropped), (Some(1), 2_000), "{}", ran.errors);
    // As many as there is room for.
    let size: usize = (0..waiting).map(|number| expected(number..number + 1)[0].len() + 4).sum();
    assert!(waiting > 0 && size <= 100_000 && size + 300 > 100_000, "{waiting}, {size} bytes");
}

/// `bifrons logs receive` with `arguments`, and the address at which it listens.
fn receive(arguments: &[&str]) -> (Child, BufReader<ChildStderr>, String) {
    let mut receiver = Command::new(env!("CARGO_BIN_EXE_bifrons"))
        .args(["logs", "receive"])
        .args(arguments)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(receiver.stderr.take().unwrap());
    let mut said = String::new();
    errors.read_line(&mut said).unwrap();
    let address = said.strip_prefix("listening at ").unwrap_or_else(|| panic!("{said}"));
    (receiver, errors, address.split_once(' ').unwrap().0.to_owned())
}

fn count(store: &str) -> u32 {
    let ran = bifrons(&["logs", "query", store, "--count"]);
    ran.output.trim_end().parse().unwrap_or(0)
}

/// The sequence numbers in a store, in order.
fn sequence_numbers(store: &str) -> Vec<u32> {
    let ran = bifrons(&["logs", "query", store, "-n", "0", "--format", "csv", "--columns", "seqno"]);
    let mut numbers: Vec<u32> = ran.output.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn encrypted_from_one_store_to_another() {
    let folder = Folder::new("tls");
    let made = rcgen::generate_simple_self_signed(["collector.example".to_owned()]).unwrap();
    let [certificate, key, other] = ["own.pem", "key.pem", "other.pem"].map(|name| folder.path(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let stranger = rcgen::generate_simple_self_signed(["collector.example".to_owned()]).unwrap();
    std::fs::write(&other, stranger.cert.pem()).unwrap();
    // Each shows the other the same certificate.
    let store = folder.path("store");
    let (mut receiver, _errors, address) = receive(&[
        &store,
        "--tls",
        "127.0.0.1:0",
        "--certificates",
        &certificate,
        "--key",
        &key,
        "--client-authorities",
        &certificate,
        "--messages",
        "500",
    ]);
    let to = format!("syslog+tls://{address}");
    let log = folder.log("a.log", 0..500);
    let ship = |authorities: &str| {
        bifrons(&[
            "logs",
            "ship",
            &log,
            "--to",
            &to,
            "--authorities",
            authorities,
            "--server-name",
            "collector.example",
            "--client-certificates",
            &certificate,
            "--client-key",
            &key,
            "--patience",
            "1",
        ])
    };
    let ran = ship(&other);
    assert!(ran.code == Some(1) && ran.errors.contains("certificate"), "{}", ran.errors);
    let ran = ship(&certificate);
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    assert!(receiver.wait().unwrap().success());
    assert_eq!(sequence_numbers(&store), (0..500).collect::<Vec<_>>());
}

/// More than the buffers of the sockets between sender and collector take.
const MANY: u32 = 40_000;

#[test]
fn a_collector_that_does_not_read_holds_nothing_up() {
    let folder = Folder::new("slow");
    let (store, spool) = (folder.path("store"), folder.path("spool"));
    let (address, begin, collected) = collector(anywhere());
    let to = format!("syslog+tcp://{address}");
    let (mut receiver, mut errors, listening) = receive(&[
        &store,
        "--tcp",
        "127.0.0.1:0",
        "--messages",
        &MANY.to_string(),
        "--to",
        &to,
        "--spool",
        &spool,
    ]);
    let mut stream = TcpStream::connect(listening).unwrap();
    for number in 0..MANY {
        writeln!(stream, "{}", line(number)).unwrap();
    }
    drop(stream);
    // The store has everything while nothing has been read.
    while count(&store) < MANY {
        std::thread::sleep(Duration::from_millis(20));
    }
    begin.send(()).unwrap();
    assert!(receiver.wait().unwrap().success());
    let mut said = String::new();
    errors.read_to_string(&mut said).unwrap();
    assert!(said.ends_with(&format!("{to}: {MANY} sent, 0 left in the spool, 0 dropped\n")), "{said}");
    let found = collected.join().unwrap();
    assert!(found == expected(0..MANY), "{} messages, or not in order", found.len());
}

#[test]
fn a_receiver_that_is_killed_has_what_waits_in_the_spool() {
    let folder = Folder::new("killed");
    let (store, spool) = (folder.path("store"), folder.path("spool"));
    let address = nobody();
    let to = format!("syslog+tcp://{address}");
    let (mut receiver, _errors, listening) =
        receive(&[&store, "--tcp", "127.0.0.1:0", "--to", &to, "--spool", &spool]);
    let mut stream = TcpStream::connect(listening).unwrap();
    // Messages that keep coming do not keep the store from acknowledging.
    let mut sent = 0;
    while count(&store) == 0 {
        assert!(sent < 2_000, "nothing is acknowledged");
        writeln!(stream, "{}", line(sent)).unwrap();
        sent += 1;
        std::thread::sleep(Duration::from_millis(30));
    }
    let acknowledged = sequence_numbers(&store).len() as u32;
    receiver.kill().unwrap();
    receiver.wait().unwrap();
    let (_, begin, collected) = collector(address);
    begin.send(()).unwrap();
    let nothing = folder.log("nothing.log", 0..0);
    let ran = bifrons(&["logs", "ship", &nothing, "--to", &to, "--spool", &spool]);
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    let found = collected.join().unwrap();
    assert!(found.len() as u32 >= acknowledged, "{} of {acknowledged}", found.len());
    assert_eq!(found, expected(0..found.len() as u32));
}

#[test]
fn mistakes_are_told() {
    let folder = Folder::new("mistakes");
    let log = folder.log("a.log", 0..1);
    let nowhere = format!("file:{}", folder.path("none/out.log"));
    std::fs::write(folder.path("empty.pem"), "").unwrap();
    let empty = folder.path("empty.pem");
    let tls = "syslog+tls://collector";
    let cases: [(&[&str], &str); 9] = [
        (&[], "--to"),
        (&["--to", "collector:514"], "expected syslog+udp://HOST[:PORT]"),
        (&["--to", &nowhere], "none/out.log"),
        (&["--to", tls, "--authorities", "/nonexistent.pem"], "/nonexistent.pem"),
        (&["--to", tls, "--authorities", &empty], "no authority's certificate"),
        (&["--to", tls, "--client-key", "key.pem"], "--client-certificates"),
        (&["--to", "file:out", "--template", "$sorc"], "$sorc"),
        (&["--to", "file:out", "--filter", "( sorc eq 1 )"], "sorc"),
        (&["--to", "file:out", "--columns", "src"], "--columns needs --format csv or json"),
    ];
    for (arguments, said) in cases {
        let ran = bifrons(&[&["logs", "ship", &log], arguments].concat());
        assert!(ran.code != Some(0) && ran.errors.contains(said), "{arguments:?}: {}", ran.errors);
    }
    let ran = bifrons(&["logs", "ship", "/nonexistent.log", "--to", "file:out"]);
    assert!(ran.code != Some(0) && ran.errors.contains("/nonexistent.log"), "{}", ran.errors);
    let ran = bifrons(&["logs", "receive", &folder.path("s"), "--tcp", "127.0.0.1:0", "--spool", "x"]);
    assert!(ran.code != Some(0) && ran.errors.contains("--to"), "{}", ran.errors);
}
