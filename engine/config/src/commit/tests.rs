//! The commit machine: every event in every state.

use alloc::{format, string::ToString, vec};

use super::*;

const START: &str = "set deviceconfig system hostname one\n";

fn at(minutes: u32) -> Timestamp {
    Timestamp::from_secs(1_000_000).after_secs(minutes * 60)
}

fn store(versions: usize) -> ConfigStore {
    let document = Document::parse(START, "start.set").unwrap();
    let limits = HistoryLimits { versions, ..HistoryLimits::default() };
    ConfigStore::new(at(0), Validated::new(document, &Sources::new()).unwrap(), limits)
}

fn request(confirm_within: Option<u16>) -> CommitRequest {
    CommitRequest { admin: "ada".into(), description: "because".into(), confirm_within }
}

fn name(store: &mut ConfigStore, hostname: &str) {
    store.candidate_mut().set(&format!("deviceconfig system hostname {hostname}")).unwrap();
}

/// Commits the candidate at minute `minutes`.
fn commit(store: &mut ConfigStore, minutes: u32, within: Option<u16>) -> Result<Committed, CommitError> {
    let validated = store.validate(&Sources::new()).unwrap();
    store.commit(at(minutes), validated, request(within))
}

/// What the driver was told, in short.
fn outputs(store: &mut ConfigStore) -> Vec<String> {
    core::iter::from_fn(|| store.poll_output())
        .map(|output| match output {
            Output::Run { version, config, cause } => format!("run {version} {} {cause:?}", config.hostname),
            Output::Keep { version, text } => format!("keep {version} {}", text.trim_end()),
        })
        .collect()
}

/// A store in the state that the name says, with a changed candidate: version 1 says `one`, 2 says `two`.
fn in_state(state: &str) -> ConfigStore {
    let mut store = store(10);
    name(&mut store, "two");
    match state {
        "settled" => {
            commit(&mut store, 0, None).unwrap();
        }
        "to be confirmed" => {
            commit(&mut store, 0, Some(10)).unwrap();
        }
        other => panic!("{other}"),
    }
    name(&mut store, "three");
    outputs(&mut store);
    store
}

/// What the event's name says.
fn happens(store: &mut ConfigStore, event: &str) -> Result<(), CommitError> {
    match event {
        "commit" => commit(store, 0, None).map(|_| ()),
        "commit confirmed" => commit(store, 0, Some(10)).map(|_| ()),
        "commit of nothing" | "commit confirmed of nothing" => {
            store.revert();
            let within = if event == "commit of nothing" { None } else { Some(10) };
            commit(store, 0, within).map(|_| ())
        }
        "commit overtaken" => {
            let mut stale = store.validate(&Sources::new()).unwrap();
            stale.follows = 1;
            store.commit(at(0), stale, request(None)).map(|_| ())
        }
        "commit in no time" => commit(store, 0, Some(0)).map(|_| ()),
        "confirm" => store.confirm(),
        "time goes by" => {
            store.handle_timeout(Timestamp::from_nanos(at(10).as_nanos() - 1));
            Ok(())
        }
        "time is over" => {
            store.handle_timeout(at(10));
            Ok(())
        }
        "revert" => {
            store.revert();
            Ok(())
        }
        "rollback" => store.rollback(1).map_err(|_| CommitError::NoChanges),
        other => panic!("{other}"),
    }
}

/// State, event; then the running version and its name, when it is taken back, and what the driver is told.
#[test]
fn every_event_in_every_state() {
    let keep = |version: u32, name: &str| format!("keep {version} set deviceconfig system hostname {name}");
    let run = |version: u32, name: &str, cause: &str| format!("run {version} {name} {cause}");
    let unconfirmed = Some(at(10));
    let (settled, waits) = ("settled", "to be confirmed");
    for (state, event, version, hostname, until, expected) in [
        (settled, "commit", 3, "three", None, vec![run(3, "three", "Commit"), keep(3, "three")]),
        (waits, "commit", 3, "three", None, vec![run(3, "three", "Commit"), keep(3, "three")]),
        (settled, "commit confirmed", 3, "three", Some(at(10)), vec![run(3, "three", "Commit")]),
        (waits, "commit confirmed", 3, "three", Some(at(10)), vec![run(3, "three", "Commit")]),
        (settled, "commit of nothing", 2, "two", None, vec![]),
        (waits, "commit of nothing", 2, "two", None, vec![keep(2, "two")]),
        (settled, "commit confirmed of nothing", 2, "two", None, vec![]),
        (waits, "commit confirmed of nothing", 2, "two", Some(at(10)), vec![]),
        (settled, "commit overtaken", 2, "two", None, vec![]),
        (waits, "commit overtaken", 2, "two", unconfirmed, vec![]),
        (settled, "commit in no time", 2, "two", None, vec![]),
        (waits, "commit in no time", 2, "two", unconfirmed, vec![]),
        (settled, "confirm", 2, "two", None, vec![]),
        (waits, "confirm", 2, "two", None, vec![keep(2, "two")]),
        (settled, "time goes by", 2, "two", None, vec![]),
        (waits, "time goes by", 2, "two", unconfirmed, vec![]),
        (settled, "time is over", 2, "two", None, vec![]),
        (waits, "time is over", 3, "one", None, vec![run(3, "one", "NotConfirmed"), keep(3, "one")]),
        (settled, "revert", 2, "two", None, vec![]),
        (waits, "revert", 2, "two", unconfirmed, vec![]),
        (settled, "rollback", 2, "two", None, vec![]),
        (waits, "rollback", 2, "two", unconfirmed, vec![]),
    ] {
        let mut store = in_state(state);
        let result = happens(&mut store, event);
        let case = format!("{state}, {event}");
        assert_eq!(
            (store.running().version, &*store.running().config.hostname),
            (version, hostname),
            "{case}"
        );
        assert_eq!(store.poll_timeout(), until, "{case}");
        assert_eq!(outputs(&mut store), expected, "{case}");
        let refused = match (state, event) {
            ("settled", "commit of nothing" | "commit confirmed of nothing") => Err(CommitError::NoChanges),
            (_, "commit overtaken") => Err(CommitError::Overtaken { running: 2, follows: 1 }),
            (_, "commit in no time") => Err(CommitError::BadMinutes { minutes: 0 }),
            ("settled", "confirm") => Err(CommitError::NothingToConfirm),
            _ => Ok(()),
        };
        assert_eq!(result, refused, "{case}");
        assert_eq!(store.versions().last().map(|last| last.number), Some(version), "{case}");
    }
}

