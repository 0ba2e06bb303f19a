//! What a member sends, and what it makes of what it receives.

use alloc::{boxed::Box, format};

use bifrons_model::Timestamp;

use super::{DownReason, Exchange, Member, MemberOutput, RequestError, label};
use crate::{
    HaLinkId,
    control::{Admission, CONTROL_LINKS, Receiver, nonce},
    election::StateReason,
    hello::{Envelope, Heartbeat, Hello, Message, Order, OrderKind, OrderReply},
    log::{HaEvent, Severity},
    timers::{ORDER_RETRY, ORDER_TRIES},
};

/// An order that the peer has not answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingOrder {
    pub order: Order,
    pub tries: u8,
    pub next_try: Timestamp,
}

impl Exchange {
    pub fn new(now: Timestamp, epoch: u64) -> Self {
        Self {
            epoch,
            sequence: 0,
            receiver: Receiver::default(),
            beat: 0,
            next_beat: now,
            next_hello: now,
            hello_from: 0,
            is_news: true,
            order: None,
            order_number: 0,
            answered: None,
            unreadable: 0,
            replayed: 0,
        }
    }
}

impl Member {
    /// A message came over HA1, its backup or the heartbeat backup. One that cannot be read, was here before
    /// or is of an earlier start of the peer changes nothing.
    pub fn handle_message(&mut self, now: Timestamp, link: HaLinkId, bytes: &[u8]) {
        let now = self.advance(now);
        let Ok(envelope) = Envelope::read(bytes, self.settings.identity.versions) else {
            self.exchange.unreadable = self.exchange.unreadable.saturating_add(1);
            return;
        };
        let Envelope { epoch, sequence, message, .. } = envelope;
        let is_order = matches!(message, Message::Order(_) | Message::OrderReply(_));
        let is_carrier = CONTROL_LINKS.contains(&link) && self.is_configured(link);
        if !is_carrier || is_order && link == HaLinkId::HeartbeatBackup {
            self.exchange.unreadable = self.exchange.unreadable.saturating_add(1);
            return;
        }
        let is_answer = matches!(&message, Message::HeartbeatReply(beat) if self.is_answer(beat));
        match self.exchange.receiver.admit(link, epoch, sequence, is_answer) {
            Admission::Old => {
                self.exchange.replayed = self.exchange.replayed.saturating_add(1);
                return;
            }
            Admission::NewEpoch => {
                self.peer.hello = None;
                self.exchange.is_news = true;
                self.exchange.answered = None;
            }
            Admission::Fresh => {}
        }
        self.hear(now, link);
        match message {
            Message::Hello(hello) => self.take_hello(now, sequence, *hello),
            Message::HeartbeatRequest(beat) => {
                let reply = Heartbeat { hello_seen: self.hello_seen(), ..beat };
                self.send(link, Message::HeartbeatReply(reply));
                self.repeat_hello(link, beat.hello_seen);
            }
            Message::HeartbeatReply(beat) => {
                if is_answer {
                    self.peer.last_reply = now;
                }
                self.repeat_hello(link, beat.hello_seen);
            }
            Message::Order(order) => self.obey(now, link, order),
            Message::OrderReply(reply) => self.take_order_reply(now, reply),
        }
        self.settle(now);
    }

    /// A new message has come from the peer.
    fn hear(&mut self, now: Timestamp, link: HaLinkId) {
        self.peer.last_heard = now;
        if self.peer.is_alive {
            return;
        }
        self.peer.is_alive = true;
        self.peer.is_given_up = false;
        self.peer.lost_at = None;
        self.peer.changed_at = now;
        self.exchange.is_news = true;
        // Whether it hears this device is soon to be known.
        self.exchange.next_beat = now;
        let text = format!("Peer connected over {}", label(link));
        self.log(now, Severity::Informational, HaEvent::ConnectChange, &text);
        self.report_peer();
    }

    /// The peer is silent. What it said is forgotten: it may be something else by the time it is heard again.
    pub(super) fn lose(&mut self, now: Timestamp, reason: DownReason) {
        self.peer.is_alive = false;
        self.peer.is_given_up = false;
        self.peer.lost_at = Some(now);
        self.peer.down_reason = reason;
        self.peer.changed_at = now;
        self.peer.hello = None;
        let text = format!("Peer connection down: {}", reason.name());
        self.log(now, Severity::Critical, HaEvent::ConnectChange, &text);
        self.report_peer();
    }

    fn report_peer(&mut self) {
        let state = self.peer.hello.as_ref().map(|hello| hello.state);
        self.outputs.push_back(MemberOutput::Peer { is_alive: self.peer.is_alive, state });
    }

    fn take_hello(&mut self, now: Timestamp, sequence: u64, hello: Hello) {
        if !self.exchange.receiver.take_hello(sequence) || self.peer.hello.as_ref() == Some(&hello) {
            return;
        }
        let before = self.peer.hello.as_ref().map(|before| before.state);
        if before != Some(hello.state) {
            self.peer.changed_at = now;
            let text = format!("Peer is in state {}", hello.state.name());
            self.log(now, Severity::Informational, HaEvent::ConnectChange, &text);
        }
        self.peer.hello = Some(hello);
        self.report_peer();
    }

