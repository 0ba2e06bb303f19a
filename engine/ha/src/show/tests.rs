//! The pages, letter by letter. `BIFRONS_BLESS=1` writes them anew.

extern crate std;

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};
use std::{env, fs, path::PathBuf};

use bifrons_config::typed::{
    ActiveActive, DestinationGroup, HaLink, HaMode, HighAvailability, LinkGroup, PathGroup, PathThrough,
    Prefix, SessionOwner, SessionSetup,
};
use bifrons_model::{MacAddress, Timestamp};

use super::*;
use crate::{Identity, Member, MemberOutput, PathId, Settings, SoftwareVersion, StateRequest};

const DELAY: Duration = Duration::from_millis(1);

fn settings(device: u8, mode: HaMode) -> Settings {
    let mut config = HighAvailability { enabled: true, group_id: 7, mode, ..HighAvailability::default() };
    config.election.device_priority = 100 + device;
    config.peer_address = Some([192, 168, 255, 3 - device].into());
    let link = |port: &str, network: u8| {
        let address = Prefix { address: [192, 168, network, device].into(), length: 30 };
        Some(HaLink { port: String::from(port), address: Some(address), gateway: None })
    };
    config.links.ha1 = link("management", 255);
    config.links.ha2 = link("ethernet1/7", 254);
    if matches!(config.mode, HaMode::ActiveActive(_)) {
        config.links.ha3 = Some(String::from("ethernet1/8"));
    }
    let data = LinkGroup {
        name: String::from("data"),
        enabled: true,
        condition: FailureCondition::Any,
        interfaces: [0, 1].into(),
    };
    config.link_monitoring.groups = [data].into();
    let servers = DestinationGroup {
        name: String::from("servers"),
        enabled: true,
        condition: FailureCondition::All,
        addresses: [[10, 0, 0, 1], [10, 0, 0, 2]].map(Into::into).into(),
    };
    config.path_monitoring.groups = [PathGroup {
        through: PathThrough::VirtualRouter,
        name: String::from("default"),
        enabled: true,
        condition: FailureCondition::Any,
        source: None,
        ping_interval_ms: 200,
        ping_count: 10,
        destinations: [servers].into(),
    }]
    .into();
    let identity = Identity {
        serial: format!("00{device}"),
        model: String::from("B-1"),
        software: SoftwareVersion { major: 1, minor: 2, maintenance: u16::from(device) },
        content: String::from("8900-1"),
        ha1_mac: MacAddress([2, 0, 0, 0, 0, device]),
        ..Identity::default()
    };
    let interfaces = ["ethernet1/1", "ethernet1/2"].map(String::from).into();
    Settings { config: Arc::new(config), identity, interfaces }
}

/// Two devices that talk over HA1 with a constant delay; destinations answer one of two pings.
struct Talk {
    now: Timestamp,
    members: [Member; 2],
    mail: Vec<(Timestamp, usize, Vec<u8>)>,
    answers: Vec<(Timestamp, usize, PathId)>,
    peer_is_off: bool,
}

impl Talk {
    fn new(modes: [HaMode; 2]) -> Self {
        let now = Timestamp::from_secs(1_000);
        let [a, b] = modes;
        let members = [(1, a), (2, b)].map(|(device, mode)| {
            let mut member = Member::new(now, settings(device, mode));
            HaLinkId::ALL.into_iter().for_each(|link| member.handle_link(now, link, true));
            member.handle_synchronized(now, true);
            member
        });
        Self { now, members, mail: Vec::new(), answers: Vec::new(), peer_is_off: false }
    }

