//! Writes the inventory's key where there is none yet.

use camino::Utf8PathBuf;
use secrecy::ExposeSecret as _;

use crate::Result;
use crate::action::Action;
use crate::action::{Claims, Context};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{FileSpec, Id, Permissions};

/// Writes the key of the Aegir that runs this; a key that stands there is never replaced, for it alone opens the
/// inventory. The step's data holds no secret: the key is in memory.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct KeyFile {
    /// Where.
    pub path: Utf8PathBuf,
    /// Whose it is.
    pub owner: String,
}

impl Action for KeyFile {
    const NAME: &'static str = "machine.key";
    /// Whether a key stood there.
    type Before = bool;
    type Output = ();

    fn summary(&self) -> String {
        format!("make the key {}", self.path)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(Resource::path(server, &self.path))
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        Ok(cx.server().stat(&self.path).await?.is_some())
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        Ok(if *before { Diff::same() } else { Diff::new(Change::Create, format!("+ {} mode 0600 {}: (secret)\n", self.path, self.owner)) })
    }

    async fn apply(&self, cx: &Context, _before: &bool) -> Result<()> {
        if cx.server().stat(&self.path).await?.is_some() {
            return Ok(());
        }
        let id = || Some(Id::Name(self.owner.clone()));
        let content = cx.keyring().to_file_text().expose_secret().as_bytes().to_vec();
        cx.server()
            .write(&FileSpec { path: self.path.clone(), content, permissions: Permissions { mode: 0o600, owner: id(), group: id() } })
            .await
    }

    async fn undo(&self, cx: &Context, before: &bool) -> Result<()> {
        if *before { Ok(()) } else { cx.remove(&self.path).await }
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}, as root: `rm {}` if it was new", self.path)
    }
}
