//! Every column that a log may have, once: its name, what its values look like, and what they mean.

/// A column of a log: a number into the one list of all columns of all kinds of log.
///
/// Names are those of the PAN-OS administrator's guide, "Syslog field descriptions". Places that it reserves
/// are called `future_use_` and their number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Column(u8);

/// What the values of a column look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// Any text, mostly a different one in each record.
    Text,
    /// Text of which there are few different values: a word, or the name of something configured.
    Word,
    /// A whole number from 0, of up to 64 bits.
    Number,
    /// 64 bits, written in hexadecimal with `0x` in front.
    Flags,
    /// An IPv4 or IPv6 address.
    Address,
    /// A point in time; see [`super::parse_time`] for how it may be written.
    Time,
}

struct Definition {
    name: &'static str,
    column_type: ColumnType,
    meaning: &'static str,
}

impl Column {
    /// How many columns there are. Each column's [`Column::index`] is below it.
    pub const COUNT: usize = DEFINITIONS.len();

    /// All columns, in the order of their numbers: those of the traffic log first, in its own order.
    pub const ALL: [Self; Self::COUNT] = {
        let mut all = [Self(0); Self::COUNT];
        let mut index = 0;
        while index < Self::COUNT {
            all[index] = Self(index as u8);
            index += 1;
        }
        all
    };

    /// The column's number.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The column's name, in lower case with underscores.
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// What its values look like.
    pub const fn column_type(self) -> ColumnType {
        self.definition().column_type
    }

    /// What its values say, in a sentence, as Bifrons fills them.
    pub const fn meaning(self) -> &'static str {
        self.definition().meaning
    }

    /// The column called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        let place = BY_NAME.binary_search_by(|column| column.name().cmp(name)).ok()?;
        BY_NAME.get(place).copied()
    }

    const fn definition(self) -> &'static Definition {
        &DEFINITIONS[self.0 as usize]
    }
}

impl std::fmt::Debug for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

static BY_NAME: std::sync::LazyLock<[Column; Column::COUNT]> = std::sync::LazyLock::new(|| {
    let mut columns = Column::ALL;
    columns.sort_unstable_by_key(|column| column.name());
    columns
});

macro_rules! columns {
    ($($constant:ident $name:literal $column_type:ident $meaning:literal;)*) => {
        #[allow(
            non_camel_case_types,
            clippy::upper_case_acronyms,
            reason = "variants are named as the constants are"
        )]
        enum Number {
            $($constant,)*
        }

        impl Column {
            $(
                #[doc = $meaning]
                pub const $constant: Self = Self(Number::$constant as u8);
            )*
        }

        const DEFINITIONS: &[Definition] = &[$(
            Definition { name: $name, column_type: ColumnType::$column_type, meaning: $meaning },
        )*];
    };
}

