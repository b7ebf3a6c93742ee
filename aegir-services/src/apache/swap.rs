//! A configuration change of Apache: its commands, and the marker that proves it is in use.

use aegir_core::Result;
use aegir_core::entity::{Server, Transport};
use aegir_core::name::ServerName;
use aegir_core::secret::{Domain, Sealed};
use aegir_core::service::{PlanContext, helper_command};
use aegir_core::template::Content;

use super::machine::{APPLY, LIVE, SAME, TEST, VHOSTS};
use crate::web::{Expect, FileChange, Outside, Probe, SwapConfiguration};

/// A change without probes.
pub(super) fn swap(what: String, server: &Server, changes: Vec<FileChange>) -> SwapConfiguration {
    SwapConfiguration {
        what,
        directory: server.config_dir(),
        changes,
        claims: Vec::new(),
        gives_up: Vec::new(),
        test: helper_command(TEST),
        reload: helper_command(APPLY),
        probes: Vec::new(),
        addresses: Vec::new(),
        same: helper_command(SAME),
        served: Some(LIVE.into()),
        foreign: helper_command(VHOSTS),
        outside: (server.transport != Transport::Local).then(|| Outside { from: ServerName::master(), address: server.hostname.clone() }),
    }
}

/// A configuration file and its generation: a keyed hash of all that is in it, secrets and the template included.
/// Twice the same, so an unchanged file stays unchanged.
pub(super) fn render(
    template: &str,
    mut data: serde_json::Value,
    secrets: &[(&str, &Sealed)],
    cx: &PlanContext<'_>,
) -> Result<(Content, String)> {
    data["generation"] = "0".into();
    let draft = cx.render(template, &data, secrets)?.materialise(cx.keyring())?;
    let generation: String = cx.keyring().mark(Domain::Configuration, &draft).chars().take(16).collect();
    data["generation"] = generation.as_str().into();
    Ok((cx.render(template, &data, secrets)?, generation))
}

/// The virtual host answers with this very generation.
pub(super) fn live(host: &str, port: u16, name: &str, generation: &str) -> Probe {
    Probe { host: host.to_owned(), port, expect: Expect::Live(format!("{name} {generation}")) }
}
