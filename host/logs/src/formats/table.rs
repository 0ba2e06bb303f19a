//! A table for people: one line a record, as wide as the terminal and no wider.
//!
//! Widths are fixed when the table is made, so lines can be printed as they come. At 80 columns there is
//! room for the start, both addresses, application and end reason in full words; what a wider terminal
//! adds, and in which order, is the list `GROWTH`.

use std::net::IpAddr;

use bifrons_model::{FinalAction, Names, Timestamp, TrafficRecord};

use crate::{
    human,
    protocol::has_ports,
    row::Row,
    text::{date_time, push_milliseconds},
};

/// Writes records as lines of a table.
pub struct TableFormat {
    /// The columns that are shown, with their widths.
    columns: Vec<(Column, usize)>,
    colour: bool,
    /// The day of the latest line, in days since the epoch.
    day: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Start,
    Source,
    Destination,
    Protocol,
    App,
    Action,
    Bytes,
    Packets,
    Elapsed,
    EndReason,
    Tracker,
}

/// The narrowest table: columns in the order they stand, width 0 for those that are not shown yet. 80 in
/// all.
const NARROWEST: [(Column, usize); 11] = [
    (Column::Start, 8),
    (Column::Source, 15),
    (Column::Destination, 18),
    (Column::Protocol, 0),
    (Column::App, 16),
    (Column::Action, 0),
    (Column::Bytes, 0),
    (Column::Packets, 0),
    (Column::Elapsed, 0),
    // `tcp-rst-from-client`
    (Column::EndReason, 19),
    (Column::Tracker, 0),
];

/// What further width is spent on: the first entry that fits is taken, and so on through the list.
const GROWTH: [(Column, usize); 14] = [
    (Column::Bytes, 11),
    // An IPv4 address with its port; `insufficient-data`.
    (Column::Destination, 21),
    (Column::App, 17),
    (Column::Protocol, 5),
    // `reset-both`
    (Column::Action, 10),
    (Column::Elapsed, 7),
    (Column::Packets, 9),
    // Milliseconds; the source's port.
    (Column::Start, 12),
    (Column::Source, 21),
    (Column::Action, 12),
    (Column::Tracker, 24),
    (Column::Protocol, 9),
    // An IPv6 address with its port.
    (Column::Destination, 47),
    (Column::Source, 47),
];

const GAP: usize = 1;
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";
const NANOS_PER_DAY: u64 = 86_400 * 1_000_000_000;

impl TableFormat {
    /// The narrowest table that can be made.
    pub const WIDTH_MIN: usize = 80;

    /// A table of at most `width` columns, and never below [`Self::WIDTH_MIN`]. With `colour`, records
    /// whose final action is `Blocked` are red.
    pub fn new(width: usize, colour: bool) -> Self {
        Self { columns: layout(width.max(Self::WIDTH_MIN)), colour, day: None }
    }

    /// Appends the line of titles.
    pub fn header(&self, out: &mut Vec<u8>) {
        let mut line = Line::default();
        for (column, width) in &self.columns {
            line.cell(column.title(), *width, column.is_right_aligned());
        }
        self.push(&line, self.colour.then_some(BOLD), out);
    }

    /// Appends the record's line, after a line with the day where that is not the day of the line before.
    pub fn write(&mut self, record: &TrafficRecord, names: &Names, out: &mut Vec<u8>) {
        self.day_line(record.start, out);
        self.write_row(&Row::new(record, names, ""), out);
    }

    /// The line that says which day the next ones belong to.
    pub(crate) fn day_line(&mut self, start: Timestamp, out: &mut Vec<u8>) {
        let day = start.as_nanos() / NANOS_PER_DAY;
        if self.day.replace(day) != Some(day) {
            let (year, month, of_month, ..) = start.civil();
            let text = format!("{year:04}-{month:02}-{of_month:02} UTC");
            self.push(&Line { text, pending: 0 }, self.colour.then_some(BOLD), out);
        }
    }

