//! What an operator sees of a pair, letter by letter. `BIFRONS_BLESS=1` writes the pages anew.

use std::{env, fs, path::PathBuf, time::Duration};

use bifrons_node::{Notice, ShowPair};

use super::{Pair, config, node_with, open};

const WATCHED: &str = "
set deviceconfig high-availability group monitoring link-monitoring link-group data interface ethernet1/1
set deviceconfig high-availability group monitoring path-monitoring path-group virtual-router default \
destination-ip-group isp destination-ip 192.0.2.1
";

/// Words that name a page.
const SHOWS: [&str; 10] = [
    "all",
    "state",
    "virtual-address",
    "state-synchronization",
    "link-monitoring",
    "path-monitoring",
    "transitions",
    "flap-statistics",
    "interface ha1",
    "interface ha2",
];

#[test]
fn every_show_of_both_devices() {
    let mut pair = Pair::new(1);
    pair.nodes = [None, None];
    pair.wire.clear();
    pair.nodes = [0, 1].map(|device| Some(node_with(device, pair.now, 1, &(config(device) + WATCHED))));
    pair.run_with_answers(Duration::from_secs(12), [true, true]);
    open(&mut pair, 0);
    pair.run(Duration::from_millis(20));
    for device in [0, 1] {
        for words in SHOWS {
            let show = ShowPair::of(words).unwrap();
            let now = pair.now;
            let page = pair.node(device).show_pair(now, show).unwrap();
            let json = serde_json::to_string_pretty(&page).unwrap() + "\n";
            for (text, ending) in [(page.to_string(), "txt"), (json, "json")] {
                let file = format!("{}-{device}.{ending}", words.replace(' ', "-"));
                let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/pair/shows").join(file);
                if env::var_os("BIFRONS_BLESS").is_some() {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(&path, &text).unwrap();
                }
                let expected = fs::read_to_string(&path).unwrap_or_default();
                assert_eq!(text, expected, "{}", path.display());
            }
        }
    }
}

#[test]
fn words_that_name_no_show() {
    for words in
        ["", "al", "all all", "interface", "interface ha9", "interface heartbeat-backup", "state ha1"]
    {
        assert_eq!(ShowPair::of(words), None, "{words}");
    }
}

#[test]
fn ports_of_the_passive_device_have_power_as_configured() {
    let powers = |pair: &mut Pair, device: usize| -> Vec<bool> {
        let notices = pair.notices[device].drain(..);
        let power = |notice| if let Notice::PairPorts { are_up } = notice { Some(are_up) } else { None };
        notices.filter_map(power).collect()
    };
    let mut pair = Pair::new(1);
    assert_eq!(powers(&mut pair, 0), [false, true], "while it looks for its peer, then as the active one");
    assert_eq!(powers(&mut pair, 1), [false]);
    pair.nodes[0] = None;
    pair.run(Duration::from_millis(60));
    assert_eq!(powers(&mut pair, 1), [true]);

    let auto = "set deviceconfig high-availability group mode active-passive passive-link-state auto\n";
    pair.nodes = [0, 1].map(|device| Some(node_with(device, pair.now, 1, &(config(device) + auto))));
    pair.wire.clear();
    pair.run(Duration::from_secs(12));
    assert!(powers(&mut pair, 0).is_empty() && powers(&mut pair, 1).is_empty());
}
