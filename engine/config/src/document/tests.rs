//! Documents: written and read back, and changed.

use alloc::{format, string::ToString, vec};

use proptest::prelude::*;

use super::*;
use crate::{parse_lenient, schema::SECTIONS};

const CANONICAL: &str = "\
# The gate of the north building.
# Owner: network team.

# Its name.
set deviceconfig system hostname gate
set deviceconfig setting session timeout-tcp 7200
set network interface ethernet ethernet1/1 layer3 ip [ 10.0.0.1/24 10.0.1.1/24 ]
set network interface ethernet ethernet1/2 layer3
set network interface ethernet ethernet1/3 tap
set zone trust network layer3 [ ]
set zone \"far away\"
set address host ip-netmask 10.0.0.9
set address host description \"it's \\ here # [ ]\"
# People.
# And others.
set rulebase security rules \"web out\" from trust
set rulebase security rules \"web out\" application [ ssl web-browsing ]
set rulebase security rules \"web out\" action allow
set rulebase security rules a description ''
# The end.
";

#[test]
fn the_canonical_form_is_kept_to_the_letter() {
    let text = CANONICAL.replace("''", "\"\"");
    let document = Document::parse(&text, "gate.set").unwrap();
    assert_eq!(document.to_set(), text);
    assert_eq!(Document::parse(&document.to_set(), "").unwrap(), document);
    assert_eq!(document.file(), "gate.set");
}

#[test]
fn any_other_form_becomes_the_canonical_one() {
    for (text, expected) in [
        ("", ""),
        ("\u{feff}  zone   a\r\n\r\n", "set zone a\n"),
        ("# a\n\n\n# b\n", "# a\n\n# b\n"),
        ("# a\n", "# a\n"),
        ("\n\n# a\n\n", "# a\n\n"),
        ("#a\nzone a\n#b", "#a\nset zone a\n#b\n"),
        // What belongs together on one line is written line by line.
        (
            "# x\nset zone a network layer3 [ ] zone-protection-profile p\n",
            "# x\nset zone a network layer3 [ ]\nset zone a network zone-protection-profile p\n",
        ),
        // The order is that of the manual; a comment goes with its line.
        (
            "# z\nzone a\n# h\ndeviceconfig system hostname g\n",
            "# h\nset deviceconfig system hostname g\n# z\nset zone a\n",
        ),
        // A list grows, a value is replaced, and what was said of both is kept.
        (
            "# 1\nzone a network tap ethernet1/1\n# 2\nzone a network tap ethernet1/2\n",
            "# 1\n# 2\nset zone a network tap [ ethernet1/1 ethernet1/2 ]\n",
        ),
        (
            "# 1\ndeviceconfig system hostname a\n# 2\ndeviceconfig system hostname b\n",
            "# 1\n# 2\nset deviceconfig system hostname b\n",
        ),
        // The comment of an entry stands before its first line.
        ("# a\nzone a\nzone a network tap [ ]\n", "# a\nset zone a network tap [ ]\n"),
        // What was said of a moved entry goes with it; what was said of a removal goes to the next line.
        (
            "zone a\nzone b\n# first\nmove zone b top\n# gone\ndelete zone a\nzone c\n",
            "# first\nset zone b\n# gone\nset zone c\n",
        ),
        ("zone a\nrename zone a to b\ncopy zone b to \"c d\"\n", "set zone b\nset zone \"c d\"\n"),
        // Words that say nothing by themselves leave no line.
        ("deviceconfig system\nzone a\ndelete zone a\n", ""),
        ("deviceconfig system hostname a\ndelete deviceconfig system hostname\n", ""),
        ("deviceconfig system hostname a\ndelete deviceconfig system hostname a\n", ""),
        (
            "zone a network tap ethernet1/1\ndelete zone a network tap ethernet1/1\n",
            "set zone a network tap [ ]\n",
        ),
    ] {
        let document = Document::parse(text, "x.set").unwrap();
        assert_eq!(document.to_set(), expected, "{text}");
    }
}

