//! `bifrons replay` as a user sees it: what it prints, what it says when something is wrong, how it exits.

mod support;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    process::{Command, Stdio},
};

use bifrons_model::Timestamp;
use bifrons_wire::LinkType;
use serde_json::Value;
use support::{Folder, Ran, bifrons, capture, datagram, gzip, sample};

/// Runs `bifrons replay` with these arguments.
fn replay(arguments: &[&str]) -> Ran {
    support::run(bifrons().arg("replay").args(arguments))
}

fn records(output: &str) -> Vec<Value> {
    output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Two datagrams of different sessions.
fn two_datagrams() -> Vec<u8> {
    capture(LinkType::RawIp, &[(1_000, &datagram(1, 53, b"?")), (1_001, &datagram(2, 53, b"?"))])
}

#[test]
fn every_format_has_every_session() {
    let json = replay(&[sample(), "--format", "json"]).success();
    let sessions = records(&json).len();
    assert!(sessions > 400, "{sessions}");
    assert!(records(&json).iter().all(|record| record["type"] == "TRAFFIC" && record["pcap"] == sample()));
    for version in ["10.1", "11.1"] {
        let csv = replay(&[sample(), "--format", "csv", "--log-version", version]).success();
        let columns: Vec<usize> = csv.lines().map(|line| line.matches(',').count()).collect();
        assert_eq!(columns.len(), sessions + 1, "a header and one line for each");
        assert!(columns.iter().all(|count| *count >= columns[0]), "{version}");
    }
    let table = replay(&[sample()]).success();
    assert!(table.lines().count() > sessions);
    assert!(table.contains(&format!("{sessions} sessions")), "a summary");
    assert_eq!(replay(&[sample(), "--format", "none"]).success(), "");
}

#[test]
fn records_go_where_they_are_told() {
    let folder = Folder::new();
    let path = folder.path("out.json");
    assert_eq!(replay(&[sample(), "--format", "json", "--output", &path]).success(), "");
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, replay(&[sample(), "--format", "json"]).success());
}

/// The order of sessions, the seed of the hash and the size of a batch: none of it shows.
#[test]
fn two_runs_print_the_same() {
    let plain = replay(&[sample(), "--format", "json", "--hash-seed", "1", "--batch", "256"]).success();
    let canonical = replay(&[sample(), "--format", "json", "--canonical", "--hash-seed", "1"]).success();
    assert_eq!(records(&plain).len(), records(&canonical).len());
    for arguments in [["1", "1"], ["2", "7"], ["2", "32"], ["340282366920938463463374607431768211455", "256"]]
    {
        let [seed, batch] = arguments;
        let other = replay(&[sample(), "--format", "json", "--hash-seed", seed, "--batch", batch]).success();
        assert!(other == plain, "seed {seed}, batch {batch}");
        let other =
            replay(&[sample(), "--format", "json", "--canonical", "--hash-seed", seed, "--batch", batch])
                .success();
        assert!(other == canonical, "canonical, seed {seed}, batch {batch}");
    }
}

fn stats(arguments: &[&str]) -> Value {
    let folder = Folder::new();
    let path = folder.path("stats.json");
    let mut all = vec!["--format", "none", "--stats", &path];
    all.extend(arguments);
    replay(&all);
    serde_json::from_str(&std::fs::read_to_string(&path).expect("the statistics")).expect("JSON")
}

