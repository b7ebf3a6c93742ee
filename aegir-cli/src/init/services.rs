//! What the flags of `init` say about the services of this machine.

use std::collections::BTreeMap;
use std::io::Read as _;

use aegir_core::entity::{Server, ServiceBinding};
use aegir_core::secret::{Keyring, random_password};
use aegir_core::service::{Registry, ServiceChange};
use aegir_core::{Error, Result};
use secrecy::SecretString;
use serde_json::json;

use crate::args::InitArgs;

/// Service name to what fills it.
pub(super) type Services = BTreeMap<String, ServiceBinding>;

/// Where Debian's database server listens on the machine itself.
const SOCKET: &str = "/run/mysqld/mysqld.sock";

/// Says that a service is not wanted.
const NONE: &str = "none";

/// The services of a new master.
pub(super) fn chosen(args: &InitArgs, registry: &Registry, keyring: &Keyring) -> Result<Services> {
    let mut services = Services::new();
    let mut add = |service: &str, service_type: &str, config| -> Result<()> {
        if service_type != NONE {
            services.insert(service.to_owned(), registry.bind(service, service_type, config)?);
        }
        Ok(())
    };
    add("web", args.web.as_deref().unwrap_or("apache"), json!({}))?;
    let db = args.db.as_deref().unwrap_or("mysql");
    let config = match &args.db_url {
        Some(url) => {
            let (user, host, port) = parse_url(url)?;
            json!({ "host": host, "port": port, "user": user, "password": keyring.seal(&password(args)?)? })
        }
        None => {
            json!({ "host": "localhost", "port": 3306, "user": "aegir", "password": keyring.seal(&random_password()?)?, "socket": SOCKET })
        }
    };
    let config = with_address(config, args);
    add("db", db, config)?;
    Ok(services)
}

fn with_address(mut config: serde_json::Value, args: &InitArgs) -> serde_json::Value {
    if let Some(address) = &args.db_listen {
        config["listen"] = json!(address);
    }
    config
}

/// The services of a master that stands; the flags may repeat what is so, and say where its database server listens.
pub(super) fn kept(server: &Server, args: &InitArgs, registry: &Registry) -> Result<Services> {
    for (service, wanted) in [("web", &args.web), ("db", &args.db)] {
        let stands = server.services.get(service).map_or(NONE, |binding| binding.service_type.as_str());
        if let Some(wanted) = wanted.as_ref().filter(|w| *w != stands) {
            return Err(Error::conflict(format!("{} is enrolled with {service}={stands}, not {}", server.name, wanted.escape_debug()))
                .context("server", &server.name)
                .hint(format!("leave `--{service}` away")));
        }
    }
    if args.db_url.is_some() {
        return Err(Error::conflict(format!("{} is enrolled already, with its database server", server.name))
            .context("server", &server.name)
            .hint("leave `--db-url` away"));
    }
    let mut services = server.services.clone();
    if args.db_listen.is_some() {
        let binding = server.service("db")?;
        let config = with_address(binding.config.clone(), args);
        services.insert("db".to_owned(), registry.bind("db", &binding.service_type, config)?);
    }
    Ok(services)
}

/// How the flags change the services of a master that stands.
pub(super) fn changed(args: &InitArgs) -> BTreeMap<String, ServiceChange> {
    let settings = args.db_listen.iter().map(|address| ("listen".to_owned(), address.clone())).collect();
    [("db".to_owned(), ServiceChange::Fill { service_type: None, settings })].into()
}

/// `mysql://ADMIN@HOST[:PORT]`; a password in it would stand in every process list.
fn parse_url(url: &str) -> Result<(String, String, u16)> {
    let problem = |why: &str| {
        Error::invalid(format!("the database address {why}"))
            .hint("write mysql://ADMIN@HOST or mysql://ADMIN@HOST:PORT, and the password into a file for `--db-password-file`")
    };
    let rest = url.strip_prefix("mysql://").ok_or_else(|| problem("does not start with mysql://"))?;
    let (user, place) = rest.trim_end_matches('/').rsplit_once('@').ok_or_else(|| problem("names no administrator"))?;
    if user.contains(':') {
        return Err(problem("holds a password, which everybody can see in the process list"));
    }
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| problem("has a port that is no number from 1 to 65535"))?),
        None => (place, 3306),
    };
    let plain = |text: &str, extra: &str| {
        !text.is_empty() && text.len() <= 253 && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
    };
    if !plain(user, "_-.") || !plain(host, "-.") || port == 0 {
        return Err(problem("has an administrator or host that is no plain name"));
    }
    Ok((user.to_owned(), host.to_owned(), port))
}

fn password(args: &InitArgs) -> Result<SecretString> {
    let Some(file) = &args.db_password_file else { return Err(Error::invalid("`--db-url` needs `--db-password-file`")) };
    let problem = |e: std::io::Error| Error::invalid(format!("the password file {file} cannot be read")).context("file", file).because(e);
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text).map_err(problem)?
    } else {
        std::fs::File::open(file).and_then(|mut f| f.read_to_string(&mut text)).map_err(problem)?
    };
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() {
        Err(Error::invalid(format!("the password file {file} is empty")).context("file", file))
    } else {
        Ok(SecretString::from(password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_who_and_where_and_holds_no_password() {
        assert_eq!(parse_url("mysql://root@db.example.com:3307").unwrap(), ("root".into(), "db.example.com".into(), 3307));
        assert_eq!(parse_url("mysql://admin@localhost").unwrap().2, 3306);
        for bad in
            ["db", "mysql://db", "mysql://a:canary@db", "mysql://a@db:x", "mysql://a@db:0", "mysql://a'@db", "mysql://@db", "mysql://a@d b"]
        {
            let error = parse_url(bad).unwrap_err();
            assert!(!format!("{error:?}").contains("canary"), "{bad}");
        }
    }
}
