//! The fields of a traffic log: each one's place and content. Names and meanings stand with [`Column`].

use bifrons_model::RUN_SPECIFIC_FIELDS;

use crate::{
    plan::{Guard, Named, Plain},
    record::Column,
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
    pub(crate) column: Column,
    pub(crate) content: Content,
    pub(crate) json: Json,
}

impl Field {
    /// Whether the field may differ between two runs of the same packets.
    pub(crate) fn is_run_specific(&self) -> bool {
        self.column == REPEATS_TIME_GENERATED || RUN_SPECIFIC_FIELDS.contains(&self.column.name())
    }
}

const REPEATS_TIME_GENERATED: Column = Column::FUTURE_USE_22;

const fn empty(column: Column) -> Field {
    fixed(column, "")
}

const fn fixed(column: Column, value: &'static str) -> Field {
    Field { column, content: Content::Fixed(value), json: Json::Absent }
}

const fn plain(column: Column, content: Plain, json: Json) -> Field {
    Field { column, content: Content::Plain(content), json }
}

const fn named(column: Column, content: Named, json: Json) -> Field {
    Field { column, content: Content::Named(content), json }
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
    fixed(Column::FUTURE_USE_1, "1"),
    plain(Column::RECEIVE_TIME, |row, out| out.extend_from_slice(&row.generated()), Json::Absent),
    named(Column::SERIAL, |row| &row.names.serial, Json::TextWhen(|row| !row.names.serial.is_empty())),
    Field { column: Column::TYPE, content: Content::Fixed("TRAFFIC"), json: Json::Text },
    plain(Column::SUBTYPE, word!(|row| row.record.subtype.name()), Json::Text),
    Field { column: Column::FUTURE_USE_6, content: Content::Release(LogVersion::code), json: Json::Absent },
    plain(
        Column::TIME_GENERATED,
        |row, out| out.extend_from_slice(&row.generated()),
        Json::Seconds(|row, out| push_seconds(out, row.record.generated.as_nanos())),
    ),
    plain(Column::SRC, |row, out| push_address(out, row.record.source), Json::Text),
    plain(Column::DST, |row, out| push_address(out, row.record.destination), Json::Text),
    plain(
        Column::NATSRC,
        |row, out| row.record.translation.iter().for_each(|to| push_address(out, to.source)),
        Json::TextWhen(TRANSLATED),
    ),
    plain(
        Column::NATDST,
        |row, out| row.record.translation.iter().for_each(|to| push_address(out, to.destination)),
        Json::TextWhen(TRANSLATED),
    ),
    named(Column::RULE, |row| row.names.rule(row.record.rule), Json::Text),
    named(
        Column::SRCUSER,
        |row| row.names.user(row.record.source_user),
        Json::TextWhen(|row| !row.names.user(row.record.source_user).is_empty()),
    ),
    empty(Column::DSTUSER),
    plain(Column::APP, word!(|row| row.application.name), Json::Text),
    fixed(Column::VSYS, "vsys1"),
    named(Column::FROM, |row| row.names.zone(row.record.zone_from), Json::Text),
    named(Column::TO, |row| row.names.zone(row.record.zone_to), Json::Text),
    named(Column::INBOUND_IF, |row| row.names.interface(row.record.interface_in), Json::Text),
    named(Column::OUTBOUND_IF, |row| row.names.interface(row.record.interface_out), Json::Text),
    empty(Column::LOGSET),
    plain(Column::FUTURE_USE_22, |row, out| out.extend_from_slice(&row.generated()), Json::Absent),
    plain(Column::SESSIONID, number!(|row| row.record.session_id.0), Json::Number),
    fixed(Column::REPEATCNT, "1"),
    plain(Column::SPORT, number!(|row| row.source_port()), Json::Number),
    plain(Column::DPORT, number!(|row| row.destination_port()), Json::Number),
    plain(Column::NATSPORT, number!(|row| row.translated_ports().0), Json::NumberWhen(TRANSLATED)),
    plain(Column::NATDPORT, number!(|row| row.translated_ports().1), Json::NumberWhen(TRANSLATED)),
    plain(Column::FLAGS, |row, out| push_hex(out, row.record.flags.0), Json::Text),
    plain(Column::PROTO, |row, out| row.push_protocol(out), Json::Text),
    plain(Column::ACTION, word!(|row| row.record.action.name()), Json::Text),
    plain(
        Column::BYTES,
        number!(|row| total(row.record.sent.bytes, row.record.received.bytes)),
        Json::Number,
    ),
    plain(Column::BYTES_SENT, number!(|row| row.record.sent.bytes), Json::Number),
    plain(Column::BYTES_RECEIVED, number!(|row| row.record.received.bytes), Json::Number),
    plain(
        Column::PACKETS,
        number!(|row| total(row.record.sent.packets, row.record.received.packets)),
        Json::Number,
    ),
    plain(
        Column::START,
        |row, out| out.extend_from_slice(&date_time(row.record.start)),
        Json::Seconds(|row, out| push_seconds(out, row.record.start.as_nanos())),
    ),
    plain(
        Column::ELAPSED,
        number!(|row| row.elapsed() / 1_000_000_000),
        Json::Seconds(|row, out| push_seconds(out, row.elapsed())),
    ),
    named(Column::CATEGORY, |row| category(row), Json::TextWhen(|row| row.record.category.0 != 0)),
    empty(Column::FUTURE_USE_39),
    plain(Column::SEQNO, number!(|row| row.record.sequence_number), Json::Number),
    fixed(Column::ACTIONFLAGS, "0x0"),
    plain(Column::SRCLOC, word!(|row| location(row.record.source)), Json::Absent),
    plain(Column::DSTLOC, word!(|row| location(row.record.destination)), Json::Absent),
    empty(Column::FUTURE_USE_44),
    plain(Column::PKTS_SENT, number!(|row| row.record.sent.packets), Json::Number),
    plain(Column::PKTS_RECEIVED, number!(|row| row.record.received.packets), Json::Number),
    plain(Column::SESSION_END_REASON, word!(|row| row.record.end_reason.name()), Json::Text),
    fixed(Column::DG_HIER_LEVEL_1, "0"),
    fixed(Column::DG_HIER_LEVEL_2, "0"),
    fixed(Column::DG_HIER_LEVEL_3, "0"),
    fixed(Column::DG_HIER_LEVEL_4, "0"),
    empty(Column::VSYS_NAME),
    named(Column::DEVICE_NAME, |row| &row.names.device, Json::TextWhen(|row| !row.names.device.is_empty())),
    plain(Column::ACTION_SOURCE, word!(|row| row.record.action_source.name()), Json::Text),
    empty(Column::SRC_UUID),
    empty(Column::DST_UUID),
    fixed(Column::TUNNELID, "0"),
    empty(Column::MONITORTAG),
    plain(
        Column::PARENT_SESSION_ID,
        number!(|row| row.record.parent_session.0),
        Json::NumberWhen(HAS_PARENT),
    ),
    plain(
        Column::PARENT_START_TIME,
        |row, out| row.record.parent_start.iter().for_each(|start| out.extend_from_slice(&date_time(*start))),
        Json::Absent,
    ),
    fixed(Column::TUNNEL, "N/A"),
    fixed(Column::ASSOC_ID, "0"),
    fixed(Column::CHUNKS, "0"),
    fixed(Column::CHUNKS_SENT, "0"),
    fixed(Column::CHUNKS_RECEIVED, "0"),
    empty(Column::RULE_UUID),
    fixed(Column::HTTP2_CONNECTION, "0"),
    fixed(Column::LINK_CHANGE_COUNT, "0"),
    empty(Column::POLICY_ID),
    empty(Column::LINK_SWITCHES),
    empty(Column::SDWAN_CLUSTER),
    empty(Column::SDWAN_DEVICE_TYPE),
    empty(Column::SDWAN_CLUSTER_TYPE),
    empty(Column::SDWAN_SITE),
    empty(Column::DYNUSERGROUP_NAME),
    empty(Column::XFF_IP),
    empty(Column::SRC_CATEGORY),
    empty(Column::SRC_PROFILE),
    empty(Column::SRC_MODEL),
    empty(Column::SRC_VENDOR),
    empty(Column::SRC_OSFAMILY),
    empty(Column::SRC_OSVERSION),
    empty(Column::SRC_HOST),
    empty(Column::SRC_MAC),
    empty(Column::DST_CATEGORY),
    empty(Column::DST_PROFILE),
    empty(Column::DST_MODEL),
    empty(Column::DST_VENDOR),
    empty(Column::DST_OSFAMILY),
    empty(Column::DST_OSVERSION),
    empty(Column::DST_HOST),
    empty(Column::DST_MAC),
    empty(Column::CONTAINER_ID),
    empty(Column::POD_NAMESPACE),
    empty(Column::POD_NAME),
    empty(Column::SRC_EDL),
    empty(Column::DST_EDL),
    empty(Column::HOSTID),
    empty(Column::SERIALNUMBER),
    empty(Column::SRC_DAG),
    empty(Column::DST_DAG),
    empty(Column::SESSION_OWNER),
    plain(
        Column::HIGH_RES_TIMESTAMP,
        |row, out| push_iso(out, row.record.generated, row.generated()),
        Json::Absent,
    ),
    empty(Column::NSSAI_SST),
    empty(Column::NSSAI_SD),
    plain(Column::SUBCATEGORY_OF_APP, word!(|row| row.application.subcategory), Json::Absent),
    plain(Column::CATEGORY_OF_APP, word!(|row| row.application.category), Json::Absent),
    plain(Column::TECHNOLOGY_OF_APP, word!(|row| row.application.technology), Json::Absent),
    plain(Column::RISK_OF_APP, number!(|row| row.application.risk), Json::Absent),
    empty(Column::CHARACTERISTIC_OF_APP),
    plain(Column::CONTAINER_OF_APP, word!(|row| row.application.container), Json::Absent),
    plain(Column::TUNNELED_APP, word!(|row| tunneled(row)), Json::Absent),
    fixed(Column::IS_SAAS_OF_APP, "no"),
    fixed(Column::SANCTIONED_STATE_OF_APP, "no"),
    fixed(Column::OFFLOADED, "0"),
    fixed(Column::FLOW_TYPE, "NonProxyTraffic"),
    empty(Column::CLUSTER_NAME),
    fixed(Column::AI_TRAFFIC, "no"),
    fixed(Column::AI_FWD_ERROR, "0"),
    fixed(Column::K8S_CLUSTER_ID, "0"),
    fixed(Column::TCP_TELEMETRY_1, "0"),
    fixed(Column::TCP_TELEMETRY_2, "0"),
    fixed(Column::TCP_TELEMETRY_3, "0"),
    fixed(Column::TCP_TELEMETRY_4, "0"),
    fixed(Column::TCP_TELEMETRY_5, "0"),
    fixed(Column::TCP_TELEMETRY_6, "0"),
    fixed(Column::TCP_TELEMETRY_7, "0"),
    fixed(Column::TCP_TELEMETRY_8, "0"),
];

