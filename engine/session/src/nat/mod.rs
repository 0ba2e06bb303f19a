//! Address translation: what a session's addresses and ports become, and what of them is taken.
//!
//! A `Nat` belongs to one worker. The policy finds the rule; `destination` tells where the rule sends a
//! packet; when the security rules have allowed the session, `allocate` gives it its source and takes what
//! it needs from the pools; `release` gives that back at the session's end. A session's translation can be
//! told from its two keys, so nothing but the rule's number need be kept with it.
//!
//! # Pools
//!
//! - *dynamic-ip-and-port*: a source has the same address of the pool as long as that has ports (RFC 4787,
//!   REQ-2), chosen by a hash that two devices agree on, then the next ones. Ports are 1,024 to 65,535;
//!   sources below 1,024 get one of 1 to 1,023 while there are any (REQ-3), even ports get even ones
//!   (REQ-4). A source's own port is never among those that it is given, so that the end of a session tells
//!   whether it had one. ICMP identifiers are ports of 1,024 and above. A protocol without ports gets an
//!   address with which the session table has no session to the same destination. Rules that share an
//!   address share its ports.
//! - *persistent*: the same source address and port gets the same translated ones for every destination as
//!   long as one session holds them (REQ-1). What is sent there under a translating rule goes to who is
//!   behind them (REQ-9: hairpinning).
//! - *dynamic-ip*: a source has an address to itself, ports are kept. With `reserve-ip` it keeps it for a
//!   time after its last session. When the pool is used up the fallback's ports follow, if there is one.
//! - *static-ip*, NPTv6 (RFC 6296) and NAT64 (RFC 6052) are computed and take nothing.
//!
//! # Two devices
//!
//! A device takes ports only from its share: with `PortShare::half`, device 0 has ports 1 to 511 and 1,024
//! to 33,279, device 1 has 512 to 1,023 and 33,280 to 65,535; of a dynamic-ip pool device 0 has the
//! addresses at even places, device 1 those at odd ones. Whatever the other device gave is noted by
//! `reserve`. While that one gives nothing and all of its sessions are known (`set_other_half`), what this
//! device's own share has no more comes from the other one's, but for ICMP, of which it is not told.
//!
//! # Commits
//!
//! `commit` changes rules and pools under live sessions. They keep what they have, and what they give back
//! later is counted where it was taken.

mod addresses;
mod bits;
mod mappings;
mod places;
mod ports;
mod prefixes;
mod rule;

use core::{net::IpAddr, time::Duration};

use alloc::vec::Vec;
use bifrons_config::typed::{self, NatSettings};
use bifrons_model::{NatRuleId, Timestamp, Translation};
use bifrons_wire::protocol;
use foldhash::fast::FixedState;

use self::{
    mappings::{Ended, Endpoint, Mappings},
    places::Places,
    ports::{PortSpaces, Space, Wish},
    rule::{Destination, Rule, Source},
};

/// How many addresses of a pool are tried for one session.
const ADDRESSES_TRIED_MAX: u128 = 256;

/// One worker's translations.
#[derive(Debug)]
pub struct Nat {
    share: PortShare,
    has_other_half: bool,
    seed: FixedState,
    layers: u8,
    reserve: Option<Duration>,
    /// By `NatRuleId`.
    rules: Vec<Option<Rule>>,
    ports: PortSpaces,
    mappings: Mappings,
    counters: NatCounters,
}

/// Which part of every address's ports a worker gives: of its device's half, or of all, the part of its
/// place among the workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortShare {
    device: Option<u8>,
    worker: u16,
    workers: u16,
}

impl Default for PortShare {
    fn default() -> Self {
        Self::WHOLE
    }
}

impl PortShare {
    /// All ports: a device without a peer that has one worker.
    pub const WHOLE: Self = Self { device: None, worker: 0, workers: 1 };

    /// The half of the device with this id, 0 or 1.
    pub const fn half(device: u8) -> Self {
        Self { device: Some(device & 1), ..Self::WHOLE }
    }

    /// The part of this that the worker at a place gives, of so many.
    #[must_use]
    pub const fn of_worker(self, worker: u16, workers: u16) -> Self {
        Self { worker, workers: if workers == 0 { 1 } else { workers }, ..self }
    }

    /// The same part of the other device's half; `None` for a device without another one.
    fn of_other_device(self) -> Option<Self> {
        self.device.map(|device| Self { device: Some(1 - device), ..self })
    }

