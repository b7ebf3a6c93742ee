//! How to connect as the administrator: data for plans and journals, the password sealed.
//!
//! What crosses a network is encrypted, unless it goes through a tunnel of ours or an operator said otherwise.

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

/// How a connection is protected that goes over TCP.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// It leaves the machine through a tunnel or not at all, or an operator wants it so: encrypted only where the server
    /// offers it.
    #[default]
    Offered,
    /// Encrypted; whoever answers is believed.
    Demanded,
    /// Encrypted, and the server proves its host name to this authority: a PEM file on the master; `None` for those that
    /// the machine trusts.
    Proved(Option<String>),
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
    /// How it is protected over TCP.
    #[serde(default)]
    pub tls: Tls,
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
            tls: Tls::default(),
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
        let Some(tunnel) = tunnel else { return Ok(self.over_tcp(password).await) };
        // Only a socket that stands is worth a try: a stopped server has none, and TCP then says so.
        if !tunnel.path().exists() {
            return Ok(self.over_tcp(password).await);
        }
        let first = Session::open(self.options(password.as_ref()).socket(tunnel.path()), password.clone(), CONNECT).await;
        // Over a socket MySQL 8 expects what this client only sends over TCP: a second way is worth a try. From another
        // machine it would lead to whoever listens here. What the first way said is the cause, should both fail.
        match &first {
            Err(Fault::Refused { .. } | Fault::Protocol(_)) if tunnel.is_direct() => Ok(self.over_tcp(password).await.or(first)),
            _ => Ok(first),
        }
    }

    async fn over_tcp(&self, password: Option<SecretString>) -> Result<Session, Fault> {
        Session::open(self.options(password.as_ref()), password, CONNECT).await
    }

    fn options(&self, password: Option<&SecretString>) -> MySqlConnectOptions {
        // By number, because a resolver may prefer ::1, where MariaDB need not listen.
        let host = if self.host == LOCALHOST { "127.0.0.1" } else { &self.host };
        let options = MySqlConnectOptions::new()
            .host(host)
            .port(self.port)
            .username(&self.user)
            .ssl_mode(match &self.tls {
                Tls::Offered => MySqlSslMode::Preferred,
                Tls::Demanded => MySqlSslMode::Required,
                Tls::Proved(_) => MySqlSslMode::VerifyIdentity,
            })
            .charset("utf8mb4")
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            // Statements hold passwords; they are never logged.
            .disable_statement_logging();
        let options = match &self.tls {
            Tls::Proved(Some(file)) => options.ssl_ca(file),
            _ => options,
        };
        match password {
            Some(password) => options.password(password.expose_secret()),
            None => options,
        }
    }
}
