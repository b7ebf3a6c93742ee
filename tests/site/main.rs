//! Real sites on real hosts: installed, verified, broken at every step, killed at every event, deleted.

mod bad_input;
mod bounds;
mod break_steps;
mod canary;
mod crash;
mod dry_run;
mod firewall;
mod hostile;
mod life;
mod lost;
mod malicious;
mod odd;
mod original_faults;
mod stopping;
mod truth;
mod web_cases;
mod words;

use aegir_testkit::installation::Installation;

/// The command under test.
const BINARY: &str = env!("CARGO_BIN_EXE_aegir-on-trial");

fn with_site() -> Installation {
    Installation::with_site(BINARY)
}

fn with_wordpress() -> Installation {
    Installation::with_wordpress(BINARY)
}
