//! The settings of the service type `mysql`: where it is, and who administers it.

use std::net::IpAddr;

use aegir_core::entity::{Server, Transport};
use aegir_core::secret::Sealed;
use aegir_core::{Error, Result};

use super::Access;
use super::access::Tls;

/// MariaDB's and MySQL's own name for the machine itself; clients take the Unix socket for it.
pub(super) const LOCALHOST: &str = "localhost";
/// Their usual port.
pub(super) const PORT: u16 = 3306;
/// The authorities that the machine itself trusts.
const SYSTEM: &str = "system";
/// Debian's socket, where PHP and the clients look for `localhost`.
pub(super) const SOCKET: &str = "/run/mysqld/mysqld.sock";

/// The settings of a MariaDB or MySQL server.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The host to connect to; `localhost` is the server itself.
    #[serde(default = "localhost")]
    pub host: String,
    /// The port there.
    #[serde(default = "port")]
    pub port: u16,
    /// The Unix socket for the administrator's own connections; unset for Debian's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// The address it listens on, so that sites on other web servers can connect; several with commas, `*` for all. When
    /// unset, all on every server but the master, where nothing is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// The administrator: may make and drop databases and users, and grant.
    #[serde(default = "user")]
    pub user: String,
    /// The administrator's password, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Sealed>,
    /// Whether a connection that crosses a network must be encrypted; `false` only where the network between is yours alone.
    /// Those of sites are wherever the server has a certificate.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub tls: bool,
    /// The authority that proves who answers, to the master and to sites: a PEM file on the master, or `system` for those
    /// that each machine trusts. Unset: encrypted, and whoever answers is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

/// Whether what goes to a host does not leave the machine.
pub(super) fn stays(host: &str) -> bool {
    host == LOCALHOST || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_yes(value: &bool) -> bool {
    *value
}

fn localhost() -> String {
    LOCALHOST.to_owned()
}

fn port() -> u16 {
    PORT
}

fn user() -> String {
    "aegir".to_owned()
}

impl Config {
    pub(super) fn check(&self) -> Result<()> {
        let plain = |text: &str, more: &str| {
            !text.is_empty() && text.len() <= 255 && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        if !plain(&self.host, ".-:_") {
            return Err(Error::invalid("the host of mysql must be a host name or an address"));
        }
        if !plain(&self.user, "_-.") || self.user.len() > 80 {
            return Err(Error::invalid("the user of mysql must be letters, digits and _ - ."));
        }
        let address = |text: &str| text == "*" || text.parse::<IpAddr>().is_ok();
        if self.listen.as_deref().is_some_and(|list| !list.split(',').all(address)) {
            return Err(Error::invalid("what mysql listens on must be an address, several with commas, or *"));
        }
        if self.port == 0 {
            return Err(Error::invalid("the port of mysql must be 1 to 65535"));
        }
        match self.ca.as_deref() {
            None | Some(SYSTEM) => {}
            Some(file) => drop(aegir_core::name::absolute_path("ca of mysql", file)?),
        }
        self.socket.as_deref().map_or(Ok(()), |s| aegir_core::name::absolute_path("socket of mysql", s).map(drop))
    }

    /// Whether it is the server itself, over its usual socket.
    pub(super) fn is_plain_local(&self) -> bool {
        self.host == LOCALHOST && self.port == PORT && self.socket.as_deref().is_none_or(|s| s == SOCKET)
    }

    /// How the administrator connects, from the master: to the server itself over its socket, which on another machine
    /// knows the account that Aegir works as and so needs no password.
    pub(super) fn access(&self, server: &Server) -> Result<Access> {
        let (itself, local) = (self.host == LOCALHOST, server.transport == Transport::Local);
        if self.password.is_none() && (local || !itself) {
            return Err(Error::refused(format!("the database service of {} has no administrator's password", server.name))
                .context("server", &server.name)
                .hint("as root: `aegir init`, which makes one"));
        }
        // Debian's socket is the one of the server on the usual port.
        let socket = itself && (!local || self.socket.is_some() || self.port == PORT);
        let socket = socket.then(|| self.socket.clone().unwrap_or_else(|| SOCKET.to_owned()));
        let (host, password) = (self.host.clone(), self.password.clone());
        let user = if password.is_some() { &self.user } else { &server.user };
        let tls = if socket.is_some() { Tls::Offered } else { self.protection() };
        Ok(Access { server: server.name.clone(), host, port: self.port, socket, user: user.clone(), password, tls })
    }

    /// How a connection over TCP from the master is protected.
    pub(super) fn protection(&self) -> Tls {
        if self.tls { self.protection_at(&self.host) } else { Tls::Offered }
    }

    /// How one to this host is protected that is to be encrypted.
    pub(super) fn protection_at(&self, host: &str) -> Tls {
        match self.ca.as_deref() {
            _ if stays(host) => Tls::Offered,
            None => Tls::Demanded,
            Some(SYSTEM) => Tls::Proved(None),
            Some(file) => Tls::Proved(Some(file.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(value: serde_json::Value) -> Config {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn defaults_are_debians_and_hostile_values_are_refused() {
        let plain = config(serde_json::json!({}));
        assert!(plain.check().is_ok() && plain.is_plain_local());
        for bad in [
            serde_json::json!({"host": "a b"}),
            serde_json::json!({"user": "a'b"}),
            serde_json::json!({"port": 0}),
            serde_json::json!({"socket": "../x"}),
            serde_json::json!({"listen": "0.0.0.0\nskip-grant-tables"}),
            serde_json::json!({"listen": "db.example.com"}),
            serde_json::json!({"ca": "ca.pem"}),
        ] {
            assert!(config(bad.clone()).check().is_err(), "{bad}");
        }
        assert!(serde_json::from_value::<Config>(serde_json::json!({"hots": "x"})).is_err());
    }

    #[test]
    fn what_crosses_a_network_is_encrypted() {
        let of = |value| config(value).protection();
        for near in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(of(serde_json::json!({ "host": near })), Tls::Offered);
        }
        assert_eq!(of(serde_json::json!({"host": "db.example.com"})), Tls::Demanded);
        assert_eq!(of(serde_json::json!({"host": "10.0.0.2", "ca": "/etc/ca.pem"})), Tls::Proved(Some("/etc/ca.pem".into())));
        assert_eq!(of(serde_json::json!({"host": "10.0.0.2", "ca": "system"})), Tls::Proved(None));
        assert_eq!(of(serde_json::json!({"host": "10.0.0.2", "tls": false})), Tls::Offered);
    }
}
