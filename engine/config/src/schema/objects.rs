//! Named addresses and services.

use super::{Kind, Section, entry};

const OVERRIDE: (u32, u32) = (1, 604_800);

const fn seconds((min, max): (u32, u32)) -> Kind {
    Kind::Integer { min, max, unit: "seconds" }
}

pub(super) const TAGS: Section = Section {
    title: "Tags",
    text: "Tags mark address objects for dynamic groups, and anything for people.",
    leaves: &[
        entry("tag <tag> color", Kind::Text { max: 63 }, "", "A color, for people."),
        entry("tag <tag> comments", Kind::Text { max: 1023 }, "", "Free text."),
    ],
};

pub(super) const ADDRESSES: Section = Section {
    title: "Addresses",
    text: "A group's members are objects and groups, given by name or by a filter over the tags of address \
           objects: `'a' and ('b' or not 'c')`. Names of address objects, groups and lists are distinct.",
    leaves: &[
        entry("address <address> ip-netmask", Kind::Netmask, "", "An address or a network."),
        entry("address <address> ip-range", Kind::Range, "", "The first and the last address of a range."),
        entry(
            "address <address> ip-wildcard",
            Kind::Wildcard,
            "",
            "An address and a mask whose set bits are free; at most 4,096 ranges.",
        ),
        entry(
            "address <address> fqdn",
            Kind::Fqdn,
            "",
            "A name: read, but not supported, since names are not resolved.",
        ),
        entry("address <address> tag", Kind::Tags, "", "Its tags."),
        entry("address <address> description", Kind::Text { max: 1023 }, "", "Free text."),
        entry("address-group <address-group> static", Kind::AddressNames, "", "The group's members."),
        entry(
            "address-group <address-group> dynamic filter",
            Kind::TagFilter,
            "",
            "The group's members are the address objects whose tags meet this.",
        ),
        entry("address-group <address-group> tag", Kind::Tags, "", "Tags, for people."),
        entry("address-group <address-group> description", Kind::Text { max: 1023 }, "", "Free text."),
    ],
};

pub(super) const EXTERNAL_LISTS: Section = Section {
    title: "External lists",
    text: "A list is a file with one entry on a line; what follows `#` is skipped. It is read when the \
           configuration is; lines that are no entries are warnings. Lists of addresses may stand where \
           rules name addresses, lists of URLs where they name categories.",
    leaves: &[
        entry(
            "external-list <external-list> type ip|domain|url url",
            Kind::Url,
            "",
            "Where the list lies: `file://` and a path.",
        ),
        entry(
            "external-list <external-list> type ip|domain|url description",
            Kind::Text { max: 255 },
            "",
            "Free text.",
        ),
        entry(
            "external-list <external-list> type ip|domain|url recurring five-minute|hourly",
            Kind::Presence,
            "",
            "How often the list would be fetched; it is read when the configuration is.",
        ),
        entry(
            "external-list <external-list> type ip|domain|url recurring daily at",
            Kind::Text { max: 5 },
            "",
            "When the list would be fetched; it is read when the configuration is.",
        ),
    ],
};

pub(super) const SERVICES: Section = Section {
    title: "Services",
    text: "`service-http` (TCP 80 and 8080) and `service-https` (TCP 443) exist without a line; a line \
           changes them. \
           `override yes` gives sessions that a rule admits by the service timeouts of their own.",
    leaves: &[
        entry("service <service> protocol tcp|udp port", Kind::Ports, "", "Destination ports."),
        entry(
            "service <service> protocol tcp|udp source-port",
            Kind::Ports,
            "",
            "Source ports; without the line, any.",
        ),
        entry(
            "service <service> protocol tcp|udp override no",
            Kind::Presence,
            "",
            "The less specific timeouts hold.",
        ),
        entry(
            "service <service> protocol tcp override yes timeout",
            seconds(OVERRIDE),
            "3600",
            "How long an established session may be idle.",
        ),
        entry(
            "service <service> protocol tcp override yes halfclose-timeout",
            seconds(OVERRIDE),
            "120",
            "How long a session lives after the first FIN.",
        ),
        entry(
            "service <service> protocol tcp override yes timewait-timeout",
            seconds((1, 600)),
            "15",
            "How long a session lives after the second FIN or a reset.",
        ),
        entry(
            "service <service> protocol udp override yes timeout",
            seconds(OVERRIDE),
            "30",
            "How long a session may be idle.",
        ),
        entry("service <service> tag", Kind::Tags, "", "Tags, for people."),
        entry("service <service> description", Kind::Text { max: 1023 }, "", "Free text."),
        entry(
            "service-group <service-group> members",
            Kind::ServiceNames,
            "",
            "The group's members: services and service groups.",
        ),
        entry("service-group <service-group> tag", Kind::Tags, "", "Tags, for people."),
    ],
};

pub(super) const SCHEDULES: Section = Section {
    title: "Schedules",
    text: "Times are the device's. A time of day whose end lies before its beginning ends on the next day.",
    leaves: &[
        entry(
            "schedule <schedule> schedule-type recurring daily",
            Kind::DayTimes,
            "",
            "From the first up to but without the second minute, every day.",
        ),
        entry(
            "schedule <schedule> schedule-type recurring weekly \
             monday|tuesday|wednesday|thursday|friday|saturday|sunday",
            Kind::DayTimes,
            "",
            "From the first up to but without the second minute, on this day of the week.",
        ),
        entry(
            "schedule <schedule> schedule-type non-recurring",
            Kind::Dates,
            "",
            "From the first up to but without the second minute, once.",
        ),
    ],
};

pub(super) const CATEGORIES: Section = Section {
    title: "URL categories",
    text: "A rule's `category` is compared with the name by which the client asks for the server.",
    leaves: &[
        entry(
            "profiles custom-url-category <category> list",
            Kind::Hosts,
            "",
            "Host names without a path; `*` as the first label stands for any number of labels.",
        ),
        entry(
            "profiles custom-url-category <category> type",
            Kind::Only("URL List"),
            "URL List",
            "What the list holds.",
        ),
        entry(
            "profiles custom-url-category <category> description",
            Kind::Text { max: 255 },
            "",
            "Free text.",
        ),
    ],
};
