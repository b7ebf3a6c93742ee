//! Trees from the master to servers, with `rsync` as the judge.
#![expect(clippy::unwrap_used, reason = "a test may panic where it likes")]

mod cut;
mod engine;
mod generated;
mod hostile;
mod large;
mod oracle;
mod place;
#[path = "../transport/remote.rs"]
#[expect(dead_code, reason = "shared with the tests of transports, which use more of it")]
mod remote;
mod tree;
