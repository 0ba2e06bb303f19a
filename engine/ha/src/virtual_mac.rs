//! Ethernet addresses that belong to the pair and not to a device.
//!
//! ```text
//!   02 : B1 : F0 : D0GGGGGG : KKNNNNNN : NNNNNNNN
//!   └── prefix ─┘  │ └─┬──┘   │  └─── number ───┘
//!                  │ group    └ kind: 00 ethernet, 01 ae, 10 vlan, 11 links of the pair
//!                  └ device id
//! ```
//!
//! The prefix is administered locally: bit 1 of the first byte is set, bit 0 is not, and the two bits beside
//! them choose the quadrant that is free for all (IEEE 802c). Behind it PAN-OS's order is kept: device id, a
//! zero bit, group id, interface ("Floating IP Address and Virtual MAC Address").
//!
//! The number is made of the interface's name, so that both devices find the same one without a word:
//! `ethernetSLOT/PORT` is `SLOT * 256 + PORT` with slots 0 to 63 and ports 0 to 255, `aeN` and `vlan.N` are
//! `N` up to 16,383, `vlan` is 0. Units of a port are told apart by their VLAN and share its address. Two
//! pairs in one broadcast domain need two group ids.
//!
//! In an active/passive pair the device bit is 0: both devices use the same address, one at a time.
//!
//! The kind 11 is for the ends of links between the devices: number 3 is a device's end of HA3.

use alloc::{format, string::String};
use core::fmt;

use bifrons_model::MacAddress;

use crate::DeviceId;

const PREFIX: [u8; 3] = [0x02, 0xb1, 0xf0];
const DEVICE: u8 = 0x80;
/// The group ids that there are: 0 to 63, of which the configuration admits 1 to 63.
const GROUPS: u8 = 0x40;
const KIND_SHIFT: u16 = 14;
/// The end of HA3.
const HA3_END: InterfaceNumber = InterfaceNumber(3 << KIND_SHIFT | 3);
const NUMBERS: u16 = 1 << KIND_SHIFT;

/// An interface that has an Ethernet address: the last sixteen bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceNumber(u16);

impl InterfaceNumber {
    /// Of the interface with this name, or of the port of this unit. `None` for interfaces without an
    /// Ethernet address (loopback, tunnel) and for numbers beyond the ranges.
    pub fn of(name: &str) -> Option<Self> {
        if let Some(place) = name.strip_prefix("ethernet") {
            let (slot, port) = port_of(place).split_once('/')?;
            let (slot, port) = (number(slot).filter(|slot| *slot < 64)?, number(port)?);
            return (port < 256).then_some(Self(slot << 8 | port));
        }
        if let Some(place) = name.strip_prefix("ae") {
            return number(port_of(place)).map(|number| Self(1 << KIND_SHIFT | number));
        }
        let unit = match name.strip_prefix("vlan")? {
            "" => 0,
            unit => number(unit.strip_prefix('.')?).filter(|unit| *unit > 0)?,
        };
        Some(Self(2 << KIND_SHIFT | unit))
    }

    /// The sixteen bits.
    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    /// From the sixteen bits that a device has told.
    pub(crate) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The interface's name.
    pub fn name(self) -> String {
        let number = self.0 % NUMBERS;
        match self.0 >> KIND_SHIFT {
            0 => format!("ethernet{}/{}", number >> 8, number & 0xff),
            1 => format!("ae{number}"),
            _ if number == 0 => "vlan".into(),
            _ => format!("vlan.{number}"),
        }
    }
}

/// An Ethernet address of the pair, in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VirtualMac {
    device: DeviceId,
    group: u8,
    interface: InterfaceNumber,
}

impl VirtualMac {
    /// That of an interface. Of the group id the lowest six bits count; the device is 0 in an active/passive
    /// pair.
    pub const fn new(device: DeviceId, group: u8, interface: InterfaceNumber) -> Self {
        Self { device, group: group % GROUPS, interface }
    }

    /// The address of a device's end of HA3, which is no interface's.
    pub const fn ha3_end(device: DeviceId, group: u8) -> MacAddress {
        Self::new(device, group, HA3_END).mac()
    }

    /// Reads an interface's address; `None` where it is no pair's.
    pub fn read(mac: MacAddress) -> Option<Self> {
        let [a, b, c, who, high, low] = mac.0;
        let interface = u16::from_be_bytes([high, low]);
        let is_one = [a, b, c] == PREFIX && who & GROUPS == 0 && interface >> KIND_SHIFT < 3;
        is_one.then_some(Self {
            device: DeviceId::of(who >> 7),
            group: who % GROUPS,
            interface: InterfaceNumber(interface),
        })
    }

