//! The fields that a filter may ask for: names of the filter language for one column or two, and every column
//! by its own name.

use crate::record::{Column, ColumnType};

/// A field.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// The columns that it stands for: a positive operator asks whether any of them passes.
    pub(crate) columns: &'static [Column],
    pub(crate) class: Class,
    /// An example for the manual, a whole clause.
    pub(crate) example: &'static str,
}

/// What may be asked of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Address,
    Number,
    Flags,
    Time,
    Text,
    /// Text, or the number of an IP protocol.
    Protocol,
}

/// An operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Neq,
    Leq,
    Geq,
    In,
    NotIn,
    Contains,
    Has,
}

impl Operator {
    pub(super) const ALL: [Self; 8] =
        [Self::Eq, Self::Neq, Self::Leq, Self::Geq, Self::In, Self::NotIn, Self::Contains, Self::Has];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Neq => "neq",
            Self::Leq => "leq",
            Self::Geq => "geq",
            Self::In => "in",
            Self::NotIn => "notin",
            Self::Contains => "contains",
            Self::Has => "has",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operator| operator.name().eq_ignore_ascii_case(name))
    }
}

impl Class {
    pub(crate) const fn operators(self) -> &'static [Operator] {
        use Operator::{Contains, Eq, Geq, Has, In, Leq, Neq, NotIn};
        match self {
            Self::Address => &[In, NotIn, Eq, Neq],
            Self::Number => &[Eq, Neq, Leq, Geq],
            Self::Flags => &[Has, Eq, Neq],
            Self::Time => &[Leq, Geq, In],
            Self::Text | Self::Protocol => &[Eq, Neq, Contains],
        }
    }

    pub(crate) const fn of(column: Column) -> Self {
        match column.column_type() {
            ColumnType::Address => Self::Address,
            ColumnType::Number => Self::Number,
            ColumnType::Flags => Self::Flags,
            ColumnType::Time => Self::Time,
            ColumnType::Text | ColumnType::Word => Self::Text,
        }
    }

    /// The value that an operator of the class wants, in words.
    pub(crate) const fn value(self) -> &'static str {
        match self {
            Self::Address => "an address, a network such as 10.0.0.0/8, or a range such as 10.0.0.1-10.0.0.9",
            Self::Number => "a whole number",
            Self::Flags => "a number such as 0x400000, or a flag's name such as nat",
            Self::Time => "a time such as '2026/01/31 10:00:00'",
            Self::Text => "a text, in quotes where it has blanks or parentheses",
            Self::Protocol => "a protocol such as tcp, or its number",
        }
    }
}

/// Where a name leads.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) columns: [Option<Column>; 2],
    pub(super) class: Class,
}

/// What the name stands for: one of the language's own fields, or a column.
pub(super) fn find(name: &str) -> Option<Target> {
    let field = FIELDS.iter().find(|field| field.name.eq_ignore_ascii_case(name));
    if let Some(field) = field {
        let columns = [field.columns.first().copied(), field.columns.get(1).copied()];
        return Some(Target { columns, class: field.class });
    }
    let column = Column::from_name(&name.to_ascii_lowercase())?;
    Some(Target { columns: [Some(column), None], class: Class::of(column) })
}

/// The fields whose names are most like `name`, if any is much like it.
pub(super) fn similar(name: &str) -> Vec<&'static str> {
    let names = FIELDS.iter().map(|field| field.name).chain(Column::ALL.iter().map(|column| column.name()));
    let name = name.to_ascii_lowercase();
    let limit = (name.len() / 3).clamp(1, 3);
    let mut found: Vec<(usize, &str)> = names
        .map(|known| (distance(&name, known), known))
        .filter(|(distance, known)| *distance <= limit || known.starts_with(&format!("{name}.")))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.truncate(3);
    found.into_iter().map(|(_, known)| known).collect()
}

/// How many letters have to be added, removed or changed to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    const LONGEST: usize = 40;
    if one.len().max(other.len()) > LONGEST {
        return LONGEST;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (place, letter) in one.bytes().enumerate() {
        let mut diagonal = place;
        let mut left = place + 1;
        for (above, other) in row.iter_mut().skip(1).zip(other.bytes()) {
            let best = (diagonal + usize::from(letter != other)).min(*above + 1).min(left + 1);
            diagonal = std::mem::replace(above, best);
            left = best;
        }
        row.first_mut().into_iter().for_each(|first| *first = place + 1);
    }
    row.last().copied().unwrap_or_default()
}

const fn field(name: &'static str, columns: &'static [Column], class: Class, example: &'static str) -> Field {
    Field { name, columns, class, example }
}

