//! A bar on standard error while a long capture is read.
#![allow(clippy::disallowed_types, reason = "a progress bar is paced by the wall clock")]

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

pub struct Progress {
    name: String,
    total: u64,
    began: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Files below this are done before a bar could be read.
    const BYTES_MIN: u64 = 16 << 20;
    const INTERVAL: Duration = Duration::from_millis(200);
    const WIDTH: usize = 30;

    /// A bar for a file of `total` bytes; `None` where nobody would see it or it would not pay.
    pub fn new(name: &str, total: Option<u64>, output_is_terminal: bool) -> Option<Self> {
        let total = total.filter(|total| *total >= Self::BYTES_MIN)?;
        let is_seen = std::io::stderr().is_terminal() && !output_is_terminal;
        is_seen.then(|| Self { name: name.to_owned(), total, began: Instant::now(), shown: None })
    }

    /// Shows how far it is, a few times a second.
    pub fn update(&mut self, bytes: u64, packets: u64) {
        let now = Instant::now();
        if self.shown.is_some_and(|shown| now - shown < Self::INTERVAL) {
            return;
        }
        self.shown = Some(now);
        let done = bytes.min(self.total) as f64 / self.total as f64;
        let filled = (done * Self::WIDTH as f64) as usize;
        let rate = packets as f64 / self.began.elapsed().as_secs_f64().max(1e-3) / 1e6;
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[K{} [{}{}] {:3.0} %  {rate:.2} M packets/s",
            self.name,
            "=".repeat(filled),
            " ".repeat(Self::WIDTH - filled),
            done * 100.0
        );
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
