//! `aegir init`: root prepares the machine by a plan; then the Aegir user enrols it by another.

mod child;
mod enrol;
mod services;
mod whole;

pub(crate) use enrol::enrol;

use std::process::Command;
use std::sync::Arc;

use aegir_core::action::{Action as _, InstallPackages};
use aegir_core::engine::Outcome;
use aegir_core::entity::{Server, Stage, Transport};
use aegir_core::inventory::memory::MemoryInventory;
use aegir_core::name::{ServerName, SiteUri};
use aegir_core::plan::Planned;
use aegir_core::secret::Keyring;
use aegir_core::service::Registry;
use aegir_core::settings::Settings;
use aegir_core::task::{ChangeServer, EnrolServer, PrepareMachine, Request, Trust};
use aegir_core::{Aegir, Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::args::{Global, InitArgs};
use crate::follow::{Followed, Signals, follow};
use crate::ui::{self, Ui};
use crate::{door, exit};
use child::Child;
use enrol::Errand;

/// Prepares this machine; a second run mends what is missing and otherwise changes nothing.
pub(crate) async fn run(args: &InitArgs, settings: Settings, registry: Registry, global: &Global, ui: &Ui) -> Result<u8> {
    require_root()?;
    let mut signals = Signals::listen()?;
    let child = Child::new(&settings, global);
    whole::require(&settings)?;
    let (database, key) = (door::database(&settings.root()), door::key(&settings.root()));
    let keyring = if key.exists() { Keyring::load(&key)? } else { Keyring::generate()? };
    // The journal is in memory: there is no inventory yet, and what is cut short is finished by the next run.
    let aegir = Aegir::builder(Arc::new(MemoryInventory::default()), registry, keyring).settings(settings).build();
    let prepare = |hostname: &str, services: &services::Services| {
        Request::PrepareMachine(PrepareMachine { hostname: hostname.to_owned(), services: services.clone(), packages: !args.no_packages })
    };

    let mut standing = None;
    if key.exists() && database.exists() {
        standing = match child.standing().await {
            Ok(standing) => standing,
            // Its account or directories are not as they should be: mend those first, then look again.
            Err(error) if args.dry_run => return Err(error),
            Err(_) => {
                let planned = aegir.plan(&prepare("this machine", &services::Services::new())).await?;
                if let Some(code) = done(planned, &aegir, &mut signals, ui).await?.1 {
                    return Ok(code);
                }
                child.standing().await?
            }
        };
    }
    let hostname = hostname(args, standing.as_ref())?;
    let services = match &standing {
        Some(server) => services::kept(server, args, aegir.registry())?,
        None => services::chosen(args, aegir.registry(), aegir.keyring())?,
    };
    let planned = aegir.plan(&prepare(&hostname, &services)).await?;
    planned.warnings.iter().for_each(|warning| ui.warn(warning));
    let errand =
        Errand { request: enrolment(standing.as_ref(), hostname, stage(args, standing.as_ref())?, services, args), dry_run: args.dry_run };
    if args.dry_run {
        return show(&planned, &errand, standing.is_some(), &child, ui).await;
    }
    let title = planned.title.clone();
    let (outcome, failed) = done(planned, &aegir, &mut signals, ui).await?;
    if let Some(code) = failed {
        return Ok(code);
    }
    let (code, enrolled) = child.run(&errand).await?;
    if code == exit::DONE && ui.json {
        ui.item("Init", || json!({ "prepare": ui::outcome_item(&title, None, &outcome), "enrol": enrolled["item"] }), String::new);
    }
    Ok(code)
}

/// Runs a preparation and tells its end; the code is there when it was not done.
async fn done(planned: Planned, aegir: &Aegir, signals: &mut Signals, ui: &Ui) -> Result<(Outcome, Option<u8>)> {
    let title = planned.title.clone();
    let installs = planned.steps.iter().any(|s| s.step.action == InstallPackages::NAME);
    let outcome = if planned.is_empty() {
        Outcome::Done { changed: 0, warnings: 0 }
    } else {
        match follow(aegir.submit(planned).await?, signals, ui).await? {
            Followed::Ended(_, outcome) => outcome,
            Followed::Abandoned(_) => {
                return Err(Error::new(ErrorKind::Interrupted, "the preparation was broken off in the middle")
                    .hint("`sudo aegir init` again finishes it"));
            }
        }
    };
    match &outcome {
        Outcome::Done { changed: 0, .. } if !ui.json => ui::nothing(ui, &title, None),
        Outcome::Done { changed, .. } => ui.say(format!("{title}: {changed} steps done")),
        _ => {
            if installs {
                ui.warn("packages that were installed stay");
            }
            ui::ended(ui, &title, None, &outcome, None);
            let code = exit::of_outcome(&outcome);
            return Ok((outcome, Some(code)));
        }
    }
    Ok((outcome, None))
}

fn require_root() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Denied, "`aegir init` prepares the machine, so it runs as root").hint("`sudo aegir init`"))
}

