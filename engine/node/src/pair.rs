//! The device's half of a pair: who it is, what it tells the other device, what it has of it.
//!
//! ```text
//!  HA1 ──► Member ──── state ──► workers forward or not, neighbors are silent or announced
//!    │        │ peer
//!    │        ▼
//!    └────► Keying ─── keys ───► Synchronizer ◄──► HA2
//!                        │        ▲        │
//!           sessions of workers ──┘        └──► copies in workers
//!                        │
//!                        └─────► SharedWork ◄──► HA3, in an active/active pair
//!
//!  HA1 ◄──► ConfigChannel ──► what both devices run: to the controller
//! ```
//!
//! The machines are `bifrons_ha`'s; here they are joined with each other and with the device. What HA1
//! carries has one byte in front that says whose it is.

use alloc::{
    collections::{BTreeSet, VecDeque},
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::{net::IpAddr, time::Duration};

use bifrons_config::{
    Config,
    typed::{HaMode, HighAvailability},
};
use bifrons_dataplane::PeerFrame;
use bifrons_ha::{
    AddressPlan, AddressTable, Announcement, Announcer, ConfigurationMark, DeviceId, Ha3Counters, HaEvent,
    HaLinkId, HaState, Hello, Identity, InterfaceNumber, Keying, KeyingOutput, Member, MemberOutput, PathId,
    RequestError, Settings, Standing, StateRequest, Status, SystemRecord,
    config_sync::{Busy, ConfigLog, ConfigMark, ConfigState, Refused, Transaction},
    sync::{self, ItemKind, PeerEvent, Space, SyncLog, SyncOutput, SyncStatus, Synchronizer},
};
use bifrons_model::{MacAddress, Timestamp};

use crate::{
    config_channel::{Aside, ChannelOutput, ConfigChannel},
    copies::Copies,
    sharing::{Lingering, Part, SharedWork, Step},
};

/// Whose a message on HA1 is.
const MEMBER: u8 = 1;
const KEYING: u8 = 2;
const CONFIGURATION: u8 = 3;

/// HA1 and its backup.
const CONTROL: [HaLinkId; 2] = [HaLinkId::Ha1, HaLinkId::Ha1Backup];

/// With the profile `fast`, the peer hears of this device this often on HA2.
const SIGN_OF_LIFE: Duration = Duration::from_millis(15);

/// Where both devices forward the peer hears of this device this often on HA2: what was set up for it and is
/// not told of by then is not in use.
const SIGN_OF_TELLING: Duration = Duration::from_secs(2);

/// A device that has taken over from a living one announces itself once more after this: by then the other
/// one knows, and sends no frames with their common address any more.
const ANNOUNCES_AGAIN: Duration = Duration::from_millis(20);

/// The pair.
pub(crate) struct Pair {
    member: Member,
    keying: Keying,
    sync: Synchronizer,
    configuration: ConfigChannel,
    /// What the member was told last.
    settings: Settings,
    /// Whether HA1 and its backup are up.
    is_control_up: [bool; 2],
    room: usize,
    announcer: Announcer,
    plan: AddressPlan,
    table: AddressTable,
    lingering: Lingering,
    is_relieved: bool,
    /// Whether the device steps back, and has told what it has counted.
    is_leaving: bool,
    has_ports: bool,
    announces_again: Option<Timestamp>,
    /// With which start of the peer there are keys, as long as it has not been lost since.
    met: Option<u64>,
    standing: Standing,
    peer_state: Option<HaState>,
    shared: SharedWork,
    outputs: VecDeque<PairOutput>,
}

/// What the device is to do for the pair.
#[derive(Clone, Debug)]
pub(crate) enum PairOutput {
    /// Send this to the peer.
    Message { link: HaLinkId, bytes: Vec<u8> },
    /// The device of an active/passive pair is something else now.
    State { from: HaState, to: HaState },
    /// The workers of a device of an active/active pair have another part, and this becomes of sessions.
    Part(Part, Option<Step>),
    /// The other device led as this one does, and leads no more: what began there is this one's.
    Heir,
    /// Other addresses are the device's, or it is to be silent, or the other one has taken over from it.
    /// Frames to some Ethernet addresses that were here are still taken.
    Addresses { table: AddressTable, lingering: Vec<(usize, MacAddress)>, is_relieved: bool },
    /// That an address is here now.
    Announce(Announcement),
    /// Ask a destination of a path group.
    Ping { path: PathId, address: IpAddr },
    /// The ports that carry traffic are to be up, or down.
    Ports { are_up: bool },
    /// For the system log.
    Log(SystemRecord),
}

/// What a pair begins with.
pub(crate) struct Beginning<'a> {
    pub config: &'a Config,
    pub identity: Identity,
    /// What the keys are made of.
    pub secret: [u8; 32],
    /// Interfaces that are down, as places in the configuration.
    pub down: Vec<usize>,
    /// Which configuration runs, and what of it both devices have in common.
    pub mark: ConfigMark,
    pub common: Arc<str>,
}

