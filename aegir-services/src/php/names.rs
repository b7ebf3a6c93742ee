//! The names by which a platform finds a site's directory; the ledger says whose each one is.
//!
//! A request for `HOST:PORT` is looked up as `PORT.HOST` and as `HOST`, first in the sites file, then among the
//! directories. So addresses that differ can be one name: `example.org:8080` is what a site `8080.example.org` has as its
//! directory. Whoever came second would get the first one's visitors, with the wrong database behind them. What a site
//! takes up here is therefore its own in the ledger of its platform, and refused to any other when its plan is made.

use aegir_core::action::{Action, Claims, Context};
use aegir_core::entity::{Owner, Resource, ResourceKind, Site, SiteContext};
use aegir_core::name::{ServerName, SiteUri};
use aegir_core::plan::{Change, Diff};
use aegir_core::service::PlanContext;
use aegir_core::{Error, Result};

use super::sites::key;

/// Each name that a site takes up on its platform, with the address that it comes from.
fn of(site: &Site) -> Vec<(String, &SiteUri)> {
    let mut names = vec![(site.uri.file_name(), &site.uri)];
    names.extend(site.addresses().map(|address| (key(address), address)));
    names.sort_unstable();
    names.dedup_by(|a, b| a.0 == b.0);
    names
}

fn resource(name: &str, site: &SiteContext) -> Resource {
    Resource::new(ResourceKind::SiteName, &site.web.name, format!("{} {name}", site.platform.name))
}

/// What the ledger says the site has on its platform.
async fn owned(site: &SiteContext, cx: &PlanContext<'_>) -> Result<Vec<Resource>> {
    let prefix = format!("{} ", site.platform.name);
    let mut owned = cx.inventory().owned_by(&Owner::from(&site.site)).await?;
    owned.retain(|r| r.kind == ResourceKind::SiteName && r.server == site.web.name && r.name.starts_with(&prefix));
    Ok(owned)
}

/// The step that takes a site's names, and gives up those that it needs no more; refuses names of another site.
pub(crate) async fn take(site: &SiteContext, cx: &PlanContext<'_>) -> Result<TakeNames> {
    let names = of(&site.site);
    for (name, address) in &names {
        let holder = cx.inventory().owner(&resource(name, site)).await?;
        if let Some(holder) = holder.filter(|holder| *holder != Owner::from(&site.site)) {
            let platform = &site.platform.name;
            return Err(Error::conflict(format!("{address} would be looked up as {name} on platform {platform}, which leads to {holder}"))
                .context("site", &site.site.uri)
                .context("platform", platform)
                .hint("choose another address, or another platform"));
        }
    }
    let take: Vec<Resource> = names.iter().map(|(name, _)| resource(name, site)).collect();
    let mut leave = owned(site, cx).await?;
    leave.retain(|r| !take.contains(r));
    Ok(TakeNames { take, leave })
}

/// The step that gives up all names of a site.
pub(crate) async fn leave(site: &SiteContext, cx: &PlanContext<'_>) -> Result<TakeNames> {
    Ok(TakeNames { take: Vec::new(), leave: owned(site, cx).await? })
}

/// Records names as the owner's, and strikes others. The ledger is the engine's, which does both.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TakeNames {
    /// What is its own from now on.
    pub take: Vec<Resource>,
    /// What it gives up.
    pub leave: Vec<Resource>,
}

impl Action for TakeNames {
    const NAME: &'static str = "app.names";
    /// Which of them are the owner's.
    type Before = Vec<Resource>;
    type Output = ();

    fn summary(&self) -> String {
        let names = |of: &[Resource]| of.iter().map(|r| r.name.split_once(' ').map_or(&*r.name, |(_, n)| n)).collect::<Vec<_>>().join(", ");
        match (names(&self.take), names(&self.leave)) {
            (none, leave) if none.is_empty() => format!("give up the names {leave}"),
            (take, none) if none.is_empty() => format!("take the names {take}"),
            (take, leave) => format!("take the names {take}; give up {leave}"),
        }
    }

    fn claims(&self, _server: &ServerName) -> Claims {
        Claims { acquire: self.take.clone(), release: self.leave.clone() }
    }

    async fn observe(&self, cx: &Context) -> Result<Vec<Resource>> {
        let mut owned = Vec::new();
        for resource in self.take.iter().chain(&self.leave) {
            if cx.inventory().owner(resource).await?.as_ref() == Some(cx.owner()) {
                owned.push(resource.clone());
            }
        }
        Ok(owned)
    }

    fn diff(&self, _cx: &Context, before: &Vec<Resource>) -> Result<Diff> {
        let new = self.take.iter().filter(|r| !before.contains(r)).map(|r| format!("+ ledger: {r}\n"));
        let old = self.leave.iter().filter(|r| before.contains(r)).map(|r| format!("- ledger: {r}\n"));
        let detail: String = new.chain(old).collect();
        Ok(match (detail.is_empty(), self.take.is_empty()) {
            (true, _) => Diff::same(),
            (false, true) => Diff::new(Change::Remove, detail),
            (false, false) => Diff::new(Change::Change, detail),
        })
    }

    async fn apply(&self, _cx: &Context, _before: &Vec<Resource>) -> Result<()> {
        Ok(())
    }

    async fn undo(&self, _cx: &Context, _before: &Vec<Resource>) -> Result<()> {
        Ok(())
    }
}
