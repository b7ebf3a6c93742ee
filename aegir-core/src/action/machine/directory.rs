//! Makes a directory that belongs to an account other than the one at work.

use camino::Utf8PathBuf;

use crate::Result;
use crate::action::Action;
use crate::action::{Claims, Context, MakeDir};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{Command, DirSpec, FileStat, Id, Permissions};

/// Makes a directory, or gives it the wanted mode and owner. Only root can: elsewhere [`MakeDir`] is right.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct OwnDirectory {
    /// Where; its parent must exist.
    pub path: Utf8PathBuf,
    /// Its mode.
    pub mode: u32,
    /// Its owner, whose group of the same name it gets.
    pub owner: String,
}

/// What stood there, and whether it had the wanted owner.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OwnedBefore {
    stat: Option<FileStat>,
    owned: bool,
}

impl OwnDirectory {
    fn permissions(&self) -> Permissions {
        let id = || Some(Id::Name(self.owner.clone()));
        Permissions { mode: self.mode, owner: id(), group: id() }
    }

    fn plain(&self) -> MakeDir {
        MakeDir { path: self.path.clone(), permissions: self.permissions() }
    }
}

impl Action for OwnDirectory {
    const NAME: &'static str = "machine.directory";
    type Before = OwnedBefore;
    type Output = ();

    fn summary(&self) -> String {
        format!("make directory {} of {}", self.path, self.owner)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(Resource::path(server, &self.path))
    }

    async fn observe(&self, cx: &Context) -> Result<OwnedBefore> {
        let stat = self.plain().observe(cx).await?;
        let number = cx.server().run(&Command::new("id").args(["-u", "--", &self.owner])).await?;
        let uid = number.text().trim().parse::<u32>().ok();
        let owned = stat.as_ref().is_some_and(|s| Some(s.uid) == uid);
        Ok(OwnedBefore { stat, owned })
    }

    fn diff(&self, cx: &Context, before: &OwnedBefore) -> Result<Diff> {
        let diff = self.plain().diff(cx, &before.stat)?;
        Ok(match diff.change {
            Change::Same if !before.owned => diff.also(format!("  {}/ owner → {}", self.path, self.owner)),
            _ => diff,
        })
    }

    async fn apply(&self, cx: &Context, _before: &OwnedBefore) -> Result<()> {
        cx.server().make_dir(&DirSpec { path: self.path.clone(), permissions: self.permissions() }).await
    }

    async fn undo(&self, cx: &Context, before: &OwnedBefore) -> Result<()> {
        self.plain().undo(cx, &before.stat).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        self.plain().by_hand(server)
    }
}
