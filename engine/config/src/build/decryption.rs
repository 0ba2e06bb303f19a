//! Decryption rules.

use alloc::{string::String, vec::Vec};

use super::{View, lists::Names};
use crate::{
    Problem,
    parse::Report,
    typed::{DecryptionKind, DecryptionRule},
};

pub(super) fn rules(root: &View<'_>, names: Names<'_>, report: &mut Report<'_>) -> Vec<DecryptionRule> {
    let view = root.at(&["rulebase", "decryption", "rules"]);
    let rules: Vec<DecryptionRule> =
        view.entries().into_iter().map(|(name, entry)| rule(name, &entry, names, report)).collect();
    if rules.iter().any(|rule| !rule.disabled && rule.decrypt) {
        let what = "the rules have no effect: nothing is decrypted".into();
        report.warn(view.line(), view.path(), Problem::Conflict { what });
    }
    rules
}

fn rule(name: &str, entry: &View<'_>, names: Names<'_>, report: &mut Report<'_>) -> DecryptionRule {
    names.tags.check(&entry.below("tag"), report);
    let (from, to) = (names.zones(&entry.below("from"), report), names.zones(&entry.below("to"), report));
    let (source, negate_source) = names.negatable(entry, "source", "negate-source", report);
    let (destination, negate_destination) =
        names.negatable(entry, "destination", "negate-destination", report);
    let source_user = names.users(&entry.below("source-user"), report);
    let service = names.services_only(&entry.below("service"), report);
    let category = names.categories(&entry.below("category"), report);
    let kind = kind(&entry.below("type"), report);
    let usable = from.usable
        && to.usable
        && source.usable
        && destination.usable
        && source_user.usable
        && service.usable
        && category.usable
        && kind.is_some();
    DecryptionRule {
        name: name.into(),
        from: from.values,
        to: to.values,
        negate_source,
        negate_destination,
        source: source.values,
        destination: destination.values,
        source_user: source_user.values,
        service: service.values,
        category: category.values,
        kind: kind.unwrap_or_default(),
        decrypt: entry.below("action").word() == "decrypt",
        profile: entry.below("profile").text(),
        disabled: entry.below("disabled").is_yes() || entry.is_unread() || !usable,
    }
}

fn kind(view: &View<'_>, report: &mut Report<'_>) -> Option<DecryptionKind> {
    let kinds = ["ssl-forward-proxy", "ssl-inbound-inspection", "ssh-proxy"].map(|word| view.below(word));
    let mut used = kinds.iter().filter(|view| view.exists());
    if let (Some(_), Some(second)) = (used.next(), used.next()) {
        let what = String::from("a decryption rule is of one type");
        second.gap(report, second.line(), Problem::Conflict { what });
        return None;
    }
    let [_, inbound, ssh] = &kinds;
    Some(if inbound.exists() {
        DecryptionKind::SslInboundInspection(inbound.text())
    } else if ssh.exists() {
        DecryptionKind::SshProxy
    } else {
        DecryptionKind::SslForwardProxy
    })
}
