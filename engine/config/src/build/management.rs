//! Interface management profiles.

use alloc::vec::Vec;

use super::{View, addresses::Addresses};
use crate::{
    parse::Report,
    typed::{ManagementProfile, ManagementServices as Services},
};

const SERVICES: [(&str, Services); 11] = [
    ("http", Services::HTTP),
    ("https", Services::HTTPS),
    ("ssh", Services::SSH),
    ("telnet", Services::TELNET),
    ("ping", Services::PING),
    ("snmp", Services::SNMP),
    ("http-ocsp", Services::HTTP_OCSP),
    ("response-pages", Services::RESPONSE_PAGES),
    ("userid-service", Services::USER_ID),
    ("userid-syslog-listener-ssl", Services::USER_ID_SYSLOG_SSL),
    ("userid-syslog-listener-udp", Services::USER_ID_SYSLOG_UDP),
];

pub(super) fn profiles(
    root: &View<'_>,
    addresses: &Addresses,
    report: &mut Report<'_>,
) -> Vec<ManagementProfile> {
    let profiles = root.at(&["network", "profiles", "interface-management-profile"]).entries();
    profiles.into_iter().map(|(name, entry)| profile(name, &entry, addresses, report)).collect()
}

fn profile(
    name: &str,
    entry: &View<'_>,
    addresses: &Addresses,
    report: &mut Report<'_>,
) -> ManagementProfile {
    let mut services = Services::default();
    for (word, service) in SERVICES {
        if entry.below(word).is_yes() {
            services = services.with(service);
        }
    }
    let view = entry.below("permitted-ip");
    let mut permitted = Vec::new();
    for value in view.values() {
        match addresses.prefix(value.text) {
            Some(prefix) => permitted.push(prefix),
            None => addresses.unknown(&view, value, report),
        }
    }
    // An empty list would permit everyone.
    if permitted.is_empty() && !view.values().is_empty() {
        services = Services::default();
    }
    ManagementProfile { name: name.into(), services, permitted }
}
