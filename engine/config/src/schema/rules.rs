//! `rulebase`: who may talk to whom.

use super::{Kind, Section, entry};

const ACTIONS: Kind = Kind::Words(&["allow", "deny", "drop", "reset-client", "reset-server", "reset-both"]);

const PROFILES: &str = "Protections that are not there yet: accepted with a warning.";
const UUID: &str = "The number that another device gave the rule; without effect.";

pub(super) const SECURITY: Section = Section {
    title: "Security rules",
    text: "Rules are tried in the order of their first line, which `move rulebase security rules NAME \
           top|bottom|before OTHER|after OTHER` changes; the first that matches decides. Conditions on \
           host profiles are accepted only with the value `any`.\n\n\
           As long as a session's application is not known, a rule for certain applications, or with \
           `application-default`, matches possibly. If such a rule allows, the session is let through for \
           now; if it blocks, it is passed over. A rule that matches whatever the application is decides at \
           once. When the application is known or changes, the rules are tried again and the match is exact.",
    leaves: &[
        entry(
            "rulebase security rules <rule> from",
            Kind::Zones,
            "any",
            "Zones that the traffic comes from.",
        ),
        entry("rulebase security rules <rule> to", Kind::Zones, "any", "Zones that it goes to."),
        entry("rulebase security rules <rule> source", Kind::Addresses, "any", "The client's address."),
        entry("rulebase security rules <rule> destination", Kind::Addresses, "any", "The server's address."),
        entry(
            "rulebase security rules <rule> negate-source",
            Kind::YesNo,
            "no",
            "Whether the rule is for all sources except the listed ones.",
        ),
        entry(
            "rulebase security rules <rule> negate-destination",
            Kind::YesNo,
            "no",
            "Whether the rule is for all destinations except the listed ones.",
        ),
        entry(
            "rulebase security rules <rule> source-user",
            Kind::Users,
            "any",
            "The client's user: anyone known, anyone unknown, or users and groups by name.",
        ),
        entry(
            "rulebase security rules <rule> source-hip",
            Kind::OnlyAny,
            "any",
            "The client's host profile.",
        ),
        entry(
            "rulebase security rules <rule> destination-hip",
            Kind::OnlyAny,
            "any",
            "The server's host profile.",
        ),
        entry(
            "rulebase security rules <rule> hip-profiles",
            Kind::OnlyAny,
            "any",
            "Host profiles, as older versions have it.",
        ),
        entry(
            "rulebase security rules <rule> category",
            Kind::Categories,
            "any",
            "Custom URL categories of the server's name.",
        ),
        entry(
            "rulebase security rules <rule> schedule",
            Kind::Schedule,
            "",
            "When the rule holds; without the line, always.",
        ),
        entry("rulebase security rules <rule> application", Kind::Applications, "any", "Applications."),
        entry(
            "rulebase security rules <rule> service",
            Kind::Services,
            "any",
            "Services; `application-default` holds each application to its own ports.",
        ),
        entry(
            "rulebase security rules <rule> action",
            ACTIONS,
            "deny",
            "What happens; `deny` is what the application's own deny action says.",
        ),
        entry(
            "rulebase security rules <rule> icmp-unreachable",
            Kind::YesNo,
            "no",
            "Whether a blocked packet is answered with an ICMP unreachable; TCP with a reset action is not.",
        ),
        entry(
            "rulebase security rules <rule> rule-type",
            Kind::Words(&["universal", "intrazone", "interzone"]),
            "universal",
            "Whether the rule is for any pair of its zones, only within one zone, or only between two.",
        ),
        entry(
            "rulebase security rules <rule> log-start",
            Kind::YesNo,
            "no",
            "Whether a record is written at the first data and at each change of application.",
        ),
        entry(
            "rulebase security rules <rule> log-end",
            Kind::YesNo,
            "yes",
            "Whether a record is written at the end.",
        ),
        entry("rulebase security rules <rule> disabled", Kind::YesNo, "no", "Whether the rule is skipped."),
        entry("rulebase security rules <rule> description", Kind::Text { max: 1023 }, "", "Free text."),
        entry("rulebase security rules <rule> tag", Kind::Tags, "", "Tags, for people."),
        entry(
            "rulebase security rules <rule> group-tag",
            Kind::Text { max: 127 },
            "",
            "A tag to group rules by, for people.",
        ),
        entry(
            "rulebase security rules <rule> log-setting",
            Kind::Text { max: 63 },
            "",
            "The log profile that says where the rule's records go besides the device's own log; without \
             effect yet.",
        ),
        entry("rulebase security rules <rule> profile-setting group", Kind::Labels, "", PROFILES),
        entry(
            "rulebase security rules <rule> profile-setting profiles virus|spyware|vulnerability|\
             url-filtering|file-blocking|wildfire-analysis|data-filtering|gtp|sctp",
            Kind::Labels,
            "",
            PROFILES,
        ),
        entry(
            "rulebase security rules <rule> option disable-server-response-inspection",
            Kind::YesNo,
            "no",
            "Whether what servers send is not scanned; without effect yet.",
        ),
        entry(
            "rulebase security rules <rule> disable-inspect",
            Kind::YesNo,
            "no",
            "Whether content is not scanned; without effect yet.",
        ),
        entry(
            "rulebase security rules <rule> source-device|destination-device|source-imsi|source-imei|\
             source-nw-slice",
            Kind::OnlyAny,
            "any",
            "What else is known of the host.",
        ),
        entry("rulebase security rules <rule> uuid", Kind::Text { max: 36 }, "", UUID),
    ],
};