    pub(crate) fn write_row(&self, row: &Row<'_>, out: &mut Vec<u8>) {
        let mut line = Line::default();
        for (column, width) in &self.columns {
            line.cell(&column.text(row, *width), *width, column.is_right_aligned());
        }
        let colour = match row.final_action() {
            FinalAction::Blocked if self.colour => Some(RED),
            FinalAction::Blocked | FinalAction::Allowed => None,
        };
        self.push(&line, colour, out);
    }

    fn push(&self, line: &Line, colour: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(colour.unwrap_or("").as_bytes());
        out.extend_from_slice(line.text.as_bytes());
        out.extend_from_slice(colour.map_or("", |_| RESET).as_bytes());
        out.push(b'\n');
    }
}

/// Gives each column its width.
fn layout(width: usize) -> Vec<(Column, usize)> {
    let mut columns = NARROWEST;
    let mut free = width.saturating_sub(TableFormat::WIDTH_MIN);
    for (grown, wanted) in GROWTH {
        for (column, current) in &mut columns {
            if *column != grown {
                continue;
            }
            let cost = wanted.saturating_sub(*current) + if *current == 0 { GAP } else { 0 };
            if cost <= free {
                free -= cost;
                *current = wanted.max(*current);
            }
        }
    }
    columns.into_iter().filter(|(_, width)| *width > 0).collect()
}

/// A line in the making. Blanks are owed until something follows them, so that none end a line.
#[derive(Default)]
struct Line {
    text: String,
    pending: usize,
}

impl Line {
    fn cell(&mut self, content: &str, width: usize, right_aligned: bool) {
        let short = human::shorten(content, width);
        let fill = width.saturating_sub(short.chars().count());
        if right_aligned {
            self.pending += fill;
        }
        if !short.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', self.pending));
            self.text.push_str(&short);
            self.pending = 0;
        }
        if !right_aligned || short.is_empty() {
            self.pending += if right_aligned { 0 } else { fill };
        }
        self.pending += GAP;
    }
}

impl Column {
    const fn title(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Protocol => "proto",
            Self::App => "app",
            Self::Action => "action",
            Self::Bytes => "sent/rcvd  ",
            Self::Packets => "packets ",
            Self::Elapsed => "elapsed",
            Self::EndReason => "end reason",
            Self::Tracker => "tracker",
        }
    }

    const fn is_right_aligned(self) -> bool {
        match self {
            Self::Bytes | Self::Packets | Self::Elapsed => true,
            Self::Start
            | Self::Source
            | Self::Destination
            | Self::Protocol
            | Self::App
            | Self::Action
            | Self::EndReason
            | Self::Tracker => false,
        }
    }

    fn text(self, row: &Row<'_>, width: usize) -> String {
        let record = row.record;
        match self {
            Self::Start => time_of_day(record.start, width),
            // Without room for a port, the client's is the one to do without: it says least.
            Self::Source if width < 21 => human::shorten(&record.source.to_string(), width),
            Self::Source => endpoint(record.source, record.source_port, record.protocol, width),
            Self::Destination => {
                endpoint(record.destination, record.destination_port, record.protocol, width)
            }
            Self::Protocol => protocol(row, width),
            Self::App => row.application.name.to_owned(),
            Self::Action => record.action.name().to_owned(),
            Self::Bytes => {
                let (sent, received) = (human::bytes(record.sent.bytes), human::bytes(record.received.bytes));
                format!("{sent:>5}/{received:<5}")
            }
            Self::Packets => {
                let (sent, received) =
                    (human::count(record.sent.packets), human::count(record.received.packets));
                format!("{sent:>4}/{received:<4}")
            }
            Self::Elapsed => human::duration(row.elapsed()),
            Self::EndReason => record.end_reason.name().to_owned(),
            Self::Tracker => record.tracker.name().to_owned(),
        }
    }
}

