//! Tasks, their write-ahead journal, and the leases they hold.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::Result;
use crate::entity::{EntityRef, Owner, Resource};
use crate::event::{Event, EventKind};
use crate::plan::Plan;
use crate::secret::Sealed;

/// A task's number, counted up in one inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The process that works on a task; distinguishes a dead one from a busy one on the same machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Worker {
    /// The machine and boot it runs on.
    pub machine: String,
    /// Its process number.
    pub pid: u32,
    /// When that process started, in clock ticks since boot: a reused number has another.
    pub started: u64,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Waiting for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Every step succeeded.
    Done,
    /// A step failed and all before it was taken back.
    RolledBack,
    /// An undo failed; a person is needed.
    Stuck,
    /// A server stopped answering; what was begun there is yet to be taken back, when it answers again.
    Waiting,
}

impl TaskState {
    /// The word for tables and columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::RolledBack => "rolled_back",
            Self::Stuck => "stuck",
            Self::Waiting => "waiting",
        }
    }

    /// Whether nobody works on it any more.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::RolledBack | Self::Stuck | Self::Waiting)
    }

    /// From the column that stored it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Done, Self::RolledBack, Self::Stuck, Self::Waiting].into_iter().find(|s| s.as_str() == text)
    }
}

/// Something an operator asked for, with its plan.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Task {
    /// Its number; ignored when it is created.
    pub id: TaskId,
    /// The operation: `site.install`.
    pub kind: String,
    /// What it is about.
    pub subject: EntityRef,
    /// The plan it runs; secrets in it are sealed.
    pub plan: Plan,
    /// Where it stands.
    pub state: TaskState,
    /// Who works on it.
    pub worker: Option<Worker>,
    /// When it was asked for.
    pub created: DateTime<Utc>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
}

/// Which tasks to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Only those in this state.
    pub state: Option<TaskState>,
    /// Only those about this entity.
    pub subject: Option<EntityRef>,
    /// At most this many; 0 for all.
    pub limit: u64,
}

/// What is made durable together with one event, in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// What the step's undo needs; sealed, for it may hold secrets.
    pub receipt: Option<Sealed>,
    /// Resources struck from the ledger; a path takes with it what the same owner has below it. No error when missing.
    pub release: Vec<Resource>,
    /// Resources then recorded as owned; refused when another owner has one.
    pub acquire: Vec<(Resource, Owner)>,
    /// The task's new state. An ending one sets the end time and frees the task's leases.
    pub state: Option<TaskState>,
}

/// A durable event as it was stored.
#[derive(Clone, Debug)]
pub struct StoredEntry {
    /// The event.
    pub event: Event,
    /// What the step's undo needs.
    pub receipt: Option<Sealed>,
}

/// Tasks and their durable events.
#[async_trait]
pub trait Journal {
    /// Stores a new task and takes its leases, all or nothing; returns its number.
    /// [`crate::ErrorKind::Conflict`] when a task of this plan was stored before (names it), [`crate::ErrorKind::Locked`]
    /// when a lease is held (as in [`Locks::acquire`]).
    async fn create_task(&self, task: &Task, plan: uuid::Uuid, leases: &[Lease]) -> Result<TaskId>;
    /// The task that a plan became, if it was submitted before.
    async fn task_of_plan(&self, plan: uuid::Uuid) -> Result<Option<TaskId>>;
    /// One task.
    async fn task(&self, id: TaskId) -> Result<Option<Task>>;
    /// Tasks, newest first.
    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>>;
    /// Makes `worker` the task's worker if its worker still is `previous`; whether it did. The task becomes running.
    async fn take_task(&self, id: TaskId, previous: Option<&Worker>, worker: &Worker) -> Result<bool>;
    /// Stores an event with what belongs to it, in one transaction; durable when this returns. The event gets
    /// the next number of its task, from 1 without gaps; the stored event is returned. [`crate::ErrorKind::NotFound`]
    /// when there is no such task.
    async fn append(&self, id: TaskId, kind: &EventKind, entry: &Entry) -> Result<Event>;
    /// A task's durable events whose number is above `after`, in order.
    async fn entries(&self, id: TaskId, after: u64) -> Result<Vec<StoredEntry>>;
}

/// Whether a lease bears company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseMode {
    /// Nobody else may hold the same key.
    Exclusive,
    /// Others may hold it shared too.
    Shared,
}

/// A lock with an end: it frees itself when its worker dies.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Lease {
    /// What is locked: an [`EntityRef`] in words, or `reload web1`.
    pub key: String,
    /// Exclusive or shared.
    pub mode: LeaseMode,
    /// Who holds it.
    pub worker: Worker,
    /// The task it is held for; ignored in [`Journal::create_task`], which knows the number.
    pub task: TaskId,
    /// When it frees itself, unless extended.
    pub expires: DateTime<Utc>,
}

/// Leases.
#[async_trait]
pub trait Locks {
    /// Takes one lease, or fails with [`crate::ErrorKind::Locked`] naming the holder. Leases that expired, or that the
    /// same task holds, do not stand in the way.
    async fn acquire(&self, lease: &Lease) -> Result<()>;
    /// Moves the end of all leases of a task, and makes `worker` their holder.
    async fn extend(&self, task: TaskId, worker: &Worker, expires: DateTime<Utc>) -> Result<()>;
    /// Frees one lease of a task, or all.
    async fn release(&self, task: TaskId, key: Option<&str>) -> Result<()>;
    /// All leases that have not expired.
    async fn leases(&self) -> Result<Vec<Lease>>;
}