/// What is to be done for both devices to run one configuration.
#[derive(Debug)]
pub(crate) enum ConfigStep {
    /// Say whether this common part can run with the device's own lines.
    Validate { transaction: Transaction, text: Arc<str> },
    /// Run it.
    Apply { transaction: Transaction, mark: ConfigMark, text: Arc<str> },
    /// What was proposed here runs.
    Committed { with_peer: bool },
    /// What was proposed here runs on neither device.
    Refused(Refused),
}

impl Pair {
    /// A device that begins, in state `initial`; all links between the devices are down until it is told.
    pub fn new(now: Timestamp, beginning: Beginning<'_>) -> Self {
        let Beginning { config, identity, secret, down, mark, common } = beginning;
        let identity = Identity { configuration: mark.into(), ..identity };
        let software = [identity.software.major, identity.software.minor, identity.software.maintenance];
        let enabled = config.high_availability.configuration_sync;
        let settings = settings(config, identity);
        let member = Member::new(now, settings.clone());
        let mut pair = Self {
            keying: Keying::new(member.epoch(), secret),
            room: sync_settings(&config.high_availability).largest_payload(),
            sync: Synchronizer::new(sync_settings(&config.high_availability)),
            configuration: ConfigChannel::new(enabled, software, mark, common),
            settings,
            is_control_up: [false; 2],
            announcer: Announcer::new(),
            plan: AddressPlan::new(config),
            table: AddressTable::default(),
            lingering: Lingering::default(),
            is_relieved: false,
            is_leaving: false,
            has_ports: true,
            announces_again: None,
            met: None,
            standing: Standing { state: member.state(), down: down.into_iter().collect() },
            peer_state: None,
            shared: SharedWork::new(config),
            outputs: VecDeque::new(),
            member,
        };
        for place in pair.standing.down.clone() {
            pair.member.handle_interface(now, place, false);
        }
        pair.stand(now);
        pair
    }

    /// Another configuration runs.
    pub fn handle_config(&mut self, now: Timestamp, config: &Config, identity: Identity) {
        let configuration = self.configuration.mark().into();
        self.settings = settings(config, Identity { configuration, ..identity });
        self.member.handle_settings(now, self.settings.clone());
        self.configuration.set_enabled(now, config.high_availability.configuration_sync);
        self.sync.handle_settings(now, sync_settings(&config.high_availability));
        self.plan = AddressPlan::new(config);
        self.shared.handle_config(config);
        self.stand(now);
    }

    /// A link between the devices went up or down.
    pub fn handle_link(&mut self, now: Timestamp, link: HaLinkId, is_up: bool) {
        self.member.handle_link(now, link, is_up);
        self.sync.handle_link(now, link, is_up);
        if link == HaLinkId::Ha3 {
            self.shared.handle_link(is_up);
        }
        for (control, known) in CONTROL.iter().zip(&mut self.is_control_up) {
            *known = if *control == link { is_up } else { *known };
        }
        self.connect(now);
    }

    /// An interface, by its place in the configuration, went up or down.
    pub fn handle_interface(&mut self, now: Timestamp, place: usize, is_up: bool) {
        let has_changed =
            if is_up { self.standing.down.remove(&place) } else { self.standing.down.insert(place) };
        if has_changed {
            self.member.handle_interface(now, place, is_up);
            self.stand(now);
        }
    }

