//! Drops a database of which a dump exists; undo brings it back from the dump.

use aegir_core::action::{Action, Claims, Context};
use aegir_core::name::{DatabaseName, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::server::Output;
use aegir_core::{Error, Result};
use camino::Utf8PathBuf;

use super::client::{complaint, load};
use super::database::{require_own, resource};
use super::dump::is_whole;
use super::fault::explain;
use super::session::Session;
use super::{Access, quote};

/// Stands in a database that is being loaded, so that a load that was cut short is never taken for a whole one.
const LOADING: &str = "aegir_loading";

/// Drops a database of which a dump exists.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct DropDatabase {
    /// The server.
    pub access: Access,
    /// The database.
    pub database: DatabaseName,
    /// Its dump.
    pub dump: Utf8PathBuf,
    /// The server that has the dump.
    pub dump_server: ServerName,
}

/// The database as it was.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DroppedDatabase {
    /// Its character set and collation, as in `CREATE DATABASE`; nothing when it did not exist.
    created: Option<(String, String)>,
    /// How many tables and views it had: with fewer it was being dropped.
    tables: String,
}

impl DropDatabase {
    async fn ask(&self, session: &mut Session, sql: &str) -> Result<Option<String>> {
        session.value(sql).await.map_err(|f| explain(&self.access, &f).context("database", &self.database))
    }

    async fn run(&self, session: &mut Session, sql: &str) -> Result<()> {
        session.run(sql).await.map_err(|f| explain(&self.access, &f).context("database", &self.database))
    }

    async fn look(&self, session: &mut Session) -> Result<DroppedDatabase> {
        let name = quote::literal(self.database.as_str())?;
        let schema = format!("FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {name}");
        let set = self.ask(session, &format!("SELECT DEFAULT_CHARACTER_SET_NAME {schema}")).await?;
        let collation = self.ask(session, &format!("SELECT DEFAULT_COLLATION_NAME {schema}")).await?;
        let tables = self
            .ask(
                session,
                &format!(
                    "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {name} AND TABLE_NAME <> '{LOADING}'"
                ),
            )
            .await?;
        Ok(DroppedDatabase { created: set.zip(collation), tables: tables.unwrap_or_default() })
    }

    async fn is_loading(&self, session: &mut Session) -> Result<bool> {
        let sql = format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = '{LOADING}'",
            quote::literal(self.database.as_str())?
        );
        Ok(self.ask(session, &sql).await?.is_some())
    }

    /// Anew and whole: what an interrupted drop or load left is no base to load onto.
    async fn bring_back(&self, cx: &Context, session: &mut Session, set: &str, collation: &str) -> Result<()> {
        let name = quote::name(&self.database);
        let server = cx.other_server(&self.dump_server).await?;
        if !is_whole(&*server, &self.dump).await? {
            return Err(self.no_dump());
        }
        self.run(session, &format!("DROP DATABASE IF EXISTS {name}")).await?;
        self.run(session, &format!("CREATE DATABASE {name} CHARACTER SET {set} COLLATE {collation}")).await?;
        self.run(session, &format!("CREATE TABLE {name}.`{LOADING}` (id INT)")).await?;
        let output = self.load(cx).await?;
        if !output.ok() {
            return Err(Error::failed(format!("loading database {} from {} on {}", self.database, self.dump, self.dump_server))
                .context("server", &self.dump_server)
                .context("database", &self.database)
                .context("file", &self.dump)
                .because(complaint(&output.error_text())));
        }
        self.run(session, &format!("DROP TABLE {name}.`{LOADING}`")).await
    }

    /// As the administrator: the site's own user is gone. On the database server's machine where the dump is there, else
    /// from the master, which reaches both.
    async fn load(&self, cx: &Context) -> Result<Output> {
        if self.dump_server == self.access.server {
            let server = cx.other_server(&self.dump_server).await?;
            return server.run(&load(&self.access, &self.database, &self.dump, cx.keyring())?).await;
        }
        let master = ServerName::master();
        let brought = if self.dump_server == master { None } else { Some(cx.bring(&self.dump_server, &self.dump).await?) };
        let dump = brought.as_ref().map_or(&*self.dump, |b| b.path());
        let mut access = self.access.clone();
        if let Some(socket) = &access.socket {
            access.socket = Some(cx.other_server(&access.server).await?.forward(socket.as_str().into()).await?.path().to_string());
        }
        cx.other_server(&master).await?.run(&load(&access, &self.database, dump, cx.keyring())?).await
    }

    fn no_dump(&self) -> Error {
        Error::refused(format!(
            "database {} has no whole dump at {} on {}, so it is not dropped",
            self.database, self.dump, self.dump_server
        ))
        .context("server", &self.dump_server)
        .context("database", &self.database)
        .context("file", &self.dump)
    }
}

impl Action for DropDatabase {
    const NAME: &'static str = "mysql.database.drop";
    type Before = DroppedDatabase;

    fn summary(&self) -> String {
        format!("drop database {}", self.database)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::release(resource(server, &self.database))
    }

    async fn observe(&self, cx: &Context) -> Result<DroppedDatabase> {
        self.look(&mut self.access.connect(cx).await?).await
    }

    fn diff(&self, _cx: &Context, before: &DroppedDatabase) -> Result<Diff> {
        Ok(if before.created.is_some() {
            Diff::new(Change::Remove, format!("- database {} ({} tables), dumped to {}\n", self.database, before.tables, self.dump))
        } else {
            Diff::same()
        })
    }

    async fn apply(&self, cx: &Context, _before: &DroppedDatabase) -> Result<()> {
        require_own(cx, &resource(cx.server().name(), &self.database)).await?;
        let server = cx.other_server(&self.dump_server).await?;
        if !is_whole(&*server, &self.dump).await? {
            return Err(self.no_dump());
        }
        let mut session = self.access.connect(cx).await?;
        self.run(&mut session, &format!("DROP DATABASE IF EXISTS {}", quote::name(&self.database))).await
    }

    async fn undo(&self, cx: &Context, before: &DroppedDatabase) -> Result<()> {
        let Some((set, collation)) = &before.created else { return Ok(()) };
        let mut session = self.access.connect(cx).await?;
        // Untouched: loading the dump would throw away what was written since.
        if self.look(&mut session).await? == *before && !self.is_loading(&mut session).await? {
            return Ok(());
        }
        self.bring_back(cx, &mut session, set, collation).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `mysql -e 'CREATE DATABASE {}'`, then `mysql {} < {}`", quote::name(&self.database), self.database, self.dump)
    }
}
