//! What a setting may be.

use alloc::{format, string::String};
use core::net::IpAddr;

use bifrons_model::MacAddress;

use super::{
    forms::{
        digits, parse_app_ports, parse_hex, parse_mask, parse_ports, parse_prefix, parse_range,
        parse_vlan_tags, parse_wildcard,
    },
    times::{parse_dates, parse_day_time},
};

/// The form of a value. What a name refers to is checked when the typed configuration is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No value: the word itself is the setting.
    Presence,
    YesNo,
    Integer {
        min: u32,
        max: u32,
        unit: &'static str,
    },
    Words(&'static [&'static str]),
    /// Free text of at most so many characters.
    Text {
        max: usize,
    },
    /// The name of an entry.
    Name {
        max: usize,
    },
    Hostname,
    EthernetName,
    /// An address with or without a prefix length.
    Netmask,
    /// A prefix.
    Prefix,
    /// `first-last`.
    Range,
    /// `80,8000-8080`.
    Ports,
    /// An interface's name.
    Interface,
    /// An address or the name of an address object.
    NextHop,
    /// The name of an entry at one of these places.
    NameOf {
        places: &'static [&'static str],
        what: &'static str,
    },
    /// Prefixes or names of address objects.
    InterfaceAddresses,
    /// Interfaces' names.
    Interfaces,
    /// Names of address objects and groups.
    AddressNames,
    /// `any`, or zones.
    Zones,
    /// `any`, or addresses, prefixes, ranges, names of objects and groups.
    Addresses,
    /// `any`, or applications.
    Applications,
    /// `any`, `application-default`, or services.
    Services,
    /// `any`, or one service or service group.
    Service,
    /// `any`, or one interface.
    AnyInterface,
    /// One address, prefix, range, object or group.
    Address,
    /// Addresses, prefixes, ranges, objects and groups.
    Pool,
    /// One application.
    Application,
    /// `any`, `known-user`, `unknown`, or names of users and groups.
    Users,
    /// `any`, or URL categories.
    Categories,
    /// The name of a schedule.
    Schedule,
    /// Tags.
    Tags,
    /// `08:00-17:30`, several.
    DayTimes,
    /// `2030/01/31@08:00-2030/02/01@17:30`, several.
    Dates,
    /// Names of servers.
    Hosts,
    /// A name of the domain name system.
    Fqdn,
    /// An address and a mask of free bits.
    Wildcard,
    /// An expression over tags.
    TagFilter,
    /// Where an external list lies.
    Url,
    /// `ethernet1/1.100`, `ae1.7`, `loopback.1`, `vlan.1`, `tunnel.1`.
    UnitName,
    /// `ae1`.
    AggregateName,
    /// The name of a tag.
    TagName,
    /// Names of services and service groups.
    ServiceNames,
    /// Names of applications, filters and groups.
    ApplicationNames,
    /// Words that are compared with nothing, or as they stand.
    Labels,
    /// `tcp/80,8000-8080`, `udp/dynamic`, several.
    AppPorts,
    /// Numbers from 1 to 5.
    Risks,
    /// A regular expression.
    Pattern,
    /// Four bytes, `0x0a0b0c0d` or decimal.
    Hex,
    /// A number or one word.
    IntegerOr {
        word: &'static str,
        min: u32,
        max: u32,
        unit: &'static str,
    },
    /// An address without a prefix length.
    IpAddress,
    /// Several.
    IpAddresses,
    /// `255.255.255.0`, or a prefix length.
    Mask,
    /// A port for high availability.
    HaPort,
    /// A condition that this engine does not have: only its neutral value.
    OnlyAny,
    /// A feature that this engine does not have: only the value that does without.
    Only(&'static str),
    /// An Ethernet address.
    Mac,
    /// `0,100-199`: IEEE 802.1Q tags, 0 for none.
    VlanTags,
}

