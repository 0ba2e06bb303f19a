//! `rulebase`: who may talk to whom.

use super::{Kind, Section, entry};

const ACTIONS: Kind = Kind::Words(&["allow", "deny", "drop", "reset-client", "reset-server", "reset-both"]);

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
            "Whether a blocked packet is to be answered with an ICMP unreachable; logged, not sent yet.",
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
    ],
};
