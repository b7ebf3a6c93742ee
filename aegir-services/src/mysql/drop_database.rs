//! Drops a database of which a dump exists; undo brings it back from the very dump that stood there.

use aegir_core::action::{Action, Claims, Context, FileSum};
use aegir_core::name::{DatabaseName, GrantHost, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::{Error, Result};

use super::database::{COLLATION, require_own, resource};
use super::dump;
use super::fault::explain;
use super::hold::disconnect;
use super::loading::{Loader, is_whole};
use super::session::Session;
use super::{Access, content, lock, quote};

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
    /// Where its user comes from.
    #[serde(default)]
    pub hosts: Vec<GrantHost>,
    /// Whether all of it is in the dump: then nothing goes that was written since.
    #[serde(default)]
    pub whole: bool,
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
        match session.run(sql).await {
            Err(fault) if fault.is_locked() => Err(lock::held(session, &self.access, &self.database, &fault).await),
            other => other.map_err(|f| explain(&self.access, &f).context("database", &self.database)),
        }
    }

    /// Sees that nobody holds anything of it, nor can: where two of its tables are dropped and the third one cannot be,
    /// none is left whole. Its user may do nothing any more; the step that let it only read knows what it may.
    async fn still(&self, session: &mut Session) -> Result<()> {
        for host in &self.hosts {
            let account = quote::account(&self.loader.user, host);
            match session.run(&format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}")).await {
                Err(fault) if !fault.is_unknown() => return Err(explain(&self.access, &fault)),
                _ => {}
            }
        }
        disconnect(session, &self.access, &self.loader.user).await?;
        lock::require_free(session, &self.access, &self.database).await
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
        self.run(session, &format!("DROP DATABASE IF EXISTS {name}")).await?;
        self.run(session, &format!("CREATE DATABASE {name} CHARACTER SET {set} COLLATE {collation}")).await?;
        self.run(session, &format!("CREATE TABLE {name}.`{LOADING}` (id INT)")).await?;
        self.loader.load(cx, &self.access, session, &self.database).await.map_err(|e| e.context("database", &self.database))?;
        self.run(session, &format!("DROP TABLE {name}.`{LOADING}`")).await
    }

    /// Refuses what is not the dump that was made; says what is not done then, and what to do.
    async fn require_same_dump(&self, cx: &Context, not: &str, hint: &str) -> Result<()> {
        let server = cx.other_server(&self.loader.server).await?;
        if !is_whole(&*server, &self.loader.dump).await? {
            return Err(self.no_dump());
        }
        let made: FileSum = cx.lookup(&dump::step(&self.database)).await?;
        let now = FileSum::of(&*server, &self.loader.dump).await?.map_or_else(|| "none".to_owned(), |now| now.sha256);
        if now == made.sha256 {
            return Ok(());
        }
        Err(Error::refused(format!(
            "{} on {} is not the dump of {} that was made, so {not}",
            self.loader.dump, self.loader.server, self.database
        ))
        .context("server", &self.loader.server)
        .context("database", &self.database)
        .context("file", &self.loader.dump)
        .because(format!("SHA-256 {now} now, {} when it was made", made.sha256))
        .hint(hint))
    }

    /// Refuses where a table has other rows than the dump: an administrator may write at any time.
    async fn require_unchanged(&self, cx: &Context, session: &mut Session) -> Result<()> {
        let holder = cx.other_server(&self.loader.server).await?;
        let now = content::look(session, &self.access, &self.database, false).await?;
        match now.rows_missing_in(&content::rows_in(&*holder, &self.loader.dump).await?) {
            None => Ok(()),
            Some(what) => Err(Error::failed(format!("database {} is not any more what was dumped, so it is not dropped", self.database))
                .context("server", &self.access.server)
                .context("database", &self.database)
                .because(what)
                .hint(format!(
                    "on {}: `mysql -e 'SHOW PROCESSLIST'` shows who writes there; end that, then try again",
                    self.access.server
                ))),
        }
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
    type Output = ();

    fn summary(&self) -> String {
        format!("drop database {}", self.database)
    }

    fn reads(&self) -> Vec<String> {
        vec![dump::step(&self.database)]
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::release(resource(server, &self.database))
    }

    async fn observe(&self, cx: &Context) -> Result<DroppedDatabase> {
        self.look(&mut self.access.connect(cx).await?).await
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
        let mut session = self.access.connect(cx).await?;
        if self.look(&mut session).await?.created.is_none() {
            // An attempt that was cut short did it, and had seen the dump.
            return Ok(());
        }
        let hint = format!("look who changes files on {}, then try again", self.loader.server);
        self.require_same_dump(cx, "the database is not dropped", &hint).await?;
        self.still(&mut session).await?;
        if self.whole {
            self.require_unchanged(cx, &mut session).await?;
        }
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
        let hint = "put the right one there (the archive holds it as `database.sql`), then `aegir task retry` of this task; and look who \
                    changed it";
        self.require_same_dump(cx, "it is not loaded", hint).await?;
        self.bring_back(cx, &mut session, set, collation).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        let (name, account) = (quote::name(&self.database), quote::account(&self.loader.user, &self.loader.host));
        format!(
            "what holds it up goes first, then `aegir task retry` does the rest; or on {server}, in mysql: \
             DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE {COLLATION}; \
             CREATE USER IF NOT EXISTS {account}; ALTER USER {account} IDENTIFIED BY 'a password of yours'; \
             GRANT ALL PRIVILEGES ON {}.* TO {account}; then, with that password, {}; then `aegir task close`, and \
             `aegir site verify` of its site, which sets its own password",
            quote::pattern(&self.database),
            self.loader.by_hand(&self.database)
        )
    }
}
