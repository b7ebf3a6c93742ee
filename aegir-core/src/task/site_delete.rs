//! Brings a site to rest, archives it, then removes it; what destroys comes last.
//!
//! Whatever the site acknowledged is in the archive: from the moment on that it is at rest, it acknowledges nothing.

use super::{Draft, find, gone, site_files, site_verify};
use crate::action::{FetchFile, ForgetSite, MakeDir, PackArchive, PurgeTree, RequireStill, Strike};
use crate::entity::{EntityRef, Owner, Server, SiteContext};
use crate::name::{ServerName, SiteUri};
use crate::plan::Plan;
use crate::server::Permissions;
use crate::service::{Dump, Operation, PlanContext};
use crate::{Error, Result};

/// The step that packs.
const ARCHIVE: &str = "archive";

pub(super) async fn plan(uri: &SiteUri, offline: bool, incomplete: bool, cx: &PlanContext<'_>) -> Result<Draft> {
    let site = match find::site(cx.inventory(), uri).await {
        Err(missing) if offline => return gone::never_made("site.delete", EntityRef::Site(uri.clone()), missing, cx).await,
        site => find::site_context(cx.inventory(), site?).await?,
    };
    let gone = if offline { gone_of(&site, cx).await? } else { Vec::new() };
    let lost = |server: &Server| is_among(server, &gone);
    let owner = Owner::from(&site.site);
    let master = find::server(cx.inventory(), &ServerName::master()).await?;
    let stamp = chrono::Utc::now().format("%Y%m%d.%H%M%S");
    // Where the files are; without them, where the database is.
    let holder = if lost(&site.web) { &site.db } else { &site.web };
    let work = holder.backup_dir().join(format!(".{}-{stamp}", uri.file_name()));
    let (file, notes) = (work.join("database.sql"), work.join("database-left-out.sql"));
    let dump = Dump { server: &holder.name, file: &file, notes: incomplete.then_some(notes.as_path()) };
    let kept = master.backup_dir().join(format!("{}-{stamp}.tar.zst", uri.file_name()));
    // Backups are the master's: what is packed elsewhere is brought here, and its first copy goes with the rest.
    let elsewhere = holder.name != master.name;
    let archive = if elsewhere { work.join("site.tar.zst") } else { kept.clone() };
    // On the same file system, so that taking away and putting back are one rename each.
    let directory = site.directory();
    let hidden = format!(".deleted-{}-{stamp}", uri.file_name());
    let aside = directory.with_file_name(hidden).join(uri.file_name());

    let quiesce = Operation::QuiesceSite { site: &site, aside: &aside };
    let delete = Operation::DeleteSite { site: &site, dump };
    let (mut plan, mut removal) = (Plan::empty(), Plan::empty());
    let mut pack = PackArchive { archive: archive.clone(), directories: Vec::new(), files: Vec::new(), account: None };
    let mut still = None;
    if !lost(holder) {
        require_backups(holder, cx).await?;
        if elsewhere {
            require_backups(&master, cx).await?;
        }
        plan = plan.then(&holder.name, &owner, &MakeDir { path: work.clone(), permissions: Permissions::mode(0o700) })?;
    }
    if !lost(&site.web) {
        plan = plan.and_then(cx.service_type(&site.web, "web")?.plan(&quiesce, cx).await?);
    }
    if !lost(&site.db) {
        plan = plan.and_then(cx.service_type(&site.db, "db")?.plan(&quiesce, cx).await?);
    }
    if !lost(&site.web) {
        let application = cx.registry().application_named(&site.platform.codebase.application)?;
        if site_files::look(&site, &directory, cx).await? {
            let account = site.web.web_account().to_owned();
            let wait = RequireStill { path: aside.clone(), account: account.clone(), since: None };
            plan = plan.and_then(application.plan(&quiesce, cx).await?).then(&site.web.name, &owner, &wait)?;
            pack.directories.push(aside.clone());
            pack.account = Some(account.clone());
            still = Some(RequireStill { path: aside, account, since: (!lost(&site.db)).then(|| file.clone()) });
        }
        removal = removal.and_then(cx.service_type(&site.web, "web")?.plan(&delete, cx).await?);
        removal = removal.and_then(application.plan(&delete, cx).await?);
    }
    if !lost(&site.db) {
        pack.files.extend([Some(file.as_path()), dump.notes].into_iter().flatten().map(ToOwned::to_owned));
        let db = cx.service_type(&site.db, "db")?;
        plan = plan.and_then(db.plan(&Operation::DumpSite { site: &site, into: dump }, cx).await?);
        removal = removal.and_then(db.plan(&delete, cx).await?);
    }
    if !lost(holder) {
        plan = plan.then_named(ARCHIVE, &holder.name, &owner, &pack)?;
        if elsewhere {
            let fetch = FetchFile { from: holder.name.clone(), path: archive, into: kept, made_by: ARCHIVE.to_owned() };
            plan = plan.then(&master.name, &owner, &fetch)?;
        }
    }
    if let Some(still) = still {
        plan = plan.then(&site.web.name, &owner, &still)?;
    }
    plan = plan.and_then(removal);
    if offline {
        warn(&site, &gone, cx);
    }
    for gone in &gone {
        let owned = gone::owned(&owner, &gone.name, cx).await?;
        plan = plan.then(&master.name, &owner, &Strike { gone: gone.name.clone(), owned })?;
    }
    plan = plan.then(&master.name, &owner, &ForgetSite { uri: uri.clone() })?;
    if !lost(holder) {
        plan = plan.finally(&holder.name, &owner, &PurgeTree { path: work })?;
    }
    Ok(Draft { kind: "site.delete", title: format!("delete site {uri}"), subject: owner.entity, plan, reads: site_verify::reads(&site) })
}

