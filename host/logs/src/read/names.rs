//! What other formats call the columns.

use std::{collections::HashMap, sync::LazyLock};

use crate::record::Column;

/// The column that a key of JSON, LEEF or CEF's own labels means. Case, blanks, underscores and hyphens do
/// not matter; so our names are found in every spelling.
pub(super) fn column(key: &str) -> Option<Column> {
    let mut buffer = [0; LONGEST];
    BY_KEY.get(normal(key, &mut buffer)?).copied()
}

/// The column that a key of CEF means. Keys of the standard are spelled as they are; those of the vendor
/// begin with `PanOS`. What custom keys such as `cs1` mean, their labels say.
pub(super) fn cef_column(key: &str) -> Option<Column> {
    let standard = CEF.binary_search_by(|(known, _)| (*known).cmp(key)).ok();
    match standard.and_then(|place| CEF.get(place)) {
        Some((_, column)) => Some(*column),
        None => column(key.strip_prefix("PanOS").or_else(|| key.strip_prefix("Pan"))?),
    }
}

/// The column that a key of LEEF means.
pub(super) fn leef_column(key: &str) -> Option<Column> {
    match key {
        // The category that collectors know the event by: for PAN-OS, the type of log.
        "cat" => Some(Column::TYPE),
        // The device's own, in place of the column of nearly the same name.
        "SerialNumber" => Some(Column::SERIAL),
        _ => column(key),
    }
}

/// The longest key that is looked up.
const LONGEST: usize = 48;

/// The key in small letters without what joins its words.
fn normal<'a>(key: &str, buffer: &'a mut [u8; LONGEST]) -> Option<&'a [u8]> {
    let mut length = 0;
    for byte in key.bytes().filter(|byte| !matches!(byte, b'_' | b'-' | b' ' | b'.')) {
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    buffer.get(..length)
}

static BY_KEY: LazyLock<HashMap<Box<[u8]>, Column>> = LazyLock::new(|| {
    let own = Column::ALL.iter().map(|column| (column.name(), *column));
    let mut map = HashMap::new();
    for (key, column) in ALIASES.iter().copied().chain(own) {
        let mut buffer = [0; LONGEST];
        if let Some(key) = normal(key, &mut buffer) {
            map.insert(Box::from(key), column);
        }
    }
    map
});

/// Keys of the standard, sorted (ArcSight Common Event Format, implementation standard, and the vendor's
/// "CEF configuration guide").
const CEF: &[(&str, Column)] = &[
    ("act", Column::ACTION),
    ("app", Column::APP),
    ("c6a2", Column::SRC),
    ("c6a3", Column::DST),
    ("cat", Column::ACTION_SOURCE),
    ("cnt", Column::REPEATCNT),
    ("destinationServiceName", Column::CLIENT),
    ("destinationTranslatedAddress", Column::NATDST),
    ("destinationTranslatedPort", Column::NATDPORT),
    ("deviceExternalId", Column::SERIAL),
    ("deviceInboundInterface", Column::INBOUND_IF),
    ("deviceOutboundInterface", Column::OUTBOUND_IF),
    ("dpt", Column::DPORT),
    ("dst", Column::DST),
    ("duser", Column::DSTUSER),
    ("duser0", Column::DSTUSER),
    ("dvchost", Column::DEVICE_NAME),
    ("externalId", Column::SEQNO),
    ("fileHash", Column::FILEDIGEST),
    ("fileId", Column::PCAP_ID),
    ("filePath", Column::MISC),
    ("fileType", Column::FILETYPE),
    ("in", Column::BYTES_SENT),
    ("msg", Column::OPAQUE),
    ("out", Column::BYTES_RECEIVED),
    ("proto", Column::PROTO),
    ("reason", Column::SESSION_END_REASON),
    ("request", Column::MISC),
    ("requestClientApplication", Column::USER_AGENT),
    ("requestContext", Column::CONTENTTYPE),
    ("requestMethod", Column::HTTP_METHOD),
    ("rt", Column::RECEIVE_TIME),
    ("shost", Column::HOST),
    ("sourceTranslatedAddress", Column::NATSRC),
    ("sourceTranslatedPort", Column::NATSPORT),
    ("spt", Column::SPORT),
    ("src", Column::SRC),
    ("start", Column::TIME_GENERATED),
    ("suser", Column::SRCUSER),
    ("suser0", Column::SRCUSER),
];

