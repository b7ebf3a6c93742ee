//! `aegir server bootstrap|add|edit|delete`

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};

use aegir_core::entity::{ServiceBinding, Stage, Transport};
use aegir_core::name::ServerName;
use aegir_core::service::{Registry, ServiceChange};
use aegir_core::task::{Bootstrap, ChangeServer, EnrolServer, Request, Trust, host_name};
use aegir_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::args::{AddArgs, BootstrapArgs, EditServerArgs, KeyArgs, ServiceArgs};
use crate::change::{self, Wanted};
use crate::exit;
use crate::session::Session;

/// Says that a service is not wanted.
const NONE: &str = "none";
/// What a new server offers when nothing is said.
const USUAL_WEB: &str = "apache";

pub(super) async fn bootstrap(args: BootstrapArgs, session: &Session) -> Result<u8> {
    let said = args.services.web.is_some() || args.services.db.is_some();
    let known = session.aegir.server_named(&args.server).await.is_ok();
    let services = if known && !said { BTreeMap::new() } else { new_services(&args.services, session.aegir.registry())? };
    let name = args.name.as_deref().map(ServerName::parse).transpose()?;
    let server = as_known(&args.server);
    let mut next = format!("aegir server add {server} --ssh {}@{server}", session.aegir.settings().user());
    if let Some(name) = &name {
        next.push_str(&format!(" --name {name}"));
    }
    for (flag, value) in [("--web", &args.services.web), ("--db", &args.services.db)] {
        if let Some(value) = value {
            next.push_str(&format!(" {flag} {value}"));
        }
    }
    for setting in &args.services.settings {
        next.push_str(&format!(" --set {setting}"));
    }
    let script = session.aegir.bootstrap_script(&Bootstrap { server, name, services, next }).await?;
    session.ui.item("BootstrapScript", || json!({ "script": script }), || script.clone());
    Ok(exit::DONE)
}

pub(super) async fn add(args: AddArgs, session: &Session) -> Result<u8> {
    let hostname = as_known(&args.hostname);
    let name = ServerName::parse(args.name.as_deref().unwrap_or(&hostname))?;
    let transport = match (&args.ssh, args.local) {
        (_, true) => Transport::Local,
        (Some(text), _) => Transport::ssh(text)?,
        (None, _) => Transport::ssh(&format!("{}@{hostname}", session.aegir.settings().user()))?,
    };
    let host_keys = trust(&args.keys, &transport, session).await?;
    let services = new_services(&args.services, session.aegir.registry())?;
    let next = match services.contains_key("web") {
        true => format!("aegir platform add NAME --path PATH --server {name}"),
        false => format!("aegir server show {name}"),
    };
    let request = Request::EnrolServer(EnrolServer {
        name: name.clone(),
        hostname,
        transport,
        stage: args.stage.parse::<Stage>()?,
        services,
        host_keys,
    });
    change::run(&Wanted::new(request).next(next), &args.change, session).await
}

pub(super) async fn edit(args: EditServerArgs, session: &Session) -> Result<u8> {
    let server = session.aegir.server_named(&args.server).await?;
    let transport = args.ssh.as_deref().map(Transport::ssh).transpose()?;
    let host_keys = match &transport {
        Some(transport) => trust(&args.keys, transport, session).await?,
        None => said(&args.keys),
    };
    let request = Request::ChangeServer(ChangeServer {
        server: server.clone(),
        hostname: args.hostname,
        transport,
        stage: args.stage.as_deref().map(str::parse).transpose()?,
        services: changed_services(&args.services)?,
        host_keys,
    });
    change::run(&Wanted::new(request).next(format!("aegir server show {server}")), &args.change, session).await
}

/// A host name as DNS knows it; what is none is refused by who wants one.
fn as_known(text: &str) -> String {
    host_name(text).unwrap_or_else(|_| text.to_owned())
}

/// What the flags say of the host key.
fn said(keys: &KeyArgs) -> Trust {
    match (keys.host_key.is_empty(), keys.accept_new_host_key) {
        (false, _) => Trust::These(keys.host_key.clone()),
        (true, true) => Trust::New,
        (true, false) => Trust::Pinned,
    }
}

