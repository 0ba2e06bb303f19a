//! Two devices that agree on a configuration, with cuts, lost, strange, changed and repeated messages. What
//! is malformed changes nothing; a device applies only what it has itself checked, whole and within bounds.
#![no_main]

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bifrons_fuzz::Input;
use bifrons_ha::{
    DeviceId,
    config_sync::{Compatibility, ConfigMark, ConfigOutput, ConfigSettings, ConfigSync},
};
use bifrons_model::Timestamp;
use libfuzzer_sys::fuzz_target;

const LONGEST: u32 = 60_000;

const SAME: Compatibility = Compatibility {
    software: [1, 0, 0],
    features: 0,
    url_database: 0,
    licences: 0,
    plugins: 0,
    dataplane_ready: true,
};

struct Device {
    machine: ConfigSync,
    /// What it has checked and not yet applied or forgotten, and whether it is prepared; as text, because a
    /// transaction is only a name.
    checked: Vec<(String, bool)>,
    outgoing: VecDeque<Vec<u8>>,
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut now = Timestamp::from_secs(1_000);
    let mut devices = [DeviceId::Zero, DeviceId::One].map(Device::new);
    let mut recorded: Vec<Vec<u8>> = Vec::new();
    let mut refuses = false;
    for device in &mut devices {
        device.machine.handle_peer(now, true);
        device.drain(now, false);
    }
    while !input.is_empty() {
        let control = input.byte();
        let at = usize::from(control >> 7);
        match control & 15 {
            0..=4 => {
                let Some(message) = devices[1 - at].outgoing.pop_front() else { continue };
                devices[at].take(now, &message);
                recorded.push(message);
            }
            5 => drop(devices[at].outgoing.pop_front()),
            6 | 7 => {
                let length = usize::from(input.byte());
                devices[at].take(now, input.bytes(length));
            }
            8 | 9 => {
                let place = usize::from(input.byte()) % recorded.len().max(1);
                let Some(mut message) = recorded.iter().rev().nth(place).cloned() else { continue };
                let byte = usize::from(input.byte()) % message.len();
                message[byte] ^= input.byte();
                devices[at].take(now, &message);
            }
            10 => {
                let text = "set zone new\n".repeat(usize::from(input.byte()) * 20);
                // Refused while another one is under way.
                let _ = devices[at].machine.propose(now, text.into());
            }
            11 => drop(devices[at].machine.sync_to_remote(now)),
            12 => {
                for device in &mut devices {
                    device.outgoing.clear();
                    device.machine.handle_peer(now, control & 16 == 0);
                }
            }
            13 => refuses = control & 16 != 0,
            14 => {
                let enabled = control & 16 == 0;
                let settings =
                    ConfigSettings { enabled, device: DeviceId::of(at as u8), longest_text: LONGEST };
                devices[at].machine.handle_settings(now, settings, SAME);
            }
            _ => {
                now += Duration::from_secs(u64::from(input.byte()));
                for device in &mut devices {
                    device.machine.handle_timeout(now);
                    assert!(device.machine.poll_timeout().is_none_or(|due| due > now));
                }
            }
        }
        devices.iter_mut().for_each(|device| device.drain(now, refuses));
    }
});

impl Device {
    fn new(device: DeviceId) -> Self {
        let text: Arc<str> = "set zone old\n".into();
        let digest = ConfigMark::digest_of(&text);
        let mark = ConfigMark { generation: 1, committed_at: Timestamp::ZERO, digest };
        let settings = ConfigSettings { enabled: true, device, longest_text: LONGEST };
        let machine = ConfigSync::new(settings, SAME, mark, text);
        Self { machine, checked: Vec::new(), outgoing: VecDeque::new() }
    }

    fn take(&mut self, now: Timestamp, message: &[u8]) {
        let picture =
            |machine: &ConfigSync| (machine.mark(), format!("{:?}", machine.state()), machine.poll_timeout());
        let before = picture(&self.machine);
        if self.machine.handle_message(now, message).is_err() {
            assert_eq!(picture(&self.machine), before);
            assert_eq!(self.machine.poll_output(), None);
        }
    }

    fn drain(&mut self, now: Timestamp, refuses: bool) {
        let mut outputs = 0;
        while let Some(output) = self.machine.poll_output() {
            outputs += 1;
            assert!(outputs < 100, "it says too much");
            match output {
                ConfigOutput::Message(message) => self.outgoing.push_back(message),
                ConfigOutput::Validate { transaction, text } => {
                    assert!(text.len() <= LONGEST as usize + 255 * 20 * 13);
                    self.checked.push((format!("{transaction:?}"), false));
                    let answer = if refuses { Err("it does not fit".to_owned()) } else { Ok(()) };
                    self.machine.handle_answer(now, transaction, answer);
                }
                ConfigOutput::Prepare { transaction } => {
                    let name = format!("{transaction:?}");
                    let known = self.checked.iter_mut().find(|(checked, _)| *checked == name);
                    known.expect("prepared what was checked").1 = true;
                    self.machine.handle_answer(now, transaction, Ok(()));
                }
                ConfigOutput::Apply { transaction, mark, text } => {
                    let name = (format!("{transaction:?}"), true);
                    assert!(self.checked.contains(&name), "applied what was not prepared");
                    self.checked.retain(|checked| *checked != name);
                    assert_eq!(ConfigMark::digest_of(&text), mark.digest);
                }
                ConfigOutput::Discard { transaction } => {
                    let name = format!("{transaction:?}");
                    self.checked.retain(|(checked, _)| *checked != name);
                }
                ConfigOutput::Committed { .. } | ConfigOutput::Refused { .. } | ConfigOutput::Log(_) => {}
            }
        }
    }
}
