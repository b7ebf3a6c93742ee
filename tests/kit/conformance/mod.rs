//! Conformance kits: what every implementation of a trait must do, whoever wrote it.
//!
//! A kit is a function that panics at the first broken rule. Give it a way to make a fresh implementation.
#![expect(clippy::unwrap_used, reason = "a kit panics at the first broken rule, and the line says which")]

mod inventory;
pub mod transport;

pub use inventory::inventory;
