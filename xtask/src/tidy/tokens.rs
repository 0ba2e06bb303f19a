//! What can be seen in the tokens of a Rust file.
//!
//! Tokens, not the syntax tree: they reach into macro calls and macro definitions, where a parser of items
//! is blind, and they do not confuse code with comments and strings.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use crate::Finding;

/// Lines of a function from `fn` to its closing brace.
const FUNCTION_LINES: usize = 70;

/// Where `unsafe` may stand.
const UNSAFE_HOMES: &[(&str, &str)] = &[
    ("engine/session/src/prefetch.rs", "asks the processor for a cache line ahead of its use"),
    ("host/drivers/", "talks to the kernel and maps its rings"),
    ("host/alloc/", "asks the kernel for huge pages"),
];

const PLACEHOLDERS: [&str; 3] = ["todo", "unimplemented", "dbg"];
const CLOCKS: [&str; 2] = ["Instant", "SystemTime"];

/// Check one Rust file.
pub fn check(path: &str, text: &str, findings: &mut Vec<Finding>) {
    match text.parse::<TokenStream>() {
        Ok(tokens) => Checker { path, findings }.walk(tokens),
        Err(error) => {
            let line = error.span().start().line;
            findings.push(Finding::new(path, line, format!("cannot be read as Rust: {error}")));
        }
    }
}

struct Checker<'file> {
    path: &'file str,
    findings: &'file mut Vec<Finding>,
}

