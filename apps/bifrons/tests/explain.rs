//! `bifrons explain` as a user sees it: what it reads, what it says, how it is asked.

#[allow(dead_code, reason = "shared with tests that need captures")]
mod support;

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;
use support::{Folder, Ran, bifrons, spawn};

/// A session as a test gives it.
#[derive(Clone, Copy)]
struct Session<'a> {
    minute: u32,
    src: &'a str,
    dst: &'a str,
    rule: &'a str,
    app: &'a str,
    dport: u16,
    proto: &'a str,
    subtype: &'a str,
    action: &'a str,
    sent: (u32, u32),
    received: (u32, u32),
    reason: &'a str,
}

const WEB: Session<'static> = Session {
    minute: 0,
    src: "10.1.2.3",
    dst: "192.0.2.80",
    rule: "outbound",
    app: "web-browsing",
    dport: 80,
    proto: "tcp",
    subtype: "end",
    action: "allow",
    sent: (8, 1_000),
    received: (8, 5_000),
    reason: "tcp-fin",
};

const SYN: Session<'static> =
    Session { app: "incomplete", sent: (4, 296), received: (0, 0), reason: "aged-out", ..WEB };

const PROBE: Session<'static> = Session {
    rule: "interzone-default",
    app: "not-applicable",
    dport: 445,
    subtype: "drop",
    action: "deny",
    sent: (1, 70),
    received: (0, 0),
    reason: "policy-deny",
    ..WEB
};

/// The session's record as PAN-OS 8.1 writes it, in 61 columns.
fn csv(session: &Session<'_>) -> String {
    let Session { minute, src, dst, rule, app, dport, proto, subtype, action, sent, received, reason } =
        session;
    let time = format!("2026/11/22 12:{minute:02}:30");
    let (packets, bytes) = (sent.0 + received.0, sent.1 + received.1);
    format!(
        "1,{time},0042,TRAFFIC,{subtype},2049,{time},{src},{dst},0.0.0.0,0.0.0.0,{rule},,,{app},vsys1,trust,\
         untrust,ethernet1/1,ethernet1/2,,{time},4711,1,50000,{dport},0,0,0x0,{proto},{action},{bytes},{},{},\
         {packets},2026/11/22 12:{minute:02}:00,15,any,0,7,0x0,,,0,{},{},{reason},0,0,0,0,,gate,from-policy,\
         ,,0,,0,,N/A\n",
        sent.1, received.1, sent.0, received.0
    )
}

