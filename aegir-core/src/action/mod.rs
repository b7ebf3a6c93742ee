//! Changes that can be taken back: look, journal what stood there, change.
//!
//! What stood there before is the receipt: it is durable before `apply` touches anything, so a step can be
//! taken back whether it was done, half done, or not begun. Planning uses the same look for diffs, for leaving
//! out steps with nothing to do, and for refusing stale plans.

mod archive;
mod context;
mod copy;
mod directory;
mod erased;
mod fetch;
mod file;
mod link;
mod machine;
mod on_disk;
mod push;
mod record;
mod served;
mod server;
mod still;
mod strike;
mod sum;
mod tree;

pub use archive::PackArchive;
pub(crate) use context::RunningStep;
pub use context::{Brought, Context};
pub use copy::CopyTree;
pub use directory::MakeDir;
pub use erased::{Actions, ErasedAction};
pub use fetch::FetchFile;
pub use file::{RemoveFile, WriteFile};
pub use link::Link;
pub use machine::{
    Answers, Feed, InstallPackages, IntoUse, KeyFile, KeyPair, MakeAccount, OwnDirectory, StartService, TurnOn, ValidatedFile,
};
pub use push::PushTree;
pub use record::{ForgetPlatform, ForgetSite, RecordPlatform, RecordServer, RecordSite};
pub use served::{MakeServedDir, PurgeServedTree};
pub use server::{ForgetServer, PinHostKeys};
pub use still::RequireStill;
pub use strike::Strike;
pub use sum::FileSum;
pub use tree::{PurgeTree, TrashTree};

pub(crate) use machine::{naming, register as register_machine};

use std::future::Future;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Result;
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::Diff;

/// What a step does to the ownership ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Recorded as the owner's before the step starts; refused when somebody else owns one.
    pub acquire: Vec<Resource>,
    /// Must be the owner's before the step starts, unless it is also acquired (a partial copy, say); struck when it
    /// succeeded. Striking a path strikes what the same owner has below it.
    pub release: Vec<Resource>,
}

impl Claims {
    /// Takes one.
    pub fn acquire(resource: Resource) -> Self {
        Self { acquire: vec![resource], release: Vec::new() }
    }

    /// Gives one up.
    pub fn release(resource: Resource) -> Self {
        Self { acquire: Vec::new(), release: vec![resource] }
    }
}

/// How long a step's output may be, in bytes as JSON: what a step knows, and not what it made.
pub const MOST_OUTPUT: usize = 64 << 10;

/// How long most changes may take: an installer's half hour, and then some.
const LIMIT: Duration = Duration::from_secs(40 * 60);

/// A change that can be taken back.
///
/// * `observe` only reads. What it returns is journalled, sealed, before `apply`.
/// * `apply` is idempotent: after a crash it runs again with the same `before`, and returns the same. It may fail half-way.
/// * `undo` is idempotent and restores exactly `before`, also after an `apply` that failed half-way. It has
///   no default: taking back nothing is a decision that a reader should see.
pub trait Action: Serialize + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static {
    /// The journal key, `file.write`; API from the day somebody has a journal.
    const NAME: &'static str;
    /// What stood there before.
    type Before: Serialize + DeserializeOwned + Send + Sync;
    /// What `apply` finds out and later steps may read by this step's name, as a checksum; `()` for most. It is journalled,
    /// sealed, and no longer than [`MOST_OUTPUT`].
    type Output: Serialize + DeserializeOwned + Send + Sync;

    /// One line for people: what it does to which thing.
    fn summary(&self) -> String;

    /// What it makes or gives up.
    fn claims(&self, server: &ServerName) -> Claims {
        let _ = server;
        Claims::default()
    }

    /// Looks at what stands there.
    fn observe(&self, cx: &Context) -> impl Future<Output = Result<Self::Before>> + Send;

    /// What would change; [`crate::plan::Change::Same`] leaves the step out. Pure.
    fn diff(&self, cx: &Context, before: &Self::Before) -> Result<Diff>;

    /// Changes it, and returns what later steps may read.
    fn apply(&self, cx: &Context, before: &Self::Before) -> impl Future<Output = Result<Self::Output>> + Send;

    /// Puts back what stood there.
    fn undo(&self, cx: &Context, before: &Self::Before) -> impl Future<Output = Result<()>> + Send;

    /// The named steps whose outputs it reads, with [`Context::lookup`]. A plan without one of them before this is refused.
    fn reads(&self) -> Vec<String> {
        Vec::new()
    }

    /// What of it outlives a rollback once it succeeded, in words that say where: a backup that was made for safety. `None`
    /// for most, which are taken back. What is kept must need nothing that an earlier step of its plan made.
    fn kept(&self) -> Option<String> {
        None
    }

    /// How long `apply` or `undo` may take. What takes longer is ended, and counts as failed half-way.
    fn limit(&self) -> Duration {
        LIMIT
    }

    /// What a person would do if `undo` cannot succeed.
    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: take back “{}”", self.summary())
    }
}
