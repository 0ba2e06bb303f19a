//! A custom signature's expression.
//!
//! What PAN-OS documents ("Custom Signature Pattern Requirements", "Syntax for Regular Expression Data
//! Patterns") is understood: `.`, `?`, `*`, `+`, `{m,n}`, `|`, `( )`, `[ ]`, `[^ ]`, `^`, `$`, `\` before a
//! character that is to stand for itself, `\d`, `\s`, `\w` and their opposites, `\b`, `(?i)`, and hexadecimal
//! bytes between two `\x` (`\x 0d 0a \x`). Bytes are compared, not characters, and letters as they stand.
//! Back-references and look-around are refused: they cannot be matched in time linear in the text. Every
//! match must hold two literal bytes in a row, so that the automaton finds where it is worth looking.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use regex_automata::{meta::Regex, nfa::thompson::WhichCaptures, util::syntax};
use regex_syntax::hir::{Class, Hir, HirKind};

/// An expression, compiled.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Regex);

/// Characters of an expression.
const LONGEST: usize = 127;
/// Bytes of the compiled expression.
const LARGEST: usize = 256 * 1024;
/// Bytes in a row that every match must hold.
const SHORTEST_LITERAL: usize = 2;
/// Literals of which each match holds one.
const MOST_LITERALS: usize = 64;

impl Pattern {
    /// The compiled expression, and literals of which every match holds one, in any case.
    pub(super) fn compile(text: &str) -> Result<(Self, Vec<Vec<u8>>), String> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(format!("{} characters: expected 1 to {LONGEST}", text.len()));
        }
        let translated = translate(text)?;
        let syntax =
            syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true).nest_limit(50);
        let hir = syntax::parse_with(&translated, &syntax).map_err(|error| explain(&error.to_string()))?;
        let literals = required(&hir)
            .filter(|literals| shortest(literals) >= SHORTEST_LITERAL)
            .ok_or_else(|| format!("expected {SHORTEST_LITERAL} literal bytes in a row in every match"))?;
        let regex = Regex::builder()
            .configure(
                Regex::config()
                    .utf8_empty(false)
                    .which_captures(WhichCaptures::None)
                    .nfa_size_limit(Some(LARGEST))
                    .hybrid_cache_capacity(LARGEST),
            )
            .build_from_hir(&hir)
            .map_err(|_| format!("larger than {LARGEST} bytes when compiled"))?;
        Ok((Self(regex), literals))
    }

    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }
}

/// The last line of a syntax error says what is wrong.
fn explain(error: &str) -> String {
    let line = error.lines().last().unwrap_or_default().trim();
    line.strip_prefix("error: ").unwrap_or(line).into()
}

/// Hexadecimal bytes between two `\x` become one escape each.
fn translate(text: &str) -> Result<String, String> {
    const MARK: &str = "\\x";
    let mut translated = String::new();
    let mut rest = text;
    while let Some((before, hexadecimal)) = split_at_mark(rest) {
        translated.push_str(before);
        let (digits, after) =
            hexadecimal.split_once(MARK).ok_or_else(|| String::from("a second \\x is missing"))?;
        let digits: Vec<char> = digits.chars().filter(|digit| *digit != ' ').collect();
        if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.iter().all(char::is_ascii_hexdigit)
        {
            return Err(String::from("between two \\x stand hexadecimal bytes of two digits"));
        }
        for pair in digits.chunks(2) {
            translated.push_str(MARK);
            translated.extend(pair);
        }
        rest = after;
    }
    translated.push_str(rest);
    Ok(translated)
}

/// The text before and after the first `\x` whose backslash is not itself escaped.
fn split_at_mark(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (place, byte) in text.bytes().enumerate() {
        if escaped && byte == b'x' {
            return Some((text.get(..place - 1)?, text.get(place + 1..)?));
        }
        escaped = byte == b'\\' && !escaped;
    }
    None
}

/// Literals, in lower case, of which every match holds one.
fn required(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Class(class) => one_letter(class).map(|letter| vec![vec![letter]]),
        HirKind::Concat(parts) => {
            let runs = literal_runs(parts).into_iter().map(|run| vec![run]);
            runs.chain(parts.iter().filter_map(required)).max_by_key(|literals| shortest(literals))
        }
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(required(branch)?);
            }
            (all.len() <= MOST_LITERALS).then_some(all)
        }
        HirKind::Empty | HirKind::Look(_) | HirKind::Repetition(_) => None,
    }
}

