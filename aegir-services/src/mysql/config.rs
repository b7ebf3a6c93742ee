//! The settings of the service type `mysql`: where it is, and who administers it.

use std::net::IpAddr;

use aegir_core::entity::{Server, Transport};
use aegir_core::secret::Sealed;
use aegir_core::{Error, Result};

use super::Access;

/// MariaDB's and MySQL's own name for the machine itself; clients take the Unix socket for it.
pub(super) const LOCALHOST: &str = "localhost";
/// Their usual port.
pub(super) const PORT: u16 = 3306;
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
        Ok(Access { server: server.name.clone(), host, port: self.port, socket, user: user.clone(), password })
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
        ] {
            assert!(config(bad.clone()).check().is_err(), "{bad}");
        }
        assert!(serde_json::from_value::<Config>(serde_json::json!({"hots": "x"})).is_err());
    }
}