/// The flags; else what is pinned; else an operator at the terminal, who sees every key that the server shows.
async fn trust(keys: &KeyArgs, transport: &Transport, session: &Session) -> Result<Trust> {
    let said = said(keys);
    let ui = &session.ui;
    if said != Trust::Pinned || *transport == Transport::Local || ui.json || !std::io::stdin().is_terminal() {
        return Ok(said);
    }
    let host = session.aegir.host_keys(transport).await?;
    if !host.pinned.is_empty() {
        return Ok(said);
    }
    ui.prompt(&format!("{transport} shows these host keys:"));
    for key in &host.offered {
        ui.prompt(&format!("  {}  {}", key.fingerprint, key.kind));
    }
    ui.prompt("compare them on the server: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    ui.ask("type yes to believe them from now on:");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|e| Error::failed("reading the answer").because(e))?;
    if answer.trim() == "yes" {
        Ok(Trust::These(host.offered.into_iter().map(|k| k.fingerprint).collect()))
    } else {
        Err(Error::new(ErrorKind::Interrupted, "the host key was not confirmed, nothing was changed"))
    }
}

/// `SERVICE.NAME=VALUE`, by service.
fn settings(texts: &[String]) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for text in texts {
        let parts = text.split_once('=').and_then(|(place, value)| Some((place.split_once('.')?, value)));
        let Some(((service, name), value)) = parts.filter(|((s, n), _)| !s.is_empty() && !n.is_empty()) else {
            return Err(Error::invalid("a setting is written SERVICE.NAME=VALUE").hint("such as `--set web.port=8080`"));
        };
        all.entry(service.to_owned()).or_default().insert(name.to_owned(), value.to_owned());
    }
    Ok(all)
}

/// The services of a new server.
fn new_services(args: &ServiceArgs, registry: &Registry) -> Result<BTreeMap<String, ServiceBinding>> {
    let mut settings = settings(&args.settings)?;
    let web = args.web.as_deref().unwrap_or(if args.db.is_some() { NONE } else { USUAL_WEB });
    let mut services = BTreeMap::new();
    for (service, wanted) in [("web", web), ("db", args.db.as_deref().unwrap_or(NONE))] {
        if wanted != NONE {
            let settings = settings.remove(service).unwrap_or_default();
            services.insert(service.to_owned(), registry.configure(service, wanted, Value::Null, &settings)?);
        }
    }
    match settings.keys().next() {
        Some(odd) => Err(Error::invalid(format!("the server will offer no {} service to set", odd.escape_debug()))),
        None => Ok(services),
    }
}

fn changed_services(args: &ServiceArgs) -> Result<BTreeMap<String, ServiceChange>> {
    let mut settings = settings(&args.settings)?;
    let mut changes = BTreeMap::new();
    for (service, wanted) in [("web", &args.web), ("db", &args.db)] {
        let change = match wanted.as_deref() {
            Some(NONE) => ServiceChange::Remove,
            Some(wanted) => {
                ServiceChange::Fill { service_type: Some(wanted.to_owned()), settings: settings.remove(service).unwrap_or_default() }
            }
            None => continue,
        };
        changes.insert(service.to_owned(), change);
    }
    for (service, settings) in settings {
        if matches!(changes.get(&service), Some(ServiceChange::Remove)) {
            return Err(Error::invalid(format!("the {service} service is taken away, so it has no settings")));
        }
        changes.insert(service, ServiceChange::Fill { service_type: None, settings });
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_its_service() {
        let all = settings(&["web.port=80".to_owned(), "db.host=a=b".to_owned()]).unwrap();
        assert_eq!((all["web"]["port"].as_str(), all["db"]["host"].as_str()), ("80", "a=b"));
        for bad in ["port=80", "web.port", "=", ".a=1", "web.=1"] {
            assert!(settings(&[bad.to_owned()]).is_err(), "{bad}");
        }
    }
}
