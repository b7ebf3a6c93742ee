//! What a site's database needs when the site is verified, dumped, deleted.

use aegir_core::entity::{Owner, SiteContext};
use aegir_core::name::{DatabaseName, GrantHost};
use aegir_core::plan::Plan;
use aegir_core::service::{Dump, PlanContext};
use aegir_core::{Error, Result};
use camino::Utf8Path;

use super::database::exists;
use super::dump::{self, Salvage, salvage_hint};
use super::fault::explain;
use super::left_out::{self, LeftOut};
use super::loading::{Loader, packet};
use super::others::Writer;
use super::session::Session;
use super::space::Size;
use super::{
    Access, Config, DropDatabase, DropUser, DumpDatabase, Exact, HoldUser, ProveDump, encryption, exact, globals, others, provide, space,
};

/// The database is there, and its users have their passwords and rights.
pub(super) async fn verify_site(config: &Config, site: &SiteContext, cx: &PlanContext<'_>) -> Result<Plan> {
    let access = config.access(&site.db)?;
    let database = &site.site.database;
    let mut session = access.connect(cx).await?;
    if !exists(&mut session, &database.name, &access).await? {
        return Err(Error::refused(format!("the database {} of {} is gone from {}", database.name, site.site.uri, site.db.name))
            .context("server", &site.db.name)
            .context("database", &database.name)
            .context("site", &site.site.uri)
            .hint("load it from a backup; an empty one in its place would let a stranger install the site anew"));
    }
    if let Some(tls) = encryption::of_site(config, &database.host, &mut session, &access, cx).await? {
        encryption::require_proof(&tls, &database.host, database.port, &access, &site.web, cx).await?;
        cx.bindings().put(tls);
    }
    provide::users(&access, database, &site.db, &Owner::from(&site.site), false)
}

/// From here on nobody writes: its users may only read, and who was connected is not any more.
pub(super) fn quiesce_site(config: &Config, site: &SiteContext) -> Result<Plan> {
    let access = config.access(&site.db)?;
    let database = &site.site.database;
    let mut plan = Plan::empty();
    for host in &database.grants {
        let hold = HoldUser {
            access: access.clone(),
            database: database.name.clone(),
            user: database.user.clone(),
            host: host.clone(),
            password: database.password.clone(),
        };
        plan = plan.then(&site.db.name, &Owner::from(&site.site), &hold)?;
    }
    Ok(plan)
}

/// On the database server's own machine the administrator dumps, who may read routines that others defined; on the web
/// server the site's own user does, for only that one may connect from there.
pub(super) async fn dump_site(config: &Config, site: &SiteContext, into: Dump<'_>, cx: &PlanContext<'_>) -> Result<Plan> {
    let database = &site.site.database;
    let admin = config.access(&site.db)?;
    let mut session = admin.connect(cx).await?;
    let beside = *into.server == site.db.name;
    let (exact, parts) = match exists(&mut session, &database.name, &admin).await? {
        true => {
            globals::require_uncut(&mut session, &admin).await?;
            room(&mut session, &admin, site, into, cx).await?;
            no_other_writes(&mut session, &admin, site, into.notes.is_some(), cx).await?;
            let dumper = (!beside).then_some(&database.user);
            let (exact, mut parts) = exact::look(&mut session, &admin, &database.name).await?;
            parts.extend(left_out::look(&mut session, &admin, &database.name, dumper, into.notes.is_some()).await?);
            parts.extend(exact::foreign_client(&mut session, &admin, &database.name, &cx.observe(into.server).await?).await?);
            (exact, parts)
        }
        false => (Exact::default(), vec![LeftOut::all(&database.name, &admin.server)]),
    };
    let words: Vec<String> = parts.iter().map(LeftOut::in_words).collect();
    let salvage = match into.notes {
        None if parts.is_empty() => None,
        None => {
            return Err(Error::refused(format!("database {} cannot be dumped whole", database.name))
                .context("server", &site.db.name)
                .context("database", &database.name)
                .context("site", &site.site.uri)
                .because(words.join("\n"))
                .hint(salvage_hint(site.site.uri.as_str())));
        }
        Some(notes) => {
            words.iter().for_each(|part| cx.warn(format!("the archive will not hold {part}")));
            Some(Salvage { admin: admin.clone(), parts, notes: notes.to_owned() })
        }
    };
    let access = if beside { admin.clone() } else { own_access(config, site, &mut session, &admin, cx).await? };
    let packet = packet(&mut session, &admin).await?;
    let dump = DumpDatabase { access, database: database.name.clone(), into: into.file.to_owned(), packet, exact, salvage };
    let (server, owner) = (into.server, Owner::from(&site.site));
    let plan = Plan::empty().then_named(dump::step(&database.name), server, &owner, &dump)?;
    if into.notes.is_some() {
        return Ok(plan);
    }
    let scratch = DatabaseName::parse(&format!("{}_proof", database.name.as_str().get(..58).unwrap_or(database.name.as_str())))?;
    let loader = loader(config, &admin, &mut session, site, into, cx).await?;
    plan.then(&site.db.name, &owner, &ProveDump { access: admin, database: database.name.clone(), scratch, loader })
}

