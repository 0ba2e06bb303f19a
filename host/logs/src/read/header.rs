//! What stands before a record: syslog headers of both kinds, octet counts, and what collectors add.

use memchr::{memchr, memchr2, memmem, memrchr};

/// Which form a record has and where in the line it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Csv(usize),
    Json(usize),
    Cef(usize),
    Leef(usize),
}

/// How far into a line CEF, LEEF or JSON may begin.
const HEADER_MAX: usize = 512;

/// Finds the record. Every line has one by this reckoning: a line without is CSV that makes no sense.
pub(super) fn body(line: &str) -> Body {
    let bytes = line.as_bytes();
    if bytes.first().is_some_and(u8::is_ascii_digit) && bytes.get(1) == Some(&b',') {
        return Body::Csv(0);
    }
    let from = structured(bytes).unwrap_or(0);
    let comma = memchr(b',', bytes.get(from..).unwrap_or_default()).map(|comma| from + comma);
    let end = comma.unwrap_or(bytes.len()).min(from + HEADER_MAX);
    let head = bytes.get(from..end).unwrap_or_default();
    // `{` of JSON, or the `F` of CEF and LEEF: most headers have neither.
    if memchr2(b'{', b'F', head).is_some()
        && let Some(found) = named(head, from)
    {
        return found;
    }
    Body::Csv(comma.map_or(from, |comma| value_start(bytes, from, comma)))
}

/// Where the first value begins: a syslog header ends with a blank, and the value has none.
pub(super) fn value_start(bytes: &[u8], from: usize, comma: usize) -> usize {
    let head = bytes.get(from..comma).unwrap_or_default();
    memrchr(b' ', head).map_or(from, |blank| from + blank + 1)
}

/// A form that says its name, at the head's begin or after a blank.
fn named(head: &[u8], from: usize) -> Option<Body> {
    let starts = |place: &usize| {
        place
            .checked_sub(1)
            .and_then(|before| head.get(before))
            .is_none_or(|byte| matches!(byte, b' ' | b'>' | b'\t' | 0xbf))
    };
    let first = |needle: &[u8]| memmem::find_iter(head, needle).find(starts).map(|place| from + place);
    let found = [first(b"CEF:").map(Body::Cef), first(b"LEEF:").map(Body::Leef), first(b"{").map(Body::Json)];
    found.into_iter().flatten().min_by_key(|body| body.start())
}

impl Body {
    pub(super) fn start(self) -> usize {
        match self {
            Self::Csv(start) | Self::Json(start) | Self::Cef(start) | Self::Leef(start) => start,
        }
    }
}

/// Where the message of an RFC 5424 header begins; its structured data may hold commas and braces. `None`
/// for any other header. An octet count (RFC 6587) may stand before it.
fn structured(bytes: &[u8]) -> Option<usize> {
    let priority = memchr(b'<', bytes.get(..12)?)?;
    let counted = bytes.get(..priority)?;
    if !counted.iter().all(|byte| byte.is_ascii_digit() || *byte == b' ') {
        return None;
    }
    let close = priority + memchr(b'>', bytes.get(priority..priority + 5)?)?;
    if bytes.get(close + 1..close + 3)? != b"1 " {
        return None;
    }
    let mut place = close + 3;
    // Time, host, application, process, message identifier.
    for _ in 0..5 {
        place += memchr(b' ', bytes.get(place..)?)? + 1;
    }
    if bytes.get(place)? == &b'-' {
        place += 1;
    }
    while bytes.get(place) == Some(&b'[') {
        place = element_end(bytes, place)?;
    }
    (bytes.get(place) == Some(&b' ')).then_some(place + 1)
}

/// The place after the structured-data element that begins at `place`.
fn element_end(bytes: &[u8], mut place: usize) -> Option<usize> {
    let mut quoted = false;
    loop {
        place += 1;
        match bytes.get(place)? {
            b'\\' if quoted => place += 1,
            b'"' => quoted = !quoted,
            b']' if !quoted => return Some(place + 1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_end_where_the_record_begins() {
        for header in [
            "",
            "Nov 30 16:09:08 ",
            "Nov  3 16:09:08 PA-220 ",
            "<14>Nov 30 16:09:08 FW ",
            "Feb 24 22:09:26 10.5.172.40 Feb 24 22:06:07 BD-Panorama ",
            "<14>1 2026-02-18T07:32:24Z FIREWALL-01 - - - - ",
            "575 <14>1 2020-03-27T09:57:41+01:00 PA-VM - - - - ",
            "<14>1 2020-03-27T09:57:41+01:00 PA-VM app 1 id [a@1 x=\"1,2\\\" ]{ CEF:\"][b] ",
            "<14>1 - - - - - - \u{feff}",
        ] {
            let bom = if header.ends_with('\u{feff}') { 3 } else { 0 };
            for (record, form) in [
                ("1,2020/01/01 00:00:00,", Body::Csv as fn(usize) -> Body),
                ("CEF:0|Palo Alto Networks|", Body::Cef),
                ("LEEF:2.0|Palo Alto Networks|", Body::Leef),
                ("{\"a\":1,\"b\":2}", Body::Json),
            ] {
                let line = format!("{header}{record}");
                let start =
                    if bom > 0 && record.starts_with('1') { header.len() - bom } else { header.len() };
                assert_eq!(body(&line), form(start), "{line}");
            }
        }
    }

    #[test]
    fn nonsense_ends_too() {
        for line in ["", " ", "<", "<14>1 ", "<14>1 a b c d e [", "<14>1 a b c d e [\"\\", "x", "F,{"] {
            assert!(body(line).start() <= line.len(), "{line}");
        }
    }
}
