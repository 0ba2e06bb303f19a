//! A simulated world around the firewall, deterministic from a seed.
//!
//! ```text
//! seed ─► Plan ─► World: hosts ─ switches ─ links ─ firewall ─► news ─► Shadow ─► Failure?
//!          ▲                                                                        │
//!          └─────────────────────────────── shrink ◄────────────────────────────────┘
//! ```
//!
//! A [`plan::Plan`] says everything that a run is made of; [`run::run`] builds a [`world::World`] from it,
//! lets time pass there and shows a [`shadow::Shadow`] what happens, which knows what may and must. Two runs
//! of a plan are equal in every event. A plan that fails is cut down by [`shrink::shrink`] to the lines that
//! it takes.

pub mod chassis;
pub mod device;
pub mod experiment;
pub mod firewall;
pub mod frame;
pub mod host;
pub mod link;
pub mod pair;
pub mod plan;
pub mod queue;
pub mod random;
pub mod run;
pub mod sabotage;
pub mod shadow;
pub mod shrink;
pub mod story;
pub mod switch;
pub mod world;
