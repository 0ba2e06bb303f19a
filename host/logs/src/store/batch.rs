//! Records on their way into the store.

use crate::{
    record::{Column, LogRecord, parse_time},
    store::frame::{FrameBuilder, Key},
};

/// Records that are put into the store together. Its memory is kept from one use to the next.
#[derive(Default)]
pub struct Batch {
    /// One for each kind and hour; those from `used` on are spare.
    frames: Vec<FrameBuilder>,
    used: usize,
    /// The frame that took the last record.
    current: usize,
    hour: HourOf,
}

/// The hour of the last time that was asked for: records come in order of time, more or less.
#[derive(Default)]
struct HourOf {
    /// `2026/01/31 10`, empty where the last time was written otherwise.
    prefix: String,
    hour: u32,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record.
    pub fn push(&mut self, record: &LogRecord<'_>) {
        let key = Key { kind: record.kind, hour: self.hour.of(record) };
        let used = self.frames.get_mut(..self.used).unwrap_or_default();
        if used.get(self.current).is_none_or(|frame| frame.key != key) {
            self.current = match used.iter().position(|frame| frame.key == key) {
                Some(place) => place,
                None => {
                    match self.frames.get_mut(self.used) {
                        Some(spare) => spare.restart(key),
                        None => self.frames.push(FrameBuilder::new(key)),
                    }
                    self.used += 1;
                    self.used - 1
                }
            };
        }
        if let Some(frame) = self.frames.get_mut(self.current) {
            frame.add(record);
        }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        let rows: u64 = self.frames().iter().map(|frame| frame.rows).sum();
        usize::try_from(rows).unwrap_or(usize::MAX)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Bytes that the records take in the write-ahead file.
    pub fn size(&self) -> usize {
        self.frames().iter().map(FrameBuilder::size).sum()
    }

    /// Forgets all records.
    pub fn clear(&mut self) {
        self.used = 0;
        self.current = 0;
    }

    pub(crate) fn frames(&self) -> &[FrameBuilder] {
        self.frames.get(..self.used).unwrap_or_default()
    }
}

impl HourOf {
    /// The hour at which the record was generated, or else received; 0 where neither can be read.
    fn of(&mut self, record: &LogRecord<'_>) -> u32 {
        let generated = record.get(Column::TIME_GENERATED).unwrap_or_default();
        let is_usual = generated.len() == "2026/01/31 10:00:00".len();
        if is_usual && !self.prefix.is_empty() && generated.starts_with(&self.prefix) {
            return self.hour;
        }
        let received = || parse_time(record.get(Column::RECEIVE_TIME).unwrap_or_default());
        let time = parse_time(generated).or_else(received);
        let hour = time.map_or(0, |time| time.as_nanos() / 3_600_000_000_000);
        self.hour = u32::try_from(hour).unwrap_or(0);
        self.prefix.clear();
        if generated.as_bytes().get(4) == Some(&b'/') && parse_time(generated).is_some() {
            self.prefix.push_str(generated.get(.."2026/01/31 10".len()).unwrap_or_default());
        }
        self.hour
    }
}
