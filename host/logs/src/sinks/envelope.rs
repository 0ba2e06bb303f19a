//! What is put around a record's text for its way.

use bifrons_model::Timestamp;

use crate::record::{Column, LogKind, LogRecord};

/// What is put around a record's text.
#[derive(Clone, Debug)]
pub enum Envelope {
    /// Nothing.
    Bare,
    /// A syslog header.
    Syslog(SyslogHeader),
}

/// A syslog header. It says the time at which the record was received, or else generated.
#[derive(Clone, Debug)]
pub struct SyslogHeader {
    /// How it is written.
    pub form: SyslogForm,
    /// The facility, 0 to 23; PAN-OS uses 1, user-level messages.
    pub facility: u8,
    /// The sender's name or address. Where it is empty, the name of the record's device.
    pub host: String,
}

/// The two forms of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogForm {
    /// RFC 3164: `<14>Jan 31 10:00:00 gate …`.
    Bsd,
    /// RFC 5424: `<14>1 2026-01-31T10:00:00Z gate - - - - …`.
    Ietf,
}

impl Envelope {
    /// Appends what stands before the record's text.
    pub(crate) fn write(&self, record: &LogRecord<'_>, out: &mut String) {
        let Self::Syslog(header) = self else { return };
        let priority = u32::from(header.facility.min(23)) * 8 + severity(record);
        let time = record.time(Column::RECEIVE_TIME).or_else(|| record.time(Column::TIME_GENERATED));
        // A header has no room for blanks; RFC 5424 has a word for nothing.
        let device = record.get(Column::DEVICE_NAME).unwrap_or_default();
        let host = if header.host.is_empty() { device } else { &header.host };
        let host: String = host.chars().filter(|letter| letter.is_ascii_graphic()).take(255).collect();
        let host = if host.is_empty() { "-" } else { &host };
        match header.form {
            SyslogForm::Bsd => {
                let (_, month, day, hour, minute, second) = time.unwrap_or(Timestamp::ZERO).civil();
                let month = super::month_name(month);
                out.push_str(&format!(
                    "<{priority}>{month} {day:>2} {hour:02}:{minute:02}:{second:02} {host} "
                ));
            }
            SyslogForm::Ietf => {
                let time = time.map_or_else(|| "-".to_owned(), iso);
                out.push_str(&format!("<{priority}>1 {time} {host} - - - - "));
            }
        }
    }
}

fn iso(time: Timestamp) -> String {
    let (year, month, day, hour, minute, second) = time.civil();
    let fraction = match time.subsec_nanos() / 1_000 {
        0 => String::new(),
        micros => format!(".{micros:06}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// The severity of syslog that PAN-OS gives a record.
fn severity(record: &LogRecord<'_>) -> u32 {
    match record.kind {
        LogKind::Traffic | LogKind::Config | LogKind::Other => 6,
        LogKind::Threat | LogKind::System => match record.get(Column::SEVERITY).unwrap_or_default() {
            "critical" => 2,
            "high" | "medium" => 4,
            "low" => 5,
            _ => 6,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Parser;

    #[test]
    fn headers_of_both_forms() {
        let line = |severity: &str, device: &str| {
            format!(
                "1,2026/01/03 10:00:00,0042,SYSTEM,general,2049,2026/01/31 10:00:01,,boot,,0,0,general,\
                 {severity},up,5,0x0,0,0,0,0,,{device}"
            )
        };
        let named = |form, severity: &str, host: &str, device: &str| {
            let mut parser = Parser::new();
            let mut out = String::new();
            let header = SyslogHeader { form, facility: 1, host: host.to_owned() };
            let line = line(severity, device);
            Envelope::Syslog(header).write(&parser.parse(line.as_bytes()).unwrap(), &mut out);
            out
        };
        let written = |form, severity: &str, host: &str| named(form, severity, host, "");
        let bsd = SyslogForm::Bsd;
        assert_eq!(written(bsd, "informational", "gate"), "<14>Jan  3 10:00:00 gate ");
        assert_eq!(written(bsd, "critical", "gate"), "<10>Jan  3 10:00:00 gate ");
        let ietf = SyslogForm::Ietf;
        assert_eq!(written(ietf, "high", "my gate"), "<12>1 2026-01-03T10:00:00Z mygate - - - - ");
        assert_eq!(written(ietf, "low", ""), "<13>1 2026-01-03T10:00:00Z - - - - - ");
        assert_eq!(named(bsd, "low", "", "fw 7"), "<13>Jan  3 10:00:00 fw7 ");
    }
}
