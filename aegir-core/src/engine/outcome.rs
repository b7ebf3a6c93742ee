//! A task at work, how it is stopped, and how it ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::event::EventLog;
use crate::inventory::TaskId;
use crate::{Error, ErrorReport, Result};

/// Asks a running task to stop after the steps at work, and to take everything back.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How a task ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Every step succeeded.
    Done {
        /// How many steps ran.
        changed: usize,
        /// How many warnings were given.
        warnings: usize,
    },
    /// A step failed, and everything was taken back, but for what went with a server that is gone; the report says what.
    RolledBack(ErrorReport),
    /// An undo failed; the report says what to do by hand.
    Stuck(ErrorReport),
    /// A server stopped answering before everything was taken back. Whatever next works on it takes back the rest.
    Waiting(ErrorReport),
}

/// A task at work in this process.
#[derive(Debug)]
pub struct RunningTask {
    /// Its number.
    pub id: TaskId,
    /// What it says; closed at its end.
    pub log: EventLog,
    /// Stops it.
    pub cancel: Cancel,
    pub(super) handle: tokio::task::JoinHandle<Result<Outcome>>,
}

impl RunningTask {
    /// Waits for its end.
    pub async fn outcome(self) -> Result<Outcome> {
        self.handle.await.map_err(|e| Error::internal(format!("task {} broke off", self.id)).because(e))?
    }
}
