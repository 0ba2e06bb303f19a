//! The words that exports put before a path: `config`, `devices NAME`, `vsys NAME`, `shared`.

use alloc::{collections::BTreeMap, format, string::String};

use crate::{
    Problem,
    parse::Report,
    words::{Part, excerpt},
};

/// What the prefixes of one text said so far. There is one virtual system, whatever its name, and what is
/// shared is part of it.
#[derive(Default)]
pub(crate) struct Scopes {
    vsys: Option<String>,
    /// Of each kind and name of an entry where it stands.
    entries: BTreeMap<(String, String), Scope>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Shared,
    Vsys,
}

impl Scopes {
    /// The path without its prefixes; `None`, with a report, where it stands in a second virtual system, or
    /// says something of an entry that the other scope has too: PAN-OS would take that of the virtual
    /// system as a whole, here the two would mix.
    pub(crate) fn strip<'p>(
        &mut self,
        line: u32,
        parts: &'p [Part],
        report: &mut Report<'_>,
    ) -> Option<&'p [Part]> {
        let mut rest = parts;
        let mut scope = None;
        loop {
            rest = match rest {
                [Part::Word(word), after @ ..] if word == "config" => after,
                [Part::Word(word), after @ ..] if word == "shared" => {
                    scope = Some(Scope::Shared);
                    after
                }
                [Part::Word(word), Part::Word(_), after @ ..] if word == "devices" => after,
                [Part::Word(word), Part::Word(name), after @ ..] if word == "vsys" => {
                    let first = self.vsys.get_or_insert_with(|| name.clone());
                    if first != name {
                        let what = format!("not supported: a second virtual system, `{}`", excerpt(name));
                        report.gap(line, "vsys".into(), Problem::Conflict { what });
                        return None;
                    }
                    scope = Some(Scope::Vsys);
                    after
                }
                _ => break,
            };
        }
        if let (Some(scope), [Part::Word(kind), Part::Word(name), _, ..]) = (scope, rest)
            && is_in_both(kind)
            && *self.entries.entry((kind.clone(), name.clone())).or_insert(scope) != scope
        {
            let what = format!("`{}` stands in `shared` and in the virtual system", excerpt(name));
            report.gap(line, kind.clone(), Problem::Conflict { what });
            return None;
        }
        Some(rest)
    }
}

/// Whether entries of this kind may be shared or of a virtual system.
fn is_in_both(kind: &str) -> bool {
    matches!(
        kind,
        "address"
            | "address-group"
            | "service"
            | "service-group"
            | "application"
            | "application-group"
            | "application-filter"
            | "external-list"
            | "schedule"
    )
}