    /// The address.
    pub const fn mac(self) -> MacAddress {
        let [a, b, c] = PREFIX;
        let who = self.group | if self.device.number() == 1 { DEVICE } else { 0 };
        let [high, low] = self.interface.0.to_be_bytes();
        MacAddress([a, b, c, who, high, low])
    }

    /// Which device's it is; 0 in an active/passive pair.
    pub const fn device(self) -> DeviceId {
        self.device
    }

    /// The pair's group id.
    pub const fn group(self) -> u8 {
        self.group
    }

    /// The interface.
    pub const fn interface(self) -> InterfaceNumber {
        self.interface
    }
}

impl fmt::Display for VirtualMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mac().fmt(f)
    }
}

/// What stands before the unit.
fn port_of(place: &str) -> &str {
    place.split_once('.').map_or(place, |(port, _)| port)
}

/// A number as names have it, so that no two names have one number.
fn number(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number| is_plain && *number < NUMBERS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{collections::BTreeSet, string::ToString};
    use proptest::prelude::*;

    fn mac(device: DeviceId, group: u8, name: &str) -> VirtualMac {
        VirtualMac::new(device, group, InterfaceNumber::of(name).unwrap())
    }

    #[test]
    fn the_layout() {
        for (device, group, name, wanted) in [
            (DeviceId::Zero, 11, "ethernet1/20", "02:b1:f0:0b:01:14"),
            (DeviceId::One, 58, "ethernet1/66.7", "02:b1:f0:ba:01:42"),
            (DeviceId::Zero, 63, "ethernet63/255", "02:b1:f0:3f:3f:ff"),
            (DeviceId::One, 1, "ae7.100", "02:b1:f0:81:40:07"),
            (DeviceId::Zero, 1, "vlan", "02:b1:f0:01:80:00"),
            (DeviceId::Zero, 1, "vlan.4094", "02:b1:f0:01:8f:fe"),
        ] {
            let found = mac(device, group, name);
            assert_eq!(found.to_string(), wanted);
            assert_eq!(VirtualMac::read(MacAddress::from_text(wanted).unwrap()), Some(found));
            let port =
                name.split_once('.').filter(|(port, _)| *port != "vlan").map_or(name, |(port, _)| port);
            assert_eq!(
                (found.interface().name().as_str(), found.group(), found.device()),
                (port, group, device)
            );
            assert_eq!(found.mac().0[0] & 0b1111, 0b0010, "local, of one station, free for all");
        }
    }

    #[test]
    fn ends_of_ha3_are_no_interfaces() {
        for device in [DeviceId::Zero, DeviceId::One] {
            let end = VirtualMac::ha3_end(device, 11);
            assert_eq!(VirtualMac::read(end), None);
            assert_ne!(end, VirtualMac::ha3_end(device.peer(), 11));
        }
        assert_eq!(VirtualMac::ha3_end(DeviceId::One, 11).to_string(), "02:b1:f0:8b:c0:03");
    }

    #[test]
    fn names_without_a_number() {
        for name in [
            "loopback.1",
            "tunnel.1",
            "ethernet1",
            "ethernet64/1",
            "ethernet1/256",
            "ethernet01/1",
            "ethernet1/+1",
            "ae",
            "ae16384",
            "vlan.01",
            "vlan.0",
            "vlan1",
            "",
            "ethernet/",
            "management",
            "ethernet1/1/1",
        ] {
            assert_eq!(InterfaceNumber::of(name), None, "{name}");
        }
    }

    #[test]
    fn no_two_interfaces_devices_or_groups_collide() {
        let ports = (1..=8).flat_map(|slot| (0..=255).map(move |port| format!("ethernet{slot}/{port}")));
        let names: alloc::vec::Vec<String> = ports
            .chain((1..500).map(|n| format!("ae{n}")))
            .chain((1..4_095).map(|n| format!("vlan.{n}")))
            .collect();
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for group in [1, 2, 31, 32, 63] {
            for device in [DeviceId::Zero, DeviceId::One] {
                for name in &names {
                    count += 1;
                    assert!(seen.insert(mac(device, group, name).mac()), "{group} {device:?} {name}");
                }
            }
        }
        assert_eq!(seen.len(), count);
    }

    proptest! {
        #[test]
        fn any_address_is_read_without_panic_and_comes_back(bytes: [u8; 6], tail: [u8; 3]) {
            let [d, e, f] = tail;
            for mac in [MacAddress(bytes), MacAddress([2, 0xb1, 0xf0, d, e, f])] {
                if let Some(found) = VirtualMac::read(mac) {
                    prop_assert_eq!(found.mac(), mac);
                    prop_assert_eq!(InterfaceNumber::of(&found.interface().name()), Some(found.interface()));
                }
            }
        }
    }
}
