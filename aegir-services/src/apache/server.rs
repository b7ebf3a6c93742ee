//! A server's own Apache configuration: directories, the default virtual host, the includes.

use aegir_core::action::MakeDir;
use aegir_core::entity::{Owner, Server};
use aegir_core::plan::Plan;
use aegir_core::secret::Domain;
use aegir_core::server::{Observer, Permissions};
use aegir_core::service::PlanContext;
use aegir_core::{Error, Result};
use camino::Utf8Path;

use super::Config;
use super::swap::{live, render, swap};
use crate::web::{Expect, FileChange, Probe};

/// Files of an operator's own in one directory.
const MOST_SNIPPETS: usize = 500;
/// More than the helper would take.
const SNIPPET_LIMIT: u64 = 2 << 20;

/// The name of the virtual host that answers for all names which no site has.
pub(super) const DEFAULT_HOST: &str = "default.invalid";

/// Debian's list of ports.
const PORTS: &str = "/etc/apache2/ports.conf";

/// Directories below the server's configuration. Challenges are read by Apache's workers, the rest by its root parent.
const DIRECTORIES: &[(&str, u32)] = &[("pre.d", 0o700), ("vhost.d", 0o700), ("platform.d", 0o700), ("post.d", 0o700), ("acme.d", 0o755)];

pub(super) async fn verify(config: &Config, server: &Server, cx: &PlanContext<'_>) -> Result<Plan> {
    let owner = Owner::from(server);
    let mut plan = Plan::empty();
    for (name, mode) in DIRECTORIES {
        plan = plan.then(&server.name, &owner, &MakeDir { path: server.config_dir().join(name), permissions: Permissions::mode(*mode) })?;
    }
    let observer = cx.observe_server(server).await?;
    let ports = observer.read_text(Utf8Path::new(PORTS)).await?.unwrap_or_default();
    let data = serde_json::json!({
        "server": server.name,
        "port": config.port,
        "listen": !listens(&ports, config.port),
        "acme": server.config_dir().join("acme.d"),
        "snippets": snippets(server, &observer, cx).await?,
    });
    let (content, generation) = render("apache/server.conf", data, &[], cx)?;
    let mut step = swap(format!("Apache on {}", server.name), server, vec![FileChange::write("apache.conf", content)]);
    step.probes.push(live(DEFAULT_HOST, config.port, server.name.as_str(), &generation));
    plan.then(&server.name, &owner, &step)
}

/// An operator's own files and their marks: a changed one changes ours, so that a verify brings it into use.
async fn snippets(server: &Server, observer: &Observer, cx: &PlanContext<'_>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for directory in ["pre.d", "post.d"] {
        let place = server.config_dir().join(directory);
        let mut names = observer.list(&place).await?.unwrap_or_default();
        names.retain(|n| n.ends_with(".conf") && !n.starts_with('.') && !n.contains(char::is_control));
        if names.len() > MOST_SNIPPETS {
            // Each is looked at and read: whoever makes more of them keeps everybody waiting.
            return Err(Error::refused(format!("there are {} files of Apache's configuration in {place} on {}", names.len(), server.name))
                .context("server", &server.name)
                .context("file", &place)
                .because(format!("no more than {MOST_SNIPPETS} are read"))
                .hint("put what belongs together into one file"));
        }
        for name in &names {
            let path = place.join(name);
            let size = observer.stat(&path).await?.map_or(0, |s| s.size);
            // One that only root reads is known by its size alone.
            let text = if size > SNIPPET_LIMIT { None } else { observer.read(&path).await.unwrap_or_default() };
            let mark: String = text.map(|t| cx.keyring().mark(Domain::Configuration, &t)).unwrap_or_default().chars().take(16).collect();
            found.push(format!("{directory}/{name} {size} {mark}"));
        }
    }
    Ok(found)
}

/// No configuration of ours any more: the installed include finds nothing, and Apache goes on with what else it has.
pub(super) fn delete(config: &Config, server: &Server) -> Result<Plan> {
    let mut step = swap(format!("Apache on {} without Aegir", server.name), server, vec![FileChange::remove("apache.conf")]);
    // Where nothing else is served, nobody listens on a port of ours any more.
    if config.port == 80 {
        step.probes.push(Probe { host: DEFAULT_HOST.to_owned(), port: config.port, expect: Expect::Gone(server.name.to_string()) });
    }
    Plan::empty().then(&server.name, &Owner::from(server), &step)
}

/// Whether Debian's list has the port on all addresses. A second `Listen` for it would stop Apache at the next reload,
/// and the test does not find it.
fn listens(ports: &str, port: u16) -> bool {
    let mut sections = 0_usize;
    for line in ports.lines().map(str::trim) {
        if line.starts_with("</") {
            sections = sections.saturating_sub(1);
        } else if line.starts_with('<') {
            sections += 1;
        } else if let Some((word, value)) = line.split_once(char::is_whitespace)
            && sections == 0
            && word.eq_ignore_ascii_case("listen")
        {
            let address = value.split_whitespace().next().unwrap_or_default();
            if address.rsplit(':').next() == Some(port.to_string().as_str()) {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_debians_ports() {
        let ports = "# Listen 8080\nListen 80\n\n<IfModule ssl_module>\n\tListen 443\n</IfModule>\nListen [::]:81 http\n";
        assert!(listens(ports, 80) && listens(ports, 81));
        assert!(!listens(ports, 8080) && !listens(ports, 443) && !listens(ports, 8));
    }
}
