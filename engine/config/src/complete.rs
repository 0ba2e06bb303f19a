//! What may stand next on a line: for the `?` and the Tab of a shell.

use alloc::{format, string::String, vec::Vec};

use bifrons_catalog as catalog;

use crate::{
    Document, references,
    schema::{Key, Kind, Leaf, Schema},
    tree::Node,
    words::quoted,
};

/// What may stand next on a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Words that begin as the last one does, in the order of the manual.
    pub candidates: Vec<Candidate>,
    /// Whether the line may end here.
    pub can_end: bool,
}

/// One word that may stand next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The word as it is written; for `Form`, what kind of word it is.
    pub text: String,
    /// What it leads to.
    pub kind: CandidateKind,
    /// What it means, in a sentence; empty where the word says it.
    pub help: String,
}

/// What a word leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateKind {
    /// More words must follow.
    Branch,
    /// A value must follow.
    Setting,
    /// A setting by itself.
    Word,
    /// The name of something that is there.
    Name,
    /// One of the values that a setting may have, or of the signs of a list.
    Value,
    /// Any word of this form.
    Form,
}

impl CandidateKind {
    /// The mark that PAN-OS puts before such a word.
    pub const fn mark(self) -> char {
        match self {
            Self::Branch => '>',
            Self::Setting => '+',
            Self::Word | Self::Name | Self::Value | Self::Form => ' ',
        }
    }
}

/// More candidates than this are not listed.
const MOST: usize = 1_000;

/// Where a line has got to.
enum Place<'s> {
    /// At a word of the path; after a setting, the words of the same entry may follow too.
    Path { above: Vec<(&'s Schema, bool)>, settled: bool },
    /// Before the value of a setting.
    Value { leaf: &'static Leaf },
    /// In its brackets.
    List { leaf: &'static Leaf },
}

impl Document {
    /// What may stand next on a `set` line after these words, the verb excepted, if it begins with `partial`.
    /// Names come from this document. `None` where the words lead nowhere.
    pub fn complete(&self, words: &[&str], partial: &str) -> Option<Completion> {
        let schema = self.schema();
        let mut completion = Completer { document: self, schema: &schema, partial, candidates: Vec::new() };
        let place = place(&schema, words)?;
        let can_end = match &place {
            Place::Path { above, settled } => {
                completion.path(above, *settled, self.tree.at(words));
                *settled || above.iter().any(|(_, is_entry)| *is_entry)
            }
            Place::Value { leaf } => {
                completion.values(leaf);
                if leaf.kind.is_list() {
                    completion.add("[", CandidateKind::Value, "Several values begin.");
                }
                leaf.kind.is_list() || leaf.kind.check("").is_ok()
            }
            Place::List { leaf } => {
                completion.values(leaf);
                completion.add("]", CandidateKind::Value, "The values end.");
                false
            }
        };
        Some(Completion { candidates: completion.candidates, can_end })
    }
}

/// Follows the words of a line as the parser does.
fn place<'s>(root: &'s Schema, words: &[&str]) -> Option<Place<'s>> {
    let mut above: Vec<(&Schema, bool)> = alloc::vec![(root, false)];
    let mut settled = false;
    let mut rest = words;
    while let [word, after @ ..] = rest {
        rest = after;
        while settled
            && let Some((schema, is_entry)) = above.last()
            && schema.word(word).is_none()
            && schema.key.is_none()
            && !is_entry
            && above.len() > 2
        {
            above.pop();
        }
        let (schema, _) = above.last()?;
        let (below, is_entry) = match (schema.word(word), schema.key.as_ref()) {
            (Some(below), _) => (below, false),
            (None, Some((_, below))) => (&**below, true),
            (None, None) => return None,
        };
        above.push((below, is_entry));
        let Some(leaf) = below.leaf else { continue };
        if leaf.kind == Kind::Presence {
            let goes_on = rest.first().is_none_or(|next| below.word(next).is_some());
            settled = true;
            if !goes_on {
                above.pop();
            }
            continue;
        }
        rest = match rest {
            [] => return Some(Place::Value { leaf }),
            ["[", inside @ ..] => match inside.iter().position(|word| *word == "]") {
                Some(end) => inside.get(end + 1..).unwrap_or(&[]),
                None => return Some(Place::List { leaf }),
            },
            [_, after @ ..] => after,
        };
        above.pop();
        settled = true;
    }
    Some(Place::Path { above, settled })
}

struct Completer<'a> {
    document: &'a Document,
    schema: &'a Schema,
    partial: &'a str,
    candidates: Vec<Candidate>,
}

