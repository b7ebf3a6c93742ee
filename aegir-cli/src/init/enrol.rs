//! The half of `init` that runs as the Aegir user: makes the inventory, enrols the machine in it.

use std::io::Read as _;

use aegir_core::name::ServerName;
use aegir_core::service::Registry;
use aegir_core::settings::Settings;
use aegir_core::task::Request;
use aegir_core::{Error, Result};

use crate::args::{ChangeArgs, Global};
use crate::change::{self, Wanted};
use crate::session::Session;
use crate::ui::{Ui, to_json};
use crate::{door, exit};

/// What root wants done; passwords in it are sealed with the inventory's key.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Errand {
    pub(super) request: Request,
    pub(super) dry_run: bool,
}

/// `aegir __enrol`: does the errand on standard input, or shows how the master is stored.
pub(crate) async fn enrol(show: bool, settings: Settings, registry: Registry, global: &Global, ui: &Ui) -> Result<u8> {
    if show {
        let aegir = door::open(settings, registry).await?.build();
        // Not through a document, which would hide the sealed password: root seals with the same key.
        ui.line(&to_json(&aegir.inventory().server(&ServerName::master()).await?));
        return Ok(exit::DONE);
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|e| Error::failed("reading the errand").because(e))?;
    let errand: Errand = serde_json::from_str(&text).map_err(|e| Error::invalid("this is no errand of `aegir init`").because(e))?;
    let session = Session { aegir: door::open_or_make(settings, registry).await?, ui: ui.clone(), global: global.clone() };
    let args = ChangeArgs { dry_run: errand.dry_run, yes: true, ..ChangeArgs::default() };
    let wanted =
        Wanted::new(errand.request).next(format!("sudo -u {} aegir platform add NAME --path PATH", session.aegir.settings().user()));
    change::run(&wanted, &args, &session).await
}
