//! A new session's translation: planned before the rules are asked, taken when they allow, given back at
//! its end.

use core::net::IpAddr;

use bifrons_model::{DropReason, InterfaceId, NatRuleId, Translation, ZoneId};
use bifrons_policy::NatQuery;
use bifrons_session::{
    FlowKey, NO_NUMBER, SessionFlags, State,
    nat::{NatRefusal, NatRequest, Translated},
};
use bifrons_wire::{Addresses, protocol};

use crate::{Outbox, Step, Verdict, Worker, gateway::Prediction};

/// What becomes of a new session's ends.
pub(crate) struct Plan {
    rule: Option<NatRuleId>,
    is_reverse: bool,
    /// Whether the rule translates at all.
    translates: bool,
    /// Client to server as it leaves; the source stays as it is until it is translated.
    pub leaving: FlowKey,
}

impl Worker {
    /// Finds the NAT rule for a session that arrives with `c2s` and whose original destination lies behind
    /// `interface_out`, and where it sends the session. What it takes for the source is left for when the
    /// session is allowed.
    pub(crate) fn plan_translation(
        &self,
        c2s: &FlowKey,
        (interface_out, zone_to): (InterfaceId, ZoneId),
        outbox: &mut Outbox,
    ) -> Result<Plan, Verdict> {
        let addresses = c2s.addresses();
        let query = || NatQuery {
            zone_from: c2s.zone(),
            zone_to,
            interface_out,
            source: addresses.source(),
            destination: addresses.destination(),
            source_port: c2s.source_port(),
            destination_port: c2s.destination_port(),
            protocol: c2s.protocol(),
        };
        outbox.note(|| Step::Nat(query()));
        if self.policy.nat_rules().next().is_none() {
            return Ok(Plan::none(*c2s));
        }
        let Some(found) = self.policy.nat(&query(), self.nat_owner) else {
            return Ok(Plan::none(*c2s));
        };
        let (is_reverse, translates) = (found.is_reverse, found.translates);
        if self.place.worker != 0 && translates && !self.nat.is_divisible(found.rule) {
            return Err(Verdict::HandOver(0));
        }
        let mut plan = Plan { rule: Some(found.rule), is_reverse, translates, leaving: *c2s };
        if let Some(request) = plan.request(c2s) {
            let found = self.nat.destination(&request);
            let (server, port) = found.map_err(|refusal| Verdict::Drop(refused(refusal)))?;
            plan.leaving = leaving_to(c2s, server, port);
        }
        Ok(plan)
    }

    /// Takes an address and a port for the source of a session that is allowed and comes back from
    /// `zone_to`.
    pub(crate) fn translate_source(
        &mut self,
        c2s: &FlowKey,
        zone_to: ZoneId,
        plan: &mut Plan,
    ) -> Result<(), DropReason> {
        let Some(request) = plan.request(c2s) else { return Ok(()) };
        let server = (plan.leaving_to_address(), plan.leaving.destination_port());
        let table = &self.table;
        let mut is_free = |translation: &Translation| match leaving(c2s, translation) {
            Some(leaving) => {
                let reply = leaving.reversed(zone_to);
                let taken_by = table.find(&reply, table.hash(&reply));
                // What was blocked from outside is no reason to refuse the inside (RFC 5382, REQ-4).
                taken_by.is_none_or(|hit| table.get(hit.slot).state == State::Discard)
            }
            None => false,
        };
        let given = self.nat.allocate(self.now, &request, server, &mut is_free).map_err(refused)?;
        plan.leaving = leaving(c2s, &given).ok_or(DropReason::NatUntranslatable)?;
        Ok(())
    }

    /// The translation of a session that another has foretold, and whether it has taken something from a
    /// pool.
    pub(crate) fn plan_foretold(
        &mut self,
        c2s: &FlowKey,
        zone_to: ZoneId,
        prediction: &Prediction,
    ) -> Result<(Plan, bool), DropReason> {
        let rule = prediction.parent.nat_rule;
        let (destination, destination_port) = prediction.destination;
        let mut plan = Plan::none(*c2s);
        if rule == NO_NUMBER {
            return Ok((plan, false));
        }
        plan.rule = Some(NatRuleId(rule.into()));
        let Some(source) = prediction.source else {
            plan.translates = true;
            plan.leaving = leaving_to(c2s, destination, destination_port);
            self.translate_source(c2s, zone_to, &mut plan)?;
            return Ok((plan, true));
        };
        let source_port = c2s.source_port();
        let translation = Translation { source, source_port, destination, destination_port };
        plan.leaving = leaving(c2s, &translation).ok_or(DropReason::NatUntranslatable)?;
        Ok((plan, false))
    }

