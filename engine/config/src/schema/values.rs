//! What a setting may be.

use alloc::{format, string::String};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::times::{parse_dates, parse_day_time};
use crate::typed::{AddressRange, Prefix};

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
    /// The name of a zone protection profile.
    Profile,
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
    /// A condition that this engine does not have: only its neutral value.
    OnlyAny,
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
            | Self::Profile => false,
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
            Self::DayTimes => parse_day_time(value).is_some(),
            Self::Dates => parse_dates(value).is_some(),
            Self::Users | Self::Hosts => !value.is_empty() && is_text(value, 255),
            Self::InterfaceAddresses
            | Self::NextHop
            | Self::Addresses
            | Self::Interface
            | Self::Profile
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
            | Self::Services => !value.is_empty() && is_text(value, 127),
        };
        if fits { Ok(()) } else { Err(()) }
    }

    /// The accepted values, for messages and for the manual.
    pub(crate) fn describe(self) -> String {
        let text = match self {
            Self::Presence => "nothing",
            Self::YesNo => "`yes` or `no`",
            Self::Integer { min, max, unit: "" } => {
                return format!("a number from {} to {}", thousands(min), thousands(max));
            }
            Self::Integer { min, max, unit } => {
                return format!("{unit} from {} to {}", thousands(min), thousands(max));
            }
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
            Self::Profile => "a zone protection profile",
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
            Self::OnlyAny => "`any`",
        };
        text.into()
    }
}

/// `10.0.0.1/24`, or an address alone, which means its own prefix of full length.
pub(crate) fn parse_prefix(text: &str) -> Option<Prefix> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address.parse().ok()?, Some(digits(length)?)),
        None => (text.parse().ok()?, None),
    };
    let width = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let length = u8::try_from(length.unwrap_or(width)).ok()?;
    (u32::from(length) <= width).then_some(Prefix { address, length })
}

/// `10.0.0.1-10.0.0.9`.
pub(crate) fn parse_range(text: &str) -> Option<AddressRange> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(AddressRange { first, last })
}

/// The addresses of the network that the prefix lies in.
pub(crate) fn range_of(prefix: Prefix) -> AddressRange {
    match prefix.address {
        IpAddr::V4(address) => {
            let hosts = u32::MAX.checked_shr(prefix.length.into()).unwrap_or(0);
            let first = address.to_bits() & !hosts;
            AddressRange { first: Ipv4Addr::from(first).into(), last: Ipv4Addr::from(first | hosts).into() }
        }
        IpAddr::V6(address) => {
            let hosts = u128::MAX.checked_shr(prefix.length.into()).unwrap_or(0);
            let first = address.to_bits() & !hosts;
            AddressRange { first: Ipv6Addr::from(first).into(), last: Ipv6Addr::from(first | hosts).into() }
        }
    }
}

/// `80,8000-8080`.
pub(crate) fn parse_ports(text: &str) -> Option<alloc::vec::Vec<(u16, u16)>> {
    let port = |text: &str| u16::try_from(digits(text.trim())?).ok();
    text.split(',')
        .map(|part| {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (port(first)?, port(last)?),
                None => (port(part)?, port(part)?),
            };
            (first <= last).then_some((first, last))
        })
        .collect()
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

pub(super) fn digits(text: &str) -> Option<u32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
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
    fn a_prefix_covers_its_network() {
        for (prefix, first, last) in [
            ("10.0.0.9/24", "10.0.0.0", "10.0.0.255"),
            ("0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("10.0.0.9", "10.0.0.9", "10.0.0.9"),
            ("2001:db8::1/112", "2001:db8::", "2001:db8::ffff"),
            ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            let range = range_of(parse_prefix(prefix).unwrap());
            assert_eq!(
                (range.first, range.last),
                (first.parse().unwrap(), last.parse().unwrap()),
                "{prefix}"
            );
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
