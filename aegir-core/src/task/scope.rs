//! What a request is about and stands on: what must be in order before it is planned.

use std::sync::Arc;

use super::Request;
use crate::Result;
use crate::entity::EntityRef;
use crate::name::{PlatformName, ServerName, SiteUri};
use crate::shared::Core;

/// The entities that a request names, and what they stand on as far as it is known. Names of things that do not exist
/// are no error here: planning says so better.
pub(crate) async fn scope(core: &Arc<Core>, request: &Request) -> Result<Vec<EntityRef>> {
    let mut scope = Scope { core, entities: Vec::new() };
    match request {
        Request::PrepareMachine(_) => {}
        Request::EnrolServer(new) => scope.server(&new.name),
        Request::VerifyServer { server } | Request::DeleteServer { server, offline: false } => scope.server(server),
        // What waits for a server that is gone ends when the plan runs; or it waits because of how a server is reached now.
        Request::DeleteServer { offline: true, .. }
        | Request::DeletePlatform { offline: true, .. }
        | Request::DeleteSite { offline: true, .. }
        | Request::ChangeServer(_) => {}
        Request::AddPlatform(new) => {
            scope.platform(&new.name).await?;
            scope.server(&new.server);
        }
        Request::ChangePlatform(change) => scope.platform(&change.platform).await?,
        Request::VerifyPlatform { platform } | Request::DeletePlatform { platform, .. } => scope.platform(platform).await?,
        Request::InstallSite(new) => {
            scope.site(&new.uri).await?;
            scope.platform(&new.platform).await?;
            new.db_server.iter().for_each(|server| scope.server(server));
        }
        Request::VerifySite { site } | Request::DeleteSite { site, .. } => scope.site(site).await?,
        Request::ChangeSite(change) => scope.site(&change.uri).await?,
    }
    Ok(scope.entities)
}

struct Scope<'a> {
    core: &'a Arc<Core>,
    entities: Vec<EntityRef>,
}

impl Scope<'_> {
    fn add(&mut self, entity: EntityRef) {
        if !self.entities.contains(&entity) {
            self.entities.push(entity);
        }
    }

    fn server(&mut self, name: &ServerName) {
        self.add(EntityRef::Server(name.clone()));
    }

    async fn platform(&mut self, name: &PlatformName) -> Result<()> {
        self.add(EntityRef::Platform(name.clone()));
        if let Some(platform) = self.core.inventory.platform(name).await? {
            self.server(&platform.server);
        }
        Ok(())
    }

    async fn site(&mut self, uri: &SiteUri) -> Result<()> {
        self.add(EntityRef::Site(uri.clone()));
        if let Some(site) = self.core.inventory.site(uri).await? {
            self.platform(&site.platform).await?;
            self.server(&site.database.server);
        }
        Ok(())
    }
}
