//! What holds of every configuration, in every form.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use proptest::prelude::*;

use super::{Import, ImportOptions, imported};
use crate::{diff, words::quoted};

/// A statement of the generator: words, of which `*NAME` is the name of an entry, and values of a list.
#[derive(Clone, Debug)]
struct Said {
    path: Vec<String>,
    list: Option<Vec<String>>,
}

const LISTS: [&str; 6] = ["from", "to", "source", "destination", "application", "service"];

fn path(words: &str) -> Vec<String> {
    words.split(' ').map(String::from).collect()
}

fn said(words: impl AsRef<str>, value: impl Into<String>) -> Said {
    let mut path = path(words.as_ref());
    path.push(value.into());
    Said { path, list: None }
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["a", "b", "c", "d e"][..])
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        name().prop_map(String::from),
        Just("any".into()),
        Just("192.0.2.7".into()),
        Just("10.0.0.0/8".into()),
        Just("ssl".into()),
        Just("service-http".into()),
        Just("application-default".into()),
        Just("no\nsuch \"thing".into()),
        Just("é <&> ' ".into()),
    ]
}

fn rule() -> impl Strategy<Value = Said> {
    let word = prop::sample::select(
        &[
            "from",
            "to",
            "source",
            "destination",
            "application",
            "service",
            "source-hip",
            "frobnicate",
            "tag",
            "category",
        ][..],
    );
    let kind = prop::sample::select(&["security", "security", "security", "nat"][..]);
    (kind, name(), word, prop::collection::vec(value(), 0..3)).prop_map(|(kind, name, word, list)| {
        let mut path = path(&format!("rulebase {kind} rules"));
        path.extend([format!("*{name}"), word.into()]);
        Said { path, list: Some(list) }
    })
}

fn statement() -> impl Strategy<Value = Said> {
    let flag = prop::sample::select(&["negate-source", "negate-destination", "disabled", "log-start"][..]);
    let yes = prop::sample::select(&["yes", "no", "perhaps"][..]);
    let member = |kind: &'static str, word: &'static str| {
        (name(), prop::collection::vec(value(), 1..3)).prop_map(move |(name, list)| Said {
            path: vec![kind.into(), format!("*{name}"), word.into()],
            list: Some(list),
        })
    };
    prop_oneof![
        6 => rule(),
        2 => (name(), flag, yes).prop_map(|(name, flag, yes)| {
            let mut said = said("rulebase security rules", format!("*{name}"));
            said.path.extend([flag.into(), yes.into()]);
            said
        }),
        1 => (name(), prop::sample::select(&["allow", "deny", "burn"][..])).prop_map(|(name, action)| {
            let mut said = said("rulebase security rules", format!("*{name}"));
            said.path.extend(["action".into(), action.into()]);
            said
        }),
        2 => (name(), prop::sample::select(&["ip-netmask", "fqdn", "ip-range"][..]), value()).prop_map(
            |(name, word, value)| Said {
                path: vec!["address".into(), format!("*{name}"), word.into(), value],
                list: None,
            }
        ),
        2 => member("address-group", "static"),
        1 => member("service-group", "members"),
        1 => member("application-group", "members"),
        1 => (name(), value()).prop_map(|(name, value)| Said {
            path: vec!["zone".into(), format!("*{name}"), "network".into(), "layer3".into()],
            list: Some(vec![value]),
        }),
        1 => value().prop_map(|value| said("deviceconfig system hostname", value)),
        1 => value().prop_map(|value| said("frob nicate", value)),
        1 => Just(Said { path: path("address"), list: None }),
    ]
}

/// Whether the words can be written in a line or in braces: those have no way to write a word that has both
/// kinds of quotation marks.
fn plain(word: &str) -> &str {
    word.strip_prefix('*').unwrap_or(word)
}

fn as_set(all: &[Said]) -> String {
    let mut text = String::new();
    for said in all {
        let words: Vec<String> = said.path.iter().map(|word| quoted(plain(word))).collect();
        let list: Option<Vec<String>> =
            said.list.as_ref().map(|list| list.iter().map(|word| quoted(word)).collect());
        let list = list.map_or(String::new(), |list| format!(" [ {} ]", list.join(" ")));
        text.push_str(&format!("set {}{list}\n", words.join(" ")));
    }
    text
}

