//! What a run is made of: the network, the rules, who talks with whom, and what goes wrong when.
//!
//! A plan is drawn from a seed ([`Plan::draw`]), can be written down as a script and read again
//! ([`Plan::parse`]), and shrinks by leaving lines out.

mod configuration;
mod draw;
mod draw_pair;
mod mix;
mod pair;
mod script;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

pub(crate) use configuration::Hidden;
pub use configuration::interface;
pub use mix::Mix;
pub use pair::{Breach, Deed, PairPlan};
pub use script::ScriptError;

use bifrons_ha::HaLinkId;

use crate::{
    host::{Addresses, crowd::Throng, flood::Torrent, transfer::Load, udp::Questions},
    link::Quality,
    switch::Mac,
};

/// How the firewall stands in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// A router between networks: each zone has its own, with the firewall as its gateway.
    Routed,
    /// A wire inside one network: hosts on both sides are neighbors. Two zones.
    VirtualWire,
}

/// A run before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Everything that is drawn while it runs comes from this.
    pub seed: u64,
    /// How the firewall stands in the network.
    pub topology: Topology,
    /// Sessions that the firewall has room for.
    pub capacity: u32,
    /// Workers that share the firewall's traffic.
    pub workers: usize,
    /// Whether IPv4 sources of the first zone are hidden behind the firewall's address in the second.
    pub hides: bool,
    /// Whether the firewall lowers the segment sizes that hosts announce to what fits both links.
    pub adjusts: bool,
    /// The two firewalls that stand in the place of one, where it is so.
    pub pair: Option<PairPlan>,
    /// The zones. Those without a tag have a port of the firewall each, those with one share a port.
    pub zones: Vec<ZonePlan>,
    /// The rules at the beginning.
    pub rules: Vec<Rule>,
    /// What happens, in no particular order.
    pub lines: Vec<Line>,
}

/// A zone: a switch with hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZonePlan {
    /// Hosts with a stack.
    pub hosts: usize,
    /// The cable between its switch and the firewall.
    pub quality: Quality,
    /// The MTU of hosts and firewall in it.
    pub mtu: usize,
    /// The VLAN in which the firewall has it.
    pub tag: Option<u16>,
}

/// A security rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The zone that opens; `None` for any.
    pub from: Option<usize>,
    /// The zone that is opened to; `None` for any.
    pub to: Option<usize>,
    /// What is spoken.
    pub service: Service,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// All protocols and ports.
    Any,
    /// TCP to these ports.
    Tcp(u16, u16),
    /// UDP to these ports.
    Udp(u16, u16),
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Lets it pass.
    Allow,
    /// Drops it.
    Drop,
    /// Drops it and resets both ends of a connection that stands.
    ResetBoth,
}

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How long after the beginning.
    pub at: Duration,
    /// What.
    pub action: Action,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Two hosts talk.
    Talk(Talk),
    /// The operator commits other rules.
    Commit(Vec<Rule>),
    /// From now on the operator commits once in each interval, until all talks are over: the rules in force
    /// and one more that concerns nobody, another each time.
    Commits(Duration),
    /// The operator clears all sessions.
    Clear,
    /// Something goes wrong.
    Fault(Fault),
    /// Something happens to a device of a pair.
    Device(usize, Deed),
    /// A link between two devices breaks for a while.
    Between(HaLinkId, Breach, Duration),
    /// For a while nothing that one device sends to the other arrives, whatever the link.
    Partition(Duration),
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The firewall does nothing for a while.
    Freeze(Duration),
    /// The firewall is scheduled late: as a freeze, but so short that nobody outside notices.
    Stall(Duration),
    /// The firewall begins anew and takes so long for it.
    Restart(Duration),
    /// Its clock runs so many parts of a million fast.
    Drift(i32),
    /// Its clock leaps forward.
    Leap(Duration),
    /// The cable between a zone's switch and the firewall carries nothing for a while.
    Cut {
        /// The zone.
        zone: usize,
        /// Frames to the firewall are lost.
        inward: bool,
        /// Frames from the firewall are lost.
        outward: bool,
        /// For how long.
        span: Duration,
    },
    /// The cable of a zone's port is pulled for a while: its zone and for how long.
    Unplug(usize, Duration),
}

/// Two hosts and what they do together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talk {
    /// Its number, by which hosts tell of it.
    pub number: usize,
    /// The zone and place of the host that begins; talks with hosts of their own have no place.
    pub client: (usize, usize),
    /// The zone and place of the other.
    pub server: (usize, usize),
    /// Over IPv6.
    pub is_v6: bool,
    /// The server's port, where there is one.
    pub port: u16,
    /// What they do.
    pub kind: TalkKind,
}

/// What two hosts do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TalkKind {
    /// A TCP transfer.
    Transfer(Load),
    /// An FTP transfer: whether passive, and how many bytes.
    Ftp(bool, u64),
    /// UDP questions.
    Udp(Questions),
    /// Pings.
    Ping(Questions),
    /// Many short connections between hosts of their own; IPv4.
    Crowd(Throng),
    /// SYNs from nobody, from a host of its own, to any host or to one that answers them all; IPv4.
    Flood(Torrent),
}