/// The flag; what is enrolled already is changed by another command.
fn stage(args: &InitArgs, standing: Option<&Server>) -> Result<Stage> {
    let wanted = args.stage.as_deref().map(str::parse::<Stage>).transpose()?;
    match (standing, wanted) {
        (Some(server), Some(wanted)) if wanted != server.stage => {
            Err(Error::conflict("this machine is enrolled with another stage")
                .hint(format!("`aegir server edit {} --stage …`", server.name)))
        }
        (Some(server), _) => Ok(server.stage),
        (None, wanted) => Ok(wanted.unwrap_or_default()),
    }
}

fn enrolment(standing: Option<&Server>, hostname: String, stage: Stage, services: services::Services, args: &InitArgs) -> Request {
    match standing {
        Some(server) if server.services != services => {
            Request::ChangeServer(ChangeServer { services: services::changed(args), ..ChangeServer::nothing(server.name.clone()) })
        }
        Some(server) => Request::VerifyServer { server: server.name.clone() },
        None => Request::EnrolServer(EnrolServer {
            name: ServerName::master(),
            hostname,
            transport: Transport::Local,
            stage,
            services,
            host_keys: Trust::Pinned,
        }),
    }
}

/// What both halves would change; the second half of a bare machine cannot be looked at before the first.
async fn show(planned: &Planned, errand: &Errand, standing: bool, child: &Child, ui: &Ui) -> Result<u8> {
    if !ui.json {
        ui.data(ui::plan_text(planned, &ui.out));
    }
    let (code, enrol) = if standing { child.run(errand).await? } else { (exit::DONE, Value::Null) };
    if ui.json {
        ui.item("Init", || json!({ "prepare": ui::plan_item(planned), "enrol": enrol["item"] }), String::new);
    } else if !standing {
        ui.say("then it enrols this machine as server_master; what that writes shows once the packages are there");
        ui.say("dry run: nothing was changed");
    }
    Ok(code)
}

/// The flag, what is enrolled already, or what the machine says; always a name that DNS could know.
fn hostname(args: &InitArgs, standing: Option<&Server>) -> Result<String> {
    if let Some(server) = standing {
        return match &args.hostname {
            Some(wanted) if *wanted != server.hostname => {
                Err(Error::conflict(format!("this machine is enrolled as {}, not as {}", server.hostname, wanted.escape_debug()))
                    .hint(format!("`aegir server edit {} --hostname {}` renames it", server.name, aegir_core::text::word(wanted)))
                    .hint("without `--hostname`, init prepares it as it is"))
            }
            _ => Ok(server.hostname.clone()),
        };
    }
    let name = match &args.hostname {
        Some(name) => name.clone(),
        None => Command::new("hostname")
            .arg("--fqdn")
            .output()
            .ok()
            .filter(|o| o.status.success())
            .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
            .unwrap_or_default(),
    };
    let parsed = SiteUri::parse(&name).ok().filter(|uri| uri.port().is_none() && uri.as_str() == name);
    parsed.map(|uri| uri.host().to_owned()).ok_or_else(|| {
        Error::invalid(format!("‘{}’ is no host name for this machine", name.escape_debug()))
            .hint("give one: `sudo aegir init --hostname master.example.com`")
    })
}
