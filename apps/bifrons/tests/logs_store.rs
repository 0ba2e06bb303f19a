//! `bifrons logs`: lines go into a store and are found again.
#![allow(clippy::unwrap_used, reason = "a test may end where something is wrong")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bifrons-logs-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bifrons(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bifrons")).args(arguments).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A line of the release 8.1.
fn line(hour: u32, source: &str, app: &str, bytes: u32) -> String {
    let time = format!("2026/01/31 {hour:02}:00:00");
    format!(
        "1,{time},0042,TRAFFIC,end,2049,{time},{source},198.51.100.2,,,out,,,{app},vsys1,trust,untrust,\
         ethernet1/1,ethernet1/2,,{time},7,1,50000,443,0,0,0x0,tcp,allow,{bytes},60,40,2,\
         {time},1,any,,9,0x0,,,,1,1,tcp-fin"
    )
}

fn store(folder: &Folder) -> (String, Vec<String>) {
    let lines = vec![
        line(10, "10.0.0.1", "ssl", 100),
        line(10, "10.0.0.2", "dns-base", 50),
        line(11, "192.0.2.9", "ssl", 7000),
    ];
    let (log, store) = (folder.path("traffic.log"), folder.path("store"));
    std::fs::write(&log, format!("{}\nnoise\n", lines.join("\n"))).unwrap();
    let output = bifrons(&["logs", "import", &store, &log]);
    text(&output);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said, "3 records of 4 lines, 1 could not be read\n");
    (store, lines)
}

#[test]
fn lines_are_found_by_filters() {
    let folder = Folder::new("query");
    let (store, lines) = store(&folder);
    let count = |filter: &str| text(&bifrons(&["logs", "query", &store, "--count", "--filter", filter]));
    assert_eq!(count(""), "3\n");
    assert_eq!(count("( addr.src in 10.0.0.0/8 ) and ( app eq ssl )"), "1\n");
    assert_eq!(count("( time_generated geq '2026/01/31 10:30:00' )"), "1\n");
    let csv =
        ["logs", "query", &store, "--format", "csv", "--columns", "src,app", "--newest-first", "-n", "2"];
    assert_eq!(text(&bifrons(&csv)), "src,app\n192.0.2.9,ssl\n10.0.0.2,dns-base\n");
    let template = ["logs", "query", &store, "--template", "$app:$bytes", "-n", "1"];
    assert_eq!(text(&bifrons(&template)), "ssl:100\n");
    let exported = folder.path("out.log");
    text(&bifrons(&["logs", "export", &store, &exported]));
    let exported = std::fs::read_to_string(exported).unwrap();
    for (exported, line) in exported.lines().zip(&lines) {
        // A whole line of the release, the columns that were not there empty.
        assert!(exported.starts_with(line.as_str()) && exported.split(',').count() == 65, "{exported}");
    }
    assert_eq!(exported.lines().count(), 3);
}

#[test]
fn values_are_weighed_and_the_newest_shown() {
    let folder = Folder::new("top");
    let (store, _) = store(&folder);
    let top = text(&bifrons(&["logs", "top", &store, "app", "--by", "bytes"]));
    let rows: Vec<Vec<&str>> = top.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["bytes", "records", "app"]);
    assert_eq!(rows[1..3], [["7100", "2", "ssl"], ["50", "1", "dns-base"]]);
    let tail =
        text(&bifrons(&["logs", "tail", &store, "-n", "1", "--format", "json", "--columns", "src,bytes"]));
    assert_eq!(tail, "{\"src\":\"192.0.2.9\",\"bytes\":7000}\n");
}

#[test]
fn files_are_merged_and_deleted() {
    let folder = Folder::new("compact");
    let (store, _) = store(&folder);
    text(&bifrons(&["logs", "import", &store, &folder.path("traffic.log")]));
    assert_eq!(
        text(&bifrons(&["logs", "compact", &store])),
        "0 files with 0 records deleted\n4 files made 2 with 6 records\n"
    );
    assert_eq!(text(&bifrons(&["logs", "query", &store, "--count"])), "6\n");
    let emptied = text(&bifrons(&["logs", "compact", &store, "--keep", "1h"]));
    assert!(emptied.starts_with("2 files with 6 records deleted\n"), "{emptied}");
    assert!(!Path::new(&store).join("type=traffic/date=2026-01-31").exists());
}

#[test]
fn mistakes_are_told() {
    let folder = Folder::new("mistakes");
    let (store, _) = store(&folder);
    for (arguments, said) in [
        (["logs", "query", &store, "--filter=( addr.sorc in 10.0.0.0/8 )"], "perhaps addr.src"),
        (["logs", "query", &store, "--columns=sorc"], "no column is called sorc"),
        (["logs", "query", &store, "--template=$sorc"], "$sorc"),
        (["logs", "compact", &store, "--keep=90"], "90d"),
        (["logs", "query", "/nonexistent/store", "--count"], "/nonexistent/store"),
    ] {
        let output = bifrons(&arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(said), "{arguments:?}: {error}");
    }
}
