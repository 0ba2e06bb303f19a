//! A sink: records go in without waiting, two threads see to the rest.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    record::LogRecord,
    sinks::{Destination, Envelope, RecordFormat, SpoolOptions, spool::Spool, transport::Transport},
};

/// What a sink does.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Where messages go.
    pub destination: Destination,
    /// How records are written.
    pub format: RecordFormat,
    /// What is put around them.
    pub envelope: Envelope,
    /// Where messages wait.
    pub spool: SpoolOptions,
    /// Messages that are delivered at once.
    pub batch: usize,
    /// How long to wait after the first failure to deliver; twice as long after each further one.
    pub retry: Duration,
    /// But never longer than this.
    pub retry_max: Duration,
    /// What handing in a record does when there is no room.
    pub when_full: WhenFull,
}

/// What handing in a record does when there is no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It is dropped at once, also where the spool has room but its disk is slower than what comes: for
    /// callers that must never wait.
    Drop,
    /// The caller waits for the spool's disk. When the spool is full it waits for room, as long as the
    /// destination takes something at least once in this time, and then the record is dropped. Zero waits
    /// for the disk only.
    Wait(Duration),
}

impl SinkOptions {
    /// A sink of JSON lines without an envelope, what waits in memory only.
    pub fn new(destination: Destination) -> Self {
        Self {
            destination,
            format: RecordFormat::Json,
            envelope: Envelope::Bare,
            spool: SpoolOptions::default(),
            batch: 500,
            retry: Duration::from_millis(500),
            retry_max: Duration::from_secs(30),
            when_full: WhenFull::Drop,
        }
    }
}

/// What became of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkCounters {
    /// Messages that were handed in.
    pub accepted: u64,
    /// Messages that were delivered, those among them that an earlier sink had left in the spool's folder.
    pub delivered: u64,
    /// Messages for which there was no room.
    pub dropped: u64,
    /// Messages that wait; once the sink is closed, those that are left in the spool's folder.
    pub waiting: u64,
    /// Attempts to deliver that failed.
    pub failures: u64,
}

/// Delivers records to one place.
///
/// Handing a record in does not wait for the destination: for a slow or dead one the spool does, and when
/// that is full what comes is dropped and counted ([`WhenFull`] says more). Nothing else is lost, but what
/// waits in memory when there is no folder for the spool. Over connections that end some messages may arrive
/// twice.
pub struct Sink {
    format: RecordFormat,
    envelope: Envelope,
    when_full: WhenFull,
    /// Messages that have gone through the entrance.
    entered: u64,
    entrance: Option<SyncSender<Vec<u8>>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    text: String,
}

struct Shared {
    state: Mutex<State>,
    /// Something to deliver, or an end.
    news: Condvar,
    /// Messages that an earlier sink has left in the spool's folder.
    inherited: u64,
    accepted: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
    failures: AtomicU64,
    last_failure: Mutex<Option<String>>,
}

struct State {
    spool: Spool,
    /// Messages that have come from the entrance, whatever became of them.
    taken: u64,
    end: End,
}

/// How far a sink is on its way to the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// It goes on.
    NotYet,
    /// Deliver what there is, as long as that succeeds.
    WhenEmpty,
    /// Deliver nothing more.
    Now,
}

/// Messages between the caller and the spool.
const ENTRANCE: usize = 16_384;

/// Bytes that are delivered at once, unless one message has more.
const BATCH_BYTES: usize = 1 << 20;

impl Sink {
    /// Starts a sink.
    ///
    /// # Errors
    /// When the spool's folder cannot be read or another sink has it, or threads cannot be started.
    pub fn start(options: SinkOptions) -> io::Result<Self> {
        let spool = Spool::open(options.spool.clone())?;
        let shared = Arc::new(Shared {
            inherited: spool.waiting,
            state: Mutex::new(State { spool, taken: 0, end: End::NotYet }),
            news: Condvar::new(),
            accepted: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            last_failure: Mutex::new(None),
        });
        let (entrance, exit) = sync_channel(ENTRANCE);
        let transport = options.destination.clone().transport();
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let intake = Arc::clone(&shared);
        let delivery = Arc::clone(&shared);
        let (format, envelope) = (options.format.clone(), options.envelope.clone());
        let when_full = options.when_full;
        let patience = match when_full {
            WhenFull::Drop => Duration::ZERO,
            WhenFull::Wait(patience) => patience,
        };
        let threads = vec![
            thread("sink-intake").spawn(move || take_in(&exit, &intake, patience))?,
            thread("sink-delivery").spawn(move || deliver(&delivery, transport, &options))?,
        ];
        let entrance = Some(entrance);
        let text = String::new();
        Ok(Self { format, envelope, when_full, entered: 0, entrance, shared, threads, text })
    }

