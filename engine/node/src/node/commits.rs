//! Commits: of a device alone, and of two devices that run one configuration.
//!
//! ```text
//!  Commit ──► check ──► alone, or only own lines ────────────────────────► run ──► Committed
//!               │
//!               └─────► with a peer: Proposed … both can ──► run, the peer too ──► PairCommit::Committed
//!                                               one cannot ──────────────────────► PairCommit::Refused
//! ```

use alloc::{format, string::ToString, sync::Arc};

use bifrons_config::{CommitError, CommitRequest, Committed, Config, Document, typed::HaMode};
use bifrons_ha::config_sync::{Common, ConfigMark, Refused, Transaction};
use bifrons_model::Timestamp;

use super::Node;
use crate::{
    CommandError, Notice, PairCommit, Reply,
    pair::{ConfigStep, Pair},
};

/// What this device has proposed to its peer.
#[derive(Default)]
pub(super) struct Commits {
    pending: Option<Pending>,
    /// What was committed of it.
    committed: Option<Committed>,
    /// Whether the command that proposed it waits for the outcome.
    is_answering: bool,
    outcome: Option<PairCommit>,
}

struct Pending {
    transaction: Transaction,
    document: Document,
    request: CommitRequest,
}

/// Which lines both devices of a pair have in common. Where one forwards, all but those that are always a
/// device's own.
fn common_of(config: &Config) -> Common {
    match &config.high_availability.mode {
        HaMode::ActivePassive { .. } => {
            Common { active_active: false, virtual_router: true, logical_router: true, qos: true }
        }
        HaMode::ActiveActive(mode) => Common {
            active_active: true,
            virtual_router: mode.sync_virtual_router,
            logical_router: mode.sync_logical_router,
            qos: mode.sync_qos,
        },
    }
}

impl Node {
    /// `commit`
    pub(super) fn commit(
        &mut self,
        now: Timestamp,
        document: Document,
        request: CommitRequest,
    ) -> Result<Reply, CommandError> {
        if self.pair.is_none() {
            return self.commit_alone(now, document, request);
        }
        let lines = common_of(&*self.controller.read(document.clone())?);
        let common: Arc<str> = lines.common_part(&document.to_set()).into();
        if lines != self.common_lines() {
            return self.commit_apart(now, document, request);
        }
        if self.common() == common {
            return self.commit_alone(now, document, request);
        }
        self.controller.check(document.clone(), &request)?;
        let proposed = self.with_pair(|pair| pair.propose(now, common))?;
        let transaction = proposed.map_err(|_| CommandError::PairCommit(Refused::Busy))?;
        self.commits.pending = Some(Pending { transaction, document, request });
        self.await_outcome(now)
    }

    /// `request high-availability sync-to-remote running-config`
    pub(super) fn sync_to_remote(&mut self, now: Timestamp) -> Result<Reply, CommandError> {
        self.with_pair(|pair| pair.sync_to_remote(now))??;
        self.await_outcome(now)
    }

    /// Which configuration a pair begins with.
    pub(super) fn begin_configuration(&self) -> (ConfigMark, Arc<str>) {
        let common = self.common();
        let digest = ConfigMark::digest_of(&common);
        let known = self.identity.configuration.filter(|mark| mark.digest == digest);
        (known.unwrap_or(ConfigMark { digest, ..ConfigMark::default() }), common)
    }

    /// A commit that nobody confirmed is taken back on the other device too.
    pub(super) fn tell_taken_back(&mut self, now: Timestamp) {
        let common = self.common();
        let Some(pair) = self.pair.as_mut().filter(|pair| **pair.common() != *common) else { return };
        let generation = pair.mark_of_configuration().generation.saturating_add(1);
        let mark = ConfigMark { generation, committed_at: now, digest: ConfigMark::digest_of(&common) };
        pair.restart_configuration(now, mark, common);
        self.controller.notices.push(Notice::PairMark(mark));
    }

    /// There is no pair any more: what was proposed to it comes to nothing.
    pub(super) fn abandon_proposal(&mut self) {
        if self.commits.pending.is_some() {
            self.conclude(PairCommit::Refused(Refused::PeerLost));
        }
    }

