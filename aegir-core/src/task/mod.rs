//! What an operator can ask for, one file each: the order in which services and applications plan.

mod bootstrap;
mod check;
mod confirm;
mod find;
mod gone;
mod host_key;
mod login;
mod machine_prepare;
mod platform_add;
mod platform_change;
mod platform_code;
mod platform_delete;
mod platform_place;
mod platform_verify;
mod preparation;
mod request;
mod scope;
mod server_change;
mod server_delete;
mod server_enrol;
mod server_verify;
mod site_change;
mod site_delete;
mod site_files;
mod site_install;
mod site_verify;
mod users;

pub use bootstrap::Bootstrap;
pub use check::Checked;
pub use host_key::{HostKeys, Trust};
pub use request::{AddPlatform, ChangePlatform, ChangeServer, ChangeSite, EnrolServer, InstallSite, PrepareMachine, Request};
pub use server_enrol::host_name;

pub(crate) use bootstrap::{TEMPLATES, bootstrap_script};
pub(crate) use check::{check_servers, note};
pub(crate) use find::server_named;
pub(crate) use host_key::{host_keys, pinned_keys};
pub(crate) use login::login_link;
pub(crate) use scope::scope;

use std::sync::Arc;
use std::time::Duration;

use crate::engine::settle;
use crate::entity::EntityRef;
use crate::inventory::LeaseMode;
use crate::plan::{Plan, Planned};
use crate::service::PlanContext;
use crate::shared::Core;
use crate::{Error, ErrorKind, Result};

/// A plan before it is held against the world.
pub(crate) struct Draft {
    kind: &'static str,
    title: String,
    subject: EntityRef,
    plan: Plan,
    /// Read and locked shared; the subject is locked exclusively.
    reads: Vec<EntityRef>,
}

/// How long a plan may take: as many servers as there are look side by side, and each of their answers has its own limit.
const LIMIT: Duration = Duration::from_secs(600);

pub(crate) async fn plan(core: &Arc<Core>, request: &Request) -> Result<Planned> {
    tokio::time::timeout(LIMIT, draw(core, request)).await.unwrap_or_else(|_| {
        let subject = request.subject();
        Err(Error::new(
            ErrorKind::Timeout,
            format!("planning for {subject} took longer than {} minutes, and was ended", LIMIT.as_secs() / 60),
        )
        .hint("`aegir doctor` shows which server is slow"))
    })
}

async fn draw(core: &Arc<Core>, request: &Request) -> Result<Planned> {
    let cx = PlanContext::new(core);
    let draft = match request {
        Request::PrepareMachine(new) => machine_prepare::plan(new, &cx).await,
        Request::EnrolServer(new) => server_enrol::plan(new, &cx).await,
        Request::VerifyServer { server } => server_verify::plan(server, &cx).await,
        Request::ChangeServer(change) => server_change::plan(change, &cx).await,
        Request::DeleteServer { server, offline } => server_delete::plan(server, *offline, &cx).await,
        Request::AddPlatform(new) => platform_add::plan(new, &cx).await,
        Request::VerifyPlatform { platform } => platform_verify::plan(platform, &cx).await,
        Request::ChangePlatform(change) => platform_change::plan(change, &cx).await,
        Request::DeletePlatform { platform, offline } => platform_delete::plan(platform, *offline, &cx).await,
        Request::InstallSite(new) => site_install::plan(new, &cx).await,
        Request::VerifySite { site } => site_verify::plan(site, &cx).await,
        Request::ChangeSite(change) => site_change::plan(change, &cx).await,
        Request::DeleteSite { site, offline, incomplete } => site_delete::plan(site, *offline, *incomplete, &cx).await,
    };
    let draft = draft.map_err(|error| gone::explain(request, error))?;
    let mut planned = Planned::new(draft.kind, draft.subject.clone(), draft.title);
    planned.touches = std::iter::once((draft.subject.clone(), LeaseMode::Exclusive))
        .chain(draft.reads.iter().filter(|e| **e != draft.subject).map(|e| (e.clone(), LeaseMode::Shared)))
        .collect();
    planned.touches.dedup_by(|a, b| a.0 == b.0);
    (planned.destroys, planned.mends) = (request.destroys(), request.mends());
    planned.warnings = cx.take_warnings();
    planned.gone = cx.take_gone();
    planned.confirm = confirm::name(request, &planned.gone, &cx).await?;
    let entities: Vec<EntityRef> = planned.touches.iter().map(|(e, _)| e.clone()).collect();
    let mut planned = settle(core, planned, draft.plan, &entities).await.map_err(|error| gone::explain(request, error))?;
    site_verify::judge(&mut planned, &cx).await?;
    if matches!(request, Request::VerifySite { .. } | Request::ChangeSite(_)) {
        site_verify::warn_of_lost_files(&mut planned);
    }
    Ok(planned)
}
