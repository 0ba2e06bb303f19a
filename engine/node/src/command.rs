//! What goes into a node and what comes out of it.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{fmt, net::IpAddr};

use bifrons_config::{CommitError, CommitRequest, Committed, ConfigError, Document, Sources};
use bifrons_dataplane::{Alarm, Block, ClearFilter};
use bifrons_ha::{
    HaLinkId, RequestError, SoftwareVersion, StateRequest, SystemRecord,
    config_sync::{ConfigMark, Refused},
};
use bifrons_inspect::{SignatureError, Signatures};
use bifrons_model::{MacAddress, TrafficRecord};
use bifrons_policy::DynamicRoute;
use bifrons_session::HashSeed;

/// A port's place in `Startup::ports`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortId(pub u16);

impl PortId {
    /// The number as an index into a table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A place where frames come in and go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortInfo {
    /// The interface that it is in the configuration: `ethernet1/1`.
    pub name: String,
    /// Its own station address.
    pub mac: MacAddress,
    /// Whether it has a carrier.
    pub is_up: bool,
}

/// What a device keeps to itself; none of it shows in a result.
#[derive(Clone, Copy)]
pub struct Secrets {
    /// The key of the session tables' hash.
    pub hash: HashSeed,
    /// What the keys between two devices are made of; another one at each start.
    pub pair: [u8; 32],
}

/// What a node begins with.
pub struct Startup {
    /// The configuration that it runs from the start.
    pub document: Document,
    /// What the configuration refers to outside itself.
    pub sources: Sources,
    /// Signatures that are compiled already, for a start without that work; the default knows none. Those
    /// of other custom applications than the configuration's are not used.
    pub signatures: Arc<Signatures>,
    /// The serial number, for the log; may be empty.
    pub serial: String,
    /// Its ports.
    pub ports: Vec<PortInfo>,
    /// How many workers share the traffic; at least one.
    pub workers: usize,
    /// What it keeps to itself.
    pub secrets: Secrets,
    /// What the other device of a pair is told of this one.
    pub identity: PairIdentity,
}

/// What the other device of a pair is told of this one, beside its serial number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairIdentity {
    /// The address of the HA1 port, which breaks a tie.
    pub ha1_mac: MacAddress,
    /// The version of the software.
    pub software: SoftwareVersion,
    /// The mark of `Startup::document`: that of the last [`Notice::PairMark`] before it was kept. A device
    /// that gives none, or one of another configuration, takes its peer's configuration and never brings it
    /// its own before the next commit.
    pub configuration: Option<ConfigMark>,
}

/// What an operator, or the program around the node, asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Run this configuration in place of the running one. With a peer that takes part both devices run what
    /// they have in common of it, or none does: the reply is [`Reply::Proposed`] then, and a
    /// [`Notice::PairCommit`] tells the outcome.
    Commit {
        /// The configuration.
        document: Document,
        /// Who, what for, and whether it is to be confirmed.
        request: CommitRequest,
    },
    /// Look whether this configuration could run.
    Validate(Document),
    /// The commit that waits to be confirmed is there to stay.
    Confirm,
    /// A port has gained or lost its carrier.
    Carrier {
        /// The port.
        port: PortId,
        /// Whether there is one.
        is_up: bool,
    },
    /// A route is there that no configuration holds. The other device of an active/passive pair has it too.
    AddRoute(DynamicRoute),
    /// It is there no more.
    RemoveRoute(DynamicRoute),
    /// This user is behind an address from now on, or nobody is known to be. Both devices of a pair know.
    MapUser {
        /// The address.
        address: IpAddr,
        /// The user's name.
        user: Option<String>,
    },
    /// A lease of the device's DHCP server or client is this, or is over. It means nothing to the node: the
    /// other device of a pair is told by [`Notice::PairLease`], and keeps it (`Node::runtime_entries`).
    Lease {
        /// What the lease is for, at most 4,096 bytes.
        key: Vec<u8>,
        /// What it says, at most 4,096 bytes.
        lease: Option<Vec<u8>>,
    },
    /// End sessions.
    ClearSessions(ClearFilter),
    /// Drop a sender's packets for a time.
    Block(Block),
    /// Let a sender's packets pass again.
    Unblock(IpAddr),
    /// A link to the other device went up or down: the port, and for HA1 the connection over it.
    PairLink {
        /// Which link.
        link: HaLinkId,
        /// Whether it is up.
        is_up: bool,
    },
    /// `request high-availability state …`
    PairState(StateRequest),
    /// `request high-availability sync-to-remote running-config`: the peer is to run what runs here. A
    /// [`Notice::PairCommit`] tells the outcome.
    SyncToRemote,
    /// An IPsec security association of this device is this now, or is no more. It means nothing to the node:
    /// the other device of a pair keeps it too (`Node::security_associations`).
    SecurityAssociation {
        /// Its number, the same on both devices.
        id: u64,
        /// What whoever serves its tunnel needs to go on, at most about 1,390 bytes.
        state: Option<alloc::vec::Vec<u8>>,
    },
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was done.
    Done,
    /// It runs.
    Committed(Committed),
    /// It is valid here and the other device of the pair is asked; nothing has changed yet. What comes of it
    /// is told by [`Notice::PairCommit`].
    Proposed,
    /// It could run; these are the warnings.
    Valid(Vec<String>),
    /// So many sessions were ended.
    Cleared(usize),
    /// So many entries of the block table were taken out.
    Unblocked(usize),
}

