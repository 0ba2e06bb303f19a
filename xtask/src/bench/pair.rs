//! What it costs to tell another device of sessions over HA2.
//!
//! ```text
//!  worker ─ events ─► Synchronizer ─ sealed batches ─► Synchronizer ─ items ─► worker
//!     ▲ └── encoding ──┘ ▲                                │
//!                        └──────── acknowledgements ──────┘
//! ```
//!
//! Both ends are whole and work one after the other on one core; between them are no links, only memory.
//! Time of the machines is simulated: nobody waits for a timer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bifrons_dataplane::{EventKind, Frame, MirrorItem, Outbox, PairView, Telling, Told, Worker};
use bifrons_ha::{
    DeviceId, HaLinkId,
    sync::{ItemKind, Keys, PeerEvent, Settings, Source, Space, SyncOutput, Synchronizer},
};
use bifrons_model::{SessionId, Timestamp};

use super::established;
use super::frames::{self, Made, Network, Step};
use super::processor_nanos;

/// Sessions whose frames are interleaved.
const TOGETHER: u32 = 256;

/// Events a second, each of them an item that has arrived.
pub struct Rates {
    /// Marked, encoded, sealed, opened, decoded, applied and acknowledged.
    pub at_both: f64,
    /// Without what the receiver does.
    pub at_sender: f64,
}

/// TCP sessions open, are identified, close and end while the peer has a million others. The frames' own way
/// through the worker is not timed.
pub fn events() -> Result<Rates> {
    const OTHERS: u32 = 1_000_000;
    const LIVE: u32 = 50_000;
    const WARM_UP: u32 = LIVE + LIVE / 4;
    const TIMED: u32 = 150_000;
    // The pace at which time-wait, 15 seconds, keeps `LIVE` sessions in the table.
    let gap = Duration::from_nanos(15_000_000_000 / u64::from(LIVE) / Step::TCP_LIFE.len() as u64);
    let mut devices = Devices::new([(); 2].map(|()| frames::worker(OTHERS + 2 * LIVE, Network::Plain)))?;
    devices.fill(OTHERS)?;
    devices.connect()?;
    devices.settle()?;
    let mut round: Vec<Made> = vec![Made::empty(Network::Plain); TOGETHER as usize];
    let mut now = devices.now;
    for first in (0..WARM_UP + TIMED).step_by(TOGETHER as usize) {
        if first.checked_sub(WARM_UP).is_some_and(|timed| timed < TOGETHER) {
            devices.figures = Figures::default();
        }
        for step in Step::TCP_LIFE {
            for (number, made) in (OTHERS + first..).zip(&mut round) {
                now += gap;
                frames::write(made, number, step, now);
            }
            devices.process(now, &mut round);
            devices.settle()?;
        }
    }
    devices.check()?;
    let Figures { items, telling, taking, .. } = devices.figures;
    let share = items as f64 / f64::from(TIMED);
    ensure!((5.0..9.0).contains(&share), "{share} items a session: not what its life is");
    Ok(Rates {
        at_both: items as f64 / (telling + taking).as_secs_f64(),
        at_sender: items as f64 / telling.as_secs_f64(),
    })
}

/// Bytes of HA2 messages for each new TCP session over IPv4 with source translation, in full batches.
pub fn bytes_per_session() -> Result<f64> {
    const SESSIONS: u32 = 20_480;
    let nat = "set rulebase nat rules hide from trust to untrust source any destination any service any
         set rulebase nat rules hide source-translation dynamic-ip-and-port translated-address 192.0.2.10";
    let mut devices = Devices::new([(); 2].map(|()| frames::worker_with(SESSIONS, nat)))?;
    devices.connect()?;
    devices.settle()?;
    devices.figures = Figures::default();
    let mut round: Vec<Made> = vec![Made::empty(Network::Plain); TOGETHER as usize];
    let mut now = devices.now;
    for first in (0..SESSIONS).step_by(TOGETHER as usize) {
        for (number, made) in (first..).zip(&mut round) {
            now += Duration::from_nanos(100);
            frames::write(made, number, Step::Syn, now);
        }
        devices.process(now, &mut round);
    }
    devices.settle()?;
    devices.check()?;
    let counters = devices.own.counters();
    ensure!(counters.translated == u64::from(SESSIONS), "{} were translated", counters.translated);
    let Figures { items, bytes, .. } = devices.figures;
    ensure!(items == u64::from(SESSIONS), "{items} items for {SESSIONS} sessions");
    Ok(bytes as f64 / items as f64)
}

