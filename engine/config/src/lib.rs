//! What the operator writes, and what it means.
//!
//! Text becomes a tree of `set` lines, the tree becomes a typed `Config`, and `engine/policy` compiles that. Each
//! step is a type of its own: a half-built configuration cannot exist.
#![no_std]

extern crate alloc;

pub mod typed;

pub use typed::Config;
