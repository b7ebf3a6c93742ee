//! Dumps a database to a file, consistently, while its site writes.

use aegir_core::action::{Action, Claims, Context};
use aegir_core::entity::Resource;
use aegir_core::name::{DatabaseName, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::server::{Command, FileSpec, Permissions, Server};
use aegir_core::{Error, ErrorKind, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::Access;
use super::client::{complaint, dump};

/// How a whole dump ends; one cut short does not.
const TRAILER: &str = "-- Dump completed";

/// Dumps a database to a new file of mode 0600, on the server of the step, consistently.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct DumpDatabase {
    /// How to connect from the server of the step.
    pub access: Access,
    /// The database.
    pub database: DatabaseName,
    /// The file; must not exist.
    pub into: Utf8PathBuf,
}

/// Whether a file is a whole dump.
pub(super) async fn is_whole(server: &dyn Server, dump: &Utf8Path) -> Result<bool> {
    let output = server.run(&Command::new("tail").args(["-c", "200", "--"]).arg(dump)).await?;
    Ok(output.ok() && output.text().contains(TRAILER))
}

impl DumpDatabase {
    fn taken(&self) -> Error {
        Error::conflict(format!("{} exists already", self.into)).context("file", &self.into)
    }

    fn failed(&self, cx: &Context, why: String) -> Error {
        let error = Error::failed(format!("dumping database {} on {}", self.database, cx.server().name()))
            .context("server", cx.server().name())
            .context("database", &self.database)
            .context("file", &self.into);
        let error = match () {
            () if why.contains("Access denied") => error.hint(format!(
                "{} cannot log in; if it is the site's own user, `aegir site verify` of the site sets it right",
                self.access.user
            )),
            () if why.contains("Can't connect") || why.contains("2002") || why.contains("2003") => {
                error.with_kind(ErrorKind::Unreachable).hint(format!("on {}: `systemctl status mariadb`", self.access.server))
            }
            () if why.contains("insufficient privileges") || why.contains("insufficent privileges") => error.hint(format!(
                "a routine in {} was defined by another user: dump it from the database server's own machine, or define it as {}",
                self.database, self.access.user
            )),
            () if why.contains("No space left") || why.contains("Errcode: 28") => {
                error.hint(format!("free some space: `df -h {}`", self.into))
            }
            () => error,
        };
        error.because(why)
    }
}

impl Action for DumpDatabase {
    const NAME: &'static str = "mysql.dump";
    /// Whether the file stood there.
    type Before = bool;

    fn summary(&self) -> String {
        format!("dump database {} to {}", self.database, self.into)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(Resource::path(server, &self.into))
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        Ok(cx.server().stat(&self.into).await?.is_some())
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        if *before {
            Err(self.taken())
        } else {
            Ok(Diff::new(Change::Create, format!("+ {} mode 0600: database {}\n", self.into, self.database)))
        }
    }

    async fn apply(&self, cx: &Context, before: &bool) -> Result<()> {
        if *before {
            return Err(self.taken());
        }
        // Made empty first, with its mode: the client would make it readable by others.
        cx.server().write(&FileSpec { path: self.into.clone(), content: Vec::new(), permissions: Permissions::mode(0o600) }).await?;
        let command = dump(&self.access, &self.database, &self.into, cx.keyring())?;
        let output = cx.server().run(&command).await?;
        if !output.ok() {
            return Err(self.failed(cx, complaint(&output.error_text())));
        }
        if !is_whole(cx.server(), &self.into).await? {
            return Err(self.failed(cx, format!("the dump does not end with “{TRAILER}”")));
        }
        Ok(())
    }

    async fn undo(&self, cx: &Context, before: &bool) -> Result<()> {
        if *before { Ok(()) } else { cx.remove(&self.into).await }
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `rm {}`", self.into)
    }
}
