//! The journal of one task at work: durable first, then replayed here, then shown.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::fault::Faults;
use super::pulse::Pulse;
use super::state::Replay;
use crate::event::{EventKind, EventLog};
use crate::inventory::{Claim, Entry, Inventory};
use crate::{ErrorKind, Result};

/// Writes a task's events under its claim.
#[derive(Debug)]
pub(crate) struct TaskJournal {
    pub(crate) inventory: Arc<dyn Inventory>,
    pub(crate) claim: Claim,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) log: EventLog,
    faults: Faults,
    replay: Mutex<Replay>,
}

impl TaskJournal {
    pub(super) fn new(inventory: &Arc<dyn Inventory>, claim: Claim, pulse: Arc<Pulse>, replay: Replay, faults: &Faults) -> Self {
        let replay = Mutex::new(replay);
        Self { inventory: inventory.clone(), claim, pulse, log: EventLog::default(), faults: faults.clone(), replay }
    }

    /// The task as its journal tells it.
    pub(crate) async fn replay(&self) -> MutexGuard<'_, Replay> {
        self.replay.lock().await
    }

    /// Makes an event durable, takes it in, and lets followers see it.
    pub(crate) async fn say(&self, kind: &EventKind, entry: Entry) -> Result<()> {
        let mut replay = self.replay.lock().await;
        let stored = self.inventory.append(&self.claim, kind, &entry).await;
        let event = match stored {
            Ok(event) => event,
            Err(error) => {
                if error.kind() == ErrorKind::Superseded {
                    self.pulse.lose();
                }
                return Err(error);
            }
        };
        self.faults.after_event(event.seq).await;
        // Somebody else may have asked for a stop in between.
        self.catch_up_to(&mut replay, event.seq).await?;
        replay.take(event.seq, kind, entry.receipt.as_ref())?;
        self.log.push(event);
        Ok(())
    }

    /// Takes in what others said of the task: that it should stop.
    pub(super) async fn catch_up(&self) -> Result<()> {
        let mut replay = self.replay.lock().await;
        self.catch_up_to(&mut replay, u64::MAX).await
    }

    async fn catch_up_to(&self, replay: &mut Replay, end: u64) -> Result<()> {
        if replay.seq + 1 >= end {
            return Ok(());
        }
        for entry in self.inventory.entries(self.claim.task, replay.seq).await? {
            if entry.event.seq < end {
                replay.take(entry.event.seq, &entry.event.kind, entry.receipt.as_ref())?;
                self.log.push(entry.event);
            }
        }
        Ok(())
    }
}
