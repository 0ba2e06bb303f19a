//! The stages of a packet's life, one file each.

mod admit;
mod egress;
mod forward;
mod ingress;
mod inspect;
mod lookup;
mod peer;
mod reassemble;
mod returns;
mod track;
mod translate;

pub(crate) use admit::segment_of;
pub(crate) use forward::Exit;
pub(crate) use peer::FromPeer;
pub(crate) use returns::Return;