impl Completer<'_> {
    fn add(&mut self, text: &str, kind: CandidateKind, help: &str) {
        let fits = text.starts_with(self.partial) || quoted(text).starts_with(self.partial);
        if fits && self.candidates.len() < MOST {
            self.candidates.push(Candidate { text: quoted_sign(text), kind, help: help.into() });
        }
    }

    /// What kind of word may stand here; there is no list of them.
    fn form(&mut self, place: &str, kind: Kind) {
        let unquoted = self.partial.trim_start_matches(['"', '\'']);
        let is_sign = matches!(self.partial, "[" | "]");
        if unquoted.is_empty() || (kind.check(unquoted).is_ok() && !is_sign) {
            let help = kind.describe();
            self.candidates.push(Candidate { text: place.into(), kind: CandidateKind::Form, help });
        }
    }

    fn path(&mut self, above: &[(&Schema, bool)], settled: bool, node: Option<&Node>) {
        let mut nearest = true;
        for (schema, is_entry) in above.iter().rev() {
            for (word, below) in &schema.words {
                if self.candidates.iter().all(|candidate| candidate.text != *word) {
                    self.word(word, below);
                }
            }
            if let Some((key, _)) = schema.key.as_ref()
                && nearest
            {
                self.entries(key, node);
            }
            nearest = false;
            if !settled || *is_entry {
                return;
            }
        }
    }

    fn word(&mut self, word: &str, below: &Schema) {
        match below.leaf {
            Some(leaf) if leaf.kind == Kind::Presence => self.add(word, CandidateKind::Word, leaf.help),
            Some(leaf) => self.add(word, CandidateKind::Setting, leaf.help),
            None => self.add(word, CandidateKind::Branch, ""),
        }
    }

    /// The names of entries: those that are there, and what a new one may be called.
    fn entries(&mut self, key: &Key, node: Option<&Node>) {
        let there = node.map(Node::children).unwrap_or_default();
        for (name, _) in &there {
            self.add(name, CandidateKind::Name, "");
        }
        for name in self.names(key.kind) {
            if there.iter().all(|(own, _)| *own != name) {
                self.add(&name, CandidateKind::Name, "");
            }
        }
        self.form(key.place, key.kind);
    }

    fn values(&mut self, leaf: &Leaf) {
        let kind = leaf.kind;
        let default = leaf.default();
        let help = |word: &str| if word == default { "What holds without a line." } else { "" };
        for word in known_words(kind) {
            self.add(word, CandidateKind::Value, help(word));
        }
        for name in self.names(kind) {
            self.add(&name, CandidateKind::Name, "");
        }
        let is_listed = matches!(kind, Kind::YesNo | Kind::Words(_) | Kind::OnlyAny | Kind::Only(_));
        if matches!(kind, Kind::Applications | Kind::Application | Kind::ApplicationNames) {
            for application in catalog::applications().iter().skip(1) {
                self.add(application.name, CandidateKind::Name, "");
            }
        } else if !is_listed {
            self.form("<value>", kind);
        }
    }

    /// The names in the document that a value of this kind may be.
    fn names(&self, kind: Kind) -> Vec<String> {
        let mut found = Vec::new();
        let places = references::places(kind);
        if kind != Kind::TagFilter && !places.is_empty() {
            references::names(self.schema, &self.document.tree.root, places, &mut found);
        }
        found.into_iter().map(String::from).collect()
    }
}

/// The words that a value of this kind may be, in every document.
fn known_words(kind: Kind) -> Vec<&'static str> {
    match kind {
        Kind::YesNo => alloc::vec!["yes", "no"],
        Kind::Words(words) => words.to_vec(),
        Kind::OnlyAny
        | Kind::AnyInterface
        | Kind::Zones
        | Kind::Addresses
        | Kind::Applications
        | Kind::Categories => alloc::vec!["any"],
        Kind::Service => alloc::vec!["any", "service-http", "service-https"],
        Kind::Services => alloc::vec!["any", "application-default", "service-http", "service-https"],
        Kind::ServiceNames => alloc::vec!["service-http", "service-https"],
        Kind::Users => alloc::vec!["any", "known-user", "unknown"],
        Kind::Only(word) | Kind::IntegerOr { word, .. } => alloc::vec![word],
        Kind::Presence
        | Kind::Integer { .. }
        | Kind::Text { .. }
        | Kind::Name { .. }
        | Kind::Hostname
        | Kind::EthernetName
        | Kind::Netmask
        | Kind::Prefix
        | Kind::Range
        | Kind::Ports
        | Kind::Interface
        | Kind::NextHop
        | Kind::NameOf { .. }
        | Kind::Mac
        | Kind::VlanTags
        | Kind::InterfaceAddresses
        | Kind::Interfaces
        | Kind::AddressNames
        | Kind::Address
        | Kind::Pool
        | Kind::Application
        | Kind::Schedule
        | Kind::Tags
        | Kind::DayTimes
        | Kind::Dates
        | Kind::Hosts
        | Kind::Fqdn
        | Kind::Wildcard
        | Kind::TagFilter
        | Kind::Url
        | Kind::UnitName
        | Kind::AggregateName
        | Kind::TagName
        | Kind::ApplicationNames
        | Kind::Labels
        | Kind::AppPorts
        | Kind::Risks
        | Kind::Pattern
        | Kind::Hex
        | Kind::IpAddress
        | Kind::IpAddresses
        | Kind::Mask
        | Kind::HaPort => Vec::new(),
    }
}

