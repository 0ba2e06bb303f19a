//! Which `set` lines both devices have in common, and which each keeps for itself.
//!
//! PAN-OS, "What Doesn't Sync in Active/Passive HA" and "… in Active/Active HA". Profiles for log forwarding
//! and the servers that they name are common, because rules name them; the device's own log settings are
//! not.

use alloc::{string::String, vec::Vec};

/// What only an active/active pair keeps apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Common {
    /// Both devices forward, each with interface addresses of its own.
    pub active_active: bool,
    /// `network-configuration sync virtual-router`; active/passive devices always share them.
    pub virtual_router: bool,
    /// `network-configuration sync logical-router`.
    pub logical_router: bool,
    /// `network-configuration sync qos`.
    pub qos: bool,
}

/// Beginnings of lines that never travel.
const OWN: &[&[&str]] = &[
    // Hostname, management address, time zone, banner, name and time servers.
    &["deviceconfig", "system"],
    &["deviceconfig", "high-availability"],
    &["deviceconfig", "setting", "management"],
    &["deviceconfig", "setting", "jumbo-frame"],
    &["deviceconfig", "setting", "session", "packet-buffer-protection-enable"],
    &["deviceconfig", "setting", "session", "packet-buffer-protection-alert"],
    &["deviceconfig", "setting", "session", "packet-buffer-protection-activate"],
    &["deviceconfig", "setting", "session", "packet-buffer-protection-block-hold-time"],
    &["deviceconfig", "setting", "session", "packet-buffer-protection-block-duration-time"],
    &["deviceconfig", "setting", "hsm-settings"],
    &["deviceconfig", "setting", "snmp"],
    &["mgt-config"],
    &["log-settings", "system"],
    &["log-settings", "config"],
    &["log-settings", "userid"],
    &["log-settings", "hipmatch"],
    &["log-settings", "globalprotect"],
    &["log-settings", "iptag"],
    &["log-settings", "correlation"],
];

/// Kinds of interfaces whose addresses an active/active device has for itself.
const ADDRESSED: &[&str] = &["ethernet", "aggregate-ethernet", "loopback", "vlan", "tunnel"];

impl Common {
    /// Whether a line of the form `set …` is the same on both devices.
    pub fn shares(&self, line: &str) -> bool {
        let words = words(line);
        let path = match words.split_first() {
            Some((&"set", path)) => path,
            Some(_) | None => return true,
        };
        if OWN.iter().any(|own| path.starts_with(own)) {
            return false;
        }
        !self.active_active || self.shares_when_both_forward(path)
    }

    /// The lines that both devices have in common, in their order.
    pub fn common_part(&self, text: &str) -> String {
        self.lines(text, true)
    }

    /// A whole configuration from the peer's common part and what this device keeps for itself.
    pub fn joined(&self, common: &str, own: &str) -> String {
        let mut text = self.common_part(common);
        text.push_str(&self.lines(own, false));
        text
    }

    fn lines(&self, text: &str, common: bool) -> String {
        let mut part = String::new();
        let lines = text.lines().filter(|line| !line.trim().is_empty() && self.shares(line) == common);
        for line in lines {
            part.push_str(line);
            part.push('\n');
        }
        part
    }

    fn shares_when_both_forward(&self, path: &[&str]) -> bool {
        match path {
            ["network", "virtual-router", ..] => self.virtual_router,
            ["network", "logical-router", ..] => self.logical_router,
            ["network", "qos", ..] => self.qos,
            ["network", "lldp", ..] => false,
            ["network", "interface", kind, rest @ ..] if ADDRESSED.contains(kind) => !names_address(rest),
            _ => true,
        }
    }
}

/// Whether the words behind the kind of an interface lead to its addresses. Units have theirs behind their
/// name.
fn names_address(path: &[&str]) -> bool {
    let inner = match path {
        ["units", _unit, inner @ ..] => inner,
        [_name, "layer3", "units", _unit, inner @ ..] => inner,
        [_name, "layer3", inner @ ..] => inner,
        inner => inner,
    };
    match inner {
        ["ip" | "dhcp-client" | "pppoe", ..] | ["ipv6", "address" | "interface-id", ..] => true,
        [_name, "ip", ..] | [_name, "ipv6", "address", ..] => path.first() != Some(&"units"),
        _ => false,
    }
}