pub(super) const DEFAULT: Section = Section {
    title: "Default rules",
    text: "`intrazone-default` is for traffic within one zone, `interzone-default` for traffic between two, \
           where no other rule matched.",
    leaves: &[
        entry(
            "rulebase default-security-rules rules intrazone-default action",
            ACTIONS,
            "allow",
            "What happens.",
        ),
        entry(
            "rulebase default-security-rules rules interzone-default action",
            ACTIONS,
            "deny",
            "What happens.",
        ),
        entry(
            "rulebase default-security-rules rules intrazone-default|interzone-default log-start",
            Kind::YesNo,
            "no",
            "Whether a record is written at the first data.",
        ),
        entry(
            "rulebase default-security-rules rules intrazone-default|interzone-default log-end",
            Kind::YesNo,
            "no",
            "Whether a record is written at the end.",
        ),
        entry(
            "rulebase default-security-rules rules intrazone-default|interzone-default icmp-unreachable",
            Kind::YesNo,
            "no",
            "Whether a drop is answered with an ICMP unreachable.",
        ),
        entry(
            "rulebase default-security-rules rules intrazone-default|interzone-default log-setting",
            Kind::Text { max: 63 },
            "",
            "The log profile that says where the rule's records go besides the device's own log; without \
             effect yet.",
        ),
        entry(
            "rulebase default-security-rules rules intrazone-default|interzone-default profile-setting group",
            Kind::Labels,
            "",
            PROFILES,
        ),
        entry(
            "rulebase default-security-rules rules intrazone-default|interzone-default profile-setting \
             profiles virus|spyware|vulnerability|url-filtering|file-blocking|wildfire-analysis|\
             data-filtering|gtp|sctp",
            Kind::Labels,
            "",
            PROFILES,
        ),
        entry(
            "rulebase default-security-rules rules intrazone-default|interzone-default tag",
            Kind::Tags,
            "",
            "Tags, for people.",
        ),
        entry(
            "rulebase default-security-rules rules intrazone-default|interzone-default group-tag",
            Kind::Text { max: 127 },
            "",
            "A tag to group rules by, for people.",
        ),
        entry(
            "rulebase default-security-rules rules intrazone-default|interzone-default uuid",
            Kind::Text { max: 36 },
            "",
            UUID,
        ),
    ],
};

pub(super) const DECRYPTION: Section = Section {
    title: "Decryption rules",
    text: "The rules are read and checked; nothing is decrypted yet, so they have no effect, and a \
           configuration that has some is accepted with a warning.",
    leaves: &[
        entry("rulebase decryption rules <rule> from", Kind::Zones, "any", "Zones of the client."),
        entry("rulebase decryption rules <rule> to", Kind::Zones, "any", "Zones of the server."),
        entry("rulebase decryption rules <rule> source", Kind::Addresses, "any", "The client's address."),
        entry(
            "rulebase decryption rules <rule> destination",
            Kind::Addresses,
            "any",
            "The server's address.",
        ),
        entry(
            "rulebase decryption rules <rule> negate-source",
            Kind::YesNo,
            "no",
            "Whether the rule is for all sources except the listed ones.",
        ),
        entry(
            "rulebase decryption rules <rule> negate-destination",
            Kind::YesNo,
            "no",
            "Whether the rule is for all destinations except the listed ones.",
        ),
        entry("rulebase decryption rules <rule> source-user", Kind::Users, "any", "The client's user."),
        entry(
            "rulebase decryption rules <rule> source-hip|destination-hip|source-device|destination-device",
            Kind::OnlyAny,
            "any",
            "What else is known of the host.",
        ),
        entry("rulebase decryption rules <rule> service", Kind::Services, "any", "Services."),
        entry(
            "rulebase decryption rules <rule> category",
            Kind::Categories,
            "any",
            "Custom URL categories of the server's name.",
        ),
        entry(
            "rulebase decryption rules <rule> action",
            Kind::Words(&["decrypt", "no-decrypt"]),
            "no-decrypt",
            "Whether the session would be decrypted.",
        ),
        entry(
            "rulebase decryption rules <rule> type ssl-forward-proxy|ssh-proxy",
            Kind::Presence,
            "",
            "For clients of the own network: TLS, or SSH.",
        ),
        entry(
            "rulebase decryption rules <rule> type ssl-inbound-inspection",
            Kind::Text { max: 63 },
            "",
            "For servers of the own network, with this certificate.",
        ),
        entry(
            "rulebase decryption rules <rule> profile",
            Kind::Text { max: 63 },
            "",
            "The decryption profile.",
        ),
        entry(
            "rulebase decryption rules <rule> log-success|log-fail",
            Kind::YesNo,
            "no",
            "Whether handshakes that succeed, or fail, would be logged.",
        ),
        entry(
            "rulebase decryption rules <rule> log-setting",
            Kind::Text { max: 63 },
            "",
            "Where records would go.",
        ),
        entry("rulebase decryption rules <rule> disabled", Kind::YesNo, "no", "Whether the rule is skipped."),
        entry("rulebase decryption rules <rule> description", Kind::Text { max: 1023 }, "", "Free text."),
        entry("rulebase decryption rules <rule> tag", Kind::Tags, "", "Tags, for people."),
        entry(
            "rulebase decryption rules <rule> group-tag",
            Kind::Text { max: 127 },
            "",
            "A tag to group rules by, for people.",
        ),
        entry("rulebase decryption rules <rule> uuid", Kind::Text { max: 36 }, "", UUID),
    ],
};
