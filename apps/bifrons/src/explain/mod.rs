//! Why a packet was treated as it was: what the engine noted on the packet's way, in words.

pub mod packet;
pub mod policy_match;

use std::net::IpAddr;

use bifrons_dataplane::{Step, Verdict};
use bifrons_model::{Direction, InterfaceId, Names, ZoneId};
use bifrons_policy::{Decision, NatOwner, NatQuery, Policy, Query};
use bifrons_session::FlowKey;
use bifrons_wire::protocol;
use serde_json::{Map, Value, json};

/// What an explanation is made with.
struct Words<'a> {
    policy: &'a Policy,
    /// Whether every earlier rule is listed, not only how many there are.
    shows_all: bool,
}

/// One line of an explanation: a subject, what is said of it, and why nothing else was chosen.
struct Line {
    subject: &'static str,
    text: String,
    /// Rules that came before, each with the reason for which it was not for the packet.
    earlier: Vec<(String, String)>,
    json: Value,
}

impl Words<'_> {
    fn names(&self) -> &Names {
        self.policy.names()
    }

    /// The packet's way, line by line.
    fn lines(&self, steps: &[Step]) -> Vec<Line> {
        steps.iter().filter_map(|step| self.line(step)).collect()
    }

    fn line(&self, step: &Step) -> Option<Line> {
        let line = |subject, text: String, json| Line { subject, text, earlier: Vec::new(), json };
        Some(match step {
            Step::Unreadable(_) | Step::Read { .. } | Step::Emitted => return None,
            Step::Hit { session, direction } => {
                let way = way(*direction);
                line(
                    "session",
                    format!("{session}, {way}"),
                    json!({ "session": session.0, "direction": way }),
                )
            }
            Step::Miss => line("session", "none yet".into(), json!({ "session": null })),
            Step::Foretold { parent } => {
                let text = format!("foretold by session {parent}: no rule is asked");
                line("session", text, json!({ "foretold_by": parent.0 }))
            }
            Step::Route { destination, to } => self.route(*destination, *to),
            Step::NextHop(way) => {
                let interface = self.policy.names().interface(way.interface).to_owned();
                let gateway = way.gateway.map(|gateway| gateway.to_string());
                let text = match &gateway {
                    Some(gateway) => format!("{gateway} on {interface}"),
                    None => format!("the destination itself on {interface}"),
                };
                line("next hop", text, json!({ "interface": interface, "gateway": gateway }))
            }
            Step::Nat(query) => self.nat(query),
            Step::Overridden(app) => {
                let name = self.policy.application(*app).name.to_owned();
                line("override", format!("the application is {name}"), json!({ "application": name }))
            }
            Step::Security { query, decision } => self.security(query, decision),
            Step::Admitted { session, keys } => self.admitted(session.0, keys),
            Step::Identified(app) => {
                let name = self.policy.application(*app).name.to_owned();
                line("application", name.clone(), json!({ "application": name }))
            }
            Step::Translated(key) => {
                let text = format!("leaves as {}", flow(key));
                line("translated", text, json!({ "flow": flow(key) }))
            }
        })
    }

    fn route(&self, destination: IpAddr, to: Option<(InterfaceId, ZoneId)>) -> Line {
        let names = self.names();
        let text = match to {
            Some((interface, zone)) => {
                format!(
                    "{destination} lies behind {} in zone {}",
                    names.interface(interface),
                    names.zone(zone)
                )
            }
            None => format!("no route and zone for {destination}"),
        };
        let json = json!({
            "destination": destination.to_string(),
            "interface": to.map(|(interface, _)| names.interface(interface)),
            "zone": to.map(|(_, zone)| names.zone(zone)),
        });
        Line { subject: "route", text, earlier: Vec::new(), json }
    }

    fn nat(&self, query: &NatQuery) -> Line {
        let explanation = self.policy.explain_nat(query, NatOwner::ALONE);
        let names = self.names();
        let called = |rule, is_reverse: bool| {
            format!("{}{}", names.nat_rule(rule), if is_reverse { " (reverse)" } else { "" })
        };
        let text = match explanation.decision {
            Some(found) if found.translates => called(found.rule, found.is_reverse),
            Some(found) => format!("{}: exempts from translation", called(found.rule, found.is_reverse)),
            None => "no rule: no translation".into(),
        };
        let earlier = explanation.earlier.iter();
        let earlier: Vec<_> = earlier
            .map(|(rule, is_reverse, why)| (called(*rule, *is_reverse), why.text().to_owned()))
            .collect();
        let rule = explanation.decision.map(|found| names.nat_rule(found.rule));
        let json = json!({
            "rule": rule,
            "reverse": explanation.decision.is_some_and(|found| found.is_reverse),
            "translates": explanation.decision.is_some_and(|found| found.translates),
            "earlier": earlier_json(&earlier),
        });
        Line { subject: "NAT rule", text, earlier, json }
    }

    fn security(&self, query: &Query, decision: &Decision) -> Line {
        let explanation = self.policy.explain(query);
        let names = self.names();
        let application = query.app.map(|app| self.policy.application(app).name);
        let mut text = format!("{}: {}", names.rule(decision.rule), decision.action.name());
        if decision.action != decision.rule_action {
            text += &format!(" ({} of the application)", decision.rule_action.name());
        }
        match application {
            Some(name) => text += &format!(", for {name} {}", self.zones(query)),
            None => text += &format!(", application not known yet, {}", self.zones(query)),
        }
        if decision.implicit {
            text += "; let through because the rule allows what it carries";
        } else if !decision.certain {
            text += "; will be asked again";
        }
        let earlier = explanation.earlier.iter();
        let earlier: Vec<_> =
            earlier.map(|(rule, why)| (names.rule(*rule).to_owned(), why.text().to_owned())).collect();
        let user = names.user(query.user);
        let category = query.category.map(|category| names.category(category));
        let json = json!({
            "rule": names.rule(decision.rule),
            "action": decision.action.name(),
            "rule_action": decision.rule_action.name(),
            "from": names.zone(query.zone_from),
            "to": names.zone(query.zone_to),
            "application": application,
            "user": (!user.is_empty()).then_some(user),
            "category": category.filter(|name| !name.is_empty()),
            "certain": decision.certain,
            "implicit": decision.implicit,
            "earlier": earlier_json(&earlier),
        });
        Line { subject: "rule", text, earlier, json }
    }

    fn zones(&self, query: &Query) -> String {
        format!("{} to {}", self.names().zone(query.zone_from), self.names().zone(query.zone_to))
    }

    fn admitted(&self, session: u32, [c2s, s2c]: &[FlowKey; 2]) -> Line {
        let (arriving, leaving) = (flow(c2s), flow(&s2c.reversed(s2c.zone())));
        let mut text = format!("{session} is made, {arriving}");
        if leaving != arriving {
            text += &format!(", leaves as {leaving}");
        }
        let json = json!({ "session": session, "flow": arriving, "leaves_as": leaving });
        Line { subject: "session", text, earlier: Vec::new(), json }
    }

    fn verdict(&self, verdict: Verdict) -> String {
        match verdict {
            Verdict::Transmit(interface) => format!("leaves by {}", self.names().interface(interface)),
            Verdict::Drop(reason) => format!("dropped, {}: {}", reason.name(), reason.text()),
            Verdict::Held => "waits for the other fragments of its packet".into(),
            Verdict::Host(_) => "is for the device itself".into(),
            Verdict::HandOver(_) => "belongs to another worker".into(),
            Verdict::ToPeer => "is the other device's".into(),
            Verdict::Pending => "not judged".into(),
        }
    }

    /// The lines as people read them, below what they are about.
    fn print(&self, lines: &[Line]) -> String {
        let mut text = String::new();
        for line in lines {
            text += &format!("  {:<12}{}\n", line.subject, line.text);
            let count = line.earlier.len();
            if self.shows_all {
                for (rule, why) in &line.earlier {
                    text += &format!("  {:<12}not {rule}: {why}\n", "");
                }
            } else if count > 0 {
                let rules = if count == 1 { "rule" } else { "rules" };
                text += &format!("  {:<12}after {count} other {rules} (--all lists them)\n", "");
            }
        }
        text
    }
}

