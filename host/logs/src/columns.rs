//! The fields of a traffic log: each one's name, place, content and meaning, once.
//!
//! Order and names are those of the PAN-OS administrator's guide, "Traffic log fields". The places that it
//! reserves are called `future_use_` and their number.

use bifrons_model::RUN_SPECIFIC_FIELDS;

use crate::{
    plan::{Guard, Named, Plain},
    row::{Row, location},
    text::{date_time, push_address, push_hex, push_iso, push_number, push_seconds},
    version::LogVersion,
};

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// Always the same.
    Fixed(&'static str),
    /// The same in all lines of a release.
    Release(fn(LogVersion) -> &'static str),
    /// A value without characters that need care.
    Plain(Plain),
    /// A value that somebody named.
    Named(Named),
}

/// How a field stands in JSON.
#[derive(Clone, Copy)]
pub(crate) enum Json {
    /// Not at all.
    Absent,
    /// The content as a string.
    Text,
    /// The content as a string, where the guard says so.
    TextWhen(Guard),
    /// The content as a number.
    Number,
    /// The content as a number, where the guard says so.
    NumberWhen(Guard),
    /// A number of seconds in place of the content, to the nanosecond.
    Seconds(Plain),
}

pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) content: Content,
    pub(crate) json: Json,
    /// One phrase for the manual.
    pub(crate) meaning: &'static str,
}

impl Field {
    /// Whether the field may differ between two runs of the same packets.
    pub(crate) fn is_run_specific(&self) -> bool {
        self.name == REPEATS_TIME_GENERATED || RUN_SPECIFIC_FIELDS.contains(&self.name)
    }
}

const REPEATS_TIME_GENERATED: &str = "future_use_22";

const fn empty(name: &'static str, meaning: &'static str) -> Field {
    fixed(name, "", meaning)
}

const fn fixed(name: &'static str, value: &'static str, meaning: &'static str) -> Field {
    Field { name, content: Content::Fixed(value), json: Json::Absent, meaning }
}

const fn plain(name: &'static str, content: Plain, json: Json, meaning: &'static str) -> Field {
    Field { name, content: Content::Plain(content), json, meaning }
}

const fn named(name: &'static str, content: Named, json: Json, meaning: &'static str) -> Field {
    Field { name, content: Content::Named(content), json, meaning }
}

/// A word of one of the engine's closed lists.
macro_rules! word {
    (|$row:ident| $word:expr) => {
        |$row, out| out.extend_from_slice($word.as_bytes())
    };
}

/// A whole number.
macro_rules! number {
    (|$row:ident| $number:expr) => {
        |$row, out| push_number(out, u64::from($number))
    };
}

const TRANSLATED: Guard = |row| row.record.translation.is_some();
const HAS_PARENT: Guard = |row| row.record.parent_session.0 != 0;
const HAS_HANDSHAKE: Guard = |row| !row.record.handshake.is_empty();