#[test]
fn verbs_change_what_they_name() {
    let mut document = Document::default();
    document.set("zone trust network layer3 ethernet1/1").unwrap();
    document.set("vsys vsys1 zone untrust network layer3 [ ethernet1/2 ethernet1/3 ]").unwrap();
    document.set_value(&["address", "web servers", "ip-netmask"], &["10.0.0.0/24"]).unwrap();
    document.set_value(&["zone", "trust", "network", "layer3"], &["ethernet1/4"]).unwrap();
    document.move_to("zone untrust", Position::Top).unwrap();
    document.copy("zone trust", "guest").unwrap();
    document.rename("address \"web servers\"", "it is").unwrap();
    document.delete("zone untrust network layer3 ethernet1/2").unwrap();
    document.edit("move zone guest before trust").unwrap();
    document.edit("").unwrap();
    let expected = "\
        set zone untrust network layer3 ethernet1/3\n\
        set zone guest network layer3 [ ethernet1/1 ethernet1/4 ]\n\
        set zone trust network layer3 [ ethernet1/1 ethernet1/4 ]\n\
        set address \"it is\" ip-netmask 10.0.0.0/24\n";
    assert_eq!(document.to_set(), expected);
    assert_eq!(document.show("").unwrap(), expected);
    assert_eq!(document.show("zone guest").unwrap(), expected.lines().nth(1).unwrap().to_string() + "\n");
    let value = document.show("zone untrust network layer3 ethernet1/3").unwrap();
    assert_eq!(value, "set zone untrust network layer3 ethernet1/3\n");
    assert_eq!(document.show("address \"it is\"").unwrap(), "set address \"it is\" ip-netmask 10.0.0.0/24\n");
}

#[test]
fn what_cannot_be_done_says_so_and_changes_nothing() {
    let text =
        "set zone a network tap [ ]\nset zone b\nset zone top\nset rulebase security rules r action allow\n";
    let mut document = Document::parse(text, "x.set").unwrap();
    for (line, expected) in [
        ("delete zone c", "zone c: there is nothing of that name"),
        ("delete zoen a", "zoen a: not supported: `zoen`; did you mean `zone`?"),
        (
            "delete zone a network tap ethernet1/1",
            "zone a network tap ethernet1/1: there is nothing of that name",
        ),
        ("delete", "there is nothing of that name"),
        ("set zone a network layer3 ethernet1/1 nonsense", "zone a: not supported: `nonsense`"),
        ("set deviceconfig system hostname x", ""),
        ("rename zone a to b", "zone a to b: the name `b` is taken"),
        ("copy zone a to a", "zone a to a: the name `a` is taken"),
        ("rename zone a", "zone a: a value is missing; expected an entry, then `to NAME`"),
        ("rename zone to x", "zone to x: a value is missing; expected an entry, then `to NAME`"),
        ("rename zone x to y", "zone x to y: there is nothing of that name"),
        (
            "rename zone a to ?",
            "zone a to ?: `?` is not accepted; expected a name of at most 31 characters: letters, digits, \
             spaces, `_`, `-`, `.`",
        ),
        ("move zone a after c", "zone a after c: there is nothing of that name"),
        (
            "move zone a after",
            "zone a after: a value is missing; expected an entry, then `top`, `bottom`, `before NAME` or \
             `after NAME`",
        ),
        ("set zone \"a", "a quotation mark is not closed on this line"),
    ] {
        let before = document.clone();
        match document.edit(line) {
            Ok(()) => assert_eq!((expected, document == before), ("", false), "{line}"),
            Err(error) => {
                assert!(error.to_string().starts_with(expected) && !expected.is_empty(), "{line}: {error}");
                assert_eq!(document, before, "{line}");
            }
        }
    }
    // An entry may be called what a position is called.
    document.edit("move zone a after top").unwrap();
    document.edit("move zone b before top").unwrap();
    assert!(document.to_set().contains("set zone b\nset zone top\nset zone a network tap [ ]\n"));
    for (path, expected) in [
        ("zone c", "zone c: there is nothing of that name"),
        ("zone a nonsense x", "zone a: not supported: `nonsense`; did you mean"),
        ("zone a network layer3", "zone a network layer3: there is nothing of that name"),
    ] {
        let error = document.show(path).unwrap_err().to_string();
        assert!(
            error.starts_with(&expected[..expected.len().min(50)]) || error.contains("not supported"),
            "{error}"
        );
    }
}

#[test]
fn a_merge_is_taken_as_a_whole() {
    let mut document = Document::parse("zone a\n", "x.set").unwrap();
    let errors = document.load_merge("zone b\nzone c network tap\nzoen d\n", "more.set").unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].to_string(), "more.set:3: not supported: `zoen`; did you mean `zone`?");
    assert_eq!(document.to_set(), "set zone a\n");
    document.load_merge("zone b\ndelete zone a\n", "more.set").unwrap();
    assert_eq!(document.to_set(), "set zone b\n");
}

