//! Which column stands at which place of a line, for each kind of log.

use super::Column;

/// The kinds of log that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogKind {
    /// `TRAFFIC`: sessions.
    Traffic,
    /// `THREAT`: threats, URLs, files and data.
    Threat,
    /// `SYSTEM`: events of the device.
    System,
    /// `CONFIG`: changes of the configuration.
    Config,
    /// Any other, such as `GLOBALPROTECT`, `USERID` or `DECRYPTION`: only the columns that all kinds begin
    /// with are known by name.
    Other,
}

impl LogKind {
    /// The kind of the records whose column `type` holds `word`.
    pub fn from_type(word: &str) -> Self {
        match word {
            "TRAFFIC" => Self::Traffic,
            "THREAT" => Self::Threat,
            "SYSTEM" => Self::System,
            "CONFIG" => Self::Config,
            _ => Self::Other,
        }
    }

    /// The fewest columns that a line of any release has. A line with fewer has lost its end.
    pub const fn columns_min(self) -> usize {
        match self {
            Self::Traffic => 46,
            Self::Threat => 42,
            Self::System => 17,
            Self::Config => 16,
            Self::Other => 8,
        }
    }
}

/// A PAN-OS release, as far as it decides on columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// 10 of 10.1.
    pub major: u8,
    /// 1 of 10.1.
    pub minor: u8,
}

impl Release {
    /// The release that column 6 of a line names: the major number times 256 plus the minor one. Releases
    /// before 8.0 wrote 0 or 1 there, which names none.
    pub fn from_code(code: &str) -> Option<Self> {
        let [major, minor] = code.parse::<u16>().ok()?.to_be_bytes();
        (major >= 7).then_some(Self { major, minor })
    }

    /// The release that a text such as `10.1` or `11.1.2` names.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut numbers = text.split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?.parse().ok()?;
        Some(Self { major, minor })
    }
}

impl std::fmt::Display for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The columns of a line in their order. Releases only ever add columns at the end, so one layout serves
/// them all: a line of an older release is shorter.
pub struct Layout {
    /// The kind of log.
    pub kind: LogKind,
    columns: &'static [Column],
    /// For each column its place, `NOWHERE` for those that the kind does not have.
    places: [u8; Column::COUNT],
    /// How many columns the first release that has so many writes, oldest first.
    releases: &'static [(Release, usize)],
}

const NOWHERE: u8 = u8::MAX;

impl Layout {
    /// The columns in their order. Lines may have more: what follows has no name.
    pub fn columns(&self) -> &'static [Column] {
        self.columns
    }

    /// Where the column stands, counted from 0.
    pub fn place(&self, column: Column) -> Option<usize> {
        let place = *self.places.get(column.index())?;
        (place != NOWHERE).then_some(usize::from(place))
    }

    /// How many columns `release` writes; `None` before the oldest known one.
    pub fn columns_in(&self, release: Release) -> Option<usize> {
        self.releases.iter().rev().find(|(from, _)| *from <= release).map(|(_, columns)| *columns)
    }

    /// The oldest release that writes at least `columns`, the newest known one for more than any does.
    pub fn release_of(&self, columns: usize) -> Option<Release> {
        let found = self.releases.iter().find(|(_, count)| *count >= columns);
        found.or_else(|| self.releases.last()).map(|(release, _)| *release)
    }

    const fn new(kind: LogKind, columns: &'static [Column], releases: &'static [(Release, usize)]) -> Self {
        assert!(columns.len() < NOWHERE as usize);
        let mut places = [NOWHERE; Column::COUNT];
        let mut place = 0;
        while place < columns.len() {
            places[columns[place].index()] = place as u8;
            place += 1;
        }
        Self { kind, columns, places, releases }
    }
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Layout({:?}, {} columns)", self.kind, self.columns.len())
    }
}

const fn release(major: u8, minor: u8) -> Release {
    Release { major, minor }
}

/// How many columns the traffic log has in the newest release known.
const TRAFFIC_COLUMNS: usize = 130;

pub(crate) static TRAFFIC: Layout = Layout::new(
    LogKind::Traffic,
    Column::ALL.split_at(TRAFFIC_COLUMNS).0,
    &[
        (release(4, 1), 46),
        (release(6, 1), 47),
        (release(7, 1), 54),
        (release(8, 0), 61),
        (release(8, 1), 65),
        (release(9, 0), 67),
        (release(9, 1), 75),
        (release(10, 0), 105),
        (release(10, 1), 115),
        (release(11, 0), 117),
        (release(11, 1), 128),
        (release(12, 1), 130),
    ],
);

