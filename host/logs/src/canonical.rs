//! Lines in an order that does not depend on when sessions ended: by start, then by the line itself.

use bifrons_model::Timestamp;

/// Collects lines and gives them out in canonical order. It holds all of them: about their size plus 24
/// bytes each.
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
}
