//! What a bystander expects of two devices that stand in for each other.
//!
//! Traffic is judged as that of one firewall, by the rules of the device that forwards it. Who leads when is
//! the matter of [`roles`](super::roles).

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};

use bifrons_ha::HaState;
use bifrons_model::Timestamp;

use super::{
    Failure, Flow, Judged, Network, Outcome, Rules, What,
    border::{Border, Spot, Volume},
    entry::Entry,
    ledger,
    roles::{Act, Roles, addresses::Home},
    talks::Talks,
};
use crate::{
    device::Figures,
    frame::{Content, View, flag},
    host::Report,
    pair::mode::Mode,
    plan::{Plan, Rule},
};

/// How long a transfer has to stand until it survives its device: its creation is told by then, and that
/// told is acknowledged.
const STANDS: std::time::Duration = std::time::Duration::from_millis(300);

/// How long a device that has ceased to be there may have logged what the other one logs again.
const IN_FLIGHT: std::time::Duration = std::time::Duration::from_secs(1);

/// The bystander's view of a network with two devices.
pub struct PairShadow {
    begin: Timestamp,
    network: Network,
    gateways: Vec<std::net::Ipv4Addr>,
    /// What each device runs and has run.
    rules: [Rules; 2],
    /// What any has run.
    ever: Rules,
    border: Border,
    /// Where both forward: at home with which device an address is, and whether it floats.
    homes: HashMap<IpAddr, Home>,
    log: Log,
    /// Connections that have opened behind another address, as the far end knows them.
    opened: HashSet<Flow>,
    talks: Talks,
    /// Who leads, and who may.
    pub roles: Roles,
    failure: Option<Failure>,
}

/// The traffic logs of both.
#[derive(Default)]
struct Log {
    count: u64,
    /// The last number of each device.
    last: [Option<u64>; 2],
    closed: HashMap<(u32, Flow), Timestamp>,
    flows: HashSet<Flow>,
    volumes: HashMap<Flow, Volume>,
    /// Sessions that devices do not tell each other of, with the device.
    untold: HashSet<(usize, u32, Flow)>,
    /// How much each device had of such flows, and how much of it is in its log.
    untold_volumes: HashMap<(usize, Flow), [Volume; 2]>,
    twice: u64,
}

impl PairShadow {
    /// A bystander of a plan whose devices begin at a moment.
    pub fn new(begin: Timestamp, plan: &Plan) -> Self {
        let rules = || Rules { history: vec![plan.rules.clone()] };
        Self {
            begin,
            network: Network::of_pair(plan),
            gateways: (0..plan.zones.len()).map(|zone| plan.gateway(zone).0).collect(),
            rules: [rules(), rules()],
            ever: rules(),
            border: Border::of_pair(begin, is_shared(plan)),
            homes: homes(plan),
            log: Log::default(),
            opened: HashSet::new(),
            talks: Talks::new(plan),
            roles: Roles::new(begin, plan),
            failure: None,
        }
    }

