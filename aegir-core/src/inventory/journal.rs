//! Tasks, their write-ahead journal, and the leases they hold.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::Result;
use crate::entity::{EntityRef, Owner, Recorded, Resource};
use crate::event::{Event, EventKind, Verdict};
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
    /// Tells several workers within one process apart.
    #[serde(default)]
    pub instance: u64,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Waiting for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Every step succeeded.
    Done,
    /// Enough of it succeeded, and the rest was taken back.
    Partly,
    /// A step failed and all before it was taken back.
    RolledBack,
    /// An undo failed; a person is needed.
    Stuck,
    /// A server stopped answering; what was begun there is yet to be taken back, when it answers again. Or a batch was cut
    /// off, and the rest of it is yet to begin.
    Waiting,
    /// A person took the rest back by hand.
    Closed,
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

impl TaskState {
    /// The word for tables and columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Partly => "partly",
            Self::RolledBack => "rolled_back",
            Self::Stuck => "stuck",
            Self::Waiting => "waiting",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }

    /// The word for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled back",
            Self::Partly => "partly done",
            other => other.as_str(),
        }
    }

    /// Where a task stands after an event.
    pub(crate) fn after(kind: &EventKind) -> Option<Self> {
        match kind {
            EventKind::TaskFinished { verdict, .. } => Some(Self::of(*verdict)),
            EventKind::TaskClosed { .. } => Some(Self::Closed),
            _ => None,
        }
    }

    /// How a task that ended so stands.
    fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Done => Self::Done,
            Verdict::Partly => Self::Partly,
            Verdict::RolledBack => Self::RolledBack,
            Verdict::Stuck => Self::Stuck,
            Verdict::Waiting => Self::Waiting,
            Verdict::Closed => Self::Closed,
            Verdict::Unknown => Self::Unknown,
        }
    }

    /// Whether something of it is yet to be taken back, and it holds its subject until then.
    pub fn holds_subject(self) -> bool {
        matches!(self, Self::Stuck | Self::Waiting)
    }

    /// Whether nobody works on it any more.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Done | Self::Partly | Self::RolledBack | Self::Stuck | Self::Waiting | Self::Closed)
    }

    /// Those of which nothing is left to be done or taken back: their journals may be pruned.
    pub(crate) const OVER: [Self; 4] = [Self::Done, Self::Partly, Self::RolledBack, Self::Closed];

    /// From the column that stored it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Done, Self::Partly, Self::RolledBack, Self::Stuck, Self::Waiting, Self::Closed]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// Something an operator asked for, with its plan.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// The operation: `site.install`.
    pub kind: String,
    /// What it is about.
    pub subject: EntityRef,
    /// What it locks: again whenever somebody takes it over.
    pub touches: Vec<(EntityRef, LeaseMode)>,
    /// The request it came from, as JSON; sealed, for it may hold secrets. `None` for a plan that was submitted as such.
    pub request: Option<Sealed>,
    /// Who asked.
    pub by: String,
    /// The task it is part of.
    pub parent: Option<TaskId>,
    /// It destroys: when its worker dies before the commit it goes back, and otherwise on.
    pub destroys: bool,
    /// The plan it runs; secrets in it are sealed. Empty until it begins.
    pub plan: Plan,
    /// Where it stands.
    pub state: TaskState,
    /// Who works on it.
    pub worker: Option<Worker>,
    /// Counts take-overs; only the newest worker may write.
    pub epoch: u64,
    /// When its worker counts as lost, by the inventory's clock.
    pub expires: DateTime<Utc>,
    /// When it was asked for.
    pub created: DateTime<Utc>,
    /// When it ended.
    pub ended: Option<DateTime<Utc>>,
    /// Why this build cannot read it. Its plan is empty then, and it is stuck until somebody closes it.
    pub unreadable: Option<String>,
}

/// The kind of a batch's own task; API, as the journal holds it.
pub(crate) const BATCH: &str = "batch";

impl Task {
    /// Whether it is a batch: it has no plan of its own, and other tasks are part of it.
    pub fn is_batch(&self) -> bool {
        self.kind == BATCH
    }
}