#[test]
fn statistics_add_up() {
    let stats = stats(&[sample()]);
    let sum = &stats["conservation"];
    assert_eq!(sum["holds"], true, "{sum}");
    let number = |name: &str| sum[name].as_u64().unwrap();
    assert_eq!(number("received"), number("transmitted") + number("dropped") + number("held"));
    assert_eq!(stats["packets"].as_u64(), Some(4_709));
    assert_eq!(stats["sessions"], stats["sessions_ended"]);
    let dropped: u64 = stats["dropped"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(dropped, number("dropped"));
}

/// A fragment whose packet never becomes whole.
#[test]
fn statistics_add_up_when_fragments_are_lost() {
    let folder = Folder::new();
    let mut fragment = datagram(1, 53, &[7; 64]);
    fragment[6] = 0x20;
    let path = folder.write("fragment.pcap", &capture(LinkType::RawIp, &[(1, &fragment)]));
    let stats = stats(&[&path]);
    assert_eq!(stats["conservation"]["holds"], true, "{stats:#}");
    assert_eq!(stats["dropped"]["fragment-timeout"].as_u64(), Some(1));
}

#[test]
fn several_captures_are_several_runs() {
    let folder = Folder::new();
    let one = folder.write("one.pcap", &two_datagrams());
    let two = folder.write("two.pcap", &two_datagrams());
    let all = records(&replay(&[&one, &two, "--format", "json"]).success());
    let from: Vec<&str> = all.iter().filter_map(|record| record["pcap"].as_str()).collect();
    assert_eq!(from, [&one, &one, &two, &two]);
    assert_eq!(stats(&[&one, &two])["files"].as_array().map(Vec::len), Some(2));
    // One that cannot be read does not keep the others from being read.
    let ran = replay(&[&one, "no-such-file.pcap", &two, "--format", "json"]);
    assert_eq!((ran.code, records(&ran.output).len()), (Some(1), 4));
    assert!(ran.errors.contains("no-such-file.pcap"), "{}", ran.errors);
}

#[test]
fn standard_input_and_gzip() {
    let file = two_datagrams();
    for bytes in [file.clone(), gzip(&file)] {
        let mut child = support::spawn(bifrons().args(["replay", "-", "--format", "json"]));
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(records(&ran.success()).len(), 2);
    }
    let folder = Folder::new();
    let zipped = folder.write("sample.pcap.gz", &gzip(&std::fs::read(sample()).unwrap()));
    let plain = replay(&[sample(), "--format", "csv", "--canonical"]).success();
    assert!(replay(&[&zipped, "--format", "csv", "--canonical"]).success() == plain);
}

/// What was readable is reported; the error is one line that names the file.
#[test]
fn captures_that_end_too_early() {
    let folder = Folder::new();
    let file = two_datagrams();
    let cut = folder.write("cut.pcap", &file[..file.len() - 3]);
    // Noise does not shrink, so that half of the gzip stream holds half of the packets.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(1_200)
    .collect();
    let frames: Vec<Vec<u8>> = (0..200).map(|client| datagram(client, 53, &noise)).collect();
    let packets: Vec<(u64, &[u8])> = frames.iter().map(|frame| (5_u64, frame.as_slice())).collect();
    let mut zipped = gzip(&capture(LinkType::RawIp, &packets));
    zipped.truncate(zipped.len() / 2);
    let cut_gzip = folder.write("cut.pcap.gz", &zipped);
    for (path, least, words) in [(&cut, 1, "ends inside"), (&cut_gzip, 10, "ends before")] {
        let ran = replay(&[path, "--format", "json"]);
        assert_eq!(ran.code, Some(1), "{path}");
        assert!(records(&ran.output).len() >= least, "{path}: {}", ran.output);
        let line = ran.one_error();
        assert!(line.contains(path.as_str()) && line.contains(words), "{line}");
    }
}

#[test]
fn what_is_no_capture() {
    let folder = Folder::new();
    let text = folder.write("text.pcap", b"this is not a capture");
    let empty = folder.write("empty.pcap", b"");
    let mut radio = two_datagrams();
    radio[20..24].copy_from_slice(&127_u32.to_le_bytes());
    let radio = folder.write("radio.pcap", &radio);
    let missing = folder.path("missing.pcap");
    let directory = folder.path("");
    for (path, words) in [
        (&text, &["not a capture", "74 68 69 73"][..]),
        (&empty, &["empty"]),
        (&radio, &["127"]),
        (&missing, &["No such file"]),
        (&directory, &["directory"]),
    ] {
        let ran = replay(&[path, "--format", "json"]);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""), "{path}");
        let line = ran.one_error();
        assert!(line.contains(path.as_str()), "{line}");
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
}

#[test]
fn a_wrong_configuration_says_where_and_what_is_accepted() {
    let folder = Folder::new();
    let config = folder.write(
        "bad.set",
        b"set deviceconfig system hostname fw\nset deviceconfig setting session timeout-udp 0\n",
    );
    let ran = replay(&[sample(), "--config", &config]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""));
    for part in [config.as_str(), "2", "deviceconfig setting session timeout-udp", "0", "1 to 15,999,999"] {
        assert!(ran.errors.contains(part), "{part} in {}", ran.errors);
    }
    let missing = replay(&[sample(), "--config", "no-such.set"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.one_error().contains("no-such.set"));
}

