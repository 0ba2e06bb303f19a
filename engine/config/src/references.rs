//! Settings whose values are names of entries: which entries, and what becomes of them when an entry gets
//! another name.

use alloc::{format, string::String, vec::Vec};

use crate::{
    schema::{Kind, SECTIONS, Schema},
    tree::{Node, Tree},
};

/// The kinds of entries, by their place in a path, whose names a value may be.
pub(crate) fn places(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Interface | Kind::AnyInterface | Kind::Interfaces => &["<interface>", "<unit>", "<aggregate>"],
        Kind::NextHop | Kind::InterfaceAddresses => &["<address>"],
        Kind::NameOf { places, .. } => places,
        Kind::AddressNames | Kind::Addresses | Kind::Address | Kind::Pool => {
            &["<address>", "<address-group>", "<external-list>"]
        }
        Kind::Zones => &["<zone>"],
        Kind::Applications | Kind::Application | Kind::ApplicationNames => {
            &["<application>", "<application-group>", "<application-filter>"]
        }
        Kind::Services | Kind::Service | Kind::ServiceNames => &["<service>", "<service-group>"],
        Kind::Categories => &["<category>"],
        Kind::Schedule => &["<schedule>"],
        Kind::Tags | Kind::TagFilter => &["<tag>"],
        Kind::Presence
        | Kind::YesNo
        | Kind::Integer { .. }
        | Kind::Words(_)
        | Kind::Text { .. }
        | Kind::Name { .. }
        | Kind::Hostname
        | Kind::EthernetName
        | Kind::Netmask
        | Kind::Prefix
        | Kind::Range
        | Kind::Ports
        | Kind::Users
        | Kind::DayTimes
        | Kind::Dates
        | Kind::Hosts
        | Kind::Fqdn
        | Kind::Wildcard
        | Kind::Url
        | Kind::UnitName
        | Kind::AggregateName
        | Kind::TagName
        | Kind::Labels
        | Kind::AppPorts
        | Kind::Risks
        | Kind::Pattern
        | Kind::Hex
        | Kind::IntegerOr { .. }
        | Kind::IpAddress
        | Kind::IpAddresses
        | Kind::Mask
        | Kind::HaPort
        | Kind::OnlyAny
        | Kind::Mac
        | Kind::VlanTags
        | Kind::Only(_) => &[],
    }
}

/// The names of all entries at these places, in the order of the document.
pub(crate) fn names<'d>(schema: &Schema, node: &'d Node, places: &[&str], found: &mut Vec<&'d str>) {
    if !reaches(schema, &|schema| is_defined(schema, places)) {
        return;
    }
    let is_here = is_defined(schema, places);
    each_below(schema, node, &mut |name, below, node, is_entry| {
        if is_entry && is_here {
            found.push(name);
        }
        names(below, node, places, found);
    });
}

/// After the entry `old` at `place` was given the name `new`: every value that meant it means it again.
pub(crate) fn follow(root: &Schema, tree: &mut Tree, place: &str, old: &str, new: &str) {
    let mut kinds: Vec<Kind> = Vec::new();
    for leaf in SECTIONS.iter().flat_map(|section| section.leaves) {
        if places(leaf.kind).contains(&place) && !kinds.contains(&leaf.kind) {
            kinds.push(leaf.kind);
        }
    }
    // An entry of another kind may have the name still, and then the values mean that one.
    kinds.retain(|kind| {
        let mut named = Vec::new();
        names(root, &tree.root, places(*kind), &mut named);
        !named.contains(&old)
    });
    let lost = rewrite(root, &mut tree.root, &kinds, old, new);
    tree.shrink(lost);
}

/// Rewrites the values at and below a node; how many words there are less.
fn rewrite(schema: &Schema, node: &mut Node, kinds: &[Kind], old: &str, new: &str) -> usize {
    let is_meant = |kind: Kind| kinds.contains(&kind);
    let kinds_here = |schema: &Schema| {
        schema.leaf.is_some_and(|leaf| is_meant(leaf.kind))
            || schema.key.as_ref().is_some_and(|(key, _)| is_meant(key.kind))
    };
    if !reaches(schema, &kinds_here) {
        return 0;
    }
    if let Some(leaf) = schema.leaf.filter(|leaf| is_meant(leaf.kind)) {
        if leaf.kind != Kind::TagFilter {
            return usize::from(node.rename(old, new));
        }
        let Some(filter) = node.children().first().map(|(filter, _)| String::from(*filter)) else { return 0 };
        let other = filter.replace(&format!("'{old}'"), &format!("'{new}'"));
        return usize::from(other != filter && node.rename(&filter, &other));
    }
    let mut lost = 0;
    if schema.key.as_ref().is_some_and(|(key, _)| is_meant(key.kind)) && node.child(new).is_none() {
        lost += usize::from(node.rename(old, new));
    }
    node.each_mut(&mut |name, below| {
        let schema = schema.word(name).or(schema.key.as_ref().map(|(_, schema)| &**schema));
        if let Some(schema) = schema {
            lost += rewrite(schema, below, kinds, old, new);
        }
    });
    lost
}

/// Whether the schema says so at this node or below it.
fn reaches(schema: &Schema, says: &dyn Fn(&Schema) -> bool) -> bool {
    says(schema)
        || schema.words.iter().any(|(_, below)| reaches(below, says))
        || schema.key.as_ref().is_some_and(|(_, below)| reaches(below, says))
}

fn is_defined(schema: &Schema, places: &[&str]) -> bool {
    schema.key.as_ref().is_some_and(|(key, _)| places.contains(&key.place))
}

/// Calls `see` with everything directly below a node that the schema knows, values excepted.
fn each_below<'d>(schema: &Schema, node: &'d Node, see: &mut dyn FnMut(&'d str, &Schema, &'d Node, bool)) {
    for (name, below) in node.children() {
        match (schema.word(name), schema.key.as_ref()) {
            (Some(schema), _) => see(name, schema, below, false),
            (None, Some((_, schema))) => see(name, schema, below, true),
            (None, None) => {}
        }
    }
}
