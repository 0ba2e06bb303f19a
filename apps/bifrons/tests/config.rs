//! `bifrons config` as a user sees it: what it prints, what it says when something is wrong, how it exits.

#[allow(dead_code, reason = "shared with tests that need captures")]
mod support;

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;
use support::{Folder, Ran, bifrons};

const GATE: &str = "\
# the way in
set zone inside network layer3
set address web ip-netmask 192.0.2.80
set rulebase security rules in to inside
set rulebase security rules in destination web
set rulebase security rules in action allow
";

const XML: &str = "<config version=\"11.1.0\">
  <mgt-config/>
  <devices><entry name=\"localhost.localdomain\"><vsys><entry name=\"vsys1\">
    <zone><entry name=\"inside\"><network><layer3/></network></entry></zone>
    <rulebase><security><rules>
      <entry name=\"in\"><source><member>nobody</member></source><action>allow</action></entry>
    </rules></security></rulebase>
  </entry></vsys></entry></devices>
</config>
";

/// Runs `bifrons config` with these arguments.
fn config(arguments: &[&str]) -> Ran {
    support::run(bifrons().arg("config").args(arguments))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn check_counts_what_there_is_and_names_what_is_wrong() {
    let folder = Folder::new();
    let good = folder.write("gate.set", GATE.as_bytes());
    let output = config(&["check", &good]).success();
    assert!(output.starts_with(&format!("{good}: in order, 1 zone, 0 interfaces, ")), "{output}");
    assert_eq!(json(&config(&["check", "--json", &good]).success())["counts"]["security rules"], 1);
    let bad = folder
        .write("bad.set", b"set zone inside network layer3\nset rulebase security rules r from outside\n");
    let ran = config(&["check", &bad]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""));
    let expected = format!("bifrons: {bad}:2: rulebase security rules r from: unknown zone `outside`");
    assert!(ran.errors.starts_with(&expected), "{}", ran.errors);
    assert!(ran.errors.ends_with(&format!("{bad}: 1 mistake, nothing was taken over\n")), "{}", ran.errors);
    let ran = config(&["check", "--json", &bad]);
    assert_eq!((ran.code, ran.errors.as_str()), (Some(1), ""));
    let report = json(&ran.output);
    assert_eq!((&report["in_order"], &report["mistakes"][0]["line"]), (&false.into(), &2.into()));
    assert!(config(&["check", &folder.path("none")]).one_error().contains("cannot read"));
}

