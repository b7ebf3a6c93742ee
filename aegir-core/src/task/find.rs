//! Looks entities up, with errors that say where to look.

use std::sync::Arc;

use crate::Result;
use crate::entity::{Platform, Server, Site, SiteContext};
use crate::inventory::Inventory;
use crate::name::{PlatformName, ServerName, SiteUri};
use crate::shared::{Core, no_server, unknown};

pub(super) async fn server(inventory: &dyn Inventory, name: &ServerName) -> Result<Server> {
    inventory.server(name).await?.ok_or_else(|| no_server(name))
}

pub(super) async fn platform(inventory: &dyn Inventory, name: &PlatformName) -> Result<Platform> {
    inventory.platform(name).await?.ok_or_else(|| unknown("platform", name.as_str(), "aegir platform list"))
}

pub(super) async fn site(inventory: &dyn Inventory, uri: &SiteUri) -> Result<Site> {
    match inventory.site(uri).await? {
        Some(site) => Ok(site),
        None => Err(match inventory.site_at(uri).await? {
            Some(owner) => unknown("site", uri.as_str(), "aegir site list").hint(format!("{uri} is an alias of {owner}")),
            None => unknown("site", uri.as_str(), "aegir site list"),
        }),
    }
}

/// Where a new site's database goes when its web server has none: the master, else the only server that has one.
pub(super) fn default_database(with_db: &[Server]) -> Option<&Server> {
    with_db.iter().find(|s| s.name == ServerName::master()).or(match with_db {
        [only] => Some(only),
        _ => None,
    })
}

/// A site with what it stands on.
pub(super) async fn site_context(inventory: &dyn Inventory, site: Site) -> Result<SiteContext> {
    let platform = platform(inventory, &site.platform).await?;
    let web = server(inventory, &platform.server).await?;
    let db = server(inventory, &site.database.server).await?;
    Ok(SiteContext { site, platform, web, db })
}

/// A server by its name in Aegir or its host name; Aegir 3's `@server_NAME` is accepted.
pub(crate) async fn server_named(core: &Arc<Core>, text: &str) -> Result<ServerName> {
    // Names in Aegir have no capitals; host names may be written with them, and with a dot at the end.
    let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let name = ServerName::parse(&text)?;
    if core.inventory.server(&name).await?.is_some() {
        return Ok(name);
    }
    let bare = name.as_str().strip_prefix("server_").unwrap_or(name.as_str());
    let servers = core.inventory.servers().await?;
    servers.into_iter().find(|s| s.hostname == bare || s.name.as_str() == bare).map(|s| s.name).ok_or_else(|| no_server(&name))
}
