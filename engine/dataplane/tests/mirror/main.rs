//! Two workers as a pair of devices: the one tells of its sessions, the other goes on with them.

mod end_to_end;
#[path = "../worker/packets.rs"]
mod packets;
mod pair;
