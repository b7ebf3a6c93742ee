//! Tasks, events and leases in memory.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{MemoryInventory, Stored};
use crate::event::{Event, EventKind, Standing};
use crate::inventory::refusal::{locked, ran_before};
use crate::inventory::{
    Beat, Claim, Entry, Journal, Lease, LeaseMode, Locks, NewTask, Pass, StoredEntry, Task, TaskFilter, TaskId, TaskState, Worker,
};
use crate::plan::Plan;
use crate::{Error, Result};

fn later(ttl: Duration) -> DateTime<Utc> {
    Utc::now() + chrono::TimeDelta::from_std(ttl).unwrap_or(chrono::TimeDelta::MAX)
}

#[async_trait]
impl Locks for MemoryInventory {
    async fn acquire(&self, claim: &Claim, key: &str) -> Result<()> {
        let mut state = self.state();
        state.held(claim)?;
        let others: Vec<TaskId> = state.leases.iter().filter(|l| l.key == key && l.task != claim.task).map(|l| l.task).collect();
        for other in others {
            let held = state.tasks.iter().any(|s| s.task.id == other && s.task.state == TaskState::Running && s.task.expires > Utc::now());
            if held {
                return Err(locked(key, other, TaskState::Running));
            }
            state.leases.retain(|l| !(l.key == key && l.task == other));
        }
        state.put_lease(Lease { key: key.to_owned(), mode: LeaseMode::Exclusive, task: claim.task, brief: true });
        Ok(())
    }

    async fn release(&self, claim: &Claim, key: &str) -> Result<()> {
        let mut state = self.state();
        state.held(claim)?;
        state.leases.retain(|l| !(l.key == key && l.task == claim.task));
        Ok(())
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        Ok(self.state().leases.clone())
    }
}

#[async_trait]
impl Journal for MemoryInventory {
    async fn now(&self) -> Result<DateTime<Utc>> {
        Ok(Utc::now())
    }

    async fn open_task(&self, new: &NewTask, worker: &Worker, ttl: Duration) -> Result<Claim> {
        let mut state = self.state();
        if let Some(other) = state.tasks.iter().find(|stored| stored.plan == new.plan) {
            return Err(ran_before(other.task.id));
        }
        let id = TaskId(state.last + 1);
        state.take_leases(id, &new.touches, new.pass)?;
        state.last = id.0;
        let task = Task {
            id,
            kind: new.kind.clone(),
            subject: new.subject.clone(),
            touches: new.touches.clone(),
            request: new.request.clone(),
            by: new.by.clone(),
            parent: new.parent,
            destroys: false,
            plan: Plan::empty(),
            state: TaskState::Running,
            worker: Some(worker.clone()),
            epoch: 1,
            expires: later(ttl),
            created: Utc::now(),
            ended: None,
            unreadable: None,
        };
        state.tasks.push(Stored { task, plan: new.plan, standing: Standing::default() });
        Ok(Claim { task: id, epoch: 1 })
    }

    async fn discard(&self, claim: &Claim) -> Result<()> {
        let mut state = self.state();
        if state.held(claim)?.standing != Standing::default() {
            return Err(Error::internal(format!("task {} has a history, and is not discarded", claim.task)));
        }
        state.tasks.retain(|stored| stored.task.id != claim.task);
        state.leases.retain(|l| l.task != claim.task);
        Ok(())
    }

    async fn claim(&self, id: TaskId, seen: u64, worker: &Worker, ttl: Duration) -> Result<Option<Claim>> {
        let mut state = self.state();
        let Ok(stored) = state.stored(id) else { return Ok(None) };
        let open = matches!(stored.task.state, TaskState::Queued | TaskState::Running | TaskState::Stuck | TaskState::Waiting);
        if stored.task.epoch != seen || !open {
            return Ok(None);
        }
        let touches = stored.task.touches.clone();
        state.take_leases(id, &touches, Pass::Nobody)?;
        let task = &mut state.stored(id)?.task;
        (task.worker, task.state, task.epoch) = (Some(worker.clone()), TaskState::Running, seen + 1);
        (task.expires, task.ended, task.unreadable) = (later(ttl), None, None);
        Ok(Some(Claim { task: id, epoch: seen + 1 }))
    }

    async fn beat(&self, claim: &Claim, ttl: Duration) -> Result<Beat> {
        let mut state = self.state();
        let stored = state.claimed(claim)?;
        stored.task.expires = later(ttl);
        Ok(Beat { cancelled: stored.standing.cancelled })
    }

