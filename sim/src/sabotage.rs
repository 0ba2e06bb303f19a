//! Planted bugs: a firewall that does one thing wrong now and then, so that it can be seen whether the checks
//! notice. The bugs are at its border, where those of an engine would show.

pub mod pair;

use std::collections::VecDeque;

use bifrons_model::Timestamp;
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket,
};

use crate::{
    device::{Device, DeviceOutput, Figures, Order},
    frame::{Content, View},
    random::Random,
};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// An answer to ARP is lost.
    ArpReplyLost,
    /// A packet leaves with the hop limit that it came with.
    HopLimitKept,
    /// A record is written twice.
    LoggedTwice,
    /// A frame is sent twice.
    SentTwice,
    /// A header has a wrong checksum.
    ChecksumWrong,
    /// Sessions are forgotten.
    SessionsForgotten,
    /// A TCP window is not what the sender announced.
    WindowWrong,
    /// A record has wrong bytes.
    BytesWrong,
    /// A commit says that it is done and is not.
    CommitIgnored,
    /// The last rule, which drops the rest, lets it pass from the first commit on.
    RestAllowed,
}

impl Bug {
    /// All bugs.
    pub const ALL: [Self; 10] = [
        Self::ArpReplyLost,
        Self::HopLimitKept,
        Self::LoggedTwice,
        Self::SentTwice,
        Self::ChecksumWrong,
        Self::SessionsForgotten,
        Self::WindowWrong,
        Self::BytesWrong,
        Self::CommitIgnored,
        Self::RestAllowed,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArpReplyLost => "arp-reply-lost",
            Self::HopLimitKept => "hop-limit-kept",
            Self::LoggedTwice => "logged-twice",
            Self::SentTwice => "sent-twice",
            Self::ChecksumWrong => "checksum-wrong",
            Self::SessionsForgotten => "sessions-forgotten",
            Self::WindowWrong => "window-wrong",
            Self::BytesWrong => "bytes-wrong",
            Self::CommitIgnored => "commit-ignored",
            Self::RestAllowed => "rest-allowed",
        }
    }

    /// In how many of a million occasions it shows: seldom, as bugs that live long do.
    const fn chance(self) -> u32 {
        match self {
            Self::HopLimitKept | Self::SentTwice | Self::ChecksumWrong | Self::WindowWrong => 1_000,
            Self::SessionsForgotten => 300,
            Self::LoggedTwice | Self::BytesWrong => 20_000,
            Self::ArpReplyLost => 50_000,
            Self::CommitIgnored | Self::RestAllowed => 200_000,
        }
    }
}

/// A firewall with a bug.
pub struct Sabotaged {
    inner: Box<dyn Device>,
    bug: Bug,
    random: Random,
    extra: VecDeque<DeviceOutput>,
}

impl Sabotaged {
    /// Plants a bug.
    pub fn new(inner: Box<dyn Device>, bug: Bug, seed: u64) -> Self {
        Self { inner, bug, random: Random::new(seed, "bug", bug as u64), extra: VecDeque::new() }
    }

    fn strikes(&mut self) -> bool {
        self.random.chance(self.bug.chance())
    }

    /// Spoils an output; `None` swallows it.
    fn spoil(&mut self, output: DeviceOutput) -> Option<DeviceOutput> {
        match output {
            DeviceOutput::Frame { port, mut bytes } => {
                let is_answer = matches!(View::of(&bytes).content, Content::Arp { is_request: false, .. });
                let concerns = match self.bug {
                    Bug::ArpReplyLost => is_answer,
                    Bug::HopLimitKept | Bug::ChecksumWrong | Bug::SentTwice | Bug::WindowWrong => !is_answer,
                    Bug::LoggedTwice
                    | Bug::SessionsForgotten
                    | Bug::BytesWrong
                    | Bug::CommitIgnored
                    | Bug::RestAllowed => false,
                };
                if !concerns || !self.strikes() {
                    return Some(DeviceOutput::Frame { port, bytes });
                }
                match self.bug {
                    Bug::ArpReplyLost => return None,
                    Bug::SentTwice => {
                        self.extra.push_back(DeviceOutput::Frame { port, bytes: bytes.clone() });
                    }
                    Bug::HopLimitKept => keep_hop_limit(&mut bytes),
                    Bug::ChecksumWrong => bytes.get_mut(25).into_iter().for_each(|byte| *byte ^= 0x40),
                    Bug::WindowWrong => change_window(&mut bytes),
                    Bug::LoggedTwice
                    | Bug::SessionsForgotten
                    | Bug::BytesWrong
                    | Bug::CommitIgnored
                    | Bug::RestAllowed => {}
                }
                Some(DeviceOutput::Frame { port, bytes })
            }
            DeviceOutput::Record(mut written) => {
                if self.bug == Bug::LoggedTwice && self.strikes() {
                    self.extra.push_back(DeviceOutput::Record(written.clone()));
                }
                if self.bug == Bug::BytesWrong && self.strikes() {
                    written.record.received.bytes += 60;
                }
                Some(DeviceOutput::Record(written))
            }
        }
    }
}

