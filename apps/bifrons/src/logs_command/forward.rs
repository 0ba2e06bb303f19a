//! Sending records on: how they are written, and what is told of how it goes.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use bifrons_logs::{
    filter::Filter,
    record::{Column, LogRecord},
    sinks::{
        Destination, Envelope, RecordFormat, Sink, SinkCounters, SinkOptions, SpoolOptions, SyslogForm,
        SyslogHeader, Template, Tls, WhenFull,
    },
};
use clap::{Args, ValueEnum};

use super::{
    destination::{Server, Target, Way},
    upkeep::size,
};

/// How records are sent.
#[derive(Args)]
#[group(requires = "to", multiple = true)]
#[command(next_help_heading = "Sending")]
pub struct Sending {
    /// Send only records that match
    #[arg(long, short, value_name = "EXPR")]
    filter: Option<String>,
    /// How records are written; JSON for web servers, else as PAN-OS writes them
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only these columns, in this order, separated by commas
    #[arg(long, value_delimiter = ',', value_parser = super::column, value_name = "COLUMN,…")]
    columns: Vec<Column>,
    /// A text for each record with `$src`, `$session_end_reason` and the like in it
    #[arg(long, conflicts_with_all = ["format", "columns"])]
    template: Option<String>,
    /// What stands in front of each record; `bsd` for syslog, else `none`
    #[arg(long, value_enum, value_name = "FORM")]
    syslog_header: Option<HeaderForm>,
    /// The sender's name in syslog headers; the name of the record's device without it
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// The facility in syslog headers, 0 to 23
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u8).range(..24))]
    facility: u8,
    /// Certificates of the authorities that may vouch for the server (PEM); the system's without it
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,
    /// The name in the server's certificate, where the URL has another
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,
    /// The certificates that are shown to the server, the own one first (PEM)
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_certificates: Option<PathBuf>,
    /// Their key (PEM)
    #[arg(long, value_name = "FILE", requires = "client_certificates")]
    client_key: Option<PathBuf>,
    /// A line for the head of each request, such as `Authorization: Bearer …`; may be given more than once
    #[arg(long, value_name = "NAME: VALUE", value_parser = http_header)]
    http_header: Vec<(String, String)>,
    /// What waits to be sent stands in this folder, and is sent by the next run that names it; without it,
    /// memory holds 64 MiB
    #[arg(long, value_name = "FOLDER")]
    spool: Option<PathBuf>,
    /// The folder may hold so much: `500M`, `20G`
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    spool_size: u64,
    /// A file is changed for another at this size
    #[arg(long, value_name = "SIZE", default_value = "100M", value_parser = size)]
    rotate_size: u64,
    /// So many files are kept besides the current one
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    rotate_keep: u32,
    /// So many seconds are given to a destination that takes nothing, when records wait for room and at the
    /// end
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    patience: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// All columns with commas between, as PAN-OS writes them
    PanOs,
    /// An object for each record
    Json,
    /// Columns with commas between
    Csv,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HeaderForm {
    /// RFC 3164, as PAN-OS sends it
    Bsd,
    /// RFC 5424
    Ietf,
    /// Nothing
    None,
}

/// Messages that wait in memory, in bytes, where no folder is given.
const MEMORY: usize = 64 << 20;

/// Where systems keep the certificates of the authorities that they trust.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Sending {
    /// How long a destination may take nothing.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }

    /// Which records are sent.
    pub fn filter(&self) -> anyhow::Result<Option<Filter>> {
        super::filter(self.filter.as_deref())
    }

    fn options(&self, target: &Target, when_full: WhenFull) -> anyhow::Result<SinkOptions> {
        let format = self.record_format(target)?;
        let spool = match &self.spool {
            Some(folder) => {
                SpoolOptions { folder: Some(folder.clone()), memory_max: 0, disk_max: self.spool_size }
            }
            None => SpoolOptions { folder: None, memory_max: MEMORY, disk_max: 0 },
        };
        let destination = self.destination(&target.way, &format)?;
        let envelope = self.envelope(target);
        Ok(SinkOptions { format, envelope, spool, when_full, ..SinkOptions::new(destination) })
    }

    fn record_format(&self, target: &Target) -> anyhow::Result<RecordFormat> {
        if let Some(text) = &self.template {
            return Ok(RecordFormat::Template(Template::parse(text)?));
        }
        let usual = match target.way {
            Way::Web { .. } => Format::Json,
            Way::File(_) | Way::Udp(_) | Way::Stream { .. } => Format::PanOs,
        };
        let columns = self.columns.clone();
        match self.format.unwrap_or(usual) {
            Format::Csv if columns.is_empty() => Ok(RecordFormat::Csv(Column::ALL.to_vec())),
            Format::Csv => Ok(RecordFormat::Csv(columns)),
            Format::Json if columns.is_empty() => Ok(RecordFormat::Json),
            Format::Json => Ok(RecordFormat::JsonColumns(columns)),
            Format::PanOs if columns.is_empty() => Ok(RecordFormat::PanOs),
            Format::PanOs => anyhow::bail!("--columns needs --format csv or json: PAN-OS' form has them all"),
        }
    }

    fn envelope(&self, target: &Target) -> Envelope {
        let usual = match target.way {
            Way::Udp(_) | Way::Stream { .. } => HeaderForm::Bsd,
            Way::File(_) | Way::Web { .. } => HeaderForm::None,
        };
        let form = match self.syslog_header.unwrap_or(usual) {
            HeaderForm::None => return Envelope::Bare,
            HeaderForm::Bsd => SyslogForm::Bsd,
            HeaderForm::Ietf => SyslogForm::Ietf,
        };
        let host = self.host.clone().unwrap_or_default();
        Envelope::Syslog(SyslogHeader { form, facility: self.facility, host })
    }

    fn destination(&self, way: &Way, format: &RecordFormat) -> anyhow::Result<Destination> {
        Ok(match way {
            Way::File(path) => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let is_there = folder.is_none_or(std::path::Path::is_dir);
                ensure!(is_there && !path.is_dir(), "cannot write {}", path.display());
                Destination::File { path: path.clone(), bytes_max: self.rotate_size, keep: self.rotate_keep }
            }
            Way::Udp(server) => Destination::Udp { address: server.to_string() },
            Way::Stream { server, is_encrypted } => {
                Destination::Tcp { address: server.to_string(), tls: self.tls(server, *is_encrypted)? }
            }
            Way::Web { server, path, is_encrypted } => Destination::Http {
                address: server.to_string(),
                path: path.clone(),
                content_type: match format {
                    RecordFormat::Json | RecordFormat::JsonColumns(_) => "application/x-ndjson",
                    RecordFormat::PanOs | RecordFormat::Csv(_) | RecordFormat::Template(_) => "text/plain",
                }
                .to_owned(),
                headers: self.http_header.clone(),
                tls: self.tls(server, *is_encrypted)?,
            },
        })
    }

    fn tls(&self, server: &Server, is_encrypted: bool) -> anyhow::Result<Option<Tls>> {
        if !is_encrypted {
            return Ok(None);
        }
        let systems = || AUTHORITIES.iter().map(PathBuf::from).find(|path| path.is_file());
        let authorities = self
            .authorities
            .clone()
            .or_else(systems)
            .context("the system has no collection of authorities' certificates: give --authorities")?;
        let name = self.server_name.as_ref().unwrap_or(&server.host);
        let own = self.client_certificates.as_deref().zip(self.client_key.as_deref());
        Ok(Some(Tls::new(&authorities, name, own)?))
    }
}

