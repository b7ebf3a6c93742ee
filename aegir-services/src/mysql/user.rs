//! Makes a database user, or sets its password.

use aegir_core::action::{Action, Claims, Context};
use aegir_core::entity::{Resource, ResourceKind};
use aegir_core::name::{DatabaseUser, GrantHost, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::secret::{Keyring, Sealed};
use aegir_core::{Error, Result};
use secrecy::ExposeSecret as _;

use super::account::created;
use super::database::require_own;
use super::fault::{Fault, explain};
use super::session::Session;
use super::{Access, quote};

/// Makes a user at a host, or gives one that exists the wanted password.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct CreateUser {
    /// The server.
    pub access: Access,
    /// The user.
    pub user: DatabaseUser,
    /// Where it connects from.
    pub host: GrantHost,
    /// Its password.
    pub password: Sealed,
    /// It must not exist yet.
    pub fresh: bool,
}

/// The user as it was.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UserBefore {
    /// The statement that makes it, password hash included; the receipt is sealed as a whole.
    created: Option<String>,
    /// Whether it has the wanted password, and may come in with it.
    fits: bool,
}

pub(super) fn resource(server: &ServerName, user: &DatabaseUser, host: &GrantHost) -> Resource {
    Resource::new(ResourceKind::DatabaseUser, server, format!("{user}@{host}"))
}

impl CreateUser {
    fn explain(&self, fault: &Fault) -> Error {
        explain(&self.access, fault)
    }

    fn taken(&self) -> Error {
        Error::conflict(format!("there is a database user {}@{} on {} already", self.user, self.host, self.access.server))
            .context("server", &self.access.server)
    }

    /// A plain hash is compared; a salted one is tried, where this machine may log in as that user.
    async fn fits(&self, session: &mut Session, created: &str, cx: &Context) -> Result<bool> {
        let password = cx.keyring().open(&self.password)?;
        session.hide(password.clone());
        if let Some(hash) = native_hash(created) {
            let sql = format!("SELECT CONCAT('*', UPPER(SHA1(UNHEX(SHA1({})))))", quote::literal(password.expose_secret())?);
            return Ok(session.value(&sql).await.map_err(|f| self.explain(&f))?.as_deref() == Some(hash));
        }
        if !matches!(self.host.as_str(), "localhost" | "127.0.0.1") {
            return Ok(true);
        }
        let login = Access { user: self.user.to_string(), password: Some(self.password.clone()), ..self.access.clone() };
        Ok(!matches!(login.try_connect(cx).await?, Err(fault) if fault.is_wrong_password()))
    }

    fn identified(&self, keyring: &Keyring) -> Result<String> {
        let password = keyring.open(&self.password)?;
        Ok(format!("{} IDENTIFIED BY {}", quote::account(&self.user, &self.host), quote::secret(&password)?))
    }
}

/// Whether nobody locked it, and its password has not been called expired.
fn is_usable(created: &str) -> bool {
    let (_, expiry) = created.rsplit_once(" PASSWORD EXPIRE").unwrap_or_default();
    let is_expired =
        created.contains(" PASSWORD EXPIRE") && ![" NEVER", " DEFAULT", " INTERVAL"].iter().any(|rule| expiry.starts_with(rule));
    !is_expired && !created.contains(" ACCOUNT LOCK")
}

/// The hash of `mysql_native_password`, as both servers print it.
fn native_hash(created: &str) -> Option<&str> {
    let start = created.find("'*")? + 1;
    let hash = created.get(start..start + 41)?;
    hash[1..].bytes().all(|b| b.is_ascii_hexdigit()).then_some(hash)
}

impl Action for CreateUser {
    const NAME: &'static str = "mysql.user.create";
    type Before = UserBefore;
    type Output = ();

    fn summary(&self) -> String {
        format!("create database user {}@{}", self.user, self.host)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(resource(server, &self.user, &self.host))
    }

