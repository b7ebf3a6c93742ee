//! Servers as things: bootstrapped, added, shown, edited, deleted, by our own commands on real hosts.

mod bootstrap;
mod enrol;

/// The command under test.
const BINARY: &str = env!("CARGO_BIN_EXE_aegir-on-trial");
