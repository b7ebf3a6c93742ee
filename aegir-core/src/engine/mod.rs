//! Runs plans: forward with a write-ahead journal, backward when a step fails, onward after a crash.

mod batch;
mod branch;
mod fault;
mod give_up;
mod journal;
mod outcome;
mod pulse;
mod recover;
mod run;
mod settle;
mod state;
mod submit;
mod unwind;
mod worker;

pub use crate::event::StepState;
pub use crate::event::{Part, PartState};
pub use fault::Faults;
#[cfg(feature = "testing")]
pub use fault::{Die, Fails};
pub use outcome::{Cancel, Outcome, RunningTask};
pub use recover::Recovered;
pub use state::Replay;
pub use submit::Way;

pub(crate) use batch::{Batch, parts};
pub(crate) use give_up::{give_up, left_on, reached, unfinished};
pub(crate) use journal::TaskJournal;
pub(crate) use pulse::Heart;
pub(crate) use recover::{cancel, close, make_way, orphans, recover, recover_all, retry};
pub(crate) use settle::{check_basis, settle};
pub(crate) use submit::{Begun, begin, clear, submit};
pub(crate) use worker::this_process;
