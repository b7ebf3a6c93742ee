//! How to connect as the administrator: data for plans and journals, the password sealed.

use std::time::Duration;

use aegir_core::Result;
use aegir_core::action::Context;
use aegir_core::name::ServerName;
use aegir_core::secret::{Keyring, Sealed};
use aegir_core::server::Tunnel;
use aegir_core::service::PlanContext;
use async_trait::async_trait;
use camino::Utf8Path;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use super::config::LOCALHOST;
use super::fault::{Fault, explain};
use super::session::Session;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Whoever connects: while planning, and in a step.
#[async_trait]
pub(super) trait Reach: Sync {
    /// Opens the password.
    fn key(&self) -> &Keyring;
    /// A local way to a socket on a server.
    async fn tunnel(&self, server: &ServerName, socket: &Utf8Path) -> Result<Tunnel>;
}

#[async_trait]
impl Reach for Context {
    fn key(&self) -> &Keyring {
        self.keyring()
    }

    async fn tunnel(&self, server: &ServerName, socket: &Utf8Path) -> Result<Tunnel> {
        self.other_server(server).await?.forward(socket).await
    }
}

#[async_trait]
impl Reach for PlanContext<'_> {
    fn key(&self) -> &Keyring {
        self.keyring()
    }

    async fn tunnel(&self, server: &ServerName, socket: &Utf8Path) -> Result<Tunnel> {
        self.observe(server).await?.forward(socket).await
    }
}

/// How to connect to a database server.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Access {
    /// The server's name in Aegir: where the socket is.
    pub server: ServerName,
    /// The host, as the connecting machine sees it.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The Unix socket on the server, to prefer. That of another machine is the only way there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// Who connects.
    pub user: String,
    /// The password; without one the database server knows the account that comes through its socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Sealed>,
}

impl Access {
    /// To a server of tests that connect to nobody.
    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self {
            server: ServerName::master(),
            host: LOCALHOST.to_owned(),
            port: 3306,
            socket: None,
            user: "aegir".to_owned(),
            password: Some(Sealed::from_stored(String::new())),
        }
    }

    /// Where it connects to, in words.
    pub(super) fn place(&self) -> String {
        match &self.socket {
            Some(socket) => socket.clone(),
            None => format!("{}:{}", self.host, self.port),
        }
    }

    /// Connects from this machine.
    pub(super) async fn connect(&self, cx: &impl Reach) -> Result<Session> {
        self.try_connect(cx).await?.map_err(|fault| explain(self, &fault))
    }

    /// Connects; the inner error is the database server's own answer.
    pub(super) async fn try_connect(&self, cx: &impl Reach) -> Result<Result<Session, Fault>> {
        let password = self.password.as_ref().map(|p| cx.key().open(p)).transpose()?;
        let tunnel = match &self.socket {
            Some(socket) => Some(cx.tunnel(&self.server, socket.as_str().into()).await?),
            None => None,
        };
        // Only a socket that stands is worth a try: a stopped server has none, and TCP then says so.
        if let Some(tunnel) = tunnel.filter(|t| t.path().exists()) {
            match Session::open(self.options(password.as_ref()).socket(tunnel.path()), password.clone(), CONNECT).await {
                // Over a socket MySQL 8 expects what this client only sends over TCP: a second way is worth a try. From
                // another machine it would lead to whoever listens here.
                Err(Fault::Refused { .. } | Fault::Protocol(_)) if tunnel.is_direct() => {}
                other => return Ok(other),
            }
        }
        Ok(Session::open(self.options(password.as_ref()), password, CONNECT).await)
    }

    fn options(&self, password: Option<&SecretString>) -> MySqlConnectOptions {
        // By number, because a resolver may prefer ::1, where MariaDB need not listen.
        let host = if self.host == LOCALHOST { "127.0.0.1" } else { &self.host };
        let options = MySqlConnectOptions::new()
            .host(host)
            .port(self.port)
            .username(&self.user)
            .ssl_mode(MySqlSslMode::Disabled)
            .charset("utf8mb4")
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            // Statements hold passwords; they are never logged.
            .disable_statement_logging();
        match password {
            Some(password) => options.password(password.expose_secret()),
            None => options,
        }
    }
}