    /// The device's part of such a range, for what one worker has to itself.
    fn of_device(self, range: [usize; 3]) -> core::ops::Range<usize> {
        self.of_worker(0, 1).cut(range)
    }

    /// The part of a range whose second half begins at `half`.
    fn cut(self, [begin, half, end]: [usize; 3]) -> core::ops::Range<usize> {
        let (begin, end) = match self.device {
            None => (begin, end),
            Some(0) => (begin, half),
            Some(_) => (half, end),
        };
        let (worker, workers) = (usize::from(self.worker), usize::from(self.workers));
        let at = |place: usize| begin + (end - begin) * place / workers;
        at(worker)..at(worker + 1)
    }
}

/// The session that is to be translated, as its first packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NatRequest {
    /// The rule that matched.
    pub rule: NatRuleId,
    /// Whether it was the reverse of a bidirectional rule.
    pub is_reverse: bool,
    /// The IP protocol number as the packet arrives.
    pub protocol: u8,
    /// The client's address.
    pub source: IpAddr,
    /// The client's port or ICMP identifier, 0 where there is none.
    pub source_port: u16,
    /// The destination before translation.
    pub destination: IpAddr,
    /// Its port, the ICMP identifier, or 0.
    pub destination_port: u16,
}

/// A live session's translation, told from its two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Translated {
    /// The rule that translated it.
    pub rule: NatRuleId,
    /// The IP protocol number as the client's packets arrive.
    pub protocol: u8,
    /// The client's own address.
    pub source: IpAddr,
    /// The client's own port or ICMP identifier.
    pub source_port: u16,
    /// What became of both ends.
    pub translation: Translation,
}

/// Who is behind a persistent mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// The rule that made it.
    pub rule: NatRuleId,
    /// The address inside.
    pub address: IpAddr,
    /// The port or identifier inside.
    pub port: u16,
}

/// Why a session gets no translation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NatRefusal {
    /// The rule's pools are used up.
    Exhausted,
    /// A live session has the only translation that the rule allows.
    Conflict,
    /// The rule has no translation for these addresses, such as a static one for a source without a place.
    Untranslatable,
}

/// What was done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NatCounters {
    /// Sessions that got a translation.
    pub allocated: u64,
    /// Sessions of other devices that were noted.
    pub reserved: u64,
    /// Sessions of other devices whose port or address was already taken.
    pub reserve_conflicts: u64,
    /// Sessions that gave theirs back.
    pub released: u64,
    /// Sessions that a fallback took because the dynamic-ip pool was used up.
    pub fallbacks: u64,
    /// `NatRefusal::Exhausted`
    pub exhausted: u64,
    /// `NatRefusal::Conflict`
    pub conflicts: u64,
    /// `NatRefusal::Untranslatable`
    pub untranslatable: u64,
}

/// How much of a rule's pool is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolUsage {
    /// Ports (by protocol) or addresses that are taken. Rules that share addresses share their ports.
    pub taken: u64,
    /// Addresses in the pool.
    pub addresses: u64,
    /// Sessions for which nothing was left.
    pub failures: u64,
}

impl Nat {
    /// Without rules. The secret makes the choice of ports unpredictable from outside.
    pub fn new(share: PortShare, secret: u64) -> Self {
        let seed = FixedState::with_seed(secret);
        Self {
            share,
            has_other_half: false,
            layers: 1,
            reserve: None,
            rules: Vec::new(),
            ports: PortSpaces::new(secret),
            mappings: Mappings::new(&seed),
            counters: NatCounters::default(),
            seed,
        }
    }

    /// Takes over the rules of a commit; a rule that is not among them is for no new session.
    pub fn commit<'a>(
        &mut self,
        rules: impl IntoIterator<Item = (NatRuleId, &'a typed::NatRule)>,
        settings: &NatSettings,
    ) {
        self.layers = settings.oversubscription as u8;
        self.reserve = settings.reserve_ip.then(|| Duration::from_secs(settings.reserve_time.into()));
        let mut former = core::mem::take(&mut self.rules);
        for (id, rule) in rules {
            if self.rules.len() <= id.index() {
                self.rules.resize_with(id.index() + 1, || None);
            }
            let renewed = match former.get_mut(id.index()).and_then(Option::take) {
                Some(former) => former.replaced_by(rule, &self.seed),
                None => Rule::new(rule, &self.seed),
            };
            if let Some(place) = self.rules.get_mut(id.index()) {
                *place = Some(renewed);
            }
        }
        // What is gone stays as a rule that translates nothing, for the sessions that it has.
        for (place, former) in former.into_iter().enumerate() {
            let Some(former) = former else { continue };
            if self.rules.len() <= place {
                self.rules.resize_with(place + 1, || None);
            }
            self.rules[place] = Some(former.replaced_by(&typed::NatRule::default(), &self.seed));
        }
    }

