//! What `ssh` says when it cannot connect, as an error that an operator can act on.

use super::config::SshConfig;
use super::host_key::{HostKey, pinned_host_keys};
use crate::name::ServerName;
use crate::{Error, ErrorKind};

/// How `ssh` says that the other side ended it.
const ENDS: [&str; 4] = ["Connection closed by", "Connection reset by", "closed by remote host", "Received disconnect"];

/// Why `ssh` did not connect; `said` is what it wrote to its standard error.
pub(super) async fn explain(name: &ServerName, config: &SshConfig, said: &str) -> Error {
    let to = config.destination();
    let error = if said.contains("Host key verification failed") || said.contains("host key is known for") {
        host_key(name, config).await
    } else if said.contains("Permission denied (") || said.contains("Too many authentication failures") {
        let hint = if config.identity.exists() {
            format!(
                "let Aegir's key in, or learn from its sshd what keeps it out: `aegir server bootstrap {name} | ssh root@{} sh`",
                config.host
            )
        } else {
            format!("there is no key {}; `aegir init` makes it", config.identity)
        };
        Error::new(ErrorKind::Denied, format!("server {name} does not let {to} in"))
            .context("check", "login")
            .hint(hint)
            .hint(format!("`ssh -v -i {} {to}` shows which keys are tried", config.identity))
    } else if said.contains("Bad configuration option") || said.contains("Bad owner or permissions") || said.contains("terminating, ") {
        Error::refused(format!("connecting to server {name}: ssh refuses its own configuration"))
            .hint(format!("`ssh -G {}` must work for this account", config.host))
    } else if said.contains("Could not resolve hostname") {
        Error::unreachable(format!("server {name} is unreachable: its name {} is unknown", config.host))
            .hint(format!("`getent hosts {}` must find it", config.host))
    } else if said.contains("Connection refused") {
        unreachable(name, config).hint("nothing listens there: as root on the server, `service ssh start`")
    } else if said.contains("kex_exchange_identification") || said.contains("banner exchange") {
        unreachable(name, config).hint("what answers there ends at once: as root on the server, `journalctl -u ssh -n 20` says why")
    } else if ENDS.iter().any(|end| said.contains(end)) {
        // It talked to us as far as to the login, so it is there.
        Error::new(ErrorKind::Denied, format!("server {name} ended the connection of {to} before it was let in"))
            .context("check", "login")
            .hint("as root on the server, see what keeps accounts out: `ls -l /etc/nologin; journalctl -u ssh -n 20`")
            .hint(format!("`aegir server bootstrap {name} | ssh root@{} sh` looks at it, too", config.host))
    } else {
        unreachable(name, config).hint(format!("see whether it is up, and which firewall is between: `ping {}`", config.host))
    };
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('@')).collect();
    let error = if lines.is_empty() {
        error
    } else {
        error.because(lines[lines.len().saturating_sub(4)..].join("; ").replace(char::is_control, " "))
    };
    error.context("server", name)
}

/// The plain case, also for connections that were open.
pub(super) fn unreachable(name: &ServerName, config: &SshConfig) -> Error {
    Error::unreachable(format!("server {name} is unreachable at {}", config.destination()))
        .context("server", name)
        .hint(format!("`aegir doctor {name}` shows what answers and what does not"))
}

/// Neither an unknown key nor another one is ever accepted here. The keys offered are asked for again,
/// because `ssh` does not show them where none is pinned.
async fn host_key(name: &ServerName, config: &SshConfig) -> Error {
    let known = std::fs::read_to_string(&config.known_hosts).unwrap_or_default();
    let pinned = pinned_host_keys(&known, &config.host, config.port);
    let offered = config.scan_host_keys().await.unwrap_or_default();
    let all = |keys: &[HostKey]| match keys {
        [] => "none could be asked for".to_owned(),
        keys => keys.iter().map(|k| format!("{} ({})", k.fingerprint, k.kind)).collect::<Vec<_>>().join(", "),
    };
    let accept = offered.first().map_or("SHA256:…", |k| &k.fingerprint);
    let error = if pinned.is_empty() {
        Error::refused(format!("the host key of server {name} is not pinned; it offers {}", all(&offered)))
    } else {
        Error::refused(format!("server {name} has another host key: pinned is {}, it offers {}", all(&pinned), all(&offered)))
            .hint("if nobody changed the key, somebody may be between you and the server")
    };
    error.context("check", "host-key").hint(format!("compare on the server with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`, then accept it with `aegir server edit {name} --host-key {accept}`"))
}
