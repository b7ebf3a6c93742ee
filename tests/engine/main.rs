//! The engine on a toy world: done, rolled back, stuck, killed at every event, refused when stale or locked.
#![expect(clippy::unwrap_used, reason = "a test may panic where it likes")]

mod batch;
mod branches;
mod breaking;
mod crowd;
mod fencing;
mod gone;
mod killing;
mod locking;
mod meddler;
mod outputs;
mod running;
mod stale;
mod stuck;
mod waiting;
mod world;