    /// Does what the two devices have agreed on; whether another configuration runs.
    pub(super) fn follow_configuration(&mut self, now: Timestamp) -> bool {
        let mut runs_another = false;
        while let Some(step) = self.pair.as_mut().and_then(|pair| pair.poll_configuration(now)) {
            match step {
                ConfigStep::Validate { transaction, text } => {
                    let answer = self.check_common(transaction, &text).map_err(|error| error.to_string());
                    if let Some(pair) = &mut self.pair {
                        pair.answer(now, transaction, answer);
                    }
                }
                ConfigStep::Apply { transaction, mark, text } => {
                    match self.run_common(now, transaction, mark, &text) {
                        Ok(()) => {
                            runs_another = true;
                            self.controller.notices.push(Notice::PairMark(mark));
                        }
                        Err(_) => self.give_up(now),
                    }
                }
                ConfigStep::Committed { with_peer } => {
                    let outcome = match self.commits.committed.take() {
                        Some(committed) => PairCommit::Committed { committed, with_peer },
                        None => PairCommit::Synchronized,
                    };
                    self.conclude(outcome);
                }
                ConfigStep::Refused(reason) => self.conclude(PairCommit::Refused(reason)),
            }
        }
        runs_another
    }

    fn commit_alone(
        &mut self,
        now: Timestamp,
        document: Document,
        request: CommitRequest,
    ) -> Result<Reply, CommandError> {
        // What is being agreed on was checked with the lines that run now.
        if self.pair.as_ref().is_some_and(Pair::is_configuring) {
            return Err(CommandError::PairCommit(Refused::Busy));
        }
        let committed = self.controller.commit(now, document, request).map(Reply::Committed);
        self.follow_config(now);
        committed
    }

    /// What the devices have in common is something else from now on, here first: until the peer's
    /// configuration says the same, each keeps its lines.
    fn commit_apart(
        &mut self,
        now: Timestamp,
        document: Document,
        request: CommitRequest,
    ) -> Result<Reply, CommandError> {
        let committed = self.commit_alone(now, document, request)?;
        self.give_up(now);
        Ok(committed)
    }

    /// The outcome, where it is there at once: alone, or where the device itself cannot.
    fn await_outcome(&mut self, now: Timestamp) -> Result<Reply, CommandError> {
        self.commits.is_answering = true;
        self.follow(now);
        self.commits.is_answering = false;
        match self.commits.outcome.take() {
            None => Ok(Reply::Proposed),
            Some(PairCommit::Committed { committed, .. }) => Ok(Reply::Committed(committed)),
            Some(PairCommit::Synchronized) => Ok(Reply::Done),
            Some(PairCommit::Refused(reason)) => Err(reason.into()),
        }
    }

    fn conclude(&mut self, outcome: PairCommit) {
        self.commits.pending = None;
        self.commits.committed = None;
        if self.commits.is_answering {
            self.commits.outcome = Some(outcome);
        } else {
            self.controller.notices.push(Notice::PairCommit(outcome));
        }
    }

    pub(super) fn common(&self) -> Arc<str> {
        self.common_lines().common_part(&self.controller.document().to_set()).into()
    }

    fn common_lines(&self) -> Common {
        common_of(self.controller.config())
    }

    /// What the device would run with this common part.
    fn joined(&self, text: &str) -> Result<Document, CommandError> {
        let own = self.controller.document();
        let lines = self.common_lines().joined(text, &own.to_set());
        own.parse_another(&lines, "peer").map_err(CommandError::Config)
    }

    fn check_common(&self, transaction: Transaction, text: &str) -> Result<(), CommandError> {
        if self.commits.pending.as_ref().is_some_and(|pending| pending.transaction == transaction) {
            return Ok(());
        }
        self.controller.validate(self.joined(text)?).map(|_| ())
    }

    /// Runs what both have agreed on: what was proposed here, or the peer's with the lines of this device.
    fn run_common(
        &mut self,
        now: Timestamp,
        transaction: Transaction,
        mark: ConfigMark,
        text: &str,
    ) -> Result<(), CommandError> {
        let pending = self.commits.pending.take_if(|pending| pending.transaction == transaction);
        if let Some(Pending { document, request, .. }) = pending {
            let outcome = self.controller.commit(now, document, request);
            if let Err(error) = &outcome {
                self.conclude(PairCommit::Refused(Refused::Here(error.to_string())));
            }
            self.commits.committed = Some(outcome?);
            return Ok(());
        }
        if *self.common() == *text {
            return Ok(());
        }
        let document = self.joined(text)?;
        let request = CommitRequest {
            admin: self.pair.as_ref().map(Pair::peer_name).unwrap_or_default(),
            description: format!("configuration {} of the pair", mark.generation),
            confirm_within: None,
        };
        match self.controller.commit(now, document, request) {
            // The same lines in another order.
            Ok(_) | Err(CommandError::Commit(CommitError::NoChanges)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The device goes on with what it has, for what was checked cannot run after all or nobody has asked the
    /// peer, and takes the peer's.
    fn give_up(&mut self, now: Timestamp) {
        let common = self.common();
        let mark = ConfigMark { digest: ConfigMark::digest_of(&common), ..ConfigMark::default() };
        if let Some(pair) = &mut self.pair {
            pair.restart_configuration(now, mark, common);
        }
    }
}
