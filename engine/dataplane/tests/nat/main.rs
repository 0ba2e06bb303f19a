//! What the RFCs ask of address translation, requirement by requirement, with packets through a worker.
//!
//! `requirements.rs` lists every requirement with its tests or the reason why it has none; the manual's
//! page is made from it.

mod gate;
mod icmp;
#[path = "../worker/packets.rs"]
mod packets;
mod requirements;
mod tcp;
mod udp;
