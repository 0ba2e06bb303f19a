//! Experiments of the simulator, smaller than `bifrons sim --experiment NAME` makes them.

use bifrons_sim::{
    experiment::{Laboratory, flood::Siege, handshakes::Handshakes, owner_death::OwnerDeath},
    firewall,
};

#[test]
fn transfers_that_stand_outlive_a_flood_upon_a_full_table() {
    let siege = Siege { transfers: 60, capacity: 300, syns_per_second: 100_000, seconds: 1 };
    let findings =
        siege.conduct(&Laboratory::new(&firewall::build)).expect("a configuration that is accepted");
    assert!(findings.are_good(), "{findings:?}");
    let value = |name| findings.value(name).expect("a figure of the experiment");
    assert_eq!((value("transfers_standing"), value("transfers_broken")), (60.0, 0.0));
    assert_eq!(value("sessions_most"), 300.0);
    // All but those that found room are refused and counted; the first thousand of each second are logged.
    assert!(value("sessions_refused") > 99_000.0, "{findings:?}");
    assert!((1_000.0..=3_000.0).contains(&value("refusals_logged")), "{findings:?}");
}

#[test]
fn an_experiment_that_is_not_there_is_told_by_name() {
    let told = bifrons_sim::experiment::conduct("tea", &Laboratory::new(&firewall::build))
        .expect_err("there is none");
    assert!(told.contains("tea") && told.contains("flood"), "{told}");
}

#[test]
fn handshakes_lose_nothing_whose_answers_take_the_other_device() {
    let handshakes = Handshakes { handshakes: 5_000, ..Handshakes::default() };
    let findings = handshakes.conduct(&Laboratory::new(&firewall::build)).expect("pairs that stand");
    assert!(findings.are_good(), "{findings:#?}");
    let value = |name| findings.value(name).expect("a figure of the experiment");
    assert_eq!((value("handshakes"), value("packets_lost")), (5_000.0, 0.0));
    // Half of the SYNs come to a device that is not the one to set up.
    for half in ["first_primary_setup_requests", "modulo_setup_requests", "hash_setup_requests"] {
        assert!((350.0..=650.0).contains(&value(half)), "{half}: {findings:#?}");
    }
    for none in ["primary_setup_requests", "first_first_setup_requests"] {
        assert_eq!(value(none), 0.0, "{none}");
    }
}

#[test]
fn sessions_of_a_device_that_dies_are_judged_and_logged_as_if_it_lived() {
    let deaths = OwnerDeath { scenarios: 12, ..OwnerDeath::default() };
    let findings = deaths.conduct(&Laboratory::new(&firewall::build)).expect("pairs that stand");
    assert!(findings.are_good(), "{findings:#?}");
    let value = |name| findings.value(name).expect("a figure of the experiment");
    assert_eq!(value("scenarios"), 12.0);
    assert!(value("sessions_of_the_dead") >= 60.0, "{findings:#?}");
    assert!(value("applications") >= 7.0, "{findings:#?}");
}
