//! The manual's page of applications.

use alloc::{format, string::String, vec::Vec};
use core::fmt::Write as _;

use bifrons_catalog::{self as catalog, Application, Port, app, applications};

use crate::signatures::{Context, Number};

const BEGINNING: &str = "\
# Applications

<!-- Generated: edit engine/catalog/applications, then run `cargo xtask manual`. -->

What the firewall tells apart. An application is named as soon as the packet that shows it has come: by its
own bytes (a probe), or inside TLS, QUIC and HTTP by the names and texts it uses. Ports say nothing about what
an application is; those below are where `service application-default` expects it.

An evidence of `probe` means the protocol's own bytes, `host` the server's name as TLS, QUIC, an HTTP request
or a certificate tells it, `alpn` the protocol that a client offers, `user agent`, `path`, `header` and
`content type` parts of HTTP heads, `ip protocol` the number in the IP header.

";

const CUSTOM: &str = "
## Signatures of custom applications

A custom application is recognised by any of its signatures. A signature holds when all of its conditions are
met, in their order unless `order-free` is set; a condition is met by any of its tests. With the scope
`protocol-data-unit` one message must meet them all: a datagram, or the opening of a stream; with `session`
several may.

`pattern-match` searches a text with an expression: `.` `?` `*` `+` `{m,n}` `|` `( )` `[ ]` `[^ ]` `^` `$`,
`\\` before a character that stands for itself, `\\d` `\\s` `\\w` `\\b` and their opposites, `(?i)`, and
hexadecimal bytes between two `\\x`. Letters are compared as they stand. An expression has at most 127
characters, and two literal bytes in a row in every match; back-references and look-around are refused.

`equal-to` compares four bytes at a position of a text under a mask, or a number; `greater-than` and
`less-than` compare a number.

A custom application without signatures is recognised by its ports or protocol, when nothing else identifies a
session. Custom applications come before those of the table above.

";

/// The page.
pub fn applications_page() -> String {
    let mut page = String::from(BEGINNING);
    page.push_str(
        "| name | number | category | subcategory | technology | risk | default ports | evidence |\n",
    );
    page.push_str("|---|---:|---|---|---|---:|---|---|\n");
    let mut sorted: Vec<&Application> =
        applications().iter().filter(|application| application.id != app::UNDECIDED).collect();
    sorted.sort_by_key(|application| application.name);
    for application in sorted {
        row(&mut page, application);
    }
    page.push_str(CUSTOM);
    list(&mut page, "text", Context::named().map(|(name, _)| name));
    list(&mut page, "protocol payload", Context::payload_names().map(|(name, _)| name));
    list(&mut page, "number", Number::named().map(|(name, _)| name));
    page
}

fn row(page: &mut String, application: &Application) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        page,
        "| `{}` | {} | {} | {} | {} | {} | {} | {} |",
        application.name,
        application.id,
        application.category,
        application.subcategory,
        application.technology,
        application.risk,
        ports(application.ports),
        evidence(application),
    );
}

/// Neighboring ports as a range.
fn ports(ports: &[Port]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut rest = ports;
    while let Some((first, after)) = rest.split_first() {
        let run = 1 + after.iter().zip(1..).take_while(|(port, step)| follows(*first, **port, *step)).count();
        words.push(match (*first, ports_number(rest.get(run - 1))) {
            (Port::Tcp(port), Some(last)) if last > port => format!("tcp/{port}-{last}"),
            (Port::Udp(port), Some(last)) if last > port => format!("udp/{port}-{last}"),
            (Port::Tcp(port), _) => format!("tcp/{port}"),
            (Port::Udp(port), _) => format!("udp/{port}"),
            (Port::TcpDynamic, _) => "tcp/dynamic".into(),
            (Port::UdpDynamic, _) => "udp/dynamic".into(),
            (Port::Protocol(protocol), _) => format!("ip/{protocol}"),
        });
        rest = rest.get(run..).unwrap_or_default();
    }
    words.join(" ")
}

const fn ports_number(port: Option<&Port>) -> Option<u16> {
    match port {
        Some(Port::Tcp(port) | Port::Udp(port)) => Some(*port),
        Some(Port::TcpDynamic | Port::UdpDynamic | Port::Protocol(_)) | None => None,
    }
}

fn follows(first: Port, port: Port, step: u16) -> bool {
    match (first, port) {
        (Port::Tcp(first), Port::Tcp(port)) | (Port::Udp(first), Port::Udp(port)) => {
            port.checked_sub(first) == Some(step)
        }
        _ => false,
    }
}

fn evidence(application: &Application) -> String {
    let mut kinds = Vec::new();
    if application.probe.is_some() {
        kinds.push("probe");
    }
    for signature in application.signatures {
        let kind = match signature.context {
            catalog::Context::Host => "host",
            catalog::Context::Alpn => "alpn",
            catalog::Context::UserAgent => "user agent",
            catalog::Context::Path => "path",
            catalog::Context::Header => "header",
            catalog::Context::RequestType | catalog::Context::ResponseType => "content type",
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if application.ports.iter().any(|port| matches!(port, Port::Protocol(_))) {
        kinds.push("ip protocol");
    }
    kinds.join(", ")
}

fn list<'names>(page: &mut String, kind: &str, names: impl Iterator<Item = &'names str>) {
    let words: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    let _ = writeln!(page, "Contexts of {kind}:");
    for word in words {
        let _ = writeln!(page, "- {word}");
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_application_has_its_row() {
        let page = applications_page();
        for application in applications().iter().filter(|application| application.id != app::UNDECIDED) {
            let beginning = format!("| `{}` | {} | ", application.name, application.id);
            assert_eq!(page.matches(&beginning).count(), 1, "{beginning}");
        }
        assert!(page.contains("- `http-req-host-header`\n"));
        assert!(page.contains("- `ftp-req-protocol-payload`\n"));
        assert!(page.contains("- `http-rsp-code`\n"));
    }

    #[test]
    fn neighboring_ports_are_a_range() {
        let all =
            [Port::Tcp(80), Port::Tcp(81), Port::Tcp(82), Port::Tcp(90), Port::Udp(91), Port::Protocol(47)];
        assert_eq!(ports(&all), "tcp/80-82 tcp/90 udp/91 ip/47");
    }
}