    async fn watch(&self, claim: &Claim) -> Result<Beat> {
        Ok(Beat { cancelled: self.state().claimed(claim)?.standing.cancelled })
    }

    async fn append(&self, claim: &Claim, kind: &EventKind, entry: &Entry) -> Result<Event> {
        let mut guard = self.state();
        let state = &mut *guard;
        state.held(claim)?.standing.clone().apply(kind).map_err(|e| e.context("task", claim.task))?;
        let ledger = state.ledger_after(claim.task, entry)?;
        if let Some(begin) = &entry.begin {
            state.take_leases(claim.task, &begin.touches, begin.pass)?;
            let task = &mut state.stored(claim.task)?.task;
            (task.plan, task.touches, task.destroys) = (begin.plan.clone(), begin.touches.clone(), begin.destroys);
        }
        state.ledger = ledger;
        state.tell(claim.task, kind, entry.receipt.as_ref())
    }

    async fn ask_cancel(&self, id: TaskId, by: &str) -> Result<Event> {
        self.state().tell(id, &EventKind::CancelAsked { by: by.to_owned() }, None)
    }

    async fn set_unreadable(&self, id: TaskId, seen: u64, why: &str) -> Result<bool> {
        let mut state = self.state();
        let task = &mut state.stored(id)?.task;
        if task.epoch != seen {
            return Ok(false);
        }
        (task.state, task.epoch, task.ended, task.unreadable) = (TaskState::Stuck, seen + 1, Some(Utc::now()), Some(why.to_owned()));
        let subject = task.subject.clone();
        state.free_leases(id, &subject, TaskState::Stuck);
        Ok(true)
    }

    async fn close_task(&self, id: TaskId, seen: u64, by: &str, entry: &Entry) -> Result<bool> {
        let mut guard = self.state();
        let state = &mut *guard;
        let stored = state.stored(id)?;
        if stored.task.epoch != seen {
            return Ok(false);
        }
        let closed = EventKind::TaskClosed { by: by.to_owned() };
        let readable = stored.task.unreadable.is_none();
        if readable {
            stored.standing.clone().apply(&closed).map_err(|e| e.context("task", id))?;
        }
        let ledger = state.ledger_after(id, entry)?;
        state.ledger = ledger;
        if readable {
            state.tell(id, &closed, None)?;
        } else {
            let task = &mut state.stored(id)?.task;
            (task.state, task.epoch) = (TaskState::Closed, seen + 1);
            let subject = task.subject.clone();
            state.free_leases(id, &subject, TaskState::Closed);
        }
        Ok(true)
    }

    async fn task_of_plan(&self, plan: uuid::Uuid) -> Result<Option<TaskId>> {
        Ok(self.state().tasks.iter().find(|stored| stored.plan == plan).map(|stored| stored.task.id))
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>> {
        Ok(self.state().tasks.iter().find(|stored| stored.task.id == id).map(|stored| stored.task.clone()))
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>> {
        let limit = if filter.limit == 0 { usize::MAX } else { usize::try_from(filter.limit).unwrap_or(usize::MAX) };
        let fits = |t: &&Task| {
            filter.state.is_none_or(|s| s == t.state)
                && filter.subject.as_ref().is_none_or(|s| *s == t.subject)
                && filter.parent.is_none_or(|parent| t.parent == Some(parent))
        };
        Ok(self.state().tasks.iter().rev().map(|stored| &stored.task).filter(fits).take(limit).cloned().collect())
    }

    async fn entries(&self, id: TaskId, after: u64) -> Result<Vec<StoredEntry>> {
        Ok(self.state().entries.get(&id).map(|e| e.iter().filter(|e| e.event.seq > after).cloned().collect()).unwrap_or_default())
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64> {
        let mut guard = self.state();
        let state = &mut *guard;
        let over = |task: &Task| TaskState::OVER.contains(&task.state);
        let mut pruned = 0;
        for stored in state.tasks.iter_mut().filter(|s| over(&s.task) && s.task.ended.is_some_and(|end| end < before)) {
            if state.entries.remove(&stored.task.id).is_some() {
                (stored.task.plan, stored.task.request) = (Plan::empty(), None);
                pruned += 1;
            }
        }
        Ok(pruned)
    }
}
