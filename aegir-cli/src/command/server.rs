//! `aegir server …`

use aegir_core::entity::Server;
use aegir_core::task::Request;
use aegir_core::{Error, Result};
use serde_json::Value;

use super::{doctor, warn_of_stuck};
use crate::args::ServerVerb;
use crate::change::{self, Wanted};
use crate::exit;
use crate::session::Session;
use crate::ui::{Table, facts, to_json};

/// What the noun `server` does.
pub(crate) async fn server(verb: ServerVerb, session: &Session) -> Result<u8> {
    match verb {
        ServerVerb::List => list(session).await,
        ServerVerb::Show { server } => show(&server, session).await,
        ServerVerb::Verify { server, check, change } => {
            let name = session.aegir.server_named(&server).await?;
            if !check.is_empty() {
                return doctor::only(name, &check, session).await;
            }
            let next = format!("aegir server show {name}");
            change::run(&Wanted::new(Request::VerifyServer { server: name }).next(next), &change, session).await
        }
    }
}

async fn list(session: &Session) -> Result<u8> {
    let servers = session.aegir.inventory().servers().await?;
    session.ui.list(
        "ServerList",
        || to_json(&servers),
        || {
            let mut table = Table::new(&["NAME", "HOSTNAME", "SERVICES", "STAGE", "SYSTEM"]);
            for server in &servers {
                table.row([
                    server.name.to_string(),
                    server.hostname.clone(),
                    services(server).join(", "),
                    word(&server.stage),
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
    match to_json(value) {
        Value::String(text) => text,
        other => other["type"].as_str().unwrap_or_default().to_owned(),
    }
}

async fn show(text: &str, session: &Session) -> Result<u8> {
    let name = session.aegir.server_named(text).await?;
    let server = session
        .aegir
        .inventory()
        .server(&name)
        .await?
        .ok_or_else(|| Error::not_found(format!("there is no server {name}")).hint("`aegir server list` shows what there is"))?;
    let notes = session.aegir.inventory().noted_checks(&name).await?;
    let document = || {
        let mut item = to_json(&server);
        item["checks"] = to_json(&notes);
        item
    };
    let text = || {
        let mut pairs = about(&server);
        pairs.push(("Last checks", doctor::noted(&notes, chrono::Utc::now())));
        facts(&pairs, &session.ui.out)
    };
    session.ui.item("Server", document, text);
    Ok(exit::DONE)
}

fn about(server: &Server) -> Vec<(&'static str, String)> {
    let mut pairs = vec![
        ("Name", server.name.to_string()),
        ("Host name", server.hostname.clone()),
        ("Reached by", word(&server.transport)),
        ("Stage", word(&server.stage)),
        ("Services", services(server).join("\n")),
        ("Root", server.root.to_string()),
        ("Account", format!("{}, web group {}", server.user, server.web_group)),
        ("Addresses", server.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    ];
    if let Some(facts) = &server.facts {
        let php = |p: &aegir_core::server::Php| {
            format!("{} {}", p.version_text(), p.fpm.as_ref().map_or("(no FPM)".to_owned(), ToString::to_string))
        };
        pairs.extend([
            ("System", format!("{}, {} processors", facts.os, facts.cpus)),
            ("PHP", facts.php.iter().map(php).collect::<Vec<_>>().join("\n")),
            ("Web server", facts.apache.iter().chain(&facts.nginx).cloned().collect::<Vec<_>>().join("\n")),
            ("Database", facts.db_client.clone().unwrap_or_default()),
        ]);
    }
    pairs
}
