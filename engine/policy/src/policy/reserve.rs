//! Numbers for names that only another device's configuration has.

use bifrons_model::NameKind;

use super::{Numbering, Policy, USERS_MAX};
use crate::numbers::{CUSTOM_APPLICATIONS_MAX, NAT_RULES_MAX, RULES_MAX, ZONES_OR_INTERFACES_MAX};

impl Policy {
    /// The same policy with a number for each of these names, which are to be none of `names`: as if the
    /// configuration had had them once. A commit that brings such a name gives it this number. Where numbers
    /// run out, the name that is longest gone loses its own; without one, the new name gets none.
    pub fn with_reserved<'a>(mut self, names: impl Iterator<Item = (NameKind, &'a str)>) -> Self {
        for (kind, name) in names {
            self.numbering.reserve(kind, name);
        }
        let count = |kind| self.numbering.names.count(kind);
        let (zones, interfaces) = (count(NameKind::Zone), count(NameKind::Interface));
        self.zone_of_interface.resize(interfaces, None);
        self.interfaces = self.interfaces.with_count(interfaces);
        self.zones.resize(zones, None);
        self.protections.resize(zones, None);
        self
    }
}

impl Numbering {
    fn reserve(&mut self, kind: NameKind, name: &str) {
        let names = &mut self.names;
        let (retired, list, limit) = match kind {
            NameKind::Zone => (&mut self.retired_zones, &mut names.zones, ZONES_OR_INTERFACES_MAX),
            NameKind::Interface => {
                (&mut self.retired_interfaces, &mut names.interfaces, ZONES_OR_INTERFACES_MAX)
            }
            NameKind::Rule => (&mut self.retired_rules, &mut names.rules, RULES_MAX),
            NameKind::NatRule => (&mut self.retired_nat_rules, &mut names.nat_rules, NAT_RULES_MAX),
            NameKind::User => (&mut self.retired_users, &mut names.users, USERS_MAX),
            NameKind::Category => {
                (&mut self.retired_categories, &mut names.categories, ZONES_OR_INTERFACES_MAX)
            }
            NameKind::Application => {
                (&mut self.retired_applications, &mut self.application_names, CUSTOM_APPLICATIONS_MAX)
            }
        };
        let number = retired.reserve(list, name, limit);
        if kind == NameKind::Application {
            let count = self.application_names.len();
            self.names.applications.resize_with(count, Default::default);
            let place = number.and_then(|number| self.names.applications.get_mut(number as usize));
            if let Some(own) = place {
                own.name = name.into();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use bifrons_config::{Config, typed::Zone};
    use bifrons_model::{Generation, InterfaceId, ZoneId};

    use super::*;

    fn config(zones: &[&str]) -> Config {
        let zone = |name: &&str| Zone { name: (*name).into(), ..Zone::default() };
        Config { zones: zones.iter().map(zone).collect(), ..Config::default() }
    }

    #[test]
    fn a_reserved_name_is_one_that_was_there_once() {
        let policy = Policy::compile(&config(&["inside"]), Generation(1));
        let wanted = NameKind::ALL.map(|kind| (kind, "other"));
        let policy = policy.with_reserved(wanted.into_iter());
        for kind in NameKind::ALL {
            let numbers = 0..policy.names().count(kind) as u32;
            let found: Vec<_> =
                numbers.filter(|number| policy.names().get(kind, *number) == Some("other")).collect();
            assert_eq!(found.len(), 1, "{kind:?}");
        }
        assert_eq!(policy.zone_of(InterfaceId(0)), None);
        assert!(policy.zone_protection(ZoneId(1)).is_none());
        let next = Policy::compile_after(&policy, &config(&["other", "inside"]), Generation(2));
        assert_eq!(next.names().zones, ["inside", "other"]);
        assert_eq!(next.zone_places().place_of(ZoneId(1)), Some(0));
    }
}
