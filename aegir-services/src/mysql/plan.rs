//! What a site's database needs when the site is verified, dumped, deleted.

use aegir_core::entity::{Owner, SiteContext};
use aegir_core::plan::Plan;
use aegir_core::service::{Dump, PlanContext};
use aegir_core::{Error, Result};

use super::database::exists;
use super::{Access, Config, DropDatabase, DropUser, DumpDatabase, provide};

/// The database is there, and its users have their passwords and rights.
pub(super) async fn verify_site(config: &Config, site: &SiteContext, cx: &PlanContext<'_>) -> Result<Plan> {
    let access = config.access(&site.db)?;
    let database = &site.site.database;
    if !exists(&mut access.connect(cx).await?, &database.name, &access).await? {
        return Err(Error::refused(format!("the database {} of {} is gone from {}", database.name, site.site.uri, site.db.name))
            .context("server", &site.db.name)
            .context("database", &database.name)
            .context("site", &site.site.uri)
            .hint("load it from a backup; an empty one in its place would let a stranger install the site anew"));
    }
    provide::users(&access, database, &site.db, &Owner::from(&site.site), false)
}

/// On the database server's own machine the administrator dumps, who may read routines that others defined; on the web
/// server the site's own user does, for only that one may connect from there.
pub(super) fn dump_site(config: &Config, site: &SiteContext, into: Dump<'_>) -> Result<Plan> {
    let database = &site.site.database;
    let access = if *into.server == site.db.name {
        config.access(&site.db)?
    } else {
        Access {
            server: site.db.name.clone(),
            host: database.host.clone(),
            port: database.port,
            socket: None,
            user: database.user.to_string(),
            password: Some(database.password.clone()),
        }
    };
    let dump = DumpDatabase { access, database: database.name.clone(), into: into.file.to_owned() };
    Plan::empty().then(into.server, &Owner::from(&site.site), &dump)
}

/// Users first, then the database: nobody writes any more when it goes.
pub(super) async fn delete_site(config: &Config, site: &SiteContext, dump: Dump<'_>, cx: &PlanContext<'_>) -> Result<Plan> {
    let access = config.access(&site.db)?;
    // Refused now rather than half-way: a database server that does not answer, or lets nobody drop.
    drop(access.connect(cx).await?);
    let database = &site.site.database;
    let owner = Owner::from(&site.site);
    let mut plan = Plan::empty();
    for host in &database.grants {
        plan = plan.then(&site.db.name, &owner, &DropUser { access: access.clone(), user: database.user.clone(), host: host.clone() })?;
    }
    plan.then(
        &site.db.name,
        &owner,
        &DropDatabase { access, database: database.name.clone(), dump: dump.file.to_owned(), dump_server: dump.server.clone() },
    )
}