    /// Where the rule sends a packet: address and port of the server. Nothing is taken.
    ///
    /// # Errors
    ///
    /// `NatRefusal::Untranslatable` where the rule has no place for the destination.
    pub fn destination(&self, request: &NatRequest) -> Result<(IpAddr, u16), NatRefusal> {
        let rule = self.rule(request.rule).ok_or(NatRefusal::Untranslatable)?;
        let (destination, port) = (request.destination, request.destination_port);
        if request.is_reverse {
            return rule.reversed(destination).map(|server| (server, port)).ok_or(NatRefusal::Untranslatable);
        }
        let server = match &rule.destination {
            Destination::Kept => Some(self.hairpin(request).unwrap_or((destination, port))),
            Destination::Static { to, port: ports } => to.forward(destination).and_then(|server| {
                let translated = ports.as_ref().filter(|_| has_service_ports(request.protocol));
                Some((server, translated.map_or(Some(port), |ports| ports.translate(port))?))
            }),
            Destination::Dynamic { servers, port: translated, distribution } => {
                servers.get(rule.server(servers, *distribution, request.source, destination)).map(|server| {
                    let translated = translated.filter(|_| has_service_ports(request.protocol));
                    (*server, translated.unwrap_or(port))
                })
            }
            Destination::Extracted(prefixes) => match destination {
                IpAddr::V6(_) => prefixes
                    .iter()
                    .find_map(|prefix| rule::extract_from(prefix, destination))
                    .map(|server| (server, port)),
                IpAddr::V4(_) => Some((destination, port)),
            },
        };
        server.ok_or(NatRefusal::Untranslatable)
    }

    /// Gives an allowed session its translation. `server` is what `destination` answered. `is_free` tells
    /// whether the session table has no session with these ends yet; what it says no to is not given. For
    /// ICMP, both ports of the answer are the translated identifier.
    ///
    /// # Errors
    ///
    /// Why there is none; nothing is taken then.
    pub fn allocate(
        &mut self,
        now: Timestamp,
        request: &NatRequest,
        server: (IpAddr, u16),
        is_free: impl FnMut(&Translation) -> bool,
    ) -> Result<Translation, NatRefusal> {
        let given = self.source(now, request, server, is_free);
        match given {
            Ok(_) => {
                self.counters.allocated += 1;
                self.count_server(request, server.0);
            }
            Err(refusal) => {
                let counter = match refusal {
                    NatRefusal::Exhausted => &mut self.counters.exhausted,
                    NatRefusal::Conflict => &mut self.counters.conflicts,
                    NatRefusal::Untranslatable => &mut self.counters.untranslatable,
                };
                *counter += 1;
                if let Some(rule) = self.rule_mut(request.rule) {
                    rule.failures += 1;
                }
            }
        }
        given
    }

    /// Notes the session of another device, so that nobody here is given its port or address. False where
    /// someone has it already.
    pub fn reserve(&mut self, session: &Translated) -> bool {
        let is_noted = self.note(session);
        if is_noted {
            self.counters.reserved += 1;
        } else {
            self.counters.reserve_conflicts += 1;
        }
        is_noted
    }

    /// Gives back what a session had that has ended, or that another device has ended.
    pub fn release(&mut self, now: Timestamp, session: &Translated) {
        self.counters.released += 1;
        let Translation { source: address, source_port: port, destination, .. } = session.translation;
        let reserve = self.reserve;
        let endpoint = endpoint(session);
        let layer = self.layer_of(session);
        let Some(rule) = self.rule_mut(session.rule) else { return };
        if let Some(sessions) = rule.sessions.get_mut(&destination) {
            *sessions -= 1;
            if *sessions == 0 {
                rule.sessions.remove(&destination);
            }
        }
        // Only a session that no pool gave a port has its own.
        if port == session.source_port
            && let Some(pool) = &mut rule.bindings[usize::from(address.is_ipv6())]
            && pool.release(now, session.source, address, reserve)
        {
            return;
        }
        if rule.had_ports
            && port != session.source_port
            && has_ports(session.protocol, port)
            && self.mappings.release(endpoint, (address, port)) != Ended::Shared
        {
            self.ports.release(Space::new(address, session.protocol), port, layer);
        }
    }

