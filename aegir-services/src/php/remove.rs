//! Takes a site's files away so that they can come back, and destroys them after the commit.

use aegir_core::action::{PurgeServedTree, RemoveFile, TrashTree};
use aegir_core::entity::{Owner, Resource, SiteContext};
use aegir_core::plan::Plan;
use aegir_core::server::Observer;
use aegir_core::service::PlanContext;
use aegir_core::{Error, Result};
use camino::Utf8Path;
use serde_json::json;

use super::platform::sites_path;
use super::steps::{Reader, Steps};
use super::{EnterAddresses, names};

/// The site's entries and its credentials; its directory was moved away before.
pub(crate) async fn removal(site: &SiteContext, sites_template: &str, files: &Observer, cx: &PlanContext<'_>) -> Result<Plan> {
    let (web, owner) = (&site.web, Owner::from(&site.site));
    let mut shared = Steps::new(web, Owner::from(&site.platform));
    let file = sites_path(&site.platform);
    // A platform whose sites file is lost needs none for a site that goes.
    if files.stat(&file).await?.is_some() {
        let empty = cx.render(sites_template, &json!({ "entries": [] }), &[])?.shown();
        shared = shared.step(&EnterAddresses { file, directory: site.site.uri.file_name(), keys: Vec::new(), empty })?;
    }

    let mut own = Steps::new(web, owner).step(&names::leave(site, cx).await?)?;
    if owns(&site.credentials_path(), site, cx).await? {
        own = own.remove(site.credentials_path())?;
    }
    // Kept until the commit: should the database have to come back, whoever loads it asks the server to prove itself.
    if owns(&site.authority_path(), site, cx).await? {
        own = own.finally(&RemoveFile { path: site.authority_path() })?;
    }
    Ok(shared.done().and_then(own.done()))
}

/// The site's directory goes where the web server cannot enter: nothing is written or served there any more, should its
/// removal fail either.
pub(crate) fn quiesce(site: &SiteContext, aside: &Utf8Path) -> Result<Plan> {
    let holder = aside.parent().ok_or_else(|| Error::internal("a site's directory goes to the root of all"))?;
    let steps = Steps::new(&site.web, Owner::from(&site.site))
        .directory(holder, 0o700, Reader::Mode)?
        .step(&TrashTree { path: site.directory(), trash: aside.to_owned() })?
        .finally(&PurgeServedTree { path: holder.to_owned(), site: aside.to_owned(), account: site.web.web_account().to_owned() })?;
    Ok(steps.done())
}

pub(super) async fn owns(path: &Utf8Path, site: &SiteContext, cx: &PlanContext<'_>) -> Result<bool> {
    Ok(cx.inventory().owner(&Resource::path(&site.web.name, path)).await? == Some(Owner::from(&site.site)))
}