impl Device for Sabotaged {
    fn handle_frame(&mut self, now: Timestamp, port: usize, frame: Vec<u8>) {
        self.inner.handle_frame(now, port, frame);
        if self.bug == Bug::SessionsForgotten && self.strikes() {
            let _ = self.inner.handle_order(now, &Order::Clear(Box::default()));
        }
    }

    fn handle_order(&mut self, now: Timestamp, order: &Order) -> Result<(), String> {
        match (self.bug, order) {
            (Bug::CommitIgnored, Order::Commit(_)) if self.strikes() => Ok(()),
            (Bug::RestAllowed, Order::Commit(text)) if self.strikes() => {
                let rest = "application any service any action drop log-end yes\n";
                let open = "application any service any action allow log-end yes\n";
                let text = match text.strip_suffix(rest) {
                    Some(before) => format!("{before}{open}"),
                    None => text.clone(),
                };
                self.inner.handle_order(now, &Order::Commit(text))
            }
            _ => self.inner.handle_order(now, order),
        }
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        self.inner.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        self.inner.poll_timeout()
    }

    fn poll_output(&mut self) -> Option<DeviceOutput> {
        if let Some(extra) = self.extra.pop_front() {
            return Some(extra);
        }
        while let Some(output) = self.inner.poll_output() {
            if let Some(spoilt) = self.spoil(output) {
                return Some(spoilt);
            }
        }
        None
    }

    fn figures(&self) -> Figures {
        self.inner.figures()
    }

    fn drops(&self) -> Vec<(&'static str, u64)> {
        self.inner.drops()
    }

    fn restart(&mut self, now: Timestamp) {
        self.inner.restart(now);
    }
}

const ETHERNET: usize = 14;

fn keep_hop_limit(frame: &mut [u8]) {
    let kind = EthernetFrame::new_unchecked(&*frame).ethertype();
    let Some(ip) = frame.get_mut(ETHERNET..) else { return };
    match kind {
        EthernetProtocol::Ipv4 => {
            let mut packet = Ipv4Packet::new_unchecked(ip);
            packet.set_hop_limit(packet.hop_limit().saturating_add(1));
            packet.fill_checksum();
        }
        EthernetProtocol::Ipv6 => {
            let mut packet = Ipv6Packet::new_unchecked(ip);
            packet.set_hop_limit(packet.hop_limit().saturating_add(1));
        }
        EthernetProtocol::Arp | EthernetProtocol::Unknown(_) => {}
    }
}

fn change_window(frame: &mut [u8]) {
    let Some(ip) = frame.get_mut(ETHERNET..) else { return };
    let Ok(packet) = Ipv4Packet::new_checked(&*ip) else { return };
    if packet.next_header() != IpProtocol::Tcp || packet.version() != 4 {
        return;
    }
    let ends = [IpAddress::Ipv4(packet.src_addr()), IpAddress::Ipv4(packet.dst_addr())];
    let (from, to) = (usize::from(packet.header_len()), usize::from(packet.total_len()));
    let Some(segment) = ip.get_mut(from..to) else { return };
    let Ok(mut tcp) = TcpPacket::new_checked(segment) else { return };
    tcp.set_window_len(tcp.window_len() / 2);
    tcp.fill_checksum(&ends[0], &ends[1]);
}