    /// A destination of a path group has answered.
    pub fn handle_path(&mut self, now: Timestamp, path: PathId) {
        self.member.handle_path(now, path, true);
    }

    /// What an operator asks for.
    pub fn handle_request(&mut self, now: Timestamp, request: StateRequest) -> Result<(), RequestError> {
        self.member.handle_request(now, request)
    }

    /// A message of the peer's, but one on HA3. HA1 brings it decrypted and authenticated. What is none
    /// changes nothing.
    pub fn handle_message(&mut self, now: Timestamp, link: HaLinkId, bytes: &[u8]) {
        match link {
            HaLinkId::Ha1 | HaLinkId::Ha1Backup | HaLinkId::HeartbeatBackup => match bytes.split_first() {
                Some((&MEMBER, message)) => self.member.handle_message(now, link, message),
                Some((&KEYING, message)) => self.keying.handle_message(now, message),
                Some((&CONFIGURATION, message)) => self.configuration.handle_message(now, message),
                Some(_) | None => {}
            },
            HaLinkId::Ha2 | HaLinkId::Ha2Backup => {
                if self.sync.handle_message(now, link, bytes).is_ok() {
                    self.member.handle_heard(now, link);
                }
            }
            HaLinkId::Ha3 => {}
        }
    }

    /// The messages that carry a frame to the peer on HA3.
    pub fn seal(&mut self, frame: &PeerFrame) -> Vec<Vec<u8>> {
        self.shared.seal(frame)
    }

    /// The frame that a message on HA3 completes.
    pub fn open(&mut self, now: Timestamp, message: &[u8]) -> Option<PeerFrame> {
        self.shared.open(now, message)
    }

    /// What HA3 has carried and refused.
    pub const fn forwarding(&self) -> Ha3Counters {
        self.shared.counters()
    }

    /// The peer lives and has given its sessions to this device: it is told of all, for what is left out it
    /// forgets. Otherwise it would keep those that this device has never known.
    pub fn tell_all(&mut self, now: Timestamp) {
        if self.peer_state.is_some() && self.forwards() {
            self.sync.handle_sending(now, false);
            self.sync.handle_sending(now, true);
        }
    }

    /// What the peer is to know of sessions here.
    pub fn mark(&mut self, now: Timestamp, kind: ItemKind, id: u64) {
        self.sync.mark(now, kind, id);
    }

    /// The longest item that HA2 takes, in bytes.
    pub fn room(&self) -> usize {
        self.room
    }