    /// Notes the translation in the session.
    pub(crate) fn describe_translation(&mut self, slot: u32, plan: &Plan, is_taken: bool) {
        let Some(rule) = plan.rule else { return };
        let [c2s, s2c] = self.table.keys(slot);
        let session = self.table.get_mut(slot);
        // Rules have no more numbers than fit: the policy sees to that.
        session.nat_rule = u16::try_from(rule.0).unwrap_or(NO_NUMBER);
        session.flags.set(SessionFlags::TRANSLATED, s2c != c2s.reversed(s2c.zone()));
        session.flags.set(SessionFlags::NAT_TAKEN, is_taken);
    }

    /// Gives back what a session that ends has taken.
    pub(crate) fn release_translation(&mut self, slot: u32) {
        if let Some(translated) = self.translated(slot) {
            self.nat.release(self.now, &translated);
        }
    }

    /// What a session has taken from a pool, if it has.
    pub(crate) fn translated(&self, slot: u32) -> Option<Translated> {
        let session = self.table.get(slot);
        if !session.flags.has(SessionFlags::NAT_TAKEN) || session.nat_rule == NO_NUMBER {
            return None;
        }
        let [c2s, s2c] = self.table.keys(slot);
        let (source, reply) = (c2s.addresses().source(), s2c.addresses());
        Some(Translated {
            rule: NatRuleId(session.nat_rule.into()),
            protocol: c2s.protocol(),
            source,
            source_port: c2s.source_port(),
            translation: Translation {
                source: reply.destination(),
                source_port: s2c.destination_port(),
                destination: reply.source(),
                destination_port: s2c.source_port(),
            },
        })
    }
}

impl Plan {
    /// No rule: the session leaves as it comes.
    pub(crate) const fn none(c2s: FlowKey) -> Self {
        Self { rule: None, is_reverse: false, translates: false, leaving: c2s }
    }

    /// Whether a rule translates the session.
    pub(crate) const fn translates(&self) -> bool {
        self.translates
    }

    fn request(&self, c2s: &FlowKey) -> Option<NatRequest> {
        let addresses = c2s.addresses();
        Some(NatRequest {
            rule: self.rule.filter(|_| self.translates)?,
            is_reverse: self.is_reverse,
            protocol: c2s.protocol(),
            source: addresses.source(),
            source_port: c2s.source_port(),
            destination: addresses.destination(),
            destination_port: c2s.destination_port(),
        })
    }

    fn leaving_to_address(&self) -> IpAddr {
        self.leaving.addresses().destination()
    }
}

const fn refused(refusal: NatRefusal) -> DropReason {
    match refusal {
        NatRefusal::Exhausted => DropReason::NatPoolExhausted,
        NatRefusal::Conflict => DropReason::NatConflict,
        NatRefusal::Untranslatable => DropReason::NatUntranslatable,
    }
}

/// Where a session goes as the destination's translation says; in the other family it gets a source later,
/// and until then has none.
fn leaving_to(c2s: &FlowKey, server: IpAddr, port: u16) -> FlowKey {
    let addresses = match (c2s.addresses(), server) {
        (Addresses::V4 { source, .. }, IpAddr::V4(server)) => {
            Addresses::V4 { source, destination: server.to_bits() }
        }
        (Addresses::V6 { source, .. }, IpAddr::V6(server)) => {
            Addresses::V6 { source, destination: server.to_bits() }
        }
        (Addresses::V6 { .. }, IpAddr::V4(server)) => {
            Addresses::V4 { source: 0, destination: server.to_bits() }
        }
        (Addresses::V4 { .. }, IpAddr::V6(server)) => {
            Addresses::V6 { source: 0, destination: server.to_bits() }
        }
    };
    let protocol = protocol_in(addresses, c2s.protocol());
    FlowKey::new(addresses, c2s.source_port(), port, protocol, c2s.zone())
}

/// Client to server as it leaves; `None` where the two ends are of different families.
fn leaving(c2s: &FlowKey, translation: &Translation) -> Option<FlowKey> {
    let addresses = match (translation.source, translation.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            Addresses::V4 { source: source.to_bits(), destination: destination.to_bits() }
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            Addresses::V6 { source: source.to_bits(), destination: destination.to_bits() }
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    let (source_port, destination_port) = (translation.source_port, translation.destination_port);
    let protocol = protocol_in(addresses, c2s.protocol());
    Some(FlowKey::new(addresses, source_port, destination_port, protocol, c2s.zone()))
}

/// ICMP has a number of its own in each family (RFC 7915).
const fn protocol_in(addresses: Addresses, number: u8) -> u8 {
    match (addresses, number) {
        (Addresses::V6 { .. }, protocol::ICMP) => protocol::ICMPV6,
        (Addresses::V4 { .. }, protocol::ICMPV6) => protocol::ICMP,
        _ => number,
    }
}