    /// Who is behind an address and port that a persistent rule has given: for a packet that arrives there
    /// and belongs to no session (RFC 4787, REQ-8 and REQ-9).
    pub fn mapped(&self, protocol_number: u8, address: IpAddr, port: u16) -> Option<Mapped> {
        let endpoint = self.mappings.inside_of(Space::new(address, protocol_number), port)?;
        Some(Mapped { rule: endpoint.rule, address: endpoint.inside.address, port: endpoint.port })
    }

    /// Whether an address is one that sources are translated to: what comes there answers somebody.
    pub fn is_given(&self, address: IpAddr) -> bool {
        self.rules.iter().flatten().any(|rule| rule.gives(address))
    }

    /// Whether each worker can serve the rule's sessions on its own. Addresses that a source keeps for
    /// itself, and ports that are a source's whatever it talks to, are known to one worker only.
    pub fn is_divisible(&self, rule: NatRuleId) -> bool {
        self.rule(rule).is_none_or(|rule| match &rule.source {
            Source::Kept | Source::Static(_) => true,
            Source::Ports { persistent, .. } => !persistent,
            Source::Addresses { .. } => false,
        })
    }

    /// Which share the device has of its own.
    pub fn share(&self) -> PortShare {
        self.share
    }

    /// Gives the device another share of its own.
    pub fn set_share(&mut self, share: PortShare) {
        self.set_other_half(false);
        self.share = share;
    }

    /// Whether the other device's ports and addresses may be given, too.
    pub const fn has_other_half(&self) -> bool {
        self.has_other_half
    }

    /// Whether the other device gives nothing, and all sessions that it had are noted here: then its ports
    /// and addresses may be given where the own ones are used up. When it is back, sessions keep theirs; it
    /// is to know of them before it gives any.
    pub fn set_other_half(&mut self, is_free: bool) {
        let had = core::mem::replace(&mut self.has_other_half, is_free);
        let Some(other) = self.share.of_other_device().filter(|_| had && !is_free) else { return };
        for pool in self.rules.iter_mut().flatten().flat_map(|rule| &mut rule.bindings).flatten() {
            pool.give_back(other);
        }
    }

    /// What was done since the start.
    pub fn counters(&self) -> &NatCounters {
        &self.counters
    }

    /// How much of a rule's pool is in use; `None` for a rule that has none.
    pub fn usage(&self, rule: NatRuleId) -> Option<PoolUsage> {
        let rule = self.rule(rule)?;
        let mut usage = PoolUsage { failures: rule.failures, ..PoolUsage::default() };
        match &rule.source {
            Source::Ports { pool, .. } => {
                for pool in pool {
                    usage.addresses += u64::try_from(pool.len()).unwrap_or(u64::MAX);
                    usage.taken += (0..pool.len().min(ADDRESSES_TRIED_MAX))
                        .filter_map(|place| pool.at(place))
                        .map(|address| self.taken_of(address))
                        .sum::<u64>();
                }
            }
            Source::Addresses { .. } => {
                for (taken, addresses) in rule.bindings.iter().flatten().map(|pool| pool.usage()) {
                    usage.taken += u64::from(taken);
                    usage.addresses += u64::from(addresses);
                }
            }
            Source::Kept | Source::Static(_) => return None,
        }
        Some(usage)
    }

    /// Whether no port and no mapping is held.
    pub fn is_idle(&self) -> bool {
        self.ports.is_empty() && self.mappings.is_empty()
    }

    /// Where a translated packet goes that was sent to an address and port which a persistent rule has given
    /// to someone inside (RFC 4787, REQ-9; RFC 5382, REQ-8).
    fn hairpin(&self, request: &NatRequest) -> Option<(IpAddr, u16)> {
        if !has_service_ports(request.protocol) {
            return None;
        }
        let mapped = self.mapped(request.protocol, request.destination, request.destination_port)?;
        Some((mapped.address, mapped.port))
    }

    fn taken_of(&self, address: IpAddr) -> u64 {
        [protocol::TCP, protocol::UDP, protocol::ICMP, protocol::SCTP, protocol::UDP_LITE]
            .map(|number| u64::from(self.ports.used(Space::new(address, number))))
            .into_iter()
            .sum()
    }