    /// Whether anybody is told of sessions here.
    pub fn tells(&self) -> bool {
        self.forwards() && !matches!(self.sync.status(), SyncStatus::NoPeer | SyncStatus::Stopped)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp, copies: &mut Copies<'_>) {
        let is_due = |deadline: Option<Timestamp>| deadline.is_some_and(|due| due <= now);
        if is_due(self.member.poll_timeout()) {
            self.member.handle_timeout(now);
        }
        self.keying.handle_timeout(now);
        self.announcer.handle_timeout(now);
        if self.announces_again.take_if(|at| *at <= now).is_some() {
            self.announcer.repeat();
        }
        self.configuration.handle_timeout(now);
        if self.lingering.expire(now) {
            self.tell_addresses();
        }
        let keep_alives = self.shared.handle_timeout(now).into_iter();
        let link = HaLinkId::Ha3;
        self.outputs.extend(keep_alives.map(|bytes| PairOutput::Message { link, bytes }));
        self.settle(now, copies);
        if is_due(self.sync.poll_timeout()) {
            self.sync.handle_timeout(now, copies);
        }
        self.settle(now, copies);
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let deadlines = [
            self.member.poll_timeout(),
            self.keying.poll_timeout(),
            self.announcer.poll_timeout(),
            self.configuration.poll_timeout(),
            self.sync.poll_timeout(),
            self.shared.poll_timeout(),
            self.announces_again,
            self.lingering.poll_timeout(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<PairOutput> {
        self.outputs.pop_front()
    }

    /// What the device is.
    pub const fn state(&self) -> HaState {
        self.member.state()
    }

    /// Whether the device forwards.
    pub const fn forwards(&self) -> bool {
        self.state().forwards()
    }

    /// All that the device knows of itself and of the other one.
    pub fn status(&self) -> Status {
        self.member.status()
    }

    /// The addresses of the pair, and who has them.
    pub const fn addresses(&self) -> (&AddressPlan, &AddressTable) {
        (&self.plan, &self.table)
    }

    /// Whether the ports that carry traffic are up as far as the pair is concerned.
    pub const fn has_ports(&self) -> bool {
        self.has_ports
    }

    /// How well the copies follow.
    pub const fn sync(&self) -> &Synchronizer {
        &self.sync
    }

    /// `ConfigSync::propose`: `common` is what both devices are to have in common.
    pub fn propose(&mut self, now: Timestamp, common: Arc<str>) -> Result<Transaction, Busy> {
        self.configuration.propose(now, common)
    }

    /// `request high-availability sync-to-remote running-config`
    pub fn sync_to_remote(&mut self, now: Timestamp) -> Result<Transaction, Refused> {
        self.configuration.sync_to_remote(now)
    }

    /// Whether a configuration can run here.
    pub fn answer(&mut self, now: Timestamp, transaction: Transaction, answer: Result<(), String>) {
        self.configuration.answer(now, transaction, answer);
    }

    /// The device runs this without the peer's having been asked. With a `mark` later than the peer's, it is
    /// brought to it.
    pub fn restart_configuration(&mut self, now: Timestamp, mark: ConfigMark, common: Arc<str>) {
        self.configuration.restart(now, mark, common);
    }

    /// What both devices have in common, as far as this one knows.
    pub const fn common(&self) -> &Arc<str> {
        self.configuration.text()
    }

    /// Under which mark it runs.
    pub const fn mark_of_configuration(&self) -> ConfigMark {
        self.configuration.mark()
    }

    /// Whether a configuration is on its way.
    pub const fn is_configuring(&self) -> bool {
        self.configuration.is_busy()
    }

    /// What the peer says besides configurations, in order.
    pub fn poll_aside(&mut self) -> Option<Aside> {
        self.configuration.poll_aside()
    }

    /// Says something besides configurations.
    pub fn say_aside(&mut self, message: &[u8]) {
        self.configuration.say_aside(message);
    }

    /// Which device this is for the peer; it decides between two of the same time.
    pub const fn device(&self) -> DeviceId {
        self.configuration.device()
    }

    /// How the two configurations relate.
    pub fn configuration(&self) -> ConfigState {
        self.configuration.state()
    }

    /// Whom a configuration that comes from the peer is by.
    pub fn peer_name(&self) -> String {
        let serial = self.member.peer().map_or("", |peer| peer.serial.as_str());
        ["peer", serial].join(" ").trim_end().into()
    }

    /// What is to be done next for both devices to run one configuration.
    pub fn poll_configuration(&mut self, now: Timestamp) -> Option<ConfigStep> {
        while let Some(output) = self.configuration.poll_output() {
            match output {
                ChannelOutput::Message { link, bytes } => self.say(link, CONFIGURATION, &bytes),
                ChannelOutput::Log(log) => self.outputs.push_back(PairOutput::Log(config_record(now, &log))),
                ChannelOutput::Validate { transaction, text } => {
                    return Some(ConfigStep::Validate { transaction, text });
                }
                ChannelOutput::Apply { transaction, mark, text } => {
                    return Some(ConfigStep::Apply { transaction, mark, text });
                }
                ChannelOutput::Committed { with_peer } => return Some(ConfigStep::Committed { with_peer }),
                ChannelOutput::Refused(reason) => return Some(ConfigStep::Refused(reason)),
            }
        }
        self.tell_mark(now);
        None
    }

    /// The hellos tell which configuration runs.
    fn tell_mark(&mut self, now: Timestamp) {
        let mark: ConfigurationMark = self.configuration.mark().into();
        if self.settings.identity.configuration != mark {
            self.settings.identity.configuration = mark;
            self.member.handle_settings(now, self.settings.clone());
        }
    }

    /// Configurations go by the first of HA1 and its backup that is up, as long as the peer is heard.
    fn connect(&mut self, now: Timestamp) {
        let up = CONTROL.into_iter().zip(self.is_control_up).find(|(_, is_up)| *is_up);
        let (own, peer) = (self.member.own(), self.member.peer());
        let link = up.map(|(link, _)| link).filter(|_| peer.is_some());
        // One of the two, the same one for both.
        let rank = |hello: &Hello, epoch: u64| (hello.serial.clone(), hello.ha1_mac, epoch);
        let is_second = peer.is_some_and(|peer| rank(own, self.member.epoch()) > rank(peer, peer.epoch));
        self.configuration.set_link(now, link, DeviceId::of(u8::from(is_second)));
    }

    /// Lets the machines tell each other until none has more to say.
    pub fn settle(&mut self, now: Timestamp, copies: &mut Copies<'_>) {
        self.tell_before_leaving(now, copies);
        loop {
            let before = self.outputs.len();
            let mut is_still = true;
            let offered = self.member.peer().map_or(0, |peer| peer.offered);
            self.member.handle_ha3_silence(now, self.shared.is_silent(now, offered));
            while let Some(output) = self.member.poll_output() {
                is_still = false;
                self.follow_member(now, output, copies);
            }
            while let Some(output) = self.keying.poll_output() {
                is_still = false;
                self.follow_keying(now, output, copies);
            }
            self.follow_sync(now, copies);
            if let Some((part, step)) = self.shared.follow(self.member.state(), self.peer_state, offered) {
                self.outputs.push_back(PairOutput::Part(part, step));
            }
            while let Some(announcement) = self.announcer.poll_output() {
                self.outputs.push_back(PairOutput::Announce(announcement));
            }
            if is_still && self.outputs.len() == before {
                break;
            }
        }
    }

    /// The packets of established sessions leave no event: whoever is to lead learns of them before it does,
    /// or as soon as can be, where this device has ceased to lead at once.
    fn tell_before_leaving(&mut self, now: Timestamp, copies: &Copies<'_>) {
        let has_ceased = !self.forwards() && !self.shared.is_active_active();
        let is_leaving = self.member.is_leaving() || has_ceased;
        if is_leaving && !self.is_leaving {
            self.tell_untold(now, copies);
        }
        self.is_leaving = is_leaving;
    }

    fn tell_untold(&mut self, now: Timestamp, copies: &Copies<'_>) {
        for id in copies.untold() {
            self.sync.mark(now, ItemKind::SessionUpdate, id);
        }
    }

    fn follow_member(&mut self, now: Timestamp, output: MemberOutput, copies: &Copies<'_>) {
        match output {
            MemberOutput::Message { link, bytes } => self.say(link, MEMBER, &bytes),
            MemberOutput::State { from, to, reason: _ } => {
                self.standing.state = to;
                if !self.shared.is_active_active() {
                    self.outputs.push_back(PairOutput::State { from, to });
                }
                if from == HaState::Tentative {
                    // All is told once more: now it has sessions of its own.
                    self.sync.handle_sending(now, false);
                }
                if from.forwards() && !to.forwards() && self.shared.is_active_active() {
                    // Whoever goes on with the sessions logs them, with what was counted here, too.
                    self.tell_untold(now, copies);
                }
                self.sync.handle_sending(now, tells_in(to));
                self.stand(now);
                let is_shared = to.forwards() && self.peer_state.is_some_and(HaState::forwards);
                self.announces_again = is_shared.then_some(now + ANNOUNCES_AGAIN);
            }
            MemberOutput::Peer { is_alive, state } => {
                let before = core::mem::replace(&mut self.peer_state, state.filter(|_| is_alive));
                if self.forwards() {
                    self.follow_leading_peer(now, before);
                }
                self.keying.handle_peer(now, self.member.peer().map(|peer| peer.epoch));
                if !is_alive {
                    self.met = None;
                    self.shared.handle_keys(None);
                    // Without a peer there are no keys that could be old.
                    let _ = self.sync.handle_peer(now, PeerEvent::Lost);
                }
                self.connect(now);
                self.stand(now);
            }
            MemberOutput::Log(record) => self.outputs.push_back(PairOutput::Log(record)),
            MemberOutput::Ping { path, address } => {
                self.outputs.push_back(PairOutput::Ping { path, address });
            }
        }
    }

    /// This device forwards, and the peer does, or did before: both may have had the same addresses.
    fn follow_leading_peer(&mut self, now: Timestamp, before: Option<HaState>) {
        let leads = |state: Option<HaState>| state.is_some_and(HaState::forwards);
        let has_ceased = leads(before) && !leads(self.peer_state);
        if self.shared.is_active_active() {
            if has_ceased {
                self.announcer.repeat();
            } else if before.is_none() && leads(self.peer_state) {
                // Each took the other one for dead, and all addresses for its own.
                self.announcer.renew(now);
            }
        } else if has_ceased {
            self.announcer.renew(now);
            self.outputs.push_back(PairOutput::Heir);
            // What this device has told the peer meanwhile it may have refused for sessions of its own.
            self.sync.handle_sending(now, false);
            self.sync.handle_sending(now, true);
        }
    }

    fn follow_keying(&mut self, now: Timestamp, output: KeyingOutput, copies: &mut Copies<'_>) {
        match output {
            KeyingOutput::Message(bytes) => {
                for link in CONTROL {
                    self.say(link, KEYING, &bytes);
                }
            }
            KeyingOutput::Agreed(keys) => {
                let number = keys.ha2.epoch;
                self.shared.handle_keys(Some(&keys.ha3));
                let start = self.member.peer().map_or(0, |peer| peer.epoch);
                copies.meet(start);
                let had_lost_this = self.met.replace(start) == Some(start);
                if had_lost_this && self.forwards() && self.shared.is_active_active() {
                    // The peer took this device for dead, and all addresses for its own; here nobody noticed.
                    self.announcer.renew(now);
                }
                // Numbers grow with each agreement, so these keys are not old.
                if self.sync.handle_peer(now, PeerEvent::Connected(keys.ha2)).is_ok() {
                    self.member.handle_ha2_epoch(now, number.into());
                    self.member.handle_synchronized(now, false);
                }
            }
        }
    }

    fn follow_sync(&mut self, now: Timestamp, copies: &mut Copies<'_>) {
        let mut is_joined = false;
        let is_late = self.leads_alone();
        while let Some(output) = self.sync.poll_output() {
            match output {
                SyncOutput::Message { link, bytes } => {
                    self.outputs.push_back(PairOutput::Message { link, bytes: bytes.to_vec() });
                }
                SyncOutput::Item { kind, id, payload, .. } => {
                    if copies.apply(kind, id, payload) && is_late {
                        self.keep_late(now, kind, id, copies);
                    }
                }
                // It was on its way when the peer ceased to lead: it owns none of the sessions in it.
                SyncOutput::JoinBegins(_) if is_late => copies.begin_late_join(),
                SyncOutput::Joined(_) if is_late => {}
                SyncOutput::JoinBegins(_) => copies.begin_join(),
                SyncOutput::Joined(_) => {
                    copies.end_join();
                    is_joined = true;
                }
                SyncOutput::Told(_) => {}
                SyncOutput::Resumed => self.shared.handle_resumed(),
                SyncOutput::Lost(action) => self.shared.handle_silence(action),
                SyncOutput::Log(log) => {
                    self.outputs.push_back(PairOutput::Log(record(now, log)));
                }
            }
        }
        if is_joined {
            self.member.handle_synchronized(now, true);
        }
    }

    /// What has come late is this device's. The peer is told of it: it has forgotten what this device did not
    /// know when it began to lead, and has what had ended by then.
    fn keep_late(&mut self, now: Timestamp, kind: ItemKind, id: u64, copies: &mut Copies<'_>) {
        match kind.space() {
            Space::Names | Space::Neighbors => return,
            Space::SecurityAssociations => copies.ledger.associations.adopt(),
            Space::Sessions => {}
        }
        self.sync.mark(now, kind, id);
    }

    /// Whether this device leads an active/passive pair and the peer does not: what the peer tells then is
    /// late, from when it led.
    fn leads_alone(&self) -> bool {
        let peer_leads = self.peer_state.is_some_and(HaState::forwards);
        self.forwards() && !peer_leads && !self.shared.is_active_active()
    }

    /// Puts a message for the peer with whose it is in front; HA1 is down where the configuration has none.
    fn say(&mut self, link: HaLinkId, whose: u8, message: &[u8]) {
        let mut bytes = Vec::with_capacity(1 + message.len());
        bytes.push(whose);
        bytes.extend_from_slice(message);
        self.outputs.push_back(PairOutput::Message { link, bytes });
    }

    /// Who has which address now.
    fn stand(&mut self, now: Timestamp) {
        self.power_ports();
        // What the member has become is in its outputs still: its new state and the old one make a device
        // that is neither, and that would speak for addresses which the peer has.
        if self.member.state() != self.standing.state {
            return;
        }
        let peer = self.peer_state.map(|state| Standing { state, down: self.down_at_peer() });
        let table = self.plan.table(&self.standing, peer.as_ref());
        let is_relieved = self.member.is_relieved() && !self.shared.is_active_active();
        if table == self.table && is_relieved == self.is_relieved {
            return;
        }
        let changes = table.changes_from(&self.table);
        self.table = table;
        self.is_relieved = is_relieved;
        if self.shared.is_active_active() {
            self.lingering.handle_changes(now, &changes);
        }
        self.tell_addresses();
        self.announcer.handle_changes(now, &changes);
    }

    fn tell_addresses(&mut self) {
        let (table, lingering) = (self.table.clone(), self.lingering.macs());
        let is_relieved = self.is_relieved;
        self.outputs.push_back(PairOutput::Addresses { table, lingering, is_relieved });
    }

    /// `passive-link-state`
    fn power_ports(&mut self) {
        let are_up = match self.settings.config.mode {
            HaMode::ActivePassive { passive_links_up, .. } => passive_links_up || self.forwards(),
            HaMode::ActiveActive(_) => true,
        };
        if self.has_ports != are_up {
            self.has_ports = are_up;
            self.outputs.push_back(PairOutput::Ports { are_up });
        }
    }

    /// The interfaces that are down at the peer, as places in this device's configuration.
    fn down_at_peer(&self) -> BTreeSet<usize> {
        let down = self.member.peer().map_or(&[][..], |peer| &peer.down);
        let names = (0..).zip(&self.settings.interfaces);
        let is_down = |name: &str| InterfaceNumber::of(name).is_some_and(|port| down.contains(&port));
        names.filter(|(_, name)| is_down(name)).map(|(place, _)| place).collect()
    }
}

/// Whether a device in this state tells the other one what it has. A tentative one has no sessions, but gives
/// frames to the other one, which is to know what its numbers mean.
fn tells_in(state: HaState) -> bool {
    state.forwards() || state == HaState::Tentative
}

fn settings(config: &Config, identity: Identity) -> Settings {
    Settings {
        config: Arc::new(config.high_availability.clone()),
        identity,
        interfaces: config.interfaces.iter().map(|interface| interface.name.clone()).collect(),
    }
}

fn sync_settings(config: &HighAvailability) -> sync::Settings {
    let usual = sync::Settings::default();
    let is_fast = config.election.timers.silence_ms.is_some();
    let both_forward = matches!(config.mode, HaMode::ActiveActive(_));
    sync::Settings {
        keep_alive: config.state_sync.keep_alive,
        sign_of_life: is_fast.then_some(SIGN_OF_LIFE).or(both_forward.then_some(SIGN_OF_TELLING)),
        // With the profile `fast` a session is told before the answer to its first packet is there: what the
        // other device has not heard of cannot go on with the translated port that the server knows. Batches
        // are full where there is much to tell, because those in flight are limited.
        flush: if is_fast { Duration::ZERO } else { usual.flush },
        ..usual
    }
}

fn record(now: Timestamp, log: SyncLog) -> SystemRecord {
    SystemRecord { time: now, severity: log.severity(), event: HaEvent::SessionSynch, text: log.to_string() }
}

fn config_record(now: Timestamp, log: &ConfigLog) -> SystemRecord {
    SystemRecord { time: now, severity: log.severity(), event: HaEvent::ConfigSynch, text: log.to_string() }
}
