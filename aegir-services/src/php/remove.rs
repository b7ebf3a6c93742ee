//! Takes a site's files away so that they can come back, and destroys them after the commit.

use std::time::{SystemTime, UNIX_EPOCH};

use aegir_core::Result;
use aegir_core::action::{PurgeTree, TrashTree};
use aegir_core::entity::{Owner, Resource, SiteContext};
use aegir_core::plan::Plan;
use aegir_core::server::Observer;
use aegir_core::service::PlanContext;
use serde_json::json;

use super::EnterAddresses;
use super::platform::sites_path;
use super::steps::{Reader, Steps};

/// The site's entries, its credentials, its directory.
pub(crate) async fn removal(site: &SiteContext, sites_template: &str, files: &Observer, cx: &PlanContext<'_>) -> Result<Plan> {
    let (web, owner) = (&site.web, Owner::from(&site.site));
    let mut shared = Steps::new(web, Owner::from(&site.platform));
    let file = sites_path(&site.platform);
    // A platform whose sites file is lost needs none for a site that goes.
    if files.stat(&file).await?.is_some() {
        let empty = cx.render(sites_template, &json!({ "entries": [] }), &[])?.shown();
        shared = shared.step(&EnterAddresses { file, directory: site.site.uri.file_name(), keys: Vec::new(), empty })?;
    }

    // On the same file system, so that taking away and putting back are one rename each; in a directory that the web
    // server cannot enter, so that nothing is served from there should its removal fail.
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let name = site.site.uri.file_name();
    let holder = site.platform.docroot().join("sites").join(format!(".deleted-{name}-{stamp}"));
    let mut own = Steps::new(web, owner.clone());
    if owns(&site.credentials_path(), site, cx).await? {
        own = own.remove(site.credentials_path())?;
    }
    if files.stat(&site.directory()).await?.is_some() {
        own = own
            .directory(&holder, 0o700, Reader::Mode)?
            .step(&TrashTree { path: site.directory(), trash: holder.join(&name) })?
            .finally(&PurgeTree { path: holder })?;
    }
    Ok(shared.done().and_then(own.done()))
}

async fn owns(path: &camino::Utf8Path, site: &SiteContext, cx: &PlanContext<'_>) -> Result<bool> {
    Ok(cx.inventory().owner(&Resource::path(&site.web.name, path)).await? == Some(Owner::from(&site.site)))
}