pub(crate) static THREAT: Layout = Layout::new(
    LogKind::Threat,
    THREAT_COLUMNS,
    &[
        (release(4, 1), 42),
        (release(6, 0), 45),
        (release(8, 0), 72),
        (release(8, 1), 75),
        (release(9, 1), 79),
        (release(10, 0), 111),
        (release(10, 1), 120),
        (release(10, 2), 121),
        (release(11, 0), 123),
    ],
);

pub(crate) static SYSTEM: Layout = Layout::new(
    LogKind::System,
    SYSTEM_COLUMNS,
    &[(release(4, 1), 17), (release(7, 0), 23), (release(10, 0), 26)],
);

/// With the columns for the configuration before and after the change, which the device's default format has
/// and many administrators leave out.
pub(crate) static CONFIG: Layout = Layout::new(
    LogKind::Config,
    CONFIG_COLUMNS,
    &[(release(4, 1), 18), (release(7, 0), 24), (release(9, 0), 26), (release(10, 0), 29)],
);

/// Without them.
pub(crate) static CONFIG_SHORT: Layout = Layout::new(
    LogKind::Config,
    CONFIG_SHORT_COLUMNS,
    &[(release(4, 1), 16), (release(7, 0), 22), (release(9, 0), 24), (release(10, 0), 27)],
);

pub(crate) static OTHER: Layout = Layout::new(LogKind::Other, Column::ALL.split_at(7).0, &[]);

/// The layout of records that name their values: every column stands at its own number.
pub(crate) fn by_name(kind: LogKind) -> &'static Layout {
    static BY_NAME: [Layout; 5] = {
        const fn all(kind: LogKind) -> Layout {
            Layout::new(kind, &Column::ALL, &[])
        }
        [
            all(LogKind::Traffic),
            all(LogKind::Threat),
            all(LogKind::System),
            all(LogKind::Config),
            all(LogKind::Other),
        ]
    };
    let [traffic, threat, system, config, other] = &BY_NAME;
    match kind {
        LogKind::Traffic => traffic,
        LogKind::Threat => threat,
        LogKind::System => system,
        LogKind::Config => config,
        LogKind::Other => other,
    }
}

/// The columns of a layout, in words.
macro_rules! layout {
    ($name:ident: $($column:ident)*) => {
        const $name: &[Column] = &[$(Column::$column),*];
    };
}

layout! { THREAT_COLUMNS:
    FUTURE_USE_1 RECEIVE_TIME SERIAL TYPE SUBTYPE FUTURE_USE_6 TIME_GENERATED SRC DST NATSRC NATDST RULE
    SRCUSER DSTUSER APP VSYS FROM TO INBOUND_IF OUTBOUND_IF LOGSET FUTURE_USE_22 SESSIONID REPEATCNT SPORT
    DPORT NATSPORT NATDPORT FLAGS PROTO ACTION MISC THREATID CATEGORY SEVERITY DIRECTION SEQNO ACTIONFLAGS
    SRCLOC DSTLOC FUTURE_USE_41 CONTENTTYPE PCAP_ID FILEDIGEST CLOUD URL_IDX USER_AGENT FILETYPE XFF REFERER
    SENDER SUBJECT RECIPIENT REPORTID DG_HIER_LEVEL_1 DG_HIER_LEVEL_2 DG_HIER_LEVEL_3 DG_HIER_LEVEL_4
    VSYS_NAME DEVICE_NAME FUTURE_USE_61 SRC_UUID DST_UUID HTTP_METHOD TUNNELID MONITORTAG PARENT_SESSION_ID
    PARENT_START_TIME TUNNEL THR_CATEGORY CONTENTVER FUTURE_USE_72 ASSOC_ID PPID HTTP_HEADERS
    URL_CATEGORY_LIST RULE_UUID HTTP2_CONNECTION DYNUSERGROUP_NAME XFF_IP SRC_CATEGORY SRC_PROFILE SRC_MODEL
    SRC_VENDOR SRC_OSFAMILY SRC_OSVERSION SRC_HOST SRC_MAC DST_CATEGORY DST_PROFILE DST_MODEL DST_VENDOR
    DST_OSFAMILY DST_OSVERSION DST_HOST DST_MAC CONTAINER_ID POD_NAMESPACE POD_NAME SRC_EDL DST_EDL HOSTID
    SERIALNUMBER DOMAIN_EDL SRC_DAG DST_DAG PARTIAL_HASH HIGH_RES_TIMESTAMP REASON JUSTIFICATION NSSAI_SST
    SUBCATEGORY_OF_APP CATEGORY_OF_APP TECHNOLOGY_OF_APP RISK_OF_APP CHARACTERISTIC_OF_APP CONTAINER_OF_APP
    TUNNELED_APP IS_SAAS_OF_APP SANCTIONED_STATE_OF_APP CLOUD_REPORTID FLOW_TYPE CLUSTER_NAME
}

