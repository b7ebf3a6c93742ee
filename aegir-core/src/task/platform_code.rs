//! Where a platform's code is: on the master, from which a remote server gets it.
//!
//! The master's copy is the one that counts. It is read there while planning, also for a server that has none yet, and
//! it is copied or sent at the same path. What is no code is neither sent nor removed: uploads belong to the web
//! server, rendered files and sites to the steps that made them.

use camino::Utf8Path;

use crate::action::PushTree;
use crate::application::Application;
use crate::distribution::{self, Keep};
use crate::entity::{Codebase, Owner, Platform, Resource, Server};
use crate::name::ServerName;
use crate::plan::Plan;
use crate::server::{Command, FileKind, Observer};
use crate::service::{Code, PlanContext};
use crate::{Error, Result};

/// What version control keeps beside the code: it may hold more than anybody should serve.
const VERSION_CONTROL: [&str; 4] = [".git", ".hg", ".svn", ".bzr"];

/// The code of a platform that stands at its path on the master.
pub(super) async fn standing(platform: &Platform, cx: &PlanContext<'_>) -> Result<Code> {
    Ok(Code { files: cx.observe(&ServerName::master()).await?, root: platform.path.clone() })
}

/// Whether a server has to be sent the code.
pub(super) fn is_remote(server: &Server) -> bool {
    server.name != ServerName::master()
}

/// Asks each application whether it knows the code.
pub(super) async fn detect(code: &Code, cx: &PlanContext<'_>) -> Result<Codebase> {
    let Code { files, root } = code;
    match files.stat(root).await?.map(|s| s.kind) {
        Some(FileKind::Dir) => {}
        Some(_) => {
            return Err(Error::refused(format!("{root} on {} is no directory", files.name()))
                .context("server", files.name())
                .context("file", root));
        }
        None => {
            return Err(Error::refused(format!("{root} does not exist on {}", files.name()))
                .context("server", files.name())
                .context("file", root)
                .hint("put the code there first, or let `--from DIRECTORY` copy it"));
        }
    }
    for application in cx.registry().applications() {
        if let Some(codebase) = application.detect(root, files).await? {
            return Ok(codebase);
        }
    }
    let known: Vec<&str> = cx.registry().applications().iter().map(|a| a.title()).collect();
    Err(Error::refused(format!("{root} holds no application that this build knows: {}", known.join(", ")))
        .context("server", files.name())
        .context("file", root)
        .hint("give the project's root; the document root is looked for in it, in web/, docroot/ and html/"))
}

/// Refuses a path that is taken, or whose directory Aegir cannot write to.
pub(super) async fn require_room(path: &Utf8Path, server: &Server, files: &Observer, taken: &str) -> Result<()> {
    if files.stat(path).await?.is_some() {
        return Err(Error::conflict(format!("{path} exists on {}; {taken}", server.name))
            .context("server", &server.name)
            .context("file", path));
    }
    let parent = path.parent().unwrap_or(Utf8Path::new("/"));
    if files.ask(&Command::new("test").arg("-w").arg(parent.join("."))).await?.ok() {
        return Ok(());
    }
    Err(Error::refused(format!("{parent} on {} is no directory that {} can write to", server.name, server.user))
        .context("server", &server.name)
        .context("file", parent)
        .hint(format!("as root on {}: `install -d -o {} -g {} {parent}`", server.hostname, server.user, server.user))
        .hint(format!("or choose a path below {}", server.root.join("platforms"))))
}

/// Sends the code to the platform's server, where that is not the master.
pub(super) async fn distribution(
    platform: &Platform,
    server: &Server,
    code: &Code,
    application: &dyn Application,
    cx: &PlanContext<'_>,
) -> Result<Plan> {
    if !is_remote(server) {
        return Ok(Plan::empty());
    }
    let tree = PushTree {
        source: platform.path.clone(),
        until: (code.root != platform.path).then(|| code.root.clone()),
        target: platform.path.clone(),
        keep: keep(platform, server, code, application, cx).await?,
    };
    distribution::push(Plan::empty(), &server.name, &Owner::from(platform), &tree)
}

/// What below the platform's path has another authority than the master's code: what the application says is no code, what
/// sites own there, and the files that we render for all of them.
async fn keep(platform: &Platform, server: &Server, code: &Code, application: &dyn Application, cx: &PlanContext<'_>) -> Result<Keep> {
    let mut keep = Keep::nothing();
    for path in VERSION_CONTROL {
        keep = keep.anywhere(path)?;
    }
    for pattern in application.not_code() {
        keep = keep.pattern(platform.codebase.docroot.join(pattern))?;
    }
    let files = cx.observe(&server.name).await?;
    let ours = Owner::from(platform);
    for (resource, owner) in cx.inventory().below(&Resource::path(&server.name, &platform.path)).await? {
        let Some(path) = Utf8Path::new(&resource.name).strip_prefix(&platform.path).ok().filter(|p| !p.as_str().is_empty()) else {
            continue;
        };
        // A directory that we had to make is code as soon as the code has it, too; what we rendered into it is recorded by
        // itself. What is another's, a site's, is never code.
        if owner == ours {
            let there = files.stat(&platform.path.join(path)).await?;
            let is_code = there.is_none_or(|stat| stat.kind == FileKind::Dir) && code.files.stat(&code.root.join(path)).await?.is_some();
            if is_code {
                continue;
            }
        }
        keep = keep.path(path)?;
    }
    Ok(keep)
}
