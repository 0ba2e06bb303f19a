//! Settings of PAN-OS that Bifrons does not have, and what goes without them.

use super::{
    reason::{Effect, Reason},
    statement::Word,
};

/// A row of the table: the beginning of a path, where `*` is any word, and what to say of it.
struct Known {
    path: &'static str,
    what: &'static str,
    is_feature: bool,
    effect: Effect,
}

const fn idle(path: &'static str, what: &'static str) -> Known {
    Known { path, what, is_feature: false, effect: Effect::None }
}

const fn lost(path: &'static str, what: &'static str, effect: Effect) -> Known {
    Known { path, what, is_feature: true, effect }
}

const THREATS: &str = "inspection for threats";
const RULE_LOOKS: &str = "how rules are shown and sorted";

/// The most exact row counts.
const TABLE: &[Known] = &[
    idle("mgt-config", "accounts of administrators"),
    idle("readonly", "what PAN-OS keeps for itself"),
    idle("deviceconfig system", "management of the device"),
    idle("deviceconfig setting management", "management of the device"),
    idle("deviceconfig setting config", "how changes take effect"),
    idle("deviceconfig setting logging", "log forwarding"),
    idle("deviceconfig setting advance-routing", "the choice of a routing engine"),
    lost("deviceconfig setting ctd", THREATS, Effect::Looser),
    lost("deviceconfig setting wildfire", THREATS, Effect::Looser),
    lost("deviceconfig setting hawkeye", THREATS, Effect::Looser),
    lost("deviceconfig setting url-filtering", "URL filtering", Effect::Looser),
    lost("deviceconfig setting ssl-decrypt", "decryption", Effect::Looser),
    lost("deviceconfig setting captive-portal", "authentication of users in a portal", Effect::Looser),
    idle("device", "settings of a cloud service"),
    idle("import", "interfaces and routers belong to the one virtual system"),
    idle("display-name", "the name of the virtual system"),
    idle("visible-vsys", "traffic between virtual systems"),
    idle("setting", "limits and options of the virtual system"),
    idle("content-preview", "new applications of an update"),
    idle("botnet", "reports"),
    idle("reports", "reports"),
    idle("report-group", "reports"),
    idle("pdf-summary-report", "reports"),
    idle("email-scheduler", "reports"),
    idle("admin-role", "accounts of administrators"),
    idle("authentication-profile", "accounts of administrators"),
    idle("authentication-sequence", "accounts of administrators"),
    idle("certificate", "certificates"),
    idle("certificate-profile", "certificates"),
    idle("ssl-tls-service-profile", "certificates"),
    idle("ssl-decrypt", "certificates for decryption"),
    idle("ocsp-responder", "certificates"),
    idle("server-profile", "servers for logs and accounts"),
    idle("log-settings", "log forwarding"),
    idle("log-collector", "log forwarding"),
    idle("log-collector-group", "log forwarding"),
    idle("dns-proxy", "name service for clients"),
    idle("user-id-collector", "where names of users come from"),
    idle("user-id-agent", "where names of users come from"),
    idle("group-mapping", "where names of users come from"),
    idle("local-user-database", "where names of users come from"),
    idle("redistribution-agent", "where names of users come from"),
    idle("redistribution-collector", "where names of users come from"),
    lost("captive-portal", "authentication of users in a portal", Effect::Looser),
    lost("authentication-object", "authentication of users in a portal", Effect::Looser),
    lost("device-object", "conditions on kinds of devices", Effect::Unclear),
    lost("region", "regions", Effect::Unclear),
    lost("threats", THREATS, Effect::Looser),
    lost("profiles", THREATS, Effect::Looser),
    lost("profile-group", THREATS, Effect::Looser),
    lost("profiles hip-objects", "host profiles", Effect::Unclear),
    lost("profiles hip-profiles", "host profiles", Effect::Unclear),
    lost("profiles decryption", "decryption", Effect::Looser),
    lost("profiles dos-protection", "protection from floods", Effect::Looser),
    lost("profiles gtp", "inspection of mobile networks", Effect::Looser),
    lost("profiles sctp", "inspection of mobile networks", Effect::Looser),
    lost("application-status", "states of applications", Effect::Unclear),
    idle("application-tag", "tags of applications"),
    idle("tag", "tags"),
    idle("global-protect", "remote access"),
    idle("sdwan-interface-profile", "choice among uplinks"),
    lost("zone * enable-user-identification", "the zones in which users are known", Effect::Unclear),
    lost("zone * user-acl", "the zones in which users are known", Effect::Unclear),
    lost("zone * network zone-protection-profile", "protection of zones", Effect::Looser),
    lost("zone * network enable-packet-buffer-protection", "protection of packet buffers", Effect::Looser),
    lost("zone * enable-packet-buffer-protection", "protection of packet buffers", Effect::Looser),
    lost("zone * enable-device-identification", "conditions on kinds of devices", Effect::Unclear),
    idle("zone * network log-setting", "log forwarding"),
    lost("zone * network layer2", "layer 2 interfaces", Effect::Stricter),
    lost("zone * network external", "traffic between virtual systems", Effect::Stricter),
    lost("zone * network tunnel", "tunnel interfaces", Effect::Stricter),
    lost("network profiles zone-protection-profile", "protection of zones", Effect::Looser),
    idle("network profiles zone-protection-profile * ipv6 ignore-inv-pkt", "ICMPv6 errors of known sessions"),
    idle("network profiles lldp-profile", "discovery of neighbors"),
    lost("network profiles bfd-profile", "dynamic routing", Effect::Unclear),
    idle("network qos", "quality of service"),
    idle("network lldp", "discovery of neighbors"),
    idle("network dns-proxy", "name service for clients"),
    idle("network shared-gateway", "traffic between virtual systems"),
    lost("network ike", "tunnels", Effect::Stricter),
    lost("network tunnel", "tunnels", Effect::Stricter),
    lost("network dhcp", "address assignment for clients", Effect::Stricter),
    lost("network underlay-net", "tunnels", Effect::Stricter),
    lost("network vlan", "layer 2 interfaces", Effect::Stricter),
    lost("network logical-router", "logical routers", Effect::Stricter),
    lost("network routing-profile", "dynamic routing", Effect::Unclear),
    lost("network virtual-router * protocol", "dynamic routing", Effect::Unclear),
    lost("network virtual-router * multicast", "multicast routing", Effect::Stricter),
    lost("network virtual-router * admin-dists", "dynamic routing", Effect::None),
    lost("network virtual-router * routing-table", "this part of a route", Effect::Unclear),
    lost("network virtual-router * routing-table * static-route * bfd", "dynamic routing", Effect::Unclear),
    lost(
        "network virtual-router * routing-table * static-route * nexthop fqdn",
        "next routers by name (FQDN)",
        Effect::Unclear,
    ),
    idle("network virtual-router * routing-table * static-route * route-table", "the table for multicast"),
    idle("network interface ethernet * lldp", "discovery of neighbors"),
    idle("network interface ethernet * layer3 lldp", "discovery of neighbors"),
    idle("network interface ethernet * layer3 ipv6 neighbor-discovery", "neighbor discovery"),
    idle(
        "network interface ethernet * layer3 ipv6 interface-id",
        "how an address is made of an Ethernet address",
    ),
    idle("network interface ethernet * layer3 sdwan-link-settings", "choice among uplinks"),
    idle("network interface ethernet * layer3 untagged-sub-interface", "subinterfaces without a tag"),
    idle("network interface ethernet * layer3 netflow-profile", "flow export"),
    lost("network interface ethernet * layer3 dhcp-client", "addresses by DHCP", Effect::Stricter),
    lost("network interface ethernet * layer3 pppoe", "addresses by PPPoE", Effect::Stricter),
    lost("network interface ethernet * layer3 units", "this part of a subinterface", Effect::Unclear),
    lost("network interface ethernet * virtual-wire units", "subinterfaces", Effect::Stricter),
    lost("network interface ethernet * layer2", "layer 2 interfaces", Effect::Stricter),
    lost("network interface ethernet * aggregate-group", "aggregated interfaces", Effect::Stricter),
    lost("network interface ethernet * decrypt-mirror", "decryption", Effect::None),
    lost("network interface aggregate-ethernet", "aggregated interfaces", Effect::Stricter),
    lost("network interface loopback", "loopback interfaces", Effect::Stricter),
    lost("network interface tunnel", "tunnel interfaces", Effect::Stricter),
    lost("network interface vlan", "layer 2 interfaces", Effect::Stricter),
    lost("network interface sdwan", "choice among uplinks", Effect::Stricter),
    lost("network interface cellular", "mobile interfaces", Effect::Stricter),
    lost("address * fqdn", "addresses by name (FQDN)", Effect::Unclear),
    lost("address * ip-wildcard", "addresses by wildcard mask", Effect::Unclear),
    idle("address * tag", "tags"),
    lost("address-group * dynamic", "groups by tag", Effect::Unclear),
    idle("address-group * tag", "tags"),
    idle("service * tag", "tags"),
    idle("service-group * tag", "tags"),
    lost("service * protocol sctp", "services other than TCP and UDP", Effect::Unclear),
    lost("external-list", "external lists of this kind", Effect::Unclear),
    lost("application-filter", "filters by this property", Effect::Unclear),
    idle("rulebase security rules * tag", RULE_LOOKS),
    idle("rulebase security rules * group-tag", RULE_LOOKS),
    idle("rulebase security rules * uuid", RULE_LOOKS),
    idle("rulebase security rules * log-setting", "log forwarding"),
    idle("rulebase security rules * qos", "quality of service"),
    idle("rulebase security rules * target negate no", "the management of several devices by Panorama"),
    lost("rulebase security rules * target", "the choice among devices of Panorama", Effect::Unclear),
    lost("rulebase security rules * profile-setting", THREATS, Effect::Looser),
    lost("rulebase security rules * option", THREATS, Effect::None),
    lost("rulebase security rules * disable-inspect", THREATS, Effect::None),
    lost("rulebase default-security-rules rules * profile-setting", THREATS, Effect::Looser),
    idle("rulebase default-security-rules rules * log-setting", "log forwarding"),
    idle("rulebase default-security-rules rules * tag", RULE_LOOKS),
    idle("rulebase default-security-rules rules * group-tag", RULE_LOOKS),
    idle("rulebase nat rules * tag", RULE_LOOKS),
    idle("rulebase nat rules * group-tag", RULE_LOOKS),
    idle("rulebase nat rules * target negate no", "the management of several devices by Panorama"),
    lost("rulebase decryption", "decryption", Effect::Looser),
    lost("rulebase dos", "protection from floods", Effect::Looser),
    lost("rulebase authentication", "authentication of users in a portal", Effect::Looser),
    lost("rulebase captive-portal", "authentication of users in a portal", Effect::Looser),
    lost("rulebase tunnel-inspect", "inspection inside tunnels", Effect::Looser),
    lost("rulebase pbf", "this part of routing by policy", Effect::Unclear),
    lost("rulebase sdwan", "choice among uplinks", Effect::Unclear),
    lost("rulebase network-packet-broker", "forwarding to other devices for inspection", Effect::Looser),
    idle("rulebase qos", "quality of service"),
];

