//! `aegir completion SHELL`

use aegir_core::{Error, Result};
use clap_complete::env::Shells;

use crate::exit;
use crate::ui::Ui;

/// Prints a script that lets the shell ask this program for every word.
pub(crate) fn completion(shell: &str, ui: &Ui) -> Result<u8> {
    let shells = Shells::builtins();
    let completer = shells.completer(shell).ok_or_else(|| {
        Error::invalid(format!("there is no completion for {shell}; there is for: {}", shells.names().collect::<Vec<_>>().join(", ")))
    })?;
    let mut script = Vec::new();
    completer
        .write_registration("COMPLETE", "aegir", "aegir", "aegir", &mut script)
        .map_err(|e| Error::internal("writing the completion script").because(e))?;
    ui.data(String::from_utf8_lossy(&script));
    Ok(exit::DONE)
}
