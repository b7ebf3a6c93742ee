//! Takes over a codebase that stands at a path, or copies one there.

use camino::Utf8Path;

use super::{AddPlatform, Draft, find, platform_verify};
use crate::action::CopyTree;
use crate::entity::{Codebase, EntityRef, Platform};
use crate::name::absolute_path;
use crate::plan::Plan;
use crate::server::{FileKind, Observer};
use crate::service::PlanContext;
use crate::{Error, Result};

pub(super) async fn plan(new: &AddPlatform, cx: &PlanContext<'_>) -> Result<Draft> {
    let path = absolute_path("platform path", new.path.as_str())?;
    if cx.inventory().platform(&new.name).await?.is_some() {
        return Err(Error::conflict(format!("there is a platform {} already", new.name))
            .context("platform", &new.name)
            .hint(format!("look at it with `aegir platform show {}`, or choose another name", new.name)));
    }
    for other in cx.inventory().platforms().await? {
        if other.path.starts_with(&path) || path.starts_with(&other.path) {
            return Err(Error::conflict(format!("{path} is claimed by the platform {} at {}", other.name, other.path))
                .context("platform", &other.name)
                .context("file", &path)
                .hint("choose a path that neither holds nor lies in another platform"));
        }
    }
    let server = find::server(cx.inventory(), &new.server).await?;
    if path.starts_with(server.root.join("config")) || path.starts_with(server.backup_dir()) || server.root.starts_with(&path) {
        return Err(Error::refused(format!("{path} is Aegir's own directory"))
            .context("file", &path)
            .hint(format!("put platforms below {}", server.root.join("platforms"))));
    }
    let files = cx.observe(&server.name).await?;
    let standing = files.stat(&path).await?;
    let mut plan = Plan::empty();
    let codebase = match &new.from {
        None => {
            match standing.map(|s| s.kind) {
                Some(FileKind::Dir) => {}
                Some(_) => {
                    return Err(Error::refused(format!("{path} on {} is no directory", server.name))
                        .context("server", &server.name)
                        .context("file", &path));
                }
                None => {
                    return Err(Error::refused(format!("{path} does not exist on {}", server.name))
                        .context("server", &server.name)
                        .context("file", &path)
                        .hint("put the code there first, or let `--from DIRECTORY` copy it"));
                }
            }
            detect(&path, &files, cx).await?
        }
        Some(from) => {
            let from = absolute_path("source", from.as_str())?;
            if standing.is_some() {
                return Err(Error::conflict(format!("{path} exists on {}; `--from` never writes into an existing directory", server.name))
                    .context("server", &server.name)
                    .context("file", &path)
                    .hint("leave `--from` away to take over what stands there, or choose another path"));
            }
            let codebase = detect(&from, &files, cx).await?;
            let owner = EntityRef::Platform(new.name.clone());
            plan = plan.then(&server.name, &owner, &CopyTree { from, to: path.clone() })?;
            codebase
        }
    };
    let platform = Platform {
        name: new.name.clone(),
        path,
        server: server.name.clone(),
        codebase,
        locked: false,
        php: new.php.clone(),
        created: new.from.is_some(),
        revision: 0,
    };
    let plan = plan.and_then(platform_verify::draw(&platform, &server, cx).await?);
    Ok(Draft {
        kind: "platform.add",
        title: format!("add platform {}", platform.name),
        subject: EntityRef::from(&platform),
        plan,
        reads: vec![EntityRef::from(&server)],
    })
}

/// Asks each application whether it knows what stands at a path.
pub(super) async fn detect(path: &Utf8Path, files: &Observer, cx: &PlanContext<'_>) -> Result<Codebase> {
    for application in cx.registry().applications() {
        if let Some(codebase) = application.detect(path, files).await? {
            return Ok(codebase);
        }
    }
    let known: Vec<&str> = cx.registry().applications().iter().map(|a| a.title()).collect();
    Err(Error::refused(format!("{path} holds no application that this build knows: {}", known.join(", ")))
        .context("server", files.name())
        .context("file", path)
        .hint("give the project's root; the document root is looked for in it, in web/, docroot/ and html/"))
}
