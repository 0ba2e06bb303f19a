//! Two devices in the simulated world: what becomes of transfers when one dies, is suspended, or loses a
//! link.

use std::time::Duration;

use bifrons_sim::{
    experiment::{
        Findings, Laboratory,
        failover::{Cause, Failover},
        false_failover::FalseFailover,
        switch_over::SwitchOver,
        sync_loss::SyncLoss,
    },
    firewall,
    pair::Profile,
};

fn value(findings: &Findings, name: &str) -> f64 {
    findings.value(name).unwrap_or_else(|| panic!("no figure {name}: {findings:?}"))
}

#[test]
fn transfers_outlive_the_active_device_and_are_logged_once() {
    let failover = Failover { trials: 8, transfers: 20, ..Failover::default() };
    let findings = failover.conduct(&Laboratory::new(&firewall::build)).expect("a pair that stands");
    assert!(findings.are_good(), "{findings:?}");
    assert_eq!(value(&findings, "transfers"), 160.0);
    for none in ["transfers_broken", "sessions_not_logged", "sessions_logged_twice"] {
        assert_eq!(value(&findings, none), 0.0, "{none}");
    }
    assert!(value(&findings, "transfers_under_way") >= 40.0, "{findings:?}");
    // 45 ms without a word, less the time since the last one.
    assert!((28.0..=46.0).contains(&value(&findings, "take_over_p50_ms")), "{findings:?}");
}

#[test]
fn transfers_outlive_a_link_of_the_active_device() {
    let link_down = Failover { trials: 4, transfers: 20, cause: Cause::LinkDown, ..Failover::default() };
    let findings = link_down.conduct(&Laboratory::new(&firewall::build)).expect("a pair that stands");
    assert!(findings.are_good(), "{findings:?}");
    assert_eq!(value(&findings, "transfers_broken"), 0.0);
    // Nobody waits for a silence: the device says what is wrong with it.
    assert!(value(&findings, "take_over_max_ms") <= 5.0, "{findings:?}");
}

#[test]
fn the_slower_profiles_take_their_documented_time() {
    for (profile, least, most) in
        [(Profile::Aggressive, 2_400.0, 3_600.0), (Profile::Recommended, 5_900.0, 8_100.0)]
    {
        let failover = Failover { trials: 2, transfers: 6, profile, ..Failover::default() };
        let findings = failover.conduct(&Laboratory::new(&firewall::build)).expect("a pair that stands");
        assert!(findings.are_good(), "{findings:?}");
        assert!((least..=most).contains(&value(&findings, "take_over_p50_ms")), "{findings:?}");
    }
}

#[test]
fn a_planned_change_loses_no_packet() {
    let change = SwitchOver { trials: 3, transfers: 10, ..SwitchOver::default() };
    let findings = change.conduct(&Laboratory::new(&firewall::build)).expect("a pair that stands");
    assert!(findings.are_good(), "{findings:?}");
    assert_eq!((value(&findings, "switch_overs"), value(&findings, "packets_lost")), (6.0, 0.0));
}

#[test]
fn busy_processors_and_lossy_links_are_no_reason_to_take_over() {
    let findings = FalseFailover::default().play(Duration::from_secs(240), &firewall::build).expect("a pair");
    assert!(findings.are_good(), "{findings:?}");
    assert!(value(&findings, "stalls") > 300.0 && value(&findings, "messages_lost") > 500.0, "{findings:?}");
}

#[test]
fn tables_are_equal_soon_after_the_traffic_however_bad_the_link() {
    let loss = SyncLoss { trials: 4, connections: 150, ..SyncLoss::default() };
    let findings = loss.conduct(&Laboratory::new(&firewall::build)).expect("a pair that stands");
    assert!(findings.are_good(), "{findings:?}");
    assert!(value(&findings, "sessions_compared") >= 300.0, "{findings:?}");
    assert!(value(&findings, "counters_compared") >= 30.0, "{findings:?}");
    assert!(value(&findings, "mishaps_on_ha2") > 50.0, "{findings:?}");
}