    fn rule(&self, id: NatRuleId) -> Option<&Rule> {
        self.rules.get(id.index())?.as_ref()
    }

    fn rule_mut(&mut self, id: NatRuleId) -> Option<&mut Rule> {
        self.rules.get_mut(id.index())?.as_mut()
    }

    /// Where a session's port or address may come from, in this order. The other device learns of no ICMP
    /// sessions: it would give what they have.
    fn shares(&self, protocol_number: u8) -> Shares {
        let is_told = !is_icmp(protocol_number);
        let other = self.share.of_other_device().filter(|_| self.has_other_half && is_told);
        [Some(self.share), other]
    }

    fn layer_of(&self, session: &Translated) -> u8 {
        let Translation { destination, destination_port, .. } = session.translation;
        self.ports.layer_of(layer_key(session.protocol, (destination, destination_port)), self.layers)
    }

    fn source(
        &mut self,
        now: Timestamp,
        request: &NatRequest,
        server: (IpAddr, u16),
        mut is_free: impl FnMut(&Translation) -> bool,
    ) -> Result<Translation, NatRefusal> {
        let shares = self.shares(request.protocol);
        let family = usize::from(server.0.is_ipv6());
        let place = self.rules.get_mut(request.rule.index());
        let rule = place.and_then(Option::as_mut).ok_or(NatRefusal::Untranslatable)?;
        let mut fixed = |source: IpAddr| {
            let translation = translation((source, request.source_port), server);
            match source.is_ipv6() == server.0.is_ipv6() {
                false => Err(NatRefusal::Untranslatable),
                true if is_free(&translation) => Ok(translation),
                true => Err(NatRefusal::Conflict),
            }
        };
        match &rule.source {
            _ if request.is_reverse => fixed(request.source),
            Source::Kept => fixed(request.source),
            Source::Static(change) => {
                fixed(change.forward(request.source).ok_or(NatRefusal::Untranslatable)?)
            }
            Source::Ports { pool, persistent } => {
                let search = Search {
                    request,
                    server,
                    persistent: *persistent,
                    shares,
                    layers: self.layers,
                    ports: &mut self.ports,
                    mappings: &mut self.mappings,
                };
                search.run(&pool[family], &mut is_free)
            }
            Source::Addresses { fallback } => {
                let pool = rule.bindings[family].as_mut();
                if let Some(pool) = pool
                    && let Some(address) =
                        shares.into_iter().flatten().find_map(|share| pool.take(now, request.source, share))
                {
                    let given = fixed(address);
                    if given.is_err() {
                        pool.release(now, request.source, address, self.reserve);
                    }
                    return given;
                }
                let Some(fallback) = fallback else { return Err(NatRefusal::Exhausted) };
                let search = Search {
                    request,
                    server,
                    persistent: false,
                    shares,
                    layers: self.layers,
                    ports: &mut self.ports,
                    mappings: &mut self.mappings,
                };
                let given = search.run(&fallback[family], &mut is_free);
                self.counters.fallbacks += u64::from(given.is_ok());
                given
            }
        }
    }

    fn note(&mut self, session: &Translated) -> bool {
        let Translation { source: address, source_port: port, destination, .. } = session.translation;
        let (endpoint, layer, layers) = (endpoint(session), self.layer_of(session), self.layers);
        let Some(rule) = self.rules.get_mut(session.rule.index()).and_then(Option::as_mut) else {
            return true;
        };
        if let Destination::Dynamic { .. } = rule.destination {
            *rule.sessions.entry(destination).or_insert(0) += 1;
        }
        let is_from = |pool: &[Places; 2]| pool.iter().any(|pool| pool.place_of(address).is_some());
        let persistent = match &rule.source {
            Source::Kept | Source::Static(_) => return true,
            Source::Ports { persistent, .. } => *persistent,
            Source::Addresses { fallback: Some(fallback) } if is_from(fallback) => false,
            Source::Addresses { .. } => {
                let pool = rule.bindings[usize::from(address.is_ipv6())].as_mut();
                return pool.is_none_or(|pool| pool.note(session.source, address));
            }
        };
        if !has_ports(session.protocol, port) || port == session.source_port {
            return true;
        }
        if persistent && self.mappings.get(&endpoint) == Some((address, port)) {
            self.mappings.hold(endpoint, (address, port));
            return true;
        }
        let is_noted = self.ports.note(Space::new(address, session.protocol), port, layer, layers);
        if is_noted && persistent {
            self.mappings.hold(endpoint, (address, port));
        }
        is_noted
    }