#[test]
fn arguments_out_of_range_are_refused() {
    for arguments in
        [&["--batch", "0"][..], &["--batch", "257"], &["--log-version", "9.0"], &["--map", "eth0"]]
    {
        let mut all = vec![sample()];
        all.extend(arguments);
        let ran = replay(&all);
        assert_eq!((ran.code, ran.output.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ran.errors.contains(arguments[0]), "{}", ran.errors);
    }
    assert_eq!(replay(&[]).code, Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let folder = Folder::new();
    let path = folder.write("two.pcap", &two_datagrams());
    for format in ["table", "csv", "json"] {
        for file in [path.as_str(), sample()] {
            let ran = replay(&[file, "--format", format, "--output", "/dev/full"]);
            assert_eq!(ran.code, Some(1), "{format}");
            let line = ran.one_error();
            assert!(line.contains("/dev/full") && line.contains("No space left"), "{line}");
        }
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_bifrons"))
            .args(["replay", sample(), "--format", format])
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let ran = Ran::from(output);
        assert_eq!(ran.code, Some(1), "{format}");
        assert!(ran.one_error().contains("standard output"), "{}", ran.errors);
    }
}

/// As with `| head`: whoever reads has seen enough.
#[test]
fn a_closed_pipe_is_no_error() {
    for format in ["table", "csv", "json"] {
        let mut child = support::spawn(bifrons().args(["replay", sample(), "--format", format]));
        let mut output = child.stdout.take().unwrap();
        output.read_exact(&mut [0; 16]).unwrap();
        drop(output);
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""), "{format}");
    }
}

#[test]
fn times_may_be_zero_or_go_backwards() {
    let folder = Folder::new();
    for (name, times) in
        [("zero", [0, 0, 0]), ("back", [5_000, 4_000, 5_001]), ("leap", [0, 1_700_000_000, 1_700_000_001])]
    {
        let frames: Vec<Vec<u8>> = (1..=3).map(|client| datagram(client, 53, b"?")).collect();
        let packets: Vec<(u64, &[u8])> =
            times.into_iter().zip(&frames).map(|(time, frame)| (time, frame.as_slice())).collect();
        let path = folder.write(name, &capture(LinkType::RawIp, &packets));
        let all = records(&replay(&[&path, "--format", "json"]).success());
        assert_eq!(all.len(), 3, "{name}");
        for record in &all {
            assert_eq!(record["session_end_reason"], "aged-out", "{name}");
            assert_eq!(record["elapsed"].as_f64(), Some(0.0), "{name}");
        }
    }
}

