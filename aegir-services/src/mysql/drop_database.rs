//! Drops a database of which a dump exists; undo brings it back from the very dump that stood there.

use aegir_core::action::{Action, Claims, Context};
use aegir_core::name::{DatabaseName, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::{Error, Result};

use super::database::{require_own, resource};
use super::fault::explain;
use super::loading::{Loader, is_whole, sum};
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
    /// Its dump, and who loads it should it have to come back.
    pub loader: Loader,
}

/// The database as it was.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DroppedDatabase {
    /// Its character set and collation, as in `CREATE DATABASE`; nothing when it did not exist.
    created: Option<(String, String)>,
    /// How many tables and views it had: with fewer it was being dropped.
    tables: String,
    /// The SHA-256 of its dump; nothing before there is one.
    dump: Option<String>,
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
        Ok(DroppedDatabase { created: set.zip(collation), tables: tables.unwrap_or_default(), dump: None })
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
        self.run(session, &format!("DROP DATABASE IF EXISTS {name}")).await?;
        self.run(session, &format!("CREATE DATABASE {name} CHARACTER SET {set} COLLATE {collation}")).await?;
        self.run(session, &format!("CREATE TABLE {name}.`{LOADING}` (id INT)")).await?;
        self.loader.load(cx, &self.access, session, &self.database).await.map_err(|e| e.context("database", &self.database))?;
        self.run(session, &format!("DROP TABLE {name}.`{LOADING}`")).await
    }

    /// Refuses what is not the dump that stood there when the database was dropped.
    async fn require_same_dump(&self, cx: &Context, before: &DroppedDatabase) -> Result<()> {
        let server = cx.other_server(&self.loader.server).await?;
        if !is_whole(&*server, &self.loader.dump).await? {
            return Err(self.no_dump());
        }
        let now = sum(&*server, &self.loader.dump).await?;
        if now == before.dump {
            return Ok(());
        }
        let none = || "none".to_owned();
        Err(Error::refused(format!(
            "{} on {} is not the dump of {} that was made, so it is not loaded",
            self.loader.dump, self.loader.server, self.database
        ))
        .context("server", &self.loader.server)
        .context("database", &self.database)
        .context("file", &self.loader.dump)
        .because(format!("SHA-256 {} now, {} then", now.unwrap_or_else(none), before.dump.clone().unwrap_or_else(none)))
        .hint("put the right one there (the archive holds it as `database.sql`), then `aegir task retry` of this task; and look who changed it"))
    }

    fn no_dump(&self) -> Error {
        Error::refused(format!(
            "database {} has no whole dump at {} on {}, so it is not dropped",
            self.database, self.loader.dump, self.loader.server
        ))
        .context("server", &self.loader.server)
        .context("database", &self.database)
        .context("file", &self.loader.dump)
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
        let dump = sum(&*cx.other_server(&self.loader.server).await?, &self.loader.dump).await?;
        Ok(DroppedDatabase { dump, ..self.look(&mut self.access.connect(cx).await?).await? })
    }

    fn diff(&self, _cx: &Context, before: &DroppedDatabase) -> Result<Diff> {
        Ok(if before.created.is_some() {
            Diff::new(Change::Remove, format!("- database {} ({} tables), dumped to {}\n", self.database, before.tables, self.loader.dump))
        } else {
            Diff::same()
        })
    }

    async fn apply(&self, cx: &Context, _before: &DroppedDatabase) -> Result<()> {
        require_own(cx, &resource(cx.server().name(), &self.database)).await?;
        if !is_whole(&*cx.other_server(&self.loader.server).await?, &self.loader.dump).await? {
            return Err(self.no_dump());
        }
        let mut session = self.access.connect(cx).await?;
        self.run(&mut session, &format!("DROP DATABASE IF EXISTS {}", quote::name(&self.database))).await
    }

    async fn undo(&self, cx: &Context, before: &DroppedDatabase) -> Result<()> {
        let Some((set, collation)) = &before.created else { return Ok(()) };
        let mut session = self.access.connect(cx).await?;
        // Untouched: loading the dump would throw away what was written since.
        let now = self.look(&mut session).await?;
        if now.created == before.created && now.tables == before.tables && !self.is_loading(&mut session).await? {
            return Ok(());
        }
        self.require_same_dump(cx, before).await?;
        self.bring_back(cx, &mut session, set, collation).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!(
            "on {server}: `mysql -e 'CREATE DATABASE {}'` if it is gone, and all rights on it for {}; then {}",
            quote::name(&self.database),
            quote::account(&self.loader.user, &self.loader.host),
            self.loader.by_hand(&self.database)
        )
    }
}
