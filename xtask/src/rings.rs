//! Which crate may use which.
//!
//! ```text
//! engine   model < wire < catalog < config < policy < session < inspect < dataplane < ha < node
//!          explain uses model, wire, catalog and config
//! host     uses engine          sim   uses engine
//! apps, tests, xtask and fuzz use everything
//! ```
//!
//! Inside the engine a crate may use only crates to its left. The order binds development dependencies too:
//! a test that needs a crate further right belongs into `tests/`. From outside the workspace an engine
//! crate may use only what [`EXTERNAL`] names, because each such crate becomes part of what must be pure,
//! small and trusted.

use std::path::Path;

use anyhow::{Context, Result};

use crate::Finding;
use crate::metadata::{self, Kind, Package};

const ORDER: [&str; 10] =
    ["model", "wire", "catalog", "config", "policy", "session", "inspect", "dataplane", "ha", "node"];

const EXPLAIN: [&str; 4] = ["model", "wire", "catalog", "config"];

/// Crates from outside that the engine may use, each with what it spares us.
const EXTERNAL: &[(&str, &str)] = &[
    ("aes", "block cipher of QUIC header protection"),
    ("aes-gcm", "authenticated encryption of QUIC Initial packets and of messages on the HA2 and HA3 links"),
    ("aho-corasick", "all literals of all signatures in one automaton"),
    ("crc", "the tables of SCTP's CRC-32c"),
    ("foldhash", "keyed hash for tables whose keys come from the network"),
    ("hashbrown", "hash table without the standard library"),
    ("hkdf", "key derivation of QUIC Initial packets"),
    ("httparse", "HTTP/1 request and response heads"),
    ("memchr", "byte search at memory speed"),
    ("roxmltree", "XML of imported configurations, without entities"),
    ("regex-automata", "expressions matched in linear time"),
    ("regex-syntax", "what every match of an expression holds"),
    ("serde", "derived encoding of records and configuration"),
    ("sha2", "hash below HKDF; digest by which two devices compare configurations"),
    ("siphasher", "keyed hash of SYN cookies, which nobody outside may guess"),
    ("slab", "cold objects behind small numbers"),
    ("smallvec", "short lists without an allocation"),
    ("thiserror", "error types without boilerplate"),
    ("toml", "the catalogue's files, read when the catalogue is built"),
    ("zerocopy", "checked views of bytes as headers"),
];

/// The part of the house in which a crate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ring<'folder> {
    Engine(&'folder str),
    Host,
    Simulator,
    Outer,
}

/// Check every crate of the workspace at `root`.
pub fn run(root: &Path) -> Result<Vec<Finding>> {
    let packages = metadata::packages(root)?;
    let mut findings = check(&packages);
    for package in &packages {
        let manifest = package.manifest();
        let text = std::fs::read_to_string(root.join(&manifest)).with_context(|| manifest.clone())?;
        if !inherits_lints(&text) {
            let message = "does not inherit the lints; add `[lints]` with `workspace = true`";
            findings.push(Finding::new(&manifest, 0, message));
        }
    }
    Ok(findings)
}

fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let Some(ring) = ring_of(&package.folder) else {
            let message = "stands in no ring; a crate belongs below engine, host, apps, sim, tests or xtask";
            findings.push(Finding::new(&package.manifest(), 0, message));
            continue;
        };
        for dependency in &package.dependencies {
            let problem = match packages.iter().find(|other| other.name == dependency.name) {
                Some(other) => check_inner(ring, other),
                None => check_external(ring, &dependency.name, dependency.kind),
            };
            if let Some(message) = problem {
                findings.push(Finding::new(&package.manifest(), 0, message));
            }
        }
    }
    findings
}

fn ring_of(folder: &str) -> Option<Ring<'_>> {
    match folder.split_once('/') {
        Some(("engine", name)) if name == "explain" || ORDER.contains(&name) => Some(Ring::Engine(name)),
        Some(("host", _)) => Some(Ring::Host),
        Some(("apps", _)) => Some(Ring::Outer),
        None if folder == "sim" => Some(Ring::Simulator),
        None if matches!(folder, "tests" | "xtask" | "fuzz") => Some(Ring::Outer),
        _ => None,
    }
}

/// What is wrong with a crate of `ring` using the workspace's crate `used`.
fn check_inner(ring: Ring<'_>, used: &Package) -> Option<String> {
    let used_ring = ring_of(&used.folder)?;
    let allowed = match (ring, used_ring) {
        (Ring::Outer, _) => true,
        (Ring::Host | Ring::Simulator, Ring::Engine(_)) => true,
        (Ring::Engine("explain"), Ring::Engine(used)) => EXPLAIN.contains(&used),
        (Ring::Engine(user), Ring::Engine(used)) => place(used) < place(user),
        (Ring::Host | Ring::Simulator | Ring::Engine(_), Ring::Host | Ring::Simulator | Ring::Outer) => false,
    };
    let rule = match ring {
        Ring::Engine("explain") => format!("explain uses only {}", EXPLAIN.join(", ")),
        Ring::Engine(_) => format!("the order is {}", ORDER.join(" < ")),
        Ring::Host => "host uses only engine".to_owned(),
        Ring::Simulator => "sim uses only engine".to_owned(),
        Ring::Outer => return None,
    };
    (!allowed).then(|| format!("may not use {}: {rule}", used.folder))
}