/// Why a command was not done. Nothing has changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// The configuration means nothing.
    #[error("{}", Lines(.0))]
    Config(Vec<ConfigError>),
    /// A signature of a custom application cannot be used.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It cannot be committed now.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// There is no such port.
    #[error("there is no port {0}; the device has {1}")]
    Port(u16, usize),
    /// There is no pair.
    #[error("high availability is not enabled")]
    NoPair,
    /// The other device of the pair, or what is under way between the two, prevents it.
    #[error(transparent)]
    PairCommit(#[from] Refused),
    /// A request to the pair is refused.
    #[error(transparent)]
    PairState(#[from] RequestError),
    /// A security association does not fit into a message of HA2.
    #[error(
        "a security association of {length} bytes does not fit into a message of HA2, which takes {most}"
    )]
    SecurityAssociation {
        /// Its length, in bytes.
        length: usize,
        /// The most there may be.
        most: usize,
    },
    /// There is no such security association, or no room for one more.
    #[error("there is no security association {0}, and no room for it")]
    NoAssociation(u64),
    /// The route is there already, or not there.
    #[error("the route to {0}/{1} is {2}")]
    Route(core::net::IpAddr, u8, &'static str),
}

/// One error a line.
struct Lines<'a>(&'a [ConfigError]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, error) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

/// What a node lets out.
#[derive(Clone, Debug)]
pub enum Output {
    /// A frame onto a port.
    Frame {
        /// The port.
        port: PortId,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A frame for a service of the device, which its interface offers.
    Host {
        /// The port that it came in by.
        port: PortId,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A message for the other device of a pair.
    Pair {
        /// The link that it goes by. HA1 takes it authenticated and encrypted.
        link: HaLinkId,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A line for the traffic log; its numbers are those of `Node::policy`.
    Record(Box<TrafficRecord>),
    /// Something that the operator should know.
    Notice(Notice),
}

/// What depends on a monitored path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitoredPath {
    /// A static route.
    Route {
        /// Its virtual router; empty where the configuration names none.
        virtual_router: String,
        /// Its name.
        route: String,
    },
    /// The policy-based forwarding rule of this name.
    ForwardingRule(String),
}

/// What came of what was proposed to the other device of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairCommit {
    /// It runs here.
    Committed {
        /// As what.
        committed: Committed,
        /// Whether the peer was told to run it too; otherwise it is brought to it when it is heard again.
        with_peer: bool,
    },
    /// The peer was told to run what runs here.
    Synchronized,
    /// Both devices run what they ran before.
    Refused(Refused),
}

/// What happened to the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A commit that nobody confirmed was taken back; this version runs.
    CommitTakenBack {
        /// The version.
        version: u32,
    },
    /// Keep this text for the next start.
    Keep {
        /// The version.
        version: u32,
        /// The configuration.
        text: alloc::sync::Arc<str>,
    },
    /// The other device of the pair tells of a lease, or that it is over.
    PairLease {
        /// What it is for.
        key: Vec<u8>,
        /// What it says.
        lease: Option<Vec<u8>>,
    },
    /// A record for the system log about the pair.
    Pair(SystemRecord),
    /// What came of a commit that was answered by [`Reply::Proposed`].
    PairCommit(PairCommit),
    /// The ports that carry traffic are to be powered, or not: those of the passive device are not with
    /// `passive-link-state shutdown`. Until they are again, no [`Command::Carrier`] tells of a carrier that
    /// is lost by that: the device goes on with what it knows of its interfaces, to forward as soon as they
    /// are up.
    PairPorts {
        /// Whether they are to be.
        are_up: bool,
    },
    /// Keep this mark with the configuration that runs from now on, for `PairIdentity::configuration`.
    PairMark(ConfigMark),
    /// A zone is under attack.
    Alarm(Alarm),
    /// A monitored path has gone down, or has come back.
    Path {
        /// What depends on it.
        path: MonitoredPath,
        /// Whether that is used again.
        is_up: bool,
    },
    /// An address of the device is in use by another station.
    AddressConflict {
        /// The interface.
        interface: bifrons_model::InterfaceId,
        /// The address.
        address: core::net::IpAddr,
        /// The other station.
        station: MacAddress,
        /// Whether the device uses the address nevertheless; otherwise the other station was there first.
        is_used: bool,
    },
}
