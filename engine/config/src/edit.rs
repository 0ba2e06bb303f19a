//! The verbs that change a document, on its tree: each does what it says or nothing.

use alloc::{string::String, vec::Vec};

use crate::{
    Accepted, Problem, references,
    schema::{Kind, Schema},
    tree::{Position, Tree},
    words::excerpt,
};

/// What the schema says of a row of words.
pub(crate) struct Walk<'s> {
    /// The schema at each word, and whether the word names an entry. A value has no schema of its own, so
    /// there may be one step less than there are words.
    pub(crate) steps: Vec<(&'s Schema, bool)>,
}

/// The first word that leads nowhere.
pub(crate) struct Stray {
    /// Its place in the row.
    pub(crate) place: usize,
    /// What to say of it.
    pub(crate) problem: Problem,
}

impl Stray {
    /// What to say of `word`, which the schema does not have at this place. A hint takes time to find.
    pub(crate) fn problem(schema: &Schema, word: &str, with_hint: bool) -> Problem {
        let accepted = if with_hint {
            Accepted::for_word(word, schema.words.iter().map(|(word, _)| *word))
        } else {
            Accepted::Unknown
        };
        Problem::NotSupported { word: excerpt(word), accepted }
    }
}

/// Follows a row of words; the last of them may be a value.
pub(crate) fn walk<'s, W: AsRef<str>>(root: &'s Schema, words: &[W]) -> Result<Walk<'s>, Stray> {
    let mut steps = Vec::new();
    let mut schema = root;
    for (place, word) in words.iter().enumerate() {
        let word = word.as_ref();
        if let Some(below) = schema.word(word) {
            steps.push((below, false));
            schema = below;
        } else if let Some((_, below)) = schema.key.as_ref() {
            steps.push((&**below, true));
            schema = below;
        } else if schema.leaf.is_some_and(|leaf| leaf.kind != Kind::Presence) && place + 1 == words.len() {
            return Ok(Walk { steps });
        } else {
            return Err(Stray { place, problem: Stray::problem(schema, word, true) });
        }
    }
    Ok(Walk { steps })
}

/// Whether the path names an entry or something in one.
pub(crate) fn is_in_entry<W: AsRef<str>>(root: &Schema, path: &[W]) -> bool {
    walk(root, path).is_ok_and(|walk| walk.steps.iter().any(|(_, is_entry)| *is_entry))
}

