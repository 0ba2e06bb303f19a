//! Two devices as one: election, monitoring, session synchronisation, ownership, floating addresses.
//!
//! Machines without input and output: messages, events and `now` in, messages and decisions out.
#![no_std]

extern crate alloc;

mod addresses;
mod announce;
mod ownership;
mod show_addresses;
mod virtual_mac;
pub mod sync;
mod words;

pub use addresses::{AddressChanges, AddressPlan, AddressTable, Holding, PairAddress, Standing};
pub use announce::{Announcement, Announcer};
pub use ownership::{Duties, FirstStep, Ownership, PairView, Wiring, transmitter};
pub use show_addresses::show_virtual_addresses;
pub use virtual_mac::{InterfaceNumber, VirtualMac};
pub use words::{DeviceId, HaLinkId, HaState};
