//! The named checks of an Apache server, each with the command that mends it.

use std::net::IpAddr;

use aegir_core::Result;
use aegir_core::entity::{Server, Transport};
use aegir_core::server::{Command, Observer, Output};
use aegir_core::service::{Check, Finding, PlanContext, as_root, set_up};

use super::machine::{ENABLED_INCLUDE, MODULES, MODULES_ENABLED};
use super::{Config, account};
use crate::web::knock;

/// What `ls` and `cat` would say, by the shell that is there already.
const LIST: &str = r#"for f in "$1"/*.load; do echo "${f##*/}"; done"#;
const SHOW: &str = r#"while IFS= read -r l || [ "$l" ]; do printf '%s\n' "$l"; done <"$1""#;

/// What the checks ask on the server, in one round trip with everything else; the answers come in this order.
pub(super) fn questions(config: &Config, server: &Server) -> Vec<Command> {
    let ask = |script: &str, name: &str, path: &str| Command::new("sh").args(["-c", script, name, path]);
    let mut questions = vec![ask(LIST, "ls", MODULES_ENABLED), ask(SHOW, "cat", ENABLED_INCLUDE), account::question(server)];
    if config.port != 80 {
        // Before the first configuration with this port Apache listens only where Debian, or the port before, lets it.
        let host = format!("<VirtualHost *:{}>", config.port);
        questions.push(Command::new("grep").args(["-qF", "--", &host, server.config_dir().join("apache.conf").as_str()]));
    }
    questions
}

pub(super) async fn all(config: &Config, server: &Server, answers: &[Output], cx: &PlanContext<'_>) -> Result<Vec<Check>> {
    let installed = installed(server)?;
    if installed.finding == Finding::Fail {
        return Ok(vec![installed]);
    }
    let nothing = Output::default();
    let answer = |index: usize| answers.get(index).unwrap_or(&nothing);
    let mut checks =
        vec![installed, modules(server, answer(0)), include(server, answer(1)), php(server)?, account::becomes(server, answer(2))];
    checks.push(account::isolation(server, cx).await?);
    if config.port != 80 && !answer(3).ok() {
        checks.push(Check::pass("web.answers", format!("port {} is not configured yet", config.port)));
    } else {
        checks.extend(web_port(config.port, server, &cx.observe_server(server).await?).await?);
    }
    Ok(checks)
}

fn installed(server: &Server) -> Result<Check> {
    Ok(match &server.facts()?.apache {
        Some(version) if version.starts_with("Apache/2.4") => Check::pass("web.apache", version.clone()),
        Some(version) => Check::fail("web.apache", format!("{version}; Aegir knows Apache 2.4"), "use a system with Apache 2.4"),
        None => Check::fail("web.apache", "Apache is not installed", as_root(server, "apt-get install apache2")),
    })
}

fn modules(server: &Server, listed: &Output) -> Check {
    let enabled = listed.text();
    let missing: Vec<&str> = MODULES.iter().copied().filter(|m| !enabled.lines().any(|l| l.strip_suffix(".load") == Some(m))).collect();
    if missing.is_empty() {
        return Check::pass("web.modules", MODULES.join(", "));
    }
    let mend = format!("a2enmod {} && service apache2 restart", missing.join(" "));
    Check::fail("web.modules", format!("not enabled: {}", missing.join(", ")), as_root(server, mend))
}

fn include(server: &Server, read: &Output) -> Check {
    let directory = server.config_dir();
    if !read.ok() {
        return Check::fail("web.include", format!("there is no {ENABLED_INCLUDE}"), set_up(server));
    }
    let text = read.text();
    // The directory itself: another server's name may begin with this one's.
    let mut defined = text.lines().filter_map(|l| l.trim().strip_prefix("Define AEGIR_CONFIG ")).map(|d| d.trim().trim_matches('"'));
    if defined.any(|d| d == directory) {
        Check::pass("web.include", format!("{ENABLED_INCLUDE} includes {directory}"))
    } else {
        let made = "is it another server's name that the machine was prepared for?";
        Check::fail("web.include", format!("{ENABLED_INCLUDE} does not include {directory}; {made}"), set_up(server))
    }
}

/// A PHP serves sites when its FPM takes connections now; a socket's file alone may be what a dead one left.
fn php(server: &Server) -> Result<Check> {
    let facts = server.facts()?;
    let (running, stopped): (Vec<_>, Vec<_>) = facts.php.iter().filter(|php| php.fpm.is_some()).partition(|php| facts.accepts(php));
    let versions = |list: &[&aegir_core::server::Php]| list.iter().map(|p| p.version_text()).collect::<Vec<_>>().join(", ");
    let Some(first) = stopped.first() else {
        let found: Vec<String> =
            running.iter().filter_map(|p| p.fpm.as_ref().map(|socket| format!("{} at {socket}", p.version_text()))).collect();
        return Ok(if found.is_empty() {
            let mend = "apt-get install php-fpm php-cli php-mysql php-gd php-xml php-mbstring php-curl php-zip php-intl";
            Check::fail("web.php", "there is no PHP-FPM", as_root(server, mend))
        } else {
            Check::pass("web.php", found.join(", "))
        });
    };
    let mend = as_root(server, format_args!("service php{}-fpm start", first.version_text()));
    let evidence = format!("PHP-FPM {} takes no connections", versions(&stopped));
    Ok(if running.is_empty() {
        Check::fail("web.php", evidence, mend)
    } else {
        Check::warn("web.php", format!("{evidence}; {} does", versions(&running)), mend)
    })
}

/// Asked over the server's address first, which proves both; only when nobody answers there, on the server itself.
async fn web_port(port: u16, server: &Server, observer: &Observer) -> Result<Vec<Check>> {
    let addresses: Vec<IpAddr> = match server.transport {
        Transport::Local => vec![IpAddr::from([127, 0, 0, 1])],
        _ => server.facts()?.addresses.clone(),
    };
    let mut refused = Vec::new();
    for address in addresses.iter().take(2) {
        match knock(*address, port).await {
            Ok(()) => {
                let evidence = format!("{address} port {port} answers");
                let ports = Check::pass("web.port", format!("{evidence} the master"));
                let answers = Check::pass("web.answers", evidence);
                return Ok(if server.transport == Transport::Local { vec![answers] } else { vec![answers, ports] });
            }
            Err(why) => refused.push(format!("{address}: {why}")),
        }
    }
    let command = Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "10", "--output", "/dev/null", "--"])
        .arg(format!("http://127.0.0.1:{port}/"));
    let output = observer.ask(&command).await?;
    if !output.ok() {
        let error = output.error_text();
        let failed = Check::fail(
            "web.answers",
            format!("port {port} does not answer: {}", error.trim()),
            format!("{}, and `apache2ctl configtest` says why it does not", as_root(server, "service apache2 start")),
        );
        let skipped = Check::skipped("web.port", "not looked at: web.answers failed");
        return Ok(if server.transport == Transport::Local { vec![failed] } else { vec![failed, skipped] });
    }
    let answers = Check::pass("web.answers", format!("127.0.0.1 port {port} answers"));
    if server.transport == Transport::Local {
        return Ok(vec![answers]);
    }
    let mend = as_root(server, format_args!("iptables -I INPUT -p tcp --dport {port} -j ACCEPT"));
    Ok(vec![
        answers,
        // Visitors may come another way than the master, and probes ask on the server itself.
        Check::warn(
            "web.port",
            format!("port {port} does not answer the master at {}", refused.join("; ")),
            format!("let it through the firewall: {mend}"),
        ),
    ])
}