impl Kind {
    /// Whether several values may stand in brackets, and a further line adds to them.
    pub(crate) fn is_list(self) -> bool {
        match self {
            Self::InterfaceAddresses
            | Self::Interfaces
            | Self::AddressNames
            | Self::Zones
            | Self::Addresses
            | Self::Applications
            | Self::Services
            | Self::Pool
            | Self::Users
            | Self::Categories
            | Self::Tags
            | Self::DayTimes
            | Self::Dates
            | Self::Hosts
            | Self::ServiceNames
            | Self::ApplicationNames
            | Self::Labels
            | Self::AppPorts
            | Self::Risks
            | Self::IpAddresses
            | Self::OnlyAny => true,
            Self::Presence
            | Self::YesNo
            | Self::Integer { .. }
            | Self::Words(_)
            | Self::Text { .. }
            | Self::Name { .. }
            | Self::Hostname
            | Self::EthernetName
            | Self::Netmask
            | Self::Prefix
            | Self::Range
            | Self::Ports
            | Self::Interface
            | Self::NextHop
            | Self::Service
            | Self::AnyInterface
            | Self::Address
            | Self::Application
            | Self::Schedule
            | Self::Fqdn
            | Self::Wildcard
            | Self::TagFilter
            | Self::Url
            | Self::UnitName
            | Self::AggregateName
            | Self::TagName
            | Self::Pattern
            | Self::Hex
            | Self::IntegerOr { .. }
            | Self::IpAddress
            | Self::Mask
            | Self::HaPort
            | Self::Only(_)
            | Self::Mac
            | Self::VlanTags
            | Self::NameOf { .. } => false,
        }
    }

    /// Whether the value has this form.
    pub(crate) fn check(self, value: &str) -> Result<(), ()> {
        let fits = match self {
            Self::Presence => false,
            Self::YesNo => matches!(value, "yes" | "no"),
            Self::Integer { min, max, .. } => is_integer(value, min, max),
            Self::Words(words) => words.contains(&value),
            Self::Text { max } => is_text(value, max),
            Self::Name { max } => is_name(value) && value.chars().count() <= max,
            Self::Hostname => is_hostname(value),
            Self::EthernetName => is_ethernet(value),
            Self::Netmask => parse_prefix(value).is_some(),
            Self::Prefix => value.contains('/') && parse_prefix(value).is_some(),
            Self::Range => parse_range(value).is_some(),
            Self::Ports => parse_ports(value).is_some(),
            Self::OnlyAny => value == "any",
            Self::Only(word) => value == word,
            Self::IntegerOr { word, min, max, .. } => value == word || is_integer(value, min, max),
            Self::IpAddress | Self::IpAddresses => value.parse::<IpAddr>().is_ok(),
            Self::Mask => parse_mask(value).is_some(),
            Self::Mac => MacAddress::from_text(value).is_some(),
            Self::VlanTags => parse_vlan_tags(value).is_some(),
            Self::HaPort => is_name(&value.replace('/', "-")) && value.len() <= 31,
            Self::Fqdn => is_fqdn(value),
            Self::Wildcard => parse_wildcard(value).is_some(),
            Self::TagFilter => !value.is_empty() && is_text(value, 2047),
            Self::Url => !value.is_empty() && !value.contains(char::is_whitespace) && is_text(value, 255),
            Self::UnitName => is_unit(value),
            Self::AggregateName => is_aggregate(value),
            Self::AppPorts => parse_app_ports(value).is_some(),
            Self::Risks => is_integer(value, 1, 5),
            Self::Pattern => !value.is_empty() && is_text(value, 127),
            Self::Hex => parse_hex(value).is_some(),
            Self::DayTimes => parse_day_time(value).is_some(),
            Self::Dates => parse_dates(value).is_some(),
            Self::Users | Self::Hosts => !value.is_empty() && is_text(value, 255),
            Self::InterfaceAddresses
            | Self::NextHop
            | Self::Addresses
            | Self::Interface
            | Self::NameOf { .. }
            | Self::Interfaces
            | Self::AddressNames
            | Self::Zones
            | Self::Applications
            | Self::Service
            | Self::AnyInterface
            | Self::Address
            | Self::Pool
            | Self::Application
            | Self::Categories
            | Self::Schedule
            | Self::Tags
            | Self::TagName
            | Self::ServiceNames
            | Self::ApplicationNames
            | Self::Labels
            | Self::Services => !value.is_empty() && is_text(value, 127),
        };
        if fits { Ok(()) } else { Err(()) }
    }