/// Neighboring literals and letters of either case, put together.
fn literal_runs(parts: &[Hir]) -> Vec<Vec<u8>> {
    let mut runs = vec![Vec::new()];
    for part in parts {
        let letters = match part.kind() {
            HirKind::Literal(literal) => Some(literal.0.to_ascii_lowercase()),
            HirKind::Class(class) => one_letter(class).map(|letter| vec![letter]),
            HirKind::Look(_) | HirKind::Empty => Some(Vec::new()),
            HirKind::Capture(_) | HirKind::Repetition(_) | HirKind::Concat(_) | HirKind::Alternation(_) => {
                None
            }
        };
        match (letters, runs.last_mut()) {
            (Some(letters), Some(run)) => run.extend(letters),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// The letter that a class stands for in both its cases, in lower case.
fn one_letter(class: &Class) -> Option<u8> {
    let Class::Bytes(bytes) = class else {
        return None;
    };
    let mut letters = bytes.iter().flat_map(|range| range.start()..=range.end());
    let (first, second) = (letters.next()?, letters.next());
    let same = second.is_none_or(|second| second.eq_ignore_ascii_case(&first)) && letters.next().is_none();
    same.then(|| first.to_ascii_lowercase())
}

fn shortest(literals: &[Vec<u8>]) -> usize {
    literals.iter().map(Vec::len).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &[u8]) -> bool {
        Pattern::compile(pattern).unwrap().0.is_match(text)
    }

    fn literals(pattern: &str) -> Vec<String> {
        let literals = Pattern::compile(pattern).unwrap().1;
        literals.into_iter().map(|literal| String::from_utf8_lossy(&literal).into_owned()).collect()
    }

    fn refusal(pattern: &str) -> String {
        Pattern::compile(pattern).map(|_| ()).unwrap_err()
    }

    #[test]
    fn the_documented_syntax() {
        assert!(matches(r"\.example\.com", b"www.example.com"));
        assert!(!matches(r"\.example\.com", b"www.exampleXcom"));
        assert!(matches(r"(abc)+[0-9]{2,3}$", b"abcabc123"));
        assert!(matches("GET|POST", b"a POST"));
        assert!(!matches("post", b"POST"));
        assert!(matches("(?i)post", b"PoSt"));
        assert!(matches("ab.*yz", b"ab\n\xff\x00yz"));
        assert!(matches(r"^ab[^c]", b"abd"));
    }

    #[test]
    fn hexadecimal_bytes() {
        assert!(matches(r"\x 0d 0a\x", b"x\r\n"));
        assert!(matches(r"abc\xff00\xdef", b"abc\xff\x00def"));
        assert!(matches(r"ab\\x", b"ab\\x"));
        assert!(refusal(r"ab\x41").contains("second"));
        assert!(refusal(r"ab\x4\x").contains("two digits"));
        assert!(refusal(r"ab\x\x").contains("two digits"));
    }

    #[test]
    fn what_every_match_holds() {
        assert_eq!(literals(r"\.Example\.com"), [".example.com"]);
        assert_eq!(literals("a+bcd(efgh)?"), ["bcd"]);
        assert_eq!(literals("(?i)User: x"), ["user: x"]);
        assert_eq!(literals("one|three"), ["one", "three"]);
        assert_eq!(literals("x(abc|def)+"), ["abc", "def"]);
    }

    #[test]
    fn what_cannot_be_matched_is_refused() {
        assert!(refusal(".*").contains("literal bytes"));
        assert!(refusal("a[bc]d").contains("literal bytes"));
        assert!(refusal("abc|.").contains("literal bytes"));
        assert!(refusal("(abc").contains("unclosed group"));
        assert!(refusal(r"(abc)\1").contains("backreferences"));
        assert!(refusal("(?=abc)").contains("look-around"));
        assert!(refusal("ab[0-9a-z]{9999}{99}").contains("compiled"));
        assert!(refusal(&"a".repeat(128)).contains("128 characters"));
        assert!(refusal("").contains("0 characters"));
    }
}
