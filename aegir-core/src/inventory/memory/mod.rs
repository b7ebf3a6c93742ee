//! An inventory in memory, as strict as the real one: for tests, trials, and `init` before there is a database.

mod journal;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::Utc;

use crate::Result;
use crate::entity::{EntityRef, Owner, Platform, Resource, Server, Site, SiteSummary};
use crate::event::{Event, EventKind, Standing};
use crate::inventory::refusal::{check_revision, locked, no_task, owned_by_other, superseded, taken};
use crate::inventory::{
    Claim, Entry, Holding, Lease, LeaseMode, Ledger, NotedCheck, Notes, Pass, Platforms, Servers, SiteFilter, Sites, StoredEntry, Task,
    TaskId, TaskState,
};
use crate::name::{PlatformName, ServerName, SiteUri};
use crate::secret::Sealed;

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

    /// The task, if nobody else took it over.
    fn claimed(&mut self, claim: &Claim) -> Result<&mut Stored> {
        let stored = self.stored(claim.task)?;
        if stored.task.epoch == claim.epoch { Ok(stored) } else { Err(superseded(claim)) }
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