/// Interfaces of the capture by number become interfaces of the configuration.
#[test]
fn capture_interfaces_are_mapped() {
    let folder = Folder::new();
    let config = folder.write(
        "two.set",
        b"set network interface ethernet ethernet1/1 layer3 ip 10.0.0.1/8
          set network interface ethernet ethernet1/2 layer3 ip 192.0.2.1/24
          set zone trust network layer3 ethernet1/1
          set zone untrust network layer3 ethernet1/2
          set deviceconfig setting session strict-checksum no
          set rulebase security rules all from any to any source any destination any application any
          set rulebase security rules all service any action allow log-end yes",
    );
    let path = folder.write("two.pcap", &two_datagrams());
    let zones = |arguments: &[&str]| -> Vec<(String, String)> {
        let mut all = vec![path.as_str(), "--format", "json", "--config", &config];
        all.extend(arguments);
        let found = records(&replay(&all).success());
        found.iter().map(|record| (record["from"].to_string(), record["inbound_if"].to_string())).collect()
    };
    let trusted = ("\"trust\"".to_owned(), "\"ethernet1/1\"".to_owned());
    let untrusted = ("\"untrust\"".to_owned(), "\"ethernet1/2\"".to_owned());
    assert_eq!(zones(&[]), [trusted.clone(), trusted.clone()], "by the route back to the source");
    assert_eq!(zones(&["--map", "0=ethernet1/2"]), [untrusted.clone(), untrusted]);
    assert_eq!(zones(&["--map", "7=ethernet1/2"]), [trusted.clone(), trusted], "another one is meant");
    let ran = replay(&[&path, "--config", &config, "--map", "0=ethernet9/9"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.one_error().contains("ethernet9/9") && ran.errors.contains("ethernet1/2"), "{}", ran.errors);
}

/// One line of `sample.expected.tsv`, by column.
type Expected = BTreeMap<String, String>;

/// Protocol, addresses, and ports where the protocol has some.
type Key = (String, String, u64, String, u64);

fn expected_sessions() -> BTreeMap<Key, Vec<Expected>> {
    let text = std::fs::read_to_string(sample().replace(".pcap", ".expected.tsv")).expect("the table");
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().expect("a header").split('\t').collect();
    let mut sessions: BTreeMap<Key, Vec<Expected>> = BTreeMap::new();
    for line in lines {
        let row: Expected = columns
            .iter()
            .zip(line.split('\t'))
            .map(|(name, value)| ((*name).to_owned(), value.to_owned()))
            .collect();
        let port = |name: &str| row[name].parse().expect("a port");
        let key = key(&row["proto"], &row["src"], port("sport"), &row["dst"], port("dport"));
        sessions.entry(key).or_default().push(row);
    }
    sessions
}

fn key(protocol: &str, source: &str, source_port: u64, destination: &str, destination_port: u64) -> Key {
    let has_ports = matches!(protocol, "tcp" | "udp");
    let protocol = if protocol == "ipv6-icmp" { "icmp6" } else { protocol };
    let ports = if has_ports { (source_port, destination_port) } else { (0, 0) };
    (protocol.to_owned(), source.to_owned(), ports.0, destination.to_owned(), ports.1)
}

/// What an independent reader counts in the sample, and what is known of how it was made.
#[test]
fn the_sample_agrees_with_what_is_known_of_it() {
    let mut found: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
    let mut all = records(&replay(&[sample(), "--format", "json"]).success());
    all.sort_by_key(|record| record["sessionid"].as_u64());
    for record in all {
        let text = |name: &str| record[name].as_str().unwrap_or_default();
        let port = |name: &str| record[name].as_u64().unwrap_or_default();
        let key = key(text("proto"), text("src"), port("sport"), text("dst"), port("dport"));
        found.entry(key).or_default().push(record);
    }
    let mut wrong = Vec::new();
    let mut compared = 0;
    for (key, mut expected) in expected_sessions() {
        let found = found.remove(&key).unwrap_or_default();
        if found.len() == 1 {
            merge_repeated_syns(&mut expected);
        }
        if found.len() != expected.len() {
            wrong.push(format!("{key:?}: expected {} sessions, found {}", expected.len(), found.len()));
            continue;
        }
        for (expected, found) in expected.iter().zip(&found) {
            compared += 1;
            wrong.extend(compare(expected, found).map(|what| format!("{key:?}: {what}")));
        }
    }
    // Neighbor discovery is not listed.
    found.retain(|_, records| records.iter().any(|record| record["app"] != "ipv6-icmp"));
    assert!(found.is_empty(), "{found:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 440, "{compared}");
}

/// The table splits unanswered SYNs after 5 s; the built-in configuration waits for 60 s.
fn merge_repeated_syns(expected: &mut Vec<Expected>) {
    if expected.iter().any(|row| row["pkts_received"] != "0") {
        return;
    }
    while expected.len() > 1 {
        let Some(last) = expected.pop() else { return };
        for column in ["pkts_sent", "bytes_sent"] {
            let number = |row: &Expected| row[column].parse::<u64>().expect("a number");
            let sum = number(&expected[0]) + number(&last);
            expected[0].insert(column.to_owned(), sum.to_string());
        }
    }
}

fn compare<'a>(expected: &'a Expected, found: &'a Value) -> impl Iterator<Item = String> {
    let columns = [
        ("pkts_sent", "pkts_sent"),
        ("pkts_received", "pkts_received"),
        ("bytes_sent", "bytes_sent"),
        ("bytes_received", "bytes_received"),
        ("expected_app", "app"),
        ("expected_end_reason", "session_end_reason"),
    ];
    // A reset, then the same ports again: the reset ended the connection, the new SYN the session.
    let may_be_reused = expected["note"].starts_with("stale");
    columns.into_iter().filter_map(move |(column, field)| {
        let is = found[field].as_str().map_or_else(|| found[field].to_string(), str::to_owned);
        let should = expected[column].as_str();
        let is_fine = should == "-" || should == is || (may_be_reused && is == "tcp-reuse");
        (!is_fine).then(|| format!("{field}: expected {should}, found {is} ({})", expected["note"]))
    })
}

/// The sample's own times: the first record's start is the first packet's.
#[test]
fn times_are_the_capture_s() {
    let folder = Folder::new();
    let path = folder.write("two.pcap", &two_datagrams());
    let all = records(&replay(&[&path, "--format", "json"]).success());
    let start = Timestamp::from_secs(1_000).as_secs() as f64;
    assert_eq!(all[0]["start"].as_f64(), Some(start));
    assert_eq!(all[0]["time_generated"].as_f64().map(|time| time - start), Some(30.0), "UDP ages for 30 s");
}