    /// The accepted values, for messages and for the manual.
    pub(crate) fn describe(self) -> String {
        let text = match self {
            Self::Presence => "nothing",
            Self::YesNo => "`yes` or `no`",
            Self::Integer { min, max, unit } => return integer(min, max, unit),
            Self::Words(words) => return alternatives(words),
            Self::Text { max } => {
                return format!("text of at most {max} characters, with at most one kind of quotation mark");
            }
            Self::Name { max } => {
                return format!("a name of at most {max} characters: letters, digits, spaces, `_`, `-`, `.`");
            }
            Self::Hostname => "1 to 63 letters, digits, `-`, `_` and `.`",
            Self::EthernetName => "a name like `ethernet1/1`",
            Self::Netmask => "an address or a prefix",
            Self::Prefix => "a prefix",
            Self::Range => "a range `first-last` of addresses of one family",
            Self::Ports => "ports and ranges of ports from 0 to 65,535, like `80,8000-8080`",
            Self::Interface => "an interface",
            Self::NextHop => "an address or an address object",
            Self::NameOf { what, .. } => what,
            Self::InterfaceAddresses => "prefixes or address objects",
            Self::Interfaces => "interfaces",
            Self::AddressNames => "address objects and groups",
            Self::Zones => "`any`, or zones",
            Self::Addresses => "`any`, or addresses, prefixes, ranges, address objects and groups",
            Self::Applications => "`any`, or applications",
            Self::Services => "`any`, `application-default`, or services",
            Self::Service => "`any`, or a service or service group",
            Self::AnyInterface => "`any`, or an interface",
            Self::Address => "an address, a prefix, a range, an address object or group",
            Self::Pool => "addresses, prefixes, ranges, address objects and groups",
            Self::Application => "an application",
            Self::Users => "`any`, `known-user`, `unknown`, or users and groups",
            Self::Categories => "`any`, or custom URL categories",
            Self::Schedule => "a schedule",
            Self::Tags => "tags",
            Self::DayTimes => "times of day like `08:00-17:30`, from 00:00 to 24:00",
            Self::Dates => "times like `2030/01/31@08:00-2030/02/01@17:30`",
            Self::Hosts => "names of servers",
            Self::Fqdn => "a name like `www.example.com`",
            Self::Wildcard => "an address and a mask of free bits, like `10.0.0.1/0.0.255.0`",
            Self::TagFilter => "tags in single quotation marks with `and`, `or`, `not` and parentheses",
            Self::Url => "a URL of at most 255 characters",
            Self::UnitName => UNIT_FORM,
            Self::AggregateName => "a name like `ae1`",
            Self::TagName => "a tag's name of at most 127 characters",
            Self::ServiceNames => "services and service groups",
            Self::ApplicationNames => "applications, application groups and filters",
            Self::Labels => "words",
            Self::AppPorts => "ports like `tcp/80,8000-8080` or `udp/dynamic`",
            Self::Risks => "numbers from 1 to 5",
            Self::Pattern => "a regular expression of at most 127 characters",
            Self::Hex => "a number up to `0xffffffff`",
            Self::Only(word) => return format!("`{word}`"),
            Self::IntegerOr { word, min, max, unit } => {
                return format!("`{word}`, or {}", Self::Integer { min, max, unit }.describe());
            }
            Self::IpAddress => "an address",
            Self::IpAddresses => "addresses",
            Self::Mask => "a mask like `255.255.255.0`, or a prefix length",
            Self::HaPort => "a port like `management`, `ha1-a` or `ethernet1/5`",
            Self::Mac => "an Ethernet address like `02:00:5e:10:00:01`",
            Self::VlanTags => "tags and ranges of tags from 0 to 4,094, like `0,100-199`",
            Self::OnlyAny => "`any`",
        };
        text.into()
    }
}

const UNIT_FORM: &str = "a name like `ethernet1/1.100`, `ae1.7`, `loopback.1`, `vlan.1` or `tunnel.1`, the \
                         number from 1 to 9,999";

fn integer(min: u32, max: u32, unit: &str) -> String {
    let unit = if unit.is_empty() { "a number" } else { unit };
    format!("{unit} from {} to {}", thousands(min), thousands(max))
}

/// `15,999,999`.
fn thousands(number: u32) -> String {
    let digits = format!("{number}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn is_unit(text: &str) -> bool {
    let Some((parent, unit)) = text.rsplit_once('.') else { return false };
    let is_parent =
        matches!(parent, "loopback" | "vlan" | "tunnel") || is_ethernet(parent) || is_aggregate(parent);
    is_parent && unit.len() <= 4 && is_integer(unit, 1, 9999)
}

fn is_aggregate(text: &str) -> bool {
    text.strip_prefix("ae").is_some_and(|number| number.len() <= 2 && is_integer(number, 1, 99))
}

fn is_fqdn(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 255 && text.trim_end_matches('.').split('.').all(is_label)
}

/// Whether the text can name an entry.
fn is_name(text: &str) -> bool {
    let starts = text.chars().next().is_some_and(|first| first.is_alphanumeric() || first == '_');
    starts && text.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '_' | '-' | '.'))
}

