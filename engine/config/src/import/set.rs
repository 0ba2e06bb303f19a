//! `set` lines to statements.

use alloc::{string::String, vec::Vec};

use super::{
    ImportError,
    statement::{Collector, Raw, Verb, Word},
};
use crate::words::{Part, split};

/// A text in quotation marks may go on over so many lines.
const MOST_TEXT_LINES: usize = 32;

/// Reads every line.
///
/// # Errors
///
/// More statements or longer ones than an import takes.
pub(crate) fn read(text: &str) -> Result<Collector, ImportError> {
    let mut collector = Collector::default();
    let lines: Vec<&str> = text.lines().collect();
    let mut place = 0;
    while let Some(line) = lines.get(place) {
        let number = u32::try_from(place + 1).unwrap_or(u32::MAX);
        place += 1;
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            let comment = comment.trim();
            if !comment.is_empty() {
                collector.push_text(number, Verb::Comment, comment)?;
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let line = without_prompt(line).unwrap_or(line);
        match split(line) {
            Ok(parts) => statement(&mut collector, number, line, &parts)?,
            Err(_) => match joined(line, lines.get(place..).unwrap_or_default()) {
                Some((more, parts)) => {
                    place += more;
                    statement(&mut collector, number, line, &parts)?;
                }
                None => collector.push_text(number, Verb::Garbage, line)?,
            },
        }
    }
    Ok(collector)
}

/// The line without the prompt that a terminal's log has before it: `admin@gate# set …`.
pub(crate) fn without_prompt(line: &str) -> Option<&str> {
    let (prompt, rest) = line.split_once(['#', '>'])?;
    let rest = rest.trim_start();
    let is_prompt = prompt.contains('@') && !prompt.contains(char::is_whitespace);
    (is_prompt && starts_statement(rest)).then_some(rest)
}

fn starts_statement(line: &str) -> bool {
    matches!(line.split_whitespace().next(), Some("set" | "delete" | "move"))
}

/// A statement whose text goes on over the next lines; how many of them belong to it.
fn joined(line: &str, next: &[&str]) -> Option<(usize, Vec<Part>)> {
    if !starts_statement(line) {
        return None;
    }
    let mut text = String::from(line);
    for (more, next) in (1..).zip(next.iter().take(MOST_TEXT_LINES)) {
        if starts_statement(next.trim_start()) {
            return None;
        }
        text.push('\n');
        text.push_str(next);
        if let Ok(parts) = split(&text) {
            return Some((more, parts));
        }
    }
    None
}

fn statement(collector: &mut Collector, number: u32, line: &str, parts: &[Part]) -> Result<(), ImportError> {
    let (verb, rest) = match parts {
        [Part::Word(verb), rest @ ..] if verb == "set" => (Verb::Set, rest),
        [Part::Word(verb), rest @ ..] if verb == "delete" => (Verb::Delete, rest),
        [Part::Word(verb), rest @ ..] if verb == "move" => (Verb::Move, rest),
        _ => return collector.push_text(number, Verb::Garbage, line),
    };
    if rest.is_empty() {
        return collector.push_text(number, Verb::Garbage, line);
    }
    let mut path: Vec<Word> = Vec::new();
    for (place, part) in rest.iter().enumerate() {
        match part {
            Part::Word(word) => path.push(collector.word(word)),
            Part::List(words) => {
                let list = words.iter().map(|word| collector.word(word)).collect();
                let after = rest.get(place + 1..).unwrap_or_default().to_vec();
                return collector.push_line(Raw { line: number, verb, path, list: Some(list), after });
            }
        }
    }
    collector.push(number, verb, path, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn read_back(text: &str) -> Vec<(u32, Verb, String)> {
        let raws = read(text).unwrap().raws;
        raws.into_iter()
            .map(|raw| {
                let mut words: Vec<String> = raw.path.iter().map(ToString::to_string).collect();
                words.extend(raw.list.into_iter().flatten().map(|word| alloc::format!("[{word}]")));
                (raw.line, raw.verb, words.join("|"))
            })
            .collect()
    }

    #[test]
    fn each_line_is_a_statement() {
        let text = "# hello\n#\nset zone \"a b\" network layer3 [ x y ]\n\n[edit]\n\
                    admin@gate# delete zone c\nmove rulebase security rules r top\nset\nexit\n";
        let expected = [
            (1, Verb::Comment, "hello"),
            (3, Verb::Set, "zone|a b|network|layer3|[x]|[y]"),
            (5, Verb::Garbage, "[edit]"),
            (6, Verb::Delete, "zone|c"),
            (7, Verb::Move, "rulebase|security|rules|r|top"),
            (8, Verb::Garbage, "set"),
            (9, Verb::Garbage, "exit"),
        ];
        let read = read_back(text);
        let read: Vec<_> = read.iter().map(|(line, verb, words)| (*line, *verb, words.as_str())).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn a_text_may_go_on_over_lines_but_takes_no_statement_with_it() {
        let read = read_back("set address a description \"one\ntwo\nthree\"\nset address b\n");
        assert_eq!(read[0], (1, Verb::Set, "address|a|description|one\ntwo\nthree".into()));
        assert_eq!(read[1].0, 4);
        let read = read_back("set address a description \"one\nset address b\n");
        assert_eq!(read[0].1, Verb::Garbage);
        assert_eq!(read[1], (2, Verb::Set, "address|b".into()));
    }
}
