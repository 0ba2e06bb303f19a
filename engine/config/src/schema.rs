//! Every setting there is, each defined once: its path, what it may be, its default and what it means.
//!
//! The parser, the validation, the error messages and the manual are made from this table. A path is a row
//! of words; `<…>` stands for the name of an entry (`KEYS` says which names are valid), `a|b` for either
//! word.

mod applications;
mod device;
mod forms;
mod high_availability;
mod interfaces;
mod logging;
mod nat;
mod network;
mod objects;
mod protection;
mod routing;
mod rules;
mod times;
mod values;

use alloc::{boxed::Box, vec::Vec};

pub(crate) use forms::{
    parse_app_ports, parse_hex, parse_mask, parse_ports, parse_prefix, parse_range, parse_vlan_tags,
    parse_wildcard, range_of,
};
pub(crate) use times::{DAYS, parse_dates, parse_day_time};
pub(crate) use values::Kind;

use crate::{
    Config,
    typed::{LimitBehavior, Oversubscription},
};

/// One setting.
#[derive(Clone, Copy)]
pub(crate) struct Leaf {
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    pub(crate) home: Home,
    pub(crate) help: &'static str,
}

/// Where a setting's value lives.
#[derive(Clone, Copy)]
pub(crate) enum Home {
    /// In one field of the device's configuration, whose default is that of `Config::default()`.
    Field(Field),
    /// In an entry of a list, which has this default; empty where there is none.
    Entry(&'static str),
}

/// A field of `Config`.
#[derive(Clone, Copy)]
pub(crate) enum Field {
    Number(fn(&mut Config) -> &mut u32),
    /// True when the value is `on`.
    Flag {
        on: &'static str,
        off: &'static str,
        place: fn(&mut Config) -> &mut bool,
    },
    Limit(fn(&mut Config) -> &mut LimitBehavior),
    Oversubscription(fn(&mut Config) -> &mut Oversubscription),
    Text(fn(&mut Config) -> &mut alloc::string::String),
}

/// The names that may stand at one `<…>`.
pub(crate) struct Key {
    pub(crate) place: &'static str,
    pub(crate) kind: Kind,
}

/// The names of entries.
pub(crate) const KEYS: &[Key] = &[
    Key { place: "<interface>", kind: Kind::EthernetName },
    Key { place: "<unit>", kind: Kind::UnitName },
    Key { place: "<aggregate>", kind: Kind::AggregateName },
    Key { place: "<management-profile>", kind: Kind::Name { max: 31 } },
    Key { place: "<neighbor>", kind: Kind::IpAddress },
    Key { place: "<proxied-address>", kind: Kind::Address },
    Key { place: "<virtual-wire>", kind: Kind::Name { max: 31 } },
    Key { place: "<virtual-router>", kind: Kind::Name { max: 31 } },
    Key { place: "<weighted-interface>", kind: Kind::Interface },
    Key { place: "<route>", kind: Kind::Name { max: 63 } },
    Key { place: "<monitor-destination>", kind: Kind::Name { max: 63 } },
    Key { place: "<monitor-profile>", kind: Kind::Name { max: 31 } },
    Key { place: "<profile>", kind: Kind::Name { max: 31 } },
    Key { place: "<scan>", kind: Kind::Words(&["8001", "8002", "8003", "8006"]) },
    Key { place: "<exempt-source>", kind: Kind::Name { max: 31 } },
    Key { place: "<zone>", kind: Kind::Name { max: 31 } },
    Key { place: "<tag>", kind: Kind::TagName },
    Key { place: "<address>", kind: Kind::Name { max: 63 } },
    Key { place: "<address-group>", kind: Kind::Name { max: 63 } },
    Key { place: "<service>", kind: Kind::Name { max: 63 } },
    Key { place: "<service-group>", kind: Kind::Name { max: 63 } },
    Key { place: "<external-list>", kind: Kind::Name { max: 63 } },
    Key { place: "<application>", kind: Kind::Name { max: 31 } },
    Key { place: "<signature>", kind: Kind::Name { max: 31 } },
    Key { place: "<and-condition>", kind: Kind::Name { max: 31 } },
    Key { place: "<or-condition>", kind: Kind::Name { max: 31 } },
    Key { place: "<application-group>", kind: Kind::Name { max: 63 } },
    Key { place: "<application-filter>", kind: Kind::Name { max: 63 } },
    Key { place: "<schedule>", kind: Kind::Name { max: 31 } },
    Key { place: "<category>", kind: Kind::Name { max: 31 } },
    Key { place: "<syslog-profile>", kind: Kind::Name { max: 63 } },
    Key { place: "<syslog-server>", kind: Kind::Name { max: 31 } },
    Key { place: "<log-profile>", kind: Kind::Name { max: 63 } },
    Key { place: "<match-list>", kind: Kind::Name { max: 63 } },
    Key { place: "<shared-interface>", kind: Kind::Interface },
    Key { place: "<virtual-address>", kind: Kind::IpAddress },
    Key { place: "<link-group>", kind: Kind::Name { max: 31 } },
    Key { place: "<path-group>", kind: Kind::Name { max: 31 } },
    Key { place: "<destination-group>", kind: Kind::Name { max: 31 } },
    Key { place: "<rule>", kind: Kind::Name { max: 63 } },
];

/// A part of the table with its heading in the manual.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    pub(crate) leaves: &'static [Leaf],
}

