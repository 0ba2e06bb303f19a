//! Counts the packets of captures: `count_packets FILE…`. Under `time` it shows how fast they are read.

use bifrons_drivers::Capture;

fn main() -> std::process::ExitCode {
    let mut complete = true;
    for path in std::env::args_os().skip(1) {
        complete &= count(&path);
    }
    if complete { std::process::ExitCode::SUCCESS } else { std::process::ExitCode::FAILURE }
}

/// Prints one line per file, and a second one about an error; false when there was one.
fn count(path: &std::ffi::OsStr) -> bool {
    let mut capture = match Capture::open(path) {
        Ok(capture) => capture,
        Err(error) => {
            eprintln!("{error}");
            return false;
        }
    };
    let (mut packets, mut bytes, mut first_bytes) = (0_u64, 0_u64, 0_u64);
    let end = loop {
        match capture.next_batch(256) {
            Ok(Some(batch)) => {
                for packet in batch.iter() {
                    packets += 1;
                    bytes += u64::from(packet.original_length);
                    // Reading each packet makes the time an honest one.
                    first_bytes += packet.data.first().copied().map_or(0, u64::from);
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    println!("{packets}\t{bytes}\t{first_bytes}\t{}", capture.name());
    if let Some(problem) = capture.link_problem() {
        eprintln!("{problem}");
    }
    if let Err(error) = &end {
        eprintln!("{error}");
    }
    end.is_ok()
}
