//! Chooses a new site's database: a free name, a user, a password, the hosts it is used from.

use aegir_core::entity::{Database, Owner, Server};
use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost, SiteUri};
use aegir_core::plan::Plan;
use aegir_core::secret::random_password;
use aegir_core::service::PlanContext;
use aegir_core::{Error, Result};

use super::config::LOCALHOST;
use super::database::{exists, resource};
use super::fault::explain;
use super::session::Session;
use super::{Access, Config, CreateDatabase, CreateUser, Grant, encryption, globals, quote, seen};

/// By number: PHP takes `localhost` for Debian's socket, which may be another server's.
const LOOPBACK: &str = "127.0.0.1";
const ATTEMPTS: u32 = 100;

pub(super) async fn plan(config: &Config, owner: &Owner, uri: &SiteUri, web: &Server, db: &Server, cx: &PlanContext<'_>) -> Result<Plan> {
    let access = config.access(db)?;
    let mut session = access.connect(cx).await?;
    globals::require_writable(&mut session, &access).await?;
    let name = free_name(uri, &access, &mut session, cx).await?;
    let user = DatabaseUser::parse(name.as_str().get(..32).unwrap_or(name.as_str()))?;
    let (host, grants) = reach(config, web, db, cx).await?;
    let database = Database {
        server: db.name.clone(),
        name,
        user,
        password: cx.keyring().seal(&random_password()?)?,
        host,
        port: config.port,
        grants,
    };
    let mut plan = Plan::empty().then(&db.name, owner, &CreateDatabase { access: access.clone(), database: database.name.clone() })?;
    plan = plan.and_then(users(&access, &database, db, owner, true)?);
    if let Some(tls) = encryption::of_site(config, &database.host, &mut session, &access, cx).await? {
        encryption::require_proof(&tls, &database.host, database.port, &access, web, cx).await?;
        cx.bindings().put(tls);
    }
    cx.bindings().put(database);
    Ok(plan)
}

/// The users of a database and their rights.
pub(super) fn users(access: &Access, database: &Database, db: &Server, owner: &Owner, fresh: bool) -> Result<Plan> {
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

async fn free_name(uri: &SiteUri, access: &Access, session: &mut Session, cx: &PlanContext<'_>) -> Result<DatabaseName> {
    for attempt in 0..ATTEMPTS {
        let name = DatabaseName::suggested(uri, attempt);
        // The ledger may know one that is being made, or whose server has lost it.
        if cx.inventory().owner(&resource(&access.server, &name)).await?.is_none()
            && !exists(session, &name, access).await?
            && !is_user(session, &name, access).await?
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
async fn reach(config: &Config, web: &Server, db: &Server, cx: &PlanContext<'_>) -> Result<(String, Vec<GrantHost>)> {
    let Some(host) = seen::host_for(config, web, db) else {
        let host = if config.is_plain_local() { LOCALHOST } else { LOOPBACK };
        return Ok((host.to_owned(), vec![GrantHost::parse(host)?]));
    };
    let answer = cx.observe(&web.name).await?.ask(&seen::question(&host, config.port)).await?;
    if let Some(seen) = seen::seen(&answer) {
        return Ok((host, vec![seen]));
    }
    let found = seen::check(config, db, web, &answer, cx).await?;
    Err(Error::refused(format!("the database server on {} cannot be used from {}", db.name, web.name))
        .context("server", &db.name)
        .because(found.evidence)
        .hint(found.mend))
}
