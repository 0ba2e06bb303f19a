//! Running the program, and captures made for the purpose.

use std::{
    io::Write,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use bifrons_drivers::CaptureWriter;
use bifrons_model::Timestamp;
use bifrons_wire::LinkType;

/// The program, with nothing of the caller's environment that it looks at.
pub fn bifrons() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bifrons"));
    command.env_remove("COLUMNS").env_remove("NO_COLOR");
    command
}

/// What a run left behind.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
    }
}

impl Ran {
    /// What was printed by a run that succeeded without a word on standard error.
    pub fn success(self) -> String {
        assert_eq!((self.code, self.errors.as_str()), (Some(0), ""));
        self.output
    }

    /// The only line on standard error.
    pub fn one_error(&self) -> &str {
        let line = self.errors.strip_suffix('\n').expect("a line");
        assert!(!line.contains('\n') && line.starts_with("bifrons: "), "{line}");
        line
    }
}

/// Starts the program with pipes for all three streams.
pub fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts")
}

/// Runs the program to its end without input.
pub fn run(command: &mut Command) -> Ran {
    Ran::from(command.stdin(Stdio::null()).output().expect("the program starts"))
}

/// The capture that comes with the sources.
pub fn sample() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/captures/sample.pcap")
}

/// A folder that lives as long as a test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bifrons-replay-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes a file and gives its path.
    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A capture of frames with the second in which each came.
pub fn capture(link: LinkType, packets: &[(u64, &[u8])]) -> Vec<u8> {
    let mut writer = CaptureWriter::new(Vec::new(), "test", link).expect("memory");
    for (seconds, frame) in packets {
        writer.write(Timestamp::from_secs(*seconds), frame, frame.len() as u32).expect("memory");
    }
    writer.finish().expect("memory")
}

/// A UDP datagram from 10.0.0.`client` to a server, without link header and checksums.
pub fn datagram(client: u8, port: u16, payload: &[u8]) -> Vec<u8> {
    let length = (28 + payload.len()) as u16;
    let mut frame = vec![0x45, 0];
    frame.extend(length.to_be_bytes());
    frame.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, client, 192, 0, 2, 7]);
    frame.extend(5_000_u16.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend((length - 20).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
