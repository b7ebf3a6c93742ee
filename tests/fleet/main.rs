//! Many servers and what goes wrong with them: truthful results, healthy ones finish, a second run mends.
#![expect(clippy::unwrap_used, reason = "a test may panic where it likes")]

mod distribution;
mod fault;
mod install;
mod partition;
mod verify;

/// The command with failures that a test orders.
const BINARY: &str = env!("CARGO_BIN_EXE_aegir-on-trial");
