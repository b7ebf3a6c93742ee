//! `aegir server …`

mod enrol;

use aegir_core::entity::{Platform, Server};
use aegir_core::inventory::{NotedCheck, SiteFilter};
use aegir_core::name::ServerName;
use aegir_core::server::HostKey;
use aegir_core::task::Request;
use aegir_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::{doctor, warn_of_stuck};
use crate::args::ServerVerb;
use crate::change::{self, Wanted};
use crate::exit;
use crate::many;
use crate::session::Session;
use crate::ui::{Table, facts, to_json};

/// What the noun `server` does.
pub(crate) async fn server(verb: ServerVerb, session: &Session) -> Result<u8> {
    match verb {
        ServerVerb::Bootstrap(args) => enrol::bootstrap(args, session).await,
        ServerVerb::Add(args) => enrol::add(*args, session).await,
        ServerVerb::Edit(args) => enrol::edit(*args, session).await,
        ServerVerb::Delete { server, offline, change } => {
            let server = match session.aegir.server_named(&server).await {
                // It may never have come to be one: a task that was at it may wait for the machine.
                Err(missing) if offline && missing.kind() == ErrorKind::NotFound => ServerName::parse(&server)?,
                named => named?,
            };
            let request = Request::DeleteServer { server, offline };
            change::run(&Wanted::new(request).asking().next("aegir server list"), &change, session).await
        }
        ServerVerb::List => list(session).await,
        ServerVerb::Show { server } => show(&server, session).await,
        ServerVerb::Verify { server, all, check, change } => {
            let names = named(&server, all, session).await?;
            match &names[..] {
                _ if !check.is_empty() => doctor::only(&names, &check, session).await,
                [name] if !all => {
                    let next = format!("aegir server show {name}");
                    change::run(&Wanted::new(Request::VerifyServer { server: name.clone() }).next(next), &change, session).await
                }
                _ => {
                    let item = |name: ServerName| many::Item {
                        title: format!("verify server {name}"),
                        name: name.to_string(),
                        request: Request::VerifyServer { server: name },
                    };
                    many::run(names.into_iter().map(item).collect(), &change, session).await
                }
            }
        }
    }
}

/// The servers that were named, once each, or all.
async fn named(texts: &[String], all: bool, session: &Session) -> Result<Vec<ServerName>> {
    if all {
        return Ok(session.aegir.inventory().servers().await?.into_iter().map(|s| s.name).collect());
    }
    let mut names = Vec::new();
    for text in texts {
        let name = session.aegir.server_named(text).await?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

async fn list(session: &Session) -> Result<u8> {
    let servers = session.aegir.inventory().servers().await?;
    session.ui.list(
        "ServerList",
        || to_json(&servers),
        || {
            let mut table = Table::new(&["NAME", "HOSTNAME", "SERVICES", "STAGE", "REACHED BY", "SYSTEM"]);
            for server in &servers {
                table.row([
                    server.name.to_string(),
                    server.hostname.clone(),
                    services(server).join(", "),
                    word(&server.stage),
                    server.transport.to_string(),
                    server.facts.as_ref().map(|f| f.os.clone()).unwrap_or_default(),
                ]);
            }
            table
        },
        "there are no servers; `sudo aegir init` prepares this machine",
    );
    warn_of_stuck(session).await;
    Ok(exit::DONE)
}

fn services(server: &Server) -> Vec<String> {
    server.services.iter().map(|(service, binding)| format!("{service}={}", binding.service_type)).collect()
}

/// The word that a type of ours is written as.
fn word(value: &impl serde::Serialize) -> String {
    to_json(value).as_str().unwrap_or_default().to_owned()
}

/// A server with what stands on it, the host keys that are pinned for it, and what was last found.
struct Standing {
    server: Server,
    platforms: Vec<Platform>,
    sites: usize,
    keys: Vec<HostKey>,
    checks: Vec<NotedCheck>,
}

async fn show(text: &str, session: &Session) -> Result<u8> {
    let name = session.aegir.server_named(text).await?;
    let inventory = session.aegir.inventory();
    let server = inventory
        .server(&name)
        .await?
        .ok_or_else(|| Error::not_found(format!("there is no server {name}")).hint("`aegir server list` shows what there is"))?;
    let mut platforms = inventory.platforms().await?;
    platforms.retain(|p| p.server == name);
    let checks = inventory.noted_checks(&name).await?;
    let sites = inventory.sites(&SiteFilter { platform: None, server: Some(name) }).await?.len();
    let keys = session.aegir.pinned_host_keys(&server.transport).await?;
    let standing = Standing { server, platforms, sites, keys, checks };
    session.ui.item("Server", || document(&standing), || facts(&about(&standing), &session.ui.out));
    Ok(exit::DONE)
}

fn document(standing: &Standing) -> Value {
    let mut document = to_json(&standing.server);
    document["platforms"] = standing.platforms.iter().map(|p| p.name.as_str()).collect();
    document["sites"] = standing.sites.into();
    document["host_keys"] = standing.keys.iter().map(|k| json!({ "kind": k.kind, "fingerprint": k.fingerprint })).collect();
    document["checks"] = to_json(&standing.checks);
    document
}

fn about(standing: &Standing) -> Vec<(&'static str, String)> {
    let server = &standing.server;
    let lines = |lines: &mut dyn Iterator<Item = String>| lines.collect::<Vec<_>>().join("\n");
    let mut pairs = vec![
        ("Name", server.name.to_string()),
        ("Host name", server.hostname.clone()),
        ("Reached by", server.transport.to_string()),
        ("Host keys", lines(&mut standing.keys.iter().map(|k| format!("{} ({})", k.fingerprint, k.kind)))),
        ("Stage", word(&server.stage)),
        ("Services", services(server).join("\n")),
        ("Platforms", lines(&mut standing.platforms.iter().map(|p| p.name.to_string()))),
        ("Sites", standing.sites.to_string()),
        ("Root", server.root.to_string()),
        ("Account", format!("{}, web group {}", server.user, server.web_group)),
        ("Addresses", lines(&mut server.addresses.iter().map(ToString::to_string))),
    ];
    if let Some(facts) = &server.facts {
        let php = |p: &aegir_core::server::Php| {
            format!("{} {}", p.version_text(), p.fpm.as_ref().map_or("(no FPM)".to_owned(), ToString::to_string))
        };
        pairs.extend([
            ("System", format!("{}, {} processors", facts.os, facts.cpus)),
            ("PHP", lines(&mut facts.php.iter().map(php))),
            ("Web server", lines(&mut facts.apache.iter().chain(&facts.nginx).cloned())),
            ("Database", facts.db_client.clone().unwrap_or_default()),
        ]);
    }
    pairs.push(("Last checks", doctor::noted(&standing.checks, chrono::Utc::now())));
    pairs
}
