//! Documents that must agree with the code and with each other.

use std::collections::BTreeSet;

use super::Source;
use crate::{Finding, manual};

const LIFE_OF_A_PACKET: &str = "docs/life-of-a-packet.md";
const STAGE_FOLDER: &str = "engine/dataplane/src/stage/";

/// Check links, stages and generated pages.
pub fn check(sources: &[Source], findings: &mut Vec<Finding>) {
    let paths: Vec<&str> = sources.iter().map(|source| source.path.as_str()).collect();
    for source in sources.iter().filter(|source| source.is_markdown()) {
        check_links(source, &paths, findings);
    }
    check_stages(sources, findings);
    for page in manual::PAGES {
        check_generated(sources, page.path, &(page.text)(), findings);
    }
}

/// Every link to a local file must lead to one that git knows.
fn check_links(source: &Source, paths: &[&str], findings: &mut Vec<Finding>) {
    let mut fenced = false;
    for (line, number) in source.text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            for target in local_links(line) {
                if !leads_somewhere(&source.path, target, paths) {
                    let message = format!("the link to {target} leads nowhere");
                    findings.push(Finding::new(&source.path, number, message));
                }
            }
        }
    }
}

/// The targets of `[text](target)` and `[label]: target` outside code, without anchors, remote ones left
/// out.
fn local_links(line: &str) -> Vec<&str> {
    // Every second part between backticks is code; a link whose text is code keeps its target outside.
    let prose: Vec<&str> = line.split('`').step_by(2).collect();
    let mut targets: Vec<&str> = Vec::new();
    for part in &prose {
        targets.extend(part.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()));
    }
    let label = line.starts_with('[').then(|| line.split_once("]: ")).flatten();
    targets.extend(label.and_then(|(_, rest)| rest.split_whitespace().next()));
    targets.retain(|target| !target.contains("://") && !target.starts_with("mailto:"));
    targets
        .into_iter()
        .filter_map(|target| target.split('#').next())
        .filter(|path| !path.is_empty())
        .collect()
}

fn leads_somewhere(document: &str, target: &str, paths: &[&str]) -> bool {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return false;
                }
            }
            name => parts.push(name),
        }
    }
    let path = parts.join("/");
    let folder = format!("{path}/");
    !target.starts_with('/') && paths.iter().any(|known| *known == path || known.starts_with(&folder))
}

/// The stages that the document lists are the files of the stage folder.
fn check_stages(sources: &[Source], findings: &mut Vec<Finding>) {
    let files = stage_files(sources);
    if files.is_empty() {
        println!("xtask tidy: no stages in {STAGE_FOLDER} yet, their list is not compared");
        return;
    }
    let Some(document) = sources.iter().find(|source| source.path == LIFE_OF_A_PACKET) else {
        findings.push(Finding::new(
            LIFE_OF_A_PACKET,
            0,
            "is missing; it lists the stages of a packet's life",
        ));
        return;
    };
    let listed = listed_stages(&document.text);
    for stage in files.difference(&listed) {
        let message =
            format!("the section `## Stages` does not list {stage}, but {STAGE_FOLDER}{stage}.rs exists");
        findings.push(Finding::new(LIFE_OF_A_PACKET, 0, message));
    }
    for stage in listed.difference(&files) {
        let message = format!("lists the stage {stage}, but there is no {STAGE_FOLDER}{stage}.rs");
        findings.push(Finding::new(LIFE_OF_A_PACKET, 0, message));
    }
}

fn stage_files(sources: &[Source]) -> BTreeSet<String> {
    let names = sources.iter().filter_map(|source| {
        let name = source.path.strip_prefix(STAGE_FOLDER)?.strip_suffix(".rs")?;
        (!name.contains('/') && !matches!(name, "mod" | "tests")).then(|| name.to_owned())
    });
    names.collect()
}

/// In the section `## Stages`: each list item, table row or sub-heading that begins with a name in
/// backticks.
fn listed_stages(text: &str) -> BTreeSet<String> {
    let section = text.lines().skip_while(|line| *line != "## Stages").skip(1);
    let lines = section.take_while(|line| !line.starts_with("## "));
    let names = lines.filter_map(|line| {
        let bullet = |character: char| character.is_ascii_digit() || " #-*|.".contains(character);
        let (name, _) = line.trim_start_matches(bullet).strip_prefix('`')?.split_once('`')?;
        (line.starts_with(bullet)).then(|| name.to_owned())
    });
    names.collect()
}