/// `NAME: VALUE` of a request's head (RFC 9110, section 5).
fn http_header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header is a name, a colon and a value")?;
    let value = value.trim();
    let is_token = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    if name.is_empty() || !name.chars().all(is_token) {
        return Err(format!("{name:?} is no header's name"));
    }
    if value.chars().any(char::is_control) {
        return Err(format!("the value of {name} has control characters"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Sends records on and tells on standard error when the destination stops taking them.
pub struct Forwarder {
    target: Target,
    sink: Sink,
    filter: Option<Filter>,
    patience: Duration,
    seen: SinkCounters,
    is_failing: bool,
}

impl Forwarder {
    /// Begins to send to `target`.
    pub fn start(target: &Target, sending: &Sending, when_full: WhenFull) -> anyhow::Result<Self> {
        let sink = Sink::start(sending.options(target, when_full)?).context("cannot use the spool")?;
        Ok(Self {
            target: target.clone(),
            filter: sending.filter()?,
            patience: sending.patience(),
            seen: sink.counters(),
            sink,
            is_failing: false,
        })
    }

    /// Hands in a record, if it is wanted.
    pub fn send(&mut self, record: &LogRecord<'_>) {
        if self.filter.as_ref().is_none_or(|filter| filter.matches(record)) {
            self.sink.send(record);
        }
    }

    /// Waits until everything that was handed in stands in the spool, or was dropped.
    pub fn settle(&self) {
        self.sink.settle();
    }

    /// Tells of a destination that has stopped taking records since the last look, or takes them again.
    pub fn look(&mut self) -> SinkCounters {
        let counters = self.sink.counters();
        let (failed, delivered) =
            (counters.failures > self.seen.failures, counters.delivered > self.seen.delivered);
        if failed && !delivered && !self.is_failing {
            self.is_failing = true;
            let failure = self.sink.last_failure().unwrap_or_default();
            eprintln!("{} takes no records: {failure}; {} wait", self.target, counters.waiting);
        } else if delivered && self.is_failing {
            self.is_failing = false;
            eprintln!("{} takes records again; {} wait", self.target, counters.waiting);
        }
        self.seen = counters;
        counters
    }

    /// Sends what waits, as long as the destination takes something now and then, and says what became of
    /// all.
    pub fn close(mut self) -> SinkCounters {
        const STEP: Duration = Duration::from_millis(20);
        let mut idle = Duration::ZERO;
        let mut before = self.look();
        while before.waiting > 0 && idle < self.patience {
            std::thread::sleep(STEP);
            let counters = self.look();
            idle = if counters.delivered > before.delivered { Duration::ZERO } else { idle + STEP };
            before = counters;
        }
        let counters = self.sink.close(Duration::ZERO);
        let SinkCounters { delivered, waiting, dropped, .. } = counters;
        eprintln!("{}: {delivered} sent, {waiting} left in the spool, {dropped} dropped", self.target);
        counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_requests() {
        let header = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(http_header("Authorization: Splunk a:b"), header("Authorization", "Splunk a:b"));
        assert_eq!(http_header("X-Empty:"), header("X-Empty", ""));
        for text in ["Authorization", ": x", "My Name: x", "X: a\r\nY: b"] {
            assert!(http_header(text).is_err(), "{text}");
        }
    }
}
