//! An inventory in memory, as strict as the real one: for tests, trials, and `init` before there is a database.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::refusal::{check_revision, locked, no_task, owned_by_other, ran_before, superseded, taken};
use super::{
    Beat, Claim, Entry, Holding, Journal, Lease, LeaseMode, Ledger, Locks, NewTask, NotedCheck, Notes, Pass, Platforms, Servers,
    SiteFilter, Sites, StoredEntry, Task, TaskFilter, TaskId, TaskState, Worker,
};
use crate::entity::{EntityRef, Owner, Platform, Resource, Server, Site, SiteSummary};
use crate::event::{Event, EventKind, Standing};
use crate::name::{PlatformName, ServerName, SiteUri};
use crate::plan::Plan;
use crate::secret::Sealed;
use crate::{Error, Result};

#[derive(Debug, Default)]
struct State {
    servers: BTreeMap<ServerName, Server>,
    platforms: BTreeMap<PlatformName, Platform>,
    sites: BTreeMap<SiteUri, Site>,
    ledger: BTreeMap<Resource, Holding>,
    leases: Vec<Lease>,
    tasks: Vec<Stored>,
    last: i64,
    entries: BTreeMap<TaskId, Vec<StoredEntry>>,
    notes: BTreeMap<ServerName, Vec<NotedCheck>>,
}

/// A task with what only the inventory asks.
#[derive(Clone, Debug)]
struct Stored {
    task: Task,
    plan: uuid::Uuid,
    standing: Standing,
}

/// Everything in maps behind one lock.
#[derive(Debug, Default)]
pub struct MemoryInventory(Mutex<State>);

impl MemoryInventory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn stored(&mut self, id: TaskId) -> Result<&mut Stored> {
        self.tasks.iter_mut().find(|stored| stored.task.id == id).ok_or_else(|| no_task(id))
    }

    /// The task, if the claim on it still holds.
    fn held(&mut self, claim: &Claim) -> Result<&mut Stored> {
        let stored = self.stored(claim.task)?;
        let holds = stored.task.epoch == claim.epoch && stored.task.state == TaskState::Running;
        if holds { Ok(stored) } else { Err(superseded(claim)) }
    }

    fn state_of(&self, id: TaskId) -> TaskState {
        self.tasks.iter().find(|stored| stored.task.id == id).map_or(TaskState::Done, |stored| stored.task.state)
    }

    /// Takes what a task touches, or says who bars it. Some may be passed.
    fn take_leases(&mut self, id: TaskId, touches: &[(EntityRef, LeaseMode)], pass: Pass) -> Result<()> {
        let before = self.leases.clone();
        for (entity, mode) in touches {
            let key = entity.to_string();
            let bar = self.leases.iter().find(|l| {
                let passes = pass.passes(entity, self.state_of(l.task));
                l.key == key && l.task != id && !passes && (l.mode == LeaseMode::Exclusive || *mode == LeaseMode::Exclusive)
            });
            if let Some(held_by) = bar.map(|l| l.task) {
                let state = self.state_of(held_by);
                self.leases = before;
                return Err(locked(&key, held_by, state));
            }
            self.put_lease(Lease { key, mode: *mode, task: id, brief: false });
        }
        Ok(())
    }

    fn put_lease(&mut self, lease: Lease) {
        self.leases.retain(|l| !(l.key == lease.key && l.task == lease.task));
        self.leases.push(lease);
        self.leases.sort_by(|a, b| (&a.key, a.task).cmp(&(&b.key, b.task)));
    }

    fn free_leases(&mut self, id: TaskId, subject: &EntityRef, state: TaskState) {
        let subject = subject.to_string();
        self.leases.retain(|l| l.task != id || (state.holds_subject() && l.key == subject));
    }

    /// The ledger with what an entry strikes and records.
    fn ledger_after(&self, id: TaskId, entry: &Entry) -> Result<BTreeMap<Resource, Holding>> {
        let mut ledger = self.ledger.clone();
        for resource in &entry.release {
            if let Some(held) = ledger.remove(resource) {
                ledger.retain(|r, h| !(resource.covers(r) && h.owner == held.owner));
            }
        }
        let acquire = entry.acquire.iter().map(|(resource, owner)| (resource, owner, id));
        let restore = entry.restore.iter().map(|(recorded, owner)| (&recorded.resource, owner, TaskId(recorded.task)));
        for (resource, owner, task) in acquire.chain(restore) {
            match ledger.get(resource) {
                Some(held) if held.owner == *owner => {}
                Some(held) => return Err(owned_by_other(resource, &held.owner)),
                None => drop(ledger.insert(resource.clone(), Holding { owner: owner.clone(), task })),
            }
        }
        Ok(ledger)
    }

    /// Stores an event that may follow, and what it does to the task.
    fn tell(&mut self, id: TaskId, kind: &EventKind, receipt: Option<&Sealed>) -> Result<Event> {
        let stored = self.stored(id)?;
        stored.standing.apply(kind).map_err(|e| e.context("task", id))?;
        if let Some(state) = TaskState::after(kind) {
            (stored.task.state, stored.task.ended) = (state, Some(Utc::now()));
            let subject = stored.task.subject.clone();
            self.free_leases(id, &subject, state);
        }
        let entries = self.entries.entry(id).or_default();
        let event = Event { seq: entries.len() as u64 + 1, at: Utc::now(), kind: kind.clone() };
        entries.push(StoredEntry { event: event.clone(), receipt: receipt.cloned() });
        Ok(event)
    }
}

