//! The named checks of an Apache server, each with the command that mends it.

use std::net::IpAddr;

use aegir_core::Result;
use aegir_core::entity::{Server, Transport};
use aegir_core::server::{Command, Observer, Output};
use aegir_core::service::{Check, Finding, PlanContext, as_root, helper_command, set_up};

use super::machine::{ENABLED_INCLUDE, LIVE, MODULES, MODULES_ENABLED, VHOSTS};
use super::server::DEFAULT_HOST;
use super::{Config, account};
use crate::web::knock;
use crate::web::visitor::{self, Foreign, Found};

/// What `ls` and `cat` would say, by the shell that is there already.
const LIST: &str = r#"for f in "$1"/*.load; do echo "${f##*/}"; done"#;
const SHOW: &str = r#"while IFS= read -r l || [ "$l" ]; do printf '%s\n' "$l"; done <"$1""#;

/// Prints the first file below `$1` that has no copy below `$2`, where copies can be looked for.
const UNSERVED: &str = r#"[ -x "${2%/*}" ] || [ ! -e "${2%/*}" ] || exit 0
for f in apache.conf pre.d platform.d vhost.d post.d; do
    for f in "$1/$f" "$1/$f"/*.conf; do
        case $f in *.conf) [ ! -e "$f" ] || [ -e "$2${f#"$1"}" ] || { printf '%s' "$f"; exit 0; } ;; esac
    done
done"#;

/// What the checks ask on the server, in one round trip with everything else; the answers come in this order.
pub(super) fn questions(config: &Config, server: &Server) -> Vec<Command> {
    let ask = |script: &str, name: &str, path: &str| Command::new("sh").args(["-c", script, name, path]);
    let mut questions = vec![ask(LIST, "ls", MODULES_ENABLED), ask(SHOW, "cat", ENABLED_INCLUDE), account::question(server)];
    if config.port != 80 {
        // Before the first configuration with this port Apache listens only where Debian, or the port before, lets it.
        let host = format!("<VirtualHost *:{}>", config.port);
        questions.push(Command::new("grep").args(["-qF", "--", &host, server.config_dir().join("apache.conf").as_str()]));
    } else {
        questions.push(Command::new("true"));
    }
    questions.push(visitor::question(&asked_at(server), DEFAULT_HOST, config.port));
    // What is written in vain: the first file that has no copy that Apache reads.
    questions.push(Command::new("sh").args(["-c", UNSERVED, "unserved", server.config_dir().as_str(), LIVE]));
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
    checks.push(visitors(config, server, answer(4), cx).await?);
    checks.push(served(server, answer(5)));
    Ok(checks)
}

/// Where visitors come, behind the address at which only a virtual host of our own answers.
fn asked_at(server: &Server) -> Vec<IpAddr> {
    std::iter::once(IpAddr::from([127, 0, 0, 1])).chain(server.addresses.iter().copied()).collect()
}

/// A virtual host for one address shadows all of ours there.
async fn visitors(config: &Config, server: &Server, answer: &Output, cx: &PlanContext<'_>) -> Result<Check> {
    let ours = |marker: &str| marker.split(' ').next() == Some(server.name.as_str());
    let found = visitor::answers(&asked_at(server), answer);
    let (lost, wholly) = visitor::shadowed(found.get(1..).unwrap_or_default(), ours);
    match found.first() {
        Some((_, Found::Marked(marker))) if ours(marker) => {}
        _ => return Ok(Check::pass("web.visitors", format!("Aegir's virtual hosts do not answer on port {} yet", config.port))),
    }
    if lost.is_empty() {
        let there: Vec<String> = found.iter().skip(1).filter(|(_, f)| *f != Found::Silence).map(|(a, _)| a.to_string()).collect();
        return Ok(Check::pass("web.visitors", if there.is_empty() { "nobody was asked".to_owned() } else { there.join(", ") }));
    }
    let argv = helper_command(VHOSTS);
    let list = cx.observe_server(server).await?.ask(&Command::new(&argv[0]).args(&argv[1..]).sudo()).await?;
    let evidence = visitor::who(&lost, config.port, &Foreign::read(&list));
    let mend = as_root(server, format_args!("sed -i 's/<VirtualHost .*>/<VirtualHost *:{}>/' FILE && service apache2 reload", config.port));
    let mend = format!("have it answer to its own name at all addresses, as ours do: {mend}");
    Ok(if wholly { Check::fail("web.visitors", evidence, mend) } else { Check::warn("web.visitors", evidence, mend) })
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
    if !read.ok() {
        return Check::fail("web.include", format!("there is no {ENABLED_INCLUDE}"), set_up(server));
    }
    let text = read.text();
    let mut defined = text.lines().filter_map(|l| l.trim().strip_prefix("Define AEGIR_CONFIG ")).map(|d| d.trim().trim_matches('"'));
    if defined.any(|d| d == LIVE) {
        Check::pass("web.include", format!("{ENABLED_INCLUDE} includes {LIVE}"))
    } else {
        Check::fail("web.include", format!("{ENABLED_INCLUDE} does not include {LIVE}"), set_up(server))
    }
}

/// Root's copies may be gone, with a restored machine or a hand that tidied up: the next reload would serve nobody.
fn served(server: &Server, first: &Output) -> Check {
    let first = first.text();
    if first.is_empty() {
        return Check::pass("web.served", format!("all of {} is in use", server.config_dir()));
    }
    let evidence = format!("{first} is written, and has no copy in {LIVE}, which is what Apache reads");
    Check::warn("web.served", evidence, format!("`aegir server verify {0}` has all of it taken over again", server.name))
}

/// A PHP serves sites when its FPM takes connections now; a socket's file alone may be what a dead one left.
fn php(server: &Server) -> Result<Check> {
    let facts = server.facts()?;
    let (running, stopped): (Vec<_>, Vec<_>) = facts.php.iter().filter(|php| php.fpm.is_some()).partition(|php| facts.accepts(php));
    let versions = |list: &[&aegir_core::server::Php]| list.iter().map(|p| p.version_text()).collect::<Vec<_>>().join(", ");
    let Some(first) = stopped.first() else {
        let found: Vec<String> =
            running.iter().filter_map(|p| p.fpm.as_ref().map(|socket| format!("{} at {socket}", p.version_text()))).collect();
        return Ok(if found.is_empty() { no_php(server)? } else { Check::pass("web.php", found.join(", ")) });
    };
    let mend = as_root(server, format_args!("service php{}-fpm start", first.version_text()));
    let evidence = format!("PHP-FPM {} takes no connections", versions(&stopped));
    Ok(if running.is_empty() {
        Check::fail("web.php", evidence, mend)
    } else {
        Check::warn("web.php", format!("{evidence}; {} does", versions(&running)), mend)
    })
}

/// Not there, or there and its pools do not say where it listens.
fn no_php(server: &Server) -> Result<Check> {
    let version = |name: &String| name.strip_prefix("php")?.strip_suffix("-fpm").filter(|v| v.contains('.')).map(str::to_owned);
    let facts = server.facts()?;
    let installed = facts.packages.keys().filter_map(version).max();
    let Some(version) = installed.filter(|_| !facts.php.is_empty()) else {
        let mend = "apt-get install php-fpm php-cli php-mysql php-gd php-xml php-mbstring php-curl php-zip php-intl";
        return Ok(Check::fail("web.php", "there is no PHP-FPM", as_root(server, mend)));
    };
    let pools = format!("/etc/php/{version}/fpm/pool.d");
    let evidence = format!("PHP-FPM {version} is installed, and no pool in {pools} says where it listens");
    let mend = format!("apt-get install --reinstall -o Dpkg::Options::=--force-confmiss php{version}-fpm");
    Ok(Check::fail(
        "web.php",
        evidence,
        format!("write `listen = /run/php/php{version}-fpm.sock` into a pool there, or have Debian's back: {}", as_root(server, mend)),
    ))
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