/// The word as it is written; the signs of a list stand for themselves.
fn quoted_sign(text: &str) -> String {
    if matches!(text, "[" | "]") { text.into() } else { quoted(text) }
}

impl Candidate {
    /// A line of help: mark, word, meaning.
    pub fn line(&self) -> String {
        format!("{} {:<32} {}", self.kind.mark(), self.text, self.help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
        zone trust network layer3 [ ]\nzone \"far away\" network layer3 [ ]\n\
        address web ip-netmask 10.0.0.1\naddress-group webs static web\n\
        rulebase security rules one from trust\nrulebase security rules two from trust\n";

    /// The candidates after the words of `line`, of which the last may be a beginning.
    fn candidates(line: &str) -> Vec<String> {
        let document = Document::parse(TEXT, "x.set").unwrap();
        let mut words: Vec<&str> = line.split(' ').collect();
        let partial = words.pop().unwrap();
        let found = document.complete(&words, partial).unwrap_or_default();
        found.candidates.into_iter().map(|candidate| candidate.text).collect()
    }

    #[test]
    fn words_of_the_schema() {
        assert_eq!(candidates("dev"), ["deviceconfig"]);
        assert_eq!(candidates("deviceconfig s"), ["system", "setting"]);
        assert_eq!(
            candidates("deviceconfig setting session scan-"),
            ["scan-threshold", "scan-scaling-factor"]
        );
        assert_eq!(candidates("nonsense "), [""; 0]);
        let document = Document::default();
        let found = document.complete(&["deviceconfig", "setting", "session"], "timeout-tcpi").unwrap();
        let [candidate] = found.candidates.as_slice() else { panic!("one") };
        assert_eq!(candidate.kind, CandidateKind::Setting);
        assert_eq!(
            candidate.line(),
            "+ timeout-tcpinit                  How long a SYN waits for its SYN-ACK."
        );
        assert!(!found.can_end && document.complete(&["no"], "").is_none());
    }

    #[test]
    fn values_and_their_form() {
        assert_eq!(candidates("deviceconfig setting tcp drop-zero-flag "), ["yes", "no"]);
        assert_eq!(candidates("deviceconfig setting tcp drop-zero-flag n"), ["no"]);
        assert_eq!(candidates("deviceconfig setting session timeout-tcp "), ["<value>"]);
        assert_eq!(candidates("deviceconfig setting session timeout-tcp 0"), [""; 0]);
        let flaps = "deviceconfig high-availability group election-option timers advanced flap-max ";
        assert_eq!(candidates(flaps), ["infinite", "<value>"]);
    }

    #[test]
    fn names_of_the_document() {
        assert_eq!(candidates("zone "), ["trust", "\"far away\"", "<zone>"]);
        assert_eq!(candidates("zone \"fa"), ["\"far away\"", "<zone>"]);
        assert_eq!(candidates("rulebase security rules t"), ["two", "<rule>"]);
        assert_eq!(
            candidates("rulebase security rules one from "),
            ["any", "trust", "\"far away\"", "<value>", "["]
        );
        assert_eq!(candidates("rulebase security rules one source [ we"), ["web", "webs", "<value>"]);
        assert_eq!(candidates("rulebase security rules one source [ web ]")[..], ["]"]);
        assert!(candidates("rulebase security rules one application web-b").contains(&"web-browsing".into()));
    }

    #[test]
    fn after_a_setting_the_entry_goes_on() {
        let after = candidates("rulebase security rules one from trust t");
        assert!(after.contains(&"to".into()), "{after:?}");
        assert_eq!(candidates("deviceconfig setting tcp drop-zero-flag no urgent"), ["urgent-data"]);
        assert_eq!(candidates("rulebase security rules one from [ trust ] acti"), ["action"]);
        let document = Document::default();
        assert!(document.complete(&["rulebase", "security", "rules", "x"], "").unwrap().can_end);
        assert!(document.complete(&["zone", "a", "network", "layer3", "x"], "").unwrap().can_end);
        assert!(!document.complete(&["zone"], "").unwrap().can_end);
        let mode = ["deviceconfig", "high-availability", "group", "mode", "active-passive"];
        let found = document.complete(&mode, "").unwrap();
        assert_eq!(found.candidates[0].text, "passive-link-state");
        assert!(found.can_end);
    }

    /// Every path of the table can be reached by taking candidates.
    #[test]
    fn every_setting_is_found() {
        let document = Document::default();
        for leaf in crate::schema::SECTIONS.iter().flat_map(|section| section.leaves) {
            let words: Vec<&str> =
                leaf.path.split(' ').map(|step| step.split('|').next().unwrap_or(step)).collect();
            for (place, word) in words.iter().enumerate() {
                let found = document.complete(&words[..place], "").unwrap_or_default();
                let is_there = found.candidates.iter().any(|candidate| candidate.text == *word);
                assert!(is_there, "{}: {word}", leaf.path);
            }
        }
    }
}
