//! Where records go.

use alloc::{string::String, vec::Vec};

/// `log-settings`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// `syslog NAME …`
    pub syslog: Vec<SyslogProfile>,
    /// `profiles NAME …`
    pub profiles: Vec<LogProfile>,
}

/// Servers that all get the same records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyslogProfile {
    /// Its name.
    pub name: String,
    /// `server NAME …`
    pub servers: Vec<SyslogServer>,
}

/// One server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyslogServer {
    /// Its name in the configuration.
    pub name: String,
    /// Its address or its name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What messages travel in.
    pub transport: SyslogTransport,
    /// Whether a message has the header of RFC 5424; else that of RFC 3164.
    pub ietf_format: bool,
    /// The facility number of RFC 5424 section 6.2.1: 1 for `LOG_USER`, 16 to 23 for `LOG_LOCAL0` to
    /// `LOG_LOCAL7`.
    pub facility: u8,
}

/// What syslog messages travel in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyslogTransport {
    /// One message in a datagram.
    #[default]
    Udp,
    /// A stream in the clear.
    Tcp,
    /// A stream over TLS.
    Tls,
}

/// Where the records of the rules that name it go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogProfile {
    /// Its name.
    pub name: String,
    /// `match-list NAME …`
    pub matches: Vec<LogMatch>,
}

/// Where some records go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogMatch {
    /// Its name.
    pub name: String,
    /// `traffic`, `threat`, …
    pub log_type: String,
    /// Which of them, in the language of log filters; empty for all.
    pub filter: String,
    /// Places in `LogSettings::syslog`.
    pub syslog: Vec<usize>,
}
