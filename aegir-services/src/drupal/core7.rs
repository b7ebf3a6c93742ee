//! Reads Drupal 7 from its files: version and PHP range.

use aegir_core::entity::{Codebase, SiteContext};
use aegir_core::server::Observer;
use aegir_core::{Error, Result};
use camino::Utf8Path;

use super::{extensions, unusable};
use crate::php::{quoted_after, two_numbers};

/// What core says about itself.
#[derive(Debug)]
pub(super) struct Core {
    version: String,
    php_min: Option<(u32, u32)>,
}

/// Core at a document root, or `None`.
pub(super) async fn read(root: &Utf8Path, files: &Observer) -> Result<Option<Core>> {
    let Some(source) = files.read_text(&root.join("includes/bootstrap.inc")).await? else { return Ok(None) };
    // Other software has a file of that name too.
    let versions: Vec<String> = source.lines().filter_map(|l| quoted_after(l, "define('VERSION")).filter(|v| v.starts_with("7.")).collect();
    let version = match versions.as_slice() {
        [] => return Ok(None),
        [version] => version.clone(),
        several => {
            return Err(unusable(root, files, format!("states several versions: {}; a merge was left unfinished", several.join(", ")))
                .hint(format!("look at `git -C {root} status`")));
        }
    };
    let php_min = source.lines().find_map(|l| quoted_after(l, "DRUPAL_MINIMUM_PHP")).as_deref().and_then(two_numbers);
    Ok(Some(Core { version, php_min }))
}

/// The whole codebase around a core.
pub(super) async fn codebase(docroot: &str, root: &Utf8Path, core: &Core, files: &Observer) -> Result<Codebase> {
    let (profiles, extensions) = extensions::of_7(root, &core.version, files).await?;
    Ok(Codebase {
        application: "drupal".into(),
        version: core.version.clone(),
        docroot: docroot.into(),
        php_min: core.php_min.unwrap_or((5, 3)),
        php_max: Some(php_max(&core.version)),
        // A Drush for Drupal 7 lies anywhere or nowhere; our driver does what it would.
        own_tool: None,
        profiles,
        extensions,
    })
}

/// Refuses a language that the profile has no translation for: the installer would say nothing and speak English.
pub(super) async fn require_translation(site: &SiteContext, files: &Observer) -> Result<()> {
    let language = site.site.language.as_str();
    if language == "en" {
        return Ok(());
    }
    let directory = site.platform.docroot().join("profiles").join(site.site.profile.as_str()).join("translations");
    // As its own installer finds them: what stands between the last two dots.
    let found = files.list(&directory).await?.unwrap_or_default();
    let mut languages: Vec<&str> = found.iter().filter_map(|name| name.strip_suffix(".po")?.rsplit('.').next()).collect();
    if languages.contains(&language) {
        return Ok(());
    }
    languages.sort_unstable();
    let has = if languages.is_empty() { "none".to_owned() } else { languages.join(", ") };
    Err(Error::refused(format!("the profile {} has no translation into {language}; it has: {has}", site.site.profile))
        .context("server", files.name())
        .context("platform", &site.platform.name)
        .context("file", &directory)
        .hint(format!(
            "put drupal-{}.{language}.po of https://localize.drupal.org into {directory}, or leave `--language` out",
            site.platform.codebase.version
        )))
}

/// Up to which PHP a release runs without filling its pages with deprecations; none can be installed on 8.4.
fn php_max(version: &str) -> (u32, u32) {
    match two_numbers(version).map_or(0, |(_, minor)| minor) {
        93.. => (8, 3),
        79..=92 => (8, 1),
        _ => (7, 4),
    }
}