fn alternatives(words: &[&str]) -> String {
    let mut text = String::new();
    for (place, word) in words.iter().enumerate() {
        if place > 0 {
            text.push_str(if place + 1 == words.len() { " or " } else { ", " });
        }
        text.push_str(&format!("`{word}`"));
    }
    text
}

fn is_integer(text: &str, min: u32, max: u32) -> bool {
    digits(text).is_some_and(|number| (min..=max).contains(&number))
}

fn is_text(text: &str, max: usize) -> bool {
    let printable = text.chars().count() <= max && !text.chars().any(char::is_control);
    printable && !(text.contains('"') && text.contains('\''))
}

fn is_hostname(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_ethernet(text: &str) -> bool {
    let place = text.strip_prefix("ethernet").and_then(|place| place.split_once('/'));
    let is_number = |text: &str| (1..=3).contains(&text.len()) && digits(text).is_some();
    place.is_some_and(|(slot, port)| is_number(slot) && is_number(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let timeout = Kind::Integer { min: 1, max: 600, unit: "seconds" };
        for (kind, good, bad) in [
            (timeout, &["1", "600", "015"][..], &["0", "601", "-1", "+1", "1s", "", "99999999999"][..]),
            (Kind::YesNo, &["yes", "no"], &["true", "Yes", ""]),
            (
                Kind::EthernetName,
                &["ethernet1/1", "ethernet10/24"],
                &["eth0", "ethernet1", "ethernet/1", "ethernet1/1.5"],
            ),
            (
                Kind::Prefix,
                &["10.0.0.0/8", "::/0", "10.0.0.1/32"],
                &["10.0.0.1", "10.0.0.0/33", "::/129", "10.0.0/8"],
            ),
            (Kind::Netmask, &["10.0.0.1", "2001:db8::1"], &["10.0.0.256", "10.0.0.1/", "10.0.0.1/+8"]),
            (
                Kind::Range,
                &["10.0.0.1-10.0.0.9", "::1-::2"],
                &["10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0.1"],
            ),
            (Kind::Ports, &["80", "80,8080", "1-65535,0"], &["", "65536", "9-1", "80,", "a", "+80"]),
            (Kind::Name { max: 5 }, &["a b", "1.2", "_x"], &["", "-a", "abcdef", "a\"", "a/b", " a"]),
            (Kind::Hostname, &["gate-1.example"], &["", "a b"]),
            (Kind::Text { max: 9 }, &["", "it's", "a \"b\""], &["0123456789", "\"'", "\t"]),
            (Kind::Addresses, &["any", "web servers", "10.0.0.0/8", "::1-::2"], &["", "\n"]),
            (Kind::OnlyAny, &["any"], &["all"]),
            (Kind::Only("no"), &["no"], &["yes"]),
            (
                Kind::UnitName,
                &["ethernet1/1.100", "ae1.7", "loopback.1", "vlan.9999"],
                &["ethernet1/1", "ethernet1/1.0", "eth0.1", "tunnel.10000", "tunnel.", "ae.1", "tunnel.1.1"],
            ),
            (Kind::Mac, &["02:00:5e:10:00:01", "02:00:5E:10:00:01"], &["", "02-00-5e-10-00-01", "02:00"]),
            (Kind::VlanTags, &["0", "0-4094", "0,7,100-199"], &["", "4095", "9-1", "1,", "a"]),
            (Kind::AggregateName, &["ae1", "ae16"], &["ae", "ae0", "ae100", "bond0"]),
            (Kind::Fqdn, &["www.example.com", "a"], &["", "a..b", "a b", "https://a"]),
            (Kind::Url, &["file:///lists/a.txt", "https://a/b", "a.example"], &["", "a b"]),
            (Kind::TagFilter, &["'a' and 'b'", "a"], &[""]),
        ] {
            for value in good {
                assert!(kind.check(value).is_ok(), "{kind:?} takes {value:?}");
            }
            for value in bad {
                assert!(kind.check(value).is_err(), "{kind:?} refuses {value:?}");
            }
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            ["7", "999", "1,000", "15,999,999"],
            [7, 999, 1_000, 15_999_999].map(thousands).as_slice()
        );
    }
}
