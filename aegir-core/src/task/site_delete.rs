//! Archives a site, then removes it; what destroys comes last.

use super::{Draft, find, gone, site_verify};
use crate::action::{FetchFile, ForgetSite, MakeDir, PackArchive, PurgeTree, Strike};
use crate::entity::{EntityRef, Server, SiteContext};
use crate::name::{ServerName, SiteUri};
use crate::plan::Plan;
use crate::server::Permissions;
use crate::service::{Dump, Operation, PlanContext};
use crate::{Error, Result};

pub(super) async fn plan(uri: &SiteUri, offline: bool, cx: &PlanContext<'_>) -> Result<Draft> {
    let site = match find::site(cx.inventory(), uri).await {
        Err(missing) if offline => return gone::never_made("site.delete", EntityRef::Site(uri.clone()), missing, cx).await,
        site => find::site_context(cx.inventory(), site?).await?,
    };
    let gone = if offline { Some(gone_of(&site, cx).await?) } else { None };
    let lost = |server: &Server| gone.is_some_and(|gone| gone.name == server.name);
    let owner = EntityRef::from(&site.site);
    let master = find::server(cx.inventory(), &ServerName::master()).await?;
    let stamp = chrono::Utc::now().format("%Y%m%d.%H%M%S");
    // Where the files are; without them, where the database is.
    let holder = if lost(&site.web) { &site.db } else { &site.web };
    let work = holder.backup_dir().join(format!(".{}-{stamp}", uri.file_name()));
    let dump = Dump { server: &holder.name, file: &work.join("database.sql") };
    let kept = master.backup_dir().join(format!("{}-{stamp}.tar.zst", uri.file_name()));
    // Backups are the master's: what is packed elsewhere is brought here, and its first copy goes with the rest.
    let elsewhere = holder.name != master.name;
    let archive = if elsewhere { work.join("site.tar.zst") } else { kept.clone() };

    let delete = Operation::DeleteSite { site: &site, dump };
    let (mut plan, mut removal) = (Plan::empty(), Plan::empty());
    let mut pack = PackArchive { archive: archive.clone(), directories: Vec::new(), files: Vec::new() };
    if !lost(holder) {
        plan = plan.then(&holder.name, &owner, &MakeDir { path: work.clone(), permissions: Permissions::mode(0o700) })?;
    }
    if !lost(&site.web) {
        pack.directories.push(site.directory());
        let application = cx.registry().application_named(&site.platform.codebase.application)?;
        removal = removal.and_then(cx.service_type(&site.web, "web")?.plan(&delete, cx).await?);
        removal = removal.and_then(application.plan(&delete, cx).await?);
    }
    if !lost(&site.db) {
        pack.files.push(dump.file.to_owned());
        let db = cx.service_type(&site.db, "db")?;
        plan = plan.and_then(db.plan(&Operation::DumpSite { site: &site, into: dump }, cx).await?);
        removal = removal.and_then(db.plan(&delete, cx).await?);
    }
    if !lost(holder) {
        plan = plan.then(&holder.name, &owner, &pack)?;
        if elsewhere {
            plan = plan.then(&master.name, &owner, &FetchFile { from: holder.name.clone(), path: archive, into: kept })?;
        }
    }
    plan = plan.and_then(removal);
    if let Some(gone) = gone {
        warn(&site, gone, cx);
        let owned = gone::owned(&owner, &gone.name, cx).await?;
        plan = plan.then(&master.name, &owner, &Strike { gone: gone.name.clone(), owned })?;
    }
    plan = plan.then(&master.name, &owner, &ForgetSite { uri: uri.clone() })?;
    if !lost(holder) {
        plan = plan.finally(&holder.name, &owner, &PurgeTree { path: work })?;
    }
    Ok(Draft { kind: "site.delete", title: format!("delete site {uri}"), subject: owner, plan, reads: site_verify::reads(&site) })
}

/// The one of its servers that is gone. The other is worked with as ever: when it does not answer either, that fails.
async fn gone_of<'a>(site: &'a SiteContext, cx: &PlanContext<'_>) -> Result<&'a Server> {
    for server in [&site.web, &site.db] {
        if gone::is_gone(server, cx).await? {
            return Ok(server);
        }
    }
    let uri = &site.site.uri;
    let also = if site.web.name == site.db.name { String::new() } else { format!(", and so does {}", site.db.name) };
    Err(Error::refused(format!("nothing that site {uri} stands on is gone: {} answers{also}", site.web.name))
        .context("site", uri)
        .hint(format!("`aegir site delete {uri}`")))
}

fn warn(site: &SiteContext, gone: &Server, cx: &PlanContext<'_>) {
    let (uri, database) = (&site.site.uri, &site.site.database.name);
    let (web, db) = (gone.name == site.web.name, gone.name == site.db.name);
    let keeps = match (web, db) {
        (true, true) => format!("goes on serving {uri} and keeps its files and its database {database}"),
        (true, false) => format!("goes on answering for {uri} and keeps its files"),
        (false, _) => format!("keeps the database {database} and its users"),
    };
    cx.warn(format!("nothing is done on {}: if it still runs, it {keeps}", gone.name));
    cx.warn(match (web, db) {
        (true, true) => format!("nothing of {uri} is archived: its files, uploads and database were on {} alone", gone.name),
        (true, false) => format!("the archive holds the database alone: files and uploads of {uri} were on {} alone", gone.name),
        (false, _) => format!("the archive holds the files alone: the database {database} was on {} alone", gone.name),
    });
}