fn time_of_day(moment: Timestamp, width: usize) -> String {
    let mut text = date_time(moment).get(11..).unwrap_or_default().to_vec();
    if width >= 12 {
        push_milliseconds(&mut text, moment);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Address and port in at most `width` characters. The address is shortened, the port never.
fn endpoint(address: IpAddr, port: u16, protocol: u8, width: usize) -> String {
    if !has_ports(protocol) {
        return human::shorten(&address.to_string(), width);
    }
    let port = format!(":{port}");
    let room = width.saturating_sub(port.len());
    match address {
        IpAddr::V4(address) => human::shorten(&address.to_string(), room) + &port,
        IpAddr::V6(address) => {
            format!("[{}]{port}", human::shorten(&address.to_string(), room.saturating_sub(2)))
        }
    }
}

fn protocol(row: &Row<'_>, width: usize) -> String {
    // The registry's word does not fit the narrow column; this one is as well known.
    if row.record.protocol == 58 && width < 9 {
        return "icmp6".to_owned();
    }
    let mut text = Vec::new();
    row.push_protocol(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn table(width: usize, colour: bool, records: &[TrafficRecord]) -> String {
        let mut format = TableFormat::new(width, colour);
        let mut out = Vec::new();
        format.header(&mut out);
        for record in records {
            format.write(record, &samples::names(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    fn all() -> Vec<TrafficRecord> {
        vec![
            samples::started(),
            samples::ended(),
            samples::dropped(),
            samples::denied(),
            samples::ipv6(),
            samples::ping(),
        ]
    }

    #[test]
    fn eighty_columns() {
        let expected = "\
start    source          destination        app              end reason
2023-11-14 UTC
22:13:40 192.168.1.10    203.0.113.80:443   ssl              n/a
22:13:40 192.168.1.10    203.0.113.80:443   ssl              tcp-fin
22:13:40 192.168.1.10    203.0.113.80:443   not-applicable   policy-deny
";
        assert_eq!(table(80, false, &all()[..3]), expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_columns_stay_aligned() {
        for width in 80..=300 {
            let text = table(width, false, &all());
            let reason = text.lines().next().and_then(|line| line.find("end reason")).unwrap();
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
                assert_eq!(line.trim_end(), line, "no blanks at the end");
            }
            for (line, record) in text.lines().skip(2).zip(all()) {
                let rest: String = line.chars().skip(reason).collect();
                assert!(rest.starts_with(record.end_reason.name()), "{width}: {line}");
            }
        }
        // Below the minimum the table keeps it.
        assert_eq!(table(20, false, &all()), table(80, false, &all()));
    }

    #[test]
    fn a_wide_terminal_shows_everything_in_full() {
        let text = table(300, false, &[samples::ipv6(), samples::denied()]);
        assert!(!text.contains('…'), "{text}");
        for part in
            ["[2001:db8:0:1:2:3:4:5]:65535", "[2001:db8::53]:53", "22:13:40.020", "appid policy lookup deny"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_day_is_named_once() {
        let next_day = TrafficRecord { start: Timestamp::from_secs(1_700_092_800), ..samples::ended() };
        let text = table(80, false, &[samples::ended(), samples::ended(), next_day]);
        let days: Vec<&str> = text.lines().filter(|line| line.ends_with(" UTC")).collect();
        assert_eq!(days, ["2023-11-14 UTC", "2023-11-16 UTC"]);
    }

    #[test]
    fn colour_only_when_asked_and_only_where_blocked() {
        let plain = table(100, false, &all());
        let coloured = table(100, true, &all());
        assert!(!plain.contains('\x1b'));
        assert_eq!(coloured.lines().filter(|line| line.starts_with(RED)).count(), 2);
        assert_eq!(coloured.replace(RED, "").replace(BOLD, "").replace(RESET, ""), plain);
    }

    #[test]
    fn ports_survive_shortening() {
        let longest = "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap();
        assert_eq!(endpoint(longest, 65_535, 6, 19), "[2001:…:6666]:65535");
        assert_eq!(endpoint(longest, 65_535, 6, 47), "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
        assert_eq!(endpoint("192.168.100.100".parse().unwrap(), 65_535, 17, 19), "192.16…00.100:65535");
        assert_eq!(endpoint(longest, 0, 58, 19), "2001:db8:…5555:6666");
    }
}
