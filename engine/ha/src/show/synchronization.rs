//! What has been told over HA2.

use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;

use super::{Lines, RULE, micros, yes};
use crate::{
    HaLinkId,
    sync::{Backlog, Counters, ItemKind, MessageKind, SyncStatus, VERSION},
};

/// `show high-availability state-synchronization`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SynchronizationReport {
    /// How well the peer's copy follows.
    pub status: SyncStatus,
    /// Whether this device tells the peer its state.
    pub sends: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<&'static str>,
    /// The link in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<HaLinkId>,
    /// What has been sent and received since the device started, by kind.
    pub messages: Vec<SynchronizationRow>,
    /// Bytes of all messages sent.
    pub bytes_sent: u64,
    /// Bytes of all messages of the peer.
    pub bytes_received: u64,
    /// Batches that were sent again.
    pub retransmitted: u64,
    /// Messages that changed nothing because they had come before.
    pub repeated: u64,
    /// Messages that were not the peer's, or of another connection.
    pub refused: u64,
    /// Messages and entries of kinds that only a newer peer knows.
    pub unknown: u64,
    /// Times that changes had to wait because the peer did not keep up.
    pub window_full: u64,
    /// Times that so much waited that everything was told anew.
    pub overflows: u64,
    /// Entries that have changed and are in no batch yet.
    pub waiting: usize,
    /// How long the oldest of them has waited.
    pub waiting_us: u64,
    /// Batches that the peer has not acknowledged.
    pub in_flight: usize,
}

/// One kind of message, or of entry inside the batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SynchronizationRow {
    /// Its name.
    pub message: &'static str,
    /// Whether this device sends it now.
    pub enabled: bool,
    /// The version of the messages' form.
    pub version: u8,
    /// How many were sent.
    pub sent: u64,
    /// How many were received.
    pub received: u64,
}

impl SynchronizationReport {
    /// `disabled` is why nothing is told to the peer, if so: "device not in active state".
    pub(crate) fn new(
        status: SyncStatus,
        disabled: Option<&'static str>,
        link: Option<HaLinkId>,
        counters: &Counters,
        backlog: &Backlog,
    ) -> Self {
        let row = |message, enabled, both: crate::sync::Both| SynchronizationRow {
            message,
            enabled,
            version: VERSION,
            sent: both.sent,
            received: both.received,
        };
        let items = ItemKind::ALL.map(|kind| row(kind.name(), disabled.is_none(), counters.items(kind)));
        let messages = MessageKind::ALL.map(|kind| row(kind.name(), true, counters.messages(kind)));
        let Backlog { dirty, waiting, in_flight, .. } = *backlog;
        Self {
            status,
            sends: disabled.is_none(),
            disabled_reason: disabled,
            link,
            messages: items.into_iter().chain(messages).collect(),
            bytes_sent: counters.bytes_sent,
            bytes_received: counters.bytes_received,
            retransmitted: counters.retransmitted,
            repeated: counters.repeated,
            refused: counters.refused,
            unknown: counters.unknown,
            window_full: counters.window_full,
            overflows: counters.overflows,
            waiting: dirty,
            waiting_us: if dirty == 0 { 0 } else { micros(waiting.max(Duration::ZERO)) },
            in_flight,
        }
    }

    pub(super) fn write(&self, lines: &mut Lines) {
        lines.line(RULE);
        lines.value("State Synchronization Status", self.status.name());
        lines.line(RULE);
        match self.disabled_reason {
            None => lines.line("State synchronization to peer: enabled"),
            Some(reason) => lines.line(format_args!("State synchronization to peer: disabled ({reason})")),
        }
        lines.line(RULE);
        lines.line("Messages processed since system up:");
        let heads = ["enable", "version", "sent", "received"];
        let [enable, version, sent, received] = heads;
        lines.line(format_args!("{:<20}{enable:<8}{version:<9}{sent:>14}{received:>14}", "message"));
        for SynchronizationRow { message, enabled, version, sent, received } in &self.messages {
            let enable = yes(*enabled);
            lines.line(format_args!("{message:<20}{enable:<8}{version:<9}{sent:>14}{received:>14}"));
        }
        lines.line(RULE);
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use super::*;
    use crate::PairPage;

    fn text(disabled: Option<&'static str>, counters: &Counters) -> String {
        let (status, backlog) = (SyncStatus::Complete, Backlog::default());
        let report = SynchronizationReport::new(status, disabled, None, counters, &backlog);
        PairPage::Synchronization(report).to_string()
    }

    #[test]
    fn the_report_has_a_row_for_every_kind() {
        let mut counters = Counters::default();
        counters.item_sent(ItemKind::SessionUpdate);
        counters.message_received(MessageKind::KeepAliveReply, 28);
        let page = text(None, &counters);
        let row = |name: &str| {
            let line = page.lines().find(|line| line.starts_with(name)).unwrap();
            line.get(20..).unwrap().split_whitespace().map(String::from).collect::<Vec<_>>()
        };
        assert_eq!(row("session update"), ["yes", "1", "1", "0"]);
        assert_eq!(row("keep-alive reply"), ["yes", "1", "0", "1"]);
        assert!(ItemKind::ALL.iter().all(|kind| row(kind.name()).len() == 4));
        assert!(MessageKind::ALL.iter().all(|kind| row(kind.name()).len() == 4));
        assert_eq!(page.lines().nth(1), Some("State Synchronization Status: Complete"));
        assert_eq!(page.lines().nth(3), Some("State synchronization to peer: enabled"));
        let passive = text(Some("device not in active state"), &counters);
        let line = "State synchronization to peer: disabled (device not in active state)";
        assert_eq!(passive.lines().nth(3), Some(line));
    }
}
