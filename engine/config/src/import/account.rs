//! Every statement is found again: in the document, or in the list of what was left out.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Changed, Count, Effect, Form, Import, ImportError, LeftOut, Note, Reason,
    apply::{Fate, Statement, Work, is_word, rule_of},
    known,
    loss::{self, Loss},
    place::Rules,
    reason::shortened,
    settle::empty_sources,
    statement::{Word, path_text},
};
use crate::{ConfigError, Document};

/// Looks for each statement where it should be.
///
/// # Errors
///
/// A statement that is nowhere, or a document that is not in order.
pub(crate) fn account(
    mut work: Work<'_>,
    document: Document,
    form: Form,
    mut count: Count,
) -> Result<Import, ImportError> {
    let document = read_again(&document)?;
    leave_comments(&mut work);
    let actions = actions(&work);
    let text = document.to_set();
    let comments: BTreeSet<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    let mut left_out = Vec::new();
    // Of each statement of the file: whether something of it is carried over, and whether something is
    // listed.
    let mut fates: BTreeMap<usize, (bool, bool)> = BTreeMap::new();
    for own in &work.statements {
        let (carried, listed) = fates.entry(own.raw).or_default();
        match &own.fate {
            Fate::Applied => *carried = true,
            Fate::Live if own.is_comment => *carried |= is_written(own, &comments),
            Fate::Live => *carried |= document.tree.at(&own.path).is_some(),
            Fate::Left(reason) => {
                *listed = true;
                left_out.push(LeftOut {
                    statement: own.raw + 1,
                    line: own.line,
                    path: shown(own),
                    effect: effect(own, reason, &actions),
                    reason: reason.clone(),
                });
            }
        }
    }
    count.listed = fates.values().filter(|(_, listed)| *listed).count();
    count.carried = fates.values().filter(|(carried, listed)| *carried && !listed).count();
    count.partly = fates.values().filter(|(carried, listed)| *carried && *listed).count();
    let found = count.carried + count.listed;
    if found != count.read {
        return Err(ImportError::Unaccounted { read: count.read, found });
    }
    left_out.sort_by_key(|left| (left.line, left.statement));
    let mut notes: Vec<Note> = work.notes.into_iter().filter(|note| holds(note, &document)).collect();
    notes.sort_by_key(|note| note.line);
    Ok(Import { document, form, left_out, notes, count })
}

/// The document as it reads back from its text.
fn read_again(document: &Document) -> Result<Document, ImportError> {
    let text = document.to_set();
    let unsettled = |errors: Vec<ConfigError>| ImportError::Unsettled {
        what: errors.first().map(ToString::to_string).unwrap_or_default(),
    };
    let again = Document::parse(&text, "").map_err(unsettled)?;
    again.build_with(&empty_sources(&again)).map_err(unsettled)?;
    if again.to_set() == text {
        Ok(again)
    } else {
        Err(ImportError::Unsettled { what: "the result does not read back as it was written".into() })
    }
}

/// A comment is carried over with the statement it stands before.
fn leave_comments(work: &mut Work<'_>) {
    for (comment, before) in &work.comments {
        let lives = before
            .and_then(|before| work.statements.get(before))
            .is_some_and(|before| before.fate == Fate::Live && !before.is_comment);
        if let Some(own) = work.statements.get_mut(*comment)
            && !lives
        {
            own.fate = Fate::Left(Reason::Comment);
        }
    }
}

/// Whether every line of a comment is among those of the document.
fn is_written(comment: &Statement, written: &BTreeSet<&str>) -> bool {
    comment_lines(comment).iter().all(|line| written.contains(line.as_str()))
}

/// The lines of a comment as they are written; empty ones say nothing.
pub(crate) fn comment_lines(comment: &Statement) -> Vec<String> {
    let lines = comment.path.first().map_or("", |text| text).lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).map(|line| format!("# {line}")).collect()
}

/// What each security rule does.
fn actions(work: &Work<'_>) -> BTreeMap<Vec<Word>, Word> {
    let mut actions = BTreeMap::new();
    for own in &work.statements {
        if let Some(rule) = rule_of(&own.path)
            && is_word(rule.get(1), "security")
            && let [.., word, action] = own.path.as_slice()
            && &**word == "action"
        {
            actions.insert(rule.to_vec(), action.clone());
        }
    }
    actions
}

fn effect(own: &Statement, reason: &Reason, actions: &BTreeMap<Vec<Word>, Word>) -> Effect {
    if reason.effect() == Effect::None {
        return Effect::None;
    }
    // An interface that is down there is up here.
    if own.path.iter().any(|word| &**word == "link-state") {
        return Effect::Looser;
    }
    let condition = loss::of(&own.path, &own.fit) == Loss::Condition;
    if let Some(rule) = rule_of(&own.path)
        && is_word(rule.get(1), "security")
        && condition
    {
        return loss::effect_of_rule(actions.get(rule));
    }
    if matches!(reason, Reason::NotSupported { .. }) {
        known::effect(&own.path).unwrap_or(Effect::Unclear)
    } else {
        reason.effect()
    }
}

/// The statement as the file has it.
fn shown(own: &Statement) -> String {
    if own.is_text {
        return own.path.first().map(|text| shortened(text)).unwrap_or_default();
    }
    let mut words: Vec<Word> = own.prefix.clone();
    words.extend(own.path.iter().cloned());
    if let Some(first) = words.get_mut(own.prefix.len()) {
        match own.place.rules {
            Rules::Before => *first = "pre-rulebase".into(),
            Rules::Own => {}
            Rules::After => *first = "post-rulebase".into(),
        }
    }
    // A value may be as long as a certificate.
    let words: Vec<String> = words.iter().map(|word| shortened(word)).collect();
    path_text(&words)
}

/// Whether what the note is about was carried over in the end.
fn holds(note: &Note, document: &Document) -> bool {
    match note.changed {
        Changed::Disabled | Changed::LineBreaks => document.show(&note.path).is_ok(),
        Changed::Renamed { .. } | Changed::Warning { .. } => true,
    }
}
