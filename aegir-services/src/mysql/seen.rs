//! How a database server is reached from a web server, and how it sees that one come.

use std::net::IpAddr;

use aegir_core::Result;
use aegir_core::entity::{Server, Transport};
use aegir_core::name::GrantHost;
use aegir_core::server::{Command, Output};
use aegir_core::service::{Check, PlanContext, as_root};

use super::Config;
use super::config::LOCALHOST;

/// The host that sites on a web server connect to; `None` for the web server itself.
pub(super) fn host_for(config: &Config, web: &Server, db: &Server) -> Option<String> {
    let itself = config.host == LOCALHOST;
    if itself && web.name == db.name { None } else { Some(if itself { db.hostname.clone() } else { config.host.clone() }) }
}

/// Asks the database server itself: it names the host it sees when it turns a stranger away.
pub(super) fn question(host: &str, port: u16) -> Command {
    Command::new("mysql").args(["--no-defaults", "--protocol=tcp", "--connect-timeout=5", "--batch", "--user=aegir_nobody"]).args([
        format!("--host={host}"),
        format!("--port={port}"),
        "--execute=SELECT 1".to_owned(),
    ])
}

/// The host that the database server saw. One that it has blocked is not let in, whoever comes from there.
pub(super) fn seen(answer: &Output) -> Option<GrantHost> {
    let said = answer.error_text();
    if said.contains("is blocked because") {
        return None;
    }
    named_host(&said).and_then(|name| GrantHost::parse(&name.to_ascii_lowercase()).ok())
}

/// `Access denied for user 'x'@'HOST' (…)`, `Host 'HOST' is not allowed to connect`.
fn named_host(said: &str) -> Option<&str> {
    let rest = said.split_once("'@'").or_else(|| said.split_once("Host '")).map(|(_, rest)| rest)?;
    rest.split_once('\'').map(|(host, _)| host).filter(|h| !h.is_empty())
}

/// What the answer says. Being turned away is what a stranger should be; only then everything in between works.
pub(super) async fn check(config: &Config, db: &Server, web: &Server, answer: &Output, cx: &PlanContext<'_>) -> Result<Check> {
    const NAME: &str = "db.from-here";
    let host = host_for(config, web, db).unwrap_or_else(|| LOCALHOST.to_owned());
    let at = format!("the database server on {} at {host}:{}", db.name, config.port);
    if let Some(seen) = seen(answer) {
        return Ok(Check::pass(NAME, format!("{at} answers, and sees {} as {}", web.name, seen.as_str())));
    }
    if answer.status == 127 {
        let mend = as_root(web, "apt-get install mariadb-client");
        return Ok(Check::warn(NAME, format!("{at} cannot be asked: there is no mysql client on {}", web.name), mend));
    }
    let said = answer.error_text();
    let said = said.lines().find(|l| l.contains("ERROR")).unwrap_or("it does not answer").trim().to_owned();
    let (more, mend) = why(config, db, web, &said, &host, cx).await;
    Ok(Check::fail(NAME, format!("{at} does not answer {}: {said}{more}", web.name), mend))
}

/// Looks from the database server's side, which knows what it listens on.
async fn why(config: &Config, db: &Server, web: &Server, said: &str, host: &str, cx: &PlanContext<'_>) -> (String, String) {
    // 2005: the client finds no address for the name.
    if said.contains("ERROR 2005") {
        let address = db.addresses.first().map_or("ADDRESS".to_owned(), ToString::to_string);
        return (
            String::new(),
            format!("put the name right in DNS, or {}", as_root(web, format_args!("echo '{address} {host}' >>/etc/hosts"))),
        );
    }
    if said.contains("is blocked because") {
        return (
            String::new(),
            format!("{}, then look why {} failed to connect so often", as_root(db, "mysqladmin flush-hosts"), web.name),
        );
    }
    let opened = match config.access(db) {
        Ok(access) => access.connect(cx).await,
        Err(error) => Err(error),
    };
    let Ok(mut session) = opened else {
        return ("; nor does it answer on its own machine".to_owned(), as_root(db, "service mariadb start"));
    };
    let bound = session.value("SELECT @@bind_address").await.ok().flatten().unwrap_or_default();
    if matches!(bound.as_str(), "127.0.0.1" | "localhost" | "::1") {
        let own = |addresses: &[IpAddr]| addresses.iter().find(|a| !a.is_loopback()).map(ToString::to_string);
        let address = db.facts().ok().and_then(|f| own(&f.addresses)).or(own(&db.addresses)).unwrap_or_else(|| "ADDRESS".to_owned());
        let mend = match db.transport {
            Transport::Local => as_root(db, format_args!("aegir init --db-listen {address}")),
            _ => {
                format!("`aegir server edit {0} --set db.listen={address}`, then again the script of `aegir server bootstrap {0}`", db.name)
            }
        };
        return (format!("; it listens on {bound} only"), mend);
    }
    let from =
        web.facts().ok().and_then(|f| f.addresses.first()).or(web.addresses.first()).map_or("ADDRESS".to_owned(), ToString::to_string);
    let listens = if bound.is_empty() { "all addresses" } else { bound.as_str() };
    (
        format!("; it runs and listens on {listens}, so something between them does not let it through"),
        as_root(db, format_args!("iptables -I INPUT -p tcp -s {from} --dport {} -j ACCEPT", config.port)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_host_from_a_refusal() {
        assert_eq!(
            named_host("ERROR 1045 (28000): Access denied for user 'aegir_nobody'@'web1.example.com' (using password: NO)"),
            Some("web1.example.com")
        );
        assert_eq!(named_host("ERROR 1130 (HY000): Host '10.0.0.2' is not allowed to connect to this MariaDB server"), Some("10.0.0.2"));
        assert_eq!(named_host("ERROR 2003 (HY000): Can't connect"), None);
    }
}