    async fn observe(&self, cx: &Context) -> Result<UserBefore> {
        let mut session = self.access.connect(cx).await?;
        let created = created(&mut session, &self.user, &self.host, &self.access).await?;
        let fits = match &created {
            Some(statement) => is_usable(statement) && self.fits(&mut session, statement, cx).await?,
            None => false,
        };
        Ok(UserBefore { created, fits })
    }

    fn diff(&self, _cx: &Context, before: &UserBefore) -> Result<Diff> {
        match before {
            UserBefore { created: Some(_), .. } if self.fresh => Err(self.taken()),
            UserBefore { created: Some(_), fits: true } => Ok(Diff::same()),
            UserBefore { created: Some(_), fits: false } => {
                Ok(Diff::new(Change::Change, format!("  database user {}@{}: password (secret), not locked\n", self.user, self.host)))
            }
            UserBefore { created: None, .. } => {
                Ok(Diff::new(Change::Create, format!("+ database user {}@{}, password (secret)\n", self.user, self.host)))
            }
        }
    }

    async fn apply(&self, cx: &Context, before: &UserBefore) -> Result<()> {
        if self.fresh && before.created.is_some() {
            return Err(self.taken());
        }
        let mut session = self.access.connect(cx).await?;
        session.hide(cx.keyring().open(&self.password)?);
        let identified = self.identified(cx.keyring())?;
        session.run(&format!("CREATE USER IF NOT EXISTS {identified}")).await.map_err(|f| self.explain(&f))?;
        if before.created.is_some() && !before.fits {
            session.run(&format!("ALTER USER {identified} ACCOUNT UNLOCK")).await.map_err(|f| self.explain(&f))?;
        }
        Ok(())
    }

    async fn undo(&self, cx: &Context, before: &UserBefore) -> Result<()> {
        let mut session = self.access.connect(cx).await?;
        let sql = match &before.created {
            None => {
                require_own(cx, &resource(cx.server().name(), &self.user, &self.host)).await?;
                format!("DROP USER IF EXISTS {}", quote::account(&self.user, &self.host))
            }
            Some(statement) => match created(&mut session, &self.user, &self.host, &self.access).await? {
                Some(now) if now == *statement => return Ok(()),
                Some(_) => statement.replacen("CREATE USER", "ALTER USER", 1),
                None => statement.clone(),
            },
        };
        session.run(&sql).await.map_err(|f| self.explain(&f))
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `mysql -e 'DROP USER IF EXISTS {}'` if it was new", quote::account(&self.user, &self.host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_or_expired_account_is_of_no_use() {
        let usable = |end: &str| is_usable(&format!("CREATE USER `a`@`b` IDENTIFIED BY PASSWORD '*2B'{end}"));
        assert!(
            usable("")
                && usable(" PASSWORD EXPIRE NEVER")
                && usable(" REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT")
        );
        assert!(
            !usable(" ACCOUNT LOCK") && !usable(" PASSWORD EXPIRE") && !usable(" PASSWORD EXPIRE ACCOUNT UNLOCK PASSWORD HISTORY DEFAULT")
        );
    }

    #[test]
    fn finds_the_plain_hash_in_the_words_of_both_servers() {
        let hash = "*2B602296A79E0A8784ACC5C88D92E46588CCA3C3";
        assert_eq!(native_hash(&format!("CREATE USER `a`@`b` IDENTIFIED BY PASSWORD '{hash}'")), Some(hash));
        assert_eq!(
            native_hash(&format!("CREATE USER `a`@`b` IDENTIFIED WITH 'mysql_native_password' AS '{hash}' REQUIRE NONE")),
            Some(hash)
        );
        assert_eq!(native_hash("CREATE USER `a`@`b` IDENTIFIED WITH 'caching_sha2_password' AS 0x2441"), None);
        assert_eq!(native_hash("CREATE USER `a`@`b` IDENTIFIED VIA unix_socket"), None);
    }
}
