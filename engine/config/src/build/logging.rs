//! Where records go.

use alloc::{string::String, vec::Vec};

use super::View;
use crate::{
    Problem,
    parse::Report,
    typed::{LogMatch, LogProfile, LogSettings, SyslogProfile, SyslogServer, SyslogTransport},
};

pub(super) fn log_settings(root: &View<'_>, report: &mut Report<'_>) -> LogSettings {
    let settings = root.below("log-settings");
    let mut syslog = Vec::new();
    for (name, entry) in settings.below("syslog").entries() {
        let servers = entry.below("server").entries().into_iter();
        let servers = servers.filter_map(|(name, entry)| server(name, &entry, report)).collect();
        syslog.push(SyslogProfile { name: name.into(), servers });
    }
    let mut profiles = Vec::new();
    for (name, entry) in settings.below("profiles").entries() {
        let matches = entry.below("match-list").entries().into_iter();
        let matches = matches.map(|(name, entry)| log_match(name, &entry, &syslog, report)).collect();
        profiles.push(LogProfile { name: name.into(), matches });
    }
    LogSettings { syslog, profiles }
}

fn server(name: &str, entry: &View<'_>, report: &mut Report<'_>) -> Option<SyslogServer> {
    let host = entry.below("server").text();
    if host.is_empty() {
        entry.gap(report, entry.line(), Problem::Incomplete { what: "a syslog server needs a `server`" });
        return None;
    }
    let facility = entry.below("facility").word();
    let local = facility.strip_prefix("LOG_LOCAL").and_then(|number| number.parse::<u8>().ok());
    Some(SyslogServer {
        name: name.into(),
        host,
        port: entry.below("port").number().and_then(|port| u16::try_from(port).ok()).unwrap_or(514),
        transport: match entry.below("transport").word().as_str() {
            "TCP" => SyslogTransport::Tcp,
            "SSL" => SyslogTransport::Tls,
            _ => SyslogTransport::Udp,
        },
        ietf_format: entry.below("format").word() == "IETF",
        facility: local.map_or(1, |number| 16 + number),
    })
}

fn log_match(name: &str, entry: &View<'_>, syslog: &[SyslogProfile], report: &mut Report<'_>) -> LogMatch {
    let list = entry.below("send-syslog");
    let mut places = Vec::new();
    for value in list.values() {
        match syslog.iter().position(|profile| profile.name == value.text) {
            Some(place) => places.push(place),
            None => {
                let known = syslog.iter().map(|profile| profile.name.as_str());
                list.unknown(report, "syslog profile", value, known);
            }
        }
    }
    let filter = entry.below("filter").word();
    LogMatch {
        name: name.into(),
        log_type: entry.below("log-type").word(),
        filter: if filter == "All Logs" { String::new() } else { filter },
        syslog: places,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::parse;

    #[test]
    fn traffic_records_go_to_servers() {
        let text = "\
            set shared log-settings syslog s server one server 192.0.2.2\n\
            set shared log-settings syslog s server two server logs.example transport SSL port 6514\n\
            set shared log-settings syslog s server two format IETF facility LOG_LOCAL3\n\
            set log-settings profiles default match-list all send-syslog s filter \"All Logs\"\n\
            set log-settings profiles default match-list bad log-type threat filter \"(severity eq high)\"\n";
        let settings = parse(text, "x.set").unwrap().log_settings;
        let [one, two] = settings.syslog[0].servers.as_slice() else { panic!("two servers") };
        assert_eq!(
            (&*one.host, one.port, one.transport, one.facility),
            ("192.0.2.2", 514, SyslogTransport::Udp, 1)
        );
        assert_eq!((two.port, two.transport, two.facility), (6514, SyslogTransport::Tls, 19));
        assert!(two.ietf_format && !one.ietf_format);
        let [all, bad] = settings.profiles[0].matches.as_slice() else { panic!("two entries") };
        assert_eq!((&*all.log_type, &*all.filter, &*all.syslog), ("traffic", "", &[0][..]));
        assert_eq!((&*bad.log_type, &*bad.filter, bad.syslog.len()), ("threat", "(severity eq high)", 0));
    }

    #[test]
    fn names_must_lead_somewhere() {
        let text = "log-settings syslog s server one port 1\n\
            log-settings profiles p match-list m send-syslog t\n";
        let errors = parse(text, "x.set").unwrap_err();
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "x.set:1: log-settings syslog s server one: a syslog server needs a `server`",
                "x.set:2: log-settings profiles p match-list m send-syslog: unknown syslog profile `t`; \
                 accepted here: `s`"
            ]
        );
    }
}
