//! Candidate, running, commit: who changed what when, and the way back.
//!
//! ```text
//!            commit                       commit confirmed
//!          ┌────────┐              ┌───────────────────────────┐
//!          ▼        │              │                           ▼
//!        ┌────────────┐  confirm, commit, roll back   ┌──────────────────┐ commit confirmed
//!        │  settled   │◄──────────────────────────────│ to be confirmed  │◄───┐ (a new time)
//!        └────────────┘                               └──────────────────┘────┘
//! ```
//!
//! Edits change the candidate only. A commit makes a validated candidate the running configuration; if it is
//! refused, the running one is what it was. A commit that must be confirmed is taken back when its time is
//! over.

use alloc::{
    collections::VecDeque,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use bifrons_model::Timestamp;

use crate::{Config, ConfigError, Diff, Document, Lenient, Sources, diff};

/// The candidate, the running configuration and those before it.
///
/// The driver edits `candidate_mut`, takes `validate`, asks the rest of the engine whether it can do that
/// (and may add warnings), and hands it to `commit`. After each call it drains `poll_output` and
/// takes over what it finds; it calls `handle_timeout` when the time of `poll_timeout` has come.
#[derive(Clone, Debug)]
pub struct ConfigStore {
    candidate: Document,
    running: Running,
    history: VecDeque<Version>,
    limits: HistoryLimits,
    state: State,
    outputs: VecDeque<Output>,
}

/// A document together with its typed configuration: what can be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validated {
    document: Document,
    config: Arc<Config>,
    /// The running version that it is meant to follow; 0 where there is none yet.
    follows: u32,
    /// What the administrator should know before it is committed. Whoever compiles the configuration may
    /// add to it.
    pub warnings: Vec<String>,
}

/// Who commits, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitRequest {
    /// The administrator's name.
    pub admin: String,
    /// What the commit is for; may be empty.
    pub description: String,
    /// After how many minutes, 1 to 1,440, the commit is taken back unless it is confirmed before.
    pub confirm_within: Option<u16>,
}

/// The longest time, in minutes, in which a commit can be confirmed: a day.
pub const MOST_MINUTES: u16 = 1_440;

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The number of the running version.
    pub version: u32,
    /// When it will be taken back unless it is confirmed.
    pub confirm_until: Option<Timestamp>,
    /// The warnings of the validation.
    pub warnings: Vec<String>,
}

/// Why there was no commit. The running configuration is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The candidate is the running configuration.
    #[error("there are no changes to commit")]
    NoChanges,
    /// The running configuration has changed since the candidate was validated.
    #[error("version {running} is running; the candidate was validated against version {follows}")]
    Overtaken {
        /// The running version.
        running: u32,
        /// The version that was running then.
        follows: u32,
    },
    /// The time for the confirmation is none.
    #[error("{minutes} minutes to confirm; expected 1 to {MOST_MINUTES}")]
    BadMinutes {
        /// The time that was asked for.
        minutes: u16,
    },
    /// No commit waits to be confirmed.
    #[error("no commit waits to be confirmed")]
    NothingToConfirm,
}

/// A version that is not kept, or never was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no version {version}; {oldest} to {newest} are kept")]
pub struct UnknownVersion {
    /// The version that was asked for; below the oldest one, 0 stands for any.
    pub version: u32,
    /// The oldest version that is kept.
    pub oldest: u32,
    /// The running version.
    pub newest: u32,
}

/// One configuration that ran or runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number; the first is 1.
    pub number: u32,
    /// When it began to run.
    pub at: Timestamp,
    /// Who committed it.
    pub admin: String,
    /// What for.
    pub description: String,
    /// Its document as text.
    pub text: Arc<str>,
}

/// How much of the past is kept. The running version always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// How many versions, the running one among them.
    pub versions: usize,
    /// How many bytes all texts have together.
    pub bytes: usize,
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self { versions: 100, bytes: 256 << 20 }
    }
}

/// Whether the running configuration is there to stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Settled,
    /// It is taken back when the time is over.
    ToBeConfirmed {
        /// When.
        until: Timestamp,
        /// The last configuration that was there to stay.
        before: Running,
    },
}

