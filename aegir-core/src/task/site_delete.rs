//! Archives a site, then removes it; what destroys comes last.

use super::{Draft, find, site_verify};
use crate::Result;
use crate::action::{FetchFile, ForgetSite, MakeDir, PackArchive, PurgeTree};
use crate::entity::EntityRef;
use crate::name::{ServerName, SiteUri};
use crate::plan::Plan;
use crate::server::Permissions;
use crate::service::{Operation, PlanContext};

pub(super) async fn plan(uri: &SiteUri, cx: &PlanContext<'_>) -> Result<Draft> {
    let site = find::site_context(cx.inventory(), find::site(cx.inventory(), uri).await?).await?;
    let owner = EntityRef::from(&site.site);
    let web = &site.web.name;
    let master = find::server(cx.inventory(), &ServerName::master()).await?;
    let stamp = chrono::Utc::now().format("%Y%m%d.%H%M%S");
    let work = site.web.backup_dir().join(format!(".{}-{stamp}", uri.file_name()));
    let dump = work.join("database.sql");
    let kept = master.backup_dir().join(format!("{}-{stamp}.tar.zst", uri.file_name()));
    // Backups are the master's: what is packed elsewhere is brought here, and its first copy goes with the rest.
    let elsewhere = *web != master.name;
    let archive = if elsewhere { work.join("site.tar.zst") } else { kept.clone() };

    let db = cx.service_type(&site.db, "db")?;
    let application = cx.registry().application_named(&site.platform.codebase.application)?;
    let delete = Operation::DeleteSite { site: &site, dump: &dump };
    let mut plan = Plan::empty()
        .then(web, &owner, &MakeDir { path: work.clone(), permissions: Permissions::mode(0o700) })?
        .and_then(db.plan(&Operation::DumpSite { site: &site, into: &dump }, cx).await?)
        .then(web, &owner, &PackArchive { archive: archive.clone(), directories: vec![site.directory()], files: vec![dump.clone()] })?;
    if elsewhere {
        plan = plan.then(&master.name, &owner, &FetchFile { from: web.clone(), path: archive, into: kept })?;
    }
    let plan = plan
        .and_then(cx.service_type(&site.web, "web")?.plan(&delete, cx).await?)
        .and_then(application.plan(&delete, cx).await?)
        .and_then(db.plan(&delete, cx).await?)
        .then(web, &owner, &ForgetSite { uri: uri.clone() })?
        .finally(web, &owner, &PurgeTree { path: work })?;
    Ok(Draft { kind: "site.delete", title: format!("delete site {uri}"), subject: owner, plan, reads: site_verify::reads(&site) })
}
