//! Groups that may stand in groups.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use super::View;
use crate::{Problem, parse::Report};

/// The groups of one kind: each name with the list of its members.
pub(super) type Groups<'a> = BTreeMap<&'a str, View<'a>>;

/// The groups in an order in which each stands after the groups in it. Groups that hold themselves, and
/// those that hold such a group, are left out; each loop is reported once. `holds` is what a message says
/// between a group and a member.
///
/// Neither the depth nor the number of the groups costs stack or memory beyond the text's own.
pub(super) fn in_order<'a>(groups: &Groups<'a>, holds: &str, report: &mut Report<'_>) -> Vec<&'a str> {
    // Of each group those that it stands in, and how many groups it still waits for.
    let mut outer: BTreeMap<&str, Vec<&'a str>> = BTreeMap::new();
    let mut waits: BTreeMap<&'a str, usize> = BTreeMap::new();
    for (name, members) in groups {
        let inner = members.values().into_iter().filter(|member| groups.contains_key(member.text));
        let mut count = 0;
        for member in inner {
            outer.entry(member.text).or_default().push(name);
            count += 1;
        }
        waits.insert(name, count);
    }
    let mut order: Vec<&'a str> =
        waits.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    let mut place = 0;
    while let Some(name) = order.get(place).copied() {
        place += 1;
        for above in outer.remove(name).unwrap_or_default() {
            let Some(count) = waits.get_mut(above) else { continue };
            *count -= 1;
            if *count == 0 {
                order.push(above);
            }
        }
    }
    waits.retain(|_, count| *count > 0);
    report_loops(groups, waits, holds, report);
    order
}

/// Every group that waits stands in a loop or holds one that does: following the first member that waits
/// leads into a loop.
fn report_loops<'a>(
    groups: &Groups<'a>,
    mut waits: BTreeMap<&'a str, usize>,
    holds: &str,
    report: &mut Report<'_>,
) {
    while let Some((start, _)) = waits.iter().next() {
        let mut walked: Vec<&'a str> = Vec::new();
        let mut at: BTreeMap<&'a str, usize> = BTreeMap::new();
        let mut name: &'a str = start;
        loop {
            at.insert(name, walked.len());
            walked.push(name);
            let Some(members) = groups.get(name) else { break };
            let next = members.values().into_iter().find(|member| waits.contains_key(member.text));
            // What it waited for stood in a loop that is reported already.
            let Some(next) = next else { break };
            if let Some(first) = at.get(next.text) {
                let shown: Vec<String> = walked
                    .iter()
                    .skip(*first)
                    .take(MOST_SHOWN)
                    .chain([&next.text])
                    .map(|name| format!("`{name}`"))
                    .collect();
                let between = format!(" {holds} ");
                let what = format!("`{}` {holds} itself: {}", next.text, shown.join(&between));
                members.gap(report, next.line, Problem::Conflict { what });
                break;
            }
            name = next.text;
        }
        for name in walked {
            waits.remove(name);
        }
    }
}

/// Of a longer loop the rest is not shown.
const MOST_SHOWN: usize = 8;
