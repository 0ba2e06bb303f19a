//! A file that is wrong is refused with its name and the line, and no number ever changes its owner.

use bifrons_catalog::applications;

#[path = "../build/data.rs"]
#[allow(dead_code, reason = "the build uses all of it, this test only the checks")]
mod data;

const GOOD: &str = "\
id = 0
name = \"one\"
category = \"media\"
subcategory = \"gaming\"
technology = \"client-server\"
risk = 1
ports = [\"tcp/80\", \"udp/5000-5003\", \"tcp/dynamic\", \"ip/47\"]
deny-action = \"drop\"
characteristics = [\"evasive\"]

[signatures]
hosts = [\"one.test\"]
";

fn refusal(files: &[(&str, &str)]) -> String {
    let files: Vec<_> =
        files.iter().map(|(name, text)| (format!("applications/{name}.toml"), (*text).to_owned())).collect();
    data::read(&files).expect_err("a wrong file is read").to_string()
}

fn second(parent: &str) -> String {
    let text = GOOD.replace("id = 0", "id = 1").replace("\"one\"", "\"two\"").replace("one.test", "two.test");
    text.replace("deny-action", &format!("parent = \"{parent}\"\ndeny-action"))
}

#[test]
fn a_sound_file_is_read() {
    let files = [("one.toml".to_owned(), GOOD.to_owned()), ("two.toml".to_owned(), second("one"))];
    let names: Vec<_> =
        data::read(&files).unwrap().into_iter().map(|entry| entry.name.into_inner()).collect();
    assert_eq!(names, ["one", "two"]);
}

#[test]
fn a_wrong_value_is_told_with_its_line() {
    for (from, to, expected) in [
        ("id = 0", "id = 1", "applications/one.toml:1: the number 1 is taken or leaves a gap"),
        ("id = 0", "id = 70000", "applications/one.toml:1: "),
        ("\"one\"", "\"other\"", "applications/one.toml:2: the name \"other\" is not that of the file"),
        ("media", "medium", "applications/one.toml:3: unknown category \"medium\": expected one of business"),
        ("gaming", "email", "applications/one.toml:4: unknown subcategory \"email\": expected one of audio"),
        ("client-server", "server", "applications/one.toml:5: unknown technology \"server\""),
        ("risk = 1", "risk = 6", "applications/one.toml:6: a risk is 1 to 5, not 6"),
        ("tcp/80", "tcp/70000", "applications/one.toml:7: \"tcp/70000\" is no port"),
        ("5000-5003", "5000-7000", "applications/one.toml:7: \"udp/5000-7000\" is no port"),
        ("\"drop\"", "\"allow\"", "applications/one.toml:8: unknown deny-action \"allow\""),
        ("evasive", "invasive", "applications/one.toml:9: unknown characteristic \"invasive\""),
        ("one.test", "*.test", "applications/one.toml:12: \"*.test\" cannot be a signature of kind Host"),
        ("hosts", "host", "applications/one.toml:12: unknown field `host`"),
    ] {
        let told = refusal(&[("one", &GOOD.replace(from, to))]);
        assert!(told.starts_with(expected), "{told}\nexpected {expected}");
    }
}

#[test]
fn files_that_contradict_each_other_are_told() {
    let told = refusal(&[("one", GOOD), ("two", &second("three"))]);
    assert_eq!(told, "applications/two.toml:8: there is no application \"three\"");
    let circle = GOOD.replace("deny-action", "parent = \"two\"\ndeny-action");
    let told = refusal(&[("one", &circle), ("two", &second("one"))]);
    assert_eq!(told, "applications/one.toml:8: \"one\" is among its own parents");
    let told = refusal(&[("one", GOOD), ("two", &second("one").replace("two.test", "one.test"))]);
    assert_eq!(told, "applications/two.toml:13: the domain \"one.test\" belongs to one already");
    let told = refusal(&[("one", GOOD), ("two", &second("one").replace("id = 1", "id = 0"))]);
    assert!(told.contains("the number 0 is taken or leaves a gap: the next one is 1"), "{told}");
}

/// `numbers.txt` holds every name ever given, in the order of the numbers: a new application's name goes
/// to its end, and no line ever changes.
#[test]
fn numbers_stay_with_their_names() {
    let given: Vec<_> = include_str!("../numbers.txt").lines().collect();
    let now: Vec<_> = applications().iter().map(|application| application.name).collect();
    assert_eq!(given, now);
}
