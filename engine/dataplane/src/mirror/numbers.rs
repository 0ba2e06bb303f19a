//! What another device calls by its numbers, in this device's numbers.
//!
//! Two devices with one configuration number its rules, zones and interfaces differently when one of them has
//! run other configurations before: names keep their numbers over commits.

use bifrons_catalog::{CUSTOM_FIRST, app};
use bifrons_model::{
    AppId, CategoryId, Generation, InterfaceId, NameKind, NatRuleId, RuleId, UserId, ZoneId,
};
use bifrons_session::{FlowKey, NO_NUMBER};

use super::{MirrorItem, NoteState, Who};

/// The numbers of another device.
pub trait Renumber {
    /// This device's number for what the other device calls by `number`; `None` where it is not known what
    /// that is.
    fn number(&self, kind: NameKind, number: u32) -> Option<u32>;

    /// This device's word for the configuration that the other one calls by `generation`: one that is not in
    /// force where the two are not known to be the same, so that sessions are judged again.
    fn generation(&self, generation: Generation) -> Generation;
}

/// A session without this number's meaning cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?} {number} of the other device is not known")]
pub struct UnknownNumber {
    /// What it numbers.
    pub kind: NameKind,
    /// The other device's number.
    pub number: u32,
}

impl MirrorItem {
    /// Takes the item's numbers for the other device's, and puts this device's in their place. A rule that is
    /// not known leaves the session to be judged again; an application, user or category is unknown then.
    ///
    /// # Errors
    /// A zone or an interface is not known; then the item means nothing.
    pub fn renumber(&mut self, by: &impl Renumber) -> Result<(), UnknownNumber> {
        if let Some(who) = &mut self.who {
            renumber_who(who, by)?;
        }
        let life = &mut self.life;
        life.generation = by.generation(life.generation);
        // Without a number there is no rule.
        if life.rule != NO_RULE {
            life.rule = by.number(NameKind::Rule, life.rule.0).map_or(NO_RULE, RuleId);
        }
        life.app = application(life.app, by);
        if let Some(notes) = &mut self.notes {
            renumber_notes(notes, by);
        }
        Ok(())
    }
}

const NO_RULE: RuleId = RuleId(u32::MAX);

fn renumber_who(who: &mut Who, by: &impl Renumber) -> Result<(), UnknownNumber> {
    let short = |kind, number: u16| {
        let known = by.number(kind, number.into()).and_then(|number| u16::try_from(number).ok());
        known.ok_or(UnknownNumber { kind, number: number.into() })
    };
    for key in &mut who.keys {
        let zone = ZoneId(short(NameKind::Zone, key.zone().0)?);
        let ports = (key.source_port(), key.destination_port());
        *key = FlowKey::new(key.addresses(), ports.0, ports.1, key.protocol(), zone);
    }
    for interface in [&mut who.interface_in, &mut who.interface_out] {
        *interface = InterfaceId(short(NameKind::Interface, interface.0)?);
    }
    who.nat_rule = who.nat_rule.and_then(|rule| by.number(NameKind::NatRule, rule.0)).map(NatRuleId);
    who.has_taken &= who.nat_rule.is_some();
    Ok(())
}

fn renumber_notes(notes: &mut NoteState, by: &impl Renumber) {
    if notes.user != UserId(0) {
        notes.user = UserId(by.number(NameKind::User, notes.user.0).unwrap_or(0));
    }
    if let Some(category) = notes.category.filter(|category| *category != CategoryId(0)) {
        let known = by.number(NameKind::Category, category.0.into());
        notes.category = known.and_then(|number| u16::try_from(number).ok()).map(CategoryId);
    }
    if let Some(parent) = notes.parent.as_mut().filter(|parent| parent.nat_rule != NO_NUMBER) {
        let known = by.number(NameKind::NatRule, parent.nat_rule.into());
        parent.nat_rule = known.and_then(|number| u16::try_from(number).ok()).unwrap_or(NO_NUMBER);
    }
    notes.taken = notes.taken.and_then(|taken| {
        let rule = NatRuleId(by.number(NameKind::NatRule, taken.rule.0)?);
        Some(bifrons_session::nat::Translated { rule, ..taken })
    });
}

fn application(own: AppId, by: &impl Renumber) -> AppId {
    let Some(place) = own.0.checked_sub(CUSTOM_FIRST) else { return own };
    let place = by.number(NameKind::Application, place.into()).and_then(|place| u16::try_from(place).ok());
    place.and_then(|place| CUSTOM_FIRST.checked_add(place)).map_or(app::UNDECIDED, AppId)
}
