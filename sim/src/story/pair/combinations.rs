//! The same two connections under each of the five combinations of owner and setup device.

use super::{
    active::{ANN, BOB, LINKS, MODE, PICTURE, Pair, call, floating, inside, outside, scenery},
    passive::{millis, seconds},
    stage::Stage,
};
use crate::run::Build;

/// What is said of a combination.
struct Combination {
    title: &'static str,
    /// Behind `session-owner-selection`.
    words: &'static str,
    remark: &'static str,
}

const COMBINATIONS: [Combination; 5] = [
    Combination {
        title: "Who owns and who sets up what comes to device 1: five combinations, the first of which is \
                owner primary-device.",
        words: "primary-device",
        remark: "Device 0 is active-primary: it owns, sets up and transmits whatever comes to either device. \
                 Every packet that comes to device 1 goes over HA3.",
    },
    Combination {
        title: "Owner first-packet, setup primary-device",
        words: "first-packet session-setup primary-device",
        remark: "Device 1 owns what it receives. Device 0, as active-primary, looks up route, translation \
                 and rule of every first packet; later ones do not need it.",
    },
    Combination {
        title: "Owner first-packet, setup first-packet",
        words: "first-packet session-setup first-packet",
        remark: "The device that gets the first packet does all. Nothing goes over HA3.",
    },
    Combination {
        title: "Owner first-packet, setup ip-modulo (recommended)",
        words: "first-packet session-setup ip-modulo",
        remark: "Source XOR destination says who sets up. Of bob's it is even (21 and 1), so device 0 does; \
                 of ann's it is odd (20 and 1), so device 1 does all.",
    },
    Combination {
        title: "Owner first-packet, setup ip-hash",
        words: "first-packet session-setup ip-hash hash-key source-and-destination hash-seed 7",
        remark: "As with ip-modulo, with the lowest bit of a hash of both addresses.",
    },
];

/// Everything comes to device 1, which does not lead.
pub(super) fn tell(build: Build<'_>) -> Result<String, String> {
    let mut text = String::new();
    for combination in &COMBINATIONS {
        text.push_str(&one(combination, text.is_empty(), build)?);
    }
    Ok(text)
}

fn one(combination: &Combination, is_first: bool, build: Build<'_>) -> Result<String, String> {
    let (first, second) = (seconds(30), seconds(35));
    let calls = vec![
        (BOB, call(40_000, first, &[first], Some(first + millis(100)))),
        (ANN, call(40_001, second, &[second], Some(second + millis(100)))),
    ];
    let pair = Pair {
        outside: outside(5),
        inside: vec![("ann", inside(20), inside(5)), ("bob", inside(21), inside(5))],
        links: LINKS.to_vec(),
        more: format!("{MODE} session-owner-selection {}\n{}", combination.words, floating()),
        picture: if is_first { PICTURE } else { "" },
    };
    let mut stage = Stage::new(scenery(combination.title, pair, calls), build)?;
    stage.stand_until(first);
    stage.chapter("A connection of bob's");
    stage.remark(combination.remark);
    stage.run_until(second);
    stage.chapter("A connection of ann's");
    stage.run_until(seconds(55));
    Ok(stage.finish())
}
