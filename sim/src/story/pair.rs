//! Stories with two devices as one: what hosts see, what each device is and why, what the devices tell each
//! other, and who writes the log.

mod active;
mod addresses;
mod combinations;
mod passive;
mod split_brain;
mod stage;
mod teller;
mod upgrade;
mod words;

use crate::run::Build;

/// Tells a story with a pair; `None` where there is none of this name.
pub(super) fn tell(name: &str, build: Build<'_>) -> Option<Result<String, String>> {
    match name {
        "ap-crash" => Some(passive::crash(build)),
        "ap-link-down" => Some(passive::link_down(build)),
        "split-brain" => Some(split_brain::tell(build)),
        "upgrade" => Some(upgrade::tell(build)),
        "aa-asymmetric" => Some(active::asymmetric(build)),
        "aa-combinations" => Some(combinations::tell(build)),
        "aa-owner-dies" => Some(active::owner_dies(build)),
        "floating-ip" => Some(addresses::floating_ip(build)),
        "arp-load-sharing" => Some(addresses::arp_load_sharing(build)),
        "aa-no-ha3" => Some(active::no_ha3(build)),
        _ => None,
    }
}
