//! The service type `apache`: Apache 2.4 with PHP-FPM.

mod account;
mod check;
mod config;
mod htaccess;
pub mod machine;
mod platform;
mod server;
mod site;
mod swap;
#[cfg(test)]
mod tests;

pub use config::Config;

use aegir_core::entity::Server;
use aegir_core::plan::Plan;
use aegir_core::server::{Command, Observer, Output};
use aegir_core::service::{Capabilities, Check, Door, Operation, PlanContext, Plugin, Preparation, Registry, ServiceType, Visit};
use aegir_core::{Error, ErrorKind, Result};
use async_trait::async_trait;

/// Apache 2.4 with PHP-FPM.
#[derive(Debug)]
pub struct Apache {
    config: Config,
}

impl Plugin for Apache {
    const NAME: &'static str = "apache";
    const SERVICE: &'static str = "web";
    const TITLE: &'static str = "Apache with PHP-FPM";
    type Config = Config;

    fn templates() -> &'static [(&'static str, &'static str)] {
        &[
            ("apache/include.conf", include_str!("templates/include.conf.hbs")),
            ("apache/server.conf", include_str!("templates/server.conf.hbs")),
            ("apache/platform.conf", include_str!("templates/platform.conf.hbs")),
            ("apache/vhost.conf", include_str!("templates/vhost.conf.hbs")),
            ("apache/disabled.conf", include_str!("templates/disabled.conf.hbs")),
        ]
    }

    fn new(config: Config) -> Result<Self> {
        config.check()?;
        Ok(Self { config })
    }
}

#[async_trait]
impl ServiceType for Apache {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.serves_sites = true;
        capabilities.cloaks_credentials = true;
        capabilities.htaccess = true;
        capabilities
    }

    fn preparation(&self, server: &Server, cx: &PlanContext<'_>) -> Result<Preparation> {
        machine::preparation(&self.config, server, cx)
    }

    async fn plan(&self, operation: &Operation<'_>, cx: &PlanContext<'_>) -> Result<Plan> {
        match operation {
            // All that a machine needs is data.
            Operation::PrepareMachine { .. } => Ok(Plan::empty()),
            Operation::VerifyServer { server } => server::verify(&self.config, server, cx).await,
            Operation::DeleteServer { server } => server::delete(&self.config, server),
            Operation::VerifyPlatform { platform, server, code } => platform::verify(&self.config, platform, server, code, cx).await,
            Operation::DeletePlatform { platform, server } => platform::delete(&self.config, platform, server, cx).await,
            Operation::InstallSite { site, .. } => site::install(&self.config, site, cx).await,
            Operation::VerifySite { site } => site::verify(&self.config, site, cx).await,
            Operation::QuiesceSite { site, .. } => site::quiesce(&self.config, site, cx).await,
            Operation::DeleteSite { site, .. } => site::delete(&self.config, site, cx).await,
            other => Err(Error::new(ErrorKind::Unsupported, format!("apache cannot {}", other.name()))),
        }
    }

    fn questions(&self, server: &Server) -> Vec<Command> {
        check::questions(&self.config, server)
    }

    async fn check(&self, server: &Server, answers: &[Output], cx: &PlanContext<'_>) -> Result<Vec<Check>> {
        check::all(&self.config, server, answers, cx).await
    }

    async fn visit(&self, doors: &[Door], server: &Observer) -> Vec<Visit> {
        crate::web::visit(doors, self.config.port, server).await
    }
}

pub(crate) fn register(registry: &mut Registry) {
    registry.add::<Apache>();
}