/// The names of the language, in the order of the manual's table.
pub(crate) const FIELDS: &[Field] = &[
    field("addr", &[Column::SRC, Column::DST], Class::Address, "( addr in 192.0.2.1 )"),
    field("addr.src", &[Column::SRC], Class::Address, "( addr.src in 10.0.0.0/8 )"),
    field("addr.dst", &[Column::DST], Class::Address, "( addr.dst notin 2001:db8::/32 )"),
    field("natsrc", &[Column::NATSRC], Class::Address, "( natsrc in 198.51.100.0/28 )"),
    field("natdst", &[Column::NATDST], Class::Address, "( natdst eq 198.51.100.7 )"),
    field("port", &[Column::SPORT, Column::DPORT], Class::Number, "( port eq 53 )"),
    field("port.src", &[Column::SPORT], Class::Number, "( port.src geq 1024 )"),
    field("port.dst", &[Column::DPORT], Class::Number, "( port.dst eq 443 )"),
    field("zone", &[Column::FROM, Column::TO], Class::Text, "( zone eq dmz )"),
    field("zone.src", &[Column::FROM], Class::Text, "( zone.src neq trust )"),
    field("zone.dst", &[Column::TO], Class::Text, "( zone.dst eq untrust )"),
    field("user", &[Column::SRCUSER, Column::DSTUSER], Class::Text, "( user eq 'example\\ann' )"),
    field("user.src", &[Column::SRCUSER], Class::Text, "( user.src contains ann )"),
    field("user.dst", &[Column::DSTUSER], Class::Text, "( user.dst neq '' )"),
    field(
        "interface",
        &[Column::INBOUND_IF, Column::OUTBOUND_IF],
        Class::Text,
        "( interface eq ethernet1/1 )",
    ),
    field("interface.src", &[Column::INBOUND_IF], Class::Text, "( interface.src eq ethernet1/1 )"),
    field("interface.dst", &[Column::OUTBOUND_IF], Class::Text, "( interface.dst eq ethernet1/2 )"),
    field("app", &[Column::APP], Class::Text, "( app eq incomplete )"),
    field("rule", &[Column::RULE], Class::Text, "( rule eq 'web out' )"),
    field("proto", &[Column::PROTO], Class::Protocol, "( proto eq udp )"),
    field("action", &[Column::ACTION], Class::Text, "( action neq allow )"),
    field("subtype", &[Column::SUBTYPE], Class::Text, "( subtype eq end )"),
    field("flags", &[Column::FLAGS], Class::Flags, "( flags has nat )"),
    field(
        "session_end_reason",
        &[Column::SESSION_END_REASON],
        Class::Text,
        "( session_end_reason eq aged-out )",
    ),
    field("category", &[Column::CATEGORY], Class::Text, "( category eq any )"),
    field("receive_time", &[Column::RECEIVE_TIME], Class::Time, "( receive_time in last-hour )"),
    field(
        "time_generated",
        &[Column::TIME_GENERATED],
        Class::Time,
        "( time_generated geq '2026/01/31 10:00:00' )",
    ),
    field("bytes", &[Column::BYTES], Class::Number, "( bytes geq 1000000 )"),
    field("packets", &[Column::PACKETS], Class::Number, "( packets leq 3 )"),
    field("elapsed", &[Column::ELAPSED], Class::Number, "( elapsed geq 3600 )"),
    field("sessionid", &[Column::SESSIONID], Class::Number, "( sessionid eq 4711 )"),
    field("eventid", &[Column::EVENTID], Class::Text, "( eventid eq state-change )"),
    field("severity", &[Column::SEVERITY], Class::Text, "( severity eq critical )"),
    field("description", &[Column::OPAQUE], Class::Text, "( description contains 'keep-alive' )"),
];

/// The names of the flags' bits.
pub(crate) const FLAG_NAMES: &[(&str, u64, &str)] = &[
    ("pcap", 0x8000_0000, "packets were captured"),
    ("wildfire", 0x2000_0000, "a file was submitted to WildFire"),
    ("credential", 0x1000_0000, "credentials were submitted"),
    ("ipv6", 0x0200_0000, "IPv6"),
    ("decrypted", 0x0100_0000, "TLS or SSH was decrypted"),
    ("url-denied", 0x0080_0000, "denied by URL filtering"),
    ("nat", 0x0040_0000, "addresses were translated"),
    ("captive-portal", 0x0020_0000, "the user is known from the portal"),
    ("nonstd-port", 0x0010_0000, "not the application's own port"),
    ("xff", 0x0008_0000, "the user field holds the X-Forwarded-For header"),
    ("proxy", 0x0004_0000, "a proxy's transaction"),
    ("pbf-c2s", 0x0002_0000, "client to server was forwarded by policy"),
    ("pbf-s2c", 0x0001_0000, "server to client was forwarded by policy"),
    ("container", 0x0000_8000, "a page that holds others"),
    ("dependency", 0x0000_2000, "allowed as a dependency of an allowed application"),
    ("sym-return", 0x0000_0800, "returned symmetrically"),
    ("mirror", 0x0000_0400, "decrypted traffic was mirrored"),
    ("tunnel", 0x0000_0100, "the outer tunnel was inspected"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found() {
        for field in FIELDS {
            let target = find(field.name).unwrap();
            assert_eq!(target.columns[0], field.columns.first().copied(), "{}", field.name);
            assert_eq!(target.columns[1], field.columns.get(1).copied(), "{}", field.name);
        }
        for column in Column::ALL {
            assert!(find(column.name()).is_some(), "{column:?}");
        }
        assert!(find("Addr.SRC").is_some() && find("addr.source").is_none());
    }

    #[test]
    fn names_that_are_like_others() {
        assert_eq!(similar("addr.source"), ["addr.src"]);
        assert_eq!(similar("sesion_end_reason"), ["session_end_reason"]);
        assert!(similar("interfac").contains(&"interface"));
        assert!(similar("xyzzyx").is_empty());
        assert_eq!([distance("", "abc"), distance("kitten", "sitting")], [3, 3]);
    }
}
