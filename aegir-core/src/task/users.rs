//! What stands on a server, so that it may not go: in words, and as the commands that delete it.

use std::collections::BTreeSet;

use crate::Result;
use crate::inventory::SiteFilter;
use crate::name::{PlatformName, ServerName, SiteUri};
use crate::service::PlanContext;

/// How many are named to people.
const SHOWN: usize = 5;

/// What stands on a server.
#[derive(Debug)]
pub(super) struct Users {
    platforms: Vec<PlatformName>,
    /// Sites that are served there.
    sites: Vec<SiteUri>,
    /// Sites whose database is there.
    databases: Vec<SiteUri>,
}

impl Users {
    pub(super) async fn of(name: &ServerName, cx: &PlanContext<'_>) -> Result<Self> {
        let platforms = cx.inventory().platforms().await?.into_iter().filter(|p| p.server == *name).map(|p| p.name).collect();
        let here = cx.inventory().sites(&SiteFilter { platform: None, server: Some(name.clone()) }).await?;
        let mut databases = Vec::new();
        for summary in cx.inventory().sites(&SiteFilter::default()).await? {
            if let Some(site) = cx.inventory().site(&summary.uri).await?
                && site.database.server == *name
            {
                databases.push(site.uri);
            }
        }
        Ok(Self { platforms, sites: here.into_iter().map(|s| s.uri).collect(), databases })
    }

    /// The first few of those who use a service, and how many more; `None` for nobody. What stands on a service that a third
    /// party invented, only that party knows.
    pub(super) fn of_service(&self, service: &str) -> Option<String> {
        match service {
            "web" => in_words(&self.of_web()),
            "db" => in_words(&self.of_db()),
            _ => None,
        }
    }

    /// The first few, and how many more; `None` for nobody.
    pub(super) fn in_words(&self) -> Option<String> {
        in_words(&[self.of_web(), self.of_db()].concat())
    }

    /// The commands that delete it all from a server which is gone, in an order that works.
    pub(super) fn deletions(&self, offline: bool) -> impl Iterator<Item = String> {
        let offline = if offline { " --offline" } else { "" };
        let sites: BTreeSet<&SiteUri> = self.sites.iter().chain(&self.databases).collect();
        let sites = sites.into_iter().take(SHOWN).map(move |uri| format!("`aegir site delete {uri}{offline}`"));
        sites.chain(self.platforms.iter().take(SHOWN).map(move |platform| format!("`aegir platform delete {platform}{offline}`")))
    }

    fn of_web(&self) -> Vec<String> {
        let platforms = self.platforms.iter().map(|platform| format!("platform {platform}"));
        platforms.chain(self.sites.iter().map(|uri| format!("site {uri}"))).collect()
    }

    fn of_db(&self) -> Vec<String> {
        self.databases.iter().map(|uri| format!("the database of site {uri}")).collect()
    }
}

fn in_words(users: &[String]) -> Option<String> {
    let first = users.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match users.len() {
        0 => None,
        count if count > SHOWN => Some(format!("{first} and {} more", count - SHOWN)),
        _ => Some(first),
    }
}