    /// The first expectation that was not met.
    pub const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// What came of the talks.
    pub fn outcomes(&self) -> impl Iterator<Item = (usize, Outcome)> + '_ {
        self.talks.outcomes()
    }

    /// Records so far.
    pub const fn records(&self) -> u64 {
        self.log.count
    }

    /// Sessions that both devices have logged.
    pub const fn logged_twice(&self) -> u64 {
        self.log.twice
    }

    /// Whether all talks are over.
    pub fn is_quiet(&self) -> bool {
        self.talks.are_over()
    }

    /// Whether no talk is open that has to come to an end.
    pub fn is_settled(&self) -> bool {
        self.talks.are_settled()
    }

    /// What was seen on the border how often, by name.
    pub fn sights(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.border.sights()
    }

    /// What is told from now on is of this moment.
    pub const fn set_now(&mut self, now: Timestamp) {
        self.roles.set_now(now);
    }

    /// A device is something else now.
    pub fn changed(&mut self, now: Timestamp, device: usize, state: Option<HaState>) {
        let acts = self.roles.changed(now, device, state);
        self.follow(now, acts);
    }

    /// Something happens to a device, or between them. To be told before it happens.
    pub fn happens(&mut self, now: Timestamp, what: super::roles::Event) {
        let acts = self.roles.happens(now, what);
        self.follow(now, acts);
    }

    /// From now on, for so long, what happens to sessions is not told.
    pub fn untold(&mut self, now: Timestamp, span: std::time::Duration) {
        if self.roles.both_forward() {
            let nanos = u64::try_from(STANDS.as_nanos()).unwrap_or(u64::MAX);
            let from = Timestamp::from_nanos(now.as_nanos().saturating_sub(nanos));
            self.border.untold(from, now + span);
        }
    }

    /// A device runs other rules now.
    pub fn runs(&mut self, now: Timestamp, device: usize, rules: &[Rule]) {
        self.rules[device].history.push(rules.to_vec());
        self.ever.history.push(rules.to_vec());
        self.ever.history.dedup();
        let [first, second] = &self.rules;
        self.talks.committed(&[first, second]);
        let is_equal = first.current() == second.current();
        self.roles.configured(now, is_equal);
    }

    /// The cable of a device in a zone was pulled or plugged.
    pub fn pulled(&mut self, now: Timestamp, device: usize, zone: usize, is_pulled: bool) {
        self.border.pulled(now, Spot { device, zone }, is_pulled);
    }

    /// A device is gone and begins anew at a moment.
    pub fn restarted(&mut self, device: usize, woke: Timestamp) {
        self.border.forget_device(device, woke);
        self.log.last[device] = None;
        // Its sessions are numbered anew.
        self.log.untold.retain(|(of, ..)| *of != device);
    }

    /// A frame goes into a device.
    pub fn enters(&mut self, now: Timestamp, device: usize, zone: usize, view: &View) {
        let flow = view.packet().map(Flow::of).filter(Flow::is_untold);
        if let Some(flow) = flow.filter(|_| self.roles.takes(device)) {
            let [arrived, _] = self.log.untold_volumes.entry((device, flow.between())).or_default();
            arrived.add(1, view.length as u64);
        }
        let at = Spot { device, zone };
        let [first, second] = &self.rules;
        // Where both forward, either may have judged it.
        let (both, one) = ([first, second], [&self.rules[device]]);
        let rules: &[&Rules] = if self.roles.both_forward() { &both } else { &one };
        self.border.enters(now, at, view, &self.network, rules);
    }

    /// A frame has come out of a device.
    pub fn leaves(&mut self, now: Timestamp, device: usize, zone: usize, view: &View) {
        let at = Spot { device, zone };
        let [first, second] = &self.rules;
        // Where both forward, either may have judged it.
        let (both, one) = ([first, second], [&self.rules[device]]);
        let rules: &[&Rules] = if self.roles.both_forward() { &both } else { &one };
        self.border.set_apart(self.roles.are_apart(now));
        let judged = self.border.leaves(now, at, view, &self.network, rules);
        self.note(now, judged);
        let spoke = self.roles.spoke(device, view);
        self.note(now, spoke);
        let hidden = self.hides(now, device, view);
        self.note(now, hidden);
        let Content::Arp { sender, target, is_request, .. } = view.content else { return };
        let home = self.homes.get(&IpAddr::V4(sender)).copied();
        // One of its own addresses says nothing.
        let is_moved = home.is_some_and(|home| home.floats && home.device != device);
        if sender == target && (is_moved || self.gateways.get(zone) == Some(&sender)) {
            self.roles.announced(device, zone);
        }
        let told =
            home.filter(|_| !is_request).map_or(Ok(()), |home| self.roles.told_of(device, home, sender));
        self.note(now, told);
    }

    /// Where both devices forward, the one that owns a session lets it out, by the rule that is bound to it.
    fn hides(&mut self, now: Timestamp, device: usize, view: &View) -> Judged {
        let Some(packet) = view.packet().filter(|_| self.roles.both_forward()) else { return Ok(()) };
        let place = self.network.hidden.iter().position(|address| *address == packet.source);
        let Some(owner) = place.filter(|_| packet.has(flag::SYN) && !packet.has(flag::ACK)) else {
            return Ok(());
        };
        // What was taken over keeps its address.
        let is_first = self.opened.insert(Flow::of(packet));
        if !is_first || owner == device || !self.roles.is_ready(now) {
            return Ok(());
        }
        Err((What::Faithful, format!("device {device} sends {view}, by a rule of the other one")))
    }

    /// A device has done all that it had to do at the moment; `given` frames came in from its zones.
    pub fn settled(&mut self, now: Timestamp, device: usize, given: u64, figures: &Figures) {
        let (roles, homes) = (&self.roles, &self.homes);
        let judged = self.border.settled(device, |asked| match homes.get(&asked) {
            Some(home) => roles.holder(*home) == Some(device),
            None => roles.answers(device),
        });
        let judged = judged.and_then(|()| self.count(device, given, figures));
        self.note(now, judged);
    }

    /// All devices have done what they had to do by now.
    pub fn judge(&mut self, now: Timestamp) {
        let (acts, judged) = self.roles.judge(now);
        self.follow(now, acts);
        self.note(now, judged);
    }

    /// A device has written a record.
    pub fn logged(&mut self, now: Timestamp, device: usize, entry: &Entry) {
        let judged = self.enter(now, device, entry);
        self.note(now, judged);
    }

    /// A host tells something.
    pub fn reported(&mut self, now: Timestamp, report: &Report) {
        let [first, second] = &self.rules;
        let judged = self.talks.reported(now, report, &[first, second]);
        self.note(now, judged);
    }

    /// Something else is not as it must be.
    pub fn fails(&mut self, now: Timestamp, what: What, text: String) {
        self.note(now, Err((what, text)));
    }

    /// The operator ends what the device that leads has.
    pub fn cleared(&mut self) {
        self.talks.disturb();
    }

    /// The end of all talks.
    pub fn talked(&mut self, now: Timestamp) {
        let judged = self.talks.finished();
        self.note(now, judged);
    }

    /// The end: no session is left.
    pub fn finished(&mut self, now: Timestamp, left: [u64; 2]) {
        let rest = || match left {
            [0, 0] => Ok(()),
            left => Err((What::Rest, format!("{left:?} sessions never end"))),
        };
        let judged = rest().and_then(|()| self.balance());
        self.note(now, judged);
    }

    fn follow(&mut self, now: Timestamp, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Disturb => {
                    self.talks.disturb();
                    self.border.forget_translations(None);
                }
                Act::DisturbYounger => {
                    let since = Timestamp::from_nanos(
                        now.as_nanos().saturating_sub(u64::try_from(STANDS.as_nanos()).unwrap_or(u64::MAX)),
                    );
                    self.talks.disturb_younger(since);
                    self.border.forget_translations(Some(since));
                }
                Act::Trouble(is_troubled) => self.talks.set_troubled(is_troubled),
            }
        }
    }

    fn count(&self, device: usize, given: u64, figures: &Figures) -> Judged {
        let wrong = |text: String| Err((What::Conservation, format!("device {device}: {text} {figures:?}")));
        // What comes over HA3 is received too, and leaves elsewhere.
        let both = self.roles.both_forward();
        if !figures.is_conserved() || (figures.received != given && !both) {
            return wrong(format!("{given} frames were given to it, it counts"));
        }
        let forwarded = self.border.forwarded[device];
        if figures.transmitted != forwarded && !both {
            return wrong(format!("{forwarded} frames left it, it counts"));
        }
        if figures.sessions > figures.capacity {
            let text = format!("device {device}: {} sessions of {}", figures.sessions, figures.capacity);
            return Err((What::Capacity, text));
        }
        Ok(())
    }

    fn enter(&mut self, now: Timestamp, device: usize, entry: &Entry) -> Judged {
        self.log.count += 1;
        let wrong = |text: String| Err((What::Logged, format!("device {device}: {text}: {entry:?}")));
        let last = self.log.last[device].replace(entry.number);
        if last.is_some_and(|last| last + 1 != entry.number) {
            return wrong(format!("behind number {last:?} comes"));
        }
        ledger::judge(entry, &self.network, &self.ever)?;
        if !entry.is_closing {
            return Ok(());
        }
        let flow = ledger::client_flow(entry);
        self.border.closed(&flow);
        self.log.flows.insert(flow);
        if flow.is_untold() && !self.roles.both_forward() {
            return self.enter_untold(device, entry);
        }
        if entry.session != 0
            && let Some(first) = self.log.closed.insert((entry.session, flow), now)
        {
            self.log.twice += 1;
            if !self.roles.was_upset_since(first, IN_FLIGHT) {
                return wrong(format!("session {} is closed again", entry.session));
            }
            return Ok(());
        }
        for (flow, (packets, bytes)) in ledger::volumes(entry) {
            let volume = self.log.volumes.entry(flow).or_default();
            volume.packets += packets;
            volume.bytes += bytes;
        }
        Ok(())
    }

    /// Of two devices that lead after each other, or at a time, each has a session of its own for what they
    /// do not tell each other: each logs its own once, and in it no more than came to that device.
    fn enter_untold(&mut self, device: usize, entry: &Entry) -> Judged {
        let wrong = |text: String| Err((What::Logged, format!("device {device}: {text}: {entry:?}")));
        let session = (device, entry.session, ledger::client_flow(entry));
        if entry.session != 0 && !self.log.untold.insert(session) {
            return wrong(format!("session {} is closed again", entry.session));
        }
        for (flow, (packets, bytes)) in ledger::volumes(entry) {
            let [arrived, logged] = self.log.untold_volumes.entry((device, flow.between())).or_default();
            logged.add(packets, bytes);
            if logged.packets > arrived.packets || logged.bytes > arrived.bytes {
                return wrong(format!("{arrived:?} came to it, with this {logged:?} is in its log"));
            }
        }
        Ok(())
    }

    /// Whether the logs account for what passed, as far as nobody took with him what he knew.
    fn balance(&self) -> Judged {
        let of = |map: &HashMap<Flow, Volume>, flow| map.get(flow).copied().unwrap_or_default();
        let mut flows: Vec<&Flow> = self.border.arrived.keys().chain(self.log.volumes.keys()).collect();
        flows.sort_unstable();
        flows.dedup();
        for flow in flows.into_iter().filter(|flow| matches!(flow.protocol, 6 | 17)) {
            let (arrived, left) = (of(&self.border.arrived, flow), of(&self.border.left, flow));
            let logged = of(&self.log.volumes, flow);
            let is_much = logged.packets > arrived.packets || logged.bytes > arrived.bytes;
            let is_little = logged.packets < left.packets
                || (self.network.hidden.is_empty() && logged.bytes < left.bytes);
            let is_none = left.packets > 0 && logged == Volume::default();
            let is_wrong = (is_much && !self.roles.were_two())
                || (is_little && !self.roles.has_changed())
                || (is_none && !self.roles.has_lost());
            if is_wrong {
                let text = format!("{flow:?}: {arrived:?} arrived, {left:?} left, {logged:?} is in the log");
                return Err((What::Logged, text));
            }
        }
        Ok(())
    }

    fn note(&mut self, now: Timestamp, judged: Judged) {
        if let (Err((what, text)), None) = (judged, &self.failure) {
            self.failure = Some(Failure { at: now.since(self.begin), what, text });
        }
    }
}

fn is_shared(plan: &Plan) -> bool {
    plan.pair.as_ref().is_some_and(|pair| pair.combination.is_some())
}

/// The addresses of two devices that both forward.
fn homes(plan: &Plan) -> HashMap<IpAddr, Home> {
    let mut homes = HashMap::new();
    for (zone, device) in (0..plan.zones.len()).flat_map(|zone| [(zone, 0), (zone, 1)]) {
        if !is_shared(plan) {
            break;
        }
        // The interface's own address, and the one that floats.
        for (place, (v4, v6)) in Mode::addresses_of(plan, zone, device).into_iter().enumerate() {
            let home = Home { device: device.into(), zone, floats: place > 0 };
            homes.extend([(IpAddr::V4(v4), home), (IpAddr::V6(v6), home)]);
        }
    }
    homes
}

#[cfg(test)]
mod tests;
