//! An inventory around another that dies, or waits, at a given event.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegir_core::entity::{Owner, Platform, Resource, Server, Site, SiteSummary};
use aegir_core::event::{Event, EventKind};
use aegir_core::inventory::{
    Beat, Claim, Entry, Holding, Inventory, Journal, Lease, Ledger, Locks, NewTask, NotedCheck, Notes, Platforms, Servers, SiteFilter,
    Sites, StoredEntry, Task, TaskFilter, TaskId, Worker,
};
use aegir_core::name::{PlatformName, ServerName, SiteUri};
use aegir_core::testing::FakeServer;
use aegir_core::{Error, ErrorKind, Result};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

/// What it does, and at which event, counted from 1 over all tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// The process dies when this event should be stored: what came before it was done.
    DieBefore(u64),
    /// The process dies when this event is stored: nothing that comes after it was done.
    DieAfter(u64),
    /// This event waits until [`Meddler::go_on`]; the worker goes on saying that it lives.
    WaitBefore(u64),
    /// The same, and the whole process sleeps meanwhile, as at SIGSTOP.
    SleepBefore(u64),
    /// When this event is stored, somebody asks for a stop, and then the process dies.
    CancelAfter(u64),
}

/// Everything it stores says that it comes from a process that is dead by the time anybody looks.
#[derive(Debug)]
pub(crate) struct Meddler {
    inner: Arc<dyn Inventory>,
    at: At,
    events: AtomicU64,
    dead: AtomicBool,
    asleep: AtomicBool,
    waiting: Semaphore,
    gate: Semaphore,
    /// This task's journal reads as nonsense.
    garbled: Mutex<Option<TaskId>>,
    /// Edits a file of this server as soon as a task's locks are taken.
    intruder: Mutex<Option<(Arc<FakeServer>, &'static str)>>,
}

impl Meddler {
    pub(crate) fn new(inner: Arc<dyn Inventory>, at: At) -> Arc<Self> {
        Arc::new(Self {
            inner,
            at,
            events: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
            waiting: Semaphore::new(0),
            gate: Semaphore::new(0),
            garbled: Mutex::new(None),
            intruder: Mutex::new(None),
        })
    }

    /// Somebody edits a file between the look at a plan's world and the task's locks.
    pub(crate) fn let_in(&self, server: &Arc<FakeServer>, path: &'static str) {
        *self.intruder.lock().unwrap() = Some((server.clone(), path));
    }

    /// From now on a task's journal reads as nonsense.
    pub(crate) fn garble(&self, task: TaskId) {
        *self.garbled.lock().unwrap() = Some(task);
    }

    /// Whether the process died: with a large number it lived to the end.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Waits until the event waits.
    pub(crate) async fn reached(&self) {
        self.waiting.acquire().await.unwrap().forget();
    }

    /// Lets the waiting event go on.
    pub(crate) fn go_on(&self) {
        self.gate.add_permits(1);
    }

    /// A dead process does nothing any more, and learns nothing.
    fn alive(&self) -> Result<&dyn Inventory> {
        if self.is_dead() { Err(Error::internal("this process is dead")) } else { Ok(&*self.inner) }
    }

