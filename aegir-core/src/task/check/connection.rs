//! Whether a server can be reached: the network, its host key, the login. The first layer that fails is named.

use std::time::Instant;

use crate::connections::ssh_config;
use crate::entity::{Server, Transport};
use crate::server::{Silence, pinned_host_keys};
use crate::service::{Check, PlanContext, as_root};
use crate::{Error, Result};

pub(super) const REACHABLE: &str = "reachable";
const HOST_KEY: &str = "host-key";
pub(super) const LOGIN: &str = "login";
/// From the outside in.
const LAYERS: [&str; 3] = [REACHABLE, HOST_KEY, LOGIN];

/// Connects, where it is not connected.
pub(super) async fn reach(server: &Server, cx: &PlanContext<'_>) -> Result<Vec<Check>> {
    let Some(config) = ssh_config(&server.transport, cx.settings()) else {
        return Ok(vec![Check::pass(REACHABLE, "this machine")]);
    };
    let begun = Instant::now();
    cx.observe_server(server).await?.reach().await?;
    let evidence = format!("{} answers in {} ms", config.destination(), begun.elapsed().as_millis());
    let known = std::fs::read_to_string(&config.known_hosts).unwrap_or_default();
    let keys: Vec<String> =
        pinned_host_keys(&known, &config.host, config.port).iter().map(|k| format!("{} ({})", k.fingerprint, k.kind)).collect();
    // ssh talks to nobody whose key is not pinned, so what answered has it.
    Ok(vec![
        Check::pass(REACHABLE, evidence),
        Check::pass(HOST_KEY, if keys.is_empty() { "as agreed to".to_owned() } else { format!("as pinned: {}", keys.join(", ")) }),
    ])
}

/// Who is let in and has no shell gets one; an open connection keeps the one it came with.
pub(super) fn with_shell(error: Error, server: &Server) -> Error {
    if !error.hints().is_empty() || !error.contexts().contains(&("check", LOGIN.to_owned())) {
        return error;
    }
    let Transport::Ssh { user, .. } = &server.transport else { return error };
    let user = user.as_ref().unwrap_or(&server.user);
    let silence = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Silence>());
    let hint = match silence {
        Some(Silence::Forced(_)) => as_root(
            server,
            format_args!(
                "cd /etc/ssh && {{ sed '/^ *Match/Q' sshd_config; printf 'Match User {user}\\n  ForceCommand none\\n'; \
                 sed -n '/^ *Match/,$p' sshd_config; }} >sshd_config.new && sshd -t -f sshd_config.new && \
                 mv sshd_config.new sshd_config && service ssh reload && pkill -u {user} sshd"
            ),
        ),
        Some(Silence::Ended(_)) => {
            let files = "~{user}/.bashrc ~{user}/.profile /etc/bash.bashrc".replace("{user}", user);
            let find = as_root(server, format_args!("grep -nE '(^|[;&[:space:]])(exec|exit)[[:space:]]' {files}"));
            format!("{find} shows which line; let it be for terminals only")
        }
        _ => as_root(server, format_args!("usermod -s /bin/sh {user} && pkill -u {user} sshd")),
    };
    error.hint(hint)
}

/// The layers behind one that failed; there are none on the master itself.
pub(super) fn later(server: &Server, failed: &str) -> impl Iterator<Item = &'static str> {
    let depth = LAYERS.iter().position(|l| *l == failed).filter(|_| server.transport != Transport::Local);
    LAYERS.iter().copied().skip(depth.map_or(LAYERS.len(), |d| d + 1))
}

/// The failed check for an error, and the layers before it, which passed.
pub(super) fn failed(error: &Error) -> Vec<Check> {
    let layer = error.contexts().iter().find(|(key, _)| *key == "check").map_or(REACHABLE, |(_, name)| name.as_str());
    // What is none of the layers lies behind them.
    let depth = LAYERS.iter().position(|l| *l == layer).unwrap_or(LAYERS.len());
    let mut checks: Vec<Check> = LAYERS[..depth]
        .iter()
        .map(|l| match *l {
            REACHABLE => Check::pass(l, "it answers"),
            HOST_KEY => Check::pass(l, "as pinned"),
            _ => Check::pass(l, "it lets us in"),
        })
        .collect();
    // A pointer back to these checks helps nobody who reads them.
    let mend: Vec<&str> = error.hints().iter().map(String::as_str).filter(|h| !h.contains("aegir doctor")).collect();
    checks.push(Check::fail(layer, error.chain().join(": "), mend.join("; ")));
    checks
}
