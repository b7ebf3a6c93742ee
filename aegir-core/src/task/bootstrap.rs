//! The script that prepares a machine which Aegir cannot reach yet: the steps of `init`, as calls of shell functions.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{find, preparation, server_enrol};
use crate::action::Answers;
use crate::entity::{Server, ServiceBinding, Transport};
use crate::name::{ServerName, shown};
use crate::service::{PlanContext, Preparation, helper_command};
use crate::shared::{Core, no_server};
use crate::{Error, Result};

/// The templates of this module.
pub(crate) const TEMPLATES: [(&str, &str); 1] = [("server/bootstrap.sh", include_str!("bootstrap.sh.hbs"))];

/// What Aegir's key may be used for: all but agents, X and tunnel devices. Databases are reached through the connection.
const KEY_OPTIONS: &str = "restrict,pty,port-forwarding";

/// A machine to write a bootstrap script for.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Bootstrap {
    /// A server of the inventory, by its name or host name, or the host name of a new one.
    pub server: String,
    /// The name a new one will have in Aegir; its host name when unset.
    #[serde(default)]
    pub name: Option<ServerName>,
    /// What will fill its services; empty for a server of the inventory means what fills them now.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceBinding>,
    /// The command that comes next; the script adds the host key it finds.
    #[serde(default)]
    pub next: String,
}

pub(crate) async fn bootstrap_script(core: &Arc<Core>, wanted: &Bootstrap) -> Result<String> {
    let cx = PlanContext::new(core);
    let (server, known) = server(core, wanted, &cx).await?;
    let wanted_there = preparation::of(&server, &cx)?;
    let next = if known { format!("aegir server verify {}", server.name) } else { wanted.next.clone() };
    // Where logins come from: what sshd says may depend on it.
    let master = find::server(cx.inventory(), &ServerName::master()).await?;
    let address = master.addresses.first().map_or("127.0.0.1".to_owned(), ToString::to_string);
    let from = format!("host={},addr={address}", master.hostname);
    let calls = calls(&server, &wanted_there, &public_key(core, &cx).await?, &from)?;
    let steps: Vec<serde_json::Value> = calls.iter().map(|call| serde_json::json!({ "name": call[0], "arguments": call[1..] })).collect();
    let data = serde_json::json!({
        "server": server.hostname,
        "steps": steps,
        "next": next,
        "pins": !known,
    });
    let script = cx.render("server/bootstrap.sh", &data, &[])?;
    script.clear().map(str::to_owned).ok_or_else(|| Error::refused("a bootstrap script holds no secret, and its template asks for one"))
}

/// The server, and whether it is in the inventory.
async fn server(core: &Arc<Core>, wanted: &Bootstrap, cx: &PlanContext<'_>) -> Result<(Server, bool)> {
    let found = match super::server_named(core, &wanted.server).await {
        Ok(name) => Some(find::server(cx.inventory(), &name).await?),
        Err(_) => None,
    };
    let known = found.is_some();
    let mut server = match found {
        Some(server) if server.transport == Transport::Local => {
            return Err(Error::refused(format!("{} is this machine, not one to bootstrap", server.name))
                .context("server", &server.name)
                .hint("`sudo aegir init` prepares it"));
        }
        Some(server) => server,
        None => {
            let hostname = server_enrol::host_name(&wanted.server)?;
            let name = wanted.name.clone().map_or_else(|| ServerName::parse(&hostname), Ok)?;
            if wanted.services.is_empty() {
                return Err(no_server(&name).hint("for a new one, say what it will offer: `--web TYPE`, `--db TYPE`"));
            }
            let transport = Transport::Ssh { host: hostname.clone(), port: None, user: None };
            server_enrol::draft(name, hostname, transport, crate::entity::Stage::default(), BTreeMap::new(), cx)
        }
    };
    for (service, binding) in &wanted.services {
        server.services.insert(service.clone(), cx.registry().bind(service, &binding.service_type, binding.config.clone())?);
    }
    Ok((server, known))
}

async fn public_key(core: &Arc<Core>, cx: &PlanContext<'_>) -> Result<String> {
    let path = core.settings.root().join("keys/id_ed25519.pub");
    let text = cx.observe(&ServerName::master()).await?.read_text(&path).await?;
    let key = text.as_deref().map(str::trim).filter(|key| key.starts_with("ssh-") && key.lines().count() == 1);
    key.map(str::to_owned).ok_or_else(|| {
        Error::refused(format!("there is no public key {path}")).context("file", &path).hint("`sudo aegir init` makes the key pair")
    })
}

