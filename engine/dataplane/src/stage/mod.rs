//! The stages of a packet's life, one file each.

mod admit;
mod egress;
mod ingress;
mod inspect;
mod lookup;
mod reassemble;
mod track;