/// The CSV columns in their order.
pub(crate) const COLUMNS: &[Field] = &[
    fixed("future_use_1", "1", "Reserved."),
    plain(
        "receive_time",
        |row, out| out.extend_from_slice(&row.generated()),
        Json::Absent,
        "As `time_generated`.",
    ),
    named(
        "serial",
        |row| &row.names.serial,
        Json::TextWhen(|row| !row.names.serial.is_empty()),
        "The device's serial number.",
    ),
    Field { name: "type", content: Content::Fixed("TRAFFIC"), json: Json::Text, meaning: "The kind of log." },
    plain(
        "subtype",
        word!(|row| row.record.subtype.name()),
        Json::Text,
        "`start`, `end`, `drop` or `deny`: when in the session's life the record was written.",
    ),
    Field {
        name: "future_use_6",
        content: Content::Release(LogVersion::code),
        json: Json::Absent,
        meaning: "The release whose columns these are: major number × 256 + minor number.",
    },
    plain(
        "time_generated",
        |row, out| out.extend_from_slice(&row.generated()),
        Json::Seconds(|row, out| push_seconds(out, row.record.generated.as_nanos())),
        "When the record was written; for `end`, when the session ended.",
    ),
    plain("src", |row, out| push_address(out, row.record.source), Json::Text, "The client's address."),
    plain("dst", |row, out| push_address(out, row.record.destination), Json::Text, "The server's address."),
    plain(
        "natsrc",
        |row, out| row.record.translation.iter().for_each(|to| push_address(out, to.source)),
        Json::TextWhen(TRANSLATED),
        "The client's address after translation; empty without one.",
    ),
    plain(
        "natdst",
        |row, out| row.record.translation.iter().for_each(|to| push_address(out, to.destination)),
        Json::TextWhen(TRANSLATED),
        "The server's address after translation; empty without one.",
    ),
    named("rule", |row| row.names.rule(row.record.rule), Json::Text, "The security rule that decided."),
    named(
        "srcuser",
        |row| row.names.user(row.record.source_user),
        Json::TextWhen(|row| !row.names.user(row.record.source_user).is_empty()),
        "The client's user.",
    ),
    empty("dstuser", "The server's user."),
    plain(
        "app",
        word!(|row| row.application.name),
        Json::Text,
        "The application, or the word for why none is known.",
    ),
    fixed("vsys", "vsys1", "The virtual system."),
    named(
        "from",
        |row| row.names.zone(row.record.zone_from),
        Json::Text,
        "The zone that the first packet came from.",
    ),
    named("to", |row| row.names.zone(row.record.zone_to), Json::Text, "The zone that it went to."),
    named(
        "inbound_if",
        |row| row.names.interface(row.record.interface_in),
        Json::Text,
        "The interface that the first packet came in on.",
    ),
    named(
        "outbound_if",
        |row| row.names.interface(row.record.interface_out),
        Json::Text,
        "The interface that it went out on.",
    ),
    empty("logset", "The log forwarding profile."),
    plain(
        REPEATS_TIME_GENERATED,
        |row, out| out.extend_from_slice(&row.generated()),
        Json::Absent,
        "As `time_generated`.",
    ),
    plain("sessionid", number!(|row| row.record.session_id.0), Json::Number, "The session's number."),
    fixed("repeatcnt", "1", "How many sessions the record stands for: one."),
    plain(
        "sport",
        number!(|row| row.source_port()),
        Json::Number,
        "The client's port, 0 for protocols without ports.",
    ),
    plain(
        "dport",
        number!(|row| row.destination_port()),
        Json::Number,
        "The server's port, 0 for protocols without ports.",
    ),
    plain(
        "natsport",
        number!(|row| row.translated_ports().0),
        Json::NumberWhen(TRANSLATED),
        "The client's port after translation, 0 without one.",
    ),
    plain(
        "natdport",
        number!(|row| row.translated_ports().1),
        Json::NumberWhen(TRANSLATED),
        "The server's port after translation, 0 without one.",
    ),
    plain(
        "flags",
        |row, out| push_hex(out, row.record.flags.0),
        Json::Text,
        "Bits: `0x2000000` IPv6, `0x1000000` decrypted, `0x400000` translated, `0x100000` not the \
         application's own port, `0x2000` allowed as a dependency of an allowed application.",
    ),
    plain(
        "proto",
        |row, out| row.push_protocol(out),
        Json::Text,
        "The IP protocol: its IANA keyword in lower case, or its number.",
    ),
    plain("action", word!(|row| row.record.action.name()), Json::Text, "What the rule said."),
    plain(
        "bytes",
        number!(|row| total(row.record.sent.bytes, row.record.received.bytes)),
        Json::Number,
        "`bytes_sent` + `bytes_received`.",
    ),
    plain(
        "bytes_sent",
        number!(|row| row.record.sent.bytes),
        Json::Number,
        "Bytes from client to server: frame lengths, frame check sequence not included.",
    ),
    plain(
        "bytes_received",
        number!(|row| row.record.received.bytes),
        Json::Number,
        "Bytes from server to client, counted likewise.",
    ),
    plain(
        "packets",
        number!(|row| total(row.record.sent.packets, row.record.received.packets)),
        Json::Number,
        "`pkts_sent` + `pkts_received`.",
    ),
    plain(
        "start",
        |row, out| out.extend_from_slice(&date_time(row.record.start)),
        Json::Seconds(|row, out| push_seconds(out, row.record.start.as_nanos())),
        "When the first packet came.",
    ),
    plain(
        "elapsed",
        number!(|row| row.elapsed() / 1_000_000_000),
        Json::Seconds(|row, out| push_seconds(out, row.elapsed())),
        "Seconds from the first packet to the last.",
    ),
    named(
        "category",
        |row| category(row),
        Json::TextWhen(|row| row.record.category.0 != 0),
        "The custom URL category of the server's name; `any` without one.",
    ),
    empty("future_use_39", "Reserved."),
    plain(
        "seqno",
        number!(|row| row.record.sequence_number),
        Json::Number,
        "The record's own number, rising by one.",
    ),
    fixed("actionflags", "0x0", "Whether the record was forwarded to Panorama: no."),
    plain(
        "srcloc",
        word!(|row| location(row.record.source)),
        Json::Absent,
        "The private range that the client's address lies in; empty for all others.",
    ),
    plain(
        "dstloc",
        word!(|row| location(row.record.destination)),
        Json::Absent,
        "The private range that the server's address lies in; empty for all others.",
    ),
    empty("future_use_44", "Reserved."),
    plain(
        "pkts_sent",
        number!(|row| row.record.sent.packets),
        Json::Number,
        "Packets from client to server.",
    ),
    plain(
        "pkts_received",
        number!(|row| row.record.received.packets),
        Json::Number,
        "Packets from server to client.",
    ),
    plain(
        "session_end_reason",
        word!(|row| row.record.end_reason.name()),
        Json::Text,
        "Why the session ended; `n/a` in `start` records.",
    ),
    fixed("dg_hier_level_1", "0", "The device group hierarchy."),
    fixed("dg_hier_level_2", "0", "The device group hierarchy."),
    fixed("dg_hier_level_3", "0", "The device group hierarchy."),
    fixed("dg_hier_level_4", "0", "The device group hierarchy."),
    empty("vsys_name", "The virtual system's name."),
    named(
        "device_name",
        |row| &row.names.device,
        Json::TextWhen(|row| !row.names.device.is_empty()),
        "The device's name.",
    ),
    plain(
        "action_source",
        word!(|row| row.record.action_source.name()),
        Json::Text,
        "`from-policy`, or `from-application` for an application's own deny action.",
    ),
    empty("src_uuid", "The client's virtual machine."),
    empty("dst_uuid", "The server's virtual machine."),
    fixed("tunnelid", "0", "The tunnel, or the subscriber (IMSI)."),
    empty("monitortag", "The monitor tag, or the device (IMEI)."),
    plain(
        "parent_session_id",
        number!(|row| row.record.parent_session.0),
        Json::NumberWhen(HAS_PARENT),
        "The session that announced this one, as an FTP control connection its data; 0 without one.",
    ),
    plain(
        "parent_start_time",
        |row, out| row.record.parent_start.iter().for_each(|start| out.extend_from_slice(&date_time(*start))),
        Json::Absent,
        "When that session began.",
    ),
    fixed("tunnel", "N/A", "The kind of tunnel."),
    fixed("assoc_id", "0", "The SCTP association."),
    fixed("chunks", "0", "SCTP chunks."),
    fixed("chunks_sent", "0", "SCTP chunks from client to server."),
    fixed("chunks_received", "0", "SCTP chunks from server to client."),
    empty("rule_uuid", "The rule's UUID."),
    fixed("http2_connection", "0", "The session of the HTTP/2 connection that carried this one."),
    fixed("link_change_count", "0", "How often SD-WAN changed the link."),
    empty("policy_id", "The SD-WAN policy."),
    empty("link_switches", "The SD-WAN links taken."),
    empty("sdwan_cluster", "The SD-WAN cluster."),
    empty("sdwan_device_type", "The SD-WAN device type."),
    empty("sdwan_cluster_type", "The SD-WAN cluster type."),
    empty("sdwan_site", "The SD-WAN site."),
    empty("dynusergroup_name", "The user's dynamic group."),
    empty("xff_ip", "The address of the X-Forwarded-For header."),
    empty("src_category", "The client device's category."),
    empty("src_profile", "The client device's profile."),
    empty("src_model", "The client device's model."),
    empty("src_vendor", "The client device's vendor."),
    empty("src_osfamily", "The client device's operating system."),
    empty("src_osversion", "The version of that system."),
    empty("src_host", "The client's host name."),
    empty("src_mac", "The client's MAC address."),
    empty("dst_category", "The server device's category."),
    empty("dst_profile", "The server device's profile."),
    empty("dst_model", "The server device's model."),
    empty("dst_vendor", "The server device's vendor."),
    empty("dst_osfamily", "The server device's operating system."),
    empty("dst_osversion", "The version of that system."),
    empty("dst_host", "The server's host name."),
    empty("dst_mac", "The server's MAC address."),
    empty("container_id", "The container."),
    empty("pod_namespace", "The pod's namespace."),
    empty("pod_name", "The pod."),
    empty("src_edl", "The external list that holds the client's address."),
    empty("dst_edl", "The external list that holds the server's address."),
    empty("hostid", "The GlobalProtect host."),
    empty("serialnumber", "The serial number of the client's device."),
    empty("src_dag", "The client's dynamic address group."),
    empty("dst_dag", "The server's dynamic address group."),
    empty("session_owner", "The cluster member that owns the session."),
    plain(
        "high_res_timestamp",
        |row, out| push_iso(out, row.record.generated, row.generated()),
        Json::Absent,
        "`time_generated` as ISO 8601 with milliseconds.",
    ),
    empty("nssai_sst", "The 5G slice's service type."),
    empty("nssai_sd", "The 5G slice's differentiator."),
    plain(
        "subcategory_of_app",
        word!(|row| row.application.subcategory),
        Json::Absent,
        "The application's subcategory.",
    ),
    plain(
        "category_of_app",
        word!(|row| row.application.category),
        Json::Absent,
        "The application's category.",
    ),
    plain(
        "technology_of_app",
        word!(|row| row.application.technology),
        Json::Absent,
        "The application's technology.",
    ),
    plain(
        "risk_of_app",
        number!(|row| row.application.risk),
        Json::Absent,
        "The application's risk, 1 to 5.",
    ),
    empty("characteristic_of_app", "The application's characteristics."),
    plain(
        "container_of_app",
        word!(|row| row.application.container),
        Json::Absent,
        "The application's container: `dns` for `dns-base`.",
    ),
    plain(
        "tunneled_app",
        word!(|row| tunneled(row)),
        Json::Absent,
        "The application, as devices fill it; `untunneled` for ICMP.",
    ),
    fixed("is_saas_of_app", "no", "Whether the application is software as a service."),
    fixed("sanctioned_state_of_app", "no", "Whether the application is sanctioned."),
    fixed("offloaded", "0", "Whether hardware carried the session."),
    fixed("flow_type", "NonProxyTraffic", "Whether an explicit proxy carried the session."),
    empty("cluster_name", "The cluster."),
    fixed("ai_traffic", "no", "Whether it is traffic of an AI application."),
    fixed("ai_fwd_error", "0", "Errors in handing it to AI inspection."),
    fixed("k8s_cluster_id", "0", "The Kubernetes cluster."),
    fixed("tcp_telemetry_1", "0", "Internal to PAN-OS."),
    fixed("tcp_telemetry_2", "0", "Internal to PAN-OS."),
    fixed("tcp_telemetry_3", "0", "Internal to PAN-OS."),
    fixed("tcp_telemetry_4", "0", "Internal to PAN-OS."),
    fixed("tcp_telemetry_5", "0", "Internal to PAN-OS."),
    fixed("tcp_telemetry_6", "0", "Internal to PAN-OS."),
    fixed("tcp_telemetry_7", "0", "Internal to PAN-OS."),
    fixed("tcp_telemetry_8", "0", "Internal to PAN-OS."),
];

