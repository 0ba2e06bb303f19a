//! What a summary is made of, and the words that its forms share.

use bifrons_explain::{
    DIAGNOSES, civil_minute,
    pile::{Change, Comparison, Forgotten, Scan, ScanKind},
};

use super::Side;

/// Everything that a summary tells of.
pub struct Report<'a> {
    pub after: &'a Side,
    /// The side before, and what differs.
    pub comparison: Option<&'a (&'a Side, Comparison<'a>)>,
    /// How many entries a list has at most.
    pub top: usize,
}

/// `server-never-answered`, or what stands for all failures.
pub fn cause_name(place: Option<usize>) -> &'static str {
    place.and_then(|place| DIAGNOSES.get(place)).map_or("not delivered", |diagnosis| diagnosis.name)
}

/// `2026-11-22 12:20`
pub fn minute_text(minute: u64) -> String {
    let (year, month, day, hour, minute) = civil_minute(minute);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

/// `2026-11-22 12:20:05`
pub fn second_text(seconds: u64) -> String {
    format!("{}:{:02}", minute_text(seconds / 60), seconds % 60)
}

/// `rose from 0.0 to 12.5 a minute`
pub fn change_text(change: &Change) -> String {
    let verb = if change.after > change.before { "rose" } else { "fell" };
    format!("{verb} from {:.1} to {:.1} a minute", change.before, change.after)
}

pub fn scan_text(scan: &Scan) -> String {
    let what = match scan.kind {
        ScanKind::Hosts => format!("at least {} hosts", scan.hosts),
        ScanKind::Ports => format!("at least {} ports", scan.ports),
        ScanKind::HostsAndPorts => format!("at least {} hosts and {} ports", scan.hosts, scan.ports),
    };
    let pace = match scan.most_in_a_minute {
        0 => String::new(),
        most => format!(", up to {} in a minute", thousands(most)),
    };
    format!("{} attempts without success, to {what}{pace}", thousands(scan.attempts))
}

/// What the summary does not know; empty when nothing was forgotten.
pub fn forgotten_text(forgotten: Forgotten) -> String {
    let parts: Vec<String> = [
        (forgotten.pairs, "pairs of hosts"),
        (forgotten.services, "services"),
        (forgotten.sources, "sources"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{} {what}", thousands(count)))
    .collect();
    if parts.is_empty() {
        return String::new();
    }
    let parts = parts.join(", ");
    format!("There were more than are kept: {parts} with the fewest failures were left out of these lists.")
}

/// `1,234,567`
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.3 %`
pub fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / whole.max(1) as f64)
}

/// The text without what would act on a terminal, and not longer than `longest` characters.
pub fn clean(text: &str, longest: usize) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { '?' } else { c });
    let mut kept: String = characters.by_ref().take(longest).collect();
    if characters.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// `192.0.2.1:443`, `[2001:db8::1]:443`; without a port the address alone.
pub fn endpoint(address: &str, port: u64) -> String {
    match (port, address.contains(':')) {
        (0, _) => address.to_owned(),
        (port, false) => format!("{address}:{port}"),
        (port, true) => format!("[{address}]:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(
            (thousands(0), thousands(999), thousands(1_000)),
            ("0".into(), "999".into(), "1,000".into())
        );
        assert_eq!(clean("a\u{1b}[2Jb", 80), "a?[2Jb");
        assert_eq!(clean("insufficient-data", 16), "insufficient-da…");
        assert_eq!(endpoint("2001:db8::1", 443), "[2001:db8::1]:443");
        assert_eq!(endpoint("192.0.2.1", 0), "192.0.2.1");
        assert_eq!(second_text(1_700_000_020), "2023-11-14 22:13:40");
    }
}
