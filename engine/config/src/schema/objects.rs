//! Named addresses and services.

use super::{Kind, Section, entry};

const OVERRIDE: (u32, u32) = (1, 604_800);

const fn seconds((min, max): (u32, u32)) -> Kind {
    Kind::Integer { min, max, unit: "seconds" }
}

pub(super) const ADDRESSES: Section = Section {
    title: "Addresses",
    text: "",
    leaves: &[
        entry("address <address> ip-netmask", Kind::Netmask, "", "An address or a network."),
        entry("address <address> ip-range", Kind::Range, "", "The first and the last address of a range."),
        entry("address <address> description", Kind::Text { max: 1023 }, "", "Free text."),
        entry("address-group <address-group> static", Kind::AddressNames, "", "The group's members."),
        entry("address-group <address-group> description", Kind::Text { max: 1023 }, "", "Free text."),
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
        entry("service <service> description", Kind::Text { max: 1023 }, "", "Free text."),
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
            Kind::Words(&["URL List"]),
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
