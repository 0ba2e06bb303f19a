//! Applications of the operator's own, and names for several applications.

use super::{Kind, Section, entry};

/// 0 means the global one.
const TIMEOUT: Kind = Kind::Integer { min: 0, max: 604_800, unit: "seconds" };
const WHOLE: Kind = Kind::Integer { min: 0, max: u32::MAX, unit: "" };
const BYTE: Kind = Kind::Integer { min: 0, max: 255, unit: "" };
const CHARACTERISTIC: &str = "What application filters ask for.";

pub(super) const APPLICATIONS: Section = Section {
    title: "Custom applications",
    text: "A session is of a custom application if one of its signatures is met; an application without \
           signatures is known by its default ports, or by an application override rule alone. All of a \
           signature's and-conditions must be met, each by any of its or-conditions. Names of applications, \
           groups and filters are distinct from each other and from those of the catalogue.",
    leaves: &[
        entry(
            "application <application> category",
            Kind::Name { max: 63 },
            "unknown",
            "For application filters and the log.",
        ),
        entry(
            "application <application> subcategory",
            Kind::Name { max: 63 },
            "unknown",
            "For application filters and the log.",
        ),
        entry(
            "application <application> technology",
            Kind::Name { max: 63 },
            "unknown",
            "For application filters and the log.",
        ),
        entry(
            "application <application> risk",
            Kind::Integer { min: 1, max: 5, unit: "" },
            "1",
            "For application filters and the log.",
        ),
        entry(
            "application <application> parent-app",
            Kind::Application,
            "",
            "The application in whose sessions the signatures are looked for.",
        ),
        entry(
            "application <application> default port",
            Kind::AppPorts,
            "",
            "The ports of `application-default`.",
        ),
        entry(
            "application <application> default ident-by-ip-protocol",
            BYTE,
            "",
            "The IP protocol that it is known by.",
        ),
        entry(
            "application <application> default ident-by-icmp-type|ident-by-icmp6-type type",
            BYTE,
            "",
            "The ICMP or ICMPv6 type that it is known by.",
        ),
        entry(
            "application <application> default ident-by-icmp-type|ident-by-icmp6-type code",
            BYTE,
            "",
            "The code; without the line, any.",
        ),
        entry(
            "application <application> timeout|tcp-timeout|udp-timeout",
            TIMEOUT,
            "",
            "How long a session may be idle; 0 is the global timeout. `timeout` is for TCP and UDP where \
             theirs is not given.",
        ),
        entry(
            "application <application> tcp-half-closed-timeout",
            Kind::Integer { min: 1, max: 604_800, unit: "seconds" },
            "",
            "How long a session lives after the first FIN.",
        ),
        entry(
            "application <application> tcp-time-wait-timeout",
            Kind::Integer { min: 1, max: 600, unit: "seconds" },
            "",
            "How long a session lives after the second FIN or a reset.",
        ),
        entry(
            "application <application> evasive-behavior|consume-big-bandwidth|used-by-malware|\
             able-to-transfer-file|has-known-vulnerability|tunnel-other-application|prone-to-misuse|\
             pervasive-use|is-saas",
            Kind::YesNo,
            "no",
            CHARACTERISTIC,
        ),
        entry(
            "application <application> file-type-ident|virus-ident|data-ident|no-appid-caching|\
             tunnel-applications",
            Kind::YesNo,
            "no",
            "What else would be looked for in its sessions; without effect yet.",
        ),
        entry("application <application> description", Kind::Text { max: 1023 }, "", "Free text."),
        entry("application <application> tag", Kind::Tags, "", "Tags, for people."),
    ],
};