    /// Sessions that go to a distribution's server count there, and move the turn on.
    fn count_server(&mut self, request: &NatRequest, server: IpAddr) {
        let Some(rule) = self.rule_mut(request.rule) else { return };
        if request.is_reverse {
            return;
        }
        if let Destination::Dynamic { servers, .. } = &rule.destination {
            let place = servers.iter().position(|known| *known == server).unwrap_or(0);
            rule.turn = (place + 1) % servers.len().max(1);
            *rule.sessions.entry(server).or_insert(0) += 1;
        }
    }
}

/// The own share, and the other device's where that may be used.
type Shares = [Option<PortShare>; 2];

/// The search for an address and port.
struct Search<'a> {
    request: &'a NatRequest,
    server: (IpAddr, u16),
    persistent: bool,
    shares: Shares,
    layers: u8,
    ports: &'a mut PortSpaces,
    mappings: &'a mut Mappings,
}

impl Search<'_> {
    fn run(
        self,
        pool: &Places,
        is_free: &mut impl FnMut(&Translation) -> bool,
    ) -> Result<Translation, NatRefusal> {
        let Self { request, server, .. } = self;
        if pool.is_empty() {
            return Err(NatRefusal::Untranslatable);
        }
        let is_icmp = is_icmp(request.protocol);
        let complete =
            |source: (IpAddr, u16)| translation(source, if is_icmp { (server.0, source.1) } else { server });
        let first = u128::from(rule::spread(rule::number(request.source))) % pool.len();
        let addresses =
            (0..pool.len().min(ADDRESSES_TRIED_MAX)).filter_map(|step| pool.at((first + step) % pool.len()));
        if !has_ports(request.protocol, request.source_port) {
            let mut all = addresses.map(|address| complete((address, 0)));
            return all.find(|translation| is_free(translation)).ok_or(NatRefusal::Exhausted);
        }
        let endpoint = Endpoint {
            rule: request.rule,
            inside: Space::new(request.source, request.protocol),
            port: request.source_port,
        };
        if self.persistent
            && let Some(outside) = self.mappings.get(&endpoint)
            && pool.place_of(outside.0).is_some()
        {
            let translation = complete(outside);
            if !is_free(&translation) {
                return Err(NatRefusal::Conflict);
            }
            self.mappings.hold(endpoint, outside);
            return Ok(translation);
        }
        let layers = if self.persistent { 1 } else { self.layers };
        let layer = self.ports.layer_of(layer_key(request.protocol, server), layers);
        let shares = self.shares.into_iter().flatten();
        for (share, address) in shares.flat_map(|share| addresses.clone().map(move |at| (share, at))) {
            let wish = Wish { original: request.source_port, layers, layer, share };
            let space = Space::new(address, request.protocol);
            let port = self.ports.take(space, &wish, |port| {
                port != request.source_port && is_free(&complete((address, port)))
            });
            if let Some(port) = port {
                if self.persistent {
                    self.mappings.hold(endpoint, (address, port));
                }
                return Ok(complete((address, port)));
            }
        }
        Err(NatRefusal::Exhausted)
    }
}

fn translation(source: (IpAddr, u16), server: (IpAddr, u16)) -> Translation {
    Translation { source: source.0, source_port: source.1, destination: server.0, destination_port: server.1 }
}

fn endpoint(session: &Translated) -> Endpoint {
    Endpoint {
        rule: session.rule,
        inside: Space::new(session.source, session.protocol),
        port: session.source_port,
    }
}

/// Whether the protocol has ports of services.
const fn has_service_ports(protocol_number: u8) -> bool {
    matches!(protocol_number, protocol::TCP | protocol::UDP | protocol::UDP_LITE | protocol::SCTP)
}

/// Whether a session has a port or identifier to translate; ICMP messages without an identifier have 0.
const fn has_ports(protocol_number: u8, port: u16) -> bool {
    has_service_ports(protocol_number) || is_icmp(protocol_number) && port != 0
}

const fn is_icmp(protocol_number: u8) -> bool {
    matches!(protocol_number, protocol::ICMP | protocol::ICMPV6)
}

/// What of a destination chooses the layer; the second port of ICMP is the identifier that is looked for.
const fn layer_key(protocol_number: u8, (address, port): (IpAddr, u16)) -> (IpAddr, u16) {
    (address, if is_icmp(protocol_number) { 0 } else { port })
}

#[cfg(test)]
mod tests;
