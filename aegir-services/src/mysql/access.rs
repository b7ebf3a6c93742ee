//! How to connect as the administrator: data for plans and journals, the password sealed.

use std::time::Duration;

use aegir_core::Result;
use aegir_core::name::ServerName;
use aegir_core::secret::{Keyring, Sealed};
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use super::config::LOCALHOST;
use super::fault::{Fault, explain};
use super::session::Session;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// How to connect to a database server.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Access {
    /// The server's name in Aegir, for errors.
    pub server: ServerName,
    /// The host, as the connecting machine sees it.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The Unix socket to prefer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// Who connects.
    pub user: String,
    /// The password.
    pub password: Sealed,
}

impl Access {
    /// Connects from this machine.
    pub(super) async fn connect(&self, keyring: &Keyring) -> Result<Session> {
        self.try_connect(keyring).await?.map_err(|fault| explain(self, &fault))
    }

    /// Connects; the inner error is the database server's own answer.
    pub(super) async fn try_connect(&self, keyring: &Keyring) -> Result<Result<Session, Fault>> {
        let password = keyring.open(&self.password)?;
        // Only a socket that stands is worth a try: a stopped server has none, and TCP then says so.
        if let Some(socket) = self.socket.as_ref().filter(|s| std::path::Path::new(s).exists()) {
            match Session::open(self.options(&password).socket(socket), password.clone(), CONNECT).await {
                // Over a socket MySQL 8 expects what this client only sends over TCP: a second way is worth a try.
                Err(Fault::Refused { .. } | Fault::Protocol(_)) => {}
                other => return Ok(other),
            }
        }
        Ok(Session::open(self.options(&password), password, CONNECT).await)
    }

    fn options(&self, password: &SecretString) -> MySqlConnectOptions {
        // By number, because a resolver may prefer ::1, where MariaDB need not listen.
        let host = if self.host == LOCALHOST { "127.0.0.1" } else { &self.host };
        MySqlConnectOptions::new()
            .host(host)
            .port(self.port)
            .username(&self.user)
            .password(password.expose_secret())
            .ssl_mode(MySqlSslMode::Disabled)
            .charset("utf8mb4")
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            // Statements hold passwords; they are never logged.
            .disable_statement_logging()
    }
}
