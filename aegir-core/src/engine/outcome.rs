//! A task at work, how it is stopped, and how it ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

use super::pulse::Pulse;
use crate::event::{EventLog, Part};
use crate::inventory::{Inventory, TaskId};
use crate::{Error, ErrorKind, ErrorReport, Result};

/// Stops tasks after the steps at work, and has everything taken back; before they run, at once.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Asked>);

#[derive(Debug, Default)]
struct Asked {
    by: Mutex<Option<String>>,
    asked: AtomicBool,
    changed: Notify,
    running: Mutex<Vec<Running>>,
}

/// A task that a [`Cancel`] stops.
#[derive(Clone, Debug)]
struct Running {
    inventory: Arc<dyn Inventory>,
    task: TaskId,
    pulse: Weak<Pulse>,
}

impl Running {
    async fn stop(&self, by: &str) -> Result<()> {
        let Some(pulse) = self.pulse.upgrade() else { return Ok(()) };
        match self.inventory.ask_cancel(self.task, by).await {
            Ok(_) => pulse.cancelled(),
            // It is over, or nothing stops it any more: its own end says so.
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Cancel {
    /// Asks, in the name of somebody. When this returns, it is in the journal of every task at work: whatever happens to
    /// this process, none of them goes on.
    pub async fn ask(&self, by: &str) -> Result<()> {
        self.0.by.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| by.to_owned());
        self.0.asked.store(true, Ordering::SeqCst);
        self.0.changed.notify_waiters();
        let running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for task in running {
            task.stop(by).await?;
        }
        Ok(())
    }

    pub(crate) fn asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Stops this task, too, from now on.
    pub(super) async fn covers(&self, inventory: &Arc<dyn Inventory>, task: TaskId, pulse: &Arc<Pulse>) -> Result<()> {
        let running = Running { inventory: inventory.clone(), task, pulse: Arc::downgrade(pulse) };
        self.add(running.clone());
        // Whoever asked in between did not see it.
        if self.asked() {
            let by = self.0.by.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
            running.stop(&by).await?;
        }
        Ok(())
    }

    fn add(&self, task: Running) {
        let mut running = self.0.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|running| running.pulse.strong_count() > 0);
        running.push(task);
    }

    /// Does what changes nothing, until somebody asks.
    pub(crate) async fn unless_asked<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let asked = async {
            loop {
                let changed = self.0.changed.notified();
                tokio::pin!(changed);
                // Registered before looking, so that nothing in between is missed.
                changed.as_mut().enable();
                if self.asked() {
                    return;
                }
                changed.await;
            }
        };
        tokio::select! {
            biased;
            () = asked => Err(Error::new(ErrorKind::Interrupted, "stopped by the operator before anything was changed")),
            done = work => done,
        }
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
    /// Enough of it succeeded; the rest was taken back, or never began.
    Partly {
        /// How many steps ran and were not taken back.
        changed: usize,
        /// How many warnings were given.
        warnings: usize,
        /// What became of each part.
        parts: Vec<Part>,
    },
    /// A step failed, and everything was taken back, but for what went with a server that is gone; the report says what.
    RolledBack(ErrorReport),
    /// An undo failed; the report says what to do by hand.
    Stuck(ErrorReport),
    /// A server stopped answering before everything was taken back. Whatever next works on it takes back the rest.
    Waiting(ErrorReport),
}

impl Outcome {
    /// What is wrong with it, in one report; nothing where all is done.
    pub fn error(&self) -> Option<ErrorReport> {
        match self {
            Self::Done { .. } => None,
            Self::Partly { parts, .. } => {
                let done = parts.iter().filter(|part| part.state.is_done()).count();
                let mut report = Error::failed(format!("{done} of {} are done", parts.len())).report();
                report.causes = parts.iter().filter(|part| !part.state.is_done()).map(Part::in_words).collect();
                Some(report)
            }
            Self::RolledBack(report) | Self::Stuck(report) | Self::Waiting(report) => Some(report.clone()),
        }
    }
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
    /// Waits for its end. [`ErrorKind::Superseded`] when another worker took it over.
    pub async fn outcome(self) -> Result<Outcome> {
        self.handle.await.map_err(|e| Error::internal(format!("task {} broke off", self.id)).because(e))?
    }
}
