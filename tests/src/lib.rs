//! Golden scenarios: conversations written down packet by packet, with what must become of each packet and
//! with the log records that must come of it.
//!
//! `scenario` reads the files of `tests/scenarios`, `frame` makes the bytes, `run` shows them to a `Worker`,
//! `compare` finds what is otherwise than expected; `world` plays the same in a simulated network. The format
//! is described in `tests/scenarios/README.md`.

pub mod bindings;
pub mod compare;
pub mod frame;
pub mod meaning;
pub mod perturb;
pub mod run;
pub mod scenario;
pub mod world;