columns! {
    // The traffic log, in its order.
    FUTURE_USE_1 "future_use_1" Word "Reserved.";
    RECEIVE_TIME "receive_time" Time "As `time_generated`.";
    SERIAL "serial" Word "The device's serial number.";
    TYPE "type" Word "The kind of log.";
    SUBTYPE "subtype" Word
        "`start`, `end`, `drop` or `deny`: when in the session's life the record was written.";
    FUTURE_USE_6 "future_use_6" Word
        "The release whose columns these are: major number × 256 + minor number.";
    TIME_GENERATED "time_generated" Time "When the record was written; for `end`, when the session ended.";
    SRC "src" Address "The client's address.";
    DST "dst" Address "The server's address.";
    NATSRC "natsrc" Address "The client's address after translation; empty without one.";
    NATDST "natdst" Address "The server's address after translation; empty without one.";
    RULE "rule" Word "The security rule that decided.";
    SRCUSER "srcuser" Text "The client's user.";
    DSTUSER "dstuser" Text "The server's user.";
    APP "app" Word "The application, or the word for why none is known.";
    VSYS "vsys" Word "The virtual system.";
    FROM "from" Word "The zone that the first packet came from.";
    TO "to" Word "The zone that it went to.";
    INBOUND_IF "inbound_if" Word "The interface that the first packet came in on.";
    OUTBOUND_IF "outbound_if" Word "The interface that it went out on.";
    LOGSET "logset" Word "The log forwarding profile.";
    FUTURE_USE_22 "future_use_22" Time "As `time_generated`.";
    SESSIONID "sessionid" Number "The session's number.";
    REPEATCNT "repeatcnt" Number "How many sessions the record stands for: one.";
    SPORT "sport" Number "The client's port, 0 for protocols without ports.";
    DPORT "dport" Number "The server's port, 0 for protocols without ports.";
    NATSPORT "natsport" Number "The client's port after translation, 0 without one.";
    NATDPORT "natdport" Number "The server's port after translation, 0 without one.";
    FLAGS "flags" Flags
        "Bits: `0x2000000` IPv6, `0x1000000` decrypted, `0x400000` translated, `0x100000` not the \
         application's own port, `0x2000` allowed as a dependency of an allowed application.";
    PROTO "proto" Word "The IP protocol: its IANA keyword in lower case, or its number.";
    ACTION "action" Word "What the rule said.";
    BYTES "bytes" Number "`bytes_sent` + `bytes_received`.";
    BYTES_SENT "bytes_sent" Number
        "Bytes from client to server: frame lengths, frame check sequence not included.";
    BYTES_RECEIVED "bytes_received" Number "Bytes from server to client, counted likewise.";
    PACKETS "packets" Number "`pkts_sent` + `pkts_received`.";
    START "start" Time "When the first packet came.";
    ELAPSED "elapsed" Number "Seconds from the first packet to the last.";
    CATEGORY "category" Word "The custom URL category of the server's name; `any` without one.";
    FUTURE_USE_39 "future_use_39" Word "Reserved.";
    SEQNO "seqno" Number "The record's own number, rising by one.";
    ACTIONFLAGS "actionflags" Flags "Whether the record was forwarded to Panorama: no.";
    SRCLOC "srcloc" Word "The private range that the client's address lies in; empty for all others.";
    DSTLOC "dstloc" Word "The private range that the server's address lies in; empty for all others.";
    FUTURE_USE_44 "future_use_44" Word "Reserved.";
    PKTS_SENT "pkts_sent" Number "Packets from client to server.";
    PKTS_RECEIVED "pkts_received" Number "Packets from server to client.";
    SESSION_END_REASON "session_end_reason" Word "Why the session ended; `n/a` in `start` records.";
    DG_HIER_LEVEL_1 "dg_hier_level_1" Number "The device group hierarchy.";
    DG_HIER_LEVEL_2 "dg_hier_level_2" Number "The device group hierarchy.";
    DG_HIER_LEVEL_3 "dg_hier_level_3" Number "The device group hierarchy.";
    DG_HIER_LEVEL_4 "dg_hier_level_4" Number "The device group hierarchy.";
    VSYS_NAME "vsys_name" Word "The virtual system's name.";
    DEVICE_NAME "device_name" Word "The device's name.";
    ACTION_SOURCE "action_source" Word
        "`from-policy`, or `from-application` for an application's own deny action.";
    SRC_UUID "src_uuid" Text "The client's virtual machine.";
    DST_UUID "dst_uuid" Text "The server's virtual machine.";
    TUNNELID "tunnelid" Text "The tunnel, or the subscriber (IMSI).";
    MONITORTAG "monitortag" Text "The monitor tag, or the device (IMEI).";
    PARENT_SESSION_ID "parent_session_id" Number
        "The session that announced this one, as an FTP control connection its data; 0 without one.";
    PARENT_START_TIME "parent_start_time" Time "When that session began.";
    TUNNEL "tunnel" Word "The kind of tunnel.";
    ASSOC_ID "assoc_id" Number "The SCTP association.";
    CHUNKS "chunks" Number "SCTP chunks.";
    CHUNKS_SENT "chunks_sent" Number "SCTP chunks from client to server.";
    CHUNKS_RECEIVED "chunks_received" Number "SCTP chunks from server to client.";
    RULE_UUID "rule_uuid" Word "The rule's UUID.";
    HTTP2_CONNECTION "http2_connection" Number "The session of the HTTP/2 connection that carried this one.";
    LINK_CHANGE_COUNT "link_change_count" Number "How often SD-WAN changed the link.";
    POLICY_ID "policy_id" Word "The SD-WAN policy.";
    LINK_SWITCHES "link_switches" Text "The SD-WAN links taken.";
    SDWAN_CLUSTER "sdwan_cluster" Word "The SD-WAN cluster.";
    SDWAN_DEVICE_TYPE "sdwan_device_type" Word "The SD-WAN device type.";
    SDWAN_CLUSTER_TYPE "sdwan_cluster_type" Word "The SD-WAN cluster type.";
    SDWAN_SITE "sdwan_site" Word "The SD-WAN site.";
    DYNUSERGROUP_NAME "dynusergroup_name" Word "The user's dynamic group.";
    XFF_IP "xff_ip" Address "The address of the X-Forwarded-For header.";
    SRC_CATEGORY "src_category" Word "The client device's category.";
    SRC_PROFILE "src_profile" Text "The client device's profile.";
    SRC_MODEL "src_model" Text "The client device's model.";
    SRC_VENDOR "src_vendor" Word "The client device's vendor.";
    SRC_OSFAMILY "src_osfamily" Word "The client device's operating system.";
    SRC_OSVERSION "src_osversion" Text "The version of that system.";
    SRC_HOST "src_host" Text "The client's host name.";
    SRC_MAC "src_mac" Text "The client's MAC address.";
    DST_CATEGORY "dst_category" Word "The server device's category.";
    DST_PROFILE "dst_profile" Text "The server device's profile.";
    DST_MODEL "dst_model" Text "The server device's model.";
    DST_VENDOR "dst_vendor" Word "The server device's vendor.";
    DST_OSFAMILY "dst_osfamily" Word "The server device's operating system.";
    DST_OSVERSION "dst_osversion" Text "The version of that system.";
    DST_HOST "dst_host" Text "The server's host name.";
    DST_MAC "dst_mac" Text "The server's MAC address.";
    CONTAINER_ID "container_id" Text "The container.";
    POD_NAMESPACE "pod_namespace" Text "The pod's namespace.";
    POD_NAME "pod_name" Text "The pod.";
    SRC_EDL "src_edl" Word "The external list that holds the client's address.";
    DST_EDL "dst_edl" Word "The external list that holds the server's address.";
    HOSTID "hostid" Text "The GlobalProtect host.";
    SERIALNUMBER "serialnumber" Text "The serial number of the client's device.";
    SRC_DAG "src_dag" Word "The client's dynamic address group.";
    DST_DAG "dst_dag" Word "The server's dynamic address group.";
    SESSION_OWNER "session_owner" Word "The cluster member that owns the session.";
    HIGH_RES_TIMESTAMP "high_res_timestamp" Time "`time_generated` as ISO 8601 with milliseconds.";
    NSSAI_SST "nssai_sst" Word "The 5G slice's service type.";
    NSSAI_SD "nssai_sd" Word "The 5G slice's differentiator.";
    SUBCATEGORY_OF_APP "subcategory_of_app" Word "The application's subcategory.";
    CATEGORY_OF_APP "category_of_app" Word "The application's category.";
    TECHNOLOGY_OF_APP "technology_of_app" Word "The application's technology.";
    RISK_OF_APP "risk_of_app" Number "The application's risk, 1 to 5.";
    CHARACTERISTIC_OF_APP "characteristic_of_app" Word "The application's characteristics.";
    CONTAINER_OF_APP "container_of_app" Word "The application's container: `dns` for `dns-base`.";
    TUNNELED_APP "tunneled_app" Word "The application, as devices fill it; `untunneled` for ICMP.";
    IS_SAAS_OF_APP "is_saas_of_app" Word "Whether the application is software as a service.";
    SANCTIONED_STATE_OF_APP "sanctioned_state_of_app" Word "Whether the application is sanctioned.";
    OFFLOADED "offloaded" Number "Whether hardware carried the session.";
    FLOW_TYPE "flow_type" Word "Whether an explicit proxy carried the session.";
    CLUSTER_NAME "cluster_name" Word "The cluster.";
    AI_TRAFFIC "ai_traffic" Word "Whether it is traffic of an AI application.";
    AI_FWD_ERROR "ai_fwd_error" Number "Errors in handing it to AI inspection.";
    K8S_CLUSTER_ID "k8s_cluster_id" Text "The Kubernetes cluster.";
    TCP_TELEMETRY_1 "tcp_telemetry_1" Number "Internal to PAN-OS.";
    TCP_TELEMETRY_2 "tcp_telemetry_2" Number "Internal to PAN-OS.";
    TCP_TELEMETRY_3 "tcp_telemetry_3" Number "Internal to PAN-OS.";
    TCP_TELEMETRY_4 "tcp_telemetry_4" Number "Internal to PAN-OS.";
    TCP_TELEMETRY_5 "tcp_telemetry_5" Number "Internal to PAN-OS.";
    TCP_TELEMETRY_6 "tcp_telemetry_6" Number "Internal to PAN-OS.";
    TCP_TELEMETRY_7 "tcp_telemetry_7" Number "Internal to PAN-OS.";
    TCP_TELEMETRY_8 "tcp_telemetry_8" Number "Internal to PAN-OS.";
    SRC_ADV_DEV_ID "src_adv_dev_id" Text "The client device in the inventory.";
    DST_ADV_DEV_ID "dst_adv_dev_id" Text "The server device in the inventory.";
    // What Bifrons writes in JSON and no PAN-OS log has.
    TRACKER "tracker" Word
        "What the session tracker saw at the moment that decided the end; empty when nothing has ended the \
         session.";
    FINAL_ACTION "final_action" Word
        "`Allowed` or `Blocked`: the verdict of action, application and end reason together; the first \
         that blocks decides.";
    HANDSHAKE "handshake" Text "The first steps of a TCP session in their order: `syn > syn-ack > ack`.";
    HANDSHAKE_OUTCOME "handshake_outcome" Word
        "What these steps amount to: `complete`, `simultaneous-open`, `no-answer`, `refused`, `abandoned`, \
         `challenge-ack`, `half-open`, `asymmetric` or `midstream`.";
    SERVER_NAME "server_name" Text "The server's name where the traffic told it.";
    NAT_RULE "nat_rule" Word "The NAT rule that matched, also one that exempts from translation.";
    JA4 "ja4" Text "The JA4 fingerprint of the client's TLS or QUIC hello.";
    PCAP "pcap" Text "The capture that the session is in, as it was named on the command line.";
    // Threat logs.
    MISC "misc" Text "The URL or the file's name.";
    THREATID "threatid" Text "The threat: its name and number, `name(number)`.";
    SEVERITY "severity" Word "`informational`, `low`, `medium`, `high` or `critical`.";
    DIRECTION "direction" Word "`client-to-server` or `server-to-client`.";
    FUTURE_USE_41 "future_use_41" Word "Reserved.";
    CONTENTTYPE "contenttype" Word "The content type of the answer.";
    PCAP_ID "pcap_id" Number "The packet capture; 0 without one.";
    FILEDIGEST "filedigest" Text "The file's SHA-256.";
    CLOUD "cloud" Text "The WildFire service asked.";
    URL_IDX "url_idx" Number "The place of the URL among those of the session.";
    USER_AGENT "user_agent" Text "The browser, as it calls itself.";
    FILETYPE "filetype" Word "The file's type.";
    XFF "xff" Text "The X-Forwarded-For header.";
    REFERER "referer" Text "The page that led here.";
    SENDER "sender" Text "The mail's sender.";
    SUBJECT "subject" Text "The mail's subject.";
    RECIPIENT "recipient" Text "The mail's recipient.";
    REPORTID "reportid" Number "The WildFire report.";
    FUTURE_USE_61 "future_use_61" Word "Reserved.";
    HTTP_METHOD "http_method" Word "The HTTP method.";
    THR_CATEGORY "thr_category" Word "The threat's category.";
    CONTENTVER "contentver" Word "The content release that knew the threat.";
    FUTURE_USE_72 "future_use_72" Word "Reserved.";
    PPID "ppid" Number "The SCTP payload protocol.";
    HTTP_HEADERS "http_headers" Text "Headers inserted into the request.";
    URL_CATEGORY_LIST "url_category_list" Text "All categories of the URL.";
    DOMAIN_EDL "domain_edl" Text "The external list that holds the domain.";
    PARTIAL_HASH "partial_hash" Number "The hash of the file's part.";
    REASON "reason" Text "Why data filtering acted.";
    JUSTIFICATION "justification" Text "What the user gave as a reason.";
    CLOUD_REPORTID "cloud_reportid" Text "The report of the cloud service.";
    // System logs.
    EVENTID "eventid" Word "The event's name.";
    OBJECT "object" Text "What the event is about.";
    FUTURE_USE_11 "future_use_11" Word "Reserved.";
    FUTURE_USE_12 "future_use_12" Word "Reserved.";
    MODULE "module" Word "The part of the system.";
    OPAQUE "opaque" Text "The event in words.";
    FUTURE_USE_24 "future_use_24" Word "Reserved.";
    FUTURE_USE_25 "future_use_25" Word "Reserved.";
    // Configuration logs.
    HOST "host" Text "The address or name that the administrator came from.";
    CMD "cmd" Word "The command: `add`, `commit`, `delete`, `edit`, `set` and others.";
    ADMIN "admin" Word "The administrator.";
    CLIENT "client" Word "`Web` or `CLI`.";
    RESULT "result" Word "`Submitted`, `Succeeded`, `Failed` or `Unauthorized`.";
    PATH "path" Text "The place in the configuration.";
    BEFORE_CHANGE_DETAIL "before_change_detail" Text "The configuration before the change.";
    AFTER_CHANGE_DETAIL "after_change_detail" Text "The configuration after it.";
    DG_ID "dg_id" Number "The device group.";
    COMMENT "comment" Text "The audit comment.";
    FUTURE_USE_27 "future_use_27" Word "Reserved.";
    FULL_PATH "full_path" Text "The place in the configuration as XPath.";
    // What has no name.
    FURTHER_COLUMNS "further_columns" Text
        "What a line of CSV has after the columns that have a name, as it stands there.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for column in Column::ALL {
            assert_eq!(Column::from_name(column.name()), Some(column));
            assert!(column.meaning().ends_with('.'), "{column:?}");
        }
        assert_eq!(Column::from_name("Src"), None);
        assert_eq!(Column::SRC.index(), 7);
    }
}