/// The ports on which every host serves transfers.
pub const TRANSFER_PORTS: [u16; 3] = [8_000, 8_001, 8_002];
/// The port on which every host answers questions.
pub const UDP_PORT: u16 = 9_000;
/// The port that crowds open to.
pub const CROWD_PORT: u16 = 8_080;

/// Ports from here on are nobody's: rules that concern nobody speak of them.
pub const IDLE_PORTS: u16 = 10_000;

/// The names of the zones.
pub const ZONES: [&str; 3] = ["trust", "untrust", "dmz"];

/// Places from here on are those of hosts that a talk has for itself: its client, then its server.
const OWN_HOSTS: usize = 100;

impl Default for ZonePlan {
    /// A host on a good link.
    fn default() -> Self {
        Self { hosts: 1, quality: Quality::default(), mtu: 1_500, tag: None }
    }
}

impl Default for Plan {
    /// A routed network without zones, in which nothing happens.
    fn default() -> Self {
        Self {
            seed: 0,
            topology: Topology::Routed,
            capacity: 10_000,
            workers: 1,
            hides: false,
            adjusts: false,
            pair: None,
            zones: Vec::new(),
            rules: Vec::new(),
            lines: Vec::new(),
        }
    }
}

impl Plan {
    /// The place of the host that a talk has for itself in a zone.
    pub const fn own_host(talk: &Talk, is_server: bool) -> usize {
        OWN_HOSTS + 2 * talk.number + is_server as usize
    }

    /// A host's addresses.
    pub fn addresses(&self, zone: usize, place: usize) -> Addresses {
        let network = self.network(zone);
        // In one network the hosts of all zones share its addresses.
        let number =
            10 + place as u16 + if self.topology == Topology::VirtualWire { zone as u16 * 1_000 } else { 0 };
        let [high, low] = number.to_be_bytes();
        Addresses {
            mac: self.mac(zone, place),
            v4: Ipv4Addr::new(10, network, high, low),
            v6: Ipv6Addr::new(0xfd00, network.into(), 0, 0, 0, 0, 0, number),
            gateway: (self.topology == Topology::Routed).then(|| self.gateway(zone)),
        }
    }

    /// A host's Ethernet address.
    pub fn mac(&self, zone: usize, place: usize) -> Mac {
        let [high, low] = (place as u16).to_be_bytes();
        [0x02, 0xb1, 0xf0, zone as u8, high, low]
    }

    /// The firewall's addresses in a zone.
    pub fn gateway(&self, zone: usize) -> (Ipv4Addr, Ipv6Addr) {
        let network = self.network(zone);
        (Ipv4Addr::new(10, network, 0, 1), Ipv6Addr::new(0xfd00, network.into(), 0, 0, 0, 0, 0, 1))
    }

    fn network(&self, zone: usize) -> u8 {
        match self.topology {
            Topology::Routed => zone as u8 + 1,
            Topology::VirtualWire => 1,
        }
    }

    /// The firewall's port in a zone.
    pub fn port(&self, zone: usize) -> usize {
        let is_tagged = |zone: &ZonePlan| zone.tag.is_some();
        let trunk = || self.zones.iter().position(is_tagged);
        self.zones.get(zone).filter(|zone| is_tagged(zone)).and_then(|_| trunk()).unwrap_or(zone)
    }

    /// The zone whose frames have this tag at a port.
    pub fn zone_at(&self, port: usize, tag: Option<u16>) -> Option<usize> {
        (0..self.zones.len()).find(|zone| self.port(*zone) == port && self.zones[*zone].tag == tag)
    }

    /// The server's address and port of a talk.
    pub fn server(&self, talk: &Talk) -> (IpAddr, u16) {
        let addresses = self.addresses(talk.server.0, talk.server.1);
        let address = if talk.is_v6 { addresses.v6.into() } else { addresses.v4.into() };
        (address, talk.port)
    }

    /// The talks.
    pub fn talks(&self) -> impl Iterator<Item = (Duration, &Talk)> {
        self.lines.iter().filter_map(|line| match &line.action {
            Action::Talk(talk) => Some((line.at, talk)),
            Action::Commit(_)
            | Action::Commits(_)
            | Action::Clear
            | Action::Fault(_)
            | Action::Device(..)
            | Action::Between(..)
            | Action::Partition(_) => None,
        })
    }

    /// When the last thing happens that the plan speaks of.
    pub fn last_line(&self) -> Duration {
        self.lines.iter().map(|line| line.at).max().unwrap_or_default()
    }
}

impl TalkKind {
    /// The IP protocol.
    pub const fn protocol(&self, is_v6: bool) -> u8 {
        match self {
            Self::Transfer(_) | Self::Ftp(..) | Self::Crowd(_) | Self::Flood(_) => 6,
            Self::Udp(_) => 17,
            Self::Ping(_) => {
                if is_v6 {
                    58
                } else {
                    1
                }
            }
        }
    }

    /// Whether nobody is behind it.
    pub const fn is_flood(&self) -> bool {
        matches!(self, Self::Flood(_))
    }

    /// Whether its hosts serve nobody else.
    pub const fn has_own_hosts(&self) -> bool {
        match self {
            Self::Crowd(_) | Self::Flood(_) => true,
            Self::Transfer(_) | Self::Ftp(..) | Self::Udp(_) | Self::Ping(_) => false,
        }
    }
}