/// Refuses a dump that would fill the disk that it is written to.
async fn room(session: &mut Session, admin: &Access, site: &SiteContext, into: Dump<'_>, cx: &PlanContext<'_>) -> Result<()> {
    let needed = Size::look(session, admin, &site.site.database.name).await?.dumped();
    let Some(directory) = into.file.parent().and_then(Utf8Path::parent) else { return Ok(()) };
    match space::free(&cx.observe(into.server).await?.ask(&space::question(directory)).await?) {
        Some(free) if free < needed => Err(Error::refused(format!("there is no room for the dump of {}", site.site.database.name))
            .context("server", into.server)
            .context("site", &site.site.uri)
            .because(format!("it takes about {} MiB, and {} MiB are free at {directory}", needed >> 20, free >> 20))
            .hint(format!("free some space: on {}: `df -h {directory}`", into.server))),
        _ => Ok(()),
    }
}

/// Refuses while accounts that are not the site's may write there, and names what takes that from them. What cannot be
/// taken without taking more is for a person to know.
async fn no_other_writes(session: &mut Session, admin: &Access, site: &SiteContext, go_on: bool, cx: &PlanContext<'_>) -> Result<()> {
    let writers = others::look(session, admin, &site.site.database).await?;
    let said = |writer: &Writer| format!("{} may write to {}", writer.account, writer.on);
    let (named, general): (Vec<&Writer>, Vec<&Writer>) = writers.iter().partition(|writer| writer.revoke.is_some() && !go_on);
    for writer in general {
        cx.warn(format!("{}: what it writes while the site is archived is lost", said(writer)));
    }
    if named.is_empty() {
        return Ok(());
    }
    let error = Error::refused(format!("others than the site may write to its database {}", site.site.database.name))
        .context("server", &site.db.name)
        .context("database", &site.site.database.name)
        .context("site", &site.site.uri)
        .because(named.iter().map(|writer| said(writer)).collect::<Vec<_>>().join("\n"));
    let hint = |error: Error, revoke: &String| error.hint(format!("on {}, in mysql: {revoke}", site.db.name));
    Err(named.iter().filter_map(|writer| writer.revoke.as_ref()).fold(error, hint))
}

/// As the site connects from its web server.
async fn own_access(config: &Config, site: &SiteContext, session: &mut Session, admin: &Access, cx: &PlanContext<'_>) -> Result<Access> {
    let database = &site.site.database;
    Ok(Access {
        server: site.db.name.clone(),
        host: database.host.clone(),
        port: database.port,
        socket: None,
        user: database.user.to_string(),
        password: Some(database.password.clone()),
        tls: encryption::beside_site(config, site, session, admin, cx).await?,
    })
}

/// Who loads a dump: the site's user as it comes from the machine that has the dump.
async fn loader(
    config: &Config,
    admin: &Access,
    session: &mut Session,
    site: &SiteContext,
    dump: Dump<'_>,
    cx: &PlanContext<'_>,
) -> Result<Loader> {
    let database = &site.site.database;
    let (server, file, user) = (dump.server.clone(), dump.file.to_owned(), database.user.clone());
    if *dump.server == site.web.name {
        let host = database.grants.first().cloned().ok_or_else(|| Error::internal("a database that nobody may use"))?;
        let access = own_access(config, site, session, admin, cx).await?;
        return Ok(Loader { server, dump: file, access, user, host, passing: None });
    }
    // The web server is gone: the site's user comes the way that the administrator does, and so from elsewhere.
    let seen = session.value("SELECT SUBSTRING_INDEX(USER(), '@', -1)").await.map_err(|f| explain(admin, &f))?;
    let host = GrantHost::parse(&seen.unwrap_or_default().to_ascii_lowercase())?;
    let access = Access { user: user.to_string(), password: Some(database.password.clone()), ..admin.clone() };
    let passing = (!database.grants.contains(&host)).then(|| database.password.clone());
    Ok(Loader { server, dump: file, access, user, host, passing })
}

/// The database first, for its user loads it should it have to come back. Of a dump that is not whole nothing comes back:
/// then the database goes last of all, after the commit.
pub(super) async fn delete_site(config: &Config, site: &SiteContext, dump: Dump<'_>, cx: &PlanContext<'_>) -> Result<Plan> {
    let access = config.access(&site.db)?;
    // Refused now rather than half-way: a database server that does not answer, or lets nobody drop.
    let mut session = access.connect(cx).await?;
    globals::require_writable(&mut session, &access).await?;
    let loader = loader(config, &access, &mut session, site, dump, cx).await?;
    let database = &site.site.database;
    let (server, owner) = (&site.db.name, Owner::from(&site.site));
    let gone = DropDatabase {
        access: access.clone(),
        database: database.name.clone(),
        loader,
        hosts: database.grants.clone(),
        whole: dump.notes.is_none(),
    };
    let mut plan = match dump.notes {
        None => Plan::empty().then(server, &owner, &gone)?,
        Some(_) => Plan::empty().finally(server, &owner, &gone)?,
    };
    for host in &database.grants {
        let drop =
            DropUser { access: access.clone(), user: database.user.clone(), host: host.clone(), password: database.password.clone() };
        plan = plan.then(server, &owner, &drop)?;
    }
    Ok(plan)
}