fn steps_json(lines: &[Line]) -> Vec<Value> {
    lines
        .iter()
        .map(|line| {
            let mut step = Map::new();
            step.insert("step".into(), line.subject.into());
            if let Value::Object(fields) = &line.json {
                step.extend(fields.clone());
            }
            Value::Object(step)
        })
        .collect()
}

fn earlier_json(earlier: &[(String, String)]) -> Vec<Value> {
    earlier.iter().map(|(rule, why)| json!({ "rule": rule, "why_not": why })).collect()
}

const fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::ClientToServer => "client to server",
        Direction::ServerToClient => "server to client",
    }
}

/// `10.0.0.1:40000 > 192.0.2.1:80 tcp`
fn flow(key: &FlowKey) -> String {
    let (addresses, number) = (key.addresses(), key.protocol());
    let has_ports = matches!(number, protocol::TCP | protocol::UDP | protocol::SCTP | protocol::UDP_LITE);
    let end = |address: IpAddr, port: u16| match (has_ports, address) {
        (false, address) => address.to_string(),
        (true, IpAddr::V4(address)) => format!("{address}:{port}"),
        (true, IpAddr::V6(address)) => format!("[{address}]:{port}"),
    };
    let source = end(addresses.source(), key.source_port());
    let destination = end(addresses.destination(), key.destination_port());
    format!("{source} > {destination} {}", protocol_name(number))
}

fn protocol_name(number: u8) -> String {
    match number {
        protocol::TCP => "tcp".into(),
        protocol::UDP => "udp".into(),
        protocol::ICMP => "icmp".into(),
        protocol::ICMPV6 => "icmp6".into(),
        protocol::SCTP => "sctp".into(),
        number => format!("protocol {number}"),
    }
}