/// Names of the vendor's log service, of the labels in its CEF, and of the LEEF that collectors are told to
/// configure.
const ALIASES: &[(&str, Column)] = &[
    ("TimeReceived", Column::RECEIVE_TIME),
    ("LogTime", Column::RECEIVE_TIME),
    ("DeviceSN", Column::SERIAL),
    ("LogSourceID", Column::SERIAL),
    ("LogType", Column::TYPE),
    ("LogSubtype", Column::SUBTYPE),
    ("ConfigVersion", Column::FUTURE_USE_6),
    ("EventTime", Column::TIME_GENERATED),
    ("SourceAddress", Column::SRC),
    ("DestinationAddress", Column::DST),
    ("NATSource", Column::NATSRC),
    ("NATDestination", Column::NATDST),
    ("srcPostNAT", Column::NATSRC),
    ("dstPostNAT", Column::NATDST),
    ("RuleMatched", Column::RULE),
    ("RuleName", Column::RULE),
    ("SourceUser", Column::SRCUSER),
    ("usrName", Column::SRCUSER),
    ("DestinationUser", Column::DSTUSER),
    ("Application", Column::APP),
    ("VirtualLocation", Column::VSYS),
    ("VirtualSystem", Column::VSYS),
    ("FromZone", Column::FROM),
    ("SourceZone", Column::FROM),
    ("ToZone", Column::TO),
    ("DestinationZone", Column::TO),
    ("InboundInterface", Column::INBOUND_IF),
    ("IngressInterface", Column::INBOUND_IF),
    ("OutboundInterface", Column::OUTBOUND_IF),
    ("EgressInterface", Column::OUTBOUND_IF),
    ("LogSetting", Column::LOGSET),
    ("LogProfile", Column::LOGSET),
    ("LogForwardingProfile", Column::LOGSET),
    ("RepeatCount", Column::REPEATCNT),
    ("SourcePort", Column::SPORT),
    ("DestinationPort", Column::DPORT),
    ("srcPort", Column::SPORT),
    ("dstPort", Column::DPORT),
    ("NATSourcePort", Column::NATSPORT),
    ("NATDestinationPort", Column::NATDPORT),
    ("srcPostNATPort", Column::NATSPORT),
    ("dstPostNATPort", Column::NATDPORT),
    ("Protocol", Column::PROTO),
    ("BytesTotal", Column::BYTES),
    ("TotalBytes", Column::BYTES),
    ("srcBytes", Column::BYTES_SENT),
    ("dstBytes", Column::BYTES_RECEIVED),
    ("PacketsTotal", Column::PACKETS),
    ("TotalPackets", Column::PACKETS),
    ("PacketsSent", Column::PKTS_SENT),
    ("PacketsReceived", Column::PKTS_RECEIVED),
    ("srcPackets", Column::PKTS_SENT),
    ("dstPackets", Column::PKTS_RECEIVED),
    ("SessionStartTime", Column::START),
    ("StartTime", Column::START),
    ("SessionDuration", Column::ELAPSED),
    ("ElapsedTime", Column::ELAPSED),
    ("ElapsedTimeInSeconds", Column::ELAPSED),
    ("URLCategory", Column::CATEGORY),
    ("SequenceNo", Column::SEQNO),
    ("Sequence", Column::SEQNO),
    ("SourceLocation", Column::SRCLOC),
    ("DestinationLocation", Column::DSTLOC),
    ("DGHierarchyLevel1", Column::DG_HIER_LEVEL_1),
    ("DGHierarchyLevel2", Column::DG_HIER_LEVEL_2),
    ("DGHierarchyLevel3", Column::DG_HIER_LEVEL_3),
    ("DGHierarchyLevel4", Column::DG_HIER_LEVEL_4),
    ("DGl1", Column::DG_HIER_LEVEL_1),
    ("DGl2", Column::DG_HIER_LEVEL_2),
    ("DGl3", Column::DG_HIER_LEVEL_3),
    ("DGl4", Column::DG_HIER_LEVEL_4),
    ("DeviceGroupHierarchyL1", Column::DG_HIER_LEVEL_1),
    ("DeviceGroupHierarchyL2", Column::DG_HIER_LEVEL_2),
    ("DeviceGroupHierarchyL3", Column::DG_HIER_LEVEL_3),
    ("DeviceGroupHierarchyL4", Column::DG_HIER_LEVEL_4),
    ("VirtualSystemName", Column::VSYS_NAME),
    ("vSrcName", Column::VSYS_NAME),
    ("LogSourceName", Column::DEVICE_NAME),
    ("SourceUUID", Column::SRC_UUID),
    ("DestinationUUID", Column::DST_UUID),
    ("IMSI", Column::TUNNELID),
    ("IMEI", Column::MONITORTAG),
    ("TunnelType", Column::TUNNEL),
    ("EndpointAssociationID", Column::ASSOC_ID),
    ("SCTPAssocID", Column::ASSOC_ID),
    ("ChunksTotal", Column::CHUNKS),
    ("SCTPChunks", Column::CHUNKS),
    ("SCTPChunkSent", Column::CHUNKS_SENT),
    ("SCTPChunksRcv", Column::CHUNKS_RECEIVED),
    ("HTTP2Con", Column::HTTP2_CONNECTION),
    ("LinkChange", Column::LINK_CHANGE_COUNT),
    ("LinkDetail", Column::LINK_SWITCHES),
    ("SDWANPolicyName", Column::POLICY_ID),
    ("SDWANDevType", Column::SDWAN_DEVICE_TYPE),
    ("SDWANClustype", Column::SDWAN_CLUSTER_TYPE),
    ("DynamicUserGroupName", Column::DYNUSERGROUP_NAME),
    ("DynamicUserGroup", Column::DYNUSERGROUP_NAME),
    ("DynamicUsrgrp", Column::DYNUSERGROUP_NAME),
    ("X-Forwarded-ForIP", Column::XFF_IP),
    ("X-Forwarded-For", Column::XFF),
    ("SourceDeviceCategory", Column::SRC_CATEGORY),
    ("SourceDeviceProfile", Column::SRC_PROFILE),
    ("SourceDeviceModel", Column::SRC_MODEL),
    ("SourceDeviceVendor", Column::SRC_VENDOR),
    ("SourceDeviceOSFamily", Column::SRC_OSFAMILY),
    ("SourceDeviceOSVersion", Column::SRC_OSVERSION),
    ("SourceDeviceHost", Column::SRC_HOST),
    ("SourceDeviceMac", Column::SRC_MAC),
    ("DestinationDeviceCategory", Column::DST_CATEGORY),
    ("DestinationDeviceProfile", Column::DST_PROFILE),
    ("DestinationDeviceModel", Column::DST_MODEL),
    ("DestinationDeviceVendor", Column::DST_VENDOR),
    ("DestinationDeviceOSFamily", Column::DST_OSFAMILY),
    ("DestinationDeviceOSVersion", Column::DST_OSVERSION),
    ("DestinationDeviceHost", Column::DST_HOST),
    ("DestinationDeviceMac", Column::DST_MAC),
    ("ContainerNameSpace", Column::POD_NAMESPACE),
    ("ContainerName", Column::POD_NAME),
    ("SourceEDL", Column::SRC_EDL),
    ("DestinationEDL", Column::DST_EDL),
    ("GPHostID", Column::HOSTID),
    ("EndpointSerialNumber", Column::SERIALNUMBER),
    ("SourceDynamicAddressGroup", Column::SRC_DAG),
    ("DestinationDynamicAddressGroup", Column::DST_DAG),
    ("HASessionOwner", Column::SESSION_OWNER),
    ("TimeGeneratedHighResolution", Column::HIGH_RES_TIMESTAMP),
    ("NSSAINetworkSliceType", Column::NSSAI_SST),
    ("NSSAINetworkSliceDifferentiator", Column::NSSAI_SD),
    ("ApplicationSubcategory", Column::SUBCATEGORY_OF_APP),
    ("ApplicationCategory", Column::CATEGORY_OF_APP),
    ("ApplicationTechnology", Column::TECHNOLOGY_OF_APP),
    ("ApplicationRisk", Column::RISK_OF_APP),
    ("ApplicationCharacteristic", Column::CHARACTERISTIC_OF_APP),
    ("ApplicationCharacteristics", Column::CHARACTERISTIC_OF_APP),
    ("ApplicationContainer", Column::CONTAINER_OF_APP),
    ("TunneledApplication", Column::TUNNELED_APP),
    ("IsSaaSApplication", Column::IS_SAAS_OF_APP),
    ("SanctionedStateofApp", Column::SANCTIONED_STATE_OF_APP),
    ("URL", Column::MISC),
    ("Miscellaneous", Column::MISC),
    ("FileName", Column::MISC),
    ("VendorSeverity", Column::SEVERITY),
    ("DirectionOfAttack", Column::DIRECTION),
    ("FileHash", Column::FILEDIGEST),
    ("ApplianceOrCloud", Column::CLOUD),
    ("URLCounter", Column::URL_IDX),
    ("URLIndex", Column::URL_IDX),
    ("SenderEmail", Column::SENDER),
    ("EmailSubject", Column::SUBJECT),
    ("RecipientEmail", Column::RECIPIENT),
    ("ThreatCategory", Column::THR_CATEGORY),
    ("ContentVersion", Column::CONTENTVER),
    ("PayloadProtocolID", Column::PPID),
    ("ReasonForDataFilteringAction", Column::REASON),
    ("EventName", Column::EVENTID),
    ("EventComponent", Column::OBJECT),
    ("EventDescription", Column::OPAQUE),
    ("Description", Column::OPAQUE),
    ("msg", Column::OPAQUE),
    ("Administrator", Column::ADMIN),
    ("Command", Column::CMD),
    ("ConfigurationPath", Column::PATH),
    ("BeforeChangeDetail", Column::BEFORE_CHANGE_DETAIL),
    ("AfterChangeDetail", Column::AFTER_CHANGE_DETAIL),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_all_spellings() {
        assert!(CEF.is_sorted_by(|one, other| one.0 < other.0));
        for (key, expected) in [
            ("session_end_reason", Some(Column::SESSION_END_REASON)),
            ("SessionEndReason", Some(Column::SESSION_END_REASON)),
            ("Session End Reason", Some(Column::SESSION_END_REASON)),
            ("SourceAddress", Some(Column::SRC)),
            ("start", Some(Column::START)),
            ("nothing", None),
            ("", None),
        ] {
            assert_eq!(column(key), expected, "{key}");
        }
        assert_eq!(cef_column("start"), Some(Column::TIME_GENERATED));
        assert_eq!(cef_column("PanOSRuleUUID"), Some(Column::RULE_UUID));
        assert_eq!(cef_column("RuleUUID"), None);
        assert_eq!(column(&"x".repeat(1_000)), None);
    }

    #[test]
    fn no_alias_takes_a_columns_name() {
        for column in Column::ALL {
            assert_eq!(super::column(column.name()), Some(column));
        }
    }
}
