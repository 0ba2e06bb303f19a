//! As what hidden sessions go out: each as one thing while it lasts, no two as the same.

use std::{collections::HashMap, net::IpAddr};

use bifrons_model::Timestamp;

use super::Flow;

/// Sessions that are not over.
#[derive(Default)]
pub(super) struct Translations {
    /// The sender's new address and port, by its flow, and since when.
    of: HashMap<Flow, ((IpAddr, u16), Timestamp)>,
    /// Whose a translated flow is.
    owners: HashMap<Flow, Flow>,
}

impl Translations {
    /// A packet of `flow` has left as `out`.
    ///
    /// # Errors
    /// What is wrong with that.
    pub fn note(&mut self, now: Timestamp, flow: Flow, out: Flow) -> Result<(), String> {
        if !matches!(flow.protocol, 6 | 17) {
            return Ok(());
        }
        let (before, _) = *self.of.entry(flow).or_insert((out.source, now));
        if before != out.source {
            return Err(format!("{flow:?} leaves as {:?}, it was {before:?} before", out.source));
        }
        match self.owners.insert(out, flow).filter(|owner| *owner != flow) {
            Some(owner) => Err(format!("{flow:?} leaves as {out:?}, as {owner:?} does")),
            None => Ok(()),
        }
    }

    /// The session of this client's flow is over.
    pub fn end(&mut self, flow: &Flow) {
        if let Some((source, _)) = self.of.remove(flow) {
            self.owners.remove(&Flow { source, ..*flow });
        }
    }

    /// Sessions may be translated otherwise from now on, but for those that are older than `since`.
    pub fn forget(&mut self, since: Option<Timestamp>) {
        let stays = |begun: &Timestamp| since.is_some_and(|since| *begun <= since);
        self.of.retain(|_, (_, begun)| stays(begun));
        let of = &self.of;
        self.owners.retain(|_, owner| of.contains_key(owner));
    }
}