/// Words of which an entry has one: above them, as in a path of the manual, and the words.
const ALTERNATIVES: &[(&str, &[&str])] = &[
    ("address <address>", &["ip-netmask", "ip-range", "ip-wildcard", "fqdn"]),
    ("address-group <address-group>", &["static", "dynamic"]),
    ("service <service> protocol", &["tcp", "udp"]),
    ("service <service> protocol tcp override", &["no", "yes"]),
    ("service <service> protocol udp override", &["no", "yes"]),
    ("external-list <external-list> type", &["ip", "domain", "url"]),
    ("schedule <schedule> schedule-type", &["recurring", "non-recurring"]),
    ("schedule <schedule> schedule-type recurring", &["daily", "weekly"]),
    ("network interface ethernet <interface>", &["layer3", "tap", "virtual-wire", "ha"]),
    ("zone <zone> network", &["layer3", "tap", "virtual-wire"]),
    (
        "network virtual-router <virtual-router> routing-table ip static-route <route> nexthop",
        &["ip-address", "discard", "next-vr"],
    ),
    (
        "network virtual-router <virtual-router> routing-table ipv6 static-route <route> nexthop",
        &["ipv6-address", "discard", "next-vr"],
    ),
    (
        "network virtual-router <virtual-router> routing-table ip static-route <route> route-table",
        &["unicast", "no-install"],
    ),
    (
        "network virtual-router <virtual-router> routing-table ipv6 static-route <route> route-table",
        &["unicast", "no-install"],
    ),
    (
        "network virtual-router <virtual-router> ecmp algorithm",
        &["ip-modulo", "ip-hash", "weighted-round-robin", "balanced-round-robin"],
    ),
    ("network profiles zone-protection-profile <profile> flood tcp-syn", &["red", "syn-cookies"]),
    (
        "network profiles zone-protection-profile <profile> scan <scan> action",
        &["allow", "alert", "block", "block-ip"],
    ),
    ("network profiles zone-protection-profile <profile> scan-white-list <exempt-source>", &["ipv4", "ipv6"]),
    ("rulebase pbf rules <rule> from", &["zone", "interface"]),
    ("rulebase pbf rules <rule> action", &["forward", "discard", "no-pbf"]),
    (
        "rulebase nat rules <rule> source-translation",
        &["dynamic-ip-and-port", "persistent-dynamic-ip-and-port", "dynamic-ip", "static-ip"],
    ),
    (
        "rulebase nat rules <rule> source-translation dynamic-ip-and-port",
        &["translated-address", "interface-address"],
    ),
    ("rulebase nat rules <rule>", &["destination-translation", "dynamic-destination-translation"]),
    (
        "deviceconfig high-availability group election-option timers",
        &["recommended", "aggressive", "advanced", "fast"],
    ),
    ("deviceconfig high-availability group mode", &["active-passive", "active-active"]),
    (
        "deviceconfig high-availability group mode active-active session-owner-selection",
        &["primary-device", "first-packet"],
    ),
    (
        "deviceconfig high-availability group mode active-active session-owner-selection first-packet \
         session-setup",
        &["primary-device", "first-packet", "ip-modulo", "ip-hash"],
    ),
    (
        "deviceconfig high-availability group mode active-active virtual-address <shared-interface> ip \
         <virtual-address>",
        &["floating", "arp-load-sharing"],
    ),
    (
        "deviceconfig high-availability group mode active-active virtual-address <shared-interface> ipv6 \
         <virtual-address>",
        &["floating", "arp-load-sharing"],
    ),
];

/// Takes out what cannot stand beside the words of the path. A person who sets one of two alternatives means
/// it instead of the other; in a text, both are a mistake.
pub(crate) fn drop_alternatives(root: &Schema, tree: &mut Tree, path: &[String]) {
    let mut above = String::new();
    let mut schema = root;
    for (place, word) in path.iter().enumerate() {
        let alternatives = ALTERNATIVES.iter().find(|(parent, _)| *parent == above).map(|(_, words)| *words);
        for other in alternatives.filter(|words| words.contains(&word.as_str())).unwrap_or_default() {
            if other != word {
                let mut other_path: Vec<&str> = path.iter().take(place).map(String::as_str).collect();
                other_path.push(other);
                tree.remove(&other_path);
            }
        }
        let (step, below) = match (schema.word(word), schema.key.as_ref()) {
            (Some(below), _) => (word.as_str(), below),
            (None, Some((key, below))) => (key.place, &**below),
            (None, None) => return,
        };
        schema = below;
        if !above.is_empty() {
            above.push(' ');
        }
        above.push_str(step);
    }
}

/// What to say of a path at which there is nothing.
pub(crate) fn missing(root: &Schema, path: &[&str]) -> Problem {
    walk(root, path).map_or_else(|stray| stray.problem, |_| Problem::NothingThere)
}

/// Takes out what stands at the path: an entry, a setting, one value of a list, or all below a word. Words
/// above it that say nothing without it go too.
pub(crate) fn delete(root: &Schema, tree: &mut Tree, path: &[&str]) -> Result<(), Problem> {
    let steps = walk(root, path).map_err(|stray| stray.problem)?.steps;
    tree.remove(path).ok_or(Problem::NothingThere)?;
    let mut above = path;
    while let [rest @ .., _] = above {
        above = rest;
        let Some((schema, _)) = above.len().checked_sub(1).and_then(|place| steps.get(place)) else { break };
        let in_entry = steps.iter().take(above.len()).any(|(_, is_entry)| *is_entry);
        let is_setting = schema.leaf.is_some_and(|leaf| leaf.kind.is_list() || leaf.kind == Kind::Presence);
        let lost_its_value = schema.leaf.is_some() && !is_setting;
        if !tree.at(above).is_some_and(|node| node.is_empty()) || is_setting || (in_entry && !lost_its_value)
        {
            break;
        }
        tree.remove(above);
    }
    Ok(())
}

