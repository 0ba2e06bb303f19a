//! `log-settings`: where records go.

use super::{Kind, Section, entry};

const FACILITIES: Kind = Kind::Words(&[
    "LOG_USER",
    "LOG_LOCAL0",
    "LOG_LOCAL1",
    "LOG_LOCAL2",
    "LOG_LOCAL3",
    "LOG_LOCAL4",
    "LOG_LOCAL5",
    "LOG_LOCAL6",
    "LOG_LOCAL7",
]);
const TYPES: Kind = Kind::Words(&[
    "traffic",
    "threat",
    "wildfire",
    "url",
    "data",
    "gtp",
    "tunnel",
    "auth",
    "sctp",
    "decryption",
]);

pub(super) const SYSLOG: Section = Section {
    title: "Syslog servers",
    text: "Records go to every server of a profile. Accepted, without effect yet.",
    leaves: &[
        entry(
            "log-settings syslog <syslog-profile> server <syslog-server> server",
            Kind::Text { max: 255 },
            "",
            "The server's address or name.",
        ),
        entry(
            "log-settings syslog <syslog-profile> server <syslog-server> transport",
            Kind::Words(&["UDP", "TCP", "SSL"]),
            "UDP",
            "What messages travel in.",
        ),
        entry(
            "log-settings syslog <syslog-profile> server <syslog-server> port",
            Kind::Integer { min: 1, max: 65_535, unit: "" },
            "514",
            "The server's port.",
        ),
        entry(
            "log-settings syslog <syslog-profile> server <syslog-server> format",
            Kind::Words(&["BSD", "IETF"]),
            "BSD",
            "Whether a message has the header of RFC 3164 or of RFC 5424.",
        ),
        entry(
            "log-settings syslog <syslog-profile> server <syslog-server> facility",
            FACILITIES,
            "LOG_USER",
            "The facility in the header.",
        ),
    ],
};

pub(super) const FORWARDING: Section = Section {
    title: "Log forwarding",
    text: "A rule names a profile by `log-setting`; a record goes where each entry of the profile that fits \
           it says. Accepted, without effect yet.",
    leaves: &[
        entry("log-settings profiles <log-profile> description", Kind::Text { max: 1023 }, "", "Free text."),
        entry(
            "log-settings profiles <log-profile> match-list <match-list> log-type",
            TYPES,
            "traffic",
            "The records that the entry is for.",
        ),
        entry(
            "log-settings profiles <log-profile> match-list <match-list> filter",
            Kind::Text { max: 1023 },
            "All Logs",
            "Which of them, in the language of log filters.",
        ),
        entry(
            "log-settings profiles <log-profile> match-list <match-list> send-syslog",
            Kind::Labels,
            "",
            "Profiles of syslog servers that they go to.",
        ),
        entry(
            "log-settings profiles <log-profile> match-list <match-list> send-to-panorama",
            Kind::YesNo,
            "no",
            "Whether they go to a central manager; there is none.",
        ),
        entry(
            "log-settings profiles <log-profile> match-list <match-list> description",
            Kind::Text { max: 1023 },
            "",
            "Free text.",
        ),
    ],
};
