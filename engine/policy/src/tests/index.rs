//! The search among all rules against one rule after the other, on rule bases large enough to be cut.

use super::{
    random::{Random, question, rule_base, users},
    *,
};

/// One rule base and questions about it; how many a rule of its own answered.
fn agree(seed: u64, questions: usize) -> usize {
    let mut random = Random(seed);
    let rules = match random.below(4) {
        0 => 1 + random.below(16),
        1 => 1 + random.below(100),
        2 => 1 + random.below(300),
        _ => 1 + random.below(1000),
    };
    let spread = random.pick(&[4, 8, 16, 32]);
    let config = rule_base(&mut random, rules, spread);
    let policy = Policy::compile(&config, Generation(1)).with_users(&users());
    let mut decided = 0;
    for _ in 0..questions {
        let query = question(&mut random, &config, &policy);
        let found = policy.lookup(&query);
        assert_eq!(found, policy.explain(&query).decision, "seed {seed}: {query:?}");
        decided += usize::from(found.rule.index() < rules);
        if random.one_in(64) {
            let Decision { rule, rule_action, certain, implicit, .. } = found;
            let expected = reference::lookup(&config, &query);
            let found = (rule.index(), rule_action, certain, implicit);
            assert_eq!(found, expected, "seed {seed}: {query:?}");
        }
    }
    decided
}

#[test]
fn the_search_finds_what_asking_every_rule_finds() {
    let decided: usize = (0..40).map(|seed| agree(seed, 500)).sum();
    assert!(decided > 40 * 500 / 2, "{decided} questions were decided by a rule");
}

/// Run with `cargo test --release -p bifrons-policy -- --ignored ten_million`.
#[test]
#[ignore = "minutes of work; the same on fewer questions always runs"]
fn the_search_finds_what_asking_every_rule_finds_ten_million_times() {
    let decided: usize = (1_000..2_000).map(|seed| agree(seed, 10_000)).sum();
    assert!(decided > 5_000_000, "{decided} questions were decided by a rule");
}
