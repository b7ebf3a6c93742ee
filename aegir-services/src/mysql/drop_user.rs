//! Drops a database user; undo makes it as it was, with its password and every right.

use aegir_core::Result;
use aegir_core::action::{Action, Claims, Context};
use aegir_core::name::{DatabaseUser, GrantHost, ServerName};
use aegir_core::plan::{Change, Diff};

use super::fault::{Fault, explain};
use super::grant::grants;
use super::session::Session;
use super::user::{created, resource};
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
}

/// The statements that make the user as it was; the receipt is sealed as a whole.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DroppedUser {
    created: Option<String>,
    grants: Vec<String>,
}

impl DropUser {
    async fn look(&self, session: &mut Session) -> Result<DroppedUser, Fault> {
        let created = created(session, &self.user, &self.host).await?;
        let grants = if created.is_some() { grants(session, &self.user, &self.host).await? } else { Vec::new() };
        Ok(DroppedUser { created, grants })
    }

    async fn bring_back(&self, session: &mut Session, before: &DroppedUser) -> Result<(), Fault> {
        let now = self.look(session).await?;
        if now == *before {
            return Ok(());
        }
        let Some(statement) = &before.created else { return Ok(()) };
        if now.created.is_none() {
            session.run(statement).await?;
        }
        for grant in &before.grants {
            session.run(grant).await?;
        }
        Ok(())
    }
}

impl Action for DropUser {
    const NAME: &'static str = "mysql.user.drop";
    type Before = DroppedUser;

    fn summary(&self) -> String {
        format!("drop database user {}@{}", self.user, self.host)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::release(resource(server, &self.user, &self.host))
    }

    async fn observe(&self, cx: &Context) -> Result<DroppedUser> {
        let mut session = self.access.connect(cx).await?;
        self.look(&mut session).await.map_err(|f| explain(&self.access, &f))
    }

    fn diff(&self, _cx: &Context, before: &DroppedUser) -> Result<Diff> {
        Ok(if before.created.is_some() {
            Diff::new(Change::Remove, format!("- database user {}@{}\n", self.user, self.host))
        } else {
            Diff::same()
        })
    }

    async fn apply(&self, cx: &Context, _before: &DroppedUser) -> Result<()> {
        let mut session = self.access.connect(cx).await?;
        session.run(&format!("DROP USER IF EXISTS {}", quote::account(&self.user, &self.host))).await.map_err(|f| explain(&self.access, &f))
    }

    async fn undo(&self, cx: &Context, before: &DroppedUser) -> Result<()> {
        let mut session = self.access.connect(cx).await?;
        self.bring_back(&mut session, before).await.map_err(|f| explain(&self.access, &f))
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!(
            "on {server}: make the database user {} again and grant it its database; `aegir site verify` of its site does both",
            quote::account(&self.user, &self.host)
        )
    }
}
