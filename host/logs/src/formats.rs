//! One file per form of output.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod table;