#[test]
fn values_are_never_read_as_lines() {
    let mut document = Document::default();
    for value in ["x\nset zone b", "x' zone c \"", "\"", "]", "[ a ]", "# a"] {
        let set = document.set_value(&["address", "a", "description"], &[value]);
        let text = document.to_set();
        assert!(!text.contains("set zone"), "{text}");
        if set.is_ok() {
            assert_eq!(Document::parse(&text, "x.set").unwrap(), document, "{value}");
        }
    }
}

#[test]
fn settings_without_effect_are_named_once() {
    let text = "deviceconfig system hostname a\ndeviceconfig setting session tcp-retransmit-scan yes\n";
    let document = Document::parse(text, "x.set").unwrap();
    assert_eq!(document.without_effect(), ["deviceconfig setting session tcp-retransmit-scan"]);
    assert_eq!(Document::tap().without_effect(), [""; 0]);
}

#[test]
fn too_much_is_refused_early() {
    let text = " ".repeat(crate::MOST_BYTES + 1);
    let errors = Document::parse(&text, "big.set").unwrap_err();
    assert_eq!(errors[0].to_string(), "big.set:1: the text has 67108865 bytes; at most 67108864 are read");
    assert!(Document::default().load_merge(&text, "big.set").is_err());
}

#[test]
fn nonsense_is_not_read_to_its_end() {
    // Each line is a mistake of its own, and there would be hints for all of them.
    let text = "x\n".repeat(1_000_000);
    assert_eq!(Document::parse(&text, "x.set").unwrap_err().len(), 50);
    let text = "[ ".repeat(5_000_000);
    let errors = Document::parse(&text, "x.set").unwrap_err();
    assert_eq!(errors[0].to_string(), "x.set:1: the configuration has more than 4000000 words");
}

/// A line for some setting with some value, right or wrong.
pub(crate) fn any_line() -> impl Strategy<Value = String> {
    const VALUES: &[&str] = &[
        "any",
        "a",
        "b",
        "yes",
        "no",
        "10",
        "70000",
        "10.0.0.1",
        "10.0.0.0/8",
        "::/0",
        "10.0.0.1-10.0.0.9",
        "ssl",
        "80,90-99",
        "ethernet1/1",
        "ethernet1/2",
        "allow",
        "global",
        "service-http",
        "application-default",
        "[ a b ]",
        "[ b a ]",
        "[ ]",
        "\"b c\"",
        "\"it's\"",
        "'\"x\" y'",
        "\"[ a ] # b\"",
        "nonsense",
        "",
    ];
    const NAMES: &[&str] =
        &["a", "b", "any", "ethernet1/1", "ethernet1/2", "intrazone-default", "\"b c\"", "top"];
    const VERBS: &[&str] = &["set ", "set ", "set ", "", "delete ", "set vsys vsys1 ", "# x\nset "];
    let leaves: Vec<&str> =
        SECTIONS.iter().flat_map(|section| section.leaves).map(|leaf| leaf.path).collect();
    let name = prop::sample::select(NAMES);
    let set = (
        prop::sample::select(VERBS),
        prop::sample::select(leaves),
        prop::sample::select(VALUES),
        name.clone(),
        any::<bool>(),
    )
        .prop_map(|(verb, path, value, name, second)| {
            let step = |step: &str| match (step.starts_with('<'), step.split_once('|')) {
                (true, _) => String::from(name),
                (false, Some((one, other))) => String::from(if second { other } else { one }),
                (false, None) => step.into(),
            };
            let path: Vec<String> = path.split(' ').map(step).collect();
            format!("{verb}{} {value}", path.join(" "))
        });
    const PLACES: &[&str] = &["zone", "address", "rulebase security rules", "network interface ethernet"];
    let arrange = (prop::sample::select(PLACES), name.clone(), name, 0usize..6).prop_map(
        |(place, name, other, verb)| match verb {
            0 => format!("move {place} {name} top"),
            1 => format!("move {place} {name} bottom"),
            2 => format!("move {place} {name} before {other}"),
            3 => format!("move {place} {name} after {other}"),
            4 => format!("rename {place} {name} to {other}"),
            _ => format!("copy {place} {name} to {other}"),
        },
    );
    prop_oneof![8 => set, 2 => arrange, 1 => Just("# said".into()), 1 => Just(String::new())]
}

