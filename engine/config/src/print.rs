//! Typed configuration to lines.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write;

use bifrons_catalog as catalog;
use bifrons_model::Action;

use crate::{
    Config,
    schema::{Home, SECTIONS},
    typed::{AddressRange, DefaultRule, Prefix, RuleType, SecurityRule, Service, ServiceMatch},
    words::quoted,
};

impl Config {
    /// The configuration as lines that `parse` reads back to the same configuration. Settings that have
    /// their default are left out. Names of address objects are not kept: rules show the addresses
    /// themselves.
    pub fn to_set(&self) -> String {
        let mut text = String::new();
        fields(&mut text, self);
        network(&mut text, self);
        zones(&mut text, self);
        for service in distinct_services(self) {
            service_lines(&mut text, service);
        }
        for rule in &self.rules {
            rule_lines(&mut text, self, rule);
        }
        default_rule(&mut text, "intrazone-default", &self.intrazone_default);
        default_rule(&mut text, "interzone-default", &self.interzone_default);
        text
    }

    /// What `replay` reads a capture with when no configuration is given: it judges nothing and loses
    /// nothing.
    pub fn tap() -> Self {
        // The text is part of the program; a test reads it.
        crate::parse(include_str!("tap.set"), "tap.set").unwrap_or_default()
    }
}

fn line(text: &mut String, path: &str, value: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "set {path}{}{value}", if value.is_empty() { "" } else { " " });
}

fn list(text: &mut String, path: &str, values: &[String]) {
    match values {
        [] => {}
        [value] => line(text, path, value),
        values => line(text, path, &format!("[ {} ]", values.join(" "))),
    }
}

fn fields(text: &mut String, config: &Config) {
    let (mut config, mut default) = (config.clone(), Config::default());
    for leaf in SECTIONS.iter().flat_map(|section| section.leaves) {
        let Home::Field(field) = leaf.home else { continue };
        let value = field.read(&mut config);
        if value != field.read(&mut default) {
            line(text, leaf.path, &quoted(&value));
        }
    }
}

fn prefix(prefix: &Prefix) -> String {
    format!("{}/{}", prefix.address, prefix.length)
}

fn network(text: &mut String, config: &Config) {
    for interface in &config.interfaces {
        let path = format!("network interface ethernet {} layer3", interface.name);
        let (v6, v4): (Vec<_>, Vec<_>) =
            interface.addresses.iter().partition(|prefix| prefix.address.is_ipv6());
        if interface.addresses.is_empty() {
            line(text, &path, "");
        }
        list(text, &format!("{path} ip"), &v4.into_iter().map(prefix).collect::<Vec<_>>());
        list(text, &format!("{path} ipv6 address"), &v6.into_iter().map(prefix).collect::<Vec<_>>());
    }
    for route in &config.routes {
        let family = if route.destination.address.is_ipv6() { "ipv6" } else { "ip" };
        let path = format!(
            "network virtual-router default routing-table {family} static-route {}",
            quoted(&route.name)
        );
        line(text, &format!("{path} destination"), &prefix(&route.destination));
        if let Some(interface) = config.interfaces.get(route.interface) {
            line(text, &format!("{path} interface"), &interface.name);
        }
    }
}

fn zones(text: &mut String, config: &Config) {
    for zone in &config.zones {
        let name = quoted(&zone.name);
        let profile = format!("network profiles zone-protection-profile {name}");
        if let Some(reject) = zone.tcp_reject_non_syn {
            line(text, &format!("{profile} tcp-reject-non-syn"), if reject { "yes" } else { "no" });
        }
        if let Some(bypass) = zone.asymmetric_path_bypass {
            line(text, &format!("{profile} asymmetric-path"), if bypass { "bypass" } else { "drop" });
        }
        let path = format!("zone {name} network");
        let interfaces: Vec<String> = zone
            .interfaces
            .iter()
            .filter_map(|place| config.interfaces.get(*place))
            .map(|interface| interface.name.clone())
            .collect();
        if interfaces.is_empty() {
            line(text, &format!("{path} layer3"), "");
        }
        list(text, &format!("{path} layer3"), &interfaces);
        if zone.tcp_reject_non_syn.is_some() || zone.asymmetric_path_bypass.is_some() {
            line(text, &format!("{path} zone-protection-profile"), &name);
        }
    }
}