/// `move ENTRY top|bottom|before OTHER|after OTHER`, `rename ENTRY to NAME`, `copy ENTRY to NAME`; the path
/// of the entry that was moved or made. What named an entry names it after it was renamed, too. `line` is
/// that of the verb.
pub(crate) fn arrange(
    root: &Schema,
    tree: &mut Tree,
    verb: &str,
    line: u32,
    words: &[&str],
) -> Result<Vec<String>, Problem> {
    let entry = last_entry(root, words);
    let (path, rest) = entry.and_then(|length| words.split_at_checked(length)).unwrap_or((&[], words));
    let Some((name, parent)) = path.split_last() else {
        return Err(expected(verb));
    };
    let mut made: Vec<String> = path.iter().map(|word| String::from(*word)).collect();
    match (verb, rest) {
        ("move", position) => {
            let position = match position {
                ["top"] => Position::Top,
                ["bottom"] => Position::Bottom,
                ["before", other] => Position::Before(other),
                ["after", other] => Position::After(other),
                _ => return Err(expected(verb)),
            };
            if !tree.move_to(parent, name, position) {
                return Err(Problem::NothingThere);
            }
        }
        ("rename" | "copy", ["to", new]) => {
            tree.at(path).ok_or(Problem::NothingThere)?;
            check_name(root, parent, new)?;
            let is_copy = verb == "copy";
            if !(if is_copy { tree.copy(parent, name, new) } else { tree.rename(parent, name, new) }) {
                return Err(Problem::NameTaken { name: excerpt(new) });
            }
            made.pop();
            made.push(String::from(*new));
            if is_copy {
                tree.at_mut(&made).into_iter().for_each(|node| node.set_lines(line));
            } else if let Some(place) = place_of(root, parent) {
                references::follow(root, tree, place, name, new);
            }
        }
        _ => return Err(expected(verb)),
    }
    Ok(made)
}

/// How many of the words lead to the last entry that they name. A word that says where an entry goes is not
/// part of the path.
fn last_entry(root: &Schema, words: &[&str]) -> Option<usize> {
    let mut schema = root;
    let mut found = None;
    for (place, word) in words.iter().enumerate() {
        schema = match (schema.word(word), schema.key.as_ref()) {
            (Some(below), _) => below,
            (None, Some((_, below))) => {
                found = Some(place + 1);
                below
            }
            (None, None) => break,
        };
    }
    found
}

/// What the names below `parent` stand for, as in a path of the manual.
fn place_of(root: &Schema, parent: &[&str]) -> Option<&'static str> {
    let steps = walk(root, parent).ok()?.steps;
    let (schema, _) = steps.last()?;
    schema.key.as_ref().map(|(key, _)| key.place)
}

/// Whether an entry below `parent` may have this name.
fn check_name(root: &Schema, parent: &[&str], name: &str) -> Result<(), Problem> {
    let steps = walk(root, parent).map_err(|stray| stray.problem)?.steps;
    let (schema, _) = steps.last().ok_or(Problem::NothingThere)?;
    let (key, _) = schema.key.as_ref().ok_or(Problem::NothingThere)?;
    if schema.word(name).is_some() {
        return Err(Problem::NameTaken { name: excerpt(name) });
    }
    key.kind.check(name).map_err(|()| Problem::BadValue {
        value: excerpt(name),
        expected: key.kind.describe(),
        accepted: Accepted::Unknown,
    })
}

fn expected(verb: &str) -> Problem {
    let expected = if verb == "move" {
        "an entry, then `top`, `bottom`, `before NAME` or `after NAME`"
    } else {
        "an entry, then `to NAME`"
    };
    Problem::MissingValue { expected: expected.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_in_the_schema() {
        let root = Schema::new();
        for (above, words) in ALTERNATIVES {
            let steps: Vec<&str> = above.split(' ').collect();
            let walk = walk(&root, &steps).map(|walk| walk.steps).unwrap_or_default();
            let (schema, _) = walk.last().expect(above);
            for word in *words {
                assert!(schema.word(word).is_some(), "{above} {word}");
            }
        }
    }
}