/// Milliseconds of a processor until a peer that has just been connected has all of `sessions` established
/// sessions and has said so.
pub fn join(sessions: u32) -> Result<f64> {
    let mut devices = Devices::new([(); 2].map(|()| frames::worker(sessions, Network::Plain)))?;
    devices.fill(sessions)?;
    let began = processor_nanos()?;
    devices.connect()?;
    devices.settle()?;
    let took = processor_nanos()? - began;
    devices.check()?;
    Ok(took as f64 / 1e6)
}

/// What was carried, and how long each end took for it.
#[derive(Default)]
struct Figures {
    items: u64,
    bytes: u64,
    telling: Duration,
    taking: Duration,
}

/// The active device and the one that follows.
struct Devices {
    own: Worker,
    peer: Worker,
    own_sync: Synchronizer,
    peer_sync: Synchronizer,
    outbox: Outbox,
    /// Sessions of which there is more to tell than an item holds.
    more: Vec<SessionId>,
    /// The longest item, in bytes.
    room: usize,
    now: Timestamp,
    figures: Figures,
}

impl Devices {
    fn new(workers: [Result<Worker>; 2]) -> Result<Self> {
        let [own, peer] = workers;
        let (mut own, mut peer) = (own?, peer?);
        own.set_pair_view(PairView::ACTIVE);
        peer.set_pair_view(PairView::PASSIVE);
        let settings = Settings::default();
        Ok(Self {
            own,
            peer,
            room: settings.largest_payload(),
            own_sync: Synchronizer::new(settings.clone()),
            peer_sync: Synchronizer::new(settings),
            outbox: Outbox::default(),
            more: Vec::new(),
            now: frames::START,
            figures: Figures::default(),
        })
    }

    /// Opens sessions of which the peer is not told yet.
    fn fill(&mut self, sessions: u32) -> Result<()> {
        established::fill(&mut self.own, sessions, Network::Plain, &mut self.now, &mut self.outbox);
        let made = self.own.sessions().len();
        ensure!(made == sessions as usize, "only {made} sessions were made");
        Ok(())
    }

    /// The join begins; `settle` carries it out.
    fn connect(&mut self) -> Result<()> {
        let keys = Keys { epoch: 1, side: DeviceId::Zero, send: [0x11; 16], receive: [0x22; 16] };
        let ends = [(&mut self.own_sync, keys.clone()), (&mut self.peer_sync, keys.for_peer())];
        for (sync, keys) in ends {
            sync.handle_link(self.now, HaLinkId::Ha2, true);
            sync.handle_peer(self.now, PeerEvent::Connected(keys))?;
        }
        self.own_sync.handle_sending(self.now, true);
        Ok(())
    }

    /// Frames reach the active device, and what they change is marked.
    fn process(&mut self, now: Timestamp, round: &mut [Made]) {
        self.now = self.now.max(now);
        let mut frames: Vec<Frame<'_>> = round.iter_mut().map(Made::frame).collect();
        self.own.process(now, &mut frames, &mut self.outbox);
        let began = Instant::now();
        for event in self.outbox.session_events.drain(..) {
            let kind = match event.kind {
                EventKind::Created => ItemKind::SessionCreate,
                EventKind::Changed => ItemKind::SessionUpdate,
                EventKind::Ended => ItemKind::SessionEnd,
            };
            self.own_sync.mark(self.now, kind, u64::from(event.id.0));
        }
        self.figures.telling += began.elapsed();
        self.outbox.clear();
    }

    /// Lets both ends talk until the peer has acknowledged everything.
    fn settle(&mut self) -> Result<()> {
        while !self.own_sync.is_quiet() {
            let began = Instant::now();
            let batches = self.tell()?;
            let told = Instant::now();
            let answers = self.take(&batches)?;
            let taken = Instant::now();
            for answer in &answers {
                self.own_sync.handle_message(self.now, HaLinkId::Ha2, answer)?;
            }
            self.figures.telling += told - began + taken.elapsed();
            self.figures.taking += taken - told;
            if batches.is_empty() && answers.is_empty() && !self.own_sync.is_quiet() {
                let timers = [self.own_sync.poll_timeout(), self.peer_sync.poll_timeout()];
                let next = timers.into_iter().flatten().min().context("nothing is left to wait for")?;
                self.now = self.now.max(next);
            }
        }
        Ok(())
    }