impl Checker<'_> {
    fn walk(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = tokens.as_slice();
        while let Some((token, following)) = rest.split_first() {
            match token {
                TokenTree::Ident(ident) => self.word(ident, following),
                TokenTree::Punct(punct) if punct.as_char() == '#' => self.attribute(following),
                TokenTree::Group(group) => self.walk(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            rest = following;
        }
    }

    fn word(&mut self, ident: &Ident, following: &[TokenTree]) {
        let line = ident.span().start().line;
        let word = ident.to_string();
        let word = word.as_str();
        let engine = self.path.starts_with("engine/");
        if word == "fn" {
            self.function(line, following);
        }
        if PLACEHOLDERS.contains(&word) && is_macro_call(following) {
            self.report(line, format!("{word}!: finish it or leave it out"));
        }
        if word == "unsafe" && !UNSAFE_HOMES.iter().any(|(home, _)| self.path.starts_with(home)) {
            self.report(line, "unsafe outside its homes, which xtask/src/tidy/tokens.rs lists".to_owned());
        }
        if engine && CLOCKS.contains(&word) {
            self.report(line, format!("{word}: time enters the engine as a Timestamp argument"));
        }
        if word == "anyhow" && (engine || self.path.starts_with("host/")) {
            self.report(line, "anyhow in a library; errors here are types".to_owned());
        }
    }

    /// `following` begins behind the word `fn`.
    fn function(&mut self, line: usize, following: &[TokenTree]) {
        let Some((name, body)) = name_and_body(following) else { return };
        let lines = body.span_close().end().line - line + 1;
        if lines > FUNCTION_LINES {
            self.report(line, format!("fn {name}: {lines} lines, {FUNCTION_LINES} are allowed"));
        }
    }

    /// `following` begins behind the `#`.
    fn attribute(&mut self, following: &[TokenTree]) {
        let behind_mark = match following.split_first() {
            Some((TokenTree::Punct(punct), rest)) if punct.as_char() == '!' => rest,
            _ => following,
        };
        if let Some(TokenTree::Group(group)) = behind_mark.first()
            && group.delimiter() == Delimiter::Bracket
        {
            self.attribute_content(group);
        }
    }

    fn attribute_content(&mut self, group: &Group) {
        let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
        let mut rest = tokens.as_slice();
        while let Some((token, following)) = rest.split_first() {
            rest = following;
            let TokenTree::Ident(ident) = token else { continue };
            let line = ident.span().start().line;
            let content = match following.first() {
                Some(TokenTree::Group(content)) => Some(content),
                _ => None,
            };
            match (ident.to_string().as_str(), content) {
                ("cfg_attr", Some(content)) => self.attribute_content(content),
                (word @ ("allow" | "expect"), Some(content)) if !gives_reason(content) => {
                    self.report(line, format!("#[{word}] without `reason = \"…\"`"));
                }
                ("ignore", None) if !is_assigned_text(following) => {
                    self.report(line, "#[ignore] without a reason: write `#[ignore = \"…\"]`".to_owned());
                }
                _ => {}
            }
        }
    }

    fn report(&mut self, line: usize, message: String) {
        self.findings.push(Finding::new(self.path, line, message));
    }
}

/// The name and the body of a function whose tokens begin behind `fn`; none for a function type or a
/// declaration.
fn name_and_body(following: &[TokenTree]) -> Option<(String, &Group)> {
    let name = match following {
        [TokenTree::Ident(name), ..] => name.to_string(),
        [TokenTree::Punct(dollar), TokenTree::Ident(name), ..] if dollar.as_char() == '$' => {
            format!("${name}")
        }
        _ => return None,
    };
    for (token, next) in following.iter().zip(following.iter().skip(1).map(Some).chain([None])) {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ';' => return None,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !continues_type(next) => {
                return Some((name, group));
            }
            TokenTree::Punct(_) | TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
    }
    None
}

/// Braces in a signature hold a constant argument, as in `Array<{ N }>`.
fn continues_type(next: Option<&TokenTree>) -> bool {
    matches!(next, Some(TokenTree::Punct(punct)) if matches!(punct.as_char(), '>' | ','))
}

fn is_macro_call(following: &[TokenTree]) -> bool {
    matches!(following, [TokenTree::Punct(mark), TokenTree::Group(_), ..] if mark.as_char() == '!')
}

/// Whether the list of an `allow` or `expect` holds a reason that is not empty.
fn gives_reason(content: &Group) -> bool {
    let tokens: Vec<TokenTree> = content.stream().into_iter().collect();
    (0..tokens.len()).any(|place| match &tokens[place..] {
        [TokenTree::Ident(word), value @ ..] if *word == "reason" => is_assigned_text(value),
        _ => false,
    })
}

/// Whether the tokens begin with `=` and a text that is not empty.
fn is_assigned_text(tokens: &[TokenTree]) -> bool {
    match tokens {
        [TokenTree::Punct(sign), TokenTree::Literal(text), ..] if sign.as_char() == '=' => {
            text.to_string().trim_matches('"').trim() != ""
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        check(path, text, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    fn assert_clean(path: &str, text: &str) {
        assert_eq!(messages(path, text), [""; 0], "{text}");
    }

    /// A function of `lines` lines; two of them are the signature and the closing brace.
    fn function(signature: &str, lines: usize) -> String {
        format!("{signature} {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn function_length() {
        assert_clean("a.rs", &function("fn f()", FUNCTION_LINES));
        let long = function("fn f()", FUNCTION_LINES + 1);
        assert_eq!(messages("a.rs", &format!("\n{long}")), ["a.rs:2: fn f: 71 lines, 70 are allowed"]);
        // Prose and attributes in front of a function do not count, everything inside does.
        assert_clean("a.rs", &format!("{}{}", "/// text\n".repeat(90), function("fn f()", FUNCTION_LINES)));
        assert_eq!(messages("a.rs", &format!("impl T {{ mod m {{ {long} }} }}")).len(), 1);
        assert_eq!(messages("a.rs", &function("fn f(a: [u8; { 1 }]) -> A<{ N }>", 71)).len(), 1);
        assert_eq!(messages("a.rs", &function("fn f() -> A<{ N }, u8>\nwhere\n    T: B,\n", 70)).len(), 1);
    }

    #[test]
    fn function_length_inside_macros() {
        let long = function("fn f(x in 0..9u8)", 71);
        assert_eq!(messages("a.rs", &format!("proptest! {{\n{long}}}\n")).len(), 1);
        let long = function("fn $name()", 71);
        let message = messages("a.rs", &format!("macro_rules! m {{ ($name:ident) => {{ {long} }} }}\n"));
        assert_eq!(message, ["a.rs:1: fn $name: 71 lines, 70 are allowed"]);
    }

    #[test]
    fn braces_in_text_do_not_count() {
        let body = "let a = \"{{{\"; let b = '}'; // }}}\n".repeat(10);
        assert_clean("a.rs", &format!("fn f() {{\n{body}}}\n"));
        assert_clean("a.rs", "trait T { fn f(); }\ntype F = fn(u8) -> u8;\n");
    }

    #[test]
    fn placeholders() {
        for word in PLACEHOLDERS {
            assert_eq!(messages("a.rs", &format!("fn f() {{\n    {word}!(x)\n}}\n")).len(), 1, "{word}");
            assert_clean("a.rs", &format!("// {word}!()\nfn f() {{ g(\"{word}!()\", {word} != 1) }}\n"));
        }
    }

    #[test]
    fn ignored_tests_say_why() {
        assert_eq!(messages("a.rs", "#[test]\n#[ignore]\nfn f() {}\n").len(), 1);
        assert_eq!(messages("a.rs", "#[ignore = \"\"]\nfn f() {}\n").len(), 1);
        assert_eq!(messages("a.rs", "#[cfg_attr(miri, ignore)]\nfn f() {}\n").len(), 1);
        assert_clean("a.rs", "#[ignore = \"needs a network namespace\"]\nfn f() { let ignore = 1; }\n");
        assert_clean("a.rs", "#[cfg_attr(miri, ignore = \"too slow\")]\nfn f() {}\n");
    }

    #[test]
    fn allowances_say_why() {
        assert_eq!(messages("a.rs", "#[allow(dead_code)]\nfn f() {}\n").len(), 1);
        assert_eq!(messages("a.rs", "#![allow(dead_code)]\n").len(), 1);
        assert_eq!(messages("a.rs", "#[expect(dead_code, reason = \" \")]\nfn f() {}\n").len(), 1);
        assert_eq!(messages("a.rs", "#[cfg_attr(test, allow(dead_code))]\nfn f() {}\n").len(), 1);
        assert_eq!(messages("a.rs", "macro_rules! m { () => { #[allow(x)] fn f() {} } }\n").len(), 1);
        assert_clean("a.rs", "#[allow(dead_code, reason = \"read by the peer\")]\nfn f() {}\n");
        assert_clean(
            "a.rs",
            "#[cfg_attr(test, expect(dead_code, reason = \"tests\"))]\nfn f() { allow(1) }\n",
        );
    }

    #[test]
    fn unsafe_has_its_homes() {
        let text = "fn f() {\n    unsafe { g() }\n}\n";
        assert_eq!(messages("engine/wire/src/lib.rs", text).len(), 1);
        assert_eq!(messages("engine/session/src/table.rs", text).len(), 1);
        for (home, reason) in UNSAFE_HOMES {
            assert!(!reason.is_empty());
            assert_clean(home, text);
        }
        assert_clean("engine/wire/src/lib.rs", "#![forbid(unsafe_code)]\n// unsafe\n");
    }

    #[test]
    fn clocks_stay_outside_the_engine() {
        assert_eq!(messages("engine/ha/src/lib.rs", "use std::time::{Duration, Instant};\n").len(), 1);
        assert_eq!(messages("engine/ha/src/lib.rs", "fn f() { std::time::SystemTime::now(); }\n").len(), 1);
        assert_clean("apps/daemon/src/main.rs", "use std::time::Instant;\n");
    }

    #[test]
    fn anyhow_stays_in_the_programs() {
        for path in ["engine/wire/src/lib.rs", "host/logs/src/lib.rs"] {
            assert_eq!(messages(path, "use anyhow::Result;\n").len(), 1, "{path}");
        }
        assert_clean("apps/bifrons/src/main.rs", "use anyhow::Result;\n");
    }

    #[test]
    fn what_is_not_rust_is_reported_with_its_line() {
        let message = messages("a.rs", "fn f() {}\nfn g() { ( }\n");
        assert!(message.len() == 1 && message[0].starts_with("a.rs:2: cannot be read"), "{message:?}");
    }
}
