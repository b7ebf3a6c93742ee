//! Loads a dump: as the site's own user, on the machine that has the dump, into one database and no other.
//!
//! What stands in a dump was written by the site, or on a web server. Its statements run with the rights that the site has
//! anyway, its commands are obeyed by nobody, and it never travels to another machine to be loaded there.

use aegir_core::action::{Action as _, Context};
use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost, ServerName};
use aegir_core::secret::Sealed;
use aegir_core::server::{Command, Server};
use aegir_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::client::{LIMIT, complaint, load, load_by_hand};
use super::fault::{explain, number_hint};
use super::number;
use super::session::Session;
use super::{Access, Grant, quote};

/// How a whole dump ends; one cut short does not.
pub(super) const TRAILER: &str = "-- Dump completed";

/// No server takes larger packets.
const LARGEST_PACKET: u64 = 1 << 30;

/// What a statement may hold beside its longest row.
const MARGIN: u64 = 2 << 20;

/// Prints the length of the longest line.
const LONGEST: &str = r#"LC_ALL=C exec awk '{ if (length($0) > most) most = length($0) } END { print most + 0 }' "$1""#;

/// A dump and who loads it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Loader {
    /// The server that has the dump.
    pub server: ServerName,
    /// The dump there.
    pub dump: Utf8PathBuf,
    /// The site's own user, as it connects from there.
    pub access: Access,
    /// Its name.
    pub user: DatabaseUser,
    /// The host that the database server sees it come from.
    pub host: GrantHost,
    /// The password of an account that stands there for the time of loading only: the site comes from somewhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passing: Option<Sealed>,
}

/// Whether a file is a whole dump.
pub(super) async fn is_whole(server: &dyn Server, dump: &Utf8Path) -> Result<bool> {
    let output = server.run(&Command::new("tail").args(["-c", "200", "--"]).arg(dump)).await?;
    Ok(output.ok() && output.text().contains(TRAILER))
}

impl Loader {
    /// Loads the dump into a database that is empty. `admin` makes the user and its rights, and takes away again what was
    /// not there.
    pub(super) async fn load(&self, cx: &Context, admin: &Access, session: &mut Session, database: &DatabaseName) -> Result<()> {
        if let Some(password) = &self.passing {
            session.hide(cx.keyring().open(password)?);
            let made = format!(
                "CREATE USER IF NOT EXISTS {} IDENTIFIED BY {}",
                quote::account(&self.user, &self.host),
                quote::secret(&cx.keyring().open(password)?)?
            );
            session.run(&made).await.map_err(|f| explain(admin, &f))?;
        }
        let rights = self.rights(admin, database);
        let before = rights.observe(cx).await?;
        rights.apply(cx, &before).await?;
        let packet = self.make_room(cx, admin, session).await;
        let loaded = match &packet {
            Ok(_) => self.run(cx, database).await,
            Err(_) => Ok(()),
        };
        if let Ok(Some(before)) = &packet {
            session.run(&format!("SET GLOBAL max_allowed_packet = {before}")).await.map_err(|f| explain(admin, &f))?;
        }
        rights.undo(cx, &before).await?;
        self.pass(admin, session).await?;
        packet?;
        loaded
    }

    fn rights(&self, admin: &Access, database: &DatabaseName) -> Grant {
        Grant { access: admin.clone(), database: database.clone(), user: self.user.clone(), host: self.host.clone() }
    }

    /// The account that stands there for the time of loading only goes.
    async fn pass(&self, admin: &Access, session: &mut Session) -> Result<()> {
        if self.passing.is_none() {
            return Ok(());
        }
        let gone = format!("DROP USER IF EXISTS {}", quote::account(&self.user, &self.host));
        session.run(&gone).await.map_err(|f| explain(admin, &f))
    }

    /// Takes away what a loading that was cut short left of rights on a database that nobody had any on.
    pub(super) async fn withdraw(&self, cx: &Context, admin: &Access, session: &mut Session, database: &DatabaseName) -> Result<()> {
        self.rights(admin, database).undo(cx, &Vec::new()).await?;
        self.pass(admin, session).await
    }

    /// Lets the database server take packets as large as the longest statement, where they are not; returns what it took.
    async fn make_room(&self, cx: &Context, admin: &Access, session: &mut Session) -> Result<Option<u64>> {
        let server = cx.other_server(&self.server).await?;
        let command = Command::new("sh").args(["-c", LONGEST, "longest"]).arg(&self.dump).timeout(LIMIT).idempotent();
        let measured = server.run(&command).await?.require_ok(&command, &format!("reading {} on {}", self.dump, self.server))?;
        let longest: u64 = measured.text().trim().parse().unwrap_or(0);
        let takes = packet(session, admin).await?;
        if longest < takes {
            return Ok(None);
        }
        let wanted = (longest + MARGIN).next_multiple_of(1 << 20);
        if wanted > LARGEST_PACKET {
            return Err(self
                .failed(format!("a row of it is {longest} bytes long, and no database server takes more than {LARGEST_PACKET} at once")));
        }
        session
            .run(&format!("SET GLOBAL max_allowed_packet = {wanted}"))
            .await
            .map_err(|f| explain(admin, &f).hint(format!("set max_allowed_packet of the database server to {wanted}, then try again")))?;
        Ok(Some(takes))
    }

    async fn run(&self, cx: &Context, database: &DatabaseName) -> Result<()> {
        let server = cx.other_server(&self.server).await?;
        let output = server.run(&load(&self.access, database.as_str(), &self.dump, cx.keyring())?).await?;
        if output.ok() {
            return Ok(());
        }
        let said = output.error_text();
        let error = self.failed(complaint(&said));
        Err(match number::of(&said).and_then(|number| number_hint(number, database.as_str())) {
            Some(hint) => error.hint(hint),
            None => error.hint(format!("look at the statement there: nothing of {} may need more rights than the site has", self.dump)),
        })
    }

    fn failed(&self, why: String) -> Error {
        Error::failed(format!("loading {} on {} as {}", self.dump, self.server, self.user))
            .context("server", &self.server)
            .context("file", &self.dump)
            .because(why)
    }

    /// What a person types on the machine that has the dump, once the database is there.
    pub(super) fn by_hand(&self, database: &DatabaseName) -> String {
        format!("on {}: `{}`", self.server, load_by_hand(&self.access, database, &self.dump))
    }
}

/// The largest packet that the database server takes.
pub(super) async fn packet(session: &mut Session, admin: &Access) -> Result<u64> {
    let answer = session.value("SELECT CAST(@@GLOBAL.max_allowed_packet AS CHAR)").await.map_err(|f| explain(admin, &f))?;
    answer.and_then(|text| text.parse().ok()).ok_or_else(|| Error::failed("the database server does not say how large packets may be"))
}