    /// What the active device sends at this time.
    fn tell(&mut self) -> Result<Vec<Vec<u8>>> {
        for id in self.more.drain(..) {
            self.own_sync.mark(self.now, ItemKind::SessionUpdate, u64::from(id.0));
        }
        let mut sessions = Sessions { worker: &mut self.own, more: &mut self.more, room: self.room };
        self.own_sync.handle_timeout(self.now, &mut sessions);
        let mut batches = Vec::new();
        while let Some(output) = self.own_sync.poll_output() {
            match output {
                SyncOutput::Message { bytes, .. } => {
                    self.figures.bytes += bytes.len() as u64;
                    batches.push(bytes.to_vec());
                }
                SyncOutput::Told(_) | SyncOutput::Resumed | SyncOutput::Log(_) => {}
                SyncOutput::Item { .. }
                | SyncOutput::JoinBegins(_)
                | SyncOutput::Joined(_)
                | SyncOutput::Lost(_) => bail!("the active device was told something: {output:?}"),
            }
        }
        Ok(batches)
    }

    /// What the other device makes of it, and what it answers.
    fn take(&mut self, batches: &[Vec<u8>]) -> Result<Vec<Vec<u8>>> {
        let (now, peer) = (self.now, &mut self.peer);
        let mut answers = Vec::new();
        for batch in batches.iter().map(Some).chain([None]) {
            match batch {
                Some(batch) => self.peer_sync.handle_message(now, HaLinkId::Ha2, batch)?,
                None => {
                    let mut nothing = Sessions { worker: peer, more: &mut Vec::new(), room: 0 };
                    self.peer_sync.handle_timeout(now, &mut nothing);
                }
            }
            while let Some(output) = self.peer_sync.poll_output() {
                match output {
                    SyncOutput::Message { bytes, .. } => answers.push(bytes.to_vec()),
                    SyncOutput::Item { kind, id, payload, .. } => {
                        self.figures.items += 1;
                        apply(peer, now, (kind, id), payload)?;
                    }
                    SyncOutput::JoinBegins(_) => peer.handle_join_begin(now),
                    SyncOutput::Joined(_) => peer.handle_join_end(now),
                    SyncOutput::Told(_) | SyncOutput::Resumed | SyncOutput::Log(_) => {}
                    SyncOutput::Lost(_) => bail!("HA2 is given up"),
                }
            }
        }
        Ok(answers)
    }

    /// Both have the same sessions, and nothing was lost on the way.
    fn check(&self) -> Result<()> {
        let [own, peer] = [&self.own, &self.peer].map(|worker| worker.sessions().len());
        ensure!(own == peer, "{own} sessions, {peer} at the peer");
        let counters = self.own.counters();
        ensure!(counters.dropped_total() == 0, "packets were dropped: {:?}", counters.dropped);
        Ok(())
    }
}

/// Makes of an item what it says.
fn apply(worker: &mut Worker, now: Timestamp, (kind, id): (ItemKind, u64), payload: &[u8]) -> Result<()> {
    let id = SessionId(u32::try_from(id)?);
    let is_taken = match kind {
        ItemKind::SessionCreate | ItemKind::SessionUpdate => {
            worker.handle_mirrored(now, &MirrorItem::decode(id, payload, now)?)?
        }
        ItemKind::SessionEnd => worker.handle_mirrored_end(id),
        ItemKind::Neighbor
        | ItemKind::NeighborGone
        | ItemKind::SecurityAssociation
        | ItemKind::SecurityAssociationGone
        | ItemKind::Name
        | ItemKind::NameGone => false,
    };
    ensure!(is_taken, "{} of {id} means nothing to the peer", kind.name());
    Ok(())
}

/// A worker's sessions, for HA2.
struct Sessions<'a> {
    worker: &'a mut Worker,
    more: &'a mut Vec<SessionId>,
    room: usize,
}

impl Source for Sessions<'_> {
    fn encode(&mut self, kind: ItemKind, id: u64, out: &mut Vec<u8>) -> bool {
        let telling = match kind {
            ItemKind::SessionCreate => Telling::Whole,
            ItemKind::SessionUpdate => Telling::News,
            ItemKind::SessionEnd => return true,
            ItemKind::Neighbor
            | ItemKind::NeighborGone
            | ItemKind::SecurityAssociation
            | ItemKind::SecurityAssociationGone
            | ItemKind::Name
            | ItemKind::NameGone => return false,
        };
        let Ok(id) = u32::try_from(id).map(SessionId) else { return false };
        let told = self.worker.encode_mirrored(id, telling, self.room, out);
        if told == Told::Part {
            self.more.push(id);
        }
        told != Told::Gone
    }

    fn next_ids(&mut self, space: Space, after: Option<u64>, limit: usize, out: &mut Vec<u64>) {
        if space != Space::Sessions {
            return;
        }
        let after = after.and_then(|after| u32::try_from(after).ok()).map(SessionId);
        let mut ids = Vec::new();
        self.worker.next_session_ids(after, limit, &mut ids);
        out.extend(ids.iter().map(|id| u64::from(id.0)));
    }
}
