//! The named checks of servers on real hosts: each thing broken for real, found by name, and mended as the check says.
#![expect(clippy::unwrap_used, reason = "a test may panic where it likes")]

mod channel;
mod clock;
mod connection;
mod figures;
mod fleet;
mod machine;
mod names;
mod pair;
mod web;
