//! As what hidden sessions go out: each as one thing while it lasts, no two as the same.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use bifrons_model::Timestamp;

use super::Flow;

/// How long after the devices tell each other again a session may still go out as either has begun it.
const SETTLES: Duration = Duration::from_secs(2);

/// Sessions that are not over.
#[derive(Default)]
pub(super) struct Translations {
    /// The sender's new addresses and ports, the present one last, by its flow, and since when.
    of: HashMap<Flow, (Vec<(IpAddr, u16)>, Timestamp)>,
    /// Whose a translated flow is.
    owners: HashMap<Flow, Flow>,
    /// Sessions that began in this span are known to one device only.
    untold: Option<[Timestamp; 2]>,
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
        let (sources, since) = self.of.entry(flow).or_insert_with(|| (vec![out.source], now));
        if let Some(before) = sources.last().copied().filter(|before| *before != out.source) {
            let is_untold =
                |[from, until]: &[Timestamp; 2]| (*from..=*until).contains(since) && now <= *until + SETTLES;
            if !self.untold.as_ref().is_some_and(is_untold) {
                return Err(format!("{flow:?} leaves as {:?}, it was {before:?} before", out.source));
            }
            sources.push(out.source);
        }
        match self.owners.insert(out, flow).filter(|owner| *owner != flow) {
            Some(owner) => Err(format!("{flow:?} leaves as {out:?}, as {owner:?} does")),
            None => Ok(()),
        }
    }

    /// The session of this client's flow is over.
    pub fn end(&mut self, flow: &Flow) {
        for source in self.of.remove(flow).into_iter().flat_map(|(sources, _)| sources) {
            self.owners.remove(&Flow { source, ..*flow });
        }
    }

    /// One device does not hear of the other's sessions in a span. What began in it the other one may begin,
    /// too, as something else: where there is no connection, each packet looks like a first one.
    pub fn untold(&mut self, from: Timestamp, until: Timestamp) {
        let is_one = |[_, before]: &[Timestamp; 2]| from <= *before + SETTLES;
        let [from, until] = self
            .untold
            .filter(is_one)
            .map_or([from, until], |[since, before]| [since.min(from), before.max(until)]);
        self.untold = Some([from, until]);
    }

    /// Sessions may be translated otherwise from now on, but for those that are older than `since`.
    pub fn forget(&mut self, since: Option<Timestamp>) {
        let stays = |begun: &Timestamp| since.is_some_and(|since| *begun <= since);
        self.of.retain(|_, (_, begun)| stays(begun));
        let of = &self.of;
        self.owners.retain(|_, owner| of.contains_key(owner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_000);

    fn flow(source: (u8, u16)) -> Flow {
        let address = |last| IpAddr::from([10, 0, 0, last]);
        Flow { protocol: 17, source: (address(source.0), source.1), destination: (address(99), 53) }
    }

    #[test]
    fn a_session_goes_out_as_one_thing_and_no_two_as_the_same() {
        let mut known = Translations::default();
        let (first, second, out) = (flow((1, 1)), flow((2, 2)), flow((50, 7)));
        assert_eq!(known.note(START, first, out), Ok(()));
        assert_eq!(known.note(START, first, out), Ok(()));
        assert!(known.note(START, first, flow((50, 8))).is_err(), "it was 7");
        assert!(known.note(START, second, out).is_err(), "the first one has it");
        let mut known = Translations::default();
        assert_eq!(known.note(START, first, out), Ok(()));
        known.end(&first);
        assert_eq!(known.note(START, second, out), Ok(()));
    }

    #[test]
    fn what_was_not_told_may_go_out_as_each_device_has_begun_it() {
        let at = |seconds| START + Duration::from_secs(seconds);
        let (old, new, other) = (flow((1, 1)), flow((2, 2)), flow((3, 3)));
        let outs = [7, 8, 9].map(|port| flow((50, port)));
        let mut known = Translations::default();
        assert_eq!(known.note(at(0), old, outs[0]), Ok(()));
        known.untold(at(10), at(20));
        assert_eq!(known.note(at(12), new, outs[1]), Ok(()));
        assert!(known.note(at(13), old, outs[2]).is_err(), "it was told");
        assert_eq!(known.note(at(21), new, outs[2]), Ok(()));
        assert_eq!(known.note(at(22), new, outs[1]), Ok(()));
        assert!(known.note(at(23), new, outs[2]).is_err(), "by now both know");
        assert!(known.note(at(23), other, outs[1]).is_err(), "it lives");
        known.end(&new);
        assert_eq!(known.note(at(24), other, outs[1]), Ok(()));
    }
}