/// A configuration that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its number.
    pub version: u32,
    /// What was written.
    pub document: Document,
    /// What it means.
    pub config: Arc<Config>,
}

/// What the driver has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Run this configuration from now on.
    Run {
        /// The version.
        version: u32,
        /// What it means.
        config: Arc<Config>,
        /// Why.
        cause: Cause,
    },
    /// Keep this text for the next start: it is there to stay.
    Keep {
        /// The version.
        version: u32,
        /// The document as text.
        text: Arc<str>,
    },
}

/// Why another configuration runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An administrator committed it.
    Commit,
    /// The one after it was not confirmed in time.
    NotConfirmed,
}

impl Validated {
    /// Validates a document that follows no other: the one that a device starts with. `sources` are the
    /// files that it names (`Document::sources_wanted`).
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn new(document: Document, sources: &Sources) -> Result<Self, Vec<ConfigError>> {
        let Lenient { config, warnings } = document.build_with(sources)?;
        let mut warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        let unheard = document.without_effect().into_iter();
        warnings.extend(unheard.map(|setting| format!("`{setting}` is accepted, without effect yet")));
        Ok(Self { document, config: Arc::new(config), follows: 0, warnings })
    }

    /// What it means.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// What was written.
    pub fn document(&self) -> &Document {
        &self.document
    }
}

impl ConfigStore {
    /// Begins with a running configuration, which is version 1.
    pub fn new(now: Timestamp, running: Validated, limits: HistoryLimits) -> Self {
        let Validated { document, config, .. } = running;
        let first = Version {
            number: 1,
            at: now,
            admin: String::new(),
            description: "what the device started with".into(),
            text: document.to_set().into(),
        };
        Self {
            candidate: document.clone(),
            running: Running { version: 1, document, config },
            history: VecDeque::from([first]),
            limits,
            state: State::Settled,
            outputs: VecDeque::new(),
        }
    }

    /// What the next commit would run.
    pub fn candidate(&self) -> &Document {
        &self.candidate
    }

    /// What the next commit would run, to be edited.
    pub fn candidate_mut(&mut self) -> &mut Document {
        &mut self.candidate
    }

    /// What runs.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Whether that is there to stay.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What a commit would change.
    pub fn changes(&self) -> Diff {
        diff(&self.running.document, &self.candidate)
    }

    /// `commit validate`: whether the candidate could run. Changes nothing; what it returns can be committed
    /// as long as no other commit comes before.
    ///
    /// # Errors
    ///
    /// What is wrong with the candidate.
    pub fn validate(&self, sources: &Sources) -> Result<Validated, Vec<ConfigError>> {
        let mut validated = Validated::new(self.candidate.clone(), sources)?;
        validated.follows = self.running.version;
        Ok(validated)
    }

    /// `commit`: runs what was validated. While a commit waits to be confirmed, this confirms it, or with a
    /// time of its own waits anew; then the way back leads to the last configuration that was there to stay.
    ///
    /// # Errors
    ///
    /// Why it cannot be; then nothing has changed.
    pub fn commit(
        &mut self,
        now: Timestamp,
        validated: Validated,
        request: CommitRequest,
    ) -> Result<Committed, CommitError> {
        let until = match request.confirm_within {
            None => None,
            Some(minutes @ 1..=MOST_MINUTES) => Some(now.after_secs(u32::from(minutes) * 60)),
            Some(minutes) => return Err(CommitError::BadMinutes { minutes }),
        };
        let running = self.running.version;
        if validated.follows != running {
            return Err(CommitError::Overtaken { running, follows: validated.follows });
        }
        let has_changes = validated.document != self.running.document;
        let state = core::mem::replace(&mut self.state, State::Settled);
        self.state = match (state, until) {
            (State::Settled, _) if !has_changes => return Err(CommitError::NoChanges),
            (State::Settled | State::ToBeConfirmed { .. }, None) => State::Settled,
            (State::Settled, Some(until)) => State::ToBeConfirmed { until, before: self.running.clone() },
            (State::ToBeConfirmed { before, .. }, Some(until)) => State::ToBeConfirmed { until, before },
        };
        let Validated { document, config, warnings, .. } = validated;
        if has_changes {
            self.run(now, document, config, Cause::Commit, request.admin, request.description);
        }
        self.keep_if_settled();
        Ok(Committed { version: self.running.version, confirm_until: until, warnings })
    }