pub(super) const SIGNATURES: Section = Section {
    title: "Signatures of custom applications",
    text: "",
    leaves: &[
        entry(
            "application <application> signature <signature> comment",
            Kind::Text { max: 256 },
            "",
            "Free text.",
        ),
        entry(
            "application <application> signature <signature> scope",
            Kind::Words(&["protocol-data-unit", "session"]),
            "protocol-data-unit",
            "Whether one message must meet all conditions, or the session's messages together.",
        ),
        entry(
            "application <application> signature <signature> order-free",
            Kind::YesNo,
            "no",
            "Whether the conditions may be met in any order.",
        ),
        entry(
            "application <application> signature <signature> and-condition <and-condition> or-condition \
             <or-condition> operator pattern-match|greater-than|less-than|equal-to context",
            Kind::Name { max: 127 },
            "",
            "Where to look, such as `http-req-host-header`.",
        ),
        entry(
            "application <application> signature <signature> and-condition <and-condition> or-condition \
             <or-condition> operator pattern-match pattern",
            Kind::Pattern,
            "",
            "A regular expression.",
        ),
        entry(
            "application <application> signature <signature> and-condition <and-condition> or-condition \
             <or-condition> operator greater-than|less-than value",
            WHOLE,
            "",
            "The number in the context is greater, or less, than this.",
        ),
        entry(
            "application <application> signature <signature> and-condition <and-condition> or-condition \
             <or-condition> operator equal-to position",
            WHOLE,
            "0",
            "At which byte of the context the four bytes begin.",
        ),
        entry(
            "application <application> signature <signature> and-condition <and-condition> or-condition \
             <or-condition> operator equal-to mask",
            Kind::Hex,
            "0xffffffff",
            "Which bits of the four bytes count.",
        ),
        entry(
            "application <application> signature <signature> and-condition <and-condition> or-condition \
             <or-condition> operator equal-to value",
            Kind::Hex,
            "",
            "What these bits are.",
        ),
    ],
};

pub(super) const GROUPS: Section = Section {
    title: "Application groups and filters",
    text: "A filter stands for all applications of the catalogue and of the configuration that meet each \
           of its conditions; a list is met by any of its values.",
    leaves: &[
        entry(
            "application-group <application-group> members",
            Kind::ApplicationNames,
            "",
            "Applications, filters and groups.",
        ),
        entry("application-group <application-group> tag", Kind::Tags, "", "Tags, for people."),
        entry(
            "application-filter <application-filter> category|subcategory|technology",
            Kind::Labels,
            "",
            "Words of the catalogue and of custom applications.",
        ),
        entry("application-filter <application-filter> risk", Kind::Risks, "", "Risks from 1 to 5."),
        entry(
            "application-filter <application-filter> evasive|excessive-bandwidth-use|used-by-malware|\
             transfers-files|has-known-vulnerabilities|tunnels-other-apps|prone-to-misuse|pervasive|is-saas",
            Kind::YesNo,
            "no",
            "Only applications with this characteristic.",
        ),
        entry(
            "application-filter <application-filter> exclude",
            Kind::ApplicationNames,
            "",
            "Applications that the filter does not stand for.",
        ),
    ],
};

pub(super) const SETTINGS: Section = Section {
    title: "More on identification",
    text: "",
    leaves: &[
        entry(
            "deviceconfig setting application cache|use-cache-for-identification",
            Kind::YesNo,
            "no",
            "Whether applications are remembered by server address and port; without effect, nothing is.",
        ),
        entry(
            "deviceconfig setting application cache-threshold",
            Kind::Integer { min: 1, max: 65_535, unit: "" },
            "",
            "After how many sessions an application would be remembered; without effect.",
        ),
        entry(
            "deviceconfig setting application heuristics",
            Kind::YesNo,
            "yes",
            "Whether behaviour is looked at where no signature is met; without effect yet.",
        ),
        entry(
            "deviceconfig setting application identify-unknown-traffic-by-port",
            Kind::Only("no"),
            "no",
            "Whether a port may tell the application where nothing else does; it may not.",
        ),
        entry(
            "deviceconfig setting application bypass-exceed-queue",
            Kind::YesNo,
            "no",
            "What happens when identification's queue is full; without effect, there is none.",
        ),
        entry(
            "deviceconfig setting application dump-unknown",
            Kind::YesNo,
            "no",
            "Whether unknown sessions are captured; without effect yet.",
        ),
        entry(
            "deviceconfig setting application traceroute enable",
            Kind::YesNo,
            "no",
            "Whether traceroute is an application of its own; without effect yet.",
        ),
        entry(
            "deviceconfig setting application traceroute ttl-threshold",
            Kind::Integer { min: 0, max: 255, unit: "" },
            "",
            "Up to which time to live; without effect yet.",
        ),
    ],
};
