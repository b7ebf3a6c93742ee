//! Proves a dump by loading it into a scratch database and counting, where that is cheap.
//!
//! The rule: a dump of at most 16 MiB is loaded, a larger one is only known to be whole. Whoever held the site still before
//! it was dumped sees every difference as a fault of the dump.

use aegir_core::action::{Action, Claims, Context};
use aegir_core::name::{DatabaseName, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::{Error, Result};

use super::database::{COLLATION, exists, require_own, resource};
use super::fault::explain;
use super::loading::Loader;
use super::session::Session;
use super::{Access, quote};

/// Larger dumps are not loaded.
const CHEAP: u64 = 16 << 20;

/// Loads a small dump into a scratch database and compares what is there.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct ProveDump {
    /// The server.
    pub access: Access,
    /// The database that was dumped.
    pub database: DatabaseName,
    /// The scratch database.
    pub scratch: DatabaseName,
    /// The dump, and who loads it.
    pub loader: Loader,
}

impl ProveDump {
    async fn run(&self, session: &mut Session, sql: &str) -> Result<()> {
        session.run(sql).await.map_err(|f| explain(&self.access, &f).context("database", &self.scratch))
    }

    async fn drop_scratch(&self, cx: &Context, session: &mut Session) -> Result<()> {
        require_own(cx, &resource(cx.server().name(), &self.scratch)).await?;
        self.run(session, &format!("DROP DATABASE IF EXISTS {}", quote::name(&self.scratch))).await
    }

    /// What is in a database: each thing with its kind, each table with its rows.
    async fn content(&self, session: &mut Session, database: &DatabaseName) -> Result<Vec<String>> {
        let schema = quote::literal(database.as_str())?;
        let things = [
            ("table", "TABLE_NAME", "TABLES", "TABLE_SCHEMA"),
            ("trigger", "TRIGGER_NAME", "TRIGGERS", "TRIGGER_SCHEMA"),
            ("routine", "ROUTINE_NAME", "ROUTINES", "ROUTINE_SCHEMA"),
            ("event", "EVENT_NAME", "EVENTS", "EVENT_SCHEMA"),
        ];
        let list = things.map(|(kind, name, list, column)| {
            format!("SELECT CONCAT('{kind} ', {name}) AS thing FROM information_schema.{list} WHERE {column} = {schema}")
        });
        let explained = |f| explain(&self.access, &f).context("database", database);
        let mut found = session.column(&format!("{} ORDER BY thing", list.join(" UNION ALL "))).await.map_err(explained)?;
        let tables =
            format!("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE = 'BASE TABLE'");
        let counts: Vec<String> = session
            .column(&tables)
            .await
            .map_err(explained)?
            .iter()
            .map(|table| {
                Ok(format!(
                    "SELECT CONCAT({}, ' ', COUNT(*)) AS thing FROM {}.{}",
                    quote::literal(&format!("rows of {table}:"))?,
                    quote::name(database),
                    quote::word(table)
                ))
            })
            .collect::<Result<_>>()?;
        if !counts.is_empty() {
            found.extend(session.column(&format!("{} ORDER BY thing", counts.join(" UNION ALL "))).await.map_err(explained)?);
        }
        Ok(found)
    }
}

impl Action for ProveDump {
    const NAME: &'static str = "mysql.dump.prove";
    type Before = ();
    type Output = ();

    fn summary(&self) -> String {
        format!("load {} into {}, to see that it can be", self.loader.dump, self.scratch)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        let scratch = resource(server, &self.scratch);
        Claims { acquire: vec![scratch.clone()], release: vec![scratch] }
    }

    async fn observe(&self, cx: &Context) -> Result<()> {
        // The step's own, where it was cut short.
        if cx.inventory().owner(&resource(cx.server().name(), &self.scratch)).await?.is_none()
            && exists(&mut self.access.connect(cx).await?, &self.scratch, &self.access).await?
        {
            return Err(Error::conflict(format!("there is a database {} on {} already", self.scratch, self.access.server))
                .context("server", &self.access.server)
                .hint("drop it if nobody uses it, or try again"));
        }
        Ok(())
    }

    fn diff(&self, _cx: &Context, (): &()) -> Result<Diff> {
        Ok(Diff::new(Change::Run, format!("? {} loads into an empty database, if it is small\n", self.loader.dump)))
    }

    async fn apply(&self, cx: &Context, (): &()) -> Result<()> {
        let holder = cx.other_server(&self.loader.server).await?;
        if holder.stat(&self.loader.dump).await?.is_none_or(|dump| dump.size > CHEAP) {
            return Ok(());
        }
        let mut session = self.access.connect(cx).await?;
        self.drop_scratch(cx, &mut session).await?;
        self.run(&mut session, &format!("CREATE DATABASE {} CHARACTER SET utf8mb4 COLLATE {COLLATION}", quote::name(&self.scratch)))
            .await?;
        let loaded = self.loader.load(cx, &self.access, &mut session, &self.scratch).await;
        let compared = match loaded {
            Ok(()) => Ok((self.content(&mut session, &self.database).await?, self.content(&mut session, &self.scratch).await?)),
            Err(error) => Err(error),
        };
        self.drop_scratch(cx, &mut session).await?;
        let (wanted, found) = compared?;
        match wanted.iter().find(|thing| !found.contains(thing)) {
            None => Ok(()),
            Some(thing) => Err(Error::failed(format!("the dump of {} does not hold what is there", self.database))
                .context("server", &self.loader.server)
                .context("file", &self.loader.dump)
                .because(format!("{} has {thing}, what was loaded has not", self.database))
                .hint("somebody still writes there: `mysql -e 'SHOW PROCESSLIST'` on the database server shows who; then try again")),
        }
    }

    async fn undo(&self, cx: &Context, (): &()) -> Result<()> {
        if cx.inventory().owner(&resource(cx.server().name(), &self.scratch)).await?.is_none() {
            return Ok(());
        }
        let mut session = self.access.connect(cx).await?;
        self.loader.withdraw(cx, &self.access, &mut session, &self.scratch).await?;
        self.drop_scratch(cx, &mut session).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `mysql -e 'DROP DATABASE IF EXISTS {}'`", quote::name(&self.scratch))
    }
}
