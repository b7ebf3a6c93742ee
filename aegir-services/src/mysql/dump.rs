//! Dumps a database to a file so that the same server can load it, and has then what it had.

use aegir_core::action::{Action, Claims, Context, FileSum};
use aegir_core::entity::{EntityRef, Resource};
use aegir_core::name::{DatabaseName, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::server::{FileSpec, Permissions};
use aegir_core::{Error, ErrorKind, Result};
use camino::Utf8PathBuf;

use super::client::{Wanted, complaint, dump};
use super::fault::number_hint;
use super::left_out::{self, LeftOut};
use super::loading::{TRAILER, is_whole};
use super::{Access, Apart, Exact, number};

/// Dumps a database to a new file of mode 0600, on the server of the step, consistently.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct DumpDatabase {
    /// How to connect from the server of the step.
    pub access: Access,
    /// The database.
    pub database: DatabaseName,
    /// The file; must not exist.
    pub into: Utf8PathBuf,
    /// The largest packet that the database server takes.
    pub packet: u64,
    /// What the dumping client must be told to write it out as it is.
    #[serde(default)]
    pub exact: Exact,
    /// What an operator agreed to lose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salvage: Option<Salvage>,
}

/// What a dump leaves out, and where that is written down.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Salvage {
    /// The administrator, who still knows how the parts were made.
    pub admin: Access,
    /// What is left out.
    pub parts: Vec<LeftOut>,
    /// The file; must not exist.
    pub notes: Utf8PathBuf,
}

impl DumpDatabase {
    fn taken(&self) -> Error {
        Error::conflict(format!("{} exists already", self.into)).context("file", &self.into)
    }

    fn failed(&self, cx: &Context, said: &str) -> Error {
        let why = complaint(said);
        let error = Error::failed(format!("dumping database {} on {}", self.database, cx.server().name()))
            .context("server", cx.server().name())
            .context("database", &self.database)
            .context("file", &self.into);
        let error = match number::of(said) {
            Some(1045 | 1698 | 1130 | 4151 | 3118 | 1820 | 1862) => error.hint(format!(
                "{} cannot log in; if it is the site's own user, `aegir site verify` of the site sets it right",
                self.access.user
            )),
            Some(2002 | 2003 | 2005) => {
                error.with_kind(ErrorKind::Unreachable).hint(format!("on {}: `systemctl status mariadb`", self.access.server))
            }
            _ if why.contains("No space left") || why.contains("Errcode: 28") => {
                error.hint(format!("free some space: `df -h {}`", self.into))
            }
            Some(1205 | 1213 | 1969 | 3024 | 1104) => {
                error.hint(number_hint(number::of(said).unwrap_or_default(), self.database.as_str()).unwrap_or_default())
            }
            _ if self.salvage.is_some() => {
                error.hint(format!("on {}: `mysqlcheck {}` shows what is broken", self.access.server, self.database))
            }
            _ => salvageable(cx, error),
        };
        error.because(why)
    }

    async fn write(&self, cx: &Context, path: &camino::Utf8Path, content: Vec<u8>) -> Result<()> {
        cx.server().write(&FileSpec { path: path.to_owned(), content, permissions: Permissions::mode(0o600) }).await
    }

    /// Both files.
    fn files(&self) -> impl Iterator<Item = &Utf8PathBuf> {
        std::iter::once(&self.into).chain(self.salvage.iter().map(|salvage| &salvage.notes))
    }
}

/// The name of the step that dumps a database, in every plan.
pub(super) fn step(database: &DatabaseName) -> String {
    format!("dump of {database}")
}

/// With the hint how the site goes nevertheless.
pub(super) fn salvageable(cx: &Context, error: Error) -> Error {
    match &cx.owner().entity {
        EntityRef::Site(uri) => error.hint(salvage_hint(uri.as_str())),
        _ => error,
    }
}

/// How a site goes whose database cannot be dumped whole.
pub(super) fn salvage_hint(uri: &str) -> String {
    format!("mend what is broken there, or delete the site with what can be saved: `aegir site delete {uri} --incomplete`")
}

impl Action for DumpDatabase {
    const NAME: &'static str = "mysql.dump";
    /// Whether the file stood there.
    type Before = bool;
    type Output = FileSum;

    fn summary(&self) -> String {
        format!("dump database {} to {}", self.database, self.into)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims { acquire: self.files().map(|file| Resource::path(server, file)).collect(), release: Vec::new() }
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        Ok(cx.server().stat(&self.into).await?.is_some())
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        if *before {
            return Err(self.taken());
        }
        let mut text = format!("+ {} mode 0600: database {}\n", self.into, self.database);
        for part in self.salvage.iter().flat_map(|salvage| &salvage.parts) {
            text.push_str(&format!("  without {}\n", part.in_words()));
        }
        Ok(Diff::new(Change::Create, text))
    }

    async fn apply(&self, cx: &Context, before: &bool) -> Result<FileSum> {
        if *before {
            return Err(self.taken());
        }
        let left_out: Vec<&LeftOut> = self.salvage.iter().flat_map(|salvage| &salvage.parts).collect();
        if let Some(salvage) = &self.salvage {
            let mut session = salvage.admin.connect(cx).await?;
            let text = left_out::describe(&mut session, &salvage.admin, &self.database, &salvage.parts).await?;
            self.write(cx, &salvage.notes, text.into_bytes()).await?;
        }
        if left_out.iter().any(|part| part.is_database()) {
            let nothing = format!("-- There was no database {}.\n{TRAILER}\n", self.database);
            self.write(cx, &self.into, nothing.into_bytes()).await?;
            let sum = FileSum::of(cx.server(), &self.into).await?;
            return sum.ok_or_else(|| self.failed(cx, "sha256sum: the file has no checksum"));
        }
        // Made empty first, with its mode: the client would make it readable by others.
        self.write(cx, &self.into, Vec::new()).await?;
        let mut without: Vec<String> = left_out.iter().filter(|part| part.is_table()).map(|part| part.name.clone()).collect();
        let apart: Vec<&Apart> = self.exact.apart.iter().filter(|table| !without.contains(&table.table)).collect();
        let routines = !left_out.iter().any(|part| part.is_routine());
        without.extend(apart.iter().map(|table| table.table.clone()));
        let wanted = Wanted { packet: self.packet, apart: &apart, without: &without, routines, history: self.exact.history };
        let output = cx.server().run(&dump(&self.access, &self.database, &self.into, wanted, cx.keyring())?).await?;
        if !output.ok() {
            return Err(self.failed(cx, &output.error_text()));
        }
        if !is_whole(cx.server(), &self.into).await? {
            return Err(self.failed(cx, "mysqldump: it ended well, and the dump does not"));
        }
        let sum = FileSum::printed(cx.server(), &self.into, &output.text()).await?;
        sum.ok_or_else(|| self.failed(cx, "sha256sum: the dump has no checksum"))
    }

    async fn undo(&self, cx: &Context, before: &bool) -> Result<()> {
        if *before {
            return Ok(());
        }
        for file in self.files() {
            cx.remove(file).await?;
        }
        Ok(())
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `rm {}`", self.files().map(|file| file.as_str()).collect::<Vec<_>>().join(" "))
    }
}
