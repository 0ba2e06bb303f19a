//! Two workers as the devices of an active/active pair: both forward, and frames go between them.

mod announced;
mod bindings;
mod carriers;
mod chance;
#[path = "../mirror/pair.rs"]
#[expect(dead_code, reason = "what only pairs do of which one device forwards")]
mod device;
mod failures;
mod fragments;
mod nat;
#[path = "../worker/packets.rs"]
mod packets;
mod routed;
mod sessions;
mod sharing;
mod wires;
