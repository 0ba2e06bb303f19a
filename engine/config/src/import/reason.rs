//! Why a statement is not carried over: a closed list.

use alloc::string::String;
use core::fmt;

use super::statement::Word;

/// Why a statement is not in the configuration that an import makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Bifrons has no such setting, and this importer knows nothing of it.
    UnknownSetting {
        /// The first word that leads nowhere.
        word: String,
    },
    /// A setting of PAN-OS that would change nothing of what Bifrons does.
    NoEffect {
        /// What it is about.
        what: &'static str,
    },
    /// A feature of PAN-OS that Bifrons does not have.
    NotSupported {
        /// The feature.
        what: String,
    },
    /// It belongs to another virtual system than the one that is carried over.
    OtherVsys {
        /// Its name.
        name: String,
    },
    /// It belongs to another device than the first one of the file.
    OtherDevice {
        /// Its name.
        name: String,
    },
    /// It belongs to a device group that was not chosen.
    OtherDeviceGroup {
        /// Its name.
        name: String,
    },
    /// It belongs to a template that was not chosen.
    OtherTemplate {
        /// Its name.
        name: String,
    },
    /// The setting exists, but cannot have this value.
    Value {
        /// What is wrong with it, and what is accepted.
        what: String,
    },
    /// It names something that is not in the result.
    UnknownName {
        /// What it should name.
        kind: String,
        /// The name.
        name: String,
    },
    /// It contradicts another statement.
    Conflict {
        /// How.
        what: String,
    },
    /// Its entry lacks something without which it means nothing.
    Incomplete {
        /// What is missing.
        what: String,
    },
    /// Another statement of its entry is not carried over, and the entry would mean something else without
    /// that one.
    EntryLost {
        /// The line of that statement.
        line: u32,
    },
    /// Its rule is carried over disabled, so this says the opposite.
    RuleDisabled,
    /// A later line takes it back.
    Deleted {
        /// The line that does.
        line: u32,
    },
    /// A later line gives the setting another value.
    Replaced {
        /// The line that does.
        line: u32,
    },
    /// An earlier line says the same.
    Repeated {
        /// That line.
        line: u32,
    },
    /// The same is said in a place that comes before this one: the virtual system before its device group,
    /// that before the shared part, an earlier template before a later one.
    Hidden {
        /// The line that comes before it.
        line: u32,
    },
    /// `delete` or `move` of something that is not there.
    NothingThere,
    /// The comment stands before a statement that is not carried over, or before none.
    Comment,
    /// Text that is no statement.
    NotAStatement,
    /// An attribute that PAN-OS keeps for itself, such as a version or a time of change.
    Attribute,
    /// An empty container.
    Empty,
}

/// What the firewall does otherwise for want of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// It may let through what the statement kept out, or leave it uninspected.
    Looser,
    /// It may keep out what the statement let through.
    Stricter,
    /// It depends on what the statement says.
    Unclear,
}

impl Reason {
    /// The reason's name in reports.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownSetting { .. } => "unknown-setting",
            Self::NoEffect { .. } => "no-effect-here",
            Self::NotSupported { .. } => "not-supported",
            Self::OtherVsys { .. } => "other-vsys",
            Self::OtherDevice { .. } => "other-device",
            Self::OtherDeviceGroup { .. } => "other-device-group",
            Self::OtherTemplate { .. } => "other-template",
            Self::Value { .. } => "value-not-accepted",
            Self::UnknownName { .. } => "unknown-name",
            Self::Conflict { .. } => "conflict",
            Self::Incomplete { .. } => "incomplete",
            Self::EntryLost { .. } => "entry-not-complete",
            Self::RuleDisabled => "rule-disabled",
            Self::Deleted { .. } => "deleted-later",
            Self::Replaced { .. } => "replaced-later",
            Self::Repeated { .. } => "repeated",
            Self::Hidden { .. } => "hidden",
            Self::NothingThere => "nothing-there",
            Self::Comment => "comment",
            Self::NotAStatement => "no-statement",
            Self::Attribute => "attribute",
            Self::Empty => "empty",
        }
    }

    /// What goes without the statement, where the reason alone says it.
    pub(crate) fn effect(&self) -> Effect {
        match self {
            Self::NoEffect { .. }
            | Self::Deleted { .. }
            | Self::Replaced { .. }
            | Self::Repeated { .. }
            | Self::Hidden { .. }
            | Self::NothingThere
            | Self::Comment
            | Self::NotAStatement
            | Self::Attribute
            | Self::Empty
            | Self::RuleDisabled
            | Self::OtherDevice { .. }
            | Self::OtherVsys { .. }
            | Self::OtherDeviceGroup { .. }
            | Self::OtherTemplate { .. } => Effect::None,
            Self::UnknownSetting { .. }
            | Self::NotSupported { .. }
            | Self::Value { .. }
            | Self::UnknownName { .. }
            | Self::Conflict { .. }
            | Self::Incomplete { .. }
            | Self::EntryLost { .. } => Effect::Unclear,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSetting { word } => write!(f, "unknown setting: `{word}`"),
            Self::NoEffect { what } => write!(f, "no effect here: {what}"),
            Self::NotSupported { what } => write!(f, "not supported: {what}"),
            Self::OtherVsys { name } => write!(f, "not supported: several virtual systems; of `{name}`"),
            Self::OtherDevice { name } => write!(f, "not supported: several devices; of `{name}`"),
            Self::OtherDeviceGroup { name } => write!(f, "of the device group `{name}`, not the chosen one"),
            Self::OtherTemplate { name } => write!(f, "of the template `{name}`, not the chosen one"),
            Self::Value { what } => write!(f, "value not accepted: {what}"),
            Self::UnknownName { kind, name } => {
                write!(f, "the {kind} `{name}` is not carried over or unknown")
            }
            Self::Conflict { what } => write!(f, "conflict: {what}"),
            Self::Incomplete { what } => write!(f, "incomplete: {what}"),
            Self::EntryLost { line } => {
                write!(f, "its entry means something else without line {line}, which is not carried over")
            }
            Self::RuleDisabled => write!(f, "the rule is carried over disabled"),
            Self::Deleted { line } => write!(f, "line {line} takes it back"),
            Self::Replaced { line } => write!(f, "line {line} replaces it"),
            Self::Repeated { line } => write!(f, "line {line} says the same"),
            Self::Hidden { line } => write!(f, "line {line} stands in a place that comes first"),
            Self::NothingThere => write!(f, "there is nothing of that name"),
            Self::Comment => write!(f, "comment on something that is not carried over"),
            Self::NotAStatement => write!(f, "no statement"),
            Self::Attribute => write!(f, "attribute that PAN-OS keeps for itself"),
            Self::Empty => write!(f, "empty: it says nothing"),
        }
    }
}

impl Effect {
    /// The effect's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Looser => "looser",
            Self::Stricter => "stricter",
            Self::Unclear => "unclear",
        }
    }
}

/// A reason for an unknown word.
pub(crate) fn unknown_setting(word: &Word) -> Reason {
    Reason::UnknownSetting { word: shortened(word) }
}

/// A text of bounded length for a message.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut short: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}
