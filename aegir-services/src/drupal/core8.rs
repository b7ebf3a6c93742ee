//! Reads Drupal 8 and later from its files: version, PHP range, where Composer put the rest.

use aegir_core::Result;
use aegir_core::entity::Codebase;
use aegir_core::server::Observer;
use camino::{Utf8Path, Utf8PathBuf};

use super::{extensions, unusable};
use crate::php::{below, quoted_after, two_numbers};

/// Drush, below the directory of Composer's packages.
const DRUSH: &str = "drush/drush/drush.php";

/// What core says about itself.
#[derive(Debug)]
pub(super) struct Core {
    version: String,
    php_min: Option<(u32, u32)>,
}

/// Core at a document root, or `None`.
pub(super) async fn read(root: &Utf8Path, files: &Observer) -> Result<Option<Core>> {
    let Some(source) = files.read_text(&root.join("core/lib/Drupal.php")).await? else { return Ok(None) };
    let versions: Vec<String> = source.lines().filter_map(|l| quoted_after(l, "const VERSION")).collect();
    let version = match versions.as_slice() {
        [version] => version.clone(),
        [] => return Err(unusable(root, files, "does not state its version in core/lib/Drupal.php")),
        several => {
            return Err(unusable(root, files, format!("states several versions: {}; a merge was left unfinished", several.join(", ")))
                .hint(format!("look at `git -C {root} status`")));
        }
    };
    if two_numbers(&version).is_none() {
        return Err(unusable(root, files, format!("states the version {version}, which is no number")));
    }
    let mut php_min = source.lines().find_map(|l| quoted_after(l, "const MINIMUM_PHP "));
    if php_min.is_none() {
        // Drupal 8 has it elsewhere.
        let bootstrap = files.read_text(&root.join("core/includes/bootstrap.inc")).await?.unwrap_or_default();
        php_min = bootstrap.lines().find_map(|l| quoted_after(l, "DRUPAL_MINIMUM_PHP"));
    }
    Ok(Some(Core { version, php_min: php_min.as_deref().and_then(two_numbers) }))
}

/// The whole codebase around a core.
pub(super) async fn codebase(path: &Utf8Path, docroot: &str, core: &Core, files: &Observer) -> Result<Codebase> {
    let root = below(path, docroot);
    let vendor = vendor(path, &root, files).await?;
    let (php_min, php_max) = php_range(core);
    // Relative, because the code may be copied from here to its platform's path.
    let drush = match vendor.strip_prefix(path) {
        Ok(inside) => Some(inside.join(DRUSH)).filter(|_| !inside.as_str().is_empty()),
        Err(_) => None,
    };
    let own_tool = match drush {
        Some(tool) if files.stat(&path.join(&tool)).await?.is_some() => Some(tool),
        _ => None,
    };
    let (profiles, extensions) = extensions::of_8(&root, &core.version, files).await?;
    Ok(Codebase {
        application: "drupal".into(),
        version: core.version.clone(),
        docroot: docroot.into(),
        php_min,
        php_max,
        own_tool,
        profiles,
        extensions,
    })
}

/// A minimum says nothing of a maximum: what each branch is known to run on.
fn php_range(core: &Core) -> ((u32, u32), Option<(u32, u32)>) {
    let (min, max) = match two_numbers(&core.version).map_or(0, |(major, _)| major) {
        0..=8 => ((5, 5), Some((7, 4))),
        9 => ((7, 3), Some((8, 2))),
        10 => ((8, 1), Some((8, 4))),
        _ => ((8, 3), None),
    };
    (core.php_min.unwrap_or(min), max)
}

/// The directory of Composer's packages: the one whose `autoload.php` the docroot's `autoload.php` loads.
async fn vendor(path: &Utf8Path, root: &Utf8Path, files: &Observer) -> Result<Utf8PathBuf> {
    let incomplete = |missing: &Utf8Path| {
        unusable(root, files, format!("lacks {missing}: `composer install` was not run"))
            .hint(format!("run `composer install --no-dev --working-dir={path}`"))
    };
    let loader = root.join("autoload.php");
    let text = files.read_text(&loader).await?.ok_or_else(|| incomplete(&loader))?;
    let relative = text.lines().find_map(|line| line.split_once("__DIR__")?.1.split_once('\'')?.1.split('\'').next().map(str::to_owned));
    // A loader that is written in another way is taken at its word; it would be PHP to evaluate.
    let target = below(root, relative.as_deref().unwrap_or("../vendor/autoload.php"));
    if relative.is_some() && files.stat(&target).await?.is_none() {
        return Err(incomplete(&target));
    }
    Ok(target.parent().unwrap_or(path).to_owned())
}