    fn run(&mut self, seconds: u64) -> &mut Self {
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            self.now += DELAY;
            self.step();
        }
        self
    }

    fn step(&mut self) {
        let now = self.now;
        let (mail, rest) = core::mem::take(&mut self.mail).into_iter().partition(|(at, ..)| *at <= now);
        self.mail = rest;
        let (answers, rest) = core::mem::take(&mut self.answers).into_iter().partition(|(at, ..)| *at <= now);
        self.answers = rest;
        let mail: Vec<(Timestamp, usize, Vec<u8>)> = mail;
        let answers: Vec<(Timestamp, usize, PathId)> = answers;
        for (place, member) in self.members.iter_mut().enumerate() {
            if place == 1 && self.peer_is_off {
                continue;
            }
            for (_, _, bytes) in mail.iter().filter(|(_, to, _)| *to == place) {
                member.handle_message(now, HaLinkId::Ha1, bytes);
            }
            for (_, _, path) in answers.iter().filter(|(_, to, _)| *to == place) {
                member.handle_path(now, *path, true);
            }
            if member.poll_timeout().is_some_and(|at| at <= now) {
                member.handle_timeout(now);
            }
            while let Some(output) = member.poll_output() {
                match output {
                    MemberOutput::Message { bytes, .. } => self.mail.push((now + DELAY, 1 - place, bytes)),
                    MemberOutput::Ping { path, .. } if path.address == 0 => {
                        self.answers.push((now + DELAY * 3, place, path));
                    }
                    MemberOutput::Ping { .. }
                    | MemberOutput::State { .. }
                    | MemberOutput::Peer { .. }
                    | MemberOutput::Log(_) => {}
                }
            }
        }
    }
}

fn compare(name: &str, show: ShowHighAvailability, member: &Member) {
    let page = show.page(&member.status());
    let json = serde_json::to_string_pretty(&page).expect("a page is JSON") + "\n";
    for (text, ending) in [(page.to_string(), "txt"), (json, "json")] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/show/golden/{name}.{ending}"));
        if env::var_os("BIFRONS_BLESS").is_some() {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, &text).expect("it is written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, expected, "{}", path.display());
    }
}

#[test]
fn an_active_passive_pair() {
    let mut talk = Talk::new([HaMode::default(), HaMode::default()]);
    talk.run(90);
    for show in ShowHighAvailability::ALL {
        compare(&format!("active-{}", show.name()), show, &talk.members[0]);
    }
    compare("passive-state", ShowHighAvailability::State, &talk.members[1]);
}

#[test]
fn a_suspended_device_and_one_alone() {
    let mut talk = Talk::new([HaMode::default(), HaMode::default()]);
    talk.run(20);
    let now = talk.now;
    talk.members[0].handle_request(now, StateRequest::Suspend).expect("it leads");
    talk.members[0].handle_interface(now, 1, false);
    talk.run(5);
    compare("suspended-state", ShowHighAvailability::State, &talk.members[0]);
    compare("suspended-link-monitoring", ShowHighAvailability::LinkMonitoring, &talk.members[0]);
    talk.peer_is_off = true;
    talk.run(30);
    compare("alone-state", ShowHighAvailability::State, &talk.members[0]);
}

#[test]
fn an_active_active_pair() {
    let setup = SessionSetup::IpHash { with_destination: true, seed: 7 };
    let session_owner = SessionOwner::FirstPacket(setup);
    let mode = |device_id| {
        HaMode::ActiveActive(ActiveActive { device_id, session_owner, ..ActiveActive::default() })
    };
    let mut talk = Talk::new([mode(0), mode(1)]);
    talk.run(7_300);
    compare("active-primary-all", ShowHighAvailability::All, &talk.members[0]);
    for link in [HaLinkId::Ha1, HaLinkId::Ha3, HaLinkId::Ha2Backup] {
        let show = ShowHighAvailability::Interface(link);
        compare(&format!("active-primary-{}-{}", show.name(), link.name()), show, &talk.members[0]);
    }
    compare("active-secondary-transitions", ShowHighAvailability::Transitions, &talk.members[1]);
}

/// Names of members, at any depth.
fn members(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            names.extend(object.keys().cloned());
            object.values().for_each(|value| members(value, names));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| members(value, names)),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
}

#[test]
fn the_manual_names_every_field() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let manual = fs::read_to_string(root.join("../../docs/manual/high-availability.md")).expect("a page");
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root.join("src/show/golden")).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let text = fs::read_to_string(path).expect("a page");
            members(&serde_json::from_str(&text).expect("JSON"), &mut names);
        }
    }
    let is_named =
        |name: &String| manual.contains(&format!("`{name}`")) || manual.contains(&format!(".{name}`"));
    assert!(names.len() > 50, "{names:?}");
    assert_eq!(names.iter().find(|name| !is_named(name)), None);
}