/// The calls, in the order of the fields.
fn calls(server: &Server, wanted: &Preparation, key: &str, from: &str) -> Result<Vec<Vec<String>>> {
    let account = preparation::account(server);
    let ssh = server.root.join(".ssh");
    let mut calls = vec![
        [vec!["packages".to_owned()], wanted.packages.clone()].concat(),
        call(["host_keys"]),
        call(["account", &account.name, account.home.as_str(), account.shell.as_str(), &list(&account.groups)?]),
    ];
    for (path, mode) in preparation::directories(server).into_iter().chain([(ssh, 0o700)]) {
        calls.push(call(["directory", path.as_str(), &format!("{mode:o}"), &account.name]));
    }
    // The kind and the key itself; people change what is behind them.
    let (key, comment) = key.match_indices(' ').nth(1).map_or((key, ""), |(at, _)| (&key[..at], &key[at + 1..]));
    calls.push(call(["authorized_key", &account.name, account.home.as_str(), KEY_OPTIONS, key, comment]));
    for fed in wanted.fed.iter().filter(|fed| !fed.locked.is_empty()) {
        calls.push([call(["opens_to_root", &fed.what, &fed.ask, &fed.locked, &fed.unlock]), fed.program.clone()].concat());
    }
    for path in preparation::roots_directories(wanted) {
        calls.push(call(["directory", path, "755", "root"]));
    }
    for file in &wanted.files {
        let content = file.content.clear().ok_or_else(|| Error::refused(format!("{} holds a secret", file.path)))?;
        let service = file.service.as_deref().unwrap_or_default();
        let or = file.or.as_ref().map_or("", |path| path.as_str());
        calls
            .push([call(["root_file", file.path.as_str(), or, &format!("{:o}", file.mode), service, content]), file.test.clone()].concat());
    }
    if !wanted.helper.is_empty() {
        calls.push([call(["may", &account.name]), helper_command(&["version"])].concat());
    }
    for parts in &wanted.switches {
        let exchange: Vec<String> = parts.exchange.iter().map(|(old, new)| format!("{old}:{new}")).collect();
        calls.push(call([
            "parts",
            &parts.what,
            parts.directory.as_str(),
            &parts.suffix,
            &list(&parts.on)?,
            &list(&parts.off)?,
            &list(&parts.names)?,
            &list(&parts.without)?,
            &list(&exchange)?,
            &parts.service,
        ]));
    }
    for s in &wanted.services {
        let ports: Vec<String> = s.ports.iter().map(u16::to_string).collect();
        let words = ["run_service", &s.name, &list(&s.test)?, &list(&s.reload)?, &list(&s.restart)?, &list(&ports)?];
        calls.push([call(words), answers(&s.answers)].concat());
    }
    for fed in &wanted.fed {
        calls.push([call(["feed", &fed.what, &fed.ask, fed.answer.trim(), &fed.make]), fed.program.clone()].concat());
    }
    calls.push(call(["let_in", &account.name, account.home.as_str(), from]));
    Ok(calls)
}

fn call<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn answers(how: &Answers) -> Vec<String> {
    match how {
        Answers::Port(port) => call(["port", &format!("{port:04X}")]),
        Answers::Socket(path) => call(["socket", path.as_str()]),
        Answers::Process { pid_file, program } => call(["process", pid_file.as_str(), program]),
    }
}

/// Words that the script takes apart again at blanks; it expands no patterns.
fn list(words: &[String]) -> Result<String> {
    let plain = |word: &&String| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c));
    match words.iter().find(|word| !plain(word)) {
        Some(odd) => Err(Error::internal(format!("a preparation names {}, which is no plain word", shown(odd)))),
        None => Ok(words.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_only_plain_words() {
        assert_eq!(list(&["a2enmod".into(), "-q".into()]).unwrap(), "a2enmod -q");
        for odd in ["", "a b", "$(x)", "a;b", "*", "a\nb", "`x`", "'"] {
            assert!(list(&[odd.to_owned()]).is_err(), "{odd:?}");
        }
    }
}
