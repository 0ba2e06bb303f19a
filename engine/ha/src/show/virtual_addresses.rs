//! `show high-availability virtual-address`

use alloc::{format, string::String, vec::Vec};
use core::net::IpAddr;

use bifrons_config::typed::{AddressHolder, Interface};
use bifrons_model::MacAddress;
use serde::Serialize;

use super::{Lines, RULE, link::serialize_optional_mac, yes};
use crate::{AddressPlan, AddressTable, PairAddress};

/// All virtual addresses and who has them, as one device sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VirtualAddresses {
    /// The interfaces that have any.
    pub interfaces: Vec<VirtualInterface>,
}

/// An interface with virtual addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VirtualInterface {
    /// Its name.
    pub interface: String,
    /// This device's virtual Ethernet address on it; nothing on a loopback.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "serialize_optional_mac")]
    pub virtual_mac: Option<MacAddress>,
    /// Its virtual addresses.
    pub addresses: Vec<VirtualAddressReport>,
}

/// A virtual address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VirtualAddressReport {
    /// The address.
    pub address: IpAddr,
    /// Whether this device has it, or a share of it.
    pub active: bool,
    /// `floating` or `arp-load-sharing`.
    pub kind: &'static str,
    /// Whether it goes with the role of the active-primary device.
    pub bound_to_active_primary: bool,
}

impl VirtualAddresses {
    /// What the operator of one device sees.
    pub fn new(plan: &AddressPlan, table: &AddressTable, interfaces: &[Interface]) -> Self {
        let mut places: Vec<(usize, Vec<VirtualAddressReport>)> = Vec::new();
        for (own, holder) in table.addresses.iter().filter_map(|own| Some((own, own.holder?))) {
            let at = places.binary_search_by_key(&own.interface, |(place, _)| *place).unwrap_or_else(|at| {
                places.insert(at, (own.interface, Vec::new()));
                at
            });
            if let Some((_, addresses)) = places.get_mut(at) {
                addresses.push(VirtualAddressReport::new(own, holder));
            }
        }
        let interface = |(place, addresses)| VirtualInterface {
            interface: interfaces
                .get(place)
                .map(|interface: &Interface| interface.name.clone())
                .unwrap_or_default(),
            virtual_mac: plan.virtual_mac(place),
            addresses,
        };
        Self { interfaces: places.into_iter().map(interface).collect() }
    }

    pub(super) fn write(&self, lines: &mut Lines) {
        let count: usize = self.interfaces.iter().map(|interface| interface.addresses.len()).sum();
        lines.line("");
        let title = "Total interfaces with virtual address configured:";
        lines.line(format_args!("{title:<50} {:>2}", self.interfaces.len()));
        lines.line(format_args!("{:<50} {count:>2}", "Total virtual addresses configured:"));
        lines.line(RULE);
        for interface in &self.interfaces {
            lines.value("Interface", &interface.interface);
            lines.depth += 1;
            if let Some(mac) = interface.virtual_mac {
                lines.line(format_args!("{:<26} {mac}", "Virtual MAC:"));
            }
            interface.addresses.iter().for_each(|address| address.write(lines));
            lines.depth -= 1;
            lines.line(RULE);
        }
    }
}

impl VirtualAddressReport {
    fn new(own: &PairAddress, holder: AddressHolder) -> Self {
        let (kind, bound_to_active_primary) = match holder {
            AddressHolder::Floating { .. } => ("floating", false),
            AddressHolder::BoundToActivePrimary => ("floating", true),
            AddressHolder::SharedByModulo | AddressHolder::SharedByHash { .. } => ("arp-load-sharing", false),
        };
        Self { address: own.prefix.address, active: own.is_here(), kind, bound_to_active_primary }
    }

    fn write(&self, lines: &mut Lines) {
        let (address, active) = (format!("{}", self.address), yes(self.active));
        let (kind, bound) = (self.kind, yes(self.bound_to_active_primary));
        lines.line(format_args!("{address:<39} Active:{active:<3} Type:{kind:<16} Pri-Bind:{bound}"));
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::{HaState, PairPage, Standing};

    fn shown(plan: &AddressPlan, table: &AddressTable, interfaces: &[Interface]) -> String {
        PairPage::VirtualAddresses(VirtualAddresses::new(plan, table, interfaces)).to_string()
    }

    #[test]
    fn every_kind_of_address() {
        let pair = "set deviceconfig high-availability";
        let mode = format!("{pair} group mode active-active");
        let text = format!(
            "set network interface ethernet ethernet1/1 layer3 ip 192.0.2.2/24\n\
             set network interface ethernet ethernet1/2 layer3 ip 198.51.100.2/24\n\
             set network interface ethernet ethernet1/2 layer3 ipv6 address 2001:db8::2/64\n\
             {pair} enabled yes interface ha1 ip-address 10.255.0.1 netmask 30 port ha1-a\n\
             {pair} group group-id 7 peer-ip 10.255.0.2\n\
             {mode} device-id 1\n\
             {mode} virtual-address ethernet1/1 ip 192.0.2.7 floating bind-to-active-primary yes\n\
             {mode} virtual-address ethernet1/2 ip 198.51.100.1 arp-load-sharing ip-modulo\n\
             {mode} virtual-address ethernet1/2 ipv6 2001:db8::1 arp-load-sharing ip-hash\n"
        );
        let config = bifrons_config::parse(&text, "x.set").unwrap();
        let plan = AddressPlan::new(&config);
        let standing = |state| Standing { state, ..Standing::default() };
        let peer = standing(HaState::ActivePrimary);
        let table = plan.table(&standing(HaState::ActiveSecondary), Some(&peer));
        let wanted = "
Total interfaces with virtual address configured:   2
Total virtual addresses configured:                 3
--------------------------------------------------------------------------------
Interface: ethernet1/1
  Virtual MAC:               02:b1:f0:87:01:01
  192.0.2.7                               Active:no  Type:floating         Pri-Bind:yes
--------------------------------------------------------------------------------
Interface: ethernet1/2
  Virtual MAC:               02:b1:f0:87:01:02
  198.51.100.1                            Active:yes Type:arp-load-sharing Pri-Bind:no
  2001:db8::1                             Active:yes Type:arp-load-sharing Pri-Bind:no
--------------------------------------------------------------------------------
";
        assert_eq!(shown(&plan, &table, &config.interfaces), wanted);
        // An active/passive pair has none.
        let text = text
            .lines()
            .filter(|line| !line.contains("active-active"))
            .fold(String::new(), |all, line| all + line + "\n");
        let config = bifrons_config::parse(&text, "x.set").unwrap();
        let plan = AddressPlan::new(&config);
        let shown = shown(&plan, &plan.table(&peer, None), &config.interfaces);
        assert!(
            shown.contains("configured:   0\n") && shown.ends_with(&alloc::format!("{RULE}\n")),
            "{shown}"
        );
    }
}