/// A task to open.
#[derive(Clone, Debug)]
pub struct NewTask {
    /// The operation.
    pub kind: String,
    /// What it is about.
    pub subject: EntityRef,
    /// What it locks.
    pub touches: Vec<(EntityRef, LeaseMode)>,
    /// The request, sealed.
    pub request: Option<Sealed>,
    /// Who asks.
    pub by: String,
    /// The task it is part of.
    pub parent: Option<TaskId>,
    /// The identity of the plan it will run, once.
    pub plan: uuid::Uuid,
    /// Whom it passes.
    pub pass: Pass,
}

/// Which tasks that are not taken back yet do not keep a new one out, though they hold what it touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pass {
    /// None.
    #[default]
    Nobody,
    /// Those that wait for a server, at that server: it may be mended by this.
    WaitsForServer,
    /// All of them: a machine is gone, and what they had there was given up.
    Unfinished,
}

impl Pass {
    /// Whether a task in that state, which holds an entity, is passed.
    pub(super) fn passes(self, entity: &EntityRef, holder: TaskState) -> bool {
        match self {
            Self::Nobody => false,
            Self::WaitsForServer => holder == TaskState::Waiting && matches!(entity, EntityRef::Server(_)),
            Self::Unfinished => holder.holds_subject(),
        }
    }
}

/// The right to work on a task: good until somebody else takes the task over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The task.
    pub task: TaskId,
    /// The task's epoch when this was given out.
    pub epoch: u64,
}

/// What a worker learns when it says that it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Somebody asked for the task to be stopped.
    pub cancelled: bool,
}

/// Which tasks to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Only those in this state.
    pub state: Option<TaskState>,
    /// Only those about this entity.
    pub subject: Option<EntityRef>,
    /// Only those that are part of this task.
    pub parent: Option<TaskId>,
    /// At most this many; 0 for all.
    pub limit: u64,
}

/// The plan that a task begins with.
#[derive(Clone, Debug)]
pub struct Begin {
    /// The plan.
    pub plan: Plan,
    /// What it locks, all of it: what is not locked yet is locked now.
    pub touches: Vec<(EntityRef, LeaseMode)>,
    /// See [`Task::destroys`].
    pub destroys: bool,
    /// See [`NewTask::pass`].
    pub pass: Pass,
}

/// What is made durable together with one event, in one transaction.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// With [`EventKind::StepStarted`] what the step's undo needs, with [`EventKind::StepSucceeded`] what it put out for
    /// later steps; sealed, for it may hold secrets.
    pub receipt: Option<Sealed>,
    /// Resources struck from the ledger; a path takes with it what the same owner has below it. No error when missing.
    pub release: Vec<Resource>,
    /// Resources then recorded as owned, since this task; refused when another owner has one.
    pub acquire: Vec<(Resource, Owner)>,
    /// Resources that were struck before and are put back, since the task that first recorded them.
    pub restore: Vec<(Recorded, Owner)>,
    /// With [`EventKind::TaskStarted`]: what begins.
    pub begin: Option<Box<Begin>>,
}

/// A durable event as it was stored.
#[derive(Clone, Debug)]
pub struct StoredEntry {
    /// The event.
    pub event: Event,
    /// What the step's undo needs, or what it put out: see [`Entry::receipt`].
    pub receipt: Option<Sealed>,
}