fn as_braces(all: &[Said]) -> String {
    let mut text = String::from("config {\n");
    for said in all {
        let Some((last, above)) = said.path.split_last() else { continue };
        for word in above {
            text.push_str(&format!("{} {{ ", quoted(plain(word))));
        }
        text.push_str(&quoted(plain(last)));
        match &said.list {
            Some(list) => {
                let list: Vec<String> = list.iter().map(|word| quoted(word)).collect();
                text.push_str(&format!(" [ {} ];", list.join(" ")));
            }
            None => text.push(';'),
        }
        text.push_str(&" }".repeat(above.len()));
        text.push('\n');
    }
    text.push_str("}\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\n', "&#10;")
}

fn as_xml(all: &[Said]) -> String {
    let mut text = String::from("<config>\n");
    for said in all {
        let mut path = said.path.as_slice();
        let mut inside = String::new();
        if let Some(list) = &said.list {
            inside = list.iter().map(|value| format!("<member>{}</member>", escaped(value))).collect();
        } else if let [above @ .., value] = path
            && above.len() >= 2
        {
            inside = escaped(value);
            path = above;
        }
        for word in path.iter().rev() {
            inside = match word.strip_prefix('*') {
                Some(name) => format!("<entry name=\"{}\">{inside}</entry>", escaped(name)),
                None => format!("<{word}>{inside}</{word}>"),
            };
        }
        text.push_str(&inside);
        text.push('\n');
    }
    text.push_str("</config>\n");
    text
}

/// What the result says of the lists of a rule, and whether it is enabled.
#[derive(Default)]
struct Rule {
    lists: BTreeMap<String, BTreeSet<String>>,
    words: BTreeMap<String, String>,
}

fn rules(said: impl Iterator<Item = Vec<String>>) -> BTreeMap<String, Rule> {
    let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
    for words in said {
        let [base, kind, rules_word, name, word, values @ ..] = words.as_slice() else { continue };
        if [base, kind, rules_word] != ["rulebase", "security", "rules"] {
            continue;
        }
        let rule = rules.entry(name.clone()).or_default();
        rule.lists.entry(word.clone()).or_default().extend(values.iter().cloned());
        if let Some(last) = values.last() {
            rule.words.insert(word.clone(), last.clone());
        }
    }
    rules
}

/// No rule that is enabled is for more traffic than it was.
fn no_rule_is_wider(all: &[Said], import: &Import) -> Result<(), TestCaseError> {
    let before = rules(all.iter().map(|said| {
        let words = said.path.iter().map(|word| plain(word).to_string());
        words.chain(said.list.iter().flatten().cloned()).collect()
    }));
    let text = import.document.to_set();
    let after = rules(text.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let parts = crate::words::split(line).unwrap_or_default();
        let words = parts.into_iter().skip(1).flat_map(|part| match part {
            crate::words::Part::Word(word) => vec![word],
            crate::words::Part::List(words) => words,
        });
        words.collect()
    }));
    for (name, rule) in &after {
        if rule.words.get("disabled").is_some_and(|disabled| disabled == "yes") {
            continue;
        }
        let was = &before[name];
        prop_assert!(!was.lists.contains_key("frobnicate"), "{}", text);
        for list in LISTS {
            let Some(members) = was.lists.get(list) else { continue };
            let now = rule.lists.get(list).cloned().unwrap_or_default();
            prop_assert!(!now.is_empty() && now.is_subset(members), "{} of {}: {}", list, name, text);
            let negated = rule.words.get(&format!("negate-{list}")).is_some_and(|word| word == "yes");
            prop_assert!(!negated || &now == members, "{} of {}: {}", list, name, text);
        }
        for flag in ["negate-source", "negate-destination"] {
            let (now, was) = (rule.words.get(flag), was.words.get(flag));
            prop_assert!(now == was, "{} of {}: {}", flag, name, text);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_statement_is_accounted_for_in_every_form(all in prop::collection::vec(statement(), 1..24)) {
        let [set, braces] = [as_set(&all), as_braces(&all)].map(|text| imported(&text));
        let xml = imported(&as_xml(&all));
        // An empty list is an element without members: one statement, too.
        let members = all.iter().map(|said| said.list.as_ref().map_or(1, |list| list.len().max(1)));
        prop_assert_eq!(set.count.read, all.len());
        prop_assert_eq!(braces.count.read, all.len());
        prop_assert_eq!(xml.count.read, members.sum::<usize>());
        let statements: BTreeSet<usize> = set.left_out.iter().map(|left| left.statement).collect();
        prop_assert_eq!(set.count.listed, statements.len());
        for import in [&set, &braces, &xml] {
            no_rule_is_wider(&all, import)?;
        }
        let changes = diff(&set.document, &braces.document);
        prop_assert!(changes.is_empty(), "{}", changes);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = crate::import(&bytes, &ImportOptions::default());
    }

    #[test]
    fn no_text_of_these_words_panics(
        words in prop::collection::vec(
            prop::sample::select(&[
                "set", "delete", "move", "a", "{", "}", "[", "]", ";", "\"", "\n", " ", "<config>",
                "</config>", "<entry name=\"", "\">", "</entry>", "<member>", "</member>", "<!--",
                "-->", "rulebase", "security", "rules", "top", "shared", "vsys", "template",
                "device-group", "config", "before", "#", "&amp;",
            ][..]),
            0..60,
        )
    ) {
        for joint in [" ", ""] {
            let text = words.join(joint);
            for form in ["", "<config>", "set ", "a {\n"] {
                let _ = crate::import(format!("{form}{text}").as_bytes(), &ImportOptions::default());
            }
        }
    }
}