/// What JSON has and no PAN-OS log: after the columns, in this order.
pub(crate) const OWN_FIELDS: &[Field] = &[
    plain(
        "tracker",
        word!(|row| row.record.tracker.name()),
        Json::Text,
        "What the session tracker saw at the moment that decided the end; empty when nothing has ended \
         the session.",
    ),
    plain(
        "final_action",
        word!(|row| row.final_action().name()),
        Json::Text,
        "`Allowed` or `Blocked`: the verdict of action, application and end reason together; the first \
         that blocks decides.",
    ),
    plain(
        "handshake",
        push_handshake,
        Json::TextWhen(HAS_HANDSHAKE),
        "The first steps of a TCP session in their order: `syn > syn-ack > ack`.",
    ),
    plain(
        "handshake_outcome",
        word!(|row| row.record.handshake.outcome().name()),
        Json::TextWhen(HAS_HANDSHAKE),
        "What these steps amount to: `complete`, `simultaneous-open`, `no-answer`, `refused`, \
         `abandoned`, `challenge-ack`, `half-open`, `asymmetric` or `midstream`.",
    ),
    named(
        "server_name",
        |row| row.record.server_name.as_deref().unwrap_or(""),
        Json::TextWhen(|row| row.record.server_name.is_some()),
        "The server's name where the traffic told it.",
    ),
    named(
        "nat_rule",
        |row| row.record.nat_rule.map_or("", |rule| row.names.nat_rule(rule)),
        Json::TextWhen(|row| row.record.nat_rule.is_some()),
        "The NAT rule that matched, also one that exempts from translation.",
    ),
    named(
        "ja4",
        |row| row.record.ja4.as_deref().unwrap_or(""),
        Json::TextWhen(|row| row.record.ja4.is_some()),
        "The JA4 fingerprint of the client's TLS or QUIC hello.",
    ),
    named(
        "pcap",
        |row| row.context,
        Json::TextWhen(|row| !row.context.is_empty()),
        "The capture that the session is in, as it was named on the command line.",
    ),
];

