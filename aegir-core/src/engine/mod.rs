//! Runs plans: forward with a write-ahead journal, backward when a step fails, onward after a crash.

mod fault;
mod recover;
mod run;
mod settle;
mod state;
mod unwind;
mod worker;

pub use fault::Faults;
#[cfg(feature = "testing")]
pub use fault::{Die, Fails};
pub use recover::Recovered;
pub use run::{Cancel, Outcome, RunningTask};
pub use state::{Replay, StepState};

pub(crate) use recover::{make_way, recover, recover_all, retry};
pub(crate) use run::submit;
pub(crate) use settle::{check_basis, settle};
pub(crate) use worker::this_process;
