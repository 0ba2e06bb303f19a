//! Configurations of PAN-OS, brought in: XML, `set` lines, or blocks in braces.
//!
//! A reader makes statements of the file, whatever its form. Each statement is then carried over into a
//! `Document`, or listed with the reason why not; none is lost silently. The result is in order: whatever
//! the check of a configuration would refuse is left out and listed. A rule that would be for more traffic
//! without what was left out is carried over disabled.
//!
//! ```text
//! bytes ─► text ─► Raw statements ─► Statements ─► settle ─► Document
//!          text.rs  xml.rs set.rs     place.rs       loss.rs
//!                   braces.rs         split.rs apply.rs
//! ```

mod account;
mod apply;
mod braces;
mod known;
mod loss;
mod place;
mod reason;
mod set;
mod settle;
mod split;
mod statement;
mod text;
mod xml;

use alloc::{string::String, vec::Vec};

pub use reason::{Effect, Reason};

use crate::{Document, schema::Schema};
use statement::Collector;

/// A larger file, in bytes, is not read.
pub const MOST_IMPORT_BYTES: usize = 64 << 20;

const MOST_BYTES: usize = MOST_IMPORT_BYTES;

/// More statements than this are not read.
const MOST_STATEMENTS: usize = 1_000_000;

/// Words that a path may have.
const MOST_WORDS: usize = 64;

/// Elements that may be nested.
const MOST_DEPTH: usize = 64;

/// A configuration that was brought in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// What was carried over. It has no mistakes.
    pub document: Document,
    /// The form of the file.
    pub form: Form,
    /// Each statement that was not carried over, in the order of the file.
    pub left_out: Vec<LeftOut>,
    /// What was changed of statements that were carried over, in the order of the file.
    pub notes: Vec<Note>,
    /// How many statements there were, and what became of them.
    pub count: Count,
}

/// What to bring in, where a file has several of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions<'a> {
    /// The virtual system; else `vsys1`, or the first.
    pub vsys: Option<&'a str>,
    /// The device group with its parents; else the only one.
    pub device_group: Option<&'a str>,
    /// The template or the stack of templates; else the only one.
    pub template: Option<&'a str>,
}

/// The form of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// XML, as PAN-OS saves and exports.
    Xml,
    /// `set` lines.
    Set,
    /// Blocks in braces, as `show` prints by default.
    Braces,
}

/// A statement that was not carried over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The number of the statement in the file, from 1.
    pub statement: usize,
    /// The line, from 1.
    pub line: u32,
    /// The statement: its path and value.
    pub path: String,
    /// Why.
    pub reason: Reason,
    /// What the firewall does otherwise without it.
    pub effect: Effect,
}

/// Something that was carried over in another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line, from 1.
    pub line: u32,
    /// The rule or setting.
    pub path: String,
    /// What was changed.
    pub changed: Changed,
}

/// How something was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The rule is disabled: it would be for other traffic without what was left out.
    Disabled,
    /// Another rulebase has a rule of the same name.
    Renamed {
        /// The rule's name now.
        name: String,
    },
    /// Line breaks of a text became blanks.
    LineBreaks,
    /// Not changed, but it does less here than on PAN-OS.
    Warning {
        /// What it does not do.
        what: String,
    },
}

/// How many statements there were, and what became of them. `read` is counted where the file is read, the
/// others where they are found again: a file is only brought in if `read` is the sum of `carried` and
/// `listed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Lines of the file.
    pub lines: usize,
    /// Statements: `set`, `delete` and `move` lines, XML elements without elements in them, ends of a path
    /// in braces; besides comments, attributes, and text that is none of these.
    pub read: usize,
    /// Statements of which everything is found in the document, or that changed what is.
    pub carried: usize,
    /// Statements that are listed as left out, as a whole or in part.
    pub listed: usize,
    /// How many of those were carried over in part.
    pub partly: usize,
}

/// Why a file is not brought in at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The file is larger than what is read.
    #[error("1: the file has {bytes} bytes; at most {MOST_IMPORT_BYTES} are read")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// The file is not UTF-8.
    #[error("{line}: byte {byte}: {found}; expected UTF-8 text")]
    Encoding {
        /// Where, from 0.
        byte: usize,
        /// The line, from 1.
        line: u32,
        /// What stands there.
        found: &'static str,
    },
    /// The text has none of the forms.
    #[error("{line}: no configuration; expected XML, `set` lines, or blocks in braces")]
    NoForm {
        /// The first line that says something.
        line: u32,
    },
    /// The XML is of something else.
    #[error("{line}: the outermost element is `{found}`; expected `config`")]
    NoConfiguration {
        /// The line, from 1.
        line: u32,
        /// The element.
        found: String,
    },
    /// The XML brings a document type, which may define entities.
    #[error("{line}: a document type; expected XML without document type and entities")]
    DocumentType {
        /// The line, from 1.
        line: u32,
    },
    /// The XML is not well-formed.
    #[error("{line}: not well-formed XML: {what}")]
    Xml {
        /// The line, from 1.
        line: u32,
        /// What is wrong.
        what: String,
    },
    /// Braces, brackets or quotation marks that have no counterpart.
    #[error("{line}: {path}{}expected {expected}", if path.is_empty() { "" } else { ": " })]
    Braces {
        /// The line, from 1.
        line: u32,
        /// The block.
        path: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A path with too many words, or elements nested too deeply.
    #[error("{line}: {}: more than {MOST_WORDS} words or levels", reason::shortened(path))]
    TooDeep {
        /// The line, from 1.
        line: u32,
        /// The path.
        path: String,
    },
    /// More statements than are read.
    #[error("{line}: more than {MOST_STATEMENTS} statements")]
    TooManyStatements {
        /// The line, from 1.
        line: u32,
    },
    /// An option names something that the file does not have.
    #[error("1: there is no {kind} `{name}`{}", known_names(known))]
    NoSuchPlace {
        /// What it should name.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// What was carried over cannot be made right by leaving something out.
    #[error("0: cannot be carried over: {what}")]
    Unsettled {
        /// The mistake.
        what: String,
    },
    /// The sum of what was carried over and what was listed is not what was read.
    #[error("0: {read} statements were read, but {found} are carried over or listed")]
    Unaccounted {
        /// How many were read.
        read: usize,
        /// How many were found again.
        found: usize,
    },
}

/// Brings in a configuration of PAN-OS.
///
/// # Errors
///
/// A file that is no configuration, is too large, or has another encoding than UTF-8.
pub fn import(bytes: &[u8], options: &ImportOptions<'_>) -> Result<Import, ImportError> {
    let text = text::decode(bytes)?;
    let form = text::form(text)?;
    let Collector { raws, .. } = match form {
        Form::Xml => xml::read(text)?,
        Form::Set => set::read(text)?,
        Form::Braces => braces::read(text)?,
    };
    let count = Count { lines: text.lines().count(), read: raws.len(), ..Count::default() };
    let places = place::Places::choose(&raws, options)?;
    let schema = Schema::new();
    let mut work = apply::apply(&schema, raws, &places, form != Form::Set);
    let document = settle::settle(&mut work)?;
    account::account(work, document, form, count)
}

/// Whether the bytes are a configuration in another form than `set` lines.
pub fn is_foreign(bytes: &[u8]) -> bool {
    let form = text::decode(bytes).ok().and_then(|text| text::form(text).ok());
    matches!(form, Some(Form::Xml | Form::Braces))
}

/// The names there are, for a message.
fn known_names(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { alloc::format!("; there are {}", known.join(", ")) }
}

#[cfg(test)]
mod tests;