/// The whole table, in the order of the manual and of a printed configuration.
pub(crate) const SECTIONS: &[Section] = &[
    device::SYSTEM,
    device::SESSION,
    device::TCP,
    device::APPLICATION,
    applications::SETTINGS,
    nat::SETTINGS,
    interfaces::INTERFACES,
    interfaces::UNITS,
    interfaces::AGGREGATES,
    interfaces::AGGREGATE_UNITS,
    interfaces::MORE_INTERFACES,
    interfaces::MORE_UNITS,
    interfaces::MANAGEMENT,
    network::WIRES,
    routing::ROUTERS,
    routing::ROUTES,
    routing::PATH_MONITORS,
    routing::MONITOR_PROFILES,
    protection::PROFILES,
    protection::FLOODS,
    protection::SCANS,
    protection::DROPS,
    network::ZONES,
    objects::TAGS,
    objects::ADDRESSES,
    objects::EXTERNAL_LISTS,
    objects::SERVICES,
    applications::APPLICATIONS,
    applications::SIGNATURES,
    applications::GROUPS,
    objects::SCHEDULES,
    objects::CATEGORIES,
    rules::SECURITY,
    rules::DEFAULT,
    nat::NAT,
    routing::FORWARDING,
    nat::OVERRIDES,
    rules::DECRYPTION,
    logging::SYSLOG,
    logging::FORWARDING,
    high_availability::PAIR,
    high_availability::MODE,
    high_availability::LINKS,
    high_availability::MONITORING,
];