/// What the table says of a path that the schema does not have.
pub(crate) fn reason(path: &[Word]) -> Option<Reason> {
    let known = best(path)?;
    Some(match known.is_feature {
        true => Reason::NotSupported { what: known.what.into() },
        false => Reason::NoEffect { what: known.what },
    })
}

/// What the firewall does otherwise for want of it.
pub(crate) fn effect(path: &[Word]) -> Option<Effect> {
    best(path).map(|known| known.effect)
}

fn best(path: &[Word]) -> Option<&'static Known> {
    TABLE
        .iter()
        .filter(|known| {
            let mut words = path.iter();
            known.path.split(' ').all(|step| words.next().is_some_and(|word| step == "*" || step == &**word))
        })
        .max_by_key(|known| known.path.split(' ').count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{collections::BTreeSet, vec::Vec};

    fn words(path: &str) -> Vec<Word> {
        path.split(' ').map(Word::from).collect()
    }

    #[test]
    fn the_longest_row_counts_and_rows_are_unique() {
        let paths: BTreeSet<_> = TABLE.iter().map(|known| known.path).collect();
        assert_eq!(paths.len(), TABLE.len());
        let flood = reason(&words("network profiles zone-protection-profile p flood sctp-init enable yes"));
        assert_eq!(flood, Some(Reason::NotSupported { what: "protection of zones".into() }));
        assert_eq!(effect(&words("rulebase security rules r tag x")), Some(Effect::None));
        assert_eq!(reason(&words("no such thing")), None);
    }
}
