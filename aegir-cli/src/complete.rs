//! Names of servers, platforms and sites for the shell's completion; silent where there is nothing to read.

use aegir_core::inventory::orm::OrmInventory;
use aegir_core::inventory::{Journal as _, Platforms as _, Servers as _, SiteFilter, Sites as _, TaskFilter};
use aegir_core::name::{PlatformName, SiteUri};
use camino::Utf8PathBuf;
use clap_complete::engine::CompletionCandidate;

use crate::args::Global;
use crate::door;
use crate::ui::ColorChoice;

/// Servers.
pub(crate) fn servers() -> Vec<CompletionCandidate> {
    names(async |inventory| Ok(inventory.servers().await?.into_iter().map(|s| s.name.to_string()).collect()))
}

/// Platforms.
pub(crate) fn platforms() -> Vec<CompletionCandidate> {
    names(async |inventory| Ok(inventory.platforms().await?.into_iter().map(|p| p.name.to_string()).collect()))
}

/// Sites.
pub(crate) fn sites() -> Vec<CompletionCandidate> {
    names(async |inventory| Ok(inventory.sites(&SiteFilter::default()).await?.into_iter().map(|s| s.uri.to_string()).collect()))
}

/// The numbers of the latest tasks.
pub(crate) fn tasks() -> Vec<CompletionCandidate> {
    let filter = TaskFilter { limit: 50, ..TaskFilter::default() };
    names(async |inventory| Ok(inventory.tasks(&filter).await?.into_iter().map(|task| task.id.to_string()).collect()))
}

/// The profiles of the platforms that are named on the command line so far.
pub(crate) fn profiles() -> Vec<CompletionCandidate> {
    let words: Vec<PlatformName> = std::env::args().filter_map(|word| PlatformName::parse(&word).ok()).collect();
    names(async |inventory| {
        let mut profiles = Vec::new();
        for word in &words {
            let known = inventory.platform(word).await?.map(|platform| platform.codebase.profiles).unwrap_or_default();
            profiles.extend(known.into_iter().filter(|profile| !profile.hidden).map(|profile| profile.name.to_string()));
        }
        Ok(profiles)
    })
}

/// Aliases of the sites that are named on the command line so far.
pub(crate) fn aliases() -> Vec<CompletionCandidate> {
    let words: Vec<SiteUri> = std::env::args().filter_map(|word| SiteUri::parse(&word).ok()).collect();
    names(async |inventory| {
        let mut aliases = Vec::new();
        for word in &words {
            aliases.extend(inventory.site(word).await?.into_iter().flat_map(|site| site.aliases).map(|a| a.to_string()));
        }
        Ok(aliases)
    })
}

/// The shell asks before the flags are parsed, so only the file and the environment say where the inventory is.
fn names(read: impl AsyncFnOnce(OrmInventory) -> aegir_core::Result<Vec<String>>) -> Vec<CompletionCandidate> {
    let flags = Global { json: false, quiet: true, verbose: false, color: ColorChoice::Never, root: None, config: None };
    let Ok(settings) = door::settings(&flags) else { return Vec::new() };
    let path: Utf8PathBuf = door::database(&settings.root());
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return Vec::new() };
    let found = runtime.block_on(async {
        let inventory = OrmInventory::open_existing(&path).await?;
        read(inventory).await
    });
    // An error would land in the middle of what the operator types.
    found.unwrap_or_default().into_iter().map(CompletionCandidate::new).collect()
}
