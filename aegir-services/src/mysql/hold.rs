//! Lets a database user read and no longer write, so that what is dumped next is all there will be.

use std::time::Duration;

use aegir_core::action::{Action, Context};
use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::secret::Sealed;
use aegir_core::{Error, Result};

use super::account::{Account, Who};
use super::fault::{Fault, explain};
use super::session::Session;
use super::{Access, lock, quote};

/// What a dump needs, and nothing that changes a row or keeps others from one.
const READING: &str = "SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE";

/// How long connections may take to end; what they had begun is taken back meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

/// Takes from a user at a host every right but to read its database, and ends its connections: who is connected keeps the
/// rights of before. Refuses when somebody else holds a lock there, for then it could not be dropped in the end.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct HoldUser {
    /// The server.
    pub access: Access,
    /// The database.
    pub database: DatabaseName,
    /// The user.
    pub user: DatabaseUser,
    /// Where it connects from.
    pub host: GrantHost,
    /// Its password, for a server that takes none by its hash.
    pub password: Sealed,
}

impl HoldUser {
    async fn hold(&self, session: &mut Session) -> Result<(), Fault> {
        let account = quote::account(&self.user, &self.host);
        session.run(&format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}")).await?;
        session.run(&format!("GRANT {READING} ON {}.* TO {account}", quote::pattern(&self.database))).await
    }
}

/// A user's connections, by number. The list knows no language.
async fn connections(session: &mut Session, user: &DatabaseUser) -> Result<Vec<String>, Fault> {
    let all: Vec<[String; 2]> = session.rows_of("SHOW PROCESSLIST").await?;
    Ok(all.into_iter().filter(|[_, of]| of == user.as_str()).map(|[id, _]| id).collect())
}

/// Ends a user's connections, from wherever they come.
pub(super) async fn disconnect(session: &mut Session, access: &Access, user: &DatabaseUser) -> Result<()> {
    let explained = |fault: Fault| explain(access, &fault);
    let begun = tokio::time::Instant::now();
    let mut quiet = 0;
    // Twice nobody: one who logs in is on the list under its name only once it is known.
    while quiet < 2 {
        let left = connections(session, user).await.map_err(explained)?;
        quiet = if left.is_empty() { quiet + 1 } else { 0 };
        for id in &left {
            match session.run(&format!("KILL {id}")).await {
                Err(fault) if !fault.is_no_such_thread() => return Err(explained(fault)),
                _ => {}
            }
        }
        if !left.is_empty() && begun.elapsed() > PATIENCE {
            return Err(Error::failed(format!("connections of {user} do not end on {}", access.server))
                .context("server", &access.server)
                .hint(format!("on {}: `mysql -e 'SHOW PROCESSLIST'` shows what they do", access.server)));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

impl Action for HoldUser {
    const NAME: &'static str = "mysql.user.hold";
    /// The statements that make the user as it was; the receipt is sealed as a whole.
    type Before = Account;
    type Output = ();

    fn summary(&self) -> String {
        format!("let {}@{} only read database {}", self.user, self.host, self.database)
    }

    async fn observe(&self, cx: &Context) -> Result<Account> {
        let mut session = self.access.connect(cx).await?;
        Account::look(&mut session, &self.user, &self.host, &self.access).await
    }

    fn diff(&self, _cx: &Context, before: &Account) -> Result<Diff> {
        Ok(if before.exists() {
            Diff::new(
                Change::Change,
                format!("  database user {}@{}: may only read {}, its connections are ended\n", self.user, self.host, self.database),
            )
        } else {
            Diff::same()
        })
    }

    async fn apply(&self, cx: &Context, before: &Account) -> Result<()> {
        if !before.exists() {
            return Ok(());
        }
        let mut session = self.access.connect(cx).await?;
        self.hold(&mut session).await.map_err(|f| explain(&self.access, &f))?;
        disconnect(&mut session, &self.access, &self.user).await?;
        lock::require_free(&mut session, &self.access, &self.database).await
    }

    async fn undo(&self, cx: &Context, before: &Account) -> Result<()> {
        let mut session = self.access.connect(cx).await?;
        let password = cx.keyring().open(&self.password)?;
        before.bring_back(&mut session, &Who { user: &self.user, host: &self.host, password: &password }, &self.access).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!(
            "on {server}, in mysql: GRANT ALL PRIVILEGES ON {}.* TO {}",
            quote::pattern(&self.database),
            quote::account(&self.user, &self.host)
        )
    }
}
