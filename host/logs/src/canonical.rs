//! Lines in an order that does not depend on when sessions ended: by start, then by the line itself.

use bifrons_model::Timestamp;

/// Collects lines and gives them out in canonical order. It holds all of them: about their size plus 24 bytes
/// each.
#[derive(Default)]
pub struct CanonicalSorter {
    text: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Clone, Copy)]
struct Line {
    start: Timestamp,
    from: usize,
    to: usize,
}

impl CanonicalSorter {
    /// Takes a line of a session that began at `start`.
    pub fn add(&mut self, start: Timestamp, line: &[u8]) {
        let from = self.text.len();
        self.text.extend_from_slice(line);
        self.lines.push(Line { start, from, to: self.text.len() });
    }

    /// Hands the lines to `emit` in order; a first error ends it. The sorter is empty afterwards.
    pub fn drain<E>(&mut self, mut emit: impl FnMut(Timestamp, &[u8]) -> Result<(), E>) -> Result<(), E> {
        let Self { text, lines } = std::mem::take(self);
        let line_text = |line: &Line| text.get(line.from..line.to).unwrap_or_default();
        let mut lines = lines;
        lines.sort_unstable_by(|one, other| {
            one.start.cmp(&other.start).then_with(|| line_text(one).cmp(line_text(other)))
        });
        lines.iter().try_for_each(|line| emit(line.start, line_text(line)))
    }
}

/// Sorts lines of the JSON format by their `start`, then by the whole line; lines without a start come first.
pub fn canonical_sort(lines: &mut [Vec<u8>]) {
    lines.sort_by(|one, other| json_start(one).cmp(&json_start(other)).then_with(|| one.cmp(other)));
}

/// The digits of `"start":1700000020.020000000` as a number of nanoseconds.
fn json_start(line: &[u8]) -> Option<u128> {
    const KEY: &[u8] = b"\"start\":";
    let place = line.windows(KEY.len()).position(|window| window == KEY)?;
    let value = line.get(place + KEY.len()..)?;
    let length = value.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.')).unwrap_or(value.len());
    let (seconds, fraction) = std::str::from_utf8(value.get(..length)?).ok()?.split_once('.')?;
    let nanos: u128 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(seconds.parse::<u64>().ok().map(u128::from)? * 1_000_000_000 + nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_decides_then_the_line() {
        let mut sorter = CanonicalSorter::default();
        sorter.add(Timestamp::from_secs(10), b"b\n");
        sorter.add(Timestamp::from_secs(9), b"z\n");
        sorter.add(Timestamp::from_secs(10), b"a\n");
        let mut out = Vec::new();
        let done: Result<(), ()> = sorter.drain(|_, line| {
            out.extend_from_slice(line);
            Ok(())
        });
        assert_eq!((done, out.as_slice()), (Ok(()), &b"z\na\nb\n"[..]));
        assert_eq!(sorter.drain(|_, _| Err("not empty")), Ok(()));
    }

    #[test]
    fn json_lines_sort_by_the_value_of_start() {
        let line = |start: &str| format!("{{\"start\":{start},\"app\":\"ssl\"}}\n").into_bytes();
        let mut lines = vec![line("10.000000001"), line("9.5"), line("10.0"), b"{}\n".to_vec()];
        canonical_sort(&mut lines);
        assert_eq!(lines, [b"{}\n".to_vec(), line("9.5"), line("10.0"), line("10.000000001")]);
    }
}
