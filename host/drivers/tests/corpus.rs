//! Every capture of the corpus gives as many packets as an independent reader found in it.

use std::path::Path;

use bifrons_drivers::{Capture, CaptureError};

#[test]
fn packet_counts_agree_with_the_truth() {
    let Some(corpus) = std::env::var_os("BIFRONS_CORPUS") else {
        println!("skipped: BIFRONS_CORPUS is not set");
        return;
    };
    let corpus = Path::new(&corpus);
    let table = std::fs::read_to_string(corpus.join("truth/pcaps.tsv")).expect("truth/pcaps.tsv");
    let mut lines = table.lines();
    let columns: Vec<_> = lines.next().expect("a header line").split('\t').collect();
    let place = |name| columns.iter().position(|column| *column == name).expect("the column");
    let (path, kind, packets) = (place("path"), place("filetype"), place("packets"));
    let (mut compared, mut damaged, mut absent, mut differ) = (0, 0, 0, Vec::new());
    for line in lines {
        let fields: Vec<_> = line.split('\t').collect();
        let file = corpus.join(fields[path]);
        if !file.is_file() {
            absent += 1;
            continue;
        }
        let (count, error) = count(&file);
        // What the other reader refused may be read here in part or wholly; that it ends is all that is
        // asked.
        if fields[kind] == "unreadable" {
            damaged += 1;
            continue;
        }
        compared += 1;
        if fields[packets].parse() != Ok(count) {
            differ.push(format!("{}: {} packets, here {count} ({error:?})", fields[path], fields[packets]));
        }
    }
    println!("{compared} captures compared, {damaged} damaged ones read, {absent} absent");
    assert!(compared > 0, "no capture found");
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

fn count(file: &Path) -> (u64, Option<CaptureError>) {
    let mut capture = match Capture::open(file) {
        Ok(capture) => capture,
        Err(error) => return (0, Some(error)),
    };
    let mut packets = 0;
    loop {
        match capture.next_batch(256) {
            Ok(Some(batch)) => packets += batch.len() as u64,
            Ok(None) => return (packets, None),
            Err(error) => return (packets, Some(error)),
        }
    }
}