fn later(ttl: Duration) -> DateTime<Utc> {
    Utc::now() + chrono::TimeDelta::from_std(ttl).unwrap_or(chrono::TimeDelta::MAX)
}

#[async_trait]
impl Servers for MemoryInventory {
    async fn server(&self, name: &ServerName) -> Result<Option<Server>> {
        Ok(self.state().servers.get(name).cloned())
    }

    async fn servers(&self) -> Result<Vec<Server>> {
        Ok(self.state().servers.values().cloned().collect())
    }

    async fn save_server(&self, server: &Server) -> Result<u64> {
        let mut state = self.state();
        let stored = state.servers.get(&server.name).map_or(0, |s| s.revision);
        let revision = check_revision(&format!("server {}", server.name), server.revision, stored)?;
        state.servers.insert(server.name.clone(), Server { revision, ..server.clone() });
        Ok(revision)
    }

    async fn delete_server(&self, name: &ServerName) -> Result<()> {
        let mut state = self.state();
        state.servers.remove(name);
        state.notes.remove(name);
        Ok(())
    }
}

#[async_trait]
impl Platforms for MemoryInventory {
    async fn platform(&self, name: &PlatformName) -> Result<Option<Platform>> {
        Ok(self.state().platforms.get(name).cloned())
    }

    async fn platforms(&self) -> Result<Vec<Platform>> {
        Ok(self.state().platforms.values().cloned().collect())
    }

    async fn save_platform(&self, platform: &Platform) -> Result<u64> {
        let mut state = self.state();
        let stored = state.platforms.get(&platform.name).map_or(0, |p| p.revision);
        let revision = check_revision(&format!("platform {}", platform.name), platform.revision, stored)?;
        state.platforms.insert(platform.name.clone(), Platform { revision, ..platform.clone() });
        Ok(revision)
    }

    async fn delete_platform(&self, name: &PlatformName) -> Result<()> {
        self.state().platforms.remove(name);
        Ok(())
    }
}

#[async_trait]
impl Sites for MemoryInventory {
    async fn site(&self, uri: &SiteUri) -> Result<Option<Site>> {
        Ok(self.state().sites.get(uri).cloned())
    }