#[test]
fn the_way_back_leads_to_what_was_there_to_stay() {
    let mut store = in_state("to be confirmed");
    commit(&mut store, 5, Some(10)).unwrap();
    name(&mut store, "four");
    commit(&mut store, 9, Some(10)).unwrap();
    assert_eq!(store.poll_timeout(), Some(at(19)));
    store.handle_timeout(at(15));
    assert_eq!(store.running().config.hostname, "four");
    store.handle_timeout(at(20));
    assert_eq!(store.running().config.hostname, "one");
    // What was wrong can be put right.
    assert_eq!(store.candidate().to_set(), "set deviceconfig system hostname four\n");
    let last = store.versions().last().unwrap();
    assert_eq!(last.description, "version 1 again: version 4 was not confirmed");
    assert_eq!((last.number, last.at, &*last.text), (5, at(20), START));
}

#[test]
fn a_candidate_that_is_wrong_is_not_committed() {
    let mut store = store(10);
    store.candidate_mut().set("zone a network layer3 ethernet1/1").unwrap();
    let errors = store.validate(&Sources::new()).unwrap_err();
    assert_eq!(errors[0].to_string(), "start.set: zone a network layer3: unknown interface `ethernet1/1`");
    assert_eq!(store.running().document.to_set(), START);
    assert_eq!(store.changes().to_string(), "+ zone a network layer3 ethernet1/1\n");
    store.revert();
    assert!(store.changes().is_empty());
}

#[test]
fn a_commit_that_another_one_overtook_is_refused() {
    let mut store = store(10);
    name(&mut store, "two");
    let early = store.validate(&Sources::new()).unwrap();
    name(&mut store, "three");
    commit(&mut store, 1, None).unwrap();
    let error = store.commit(at(2), early, request(None)).unwrap_err();
    assert_eq!(error.to_string(), "version 2 is running; the candidate was validated against version 1");
    assert_eq!(store.running().config.hostname, "three");
}

#[test]
fn warnings_come_through() {
    let mut store = store(10);
    name(&mut store, "two");
    let mut validated = store.validate(&Sources::new()).unwrap();
    validated.warnings.push("rule `b` is shadowed by rule `a`".into());
    let done = store.commit(at(1), validated, request(Some(3))).unwrap();
    assert_eq!((done.version, done.confirm_until), (2, Some(at(4))));
    assert_eq!(done.warnings, ["rule `b` is shadowed by rule `a`"]);
}

#[test]
fn settings_without_effect_are_told_at_commit() {
    let mut store = store(10);
    store.candidate_mut().set("deviceconfig system domain example.org").unwrap();
    let warnings = store.validate(&Sources::new()).unwrap().warnings;
    assert_eq!(warnings, ["`deviceconfig system domain` is accepted, without effect yet"]);
}

#[test]
fn the_past_is_kept_within_bounds() {
    let mut store = store(3);
    for number in 2..=6 {
        name(&mut store, &format!("gate{number}"));
        commit(&mut store, number, None).unwrap();
    }
    let kept: Vec<(u32, &str)> = store.versions().map(|kept| (kept.number, &*kept.admin)).collect();
    assert_eq!(kept, [(4, "ada"), (5, "ada"), (6, "ada")]);
    store.rollback(2).unwrap();
    assert_eq!(store.candidate().to_set(), "set deviceconfig system hostname gate4\n");
    store.load_version(5).unwrap();
    assert_eq!(store.candidate().to_set(), "set deviceconfig system hostname gate5\n");
    store.rollback(0).unwrap();
    assert_eq!(store.candidate(), &store.running().document);
    let error = store.load_version(3).unwrap_err();
    assert_eq!(error.to_string(), "there is no version 3; 4 to 6 are kept");
    assert!(store.rollback(9).is_err() && store.load_version(7).is_err());

    store.limits.bytes = 10;
    name(&mut store, "long");
    commit(&mut store, 9, None).unwrap();
    assert_eq!(store.versions().map(|kept| kept.number).collect::<Vec<_>>(), [7]);
}
