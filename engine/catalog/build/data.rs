//! The files of the catalogue, read and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

/// One application's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    pub id: Spanned<u16>,
    pub name: Spanned<String>,
    /// The name of its constant, where that is not the name in capitals.
    pub constant: Option<String>,
    pub category: Spanned<String>,
    pub subcategory: Spanned<String>,
    pub technology: Spanned<String>,
    pub risk: Spanned<u8>,
    pub ports: Vec<Spanned<String>>,
    pub parent: Option<Spanned<String>>,
    #[serde(default)]
    pub implicit: Vec<Spanned<String>>,
    pub deny_action: Spanned<String>,
    #[serde(default)]
    pub characteristics: Vec<Spanned<String>>,
    /// The probe that is certain of it.
    pub probe: Option<String>,
    #[serde(default)]
    pub timeouts: Timeouts,
    #[serde(default)]
    pub signatures: Signatures,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Timeouts {
    pub udp: Option<u32>,
    pub tcp: Option<u32>,
    pub tcp_half_closed: Option<u32>,
    pub tcp_time_wait: Option<u32>,
}

/// What names it inside the protocol that carries it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Signatures {
    /// Domains: the name itself and all below it.
    pub hosts: Vec<Spanned<String>>,
    /// Protocols of TLS and QUIC (ALPN), as they stand.
    pub alpns: Vec<Spanned<String>>,
    /// Texts inside the HTTP user agent.
    pub user_agents: Vec<Spanned<String>>,
    /// Beginnings of the HTTP path.
    pub paths: Vec<Spanned<String>>,
    /// Texts inside the head of an HTTP request.
    pub headers: Vec<Spanned<String>>,
    /// Beginnings of the content type of an HTTP request.
    pub request_types: Vec<Spanned<String>>,
    /// Beginnings of the content type of an HTTP response.
    pub response_types: Vec<Spanned<String>>,
}

impl Signatures {
    /// Each kind under the name of its `Context`.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &Spanned<String>)> {
        let kinds = [
            ("Host", &self.hosts),
            ("Alpn", &self.alpns),
            ("UserAgent", &self.user_agents),
            ("Path", &self.paths),
            ("Header", &self.headers),
            ("RequestType", &self.request_types),
            ("ResponseType", &self.response_types),
        ];
        kinds.into_iter().flat_map(|(context, texts)| texts.iter().map(move |text| (context, text)))
    }
}

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    pub line: usize,
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// Categories and their subcategories.
const CATEGORIES: &[(&str, &[&str])] = &[
    (
        "business-systems",
        &[
            "auth-service",
            "database",
            "erp-crm",
            "general-business",
            "management",
            "marketing",
            "office-programs",
            "software-development",
            "software-update",
            "storage-backup",
        ],
    ),
    (
        "collaboration",
        &[
            "email",
            "instant-messaging",
            "internet-conferencing",
            "social-business",
            "social-networking",
            "voip-video",
            "web-posting",
        ],
    ),
    ("general-internet", &["file-sharing", "internet-utility"]),
    ("media", &["audio-streaming", "gaming", "photo-video"]),
    (
        "networking",
        &["encrypted-tunnel", "infrastructure", "ip-protocol", "proxy", "remote-access", "routing"],
    ),
    ("unknown", &["unknown"]),
];

const TECHNOLOGIES: [&str; 5] =
    ["browser-based", "client-server", "network-protocol", "peer-to-peer", "unknown"];

pub const DENY_ACTIONS: [&str; 4] = ["drop", "reset-client", "reset-server", "reset-both"];

pub const CHARACTERISTICS: [&str; 9] = [
    "evasive",
    "excessive-bandwidth",
    "used-by-malware",
    "able-to-transfer-file",
    "has-known-vulnerability",
    "tunnels-other-application",
    "prone-to-misuse",
    "pervasive-use",
    "is-saas",
];

/// Numbers from here on are those of custom applications.
const CUSTOM_FIRST: usize = 0x8000;

/// Reads the files, given as path and text, and puts the applications in the order of their numbers.
pub fn read(files: &[(String, String)]) -> Result<Vec<Entry>, Problem> {
    let mut all = Vec::new();
    for (file, text) in files {
        let place = File { file, text };
        let entry: Entry = toml::from_str(text)
            .map_err(|error| place.problem(error.span().unwrap_or_default(), error.message().to_owned()))?;
        place.check(&entry)?;
        all.push((place, entry));
    }
    all.sort_by_key(|(_, entry)| *entry.id.get_ref());
    check_together(&all)?;
    Ok(all.into_iter().map(|(_, entry)| entry).collect())
}

struct File<'a> {
    file: &'a str,
    text: &'a str,
}