    async fn sites(&self, filter: &SiteFilter) -> Result<Vec<SiteSummary>> {
        let state = self.state();
        let mut list = Vec::new();
        for site in state.sites.values() {
            let server = state.platforms.get(&site.platform).map_or_else(ServerName::master, |p| p.server.clone());
            if filter.platform.as_ref().is_none_or(|p| *p == site.platform) && filter.server.as_ref().is_none_or(|s| *s == server) {
                list.push(SiteSummary {
                    uri: site.uri.clone(),
                    platform: site.platform.clone(),
                    server,
                    profile: site.profile.to_string(),
                    state: site.state,
                    client: site.client.as_ref().map(ToString::to_string),
                });
            }
        }
        Ok(list)
    }

    async fn site_at(&self, address: &SiteUri) -> Result<Option<SiteUri>> {
        Ok(self.state().sites.values().find(|s| s.addresses().any(|a| a == address)).map(|s| s.uri.clone()))
    }

    async fn save_site(&self, site: &Site) -> Result<u64> {
        let mut state = self.state();
        let stored = state.sites.get(&site.uri).map_or(0, |s| s.revision);
        let revision = check_revision(&format!("site {}", site.uri), site.revision, stored)?;
        for address in site.addresses() {
            if let Some(holder) = state.sites.values().find(|s| s.uri != site.uri && s.addresses().any(|a| a == address)) {
                return Err(taken(address, &holder.uri));
            }
        }
        state.sites.insert(site.uri.clone(), Site { revision, ..site.clone() });
        Ok(revision)
    }

    async fn delete_site(&self, uri: &SiteUri) -> Result<()> {
        self.state().sites.remove(uri);
        Ok(())
    }
}

#[async_trait]
impl Ledger for MemoryInventory {
    async fn holding(&self, resource: &Resource) -> Result<Option<Holding>> {
        Ok(self.state().ledger.get(resource).cloned())
    }

    async fn below(&self, path: &Resource) -> Result<Vec<(Resource, Owner)>> {
        Ok(self.state().ledger.iter().filter(|(r, _)| path.covers(r)).map(|(r, h)| (r.clone(), h.owner.clone())).collect())
    }

    async fn owned_by(&self, owner: &Owner) -> Result<Vec<Resource>> {
        Ok(self.state().ledger.iter().filter(|(_, h)| h.owner == *owner).map(|(r, _)| r.clone()).collect())
    }
}

#[async_trait]
impl Notes for MemoryInventory {
    async fn note_checks(&self, server: &ServerName, checks: &[NotedCheck]) -> Result<()> {
        self.state().notes.insert(server.clone(), checks.to_vec());
        Ok(())
    }

    async fn noted_checks(&self, server: &ServerName) -> Result<Vec<NotedCheck>> {
        Ok(self.state().notes.get(server).cloned().unwrap_or_default())
    }
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
        let stored = state.held(claim)?;
        stored.task.expires = later(ttl);
        Ok(Beat { cancelled: stored.standing.cancelled })
    }

    async fn watch(&self, claim: &Claim) -> Result<Beat> {
        Ok(Beat { cancelled: self.state().held(claim)?.standing.cancelled })
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
        let fits = |t: &&Task| filter.state.is_none_or(|s| s == t.state) && filter.subject.as_ref().is_none_or(|s| *s == t.subject);
        Ok(self.state().tasks.iter().rev().map(|stored| &stored.task).filter(fits).take(limit).cloned().collect())
    }

    async fn entries(&self, id: TaskId, after: u64) -> Result<Vec<StoredEntry>> {
        Ok(self.state().entries.get(&id).map(|e| e.iter().filter(|e| e.event.seq > after).cloned().collect()).unwrap_or_default())
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64> {
        let mut guard = self.state();
        let state = &mut *guard;
        let over = |task: &Task| matches!(task.state, TaskState::Done | TaskState::RolledBack | TaskState::Closed);
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
