//! `show high-availability virtual-address`

use alloc::{collections::BTreeSet, format, string::String};
use core::fmt::Write;

use bifrons_config::typed::{AddressHolder, Interface};

use crate::{AddressPlan, AddressTable, PairAddress};

const LINE: &str = "--------------------------------------------------------------------------------\n";

/// The text for the operator of one device: how many interfaces and addresses there are, then per interface
/// this device's virtual Ethernet address and all virtual addresses, with whether this device has them. Of
/// a shared address it has a share.
pub fn show_virtual_addresses(plan: &AddressPlan, table: &AddressTable, interfaces: &[Interface]) -> String {
    let configured = || table.addresses.iter().filter_map(|own| Some((own, own.holder?)));
    let places: BTreeSet<usize> = configured().map(|(own, _)| own.interface).collect();
    let mut text = format!(
        "\nTotal interfaces with virtual address configured: {:>5}\n\
         Total virtual addresses configured:               {:>5}\n{LINE}",
        places.len(),
        configured().count(),
    );
    for place in places {
        let name = interfaces.get(place).map_or("", |interface| interface.name.as_str());
        let mac = plan.virtual_mac(place).map(|mac| format!("{mac}")).unwrap_or_default();
        // Writing to a String does not fail.
        let _ = write!(text, "Interface: {name}\n  Virtual MAC:                            {mac:>17}\n");
        for (own, holder) in configured().filter(|(own, _)| own.interface == place) {
            let _ = writeln!(text, "{}", row(own, holder));
        }
        text.push_str(LINE);
    }
    text
}

fn row(own: &PairAddress, holder: AddressHolder) -> String {
    let (kind, is_bound) = match holder {
        AddressHolder::Floating { .. } => ("floating", false),
        AddressHolder::BoundToActivePrimary => ("floating", true),
        AddressHolder::SharedByModulo | AddressHolder::SharedByHash { .. } => ("arp-load-sharing", false),
    };
    let word = |is: bool| if is { "yes" } else { "no" };
    let (address, active) = (format!("{}", own.prefix.address), word(own.is_here()));
    format!("  {address:<39} Active:{active:<3} Type:{kind:<16} Pri-Bind:{}", word(is_bound))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HaState, Standing};

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
Total interfaces with virtual address configured:     2
Total virtual addresses configured:                   3
--------------------------------------------------------------------------------
Interface: ethernet1/1
  Virtual MAC:                            02:b1:f0:87:01:01
  192.0.2.7                               Active:no  Type:floating         Pri-Bind:yes
--------------------------------------------------------------------------------
Interface: ethernet1/2
  Virtual MAC:                            02:b1:f0:87:01:02
  198.51.100.1                            Active:yes Type:arp-load-sharing Pri-Bind:no
  2001:db8::1                             Active:yes Type:arp-load-sharing Pri-Bind:no
--------------------------------------------------------------------------------
";
        assert_eq!(show_virtual_addresses(&plan, &table, &config.interfaces), wanted);
        // An active/passive pair has none.
        let text = text
            .lines()
            .filter(|line| !line.contains("active-active"))
            .fold(String::new(), |all, line| all + line + "\n");
        let config = bifrons_config::parse(&text, "x.set").unwrap();
        let plan = AddressPlan::new(&config);
        let shown = show_virtual_addresses(&plan, &plan.table(&peer, None), &config.interfaces);
        assert!(shown.contains("configured:     0\n") && shown.ends_with(LINE), "{shown}");
    }
}
