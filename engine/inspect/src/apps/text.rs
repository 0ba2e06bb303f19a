//! Reading line-based protocols.

/// Bytes of a line after which no end of line is waited for any longer.
const LONGEST_LINE: usize = 1000;

/// How far a text is what is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// The bytes end before it can be told.
    Open,
}

/// The first line without its end; `None` if the end has not come.
pub(super) fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n')?;
    bytes.get(..end).map(<[u8]>::trim_ascii_end)
}

/// The complete lines.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.ends_with(b"\n"))
        .map(<[u8]>::trim_ascii_end)
}

/// Whether the first line may still be one of text: no control characters, and its end within bounds.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.len() <= LONGEST_LINE && line.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\r'))
}

/// Whether the bytes start with this text, in any case.
pub(super) fn starts_with(bytes: &[u8], text: &[u8]) -> Fit {
    if !bytes.iter().zip(text).all(|(byte, expected)| byte.eq_ignore_ascii_case(expected)) {
        Fit::No
    } else if bytes.len() < text.len() {
        Fit::Open
    } else {
        Fit::Yes
    }
}

/// Whether the bytes start with one of these commands, in any case, followed by a space or the end of the
/// line.
pub(super) fn command(bytes: &[u8], commands: &[&[u8]]) -> Fit {
    let mut answer = Fit::No;
    for command in commands {
        match (starts_with(bytes, command), bytes.get(command.len())) {
            (Fit::Yes, Some(b' ' | b'\r' | b'\n')) => return Fit::Yes,
            (Fit::Yes, None) | (Fit::Open, _) => answer = Fit::Open,
            (Fit::Yes, Some(_)) | (Fit::No, _) => (),
        }
    }
    answer
}

/// Whether the bytes start like a reply with this three-digit code.
pub(super) fn reply(bytes: &[u8], code: &[u8; 3]) -> Fit {
    match (starts_with(bytes, code), bytes.get(3)) {
        (Fit::Yes, Some(b' ' | b'-' | b'\r' | b'\n')) => Fit::Yes,
        (Fit::Yes, None) | (Fit::Open, _) => Fit::Open,
        (Fit::Yes, Some(_)) | (Fit::No, _) => Fit::No,
    }
}

/// Whether the text stands somewhere in the bytes, in any case.
pub(super) fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_end_where_words_end() {
        assert_eq!(command(b"ehlo a.test\r\n", &[b"HELO", b"EHLO"]), Fit::Yes);
        assert_eq!(command(b"QUIT\r\n", &[b"QUIT"]), Fit::Yes);
        assert_eq!(command(b"QU", &[b"QUIT"]), Fit::Open);
        assert_eq!(command(b"QUIT", &[b"QUIT"]), Fit::Open);
        assert_eq!(command(b"QUITE", &[b"QUIT"]), Fit::No);
        assert_eq!(command(b"", &[b"QUIT"]), Fit::Open);
    }

    #[test]
    fn replies_are_a_code_and_a_separator() {
        assert_eq!(reply(b"220-hello", b"220"), Fit::Yes);
        assert_eq!(reply(b"22", b"220"), Fit::Open);
        assert_eq!(reply(b"2200", b"220"), Fit::No);
        assert_eq!(reply(b"230 ", b"220"), Fit::No);
    }

    #[test]
    fn lines_are_bounded_text() {
        assert_eq!(first_line(b"a b\r\nc"), Some(&b"a b"[..]));
        assert_eq!(first_line(b"a b"), None);
        assert!(is_text(b"a\tb\r\n\x00"));
        assert!(!is_text(b"a\x00"));
        assert!(!is_text(&[b'a'; LONGEST_LINE + 1]));
        assert_eq!(lines(b"a\r\nb\nc").count(), 2);
        assert!(contains(b"my eSmTp x", b"smtp"));
        assert!(!contains(b"smt", b"smtp"));
    }
}