/// Refuses to begin where no archive can be put.
async fn require_backups(server: &Server, cx: &PlanContext<'_>) -> Result<()> {
    let directory = server.backup_dir();
    match cx.observe(&server.name).await?.stat(&directory).await? {
        Some(_) => Ok(()),
        None => Err(Error::refused(format!("{directory} on {}, where archives are kept, is not there", server.name))
            .context("server", &server.name)
            .context("file", &directory)
            .hint(format!("`aegir server verify {}` makes it; mount it first, where it is a file system of its own", server.name))),
    }
}

/// Those of its servers that are gone. What answers is worked with as ever.
async fn gone_of<'a>(site: &'a SiteContext, cx: &PlanContext<'_>) -> Result<Vec<&'a Server>> {
    let mut servers = vec![&site.web, &site.db];
    servers.dedup_by_key(|server| &server.name);
    let mut gone = Vec::new();
    for server in &servers {
        if gone::is_gone(server, cx).await? {
            gone.push(*server);
        }
    }
    if !gone.is_empty() {
        return Ok(gone);
    }
    let uri = &site.site.uri;
    let also = servers.get(1).map(|db| format!(", and so does {}", db.name)).unwrap_or_default();
    Err(Error::refused(format!("nothing that site {uri} stands on is gone: {} answers{also}", site.web.name))
        .context("site", uri)
        .hint(format!("`aegir site delete {uri}`")))
}

fn is_among(server: &Server, gone: &[&Server]) -> bool {
    gone.iter().any(|gone| gone.name == server.name)
}

fn warn(site: &SiteContext, gone: &[&Server], cx: &PlanContext<'_>) {
    let (uri, database) = (&site.site.uri, &site.site.database.name);
    for server in gone {
        let keeps = match (server.name == site.web.name, server.name == site.db.name) {
            (true, true) => format!("goes on serving {uri} and keeps its files and its database {database}"),
            (true, false) => format!("goes on answering for {uri} and keeps its files"),
            (false, _) => format!("keeps the database {database} and its users"),
        };
        cx.warn(format!("nothing is done on {}: if it still runs, it {keeps}", server.name));
    }
    let on = gone.iter().map(|server| server.name.as_str()).collect::<Vec<_>>().join(" and ");
    cx.warn(match (is_among(&site.web, gone), is_among(&site.db, gone)) {
        (true, true) => format!("nothing of {uri} is archived: its files, uploads and database were on {on} alone"),
        (true, false) => format!("the archive holds the database alone: files and uploads of {uri} were on {on} alone"),
        (false, _) => format!("the archive holds the files alone: the database {database} was on {on} alone"),
    });
}