    /// The newest hello that still counts, for the peer to know what it need not say again.
    const fn hello_seen(&self) -> u64 {
        match &self.peer.hello {
            Some(_) => self.exchange.receiver.hello_seen(),
            None => 0,
        }
    }

    /// The peer does not know what this device said last.
    fn repeat_hello(&mut self, link: HaLinkId, seen: u64) {
        if seen < self.exchange.hello_from {
            self.send(link, Message::Hello(Box::new(self.own.clone())));
        }
    }

    /// Whether it answers one of the last questions.
    fn is_answer(&self, beat: &Heartbeat) -> bool {
        let age = self.exchange.beat.checked_sub(beat.beat);
        let expected = nonce(self.settings.identity.ha1_mac, self.exchange.epoch, beat.beat);
        age.is_some_and(|age| age < 8) && beat.nonce == expected
    }

    /// Says a hello over all control links if there is news.
    pub(super) fn announce(&mut self, now: Timestamp) {
        if !core::mem::take(&mut self.exchange.is_news) {
            return;
        }
        self.exchange.next_hello = now + self.times.hello;
        self.exchange.hello_from = self.exchange.sequence + 1;
        for link in CONTROL_LINKS {
            if self.is_usable(link) {
                self.send(link, Message::Hello(Box::new(self.own.clone())));
            }
        }
    }

    pub(super) fn send_heartbeats(&mut self, now: Timestamp) {
        // The rhythm is kept, unless the device has slept through it.
        let next = self.exchange.next_beat + self.times.heartbeat;
        self.exchange.next_beat = if next > now { next } else { now + self.times.heartbeat };
        self.exchange.beat += 1;
        let beat = self.exchange.beat;
        let nonce = nonce(self.settings.identity.ha1_mac, self.exchange.epoch, beat);
        let heartbeat = Heartbeat { beat, nonce, hello_seen: self.hello_seen() };
        for link in CONTROL_LINKS {
            if self.is_usable(link) {
                self.send(link, Message::HeartbeatRequest(heartbeat));
            }
        }
    }

    fn send(&mut self, link: HaLinkId, message: Message) {
        if !self.is_usable(link) {
            return;
        }
        self.exchange.sequence += 1;
        let versions = self.settings.identity.versions;
        let agreed = self.peer.hello.as_ref().and_then(|hello| versions.agree(hello.versions));
        let envelope = Envelope {
            version: agreed.unwrap_or(versions.lowest),
            epoch: self.exchange.epoch,
            sequence: self.exchange.sequence,
            message,
        };
        self.outputs.push_back(MemberOutput::Message { link, bytes: envelope.to_bytes() });
    }

    /// Tells the peer to do something.
    pub(super) fn order(&mut self, now: Timestamp, kind: OrderKind) -> Result<(), RequestError> {
        if !self.peer.is_alive || !(self.is_usable(HaLinkId::Ha1) || self.is_usable(HaLinkId::Ha1Backup)) {
            return Err(RequestError::PeerNotConnected);
        }
        if self.exchange.order.is_some() {
            return Err(RequestError::OrderPending);
        }
        self.exchange.order_number += 1;
        let order = Order { number: self.exchange.order_number, kind };
        self.exchange.order = Some(PendingOrder { order, tries: 0, next_try: now });
        self.repeat_order(now);
        Ok(())
    }

    pub(super) fn repeat_order(&mut self, now: Timestamp) {
        let Some(pending) = &mut self.exchange.order else { return };
        if pending.tries >= ORDER_TRIES {
            let text = format!("Peer does not answer the request to be {}", pending.order.kind.name());
            self.exchange.order = None;
            self.log(now, Severity::High, HaEvent::StateOrder, &text);
            return;
        }
        pending.tries += 1;
        pending.next_try = now + ORDER_RETRY;
        let order = pending.order;
        for link in [HaLinkId::Ha1, HaLinkId::Ha1Backup] {
            self.send(link, Message::Order(order));
        }
    }

    /// Carries out an order once and answers it as often as it comes.
    fn obey(&mut self, now: Timestamp, link: HaLinkId, order: Order) {
        if self.exchange.receiver.take_order(order.number) {
            let result = match order.kind {
                OrderKind::Suspend => self.suspend(now, StateReason::PeerRequested),
                OrderKind::Functional => self.make_functional(now, StateReason::PeerRequested),
            };
            self.exchange.answered = Some((order.number, result.is_ok()));
        }
        if let Some((number, is_done)) = self.exchange.answered.filter(|(number, _)| *number == order.number)
        {
            self.send(link, Message::OrderReply(OrderReply { number, is_done }));
        }
    }

    fn take_order_reply(&mut self, now: Timestamp, reply: OrderReply) {
        let Some(pending) = self.exchange.order.filter(|it| it.order.number == reply.number) else { return };
        self.exchange.order = None;
        let word = if reply.is_done { "obeys" } else { "refuses" };
        let text = format!("Peer {word} the request to be {}", pending.order.kind.name());
        self.log(now, Severity::Informational, HaEvent::StateOrder, &text);
    }
}
