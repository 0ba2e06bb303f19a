//! The whole program on a large capture: reading, tracking, identifying, and JSON records to nowhere.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use bifrons_drivers::{Capture, CaptureWriter};
use bifrons_model::Timestamp;
use bifrons_wire::{Addresses, FrameInfo, LinkType, Reading, parse};

/// What one run of `bifrons replay` showed.
pub struct Figures {
    pub packets_per_second: f64,
    pub megabytes_per_second: f64,
    pub resident_megabytes: f64,
}

/// The capture is at least this long.
const BYTES_MIN: u64 = 320_000_000;

/// How far apart the copies of the sample begin: their sessions overlap.
const COPY_OFFSET_MILLIS: u64 = 500;

/// Replays the large capture once, on one core.
pub fn measure(root: &Path) -> Result<Figures> {
    let capture = large_capture(root)?;
    let stats = capture.with_extension("json");
    let status = Command::new("cargo")
        .args(["build", "--release", "--quiet", "--package", "bifrons"])
        .current_dir(root)
        .status()?;
    ensure!(status.success(), "bifrons does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut child = Command::new(target.join("release/bifrons"))
        .args(["replay", "--format", "json", "--stats"])
        .args([&stats, &capture])
        .stdout(Stdio::null())
        .spawn()?;
    let resident_megabytes = peak_resident_megabytes(&mut child)?;
    let status = child.wait()?;
    ensure!(status.success(), "bifrons replay failed");
    let text = std::fs::read_to_string(&stats)?;
    let figures: serde_json::Value = serde_json::from_str(&text)?;
    let rate = |name: &str| figures[name].as_f64().with_context(|| format!("the statistics have no {name}"));
    ensure!(figures["conservation"]["holds"] == true, "conservation does not hold");
    Ok(Figures {
        packets_per_second: rate("packets_per_second")?,
        megabytes_per_second: rate("bytes_per_second")? / 1e6,
        resident_megabytes,
    })
}

/// The largest resident set that a look every few milliseconds saw.
fn peak_resident_megabytes(child: &mut std::process::Child) -> Result<f64> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with("VmHWM:"));
        let kilobytes =
            line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse::<f64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0.0) / 1000.0);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Ok(peak)
}

/// The sample capture many times over, each copy a little later and with addresses of its own, so that
/// every copy brings new sessions of every kind. Made once and kept below the target folder.
fn large_capture(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("large.pcap");
    if path.metadata().is_ok_and(|file| file.len() >= BYTES_MIN) {
        return Ok(path);
    }
    let sample = read_sample(&root.join("tests/captures/sample.pcap"))?;
    let one: u64 = sample.iter().map(|packet| packet.bytes.len() as u64 + 16).sum();
    let copies = BYTES_MIN / one + 1;
    let mut packets: Vec<(Timestamp, usize, u32)> = Vec::new();
    for copy in 0..copies {
        let later = std::time::Duration::from_millis(copy * COPY_OFFSET_MILLIS);
        let numbered = sample.iter().enumerate();
        packets.extend(numbered.map(|(place, packet)| (packet.time + later, place, copy as u32)));
    }
    packets.sort_by_key(|(time, ..)| *time);
    let unfinished = path.with_extension("part");
    let mut writer = CaptureWriter::create(&unfinished, LinkType::Ethernet)?;
    for (time, place, copy) in packets {
        let packet = &sample[place];
        let mut bytes = packet.bytes.clone();
        renumber(&mut bytes, copy);
        writer.write(time, &bytes, packet.wire_length)?;
    }
    writer.finish()?;
    std::fs::rename(&unfinished, &path)?;
    Ok(path)
}

struct Packet {
    time: Timestamp,
    bytes: Vec<u8>,
    wire_length: u32,
}

fn read_sample(path: &Path) -> Result<Vec<Packet>> {
    let mut capture = Capture::open(path)?;
    let mut packets = Vec::new();
    while let Some(batch) = capture.next_batch(256)? {
        packets.extend(batch.iter().map(|packet| Packet {
            time: packet.time,
            bytes: packet.data.to_vec(),
            wire_length: packet.original_length,
        }));
    }
    if packets.is_empty() {
        bail!("{} has no packets", path.display());
    }
    Ok(packets)
}

/// Gives both ends of a packet addresses of the copy's own. Checksums are left as they are: `replay` leaves
/// them to offload.
fn renumber(bytes: &mut [u8], copy: u32) {
    let info = FrameInfo { link: LinkType::Ethernet, wire_length: bytes.len() as u32 };
    let Ok(packet) = parse(bytes, info, Reading::Lenient) else {
        return;
    };
    let at = usize::from(packet.network);
    let (places, length) = match packet.addresses {
        Addresses::V4 { .. } => ([at + 12, at + 16], 4),
        Addresses::V6 { .. } => ([at + 8, at + 24], 16),
    };
    for place in places {
        let [high, low] = (copy as u16).to_be_bytes();
        if let Some([first, second, ..]) = bytes.get_mut(place..place + length) {
            *first ^= high;
            *second ^= low;
        }
    }
}
