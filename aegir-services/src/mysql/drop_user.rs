//! Drops a database user; undo makes it as it was, with its password and every right.

use aegir_core::Result;
use aegir_core::action::{Action, Claims, Context};
use aegir_core::name::{DatabaseUser, GrantHost, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::secret::Sealed;

use super::account::{Account, Who};
use super::fault::explain;
use super::user::resource;
use super::{Access, quote};

/// Drops a user at a host.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct DropUser {
    /// The server.
    pub access: Access,
    /// The user.
    pub user: DatabaseUser,
    /// Where it connects from.
    pub host: GrantHost,
    /// Its password, for a server that takes none by its hash.
    pub password: Sealed,
}

impl Action for DropUser {
    const NAME: &'static str = "mysql.user.drop";
    /// The statements that make the user as it was; the receipt is sealed as a whole.
    type Before = Account;
    type Output = ();

    fn summary(&self) -> String {
        format!("drop database user {}@{}", self.user, self.host)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::release(resource(server, &self.user, &self.host))
    }

    async fn observe(&self, cx: &Context) -> Result<Account> {
        let mut session = self.access.connect(cx).await?;
        Account::look(&mut session, &self.user, &self.host, &self.access).await
    }

    fn diff(&self, _cx: &Context, before: &Account) -> Result<Diff> {
        Ok(if before.exists() { Diff::new(Change::Remove, format!("- database user {}@{}\n", self.user, self.host)) } else { Diff::same() })
    }

    async fn apply(&self, cx: &Context, _before: &Account) -> Result<()> {
        let mut session = self.access.connect(cx).await?;
        session.run(&format!("DROP USER IF EXISTS {}", quote::account(&self.user, &self.host))).await.map_err(|f| explain(&self.access, &f))
    }

    async fn undo(&self, cx: &Context, before: &Account) -> Result<()> {
        let mut session = self.access.connect(cx).await?;
        let password = cx.keyring().open(&self.password)?;
        before.bring_back(&mut session, &Who { user: &self.user, host: &self.host, password: &password }, &self.access).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!(
            "on {server}: make the database user {} again and grant it its database; `aegir site verify` of its site does both",
            quote::account(&self.user, &self.host)
        )
    }
}