fn check_generated(sources: &[Source], path: &str, expected: &str, findings: &mut Vec<Finding>) {
    let current = sources.iter().find(|source| source.path == path).map_or("", |source| source.text.as_str());
    if current != expected {
        let line =
            current.lines().zip(expected.lines()).take_while(|(left, right)| left == right).count() + 1;
        findings.push(Finding::new(path, line, "is not what the code says; run `cargo xtask manual`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    fn link_lines(path: &str, text: &str) -> Vec<usize> {
        let mut findings = Vec::new();
        check_links(
            &source(path, text),
            &["README.md", "docs/lexicon.md", "docs/manual/a.md"],
            &mut findings,
        );
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn links_lead_to_files() {
        assert_eq!(link_lines("README.md", "see\n[a](docs/gone.md) and [b](docs/lexicon.md)\n"), [2]);
        assert_eq!(link_lines("docs/lexicon.md", "[up](../README.md#start), [folder](manual/)\n"), [0; 0]);
        assert_eq!(link_lines("docs/lexicon.md", "[up](README.md)\n"), [1], "relative to the document");
        assert_eq!(link_lines("README.md", "[out](../README.md)\n"), [1]);
        assert_eq!(link_lines("README.md", "[absolute](/README.md)\n"), [1]);
        assert_eq!(link_lines("README.md", "[`code`](docs/gone.md \"title\")\n"), [1]);
        assert_eq!(link_lines("README.md", "[label]: docs/gone.md\n[label]: docs/lexicon.md\n"), [1]);
    }

    #[test]
    fn remote_links_and_code_are_left_alone() {
        let text = "[a](https://example.org/x.md) [b](#here) [c](mailto:a@example.org) `[d](gone.md)`\n";
        assert_eq!(link_lines("README.md", text), [0; 0]);
        assert_eq!(link_lines("README.md", "```\n[a](gone.md)\n```\n[b](gone.md)\n"), [4]);
    }

    fn stage_messages(document: Option<&str>, stages: &[&str]) -> Vec<String> {
        let mut sources: Vec<Source> =
            stages.iter().map(|stage| source(&format!("{STAGE_FOLDER}{stage}.rs"), "")).collect();
        sources.extend(document.map(|text| source(LIFE_OF_A_PACKET, text)));
        let mut findings = Vec::new();
        check_stages(&sources, &mut findings);
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn stages_and_document_agree() {
        let document = "# Life\n- `other` thing\n## Stages\n\n1. `ingress`: x\n- `lookup`, `y`\n\
                        | `track` | z |\n### `admit`\nwhere `this` is prose\n`that` too\n\
                        ## Next\n- `nothing`\n";
        let stages = ["ingress", "lookup", "track", "admit", "mod", "tests", "track/helper"];
        assert_eq!(stage_messages(Some(document), &stages), [""; 0]);
        let missing = stage_messages(Some(document), &["ingress", "lookup", "track"]);
        assert!(missing.len() == 1 && missing[0].starts_with("lists the stage admit"), "{missing:?}");
        let unlisted = stage_messages(Some(document), &["ingress", "lookup", "track", "admit", "egress"]);
        assert!(unlisted.len() == 1 && unlisted[0].contains("does not list egress"), "{unlisted:?}");
    }

    #[test]
    fn stages_without_a_document_are_reported() {
        assert_eq!(stage_messages(None, &["ingress"]).len(), 1);
        assert_eq!(stage_messages(Some("# No list\n"), &["ingress"]).len(), 1);
        assert_eq!(stage_messages(None, &[]), [""; 0]);
    }

    #[test]
    fn a_generated_page_must_be_current() {
        let messages = |text: Option<&str>| {
            let sources: Vec<Source> = text.map(|text| source("page.md", text)).into_iter().collect();
            let mut findings = Vec::new();
            check_generated(&sources, "page.md", "one\ntwo\n", &mut findings);
            findings.iter().map(|finding| finding.line).collect::<Vec<_>>()
        };
        assert_eq!(messages(Some("one\ntwo\n")), [0; 0]);
        assert_eq!(messages(Some("one\nold\n")), [2]);
        assert_eq!(messages(Some("one\ntwo\nthree\n")), [3]);
        assert_eq!(messages(None), [1]);
    }
}
