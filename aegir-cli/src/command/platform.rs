//! `aegir platform …`

use aegir_core::entity::{ExtensionKind, Platform};
use aegir_core::inventory::SiteFilter;
use aegir_core::name::PlatformName;
use aegir_core::task::{AddPlatform, ChangePlatform, Request};
use aegir_core::{Error, Result};

use super::warn_of_stuck;
use crate::args::{ChangeArgs, PlatformVerb};
use crate::change::{self, Wanted};
use crate::exit;
use crate::session::Session;
use crate::ui::{Table, facts, to_json};

/// What the noun `platform` does.
pub(crate) async fn platform(verb: PlatformVerb, session: &Session) -> Result<u8> {
    match verb {
        PlatformVerb::Add(args) => {
            let name = PlatformName::parse(&args.name)?;
            let server = session.aegir.server_named(&args.server).await?;
            let next = format!("aegir site install URI --platform {name}");
            let request = Request::AddPlatform(AddPlatform { name, path: args.path, server, from: args.from, php: args.php });
            change::run(&Wanted::new(request).next(next), &args.change, session).await
        }
        PlatformVerb::List => list(session).await,
        PlatformVerb::Show { platform } => show(&PlatformName::parse(&platform)?, session).await,
        PlatformVerb::Verify { platform, change } => {
            let platform = PlatformName::parse(&platform)?;
            let next = format!("aegir platform show {platform}");
            change::run(&Wanted::new(Request::VerifyPlatform { platform }).next(next), &change, session).await
        }
        PlatformVerb::Lock { platform, change } => lock(&platform, true, &change, session).await,
        PlatformVerb::Unlock { platform, change } => lock(&platform, false, &change, session).await,
        PlatformVerb::Delete { platform, offline, change } => {
            let request = Request::DeletePlatform { platform: PlatformName::parse(&platform)?, offline };
            change::run(&Wanted::new(request).asking().next("aegir platform list"), &change, session).await
        }
    }
}

async fn lock(platform: &str, locked: bool, args: &ChangeArgs, session: &Session) -> Result<u8> {
    let platform = PlatformName::parse(platform)?;
    let next = format!("aegir platform show {platform}");
    let request = Request::ChangePlatform(ChangePlatform { platform, locked: Some(locked) });
    change::run(&Wanted::new(request).next(next), args, session).await
}

async fn list(session: &Session) -> Result<u8> {
    let platforms = session.aegir.inventory().platforms().await?;
    session.ui.list(
        "PlatformList",
        || to_json(&platforms),
        || {
            let mut table = Table::new(&["NAME", "APPLICATION", "SERVER", "PATH", "STATE"]);
            for p in &platforms {
                let state = if p.locked { "locked" } else { "open" };
                table.row([
                    p.name.to_string(),
                    format!("{} {}", p.codebase.application, p.codebase.version),
                    p.server.to_string(),
                    p.path.to_string(),
                    state.to_owned(),
                ]);
            }
            table
        },
        "there are no platforms; `aegir platform add NAME --path PATH` adds one",
    );
    warn_of_stuck(session).await;
    Ok(exit::DONE)
}

async fn show(name: &PlatformName, session: &Session) -> Result<u8> {
    let inventory = session.aegir.inventory();
    let platform = inventory
        .platform(name)
        .await?
        .ok_or_else(|| Error::not_found(format!("there is no platform {name}")).hint("`aegir platform list` shows what there is"))?;
    let sites = inventory.sites(&SiteFilter { platform: Some(name.clone()), server: None }).await?.len();
    session.ui.item("Platform", || to_json(&platform), || facts(&about(&platform, sites), &session.ui.out));
    Ok(exit::DONE)
}

fn about(p: &Platform, sites: usize) -> Vec<(&'static str, String)> {
    let profiles = p.codebase.profiles.iter().filter(|p| !p.hidden).map(|p| format!("{} ({})", p.name, p.title)).collect::<Vec<_>>();
    let count = |kind| p.codebase.extensions.iter().filter(|e| e.kind == kind).count();
    vec![
        ("Name", p.name.to_string()),
        ("Application", format!("{} {}", p.codebase.application, p.codebase.version)),
        ("Server", p.server.to_string()),
        ("Path", p.path.to_string()),
        ("Document root", p.docroot().to_string()),
        ("PHP", format!("runs on {}{}", p.codebase.php_range(), p.php.as_ref().map(|v| format!("; {v} chosen")).unwrap_or_default())),
        ("Profiles", profiles.join("\n")),
        ("Extensions", format!("{} modules, {} themes", count(ExtensionKind::Module), count(ExtensionKind::Theme))),
        ("Sites", sites.to_string()),
        ("State", if p.locked { "locked: takes no new sites" } else { "open" }.to_owned()),
        ("Code", if p.created { "put there by Aegir" } else { "taken over; stays when the platform is deleted" }.to_owned()),
    ]
}