/// What JSON has and no PAN-OS log: after the columns, in this order.
pub(crate) const OWN_FIELDS: &[Field] = &[
    plain(Column::TRACKER, word!(|row| row.record.tracker.name()), Json::Text),
    plain(Column::FINAL_ACTION, word!(|row| row.final_action().name()), Json::Text),
    plain(Column::HANDSHAKE, push_handshake, Json::TextWhen(HAS_HANDSHAKE)),
    plain(
        Column::HANDSHAKE_OUTCOME,
        word!(|row| row.record.handshake.outcome().name()),
        Json::TextWhen(HAS_HANDSHAKE),
    ),
    named(
        Column::SERVER_NAME,
        |row| row.record.server_name.as_deref().unwrap_or(""),
        Json::TextWhen(|row| row.record.server_name.is_some()),
    ),
    named(
        Column::NAT_RULE,
        |row| row.record.nat_rule.map_or("", |rule| row.names.nat_rule(rule)),
        Json::TextWhen(|row| row.record.nat_rule.is_some()),
    ),
    named(
        Column::JA4,
        |row| row.record.ja4.as_deref().unwrap_or(""),
        Json::TextWhen(|row| row.record.ja4.is_some()),
    ),
    named(Column::PCAP, |row| row.context, Json::TextWhen(|row| !row.context.is_empty())),
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
        let layout = crate::record::TRAFFIC.columns();
        assert_eq!(COLUMNS.len(), LogVersion::V11_1.columns());
        assert!(COLUMNS.iter().zip(layout).all(|(field, column)| field.column == *column));
        let names: BTreeSet<_> = COLUMNS.iter().chain(OWN_FIELDS).map(|field| field.column.name()).collect();
        assert_eq!(names.len(), COLUMNS.len() + OWN_FIELDS.len(), "names are unique");
        for name in RUN_SPECIFIC_FIELDS {
            assert!(names.contains(name), "{name} is a field");
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
            assert_eq!(COLUMNS[position - 1].column.name(), name, "column {position}");
        }
    }
}