fn total(sent: u64, received: u64) -> u64 {
    sent.saturating_add(received)
}

fn category<'a>(row: &Row<'a>) -> &'a str {
    let name = row.names.category(row.record.category);
    if name.is_empty() { "any" } else { name }
}

fn tunneled<'a>(row: &Row<'a>) -> &'a str {
    match row.record.protocol {
        1 | 58 => "untunneled",
        _ => row.application.name,
    }
}

fn push_handshake(row: &Row<'_>, out: &mut Vec<u8>) {
    for (place, step) in row.record.handshake.steps().enumerate() {
        if place > 0 {
            out.extend_from_slice(b" > ");
        }
        out.extend_from_slice(step.name().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_whole() {
        assert_eq!(COLUMNS.len(), LogVersion::V11_1.columns());
        let names: BTreeSet<_> = COLUMNS.iter().chain(OWN_FIELDS).map(|field| field.name).collect();
        assert_eq!(names.len(), COLUMNS.len() + OWN_FIELDS.len(), "names are unique");
        for name in RUN_SPECIFIC_FIELDS {
            assert!(names.contains(name), "{name} is a field");
        }
        for field in COLUMNS.iter().chain(OWN_FIELDS) {
            assert!(field.meaning.ends_with('.'), "{}", field.name);
        }
    }

    /// Places by which consumers of the log know the columns.
    #[test]
    fn columns_stand_where_consumers_expect_them() {
        for (position, name) in [
            (1, "future_use_1"),
            (4, "type"),
            (8, "src"),
            (15, "app"),
            (22, "future_use_22"),
            (23, "sessionid"),
            (29, "flags"),
            (31, "action"),
            (36, "start"),
            (40, "seqno"),
            (47, "session_end_reason"),
            (54, "action_source"),
            (61, "tunnel"),
            (66, "rule_uuid"),
            (75, "dynusergroup_name"),
            (83, "src_host"),
            (92, "dst_mac"),
            (103, "high_res_timestamp"),
            (109, "risk_of_app"),
            (115, "offloaded"),
            (117, "cluster_name"),
            (128, "tcp_telemetry_8"),
        ] {
            assert_eq!(COLUMNS[position - 1].name, name, "column {position}");
        }
    }
}
