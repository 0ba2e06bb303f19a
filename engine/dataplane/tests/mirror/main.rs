//! Two workers as a pair of devices: the one tells of its sessions, the other goes on with them.

mod end_to_end;
#[path = "../worker/packets.rs"]
#[expect(dead_code, reason = "what only the worker's own tests send")]
mod packets;
mod pair;
mod states;
