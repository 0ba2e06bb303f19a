//! Files that are not brought in at all.

use alloc::{format, string::ToString, vec::Vec};

use super::refused;
use crate::import::{ImportError, MOST_BYTES};

#[test]
fn other_encodings_are_refused_with_the_byte() {
    let utf_16 = |bytes: fn(u16) -> [u8; 2]| "<config/>".encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let mut marked = alloc::vec![0xff, 0xfe];
    marked.extend(utf_16(u16::to_le_bytes));
    for (bytes, byte, line) in [
        (marked, 0, 1),
        (utf_16(u16::to_le_bytes), 0, 1),
        (utf_16(u16::to_be_bytes), 0, 1),
        (b"set address h\nset address h description caf\xe9\n".to_vec(), 43, 2),
        (b"set address h\0\n".to_vec(), 13, 1),
        (b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<config/>".to_vec(), 20, 1),
    ] {
        let error = refused(&bytes);
        let ImportError::Encoding { byte: at, line: on, .. } = error else { panic!("{error}") };
        assert_eq!((at, on), (byte, line), "{error}");
        assert!(error.to_string().contains("expected UTF-8"), "{error}");
    }
    let marked = b"\xef\xbb\xbfset address h ip-netmask 192.0.2.1\n";
    assert!(crate::import(marked, &crate::ImportOptions::default()).is_ok(), "a byte order mark is none");
}

#[test]
fn entities_are_refused_before_they_grow() {
    let mut bomb = "<!DOCTYPE config [\n<!ENTITY e0 \"boom\">\n".to_string();
    for level in 1..40 {
        bomb.push_str(&format!("<!ENTITY e{level} \"{}\">\n", format!("&e{};", level - 1).repeat(10)));
    }
    bomb.push_str("]>\n<config>&e39;</config>");
    assert_eq!(refused(bomb.as_bytes()), ImportError::DocumentType { line: 1 });
    let outside = "<config>\n<!-- --><a/>\n</config>\n<!DOCTYPE config SYSTEM \"file:///etc/hostname\">";
    assert!(matches!(
        refused(outside.as_bytes()),
        ImportError::DocumentType { .. } | ImportError::Xml { line: 4, .. }
    ));
}

#[test]
fn size_and_depth_have_a_limit() {
    let large = alloc::vec![b' '; MOST_BYTES + 1];
    assert_eq!(refused(&large), ImportError::TooLarge { bytes: MOST_BYTES as u64 + 1 });
    let deep = format!("<config>{}", "<a>".repeat(300_000));
    assert!(matches!(
        refused(deep.as_bytes()),
        ImportError::Xml { .. } | ImportError::TooDeep { line: 1, .. }
    ));
    let closed = format!("<config>{}{}</config>", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert!(matches!(refused(closed.as_bytes()), ImportError::TooDeep { line: 1, .. }));
    let long = format!("set {}\n", "a ".repeat(100));
    assert!(matches!(refused(long.as_bytes()), ImportError::TooDeep { line: 1, .. }));
}

#[test]
fn what_is_no_configuration_is_refused_with_a_line() {
    for (text, line) in [
        ("\n\nhello\n", 3),
        ("---\nkey: value\n", 1),
        ("<records>\n</records>", 1),
        ("<config>\n<a></config>", 2),
        ("<config>\n\n<a b=1/></config>", 3),
        ("a {\n  b c\n}\n", 3),
        ("a {\n  b \"c;\n}\n", 2),
    ] {
        let message = refused(text.as_bytes()).to_string();
        assert!(message.starts_with(&format!("{line}: ")), "{text:?}: {message}");
    }
}

#[test]
fn nothing_at_all_is_an_empty_configuration() {
    for text in ["", "\n\n", "# only words\n", "<config/>"] {
        assert_eq!(super::imported(text).document.to_set(), "", "{text:?}");
    }
}
