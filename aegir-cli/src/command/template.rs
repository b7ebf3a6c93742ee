//! `aegir template …`

use std::io::Write as _;

use aegir_core::template::{Origin, TemplateInfo};
use aegir_core::{Error, Result};
use serde_json::json;

use crate::args::TemplateVerb;
use crate::exit;
use crate::session::Session;
use crate::ui::{Table, to_json};

/// What the noun `template` does.
pub(crate) fn template(verb: TemplateVerb, session: &Session) -> Result<u8> {
    let (templates, ui) = (session.aegir.templates(), &session.ui);
    match verb {
        TemplateVerb::List => {
            let list = templates.list()?;
            ui.list("TemplateList", || to_json(&list), || table(&list), "this build has no templates");
        }
        TemplateVerb::Show { template } => {
            let (text, origin) = templates.source(&template)?;
            ui.item("Template", || json!({ "name": template, "origin": to_json(&origin), "text": text }), || text.clone());
        }
        TemplateVerb::Eject { template } => eject(&template, session)?,
        TemplateVerb::Diff { template } => {
            let names = match template {
                Some(name) => vec![name],
                None => templates.list()?.into_iter().filter(|t| t.origin != Origin::BuiltIn).map(|t| t.name).collect(),
            };
            let diffs = names.iter().map(|name| Ok((name, templates.diff(name)?))).collect::<Result<Vec<_>>>()?;
            if diffs.is_empty() && !ui.json {
                ui.say("no template is overridden; `aegir template eject TEMPLATE` makes an override");
                return Ok(exit::DONE);
            }
            ui.item(
                "TemplateDiff",
                || diffs.iter().map(|(name, diff)| json!({ "name": name, "diff": diff })).collect(),
                || diffs.iter().map(|(_, diff)| diff.as_str()).collect::<String>(),
            );
        }
    }
    Ok(exit::DONE)
}

fn table(list: &[TemplateInfo]) -> Table<'_> {
    let mut table = Table::new(&["TEMPLATE", "FROM", "NOTE"]);
    for info in list {
        let from = match &info.origin {
            Origin::BuiltIn => "built in".to_owned(),
            Origin::Override(path) => path.to_string(),
        };
        let note = if info.outdated { "the built-in one has changed since: see `aegir template diff`" } else { "" };
        table.row([info.name.clone(), from, note.to_owned()]);
    }
    table
}

fn eject(name: &str, session: &Session) -> Result<()> {
    let (path, text) = session.aegir.templates().eject(name)?;
    let problem = |e: std::io::Error| Error::failed(format!("the override {path} cannot be written")).context("file", &path).because(e);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(problem)?;
    }
    // Whoever wrote one in the meantime keeps theirs.
    std::fs::OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut f| f.write_all(text.as_bytes())).map_err(problem)?;
    session.ui.item("Template", || json!({ "name": name, "path": path }), || path.to_string());
    session.ui.say("edit it, then see what changes: verify with `--dry-run` a server, a platform or a site that it is for");
    Ok(())
}
