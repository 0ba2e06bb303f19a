//! The lists of `Names`, one by one.

use crate::Names;

/// What a list of [`Names`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameKind {
    /// Zones, by `ZoneId`.
    Zone,
    /// Interfaces, by `InterfaceId`.
    Interface,
    /// Rules, by `RuleId`.
    Rule,
    /// NAT rules, by `NatRuleId`.
    NatRule,
    /// Users, by `UserId`.
    User,
    /// Custom URL categories, by `CategoryId`.
    Category,
    /// Custom applications, by `AppId` less the catalogue's `CUSTOM_FIRST`.
    Application,
}

impl NameKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Zone,
        Self::Interface,
        Self::Rule,
        Self::NatRule,
        Self::User,
        Self::Category,
        Self::Application,
    ];

    /// Its place in `ALL`.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl Names {
    /// How many numbers of a kind were given.
    pub const fn count(&self, kind: NameKind) -> usize {
        match kind {
            NameKind::Zone => self.zones.len(),
            NameKind::Interface => self.interfaces.len(),
            NameKind::Rule => self.rules.len(),
            NameKind::NatRule => self.nat_rules.len(),
            NameKind::User => self.users.len(),
            NameKind::Category => self.categories.len(),
            NameKind::Application => self.applications.len(),
        }
    }

    /// What a number is called; `None` for one that was never given.
    pub fn get(&self, kind: NameKind, number: u32) -> Option<&str> {
        let number = number as usize;
        let list = match kind {
            NameKind::Zone => &self.zones,
            NameKind::Interface => &self.interfaces,
            NameKind::Rule => &self.rules,
            NameKind::NatRule => &self.nat_rules,
            NameKind::User => &self.users,
            NameKind::Category => &self.categories,
            NameKind::Application => return self.applications.get(number).map(|own| own.name.as_str()),
        };
        list.get(number).map(alloc::string::String::as_str)
    }
}
