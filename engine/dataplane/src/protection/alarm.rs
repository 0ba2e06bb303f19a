//! What the device is told of a zone under attack.

use core::net::IpAddr;

use bifrons_config::typed::{Scan, ScanAction};
use bifrons_model::ZoneId;

use super::FloodKind;

/// Something that a profile watches for has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The zone that the packets came in from.
    pub zone: ZoneId,
    /// What it is.
    pub cause: AlarmCause,
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmCause {
    /// More packets would open sessions than the alarm rate says; told once a second of a zone and kind.
    Flood {
        /// Of what.
        kind: FloodKind,
        /// Packets per second, over the whole device.
        rate: u32,
    },
    /// A source has tried as much as the threshold says; told once in an interval, and of a hundred sources
    /// in a second.
    Scan {
        /// What it has tried.
        scan: Scan,
        /// What is done about it.
        action: ScanAction,
        /// The source.
        source: IpAddr,
        /// The host whose ports or protocols it has tried.
        destination: Option<IpAddr>,
    },
}