    /// Confirms the commit that waits for it.
    ///
    /// # Errors
    ///
    /// None does.
    pub fn confirm(&mut self) -> Result<(), CommitError> {
        match self.state {
            State::Settled => Err(CommitError::NothingToConfirm),
            State::ToBeConfirmed { .. } => {
                self.state = State::Settled;
                self.keep_if_settled();
                Ok(())
            }
        }
    }

    /// Takes back a commit whose time is over. The candidate stays, so that it can be put right.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let state = core::mem::replace(&mut self.state, State::Settled);
        match state {
            State::Settled => {}
            State::ToBeConfirmed { until, before } if now < until => {
                self.state = State::ToBeConfirmed { until, before };
            }
            State::ToBeConfirmed { before, .. } => {
                let lost = self.running.version;
                let description =
                    format!("version {} again: version {lost} was not confirmed", before.version);
                let Running { document, config, .. } = before;
                self.run(now, document, config, Cause::NotConfirmed, String::new(), description);
                self.keep_if_settled();
            }
        }
    }

    /// When `handle_timeout` is to be called.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match self.state {
            State::Settled => None,
            State::ToBeConfirmed { until, .. } => Some(until),
        }
    }

    /// What the driver has to do next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Makes the candidate what runs: all edits are lost.
    pub fn revert(&mut self) {
        self.candidate = self.running.document.clone();
    }

    /// Makes the candidate what was read from somewhere else.
    pub fn load(&mut self, document: Document) {
        self.candidate = document;
    }

    /// Makes the candidate an earlier version.
    ///
    /// # Errors
    ///
    /// The version is not kept.
    pub fn load_version(&mut self, number: u32) -> Result<(), UnknownVersion> {
        let unknown = UnknownVersion {
            version: number,
            oldest: self.history.front().map_or(self.running.version, |version| version.number),
            newest: self.running.version,
        };
        let version = self.history.iter().find(|version| version.number == number).ok_or(unknown)?;
        let name = format!("version {number}");
        // What ran was read once, so it can be read again.
        self.candidate = Document::parse(&version.text, &name).map_err(|_| unknown)?;
        Ok(())
    }

    /// Makes the candidate the version that ran so many commits ago; 0 is the running one.
    ///
    /// # Errors
    ///
    /// The version is not kept.
    pub fn rollback(&mut self, commits: u32) -> Result<(), UnknownVersion> {
        self.load_version(self.running.version.saturating_sub(commits))
    }

    /// The versions that are kept, the oldest first; the last one runs.
    pub fn versions(&self) -> impl ExactSizeIterator<Item = &Version> {
        self.history.iter()
    }

    fn run(
        &mut self,
        now: Timestamp,
        document: Document,
        config: Arc<Config>,
        cause: Cause,
        admin: String,
        description: String,
    ) {
        let version = self.running.version.saturating_add(1);
        let text = document.to_set().into();
        self.history.push_back(Version { number: version, at: now, admin, description, text });
        let limits = self.limits;
        let bytes = |history: &VecDeque<Version>| history.iter().map(|kept| kept.text.len()).sum::<usize>();
        while self.history.len() > 1
            && (self.history.len() > limits.versions || bytes(&self.history) > limits.bytes)
        {
            self.history.pop_front();
        }
        self.running = Running { version, document, config: Arc::clone(&config) };
        self.outputs.push_back(Output::Run { version, config, cause });
    }

    fn keep_if_settled(&mut self) {
        match self.state {
            State::Settled => {
                let version = self.running.version;
                let text = match self.history.back() {
                    Some(newest) => Arc::clone(&newest.text),
                    None => self.running.document.to_set().into(),
                };
                self.outputs.push_back(Output::Keep { version, text });
            }
            State::ToBeConfirmed { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
