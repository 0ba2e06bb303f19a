//! Bytes to text: encoding, size, and which of the three forms it is.

use super::{Form, ImportError, MOST_BYTES};

/// The text of a file, without a byte order mark.
///
/// # Errors
///
/// A file that is too large or is not UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Result<&str, ImportError> {
    if bytes.len() > MOST_BYTES {
        return Err(ImportError::TooLarge { bytes: bytes.len() as u64 });
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let looks_like = match bytes {
        [0xff, 0xfe, ..] | [_, 0, ..] => Some("UTF-16, least significant byte first"),
        [0xfe, 0xff, ..] | [0, _, ..] => Some("UTF-16, most significant byte first"),
        _ => None,
    };
    if let Some(found) = looks_like {
        return Err(ImportError::Encoding { byte: 0, line: 1, found });
    }
    let text = core::str::from_utf8(bytes).map_err(|error| {
        let byte = error.valid_up_to();
        ImportError::Encoding { byte, line: line_at(bytes, byte), found: "a byte of another encoding" }
    })?;
    if let Some(byte) = text.find('\0') {
        return Err(ImportError::Encoding { byte, line: line_at(bytes, byte), found: "a zero byte" });
    }
    Ok(text)
}

/// Which form the text has.
///
/// # Errors
///
/// A text of none of the forms.
pub(crate) fn form(text: &str) -> Result<Form, ImportError> {
    if text.trim_start().starts_with('<') {
        return Ok(Form::Xml);
    }
    for line in text.lines().map(str::trim) {
        let first = line.split_whitespace().next().unwrap_or_default();
        if matches!(first, "set" | "delete" | "move") {
            return Ok(Form::Set);
        }
        if line.ends_with('{') && !line.starts_with('#') {
            return Ok(Form::Braces);
        }
        if super::set::without_prompt(line).is_some() {
            return Ok(Form::Set);
        }
    }
    let is_said = |line: &str| !line.trim().is_empty() && !line.trim().starts_with('#');
    match (1..).zip(text.lines()).find(|(_, line)| is_said(line)) {
        Some((line, _)) => Err(ImportError::NoForm { line }),
        None => Ok(Form::Set),
    }
}

fn line_at(bytes: &[u8], byte: usize) -> u32 {
    let breaks = bytes.iter().take(byte).filter(|byte| **byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
}
