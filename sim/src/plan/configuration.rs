//! A plan's network and rules as an operator would write them.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{Plan, Rule, Service, TalkKind, Topology, Verdict, ZONES};

/// Behind which address sources of the first zone are hidden in the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The address.
    pub behind: Ipv4Addr,
    /// The device of an active/active pair whose sessions are; `None` for all sessions.
    pub binding: Option<u8>,
}

impl Plan {
    /// The firewall's configuration with these rules, as `set` lines.
    pub fn configuration(&self, rules: &[Rule]) -> String {
        let hidden = Hidden { behind: self.gateway(1).0, binding: None };
        self.configuration_at(rules, &|zone| self.gateway(zone), &[hidden])
    }

    /// The same with other interface addresses, and sources hidden otherwise.
    pub(crate) fn configuration_at(
        &self,
        rules: &[Rule],
        own: &dyn Fn(usize) -> (Ipv4Addr, Ipv6Addr),
        hidden: &[Hidden],
    ) -> String {
        let mut text = String::from("set deviceconfig system hostname simulated\n");
        let _ = writeln!(text, "set deviceconfig setting session capacity {}", self.capacity);
        match self.topology {
            Topology::Routed => self.write_routed(&mut text, own),
            Topology::VirtualWire => self.write_wire(&mut text),
        }
        for hidden in hidden.iter().filter(|_| self.hides && self.topology == Topology::Routed) {
            write_hidden(&mut text, hidden);
        }
        for (place, rule) in rules.iter().enumerate() {
            write_rule(&mut text, &format!("rule-{place}"), rule);
        }
        let last = Rule { from: None, to: None, service: Service::Any, verdict: Verdict::Drop };
        write_rule(&mut text, "rest", &last);
        text
    }

    fn write_routed(&self, text: &mut String, own: &dyn Fn(usize) -> (Ipv4Addr, Ipv6Addr)) {
        for (zone, plan) in self.zones.iter().enumerate() {
            let (v4, v6) = own(zone);
            let (interface, base) = self.interface(zone);
            let _ = writeln!(text, "{base} ip {v4}/16");
            let _ = writeln!(text, "{base} ipv6 enabled yes");
            let _ = writeln!(text, "{base} ipv6 address {v6}/64");
            if let Some(tag) = plan.tag {
                let _ = writeln!(text, "{base} tag {tag}");
            }
            if self.adjusts {
                let _ = writeln!(text, "{base} adjust-tcp-mss enable yes");
            }
            if plan.mtu != 1500 {
                let _ = writeln!(text, "{base} mtu {}", plan.mtu);
            }
            let _ = writeln!(text, "set zone {} network layer3 {interface}", ZONES[zone]);
            let _ = writeln!(text, "set network virtual-router default interface {interface}");
        }
        let floods = self.talks().any(|(_, talk)| matches!(talk.kind, TalkKind::Flood(_)));
        if !floods {
            return;
        }
        // Addresses of nobody come from behind the second zone.
        let back = "set network virtual-router default routing-table ip static-route back";
        let _ = writeln!(text, "{back} destination 198.18.0.0/15");
        let _ = writeln!(text, "{back} nexthop ip-address {}", self.addresses(1, 0).v4);
    }

    /// The interface of a zone, and what its lines begin with.
    fn interface(&self, zone: usize) -> (String, String) {
        let port = interface(self.port(zone));
        let base = format!("set network interface ethernet {port} layer3");
        match self.zones[zone].tag {
            None => (port, base),
            Some(tag) => {
                let unit = format!("{port}.{tag}");
                let base = format!("{base} units {unit}");
                (unit, base)
            }
        }
    }

    fn write_wire(&self, text: &mut String) {
        for (zone, name) in ZONES.iter().enumerate().take(2) {
            let interface = interface(zone);
            let _ = writeln!(text, "set network interface ethernet {interface} virtual-wire");
            let _ = writeln!(text, "set zone {name} network virtual-wire {interface}");
        }
        let [first, second] = [interface(0), interface(1)];
        let _ = writeln!(text, "set network virtual-wire wire interface1 {first} interface2 {second}");
    }
}

/// The interface of a port.
pub fn interface(port: usize) -> String {
    format!("ethernet1/{}", port + 1)
}

fn write_hidden(text: &mut String, hidden: &Hidden) {
    let [from, to, ..] = ZONES;
    let base = "set rulebase nat rules hide";
    let address = hidden.behind;
    let rule = hidden.binding.map_or_else(|| base.to_owned(), |device| format!("{base}-{device}"));
    if let Some(device) = hidden.binding {
        let _ = writeln!(text, "{rule} active-active-device-binding {device}");
    }
    let _ = writeln!(text, "{rule} from {from} to {to} source any destination any service any");
    let _ = writeln!(text, "{rule} source-translation dynamic-ip-and-port translated-address {address}");
}

fn write_rule(text: &mut String, name: &str, rule: &Rule) {
    let zone = |zone: Option<usize>| zone.and_then(|zone| ZONES.get(zone).copied()).unwrap_or("any");
    let service = match rule.service {
        Service::Any => "any".to_owned(),
        Service::Tcp(first, last) => {
            let _ = writeln!(text, "set service {name} protocol tcp port {first}-{last}");
            name.to_owned()
        }
        Service::Udp(first, last) => {
            let _ = writeln!(text, "set service {name} protocol udp port {first}-{last}");
            name.to_owned()
        }
    };
    let action = match rule.verdict {
        Verdict::Allow => "allow",
        Verdict::Drop => "drop",
        Verdict::ResetBoth => "reset-both",
    };
    let base = format!("set rulebase security rules {name}");
    let (from, to) = (zone(rule.from), zone(rule.to));
    let _ = writeln!(text, "{base} from {from} to {to} source any destination any");
    let _ = writeln!(text, "{base} application any service {service} action {action} log-end yes");
}
