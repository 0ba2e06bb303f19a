use alloc::vec::Vec;

use super::*;

/// The states after each event, in the order of `Event::ALL`; a dash where nothing changes.
const TABLE: &[(Mode, HaState, &str)] = {
    use HaState as S;
    use Mode::{ActiveActive as AA, ActivePassive as AP};
    //                     lead follow monitor unfit ha3 recovered tentative suspend functional mode
    &[
        (AP, S::Initial, "active passive non-functional non-functional - - - suspended - -"),
        (AP, S::Active, "- passive non-functional non-functional - - - suspended - -"),
        (AP, S::Passive, "active - non-functional non-functional - - - suspended - -"),
        (AP, S::NonFunctional, "- - - - - passive - suspended - -"),
        (AP, S::Suspended, "- - - - - - - - initial -"),
        (AP, S::ActivePrimary, "- - - - - - - - - active"),
        (AP, S::ActiveSecondary, "- - - - - - - - - initial"),
        (AP, S::Tentative, "- - - - - - - - - initial"),
        (AA, S::Initial, "active-primary active-secondary tentative non-functional - - - suspended - -"),
        (AA, S::ActivePrimary, "- active-secondary tentative non-functional - - - suspended - -"),
        (
            AA,
            S::ActiveSecondary,
            "active-primary - tentative non-functional non-functional - - suspended - -",
        ),
        (
            AA,
            S::Tentative,
            "active-primary - - non-functional non-functional - active-secondary suspended - -",
        ),
        (AA, S::NonFunctional, "- - - - - tentative - suspended - -"),
        (AA, S::Suspended, "- - - - - - - - tentative -"),
        (AA, S::Active, "- - - - - - - - - active-primary"),
        (AA, S::Passive, "- - - - - - - - - initial"),
    ]
};

#[test]
fn every_state_and_event_of_both_modes() {
    assert_eq!(TABLE.len(), 2 * HaState::ALL.len());
    for (mode, state, row) in TABLE {
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(words.len(), Event::ALL.len());
        for (event, word) in Event::ALL.into_iter().zip(words) {
            let found = next(*mode, *state, event).map_or("-", HaState::name);
            assert_eq!(found, word, "{mode:?} {state:?} {event:?}");
        }
    }
}

#[test]
fn each_pair_stands_in_the_table_once() {
    for mode in [Mode::ActivePassive, Mode::ActiveActive] {
        for state in HaState::ALL {
            let rows = TABLE.iter().filter(|(it, row, _)| *it == mode && *row == state).count();
            assert_eq!(rows, 1, "{mode:?} {state:?}");
        }
    }
}

#[test]
fn reasons_have_numbers_and_words_of_their_own() {
    let known: Vec<(u8, String)> =
        (0..=u8::MAX).filter_map(|number| Some((number, StateReason::text_of(number)?))).collect();
    assert_eq!(known.len(), 21 + Mismatch::ALL.len());
    for (place, (number, text)) in known.iter().enumerate() {
        assert!(known.iter().skip(place + 1).all(|(_, other)| other != text), "{number} {text}");
    }
    assert_eq!(
        StateReason::text_of(StateReason::Mismatch(Mismatch::Group).number()).as_deref(),
        Some("Group ID mismatch")
    );
    assert_eq!(StateReason::text_of(200), None);
}