/// The place in the order; `explain` stands beside it, so no crate of the order may use it.
fn place(name: &str) -> usize {
    ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len())
}

/// What is wrong with a crate of `ring` using a crate from outside the workspace.
fn check_external(ring: Ring<'_>, name: &str, kind: Kind) -> Option<String> {
    let judged = match (ring, kind) {
        (Ring::Engine(_), Kind::Normal | Kind::Build) => true,
        (Ring::Engine(_), Kind::Development) | (Ring::Host | Ring::Simulator | Ring::Outer, _) => false,
    };
    (judged && !EXTERNAL.iter().any(|(known, _)| *known == name)).then(|| {
        format!("uses {name}, which the engine does not know: add it with its reason to xtask/src/rings.rs")
    })
}

/// Whether a manifest takes its lints from the workspace.
fn inherits_lints(manifest: &str) -> bool {
    let mut section = "";
    manifest.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        let setting: String = line.chars().filter(|character| !character.is_whitespace()).collect();
        (section == "[lints]" && setting == "workspace=true")
            || (section.is_empty() && setting == "lints.workspace=true")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    /// The message for a crate in `folder` that uses `used` (a folder of the workspace, or a foreign name).
    fn verdict(folder: &str, used: &str, kind: Kind) -> Option<String> {
        let user = Package {
            name: "user".to_owned(),
            folder: folder.to_owned(),
            dependencies: vec![Dependency { name: used.to_owned(), kind }],
        };
        let mut packages = vec![user];
        if used.contains('/') || used == "xtask" || used == "sim" {
            let name = used.to_owned();
            packages.push(Package { name, folder: used.to_owned(), dependencies: Vec::new() });
        }
        check(&packages).pop().map(|finding| finding.message)
    }

    #[test]
    fn the_engine_looks_left_only() {
        for (right, user) in ORDER.iter().enumerate() {
            for (left, used) in ORDER.iter().enumerate() {
                let (user, used) = (format!("engine/{user}"), format!("engine/{used}"));
                for kind in [Kind::Normal, Kind::Development] {
                    assert_eq!(verdict(&user, &used, kind).is_none(), left < right, "{user} uses {used}");
                }
            }
        }
    }

    #[test]
    fn explain_stands_aside() {
        assert_eq!(verdict("engine/explain", "engine/catalog", Kind::Normal), None);
        assert!(verdict("engine/explain", "engine/policy", Kind::Normal).is_some());
        assert!(verdict("engine/node", "engine/explain", Kind::Normal).is_some());
    }

    #[test]
    fn nobody_inside_uses_the_outside() {
        for (user, used) in [
            ("engine/dataplane", "host/drivers"),
            ("engine/model", "xtask"),
            ("engine/dataplane", "sim"),
            ("host/drivers", "host/logs"),
            ("host/logs", "apps/bifrons"),
            ("sim", "host/logs"),
        ] {
            assert!(verdict(user, used, Kind::Normal).is_some(), "{user} uses {used}");
        }
        for (user, used) in [
            ("host/drivers", "engine/node"),
            ("sim", "engine/dataplane"),
            ("apps/bifrons", "host/logs"),
            ("apps/bifrons", "apps/api"),
            ("xtask", "host/drivers"),
            ("tests", "apps/bifrons"),
        ] {
            assert_eq!(verdict(user, used, Kind::Normal), None, "{user} uses {used}");
        }
    }

    #[test]
    fn foreign_crates_need_a_reason_in_the_engine_only() {
        assert_eq!(verdict("engine/wire", "zerocopy", Kind::Normal), None);
        let message = verdict("engine/wire", "left-pad", Kind::Normal).unwrap();
        assert!(message.contains("left-pad") && message.contains("reason"), "{message}");
        assert!(verdict("engine/wire", "left-pad", Kind::Build).is_some());
        assert_eq!(verdict("engine/wire", "left-pad", Kind::Development), None);
        assert_eq!(verdict("host/logs", "left-pad", Kind::Normal), None);
        assert!(EXTERNAL.iter().all(|(_, reason)| !reason.is_empty()));
    }

    #[test]
    fn a_crate_outside_the_house_is_reported() {
        let message = verdict("engine/misc", "engine/model", Kind::Normal).unwrap();
        assert!(message.contains("no ring"), "{message}");
        assert!(verdict("tools/thing", "engine/model", Kind::Normal).is_some());
    }

    #[test]
    fn lints_are_inherited_in_either_spelling() {
        assert!(inherits_lints("[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n"));
        assert!(inherits_lints("lints.workspace = true\n[package]\nname = \"x\"\n"));
        assert!(!inherits_lints("[package]\nname = \"x\"\nversion.workspace = true\n"));
        assert!(!inherits_lints("[dependencies]\nworkspace = true\n"));
        assert!(!inherits_lints("[lints]\n# workspace = true\n[other]\nworkspace = true\n"));
    }
}