/// The words of a line; one in quotes keeps its blanks and loses nothing else.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix('"').and_then(|inner| inner.split_once('"'));
        let (word, behind) = quoted.or_else(|| rest.split_once(char::is_whitespace)).unwrap_or((rest, ""));
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN_LINES: [&str; 12] = [
        "set deviceconfig system hostname west",
        "set deviceconfig system ip-address 192.0.2.1",
        "set deviceconfig system timezone Europe/Berlin",
        "set deviceconfig system login-banner \"Keep out\"",
        "set deviceconfig system dns-setting servers primary 192.0.2.53",
        "set deviceconfig high-availability enabled yes",
        "set deviceconfig high-availability group mode active-active device-id 1",
        "set deviceconfig setting management idle-timeout 30",
        "set deviceconfig setting jumbo-frame mtu 9000",
        "set log-settings system match-list all send-syslog west",
        "set log-settings config match-list all send-syslog west",
        "set mgt-config users admin permissions role-based superuser yes",
    ];

    const COMMON_LINES: [&str; 8] = [
        "set rulebase security rules \"deviceconfig system\" action allow",
        "set address deviceconfig ip-netmask 192.0.2.1",
        "set deviceconfig setting session timeout-tcp 1800",
        "set log-settings profiles forward match-list all send-syslog servers",
        "set log-settings syslog servers server one server 192.0.2.9",
        "set network interface ethernet ethernet1/1 link-state auto",
        "set network profiles zone-protection-profile outside flood tcp-syn enable yes",
        "set zone trust network layer3 ethernet1/1",
    ];

    #[test]
    fn a_device_keeps_what_is_its_own() {
        for active_active in [false, true] {
            let common = Common { active_active, ..Common::default() };
            for line in OWN_LINES {
                assert!(!common.shares(line), "{line}");
            }
            for line in COMMON_LINES {
                assert!(common.shares(line), "{line}");
            }
        }
    }

    #[test]
    fn active_active_devices_have_addresses_of_their_own() {
        let passive = Common::default();
        let active = Common { active_active: true, ..Common::default() };
        let own = [
            "set network interface ethernet ethernet1/1 layer3 ip 192.0.2.1/24",
            "set network interface ethernet ethernet1/1 layer3 units ethernet1/1.5 ip 192.0.2.1/24",
            "set network interface ethernet ethernet1/1 layer3 ipv6 address 2001:db8::1/64",
            "set network interface aggregate-ethernet ae1 layer3 ip 192.0.2.1/24",
            "set network interface loopback units loopback.1 ip 192.0.2.7",
            "set network interface tunnel ip 192.0.2.7",
            "set network virtual-router default routing-table ip static-route out destination 0.0.0.0/0",
            "set network logical-router default vrf default interface ethernet1/1",
            "set network qos interface ethernet1/1 enabled yes",
        ];
        for line in own {
            assert!(passive.shares(line) && !active.shares(line), "{line}");
        }
        let common = [
            "set network interface ethernet ethernet1/1 layer3",
            "set network interface ethernet ethernet1/1 layer3 mtu 1400",
            "set network interface ethernet ethernet1/1 layer3 units ethernet1/1.5 tag 5",
            "set network interface ethernet ethernet1/1 layer3 ipv6 enabled yes",
            "set network interface loopback units loopback.1 comment ip",
        ];
        for line in common {
            assert!(active.shares(line), "{line}");
        }
        let all = Common { active_active: true, virtual_router: true, logical_router: true, qos: true };
        assert!(own[6..].iter().all(|line| all.shares(line)));
        assert!(own[..6].iter().all(|line| !all.shares(line)));
    }

    #[test]
    fn a_peers_configuration_leaves_ones_own_lines_alone() {
        let common = Common::default();
        let west =
            "set deviceconfig system hostname west\nset zone a network layer3\n\nset zone b network layer3\n";
        let east = "set zone c network layer3\nset deviceconfig system hostname east\n";
        let part = common.common_part(west);
        assert_eq!(part, "set zone a network layer3\nset zone b network layer3\n");
        let joined = common.joined(&part, east);
        assert_eq!(
            joined,
            "set zone a network layer3\nset zone b network layer3\nset deviceconfig system hostname east\n"
        );
        assert_eq!(common.joined(west, east), joined, "lines that should not have come are dropped");
        assert_eq!(common.common_part(&joined), part);
    }
}