layout! { SYSTEM_COLUMNS:
    FUTURE_USE_1 RECEIVE_TIME SERIAL TYPE SUBTYPE FUTURE_USE_6 TIME_GENERATED VSYS EVENTID OBJECT
    FUTURE_USE_11 FUTURE_USE_12 MODULE SEVERITY OPAQUE SEQNO ACTIONFLAGS DG_HIER_LEVEL_1 DG_HIER_LEVEL_2
    DG_HIER_LEVEL_3 DG_HIER_LEVEL_4 VSYS_NAME DEVICE_NAME FUTURE_USE_24 FUTURE_USE_25 HIGH_RES_TIMESTAMP
}

layout! { CONFIG_COLUMNS:
    FUTURE_USE_1 RECEIVE_TIME SERIAL TYPE SUBTYPE FUTURE_USE_6 TIME_GENERATED HOST VSYS CMD ADMIN CLIENT
    RESULT PATH BEFORE_CHANGE_DETAIL AFTER_CHANGE_DETAIL SEQNO ACTIONFLAGS DG_HIER_LEVEL_1 DG_HIER_LEVEL_2
    DG_HIER_LEVEL_3 DG_HIER_LEVEL_4 VSYS_NAME DEVICE_NAME DG_ID COMMENT FUTURE_USE_27 HIGH_RES_TIMESTAMP
    FULL_PATH
}

layout! { CONFIG_SHORT_COLUMNS:
    FUTURE_USE_1 RECEIVE_TIME SERIAL TYPE SUBTYPE FUTURE_USE_6 TIME_GENERATED HOST VSYS CMD ADMIN CLIENT
    RESULT PATH SEQNO ACTIONFLAGS DG_HIER_LEVEL_1 DG_HIER_LEVEL_2 DG_HIER_LEVEL_3 DG_HIER_LEVEL_4 VSYS_NAME
    DEVICE_NAME DG_ID COMMENT FUTURE_USE_27 HIGH_RES_TIMESTAMP FULL_PATH
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places by which consumers of the logs know the columns.
    #[test]
    fn columns_stand_where_consumers_expect_them() {
        for (layout, position, column) in [
            (&TRAFFIC, 47, Column::SESSION_END_REASON),
            (&TRAFFIC, 115, Column::OFFLOADED),
            (&TRAFFIC, 130, Column::DST_ADV_DEV_ID),
            (&THREAT, 30, Column::PROTO),
            (&THREAT, 46, Column::URL_IDX),
            (&THREAT, 60, Column::DEVICE_NAME),
            (&THREAT, 70, Column::THR_CATEGORY),
            (&THREAT, 93, Column::DST_OSFAMILY),
            (&THREAT, 108, Column::HIGH_RES_TIMESTAMP),
            (&THREAT, 115, Column::RISK_OF_APP),
            (&THREAT, 123, Column::CLUSTER_NAME),
            (&SYSTEM, 15, Column::OPAQUE),
            (&SYSTEM, 26, Column::HIGH_RES_TIMESTAMP),
            (&CONFIG, 18, Column::ACTIONFLAGS),
            (&CONFIG, 28, Column::HIGH_RES_TIMESTAMP),
            (&CONFIG_SHORT, 16, Column::ACTIONFLAGS),
        ] {
            assert_eq!(layout.place(column), Some(position - 1), "{column:?}");
            assert_eq!(layout.columns().get(position - 1), Some(&column));
        }
        assert_eq!(SYSTEM.place(Column::SRC), None);
        assert_eq!(OTHER.columns().last(), Some(&Column::TIME_GENERATED));
    }

    #[test]
    fn releases_by_code_by_text_and_by_columns() {
        let [v8_1, v10_1] = [release(8, 1), release(10, 1)];
        assert_eq!(Release::from_code("2049"), Some(v8_1));
        assert_eq!(Release::from_code("2561"), Some(v10_1));
        assert_eq!([Release::from_code("1"), Release::from_code("")], [None, None]);
        assert_eq!(Release::from_text("10.1.2"), Some(v10_1));
        assert_eq!(TRAFFIC.columns_in(v8_1), Some(65));
        assert_eq!(TRAFFIC.columns_in(release(11, 2)), Some(128));
        assert_eq!(TRAFFIC.release_of(115), Some(v10_1));
        assert_eq!(TRAFFIC.release_of(500), Some(release(12, 1)));
        assert_eq!(OTHER.release_of(20), None);
        assert_eq!(v10_1.to_string(), "10.1");
    }
}
