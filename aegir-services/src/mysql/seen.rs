//! How a database server is reached from a web server, and how it sees that one come.

use std::net::IpAddr;

use aegir_core::Result;
use aegir_core::entity::{Server, Transport};
use aegir_core::name::GrantHost;
use aegir_core::server::{Command, Input, Output};
use aegir_core::service::{Check, PlanContext, as_root};

use super::config::LOCALHOST;
use super::{Config, number};

/// The host that sites on a web server connect to; `None` for the web server itself.
pub(super) fn host_for(config: &Config, web: &Server, db: &Server) -> Option<String> {
    let itself = config.host == LOCALHOST;
    if itself && web.name == db.name { None } else { Some(if itself { db.hostname.clone() } else { config.host.clone() }) }
}

/// Asks the database server itself: it names the host it sees when it turns a stranger away. Encrypted where it can be, for
/// some take nothing else; each kind of client knows one way to say so.
pub(super) fn question(host: &str, port: u16) -> Command {
    Command::new("mysql").args(["--no-defaults", "--protocol=tcp", "--connect-timeout=5", "--batch", "--user=aegir_nobody"]).args([
        format!("--host={host}"),
        format!("--port={port}"),
        "--loose-ssl".to_owned(),
        "--loose-ssl-verify-server-cert=0".to_owned(),
        "--execute=SELECT 1".to_owned(),
    ])
}

/// Asks it to prove who it is, to an authority in PEM or to those that the machine trusts. Each kind of client knows one way.
pub(super) fn proof(host: &str, port: u16, authority: Option<&str>) -> Command {
    let file = if authority.is_some() { "/dev/stdin" } else { "/etc/ssl/certs/ca-certificates.crt" };
    let mut command = question(host, port).arg(format!("--ssl-ca={file}"));
    command = command.args(["--loose-ssl-verify-server-cert", "--loose-ssl-mode=VERIFY_IDENTITY"]);
    match authority {
        Some(text) => command.input(Input::Bytes(text.as_bytes().to_vec())),
        None => command,
    }
}

/// 1045, 1698: nobody of that name from that host · 1130: nobody at all from that host · 1129: blocked, whoever comes.
const STRANGERS: &[u16] = &[1045, 1698];
const HOST_NOT_ALLOWED: u16 = 1130;
const BLOCKED: u16 = 1129;
/// The client finds no address for the name.
const NO_SUCH_HOST: u16 = 2005;

/// The host that the database server saw. One that it has blocked is not let in, whoever comes from there.
pub(super) fn seen(answer: &Output) -> Option<GrantHost> {
    let said = answer.error_text();
    let name = match number::of(&said)? {
        number if STRANGERS.contains(&number) => named_in_account(&said),
        HOST_NOT_ALLOWED => named_alone(&said),
        _ => None,
    };
    name.and_then(|name| GrantHost::parse(&name.to_ascii_lowercase()).ok())
}

/// `… 'x'@'HOST' …`, in any language.
fn named_in_account(said: &str) -> Option<&str> {
    let (_, rest) = said.split_once("'@'")?;
    rest.split_once('\'').map(|(host, _)| host).filter(|h| !h.is_empty())
}

/// The last word in quotes: other words may be quoted, too, and some languages have apostrophes.
fn named_alone(said: &str) -> Option<&str> {
    let words: Vec<&str> = said.split('\'').collect();
    let inner = words.get(1..words.len().saturating_sub(1))?;
    inner.iter().copied().rfind(|word| !word.is_empty() && !word.contains(char::is_whitespace))
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
    let (more, mend) = why(config, db, web, number::of(&said), &host, cx).await;
    Ok(Check::fail(NAME, format!("{at} does not answer {}: {said}{more}", web.name), mend))
}

/// Looks from the database server's side, which knows what it listens on.
async fn why(config: &Config, db: &Server, web: &Server, number: Option<u16>, host: &str, cx: &PlanContext<'_>) -> (String, String) {
    if number == Some(NO_SUCH_HOST) {
        let address = db.addresses.first().map_or("ADDRESS".to_owned(), ToString::to_string);
        return (
            String::new(),
            format!("put the name right in DNS, or {}", as_root(web, format_args!("echo '{address} {host}' >>/etc/hosts"))),
        );
    }
    if number == Some(BLOCKED) {
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

    fn of(said: &str) -> Option<String> {
        seen(&Output { status: 1, stdout: Vec::new(), stderr: said.as_bytes().to_vec() }).map(|host| host.to_string())
    }

    #[test]
    fn reads_the_host_from_a_refusal_in_any_language() {
        let web1 = Some("web1.example.com".to_owned());
        assert_eq!(of("ERROR 1045 (28000): Access denied for user 'aegir_nobody'@'web1.example.com' (using password: NO)"), web1);
        assert_eq!(of("ERROR 1045 (28000): Accès refusé pour l'utilisateur: 'aegir_nobody'@'web1.example.com' (mot de passe: NON)"), web1);
        assert_eq!(of("ERROR 1130 (HY000): Host '10.0.0.2' is not allowed to connect to this MariaDB server"), Some("10.0.0.2".into()));
        assert_eq!(of("ERROR 1130 (HY000): 'Host' 'web1.example.com' não tem permissão para se conectar com este servidor"), web1);
        assert_eq!(
            of(
                "ERROR 2002 (HY000): Received error packet before completion of TLS handshake. The authenticity of the following error cannot be verified: 1130 - Le hôte 'web1.example.com' n'est pas authorisé à se connecter à ce serveur MariaDB"
            ),
            web1
        );
        assert_eq!(of("ERROR 1129 (HY000): Host 'web1.example.com' is blocked because of many connection errors"), None);
        assert_eq!(of("ERROR 2003 (HY000): Can't connect to server on 'db1'"), None);
    }
}
