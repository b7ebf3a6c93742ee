//! Platforms and sites on other machines: real hosts, real SSH, databases here and there.

mod a3b_aegir_is_not_root;
mod attempt;
mod breaking;
mod compromised;
mod crash;
mod database;
mod drupal;
mod fleet;
mod gone;
mod mixed;
mod platform;
mod seed;
mod site;
mod stopping;

/// The command under test.
const BINARY: &str = env!("CARGO_BIN_EXE_aegir-on-trial");
