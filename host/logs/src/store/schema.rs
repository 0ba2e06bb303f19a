//! Which columns the files of each kind of log have, and how each is stored.

use std::sync::{Arc, LazyLock};

use parquet::{
    basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType},
    schema::types::{SchemaDescPtr, SchemaDescriptor, Type},
};

use crate::record::{CONFIG, Column, ColumnType, Layout, LogKind, SYSTEM, THREAT, TRAFFIC};

/// The kinds in the order of [`place_of`].
pub(crate) const KINDS: [LogKind; 5] =
    [LogKind::Traffic, LogKind::Threat, LogKind::System, LogKind::Config, LogKind::Other];

/// The last column of every file: values that the others cannot hold, a line `column=value` each.
pub(crate) const OTHER: &str = "other";

/// The columns of one kind's files.
pub(crate) struct Schema {
    pub(crate) kind: LogKind,
    /// Without the last, [`OTHER`].
    pub(crate) columns: Vec<Column>,
    /// For each column its place, `NOWHERE` for those that the kind does not have.
    places: [u8; Column::COUNT],
    pub(crate) parquet: SchemaDescPtr,
}

const NOWHERE: u8 = u8::MAX;

/// How the store holds a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// UTF-8 text.
    Text,
    /// A whole number of 64 bits.
    Number,
    /// 64 bits.
    Bits,
    /// Microseconds since 1970, UTC.
    Microseconds,
}

impl Stored {
    pub(crate) fn of(column: Column) -> Self {
        match column.column_type() {
            ColumnType::Text | ColumnType::Word | ColumnType::Address => Self::Text,
            ColumnType::Number => Self::Number,
            ColumnType::Flags => Self::Bits,
            ColumnType::Time => Self::Microseconds,
        }
    }

    pub(crate) fn is_number(self) -> bool {
        match self {
            Self::Text => false,
            Self::Number | Self::Bits | Self::Microseconds => true,
        }
    }
}

impl Schema {
    pub(crate) fn of(kind: LogKind) -> &'static Self {
        static SCHEMAS: LazyLock<[Schema; 5]> = LazyLock::new(|| KINDS.map(Schema::new));
        &SCHEMAS[place_of(kind)]
    }

    /// Where the column stands in the kind's files.
    pub(crate) fn place(&self, column: Column) -> Option<usize> {
        let place = *self.places.get(column.index())?;
        (place != NOWHERE).then_some(usize::from(place))
    }

    fn new(kind: LogKind) -> Self {
        let mut columns: Vec<Column> = layout_of(kind).columns().to_vec();
        if kind == LogKind::Traffic {
            columns.extend(EXTRA);
        }
        // The directory says the kind, and other engines make a column `type` of that.
        columns.retain(|column| *column != Column::TYPE);
        let mut places = [NOWHERE; Column::COUNT];
        for (place, column) in columns.iter().enumerate() {
            places[column.index()] = place as u8;
        }
        let parquet = Arc::new(SchemaDescriptor::new(Arc::new(message(&columns))));
        Self { kind, columns, places, parquet }
    }
}

/// What Bifrons says of a session and no PAN-OS log does.
const EXTRA: [Column; 8] = [
    Column::TRACKER,
    Column::FINAL_ACTION,
    Column::HANDSHAKE,
    Column::HANDSHAKE_OUTCOME,
    Column::SERVER_NAME,
    Column::NAT_RULE,
    Column::JA4,
    Column::PCAP,
];

/// The layout with all columns that the kind's logs have.
pub(crate) fn layout_of(kind: LogKind) -> &'static Layout {
    match kind {
        LogKind::Traffic => &TRAFFIC,
        LogKind::Threat => &THREAT,
        LogKind::System => &SYSTEM,
        LogKind::Config => &CONFIG,
        LogKind::Other => &crate::record::OTHER,
    }
}

fn place_of(kind: LogKind) -> usize {
    match kind {
        LogKind::Traffic => 0,
        LogKind::Threat => 1,
        LogKind::System => 2,
        LogKind::Config => 3,
        LogKind::Other => 4,
    }
}

/// The word for a kind in a path: `type=traffic`.
pub(crate) fn word_of(kind: LogKind) -> &'static str {
    match kind {
        LogKind::Traffic => "traffic",
        LogKind::Threat => "threat",
        LogKind::System => "system",
        LogKind::Config => "config",
        LogKind::Other => "other",
    }
}

/// The word for a kind in a record; nothing for those of no known kind.
pub(crate) fn type_of(kind: LogKind) -> &'static str {
    match kind {
        LogKind::Traffic => "TRAFFIC",
        LogKind::Threat => "THREAT",
        LogKind::System => "SYSTEM",
        LogKind::Config => "CONFIG",
        LogKind::Other => "",
    }
}

fn message(columns: &[Column]) -> Type {
    let leaf = |name: &str, stored: Stored| {
        let (physical, logical) = match stored {
            Stored::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            Stored::Number | Stored::Bits => (PhysicalType::INT64, None),
            Stored::Microseconds => {
                let time = LogicalType::timestamp(true, TimeUnit::MICROS);
                (PhysicalType::INT64, Some(time))
            }
        };
        let builder = Type::primitive_type_builder(name, physical);
        let leaf = builder.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build();
        Arc::new(leaf.expect("the name and the types of a column fit together"))
    };
    let mut fields: Vec<_> = columns.iter().map(|column| leaf(column.name(), Stored::of(*column))).collect();
    fields.push(leaf(OTHER, Stored::Text));
    let group = Type::group_type_builder("record").with_fields(fields).build();
    group.expect("a group of leaves is a schema")
}
