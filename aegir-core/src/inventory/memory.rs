//! An inventory in memory, as strict as the real one: for tests, trials, and `init` before there is a database.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::refusal::{check_revision, locked, no_task, owned_by_other, ran_before, taken};
use super::{
    Entry, Holding, Journal, Lease, LeaseMode, Ledger, Locks, NotedCheck, Notes, Platforms, Servers, SiteFilter, Sites, StoredEntry, Task,
    TaskFilter, TaskId, TaskState, Worker,
};
use crate::Result;
use crate::entity::{Owner, Platform, Resource, Server, Site, SiteSummary};
use crate::event::{Event, EventKind};
use crate::name::{PlatformName, ServerName, SiteUri};

#[derive(Debug, Default)]
struct State {
    servers: BTreeMap<ServerName, Server>,
    platforms: BTreeMap<PlatformName, Platform>,
    sites: BTreeMap<SiteUri, Site>,
    ledger: BTreeMap<Resource, Holding>,
    leases: Vec<Lease>,
    tasks: Vec<(Task, uuid::Uuid)>,
    entries: BTreeMap<TaskId, Vec<StoredEntry>>,
    notes: BTreeMap<ServerName, Vec<NotedCheck>>,
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
    fn take_lease(&mut self, lease: &Lease) -> Result<()> {
        let now = Utc::now();
        self.leases.retain(|l| l.expires > now);
        let bar = self
            .leases
            .iter()
            .find(|l| l.key == lease.key && l.task != lease.task && (l.mode == LeaseMode::Exclusive || lease.mode == LeaseMode::Exclusive));
        if let Some(held) = bar {
            return Err(locked(lease, held));
        }
        self.leases.retain(|l| !(l.key == lease.key && l.task == lease.task));
        self.leases.push(lease.clone());
        Ok(())
    }
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
    async fn acquire(&self, lease: &Lease) -> Result<()> {
        self.state().take_lease(lease)
    }

    async fn extend(&self, task: TaskId, worker: &Worker, expires: DateTime<Utc>) -> Result<()> {
        for lease in self.state().leases.iter_mut().filter(|l| l.task == task) {
            lease.expires = expires;
            lease.worker = worker.clone();
        }
        Ok(())
    }

    async fn release(&self, task: TaskId, key: Option<&str>) -> Result<()> {
        self.state().leases.retain(|l| l.task != task || key.is_some_and(|k| k != l.key));
        Ok(())
    }

    async fn leases(&self) -> Result<Vec<Lease>> {
        let now = Utc::now();
        Ok(self.state().leases.iter().filter(|l| l.expires > now).cloned().collect())
    }
}

#[async_trait]
impl Journal for MemoryInventory {
    async fn create_task(&self, task: &Task, plan: uuid::Uuid, leases: &[Lease]) -> Result<TaskId> {
        let mut state = self.state();
        if let Some((other, _)) = state.tasks.iter().find(|(_, p)| *p == plan) {
            return Err(ran_before(other.id));
        }
        let id = TaskId(state.tasks.len() as i64 + 1);
        let before = state.leases.clone();
        for lease in leases {
            if let Err(error) = state.take_lease(&Lease { task: id, ..lease.clone() }) {
                state.leases = before;
                return Err(error);
            }
        }
        state.tasks.push((Task { id, ..task.clone() }, plan));
        Ok(id)
    }

    async fn task_of_plan(&self, plan: uuid::Uuid) -> Result<Option<TaskId>> {
        Ok(self.state().tasks.iter().find(|(_, p)| *p == plan).map(|(t, _)| t.id))
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>> {
        Ok(self.state().tasks.iter().find(|(t, _)| t.id == id).map(|(t, _)| t.clone()))
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>> {
        let limit = if filter.limit == 0 { usize::MAX } else { usize::try_from(filter.limit).unwrap_or(usize::MAX) };
        let fits = |t: &&Task| filter.state.is_none_or(|s| s == t.state) && filter.subject.as_ref().is_none_or(|s| *s == t.subject);
        Ok(self.state().tasks.iter().rev().map(|(t, _)| t).filter(fits).take(limit).cloned().collect())
    }

    async fn take_task(&self, id: TaskId, previous: Option<&Worker>, worker: &Worker) -> Result<bool> {
        let mut state = self.state();
        let Some((task, _)) = state.tasks.iter_mut().find(|(t, _)| t.id == id && t.worker.as_ref() == previous) else { return Ok(false) };
        task.worker = Some(worker.clone());
        task.state = TaskState::Running;
        task.ended = None;
        Ok(true)
    }

    async fn append(&self, id: TaskId, kind: &EventKind, entry: &Entry) -> Result<Event> {
        let mut guard = self.state();
        let state = &mut *guard;
        let (task, _) = state.tasks.iter_mut().find(|(t, _)| t.id == id).ok_or_else(|| no_task(id))?;
        let mut ledger = state.ledger.clone();
        for resource in &entry.release {
            if let Some(held) = ledger.remove(resource) {
                ledger.retain(|r, h| !(resource.covers(r) && h.owner == held.owner));
            }
        }
        for (resource, owner) in &entry.acquire {
            let holding = Holding { owner: owner.clone(), task: id };
            if let Some(other) = ledger.insert(resource.clone(), holding).filter(|h| h.owner != *owner) {
                return Err(owned_by_other(resource, &other.owner));
            }
        }
        state.ledger = ledger;
        if let Some(new) = entry.state {
            task.state = new;
            task.ended = new.is_end().then(Utc::now);
            state.leases.retain(|l| l.task != id || !new.is_end());
        }
        let entries = state.entries.entry(id).or_default();
        let event = Event { seq: entries.len() as u64 + 1, at: Utc::now(), kind: kind.clone() };
        entries.push(StoredEntry { event: event.clone(), receipt: entry.receipt.clone() });
        Ok(event)
    }

    async fn entries(&self, id: TaskId, after: u64) -> Result<Vec<StoredEntry>> {
        Ok(self.state().entries.get(&id).map(|e| e.iter().filter(|e| e.event.seq > after).cloned().collect()).unwrap_or_default())
    }
}