    /// Hands in a record. Whether this may wait, [`SinkOptions::when_full`] says.
    pub fn send(&mut self, record: &LogRecord<'_>) {
        self.text.clear();
        self.envelope.write(record, &mut self.text);
        self.format.write(record, &mut self.text);
        self.shared.accepted.fetch_add(1, Ordering::Relaxed);
        let Some(entrance) = &self.entrance else { return };
        let message = self.text.as_bytes().to_vec();
        let went_in = match self.when_full {
            WhenFull::Drop => entrance.try_send(message).is_ok(),
            WhenFull::Wait(_) => entrance.send(message).is_ok(),
        };
        if went_in {
            self.entered += 1;
        } else {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything that was handed in stands in the spool, or has left it, or was dropped. What
    /// stands in the spool's folder is safe from then on.
    pub fn settle(&self) {
        const LOOK: Duration = Duration::from_secs(1);
        let mut state = lock(&self.shared.state);
        while state.taken < self.entered && self.threads.first().is_some_and(|intake| !intake.is_finished()) {
            let behind = |state: &mut State| state.taken < self.entered;
            let waited = self.shared.news.wait_timeout_while(state, LOOK, behind);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What became of messages so far.
    pub fn counters(&self) -> SinkCounters {
        self.shared.counters()
    }

    /// Why the last failed attempt to deliver did.
    pub fn last_failure(&self) -> Option<String> {
        lock(&self.shared.last_failure).clone()
    }

    /// Ends the sink: delivers what waits, as long as the destination takes something at least once in
    /// `patience`. The rest stays in the spool's folder for the next sink that has it, or is dropped where
    /// there is none.
    pub fn close(mut self, patience: Duration) -> SinkCounters {
        self.end(patience);
        self.shared.counters()
    }

    fn end(&mut self, patience: Duration) {
        let mut threads = std::mem::take(&mut self.threads).into_iter();
        // Without its sender the intake ends when all is in the spool.
        self.entrance = None;
        if let Some(intake) = threads.next() {
            let _ = intake.join();
        }
        let mut state = lock(&self.shared.state);
        state.end = End::WhenEmpty;
        self.shared.news.notify_all();
        state = self.shared.await_delivery(state, patience, |spool| spool.waiting == 0);
        state.end = End::Now;
        self.shared.news.notify_all();
        drop(state);
        for thread in threads {
            let _ = thread.join();
        }
        let mut state = lock(&self.shared.state);
        let waiting = state.spool.waiting;
        let lost = state.spool.close().unwrap_or(waiting);
        self.shared.dropped.fetch_add(lost, Ordering::Relaxed);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.end(Duration::ZERO);
        }
    }
}

impl Shared {
    fn counters(&self) -> SinkCounters {
        let [accepted, delivered, dropped, failures] =
            [&self.accepted, &self.delivered, &self.dropped, &self.failures]
                .map(|c| c.load(Ordering::Relaxed));
        let waiting = (self.inherited + accepted).saturating_sub(delivered + dropped);
        SinkCounters { accepted, delivered, dropped, waiting, failures }
    }

    /// Waits until the spool is as wanted, as long as something is delivered at least once in `patience`.
    fn await_delivery<'s>(
        &self,
        mut state: MutexGuard<'s, State>,
        patience: Duration,
        wanted: impl Fn(&Spool) -> bool,
    ) -> MutexGuard<'s, State> {
        while !wanted(&state.spool) {
            let waiting = state.spool.waiting;
            let stands = |state: &mut State| state.spool.waiting >= waiting;
            let waited = self.news.wait_timeout_while(state, patience, stands);
            let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = after;
            if timeout.timed_out() {
                break;
            }
        }
        state
    }

    fn failed(&self, error: &io::Error) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        *lock(&self.last_failure) = Some(error.to_string());
    }
}

/// A thread that panicked leaves the state as it was between two steps.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts messages into the spool until nobody can hand in more. When it is full, room is waited for as long as
/// something is delivered at least once in `patience`.
fn take_in(exit: &Receiver<Vec<u8>>, shared: &Shared, patience: Duration) {
    // So many had been delivered when it was last waited in vain: not worth another try until there are more.
    let mut in_vain = None;
    while let Ok(message) = exit.recv() {
        let mut state = lock(&shared.state);
        for message in std::iter::once(message).chain(exit.try_iter().take(ENTRANCE)) {
            let has_room = |spool: &Spool| spool.waiting == 0 || spool.has_room(message.len());
            let delivered = || Some(shared.delivered.load(Ordering::Relaxed));
            if !patience.is_zero() && !has_room(&state.spool) && in_vain != delivered() {
                shared.news.notify_all();
                state = shared.await_delivery(state, patience, has_room);
                in_vain = if has_room(&state.spool) { None } else { delivered() };
            }
            state.taken += 1;
            match state.spool.push(message) {
                Ok(true) => {}
                Ok(false) => {
                    shared.dropped.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    shared.dropped.fetch_add(1, Ordering::Relaxed);
                    shared.failed(&error);
                }
            }
        }
        drop(state);
        shared.news.notify_all();
    }
}

/// Takes messages out of the spool and delivers them.
fn deliver(shared: &Shared, mut transport: Box<dyn Transport>, options: &SinkOptions) {
    let mut pause = options.retry;
    let mut state = lock(&shared.state);
    loop {
        let idle = |state: &mut State| state.spool.waiting == 0 && state.end == End::NotYet;
        state = shared.news.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.end == End::Now || state.spool.waiting == 0 {
            return;
        }
        let messages = state.spool.oldest(options.batch.max(1), BATCH_BYTES);
        drop(state);
        let delivered = messages.and_then(|messages| transport.deliver(&messages));
        state = lock(&shared.state);
        match delivered {
            Ok(count) => {
                state.spool.forget(count);
                shared.delivered.fetch_add(count as u64, Ordering::Relaxed);
                shared.news.notify_all();
                pause = options.retry;
            }
            Err(error) => {
                shared.failed(&error);
                let goes_on = |state: &mut State| state.end != End::Now;
                let waited = shared.news.wait_timeout_while(state, pause, goes_on);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                pause = pause.saturating_mul(2).min(options.retry_max);
            }
        }
    }
}