#[test]
fn show_prints_the_one_form() {
    let folder = Folder::new();
    let text = "set rulebase security rules \"in\" action allow\nzone \"in side\" network layer3\n";
    let file = folder.write("gate.set", text.as_bytes());
    let expected = "set zone \"in side\" network layer3 [ ]\nset rulebase security rules in action allow\n";
    assert_eq!(config(&["show", &file]).success(), expected);
    let shown = config(&["show", &file, "zone", "in side"]).success();
    assert_eq!(shown, "set zone \"in side\" network layer3 [ ]\n");
    assert_eq!(config(&["show", &file, "rulebase security"]).success().lines().count(), 1);
    let ran = config(&["show", &file, "zone", "nowhere"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.one_error().contains("nothing of that name"), "{}", ran.errors);
    let ran = config(&["show", &file, "rulebas"]);
    assert!(ran.one_error().contains("did you mean `rulebase`"), "{}", ran.errors);
}

#[test]
fn diff_says_by_its_exit_whether_there_is_one() {
    let folder = Folder::new();
    let before = folder.write("before.set", GATE.as_bytes());
    let changed = GATE.replace("192.0.2.80", "192.0.2.81");
    let after = folder.write("after.set", format!("{changed}set zone outside network layer3\n").as_bytes());
    assert_eq!(config(&["diff", &before, &before]).success(), "");
    let ran = config(&["diff", &before, &after]);
    let expected = "+ zone outside network layer3 [ ]\n- address web ip-netmask 192.0.2.80\n\
                    + address web ip-netmask 192.0.2.81\n";
    assert_eq!((ran.code, ran.output.as_str(), ran.errors.as_str()), (Some(1), expected, ""));
    let lines = config(&["diff", "--set", &before, &after]).output;
    let merged = folder.write("merged.set", format!("{GATE}{lines}").as_bytes());
    assert_eq!(config(&["diff", &merged, &after]).success(), "");
    let ran = config(&["diff", "--json", &before, &after]);
    assert_eq!(json(ran.output.lines().next().unwrap())["line"], "zone outside network layer3 [ ]");
    let ran = config(&["diff", &before, &folder.path("none")]);
    assert_eq!((ran.code, ran.output.as_str()), (Some(2), ""));
    assert!(ran.one_error().contains("cannot read"), "{}", ran.errors);
}

#[test]
fn import_writes_the_lines_and_reports_the_rest() {
    let folder = Folder::new();
    let file = folder.write("gate.xml", XML.as_bytes());
    let output = folder.path("gate.set");
    let report = config(&["import", &file, "--output", &output]).success();
    let lines = std::fs::read_to_string(&output).unwrap();
    let expected = "set zone inside network layer3 [ ]\nset rulebase security rules in action allow\n\
                    # Not all conditions of this rule were carried over.\n\
                    set rulebase security rules in disabled yes\n";
    assert_eq!(lines, expected);
    for expected in [
        format!("{file}:1: "),
        format!("{file}:2: mgt-config: no effect here: accounts of administrators"),
        format!(
            "{file}:6: devices localhost.localdomain vsys vsys1 rulebase security rules in source nobody: "
        ),
        "(stricter without it)".into(),
        "rulebase security rules in: the rule is disabled".into(),
        format!("{file}: 5 statements in 9 lines of XML: 2 carried over + 3 listed\n"),
    ] {
        assert!(report.contains(&expected), "{expected} in {report}");
    }
    assert!(config(&["check", &output]).success().contains("in order"));
    assert_eq!(config(&["show", &output]).success(), lines);

    let ran = config(&["import", &file]);
    assert_eq!((ran.code, ran.output, ran.errors), (Some(0), lines, report));
    let ran = config(&["import", &file, "--report", "json"]);
    let report = json(&ran.errors);
    assert_eq!((&report["statements"], &report["carried_over"]), (&5.into(), &2.into()));
    assert_eq!(report["listed"], 3);
    assert_eq!(report["left_out"][2]["reason"], "unknown-name");
    assert_eq!(report["reasons"]["attribute"], 1);
}

#[test]
fn other_forms_can_be_looked_at_without_import() {
    let folder = Folder::new();
    let file = folder.write("gate.xml", XML.as_bytes());
    let ran = config(&["check", &file]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.one_error().contains("3 of 5 statements not carried over"), "{}", ran.errors);
    assert!(config(&["show", &file, "zone"]).output.contains("set zone inside"));
    let braces = folder.write("gate", b"zone {\n  inside {\n    network {\n      layer3;\n    }\n  }\n}\n");
    assert_eq!(config(&["show", &braces]).success(), "set zone inside network layer3 [ ]\n");
}

#[test]
fn what_cannot_be_imported_leaves_the_output_as_it_was() {
    let folder = Folder::new();
    let output = folder.write("gate.set", GATE.as_bytes());
    let utf_16: Vec<u8> = "\u{feff}<config/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let large = folder.write("large.xml", b"<config>");
    std::fs::OpenOptions::new().write(true).open(&large).unwrap().set_len(100 << 20).unwrap();
    for (file, expected) in [
        (
            folder.write("bomb.xml", b"<!DOCTYPE c [<!ENTITY a \"aa\">]>\n<config>&a;</config>"),
            ":1: a document type",
        ),
        (folder.write("open.xml", b"<config>\n<a>\n"), ":3: not well-formed"),
        (folder.write("wide.xml", &utf_16), ":1: byte 0: UTF-16"),
        (folder.write("latin.set", b"set address h description \xe9\n"), ":1: byte 26: "),
        (folder.write("other.xml", b"\n<records/>"), ":2: the outermost element is `records`"),
        (folder.write("text", b"hello\n"), ":1: no configuration"),
        (large, ":1: the file has 104857600 bytes; at most 67108864 are read"),
        (folder.path("none"), "cannot read"),
    ] {
        let ran = config(&["import", &file, "--output", &output]);
        assert_eq!((ran.code, ran.output.as_str()), (Some(1), ""));
        assert!(ran.one_error().contains(&file) && ran.one_error().contains(expected), "{}", ran.errors);
        assert_eq!(std::fs::read_to_string(&output).unwrap(), GATE);
    }
    let file = folder.write("gate.set.in", b"set vsys vsys1 zone z network layer3\n");
    let ran = config(&["import", &file, "--vsys", "vsys2"]);
    assert!(
        ran.one_error().contains("there is no virtual system `vsys2`; there are vsys1"),
        "{}",
        ran.errors
    );
}

#[test]
fn standard_input_is_a_file_too() {
    let mut child = bifrons()
        .args(["config", "import", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"set zone z network layer3\n").unwrap();
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.output.as_str()), (Some(0), "set zone z network layer3 [ ]\n"));
    assert_eq!(ran.errors, "-: 1 statement in 1 line of set lines: 1 carried over + 0 listed\n");
}

/// The engine reads no files: the program hands it what is in those that the configuration names.
#[test]
fn external_lists_are_read_beside_the_configuration() {
    let folder = Folder::new();
    folder.write("bad.txt", b"192.0.2.0/24\n# known\n198.51.100.7\n");
    let text = "set external-list bad type ip url file://bad.txt\n\
                set rulebase security rules r source bad\nset rulebase security rules r action drop\n";
    let file = folder.write("gate.set", text.as_bytes());
    let ran = config(&["check", &file]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.output.contains("1 security rule"), "{}", ran.output);
    // Without zones no rule can match, which is told.
    assert!(ran.errors.contains("security rule \"r\" never matches"), "{}", ran.errors);
    let missing = folder.write("other.set", text.replace("bad.txt", "none.txt").as_bytes());
    let ran = config(&["check", &missing]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.errors.contains(&format!("{missing}:1: ")), "{}", ran.errors);
}

#[test]
fn the_manual_can_be_asked() {
    assert_eq!(config(&["manual"]).success(), bifrons_config::manual());
    let rows = config(&["manual", "deviceconfig", "setting", "session"]).success();
    assert!(rows.lines().count() > 20 && rows.lines().skip(2).all(|row| row.starts_with("| `deviceconfig")));
    assert_eq!(config(&["manual", "frobnicate"]).code, Some(1));
}

/// A pipe that is closed early is no error.
#[test]
fn a_reader_may_stop() {
    let text = "set address a ip-netmask 192.0.2.1\n";
    let many: String = (0..20_000).map(|number| text.replace(" a ", &format!(" a{number} "))).collect();
    let folder = Folder::new();
    let file = folder.write("many.set", many.as_bytes());
    let program = env!("CARGO_BIN_EXE_bifrons");
    let command = format!("'{program}' config show '{file}' | head -n 1");
    let ran = Ran::from(Command::new("sh").args(["-c", &command]).output().unwrap());
    assert_eq!((ran.output.as_str(), ran.errors.as_str()), ("set address a0 ip-netmask 192.0.2.1\n", ""));
}
