//! Gives a user all rights on one database, and on no other with a similar name.

use aegir_core::Result;
use aegir_core::action::{Action, Context};
use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost, ServerName};
use aegir_core::plan::{Change, Diff};

use super::fault::{Fault, explain};
use super::session::Session;
use super::{Access, quote};

/// Gives a user at a host all rights on a database.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Grant {
    /// The server.
    pub access: Access,
    /// The database.
    pub database: DatabaseName,
    /// The user.
    pub user: DatabaseUser,
    /// Where it connects from.
    pub host: GrantHost,
}

/// The statements that give a user its rights; none when there is no such user.
pub(super) async fn grants(session: &mut Session, user: &DatabaseUser, host: &GrantHost) -> Result<Vec<String>, Fault> {
    session.column_if_any(&format!("SHOW GRANTS FOR {}", quote::account(user, host))).await
}

impl Grant {
    fn on(&self) -> String {
        format!("ALL PRIVILEGES ON {}.*", quote::pattern(&self.database))
    }

    /// Of a user's grants those on this database.
    async fn here(&self, session: &mut Session) -> Result<Vec<String>> {
        let wanted = format!(" ON {}.* TO ", quote::escaped(&self.database));
        let all = grants(session, &self.user, &self.host).await.map_err(|f| explain(&self.access, &f))?;
        Ok(all.into_iter().filter(|grant| quote::bare(grant).contains(&wanted)).collect())
    }

    fn complete(&self, grants: &[String]) -> bool {
        let wanted = format!("GRANT {} TO ", quote::bare(&self.on()));
        grants.iter().any(|grant| quote::bare(grant).starts_with(&wanted))
    }
}

impl Action for Grant {
    const NAME: &'static str = "mysql.grant";
    /// The statements that gave rights on this database.
    type Before = Vec<String>;
    type Output = ();

    fn summary(&self) -> String {
        format!("let {}@{} use database {}", self.user, self.host, self.database)
    }

    async fn observe(&self, cx: &Context) -> Result<Vec<String>> {
        self.here(&mut self.access.connect(cx).await?).await
    }

    fn diff(&self, _cx: &Context, before: &Vec<String>) -> Result<Diff> {
        Ok(if self.complete(before) {
            Diff::same()
        } else {
            Diff::new(Change::Create, format!("+ all rights on {}.* for {}@{}\n", quote::escaped(&self.database), self.user, self.host))
        })
    }

    async fn apply(&self, cx: &Context, _before: &Vec<String>) -> Result<()> {
        let mut session = self.access.connect(cx).await?;
        session
            .run(&format!("GRANT {} TO {}", self.on(), quote::account(&self.user, &self.host)))
            .await
            .map_err(|f| explain(&self.access, &f))
    }

    async fn undo(&self, cx: &Context, before: &Vec<String>) -> Result<()> {
        let mut session = self.access.connect(cx).await?;
        if self.here(&mut session).await? == *before {
            return Ok(());
        }
        match session.run(&format!("REVOKE {} FROM {}", self.on(), quote::account(&self.user, &self.host))).await {
            Err(fault) if !fault.is_unknown() => return Err(explain(&self.access, &fault)),
            _ => {}
        }
        for grant in before {
            session.run(grant).await.map_err(|f| explain(&self.access, &f))?;
        }
        Ok(())
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}, in mysql: REVOKE {} FROM {}", self.on(), quote::account(&self.user, &self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_all_rights_on_exactly_this_database_are_complete() {
        let access = Access::for_tests();
        let grant = Grant {
            access,
            database: DatabaseName::parse("a_1").unwrap(),
            user: DatabaseUser::parse("a_1").unwrap(),
            host: GrantHost::parse("localhost").unwrap(),
        };
        let complete = |line: &str| grant.complete(&[line.to_owned()]);
        assert!(complete("GRANT ALL PRIVILEGES ON `a\\_1`.* TO `a_1`@`localhost`"));
        assert!(complete("GRANT ALL PRIVILEGES ON \"a\\_1\".* TO \"a_1\"@\"localhost\""));
        assert!(
            !complete("GRANT ALL PRIVILEGES ON `a_1`.* TO `a_1`@`localhost`"),
            "an unescaped wildcard is another database's right, too"
        );
        assert!(!complete("GRANT SELECT ON `a\\_1`.* TO `a_1`@`localhost`"));
        assert_eq!(grant.on(), "ALL PRIVILEGES ON `a\\_1`.*");
    }
}
