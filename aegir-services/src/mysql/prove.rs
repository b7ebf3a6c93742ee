//! Proves a dump by loading it into a scratch database and comparing what is in there, where that is cheap.
//!
//! The rule: a dump of at most 16 MiB is loaded, and every row compared by a sum; in a larger one the rows of each table are
//! counted, as they are where a second copy might fill the disk. Whoever held the site still before it was dumped sees every
//! difference as a fault of the dump.

use aegir_core::action::{Action, Claims, Context};
use aegir_core::name::{DatabaseName, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::{Error, Result};

use super::config::LOCALHOST;
use super::content::Content;
use super::database::{COLLATION, exists, require_own, resource};
use super::dump::salvageable;
use super::fault::explain;
use super::loading::Loader;
use super::session::Session;
use super::space::Size;
use super::{Access, content, quote, space};

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

    async fn content(&self, session: &mut Session, database: &DatabaseName, thoroughly: bool) -> Result<Content> {
        content::look(session, &self.access, database, thoroughly).await
    }

    /// Whether there is room for a second one where the database server keeps its data; one on a machine of others is not
    /// asked.
    async fn has_room(&self, cx: &Context, session: &mut Session) -> Result<bool> {
        if self.access.host != LOCALHOST {
            return Ok(true);
        }
        let needed = Size::look(session, &self.access, &self.database).await?.loaded();
        let place = session.value("SELECT @@GLOBAL.datadir").await.map_err(|f| explain(&self.access, &f))?.unwrap_or_default();
        let free = space::free(&cx.server().run(&space::question(place.as_str().into())).await?);
        Ok(free.is_none_or(|free| free >= needed))
    }

    /// Loads it, and returns what it then lacks.
    async fn compare(&self, cx: &Context, session: &mut Session) -> Result<Option<String>> {
        self.drop_scratch(cx, session).await?;
        self.run(session, &format!("CREATE DATABASE {} CHARACTER SET utf8mb4 COLLATE {COLLATION}", quote::name(&self.scratch))).await?;
        let compared = match self.loader.load(cx, &self.access, session, &self.scratch).await {
            Ok(()) => match self.content(session, &self.database, true).await {
                Ok(wanted) => self.content(session, &self.scratch, true).await.map(|found| wanted.missing_in(&found)),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        self.drop_scratch(cx, session).await?;
        compared
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
        Ok(Diff::new(
            Change::Run,
            format!("? {} holds what is there, and loads into an empty database, if it is small\n", self.loader.dump),
        ))
    }

    async fn apply(&self, cx: &Context, (): &()) -> Result<()> {
        let holder = cx.other_server(&self.loader.server).await?;
        let is_small = holder.stat(&self.loader.dump).await?.is_some_and(|dump| dump.size <= CHEAP);
        let mut session = self.access.connect(cx).await?;
        let lacks = if is_small && self.has_room(cx, &mut session).await? {
            self.compare(cx, &mut session).await?
        } else {
            let wanted = self.content(&mut session, &self.database, false).await?;
            wanted.rows_missing_in(&content::rows_in(&*holder, &self.loader.dump).await?)
        };
        match lacks {
            None => Ok(()),
            Some(what) => Err(salvageable(
                cx,
                Error::failed(format!("the dump of {} does not hold what is there", self.database))
                    .context("server", &self.loader.server)
                    .context("database", &self.database)
                    .context("file", &self.loader.dump)
                    .because(format!("{}: {what}", self.database))
                    .hint(format!(
                        "if somebody still writes there, try again without: on {}: `mysql -e 'SHOW PROCESSLIST'` shows who is connected",
                        self.access.server
                    )),
            )),
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
