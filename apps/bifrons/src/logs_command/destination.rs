//! Where records are sent, as a URL says it.

use std::{fmt, net::Ipv6Addr, path::PathBuf};

/// A place that takes records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    text: String,
    pub way: Way,
}

/// How a place is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// A file.
    File(PathBuf),
    /// Syslog in datagrams.
    Udp(Server),
    /// Syslog over a stream, perhaps encrypted.
    Stream { server: Server, is_encrypted: bool },
    /// Requests to a web server, perhaps encrypted. `path` begins with a slash.
    Web { server: Server, path: String, is_encrypted: bool },
}

/// A server's name or address, and its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Without the brackets that a URL has around an IPv6 address.
    pub host: String,
    pub port: u16,
}

/// What a URL may look like.
const FORMS: &str = "expected syslog+udp://HOST[:PORT], syslog+tcp://HOST[:PORT], syslog+tls://HOST[:PORT], \
                     http://HOST[:PORT]/PATH, https://HOST[:PORT]/PATH or file:PATH";

impl Target {
    /// The place that a text says, for the command line.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.to_owned(), way: way(text)? })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn way(text: &str) -> Result<Way, String> {
    if let Some(path) = text.strip_prefix("file:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return if path.is_empty() { Err(FORMS.to_owned()) } else { Ok(Way::File(path.into())) };
    }
    let (scheme, rest) = text.split_once("://").ok_or(FORMS)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let server = |port: u16| server(authority, port);
    let way = match scheme {
        "syslog+udp" => Way::Udp(server(514)?),
        "syslog+tcp" => Way::Stream { server: server(514)?, is_encrypted: false },
        "syslog+tls" => Way::Stream { server: server(6514)?, is_encrypted: true },
        "http" => Way::Web { server: server(80)?, path: request_path(path)?, is_encrypted: false },
        "https" => Way::Web { server: server(443)?, path: request_path(path)?, is_encrypted: true },
        _ => return Err(FORMS.to_owned()),
    };
    match &way {
        Way::Udp(_) | Way::Stream { .. } if !matches!(path, "" | "/") => {
            Err(format!("nothing may follow the port, and {path} does"))
        }
        Way::File(_) | Way::Udp(_) | Way::Stream { .. } | Way::Web { .. } => Ok(way),
    }
}

/// `HOST` or `HOST:PORT`, the host a name, an IPv4 address or an IPv6 address in brackets.
fn server(text: &str, port: u16) -> Result<Server, String> {
    if text.contains('@') {
        return Err("credentials do not belong into a URL; --http-header takes them".to_owned());
    }
    let (host, after) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, after)) if host.parse::<Ipv6Addr>().is_ok() => (host, after),
        Some((host, _)) => return Err(format!("{host} is no IPv6 address")),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-._:".contains(letter);
    if host.is_empty() || !host.chars().all(is_name) {
        return Err(format!("{text} does not begin with a server's name or address"));
    }
    let port = match after.strip_prefix(':') {
        Some(number) => match number.parse() {
            Ok(port) if port > 0 => port,
            Ok(_) | Err(_) => return Err(format!("{number} is no port, which is a number from 1 to 65535")),
        },
        None if after.is_empty() => port,
        None => return Err(format!("{after} stands where a colon and a port may")),
    };
    Ok(Server { host: host.to_owned(), port })
}

/// What a request asks for. It stands in a line of the request, where blanks and line breaks mean something.
fn request_path(text: &str) -> Result<String, String> {
    if let Some(letter) = text.chars().find(|letter| !letter.is_ascii_graphic()) {
        return Err(format!("{letter:?} has to be written with % and two hexadecimal digits"));
    }
    let path = text.split('#').next().unwrap_or_default();
    Ok(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let server = |host: &str, port| Server { host: host.into(), port };
        let stream = |host, port, is_encrypted| Way::Stream { server: server(host, port), is_encrypted };
        let web = |host, port, path: &str, is_encrypted| Way::Web {
            server: server(host, port),
            path: path.into(),
            is_encrypted,
        };
        for (text, expected) in [
            ("file:logs/out.log", Way::File("logs/out.log".into())),
            ("file:///var/log/out.log", Way::File("/var/log/out.log".into())),
            ("syslog+udp://collector", Way::Udp(server("collector", 514))),
            ("syslog+tcp://192.0.2.1:1514/", stream("192.0.2.1", 1514, false)),
            ("syslog+tls://[2001:db8::1]", stream("2001:db8::1", 6514, true)),
            ("http://collector?index=fw", web("collector", 80, "/?index=fw", false)),
            ("https://[::1]:8088/a/b?c=d#e", web("::1", 8088, "/a/b?c=d", true)),
        ] {
            assert_eq!(Target::parse(text).unwrap().way, expected, "{text}");
        }
        assert_eq!(server("::1", 8088).to_string(), "[::1]:8088");
    }

    #[test]
    fn mistakes_are_told() {
        for (text, said) in [
            ("collector:514", "expected syslog+udp://"),
            ("syslog://collector", "expected syslog+udp://"),
            ("file:", "file:PATH"),
            ("syslog+tcp://", "does not begin with a server's name"),
            ("syslog+tcp://col lector", "does not begin with a server's name"),
            ("syslog+tcp://collector:0", "0 is no port"),
            ("syslog+tcp://collector:x", "x is no port"),
            ("syslog+tcp://collector/logs", "nothing may follow the port, and /logs does"),
            ("syslog+tcp://[collector]", "collector is no IPv6 address"),
            ("syslog+tcp://[::1]514", "514 stands where a colon and a port may"),
            ("https://me:secret@collector/", "--http-header"),
            ("https://collector/a b", "' ' has to be written with %"),
            ("https://collector/a\r\nX: y", "has to be written with %"),
        ] {
            let error = Target::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
