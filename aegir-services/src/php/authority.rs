//! The authority that proves a site's database server to it, as a file that the site's own PHP reads.

use aegir_core::Result;
use aegir_core::action::{MakeDir, RemoveFile, WriteFile};
use aegir_core::entity::{DatabaseTls, Owner, Server, SiteContext};
use aegir_core::plan::Plan;
use aegir_core::server::Permissions;
use aegir_core::service::PlanContext;
use aegir_core::template::Content;
use serde_json::{Value, json};

use super::remove::owns;

/// The directory of these files: the server's, as that of the credentials is. A certificate is no secret.
fn directory(web: &Server) -> Result<Plan> {
    let path = web.config_dir().join("authorities.d");
    Plan::empty().then(&web.name, &Owner::from(web), &MakeDir { path, permissions: Permissions::mode(0o711) })
}

/// Writes a site's file where there is one to write, and takes away what an earlier setting left.
pub(crate) async fn plan(site: &SiteContext, tls: Option<&DatabaseTls>, cx: &PlanContext<'_>) -> Result<Plan> {
    let (path, owner) = (site.authority_path(), Owner::from(&site.site));
    match tls {
        Some(DatabaseTls::Proved(Some(text))) => {
            let file = WriteFile { path, content: Content::plain(text.clone()), permissions: Permissions::mode(0o644) };
            directory(&site.web)?.then(&site.web.name, &owner, &file)
        }
        _ if owns(&path, site, cx).await? => Plan::empty().then(&site.web.name, &owner, &RemoveFile { path }),
        _ => Ok(Plan::empty()),
    }
}

/// What settings templates get of it: nothing, or the file; without a file those that the machine trusts prove it.
pub(crate) fn data(site: &SiteContext, tls: Option<&DatabaseTls>) -> Value {
    match tls {
        None => Value::Null,
        Some(DatabaseTls::Encrypted) => json!({ "proved": false, "authority": null }),
        Some(DatabaseTls::Proved(None)) => json!({ "proved": true, "authority": null }),
        Some(DatabaseTls::Proved(Some(_))) => json!({ "proved": true, "authority": site.authority_path() }),
    }
}
