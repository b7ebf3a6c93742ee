//! Which host keys are believed: those that are pinned, and those that an operator agreed to. Never any other.

use std::sync::Arc;

use crate::action::PinHostKeys;
use crate::connections::ssh_config;
use crate::entity::{Owner, Server, Transport};
use crate::name::ServerName;
use crate::plan::Plan;
use crate::server::{HostKey, SshConfig, pinned_host_keys};
use crate::service::PlanContext;
use crate::shared::Core;
use crate::{Error, Result};

/// Whose word a server's host keys are taken on.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// Only keys that are pinned already.
    #[default]
    Pinned,
    /// Keys with these fingerprints, `SHA256:…`, in the place of those that are pinned; the server must show each.
    These(Vec<String>),
    /// Whatever a server shows for which nothing is pinned; a changed key is refused.
    New,
}

/// The host keys of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct HostKeys {
    /// What it shows, to anybody who asks; nothing says that it is the right machine.
    pub offered: Vec<HostKey>,
    /// What is pinned.
    pub pinned: Vec<HostKey>,
}

/// Asks a server for its keys, and looks what is pinned for it. Changes nothing.
pub(crate) async fn host_keys(core: &Arc<Core>, transport: &Transport) -> Result<HostKeys> {
    let Some(config) = ssh_config(transport, &core.settings) else { return Ok(HostKeys::default()) };
    let cx = PlanContext::new(core);
    Ok(HostKeys { pinned: pinned(&config, &cx).await?, offered: config.scan_host_keys().await? })
}

/// What is pinned for a server.
pub(crate) async fn pinned_keys(core: &Arc<Core>, transport: &Transport) -> Result<Vec<HostKey>> {
    match ssh_config(transport, &core.settings) {
        Some(config) => pinned(&config, &PlanContext::new(core)).await,
        None => Ok(Vec::new()),
    }
}

async fn pinned(config: &SshConfig, cx: &PlanContext<'_>) -> Result<Vec<HostKey>> {
    let text = cx.observe(&ServerName::master()).await?.read_text(&config.known_hosts).await?.unwrap_or_default();
    Ok(pinned_host_keys(&text, &config.host, config.port))
}

/// Settles which keys of a server are believed; the plan pins those that are not pinned yet. `verb` is the command that
/// takes `--host-key`.
pub(super) async fn agree(server: &Server, trust: &Trust, verb: &str, cx: &PlanContext<'_>) -> Result<Plan> {
    server.transport.check()?;
    let Some(config) = ssh_config(&server.transport, &cx.core.settings) else { return Ok(Plan::empty()) };
    let pinned = pinned(&config, cx).await?;
    let keys = match trust {
        Trust::Pinned | Trust::New if !pinned.is_empty() => return Ok(Plan::empty()),
        Trust::Pinned => return Err(unknown(server, &scan(server, &config).await?, verb)),
        // Said again what is so: the connection itself is held against the pins.
        Trust::These(wanted) if exactly(wanted, &pinned) => return Ok(Plan::empty()),
        Trust::New => scan(server, &config).await?,
        Trust::These(wanted) => these(server, wanted, &pinned, scan(server, &config).await?)?,
    };
    if keys == pinned {
        return Ok(Plan::empty());
    }
    cx.believe(server, keys.clone()).await;
    let pin = PinHostKeys { of: server.name.clone(), transport: server.transport.clone(), keys };
    Plan::empty().then(&ServerName::master(), &Owner::from(server), &pin)
}

fn exactly(wanted: &[String], pinned: &[HostKey]) -> bool {
    !pinned.is_empty()
        && pinned.iter().all(|k| wanted.contains(&k.fingerprint))
        && wanted.iter().all(|w| pinned.iter().any(|k| k.fingerprint == *w))
}

async fn scan(server: &Server, config: &SshConfig) -> Result<Vec<HostKey>> {
    config.scan_host_keys().await.map_err(|e| e.context("server", &server.name))
}

fn unknown(server: &Server, offered: &[HostKey], verb: &str) -> Error {
    let accept = offered.first().map_or("SHA256:…", |k| &k.fingerprint);
    Error::refused(format!("the host key of server {} is not known; it offers {}", server.name, in_words(offered)))
        .context("server", &server.name)
        .hint("compare it on the server: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`")
        .hint(format!("then accept it: `{verb} --host-key {accept}`"))
}

/// The keys with these fingerprints, of which the server must show each.
fn these(server: &Server, wanted: &[String], pinned: &[HostKey], offered: Vec<HostKey>) -> Result<Vec<HostKey>> {
    let plain = |w: &&String| {
        w.strip_prefix("SHA256:").is_some_and(|h| h.len() == 43 && h.chars().all(|c| c.is_ascii_alphanumeric() || "+/".contains(c)))
    };
    if let Some(odd) = wanted.iter().find(|w| !plain(w)) {
        return Err(Error::invalid(format!("{} is no fingerprint of a host key", crate::name::shown(odd)))
            .hint("it looks like SHA256:… with 43 characters behind the colon; `ssh-keygen -lf FILE` prints it"));
    }
    if let Some(missing) = wanted.iter().find(|w| !offered.iter().any(|k| k.fingerprint == **w)) {
        let was = if pinned.is_empty() { String::new() } else { format!("; pinned is {}", in_words(pinned)) };
        return Err(Error::refused(format!(
            "server {} does not show the host key {missing}; it offers {}{was}",
            server.name,
            in_words(&offered)
        ))
        .context("server", &server.name)
        .hint("compare on the server with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`")
        .hint("if they differ there, too, somebody may be between you and the server"));
    }
    Ok(offered.into_iter().filter(|k| wanted.contains(&k.fingerprint)).collect())
}

fn in_words(keys: &[HostKey]) -> String {
    keys.iter().map(|k| format!("{} ({})", k.fingerprint, k.kind)).collect::<Vec<_>>().join(", ")
}
