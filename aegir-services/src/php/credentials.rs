//! The file from which the command line takes a site's database credentials.

use aegir_core::Result;
use aegir_core::action::{MakeDir, WriteFile};
use aegir_core::entity::{Owner, Server, SiteContext};
use aegir_core::plan::Plan;
use aegir_core::server::Permissions;
use aegir_core::service::PlanContext;
use serde_json::json;

/// The directory of these files. The server's, not a site's: it holds the files of all of them.
///
/// Made when a platform is verified. Were it only made with the first site, a second site could have put its file there
/// by the time that the first one's installation is taken back, directory and all.
pub(crate) fn directory(web: &Server) -> Result<Plan> {
    let path = web.config_dir().join("credentials.d");
    Plan::empty().then(&web.name, &Owner::from(web), &MakeDir { path, permissions: Permissions::mode(0o700) })
}

/// Writes a site's file: 0400, in a directory that only the account Aegir works as can enter.
pub(crate) fn plan(site: &SiteContext, template: &str, cx: &PlanContext<'_>) -> Result<Plan> {
    let database = &site.site.database;
    let data = json!({ "db": { "name": database.name, "user": database.user, "host": database.host, "port": database.port } });
    let content = cx.render(template, &data, &[("db_password", &database.password)])?;
    let file = WriteFile { path: site.credentials_path(), content, permissions: Permissions::mode(0o400) };
    directory(&site.web)?.then(&site.web.name, &Owner::from(&site.site), &file)
}