    /// Who sleeps says nothing.
    async fn awake(&self) {
        while self.asleep.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn die(&self) -> Result<()> {
        self.dead.store(true, Ordering::SeqCst);
        self.alive().map(drop)
    }

    /// The same process number, but of a process that started at another time.
    fn mortal(&self, worker: &Worker) -> Worker {
        match self.at {
            At::WaitBefore(_) => worker.clone(),
            // On a machine of its own: nobody can look whether it lives.
            At::SleepBefore(_) => Worker { machine: "elsewhere".to_owned(), ..worker.clone() },
            At::DieBefore(_) | At::DieAfter(_) | At::CancelAfter(_) => Worker { started: 1, ..worker.clone() },
        }
    }
}

#[async_trait]
impl Servers for Meddler {
    async fn server(&self, name: &ServerName) -> Result<Option<Server>> {
        self.alive()?.server(name).await
    }
    async fn servers(&self) -> Result<Vec<Server>> {
        self.alive()?.servers().await
    }
    async fn save_server(&self, server: &Server) -> Result<u64> {
        self.alive()?.save_server(server).await
    }
    async fn delete_server(&self, name: &ServerName) -> Result<()> {
        self.alive()?.delete_server(name).await
    }
}

#[async_trait]
impl Notes for Meddler {
    async fn note_checks(&self, server: &ServerName, checks: &[NotedCheck]) -> Result<()> {
        self.alive()?.note_checks(server, checks).await
    }
    async fn noted_checks(&self, server: &ServerName) -> Result<Vec<NotedCheck>> {
        self.alive()?.noted_checks(server).await
    }
}

#[async_trait]
impl Platforms for Meddler {
    async fn platform(&self, name: &PlatformName) -> Result<Option<Platform>> {
        self.alive()?.platform(name).await
    }
    async fn platforms(&self) -> Result<Vec<Platform>> {
        self.alive()?.platforms().await
    }
    async fn save_platform(&self, platform: &Platform) -> Result<u64> {
        self.alive()?.save_platform(platform).await
    }
    async fn delete_platform(&self, name: &PlatformName) -> Result<()> {
        self.alive()?.delete_platform(name).await
    }
}

#[async_trait]
impl Sites for Meddler {
    async fn site(&self, uri: &SiteUri) -> Result<Option<Site>> {
        self.alive()?.site(uri).await
    }
    async fn sites(&self, filter: &SiteFilter) -> Result<Vec<SiteSummary>> {
        self.alive()?.sites(filter).await
    }
    async fn site_at(&self, address: &SiteUri) -> Result<Option<SiteUri>> {
        self.alive()?.site_at(address).await
    }
    async fn save_site(&self, site: &Site) -> Result<u64> {
        self.alive()?.save_site(site).await
    }
    async fn delete_site(&self, uri: &SiteUri) -> Result<()> {
        self.alive()?.delete_site(uri).await
    }
}

#[async_trait]
impl Ledger for Meddler {
    async fn holding(&self, resource: &Resource) -> Result<Option<Holding>> {
        self.alive()?.holding(resource).await
    }
    async fn below(&self, path: &Resource) -> Result<Vec<(Resource, Owner)>> {
        self.alive()?.below(path).await
    }
    async fn owned_by(&self, owner: &Owner) -> Result<Vec<Resource>> {
        self.alive()?.owned_by(owner).await
    }
}

#[async_trait]
impl Locks for Meddler {
    async fn acquire(&self, claim: &Claim, key: &str) -> Result<()> {
        self.alive()?.acquire(claim, key).await
    }
    async fn release(&self, claim: &Claim, key: &str) -> Result<()> {
        self.alive()?.release(claim, key).await
    }
    async fn leases(&self) -> Result<Vec<Lease>> {
        self.alive()?.leases().await
    }
}

#[async_trait]
impl Journal for Meddler {
    async fn now(&self) -> Result<DateTime<Utc>> {
        self.alive()?.now().await
    }
    async fn open_task(&self, new: &NewTask, worker: &Worker, ttl: Duration) -> Result<Claim> {
        if let Some((server, path)) = self.intruder.lock().unwrap().take() {
            server.put(path, "an editor was here\n");
        }
        self.alive()?.open_task(new, &self.mortal(worker), ttl).await
    }
    async fn discard(&self, claim: &Claim) -> Result<()> {
        self.alive()?.discard(claim).await
    }
    async fn claim(&self, id: TaskId, seen: u64, worker: &Worker, ttl: Duration) -> Result<Option<Claim>> {
        self.alive()?.claim(id, seen, &self.mortal(worker), ttl).await
    }
    async fn beat(&self, claim: &Claim, ttl: Duration) -> Result<Beat> {
        self.awake().await;
        self.alive()?.beat(claim, ttl).await
    }
    async fn watch(&self, claim: &Claim) -> Result<Beat> {
        self.awake().await;
        self.alive()?.watch(claim).await
    }
    async fn append(&self, claim: &Claim, kind: &EventKind, entry: &Entry) -> Result<Event> {
        let inner = self.alive()?;
        let number = self.events.fetch_add(1, Ordering::SeqCst) + 1;
        match self.at {
            At::DieBefore(at) if at == number => self.die()?,
            At::WaitBefore(at) | At::SleepBefore(at) if at == number => {
                self.asleep.store(matches!(self.at, At::SleepBefore(_)), Ordering::SeqCst);
                self.waiting.add_permits(1);
                self.gate.acquire().await.unwrap().forget();
                self.asleep.store(false, Ordering::SeqCst);
            }
            _ => {}
        }
        let event = inner.append(claim, kind, entry).await?;
        match self.at {
            At::DieAfter(at) if at == number => self.die()?,
            At::CancelAfter(at) if at == number => {
                inner.ask_cancel(claim.task, "somebody").await.map(drop).or_else(|e| match e.kind() {
                    // Too late: it is committed.
                    ErrorKind::Conflict => Ok(()),
                    _ => Err(e),
                })?;
                self.die()?;
            }
            _ => {}
        }
        Ok(event)
    }
    async fn ask_cancel(&self, id: TaskId, by: &str) -> Result<Event> {
        self.alive()?.ask_cancel(id, by).await
    }
    async fn set_unreadable(&self, id: TaskId, seen: u64, why: &str) -> Result<bool> {
        self.alive()?.set_unreadable(id, seen, why).await
    }
    async fn close_task(&self, id: TaskId, seen: u64, by: &str, entry: &Entry) -> Result<bool> {
        self.alive()?.close_task(id, seen, by, entry).await
    }
    async fn task_of_plan(&self, plan: uuid::Uuid) -> Result<Option<TaskId>> {
        self.alive()?.task_of_plan(plan).await
    }
    async fn task(&self, id: TaskId) -> Result<Option<Task>> {
        self.alive()?.task(id).await
    }
    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>> {
        self.alive()?.tasks(filter).await
    }
    async fn entries(&self, id: TaskId, after: u64) -> Result<Vec<StoredEntry>> {
        let mut entries = self.alive()?.entries(id, after).await?;
        if *self.garbled.lock().unwrap() == Some(id) {
            entries.reverse();
        }
        Ok(entries)
    }
    async fn prune(&self, before: DateTime<Utc>) -> Result<u64> {
        self.alive()?.prune(before).await
    }
}