/// The services that rules use, each name once.
fn distinct_services(config: &Config) -> Vec<&Service> {
    let mut services: Vec<&Service> = Vec::new();
    for rule in &config.rules {
        if let ServiceMatch::Services(listed) = &rule.service {
            services.extend(listed);
        }
    }
    services.sort_by(|one, other| one.name.cmp(&other.name));
    services.dedup_by(|one, other| one.name == other.name);
    services
}

fn service_lines(text: &mut String, service: &Service) {
    let protocol = if service.protocol == 17 { "udp" } else { "tcp" };
    let path = format!("service {} protocol {protocol}", quoted(&service.name));
    let ports = |ranges: &[(u16, u16)]| {
        let ranges: Vec<String> = ranges
            .iter()
            .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
            .collect();
        ranges.join(",")
    };
    line(text, &format!("{path} port"), &ports(&service.ports));
    if !service.source_ports.is_empty() {
        line(text, &format!("{path} source-port"), &ports(&service.source_ports));
    }
    let timeouts = [
        ("timeout", service.timeouts.timeout),
        ("halfclose-timeout", service.timeouts.half_closed),
        ("timewait-timeout", service.timeouts.time_wait),
    ];
    for (word, seconds) in timeouts {
        if let Some(seconds) = seconds {
            line(text, &format!("{path} override yes {word}"), &seconds.to_string());
        }
    }
}

fn rule_lines(text: &mut String, config: &Config, rule: &SecurityRule) {
    let path = format!("rulebase security rules {}", quoted(&rule.name));
    let zones = |places: &[usize]| {
        let zones = places.iter().filter_map(|place| config.zones.get(*place));
        or_any(zones.map(|zone| quoted(&zone.name)).collect())
    };
    let addresses = |ranges: &[AddressRange]| or_any(ranges.iter().map(range).collect());
    let applications = rule.application.iter().map(|app| catalog::name(*app).into()).collect();
    list(text, &format!("{path} from"), &zones(&rule.from));
    list(text, &format!("{path} to"), &zones(&rule.to));
    list(text, &format!("{path} source"), &addresses(&rule.source));
    list(text, &format!("{path} destination"), &addresses(&rule.destination));
    list(text, &format!("{path} application"), &or_any(applications));
    let services = match &rule.service {
        ServiceMatch::Any => Vec::new(),
        ServiceMatch::ApplicationDefault => alloc::vec![String::from("application-default")],
        ServiceMatch::Services(services) => services.iter().map(|service| quoted(&service.name)).collect(),
    };
    list(text, &format!("{path} service"), &or_any(services));
    // `drop-icmp` is how the log spells the two settings together.
    let action = if rule.action == Action::DropIcmp { Action::Drop } else { rule.action };
    line(text, &format!("{path} action"), action.name());
    let rule_type = match rule.rule_type {
        RuleType::Universal => "",
        RuleType::Intrazone => "intrazone",
        RuleType::Interzone => "interzone",
    };
    if !rule_type.is_empty() {
        line(text, &format!("{path} rule-type"), rule_type);
    }
    for (word, value, default) in [
        ("negate-source", rule.negate_source, false),
        ("negate-destination", rule.negate_destination, false),
        ("icmp-unreachable", rule.icmp_unreachable || rule.action == Action::DropIcmp, false),
        ("log-start", rule.log_start, false),
        ("log-end", rule.log_end, true),
        ("disabled", rule.disabled, false),
    ] {
        if value != default {
            line(text, &format!("{path} {word}"), if value { "yes" } else { "no" });
        }
    }
    if !rule.description.is_empty() {
        line(text, &format!("{path} description"), &quoted(&rule.description));
    }
}

fn or_any(values: Vec<String>) -> Vec<String> {
    if values.is_empty() { alloc::vec![String::from("any")] } else { values }
}

fn range(range: &AddressRange) -> String {
    if range.first == range.last {
        range.first.to_string()
    } else {
        format!("{}-{}", range.first, range.last)
    }
}

fn default_rule(text: &mut String, name: &str, rule: &DefaultRule) {
    let path = format!("rulebase default-security-rules rules {name}");
    if let Some(action) = rule.action {
        line(text, &format!("{path} action"), action.name());
    }
    for (word, value) in [("log-start", rule.log_start), ("log-end", rule.log_end)] {
        if value {
            line(text, &format!("{path} {word}"), "yes");
        }
    }
}

#[cfg(test)]
mod tests;
