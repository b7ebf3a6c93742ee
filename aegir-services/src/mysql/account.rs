//! A database user as it is, and as statements that make it so again: password, locks, rights.

use aegir_core::name::{DatabaseUser, GrantHost};
use aegir_core::{Error, Result};
use secrecy::SecretString;

use super::fault::{Fault, explain};
use super::grant::grants;
use super::session::Session;
use super::{Access, quote};

/// A user at a host; the statements hold the hash of its password, and the receipt they stand in is sealed as a whole.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    created: Option<String>,
    grants: Vec<String>,
}

/// The statement that makes a user as it is; nothing when there is none. One that stands in the tables and that the server
/// does not look at is an error: it cannot be put back exactly, so nothing may be done to it.
pub(super) async fn created(session: &mut Session, user: &DatabaseUser, host: &GrantHost, access: &Access) -> Result<Option<String>> {
    // MySQL 8 hashes are binary: as hexadecimal they survive. Other servers do not know the variable.
    let _ = session.run("SET SESSION print_identified_with_as_hex = ON").await;
    let shown = session.column_if_any(&format!("SHOW CREATE USER {}", quote::account(user, host))).await;
    let found = shown.map_err(|f| explain(access, &f))?.into_iter().next();
    if found.is_none() && needs_names(host) && skips_names(session).await.map_err(|f| explain(access, &f))? {
        return Err(ignored(user, host, access));
    }
    Ok(found)
}

/// Whether the server looks at a user by the name of its host.
pub(super) fn needs_names(host: &GrantHost) -> bool {
    host.as_str() != "localhost" && host.as_str().parse::<std::net::IpAddr>().is_err()
}

/// Whether the server asks for no names of hosts.
pub(super) async fn skips_names(session: &mut Session) -> Result<bool, Fault> {
    Ok(session.value("SELECT CAST(@@GLOBAL.skip_name_resolve = 1 AS CHAR)").await?.as_deref() == Some("1"))
}

/// What to do about it.
pub(super) fn names_hint(server: &str) -> String {
    format!("on {server}: take `skip-name-resolve` out of the database server's configuration, then restart it")
}

fn ignored(user: &DatabaseUser, host: &GrantHost, access: &Access) -> Error {
    Error::refused(format!(
        "the database server on {} does not look at the user {user}@{host}: skip-name-resolve is set there",
        access.server
    ))
    .context("server", &access.server)
    .because("with it, users are known by the address they come from and never by a host name")
    .hint(names_hint(access.server.as_str()))
}

impl Account {
    /// Looks at it.
    pub(super) async fn look(session: &mut Session, user: &DatabaseUser, host: &GrantHost, access: &Access) -> Result<Self> {
        let created = created(session, user, host, access).await?;
        let grants = match created {
            Some(_) => grants(session, user, host).await.map_err(|f| explain(access, &f))?,
            None => Vec::new(),
        };
        Ok(Self { created, grants })
    }

    pub(super) fn exists(&self) -> bool {
        self.created.is_some()
    }

    /// Makes it as it was where it is not; what did not exist is left alone. Where the server's password policy lets nobody
    /// set a password by its hash, the one that is known is set.
    pub(super) async fn bring_back(&self, session: &mut Session, who: &Who<'_>, access: &Access) -> Result<()> {
        let Some(statement) = &self.created else { return Ok(()) };
        let now = Self::look(session, who.user, who.host, access).await?;
        if now == *self {
            return Ok(());
        }
        let account = quote::account(who.user, who.host);
        if now.created.as_ref() != Some(statement) {
            let (verb, made) = match &now.created {
                None => ("CREATE USER", statement.clone()),
                Some(_) => ("ALTER USER", statement.replacen("CREATE USER", "ALTER USER", 1)),
            };
            match session.run(&made).await {
                Err(fault) if fault.is_policy() => {
                    session.hide(who.password.clone());
                    let known = format!("{verb} {account} IDENTIFIED BY {}", quote::secret(who.password)?);
                    session.run(&known).await.map_err(|f| explain(access, &f))?;
                }
                other => other.map_err(|f| explain(access, &f))?,
            }
        }
        if now.created.is_some() {
            let nothing = format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}");
            session.run(&nothing).await.map_err(|f| explain(access, &f))?;
        }
        for grant in self.grants.iter().map(|grant| without_hash(grant)) {
            session.run(&grant).await.map_err(|f| explain(access, &f))?;
        }
        Ok(())
    }
}

/// Whose account it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who<'a> {
    pub(super) user: &'a DatabaseUser,
    pub(super) host: &'a GrantHost,
    pub(super) password: &'a SecretString,
}

/// A grant as MariaDB prints it, without the password that it repeats.
fn without_hash(grant: &str) -> String {
    const BEGIN: &str = " IDENTIFIED BY PASSWORD '";
    match grant.split_once(BEGIN) {
        Some((before, rest)) => format!("{before}{}", rest.split_once('\'').map_or("", |(_, after)| after)),
        None => grant.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_run_without_the_hash_it_repeats() {
        let grant = "GRANT USAGE ON *.* TO `a`@`b` IDENTIFIED BY PASSWORD '*2B' WITH GRANT OPTION";
        assert_eq!(without_hash(grant), "GRANT USAGE ON *.* TO `a`@`b` WITH GRANT OPTION");
        assert_eq!(without_hash("GRANT SELECT ON `x`.* TO `a`@`b`"), "GRANT SELECT ON `x`.* TO `a`@`b`");
    }
}