/// A document of all the lines that are right where they stand.
pub(crate) fn any_document() -> impl Strategy<Value = Document> {
    prop::collection::vec(any_line(), 0..40).prop_map(|lines| {
        let mut document = Document::default();
        for line in lines {
            let _ = document.load_merge(&line, "random.set");
        }
        document
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(document in any_document()) {
        let text = document.to_set();
        let read = Document::parse(&text, "printed.set");
        prop_assert_eq!(read.as_ref().map(Document::to_set), Ok(text.clone()));
        let configs = [read.unwrap(), document].map(|one| one.build_lenient().ok().map(|read| read.config));
        prop_assert_eq!(&configs[0], &configs[1]);
    }

    #[test]
    fn a_text_and_its_written_form_mean_the_same(lines in prop::collection::vec(any_line(), 0..60)) {
        let mut text = lines.join("\n");
        while let Err(errors) = parse_lenient(&text, "random.set") {
            let wrong: Vec<usize> = errors.iter().map(|error| error.line as usize - 1).collect();
            let kept = text.lines().enumerate().filter(|(number, _)| !wrong.contains(number));
            text = kept.map(|(_, line)| line).collect::<Vec<_>>().join("\n");
        }
        let (document, _) = Document::parse_lenient(&text, "random.set").unwrap();
        let printed = document.to_set();
        prop_assert_eq!(Document::parse(&printed, "printed").map(|read| read.to_set()), Ok(printed.clone()));
        let read = |text: &str| parse_lenient(text, "x").map(|read| read.config);
        prop_assert_eq!(read(&printed), read(&text), "{}\n{}", text, printed);
    }

    #[test]
    fn an_edit_does_all_or_nothing(document in any_document(), line in any_line()) {
        let line = line.replace("# x\n", "");
        let mut edited = document.clone();
        if edited.edit(&line).is_err() {
            prop_assert_eq!(edited, document);
        } else {
            prop_assert!(Document::parse(&edited.to_set(), "x").is_ok());
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,200}(\n.{0,40}){0,4}") {
        if let Ok(document) = Document::parse(&text, "x") {
            let _ = document.build();
        }
    }
}

#[test]
fn the_built_in_document_is_in_canonical_form() {
    assert_eq!(Document::tap().to_set(), include_str!("../tap.set"));
    assert_eq!(vec![Document::tap()], vec![Document::parse(include_str!("../tap.set"), "").unwrap()]);
}

#[test]
fn a_new_name_is_followed() {
    let rule = "rulebase security rules r";
    let text = format!(
        "zone trust network layer3 [ ]\naddress web ip-netmask 10.0.0.1\naddress-group web2 static web\n\
         service web protocol tcp port 80\n{rule} from [ any trust ]\n\
         {rule} source [ web web2 ]\n{rule} service web\n"
    );
    let mut document = Document::parse(&text, "x.set").unwrap();
    document.rename("zone trust", "inside").unwrap();
    document.rename("address web", "site").unwrap();
    let expected = "\
        set zone inside network layer3 [ ]\n\
        set address site ip-netmask 10.0.0.1\n\
        set address-group web2 static site\n\
        set service web protocol tcp port 80\n\
        set rulebase security rules r from [ any inside ]\n\
        set rulebase security rules r source [ site web2 ]\n\
        set rulebase security rules r service web\n";
    assert_eq!(document.to_set(), expected);
    // As long as something else has the name, what it means is not clear, and nothing follows.
    document.edit("copy address site to web2").unwrap();
    document.rename("address web2", "other").unwrap();
    assert!(document.to_set().contains("rules r source [ site web2 ]\n"));
    assert_eq!(document.tree.size(), document.tree.root.count() - 1);
}

#[test]
fn one_alternative_takes_the_place_of_the_other() {
    let mut document = Document::default();
    for line in [
        "address a ip-netmask 10.0.0.1 description x",
        "address a ip-range 10.0.0.1-10.0.0.2",
        "deviceconfig high-availability group election-option timers advanced flap-max 2",
        "deviceconfig high-availability group election-option timers aggressive",
        "service s protocol udp port 53",
        "service s protocol tcp port 53",
    ] {
        document.set(line).unwrap();
    }
    assert_eq!(
        document.to_set(),
        "set deviceconfig high-availability group election-option timers aggressive\n\
         set address a ip-range 10.0.0.1-10.0.0.2\n\
         set address a description x\n\
         set service s protocol tcp port 53\n"
    );
    let text = "address a ip-netmask 10.0.0.1\naddress a ip-range 10.0.0.1-10.0.0.2\n";
    assert!(crate::parse(text, "x.set").is_err());
}
