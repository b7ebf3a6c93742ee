//! Chooses a new site's database: a free name, a user, a password, the hosts it is used from.

use std::time::Duration;

use aegir_core::entity::{Database, EntityRef, Server, Transport};
use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost, SiteUri};
use aegir_core::plan::Plan;
use aegir_core::secret::random_password;
use aegir_core::server::{Command, Input};
use aegir_core::service::PlanContext;
use aegir_core::{Error, Result};

use super::config::LOCALHOST;
use super::database::{exists, resource};
use super::fault::explain;
use super::session::Session;
use super::{Access, Config, CreateDatabase, CreateUser, Grant, quote};

/// By number: PHP takes `localhost` for Debian's socket, which may be another server's.
const LOOPBACK: &str = "127.0.0.1";
const ATTEMPTS: u32 = 100;

pub(super) async fn plan(config: &Config, uri: &SiteUri, web: &Server, db: &Server, cx: &PlanContext<'_>) -> Result<Plan> {
    let access = config.access(db)?;
    let name = free_name(uri, &access, cx).await?;
    let user = DatabaseUser::parse(name.as_str().get(..32).unwrap_or(name.as_str()))?;
    let (host, grants) = reach(config, &access, web, db, cx).await?;
    let database = Database {
        server: db.name.clone(),
        name,
        user,
        password: cx.keyring().seal(&random_password()?)?,
        host,
        port: config.port,
        grants,
    };
    let owner = EntityRef::Site(uri.clone());
    let mut plan = Plan::empty().then(&db.name, &owner, &CreateDatabase { access: access.clone(), database: database.name.clone() })?;
    plan = plan.and_then(users(&access, &database, db, &owner, true)?);
    cx.bindings().put(database);
    Ok(plan)
}

/// The users of a database and their rights.
pub(super) fn users(access: &Access, database: &Database, db: &Server, owner: &EntityRef, fresh: bool) -> Result<Plan> {
    let mut plan = Plan::empty();
    for host in &database.grants {
        let user = CreateUser {
            access: access.clone(),
            user: database.user.clone(),
            host: host.clone(),
            password: database.password.clone(),
            fresh,
        };
        let grant = Grant { access: access.clone(), database: database.name.clone(), user: database.user.clone(), host: host.clone() };
        plan = plan.then(&db.name, owner, &user)?.then(&db.name, owner, &grant)?;
    }
    Ok(plan)
}

async fn free_name(uri: &SiteUri, access: &Access, cx: &PlanContext<'_>) -> Result<DatabaseName> {
    let mut session = access.connect(cx).await?;
    for attempt in 0..ATTEMPTS {
        let name = DatabaseName::suggested(uri, attempt);
        // The ledger may know one that is being made, or whose server has lost it.
        if cx.inventory().owner(&resource(&access.server, &name)).await?.is_none()
            && !exists(&mut session, &name, access).await?
            && !is_user(&mut session, &name, access).await?
        {
            return Ok(name);
        }
    }
    Err(Error::conflict(format!("no free database name for {uri} on {}", access.server))
        .context("server", &access.server)
        .hint("drop databases that nobody uses"))
}

async fn is_user(session: &mut Session, name: &DatabaseName, access: &Access) -> Result<bool> {
    let sql = format!("SELECT User FROM mysql.user WHERE User = {}", quote::literal(name.as_str())?);
    Ok(session.value(&sql).await.map_err(|f| explain(access, &f))?.is_some())
}

/// Where the site connects to, and where the database server sees it come from. That is asked and never guessed: a grant
/// for another address would let a stranger in, or nobody.
async fn reach(config: &Config, access: &Access, web: &Server, db: &Server, cx: &PlanContext<'_>) -> Result<(String, Vec<GrantHost>)> {
    let itself = config.host == LOCALHOST;
    if itself && web.name == db.name {
        let host = if config.is_plain_local() { LOCALHOST } else { LOOPBACK };
        return Ok((host.to_owned(), vec![GrantHost::parse(host)?]));
    }
    let host = if itself { db.hostname.clone() } else { config.host.clone() };
    let said = turned_away(&host, config.port, web, cx).await?;
    let seen = named_host(&said).filter(|_| !said.contains("is blocked because"));
    if let Some(seen) = seen.and_then(|name| GrantHost::parse(&name.to_ascii_lowercase()).ok()) {
        return Ok((host, vec![seen]));
    }
    let listens = if itself { listens_on(access, cx).await? } else { None };
    Err(unreached(&host, config.port, listens.as_deref(), web, db, &said))
}

/// Asks the database server itself: it names the host it sees when it turns a stranger away.
async fn turned_away(host: &str, port: u16, web: &Server, cx: &PlanContext<'_>) -> Result<String> {
    let options = format!("[client]\nuser=aegir_nobody\npassword=none\nhost={host}\nport={port}\nprotocol=tcp\n");
    let command = Command::new("mysql")
        .args(["--defaults-file=/dev/stdin", "--connect-timeout=5", "--batch", "--execute=SELECT 1"])
        .input(Input::Bytes(options.into_bytes()))
        .timeout(Duration::from_secs(30));
    Ok(cx.observe(&web.name).await?.ask(&command).await?.error_text())
}

/// The address that the database server listens on.
async fn listens_on(access: &Access, cx: &PlanContext<'_>) -> Result<Option<String>> {
    let mut session = access.connect(cx).await?;
    session.value("SELECT @@bind_address").await.map_err(|f| explain(access, &f))
}

fn unreached(host: &str, port: u16, listens: Option<&str>, web: &Server, db: &Server, said: &str) -> Error {
    let (web, name) = (&web.name, &db.name);
    let why = said.lines().find(|l| l.contains("ERROR")).unwrap_or("it did not say how it sees that server").trim();
    let error = Error::refused(format!("the database server on {name} cannot be used from {web}, at {host}:{port}"))
        .context("server", name)
        .because(why.to_owned());
    if said.contains("is blocked because") {
        return error.hint(format!("as root on {name}: `mysqladmin flush-hosts`, then look why {web} failed to connect so often"));
    }
    match listens {
        Some(own @ ("127.0.0.1" | "::1" | "localhost")) => {
            let address = db.addresses.iter().find(|a| !a.is_loopback()).map_or_else(|| "ADDRESS".to_owned(), ToString::to_string);
            let error = error.hint(format!("it listens on {own} only, where no other machine gets"));
            match db.transport {
                Transport::Local => error.hint(format!("as root: `aegir init --db-listen {address}`")),
                _ => error
                    .hint(format!("`aegir server edit {name} --set db.listen={address}`, then again the script of `aegir server bootstrap {name}`")),
            }
        }
        _ => error.hint(format!("on {web}: `mysql --host={host} --port={port} --user=nobody` must be answered with “Access denied”; look for a firewall, and at the name")),
    }
}

/// `Access denied for user 'x'@'HOST' (…)`, `Host 'HOST' is not allowed to connect`.
fn named_host(said: &str) -> Option<&str> {
    let rest = said.split_once("'@'").or_else(|| said.split_once("Host '")).map(|(_, rest)| rest)?;
    rest.split_once('\'').map(|(host, _)| host).filter(|h| !h.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_host_from_a_refusal() {
        assert_eq!(
            named_host("ERROR 1045 (28000): Access denied for user 'aegir_nobody'@'web1.example.com' (using password: YES)"),
            Some("web1.example.com")
        );
        assert_eq!(named_host("ERROR 1130 (HY000): Host '10.0.0.2' is not allowed to connect to this MariaDB server"), Some("10.0.0.2"));
        assert_eq!(named_host("ERROR 2003 (HY000): Can't connect"), None);
    }
}