fn log(sessions: &[Session<'_>]) -> String {
    sessions.iter().map(csv).collect()
}

fn explain(arguments: &[&str]) -> Ran {
    support::run(bifrons().arg("explain").args(arguments))
}

fn json_lines(arguments: &[&str]) -> Vec<Value> {
    let output = explain(&[&["--format", "json"], arguments].concat()).success();
    output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

#[test]
fn each_record_has_its_columns_and_what_is_said_of_it() {
    let folder = Folder::new();
    let file = folder.write("log.csv", log(&[WEB, SYN, PROBE]).as_bytes());
    let lines = json_lines(&[&file]);
    let said = |line: usize, name: &str| lines[line][name].clone();
    assert_eq!(lines.len(), 3);
    assert_eq!((said(0, "src"), said(0, "bytes_received")), ("10.1.2.3".into(), 5_000.into()));
    let tables = ["final_action_by_action", "final_action_by_app", "final_action_by_reason", "final_action"];
    for (line, expected) in [(0, ["Allowed"; 4]), (1, ["Allowed"; 4]), (2, ["Blocked"; 4])] {
        assert_eq!(tables.map(|name| said(line, name)), expected.map(Value::from), "{line}");
    }
    assert_eq!([0, 1, 2].map(|line| said(line, "outcome")), ["delivered", "not delivered", "not delivered"]);
    let names = ["tcp-closed", "server-never-answered", "no-rule-for-port"];
    assert_eq!([0, 1, 2].map(|line| said(line, "diagnosis")), names);
    assert_eq!(said(1, "evidence")["pkts_received"], 0);
    let commands = said(2, "commands").to_string();
    assert!(commands.contains("destination 192.0.2.80 destination-port 445 protocol 6"), "{commands}");
    assert!(said(1, "next_step").as_str().is_some_and(|text| text.ends_with('.')));
    assert!(said(1, "alternatives").as_array().is_some_and(|others| others.len() == 3));
}

#[test]
fn a_table_fits_a_terminal_and_begins_with_the_summary() {
    let folder = Folder::new();
    let mut sessions = Vec::new();
    for minute in 0..60 {
        sessions.extend([Session { minute, ..WEB }; 5]);
        if (20..40).contains(&minute) {
            sessions.extend([Session { minute, ..SYN }; 5]);
        }
    }
    let probes: Vec<String> = (0..40).map(|number| format!("192.0.2.{number}")).collect();
    let scan = |dst| Session { src: "2001:db8:ffff:ffff:ffff:ffff:ffff:1", dst, ..PROBE };
    sessions.extend(probes.iter().map(|dst| scan(dst)));
    let hostile = Session { rule: "\u{1b}[31mred", app: "unknown-tcp", ..WEB };
    sessions.push(hostile);
    let file = folder.write("log.csv", log(&sessions).as_bytes());
    let output = explain(&["--records", "500", &file]).success();
    for line in output.lines() {
        assert!(line.chars().count() <= 80 && line.trim_end() == line, "{line:?}");
    }
    assert!(output.starts_with("441 records, 2026-11-22 12:00 to 2026-11-22 12:59\n"), "{output}");
    for expected in [
        "\nnot delivered                140",
        "\nserver-never-answered ",
        "looks like a scanner: 40 attempts without success, to at least",
        "at 2026-11-22 12:20 server-never-answered rose from 0.0 to 5.0 a minute",
        "at 2026-11-22 12:40 server-never-answered fell from 5.0 to 0.0 a minute",
        "    100     301 10.1.2.3        192.0.2.80:80 tcp     server-never-answered",
    ] {
        let flat = output.replace("\n    ", " ");
        assert!(output.contains(expected) || flat.contains(expected), "{expected}\n{output}");
    }
    assert!(!output.contains('\u{1b}'));
}

#[test]
fn what_cannot_be_read_is_counted_and_kept() {
    let folder = Folder::new();
    let mut bytes = csv(&WEB).into_bytes();
    bytes.extend_from_slice(b"hello\n\xff\xfe\x00\n1,2026/11/22 12:00:00,0042,TRAFFIC,end\n");
    bytes.extend(std::iter::repeat_n(b'x', 3 << 20));
    bytes.push(b'\n');
    bytes.extend_from_slice(csv(&SYN).as_bytes());
    let file = folder.write("log.csv", &bytes);
    let rejects = folder.write("rejects", b"");
    let output = explain(&["--rejects", &rejects, &file]).success();
    assert!(output.contains("2 records,") && output.contains("\n4 lines could not be read"), "{output}");
    let rejects = std::fs::read_to_string(rejects).unwrap();
    let numbers: Vec<_> =
        rejects.lines().map(|line| line.strip_prefix(&file).unwrap().split(':').nth(1)).collect();
    assert_eq!(numbers, [Some("2"), Some("3"), Some("4"), Some("5")], "{rejects}");
    let ran = explain(&["--format", "json", &file]);
    assert_eq!((ran.code, ran.output.lines().count()), (Some(0), 2));
    assert_eq!(ran.one_error(), "bifrons: 4 of 6 lines could not be read");
}

#[test]
fn a_filter_chooses_and_its_mistakes_are_shown() {
    let folder = Folder::new();
    let file = folder.write("log.csv", log(&[WEB, SYN, PROBE]).as_bytes());
    let chosen = json_lines(&["--filter", "( port.dst eq 445 ) or ( app eq incomplete )", &file]);
    let names: Vec<_> = chosen.iter().map(|line| line["diagnosis"].clone()).collect();
    assert_eq!(names, ["server-never-answered", "no-rule-for-port"]);
    let ran = explain(&["--filter", "( port.dst eq", &file]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""));
    assert!(ran.errors.starts_with("bifrons: --filter: "), "{}", ran.errors);
}

#[test]
fn two_logs_are_compared() {
    let folder = Folder::new();
    let before = folder.write("before", log(&[WEB, Session { dport: 443, ..SYN }]).as_bytes());
    let after = folder.write("after", log(&[SYN, Session { dport: 443, ..WEB }]).as_bytes());
    let output = explain(&["--compare", &before, &after]).success();
    let place = |text: &str| output.find(text).unwrap_or_else(|| panic!("{text}\n{output}"));
    let (broken, repaired) = (place("Delivered before, failing now"), place("Failing before, delivered now"));
    let (web, tls) = (place("  10.1.2.3 to 192.0.2.80:80 tcp"), place("  10.1.2.3 to 192.0.2.80:443 tcp"));
    assert!(broken < web && web < repaired && repaired < tls, "{output}");
    let summary = json_lines(&["--compare", &before, &after]).pop().unwrap();
    assert_eq!(summary["type"], "summary");
    assert_eq!(summary["comparison"]["newly_failing"][0]["before"]["dport"], 80);
    assert_eq!(summary["comparison"]["repaired"][0]["after"]["deliveries"], 1);
}

#[test]
fn standard_input_is_a_file() {
    let mut child = spawn(bifrons().args(["explain", "--format", "json", "-"]));
    child.stdin.take().unwrap().write_all(csv(&WEB).as_bytes()).unwrap();
    let output = Ran::from(child.wait_with_output().unwrap()).success();
    assert!(output.contains("\"diagnosis\":\"tcp-closed\""), "{output}");
    let ran = explain(&["/nowhere/log"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.one_error().starts_with("bifrons: cannot read /nowhere/log: "), "{}", ran.errors);
}

/// A page with more records than it embeds, several causes, and values that would be markup.
fn page(folder: &Folder) -> String {
    let mut sessions = vec![Session { rule: "</script><script>document.title='taken'</script><!--", ..WEB }];
    sessions.push(Session { app: "<img src=x onerror=document.title=1>", dport: 22, ..WEB });
    for minute in 0..30 {
        sessions.extend([Session { minute, ..WEB }; 10]);
        sessions.extend([Session { minute, dport: 443, ..SYN }; 3]);
        sessions.extend([Session { minute, ..PROBE }; 2]);
    }
    let file = folder.write("log.csv", log(&sessions).as_bytes());
    explain(&["--format", "html", &file]).success()
}

#[test]
fn a_page_holds_all_it_needs_and_no_markup_from_logs() {
    let folder = Folder::new();
    let page = page(&folder);
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<img") && !page.contains("<!--"));
    for outside in ["src=\"", "href=\"http", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    assert_eq!(data["summary"]["outcomes"]["delivered"], 302);
    assert_eq!(data["records"].as_array().unwrap().len(), 200 + 90 + 60, "at most 200 of a cause");
    assert!(data["note"].as_str().unwrap().starts_with("350 of 452 records are in this page"));
}

/// The browser, where there is one: `BIFRONS_BROWSER`, or `chromium` on the search path.
fn browser() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("BIFRONS_BROWSER") {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|file| file.is_file())
}

#[test]
fn the_page_is_clicked_through_in_a_browser() {
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).status();
    let Some(browser) = browser().filter(|_| node.is_ok_and(|status| status.success())) else {
        eprintln!("skipped: needs node and chromium (or BIFRONS_BROWSER)");
        return;
    };
    let folder = Folder::new();
    let page = folder.write("page.html", page(&folder).as_bytes());
    let shots = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("explain-page");
    let ran = support::run(
        Command::new("node")
            .args(["--no-warnings", "--experimental-websocket"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/browser/explain.mjs"))
            .args([&browser, &PathBuf::from(page), &shots]),
    );
    assert_eq!(
        (ran.code, ran.output.as_str()),
        (Some(0), "sorted, filtered and looked at\n"),
        "{}",
        ran.errors
    );
    for name in ["light.png", "cause.png", "dark.png"] {
        assert!(shots.join(name).metadata().is_ok_and(|shot| shot.len() > 10_000), "{name}");
    }
    eprintln!("screenshots are in {}", shots.display());
}

/// Every traffic record of real devices has an outcome, and blocked ones are never delivered whole.
#[test]
fn real_records_are_explained() {
    let Some(corpus) = std::env::var_os("BIFRONS_CORPUS") else {
        eprintln!("skipped: BIFRONS_CORPUS is not set");
        return;
    };
    let folder = PathBuf::from(corpus).join("panos-logs/elastic");
    let files = ["traffic-sample.log", "inc-traffic-sample.log", "threat-sample.log"];
    let files: Vec<String> = files.iter().map(|name| folder.join(name).display().to_string()).collect();
    let arguments: Vec<&str> = files.iter().map(String::as_str).collect();
    let lines = json_lines(&arguments);
    assert!(lines.len() > 200, "{}", lines.len());
    for line in &lines {
        assert!(line["outcome"].is_string() && line["diagnosis"].is_string(), "{line}");
        assert!(line["final_action"] != "Blocked" || line["outcome"] != "delivered", "{line}");
    }
}
