//! The configuration compiled for lookup: who may talk to whom, and which way packets go.
//!
//! A `Policy` is immutable. A commit makes a new one with the next `Generation`; workers hold it behind an
//! `Arc`, and a session that was judged by an older generation is judged again at its next packet.
//!
//! # The security rule lookup
//!
//! Rules are tried from the top, disabled ones are skipped, the first that matches decides. Traffic that no
//! rule matches goes to `intrazone-default` (allow) when both zones are the same and to `interzone-default`
//! (deny) when they differ; both come last and may be given another action and logging. A `universal` rule
//! takes any pair of zones that its lists name, an `intrazone` rule only pairs of one zone with itself, an
//! `interzone` rule only pairs of two zones. Addresses are those before address translation, the
//! destination zone is the one after it.
//!
//! A rule's users are those of its list by name or through a group, as `Policy::with_users` says who is
//! behind an address; `known-user` is anyone behind a mapped address, `unknown` anyone else. A schedule is
//! read at the lookup, in UTC. URL categories are those of the server's name: `Policy::category_of`.
//!
//! The first packet of a session is judged before its application and the server's name are known
//! (`Query::app` and `Query::category` are `None`). A rule then matches *surely* when it matches whatever
//! they will turn out to be: its application list and its category list are `any`, and its service is not
//! `application-default`. It matches *possibly* when some application and category would make it match: for
//! `application-default`, one of its applications must be at home on the port, and `any` lists applications
//! that are at home on every port. From the top:
//!
//! - a rule that allows decides, be its match sure or possible: the session is let through for now;
//! - a rule that blocks decides only when it matches surely; one that matches possibly is passed over.
//!
//! So a session is admitted if any allow rule that could still match comes before a rule that surely
//! blocks. `Decision::certain` is true when every application and category would lead to this same rule;
//! when it is false, the lookup is to be made again once more is known, and at each later change.
//!
//! Once both are known the match is exact. The words for "not identified" (`incomplete`,
//! `insufficient-data`, `unknown-tcp`, …) match rules whose application list is `any` or names that word.
//! An application without default ports, and each of those words, satisfies `application-default` on every
//! port.
//!
//! # What an application carries
//!
//! Sessions of many applications begin as another one: those of a video site are `ssl` until the server's
//! name is read. The catalogue and custom applications say which (`parent`, `implicit`, and theirs in turn).
//! Where the first rule that matches blocks, and before it stands a rule that allows an application which
//! this one carries and whose other conditions are all met (for `application-default`, by the carried
//! application's ports), that rule decides instead: the session is let through for now,
//! `Decision::implicit` is set and `Decision::certain` is not. So a rule that allows this application itself
//! comes first wherever it stands before the block, and a block that stands before the rule for the carried
//! application holds. Once a session's application will not change any more, `Policy::lookup_settled` says
//! what becomes of it.
//!
//! # How a rule is found
//!
//! Rules are boxes in a space of zones, addresses, protocol and ports, and a tree of cuts leads to those few
//! that a packet can lie in; see the module `index`. `Policy::explain` asks every rule in turn, with the same
//! answer, and says why each did not decide. Tests hold both against each other and against a matcher that
//! is spelled out.
//!
//! # Numbers over commits
//!
//! Sessions outlive commits, and their records and flow keys hold numbers. So `Policy::compile_after` gives
//! a zone, an interface, a custom application, a URL category, a user or a rule (NAT rules and the default
//! rules too) the number that its name has had since the start, and a new name the next free number. The
//! order of rules is the configuration's, whatever their numbers. A renamed entry is a new one.
//!
//! What the configuration has no longer keeps its number and stays in `Policy::names`, where the records of
//! old sessions find it; an entry of that name that comes later has that number. Until then it matches
//! nothing: no route leads to such an interface and it is in no zone; such a zone has no interface, and no
//! rule is for it, not even one for `any`: what an old session asks about it is left to the default rules.
//!
//! Names of the past pile up, one for each distinct name, until a restart: `compile` begins anew. Of zones
//! and interfaces there are 65,536 numbers each. When they run out, a new name takes the number of the one
//! that is longest gone. Only beyond 65,536 at once an entry has none: such an interface is on no route and
//! in no zone, such a zone has no interface. Numbers of rules do not run out.
#![no_std]

extern crate alloc;

mod addresses;
mod applications;
mod categories;
mod explain;
mod fib;
mod forwarding;
mod hits;
mod index;
mod interfaces;
mod nat;
mod numbers;
mod overrides;
mod policy;
mod query;
mod rule;
mod rules;
mod schedules;
mod services;
mod sets;
mod users;
mod warnings;
mod zones;

pub use applications::ApplicationFacts;
pub use explain::Explanation;
pub use fib::{Balance, DynamicRoute, Fib, FibQuery, Flow, Forward, Forwarding, Preference, Rib, Target};
pub use forwarding::Forced;
pub use hits::RuleHits;
pub use nat::{
    NatDecision, NatExplanation, NatMismatch, NatOwner, NatQuery, NatWarning, ProxyArp, proxied_addresses,
};
pub use policy::{Policy, ZoneSettings};
pub use query::{Decision, Query};
pub use rule::Mismatch;
pub use users::UserMap;
pub use warnings::Warning;

#[cfg(test)]
mod tests;
