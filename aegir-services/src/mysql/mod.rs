//! The service type `mysql`: MariaDB 10.5 and later, MySQL 8.

mod access;
mod account;
mod admin;
mod check;
mod client;
mod config;
mod content;
mod database;
mod drop_database;
mod drop_user;
mod dump;
mod encryption;
mod exact;
mod fault;
mod globals;
mod grant;
mod hold;
mod left_out;
mod loading;
mod lock;
pub mod machine;
mod number;
mod others;
mod plan;
mod prepare;
mod prove;
mod provide;
mod quote;
mod rights;
mod seen;
mod session;
mod space;
mod user;

pub use access::{Access, Tls};
pub use admin::AdminAccount;
pub use config::Config;
pub use database::CreateDatabase;
pub use drop_database::DropDatabase;
pub use drop_user::DropUser;
pub use dump::{DumpDatabase, Salvage};
pub use exact::{Apart, Exact};
pub use grant::Grant;
pub use hold::HoldUser;
pub use left_out::LeftOut;
pub use loading::Loader;
pub use prove::ProveDump;
pub use user::CreateUser;

use aegir_core::action::Actions;
use aegir_core::entity::Server;
use aegir_core::plan::Plan;
use aegir_core::server::{Command, Output};
use aegir_core::service::{Capabilities, Check, Operation, PlanContext, Plugin, Preparation, Registry, ServiceType};
use aegir_core::{Error, ErrorKind, Result};
use async_trait::async_trait;

/// MariaDB or MySQL.
#[derive(Debug)]
pub struct MySql {
    config: Config,
}

impl Plugin for MySql {
    const NAME: &'static str = "mysql";
    const SERVICE: &'static str = "db";
    const TITLE: &'static str = "MariaDB or MySQL";
    type Config = Config;

    fn actions(actions: &mut Actions) {
        actions.add::<AdminAccount>();
        actions.add::<CreateDatabase>();
        actions.add::<CreateUser>();
        actions.add::<Grant>();
        actions.add::<HoldUser>();
        actions.add::<DumpDatabase>();
        actions.add::<ProveDump>();
        actions.add::<DropUser>();
        actions.add::<DropDatabase>();
    }

    fn new(config: Config) -> Result<Self> {
        config.check()?;
        Ok(Self { config })
    }
}

#[async_trait]
impl ServiceType for MySql {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.databases = true;
        capabilities.consistent_dumps = true;
        capabilities
    }

    fn preparation(&self, server: &Server, _cx: &PlanContext<'_>) -> Result<Preparation> {
        machine::preparation(&self.config, server)
    }

    async fn plan(&self, operation: &Operation<'_>, cx: &PlanContext<'_>) -> Result<Plan> {
        match operation {
            Operation::PrepareMachine { server } => prepare::prepare(&self.config, server),
            // A database server has no files of ours to verify, or to take away.
            Operation::VerifyServer { .. } | Operation::DeleteServer { .. } => Ok(Plan::empty()),
            Operation::ProvideDatabase { owner, uri, web, db } => provide::plan(&self.config, owner, uri, web, db, cx).await,
            Operation::VerifySite { site } => plan::verify_site(&self.config, site, cx).await,
            Operation::QuiesceSite { site, .. } => plan::quiesce_site(&self.config, site),
            Operation::DumpSite { site, into } => plan::dump_site(&self.config, site, *into, cx).await,
            Operation::DeleteSite { site, dump } => plan::delete_site(&self.config, site, *dump, cx).await,
            other => Err(Error::new(ErrorKind::Unsupported, format!("mysql cannot {}", other.name()))),
        }
    }

    async fn check(&self, server: &Server, _answers: &[Output], cx: &PlanContext<'_>) -> Result<Vec<Check>> {
        check::all(&self.config, server, cx).await
    }

    fn question_from(&self, server: &Server, web: &Server) -> Option<Command> {
        seen::host_for(&self.config, web, server).map(|host| seen::question(&host, self.config.port))
    }

    async fn check_from(&self, server: &Server, web: &Server, answer: &Output, cx: &PlanContext<'_>) -> Result<Check> {
        seen::check(&self.config, server, web, answer, cx).await
    }
}

pub(crate) fn register(registry: &mut Registry) {
    registry.add::<MySql>();
}