impl File<'_> {
    fn problem(&self, span: Range<usize>, text: String) -> Problem {
        let line = 1 + self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count();
        Problem { file: self.file.to_owned(), line, text }
    }

    /// What can be told of one file alone.
    fn check(&self, entry: &Entry) -> Result<(), Problem> {
        let name = entry.name.get_ref();
        let stem = Path::new(self.file).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if stem != format!("{name}.toml") {
            return Err(self.problem(entry.name.span(), format!("the name {name:?} is not that of the file")));
        }
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        if name.is_empty() || name.len() > 31 || !name.bytes().all(letters) {
            let text = format!("the name {name:?} is not 1 to 31 lower-case letters, digits, `-` and `.`");
            return Err(self.problem(entry.name.span(), text));
        }
        self.check_place(entry)?;
        if !(1..=5).contains(entry.risk.get_ref()) {
            let text = format!("a risk is 1 to 5, not {}", entry.risk.get_ref());
            return Err(self.problem(entry.risk.span(), text));
        }
        self.one_of("deny-action", &entry.deny_action, &DENY_ACTIONS)?;
        for word in &entry.characteristics {
            self.one_of("characteristic", word, &CHARACTERISTICS)?;
        }
        for port in &entry.ports {
            if ports(port.get_ref()).is_none() {
                let text = format!(
                    "{:?} is no port: expected tcp/80, tcp/80-90 (at most 1024), tcp/dynamic, udp/… or ip/47",
                    port.get_ref()
                );
                return Err(self.problem(port.span(), text));
            }
        }
        self.check_signatures(&entry.signatures)
    }

    fn check_place(&self, entry: &Entry) -> Result<(), Problem> {
        let categories: Vec<&str> = CATEGORIES.iter().map(|(name, _)| *name).collect();
        self.one_of("category", &entry.category, &categories)?;
        let within = CATEGORIES.iter().find(|(name, _)| name == entry.category.get_ref());
        self.one_of("subcategory", &entry.subcategory, within.map_or(&[], |(_, within)| within))?;
        self.one_of("technology", &entry.technology, &TECHNOLOGIES)
    }

    fn check_signatures(&self, signatures: &Signatures) -> Result<(), Problem> {
        for (context, text) in signatures.each() {
            let bytes = text.get_ref().as_bytes();
            let label = |label: &[u8]| {
                !label.is_empty()
                    && label.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
            };
            let sound = if context == "Host" {
                bytes.split(|byte| *byte == b'.').all(label) && !bytes.iter().any(u8::is_ascii_uppercase)
            } else {
                bytes.len() >= 2 && bytes.iter().all(|byte| (b' '..=b'~').contains(byte))
            };
            if !sound {
                let problem = format!("{:?} cannot be a signature of kind {context}", text.get_ref());
                return Err(self.problem(text.span(), problem));
            }
        }
        Ok(())
    }

    fn one_of(&self, what: &str, word: &Spanned<String>, known: &[&str]) -> Result<(), Problem> {
        if known.contains(&word.get_ref().as_str()) {
            return Ok(());
        }
        let text = format!("unknown {what} {:?}: expected one of {}", word.get_ref(), known.join(", "));
        Err(self.problem(word.span(), text))
    }
}

/// What a port's text stands for: protocol and first and last port; `None` for any port. Nothing if it
/// says something else.
pub fn ports(text: &str) -> Option<(u8, Option<(u16, u16)>)> {
    let (protocol, ports) = text.split_once('/')?;
    let protocol = match protocol {
        "tcp" => 6,
        "udp" => 17,
        "ip" => return Some((ports.parse().ok()?, None)),
        _ => return None,
    };
    if ports == "dynamic" {
        return Some((protocol, None));
    }
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
    (first > 0 && first <= last && last - first < 1024).then_some((protocol, Some((first, last))))
}

/// What only all files together can tell: numbers, names, parents, domains.
fn check_together(all: &[(File<'_>, Entry)]) -> Result<(), Problem> {
    let mut hosts = BTreeMap::new();
    let mut constants = BTreeSet::new();
    for (place, (file, entry)) in all.iter().enumerate() {
        let id = *entry.id.get_ref();
        if usize::from(id) != place || place >= CUSTOM_FIRST {
            let text = format!("the number {id} is taken or leaves a gap: the next one is {place}");
            return Err(file.problem(entry.id.span(), text));
        }
        if !constants.insert(constant(entry)) {
            let text = format!("two applications have the constant {}", constant(entry));
            return Err(file.problem(entry.name.span(), text));
        }
        for other in entry.parent.iter().chain(&entry.implicit) {
            if !all.iter().any(|(_, known)| known.name.get_ref() == other.get_ref()) {
                let text = format!("there is no application {:?}", other.get_ref());
                return Err(file.problem(other.span(), text));
            }
        }
        check_acyclic(all, file, entry)?;
        for host in &entry.signatures.hosts {
            if let Some(owner) = hosts.insert(host.get_ref().as_str(), entry.name.get_ref()) {
                let text = format!("the domain {:?} belongs to {owner} already", host.get_ref());
                return Err(file.problem(host.span(), text));
            }
        }
    }
    Ok(())
}

/// Follows the parents upwards: none may come back.
fn check_acyclic(all: &[(File<'_>, Entry)], file: &File<'_>, entry: &Entry) -> Result<(), Problem> {
    let mut above = entry;
    for _ in 0..=all.len() {
        let Some(parent) = &above.parent else {
            return Ok(());
        };
        let Some((_, next)) = all.iter().find(|(_, known)| known.name.get_ref() == parent.get_ref()) else {
            return Ok(());
        };
        above = next;
    }
    let span = entry.parent.as_ref().map(Spanned::span).unwrap_or_default();
    Err(file.problem(span, format!("{:?} is among its own parents", entry.name.get_ref())))
}

/// The name of an application's constant.
pub fn constant(entry: &Entry) -> String {
    entry.constant.clone().unwrap_or_else(|| {
        let upper = entry.name.get_ref().to_ascii_uppercase();
        upper.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
    })
}