/// The table as a tree of words, for walking along a line.
#[derive(Default)]
pub(crate) struct Schema {
    pub(crate) leaf: Option<&'static Leaf>,
    pub(crate) words: Vec<(&'static str, Schema)>,
    pub(crate) key: Option<(&'static Key, Box<Schema>)>,
}

impl Schema {
    /// Made from the table.
    pub(crate) fn new() -> Self {
        let mut root = Self::default();
        for leaf in SECTIONS.iter().flat_map(|section| section.leaves) {
            let mut steps = leaf.path.split(' ');
            root.add(&mut steps, leaf);
        }
        root
    }

    pub(crate) fn word(&self, word: &str) -> Option<&Self> {
        self.words.iter().find(|(own, _)| *own == word).map(|(_, below)| below)
    }

    fn add(&mut self, steps: &mut (impl Iterator<Item = &'static str> + Clone), leaf: &'static Leaf) {
        let Some(step) = steps.next() else {
            self.leaf = Some(leaf);
            return;
        };
        if step.starts_with('<')
            && let Some(key) = KEYS.iter().find(|key| key.place == step)
        {
            self.key.get_or_insert_with(|| (key, Box::default())).1.add(steps, leaf);
            return;
        }
        for word in step.split('|') {
            // What stands together in the table begins alike.
            let place = match self.words.iter().rposition(|(own, _)| *own == word) {
                Some(place) => place,
                None => {
                    self.words.push((word, Self::default()));
                    self.words.len() - 1
                }
            };
            self.words[place].1.add(&mut steps.clone(), leaf);
        }
    }
}

impl Leaf {
    /// The default as text; empty where there is none.
    pub(crate) fn default(&self) -> alloc::string::String {
        match self.home {
            Home::Field(field) => field.read(&mut Config::default()),
            Home::Entry(default) => default.into(),
        }
    }
}

impl Field {
    /// The value as it is written in a line.
    pub(crate) fn read(self, config: &mut Config) -> alloc::string::String {
        match self {
            Self::Number(place) => alloc::format!("{}", place(config)),
            Self::Flag { on, off, place } => if *place(config) { on } else { off }.into(),
            Self::Limit(place) => match place(config) {
                LimitBehavior::Drop => "drop",
                LimitBehavior::Bypass => "bypass",
            }
            .into(),
            Self::Oversubscription(place) => alloc::format!("{}x", *place(config) as u8),
            Self::Text(place) => place(config).clone(),
        }
    }

    /// Takes a value that the leaf's kind has accepted.
    pub(crate) fn write(self, config: &mut Config, value: &str) {
        match self {
            Self::Number(place) => {
                if let Ok(number) = value.parse() {
                    *place(config) = number;
                }
            }
            Self::Flag { on, place, .. } => *place(config) = value == on,
            Self::Limit(place) => {
                *place(config) = if value == "bypass" { LimitBehavior::Bypass } else { LimitBehavior::Drop };
            }
            Self::Oversubscription(place) => {
                *place(config) = match value {
                    "2x" => Oversubscription::Twice,
                    "4x" => Oversubscription::FourTimes,
                    "8x" => Oversubscription::EightTimes,
                    _ => Oversubscription::Once,
                };
            }
            Self::Text(place) => *place(config) = value.into(),
        }
    }
}

const fn number(
    path: &'static str,
    (min, max): (u32, u32),
    unit: &'static str,
    place: fn(&mut Config) -> &mut u32,
    help: &'static str,
) -> Leaf {
    let kind = Kind::Integer { min, max, unit };
    Leaf { path, kind, home: Home::Field(Field::Number(place)), help }
}

const fn yes_no(path: &'static str, place: fn(&mut Config) -> &mut bool, help: &'static str) -> Leaf {
    let home = Home::Field(Field::Flag { on: "yes", off: "no", place });
    Leaf { path, kind: Kind::YesNo, home, help }
}

const fn either(
    path: &'static str,
    words: &'static [&'static str; 2],
    place: fn(&mut Config) -> &mut bool,
    help: &'static str,
) -> Leaf {
    let home = Home::Field(Field::Flag { off: words[0], on: words[1], place });
    Leaf { path, kind: Kind::Words(words), home, help }
}

const fn entry(path: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Leaf {
    Leaf { path, kind, home: Home::Entry(default), help }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unique_defaults_are_valid_and_help_is_a_sentence() {
        let leaves: Vec<&Leaf> = SECTIONS.iter().flat_map(|section| section.leaves).collect();
        for (place, leaf) in leaves.iter().enumerate() {
            assert!(leaves[..place].iter().all(|other| other.path != leaf.path), "{}", leaf.path);
            assert!(leaf.help.ends_with('.'), "{}", leaf.path);
            let default = leaf.default();
            assert!(default.is_empty() || leaf.kind.check(&default).is_ok(), "{}: {default}", leaf.path);
            for step in leaf.path.split(' ').filter(|step| step.starts_with('<')) {
                assert!(KEYS.iter().any(|key| key.place == step), "{}: {step}", leaf.path);
            }
        }
    }
}
