//! What a service is, what fills it, and what makes a service type registrable.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{Check, Door, Operation, PlanContext, Preparation, Visit};
use crate::action::Actions;
use crate::entity::Server;
use crate::plan::Plan;
use crate::server::{Command, Observer, Output};
use crate::{Error, Result};

/// What a service type can do, as plain fields; asked before planning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Capabilities {
    /// Answers HTTP for sites.
    pub serves_sites: bool,
    /// Hands database credentials to sites through the web server's environment.
    pub cloaks_credentials: bool,
    /// Honours `.htaccess` files of the document root, read when the platform is verified.
    pub htaccess: bool,
    /// Terminates TLS.
    pub tls: bool,
    /// Makes databases for sites.
    pub databases: bool,
    /// Takes consistent dumps while sites write.
    pub consistent_dumps: bool,
}

/// What a server can offer: `web`, `db`, or what a third party invents.
pub trait Service: std::fmt::Debug + Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// Its title for people.
    fn title(&self) -> &'static str;
    /// Services whose plans come first, because this one reads what they leave.
    fn after(&self) -> &'static [&'static str] {
        &[]
    }
    /// Refuses a service type that cannot do what the service promises.
    fn accept(&self, offered: &Capabilities) -> Result<(), Error>;
}

/// An implementation of a service: Apache, MySQL, yours.
///
/// * `plan` and `check` read and never change; everything they want is in the returned data.
/// * A second plan after a successful run is empty once its steps are held against the world.
#[async_trait]
pub trait ServiceType: std::fmt::Debug + Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;
    /// What a bare machine needs before this works there. The server is as it will be enrolled and has no facts yet.
    fn preparation(&self, server: &Server, cx: &PlanContext<'_>) -> Result<Preparation> {
        let _ = (server, cx);
        Ok(Preparation::default())
    }
    /// Works out the changes an operation needs.
    async fn plan(&self, operation: &Operation<'_>, cx: &PlanContext<'_>) -> Result<Plan>;
    /// What its checks want to ask on a server: commands that only read, a program and arguments. All questions to a
    /// server are asked in one round trip.
    fn questions(&self, server: &Server) -> Vec<Command> {
        let _ = server;
        Vec::new()
    }
    /// Looks whether it could work on this server, whose facts are fresh; `answers` are those to its questions. Packages
    /// and the sudo rule of its [`Preparation`] are looked at without it.
    async fn check(&self, server: &Server, answers: &[Output], cx: &PlanContext<'_>) -> Result<Vec<Check>>;
    /// Web services: gets the front page of sites, as visitors do, on their server; side by side, and within limits of
    /// number and time. Changes nothing but what any visitor does.
    async fn visit(&self, doors: &[Door], server: &Observer) -> Vec<Visit> {
        let _ = (doors, server);
        Vec::new()
    }
    /// Database services: the question that, asked on a web server, tells how `server` is reached from there.
    fn question_from(&self, server: &Server, web: &Server) -> Option<Command> {
        let _ = (server, web);
        None
    }
    /// Database services: what the answer to that question says. The name of the check is the caller's.
    async fn check_from(&self, server: &Server, web: &Server, answer: &Output, cx: &PlanContext<'_>) -> Result<Check> {
        let _ = (server, web, answer, cx);
        Err(Error::internal("this service type asks nothing from afar"))
    }
}

/// A service type with a name, a service it fills, and typed settings.
pub trait Plugin: ServiceType + Sized + 'static {
    /// Its name: `apache`.
    const NAME: &'static str;
    /// The service it fills: `web`.
    const SERVICE: &'static str;
    /// Its title for people.
    const TITLE: &'static str;
    /// Its settings; their JSON Schema drives validation, help and forms. Secrets are [`crate::secret::Sealed`].
    type Config: DeserializeOwned + JsonSchema;
    /// Its templates, name and text.
    fn templates() -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// Makes its actions known.
    fn actions(actions: &mut Actions) {
        let _ = actions;
    }
    /// Builds it from its settings.
    fn new(config: Self::Config) -> Result<Self>;
}
