//! A record together with the words behind its numbers: what the writers of single fields are given.

use std::{cell::OnceCell, net::IpAddr};

use bifrons_catalog::{CUSTOM_FIRST, application};
use bifrons_model::{AppId, FinalAction, Names, TrafficRecord, Translation, Verdicts};

use crate::{
    protocol::{has_ports, protocol_name},
    text::{DateTime, date_time, push_number},
};

pub(crate) struct Row<'a> {
    pub(crate) record: &'a TrafficRecord,
    pub(crate) names: &'a Names,
    /// What the caller says of the record's origin: the capture's path.
    pub(crate) context: &'a str,
    pub(crate) application: ApplicationWords<'a>,
    /// Made when a writer first asks: JSON has no use for it, CSV four.
    generated: OnceCell<DateTime>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(record: &'a TrafficRecord, names: &'a Names, context: &'a str) -> Self {
        let application = ApplicationWords::of(record.app, names);
        Self { record, names, context, application, generated: OnceCell::new() }
    }

    /// When the record was written.
    pub(crate) fn generated(&self) -> DateTime {
        *self.generated.get_or_init(|| date_time(self.record.generated))
    }

    /// From the first packet to the last, in nanoseconds.
    pub(crate) fn elapsed(&self) -> u64 {
        self.record.last_packet.as_nanos().saturating_sub(self.record.start.as_nanos())
    }

    pub(crate) fn source_port(&self) -> u16 {
        if has_ports(self.record.protocol) { self.record.source_port } else { 0 }
    }

    pub(crate) fn destination_port(&self) -> u16 {
        if has_ports(self.record.protocol) { self.record.destination_port } else { 0 }
    }

    /// The translated ports, 0 without translation and without ports.
    pub(crate) fn translated_ports(&self) -> (u16, u16) {
        match self.record.translation {
            Some(Translation { source_port, destination_port, .. }) if has_ports(self.record.protocol) => {
                (source_port, destination_port)
            }
            Some(_) | None => (0, 0),
        }
    }

    pub(crate) fn push_protocol(&self, out: &mut Vec<u8>) {
        match protocol_name(self.record.protocol) {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => push_number(out, self.record.protocol.into()),
        }
    }

    pub(crate) fn final_action(&self) -> FinalAction {
        Verdicts::of(self.record.action, self.application.name, self.record.end_reason).overall()
    }
}

/// What a log says of an application, be it of the catalogue or of the configuration.
#[derive(Clone, Copy)]
pub(crate) struct ApplicationWords<'a> {
    pub(crate) name: &'a str,
    pub(crate) category: &'a str,
    pub(crate) subcategory: &'a str,
    pub(crate) technology: &'a str,
    pub(crate) risk: u8,
    /// The application that this one belongs to: `dns` for `dns-base`, the parent's for a custom one.
    pub(crate) container: &'a str,
}

impl<'a> ApplicationWords<'a> {
    pub(crate) fn of(id: AppId, names: &'a Names) -> Self {
        let custom =
            id.0.checked_sub(CUSTOM_FIRST).and_then(|place| names.applications.get(usize::from(place)));
        if let Some(custom) = custom {
            return Self {
                name: &custom.name,
                category: &custom.category,
                subcategory: &custom.subcategory,
                technology: &custom.technology,
                risk: custom.risk,
                container: &custom.parent,
            };
        }
        let known = application(id);
        // The base application of a container carries the container's name and `-base`.
        let own = known.name.strip_suffix("-base");
        let parents = || application(known.parent?).name.strip_suffix("-base");
        Self {
            name: known.name,
            category: known.category,
            subcategory: known.subcategory,
            technology: known.technology,
            risk: known.risk,
            container: own.or_else(parents).unwrap_or(""),
        }
    }
}

/// The log's location of an address: the private range it lies in (RFC 1918, RFC 3927), else nothing, as
/// there is no data on where public addresses are.
pub(crate) fn location(address: IpAddr) -> &'static str {
    let IpAddr::V4(address) = address else { return "" };
    match address.octets() {
        [10, ..] => "10.0.0.0-10.255.255.255",
        [172, 16..=31, ..] => "172.16.0.0-172.31.255.255",
        [192, 168, ..] => "192.168.0.0-192.168.255.255",
        [169, 254, ..] => "169.254.0.0-169.254.255.255",
        _ => "",
    }
}
