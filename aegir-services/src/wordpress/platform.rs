//! What all sites of one copy of WordPress share: the dispatching configuration, login links, the map of addresses.

use aegir_core::entity::{Owner, Platform, Server};
use aegir_core::plan::Plan;
use aegir_core::service::{Code, PlanContext};
use aegir_core::{Error, Result};
use camino::Utf8PathBuf;
use serde_json::json;

use super::{DISPATCH, LOGIN, SITES};
use crate::php::{self, Reader, Steps};

fn dispatcher(platform: &Platform) -> Utf8PathBuf {
    platform.docroot().join("wp-config.php")
}

fn login_plugin(platform: &Platform) -> Utf8PathBuf {
    platform.docroot().join("wp-content/mu-plugins/aegir-login.php")
}

/// Makes them.
pub(super) async fn verify(platform: &Platform, server: &Server, code: &Code, cx: &PlanContext<'_>) -> Result<Plan> {
    let files = cx.observe(&server.name).await?;
    let docroot = platform.docroot();
    let directories = [docroot.join("sites"), docroot.join("wp-content/mu-plugins")];
    let mut writable = vec![docroot.clone(), docroot.join("wp-content")];
    writable.extend(directories.iter().cloned());
    php::require_usable(&writable, platform, server, code, &files).await?;
    let config = dispatcher(platform);
    if !php::is_ours(&config, platform, &files, cx).await? {
        return Err(Error::refused(format!(
            "{config} on {} is not Aegir's: this copy of WordPress already serves a site of its own",
            server.name
        ))
        .context("server", &server.name)
        .context("platform", &platform.name)
        .context("file", &config)
        .hint(format!("if that site may go, move the file away: `mv {config} {config}.old`; else use a fresh copy of WordPress")));
    }
    let mut steps = Steps::new(server, Owner::from(platform));
    for directory in directories {
        // One that stands there keeps the mode that somebody gave it.
        if files.stat(&directory).await?.is_none() {
            steps = steps.directory(directory, 0o755, Reader::Mode)?;
        }
    }
    steps = php::sites_file(steps, platform, SITES, &files, cx).await?;
    let nothing = json!({});
    steps = steps.file(login_plugin(platform), cx.render(LOGIN, &nothing, &[])?, 0o644, Reader::Mode)?;
    let steps = steps.file(config, cx.render(DISPATCH, &nothing, &[])?, 0o644, Reader::Mode)?;
    Ok(php::credentials_directory(server)?.and_then(steps.done()))
}

/// Removes the files again; the code stays as it came.
pub(super) async fn remove(platform: &Platform, server: &Server, cx: &PlanContext<'_>) -> Result<Plan> {
    let files = cx.observe(&server.name).await?;
    let steps = Steps::new(server, Owner::from(platform));
    Ok(php::sites_file_removal(steps, &[dispatcher(platform), login_plugin(platform)], platform, &files, cx).await?.done())
}
