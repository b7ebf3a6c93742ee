//! `aegir doctor` and `aegir server verify --check`: named checks that change nothing.

use aegir_core::name::ServerName;
use aegir_core::service::{Check, Finding};
use aegir_core::{Error, Result};
use serde_json::{Value, json};

use crate::exit;
use crate::session::Session;
use crate::ui::{Table, Ui};

/// Checks one server, or all; one that cannot be looked at keeps no other from being looked at.
pub(crate) async fn doctor(server: Option<&str>, session: &Session) -> Result<u8> {
    let names = match server {
        Some(text) => vec![session.aegir.server_named(text).await?],
        None => session.aegir.inventory().servers().await?.into_iter().map(|s| s.name).collect(),
    };
    let mut found = Vec::new();
    let mut unseen = None;
    for name in names {
        match session.aegir.check(&name).await {
            Ok(checks) => found.push((name, checks)),
            Err(error) => {
                session.ui.error(&error);
                unseen.get_or_insert(exit::of_kind(error.kind()));
            }
        }
    }
    let code = show(&found, &session.ui);
    Ok(match (unseen, found.is_empty()) {
        (Some(code), true) => code,
        (Some(_), false) => exit::PARTLY,
        (None, _) => code,
    })
}

/// Runs only the checks with these names.
pub(super) async fn only(name: ServerName, wanted: &[String], session: &Session) -> Result<u8> {
    let mut checks = session.aegir.check(&name).await?;
    let known: Vec<String> = checks.iter().map(|c| c.name.clone()).collect();
    if let Some(unknown) = wanted.iter().find(|w| !known.contains(w)) {
        return Err(Error::not_found(format!("server {name} has no check {}; it has: {}", unknown.escape_debug(), known.join(", ")))
            .context("server", &name));
    }
    checks.retain(|c| wanted.contains(&c.name));
    Ok(show(&[(name, checks)], &session.ui))
}

fn show(found: &[(ServerName, Vec<Check>)], ui: &Ui) -> u8 {
    let all = || found.iter().flat_map(|(server, checks)| checks.iter().map(move |check| (server, check)));
    ui.list(
        "CheckList",
        || {
            all()
                .map(
                    |(server, c)| json!({ "server": server, "name": c.name, "finding": c.finding, "evidence": c.evidence, "mend": c.mend }),
                )
                .collect::<Vec<Value>>()
                .into()
        },
        || {
            let mut table = Table::new(&["SERVER", "CHECK", "FINDING", "EVIDENCE"]);
            all().for_each(|(server, c)| table.row([server.to_string(), c.name.clone(), word(c.finding).to_owned(), c.evidence.clone()]));
            table
        },
        "there is nothing to check",
    );
    for (_, check) in all().filter(|(_, c)| !c.mend.is_empty()) {
        ui.say(&format!("mend {}: {}", check.name, check.mend));
    }
    if all().any(|(_, c)| c.finding == Finding::Fail) { exit::REFUSED } else { exit::DONE }
}

fn word(finding: Finding) -> &'static str {
    match finding {
        Finding::Pass => "pass",
        Finding::Warn => "warn",
        Finding::Fail => "FAIL",
    }
}