/// Tasks and their durable events: a contract between workers.
///
/// Every write of a worker carries its [`Claim`]. One that was taken from it, by whoever found it silent for longer than
/// its time, writes nothing any more: [`crate::ErrorKind::Superseded`]. Times are the inventory's own clock's.
#[async_trait]
pub trait Journal {
    /// The time, by the inventory's clock.
    async fn now(&self) -> Result<DateTime<Utc>>;
    /// Opens a task and takes its leases, all or nothing. The claim counts as lost after `ttl` without a [`Journal::beat`].
    /// [`crate::ErrorKind::Conflict`] when a task of this plan began before (names it), [`crate::ErrorKind::Locked`] when
    /// another task holds a lease (names it).
    async fn open_task(&self, new: &NewTask, worker: &Worker, ttl: Duration) -> Result<Claim>;
    /// Removes a task that nothing was said of yet: it leaves no trace.
    async fn discard(&self, claim: &Claim) -> Result<()>;
    /// Takes a task over, if it still is at the epoch that was seen and not over; `None` when somebody else was quicker.
    /// Its leases are taken again, all of them: [`crate::ErrorKind::Locked`] when another task holds one.
    async fn claim(&self, id: TaskId, seen: u64, worker: &Worker, ttl: Duration) -> Result<Option<Claim>>;
    /// Says that the worker lives: the claim counts as lost after `ttl` from now. [`crate::ErrorKind::Superseded`] when
    /// somebody else took the task over, and no error when its own worker ended it.
    async fn beat(&self, claim: &Claim, ttl: Duration) -> Result<Beat>;
    /// Looks whether the claim still holds and the task is still wanted; writes nothing.
    async fn watch(&self, claim: &Claim) -> Result<Beat>;
    /// Stores an event with what belongs to it, in one transaction; durable when this returns. The event gets the next
    /// number of its task, from 1 without gaps. One that cannot follow those before it is refused, as [`Standing::apply`]
    /// says; an end frees the task's leases, but a task that is stuck or waits holds its subject.
    ///
    /// [`Standing::apply`]: crate::event::Standing::apply
    async fn append(&self, claim: &Claim, kind: &EventKind, entry: &Entry) -> Result<Event>;
    /// Asks, durably, for a task to be stopped and taken back, whoever works on it. [`crate::ErrorKind::Conflict`] when it
    /// is too late, [`crate::ErrorKind::NotFound`] when there is no such task.
    async fn ask_cancel(&self, id: TaskId, by: &str) -> Result<Event>;
    /// Marks a task as stuck that this build cannot read or go on with, and says why; whether it was at that epoch still.
    async fn set_unreadable(&self, id: TaskId, seen: u64, why: &str) -> Result<bool>;
    /// Ends a task that is stuck or waits, on the word of a person: the ledger is as if all of it had been taken back, as
    /// `entry` says. Whether it was at that epoch still.
    async fn close_task(&self, id: TaskId, seen: u64, by: &str, entry: &Entry) -> Result<bool>;
    /// The task that a plan became, if it was submitted before.
    async fn task_of_plan(&self, plan: uuid::Uuid) -> Result<Option<TaskId>>;
    /// One task.
    async fn task(&self, id: TaskId) -> Result<Option<Task>>;
    /// Tasks, newest first. One that this build cannot read is among them, and says so.
    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>>;
    /// A task's durable events whose number is above `after`, in order.
    async fn entries(&self, id: TaskId, after: u64) -> Result<Vec<StoredEntry>>;
    /// Drops plans, events and receipts of tasks that ended before a time, and keeps what was asked, by whom, and how it
    /// ended. What may still be taken back keeps everything. Returns how many tasks were pruned.
    async fn prune(&self, before: DateTime<Utc>) -> Result<u64>;
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

/// A lock that a task holds until it ends, or for a moment.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Lease {
    /// What is locked: an [`EntityRef`] in words, or `reload web1`.
    pub key: String,
    /// Exclusive or shared.
    pub mode: LeaseMode,
    /// The task it is held for.
    pub task: TaskId,
    /// Held for a moment, as around a reload: such a lease does not outlive its worker's claim.
    pub brief: bool,
}

/// Leases.
#[async_trait]
pub trait Locks {
    /// Takes a brief, exclusive lease, or fails with [`crate::ErrorKind::Locked`] naming the holder. One whose worker
    /// counts as lost, or that the same task holds, does not stand in the way.
    async fn acquire(&self, claim: &Claim, key: &str) -> Result<()>;
    /// Frees a brief lease.
    async fn release(&self, claim: &Claim, key: &str) -> Result<()>;
    /// All leases, by key and task.
    async fn leases(&self) -> Result<Vec<Lease>>;
}
